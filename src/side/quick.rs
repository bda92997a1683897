//! Faster instructions in place of general ones, without writing to bytecode.

use bytemuck::Zeroable;
use core::cell::Cell;
use core::num::NonZero;

/// What an instruction has become: an entry of a [`SideTable`](crate::SideTable) beside each instruction that can be quickened.
///
/// The interpreter dispatches on [`or`](Self::or)`(op)`. A quick instruction that meets what it was not made for
/// [restores](Self::restore) the general one.
///
/// ```
/// use permacode::Quickened;
/// use std::num::NonZero;
///
/// const ADD: u8 = 1;
/// const ADD_INTS: NonZero<u8> = NonZero::new(200).unwrap();
///
/// let quick: Quickened = bytemuck::Zeroable::zeroed();
/// assert_eq!(quick.or(ADD), ADD);
/// quick.set(ADD_INTS); // both operands were integers
/// assert_eq!(quick.or(ADD), ADD_INTS.get());
/// quick.restore(); // one was not
/// assert_eq!(quick.or(ADD), ADD);
/// ```
#[derive(Debug, Default)]
pub struct Quickened(Cell<u8>);

// SAFETY: zero is an instruction that was not quickened.
unsafe impl Zeroable for Quickened {}

impl Quickened {
    /// The quick instruction, or the general one that stands in the code. Costs a load and a test.
    #[inline]
    pub fn or(&self, general: u8) -> u8 {
        match self.0.get() {
            0 => general,
            quick => quick,
        }
    }

    /// Puts a quick instruction in.
    #[inline]
    pub fn set(&self, quick: NonZero<u8>) {
        self.0.set(quick.get());
    }

    /// Goes back to the general one.
    #[inline]
    pub fn restore(&self) {
        self.0.set(0);
    }
}
