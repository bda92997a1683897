/*
 * permacode for C: memory for interpreters.
 *
 * A CODE ARENA holds what an interpreter only reads: bytecode, constants, names, line tables. It is filled module by module.
 * A sealed module is read-only: a store to it ends the process, and forked workers share its pages.
 *
 * A HEAP ARENA holds what changes: objects. Its bookkeeping lies apart from the objects, and a mark bit for each is there for
 * your collector.
 *
 * An IMAGE is a file with loaded code. Any process maps it, and all share its pages.
 *
 *     permacode_code *code;
 *     permacode_module *module;
 *     void *ops;
 *     if (permacode_code_new(0, &code) != PERMACODE_OK ||
 *         permacode_code_load(code, "json", &module) != PERMACODE_OK ||
 *         permacode_module_alloc(module, 3, 1, &ops) != PERMACODE_OK) {
 *         fprintf(stderr, "%s\n", permacode_error());
 *         exit(1);
 *     }
 *     memcpy(ops, "\1\2\3", 3);        // the module is open: its blocks may be written
 *     permacode_module_seal(module);   // from here on, a store to them is fatal
 *
 * ERRORS. A function that can fail returns a permacode_status. It is PERMACODE_OK, which is 0, or says what kind of failure it
 * was; permacode_error() has the reason and the advice as text. Nothing is changed then. Functions that allocate from a heap
 * return NULL instead, as malloc does.
 *
 * THREADS. Any number of threads may use a code arena at once; an open module is used by one thread at a time. A heap arena is
 * used by one thread at a time. The library takes no lock of its own, so a forked child may call
 * all functions.
 *
 * POINTERS to arenas, modules, images and results must be valid, and not NULL unless it says so. Text is UTF-8 and ends with a
 * zero byte. Sizes are in bytes.
 */
#ifndef PERMACODE_H
#define PERMACODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct permacode_code permacode_code;     /* a code arena */
typedef struct permacode_module permacode_module; /* a module while it is open */
typedef struct permacode_heap permacode_heap;     /* a heap arena */
typedef struct permacode_image permacode_image;   /* an image that was opened */

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

typedef enum permacode_status {
    PERMACODE_OK = 0,
    PERMACODE_ARGUMENT = 1, /* text that is not UTF-8, an alignment that is no power of two, a value that has no meaning */
    PERMACODE_FULL = 2,     /* the reservation or the limit is reached: choose a larger one */
    PERMACODE_REFUSED = 3,  /* the system refused memory, or something else that the call needs */
    PERMACODE_TOO_MANY = 4, /* a table of the process is full: heaps that are registered, arenas that report faults */
    PERMACODE_IMAGE = 5     /* the image cannot be written, opened or used like this */
} permacode_status;

/* Returns why the last call of this thread that failed did so, and what to do. It is never NULL. The text is good until the
 * next call of this thread that fails. */
const char *permacode_error(void);

/* ---- code arenas ----------------------------------------------------------------------------------------------------- */

/* Makes a code arena. `reservation` is the address space that is set aside; it takes no memory until it is used. 0 stands for the
 * default, 2 GiB on 64 bits or less where that is too much. Two system calls. */
permacode_status permacode_code_new(size_t reservation, permacode_code **code);

/* Makes a code arena that begins with the code of an image. More modules can be loaded behind it. The arena keeps what it needs of
 * the image, so the image may be closed. */
permacode_status permacode_code_on_image(const permacode_image *image, size_t reservation, permacode_code **code);

/* Gives a code arena back, with all that lies in it. Its modules must be closed, and nobody may use its code any more. NULL is
 * ignored. */
void permacode_code_delete(permacode_code *code);

/* Begins a module. `name` shows in permacode_code_locate and in fault reports; it is copied, and need not be the only one. */
permacode_status permacode_code_load(permacode_code *code, const char *name, permacode_module **module);

/* Allocates a block of zeros in an open module. Fill it before the module is closed; it never changes afterwards. `align` is a power of
 * two. A block of size 0 has an address that must not be used. Blocks are not freed one by one: parse first, then load. */
