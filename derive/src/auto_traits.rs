//! `Send` and `Sync`, which `Permanent` implies.
//!
//! The compiler would refuse them for each field that is not permanent, and once more for each place that needs them.
//! It would advise to use a lock. So the type gets them in any case, and a bad field is refused once, by the check of
//! the fields.
//!
//! Not if the type is plain as a whole: then its fields are not checked, and it must have both by itself. Not if it has type parameters: `Wrapper<T>` must stay `Send` for a `T` that is not permanent. There the implementation of `Permanent`
//! asks for both instead ([`Parameters`](crate::parameters::Parameters)).

use proc_macro2::TokenStream;
use quote::quote;

use crate::input::{Body, Input};

pub(crate) fn generate(input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, core, fresh, body, .. } = input;
    if parameters.has_types() || !matches!(body, Body::Checked(_)) {
        return TokenStream::new();
    }
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    let (f, both) = (fresh.ident("F"), fresh.ident("both"));
    let implied = fresh.ident("permanent_implies_send_and_sync");
    quote! {
        // SAFETY: a value is its fields. `fields` checks that each is `Permanent`, hence `Send` and `Sync`, or plain, of which it asks for
        // both. The function below does not compile if a trait in the place of `Permanent` does not imply them.
        #[automatically_derived]
        unsafe impl #generics #core::marker::Send for #name #arguments #bounds {}
        // SAFETY: as above.
        #[automatically_derived]
        unsafe impl #generics #core::marker::Sync for #name #arguments #bounds {}

        fn #implied<#f: #permanent>() {
            fn #both<#f: #core::marker::Send + #core::marker::Sync>() {}
            #both::<#f>()
        }
    }
}
