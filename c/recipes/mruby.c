/*
 * mruby with its objects on a heap arena. mruby frees by size 0, of NULL too.
 *
 *     cc mruby.c $(pkg-config --cflags --libs permacode) $(mruby-config --cflags --ldflags --libs)
 */
#include "recipe.h"
#include <mruby.h>
#include <mruby/compile.h>

static void *allocate(mrb_state *state, void *object, size_t size, void *heap) {
    (void)state;
    if (size != 0)
        return permacode_heap_realloc(heap, object, size);
    permacode_heap_free(heap, object);
    return NULL;
}

int main(void) {
    permacode_heap *heap;
    mrb_state *ruby;
    mrb_value result;
    MUST(permacode_heap_new(0, 0, &heap) == PERMACODE_OK);

    ruby = mrb_open_allocf(allocate, heap);
    MUST(ruby != NULL && objects(heap) > 100);

    result = mrb_load_string(ruby, "words = (1..10000).map { |i| \"word #{i}\" }; words.join(' ').size");
    MUST(ruby->exc == NULL && mrb_integer_p(result) && mrb_integer(result) == 98893);

    mrb_close(ruby);
    MUST(objects(heap) == 0);
    permacode_heap_delete(heap);
    puts("mruby ran on a heap arena");
    return 0;
}
