//! One number for the contents of an image, whatever window they are written for.
//!
//! ```text
//!   linked ──┬─▶ ┐
//!      marks ┘   │   each marked word less the address of the first byte of the chain
//!   leaf ──────▶ ├─ blake3 ─▶ digest
//!   marks ─────▶ │
//!   index ─────▶ │
//!   sizes, parent┘
//! ```

use super::{WORD, copy_moved};
use core::fmt;
use core::str::FromStr;

/// A digest of the contents of an image: its index and its code, as if written for address zero.
///
/// Two images with equal digests hold the same values, for whatever window they are written. It is blake3, which no adversary can steer. So a
/// program that knows the digest of its own image needs to trust nobody else.
///
/// ```
/// use permacode::{CodeArena, image::ImageWriter};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let (one, two) = (loader.alloc(1u32)?, loader.alloc(2u32)?);
/// loader.seal()?;
/// let digest = |number| ImageWriter::new(&arena).root("number", number)?.write_to(&mut Vec::new()).map(|report| report.digest);
/// assert_eq!(digest(one)?, digest(one)?);
/// assert_ne!(digest(one)?, digest(two)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of no image.
    pub(super) const NONE: Self = Self([0; 32]);

    /// Returns the digest with these bytes, to compare with one that was kept.
    ///
    /// ```
    /// use permacode::image::Digest;
    ///
    /// let digest = Digest::from_bytes([1; 32]);
    /// assert_eq!(digest.as_bytes(), &[1; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    ///
    /// ```
    /// assert_eq!(permacode::image::Digest::from_bytes([7; 32]).as_bytes()[31], 7);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Bytes of the linked half that are hashed at a time, out of a copy that stays in the nearest caches.
pub(in crate::image) const STEP: usize = 64 << 10;
/// Bytes that are hashed at a time where they lie: the more, the more of the hash is done side by side.
const LONG_STEP: usize = 1 << 20;

/// The parts of an image.
#[derive(Clone, Copy)]
pub(in crate::image) struct Contents<'b> {
    pub(in crate::image) index: &'b [u8],
    pub(in crate::image) linked: &'b [u8],
    pub(in crate::image) leaf: &'b [u8],
    pub(in crate::image) marks: &'b [u8],
    /// The address that the linked half is written for: of its own first byte, or of the first byte of the images below.
    pub(in crate::image) base: usize,
    /// The image that it stands on, and the bytes of code below it.
    pub(in crate::image) below: (Option<Digest>, usize),
    /// The number of its sites, and their tag.
    pub(in crate::image) sites: (u64, u16),
}

impl Contents<'_> {
    /// The digest of the parts. `show` is told now and then of how many bytes it is by now.
    ///
    /// The halves come first: they are whole pages, and the hash is fast where its steps lie at multiples of their own size. The sizes of all
    /// parts come last, so none can be taken for another.
    pub(in crate::image) fn digest(&self, mut show: impl FnMut(usize)) -> Digest {
        let Self { index, linked, leaf, marks, base, below, sites } = *self;
        let (mut hashing, mut buffer, mut done) = (Hashing::default(), [0; STEP], 0);
        let mut add = |bytes: &[u8]| {
            hashing.add(bytes);
            done += bytes.len();
            show(done);
        };
        for (chunk, marks) in linked.chunks(STEP).zip(marks.chunks(STEP / WORD / 8)) {
            if base == 0 {
                add(chunk);
                continue;
            }
            let copy = &mut buffer[..chunk.len()];
            copy_moved(copy, chunk, marks, base.wrapping_neg());
            add(copy);
        }
        [leaf, marks, index].into_iter().flat_map(|part| part.chunks(LONG_STEP)).for_each(add);
        hashing.finish([index, linked, leaf, marks].map(<[u8]>::len), sites, below)
    }
}

/// The digest of parts that come one by one: the linked half as if written for address zero, the leaf half, the marks, the index.
#[derive(Default)]
pub(in crate::image) struct Hashing(blake3::Hasher);

