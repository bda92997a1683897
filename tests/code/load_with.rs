//! A load in one call: the module is finished whatever comes, and each error has its name.

use permacode::error::{ErrorAt, ModuleName, Place};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, Loader, Transients};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn arena(pages: &std::sync::Arc<Pages>) -> CodeArena {
    CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap()
}

fn named(name: &str) -> Place {
    Place::Module(ModuleName::new(name))
}

// soundness S16
#[test]
fn whatever_call_is_refused_the_error_has_the_modules_name() {
    let pages = Pages::ordinary();
    // Of some thousand modules, so that records need pages as well.
    let load = |arena: &CodeArena, number: usize| -> Result<(), ErrorAt> {
        let name = format!("package.module_{number}");
        let (module, text) = arena.load_with(&name, |loader| loader.alloc_slice_copy(name.as_bytes()))?;
        assert_eq!((module.name(), text), (&*name, name.as_bytes()));
        Ok(())
    };
    let all =
        |arena: &CodeArena| (0..3_000).try_for_each(|number| load(arena, number).map_err(|error| (number, error)));
    let whole = arena(&pages);
    let before = pages.calls();
    assert_eq!(all(&whole), Ok(()));
    let calls = pages.calls() - before;
    assert!(calls >= 3, "{calls}");
    for call in 0..calls {
        let arena = arena(&pages);
        pages.fail_from(call);
        let (number, refused) = all(&arena).unwrap_err();
        assert_eq!(refused.place, named(&format!("package.module_{number}")));
        assert!(matches!(refused.error, Error::Pages(_)));
        assert!(
            refused.to_string().starts_with(&format!("module package.module_{number}: the system refused to ")),
            "{refused}"
        );
        pages.relent();
        assert_eq!(load(&arena, number), Ok(()), "the arena works on");
    }
    drop(whole);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn a_module_is_finished_if_its_lowering_fails_or_panics() {
    #[derive(Debug, PartialEq)]
    enum Fault {
        Arena(Error),
        Syntax,
    }
    impl From<Error> for Fault {
        fn from(error: Error) -> Self {
            Self::Arena(error)
        }
    }
    let arena = arena(&Pages::ordinary());
    let failed = arena.load_with("bad", |loader| {
        loader.alloc(7u64)?;
        Err::<(), _>(Fault::Syntax)
    });
    assert_eq!(failed.unwrap_err(), ErrorAt { place: named("bad"), error: Fault::Syntax });
    let full = arena.load_with("full", |loader| Ok::<_, Fault>(loader.alloc_slice_copy(&[0u8; 2 << 20])?.len()));
    assert!(matches!(full.unwrap_err().error, Fault::Arena(Error::Exhausted { .. })));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.load_with("worse", |loader| -> Result<(), Error> {
            loader.alloc(8u64)?;
            panic!("worse")
        })
    }));
    assert!(panicked.is_err());
    let sealed = arena.seal().unwrap();
    assert_eq!((sealed.held, arena.stats().unsealed), (0, 0), "no loader holds a tail");
    let names: Vec<&str> = arena.modules().map(|module| module.name()).collect();
    assert_eq!(names.len(), 3);
    assert!(["bad", "full", "worse"].iter().all(|name| names.contains(name)));
}

#[test]
fn a_loader_says_what_it_fills() {
    fn origin<'x>(loader: &Loader<'x>) -> Result<&'x u64, Error> {
        let place = loader.origin().to_string();
        loader.alloc(place.len() as u64)
    }
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let (_, length) = arena.load_with("json", origin).unwrap();
    assert_eq!(*length, "module json".len() as u64);
    let transients = Transients::new(&arena, &heap);
    let code = CodeRef::<u64>::transient(&transients, origin).unwrap();
    assert_eq!(*code.get(), "transient code".len() as u64);
}
