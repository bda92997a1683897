//! The check that every field is permanent.
//!
//! For `struct Call<'a> { name: &'a str, run: fn(&mut Vm) }` it is
//!
//! ```text
//! match self {
//!     Call { name: ref mut __field_0, run: ref mut __field_1 } => {
//!         let _ = __MustBePermanent { field: &mut *__field_0 };
//!
//!         let __type_1 = __type_of(&mut *__field_1);
//!         let _: __FieldType<fn(&mut Vm)> = __type_1;
//!         let _ = __MustBeStatic { field: &mut *__field_1 };
//!     }
//! }
//! ```
//!
//! Each choice in it keeps something out:
//!
//! * in a body, not in where clauses: those overflow (E0275) on types that contain themselves;
//! * a pattern without `..`: it sees what other macros make of the type after this one has run;
//! * `ref mut` names the field's own type (no binding modes) and can never mean a constant of the user's with that name;
//! * `&mut` is invariant: behind `&`, `fn(&'a u8)` would pass as its supertype `fn(&'static u8)`;
//! * the type is inferred, never expected, at each use: an expected one lets deref coercion look inside a cell. For the same
//!   reason `__type_1` is made and compared in two statements;
//! * `fn` pointers without an implementation of their own are compared with what the type or the attribute spells, and must be
//!   `'static`, because a lifetime in an argument is contravariant;
//! * a value as parameter, not `let value = loop {}`: lifetimes are not checked in code that cannot be reached;
//! * a method, so that `Self` in such a spelling means what it meant.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use crate::input::{Field, Input, Shape};

pub(crate) fn generate(input: &Input) -> TokenStream {
    let Input { name, parameters, permanent, shapes, .. } = input;
    let (generics, bounds) = parameters.split();
    let arguments = parameters.arguments();
    let arms = shapes.iter().map(arm);
    quote! {
        struct __MustBePermanent<'f, F: #permanent> {
            field: &'f mut F,
        }
        struct __MustBeStatic<'f, F: 'static> {
            field: &'f mut F,
        }

        struct __FieldType<F>(fn(F) -> F);
        fn __type_of<F>(_: &mut F) -> __FieldType<F> {
            __FieldType(|same| same)
        }

        trait __FieldsArePermanent {
            fn __check(self);
        }
        impl #generics __FieldsArePermanent for #name #arguments #bounds {
            fn __check(mut self) {
                match self {
                    #(#arms)*
                }
            }
        }
    }
}

fn arm(Shape { path, fields }: &Shape) -> TokenStream {
    let members = fields.iter().map(|field| &field.member);
    let bindings = (0..fields.len()).map(|index| format_ident!("__field_{index}"));
    let checks = fields.iter().enumerate().map(|(index, field)| check(index, field));
    quote! {
        #path { #(#members: ref mut #bindings),* } => { #(#checks)* }
    }
}

fn check(index: usize, Field { ty, fn_pointer, .. }: &Field) -> TokenStream {
    // An error points at all from the first to the last token of the expression: here, at the field's type.
    let (first, last) = ends(ty);
    let field = format_ident!("__field_{index}", span = last);
    let field = quote_spanned!(first=> &mut *#field);
    match fn_pointer {
        None => quote_spanned!(first=> let _ = __MustBePermanent { field: #field };),
        Some(pointer) => {
            let found = format_ident!("__type_{index}", span = first);
            quote_spanned! {first=>
                let #found = __type_of(#field);
                let _: __FieldType<#pointer> = #found;
                let _ = __MustBeStatic { field: #field };
            }
        }
    }
}

/// The places of the first and the last token, marked as generated, so that the user's lints pass over what is put there.
fn ends(ty: &Type) -> (Span, Span) {
    let place = |token: TokenTree| Span::call_site().located_at(token.span());
    let mut tokens = ty.to_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, place);
    (first, tokens.last().map_or(first, place))
}
