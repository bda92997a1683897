//! The author's own checks, of `#[mappable(check = "..")]`, on values that are proved.
//!
//! ```text
//!   run of Code   │ Code          │ Code          │     each value that has a check, and each that lies in another one: inner ones first
//!                     └ Option<Jump>                  a plan says where, so that what has no check is not looked at
//! ```
//!
//! The code is mapped for this alone, at its window or elsewhere. So what a check is given leads to other values, and all are proved.

use super::body::Body;
use super::check::number;
use super::known::KnownTypes;
use super::portions;
use crate::code::CodeArena;
use crate::image::format::ImageError;
use crate::image::shape::{Field, Kind, Niche, Proven, Shape, Verifier};
use alloc::string::String;
use alloc::vec::Vec;

/// All values of the types that are known, mapped.
pub(super) struct Verify<'b> {
    body: Body<'b>,
    types: &'b KnownTypes,
    arena: &'b CodeArena,
}

/// Returns `true` if a type of those that are known has a check of its author's, or has a value in it that does.
pub(super) fn is_needed(types: &KnownTypes) -> bool {
    types.shapes.iter().any(|&(_, shape)| Plan::new(shape, types).is_some())
}

impl<'b> Verify<'b> {
    /// # Safety
    ///
    /// Of all types that are known, the runs of `body` are values, with all that they lead to. `arena` begins with this image.
    pub(super) unsafe fn new(body: Body<'b>, types: &'b KnownTypes, arena: &'b CodeArena) -> Self {
        Self { body, types, arena }
    }

    /// Asks about all values. Returns the refusal of the lowest.
    pub(super) fn all(&self, threads: usize) -> Result<(), ImageError> {
        let plans =
            (0u32..).zip(&self.body.index.types).map(|(number, _)| Plan::new(self.types.of(number)?, self.types));
        let plans: Vec<Option<Plan>> = plans.collect();
        let portions = portions::of_runs(self.body.index, |of| plans[of as usize].is_some())?;
        portions::each(&portions, threads, |_: &mut (), portion| {
            let run = &self.body.index.runs[portion.run];
            let size = run.bytes(&self.body.index.types).len() / run.len;
            let plan = plans[run.of as usize].as_ref();
            plan.map_or(Ok(()), |plan| {
                portion.elements.clone().try_for_each(|element| self.value(plan, run.start + element * size))
            })
        })
    }

    fn value(&self, plan: &Plan, at: usize) -> Result<(), ImageError> {
        plan.inner.iter().try_for_each(|inner| self.inside(inner, at))?;
        plan.verifiers.iter().try_for_each(|&(shape, verifier)| {
            // SAFETY: a value of this type lies there, by the promise of `new`: it is that of a run, or lies in one where its description is.
            let value = unsafe { Proven::new(self.arena.byte_of_image(at), shape) };
            verifier(value).map_err(|why| ImageError::Refused { of: String::from(shape.name()), at, why })
        })
    }

    fn inside(&self, inner: &Inner, at: usize) -> Result<(), ImageError> {
        let says = |place: usize, width: usize| number(&self.body.code[at + place..at + place + width]);
        match inner {
            Inner::Fields(fields) => self.fields(fields, at),
            Inner::Array { size, len, element } => (0..*len).try_for_each(|i| self.value(element, at + i * size)),
            Inner::Enum { tag, variants } => {
                let found = says(0, *tag);
                let variant = variants.iter().find(|variant| u128::from(variant.0) == found);
                variant.map_or(Ok(()), |(_, fields)| self.fields(fields, at))
            }
            Inner::Some { none, .. } if says(none.offset, none.width) == none.none => Ok(()),
            Inner::Some { value, .. } => self.value(value, at),
        }
    }

    fn fields(&self, fields: &[(usize, Plan)], at: usize) -> Result<(), ImageError> {
        fields.iter().try_for_each(|(offset, plan)| self.value(plan, at + offset))
    }
}

/// The places in a value at which there are values with a check.
struct Plan {
    /// The checks of the value itself: of each type of this program that it may be taken for.
    verifiers: Vec<(&'static Shape, Verifier)>,
    /// The places within, by each of these types.
    inner: Vec<Inner>,
}

enum Inner {
    /// Places, and what is to be done there.
    Fields(Vec<(usize, Plan)>),
    Array {
        size: usize,
        len: usize,
        element: Plan,
    },
    /// The width of the tag, and the fields by tag.
    Enum {
        tag: usize,
        variants: Vec<(u64, Vec<(usize, Plan)>)>,
    },
    /// An `Option`'s value.
    Some {
        none: Niche,
        value: Plan,
    },
}

impl Plan {
    /// `None` if there is nothing to be done.
    fn new(shape: &'static Shape, types: &KnownTypes) -> Option<Self> {
        let verifiers: Vec<_> = types.alike(shape).filter_map(|shape| Some((shape, shape.verifier?))).collect();
        let inner: Vec<_> = types.alike(shape).filter_map(|shape| Inner::new(shape, types)).collect();
        (!verifiers.is_empty() || !inner.is_empty()).then_some(Self { verifiers, inner })
    }

    fn of_fields(fields: &'static [Field], types: &KnownTypes) -> Vec<(usize, Self)> {
        fields.iter().filter_map(|field| Some((field.offset, Self::new(field.shape, types)?))).collect()
    }
}

impl Inner {
    /// `None` if there is nothing to be done.
    fn new(shape: &'static Shape, types: &KnownTypes) -> Option<Self> {
        match shape.kind {
            Kind::Struct(fields) => {
                Some(Plan::of_fields(fields, types)).filter(|fields| !fields.is_empty()).map(Self::Fields)
            }
            Kind::Array { element, len } => {
                Plan::new(element, types).map(|plan| Self::Array { size: element.size(), len, element: plan })
            }
            Kind::Enum { tag, variants } => {
                let variants = variants.iter().map(|variant| (variant.tag, Plan::of_fields(variant.fields, types)));
                let variants: Vec<_> = variants.filter(|(_, fields)| !fields.is_empty()).collect();
                (!variants.is_empty()).then_some(Self::Enum { tag, variants })
            }
            Kind::Option { value, none } => Plan::new(value, types).map(|value| Self::Some { none, value }),
            _ => None,
        }
    }
}
