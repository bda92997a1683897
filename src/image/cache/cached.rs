//! The outcome of a look into a cache: an image in any case, and why it is not shared.

use crate::image::format::ImageError;
use crate::image::open::Image;
use core::fmt;
use core::time::Duration;

/// An image of an [`ImageCache`](crate::image::ImageCache), and where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cached {
    /// The image, checked for the types that were asked for.
    pub image: Image,
    /// The place that it comes from.
    pub outcome: CacheOutcome,
}

/// The place that an image of a cache comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheOutcome {
    /// It was in the folder.
    Found,
    /// It was built here, and is in the folder for the next one.
    Built {
        /// The reason why the file that was there before is not used. `None` if there was none.
        instead_of: Option<ImageError>,
        /// The reason why nobody was kept from building it too. `None` if others waited.
        without_lock: Option<ImageError>,
    },
    /// It was built here, in sealed memory of this process and its children. The next process builds its own, or finds the reason gone.
    NotKept(NotKept),
}

/// The reason why an image that was built is not in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotKept {
    /// The folder, or the disk, refused it: it is read-only, or full, or not there and cannot be made.
    Refused(ImageError),
    /// Another process is at it, and did not finish in time.
    Busy {
        /// The time that was waited.
        waited: Duration,
    },
}

impl fmt::Display for CacheOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found => f.write_str("the image was in the cache"),
            Self::Built { instead_of, without_lock } => {
                f.write_str("the image was built, and is in the cache now")?;
                if let Some(why) = instead_of {
                    write!(f, ", in the place of one that is not used: {why}")?;
                }
                if let Some(why) = without_lock {
                    write!(f, "; others may have built it at the same time: {why}")?;
                }
                Ok(())
            }
            Self::NotKept(why) => write!(f, "the image was built for this process alone: {why}"),
        }
    }
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "it cannot be put into the cache: {why}"),
            Self::Busy { waited } => {
                write!(f, "another process builds it, and was not done after {} ms", waited.as_millis())
            }
        }
    }
}
