//! A heap: objects, memory that goes back, collectors, forks, C, and systems that refuse.

mod c_face;
mod collections;
mod container;
mod cpython;
mod debug;
mod failures;
mod far;
mod fence;
mod full;
mod huge;
mod khugepaged;
mod large;
mod lets_go;
mod memory;
mod memory_returns;
mod model;
mod orders;
mod rc;
mod shrink;
mod string;
mod values;
mod walk;
mod weak;
