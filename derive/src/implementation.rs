//! The implementation of `Permanent`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::input::Input;

pub(crate) fn generate(input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, .. } = input;
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    let lifetime = parameters.lifetime();
    let at = parameters.at(permanent);
    quote! {
        // SAFETY: `fields` checks that each field keeps invariant 2 and has no lifetime in a contravariant place, `no_drop`
        // that the type adds no drop glue, `Input` refuses unions. `At` is the same type constructor.
        #[automatically_derived]
        unsafe impl #generics #permanent for #name #arguments #bounds {
            type At<#lifetime> = #name #at;
        }
    }
}
