//! Contracts that are not placed, and images that are not run.

mod common;

use common::{contracts, opened, sealed, written};
use permacode::image::ImageError;
use permacode::{CodeArena, Error};
use permacode_evm::{ContractError, Contracts};
use revm::primitives::keccak256;
use std::sync::Arc;

/// Sixty-four jump destinations: eight bytes of the table are full.
const CODE: [u8; 64] = [0x5b; 64];

#[test]
fn what_is_no_contract_is_refused_by_name_before_anything_is_placed() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let refused = |codes: &[(&str, &[u8])]| Contracts::place(&loader, codes).err().unwrap();
    let name = || "b".to_owned();
    assert_eq!(refused(&[("a", &[0]), ("b", &[])]), ContractError::Empty { name: name() });
    assert_eq!(refused(&[("a", &[0]), ("b", &[0xef, 1, 0, 9])]), ContractError::Delegation { name: name() });
    assert_eq!(refused(&[("b", &[0]), ("a", &[0]), ("b", &[1])]), ContractError::SameName(name()));
    loader.finish();
    assert_eq!(arena.stats().used, 0);
}

/// An image in which `change` was made of the first place of `what`, and so many bytes behind it.
fn changed(what: &[u8], behind: usize, change: u8) -> Vec<u8> {
    let mut bytes = written(&[("jumps", &CODE)]);
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap() + behind;
    assert_ne!(bytes[at], change);
    bytes[at] = change;
    bytes
}

#[track_caller]
fn assert_refused(bytes: &[u8], words: &str) {
    match sealed(bytes).check::<Contracts<'_>>() {
        Err(ImageError::Refused { why, .. }) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_with_another_jump_table_hash_or_padding_is_refused_by_the_check() {
    assert_refused(&changed(&CODE, 64, 1), "33 zeros");
    assert_refused(&changed(&CODE, 64 + 32, 1), "33 zeros");
    assert_refused(&changed(&[0xff; 8], 3, 0x7f), "jump table");
    assert_refused(&changed(&keccak256(CODE).0, 0, keccak256(CODE).0[0] ^ 1), "hash");
    assert_refused(&changed(&CODE, 7, 0x60), "jump table"); // code that pushes a destination away
}

#[test]
fn an_image_that_is_trusted_and_should_not_be_does_not_run_beyond_its_code() {
    // SAFETY: every byte may have any value, by its type.
    let image = unsafe { sealed(&changed(&CODE, 64 + 10, 1)).trust() };
    let arena = image.open().unwrap().leak();
    let contract = contracts(arena).contract("jumps").unwrap();
    let refused = contract.bytecode().err().unwrap();
    assert_eq!(refused, ContractError::Padding { name: "jumps".to_owned() });
    assert!(refused.to_string().contains("write the image with this program"));
}

#[test]
fn a_contract_of_another_arena_is_not_shared() {
    let (one, other) = (Arc::new(opened(&written(&[("a", &CODE)]))), Arc::new(CodeArena::new().unwrap()));
    let contract = contracts(&one).contract("a").unwrap();
    assert_eq!(contract.shared_bytecode(&other).err(), Some(ContractError::Arena(Error::Foreign)));
    assert!(contract.shared_bytecode(&one).is_ok());
    assert!(contracts(&one).contract("b").is_none());
}
