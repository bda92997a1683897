//! Programs in an image: every process that opens it runs all of them where they lie, and has no page of them for itself.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use common::corpus;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Permanent};
use permacode_lua::{Chunk, Library, LibraryError, LuaErrorKind, Program, State, compile};
use permacode_witness::{copied, memory, resident, watched};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Has the path of the image for a process that this test starts.
const STRANGER: &str = "PERMACODE_LUA_STRANGER";

/// A folder of a test's own, which is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("permacode-lua-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Compiles the corpus and writes it, by an arena that is gone afterwards.
    fn image(&self) -> PathBuf {
        let chunks: Vec<Chunk> = corpus().iter().map(|sample| compile(&sample.source, &sample.name).unwrap()).collect();
        // A window of its own, so that tests of one process are not in each other's way.
        self.write(&written_as(&self.0.to_string_lossy(), &chunks))
    }

    /// Writes a file that nobody else may write to.
    fn write(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.join("programs.image");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written<'c>(chunks: impl IntoIterator<Item = &'c Chunk>) -> Vec<u8> {
    written_as("test", chunks)
}

fn written_as<'c>(version: &str, chunks: impl IntoIterator<Item = &'c Chunk>) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("programs").unwrap();
    let library = Library::place(&loader, chunks).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).version(version).root("programs", library).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

fn map(path: &Path) -> Result<Image, ImageError> {
    // SAFETY: a file that the test writes once.
    unsafe { Image::map(path) }?.check::<Library<'_>>()
}

fn open(path: &Path) -> CodeArena {
    map(path).unwrap().open().unwrap()
}

fn open_shared(path: &Path) -> CodeArena {
    let arena = open(path);
    assert_eq!(arena.why_not_shared(), None);
    arena
}

fn programs(arena: &CodeArena) -> Vec<Program<'_>> {
    let library: &Library<'_> = arena.root("programs").unwrap();
    // SAFETY: the test compiled them.
    unsafe { library.programs() }.collect()
}

/// Runs the whole corpus in one state, in place.
fn run_all(arena: &CodeArena) {
    let state = State::new().unwrap();
    let (samples, programs) = (corpus(), programs(arena));
    assert_eq!(samples.len(), programs.len());
    for (sample, program) in samples.iter().zip(programs) {
        assert_eq!(program.name(), sample.name);
        assert_eq!(state.load(program).unwrap().run().unwrap(), sample.expected, "{}", sample.name);
    }
}

/// The pages of the image, which lie at the same addresses in every process.
fn pages(arena: &CodeArena) -> Range<usize> {
    let sealed = arena.residency().unwrap().sealed().to_vec();
    let [pages] = <[_; 1]>::try_from(sealed).unwrap();
    pages
}

/// All of it is in the process's memory, and none of it is this process's alone, written or not.
fn assert_shared(pid: i32, pages: &Range<usize>) {
    assert_eq!(resident(pid, pages.clone()).unwrap(), pages.len(), "every page is looked at");
    assert_eq!(copied(pid, [pages.clone()]).unwrap(), 0);
    let memory = memory(pid, pages.clone()).unwrap();
    assert_eq!(memory.private_dirty(), 0);
    // The tables of the image lie in front of its code, in the same mapping.
    assert_eq!(memory.shared(), memory.resident());
    assert!(memory.shared() >= pages.len() as u64);
}

fn read_all(arena: &CodeArena) {
    let bytes = |program: Program<'_>| program.bytes().iter().map(|byte| u64::from(*byte)).sum::<u64>();
    assert!(programs(arena).into_iter().map(bytes).sum::<u64>() > 0);
}

