//! [`Sighting`]: an image that a process has in memory, or other memory that is recognised.
//!
//! ```text
//!   at its window   ┄ records ┄│ tables │ code: the file's pages ┄┄┄┄│┄ code loaded since ┄┄┄┄   what lies around is the arena's: nobody else
//!                                       ▲ window                                                 maps anything there
//!   moved                      │ linked: a copy │ leaf: the file's │                             the copy lies right in front of the leaf half
//!   moved, checked             │ the whole file │                                                where the library reads tables and values
//!   named           [anon:NAME] read only ┄ writable ┄ no access        an arena's, or not: whoever maps memory may name it
//! ```

use crate::maps::Map;
use permacode::image::inspect::{Inspection, SectionKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// Something that is recognised in a process.
pub struct Sighting {
    /// The image. `None` for code that was hardened, and for memory with a name, which are no image.
    pub image: Option<Inspection>,
    /// The name of the file, or of the memory, for people.
    pub name: String,
    pub parts: Vec<Part>,
    /// The reason why the image is not at its window.
    pub why_moved: Option<String>,
}

/// A range of memory of it.
pub struct Part {
    pub kind: PartKind,
    pub range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Code, at its window.
    Code,
    /// A copy of the linked half, elsewhere.
    MovedCopy,
    /// The leaf half, elsewhere.
    MovedLeaf,
    /// The file, where the library reads its tables.
    Tables,
    /// The arena's own records, in front of the image.
    Records,
    /// Code that the arena loaded behind the image.
    Loaded,
    /// Code of an arena that was hardened.
    Hardened,
    /// Sealed memory of this library that could not be looked into.
    Unknown,
    /// Memory with a name, by what may be done to it.
    NamedReadOnly,
    NamedExecutable,
    NamedWritable,
    NamedReserve,
}

impl PartKind {
    pub fn shown(self) -> &'static str {
        match self {
            Self::Code => "code, at its window",
            Self::MovedCopy => "code with references, moved",
            Self::MovedLeaf => "code without references",
            Self::Tables => "the file, for its tables",
            Self::Records => "the arena's records",
            Self::Loaded => "code loaded since",
            Self::Hardened => "hardened code",
            Self::Unknown => "sealed memory",
            Self::NamedReadOnly => "read only",
            Self::NamedExecutable => "executable",
            Self::NamedWritable => "writable",
            Self::NamedReserve => "no access",
        }
    }

    /// The kind of a mapping that the program has named.
    fn of_named(map: &Map) -> Self {
        match map {
            Map { is_executable: true, .. } => Self::NamedExecutable,
            Map { is_writable: true, .. } => Self::NamedWritable,
            Map { is_readable: true, .. } => Self::NamedReadOnly,
            _ => Self::NamedReserve,
        }
    }

    /// Returns `true` for memory that is recognised by its name alone.
    pub fn is_named(self) -> bool {
        matches!(self, Self::NamedReadOnly | Self::NamedExecutable | Self::NamedWritable | Self::NamedReserve)
    }
}

/// Finds what can be recognised among the mappings of a process.
pub fn all(pid: u32, maps: &[Map]) -> Vec<Sighting> {
    let mut files: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (number, map) in maps.iter().enumerate().filter(|(_, map)| map.may_be_image()) {
        files.entry(map.file()).or_default().push(number);
    }
    let mut sightings = Vec::new();
    for numbers in files.into_values() {
        let of_file: Vec<_> = numbers.iter().map(|&number| &maps[number]).collect();
        let first = of_file[0];
        let opened = first.open(pid).ok();
        let is_opened = opened.is_some();
        match opened.and_then(|file| Inspection::of(file).ok()) {
            Some(image) => sightings.push(of_image(image, &of_file, maps)),
            None if first.is_memory_file() => {
                let kind = if is_opened { PartKind::Hardened } else { PartKind::Unknown };
                let parts = of_file.iter().map(|map| Part { kind, range: map.range.clone() }).collect();
                sightings.push(Sighting { image: None, name: first.shown(), parts, why_moved: None });
            }
            None => {}
        }
    }
    let named = named(maps, &sightings);
    sightings.extend(named);
    sightings.sort_by_key(|sighting| sighting.parts.iter().map(|part| part.range.start).min());
    sightings
}

/// The memory that the program has named, but for what is part of a sighting already. An arena that begins with an image may have a name too.
fn named(maps: &[Map], sightings: &[Sighting]) -> Vec<Sighting> {
    let mut seen: Vec<_> = sightings.iter().flat_map(|sighting| &sighting.parts).map(|part| &part.range).collect();
    seen.sort_by_key(|range| range.start);
    let mut by_name: BTreeMap<&[u8], Sighting> = BTreeMap::new();
    for map in maps.iter().filter(|map| map.is_named()) {
        let sighting = by_name.entry(&map.name).or_insert_with(|| Sighting {
            image: None,
            name: map.shown(),
            parts: Vec::new(),
            why_moved: None,
        });
        let kind = PartKind::of_named(map);
        sighting.parts.extend(without(&map.range, &seen).into_iter().map(|range| Part { kind, range }));
    }
    by_name.into_values().filter(|sighting| !sighting.parts.is_empty()).collect()
}

