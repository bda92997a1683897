//! `Residency` depends on the range that it is asked about: not on what else is mapped, and how that is called. (soundness S32)
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::CodeArena;
use permacode::residency::{Backing, Mapping, Residency, Stretch};
use permacode_witness::{in_child, namespace, page, span, watched};
use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::ptr;

/// Names of files and of memory files. In a process whose root is their folder, the kernel's text is a slash and the name.
const NAMES: [&[u8]; 18] = [
    b"plain",
    b"SYSV1",
    b"SYSVzzzzzzzzz",
    b"SYSV00000000 (deleted)",
    b"memfd:lie",
    b"memfd:lie (deleted)",
    b"\xff\xfe",
    b"\xf0\x9f",
    b" ",
    b"  leading and trailing  ",
    b"tab\tand\rreturn\x0b\x0c\x1b[2J",
    b"x\n7f00-7f01 rw-p 00000000 00:00 0\nRss: 9 kB",
    b"\n\n\n",
    b"x\\012y",
    b"7f0000000000-7f0000001000 rw-p 00000000 00:00 0",
    b"Rss:                 999 kB",
    b"[stack:",
    b"[heap]",
];

/// All that can lie behind a mapping.
const ALL: [Backing; 3] = [Backing::Anonymous, Backing::MemoryFile, Backing::File];

const WORD: usize = size_of::<usize>();

