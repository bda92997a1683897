//! What client and daemon say to each other: one request, one answer, each of a fixed size.
//!
//! ```text
//!   request   │ magic 8 │ lowest 2 │ highest 2 │ library 4 │ types 32 │ has 32 │
//!   answer    │ magic 8 │ lowest 2 │ highest 2 │ kind 4    │ digest 32 │        and a descriptor, if the kind is `Given`
//! ```
//!
//! Both say from the first version which versions they speak, so that it is settled without a message of its own. A daemon answers in the
//! highest that both know.

use permacode::image::Digest;
use std::io;
use std::ops::RangeInclusive;

/// Versions of the protocol. In version 2 a client says what it has, and is not given that again.
pub const VERSIONS: RangeInclusive<u16> = 1..=2;

const MAGIC: &[u8; 8] = b"pc-share";
pub const REQUEST: usize = 80;
pub const ANSWER: usize = 48;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub versions: RangeInclusive<u16>,
    /// The number of the library that is to be given from now on; 0 to be given one.
    pub replace: u32,
    /// The fingerprint of the client's types.
    pub types: [u8; 32],
    /// The digest of the image that the client has, or zeros.
    pub has: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The version that was settled on, alone; if there is none, all that the daemon speaks.
    pub versions: RangeInclusive<u16>,
    pub kind: Kind,
    /// The digest of the newest image.
    pub digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Neither speaks a version that the other does.
    NoVersion,
    /// Here is the image.
    Given,
    /// The client has the newest.
    Newest,
    /// There is no image of such types.
    OtherTypes,
    /// The image was replaced.
    Replaced,
    /// Only the daemon's own user and root replace images.
    Refused,
}

const KINDS: [Kind; 6] = [Kind::NoVersion, Kind::Given, Kind::Newest, Kind::OtherTypes, Kind::Replaced, Kind::Refused];

/// The highest version that both speak.
pub fn settle(one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> Option<u16> {
    let highest = *one.end().min(other.end());
    (highest >= *one.start().max(other.start())).then_some(highest)
}

impl Request {
    pub fn write(&self) -> [u8; REQUEST] {
        let mut bytes = [0; REQUEST];
        head(&mut bytes, &self.versions, self.replace);
        bytes[16..48].copy_from_slice(&self.types);
        bytes[48..].copy_from_slice(&self.has);
        bytes
    }

    pub fn read(bytes: &[u8; REQUEST]) -> io::Result<Self> {
        let (versions, replace) = read_head(bytes)?;
        Ok(Self { versions, replace, types: part(bytes, 16), has: part(bytes, 48) })
    }
}

impl Answer {
    pub fn write(&self) -> [u8; ANSWER] {
        let mut bytes = [0; ANSWER];
        let kind = KINDS.iter().position(|&kind| kind == self.kind).unwrap_or(0);
        head(&mut bytes, &self.versions, kind as u32);
        bytes[16..].copy_from_slice(self.digest.as_bytes());
        bytes
    }

    pub fn read(bytes: &[u8; ANSWER]) -> io::Result<Self> {
        let (versions, kind) = read_head(bytes)?;
        let kind = *KINDS.get(kind as usize).ok_or_else(nonsense)?;
        Ok(Self { versions, kind, digest: Digest::from_bytes(part(bytes, 16)) })
    }
}

fn head(bytes: &mut [u8], versions: &RangeInclusive<u16>, number: u32) {
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&versions.start().to_le_bytes());
    bytes[10..12].copy_from_slice(&versions.end().to_le_bytes());
    bytes[12..16].copy_from_slice(&number.to_le_bytes());
}

fn read_head(bytes: &[u8]) -> io::Result<(RangeInclusive<u16>, u32)> {
    if part(bytes, 0) != *MAGIC {
        return Err(nonsense());
    }
    let number = |at| u16::from_le_bytes(part(bytes, at));
    Ok((number(8)..=number(10), u32::from_le_bytes(part(bytes, 12))))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no message of the protocol")
}
