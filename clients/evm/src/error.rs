//! [`ContractError`]: why a contract is not placed, or not run.

use std::fmt;

/// The reason why a contract was not placed, or is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContractError {
    /// A contract without code: revm has one of its own for that.
    Empty {
        /// The contract's name.
        name: String,
    },
    /// A delegation of EIP-7702, which is an address and no code.
    Delegation {
        /// The contract's name.
        name: String,
    },
    /// Two contracts have this name.
    SameName(String),
    /// Too few zeros lie behind the code, or its jump table is too short. So the image was not written by this program.
    Padding {
        /// The contract's name.
        name: String,
    },
    /// The arena has no room, or is another one than that of the contract.
    Arena(permacode::Error),
}

impl From<permacode::Error> for ContractError {
    fn from(error: permacode::Error) -> Self {
        Self::Arena(error)
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { name } => write!(f, "{name} has no code: leave it out, and give revm its default bytecode"),
            Self::Delegation { name } => {
                write!(f, "{name} delegates to another address (EIP-7702): leave it out, and give revm the address")
            }
            Self::SameName(name) => write!(f, "two contracts are called {name}: give each a name of its own"),
            Self::Padding { name } => {
                write!(f, "{name} is not analysed, or not padded with 33 zeros: write the image with this program")
            }
            Self::Arena(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ContractError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Arena(error) => Some(error),
            _ => None,
        }
    }
}
