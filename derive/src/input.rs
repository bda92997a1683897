//! The type as the generators see it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{Data, DataUnion, DeriveInput, Field as SynField, Fields, Lifetime, Member, Type, TypeBareFn};

use crate::attributes::{self, OfField, OfType};
use crate::errors::Errors;
use crate::fresh::Fresh;
use crate::parameters::Parameters;
use crate::plain;

/// A type, free of what the derive refuses by sight.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) parameters: Parameters,
    /// The path of the trait.
    pub(crate) permanent: TokenStream,
    /// The path of what its method takes.
    pub(crate) tracer: TokenStream,
    /// The path of `Sites`.
    pub(crate) sites: TokenStream,
    /// The path of `core`, which the output makes known: a crate may be called so.
    pub(crate) core: TokenStream,
    pub(crate) fresh: Fresh,
    pub(crate) body: Body,
}

/// The part of a type that the output looks at.
pub(crate) enum Body {
    /// The struct itself, or each variant. The fields are checked.
    Checked(Vec<Shape>),
    /// The same of a type that is plain as a whole.
    Plain(Vec<Shape>),
    /// A plain type that is packed, or a union: the types of the fields, which cannot be borrowed.
    Opaque(Vec<Type>),
}

impl Body {
    /// The shapes whose fields the output borrows.
    pub(crate) fn shapes(&self) -> &[Shape] {
        match self {
            Self::Checked(shapes) | Self::Plain(shapes) => shapes,
            Self::Opaque(_) => &[],
        }
    }
}

/// A path that a pattern can start with, and all fields behind it.
pub(crate) struct Shape {
    pub(crate) path: TokenStream,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
}

/// The check that a field gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// That its type is `Permanent`.
    Permanent,
    /// That its type is plain, because of the attribute.
    Plain,
    /// The same, because it is a `fn` pointer by its spelling.
    FnPointer,
}

impl Input {
    pub(crate) fn read(item: &DeriveInput) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let name = &item.ident;
        let fresh = Fresh::new(item.to_token_stream());
        let core = fresh.ident("core").into_token_stream();

        let of_type = OfType::read(&item.attrs, &mut errors);
        let krate = of_type.krate.map_or_else(|| quote!(::permacode), ToTokens::into_token_stream);
        let (permanent, tracer, sites) =
            (quote!(#krate::Permanent), quote!(#krate::code::Tracer), quote!(#krate::Sites));
        let is_plain = of_type.plain.is_some();
        for parameter in &item.generics.params {
            let attributes = match parameter {
                syn::GenericParam::Lifetime(parameter) => &parameter.attrs,
                syn::GenericParam::Type(parameter) => &parameter.attrs,
                syn::GenericParam::Const(parameter) => &parameter.attrs,
            };
            attributes::refuse(attributes, &mut errors);
        }

        let body = if is_plain { plain_body(item, &mut errors) } else { checked_body(item, &mut errors) };
        let parameters = if is_plain {
            Parameters::of_plain(&item.generics, name, &plain::bounds(&core), &fresh, &mut errors)
        } else {
            Parameters::new(&item.generics, &permanent, &fresh, &mut errors)
        };
        errors.or(Input { name: name.clone(), parameters, permanent, tracer, sites, core, fresh, body })
    }
}

fn checked_body(item: &DeriveInput, errors: &mut Errors) -> Body {
    if let Some(packed) = attributes::packed(&item.attrs) {
        let message = "a packed type cannot be `Permanent`: its fields cannot be borrowed; if it is `Copy` and `'static`, \
                       add `#[permanent(plain)]` to it";
        errors.at(packed, message);
    }
    let read = |member, field: &SynField, errors: &mut Errors| read_field(item, member, field, errors);
    match shapes(item, read, errors) {
        Ok(shapes) => Body::Checked(shapes),
        Err(union) => {
            let message = "a union cannot be `Permanent`: nobody can tell which of its fields is alive; use an enum, or, if it is \
                           `Copy` and `'static`, add `#[permanent(plain)]` to it";
            errors.at(union.union_token, message);
            Body::Opaque(Vec::new())
        }
    }
}

fn plain_body(item: &DeriveInput, errors: &mut Errors) -> Body {
    let read = |member, field: &SynField, errors: &mut Errors| {
        if OfField::read(&field.attrs, errors).plain.is_some() {
            errors.at(&field.ty, "the whole type is plain: its fields need no attribute");
        }
        Field { member, ty: field.ty.clone(), kind: Kind::Plain }
    };
    let packed = attributes::packed(&item.attrs).is_some();
    match shapes(item, read, errors) {
        Ok(shapes) if !packed => Body::Plain(shapes),
        Ok(shapes) => Body::Opaque(shapes.into_iter().flat_map(|shape| shape.fields).map(|field| field.ty).collect()),
        Err(union) => {
            let fields = union.fields.named.iter().zip(0usize..);
            Body::Opaque(fields.map(|(field, index)| read(Member::from(index), field, errors).ty).collect())
        }
    }
}

/// Reads the struct itself, or each variant. A union has no shape.
fn shapes<'a>(
    item: &'a DeriveInput,
    read: impl Fn(Member, &SynField, &mut Errors) -> Field,
    errors: &mut Errors,
) -> Result<Vec<Shape>, &'a DataUnion> {
    let shape = |path, fields: &Fields, errors: &mut Errors| {
        let fields = fields.members().zip(fields).map(|(member, field)| read(member, field, errors));
        Shape { path, fields: fields.collect() }
    };
    let name = &item.ident;
    match &item.data {
        Data::Struct(data) => Ok(vec![shape(quote!(#name), &data.fields, errors)]),
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|variant| {
                attributes::refuse(&variant.attrs, errors);
                let variant_name = &variant.ident;
                shape(quote!(#name::#variant_name), &variant.fields, errors)
            });
            Ok(variants.collect())
        }
        Data::Union(data) => Err(data),
    }
}

fn read_field(item: &DeriveInput, member: Member, field: &SynField, errors: &mut Errors) -> Field {
    let plain = OfField::read(&field.attrs, errors).plain.is_some();
    LifetimesInPointers { item, errors, depth: 0 }.visit_type(&field.ty);
    let kind = match plain {
        true => Kind::Plain,
        false if attributes::is_fn_pointer(&field.ty) => Kind::FnPointer,
        false => Kind::Permanent,
    };
    Field { member, ty: field.ty.clone(), kind }
}

/// Refuses `fn` pointers that name a lifetime of the type they are in.
///
/// For the message only: the check of the fields asks for `'static`.
struct LifetimesInPointers<'a> {
    item: &'a DeriveInput,
    errors: &'a mut Errors,
    /// The number of pointers around the visited type.
    depth: usize,
}

impl<'ast> Visit<'ast> for LifetimesInPointers<'_> {
    fn visit_type_bare_fn(&mut self, pointer: &'ast TypeBareFn) {
        self.depth += 1;
        visit::visit_type_bare_fn(self, pointer);
        self.depth -= 1;
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        // A `for<'x>` of the pointer cannot have the name of such a lifetime (E0496).
        if self.depth > 0 && self.item.generics.lifetimes().any(|parameter| parameter.lifetime == *lifetime) {
            let message = format!(
                "a `fn` pointer in a `Permanent` type cannot name its lifetime `{lifetime}`: seen at a shorter lifetime, it could \
                 be called with arguments that die too soon; let each call bring its own: `for<'x> fn(&'x ..)`"
            );
            self.errors.at(lifetime, message);
        }
    }
}