/// Maps a page of a file, or of none, and writes to it. It stays: this is done in children.
fn map(file: Option<&File>, flags: libc::c_int) -> usize {
    let descriptor = file.map_or(-1, |file| file.as_raw_fd());
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, at an address of the kernel's choice, and a byte of it.
    unsafe {
        let at = libc::mmap(ptr::null_mut(), page(), access, flags, descriptor, 0);
        assert_ne!(at, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        at.cast::<u8>().write_volatile(1);
        at.addr()
    }
}

fn new_file(path: &Path) -> File {
    let file = OpenOptions::new().create_new(true).read(true).write(true).open(path).unwrap();
    file.set_len(page() as u64).unwrap();
    file
}

fn memory_file(name: &[u8]) -> File {
    let name = CString::new(name).unwrap();
    // SAFETY: a string that ends with a zero, and a flag.
    let file = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    assert!(file >= 0, "{}", io::Error::last_os_error());
    // SAFETY: a new descriptor that is nobody else's.
    let file = unsafe { File::from_raw_fd(file) };
    file.set_len(page() as u64).unwrap();
    file
}

/// A page of a new segment of System V's, which is gone with this process.
fn segment() -> Option<usize> {
    // SAFETY: a segment that nobody else knows, attached at an address of the kernel's choice, and a byte of it.
    unsafe {
        let segment = libc::shmget(libc::IPC_PRIVATE, page(), 0o600);
        let at = libc::shmat(segment, ptr::null(), 0);
        libc::shmctl(segment, libc::IPC_RMID, ptr::null_mut());
        (segment >= 0 && at.addr() != usize::MAX).then(|| {
            at.cast::<u8>().write_volatile(1);
            at.addr()
        })
    }
}

/// Gives a page without a file a name of its own, where the kernel knows of such.
fn call(at: usize, name: &str) {
    let name = CString::new(name).unwrap();
    // SAFETY: this process's own page, and a string that ends with a zero.
    unsafe { libc::prctl(libc::PR_SET_VMA, libc::PR_SET_VMA_ANON_NAME as libc::c_ulong, at, page(), name.as_ptr()) };
}

/// Maps what is called oddly: files of this folder, and memory. Where, and what lies behind.
fn odd(folder: &Path) -> Vec<(usize, Backing)> {
    let mut all = Vec::new();
    let mut both = |file: &File, backing| {
        all.push((map(Some(file), libc::MAP_SHARED), backing));
        all.push((map(Some(file), libc::MAP_PRIVATE), backing));
    };
    for name in NAMES {
        both(&new_file(&folder.join(OsStr::from_bytes(name))), Backing::File);
        both(&memory_file(name), Backing::MemoryFile);
        let gone = folder.join(OsStr::from_bytes(&[b"gone ", name].concat()));
        both(&new_file(&gone), Backing::File);
        fs::remove_file(gone).unwrap();
    }
    both(&memory_file(&[b'n'; 249]), Backing::MemoryFile);
    // As long as a path can be.
    let deep = (0..15).fold(folder.to_owned(), |path, _| path.join("d".repeat(240)));
    fs::create_dir_all(&deep).unwrap();
    both(&new_file(&deep.join("f".repeat(255))), Backing::File);
    // Memory that several processes can share.
    all.extend(segment().map(|at| (at, Backing::MemoryFile)));
    for (flags, backing) in [(libc::MAP_SHARED, Backing::MemoryFile), (libc::MAP_PRIVATE, Backing::Anonymous)] {
        for name in ["", "Rss: 1 kB (deleted) /memfd:x", "/SYSV1", "7f00-7f01 rw-p 0 0 0"] {
            let at = map(None, flags | libc::MAP_ANONYMOUS);
            call(at, name);
            all.push((at, backing));
        }
    }
    all
}

/// Asks about a writable page, and nothing beside it: its mapping may be part of a longer one.
fn look(pid: u32, at: usize) -> Backing {
    let residency = Residency::of_process(pid, at..at + page()).unwrap();
    let [mapping] = residency.mappings() else { panic!("{residency}") };
    assert!(mapping.range.start <= at && mapping.range.end >= at + page(), "{residency}");
    assert!(mapping.permissions.read && mapping.permissions.write, "{residency}");
    assert!(mapping.resident >= page());
    assert_eq!(residency.resident(), page(), "{residency}");
    mapping.backing
}

/// Everything that is said of the code of an arena.
fn answer(arena: &CodeArena, pid: u32) -> (Vec<Mapping>, Vec<Stretch>, Vec<Range<usize>>) {
    let residency = arena.residency_in(pid).unwrap();
    // The address space behind may join what is mapped behind it.
    let accessible = residency.mappings().iter().filter(|mapping| mapping.accessible());
    (accessible.cloned().collect(), residency.stretches().to_vec(), residency.sealed().to_vec())
}

fn sealed() -> (CodeArena, Range<usize>) {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = span(loader.alloc_slice_copy(&vec![7u8; 3 * page()]).unwrap());
    loader.seal().unwrap();
    (arena, code)
}

/// Does something in a child with a new folder, which is the root of all paths there if the system allows it.
fn in_folder(name: &str, body: impl FnOnce(&Path)) {
    struct Folder(PathBuf);
    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
    let folder = Folder(std::env::temp_dir().join(format!("permacode-{name}-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    in_child(|| match namespace::enter(&folder.0) {
        Ok(()) => body(Path::new("/")),
        Err(error) => {
            eprintln!("names begin with their folder's, because no other root can be had here: {error}");
            body(&folder.0);
        }
    });
}

// soundness S32
#[test]
fn no_name_of_another_mapping_changes_the_answer() {
    let (arena, code) = sealed();
    in_folder("names", |folder| {
        let own = std::process::id();
        let before = answer(&arena, own);
        let odd = odd(folder);
        assert!(odd.len() > 6 * NAMES.len());
        assert_eq!(answer(&arena, own), before);
        arena.assert_clean();
        arena.assert_not_copied();
        for (index, (at, backing)) in odd.iter().enumerate() {
            assert_eq!(look(own, *at), *backing, "the {index}th of them");
        }
        let all = Residency::of(0..usize::MAX).unwrap();
        assert!(all.resident() > code.len() + odd.len() * page());
    });
}

// soundness S32
#[test]
fn nor_does_one_in_the_other_process_that_is_looked_at() {
    let (arena, _) = sealed();
    in_folder("others-names", |folder| {
        let mut before = None;
        watched(|| {}, |pid| before = Some(answer(&arena, pid as u32)));
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        let child = || {
            // Their addresses, for the parent to look there.
            for (at, backing) in odd(folder) {
                writer.write_all(&at.to_ne_bytes()).unwrap();
                writer.write_all(&[ALL.iter().position(|known| *known == backing).unwrap() as u8]).unwrap();
            }
            writer.write_all(&[0; WORD + 1]).unwrap();
        };
        watched(child, |pid| {
            assert_eq!(Some(answer(&arena, pid as u32)), before);
            let (mut address, mut backing, mut seen) = ([0; WORD], [0], 0);
            loop {
                reader.read_exact(&mut address).unwrap();
                reader.read_exact(&mut backing).unwrap();
                match usize::from_ne_bytes(address) {
                    0 => break,
                    at => assert_eq!(look(pid as u32, at), ALL[usize::from(backing[0])]),
                }
                seen += 1;
            }
            assert!(seen > 6 * NAMES.len());
        });
    });
}
