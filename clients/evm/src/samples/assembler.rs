//! An assembler for contracts: opcodes, numbers, labels.

use revm::bytecode::opcode;
use std::collections::HashMap;

/// Code that is being written.
#[derive(Default)]
pub(crate) struct Assembler {
    code: Vec<u8>,
    labels: HashMap<String, usize>,
    /// Places of two bytes that are to be the address of a label.
    uses: Vec<(usize, String)>,
}

impl Assembler {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends bytes: opcodes, or data.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.code.extend_from_slice(bytes);
        self
    }

    /// Pushes a number, by the shortest instruction.
    pub(crate) fn push(self, number: u64) -> Self {
        let bytes = number.to_be_bytes();
        self.push_bytes(&bytes[number.leading_zeros() as usize / 8..])
    }

    /// Pushes up to 32 bytes.
    pub(crate) fn push_bytes(self, bytes: &[u8]) -> Self {
        assert!(bytes.len() <= 32, "no instruction pushes {} bytes", bytes.len());
        self.bytes(&[opcode::PUSH0 + bytes.len() as u8]).bytes(bytes)
    }

    /// Pushes the address of a label.
    pub(crate) fn push_label(mut self, label: &str) -> Self {
        self.uses.push((self.code.len() + 1, label.to_owned()));
        self.bytes(&[opcode::PUSH2, 0, 0])
    }

    /// Gives the place a name.
    pub(crate) fn mark(mut self, label: &str) -> Self {
        let before = self.labels.insert(label.to_owned(), self.code.len());
        assert!(before.is_none(), "{label} is there twice");
        self
    }

    /// Gives the place a name, to which jumps may lead.
    pub(crate) fn label(self, label: &str) -> Self {
        self.mark(label).bytes(&[opcode::JUMPDEST])
    }

    pub(crate) fn jump(self, label: &str) -> Self {
        self.push_label(label).bytes(&[opcode::JUMP])
    }

    /// Jumps if the top of the stack is not zero.
    pub(crate) fn jump_if(self, label: &str) -> Self {
        self.push_label(label).bytes(&[opcode::JUMPI])
    }

    /// Applies a piece that is used more than once.
    pub(crate) fn with(self, piece: impl FnOnce(Self) -> Self) -> Self {
        piece(self)
    }

    /// Pushes a word of the input.
    pub(crate) fn input(self, offset: u64) -> Self {
        self.push(offset).bytes(&[opcode::CALLDATALOAD])
    }

    /// Returns the word on the top of the stack.
    pub(crate) fn return_word(self) -> Self {
        self.push(0).bytes(&[opcode::MSTORE]).push(32).push(0).bytes(&[opcode::RETURN])
    }

    /// The number of bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.code.len()
    }

    /// The code, with the addresses of all labels.
    pub(crate) fn code(mut self) -> Vec<u8> {
        for (at, label) in self.uses {
            let to = *self.labels.get(&label).unwrap_or_else(|| panic!("there is no label {label}"));
            self.code[at..at + 2].copy_from_slice(&(to as u16).to_be_bytes());
        }
        self.code
    }
}
