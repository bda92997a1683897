//! The daemon: owns the newest image, and gives it to whoever asks.
//!
//! ```text
//!   FOLDER   │ number │ an image of each number, by the cache │      what it was told last survives it
//!   SOCKET   bound under another name, and renamed: whoever finds it can connect
//!   SOCKET.lock   held for as long as the daemon lives
//! ```

use crate::descriptor;
use crate::program::{self, Code};
use crate::wire::{self, Answer, Kind, REQUEST, Request};
use permacode::image::{Fingerprint, Image, ImageCache, ImageError};
use std::error::Error;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time that a client may keep others waiting.
const PATIENCE: Duration = Duration::from_millis(200);

struct Daemon {
    folder: PathBuf,
    cache: ImageCache,
    image: Image,
}

/// Serves until it is killed.
pub fn serve(socket: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let _lock = lock(&socket.with_extension("lock"))?;
    let cache = ImageCache::new(folder);
    let number = fs::read_to_string(folder.join("number")).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut daemon = Daemon { folder: folder.to_owned(), image: open(&cache, number)?, cache };

    // Nobody finds a socket that does not listen yet, and the one that a killed daemon left is replaced.
    let hidden = socket.with_extension("new");
    let _ = fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden)?;
    fs::set_permissions(&hidden, Permissions::from_mode(0o666))?;
    fs::rename(&hidden, socket)?;
    for client in listener.incoming() {
        match client {
            // What goes wrong with one client is that client's concern, who sees the connection end.
            Ok(client) => drop(daemon.answer(&client)),
            // There are too many descriptors, say.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    Ok(())
}

/// Takes a lock that goes with this process.
fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    // SAFETY: an open file, and flags.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(file),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon serves this socket")),
    }
}

/// The image of a library, in sealed memory: from the folder, or built.
fn open(cache: &ImageCache, number: u32) -> Result<Image, ImageError> {
    let cached =
        cache.open_or_build::<Code<'_>, ImageError>(number.to_le_bytes(), |arena| program::write(arena, number))?;
    Ok(cached.image)
}

impl Daemon {
    fn answer(&mut self, client: &UnixStream) -> Result<(), Box<dyn Error>> {
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let mut request = [0; REQUEST];
        descriptor::receive(client, &mut request)?;
        let request = Request::read(&request)?;
        let Some(version) = wire::settle(&wire::VERSIONS, &request.versions) else {
            let answer = Answer { versions: wire::VERSIONS, kind: Kind::NoVersion, digest: self.image.digest() };
            return Ok(descriptor::send(client, &answer.write(), None)?);
        };
        let kind = match request.replace {
            0 if request.types != *Fingerprint::of::<Code<'_>>().as_bytes() => Kind::OtherTypes,
            0 if version >= 2 && request.has == *self.image.digest().as_bytes() => Kind::Newest,
            0 => Kind::Given,
            number => self.replace(client, number)?,
        };
        let answer = Answer { versions: version..=version, kind, digest: self.image.digest() };
        let file = (kind == Kind::Given).then(|| self.image.file());
        Ok(descriptor::send(client, &answer.write(), file)?)
    }

    /// Takes another image, if the client may say so. Clients that were given the old one keep it.
    fn replace(&mut self, client: &UnixStream, number: u32) -> Result<Kind, Box<dyn Error>> {
        let user = descriptor::user_of_peer(client)?;
        // SAFETY: takes nothing, and cannot fail.
        if user != 0 && user != unsafe { libc::geteuid() } {
            return Ok(Kind::Refused);
        }
        self.image = open(&self.cache, number)?;
        let new = self.folder.join("number.new");
        fs::write(&new, number.to_string())?;
        fs::rename(&new, self.folder.join("number"))?;
        Ok(Kind::Replaced)
    }
}
