//! Room in a collection of the heap: a typed error where the collection says only that there is none.

use crate::error::Error;
use crate::heap::HeapArena;
use core::alloc::Layout;

/// Makes room by `reserve`, which asks for more than is needed, or for exactly as much if it is told so. Returns the heap's reason otherwise.
#[cold]
pub(crate) fn make_room(
    heap: &HeapArena,
    needed: Result<Layout, Error>,
    mut reserve: impl FnMut(bool) -> bool,
) -> Result<(), Error> {
    // Collections ask for twice what they have. Where that is refused there may be room for what is needed.
    if reserve(false) || reserve(true) {
        return Ok(());
    }
    let needed = needed?;
    // Collections lose the reason. So the heap is asked once more.
    let object = heap.alloc(needed)?;
    // SAFETY: it was just allocated with this layout, and nobody uses it.
    unsafe { heap.free(object, needed) };
    if reserve(true) { Ok(()) } else { Err(Error::Memory { bytes: needed.size() }) }
}

/// The layout of so many values, and so many more.
pub(crate) fn layout_of<T>(len: usize, additional: usize) -> Result<Layout, Error> {
    let too_large = Error::TooLarge { len: len.saturating_add(additional), element: size_of::<T>() };
    let all = len.checked_add(additional).ok_or(too_large)?;
    Layout::array::<T>(all).map_err(|_| too_large)
}

/// Makes room for so many more values in a vector of the heap, whatever version of allocator-api2 it is of.
macro_rules! room {
    ($vec:expr, $additional:expr, $heap:expr) => {{
        let (len, additional) = ($vec.len(), $additional);
        if additional <= $vec.capacity() - len {
            Ok(())
        } else {
            let needed = $crate::heap::adapters::room::layout_of_values(&$vec[..], additional);
            $crate::heap::adapters::room::make_room($heap, needed, |exactly| match exactly {
                false => $vec.try_reserve(additional).is_ok(),
                true => $vec.try_reserve_exact(additional).is_ok(),
            })
        }
    }};
}

/// [`layout_of`], of these and so many more.
pub(crate) fn layout_of_values<T>(values: &[T], additional: usize) -> Result<Layout, Error> {
    layout_of::<T>(values.len(), additional)
}

pub(crate) use room;
