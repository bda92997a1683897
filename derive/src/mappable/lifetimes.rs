//! The check that no field is `'static`.
//!
//! For `struct Code<'a> { name: &'a str }` it is
//!
//! ```text
//! fn check<'x>(mut value: <Code<'a> as AtOf<'x>>::At) {
//!     match value { Code { name: ref mut field_0 } => <Self as Mappable>::field_must_not_be_static(lifetime, &mut *field_0) }
//! }
//! ```
//!
//! The method asks for `F: Permanent<At<'x> = F>`. A field of type `&'static str` is another type at `'x`, and `'x` may be any lifetime. Behind
//! `&mut` the type is the field's own, and no supertype of it. An image gives its values at the lifetime for which it is mapped. So each
//! reference in them must be of that one.
//!
//! `Permanent` is the supertrait of `Mappable`, by way of which both are named. A module that is given as `crate = ".."` could have another trait of
//! that name.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::item::{Body, Item, Part};
use crate::fields::ends;

pub(super) fn generate(item: &Item) -> TokenStream {
    let Item { name, parameters, bounds, mappable, core, fresh, .. } = item;
    let (generics, _) = parameters.split();
    let (arguments, lifetime) = (parameters.arguments(), parameters.lifetime());
    let [each_field, at_of, t, check, value, at] =
        ["EachField", "AtOf", "T", "check", "value", "lifetime"].map(|base| fresh.ident(base));
    let parts: Vec<&Part> = match &item.body {
        Body::Struct(part) => vec![part],
        Body::Enum(_, variants) => variants.iter().map(|variant| &variant.part).collect(),
    };
    let arms = parts.into_iter().map(|Part { path, fields }| {
        let members = fields.iter().map(|(member, _)| member);
        let bindings =
            fields.iter().enumerate().map(|(index, (_, ty))| fresh.ident_at(&format!("field_{index}"), ends(ty).1));
        let checks = fields.iter().enumerate().map(|(index, (_, ty))| {
            let (first, last) = ends(ty);
            let binding = fresh.ident_at(&format!("field_{index}"), last);
            let at = fresh.ident_at("lifetime", first);
            quote_spanned!(first=> <Self as #mappable>::field_must_not_be_static(#at, &mut *#binding);)
        });
        quote! {
            #path { #(#members: ref mut #bindings),* } => { #(#checks)* }
        }
    });
    quote! {
        trait #at_of<#lifetime> {
            type At;
        }
        impl<#lifetime, #t: #mappable> #at_of<#lifetime> for #t {
            type At = #t::At<#lifetime>;
        }
        trait #each_field: #mappable {
            fn #check<#lifetime>(#at: #core::marker::PhantomData<&#lifetime ()>, #value: Self::At<#lifetime>);
        }
        impl #generics #each_field for #name #arguments #bounds {
            fn #check<#lifetime>(
                #at: #core::marker::PhantomData<&#lifetime ()>,
                mut #value: <Self as #at_of<#lifetime>>::At,
            ) {
                match #value {
                    #(#arms)*
                }
            }
        }
    }
}
