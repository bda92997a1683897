//! Faster instructions in place of general ones, without writing to bytecode.

use bytemuck::Zeroable;
use core::cell::Cell;
use core::num::NonZero;

/// The quick form of an instruction: an entry of a [`SideTable`](crate::SideTable) beside each instruction that can be
/// quickened.
///
/// One byte. The interpreter dispatches on [`or`](Self::or)`(op)`. A quick instruction that meets other operands than
/// it was made for [restores](Self::restore) the general one.
///
/// ```
/// use permacode::side::Quickened;
/// use std::num::NonZero;
///
/// const ADD: u8 = 1;
/// const ADD_INTS: NonZero<u8> = NonZero::new(200).unwrap();
///
/// let quick: Quickened = permacode::side::Zeroable::zeroed();
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
    /// Returns the quick instruction, or the general one that stands in the code. Costs a load and a test.
    ///
    /// ```
    /// # use permacode::side::Quickened;
    /// # use std::num::NonZero;
    /// let code = [1, 2, 3]; // sealed
    /// let quick: [Quickened; 3] = Default::default();
    /// quick[1].set(NonZero::new(200).unwrap());
    /// let run: Vec<u8> = code.iter().zip(&quick).map(|(&op, quick)| quick.or(op)).collect();
    /// assert_eq!((run, code), (vec![1, 200, 3], [1, 2, 3]));
    /// ```
    #[inline]
    pub fn or(&self, general: u8) -> u8 {
        match self.0.get() {
            0 => general,
            quick => quick,
        }
    }

    /// Puts a quick instruction in, in place of another if there is one. Costs a store. Zero stands for none, so no quick instruction has
    /// it.
    ///
    /// ```
    /// # use permacode::side::Quickened;
    /// # use std::num::NonZero;
    /// # let quick = Quickened::default();
    /// quick.set(NonZero::new(200).unwrap());
    /// quick.set(NonZero::new(201).unwrap());
    /// assert_eq!(quick.or(1), 201); // the later one
    /// ```
    #[inline]
    pub fn set(&self, quick: NonZero<u8>) {
        self.0.set(quick.get());
    }

    /// Goes back to the general one. Costs a store.
    ///
    /// ```
    /// # use permacode::side::Quickened;
    /// # use std::num::NonZero;
    /// # let quick = Quickened::default();
    /// quick.set(NonZero::new(200).unwrap());
    /// quick.restore();
    /// assert_eq!((quick.or(1), quick.or(2)), (1, 2)); // whatever stands in the code
    /// ```
    #[inline]
    pub fn restore(&self) {
        self.0.set(0);
    }
}
