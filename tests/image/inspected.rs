//! Images that are looked at without their types.

use crate::output::Folder;
use crate::program::{self, Code, Const, Kind};
use permacode::image::inspect::{Inspection, SectionKind};
use permacode::image::{Distrust, Fingerprint, Image, ImageError, ImageWriter};
use permacode::{CodeArena, Mappable};
use permacode_model::ImageFile;
use std::fs::File;

/// The place of the digest in the header.
const DIGEST: usize = 96;

fn inspect(bytes: &[u8]) -> Result<Inspection, ImageError> {
    Inspection::of(program::sealed(bytes))
}

fn verify(bytes: &[u8]) -> Result<(), ImageError> {
    inspect(bytes)?.verify(|_, _| ())
}

/// The file, with the digest that its contents have.
fn with_digest(mut file: ImageFile) -> Vec<u8> {
    if let Err(ImageError::Digest { found, .. }) = verify(&file.bytes()) {
        file.header[DIGEST..DIGEST + 32].copy_from_slice(found.as_bytes());
    }
    let bytes = file.bytes();
    assert!(!matches!(verify(&bytes), Err(ImageError::Digest { .. })));
    bytes
}

/// An image of many values, so that each half takes several steps of the hash.
fn large() -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    for module in ["one", "two"] {
        let loader = arena.load(module).unwrap();
        for number in 0..200 {
            program::load(&loader, &format!("{module} {number}")).unwrap();
        }
        loader.seal().unwrap();
    }
    let loader = arena.load("all").unwrap();
    let codes: Vec<_> = (0..700).map(|number| program::load(&loader, &format!("f{number}")).unwrap()).collect();
    let all: &&[&Code<'_>] = loader.alloc(loader.alloc_slice_copy(&codes).unwrap()).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("all", all).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn an_inspection_says_what_a_second_reader_of_the_format_says() {
    for bytes in [program::image("outer"), large()] {
        let (image, file) = (inspect(&bytes).unwrap(), ImageFile::of(&bytes));
        assert_eq!(image.version().as_bytes(), file.version);
        assert_eq!(image.digest().as_bytes(), &file.header[DIGEST..DIGEST + 32]);
        assert_eq!(
            (image.window().start as u64, image.window().len()),
            (file.window(), file.linked.len() + file.leaf.len())
        );
        assert_eq!((image.parent(), image.offset()), (None, 0));
        let types: Vec<_> = image.types().collect();
        assert_eq!(types.len(), file.types.len());
        for (of, row) in types.iter().zip(&file.types) {
            assert_eq!(
                (of.name.as_bytes(), of.layout.as_bytes(), of.size as u64),
                (&*row.name, &*row.layout, row.size)
            );
            assert_eq!((of.fingerprint.as_bytes(), of.align.unwrap_or(0) as u64), (&row.fingerprint, row.align));
        }
        let roots = image.roots().map(|root| (root.name.as_bytes().to_vec(), root.of as u64, root.place as u64));
        assert!(roots.eq(file.roots.iter().map(|row| (row.name.clone(), row.of, row.at))));
        let runs = image.runs().map(|run| (run.of as u32, run.module as u32, run.start as u64, run.values as u64));
        assert!(runs.eq(file.runs.iter().map(|row| (row.of, row.module, row.start, row.len))));
        let mut sizes = vec![0; file.modules.len()];
        file.runs.iter().for_each(|run| sizes[run.module as usize] += run.len * file.types[run.of as usize].size);
        let modules = image.modules().map(|module| (module.name.as_bytes().to_vec(), module.bytes as u64));
        assert!(modules.eq(file.modules.iter().cloned().zip(sizes)));
        assert_eq!(image.name_count(), file.names.len());
        let mut end = 0;
        for section in image.sections() {
            assert_eq!(section.range.start, end, "no section is left out");
            end = section.range.end;
            let part = &bytes[section.range.start as usize..end as usize];
            match section.kind {
                SectionKind::Linked => assert_eq!(part, file.linked),
                SectionKind::Leaf => assert_eq!(part, file.leaf),
                SectionKind::Marks => assert_eq!(part, file.marks),
                SectionKind::Padding => assert!(part.iter().all(|&byte| byte == 0)),
                _ => {}
            }
        }
        assert_eq!(end, bytes.len() as u64);
    }
}

