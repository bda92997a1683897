//! Numbers for the places in code whose mutable data lies elsewhere.

use super::birth::Birth;
use super::permanent::Permanent;
use super::tracer::Tracer;
use crate::error::Error;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A block's range of site numbers: eight bytes that stand in sealed code for its inline caches, counters and the like.
///
/// Sites are dense in their arena. An interpreter indexes a table of its own with [`range`](Self::range), without a
/// hash, a lock or a write to code. [`Loader::sites`](crate::Loader::sites) makes them.
///
/// ```
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("m")?;
/// assert_eq!(loader.sites(3)?.range(), 0..3);
/// assert_eq!(loader.sites(2)?.range(), 3..5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Sites {
    start: u32,
    len: u16,
    /// The arena's, so that a table of another arena can refuse it (soundness S17), and [`TRANSIENT`].
    tag: u16,
}

/// The bit of a tag that says that the numbers are those of transient code, which other code gets when that is gone.
const TRANSIENT: u16 = 1;

// SAFETY: three integers.
unsafe impl Permanent for Sites {
    type At<'x> = Self;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.sites(self);
    }
}

impl Sites {
    /// Returns the numbers, dense over all blocks of the arena: indices into a table, not bytes. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let (one, two) = (loader.sites(2)?, loader.sites(3)?);
    /// let mut caches = [None; 5];
    /// caches[two.range()].fill(Some("warm"));
    /// assert_eq!(caches[one.range()], [None, None]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.len)
    }

    /// Returns their number, at most 65,535. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// assert_eq!(arena.load("m")?.sites(3)?.len(), 3);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The arena's tag.
    #[inline]
    pub(crate) fn tag(&self) -> u16 {
        self.tag & !TRANSIENT
    }

    /// Returns `true` for numbers of transient code. They are used again, so they must not stand in a permanent block.
    pub(crate) fn is_transient(&self) -> bool {
        self.tag & TRANSIENT != 0
    }

    /// The bytes of a range in an image.
    #[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
    pub(crate) fn bytes(start: u32, len: u16, tag: u16) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&start.to_ne_bytes());
        bytes[4..6].copy_from_slice(&len.to_ne_bytes());
        bytes[6..].copy_from_slice(&tag.to_ne_bytes());
        bytes
    }

    /// Gives all ranges at these places of an image the tag with these bits, and returns it.
    #[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
    pub(crate) fn set_tags(image: &mut [u8], places: &[usize], bits: u16) -> u16 {
        let tag = bits & !TRANSIENT;
        places.iter().for_each(|&place| image[place + 6..place + 8].copy_from_slice(&tag.to_ne_bytes()));
        tag
    }

    /// Reads the bytes of a range in an image: the numbers, and the tag.
    #[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
    pub(crate) fn read(bytes: [u8; 8]) -> (Range<u64>, u16) {
        let [a, b, c, d, e, f, g, h] = bytes;
        let start = u64::from(u32::from_ne_bytes([a, b, c, d]));
        (start..start + u64::from(u16::from_ne_bytes([e, f])), u16::from_ne_bytes([g, h]))
    }

    /// Returns `true` if there are none, as in a block without caches. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// assert!(loader.sites(0)?.is_empty());
    /// assert!(!loader.sites(1)?.is_empty());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Hands the numbers of one arena out.
pub(crate) struct SiteCounter {
    next: AtomicU32,
    tag: u16,
    /// That of the numbers below the first: of code that the arena began with. The arena's own if it began with none.
    #[cfg_attr(not(feature = "image"), allow(dead_code))]
    older: u16,
    /// The numbers below this one have the older tag.
    #[cfg_attr(not(feature = "image"), allow(dead_code))]
    first: u32,
}

impl SiteCounter {
    /// A counter whose tag differs from those of the 32,767 arenas made before.
    pub(in crate::code) fn new(birth: Birth) -> Self {
        let tag = birth.low_bits() << 1;
        Self { next: AtomicU32::new(0), tag, older: tag, first: 0 }
    }

    /// A counter behind so many numbers, which have a tag of their own.
    pub(in crate::code) fn behind(birth: Birth, (first, older): (u32, u16)) -> Self {
        let (own, older) = (birth.low_bits() << 1, older & !TRANSIENT);
        // Of two alike, the arena takes the next.
        let tag = if own == older { own.wrapping_add(2) } else { own };
        Self { next: AtomicU32::new(first), tag, older, first }
    }

