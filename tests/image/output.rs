//! Files that images are written to: whole or not at all.

use crate::program::{self, Code, assert_is};
use permacode::CodeArena;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode_witness as witness;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder for one test, gone in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("permacode-images-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes an image to a path.
pub fn write(name: &str, path: &Path) -> Result<(), ImageError> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = program::load(&loader, name).unwrap();
    loader.seal().unwrap();
    ImageWriter::new(&arena).root("main", code).unwrap().write(path).map(drop)
}

#[test]
fn a_file_is_replaced_while_others_have_the_old_one_open() {
    let folder = Folder::new("replaced");
    let path = folder.join("image");
    write("old", &path).unwrap();
    assert_eq!(folder.names(), ["image"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
    // SAFETY: the file is only replaced, never written to.
    let old = unsafe { Image::map(&path) }.unwrap().check::<Code<'_>>().unwrap().open().unwrap();
    write("new", &path).unwrap();
    let new = Image::load(&path).unwrap().check::<Code<'_>>().unwrap().open().unwrap();
    assert_is(old.root("main").unwrap(), "old");
    assert_is(new.root("main").unwrap(), "new");
    assert_eq!(folder.names(), ["image"]);
}

#[test]
fn a_folder_that_is_not_there_and_a_path_without_a_name_are_errors() {
    let folder = Folder::new("nowhere");
    assert!(matches!(write("a", &folder.join("none/image")), Err(ImageError::System { code: libc::ENOENT, .. })));
    assert!(matches!(write("a", Path::new("/")), Err(ImageError::System { .. })));
    std::fs::create_dir(folder.join("image")).unwrap();
    assert!(matches!(write("a", &folder.join("image")), Err(ImageError::System { call: "renaming the image", .. })));
    assert_eq!(folder.names(), ["image"], "nothing is left behind");
}

#[test]
fn a_pipe_is_not_replaced_by_a_file() {
    let folder = Folder::new("pipe");
    let (path, good) = (folder.join("pipe"), folder.join("image"));
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    write("good", &good).unwrap();
    let image = Image::load(&good).unwrap();
    let rebased = image.rebase(image.window()).unwrap().write(&path);
    for result in [write("new", &path), rebased, image.embed(&good, &path).map(drop)] {
        assert!(result.unwrap_err().to_string().starts_with("replacing a device, a pipe or a socket by a file failed"));
    }
    assert!(!std::fs::symlink_metadata(&path).unwrap().is_file(), "it is still a pipe");
    assert_eq!(folder.names(), ["image", "pipe"]);
}

// soundness S40: the file is as it was, and nothing is left behind, if it may not become as long. A write beyond the limit would end a process
// that does not ignore the signal, as this one does not.
#[test]
fn a_file_longer_than_this_process_may_write_is_an_error_and_leaves_the_old_one() {
    let folder = Folder::new("full");
    let path = folder.join("image");
    write("old", &path).unwrap();
    let old = std::fs::read(&path).unwrap();
    let (image, embedded) = (Image::load(&path).unwrap(), folder.join("embedded"));
    witness::in_child(|| {
        // SAFETY: the child's own signal and limit.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            let limit = libc::rlimit { rlim_cur: 5000, rlim_max: 5000 };
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        }
        let rebased = image.rebase(image.window()).unwrap().write(&path);
        for result in [write("new", &path), rebased, image.embed(&path, &embedded).map(drop)] {
            assert!(
                matches!(result, Err(ImageError::System { code: libc::EFBIG, call: "writing the image", .. })),
                "{result:?}"
            );
        }
    });
    assert!(std::fs::read(&path).unwrap() == old);
    assert_eq!(folder.names(), ["image"]);
}

#[test]
fn threads_and_processes_that_write_one_image_at_once_leave_a_whole_one() {
    let folder = Folder::new("at_once");
    let path = folder.join("image");
    // From now on there is always one.
    write("first", &path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                (0..10).for_each(|_| write(if thread % 2 == 0 { "even" } else { "odd" }, path).unwrap())
            });
        }
        for _ in 0..50 {
            Image::load(&path).unwrap().verify().unwrap();
        }
    });
    assert_eq!(folder.names(), ["image"]);
    assert!(Image::load(&path).unwrap().check::<Code<'_>>().is_ok());
}

#[test]
fn an_image_behind_a_program_is_found_by_its_offset() {
    let folder = Folder::new("behind");
    let path = folder.join("program");
    let mut bytes = vec![7; 8192];
    bytes.extend(program::image("outer"));
    std::fs::write(&path, bytes).unwrap();
    let file = || std::fs::File::open(&path).unwrap();
    // SAFETY: nobody writes to it.
    let image = unsafe { Image::map_file(file(), 8192) }.unwrap().check::<Code<'_>>().unwrap();
    let (code, moved) = (image.open().unwrap(), image.open().unwrap());
    assert_is(code.root("main").unwrap(), "outer");
    assert_is(moved.root("main").unwrap(), "outer");
    // SAFETY: as above.
    unsafe {
        assert!(matches!(Image::map_file(file(), 1 << 40), Err(ImageError::NoImage)));
        assert!(matches!(Image::map_file(file(), 100), Err(ImageError::Offset { offset: 100, .. })));
    }
}
