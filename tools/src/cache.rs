//! [`CachedFile`]: which pages of a file are in memory, whoever reads them. The kernel's word: `mincore`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::NonNull;

/// A file, mapped so that the kernel can be asked about its pages. No byte of it is read.
pub struct CachedFile {
    at: NonNull<libc::c_void>,
    bytes: usize,
    page: usize,
    /// `true` if the kernel tells this user. To others it says that all is in memory.
    pub is_told: bool,
}

impl CachedFile {
    pub fn new(path: &Path, file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let bytes = usize::try_from(metadata.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: a new mapping at a place of the kernel's choice, without the right to read or write.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        let at = NonNull::new(at).filter(|_| at != libc::MAP_FAILED).ok_or_else(io::Error::last_os_error)?;
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).ok().filter(|page| page.is_power_of_two()).unwrap_or(4096);
        // Its own folder belongs to the effective user of a process.
        let user = std::fs::metadata("/proc/self").map(|own| own.uid()).ok();
        let is_told = user == Some(0) || user == Some(metadata.uid()) || File::options().write(true).open(path).is_ok();
        Ok(Self { at, bytes, page, is_told })
    }

    /// Bytes of a page.
    pub fn page(&self) -> usize {
        self.page
    }

    /// For each page of the file, whether it is in memory.
    pub fn pages(&self) -> io::Result<Vec<bool>> {
        let mut pages = vec![0u8; self.bytes.div_ceil(self.page)];
        // SAFETY: this value's own mapping, and a byte for each of its pages.
        let asked = unsafe { libc::mincore(self.at.as_ptr(), self.bytes, pages.as_mut_ptr()) };
        if asked != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(pages.into_iter().map(|page| page & 1 != 0).collect())
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping, which nobody refers to.
        unsafe { libc::munmap(self.at.as_ptr(), self.bytes) };
    }
}
