//! Constants that are objects of the heap, made when they are first used and kept beside the code, never in it.
//!
//! Objects are counted, and an entry of a [`SideTable`](permacode::SideTable) owns nothing. So these are values, in a vector that does.

use crate::code::Code;
use crate::error::{VmError, memory};
use crate::value::{Text, Value, Values};
use allocator_api2::vec::Vec as HeapVec;
use permacode::HeapArena;

/// A table by site number: sealed code says only the number.
pub struct Constants<'a> {
    made: Values<'a>,
}

impl<'a> Constants<'a> {
    pub fn new(heap: &'a HeapArena) -> Self {
        Self { made: HeapVec::new_in(heap) }
    }

    /// The object of a text, always the same one. Texts have the sites behind those of instructions.
    pub fn text(&mut self, code: &Code<'_>, site: u16, text: &str) -> Result<Value<'a>, VmError> {
        let number = code.sites.range().nth(code.named.len() + usize::from(site)).ok_or(VmError::Code)?;
        if self.made.len() <= number {
            let missing = number + 1 - self.made.len();
            self.made.try_reserve(missing).map_err(memory(missing))?;
            self.made.resize(number + 1, Value::Unset);
        }
        if matches!(self.made[number], Value::Unset) {
            self.made[number] = Text::value(self.made.allocator(), [text, ""])?;
        }
        Ok(self.made[number].clone())
    }

    /// Forgets what code made that had the numbers of new code before: numbers of transient code are used again.
    pub fn forget(&mut self, code: &Code<'_>) {
        let range = code.sites.range();
        let end = range.end.min(self.made.len());
        if let Some(made) = self.made.get_mut(range.start..end) {
            made.fill(Value::Unset);
        }
        code.functions().for_each(|inner| self.forget(inner));
    }
}
