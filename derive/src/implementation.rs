//! The implementation of `Permanent`.
//!
//! `trace` hands every field on, where it lies, in an exhaustive pattern as that of `fields`. `fields` lets through
//! types that are `Permanent`, and `fn` pointers, which refer to nothing.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::fields::{self, ends};
use crate::fresh::Fresh;
use crate::input::{Field, Input, Shape};
use crate::no_drop;

pub(crate) fn generate(input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, tracer, core, fresh, shapes } = input;
    let (generics, _) = parameters.split();
    let arguments = parameters.arguments();
    let lifetime = parameters.lifetime();
    let at = parameters.at(permanent);
    let arms = shapes.iter().map(|shape| arm(shape, input));
    let bounds = parameters.bounds_of_permanent(name, permanent, core);
    let (no_drop, check, traces) = (no_drop::assertion(core), fields::check(input), fresh.ident("tracer"));
    quote! {
        // SAFETY: promises 1 to 4: `fields` checks that each field keeps them, `no_drop` that the type adds no drop glue, and `Input` refuses
        // unions. 5 is the user's, who is told so by the trait. 6: `At` is the same constructor; each lifetime parameter is replaced, in type
        // parameters by their own `At`, and what stays is `'static` (a parameter that is `fixed`, or spelled in a field). 7: each field, being
        // `Permanent` or a `'static` `fn` pointer, may be read so, and a struct or enum is its fields. 8: every field is traced.
        #[automatically_derived]
        unsafe impl #generics #permanent for #name #arguments #bounds {
            type At<#lifetime> = #name #at;

            fn trace(&self, #traces: &mut #tracer<'_>) {
                #no_drop
                #check
                match *self {
                    #(#arms)*
                }
            }
        }
    }
}

fn arm(Shape { path, fields }: &Shape, input: &Input) -> TokenStream {
    let members = fields.iter().map(|field| &field.member);
    let bindings = (0..fields.len()).map(|index| input.fresh.field(index));
    let traced = fields.iter().enumerate().filter(|(_, field)| field.fn_pointer.is_none());
    let traced = traced.map(|(index, field)| trace(index, field, &input.fresh));
    quote! {
        #path { #(#members: ref #bindings),* } => { #(#traced)* }
    }
}

/// Shows a field to the tracer, at the place of the check.
fn trace(index: usize, field: &Field, fresh: &Fresh) -> TokenStream {
    let (first, last) = ends(&field.ty);
    let binding = fresh.ident_at(&format!("field_{index}"), last);
    let [show, tracer] = ["field_must_be_permanent", "tracer"].map(|base| fresh.ident_at(base, first));
    quote_spanned!(first=> #show(&*#binding, #tracer);)
}
