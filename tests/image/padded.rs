//! Blocks of `alloc_padded`: their alignment, and the zeros behind, wherever an image lies and however often it is written.

use crate::program::{elsewhere, sealed};
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Mappable, Permanent};
use permacode_model::ImageFile;

#[derive(Permanent, Mappable)]
struct Contract<'a> {
    code: &'a [u8],
    align: usize,
    zeros: usize,
}

const KINDS: [(usize, usize); 6] = [(64, 33), (1, 5), (4096, 0), (64, 0), (16, 100), (1024, 1)];

/// Contracts that refer to their code alone, and not to the zeros behind it. Between them lie bytes of no alignment.
fn load(arena: &CodeArena) -> &&[Contract<'_>] {
    let loader = arena.load("contracts").unwrap();
    let contracts = loader.alloc_slice_try_fill_with(2 * KINDS.len(), |i| {
        let (align, zeros) = KINDS[i / 2];
        let text = [7, i as u8 + 1, 9];
        let (code, align, zeros) = match i % 2 {
            0 => (&loader.alloc_padded(&text, align, zeros)?[..3], align, zeros),
            _ => (loader.alloc_slice_copy(&text)?, 1, 0),
        };
        Ok::<_, permacode::Error>(Contract { code, align, zeros })
    });
    let contracts = loader.alloc(contracts.unwrap()).unwrap();
    loader.seal().unwrap();
    contracts
}

fn write(arena: &CodeArena, contracts: &&[Contract<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ImageWriter::new(arena).root("contracts", contracts).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

fn open(bytes: &[u8]) -> Image {
    Image::open_sealed(sealed(bytes)).unwrap().check::<&[Contract<'_>]>().unwrap()
}

fn assert_padded(arena: &CodeArena) {
    let contracts = arena.root::<&[Contract<'_>]>("contracts").unwrap();
    for (i, contract) in contracts.iter().enumerate() {
        assert_eq!(contract.code, [7, i as u8 + 1, 9]);
        assert_eq!(contract.code.as_ptr().addr() % contract.align, 0, "{i}");
        let all = std::ptr::slice_from_raw_parts(contract.code.as_ptr(), 3 + contract.zeros);
        assert!(arena.contains(all.cast::<u8>().wrapping_add(2 + contract.zeros)));
        // SAFETY: bytes of the image, by the line above, which nobody writes to.
        assert!(unsafe { &*all }[3..].iter().all(|&byte| byte == 0), "{i}");
    }
}

#[test]
fn alignment_and_zeros_are_kept_at_the_window_elsewhere_and_when_written_again() {
    let arena = CodeArena::new().unwrap();
    let bytes = write(&arena, load(&arena));
    let image = open(&bytes);
    let (first, moved) = (image.open().unwrap(), elsewhere(&image));
    assert_padded(&first);
    assert_padded(&moved);
    for arena in [&first, &moved] {
        let again = write(arena, arena.root("contracts").unwrap());
        assert!(again == bytes, "the same bytes from what was opened");
        assert_padded(&elsewhere(&open(&again)));
    }
}

// soundness S38
#[test]
fn alignment_depends_on_what_was_asked_for_and_not_on_where_a_block_lies() {
    let bytes = |before: usize| {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("before").unwrap();
        loader.alloc_slice_copy(&vec![1u8; before]).unwrap();
        loader.finish();
        write(&arena, load(&arena))
    };
    let first = bytes(0);
    assert!([1, 40, 64, 5000].into_iter().all(|before| bytes(before) == first));
}

#[test]
fn an_alignment_above_a_page_is_refused_by_name() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code: &&[u8] = loader.alloc(loader.alloc_padded(&[1], 8192, 0).unwrap()).unwrap();
    loader.seal().unwrap();
    let refused = ImageWriter::new(&arena).root("code", code).unwrap().write_to(&mut Vec::new()).unwrap_err();
    assert_eq!(refused, ImageError::Alignment { of: "u8", align: 8192 });
}

// soundness S4: an alignment that a file claims is checked.
#[test]
fn a_block_that_does_not_lie_as_its_file_says_is_refused() {
    let arena = CodeArena::new().unwrap();
    let mut file = ImageFile::of(&write(&arena, load(&arena)));
    let row = file.types.iter().position(|row| row.align == 16).unwrap();
    let run = file.runs.iter().position(|run| run.of as usize == row).unwrap();
    file.types[row].align = if file.runs[run].start % 4096 == 0 { 0 } else { 4096 };
    let refused = Image::open_sealed(sealed(&file.bytes())).unwrap().check::<&[Contract<'_>]>();
    assert!(matches!(refused, Err(ImageError::BadValue { why: "the run is not aligned", .. })), "{refused:?}");
}
