//! `cargo test` runs this with the example.

use crate::{Row, fleet, picture};

#[test]
fn a_worker_that_writes_to_a_megabyte_has_a_megabyte_more_for_itself() {
    let memory = vec![1u8; 1 << 20];
    let read = || _ = std::hint::black_box(memory.iter().map(|&byte| u64::from(byte)).sum::<u64>());
    let write = || {
        let start = memory.as_ptr().cast_mut();
        // SAFETY: the child's own copy of the bytes, within the vector; nobody else uses it there.
        (0..memory.len()).step_by(512).for_each(|at| unsafe { start.add(at).write_volatile(2) });
    };
    let [clean, dirty] = [fleet::private_memory(2, read), fleet::private_memory(2, write)].map(Result::unwrap);
    assert_eq!((clean.len(), dirty.len()), (2, 2));
    for (clean, dirty) in clean.iter().zip(&dirty) {
        assert!(dirty - clean >= 1000, "{clean} kB and {dirty} kB");
    }
}

#[test]
fn the_picture_has_a_point_for_each_fleet_and_both_kinds_of_code() {
    let rows: Vec<Row> = [1, 2, 4].map(|workers| Row { workers, arena: 100, counted: 5000 }).into();
    let svg = picture::draw(&rows);
    assert_eq!(svg.matches("<circle").count(), 2 * rows.len());
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    assert!(!svg.contains("\n\n"), "a blank line would end the picture where it stands in documentation");
}
