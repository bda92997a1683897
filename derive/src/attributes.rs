//! `#[permanent(..)]`, and the refusal of `#[repr(packed)]`.

use proc_macro2::Group;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, LitStr, Path, Type, TypeBareFn};

use crate::errors::Errors;

/// The content of `#[permanent(..)]` on the type.
#[derive(Default)]
pub(crate) struct OfType {
    /// `crate = "path"`: where the crate is.
    pub(crate) krate: Option<Path>,
}

impl OfType {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry(attributes, errors, |meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown attribute: a type takes `crate = \"path\"` only"));
            }
            let path =
                parse(&text(&meta)?, Path::parse_mod_style, "not a path: expected something like `::permacode`")?;
            set_once(&mut this.krate, path, &meta)
        });
        this
    }
}

/// The content of `#[permanent(..)]` on a field.
#[derive(Default)]
pub(crate) struct OfField {
    /// `fn_pointer = "type"`: the `fn` pointer type that the field's type is an alias of.
    pub(crate) fn_pointer: Option<TypeBareFn>,
}

impl OfField {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry(attributes, errors, |meta| {
            if !meta.path.is_ident("fn_pointer") {
                return Err(meta.error("unknown attribute: a field takes `fn_pointer = \"type\"` only"));
            }
            let wrong = "not a `fn` pointer type: expected something like `for<'x> fn(&'x mut Vm) -> u8`";
            let pointer = parse(&text(&meta)?, TypeBareFn::parse, wrong)?;
            set_once(&mut this.fn_pointer, pointer, &meta)
        });
        this
    }
}

/// Refuses `#[permanent(..)]` where it has no meaning: on variants and generic parameters.
pub(crate) fn refuse(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("permanent")) {
        errors.at(attribute, "`#[permanent(..)]` goes on the type or on a field");
    }
}

/// Refuses `packed` in any `#[repr(..)]`.
///
/// For the message only: the check of the fields borrows them, which the compiler refuses for unaligned ones (E0793).
pub(crate) fn refuse_packed(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        // If something is wrong with a `repr` otherwise, rustc says better.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                errors.at(&meta.path, "a packed type cannot be `Permanent`: its fields cannot be borrowed");
            }
            // The number in `align(8)`; parsing goes on behind it.
            meta.input.parse::<Option<Group>>().map(drop)
        });
    }
}

/// The `fn` pointer type that `ty` is when written out, through the parentheses and the groups that macros put around it.
pub(crate) fn bare_fn(ty: &Type) -> Option<TypeBareFn> {
    match ty {
        Type::BareFn(pointer) => Some(pointer.clone()),
        Type::Group(group) => bare_fn(&group.elem),
        Type::Paren(paren) => bare_fn(&paren.elem),
        _ => None,
    }
}

/// Runs `read` on every `key = "value"` within `#[permanent(..)]`; an error ends that attribute, not the others.
fn for_each_entry(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("permanent")) {
        if let Err(error) = attribute.parse_nested_meta(&mut read) {
            errors.push(error);
        }
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    meta.value()?.parse()
}

/// Parses what a string says. Its own errors would point at the derive where the string is no list of tokens.
fn parse<T>(text: &LitStr, parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>, wrong: &str) -> syn::Result<T> {
    text.parse_with(parser).map_err(|_| Error::new_spanned(text, wrong))
}

fn set_once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("given twice")),
    }
}
