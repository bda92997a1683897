//! [`WriteProgress`]: how far a writer has come.

use alloc::boxed::Box;

/// The part of its work that a writer is at, and how far it has come. The function that is given to
/// [`ImageWriter::progress`](crate::image::ImageWriter::progress) is told this.
///
/// ```
/// use permacode::image::{WritePhase, WriteProgress};
///
/// fn percent(progress: WriteProgress) -> usize {
///     progress.done * 100 / progress.of.max(1)
/// }
/// # let arena = permacode::CodeArena::new()?;
/// let writer = permacode::image::ImageWriter::new(&arena).progress(|progress| assert!(percent(progress) <= 100));
/// # writer.write_to(&mut Vec::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteProgress {
    /// The part.
    pub phase: WritePhase,
    /// The number of steps of it that are done.
    pub done: usize,
    /// The number of its steps, as far as it is known by now. That of [`WritePhase::Survey`] grows.
    pub of: usize,
}

/// A part of a writer's work, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WritePhase {
    /// Everything that the roots lead to is found. A step is a reference that is followed.
    Survey,
    /// It is copied to its place. A step is a value, a slice or a text.
    Copying,
    /// The digest is computed. A step is a byte.
    Digest,
    /// The file is written. A step is a byte.
    Output,
}

/// The function that is told.
#[derive(Default)]
pub(super) struct Progress<'a>(pub(super) Option<Box<dyn FnMut(WriteProgress) + 'a>>);

/// Steps between two calls.
const STEPS: usize = 1 << 14;

impl Progress<'_> {
    /// Tells now and then that so many steps are done.
    #[inline]
    pub(super) fn show(&mut self, phase: WritePhase, done: usize, of: impl FnOnce() -> usize) {
        if done % STEPS == 0 && self.0.is_some() {
            self.tell(phase, done, of());
        }
    }

    /// Tells that so many steps are done.
    pub(super) fn tell(&mut self, phase: WritePhase, done: usize, of: usize) {
        if let Some(told) = &mut self.0 {
            told(WriteProgress { phase, done, of });
        }
    }
}
