//! The type as the generators see it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{Data, DeriveInput, Fields, Lifetime, Member, Type, TypeBareFn};

use crate::attributes::{self, OfField, OfType};
use crate::errors::Errors;
use crate::fresh::Fresh;
use crate::parameters::Parameters;

/// A struct or an enum, free of what the derive refuses by sight.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) parameters: Parameters,
    /// The path of the trait.
    pub(crate) permanent: TokenStream,
    /// The path of what its method takes.
    pub(crate) tracer: TokenStream,
    /// The path of `core`, which the output makes known: a crate may be called so.
    pub(crate) core: TokenStream,
    pub(crate) fresh: Fresh,
    /// The struct itself, or each variant.
    pub(crate) shapes: Vec<Shape>,
}

/// A path that a pattern can start with, and all fields behind it.
pub(crate) struct Shape {
    pub(crate) path: TokenStream,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// Set if the field is a `fn` pointer, by its spelling or by attribute.
    pub(crate) fn_pointer: Option<TypeBareFn>,
}

impl Input {
    pub(crate) fn read(item: &DeriveInput) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let name = &item.ident;
        let fresh = Fresh::new(item.to_token_stream());
        let core = fresh.ident("core").into_token_stream();

        let (permanent, tracer) = match OfType::read(&item.attrs, &mut errors).krate {
            Some(krate) => (quote!(#krate::Permanent), quote!(#krate::code::Tracer)),
            None => (quote!(::permacode::Permanent), quote!(::permacode::code::Tracer)),
        };
        attributes::refuse_packed(&item.attrs, &mut errors);
        for parameter in &item.generics.params {
            let attributes = match parameter {
                syn::GenericParam::Lifetime(parameter) => &parameter.attrs,
                syn::GenericParam::Type(parameter) => &parameter.attrs,
                syn::GenericParam::Const(parameter) => &parameter.attrs,
            };
            attributes::refuse(attributes, &mut errors);
        }

        let mut shapes = Vec::new();
        let mut shape = |path, fields: &Fields, errors: &mut Errors| {
            let fields = fields.members().zip(fields).map(|(member, field)| read_field(item, member, field, errors));
            shapes.push(Shape { path, fields: fields.collect() });
        };
        match &item.data {
            Data::Struct(data) => shape(quote!(#name), &data.fields, &mut errors),
            Data::Enum(data) => {
                for variant in &data.variants {
                    attributes::refuse(&variant.attrs, &mut errors);
                    let variant_name = &variant.ident;
                    shape(quote!(#name::#variant_name), &variant.fields, &mut errors);
                }
            }
            Data::Union(data) => errors.at(
                data.union_token,
                "a union cannot be `Permanent`: nobody can tell which of its fields is alive; use an enum",
            ),
        }

        let parameters = Parameters::new(&item.generics, &permanent, &fresh, &mut errors);
        errors.or(Input { name: name.clone(), parameters, permanent, tracer, core, fresh, shapes })
    }
}

fn read_field(item: &DeriveInput, member: Member, field: &syn::Field, errors: &mut Errors) -> Field {
    let attribute = OfField::read(&field.attrs, errors).fn_pointer;
    let mut finder = LifetimesInPointers { item, errors, depth: 0 };
    finder.visit_type(&field.ty);
    if let Some(pointer) = &attribute {
        finder.visit_type_bare_fn(pointer);
    }
    let fn_pointer = attribute.or_else(|| attributes::bare_fn(&field.ty));
    Field { member, ty: field.ty.clone(), fn_pointer }
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
