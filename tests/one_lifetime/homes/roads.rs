//! The ways into code, and out of it.
//!
//! Each is the body of a function, which returns a `Result<{returns}, Error>`. `{T}` is the type of the block at `'static`, `{O}` at the
//! lifetime under attack `{o}`, `{X}` at `'x`, `{C}` at `'c`. `MAKE(x)` makes a block that leads to `x`, `READ(x)` reads the number that a block
//! leads to, `HOOK` is what an attack and its twin differ in.

/// The difference between an attack and its honest twin.
pub(crate) enum Attack {
    /// The lifetime of what comes in: `'a`, and `'static` in the twin.
    In,
    /// The lifetime of what comes out: `'static` or `'long`, and in the twin `'c`, that of the handle's borrow.
    Out,
    /// A word: that of the attack, and of the twin.
    Hook(&'static str, &'static str),
}

pub(crate) struct Road {
    pub(crate) name: &'static str,
    pub(crate) attack: Attack,
    pub(crate) returns: &'static str,
    pub(crate) body: &'static str,
}

const fn road(name: &'static str, attack: Attack, returns: &'static str, body: &'static str) -> Road {
    Road { name, attack, returns, body }
}

use Attack::*;

const KEEP: Attack = Hook("code", "outer");

pub(crate) const ROADS: &[Road] = &[
    // ── in: by what a closure has captured ──────────────────────────────────────────────────────────────────────────────────────
    road("new", In, "CodeRc<{T}>", "CodeRc::<{T}>::new::<Error, _>(home, |loader| Ok(MAKE(short)))"),
    road("new_by_move", In, "CodeRc<{T}>", "CodeRc::<{T}>::new::<Error, _>(home, move |loader| Ok(MAKE(short)))"),
    road("new_with_a_short_label", In, "CodeRc<{O}>", "CodeRc::<{O}>::new::<Error, _>(home, |loader| Ok(MAKE(short)))"),
    road("new_outside", In, "CodeRc<{T}>", "CodeRc::<{T}>::new::<Error, _>(home, |_| Ok(outer))"),
    road("new_outside_with_a_short_label", In, "CodeRc<{O}>", "CodeRc::<{O}>::new::<Error, _>(home, |_| Ok(outer))"),
    road(
        "new_in_the_home_of_code",
        In,
        "CodeRc<{T}>",
        "CodeRc::<{T}>::new::<Error, _>(code.home(), |loader| Ok(MAKE(short)))",
    ),
    road(
        "new_by_a_box",
        In,
        "CodeRc<{T}>",
        "type Lower<'b> = Box<dyn for<'x> FnOnce(&Loader<'x>) -> Result<&'x {X}, Error> + 'b>;
        let lower: Lower<'_> = Box::new(|loader| Ok(MAKE(short)));
        CodeRc::<{T}>::new(home, lower)",
    ),
    road(
        "new_by_a_function_that_returns_one",
        In,
        "CodeRc<{T}>",
        "fn lowers<'a>(short: &{o} u64) -> impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x {X}, Error> {
            move |loader| Ok(MAKE(short))
        }
        CodeRc::<{T}>::new(home, lowers(short))",
    ),
    road(
        "new_out_of_a_cell",
        In,
        "CodeRc<{T}>",
        "let cell = Cell::new(Some(outer));
        CodeRc::<{T}>::new::<Error, _>(home, |_| cell.take().ok_or(Error::Foreign))",
    ),
    road("patched", In, "CodeRc<{T}>", "code.patched::<Error, _>(|loader, _| Ok(MAKE(short)))"),
    road("patched_outside", In, "CodeRc<{T}>", "code.patched::<Error, _>(|_, _| Ok(outer))"),
    road(
        "patched_either_way",
        In,
        "CodeRc<{T}>",
        "code.patched::<Error, _>(|loader, code| Ok(if READ(code) == &1 { MAKE(short) } else { code }))",
    ),
    road(
        "patched_with_a_short_label",
        In,
        "CodeRc<{O}>",
        "let code: CodeRc<{O}> = code.clone();
        code.patched::<Error, _>(|_, _| Ok(outer))",
    ),
    road("project", In, "Option<CodeRc<{T}>>", "code.project::<{T}>(|_| Some(outer))"),
    road("project_with_a_short_label", In, "Option<CodeRc<{O}>>", "code.project::<{O}>(|_| Some(outer))"),
    road(
        "project_either_way",
        In,
        "Option<CodeRc<{T}>>",
        "code.project::<{T}>(|code| Some(if READ(code) == &1 { outer } else { code }))",
    ),
    road(
        "project_to_the_number",
        In,
        "Option<CodeRc<u64>>",
        "code.project::<u64>(|code| Some(if READ(code) == &1 { short } else { READ(code) }))",
    ),
    road(
        "into_a_slot",
        In,
        "CodeRc<{T}>",
        "let new = CodeRc::<{T}>::new::<Error, _>(home, |loader| Ok(MAKE(short)))?;
        Ok(slot.replace(new))",
    ),
    road(
        "promoted",
        In,
        "Owned<{T}>",
        "CodeRc::<{T}>::new::<Error, _>(home, |loader| Ok(MAKE(short)))?.promote(\"m\")",
    ),
    road(
        "by_the_transients_of_a_home",
        In,
        "CodeRef<'c, {T}>",
        "CodeRef::<'c, {T}>::transient::<Error, _>(home.transients(), |loader| Ok(MAKE(short)))",
    ),
    road(
        "from_a_view_of_other_code",
        Hook("READ(code.get())", "READ(constant)"),
        "CodeRc<{T}>",
        "CodeRc::<{T}>::new::<Error, _>(home, |loader| Ok(MAKE(HOOK)))",
    ),
    road(
        "from_a_view_of_other_code_in_a_patch",
        Hook("READ(other.get())", "READ(code)"),
        "CodeRc<{T}>",
        "let other = code.clone();
        code.patched::<Error, _>(|loader, code| Ok(MAKE(HOOK)))",
    ),
    road(
        "from_another_region",
        Hook("loader", "outer_loader"),
        "CodeRc<{T}>",
        "CodeRc::<{T}>::new::<Error, _>(home, |outer_loader| {
            let mut kept = None;
            CodeRc::<u64>::new::<Error, _>(home, |loader| {
                let inner_loader = loader;
                kept = Some({ let loader = HOOK; MAKE(&7) });
                inner_loader.alloc(8)
            })?;
            kept.ok_or(Error::Foreign)
        })",
    ),
    // ── out: for longer than a borrow ───────────────────────────────────────────────────────────────────────────────────────────
    road("get", Out, "&{o} {O}", "Ok(code.get())"),
    road("get_and_read", Out, "&{o} u64", "Ok(READ(code.get()))"),
    road("get_in_a_box", Out, "Box<dyn Fn() -> &{o} u64 + 'c>", "Ok(Box::new(move || READ(code.get())))"),
    road(
        "get_in_generic_code",
        Out,
        "&{o} {O}",
        "fn view<'c, 'long: 'c, T: Permanent>(code: &'c CodeRc<T>) -> &{o} T::At<{o}> {
            code.get()
        }
        Ok(view::<{T}>(code))",
    ),
    road("home", Out, "&{o} Home", "Ok(code.home())"),
    road("transients", Out, "&{o} Transients<{o}>", "Ok(home.transients())"),
    road("transients_of_code", Out, "&{o} Transients<{o}>", "Ok(code.home().transients())"),
    road("heap", Out, "&{o} HeapArena", "Ok(home.heap())"),
    road("heap_of_transients", Out, "&{o} HeapArena", "Ok(home.transients().heap())"),
    road("arena", Out, "&{o} CodeArena", "Ok(home.arena())"),
    road("arena_of_transients", Out, "&{o} CodeArena", "Ok(home.transients().code())"),
    road("arena_of_code", Out, "&{o} CodeArena", "Ok(code.home().transients().code())"),
    road("module", Out, "OpenModule<{o}>", "home.arena().load(\"m\")"),
    road(
        "frame",
        Out,
        "CodeRef<{o}, {O}>",
        "CodeRef::<{o}, {O}>::transient::<Error, _>(home.transients(), |loader| Ok(MAKE(&7)))",
    ),
    road(
        "frame_of_code",
        Out,
        "CodeRef<{o}, {O}>",
        "CodeRef::<{o}, {O}>::transient::<Error, _>(code.home().transients(), |loader| Ok(MAKE(&7)))",
    ),
    road(
        "promoted_by_a_loader_of_the_arena",
        Out,
        "&{o} {O}",
        "let frame = CodeRef::<'c, {C}>::transient::<Error, _>(home.transients(), |loader| Ok(MAKE(&7)))?;
        frame.promote(&*home.arena().load(\"m\")?)",
    ),
    // ── out: by what a closure leaves behind ────────────────────────────────────────────────────────────────────────────────────
    road(
        "left_by_a_search",
        KEEP,
        "&'c {C}",
        "let mut kept = None;
        code.project::<{T}>(|code| { kept = Some(HOOK); None })?;
        kept.ok_or(Error::Foreign)",
    ),
    road(
        "left_in_a_cell_by_a_search",
        KEEP,
        "()",
        "code.project::<{T}>(|code| { cell.set(Some(HOOK)); None }).map(drop)",
    ),
    road(
        "left_by_a_patch",
        KEEP,
        "&'c {C}",
        "let mut kept = None;
        code.patched::<Error, _>(|_, code| { kept = Some(HOOK); Ok(code) })?;
        kept.ok_or(Error::Foreign)",
    ),
    road(
        "a_block_left_by_a_patch",
        Hook("block", "outer"),
        "()",
        "code.patched::<Error, _>(|loader, code| { let block = MAKE(&7); cell.set(Some(HOOK)); Ok(block) }).map(drop)",
    ),
    road(
        "a_block_left_by_new",
        Hook("block", "outer"),
        "()",
        "CodeRc::<{T}>::new::<Error, _>(home, |loader| { let block = MAKE(&7); cell.set(Some(HOOK)); Ok(block) }).map(drop)",
    ),
    road(
        "a_loader_left_by_new",
        Hook("loader", "lender"),
        "()",
        "CodeRc::<{T}>::new::<Error, _>(home, |loader| { loaders.set(Some(HOOK)); Ok(MAKE(&7)) }).map(drop)",
    ),
    road(
        "a_loader_left_by_a_patch",
        Hook("loader", "lender"),
        "()",
        "code.patched::<Error, _>(|loader, code| { loaders.set(Some(HOOK)); Ok(code) }).map(drop)",
    ),
    road(
        "in_an_error_of_new",
        Hook("block", "outer"),
        "&'c {C}",
        "match CodeRc::<{T}>::new::<Smuggled<'c, {C}>, _>(home, |loader| { let block = MAKE(&7); Err(Smuggled::Out(HOOK)) }) {
            Err(Smuggled::Out(view)) => Ok(view),
            _ => Err(Error::Foreign),
        }",
    ),
    road(
        "in_an_error_of_a_patch",
        KEEP,
        "&'c {C}",
        "match code.patched::<Smuggled<'c, {C}>, _>(|_, code| Err(Smuggled::Out(HOOK))) {
            Err(Smuggled::Out(view)) => Ok(view),
            _ => Err(Error::Foreign),
        }",
    ),
    // ── what is borrowed goes ───────────────────────────────────────────────────────────────────────────────────────────────────
    road(
        "the_handle_goes",
        Hook("drop(code)", "drop(READ(view))"),
        "u64",
        "let code = code.clone();
        let view = code.get();
        HOOK;
        Ok(*READ(view))",
    ),
    road(
        "the_handle_moves_into_a_slot",
        Hook("drop(slot.replace(own))", "drop(slot.replace(own.clone()))"),
        "u64",
        "let own = code.clone();
        let view = own.get();
        HOOK;
        Ok(*READ(view))",
    ),
    road(
        "the_home_goes",
        Hook("drop(home)", "drop(home.clone())"),
        "usize",
        "let home = home.clone();
        let frame = CodeRef::<'_, u64>::transient::<Error, _>(home.transients(), |loader| loader.alloc(7))?;
        HOOK;
        Ok(*frame.get() as usize)",
    ),
    road(
        "the_code_goes_whose_home_is_used",
        Hook("drop(own)", "drop(own.clone())"),
        "usize",
        "let own = code.clone();
        let home = own.home();
        HOOK;
        Ok(home.transients().stats().regions)",
    ),
    road(
        "a_handle_of_a_temporary",
        Hook("slot.get()", "held"),
        "u64",
        "let held = slot.get();
        let view = HOOK.get();
        Ok(*READ(view))",
    ),
];
