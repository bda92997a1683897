//! Tools see whose memory a mapping is: memory files say what they hold, and `NamedPages` name what is no file.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::image::{Image, ImageWriter};
use permacode::pages::{NamedPages, OrdinaryPages, PageSource, PooledPages, SystemPages};
use permacode::residency::{Backing, Residency};
use permacode::testing::Pages;
use permacode::{CodeArena, Error, HeapArena, Mappable, Permanent, SideTable};
use permacode_witness::filter::{When, refuse};
use permacode_witness::{advice_does_nothing, in_child, memory, page};
use std::alloc::Layout;
use std::cell::Cell;
use std::fs;
use std::ops::Range;
use std::sync::Arc;

/// What `/proc/self/maps` shows of a range: for each mapping its permissions, and what stands in the place of a name.
fn shown(range: &Range<usize>) -> Vec<(String, String)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|digits| usize::from_str_radix(digits, 16).unwrap());
        let mut words = rest.splitn(5, ' ');
        let (permissions, name) = (words.next()?, words.nth(3).unwrap_or_default());
        // The number of the file, and then blanks in front of the name.
        let name = name.trim_start().to_owned();
        Some((start..end, permissions.to_owned(), name))
    };
    let lines = maps.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}")));
    lines
        .filter(|(mapping, ..)| mapping.start < range.end && mapping.end > range.start)
        .map(|(_, permissions, name)| (permissions, name))
        .collect()
}

fn all_of(arena: &CodeArena) -> Range<usize> {
    let [front, back] = arena.bookkeeping_ranges();
    front.start..back.end
}

fn whole(heap: &HeapArena) -> Range<usize> {
    let [front, ..] = heap.bookkeeping_ranges();
    front.start.min(heap.address_range().start)..heap.address_range().end
}

#[derive(Permanent, Mappable)]
struct Word<'a> {
    text: &'a str,
}

