//! Random bytecode: the same from an image as by revm's own analysis, under the rules of today and of tomorrow.

mod common;

use common::{contracts, opened, written};
use permacode_evm::world::World;
use proptest::prelude::*;
use revm::bytecode::opcode::*;
use revm::primitives::hardfork::SpecId;
use revm::primitives::{B256, Bytes};
use revm::state::Bytecode;
use std::sync::Arc;

/// A few bytes of code that belong together, or do not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let push = (0u8..32, prop::collection::vec(prop_oneof![Just(JUMPDEST), any::<u8>()], 0..33));
    prop_oneof![
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => Just(vec![JUMPDEST]),
        3 => push.prop_map(|(size, data)| [vec![PUSH1 + size], data].concat()),
        2 => (any::<u8>(), prop_oneof![Just(JUMP), Just(JUMPI)]).prop_map(|(to, jump)| vec![PUSH1, to, jump]),
        1 => prop_oneof![Just(DUPN), Just(SWAPN), Just(EXCHANGE)].prop_map(|op| vec![op]),
        2 => (0u8..0x20).prop_map(|op| vec![PUSH1, 7, PUSH1, 9, op]),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(slot, value)| vec![PUSH1, value, PUSH1, slot, SSTORE]),
    ]
}

/// Code that ends anywhere, also within an instruction.
fn code() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(piece(), 1..40), any::<prop::sample::Index>()).prop_map(|(pieces, end)| {
        let mut code = pieces.concat();
        code.truncate(1 + end.index(code.len()));
        if code.starts_with(&[0xef, 0x01]) {
            code[0] = STOP; // a delegation is refused
        }
        code
    })
}

fn world<'n>(rules: SpecId, codes: impl Iterator<Item = (&'n str, B256, Bytecode)>) -> World {
    World::new(rules, codes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_code_does_the_same_from_an_image_as_when_it_is_analysed(
        codes in prop::collection::vec(code(), 1..8),
        input in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let names: Vec<String> = (0..codes.len()).map(|number| format!("{number:03}")).collect();
        let pairs: Vec<(&str, &[u8])> = names.iter().zip(&codes).map(|(name, code)| (&**name, &**code)).collect();
        let arena = Arc::new(opened(&written(&pairs)));
        let all = contracts(&arena).all();
        let analysed: Vec<Bytecode> = codes.iter().map(|code| Bytecode::new_legacy(Bytes::copy_from_slice(code))).collect();
        for (contract, analysed) in all.iter().zip(&analysed) {
            prop_assert_eq!(contract.code(), analysed.original_byte_slice());
            prop_assert_eq!(contract.jumps(), analysed.legacy_jump_table().unwrap().as_slice());
            prop_assert_eq!(contract.hash(), analysed.hash_slow());
            let bytecode = contract.shared_bytecode(&arena).unwrap();
            // All that revm's analysis puts behind the code lies behind it here, too.
            prop_assert!(bytecode.bytes_slice().starts_with(analysed.bytes_slice()));
        }
        for rules in [SpecId::OSAKA, SpecId::AMSTERDAM] {
            let from_image = all.iter().map(|contract| {
                (contract.name(), contract.hash(), contract.shared_bytecode(&arena).unwrap())
            });
            let mut one = world(rules, from_image);
            let mut two = world(rules, names.iter().zip(&analysed).map(|(name, code)| (&**name, code.hash_slow(), code.clone())));
            for name in &names {
                let (one, two) = (one.call(name, &input), two.call(name, &input));
                prop_assert_eq!(one, two);
            }
            prop_assert_eq!(one.accounts(), two.accounts());
        }
    }
}

#[test]
fn each_push_and_each_instruction_with_an_operand_may_be_the_last_byte() {
    let last: Vec<u8> = (PUSH1..=PUSH32).chain([DUPN, SWAPN, EXCHANGE, JUMPDEST, STOP, INVALID]).collect();
    let codes: Vec<Vec<u8>> = last.iter().map(|op| vec![PUSH1, 1, *op]).collect();
    let names: Vec<String> = last.iter().map(|op| format!("{op:03}")).collect();
    let pairs: Vec<(&str, &[u8])> = names.iter().zip(&codes).map(|(name, code)| (&**name, &**code)).collect();
    let arena = opened(&written(&pairs)).leak();
    for rules in [SpecId::OSAKA, SpecId::AMSTERDAM] {
        let mut one = world(
            rules,
            contracts(arena)
                .all()
                .iter()
                .map(|contract| (contract.name(), contract.hash(), contract.bytecode().unwrap())),
        );
        let mut two = world(
            rules,
            pairs.iter().map(|(name, code)| {
                let bytecode = Bytecode::new_legacy(Bytes::copy_from_slice(code));
                (*name, bytecode.hash_slow(), bytecode)
            }),
        );
        for name in &names {
            assert_eq!(one.call(name, &[]), two.call(name, &[]), "{name}");
        }
    }
}
