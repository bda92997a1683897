//! The check that no field is `'static`.
//!
//! For `struct Code<'a> { name: &'a str }` it is
//!
//! ```text
//! fn __fields<'x>(mut value: <Code<'a> as Permanent>::At<'x>) {
//!     match value { Code { name: ref mut field_0 } => Lifetime::<'x>::field_must_not_be_static(&mut *field_0) }
//! }
//! ```
//!
//! The function asks for `F: Permanent<At<'x> = F>`. A field of type `&'static str` is another type at `'x`, and `'x` may be any lifetime. Behind `&mut` the type is the field's own, and no
//! supertype of it. An image gives its values at the lifetime for which it is mapped. So each reference in them must be of that one.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::item::{Body, Item, Part};
use crate::fields::ends;

pub(super) fn generate(item: &Item) -> TokenStream {
    let Item { name, parameters, bounds, permanent, core, fresh, .. } = item;
    let (generics, _) = parameters.split();
    let (arguments, lifetime) = (parameters.arguments(), parameters.lifetime());
    let [each_field, of, f, must, check, value] =
        ["EachField", "Lifetime", "F", "field_must_not_be_static", "check", "value"].map(|base| fresh.ident(base));
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
            let [of, must] = ["Lifetime", "field_must_not_be_static"].map(|base| fresh.ident_at(base, first));
            quote_spanned!(first=> #of::<#lifetime>::#must(&mut *#binding);)
        });
        quote! {
            #path { #(#members: ref mut #bindings),* } => { #(#checks)* }
        }
    });
    quote! {
        struct #of<#lifetime>(#core::marker::PhantomData<&#lifetime ()>);
        impl<#lifetime> #of<#lifetime> {
            fn #must<#f: #permanent<At<#lifetime> = #f>>(_: &mut #f) {}
        }
        trait #each_field: #permanent {
            fn #check<#lifetime>(#value: Self::At<#lifetime>);
        }
        impl #generics #each_field for #name #arguments #bounds {
            fn #check<#lifetime>(mut #value: <Self as #permanent>::At<#lifetime>) {
                match #value {
                    #(#arms)*
                }
            }
        }
    }
}
