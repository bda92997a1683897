//! [`ImageError`]: why an image was not written, or not opened.

use super::digest::Digest;
use super::mismatch::TypeMismatch;
use crate::error::Error;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use std::io;

/// The reason why an image was not written, or is not used. It says what was expected and what was found.
///
/// Nothing is lost: the arena that was to be written works on, and so does a program that then loads from sources.
///
/// ```
/// use permacode::{CodeArena, image::{ImageError, ImageWriter}};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let number = loader.alloc(1u32)?; // `m` is still open
/// let refused = ImageWriter::new(&arena).root("number", number)?.write_to(&mut Vec::new()).unwrap_err();
/// assert_eq!(refused, ImageError::StillOpen);
/// assert_eq!(refused.to_string(), "a root leads to a module that is still open: finish or seal it first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    // ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    /// A root leads to a block of a module that is not finished.
    StillOpen,
    /// A root leads to sites of another arena, or of transient code.
    ForeignSites,
    /// A root leads to a block of another arena, which this one [keeps](crate::Loader::at). A copy of it would be another block.
    OtherArena {
        /// The type of the block.
        of: &'static str,
        /// The module of the other arena that the block is in.
        module: String,
    },
    /// A root leads to machine code. It runs where it was written for, on the processor that it was written for, and images are data.
    Executable {
        /// The type of the block.
        of: &'static str,
        /// The [module](crate::CodeArena::load_native) that the block is in.
        module: String,
    },
    /// Two roots have this name.
    DuplicateRoot(String),
    /// A reference leads into the middle of a value, where the value's description has no such type: into a variant of an enum, say.
    Interior {
        /// The type of the value.
        of: &'static str,
        /// The type that the reference is to.
        to: &'static str,
    },
    /// A type asks for an alignment above a page.
    Alignment {
        /// The type.
        of: &'static str,
        /// Its alignment, in bytes.
        align: usize,
    },
    /// The [window](crate::image::ImageWriter::at_window) that was asked for cannot be one.
    Window {
        /// The address that was asked for.
        asked: usize,
        /// The first address of the range in which the code must lie.
        from: usize,
        /// The end of that range.
        to: usize,
        /// The number that the address must be a multiple of.
        align: usize,
    },
    /// The [version](crate::image::ImageWriter::version) has more bytes than an image keeps.
    Version {
        /// Its bytes.
        bytes: usize,
        /// The most that it may have.
        most: usize,
    },
    // ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    /// The file is not an image.
    NoImage,
    /// The image was written on a machine of the other endianness.
    Endianness,
    /// The image has another format: it was written by another version of this crate.
    Format {
        /// The format of this version.
        expected: u64,
        /// That of the file.
        found: u64,
    },
    /// The image was written on a machine with addresses of another size.
    Word {
        /// Bytes of an address here.
        expected: u64,
        /// Bytes of one there.
        found: u64,
    },
    /// The file is longer or shorter than its header says.
    Length {
        /// Bytes by the header.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// The place in a file where the image would begin is not one that a system maps.
    Offset {
        /// The place, in bytes.
        offset: u64,
        /// Bytes of a page, of which it must be a multiple.
        page: usize,
    },
    /// The header is damaged.
    Header(&'static str),
    /// The tables are damaged.
    Index(&'static str),
    /// The contents are not those of the digest.
    Digest {
        /// The digest that was asked for, or that the header has.
        expected: Digest,
        /// That of the contents.
        found: Digest,
    },
    /// Somebody who is not trusted may have written the file.
    Untrusted(Distrust),
    /// The descriptor is not that of a memory file that nobody can change.
    NotSealed,
    /// The image has no root of this name.
    NoRoot(String),
    /// The root is of another type, or of one that is laid out otherwise.
    Type(Box<TypeMismatch>),
    /// The image stands on another one than this.
    Parent {
        /// The digest of the image that it stands on, if it stands on one.
        expected: Option<Digest>,
        /// That of the image that it was put on.
        found: Digest,
    },
    /// The image stands on the one with this digest, and was not put [on](crate::image::Image::on) it.
    NoParent(Digest),
    /// The arena did not begin with an image, so what is written of it cannot be a [layer](crate::image::ImageWriter::layer) on one.
    NoImageBelow,
    /// Nobody has said that the values are values: call [`check`](crate::image::Image::check) for this type.
    NotChecked {
        /// The type that was asked for.
        of: &'static str,
    },
    /// A value is none of its type.
    BadValue {
        /// The type.
        of: String,
        /// Bytes from the beginning of the code.
        at: usize,
        /// The reason.
        why: &'static str,
    },
    /// The author's own check refused a value: the function that `#[mappable(check = "..")]` names.
    Refused {
        /// The type.
        of: String,
        /// Bytes from the beginning of the code.
        at: usize,
        /// The function's words.
        why: String,
    },
    /// References make a cycle, of which the check was [asked](crate::image::CheckOptions::acyclic) to prove that there is none.
    Cycle {
        /// The type of a value on the cycle.
        of: String,
        /// Bytes from the beginning of the code to that value.
        at: usize,
    },
    // ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    /// More than an image, or the address space, holds.
    TooLarge,
    /// There is no memory for so many bytes.
    Memory {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// The system refused a call.
    System {
        /// The task that the call was part of.
        call: &'static str,
        /// The kind of the refusal.
        kind: io::ErrorKind,
        /// The system's number for it, or zero.
        code: i32,
    },
    /// An arena could not be made that begins with the image.
    Arena(Error),
}

/// The reason why a file is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// It belongs neither to the effective user nor to root, nor to an [owner who is trusted](crate::image::ImageOptions::trust_owner).
    Owner {
        /// The user that it belongs to.
        found: u32,
    },
    /// Its group, or others, may write to it.
    Writable {
        /// Its mode.
        mode: u32,
    },
    /// The path ends with a symbolic link.
    SymbolicLink,
    /// It is a folder, a device, a pipe.
    NotAFile,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { found } => {
                write!(
                    f,
                    "it belongs to the user {found}, expected the effective user of this process, root, or an owner that the program trusts by \
                     name: change its owner, or see `ImageOptions::trust_owner`"
                )
            }
            Self::Writable { mode } => write!(
                f,
                "its group or others may write to it (mode {:o}): take that right away from them",
                mode & 0o7777
            ),
            Self::SymbolicLink => f.write_str("the path ends with a symbolic link: name the file itself"),
            Self::NotAFile => f.write_str("it is a folder, a device or a pipe: name a regular file"),
        }
    }
}

