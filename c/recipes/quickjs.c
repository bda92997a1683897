/*
 * QuickJS (Bellard's) with its objects on a heap arena. It asks for the size of an object with nothing but its address, so the heap is
 * registered.
 *
 *     cc quickjs.c $(pkg-config --cflags --libs permacode) -lquickjs -lm -lpthread
 */
#include "recipe.h"
#include <quickjs.h>

static void *js_malloc_(JSMallocState *state, size_t size) { return permacode_heap_malloc(state->opaque, size); }
static void js_free_(JSMallocState *state, void *object) { permacode_heap_free(state->opaque, object); }
static void *js_realloc_(JSMallocState *state, void *object, size_t size) {
    /* No object and no size is no object. */
    return object == NULL && size == 0 ? NULL : permacode_heap_realloc(state->opaque, object, size);
}

int main(void) {
    static const JSMallocFunctions functions = {js_malloc_, js_free_, js_realloc_, permacode_heap_usable_size};
    static const char script[] = "let words = []; for (let i = 1; i <= 10000; i++) words.push('word ' + i); words.join(' ').length";
    permacode_heap *heap;
    JSRuntime *runtime;
    JSContext *context;
    JSValue result;
    int32_t length = 0;
    /* QuickJS counts for its own limit only what such functions count. So the heap has the limit. */
    MUST(permacode_heap_new(0, 64 << 20, &heap) == PERMACODE_OK);
    MUST(permacode_heap_register(heap) == PERMACODE_OK);

    runtime = JS_NewRuntime2(&functions, heap);
    MUST(runtime != NULL);
    context = JS_NewContext(runtime);
    MUST(context != NULL && objects(heap) > 100);

    result = JS_Eval(context, script, sizeof script - 1, "script", JS_EVAL_TYPE_GLOBAL);
    MUST(JS_ToInt32(context, &length, result) == 0 && length == 98893);
    JS_FreeValue(context, result);

    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    MUST(objects(heap) == 0);
    permacode_heap_delete(heap);
    puts("QuickJS ran on a heap arena");
    return 0;
}
