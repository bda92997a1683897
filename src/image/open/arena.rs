//! Arenas that begin with an image, and its roots.

use super::image::{Image, Layer};
use super::not_shared::NotShared;
use super::prefix::{Foreword, Front};
use crate::code::value::Permanent;
use crate::code::{CodeArena, CodeArenaBuilder, Share};
use crate::dual::DualArenaBuilder;
use crate::handles::owned::Owned;
use crate::image::format::{Header, ImageError, RootPlace, Tables};
use crate::image::shape::{Fingerprint, Mappable, Shape};
use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::ptr::NonNull;

impl CodeArenaBuilder {
    /// Has the arena begin with an image: its code is there, sealed, as if it had been loaded. More can be loaded behind it. Feature `image`.
    ///
    /// The image is mapped at the address that it was written for, shared with every process that does so. If that cannot be had, half of it is
    /// copied; [`CodeArena::why_not_shared`] says why. A process can have an image at its window once. An arena keeps the image.
    ///
    /// - Its modules, names and sites are the arena's. A loader that interns one of its names gets its copy.
    /// - Links in it are never set: those that were not set when it was written stay so.
    /// - The address space for its code comes on top of the [reservation](Self::reservation), and does not count towards the
    ///   [limit](Self::limit).
    /// - [`CodeArena::harden`] replaces what was copied. What maps a file is as hard to change as that: nobody can make such pages writable.
    /// - Something may lie close behind the window. Then an arena whose size was not chosen has less room for further code, and the image is shared.
    /// - A [source of pages](Self::pages) has pages of 4 KiB or more.
    ///
    /// Called twice, the last image counts.
    ///
    /// # Cost
    ///
    /// Three system calls in all for the arena: it is reserved, the image is mapped, and room for records is made writable. Each image that
    /// stands on another is one more, and one for its tables unless it was checked. Elsewhere it is a few more, up to two for each size that is
    /// tried, and a copy of the half that has references.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageWriter}};
    ///
    /// // Once, when the program is installed or first run:
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("greeting")?;
    /// let text: &&str = loader.alloc(loader.intern("hello")?)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("text", text)?.seal()?)?.check::<&str>()?;
    ///
    /// // At every start:
    /// let arena = CodeArena::builder().image(&image).build()?;
    /// let text: &&str = arena.root("text")?;
    /// assert_eq!(*text, "hello");
    /// assert_eq!(arena.locate(text).map(|at| at.module.name()), Some("greeting"));
    /// let loader = arena.load("more")?; // go on as if it had been loaded
    /// assert!(std::ptr::eq(loader.intern("hello")?, *text));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn image(self, image: &Image) -> Self {
        self.preface(Arc::new(Foreword::new(image)))
    }

    /// Has the [image](Self::image) lie anywhere but at its window. Feature `image`.
    ///
    /// The window is an address that others can know, if they know the image. Known addresses of data weaken the randomisation of addresses, even if
    /// the data cannot be written. The price is that the half with references is this process's own. Without an image it changes nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter, NotShared}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?;
    /// let arena = CodeArena::builder().image(&image).anywhere().build()?;
    /// assert_eq!(arena.why_not_shared(), Some(&NotShared::Asked));
    /// assert_eq!(arena.root::<u32>("number"), Ok(&7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn anywhere(self) -> Self {
        self.preface_elsewhere()
    }
}

impl DualArenaBuilder {
    /// Has the code arena begin with an image: [`CodeArenaBuilder::image`]. Feature `image`.
    ///
    /// ```
    /// use permacode::image::{Image, ImageWriter};
    /// use permacode::{CodeArena, DualArena};
    ///
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?;
    /// let arenas = DualArena::builder().heap_limit(1 << 20).image(&image).build()?;
    /// assert_eq!(arenas.code.root::<u32>("number"), Ok(&7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn image(self, image: &Image) -> Self {
        self.code(|code| code.image(image))
    }
}

