//! The compiler, asked for errors and where they lie.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// This crate, as the compiler finds it.
pub(crate) struct Library {
    metadata: PathBuf,
}

/// An error in a crate that was compiled.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) line: usize,
    /// The code in brackets if it has one, and the message.
    pub(crate) message: String,
}

impl Library {
    /// Has Cargo check the library, which says where its metadata lies.
    pub(crate) fn find() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let arguments = ["check", "--offline", "--quiet", "--lib", "-p", "permacode", "--message-format=json"];
        let output = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let said = text(&output.stdout);
        let metadata = said.lines().rev().find_map(|line| {
            let artifact = line.contains("\"reason\":\"compiler-artifact\"") && line.contains("\"name\":\"permacode\"");
            line.split('"').find(|part| artifact && part.ends_with(".rmeta"))
        });
        let metadata = metadata.unwrap_or_else(|| panic!("no metadata: {said}{}", text(&output.stderr)));
        Self { metadata: metadata.into() }
    }

    /// All errors of a crate that uses the library.
    pub(crate) fn errors_of(&self, name: &str, source: &str) -> Vec<Error> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = directory.join(format!("{name}.rs"));
        std::fs::write(&file, source).unwrap();
        let output = self.compile(&file, directory);
        let said = text(&output.stderr);
        let head = format!("{}:", file.display());
        let errors: Vec<Error> = said.lines().filter_map(|line| error(line.strip_prefix(&head)?)).collect();
        // A compiler that found nothing and failed all the same would be taken for one that refuses.
        assert_eq!(output.status.success(), errors.is_empty(), "{said}");
        errors
    }

    fn compile(&self, file: &Path, directory: &Path) -> Output {
        let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let mut command = Command::new(compiler);
        command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=short"]);
        command.arg(file).arg("--out-dir").arg(directory);
        command.arg("--extern").arg(format!("permacode={}", self.metadata.display()));
        command.arg("-L").arg(format!("dependency={}", self.metadata.parent().unwrap_or(directory).display()));
        command.output().unwrap()
    }
}

/// Reads `LINE:COLUMN: error[CODE]: message`.
fn error(line: &str) -> Option<Error> {
    let mut parts = line.splitn(3, ':');
    let (line, message) = (parts.next()?.parse().ok()?, parts.nth(1)?.trim());
    let message = message.strip_prefix("error")?.trim_start_matches(':').trim();
    Some(Error { line, message: message.to_owned() })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
