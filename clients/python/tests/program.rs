//! The program as a whole, on the modules of an ordinary program: its processes share the image, and the picture is one.

use permacode_python::python::Python;
use std::error::Error;
use std::process::Command;

/// The cells of the first row that begins like this.
fn row<'t>(text: &'t str, begin: &str) -> Result<Vec<&'t str>, String> {
    let row = text.lines().find(|line| line.starts_with(&format!("| {begin} |")));
    let row = row.ok_or_else(|| format!("no row {begin:?} in:\n{text}"))?;
    Ok(row.trim_matches('|').split('|').map(str::trim).collect())
}

#[test]
fn processes_share_the_image_and_have_no_copy_of_it() -> Result<(), Box<dyn Error>> {
    let picture = std::env::temp_dir().join(format!("permacode-python-{}.svg", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_permacode-python"))
        .args(["--source", "rustpython", "--ordinary", "--rounds", "1", "--processes", "4", "--svg"])
        .arg(&picture)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));

    let shared = row(&text, "4 on the image")?;
    let number = |at: usize| shared[at].parse::<f64>();
    let (mappings, resident, share, equal, copied) = (number(1)?, number(2)?, number(3)?, number(4)?, number(6)?);
    assert!(mappings <= 4.0 && resident > 1.0, "{shared:?}");
    assert!(copied == 0.0, "kilobytes of the image were copied: {shared:?}");
    // Pages that one process alone asked for make its share a little larger.
    assert!(share <= equal * 1.1 + 0.02, "a process's share is above an equal one: {shared:?}");
    let decoded = row(&text, "4 by: marshal, one file, decoded in Rust")?;
    let own = |row: &[&str]| row[7].parse::<f64>();
    assert!(own(&decoded)? > 5.0 * own(&shared)?, "{decoded:?} beside {shared:?}");

    let svg = std::fs::read_to_string(&picture)?;
    std::fs::remove_file(&picture)?;
    assert!(svg.starts_with("<svg") && svg.contains("process 4") && svg.ends_with("</svg>\n"));
    Ok(())
}

#[test]
fn cpython_compiles_the_modules_itself_and_has_what_it_would_have_decoded() -> Result<(), Box<dyn Error>> {
    if let Err(why) = Python::find() {
        println!("NOT SHOWN: {why}");
        return Ok(());
    }
    let output = Command::new(env!("CARGO_BIN_EXE_permacode-python"))
        .args(["--source", "cpython", "--ordinary", "--rounds", "1", "--processes", "1"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (compiled, decoded) =
        (row(&text, "compiled from `.py`, by CPython")?, row(&text, "`.pyc`, one by one, by CPython")?);
    let number = |row: &[&str], at: usize| row[at].parse::<f64>();
    let (busy, own) = (4, 8);
    assert!(number(&compiled, busy)? > 3.0 * number(&decoded, busy)?, "{compiled:?} beside {decoded:?}");
    assert!(number(&compiled, own)? > 0.7 * number(&decoded, own)?, "{compiled:?} beside {decoded:?}");
    Ok(())
}

#[test]
fn a_folder_of_ones_own_is_converted_and_a_wrong_option_is_refused() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("permacode-python-{}-own", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("good.py"), "def f(x): return x + 1\n")?;
    std::fs::write(folder.join("bad.py"), "def f(x: return\n")?;
    let run = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_permacode-python")).args(arguments).output();
    let path = folder.to_str().ok_or("a path that is no text")?;
    let output = run(&["--source", "rustpython", "--folder", path, "--rounds", "1", "--processes", "2"])?;
    std::fs::remove_dir_all(&folder)?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 modules, 2 code objects"), "{text}");
    assert!(text.contains("bad.py: RustPython's compiler refused it"), "{text}");
    let refused = run(&["--quick"])?;
    assert!(!refused.status.success() && String::from_utf8(refused.stderr)?.contains("--quick"));
    Ok(())
}
