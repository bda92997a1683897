//! The line that a process says before it dies of a store to sealed code: whose code it was.
//!
//! ```text
//!   store ──▶ page fault ──▶ SIGSEGV ──▶ handler ──▶ line ──▶ standard error
//!                                           │
//!                                           └──▶ the handler that was there before, or the default action at the same instruction
//! ```
//!
//! All of it runs in a signal handler of whatever thread faulted, on whatever stack, perhaps in a forked child. So it takes no lock and allocates
//! nothing. It calls only functions that POSIX lists as safe in signal handlers, and less than a page of stack is enough for it.

mod access;
mod handler;
mod line;
mod report;
