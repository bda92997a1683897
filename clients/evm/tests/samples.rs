//! The assembled contracts: what they do, and that they do the same from an image as by revm's own analysis.

mod common;

use common::{contracts, opened, written};
use permacode_evm::samples::{self, LARGEST};
use permacode_evm::world::{World, address_of};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Bytes, U256};
use revm::state::Bytecode;
use std::sync::Arc;

const RULES: SpecId = SpecId::OSAKA;

fn image() -> Vec<u8> {
    let samples = samples::all();
    let codes: Vec<(&str, &[u8])> = samples.iter().map(|(name, code)| (*name, &**code)).collect();
    written(&codes)
}

fn analysed() -> World {
    World::new(
        RULES,
        samples::all().into_iter().map(|(name, code)| {
            let bytecode = Bytecode::new_legacy(code.into());
            (name, bytecode.hash_slow(), bytecode)
        }),
    )
}

/// Runs all calls in two worlds, and compares what comes of each.
fn assert_alike(mut one: World, mut two: World) {
    for (number, (name, input)) in samples::calls().into_iter().enumerate() {
        let (one, two) = (one.call(name, &input).unwrap(), two.call(name, &input).unwrap());
        assert_eq!(one, two, "call {number}, of {name}");
    }
    assert_eq!(one.accounts(), two.accounts());
}

#[test]
fn contracts_of_a_leaked_image_do_what_analysed_ones_do_and_nothing_of_them_is_copied() {
    let arena = opened(&image()).leak();
    let all = contracts(arena).all();
    let bytecode = |contract: &permacode_evm::Contract<'static>| contract.bytecode().unwrap();
    let world = World::new(RULES, all.iter().map(|contract| (contract.name(), contract.hash(), bytecode(contract))));
    assert_eq!(all.len(), samples::all().len());
    for contract in all {
        let code = world.code(contract.name()).unwrap();
        assert!(std::ptr::eq(code.bytes_ref().as_ptr(), contract.code().as_ptr()), "{}", contract.name());
        assert!(std::ptr::eq(code.legacy_jump_table().unwrap().as_slice(), contract.jumps()), "{}", contract.name());
        assert!(arena.contains(contract.code()) && arena.contains(contract.jumps()));
        assert_eq!(code.hash_slow(), contract.hash());
        assert_eq!(code.bytes_ref().len(), contract.code().len() + 33);
    }
    assert_alike(world, analysed());
}

#[test]
fn contracts_that_share_an_arena_do_the_same_and_outlive_every_other_share() {
    let arena = Arc::new(opened(&image()));
    let all = contracts(&arena).all();
    let world = World::new(
        RULES,
        all.iter().map(|contract| (contract.name(), contract.hash(), contract.shared_bytecode(&arena).unwrap())),
    );
    for contract in all {
        let code = world.code(contract.name()).unwrap();
        assert!(std::ptr::eq(code.bytes_ref().as_ptr(), contract.code().as_ptr()), "the code is not copied");
        let table = code.legacy_jump_table().unwrap().as_slice();
        assert!(!std::ptr::eq(table, contract.jumps()) && table == contract.jumps(), "the table is");
    }
    drop(arena);
    assert_alike(world, analysed());
}

#[test]
fn the_arena_goes_with_the_last_bytecode_that_shares_it() {
    let arena = Arc::new(opened(&image()));
    let kept = contracts(&arena).contract("sum").unwrap().shared_bytecode(&arena).unwrap();
    let weak = Arc::downgrade(&arena);
    drop(arena);
    let bytes: Bytes = kept.bytes();
    drop(kept);
    assert!(weak.upgrade().is_some(), "bytes of it are still there");
    drop(bytes);
    assert!(weak.upgrade().is_none());
}

fn output(world: &mut World, name: &str, words: &[U256]) -> Vec<u8> {
    let input: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
    match world.call(name, &input).unwrap() {
        ExecutionResult::Success { output, .. } => output.into_data().to_vec(),
        other => panic!("{name}: {other:?}"),
    }
}