permacode_status permacode_module_alloc(permacode_module *module, size_t size, size_t align, void **block);

/* Returns the arena's one copy of a text of `length` bytes, which need not end with a zero byte; the copy does. Equal texts of one
 * arena have the same address, so names can be compared by their addresses. */
permacode_status permacode_module_intern(permacode_module *module, const char *text, size_t length, const char **name);

/* Closes a module, which stays writable for the hardware until permacode_code_seal. This is the way to load many small modules: they
 * share pages. The module must not be used afterwards. */
void permacode_module_finish(permacode_module *module);

/* Closes a module and makes its pages read-only, one system call. The module must not be used afterwards, whatever is returned.
 * If the system refuses, the module is closed but not sealed, and permacode_code_seal tries again. */
permacode_status permacode_module_seal(permacode_module *module);

/* Makes all modules read-only that are closed and are not so yet: commonly one system call. */
permacode_status permacode_code_seal(permacode_code *code);

/* Returns true if an address lies in the code pages of an arena: a subtraction and two comparisons. The address is not used. False if
 * `code` is NULL. */
bool permacode_code_contains(const permacode_code *code, const void *address);

/* Where an address lies. */
typedef struct permacode_place {
    const char *module;   /* the name of the module: text that does NOT end with a zero byte, and lives as long as the arena */
    size_t module_length; /* bytes of the name */
    size_t offset;        /* bytes from the module's beginning: the same in each process that loads the same code */
} permacode_place;

/* Finds the closed module that holds an address. Returns false, and leaves `place` alone, if there is none. It takes no lock and
 * allocates nothing, so a signal handler or a profiler may call it. */
bool permacode_code_locate(const permacode_code *code, const void *address, permacode_place *place);

/* Lets a stray store to sealed code of this arena say whose code it hit, on the standard error:
 *
 *     permacode: store to sealed code, module json + 8
 *
 * Then the handler of SIGSEGV is called that was there before, or the process dies as it would have. Install handlers of your own
 * before the first call, or let them call the one that they replace. At most 64 arenas report at once. */
permacode_status permacode_code_report_faults(permacode_code *code);

/* ---- heap arenas ----------------------------------------------------------------------------------------------------- */

/* Makes a heap arena. `reservation` is the address space that is set aside, 0 for the default, 8 GiB on 64 bits or less where that
 * is too much. `limit` bounds the bytes of live objects, 0 for no limit. */
permacode_status permacode_heap_new(size_t reservation, size_t limit, permacode_heap **heap);

/* Gives a heap back, with all objects in it: no need to free them one by one. NULL is ignored. */
void permacode_heap_delete(permacode_heap *heap);

/* malloc. The object is aligned to 16. Size 0 gives an object of 16 bytes. NULL: the limit is reached, or there is no memory. */
void *permacode_heap_malloc(permacode_heap *heap, size_t size);

/* calloc. NULL also if the product is more than any object can have. */
void *permacode_heap_calloc(permacode_heap *heap, size_t count, size_t size);

/* realloc. NULL is allocated; size 0 frees and returns NULL. Any other NULL says that there is no memory, and the object is as it
 * was. An object that gets no larger is never refused. */
void *permacode_heap_realloc(permacode_heap *heap, void *object, size_t size);

/* realloc that never frees: size 0 keeps an object of 16 bytes. For CPython and SQLite, which take NULL for a lack of memory. */
void *permacode_heap_resize(permacode_heap *heap, void *object, size_t size);

/* free. NULL is ignored, and so is a pointer that is no object of this heap. An object must not be freed twice. */
void permacode_heap_free(permacode_heap *heap, void *object);

/* lua_Alloc: allocates, reallocates or frees, with the old size, which must be exact. `heap` is a permacode_heap. Pass this function and the
 * heap to lua_newstate. */
void *permacode_heap_lua_alloc(void *heap, void *object, size_t old_size, size_t new_size);

/* Lets permacode_heap_usable_size find this heap until it is deleted. At most 256 heaps of a process are registered. More calls for
 * the same heap do nothing. */
