//! soundness S22: a file that is edited, shortened or replaced after it was opened, in each way of opening.
//!
//! | | `load` | `open_sealed` | `map`, `map_file` |
//! | --- | --- | --- | --- |
//! | edited | not noticed | the kernel refuses | seen, and found by `verify` |
//! | shortened | not noticed | the kernel refuses | `SIGBUS` at what is gone |
//! | replaced | not noticed | has no path | not noticed |

use crate::output::{Folder, write};
use crate::program::{self, Code, Const, assert_is};
use permacode::CodeArena;
use permacode::image::{Image, ImageError};
use permacode_model::ImageFile;
use permacode_witness::{Child, End, in_child};
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

type Way = fn(&Path) -> Image;

fn load(path: &Path) -> Image {
    Image::load(path).unwrap()
}

fn open_sealed(path: &Path) -> Image {
    Image::open_sealed(program::sealed(&std::fs::read(path).unwrap())).unwrap()
}

fn map(path: &Path) -> Image {
    // SAFETY: the tests below break the promise where they say so, in a child that ends.
    unsafe { Image::map(path) }.unwrap()
}

fn map_file(path: &Path) -> Image {
    // SAFETY: as above.
    unsafe { Image::map_file(File::open(path).unwrap(), 0) }.unwrap()
}

const WAYS: [Way; 4] = [load, open_sealed, map, map_file];

fn check(image: Image) -> Image {
    image.check::<Code<'_>>().unwrap()
}

fn constant(code: &CodeArena) -> &str {
    let main: &Code<'_> = code.root("main").unwrap();
    let Const::Str(text) = main.consts[4] else { panic!("{:?}", main.consts[4]) };
    text
}

/// Changes a byte of the constant in the file.
fn edit(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(8).position(|text| text == b"constant").unwrap();
    OpenOptions::new().write(true).open(path).unwrap().write_at(b"C", at as u64).unwrap();
}

#[test]
fn a_file_that_is_replaced_is_not_noticed() {
    for way in WAYS {
        let folder = Folder::new("changed_replaced");
        let path = folder.join("image");
        write("changed_replaced", &path).unwrap();
        let image = check(way(&path));
        let (there, elsewhere) = (image.open().unwrap(), program::elsewhere(&image));
        write("another", &path).unwrap();
        let late = program::elsewhere(&image);
        std::fs::remove_file(&path).unwrap();
        for code in [&there, &elsewhere, &late] {
            assert_is(code.root("main").unwrap(), "changed_replaced");
        }
        image.verify().unwrap();
    }
}

#[test]
fn a_file_that_is_edited_is_not_noticed_by_a_copy_in_sealed_memory() {
    for way in [load, open_sealed] {
        let folder = Folder::new("changed_copied");
        let path = folder.join("image");
        write("changed_copied", &path).unwrap();
        let image = check(way(&path));
        let code = image.open().unwrap();
        edit(&path);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        assert_is(code.root("main").unwrap(), "changed_copied");
        image.verify().unwrap();
    }
}

#[test]
fn a_file_that_is_edited_beneath_a_map_changes_what_is_read_and_verify_finds_it() {
    for way in [map, map_file] {
        let folder = Folder::new("changed_edited");
        let path = folder.join("image");
        write("changed_edited", &path).unwrap();
        in_child(|| {
            let image = check(way(&path));
            let (there, elsewhere) = (image.open().unwrap(), program::elsewhere(&image));
            assert_eq!((constant(&there), image.verify()), ("a constant of the program", Ok(())));
            edit(&path);
            // Both share the half without addresses with the file.
            for code in [&there, &elsewhere] {
                assert_eq!(std::hint::black_box(constant(code)), "a Constant of the program");
            }
            assert!(matches!(image.verify(), Err(ImageError::Digest { .. })));
            assert!(image.clone().pin(image.digest()).is_err());
        });
    }
}

/// The addresses that the image in a file is written for: of the half with addresses, and of that without.
fn window(path: &Path) -> [Range<usize>; 2] {
    let file = ImageFile::of(&std::fs::read(path).unwrap());
    let start = file.window() as usize;
    let middle = start + file.linked.len();
    [start..middle, middle..middle + file.leaf.len()]
}

