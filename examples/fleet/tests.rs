use crate::code::{self, Code};
use crate::images::{LIBRARY, PROGRAM, build, open};
use std::fs;
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fleet-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The digests in the headers of both images.
    fn digests(&self) -> [String; 2] {
        [LIBRARY, PROGRAM].map(|name| permacode::image::Image::load(self.0.join(name)).unwrap().digest().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_built_is_opened_by_its_digests_and_gives_what_the_sources_give() {
    let folder = Folder::new("built");
    build(&folder.0, "7").unwrap();
    let [library, program] = folder.digests();
    let (image, arena) = open(&folder.0, &library, &program).unwrap();
    assert_eq!(image.version(), "7");
    let sources = permacode::CodeArena::new().unwrap();
    let loader = sources.load("all").unwrap();
    let main = code::program(&loader, code::library(&loader).unwrap(), 7).unwrap();
    let opened: &Code<'_> = arena.root("main").unwrap();
    assert!(code::call(main, 5).is_some());
    assert_eq!(code::call(opened, 5), code::call(main, 5));
}

#[test]
fn an_update_changes_the_program_and_not_the_library() {
    let folders = [Folder::new("one"), Folder::new("two")];
    build(&folders[0].0, "1").unwrap();
    build(&folders[1].0, "2").unwrap();
    let [one, two] = folders.each_ref().map(Folder::digests);
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
    let [one, two] = folders.each_ref().map(|folder| fs::read(folder.0.join(LIBRARY)).unwrap());
    assert!(one == two, "the same bytes, so that it travels once");
}

#[test]
fn one_changed_byte_in_either_image_is_refused_by_name() {
    let folder = Folder::new("changed");
    build(&folder.0, "1").unwrap();
    let [library, program] = folder.digests();
    for name in [LIBRARY, PROGRAM] {
        let path = folder.0.join(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let at = bad.len() / 2;
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let refused = open(&folder.0, &library, &program).unwrap_err().to_string();
        assert!(refused.starts_with(name) && refused.contains("digest"), "{refused}");
        fs::write(&path, good).unwrap();
    }
    open(&folder.0, &library, &program).unwrap();
    assert!(open(&folder.0, &program, &library).is_err());
    assert!(open(&folder.0, "12", &program).unwrap_err().to_string().contains("64 hexadecimal digits"));
}
