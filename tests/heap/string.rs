//! Text on the heap does what `String` does, says why it cannot, and is as it was then.

use permacode::testing::Pages;
use permacode::{Error, HeapArena, HeapString};
use permacode_witness::Random;
use static_assertions::{assert_eq_size, assert_not_impl_any};
use std::fmt::{self, Write};

assert_eq_size!(HeapString<'static>, [usize; 4]);
// soundness S12
assert_not_impl_any!(HeapString<'static>: Send, Sync, Clone);

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(8 << 20).build().unwrap()
}

#[test]
fn a_string_is_what_std_would_have_made_of_it() {
    let (heap, mut random) = (small_heap(), Random::new(3));
    let (mut text, mut model) = (HeapString::new(&heap), String::new());
    let pieces = ["", "a", "ß", "語", "🦀", "word ", "\0"];
    for step in 0..20_000 {
        let piece = pieces[random.below(pieces.len())];
        let index = random.below(model.len() + 2);
        let is_border = model.is_char_boundary(index);
        let outside = Err(Error::Index { index, len: model.len() });
        match random.below(9) {
            0 => assert_eq!(text.pop(), model.pop()),
            1 if index > model.len() => text.truncate(index).unwrap(),
            1 if is_border => {
                text.truncate(index).unwrap();
                model.truncate(index);
            }
            1 => assert_eq!(text.truncate(index), outside),
            2 if is_border => {
                text.insert_str(index, piece).unwrap();
                model.insert_str(index, piece);
            }
            3 if is_border => {
                text.insert(index, 'ü').unwrap();
                model.insert(index, 'ü');
            }
            2 | 3 => assert_eq!(text.insert_str(index, piece), outside),
            4 => {
                text.push_fmt(format_args!("{step:>5}{piece}")).unwrap();
                write!(model, "{step:>5}{piece}").unwrap();
            }
            5 if step % 50 == 0 => {
                text.clear();
                model.clear();
            }
            6 => {
                text.push('x').unwrap();
                model.push('x');
            }
            _ => {
                text.push_str(piece).unwrap();
                model.push_str(piece);
            }
        }
        assert!(text == *model && text.as_str() == model && text.capacity() >= text.len());
    }
    assert!(text.try_clone().unwrap() == text && HeapString::from_utf8(text.into_bytes()).unwrap() == *model);
    assert_eq!(heap.stats().objects, 0);
}

// soundness S16
#[test]
fn a_refused_change_leaves_the_text_as_it_was() {
    let heap = HeapArena::builder().reservation(8 << 20).limit(64 << 10).build().unwrap();
    let (mut text, large) = (HeapString::copy_str(&heap, "kept").unwrap(), "x".repeat(100_000));
    let refused = [
        text.reserve(100_000),
        text.push_str(&large),
        text.insert_str(1, &large),
        text.push_fmt(format_args!("a few, then {large}")),
        text.reserve(usize::MAX),
    ];
    assert!(refused[..4].iter().all(|refused| matches!(refused, Err(Error::Limit { .. }))));
    assert_eq!(refused[4], Err(Error::TooLarge { len: usize::MAX, element: 1 }));
    assert!(HeapString::copy_str(&heap, &large).is_err() && HeapString::with_capacity(&heap, 100_000).is_err());
    assert_eq!((text.as_str(), heap.stats().objects), ("kept", 1));
    assert!(write!(text, "{large}").is_err());
    let pages = Pages::ordinary();
    let heap = HeapArena::builder().reservation(8 << 20).pages(pages.clone()).build().unwrap();
    let mut text = HeapString::new(&heap);
    pages.fail_from(0);
    let refused = (0..).find_map(|_| text.push_str("0123456789").err()).unwrap();
    assert!(matches!(refused, Error::Pages(_)) && text.len() % 10 == 0);
    pages.relent();
    assert_eq!(text.push_str("0123456789"), Ok(()));
}

#[test]
fn an_implementation_that_fails_is_told_from_a_heap_that_does() {
    struct Bad;
    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half of it")?;
            Err(fmt::Error)
        }
    }
    struct Hides<'a>(&'a str);
    impl fmt::Display for Hides<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            _ = f.write_str(self.0);
            f.write_str("goes on")
        }
    }
    let heap = HeapArena::builder().reservation(8 << 20).limit(64 << 10).build().unwrap();
    let mut text = HeapString::copy_str(&heap, "kept").unwrap();
    assert_eq!(text.push_fmt(format_args!("{}", Bad)), Err(Error::Format));
    let hidden = text.push_fmt(format_args!("{}", Hides(&"x".repeat(100_000))));
    assert!(matches!(hidden, Err(Error::Limit { .. })), "{hidden:?}");
    assert_eq!(text, "kept");
}
