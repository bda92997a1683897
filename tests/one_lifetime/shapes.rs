//! The types that a link can hide in.
//!
//! In each text `{l}` stands for the lifetime of the loader and `{o}` for the one under attack: a longer one in an attack, `{l}` again in its
//! honest twin. `$v` stands for a reference to the block.

/// A type of blocks with a link in it.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Definitions of its own. In them `{f}` is the lifetime under attack: `'static`, or the type's own in an honest twin.
    pub(crate) items: &'static str,
    /// The type of the block.
    pub(crate) of: &'static str,
    /// An unlinked block.
    pub(crate) make: &'static str,
    /// The link, found in a block.
    pub(crate) link: &'static str,
    /// The type of the link.
    pub(crate) link_type: &'static str,
    /// The value that the link is set to, which dies with `{l}`.
    pub(crate) target: &'static str,
    /// The way from the target to what is stolen, and the type of that: a reference at `{o}`.
    pub(crate) stolen: &'static str,
    pub(crate) stolen_type: &'static str,
}

impl Shape {
    /// Whether the lifetime under attack is spelled in a definition.
    pub(crate) fn is_spelled(&self) -> bool {
        self.items.contains("{f}")
    }
}

/// A link to a number, in whatever it is: what most shapes are.
const PLAIN: Shape = Shape {
    name: "",
    items: "",
    of: "",
    make: "",
    link: "",
    link_type: "Link<{o}, u64>",
    target: "7",
    stolen: "",
    stolen_type: "&{o} u64",
};

const NODE: &str = "#[derive(Permanent)] pub struct Node<'a> { number: u64, next: Link<'a, Node<'a>> }";
const TEXT: &str = "#[derive(Permanent)] pub struct Text<'a> { text: &'a str }";

pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "a_link", of: "Link<{o}, u64>", make: "Link::unset()", link: "$v", ..PLAIN },
    Shape {
        name: "a_link_to_a_struct",
        items: TEXT,
        of: "Link<{o}, Text<{o}>>",
        make: "Link::unset()",
        link: "$v",
        link_type: "Link<{o}, Text<{o}>>",
        target: "Text { text: loader.alloc_str(\"gone\").unwrap() }",
        stolen: ".text",
        stolen_type: "&{o} str",
    },
    Shape {
        name: "a_link_of_a_link",
        of: "Link<{o}, Link<{o}, u64>>",
        make: "Link::unset()",
        link: "$v",
        link_type: "Link<{o}, Link<{o}, u64>>",
        target: "Link::unset()",
        stolen_type: "&{o} Link<{o}, u64>",
        ..PLAIN
    },
    // The link itself lives as short as it should; what it leads to does not.
    Shape {
        name: "a_link_to_a_reference",
        of: "Link<{l}, &{o} str>",
        make: "Link::unset()",
        link: "$v",
        link_type: "Link<{l}, &{o} str>",
        target: "loader.alloc_str(\"gone\").unwrap()",
        stolen_type: "&{o} str",
        ..PLAIN
    },
    Shape {
        name: "a_struct",
        items: NODE,
        of: "Node<{o}>",
        make: "Node { number: 1, next: Link::unset() }",
        link: "&$v.next",
        link_type: "Link<{o}, Node<{o}>>",
        target: "Node { number: 2, next: Link::unset() }",
        stolen: ".number",
        stolen_type: "&{o} u64",
    },
    Shape {
        name: "a_struct_of_two_lifetimes",
        items: "#[derive(Permanent)] pub struct Two<'a, 'b> { text: &'a str, next: Link<'b, u64> }",
        of: "Two<{l}, {o}>",
        make: "Two { text: loader.alloc_str(\"own\").unwrap(), next: Link::unset() }",
        link: "&$v.next",
        ..PLAIN
    },
    Shape {
        name: "a_struct_whose_link_is_short",
        items: "#[derive(Permanent)] pub struct Pair<'a, 'b> { text: &'b str, next: Link<'a, Pair<'b, 'b>> }",
        of: "Pair<{l}, {o}>",
        make: "Pair { text: \"a constant\", next: Link::unset() }",
        link: "&$v.next",
        link_type: "Link<{l}, Pair<{o}, {o}>>",
        target: "Pair { text: loader.alloc_str(\"gone\").unwrap(), next: Link::unset() }",
        stolen: ".text",
        stolen_type: "&{o} str",
    },
    Shape {
        name: "a_struct_of_three_lifetimes",
        items: "#[derive(Permanent)] pub struct Three<'a, 'b, 'c> { a: &'a u8, b: Link<'b, u64>, c: Link<'c, &'a u64> }",
        of: "Three<{l}, {o}, {l}>",
        make: "Three { a: loader.alloc(1).unwrap(), b: Link::unset(), c: Link::unset() }",
        link: "&$v.b",
        ..PLAIN
    },
    Shape {
        name: "a_struct_in_a_struct",
        items: "#[derive(Permanent)] pub struct Node<'a> { number: u64, next: Link<'a, u64> }
                #[derive(Permanent)] pub struct Outer<'a> { first: u8, node: Node<'a> }",
        of: "Outer<{o}>",
        make: "Outer { first: 0, node: Node { number: 1, next: Link::unset() } }",
        link: "&$v.node.next",
        ..PLAIN
    },
    Shape {
        name: "a_tuple_struct",
        items: "#[derive(Permanent)] pub struct Linked<'a>(u8, Link<'a, u64>);",
        of: "Linked<{o}>",
        make: "Linked(1, Link::unset())",
        link: "&$v.1",
        ..PLAIN
    },
    Shape {
        name: "an_enum",
        items: "#[derive(Permanent)] pub enum Const<'a> { Nil, To(Link<'a, u64>) }",
        of: "Const<{o}>",
        make: "Const::To(Link::unset())",
        link: "match $v { Const::To(to) => to, _ => loop {} }",
        ..PLAIN
    },
    Shape {
        name: "an_enum_of_two_lifetimes",
        items: "#[derive(Permanent)] pub enum Const<'a, 'b> { Text(&'a str), To { line: u32, to: Link<'b, u64> } }",
        of: "Const<{l}, {o}>",
        make: "Const::To { line: 1, to: Link::unset() }",
        link: "match $v { Const::To { to, .. } => to, _ => loop {} }",
        ..PLAIN
    },
    Shape {
        name: "an_array",
        of: "[Link<{o}, u64>; 2]",
        make: "[Link::unset(), Link::unset()]",
        link: "&$v[1]",
        ..PLAIN
    },
    Shape { name: "a_tuple", of: "(u8, Link<{o}, u64>)", make: "(1, Link::unset())", link: "&$v.1", ..PLAIN },
    Shape {
        name: "a_tuple_of_two_lifetimes",
        of: "(&{l} str, Link<{o}, u64>)",
        make: "(loader.alloc_str(\"own\").unwrap(), Link::unset())",
        link: "&$v.1",
        ..PLAIN
    },
    Shape {
        name: "an_option",
        of: "Option<Link<{o}, u64>>",
        make: "Some(Link::unset())",
        link: "match $v { Some(to) => to, None => loop {} }",
        ..PLAIN
    },
    Shape {
        name: "options_in_an_array_in_a_tuple",
        of: "([Option<Link<{o}, u64>>; 1], u32)",
        make: "([Some(Link::unset())], 1)",
        link: "match $v { ([Some(to)], _) => to, _ => loop {} }",
        ..PLAIN
    },
    Shape {
        name: "behind_a_reference",
        of: "&{l} Link<{o}, u64>",
        make: "loader.alloc(Link::<'_, u64>::unset()).unwrap()",
        link: "*$v",
        ..PLAIN
    },
    Shape {
        name: "behind_a_reference_in_a_struct",
        items: "#[derive(Permanent)] pub struct Shared<'a, 'b> { to: &'a Link<'b, u64> }",
        of: "Shared<{l}, {o}>",
        make: "Shared { to: loader.alloc(Link::<'_, u64>::unset()).unwrap() }",
        link: "$v.to",
        ..PLAIN
    },
    Shape {
        name: "in_a_slice",
        of: "&{l} [Link<{o}, u64>]",
        make: "loader.alloc_slice_fill_iter([Link::<'_, u64>::unset()]).unwrap()",
        link: "&$v[0]",
        ..PLAIN
    },
    Shape {
        name: "a_spelled_link",
        items: "#[derive(Permanent)] pub struct Spelled<'a> { text: &'a str, next: Link<{f}, u64> }",
        of: "Spelled<{l}>",
        make: "Spelled { text: \"a constant\", next: Link::unset() }",
        link: "&$v.next",
        ..PLAIN
    },
    Shape {
        name: "a_spelled_target",
        items: "#[derive(Permanent)] pub struct Text<'a> { text: &'a str }
                #[derive(Permanent)] pub struct Spelled<'a> { next: Link<'a, Text<{f}>> }",
        of: "Spelled<{l}>",
        make: "Spelled { next: Link::unset() }",
        link: "&$v.next",
        link_type: "Link<{l}, Text<{o}>>",
        target: "Text { text: loader.alloc_str(\"gone\").unwrap() }",
        stolen: ".text",
        stolen_type: "&{o} str",
    },
    Shape {
        name: "a_spelled_link_with_an_own_target",
        items: "#[derive(Permanent)] pub struct Spelled<'a> { own: Link<'a, u64>, next: Link<{f}, u64> }",
        of: "Spelled<{o}>",
        make: "Spelled { own: Link::unset(), next: Link::unset() }",
        link: "&$v.next",
        ..PLAIN
    },
    Shape {
        name: "a_generic_wrapper",
        items: "#[derive(Permanent)] pub struct Wrapper<T> { first: u8, value: T }",
        of: "Wrapper<Link<{o}, u64>>",
        make: "Wrapper { first: 1, value: Link::unset() }",
        link: "&$v.value",
        ..PLAIN
    },
    Shape {
        name: "a_generic_wrapper_of_two",
        items: "#[derive(Permanent)] pub struct Both<A, B>(A, B);",
        of: "Both<&{l} str, Link<{o}, u64>>",
        make: "Both(loader.alloc_str(\"own\").unwrap(), Link::unset())",
        link: "&$v.1",
        ..PLAIN
    },
    Shape {
        name: "a_generic_link",
        items: "#[derive(Permanent)] pub struct To<'a, T: Permanent>(u8, Link<'a, T>);",
        of: "To<{l}, &{o} str>",
        make: "To(1, Link::unset())",
        link: "&$v.1",
        link_type: "Link<{l}, &{o} str>",
        target: "loader.alloc_str(\"gone\").unwrap()",
        stolen_type: "&{o} str",
        ..PLAIN
    },
    Shape {
        name: "beside_plain_fields",
        items: "#[derive(Clone, Copy, Permanent)] #[permanent(plain)] #[repr(packed)] pub struct Op(u8, u32);
                #[derive(Permanent)] pub struct Timed<'a> {
                    #[permanent(plain)] after: std::time::Duration, next: Link<'a, Op>, #[permanent(plain)] text: &'static str,
                }",
        of: "Timed<{o}>",
        make: "Timed { after: std::time::Duration::ZERO, next: Link::unset(), text: \"a constant\" }",
        link: "&$v.next",
        link_type: "Link<{l}, Op>",
        target: "Op(1, 2)",
        stolen_type: "&{o} Op",
        ..PLAIN
    },
    Shape {
        name: "a_table_of_constant_length",
        items: "#[derive(Permanent)] pub struct Table<'a, const N: usize> { links: [Link<'a, u64>; N] }",
        of: "Table<{o}, 3>",
        make: "Table { links: [Link::unset(), Link::unset(), Link::unset()] }",
        link: "&$v.links[2]",
        ..PLAIN
    },
];
