//! Memory for interpreters that keeps code apart from everything that changes.
//!
//! An interpreter builds code objects (bytecode, constants, names, line tables) while a module loads. Afterwards it
//! only reads them. Most interpreters write to them all the same: a reference count, an inline cache, a mark bit. Then
//! each forked worker copies the pages, and a stray store can change a program.
//!
//! permacode puts code on pages of its own, makes them read-only once the module is loaded, and hands out plain
//! references. A `&'a T` is one word, `Copy`, without a count and without a lock. The [guide] begins with a first
//! machine, step by step.
//!
//! # A first program
//!
//! ```
//! use permacode::{CodeArena, Error, Permanent};
//!
//! #[derive(Permanent)]
//! struct Code<'a> {
//!     name: &'a str,
//!     ops: &'a [u8],
//!     inner: &'a [&'a Code<'a>],
//! }
//!
//! fn main() -> Result<(), Error> {
//!     let arena = CodeArena::new()?;
//!     let loader = arena.load("greet")?; // the open, writable phase
//!     let hello = loader.alloc(Code { name: loader.intern("hello")?, ops: loader.alloc_slice_copy(&[1, 2, 3])?, inner: &[] })?;
//!     let main = loader.alloc(Code { name: loader.intern("main")?, ops: &[], inner: loader.alloc_slice_copy(&[hello])? })?;
//!     let module = loader.seal()?; // from here on a store to any of it is fatal
//!     assert_eq!(main.inner[0].ops, [1, 2, 3]);
//!     assert_eq!(arena.locate(main).map(|at| at.module), Some(module));
//!     Ok(())
//! }
//! ```
//!
//! # The names to know
//!
//! | | |
//! | --- | --- |
//! | [`CodeArena`] | the memory; shared by threads, inherited by forked children |
//! | [`OpenModule`] | the open phase of a module |
//! | [`Loader`] | allocates, interns, links: an open module, or a region of transient code |
//! | [`Module`] | a finished one: nothing can be added to it |
//! | [`Permanent`] | what may be a block: no cells, no drop glue, referents of the same kind; derive it |
//! | [`NativeModule`](code::NativeModule) | the open phase of machine code: writable first, executable then, never both |
//! | [`Link`] | a reference set after its block was made, for cycles |
//! | [`Sites`] | numbers that stand in code for what must change elsewhere |
//! | [`Name`] | an interned name, compared by its text |
//! | [`Plain`] | a value of a foreign type that is `Copy`, such as `Duration`, in code |
//! | [`SharedBytes`](code::SharedBytes) | bytes of an arena with a share in the arena |
//! | [`HeapArena`] | memory for what changes: an allocator for one thread, its bookkeeping out of line |
//! | [`HeapRc`], [`HeapString`] | a counted pointer into a heap; text that grows there |
//! | [`Gc`] | a pointer to an object that a [collector](kit) frees |
//! | [`CodeRef`] | a handle of code: permanent, or [transient](Transients) and counted |
//! | [`Owned`] | an owner of code without a lifetime, for stores and values: it keeps its arena |
//! | [`SharedHome`](owned::SharedHome) | the home of transient code that threads share |
//! | [`CodeSlot`], [`AtomicCodeSlot`](handles::AtomicCodeSlot), [`OwnedSlot`](owned::OwnedSlot) | what a function holds: code that can be replaced |
//! | [`CodeRc`](handles::CodeRc), [`Home`](handles::Home) | counted code that keeps what it lies in, without a lifetime |
//! | [`CodeProxy`](handles::CodeProxy) | what a script sees of code |
//! | [`SideTable`] | what changes beside sealed code: [caches](side::InlineCache), [counters](side::CallCounter), [constants](side::LazyConstant) |
//! | [`DualArena`] | both arenas as one thing to own, by one [builder](DualArenaBuilder) |
//! | [`Engine`] | both arenas with the machine that borrows them: an interpreter as one value |
//! | [`GlobalHeap`](heap::GlobalHeap) | a heap as a program's `#[global_allocator]` |
//! | [`Error`] | whatever was refused, why, and what to do; nothing is lost then. [`ErrorAt`](error::ErrorAt) adds the module |
//!
//! Begin with [`CodeArena`], [`Loader`] and `#[derive(Permanent)]`: they are enough for code that is loaded once. [`Link`] is for cycles,
//! [`Sites`] with [`SideTable`] for inline caches, [`Transients`] for `eval`, [`HeapArena`] for objects, [`Owned`] for types without a
//! lifetime. In the repository, `examples/evaluator` is a machine in one file, and `examples/vm` one for permanent code only.
//!
//! Parse first, lower second: blocks of an abandoned load are not reclaimed, so let a syntax error come before the first block.
//!
//! # What it costs
//!
//! An arena is two system calls. A block is a comparison and a bump. A loader needs one system call for each run of
//! pages, of 16 KiB at first and up to 1 MiB. [Finishing](OpenModule::finish) a module costs none, [sealing](OpenModule::seal)
//! it one for each run. [`CodeArena::seal`] seals everything finished, commonly with one. Reading costs nothing beyond
//! the load: no handle of permanent code is counted. [`guide::costs`] has a table.
//!
//! # What it does not do
//!
//! It does not make reference counting faster. On one thread plain counts hardly show; atomic ones can. It keeps pages clean, code what it
//! was, and threads from fighting over a count. `mprotect` stops a stray store; it does not stop code that calls `mprotect` or `munmap` or
//! writes through `/proc/self/mem`. [`CodeArena::harden`] and [`CodeArena::harden_forever`] stop more; [`Protection`](code::Protection) says what holds.
//!
//! # Features
//!
//! * `std` (default): the standard library. See below for what is different without it.
//! * `hashbrown`: hash tables of hashbrown 0.17 in what a [collector](kit) looks into ([`kit::Tracked`]). Where there is no `std` it must be on, for
//!   tables of the crate's own.
//! * `derive` (default): `#[derive(Permanent)]`.
//! * `image` (Linux on 64 bits): [images](image) of loaded code, files that any process maps as they are; [`Mappable`] says which types may lie
//!   in one.
//! * `residency` (Linux): [`Residency`](residency::Residency), what the kernel says of an arena's memory: resident, shared, copied, and why; and
//!   [`CodeArena::assert_clean`] and [`assert_not_copied`](CodeArena::assert_not_copied) for users' own tests.
//! * `fault-report` (Linux): [`CodeArena::report_faults`] lets a stray store say whose code it hit, before the process dies of it.
//! * `testing`: page sources that fail on demand, for users' own tests.
//! * `c-symbols`: the functions of [`ffi`] are exported under their own names. `permacode-c`, the library for [C](guide::c), turns it on. A program can
//!   have only one crate that exports them. They are ordinary Rust items either way.
//! * `allocator-api2-03`, `allocator-api2-04`, `nightly`: `Allocator` of those versions, and of the standard library, for `&HeapArena`,
//!   beside that of allocator-api2 0.2, which is re-exported as [`allocator_api2`]. A collector looks into vectors of all of them.
//!
//! # Without the standard library
//!
//! The crate is `no_std` with `alloc` then, for targets with atomic pointers:
//!
//! ```toml
//! permacode = { version = "0.1", default-features = false, features = ["derive", "hashbrown"] }
//! ```
//!
//! | | with `std` | without |
//! | --- | --- | --- |
//! | pages, unless a builder is given [a source](pages::PageSource) | the system's on Unix, else ordinary memory | the same |
//! | the highest [level of protection](code::Protection) | `Fixed`, on Linux | `ReadOnly`: memory files are the standard library's |
//! | an error of the system | in its words | its number, or 0 on a Unix that is not Linux |
//! | the [time](heap::Decay) after which a heap returns memory | passes | passes with [a clock](heap::HeapArenaBuilder::clock) of yours, else work counts alone |
//! | [`GlobalHeap`](heap::GlobalHeap), `Residency` | yes | no |
//! | the key of the hash of interned names | random | from addresses, so guessable where those are |
//!
//! A reservation of ordinary memory is one allocation of its whole size. So choose a small one
//! ([`reservation`](code::CodeArenaBuilder::reservation)) where memory is scarce: by default a code arena takes some 5 MiB of it, a heap 19.
//!
//! A crate that only has types of code depends on permacode in this way too. It then works with and without the standard library. It needs no
//! dependency for types that are [`Plain`]: those who put them into code say so.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![cfg_attr(not(feature = "std"), allow(dead_code))] // what only `GlobalHeap` and sealed memory files use
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]

