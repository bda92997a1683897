//! [`NotShared`]: why an image is not shared as a whole.
#![forbid(unsafe_code)]

use crate::error::PageError;
use alloc::string::String;
use core::fmt;

/// The reason why an image is not where it was written for, so that a part of it is this process's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotShared {
    /// It was [asked for](crate::code::CodeArenaBuilder::anywhere).
    Asked,
    /// Something lies there, such as the same image, opened a second time.
    WindowTaken {
        /// The first address of the window.
        window: usize,
        /// The mapping that lies there, or where the arena's further code would lie, as `/proc/self/maps` has it. `None` if that cannot be read,
        /// or if the source of pages hears no [wishes](crate::pages::PageSource::reserve_near).
        by: Option<String>,
    },
    /// It was written for an address at which images do not lie on this processor.
    NoWindow {
        /// The first address that it was written for.
        window: usize,
    },
    /// An image that this one stands on was [written for another window](crate::image::Image::rebase) than this one was.
    ParentElsewhere {
        /// The address that the first image of the chain was written for.
        parent: usize,
        /// The address that this image expects it at.
        expected: usize,
    },
    /// Pages are larger here than where the image was written. Both halves are copied.
    LargerPages {
        /// Bytes of a page here.
        here: usize,
        /// Bytes of a page there.
        there: usize,
    },
    /// The source of pages maps no files, or the system refused to map this one. Both halves are copied.
    NotMappable(PageError),
}

impl fmt::Display for NotShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked to be elsewhere"),
            Self::WindowTaken { window, by: Some(by) } => {
                write!(f, "the image was written for {window:#x}, where this lies: {by}")
            }
            Self::WindowTaken { window, by: None } => {
                write!(f, "the image was written for {window:#x}, where something else lies")
            }
            Self::NoWindow { window } => {
                write!(f, "the image was written for {window:#x}, where none lies on this processor: write it here")
            }
            Self::ParentElsewhere { parent, expected } => write!(
                f,
                "the image stands on one that was written for {parent:#x}, and expects it at {expected:#x}: write both for one window"
            ),
            Self::LargerPages { here, there } => {
                write!(f, "pages have {here} bytes here, and {there} where the image was written")
            }
            Self::NotMappable(refusal) => write!(f, "the file cannot be mapped here: {refusal}"),
        }
    }
}
