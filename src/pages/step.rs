//! The steps in the life of a page.

use crate::error::{PageCall, PageError};

/// A step in the life of whole pages, which a [`PageSource`](super::PageSource) [takes](super::PageSource::apply).
///
/// Each variant says what the step does, what its caller promises besides (*Safety*), and what a refusal may leave behind (*Refused*).
/// A source answers a step that it does not have with [`refuse`](Self::refuse).
///
/// ```
/// use permacode::error::PageCall;
/// use permacode::pages::Step;
///
/// let refused = Step::Huge { sealed: false }.refuse(2 << 20).unwrap_err();
/// assert_eq!((refused.call, refused.bytes), (PageCall::Huge, 2 << 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Makes the range readable and writable. Once for each run of code pages, for each part of an arena's records, of a heap or of a table.
    ///
    /// It reads as zeros where nothing was written. It may be taken again on committed pages, even while other threads read and write there,
    /// and keeps what they hold. Pages that a refused [`Discard`](Self::Discard) or a [`Decommit`](Self::Decommit) took access from have it
    /// again, and hold whatever the refusal left, or zeros.
    ///
    /// *Safety:* no page of it is sealed. *Refused:* memory or mappings are exhausted or limited; a part of the range may have become writable.
    Commit,
    /// Gives committed pages their physical memory now instead of at their first touch. Their contents do not change. Asked for by
    /// [`CodeArenaBuilder::prefault`](crate::code::CodeArenaBuilder::prefault) alone.
    ///
    /// *Safety:* all pages are committed, and none is sealed. *Refused:* memory is exhausted; the range stays committed.
    Populate,
    /// Makes the range read-only for good. Once for each stretch of pages that is sealed.
    ///
    /// It leaves the bytes as they are, whether it succeeds or not. It may be taken again on sealed and on half-sealed pages, also by two
    /// threads at once.
    ///
    /// *Safety:* all pages are committed, and nobody writes there from now on. *Refused:* the system refuses to split a mapping
    /// (`vm.max_map_count`) or refuses outright; a part of the range may have lost its write permission.
    Seal,
    /// Makes the range read-only and executable for good, and the processor's instruction cache see its bytes.
    ///
    /// *Safety* and *Refused:* as for [`Seal`](Self::Seal). A hardened system refuses outright.
    SealExecutable,
    /// Puts memory that nobody can change, with the same bytes, in the place of sealed pages. Whoever reads there meanwhile reads these bytes.
    /// Asked for by [`CodeArena::harden`](crate::CodeArena::harden) and seals above protection, once for each stretch of pages.
    ///
    /// *Safety:* all pages are sealed. *Refused:* the pages are sealed as before.
    Replace {
        /// `true` if the pages are executable, and stay so.
        executable: bool,
    },
    /// Puts pages of a file in the place of reserved ones: read-only for good, and shared with every process that maps them. Asked for when an
    /// arena begins with an [image](crate::image).
    ///
    /// *Safety:* nobody refers to the range. The descriptor is open, and the file has so many bytes from the offset on. None of them changes or
    /// goes away while they are mapped. *Refused:* the file cannot be mapped there; the range has no access, as before.
    MapFile {
        /// The descriptor of a file that can be read.
        file: i32,
        /// Bytes in front of the range in the file, whole pages of the system.
        offset: u64,
    },
    /// Forbids every change of the mapping of sealed pages: they cannot be released any more. Asked for by
    /// [`CodeArena::harden_forever`](crate::CodeArena::harden_forever) alone, once for each stretch of pages.
    ///
    /// *Safety:* all pages are sealed, and their reservation is never released. *Refused:* the pages are as before.
    Fix,
    /// Asks that the range lie on huge pages: what is committed, at its first touch; what is sealed, now. Asked for where a builder's choice
    /// says so.
    ///
    /// *Safety:* all pages are committed, or all are sealed. *Refused:* the system has none to give; nothing changes.
    Huge {
        /// `true` if the pages are sealed.
        sealed: bool,
    },
    /// Asks the system to keep the range on small pages, even where it uses huge ones unasked. It takes an earlier wish
    /// for [huge](Self::Huge) ones back. A heap asks for it when it grows, and before it gives a part of a huge page
    /// back. Otherwise the system would make one again. A source that never uses huge pages unasked has nothing to do.
    ///
    /// *Safety:* no page of it is sealed. *Refused:* nothing changes.
    Plain,
    /// Gives the memory of the range back and takes its access away; the address space stays reserved. At its next commit it reads as zeros.
    /// Asked for when a commit of code pages or of a side table was refused; it may be taken on pages whose commit failed.
    ///
    /// *Safety:* no page of it is sealed, and nobody holds a reference into it. *Refused:* the system refuses to split a mapping; the range may
    /// keep its access.
    Decommit,
    /// Gives the memory of the range back and keeps its access: it reads as zeros from now on. Asked for by heaps and side tables, when they are
    /// trimmed or reset, and by heaps on their own. A [`Decommit`](Self::Decommit) and then a [`Commit`](Self::Commit) do the same.
    ///
    /// *Safety:* all pages are committed, none is sealed, and nobody relies on their contents. *Refused:* the contents
    /// of the range are unspecified, and a part of it may have lost its access. Its owner commits it before it is used
    /// again.
    Discard,
}

impl Step {
    /// Returns the call that a refusal of this step names.
    pub const fn call(self) -> PageCall {
        match self {
            Self::Commit => PageCall::Commit,
            Self::Populate => PageCall::Populate,
            Self::Seal => PageCall::Seal,
            Self::SealExecutable => PageCall::SealExecutable,
            Self::Replace { .. } => PageCall::Replace,
            Self::MapFile { .. } => PageCall::MapFile,
            Self::Fix => PageCall::Fix,
            Self::Huge { .. } => PageCall::Huge,
            Self::Plain => PageCall::Plain,
            Self::Decommit => PageCall::Decommit,
            Self::Discard => PageCall::Discard,
        }
    }

    /// Returns the refusal of this step for so many bytes, without an error number: the answer of a source that does not have it.
    ///
    /// # Errors
    ///
    /// Always.
    pub const fn refuse(self, bytes: usize) -> Result<(), PageError> {
        Err(PageError { call: self.call(), bytes, code: 0 })
    }
}
