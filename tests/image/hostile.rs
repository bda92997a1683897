//! soundness S14, S36: nothing of a file is believed.

use crate::program::{self, Code, Const};
use permacode::CodeArena;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode_model::{ImageFile, Seen, TypeRow};
use permacode_witness::{Child, End};

/// Reads everything that a checked image gives: each value once, however often something leads to it.
fn read_all(code: &CodeArena) -> usize {
    let main = match code.root::<Code<'_>>("main") {
        Ok(main) => main,
        // It is called otherwise, or is a value of another type.
        Err(ImageError::NoRoot(_) | ImageError::Type(_)) => return 0,
        Err(other) => panic!("{other}"),
    };
    let mut reader = Reader { seen: Seen::default(), sum: 0 };
    reader.code(main);
    reader.sum
}

struct Reader {
    seen: Seen,
    sum: usize,
}

impl Reader {
    fn code(&mut self, code: &Code<'_>) {
        if !self.seen.is_new(std::slice::from_ref(code)) {
            return;
        }
        self.sum += code.name.chars().count() + code.ops.iter().map(|&op| usize::from(op)).sum::<usize>();
        self.sum += format!("{:?} {:?} {:?} {:?} {:?}", code.lines, code.flags, code.doc, code.kind, code.mark).len();
        self.sum += code.table.iter().flatten().map(|&entry| usize::from(entry)).sum::<usize>();
        self.consts(code.consts);
        code.first.into_iter().for_each(|first| self.consts(std::slice::from_ref(first)));
        code.parent.get().into_iter().for_each(|parent| self.code(parent));
    }

