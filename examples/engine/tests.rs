//! `cargo test` runs these with the example.

use super::*;

#[test]
fn the_same_machine_runs_in_a_block_in_an_engine_and_on_leaked_arenas() {
    let text = ": quadruple double double ; 5 quadruple 10 triangle +";
    let arenas = DualArena::new().unwrap();
    let mut vm = Vm::new(&arenas, PRELUDE).unwrap();
    assert_eq!(vm.eval(text), Ok(75));
    assert_eq!(start().unwrap().enter(|vm| vm.eval(text)), Ok(75));
    let mut vm: Vm<'static> = Vm::new(DualArena::new().unwrap().leak(), PRELUDE).unwrap();
    assert_eq!(vm.eval(text), Ok(75));
}

#[test]
fn evaluations_redefinitions_and_collections_leave_nothing_behind() {
    let mut session = start().unwrap();
    for round in 0..20_000 {
        let text = format!(": step {round} + ; : twice step step ; 7 twice 60 list sum +");
        assert_eq!(session.enter(|vm| vm.eval(&text)), Ok(7 + 2 * round + 60 * 61 / 2));
    }
    let stats = session.enter(|vm| {
        vm.eval(": again dup -1 + dup ?again ; 9 again")?; // it calls itself
        vm.functions.clear();
        vm.collect()?;
        Ok::<_, Trouble>(vm.stats())
    });
    let stats = stats.unwrap();
    assert_eq!((stats.regions, session.arenas().heap.stats().objects), (0, 0));
    assert!(stats.sites < 200_000, "{stats}");
}

#[test]
fn a_mistake_is_an_error_and_the_session_goes_on() {
    let mut session = start().unwrap();
    let long = "1 ".repeat(LONGEST + 1);
    for (text, trouble) in [
        ("halve", Trouble::Unknown("halve".to_owned())),
        (": f 1", Trouble::Unfinished),
        (":", Trouble::Unfinished),
        (": f f ; f", Trouble::TooDeep),
        ("+", Trouble::Empty),
        ("1 2 pair", Trouble::NoNumber),
        ("1 2 pair 3 +", Trouble::NoNumber),
        ("1 2 pair 3 pair sum", Trouble::NoNumber),
        (&*long, Trouble::TooLong),
    ] {
        assert_eq!(session.enter(|vm| vm.eval(text)), Err(trouble));
        assert_eq!(session.enter(|vm| vm.eval("21 double")), Ok(42));
    }
}

#[test]
fn a_heap_at_its_limit_refuses_and_recovers() {
    let heap = HeapArena::builder().limit(2 << 20).build().unwrap();
    let arenas = DualArena { code: permacode::CodeArena::new().unwrap(), heap };
    let mut session = Session::new(arenas, |arenas| Vm::new(arenas, PRELUDE)).unwrap();
    let grows = ": more 400 list pair dup sum ?more ; 0 more";
    assert!(session.enter(|vm| vm.eval(grows)).is_err());
    session.enter(|vm| vm.collect()).unwrap();
    assert_eq!(session.enter(|vm| vm.eval("100 triangle")), Ok(5050));
}
