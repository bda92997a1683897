//! Patterns that are a few lines each.

use crate::Outcome;
use crate::harness::random::Random;
use crate::heap::Heap;
use crate::patterns::Start;
use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ptr;

const MIB: usize = 1 << 20;

/// Places for objects, all of them written, so that they are resident before a pattern begins. They stay until the process ends: what goes when
/// a pattern ends would count as given back.
pub(crate) fn table(places: usize) -> &'static mut [*mut u8] {
    let mut table = vec![ptr::null_mut(); places];
    table.iter_mut().for_each(|place| *place = ptr::dangling_mut());
    table.leak()
}

fn layout(size: usize) -> Layout {
    // SAFETY: a power of two, and sizes here are far from the largest.
    unsafe { Layout::from_size_align_unchecked(size, 8) }
}

/// Objects of known sizes.
struct Objects {
    /// Stays until the process ends, as a [`table`] does.
    all: ManuallyDrop<Vec<(*mut u8, u32)>>,
    bytes: usize,
}

impl Objects {
    fn new(most: usize) -> Self {
        let mut all = vec![(ptr::dangling_mut(), 1); most];
        all.clear();
        Self { all: ManuallyDrop::new(all), bytes: 0 }
    }

    fn add(&mut self, heap: &mut Heap, size: usize) -> Outcome<()> {
        self.all.push((heap.written(layout(size))?, size as u32));
        self.bytes += size;
        Ok(())
    }

    fn free(&mut self, heap: &mut Heap, index: usize) -> Outcome<()> {
        let (object, size) = self.all.swap_remove(index);
        self.bytes -= size as usize;
        // SAFETY: in the list once, with its size.
        unsafe { heap.free(object, layout(size as usize)) }
    }

    fn free_all(&mut self, heap: &mut Heap) -> Outcome<()> {
        while !self.all.is_empty() {
            self.free(heap, self.all.len() - 1)?;
        }
        Ok(())
    }
}

/// One size of object after the other, everything freed in between.
pub(crate) fn phases(start: &Start) -> Outcome<Heap> {
    let large = (0..6).flat_map(|doubling| (5..9).map(move |quarter| (512 << doubling) / 4 * quarter));
    let objects = table((20 * MIB) / 8);
    let mut heap = start.now()?;
    for size in (1..=64).map(|step| step * 8).chain(large) {
        let count = 20 * MIB / size;
        for object in &mut objects[..count] {
            *object = heap.written(layout(size))?;
        }
        if size == 32 << 10 {
            heap.moment("last phase, full")?;
        }
        for &object in &objects[..count] {
            // SAFETY: allocated above, freed once.
            unsafe { heap.free(object, layout(size)) }?;
        }
    }
    heap.moment("all freed")?;
    Ok(heap)
}

/// 48 MiB of one size after the other; of each, one in 512 stays.
pub(crate) fn shift(start: &Start) -> Outcome<Heap> {
    let objects = table(48 * MIB / 16);
    let mut heap = start.now()?;
    for (size, name) in [
        (16, ""),
        (32, ""),
        (48, "size 48"),
        (96, ""),
        (128, "size 128"),
        (192, ""),
        (256, "size 256"),
        (112, "size 112, the last"),
    ] {
        let count = 48 * MIB / size;
        for object in &mut objects[..count] {
            *object = heap.written(layout(size))?;
        }
        for (_, &object) in objects[..count].iter().enumerate().filter(|(index, _)| index % 512 != 0) {
            // SAFETY: allocated above, freed once.
            unsafe { heap.free(object, layout(size)) }?;
        }
        if !name.is_empty() {
            heap.moment(name)?;
        }
    }
    Ok(heap)
}

/// Twelve times up to 100 MiB of sizes that shift with each time, and down to 11 MiB at random.
pub(crate) fn sawtooth(start: &Start) -> Outcome<Heap> {
    let (mut objects, mut random) = (Objects::new(8 * MIB), Random::new(3));
    let mut heap = start.now()?;
    for cycle in 0..12 {
        while objects.bytes < 100 * MIB {
            let most = 32 << random.below(4 + cycle % 4);
            objects.add(&mut heap, 16 + random.below(most))?;
        }
        while objects.bytes > 11 * MIB {
            let index = random.below(objects.all.len());
            objects.free(&mut heap, index)?;
        }
        match cycle {
            2 => heap.moment("cycle 2")?,
            5 => heap.moment("cycle 5")?,
            8 => heap.moment("cycle 8")?,
            11 => heap.moment("cycle 11")?,
            _ => {}
        }
    }
    Ok(heap)
}

/// Objects that live for 79 MiB of others, except one in a hundred, which stays.
pub(crate) fn longlived(start: &Start) -> Outcome<Heap> {
    let (mut kept, mut random) = (0, Random::new(4));
    let ring: std::collections::VecDeque<_> = std::iter::repeat_n((ptr::dangling_mut(), 1u32), 2 * MIB).collect();
    let mut ring = ManuallyDrop::new(ring);
    ring.clear();
    let (mut heap, mut bytes) = (start.now()?, 0);
    let free_first = |ring: &mut std::collections::VecDeque<(*mut u8, u32)>, heap: &mut Heap| -> Outcome<usize> {
        let Some((object, size)) = ring.pop_front() else { return Ok(0) };
        // SAFETY: in the ring once, with its size.
        unsafe { heap.free(object, layout(size as usize)) }?;
        Ok(size as usize)
    };
    while kept < 16 * MIB {
        let most = 32 << random.below(6);
        let size = 16 + random.below(most);
        let object = heap.written(layout(size))?;
        if random.below(100) == 0 {
            kept += size;
            continue;
        }
        ring.push_back((object, size as u32));
        bytes += size;
        while bytes > 79 * MIB {
            bytes -= free_first(&mut ring, &mut heap)?;
        }
    }
    heap.moment("95 MiB live")?;
    while bytes > 0 {
        bytes -= free_first(&mut ring, &mut heap)?;
    }
    heap.moment("short-lived ones freed")?;
    Ok(heap)
}

