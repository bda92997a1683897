//! The check that every field is permanent, at the head of `trace`.
//!
//! For `struct Call<'a> { name: &'a str, run: fn(&mut Vm) }` it is
//!
//! ```text
//! let _ = |mut __value: Self| match __value {
//!     Call { name: ref mut __field_0, run: ref mut __field_1 } => {
//!         __must_be_permanent(&mut *__field_0);
//!         __plain_must_be_copy_send_sync_and_static(&mut *__field_1);
//!     }
//! };
//! ```
//!
//! The second asks what makes a type plain (`Plain` in the library has the proof). Each choice in it keeps something out:
//!
//! * in a body, not in where clauses: those overflow (E0275) on types that contain themselves;
//! * a pattern without `..`: it sees what other macros make of the type after this one has run;
//! * `ref mut` names the field's own type (no binding modes);
//! * `&mut` is invariant: behind `&`, `fn(&'a u8)` would pass as its supertype `fn(&'static u8)`;
//! * the type is inferred, never expected, at each use: an expected one lets deref coercion look inside a cell;
//! * a value as parameter, not `let value = loop {}`: lifetimes are not checked in code that cannot be reached;
//! * in a method, which is generic over the lifetimes of the type: `'static` is granted to none of them. The method is `trace` itself, where
//!   the compiler takes two refusals of one type at one place for one.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use crate::fresh::Fresh;
use crate::input::{Field, Input, Kind, Shape};
use crate::plain;

/// The functions that `trace` and the check use.
///
/// The first shows a field to the tracer. It is there for the errors: a call of `Permanent::trace` asks for what `Permanent` implies as
/// well.
pub(crate) fn helpers(Input { permanent, tracer, core, fresh, .. }: &Input) -> TokenStream {
    let [f, must_be_permanent, must_be_plain] = ["F", MUST_BE_PERMANENT, MUST_BE_PLAIN].map(|base| fresh.ident(base));
    let [show, value, with] = ["field_must_be_permanent", "value", "tracer"].map(|base| fresh.ident(base));
    let bounds = plain::bounds(core);
    quote! {
        fn #show<#f: #permanent>(#value: &#f, #with: &mut #tracer<'_>) {
            #permanent::trace(#value, #with)
        }
        fn #must_be_permanent<#f: #permanent>(_: &mut #f) {}
        fn #must_be_plain<#f: #bounds>(_: &mut #f) {}
    }
}

const MUST_BE_PERMANENT: &str = "must_be_permanent";
/// The compiler says of a bad field that it is "required by a bound in" this.
const MUST_BE_PLAIN: &str = "plain_must_be_copy_send_sync_and_static";

/// Writes functions with the names of all bindings of the output. Nobody calls them. They stand before constants and
/// statics of these names in the user's scope. A binding may not shadow such a name (E0530), and a parameter would be
/// taken for one.
pub(crate) fn shadows(Input { fresh, body, .. }: &Input) -> TokenStream {
    let shapes = body.shapes();
    let most = shapes.iter().map(|shape| shape.fields.len()).max().unwrap_or(0);
    let names = ["tracer", "value"].into_iter().map(|base| fresh.ident(base));
    let names = names.chain((0..most).map(|index| fresh.field(index)));
    quote! { #(fn #names() {})* }
}

/// The check. It is never called, only compiled.
pub(crate) fn check(shapes: &[Shape], fresh: &Fresh) -> TokenStream {
    let value = fresh.ident("value");
    let arms = shapes.iter().map(|Shape { path, fields }| {
        let members = fields.iter().map(|field| &field.member);
        let bindings = (0..fields.len()).map(|index| fresh.field(index));
        let checks = fields.iter().enumerate().map(|(index, field)| check_field(index, field, fresh));
        quote! {
            #path { #(#members: ref mut #bindings),* } => { #(#checks)* }
        }
    });
    quote! {
        let _ = |mut #value: Self| match #value {
            #(#arms)*
        };
    }
}

fn check_field(index: usize, Field { ty, kind, .. }: &Field, fresh: &Fresh) -> TokenStream {
    let (first, last) = ends(ty);
    let binding = fresh.ident_at(&format!("field_{index}"), last);
    let must_be = match kind {
        Kind::Permanent => MUST_BE_PERMANENT,
        Kind::Plain | Kind::FnPointer => MUST_BE_PLAIN,
    };
    let must_be = fresh.ident_at(must_be, first);
    quote_spanned!(first=> #must_be(&mut *#binding);)
}

/// The places of the first and the last token, marked as generated, so that the user's lints pass over what is put there.
///
/// An error points at all from the first to the last token of an expression: with these, at the field's type.
pub(crate) fn ends(ty: &Type) -> (Span, Span) {
    let place = |token: TokenTree| Span::call_site().located_at(token.span());
    let mut tokens = ty.to_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, place);
    (first, tokens.last().map_or(first, place))
}
