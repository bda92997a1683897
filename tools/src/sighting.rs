//! [`Sighting`]: an image that a process has in memory, or other code that is recognised.
//!
//! ```text
//!   at its window   ┄ records ┄│ tables │ code: the file's pages ┄┄┄┄│┄ code loaded since ┄┄┄┄   what lies around is the arena's: nobody else
//!                                       ▲ window                                                 maps anything there
//!   moved                      │ linked: a copy │ leaf: the file's │                             the copy lies right in front of the leaf half
//!   moved, checked             │ the whole file │                                                where the library reads tables and values
//! ```

use crate::maps::Map;
use permacode::image::inspect::{Inspection, SectionKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// Something that is recognised in a process.
pub struct Sighting {
    /// The image. `None` for code that was hardened, which is no image.
    pub image: Option<Inspection>,
    /// The name of the file, for people.
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
        }
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
    sightings.sort_by_key(|sighting| sighting.parts.iter().map(|part| part.range.start).min());
    sightings
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