/// Fifty million objects of 8 bytes, each of which says where the one before lies.
pub(crate) fn tiny(start: &Start) -> Outcome<Heap> {
    let mut heap = start.now()?;
    let mut last: *mut u8 = ptr::null_mut();
    for _ in 0..50_000_000 {
        let object = heap.alloc(layout(8))?;
        // SAFETY: 8 bytes aligned to 8.
        unsafe { object.cast::<*mut u8>().write(last) };
        last = object;
    }
    heap.moment("full")?;
    while !last.is_null() {
        // SAFETY: a live object with the address of the one before.
        unsafe {
            let before = last.cast::<*mut u8>().read();
            heap.free(last, layout(8))?;
            last = before;
        }
    }
    heap.moment("all freed")?;
    Ok(heap)
}

/// 300 MiB of large objects, each replaced at random by one of another size.
pub(crate) fn spans(start: &Start) -> Outcome<Heap> {
    let (mut objects, mut random) = (Objects::new(1 << 14), Random::new(5));
    let mut heap = start.now()?;
    for _ in 0..20_000 {
        let most = 1 << (12 + random.below(10));
        let size = 40_000 + random.below(most);
        objects.add(&mut heap, size)?;
        while objects.bytes > 300 * MIB {
            let index = random.below(objects.all.len());
            objects.free(&mut heap, index)?;
        }
    }
    heap.moment("20,000 later")?;
    objects.free_all(&mut heap)?;
    heap.moment("all freed")?;
    Ok(heap)
}

/// 200 MiB of objects a little larger than an allocator's units.
pub(crate) fn just_above(start: &Start, size: usize) -> Outcome<Heap> {
    let mut objects = Objects::new(200 * MIB / size + 1);
    let mut heap = start.now()?;
    while objects.bytes < 200 * MIB {
        objects.add(&mut heap, size)?;
    }
    heap.moment("full")?;
    objects.free_all(&mut heap)?;
    heap.moment("all freed")?;
    Ok(heap)
}

/// Strings that double until they die, some 40 MiB of them live at once.
pub(crate) fn strings(start: &Start) -> Outcome<Heap> {
    let (mut objects, mut random) = (Objects::new(MIB), Random::new(6));
    let mut heap = start.now()?;
    for _ in 0..3_000_000 {
        if objects.bytes < 39 * MIB || objects.all.is_empty() {
            objects.add(&mut heap, 16 + random.below(48))?;
        }
        let index = random.below(objects.all.len());
        let (object, size) = objects.all[index];
        if size < 32 << random.below(14) {
            // SAFETY: in the list once, with its size; the list has the new address from here on.
            let moved = unsafe { heap.resize(object, layout(size as usize), 2 * size as usize) }?;
            objects.all[index] = (moved, 2 * size);
            objects.bytes += size as usize;
        } else {
            objects.free(&mut heap, index)?;
        }
    }
    heap.moment("3 M steps later")?;
    Ok(heap)
}

/// Two vectors that grow in turn by half, to 1 GiB each, and die.
pub(crate) fn two_vectors(start: &Start) -> Outcome<Heap> {
    let mut heap = start.now()?;
    let mut both = [(heap.written(layout(64))?, 64), (heap.written(layout(64))?, 64)];
    while both[1].1 < 1 << 30 {
        for (object, size) in &mut both {
            let new = (*size * 3 / 2).min(1 << 30);
            // SAFETY: a live object of this size; the vector has the new address from here on.
            *object = unsafe { heap.resize(*object, layout(*size), new) }?;
            *size = new;
        }
    }
    heap.moment("both at 1 GiB")?;
    for (object, size) in both {
        // SAFETY: a live object of this size.
        unsafe { heap.free(object, layout(size)) }?;
    }
    heap.moment("both freed")?;
    Ok(heap)
}

/// One vector that doubles until it has 3 GiB, and dies.
pub(crate) fn one_vector(start: &Start) -> Outcome<Heap> {
    let mut heap = start.now()?;
    let (mut object, mut size) = (heap.written(layout(64))?, 64);
    while size < 3 << 30 {
        let new = (2 * size).min(3 << 30);
        // SAFETY: a live object of this size; the vector has the new address from here on.
        object = unsafe { heap.resize(object, layout(size), new) }?;
        size = new;
    }
    heap.moment("at 3 GiB")?;
    // SAFETY: a live object of this size.
    unsafe { heap.free(object, layout(size)) }?;
    heap.moment("freed")?;
    Ok(heap)
}

/// A large table of zeros, of which a byte here and there is written.
pub(crate) fn sparse(start: &Start, every: usize) -> Outcome<Heap> {
    let mut heap = start.now()?;
    let table = heap.alloc_zeroed(layout(1 << 30))?;
    for at in (0..1 << 30).step_by(every) {
        // SAFETY: within the object.
        unsafe { table.add(at).write(1) };
    }
    heap.moment("written")?;
    Ok(heap)
}
