//! EVM contracts in an image, run by revm out of pages that all processes share.
//!
//! ```text
//!   code ──place──▶ Contracts<'a> ──ImageWriter──▶ image ──open, leak──▶ Contract<'static> ──bytecode──▶ revm's Bytecode
//!        revm's     code, zeros, jump table,        a file, or sealed     in every process, at            which refers to both
//!        analysis   hash: once                      memory                the same address                and copies nothing
//! ```
//!
//! revm analyses a contract before it runs: it finds the jump destinations, and copies the code if zeros are missing behind it. A process that
//! has many contracts does that for each of them, and keeps the results in memory of its own. Here it is done once.
//!
//! ```
//! use permacode::CodeArena;
//! use permacode::image::{Image, ImageWriter};
//! use permacode_evm::Contracts;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once, in some process:
//! let arena = CodeArena::new()?;
//! let loader = arena.load("contracts")?;
//! let contracts = Contracts::place(&loader, &[("answer", &[0x60, 42, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3])])?;
//! loader.seal()?;
//! let file = ImageWriter::new(&arena).root("contracts", contracts)?.seal()?; // or `write` it to a path
//!
//! // In every process:
//! let arena = Image::open_sealed(file)?.check::<Contracts<'_>>()?.open()?.leak();
//! let contracts: &Contracts<'_> = arena.root("contracts")?;
//! let answer = contracts.contract("answer").ok_or("no such contract")?;
//! let bytecode = answer.bytecode()?;
//! assert!(std::ptr::eq(bytecode.bytes_ref().as_ptr(), answer.code().as_ptr())); // where it lies in the image
//! # Ok(())
//! # }
//! ```

mod contract;
mod contracts;
mod error;
pub mod samples;
pub mod world;

pub use contract::Contract;
pub use contracts::Contracts;
pub use error::ContractError;
