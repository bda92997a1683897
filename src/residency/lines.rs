//! The lines of a file, without the global allocator.

use std::io::{self, ErrorKind, Read};

/// Bytes read at a time: the kernel gives no more of a text in `/proc`, unless a line is longer.
const BUFFER: usize = 4096;

/// Bytes kept of a line. What `smaps` says before a mapping's name has 87 at most.
const KEPT: usize = 128;

/// Lines as bytes, in any encoding or none. Of a long one only the beginning is kept: the rest is somebody's name.
pub(super) struct Lines<R> {
    input: R,
    buffer: [u8; BUFFER],
    /// The part of the buffer that was read and not yet looked at.
    from: usize,
    to: usize,
    line: [u8; KEPT],
}

impl<R: Read> Lines<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input, buffer: [0; BUFFER], from: 0, to: 0, line: [0; KEPT] }
    }

    /// The beginning of the next line, without what ends it; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let (mut kept, mut begun) = (0, false);
        loop {
            if self.from == self.to && !self.fill()? {
                return Ok(begun.then_some(&self.line[..kept]));
            }
            begun = true;
            let unseen = &self.buffer[self.from..self.to];
            let end = unseen.iter().position(|&byte| byte == b'\n');
            let part = &unseen[..end.unwrap_or(unseen.len())];
            let more = part.len().min(KEPT - kept);
            self.line[kept..kept + more].copy_from_slice(&part[..more]);
            kept += more;
            self.from += part.len();
            if end.is_some() {
                self.from += 1;
                return Ok(Some(&self.line[..kept]));
            }
        }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        (self.from, self.to) = (0, 0);
        loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    self.to = read?;
                    return Ok(self.to > 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time, and is interrupted before each.
    struct Slow<'a>(&'a [u8], usize, bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let len = self.1.min(buffer.len());
            self.0.read(&mut buffer[..len])
        }
    }

    fn lines(text: &[u8], at_a_time: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::of(Slow(text, at_a_time, false));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(line.to_vec());
        }
        all
    }

    #[test]
    fn lines_are_the_same_whatever_is_read_at_a_time() {
        let long = [b'x'; 10_000];
        let text = [&b"a\n\n\xff\xfe b\n"[..], &long, b"\nlast"].concat();
        for at_a_time in [1, 2, 3, 127, 128, 129, 4095, 4096, usize::MAX] {
            let expected = [&b"a"[..], b"", b"\xff\xfe b", &long[..KEPT], b"last"];
            assert_eq!(lines(&text, at_a_time), expected, "{at_a_time} at a time");
            assert_eq!(lines(b"", at_a_time), [b""; 0]);
            assert_eq!(lines(b"\n", at_a_time), [b""]);
        }
    }

    #[test]
    fn a_refused_read_is_an_error() {
        struct Refused;
        impl Read for Refused {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        assert_eq!(Lines::of(Refused).next().unwrap_err().raw_os_error(), Some(5));
    }
}
