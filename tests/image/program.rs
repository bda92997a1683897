//! A program of an interpreter, with everything that an image may hold.

use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, Error, Link, Loader, Mappable, Name, Permanent, Sites};
use std::num::NonZero;

#[derive(Debug, Permanent, Mappable)]
#[repr(u8)]
pub enum Const<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str) = 40,
    Name(Name<'a>),
    Tuple(&'a [Const<'a>]),
    Code(&'a Code<'a>),
    Pair { small: u8, large: Option<&'a str> },
}

#[derive(Debug, Permanent, Mappable)]
pub struct Code<'a> {
    pub name: Name<'a>,
    pub ops: &'a [u8],
    pub consts: &'a [Const<'a>],
    pub lines: &'a [(u32, Option<NonZero<u32>>)],
    pub sites: Sites,
    pub parent: Link<'a, Code<'a>>,
    pub first: Option<&'a Const<'a>>,
    pub flags: Option<bool>,
    pub doc: Option<&'a str>,
    pub kind: Kind,
    pub table: &'a [[u16; 3]],
    pub nothing: &'a (),
    pub mark: char,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Permanent, Mappable)]
#[repr(i8)]
pub enum Kind {
    Function = -1,
    Class = 1,
}

/// Loads a function that has another in it, which leads back to it.
pub fn load<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x Code<'x>, Error> {
    let inner_consts = loader.alloc_slice_fill_iter([Const::Float(0.5), Const::Bool(true)])?;
    let inner = code(loader, "inner", inner_consts)?;
    let text = loader.alloc_str("größer")?;
    let consts = loader.alloc_slice_fill_iter([
        Const::Nil,
        Const::Int(-7),
        Const::Str(text),
        Const::Str(&text[..2]),
        Const::Str("a constant of the program"),
        Const::Name(loader.intern_name("inner")?),
        Const::Tuple(inner_consts),
        Const::Tuple(&inner_consts[1..]),
        Const::Code(inner),
        Const::Pair { small: 3, large: Some(&text[2..]) },
        Const::Pair { small: 4, large: None },
    ])?;
    let outer = code(loader, name, consts)?;
    loader.link(&inner.parent, outer)?;
    Ok(outer)
}

fn code<'x>(loader: &Loader<'x>, name: &str, consts: &'x [Const<'x>]) -> Result<&'x Code<'x>, Error> {
    let lines: &[(u32, Option<NonZero<u32>>)] = loader.alloc_slice_copy(&[(1, NonZero::new(2)), (3, None)])?;
    loader.alloc(Code {
        name: loader.intern_name(name)?,
        ops: loader.alloc_slice_copy(&[1, 2, 3, 4, 5])?,
        consts,
        lines,
        sites: loader.sites(name.len())?,
        parent: Link::unset(),
        first: consts.first(),
        flags: if name == "inner" { None } else { Some(true) },
        doc: None,
        kind: if name == "inner" { Kind::Class } else { Kind::Function },
        table: loader.alloc_slice_copy(&[[1u16, 2, 3], [4, 5, 6]])?,
        nothing: loader.alloc(())?,
        mark: 'ß',
    })
}

/// The bytes of an image of the function, made in an arena of its own.
pub fn image(name: &str) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = load(&loader, name).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).version("test 1").root("main", code).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// The types that an image made by `large` is checked for.
pub type Large<'a> = (&'a Code<'a>, &'a &'a [u64], &'a &'a [&'a Code<'a>]);

/// Values of each kind that `large` writes: eight pages of numbers, and eight of references.
const MANY: usize = 4096;

