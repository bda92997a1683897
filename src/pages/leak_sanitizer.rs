//! Reservations as LeakSanitizer sees them: memory to look for pointers in.
//!
//! LeakSanitizer (alone, or in AddressSanitizer) looks for pointers in stacks, in statics and in what its own `malloc` gave out. A system
//! allocation that only an object of a heap points to, it reports as leaked. So where it is linked, each reservation is one of its root
//! regions; it scans of these what is readable.
//!
//! A weak reference tells whether it is linked: a word that the linker leaves zero if not. Rust has none on stable; the assembler does.

use core::ptr::NonNull;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod linked {
    use core::ffi::c_void;

    // Weak and hidden: two versions of this crate in one program share the words, which are the same.
    core::arch::global_asm!(
        ".weak __lsan_register_root_region",
        ".weak __lsan_unregister_root_region",
        ".pushsection .data.rel.ro.permacode_lsan, \"aw\", @progbits",
        ".weak permacode_lsan_root_regions",
        ".hidden permacode_lsan_root_regions",
        ".balign 8",
        "permacode_lsan_root_regions:",
        ".8byte __lsan_register_root_region",
        ".8byte __lsan_unregister_root_region",
        ".popsection",
    );

    type OfRegion = Option<unsafe extern "C" fn(*const c_void, usize)>;

    unsafe extern "C" {
        /// The function that notes a root region, and the one that forgets it; `None` where LeakSanitizer is not
        /// linked.
        pub(super) safe static permacode_lsan_root_regions: [OfRegion; 2];
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
mod linked {
    use core::ffi::c_void;

    #[allow(non_upper_case_globals)] // named as the symbol is where there is one
    pub(super) static permacode_lsan_root_regions: [Option<unsafe extern "C" fn(*const c_void, usize)>; 2] = [None; 2];
}

/// Has the leak checker look into a reservation, from its making on.
pub(super) fn note(base: NonNull<u8>, bytes: usize) {
    if let [Some(register), _] = linked::permacode_lsan_root_regions {
        // SAFETY: only remembers the range; what of it is readable, the leak checker finds out itself when it looks.
        unsafe { register(base.as_ptr().cast(), bytes) };
    }
}

/// Has the leak checker forget a reservation, before it is unmapped. The same range as was noted.
pub(super) fn forget(base: NonNull<u8>, bytes: usize) {
    if let [_, Some(unregister)] = linked::permacode_lsan_root_regions {
        // SAFETY: forgets a range that was noted when it was reserved.
        unsafe { unregister(base.as_ptr().cast(), bytes) };
    }
}
