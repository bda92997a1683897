//! The ways from a file to a program that runs: each opens it up to its first instruction, and can then read everything.

use crate::program::{self, Program};
use crate::{archived, decoded};
use permacode::CodeArena;
use permacode::image::Image;
use std::error::Error;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::{io, ptr, slice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The kernel's part of opening an image, in `first_call`.
    Bare,
    /// An image, opened by `first_call` and not by this program.
    SmallProgram,
    Image,
    CheckedImage,
    MovedImage,
    LoadedImage,
    Archive,
    CheckedArchive,
    Decode,
    Copy,
}

/// A program that can run.
pub(crate) enum Opened {
    Image(Box<CodeArena>),
    Archive(Mapping),
    Decoded(Vec<decoded::Code>),
    Copied(Vec<u8>),
}

/// A file, mapped.
pub(crate) struct Mapping(*const u8, usize);

impl Mapping {
    fn new(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len() as usize;
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let at = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(at.cast(), len)) }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as this value, by a program that does not write to its files.
        unsafe { slice::from_raw_parts(self.0, self.1) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping.
        unsafe { libc::munmap(self.0.cast_mut().cast(), self.1) };
    }
}

impl Way {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::SmallProgram,
        Self::Image,
        Self::CheckedImage,
        Self::MovedImage,
        Self::LoadedImage,
        Self::Archive,
        Self::CheckedArchive,
        Self::Decode,
        Self::Copy,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "the same calls and page faults, bare",
            Self::SmallProgram => "image, trusted, in a program of nothing else",
            Self::Image => "image, trusted",
            Self::CheckedImage => "image, checked",
            Self::MovedImage => "image, trusted, moved",
            Self::LoadedImage => "image, loaded into sealed memory, checked",
            Self::Archive => "rkyv, trusted",
            Self::CheckedArchive => "rkyv, checked",
            Self::Decode => "cache file, read and decoded",
            Self::Copy => "the image's bytes, read and not used",
        }
    }

    /// Opens the file of this way in a folder, and reads the first instruction.
    pub(crate) fn open(self, folder: &Path) -> Result<Opened, Box<dyn Error>> {
        let image = folder.join("image");
        // SAFETY: this program's own file, which it wrote before.
        let map = || unsafe { Image::map(&image) };
        // SAFETY: as the writer wrote it.
        let trusted = || map().map(|image| unsafe { image.trust() });
        let opened = match self {
            Self::Bare | Self::SmallProgram | Self::Image => Opened::Image(trusted()?.open()?.into()),
            Self::CheckedImage => Opened::Image(map()?.check::<Program<'_>>()?.open()?.into()),
            Self::MovedImage => Opened::Image(CodeArena::builder().image(&trusted()?).anywhere().build()?.into()),
            Self::LoadedImage => Opened::Image(Image::load(&image)?.check::<Program<'_>>()?.open()?.into()),
            Self::Archive | Self::CheckedArchive => Opened::Archive(Mapping::new(&folder.join("archive"))?),
            Self::Decode => Opened::Decoded(
                decoded::read(&std::fs::read(folder.join("cache"))?).ok_or("a cache file that is none")?,
            ),
            Self::Copy => Opened::Copied(std::fs::read(image)?),
        };
        let first = match &opened {
            Opened::Image(code) => code.root::<Program<'_>>("program")?.modules[0].ops[0],
            Opened::Archive(bytes) => {
                archived::first_op(archived::access(bytes.bytes(), self == Self::CheckedArchive)?)
            }
            Opened::Decoded(modules) => modules[0].ops[0],
            Opened::Copied(_) => 0,
        };
        if first == 0 { Ok(opened) } else { Err("another first instruction".into()) }
    }
}

impl Opened {
    /// Reads everything.
    pub(crate) fn sum(&self) -> Result<u64, Box<dyn Error>> {
        Ok(match self {
            Self::Image(code) => program::sum(code.root("program")?),
            Self::Archive(bytes) => archived::sum(archived::access(bytes.bytes(), false)?),
            Self::Decoded(modules) => decoded::sum(modules),
            Self::Copied(bytes) => program::bytes(bytes),
        })
    }
}
