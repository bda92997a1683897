//! Loops for `benches/instructions.sh`, which counts their instructions: one kind of allocation, a given number of times;
//! transient code; and what holds code, read and cloned.
//!
//! `instructions --bench --kind KIND --times TIMES`; without a kind it lists them. Kind 0 is the loop without the allocation.

#[path = "harness/options.rs"]
mod options;

use bumpalo::Bump;
use options::Options;
use permacode::handles::{CodeRc, Home};
use permacode::owned::{OwnedSlot, SharedHome};
use permacode::{CodeArena, CodeRef, Error, HeapArena, HeapRc, Loader, Owned, Sites, Transients};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

const KINDS: [&str; 34] = [
    "the loop alone",
    "permacode: `alloc` of 64 B",
    "bumpalo: `alloc` of 64 B",
    "bumpalo: `try_alloc` of 64 B",
    "permacode: `alloc_slice_copy` of 24 × `u8`",
    "bumpalo: `alloc_slice_copy` of 24 × `u8`",
    "permacode: `alloc_slice_copy` of 3 × `u64`",
    "bumpalo: `alloc_slice_copy` of 3 × `u64`",
    "permacode: `alloc_padded` of 24 B to a multiple of 8",
    "permacode: transient code of one site, made and dropped",
    "`&T`: a field",
    "`Arc<T>`: a field",
    "`Owned<T>`: `get` and a field",
    "`CodeRef<T>`, permanent: `get` and a field",
    "`CodeRef<T>`, transient: `get` and a field",
    "`Arc<T>`: cloned and dropped",
    "`Owned<T>`: cloned and dropped",
    "`Owned<str>`: cloned and dropped",
    "`CodeRef<T>`, permanent: cloned and dropped",
    "`CodeRef<T>`, transient: cloned and dropped",
    "`CodeRc<T>`: `get` and a field",
    "`CodeRc<T>`: cloned and dropped",
    "`CodeRef`: a name and 40 B of transient code, made and dropped",
    "`CodeRc`: the same",
    "`Owned`: the same, for threads",
    "`Owned<T>`, for threads: cloned and dropped",
    "`OwnedSlot<T>`: `get`, and the owner dropped",
    "`OwnedSlot<T>`: `replace` by a clone, and both dropped",
    "`Rc<u64>`: made and dropped",
    "`HeapRc<u64>`: made and dropped",
    "`Rc<u64>`: cloned and dropped",
    "`HeapRc<u64>`: cloned and dropped",
    "`Rc<u64>` with a weak pointer: cloned and dropped",
    "`HeapRc<u64>` with a weak pointer: cloned and dropped",
];

fn main() -> Result<(), Error> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let Some(kind) = options.number("--kind") else {
        KINDS.iter().enumerate().for_each(|(kind, name)| println!("{kind} {name}"));
        return Ok(());
    };
    let times = options.number("--times").unwrap_or(1);
    let header = [7_u64; 8]; // as large as a code object's
    let (bytes, words): (&[u8], &[u64]) = (&[7; 24], &[7; 3]);
    let bump = Bump::new();
    let arena = CodeArena::builder().reservation(256 << 20).build()?;
    let loader = arena.load("counted")?;
    let heap = HeapArena::new()?;
    let transients = Transients::new(&arena, &heap);
    // Each loop hides the length from the compiler, and shows the processor the address that came back.
    match kind {
        0 => repeat(times, || Ok(black_box(bytes).as_ptr())),
        1 => repeat(times, || Ok(black_box(loader.alloc(header)?))),
        2 => repeat(times, || Ok(black_box(bump.alloc(header)))),
        3 => repeat(times, || Ok(black_box(bump.try_alloc(header).ok()))),
        4 => repeat(times, || Ok(loader.alloc_slice_copy(black_box(bytes))?.as_ptr())),
        5 => repeat(times, || Ok(bump.alloc_slice_copy(black_box(bytes)).as_ptr())),
        6 => repeat(times, || Ok(loader.alloc_slice_copy(black_box(words))?.as_ptr())),
        7 => repeat(times, || Ok(bump.alloc_slice_copy(black_box(words)).as_ptr())),
        8 => repeat(times, || Ok(loader.alloc_padded(black_box(bytes), 8, 0)?.as_ptr())),
        9 => repeat(times, || CodeRef::<Sites>::transient(&transients, |loader| loader.alloc(loader.sites(1)?))),
        10..28 => holders(kind, times),
        _ => counted(kind, times),
    }
}

