//! Contracts that are assembled here, and calls of them.
//!
//! Each has something that an analysis may get wrong, or that needs one contract to run another: see [`all`].

mod assembler;
mod plain;
mod token;

use super::world::{SENDER, address_of};
use plain::*;
use revm::primitives::{Address, U256};
use token::{selector, token};

/// The most bytes that a contract may have (EIP-170).
pub const LARGEST: usize = 24_576;

/// A contract: its name, and its code.
pub type Sample = (&'static str, Vec<u8>);

/// Returns all contracts.
///
/// | contract | what it does |
/// | --- | --- |
/// | `sum` | a loop with jumps |
/// | `counter` | storage |
/// | `hashes` | a chain of keccak |
/// | `caller`, `delegate`, `static` | calls of another contract, of the three kinds |
/// | `picky` | reverts at odd input |
/// | `factory` | makes a contract by `CREATE2`, and calls it |
/// | `fibonacci` | calls itself |
/// | `lock` | transient storage, and a call of itself that fails |
/// | `shift` | copies memory over itself |
/// | `token` | the interface of ERC-20, with its log |
/// | `largest` | 24,576 bytes, jumps to computed places, and no end |
/// | `truncated` | ends in an instruction that pushes 32 bytes, of which two are there |
/// | `hidden` | jumps to a `JUMPDEST`, or to one that is data of a push |
pub fn all() -> Vec<Sample> {
    vec![
        ("caller", caller()),
        ("counter", counter()),
        ("delegate", delegate()),
        ("factory", factory()),
        ("fibonacci", fibonacci()),
        ("hashes", hashes()),
        ("hidden", hidden()),
        ("largest", largest()),
        ("lock", lock()),
        ("picky", picky()),
        ("shift", shift()),
        ("static", static_call()),
        ("sum", sum()),
        ("token", token()),
        ("truncated", truncated()),
    ]
}

/// Input of a call: words one after the other.
fn words(words: &[U256]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
}

fn number(number: u64) -> U256 {
    U256::from(number)
}

fn address(address: Address) -> U256 {
    address.into_word().into()
}

/// Input of a call of a function.
fn function(function: &str, arguments: &[U256]) -> Vec<u8> {
    [&selector(function)[..], &words(arguments)].concat()
}

/// Returns calls, one after the other, as contract and input. Every contract is called, and later ones see the storage of earlier ones.
pub fn calls() -> Vec<(&'static str, Vec<u8>)> {
    let of = |name| address(address_of(name));
    let through = |name, input: &[u8]| [&words(&[of(name)])[..], input].concat();
    let mut calls = Vec::new();
    for count in [0, 1, 100, 1000] {
        calls.push(("sum", words(&[number(count)])));
        calls.push(("hashes", words(&[number(count), number(7)])));
    }
    for _ in 0..3 {
        calls.push(("counter", Vec::new()));
        calls.push(("caller", through("counter", &[])));
        calls.push(("delegate", through("counter", &[])));
        calls.push(("static", through("counter", &[])));
    }
    for input in [6, 7] {
        calls.push(("picky", words(&[number(input)])));
        calls.push(("caller", through("picky", &words(&[number(input)]))));
    }
    for salt in [1, 2, 1] {
        calls.push(("factory", words(&[number(salt)]))); // the last one is there already
    }
    calls.push(("fibonacci", words(&[number(9)])));
    calls.push(("lock", Vec::new()));
    calls.push(("shift", words(&[number(1), number(2), number(3)])));
    for block in [0, 1, 300, LARGEST_BLOCKS - 1, LARGEST_BLOCKS, 1 << 40] {
        calls.push(("largest", words(&[number(block)])));
    }
    for input in [0, 1] {
        calls.push(("truncated", words(&[number(input)])));
    }
    for place in HIDDEN_PLACES {
        calls.push(("hidden", words(&[number(place)])));
    }
    let caller = of("caller");
    for input in [
        function("mint(address,uint256)", &[address(SENDER), number(1000)]),
        function("transfer(address,uint256)", &[of("ann"), number(300)]),
        function("transfer(address,uint256)", &[of("ann"), number(701)]),
        function("approve(address,uint256)", &[caller, number(50)]),
        function("totalSupply()", &[]),
        function("unknown()", &[]),
    ] {
        calls.push(("token", input));
    }
    let take = function("transferFrom(address,address,uint256)", &[address(SENDER), of("bob"), number(40)]);
    for _ in 0..2 {
        calls.push(("caller", through("token", &take))); // the second is above the allowance
    }
    for owner in [address(SENDER), of("ann"), of("bob")] {
        calls.push(("token", function("balanceOf(address)", &[owner])));
    }
    calls.push(("token", function("allowance(address,address)", &[address(SENDER), caller])));
    calls
}
