//! The modules of an image, where it was mapped and where it was moved to.

use super::alone::alone;
use super::{store, store_in_child};
use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, Mappable, Permanent};

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Code<'a> {
    ops: &'a [u64],
}

/// Writes an image with a module `json`. The file is the process's own, and is removed when it was opened.
fn image() -> Image {
    let arena = CodeArena::new().unwrap();
    let json = arena.load("json").unwrap();
    let ops = json.alloc_slice_copy(&[1u64, 2, 3]).unwrap();
    let code: &Code<'_> = json.alloc(Code { ops }).unwrap();
    json.seal().unwrap();
    let path = std::env::temp_dir().join(format!("permacode-fault-{}.image", std::process::id()));
    ImageWriter::new(&arena).root("code", code).unwrap().write(&path).unwrap();
    let image = Image::load(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    image
}

#[test]
fn a_module_of_an_image_is_named_at_its_window_and_elsewhere() {
    let ended = alone(|| {
        let image = image().check::<Code<'static>>().unwrap();
        let arenas = [0, 1].map(|_| CodeArena::builder().image(&image).build().unwrap().leak());
        let ops = [0, 1].map(|number| {
            arenas[number].report_faults().unwrap();
            std::ptr::from_ref(&arenas[number].root::<Code<'static>>("code").unwrap().ops[2])
        });
        let places = [0, 1].map(|number| arenas[number].locate(ops[number]).unwrap());
        assert_ne!(ops[0], ops[1], "the second one was moved");
        assert!(places.iter().all(|place| place.module.name() == "json" && place.offset == places[0].offset));
        for address in ops.map(<*const u64>::addr) {
            assert_eq!(store_in_child(address), libc::SIGSEGV);
        }
        // What is loaded behind an image is found as well.
        let behind = arenas[0].load("behind").unwrap();
        let address = behind.alloc_str("code").unwrap().as_ptr().addr();
        behind.seal().unwrap();
        eprintln!("offset {}", places[0].offset);
        store(address + 2);
    });
    let offset = ended.text.lines().find_map(|line| line.strip_prefix("offset ")).expect(&ended.text);
    let of_image = format!("permacode: store to sealed code, module json + {offset}");
    let lines = [&*of_image, &*of_image, "permacode: store to sealed code, module behind + 2"];
    assert_eq!((ended.signal, ended.lines()), (Some(libc::SIGSEGV), lines.to_vec()), "{}", ended.text);
}
