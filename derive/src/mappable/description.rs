//! The implementation of `Mappable`.
//!
//! For `#[repr(u8)] enum Const<'a> { Nil, Str(&'a str) }` the part for the second variant is
//!
//! ```text
//! Variant::new("Str", { const TAG: u8 = 1; TAG as u64 }, size_of::<u8>(), &const {
//!     let zeros = Probe::<Self>::with_tag::<u8>(0x00, TAG);
//!     let ones = Probe::<Self>::with_tag::<u8>(0xff, TAG);
//!     let fields: [Field; 1] = match zeros.get() { Const::Str { 0: field_0 } => [zeros.field("0", field_0)], _ => mismatch() };
//!     ..the same of `ones`, which must be the same..
//!     fields
//! })
//! ```
//!
//! * the compiler finds the fields, by a pattern without `..`, so it sees what other macros made of the type;
//! * both fills must match the variant of the tag: then the tag, and nothing else, selects it;
//! * the description of a field is that of the type which the compiler infers. What has none, such as an `Option` of a number behind an alias,
//!   is an error at the field, before the description is asked for.
//!
//! With `#[mappable(check = "verify")]` the whole ends with `.verified(|proven| proven.ask::<Self, _>(|value| verify(value)))`. The inner
//! function is one for a value at any lifetime, by the signature of `ask`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::item::{Body, Item, Part, Variant};
use crate::fields::ends;

pub(super) fn generate(item: &Item) -> TokenStream {
    let Item { name, parameters, bounds, mappable, image, fresh, .. } = item;
    let (generics, _) = parameters.split();
    let arguments = parameters.arguments();
    let text = name.unraw().to_string();
    let shape = match &item.body {
        Body::Struct(part) => {
            let fields = struct_fields(part, item);
            quote!(#image::Shape::of_struct::<Self>(#text, #fields))
        }
        Body::Enum(tag, variants) => {
            // By its path, because the user may have a type of this name.
            let core = &item.core;
            let tag = &quote!(#core::primitive::#tag);
            let variants = variants.iter().map(|variant| describe_variant(variant, tag, item));
            quote!(#image::Shape::of_enum::<Self, #tag>(#text, &const { [#(#variants),*] }))
        }
    };
    let verified = item.check.as_ref().map(|check| {
        let [proven, value] = ["proven", "value"].map(|base| fresh.ident(base));
        quote_spanned!(check.span()=> .verified(|#proven| #proven.ask::<Self, _>(|#value| #check(#value))))
    });
    // A type with parameters is described where it is used; another one here, so that what is wrong is wrong at once.
    let now = (!parameters.has_types() && !parameters.has_consts()).then(|| {
        let statics = parameters.statics();
        quote!(const _: &#image::Shape = <#name #statics as #mappable>::SHAPE;)
    });
    quote! {
        // SAFETY: 1: each field lies where the compiler's own pattern finds it, and the tag alone selects a variant, or this is no constant.
        // Each field is described by its own type, which is `Mappable`. 2 and 4: a struct or an enum is its fields. 3: `lifetimes` checks
        // that each field at `'x` is its own `At<'x>`.
        #[automatically_derived]
        unsafe impl #generics #mappable for #name #arguments #bounds {
            const SHAPE: &'static #image::Shape = &#shape #verified;
        }
        #now
    }
}

fn struct_fields(part: &Part, item: &Item) -> TokenStream {
    let Item { image, fresh, .. } = item;
    let [zeros, fields] = ["zeros", "fields"].map(|base| fresh.ident(base));
    let count = part.fields.len();
    let found = matched(part, &zeros, None, item);
    quote! {
        &const {
            let #zeros = #image::Probe::<Self>::new(0);
            let #fields: [#image::Field; #count] = #found;
            #fields
        }
    }
}

fn describe_variant(variant: &Variant, tag: &TokenStream, item: &Item) -> TokenStream {
    let Item { image, fresh, core, .. } = item;
    let [zeros, ones, fields, same] = ["zeros", "ones", "fields", "same"].map(|base| fresh.ident(base));
    let number = fresh.ident("TAG");
    let (text, value, count) = (variant.name.unraw().to_string(), &variant.tag, variant.part.fields.len());
    let mismatch = quote!(_ => #image::Variant::mismatch(),);
    let found = matched(&variant.part, &zeros, Some(&mismatch), item);
    let again = matched(&variant.part, &ones, Some(&mismatch), item);
    quote! {
        {
            const #number: #tag = #value;
            #image::Variant::new(#text, #number as #core::primitive::u64, #core::mem::size_of::<#tag>(), &const {
                let #zeros = #image::Probe::<Self>::with_tag::<#tag>(0x00, #number);
                let #ones = #image::Probe::<Self>::with_tag::<#tag>(0xff, #number);
                let #fields: [#image::Field; #count] = #found;
                let #same: [#image::Field; #count] = #again;
                #image::Variant::assert_same(&#fields, &#same);
                #fields
            })
        }
    }
}

/// The fields of a value that is made of a probe's bytes, as an array.
fn matched(part: &Part, probe: &syn::Ident, otherwise: Option<&TokenStream>, item: &Item) -> TokenStream {
    let Part { path, fields } = part;
    let members = fields.iter().map(|(member, _)| member);
    let bindings: Vec<_> = (0..fields.len()).map(|index| item.fresh.field(index)).collect();
    let described = fields.iter().zip(&bindings).map(|((member, ty), binding)| {
        let name = match member {
            syn::Member::Named(name) => name.unraw().to_string(),
            syn::Member::Unnamed(index) => index.index.to_string(),
        };
        let (first, _) = ends(ty);
        let (mut here, mut of) = (probe.clone(), binding.clone());
        [&mut here, &mut of].into_iter().for_each(|ident| ident.set_span(first));
        quote_spanned! {first=>
            {
                #here.assert(#of);
                // SAFETY: a field of the value that is made of this probe.
                unsafe { #here.field(#name, #of) }
            }
        }
    });
    quote! {
        // SAFETY: the constant of a `Mappable` type.
        match unsafe { #probe.get() } {
            #path { #(#members: #bindings),* } => [#(#described),*],
            #otherwise
        }
    }
}
