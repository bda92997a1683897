//! An allocator, watched: what is live after each call, and now and then what is resident.

use crate::Outcome;
use crate::resident::resident;
use crate::subjects::Subject;
use std::alloc::{GlobalAlloc, Layout};

/// Samples that are kept; when there are more, every second one goes and they are taken half as often.
const SAMPLES: usize = 240;
/// So much is allocated and freed between two samples at most.
const MOVED: usize = 8 << 20;

/// What was live and what was resident, in bytes, after so many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) calls: f64,
    pub(crate) live: f64,
    pub(crate) resident: f64,
}

/// What a pattern calls.
pub(crate) struct Heap {
    subject: Subject,
    shared: bool,
    pub(crate) allocator: &'static (dyn GlobalAlloc + Sync),
    /// Resident before the allocator was made.
    before: f64,
    calls: usize,
    live: usize,
    moved: usize,
    /// What `calls` and `moved` are compared with.
    every: (usize, usize),
    next: (usize, usize),
    samples: Vec<Sample>,
    most_samples: usize,
    /// The most that was resident and that was live in any sample, those included that are not kept.
    most: Sample,
    moments: Vec<(&'static str, Sample)>,
}

impl Heap {
    /// Begins to watch. What the pattern keeps its objects in has been made and written before.
    pub(crate) fn new(subject: Subject, shared: bool) -> Outcome<Self> {
        let samples = Vec::with_capacity(2 * SAMPLES);
        // What was freed until now would be used again by the one subject that is also this program's allocator.
        // SAFETY: no preconditions.
        unsafe { libc::malloc_trim(0) };
        let before = resident()?;
        let allocator = subject.make(shared)?;
        let (calls, live, moved, every) = (0, 0, 0, (1, MOVED / 16));
        let mut heap = Self {
            subject,
            shared,
            allocator,
            before,
            calls,
            live,
            moved,
            every,
            next: every,
            samples,
            most_samples: SAMPLES,
            most: Sample::default(),
            moments: Vec::new(),
        };
        heap.sample()?;
        Ok(heap)
    }

    /// Notes what other threads have allocated, or freed if it is less than nothing.
    pub(crate) fn count(&mut self, calls: usize, bytes: isize) -> Outcome<()> {
        self.live = self.live.wrapping_add_signed(bytes);
        self.calls += calls;
        self.moved += bytes.unsigned_abs();
        if self.calls >= self.next.0 || self.moved >= self.next.1 {
            self.sample()?;
        }
        Ok(())
    }

    fn now(&self) -> Outcome<Sample> {
        Ok(Sample { calls: self.calls as f64, live: self.live as f64, resident: resident()? - self.before })
    }

    fn sample(&mut self) -> Outcome<()> {
        if self.samples.len() >= self.most_samples {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every = (self.every.0 * 2, self.every.1 * 2);
        }
        let now = self.now()?;
        self.samples.push(now);
        self.most.live = self.most.live.max(now.live);
        self.most.resident = self.most.resident.max(now.resident);
        self.next = (self.calls + self.every.0, self.moved + self.every.1);
        Ok(())
    }

    /// Notes what is resident now, under a name.
    pub(crate) fn moment(&mut self, name: &'static str) -> Outcome<()> {
        let now = self.now()?;
        self.moments.push((name, now));
        self.sample()
    }

    pub(crate) fn alloc(&mut self, layout: Layout) -> Outcome<*mut u8> {
        // SAFETY: no pattern asks for an object without bytes.
        let object = unsafe { self.allocator.alloc(layout) };
        self.made(object, layout)
    }

    pub(crate) fn alloc_zeroed(&mut self, layout: Layout) -> Outcome<*mut u8> {
        // SAFETY: as for `alloc`.
        let object = unsafe { self.allocator.alloc_zeroed(layout) };
        self.made(object, layout)
    }

    /// A new object of which every byte is written.
    pub(crate) fn written(&mut self, layout: Layout) -> Outcome<*mut u8> {
        let object = self.alloc(layout)?;
        // SAFETY: a new object of this layout.
        unsafe { object.write_bytes(7, layout.size()) };
        Ok(object)
    }

    fn made(&mut self, object: *mut u8, layout: Layout) -> Outcome<*mut u8> {
        if object.is_null() {
            return Err(format!("no memory for {layout:?}").into());
        }
        self.count(1, layout.size() as isize)?;
        Ok(object)
    }

    /// # Safety
    ///
    /// A live object with its layout, which nobody uses any more.
    pub(crate) unsafe fn free(&mut self, object: *mut u8, layout: Layout) -> Outcome<()> {
        // SAFETY: the caller's promise.
        unsafe { self.allocator.dealloc(object, layout) };
        self.count(1, -(layout.size() as isize))
    }

    /// Resizes an object and writes what is new of it.
    ///
    /// # Safety
    ///
    /// A live object with its layout, of which only the new address is used from here on.
    pub(crate) unsafe fn resize(&mut self, object: *mut u8, layout: Layout, size: usize) -> Outcome<*mut u8> {
        // SAFETY: the caller's promise; the new bytes are the object's.
        unsafe {
            let moved = self.allocator.realloc(object, layout, size);
            if moved.is_null() {
                return Err(format!("no memory to resize {layout:?} to {size}").into());
            }
            if size > layout.size() {
                moved.add(layout.size()).write_bytes(7, size - layout.size());
            }
            self.count(1, size as isize - layout.size() as isize)?;
            Ok(moved)
        }
    }

    /// What follows each pattern: 10 million calls for small objects, 10,000 of them live at once; then a call that gives everything back.
    pub(crate) fn settle(&mut self, objects: &mut [*mut u8]) -> Outcome<()> {
        let layout = Layout::new::<[u64; 6]>();
        // Of these calls, one sample in 250,000 is enough, and none of the pattern's goes for it.
        self.every = (250_000, usize::MAX / 2);
        self.next = (self.calls + self.every.0, usize::MAX);
        self.most_samples = usize::MAX;
        for _ in 0..10_000_000 / (2 * objects.len()) {
            for object in objects.iter_mut() {
                *object = self.alloc(layout)?;
            }
            for object in objects.iter() {
                // SAFETY: allocated just now, and freed once.
                unsafe { self.free(*object, layout) }?;
            }
        }
        self.moment(SETTLED)?;
        self.subject.trim(self.allocator, self.shared)?;
        self.moment(TRIMMED)
    }

    /// Says to whoever started this process what was seen.
    pub(crate) fn tell(&self) {
        for Sample { calls, live, resident } in &self.samples {
            println!("sample {calls} {live} {resident}");
        }
        println!("most {} {} {}", self.calls, self.most.live, self.most.resident);
        for (name, Sample { calls, live, resident }) in &self.moments {
            println!("moment {calls} {live} {resident} {name}");
        }
    }
}

pub(crate) const SETTLED: &str = "10 M calls later";
pub(crate) const TRIMMED: &str = "after a trim";
