//! A reservation that a store can be made in.

use super::code_pages::CodePages;
use super::plan::StorePlan;
use super::prefix::{Preface, PrefixPlace, PrefixPlaced};
use crate::error::Error;
use crate::pages::{Reservation, Sealable, Source, Step};

/// A reservation, made for a plan, with its first pages committed: those in front of the code, and the first of the code. Nothing was written there.
///
/// With a prefix, that is in its place, and of the code behind it no page is committed.
pub(in crate::code) struct Ground {
    reservation: Reservation<Sealable>,
    plan: StorePlan,
    prefix: Option<PrefixPlaced>,
}

impl Ground {
    /// Reserves and commits what the plan says: two calls.
    pub(in crate::code) fn new(source: Source, plan: StorePlan) -> Result<Self, Error> {
        let reservation = Reservation::new(source, plan.len)?;
        let first = 0..plan.start + CodePages::ready(&reservation, plan);
        // SAFETY: whole pages of a reservation that nothing was done with yet.
        unsafe { reservation.apply(Step::Commit, first) }?;
        Ok(Self { reservation, plan, prefix: None })
    }

    /// Reserves and commits what the plan says, and puts code in front.
    pub(in crate::code) fn with_prefix(source: Source, plan: StorePlan, preface: &dyn Preface) -> Result<Self, Error> {
        let reservation = match wish(plan, preface) {
            Some(wish) => Reservation::near(source, plan.len, wish)?,
            None => {
                let first = Reservation::new(source.clone(), plan.len)?;
                let code = first.base().addr().get().wrapping_add(plan.first());
                // A source that keeps reservations may have one there. It is held while another one is made.
                if preface.shuns() == Some(code) { Reservation::new(source, plan.len)? } else { first }
            }
        };
        Self::place(reservation, plan, preface)
    }

    /// The same, if the code lies where it wishes to. `None` if it has no such wish, or something lies there.
    pub(in crate::code) fn at_wish(
        source: Source,
        plan: StorePlan,
        preface: &dyn Preface,
    ) -> Result<Option<Self>, Error> {
        let Some(wish) = wish(plan, preface) else { return Ok(None) };
        let reservation = Reservation::near(source, plan.len, wish)?;
        if reservation.base().addr().get() != wish {
            return Ok(None);
        }
        Self::place(reservation, plan, preface).map(Some)
    }

    fn place(reservation: Reservation<Sealable>, plan: StorePlan, preface: &dyn Preface) -> Result<Self, Error> {
        let place = PrefixPlace { head: plan.head, code: plan.first()..plan.start };
        let prefix = preface.place(&reservation, place)?;
        // Without any bytes of a prefix the first code pages follow.
        let ready = CodePages::ready(&reservation, plan);
        // SAFETY: whole pages of a reservation with which nothing was done but for what lies behind them.
        unsafe { reservation.apply(Step::Commit, 0..plan.records() + ready) }?;
        Ok(Self { reservation, plan, prefix: Some(prefix) })
    }

    pub(super) fn into_parts(self) -> (Reservation<Sealable>, StorePlan, Option<PrefixPlaced>) {
        (self.reservation, self.plan, self.prefix)
    }
}

/// The address that a reservation should have, for code in front of its own.
fn wish(plan: StorePlan, preface: &dyn Preface) -> Option<usize> {
    preface.wish()?.checked_sub(plan.first())
}
