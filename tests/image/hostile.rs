//! soundness S14, S36: nothing of a file is believed.

use crate::program::{self, Code, Const};
use permacode::CodeArena;
use permacode::image::{Image, ImageError};

/// Reads everything that a checked image gives.
fn read_all(code: &CodeArena) -> usize {
    let Ok(main) = code.root::<Code<'_>>("main") else { return 0 };
    let mut sum = 0;
    read(main, 3, &mut sum);
    sum
}

fn read(code: &Code<'_>, depth: usize, sum: &mut usize) {
    *sum += code.name.chars().count() + code.ops.iter().map(|&op| usize::from(op)).sum::<usize>();
    *sum += format!("{:?} {:?} {:?} {:?} {:?}", code.lines, code.flags, code.doc, code.kind, code.mark).len();
    *sum += code.table.iter().flatten().map(|&entry| usize::from(entry)).sum::<usize>();
    if depth == 0 {
        return;
    }
    for constant in code.consts.iter().chain(code.first) {
        read_const(constant, depth, sum);
    }
    if let Some(parent) = code.parent.get() {
        read(parent, depth - 1, sum);
    }
}

fn read_const(constant: &Const<'_>, depth: usize, sum: &mut usize) {
    match constant {
        Const::Nil => *sum += 1,
        Const::Bool(flag) => *sum += usize::from(*flag),
        Const::Int(number) => *sum += number.unsigned_abs() as usize & 7,
        Const::Float(number) => *sum += number.is_nan() as usize,
        Const::Str(text) => *sum += text.chars().count(),
        Const::Name(name) => *sum += name.chars().count(),
        Const::Pair { small, large } => *sum += usize::from(*small) + large.map_or(0, |text| text.chars().count()),
        Const::Tuple(tuple) if depth > 0 => tuple.iter().for_each(|inner| read_const(inner, depth - 1, sum)),
        Const::Code(code) if depth > 0 => read(code, depth - 1, sum),
        Const::Tuple(_) | Const::Code(_) => {}
    }
}

/// Opens, checks and reads bytes; `true` if they were an image.
fn survives(bytes: &[u8]) -> bool {
    let Ok(image) = Image::open_sealed(program::sealed(bytes)) else { return false };
    let Ok(checked) = image.check::<Code<'_>>() else { return false };
    let (first, second) = (checked.open().unwrap(), checked.open().unwrap());
    assert_eq!(read_all(&first), read_all(&second), "at its window and moved");
    true
}

/// Bytes of the index of an image.
fn index_len(bytes: &[u8]) -> usize {
    u64::from_ne_bytes(bytes[40..48].try_into().unwrap()) as usize
}

#[test]
fn each_bit_of_the_header_and_of_what_lies_behind_the_index_is_refused() {
    let good = program::image("outer");
    assert!(survives(&good));
    let behind = 4096 + index_len(&good)..8192;
    for bit in (0..4096 * 8).step_by(61).chain((behind.start * 8..behind.end * 8).step_by(97)) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(!survives(&bad), "bit {bit}");
    }
}

#[test]
fn a_bit_of_the_index_that_is_flipped_is_refused_or_harmless() {
    let good = program::image("outer");
    let (mut refused, mut harmless) = (0, 0);
    for bit in (4096 * 8..(4096 + index_len(&good)) * 8).step_by(3) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        // Names are nobody's business but the digest's.
        if survives(&bad) { harmless += 1 } else { refused += 1 }
    }
    assert!(refused > 10 * harmless / 2 && harmless > 0, "{refused} {harmless}");
}

#[test]
fn each_truncation_is_refused() {
    let good = program::image("outer");
    for len in (0..good.len()).step_by(397).chain(good.len() - 20..good.len()) {
        assert!(Image::open_sealed(program::sealed(&good[..len])).is_err(), "{len}");
    }
}

#[test]
fn each_byte_of_the_code_and_of_the_marks_that_is_changed_is_refused_or_a_value() {
    let good = program::image("outer");
    let (mut refused, mut values) = (0, 0);
    for at in 8192..good.len() {
        for byte in [0, 0xff, good[at] ^ 1, good[at].wrapping_add(8)] {
            if byte == good[at] || (good[at] == 0 && at % 23 != 0) {
                continue;
            }
            let mut bad = good.clone();
            bad[at] = byte;
            if survives(&bad) { values += 1 } else { refused += 1 }
        }
    }
    assert!(refused > 500 && values > 50, "{refused} {values}");
}

/// Changes bytes of a good image, and returns why it is refused.
fn refusal(change: impl FnOnce(&mut Parts<'_>)) -> &'static str {
    let mut bytes = program::image("outer");
    let number = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let [page, index, linked, leaf, window] = [0, 1, 2, 3, 4].map(|i| number(32 + i * 8));
    let start = (4096 + index).next_multiple_of(page);
    let (front, marks) = bytes.split_at_mut(start + linked + leaf);
    change(&mut Parts { code: &mut front[start..], linked, marks, window });
    let image = Image::open_sealed(program::sealed(&bytes)).unwrap();
    match image.check::<Code<'_>>() {
        Err(ImageError::BadValue { why, .. } | ImageError::Index(why)) => why,
        other => panic!("{other:?}"),
    }
}

struct Parts<'b> {
    code: &'b mut [u8],
    linked: usize,
    marks: &'b mut [u8],
    window: usize,
}

