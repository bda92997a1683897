//! An image that all arenas of a process begin with: for the tests of the whole library (`--cfg permacode_begin_with_image`).
//!
//! ```text
//!   start of the process ─▶ the code arena is told of a function ─▶ each builder asks it for what to begin with
//! ```
//!
//! The image has values, text and names, and no sites, because tests count those. Arenas that the first one keeps from its window are moved, so most
//! tests run behind a copy.

use crate::code::value::Permanent;
use crate::code::{BEGINNING, CodeArena, Preface};
use crate::image::open::{Foreword, Image};
use crate::image::shape::Mappable;
use crate::image::write::ImageWriter;
use alloc::sync::Arc;
use core::cell::Cell;
use std::sync::OnceLock;

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = {
    extern "C" fn start() {
        let _ = BEGINNING.set(beginning);
    }
    start
};

fn beginning() -> Option<Arc<dyn Preface>> {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    std::thread_local! {
        /// `true` while the image is made, of an arena that begins with nothing.
        static IS_MADE: Cell<bool> = const { Cell::new(false) };
    }
    if IS_MADE.get() {
        return None;
    }
    let image = IMAGE.get_or_init(|| {
        IS_MADE.set(true);
        let image = make();
        IS_MADE.set(false);
        image
    });
    Some(Arc::new(Foreword::new(image)))
}

fn make() -> Image {
    type Values<'a> = (&'a [&'a str], &'a [u64]);
    fn write<'a, T: Mappable + Permanent>(arena: &'a CodeArena, root: &'a T) -> Image {
        let file = ImageWriter::new(arena).root("beginning", root).and_then(ImageWriter::seal);
        Image::open_sealed(file.expect("it is written")).expect("it is opened")
    }
    let arena = CodeArena::new().expect("an arena is made");
    let loader = arena.load("beginning").expect("a module is loaded");
    let texts =
        loader.alloc_slice_try_fill_with(100, |at| loader.intern(&alloc::format!("a name of the beginning {at}")));
    let numbers = loader.alloc_slice_copy(&[7u64; 3000]).expect("there is room");
    let values: &Values<'_> = loader.alloc((texts.expect("there is room"), numbers)).expect("there is room");
    loader.finish();
    write(&arena, values).check::<Values<'_>>().expect("it was written right here")
}
