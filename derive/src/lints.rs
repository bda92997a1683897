//! Lints of what the derives repeat from the user's item, where they were reported or allowed already.

use proc_macro2::TokenStream;
use quote::quote;

/// Allows them for the generated item that follows.
pub(crate) fn allowed() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            elided_lifetimes_in_paths,
            non_camel_case_types,
            non_snake_case,
            non_upper_case_globals,
            single_use_lifetimes,
            unused_qualifications
        )]
    }
}
