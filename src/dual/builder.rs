//! Settings of two arenas, chosen before they exist.

use super::arena::DualArena;
use crate::code::CodeArenaBuilder;
use crate::error::{ErrorAt, Place};
use crate::heap::HeapArenaBuilder;
use crate::pages::PageSource;
use alloc::sync::Arc;

/// Settings of a [`DualArena`] to be made. Sizes are in bytes; choosing costs nothing, [`build`](Self::build) does.
///
/// What is often chosen has a method here. The rest is chosen by [`code`](Self::code) and [`heap`](Self::heap), which lend the builders of both arenas.
///
/// ```
/// use permacode::DualArena;
/// use permacode::code::Protection;
///
/// let arenas = DualArena::builder()
///     .code_limit(1 << 20)
///     .heap_limit(16 << 20)
///     .code(|code| code.protection(Protection::ReadOnly).strict())
///     .build()?;
/// assert!(arenas.heap.alloc(std::alloc::Layout::new::<[u8; 17 << 20]>()).is_err());
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct DualArenaBuilder {
    code: CodeArenaBuilder,
    heap: HeapArenaBuilder,
}

impl DualArena {
    /// Returns a builder, to choose reservations, limits, the source of pages, or an image to begin with. Costs nothing:
    /// [`build`](DualArenaBuilder::build) makes the arenas.
    ///
    /// ```
    /// use permacode::DualArena;
    ///
    /// let arenas = DualArena::builder().code_reservation(1 << 20).heap_reservation(8 << 20).build()?;
    /// assert_eq!((arenas.code.stats().reserved, arenas.heap.stats().reserved), (1 << 20, 8 << 20));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn builder() -> DualArenaBuilder {
        DualArenaBuilder::default()
    }
}

impl DualArenaBuilder {
    /// Chooses for the code arena, by its own builder.
    ///
    /// ```
    /// # use permacode::DualArena;
    /// let arenas = DualArena::builder().code(|code| code.prefault(64 << 10)).build()?;
    /// # assert!(arenas.code.stats().system_calls > 2);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn code(mut self, choose: impl FnOnce(CodeArenaBuilder) -> CodeArenaBuilder) -> Self {
        self.code = choose(self.code);
        self
    }

    /// Chooses for the heap arena, by its own builder.
    ///
    /// ```
    /// # use permacode::{DualArena, heap::Decay};
    /// let arenas = DualArena::builder().heap(|heap| heap.huge_pages_from(usize::MAX)).build()?;
    /// # assert_eq!(arenas.heap.stats().objects, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn heap(mut self, choose: impl FnOnce(HeapArenaBuilder) -> HeapArenaBuilder) -> Self {
        self.heap = choose(self.heap);
        self
    }

    /// Sets the address space for code: [`CodeArenaBuilder::reservation`]. The example is at [`DualArena::builder`].
    pub fn code_reservation(self, bytes: usize) -> Self {
        self.code(|code| code.reservation(bytes))
    }

    /// Sets the address space for objects: [`HeapArenaBuilder::reservation`]. The example is at [`DualArena::builder`].
    pub fn heap_reservation(self, bytes: usize) -> Self {
        self.heap(|heap| heap.reservation(bytes))
    }

    /// Limits the bytes of code pages: [`CodeArenaBuilder::limit`]. The example is at [`DualArenaBuilder`].
    pub fn code_limit(self, bytes: usize) -> Self {
        self.code(|code| code.limit(bytes))
    }

    /// Limits the bytes of live objects: [`HeapArenaBuilder::limit`]. The example is at [`DualArenaBuilder`].
    pub fn heap_limit(self, bytes: usize) -> Self {
        self.heap(|heap| heap.limit(bytes))
    }

    /// Sets the source of pages of both arenas. [`DualArena::with_pages`] has the defaults for sources whose reservations are memory.
    ///
    /// ```
    /// use permacode::{DualArena, testing::Pages}; // feature `testing`
    ///
    /// let pages = Pages::ordinary();
    /// let arenas = DualArena::builder().heap_limit(1 << 20).pages(pages.clone()).build()?;
    /// assert_eq!(pages.live(), 2);
    /// # drop(arenas);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn pages(self, source: Arc<dyn PageSource>) -> Self {
        let of_code = source.clone();
        self.code(|code| code.pages(of_code)).heap(|heap| heap.pages(source))
    }

    /// Makes both arenas.
    ///
    /// Costs what [`CodeArenaBuilder::build`] and [`HeapArenaBuilder::build`] cost.
    ///
    /// # Errors
    ///
    /// Those of the two, with the arena that was refused as the [place](Place). Nothing is left behind then.
    ///
    /// ```
    /// use permacode::error::Place;
    /// use permacode::{DualArena, Error};
    ///
    /// let refused = DualArena::builder().heap_reservation(usize::MAX).build().expect_err("too large");
    /// assert_eq!(refused.place, Place::Heap);
    /// assert!(matches!(refused.error, Error::TooLarge { .. }));
    /// ```
    pub fn build(self) -> Result<DualArena, ErrorAt> {
        let code = self.code.build().map_err(|error| ErrorAt { place: Place::Code, error })?;
        let heap = self.heap.build().map_err(|error| ErrorAt { place: Place::Heap, error })?;
        Ok(DualArena { code, heap })
    }
}
