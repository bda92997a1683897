//! The type as the generators see it, free of what is refused by sight.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, Lifetime, Member, PathArguments, Type, TypeBareFn,
    TypePath, TypeReference,
};

use crate::attributes::{self, OfImage, OfType};
use crate::errors::Errors;
use crate::fresh::Fresh;
use crate::parameters::Parameters;
use crate::plain;

pub(super) struct Item {
    pub(super) name: Ident,
    pub(super) parameters: Parameters,
    /// The where clause of the implementation.
    pub(super) bounds: Option<syn::WhereClause>,
    /// The path of `Mappable`, and that of the module with its parts.
    pub(super) mappable: TokenStream,
    pub(super) image: TokenStream,
    pub(super) core: TokenStream,
    pub(super) fresh: Fresh,
    /// The path of the author's own check.
    pub(super) check: Option<syn::Path>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Struct(Part),
    /// The type of the tag, and the variants.
    Enum(Ident, Vec<Variant>),
}

pub(super) struct Variant {
    pub(super) name: Ident,
    pub(super) tag: TokenStream,
    pub(super) part: Part,
}

/// A path that a pattern can start with, and all fields behind it.
pub(super) struct Part {
    pub(super) path: TokenStream,
    pub(super) fields: Vec<(Member, Type)>,
}