    pub(crate) fn take(&self, asked: usize) -> Result<Sites, Error> {
        let left = |start: u32| usize::from(u16::MAX).min((u32::MAX - start) as usize);
        let len = u16::try_from(asked).map_err(|_| Error::Sites { asked, left: left(self.next.load(Relaxed)) })?;
        self.next
            .fetch_update(Relaxed, Relaxed, |start| start.checked_add(u32::from(len)))
            .map(|start| Sites { start, len, tag: self.tag })
            .map_err(|start| Error::Sites { asked, left: left(start) })
    }

    /// Hands `count` numbers out that are nobody's block's yet: where they begin.
    pub(crate) fn number(&self, count: usize) -> Result<u32, Error> {
        let refused = |start: u32| Error::Sites { asked: count, left: (u32::MAX - start) as usize };
        let many = u32::try_from(count).map_err(|_| refused(self.next.load(Relaxed)))?;
        self.next.fetch_update(Relaxed, Relaxed, |start| start.checked_add(many)).map_err(refused)
    }

    /// The part of numbers handed out by [`number`](Self::number) that begins at `start`, as a block's of transient code.
    pub(crate) fn part(&self, start: u32, len: u16) -> Sites {
        Sites { start, len, tag: self.tag | TRANSIENT }
    }

    pub(crate) fn tag(&self) -> u16 {
        self.tag
    }

    /// The numbers of the sites that the arena began with.
    #[cfg_attr(not(feature = "image"), allow(dead_code))]
    pub(crate) fn older(&self) -> usize {
        self.first as usize
    }

    /// The tag of the sites that the arena began with; its own if there were none.
    #[cfg_attr(not(feature = "image"), allow(dead_code))]
    pub(crate) fn older_tag(&self) -> u16 {
        self.older
    }

    pub(crate) fn given(&self) -> usize {
        self.next.load(Relaxed) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_sites_are_refused_and_none_are_lost() {
        let counter = SiteCounter { next: AtomicU32::new(u32::MAX - 10), tag: 6, older: 6, first: 0 };
        assert_eq!(counter.take(70_000), Err(Error::Sites { asked: 70_000, left: 10 }));
        assert_eq!(counter.take(11), Err(Error::Sites { asked: 11, left: 10 }));
        assert_eq!(counter.take(10).map(|sites| sites.len()), Ok(10));
        assert!(counter.take(0).unwrap().is_empty());
        assert_eq!(counter.take(1), Err(Error::Sites { asked: 1, left: 0 }));
    }

    #[test]
    fn too_many_numbers_for_later_are_refused_and_none_are_lost() {
        let counter = SiteCounter { next: AtomicU32::new(u32::MAX - 10), tag: 6, older: 6, first: 0 };
        for asked in [11, u32::MAX as usize, usize::MAX] {
            assert_eq!(counter.number(asked), Err(Error::Sites { asked, left: 10 }));
        }
        assert_eq!(counter.number(4), Ok(u32::MAX - 10));
        assert_eq!(counter.part(u32::MAX - 10, 4).range(), u32::MAX as usize - 10..u32::MAX as usize - 6);
        assert_eq!(counter.take(6).map(|sites| sites.range().start), Ok(u32::MAX as usize - 6));
        assert_eq!((counter.number(0), counter.given()), (Ok(u32::MAX), u32::MAX as usize));
        assert_eq!(counter.number(1), Err(Error::Sites { asked: 1, left: 0 }));
    }

    // soundness S17
    #[test]
    fn arenas_have_different_tags() {
        assert_ne!(SiteCounter::new(Birth::now()).take(1), SiteCounter::new(Birth::now()).take(1));
        assert_ne!(SiteCounter::new(Birth::now()).tag(), SiteCounter::new(Birth::now()).tag());
    }

    // soundness S17: of two arenas with one tag, the permanent numbers of one are never taken for the other's transient ones.
    #[test]
    fn numbers_say_whether_they_are_used_again_and_which_arena_they_are_of() {
        let counter = SiteCounter { next: AtomicU32::new(5), ..SiteCounter::new(Birth::now()) };
        let (permanent, transient) = (counter.take(3).unwrap(), counter.part(5, 3));
        assert_eq!((permanent.range(), permanent.tag()), (transient.range(), transient.tag()));
        assert_eq!((permanent.is_transient(), transient.is_transient()), (false, true));
        assert_ne!(permanent, transient);
        assert!(counter.part(0, 0).is_empty() && counter.part(0, 0).is_transient() && counter.tag() == permanent.tag());
    }
}
