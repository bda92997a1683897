//! A token: a word of the source, with the line that it stands on.

use std::fmt;

/// A word of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    Keyword(Keyword),
    Symbol(Symbol),
    End,
}

/// A token and its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) line: u32,
    /// `true` for the first token of a line, which does not go on with the expression before it.
    pub(crate) first: bool,
}

/// Declares an enum of fixed spellings, its look-up by spelling, and its `Display`.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),* }

        impl $name {
            /// All of them, with their spellings.
            pub(crate) const ALL: &[(&str, Self)] = &[$(($text, Self::$variant)),*];

            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

spelled! {
    /// A name that the language keeps for itself.
    Keyword {
        And = "and", Break = "break", Catch = "catch", Class = "class", Continue = "continue", Else = "else", False = "false",
        Finally = "finally", Fn = "fn", For = "for", If = "if", Import = "import", In = "in", Let = "let", Nil = "nil", Not = "not",
        Or = "or", Return = "return", Super = "super", This = "this", Throw = "throw", True = "true", Try = "try", While = "while",
        Yield = "yield",
    }
}

spelled! {
    /// A sign; longer ones stand before their beginnings.
    Symbol {
        SlashSlash = "//", EqualEqual = "==", NotEqual = "!=", LessEqual = "<=", GreaterEqual = ">=", PlusEqual = "+=",
        MinusEqual = "-=", StarEqual = "*=", SlashEqual = "/=", Plus = "+", Minus = "-", Star = "*", Slash = "/", Percent = "%",
        Equal = "=", Less = "<", Greater = ">", ParenOpen = "(", ParenClose = ")", BracketOpen = "[", BracketClose = "]",
        BraceOpen = "{", BraceClose = "}", Comma = ",", Dot = ".", Colon = ":", Semicolon = ";", Question = "?",
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "`{number}`"),
            Self::Float(number) => write!(f, "`{number:?}`"),
            Self::Text(_) => f.write_str("a text"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Keyword(keyword) => write!(f, "`{keyword}`"),
            Self::Symbol(symbol) => write!(f, "`{symbol}`"),
            Self::End => f.write_str("the end of the program"),
        }
    }
}
