//! The types that an owner leads to. Each has text in it somewhere, which in an attack lives too short.

/// A type of roots.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Definitions of its own.
    pub(crate) items: &'static str,
    /// The type, with `'static` for each lifetime.
    pub(crate) label: &'static str,
    /// A root with the text `s`, made by `loader`.
    pub(crate) make: &'static str,
    /// The text in a root `v`.
    pub(crate) text: &'static str,
    /// Whether a handle can have it.
    pub(crate) sized: bool,
    /// Whether it may be shortened as it is.
    pub(crate) covariant: bool,
}

impl Shape {
    /// Whether it has no lifetime.
    pub(crate) fn is_plain(&self) -> bool {
        !self.label.contains('\'')
    }
}

const SIZED: Shape = Shape { name: "", items: "", label: "", make: "", text: "", sized: true, covariant: true };
const LINKED: Shape = Shape { covariant: false, ..SIZED };
const TEXT: &str = "#[derive(Permanent)] pub struct Text<'a> { text: &'a str }";

pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "text", label: "str", make: "Ok(s)", text: "v", sized: false, ..SIZED },
    Shape {
        name: "bytes",
        label: "[u8]",
        make: "Ok(s.as_bytes())",
        text: "core::str::from_utf8(v).unwrap_or_default()",
        sized: false,
        ..SIZED
    },
    Shape {
        name: "a_slice_of_text",
        label: "[&'static str]",
        make: "loader.alloc_slice_copy(&[s])",
        text: "v[0]",
        sized: false,
        ..SIZED
    },
    Shape {
        name: "a_slice_of_structs",
        items: TEXT,
        label: "[Text<'static>]",
        make: "loader.alloc_slice_fill_iter([Text { text: s }])",
        text: "v[0].text",
        sized: false,
        ..SIZED
    },
    Shape { name: "a_reference", label: "&'static str", make: "loader.alloc(s)", text: "v", ..SIZED },
    Shape {
        name: "a_reference_to_a_slice",
        label: "&'static [&'static str]",
        make: "loader.alloc(loader.alloc_slice_copy(&[s])?)",
        text: "v[0]",
        ..SIZED
    },
    Shape {
        name: "a_struct",
        items: TEXT,
        label: "Text<'static>",
        make: "loader.alloc(Text { text: s })",
        text: "v.text",
        ..SIZED
    },
    Shape {
        name: "a_struct_of_two_lifetimes",
        items: "#[derive(Permanent)] pub struct Two<'a, 'b> { own: &'a str, other: &'b str }",
        label: "Two<'static, 'static>",
        make: "loader.alloc(Two { own: loader.alloc_str(\"own\")?, other: s })",
        text: "v.other",
        ..SIZED
    },
    Shape {
        name: "a_struct_in_a_struct",
        items: "#[derive(Permanent)] pub struct Text<'a> { text: &'a str }
                #[derive(Permanent)] pub struct Outer<'a> { first: u8, inner: Text<'a> }",
        label: "Outer<'static>",
        make: "loader.alloc(Outer { first: 1, inner: Text { text: s } })",
        text: "v.inner.text",
        ..SIZED
    },
    Shape {
        name: "a_struct_behind_a_struct",
        items: "#[derive(Permanent)] pub struct Text<'a> { text: &'a str }
                #[derive(Permanent)] pub struct Outer<'a> { inner: &'a Text<'a> }",
        label: "Outer<'static>",
        make: "loader.alloc(Outer { inner: loader.alloc(Text { text: s })? })",
        text: "v.inner.text",
        ..SIZED
    },
    Shape {
        name: "a_tuple_struct",
        items: "#[derive(Permanent)] pub struct Both<'a>(u32, &'a str);",
        label: "Both<'static>",
        make: "loader.alloc(Both(1, s))",
        text: "v.1",
        ..SIZED
    },
    Shape {
        name: "an_enum",
        items: "#[derive(Permanent)] pub enum Const<'a> { Nil, Text(&'a str) }",
        label: "Const<'static>",
        make: "loader.alloc(Const::Text(s))",
        text: "match v { Const::Text(text) => text, Const::Nil => \"\" }",
        ..SIZED
    },
    Shape {
        name: "an_enum_of_two_lifetimes",
        items: "#[derive(Permanent)] pub enum Const<'a, 'b> { One(&'a str), Other { text: &'b str } }",
        label: "Const<'static, 'static>",
        make: "loader.alloc(Const::Other { text: s })",
        text: "match v { Const::Other { text } => text, Const::One(text) => text }",
        ..SIZED
    },
    Shape { name: "an_array", label: "[&'static str; 2]", make: "loader.alloc([\"\", s])", text: "v[1]", ..SIZED },
    Shape { name: "a_tuple", label: "(u32, &'static str)", make: "loader.alloc((1, s))", text: "v.1", ..SIZED },
    Shape {
        name: "an_option",
        label: "Option<&'static str>",
        make: "loader.alloc(Some(s))",
        text: "v.unwrap_or_default()",
        ..SIZED
    },
    Shape {
        name: "options_in_an_array_in_a_tuple",
        label: "([Option<&'static str>; 1], u32)",
        make: "loader.alloc(([Some(s)], 1))",
        text: "v.0[0].unwrap_or_default()",
        ..SIZED
    },
    Shape {
        name: "a_generic_wrapper",
        items: "#[derive(Permanent)] pub struct Wrapper<T> { first: u8, value: T }",
        label: "Wrapper<&'static str>",
        make: "loader.alloc(Wrapper { first: 1, value: s })",
        text: "v.value",
        ..SIZED
    },
    Shape {
        name: "a_table_of_constant_length",
        items: "#[derive(Permanent)] pub struct Table<'a, const N: usize> { texts: [&'a str; N] }",
        label: "Table<'static, 3>",
        make: "loader.alloc(Table { texts: [s, s, s] })",
        text: "v.texts[2]",
        ..SIZED
    },
    Shape {
        name: "a_link",
        label: "Link<'static, &'static str>",
        make: "let link = loader.alloc(Link::unset())?; loader.link(link, loader.alloc(s)?)?; Ok(link)",
        text: "v.get().copied().unwrap_or_default()",
        ..LINKED
    },
    Shape {
        name: "a_struct_with_a_link",
        items: "#[derive(Permanent)] pub struct Node<'a> { text: &'a str, next: Link<'a, Node<'a>> }",
        label: "Node<'static>",
        make: "let node = loader.alloc(Node { text: s, next: Link::unset() })?; loader.link(&node.next, node)?; Ok(node)",
        text: "v.next.get().map_or(\"\", |next| next.text)",
        ..LINKED
    },
    Shape {
        name: "a_link_of_two_lifetimes",
        items: "#[derive(Permanent)] pub struct Pair<'a, 'b> { text: &'b str, next: Link<'a, &'b str> }",
        label: "Pair<'static, 'static>",
        make: "let pair = loader.alloc(Pair { text: \"\", next: Link::unset() })?; loader.link(&pair.next, loader.alloc(s)?)?; Ok(pair)",
        text: "v.next.get().copied().unwrap_or_default()",
        ..LINKED
    },
];
