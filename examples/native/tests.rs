//! What the example shows, asserted.

use super::assembled::{Assembled, aarch64, x86_64};
use super::functions::{Functions, Loaded};
use super::perf_map::PerfMap;
use super::permissions;
use permacode::CodeArena;
use permacode::code::Protection;
#[cfg(target_os = "linux")]
use std::process::Command;

/// The functions, where they can run.
fn functions(arena: &CodeArena) -> Option<Functions<'_>> {
    let assembled = Assembled::for_this_processor().filter(|_| cfg!(unix))?.unwrap();
    Some(Loaded::load(arena, &assembled).unwrap().seal().unwrap())
}

#[test]
fn both_processors_code_is_what_their_manuals_say() {
    let arm = aarch64().unwrap();
    let word = |at: usize| u32::from_le_bytes(arm.bytes[at..at + 4].try_into().unwrap());
    assert_eq!((word(arm.add), word(arm.add + 4)), (0x8b01_0000, 0xd65f_03c0)); // add x0, x0, x1; ret
    assert_eq!(word(arm.call), 0xf861_7804); // ldr x4, [x0, x1, lsl #3]
    assert_eq!(word(arm.bytes.len() - 4), 0xd61f_0080); // br x4
    let x86 = x86_64().unwrap();
    assert_eq!(x86.bytes[x86.add..][..5], [0x48, 0x8d, 0x04, 0x37, 0xc3]); // lea rax, [rdi + rsi]; ret
    assert!([x86.factorial, x86.copy, x86.call].iter().all(|start| start % 16 == 0));
}

#[test]
fn functions_compute_what_they_should() {
    let arena = CodeArena::new().unwrap();
    let Some(functions) = functions(&arena) else { return };
    assert_eq!((functions.add(40, 2), functions.add(u64::MAX, 1)), (42, 0));
    assert_eq!([0, 1, 5, 20].map(|n| functions.factorial(n)), [1, 1, 120, 2_432_902_008_176_640_000]);
    let mut to = [0u8; 300];
    let from: Vec<u8> = (0..300u32).map(|n| n as u8).collect();
    assert_eq!((functions.copy(&mut to, &from), &to[..]), (300, &from[..]));
    assert_eq!(functions.copy(&mut to[..0], &from), 0);
    let table = functions.table(&arena).unwrap();
    assert_eq!([0, 1, 2].map(|index| functions.call(table, index, 6, 7)), [Some(13), Some(720), None]);
}

#[cfg(target_os = "linux")]
#[test]
fn pages_are_writable_first_and_executable_then() {
    let arena = CodeArena::new().unwrap();
    let Some(Ok(assembled)) = Assembled::for_this_processor() else { return };
    let loaded = Loaded::load(&arena, &assembled).unwrap();
    assert_eq!(permissions(loaded.code()), "rw-p");
    let functions = loaded.seal().unwrap();
    assert_eq!(permissions(functions.code()), "r-xp");
    assert_eq!(permissions(functions.table(&arena).unwrap()), "r--p");
    arena.assert_clean();
}

/// Runs one function for a while, for `perf`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "the test below runs it"]
fn spins() {
    let (arena, mut map) = (CodeArena::new().unwrap(), PerfMap::create().unwrap());
    let loaded = Loaded::load(&arena, &Assembled::for_this_processor().unwrap().unwrap()).unwrap();
    for (name, code) in loaded.symbols() {
        map.add(code, name).unwrap();
    }
    assert_eq!(loaded.seal().unwrap().factorial(300_000_000), 0);
    println!("the map is {}", map.path().display());
}

#[cfg(target_os = "linux")]
#[test]
fn perf_shows_the_name_of_the_function_that_ran() {
    if Assembled::for_this_processor().is_none() {
        return;
    }
    let data = std::env::temp_dir().join(format!("permacode-perf-{}.data", std::process::id()));
    let program = std::env::current_exe().unwrap();
    let record = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-o"])
        .arg(&data)
        .arg("--")
        .arg(program)
        .args(["tests::spins", "--exact", "--ignored", "--nocapture"])
        .output();
    let report = Command::new("perf").args(["report", "--stdio", "--sort", "symbol", "-i"]).arg(&data).output();
    let _ = std::fs::remove_file(&data);
    let (record, report) = match (record, report) {
        (Ok(record), Ok(report)) => (record, report),
        (Err(error), _) | (_, Err(error)) => return eprintln!("NOT SHOWN: names in `perf report`: perf: {error}"),
    };
    let said = String::from_utf8_lossy(&record.stdout);
    let Some(map) = said.lines().find_map(|line| Some(line.split_once("the map is ")?.1)) else {
        // The kernel's answer to whoever may not count its time.
        return eprintln!("NOT SHOWN: names in `perf report`: {}", String::from_utf8_lossy(&record.stderr).trim());
    };
    let map = std::fs::read_to_string(map).map(|text| (std::fs::remove_file(map).is_ok(), text)).unwrap();
    assert!(map.0 && map.1.lines().count() == 4, "{}", map.1);
    let report = String::from_utf8_lossy(&report.stdout);
    let percent =
        report.lines().find(|line| line.contains("jit::factorial")).and_then(|line| line.trim().split('%').next());
    assert!(percent.is_some_and(|percent| percent.parse::<f64>().is_ok_and(|percent| percent > 20.0)), "{report}");
    assert!(!report.contains("jit::copy"), "{report}");
}

#[cfg(target_os = "linux")]
#[test]
fn code_runs_from_a_sealed_memory_file_too() {
    let arena = CodeArena::builder().protection(Protection::SealedFile).build().unwrap();
    let Some(functions) = functions(&arena) else { return };
    match arena.refused() {
        None => assert_eq!(permissions(functions.code()), "r-xs"),
        Some(refused) => eprintln!("{refused}"),
    }
    assert_eq!(functions.factorial(10), 3_628_800);
}
