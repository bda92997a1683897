//! An image in memory, part by part, on its way out.

use super::copy::Copying;
use super::footing::Footing;
use super::layout::{Layout, PAGE};
use super::overlay::Overlay;
use super::progress::{Progress, WritePhase};
use super::survey::Survey;
use super::writer::WriteReport;
use crate::base::page::PageSize;
use crate::code::CodeArena;
use crate::code::value::Sites;
use crate::image::format::{
    self, Contents, Digest, Header, ImageError, Index, LONGEST_VERSION, ModuleEntry, NameTable, Root, TypeEntry, filled,
};
use crate::image::shape::{Fingerprint, Shape};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::io::{self, Write};

/// An image, part by part.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) header: Header,
    pub(super) index: Vec<u8>,
    pub(super) code: Vec<u8>,
    pub(super) marks: Vec<u8>,
}

impl Built {
    /// Surveys what roots lead to, lays it out and copies it.
    ///
    /// # Safety
    ///
    /// The roots are values of their types, and live for as long as the arena is borrowed.
    pub(super) unsafe fn new(
        arena: &CodeArena,
        (footing, page): (Footing, PageSize),
        version: &str,
        roots: &BTreeMap<String, (*const u8, &'static Shape)>,
        window: Option<usize>,
        progress: &mut Progress<'_>,
    ) -> Result<(Self, WriteReport), ImageError> {
        if version.len() > LONGEST_VERSION {
            return Err(ImageError::Version { bytes: version.len(), most: LONGEST_VERSION });
        }
        let mut survey = Survey::new(arena, footing);
        let mut pieces = Vec::new();
        for (name, &(at, shape)) in roots {
            // SAFETY: the caller's promise.
            let piece = unsafe { survey.root(at, shape, progress) }?;
            pieces.push((name, piece, (at, shape)));
        }
        let root_types: Vec<u32> = pieces.iter().map(|&(_, _, (_, shape))| survey.number_of(shape)).collect();
        if let Some(shape) = survey.types.iter().find(|shape| shape.align() > PAGE) {
            return Err(ImageError::Alignment { of: shape.name(), align: shape.align() });
        }
        let overlay = Overlay::new(&survey)?;
        survey.forget_places();
        let layout = Layout::new(&survey, &overlay, page)?;
        let place = |piece: u32| layout.places.get(piece as usize).map(|place| footing.below + place);
        let roots = pieces.into_iter().zip(root_types).map(|((name, piece, (at, _)), of)| Root {
            name: name.clone(),
            of,
            // Of a root without bytes any place will do.
            at: piece.and_then(place).or_else(|| footing.place(at.addr())).unwrap_or(0),
        });
        let aligned_types =
            layout.aligned_types.iter().map(|&(of, align)| type_entry(survey.types[of as usize], align));
        let index = Index {
            version: version.to_owned(),
            types: survey.types.iter().map(|&shape| type_entry(shape, 0)).chain(aligned_types).collect(),
            modules: survey.modules.iter().map(|&name| ModuleEntry { name: name.to_owned() }).collect(),
            roots: roots.collect(),
            runs: layout.runs.clone(),
            names: names(&survey, &layout),
        }
        .write();
        let mut header = Header {
            page: page.bytes(),
            index: index.len(),
            linked: layout.linked,
            leaf: layout.leaf,
            window: footing.base + footing.below,
            below: footing.below,
            parent: footing.parent,
            sites: survey.sites,
            tag: 0,
            digest: Digest::from_bytes([0; 32]),
        };
        header.fits()?;
        let (mut code, mut marks) = (filled(0, header.code())?, filled(0, header.marks_range().len())?);
        // SAFETY: the caller's promise.
        let sites = unsafe { Copying::new(&survey, &overlay, &layout, &mut code, &mut marks).all(progress) }?;
        // The tag of a chain is that of its lowest image: a function of its tables, so of the names, types and sizes of all that is in it.
        let [low, high, ..] = *blake3::hash(&index).as_bytes();
        header.tag = Sites::set_tags(&mut code, &sites, footing.tag.unwrap_or(u16::from_le_bytes([low, high])));
        let (linked, leaf) = code.split_at(layout.linked);
        let all = header.len();
        let below = (footing.parent, footing.below);
        let sites = (header.sites, header.tag);
        header.digest = Contents { index: &index, linked, leaf, marks: &marks, base: 0, below, sites }
            .digest(|done| progress.show(WritePhase::Digest, done, || all));
        if footing.parent.is_none() {
            header.window = match window {
                Some(window) => format::chosen(window, header.code())?,
                None => format::slot(&header.digest, header.code())?,
            };
        }
        format::move_marked(&mut code, &marks, header.base());
        let report = WriteReport {
            bytes: header.len(),
            blocks: overlay.blocks.len(),
            copied: survey.copied,
            references: survey.references,
            unset_links: survey.unset,
            sites: survey.sites,
            digest: header.digest,
        };
        Ok((Self { header, index, code, marks }, report))
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> usize {
        self.header.len()
    }

    pub(super) fn write_to(&self, file: &mut impl Write, progress: &mut Progress<'_>) -> io::Result<()> {
        let zeros = alloc::vec![0; self.header.code_range().start - self.header.index_range().end];
        let mut done = 0;
        for part in [&self.header.write(), &self.index, &zeros, &self.code, &self.marks] {
            for chunk in part.chunks(CHUNK) {
                file.write_all(chunk)?;
                done += chunk.len();
                progress.tell(WritePhase::Output, done, self.bytes());
            }
        }
        file.flush()
    }
}

/// Bytes that are written at a time.
const CHUNK: usize = 1 << 20;

/// The names of the arena that go into the image.
fn names(survey: &Survey<'_>, layout: &Layout) -> NameTable {
    let mut names: Vec<_> = survey.names().map(|(piece, text)| (text, layout.places[piece])).collect();
    names.sort_unstable();
    names.dedup_by_key(|(text, _)| *text);
    NameTable::new(&names)
}

fn type_entry(shape: &'static Shape, align: usize) -> TypeEntry {
    let (name, layout) = (shape.name().to_owned(), shape.to_string());
    TypeEntry { name, layout, fingerprint: Fingerprint::of_shape(shape), size: shape.size(), align }
}
