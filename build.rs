//! Tells the library when it is built for ThreadSanitizer (see `Link::get`). `cfg(sanitize)` is unstable, but Cargo passes its value to here.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(permacode_tsan)");
    let sanitizers = std::env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    if sanitizers.split(',').any(|sanitizer| sanitizer == "thread") {
        println!("cargo::rustc-cfg=permacode_tsan");
    }
}
