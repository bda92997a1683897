//! The mappings of this process, for the name of one that lies in the way.
#![forbid(unsafe_code)]

use alloc::string::String;
use core::ops::Range;

/// The first mapping that overlaps a range, as the system describes it.
pub(super) fn within(range: Range<usize>) -> Option<String> {
    // Names are bytes that anybody chose.
    let maps = std::fs::read("/proc/self/maps").ok()?;
    find(&maps, range)
}

fn find(maps: &[u8], range: Range<usize>) -> Option<String> {
    let overlaps = |line: &&[u8]| {
        let bounds = line.split(|&byte| byte == b' ').next().and_then(|bounds| core::str::from_utf8(bounds).ok());
        let (start, end) = bounds.and_then(|bounds| bounds.split_once('-')).unwrap_or(("", ""));
        let address = |text| usize::from_str_radix(text, 16).ok();
        matches!((address(start), address(end)), (Some(start), Some(end)) if start < range.end && end > range.start)
    };
    let line = maps.split(|&byte| byte == b'\n').find(overlaps)?;
    let words = String::from_utf8_lossy(line);
    Some(words.split_ascii_whitespace().collect::<alloc::vec::Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = b"400000000000-400000002000 r--s 00001000 00:19 12    /tmp/a b.image\n\
        400000004000-400000005000 rw-p 00000000 00:00 0 \n\
        7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0   [\xff]\n";

    #[test]
    fn the_first_mapping_that_overlaps_is_told_with_its_name() {
        let find = |range| find(MAPS, range);
        assert_eq!(
            find(0x4000_0000_1fff..0x4000_0000_2000).as_deref(),
            Some("400000000000-400000002000 r--s 00001000 00:19 12 /tmp/a b.image")
        );
        assert_eq!(find(0x4000_0000_2000..0x4000_0000_4000), None);
        assert!(find(0x4000_0000_3000..0x4000_0000_4001).is_some_and(|line| line.starts_with("400000004000-")));
        assert!(find(0x7ffc_0000_0000..usize::MAX).is_some_and(|line| line.ends_with("[\u{fffd}]")));
    }
}
