//! Types whose values may lie in an image: [`Mappable`].

use super::shape::Shape;
use crate::code::value::Permanent;
use core::marker::PhantomData;

/// A type whose values may lie in an image, because its bytes mean the same in every process.
///
/// Derive it beside [`Permanent`]. The derive checks every field. A type that cannot lie in an image does not compile, and the error says
/// what to use in its place. It costs nothing at run time.
///
/// ```
/// use permacode::{Link, Mappable, Permanent, Sites};
///
/// #[derive(Permanent, Mappable)]
/// #[repr(u8)]
/// enum Const<'a> {
///     Nil,
///     Int(i64),
///     Str(&'a str),
///     Code(&'a Code<'a>),
/// }
///
/// #[derive(Permanent, Mappable)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
///     consts: &'a [Const<'a>],
///     sites: Sites,
///     parent: Link<'a, Code<'a>>,
/// }
///
/// assert_eq!(<Code<'_> as Mappable>::SHAPE.size(), size_of::<Code<'_>>());
/// ```
///
/// # Which types are mappable
///
/// | | |
/// | --- | --- |
/// | values | integers, floats, `bool`, `char`, `()`, [`NonZero`](core::num::NonZero) |
/// | groups of mappable types | arrays, tuples of up to 12, [`PhantomData`], structs by the derive, enums by the derive with a primitive `#[repr]` |
/// | references to mappable types | `&'a T`, `&'a [T]`, `&'a str` |
/// | this crate's | [`Link`](crate::Link), [`Sites`](crate::Sites), [`Name`](crate::Name) |
/// | [`Option`] | of what leaves a value free for `None`: references, `NonZero`, `bool`, `char`, and types that hold one of them |
///
/// # What is not, and what to use in its place
///
/// | not mappable | in its place |
/// | --- | --- |
/// | `&'static T` in a field | `&'a T`, with `'a` a parameter of the type |
/// | `fn` pointers, which differ in each process | a number, and a table of functions beside the code |
/// | an enum without a primitive `#[repr]` | `#[repr(u8)]` on it |
/// | `Option<u32>` and the like | `Option<NonZero<u32>>`, or an enum of your own with `#[repr(u8)]` |
/// | [`Plain<T>`](crate::Plain), foreign types | a struct of your own, with the derive |
/// | packed types, unions | a struct, an enum |
///
/// # Layouts
///
/// A struct without `#[repr(C)]` is laid out as the compiler likes. Another compiler may lay it out otherwise; its
/// [fingerprint](crate::image::Fingerprint) then differs, and an image of the one is refused by the other. With `#[repr(C)]` on your structs an
/// image outlives compilers.
///
/// # Values that others made
///
/// A value that is read from an image was made by nobody's constructor. The check proves what the compiler relies on, and no invariant of your
/// own. So do not derive the trait on a type of which `unsafe` code relies on more than its fields' types say. The same goes for a
/// type whose *uniqueness* is an invariant.
///
/// # A check of your own
///
/// `#[mappable(check = "path")]` names a function that takes `&Self` and returns `Result<(), E>`, where `E` is anything that can be displayed.
/// [`Image::check`](crate::image::Image::check) calls it with each value of the type, after it has proved them all. So the function
/// may follow references.
///
/// ```
/// use permacode::{CodeArena, Mappable, Permanent, image::{Image, ImageError, ImageWriter}};
///
/// #[derive(Permanent, Mappable)]
/// #[mappable(check = "Code::verify")]
/// struct Code<'a> {
///     ops: &'a [u8],
///     start: u32,
/// }
///
/// impl Code<'_> {
///     fn verify(&self) -> Result<(), &'static str> {
///         if (self.start as usize) < self.ops.len() { Ok(()) } else { Err("it starts behind its end") }
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let code: &Code<'_> = loader.alloc(Code { ops: loader.alloc_slice_copy(&[1, 2])?, start: 7 })?;
/// loader.seal()?;
/// let image = Image::open_sealed(ImageWriter::new(&arena).root("code", code)?.seal()?)?;
/// let refused = image.check::<Code<'_>>().unwrap_err();
/// assert!(matches!(refused, ImageError::Refused { why, .. } if why == "it starts behind its end"));
/// # Ok(())
/// # }
/// ```
///
/// - It is called for values in slices, fields, variants and options too: for those within a value first, and then for the value.
/// - References may make cycles, by way of [`Link`](crate::Link) at least. A function that follows them bounds its steps.
/// - A panic is passed on. The image is then not checked.
/// - A type whose values have no bytes is not asked about: nothing of it comes from a file.
///
/// # Why `'static` is refused
///
/// A field of type `&'static T` is `'static` at every lifetime of the type around it. In an image it leads to other parts of the image. These
/// go when the image does, while the reference stays good for ever.
///
/// # Safety
///
/// An implementation by hand promises, of [`SHAPE`](Mappable::SHAPE):
///
/// 1. It describes the layout that the compiler gave to the type, of every value at every lifetime.
/// 2. Bytes that are a value by the description are a value of the type, and it is sound to have it.
///
/// And of the type:
///
/// 3. Each reference in a `Self::At<'x>` is of lifetime `'x`.
/// 4. No value depends on the process that made it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Mappable`: it cannot lie in an image",
    label = "use `#[derive(Mappable)]` for a type of your own, a number in place of a `fn` pointer",
    note = "an image holds integers, floats, `bool`, `char`, `NonZero`, arrays, tuples, `&'a T`, `&'a [T]`, `&'a str`, `Link`, `Sites`, `Name`, and `Option` of what has a niche",
    note = "a `fn` pointer differs in each process: keep a number, and a table of functions beside the code",
    note = "a foreign type such as `Duration`, or a `Plain<T>`: a struct of your own with the derive"
)]
pub unsafe trait Mappable: Permanent {
    /// The description of the type. The derive writes it.
    ///
    /// ```
    /// assert_eq!(<Option<&u8> as permacode::Mappable>::SHAPE.to_string(), "Option<&u8> (8 bytes, align 8)");
    /// ```
    const SHAPE: &'static Shape;

    /// The reason why the description of the type would not compile, if it would not. The derive says it at the field.
    #[doc(hidden)]
    const PROBLEM: Option<&'static str> = None;

    /// Compiles for fields that are of no other type at `'x`, for the derive. It is a method so that nothing else can be called in its place.
    #[doc(hidden)]
    fn field_must_not_be_static<'x, F: Permanent<At<'x> = F>>(_: PhantomData<&'x ()>, _: &mut F) {}
}
