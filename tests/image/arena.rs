//! An arena that begins with an image: all that is asked of loaded code is answered for the image's code too.

use crate::program::{self, Code, assert_is};
use permacode::code::Protection;
use permacode::handles::CodeProxy;
use permacode::image::{Image, ImageError, ImageWriter, NotShared};
use permacode::pages::{OrdinaryPages, PooledPages};
use permacode::testing::Pages;
use permacode::{
    CodeArena, CodeRef, CodeSlot, DualArena, Error, HeapArena, Link, Loader, Mappable, Name, Owned, Permanent,
    SideTable, Sites, Transients,
};
use std::cell::Cell;
use std::sync::Arc;

#[derive(Permanent, Mappable)]
struct Function<'a> {
    name: Name<'a>,
    ops: &'a [u8],
    sites: Sites,
    parent: Link<'a, Function<'a>>,
}

fn function<'x>(loader: &Loader<'x>, name: &str, ops: &[u8]) -> Result<&'x Function<'x>, Error> {
    let (name, ops) = (loader.intern_name(name)?, loader.alloc_slice_copy(ops)?);
    loader.alloc(Function { name, ops, sites: loader.sites(ops.len())?, parent: Link::unset() })
}

/// An image of two modules, each with a function; the second leads to the first. Each test has its own, because only one is at its window.
fn image(test: &str) -> Image {
    let arena = CodeArena::new().unwrap();
    let lib = arena.load("lib").unwrap();
    let print = function(&lib, "print", &[1, 2, 3]).unwrap();
    lib.finish();
    let main = arena.load("main").unwrap();
    let start = function(&main, "start", &[4; 5]).unwrap();
    main.link(&start.parent, print).unwrap();
    main.seal().unwrap();
    let writer = ImageWriter::new(&arena).version(test).root("print", print).unwrap().root("start", start).unwrap();
    Image::open_sealed(writer.seal().unwrap()).unwrap().check::<Function<'_>>().unwrap()
}

/// Whether two references lead to one place, at whatever lifetimes.
fn same<A, B>(one: &A, other: &B) -> bool {
    std::ptr::from_ref(one).cast::<u8>() == std::ptr::from_ref(other).cast()
}

/// At its window, moved, and on pages that map nothing.
fn arenas(image: &Image) -> Vec<(&'static str, CodeArena)> {
    let builder = || CodeArena::builder().image(image).reservation(1 << 20);
    vec![
        ("at its window", builder().build().unwrap()),
        ("moved", builder().anywhere().build().unwrap()),
        ("ordinary", builder().pages(Arc::new(OrdinaryPages)).build().unwrap()),
        ("watched", builder().pages(Pages::system()).build().unwrap()),
        ("pooled", builder().anywhere().pages(Arc::new(PooledPages::new(1).unwrap())).build().unwrap()),
    ]
}

#[test]
fn modules_places_and_names_are_those_of_the_image_and_of_what_was_loaded_behind_it() {
    let image = image("modules_places_and_names_are_those_of_the_image_and_of_what_was_loaded_behind_it");
    for (how, arena) in arenas(&image) {
        let (print, start): (&Function<'_>, &Function<'_>) =
            (arena.root("print").unwrap(), arena.root("start").unwrap());
        assert!(arena.modules().map(|module| (module.name(), module.id())).eq([("lib", 0), ("main", 1)]), "{how}");
        let loader = arena.load("more").unwrap();
        let more = function(&loader, "print", &[7]).unwrap();
        let module = loader.seal().unwrap();
        assert_eq!(module.id(), 2, "{how}");
        assert!(arena.modules().map(|module| module.name()).eq(["lib", "main", "more"]), "{how}");
        // One copy of a name in all.
        assert!(std::ptr::eq(more.name.as_str(), print.name.as_str()), "{how}");
        assert_eq!(arena.interned("start"), Some(start.name));
        assert!(std::ptr::eq(arena.interned("start").unwrap().as_str(), start.name.as_str()));
        assert_eq!(arena.interned("stort"), None);
        // Each byte lies in its module, and the places of a module are all different.
        let at = |ptr: *const u8| arena.locate(ptr).map(|at| (at.module.name(), at.offset));
        let mut places: Vec<_> = start.ops.iter().map(|op| at(op).unwrap()).collect();
        assert!(places.iter().all(|&(name, _)| name == "main"), "{how} {places:?}");
        places.dedup();
        assert_eq!(places.len(), 5, "{how}");
        assert_eq!(at(std::ptr::from_ref(print).cast()).map(|(name, _)| name), Some("lib"), "{how}");
        assert_eq!(at(std::ptr::from_ref(more).cast()).map(|(name, _)| name), Some("more"), "{how}");
        for module in arena.modules().take(2) {
            let own = arena.modules().find(|other| *other == module).unwrap();
            assert_eq!(own.id(), module.id());
            assert!(module.bytes() >= size_of::<Function<'_>>() && module.seal().unwrap().pages == 0, "{how}");
        }
        let stats = arena.stats();
        assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails, "{how} {stats}");
        assert_eq!((stats.modules, stats.sites, stats.unsealed), (3, 3 + 5 + 1, 0), "{how} {stats}");
        assert_eq!(arena.address_range().len(), stats.reserved, "{how}");
        assert!(arena.contains(print) && arena.contains(start.ops) && arena.contains(more), "{how}");
        let [front, back] = arena.bookkeeping_ranges();
        assert_eq!(arena.address_space(), front.len() + arena.address_range().len() + back.len(), "{how}");
    }
}

