//! The author's own checks, of `#[mappable(check = "..")]`.

use crate::program::sealed;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Link, Mappable, Permanent};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A function whose jumps stay within it.
#[derive(Debug, Permanent, Mappable)]
#[mappable(check = "Code::verify")]
struct Code<'a> {
    ops: &'a [u8],
    start: Jump,
    others: [Option<Jump>; 2],
    step: Step,
    parent: Link<'a, Code<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Permanent, Mappable)]
#[mappable(check = "even")]
#[repr(C)]
struct Jump {
    to: u16,
    is_far: bool,
}

#[derive(Debug, Permanent, Mappable)]
#[repr(u8)]
enum Step {
    Stop,
    Go(u8, Jump),
}

/// An error of the author's own.
#[derive(Debug)]
struct Odd(u16);

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a jump to the odd place {}", self.0)
    }
}

static JUMPS: AtomicUsize = AtomicUsize::new(0);

fn even(jump: &Jump) -> Result<(), Odd> {
    JUMPS.fetch_add(1, Relaxed);
    if jump.to % 2 == 0 { Ok(()) } else { Err(Odd(jump.to)) }
}

impl Code<'_> {
    /// Follows references: what they lead to is proved.
    fn verify(&self) -> Result<(), &'static str> {
        assert_ne!(self.ops.first(), Some(&99), "a check may panic");
        let parents = std::iter::successors(self.parent.get(), |code| code.parent.get()).take(3);
        let end = self.ops.len() + parents.map(|code| code.ops.len()).sum::<usize>();
        if usize::from(self.start.to) < end { Ok(()) } else { Err("a jump leaves its function") }
    }
}

const GOOD: Jump = Jump { to: 2, is_far: false };

/// An image of two functions, of which the inner one leads to the outer one and back.
fn image(first: u8, inner: Jump, others: [Option<Jump>; 2], step: Step) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = |ops: &[u8], start, others, step| {
        let ops = loader.alloc_slice_copy(ops).unwrap();
        loader.alloc(Code { ops, start, others, step, parent: Link::unset() }).unwrap()
    };
    let outer = code(&[1, 2, 3], GOOD, [None, None], Step::Stop);
    let inner = code(&[first, 2], inner, others, step);
    loader.link(&inner.parent, outer).unwrap();
    loader.link(&outer.parent, inner).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("inner", inner).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

fn check(bytes: &[u8]) -> Result<Image, ImageError> {
    Image::open_sealed(sealed(bytes)).unwrap().check::<Code<'_>>()
}

