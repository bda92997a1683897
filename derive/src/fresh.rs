//! Names that are none of the user's.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

/// Makes the names of what the output defines: none of them occurs in the user's item, so none can stand for what the item means.
///
/// All begin with two underscores and end with the same number of them, for which the item has no such word. The output
/// cannot mean a name that is in scope but not in the item: it shadows it.
pub(crate) struct Fresh {
    /// The underscores at the end of each name.
    end: String,
}

impl Fresh {
    /// Reads the words of an item, those within strings too: an attribute may hold a path or a type.
    pub(crate) fn new(item: TokenStream) -> Self {
        let mut taken = HashSet::new();
        read(item, &mut taken);
        let mut end = String::new();
        while taken.contains(&end.len()) {
            end.push('_');
        }
        Self { end }
    }

    /// The name for what is called `base` here, where nothing else in the output is.
    pub(crate) fn name(&self, base: &str) -> String {
        format!("__{base}{}", self.end)
    }

    pub(crate) fn ident(&self, base: &str) -> Ident {
        self.ident_at(base, Span::call_site())
    }

    /// One that errors point to at `span`.
    pub(crate) fn ident_at(&self, base: &str, span: Span) -> Ident {
        Ident::new(&self.name(base), span)
    }

    /// The binding of the field with this index.
    pub(crate) fn field(&self, index: usize) -> Ident {
        self.ident(&format!("field_{index}"))
    }
}

/// Adds, for each word that begins with two underscores, how many are at its end.
fn read(tokens: TokenStream, taken: &mut HashSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => read(group.stream(), taken),
            TokenTree::Punct(_) => {}
            token => {
                let text = token.to_string();
                let words = text.split(|character: char| character != '_' && !character.is_alphanumeric());
                taken.extend(words.filter(|word| word.starts_with("__")).map(|word| {
                    let base = word.trim_end_matches('_');
                    word.len() - base.len()
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn name_beside(item: TokenStream) -> String {
        Fresh::new(item).name("x")
    }

    #[test]
    fn a_name_is_none_of_the_items() {
        assert_eq!(
            name_beside(quote!(
                struct S<'a>(&'a u8);
            )),
            "__x"
        );
        assert_eq!(
            name_beside(quote!(
                struct x_(__(_), _x, x__y);
            )),
            "__x",
            "words that do not begin as the names do"
        );
        assert_eq!(
            name_beside(quote!(
                struct S {
                    field: [(__any, u8); 1],
                }
            )),
            "__x_"
        );
        assert_eq!(
            name_beside(quote!(
                struct S<'__at>(&'__at r#__at_);
            )),
            "__x__"
        );
        assert_eq!(
            name_beside(quote!(
                #[permanent(crate = "crate::__x")]
                struct __y__;
            )),
            "__x_"
        );
    }
}
