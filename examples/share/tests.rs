use crate::client::{self, Client, From, Why};
use crate::daemon;
use crate::pages::Pages;
use crate::program;
use crate::wire::{self, Answer, Kind, Request};
use permacode::image::Digest;
use permacode_witness::{self as witness, Child, End, Random};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("share-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// Starts a daemon, which is killed when it is dropped.
    fn daemon(&self) -> Child {
        let (socket, images) = (self.socket(), self.0.join("images"));
        Child::fork(|| i32::from(daemon::serve(&socket, &images).is_err())).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A client with time enough for a busy machine.
fn patient(socket: &Path) -> Client {
    Client { patience: Duration::from_secs(60), ..Client::new(socket) }
}

fn kill(child: Child) {
    // SAFETY: a child that is not waited for yet.
    assert_eq!(unsafe { libc::kill(child.pid(), libc::SIGKILL) }, 0);
    assert!(matches!(child.wait().unwrap(), End::Signal { signal: libc::SIGKILL, .. }));
}

#[test]
fn messages_are_read_as_they_were_written_and_nonsense_is_refused() {
    let request = Request { versions: 1..=7, replace: 3, types: [5; 32], has: [6; 32] };
    assert_eq!(Request::read(&request.write()).unwrap(), request);
    for kind in [Kind::NoVersion, Kind::Given, Kind::Newest, Kind::OtherTypes, Kind::Replaced, Kind::Refused] {
        let answer = Answer { versions: 2..=2, kind, digest: Digest::from_bytes([9; 32]) };
        assert_eq!(Answer::read(&answer.write()).unwrap(), answer);
    }
    assert!(Request::read(&[0; wire::REQUEST]).is_err());
    let mut bytes = Answer { versions: 1..=1, kind: Kind::Given, digest: Digest::from_bytes([0; 32]) }.write();
    bytes[12] = 77;
    assert!(Answer::read(&bytes).is_err());
}

#[test]
fn both_settle_on_the_highest_version_that_they_share() {
    assert_eq!(wire::settle(&(1..=2), &(1..=9)), Some(2));
    assert_eq!(wire::settle(&(1..=2), &(1..=1)), Some(1));
    assert_eq!(wire::settle(&(1..=2), &(3..=9)), None);
    assert_eq!(wire::settle(&(3..=9), &(1..=2)), None);
}

#[test]
fn clients_of_each_version_are_given_the_image_and_others_build_for_themselves() {
    let folder = Folder::new("versions");
    let _daemon = folder.daemon();
    for version in 1..=2 {
        let mut client = Client { versions: version..=version, ..patient(&folder.socket()) };
        for round in 0..2 {
            let (image, from) = client.image().unwrap();
            assert_eq!(program::run(&image).unwrap().0, 1);
            match (version, round, &from) {
                (2, 1, From::Before) => {}
                (_, 0, From::Daemon { version: settled }) | (1, 1, From::Daemon { version: settled }) => {
                    assert_eq!(*settled, version)
                }
                _ => panic!("{from}"),
            }
        }
    }
    let mut later = Client { versions: 3..=5, number: 9, ..patient(&folder.socket()) };
    let (image, from) = later.image().unwrap();
    assert_eq!(program::run(&image).unwrap().0, 9);
    assert!(matches!(&from, From::Own(Why::NoVersion { daemon }) if *daemon == wire::VERSIONS), "{from}");
    let mut other = Client { types: [7; 32], number: 9, ..patient(&folder.socket()) };
    assert!(matches!(other.image().unwrap().1, From::Own(Why::OtherTypes)));
}

#[test]
fn a_client_without_a_daemon_builds_and_one_that_waits_is_served() {
    let folder = Folder::new("early");
    let mut hasty = Client { patience: Duration::from_millis(20), number: 5, ..Client::new(&folder.socket()) };
    let (image, from) = hasty.image().unwrap();
    assert!(matches!(from, From::Own(Why::NoDaemon(_))), "{from}");
    assert_eq!(program::run(&image).unwrap().0, 5);
    let socket = folder.socket();
    let early = Child::fork(|| {
        let (image, from) = patient(&socket).image().unwrap();
        assert!(matches!(from, From::Daemon { version: 2 }), "{from}");
        assert_eq!(program::run(&image).unwrap().0, 1);
        0
    });
    std::thread::sleep(Duration::from_millis(50));
    let _daemon = folder.daemon();
    assert_eq!(early.unwrap().wait().unwrap(), End::Code(0));
}

#[test]
fn clients_of_two_users_share_all_pages_and_keep_the_old_image_when_it_is_replaced() {
    // SAFETY: takes nothing.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        witness::skipped("clients of another user", "only root becomes somebody else");
    }
    let folder = Folder::new("users");
    let socket = folder.socket();
    let first = folder.daemon();
    let begin = |user: u32| {
        let (here, mut there) = UnixStream::pair().unwrap();
        let child = Child::fork(|| {
            if is_root {
                // SAFETY: the child's own user and group.
                assert_eq!(unsafe { libc::setresgid(user, user, user) | libc::setresuid(user, user, user) }, 0);
            }
            let mut client = patient(&socket);
            let (image, _) = client.image().unwrap();
            let (number, arena) = program::run(&image).unwrap();
            assert_eq!((number, arena.why_not_shared()), (1, None));
            there.write_all(&[1]).unwrap();
            there.read_exact(&mut [0]).unwrap();
            // The image was replaced meanwhile. What this process has stays.
            assert_eq!(image.verify(), Ok(()));
            let refused = client::replace(&socket, 7);
            assert_eq!(refused.is_ok(), !is_root || user == 0);
            let (image, _) = client.image().unwrap();
            assert!([2, 7].contains(&program::run(&image).unwrap().0));
            0
        });
        (child.unwrap(), here)
    };
    let mut clients = [begin(65534), begin(12345), begin(0)];
    clients.iter_mut().for_each(|(_, socket)| socket.read_exact(&mut [0]).unwrap());
    for (child, _) in &clients {
        let pages = Pages::of(child.pid() as u32, "/memfd:permacode-image (deleted)").unwrap();
        assert!(pages.resident > 1000 && pages.shared == pages.resident, "{pages:?}");
        assert_eq!((pages.private, pages.anonymous), (0, 0));
    }
    client::replace(&socket, 2).unwrap();
    for (child, mut socket) in clients {
        socket.write_all(&[1]).unwrap();
        assert_eq!(child.wait().unwrap(), End::Code(0));
    }
    // Another takes its place, and gives what the first was told last.
    kill(first);
    let second = folder.daemon();
    assert_eq!(patient(&socket).image().unwrap().0.version(), "7");
    assert_eq!(folder.daemon().wait().unwrap(), End::Code(1), "a second one on the same socket ends");
    drop(second);
}

#[test]
fn a_client_that_says_nothing_or_nonsense_keeps_nobody_from_being_served() {
    let folder = Folder::new("nonsense");
    let socket = folder.socket();
    let _daemon = folder.daemon();
    patient(&socket).image().unwrap();
    let _silent: Vec<UnixStream> = (0..3).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    UnixStream::connect(&socket).unwrap().write_all(&[7; 1000]).unwrap();
    assert!(matches!(patient(&socket).image().unwrap().1, From::Daemon { .. }));
}

/// Clients that ask for so long, of a daemon that is killed at random and started again, and whose image is replaced.
fn crowd(clients: usize, time: Duration) {
    let folder = Folder::new(&format!("crowd_{clients}"));
    let socket = folder.socket();
    let (mut hear, say) = UnixStream::pair().unwrap();
    let begin = |number: usize| {
        let (socket, mut say) = (&socket, &say);
        Child::fork(move || {
            let mut random = Random::new(number as u64);
            let began = Instant::now();
            // Some lose patience soon, and most wait for the next daemon.
            let patience = Duration::from_millis(if number % 8 == 0 { 1 } else { 60_000 });
            let mut client = Client { patience, ..Client::new(socket) };
            let mut counts = [0u32; 3];
            while began.elapsed() < time {
                let (image, from) = client.image().unwrap();
                counts[match from {
                    From::Daemon { .. } => 0,
                    From::Before => 1,
                    From::Own(Why::NoDaemon(_)) if number % 8 == 0 => 2,
                    From::Own(_) => panic!("{number}: {from}"),
                }] += 1;
                // Right, whichever daemon gave it, and whatever became of that since.
                program::run(&image).unwrap();
                if random.below(3) == 0 {
                    client.has = None;
                }
                std::thread::sleep(Duration::from_millis(random.below(2 * clients) as u64));
            }
            say.write_all(&counts.map(u32::to_le_bytes).concat()).unwrap();
            0
        })
    };
    let crowd: Vec<Child> = (0..clients).map(|number| begin(number).unwrap()).collect();
    drop(say);
    let (mut random, began) = (Random::new(7), Instant::now());
    let (mut daemon, mut deaths) = (folder.daemon(), 0);
    while began.elapsed() < time {
        // So many clients leave a daemon little of the processors to start with.
        std::thread::sleep(Duration::from_millis(random.below(20 * clients) as u64));
        if random.below(3) == 0 {
            // It may be killed before it answers.
            let _ = client::replace(&socket, 1 + random.below(4) as u32);
        }
        kill(daemon);
        deaths += 1;
        std::thread::sleep(Duration::from_millis(random.below(30) as u64));
        daemon = folder.daemon();
    }
    for (number, child) in crowd.into_iter().enumerate() {
        assert_eq!(child.wait().unwrap(), End::Code(0), "{number}");
    }
    let mut said = Vec::new();
    hear.read_to_end(&mut said).unwrap();
    let mut counts = [0; 3];
    for (at, bytes) in said.chunks(4).enumerate() {
        counts[at % 3] += u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    }
    let [given, before, own] = counts;
    println!("{clients} clients, {deaths} daemons killed: {given} images given, {before} were the newest, {own} built");
    assert!(given >= clients / 2 && deaths > 0, "{given} {before} {own} {deaths}");
    // The last daemon serves. What it builds next clears what killed ones were at.
    patient(&socket).image().unwrap();
    client::replace(&socket, 999).unwrap();
    assert!(matches!(patient(&socket).image().unwrap().1, From::Daemon { .. }));
    let names = std::fs::read_dir(folder.0.join("images"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".tmp")).collect::<Vec<_>>(), [""; 0]);
    kill(daemon);
}

#[test]
fn a_crowd_is_served_though_daemons_are_killed() {
    crowd(12, Duration::from_millis(1500));
}

#[test]
#[ignore = "a hundred clients for half a minute"]
fn a_hundred_clients_are_served_though_daemons_are_killed() {
    crowd(100, Duration::from_secs(30));
}
