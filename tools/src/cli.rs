//! The arguments, and the help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well; the images have the same contents
  1  a file is damaged, is no image, or differs
  2  the arguments make no sense
  3  the system refused: a file or a process could not be read, or a file was not written";

/// Looks at images of loaded code: what is in them, whether they are whole, why two differ, who has them in memory.
///
/// FILE is an image, or a program that carries one. Nothing is asked of the program that wrote it: all is read from the file.
#[derive(Debug, Parser)]
#[command(name = "permacode", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Prints JSON for programs in place of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// Uses colours. `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows the header, the types, the modules, the roots, and what takes the space
    #[command(after_help = "\
Examples:
  permacode inspect mylang.image
  permacode inspect --fields mylang.image
  permacode inspect --json mylang.image | jq '.modules[] | select(.bytes > 100000) | .name'")]
    Inspect(Inspect),
    /// Lists all roots, modules, types, names or runs, one a line
    #[command(after_help = "\
Examples:
  permacode list roots mylang.image
  permacode list names dist/mylang | grep -c '^  __'")]
    List(List),
    /// Checks that files are whole: the digest, and the structure
    ///
    /// It proves that no bit has changed since the image was written. Whether values are values of their types, only a program with these types
    /// can check: `Image::check`.
    #[command(after_help = "\
Examples:
  permacode verify /usr/lib/mylang/*.image
  permacode verify --digest 8f3c… mylang.image    # fails for any other image, however whole")]
    Verify(Verify),
    /// Says why two images differ: types with their fields, modules, values
    ///
    /// Images for other windows have the same contents if their digests are equal.
    #[command(after_help = "\
Examples:
  permacode diff old.image new.image
  permacode diff --json old.image new.image | jq .types")]
    Diff(Diff),
    /// Writes the image for another window: the address that it is mapped at
    ///
    /// The digest stays. All images of a chain are written for one window: that of the lowest.
    #[command(after_help = "\
Examples:
  permacode rebase mylang.image --window 0x400100000000 --output other.image
  permacode rebase mylang.image --window 0x400100000000 --output mylang.image    # in its own place")]
    Rebase(Rebase),
    /// Writes a program with the image behind it, at the beginning of a page
    ///
    /// `Image::of_current_exe` maps it from there. An image that the program carries already gives way. Embed last: `strip` and `objcopy` leave the
    /// image out, and a signature at the end hides it.
    #[command(after_help = "\
Examples:
  permacode embed mylang.image target/release/mylang --output dist/mylang")]
    Embed(Embed),
    /// Shows the images and arenas that processes have in memory: resident, shared, private, and why
    ///
    /// Without a PID it looks at all processes that this user may look at, and shows those with an image or with hardened code.
    #[command(after_help = "\
Examples:
  permacode top $(pgrep mylang)
  sudo permacode top

It sees images that are mapped from files or sealed memory, the copies of those that were moved, code that was hardened to sealed memory,
and what lies around an image at its window. Other arenas are seen by the names of their memory, `[anon:NAME]`: if the program gives
them with `NamedPages`, and the kernel has names (Linux 5.17 with CONFIG_ANON_VMA_NAME). Other libraries may name memory too.
An arena without a name cannot be told from a program's own memory: a program asks `CodeArena::residency` about it.")]
    Top(Top),
    /// Shows which pages of a file are in memory, which of them processes have mapped, and what is touched over time
    ///
    /// A fault maps up to 64 KiB around it if these pages are in memory. So `mapped` may be more than what was read.
    #[command(after_help = "\
Examples:
  permacode trace mylang.image
  permacode trace mylang.image --every 0.5 --count 20
  permacode trace dist/mylang --pid 4711")]
    Trace(Trace),
    /// Prints completions for a shell
    #[command(after_help = "\
Examples:
  permacode completions bash > /etc/bash_completion.d/permacode
  permacode completions zsh > ~/.zfunc/_permacode")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the manual page, of this program or of one of its commands
    #[command(after_help = "\
Examples:
  permacode man > /usr/share/man/man1/permacode.1
  permacode man inspect | man -l -")]
    Man {
        /// The command that the page is of
        command: Option<String>,
    },
}

#[derive(Args, Debug)]
pub struct Inspect {
    /// An image, or a program that carries one
    pub file: PathBuf,
    /// Shows the fields of each type
    #[arg(long)]
    pub fields: bool,
    /// Shows so many of the largest types and modules, and of the roots
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub most: usize,
}

#[derive(Args, Debug)]
pub struct List {
    /// The kind of things that are listed
    pub what: What,
    /// An image, or a program that carries one
    pub file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Values that are found by name, with their types
    Roots,
    /// Modules, with their bytes
    Modules,
    /// Types, with their fields
    Types,
    /// Interned names
    Names,
    /// Arrays of values of one type, in the order of the file
    Runs,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// Images, or programs that carry one
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Accepts images with this digest only: 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = digest)]
    pub digest: Option<permacode::image::Digest>,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// An image, or a program that carries one
    pub old: PathBuf,
    /// The image that it is compared with
    pub new: PathBuf,
}

#[derive(Args, Debug)]
pub struct Rebase {
    /// An image, or a program that carries one
    pub file: PathBuf,
    /// The new address of the first byte of code, of the lowest image of a chain: decimal, or hexadecimal with 0x
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub window: usize,
    /// The file that is written. It is replaced as a whole, and may be the image itself
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct Embed {
    /// An image, or a program that carries one
    pub image: PathBuf,
    /// The program
    pub program: PathBuf,
    /// The file that is written. It is replaced as a whole, and may be the program itself
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct Top {
    /// Processes
    pub pid: Vec<u32>,
}

#[derive(Args, Debug)]
pub struct Trace {
    /// An image, or a program that carries one
    pub file: PathBuf,
    /// Looks at these processes only. Otherwise at all that this user may look at
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// The seconds between looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub every: f64,
    /// The number of looks
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
}

/// Reads a digest.
fn digest(text: &str) -> Result<permacode::image::Digest, String> {
    let wrong = || "expected 64 hexadecimal digits, as `permacode inspect` shows them".to_owned();
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(permacode::image::Digest::from_bytes(bytes))
}

/// Reads an address.
fn address(text: &str) -> Result<usize, String> {
    let number = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => usize::from_str_radix(&digits.replace('_', ""), 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected an address such as 0x400100000000".to_owned())
}

/// Reads a time.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=86_400.0).contains(number));
    number.ok_or_else(|| "expected seconds, such as 0.5, and at most a day".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_says_what_it_does_and_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("permacode {}", command.get_name())) || help.contains("permacode top"));
        }
    }

    #[test]
    fn addresses_digests_and_times_are_read_or_refused() {
        assert_eq!((address("0x4000_0000"), address("12")), (Ok(0x4000_0000), Ok(12)));
        assert!(address("").is_err() && address("0x").is_err() && address("-1").is_err() && address("1g").is_err());
        assert_eq!(digest(&"ab".repeat(32)).map(|digest| digest.as_bytes()[31]), Ok(0xab));
        assert!(digest("ab").is_err() && digest(&"é".repeat(32)).is_err() && digest(&"xx".repeat(32)).is_err());
        assert!(seconds("nan").is_err() && seconds("-1").is_err() && seconds("inf").is_err());
        assert_eq!(seconds("0.5"), Ok(0.5));
    }
}
