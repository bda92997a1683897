//! What must not compile, and what the compiler says then: one test per folder of `tests/ui`.
//!
//! The expected messages are those of the stable compiler that `rust-toolchain` or CI pins; after an update of it, write
//! them anew with `TRYBUILD=overwrite cargo test --test compile_fail` and read the difference.
#![cfg(not(miri))]

/// soundness S10, S11, S19: what changes, is dropped, or could be read at a wrong lifetime is not `Permanent`.
#[test]
fn what_is_not_permanent_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/permanent/*.rs");
}

/// soundness S10, S11, S12, S18, S19: no reference dangles, no finished module grows, no block is written to.
#[test]
fn what_would_dangle_or_write_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/lifetimes/*.rs");
}
