//! The reasons why an image is not shared as a whole: each is met by an arena made for it, exactly it, in its own words. All values are there then too.

use crate::program::{self, Code, assert_is, assert_is_large};
use permacode::CodeArena;
use permacode::code::{CodeArenaBuilder, Protection};
use permacode::error::{PageCall, PageError};
use permacode::image::{Image, ImageError, NotShared};
use permacode::pages::{OrdinaryPages, PageSource};
use permacode::testing::Pages;
use permacode_model::ImageFile;
use permacode_witness::{self as witness, PagesOf};
use std::sync::Arc;

fn builder(image: &Image) -> CodeArenaBuilder {
    CodeArena::builder().image(image).reservation(1 << 20)
}

fn levels(arena: &CodeArena) -> Vec<Protection> {
    arena.modules().map(|module| module.protection()).collect()
}

/// Loads a module, to see that the arena goes on behind its image.
fn goes_on(arena: &CodeArena) {
    let loader = arena.load("more").unwrap();
    let more = loader.alloc_slice_copy(&[7u8; 10_000]).unwrap();
    loader.seal().unwrap();
    assert!(more.iter().all(|&byte| byte == 7) && arena.locate(more).unwrap().module.name() == "more");
}

#[test]
fn where_pages_are_larger_than_in_the_file_both_halves_are_copied_and_it_says_so() {
    let bytes = program::large("larger pages");
    let (image, file) = (program::checked_large(&bytes), ImageFile::of(&bytes));
    let there = u64::from_ne_bytes(file.header[32..40].try_into().unwrap()) as usize;
    for here in [16 << 10, 64 << 10] {
        if there % here == 0 {
            witness::skipped(&format!("pages of {here} bytes, larger than the file's"), format!("here it has {there}"));
            continue;
        }
        assert_ne!(file.linked.len() % here, 0, "the border of the halves lies within a page");
        for builder in [builder(&image), builder(&image).anywhere()] {
            let arena = builder.pages(Arc::new(PagesOf(here))).build().unwrap();
            let why = arena.why_not_shared().unwrap();
            assert_eq!(why, &NotShared::LargerPages { here, there });
            let words = format!("pages have {here} bytes here, and {there} where the image was written");
            assert_eq!(why.to_string(), words);
            assert_eq!(levels(&arena), [Protection::TypeOnly]);
            assert_is_large(&arena, "larger pages");
            goes_on(&arena);
        }
    }
}

// The header's check matches: the address is as good as any to the reader.
#[test]
fn an_image_that_was_written_for_an_address_without_windows_is_moved_and_says_so() {
    let bytes = program::large("no window");
    let (image, good) = (program::checked_large(&bytes), ImageFile::of(&bytes));
    let Err(ImageError::Window { from, to, .. }) = image.rebase(1) else { panic!("1 is no window") };
    let len = good.linked.len() + good.leaf.len();
    let written_for = |window: usize| {
        let mut file = good.clone();
        file.rebase(window as u64);
        program::checked_large(&file.bytes())
    };
    // The last is the highest that a header may have.
    for window in [4096, from - 4096, to - len + 4096, to, (isize::MAX as usize / 8) & !4095] {
        let elsewhere = written_for(window);
        assert_eq!((elsewhere.window(), elsewhere.digest()), (window, image.digest()));
        let arena = builder(&elsewhere).build().unwrap();
        let why = arena.why_not_shared().unwrap();
        assert_eq!(why, &NotShared::NoWindow { window });
        let words = format!("the image was written for {window:#x}, where none lies on this processor: write it here");
        assert_eq!(why.to_string(), words);
        assert!(!arena.contains(window as *const u8), "{window:#x}");
        assert_eq!(levels(&arena), [Protection::ReadOnly], "half of it is a copy");
        assert_is_large(&arena, "no window");
        goes_on(&arena);
        // Asked for is asked for, wherever it was written for.
        let asked = builder(&elsewhere).anywhere().build().unwrap();
        assert_eq!(asked.why_not_shared(), Some(&NotShared::Asked));
        // Written here, it is the image that it was.
        let mut here = Vec::new();
        elsewhere.rebase(image.window()).unwrap().write_to(&mut here).unwrap();
        assert!(here == bytes, "{window:#x}");
    }
    // The first and the last address at which it may lie.
    for window in [from, to - len] {
        let arena = builder(&written_for(window)).build().unwrap();
        // Something may lie there by chance.
        let why = arena.why_not_shared();
        assert!(matches!(why, None | Some(NotShared::WindowTaken { .. })), "{window:#x}: {why:?}");
        assert_is_large(&arena, "no window");
    }
}

