//! One cache, asked by many processes at once, of which a third are killed.
//!
//! ```text
//!   64 processes ─ gate ─┬─ builds ── killed ┄┄ the kernel takes the lock back
//!                        ├─ waits ─── builds ─── one file
//!                        └─ waits ───────────────▶ found: the same file, the same digest
//! ```
//!
//! In each second round those that will be killed come first. So one of them builds, and it does not end before it is killed: whatever else the machine
//! does, a builder dies.
//!
//! `PERMACODE_ROUNDS=1000 cargo test --test image rounds_without_end -- --ignored` runs a thousand rounds.

use crate::cache;
use crate::output::Folder;
use crate::program::Code;
use permacode::image::{CacheOutcome, ImageCache, ImageError};
use permacode_witness::{Child, End, Random};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const PROCESSES: usize = 64;
/// The number of those that are killed: the lowest ones. They do not end by themselves.
const VICTIMS: usize = PROCESSES / 3;
/// The time in which they are.
const KILLING: Duration = Duration::from_millis(12);

/// What a process tells of itself, in the order in which all of them do.
const RECORD: usize = 48;
const BEGINS: u8 = b'b';
const HAS_BUILT: u8 = b'e';
const OPENED: u8 = b'o';

fn record(kind: u8, process: usize, number: u64, digest: [u8; 32]) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[0] = kind;
    record[1] = process as u8;
    record[8..16].copy_from_slice(&number.to_le_bytes());
    record[16..].copy_from_slice(&digest);
    record
}

/// One of many: asks the cache, and says what it got. The image has the process's number in it, so that all are different.
///
/// One that `lasts` does not end to build.
fn ask(folder: &Path, key: &str, process: usize, lasts: bool, mut said: &UnixStream) {
    let mut say = |kind, number, digest| said.write_all(&record(kind, process, number, digest)).unwrap();
    // SAFETY: nobody but the caches writes there.
    let cache = unsafe { ImageCache::new(folder).mapped() }.patience(Duration::from_secs(100));
    let cached = cache.open_or_build::<Code<'_>, ImageError>(key, |arena| {
        say(BEGINS, 0, [0; 32]);
        if lasts {
            wait_to_be_killed();
        }
        let writer = cache::load(arena, &process.to_string());
        std::thread::sleep(Duration::from_millis(2));
        say(HAS_BUILT, 0, [0; 32]);
        writer
    });
    let cached = cached.unwrap();
    let (found, built) = (CacheOutcome::Found, CacheOutcome::Built { instead_of: None, without_lock: None });
    assert!([found, built].contains(&cached.outcome), "{}", cached.outcome);
    say(OPENED, cached.image.file().metadata().unwrap().ino(), *cached.image.digest().as_bytes());
}

/// What came of a round.
#[derive(Debug, Default)]
struct Round {
    killed: usize,
    builders: usize,
    opened: usize,
}

fn wait_to_be_killed() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn round(folder: &Folder, key: &str, victims_first: bool, random: &mut Random) -> Round {
    let (mut hear, say) = UnixStream::pair().unwrap();
    let [(wait, mut gate), (wait_of_victims, mut gate_of_victims)] = [(); 2].map(|()| UnixStream::pair().unwrap());
    let path = folder.path();
    let child = |process| {
        let is_victim = process < VICTIMS;
        let (say, mut wait) = (&say, if is_victim { &wait_of_victims } else { &wait });
        Child::fork(move || {
            wait.read_exact(&mut [0]).unwrap();
            ask(path, key, process, is_victim && victims_first, say);
            if is_victim {
                wait_to_be_killed();
            }
            0
        })
    };
    let children: Vec<Child> = (0..PROCESSES).map(|process| child(process).unwrap()).collect();
    drop((say, wait, wait_of_victims));
    let mut victims: Vec<(Duration, usize)> =
        (0..VICTIMS).map(|victim| (KILLING.mul_f64(random.unit()), victim)).collect();
    victims.sort_unstable();
    let mut said = Vec::new();
    gate_of_victims.write_all(&[1; VICTIMS]).unwrap();
    if victims_first {
        // One of them has the lock then.
        said.resize(RECORD, 0);
        hear.read_exact(&mut said).unwrap();
    }
    gate.write_all(&[1; PROCESSES - VICTIMS]).unwrap();
    let began = Instant::now();
    for &(at, victim) in &victims {
        std::thread::sleep(at.saturating_sub(began.elapsed()));
        // SAFETY: a child that is not waited for yet.
        unsafe { libc::kill(children[victim].pid(), libc::SIGKILL) };
    }
    let mut killed = BTreeSet::new();
    for (process, child) in children.into_iter().enumerate() {
        match child.wait().unwrap() {
            End::Code(0) => {}
            End::Signal { signal: libc::SIGKILL, .. } => drop(killed.insert(process)),
            end => panic!("{process}: {end:?}"),
        }
    }
    hear.read_to_end(&mut said).unwrap();
    assert_eq!(said.len() % RECORD, 0);

    let mut round = Round { killed: killed.len(), ..Round::default() };
    let (mut builder, mut opened) = (None, BTreeSet::new());
    for record in said.chunks(RECORD) {
        let process = usize::from(record[1]);
        match record[0] {
            BEGINS => {
                // The one before it has built, or was killed at it.
                assert!(builder.is_none_or(|before| killed.contains(&before)), "{builder:?} and {process} at once");
                builder = Some(process);
                round.builders += 1;
            }
            HAS_BUILT => assert_eq!(builder, Some(process)),
            _ => {
                opened.insert(record[8..].to_vec());
                round.opened += 1;
            }
        }
        if record[0] == HAS_BUILT && !killed.contains(&process) {
            builder = None;
        }
    }
    assert_eq!(round.killed, VICTIMS);
    assert!(round.builders > usize::from(victims_first) && round.builders <= 1 + round.killed, "{round:?}");
    assert!(round.opened >= PROCESSES - round.killed, "{round:?}");
    assert_eq!(opened.len(), 1, "all have one file and one digest");
    round
}

/// Returns `true` if a byte of the file of locks is locked by anybody.
fn is_locked(folder: &Folder) -> bool {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(folder.join(".lock")).unwrap();
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: an open file, and a place for the answer.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) }, 0);
    lock.l_type != libc::F_UNLCK as libc::c_short
}

fn rounds(count: usize, seed: u64) {
    let folder = Folder::new(&format!("cache_at_once_{count}"));
    let mut random = Random::new(seed);
    let mut sum = Round::default();
    for number in 0..count {
        let Round { killed, builders, opened } =
            round(&folder, &format!("round {number}"), number % 2 == 0, &mut random);
        sum = Round { killed: sum.killed + killed, builders: sum.builders + builders, opened: sum.opened + opened };
        // One image a round, and nothing else: nothing that a killed process was at, and no lock.
        let names = folder.names();
        let images = names.iter().filter(|name| name.ends_with(".image") && !name.starts_with('.')).count();
        assert_eq!((images, names.len()), (number + 1, number + 2), "{names:?}");
        assert!(!is_locked(&folder));
    }
    println!("{count} rounds of {PROCESSES} processes: {sum:?}");
}

#[test]
fn of_many_processes_one_builds_whoever_is_killed() {
    rounds(5, 1);
}

#[test]
#[ignore = "minutes; `PERMACODE_ROUNDS` says how many rounds"]
fn rounds_without_end() {
    let count = std::env::var("PERMACODE_ROUNDS").map_or(1000, |count| count.parse().unwrap());
    rounds(count, u64::from(std::process::id()));
}
