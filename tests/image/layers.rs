//! Layers: images that stand on others.

use crate::program;
use permacode::image::{Image, ImageError, ImageWriter, NotShared};
use permacode::pages::OrdinaryPages;
use permacode::{CodeArena, Error, Link, Loader, Mappable, Name, Permanent, SideTable, Sites};
use std::cell::Cell;
use std::sync::Arc;

#[derive(Permanent, Mappable)]
struct Function<'a> {
    name: Name<'a>,
    ops: &'a [u8],
    sites: Sites,
    calls: &'a [&'a Function<'a>],
    parent: Link<'a, Function<'a>>,
    part: Option<&'a u8>,
}

fn function<'x>(
    loader: &Loader<'x>,
    name: &str,
    calls: &[&'x Function<'x>],
    part: Option<&'x u8>,
) -> Result<&'x Function<'x>, Error> {
    let ops = loader.alloc_slice_copy(name.as_bytes())?;
    let (name, sites, calls) = (loader.intern_name(name)?, loader.sites(2)?, loader.alloc_slice_copy(calls)?);
    loader.alloc(Function { name, ops, sites, calls, parent: Link::unset(), part })
}

/// Loads a module with one function, which calls others of the arena's own image.
fn load<'a>(arena: &'a CodeArena, name: &str, calls: &[&str]) -> &'a Function<'a> {
    let loader = arena.load(name).unwrap();
    let calls: Vec<&Function<'_>> = calls.iter().map(|call| arena.root(call).unwrap()).collect();
    let part = calls.first().map(|call| &call.ops[1]);
    let one = function(&loader, name, &calls, part).unwrap();
    loader.seal().unwrap();
    one
}

/// An image of one module with one function, on the arena's own image if it has one. The function calls others.
fn write(arena: &CodeArena, name: &str, calls: &[&str], layer: bool) -> Vec<u8> {
    let one = load(arena, name, calls);
    let writer = ImageWriter::new(arena).version(name);
    let writer = if layer { writer.layer().unwrap() } else { writer };
    let mut bytes = Vec::new();
    writer.root(name, one).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

fn image(bytes: &[u8]) -> Image {
    Image::open_sealed(program::sealed(bytes)).unwrap()
}

/// Three images, each on the one before: library, framework, program.
fn chain(test: &str) -> [Image; 3] {
    let library = image(&write(&CodeArena::new().unwrap(), &format!("library {test}"), &[], false));
    let library = library.check::<Function<'_>>().unwrap();
    let arena = library.open().unwrap();
    let framework = image(&write(&arena, "framework", &[&format!("library {test}")], true)).on(&library).unwrap();
    let framework = framework.check::<Function<'_>>().unwrap();
    drop(arena);
    let arena = framework.open().unwrap();
    let program = image(&write(&arena, "program", &["framework", &format!("library {test}")], true));
    let program = program.on(&framework).unwrap().check::<Function<'_>>().unwrap();
    [library, framework, program]
}

fn assert_is_chain(arena: &CodeArena, test: &str) {
    let root = |name: &str| -> &Function<'_> { arena.root(name).unwrap() };
    let (library, framework, program) = (root(&format!("library {test}")), root("framework"), root("program"));
    assert_eq!((&*framework.name, framework.ops, framework.part), ("framework", &b"framework"[..], Some(&b'i')));
    assert!(std::ptr::eq(framework.calls[0], library) && std::ptr::eq(framework.part.unwrap(), &library.ops[1]));
    assert!(std::ptr::eq(program.calls[0], framework) && std::ptr::eq(program.calls[1], library));
    let mut sites: Vec<usize> = [library, framework, program].iter().flat_map(|one| one.sites.range()).collect();
    sites.sort_unstable();
    assert_eq!(sites, [0, 1, 2, 3, 4, 5]);
    let names: Vec<&str> = arena.modules().take(3).map(|module| module.name()).collect();
    assert_eq!(names, [&*format!("library {test}"), "framework", "program"]);
    for (one, module) in [library, framework, program].iter().zip(names) {
        assert_eq!(arena.locate(std::ptr::from_ref(*one)).unwrap().module.name(), module);
        assert!(std::ptr::eq(arena.interned(&one.name).unwrap().as_str(), one.name.as_str()));
    }
    let table: SideTable<'_, Cell<u8>> = SideTable::builder(arena).build().unwrap();
    let loader = arena.load("more").unwrap();
    let more = function(&loader, "program", &[program], None).unwrap();
    loader.finish();
    assert_eq!(more.sites.range(), 6..8);
    assert!([library, framework, program, more].iter().all(|one| table.of(one.sites).is_ok_and(|of| of.len() == 2)));
    assert!(std::ptr::eq(more.name.as_str(), program.name.as_str()));
    let stats = arena.stats();
    assert_eq!((stats.modules, stats.sites), (4, 8));
    assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails);
}

