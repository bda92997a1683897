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
                write!(f, "{len} elements of {element} bytes do not fit the address space: look where this length comes from")
            }
            Self::Alignment { align } => write!(f, "alignment {align} is not a power of two: pass 1, 2, 4, 8, or a higher one"),
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
            Self::Memory { bytes } => write!(f, "the global allocator refused {bytes} bytes: free memory, or raise the limit of the process"),
            Self::Length { promised, found } if found > promised => {
                write!(f, "an iterator promised {promised} elements and yielded more: correct its `len`, or collect it before")
            }
            Self::Length { promised, found } => {
                write!(f, "an iterator promised {promised} elements and yielded {found}: correct its `len`, or collect it before")
            }
            Self::Format => f.write_str(
                "an implementation of `Display` or `Debug` failed: look for the type in the text that was formatted which returns `fmt::Error`",
            ),
            Self::Index { index, len } => {
                write!(f, "byte {index} of a text of {len} is not the border of a character: ask `str::is_char_boundary` before")
            }
            Self::Link(error) => error.fmt(f),
            Self::Foreign => f.write_str(
                "the bytes or the code do not lie in this arena, or the unwind table not in its module: pass a block of its own loaders"
            ),
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
                    "the transient code cannot be promoted, since memory that its lowering function leaked refers into it or has its site numbers: \
                     let it keep no block and no sites behind the loader's back",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::PageCall;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    /// One error of each kind. The function below does not compile when a kind is added that is not here.
    fn all() -> Vec<Error> {
        let mut all: Vec<Error> = PageCall::ALL
            .iter()
            .flat_map(|&call| [0, 12].map(|code| Error::Pages(PageError { call, bytes: 4096, code })))
            .collect();
        all.extend([LinkError::Foreign, LinkError::Finished, LinkError::AlreadySet].map(Error::Link));
        all.extend([
            Error::TooLarge { len: 11, element: 12 },
            Error::Alignment { align: 3 },
            Error::Exhausted { needed: 11, left: 12 },
            Error::Limit { limit: 13, needed: 11, left: 12 },
            Error::Bookkeeping { capacity: 11 },
            Error::Registry { capacity: 11 },
            Error::FaultReport { capacity: 11 },
            Error::SignalHandler { code: 11 },
            Error::Memory { bytes: 11 },
            Error::Length { promised: 11, found: 12 },
            Error::Length { promised: 11, found: 10 },
            Error::Format,
            Error::Index { index: 11, len: 12 },
            Error::Foreign,
            Error::UnwindTable { offset: 11 },
            Error::OtherArena,
            Error::Younger,
            Error::NoParent,
            Error::SideTable { needed: 11, capacity: 12 },
            Error::RefersBack,
            Error::Borrowed,
            Error::Interrupted,
            Error::Sites { asked: 11, left: 12 },
        ]);
        all
    }

    /// The place of a kind in a list, without a rest: a new kind needs one, and one in [`all`].
    fn number(error: &Error) -> usize {
        match error {
            Error::TooLarge { .. } => 0,
            Error::Alignment { .. } => 1,
            Error::Exhausted { .. } => 2,
            Error::Limit { .. } => 3,
            Error::Bookkeeping { .. } => 4,
            Error::Registry { .. } => 5,
            Error::FaultReport { .. } => 6,
            Error::SignalHandler { .. } => 7,
            Error::Pages(_) => 8,
            Error::Memory { .. } => 9,
            Error::Length { .. } => 10,
            Error::Format => 11,
            Error::Index { .. } => 12,
            Error::Link(_) => 13,
            Error::Foreign => 14,
            Error::OtherArena => 15,
            Error::Younger => 16,
            Error::NoParent => 17,
            Error::SideTable { .. } => 18,
            Error::RefersBack => 19,
            Error::Borrowed => 20,
            Error::Interrupted => 21,
            Error::Sites { .. } => 22,
            Error::UnwindTable { .. } => 23,
        }
    }

    const KINDS: usize = 24;

    /// The verbs that advice begins with.
    const VERBS: [&str; 20] = [
        "ask", "choose", "collect", "correct", "drop", "free", "go", "let", "look", "make", "open", "pass", "promote",
        "raise", "seal", "set", "show", "use", "wait", "write",
    ];

    #[test]
    fn each_error_says_what_why_and_what_to_do() {
        let all = all();
        assert!((0..KINDS).all(|kind| all.iter().any(|error| number(error) == kind)), "a kind is not shown");
        for error in &all {
            let text = error.to_string();
            let (what, advice) = text.split_once(": ").unwrap_or_else(|| panic!("no advice: {text}"));
            let verb = advice.split(' ').next().unwrap();
            assert!(VERBS.contains(&verb), "advice begins with a verb, not with `{verb}`: {text}");
            assert!(what.len() > 12 && text.len() < 260 && !text.ends_with('.'), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }

    #[test]
    fn each_number_of_an_error_is_printed() {
        for error in all() {
            let (debug, text) = (alloc::format!("{error:?}"), error.to_string());
            let numbers = debug.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() > 1);
            let missing: Vec<&str> = numbers.filter(|digits| !text.contains(digits)).collect();
            // More than promised is said as that.
            let more = matches!(error, Error::Length { promised, found } if found > promised);
            assert!(missing.is_empty() || more, "{missing:?} of {debug} are not in: {text}");
        }
    }
}
