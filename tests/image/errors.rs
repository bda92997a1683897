//! The words of every error: what is wrong, and what to do.

use permacode::Error;
use permacode::image::{Digest, Distrust, ImageError};

#[test]
fn every_error_says_what_is_wrong_and_what_to_do() {
    let digest = Digest::from_bytes([0; 32]);
    for (error, what, then) in [
        (ImageError::StillOpen, "a module that is still open", "finish or seal it first"),
        (ImageError::ForeignSites, "sites of another arena", "promote it"),
        (ImageError::OtherArena { of: "A", module: "m".into() }, "a `A` in the module \"m\" of another", "promote it"),
        (
            ImageError::Executable { of: "u8", module: "jit".into() },
            "a `u8` in the machine code \"jit\"",
            "write what the code is made of",
        ),
        (ImageError::Version { bytes: 70_000, most: 65_536 }, "has 70000 bytes", "a root of its own"),
        (ImageError::Offset { offset: 100, page: 4096 }, "byte 100 of a file", "write it at one that is"),
        (ImageError::DuplicateRoot("a".into()), "two roots are called \"a\"", "give each a name of its own"),
        (ImageError::Interior { of: "A", to: "B" }, "a `&B` leads into the middle of a `A`", "let the value hold"),
        (ImageError::Alignment { of: "A", align: 8192 }, "alignment of 8192 bytes", "ask for a page at most"),
        (ImageError::Window { asked: 1, from: 16, to: 64, align: 8 }, "for 0x1", "choose a multiple of 0x8"),
        (ImageError::NoImage, "no image in this file", "that `ImageWriter` wrote"),
        (ImageError::Endianness, "other endianness", "write it anew here"),
        (ImageError::Format { expected: 1, found: 2 }, "format 2, expected 1", "write it anew with this version"),
        (ImageError::Word { expected: 8, found: 4 }, "4 bytes, expected 8", "write it anew here"),
        (ImageError::Length { expected: 8, found: 4 }, "has 4 bytes, expected 8", "write it anew"),
        (ImageError::Header("x y"), "header of the image is damaged: x y", "write it anew"),
        (ImageError::Index("x y"), "index of the image is damaged: x y", "write it anew"),
        (ImageError::Digest { expected: digest, found: digest }, "has the digest 00", "write it anew"),
        (ImageError::Untrusted(Distrust::SymbolicLink), "a symbolic link", "name the file itself"),
        (ImageError::Untrusted(Distrust::Owner { found: 5 }), "the user 5", "`ImageOptions::trust_owner`"),
        (ImageError::Untrusted(Distrust::Writable { mode: 0o100_666 }), "mode 666", "take that right away"),
        (ImageError::Untrusted(Distrust::NotAFile), "a folder, a device or a pipe", "name a regular file"),
        (ImageError::NotSealed, "not a memory file that is sealed", "`Image::load`"),
        (ImageError::NoRoot("a".into()), "no root called \"a\"", "`Image::roots`"),
        (
            ImageError::Parent { expected: Some(digest), found: digest },
            "stands on the one with the digest 00",
            "open the first",
        ),
        (ImageError::Parent { expected: None, found: digest }, "stands on no other one", "open it by itself"),
        (ImageError::NoParent(digest), "stands on the one with the digest 00", "put this one `on` it"),
        (ImageError::NoImageBelow, "this arena began with none", "write without `layer`"),
        (ImageError::Arena(Error::NoParent), "the arena of the image was not made", "put this one `on` it"),
        (ImageError::NotChecked { of: "A" }, "no value of type `A` was checked", "references to all types"),
        (ImageError::BadValue { of: "A".into(), at: 3, why: "x y" }, "at byte 3 of its code, in a `A`: x y", "anew"),
        (ImageError::Refused { of: "A".into(), at: 3, why: "x y".into() }, "refused the value at byte 3", "anew"),
        (ImageError::Cycle { of: "A".into(), at: 3 }, "the `A` at byte 3", "use a `Link`"),
        (ImageError::TooLarge, "larger than the address space", "write it in parts"),
        (ImageError::Memory { bytes: 7 }, "no memory for 7 bytes", "raise the limit"),
        (
            ImageError::System { call: "c d", kind: std::io::ErrorKind::Other, code: libc::ENOSPC },
            "c d failed",
            "No space left",
        ),
    ] {
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(then), "{error:?}: {text}");
    }
}