impl Item {
    pub(super) fn read(item: &DeriveInput) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let (name, fresh) = (item.ident.clone(), Fresh::new(item.to_token_stream()));
        let core = fresh.ident("core").into_token_stream();
        let of_type = OfType::read(&item.attrs, &mut errors);
        let check = OfImage::read(&item.attrs, &mut errors).check;
        let krate = of_type.krate.map_or_else(|| quote!(::permacode), ToTokens::into_token_stream);
        let (permanent, mappable, image) = (quote!(#krate::Permanent), quote!(#krate::Mappable), quote!(#krate::image));
        if let Some(packed) = attributes::packed(&item.attrs) {
            errors.at(packed, "a packed type cannot be `Mappable`: its fields cannot be borrowed; take `packed` away");
        }
        let is_plain = of_type.plain.is_some();
        let parameters = if is_plain {
            Parameters::of_plain(&item.generics, &name, &plain::bounds(&core), &fresh, &mut errors)
        } else {
            Parameters::new(&item.generics, &permanent, &fresh, &mut errors)
        };
        let mut bounds = if is_plain {
            parameters.split().1.cloned()
        } else {
            parameters.bounds_of_permanent(&name, &permanent, &core)
        };
        for parameter in item.generics.type_params() {
            let ident = &parameter.ident;
            let predicates = &mut bounds.get_or_insert_with(|| syn::parse_quote!(where)).predicates;
            predicates.push(syn::parse_quote!(#ident: #mappable));
        }
        let body = body(item, &mut errors);
        errors.or(()).and(body).map(|body| Self { name, parameters, bounds, mappable, image, core, fresh, check, body })
    }

    /// Functions with the names of all bindings of the output, as for `Permanent`: they stand before what is in scope under these names.
    pub(super) fn shadows(&self) -> TokenStream {
        let most = match &self.body {
            Body::Struct(part) => part.fields.len(),
            Body::Enum(_, variants) => variants.iter().map(|variant| variant.part.fields.len()).max().unwrap_or(0),
        };
        let names = ["lifetime", "value", "zeros", "ones", "fields", "same", "proven"]
            .into_iter()
            .map(|base| self.fresh.ident(base));
        let names = names.chain((0..most).map(|index| self.fresh.field(index)));
        quote! { #(fn #names() {})* }
    }
}

fn body(item: &DeriveInput, errors: &mut Errors) -> syn::Result<Body> {
    let name = &item.ident;
    if let Data::Enum(data) = &item.data {
        data.variants.iter().for_each(|variant| OfImage::refuse(&variant.attrs, errors));
    }
    let mut part = |path, fields: &Fields| {
        for field in fields {
            OfImage::refuse(&field.attrs, errors);
            Unmappable { errors }.visit_type(&field.ty);
        }
        let fields = fields.members().zip(fields).map(|(member, field)| (member, field.ty.clone())).collect();
        Part { path, fields }
    };
    let read = match &item.data {
        Data::Struct(data) => Ok(Body::Struct(part(quote!(#name), &data.fields))),
        Data::Enum(data) => {
            let (mut first, mut after) = (None::<&Expr>, 0usize);
            let variants = data.variants.iter().map(|variant| {
                if let Some((_, expression)) = &variant.discriminant {
                    (first, after) = (Some(expression), 0);
                }
                let steps = proc_macro2::Literal::usize_unsuffixed(after);
                let tag = first.map_or_else(|| quote!(#steps), |first| quote!((#first) + #steps));
                after += 1;
                let variant_name = &variant.ident;
                Variant { name: variant_name.clone(), tag, part: part(quote!(#name::#variant_name), &variant.fields) }
            });
            let variants = variants.collect();
            match primitive(&item.attrs) {
                Some(tag) => Ok(Body::Enum(tag, variants)),
                None if data.variants.is_empty() => {
                    let message = "an enum without variants has no value, so nothing in an image can be one: take the fields of this type away";
                    Err(syn::Error::new_spanned(name, message))
                }
                None => {
                    let message = "an enum in an image needs a layout that the language defines: add `#[repr(u8)]`";
                    Err(syn::Error::new_spanned(name, message))
                }
            }
        }
        Data::Union(data) => {
            let message = "a union cannot be `Mappable`: nobody can tell which of its fields is alive; use an enum with `#[repr(u8)]`";
            Err(syn::Error::new_spanned(data.union_token, message))
        }
    };
    match (read, std::mem::take(errors).or(())) {
        (Err(mut error), Err(others)) => {
            error.combine(others);
            Err(error)
        }
        (Ok(_), Err(others)) => Err(others),
        (read, Ok(())) => read,
    }
}

/// The type of the tag, from `#[repr(..)]`.
fn primitive(attributes: &[Attribute]) -> Option<Ident> {
    const PRIMITIVE: [&str; 10] = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
    let mut found = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        // If something is wrong with a `repr` otherwise, rustc says better.
        let _ = attribute.parse_nested_meta(|meta| {
            if let Some(ident) = meta.path.get_ident().filter(|ident| PRIMITIVE.iter().any(|name| ident == name)) {
                found.get_or_insert_with(|| Ident::new(&ident.to_string(), Span::call_site()));
            }
            meta.input.parse::<Option<proc_macro2::Group>>().map(drop)
        });
    }
    found
}

fn is_number(ident: &Ident) -> bool {
    let rest = ident.to_string();
    let rest = rest.strip_prefix(['u', 'i', 'f']).unwrap_or_default().to_owned();
    rest == "size" || rest.parse::<u8>().is_ok()
}

/// Refuses `&'static`, options of numbers and `fn` pointers that are written out. For the message only: aliases are refused by the compiler.
struct Unmappable<'e> {
    errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Unmappable<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if let Some(Lifetime { ident, .. }) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident == "static")
        {
            let message = "a `&'static` field of a type in an image would stay `'static` when the image is gone: write `&'a`, with `'a` a \
                           parameter of the type; a `'static` value may be put there";
            self.errors.at(ident, message);
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_type_path(&mut self, path: &'ast TypePath) {
        let last = path.path.segments.last().filter(|last| last.ident == "Option");
        if let Some(PathArguments::AngleBracketed(arguments)) = last.map(|last| &last.arguments) {
            let number = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(Type::Path(inner)) => inner.path.get_ident().filter(|ident| is_number(ident)),
                _ => None,
            });
            if let Some(number) = number {
                // Of floating point there is no `NonZero`.
                let is_float = number.to_string().starts_with('f');
                let instead = if is_float { String::new() } else { format!("`Option<NonZero<{number}>>`, or ") };
                let message = format!(
                    "`Option<{number}>` has no layout that the language defines: in an image, write {instead}an enum of your own with \
                     `#[repr(u8)]`"
                );
                self.errors.at(path, message);
            }
        }
        visit::visit_type_path(self, path);
    }

    fn visit_type_bare_fn(&mut self, pointer: &'ast TypeBareFn) {
        let message = "a `fn` pointer differs in each process, so it cannot lie in an image: keep a number, and a table of functions beside \
                       the code";
        self.errors.at(pointer, message);
    }
}
