//! [`Body`]: all of a file that a check looks at.
#![forbid(unsafe_code)]

use super::image::Source;
use crate::image::format::{Header, ImageError, Index};

/// The parts of a file, with its whole index.
#[derive(Clone, Copy)]
pub(super) struct Body<'b> {
    pub(super) header: &'b Header,
    pub(super) index: &'b Index,
    pub(super) code: &'b [u8],
    pub(super) marks: &'b [u8],
}

impl<'b> Body<'b> {
    pub(super) fn of(source: &'b Source, index: &'b Index) -> Result<Self, ImageError> {
        let header = &source.header;
        let [code, marks] = source.parts([header.code_range(), header.marks_range()])?;
        Ok(Self { header, index, code, marks })
    }
}
