//! A region while a lowering function makes it.

use super::{FIRST_PIECE, Piece, Region, piece_layout};
use crate::error::Error;
use crate::handles::region::part::PartRef;
use crate::handles::region::parts::Parts;
use crate::handles::region::region_sites::RegionSites;
use crate::handles::region::regions::Neighbours;
use crate::handles::region::shares::Shares;
use crate::handles::region::transients::Transients;
use core::cell::Cell;
use core::ptr::NonNull;

/// A region that nobody holds yet; dropping it gives everything back.
pub(in crate::handles) struct Unheld<'a>(NonNull<Region<'a>>);

impl<'a> Unheld<'a> {
    pub(in crate::handles) fn new(owner: &'a Transients<'a>) -> Result<Self, Error> {
        let layout = piece_layout(FIRST_PIECE, 1).ok_or(Error::TooLarge { len: FIRST_PIECE, element: 1 })?;
        let at = owner.heap().alloc_zeroed(layout)?.cast::<Region<'a>>();
        // SAFETY: the object is larger than a region.
        let room = unsafe { at.add(1) }.cast::<u8>();
        let region = Region {
            piece: Piece { below: Cell::new(None), layout },
            owner,
            neighbours: Neighbours::default(),
            pieces: Cell::new(at.cast()),
            room: Cell::new(Some(room)),
            wish: Cell::new(FIRST_PIECE),
            bytes: Cell::new(FIRST_PIECE),
            notes: Cell::new(None),
            sites: RegionSites::new(),
            parts: Parts::new(),
            keeps: Cell::new(None),
            shares: Shares::default(),
            elsewhere: Cell::new(None),
            whole_in: Cell::new(0),
        };
        // SAFETY: a new object, larger than a region, that is freed when it has left the list.
        unsafe {
            at.write(region);
            owner.regions().add(at);
        }
        owner.regions().add_bytes(layout.size());
        Ok(Self(at))
    }

    pub(in crate::handles) fn region(&self) -> &Region<'a> {
        // SAFETY: live until this is dropped.
        unsafe { self.0.as_ref() }
    }

    /// The first part, whose handle counts for the region from now on.
    pub(in crate::handles) fn hold(self, root: NonNull<[u8]>) -> Result<PartRef<'a>, Error> {
        // SAFETY: live, and from now on as long as the part counts; the pointer is the heap's.
        let part = unsafe { Region::new_part(self.0, root) }?;
        core::mem::forget(self);
        Ok(part)
    }
}

impl Drop for Unheld<'_> {
    fn drop(&mut self) {
        let kept = self.region().keeps.get();
        // SAFETY: nobody holds it; what it kept is counted out once, with the count that `retain` took.
        unsafe {
            Region::free(self.0);
            drop(kept.map(|kept| PartRef::from_raw(kept)));
        }
    }
}