#[test]
fn types_are_told_with_the_fields_that_the_program_gave_them() {
    let image = inspect(&program::image("outer")).unwrap();
    let of = |name: &str| image.types().find(|of| of.name == name).unwrap();
    assert_eq!(of("Code").fingerprint, Fingerprint::of::<Code<'_>>());
    assert_eq!(of("Code").layout, <Code<'_> as Mappable>::SHAPE.to_string());
    let fields = of("Code").fields();
    let field = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!((field("ops").of, field("ops").offset), ("&[u8]", std::mem::offset_of!(Code<'_>, ops)));
    assert_eq!((field("table").of, field("mark").of, field("flags").of), ("&[[]]", "char", "Option<bool>"));
    assert_eq!(fields.len(), 13);
    assert!(of("Code").variants().is_empty() && of("Const").fields().is_empty());
    let variants = of("Const").variants();
    let names: Vec<_> = variants.iter().map(|variant| (variant.name, variant.tag)).collect();
    let expected = [("Nil", 0), ("Bool", 1), ("Int", 2), ("Float", 3), ("Str", 40), ("Name", 41), ("Tuple", 42)];
    assert_eq!((&names[..7], &names[7..]), (&expected[..], &[("Code", 43), ("Pair", 44)][..]));
    assert_eq!(variants[8].fields[0].name, "small");
    let _ = (Const::Nil, Kind::Class);
    assert_eq!(image.names().unwrap(), ["inner", "outer"]);
}

#[test]
fn code_reads_alike_at_any_window_and_by_any_parts() {
    let bytes = large();
    let image = Image::open_sealed(program::sealed(&bytes)).unwrap();
    let moved = Inspection::of(image.rebase(image.window() + (8 << 30)).unwrap().seal().unwrap()).unwrap();
    let image = Inspection::of(program::sealed(&bytes)).unwrap();
    let all = 0..image.window().len();
    let (whole, elsewhere) = (image.code(all.clone()).unwrap(), moved.code(all.clone()).unwrap());
    assert!(whole == elsewhere && image.window() != moved.window());
    let mut file = ImageFile::of(&bytes);
    let marked = |word: &usize| file.marks[word / 8] >> (word % 8) & 1 != 0;
    assert!((0..file.linked.len() / 8).filter(marked).map(|word| word * 8).eq(whole.references.iter().copied()));
    file.rebase(0);
    assert!(whole.bytes[..file.linked.len()] == file.linked && whole.bytes[file.linked.len()..] == file.leaf);
    // Parts that begin and end with any word of a mark's byte, and at the border of the halves.
    let border = file.linked.len();
    for start in (0..100).chain(border / 8 - 20..border / 8 + 3).map(|word| word * 8) {
        for words in [0, 1, 7, 8, 9, 30] {
            let range = start..start + words * 8;
            let part = image.code(range.clone()).unwrap();
            assert_eq!(part.bytes, whole.bytes[range.clone()]);
            let references = whole.references.iter().filter(|at| range.contains(at)).map(|at| at - start);
            assert!(references.eq(part.references.iter().copied()), "{range:?}");
        }
    }
    #[expect(clippy::reversed_empty_ranges, reason = "an answer is an error")]
    for bad in [1..8, 0..7, 0..all.end + 8, all.end..all.end + 8, 16..8, usize::MAX - 7..0] {
        assert!(matches!(image.code(bad.clone()), Err(ImageError::Index(_))), "{bad:?}");
    }
    assert_eq!(image.code(all.end..all.end).unwrap().bytes, []);
}

#[test]
fn a_good_image_is_verified_with_progress_to_the_end() {
    for bytes in [program::image("outer"), large()] {
        let mut last = (0, 0);
        let image = inspect(&bytes).unwrap();
        image
            .verify(|done, all| {
                assert!(done > last.0 && done <= all && (last.1 == all || last.1 == 0), "{done} of {all}");
                last = (done, all);
            })
            .unwrap();
        assert_eq!(last.0, last.1);
        assert!(last.1 > bytes.len() as u64 - 2 * 4096);
    }
}

// soundness S14
#[test]
fn each_byte_that_changes_is_found() {
    for bytes in [program::image("outer"), large()] {
        let steps = if bytes.len() > 100_000 { 10007 } else { 31 };
        for at in (0..bytes.len()).step_by(steps) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(verify(&bad).is_err(), "{at}");
        }
        for len in (0..bytes.len()).step_by(steps) {
            assert!(inspect(&bytes[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn damage_behind_a_digest_that_matches_is_told() {
    let bytes = large();
    let good = ImageFile::of(&bytes);
    assert_eq!(verify(&with_digest(good.clone())), Ok(()));
    let damaged = |change: &dyn Fn(&mut ImageFile)| {
        let mut file = good.clone();
        change(&mut file);
        verify(&with_digest(file))
    };
    let between = Err(ImageError::Index("there is something between its runs"));
    // Behind the last run of each half there are zeros.
    assert_eq!(damaged(&|file| *file.linked.last_mut().unwrap() = 1), between);
    assert_eq!(damaged(&|file| *file.leaf.last_mut().unwrap() = 1), between);
    let end = good.linked.len() - 8;
    let gap = Err(ImageError::Index("a gap between its runs is marked as an address"));
    assert_eq!(damaged(&|file| file.set_mark(end, true)), gap);
    let nowhere = Err(ImageError::Index("a reference leads to no run"));
    let first = (0..).step_by(8).find(|at| good.marks[at / 64] >> (at / 8 % 8) & 1 != 0).unwrap();
    for to in [end as u64, 1 << 40, u64::MAX - 7] {
        assert_eq!(damaged(&|file| file.refer(first, to)), nowhere, "{to}");
    }
    assert_eq!(damaged(&|file| file.refer(first, 0)), Ok(()), "another value: a matter of types");
    assert!(matches!(damaged(&|file| file.names[0].hash ^= 1), Err(ImageError::Index(_))));
    assert!(matches!(damaged(&|file| file.names[0].at = 0), Err(ImageError::Index("a name does not lie in text"))));
    assert!(matches!(damaged(&|file| file.names[0].at = u64::MAX), Err(ImageError::Index(_))));
}

#[test]
fn a_layer_is_looked_at_without_what_it_stands_on() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("library").unwrap();
    let code = program::load(&loader, "below").unwrap();
    loader.seal().unwrap();
    let file = ImageWriter::new(&arena).root("below", code).unwrap().seal().unwrap();
    let library = Image::open_sealed(file).unwrap().check::<Code<'_>>().unwrap();
    let arena = library.open().unwrap();
    let loader = arena.load("program").unwrap();
    let pair = loader.alloc((arena.root::<Code<'_>>("below").unwrap(), loader.intern("above").unwrap())).unwrap();
    loader.seal().unwrap();
    let file = ImageWriter::new(&arena).layer().unwrap().root("pair", pair).unwrap().seal().unwrap();
    let layer = Inspection::of(file).unwrap();
    assert_eq!(layer.verify(|_, _| ()), Ok(()));
    let (digest, below) = layer.parent().unwrap();
    assert_eq!((digest, library.window() + below), (library.digest(), layer.window().start));
    assert_eq!(layer.modules().map(|module| module.name).collect::<Vec<_>>(), ["program"]);
    let root = layer.roots().next().unwrap();
    let value = layer.code(root.place - below..root.place - below + 16).unwrap();
    assert_eq!(value.references[0], 0);
    assert!(usize::from_ne_bytes(value.bytes[..8].try_into().unwrap()) < below, "a reference to what is below");
}

#[test]
fn an_image_behind_a_program_is_found_and_copied_out() {
    let folder = Folder::new("inspected");
    let (output, bytes) = (folder.join("program"), program::image("carried"));
    let image = Image::open_sealed(program::sealed(&bytes)).unwrap();
    let offset = image.embed("/bin/true", &output).unwrap();
    let found = Inspection::open(&output).unwrap();
    assert_eq!((found.offset(), found.digest()), (offset, image.digest()));
    assert_eq!(found.verify(|_, _| ()), Ok(()));
    let loaded = found.load().unwrap();
    assert_eq!(loaded.verify(), Ok(()));
    assert_eq!(loaded.file().metadata().unwrap().len(), bytes.len() as u64);
    program::assert_is(program::elsewhere(&loaded.check::<Code<'_>>().unwrap()).root("main").unwrap(), "carried");
    // It is copied from where the image lies, wherever the descriptor was read last.
    assert_eq!(found.load().unwrap().digest(), image.digest());
}

#[test]
fn what_is_no_image_is_refused_with_the_reason() {
    let folder = Folder::new("not_inspected");
    let open = |name: &str| Inspection::open(folder.join(name)).unwrap_err();
    assert!(matches!(open("none"), ImageError::System { code: libc::ENOENT, .. }));
    std::fs::write(folder.join("empty"), "").unwrap();
    std::fs::write(folder.join("text"), "x".repeat(10_000)).unwrap();
    assert_eq!((open("empty"), open("text")), (ImageError::NoImage, ImageError::NoImage));
    std::fs::write(folder.join("begun"), &program::image("a")[..100]).unwrap();
    assert_eq!(open("begun"), ImageError::Length { expected: 4096, found: 100 });
    assert_eq!(open(""), ImageError::Untrusted(Distrust::NotAFile));
    let pipe = std::ffi::CString::new(folder.join("pipe").into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    assert_eq!(open("pipe"), ImageError::Untrusted(Distrust::NotAFile), "and it is not waited for");
}

#[test]
fn a_file_that_becomes_shorter_meanwhile_is_an_error() {
    let folder = Folder::new("shorter");
    let path = folder.join("image");
    let bytes = large();
    std::fs::write(&path, &bytes).unwrap();
    let image = Inspection::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(bytes.len() as u64 - 10_000).unwrap();
    let shorter = ImageError::Length { expected: bytes.len() as u64, found: bytes.len() as u64 - 10_000 };
    assert_eq!(image.verify(|_, _| ()), Err(shorter));
    assert!(image.load().is_err());
}
