//! Programs of Rook from bytes, well-formed or changed word by word: each ends as a value or as a typed failure. `tests/generated.rs` of
//! `clients/rook` makes programs in the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_rook::{Failure, Settings, generate};

fuzz_target!(|bytes: &[u8]| {
    let [kind, bytes @ ..] = bytes else { return };
    let source = generate::program(bytes);
    if kind % 2 == 0 {
        let result = generate::run(&source, Settings::default());
        assert!(!matches!(result, Err(Failure::Syntax(..))), "not well-formed: {result:?}\n{source}");
    } else {
        generate::run(&generate::changed(&source, &source, bytes), Settings::default()).ok();
    }
});