#[test]
fn a_chain_of_three_is_one_arena_at_its_window_and_moved() {
    let test = "of three";
    let [_, _, program] = chain(test);
    let there = program.open().unwrap();
    assert_eq!(there.why_not_shared(), None);
    assert_is_chain(&there, test);
    let moved = program::elsewhere(&program);
    assert_eq!(moved.why_not_shared(), Some(&NotShared::Asked));
    assert_is_chain(&moved, test);
    let copied = CodeArena::builder().image(&program).pages(Arc::new(OrdinaryPages)).build().unwrap();
    assert!(matches!(copied.why_not_shared(), Some(NotShared::NotMappable(_))), "{:?}", copied.why_not_shared());
    assert_is_chain(&copied, test);
}

#[test]
fn a_layer_has_nothing_of_what_is_below_it_and_one_image_of_a_chain_has_all() {
    let [library, _, program] = chain("small");
    let arena = program.open().unwrap();
    let root: &Function<'_> = arena.root("program").unwrap();
    let mut layer = Vec::new();
    let report = ImageWriter::new(&arena).layer().unwrap().root("program", root).unwrap().write_to(&mut layer).unwrap();
    assert_eq!((report.blocks, report.references), (0, 0), "all of it is below");
    let again = image(&layer).on(&program).unwrap().check::<Function<'_>>().unwrap().open().unwrap();
    assert_eq!(again.root::<Function<'_>>("program").unwrap().ops, b"program");
    // Without the call, a root has all that it leads to, and needs nobody.
    let mut whole = Vec::new();
    ImageWriter::new(&arena).root("program", root).unwrap().write_to(&mut whole).unwrap();
    let whole = image(&whole).check::<Function<'_>>().unwrap().open().unwrap();
    let root: &Function<'_> = whole.root("program").unwrap();
    assert_eq!(&*root.calls[0].calls[0].name, "library small");
    assert!(library.roots().unwrap().eq(["library small"]));
}

/// Runs a function: counts at its first site, then does the same with all that it calls. Returns the code that was met, in order.
fn run<'a>(function: &'a Function<'a>, counts: &SideTable<'_, Cell<u8>>) -> Vec<&'a [u8]> {
    let count = &counts.of(function.sites).unwrap()[0];
    count.set(count.get() + 1);
    let called = function.calls.iter().flat_map(|callee| run(callee, counts));
    std::iter::once(function.ops).chain(called).collect()
}

