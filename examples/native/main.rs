//! Machine code in the arena: assembled, loaded, sealed read-execute, run.
//!
//! `cargo run --example native` prints what `/proc/self/maps` says of the pages before the seal and after it: writable first, executable
//! then, never both. For x86-64 and aarch64, each assembled on both, run on its own.
//!
//! With `--perf` it names its functions for `perf`, and runs one of them for a while:
//! `perf record -e cpu-clock target/debug/examples/native --perf`, then `perf report`.

mod assembled;
mod functions;
mod perf_map;
#[cfg(test)]
mod tests;

use assembled::Assembled;
use functions::Loaded;
use perf_map::PerfMap;
use permacode::CodeArena;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    if !cfg!(unix) {
        println!("assembled for the calls of Unix, so not run here");
        return Ok(());
    }
    let Some(assembled) = Assembled::for_this_processor() else {
        println!("assembled for x86-64 and aarch64, so not run on {}", std::env::consts::ARCH);
        return Ok(());
    };
    let assembled = assembled?;
    let arena = CodeArena::new()?;
    let loaded = Loaded::load(&arena, &assembled)?;
    println!("{} bytes of machine code", loaded.code().len());
    println!("before the seal: {}", permissions(loaded.code()));
    if std::env::args().any(|argument| argument == "--perf") {
        let mut map = PerfMap::create()?;
        loaded.symbols().iter().try_for_each(|(name, code)| map.add(code, name))?;
        println!("{} names the functions", map.path().display());
        println!("factorial(300000000) = {}", loaded.seal()?.factorial(300_000_000)); // too many factors of 2
        return Ok(());
    }
    let functions = loaded.seal()?;
    let table = functions.table(&arena)?;
    println!("after it:        {}", permissions(functions.code()));
    println!("the table:       {}", permissions(table));

    let mut copy = [0; 5];
    println!("add(40, 2) = {}", functions.add(40, 2));
    println!("factorial(20) = {}", functions.factorial(20));
    println!("copy(\"hello\") = {}, {:?}", functions.copy(&mut copy, b"hello"), std::str::from_utf8(&copy)?);
    println!("call(table, 0, 3, 4) = {:?}", functions.call(table, 0, 3, 4));
    println!("call(table, 1, 5, 0) = {:?}", functions.call(table, 1, 5, 0));
    Ok(())
}

/// The permissions of the mapping that holds a block, as `/proc/self/maps` has them.
fn permissions<T>(block: &[T]) -> String {
    let address = block.as_ptr().addr();
    let holds = |line: &&str| {
        let mut ends = line.split([' ', '-']).map(|end| usize::from_str_radix(end, 16));
        matches!((ends.next(), ends.next()), (Some(Ok(start)), Some(Ok(end))) if (start..end).contains(&address))
    };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let line = maps.lines().find(holds).and_then(|line| line.split(' ').nth(1));
    line.unwrap_or("not told by this system").to_string()
}
