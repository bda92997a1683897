//! Plain fields and types: `Copy + Send + Sync + 'static`, of whatever kind.

#![allow(clippy::disallowed_types)] // what the library must not use, tests may

use permacode::{CodeArena, Link, Permanent, Plain};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

// soundness S19: the proof of plain types begins with this.
static_assertions::assert_not_impl_any!(UnsafeCell<u8>: Copy);
static_assertions::assert_not_impl_any!([UnsafeCell<()>; 2]: Copy);
static_assertions::assert_not_impl_any!(Option<UnsafeCell<u8>>: Copy);
static_assertions::assert_not_impl_any!((u8, UnsafeCell<u8>): Copy);

/// `A` and `B` are the same type, lifetimes included: matching an implementation allows no subtyping.
fn same_type<A: Is<B>, B>() {}
trait Is<T> {}
impl<T> Is<T> for T {}

fn permanent<T: Permanent>() -> bool {
    !std::mem::needs_drop::<T>()
}

/// A set of flags as crates of such sets make them: no derive of ours on it.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Flags(u32);

#[derive(Clone, Copy)]
union Either {
    word: u32,
    bytes: [u8; 4],
}

/// A pointer whose author says that it may go to other threads.
#[derive(Clone, Copy)]
struct Symbol(*const u8);
// SAFETY: nobody reads through it.
unsafe impl Send for Symbol {}
// SAFETY: as above.
unsafe impl Sync for Symbol {}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
#[repr(C, packed)]
struct Op {
    code: u8,
    argument: u32,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
union Constant {
    word: u64,
    float: f64,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
enum Step<T, const N: usize> {
    Wait(Duration, Option<Flags>),
    Keys { keys: [T; N] },
    None,
}

/// Plain fields whose types have parameters.
#[derive(Permanent)]
struct Keyed<'a, K: Copy + Send + Sync + 'static, V>(#[permanent(plain)] Option<K>, &'a V, Plain<K>);

type Handler = for<'x> fn(&'x mut Vec<u8>, &'x str) -> &'x u8;

static HITS: AtomicU32 = AtomicU32::new(0);
static LOCK: Mutex<u8> = Mutex::new(1);

#[derive(Permanent)]
struct Code<'a, T> {
    name: &'a str,
    #[permanent(plain)]
    after: Duration,
    #[permanent(plain)]
    flags: Flags,
    #[permanent(plain)]
    matrix: [[u32; 4]; 2],
    #[permanent(plain)]
    either: Either,
    #[permanent(plain)]
    rest: MaybeUninit<[u16; 3]>,
    #[permanent(plain)]
    handler: Option<Handler>,
    #[permanent(plain)]
    symbol: Symbol,
    #[permanent(plain)]
    elsewhere: (&'static AtomicU32, &'static Mutex<u8>),
    #[permanent(plain)]
    text: &'static str,
    ops: &'a [Op],
    plain: &'a [Plain<Flags>],
    other: T,
}

fn code<'a, T>(name: &'a str, ops: &'a [Op], plain: &'a [Plain<Flags>], other: T) -> Code<'a, T> {
    Code {
        name,
        after: Duration::from_millis(1500),
        flags: Flags(5),
        matrix: [[1, 2, 3, 4], [5; 4]],
        either: Either { word: u32::from_ne_bytes([1, 2, 3, 4]) },
        rest: MaybeUninit::uninit(),
        handler: Some(|stack, text| {
            stack.extend(text.bytes());
            &stack[0]
        }),
        symbol: Symbol(&raw const HITS as *const u8),
        elsewhere: (&HITS, &LOCK),
        text: "static",
        ops,
        plain,
        other,
    }
}

#[test]
fn plain_fields_of_every_kind_are_permanent_and_keep_their_types() {
    #[allow(clippy::extra_unused_lifetimes)] // used in the body, where clippy does not look
    fn check<'x>() {
        same_type::<<Code<'static, &'static str> as Permanent>::At<'x>, Code<'x, &'x str>>();
        same_type::<<Op as Permanent>::At<'x>, Op>();
        same_type::<<Constant as Permanent>::At<'x>, Constant>();
        same_type::<<Step<&'static str, 2> as Permanent>::At<'x>, Step<&'static str, 2>>();
        same_type::<<Plain<[[u32; 4]; 2]> as Permanent>::At<'x>, Plain<[[u32; 4]; 2]>>();
    }
    check();
    assert!(permanent::<Plain<Either>>() && permanent::<Plain<MaybeUninit<u8>>>() && permanent::<Plain<Handler>>());
    assert!(permanent::<Keyed<'_, u8, &str>>());
    assert!(permanent::<Step<Flags, 3>>(), "a parameter of a plain type need not be permanent");
    assert_eq!((size_of::<Op>(), align_of::<Op>()), (5, 1));
    assert_eq!(size_of::<Plain<Duration>>(), size_of::<Duration>());
}

#[test]
fn plain_values_lie_in_sealed_code_as_they_were() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let ops = loader.alloc_slice_copy(&[Op { code: 1, argument: 77 }, Op { code: 2, argument: u32::MAX }]).unwrap();
    let plain = loader.alloc_slice_copy(&[Plain(Flags(1)), Plain(Flags(2))]).unwrap();
    let code = loader.alloc(code("main", ops, plain, Link::<'_, Constant>::unset())).unwrap();
    let steps = [Step::Wait(Duration::ZERO, Some(Flags(7))), Step::Keys { keys: [Flags(1), Flags(2)] }, Step::None];
    let steps = loader.alloc_slice_copy(&steps).unwrap();
    loader.link(&code.other, loader.alloc(Constant { word: 3.5f64.to_bits() }).unwrap()).unwrap();
    loader.seal().unwrap();

    assert_eq!((code.name, code.after.as_millis(), code.flags, code.text), ("main", 1500, Flags(5), "static"));
    assert_eq!((code.matrix, code.plain[1].0), ([[1, 2, 3, 4], [5; 4]], Flags(2)));
    assert_eq!(code.ops.iter().map(|op| (op.code, { op.argument })).collect::<Vec<_>>(), [(1, 77), (2, u32::MAX)]);
    assert_eq!(code.symbol.0.addr(), (&raw const HITS).addr());
    assert_eq!(size_of_val(&code.rest), 6);
    let mut stack = Vec::new();
    assert_eq!(code.handler.map(|handler| *handler(&mut stack, "t")), Some(b't'));
    code.elsewhere.0.fetch_add(1, Relaxed); // memory of its author's, not a page of code
    *code.elsewhere.1.lock().unwrap() += 1;
    assert_eq!((HITS.load(Relaxed), *LOCK.lock().unwrap()), (1, 2));
    // SAFETY: all bytes of the unions are initialised, and every value of them is one of both fields.
    let (bytes, float) = unsafe { (code.either.bytes, code.other.get().unwrap().float) };
    assert_eq!((bytes, float), ([1, 2, 3, 4], 3.5));
    assert!(matches!(
        steps,
        [Step::Wait(Duration::ZERO, Some(Flags(7))), Step::Keys { keys: [_, Flags(2)] }, Step::None]
    ));
}

#[test]
fn a_plain_value_is_made_from_the_value_and_compares_as_it_does() {
    assert_eq!(Plain::from(Duration::MAX), Plain(Duration::MAX));
    assert!(Plain(1) < Plain(2) && Plain::<u8>::default().0 == 0);
}
