//! Removal of what is old, or too much, and of what killed builders left.
//!
//! ```text
//!   newest ─────────────────────────────────────────────────▶ oldest
//!   │ fresh: stays │ stays as long as the sum is small enough │ goes │ above the age: goes
//! ```
//!
//! The age of an image is that of the last note of its use ([`touch`]). An image that has just been found has that note, and is open. A
//! process keeps what it has opened, whatever becomes of the name.
//!
//! What is left by killed builders goes before a builder begins. So once an image is in its place, nothing of its name lies beside it.

use super::lock::{Held, Locks};
use super::name::Name;
use alloc::vec::Vec;
use core::time::Duration;
use std::fs::{self, DirEntry, File, Metadata};
use std::path::Path;
use std::time::SystemTime;

/// An image that was used so lately is never removed: else two programs that have no room beside each other would build for ever.
pub(super) const FRESH: Duration = Duration::from_secs(60 * 60);
/// The use of an image is noted once in such a time.
const NOTE: Duration = Duration::from_secs(24 * 60 * 60);

/// The images that may stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub(super) age: Duration,
    pub(super) bytes: u64,
}

/// Notes that an image is used, if that was not done lately. An image of another user is left as it is.
pub(super) fn touch(path: &Path, keep: Keep) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if age(&metadata) < NOTE.min(keep.age / 4) {
        return;
    }
    if let Ok(file) = File::open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Removes what killed builders left, before another builds. `own` is the name whose lock the caller holds, if there are locks.
pub(super) fn clear(folder: &Path, own: &Name, locks: &Locks, has_locks: bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Some(name) = Name::of_temporary(&entry.file_name()) else { continue };
        // With its lock, nobody is writing it. A lock that is held here already is not taken again, since that would end with its release.
        let is_left = match has_locks {
            true if name == *own => true,
            true => hold(locks, &name).is_some(),
            // Time tells.
            false => entry.metadata().is_ok_and(|metadata| age(&metadata) > FRESH),
        };
        if is_left {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes images that need not be kept beside `own`, whose lock the caller holds, if there are locks. What cannot be removed stays.
pub(super) fn sweep(folder: &Path, own: &Name, locks: &Locks, has_locks: bool, keep: Keep) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let (mut images, mut bytes) = (Vec::new(), 0);
    for entry in entries.flatten() {
        let Some(name) = Name::of_image(&entry.file_name()) else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if name == *own {
            bytes += metadata.len();
        } else {
            images.push((age(&metadata), metadata.len(), name, entry));
        }
    }
    images.sort_by_key(|(age, ..)| *age);
    for (age, len, name, entry) in images {
        bytes += len;
        if age > FRESH && (age > keep.age || bytes > keep.bytes) && remove(locks, &name, &entry, has_locks) {
            bytes -= len;
        }
    }
}

/// Removes an image unless it was built anew, or used, since it was looked at; returns `true` if it is gone.
fn remove(locks: &Locks, name: &Name, entry: &DirEntry, has_locks: bool) -> bool {
    let held = hold(locks, name);
    let is_ours = held.is_some() || !has_locks;
    let is_old = || fs::symlink_metadata(entry.path()).is_ok_and(|metadata| age(&metadata) > FRESH);
    is_ours && is_old() && fs::remove_file(entry.path()).is_ok()
}

fn hold<'l>(locks: &'l Locks, name: &Name) -> Option<Held<'l>> {
    locks.try_hold(name.slot).ok().flatten()
}

