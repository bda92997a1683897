//! The ways from a block to a view of it at another lifetime.
//!
//! Each is an expression with `long`, a `&{l} {T}`, and gives the view: a `&{l} {S}`, or the link in one. `LINK(x)` is the link in the block
//! that `x` refers to. `{T}` is the type of the block, `{S}` the same at `{l}`, `{U}` the type of the link.

pub(crate) struct Road {
    pub(crate) name: &'static str,
    /// Definitions of its own.
    pub(crate) items: &'static str,
    pub(crate) view: &'static str,
    /// Whether it gives the link and not the block.
    pub(crate) to_link: bool,
    /// Whether all of it happens in the function that makes transient code.
    pub(crate) in_region: bool,
}

const PLAIN: Road = Road { name: "", items: "", view: "", to_link: false, in_region: false };

pub(crate) const ROADS: &[Road] = &[
    Road { name: "get", view: "held(CodeRef::new(long)).get()", ..PLAIN },
    Road { name: "from", view: "held(CodeRef::from(long)).get()", ..PLAIN },
    Road { name: "into", view: "{ let handle: CodeRef<{l}, {T}> = long.into(); held(handle).get() }", ..PLAIN },
    Road { name: "clone", view: "held(held(CodeRef::new(long)).clone()).get()", ..PLAIN },
    Road { name: "promote", view: "CodeRef::new(long).promote(loader).unwrap()", ..PLAIN },
    Road {
        name: "project",
        view: "CodeRef::new(long).project::<{T}>(|code| Some(code)).unwrap().unwrap().permanent().unwrap()",
        ..PLAIN
    },
    Road {
        name: "project_to_the_link",
        view: "CodeRef::new(long).project::<{U}>(|code| Some(LINK(code))).unwrap().unwrap().permanent().unwrap()",
        to_link: true,
        ..PLAIN
    },
    Road {
        name: "project_twice",
        view: "{
            let handle = CodeRef::new(long).project::<{T}>(|code| Some(code)).unwrap().unwrap();
            held(handle.project::<{T}>(|code| Some(code)).unwrap().unwrap()).get()
        }",
        ..PLAIN
    },
    Road {
        name: "patched",
        view: "held(CodeRef::new(long).patched::<Error, _>(transients, |_, code| Ok(code)).unwrap()).get()",
        ..PLAIN
    },
    Road {
        name: "patched_and_promoted",
        view: "CodeRef::new(long).patched::<Error, _>(transients, |_, code| Ok(code)).unwrap().promote(loader).unwrap()",
        ..PLAIN
    },
    Road {
        name: "patched_and_projected",
        view: "{
            let patched = CodeRef::new(long).patched::<Error, _>(transients, |_, code| Ok(code)).unwrap();
            patched.project::<{T}>(|code| Some(code)).unwrap().unwrap().promote(loader).unwrap()
        }",
        ..PLAIN
    },
    Road { name: "slot", view: "CodeSlot::new(CodeRef::new(long)).get().promote(loader).unwrap()", ..PLAIN },
    Road {
        name: "slot_replaced",
        view: "{
            let slot = CodeSlot::new(CodeRef::new(long));
            held(slot.replace(CodeRef::new(long))).get()
        }",
        ..PLAIN
    },
    Road {
        name: "slot_exchanged",
        view: "{
            let slot = CodeSlot::from(CodeRef::new(long));
            slot.compare_exchange(&slot.get(), CodeRef::new(long)).unwrap().promote(loader).unwrap()
        }",
        ..PLAIN
    },
    Road { name: "slot_taken", view: "held(CodeSlot::new(CodeRef::new(long)).into_inner()).get()", ..PLAIN },
    Road {
        name: "slot_permanent",
        view: "{
            let code = CodeSlot::new(CodeRef::new(long)).permanent().unwrap();
            CodeRef::new(code).promote(loader).unwrap()
        }",
        ..PLAIN
    },
    Road { name: "atomic_slot", view: "CodeRef::new(AtomicCodeSlot::new(long).get()).promote(loader).unwrap()", ..PLAIN },
    Road {
        name: "atomic_slot_replaced",
        view: "held(CodeRef::new(AtomicCodeSlot::new(long).replace(long))).get()",
        ..PLAIN
    },
    Road { name: "atomic_slot_coerced", view: "{ let slot: AtomicCodeSlot<{l}, {S}> = AtomicCodeSlot::new(long); slot.get() }", ..PLAIN },
    Road {
        name: "proxy",
        view: "{
            let shown = CodeProxy::new(arena, CodeRef::new(long), |_| \"f\").unwrap();
            let slot = CodeSlot::new(CodeRef::new(long));
            drop(slot.install(&shown));
            slot.into_inner().promote(loader).unwrap()
        }",
        ..PLAIN
    },
    Road { name: "coerced", view: "{ let handle: CodeRef<{l}, {S}> = CodeRef::new(long); held(handle).get() }", ..PLAIN },
    Road {
        name: "generic",
        items: "fn view<'c, T: Permanent<At<'c> = T>>(code: &'c T, loader: &Loader<'c>) -> &'c T::At<'c> {
            CodeRef::new(code).promote(loader).unwrap()
        }",
        view: "view::<{T}>(long, loader)",
        ..PLAIN
    },
    Road {
        name: "generic_into",
        items: "fn view<'c, T: Permanent + 'c>(code: impl Into<CodeRef<'c, T>>, loader: &Loader<'c>) -> &'c T::At<'c> {
            code.into().promote(loader).unwrap()
        }",
        view: "view::<{T}>(long, loader)",
        ..PLAIN
    },
    Road {
        name: "generic_at",
        items: "fn view<'c, T: Permanent>(code: &'c T::At<'c>, loader: &Loader<'c>) -> &'c T::At<'c> {
            CodeRef::<T::At<'c>>::new(code).promote(loader).unwrap()
        }",
        view: "view::<{T}>(long, loader)",
        ..PLAIN
    },
    Road {
        name: "a_trait",
        items: "trait View<'c>: Permanent<At<'c> = Self> + 'c {
            fn view(&'c self, loader: &Loader<'c>) -> &'c Self::At<'c> {
                CodeRef::new(self).promote(loader).unwrap()
            }
        }
        impl<'c, T: Permanent<At<'c> = T> + 'c> View<'c> for T {}",
        view: "View::<{l}>::view(long, loader)",
        ..PLAIN
    },
    Road {
        name: "a_function_value",
        view: "{
            let view: fn(&{l} {T}, &Loader<{l}>) -> &{l} {S} = |code, loader| CodeRef::new(code).promote(loader).unwrap();
            view(long, loader)
        }",
        ..PLAIN
    },
    Road { name: "new_as_a_value", view: "Some(long).map(CodeRef::new).unwrap().promote(loader).unwrap()", ..PLAIN },
    Road {
        name: "a_holder",
        items: "struct Function<'c, T: Permanent> { code: CodeSlot<'c, T> }
        impl<'c, T: Permanent> Function<'c, T> {
            fn new(code: &'c T) -> Self where T: Permanent<At<'c> = T> { Self { code: CodeRef::new(code).into() } }
            fn promoted(&self, loader: &Loader<'c>) -> &'c T::At<'c> { self.code.get().promote(loader).unwrap() }
        }",
        view: "Function::new(long).promoted(loader)",
        ..PLAIN
    },
    Road { name: "shorten", view: "shorten(long)", ..PLAIN },
    Road { name: "shorten_in_a_tuple", view: "{ let (_, view) = shorten((\"a constant\", long)); view }", ..PLAIN },
    Road { name: "shorten_in_a_slice", view: "shorten(loader.alloc_slice_copy(&[long]).unwrap())[0]", ..PLAIN },
    Road { name: "shorten_as_a_value", view: "Some(long).map(shorten).unwrap()", ..PLAIN },
    Road {
        name: "shorten_in_generic_code",
        items: "fn view<'c, T: OneLifetime<'c>>(code: T) -> T::At<'c> { shorten(code) }",
        view: "view(long)",
        ..PLAIN
    },
    Road { name: "shorten_in_a_region", view: "shorten(long)", in_region: true, ..PLAIN },
    Road { name: "in_a_region", view: "CodeRef::new(long).promote(loader).unwrap()", in_region: true, ..PLAIN },
    Road { name: "get_in_a_region", view: "held(CodeRef::new(long)).get()", in_region: true, ..PLAIN },
];
