//! From a program and an image to one file.

use super::embedded::note_of;
use super::note::Note;
use crate::image::format::ImageError;
use crate::image::open::Image;
use crate::image::write;
use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

impl Image {
    /// Writes a program with this image behind it. The program finds it by [`of_current_exe`](Self::of_current_exe). Returns the offset at which the
    /// image begins.
    ///
    /// The output may be the program itself: it is [replaced](crate::image::ImageWriter::write) as a whole. It has the program's permissions, without
    /// those to run as another user. An image that the program carries already is left out, so that it has this one instead.
    ///
    /// Of an image that stands on another, the other is not written with it.
    ///
    /// # What becomes of it
    ///
    /// | | |
    /// | --- | --- |
    /// | a copy, an archive | has the image |
    /// | `strip`, which makers of packages run, and `objcopy` | write the program anew, without it: embed last |
    /// | a signature, or anything else that is added behind it | hides it: sign a program in a way that adds nothing |
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] if a call is refused, [`ImageError::TooLarge`] if no file is so long. The output is as it was then.
    ///
    /// # Cost
    ///
    /// A copy of the program, up to 64 KiB of zeros, the image, and 40 bytes.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// # let folder = std::env::temp_dir().join(format!("permacode-embed-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let (program, output) = (folder.join("mylang"), folder.join("mylang-with-library"));
    /// # std::fs::write(&program, "what the linker made")?;
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?;
    /// assert_eq!(image.embed(&program, &output)?, 65536);
    ///
    /// // SAFETY: nobody writes to it.
    /// let found = unsafe { Image::of_program(std::fs::File::open(&output)?) }?;
    /// assert_eq!(found.digest(), image.digest());
    /// // SAFETY: as above.
    /// let none = unsafe { Image::of_program(std::fs::File::open(&program)?) };
    /// assert_eq!(none.unwrap_err(), ImageError::NoImage);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn embed(&self, program: impl AsRef<Path>, output: impl AsRef<Path>) -> Result<u64, ImageError> {
        write::refuse_devices(output.as_ref())?;
        let failed = |error: io::Error| ImageError::system("reading the program", &error);
        let file = File::open(program).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let bare = match note_of(&file)? {
            Some(note) => note.program,
            None => metadata.len(),
        };
        let image = self.contents()?;
        let note = Note::new(bare, image.len() as u64).ok_or(ImageError::TooLarge)?;
        let permissions = Permissions::from_mode(metadata.permissions().mode() & 0o777);
        let (words, before) = (note.write(), usize::try_from(note.offset).map_err(|_| ImageError::TooLarge)?);
        let bytes = before.saturating_add(image.len()).saturating_add(words.len());
        write::replace(output.as_ref(), bytes, |output| {
            (&file).rewind()?;
            if io::copy(&mut (&file).take(bare), output)? != bare {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            io::copy(&mut io::repeat(0).take(note.offset - bare), output)?;
            output.write_all(image)?;
            output.write_all(&words)?;
            output.set_permissions(permissions.clone())
        })?;
        Ok(note.offset)
    }
}
