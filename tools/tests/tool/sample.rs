//! Images of a small language, in several versions.

use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, Error, Loader, Mappable, Name, Permanent, Sites};

#[derive(Permanent, Mappable)]
#[repr(C, u8)]
pub enum Const<'a> {
    Nil,
    Int(i64),
    Str(&'a str),
    Code(&'a Code<'a>),
}

#[derive(Permanent, Mappable)]
#[repr(C)]
pub struct Code<'a> {
    pub name: Name<'a>,
    pub ops: &'a [u8],
    pub consts: &'a [Const<'a>],
    pub sites: Sites,
    pub flags: u32,
}

/// The same language, after its author has changed a field and added one.
pub mod newer {
    use super::{Mappable, Name, Permanent, Sites};

    #[derive(Permanent, Mappable)]
    #[repr(C)]
    pub struct Code<'a> {
        pub name: Name<'a>,
        pub ops: &'a [u8],
        pub consts: &'a [super::Const<'a>],
        pub sites: Sites,
        pub flags: u64,
        pub line: u32,
    }
}

/// What is written.
#[derive(Clone)]
pub struct Sample {
    pub version: String,
    /// The modules with the number of their functions.
    pub modules: Vec<(String, usize)>,
    /// What is in the first instruction of each function.
    pub op: u8,
    /// The number in the constants of the last function of each module.
    pub number: i64,
    /// The function that the first one of each module has among its constants.
    pub calls: usize,
}

impl Sample {
    pub fn new(version: &str) -> Self {
        let modules = [("json", 12), ("text", 40), ("main", 3)];
        let modules = modules.map(|(name, functions)| (name.to_owned(), functions)).to_vec();
        Self { version: version.to_owned(), modules, op: 1, number: 7, calls: 1 }
    }

    fn load<'x>(&self, loader: &Loader<'x>, module: &str, functions: usize) -> Result<&'x Code<'x>, Error> {
        let mut codes: Vec<&'x Code<'x>> = Vec::new();
        for number in 0..functions {
            let name = if number == 0 { module.to_owned() } else { format!("{module}.f{number}") };
            let ops: Vec<u8> =
                (0..200 + number % 50).map(|at| if at == 0 { self.op } else { (at % 251) as u8 }).collect();
            let last = if number + 1 == functions { self.number } else { number as i64 };
            let mut consts =
                vec![Const::Nil, Const::Int(last), Const::Str(loader.alloc_str(&format!("text of {name}"))?)];
            if number + 1 == functions {
                // The module's last function has all others among its constants.
                consts.extend(codes.iter().map(|code| Const::Code(code)));
                consts.extend(codes.get(self.calls).map(|code| Const::Code(code)));
            }
            codes.push(loader.alloc(Code {
                name: loader.intern_name(&name)?,
                ops: loader.alloc_slice_copy(&ops)?,
                consts: loader.alloc_slice_fill_iter(consts)?,
                sites: loader.sites(2)?,
                flags: 0,
            })?);
        }
        Ok(codes[functions - 1])
    }

    /// The bytes of the image.
    pub fn bytes(&self) -> Vec<u8> {
        let arena = CodeArena::new().unwrap();
        let mut roots = Vec::new();
        for (module, functions) in &self.modules {
            let loader = arena.load(module).unwrap();
            roots.push((module, self.load(&loader, module, *functions).unwrap()));
            loader.seal().unwrap();
        }
        let writer = roots.into_iter().fold(ImageWriter::new(&arena).version(&self.version), |writer, (name, code)| {
            writer.root(name, code).unwrap()
        });
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes).unwrap();
        bytes
    }

    pub fn image(&self) -> Image {
        Image::open_sealed(sealed(&self.bytes())).unwrap()
    }
}

/// An image of one function of the newer language.
pub fn newer() -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("json").unwrap();
    let ops = loader.alloc_slice_copy(&[1u8, 2, 3]).unwrap();
    let (name, consts) = (loader.intern_name("json").unwrap(), loader.alloc_slice_fill_iter([Const::Nil]).unwrap());
    let sites = loader.sites(1).unwrap();
    let code = loader.alloc(newer::Code { name, ops, consts, sites, flags: 1, line: 7 }).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).version("mylang 4.0").root("json", code).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// An image, and a layer on it.
pub fn chain() -> [Vec<u8>; 2] {
    let library = Sample::new("library").bytes();
    let below = Image::open_sealed(sealed(&library)).unwrap().check::<Code<'_>>().unwrap();
    let arena = below.open().unwrap();
    let loader = arena.load("program").unwrap();
    let json: &Code<'_> = arena.root("json").unwrap();
    let consts = loader.alloc_slice_fill_iter([Const::Code(json)]).unwrap();
    let name = loader.intern_name("program").unwrap();
    let code = loader.alloc(Code { name, ops: &[], consts, sites: loader.sites(0).unwrap(), flags: 0 }).unwrap();
    loader.seal().unwrap();
    let mut layer = Vec::new();
    let writer = ImageWriter::new(&arena).layer().unwrap().version("program").root("program", code).unwrap();
    writer.write_to(&mut layer).unwrap();
    [library, layer]
}

/// An image whose names are chosen to harm a terminal.
pub fn hostile() -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("mod\x1b[31mule\n\u{202e}elif").unwrap();
    let name = loader.intern_name("na\rme\x07").unwrap();
    let ops = loader.alloc_slice_copy(&[1u8]).unwrap();
    let code = loader.alloc(Code { name, ops, consts: &[], sites: loader.sites(0).unwrap(), flags: 0 }).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    let writer = ImageWriter::new(&arena).version("v\u{2066}1\x1b]0;title\x07").root("root\t\u{200f}", code).unwrap();
    writer.write_to(&mut bytes).unwrap();
    bytes
}

/// Sealed memory with these bytes.
pub fn sealed(bytes: &[u8]) -> std::fs::File {
    use std::io::Write;
    use std::os::fd::{AsRawFd, FromRawFd};
    // SAFETY: a string that ends with a zero, and flags. The descriptor is new.
    let mut file =
        unsafe { std::fs::File::from_raw_fd(libc::memfd_create(c"permacode-image".as_ptr(), libc::MFD_ALLOW_SEALING)) };
    file.write_all(bytes).unwrap();
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: an open file, and flags.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
    file
}

/// All bytes of a function and of what it leads to, so that its pages are mapped.
pub fn touch(code: &Code<'_>) -> u64 {
    let ops: u64 = code.ops.iter().map(|&op| u64::from(op)).sum();
    let consts = code.consts.iter().map(|constant| match constant {
        Const::Nil => 0,
        Const::Int(number) => *number as u64,
        Const::Str(text) => text.bytes().map(u64::from).sum(),
        Const::Code(code) => touch(code),
    });
    ops + code.name.len() as u64 + consts.sum::<u64>()
}
