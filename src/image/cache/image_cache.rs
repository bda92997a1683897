//! [`ImageCache`]: a folder, and what is believed of it.

use super::cached::{CacheOutcome, Cached, NotKept};
use super::lock::Locks;
use super::name::Name;
use super::sweep::{self, Keep};
use crate::code::CodeArena;
use crate::image::format::ImageError;
use crate::image::open::Image;
use crate::image::shape::Mappable;
use crate::image::write::{self, ImageWriter};
use core::time::Duration;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A folder of images that are built when they are first asked for.
///
/// Many processes may ask at once: one builds, the others wait for it and open what it built. If it dies, another builds. If the folder cannot be
/// written to, each builds for itself, in sealed memory, and [`outcome`](Cached::outcome) says why. So a program has an image in any case.
///
/// ```
/// use permacode::image::{CacheOutcome, ImageCache, ImageError, ImageWriter};
/// use permacode::{Mappable, Permanent};
///
/// #[derive(Permanent, Mappable)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), ImageError> {
/// # let folder = std::env::temp_dir().join(format!("permacode-cache-{}", std::process::id()));
/// let cache = ImageCache::new(&folder);
/// let open = || {
///     cache.open_or_build::<Code<'_>, ImageError>("mylang 3.2, library of May", |arena| {
///         let loader = arena.load("library")?;
///         let main = loader.alloc(Code { name: loader.intern("main")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
///         loader.seal()?;
///         ImageWriter::new(arena).version("mylang 3.2").root("main", main)
///     })
/// };
/// let first = open()?;
/// assert_eq!(first.outcome, CacheOutcome::Built { instead_of: None, without_lock: None });
/// let next = open()?;
/// assert_eq!(next.outcome, CacheOutcome::Found);
///
/// let arena = next.image.open()?;
/// let main: &Code<'_> = arena.root("main")?;
/// assert_eq!((main.name, main.ops), ("main", &[1, 2, 3][..]));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(())
/// # }
/// ```
///
/// # The key
///
/// Any bytes are a key. It stands for the contents: the version of your interpreter, and whatever tells one state of the sources from another. The name
/// of the file is a digest of the key, the types, their layout, the processor and the version of this crate. So programs that were built by
/// different compilers have images of their own, beside each other.
///
/// # What is believed
///
/// | | by default | with your word |
/// | --- | --- | --- |
/// | the bytes cannot change | each process copies the file to sealed memory, as by [`Image::load`] | `unsafe` [`mapped`](Self::mapped): they share the file, as by [`Image::map`] |
/// | they are values | [verified](Image::verify) and [checked](Image::check) | `unsafe` [`trusted`](Self::trusted) |
///
/// Either way the file must belong to the effective user or to root, and nobody else may write to it. A file that is damaged, or not trusted, is
/// built anew. The folder should be one that only its owner may write to, such as one in `~/.cache`. If it is not there it is made so.
///
/// # What is removed
///
/// Whoever puts an image into the folder removes others. Those go that were not used for [thirty days](Self::max_age), and the oldest if all
/// have more than [1 GiB](Self::max_bytes). Use is noted in the file's time, once a day, if the file is the user's own. What was built or noted in
/// the past hour is never removed. To remove a file harms nobody who has it open. The folder can be removed at any time.
///
/// # Locks
///
/// The builder locks a byte of the file `.lock`. The kernel unlocks it when the builder dies. A child that the builder forked meanwhile keeps a
/// dead builder's lock. Therefore nobody waits longer than [thirty seconds](Self::patience). On a file system without locks several
/// may build at once. Their images are equal, and each is put into its place as a whole.
#[derive(Clone, Debug)]
pub struct ImageCache {
    folder: PathBuf,
    keep: Keep,
    patience: Duration,
    is_mapped: bool,
    is_trusted: bool,
}

/// The longest time between two looks at what another builds.
const NAP: Duration = Duration::from_millis(20);