permacode_status permacode_heap_register(permacode_heap *heap);

/* malloc_usable_size, without the heap: it is found among those that are registered. 0 for NULL and for a pointer to no object. For
 * QuickJS, which has nothing but the pointer. */
size_t permacode_heap_usable_size(const void *object);

/* What a heap holds. An object counts with the size of its class, which is the next larger one. */
typedef struct permacode_heap_counts {
    size_t live;      /* bytes of live objects: what the limit is compared with, and a collector's threshold */
    size_t objects;   /* live objects, a number */
    size_t committed; /* bytes that were made writable */
    size_t reserved;  /* bytes of address space set aside for objects */
} permacode_heap_counts;

/* Counts what a heap holds. It costs a look at each size class and no system call. */
void permacode_heap_stats(const permacode_heap *heap, permacode_heap_counts *counts);

/* Gives the memory back that no object takes. Freed memory also goes back by itself, after a while. Call it before a fork. `returned`, if
 * it is not NULL, is set to the bytes that went back. */
permacode_status permacode_heap_trim(permacode_heap *heap, size_t *returned);

/* Marks the object that holds an address, for a collector. Returns true if it was not marked before: then look at what it leads to.
 * False for an object that is marked, and for an address of no object. Marks lie apart from the objects. Between the first mark and
 * the sweep free nothing by hand. */
bool permacode_heap_mark(permacode_heap *heap, const void *object);

/* Frees every object that is not marked, and takes the marks away. Returns the bytes that were freed. */
size_t permacode_heap_sweep(permacode_heap *heap);

/* Puts the objects that are made from now on to pages of their own, so that forked workers copy fewer of those that they share. Call it
 * before a fork. */
void permacode_heap_fence(permacode_heap *heap);

/* ---- images ---------------------------------------------------------------------------------------------------------- */

/* A block of an arena that an image has under a name. */
typedef struct permacode_root {
    const char *name;
    const void *bytes; /* in a closed module of the arena */
    size_t length;
} permacode_root;

/* Writes an image with some blocks of an arena to a file. Whoever opens the path finds the old file or the whole new one. The bytes are
 * kept as they are: where code refers to code, let it say an offset and not an address. Alignment is kept. The modules that the blocks
 * lie in are sealed, and the arena gets one more, named "roots". */
permacode_status permacode_image_write(permacode_code *code, const char *path, const permacode_root *roots, size_t count);

/* How an image's bytes are come by. */
enum {
    PERMACODE_COPY = 0, /* they are copied to sealed memory: right whoever can write to the file, but not shared */
    PERMACODE_MAP = 1   /* the file is mapped and shared: YOU promise that nobody changes or shortens it while it is mapped */
};

/* Who says that the bytes are an image. */
enum {
    PERMACODE_CHECK = 0, /* they are checked, in time that grows with the file */
    PERMACODE_TRUST = 1  /* YOU promise that permacode_image_write wrote them, built as this library is */
};

/* What you promise of an image. All zeros, or a NULL in its place, promises nothing: copied and checked. */
typedef struct permacode_trust {
    int bytes;             /* PERMACODE_COPY or PERMACODE_MAP */
    int proof;             /* PERMACODE_CHECK or PERMACODE_TRUST */
    const uint8_t *digest; /* 32 bytes that the image's digest must equal, or NULL */
} permacode_trust;

/* Opens an image. `trust` may be NULL. */
permacode_status permacode_image_open(const char *path, const permacode_trust *trust, permacode_image **image);

/* Tells the digest of an image: a function of its contents, to be kept and asked for in permacode_trust. */
void permacode_image_digest(const permacode_image *image, uint8_t digest[32]);

/* Closes an image. Arenas that began with it keep what they need. NULL is ignored. */
void permacode_image_close(permacode_image *image);

/* Finds the block that an image has under a name, in an arena that began with the image. It lives as long as the arena. */
permacode_status permacode_code_root(const permacode_code *code, const char *name, const void **bytes, size_t *length);

#ifdef __cplusplus
}
#endif

#endif
