//! A mapping of which not every line was read yet.

use super::mapping::{Backing, Mapping};
use super::memory_device::MemoryDevice;
use super::smaps::{Device, Head, Size};
use crate::base::page::PageSize;
use core::ops::Range;

/// A mapping that grows, line by line.
pub(super) struct Unfinished {
    mapping: Mapping,
    device: Device,
    /// The kernel's pages there; 0 if it does not say.
    page: usize,
}

impl Unfinished {
    /// Begins with a head; `None` if it lies beyond the addresses that our words hold.
    pub(super) fn of(head: Head) -> Option<Self> {
        let mapping = Mapping {
            range: usize::try_from(head.range.start).ok()?..word(head.range.end),
            permissions: head.permissions,
            backing: Backing::Anonymous,
            resident: 0,
            shared_clean: 0,
            shared_dirty: 0,
            private_clean: 0,
            private_dirty: 0,
            huge: 0,
            swapped: 0,
        };
        Some(Self { mapping, device: head.device, page: 0 })
    }

    pub(super) fn range(&self) -> &Range<usize> {
        &self.mapping.range
    }

    pub(super) fn add(&mut self, size: Size, bytes: u64) {
        let mapping = &mut self.mapping;
        let field = match size {
            Size::KernelPage => &mut self.page,
            Size::Resident => &mut mapping.resident,
            Size::SharedClean => &mut mapping.shared_clean,
            Size::SharedDirty => &mut mapping.shared_dirty,
            Size::PrivateClean => &mut mapping.private_clean,
            Size::PrivateDirty => &mut mapping.private_dirty,
            Size::Huge => &mut mapping.huge,
            Size::Swapped => &mut mapping.swapped,
        };
        *field = field.saturating_add(word(bytes));
    }

    pub(super) fn finish(mut self, page: PageSize, memory: &mut MemoryDevice) -> Mapping {
        self.mapping.backing = if self.device.is_none() {
            Backing::Anonymous
        // Files of huge pages lie in memory and nowhere else.
        } else if self.page > page.bytes() || memory.is(self.device) {
            Backing::MemoryFile
        } else {
            Backing::File
        };
        self.mapping
    }
}

/// As much of a number as a word holds: a process of longer words may have more.
fn word(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::residency::smaps::{Line, parse};

    fn finished(text: &str) -> Mapping {
        let mut lines = text.lines().map(|line| parse(line.as_bytes()).unwrap());
        let Some(Line::Head(head)) = lines.next() else { panic!("no head") };
        let mut mapping = Unfinished::of(head).unwrap();
        for line in lines {
            if let Line::Size(size, bytes) = line {
                mapping.add(size, bytes);
            }
        }
        mapping.finish(PageSize::new(4096).unwrap(), &mut MemoryDevice::default())
    }

    #[test]
    fn sizes_are_put_where_they_belong() {
        let mapping = finished(
            "1000-9000 rw-p 0 00:00 0 [heap]\nSize: 32 kB\nKernelPageSize: 4 kB\nMMUPageSize: 4 kB\nRss: 1 kB\nPss: 90 kB\n\
             Shared_Clean: 2 kB\nShared_Dirty: 3 kB\nPrivate_Clean: 4 kB\nPrivate_Dirty: 5 kB\nAnonHugePages: 6 kB\nShmemPmdMapped: 7 kB\n\
             FilePmdMapped: 8 kB\nSwap: 9 kB\nSwapPss: 90 kB\nVmFlags: rd wr",
        );
        assert_eq!((mapping.range.clone(), mapping.resident), (0x1000..0x9000, 1 << 10));
        assert_eq!((mapping.shared_clean, mapping.shared_dirty), (2 << 10, 3 << 10));
        assert_eq!((mapping.private_clean, mapping.private_dirty), (4 << 10, 5 << 10));
        assert_eq!((mapping.huge, mapping.swapped, mapping.backing), (21 << 10, 9 << 10, Backing::Anonymous));
    }

    #[test]
    fn what_lies_behind_is_told_by_its_device() {
        // soundness S32: neither by its name nor by the number of its file, which a shared segment may have as 0.
        assert_eq!(finished("1000-2000 rw-p 0 00:00 0 /memfd:lie").backing, Backing::Anonymous);
        assert_eq!(finished("1000-2000 rw-p 0 08:01 0 /memfd:lie (deleted)").backing, Backing::File);
        assert_eq!(finished("1000-2000 rw-p 0 08:01 9\nKernelPageSize: 4 kB").backing, Backing::File);
        assert_eq!(finished("1000-2000 rw-p 0 00:0f 9 /x\nKernelPageSize: 2048 kB").backing, Backing::MemoryFile);
    }

    #[test]
    fn a_word_holds_as_much_as_it_can() {
        let head = |text: &[u8]| match parse(text) {
            Some(Line::Head(head)) => head,
            other => panic!("{other:?}"),
        };
        let last = Unfinished::of(head(b"ffff0000-fffffffffffffff0 r--p 0 00:00 0")).unwrap();
        assert_eq!(last.range().end, 0xffff_ffff_ffff_fff0u64.try_into().unwrap_or(usize::MAX));
        let beyond = Unfinished::of(head(b"ffffffff00000000-fffffffffffffff0 r--p 0 00:00 0"));
        assert_eq!(beyond.is_some(), usize::BITS == 64);
    }
}
