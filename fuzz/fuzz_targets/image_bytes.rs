//! Changed parts and bytes of a good image: refused, or values that can be read, at the window and moved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::ImageCase;

fuzz_target!(|case: ImageCase| {
    case.check();
});
