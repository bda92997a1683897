//! The kind of access that faulted, as far as the processor tells.

use core::ffi::c_void;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Load,
    Store,
    Jump,
    Unknown,
}

impl Access {
    /// Returns the access that faulted when a signal handler was given this context.
    ///
    /// # Safety
    ///
    /// `context` is null, or what the kernel passed to a signal handler.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", target_env = "gnu"))]
    pub(super) unsafe fn of(context: *const c_void) -> Self {
        const PAGE_FAULT: i64 = 14;
        // SAFETY: the third argument of a handler points to a `ucontext_t`; the kernel has filled it.
        let Some(context) = (unsafe { context.cast::<libc::ucontext_t>().as_ref() }) else { return Self::Unknown };
        let registers = &context.uc_mcontext.gregs;
        if registers[libc::REG_TRAPNO as usize] != PAGE_FAULT {
            return Self::Unknown;
        }
        Self::of_code(registers[libc::REG_ERR as usize])
    }

    /// As above, where nobody tells.
    ///
    /// # Safety
    ///
    /// None.
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64", target_env = "gnu")))]
    pub(super) unsafe fn of(_: *const c_void) -> Self {
        Self::Unknown
    }

    /// By the error code of a page fault of x86: bit 1 stands for a write, bit 4 for the fetch of an instruction.
    #[cfg_attr(not(all(target_arch = "x86_64", target_env = "gnu")), allow(dead_code))]
    fn of_code(code: i64) -> Self {
        match (code & 1 << 4 != 0, code & 1 << 1 != 0) {
            (true, _) => Self::Jump,
            (false, true) => Self::Store,
            (false, false) => Self::Load,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Load => "load from",
            Self::Store => "store to",
            Self::Jump => "jump to",
            Self::Unknown => "bad access to",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_code_tells_what_was_tried() {
        assert_eq!(
            [0x4, 0x5, 0x6, 0x7].map(Access::of_code),
            [Access::Load, Access::Load, Access::Store, Access::Store]
        );
        assert_eq!([0x14, 0x15].map(Access::of_code), [Access::Jump; 2]);
    }
}
