//! The code that is shared: a library with a number, so that one can be told from the next.

use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Mappable, Permanent};

/// Functions of a library.
const FUNCTIONS: u32 = 3000;

#[derive(Permanent, Mappable)]
pub struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    next: Option<&'a Code<'a>>,
}

/// Returns the bytecode of a function.
fn ops(library: u32, function: u32) -> impl ExactSizeIterator<Item = u8> {
    (0..300).map(move |at: u16| (library * 31 + function + u32::from(at)) as u8)
}

/// Loads the library of this number, and names its last function.
pub fn write(arena: &CodeArena, library: u32) -> Result<ImageWriter<'_>, ImageError> {
    let loader = arena.load("library")?;
    let mut last = None;
    for function in 0..FUNCTIONS {
        let name = loader.intern(&format!("function_{function}"))?;
        last = Some(loader.alloc(Code {
            name,
            ops: loader.alloc_slice_fill_iter(ops(library, function))?,
            next: last,
        })?);
    }
    loader.seal()?;
    let writer = ImageWriter::new(arena).version(&library.to_string());
    match last {
        Some(last) => writer.root("last", last),
        None => Ok(writer),
    }
}

/// Opens an image, reads all of its functions, and returns the number of its library with the arena that keeps it.
///
/// # Panics
///
/// The functions are not those of the library.
pub fn run(image: &Image) -> Result<(u32, CodeArena), ImageError> {
    let arena = image.open()?;
    let library: u32 = image.version().parse().expect("the number of a library");
    let last: &Code<'_> = arena.root("last")?;
    let mut function = FUNCTIONS;
    for code in std::iter::successors(Some(last), |code| code.next) {
        function -= 1;
        assert!(code.ops.iter().copied().eq(ops(library, function)) && code.name == format!("function_{function}"));
    }
    assert_eq!(function, 0);
    Ok((library, arena))
}
