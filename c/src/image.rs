//! Images: written, opened with trust as data, and read as bytes. A root is a value of the type `&[u8]`: a reference to a block.

use crate::code::{boxed, built};
use crate::status::{Failure, Status, elements, status, text};
use permacode::CodeArena;
use permacode::image::{Digest, Image, ImageWriter};
use std::ffi::{c_char, c_int, c_void};

/// `permacode_root`.
#[repr(C)]
pub struct Root {
    name: *const c_char,
    bytes: *const c_void,
    length: usize,
}

/// `permacode_trust`.
#[repr(C)]
pub struct Trust {
    bytes: c_int,
    proof: c_int,
    digest: *const [u8; 32],
}

/// `PERMACODE_COPY` and `PERMACODE_CHECK`, which promise nothing, and `PERMACODE_MAP` and `PERMACODE_TRUST`.
const NOTHING: c_int = 0;
const PROMISED: c_int = 1;

/// `permacode_image_write` of the header.
///
/// # Safety
///
/// 1. `code` came from this library and was not deleted.
/// 2. `path` is text that ends with a zero byte. `roots` has `count` roots, each with such a name.
/// 3. The bytes of each lie in a closed module of `code`, if it has any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_image_write(
    code: *const CodeArena,
    path: *const c_char,
    roots: *const Root,
    count: usize,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let (code, path) = unsafe { (&*code, text(path, "path")?) };
        // SAFETY: the caller's promise.
        let roots = unsafe { elements(roots, count) };
        let module = code.load("roots")?;
        let mut writer = ImageWriter::new(code);
        for root in roots {
            // SAFETY: the caller's promise.
            let name = unsafe { text(root.name, "name of a root")? };
            // SAFETY: the caller's promise.
            let bytes = unsafe { root_bytes(code, root) };
            let bytes = bytes.ok_or_else(|| {
                let length = root.length;
                Failure::argument(format_args!("the {length} bytes of the root `{name}` do not lie in a closed module"))
            })?;
            let value: &&[u8] = module.alloc(bytes)?;
            writer = writer.root(name, value)?;
        }
        module.finish();
        code.seal()?;
        writer.write(path)?;
        Ok(())
    })
}

/// The bytes of a root, if the first and the last lie in one closed module, as far apart as in memory.
///
/// # Safety
///
/// The bytes lie in a closed module, one after the other. What is asked of the arena finds a mistake, but not each.
unsafe fn root_bytes<'a>(code: &'a CodeArena, root: &Root) -> Option<&'a [u8]> {
    let Some(last) = root.length.checked_sub(1) else { return Some(&[]) };
    let (from, to) = (code.locate(root.bytes)?, code.locate(root.bytes.wrapping_byte_add(last))?);
    let whole = from.module == to.module && from.offset.checked_add(last) == Some(to.offset);
    // SAFETY: the caller's promise; what a closed module has does not change.
    whole.then(|| unsafe { std::slice::from_raw_parts(root.bytes.cast(), root.length) })
}

/// `permacode_image_open` of the header.
///
/// # Safety
///
/// 1. `path` is text that ends with a zero byte, and `image` a valid place.
/// 2. `trust` is null or valid, its digest is null or has 32 bytes, and what it promises is so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_image_open(
    path: *const c_char,
    trust: *const Trust,
    image: *mut *mut Image,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let (path, trust) = unsafe { (text(path, "path")?, trust.as_ref()) };
        let (bytes, proof) = trust.map_or((NOTHING, NOTHING), |trust| (trust.bytes, trust.proof));
        let mut opened = match bytes {
            NOTHING => Image::load(path)?,
            // SAFETY: the caller promises that nobody changes the file.
            PROMISED => unsafe { Image::map(path)? },
            other => {
                return Err(Failure::argument(format_args!(
                    "`bytes` of the trust is {other}: choose PERMACODE_COPY or PERMACODE_MAP"
                )));
            }
        };
        // SAFETY: the caller's promise.
        if let Some(digest) = trust.and_then(|trust| unsafe { trust.digest.as_ref() }) {
            opened = opened.pin(Digest::from_bytes(*digest))?;
        }
        opened = match proof {
            NOTHING => opened.check::<&'static [u8]>()?,
            // SAFETY: the caller promises that this library wrote it.
            PROMISED => unsafe { opened.trust() },
            other => {
                return Err(Failure::argument(format_args!(
                    "`proof` of the trust is {other}: choose PERMACODE_CHECK or PERMACODE_TRUST"
                )));
            }
        };
        boxed(opened, image)
    })
}

/// `permacode_image_digest` of the header.
///
/// # Safety
///
/// `image` is open, and `digest` has room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_image_digest(image: *const Image, digest: *mut [u8; 32]) {
    // SAFETY: the caller's promise.
    unsafe { digest.write(*(*image).digest().as_bytes()) };
}

/// `permacode_image_close` of the header.
///
/// # Safety
///
/// `image` is null or open, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_image_close(image: *mut Image) {
    if !image.is_null() {
        // SAFETY: boxed by `permacode_image_open`, and the caller gives it up.
        drop(unsafe { Box::from_raw(image) });
    }
}

/// `permacode_code_on_image` of the header.
///
/// # Safety
///
/// `image` is open, and `code` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_on_image(
    image: *const Image,
    reservation: usize,
    code: *mut *mut CodeArena,
) -> Status {
    // SAFETY: the caller's promise.
    status(|| built(CodeArena::builder().image(unsafe { &*image }), reservation, code))
}

/// `permacode_code_root` of the header.
///
/// # Safety
///
/// 1. `code` came from this library and was not deleted.
/// 2. `name` is text that ends with a zero byte; `bytes` and `length` are valid places.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_code_root(
    code: *const CodeArena,
    name: *const c_char,
    bytes: *mut *const c_void,
    length: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let (code, name) = unsafe { (&*code, text(name, "name of the root")?) };
        let root: &&[u8] = code.root(name)?;
        // SAFETY: the caller's promise.
        unsafe {
            bytes.write(root.as_ptr().cast());
            length.write(root.len());
        }
        Ok(())
    })
}
