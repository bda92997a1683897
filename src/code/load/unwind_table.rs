//! A look at an unwind table before the unwinder believes it.
//!
//! ```text
//!   ┌ length ┬ entry ┬ length ┬ entry ┬ … ┬ 0000 ┐        lengths of four bytes each, in the processor's order; the last one is 0
//! ```

use super::native_module::NativeModule;
use crate::code::store::UnwindTable;
use crate::error::Error;
use core::ptr::NonNull;

impl<'a> NativeModule<'a> {
    /// Has the unwinder told how to get through the module's code, once the module is sealed. Linux with glibc, but not on 32-bit ARM, and with the standard library.
    ///
    /// Panics of `extern "C-unwind"` functions, exceptions of C++ and backtraces then pass through frames of the code, in all
    /// threads. The table has the form of an `.eh_frame` section: what assemblers and compilers write, with 4 bytes of zero behind its last entry.
    /// Allocate it like code, behind the code that it describes. It is taken back when the arena is dropped, before the arena's memory goes.
    ///
    /// The chapter [`debugging`](crate::guide::debugging) has a function, its table, and a panic that passes through. Of more calls, the last
    /// one counts. If the [`seal`](Self::seal) fails, the unwinder is told nothing.
    ///
    /// # Errors
    ///
    /// * [`Error::Foreign`] for bytes that [`alloc`](Self::alloc) of this module did not return.
    /// * [`Error::UnwindTable`] unless the lengths of the entries add up, with the end behind the last one.
    /// * [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room for a record.
    ///
    /// # Safety
    ///
    /// 1. Each entry has the form that the unwinder reads: that of the Linux Standard Base, with 32-bit lengths.
    /// 2. What an entry says is true of the code at the addresses that it names.
    /// 3. All of that code is in this module.
    /// 4. The table is aligned as a `usize` is.
    /// 5. With GCC 13 and later, no other module of the arena with a table grew while this one did. Their code may alternate, and that unwinder
    ///    finds one table for all addresses between the first and the last that a table names.
    ///
    /// # Cost
    ///
    /// Some 24 bytes of the arena's records, and a look at each entry. The seal makes one call of the C runtime's `__register_frame`, and the
    /// arena's drop one of `__deregister_frame`. These allocate and free some memory, and may wait for a lock of the C runtime.
    ///
    /// # Forks
    ///
    /// Before GCC 13, each unwinding in a process that has a table takes that lock for a moment. A child that was forked at that moment by
    /// another thread can never unwind. It waits for ever, also where it seals or drops an arena with a table. So fork while no other thread panics, takes a
    /// backtrace, or seals or drops such an arena. Or set no table in a process that forks.
    ///
    /// ```
    /// # #[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(permacode_ordinary_pages)))]
    /// # fn main() -> Result<(), permacode::Error> {
    /// use permacode::{CodeArena, Error};
    ///
    /// let arena = CodeArena::new()?;
    /// let jit = arena.load_native("jit")?;
    /// jit.alloc(&[0xc3], 16)?; // ret
    /// let table = jit.alloc(&[0; 4], 8)?; // a table without an entry
    /// // SAFETY: it says nothing.
    /// unsafe { jit.set_unwind_table(table) }?;
    /// jit.seal()?;
    ///
    /// let other = arena.load_native("other")?;
    /// // SAFETY: refused.
    /// assert_eq!(unsafe { other.set_unwind_table(table) }, Err(Error::Foreign));
    /// let endless = other.alloc(&[4, 0, 0, 0, 9, 9, 9, 9], 8)?; // an entry, and no end
    /// // SAFETY: refused.
    /// assert_eq!(unsafe { other.set_unwind_table(endless) }, Err(Error::UnwindTable { offset: 8 }));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(permacode_ordinary_pages))))]
    /// # fn main() {}
    /// ```
    pub unsafe fn set_unwind_table(&self, table: &[u8]) -> Result<(), Error> {
        entries_add_up(table)?;
        let last = table.as_ptr_range().end.addr() - 1;
        if !self.filled(table.as_ptr().addr()) || !self.filled(last) {
            return Err(Error::Foreign);
        }
        // SAFETY: the record goes to the ledger of this module's arena, in which the table lies.
        let record = self.store().record(unsafe { UnwindTable::new(NonNull::from(table).cast()) })?;
        self.tell(record);
        Ok(())
    }
}

