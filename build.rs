//! Tells the library when it is built for ThreadSanitizer (see `Link::get`), and tests that measure the process when it is built for
//! AddressSanitizer, which keeps memory of its own. `cfg(sanitize)` is unstable, but Cargo passes its value to here.
//!
//! And where the C runtime's unwinder takes tables: glibc's does, but not on 32-bit ARM. The standard library links it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(permacode_unwind_tables)");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    let has_std = std::env::var_os("CARGO_FEATURE_STD").is_some();
    if has_std && target("OS") == "linux" && target("ENV") == "gnu" && target("ARCH") != "arm" {
        println!("cargo::rustc-cfg=permacode_unwind_tables");
    }
    let sanitizers = std::env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    for (name, cfg) in [("thread", "permacode_tsan"), ("address", "permacode_asan")] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if sanitizers.split(',').any(|sanitizer| sanitizer == name) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
