//! The writer's choices: a window, and a function that is told how far it has come.

use crate::program::{self, Code, assert_is};
use permacode::image::{Image, ImageError, ImageWriter, NotShared, WritePhase};
use permacode::{CodeArena, Mappable, Permanent};

#[test]
fn an_image_lies_at_the_window_that_was_chosen_for_it() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = program::load(&loader, "outer").unwrap();
    loader.seal().unwrap();
    let writer = || ImageWriter::new(&arena).root("main", code).unwrap();
    let ImageError::Window { asked: 1, from, to, align } = writer().at_window(1).seal().unwrap_err() else { panic!() };
    let open = |window| {
        let image = Image::open_sealed(writer().at_window(window).seal().unwrap()).unwrap();
        image.verify().unwrap();
        (image.digest(), image.check::<Code<'_>>().unwrap().open().unwrap())
    };
    // Images of other tests may lie at some of these meanwhile.
    let mut shared = 0;
    for number in 1..9 {
        let window = from + number * (8 << 30) + align;
        let (digest, code) = open(window);
        assert_eq!(digest, open(window + align).0, "the digest does not depend on the window");
        let main: &Code<'_> = code.root("main").unwrap();
        assert_is(main, "outer");
        match code.why_not_shared() {
            None => shared += usize::from((window..window + align).contains(&std::ptr::from_ref(main).addr())),
            Some(NotShared::WindowTaken { window: asked, .. }) => assert_eq!(*asked, window),
            Some(other) => panic!("{other}"),
        }
    }
    assert!(shared > 4, "{shared}");
    // The last address has room for a small image, if it is no larger than that.
    let report = writer().at_window(to - align).write_to(&mut Vec::new()).unwrap();
    assert!(report.bytes < align);
    for bad in [0, from - align, from + 4096, to, usize::MAX] {
        let refused = writer().at_window(bad).write_to(&mut Vec::new());
        assert_eq!(refused.err(), Some(ImageError::Window { asked: bad, from, to, align }), "{bad:#x}");
    }
}

#[test]
fn progress_is_told_in_order_and_to_the_end() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let texts = (0..100_000).map(|number| loader.intern(&format!("text {number}")).unwrap());
    let texts: Vec<&str> = texts.collect();
    let texts: &&[&str] = loader.alloc(loader.alloc_slice_copy(&texts).unwrap()).unwrap();
    loader.seal().unwrap();
    let mut all = Vec::new();
    let writer = ImageWriter::new(&arena).root("texts", texts).unwrap().progress(|progress| all.push(progress));
    let report = writer.write_to(&mut Vec::new()).unwrap();
    assert!(all.iter().all(|progress| progress.done <= progress.of), "{all:?}");
    assert!(all.windows(2).all(|pair| (pair[0].phase, pair[0].done) <= (pair[1].phase, pair[1].done)), "{all:?}");
    for phase in [WritePhase::Survey, WritePhase::Copying, WritePhase::Digest, WritePhase::Output] {
        assert!(all.iter().filter(|progress| progress.phase == phase).count() > 3, "{phase:?}: {all:?}");
    }
    let last = all.last().unwrap();
    assert_eq!((last.phase, last.done, last.of), (WritePhase::Output, report.bytes, report.bytes));
}

#[test]
fn a_panic_of_the_function_that_is_told_leaves_nothing_behind() {
    let folder = crate::output::Folder::new("told");
    let path = folder.join("image");
    let arena = CodeArena::new().unwrap();
    let writer = ImageWriter::new(&arena).progress(|progress| assert_ne!(progress.phase, WritePhase::Output));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.write(&path)));
    assert!(panicked.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[derive(Debug, PartialEq, Permanent, Mappable)]
struct Pair<'a>(&'a [Option<&'a str>], u32);

/// Constants of the program that lead on: one of them is the beginning of the other.
static LONG: [Pair<'static>; 3] = [Pair(&[Some("one"), None], 1), Pair(&[Some("two")], 2), Pair(&[None, Some("3")], 3)];

// soundness S38: references to longer and longer parts of one slice, in each order.
#[test]
fn parts_of_a_slice_that_grow_are_one_in_the_image() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let own: &[Pair<'_>] = loader
        .alloc_slice_try_fill_with(6, |i| {
            let texts = loader.alloc_slice_fill_iter((0..i).map(|j| if j % 2 == 0 { Some("x") } else { None }))?;
            Ok::<_, permacode::Error>(Pair(texts, i as u32))
        })
        .unwrap();
    loader.finish();
    for slice in [own, &LONG] {
        for order in [&[1, 2, 3, 2, 1], &[3, 1, 2, 1, 3], &[2, 3, 1, 3, 2]] {
            let loader = arena.load("parts").unwrap();
            let parts: &&[&[Pair<'_>]] =
                loader.alloc(loader.alloc_slice_fill_iter(order.map(|len| &slice[..len])).unwrap()).unwrap();
            loader.seal().unwrap();
            let writer = ImageWriter::new(&arena).root("parts", parts).unwrap();
            let image = Image::open_sealed(writer.seal().unwrap()).unwrap();
            let code = image.check::<&[&[Pair<'_>]]>().unwrap().open().unwrap();
            let read = *code.root::<&[&[Pair<'_>]]>("parts").unwrap();
            assert!(read.iter().zip(order).all(|(read, &len)| *read == &slice[..len]));
            assert!(read.iter().all(|part| part.as_ptr() == read[0].as_ptr()), "one slice");
        }
    }
}