#[test]
fn two_layers_on_one_image_become_one_image_when_both_are_loaded() {
    let library = image(&write(&CodeArena::new().unwrap(), "library merged", &[], false));
    let library = library.check::<Function<'_>>().unwrap();
    let siblings = ["one", "other"];
    let is_sibling = |arena: &CodeArena, name: &str| {
        let (root, below): (&Function<'_>, &Function<'_>) =
            (arena.root(name).unwrap(), arena.root("library merged").unwrap());
        assert_eq!((&*root.name, root.ops, root.part), (name, name.as_bytes(), Some(&b'i')));
        assert!(root.calls.len() == 1 && std::ptr::eq(root.calls[0], below) && root.parent.get().is_none());
        assert!(std::ptr::eq(root.part.unwrap(), &below.ops[1]), "into what is below");
        assert_eq!(arena.locate(std::ptr::from_ref(root)).unwrap().module.name(), name);
        assert!(std::ptr::eq(arena.interned(name).unwrap().as_str(), root.name.as_str()));
        let counts: SideTable<'_, Cell<u8>> = SideTable::builder(arena).build().unwrap();
        assert_eq!(run(root, &counts), [name.as_bytes(), b"library merged"]);
        assert_eq!([root, below].map(|one| counts.of(one.sites).unwrap()[0].get()), [1, 1]);
        root.sites.range()
    };
    let modules = |arena: &CodeArena| arena.modules().map(|module| module.name().to_owned()).collect::<Vec<_>>();
    // Each is an image of its own.
    for name in siblings {
        let layer = image(&write(&library.open().unwrap(), name, &["library merged"], true));
        let alone = layer.on(&library).unwrap().check::<Function<'_>>().unwrap().open().unwrap();
        assert_eq!(modules(&alone), ["library merged", name]);
        assert_eq!(is_sibling(&alone, name), 2..4);
    }
    // The modules of both loaded on the library, and one layer with the roots of both.
    let arena = library.open().unwrap();
    let [one, other] = siblings.map(|name| load(&arena, name, &["library merged"]));
    let writer = ImageWriter::new(&arena).layer().unwrap().root("one", one).unwrap().root("other", other).unwrap();
    let both = Image::open_sealed(writer.seal().unwrap()).unwrap();
    drop(arena);
    assert!(both.roots().unwrap().eq(siblings));
    let both = both.on(&library).unwrap().check::<Function<'_>>().unwrap();
    for arena in [both.open().unwrap(), program::elsewhere(&both)] {
        assert_eq!(modules(&arena), ["library merged", "one", "other"]);
        let [one, other] = siblings.map(|name| is_sibling(&arena, name));
        assert_eq!((one, other), (2..4, 4..6), "each has sites of its own");
        assert_eq!((arena.stats().modules, arena.stats().sites), (3, 6));
    }
}

