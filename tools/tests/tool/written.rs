//! `rebase` and `embed`: files that are written.

use crate::kit::Folder;
use crate::sample::{self, Code, Sample};
use permacode::image::Image;
use std::process::Command;

#[test]
fn a_rebased_image_opens_at_its_new_window() {
    let folder = Folder::new("rebase");
    let sample = Sample::new("rebased");
    folder.write("old.image", &sample.bytes());
    let window = sample.image().window() + (12 << 30);
    let json = folder.json(&["rebase", "old.image", "--window", &window.to_string(), "--output", "new.image"], 0);
    assert_eq!(
        (json["new_window"].as_u64(), json["old_window"].as_u64()),
        (Some(window as u64), Some(sample.image().window() as u64))
    );
    let image = Image::load(folder.join("new.image")).unwrap();
    assert_eq!((image.window(), image.digest(), image.verify()), (window, sample.image().digest(), Ok(())));
    let arena = image.check::<Code<'_>>().unwrap().open().unwrap();
    assert!(sample::touch(arena.root::<Code<'_>>("text").unwrap()) > 0);
    assert!(cfg!(permacode_tsan) || arena.why_not_shared().is_none());
    folder
        .run(&["rebase", "new.image", "--window", &format!("{:#x}", sample.image().window()), "-o", "new.image"])
        .ends(0);
    assert_eq!(std::fs::read(folder.join("new.image")).unwrap(), sample.bytes(), "there and back, in its own place");
}

#[test]
fn a_window_that_is_none_is_refused_with_the_range() {
    let folder = Folder::new("no_window");
    folder.write("old.image", &Sample::new("1").bytes());
    let rebase = |window: &str| folder.run(&["rebase", "old.image", "--window", window, "-o", "new.image"]).ends(2);
    rebase("0x1000").complains(&["the image cannot be written for 0x1000: choose a multiple of"]);
    rebase("here").complains(&["expected an address such as 0x400100000000"]);
    let nowhere = ["rebase", "old.image", "--window", "0x400100000000", "-o", "none/new.image"];
    if cfg!(target_arch = "x86_64") {
        folder.run(&nowhere).ends(3).complains(&["none/new.image: "]);
    }
    assert!(!folder.join("new.image").exists());
}

#[test]
fn a_program_with_an_image_runs_and_carries_it_at_a_page() {
    let folder = Folder::new("embed");
    let sample = Sample::new("carried");
    folder.write("mylang.image", &sample.bytes());
    let json = folder.json(&["embed", "mylang.image", "/bin/true", "--output", "mylang"], 0);
    let offset = json["offset"].as_u64().unwrap();
    assert_eq!((offset % 65536, json["digest"].as_str()), (0, Some(&*sample.image().digest().to_string())));
    let bytes = std::fs::read(folder.join("mylang")).unwrap();
    assert_eq!(json["bytes"].as_u64(), Some(bytes.len() as u64));
    assert_eq!(&bytes[offset as usize..][..sample.bytes().len()], sample.bytes());
    assert!(Command::new(folder.join("mylang")).status().unwrap().success());
    // Another image takes its place, out of a program that carries it.
    let other = Sample::new("other");
    other.image().embed("/bin/true", folder.join("other")).unwrap();
    folder.run(&["embed", "other", "mylang", "-o", "mylang"]).ends(0).says(&["\"other\""]);
    assert_eq!(std::fs::read(folder.join("mylang")).unwrap(), std::fs::read(folder.join("other")).unwrap());
}

#[test]
fn a_program_that_is_none_is_refused() {
    let folder = Folder::new("embed_none");
    folder.write("mylang.image", &Sample::new("1").bytes());
    folder.run(&["embed", "mylang.image", "none", "-o", "out"]).ends(3).complains(&["none: ", "name a program"]);
    folder.run(&["embed", "mylang.image", ".", "-o", "out"]).ends(3).complains(&["name a program"]);
    assert!(!folder.join("out").exists());
}

#[test]
fn a_layer_in_a_program_says_that_the_rest_is_not_there() {
    let folder = Folder::new("embed_layer");
    let [library, layer] = sample::chain();
    folder.write("layer.image", &layer);
    let below = Image::open_sealed(sample::sealed(&library)).unwrap().digest().to_string();
    folder.run(&["embed", "layer.image", "/bin/true", "-o", "mylang"]).ends(0).says(&[&below, "not in the file"]);
}