extern crate alloc;

/// The collections that take a heap: `permacode::allocator_api2::vec::Vec<T, &HeapArena>`. It is the version that hashbrown uses too.
///
/// Name it by this path, and your manifest needs no entry that could be of another version. The features `allocator-api2-03` and
/// `allocator-api2-04` are for crates that use one of those.
pub use allocator_api2;

#[cfg(not(any(feature = "std", feature = "hashbrown")))]
compile_error!("permacode without the feature `std` needs the feature `hashbrown`");

mod base;
pub mod code;
mod dual;
pub mod error;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
mod fault;
pub mod ffi;
pub mod guide;
pub mod handles;
pub mod heap;
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub mod image;
pub mod kit;
pub mod pages;
#[cfg(all(feature = "residency", target_os = "linux"))]
pub mod residency;
pub mod side;
#[cfg(feature = "testing")]
pub mod testing;

/// Counts of arenas, of size classes and of transient code. All of them print.
pub mod stats {
    pub use crate::code::arena::CodeStats;
    pub use crate::handles::region::TransientStats;
    pub use crate::heap::stats::{ClassStats, HeapStats};
}

/// Owners: what keeps code, and what belongs to it, without a lifetime.
///
/// [`Owned`] stands at the crate's root.
pub mod owned {
    pub use crate::handles::owned::Held;
    pub use crate::handles::shared::{OwnedSlot, SharedHome};
    pub use crate::side::owned_table::OwnedSideTable;
}

pub use code::arena::{CodeArena, Module};
pub use code::load::{Loader, OpenModule};
pub use code::value::{Link, Name, Permanent, Plain, Sites};
pub use dual::{ArenaKind, DualArena, DualArenaBuilder};
pub use error::arena_error::Error;
pub use handles::code_ref::CodeRef;
pub use handles::owned::Owned;
pub use handles::region::Transients;
pub use handles::slot::CodeSlot;
pub use heap::adapters::{HeapRc, HeapString};
pub use heap::arena::HeapArena;
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub use image::shape::Mappable;
pub use kit::engine::Engine;
pub use kit::gc::Gc;
#[cfg(all(feature = "image", feature = "derive", target_os = "linux", target_pointer_width = "64"))]
pub use permacode_derive::Mappable;
#[cfg(feature = "derive")]
pub use permacode_derive::Permanent;
pub use side::table::SideTable;

/// The README's programs run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
