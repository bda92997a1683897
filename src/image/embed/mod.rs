//! An image in the file of a program: behind all that the system loads, found from the end.
//!
//! ```text
//!   0                              program      offset                        offset + len     end
//!   ├─ program, as the linker left it ┼─ zeros ──┼─ image ───────────────────────┼─ note ────────┤
//!     what the system loads             to 64 KiB  mapped by each process            40 bytes
//! ```
//!
//! Invariants:
//!
//! 1. The program's bytes are as they were. What lies behind them is of no concern to the system's loader.
//! 2. A note is believed if the file ends with it, and if what it says fits the file to the byte. So what is cut, or added to, has no image.
//! 3. The image begins with a page, whatever the size of pages is.

mod embed;
mod embedded;
mod note;

pub(in crate::image) use embedded::note_of;
