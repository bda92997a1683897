//! A daemon that owns images, and gives them to strangers: processes that it did not start, of any user.
//!
//! ```text
//!   daemon ── cache ── image 7 in sealed memory ─┐
//!     ▲ which protocol? which types?             │ a descriptor, by the socket
//!   client ◀─────────────────────────────────────┘
//!     └ asks the kernel for the seals, checks the values, maps it: no trust in the daemon, and no page of its own
//! ```
//!
//! ```text
//! cargo run --release --example share                             # all of it, told step by step
//! cargo run --release --example share -- daemon SOCKET FOLDER     # a daemon that keeps its images in a folder
//! cargo run --release --example share -- client SOCKET            # a client; asks again at each line of input
//! cargo run --release --example share -- replace SOCKET NUMBER    # has the daemon give image NUMBER from now on
//! ```
//!
//! What may go wrong, and what comes of it:
//!
//! | | |
//! | --- | --- |
//! | a client comes before the daemon | it waits, and asks again; when its patience ends, it builds for itself, and says why |
//! | the daemon is killed | images that were given stay; the next daemon takes the place of its socket |
//! | two daemons are started | the second one ends: it does not get the lock, which goes with its holder |
//! | the image is replaced | who runs on the old one keeps it; who asks gets the new one |
//! | a client speaks older versions of the protocol, or has other types | they settle on the newest that both know; it builds for itself |

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod client;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod daemon;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod descriptor;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../one_file/pages.rs"]
mod pages;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod program;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod show;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod wire;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::path::Path;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["daemon", socket, folder] => daemon::serve(Path::new(socket), Path::new(folder)),
        ["client", socket] => client::talk(Path::new(socket)),
        ["replace", socket, number] => Ok(client::replace(Path::new(socket), number.parse()?)?),
        [] => show::all(),
        _ => Err("usage: share [daemon SOCKET FOLDER | client SOCKET | replace SOCKET NUMBER]".into()),
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("images are for Linux on 64 bits");
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests;
