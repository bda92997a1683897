//! All of it, told step by step: each process is one of its own, and not related to the others but by this one.

use crate::pages::Pages;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The name of sealed memory among the mappings of a process.
const MEMORY: &str = "/memfd:permacode-image (deleted)";
/// A user that is nobody's.
const NOBODY: u32 = 65534;

/// A process that is killed when this goes.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(program: &Path, arguments: &[&Path], user: Option<u32>) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        Ok(Self { input: child.stdin.take(), child, output })
    }

    /// Waits for what the process says next.
    fn hear(&mut self) -> Result<String, Box<dyn Error>> {
        Ok(self.output.next().ok_or("a process that ended too early")??)
    }

    /// Has a client ask again.
    fn ask_again(&mut self) -> Result<String, Box<dyn Error>> {
        writeln!(self.input.as_mut().ok_or("no input")?)?;
        self.hear()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that is gone in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn all() -> Result<(), Box<dyn Error>> {
    let folder = Folder(std::env::temp_dir().join(format!("share-{}", std::process::id())));
    fs::create_dir_all(&folder.0)?;
    let (socket, images, program) = (folder.0.join("socket"), folder.0.join("images"), folder.0.join("share"));
    // Where any user may start it.
    fs::copy("/proc/self/exe", &program)?;
    let client = |user| Process::start(&program, &["client".as_ref(), &socket], user);
    let daemon = || Process::start(&program, &["daemon".as_ref(), &socket, &images], None);

    println!("1. A client starts before there is a daemon, and waits.");
    let mut early = client(None)?;
    std::thread::sleep(Duration::from_millis(300));
    println!("   The daemon starts.");
    let mut serving = daemon()?;
    println!("   early client: {}", early.hear()?);

    println!("2. Three more come.");
    // SAFETY: takes nothing, and cannot fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        println!("   All of this user: only root starts processes of another.");
    }
    let mut clients = vec![("the early client", early)];
    for (name, user) in [("a second", None), ("another user's", Some(NOBODY)), ("a fourth", None)] {
        let mut next = client(user.filter(|_| is_root))?;
        println!("   {name}: {}", next.hear()?);
        clients.push((name, next));
    }
    println!("\n   kB of the image          resident  its part   shared   private   copied");
    for (name, process) in &clients {
        let Pages { resident, part, shared, private, anonymous } = Pages::of(process.child.id(), MEMORY)?;
        println!("   {name:<24} {resident:>8} {part:>9} {shared:>8} {private:>9} {anonymous:>8}");
    }

    println!("\n3. The image is replaced, while they run on the old one.");
    let replaced = Command::new(&program).arg("replace").arg(&socket).arg("2").status()?;
    println!("   by this user: {}", if replaced.success() { "done" } else { "refused" });
    if is_root {
        let refused = Command::new(&program)
            .arg("replace")
            .arg(&socket)
            .arg("3")
            .uid(NOBODY)
            .gid(NOBODY)
            .stderr(Stdio::null())
            .status()?;
        println!("   by another user: {}", if refused.success() { "done" } else { "refused" });
    }
    let mut late = client(None)?;
    println!("   a new client: {}", late.hear()?);
    let (name, second) = &mut clients[1];
    println!("   {name}, asked again: {}", second.ask_again()?);
    println!("   {name}, once more: {}", second.ask_again()?);

    println!("4. The daemon is killed, and another starts while a client asks.");
    drop(serving);
    writeln!(late.input.as_mut().ok_or("no input")?)?;
    std::thread::sleep(Duration::from_millis(200));
    serving = daemon()?;
    println!("   the new client, asked again: {}", late.hear()?);
    let mut second = daemon()?;
    println!(
        "   a second daemon on the same socket: {}",
        if second.child.wait()?.success() { "serves" } else { "ends" }
    );

    println!("5. The daemon is killed, and none starts.");
    drop(serving);
    println!("   a client whose patience ends: {}", client(None)?.hear()?);
    io::stdout().flush()?;
    Ok(())
}
