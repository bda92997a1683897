//! The proofs of an image: that its bytes are values, and that they are those that were written.

use super::below::Below;
use super::body::Body;
use super::check;
use super::check_names::check_names;
use super::check_options::CheckOptions;
use super::cycles;
use super::image::Image;
use super::known::KnownTypes;
use super::values::Values;
use super::verify::{self, Verify};
use crate::code::CodeArena;
use crate::image::format::{Contents, Digest, ImageError, Index};
use crate::image::shape::{Mappable, Shape};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Image {
    /// Checks that all values of type `T`, and of the types that it leads to, are values. Values of types that `T` does not lead to are passed
    /// over; nothing that was checked refers to them.
    ///
    /// Call it once for each type of root, or once for a tuple that leads to all: `check::<(&Code, &Table)>()`. If a root leads into the middle
    /// of a value of another type, check that type first.
    ///
    /// It proves what the compiler relies on. A `bool` is 0 or 1, text is UTF-8, a reference leads to a value of its type. It does not prove that
    /// references make no cycle, which a program without [`Link`](crate::Link) could not have made. Nor does it prove what only your
    /// interpreter knows, such as jumps that stay within their code. For that a type names
    /// [a check of your own](crate::Mappable#a-check-of-your-own), which is called here.
    ///
    /// # Errors
    ///
    /// [`ImageError::BadValue`] says where the first bad value lies, and what is wrong. [`ImageError::Index`] if the tables are damaged.
    /// [`ImageError::Refused`] has the words of your own check. [`ImageError::System`] if there is no address space to map the image for it.
    ///
    /// # Panics
    ///
    /// If your own check does.
    ///
    /// # Cost
    ///
    /// Time in proportion to the file, whoever wrote it, and memory for the tables alone. If a type has a check of your own, the image is mapped
    /// once more, as by [`open`](Self::open), and unmapped.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text: &&str = loader.alloc(loader.alloc_str("text")?)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("text", text)?.seal()?)?;
    /// assert_eq!(image.open()?.root::<&str>("text").unwrap_err(), ImageError::NotChecked { of: "&str" });
    /// assert_eq!(image.check::<&str>()?.open()?.root::<&str>("text"), Ok(&"text"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check<T: Mappable>(self) -> Result<Self, ImageError> {
        self.check_with::<T>(CheckOptions::new())
    }

    /// Does the same as [`check`](Self::check), on several threads, or with a proof that references make no cycle.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check). [`ImageError::Cycle`] if cycles are looked for, and there is one.
    ///
    /// # Panics
    ///
    /// If your own check does.
    ///
    /// See [`CheckOptions`] for an example, and for what it costs.
    pub fn check_with<T: Mappable>(self, options: CheckOptions) -> Result<Self, ImageError> {
        self.check_shape(T::SHAPE, options)
    }

    fn check_shape(self, shape: &'static Shape, options: CheckOptions) -> Result<Self, ImageError> {
        self.stands()?;
        // Those below first: what this one leads to there is proved then.
        let parent = match self.parent.clone() {
            // A proof that there is no cycle is one of each image.
            Some(parent) if !options.acyclic && parent.is_known(shape)? => Some(parent),
            Some(parent) => Some(Arc::new(Self::clone(&parent).check_shape(shape, options)?)),
            None => None,
        };
        let this = Self { parent, ..self };
        let of_file = this.source.type_places()?;
        let before = this.values.types(of_file.len())?;
        let types = before.with(shape, &of_file)?;
        this.check_types(&types, &before, options)?;
        let values = match this.values {
            Values::Trusted => Values::Trusted,
            Values::Checked(_) => Values::Checked(Some(Arc::new(types))),
        };
        Ok(Self { values, ..this })
    }

    /// Returns `true` if there is nothing to be checked for a type: somebody has vouched for it, or all that it leads to was checked.
    fn is_known(&self, shape: &'static Shape) -> Result<bool, ImageError> {
        let here = match &self.values {
            Values::Trusted => true,
            Values::Checked(None) => false,
            Values::Checked(Some(types)) => {
                types.shapes.len() == types.with(shape, &self.source.type_places()?)?.shapes.len()
            }
        };
        Ok(here && self.parent.as_ref().map_or(Ok(true), |parent| parent.is_known(shape))?)
    }

    /// Checks the values of types, but for those of types that were checked `before`.
    fn check_types(&self, types: &KnownTypes, before: &KnownTypes, options: CheckOptions) -> Result<(), ImageError> {
        let header = &self.source.header;
        let [tables] = self.source.parts([header.tables_range()])?;
        let (index, _) = Index::read(tables, header)?;
        let body = Body::of(&self.source, &index)?;
        check::check(body, types, before, &self.below(types)?, options.threads)?;
        let text = |range| Ok(Cow::Borrowed(body.code.get(range).unwrap_or_default()));
        check_names(self.source.tables()?, &index, body.code.len(), text)?;
        if options.acyclic {
            cycles::refuse(body, types)?;
        }
        if types.shapes.len() > before.shapes.len() && verify::is_needed(types) {
            let arena = CodeArena::builder().image(self).reservation(1).build()?;
            // SAFETY: they were checked right above, or before. The arena begins with this image.
            unsafe { Verify::new(body, types, &arena) }.all(options.threads)?;
        }
        Ok(())
    }

    /// The images below, with the types that are proved there or vouched for, of those that this program asks for.
    fn below(&self, types: &KnownTypes) -> Result<Vec<Below>, ImageError> {
        let images = core::iter::successors(self.parent.as_deref(), |image| image.parent.as_deref());
        let below = images.map(|image| {
            let of_file = image.source.type_places()?;
            let mut known = image.values.types(of_file.len())?;
            if let Values::Trusted = image.values {
                types.asked.iter().try_for_each(|shape| known.learn(shape, &of_file))?;
            }
            Below::new(image.source.clone(), known)
        });
        below.collect()
    }

    /// Takes your word that all bytes are values.
    ///
    /// # Safety
    ///
    /// 1. The image is as [`ImageWriter`](crate::image::ImageWriter) wrote it. A digest that you know proves it: see [`pin`](Self::pin).
    /// 2. If it stands [on others](Self::on), they are those that it was written on, and they are so too.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?;
    /// // SAFETY: written right here.
    /// let image = unsafe { image.trust() };
    /// assert_eq!(image.open()?.root::<u32>("number"), Ok(&7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn trust(self) -> Self {
        Self { values: Values::Trusted, ..self }
    }

    /// Checks that the contents are those of the digest in the header: that no bit has changed since the image was written.
    ///
    /// Whoever changed it on purpose changed the digest too. [`pin`](Self::pin) compares with one that you know.
    ///
    /// # Errors
    ///
    /// [`ImageError::Digest`], with both.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let image = permacode::image::Image::open_sealed(permacode::image::ImageWriter::new(&arena).seal()?)?;
    /// assert_eq!(image.verify(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<(), ImageError> {
        self.compare(self.digest())
    }

    /// Checks that the contents have this digest. Then they are those that were written with it, whoever wrote the file.
    ///
    /// It says nothing of the images that this one stands [on](Self::on): pin each of them with its own digest.
    ///
    /// # Errors
    ///
    /// [`ImageError::Digest`], with both.
    ///
    /// ```
    /// use permacode::image::{Digest, Image, ImageError, ImageWriter};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).seal()?)?;
    /// let known = image.digest();
    /// assert!(image.clone().pin(known).is_ok());
    /// assert!(matches!(image.pin(Digest::from_bytes([0; 32])), Err(ImageError::Digest { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pin(self, digest: Digest) -> Result<Self, ImageError> {
        self.compare(digest)?;
        Ok(self)
    }

    fn compare(&self, expected: Digest) -> Result<(), ImageError> {
        let header = &self.source.header;
        let ranges = [header.index_range(), header.linked_range(), header.leaf_range(), header.marks_range()];
        let [index, linked, leaf, marks] = self.source.parts(ranges)?;
        let (below, sites) = ((header.parent, header.below), (header.sites, header.tag));
        let found = Contents { index, linked, leaf, marks, base: header.base(), below, sites }.digest(|_| ());
        if found == expected { Ok(()) } else { Err(ImageError::Digest { expected, found }) }
    }
}