/// The bytes of an image with many pages in each half: the function, numbers, and as many references to the function.
pub fn large(name: &str) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code: &Code<'_> = load(&loader, name).unwrap();
    let numbers = loader.alloc_slice_fill_iter((0..MANY as u64).collect::<Vec<_>>()).unwrap();
    let numbers: &&[u64] = loader.alloc(numbers).unwrap();
    let many: &&[&Code<'_>] = loader.alloc(loader.alloc_slice_copy(&vec![code; MANY]).unwrap()).unwrap();
    loader.seal().unwrap();
    let writer = ImageWriter::new(&arena).root("main", code).unwrap().root("many", many).unwrap();
    let mut bytes = Vec::new();
    writer.root("numbers", numbers).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// The image with these bytes, which `large` made, checked.
pub fn checked_large(bytes: &[u8]) -> Image {
    Image::open_sealed(sealed(bytes)).unwrap().check::<Large<'_>>().unwrap()
}

/// Compares all that such an image holds with what was loaded: each word of each page.
pub fn assert_is_large(arena: &CodeArena, name: &str) {
    let main: &Code<'_> = arena.root("main").unwrap();
    assert_is(main, name);
    let (numbers, many): (&&[u64], &&[&Code<'_>]) = (arena.root("numbers").unwrap(), arena.root("many").unwrap());
    assert!(numbers.iter().copied().eq(0..MANY as u64));
    assert!(many.len() == MANY && many.iter().all(|code| std::ptr::eq(*code, main)));
}

/// Sealed memory with these bytes.
pub fn sealed(bytes: &[u8]) -> std::fs::File {
    use std::io::Write;
    use std::os::fd::{AsRawFd, FromRawFd};
    // SAFETY: a string that ends with a zero, and flags. The descriptor is new.
    let mut file = unsafe { std::fs::File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_ALLOW_SEALING)) };
    file.write_all(bytes).unwrap();
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: an open file, and flags.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
    file
}

/// The opened image with these bytes, checked.
pub fn open(bytes: &[u8]) -> CodeArena {
    Image::open_sealed(sealed(bytes)).unwrap().check::<Code<'_>>().unwrap().open().unwrap()
}

/// The image, anywhere but at its window.
pub fn elsewhere(image: &Image) -> CodeArena {
    CodeArena::builder().image(image).anywhere().build().unwrap()
}

/// Compares all that an image holds with what was loaded.
pub fn assert_is(code: &Code<'_>, name: &str) {
    assert_eq!(code.name, name);
    assert_eq!(
        (code.ops, code.flags, code.doc, code.kind, code.mark),
        (&[1, 2, 3, 4, 5][..], Some(true), None, Kind::Function, 'ß')
    );
    assert_eq!(code.lines, [(1, NonZero::new(2)), (3, None)]);
    assert_eq!(code.table, [[1, 2, 3], [4, 5, 6]]);
    assert!(code.parent.get().is_none());
    assert!(std::ptr::eq(code.first.unwrap(), &code.consts[0]), "a reference to the first of the slice");
    let [
        Const::Nil,
        Const::Int(-7),
        Const::Str(text),
        Const::Str(start),
        Const::Str("a constant of the program"),
        Const::Name(inner_name),
        Const::Tuple(tuple),
        Const::Tuple(rest),
        Const::Code(inner),
        Const::Pair { small: 3, large: Some(end) },
        Const::Pair { small: 4, large: None },
    ] = code.consts
    else {
        panic!("{:?}", code.consts)
    };
    assert_eq!((*text, *start, *end), ("größer", "gr", "ößer"));
    assert!(std::ptr::eq(text.as_ptr(), start.as_ptr()), "a part of the text");
    assert!(std::ptr::eq(&text[2..], *end));
    assert!(matches!(tuple, [Const::Float(0.5), Const::Bool(true)]));
    assert!(std::ptr::eq(&tuple[1..], *rest), "a part of the slice");
    assert!(std::ptr::eq(inner.consts, *tuple), "shared");
    assert!(std::ptr::eq(inner_name.as_str(), inner.name.as_str()));
    assert_eq!((inner.kind, inner.flags), (Kind::Class, None));
    assert!(std::ptr::eq(inner.parent.get().unwrap(), code), "a cycle");
    assert_eq!((code.sites.len(), inner.sites.len()), (name.len(), 5));
    assert_eq!(code.sites.range(), 0..name.len(), "the image's own numbers, in the order in which they are met");
    assert_eq!(inner.sites.range(), name.len()..name.len() + 5);
}
