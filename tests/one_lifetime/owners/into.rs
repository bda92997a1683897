//! The ways into an owner: a root, or what it leads to, lives too short.
//!
//! In each text `short` is a `&'l str`, and `outer` a `Loader<'l>`, of an arena that is gone before the owner is.

use super::{Road, Types::*};

pub(crate) const ROADS: &[Road] = &[
    Road {
        name: "load",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "load_sealed",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load_sealed(arena, "n", |loader| make(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "inferred",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned: Result<Owned<Label>, Error> = Owned::load(arena, "n", |loader| make(loader, «short¦loader.alloc_str(short)?»));
        owned
        }"#,
    },
    Road {
        name: "interned",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(loader, «short¦loader.intern(short)?»))
        }"#,
    },
    Road {
        name: "a_function",
        with: All,
        body: r#"fn lower<'x>(loader: &Loader<'x>, s: &'x str) -> Result<&'x At<'x>, Error> { make(loader, s) }
        pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| lower(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "a_boxed_closure",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let lower: Box<dyn for<'x> FnOnce(&Loader<'x>) -> Result<&'x At<'x>, Error> + '_> = Box::new(|loader| make(loader, «short¦loader.alloc_str(short)?»));
        Owned::<Label>::load(arena, "n", lower)
        }"#,
    },
    Road {
        name: "a_generic_helper",
        with: All,
        body: r#"fn loaded<T: Held + ?Sized>(arena: &Arc<CodeArena>, lower: impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, Error>) -> Result<Owned<T>, Error> { Owned::load(arena, "n", lower) }
        pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        loaded::<Label>(arena, |loader| make(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "made_before",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let made = make(outer, short)?;
        Owned::<Label>::load(arena, "n", |loader| «Ok(made)¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "by_an_outer_loader",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(«outer¦loader», "a constant"))
        }"#,
    },
    Road {
        name: "by_both_loaders",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(loader, «outer¦loader».alloc_str("text")?))
        }"#,
    },
    Road {
        name: "by_an_outer_interner",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(loader, «outer¦loader».intern("text")?))
        }"#,
    },
    Road {
        name: "a_captured_cell",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let cell = Cell::new(«short¦"a constant"»);
        Owned::<Label>::load(arena, "n", |loader| make(loader, cell.get()))
        }"#,
    },
    Road {
        name: "a_captured_option",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let mut some = Some(«short¦"a constant"»);
        Owned::<Label>::load(arena, "n", |loader| make(loader, some.take().unwrap_or_default()))
        }"#,
    },
    Road {
        name: "a_captured_vector",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let all = vec![«short¦"a constant"»];
        Owned::<Label>::load(arena, "n", |loader| make(loader, all[0]))
        }"#,
    },
    Road {
        name: "a_captured_function",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let give = || «short¦"a constant"»;
        Owned::<Label>::load(arena, "n", |loader| make(loader, give()))
        }"#,
    },
    Road {
        name: "one_of_two",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| make(loader, if short.is_empty() { loader.alloc_str(short)? } else { «short¦"a constant"» }))
        }"#,
    },
    Road {
        name: "called_longer",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let longer: &'static str = «short¦"a constant"»;
        Owned::<Label>::load(arena, "n", |loader| make(loader, longer))
        }"#,
    },
    Road {
        name: "a_local",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let local = String::from(short);
        Owned::<Label>::load(arena, "n", |loader| make(loader, «&local¦loader.alloc_str(&local)?»))
        }"#,
    },
    Road {
        name: "an_arena_of_the_closures",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| {
        let local = CodeArena::new()?;
        let module = local.load("o")?;
        make(loader, «module.alloc_str(short)?¦loader.alloc_str(short)?»)
        })
        }"#,
    },
    Road {
        name: "map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let made = make(outer, short)?;
        Ok(owned.map::<Label>(|code| «made¦code»))
        }"#,
    },
    Road {
        name: "try_map",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let made = make(outer, short)?;
        owned.try_map::<Label, Error>(|code| Ok(«made¦code»))
        }"#,
    },
    Road {
        name: "map_twice",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let made = make(outer, short)?;
        Ok(owned.map::<Label>(|code| code).map::<Label>(|code| «made¦code»))
        }"#,
    },
    Road {
        name: "map_one_of_two",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let made = make(outer, short)?;
        Ok(owned.map::<Label>(|code| if short.is_empty() { code } else { «made¦code» }))
        }"#,
    },
    Road {
        name: "map_a_captured_cell",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let cell = Cell::new(Some(make(outer, short)?));
        Ok(owned.map::<Label>(|code| «cell.take().unwrap_or(code)¦code»))
        }"#,
    },
    Road {
        name: "map_a_generic_helper",
        with: All,
        body: r#"fn mapped<T: Held + ?Sized>(owned: &Owned<T>, part: impl for<'s> FnOnce(&'s T::At<'s>) -> &'s T::At<'s>) -> Owned<T> { owned.map::<T>(part) }
        pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let made = make(outer, short)?;
        Ok(mapped(&owned, |code| «made¦code»))
        }"#,
    },
    Road {
        name: "map_to_text",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<str>, Error> {
        let owned = own(arena)?;
        Ok(owned.map::<str>(|code| «short¦text(code)»))
        }"#,
    },
    Road {
        name: "map_to_bytes",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<[u8]>, Error> {
        let owned = own(arena)?;
        Ok(owned.map::<[u8]>(|code| «short¦text(code)».as_bytes()))
        }"#,
    },
    Road {
        name: "at_by_an_outer_loader",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        let near = outer.at(&owned)?;
        Owned::<Label>::load(arena, "n", |loader| «Ok(near)¦loader.at(&owned)»)
        }"#,
    },
    Road {
        name: "text_of_at_by_an_outer_loader",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        Owned::<Label>::load(arena, "n", |loader| make(loader, text(«outer¦loader».at(&owned)?)))
        }"#,
    },
    Road {
        name: "got",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        Owned::<Label>::load(arena, "n", |loader| «Ok(owned.get())¦loader.at(&owned)»)
        }"#,
    },
    Road {
        name: "text_of_got",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let owned = own(arena)?;
        Owned::<Label>::load(arena, "n", |loader| make(loader, text(«owned.get()¦loader.at(&owned)?»)))
        }"#,
    },
    Road {
        name: "a_short_label",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<At<'l>>, Error> {
        Owned::<At<'l>>::load(arena, "n", |loader| make(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "a_short_label_mapped",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<At<'l>>, Error> {
        let owned = own(arena)?.map::<At<'l>>(|code| code);
        let made = make(outer, short)?;
        Ok(owned.map::<At<'l>>(|code| «made¦code»))
        }"#,
    },
    Road {
        name: "a_module_of_a_leaked_arena",
        with: Covariant,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let module = CodeArena::new()?.leak().load("o")?;
        Owned::<Label>::load(arena, "n", |loader| make(&module, «short¦"a constant"»).map(|code| code))
        }"#,
    },
    Road {
        name: "promoted",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let handle: CodeRef<'l, At<'l>> = CodeRef::new(make(outer, short)?);
        Owned::<Label>::load(arena, "n", |loader| «handle.promote(loader)¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "a_handle",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let handle: CodeRef<'l, At<'l>> = CodeRef::new(make(outer, short)?);
        Owned::<Label>::load(arena, "n", |loader| «Ok(held(handle.clone()).get())¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "permanent",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let handle: CodeRef<'l, At<'l>> = CodeRef::new(make(outer, short)?);
        Owned::<Label>::load(arena, "n", |loader| «Ok(handle.permanent().unwrap())¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "a_slot",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let handle: CodeRef<'l, At<'l>> = CodeRef::new(make(outer, short)?);
        let slot = CodeSlot::new(handle);
        Owned::<Label>::load(arena, "n", |loader| «slot.get().promote(loader)¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "an_atomic_slot",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let slot = AtomicCodeSlot::new(make(outer, short)?);
        Owned::<Label>::load(arena, "n", |loader| «Ok(slot.get())¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "transient_code",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let code: CodeRef<'l, At<'l>> = CodeRef::transient(home, |loader| make(loader, "a constant"))?;
        Owned::<Label>::load(arena, "n", |loader| «Ok(code.get())¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "transient_code_promoted",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let code: CodeRef<'l, At<'l>> = CodeRef::transient(home, |loader| make(loader, "a constant"))?;
        Owned::<Label>::load(arena, "n", |loader| «code.promote(loader)¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "transient_code_within",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        Owned::<Label>::load(arena, "n", |loader| {
        let code: CodeRef<'_, At<'_>> = CodeRef::transient(home, |loader| make(loader, "a constant"))?;
        make(loader, «text(code.get())¦loader.alloc_str(text(code.get()))?»)
        })
        }"#,
    },
    Road {
        name: "machine_code",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<[u8]>, Error> {
        Owned::load_native(arena, "n", |module| «Ok(short.as_bytes())¦module.alloc(short.as_bytes(), 1)»)
        }"#,
    },
    Road {
        name: "a_builder_of_a_table",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<OwnedSideTable<Cell<u32>>, Error> {
        let local = CodeArena::new()?;
        OwnedSideTable::<Cell<u32>>::build(arena, |builder| «SideTable::builder(&local)¦builder»)
        }"#,
    },
    Road {
        name: "shortened",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let made = make(outer, short)?;
        Owned::<Label>::load(arena, "n", |loader| «Ok(shorten(made))¦make(loader, "a constant")»)
        }"#,
    },
    Road {
        name: "transient_of_threads",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        Owned::<Label>::transient(&shared, |loader| make(loader, «short¦loader.alloc_str(short)?»))
        }"#,
    },
    Road {
        name: "transient_of_threads_by_another_loader",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        Owned::<Label>::transient(&shared, |loader| make(loader, «outer¦loader».alloc_str(short)?))
        }"#,
    },
    Road {
        name: "promoted_from_threads",
        with: OfHandles,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        Owned::<Label>::transient(&shared, |loader| make(loader, «short¦loader.intern(short)?»))?.promote("n")
        }"#,
    },
    Road {
        name: "a_slot_of_owners",
        with: All,
        body: r#"pub fn run<'l>(arena: &Arc<CodeArena>, outer: &Loader<'l>, short: &'l str, home: &'l Transients<'l>) -> Result<Owned<Label>, Error> {
        let shared = Arc::new(SharedHome::new(arena.clone()));
        let slot = OwnedSlot::new(Owned::<Label>::transient(&shared, |loader| make(loader, loader.alloc_str(short)?))?)?;
        slot.replace(Owned::<Label>::transient(&shared, |loader| make(loader, «short¦loader.alloc_str(short)?»))?)
        }"#,
    },
];