/// Looks whether each entry ends where the next begins, and the last one at the end.
fn entries_add_up(table: &[u8]) -> Result<(), Error> {
    let mut rest = table;
    loop {
        let refused = Error::UnwindTable { offset: table.len() - rest.len() };
        let (length, entries) = rest.split_first_chunk::<4>().ok_or(refused)?;
        rest = match u32::from_ne_bytes(*length) {
            0 if entries.is_empty() => return Ok(()),
            // An entry begins with four bytes that say what it is. The largest length stands for a longer form, which libgcc does not read.
            0..4 | u32::MAX => return Err(refused),
            length => entries.get(length as usize..).ok_or(refused)?,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lengths: &[u32], tail: &[u8]) -> Vec<u8> {
        let entry = |&length: &u32| [&length.to_ne_bytes()[..], &vec![0xEE; length as usize]].concat();
        [lengths.iter().map(entry).collect::<Vec<_>>().concat(), tail.to_vec()].concat()
    }

    // A child that was forked in the middle of another thread's seal.
    #[test]
    #[cfg(not(any(miri, permacode_ordinary_pages)))]
    fn if_the_unwinder_may_have_a_table_the_arenas_memory_stays() {
        permacode_witness::in_child(|| {
            let dropped = |announced: bool| {
                let arena = crate::code::arena::CodeArena::builder().reservation(1 << 20).build().unwrap();
                let module = arena.load_native("m").unwrap();
                let table = NonNull::from(module.alloc(&[0; 4], 8).unwrap());
                // SAFETY: the record goes to the ledger of the arena that the table lies in.
                let record = arena.store().record(unsafe { UnwindTable::new(table.cast()) }).unwrap();
                if announced {
                    arena.store().unwind_tables().announce(record);
                }
                module.seal().unwrap();
                let page = arena.address_range().end - (64 << 10);
                drop(arena);
                let mut resident = 0u8;
                // SAFETY: there is a byte for the one page; the call fails where it is not mapped.
                unsafe { libc::mincore(core::ptr::without_provenance_mut(page), 1, &raw mut resident) == 0 }
            };
            assert!(!dropped(false) && dropped(true));
        });
    }

    #[test]
    fn a_table_is_believed_if_its_lengths_lead_to_its_end() {
        for lengths in [&[][..], &[4], &[20, 28], &[4; 1000]] {
            assert_eq!(entries_add_up(&table(lengths, &[0; 4])), Ok(()));
        }
    }

    #[test]
    fn a_table_that_ends_elsewhere_is_refused_where_it_goes_wrong() {
        let at = |offset| Err(Error::UnwindTable { offset });
        let (no_end, short_end) = (table(&[20], &[]), table(&[20], &[0; 3]));
        assert_eq!((entries_add_up(&[]), entries_add_up(&no_end), entries_add_up(&short_end)), (at(0), at(24), at(24)));
        assert_eq!(entries_add_up(&table(&[20], &[0; 5])), at(24), "bytes behind the end");
        assert_eq!(entries_add_up(&table(&[20, 3], &[0; 4])), at(24), "too short for an entry");
        let mut long = table(&[20, 8], &[0; 4]);
        long[24..28].copy_from_slice(&13u32.to_ne_bytes()); // beyond the end
        assert_eq!(entries_add_up(&long), at(24));
        long[24..28].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(entries_add_up(&long), at(24), "a length of 64 bits");
    }
}
