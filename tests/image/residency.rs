//! What the kernel says of an arena that begins with an image: which of it is in memory, shared, sealed and clean.

use crate::program::{self, assert_is_large};
use permacode::CodeArena;
use permacode::image::{Image, NotShared};
use permacode::residency::{Backing, PageState, Permissions, Residency, Unclean};
use permacode_model::ImageFile;
use std::ops::Range;
use std::slice::from_ref as one;

const SHARED: Permissions = Permissions { read: true, write: false, execute: false, shared: true };
const COPIED: Permissions = Permissions { shared: false, ..SHARED };

/// Runs a test in a process of its own. Other tests of this one fork children meanwhile, and what these have too is no process's own.
fn alone(test: impl FnOnce()) {
    permacode_witness::in_child(test);
}

/// Bytes of the halves, and of what lies in front of them in the file.
fn sizes(bytes: &[u8]) -> (usize, usize, usize) {
    let file = ImageFile::of(bytes);
    let (linked, leaf) = (file.linked.len(), file.leaf.len());
    (linked, leaf, bytes.len() - linked - leaf - file.marks.len())
}

/// Reads a byte of each page of the code of an arena's image.
fn read_all(arena: &CodeArena, len: usize) {
    let start = arena.address_range().start as *const u8;
    for at in (0..len).step_by(4096) {
        // SAFETY: within the code of the image, which can be read while the arena is borrowed.
        unsafe { start.add(at).read_volatile() };
    }
}

/// What the kernel says, once each page of the code of the image was read.
fn residency(arena: &CodeArena, len: usize) -> Residency {
    read_all(arena, len);
    let residency = arena.residency().unwrap();
    assert_eq!(residency.range(), arena.address_range());
    assert_eq!(residency.check_clean(), Ok(()), "{residency}");
    residency
}

