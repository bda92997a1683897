//! The ways out of an owner: a view that is kept when the owner, or what the view was lent for, is gone.

use super::{Road, Types::*};

pub(crate) const ROADS: &[Road] = &[
    Road {
        name: "after_a_drop",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(owned.get());
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "root_after_a_drop",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = owned.get();
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "called_static",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view: «&'static str¦&str» = text(owned.get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "root_called_static",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view: &«'static¦» At<'_> = owned.get();
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "out_of_a_block",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let outer = own(arena)?;
        let view;
        {
        let owned = own(arena)?;
        view = text(«owned¦outer».get());
        }
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_a_temporary",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(«own(arena)?¦owned».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_a_temporary_clone",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(owned«.clone()¦».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_a_temporary_part",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(owned«.map::<Label>(|code| code)¦».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "after_a_move",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(owned.get());
        «let moved = owned;¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "after_another_was_put_in",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut owned = own(arena)?;
        let view = text(owned.get());
        «owned = own(arena)?;¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_list_that_grows",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut all = vec![own(arena)?];
        let view = text(all[0].get());
        «all.push(own(arena)?);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_list_that_is_cleared",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut all = vec![own(arena)?];
        let view = text(all[0].get());
        «all.clear();¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_an_option_that_is_taken",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut some = Some(own(arena)?);
        let view = some.as_ref().map(|owned| text(owned.get()));
        «some.take();¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_store",
        with: All,
        body: r#"struct Store { code: Owned<Label> }
        pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let store = Store { code: own(arena)? };
        let view = text(store.code.get());
        «drop(store);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_cell",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let cell = RefCell::new(own(arena)?);
        «¦let borrowed = cell.borrow();»
        let view = text(«cell.borrow()¦borrowed».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_lock",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let lock = Mutex::new(own(arena)?);
        «¦let borrowed = lock.lock().unwrap();»
        let view = text(«lock.lock().unwrap()¦borrowed».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "in_a_box_that_is_dropped",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let boxed = Box::new(own(arena)?);
        let view = text(boxed.get());
        «drop(boxed);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "swapped",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let (mut one, mut other) = (own(arena)?, own(arena)?);
        let view = text(one.get());
        «std::mem::swap(&mut one, &mut other);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "by_an_iterator_that_owns",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let all = vec![own(arena)?];
        let views: Vec<&str> = all.«into_iter¦iter»().map(|owned| text(owned.get())).collect();
        used(views);
        Ok(())
        }"#,
    },
    Road {
        name: "captured_in_map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut out = None;
        let part = owned.map::<Label>(|code| { «out = Some(text(code))¦used(text(code))»; code });
        used::<Option<&str>>(out);
        Ok(())
        }"#,
    },
    Road {
        name: "root_captured_in_map",
        with: Covariant,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut out: Option<&At<'_>> = None;
        let part = owned.map::<Label>(|code| { «out = Some(code)¦used(code)»; code });
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "captured_in_try_map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut out = None;
        let part = owned.try_map::<Label, ()>(|code| { «out = Some(text(code))¦used(text(code))»; Err(()) });
        used::<Option<&str>>(out);
        Ok(())
        }"#,
    },
    Road {
        name: "pushed_in_map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut all: Vec<&str> = Vec::new();
        let part = owned.map::<Label>(|code| { «all.push(text(code))¦used(text(code))»; code });
        used(all);
        Ok(())
        }"#,
    },
    Road {
        name: "an_error_of_try_map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let refused = owned.try_map::<Label, «&str¦String»>(|code| Err(text(code)«¦.to_owned()»));
        used(refused.err());
        Ok(())
        }"#,
    },
    Road {
        name: "captured_in_load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut out: Option<&str> = None;
        let loaded = Owned::<Label>::load(arena, "n", |loader| {
        let made = loader.alloc_str("made")?;
        «out = Some(made)¦used(made)»;
        make(loader, made)
        })?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "root_captured_in_load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut out: Option<&str> = None;
        let loaded = Owned::<Label>::load(arena, "n", |loader| {
        let made = make(loader, "a constant")?;
        «out = Some(text(made))¦used(text(made))»;
        Ok::<_, Error>(made)
        })?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "loader_captured_in_load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut out: Option<&Loader<'_>> = None;
        let loaded = Owned::<Label>::load(arena, "n", |loader| {
        «out = Some(loader)¦used(loader)»;
        make(loader, "a constant")
        })?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "an_error_of_load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let refused = Owned::<Label>::load(arena, "n", |loader| {
        let made = loader.alloc_str("made")?;
        if made.is_empty() { return Err(Refused(Some(«made¦"a constant"»))); }
        Ok(make(loader, made)?)
        });
        used(refused.err());
        Ok(())
        }"#,
    },
    Road {
        name: "interned_and_captured",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut out: Option<&str> = None;
        let loaded = Owned::<Label>::load_sealed(arena, "n", |loader| {
        let name = loader.intern("name")?;
        «out = Some(name)¦used(name)»;
        make(loader, name)
        })?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "at_captured_in_load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut out: Option<&str> = None;
        let loaded = Owned::<Label>::load(arena, "n", |loader| {
        let near = loader.at(&owned)?;
        «out = Some(text(near))¦used(text(near))»;
        Ok::<_, Error>(near)
        })?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "at_of_an_arena_that_is_gone",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = {
        let local = CodeArena::new()?;
        let module = local.load("n")?;
        text(«module.at(&owned)?¦owned.get()»)
        };
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "at_called_static",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let module = other.load("n")?;
        let view: «&'static str¦&str» = text(module.at(&owned)?);
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "at_of_a_region_captured",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let mut out: Option<&str> = None;
        let code: CodeRef<'l, u64> = CodeRef::transient(home, |loader| {
        let near = loader.at(&owned)?;
        «out = Some(text(near))¦used(text(near))»;
        loader.alloc(7u64)
        }).map_err(|error: Error| error)?;
        used(out);
        Ok(())
        }"#,
    },
    Road {
        name: "at_of_a_region_that_is_gone",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let code: CodeRef<'l, At<'l>> = CodeRef::transient(home, |loader| loader.at(&owned))?;
        let view = text(code.get());
        «drop(code);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "on_a_thread",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = text(owned.get());
        «std::thread::spawn(move || view.len());¦std::thread::scope(|scope| { scope.spawn(|| view.len()); });»
        Ok(())
        }"#,
    },
    Road {
        name: "borrowed_by_a_thread",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let length = std::thread::spawn(«¦move »|| text(owned.get()).len());
        used(length);
        Ok(())
        }"#,
    },
    Road {
        name: "a_closure_that_stays",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let show: Box<dyn Fn() -> usize + «'static¦'_»> = Box::new(|| text(owned.get()).len());
        used(show());
        Ok(())
        }"#,
    },
    Road {
        name: "a_closure_after_a_drop",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let show = || text(owned.get()).len();
        «drop(owned);¦»
        used(show());
        Ok(())
        }"#,
    },
    Road {
        name: "returned",
        with: All,
        body: r#"fn view<'s>(owned: «Owned<Label>¦&'s Owned<Label>») -> &'s str { text(owned.get()) }
        pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        used(view(«own(arena)?¦&own(arena)?»));
        Ok(())
        }"#,
    },
    Road {
        name: "generic_and_static",
        with: All,
        body: r#"fn view<'s, T: Held + ?Sized>(owned: &'s Owned<T>) -> &'s T::At<«'static¦'s»> { owned.get() }
        pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        used(view(&own(arena)?));
        Ok(())
        }"#,
    },
    Road {
        name: "at_its_label",
        with: Shortened,
        body: r#"fn view<'s>(owned: &'s Owned<Label>) -> &'s «Label¦At<'s>» { owned.get() }
        pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        used(view(&own(arena)?));
        Ok(())
        }"#,
    },
    Road {
        name: "a_longer_label",
        with: Shortened,
        body: r#"fn label<'s>(owned: Owned<«At<'s>¦Label»>) -> Owned<«Label¦At<'s>»> { owned }
        pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        
        Ok(())
        }"#,
    },
    Road {
        name: "its_arena",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let of = owned.arena();
        «drop(owned);¦»
        used(of.map(|arena| arena.stats()));
        Ok(())
        }"#,
    },
    Road {
        name: "a_module_of_its_arena",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let modules = owned.arena().map(|arena| arena.modules());
        «drop(owned);¦»
        used(modules);
        Ok(())
        }"#,
    },
    Road {
        name: "out_a_handle",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let handle = CodeRef::new(owned.get());
        «drop(owned);¦»
        used(text(handle.get()));
        Ok(())
        }"#,
    },
    Road {
        name: "permanent_of_a_handle",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let code = CodeRef::new(owned.get()).permanent();
        «drop(owned);¦»
        used(code);
        Ok(())
        }"#,
    },
    Road {
        name: "out_a_slot",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let slot = CodeSlot::new(CodeRef::new(owned.get()));
        «drop(owned);¦»
        used(slot.get());
        Ok(())
        }"#,
    },
    Road {
        name: "out_an_atomic_slot",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let slot = AtomicCodeSlot::new(owned.get());
        «drop(owned);¦»
        used(text(slot.get()));
        Ok(())
        }"#,
    },
    Road {
        name: "out_promoted",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let local = CodeArena::new()?;
        let module = local.load("n")?;
        let view = CodeRef::new(owned.get()).promote(&module)?;
        «drop(owned);¦»
        used(text(view));
        Ok(())
        }"#,
    },
    Road {
        name: "patched",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let copy = CodeRef::new(owned.get()).patched::<Error, _>(home, |_, code| Ok(code))?;
        «drop(owned);¦»
        used(text(copy.get()));
        Ok(())
        }"#,
    },
    Road {
        name: "projected",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let part = CodeRef::new(owned.get()).project::<Label>(|code| Some(code))?;
        «drop(owned);¦»
        used(part);
        Ok(())
        }"#,
    },
    Road {
        name: "looked_through",
        with: Plain,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view: &Label = &owned;
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "as_ref",
        with: Plain,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view: &Label = owned.as_ref();
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "borrow",
        with: Plain,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view: &Label = std::borrow::Borrow::borrow(&owned);
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "a_table",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let table = OwnedSideTable::<Cell<u32>>::new(arena)?;
        let entries = table.get().of(other.load("n")?.sites(1)?)?;
        «drop(table);¦»
        used(entries);
        Ok(())
        }"#,
    },
    Road {
        name: "the_table_itself",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let table = OwnedSideTable::<Cell<u32>>::new(arena)?;
        let inner = table.get();
        «drop(table);¦»
        used(inner);
        Ok(())
        }"#,
    },
    Road {
        name: "the_arena_of_a_table",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let table = OwnedSideTable::<Cell<u32>>::new(arena)?;
        let of = table.get().arena();
        «drop(table);¦»
        used(of);
        Ok(())
        }"#,
    },
    Road {
        name: "a_table_that_is_reset",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut table = OwnedSideTable::<Cell<u32>>::new(arena)?;
        let entries = table.get().of(other.load("n")?.sites(1)?)?;
        «table.reset()?;¦»
        used(entries);
        Ok(())
        }"#,
    },
    Road {
        name: "the_arena_of_a_builder",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let mut out = None;
        let table = OwnedSideTable::<Cell<u32>>::build(arena, |builder| { «out = Some(builder.clone())¦used(builder.clone())»; builder })?;
        used::<Option<permacode::side::SideTableBuilder<'_, Cell<u32>>>>(out);
        Ok(())
        }"#,
    },
    Road {
        name: "out_shortened",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let owned = own(arena)?;
        let view = shorten(owned.get());
        «drop(owned);¦»
        used(text(view));
        Ok(())
        }"#,
    },
    Road {
        name: "of_threads_after_a_drop",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let owned = Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str("own")?))?;
        let view = text(owned.get());
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_threads_after_its_home",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let owned = Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str("own")?))?;
        let view = text(owned.get());
        drop(shared);
        «drop(owned);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_what_a_slot_gave",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let owned = Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str("own")?))?;
        let slot = OwnedSlot::new(owned)?;
        let kept = slot.get();
        let view = text(«slot.get()¦kept».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_what_was_replaced",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let owned = Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str("own")?))?;
        let slot = OwnedSlot::new(owned.clone())?;
        let old = slot.replace(owned)?;
        let view = text(old.get());
        «drop(old);¦»
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "of_a_promotion",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let owned = Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str("own")?))?;
        let kept = owned.promote("n")?;
        let view = text(«owned.promote("n")?¦kept».get());
        used(view);
        Ok(())
        }"#,
    },
    Road {
        name: "out_of_a_lowering_for_threads",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, other: &'l CodeArena, home: &'l Transients<'l>) -> Result<(), Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let mut kept: Option<&str> = None;
        let owned = Owned::<Label>::transient(&shared, |loader| { let made = make(loader, loader.alloc_str("own")?)?; «kept = Some(text(made));¦» Ok::<_, Error>(made) })?;
        kept = kept.or(Some(""));
        used(kept);
        Ok(())
        }"#,
    },
];
