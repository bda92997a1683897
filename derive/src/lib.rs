//! The derives of `permacode::Permanent`, `permacode::Mappable` and `permacode::kit::Collect`; their users' pages are the documentation of those traits.
//!
//! ```text
//!   mappable/         the derive of `Mappable`
//!   collect/          the derive of `Collect`
//!   lib.rs            the entry: read, refuse, put together
//!   input.rs          the type as the generators see it: names, parameters, fields
//!   attributes.rs     #[permanent(..)], #[mappable(..)], #[collect(..)], and #[repr(packed)]
//!   parameters.rs     generics: the type itself, the type at another lifetime, the bounds
//!   fresh.rs          names that are none of the user's
//!   errors.rs         all errors in one run, not one at a time
//!   lints.rs          those that the user's item has met already
//!   ───────────────────────────────────────────────────────────────────── one file per generated item
//!   implementation.rs Permanent itself
//!   fields.rs         the check that every field is permanent, or plain
//!   plain.rs          plain fields and types: the bounds, and the site numbers in them
//!   no_drop.rs        the checks that the type has no `Drop` and no drop glue
//!   auto_traits.rs    `Send` and `Sync`
//! ```
//!
//! The generated code must hold against *safe* code that wants to break it, because deriving needs no `unsafe`. Hence:
//!
//! * checks are about the types that the compiler sees, never about their spelling. Aliases, macros and attribute
//!   macros that run after this derive change nothing;
//! * fields are bound by an exhaustive pattern with `ref mut` and handed on as `&mut`, which is invariant. Behind `&` a
//!   field of type `fn(&'a u8)` would pass as its supertype `fn(&'static u8)`, which is permanent;
//! * nothing relies on names in the user's scope, nor on the prelude. Own items have names (`fresh.rs`) that the user's item does not
//!   mention, and stand before what is in scope under these names. `core` is found as a crate, not as a name, since a crate may be renamed
//!   `core`. What is checked is checked by items of the output, or by way of the trait itself: a module given as `crate = ".."` could
//!   offer others.

mod attributes;
mod auto_traits;
mod collect;
mod errors;
mod fields;
mod fresh;
mod implementation;
mod input;
mod lints;
mod mappable;
mod no_drop;
mod parameters;
mod plain;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

use input::Input;

/// Implements `Permanent` for a struct or an enum, after checking that every field is permanent.
///
/// Costs nothing at run time. These do not compile:
///
/// * a field with a cell, a heap allocation, a raw pointer, `&mut` or a union
/// * a union, a packed type, or one that implements `Drop`
/// * a `fn` pointer that names a lifetime of the type
///
/// `#[permanent(plain)]` on a field says that its type is `Copy + Send + Sync + 'static`, which is enough. So does the same attribute on the
/// type, of the type as a whole: it may be packed, or a union. The trait's page says what to use in place of other fields. It also explains
/// `#[permanent(crate = "..")]`, and type parameters with bounds.
///
/// A type without type parameters also gets `Send` and `Sync`, which the trait implies, unless it is plain as a whole. Do not implement them
/// by hand for such a type.
///
/// ```ignore (this crate cannot depend on permacode; the trait's example is this one, and runs)
/// #[derive(Permanent)]
/// enum Const<'a> { Nil, Int(i64), Str(&'a str), Code(&'a Code<'a>) }
///
/// #[derive(Permanent)]
/// struct Code<'a> { name: &'a str, ops: &'a [u8], consts: &'a [Const<'a>] }
/// ```
#[proc_macro_derive(Permanent, attributes(permanent))]
pub fn derive_permanent(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    match Input::read(&item) {
        Ok(input) => expand(&input).into(),
        Err(errors) => errors.into_compile_error().into(),
    }
}

/// Implements `Mappable` for a struct or an enum, after checking that every field may lie in an image.
///
/// Costs nothing at run time. These do not compile:
///
/// * a `&'static` field, since an image's values are not `'static`
/// * a `fn` pointer, since it differs in each process
/// * an enum without a primitive `#[repr]`, such as `#[repr(u8)]`
/// * an `Option` that is larger than its value
/// * a packed type, a union, and a field of a type that is not `Mappable`
///
/// The trait's page says what to use in their place. `#[permanent(crate = "..")]` holds for this derive too.
///
/// `#[mappable(check = "path")]` on the type names a function of yours that checks a value, after the library has.
///
/// ```ignore (this crate cannot depend on permacode; the trait's example is this one, and runs)
/// #[derive(Permanent, Mappable)]
/// #[repr(u8)]
/// enum Const<'a> { Nil, Int(i64), Str(&'a str), Code(&'a Code<'a>) }
/// ```
#[proc_macro_derive(Mappable, attributes(permanent, mappable))]
pub fn derive_mappable(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    mappable::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Collect` for a struct or an enum, so that a collector can look into it.
///
/// Each field is shown to the marker. These do not compile:
///
/// * a field that a collector cannot look into, such as `String` or `Rc<T>`
/// * a union or a packed type
///
/// `#[collect(plain)]` on a field says that its type is `Copy + Send + 'static`, which is checked. `#[collect(unsafe_skip)]` passes a field
/// over: you promise that it leads to no object. The trait's page says what to use in place of other fields, and explains
/// `#[collect(crate = "..")]`.
///
/// ```ignore (this crate cannot depend on permacode; the trait's example is like this one, and runs)
/// #[derive(Collect)]
/// struct Pair<'h> { head: Cell<Value<'h>>, tail: Cell<Value<'h>> }
/// ```
#[proc_macro_derive(Collect, attributes(collect))]
pub fn derive_collect(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    collect::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: &Input) -> proc_macro2::TokenStream {
    let implementation = implementation::generate(input);
    let fields = fields::helpers(input);
    let shadows = fields::shadows(input);
    let plain = plain::helpers(input);
    let no_drop = no_drop::generate(input);
    let auto_traits = auto_traits::generate(input);
    let core = &input.core;
    let lints = lints::allowed();
    quote! {
        #lints
        const _: () = {
            extern crate core as #core;

            #implementation
            #fields
            #shadows
            #plain
            #no_drop
            #auto_traits
        };
    }
}
