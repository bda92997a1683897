//! CPython 3.11 with all its objects in a heap: it starts, passes its own tests, and leaves behind what it leaves behind with any allocator.
//!
//! Where there is no `libpython3.11.so.1.0`, or its tests are not installed (Debian: `libpython3.11`, `libpython3.11-testsuite`), the output
//! says SKIPPED.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use permacode::HeapArena;
use permacode::ffi::{permacode_heap_calloc, permacode_heap_free, permacode_heap_malloc, permacode_heap_resize};
use permacode_witness::{Child, End, skipped};

/// `PyMemAllocatorEx`, with what its context is.
#[repr(C)]
struct Allocator<C> {
    context: *const C,
    malloc: unsafe extern "C" fn(*const C, usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(*const C, usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*const C, *mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*const C, *mut c_void),
}

/// The domains that are called with the interpreter's lock held only, so by one thread at a time. The third is the system's.
const MEM: c_int = 1;
const OBJ: c_int = 2;

/// What of CPython is used, found at run time.
struct Python {
    set_allocator: unsafe extern "C" fn(c_int, *const c_void),
    set_program_name: unsafe extern "C" fn(*const libc::wchar_t),
    initialize: unsafe extern "C" fn(c_int),
    run: unsafe extern "C" fn(*const c_char) -> c_int,
    finalize: unsafe extern "C" fn() -> c_int,
}

/// # Safety
///
/// `T` is the type of a pointer to the function that lies there.
unsafe fn function<T: Copy>(address: *mut c_void) -> T {
    assert_eq!(size_of::<T>(), size_of_val(&address));
    // SAFETY: the caller's promise.
    unsafe { core::mem::transmute_copy(&address) }
}

impl Python {
    fn found() -> Option<Self> {
        // SAFETY: a library's own initialisation, and look-ups by name; the types are those of CPython's headers.
        unsafe {
            let library = libc::dlopen(c"libpython3.11.so.1.0".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
            if library.is_null() {
                return None;
            }
            let find = |name: &CStr| Some(libc::dlsym(library, name.as_ptr())).filter(|found| !found.is_null());
            Some(Self {
                set_allocator: function(find(c"PyMem_SetAllocator")?),
                set_program_name: function(find(c"Py_SetProgramName")?),
                initialize: function(find(c"Py_InitializeEx")?),
                run: function(find(c"PyRun_SimpleString")?),
                finalize: function(find(c"Py_FinalizeEx")?),
            })
        }
    }

    /// Starts an interpreter on an allocator, runs a program, and ends it; whether the program raised nothing.
    fn run<C>(&self, allocator: &'static Allocator<C>, program: &CStr) -> bool {
        // Whichever Python is first in the path, this is the one whose library it is.
        let name: Vec<libc::wchar_t> = "/usr/bin/python3.11\0".chars().map(|char| char as libc::wchar_t).collect();
        // SAFETY: in the order that CPython's documentation gives; its allocator lasts as long as this process, which has no other
        // interpreter.
        unsafe {
            (self.set_program_name)(name.as_ptr());
            (self.set_allocator)(MEM, ptr::from_ref(allocator).cast());
            (self.set_allocator)(OBJ, ptr::from_ref(allocator).cast());
            (self.initialize)(0);
            let raised = (self.run)(program.as_ptr());
            assert_eq!((self.finalize)(), 0);
            raised == 0
        }
    }
}

/// The system's allocator, with a count of what is live.
mod counted {
    use super::*;

    type Count = Cell<isize>;

    /// # Safety
    ///
    /// The count lasts longer than the call.
    unsafe fn add(count: *const Count, by: isize) {
        // SAFETY: the caller's promise.
        let count = unsafe { &*count };
        count.set(count.get() + by);
    }

    pub(super) unsafe extern "C" fn malloc(count: *const Count, size: usize) -> *mut c_void {
        // SAFETY: as for `malloc`; the count is this test's.
        unsafe {
            add(count, 1);
            libc::malloc(size.max(1))
        }
    }

    pub(super) unsafe extern "C" fn calloc(count: *const Count, elements: usize, size: usize) -> *mut c_void {
        // SAFETY: as for `calloc`; the count is this test's.
        unsafe {
            add(count, 1);
            libc::calloc(elements.max(1), size.max(1))
        }
    }

