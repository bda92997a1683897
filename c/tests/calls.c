/*
 * Every function of permacode.h: what it gives, and what it refuses.
 *
 * It is compiled as C99, C11 and C++17, so it casts what malloc's kind returns.
 */
#include "check.h"
#include <unistd.h>

#define refused(call, expected, words) refused_at(__LINE__, call, expected, words)

static void refused_at(int line, permacode_status status, permacode_status expected, const char *words) {
    if (status != expected || strstr(permacode_error(), words) == NULL) {
        fprintf(stderr, "line %d: status %d and \"%s\", expected %d and \"%s\"\n", line, (int)status, permacode_error(),
                (int)expected, words);
        exit(1);
    }
}

static void code_arenas(void) {
    permacode_code *code = NULL;
    permacode_module *module = NULL, *other = NULL;
    void *block = NULL, *ops = NULL;
    const char *name = NULL, *again = NULL;
    permacode_place place;
    OK(permacode_code_new(1 << 20, &code));
    OK(permacode_code_report_faults(code));
    OK(permacode_code_load(code, "json", &module));

    /* Blocks are zero, aligned, and writable while the module is open. */
    OK(permacode_module_alloc(module, 3, 1, &ops));
    OK(permacode_module_alloc(module, 100, 64, &block));
    CHECK((size_t)block % 64 == 0);
    for (size_t i = 0; i < 100; i++)
        CHECK(((unsigned char *)block)[i] == 0);
    memcpy(ops, "\1\2\3", 3);
    memset(block, 7, 100);

    /* Equal names have one address, in any module, and end with a zero byte. */
    OK(permacode_module_intern(module, "printing", 5, &name));
    OK(permacode_code_load(code, "other", &other));
    OK(permacode_module_intern(other, "print", 5, &again));
    CHECK(name == again && strcmp(name, "print") == 0);
    permacode_module_finish(other);

    /* It is found once it is closed. */
    CHECK(!permacode_code_locate(code, block, &place));
    OK(permacode_module_seal(module));
    OK(permacode_code_seal(code));
    CHECK(permacode_code_locate(code, (char *)block + 99, &place));
    CHECK(place.module_length == 4 && memcmp(place.module, "json", 4) == 0 && place.offset == 64 + 99);
    CHECK(permacode_code_contains(code, block) && !permacode_code_contains(code, &place));
    CHECK(!permacode_code_contains(NULL, block));
    CHECK(memcmp(ops, "\1\2\3", 3) == 0 && ((unsigned char *)block)[99] == 7);

    /* What it refuses. Nothing is changed then. */
    refused(permacode_code_load(code, "\xff", &module), PERMACODE_ARGUMENT, "not UTF-8");
    refused(permacode_code_load(code, NULL, &module), PERMACODE_ARGUMENT, "NULL");
    OK(permacode_code_load(code, "full", &module));
    refused(permacode_module_alloc(module, 8, 3, &block), PERMACODE_ARGUMENT, "power of two");
    refused(permacode_module_alloc(module, 2 << 20, 8, &block), PERMACODE_FULL, "larger `reservation`");
    refused(permacode_module_intern(module, "\xc3\x28", 2, &name), PERMACODE_ARGUMENT, "not UTF-8");
    OK(permacode_module_intern(module, NULL, 0, &name));
    CHECK(*name == 0);
    permacode_module_finish(module);
    permacode_code_delete(code);
    permacode_code_delete(NULL);

    refused(permacode_code_new((size_t)-1, &code), PERMACODE_FULL, "");
    refused(permacode_code_new((size_t)1 << 47, &code), PERMACODE_REFUSED, "reserve address space");
}

static void heap_arenas(void) {
    permacode_heap *heap = NULL;
    permacode_heap_counts counts;
    char *object, *larger;
    size_t returned = 0;
    OK(permacode_heap_new(1 << 24, 1 << 20, &heap));
    object = (char *)permacode_heap_malloc(heap, 100);
    CHECK(object != NULL && (size_t)object % 16 == 0);
    memset(object, 7, 100);
    larger = (char *)permacode_heap_realloc(heap, object, 5000);
    CHECK(larger != NULL && larger[99] == 7);
    larger = (char *)permacode_heap_resize(heap, larger, 0);
    CHECK(larger != NULL);
    permacode_heap_stats(heap, &counts);
    CHECK(counts.objects == 1 && counts.live == 16 && counts.reserved >= 1 << 23 && counts.committed > 0);
    permacode_heap_free(heap, larger);
    permacode_heap_free(heap, NULL);
    larger = (char *)permacode_heap_calloc(heap, 30, 8);
    for (int i = 0; i < 240; i++)
        CHECK(larger[i] == 0);
    CHECK(permacode_heap_calloc(heap, (size_t)-1, 2) == NULL);
    CHECK(permacode_heap_realloc(heap, larger, 0) == NULL);

    /* The limit. */
    CHECK(permacode_heap_malloc(heap, 2 << 20) == NULL);

    /* Lua's way. */
    object = (char *)permacode_heap_lua_alloc(heap, NULL, 0, 40);
    object = (char *)permacode_heap_lua_alloc(heap, object, 40, 400);
    CHECK(object != NULL && permacode_heap_lua_alloc(heap, object, 400, 0) == NULL);

    /* An object's size, by nothing but its address. */
    object = (char *)permacode_heap_malloc(heap, 100);
    CHECK(permacode_heap_usable_size(object) == 0);
    OK(permacode_heap_register(heap));
    OK(permacode_heap_register(heap));
    CHECK(permacode_heap_usable_size(object) == 112 && permacode_heap_usable_size(NULL) == 0);

    /* Marks, and what is freed without one. */
    larger = (char *)permacode_heap_malloc(heap, 200);
    CHECK(permacode_heap_mark(heap, object + 50) && !permacode_heap_mark(heap, object) && !permacode_heap_mark(heap, &counts));
    CHECK(permacode_heap_sweep(heap) >= 200);
    permacode_heap_stats(heap, &counts);
    CHECK(counts.objects == 1);
    CHECK(larger != object);

    permacode_heap_fence(heap);
    CHECK(permacode_heap_malloc(heap, 100) != NULL);
    OK(permacode_heap_trim(heap, &returned));
    OK(permacode_heap_trim(heap, NULL));
    permacode_heap_delete(heap); /* with what is in it, and registered */
    permacode_heap_delete(NULL);

    /* One table for the process. */
    static permacode_heap *all[257];
    for (int i = 0; i < 256; i++) {
        OK(permacode_heap_new(1 << 20, 0, &all[i]));
        OK(permacode_heap_register(all[i]));
    }
    OK(permacode_heap_new(1 << 20, 0, &all[256]));
    refused(permacode_heap_register(all[256]), PERMACODE_TOO_MANY, "256 heaps");
    for (int i = 0; i < 257; i++)
        permacode_heap_delete(all[i]);
}

