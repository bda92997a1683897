//! [`CodeArena::report_faults`]: an arena asks for the line.

use super::handler::install;
use crate::code::CodeArena;
use crate::error::Error;

impl CodeArena {
    /// Lets a stray store to this arena's sealed code say whose code it hit, before the process dies of it. Feature `fault-report`, Linux.
    ///
    /// The line goes to the standard error, from whatever thread or forked child does the store:
    ///
    /// ```text
    /// permacode: store to sealed code, module json + 8
    /// ```
    ///
    /// The number counts bytes of the module, as [`Location::offset`](crate::code::Location::offset) does. Then everything happens as it would have
    /// without a report. The handler that was there before is called, or the process dies by the same signal at the same instruction. The chapter
    /// [`debugging`](crate::guide::debugging) says more, and what to do with the line.
    ///
    /// Call it once for each arena; more calls are no-ops. It holds until the arena is dropped, also when the arena is moved.
    /// The first call of a process installs a handler of `SIGSEGV`, which stays. So install handlers of your own before, or
    /// let them call the one that they replace. If two threads make the first call at once, one may return a moment before the handler is there.
    ///
    /// # Errors
    ///
    /// * [`Error::FaultReport`] if 64 arenas of the process report already.
    /// * [`Error::Bookkeeping`] or another refusal of room for the arena's record.
    /// * [`Error::SignalHandler`] if the system refuses the handler, as a filter of system calls may.
    ///
    /// # Cost
    ///
    /// Some 50 bytes of the arena's records. Two system calls for the first arena of a process, later ones make none. With the
    /// feature, finishing a module takes one more atomic instruction. A fault of any kind looks at 64 places, and at each module of the arena that it hit.
    ///
    /// ```no_run
    /// let arena = permacode::CodeArena::new()?;
    /// arena.report_faults()?;
    /// let json = arena.load("json")?;
    /// let ops = json.alloc_slice_copy(&[1u64, 2, 3])?;
    /// json.seal()?;
    /// // SAFETY: none, this is the mistake: the process dies, and says where.
    /// unsafe { std::ptr::from_ref(&ops[1]).cast_mut().write_volatile(7) };
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn report_faults(&self) -> Result<(), Error> {
        self.post_lookout()?;
        install()
    }
}
