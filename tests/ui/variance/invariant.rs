//! soundness S11: what could be given something through one view and show it through another is seen neither longer nor shorter.

use permacode::code::{NativeModule, Tracer};
use permacode::handles::{AtomicCodeSlot, CodeProxy, CodeRcSlot};
use permacode::kit::Machine;
use permacode::owned::OwnedSlot;
use permacode::side::{InlineCache, LazyConstant, PolymorphicCache};
use permacode::{CodeSlot, Engine, Link, Loader, OpenModule, SideTable};
use std::cell::Cell;

fn loader_longer<'s, 'l: 's>(given: &'s Loader<'s>) -> &'s Loader<'l> {
    given
}

fn loader_shorter<'s, 'l: 's>(given: &'s Loader<'l>) -> &'s Loader<'s> {
    given
}

fn open_module_longer<'s, 'l: 's>(given: &'s OpenModule<'s>) -> &'s OpenModule<'l> {
    given
}

fn open_module_shorter<'s, 'l: 's>(given: &'s OpenModule<'l>) -> &'s OpenModule<'s> {
    given
}

fn native_module_longer<'s, 'l: 's>(given: &'s NativeModule<'s>) -> &'s NativeModule<'l> {
    given
}

fn native_module_shorter<'s, 'l: 's>(given: &'s NativeModule<'l>) -> &'s NativeModule<'s> {
    given
}

fn link_longer<'s, 'l: 's>(given: &'s Link<'s, u64>) -> &'s Link<'l, u64> {
    given
}

fn link_shorter<'s, 'l: 's>(given: &'s Link<'l, u64>) -> &'s Link<'s, u64> {
    given
}

fn link_type_longer<'s, 'l: 's>(given: &'s Link<'s, &'s u64>) -> &'s Link<'s, &'l u64> {
    given
}

fn link_type_shorter<'s, 'l: 's>(given: &'s Link<'s, &'l u64>) -> &'s Link<'s, &'s u64> {
    given
}

fn tracer_longer<'s, 'l: 's>(given: &'s Tracer<'s>) -> &'s Tracer<'l> {
    given
}

fn tracer_shorter<'s, 'l: 's>(given: &'s Tracer<'l>) -> &'s Tracer<'s> {
    given
}

fn code_slot_longer<'s, 'l: 's>(given: &'s CodeSlot<'s, u64>) -> &'s CodeSlot<'l, u64> {
    given
}

fn code_slot_shorter<'s, 'l: 's>(given: &'s CodeSlot<'l, u64>) -> &'s CodeSlot<'s, u64> {
    given
}

fn code_slot_type_longer<'s, 'l: 's>(given: &'s CodeSlot<'s, &'s u64>) -> &'s CodeSlot<'s, &'l u64> {
    given
}

fn code_slot_type_shorter<'s, 'l: 's>(given: &'s CodeSlot<'s, &'l u64>) -> &'s CodeSlot<'s, &'s u64> {
    given
}

fn atomic_code_slot_longer<'s, 'l: 's>(given: &'s AtomicCodeSlot<'s, u64>) -> &'s AtomicCodeSlot<'l, u64> {
    given
}

fn atomic_code_slot_shorter<'s, 'l: 's>(given: &'s AtomicCodeSlot<'l, u64>) -> &'s AtomicCodeSlot<'s, u64> {
    given
}

fn atomic_code_slot_type_longer<'s, 'l: 's>(given: &'s AtomicCodeSlot<'s, &'s u64>) -> &'s AtomicCodeSlot<'s, &'l u64> {
    given
}

fn atomic_code_slot_type_shorter<'s, 'l: 's>(given: &'s AtomicCodeSlot<'s, &'l u64>) -> &'s AtomicCodeSlot<'s, &'s u64> {
    given
}

fn code_proxy_type_longer<'s, 'l: 's>(given: &'s CodeProxy<'s, &'s u64>) -> &'s CodeProxy<'s, &'l u64> {
    given
}

fn code_proxy_type_shorter<'s, 'l: 's>(given: &'s CodeProxy<'s, &'l u64>) -> &'s CodeProxy<'s, &'s u64> {
    given
}

fn inline_cache_longer<'s, 'l: 's>(given: &'s InlineCache<&'s u8>) -> &'s InlineCache<&'l u8> {
    given
}

fn inline_cache_shorter<'s, 'l: 's>(given: &'s InlineCache<&'l u8>) -> &'s InlineCache<&'s u8> {
    given
}

fn polymorphic_cache_longer<'s, 'l: 's>(given: &'s PolymorphicCache<&'s u8, 2>) -> &'s PolymorphicCache<&'l u8, 2> {
    given
}

fn polymorphic_cache_shorter<'s, 'l: 's>(given: &'s PolymorphicCache<&'l u8, 2>) -> &'s PolymorphicCache<&'s u8, 2> {
    given
}

fn lazy_constant_longer<'s, 'l: 's>(given: &'s LazyConstant<&'s u8>) -> &'s LazyConstant<&'l u8> {
    given
}

fn lazy_constant_shorter<'s, 'l: 's>(given: &'s LazyConstant<&'l u8>) -> &'s LazyConstant<&'s u8> {
    given
}

fn side_table_of_cells_longer<'s, 'l: 's>(given: &'s SideTable<'s, Cell<&'s u8>>) -> &'s SideTable<'s, Cell<&'l u8>> {
    given
}

fn side_table_of_cells_shorter<'s, 'l: 's>(given: &'s SideTable<'s, Cell<&'l u8>>) -> &'s SideTable<'s, Cell<&'s u8>> {
    given
}

fn code_rc_slot_longer<'s, 'l: 's>(given: CodeRcSlot<&'s str>) -> CodeRcSlot<&'l str> {
    given
}

fn code_rc_slot_shorter<'s, 'l: 's>(given: CodeRcSlot<&'l str>) -> CodeRcSlot<&'s str> {
    given
}

fn owned_slot_longer<'s, 'l: 's>(given: &'s OwnedSlot<&'s u8>) -> &'s OwnedSlot<&'l u8> {
    given
}

fn owned_slot_shorter<'s, 'l: 's>(given: &'s OwnedSlot<&'l u8>) -> &'s OwnedSlot<&'s u8> {
    given
}

struct Host<'h>(&'h u8);

impl<'h> Machine for Host<'h> {
    type At<'a> = (&'a u8, Host<'h>);
}

fn engine_longer<'s, 'l: 's>(given: Engine<Host<'s>>) -> Engine<Host<'l>> {
    given
}

fn engine_shorter<'s, 'l: 's>(given: Engine<Host<'l>>) -> Engine<Host<'s>> {
    given
}

fn main() {}
