//! The derive of `permacode::Mappable`; its users' page is the documentation of that trait.
//!
//! ```text
//!   mod.rs           the entry: read, refuse, put together
//!   item.rs          the type as the generators see it; what is refused by sight
//!   description.rs   SHAPE: each field where a pattern finds it, each variant by its tag
//!   lifetimes.rs     the check that no field is `'static`
//! ```
//!
//! As for `Permanent`, checks are about the types that the compiler sees. What is refused by sight is refused for the message's sake.

mod description;
mod item;
mod lifetimes;

use crate::lints;
use item::Item;
use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(item: &syn::DeriveInput) -> syn::Result<TokenStream> {
    let item = Item::read(item)?;
    let description = description::generate(&item);
    let lifetimes = lifetimes::generate(&item);
    let shadows = item.shadows();
    let (core, lints) = (&item.core, lints::allowed());
    Ok(quote! {
        #lints
        #[allow(unreachable_patterns, clippy::redundant_closure)]
        const _: () = {
            extern crate core as #core;

            #shadows
            #lifetimes
            #description
        };
    })
}