/// A code object, as far as a frame looks at it.
type Header = (u64, u64);

/// Loops over what holds code: each hides the holder from the compiler.
fn holders(kind: usize, times: usize) -> Result<(), Error> {
    let header: Header = (7, 8);
    let arena = Arc::new(CodeArena::new()?);
    let heap = HeapArena::new()?;
    let transients = Transients::new(&arena, &heap);
    let (plain, shared) = (&header, Arc::new(header));
    let owned: Owned<Header> = Owned::load(&arena, "held", |loader| loader.alloc(header))?;
    let text: Owned<str> = Owned::load(&arena, "text", |loader| loader.alloc_str("held"))?;
    let permanent = CodeRef::new(plain);
    let transient: CodeRef<'_, Header> = CodeRef::transient(&transients, |loader| loader.alloc(header))?;
    let home = Home::new(arena.clone(), HeapArena::new()?)?;
    let counted = CodeRc::<Header>::new(&home, |loader| loader.alloc(header))?;
    let threads = Arc::new(SharedHome::new(arena.clone()));
    let of_threads = Owned::<Header>::transient(&threads, |loader| loader.alloc(header))?;
    let slot = OwnedSlot::new(of_threads.clone())?;
    match kind {
        10 => repeat(times, || Ok(black_box(&plain).1)),
        11 => repeat(times, || Ok(black_box(&shared).1)),
        12 => repeat(times, || Ok(black_box(&owned).get().1)),
        13 => repeat(times, || Ok(black_box(&permanent).get().1)),
        14 => repeat(times, || Ok(black_box(&transient).get().1)),
        15 => repeat(times, || Ok(black_box(&shared).clone())),
        16 => repeat(times, || Ok(black_box(&owned).clone())),
        17 => repeat(times, || Ok(black_box(&text).clone())),
        18 => repeat(times, || Ok(black_box(&permanent).clone())),
        19 => repeat(times, || Ok(black_box(&transient).clone())),
        20 => repeat(times, || Ok(black_box(&counted).get().1)),
        21 => repeat(times, || Ok(black_box(&counted).clone())),
        22 => {
            repeat(times, || CodeRef::<Script<'_>>::transient(&transients, |loader| script(loader, black_box("eval"))))
        }
        23 => repeat(times, || CodeRc::<Script<'static>>::new(&home, |loader| script(loader, black_box("eval")))),
        24 => repeat(times, || Owned::<Script<'_>>::transient(&threads, |loader| script(loader, black_box("eval")))),
        25 => repeat(times, || Ok(black_box(&of_threads).clone())),
        26 => repeat(times, || Ok(black_box(&slot).get())),
        _ => repeat(times, || black_box(&slot).replace(of_threads.clone())),
    }
}

/// Loops over counted pointers to a value of a heap, beside those of the standard library.
fn counted(kind: usize, times: usize) -> Result<(), Error> {
    let heap = HeapArena::new()?;
    let (theirs, ours) = (Rc::new(7_u64), HeapRc::new(&heap, 7_u64)?);
    let _weak = (kind >= 32).then(|| (Rc::downgrade(&theirs), HeapRc::downgrade(&ours)));
    match kind {
        28 => repeat(times, || Ok(Rc::new(black_box(7_u64)))),
        29 => repeat(times, || HeapRc::new(&heap, black_box(7_u64))),
        30 | 32 => repeat(times, || Ok(black_box(&theirs).clone())),
        _ => repeat(times, || Ok(black_box(&ours).clone())),
    }
}

/// A small script: its name, and its code.
type Script<'a> = (&'a str, &'a [u8]);

fn script<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x Script<'x>, Error> {
    loader.alloc((loader.intern(name)?, loader.alloc_slice_copy(&[7; 40])?))
}

#[inline(never)]
fn repeat<T>(times: usize, mut once: impl FnMut() -> Result<T, Error>) -> Result<(), Error> {
    for _ in 0..times {
        black_box(once()?);
    }
    Ok(())
}
