//! The types of an interpreter, which contain each other.

use super::*;

#[derive(Permanent)]
enum Const<'a> {
    Nil,
    Int(i64),
    Float(f64),
    Str(&'a str),
    Tuple(&'a [Const<'a>]),
    Code(&'a Code<'a>),
}

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    consts: &'a [Const<'a>],
    sites: PhantomData<Sites>,
    parent: Link<'a, Code<'a>>,
}

fn code<'a>(name: &'a str, consts: &'a [Const<'a>]) -> Code<'a> {
    Code { name, ops: &[1, 2], consts, sites: PhantomData, parent: Link::unset() }
}

fn weight(constant: &Const<'_>) -> usize {
    match constant {
        Const::Nil => 0,
        Const::Int(int) => usize::from(*int != 0),
        Const::Float(float) => usize::from(*float != 0.0),
        Const::Str(text) => text.len(),
        Const::Tuple(constants) => constants.iter().map(weight).sum(),
        Const::Code(code) => code.name.len() + code.ops.len() + code.consts.iter().map(weight).sum::<usize>(),
    }
}

#[test]
fn types_that_contain_each_other_are_permanent() {
    fn check<'x>() {
        same_type::<<Code<'static> as Permanent>::At<'x>, Code<'x>>();
        same_type::<<Const<'x> as Permanent>::At<'static>, Const<'static>>();
    }
    check();
    let inner = code("in", &[]);
    let tuple = [Const::Int(1), Const::Float(2.0), Const::Nil];
    let consts = [Const::Code(&inner), Const::Str("three"), Const::Tuple(&tuple)];
    let outer = code("out", &consts);
    assert_eq!(weight(&Const::Code(&outer)), 3 + 2 + (2 + 2) + 5 + 2);
    assert_eq!((outer.sites, size_of_val(&outer.parent)), (PhantomData, size_of::<usize>()));
    assert!(permanent::<Code<'_>>());
}

#[derive(Permanent)]
struct Sited<'a> {
    _sites: Sites,
    _next: Option<&'a Sited<'a>>,
}

#[test]
fn sites_and_links_are_permanent() {
    assert!(permanent::<Sited<'_>>());
    assert!(permanent::<Link<'static, Sited<'static>>>());
}
