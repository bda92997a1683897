//! The session in a forked child, whose memory is looked at from outside: which pages of code did it copy?
//!
//! ```text
//!   parent   lowers the session's code ── fork ──┬────── reads the outcomes ── looks at the child's pages ── lets it go
//!   child                                        └─ runs the session ── waits ─────────────────────────────────┘
//! ```

use crate::caches::Caches;
use crate::machine::Vm;
use crate::session::{self, Kind, Outcome};
use permacode::{CodeArena, HeapArena};
use permacode_witness::{Child, End, copied, memory};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What a child did, and what was seen of it.
pub struct Seen {
    pub outcomes: Vec<Outcome>,
    /// Pages that held the code, and the counts of transient code, when the child was forked.
    pub pages: usize,
    /// Of these, the ones that are the child's own after it ran the session, by its page table.
    pub copied: usize,
    /// Bytes of these mappings that the child wrote to, by `smaps`.
    pub private_dirty: u64,
}

/// Runs the session in a child. Objects lie in another heap than transient code does, so that the pages of the one are not the other's.
pub fn watch(kind: Kind) -> Result<Seen, Box<dyn Error>> {
    let arena = CodeArena::builder().reservation(1 << 20).build()?;
    let heap = || HeapArena::builder().reservation(4 << 20).build();
    let (transient_code, objects) = (heap()?, heap()?);
    let caches = Caches::new(&arena)?;
    let mut vm = Vm::at(caches.home(&transient_code)?, Some(caches), &objects);
    // The parent keeps its handles: were it to let them go, it would be the parent that writes.
    let mut programs = Some(session::programs(kind, &mut vm.world)?);
    let range = match kind {
        Kind::Permanent => arena.address_range(),
        Kind::Transient => transient_code.address_range(),
    };
    in_child(range, || {
        let outcomes = session::replay(&mut vm, programs.take().unwrap_or_default())?;
        Ok(outcomes.iter().map(line).collect())
    })
}

/// Runs `body` in a child, which says line for line what it has to say, and looks at what it copied of a range of addresses.
pub fn in_child(
    range: Range<usize>,
    body: impl FnOnce() -> Result<String, Box<dyn Error>>,
) -> Result<Seen, Box<dyn Error>> {
    let pages = copied(0, [range.clone()])?;
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(Duration::from_secs(120)))?;
    theirs.set_read_timeout(Some(Duration::from_secs(120)))?;
    let child = Child::fork(move || match body() {
        Ok(text) => tell(theirs, &text).map_or(1, |()| 0),
        Err(error) => tell(theirs, &error.to_string()).map_or(1, |()| 2),
    })?;
    let mut text = String::new();
    ours.read_to_string(&mut text)?;
    let (copied, memory) = (copied(child.pid(), [range.clone()])?, memory(child.pid(), range)?);
    ours.write_all(&[0])?;
    match child.wait()? {
        End::Code(0) => Ok(Seen { outcomes: outcomes(&text), pages, copied, private_dirty: memory.private_dirty() }),
        end => Err(format!("the child ended by {end:?}: {text}").into()),
    }
}

/// The child's side: says what there is to say, and stays until it may go.
fn tell(mut to: UnixStream, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.shutdown(Shutdown::Write)?;
    to.read_exact(&mut [0])
}

fn line(outcome: &Outcome) -> String {
    let mut fields = vec![outcome.value.as_str()];
    fields.extend(outcome.holders.iter().map(String::as_str));
    fields.join("\t") + "\n"
}

fn outcomes(text: &str) -> Vec<Outcome> {
    let outcome = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Outcome { value: fields.next().unwrap_or_default(), holders: fields.collect() }
    };
    text.lines().map(outcome).collect()
}
