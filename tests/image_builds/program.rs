//! A program that is built in several ways: it says which fingerprints its types have, and which bytes its image.
//!
//! Each `cfg` changes one thing of the type `Changed`.

use permacode::image::{Fingerprint, ImageWriter};
use permacode::{CodeArena, Link, Loader, Mappable, Name, Permanent, Sites};

/// Laid out as the compiler likes.
#[derive(Permanent, Mappable)]
struct Free<'a> {
    small: u8,
    name: Name<'a>,
    flag: Option<bool>,
    ops: &'a [u8],
    wide: u64,
    half: u16,
    parent: Link<'a, Free<'a>>,
    consts: &'a [Const<'a>],
    mark: char,
    sites: Sites,
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Fixed<'a> {
    small: u8,
    wide: u64,
    text: &'a str,
    next: Option<&'a Fixed<'a>>,
    pair: [u16; 3],
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Const<'a> {
    Nil,
    Int(i64),
    Str(&'a str),
    Fixed(&'a Fixed<'a>),
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Changed<'a> {
    #[cfg(not(swapped))]
    one: u32,
    other: u32,
    #[cfg(swapped)]
    one: u32,
    #[cfg(not(wider))]
    count: u16,
    #[cfg(wider)]
    count: u64,
    state: State,
    text: &'a str,
}

#[derive(Clone, Copy, Permanent, Mappable)]
#[repr(u8)]
enum State {
    Off,
    #[cfg(not(valued))]
    On,
    #[cfg(valued)]
    On = 2,
}

fn load<'x>(loader: &Loader<'x>) -> (&'x Free<'x>, &'x Fixed<'x>) {
    let free = |name: &str, consts: &'x [Const<'x>]| {
        let ops = loader.alloc_slice_copy(name.as_bytes()).unwrap();
        let (name, sites) = (loader.intern_name(name).unwrap(), loader.sites(3).unwrap());
        let value = Free {
            small: 1,
            name,
            flag: Some(true),
            ops,
            wide: 1 << 40,
            half: 500,
            parent: Link::unset(),
            consts,
            mark: 'ß',
            sites,
        };
        loader.alloc(value).unwrap()
    };
    let last = Fixed { small: 1, wide: 2, text: "a constant of the program", next: None, pair: [1, 2, 3] };
    let last = loader.alloc(last).unwrap();
    let fixed: &Fixed<'_> =
        loader.alloc(Fixed { small: 3, wide: 4, text: &last.text[2..], next: Some(last), pair: [4; 3] }).unwrap();
    let consts = [Const::Nil, Const::Int(-1), Const::Str(last.text), Const::Fixed(fixed)];
    let inner = free("inner", &[]);
    let outer = free("outer", loader.alloc_slice_fill_iter(consts).unwrap());
    loader.link(&inner.parent, outer).unwrap();
    loader.link(&outer.parent, inner).unwrap();
    (outer, fixed)
}

fn main() {
    let arena = CodeArena::new().unwrap();
    // Another thread loads something first, or not, and there is more than what is written.
    if std::env::args().nth(1).as_deref() == Some("more") {
        std::thread::scope(|scope| {
            scope.spawn(|| arena.load("unused").unwrap().alloc_slice_copy(&[7u8; 5000]).unwrap().len());
        });
    }
    let loader = arena.load("m").unwrap();
    let (free, fixed) = load(&loader);
    loader.finish();
    let bytes = |writer: ImageWriter<'_>| {
        let mut bytes = Vec::new();
        let report = writer.version("1").write_to(&mut bytes).unwrap();
        // The digest is of the contents; a sum of our own is of each byte of the file.
        let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        format!("{} {sum:016x} {}", report.digest, bytes.len())
    };
    println!("free-type {}", Fingerprint::of::<Free<'_>>());
    println!("fixed-type {}", Fingerprint::of::<Fixed<'_>>());
    println!("changed-type {}", Fingerprint::of::<Changed<'_>>());
    println!("free-image {}", bytes(ImageWriter::new(&arena).root("free", free).unwrap()));
    println!("fixed-image {}", bytes(ImageWriter::new(&arena).root("fixed", fixed).unwrap()));
}
