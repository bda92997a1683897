//! The pages of a file that the system keeps in memory, whoever maps it: how many there are, and how to have none.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

/// Pages of a file: in memory, and in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    pub pages: usize,
    pub of: usize,
}

/// Counts the pages of a file that are in memory.
pub fn resident(file: &File) -> io::Result<Resident> {
    let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if bytes == 0 {
        return Ok(Resident::default());
    }
    // One more than there are, for any size of pages: the kernel writes one byte for each.
    let mut seen = vec![0u8; bytes / 4096 + 1];
    // SAFETY: a new mapping at a place of the kernel's choice, which is looked at by `mincore` alone, never read, and unmapped again. The vector
    // has a byte for each of its pages.
    let (done, page) = unsafe {
        let at = libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let done = if libc::mincore(at, bytes, seen.as_mut_ptr().cast()) == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        };
        libc::munmap(at, bytes);
        (done, libc::sysconf(libc::_SC_PAGESIZE))
    };
    done?;
    let of = bytes.div_ceil(usize::try_from(page).map_err(io::Error::other)?);
    Ok(Resident { pages: seen[..of].iter().filter(|byte| **byte & 1 != 0).count(), of })
}

/// Asks the system to drop the pages of a file, and counts those that are left.
pub fn evict(file: &File) -> io::Result<Resident> {
    // What is not on the disk yet is not dropped. Memory files have no disk.
    let _ = file.sync_all();
    // SAFETY: advice on a descriptor.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => resident(file),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{evict, resident};
    use std::fs::File;

    #[test]
    fn what_was_just_written_is_in_memory_and_can_be_dropped() -> std::io::Result<()> {
        let path = std::env::temp_dir().join(format!("permacode-python-{}-cache", std::process::id()));
        std::fs::write(&path, vec![7; 40_000])?;
        let file = File::open(&path)?;
        let before = resident(&file)?;
        let after = evict(&file)?;
        std::fs::remove_file(&path)?;
        assert!(before.of >= 1 && before.pages == before.of, "{before:?}");
        if after.pages == after.of {
            println!("NOT SHOWN: the file system of {} keeps its files in memory", path.display());
        } else {
            assert_eq!(after.pages, 0);
        }
        Ok(())
    }
}
