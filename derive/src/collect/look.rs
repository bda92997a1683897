//! The implementation: whether a field leads anywhere, and showing each to the marker.
//!
//! For `struct Function<'h> { code: CodeRef<'h, Code<'h>>, run: fn(&mut Vm) }` it is
//!
//! ```text
//! const LEADS: bool = false || __look(|__value: &Self| match *__value { Function { code: ref __field_0, .. } => __field_0 }).leads;
//!
//! fn trace(&self, __with: &mut Marker<'_>) {
//!     let _ = |mut __value: Self| match __value { Function { code: _, run: ref mut __field_1 } => __same::<fn(&mut Vm)>(__field_1) };
//!     match *self {
//!         Function { code: ref __field_0, run: _ } => (__look(|__value: &Self| ..).trace)(__field_0, __with),
//!     }
//! }
//! ```
//!
//! * `__look` alone asks for `Collect`, at one place of the source. So the compiler says once of a field that it is not, although both ask.
//! * Its closure is never called. It tells the type of the field as the compiler sees it, whatever the spelling.
//! * The pattern of `trace` has no `..`: it sees what other macros make of the type after this one has run.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::item::{How, Item, Looked, Part};
use crate::fields::ends;

pub(super) fn helpers(Item { collect, marker, core, fresh, .. }: &Item) -> TokenStream {
    let [look, looked, same, plain] = [LOOK, "Looked", "same", PLAIN].map(|base| fresh.ident(base));
    let [s, f] = ["S", "F"].map(|base| fresh.ident(base));
    quote! {
        struct #looked<#f> {
            leads: bool,
            trace: fn(&#f, &mut #marker<'_>),
        }
        const fn #look<#s, #f: #collect>(_: fn(&#s) -> &#f) -> #looked<#f> {
            #looked { leads: <#f as #collect>::LEADS, trace: <#f as #collect>::trace }
        }
        fn #same<#f>(_: &mut #f) {}
        fn #plain<#f: #core::marker::Copy + #core::marker::Send + 'static>(_: &mut #f) {}
    }
}

const LOOK: &str = "look_into_field";
/// The compiler says of a bad field that it is "required by a bound in" this.
const PLAIN: &str = "plain_must_be_copy_send_and_static";

pub(super) fn generate(item: &Item) -> TokenStream {
    let Item { name, generics, collect, marker, fresh, parts, .. } = item;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let with = fresh.ident("with");
    let leads = parts.iter().flat_map(|part| shown(part).map(|(index, field)| look(part, index, field, item)));
    let (checks, arms) = (checks(item), parts.iter().map(|part| arm(part, item)));
    quote! {
        // SAFETY: 1. An exhaustive pattern finds each field; `fields` of this derive are shown, but `fn` pointers, which are checked to be such,
        // plain ones, which are checked to be `Copy + Send + 'static` and so hold no object, and those of which the user promised it.
        // 2. It calls the fields' `trace` alone. 3. It leads nowhere if no field does that is shown.
        #[automatically_derived]
        unsafe impl #parameters #collect for #name #arguments #bounds {
            const LEADS: bool = false #(|| #leads.leads)*;

            fn trace(&self, #with: &mut #marker<'_>) {
                #checks
                match *self {
                    #(#arms)*
                }
            }
        }
    }
}

fn shown(part: &Part) -> impl Iterator<Item = (usize, &Looked)> {
    part.fields.iter().enumerate().filter(|(_, field)| field.how == How::Shown)
}

/// The binding of a field, at the end of its type.
fn binding(index: usize, last: Span, item: &Item) -> Ident {
    item.fresh.ident_at(&format!("field_{index}"), last)
}

/// Tells the compiler the type of a field, at the place of that.
fn look(Part { path, .. }: &Part, index: usize, Looked { member, ty, .. }: &Looked, item: &Item) -> TokenStream {
    let (first, last) = ends(ty);
    let (field, look, value) =
        (binding(index, last, item), item.fresh.ident_at(LOOK, first), item.fresh.ident("value"));
    // The closure begins and ends where the type does, and so an error points at the type.
    let bar = quote_spanned!(first=> |);
    let body = quote! { match *#value { #path { #member: ref #field, .. } => #field, _ => loop {} } };
    let body = quote_spanned!(last=> { #body });
    quote_spanned!(first=> #look(#bar #value: &Self| #body))
}

fn arm(part: &Part, item: &Item) -> TokenStream {
    let Part { path, fields } = part;
    let with = item.fresh.ident("with");
    let patterns = fields.iter().enumerate().map(|(index, Looked { member, ty, how })| {
        let field = binding(index, ends(ty).1, item);
        if *how == How::Shown { quote!(#member: ref #field) } else { quote!(#member: _) }
    });
    let calls = shown(part).map(|(index, field)| {
        let (look, binding) = (look(part, index, field, item), binding(index, ends(&field.ty).1, item));
        quote! { (#look.trace)(#binding, #with); }
    });
    quote! { #path { #(#patterns),* } => { #(#calls)* } }
}

/// The checks of fields that are not shown. They are never run, only compiled.
fn checks(item: &Item) -> TokenStream {
    let value = item.fresh.ident("value");
    let is_checked = |field: &Looked| matches!(field.how, How::FnPointer | How::Plain);
    if !item.parts.iter().flat_map(|part| &part.fields).any(is_checked) {
        return TokenStream::new();
    }
    let arms = item.parts.iter().map(|Part { path, fields }| {
        let patterns = fields.iter().enumerate().map(|(index, field)| {
            let (member, binding) = (&field.member, binding(index, ends(&field.ty).1, item));
            if is_checked(field) { quote!(#member: ref mut #binding) } else { quote!(#member: _) }
        });
        let checks = fields.iter().enumerate().map(|(index, field)| check(index, field, item));
        quote! { #path { #(#patterns),* } => { #(#checks)* } }
    });
    quote! {
        let _ = |mut #value: Self| match #value {
            #(#arms)*
        };
    }
}

fn check(index: usize, Looked { ty, how, .. }: &Looked, item: &Item) -> TokenStream {
    let (first, last) = ends(ty);
    let binding = binding(index, last, item);
    match how {
        How::FnPointer => {
            let same = item.fresh.ident_at("same", first);
            quote_spanned!(first=> #same::<#ty>(&mut *#binding);)
        }
        How::Plain => {
            let plain = item.fresh.ident_at(PLAIN, first);
            quote_spanned!(first=> #plain(&mut *#binding);)
        }
        How::Shown | How::Skipped => TokenStream::new(),
    }
}
