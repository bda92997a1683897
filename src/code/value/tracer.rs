//! The references of a value, shown place by place to a walk or a copy of a graph of blocks.
//!
//! ```text
//!   block  ┌ name: &str ┬ ops: &[u8] ┬ parent: Link ┬ sites: Sites ┐
//!          └─────┬──────┴─────┬──────┴──────┬───────┴──────┬───────┘
//!              place        place         place          place       each shown to the tracer, with the block or the numbers there
//! ```
//!
//! A copy of a graph needs to know two things of each place. They are the block that it leads to, and the way to write
//! a new address there. It does not need to know types, because a type at another lifetime has the same layout
//! ([`Permanent::At`]).

use super::link::Link;
use super::permanent::Permanent;
use super::sites::Sites;
use core::any::Any;
use core::fmt;
use core::ptr::{self, NonNull};

/// Takes note of everything that a value refers to, which [`Permanent::trace`] shows to it. Nothing else can be done with it.
///
/// Only an `impl` of [`Permanent`] by hand names it: it hands the tracer on to each field that refers to something.
/// [`CodeRef::promote`](crate::CodeRef::promote) copies exactly the references that were shown. Two words, on the
/// stack; being shown a reference costs a call.
///
/// ```
/// use permacode::{CodeRef, DualArena, Permanent, Transients};
/// use permacode::code::Tracer;
///
/// #[repr(align(2))]
/// struct Name<'a>(&'a str);
///
/// // SAFETY: a reference to text; no cell, no drop glue, covariant, and the one reference is traced.
/// unsafe impl Permanent for Name<'_> {
///     type At<'x> = Name<'x>;
///
///     fn trace(&self, tracer: &mut Tracer<'_>) {
///         self.0.trace(tracer);
///     }
/// }
///
/// let arenas = DualArena::new()?;
/// let transients = Transients::new(&arenas.code, &arenas.heap);
/// let evaluated: CodeRef<'_, Name<'_>> = CodeRef::transient(&transients, |loader| loader.alloc(Name(loader.alloc_str("eval")?)))?;
/// let loader = arenas.code.load("kept")?;
/// let kept: &Name<'_> = evaluated.promote(&loader)?;
/// assert!(arenas.code.contains(kept.0)); // the text was shown, so it was copied too
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Invariant in `'t`.
pub struct Tracer<'t> {
    show: &'t mut dyn FnMut(Found),
}

/// A part of a value that a copy of the value must have in another form.
pub(crate) enum Found {
    /// A reference, or a link that is set.
    Reference(Reference),
    /// A range of site numbers.
    Sites(NonNull<Sites>),
}

/// A place in a block that leads to another one.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    /// The place of the reference itself.
    pub(crate) place: NonNull<u8>,
    /// The block that it leads to.
    pub(crate) block: Block,
    pub(crate) kind: Kind,
    /// Writes, at a place like this one, a reference to a block like this one, with so many elements.
    write: unsafe fn(place: NonNull<u8>, to: NonNull<u8>, len: usize),
}

/// The kind of a reference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// A `&str`.
    Text,
    /// A [`Name`](crate::Name), of which each arena has a copy of its own.
    Name,
    Link,
}

/// A value or a slice, its type forgotten.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) start: NonNull<u8>,
    pub(crate) bytes: usize,
    pub(crate) align: usize,
    /// Elements.
    len: usize,
    trace: unsafe fn(NonNull<u8>, usize, &mut Tracer<'_>),
}

impl Block {
    /// A slice, or a value as a slice of one.
    pub(crate) fn new<T: Permanent>(elements: &[T]) -> Self {
        /// # Safety
        ///
        /// `start` is that of a live slice of `len` elements of this type, at any lifetime.
        unsafe fn trace<T: Permanent>(start: NonNull<u8>, len: usize, tracer: &mut Tracer<'_>) {
            // SAFETY: the caller's promise.
            let elements = unsafe { NonNull::slice_from_raw_parts(start.cast::<T>(), len).as_ref() };
            elements.iter().for_each(|element| element.trace(tracer));
        }
        Self {
            start: NonNull::from(elements).cast(),
            bytes: size_of_val(elements),
            align: align_of::<T>(),
            len: elements.len(),
            trace: trace::<T>,
        }
    }

    /// Shows what the block refers to.
    ///
    /// # Safety
    ///
    /// The block is live.
    pub(crate) unsafe fn trace(&self, show: &mut dyn FnMut(Found)) {
        // SAFETY: the caller's promise; the function is the one for the block's type.
        unsafe { (self.trace)(self.start, self.len, &mut Tracer { show }) };
    }
}

impl Reference {
    /// Makes the reference that lies at `place`, which is laid out like this one, lead to `to`.
    ///
    /// # Safety
    ///
    /// 1. `place` may be written to, and nobody refers to it.
    /// 2. `to` is a copy of the block, or the arena's copy of a name. For a block without bytes it is aligned.
    pub(crate) unsafe fn redirect(&self, place: NonNull<u8>, to: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { (self.write)(place, to, self.block.len) };
    }
}