#[test]
fn a_memory_file_says_whether_it_holds_code_machine_code_or_an_image() {
    let arena = CodeArena::builder().reservation(4 << 20).protection(Protection::SealedFile).build().unwrap();
    let (data, native) = (arena.load("data").unwrap(), arena.load_native("native").unwrap());
    let word = data.alloc(Word { text: data.alloc_str("sealed").unwrap() }).unwrap();
    native.alloc(&[0xc3], 16).unwrap();
    let (data, _) = (data.seal().unwrap(), native.seal().unwrap());
    if data.protection() < Protection::SealedFile {
        eprintln!("NOT SHOWN: no memory files here: {:?}", arena.refused());
        return;
    }
    let shown_as = |arena: &CodeArena, access: &str| {
        let mut names: Vec<_> = shown(&arena.address_range());
        names.retain(|(permissions, _)| permissions == access);
        names.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(shown_as(&arena, "r--s"), ["/memfd:permacode-code (deleted)"]);
    assert_eq!(shown_as(&arena, "r-xs"), ["/memfd:permacode-native-code (deleted)"]);

    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("word", word).unwrap().write_to(&mut bytes).unwrap();
    let path = std::env::temp_dir().join(format!("permacode-named-{}", std::process::id()));
    fs::write(&path, &bytes).unwrap();
    let image = Image::load(&path).map(|image| image.check::<Word<'_>>());
    fs::remove_file(&path).unwrap();
    let image = image.unwrap().unwrap();
    let open = || CodeArena::builder().reservation(1 << 20).image(&image).build().unwrap();
    let (first, moved) = (open(), open());
    let names = |arena: &CodeArena| {
        let mut names = shown_as(arena, "r--s");
        names.dedup();
        names
    };
    assert_eq!(names(&first), ["/memfd:permacode-image (deleted)"]);
    // An image that lies in this process already is moved: the half without references is still the file's.
    assert!(moved.why_not_shared().is_some());
    assert_eq!(names(&moved), ["/memfd:permacode-image (deleted)"]);
    assert_eq!(moved.root::<Word<'_>>("word").unwrap().text, "sealed");
}

/// A code arena, a heap and a side table on pages with a name each, used a little. Returns whether the names are there, for all three alike.
fn named(below: impl Fn() -> Arc<dyn PageSource>) -> bool {
    let pages = |name| Arc::new(NamedPages::new(below(), name));
    let sources = [pages(c"mylang code"), pages(c"mylang objects"), pages(c"mylang caches")];
    let [code, objects, caches] = sources.clone();
    let arena = CodeArena::builder().reservation(8 << 20).pages(code).build().unwrap();
    let mut heap = HeapArena::builder().reservation(64 << 20).pages(objects).build().unwrap();
    let plain = CodeArena::builder().reservation(8 << 20).pages(below()).build().unwrap();

    let module = arena.load("m").unwrap();
    let sites = module.sites(100).unwrap();
    let block = module.alloc_slice_copy(&[7u8; 100_000]).unwrap();
    module.seal().unwrap();
    arena.load("open").unwrap().alloc(1u8).unwrap();
    let native = arena.load_native("native").unwrap();
    native.alloc(&[0xc3; 10], 16).unwrap();
    native.seal().unwrap();
    let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).capacity(1000).pages(caches).build().unwrap();
    table.of(sites).unwrap()[99].set(1);
    plain.load("plain").unwrap().alloc(1u8).unwrap();

    // Memory that goes back and is used again, by what steps ever.
    let layout = Layout::from_size_align(100_000, 8).unwrap();
    for _ in 0..3 {
        let objects: Vec<_> = (0..100).map(|_| heap.alloc(layout).unwrap()).collect();
        // SAFETY: objects of this layout, live, freed once.
        objects.into_iter().for_each(|object| unsafe {
            object.write_bytes(1, layout.size());
            heap.free(object, layout);
        });
        heap.trim().unwrap();
        heap.reset().unwrap();
    }
    let kept = heap.alloc(layout).unwrap();
    // SAFETY: a live object of so many bytes.
    unsafe { kept.write_bytes(2, layout.size()) };
    assert!(block.iter().all(|&byte| byte == 7));

    let ranges = [all_of(&arena), whole(&heap)];
    let refused = [0, 1, 2].map(|source: usize| sources[source].refused());
    if let Some(refused) = refused[0] {
        assert_eq!(refused.call, PageCall::Name);
        assert!(refused.bytes > 0 && refused.to_string().starts_with("the system refused to name pages"), "{refused}");
        for range in &ranges {
            assert!(shown(range).iter().all(|(_, name)| name.is_empty()), "{:?}", shown(range));
        }
    } else {
        for (range, name) in ranges.iter().zip(["[anon:mylang code]", "[anon:mylang objects]"]) {
            let shown = shown(range);
            assert!(shown.len() > 1 && shown.iter().all(|(_, shown)| shown == name), "{shown:?}");
        }
        // Parts merge as they do without a name.
        assert_eq!(arena.stats().mappings, memory(0, arena.address_range()).unwrap().accessible().count());
        assert!(shown(&all_of(&plain)).iter().all(|(_, name)| name.is_empty()));
        let entry = std::ptr::from_ref(&table.of(sites).unwrap()[99]).addr();
        assert_eq!(shown(&(entry..entry + 1))[0].1, "[anon:mylang caches]");
    }
    assert!(refused.iter().all(|other| other.is_some() == refused[0].is_some()), "{refused:?}");
    // What the kernel is asked about the memory is read right, with a name or without.
    let report = Residency::of(arena.address_range()).unwrap();
    assert!(report.mappings().iter().all(|mapping| mapping.backing == Backing::Anonymous), "{report}");
    refused[0].is_none()
}

#[test]
fn arenas_work_with_a_name_as_without_and_the_kernels_list_shows_it_if_the_kernel_has_names() {
    in_child(|| {
        if !named(|| Arc::new(SystemPages)) {
            eprintln!("NOT SHOWN: a name in /proc/self/maps: this kernel is built without CONFIG_ANON_VMA_NAME");
        }
    });
}

#[test]
fn a_name_is_given_again_to_what_a_pool_or_a_kernel_without_advice_mapped_anew() {
    in_child(|| {
        let pool = Arc::new(PooledPages::new(4).unwrap());
        let first = named(|| pool.clone());
        assert_eq!(named(|| pool.clone()), first, "in the same places");
        const MADV_DONTNEED_LOCKED: i32 = 24;
        for advice in [libc::MADV_DONTNEED, MADV_DONTNEED_LOCKED] {
            if let Err(error) = advice_does_nothing(advice, libc::EINVAL) {
                eprintln!("NOT SHOWN: a kernel without advice: {error}");
                return;
            }
        }
        assert_eq!(named(|| Arc::new(SystemPages)), first);
    });
}

// soundness S16: a failing call.
#[test]
fn a_name_that_is_refused_changes_nothing_and_can_be_asked_about() {
    in_child(|| {
        let naming = When { argument: 0, mask: -1, value: libc::PR_SET_VMA };
        refuse(libc::SYS_prctl, &[naming], libc::EPERM);
        assert!(!named(|| Arc::new(SystemPages)));
        let pages = Arc::new(NamedPages::new(Arc::new(SystemPages), c"mylang code"));
        assert_eq!(pages.refused(), None, "nothing was asked yet");
        let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
        let refused = pages.refused().unwrap();
        assert_eq!((refused.call, refused.code), (PageCall::Name, libc::EPERM));
        assert_eq!(refused.bytes, arena.address_space());
        assert!(format!("{pages:?}").contains("mylang code"));
    });
}

#[test]
fn a_name_that_no_kernel_takes_is_refused_and_nothing_else() {
    in_child(|| {
        for name in [c"a [name]", c"1234567890123456789012345678901234567890123456789012345678901234567890123456789a"] {
            let pages = Arc::new(NamedPages::new(Arc::new(SystemPages), name));
            let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
            assert_eq!(pages.refused().map(|refused| refused.code), Some(libc::EINVAL));
            assert!(shown(&all_of(&arena)).iter().all(|(_, name)| name.is_empty()));
            assert_eq!(arena.load("m").unwrap().alloc(1u8), Ok(&1));
        }
    });
}

#[test]
fn ordinary_memory_is_not_named() {
    let pages = Arc::new(NamedPages::new(Arc::new(OrdinaryPages), c"mylang"));
    let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    arena.load("m").unwrap().alloc_slice_copy(&[1u8; 50_000]).unwrap();
    drop(arena);
    assert_eq!((pages.refused(), pages.page_size()), (None, page()));
}

// soundness S13, S16
#[test]
fn named_pages_hand_each_refusal_on_and_give_everything_back() {
    let watched = Pages::system();
    for after in 0..20 {
        let pages = Arc::new(NamedPages::new(watched.clone(), c"mylang code"));
        let arena = || -> Result<(), Error> {
            let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
            let module = arena.load("m")?;
            module.alloc_slice_copy(&[1u8; 100_000])?;
            module.seal()?;
            let native = arena.load_native("native")?;
            native.alloc(&[0xc3], 16)?;
            native.seal().map(drop)
        };
        watched.fail_nth(after);
        let refused = arena();
        let failed = watched.failures() > 0 && refused.is_err();
        watched.relent();
        assert!(failed || after > 3, "{after}: {refused:?}");
        assert_eq!(arena(), Ok(()));
    }
    assert_eq!((watched.live(), watched.violations()), (0, 0));
    assert!(watched.failures() >= 4);
}
