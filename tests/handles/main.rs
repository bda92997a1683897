//! Handles of code, permanent and transient: counts, promotion, sweeps, breakpoints, views.

mod breakpoints;
mod counts;
mod flat;
mod handover;
mod home;
mod keeps;
mod model;
mod owned;
mod promote;
mod refused;
mod shared;
mod shared_slot;
mod sites;
mod sweep;
mod sweep_model;
mod views;
