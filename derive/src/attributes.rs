//! `#[permanent(..)]`, `#[mappable(..)]`, `#[collect(..)]`, and `#[repr(packed)]`.

use proc_macro2::Group;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Error, LitStr, Path, Type};

use crate::errors::Errors;

/// The content of `#[permanent(..)]` on the type.
#[derive(Default)]
pub(crate) struct OfType {
    /// `crate = "path"`: where the crate is.
    pub(crate) krate: Option<Path>,
    /// `plain`: the type is `Copy + Send + Sync + 'static`, and no field is looked at.
    pub(crate) plain: Option<()>,
}

impl OfType {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry("permanent", attributes, errors, |meta| {
            if meta.path.is_ident("plain") {
                return set_once(&mut this.plain, (), &meta);
            }
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown attribute: a type takes `plain` and `crate = \"path\"` only"));
            }
            let path =
                parse(&text(&meta)?, Path::parse_mod_style, "not a path: expected something like `::permacode`")?;
            set_once(&mut this.krate, path, &meta)
        });
        this
    }
}

/// The content of `#[mappable(..)]` on the type.
#[derive(Default)]
pub(crate) struct OfImage {
    /// `check = "path"`: the author's own check of a value.
    pub(crate) check: Option<Path>,
}

impl OfImage {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry("mappable", attributes, errors, |meta| {
            if !meta.path.is_ident("check") {
                return Err(meta.error("unknown attribute: a type takes `check = \"path\"` only"));
            }
            let wrong = "not a path: expected that of a function, something like `Code::verify`";
            let path = parse(&text(&meta)?, Path::parse_mod_style, wrong)?;
            set_once(&mut this.check, path, &meta)
        });
        this
    }

    /// Refuses the attribute where it has no meaning: on fields and variants.
    pub(crate) fn refuse(attributes: &[Attribute], errors: &mut Errors) {
        for attribute in attributes.iter().filter(|a| a.path().is_ident("mappable")) {
            errors.at(attribute, "`#[mappable(..)]` goes on the type");
        }
    }
}

/// The content of `#[permanent(..)]` on a field.
#[derive(Default)]
pub(crate) struct OfField {
    /// `plain`: the field's type is `Copy + Send + Sync + 'static`.
    pub(crate) plain: Option<()>,
}

impl OfField {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry("permanent", attributes, errors, |meta| {
            if !meta.path.is_ident("plain") {
                return Err(meta.error("unknown attribute: a field takes `plain` only"));
            }
            set_once(&mut this.plain, (), &meta)
        });
        this
    }
}

/// The content of `#[collect(..)]` on the type.
#[derive(Default)]
pub(crate) struct CollectType {
    /// `crate = "path"`: where the crate is.
    pub(crate) krate: Option<Path>,
}

impl CollectType {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry("collect", attributes, errors, |meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error(
                    "unknown attribute: a type takes `crate = \"path\"` only; `plain` and `unsafe_skip` go on fields",
                ));
            }
            let path =
                parse(&text(&meta)?, Path::parse_mod_style, "not a path: expected something like `::permacode`")?;
            set_once(&mut this.krate, path, &meta)
        });
        this
    }
}

/// The content of `#[collect(..)]` on a field.
#[derive(Default)]
pub(crate) struct CollectField {
    /// `plain`: the field's type is `Copy + Send + 'static`.
    pub(crate) plain: Option<()>,
    /// `unsafe_skip`: the user promises that the field leads to no object.
    pub(crate) skip: Option<()>,
}

impl CollectField {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_entry("collect", attributes, errors, |meta| {
            let slot = match () {
                () if meta.path.is_ident("plain") => &mut this.plain,
                () if meta.path.is_ident("unsafe_skip") => &mut this.skip,
                () => {
                    return Err(meta.error("unknown attribute: a field takes `plain` or `unsafe_skip`"));
                }
            };
            set_once(slot, (), &meta)
        });
        this
    }

    /// Refuses the attribute where it has no meaning: on variants.
    pub(crate) fn refuse(attributes: &[Attribute], errors: &mut Errors) {
        for attribute in attributes.iter().filter(|a| a.path().is_ident("collect")) {
            errors.at(attribute, "`#[collect(..)]` goes on the type or on a field");
        }
    }
}

/// Refuses `#[permanent(..)]` where it has no meaning: on variants and generic parameters.
pub(crate) fn refuse(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("permanent")) {
        errors.at(attribute, "`#[permanent(..)]` goes on the type or on a field");
    }
}

/// Returns the first `packed` in any `#[repr(..)]`.
///
/// It decides about messages only. Where the output borrows the fields of a type that is packed all the same, the compiler refuses it (E0793).
pub(crate) fn packed(attributes: &[Attribute]) -> Option<Path> {
    let mut packed = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        // If something is wrong with a `repr` otherwise, rustc says better.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                packed.get_or_insert_with(|| meta.path.clone());
            }
            // The number in `align(8)`; parsing goes on behind it.
            meta.input.parse::<Option<Group>>().map(drop)
        });
    }
    packed
}

/// Returns `true` for a `fn` pointer that is written out, through the parentheses and the groups that macros put around it.
pub(crate) fn is_fn_pointer(ty: &Type) -> bool {
    match ty {
        Type::BareFn(_) => true,
        Type::Group(group) => is_fn_pointer(&group.elem),
        Type::Paren(paren) => is_fn_pointer(&paren.elem),
        _ => false,
    }
}

/// Runs `read` on every entry within attributes of a name; an error ends that attribute, not the others.
fn for_each_entry(
    name: &str,
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident(name)) {
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
