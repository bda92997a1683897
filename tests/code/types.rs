//! What public types promise of themselves: size, `Copy`, `Send`, `Sync` (soundness S12).

use bytemuck::Zeroable;
use permacode::code::{CodeArenaBuilder, Location, Modules, Protection, SealReport, SharedBytes, Tracer};
use permacode::error::{LinkError, PageCall, PageError};
use permacode::handles::{AtomicCodeSlot, CodeProxy};
use permacode::pages::{OrdinaryPages, PageSource};
use permacode::side::{CallCounter, InlineCache, LazyConstant, PolymorphicCache, Quickened, SideTableBuilder, Version};
use permacode::stats::{CodeStats, TransientStats};
use permacode::testing::Pages;
use permacode::{
    CodeArena, CodeRef, CodeSlot, Error, Link, Loader, Module, Name, OpenModule, Permanent, SideTable, Sites,
    Transients,
};
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

// The owner: shared by threads, held once.
assert_impl_all!(CodeArena: Send, Sync, Debug);
assert_not_impl_any!(CodeArena: Clone, Copy);
assert_impl_all!(CodeArenaBuilder: Send, Sync, Clone, Default, Debug);
assert_not_impl_any!(CodeArenaBuilder: Copy);

// The open phase: one thread at a time.
assert_impl_all!(OpenModule<'static>: Send, Debug);
assert_impl_all!(Loader<'static>: Debug);
assert_not_impl_any!(OpenModule<'static>: Sync, Clone, Copy);
assert_not_impl_any!(&'static OpenModule<'static>: Send);
assert_not_impl_any!(Loader<'static>: Send, Sync, Clone, Copy);
assert_not_impl_any!(&'static Loader<'static>: Send);

// What is left of it: plain words.
assert_impl_all!(Module<'static>: Send, Sync, Copy, Eq, Debug);
assert_impl_all!(Modules<'static>: Send, Sync, Clone, Debug, Iterator<Item = Module<'static>>);
assert_impl_all!(Location<'static>: Send, Sync, Copy, Eq, Debug);
assert_impl_all!(Protection: Send, Sync, Copy, Eq, Ord, Debug);
assert_impl_all!(SealReport: Send, Sync, Copy, Eq, Debug);
assert_impl_all!(CodeStats: Send, Sync, Copy, Eq, Default, Debug);
assert_impl_all!(Sites: Permanent, Send, Sync, Copy, Eq, Debug);

// A name is a reference to text, with the niche of one.
assert_impl_all!(Name<'static>: Permanent, Send, Sync, Copy, Eq, Ord, std::hash::Hash, Debug, std::fmt::Display);
assert_impl_all!(Name<'static>: std::ops::Deref<Target = str>, AsRef<str>, std::borrow::Borrow<str>, UnwindSafe);
assert_impl_all!(Name<'static>: PartialEq<str>, PartialEq<&'static str>, PartialEq<String>, RefUnwindSafe);
assert_impl_all!(String: PartialEq<Name<'static>>);
assert_not_impl_any!(Name<'static>: Default, From<&'static str>, std::ops::DerefMut);
assert_eq_size!(Name<'static>, Option<Name<'static>>, &'static str);

// A link stays in the block that it was made in.
assert_impl_all!(Link<'static, u64>: Permanent, Send, Sync, Default, Debug);
assert_not_impl_any!(Link<'static, u64>: Clone, Copy, PartialEq);

// What counts stays on its thread; what does not count is shared.
assert_impl_all!(CodeRef<'static, u64>: Clone, Debug, From<&'static u64>);
assert_not_impl_any!(CodeRef<'static, u64>: Send, Sync, Copy, Permanent, std::ops::Deref);
assert_impl_all!(CodeSlot<'static, u64>: Debug, From<CodeRef<'static, u64>>);
assert_not_impl_any!(CodeSlot<'static, u64>: Send, Sync, Clone, Permanent);
assert_impl_all!(CodeProxy<'static, u64>: Clone, Eq, std::hash::Hash, Debug);
assert_not_impl_any!(CodeProxy<'static, u64>: Send, Sync, Copy, Permanent, std::ops::Deref);
assert_impl_all!(AtomicCodeSlot<'static, u64>: Send, Sync, Debug);
assert_not_impl_any!(AtomicCodeSlot<'static, u64>: Clone, Copy, Permanent);
assert_impl_all!(Transients<'static>: Debug);
assert_not_impl_any!(Transients<'static>: Send, Sync, Clone);

/// `Transients` is covariant, as all that is borrowed from arenas should be: what is made for long serves for a shorter time.
#[allow(dead_code)] // it compiles
fn transients_for_a_shorter_time<'s, 'l: 's>(transients: &'s Transients<'l>) -> &'s Transients<'s> {
    transients
}

assert_impl_all!(TransientStats: Send, Sync, Copy, Eq, Default, Debug);
assert_impl_all!(Tracer<'static>: Debug);
assert_not_impl_any!(Tracer<'static>: Send, Sync, Clone, Copy, Default);
assert_eq_size!(CodeRef<'static, [u64; 9]>, Option<CodeRef<'static, u16>>, usize);
assert_eq_size!(CodeSlot<'static, [u64; 9]>, AtomicCodeSlot<'static, [u64; 9]>, usize);

// An owner of bytes.
assert_impl_all!(SharedBytes: Send, Sync, Clone, AsRef<[u8]>, std::ops::Deref<Target = [u8]>, Debug);
assert_not_impl_any!(SharedBytes: Copy, std::ops::DerefMut, AsMut<[u8]>);

// Values.
assert_impl_all!(Error: Send, Sync, Copy, Eq, Debug, std::error::Error, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Error: From<PageError>, From<LinkError>);
assert_impl_all!(LinkError: Send, Sync, Copy, Eq, Debug, std::error::Error);
assert_impl_all!(PageError: Send, Sync, Copy, Eq, Debug, std::error::Error);
assert_impl_all!(PageCall: Send, Sync, Copy, Eq, Debug);

// Sources of pages.
assert_impl_all!(OrdinaryPages: PageSource, Copy, Default, Debug);
assert_impl_all!(Pages: PageSource, Send, Sync);
assert_impl_all!(Arc<dyn PageSource>: Send, Sync);
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
assert_impl_all!(permacode::pages::SystemPages: PageSource, Copy, Default, Debug);
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
assert_impl_all!(permacode::pages::PooledPages: PageSource, Send, Sync, Debug);
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
assert_not_impl_any!(permacode::pages::PooledPages: Clone);

// A side table is shared as its entries are.
assert_impl_all!(SideTable<'static, AtomicU32>: Send, Sync, Debug);
assert_impl_all!(SideTable<'static, Cell<u32>>: Send, Debug);
assert_not_impl_any!(SideTable<'static, Cell<u32>>: Sync);
assert_not_impl_any!(SideTable<'static, *const u8>: Send, Sync);
assert_not_impl_any!(SideTable<'static, AtomicU32>: Clone, Copy);
assert_impl_all!(SideTableBuilder<'static, AtomicU32>: Clone, Debug);
assert_impl_all!(SideTableBuilder<'static, Cell<u32>>: Clone, Debug);

// What its entries can be: for one thread, zero at first.
assert_impl_all!(InlineCache<u32>: Zeroable, Send, Debug);
assert_impl_all!(PolymorphicCache<u32, 4>: Zeroable, Send, Debug);
assert_impl_all!(CallCounter: Zeroable, Send, Debug);
assert_impl_all!(Quickened: Zeroable, Send, Debug);
assert_impl_all!(LazyConstant<u32>: Zeroable, Debug);
assert_not_impl_any!(InlineCache<u32>: Sync, Clone, Permanent);
assert_not_impl_any!(PolymorphicCache<u32, 4>: Sync, Clone, Permanent);
assert_not_impl_any!(CallCounter: Sync, Clone, Permanent);
assert_not_impl_any!(Quickened: Sync, Clone, Permanent);
assert_not_impl_any!(LazyConstant<u32>: Send, Sync, Clone, Permanent);
assert_impl_all!(Version: Send, Sync, Copy, Ord, Debug);
#[cfg(target_pointer_width = "64")]
assert_eq_size!(InlineCache<u32>, [u64; 3]);
assert_eq_size!(LazyConstant<u32>, usize);

// What is not permanent.
assert_not_impl_any!(String: Permanent);
assert_not_impl_any!(Vec<u8>: Permanent);
assert_not_impl_any!(Box<u8>: Permanent);
assert_not_impl_any!(Rc<u8>: Permanent);
assert_not_impl_any!(Arc<u8>: Permanent);
assert_not_impl_any!(std::cell::Cell<u8>: Permanent);
assert_not_impl_any!(std::sync::atomic::AtomicU8: Permanent);
assert_not_impl_any!(std::cell::RefCell<u8>: Permanent);
assert_not_impl_any!(&'static mut u8: Permanent);
assert_not_impl_any!(*const u8: Permanent);
assert_not_impl_any!(std::mem::MaybeUninit<u8>: Permanent);
assert_not_impl_any!(SharedBytes: Permanent);
assert_not_impl_any!(Module<'static>: Permanent);

assert_eq_size!(Module<'static>, [usize; 3], Option<Module<'static>>);
assert_eq_size!(Sites, u64);
assert_eq_size!(Link<'static, u64>, usize);
assert_eq_size!(Link<'static, [u64; 100]>, usize);
assert_eq_size!(&'static u64, Option<&'static u64>, usize);

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    outer: Option<&'a Code<'a>>,
    link: Link<'a, Code<'a>>,
    sites: Sites,
}

assert_impl_all!(Code<'static>: Permanent, Send, Sync);
#[cfg(target_pointer_width = "64")]
assert_eq_size!(Code<'static>, [usize; 5]);
#[cfg(target_pointer_width = "32")]
assert_eq_size!(Code<'static>, [usize; 6]); // a name, two references, and eight bytes of sites

/// What an interpreter holds of code is a plain reference, with the niche that `Option` needs.
#[test]
fn a_reference_to_code_is_one_word_and_so_is_perhaps_one() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    let sites = loader.sites(3).unwrap();
    let code: &Code<'_> = loader.alloc(Code { name: "f", outer: None, link: Link::unset(), sites }).unwrap();
    assert_eq!((size_of::<&Code<'_>>(), size_of::<Option<&Code<'_>>>()), (size_of::<usize>(), size_of::<usize>()));
    assert_eq!((code.name, code.outer.is_none(), code.link.get().is_none(), code.sites.len()), ("f", true, true, 3));
}

// soundness S17: small enough to return in registers or nearly so.
#[test]
fn errors_fit_a_few_words() {
    let sizes = [size_of::<Error>(), size_of::<Result<&u8, Error>>(), size_of::<Option<Error>>()];
    assert!(sizes.iter().all(|&size| size <= 40), "{sizes:?}");
    assert!(size_of::<PageError>() <= 24 && size_of::<LinkError>() == 1);
}

// `ReadOnly < SealedFile < Fixed`: what is harder is greater.
#[test]
fn hardening_is_ordered() {
    assert!(Protection::TypeOnly < Protection::ReadOnly);
}
