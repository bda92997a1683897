//! Tells the library when it is built for ThreadSanitizer (see `Link::get`), and tests that measure the process when it is built for
//! AddressSanitizer, which keeps memory of its own. `cfg(sanitize)` is unstable, but Cargo passes its value to here.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let sanitizers = std::env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    for (name, cfg) in [("thread", "permacode_tsan"), ("address", "permacode_asan")] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if sanitizers.split(',').any(|sanitizer| sanitizer == name) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