    pub(super) unsafe extern "C" fn realloc(count: *const Count, object: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: as for `realloc`; the count is this test's.
        unsafe {
            add(count, isize::from(object.is_null()));
            libc::realloc(object, size.max(1))
        }
    }

    pub(super) unsafe extern "C" fn free(count: *const Count, object: *mut c_void) {
        // SAFETY: as for `free`; the count is this test's.
        unsafe {
            add(count, -isize::from(!object.is_null()));
            libc::free(object);
        }
    }
}

/// Loads and runs tests of CPython's own. Raises if one fails, or none was run.
const TESTS: &CStr = c"
import io, sys, unittest
suite = unittest.defaultTestLoader.loadTestsFromNames(['test.test_list', 'test.test_dict', 'test.test_gc'])
out = io.StringIO()
result = unittest.TextTestRunner(stream=out).run(suite)
if not result.wasSuccessful() or result.testsRun < 200:
    sys.__stderr__.write(out.getvalue())
    raise SystemError(f'{result.testsRun} tests, {len(result.failures)} failures, {len(result.errors)} errors')
del suite, result, out
";

/// How a child ends in which an interpreter runs on what `allocate` makes, and what was live at its end, written there.
fn left(program: &CStr, run: fn(&Python, &CStr) -> (bool, usize)) -> (End, usize) {
    let shared = SharedNumber::new();
    let end = Child::run(|| {
        // SAFETY: this process has no other threads.
        unsafe {
            std::env::set_var("PYTHONDONTWRITEBYTECODE", "1");
            std::env::set_var("PYTHONHASHSEED", "0");
        }
        let (passed, left) = run(&Python::found().unwrap(), program);
        shared.set(left);
        i32::from(!passed)
    });
    (end.unwrap(), shared.get())
}

/// A number that a child tells its parent.
struct SharedNumber(*mut usize);

impl SharedNumber {
    fn new() -> Self {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at no particular address.
        let page = unsafe { libc::mmap(ptr::null_mut(), size_of::<usize>(), access, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        Self(page.cast())
    }

    fn set(&self, number: usize) {
        // SAFETY: the page is mapped as long as the process lives; the parent reads it when the child has ended.
        unsafe { self.0.write_volatile(number) };
    }

    fn get(&self) -> usize {
        // SAFETY: as above.
        unsafe { self.0.read_volatile() }
    }
}

fn on_the_heap(python: &Python, program: &CStr) -> (bool, usize) {
    let heap = HeapArena::new().unwrap().leak();
    let allocator = Box::leak(Box::new(Allocator {
        context: ptr::from_ref(heap),
        malloc: permacode_heap_malloc,
        calloc: permacode_heap_calloc,
        realloc: permacode_heap_resize,
        free: permacode_heap_free,
    }));
    (python.run(allocator, program), heap.stats().objects)
}

fn on_the_system(python: &Python, program: &CStr) -> (bool, usize) {
    let count = Box::leak(Box::new(Cell::new(0)));
    let allocator = Box::leak(Box::new(Allocator {
        context: ptr::from_ref(count),
        malloc: counted::malloc,
        calloc: counted::calloc,
        realloc: counted::realloc,
        free: counted::free,
    }));
    (python.run(allocator, program), count.get() as usize)
}

#[test]
fn cpython_passes_its_own_tests_on_a_heap_and_leaves_nothing_of_its_own_behind() {
    if Python::found().is_none() {
        return skipped("CPython on a heap", "no libpython3.11.so.1.0");
    }
    assert_eq!(left(c"import sys", on_the_heap).0, End::Code(0), "it starts and ends");
    if left(c"import test.test_list, test.test_dict, test.test_gc", on_the_system).0 != End::Code(0) {
        return skipped("CPython's own tests on a heap", "they are not installed");
    }
    let (end, on_heap) = left(TESTS, on_the_heap);
    assert_eq!(end, End::Code(0), "its tests fail");
    let (end, on_system) = left(TESTS, on_the_system);
    assert_eq!(end, End::Code(0));
    // CPython 3.11 itself does not free some thousand objects when it ends, with whichever allocator.
    assert_eq!(on_heap, on_system, "objects are left in the heap that the system's allocator is given back");
}