impl ImageCache {
    /// Makes a cache in a folder, which need not be there. Costs no system call.
    ///
    /// ```
    /// let cache = permacode::image::ImageCache::new("/home/ada/.cache/mylang");
    /// ```
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            folder: folder.into(),
            keep: Keep { age: 30 * day, bytes: 1 << 30 },
            patience: Duration::from_secs(30),
            is_mapped: false,
            is_trusted: false,
        }
    }

    /// Maps the files themselves, so that all processes share their pages.
    ///
    /// # Safety
    ///
    /// 1. Nobody writes to a file in the folder, and nobody makes one shorter, while an image of it is open. Caches only rename, remove and
    ///    note times.
    /// 2. The folder does not lie on a file system whose server may do so, such as a network's.
    ///
    /// ```
    /// // SAFETY: the folder is on a disk of this machine, and belongs to this cache alone.
    /// let cache = unsafe { permacode::image::ImageCache::new("/home/ada/.cache/mylang").mapped() };
    /// ```
    #[must_use]
    pub unsafe fn mapped(self) -> Self {
        Self { is_mapped: true, ..self }
    }

    /// Opens what it finds without reading it: no digest is compared, and no value is checked.
    ///
    /// # Safety
    ///
    /// 1. Each file in the folder that has the name of an image was put there by an `ImageCache`.
    /// 2. No byte of it has changed since, also not by a disk that fails.
    ///
    /// ```
    /// // SAFETY: the folder belongs to this cache alone, and the file system has checksums.
    /// let cache = unsafe { permacode::image::ImageCache::new("/home/ada/.cache/mylang").trusted() };
    /// ```
    #[must_use]
    pub unsafe fn trusted(self) -> Self {
        Self { is_trusted: true, ..self }
    }

    /// Sets the time after which an image that nobody used is removed. Thirty days at first.
    ///
    /// ```
    /// use std::time::Duration;
    /// let cache = permacode::image::ImageCache::new("/var/cache/mylang").max_age(Duration::from_secs(7 * 24 * 3600));
    /// ```
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        Self { keep: Keep { age, ..self.keep }, ..self }
    }

    /// Sets the bytes that all images of the folder may have together. 1 GiB at first. An image that was just built is kept in any case.
    ///
    /// ```
    /// let cache = permacode::image::ImageCache::new("/var/cache/mylang").max_bytes(64 << 20);
    /// ```
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { keep: Keep { bytes, ..self.keep }, ..self }
    }

    /// Sets the time that a process waits for another that builds. Thirty seconds at first. Then it builds for itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// let cache = permacode::image::ImageCache::new("/var/cache/mylang").patience(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Opens the image of a key, or builds it and keeps it for the next one.
    ///
    /// `T` is as for [`Image::check`]: the type of the root, or a tuple of types that lead to all roots. `build` loads code into the arena that it
    /// is given, and names the roots. It is called at most once, and not at all if the image is found.
    ///
    /// # Errors
    ///
    /// Those of `build`. Those of [`ImageWriter::seal`] and [`Image::check`] for what was built: a root of a type to which `T` does not lead is
    /// an [`ImageError::Type`]. Nothing else that goes wrong is an error: the image is built, and [`CacheOutcome`] says why.
    ///
    /// # Cost
    ///
    /// If it is found, that of [`Image::load`] or [`Image::map`], [`Image::verify`] and [`Image::check`], and a look at the file's time.
    /// While another builds, a look every 20 ms.
    ///
    /// ```
    /// use permacode::image::{CacheOutcome, ImageCache, ImageError, ImageWriter};
    ///
    /// // A folder that cannot be made.
    /// let cache = ImageCache::new("/proc/mylang");
    /// let seven = cache.open_or_build::<u32, ImageError>("seven", |arena| {
    ///     let loader = arena.load("numbers")?;
    ///     let seven = loader.alloc(7u32)?;
    ///     loader.seal()?;
    ///     ImageWriter::new(arena).root("seven", seven)
    /// })?;
    /// assert!(matches!(seven.outcome, CacheOutcome::NotKept(_)));
    /// assert_eq!(seven.image.open()?.root::<u32>("seven"), Ok(&7));
    /// # Ok::<(), ImageError>(())
    /// ```
    pub fn open_or_build<T: Mappable, E: From<ImageError>>(
        &self,
        key: impl AsRef<[u8]>,
        build: impl for<'a> FnOnce(&'a CodeArena) -> Result<ImageWriter<'a>, E>,
    ) -> Result<Cached, E> {
        let name = Name::new::<T>(key.as_ref())?;
        let path = self.folder.join(&name.file);
        let mut seen = State::of(&path);
        let mut refusal = match self.find::<T>(&path) {
            Ok(found) => return Ok(found),
            Err(refusal) => refusal,
        };
        let apart = |why| move |image| Cached { image, outcome: CacheOutcome::NotKept(why) };
        let locks = match self.locks() {
            Ok(locks) => locks,
            Err(why) => return self.build::<T, E>(build).map(apart(NotKept::Refused(why))),
        };
        let began = Instant::now();
        let mut nap = Duration::from_millis(1);
        let (_held, without_lock) = loop {
            match locks.try_hold(name.slot) {
                Ok(Some(held)) => break (Some(held), None),
                Ok(None) => {}
                Err(why) => break (None, Some(ImageError::system("locking the cache", &why))),
            }
            let waited = began.elapsed();
            if waited >= self.patience {
                return self.build::<T, E>(build).map(apart(NotKept::Busy { waited }));
            }
            std::thread::sleep(nap.min(self.patience - waited));
            nap = NAP.min(2 * nap);
            if let Some(found) = self.find_new::<T>(&path, &mut seen, &mut refusal) {
                return Ok(found);
            }
        };
        // The one that had the lock before may have built it.
        if let Some(found) = self.find_new::<T>(&path, &mut seen, &mut refusal) {
            return Ok(found);
        }
        sweep::clear(&self.folder, &name, &locks, without_lock.is_none());
        let image = self.build::<T, E>(build)?;
        match self.keep::<T>(image.clone(), &path) {
            Ok(image) => {
                sweep::sweep(&self.folder, &name, &locks, without_lock.is_none(), self.keep);
                let is_new = matches!(refusal, ImageError::System { kind: io::ErrorKind::NotFound, .. });
                let instead_of = (!is_new).then_some(refusal);
                Ok(Cached { image, outcome: CacheOutcome::Built { instead_of, without_lock } })
            }
            Err(why) => Ok(apart(NotKept::Refused(why))(image)),
        }
    }

    /// Opens the file, and notes that it is used.
    fn find<T: Mappable>(&self, path: &Path) -> Result<Cached, ImageError> {
        let image = self.open::<T>(path)?;
        sweep::touch(path, self.keep);
        Ok(Cached { image, outcome: CacheOutcome::Found })
    }

    /// Opens the file if it is another than the one that was seen.
    fn find_new<T: Mappable>(&self, path: &Path, seen: &mut Option<State>, refusal: &mut ImageError) -> Option<Cached> {
        let now = State::of(path);
        if now == *seen {
            return None;
        }
        *seen = now;
        self.find::<T>(path).map_err(|why| *refusal = why).ok()
    }

    fn open<T: Mappable>(&self, path: &Path) -> Result<Image, ImageError> {
        let image = if self.is_mapped {
            // SAFETY: the promise of `mapped`.
            unsafe { Image::map(path) }?
        } else {
            Image::load(path)?
        };
        if self.is_trusted {
            // SAFETY: the promise of `trusted`.
            return Ok(unsafe { image.trust() });
        }
        image.verify()?;
        checked::<T>(image)
    }

    fn build<T: Mappable, E: From<ImageError>>(
        &self,
        build: impl for<'a> FnOnce(&'a CodeArena) -> Result<ImageWriter<'a>, E>,
    ) -> Result<Image, E> {
        let arena = CodeArena::new().map_err(ImageError::from)?;
        let sealed = build(&arena)?.seal()?;
        drop(arena);
        Ok(checked::<T>(Image::open_sealed(sealed)?)?)
    }

    /// Puts an image into its place; returns the one to use from there on.
    fn keep<T: Mappable>(&self, image: Image, path: &Path) -> Result<Image, ImageError> {
        let contents = image.contents()?;
        write::replace(path, contents.len(), |file| file.write_all(contents))?;
        if self.is_mapped { self.open::<T>(path) } else { Ok(image) }
    }

    fn locks(&self) -> Result<Locks, ImageError> {
        if !self.folder.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
            made.map_err(|why| ImageError::system("making the folder of the cache", &why))?;
        }
        Locks::open(&self.folder).map_err(|why| ImageError::system("opening the lock of the cache", &why))
    }
}

fn checked<T: Mappable>(image: Image) -> Result<Image, ImageError> {
    let image = image.check::<T>()?;
    image.has_roots_of::<T>()?;
    Ok(image)
}

/// A file's identity, which the one that had its name before does not share: file system, number, and time of the last change.
#[derive(PartialEq, Eq)]
struct State([i64; 4]);

impl State {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self([metadata.dev() as i64, metadata.ino() as i64, metadata.ctime(), metadata.ctime_nsec()]))
    }
}