impl ImageError {
    /// A refusal of the system.
    pub(in crate::image) fn system(call: &'static str, error: &io::Error) -> Self {
        Self::System { call, kind: error.kind(), code: error.raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StillOpen => f.write_str("a root leads to a module that is still open: finish or seal it first"),
            Self::ForeignSites => f.write_str(
                "a root leads to sites of another arena or of transient code: promote it into this arena first",
            ),
            Self::OtherArena { of, module } => write!(
                f,
                "a root leads to a `{of}` in the module {module:?} of another arena: load or promote it into this arena first, and write that one"
            ),
            Self::Executable { of, module } => write!(
                f,
                "a root leads to a `{of}` in the machine code {module:?}, and an image is data: write what the code is made of, and make it anew \
                 where the image is opened"
            ),
            Self::DuplicateRoot(name) => write!(f, "two roots are called {name:?}: give each a name of its own"),
            Self::Interior { of, to } => write!(
                f,
                "a `&{to}` leads into the middle of a `{of}`, where its description has no `{to}` (as within a variant of an enum): let the \
                 value hold a reference, or copy it"
            ),
            Self::Alignment { of, align } => {
                write!(
                    f,
                    "`{of}` asks for an alignment of {align} bytes, and an image is aligned to 4096: ask for a page at most"
                )
            }
            Self::Window { asked, from, to, align } => write!(
                f,
                "the image cannot be written for {asked:#x}: choose a multiple of {align:#x} with room for it in {from:#x}..{to:#x}, or leave \
                 the choice to the writer"
            ),
            Self::NoImage => f.write_str(
                "there is no image in this file: name one that `ImageWriter` wrote, or a program that `Image::embed` wrote",
            ),
            Self::Endianness => {
                f.write_str("the image was written on a machine of the other endianness: write it anew here")
            }
            Self::Format { expected, found } => {
                write!(
                    f,
                    "the image has format {found}, expected {expected}: write it anew with this version of permacode"
                )
            }
            Self::Word { expected, found } => {
                write!(f, "the image has addresses of {found} bytes, expected {expected}: write it anew here")
            }
            Self::Length { expected, found } => {
                write!(f, "the image is damaged: the file has {found} bytes, expected {expected}. Copy it again, or write it anew")
            }
            Self::Header(what) => write!(f, "the header of the image is damaged: {what}. Copy it again, or write it anew"),
            Self::Index(what) => write!(f, "the index of the image is damaged: {what}. Copy it again, or write it anew"),
            Self::Digest { expected, found } => write!(
                f,
                "the image has the digest {found}, expected {expected}: it was changed, or is another. Copy it again, or write it anew"
            ),
            Self::Untrusted(why) => write!(f, "the image is not trusted: {why}"),
            Self::NotSealed => {
                f.write_str(
                    "the file is not a memory file that is sealed against writing, growing and shrinking: take one that `ImageWriter::seal` \
                     made, or `Image::load` for a file with a path",
                )
            }
            Self::NoRoot(name) => write!(f, "the image has no root called {name:?}: `Image::roots` has those that there are"),
            Self::Type(mismatch) => mismatch.fmt(f),
            Self::Parent { expected: Some(expected), found } => {
                write!(f, "the image stands on the one with the digest {expected}, and was put on {found}: open the first of them, and put it on that one")
            }
            Self::Parent { expected: None, .. } => {
                f.write_str("the image stands on no other one: open it by itself, or write it as a layer")
            }
            Self::NoParent(digest) => {
                write!(
                    f,
                    "the image stands on the one with the digest {digest}: open that one, and put this one `on` it"
                )
            }
            Self::NoImageBelow => {
                f.write_str("a layer stands on the image that its arena began with, and this arena began with none: begin it with one, or write without `layer`")
            }
            Self::NotChecked { of } => {
                write!(f, "no value of type `{of}` was checked: call `check` with it, or once with references to all types of roots, as in `(&A, &B)`")
            }
            Self::BadValue { of, at, why } => {
                write!(
                    f,
                    "the image is damaged: at byte {at} of its code, in a `{of}`: {why}. Copy it again, or write it anew"
                )
            }
            Self::Refused { of, at, why } => write!(
                f,
                "the check of `{of}` refused the value at byte {at} of the image's code: {why}. Write the image anew, with the program that reads \
                 it"
            ),
            Self::Cycle { of, at } => write!(
                f,
                "the references of the `{of}` at byte {at} of the image's code lead back to it: use a `Link` for one of them, or check without \
                 `acyclic`"
            ),
            Self::TooLarge => f.write_str("the image is larger than the address space allows: write it in parts"),
            Self::Memory { bytes } => write!(f, "no memory for {bytes} bytes: raise the limit of the process, or write fewer roots"),
            Self::System { call, kind, code: 0 } => write!(f, "{call} failed: {kind}{}", advice(*kind)),
            Self::Arena(error) => write!(f, "the arena of the image was not made: {error}"),
            Self::System { call, kind, code } => {
                write!(f, "{call} failed: {}{}", io::Error::from_raw_os_error(*code), advice(*kind))
            }
            Self::Version { bytes, most } => write!(
                f,
                "the version has {bytes} bytes, and an image keeps {most} at most: write a long text as a root of its own"
            ),
            Self::Offset { offset, page } => write!(
                f,
                "an image cannot begin at byte {offset} of a file, which is no multiple of a page ({page} bytes): write it at one that is"
            ),
        }
    }
}

/// A sentence that says what to do about a refusal of the system, if there is one.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::OutOfMemory => ". Raise the limits of the process: of memory, of address space, or of mappings",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ". Make room there, or choose another place",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". Choose another place, or ask for the right"
        }
        io::ErrorKind::UnexpectedEof => ". The file became shorter meanwhile: copy it again",
        _ => "",
    }
}

impl core::error::Error for ImageError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Arena(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for ImageError {
    fn from(error: Error) -> Self {
        Self::Arena(error)
    }
}
