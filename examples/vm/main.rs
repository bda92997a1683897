//! A small virtual machine on a code arena, in the three lives that interpreters have.
//!
//! `tree` is what a compiler would give: strings, vectors, boxes. `lower` turns it into blocks that refer to each other directly, once,
//! while a module loads. `machine` runs them, and every place that changes while they run lies elsewhere.
//!
//! ```text
//! cargo run --example vm
//! ```

mod code;
mod lower;
mod machine;
mod tree;

use machine::{Vm, VmError, start};
use permacode::CodeArena;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 1. Production: the arena lives as long as the process, so code is `&'static` and any thread may run it.
    let vm: Vm<'static> = Vm::new(CodeArena::new()?.leak());
    let main = vm.import("fib", &tree::fibonacci())?;
    let threads = [10, 20].map(|n| std::thread::spawn(move || vm.call(main, n)));
    for thread in threads {
        println!("leaked:  fib = {}", thread.join().expect("the machine does not panic")?);
    }

    // 2. A test or a fuzz case: everything is a local, and gone at the end of the block.
    let arena = CodeArena::builder().reservation(1 << 20).build()?;
    let vm = Vm::new(&arena);
    let main = vm.import("sum", &tree::sum_below())?;
    println!("local:   sum = {}", vm.call(main, 100)?);
    let inner = main.functions().next().expect("`sum` has an inner function");
    println!("         `{}` lies in `{}`", inner.name, inner.parent.get().map_or("nothing", |parent| parent.name));

    // 3. An engine that a program embeds: it owns arena and machine, and can be moved.
    let engine = start(&tree::fibonacci())?;
    let mut moved = Box::new(engine);
    println!("owned:   fib = {}", moved.enter(|program| program.call(15))?);

    // A syntax error never touches the arena: parse first, lower second. An error while lowering is a value too.
    let before = arena.stats();
    assert!(matches!(tree::parse("(call"), Err(VmError::Syntax(_))));
    assert_eq!(arena.stats(), before);
    Ok(())
}

#[cfg(test)]
mod tests;