fn shorten(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

#[track_caller]
fn assert_sigbus(within: &Range<usize>, body: impl FnOnce()) {
    let ended = Child::run(|| {
        body();
        0
    });
    let Ok(End::Signal { signal: libc::SIGBUS, address }) = ended else { panic!("{ended:?}") };
    assert!(within.contains(&address), "{address:#x} in {within:#x?}");
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn a_file_that_is_shortened_beneath_a_map_ends_in_sigbus_at_what_is_gone() {
    for way in [map, map_file] {
        let folder = Folder::new("changed_shortened");
        let path = folder.join("image");
        write("changed_shortened", &path).unwrap();
        let [linked, leaf] = window(&path);
        let code_at = 2 * 4096; // behind header and index
        // All of the code is gone.
        assert_sigbus(&linked, || {
            let code = check(way(&path)).open().unwrap();
            shorten(&path, code_at);
            assert_is(code.root("main").unwrap(), "changed_shortened");
        });
        // The half without addresses is gone, the other one is there.
        write("changed_shortened", &path).unwrap();
        assert_sigbus(&leaf, || {
            let code = check(way(&path)).open().unwrap();
            shorten(&path, code_at + linked.len() as u64);
            assert_eq!(code.root::<Code<'_>>("main").unwrap().mark, 'ß');
            std::hint::black_box(constant(&code).len());
            std::hint::black_box(constant(&code).as_bytes()[0]);
        });
        // A moved image has the half with addresses for itself.
        write("changed_shortened", &path).unwrap();
        in_child(|| {
            let code = program::elsewhere(&check(way(&path)));
            // Roots are found by the file's own tables.
            let main: &Code<'_> = code.root("main").unwrap();
            shorten(&path, 0);
            assert_eq!((main.mark, main.consts.len()), ('ß', 11));
        });
        // What comes after is refused, or ends likewise.
        write("changed_shortened", &path).unwrap();
        assert_sigbus(&(0..usize::MAX), || {
            let image = way(&path);
            shorten(&path, code_at);
            let _ = image.check::<Code<'_>>();
        });
        assert!(matches!(Image::load(&path), Err(ImageError::Length { .. })));
        // SAFETY: nobody writes to it any more.
        assert!(matches!(unsafe { Image::map(&path) }, Err(ImageError::Length { .. })));
    }
}

#[test]
fn sealed_memory_cannot_be_changed_by_any_descriptor() {
    let bytes = program::image("changed_sealed");
    let file = program::sealed(&bytes);
    let image = check(Image::open_sealed(file.try_clone().unwrap()).unwrap());
    let code = image.open().unwrap();
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error();
    let again = OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
    for file in [&file, &again] {
        assert_eq!(errno(file.write_at(b"x", 8192).map(drop)), Some(libc::EPERM));
        assert_eq!(errno(file.set_len(4096)), Some(libc::EPERM));
        assert_eq!(errno(file.set_len(1 << 20)), Some(libc::EPERM));
        // SAFETY: a new mapping at a place of the kernel's choice, if there were one.
        let mapped = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), 4096, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        assert_eq!(mapped, libc::MAP_FAILED);
        // SAFETY: an open file, and a range; it takes bytes away, if it may.
        let punched = unsafe {
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            libc::fallocate(file.as_raw_fd(), mode, 0, 4096)
        };
        assert_eq!((punched, errno(Err(std::io::Error::last_os_error()))), (-1, Some(libc::EPERM)));
    }
    // Nor is a seal taken off, since the last one forbids it.
    // SAFETY: an open file, and a flag.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, 0) }, -1);
    assert_is(code.root("main").unwrap(), "changed_sealed");
    image.verify().unwrap();
}

// A seal that stops new writers leaves those that are there: a shared mapping made before it can be written to.
#[test]
fn a_seal_against_future_writes_is_not_enough() {
    use std::os::fd::FromRawFd;
    let bytes = program::image("changed_future");
    // SAFETY: a string that ends with a zero, and flags. The descriptor is new.
    let file = unsafe { File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_ALLOW_SEALING)) };
    file.write_all_at(&bytes, 0).unwrap();
    let seals = libc::F_SEAL_FUTURE_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: an open file, and flags.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
    assert_eq!(Image::open_sealed(file).unwrap_err(), ImageError::NotSealed);
}
