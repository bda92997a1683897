//! Every reason why an image is not written or not opened, reached by something made for it.

use crate::program::{self, Code};
use permacode::image::{Digest, Distrust, Image, ImageError, ImageWriter};
use permacode::{CodeArena, CodeRef, DualArena, Mappable, Permanent, Sites, Transients};

#[derive(Debug, Permanent, Mappable)]
#[repr(u8)]
enum Inside<'a> {
    Text(&'a str),
}

#[derive(Permanent, Mappable)]
#[repr(C, align(8192))]
struct Page(u8);

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let write = |writer: ImageWriter<'_>| writer.write_to(&mut Vec::new()).unwrap_err();
    let open = loader.alloc(1u8).unwrap();
    assert_eq!(write(ImageWriter::new(&arena).root("open", open).unwrap()), ImageError::StillOpen);
    let inside: &Inside<'_> = loader.alloc(Inside::Text(loader.alloc_str("t").unwrap())).unwrap();
    let Inside::Text(text) = inside;
    let both: &(&Inside<'_>, &&str) = loader.alloc((inside, text)).unwrap();
    let page = loader.alloc(Page(1)).unwrap();
    let other = CodeArena::new().unwrap();
    let sites: &Sites = loader.alloc(other.load("m").unwrap().sites(1).unwrap()).unwrap();
    loader.seal().unwrap();
    assert_eq!(
        write(ImageWriter::new(&arena).root("both", both).unwrap()),
        ImageError::Interior { of: "Inside", to: "&str" }
    );
    assert_eq!(
        write(ImageWriter::new(&arena).root("page", page).unwrap()),
        ImageError::Alignment { of: "Page", align: 8192 }
    );
    assert_eq!(write(ImageWriter::new(&arena).root("sites", sites).unwrap()), ImageError::ForeignSites);
    let twice = ImageWriter::new(&arena).root("a", inside).unwrap().root("a", inside);
    assert_eq!(twice.unwrap_err(), ImageError::DuplicateRoot("a".into()));
}

#[test]
fn sites_of_transient_code_are_refused() {
    let arenas = DualArena::new().unwrap();
    let transients = Transients::new(&arenas.code, &arenas.heap);
    let code: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| program::load(loader, "eval")).unwrap();
    let writer = ImageWriter::new(&arenas.code).root("eval", code.get()).unwrap();
    assert_eq!(writer.write_to(&mut Vec::new()).unwrap_err(), ImageError::ForeignSites);
}

#[test]
fn a_version_is_kept_up_to_64_kib_and_refused_above() {
    let arena = CodeArena::new().unwrap();
    let sealed = |bytes: usize| ImageWriter::new(&arena).version(&"v".repeat(bytes)).seal();
    for bytes in [0, 1, 424, 425, 4096, 64 << 10] {
        let image = Image::open_sealed(sealed(bytes).unwrap()).unwrap();
        assert_eq!((image.version().len(), image.version().trim_matches('v')), (bytes, ""));
    }
    let refused = sealed((64 << 10) + 1).unwrap_err();
    assert_eq!(refused, ImageError::Version { bytes: (64 << 10) + 1, most: 64 << 10 });
}

// Machine code runs where it was written for: an image would give back bytes that do not run, and nobody would be told.
#[test]
fn machine_code_is_refused_sealed_or_not() {
    const RETURN: [u8; 1] = [0xc3];
    let arena = CodeArena::new().unwrap();
    let (jit, kept) = (arena.load_native("jit").unwrap(), arena.load_native("sealed as data").unwrap());
    let (code, data) = (jit.alloc(&RETURN, 1).unwrap(), kept.alloc(&RETURN, 1).unwrap());
    let open: &&[u8] = arena.load("m").unwrap().alloc(code).unwrap();
    arena.seal().unwrap();
    let refused = |root| ImageWriter::new(&arena).root("code", root).unwrap().write_to(&mut Vec::new()).unwrap_err();
    assert_eq!(refused(open), ImageError::StillOpen);
    jit.seal().unwrap();
    drop(kept);
    arena.seal().unwrap();
    let loader = arena.load("more").unwrap();
    let (code, data): (&&[u8], &&[u8]) = (loader.alloc(code).unwrap(), loader.alloc(data).unwrap());
    let copy: &&[u8] = loader.alloc(loader.alloc_slice_copy(code).unwrap()).unwrap();
    loader.seal().unwrap();
    assert_eq!(refused(code), ImageError::Executable { of: "u8", module: "jit".into() });
    assert_eq!(refused(data), ImageError::Executable { of: "u8", module: "sealed as data".into() });
    // A copy is data.
    assert!(ImageWriter::new(&arena).root("copy", copy).unwrap().write_to(&mut Vec::new()).is_ok());
}

