//! The program `permacode`: see `lib.rs`.

fn main() -> std::process::ExitCode {
    permacode_tool::main()
}
