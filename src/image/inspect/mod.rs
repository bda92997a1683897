//! An image as data: all that its file says of itself, for tools and logs. Without unsafe code, and without the program's types.
//!
//! ```text
//!   Inspection ─┬ header     version, digest, window, parent, sites
//!               ├ sections   header │ index │ linked │ leaf │ marks      what takes the space
//!               ├ types      name, size, fingerprint ─ fields: name, type, place
//!               ├ modules    name, bytes
//!               ├ roots      name, type, place
//!               ├ runs       type, module, place, number of values
//!               ├ code       bytes, as if written for address zero, and which words are references
//!               └ verify     the digest, and the structure
//! ```
//!
//! The file is read, and not mapped. So nobody is trusted: a file that changes or ends meanwhile is an error, or another answer.
//!
//! ```text
//!   inspection   what is in a file, and where
//!   code         bytes of its code, and its names
//!   parts        what is said of each type, module, root, run
//!   layout       the fields of a type, from the text that describes it
//!   verify       what can be proved of a file without its types: one pass
//!   part_file    bytes of a file from an offset on
//! ```
#![forbid(unsafe_code)]

mod code;
mod inspection;
mod layout;
mod part_file;
mod parts;
mod verify;

pub use inspection::Inspection;
pub use parts::{CodePart, FieldInfo, ModuleInfo, RootInfo, RunInfo, Section, SectionKind, TypeInfo, VariantInfo};