/// What is left of a range without others, which are sorted.
fn without(range: &Range<usize>, others: &[&Range<usize>]) -> Vec<Range<usize>> {
    let (mut left, mut at) = (Vec::new(), range.start);
    for other in others.iter().filter(|other| other.start < range.end && range.start < other.end) {
        left.push(at..other.start.max(at));
        at = at.max(other.end);
    }
    left.push(at..range.end.max(at));
    left.retain(|range| !range.is_empty());
    left
}

fn of_image(image: Inspection, of_file: &[&Map], maps: &[Map]) -> Sighting {
    let window = image.window();
    let section = |kind| {
        let range = image.sections().find(|section| section.kind == kind).map(|section| section.range);
        range.map(|range| image.offset() + range.start..image.offset() + range.end)
    };
    let (linked, leaf) = (section(SectionKind::Linked), section(SectionKind::Leaf));
    let code = linked.as_ref().or(leaf.as_ref()).map_or(0, |range| range.start);
    let (mut parts, mut at_window, mut is_moved) = (Vec::new(), None, false);
    for map in of_file {
        // Where the code would begin, if all of the file lay as this part does.
        let delta = code.wrapping_sub(map.offset) as usize;
        if map.range.start.wrapping_add(delta) == window.start {
            // The tables lie in front of the code, but for a layer.
            let border = window.start.clamp(map.range.start, map.range.end);
            let all = at_window.get_or_insert(map.range.clone());
            *all = all.start.min(map.range.start)..all.end.max(map.range.end);
            let tables = (PartKind::Tables, map.range.start..border);
            let here =
                [tables, (PartKind::Code, border..map.range.end)].into_iter().filter(|(_, range)| !range.is_empty());
            parts.extend(here.map(|(kind, range)| Part { kind, range }));
            continue;
        }
        if map.offset != image.offset() && leaf.as_ref().is_some_and(|leaf| leaf.start == map.offset) {
            is_moved = true;
            let bytes = linked.as_ref().map_or(0, |linked| linked.end - linked.start) as usize;
            let copy = map.range.start.saturating_sub(bytes)..map.range.start;
            if bytes > 0 && covers(maps, &copy, |map| map.is_anonymous() && map.is_readable) {
                parts.push(Part { kind: PartKind::MovedCopy, range: copy });
            }
            parts.push(Part { kind: PartKind::MovedLeaf, range: map.range.clone() });
            continue;
        }
        parts.push(Part { kind: PartKind::Tables, range: map.range.clone() });
    }
    if let Some(all) = at_window {
        parts.extend(around(&image, all, maps));
    }
    let why_moved = is_moved.then(|| why_moved(&window, of_file, maps));
    parts.sort_by_key(|part| part.range.start);
    Sighting { name: of_file[0].shown(), image: Some(image), parts, why_moved }
}

/// The memory of the arena around an image at its window: anonymous, without a gap. Only the lowest image of a chain has records in front of it, and only
/// the highest has code behind it.
fn around(image: &Inspection, Range { start, end }: Range<usize>, maps: &[Map]) -> Vec<Part> {
    let mut around = Vec::new();
    let mut edge = start;
    for map in maps.iter().rev().filter(|_| image.parent().is_none()) {
        if map.range.end == edge && map.is_anonymous() {
            edge = map.range.start;
        }
    }
    if edge < start {
        around.push(Part { kind: PartKind::Records, range: edge..start });
    }
    let mut edge = end;
    for map in maps {
        if map.range.start == edge && map.is_anonymous() {
            edge = map.range.end;
        }
    }
    if edge > end {
        around.push(Part { kind: PartKind::Loaded, range: end..edge });
    }
    around
}

/// Returns `true` if all bytes of a range lie in mappings that are as asked.
fn covers(maps: &[Map], range: &Range<usize>, is_asked: impl Fn(&Map) -> bool) -> bool {
    let first = maps.partition_point(|map| map.range.end <= range.start);
    let mut at = range.start;
    for map in &maps[first..] {
        if at >= range.end || map.range.start > at || !is_asked(map) {
            break;
        }
        at = map.range.end;
    }
    at >= range.end
}

