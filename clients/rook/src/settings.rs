//! The bounds of a program.

use permacode::HeapArena;
use permacode::pages::PageSource;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// Finds the text of a module by its name.
pub type Sources = Rc<dyn Fn(&str) -> Option<String>>;

/// The bounds of a machine, and where its modules come from.
#[derive(Clone)]
pub struct Settings {
    /// The most bytes of objects. More is refused, which the program sees as a `MemoryError`.
    pub heap_limit: Option<usize>,
    /// The most bytes of loaded code.
    pub code_limit: Option<usize>,
    /// The most operations that it runs.
    pub fuel: u64,
    /// The most calls within calls. More are refused, which the program sees as a `RecursionError`.
    pub depth: usize,
    /// Collect before each operation, and call this after it: slow, and finds values that the machine holds where no collector looks.
    pub collect_always: Option<fn(&HeapArena)>,
    /// The source of pages; the system's without one.
    pub pages: Option<Arc<dyn PageSource>>,
    /// Finds the text of a module by its name.
    pub sources: Sources,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heap_limit: None,
            code_limit: None,
            fuel: u64::MAX,
            depth: 1000,
            collect_always: None,
            pages: None,
            sources: Rc::new(|_| None),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("heap_limit", &self.heap_limit)
            .field("fuel", &self.fuel)
            .finish_non_exhaustive()
    }
}
