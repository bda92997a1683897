//! [`PageCall`] and [`PageError`]: what the system refused.

use core::fmt;

/// The call that the system refused, of those of a [`PageSource`](crate::pages::PageSource), which says what each does.
/// One byte, `Copy`.
///
/// ```
/// use permacode::{CodeArena, Error};
/// use permacode::error::PageCall;
/// use permacode::testing::Pages;
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
    /// A memory file, for the level [`SealedFile`](crate::code::Protection::SealedFile).
    CreateFile,
    /// The pages' bytes written to it.
    WriteFile,
    /// Its seals, after which nobody can change it.
    SealFile,
    /// The file put in the place of the pages.
    Replace,
    /// A file mapped, for an arena that begins with an [image](crate::image).
    MapFile,
    /// The mapping fixed, for the level [`Fixed`](crate::code::Protection::Fixed).
    Fix,
    /// Huge pages.
    Huge,
    /// Small pages alone.
    Plain,
    /// Memory and access given back, the address space kept.
    Decommit,
    /// Memory given back, access and address space kept.
    Discard,
    /// The question how much is in physical memory.
    Resident,
    /// A name for mappings, which [`NamedPages`](crate::pages::NamedPages) give.
    Name,
    /// The address space given back.
    Release,
}

/// The system refused a call on pages. A [`PageSource`](crate::pages::PageSource) makes it; an arena hands it on as
/// [`Error::Pages`](crate::Error::Pages).
///
/// 16 bytes, `Copy`: making one costs no allocation, printing one with an error number a look-up of the system's text.
///
/// ```
/// use permacode::error::{PageCall, PageError};
///
/// let refused = PageError { call: PageCall::Seal, bytes: 8192, code: 0 };
/// assert_eq!(
///     refused.to_string(),
///     "the system refused to make pages read-only (8192 bytes): seal more at once, or raise `vm.max_map_count`"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageError {
    /// The call that was refused.
    pub call: PageCall,
    /// For how many bytes.
    pub bytes: usize,
    /// The system's error number (`errno`), 0 where it gave none.
    pub code: i32,
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
            Self::MapFile => "map a file",
            Self::Fix => "fix a mapping for ever",
            Self::Huge => "use huge pages",
            Self::Plain => "use small pages alone",
            Self::Decommit => "give pages back",
            Self::Discard => "give memory back",
            Self::Resident => "say what is resident",
            Self::Name => "name pages",
            Self::Release => "release address space",
        })
    }
}

impl PageCall {
    /// All of them.
    pub(crate) const ALL: [Self; 18] = [
        Self::Reserve,
        Self::Commit,
        Self::Populate,
        Self::Seal,
        Self::SealExecutable,
        Self::CreateFile,
        Self::WriteFile,
        Self::SealFile,
        Self::Replace,
        Self::MapFile,
        Self::Fix,
        Self::Huge,
        Self::Plain,
        Self::Decommit,
        Self::Discard,
        Self::Resident,
        Self::Name,
        Self::Release,
    ];

    /// Returns the advice to who was refused the call.
    fn advice(self) -> &'static str {
        match self {
            Self::Reserve => "choose a smaller `reservation`, or raise the limit of address space (`ulimit -v`)",
            Self::Commit | Self::Populate => {
                "free memory, or raise the limit of the process (`ulimit -v`) or of its container"
            }
            Self::Seal => "seal more at once, or raise `vm.max_map_count`",
            Self::SealExecutable => "seal more at once, or look for a policy that forbids executable memory",
            Self::CreateFile | Self::WriteFile | Self::SealFile | Self::Replace => {
                "choose a lower level of `protection`, or raise the limits of files and memory"
            }
            Self::MapFile => "look whether the image can be read, or load the modules in its place",
            Self::Fix => "choose a lower level of `protection`, or a kernel that has `mseal`",
            Self::Huge | Self::Plain => "go on without, since huge pages save time alone",
            Self::Decommit | Self::Discard | Self::Release => {
                "raise `vm.max_map_count`, since the memory stays with the process"
            }
            Self::Resident => "go on without the number",
            Self::Name => "go on without the name, or run a kernel that has `CONFIG_ANON_VMA_NAME`",
        }
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system refused to {} ({} bytes", self.call, self.bytes)?;
        match self.code {
            0 => f.write_str(")")?,
            #[cfg(feature = "std")]
            code => write!(f, ", {})", std::io::Error::from_raw_os_error(code))?,
            #[cfg(not(feature = "std"))]
            code => write!(f, ", error number {code})")?,
        }
        write!(f, ": {}", self.call.advice())
    }
}

impl core::error::Error for PageError {}
