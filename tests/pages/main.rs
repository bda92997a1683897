//! Pages of every kind, what the kernel says of them, and address space that is short: for both arenas and side tables.

mod dual;
mod dual_builder;
mod named;
mod page_sizes;
mod pooled;
mod residency;
mod residency_names;
mod residency_proc;
mod scarce_addresses;
mod wrappers;
