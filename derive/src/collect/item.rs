//! The type as the generator sees it, free of what is refused by sight.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Field, Fields, Generics, Member, Type, parse_quote};

use crate::attributes::{self, CollectField, CollectType};
use crate::errors::Errors;
use crate::fresh::Fresh;

pub(super) struct Item {
    pub(super) name: Ident,
    /// The user's, with the bounds that the implementation needs.
    pub(super) generics: Generics,
    /// The path of the trait.
    pub(super) collect: TokenStream,
    /// The path of what its method takes.
    pub(super) marker: TokenStream,
    /// The path of `core`, which the output makes known: a crate may be called so.
    pub(super) core: TokenStream,
    pub(super) fresh: Fresh,
    /// The struct itself, or each variant.
    pub(super) parts: Vec<Part>,
}

/// A path that a pattern can start with, and all fields behind it.
pub(super) struct Part {
    pub(super) path: TokenStream,
    pub(super) fields: Vec<Looked>,
}

/// A field, and how it is looked at.
pub(super) struct Looked {
    pub(super) member: Member,
    pub(super) ty: Type,
    pub(super) how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is shown to the marker.
    Shown,
    /// It is a `fn` pointer by its spelling, and the check is that it is one.
    FnPointer,
    /// It is plain, because of the attribute, and the check is that it is.
    Plain,
    /// It is passed over, because of the attribute.
    Skipped,
}

impl Item {
    pub(super) fn read(item: &DeriveInput) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let (name, fresh) = (item.ident.clone(), Fresh::new(item.to_token_stream()));
        let core = fresh.ident("core").into_token_stream();
        let of_type = CollectType::read(&item.attrs, &mut errors);
        let krate = of_type.krate.map_or_else(|| quote!(::permacode), ToTokens::into_token_stream);
        let (collect, marker) = (quote!(#krate::kit::Collect), quote!(#krate::kit::Marker));
        if let Some(packed) = attributes::packed(&item.attrs) {
            errors.at(packed, "a packed type cannot be `Collect`: its fields cannot be borrowed; take `packed` away");
        }
        let mut generics = item.generics.clone();
        let predicates = &mut generics.make_where_clause().predicates;
        for parameter in item.generics.type_params() {
            // Parameters only, never the types of fields: those overflow (E0275) on types that contain themselves.
            let ident = &parameter.ident;
            predicates.push(parse_quote!(#ident: #collect));
        }
        let parts = parts(item, &mut errors);
        errors.or(Self { name, generics, collect, marker, core, fresh, parts })
    }

    /// Functions with the names of all bindings of the output, as for `Permanent`: they stand before what is in scope under these names.
    pub(super) fn shadows(&self) -> TokenStream {
        let most = self.parts.iter().map(|part| part.fields.len()).max().unwrap_or(0);
        let names = ["value", "with"].into_iter().map(|base| self.fresh.ident(base));
        let names = names.chain((0..most).map(|index| self.fresh.field(index)));
        quote! { #(fn #names() {})* }
    }
}

fn parts(item: &DeriveInput, errors: &mut Errors) -> Vec<Part> {
    let name = &item.ident;
    let mut part = |path, fields: &Fields| {
        let fields = fields.members().zip(fields).map(|(member, field)| looked(member, field, errors)).collect();
        Part { path, fields }
    };
    match &item.data {
        Data::Struct(data) => vec![part(quote!(#name), &data.fields)],
        Data::Enum(data) => {
            let parts = data.variants.iter().map(|variant| {
                let variant_name = &variant.ident;
                part(quote!(#name::#variant_name), &variant.fields)
            });
            let parts = parts.collect();
            data.variants.iter().for_each(|variant| CollectField::refuse(&variant.attrs, errors));
            parts
        }
        Data::Union(data) => {
            let message = "a union cannot be `Collect`: nobody can tell which of its fields is alive; use an enum, or implement the trait by \
                           hand";
            errors.at(data.union_token, message);
            Vec::new()
        }
    }
}

fn looked(member: Member, field: &Field, errors: &mut Errors) -> Looked {
    let how = match CollectField::read(&field.attrs, errors) {
        CollectField { skip: Some(()), plain: Some(()) } => {
            errors.at(&field.ty, "`plain` is enough: take `unsafe_skip` away");
            How::Skipped
        }
        CollectField { skip: Some(()), .. } => How::Skipped,
        CollectField { plain: Some(()), .. } => How::Plain,
        _ if attributes::is_fn_pointer(&field.ty) => How::FnPointer,
        _ => How::Shown,
    };
    Looked { member, ty: field.ty.clone(), how }
}
