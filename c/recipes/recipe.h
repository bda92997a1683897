/* What the recipes share: a step that must succeed. */
#ifndef RECIPE_H
#define RECIPE_H

#include <permacode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                                                   \
    do {                                                                                                                  \
        if (!(condition)) {                                                                                               \
            fprintf(stderr, "%s:%d: %s does not hold: %s\n", __FILE__, __LINE__, #condition, permacode_error());          \
            exit(1);                                                                                                      \
        }                                                                                                                 \
    } while (0)

static inline size_t objects(const permacode_heap *heap) {
    permacode_heap_counts counts;
    permacode_heap_stats(heap, &counts);
    return counts.objects;
}

#endif
