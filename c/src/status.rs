//! Failures as C sees them: a code, and a message that the thread keeps.

use permacode::Error;
use permacode::image::ImageError;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::fmt::{self, Display, Write};

/// `permacode_status`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing failed.
    Ok = 0,
    /// An argument has no meaning.
    Argument = 1,
    /// A reservation or a limit is reached.
    Full = 2,
    /// The system refused.
    Refused = 3,
    /// A table of the process is full.
    TooMany = 4,
    /// An image cannot be used like this.
    Image = 5,
}

/// Bytes of a message, with the zero byte at its end. Paths and names of types are the longest words in one.
const ROOM: usize = 1024;

/// Text that ends with a zero byte, in memory of its own: a failure may be that there is no memory. What does not fit is cut.
struct Message {
    bytes: [u8; ROOM],
    len: usize,
}

impl Message {
    const EMPTY: Self = Self { bytes: [0; ROOM], len: 0 };
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // A zero byte would be its end.
            let shown = if character == '\0' { '?' } else { character };
            // The last byte stays zero.
            let Some(place) = self.bytes[..ROOM - 1].get_mut(self.len..self.len + shown.len_utf8()) else {
                return Ok(());
            };
            self.len += shown.encode_utf8(place).len();
        }
        Ok(())
    }
}

std::thread_local! {
    /// The message of the last call that failed. Borrowed while it is written, by text that calls nobody back.
    static LAST: RefCell<Message> = const { RefCell::new(Message::EMPTY) };
}

/// A failure. Its message is the thread's [last](LAST) from the moment when it is made.
pub(crate) struct Failure(Status);

impl Failure {
    fn new(status: Status, words: impl Display) -> Self {
        LAST.with(|last| {
            let mut message = last.borrow_mut();
            *message = Message::EMPTY;
            // A message takes whatever it is given; if an error's own formatting fails, it is shorter.
            let _ = write!(message, "{words}");
        });
        Self(status)
    }

    pub(crate) fn argument(words: impl Display) -> Self {
        Self::new(Status::Argument, words)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::TooLarge { .. } | Error::Exhausted { .. } | Error::Limit { .. } | Error::Bookkeeping { .. } => {
                Status::Full
            }
            Error::Pages(_) | Error::Memory { .. } | Error::SignalHandler { .. } => Status::Refused,
            Error::Registry { .. } | Error::FaultReport { .. } => Status::TooMany,
            Error::NoParent => Status::Image,
            _ => Status::Argument,
        };
        Self::new(status, error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::new(Status::Image, error)
    }
}

/// Runs a function's body, and returns its code.
pub(crate) fn status(run: impl FnOnce() -> Result<(), Failure>) -> Status {
    match run() {
        Ok(()) => Status::Ok,
        Err(Failure(status)) => status,
    }
}

/// The text that C gave.
///
/// # Safety
///
/// `text` is null, or ends with a zero byte and is not changed for `'t`.
pub(crate) unsafe fn text<'t>(text: *const c_char, what: &str) -> Result<&'t str, Failure> {
    if text.is_null() {
        return Err(Failure::argument(format_args!("the {what} is NULL: give a text")));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|error| Failure::argument(format_args!("the {what} is not UTF-8: {error}")))
}

/// The elements that C gave: of none, the pointer may be anything.
///
/// # Safety
///
/// `first` points to `count` elements that are not changed for `'t`, unless there are none.
pub(crate) unsafe fn elements<'t, T>(first: *const T, count: usize) -> &'t [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// `permacode_error` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn permacode_error() -> *const c_char {
    // The thread's own memory, which stays where it is.
    LAST.with(|last| last.borrow().bytes.as_ptr().cast())
}
