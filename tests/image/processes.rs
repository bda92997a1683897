//! Several processes on one image: what they share, by the kernel's word.

use crate::output::Folder;
use crate::program::{self, Code, assert_is};
use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, SideTable};
use permacode_model::ImageFile;
use permacode_witness::{self as witness, Child, End, namespace};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Kilobytes of a process in some mappings, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kilobytes {
    rss: usize,
    pss: usize,
    /// In pages that no other process has.
    private: usize,
    /// In pages that are no file's.
    anonymous: usize,
}

/// What a process has of a file: in the mapping at its window, and wherever it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    window: Kilobytes,
    file: Kilobytes,
}

fn share(pid: i32, window: &Range<usize>, file: &str) -> Share {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut share = Share { window: Kilobytes::default(), file: Kilobytes::default() };
    let (mut in_window, mut in_file) = (false, false);
    for line in smaps.lines() {
        if let Some((range, _)) = line.split_once(' ').filter(|(range, _)| range.contains('-')) {
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap());
            (in_window, in_file) = (start < window.end && end > window.start, line.ends_with(file));
            continue;
        }
        let mut words = line.split_whitespace();
        let (kind, count) = (words.next(), words.next().and_then(|count| count.parse().ok()).unwrap_or(0));
        for (_, sum) in [(in_window, &mut share.window), (in_file, &mut share.file)].into_iter().filter(|(is, _)| *is) {
            match kind {
                Some("Rss:") => sum.rss += count,
                Some("Pss:") => sum.pss += count,
                Some("Private_Clean:" | "Private_Dirty:") => sum.private += count,
                Some("Anonymous:") => sum.anonymous += count,
                _ => {}
            }
        }
    }
    share
}

