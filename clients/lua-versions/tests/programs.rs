//! Whole programs say on a heap what they say on the system's allocator, and leave nothing.
#![cfg(any(feature = "lua51", feature = "lua52", feature = "lua53", feature = "lua54"))]

use permacode::HeapArena;
use permacode_lua_versions::{End, Memory, run};

/// Collects what a program prints, so that it is its result.
fn returning_its_output(source: &str) -> String {
    format!(
        "local lines = {{}} \
         local function say(...) \
             local all = {{ ... }} \
             for index = 1, select('#', ...) do all[index] = tostring(all[index]) end \
             lines[#lines + 1] = table.concat(all, '\\t') \
         end \
         print = say \
         if io then io.write = function(...) for _, text in ipairs({{ ... }}) do lines[#lines + 1] = tostring(text) end end end \
         local function program(...) {source}\n end \
         program() \
         return table.concat(lines, '\\n')"
    )
}

#[test]
fn the_corpus_says_the_same_on_a_heap_and_leaves_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../lua/programs");
    let (mut same, mut other) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "lua") {
            continue;
        }
        let program = returning_its_output(&std::fs::read_to_string(&path).unwrap());
        let expected = run(Memory::System, &program);
        let heap = HeapArena::new().unwrap();
        let end = run(Memory::Heap(&heap), &program);
        assert_eq!((heap.stats().live, heap.stats().objects), (0, 0), "{path:?}");
        match (&expected, &end) {
            (End::Returned(text), _) => {
                assert_eq!(end, expected, "{path:?}");
                same += usize::from(!text.is_empty());
            }
            // The corpus is written for a newer Lua. What an older one does not understand, it does not understand on a heap either.
            (End::Error(_), End::Error(_)) => other.push(path.file_name().unwrap().to_owned()),
            _ => panic!("{path:?}: {end:?} instead of {expected:?}"),
        }
    }
    println!("{same} programs say the same, {other:?} are no programs of this version");
    assert!(same >= 5, "{same} programs");
}