#[test]
fn a_source_that_maps_no_files_has_a_copy_of_both_halves_and_says_so() {
    let bytes = program::large("not mappable");
    let (image, file) = (program::checked_large(&bytes), ImageFile::of(&bytes));
    let refusal = PageError { call: PageCall::MapFile, bytes: file.leaf.len(), code: 0 };
    let sources: [Arc<dyn PageSource>; 2] = [Arc::new(OrdinaryPages), Arc::new(PagesOf(4096))];
    for source in sources {
        let arena = builder(&image).pages(source.clone()).build().unwrap();
        let why = arena.why_not_shared().unwrap();
        assert_eq!(why, &NotShared::NotMappable(refusal), "whatever lies at the window");
        assert_eq!(why.to_string(), format!("the file cannot be mapped here: {refusal}"));
        assert_eq!(levels(&arena), [Protection::TypeOnly]);
        assert_is_large(&arena, "not mappable");
        goes_on(&arena);
        let asked = builder(&image).anywhere().pages(source).build().unwrap();
        assert_eq!(asked.why_not_shared(), Some(&NotShared::Asked), "what was asked for comes first");
        assert_is_large(&asked, "not mappable");
    }
}

// "Never an error where a copy can serve": the call that an image alone needs may be refused, at its window and elsewhere.
#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn a_file_that_the_system_does_not_map_is_copied_and_says_so() {
    let bytes = program::large("refused");
    let (image, file) = (program::checked_large(&bytes), ImageFile::of(&bytes));
    let (window, leaf) = (file.window() as usize, file.leaf.len());
    // All that one call maps at the window: the file without its marks.
    let whole = bytes.len() - file.marks.len();
    let pages = Pages::system();
    pages.fail_calls_from(PageCall::MapFile, 0);
    let there = builder(&image).pages(pages.clone()).build().unwrap();
    assert_eq!(there.address_range().start, window, "a copy at its window needs no moving");
    let moved = builder(&image).pages(pages.clone()).build().unwrap();
    assert!(!moved.contains(window as *const u8));
    for (arena, bytes) in [(there, whole), (moved, leaf)] {
        let why = arena.why_not_shared().unwrap();
        let NotShared::NotMappable(refusal) = why else { panic!("{why:?}") };
        assert_eq!((refusal.call, refusal.bytes), (PageCall::MapFile, bytes));
        assert_eq!(why.to_string(), format!("the file cannot be mapped here: {refusal}"));
        assert_eq!(levels(&arena), [Protection::ReadOnly]);
        assert_is_large(&arena, "refused");
        goes_on(&arena);
    }
    assert_eq!((pages.live(), pages.violations()), (0, 0));
    // Once it maps files again, the image is shared.
    pages.relent();
    assert_eq!(builder(&image).pages(pages).build().unwrap().why_not_shared(), None);
}

#[test]
fn one_refusal_of_two_leaves_a_copy_too() {
    let image = Image::open_sealed(program::sealed(&program::image("once"))).unwrap().check::<Code<'_>>().unwrap();
    let pages = Pages::system();
    pages.fail_call(PageCall::MapFile, 0);
    let arena = builder(&image).pages(pages.clone()).build().unwrap();
    assert!(matches!(arena.why_not_shared(), Some(NotShared::NotMappable(_))), "{:?}", arena.why_not_shared());
    assert_is(arena.root("main").unwrap(), "once");
    drop(arena);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}
