//! Programs of which the clock or other threads are a part.

use crate::Outcome;
use crate::harness::random::Random;
use crate::heap::Heap;
use crate::patterns::Start;
use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// An object on its way to another thread.
struct Sent(*mut u8, Layout);

// SAFETY: it is sent, so one thread has it at a time.
unsafe impl Send for Sent {}

fn layout(size: usize) -> Layout {
    // SAFETY: a power of two, and sizes here are far from the largest.
    unsafe { Layout::from_size_align_unchecked(size, 8) }
}

/// One thread reads requests of many objects, three others answer and free them, in bursts of up to 128 MiB that are under way at once.
pub(crate) fn requests(start: &Start) -> Outcome<Heap> {
    let mut heap = start.shared()?;
    let allocator = heap.allocator;
    let mut random = Random::new(7);
    thread::scope(|scope| -> Outcome<()> {
        let (answered, answers) = std::sync::mpsc::channel::<(usize, usize)>();
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (to, from) = sync_channel::<Vec<Sent>>(1 << 16);
                let answered = answered.clone();
                scope.spawn(move || {
                    for request in from {
                        let bytes = request.iter().map(|sent| sent.1.size()).sum();
                        let calls = request.len();
                        for Sent(object, layout) in request {
                            // SAFETY: allocated by the thread that sent it, and freed once.
                            unsafe { allocator.dealloc(object, layout) };
                        }
                        if answered.send((calls, bytes)).is_err() {
                            return;
                        }
                    }
                });
                to
            })
            .collect();
        for burst in 0..40 {
            let (mut sent, mut bytes) = (0, 0);
            let size = 4 << 20 << (burst % 6);
            while bytes < size {
                let mut request = Vec::with_capacity(200);
                for _ in 0..200 {
                    let most = 16 << random.below(9);
                    let layout = layout(16 + random.below(most));
                    request.push(Sent(heap.written(layout)?, layout));
                    bytes += layout.size();
                }
                workers[random.below(3)].send(request)?;
                sent += 1;
            }
            for _ in 0..sent {
                let (calls, bytes) = answers.recv()?;
                heap.count(calls, -(bytes as isize))?;
            }
        }
        Ok(())
    })?;
    heap.moment("the last burst answered")?;
    Ok(heap)
}

/// Builds 256 MiB of small objects and 256 MiB of large ones, frees nearly all, and does next to nothing for eleven seconds.
pub(crate) fn rests(start: &Start) -> Outcome<Heap> {
    let mut random = Random::new(8);
    let mut all: Vec<(*mut u8, u32)> = vec![(std::ptr::dangling_mut(), 1); 4 << 20];
    all.clear();
    let mut all = ManuallyDrop::new(all);
    let mut heap = start.now()?;
    let mut bytes = 0;
    while bytes < 512 << 20 {
        let size = if bytes < 256 << 20 { 16 + random.below(256) } else { 100_000 + random.below(900_000) };
        all.push((heap.written(layout(size))?, size as u32));
        bytes += size;
    }
    heap.moment("full")?;
    for (_, &(object, size)) in all.iter().enumerate().filter(|(index, _)| index % 1000 != 0) {
        // SAFETY: allocated above, freed once.
        unsafe { heap.free(object, layout(size as usize)) }?;
    }
    heap.moment("freed")?;
    // A timer that ticks a hundred times a second, and takes a little memory each time.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(11) {
        for _ in 0..100 {
            let object = heap.written(layout(64))?;
            // SAFETY: allocated just now.
            unsafe { heap.free(object, layout(64)) }?;
        }
        thread::sleep(Duration::from_millis(10));
    }
    heap.moment("11 s later")?;
    Ok(heap)
}
