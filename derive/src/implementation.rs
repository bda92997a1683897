//! The implementation of `Permanent`.
//!
//! `trace` hands every field on, where it lies, in an exhaustive pattern as that of `fields`. `fields` lets through types that are
//! `Permanent`, and plain ones. A plain field is shown if its type is `Permanent` as well, as `Sites` are (`plain.rs`). `fn` pointers refer to
//! nothing.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::fields::{self, ends};
use crate::fresh::Fresh;
use crate::input::{Body, Field, Input, Kind, Shape};
use crate::{no_drop, plain};

pub(crate) fn generate(input: &Input) -> TokenStream {
    match &input.body {
        Body::Checked(shapes) => checked(shapes, input),
        Body::Plain(shapes) => {
            let shown = match_each_field(shapes, input);
            plain(input, shown)
        }
        Body::Opaque(types) => {
            let refused = types.iter().map(|ty| plain::refuse_sites(ty, input));
            plain(input, quote!(#(#refused)*))
        }
    }
}

fn checked(shapes: &[Shape], input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, tracer, core, fresh, .. } = input;
    let (generics, _) = parameters.split();
    let arguments = parameters.arguments();
    let lifetime = parameters.lifetime();
    let at = parameters.at(permanent);
    let bounds = parameters.bounds_of_permanent(name, permanent, core);
    let (no_drop, check, traces) = (no_drop::assertion(core), fields::check(shapes, fresh), fresh.ident("tracer"));
    let shown = match_each_field(shapes, input);
    quote! {
        // SAFETY: promises 1 to 4: `fields` checks that each field keeps them, `no_drop` that the type adds no drop glue, and `Input` refuses
        // unions. 5 is the user's, who is told so by the trait. 6: `At` is the same constructor; each lifetime parameter is replaced, in type
        // parameters by their own `At`, and what stays is `'static` (a parameter that is `fixed`, or spelled in a field, or in a plain
        // field). 7: each field is `Permanent`, or plain and stays what it is; a struct or enum is its fields. 8: every field is traced but
        // plain ones, which need not be.
        #[automatically_derived]
        unsafe impl #generics #permanent for #name #arguments #bounds {
            type At<#lifetime> = #name #at;

            fn trace(&self, #traces: &mut #tracer<'_>) {
                #no_drop
                #check
                #shown
            }
        }
    }
}

/// The implementation for a type that is plain as a whole.
fn plain(input: &Input, shown: TokenStream) -> TokenStream {
    let Input { name, parameters, permanent, tracer, fresh, .. } = input;
    let (generics, bounds) = parameters.split();
    let (arguments, lifetime, traces) = (parameters.arguments(), parameters.lifetime(), fresh.ident("tracer"));
    quote! {
        // SAFETY: the where clause says that the type is `Copy + Send + Sync + 'static`, which is enough: `Plain` in the library has the proof.
        #[automatically_derived]
        unsafe impl #generics #permanent for #name #arguments #bounds {
            type At<#lifetime> = #name #arguments;

            fn trace(&self, #traces: &mut #tracer<'_>) {
                #shown
            }
        }
    }
}

fn match_each_field(shapes: &[Shape], input: &Input) -> TokenStream {
    let arms = shapes.iter().map(|shape| arm(shape, input));
    quote! {
        match *self {
            #(#arms)*
        }
    }
}

fn arm(Shape { path, fields }: &Shape, input: &Input) -> TokenStream {
    let members = fields.iter().map(|field| &field.member);
    let bindings = (0..fields.len()).map(|index| input.fresh.field(index));
    let traced = fields.iter().enumerate().map(|(index, field)| trace(index, field, &input.fresh));
    quote! {
        #path { #(#members: ref #bindings),* } => { #(#traced)* }
    }
}

/// Shows a field to the tracer, at the place of the check.
fn trace(index: usize, field: &Field, fresh: &Fresh) -> TokenStream {
    let (first, last) = ends(&field.ty);
    let binding = fresh.ident_at(&format!("field_{index}"), last);
    let [show, tracer] = ["field_must_be_permanent", "tracer"].map(|base| fresh.ident_at(base, first));
    match field.kind {
        Kind::Permanent => quote_spanned!(first=> #show(&*#binding, #tracer);),
        Kind::Plain => plain::show(&binding, &tracer, first, fresh),
        Kind::FnPointer => TokenStream::new(),
    }
}