impl Parts<'_> {
    /// The place of a field of the first function, which lies first.
    fn field(&mut self, offset: usize) -> &mut [u8] {
        &mut self.code[offset..]
    }

    fn word(&mut self, offset: usize) -> usize {
        usize::from_ne_bytes(self.code[offset..offset + 8].try_into().unwrap())
    }

    fn set_word(&mut self, offset: usize, word: usize) {
        self.code[offset..offset + 8].copy_from_slice(&word.to_ne_bytes());
    }

    fn mark(&mut self, offset: usize) {
        self.marks[offset / 64] ^= 1 << (offset / 8 % 8);
    }
}

// soundness S36
#[test]
fn each_way_to_be_no_value_has_its_own_words() {
    use std::mem::offset_of;
    let [name, ops, consts, sites, parent, first, flags, kind, mark, table, nothing] = [
        offset_of!(Code<'_>, name),
        offset_of!(Code<'_>, ops),
        offset_of!(Code<'_>, consts),
        offset_of!(Code<'_>, sites),
        offset_of!(Code<'_>, parent),
        offset_of!(Code<'_>, first),
        offset_of!(Code<'_>, flags),
        offset_of!(Code<'_>, kind),
        offset_of!(Code<'_>, mark),
        offset_of!(Code<'_>, table),
        offset_of!(Code<'_>, nothing),
    ];
    let _ = table;
    assert_eq!(refusal(|parts| parts.field(flags)[0] = 9), "a `bool` is neither 0 nor 1");
    assert_eq!(refusal(|parts| parts.field(mark)[2] = 0xff), "a `char` is no character");
    assert_eq!(refusal(|parts| parts.field(kind)[0] = 0), "the tag of an enum is that of no variant");
    assert_eq!(refusal(|parts| parts.field(sites)[3] = 1), "sites are above those of the image");
    assert_eq!(refusal(|parts| parts.field(sites)[6] |= 1), "sites are not those of the image");
    assert_eq!(refusal(|parts| parts.set_word(ops, 0)), "a reference leads to no run");
    assert_eq!(
        refusal(|parts| {
            let window = parts.window;
            parts.set_word(ops, window);
        }),
        "a reference leads to a value of another type"
    );
    assert_eq!(refusal(|parts| parts.set_word(ops + 8, 1 << 40)), "a reference leads beyond the end of a run");
    assert_eq!(refusal(|parts| parts.set_word(consts + 8, usize::MAX / 8)), "a slice is longer than the address space");
    assert_eq!(
        refusal(|parts| {
            let to = parts.word(consts) + 8;
            parts.set_word(consts, to);
        }),
        "a reference leads to a value of another type"
    );
    assert_eq!(
        refusal(|parts| {
            let to = parts.word(first) + 8;
            parts.set_word(first, to);
        }),
        "a reference leads to a value of another type"
    );
    assert_eq!(refusal(|parts| parts.set_word(nothing, 0)), "a reference to nothing is null, or is not aligned");
    assert_eq!(refusal(|parts| parts.mark(nothing)), "a reference to nothing is marked");
    assert_eq!(refusal(|parts| parts.mark(name)), "a reference is not marked");
    assert_eq!(refusal(|parts| parts.mark(parent)), "something in the run is marked that is no reference");
    let linked = refusal(|parts| {
        let last = parts.linked - 8;
        parts.mark(last);
    });
    assert_eq!(linked, "a gap between its runs is marked as an address");
    assert_eq!(refusal(|parts| *parts.code.last_mut().unwrap() = 1), "there is something between its runs");
    // The text of the function's name: a byte of it that is none of UTF-8.
    let broken = refusal(|parts| {
        let at = parts.word(name) - parts.window;
        parts.code[at] = 0xff;
    });
    assert_eq!(broken, "text is not UTF-8");
    let within = refusal(|parts| {
        // "größer" has its third character at two bytes: the name is made to begin within it.
        let place = parts.code.windows(2).position(|pair| pair == "ö".as_bytes()).unwrap();
        let to = parts.window + place + 1;
        parts.set_word(name, to);
        parts.set_word(name + 8, 1);
    });
    assert_eq!(within, "text begins or ends within a character");
}

// soundness S36: all references lead to one long text, and the time does not grow with the product of both.
#[test]
fn a_file_that_is_made_to_take_long_takes_as_long_as_its_size() {
    use permacode::CodeArena;
    use permacode::image::ImageWriter;
    let seconds = |count: usize| {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let text = loader.alloc_str(&"x".repeat(count)).unwrap();
        let all: &[&str] = loader.alloc_slice_fill_iter((0..count).map(|i| &text[i % 2..])).unwrap();
        let all: &&[&str] = loader.alloc(all).unwrap();
        loader.seal().unwrap();
        let image = Image::open_sealed(ImageWriter::new(&arena).root("all", all).unwrap().seal().unwrap()).unwrap();
        let start = std::time::Instant::now();
        image.check::<&[&str]>().unwrap();
        start.elapsed().as_secs_f64()
    };
    let (small, large) = (seconds(2_000).max(0.0005), seconds(64_000));
    assert!(large < small * 32.0 * 8.0, "{small} {large}");
}
