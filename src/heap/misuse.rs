//! The findings of a debug build's check, in words: the address, the layout that was given, the size class, and what is
//! wrong.
//!
//! A check ends in a panic, which a test can catch. Under a [`GlobalHeap`](crate::heap::GlobalHeap) it ends the process
//! instead, since unwinding out of a global allocator is undefined (soundness S34). A panic also allocates, in the very
//! heap that was just found to be wrong. So there the report is put together on the stack and goes to the standard
//! error by one `write`.

use super::arena::{HeapArena, padded_size};
use crate::base::end;
use crate::heap::slabs::{LARGEST, TABLE, classes};
use core::alloc::Layout;
use core::fmt::{self, Write};

/// A mistake of the program's.
#[derive(Clone, Copy)]
pub(super) struct Misuse {
    pub(super) object: *const u8,
    /// The past participle of what the program did to it.
    pub(super) done: &'static str,
    /// The layout that came with it, where one does.
    pub(super) layout: Option<Layout>,
    pub(super) wrong: Wrong,
}

/// The kind of misuse.
#[derive(Clone, Copy)]
pub(super) enum Wrong {
    /// It lies elsewhere.
    Foreign,
    /// Nothing lies there, or nothing any more.
    NoObject,
    /// An object lies there and begins before.
    Middle(Kind),
    /// The layout has another class, or another size or alignment in whole slabs.
    Layout(Kind),
    /// It came back already.
    Freed(Kind),
    /// It is free twice, so two would have it.
    Twice(Kind),
    /// The program wrote to it, at this byte, when it was free.
    Written(Kind, usize),
}

/// The bytes that an object takes.
#[derive(Clone, Copy)]
pub(super) struct Kind(pub(super) usize);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > LARGEST {
            return write!(f, "a large object of {} bytes", self.0);
        }
        let class = classes::class(self.0.max(1));
        let least = class.checked_sub(1).map_or(0, |smaller| TABLE[smaller].size) + 1;
        write!(f, "the size class of {} bytes, for layouts of {least} to {0} bytes", TABLE[class].size)
    }
}

/// A layout as the program gave it, and the class that it asks for.
struct Given(Layout);

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layout, size) = (self.0, padded_size(self.0));
        write!(f, "the layout given has {} bytes aligned to {}, ", layout.size(), layout.align())?;
        if size == 0 { f.write_str("which is no object") } else { write!(f, "which is {}", Kind(size)) }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, done, layout, wrong } = *self;
        match wrong {
            Wrong::Foreign => write!(f, "{object:p} is {done}, but is not of this heap"),
            Wrong::NoObject => write!(f, "{object:p} is {done}, but is no object, or was freed before"),
            Wrong::Middle(kind) => write!(f, "{object:p} is {done}, but an object does not begin there: {kind}"),
            Wrong::Layout(kind) => write!(f, "{object:p} is {done} with another layout: it is {kind}"),
            Wrong::Freed(kind) => write!(f, "{object:p} is {done}, but was freed before: {kind}"),
            Wrong::Twice(kind) => write!(f, "{object:p} was {done} twice: it had been freed twice: {kind}"),
            Wrong::Written(kind, byte) => {
                write!(f, "{object:p} was written to after it was freed, at byte {byte}: {kind}")
            }
        }?;
        layout.map_or(Ok(()), |layout| write!(f, "; {}", Given(layout)))
    }
}

impl Misuse {
    /// Ends what the program does with this heap: by a panic, or with the process where a panic must not be.
    #[cold]
    #[track_caller]
    pub(super) fn report(self, heap: &HeapArena) -> ! {
        if heap.slabs().has_fallback.get() {
            self.abort();
        }
        panic!("{self}")
    }

    /// Says what is wrong and ends the process. Allocates nothing and takes no lock.
    #[cold]
    pub(super) fn abort(self) -> ! {
        let mut line = Line { bytes: [0; 512], len: 0 };
        // Text that has no room is left out.
        let _ = write!(line, "permacode: {self}");
        line.bytes[line.len] = b'\n';
        say(&line.bytes[..=line.len]);
        end::process()
    }
}

/// A line of text on the stack, with room for its end.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - 1 - self.len;
        let text = &text.as_bytes()[..text.len().min(room)];
        self.bytes[self.len..][..text.len()].copy_from_slice(text);
        self.len += text.len();
        Ok(())
    }
}

#[cfg(unix)]
fn say(text: &[u8]) {
    // SAFETY: reads as many bytes as there are. There is nobody to tell that they did not get through.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

#[cfg(not(any(unix, feature = "std")))]
fn say(_: &[u8]) {}

#[cfg(all(not(unix), feature = "std"))]
fn say(text: &[u8]) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(wrong: Wrong, layout: Option<Layout>) -> String {
        Misuse { object: core::ptr::without_provenance(0x1000), done: "freed", layout, wrong }.to_string()
    }

    #[test]
    fn a_report_names_the_address_the_layouts_and_the_size_class() {
        let given = Layout::from_size_align(20, 8).ok();
        for (wrong, size) in [
            (Wrong::Middle(Kind(400)), "400"),
            (Wrong::Layout(Kind(640)), "640"),
            (Wrong::Freed(Kind(8)), "8"),
            (Wrong::Twice(Kind(32768)), "32768"),
            (Wrong::Written(Kind(512), 3), "512"),
            (Wrong::Layout(Kind(131_072)), "131072"),
        ] {
            let text = says(wrong, given);
            assert!(text.starts_with("0x1000 ") && text.contains(&format!(" {size} bytes")), "{text}");
            assert!(text.ends_with(
                "20 bytes aligned to 8, which is the size class of 24 bytes, for layouts of 17 to 24 bytes"
            ));
        }
        for wrong in [Wrong::Foreign, Wrong::NoObject] {
            assert!(says(wrong, given).contains("the size class of 24 bytes"));
            assert!(says(wrong, None).starts_with("0x1000 is freed, but is no"));
        }
        assert!(says(Wrong::Layout(Kind(640)), None).ends_with("for layouts of 513 to 640 bytes"));
        assert!(says(Wrong::Foreign, Layout::from_size_align(0, 8).ok()).ends_with("which is no object"));
        assert!(
            says(Wrong::Foreign, Layout::from_size_align(40_000, 8).ok()).ends_with("a large object of 40000 bytes")
        );
    }

    #[test]
    fn a_line_that_is_too_long_ends_where_its_room_ends() {
        let mut line = Line { bytes: [0; 512], len: 0 };
        (0..100).for_each(|_| write!(line, "{:10}", 7).unwrap());
        assert_eq!((line.len, line.bytes[510], line.bytes[511]), (511, b' ', 0));
    }
}