static void images(void) {
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char path[4096];
    permacode_code *code = NULL, *begins = NULL;
    permacode_module *module = NULL;
    permacode_image *image = NULL;
    permacode_root roots[3];
    permacode_trust trust;
    permacode_place place;
    void *ops = NULL, *data = NULL;
    const void *bytes = NULL;
    size_t length = 0;
    uint8_t digest[32];
    snprintf(path, sizeof path, "%s/permacode-calls-%ld.image", folder, (long)getpid());
    OK(permacode_code_new(0, &code));
    OK(permacode_code_load(code, "json", &module));
    OK(permacode_module_alloc(module, 10000, 64, &ops));
    OK(permacode_module_alloc(module, 5, 1, &data));
    memset(ops, 9, 10000);
    memcpy(data, "hello", 5);
    memset(roots, 0, sizeof roots);
    roots[0].name = "ops", roots[0].bytes = ops, roots[0].length = 10000;
    roots[1].name = "data", roots[1].bytes = data, roots[1].length = 5;
    roots[2].name = "nothing";
    refused(permacode_image_write(code, path, roots, 3), PERMACODE_ARGUMENT, "`ops` do not lie in a closed module");
    permacode_module_finish(module);
    OK(permacode_image_write(code, path, roots, 3));
    roots[1].name = "ops";
    refused(permacode_image_write(code, path, roots, 2), PERMACODE_IMAGE, "ops");
    permacode_code_delete(code);

    /* As nobody promises anything; then with the digest; then mapped. */
    OK(permacode_image_open(path, NULL, &image));
    permacode_image_digest(image, digest);
    permacode_image_close(image);
    permacode_image_close(NULL);
    memset(&trust, 0, sizeof trust);
    trust.digest = digest;
    OK(permacode_image_open(path, &trust, &image));
    permacode_image_close(image);
    trust.bytes = PERMACODE_MAP, trust.proof = PERMACODE_TRUST;
    OK(permacode_image_open(path, &trust, &image));
    OK(permacode_code_on_image(image, 0, &begins));
    permacode_image_close(image); /* the arena keeps it */
    OK(permacode_code_root(begins, "ops", &bytes, &length));
    CHECK(length == 10000 && (size_t)bytes % 64 == 0 && ((const char *)bytes)[9999] == 9);
    CHECK(permacode_code_contains(begins, bytes) && permacode_code_locate(begins, bytes, &place));
    CHECK(place.module_length == 4 && memcmp(place.module, "json", 4) == 0);
    OK(permacode_code_root(begins, "data", &bytes, &length));
    CHECK(length == 5 && memcmp(bytes, "hello", 5) == 0);
    OK(permacode_code_root(begins, "nothing", &bytes, &length));
    CHECK(length == 0);
    refused(permacode_code_root(begins, "other", &bytes, &length), PERMACODE_IMAGE, "other");
    /* More is loaded behind it. */
    OK(permacode_code_load(begins, "behind", &module));
    OK(permacode_module_alloc(module, 8, 8, &ops));
    OK(permacode_module_seal(module));
    permacode_code_delete(begins);

    /* What it refuses. */
    trust.bytes = 2;
    refused(permacode_image_open(path, &trust, &image), PERMACODE_ARGUMENT, "PERMACODE_COPY");
    trust.bytes = PERMACODE_COPY, trust.proof = -1;
    refused(permacode_image_open(path, &trust, &image), PERMACODE_ARGUMENT, "PERMACODE_CHECK");
    trust.proof = PERMACODE_CHECK, digest[0] ^= 1;
    refused(permacode_image_open(path, &trust, &image), PERMACODE_IMAGE, "digest");
    CHECK(truncate(path, 5000) == 0);
    refused(permacode_image_open(path, NULL, &image), PERMACODE_IMAGE, "");
    CHECK(unlink(path) == 0);
    refused(permacode_image_open(path, NULL, &image), PERMACODE_IMAGE, "");
}

int main(void) {
    CHECK(permacode_error() != NULL && *permacode_error() == 0);
    code_arenas();
    heap_arenas();
    images();
    puts("every function of permacode.h was called");
    return 0;
}