impl CodeArena {
    /// Returns the root of this name of the [image](crate::code::CodeArenaBuilder::image) that the arena began with, or of the images below
    /// it. Feature `image`.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoRoot`] if there is none. [`ImageError::Type`] if it is of another type, or of one that is laid out otherwise. To say what it is
    /// of, the file may have to be mapped; [`ImageError::System`] if that is refused.
    /// [`ImageError::NotChecked`] if the image was neither [checked](crate::image::Image::check) for this type nor
    /// [trusted](crate::image::Image::trust).
    ///
    /// # Cost
    ///
    /// A search by name. For the first root of a type also the [fingerprint](Fingerprint) of the type.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?;
    /// let arena = CodeArena::builder().image(&image).build()?;
    /// assert_eq!(arena.root("number"), Ok(&7u32));
    /// assert_eq!(arena.root::<u32>("other").unwrap_err(), ImageError::NoRoot("other".into()));
    /// assert_eq!(arena.root::<i32>("number").unwrap_err().to_string(), "the root is a `u32`, expected a `i32`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root<'a, T: Mappable + Permanent<At<'a> = T>>(&'a self, name: &str) -> Result<&'a T, ImageError> {
        let at = self.place_of_root::<T>(name)?;
        // SAFETY:
        // 1. The root is of a type with this fingerprint, and the check or the user says that it is a value, and all that it leads to.
        // 2. The bytes do not change while the image is kept, and stay mapped while `self` is borrowed, for 'a.
        // 3. `T` is its own `At<'a>`, so each reference in it is of 'a: the promise of `Mappable`.
        // 4. Code begins with a page, runs are aligned within it, and no type of theirs asks for more than a page. What has no bytes dangles,
        //    aligned.
        Ok(unsafe { at.as_ref() })
    }

    /// The root of this name, if it is of this type and may be read. What has no bytes dangles, aligned.
    fn place_of_root<T: Mappable>(&self, name: &str) -> Result<NonNull<T>, ImageError> {
        let find = |front: &'_ Front| {
            let mut layers = (0..front.layers.len()).rev();
            let (layer, root) = layers.find_map(|layer| Some((layer, front.tables(layer).find_root(name)?)))?;
            let read = read(&front.layers[layer], front.tables(layer), root, T::SHAPE);
            Some(read.map(|()| front.place(root.at)))
        };
        let at = self.front().and_then(find).ok_or_else(|| ImageError::NoRoot(name.to_owned()))??;
        Ok(if size_of::<T>() == 0 { NonNull::dangling() } else { at.cast() })
    }

    /// Returns the reason why the [image](crate::code::CodeArenaBuilder::image) that the arena began with is not at its window, shared as a
    /// whole with other processes. `None` if it is, or if there is no image. Feature `image`.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter, NotShared}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?;
    /// let first = CodeArena::builder().image(&image).build()?;
    /// let second = CodeArena::builder().image(&image).build()?;
    /// // The first has the window.
    /// assert!(matches!(second.why_not_shared(), Some(NotShared::WindowTaken { by: Some(_), .. })));
    /// assert_eq!(first.root::<u32>("number"), second.root::<u32>("number"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn why_not_shared(&self) -> Option<&NotShared> {
        self.front()?.why_not_shared.as_ref()
    }

    /// The byte at an offset of the code of the image that the arena began with, the newest of a chain.
    pub(super) fn byte_of_image(&self, offset: usize) -> NonNull<u8> {
        let byte = |front: &Front| front.layers.last().map(|newest| front.place(newest.source.header.below + offset));
        self.front().and_then(byte).unwrap_or(NonNull::dangling())
    }

    /// The address of the lowest image that the arena began with, and the header of the highest.
    pub(in crate::image) fn image_below(&self) -> Option<(usize, &Header)> {
        let front = self.front()?;
        Some((front.place(0).addr().get(), &front.layers.last()?.source.header))
    }

    /// The run at a place of the images that the arena began with. It has the fingerprint of its type, and its bytes before and behind the place.
    pub(in crate::image) fn run_below(&self, place: usize) -> Option<(Fingerprint, usize, usize)> {
        let front = self.front()?;
        let (layer, run, _) = front.run_at(place)?;
        let (at, tables) = (place - front.layers[layer].source.header.below, front.tables(layer));
        Some((tables.type_of(run.of)?.fingerprint, at - run.start, tables.bytes_of(&run).end - at))
    }

    fn front(&self) -> Option<&Front> {
        self.prefix()?.as_any().downcast_ref()
    }
}

impl<T: Mappable> Owned<T> {
    /// Owns the root of this name of the [image](crate::code::CodeArenaBuilder::image) that an arena began with. Feature `image`.
    ///
    /// The owner keeps the arena, and with it the image, as every owner does. [`Loader::at`](crate::Loader::at) refers to it from other arenas.
    ///
    /// # Errors
    ///
    /// Those of [`CodeArena::root`].
    ///
    /// ```
    /// use permacode::{CodeArena, Owned, image::{Image, ImageWriter}};
    /// use std::sync::Arc;
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let pair = loader.alloc((7u32, loader.intern("seven")?))?;
    /// loader.seal()?;
    /// let file = ImageWriter::new(&arena).root("pair", pair)?.seal()?;
    /// let image = Image::open_sealed(file)?.check::<(u32, &str)>()?;
    ///
    /// let arena = Arc::new(CodeArena::builder().image(&image).build()?);
    /// let pair: Owned<(u32, &str)> = Owned::root(&arena, "pair")?;
    /// drop((arena, image));
    /// assert_eq!(pair.get(), &(7, "seven"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::root`], and a count.
    pub fn root(arena: &Arc<CodeArena>, name: &str) -> Result<Self, ImageError> {
        let at = arena.place_of_root::<T>(name)?;
        // SAFETY: a `T::At<'x>` for each time 'x that the arena lives, by the reasons in `CodeArena::root`, also for the one that ends with the
        // arena's last share. The description is that of the type at every lifetime.
        Ok(unsafe { Self::from_parts(at, Share::new(arena)) })
    }
}

/// Says whether a root of an image may be read as what a description says.
fn read(layer: &Layer, tables: Tables<'_>, root: RootPlace, shape: &'static Shape) -> Result<(), ImageError> {
    let source = &layer.source;
    root.check(source.places.types(), &source.header)?;
    if !source.alike.knows(root.of, shape) {
        if tables.type_of(root.of).is_none_or(|found| found.fingerprint != Fingerprint::of_shape(shape)) {
            return Err(source.mismatch(root.of, shape)?);
        }
        source.alike.learn(root.of, shape);
    }
    if layer.values.cover(shape) { Ok(()) } else { Err(ImageError::NotChecked { of: shape.name() }) }
}
