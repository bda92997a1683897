//! What can go wrong, as values: every failure says what was asked for and why it was refused.
//!
//! No call of the crate panics, prints or aborts on bad input or on a system that refuses (invariant 6); the one exception is told in
//! `pages/memory_file.rs`. After an `Err` nothing is lost and the arena works on.

use core::fmt;

/// Why a call on an arena was refused.
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
        /// Bytes that records have, those taken from code included; of [`HeapArena::register`](crate::HeapArena::register), heaps.
        capacity: usize,
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
        /// What `len` said.
        promised: usize,
        /// How many came; one more than promised stands for any surplus.
        found: usize,
    },
    /// A [`Link`](crate::Link) could not be set.
    Link(LinkError),
    /// The bytes given to [`CodeArena::share`](crate::CodeArena::share) do not lie in this arena.
    Foreign,
    /// What was given belongs to another arena: sites to a table of another, transient code to a loader of another.
    OtherArena,
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
    /// More sites were asked for than one [`Sites`](crate::Sites) or one arena can number.
    Sites {
        /// Sites asked for.
        asked: usize,
        /// Sites that could still be given to one block.
        left: usize,
    },
}

/// Why a [`Link`](crate::Link) was not set. The link is as it was. One byte, `Copy`.
///
/// ```
/// use permacode::{CodeArena, Error, Link, LinkError};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let (link, one): (&Link<'_, u32>, _) = (loader.alloc(Link::unset())?, loader.alloc(1)?);
/// loader.finish();
/// let late = arena.load("late")?;
/// assert_eq!(late.link(link, one), Err(Error::Link(LinkError::Finished)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The link does not lie in a block of this loader: it is another loader's, another arena's, or on the stack.
    Foreign,
    /// The link lies in a module that is finished, so nothing may write there any more.
    Finished,
    /// The link was set before. A link is set once.
    AlreadySet,
}

/// What was asked of the system when it refused: the calls of a [`PageSource`](crate::pages::PageSource), which says what each
/// does. One byte, `Copy`.
///
/// ```
/// use permacode::{CodeArena, Error, PageCall, testing::Pages};
///
/// let pages = Pages::ordinary(); // feature `testing`
/// let arena = CodeArena::builder().pages(pages.clone()).build()?;
/// pages.fail_call(PageCall::Commit, 0);
/// let refused = arena.load("m")?.alloc_slice_copy(&[1u8; 20_000]);
/// assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageCall {
    /// Address space without access.
    Reserve,
    /// Write permission for pages that never had any.
    Commit,
    /// Physical memory for committed pages, ahead of their first touch.
    Populate,
    /// The final, read-only protection.
    Seal,
    /// The final protection of code that the processor executes: read and execute.
    SealExecutable,
    /// A memory file, for the level [`SealedFile`](crate::Protection::SealedFile).
    CreateFile,
    /// The pages' bytes written to it.
    WriteFile,
    /// Its seals, after which nobody can change it.
    SealFile,
    /// The file put in the place of the pages.
    Replace,
    /// The mapping fixed, for the level [`Fixed`](crate::Protection::Fixed).
    Fix,
    /// Huge pages.
    Huge,
    /// Small pages alone.
    Plain,
    /// Memory and access given back, the address space kept.
    Decommit,
    /// Memory given back, access and address space kept.
    Discard,
    /// How much is in physical memory.
    Resident,
    /// The address space given back.
    Release,
}

/// The system refused a call on pages. A [`PageSource`](crate::pages::PageSource) makes it; an arena hands it on as
/// [`Error::Pages`].
///
/// 16 bytes, `Copy`: making one costs no allocation, printing one with an error number a look-up of the system's text.
///
/// ```
/// use permacode::{PageCall, PageError};
///
/// let refused = PageError { call: PageCall::Seal, bytes: 8192, code: 0 };
/// assert_eq!(refused.to_string(), "the system refused to make pages read-only (8192 bytes)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageError {
    /// What was asked.
    pub call: PageCall,
    /// For how many bytes.
    pub bytes: usize,
    /// The system's error number (`errno`), 0 where it gave none.
    pub code: i32,
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
                write!(f, "the reservation is exhausted: {needed} bytes needed, {left} left unclaimed")
            }
            Self::Limit { limit, needed, left } => {
                write!(f, "the limit of {limit} bytes would be exceeded: {needed} bytes needed, {left} left unclaimed")
            }
            Self::Bookkeeping { capacity } => {
                write!(f, "records fill what is set aside for them: {capacity} bytes, or heaps that are registered")
            }
            Self::Pages(error) => error.fmt(f),
            Self::Memory { bytes } => write!(f, "the global allocator refused {bytes} bytes"),
            Self::Length { promised, found } if found > promised => {
                write!(f, "an iterator promised {promised} elements and yielded more")
            }
            Self::Length { promised, found } => {
                write!(f, "an iterator promised {promised} elements and yielded {found}")
            }
            Self::Link(error) => error.fmt(f),
            Self::Foreign => f.write_str("the bytes do not lie in this arena"),
            Self::OtherArena => f.write_str("what was given belongs to another arena"),
            Self::RefersBack => f.write_str("leaked memory refers into the transient code, which cannot be promoted"),
            Self::SideTable { needed, capacity } => {
                write!(f, "the side table would need {needed} entries and may have {capacity}")
            }
            Self::Sites { asked, left } => write!(f, "{asked} sites asked for, {left} can be given"),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the link does not lie in a block of this loader",
            Self::Finished => "the link lies in a finished module",
            Self::AlreadySet => "the link is already set",
        })
    }
}

impl fmt::Display for PageCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserve => "reserve address space",
            Self::Commit => "make pages writable",
            Self::Populate => "populate pages",
            Self::Seal => "make pages read-only",
            Self::SealExecutable => "make pages executable",
            Self::CreateFile => "create a memory file",
            Self::WriteFile => "write to a memory file",
            Self::SealFile => "seal a memory file",
            Self::Replace => "put a sealed memory file in the place of pages",
            Self::Fix => "fix a mapping for ever",
            Self::Huge => "use huge pages",
            Self::Plain => "use small pages alone",
            Self::Decommit => "give pages back",
            Self::Discard => "give memory back",
            Self::Resident => "say what is resident",
            Self::Release => "release address space",
        })
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system refused to {} ({} bytes)", self.call, self.bytes)?;
        match self.code {
            0 => Ok(()),
            code => write!(f, ": {}", std::io::Error::from_raw_os_error(code)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pages(error) => Some(error),
            Self::Link(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for LinkError {}

impl std::error::Error for PageError {}
