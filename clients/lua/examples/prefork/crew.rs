//! The parent's side: forks workers, listens to them, lets them go.

use super::stranger;
use super::worker::{Message, work};
use permacode_lua::Function;
use permacode_witness::{Child, End};
use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Workers forked at the same time from the same state. Dropping it ends all of them.
pub struct Crew {
    pub workers: Vec<Worker>,
    /// When this end is closed, those that wait go home.
    hold: Option<PipeWriter>,
}

/// A worker, as the parent knows it.
pub struct Worker {
    /// Counted from 1.
    pub number: usize,
    pub pid: i32,
    child: Option<Child>,
    report: Option<PipeReader>,
    inbox: Vec<u8>,
    /// For each program, what it printed or why it failed; `None` if there was no answer.
    pub answers: Vec<Option<Result<Vec<u8>, String>>>,
    /// The program that it was last known to run.
    pub running: usize,
    /// How it ended before its time.
    pub fate: Option<String>,
}

impl Crew {
    /// Forks so many workers, each of which runs all the functions.
    pub fn fork(workers: usize, functions: &[Function<'_, '_>]) -> io::Result<Self> {
        Self::start(workers, functions.len(), |report, hold| work(functions, report, hold))
    }

    /// Starts so many processes that share nothing with this one but the image at a path, each of which runs all of its programs.
    pub fn of_strangers(workers: usize, programs: usize, path: &Path) -> io::Result<Self> {
        Self::start(workers, programs, |report, hold| stranger::become_one(path, report, hold))
    }

    /// Forks so many children, each of which answers for so many programs by `body`.
    fn start(workers: usize, programs: usize, body: impl Fn(PipeWriter, &PipeReader) -> i32) -> io::Result<Self> {
        let (waiting, hold) = pipe()?;
        let held = hold.as_raw_fd();
        let mut crew = Self { workers: Vec::new(), hold: Some(hold) };
        for number in 1..=workers {
            let (report, answers) = pipe()?;
            let (waiting, body, parent) = (&waiting, &body, std::process::id());
            let child = Child::fork(move || {
                // SAFETY: the child's copy of an end that only the parent may hold, or nobody would see it closed; the child leaves by
                // `_exit` and does not close it again. The other calls have no conditions.
                let orphan = unsafe {
                    libc::close(held);
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    libc::getppid() as u32 != parent
                };
                if orphan { 1 } else { body(answers, waiting) }
            })?;
            crew.workers.push(Worker {
                number,
                pid: child.pid(),
                child: Some(child),
                report: Some(report),
                inbox: Vec::new(),
                answers: (0..programs).map(|_| None).collect(),
                running: 0,
                fate: None,
            });
        }
        Ok(crew)
    }

    /// Listens until each worker has answered for every program or is gone; one that takes longer than `patience` is killed.
    pub fn listen(&mut self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let mut talking: Vec<&mut Worker> =
                self.workers.iter_mut().filter(|worker| worker.report.is_some()).collect();
            if talking.is_empty() {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                talking.iter_mut().for_each(|worker| worker.give_up(patience));
                return Ok(());
            }
            let fd = |worker: &&mut Worker| worker.report.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let mut polled: Vec<libc::pollfd> = talking
                .iter()
                .map(|worker| libc::pollfd { fd: fd(worker), events: libc::POLLIN, revents: 0 })
                .collect();
            let timeout = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
            // SAFETY: an array of so many entries, which the kernel writes `revents` of.
            if unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout) } < 0 {
                match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => continue,
                    error => return Err(error),
                }
            }
            for (worker, polled) in talking.into_iter().zip(polled) {
                if polled.revents != 0 {
                    worker.hear()?;
                }
            }
        }
    }

    /// Lets the workers go home. One that does not go with status 0 has met its fate.
    pub fn dismiss(&mut self) {
        self.hold = None;
        for worker in &mut self.workers {
            match worker.child.take().map(Child::wait) {
                None | Some(Ok(End::Code(0))) => {}
                Some(end) => worker.fate = worker.fate.take().or(Some(described(end))),
            }
        }
    }
}

impl Worker {
    /// It answered for every program, well or not.
    pub fn complete(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    /// Reads what there is; at the end of the pipe, finds out why.
    fn hear(&mut self) -> io::Result<()> {
        let Some(report) = &mut self.report else { return Ok(()) };
        let mut piece = [0; 1 << 14];
        match report.read(&mut piece) {
            Ok(0) => {
                self.report = None;
                if !self.complete() {
                    self.fate = self.child.take().map(|child| described(child.wait()));
                }
            }
            Ok(read) => {
                self.inbox.extend_from_slice(&piece[..read]);
                while let Some(message) = Message::take(&mut self.inbox) {
                    self.heard(message);
                }
                if self.complete() {
                    self.report = None; // a stranger's ends with the process only
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn heard(&mut self, message: Message) {
        let (program, answer) = match message {
            Message::Begins { program } => {
                self.running = program;
                return;
            }
            Message::Printed { program, output } => (program, Ok(output)),
            Message::Failed { program, why } => (program, Err(why)),
        };
        if let Some(place) = self.answers.get_mut(program) {
            *place = Some(answer);
        }
    }

    fn give_up(&mut self, patience: Duration) {
        self.report = None;
        self.kill();
        self.fate = Some(format!("gave no answer in {} s and was killed", patience.as_secs()));
    }

    /// Ends it and waits for the end.
    fn kill(&mut self) {
        if let Some(child) = self.child.take() {
            // SAFETY: a child that was not waited for yet, so that the number still names it.
            unsafe { libc::kill(child.pid(), libc::SIGKILL) };
            let _ = child.wait();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn described(end: io::Result<End>) -> String {
    match end {
        Ok(End::Code(code)) => format!("exited with status {code}"),
        Ok(End::Signal { signal, .. }) => format!("was killed by signal {signal}"),
        Ok(End::TimedOut) => "did not go home and was killed".to_owned(),
        Err(error) => format!("is lost: {error}"),
    }
}