    fn consts(&mut self, consts: &[Const<'_>]) {
        if !self.seen.is_new(consts) {
            return;
        }
        for constant in consts {
            match constant {
                Const::Nil => self.sum += 1,
                Const::Bool(flag) => self.sum += usize::from(*flag),
                Const::Int(number) => self.sum += number.unsigned_abs() as usize & 7,
                Const::Float(number) => self.sum += usize::from(number.is_nan()),
                Const::Str(text) => self.sum += text.chars().count(),
                Const::Name(name) => self.sum += name.chars().count(),
                Const::Pair { small, large } => {
                    self.sum += usize::from(*small) + large.map_or(0, |text| text.chars().count());
                }
                Const::Tuple(tuple) => self.consts(tuple),
                Const::Code(code) => self.code(code),
            }
        }
    }
}

/// Opens, checks and reads bytes; `true` if they were an image.
fn survives(bytes: &[u8]) -> bool {
    let Ok(image) = Image::open_sealed(program::sealed(bytes)) else { return false };
    // A program that knows text alone: it can be refused, but gives nobody a function.
    if let Ok(less) = image.clone().check::<&str>() {
        let code = program::elsewhere(&less);
        assert!(code.root::<Code<'_>>("main").is_err());
    }
    let Ok(checked) = image.check::<Code<'_>>() else { return false };
    let (there, elsewhere) = (checked.open().unwrap(), program::elsewhere(&checked));
    assert_eq!(there.why_not_shared(), None);
    assert_eq!(read_all(&there), read_all(&elsewhere), "at its window and moved");
    true
}

/// Flips each bit of a range of bytes; returns how many were refused, and how many left values.
fn flip_each(good: &[u8], bytes: std::ops::Range<usize>) -> (usize, usize) {
    // What a refusal would hide is there to be seen before anything is changed.
    assert!(survives(good) && read_all(&program::open(good)) > 100);
    assert!(Image::open_sealed(program::sealed(good)).unwrap().check::<&str>().is_ok());
    let (mut refused, mut values, mut bad) = (0, 0, good.to_vec());
    for bit in bytes.start * 8..bytes.end * 8 {
        bad[bit / 8] ^= 1 << (bit % 8);
        if survives(&bad) {
            values += 1
        } else {
            refused += 1
        }
        bad[bit / 8] ^= 1 << (bit % 8);
    }
    (refused, values)
}

/// Bytes of the index of an image.
fn index_len(bytes: &[u8]) -> usize {
    u64::from_ne_bytes(bytes[40..48].try_into().unwrap()) as usize
}

#[test]
fn each_bit_of_the_header_is_refused() {
    // Another window than that of other tests, which run at the same time.
    let good = program::image("header");
    assert_eq!(flip_each(&good, 0..4096), (4096 * 8, 0));
}

#[test]
fn each_bit_of_what_lies_behind_the_index_is_refused() {
    let good = program::image("behind");
    let behind = 4096 + index_len(&good)..8192;
    assert_eq!(flip_each(&good, behind.clone()), (behind.len() * 8, 0));
}

#[test]
fn each_bit_of_the_index_is_refused_or_harmless() {
    let good = program::image("index");
    // Names, and descriptions for people, are nobody's business but the digest's: bits of these are harmless.
    let file = permacode_model::ImageFile::of(&good);
    let text: usize =
        file.types.iter().map(|row| row.name.len() + row.layout.len()).sum::<usize>() + file.version.len();
    let (refused, harmless) = flip_each(&good, 4096..4096 + index_len(&good));
    assert!(harmless > 0 && harmless < 8 * (text + 200), "{refused} {harmless} {text}");
}

#[test]
fn each_truncation_is_refused() {
    let good = program::image("truncated");
    for len in 0..good.len() {
        assert!(Image::open_sealed(program::sealed(&good[..len])).is_err(), "{len}");
    }
}

#[test]
fn each_byte_of_the_code_and_of_the_marks_that_is_changed_is_refused_or_a_value() {
    let good = program::image("changed");
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

// Found by the fuzzer: code that is to lie behind that of another image lies behind whole pages of it.
#[test]
fn an_image_that_stands_on_less_than_a_page_is_refused() {
    for below in [1, 13, 4095, 4097, 1 << 40 | 8] {
        let mut file = permacode_model::ImageFile::of(&program::image("below"));
        file.set_number(72, below);
        file.set_number(128, 1);
        let refused = Image::open_sealed(program::sealed(&file.bytes())).unwrap_err();
        assert_eq!(refused, ImageError::Header("its code does not begin and end with a page"), "{below}");
    }
}

// soundness S14: an arena may begin with an image that nobody has checked. Then a writer asks for the block that an interned name lies in.
#[test]
fn a_run_that_ends_behind_the_code_is_no_block_of_an_image_that_was_not_checked() {
    let mut file = ImageFile::of(&program::image("behind_the_code"));
    let name = file.names[0];
    let in_leaf = name.at as usize - file.linked.len();
    let text = String::from_utf8(file.leaf[in_leaf..in_leaf + name.len as usize].to_vec()).unwrap();
    file.types.push(TypeRow { fingerprint: [1; 32], size: 1, align: 8, name: b"x".to_vec(), layout: b"x".to_vec() });
    let of = file.types.len() as u32 - 1;
    let run = file.runs.iter_mut().rfind(|run| run.start <= name.at).unwrap();
    let start = run.start;
    for len in [1 << 28, u64::MAX] {
        let run = file.runs.iter_mut().find(|run| run.start == start).unwrap();
        (run.of, run.len) = (of, len);
        let bytes = file.bytes();
        let end = Child::run(|| {
            let arena = Image::open_sealed(program::sealed(&bytes)).unwrap().open().unwrap();
            let loader = arena.load("own").unwrap();
            let interned = loader.intern(&text).unwrap();
            assert!(!arena.address_range().is_empty() && arena.locate(interned).is_none());
            loader.seal().unwrap();
            let held: &[u8] = interned.as_bytes();
            let written = ImageWriter::new(&arena).root("held", &held).unwrap().write_to(&mut Vec::new());
            assert_eq!(written.map(drop), Err(ImageError::StillOpen));
            0
        });
        assert_eq!(end.unwrap(), End::Code(0), "{len}");
    }
}

// soundness S36: words that there is no memory for are refused.
#[test]
#[cfg_attr(any(permacode_tsan, permacode_asan), ignore = "sanitizers need all address space")]
fn words_without_memory_are_refused() {
    let mut file = ImageFile::of(&program::image("words"));
    file.types[0].layout = vec![b'x'; 64 << 20];
    let sealed = program::sealed(&file.bytes());
    let end = Child::run(|| {
        let image = Image::open_sealed(sealed.try_clone().unwrap()).unwrap();
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
        // Room for the mapping, and not for a copy.
        let limit = pages * 4096 + (96 << 20);
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: sets a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        assert_eq!(image.check::<Code<'_>>().unwrap_err(), ImageError::Memory { bytes: 64 << 20 });
        0
    });
    assert_eq!(end.unwrap(), End::Code(0));
}
