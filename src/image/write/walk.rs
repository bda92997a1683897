//! The parts of a value in memory, by its description: what is copied as it is, and what leads elsewhere.

use crate::code::value::Sites;
use crate::image::shape::{Field, Kind, Shape, TEXT};
use core::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, fence};

/// Takes the parts of a value, in the order of its fields.
pub(super) trait Parts {
    type Refused;

    /// So many bytes at an offset, each initialised, that are copied as they are.
    fn bytes(&mut self, from: *const u8, offset: usize, count: usize) -> Result<(), Self::Refused>;

    /// A reference at an offset.
    fn reference(&mut self, offset: usize, reference: Reference) -> Result<(), Self::Refused>;

    /// A range of sites at an offset.
    fn sites(&mut self, offset: usize, sites: Sites) -> Result<(), Self::Refused>;

    /// A link at an offset that is not set.
    fn unset(&mut self, _offset: usize) {}
}

/// A reference to values that lie elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    pub(super) to: *const u8,
    /// Elements.
    pub(super) len: usize,
    pub(super) shape: &'static Shape,
    /// `true` if the number of elements stands behind the address.
    pub(super) is_slice: bool,
}

/// Shows the parts of a value at `value`, whose first byte has this offset.
///
/// # Safety
///
/// A value of the described type lies there, and lives. None of its links is set meanwhile, or its setting is ordered by the link itself.
pub(super) unsafe fn walk<P: Parts>(
    shape: &'static Shape,
    value: *const u8,
    offset: usize,
    parts: &mut P,
) -> Result<(), P::Refused> {
    // All blocks below rest on the caller's promise, and on that of `Mappable`: the description is that of the value, so what is read
    // is initialised and of the type that it is read as.
    match shape.kind {
        Kind::Bits | Kind::TextByte | Kind::Bool | Kind::Char | Kind::NonZero => {
            parts.bytes(value, offset, shape.size())
        }
        Kind::Value(target) => {
            // SAFETY: a reference, which is laid out like a pointer.
            let to = unsafe { value.cast::<*const u8>().read() };
            parts.reference(offset, Reference { to, len: 1, shape: target(), is_slice: false })
        }
        Kind::Slice(target) => {
            // SAFETY: an address, and behind it a number of elements.
            let (to, len) = unsafe { fat(value) };
            parts.reference(offset, Reference { to, len, shape: target(), is_slice: true })
        }
        Kind::Text | Kind::Name => {
            // SAFETY: the same, of text.
            let (to, len) = unsafe { fat(value) };
            parts.reference(offset, Reference { to, len, shape: &TEXT, is_slice: true })
        }
        Kind::Link(target) => {
            // SAFETY: a link is an atomic pointer. It is only loaded, which works on read-only memory.
            let to = unsafe { &*value.cast::<AtomicPtr<u8>>() }.load(Relaxed).cast_const();
            fence(Acquire);
            if to.is_null() {
                parts.unset(offset);
                return Ok(());
            }
            parts.reference(offset, Reference { to, len: 1, shape: target(), is_slice: false })
        }
        Kind::Sites => {
            // SAFETY: a value of this type.
            let sites = unsafe { value.cast::<Sites>().read() };
            parts.sites(offset, sites)
        }
        Kind::Array { element, len } => {
            // SAFETY: so many elements, one behind the other.
            (0..len).try_for_each(|i| unsafe {
                walk(element, value.add(i * element.size()), offset + i * element.size(), parts)
            })
        }
        // SAFETY: the fields of the value.
        Kind::Struct(fields) => unsafe { walk_fields(fields, value, offset, parts) },
        Kind::Enum { tag, variants } => {
            parts.bytes(value, offset, tag)?;
            // SAFETY: the tag at the beginning.
            let number = unsafe { read_number(value, tag) };
            match variants.iter().find(|variant| u128::from(variant.tag) == number) {
                // SAFETY: the fields of the variant that the tag names.
                Some(variant) => unsafe { walk_fields(variant.fields, value, offset, parts) },
                None => Ok(()),
            }
        }
        Kind::Option { value: inner, none } => {
            // SAFETY: a part of a value, or what is no value of it. Either way the compiler reads these bytes to tell `None`.
            let place = unsafe { value.add(none.offset) };
            // SAFETY: as above.
            if unsafe { read_number(place, none.width) } == none.none {
                return parts.bytes(place, offset + none.offset, none.width);
            }
            // SAFETY: not `None`, so a value.
            unsafe { walk(inner, value, offset, parts) }
        }
    }
}

/// # Safety
///
/// As for [`walk`]; the fields are those of the value.
unsafe fn walk_fields<P: Parts>(
    fields: &'static [Field],
    value: *const u8,
    offset: usize,
    parts: &mut P,
) -> Result<(), P::Refused> {
    for field in fields {
        // SAFETY: the caller's promise.
        unsafe { walk(field.shape, value.add(field.offset), offset + field.offset, parts) }?;
    }
    Ok(())
}

/// # Safety
///
/// A reference to a slice, or to text, lies there.
unsafe fn fat(at: *const u8) -> (*const u8, usize) {
    let at = at.cast::<*const u8>();
    // SAFETY: the caller's promise; `impls` asks the compiler for the order of the two.
    unsafe { (at.read(), at.add(1).cast::<usize>().read()) }
}

/// # Safety
///
/// So many initialised bytes lie there, 16 at most.
unsafe fn read_number(at: *const u8, width: usize) -> u128 {
    let mut bytes = [0; 16];
    let from = if cfg!(target_endian = "big") { 16 - width } else { 0 };
    // SAFETY: the caller's promise.
    unsafe { at.copy_to_nonoverlapping(bytes[from..from + width].as_mut_ptr(), width) };
    u128::from_ne_bytes(bytes)
}
