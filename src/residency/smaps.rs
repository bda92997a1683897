//! The meaning of a line of `/proc/<pid>/smaps`: bytes in, numbers out (proc_pid_smaps(5)).
//!
//! ```text
//!   7f1c2a400000-7f1c2a401000 r--p 00000000 00:01 1057   /memfd:permacode-code (deleted)      a head: lower-case digits; then a name, anybody's choice
//!   Rss:                   4 kB                                                          a size: a capital, a colon, KiB
//!   VmFlags: rd mr mw me sd                                                              something else with a capital
//! ```
//!
//! A name is never looked at. The kernel writes a line's end in one as `\012`, so that it stays on the line of its
//! head. The place before it says whatever a name could say. Nothing here allocates or can panic.
#![forbid(unsafe_code)]

use super::mapping::Permissions;
use core::ops::Range;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Head(Head),
    Size(Size, u64),
    /// Something that is not asked for, or was not known when this was written.
    Other,
}

/// The part of a head before the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Addresses in a process whose words may be longer than ours.
    pub(super) range: Range<u64>,
    pub(super) permissions: Permissions,
    pub(super) device: Device,
}

/// A file system, by its major and minor number; zeros for memory that is no file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device(pub(super) u32, pub(super) u32);

impl Device {
    /// Returns `true` for memory that is no file's: the kernel counts file systems without a disk from 1.
    pub(super) fn is_none(self) -> bool {
        self == Self(0, 0)
    }

    pub(super) fn has_no_disk(self) -> bool {
        self.0 == 0
    }
}

/// The sizes that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    KernelPage,
    Resident,
    SharedClean,
    SharedDirty,
    PrivateClean,
    PrivateDirty,
    Huge,
    Swapped,
}

/// Parses the beginning of a line, at least up to a name. Returns `None` for a head or a size of an unknown form.
pub(super) fn parse(line: &[u8]) -> Option<Line> {
    match line.first() {
        Some(b'0'..=b'9' | b'a'..=b'f') => head(line).map(Line::Head),
        _ => size(line),
    }
}

fn head(line: &[u8]) -> Option<Head> {
    let mut words = line.split(|&byte| byte == b' ');
    let (start, end) = pair(words.next()?, b'-')?;
    let permissions = permissions(words.next()?)?;
    let _offset = number(words.next()?, 16)?;
    let (major, minor) = pair(words.next()?, b':')?;
    let _inode = number(words.next()?, 10)?;
    let device = Device(u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    (start < end).then_some(Head { range: start..end, permissions, device })
}

fn permissions(word: &[u8]) -> Option<Permissions> {
    let &[read, write, execute, shared] = word else { return None };
    let either = |letter: u8, yes: u8, no: u8| (letter == yes || letter == no).then_some(letter == yes);
    Some(Permissions {
        read: either(read, b'r', b'-')?,
        write: either(write, b'w', b'-')?,
        execute: either(execute, b'x', b'-')?,
        shared: either(shared, b's', b'p')?,
    })
}

fn size(line: &[u8]) -> Option<Line> {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return Some(Line::Other) };
    let size = match &line[..colon] {
        b"KernelPageSize" => Size::KernelPage,
        b"Rss" => Size::Resident,
        b"Shared_Clean" => Size::SharedClean,
        b"Shared_Dirty" => Size::SharedDirty,
        b"Private_Clean" => Size::PrivateClean,
        b"Private_Dirty" => Size::PrivateDirty,
        b"AnonHugePages" | b"ShmemPmdMapped" | b"FilePmdMapped" => Size::Huge,
        b"Swap" => Size::Swapped,
        _ => return Some(Line::Other),
    };
    let amount = line[colon + 1..].trim_ascii().strip_suffix(b" kB")?.trim_ascii();
    Some(Line::Size(size, number(amount, 10)?.checked_mul(1024)?))
}

