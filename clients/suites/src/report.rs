//! What is left in a heap at the end, as one line in a file.
//!
//! The environment variable `SUITES_REPORT` names the file; without it nothing is written. Fields are separated by tabs: the kind of heap,
//! the program, its process, the allocations that were counted, live bytes, live objects, and the sizes of the first of these.
//!
//! Nothing here allocates, so a heap that serves the whole process can be reported on.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};
use permacode::HeapArena;

/// A line that is made in place; what does not fit is dropped.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Appends a line about a heap to the report. `kind` says which heap it is, `allocations` how many it has served.
pub fn append(kind: &str, allocations: usize, heap: &HeapArena) {
    let mut sizes = [0; 24];
    let mut objects = 0;
    heap.walk(|_, size| {
        if let Some(first) = sizes.get_mut(objects) {
            *first = size;
        }
        objects += 1;
    });
    let (stats, mut line) = (heap.stats(), Line { bytes: [0; 512], len: 0 });
    let mut name = [0; 16];
    // SAFETY: the kernel writes at most 16 bytes there, with a zero at the end.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let name = CStr::from_bytes_until_nul(&name).ok().and_then(|name| name.to_str().ok()).unwrap_or("?");
    // A line that is too long loses its end: the sizes.
    let _ = write!(line, "{kind}\t{name}\t{}\t{allocations}\t{}\t{}\t", std::process::id(), stats.live, stats.objects);
    for size in &sizes[..objects.min(sizes.len())] {
        let _ = write!(line, "{size} ");
    }
    line.len = line.len.min(line.bytes.len() - 1);
    line.bytes[line.len] = b'\n';
    // SAFETY: both names are C strings; the line has that many bytes. What fails leaves no line, and `run` fails without one.
    unsafe {
        let path: *const c_char = libc::getenv(c"SUITES_REPORT".as_ptr());
        if path.is_null() {
            return;
        }
        let file = libc::open(path, libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC, 0o644);
        if file >= 0 {
            libc::write(file, line.bytes.as_ptr().cast(), line.len + 1);
            libc::close(file);
        }
    }
}
