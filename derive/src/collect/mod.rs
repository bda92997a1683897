//! The derive of `permacode::kit::Collect`; its users' page is the documentation of that trait.
//!
//! ```text
//!   mod.rs    the entry: read, refuse, put together
//!   item.rs   the type as the generator sees it; what is refused by sight
//!   look.rs   LEADS and `trace`: each field, where a pattern finds it
//! ```
//!
//! As for `Permanent`, checks are about the types that the compiler sees. A field that was not shown would be freed while it is used.

mod item;
mod look;

use crate::lints;
use item::Item;
use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(item: &syn::DeriveInput) -> syn::Result<TokenStream> {
    let item = Item::read(item)?;
    let (implementation, helpers, shadows) = (look::generate(&item), look::helpers(&item), item.shadows());
    let (core, lints) = (&item.core, lints::allowed());
    Ok(quote! {
        #lints
        #[allow(unreachable_patterns, clippy::redundant_closure)]
        const _: () = {
            extern crate core as #core;

            #helpers
            #shadows
            #implementation
        };
    })
}