/// Two numbers in hexadecimal digits, and what stands between them.
fn pair(word: &[u8], between: u8) -> Option<(u64, u64)> {
    let at = word.iter().position(|&byte| byte == between)?;
    Some((number(&word[..at], 16)?, number(&word[at + 1..], 16)?))
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        number.checked_mul(radix.into())?.checked_add(char::from(digit).to_digit(radix)?.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Permissions = Permissions { read: true, write: false, execute: false, shared: false };

    fn head_of(line: &[u8]) -> Option<Head> {
        match parse(line)? {
            Line::Head(head) => Some(head),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_what_stands_before_the_name() {
        let plain = head_of(b"00400000-00452000 r--p 0001a000 08:02 173521 /usr/bin/dbus-daemon").unwrap();
        assert_eq!(plain, Head { range: 0x40_0000..0x45_2000, permissions: READ, device: Device(8, 2) });
        let nameless = head_of(b"7f1c2a400000-7f1c2a401000 rwxs 00000000 00:00 0 ").unwrap();
        assert_eq!((nameless.permissions.to_string(), nameless.device), ("rwxs".into(), Device(0, 0)));
        let last = head_of(b"ffffffffff600000-ffffffffffffffff --xp ffffffffffffffff fff:fffff 18446744073709551615");
        assert_eq!(last.unwrap().range, 0xffff_ffff_ff60_0000..u64::MAX);
    }

    #[test]
    fn no_name_is_looked_at() {
        // soundness S32
        let before = b"7f00000-7f01000 r--p 00000000 00:1c 9      ";
        let expected = head_of(before).unwrap();
        let names: [&[u8]; 12] = [
            b"/SYSV1",
            b"/SYSVzzzzzzzzz (deleted)",
            b"/memfd:lie",
            b"/tmp/\xff\xfe",
            b"/tmp/x\\0127f00-7f01 rw-p 0 0 0\\012Rss: 9 kB",
            b"Rss:  9 kB",
            b"7f00-7f01 rw-p 0 00:00 0",
            b"[stack:",
            b"[stack:x]",
            b"[anon:a b c]",
            b"anon_inode:[perf_event]",
            &[b'/'; 4096],
        ];
        for name in names {
            let line = [&before[..], name].concat();
            // As much of it as is kept, and more.
            assert_eq!(head_of(&line[..line.len().min(128)]), Some(expected.clone()));
            assert_eq!(head_of(&line), Some(expected.clone()));
        }
    }

    #[test]
    fn sizes_are_bytes() {
        assert_eq!(parse(b"Rss:                 892 kB"), Some(Line::Size(Size::Resident, 892 << 10)));
        assert_eq!(parse(b"FilePmdMapped:  4096 kB"), Some(Line::Size(Size::Huge, 4 << 20)));
        for other in [
            &b""[..],
            b" ",
            b"\xff",
            b"Rss",
            b"VmFlags: rd ex mr mw me dw",
            b"THPeligible:    0",
            b"Rss_Of_The_Future: many",
            b"Size: 4 kB",
        ] {
            assert_eq!(parse(other), Some(Line::Other));
        }
    }

    #[test]
    fn what_is_unheard_of_is_no_guess() {
        for line in [
            &b"Rss:"[..],
            b"Rss: kB",
            b"Rss: 4 MB",
            b"Rss: -4 kB",
            b"Rss: 18014398509481985 kB",
            b"00400000",
            b"00400000-",
            b"00400000-00400000 r--p 0 8:2 1",
            b"00400000-00300000 r--p 0 8:2 1",
            b"00400000-10000000000000000 r--p 0 8:2 1",
            b"00400000-00500000 r-- 0 8:2 1",
            b"00400000-00500000 rwzp 0 8:2 1",
            b"00400000-00500000 r--p x 8:2 1",
            b"00400000-00500000 r--p 0 8 1",
            b"00400000-00500000 r--p 0 8:2",
            b"00400000-00500000 r--p 0 8:2 x",
            b"00400000-00500000 r--p 0 100000000:2 1",
        ] {
            assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
        }
    }
}