/// The time since the last note of use. A note from the future is as old as it is far: clocks are set back.
fn age(metadata: &Metadata) -> Duration {
    let now = SystemTime::now();
    let Ok(modified) = metadata.modified() else { return Duration::ZERO };
    now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const KEEP: Keep = Keep { age: Duration::from_secs(48 * 60 * 60), bytes: 250 };

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("permacode-sweep-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        /// Makes a file of a hundred bytes that was used some hours ago.
        fn file(&self, name: &str, hours: u32) {
            fs::write(self.0.join(name), [7; 100]).unwrap();
            let file = File::open(self.0.join(name)).unwrap();
            file.set_modified(SystemTime::now() - HOUR * hours).unwrap();
        }

        fn image(&self, key: &str, hours: u32) -> Name {
            let name = Name::new::<u32>(key.as_bytes()).unwrap();
            self.file(&name.file, hours);
            name
        }

        fn has(&self, name: &Name) -> bool {
            self.0.join(&name.file).exists()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_oldest_go_until_the_rest_is_small_enough_and_the_fresh_stay() {
        let folder = Folder::new("oldest");
        let own = folder.image("own", 0);
        let [two, three, four] = [2, 3, 4].map(|hours| folder.image(&hours.to_string(), hours));
        let locks = Locks::open(&folder.0).unwrap();
        let _held = locks.try_hold(own.slot).unwrap().unwrap();
        sweep(&folder.0, &own, &locks, true, KEEP);
        assert_eq!([&own, &two, &three, &four].map(|name| folder.has(name)), [true, true, false, false]);
        let fresh = ["a", "b", "c"].map(|key| folder.image(key, 0));
        sweep(&folder.0, &own, &locks, true, KEEP);
        assert!(fresh.iter().all(|name| folder.has(name)) && !folder.has(&two));
    }

    #[test]
    fn those_above_the_age_go_whatever_room_there_is_and_foreign_files_stay() {
        let folder = Folder::new("age");
        let own = folder.image("own", 0);
        let [young, old] = [47, 49].map(|hours| folder.image(&hours.to_string(), hours));
        folder.file("notes.txt", 9999);
        folder.file("main.image", 9999);
        let locks = Locks::open(&folder.0).unwrap();
        sweep(&folder.0, &own, &locks, false, Keep { bytes: u64::MAX, ..KEEP });
        assert_eq!([&own, &young, &old].map(|name| folder.has(name)), [true, true, false]);
        assert!(folder.0.join("notes.txt").exists() && folder.0.join("main.image").exists());
    }

    #[test]
    fn what_another_builds_is_left_to_it() {
        let folder = Folder::new("another");
        let own = folder.image("own", 0);
        let (held, free) = (folder.image("held", 999), folder.image("free", 999));
        let temporary = |name: &Name| format!(".{}.7.tmp", name.file);
        [&own, &held, &free].iter().for_each(|name| folder.file(&temporary(name), 0));
        let (locks, theirs) = (Locks::open(&folder.0).unwrap(), Locks::open(&folder.0).unwrap());
        let _held = (locks.try_hold(own.slot).unwrap().unwrap(), theirs.try_hold(held.slot).unwrap().unwrap());
        clear(&folder.0, &own, &locks, true);
        sweep(&folder.0, &own, &locks, true, KEEP);
        assert_eq!([&own, &held, &free].map(|name| folder.has(name)), [true, true, false]);
        let left = [&own, &held, &free].map(|name| folder.0.join(temporary(name)).exists());
        assert_eq!(left, [false, true, false]);
        assert!(Locks::open(&folder.0).unwrap().try_hold(own.slot).unwrap().is_none(), "still held");
        // Without locks it is too new to be known as left behind.
        clear(&folder.0, &own, &locks, false);
        assert!(folder.0.join(temporary(&held)).exists());
        folder.file(&temporary(&held), 2);
        clear(&folder.0, &own, &locks, false);
        assert!(!folder.0.join(temporary(&held)).exists());
    }

    #[test]
    fn a_use_is_noted_once_in_a_while() {
        let folder = Folder::new("touch");
        let name = folder.image("used", 13);
        let path = folder.0.join(&name.file);
        let modified = || fs::metadata(&path).unwrap().modified().unwrap();
        let before = modified();
        touch(&path, Keep { age: 60 * HOUR, ..KEEP });
        assert_eq!(modified(), before);
        touch(&path, KEEP); // a quarter of it is less than thirteen hours
        assert!(before + 12 * HOUR < modified());
    }
}