fn opening(bytes: &[u8]) -> ImageError {
    Image::open_sealed(program::sealed(bytes)).unwrap_err()
}

#[test]
fn what_is_no_image_of_this_machine_is_refused_with_what_was_expected() {
    let good = program::image("outer");
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        opening(&bad)
    };
    assert_eq!(opening(b"short"), ImageError::NoImage);
    assert_eq!(with(0, b'x'), ImageError::NoImage);
    assert_eq!(with(8, 0xff), ImageError::Endianness);
    assert_eq!(with(16, 9), ImageError::Format { expected: 2, found: 9 });
    assert_eq!(with(24, 4), ImageError::Word { expected: 8, found: 4 });
    assert!(matches!(with(33, 1), ImageError::Header(_)));
    let len = good.len() as u64;
    assert_eq!(opening(&good[..good.len() - 1]), ImageError::Length { expected: len, found: len - 1 });
    assert_eq!(opening(&[&good[..], b"x"].concat()), ImageError::Length { expected: len, found: len + 1 });
    // The highest byte of the first count.
    assert!(matches!(with(4096 + 31, 0xff), ImageError::Index(_)));
}

// soundness S39: each is a value that says what was expected and what was found.
#[test]
fn roots_of_another_name_or_type_and_those_that_nobody_checked_are_refused() {
    let image = Image::open_sealed(program::sealed(&program::image("outer"))).unwrap();
    let code = image.open().unwrap();
    assert_eq!(code.root::<Code<'_>>("main").unwrap_err(), ImageError::NotChecked { of: "Code" });
    assert_eq!(code.root::<Code<'_>>("mains").unwrap_err(), ImageError::NoRoot("mains".into()));
    let other = code.root::<u32>("main").unwrap_err();
    assert_eq!(other.to_string(), "the root is a `Code`, expected a `u32`");
    mod newer {
        use super::*;
        #[derive(Debug, Permanent, Mappable)]
        pub struct Code<'a> {
            pub name: &'a str,
        }
    }
    let newer = code.root::<newer::Code<'_>>("main").unwrap_err();
    assert_eq!(
        newer.to_string(),
        "the root is another `Code` than this program's: `Code` has `name: Name at 0` in the image, and `name: &str at 0` here. Write the \
         image anew with this program"
    );
    // A check of another type proves nothing of this one.
    let code = image.check::<&str>().unwrap().open().unwrap();
    assert_eq!(code.root::<Code<'_>>("main").unwrap_err(), ImageError::NotChecked { of: "Code" });
}

#[test]
fn a_changed_bit_is_found_by_the_digest_and_a_pin_by_another_digest() {
    let mut bytes = program::image("outer");
    let digest = Image::open_sealed(program::sealed(&bytes)).unwrap().digest();
    let image = Image::open_sealed(program::sealed(&bytes)).unwrap();
    assert_eq!(image.verify(), Ok(()));
    assert!(image.clone().pin(digest).is_ok());
    let other = Digest::from_bytes([1; 32]);
    assert_eq!(image.pin(other).unwrap_err(), ImageError::Digest { expected: other, found: digest });
    let last = bytes.len() - 1;
    for at in [8192, last] {
        bytes[at] ^= 1;
        let image = Image::open_sealed(program::sealed(&bytes)).unwrap();
        let Err(ImageError::Digest { expected, found }) = image.verify() else { panic!("byte {at}") };
        assert!(expected == digest && found != digest);
        assert!(image.pin(digest).is_err());
        bytes[at] ^= 1;
    }
}

// soundness S22: each seal counts.
#[test]
fn a_memory_file_that_lacks_a_seal_is_refused() {
    use std::io::Write;
    use std::os::fd::{AsRawFd, FromRawFd};
    let bytes = program::image("outer");
    let all = [libc::F_SEAL_WRITE, libc::F_SEAL_GROW, libc::F_SEAL_SHRINK];
    for left_out in all.map(Some).into_iter().chain([None]) {
        // SAFETY: a string that ends with a zero, and flags. The descriptor is new.
        let mut file =
            unsafe { std::fs::File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_ALLOW_SEALING)) };
        file.write_all(&bytes).unwrap();
        for seal in all.into_iter().filter(|seal| Some(*seal) != left_out) {
            // SAFETY: an open file, and a flag.
            assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seal) }, 0);
        }
        match (left_out, Image::open_sealed(file)) {
            (None, opened) => assert!(opened.is_ok()),
            (Some(_), refused) => assert_eq!(refused.unwrap_err(), ImageError::NotSealed),
        }
    }
}

