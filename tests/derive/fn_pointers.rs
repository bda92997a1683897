//! `fn` pointers that take a lifetime with each call.

use super::*;

#[derive(Default)]
struct Vm {
    stack: Vec<u8>,
}

type Handler = for<'vm> fn(&'vm mut Vm) -> &'vm u8;

#[derive(Permanent)]
struct Builtin<'a> {
    name: &'a str,
    plain: fn(u8) -> u8,
    elided: fn(&mut Vm, &str) -> usize,
    raw: Option<unsafe extern "C" fn(*mut u8)>,
    foreign: for<'x> unsafe extern "system" fn(&'x u8) -> &'x u8,
    called: for<'x> extern "system" fn(&'x u8) -> &'x u8,
    #[permanent(plain)]
    alias: Handler,
}

extern "system" fn same(byte: &u8) -> &u8 {
    byte
}

#[test]
fn a_fn_pointer_may_take_a_lifetime_with_each_call() {
    fn check<'x>() {
        same_type::<<Builtin<'static> as Permanent>::At<'x>, Builtin<'x>>();
    }
    check();
    let builtin = Builtin {
        name: "push",
        plain: |byte| byte + 1,
        elided: |vm, text| {
            vm.stack.extend(text.bytes());
            vm.stack.len()
        },
        raw: None,
        foreign: same,
        called: same,
        alias: |vm| &vm.stack[0],
    };
    let mut vm = Vm::default();
    assert_eq!((builtin.plain)(1), 2);
    assert_eq!((builtin.elided)(&mut vm, "text"), 4);
    assert_eq!(builtin.name, "push");
    assert_eq!((builtin.alias)(&mut vm), &b't');
    // Called, because the address of a function says nothing: it may have several, or share one.
    let byte = 7;
    assert!(std::ptr::eq((builtin.called)(&byte), &byte));
    let _: for<'x> unsafe extern "system" fn(&'x u8) -> &'x u8 = builtin.foreign;
    assert!(builtin.raw.is_none());
}

/// What a table of such pointers needs: there is no implementation for `fn(&mut Vm)` outside a field.
#[derive(Permanent, Clone, Copy)]
struct Step(fn(&mut Vm));

#[derive(Permanent)]
struct Table<'a>(&'a [Step], Option<Step>);

#[test]
fn a_struct_of_one_pointer_goes_where_the_pointer_does_not() {
    let push: Step = Step(|vm| vm.stack.push(1));
    let mut vm = Vm::default();
    let steps = [push, push];
    let table = Table(&steps, Some(push));
    table.0.iter().chain(&table.1).for_each(|step| step.0(&mut vm));
    assert_eq!(vm.stack, [1, 1, 1]);
    assert_eq!(size_of::<Option<Step>>(), size_of::<fn()>());
    assert!(permanent::<Table<'_>>());
}

#[derive(Permanent)]
struct Generic<T: 'static>(fn(T) -> T, for<'x> fn(&'x T));

macro_rules! with_type {
    ($name:ident, $field:ty) => {
        #[derive(Permanent)]
        struct $name($field);
    };
}
with_type!(ByMacro, fn(&mut Vm) -> u8);

#[derive(Permanent)]
struct Itself {
    next: fn(&Self) -> Option<&Self>,
}

#[test]
fn a_fn_pointer_may_name_parameters_without_lifetimes_and_come_from_macros() {
    assert!(permanent::<Generic<u8>>());
    let generic = Generic::<u8>(|byte| byte + 1, |_| ());
    generic.1(&1);
    assert_eq!(generic.0(1), 2);
    assert!((Itself { next: |_| None }.next)(&Itself { next: |this| Some(this) }).is_none());
    assert_eq!(ByMacro(|vm| vm.stack.pop().unwrap_or(9)).0(&mut Vm::default()), 9);
}
