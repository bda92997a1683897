//! The types that a reference can hide in.
//!
//! In each text `{l}` stands for a lifetime, `$r` for a reference to a number, and `$v` for a reference to the block.

/// A type of blocks that leads to a number.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Definitions of its own.
    pub(crate) items: &'static str,
    /// The type of the block.
    pub(crate) of: &'static str,
    /// A block that leads to `$r`, made by `loader`.
    pub(crate) make: &'static str,
    /// The way from a block to the number.
    pub(crate) read: &'static str,
}

const CODE: &str = "#[derive(Permanent)] pub struct Code<'a> { depth: u32, number: &'a u64 }";

pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "a_reference", items: "", of: "&{l} u64", make: "loader.alloc($r)?", read: "*$v" },
    Shape {
        name: "a_reference_to_a_reference",
        items: "",
        of: "&{l} &{l} u64",
        make: "loader.alloc(loader.alloc($r)?)?",
        read: "**$v",
    },
    Shape {
        name: "a_struct",
        items: CODE,
        of: "Code<{l}>",
        make: "loader.alloc(Code { depth: 1, number: $r })?",
        read: "$v.number",
    },
    Shape {
        name: "a_reference_to_a_struct",
        items: CODE,
        of: "&{l} Code<{l}>",
        make: "loader.alloc(loader.alloc(Code { depth: 1, number: $r })?)?",
        read: "$v.number",
    },
    Shape {
        name: "a_struct_in_a_struct",
        items: "#[derive(Permanent)] pub struct Code<'a> { number: &'a u64 }
                #[derive(Permanent)] pub struct Outer<'a> { inner: Code<'a>, next: Option<&'a Outer<'a>> }",
        of: "Outer<{l}>",
        make: "loader.alloc(Outer { inner: Code { number: $r }, next: None })?",
        read: "$v.inner.number",
    },
    Shape {
        name: "a_struct_of_two_lifetimes",
        items: "#[derive(Permanent)] pub struct Two<'a, 'b> { text: &'a str, number: &'b u64 }",
        of: "Two<{l}, {l}>",
        make: "loader.alloc(Two { text: \"own\", number: $r })?",
        read: "$v.number",
    },
    Shape {
        name: "a_tuple_struct",
        items: "#[derive(Permanent)] pub struct Code<'a>(u16, &'a u64);",
        of: "Code<{l}>",
        make: "loader.alloc(Code(1, $r))?",
        read: "$v.1",
    },
    Shape {
        name: "an_enum",
        items: "#[derive(Permanent)] pub enum Const<'a> { Nil, Int(u64), To { number: &'a u64 } }",
        of: "Const<{l}>",
        make: "loader.alloc(Const::To { number: $r })?",
        read: "match $v { Const::To { number } => *number, _ => loop {} }",
    },
    Shape { name: "a_tuple", items: "", of: "(u8, &{l} u64)", make: "loader.alloc((1u8, $r))?", read: "$v.1" },
    Shape { name: "an_array", items: "", of: "[&{l} u64; 2]", make: "loader.alloc([$r, $r])?", read: "$v[1]" },
    Shape {
        name: "an_option",
        items: "",
        of: "Option<&{l} u64>",
        make: "loader.alloc(Some($r))?",
        read: "match $v { Some(number) => *number, None => loop {} }",
    },
    Shape {
        name: "options_in_an_array_in_a_tuple",
        items: "",
        of: "([Option<&{l} u64>; 1], u32)",
        make: "loader.alloc(([Some($r)], 1u32))?",
        read: "match $v { ([Some(number)], _) => *number, _ => loop {} }",
    },
    Shape {
        name: "a_slice",
        items: "",
        of: "&{l} [&{l} u64]",
        make: "loader.alloc(loader.alloc_slice_copy(&[$r])?)?",
        read: "$v[0]",
    },
    Shape {
        name: "a_slice_of_structs",
        items: "#[derive(Permanent, Clone, Copy)] pub struct Code<'a> { number: &'a u64 }",
        of: "&{l} [Code<{l}>]",
        make: "loader.alloc(loader.alloc_slice_copy(&[Code { number: $r }])?)?",
        read: "$v[0].number",
    },
    Shape {
        name: "a_generic_wrapper",
        items: "#[derive(Permanent)] pub struct Wrapper<T> { first: u16, value: T }",
        of: "Wrapper<&{l} u64>",
        make: "loader.alloc(Wrapper { first: 1, value: $r })?",
        read: "$v.value",
    },
    Shape {
        name: "a_generic_wrapper_of_a_struct",
        items: "#[derive(Permanent)] pub struct Wrapper<'a, T> { text: &'a str, value: T }
                #[derive(Permanent)] pub struct Code<'a> { number: &'a u64 }",
        of: "Wrapper<{l}, Code<{l}>>",
        make: "loader.alloc(Wrapper { text: \"own\", value: Code { number: $r } })?",
        read: "$v.value.number",
    },
    Shape {
        name: "a_link",
        items: "",
        of: "Link<{l}, u64>",
        make: "{ let link = loader.alloc(Link::<'_, u64>::unset())?; loader.link(link, $r)?; link }",
        read: "$v.get().unwrap()",
    },
    Shape {
        name: "a_struct_with_a_link",
        items: "#[derive(Permanent)] pub struct Node<'a> { number: &'a u64, next: Link<'a, Node<'a>> }",
        of: "Node<{l}>",
        make: "{ let node = loader.alloc(Node { number: $r, next: Link::unset() })?; loader.link(&node.next, node)?; node }",
        read: "$v.next.get().unwrap().number",
    },
];
