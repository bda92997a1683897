//! A state with contracts, and calls of them by revm.

use revm::context::TxEnv;
use revm::context::result::{EVMError, ExecutionResult};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The account that calls.
pub const SENDER: Address = Address::repeat_byte(0xee);

/// Gas of a call.
const GAS: u64 = 10_000_000;

/// Returns the address of a contract, or of anybody with a name.
pub fn address_of(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

/// An account: nonce, balance, hash of its code, storage.
pub type Account = (u64, U256, B256, BTreeMap<U256, U256>);

/// A state that calls change.
pub struct World {
    state: CacheDB<EmptyDB>,
    rules: SpecId,
}

impl World {
    /// A state of contracts: each is its name, the hash of its code, and the code.
    pub fn new<'n>(rules: SpecId, contracts: impl IntoIterator<Item = (&'n str, B256, Bytecode)>) -> Self {
        let mut state = CacheDB::new(EmptyDB::default());
        for (name, hash, code) in contracts {
            state.insert_account_info(address_of(name), AccountInfo::new(U256::ZERO, 1, hash, code));
        }
        Self { state, rules }
    }

    /// Calls a contract, and keeps what it changed.
    ///
    /// # Errors
    ///
    /// revm refuses the call as a whole. A contract that reverts or halts is a result.
    pub fn call(&mut self, name: &str, input: &[u8]) -> Result<ExecutionResult, EVMError<Infallible>> {
        let call = TxEnv::builder()
            .caller(SENDER)
            .kind(TxKind::Call(address_of(name)))
            .data(Bytes::copy_from_slice(input))
            .gas_limit(GAS)
            .build_fill();
        let context = Context::mainnet().with_db(&mut self.state).modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(self.rules);
            cfg.disable_nonce_check = true;
        });
        context.build_mainnet().transact_commit(call)
    }

    /// Returns all accounts with what they have, in an order that does not depend on how they were made.
    pub fn accounts(&self) -> BTreeMap<Address, Account> {
        let account = |account: &revm::database::DbAccount| {
            let storage = account.storage.iter().map(|(slot, value)| (*slot, *value)).collect();
            (account.info.nonce, account.info.balance, account.info.code_hash, storage)
        };
        self.state.cache.accounts.iter().map(|(address, of)| (*address, account(of))).collect()
    }

    /// Returns the bytecode that is run for a name.
    pub fn code(&self, name: &str) -> Option<&Bytecode> {
        let account = self.state.cache.accounts.get(&address_of(name))?;
        self.state.cache.contracts.get(&account.info.code_hash)
    }
}
