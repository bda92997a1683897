//! Plain fields and types: the bounds, and how the site numbers in one are shown.
//!
//! A plain type leads to no block, so a copy of it is complete. But it can be `Sites`, or an array of them, and a promoted copy must get other
//! numbers. A derive sees no types. So it writes a call that the compiler resolves. If the type of the field is `Permanent`, it is a call of the
//! inherent method, else of the trait's.
//!
//! ```text
//!   __Plain(&field).__show(tracer)      ─▶ impl<F: Permanent> __Plain<'_, F>: Permanent::trace, where the field lies
//!                                       ─▶ impl<F> __Quiet for __Plain<'_, F>: nothing, unless it is `Sites` by another name
//! ```
//!
//! A packed type and a union have no field that could be borrowed, so no numbers in one could be shown. There the same choice is
//! between two types, of which one is expected: `Sites` are refused.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use crate::fields::ends;
use crate::fresh::Fresh;
use crate::input::{Body, Input, Kind};

/// The name of the type that the compiler finds in an error.
const REFUSED: &str = "SitesInAPackedTypeOrAUnionCannotBeTraced";

/// The bounds that make a type plain.
pub(crate) fn bounds(core: &TokenStream) -> TokenStream {
    quote!(#core::marker::Copy + #core::marker::Send + #core::marker::Sync + 'static)
}

/// The items that the calls use, if there are such calls.
pub(crate) fn helpers(input: &Input) -> TokenStream {
    let Input { permanent, tracer, core, sites, fresh, body, .. } = input;
    let has_plain_fields = |body: &Body| {
        let mut fields = body.shapes().iter().flat_map(|shape| &shape.fields);
        fields.any(|field| field.kind == Kind::Plain)
    };
    let [f, plain, quiet, show, with] = ["F", "Plain", "Quiet", "show", "tracer"].map(|base| fresh.ident(base));
    match body {
        Body::Opaque(_) => {
            let [fine, refused] = ["Fine", REFUSED].map(|base| fresh.ident(base));
            quote! {
                struct #fine;
                struct #refused;
                struct #plain<#f>(#core::marker::PhantomData<#f>);
                impl #plain<#sites> {
                    fn #show(&self) -> #refused {
                        #refused
                    }
                }
                trait #quiet {
                    fn #show(&self) -> #fine {
                        #fine
                    }
                }
                impl<#f> #quiet for #plain<#f> {}
            }
        }
        body if has_plain_fields(body) => quote! {
            struct #plain<'f, #f>(&'f #f);
            impl<#f: #permanent> #plain<'_, #f> {
                fn #show(&self, #with: &mut #tracer<'_>) {
                    #permanent::trace(self.0, #with)
                }
            }
            trait #quiet<#f: 'static> {
                fn #show(&self, #with: &mut #tracer<'_>);
            }
            impl<#f: 'static> #quiet<#f> for #plain<'_, #f> {
                fn #show(&self, #with: &mut #tracer<'_>) {
                    <#tracer<'_>>::plain(#with, self.0)
                }
            }
        },
        _ => TokenStream::new(),
    }
}

/// Shows the site numbers in a plain field, if there are any.
pub(crate) fn show(field: &Ident, tracer: &Ident, span: Span, fresh: &Fresh) -> TokenStream {
    let [plain, show] = ["Plain", "show"].map(|base| fresh.ident_at(base, span));
    quote_spanned!(span=> #plain(&*#field).#show(#tracer);)
}

/// Does not compile if the type is `Sites`.
pub(crate) fn refuse_sites(ty: &Type, Input { core, fresh, .. }: &Input) -> TokenStream {
    let (first, _) = ends(ty);
    let [plain, show, fine] = ["Plain", "show", "Fine"].map(|base| fresh.ident_at(base, first));
    quote_spanned! {first=>
        let _: #fine = #plain::<#ty>(#core::marker::PhantomData).#show();
    }
}