impl Hashing {
    /// Goes on with the next bytes. It is fast with as many as [`STEP`].
    pub(in crate::image) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest, by the sizes of index, linked half, leaf half and marks, and what else [`Contents`] has.
    pub(in crate::image) fn finish(
        mut self,
        sizes: [usize; 4],
        sites: (u64, u16),
        below: (Option<Digest>, usize),
    ) -> Digest {
        sizes.into_iter().for_each(|size| self.add(&(size as u64).to_ne_bytes()));
        [sites.0, sites.1.into()].into_iter().for_each(|number| self.add(&number.to_ne_bytes()));
        if let (Some(parent), below) = below {
            self.add(parent.as_bytes());
            self.add(&(below as u64).to_ne_bytes());
        }
        Digest(*self.0.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads what `Display` writes, as a program keeps it: in its settings, or beside a file.
///
/// ```
/// use permacode::image::Digest;
///
/// let digest = Digest::from_bytes([0xa7; 32]);
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// assert_eq!(
///     "a7".parse::<Digest>().unwrap_err().to_string(),
///     "this is no digest of an image: it must have 64 hexadecimal digits, and nothing else"
/// );
/// ```
impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return Err(ParseDigestError(()));
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            for &digit in pair {
                let digit = char::from(digit).to_digit(16).ok_or(ParseDigestError(()))?;
                *byte = *byte << 4 | digit as u8;
            }
        }
        Ok(Self(bytes))
    }
}

/// A text that is no [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDigestError(());

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no digest of an image: it must have 64 hexadecimal digits, and nothing else")
    }
}

impl core::error::Error for ParseDigestError {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::is_marked;
    use super::*;
    use alloc::vec;

    #[test]
    fn a_digest_is_read_as_it_is_written_and_nothing_else_is() {
        let digest = Digest(core::array::from_fn(|at| (at * 9) as u8));
        let text = alloc::format!("{digest}");
        assert_eq!((text.parse(), text.to_uppercase().parse()), (Ok(digest), Ok(digest)));
        let long = alloc::format!("{text}00");
        let (sign, wide) = (text.replacen("00", "+1", 1), text.replacen("00", "\u{e9}", 1));
        for wrong in [
            "",
            "00",
            &text[1..],
            &text[2..],
            &long,
            &sign,
            &wide,
            &text.replacen('0', " ", 1),
            &text.replacen('0', "g", 1),
        ] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError(())), "{wrong:?}");
        }
    }

    #[test]
    fn the_digest_of_contents_does_not_depend_on_their_window() {
        let mut linked = vec![0u8; 3 * STEP];
        let mut marks = vec![0u8; linked.len() / WORD / 8];
        for word in [0, 1, 7, 2047, 2048, 5000, 3 * STEP / WORD - 1] {
            marks[word / 8] |= 1 << (word % 8);
            linked[word * WORD..][..WORD].copy_from_slice(&(word * 100).to_ne_bytes());
        }
        let mut moved = linked.clone();
        for word in (0..linked.len() / WORD).filter(|&word| is_marked(&marks, word)) {
            moved[word * WORD..][..WORD].copy_from_slice(&(word * 100 + 0x4000_0000).to_ne_bytes());
        }
        let contents = |index: &[u8], linked: &[u8], leaf: &[u8], base| {
            Contents { index, linked, leaf, marks: &marks, base, below: (None, 0), sites: (0, 0) }.digest(|_| ())
        };
        let at_zero = contents(b"index", &linked, b"leaf", 0);
        assert_eq!(contents(b"index", &moved, b"leaf", 0x4000_0000), at_zero);
        assert_ne!(contents(b"index", &moved, b"leaf", 0), at_zero);
        assert_ne!(contents(b"indes", &linked, b"leaf", 0), at_zero);
        assert_ne!(contents(b"index", &linked, b"leag", 0), at_zero);
        let below = |below| Contents {
            index: b"index",
            linked: &linked,
            leaf: b"leaf",
            marks: &marks,
            base: 0,
            below,
            sites: (0, 0),
        };
        assert_ne!(below((Some(at_zero), 4096)).digest(|_| ()), at_zero);
        assert_ne!(below((Some(at_zero), 4096)).digest(|_| ()), below((Some(at_zero), 8192)).digest(|_| ()));
        // A byte that goes from one part to another.
        assert_ne!(contents(b"ndex", &linked, b"leaf", 0), contents(b"dex", &linked, b"leaf", 0));
        linked[64] ^= 1;
        assert_ne!(contents(b"index", &linked, b"leaf", 0), at_zero);
    }
}
