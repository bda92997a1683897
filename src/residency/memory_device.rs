//! The file system of the kernel's own, on which memory files lie.

use super::smaps::Device;
use std::fs::File;
use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;

/// Its number, once it was asked for. Nobody can give a file of theirs a place there, whatever they call it.
#[derive(Default)]
pub(super) struct MemoryDevice(Option<Option<Device>>);

impl MemoryDevice {
    /// Returns `true` for the kernel's own. Asks the system the first time that it may be: by three calls.
    pub(super) fn is(&mut self, device: Device) -> bool {
        device.has_no_disk() && *self.0.get_or_insert_with(number) == Some(device)
    }
}

/// The number; `None` where this process may not make a memory file.
fn number() -> Option<Device> {
    // Kernels before 6.3 do not know the first wish, and some systems refuse files without it.
    [libc::MFD_NOEXEC_SEAL, 0].into_iter().find_map(|wish| {
        // SAFETY: a string that ends with a zero, and flags.
        let file = unsafe { libc::memfd_create(c"permacode-probe".as_ptr(), libc::MFD_CLOEXEC | wish) };
        // SAFETY: a new descriptor that is nobody else's.
        let file = (file >= 0).then(|| unsafe { File::from_raw_fd(file) })?;
        let device = file.metadata().ok()?.dev();
        Some(Device(libc::major(device), libc::minor(device)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_never_asked_about() {
        let mut device = MemoryDevice::default();
        assert!(!device.is(Device(8, 1)) && device.0.is_none());
        let own = number().unwrap();
        assert!(device.is(own) && !device.is(Device(0, own.1 + 1)));
        assert!(!device.is(Device(own.0 + 1, own.1)));
    }
}