/// Why an image is not at its window, as far as it can be seen now.
fn why_moved(window: &Range<usize>, of_file: &[&Map], maps: &[Map]) -> String {
    let there = maps.iter().find(|map| map.range.start < window.end && window.start < map.range.end);
    match there {
        Some(map) if of_file.iter().any(|own| own.range == map.range) => {
            format!("moved: it is mapped more than once; the first has the window {:#x}", window.start)
        }
        Some(map) => format!("moved: in its window {:#x} lies {}", window.start, map.shown()),
        None => format!(
            "moved: nothing lies in its window {:#x} now. Something did, or the program asked for another place",
            window.start
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process with an arena for code and one for objects, both on `NamedPages`, beside memory that is not named so.
    const MAPS: &str = "\
55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                          [heap]
7f12a0000000-7f12a0001000 rw-p 00000000 00:00 0                          [anon:mylang code]
7f12a0001000-7f12a0008000 r--p 00000000 00:00 0                          [anon:mylang code]
7f12a0008000-7f12a000a000 r-xp 00000000 00:00 0                          [anon:mylang code]
7f12a000a000-7f12a4000000 ---p 00000000 00:00 0                          [anon:mylang code]
7f12b0000000-7f12b0010000 rw-p 00000000 00:00 0                          [anon:mylang objects]
7f12b0010000-7f12b0020000 rw-p 00000000 00:00 0 
7f12c0000000-7f12c0010000 rw-s 00000000 00:01 1031                       [anon_shmem:frames]
7f12d0000000-7f12d0002000 rw-p 00000000 00:00 0                          [anon:mylang code]
7ffd10000000-7ffd10021000 rw-p 00000000 00:00 0                          [stack]
";

    type Parts = Vec<(PartKind, Range<usize>)>;

    fn shown(sightings: &[Sighting]) -> Vec<(&str, Parts)> {
        let parts = |sighting: &Sighting| sighting.parts.iter().map(|part| (part.kind, part.range.clone())).collect();
        sightings.iter().map(|sighting| (&*sighting.name, parts(sighting))).collect()
    }

    #[test]
    fn memory_with_a_name_is_seen_once_for_each_name_and_by_what_may_be_done_to_it() {
        let sightings = all(std::process::id(), &Map::of_lines(MAPS.as_bytes()));
        let code = vec![
            (PartKind::NamedWritable, 0x7f12_a000_0000..0x7f12_a000_1000),
            (PartKind::NamedReadOnly, 0x7f12_a000_1000..0x7f12_a000_8000),
            (PartKind::NamedExecutable, 0x7f12_a000_8000..0x7f12_a000_a000),
            (PartKind::NamedReserve, 0x7f12_a000_a000..0x7f12_a400_0000),
            (PartKind::NamedWritable, 0x7f12_d000_0000..0x7f12_d000_2000),
        ];
        let objects = vec![(PartKind::NamedWritable, 0x7f12_b000_0000..0x7f12_b001_0000)];
        assert_eq!(shown(&sightings), [("[anon:mylang code]", code), ("[anon:mylang objects]", objects)]);
        assert!(sightings.iter().all(|sighting| sighting.image.is_none() && sighting.why_moved.is_none()));
    }

    #[test]
    fn memory_with_a_name_that_is_told_of_with_an_image_is_not_told_of_again() {
        let part = |range| Part { kind: PartKind::Loaded, range };
        let parts = vec![part(0x7f12_a000_1000..0x7f12_a000_3000), part(0x7f12_b000_0000..0x7f12_b002_0000)];
        let image = Sighting { image: None, name: "mylang.image".to_owned(), parts, why_moved: None };
        let sightings = named(&Map::of_lines(MAPS.as_bytes()), &[image]);
        let [("[anon:mylang code]", parts)] = &shown(&sightings)[..] else { panic!("{:?}", shown(&sightings)) };
        assert_eq!(parts[1], (PartKind::NamedReadOnly, 0x7f12_a000_3000..0x7f12_a000_8000));
        assert_eq!(parts.len(), 5);
    }

    #[test]
    fn what_is_left_of_a_range_is_told_whatever_is_taken_from_it() {
        let left = |others: &[(usize, usize)]| -> Vec<(usize, usize)> {
            let others: Vec<_> = others.iter().map(|&(start, end)| start..end).collect();
            let left = without(&(10..20), &others.iter().collect::<Vec<_>>());
            left.into_iter().map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(left(&[]), [(10, 20)]);
        assert_eq!(left(&[(0, 10), (20, 30)]), [(10, 20)]);
        assert_eq!(left(&[(0, 12), (14, 15), (15, 16), (19, 30)]), [(12, 14), (16, 19)]);
        assert_eq!(left(&[(11, 18), (12, 13)]), [(10, 11), (18, 20)]);
        assert!(left(&[(0, 15), (15, 40)]).is_empty() && left(&[(10, 20)]).is_empty());
    }
}
