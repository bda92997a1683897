//! What the kernel alone takes to open an image: the calls and the looks into memory that the library makes, and nothing else.
//!
//! It knows where the numbers stand in a header, and believes them. So it opens the image of this bench, and no other.

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::ptr;

/// Places in the header.
const INDEX: usize = 40;
const LINKED: usize = 48;
const LEAF: usize = 56;
const WINDOW: usize = 64;
/// What an arena has in front of its code for records, and the address space that it reserves in all.
const RECORDS: usize = 0x7a000;
const RESERVED: usize = 2_757_750_784;

fn map(at: usize, len: usize, access: i32, flags: i32, file: i32, offset: usize) -> io::Result<*mut u8> {
    // SAFETY: replaces nothing but a part of what was reserved just before.
    let mapped = unsafe { libc::mmap(ptr::without_provenance_mut(at), len, access, flags, file, offset as i64) };
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(mapped.cast()) }
}

/// Maps an image at its window, writes a word of an arena's records, and reads a word of the index and of each half. What is mapped stays.
pub(crate) fn open(path: &Path) -> Result<u64, Box<dyn Error>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len() as usize;
    let mut begin = [0; 4096 + 512];
    let begin = &mut begin[..len.min(4096 + 512)];
    file.read_exact_at(begin, 0)?;
    let word = |at: usize| begin[at..].first_chunk().map_or(0, |word| usize::from_ne_bytes(*word));
    let (window, linked, leaf) = (word(WINDOW), word(LINKED), word(LEAF));
    let front = (4096 + word(INDEX)).next_multiple_of(4096);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for what the call writes.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let (start, flags_of_file) = (window - front, libc::MAP_SHARED | libc::MAP_FIXED);
    let arena = map(start - RECORDS, RESERVED, libc::PROT_NONE, flags, -1, 0)?;
    if arena.addr() != start - RECORDS {
        return Err("the window is taken".into());
    }
    let header = map(start, front + linked + leaf, libc::PROT_READ, flags_of_file, file.as_raw_fd(), 0)?;
    // SAFETY: the records are reserved, and nobody's. The index and both halves are mapped.
    unsafe {
        libc::mprotect(arena.cast(), RECORDS, libc::PROT_READ | libc::PROT_WRITE);
        arena.cast::<u64>().write(1);
        let read = |at: usize| header.add(at).cast::<u64>().read();
        Ok(read(4096) ^ read(front) ^ read(front + linked))
    }
}