#[test]
fn a_layer_without_its_parent_or_on_another_one_is_refused() {
    let [library, framework, program] = chain("refused");
    let bytes = |image: &Image| {
        use std::os::fd::AsRawFd;
        std::fs::read(format!("/proc/self/fd/{}", image.file().as_raw_fd())).unwrap()
    };
    let alone = image(&bytes(&program));
    assert_eq!(alone.open().err(), Some(ImageError::NoParent(framework.digest())));
    assert_eq!(alone.clone().check::<Function<'_>>().err(), Some(ImageError::NoParent(framework.digest())));
    assert_eq!(CodeArena::builder().image(&alone).build().err(), Some(Error::NoParent));
    let refused = alone.clone().on(&library).unwrap_err();
    assert_eq!(refused, ImageError::Parent { expected: Some(framework.digest()), found: library.digest() });
    assert!(refused.to_string().contains(&library.digest().to_string()));
    // The parent itself lacks its own.
    let without = image(&bytes(&framework));
    assert_eq!(alone.on(&without).err(), Some(ImageError::NoParent(library.digest())));
    // One that stands on nothing.
    let refused = library.clone().on(&framework).unwrap_err();
    assert_eq!(refused, ImageError::Parent { expected: None, found: framework.digest() });
}

#[test]
fn types_below_are_checked_with_the_layer_unless_somebody_vouched_for_them() {
    let bytes = write(&CodeArena::new().unwrap(), "library checked", &[], false);
    let unchecked = image(&bytes);
    let arena = unchecked.clone().check::<Function<'_>>().unwrap().open().unwrap();
    let layer = write(&arena, "layer", &["library checked"], true);
    drop(arena);
    let open = |parent: &Image| image(&layer).on(parent).unwrap().check::<Function<'_>>();
    let arena = open(&unchecked).unwrap().open().unwrap();
    assert_eq!(arena.root::<Function<'_>>("library checked").unwrap().ops, b"library checked");
    drop(arena);
    // SAFETY: written right here.
    let trusted = unsafe { unchecked.trust() };
    assert_eq!(open(&trusted).unwrap().open().unwrap().root::<Function<'_>>("layer").unwrap().calls[0].ops.len(), 15);
    // A parent that is damaged is found by the check of the layer.
    let mut file = permacode_model::ImageFile::of(&bytes);
    file.linked.iter_mut().take(8).for_each(|byte| *byte ^= 0x55);
    assert!(matches!(open(&image(&file.bytes())), Err(ImageError::BadValue { .. })));
}

// soundness S14: each reference of a layer, made to lead anywhere below, is refused or leads to a value of its type.
#[test]
fn a_reference_from_a_layer_leads_to_a_value_of_its_type_or_is_refused() {
    let [_, framework, program] = chain("hostile");
    let bytes = {
        use std::os::fd::AsRawFd;
        std::fs::read(format!("/proc/self/fd/{}", program.file().as_raw_fd())).unwrap()
    };
    let file = permacode_model::ImageFile::of(&bytes);
    let (base, below) = (file.window() - file.below(), file.below());
    let (mut refused, mut values) = (0, 0);
    for word in (0..file.linked.len()).step_by(8).filter(|word| file.marks[word / 64] >> (word / 8 % 8) & 1 != 0) {
        for to in (0..below).step_by(8).chain([below - 1, below + 4096, u64::MAX - base]) {
            let mut bad = file.clone();
            bad.linked[word..word + 8].copy_from_slice(&base.wrapping_add(to).to_ne_bytes());
            match image(&bad.bytes()).on(&framework).unwrap().check::<Function<'_>>() {
                Err(_) => refused += 1,
                Ok(checked) => {
                    let arena = program::elsewhere(&checked);
                    let root: &Function<'_> = arena.root("program").unwrap();
                    let calls: usize = root.calls.iter().map(|call| call.ops.len() + call.name.len()).sum();
                    assert!(
                        calls + root.ops.len() + root.name.len() + usize::from(root.part.copied().unwrap_or(0)) > 0
                    );
                    values += 1;
                }
            }
        }
    }
    assert!(refused > 50 * values.max(1) && values > 3, "{refused} {values}");
}

#[test]
fn a_chain_is_written_for_another_window_and_links_and_pins_hold() {
    let test = "rebased";
    let [library, framework, program] = chain(test);
    let window = library.window() + (16 << 30);
    assert_eq!((framework.window(), program.window()), (library.window(), library.window()));
    let rebased = |image: &Image| {
        let moved = Image::open_sealed(image.rebase(window).unwrap().seal().unwrap()).unwrap();
        moved.pin(image.digest()).unwrap()
    };
    let there = rebased(&library);
    let there = rebased(&framework).on(&there).unwrap();
    let there = rebased(&program).on(&there).unwrap().check::<Function<'_>>().unwrap();
    let arena = there.open().unwrap();
    assert_eq!((arena.why_not_shared(), there.window()), (None, window));
    assert_is_chain(&arena, test);
    // On the parent that was not written for the new window, it is moved, and says so.
    let mixed = rebased(&program).on(&framework).unwrap().check::<Function<'_>>().unwrap().open().unwrap();
    let expected = NotShared::ParentElsewhere { parent: library.window(), expected: window };
    assert_eq!(mixed.why_not_shared(), Some(&expected));
    assert_is_chain(&mixed, test);
    assert!(matches!(library.rebase(window + 1), Err(ImageError::Window { .. })));
    let (mut stream, mut whole) = (Vec::new(), Vec::new());
    library.rebase(library.window()).unwrap().write_to(&mut stream).unwrap();
    std::io::Read::read_to_end(
        &mut &std::fs::File::open(format!("/proc/self/fd/{}", fd(&library))).unwrap(),
        &mut whole,
    )
    .unwrap();
    assert!(stream == whole, "for its own window it is the same file");
}

fn fd(image: &Image) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(image.file())
}

#[test]
fn links_that_are_not_set_are_counted_and_stay_so() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let (one, two) = (function(&loader, "one", &[], None).unwrap(), function(&loader, "two", &[], None).unwrap());
    loader.link(&one.parent, two).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    let writer = ImageWriter::new(&arena).root("one", one).unwrap();
    assert_eq!(writer.write_to(&mut bytes).unwrap().unset_links, 1);
    let arena = image(&bytes).check::<Function<'_>>().unwrap().open().unwrap();
    let one: &Function<'_> = arena.root("one").unwrap();
    let loader = arena.load("late").unwrap();
    let late = function(&loader, "late", &[], None).unwrap();
    assert!(loader.link(&one.parent.get().unwrap().parent, late).is_err());
}