impl Tracer<'_> {
    /// Shows a reference to a value.
    pub(in crate::code) fn value<T: Permanent>(&mut self, at: &&T) {
        /// # Safety
        ///
        /// See [`Reference::redirect`].
        unsafe fn write<T>(place: NonNull<u8>, to: NonNull<u8>, _: usize) {
            // SAFETY: the caller's promise; a reference is laid out like a pointer.
            unsafe { place.cast::<NonNull<T>>().write(to.cast()) };
        }
        let block = Block::new(core::slice::from_ref(*at));
        self.reference(ptr::from_ref(at).cast(), block, write::<T>, Kind::Plain);
    }

    /// Shows a reference to a slice.
    pub(in crate::code) fn slice<T: Permanent>(&mut self, at: &&[T]) {
        /// # Safety
        ///
        /// See [`Reference::redirect`].
        unsafe fn write<T>(place: NonNull<u8>, to: NonNull<u8>, len: usize) {
            // SAFETY: the caller's promise; a reference is laid out like a pointer.
            unsafe { place.cast::<NonNull<[T]>>().write(NonNull::slice_from_raw_parts(to.cast(), len)) };
        }
        self.reference(ptr::from_ref(at).cast(), Block::new(at), write::<T>, Kind::Plain);
    }

    /// Shows a reference to text.
    pub(in crate::code) fn text(&mut self, at: &&str) {
        self.text_as(at, Kind::Text);
    }

    /// Shows a name, which is laid out as a reference to its text.
    pub(in crate::code) fn name(&mut self, at: &&str) {
        self.text_as(at, Kind::Name);
    }

    fn text_as(&mut self, at: &&str, kind: Kind) {
        /// # Safety
        ///
        /// See [`Reference::redirect`].
        unsafe fn write(place: NonNull<u8>, to: NonNull<u8>, len: usize) {
            let text = NonNull::slice_from_raw_parts(to, len).as_ptr() as *mut str;
            // SAFETY: the caller's promise; a reference is laid out like a pointer.
            unsafe { place.cast::<*mut str>().write(text) };
        }
        self.reference(ptr::from_ref(at).cast(), Block::new(at.as_bytes()), write, kind);
    }

    /// Shows a link, if it is set.
    pub(in crate::code) fn link<T: Permanent>(&mut self, at: &Link<'_, T>) {
        /// # Safety
        ///
        /// See [`Reference::redirect`].
        unsafe fn write<T>(place: NonNull<u8>, to: NonNull<u8>, _: usize) {
            // SAFETY: the caller's promise; a link is an atomic pointer, which is laid out like a pointer.
            unsafe { place.cast::<*mut T>().write(to.cast().as_ptr()) };
        }
        if let Some(to) = at.get() {
            self.reference(ptr::from_ref(at).cast(), Block::new(core::slice::from_ref(to)), write::<T>, Kind::Link);
        }
    }

    /// Shows a plain value, of a type that is `Copy` and not known to be [`Permanent`]. It leads nowhere, so this does nothing
    /// unless the value is [`Sites`].
    ///
    /// The derive calls it for plain fields. Call it for such a field in an implementation by hand.
    ///
    /// ```
    /// use permacode::Permanent;
    /// use permacode::code::Tracer;
    ///
    /// struct Cached<K>(K, u32);
    ///
    /// // SAFETY: a plain value and a number (see `Plain`), and the value is shown.
    /// unsafe impl<K: Copy + Send + Sync + 'static> Permanent for Cached<K> {
    ///     type At<'x> = Self;
    ///
    ///     fn trace(&self, tracer: &mut Tracer<'_>) {
    ///         tracer.plain(&self.0);
    ///     }
    /// }
    /// # let arena = permacode::CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # assert_eq!(loader.alloc(Cached(loader.sites(1)?, 2))?.1, 2);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Nothing: the compiler knows the type.
    #[inline]
    pub fn plain<T: 'static>(&mut self, value: &T) {
        if let Some(sites) = (value as &dyn Any).downcast_ref::<Sites>() {
            self.sites(sites);
        }
    }

    /// Shows a range of sites.
    pub(in crate::code) fn sites(&mut self, at: &Sites) {
        (self.show)(Found::Sites(NonNull::from(at)));
    }

    fn reference(
        &mut self,
        place: *const u8,
        block: Block,
        write: unsafe fn(NonNull<u8>, NonNull<u8>, usize),
        kind: Kind,
    ) {
        if let Some(place) = NonNull::new(place.cast_mut()) {
            (self.show)(Found::Reference(Reference { place, block, kind, write }));
        }
    }
}

impl fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").finish_non_exhaustive()
    }
}
