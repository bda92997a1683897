//! [`Error`]: why a call on an arena was refused.

use super::link_error::LinkError;
use super::page_error::PageError;
use core::fmt;

/// The reason why a call on an arena was refused.
///
/// Four words and `Copy`: making, passing and dropping one costs no allocation, no system call. Sizes are in bytes.
///
/// ```
/// use permacode::{CodeArena, Error};
///
/// let arena = CodeArena::builder().reservation(1 << 20).build()?;
/// let advice = match arena.load("big")?.alloc_slice_copy(&vec![0u8; 3 << 20]) {
///     Ok(_) => String::new(),
///     Err(Error::Exhausted { needed, left }) => format!("reserve {} bytes more", needed - left),
///     Err(other) => other.to_string(),
/// };
/// assert_eq!(advice, "reserve 2097152 bytes more");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The size of the block does not fit the address space: `len` elements of `element` bytes.
    TooLarge {
        /// Elements asked for.
        len: usize,
        /// Bytes of one element.
        element: usize,
    },
    /// The alignment asked for is not a power of two.
    Alignment {
        /// The alignment asked for, in bytes.
        align: usize,
    },
    /// The reservation has no room left for the block. A larger reservation is free until it is used.
    Exhausted {
        /// Bytes that the block needs, with its alignment.
        needed: usize,
        /// Bytes of the reservation that no loader has claimed yet; of a heap's, those behind the last slab in use.
        left: usize,
    },
    /// The byte limit set on the builder would be exceeded.
    Limit {
        /// The limit, in bytes: of code pages, or of a heap's live objects.
        limit: usize,
        /// Bytes that the block needs, with its alignment.
        needed: usize,
        /// Bytes below the limit that no loader has claimed yet, or no object takes.
        left: usize,
    },
    /// The arena's own records (modules, runs, names) fill the part of the reservation that is set aside for them, and code has claimed the
    /// rest. A larger reservation is free until it is used.
    Bookkeeping {
        /// Bytes that records have, those taken from code included.
        capacity: usize,
    },
    /// [`HeapArena::register`](crate::HeapArena::register) has no place for one more heap.
    Registry {
        /// Heaps that may be registered at once in a process.
        capacity: usize,
    },
    /// [`CodeArena::report_faults`](crate::CodeArena) has no place for one more arena (feature `fault-report`).
    FaultReport {
        /// Arenas that may report at once in a process.
        capacity: usize,
    },
    /// The system refused the handler of a signal that [`CodeArena::report_faults`](crate::CodeArena) needs (feature `fault-report`).
    SignalHandler {
        /// The system's error number (`errno`).
        code: i32,
    },
    /// The system refused pages.
    Pages(PageError),
    /// The global allocator refused memory that a call needs while it runs.
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// An iterator yielded fewer or more elements than its `ExactSizeIterator::len` promised.
    Length {
        /// The length that `len` promised.
        promised: usize,
        /// The elements that came; one more than promised stands for any surplus.
        found: usize,
    },
    /// An implementation of `Display` or its kin returned an error of its own, while a [`HeapString`](crate::HeapString) was to take what it writes.
    Format,
    /// A place in a text is behind its end, or in the midst of a character.
    Index {
        /// The byte's index.
        index: usize,
        /// The bytes of the text.
        len: usize,
    },
    /// A [`Link`](crate::Link) could not be set.
    Link(LinkError),
    /// The bytes given to [`CodeArena::share`](crate::CodeArena::share), or the code given to
    /// [`CodeProxy::new`](crate::handles::CodeProxy::new), do not lie in this arena. Or an unwind table does not lie in its module.
    Foreign,
    /// The lengths of an unwind table's entries do not add up to its end: four bytes of zero, and nothing behind them.
    UnwindTable {
        /// The place of the first wrong length, in bytes from the beginning of the table.
        offset: usize,
    },
    /// An argument belongs to another arena: sites to a table of another, transient code to a loader of another. Or permanent code was to refer
    /// to transient code that threads share: [promote](crate::Owned::promote) that first.
    OtherArena,
    /// Code was to refer to code of an arena that was made later. An arena keeps alive only arenas that were made before it, so that no two
    /// keep each other. Make the arena of the code that refers after the arena that it refers to, or load both into one.
    Younger,
    /// An arena was to begin with an image that stands on another one, and was not put `on` it.
    NoParent,
    /// A side table has no room for sites of such high numbers.
    SideTable {
        /// Entries that it would need.
        needed: usize,
        /// Entries that it may have.
        capacity: usize,
    },
    /// Memory outside of transient code's region refers into the region, so that a promoted copy would refer to memory that can be freed.
    /// Or it holds site numbers of the region, which other code gets when the region is gone.
    /// Only a lowering function that leaks memory of its own can bring that about.
    RefersBack,
    /// A collection met a `RefCell` that was mutably borrowed, so that it could not look into it. Nothing was freed.
    Borrowed,
    /// The marks of a heap were taken away while a collection set them: by a collection within, a sweep, or
    /// [`HeapArena::clear_marks`](crate::HeapArena::clear_marks). Or a `trace` panicked, and the closure with the roots caught it. Nothing was
    /// freed for these marks.
    Interrupted,
    /// More sites were asked for than one [`Sites`](crate::Sites) or one arena can number.
    Sites {
        /// Sites asked for.
        asked: usize,
        /// Sites that could still be given to one block.
        left: usize,
    },
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        Self::Pages(error)
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLarge { len, element } => {
                write!(f, "a block of {len} elements of {element} bytes does not fit the address space")
            }
            Self::Alignment { align } => write!(f, "alignment {align} is not a power of two"),
            Self::Exhausted { needed, left } => {
                write!(
                    f,
                    "the reservation is exhausted, {needed} bytes needed and {left} left: choose a larger `reservation`"
                )
            }
            Self::Limit { limit, needed, left } => {
                write!(
                    f,
                    "the limit of {limit} bytes is reached, {needed} bytes needed and {left} left: choose a larger `limit`"
                )
            }
            Self::Bookkeeping { capacity } => {
                write!(f, "no room for more records than {capacity} bytes: choose a larger `reservation`")
            }
            Self::Registry { capacity } => {
                write!(f, "{capacity} heaps are registered, as many as may be: drop a `Registration`")
            }
            Self::FaultReport { capacity } => {
                write!(
                    f,
                    "{capacity} arenas report faults, as many as may: drop one of them, or let this one go unreported"
                )
            }
            Self::SignalHandler { code } => {
                write!(
                    f,
                    "the system refused a handler of SIGSEGV, with error number {code}: look for a filter of system calls"
                )
            }
            Self::Pages(error) => error.fmt(f),
            Self::Memory { bytes } => write!(f, "the global allocator refused {bytes} bytes"),
            Self::Length { promised, found } if found > promised => {
                write!(f, "an iterator promised {promised} elements and yielded more")
            }
            Self::Length { promised, found } => {
                write!(f, "an iterator promised {promised} elements and yielded {found}")
            }
            Self::Format => f.write_str(
                "an implementation of `Display` or `Debug` failed: look for the type in the text that was formatted which returns `fmt::Error`",
            ),
            Self::Index { index, len } => {
                write!(f, "byte {index} of a text of {len} is not the border of a character: ask `str::is_char_boundary` before")
            }
            Self::Link(error) => error.fmt(f),
            Self::Foreign => f.write_str("the bytes or the code do not lie in this arena, or the unwind table not in its module"),
            Self::UnwindTable { offset } => write!(
                f,
                "the unwind table is wrong at byte {offset}: let its entries follow each other, and four bytes of zero end it"
            ),
            Self::OtherArena => {
                f.write_str(
                    "an argument belongs to another arena, or permanent code was to refer to transient code: use a table and a loader of the \
                     same arena, and promote code that threads share first",
                )
            }
            Self::NoParent => f.write_str("the image stands on another one: open that, and put this one `on` it"),
            Self::Younger => {
                f.write_str(
                    "the code lies in an arena that was made after the arena that is to refer to it, and an arena keeps only older ones: make the \
                     referring arena later, or load both modules into one",
                )
            }
            Self::RefersBack => {
                f.write_str(
                    "the transient code cannot be promoted, since memory that its lowering function leaked refers into it or has its site numbers",
                )
            }
            Self::SideTable { needed, capacity } => {
                write!(
                    f,
                    "the side table needs {needed} entries and has room for {capacity}: choose a larger `capacity`"
                )
            }
            Self::Borrowed => f.write_str(
                "a collection met a `RefCell` that is mutably borrowed: collect where no borrow of an object is held",
            ),
            Self::Interrupted => f.write_str(
                "a collection was interrupted, since the heap's marks were taken away or a `trace` panicked: let the closure with the roots only trace",
            ),
            Self::Sites { asked, left } => {
                write!(f, "{asked} sites were asked for, and one block can have {left}: use several ranges, or another arena")
            }
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Pages(error) => Some(error),
            Self::Link(error) => Some(error),
            _ => None,
        }
    }
}