// soundness: what was proved of a layer was proved of it on one parent.
#[test]
fn a_layer_that_is_put_on_another_file_is_checked_anew() {
    let bytes = write(&CodeArena::new().unwrap(), "library swapped", &[], false);
    let library = image(&bytes).check::<Function<'_>>().unwrap();
    let layer = write(&library.open().unwrap(), "layer", &["library swapped"], true);
    let checked = image(&layer).on(&library).unwrap().check::<Function<'_>>().unwrap();
    // The same digest in the header, and other contents.
    let mut file = permacode_model::ImageFile::of(&bytes);
    file.linked[..8].fill(0x55);
    let evil = image(&file.bytes());
    assert_eq!(evil.digest(), library.digest());
    let swapped = checked.on(&evil).unwrap();
    let arena = swapped.open().unwrap();
    let root = |arena: &CodeArena| arena.root::<Function<'_>>("layer").map(|_| ());
    assert_eq!(root(&arena), Err(ImageError::NotChecked { of: "Function" }));
    assert!(matches!(swapped.check::<Function<'_>>(), Err(ImageError::BadValue { .. })));
    // SAFETY: it was written right here; what was said of it is forgotten with the parent.
    let trusted = unsafe { image(&layer).on(&library).unwrap().trust() }.on(&library).unwrap();
    assert_eq!(root(&trusted.open().unwrap()), Err(ImageError::NotChecked { of: "Function" }));
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Const<'a> {
    Function(&'a Function<'a>),
    Text(&'a str),
}

#[derive(Permanent, Mappable)]
struct Holder<'a> {
    constants: &'a [Const<'a>],
    text: Option<&'a &'a str>,
}

#[test]
fn a_reference_into_a_variant_below_is_refused_when_the_layer_is_written() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("library").unwrap();
    let text = Const::Text(loader.intern("text").unwrap());
    let constants = loader.alloc_slice_fill_iter([text, Const::Function(function(&loader, "f", &[], None).unwrap())]);
    let below = loader.alloc(Holder { constants: constants.unwrap(), text: None }).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("below", below).unwrap().write_to(&mut bytes).unwrap();
    let arena = image(&bytes).check::<Holder<'_>>().unwrap().open().unwrap();
    let below: &Holder<'_> = arena.root("below").unwrap();
    let Const::Text(text) = &below.constants[0] else { panic!() };
    let loader = arena.load("layer").unwrap();
    let into_a_variant = loader.alloc(Holder { constants: &below.constants[1..], text: Some(text) }).unwrap();
    let fine = loader.alloc(Holder { constants: &below.constants[1..], text: None }).unwrap();
    loader.seal().unwrap();
    let write = |root| {
        let writer = ImageWriter::new(&arena).layer().unwrap().root("root", root).unwrap();
        writer.write_to(&mut Vec::new()).map(|report| report.blocks)
    };
    assert_eq!(write(into_a_variant), Err(ImageError::Interior { of: "Const", to: "&str" }));
    assert_eq!(write(fine), Ok(1));
}

#[test]
fn a_proof_that_there_is_no_cycle_is_one_of_all_images_below() {
    let [library, framework, program] = chain("acyclic");
    let options = permacode::image::CheckOptions::new().acyclic();
    let bytes = {
        use std::os::fd::AsRawFd;
        |image: &Image| std::fs::read(format!("/proc/self/fd/{}", image.file().as_raw_fd())).unwrap()
    };
    assert!(program.clone().check_with::<Function<'_>>(options).is_ok());
    // The library's `calls` lead to itself.
    let mut file = permacode_model::ImageFile::of(&bytes(&framework));
    let own = file.below();
    let calls = (0..file.linked.len()).step_by(8).find(|&at| {
        let word = u64::from_ne_bytes(file.linked[at..at + 8].try_into().unwrap());
        file.marks[at / 64] >> (at / 8 % 8) & 1 != 0 && word == library.window() as u64
    });
    let calls = calls.expect("a reference to the library's function");
    file.linked[calls..calls + 8].copy_from_slice(&(library.window() as u64 + own).to_ne_bytes());
    // Each value is one of its type, so that only the proof finds the ring.
    let ring = image(&file.bytes()).on(&library).unwrap().check::<Function<'_>>().unwrap();
    let on_ring = image(&bytes(&program)).on(&ring).unwrap();
    assert!(on_ring.clone().check::<Function<'_>>().is_ok());
    assert!(matches!(on_ring.check_with::<Function<'_>>(options), Err(ImageError::Cycle { .. })));
}
