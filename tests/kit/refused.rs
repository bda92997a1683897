//! A collection that cannot be finished says why, frees nothing, and leaves no mark.

use crate::heap;
use permacode::kit::{Collect, Marker};
use permacode::{Error, Gc, HeapArena};
use permacode_witness::after;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Collect)]
struct Node<'h> {
    number: u64,
    fuse: Fuse<'h>,
    many: RefCell<Vec200<'h>>,
}

/// So many that they do not fit the first grey list.
type Vec200<'h> = [Option<Gc<'h, Node<'h>>>; 200];

/// Panics when it has been looked into so often; never, if that is 0.
struct Fuse<'h>(&'h Cell<usize>);

// SAFETY: it leads to no object, and its counter is none that a marker looks at.
unsafe impl Collect for Fuse<'_> {
    fn trace(&self, _: &mut Marker<'_>) {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        assert!(left != 1, "a fuse");
    }
}

/// A root with two hundred children of two hundred children, and the same again that nobody has.
struct Graph<'h> {
    heap: &'h HeapArena,
    root: Gc<'h, Node<'h>>,
}

const NODES: usize = 1 + 200 + 20 * 200;

fn grown<'h>(heap: &'h HeapArena, fuse: &'h Cell<usize>) -> Graph<'h> {
    let node = |number: u64| Gc::new(heap, Node { number, fuse: Fuse(fuse), many: RefCell::new([None; 200]) }).unwrap();
    let tree = || {
        let (root, number) = (node(0), Cell::new(0));
        let next = || {
            number.set(number.get() + 1);
            Some(node(number.get()))
        };
        root.many.borrow_mut().iter_mut().for_each(|child| *child = next());
        for child in root.many.borrow().iter().flatten().step_by(10) {
            child.many.borrow_mut().iter_mut().for_each(|child| *child = next());
        }
        root
    };
    tree();
    Graph { heap, root: tree() }
}

impl Graph<'_> {
    /// Nothing was freed and nothing is marked.
    fn is_whole(&self) {
        assert_eq!(self.heap.stats().objects, 2 * NODES);
        self.heap.walk(|object, _| assert!(!self.heap.is_marked(object.as_ptr()), "a mark stays"));
    }

    /// A collection finds what there is, and frees the rest.
    fn is_collected(&self) {
        // SAFETY: the root is traced, and the closure only traces.
        let swept = unsafe { self.heap.collect(|marker| marker.trace(&self.root)) };
        assert_eq!(swept.unwrap().objects, NODES);
        let (root, mut numbers) = (self.root.many.borrow(), vec![self.root.number]);
        for child in root.iter().flatten() {
            numbers.push(child.number);
            numbers.extend(child.many.borrow().iter().flatten().map(|child| child.number));
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..NODES as u64));
    }
}

// soundness S16
#[test]
fn a_collection_that_is_refused_memory_frees_nothing() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    let mut refused = 0;
    for requests in 0.. {
        // SAFETY: the root is traced, and the closure only traces. What the graph does not lead to is used no more in any case.
        let swept = after(requests, || unsafe { heap.collect(|marker| marker.trace(&graph.root)) });
        match swept {
            Ok(swept) => {
                assert_eq!(swept.objects, NODES);
                break;
            }
            Err(error) => {
                assert!(matches!(error, Error::Memory { bytes } if bytes >= 1024), "{error}");
                graph.is_whole();
                refused += 1;
            }
        }
    }
    assert!(refused >= 2, "the list has to grow: refused {refused} times");
}

// soundness S8
#[test]
fn a_trace_that_panics_frees_nothing_whichever_it_is() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    for object in [1, 2, 3, 100, 250, 1000, NODES] {
        fuse.set(object);
        // SAFETY: the root is traced, and the closure only traces.
        let collected = catch_unwind(AssertUnwindSafe(|| unsafe { heap.collect(|marker| marker.trace(&graph.root)) }));
        assert!(collected.is_err_and(|panic| panic.is::<&str>()), "{object}");
        graph.is_whole();
    }
    graph.is_collected();
}

#[test]
fn a_panic_that_the_roots_catch_is_an_error() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    for object in [1, 2, 100, NODES] {
        fuse.set(object);
        let roots = |marker: &mut Marker<'_>| {
            assert!(catch_unwind(AssertUnwindSafe(|| marker.trace(&graph.root))).is_err());
            marker.trace(&graph.root);
        };
        assert_eq!(heap.mark_from(roots), Err(Error::Interrupted), "{object}");
        graph.is_whole();
    }
    graph.is_collected();
}

#[test]
fn roots_that_panic_free_nothing() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    let roots = |marker: &mut Marker<'_>| {
        marker.trace(&graph.root);
        panic!("no more roots");
    };
    // SAFETY: it does not come to a sweep.
    assert!(catch_unwind(AssertUnwindSafe(|| unsafe { heap.collect(roots) })).is_err());
    graph.is_whole();
    graph.is_collected();
}

#[test]
fn a_cell_that_is_mutably_borrowed_is_an_error_and_one_that_is_borrowed_is_none() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    let child = graph.root.many.borrow()[10].unwrap();
    let borrowed = child.many.borrow_mut();
    // SAFETY: the root is traced, and the closure only traces.
    let refused = unsafe { heap.collect(|marker| marker.trace(&graph.root)) };
    assert_eq!(refused, Err(Error::Borrowed));
    assert!(refused.unwrap_err().to_string().contains("mutably borrowed"));
    graph.is_whole();
    drop(borrowed);
    let borrowed = child.many.borrow();
    graph.is_collected();
    assert!(borrowed[0].is_some());
}

#[test]
fn marks_that_go_meanwhile_are_noticed() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let graph = grown(&heap, &fuse);
    let interrupt: [&dyn Fn(); 3] = [
        &|| heap.clear_marks(),
        &|| heap.mark_from(|_| ()).unwrap(),
        // SAFETY: all that is used is traced, by a closure that only traces.
        &|| assert_eq!(unsafe { heap.collect(|marker| marker.trace(&graph.root)) }.unwrap().objects, NODES),
    ];
    for (number, interrupt) in interrupt.into_iter().enumerate() {
        let roots = |marker: &mut Marker<'_>| {
            marker.trace(&graph.root);
            interrupt();
        };
        // SAFETY: the root is traced; that the closure does more is what must be noticed.
        assert_eq!(unsafe { heap.collect(roots) }, Err(Error::Interrupted));
        if number < 2 {
            graph.is_whole();
        }
    }
    assert_eq!(heap.stats().objects, NODES, "the collection within freed what it should");
}

#[test]
fn a_failed_collection_is_due_again_later() {
    let (heap, fuse) = (heap(), Cell::new(0));
    let (graph, pacer) = (grown(&heap, &fuse), permacode::kit::Pacer::new());
    assert!(pacer.is_due(&heap));
    let borrowed = graph.root.many.borrow_mut();
    // SAFETY: the root is traced, and the closure only traces.
    assert!(unsafe { heap.collect(|marker| marker.trace(&graph.root)) }.is_err());
    pacer.collected(&heap);
    assert!(!pacer.is_due(&heap) && pacer.due() >= 2 * NODES * size_of::<Node<'_>>());
    drop(borrowed);
    graph.is_collected();
}
