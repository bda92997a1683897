/*
 * A small language for text, to be embedded: words that take texts from a stack and leave others there.
 *
 *     greet: "hello, " swap join "!" join ;      a word, and what it does
 *     loud:  upper "!!" join ;
 *
 * Known words are `join` (two texts to one), `swap`, `copy`, `drop` and `upper`; all others are those that were loaded.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct text_vm text_vm;

/* Makes a machine whose texts take at most `memory` bytes. NULL: the system has no memory. */
text_vm *text_new(size_t memory);

/* Loads words as a module. They may use each other, those loaded before, and themselves. False: nothing was added, see text_error. */
bool text_load(text_vm *vm, const char *module, const char *source);

/* Makes ready for workers: call it when all is loaded, before fork. False: see text_error. */
bool text_share(text_vm *vm);

/* Runs a word on one text. The answer is good until the next call. NULL: see text_error. */
const char *text_call(text_vm *vm, const char *word, const char *argument);

/* Why the last call failed. */
const char *text_error(const text_vm *vm);

/* Bytes that the machine's texts take now. */
size_t text_memory(const text_vm *vm);

void text_delete(text_vm *vm);

#endif