fn mapped(residency: &Residency) -> Vec<(Range<usize>, Permissions, Backing)> {
    let accessible = residency.mappings().iter().filter(|mapping| mapping.accessible());
    accessible.map(|mapping| (mapping.range.clone(), mapping.permissions, mapping.backing)).collect()
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn at_its_window_nothing_of_an_image_is_this_process_s_own() {
    alone(|| {
        let bytes = program::large("resident at its window");
        let (linked, leaf, front) = sizes(&bytes);
        let len = linked + leaf;
        let arena = program::checked_large(&bytes).open().unwrap();
        assert_eq!(arena.why_not_shared(), None);
        let start = arena.address_range().start;
        let of_image = residency(&arena, len);
        assert_eq!((of_image.resident(), of_image.private_dirty(), of_image.swapped()), (len, 0, 0), "{of_image}");
        assert_eq!(of_image.sealed(), one(&(start..start + len)));
        assert_eq!((of_image.check_not_copied(), of_image.copied()), (Ok(()), (0, len)));
        // The mapping has the header and the index too, which are no code.
        assert_eq!(mapped(&of_image), [(start - front..start + len, SHARED, Backing::MemoryFile)]);
        permacode_witness::in_child(|| {
            let of_child = residency(&arena, len);
            assert_eq!((of_child.shared(), of_child.resident()), (len, len), "{of_child}");
            arena.assert_not_copied();
        });
    });
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn an_image_that_nobody_else_maps_is_told_from_a_copy() {
    alone(|| {
        let bytes = program::large("resident alone");
        let (linked, leaf, _) = sizes(&bytes);
        // SAFETY: written right above. A check would map the file a second time, which looks as if somebody else did.
        let image = unsafe { Image::open_sealed(program::sealed(&bytes)).unwrap().trust() };
        let arena = image.open().unwrap();
        assert_eq!(arena.why_not_shared(), None);
        let alone = residency(&arena, linked + leaf);
        assert_eq!((alone.shared(), alone.bytes(PageState::MappedHereOnly)), (0, linked + leaf), "{alone}");
        assert_eq!((alone.check_not_copied(), alone.private_dirty()), (Ok(()), 0));
        assert_is_large(&arena, "resident alone");
    });
}

#[test]
fn moved_the_linked_half_of_an_image_is_a_copy_and_the_leaf_half_is_shared() {
    alone(|| {
        let bytes = program::large("resident elsewhere");
        let (linked, leaf, _) = sizes(&bytes);
        let len = linked + leaf;
        let arena = program::elsewhere(&program::checked_large(&bytes));
        assert_eq!(arena.why_not_shared(), Some(&NotShared::Asked));
        let start = arena.address_range().start;
        let (border, end) = (start + linked, start + len);
        let of_image = residency(&arena, len);
        assert_eq!((of_image.resident(), of_image.private_dirty()), (len, linked), "{of_image}");
        assert_eq!(of_image.sealed(), one(&(start..end)), "both halves, put together");
        assert_eq!(of_image.check_not_copied(), Err(Unclean::Copied { range: start..border }));
        assert_eq!(of_image.copied(), (linked, len));
        let mapped_here = mapped(&of_image);
        assert_eq!(
            mapped_here,
            [(start..border, COPIED, Backing::Anonymous), (border..end, SHARED, Backing::MemoryFile)]
        );
        permacode_witness::in_child(|| {
            let of_child = residency(&arena, len);
            assert_eq!((of_child.shared(), of_child.resident()), (len, len), "{of_child}");
            arena.assert_not_copied();
        });
        // A page of the copy that can be written is found.
        permacode_witness::in_child(|| {
            let page = border - 4096..border;
            // SAFETY: whole pages of the child's own, to which nobody writes.
            let changed = unsafe { libc::mprotect(page.start as *mut _, 4096, libc::PROT_READ | libc::PROT_WRITE) };
            assert_eq!(changed, 0);
            let permissions = Permissions { write: true, ..COPIED };
            assert_eq!(arena.residency().unwrap().check_clean(), Err(Unclean::Writable { range: page, permissions }));
        });
        // Hardened, it is a memory file, and nobody's copy.
        arena.harden().unwrap();
        let hardened = residency(&arena, len);
        assert_eq!((hardened.private_dirty(), hardened.copied()), (0, (0, len)), "{hardened}");
        assert!(mapped(&hardened).iter().all(|mapping| mapping.2 == Backing::MemoryFile), "{hardened}");
        assert_is_large(&arena, "resident elsewhere");
    });
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn a_module_that_is_sealed_behind_an_image_is_sealed_code_with_it() {
    alone(|| {
        let bytes = program::large("resident with more");
        let (linked, leaf, _) = sizes(&bytes);
        let len = linked + leaf;
        let image = program::checked_large(&bytes);
        for (arena, copied) in [(image.open().unwrap(), 0), (program::elsewhere(&image), linked)] {
            assert_eq!(arena.why_not_shared().is_none(), copied == 0);
            let start = arena.address_range().start;
            let loader = arena.load("more").unwrap();
            let more = loader.alloc_slice_copy(&[7u8; 10_000]).unwrap();
            let of_more = |residency: &Residency| {
                let address = more.as_ptr().addr();
                residency.sealed().iter().any(|sealed| sealed.contains(&address) && sealed.contains(&(address + 9_999)))
            };
            let open = residency(&arena, len);
            assert_eq!(open.sealed(), one(&(start..start + len)), "what is open is not sealed");
            assert!(!of_more(&open) && open.resident() >= len + 10_000 && open.private_dirty() >= copied + 10_000);
            let pages = loader.seal().unwrap().protection();
            assert!(pages >= permacode::code::Protection::ReadOnly);
            let sealed = residency(&arena, len);
            assert!(of_more(&sealed), "{sealed}");
            let [whole] = sealed.sealed() else { panic!("not put together: {:x?}", sealed.sealed()) };
            assert!(whole.start == start && whole.len() >= len + 10_000, "{whole:x?}");
            assert_eq!(
                sealed.copied(),
                (copied + whole.len() - len, whole.len()),
                "its loader made the pages of `more`"
            );
            assert_eq!(sealed.private_dirty(), sealed.copied().0);
            // One that is open behind it stays out.
            let loader = arena.load("open").unwrap();
            loader.alloc_slice_copy(&[8u8; 10_000]).unwrap();
            assert_eq!(residency(&arena, len).sealed(), one(whole));
            drop(loader);
            arena.assert_clean();
            permacode_witness::in_child(|| {
                let of_child = residency(&arena, len);
                assert_eq!(of_child.sealed(), one(whole));
                assert_eq!(of_child.copied(), (0, whole.len()), "{of_child}");
            });
            assert_is_large(&arena, "resident with more");
        }
    });
}
