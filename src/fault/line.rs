//! A line of text that is put together without memory of its own, and written in one call.

use super::access::Access;
use crate::code::Place;

/// More than any line has, but for names that are cut.
const ROOM: usize = 256;
/// Bytes of a module's name that are shown.
const NAME: usize = 128;
/// Milliseconds that a full pipe is waited for.
const PATIENCE: i32 = 1000;

pub(super) struct Line {
    bytes: [u8; ROOM],
    len: usize,
}

impl Line {
    /// Puts the line together for an access to a place in an arena's code pages.
    pub(super) fn of(access: Access, place: Place<'_>) -> Self {
        let mut line = Self { bytes: [0; ROOM], len: 0 };
        line.push("permacode: ");
        line.push(access.words());
        match place {
            // Only sealed code refuses a store.
            Place::Module(..) if access == Access::Store => line.push(" sealed code, module "),
            Place::Module(..) => line.push(" code, module "),
            Place::NoModule => line.push(" a code arena, in no finished module"),
        }
        if let Place::Module(name, offset) = place {
            line.push_name(name);
            line.push(" + ");
            line.push_number(offset);
        }
        line.push("\n");
        line
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            let Some(place) = self.bytes.get_mut(self.len) else { return };
            *place = byte;
            self.len += 1;
        }
    }

    /// A name in which nothing ends the line or moves the cursor. A long one is cut between characters.
    fn push_name(&mut self, name: &str) {
        let mut buffer = [0; 4];
        let from = self.len;
        for character in name.chars() {
            if self.len - from + character.len_utf8() > NAME {
                return self.push("...");
            }
            let shown = if character.is_control() { '?' } else { character };
            self.push(shown.encode_utf8(&mut buffer));
        }
    }

    fn push_number(&mut self, mut number: usize) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 || first == 0 {
                break;
            }
        }
        digits[first..].iter().for_each(|&digit| self.push(char::from(digit).encode_utf8(&mut [0; 4])));
    }

    /// Writes the line to the standard error, if that takes it.
    ///
    /// A pipe that nobody reads any more would send `SIGPIPE`, and one that is full would hold the process. So it is asked first.
    pub(super) fn write(&self) {
        let mut standard_error = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
        // SAFETY: one descriptor to ask about, in memory of this frame.
        let ready = unsafe { libc::poll(&mut standard_error, 1, PATIENCE) };
        if ready == 1 && standard_error.revents == libc::POLLOUT {
            // SAFETY: the bytes of the line. What a short or failed write left out is lost; the process goes on as it would have.
            unsafe { libc::write(libc::STDERR_FILENO, self.text().as_ptr().cast(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    fn said(access: Access, place: Place<'_>) -> String {
        core::str::from_utf8(Line::of(access, place).text()).unwrap().to_string()
    }

    #[test]
    fn a_line_names_the_module_and_the_place_in_it() {
        assert_eq!(said(Access::Store, Place::Module("json", 8)), "permacode: store to sealed code, module json + 8\n");
        assert_eq!(said(Access::Unknown, Place::Module("", 0)), "permacode: bad access to code, module  + 0\n");
        assert_eq!(said(Access::Load, Place::NoModule), "permacode: load from a code arena, in no finished module\n");
        let far = said(Access::Jump, Place::Module("m", usize::MAX));
        assert_eq!(far, std::format!("permacode: jump to code, module m + {}\n", usize::MAX));
    }

    #[test]
    fn a_name_that_is_long_or_odd_stays_one_line_of_text() {
        assert_eq!(
            said(Access::Store, Place::Module("a\nb\x1b[2J\u{85}", 1)),
            "permacode: store to sealed code, module a?b?[2J? + 1\n"
        );
        for long in ["x".repeat(1000), "é".repeat(1000), "€".repeat(1000), "𝄞".repeat(1000)] {
            let line = said(Access::Store, Place::Module(&long, usize::MAX));
            assert!(line.ends_with(&std::format!("... + {}\n", usize::MAX)), "{line}");
        }
    }
}
