//! No static stands for 'empty', caches an arena, or counts: what the library keeps between calls lies in arenas (soundness S6).
#![cfg(target_os = "linux")]

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use permacode::heap::GlobalHeap;
use permacode::{CodeArena, Error, HeapArena, Link};

/// Writable statics that the library may have: the number of arenas made, which orders them and tags the sites of each (soundness S17); the registered
/// heaps; for each thread, the global heap that it owns; and what the kernel does with pages that it says it has dropped, which is no state
/// of an arena's. With feature `fault-report`, which tests have: where arenas say what lies where, and the handler that was there before. None
/// stands for 'empty'.
const ALLOWED: [&str; 6] = ["BIRTHS", "REGISTRY", "OWNED", "DROPPED_PAGES", "POSTS", "HANDLER"];

/// Keeps everything of the library in the executable, and uses it.
fn use_the_library() -> Result<(), Error> {
    let arena = CodeArena::builder().reservation(1 << 20).limit(1 << 19).prefault(1).build()?;
    arena.report_faults()?;
    let loader = arena.load("m")?;
    let link = loader.alloc(Link::<'_, u64>::unset())?;
    loader.link(link, loader.alloc(7)?)?;
    assert_eq!((loader.intern("")?, loader.intern("name")?, loader.alloc_padded(&[], 4096, 0)?), ("", "name", &[][..]));
    assert_eq!(
        loader.alloc_slice_fill_iter([1u64, 2])?,
        loader.alloc_slice_try_fill_with(2, |n| Ok::<_, Error>(n as u64 + 1))?
    );
    assert_eq!((loader.sites(1)?.len(), loader.seal()?.arena().seal()?.held), (1, 0));
    std::sync::Arc::new(arena).share(&[]).map(|shared| assert!(shared.is_empty()))?;
    static GLOBAL: GlobalHeap = GlobalHeap::new();
    assert!(GLOBAL.claim()? && GLOBAL.claim()?);
    HeapArena::new()?.trim()?;
    HeapArena::new()?.register().map(|registered| assert!(registered.heap().stats().live == 0))
}

#[test]
fn the_library_has_no_writable_static_but_these() {
    use_the_library().unwrap();
    let bytes = std::fs::read("/proc/self/exe").unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let writable = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let name = section.and_then(|section| section.name().ok().map(str::to_owned)).unwrap_or_default();
        // `.data.rel.ro` is read-only once the program runs.
        [".data", ".bss", ".tdata", ".tbss"].contains(&name.as_str())
    };
    let names: Vec<&str> = file
        .symbols()
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Data | SymbolKind::Tls) && writable(symbol))
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    assert!(names.len() > 10, "the executable has symbols: {names:?}");
    let ours: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| name.contains("permacode") && !name.contains("permacode_witness"))
        .collect();
    // Of the system's pages, which are not there on ordinary memory.
    let not_here = |allowed: &&&str| cfg!(permacode_ordinary_pages) && **allowed == "DROPPED_PAGES";
    for allowed in ALLOWED.iter().filter(|allowed| !not_here(allowed)) {
        assert!(ours.iter().any(|name| name.contains(allowed)), "{allowed} is not seen in {ours:?}");
    }
    let others: Vec<&&str> = ours.iter().filter(|name| !ALLOWED.iter().any(|allowed| name.contains(allowed))).collect();
    assert!(others.is_empty(), "{others:?}");
}