#[test]
fn sites_are_dense_over_the_image_and_what_was_loaded_and_one_table_has_all() {
    let image = image("sites_are_dense_over_the_image_and_what_was_loaded_and_one_table_has_all");
    for (how, arena) in arenas(&image) {
        let (print, start): (&Function<'_>, &Function<'_>) =
            (arena.root("print").unwrap(), arena.root("start").unwrap());
        let table: SideTable<'_, Cell<u32>> = SideTable::builder(&arena).build().unwrap();
        let loader = arena.load("more").unwrap();
        let more = function(&loader, "more", &[7, 8]).unwrap();
        loader.finish();
        let mut all: Vec<usize> = [print, start, more].into_iter().flat_map(|one| one.sites.range()).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..10), "{how}");
        for (number, one) in [print, start, more].into_iter().enumerate() {
            assert_eq!(table.of(one.sites).unwrap().len(), one.ops.len(), "{how}");
            table.of(one.sites).unwrap()[0].set(number as u32 + 1);
        }
        assert_eq!(table.present(start.sites)[0].get(), 2, "{how}");
        // Those of another arena are refused, also by one without an image.
        let other = CodeArena::new().unwrap();
        let foreign: SideTable<'_, Cell<u32>> = SideTable::builder(&other).build().unwrap();
        assert_eq!(foreign.of(start.sites).err(), Some(Error::OtherArena), "{how}");
        let strange = other.load("m").unwrap().sites(1).unwrap();
        assert_eq!(table.of(strange).err(), Some(Error::OtherArena), "{how}");
    }
}

#[test]
fn code_of_an_image_is_held_replaced_patched_and_promoted_like_loaded_code() {
    let image = image("code_of_an_image_is_held_replaced_patched_and_promoted_like_loaded_code");
    for (how, arena) in arenas(&image) {
        let heap = HeapArena::new().unwrap();
        let transients = Transients::new(&arena, &heap);
        let (print, start): (&Function<'_>, &Function<'_>) =
            (arena.root("print").unwrap(), arena.root("start").unwrap());
        let held: CodeRef<'_, Function<'_>> = CodeRef::new(start);
        assert!(same(held.get(), start) && held.is_permanent(), "{how}");
        let slot = CodeSlot::new(held.clone());
        let patch = CodeRef::transient(&transients, |loader| function(loader, "patch", &[9])).unwrap();
        slot.replace(patch);
        assert_eq!(slot.get().get().name, "patch", "{how}");
        // Patched, a function of the image is transient code that leads on into it.
        let patched: CodeRef<'_, Function<'_>> = held
            .patched(&transients, |loader, start| {
                let parent = Link::unset();
                let patched = loader.alloc(Function { ops: loader.alloc_slice_copy(&[5])?, parent, ..*start })?;
                if let Some(print) = start.parent.get() {
                    loader.link(&patched.parent, print)?;
                }
                Ok::<_, Error>(patched)
            })
            .unwrap();
        assert!(!patched.is_permanent() && same(patched.get().parent.get().unwrap(), print), "{how}");
        // Promoted, it has the names of the image and leads to what was in the image.
        let loader = arena.load("promoted").unwrap();
        let promoted: &Function<'_> = patched.promote(&loader).unwrap();
        loader.seal().unwrap();
        assert!(std::ptr::eq(promoted.name.as_str(), start.name.as_str()), "{how}: the image's copy of a name");
        assert!(same(promoted.parent.get().unwrap(), print), "{how}");
        assert_eq!(arena.locate(promoted).unwrap().module.name(), "promoted", "{how}");
        // A script sees which module it is of.
        let proxy = CodeProxy::new(&arena, held, |code| &code.name).unwrap();
        assert_eq!((proxy.module(), proxy.is_permanent()), (Some("main"), true), "{how}");
        assert_ne!(proxy.id(), CodeProxy::new(&arena, CodeRef::new(print), |code| &code.name).unwrap().id(), "{how}");
        // A link in the image is never set.
        let loader = arena.load("late").unwrap();
        let late = function(&loader, "late", &[]).unwrap();
        assert!(loader.link(&print.parent, late).is_err() && print.parent.get().is_none(), "{how}");
        // And code that is loaded leads into it.
        loader.link(&late.parent, start).unwrap();
        loader.seal().unwrap();
        assert_eq!(late.parent.get().and_then(|start| start.parent.get()).map(|print| print.ops), Some(print.ops));
    }
}

