//! What must not compile, and what the compiler says then: one test per folder of `tests/ui`.
//!
//! The expected messages are those of Rust 1.95; other versions word them otherwise, so these tests run on that one only. After an update,
//! write them anew with `TRYBUILD=overwrite cargo test --test compile_fail` and read the difference.
#![cfg(not(miri))]

/// Runs the folder's cases, on the compiler whose words they expect.
fn compile_fail(folder: &str) {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = std::process::Command::new(compiler).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if version.starts_with("rustc 1.95.") {
        trybuild::TestCases::new().compile_fail(format!("tests/ui/{folder}/*.rs"));
    } else {
        println!("not run: the expected messages are those of Rust 1.95, this is {version}");
    }
}

/// soundness S10, S11, S19: what changes, is dropped, or could be read at a wrong lifetime is not `Permanent`.
#[test]
fn what_is_not_permanent_does_not_compile() {
    compile_fail("permanent");
}

/// soundness S10, S35: what differs in each process, has no layout that the language defines, or would outlive an image is not `Mappable`.
#[test]
fn what_cannot_lie_in_an_image_does_not_compile() {
    compile_fail("mappable");
}

/// soundness S10, S11, S12, S18, S19: no reference dangles, no finished module grows, no block is written to.
#[test]
fn what_would_dangle_or_write_does_not_compile() {
    compile_fail("lifetimes");
}

/// soundness S11, S12, S18: no pointer outlives its heap, no heap is moved or reset beneath one.
#[test]
fn what_would_outlive_a_heap_does_not_compile() {
    compile_fail("heap");
}

/// soundness S10, S11, S12, S27: what a collector cannot look into, or would free too early, or that another thread would see.
#[test]
fn what_a_collector_cannot_look_into_does_not_compile() {
    compile_fail("collect");
}

/// soundness S11, S12: no reference leaves a handle for longer than its borrow, no handle its home or its thread, no pointer a proxy.
#[test]
fn what_would_outlive_a_handle_does_not_compile() {
    compile_fail("handles");
}

/// soundness S11, S12: entries need no destructor, are not reset beneath a borrow, and are shared as their type is.
#[test]
fn what_a_side_table_must_not_hold_or_share_does_not_compile() {
    compile_fail("side");
}

/// soundness S10, S11, S12, S41: nothing leaves an engine, nothing shorter enters it, what is kept goes with its arena.
#[test]
fn what_would_leave_an_engine_or_outlive_its_arenas_does_not_compile() {
    compile_fail("engine");
}

/// soundness S11: each public type, seen for a longer time, and invariant ones for a shorter. `tests/code/variance.rs` has what compiles.
#[test]
fn what_would_stretch_a_lifetime_does_not_compile() {
    compile_fail("variance");
}

/// soundness S10: an error a field, each told what to use in its place, and nothing of locks. The folder's test compares the file with what
/// the compiler says.
#[test]
fn six_fields_that_are_not_permanent_are_six_errors() {
    let expected = include_str!("ui/permanent/one_error_a_field.stderr");
    let errors: Vec<&str> = expected.split("\nerror").collect();
    assert_eq!(errors.len(), 6);
    for (error, field) in errors.iter().zip(["hits", "cache", "lock", "text", "ops", "local"]) {
        assert!(error.contains(&format!(" {field}: ")), "{error}");
        assert!(error.contains("is not `Permanent`") && error.contains("use a side table"), "{error}");
        assert!(error.lines().count() < 35 && !error.contains("RwLock"), "{error}");
    }
}
