//! The ways to an [`Image`]: a copy in sealed memory, sealed memory itself, and a file as it is.

use super::alike::Alike;
use super::backing::Backing;
use super::bytes::FileBytes;
use super::image::{Image, Source};
use super::trust;
use super::values::Values;
use crate::image::format::{HEADER, Header, ImageError, TablePlaces, filled, version};
use crate::pages;
use alloc::sync::Arc;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes that are read first: the header, the counts behind it, and most likely the author's text.
const BEGIN: usize = HEADER + 512;

impl Image {
    /// Copies the file to sealed memory, where nobody can change it.
    ///
    /// # Errors
    ///
    /// [`ImageError::Untrusted`] unless the file belongs to the effective user or to root, and neither its group nor others may write to it.
    /// [`options`](Self::options) trusts further owners. A symbolic link at the end of the path is refused. Hard links are not, since they give
    /// nobody the right to write. Other errors say why the file is not an image of this machine, or which call the system refused.
    ///
    /// # Cost
    ///
    /// A copy of the file in memory of this process's own, which a fork shares. The kernel makes it, so there is no other copy meanwhile.
    ///
    /// ```
    /// use permacode::image::{Image, ImageError};
    ///
    /// assert!(matches!(Image::load("/nowhere/mylang.image"), Err(ImageError::System { .. })));
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::options().load(path)
    }

    /// Takes a memory file that is sealed against writing, growing and shrinking, such as
    /// [`ImageWriter::seal`](crate::image::ImageWriter::seal) makes. It may come from another process.
    ///
    /// # Errors
    ///
    /// [`ImageError::NotSealed`] if a seal is missing. Other errors say why it is not an image of this machine.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?;
    /// assert_eq!(image.check::<u32>()?.open()?.root::<u32>("number"), Ok(&7));
    ///
    /// let ordinary = std::fs::File::open("/proc/self/exe")?;
    /// assert_eq!(Image::open_sealed(ordinary).unwrap_err(), ImageError::NotSealed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_sealed(file: File) -> Result<Self, ImageError> {
        let backing = Backing::sealed(file)?;
        let len = trust::len(&backing.file)?;
        // SAFETY: the kernel keeps the seals for as long as the file is there: no byte changes, and none goes away.
        unsafe { Self::new(backing, 0, len) }
    }

    /// Takes a file as it is, and maps it. All processes that do share its pages.
    ///
    /// # Safety
    ///
    /// 1. Nobody writes to the file, and nobody makes it shorter, while this value, its clones and what they opened live. To replace it by
    ///    another file is fine: [`ImageWriter::write`](crate::image::ImageWriter::write) does.
    /// 2. It does not lie on a file system whose server may do so, such as a network's.
    ///
    /// A page that is gone from the file is answered by `SIGBUS`.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let folder = std::env::temp_dir().join(format!("permacode-map-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("mylang.image");
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// # ImageWriter::new(&arena).root("number", number)?.write(&path)?;
    /// // SAFETY: the installer wrote it, and only replaces it.
    /// let image = unsafe { Image::map(&path) }?.check::<u32>()?;
    /// assert_eq!(image.open()?.root::<u32>("number"), Ok(&7));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn map(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        // SAFETY: the caller's promise.
        unsafe { Self::options().map(path) }
    }

    /// Takes an image that begins at an offset of an open file, and ends with it: behind a program, say. Whose file it is is not asked.
    ///
    /// # Safety
    ///
    /// As for [`map`](Self::map).
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map). [`ImageError::Offset`] unless the offset is a multiple of a page.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let folder = std::env::temp_dir().join(format!("permacode-map-file-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("program");
    /// # let arena = CodeArena::new()?;
    /// let mut program = vec![0; 65536];
    /// ImageWriter::new(&arena).version("1").write_to(&mut program)?;
    /// # std::fs::write(&path, program)?;
    /// // SAFETY: nobody writes to a program that runs.
    /// let image = unsafe { Image::map_file(std::fs::File::open(&path)?, 65536) }?;
    /// assert_eq!(image.version(), "1");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn map_file(file: File, offset: u64) -> Result<Self, ImageError> {
        let len = trust::len(&file)?.saturating_sub(offset);
        // SAFETY: the caller's promise.
        unsafe { Self::new(Backing::given(file), offset, len) }
    }

    /// # Safety
    ///
    /// The `len` bytes of the file from `offset` on do not change, and none goes away, while this value and its clones live.
    pub(in crate::image) unsafe fn new(backing: Backing, offset: u64, len: u64) -> Result<Self, ImageError> {
        let bytes = usize::try_from(len).map_err(|_| ImageError::TooLarge)?;
        if bytes < HEADER {
            return Err(ImageError::NoImage);
        }
        let page = pages::page_of_system();
        if offset % page as u64 != 0 {
            return Err(ImageError::Offset { offset, page });
        }
        let mut begin = [0; BEGIN];
        let begin = &mut begin[..bytes.min(BEGIN)];
        read(&backing.file, begin, offset)?;
        let (front, index) = begin.split_first_chunk().ok_or(ImageError::NoImage)?;
        let header = Header::read(front, len)?;
        let index = &index[..index.len().min(header.index)];
        let places = TablePlaces::new(index, header.index)?;
        let version = match index.get(places.version.clone()) {
            Some(text) => version(text)?,
            None => {
                let mut text = filled(0, places.version.len())?;
                read(&backing.file, &mut text, offset + (HEADER + places.version.start) as u64)?;
                version(&text)?
            }
        };
        let (alike, bytes) = (Alike::new(places.types())?, FileBytes::new(offset, bytes));
        let source = Source { backing, offset, header, version, places, bytes, alike };
        Ok(Self { source: Arc::new(source), values: Values::Checked(None), parent: None })
    }
}

fn read(file: &File, bytes: &mut [u8], at: u64) -> Result<(), ImageError> {
    file.read_exact_at(bytes, at).map_err(|error| ImageError::system("reading the image", &error))
}
