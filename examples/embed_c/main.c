/*
 * A program in C that embeds the language of text.h: it loads a script, forks workers, and each of them greets.
 *
 *     cc examples/embed_c/main.c examples/embed_c/text.c $(pkg-config --cflags --libs permacode) -o embed_c && ./embed_c
 *
 * c/tests/run does so, and compares what it prints.
 */
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, MEMORY = 1 << 20 };

static const char *library = "twice: copy join ;\n"
                             "loud: upper \"!\" twice join ;\n";
static const char *script = "greet: \"hello, \" swap join loud ;\n"
                            "fill: twice fill ;\n"
                            "empty: drop ;\n";

static int work(text_vm *vm, int number) {
    char name[32];
    const char *answer = NULL;
    snprintf(name, sizeof name, "visitor %d", number);
    for (int request = 0; request < 100000; request++)
        if ((answer = text_call(vm, "greet", name)) == NULL)
            return fprintf(stderr, "%s\n", text_error(vm)), 1;
    printf("%s\n", answer);
    fflush(stdout);
    return text_memory(vm) > MEMORY; /* 100,000 greetings are more: most were freed */
}

int main(void) {
    text_vm *vm = text_new(MEMORY);
    pid_t workers[WORKERS];
    int failed = 0;
    if (vm == NULL || !text_load(vm, "library", library) || !text_load(vm, "script", script)) {
        fprintf(stderr, "%s\n", vm == NULL ? "no memory" : text_error(vm));
        return 1;
    }
    /* A bad script is an error, and adds nothing. So is one that takes too much. */
    static const char *const bad[] = {"greet: \"no end", "greet: join", "greet join ;"};
    for (int i = 0; i < 3; i++)
        printf("%s\n", text_load(vm, "bad", bad[i]) ? "?" : text_error(vm));
    static const char *const calls[] = {"fill", "empty", "absent"};
    for (int i = 0; i < 3; i++)
        printf("%s\n", text_call(vm, calls[i], "text") != NULL ? "?" : text_error(vm));

    if (!text_share(vm)) {
        fprintf(stderr, "%s\n", text_error(vm));
        return 1;
    }
    fflush(stdout); /* else each worker would print it again */
    for (int i = 0; i < WORKERS; i++) {
        if ((workers[i] = fork()) < 0)
            return perror("fork"), 1;
        if (workers[i] == 0)
            _exit(work(vm, i + 1)); /* the machine is the parent's to delete */
        int status = 0; /* one after the other, so that the lines come in order; a server would wait for all of them */
        failed |= waitpid(workers[i], &status, 0) != workers[i] || status != 0;
    }
    text_delete(vm);
    return failed;
}
