/*
 * CPython 3 with its objects on a heap arena. Its domains MEM and OBJ are called with the interpreter's lock held, by one thread at a time.
 * The raw domain is not: it stays the system's.
 *
 *     cc python.c $(pkg-config --cflags --libs permacode python3-embed)
 */
#include <Python.h>

#include "recipe.h"

static void *py_malloc(void *heap, size_t size) { return permacode_heap_malloc(heap, size); }
static void *py_calloc(void *heap, size_t count, size_t size) { return permacode_heap_calloc(heap, count, size); }
/* Python takes NULL for a lack of memory, also for size 0: so not permacode_heap_realloc, which frees then. */
static void *py_realloc(void *heap, void *object, size_t size) { return permacode_heap_resize(heap, object, size); }
static void py_free(void *heap, void *object) { permacode_heap_free(heap, object); }

int main(void) {
    permacode_heap *heap;
    PyMemAllocatorEx allocator = {NULL, py_malloc, py_calloc, py_realloc, py_free};
    PyObject *main_module, *result;
    MUST(permacode_heap_new(0, 0, &heap) == PERMACODE_OK);

    allocator.ctx = heap;
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &allocator); /* before Py_Initialize */
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &allocator);

    Py_Initialize();
    MUST(objects(heap) > 1000);
    MUST(PyRun_SimpleString("import json\n"
                            "text = json.dumps([{'word': str(i)} for i in range(10000)])\n"
                            "size = len(json.loads(text))\n") == 0);
    main_module = PyImport_AddModule("__main__");
    result = PyObject_GetAttrString(main_module, "size");
    MUST(result != NULL && PyLong_AsLong(result) == 10000);
    MUST(objects(heap) > 20000);
    Py_DECREF(result);

    MUST(Py_FinalizeEx() == 0);
    /* What extension modules keep for the process stays. The heap goes last, with all of it. */
    permacode_heap_delete(heap);
    puts("CPython ran on a heap arena");
    return 0;
}
