//! The generic parameters: how the type itself is written, how at another lifetime, and under which bounds.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{
    GenericParam, Generics, ImplGenerics, Lifetime, TraitBoundModifier, TypeParamBound, WhereClause, WherePredicate,
    parse_quote,
};

use crate::errors::Errors;

pub(crate) struct Parameters {
    /// The user's, with the bounds that the implementation needs.
    generics: Generics,
    /// Those type parameters that [`At`](Self::at) leaves as they are.
    fixed: Vec<Ident>,
    /// The lifetime of `At`.
    lifetime: Lifetime,
}

impl Parameters {
    pub(crate) fn new(generics: &Generics, permanent: &TokenStream, errors: &mut Errors) -> Self {
        let lifetime = fresh_lifetime(generics);
        let fixed = fixed(generics, errors);
        let mut bounded = generics.clone();
        let predicates = &mut bounded.make_where_clause().predicates;
        for parameter in generics.type_params() {
            let ident = &parameter.ident;
            // Parameters only, never the types of fields: those overflow (E0275) on types that contain themselves.
            predicates.push(if fixed.contains(ident) {
                parse_quote!(#ident: 'static + for<#lifetime> #permanent<At<#lifetime> = #ident>)
            } else {
                parse_quote!(#ident: #permanent)
            });
        }
        Self { generics: bounded, fixed, lifetime }
    }

    /// What stands behind `impl`, and the where clause.
    pub(crate) fn split(&self) -> (ImplGenerics<'_>, Option<&WhereClause>) {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        (parameters, bounds)
    }

    /// The lifetime of [`at`](Self::at).
    pub(crate) fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }

    /// The arguments of the type itself.
    pub(crate) fn arguments(&self) -> TokenStream {
        self.arguments_with(ToTokens::to_token_stream, ToTokens::to_token_stream)
    }

    /// The arguments of the type at [`lifetime`](Self::lifetime).
    pub(crate) fn at(&self, permanent: &TokenStream) -> TokenStream {
        let at = &self.lifetime;
        self.arguments_with(
            |_| quote!(#at),
            |ident| {
                if self.fixed.contains(ident) { quote!(#ident) } else { quote!(<#ident as #permanent>::At<#at>) }
            },
        )
    }

    fn arguments_with(
        &self,
        lifetime: impl Fn(&Lifetime) -> TokenStream,
        ty: impl Fn(&Ident) -> TokenStream,
    ) -> TokenStream {
        let arguments = self.generics.params.iter().map(|parameter| match parameter {
            GenericParam::Lifetime(parameter) => lifetime(&parameter.lifetime),
            GenericParam::Type(parameter) => ty(&parameter.ident),
            GenericParam::Const(parameter) => {
                // In braces, because a bare name could be that of a type in the user's scope.
                let ident = &parameter.ident;
                quote!({ #ident })
            }
        });
        quote!(<#(#arguments),*>)
    }
}

/// A lifetime that is none of the user's: those may not be shadowed (E0496).
fn fresh_lifetime(generics: &Generics) -> Lifetime {
    let mut name = String::from("'__at");
    while generics.lifetimes().any(|parameter| parameter.lifetime.to_string() == name) {
        name.push('_');
    }
    Lifetime::new(&name, Span::call_site())
}

/// The type parameters of which something else is asked than `Permanent` implies or gives for every lifetime.
///
/// `T: Clone` says nothing of `T::At<'x>: Clone`, and asking for that would ask the same of `T::At<'x>::At<'y>`, without
/// end. Hence such a `T` must have no lifetimes, and stays what it is. This reads spellings only; where it is mistaken (a
/// trait of the user's that is called `Send`) the compiler finds a bound unsatisfied.
fn fixed(generics: &Generics, errors: &mut Errors) -> Vec<Ident> {
    let inline = generics.type_params().map(|parameter| {
        let ident = &parameter.ident;
        (parse_quote!(#ident), &parameter.bounds)
    });
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let clauses = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => Some((predicate.bounded_ty.clone(), &predicate.bounds)),
        _ => None,
    });

    let mut fixed = Vec::new();
    for (bounded, bounds) in inline.chain(clauses) {
        for bound in bounds.iter().filter(|bound| !holds_at_every_lifetime(bound)) {
            let mut mentioned = Mentioned { generics, types: Vec::new(), lifetimes: Vec::new() };
            mentioned.visit_type(&bounded);
            mentioned.visit_type_param_bound(bound);
            if let ([_, ..], [lifetime, ..]) = (&*mentioned.types, &*mentioned.lifetimes) {
                let message = "this bound would have to hold at every lifetime: write it as `T: for<'x> Trait<'x>`";
                errors.at(lifetime, message);
            }
            fixed.append(&mut mentioned.types);
        }
    }
    fixed
}

fn holds_at_every_lifetime(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Lifetime(lifetime) => lifetime.ident != "static",
        // `Permanent` implies `Sized`: the implementation is for the sized ones.
        TypeParamBound::Trait(bound) if matches!(bound.modifier, TraitBoundModifier::Maybe(_)) => true,
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
            last.arguments.is_none() && ["Permanent", "Send", "Sync", "Sized"].iter().any(|name| last.ident == name)
        }),
        _ => false,
    }
}

/// Which of the parameters occur in what is visited.
struct Mentioned<'a> {
    generics: &'a Generics,
    types: Vec<Ident>,
    lifetimes: Vec<Lifetime>,
}

impl<'ast> Visit<'ast> for Mentioned<'_> {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        if self.generics.type_params().any(|parameter| parameter.ident == *ident) {
            self.types.push(ident.clone());
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if self.generics.lifetimes().any(|parameter| parameter.lifetime == *lifetime) {
            self.lifetimes.push(lifetime.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed_of(item: syn::DeriveInput) -> Vec<String> {
        let mut errors = Errors::default();
        let fixed = fixed(&item.generics, &mut errors);
        errors.or(fixed).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn bounds_that_permanent_implies_leave_a_parameter_free() {
        let none: [&str; 0] = [];
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<'a, T: 'a + Send + ::core::marker::Sync + ?Sized>(&'a T);
            )),
            none
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T>(T)
                where
                    T: Sized + permacode::Permanent;
            )),
            none
        );
    }

    #[test]
    fn every_other_bound_fixes_all_parameters_it_mentions() {
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T: Clone, U>(T, U);
            )),
            ["T"]
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T: 'static>(T);
            )),
            ["T"]
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T, U: Into<T>, V>(T, U, V);
            )),
            ["U", "T"]
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T, U>(T, U)
                where
                    [T; 3]: Default;
            )),
            ["T"]
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<T, U>(T, U)
                where
                    u8: From<U>;
            )),
            ["U"]
        );
        assert_eq!(
            fixed_of(parse_quote!(
                struct S<'a, T: for<'x> Lookup<'x>>(&'a T);
            )),
            ["T"]
        );
    }

    #[test]
    #[should_panic(expected = "hold at every lifetime")]
    fn a_bound_at_one_lifetime_is_refused() {
        fixed_of(parse_quote!(
            struct S<'a, T: Lookup<'a>>(&'a T);
        ));
    }

    #[test]
    fn the_new_lifetime_is_none_of_the_users() {
        let item: syn::DeriveInput = parse_quote!(
            struct S<'__at, '__at_>(&'__at &'__at_ u8);
        );
        assert_eq!(fresh_lifetime(&item.generics).to_string(), "'__at__");
    }

    #[test]
    fn the_type_at_another_lifetime_keeps_what_is_fixed() {
        let item: syn::DeriveInput = parse_quote!(
            struct S<'a, 'b, T, U: Clone = u8, const N: usize = 3>(&'a &'b T, U);
        );
        let parameters = Parameters::new(&item.generics, &quote!(P), &mut Errors::default());
        assert_eq!(parameters.arguments().to_string(), quote!(<'a, 'b, T, U, { N }>).to_string());
        let at = quote!(<'__at, '__at, <T as P>::At<'__at>, U, { N }>);
        assert_eq!(parameters.at(&quote!(P)).to_string(), at.to_string());
    }
}