/// Writes an image of a thousand functions, all of them led to by its root; returns its path, and the addresses of what is mapped for it: its code,
/// with its header and its index in front of it.
fn write(folder: &Folder, name: &str) -> (PathBuf, Range<usize>) {
    let path = folder.join("image");
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let all: Vec<&Code<'_>> = (0..1000).map(|_| program::load(&loader, name).unwrap()).collect();
    let all: &&[&Code<'_>] = loader.alloc(loader.alloc_slice_copy(&all).unwrap()).unwrap();
    loader.finish();
    ImageWriter::new(&arena).version(name).root("all", all).unwrap().write(&path).unwrap();
    let file = ImageFile::of(&std::fs::read(&path).unwrap());
    let (window, code) = (file.window() as usize, file.linked.len() + file.leaf.len());
    let front = std::fs::metadata(&path).unwrap().len() as usize - code - file.marks.len();
    (path, window - front..window + code)
}

fn map(path: &Path) -> CodeArena {
    // SAFETY: the test writes the file once.
    unsafe { Image::map(path) }.unwrap().check::<&[&Code<'_>]>().unwrap().open().unwrap()
}

/// Reads everything that the image has, and counts each function in a table beside it, as an interpreter that runs does.
fn read_all(code: &CodeArena, name: &str) {
    let all: &&[&Code<'_>] = code.root("all").unwrap();
    assert_eq!(all.len(), 1000);
    let table: SideTable<'_, Cell<u32>> = SideTable::builder(code).build().unwrap();
    for (number, code) in (1..).zip(*all) {
        assert_eq!(
            (&*code.name, code.ops, code.kind, code.sites.len()),
            (name, &[1, 2, 3, 4, 5][..], program::Kind::Function, name.len())
        );
        assert!(format!("{:?} {:?} {:?}", code.consts, code.lines, code.doc).len() > 300);
        table.of(code.sites).unwrap()[0].set(number);
    }
    let sum: u32 = all.iter().map(|code| table.of(code.sites).unwrap()[0].get()).sum();
    assert_eq!(sum, 1000 * 1001 / 2);
}

/// Runs `open` in so many processes, not related but by their parent, and looks at all of them while each has what it opened. `None` if one of them
/// could not begin.
fn together(
    count: usize,
    (window, file): (&Range<usize>, &str),
    open: impl Fn(usize) -> io::Result<CodeArena>,
) -> Option<Vec<Share>> {
    let mut children = Vec::new();
    for number in 0..count {
        let (here, mut there) = UnixStream::pair().unwrap();
        let child = Child::fork(|| {
            let opened = open(number);
            there.write_all(&[opened.is_ok().into()]).unwrap();
            // Until it is looked at.
            let _ = there.read(&mut [0]);
            drop(opened);
            0
        });
        children.push((child.unwrap(), here));
    }
    let mut begun = Vec::new();
    for (_, socket) in &mut children {
        let mut byte = [9];
        socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        socket.read_exact(&mut byte).expect("a child that failed");
        begun.push(byte == [1]);
    }
    let shares: Vec<Share> = children.iter().map(|(child, _)| share(child.pid(), window, file)).collect();
    for (child, mut socket) in children {
        socket.write_all(&[1]).unwrap();
        assert_eq!(child.wait().unwrap(), End::Code(0));
    }
    let is_begun = begun.iter().all(|begun| *begun);
    // Each has looked at the same parts of the file, beside its window too.
    assert!(!is_begun || shares.iter().all(|share| share.file.private == 0), "{shares:?}");
    is_begun.then_some(shares)
}

/// All have the whole image, nobody something of its own, and together they have it once.
#[track_caller]
fn assert_shared(shares: &[Share], window: &Range<usize>, path: &Path) {
    let (count, all) = (shares.len(), window.len() / 1024);
    let file = std::fs::metadata(path).unwrap().len() as usize / 1024;
    for Share { window, file } in shares {
        assert_eq!((window.rss, window.private, window.anonymous), (all, 0, 0), "{shares:?}");
        assert_eq!(file.anonymous, 0, "{shares:?}");
        assert!(window.pss <= window.rss / count + 1, "{shares:?}");
    }
    // Each mapping is rounded down to whole kilobytes.
    let sum: usize = shares.iter().map(|share| share.file.pss).sum();
    assert!((all - 3 * count..=file + 4).contains(&sum), "{sum} of {all} or {file}: {shares:?}");
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn two_four_and_eight_processes_have_each_page_of_an_image_once() {
    for count in [2, 4, 8] {
        let folder = Folder::new(&format!("together_{count}"));
        let (path, window) = write(&folder, "together");
        let open = |_| {
            let code = map(&path);
            assert_eq!(code.why_not_shared(), None);
            read_all(&code, "together");
            Ok(code)
        };
        let shares = together(count, (&window, path.to_str().unwrap()), open).unwrap();
        assert_shared(&shares, &window, &path);
    }
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn processes_of_two_users_have_each_page_once() {
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        return witness::skipped("an image that two users share", "only root becomes somebody else");
    }
    let folder = Folder::new("two_users");
    let (path, window) = write(&folder, "two_users");
    let open = |number: usize| {
        let user = [0, 65534, 12345, 12345][number];
        // SAFETY: the child's own users and groups.
        assert_eq!(unsafe { libc::setresgid(user, user, user) | libc::setresuid(user, user, user) }, 0);
        let code = map(&path);
        assert_eq!(code.why_not_shared(), None);
        read_all(&code, "two_users");
        Ok(code)
    };
    let shares = together(4, (&window, path.to_str().unwrap()), open).unwrap();
    assert_shared(&shares, &window, &path);
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn processes_that_were_given_sealed_memory_have_each_page_once() {
    let folder = Folder::new("given");
    let (path, window) = write(&folder, "given");
    let sealed = program::sealed(&std::fs::read(&path).unwrap());
    let open = |_| {
        let image = Image::open_sealed(sealed.try_clone()?).unwrap();
        let code = image.check::<&[&Code<'_>]>().unwrap().open().unwrap();
        assert_eq!(code.why_not_shared(), None);
        read_all(&code, "given");
        Ok(code)
    };
    let shares = together(4, (&window, "/memfd:test (deleted)"), open).unwrap();
    assert_shared(&shares, &window, &path);
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn forked_children_read_what_their_parent_opened_and_copy_nothing() {
    let folder = Folder::new("forked");
    let (path, window) = write(&folder, "forked");
    // A parent of its own, with one thread, that forks what it opened.
    witness::in_child(|| {
        let code = map(&path);
        read_all(&code, "forked");
        let children = (0..4).map(|_| UnixStream::pair().unwrap()).map(|(here, mut there)| {
            let child = Child::fork(|| {
                read_all(&code, "forked");
                there.write_all(&[1]).unwrap();
                let _ = there.read(&mut [0]);
                0
            });
            (child.unwrap(), here)
        });
        let mut children: Vec<_> = children.collect();
        children.iter_mut().for_each(|(_, socket)| socket.read_exact(&mut [0]).unwrap());
        let pids = children.iter().map(|(child, _)| child.pid()).chain([std::process::id() as i32]);
        let shares: Vec<_> = pids.map(|pid| share(pid, &window, path.to_str().unwrap())).collect();
        assert_shared(&shares, &window, &path);
        for (child, mut socket) in children {
            socket.write_all(&[1]).unwrap();
            assert_eq!(child.wait().unwrap(), End::Code(0));
        }
    });
}

/// Two containers, each with mounts and a writable layer of its own, on one layer that has the image.
#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn containers_on_one_layer_have_each_page_once() {
    let folder = Folder::new("layers");
    for name in ["lower", "upper0", "work0", "upper1", "work1", "merged"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let (path, window) = write(&folder, "layers");
    std::fs::rename(&path, folder.join("lower/image")).unwrap();
    let merged = folder.join("merged");
    let mounted = |number: usize| {
        namespace::own_mounts()?;
        let layer = |name: &str| folder.join(name).display().to_string();
        let [upper, work] = ["upper", "work"].map(|name| layer(&format!("{name}{number}")));
        let words = format!("lowerdir={},upperdir={upper},workdir={work}", layer("lower"));
        namespace::mount_with(Path::new("overlay"), &merged, "overlay", 0, &words)?;
        std::fs::write(merged.join("own"), number.to_string())
    };
    let open = |number: usize| {
        mounted(number)?;
        let code = map(&merged.join("image"));
        assert_eq!(code.why_not_shared(), None);
        assert_eq!(std::fs::read_to_string(merged.join("own")).unwrap(), number.to_string());
        read_all(&code, "layers");
        Ok(code)
    };
    match together(2, (&window, merged.join("image").to_str().unwrap()), open) {
        Some(shares) => assert_shared(&shares, &window, &folder.join("lower/image")),
        None => witness::skipped("two containers on one layer", "this user may mount no overlay"),
    }
}

// soundness S19: an image is no more writable than sealed code.
#[test]
fn a_write_to_an_image_ends_the_process() {
    let image = Image::open_sealed(program::sealed(&program::image("written"))).unwrap();
    let image = image.check::<Code<'_>>().unwrap();
    let (there, elsewhere) = (image.open().unwrap(), program::elsewhere(&image));
    for code in [&there, &elsewhere] {
        let main: &Code<'_> = code.root("main").unwrap();
        let address = std::ptr::from_ref(main).expose_provenance();
        assert_eq!(witness::store(address), witness::stopped(address));
        let leaf = main.ops.as_ptr().expose_provenance();
        assert_eq!(witness::store(leaf), witness::stopped(leaf));
        assert_is(main, "written");
    }
}
