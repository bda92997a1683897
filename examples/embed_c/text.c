/*
 * The language of text.h on permacode.
 *
 *     code arena   words: name, operations, literal texts       written once while a module loads, then sealed
 *     heap arena   texts that run-time makes                    marked from the stack, and swept
 */
#include "text.h"
#include <ctype.h>
#include <permacode.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { LITERAL, CALL, JOIN, SWAP, COPY, DROP, UPPER };

/* An operation: a literal's text, or the name of the word that is called. Names of an arena are equal if their addresses are. */
typedef struct op {
    enum kind kind;
    const char *text;
} op;

/* A word. The list goes through all that were loaded, the newest first. It is complete before its module is closed. */
typedef struct word {
    const char *name;
    const op *ops;
    size_t length;
    const struct word *older;
} word;

enum { STACK = 64, DEPTH = 100, OPS = 64 };

struct text_vm {
    permacode_code *code;
    permacode_heap *heap;
    const word *newest;
    const char *stack[STACK];
    size_t top, steps;
    char error[256];
};

static bool fail(text_vm *vm, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(vm->error, sizeof vm->error, format, arguments);
    va_end(arguments);
    return false;
}

static bool done(text_vm *vm, permacode_status status) { return status == PERMACODE_OK || fail(vm, "%s", permacode_error()); }

/* ---- loading ------------------------------------------------------------------------------------------------------------ */

/* A token of the source: a text in quotes, or what lies between blanks. False at the end. */
static bool token(const char **source, const char **start, size_t *length) {
    const char *at = *source;
    while (isspace((unsigned char)*at))
        at++;
    *start = at;
    if (*at == 0)
        return false;
    if (*at == '"') {
        for (at++; *at != 0 && *at != '"'; at++)
            continue;
        *length = (size_t)(at - *start) + (*at == '"');
    } else {
        while (*at != 0 && !isspace((unsigned char)*at))
            at++;
        *length = (size_t)(at - *start);
    }
    *source = *start + *length;
    return true;
}

static bool is(const char *start, size_t length, const char *text) { return strlen(text) == length && memcmp(start, text, length) == 0; }

/* Reads an operation. Its text is the arena's one copy, which ends with a zero byte. */
static bool read_op(text_vm *vm, permacode_module *module, const char *start, size_t length, op *op) {
    static const struct { const char *name; enum kind kind; } known[] = {
        {"join", JOIN}, {"swap", SWAP}, {"copy", COPY}, {"drop", DROP}, {"upper", UPPER}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is(start, length, known[i].name)) {
            op->kind = known[i].kind, op->text = NULL;
            return true;
        }
    op->kind = *start == '"' ? LITERAL : CALL;
    if (op->kind == LITERAL && (length < 2 || start[length - 1] != '"'))
        return fail(vm, "a text without its end: %.20s", start);
    return done(vm, op->kind == LITERAL ? permacode_module_intern(module, start + 1, length - 2, &op->text)
                                        : permacode_module_intern(module, start, length, &op->text));
}

/* Reads a word up to its `;`, and puts it in front of the list. */
static bool read_word(text_vm *vm, permacode_module *module, const char *name, size_t length, const char **source, const word **newest) {
    op ops[OPS];
    size_t count = 0;
    void *block, *at;
    word *made;
    if (length < 2 || name[length - 1] != ':')
        return fail(vm, "a word begins with its name and a colon, not with %.*s", (int)length, name);
    for (;;) {
        const char *start;
        size_t bytes;
        if (!token(source, &start, &bytes))
            return fail(vm, "%.*s has no end; write ;", (int)length, name);
        if (is(start, bytes, ";"))
            break;
        if (count == OPS)
            return fail(vm, "%.*s has more than %d operations", (int)length, name, OPS);
        if (!read_op(vm, module, start, bytes, &ops[count++]))
            return false;
    }
    if (!done(vm, permacode_module_alloc(module, count * sizeof *ops, sizeof(void *), &block)) ||
        !done(vm, permacode_module_alloc(module, sizeof *made, sizeof(void *), &at)))
        return false;
    made = at;
    if (!done(vm, permacode_module_intern(module, name, length - 1, &made->name)))
        return false;
    made->ops = count > 0 ? memcpy(block, ops, count * sizeof *ops) : block;
    made->length = count, made->older = *newest;
    *newest = made;
    return true;
}

bool text_load(text_vm *vm, const char *name, const char *source) {
    permacode_module *module;
    const word *newest = vm->newest;
    const char *start;
    size_t length;
    bool good = done(vm, permacode_code_load(vm->code, name, &module));
    if (!good)
        return false;
    while (good && token(&source, &start, &length))
        good = read_word(vm, module, start, length, &source, &newest);
    permacode_module_finish(module); /* what a bad source left in the arena stays there, and nobody finds it */
    if (good)
        vm->newest = newest;
    return good;
}

