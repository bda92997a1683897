//! [`OpenImage`]: mapped code, and its values by name.

use super::image::{Source, Values};
use super::placed::{NotShared, Placed};
use crate::code::Permanent;
use crate::image::format::ImageError;
use crate::image::shape::{Fingerprint, Mappable, Shape};
use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;

/// An image that is mapped, whose values are read through plain references.
///
/// [`Image::open`](crate::image::Image::open) makes it. It is `Send` and `Sync`: threads share it by reference. The values live as long as it
/// is borrowed.
///
/// ```
/// use permacode::{CodeArena, Link, Mappable, Permanent, image::{Image, ImageWriter}};
///
/// #[derive(Permanent, Mappable)]
/// struct Function<'a> {
///     name: &'a str,
///     parent: Link<'a, Function<'a>>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let function = |name| loader.alloc(Function { name, parent: Link::unset() });
/// let (inner, outer) = (function("inner")?, function("outer")?);
/// loader.link(&inner.parent, outer)?;
/// loader.link(&outer.parent, inner)?; // a cycle
/// loader.seal()?;
///
/// let image = Image::open_sealed(ImageWriter::new(&arena).root("inner", inner)?.seal()?)?;
/// let code = image.check::<Function<'_>>()?.open()?;
/// let inner: &Function<'_> = code.root("inner")?;
/// let outer = inner.parent.get().expect("it is set");
/// assert_eq!(outer.name, "outer");
/// assert!(std::ptr::eq(outer.parent.get().expect("it is set"), inner));
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// Dropping it gives the mapping back in one system call.
pub struct OpenImage {
    source: Arc<Source>,
    values: Values,
    placed: Placed,
}

impl OpenImage {
    pub(super) fn new(source: Arc<Source>, values: Values, placed: Placed) -> Self {
        Self { source, values, placed }
    }

    /// Returns the root of this name.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoRoot`] if there is none. [`ImageError::Type`] if it is of another type, or of one that is laid out otherwise.
    /// [`ImageError::NotChecked`] if the image was neither [checked](crate::image::Image::check) for this type nor
    /// [trusted](crate::image::Image::trust).
    ///
    /// # Cost
    ///
    /// A search by name, and the [fingerprint](Fingerprint) of the type.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let code = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?.open()?;
    /// assert_eq!(code.root("number"), Ok(&7u32));
    /// assert_eq!(code.root::<u32>("other").unwrap_err(), ImageError::NoRoot("other".into()));
    /// assert_eq!(code.root::<i32>("number").unwrap_err().to_string(), "the root is a `u32`, expected a `i32`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root<'i, T: Mappable + Permanent<At<'i> = T>>(&'i self, name: &str) -> Result<&'i T, ImageError> {
        let at = self.find(name, T::SHAPE)?;
        let at = if size_of::<T>() == 0 { NonNull::dangling() } else { self.placed.at(at).cast::<T>() };
        // SAFETY:
        // 1. The root is of a type with this fingerprint, and the check or the user says that it is a value, and all that it leads to.
        // 2. The bytes do not change while the source is kept, and the mapping stays while `self` is borrowed, for 'i.
        // 3. `T` is its own `At<'i>`, so each reference in it is of 'i: the promise of `Mappable`.
        // 4. Code begins with a page, runs are aligned within it, and no type of theirs asks for more than a page. What has no bytes dangles,
        //    aligned.
        Ok(unsafe { at.as_ref() })
    }

    /// The place in the code of the root of this name, if it is of the described type and may be read.
    fn find(&self, name: &str, shape: &'static Shape) -> Result<usize, ImageError> {
        let root = self.source.index.root(name).ok_or_else(|| ImageError::NoRoot(name.to_owned()))?;
        let fingerprint = Fingerprint::of_shape(shape);
        let found = &self.source.index.types[root.of as usize];
        if found.fingerprint != fingerprint {
            return Err(ImageError::Type {
                expected: (shape.name(), fingerprint),
                found: (found.name.clone(), found.fingerprint),
            });
        }
        if !self.values.cover(shape) {
            return Err(ImageError::NotChecked { of: shape.name() });
        }
        Ok(root.at)
    }

    /// Returns `true` if an address lies in the image's code.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// # let code = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?.open()?;
    /// assert!(code.contains(code.root::<u32>("number")?));
    /// assert!(!code.contains(number));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains<T: ?Sized>(&self, ptr: *const T) -> bool {
        self.placed.contains(ptr.cast::<u8>().addr())
    }

    /// Returns the reason why the image is not at its window, shared as a whole with other processes. `None` if it is.
    ///
    /// See [`Image::open`](crate::image::Image::open) for an example.
    pub fn why_not_shared(&self) -> Option<&NotShared> {
        self.placed.why_not_shared.as_ref()
    }
}

impl fmt::Debug for OpenImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenImage")
            .field("version", &self.source.index.version)
            .field("why_not_shared", &self.why_not_shared())
            .finish_non_exhaustive()
    }
}
