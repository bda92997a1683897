//! The variance of every public type with a lifetime or a type parameter: how it may be seen for a shorter time, or as of a shorter-lived type.
//!
//! Here is what compiles. What does not is in `tests/ui/variance`: no type is seen for a longer time, and no invariant one for a shorter.

#![allow(dead_code)] // that it compiles is the test

use permacode::code::{Location, Modules, shorten};
use permacode::handles::{CodeProxy, CodeRc};
use permacode::heap::{HeapWeak, Registration};
use permacode::kit::{Marker, Refused, Tracked};
use permacode::owned::OwnedSideTable;
use permacode::side::SideTableBuilder;
use permacode::{CodeRef, Gc, HeapRc, HeapString, Link, Module, Name, Owned, Permanent, Plain, SideTable, Transients};
use std::path::Path;

type Long<'l> = &'l &'l str;

/// Functions that give a type for a shorter time, and in place of a type with a longer lifetime.
macro_rules! covariant {
    ($($name:ident: $long:ty => $short:ty;)*) => { $(
        fn $name<'s, 'l: 's>(long: $long) -> $short {
            long
        }
    )* };
}

covariant! {
    module: Module<'l> => Module<'s>;
    modules: Modules<'l> => Modules<'s>;
    location: Location<'l> => Location<'s>;
    name: Name<'l> => Name<'s>;
    plain: Plain<&'l u8> => Plain<&'s u8>;
    code_ref: CodeRef<'l, Long<'l>> => CodeRef<'s, Long<'s>>;
    code_rc: CodeRc<Long<'l>> => CodeRc<Long<'s>>;
    code_proxy: CodeProxy<'l, Long<'static>> => CodeProxy<'s, Long<'static>>;
    transients: &'s Transients<'l> => &'s Transients<'s>;
    heap_rc: HeapRc<'l, &'l u8> => HeapRc<'s, &'s u8>;
    heap_rc_slice: HeapRc<'l, [&'l u8]> => HeapRc<'s, [&'s u8]>;
    heap_weak: HeapWeak<'l, &'l u8> => HeapWeak<'s, &'s u8>;
    heap_string: HeapString<'l> => HeapString<'s>;
    error_at: permacode::error::ErrorAt<&'l u8> => permacode::error::ErrorAt<&'s u8>;
    tracked: Tracked<'l> => Tracked<'s>;
    refused: Refused<&'l u8, &'l u8> => Refused<&'s u8, &'s u8>;
    registration: Registration<'l> => Registration<'s>;
    gc: Gc<'l, &'l u8> => Gc<'s, &'s u8>;
    marker: &'s Marker<'l> => &'s Marker<'s>;
    side_table: SideTable<'l, *const Long<'l>> => SideTable<'s, *const Long<'s>>;
    owned: Owned<Long<'l>> => Owned<Long<'s>>;
    owned_side_table: OwnedSideTable<*const Long<'l>> => OwnedSideTable<*const Long<'s>>;
    side_table_builder: SideTableBuilder<'l, Long<'l>> => SideTableBuilder<'s, Long<'s>>;
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use permacode::image::inspect;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
covariant! {
    image_writer: permacode::image::ImageWriter<'l> => permacode::image::ImageWriter<'s>;
    field_info: inspect::FieldInfo<'l> => inspect::FieldInfo<'s>;
    module_info: inspect::ModuleInfo<'l> => inspect::ModuleInfo<'s>;
    root_info: inspect::RootInfo<'l> => inspect::RootInfo<'s>;
    type_info: inspect::TypeInfo<'l> => inspect::TypeInfo<'s>;
    variant_info: inspect::VariantInfo<'l> => inspect::VariantInfo<'s>;
}

#[derive(Permanent)]
struct Function<'a> {
    name: &'a str,
    parent: Link<'a, Function<'a>>,
}

/// Code with a link is invariant. These are the calls that shorten all of its lifetimes at once.
fn shorter_by_a_handle<'s>(handle: &'s CodeRef<'_, Function<'_>>) -> &'s Function<'s> {
    handle.get()
}

fn shorter<'s, 'l: 's>(
    code: &'l Function<'l>,
    list: &'l [&'l Function<'l>],
) -> (&'s Function<'s>, &'s [&'s Function<'s>]) {
    (shorten(code), shorten(list))
}

/// The lines of documentation above each public type that has parameters, by the name of the type.
fn documented(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documented(&path, found);
            continue;
        }
        let mut documentation = String::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let item = ["struct", "enum", "union"].iter().find_map(|kind| line.strip_prefix(&format!("pub {kind} ")));
            if let Some((name, _)) = item.and_then(|item| item.split_once('<')) {
                if name.chars().all(char::is_alphanumeric) && !documentation.contains("#[doc(hidden)]") {
                    found.push((name.to_owned(), documentation.clone()));
                }
            }
            match line.starts_with("///") || line.starts_with("#[") {
                true => documentation.push_str(line),
                false => documentation.clear(),
            }
        }
    }
}

#[test]
fn each_public_type_says_its_variance_and_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, directory) = (Vec::new(), root.join("src"));
    documented(&directory, &mut found);
    assert!(found.len() >= 22, "{found:?}");
    let tested = [
        include_str!("variance.rs"),
        include_str!("../ui/variance/covariant.rs"),
        include_str!("../ui/variance/invariant.rs"),
    ];
    for (name, documentation) in &found {
        assert!(documentation.contains("/// # Variance"), "{name} does not say its variance");
        let covariant = documentation.contains("Covariant in");
        assert!(covariant || documentation.contains("Invariant in"), "{name} does not say its variance");
        let is_in = |text: &str| [" ", "::"].iter().any(|before| text.contains(&format!("{before}{name}<")));
        assert!(!covariant || is_in(tested[0]) && is_in(tested[1]), "{name} is not tested");
        assert!(covariant || is_in(tested[2]), "{name} is not tested");
    }
}
