//! Many programs as one value, which is the root of an image: compiled once, executed in place by every process that opens it.
//!
//! ```text
//!   Library ─▶ entries, sorted by name ─▶ name, chunk            linked half: references        leaf half: names, and chunks at
//!                                                                                               multiples of 8, from their first byte on
//! ```
//!
//! Invariants, of a library made by [`Library::place`] and of one that [`Image::check`](permacode::image::Image::check) proved:
//!
//! 1. Names ascend, are distinct and hold no zero byte.
//! 2. Each chunk begins as one of this Lua's does, at an address that is a multiple of 4.
//!
//! That a chunk *is* one of this Lua's, and not bytes that begin alike, nobody can prove but who compiled it.

use super::chunk::{ALIGN, Chunk};
use super::program::Program;
use core::fmt;
use permacode::{Loader, Mappable, Permanent};

/// The first bytes of every chunk: the mark of binary chunks, the version, and the format of the official one.
const HEAD: [u8; 6] = [0x1b, b'L', b'u', b'a', 0x55, 0];

/// Lua reads numbers of this alignment, counted from the chunk's first byte.
const LEAST_ALIGN: usize = 4;

/// Programs in a code arena, to be the root of an image. Two words.
///
/// One process compiles and writes them. Every process that opens the image executes them where they lie, and no page of them is its own.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::image::{Image, ImageWriter};
/// use permacode_lua::{Library, State, compile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Once, when the programs are installed:
/// let chunks = [compile(b"print('hello')", "hello.lua")?, compile(b"return 1", "one.lua")?];
/// let arena = CodeArena::new()?;
/// let loader = arena.load("programs")?;
/// let library = Library::place(&loader, &chunks)?;
/// loader.seal()?;
/// let file = ImageWriter::new(&arena).root("programs", library)?.seal()?; // or `write` it to a path
///
/// // In every process:
/// let arena = Image::open_sealed(file)?.check::<Library<'_>>()?.open()?;
/// let library: &Library<'_> = arena.root("programs")?;
/// // SAFETY: the image was written right above, of chunks that this program's Lua compiled.
/// let hello = unsafe { library.program("hello.lua") }.ok_or("no such program")?;
/// assert_eq!(State::new()?.load(hello)?.run()?, b"hello\n");
/// # Ok(())
/// # }
/// ```
///
/// Safe code cannot take a program out of a library, because an image may have been written by anybody:
///
/// ```compile_fail,E0133
/// fn first<'a>(library: &permacode_lua::Library<'a>) -> permacode_lua::Program<'a> {
///     library.programs().next().unwrap()
/// }
/// ```
#[derive(Permanent, Mappable)]
#[mappable(check = "Library::verify")]
#[repr(C)]
pub struct Library<'a> {
    entries: &'a [Entry<'a>],
}

/// A program as it lies in an image.
#[derive(Permanent, Mappable)]
#[mappable(check = "Entry::verify")]
#[repr(C)]
struct Entry<'a> {
    name: &'a str,
    code: &'a [u8],
}

