//! The generic parameters: how the type itself is written, how at another lifetime, and under which bounds.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{
    GenericParam, Generics, ImplGenerics, Lifetime, Token, TraitBound, TraitBoundModifier, Type, TypeParamBound,
    WhereClause, WherePredicate, parse_quote,
};

use crate::errors::Errors;
use crate::fresh::Fresh;

pub(crate) struct Parameters {
    /// The user's, with the bounds that the implementation needs.
    generics: Generics,
    /// Those type parameters that [`At`](Self::at) leaves as they are.
    fixed: Vec<Ident>,
    /// The lifetime of `At`.
    lifetime: Lifetime,
}

impl Parameters {
    pub(crate) fn new(generics: &Generics, permanent: &TokenStream, fresh: &Fresh, errors: &mut Errors) -> Self {
        let lifetime = Lifetime::new(&format!("'{}", fresh.name("at")), Span::call_site());
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
        for (ident, bound) in by_name(generics).filter(|(ident, _)| !fixed.contains(ident)) {
            predicates.push(parse_quote!(for<#lifetime> <#ident as #permanent>::At<#lifetime>: #bound));
        }
        Self { generics: bounded, fixed, lifetime }
    }

    /// The parameters of a type that is plain as a whole: none is replaced, and nothing is asked but of the type itself.
    pub(crate) fn of_plain(
        generics: &Generics,
        name: &Ident,
        bounds: &TokenStream,
        fresh: &Fresh,
        errors: &mut Errors,
    ) -> Self {
        if let Some(parameter) = generics.lifetimes().next() {
            let message =
                "a plain type has no lifetime: add `#[permanent(plain)]` to the fields that are plain, not to the type";
            errors.at(&parameter.lifetime, message);
        }
        let lifetime = Lifetime::new(&format!("'{}", fresh.name("at")), Span::call_site());
        let fixed = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
        let mut this = Self { generics: generics.clone(), fixed, lifetime };
        let arguments = this.arguments();
        this.generics.make_where_clause().predicates.push(parse_quote!(#name #arguments: #bounds));
        this
    }

    /// Returns the generics behind `impl`, and the where clause.
    pub(crate) fn split(&self) -> (ImplGenerics<'_>, Option<&WhereClause>) {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        (parameters, bounds)
    }

    /// Returns `true` if there are type parameters.
    pub(crate) fn has_types(&self) -> bool {
        self.generics.type_params().next().is_some()
    }

    /// Returns `true` if there are constant parameters.
    pub(crate) fn has_consts(&self) -> bool {
        self.generics.const_params().next().is_some()
    }

    /// The arguments of the type at `'static`, of one without type parameters.
    pub(crate) fn statics(&self) -> TokenStream {
        self.arguments_with(|_| quote!('static), ToTokens::to_token_stream)
    }

    /// Returns the where clause of `Permanent` itself. If there are type parameters, it asks for `Send` and `Sync` of
    /// the type, here and at every lifetime. Otherwise the compiler would refuse them in the implementation for each
    /// field that is not permanent.
    pub(crate) fn bounds_of_permanent(
        &self,
        name: &Ident,
        permanent: &TokenStream,
        core: &TokenStream,
    ) -> Option<WhereClause> {
        let mut bounds = self.generics.where_clause.clone();
        if self.has_types() {
            let (here, lifetime, at) = (self.arguments(), &self.lifetime, self.at(permanent));
            let predicates = &mut bounds.get_or_insert_with(|| parse_quote!(where)).predicates;
            predicates.push(parse_quote!(for<#lifetime> #name #at: #core::marker::Send + #core::marker::Sync));
            // Else the first predicate says it already, and the compiler would not know which of the two to take (E0283).
            if self.generics.type_params().any(|parameter| !self.fixed.contains(&parameter.ident)) {
                predicates.push(parse_quote!(#name #here: #core::marker::Send + #core::marker::Sync));
            }
        }
        bounds
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

type Bounds = Punctuated<TypeParamBound, Token![+]>;

/// All bounds of types: of the parameters where they are declared, and those in the where clause.
fn type_bounds(generics: &Generics) -> impl Iterator<Item = (Type, &Bounds)> {
    let inline = generics.type_params().map(|parameter| {
        let ident = &parameter.ident;
        (parse_quote!(#ident), &parameter.bounds)
    });
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let clauses = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => Some((predicate.bounded_ty.clone(), &predicate.bounds)),
        _ => None,
    });
    inline.chain(clauses)
}

/// The bounds of parameters by traits that `Permanent` implies, if they are what they are called.
///
/// The user may have a trait that is called `Send`. So each is asked for at every lifetime, which the true ones grant.
fn by_name(generics: &Generics) -> impl Iterator<Item = (&Ident, &TraitBound)> {
    type_bounds(generics).flat_map(move |(bounded, bounds)| {
        let parameter = generics
            .type_params()
            .map(|parameter| &parameter.ident)
            .find(|ident| matches!(&bounded, Type::Path(path) if path.path.is_ident(*ident)));
        bounds.iter().filter(|bound| holds_at_every_lifetime(bound)).filter_map(move |bound| match bound {
            TypeParamBound::Trait(bound) if matches!(bound.modifier, TraitBoundModifier::None) => {
                Some((parameter?, bound))
            }
            _ => None,
        })
    })
}

/// The type parameters of which something else is asked than `Permanent` implies or gives for every lifetime.
///
/// `T: Clone` says nothing of `T::At<'x>: Clone`. Hence such a `T` must have no lifetimes, and stays what it is. This reads spellings only;
/// see [`by_name`] for a trait of the user's that is called `Send`.
fn fixed(generics: &Generics, errors: &mut Errors) -> Vec<Ident> {
    let mut fixed = Vec::new();
    for (bounded, bounds) in type_bounds(generics) {
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
    fn the_type_at_another_lifetime_keeps_what_is_fixed() {
        let item: syn::DeriveInput = parse_quote!(
            struct S<'a, 'b, T, U: Clone = u8, const N: usize = 3>(&'a &'b T, U);
        );
        let parameters = Parameters::new(&item.generics, &quote!(P), &Fresh::new(quote!()), &mut Errors::default());
        assert_eq!(parameters.arguments().to_string(), quote!(<'a, 'b, T, U, { N }>).to_string());
        let at = quote!(<'__at, '__at, <T as P>::At<'__at>, U, { N }>);
        assert_eq!(parameters.at(&quote!(P)).to_string(), at.to_string());
    }
}