/// A process that runs this very test anew.
fn stranger(path: &Path, test: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(STRANGER, path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits until such a process says that it is done.
fn hear(child: &mut Child) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let said = lines.map_while(Result::ok).find(|line| line.ends_with("all right"));
    assert!(said.is_some(), "a process that did not come to its end");
}

#[test]
fn processes_that_are_not_related_run_every_program_from_one_image_and_no_page_of_it_is_theirs_alone() {
    if let Some(path) = std::env::var_os(STRANGER) {
        let arena = open_shared(path.as_ref());
        run_all(&arena);
        read_all(&arena);
        println!("all right");
        std::io::stdin().read_line(&mut String::new()).unwrap(); // until it is looked at
        return;
    }
    let folder = Folder::new("strangers");
    let path = folder.image();
    let test = "processes_that_are_not_related_run_every_program_from_one_image_and_no_page_of_it_is_theirs_alone";
    let mut strangers: Vec<Child> = (0..3).map(|_| stranger(&path, test)).collect();
    strangers.iter_mut().for_each(hear);
    // All of them live, and this process, which needs the addresses only, has the image no more.
    let range = {
        let image = map(&path).unwrap();
        image.window()..image.window() + pages(&image.open().unwrap()).len()
    };
    strangers.iter().for_each(|child| assert_shared(child.id() as i32, &range));
    for child in &mut strangers {
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn forked_workers_run_every_program_from_an_image_and_copy_no_page_of_it() {
    let folder = Folder::new("workers");
    let arena = open_shared(&folder.image());
    read_all(&arena);
    let pages = pages(&arena);
    for _ in 0..2 {
        let child = || {
            run_all(&arena);
            read_all(&arena);
        };
        watched(child, |pid| assert_shared(pid, &pages));
    }
}

#[test]
fn programs_run_from_an_image_that_lies_elsewhere() {
    let folder = Folder::new("elsewhere");
    let image = map(&folder.image()).unwrap();
    let arena = CodeArena::builder().image(&image).anywhere().build().unwrap();
    assert!(arena.why_not_shared().is_some());
    run_all(&arena);
    assert!(programs(&arena).iter().all(|program| program.bytes().as_ptr().addr().is_multiple_of(8)));
    // The half with references was copied: what the tests of shared pages ask would notice it.
    assert!(copied(0, [pages(&arena)]).unwrap() > 0);
}

#[test]
fn a_program_is_found_by_its_name_whatever_the_order_of_the_chunks_was() {
    let chunks = ["c", "a", "b"].map(|name| compile(format!("print('{name}')").as_bytes(), name).unwrap());
    let sorted = written([&chunks[1], &chunks[2], &chunks[0]]);
    assert_eq!(written(&chunks), sorted, "the same bytes");
    let folder = Folder::new("names");
    let arena = open(&folder.write(&sorted));
    let library: &Library<'_> = arena.root("programs").unwrap();
    assert_eq!((library.len(), library.is_empty()), (3, false));
    let state = State::new().unwrap();
    for name in ["a", "b", "c"] {
        // SAFETY: compiled above.
        let program = unsafe { library.program(name) }.unwrap();
        assert_eq!(state.load(program).unwrap().run().unwrap(), format!("{name}\n").into_bytes());
    }
    // SAFETY: as above.
    assert!(unsafe { library.program("d") }.is_none());
}

#[test]
fn two_chunks_of_one_name_and_bytes_that_are_no_chunk_are_refused_before_anything_is_placed() {
    let chunk = |name| compile(b"return 1", name).unwrap();
    // SAFETY: they do not begin like a binary chunk.
    let text = unsafe { Chunk::from_bytes("text", b"return 1") }.unwrap();
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let same = Library::place(&loader, &[chunk("a"), chunk("b"), chunk("a")]).unwrap_err();
    assert_eq!(same, LibraryError::SameName("a".to_owned()));
    let other = Library::place(&loader, [&chunk("a"), &text]).unwrap_err();
    assert_eq!(other, LibraryError::NotAChunk("text".to_owned()));
    loader.finish();
    assert_eq!(arena.stats().used, 0);
}

/// The words of the check for a file in which `change` made something else of the first place of `what`.
#[track_caller]
fn refused(what: &[u8], change: &[u8]) -> String {
    let mut bytes = written(&[compile(b"return 1", "one").unwrap(), compile(b"return 2", "two").unwrap()]);
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap();
    bytes[at..at + change.len()].copy_from_slice(change);
    let folder = Folder::new(&format!("refused-{at}"));
    match map(&folder.write(&bytes)) {
        Err(ImageError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_of_another_lua_or_of_something_else_is_refused_by_name() {
    assert!(refused(b"\x1bLua", b"text").contains("not a binary chunk of Lua 5.5"));
    assert!(refused(b"\x1bLua\x55", b"\x1bLua\x54").contains("not a binary chunk of Lua 5.5"));
}

#[test]
fn a_chunk_of_other_number_sizes_is_refused_by_lua_when_it_is_loaded() {
    let mut bytes = written(&[compile(b"return 1", "one").unwrap()]);
    let at = bytes.windows(4).position(|window| window == b"\x1bLua").unwrap();
    bytes[at + 6] ^= 1; // behind the version and the format
    let folder = Folder::new("sizes");
    let arena = open(&folder.write(&bytes));
    let refused = State::new().unwrap().load(programs(&arena)[0]).unwrap_err();
    assert_eq!(refused.kind(), LuaErrorKind::Syntax);
}

#[test]
fn a_library_is_one_type_at_every_lifetime() {
    fn is_own<'a, T: Permanent<At<'a> = T>>() {}
    is_own::<Library<'_>>();
    assert_eq!(size_of::<Library<'_>>(), 2 * size_of::<usize>());
}