fn refusal(bytes: &[u8]) -> (String, String) {
    match check(bytes).unwrap_err() {
        ImageError::Refused { of, why, .. } => (of, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_check_is_asked_about_each_value_wherever_it_lies() {
    let with = |others, step| image(1, GOOD, others, step);
    let good = with([None, Some(GOOD)], Step::Go(7, GOOD));
    let before = JUMPS.load(Relaxed);
    let code = check(&good).unwrap().open().unwrap();
    // Other tests may run at the same time.
    assert!(JUMPS.load(Relaxed) - before >= 4, "two in fields, one in an array of options, one in a variant");
    assert_eq!(code.root::<Code<'_>>("inner").unwrap().start, GOOD);
    let odd = |to| Jump { to, is_far: true };
    let words = |to: u16| ("Jump".to_owned(), format!("a jump to the odd place {to}"));
    assert_eq!(refusal(&image(1, odd(1), [None, None], Step::Stop)), words(1));
    assert_eq!(refusal(&with([Some(odd(3)), None], Step::Stop)), words(3));
    assert_eq!(refusal(&with([None, Some(odd(5))], Step::Stop)), words(5));
    assert_eq!(refusal(&with([None, None], Step::Go(0, odd(7)))), words(7));
    let far = refusal(&image(1, Jump { to: 100, is_far: true }, [None, None], Step::Stop));
    assert_eq!(far, ("Code".to_owned(), "a jump leaves its function".to_owned()));
}

#[test]
fn a_refusal_says_where_which_type_and_why() {
    let bytes = image(1, Jump { to: 100, is_far: true }, [None, None], Step::Stop);
    let refused = check(&bytes).unwrap_err();
    assert!(matches!(&refused, ImageError::Refused { of, at: 0, .. } if of == "Code"), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "the check of `Code` refused the value at byte 0 of the image's code: a jump leaves its function. Write the image anew, with the \
         program that reads it"
    );
}

#[test]
fn a_check_is_given_proved_values_only() {
    let good = image(1, GOOD, [None, None], Step::Stop);
    let number = |at: usize| u64::from_ne_bytes(good[at..at + 8].try_into().unwrap()) as usize;
    let code = (4096 + number(40)).next_multiple_of(number(32));
    // The link of the second function leads elsewhere: the check of the first one follows it, and must not run.
    let at = code + size_of::<Code<'_>>() + std::mem::offset_of!(Code<'_>, parent);
    let mut bad = good.clone();
    bad[at] ^= 8;
    let before = JUMPS.load(Relaxed);
    assert!(matches!(check(&bad), Err(ImageError::BadValue { .. })));
    assert!(check(&good).is_ok() && JUMPS.load(Relaxed) > before);
}

#[test]
fn a_panic_in_a_check_leaves_the_image_unchecked_and_usable() {
    let good = image(99, GOOD, [None, None], Step::Stop);
    let image = Image::open_sealed(sealed(&good)).unwrap();
    let clone = image.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| clone.check::<Code<'_>>()));
    assert!(panicked.is_err());
    let code = image.open().unwrap();
    assert!(code.why_not_shared().is_none(), "the mapping that the check had is gone");
    assert_eq!(code.root::<Code<'_>>("inner").unwrap_err(), ImageError::NotChecked { of: "Code" });
    // SAFETY: as the writer wrote it.
    let code = unsafe { image.trust() }.open().unwrap();
    assert_eq!(code.root::<Code<'_>>("inner").unwrap().ops, [99, 2]);
}

/// Two types that look the same, each with a check of its own.
mod twins {
    use super::*;

    pub mod small {
        use super::*;
        #[derive(Debug, Permanent, Mappable)]
        #[mappable(check = "verify")]
        #[repr(transparent)]
        pub struct Number(pub u32);
        fn verify(number: &Number) -> Result<(), &'static str> {
            if number.0 < 10 { Ok(()) } else { Err("not small") }
        }
    }
    pub mod even {
        use super::*;
        #[derive(Debug, Permanent, Mappable)]
        #[mappable(check = "verify")]
        #[repr(transparent)]
        pub struct Number(pub u32);
        fn verify(number: &Number) -> Result<(), String> {
            if number.0 % 2 == 0 { Ok(()) } else { Err(format!("{} is not even", number.0)) }
        }
    }

    #[derive(Permanent, Mappable)]
    #[repr(C)]
    pub struct Holder {
        pub number: small::Number,
    }
}

#[test]
fn types_that_look_the_same_are_each_asked_about() {
    use twins::{Holder, even, small};
    let written = |number| {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let number = loader.alloc(small::Number(number)).unwrap();
        let holder: &(&Holder, &small::Number) =
            loader.alloc((loader.alloc(Holder { number: small::Number(3) }).unwrap(), number)).unwrap();
        loader.seal().unwrap();
        let writer = ImageWriter::new(&arena).root("number", number).unwrap().root("holder", holder).unwrap();
        Image::open_sealed(writer.seal().unwrap()).unwrap()
    };
    let words = |image: Result<Image, ImageError>| match image.unwrap_err() {
        ImageError::Refused { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(words(written(12).check::<small::Number>()), "not small");
    // A check of one type says nothing of the other.
    let image = written(4).check::<small::Number>().unwrap();
    let code = image.open().unwrap();
    assert_eq!(code.root::<small::Number>("number").unwrap().0, 4);
    assert_eq!(code.root::<even::Number>("number").unwrap_err(), ImageError::NotChecked { of: "Number" });
    drop(code);
    assert_eq!(
        image.clone().check::<even::Number>().unwrap().open().unwrap().root::<even::Number>("number").unwrap().0,
        4
    );
    // The number in the holder may be referred to as either, once both are known.
    let both = image.check::<(&Holder, &small::Number)>().unwrap();
    assert_eq!(words(both.check::<even::Number>()), "3 is not even");
}

/// A check of a type with parameters is asked about each of its types.
#[derive(Permanent, Mappable)]
#[mappable(check = "not_empty")]
struct Both<'a, T>(&'a [T], T);

fn not_empty<T: Permanent>(both: &Both<'_, T>) -> Result<(), &'static str> {
    if both.0.is_empty() { Err("it is empty") } else { Ok(()) }
}

#[test]
fn a_type_with_parameters_may_have_a_check() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let texts: &Both<'_, &str> = loader.alloc(Both(loader.alloc_slice_fill_iter(["a"]).unwrap(), "b")).unwrap();
    let none: &Both<'_, u8> = loader.alloc(Both(&[], 1)).unwrap();
    loader.seal().unwrap();
    let image = || {
        let writer = ImageWriter::new(&arena).root("texts", texts).unwrap().root("none", none).unwrap();
        Image::open_sealed(writer.seal().unwrap()).unwrap()
    };
    assert!(image().check::<Both<'_, &str>>().is_ok());
    assert!(matches!(image().check::<Both<'_, u8>>(), Err(ImageError::Refused { why, .. }) if why == "it is empty"));
}
