//! The implementation of `Permanent`.
//!
//! `trace` hands every field on, where it lies, in an exhaustive pattern as that of `fields`. It needs no checks of its own: what `fields`
//! lets through is `Permanent`, or a `fn` pointer, which refers to nothing.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::input::{Input, Shape};

pub(crate) fn generate(input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, tracer, shapes } = input;
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    let lifetime = parameters.lifetime();
    let at = parameters.at(permanent);
    let arms = shapes.iter().map(|shape| arm(shape, permanent));
    quote! {
        // SAFETY: promises 1 to 4: `fields` checks that each field keeps them, `no_drop` that the type adds no drop glue, and `Input` refuses
        // unions. 5 is the user's, who is told so by the trait. 6: `At` is the same constructor; each lifetime parameter is replaced, in type
        // parameters by their own `At`, and what stays is `'static` (a parameter that is `fixed`, or spelled in a field). 7: each field, being
        // `Permanent` or a `'static` `fn` pointer, may be read so, and a struct or enum is its fields. 8: every field is traced.
        #[automatically_derived]
        unsafe impl #generics #permanent for #name #arguments #bounds {
            type At<#lifetime> = #name #at;

            fn trace(&self, __tracer: &mut #tracer<'_>) {
                match *self {
                    #(#arms)*
                }
            }
        }
    }
}

fn arm(Shape { path, fields }: &Shape, permanent: &TokenStream) -> TokenStream {
    let members = fields.iter().map(|field| &field.member);
    let bindings = (0..fields.len()).map(|index| format_ident!("__field_{index}"));
    let traced = fields.iter().enumerate().filter(|(_, field)| field.fn_pointer.is_none());
    let traced = traced.map(|(index, _)| format_ident!("__field_{index}"));
    quote! {
        #path { #(#members: ref #bindings),* } => { #(#permanent::trace(#traced, __tracer);)* }
    }
}
