//! A forked child that collects copies no page of objects.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use allocator_api2::vec::Vec as HeapVec;
use permacode::kit::{Collect, Marker};
use permacode::{CodeArena, CodeRef, Error, Gc, HeapArena, Sites, Transients};
use permacode_witness::{Random, copied, watched};
use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;

#[derive(Collect)]
struct Node<'t> {
    number: u64,
    next: Cell<Option<Gc<'t, Node<'t>>>>,
    other: RefCell<Option<Gc<'t, Node<'t>>>>,
    once: OnceCell<Gc<'t, str>>,
    many: RefCell<HeapVec<Gc<'t, Node<'t>>, &'t HeapArena>>,
    code: Option<CodeRef<'t, Sites>>,
}

const NODES: usize = 60_000;

/// Objects of all kinds that lead to each other, of which a third is nobody's. One in ten has code, and one in a hundred code that was patched.
fn grown<'t>(transients: &'t Transients<'t>) -> Result<Vec<Gc<'t, Node<'t>>>, Error> {
    let (heap, mut random) = (transients.heap(), Random::new(1));
    let mut nodes: Vec<Gc<'t, Node<'t>>> = Vec::new();
    for number in 0..NODES {
        let any =
            |random: &mut Random| nodes.get(random.below(nodes.len() + 1)).copied().filter(|node| node.number % 3 != 0);
        let mut many = HeapVec::new_in(heap);
        many.extend((0..random.below(4)).filter_map(|_| any(&mut random)));
        let mut code: Option<CodeRef<'t, Sites>> = None;
        if number % 10 == 1 {
            let made = CodeRef::transient(transients, |loader| loader.alloc(loader.sites(2)?))?;
            code = Some(if number % 100 == 1 {
                made.patched(transients, |loader, code| loader.alloc(*code))?
            } else {
                made
            });
        }
        nodes.push(Gc::new(
            heap,
            Node {
                number: number as u64,
                next: Cell::new(any(&mut random)),
                other: RefCell::new(any(&mut random)),
                once: OnceCell::from(Gc::copy_str(heap, "some text")?),
                many: RefCell::new(many),
                code,
            },
        )?);
    }
    nodes.retain(|node| node.number % 3 != 0);
    Ok(nodes)
}

/// The bytes of all objects.
fn objects(heap: &HeapArena) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    heap.walk(|object, size| ranges.push(object.addr().get()..object.addr().get() + size));
    ranges
}

// numbers N18
#[test]
fn a_child_that_collects_writes_to_no_object_and_to_little_beside() {
    let (arena, heap) = (CodeArena::builder().reservation(64 << 20).build().unwrap(), crate::heap());
    let transients = Transients::new(&arena, &heap);
    let nodes = grown(&transients).unwrap();
    let (ranges, live) = (objects(&heap), heap.stats().live);
    let roots = |marker: &mut Marker<'_>| marker.trace(&nodes[..]);
    let look = |pid| {
        let objects = copied(pid, ranges.iter().cloned()).unwrap();
        (objects, copied(pid, heap.bookkeeping_ranges()).unwrap() * 4096)
    };
    let (dirty, beside) = watched(|| heap.mark_from(roots).unwrap(), look);
    println!("marks: {dirty} object pages, {beside} bytes of bookkeeping; 1/64 of what is live are {}", live / 64);
    assert_eq!(dirty, 0, "objects were written to");
    assert!(beside > 0 && beside <= live / 64, "{beside} bytes beside {live}");
    let collect = || {
        // SAFETY: all nodes that are used are traced, and the closure only traces.
        let swept = unsafe { transients.collect(roots) }.unwrap();
        assert!(swept.objects > NODES / 3);
        assert!(nodes.iter().all(|node| node.number % 3 != 0 && **node.once.get().unwrap() == *"some text"));
    };
    let (dirty, beside) = watched(collect, look);
    println!("a collection: {dirty} object pages, {beside} bytes of bookkeeping");
    // Regions that end with the collection leave a list, which lies in their neighbours.
    assert!(dirty <= NODES / 10, "objects were written to: {dirty}");
}

#[test]
fn a_child_that_collects_and_frees_no_code_writes_to_no_object() {
    let (arena, heap) = (CodeArena::builder().reservation(64 << 20).build().unwrap(), crate::heap());
    let transients = Transients::new(&arena, &heap);
    let nodes = grown(&transients).unwrap();
    // What the parent leaves to its children is what lives.
    // SAFETY: all nodes that are used are traced, and the closure only traces.
    unsafe { transients.collect(|marker| marker.trace(&nodes[..])) }.unwrap();
    heap.fence();
    let (ranges, regions) = (objects(&heap), transients.stats().regions);
    let work = || {
        for round in 0..3 {
            for number in 0..10_000 {
                Gc::new(&heap, [number; 4]).unwrap();
            }
            // SAFETY: as above.
            let swept = unsafe { transients.collect(|marker| marker.trace(&nodes[..])) }.unwrap();
            assert_eq!((swept.objects, transients.stats().regions), (10_000, regions), "round {round}");
        }
    };
    let dirty = watched(work, |pid| copied(pid, ranges.iter().cloned()).unwrap());
    assert_eq!(dirty, 0, "objects were written to");
}
