//! A reservation that a store can be made in.

use super::code_pages::CodePages;
use super::plan::StorePlan;
use crate::error::Error;
use crate::pages::{Reservation, Sealable, Source, Step};

/// A reservation, made for a plan, with its first pages committed: those in front of the code, and the first of the code. Nothing was written there.
pub(in crate::code) struct Ground {
    reservation: Reservation<Sealable>,
    plan: StorePlan,
}

impl Ground {
    /// Reserves and commits what the plan says: two calls.
    pub(in crate::code) fn new(source: Source, plan: StorePlan) -> Result<Self, Error> {
        let reservation = Reservation::new(source, plan.len)?;
        let first = 0..plan.start + CodePages::ready(&reservation, plan);
        // SAFETY: whole pages of a reservation that nothing was done with yet.
        unsafe { reservation.apply(Step::Commit, first) }?;
        Ok(Self { reservation, plan })
    }

    pub(super) fn into_parts(self) -> (Reservation<Sealable>, StorePlan) {
        (self.reservation, self.plan)
    }
}
