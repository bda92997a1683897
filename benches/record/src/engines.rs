//! The interpreters, each with what it runs.

use std::error::Error;
use std::fmt::Write;

type Outcome = Result<(), Box<dyn Error>>;

/// A program, by the name of its trace, and who runs it.
pub const ALL: [(&str, fn() -> Outcome); 6] = [
    ("boa021-mix", || boa(include_str!("../programs/mix.js"))),
    ("rhai127-mix", || rhai(include_str!("../programs/mix.rhai"))),
    ("wasmi11-modules", wasmi),
    ("rhai127-drift-up", || rhai(include_str!("../programs/drift-up.rhai"))),
    ("rhai127-drift-down", || rhai(include_str!("../programs/drift-down.rhai"))),
    ("rhai127-sessions", || rhai(include_str!("../programs/sessions.rhai"))),
];

fn boa(program: &str) -> Outcome {
    let mut context = boa_engine::Context::default();
    let result = context.eval(boa_engine::Source::from_bytes(program)).map_err(|error| error.to_string())?;
    eprintln!("{}", result.display());
    Ok(())
}

fn rhai(program: &str) -> Outcome {
    let mut engine = rhai::Engine::new();
    engine.set_max_expr_depths(0, 0);
    engine.run(program).map_err(|error| error.to_string())?;
    Ok(())
}

/// Modules of many functions, one after another, as a host that runs plug-ins: each is compiled, run and dropped, one in ten stays.
fn wasmi() -> Outcome {
    let engine = wasmi::Engine::default();
    let mut kept = Vec::new();
    for number in 0..120 {
        let wasm = wat::parse_str(module(number))?;
        let module = wasmi::Module::new(&engine, &wasm)?;
        let mut store = wasmi::Store::new(&engine, ());
        let instance = wasmi::Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module)?;
        let run = instance.get_typed_func::<i32, i32>(&store, "run")?;
        let result = run.call(&mut store, 12)?;
        if number % 10 == 0 {
            eprintln!("module {number}: {result}");
            kept.push((store, module));
        }
    }
    Ok(())
}

/// A module in text: functions that call each other, of a length that differs.
fn module(number: usize) -> String {
    let mut text = String::from("(module (memory 1)\n");
    let functions = 40 + number * 7 % 60;
    for function in 0..functions {
        let _ = write!(text, "(func $f{function} (param $n i32) (result i32) (local $sum i32)\n");
        for step in 0..3 + (function * 5 + number) % 30 {
            let _ = write!(
                text,
                "(local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (i32.const {step}))))\n"
            );
        }
        if function > 0 {
            let callee = function - 1;
            let _ = write!(
                text,
                "(if (local.get $n) (then (local.set $sum (i32.add (local.get $sum) (call $f{callee} (i32.sub (local.get $n) (i32.const 1)))))))\n"
            );
        }
        text.push_str("(local.get $sum))\n");
    }
    let _ = write!(text, "(export \"run\" (func $f{})))", functions - 1);
    text
}
