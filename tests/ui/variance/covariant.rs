//! soundness S11: what may be seen for a shorter time is never seen for a longer one.

use permacode::code::{Location, Modules};
use permacode::handles::{CodeProxy, CodeRc};
use permacode::heap::{HeapWeak, Registration};
use permacode::image::ImageWriter;
use permacode::image::inspect::{FieldInfo, ModuleInfo, RootInfo, TypeInfo, VariantInfo};
use permacode::kit::{Marker, Refused, Tracked};
use permacode::owned::OwnedSideTable;
use permacode::side::SideTableBuilder;
use permacode::{CodeRef, Gc, HeapRc, HeapString, Module, Name, Owned, Plain, SideTable, Transients};

fn module<'s, 'l: 's>(given: Module<'s>) -> Module<'l> {
    given
}

fn modules<'s, 'l: 's>(given: Modules<'s>) -> Modules<'l> {
    given
}

fn location<'s, 'l: 's>(given: Location<'s>) -> Location<'l> {
    given
}

fn image_writer<'s, 'l: 's>(given: ImageWriter<'s>) -> ImageWriter<'l> {
    given
}

fn name<'s, 'l: 's>(given: Name<'s>) -> Name<'l> {
    given
}

fn plain<'s, 'l: 's>(given: Plain<&'s u8>) -> Plain<&'l u8> {
    given
}

fn code_ref<'s, 'l: 's>(given: CodeRef<'s, u16>) -> CodeRef<'l, u16> {
    given
}

fn code_ref_type<'s, 'l: 's>(given: CodeRef<'s, &'s str>) -> CodeRef<'s, &'l str> {
    given
}

fn code_rc<'s, 'l: 's>(given: CodeRc<&'s str>) -> CodeRc<&'l str> {
    given
}

fn code_proxy<'s, 'l: 's>(given: CodeProxy<'s, u16>) -> CodeProxy<'l, u16> {
    given
}

fn transients<'s, 'l: 's>(given: &'s Transients<'s>) -> &'s Transients<'l> {
    given
}

fn heap_rc<'s, 'l: 's>(given: HeapRc<'s, u8>) -> HeapRc<'l, u8> {
    given
}

fn heap_rc_type<'s, 'l: 's>(given: HeapRc<'s, &'s u8>) -> HeapRc<'s, &'l u8> {
    given
}

fn heap_weak<'s, 'l: 's>(given: HeapWeak<'s, u8>) -> HeapWeak<'l, u8> {
    given
}

fn heap_weak_type<'s, 'l: 's>(given: HeapWeak<'s, &'s u8>) -> HeapWeak<'s, &'l u8> {
    given
}

fn heap_string<'s, 'l: 's>(given: HeapString<'s>) -> HeapString<'l> {
    given
}

fn tracked<'s, 'l: 's>(given: Tracked<'s>) -> Tracked<'l> {
    given
}

fn error_at<'s, 'l: 's>(given: permacode::error::ErrorAt<&'s u8>) -> permacode::error::ErrorAt<&'l u8> {
    given
}

fn refused<'s, 'l: 's>(given: Refused<&'s u8>) -> Refused<&'l u8> {
    given
}

fn registration<'s, 'l: 's>(given: Registration<'s>) -> Registration<'l> {
    given
}

fn side_table<'s, 'l: 's>(given: SideTable<'s, u8>) -> SideTable<'l, u8> {
    given
}

fn side_table_type<'s, 'l: 's>(given: SideTable<'s, *const &'s u8>) -> SideTable<'s, *const &'l u8> {
    given
}

fn owned<'s, 'l: 's>(given: Owned<&'s str>) -> Owned<&'l str> {
    given
}

fn owned_side_table<'s, 'l: 's>(given: OwnedSideTable<*const &'s u8>) -> OwnedSideTable<*const &'l u8> {
    given
}

fn side_table_builder<'s, 'l: 's>(given: SideTableBuilder<'s, u8>) -> SideTableBuilder<'l, u8> {
    given
}

fn gc<'s, 'l: 's>(given: Gc<'s, u8>) -> Gc<'l, u8> {
    given
}

fn gc_type<'s, 'l: 's>(given: Gc<'s, &'s u8>) -> Gc<'s, &'l u8> {
    given
}

fn marker<'s, 'l: 's>(given: &'s Marker<'s>) -> &'s Marker<'l> {
    given
}

fn field_info<'s, 'l: 's>(given: FieldInfo<'s>) -> FieldInfo<'l> {
    given
}

fn module_info<'s, 'l: 's>(given: ModuleInfo<'s>) -> ModuleInfo<'l> {
    given
}

fn root_info<'s, 'l: 's>(given: RootInfo<'s>) -> RootInfo<'l> {
    given
}

fn type_info<'s, 'l: 's>(given: TypeInfo<'s>) -> TypeInfo<'l> {
    given
}

fn variant_info<'s, 'l: 's>(given: VariantInfo<'s>) -> VariantInfo<'l> {
    given
}

fn main() {}
