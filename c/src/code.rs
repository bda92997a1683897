//! Code arenas and open modules.

use crate::status::{Failure, Status, elements, status, text};
use permacode::code::CodeArenaBuilder;
use permacode::{CodeArena, Error, OpenModule};
use std::alloc::Layout;
use std::ffi::{c_char, c_void};

/// `permacode_place`.
#[repr(C)]
pub struct Place {
    module: *const c_char,
    module_length: usize,
    offset: usize,
}

/// Puts a value into memory of its own, and its address where C asked for it.
pub(crate) fn boxed<T>(value: T, to: *mut *mut T) -> Result<(), Failure> {
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: the layout has a size.
    let at = unsafe { std::alloc::alloc(Layout::new::<T>()) }.cast::<T>();
    if at.is_null() {
        return Err(Error::Memory { bytes: size_of::<T>() }.into());
    }
    // SAFETY: allocated just now as a `Box` of it would be; the header asks for a valid place.
    unsafe {
        at.write(value);
        to.write(at);
    }
    Ok(())
}

/// Builds an arena, and boxes it.
pub(crate) fn built(builder: CodeArenaBuilder, reservation: usize, to: *mut *mut CodeArena) -> Result<(), Failure> {
    let builder = if reservation == 0 { builder } else { builder.reservation(reservation) };
    boxed(builder.build()?, to)
}

/// `permacode_code_new` of the header.
///
/// # Safety
///
/// `code` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_new(reservation: usize, code: *mut *mut CodeArena) -> Status {
    status(|| built(CodeArena::builder(), reservation, code))
}

/// `permacode_code_delete` of the header.
///
/// # Safety
///
/// 1. `code` is null or came from this library and was not deleted.
/// 2. Its modules are closed, and nobody uses its code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_delete(code: *mut CodeArena) {
    if !code.is_null() {
        // SAFETY: boxed by this library, and the caller gives it up.
        drop(unsafe { Box::from_raw(code) });
    }
}

/// `permacode_code_load` of the header.
///
/// # Safety
///
/// 1. `code` came from this library, and stays until the module is closed.
/// 2. `name` is text that ends with a zero byte, and `module` a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_load(
    code: *const CodeArena,
    name: *const c_char,
    module: *mut *mut OpenModule<'static>,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise. The arena is boxed, and stays for as long as the module is used, which is all that `'static` is used for.
        let (code, name): (&'static CodeArena, _) = unsafe { (&*code, text(name, "name of the module")?) };
        boxed(code.load(name)?, module)
    })
}

/// `permacode_module_alloc` of the header.
///
/// # Safety
///
/// `module` is open and this thread's; `block` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_module_alloc(
    module: *const OpenModule<'static>,
    size: usize,
    align: usize,
    block: *mut *mut c_void,
) -> Status {
    status(|| {
        let layout = Layout::from_size_align(size, align).map_err(|_| {
            Failure::argument(format_args!(
                "no block has {size} bytes and the alignment {align}: choose a power of two"
            ))
        })?;
        // SAFETY: the caller's promise.
        unsafe { block.write((*module).alloc_zeroed(layout)?.as_ptr().cast()) };
        Ok(())
    })
}

/// `permacode_module_intern` of the header.
///
/// # Safety
///
/// `module` is open and this thread's. `bytes` has `length` bytes, and `name` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_module_intern(
    module: *const OpenModule<'static>,
    bytes: *const c_char,
    length: usize,
    name: *mut *const c_char,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let bytes = unsafe { elements(bytes.cast::<u8>(), length) };
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|error| Failure::argument(format_args!("the text is not UTF-8: {error}")))?;
        // With the zero byte in it, which C expects behind it.
        let mut ended = String::new();
        let room = ended.try_reserve_exact(length + 1);
        room.map_err(|_| Error::Memory { bytes: length + 1 })?;
        ended.push_str(text);
        ended.push('\0');
        // SAFETY: the caller's promise.
        unsafe { name.write((*module).intern(&ended)?.as_ptr().cast()) };
        Ok(())
    })
}

/// `permacode_module_finish` of the header.
///
/// # Safety
///
/// `module` is open and this thread's, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_module_finish(module: *mut OpenModule<'static>) {
    // SAFETY: boxed by `permacode_code_load`, and the caller gives it up.
    unsafe { Box::from_raw(module) }.finish();
}

/// `permacode_module_seal` of the header.
///
/// # Safety
///
/// As for [`permacode_module_finish`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_module_seal(module: *mut OpenModule<'static>) -> Status {
    status(|| {
        // SAFETY: as above.
        unsafe { Box::from_raw(module) }.seal()?;
        Ok(())
    })
}

/// `permacode_code_seal` of the header.
///
/// # Safety
///
/// `code` came from this library and was not deleted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_seal(code: *const CodeArena) -> Status {
    // SAFETY: the caller's promise.
    status(|| unsafe { Ok((*code).seal().map(drop)?) })
}

/// `permacode_code_locate` of the header.
///
/// # Safety
///
/// `code` came from this library and was not deleted; `place` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_locate(
    code: *const CodeArena,
    address: *const c_void,
    place: *mut Place,
) -> bool {
    // SAFETY: the caller's promise.
    let found = unsafe { (*code).locate(address) };
    let Some(at) = found else { return false };
    let name = at.module.name();
    // SAFETY: the caller's promise.
    unsafe { place.write(Place { module: name.as_ptr().cast(), module_length: name.len(), offset: at.offset }) };
    true
}

/// `permacode_code_report_faults` of the header.
///
/// # Safety
///
/// `code` came from this library and was not deleted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_report_faults(code: *const CodeArena) -> Status {
    // SAFETY: the caller's promise.
    status(|| unsafe { Ok((*code).report_faults()?) })
}