#[test]
fn files_that_others_may_have_written_are_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = crate::output::Folder::new("trust");
    let path = folder.join("image");
    std::fs::write(&path, program::image("outer")).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(Image::load(&path).is_ok());
    for bad in [0o664, 0o646] {
        mode(bad);
        let refused = Image::load(&path).unwrap_err();
        assert_eq!(refused, ImageError::Untrusted(Distrust::Writable { mode: 0o100_000 | bad }));
    }
    mode(0o400);
    let (linked, hard) = (folder.join("linked"), folder.join("hard"));
    symlink(&path, &linked).unwrap();
    assert_eq!(Image::load(&linked).unwrap_err(), ImageError::Untrusted(Distrust::SymbolicLink));
    std::fs::hard_link(&path, &hard).unwrap();
    assert!(Image::load(&hard).is_ok(), "a hard link gives nobody the right to write");
    assert_eq!(Image::load(folder.path()).unwrap_err(), ImageError::Untrusted(Distrust::NotAFile));
    let pipe = folder.join("pipe");
    let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    assert_eq!(Image::load(&pipe).unwrap_err(), ImageError::Untrusted(Distrust::NotAFile));
    assert!(matches!(Image::load(folder.join("none")), Err(ImageError::System { code: libc::ENOENT, .. })));
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } == 0 {
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let refused = ImageError::Untrusted(Distrust::Owner { found: 12345 });
        assert_eq!(Image::load(&path).unwrap_err(), refused);
        let others = Image::options().trust_owner(4711);
        assert_eq!(others.load(&path).unwrap_err(), refused);
        let trusted = others.trust_owner(12345);
        assert!(trusted.load(&path).is_ok());
        // SAFETY: nobody writes to it.
        unsafe {
            assert!(trusted.map(&path).is_ok());
            assert_eq!(Image::map(&path).unwrap_err(), refused);
        }
        mode(0o464);
        let writable = ImageError::Untrusted(Distrust::Writable { mode: 0o100_464 });
        assert_eq!(trusted.load(&path).unwrap_err(), writable, "an owner is trusted, and nobody else");
    } else {
        println!("not run: only root gives files away");
    }
}

// Names and text as much as values: a copy would be another block, and nothing would say so.
#[test]
fn blocks_of_an_arena_that_is_kept_are_refused_with_the_type_and_the_module() {
    use permacode::Owned;
    use std::sync::Arc;
    type Words<'a> = (&'a str, &'a [u16]);
    let arenas = [(); 3].map(|()| Arc::new(CodeArena::new().unwrap()));
    let core: Owned<str> = Owned::load(&arenas[0], "core", |loader| loader.alloc_str("print")).unwrap();
    let numbers: Owned<[u16]> = Owned::load(&arenas[1], "numbers", |loader| {
        loader.at(&core)?;
        loader.alloc_slice_copy(&[1, 2])
    })
    .unwrap();
    let loader = arenas[2].load("m").unwrap();
    let both: &Words<'_> = loader.alloc((loader.at(&core).unwrap(), loader.at(&numbers).unwrap())).unwrap();
    let own: &Words<'_> = loader.alloc((loader.alloc_str("own").unwrap(), &[3, 4][..])).unwrap();
    loader.seal().unwrap();
    let write = |root| ImageWriter::new(&arenas[2]).root("root", root).unwrap().write_to(&mut Vec::new());
    assert_eq!(write(own).map(|report| report.copied), Ok(1), "a constant of the program");
    let refused = write(both).unwrap_err();
    assert_eq!(refused, ImageError::OtherArena { of: "str", module: "core".into() });

    // Those that a kept arena keeps, too: the second keeps the first, and the third one the second.
    let third = Arc::new(CodeArena::new().unwrap());
    let loader = third.load("m").unwrap();
    loader.at(&numbers).unwrap();
    let text: &&str = loader.alloc(both.0).unwrap();
    loader.seal().unwrap();
    let refused = ImageWriter::new(&third).root("text", text).unwrap().write_to(&mut Vec::new()).unwrap_err();
    assert_eq!(refused, ImageError::OtherArena { of: "str", module: "core".into() });
}
