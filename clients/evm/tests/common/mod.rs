//! Images of contracts, for tests.
#![allow(dead_code)] // each test uses a part

use permacode::CodeArena;
use permacode::image::{Image, ImageWriter};
use permacode_evm::Contracts;
use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;

/// The bytes of an image of contracts.
pub fn written(codes: &[(&str, &[u8])]) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("contracts").unwrap();
    let contracts = Contracts::place(&loader, codes).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("contracts", contracts).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// These bytes in memory that nobody can change.
pub fn sealed(bytes: &[u8]) -> Image {
    // SAFETY: asks for a descriptor, which is then this file's own.
    let mut file = unsafe { File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_ALLOW_SEALING)) };
    file.write_all(bytes).unwrap();
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK;
    // SAFETY: sets seals of a file of this process.
    assert_eq!(unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&file), libc::F_ADD_SEALS, seals) }, 0);
    Image::open_sealed(file).unwrap()
}

/// An arena that begins with such an image, checked.
pub fn opened(bytes: &[u8]) -> CodeArena {
    let image = sealed(bytes).check::<Contracts<'_>>().unwrap();
    CodeArena::builder().image(&image).reservation(1 << 20).build().unwrap()
}

/// The contracts of such an arena.
pub fn contracts(arena: &CodeArena) -> &Contracts<'_> {
    arena.root("contracts").unwrap()
}
