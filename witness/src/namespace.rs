//! Mounts of a process's own, as a container has. For children only: they stay.

use crate::child::{Child, End};
use crate::kernel::skipped;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Gives this process mounts that nobody else sees, if need be as root of a world of its own. It must have one thread, as a child has.
///
/// # Errors
///
/// The system gives none.
pub fn own_mounts() -> io::Result<()> {
    // SAFETY: asks for numbers.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: changes what this process sees, and nothing in its memory.
    let alone = |flags| done(unsafe { libc::unshare(flags) });
    if alone(libc::CLONE_NEWNS).is_err() {
        alone(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    mount(Path::new("none"), Path::new("/"), "", libc::MS_REC | libc::MS_PRIVATE)
}

/// Mounts something.
///
/// # Errors
///
/// The system refuses.
pub fn mount(what: &Path, at: &Path, kind: &str, flags: libc::c_ulong) -> io::Result<()> {
    mount_with(what, at, kind, flags, "")
}

/// Mounts something, with words to its file system, such as `size=64k`.
///
/// # Errors
///
/// The system refuses.
pub fn mount_with(what: &Path, at: &Path, kind: &str, flags: libc::c_ulong, words: &str) -> io::Result<()> {
    let text = |bytes: &[u8]| CString::new(bytes).expect("a text without zeros");
    let (what, at, kind) = (text(what.as_os_str().as_bytes()), text(at.as_os_str().as_bytes()), text(kind.as_bytes()));
    let words = text(words.as_bytes());
    // SAFETY: strings that end with a zero.
    done(unsafe { libc::mount(what.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, words.as_ptr().cast()) })
}

/// Runs something in a child that sees what `mount` mounts. If this user may mount nothing, it says that this was left out.
///
/// # Panics
///
/// The child does, or the system refuses a process.
pub fn with_mounts(what: &str, mount: impl FnOnce() -> io::Result<()>, body: impl FnOnce()) {
    const NO_MOUNTS: i32 = 77;
    let end = Child::run(|| {
        if own_mounts().and_then(|()| mount()).is_err() {
            return NO_MOUNTS;
        }
        body();
        0
    });
    match end.expect("no child") {
        End::Code(NO_MOUNTS) => skipped(what, "this user may mount nothing"),
        end => assert_eq!(end, End::Code(0)),
    }
}

/// Makes a folder the root of all paths, with what `/proc` tells in it.
///
/// # Errors
///
/// The system refuses.
pub fn enter(folder: &Path) -> io::Result<()> {
    own_mounts()?;
    let proc = folder.join("proc");
    std::fs::create_dir_all(&proc)?;
    mount(Path::new("/proc"), &proc, "", libc::MS_BIND | libc::MS_REC)?;
    std::os::unix::fs::chroot(folder)?;
    std::env::set_current_dir("/")
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
