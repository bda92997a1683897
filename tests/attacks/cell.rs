//! One cell of the table: one attack on code at one level, in processes of its own.

use super::attack::{Attack, From};
use super::board::{ATTACKED, Board, READY, SEEN};
use permacode::code::Protection;
use permacode::{CodeArena, Error};
use permacode_witness::{Child, End};
use std::ptr;
use std::sync::atomic::Ordering::SeqCst;

/// What the code is filled with.
const CODE: u8 = 7;
/// Pages of code; the attack aims at one in the middle.
const PAGES: usize = 4;
pub(crate) const PAGE: usize = 4096;

/// Sealed code at some level.
pub(crate) struct Target {
    block: &'static [u8],
}

impl Target {
    /// Loads code and hardens it.
    pub(crate) fn at(level: Protection) -> Result<Self, Error> {
        let arena = CodeArena::builder().reservation(1 << 20).build()?.leak();
        let loader = arena.load("target")?;
        let block = loader.alloc_padded(&[CODE; PAGES * PAGE], PAGE, 0)?;
        let module = loader.seal()?;
        match level {
            Protection::SealedFile => arena.harden()?,
            Protection::Fixed => arena.harden_forever()?,
            _ => {}
        }
        assert_eq!(module.protection(), level);
        Ok(Self { block })
    }

    fn address(&self) -> usize {
        self.block.as_ptr().addr() + PAGE
    }

    /// Whether every byte is as it was.
    pub(crate) fn is_whole(&self) -> bool {
        let at = self.block.as_ptr();
        // SAFETY: bytes of the block; volatile, because whether they change is the question.
        (0..self.block.len()).all(|offset| unsafe { at.add(offset).read_volatile() } == CODE)
    }
}

/// What became of code that was attacked: `inherited` code by a forked process, or else a process's own.
pub(crate) fn observe(attack: &Attack, level: Protection, inherited: Option<&Target>) -> String {
    let board = Board::new();
    let attacked = || {
        let own;
        let target = match inherited {
            Some(target) => target,
            None => {
                own = Target::at(level).expect("the level held in the parent");
                &own
            }
        };
        board.address.store(target.address(), SeqCst);
        board.stage.store(READY, SeqCst);
        match attack.from {
            From::Within(act) => board.attacked(act(ptr::with_exposed_provenance_mut(target.address()))),
            From::Outside(_) => board.wait_for(ATTACKED),
            From::BeforeFork(act) => {
                board.attacked(act(ptr::with_exposed_provenance_mut(target.address())));
                // What the parent sees is the same as ever: the question is what its child finds.
                let child = Child::fork(|| look(board, target)).expect("a process");
                return i32::from(child.wait().expect("its own child") != End::Code(0));
            }
        }
        look(board, target)
    };
    let end = match attack.from {
        From::Outside(act) => Child::run(|| {
            let child = Child::fork(attacked).expect("a process");
            board.wait_for(READY);
            board.attacked(act(child.pid(), board.address.load(SeqCst)));
            i32::from(child.wait().expect("its own child") != End::Code(0))
        }),
        _ => Child::run(attacked),
    };
    told(board, end.expect("a process"))
}

fn look(board: &Board, target: &Target) -> i32 {
    board.changed.store(i32::from(!target.is_whole()), SeqCst);
    board.stage.store(SEEN, SeqCst);
    0
}

fn told(board: &Board, end: End) -> String {
    let code = board.code.load(SeqCst);
    match (board.stage.load(SeqCst), end) {
        (SEEN, _) if board.changed.load(SeqCst) != 0 => "**changed**".into(),
        (SEEN, End::Code(0)) if code == 0 => "no effect".into(),
        (SEEN, End::Code(0)) => format!("stopped: `{}`", name(code)),
        (READY, End::Signal { signal: libc::SIGSEGV, address }) if address == board.address.load(SeqCst) => {
            "stopped: `SIGSEGV`".into()
        }
        // Its own look at the code ended it.
        (ATTACKED, End::Signal { .. } | End::Code(1)) => "**gone**".into(),
        (stage, end) => format!("unclear: stage {stage}, code {code}, {end:?}"),
    }
}

fn name(code: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::EIO, "EIO"),
        (libc::EACCES, "EACCES"),
        (libc::EFAULT, "EFAULT"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENOMEM, "ENOMEM"),
    ];
    known.iter().find(|(number, _)| *number == code).map_or(code.to_string(), |(_, name)| (*name).to_owned())
}
