//! The checks that the type does not implement `Drop`, and has no drop glue.

use proc_macro2::TokenStream;
use quote::quote;

use crate::input::{Body, Input};

/// Implements one trait for every `T: Drop` and for the type, which conflicts (E0119) if the type is such a `T`.
///
/// The fields add no drop glue either, being `Permanent` or plain; hence there is none.
/// A type that is plain as a whole is `Copy`, which excludes `Drop` (E0184).
pub(crate) fn generate(Input { name, parameters, core, fresh, body, .. }: &Input) -> TokenStream {
    if !matches!(body, Body::Checked(_)) {
        return TokenStream::new();
    }
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    let (t, conflict) = (fresh.ident("T"), fresh.ident("PermanentTypesMustNotImplementDrop"));
    quote! {
        trait #conflict {}
        impl<#t: #core::ops::Drop> #conflict for #t {}
        impl #generics #conflict for #name #arguments #bounds {}
    }
}

/// Fails where the implementation is used if there is drop glue all the same: an implementation of `Permanent` by hand, for a field, lied.
///
/// Not where it is defined: a field that is refused would be refused twice.
pub(crate) fn assertion(core: &TokenStream) -> TokenStream {
    quote! {
        const {
            #core::assert!(
                !#core::mem::needs_drop::<Self>(),
                "a block is never dropped: its type must not need it"
            );
        }
    }
}