impl<'a> Library<'a> {
    /// Copies chunks and their names into the code arena, aligned so that Lua can execute them there and in an image.
    ///
    /// # Errors
    ///
    /// [`LibraryError::SameName`] and [`LibraryError::NotAChunk`], before anything is placed. [`LibraryError::Arena`] when the arena has no
    /// room, [`LibraryError::Memory`] when there is none for a list of the chunks.
    ///
    /// # Cost
    ///
    /// Two allocations of the loader's for each chunk and two more, a list of the chunks meanwhile, and a sort.
    pub fn place<'c>(
        loader: &Loader<'a>,
        chunks: impl IntoIterator<Item = &'c Chunk>,
    ) -> Result<&'a Self, LibraryError> {
        let mut sorted: Vec<&Chunk> = Vec::new();
        for chunk in chunks {
            sorted.try_reserve(1).map_err(|_| LibraryError::Memory)?;
            sorted.push(chunk);
        }
        sorted.sort_unstable_by_key(|chunk| chunk.name());
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
            return Err(LibraryError::SameName(pair[0].name().to_owned()));
        }
        if let Some(other) = sorted.iter().find(|chunk| !chunk.bytes().starts_with(&HEAD)) {
            return Err(LibraryError::NotAChunk(other.name().to_owned()));
        }
        let entries = loader.alloc_slice_try_fill_with(sorted.len(), |number| {
            let chunk = sorted[number];
            let code = loader.alloc_padded(chunk.bytes(), ALIGN, 0)?;
            Ok::<_, permacode::Error>(Entry { name: loader.alloc_str(chunk.name())?, code })
        })?;
        Ok(loader.alloc(Self { entries })?)
    }

    /// Returns the number of programs. Costs nothing.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns `true` if there are no programs. Costs nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the programs, sorted by name.
    ///
    /// # Safety
    ///
    /// The chunks were written by `lua_dump` of a Lua 5.5 built with the same sizes and byte order, and not changed since. That holds if the image
    /// was written by [`ImageWriter`](permacode::image::ImageWriter) of a library that [`place`](Self::place) made in a program with this
    /// version of this crate. How to know: this program wrote it, or it is a file of somebody who is trusted with this process, or
    /// [`Image::pin`](permacode::image::Image::pin) has compared its digest with a known one.
    pub unsafe fn programs(&self) -> impl ExactSizeIterator<Item = Program<'a>> + use<'a> {
        // SAFETY: of a live library, by invariant 2; that it is a chunk of this Lua's is the caller's promise.
        self.entries.iter().map(|entry| unsafe { Program::new(entry.name, entry.code) })
    }

    /// Returns the program of this name. Costs a binary search.
    ///
    /// # Safety
    ///
    /// As for [`programs`](Self::programs).
    pub unsafe fn program(&self, name: &str) -> Option<Program<'a>> {
        let number = self.entries.binary_search_by_key(&name, |entry| entry.name).ok()?;
        // SAFETY: the caller's promise.
        unsafe { self.programs() }.nth(number)
    }

    /// Invariant 1, but for zero bytes.
    fn verify(&self) -> Result<(), &'static str> {
        match self.entries.is_sorted_by(|one, two| one.name < two.name) {
            true => Ok(()),
            false => Err("its programs are not sorted by name, or two have the same name: write the image again"),
        }
    }
}

impl Entry<'_> {
    /// Invariant 2, and that Lua can show the name whole.
    fn verify(&self) -> Result<(), &'static str> {
        if self.name.as_bytes().contains(&0) {
            return Err("the name of a program holds a zero byte: write the image again");
        }
        if !self.code.starts_with(&HEAD) {
            return Err(
                "a program is not a binary chunk of Lua 5.5: compile it with this version, and write the image again",
            );
        }
        if !self.code.as_ptr().addr().is_multiple_of(LEAST_ALIGN) {
            return Err("a chunk does not lie at a multiple of 4: write the image again");
        }
        Ok(())
    }
}

impl fmt::Debug for Library<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.name)).finish()
    }
}

/// The reason why a library was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibraryError {
    /// Two chunks have this name.
    SameName(String),
    /// The chunk of this name is not a binary chunk of Lua 5.5. [`Chunk::from_bytes`] takes any bytes.
    NotAChunk(String),
    /// The arena has no room.
    Arena(permacode::Error),
    /// There is no memory for a list of the chunks.
    Memory,
}

impl From<permacode::Error> for LibraryError {
    fn from(error: permacode::Error) -> Self {
        Self::Arena(error)
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameName(name) => write!(f, "two programs are called {name}: give each a name of its own"),
            Self::NotAChunk(name) => write!(f, "{name} is not a binary chunk of Lua 5.5: compile it with this version"),
            Self::Arena(error) => error.fmt(f),
            Self::Memory => f.write_str("no memory for a list of the programs"),
        }
    }
}

impl std::error::Error for LibraryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Arena(error) => Some(error),
            _ => None,
        }
    }
}