bool text_share(text_vm *vm) {
    vm->top = 0;
    permacode_heap_sweep(vm->heap); /* nothing is marked: all texts go */
    if (!done(vm, permacode_code_seal(vm->code)) || !done(vm, permacode_heap_trim(vm->heap, NULL)))
        return false;
    permacode_heap_fence(vm->heap);
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------------ */

/* Makes room for a text of so many bytes and a zero. If there is none, it frees all that the stack does not lead to. */
static char *room(text_vm *vm, size_t length) {
    char *made = permacode_heap_malloc(vm->heap, length + 1);
    if (made == NULL) {
        for (size_t i = 0; i < vm->top; i++)
            permacode_heap_mark(vm->heap, vm->stack[i]); /* does nothing for a literal */
        permacode_heap_sweep(vm->heap);
        made = permacode_heap_malloc(vm->heap, length + 1);
    }
    if (made == NULL)
        fail(vm, "out of memory: a text of %zu bytes", length);
    return made;
}

static bool join(text_vm *vm) {
    const char **pair = &vm->stack[vm->top - 2];
    size_t first = strlen(pair[0]), second = strlen(pair[1]);
    char *made = room(vm, first + second);
    if (made == NULL)
        return false;
    memcpy(made, pair[0], first);
    memcpy(made + first, pair[1], second + 1);
    *pair = made;
    vm->top--;
    return true;
}

static bool upper(text_vm *vm) {
    size_t length = strlen(vm->stack[vm->top - 1]);
    char *made = room(vm, length);
    if (made == NULL)
        return false;
    for (size_t i = 0; i <= length; i++)
        made[i] = (char)toupper((unsigned char)vm->stack[vm->top - 1][i]);
    vm->stack[vm->top - 1] = made;
    return true;
}

static bool run(text_vm *vm, const char *name, int depth) {
    const word *word = vm->newest;
    while (word != NULL && word->name != name && strcmp(word->name, name) != 0)
        word = word->older;
    if (word == NULL)
        return fail(vm, "no word is called %s", name);
    if (depth == DEPTH)
        return fail(vm, "%s is called too deep", name);
    for (const op *op = word->ops; op < word->ops + word->length; op++) {
        static const size_t takes[] = {0, 0, 2, 2, 1, 1, 1};
        const char *top;
        if (vm->steps-- == 0)
            return fail(vm, "%s takes too long", name);
        if (vm->top < takes[op->kind] || vm->top + 1 >= STACK)
            return fail(vm, vm->top < takes[op->kind] ? "%s takes more texts than there are" : "%s leaves too many texts", name);
        top = vm->top > 0 ? vm->stack[vm->top - 1] : NULL;
        switch (op->kind) {
        case LITERAL: vm->stack[vm->top++] = op->text; break;
        case CALL: if (!run(vm, op->text, depth + 1)) return false; break;
        case JOIN: if (!join(vm)) return false; break;
        case SWAP: vm->stack[vm->top - 1] = vm->stack[vm->top - 2], vm->stack[vm->top - 2] = top; break;
        case COPY: vm->stack[vm->top++] = top; break;
        case DROP: vm->top--; break;
        case UPPER: if (!upper(vm)) return false; break;
        }
    }
    return true;
}

const char *text_call(text_vm *vm, const char *word, const char *argument) {
    char *copy;
    vm->top = 0, vm->steps = 100000;
    copy = room(vm, strlen(argument));
    if (copy == NULL)
        return NULL;
    vm->stack[vm->top++] = strcpy(copy, argument);
    if (!run(vm, word, 0))
        return NULL;
    if (vm->top == 0)
        fail(vm, "%s leaves no text", word);
    return vm->top > 0 ? vm->stack[vm->top - 1] : NULL;
}

/* ---- the rest ----------------------------------------------------------------------------------------------------------- */

text_vm *text_new(size_t memory) {
    text_vm *vm = calloc(1, sizeof *vm);
    if (vm == NULL)
        return NULL;
    if (!done(vm, permacode_code_new(0, &vm->code)) || !done(vm, permacode_heap_new(0, memory, &vm->heap))) {
        text_delete(vm);
        return NULL;
    }
    return vm;
}

const char *text_error(const text_vm *vm) { return vm->error; }

size_t text_memory(const text_vm *vm) {
    permacode_heap_counts counts;
    permacode_heap_stats(vm->heap, &counts);
    return counts.live;
}

void text_delete(text_vm *vm) {
    if (vm == NULL)
        return;
    permacode_heap_delete(vm->heap);
    permacode_code_delete(vm->code);
    free(vm);
}
