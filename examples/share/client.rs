//! A client: asks the daemon, waits for one, and does without if need be.

use crate::descriptor;
use crate::program::{self, Code};
use crate::wire::{self, ANSWER, Answer, Kind, Request};
use permacode::CodeArena;
use permacode::image::{Fingerprint, Image, ImageError};
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind};
use std::ops::RangeInclusive;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One who wants the newest image.
pub struct Client {
    pub socket: PathBuf,
    pub versions: RangeInclusive<u16>,
    pub types: [u8; 32],
    /// The time to wait for a daemon.
    pub patience: Duration,
    /// The library that it builds if there is none to be had.
    pub number: u32,
    /// The image that it was given last.
    pub has: Option<Image>,
}

/// The place that an image comes from.
#[derive(Debug)]
pub enum From {
    /// The daemon, now.
    Daemon { version: u16 },
    /// The daemon, before: it is the newest still.
    Before,
    /// Built here, in sealed memory.
    Own(Why),
}

/// The reason why a client has an image of its own.
#[derive(Debug)]
pub enum Why {
    NoDaemon(io::Error),
    NoVersion {
        daemon: RangeInclusive<u16>,
    },
    OtherTypes,
    /// What came is no image, or none of these types.
    Bad(ImageError),
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon { version } => write!(f, "given by the daemon, in version {version} of the protocol"),
            Self::Before => f.write_str("given before, and the newest still"),
            Self::Own(Why::NoDaemon(error)) => write!(f, "built here, since there is no daemon: {error}"),
            Self::Own(Why::NoVersion { daemon }) => {
                write!(f, "built here, since the daemon speaks versions {}–{} only", daemon.start(), daemon.end())
            }
            Self::Own(Why::OtherTypes) => f.write_str("built here, since the daemon has no image of these types"),
            Self::Own(Why::Bad(error)) => write!(f, "built here, since the daemon's is not used: {error}"),
        }
    }
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            versions: wire::VERSIONS,
            types: *Fingerprint::of::<Code<'_>>().as_bytes(),
            patience: Duration::from_secs(5),
            number: 1,
            has: None,
        }
    }

    /// Returns an image in any case, and where it comes from.
    pub fn image(&mut self) -> Result<(Image, From), ImageError> {
        let why = match self.ask_until_answered() {
            Err(error) => Why::NoDaemon(error),
            Ok((Answer { kind: Kind::NoVersion, versions, .. }, _)) => Why::NoVersion { daemon: versions },
            Ok((Answer { kind: Kind::Newest, digest, .. }, _)) => match self.has.clone() {
                Some(image) if image.digest() == digest => return Ok((image, From::Before)),
                _ => Why::NoDaemon(io::Error::new(ErrorKind::InvalidData, "it says that there is an image here")),
            },
            Ok((Answer { kind: Kind::Given, versions, .. }, Some(file))) => match opened(file) {
                Ok(image) => {
                    self.has = Some(image.clone());
                    return Ok((image, From::Daemon { version: *versions.end() }));
                }
                Err(error) => Why::Bad(error),
            },
            Ok(_) => Why::OtherTypes,
        };
        let arena = CodeArena::new()?;
        let image = opened(program::write(&arena, self.number)?.seal()?)?;
        Ok((image, From::Own(why)))
    }

    /// Asks until there is an answer, or patience ends.
    fn ask_until_answered(&self) -> io::Result<(Answer, Option<File>)> {
        let began = Instant::now();
        let mut nap = Duration::from_millis(1);
        loop {
            let error = match ask(&self.socket, &self.request(0)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !is_passing(&error) || began.elapsed() >= self.patience {
                return Err(error);
            }
            std::thread::sleep(nap);
            nap = Duration::from_millis(50).min(2 * nap);
        }
    }

    fn request(&self, replace: u32) -> Request {
        let has = self.has.as_ref().map_or([0; 32], |image| *image.digest().as_bytes());
        Request { versions: self.versions.clone(), replace, types: self.types, has }
    }
}

/// Proves that the memory is sealed, and that its values are values. Then it does not matter who made it.
fn opened(file: File) -> Result<Image, ImageError> {
    let image = Image::open_sealed(file)?;
    image.verify()?;
    image.check::<Code<'_>>()
}

/// Asks once.
fn ask(socket: &Path, request: &Request) -> io::Result<(Answer, Option<File>)> {
    let daemon = UnixStream::connect(socket)?;
    daemon.set_read_timeout(Some(Duration::from_secs(5)))?;
    descriptor::send(&daemon, &request.write(), None)?;
    let mut answer = [0; ANSWER];
    let file = descriptor::receive(&daemon, &mut answer)?;
    Ok((Answer::read(&answer)?, file))
}

/// Returns `true` if a daemon that starts, or starts again, is all that lacks.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::WouldBlock
    )
}

/// Has the daemon give another library from now on.
pub fn replace(socket: &Path, number: u32) -> io::Result<()> {
    match ask(socket, &Client::new(socket).request(number))?.0.kind {
        Kind::Replaced => Ok(()),
        kind => Err(io::Error::new(ErrorKind::PermissionDenied, format!("the daemon says {kind:?}"))),
    }
}

/// Runs what the daemon gives, says so, and asks again at each line of input.
pub fn talk(socket: &Path) -> Result<(), Box<dyn Error>> {
    let mut client = Client::new(socket);
    let mut kept = Vec::new();
    let mut lines = io::stdin().lock().lines();
    loop {
        let (image, from) = client.image()?;
        // A process has an image at its window once. So what it has is not opened again, and what it had stays open.
        if !matches!(from, From::Before) {
            kept.push(program::run(&image)?.1);
        }
        println!("library {}, {from}", image.version());
        if lines.next().is_none() {
            return Ok(());
        }
    }
}
