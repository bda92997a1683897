//! The modules of an ordinary program, which both libraries have.

/// Twenty modules that a program of some size imports: what its first second is spent on.
pub const ORDINARY: [&str; 20] = [
    "json",
    "json.decoder",
    "json.encoder",
    "json.scanner",
    "re",
    "re._compiler",
    "re._parser",
    "collections",
    "enum",
    "functools",
    "os",
    "pathlib",
    "subprocess",
    "argparse",
    "typing",
    "dataclasses",
    "contextlib",
    "tempfile",
    "logging",
    "shutil",
];