#[test]
fn an_image_is_read_only_from_the_first_moment_and_is_hardened_with_the_rest() {
    let image = image("an_image_is_read_only_from_the_first_moment_and_is_hardened_with_the_rest");
    let levels = |arena: &CodeArena| arena.modules().map(|module| module.protection()).collect::<Vec<_>>();
    let arena = CodeArena::builder().image(&image).build().unwrap();
    assert_eq!(arena.why_not_shared(), None);
    assert_eq!(levels(&arena), [Protection::SealedFile; 2], "it lies in sealed memory");
    let moved = CodeArena::builder().image(&image).build().unwrap();
    assert!(matches!(moved.why_not_shared(), Some(NotShared::WindowTaken { by: Some(_), .. })));
    assert_eq!(levels(&moved), [Protection::ReadOnly; 2], "half of it is a copy");
    moved.harden().unwrap();
    assert_eq!(levels(&moved), [Protection::SealedFile; 2]);
    assert_eq!(moved.root::<Function<'_>>("print").unwrap().ops, [1, 2, 3]);
    let plain = CodeArena::builder().image(&image).pages(Arc::new(OrdinaryPages)).build().unwrap();
    assert!(matches!(plain.why_not_shared(), Some(NotShared::NotMappable(_))));
    assert_eq!(levels(&plain), [Protection::TypeOnly; 2]);
    // For ever, where the kernel can.
    permacode_witness::in_child(|| {
        let arena = Box::leak(Box::new(CodeArena::builder().image(&image).anywhere().build().unwrap()));
        match arena.harden_forever() {
            Ok(()) => assert_eq!(levels(arena), [Protection::Fixed; 2]),
            Err(refusal) => permacode_witness::skipped("an image that is fixed for ever", refusal),
        }
        assert_eq!(arena.root::<Function<'_>>("print").unwrap().ops, [1, 2, 3]);
    });
}

#[test]
fn an_owner_and_an_edge_keep_the_image() {
    let image = image("an_owner_and_an_edge_keep_the_image");
    let arena = Arc::new(CodeArena::builder().image(&image).build().unwrap());
    let start: Owned<Function<'_>> = Owned::root(&arena, "start").unwrap();
    let mismatch = Owned::<u32>::root(&arena, "start").err();
    assert!(matches!(mismatch, Some(ImageError::Type(_))), "{mismatch:?}");
    assert_eq!(Owned::<Function<'_>>::root(&arena, "no").err(), Some(ImageError::NoRoot("no".into())));
    let user = Arc::new(CodeArena::new().unwrap());
    let late: Owned<Function<'_>> = Owned::load(&user, "user", |loader| {
        let (start, late) = (loader.at(&start)?, function(loader, "late", &[])?);
        loader.link(&late.parent, start)?;
        Ok::<_, Error>(late)
    })
    .unwrap();
    drop((arena, user, image, start));
    let (start, print) = {
        let start = late.get().parent.get().unwrap();
        (start, start.parent.get().unwrap())
    };
    assert_eq!((&*start.name, &*print.name, print.ops), ("start", "print", &[1, 2, 3][..]));
}

#[test]
fn an_arena_without_an_image_has_no_roots_and_nothing_to_say_of_it() {
    let arena = CodeArena::builder().anywhere().build().unwrap();
    assert_eq!(arena.root::<u32>("main").unwrap_err(), ImageError::NoRoot("main".into()));
    assert_eq!(arena.why_not_shared(), None);
}

#[test]
fn opening_takes_three_calls_and_builds_nothing() {
    let image = image("opening_takes_three_calls_and_builds_nothing");
    let pages = Pages::system();
    let arena = CodeArena::builder().image(&image).pages(pages.clone()).build().unwrap();
    assert_eq!(arena.why_not_shared(), None);
    assert_eq!((pages.calls(), arena.stats().system_calls), (3, 3));
    assert_eq!(arena.root::<Function<'_>>("print").unwrap().name, "print");
    assert_eq!(pages.calls(), 3);
    arena.load("more").unwrap().alloc(1u8).unwrap();
    assert_eq!(pages.violations(), 0);
}

#[test]
fn an_arena_that_the_system_refuses_leaves_nothing() {
    let image = image("an_arena_that_the_system_refuses_leaves_nothing");
    for call in [permacode::error::PageCall::Reserve, permacode::error::PageCall::Commit] {
        let pages = Pages::system();
        pages.fail_calls_from(call, 0);
        let refused = CodeArena::builder().image(&image).pages(pages.clone()).build();
        assert!(matches!(refused, Err(Error::Pages(refusal)) if refusal.call == call), "{refused:?}");
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
}

#[test]
fn a_pool_gives_the_window_again() {
    let image = image("a_pool_gives_the_window_again");
    let pages = Arc::new(PooledPages::new(2).unwrap());
    for round in 0..5 {
        let arenas = DualArena {
            code: CodeArena::builder().image(&image).pages(pages.clone()).build().unwrap(),
            heap: HeapArena::builder().pages(pages.clone()).build().unwrap(),
        };
        assert_eq!(arenas.code.why_not_shared(), None, "{round}");
        assert_eq!(arenas.code.root::<Function<'_>>("print").unwrap().ops, [1, 2, 3]);
        let loader = arenas.code.load("more").unwrap();
        function(&loader, "more", &[7]).unwrap();
        loader.seal().unwrap();
    }
}

#[test]
fn large_modules_and_many_names_are_loaded_behind_an_image_and_limits_are_for_them_alone() {
    let image = image("large_modules_and_many_names_are_loaded_behind_an_image_and_limits_are_for_them_alone");
    let arena = CodeArena::builder().image(&image).reservation(64 << 20).limit(8 << 20).build().unwrap();
    for number in 0..100 {
        let loader = arena.load(&format!("module {number}")).unwrap();
        loader.alloc_slice_copy(&[number as u8; 50_000]).unwrap();
        for name in 0..100 {
            loader.intern(&format!("name {name} of {number}")).unwrap();
        }
        let module = if number % 2 == 0 { loader.seal().unwrap() } else { loader.finish() };
        assert_eq!(module.id(), number + 2);
    }
    arena.seal().unwrap();
    assert!(matches!(arena.load("no").unwrap().alloc_slice_copy(&[0u8; 4 << 20]), Err(Error::Limit { .. })));
    assert_eq!(arena.modules().count(), 2 + 100 + 1);
    assert!(arena.modules().all(|module| module.protection() >= Protection::ReadOnly));
    assert_is_function(&arena);
}

fn assert_is_function(arena: &CodeArena) {
    let start: &Function<'_> = arena.root("start").unwrap();
    assert_eq!((&*start.name, start.ops, start.sites.len()), ("start", &[4; 5][..], 5));
}

// soundness S38: what an arena begins with is written as it was.
#[test]
fn an_image_that_is_opened_and_written_again_has_the_same_bytes() {
    for elsewhere in [false, true] {
        let bytes = program::image("again");
        let image = Image::open_sealed(program::sealed(&bytes)).unwrap().check::<Code<'_>>().unwrap();
        let builder = CodeArena::builder().image(&image);
        let arena = if elsewhere { builder.anywhere() } else { builder }.build().unwrap();
        let main: &Code<'_> = arena.root("main").unwrap();
        assert_is(main, "again");
        let mut again = Vec::new();
        let writer = ImageWriter::new(&arena).version(image.version()).root("main", main).unwrap();
        writer.write_to(&mut again).unwrap();
        assert!(bytes == again, "{elsewhere}");
    }
}

#[test]
fn children_have_the_image_of_their_parent() {
    let image = image("children_have_the_image_of_their_parent");
    for (how, arena) in arenas(&image) {
        permacode_witness::in_child(|| {
            assert_is_function(&arena);
            let loader = arena.load("child").unwrap();
            let print: &Function<'_> = arena.root("print").unwrap();
            assert!(std::ptr::eq(loader.intern("print").unwrap(), print.name.as_str()), "{how}");
            loader.seal().unwrap();
        });
    }
}

// A file that is made of nothing but a header and tables would leave the first code pages of an arena without access.
#[test]
fn an_image_without_code_is_refused() {
    let arena = CodeArena::new().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).write_to(&mut bytes).unwrap();
    let mut file = permacode_model::ImageFile::of(&bytes);
    (file.linked, file.leaf) = (Vec::new(), Vec::new());
    assert_eq!(Image::open_sealed(program::sealed(&file.bytes())).err(), Some(ImageError::Header("it has no code")));
}

// Addresses of runs are multiples of 4 KiB and their offsets: a source of smaller pages does not promise that.
#[test]
fn a_source_of_small_pages_has_an_image_at_a_multiple_of_its_alignment_or_none() {
    #[derive(Permanent, Mappable)]
    #[repr(align(1024))]
    struct Wide(u8);
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let wide = loader.alloc(Wide(7)).unwrap();
    loader.seal().unwrap();
    let image = Image::open_sealed(ImageWriter::new(&arena).root("wide", wide).unwrap().seal().unwrap()).unwrap();
    let image = image.check::<Wide>().unwrap();
    for pages in [64, 256, 4096, 16 << 10, 64 << 10] {
        let source = Arc::new(permacode_witness::PagesOf(pages));
        match CodeArena::builder().image(&image).reservation(1 << 16).pages(source).build() {
            Ok(arena) => {
                let wide: &Wide = arena.root("wide").unwrap();
                assert_eq!((std::ptr::from_ref(wide).addr() % 1024, wide.0), (0, 7), "{pages}");
            }
            Err(refused) => assert!(pages < 4096 && matches!(refused, Error::Pages(_)), "{pages}: {refused}"),
        }
    }
}

#[test]
fn choices_count_in_any_order_and_the_last_image_counts() {
    let (one, other) = (image("choices, one"), image("choices, other"));
    let arena = CodeArena::builder().anywhere().image(&one).build().unwrap();
    assert_eq!(arena.why_not_shared(), Some(&NotShared::Asked));
    let arena = CodeArena::builder().image(&one).anywhere().image(&other).build().unwrap();
    assert_eq!(arena.why_not_shared(), Some(&NotShared::Asked));
    let arena = CodeArena::builder().image(&one).image(&other).build().unwrap();
    assert_eq!(arena.why_not_shared(), None);
    let elsewhere = arena.address_range().start;
    assert_eq!(elsewhere, other.window());
}

#[test]
fn what_was_asked_to_be_elsewhere_is_not_at_the_window_that_a_pool_kept() {
    let image = image("elsewhere in a pool");
    let pages = Arc::new(PooledPages::new(4).unwrap());
    let builder = || CodeArena::builder().image(&image).reservation(1 << 20).pages(pages.clone());
    let there = builder().build().unwrap();
    assert_eq!((there.why_not_shared(), there.address_range().start), (None, image.window()));
    drop(there);
    let elsewhere = builder().anywhere().build().unwrap();
    assert_eq!(elsewhere.why_not_shared(), Some(&NotShared::Asked));
    assert!(!elsewhere.contains(image.window() as *const u8));
}

#[test]
fn a_level_that_a_seal_is_to_reach_is_reached_by_what_was_copied() {
    let image = image("a level");
    let arena = CodeArena::builder().image(&image).anywhere().protection(Protection::SealedFile).strict().build();
    let arena = arena.unwrap();
    assert!(arena.modules().all(|module| module.protection() == Protection::SealedFile));
    assert_is_function(&arena);
}

// A descriptor that could write would make pages that could be made writable.
#[test]
fn an_image_that_was_opened_for_writing_cannot_be_written_through_its_mapping() {
    let folder = crate::output::Folder::new("opened_for_writing");
    let path = folder.join("image");
    std::fs::write(&path, program::image("for writing")).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // SAFETY: nobody writes to it.
    let arena = unsafe { Image::map_file(file, 0) }.unwrap().check::<Code<'_>>().unwrap().open().unwrap();
    let page = arena.address_range().start & !4095;
    // SAFETY: asks for a right, which is refused.
    assert_ne!(unsafe { libc::mprotect(page as *mut _, 4096, libc::PROT_READ | libc::PROT_WRITE) }, 0);
    assert_is(arena.root("main").unwrap(), "for writing");
}
