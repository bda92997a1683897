//! The check that the type does not implement `Drop`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::input::Input;

/// Implements one trait for every `T: Drop` and for the type, which conflicts (E0119) if the type is such a `T`.
///
/// The fields add no drop glue either, being `Permanent`; hence there is none.
pub(crate) fn generate(Input { name, parameters, .. }: &Input) -> TokenStream {
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    quote! {
        trait __PermanentTypesMustNotImplementDrop {}
        impl<T: ::core::ops::Drop> __PermanentTypesMustNotImplementDrop for T {}
        impl #generics __PermanentTypesMustNotImplementDrop for #name #arguments #bounds {}
    }
}
