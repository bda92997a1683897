//! `cargo test` runs these with the example.

use crate::machine::{Engine, Vm, VmError, start};
use crate::tree;
use permacode::CodeArena;

#[test]
fn functions_reach_themselves_their_children_and_their_parents() -> Result<(), VmError> {
    let arena = CodeArena::new()?;
    let vm = Vm::new(&arena);
    let fib = vm.import("fib", &tree::fibonacci())?;
    let outcome = vm.call(fib, 20)?;
    assert_eq!((outcome.value, outcome.calls), (6765, 21890));
    let sum = vm.import("sum", &tree::sum_below())?;
    assert_eq!(vm.call(sum, 100)?.value, 4950);
    let rest = sum.functions().next().expect("an inner function");
    assert!(rest.parent.get().is_some_and(|parent| std::ptr::eq(parent, sum)));
    Ok(())
}

#[test]
fn an_engine_owns_its_arena_and_moves_with_it() -> Result<(), VmError> {
    let engines: Vec<Engine> = (0..3).map(|_| start(&tree::fibonacci())).collect::<Result<_, _>>()?;
    let mut moved: Vec<Box<Engine>> = engines.into_iter().map(Box::new).collect();
    let values: Vec<_> = moved.iter_mut().map(|engine| engine.enter(|program| program.call(10))).collect();
    assert!(values.iter().all(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.value == 55)));
    Ok(())
}

#[test]
fn a_leaked_arena_serves_all_threads() -> Result<(), VmError> {
    let vm: Vm<'static> = Vm::new(CodeArena::builder().reservation(1 << 20).build()?.leak());
    let fib = vm.import("fib", &tree::fibonacci())?;
    let threads: Vec<_> =
        (0..4).map(|n| std::thread::spawn(move || vm.call(fib, n).map(|outcome| outcome.value))).collect();
    let values: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    assert_eq!(values, [0, 1, 1, 2]);
    Ok(())
}

#[test]
fn bad_programs_are_errors() {
    for source in
        ["", "(fn", "(fn f (n) n) 1", "(fn f (n) m)", "(fn f (n) (g n))", "(fn f (n) (+ n))", "(fn f () (fn g () 1))"]
    {
        assert!(matches!(tree::parse(source), Err(VmError::Syntax(_))), "{source}");
    }
    let arena = CodeArena::new().unwrap();
    let vm = Vm::new(&arena);
    let endless = vm.import("endless", &tree::parse("(fn f (n) (f n))").unwrap()).unwrap();
    assert!(matches!(vm.call(endless, 0), Err(VmError::Run("the call stack is too deep"))));
}
