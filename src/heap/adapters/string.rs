//! Text that grows on the heap, and says why it cannot.

use super::refused::Refused;
use super::room::room;
use crate::error::Error;
use crate::heap::HeapArena;
use allocator_api2::vec::Vec;
use core::fmt::{self, Write};
use core::ops::Deref;
use core::str::Utf8Error;

/// Text that grows in a [`HeapArena`]: `String`, with an [`Error`] where that would abort.
///
/// The names are std's. Those that may need memory return a `Result`, and a refused call changes nothing. Reading goes by `str`, to which it
/// derefs.
///
/// A [collector](crate::kit) looks into it. When it is done, [`Gc::from_string`](crate::Gc::from_string) makes it an object that does not change,
/// without a copy.
///
/// ```
/// use permacode::{HeapArena, HeapString};
///
/// let heap = HeapArena::new()?;
/// let mut line = HeapString::new(&heap);
/// line.push_str("x = ")?;
/// line.push_fmt(format_args!("{:.1}", 0.5))?;
/// line.push(';')?;
/// assert_eq!((&*line, line.find('=')), ("x = 0.5;", Some(2)));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'h`.
pub struct HeapString<'h> {
    /// Always UTF-8.
    bytes: Vec<u8, &'h HeapArena>,
}

impl<'h> HeapString<'h> {
    /// Makes an empty string. Costs nothing: it takes memory with its first text.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert!(HeapString::new(&heap).is_empty() && heap.stats().objects == 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(heap: &'h HeapArena) -> Self {
        Self { bytes: Vec::new_in(heap) }
    }

    /// Makes an empty string with room for so many bytes.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert!(HeapString::with_capacity(&heap, 100)?.capacity() >= 100);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn with_capacity(heap: &'h HeapArena, bytes: usize) -> Result<Self, Error> {
        let mut string = Self::new(heap);
        string.reserve(bytes)?;
        Ok(string)
    }

    /// Copies text to the heap.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert_eq!(HeapString::copy_str(&heap, "text")?, "text");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn copy_str(heap: &'h HeapArena, text: &str) -> Result<Self, Error> {
        let mut string = Self::new(heap);
        string.push_str(text)?;
        Ok(string)
    }

    /// Makes a string of a vector of bytes, which it takes over.
    ///
    /// # Errors
    ///
    /// The vector and the place of the first byte that is not UTF-8.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut bytes = HeapString::copy_str(&heap, "text")?.into_bytes();
    /// bytes[3] = 0xff;
    /// let refused = HeapString::from_utf8(bytes).expect_err("this is no text");
    /// assert_eq!((refused.error.valid_up_to(), &refused.value[..]), (3, &b"tex\xff"[..]));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn from_utf8(bytes: Vec<u8, &'h HeapArena>) -> Result<Self, Refused<Vec<u8, &'h HeapArena>, Utf8Error>> {
        match core::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err(Refused { value: bytes, error }),
        }
    }

    /// Returns the heap that the text lies in.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert!(std::ptr::eq(HeapString::new(&heap).heap(), &heap));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn heap(&self) -> &'h HeapArena {
        self.bytes.allocator()
    }

    /// Makes room for so many more bytes, so that pushing them cannot be refused.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`], and [`Error::TooLarge`]. The text is as it was.
    ///
    /// ```
    /// use permacode::{Error, HeapArena, HeapString};
    ///
    /// let heap = HeapArena::builder().limit(64 << 10).build()?;
    /// let mut text = HeapString::copy_str(&heap, "kept")?;
    /// assert!(matches!(text.reserve(1 << 20), Err(Error::Limit { .. })));
    /// assert_eq!(text, "kept");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        room!(self.bytes, additional, self.bytes.allocator())
    }

    /// Returns the bytes that the text may have before it needs more memory.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert_eq!(HeapString::new(&heap).capacity(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends text.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "to")?;
    /// text.push_str("day")?;
    /// assert_eq!(text, "today");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn push_str(&mut self, text: &str) -> Result<(), Error> {
        self.reserve(text.len())?;
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Appends a character.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::new(&heap);
    /// text.push('ß')?;
    /// assert_eq!(text, "ß");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn push(&mut self, character: char) -> Result<(), Error> {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends formatted text. `write!` does it too, but its error says nothing.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve), and [`Error::Format`] if an implementation of `Display` or its kin returns an error. The text is as it
    /// was.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::new(&heap);
    /// text.push_fmt(format_args!("{:?}", [1, 2]))?;
    /// assert_eq!(text, "[1, 2]");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn push_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<(), Error> {
        /// Remembers why a piece was refused.
        struct Pieces<'s, 'h>(&'s mut HeapString<'h>, Option<Error>);
        impl Write for Pieces<'_, '_> {
            fn write_str(&mut self, piece: &str) -> fmt::Result {
                self.0.push_str(piece).map_err(|error| {
                    self.1 = Some(error);
                    fmt::Error
                })
            }
        }
        let before = self.len();
        let mut pieces = Pieces(self, None);
        let written = pieces.write_fmt(text);
        // An implementation may hide a refusal, and go on behind it.
        let error = pieces.1.or(written.is_err().then_some(Error::Format));
        error.map_or(Ok(()), |error| {
            self.bytes.truncate(before);
            Err(error)
        })
    }

    /// Inserts text before the byte at an index.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve), and [`Error::Index`] if the index is not at the border of a character.
    ///
    /// ```
    /// # use permacode::{Error, HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "süß")?;
    /// text.insert_str(1, "ch")?;
    /// assert_eq!(text, "schüß");
    /// assert_eq!(text.insert_str(4, "x"), Err(Error::Index { index: 4, len: 7 }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn insert_str(&mut self, index: usize, text: &str) -> Result<(), Error> {
        self.border(index)?;
        self.push_str(text)?;
        self.bytes[index..].rotate_right(text.len());
        Ok(())
    }

    /// Inserts a character before the byte at an index.
    ///
    /// # Errors
    ///
    /// As for [`insert_str`](Self::insert_str).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "ad")?;
    /// text.insert(1, 'n')?;
    /// assert_eq!(text, "and");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn insert(&mut self, index: usize, character: char) -> Result<(), Error> {
        self.insert_str(index, character.encode_utf8(&mut [0; 4]))
    }

    /// Takes the last character away and returns it.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "aß")?;
    /// assert_eq!([text.pop(), text.pop(), text.pop()], [Some('ß'), Some('a'), None]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.bytes.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Shortens the text to so many bytes, if it has more.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] if the new end is in the midst of a character. The text is as it was.
    ///
    /// ```
    /// # use permacode::{Error, HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "aß")?;
    /// assert_eq!(text.truncate(2), Err(Error::Index { index: 2, len: 3 }));
    /// text.truncate(1)?;
    /// text.truncate(9)?;
    /// assert_eq!(text, "a");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn truncate(&mut self, len: usize) -> Result<(), Error> {
        if len < self.len() {
            self.border(len)?;
            self.bytes.truncate(len);
        }
        Ok(())
    }

    /// Empties the string, which keeps its memory.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "text")?;
    /// text.clear();
    /// assert!(text.is_empty() && text.capacity() >= 4);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Copies the text to another string of the same heap.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// let text = HeapString::copy_str(&heap, "text")?;
    /// assert_eq!(text.try_clone()?, text);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, Error> {
        Self::copy_str(self.heap(), self)
    }

    /// Returns the text. It derefs to it as well.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert_eq!(HeapString::copy_str(&heap, "text")?.as_str(), "text");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: the bytes are UTF-8: each change was by whole texts, at the borders of characters.
        unsafe { core::str::from_utf8_unchecked(&self.bytes) }
    }

    /// Returns the text's bytes as a vector, without a copy.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapString};
    /// let heap = HeapArena::new()?;
    /// assert_eq!(HeapString::copy_str(&heap, "text")?.into_bytes()[0], b't');
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn into_bytes(self) -> Vec<u8, &'h HeapArena> {
        self.bytes
    }

    /// The address of the buffer, which may have no text in it. Without a buffer it dangles.
    pub(crate) fn buffer(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    fn border(&self, index: usize) -> Result<(), Error> {
        let is_border = self.is_char_boundary(index);
        if is_border { Ok(()) } else { Err(Error::Index { index, len: self.len() }) }
    }
}

impl Deref for HeapString<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// The error of `write!` says nothing. [`push_fmt`](HeapString::push_fmt) says why.
impl Write for HeapString<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text).map_err(|_| fmt::Error)
    }
}