fn number(output: &[u8]) -> u64 {
    U256::from_be_slice(output).to()
}

#[test]
fn each_sample_computes_what_it_should() {
    let mut world = analysed();
    let of = |name: &str| U256::from_be_slice(address_of(name).as_slice());
    let word = |word: u64| U256::from(word);
    assert_eq!(number(&output(&mut world, "sum", &[word(100)])), 5050);
    assert_eq!(number(&output(&mut world, "counter", &[])), 1);
    assert_eq!(number(&output(&mut world, "caller", &[of("counter")])), 2);
    assert_eq!(number(&output(&mut world, "delegate", &[of("counter")])), 1, "on its own storage");
    assert_eq!(number(&output(&mut world, "static", &[of("counter")])), 0, "it may not store");
    assert_eq!(number(&output(&mut world, "counter", &[])), 3);
    assert_eq!(number(&output(&mut world, "fibonacci", &[word(9)])), 34);
    assert_eq!(number(&output(&mut world, "lock", &[])), 0, "its call of itself fails");
    assert_eq!(number(&output(&mut world, "picky", &[word(6)])), 7);
    let seed = revm::primitives::keccak256(revm::primitives::keccak256(word(7).to_be_bytes::<32>()));
    assert_eq!(output(&mut world, "hashes", &[word(2), word(7)]), seed.0);
    assert!(
        matches!(world.call("picky", &word(7).to_be_bytes::<32>()).unwrap(), ExecutionResult::Revert { output, .. } if number(&output) == 7)
    );
    let made = output(&mut world, "factory", &[word(1)]);
    assert_eq!(U256::from_be_slice(&made[..32]) ^ U256::from_be_slice(&made[32..]), word(42));
    assert!(matches!(world.call("factory", &word(1).to_be_bytes::<32>()).unwrap(), ExecutionResult::Revert { .. }));
    assert_eq!(output(&mut world, "shift", &[word(0)]).len(), 37);
}

#[test]
fn the_token_moves_what_an_owner_has_and_no_more() {
    let mut world = analysed();
    let mut results = Vec::new();
    for (name, input) in samples::calls() {
        let result = world.call(name, &input).unwrap();
        if name == "token" {
            results.push(match result {
                ExecutionResult::Success { output, logs, .. } => Some((number(output.data()), logs.len())),
                _ => None,
            });
        }
    }
    // Mint, a transfer with its log, one of too much, approve, supply, no such function; in the end three balances, and what is left of 50.
    let expected = [Some((1, 0)), Some((1, 1)), None, Some((1, 0)), Some((1000, 0)), None];
    assert_eq!(results[..6], expected);
    assert_eq!(results[6..], [Some((660, 0)), Some((300, 0)), Some((40, 0)), Some((10, 0))]);
}

#[test]
fn jumps_lead_to_destinations_only_and_code_without_an_end_stops() {
    let mut world = analysed();
    let mut call = |name: &str, word: u64| world.call(name, &U256::from(word).to_be_bytes::<32>()).unwrap();
    let is_invalid =
        |result: &ExecutionResult| matches!(result, ExecutionResult::Halt { reason: HaltReason::InvalidJump, .. });
    assert!(call("hidden", 7).is_success());
    assert!([4, 5, 6, 3, 1000].into_iter().all(|place| is_invalid(&call("hidden", place))));
    let largest = samples::all().into_iter().find(|(name, _)| *name == "largest").unwrap().1;
    assert_eq!(largest.len(), LARGEST);
    assert!(call("largest", 0).is_success() && call("largest", 613).is_success());
    assert!(call("largest", 614).is_success(), "it runs through the end");
    assert!(is_invalid(&call("largest", 615)));
    for input in [0, 1] {
        assert!(call("truncated", input).is_success());
    }
    let storage = world.accounts().remove(&address_of("truncated")).unwrap().3;
    assert_eq!(storage.into_iter().collect::<Vec<_>>(), [(U256::ZERO, U256::from(7)), (U256::from(1), U256::from(9))]);
}
