//! Choices that bytes make. When they are used up, each choice is the first.

pub(super) struct Choices<'b> {
    bytes: &'b [u8],
}

impl<'b> Choices<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// A place in something of this length.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % len
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
