/*
 * A stack machine on both arenas: a collector, a limit, forked workers, and a stray store that says whose code it hit.
 *
 *     code arena   functions: name, bytecode, and the functions that they call     sealed before anything runs
 *     heap arena   pairs                                                           marked from the stack, and swept
 *
 * A value is 0 (nil), an odd number (an integer), or the address of a pair.
 */
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uintptr_t value;

typedef struct pair {
    value head, tail;
} pair;

/* A function, in the code arena. Everything it refers to lies there as well. */
typedef struct code {
    const char *name;
    const uint8_t *ops;
    const struct code **calls;
    uint32_t length, arguments, locals;
} code;

enum op { NIL, PUSH, ADD, SUB, GET, SET, CONS, HEAD, TAIL, JUMP, JUMP_ZERO, CALL, RETURN };

typedef struct machine {
    permacode_heap *heap;
    value stack[4096];
    size_t top;
    const char *error;       /* why the program was stopped, or NULL */
    size_t fresh, threshold; /* pairs made since the last collection, and how many there may be */
    size_t collections;
    pair **grey; /* pairs that are marked and not looked at */
    size_t grey_length, grey_room;
} machine;

static value integer(intptr_t number) { return ((uintptr_t)number << 1) | 1; }
static intptr_t number(value integer) { return (intptr_t)integer >> 1; }

/* ---- the collector ------------------------------------------------------------------------------------------------------ */

static void mark(machine *machine, value value) {
    if (value == 0 || value & 1 || !permacode_heap_mark(machine->heap, (pair *)value))
        return;
    if (machine->grey_length == machine->grey_room) {
        machine->grey_room = machine->grey_room ? 2 * machine->grey_room : 64;
        machine->grey = realloc(machine->grey, machine->grey_room * sizeof *machine->grey);
        CHECK(machine->grey != NULL);
    }
    machine->grey[machine->grey_length++] = (pair *)value;
}

/* Frees the pairs that the stack does not lead to. A list of any length takes no C stack. */
static void collect(machine *machine) {
    permacode_heap_counts counts;
    for (size_t i = 0; i < machine->top; i++)
        mark(machine, machine->stack[i]);
    while (machine->grey_length > 0) {
        pair *pair = machine->grey[--machine->grey_length];
        mark(machine, pair->head);
        mark(machine, pair->tail);
    }
    permacode_heap_sweep(machine->heap);
    permacode_heap_stats(machine->heap, &counts);
    machine->fresh = 0;
    machine->threshold = counts.objects > 1000 ? counts.objects : 1000;
    machine->collections++;
}

/* Makes a pair of the two values on the stack, which stay there until it is made, so that a collection finds them. */
static bool cons(machine *machine) {
    pair *made = NULL;
    if (++machine->fresh > machine->threshold)
        collect(machine);
    made = permacode_heap_malloc(machine->heap, sizeof *made);
    if (made == NULL) {
        collect(machine);
        made = permacode_heap_malloc(machine->heap, sizeof *made);
    }
    if (made == NULL) {
        machine->error = "out of memory";
        return false;
    }
    made->tail = machine->stack[--machine->top];
    made->head = machine->stack[machine->top - 1];
    machine->stack[machine->top - 1] = (value)made;
    return true;
}

/* ---- the machine -------------------------------------------------------------------------------------------------------- */

/* Runs a function whose arguments are on the stack, and leaves its result in their place. */
static bool run(machine *machine, const code *code) {
    size_t frame = machine->top - code->arguments;
    value *stack = machine->stack;
    if (frame + code->locals + 16 > sizeof machine->stack / sizeof *stack) {
        machine->error = "stack overflow";
        return false;
    }
    while (machine->top < frame + code->locals)
        stack[machine->top++] = 0;
    for (uint32_t pc = 0; pc < code->length;) {
        enum op op = (enum op)code->ops[pc];
        uint8_t operand = code->ops[pc + 1];
        pc += 2;
        switch (op) {
        case NIL: stack[machine->top++] = 0; break;
        case PUSH: stack[machine->top++] = integer(operand); break;
        case ADD: machine->top--, stack[machine->top - 1] = integer(number(stack[machine->top - 1]) + number(stack[machine->top])); break;
        case SUB: machine->top--, stack[machine->top - 1] = integer(number(stack[machine->top - 1]) - number(stack[machine->top])); break;
        case GET: stack[machine->top++] = stack[frame + operand]; break;
        case SET: stack[frame + operand] = stack[--machine->top]; break;
        case CONS: if (!cons(machine)) return false; break;
        case HEAD: stack[machine->top - 1] = ((pair *)stack[machine->top - 1])->head; break;
        case TAIL: stack[machine->top - 1] = ((pair *)stack[machine->top - 1])->tail; break;
        case JUMP: pc = operand; break;
        case JUMP_ZERO: machine->top--; if (stack[machine->top] == 0 || stack[machine->top] == integer(0)) pc = operand; break;
        case CALL: if (!run(machine, code->calls[operand])) return false; break;
        case RETURN:
            stack[frame] = stack[machine->top - 1];
            machine->top = frame + 1;
            return true;
        }
    }
    machine->error = "no return";
    return false;
}

/* Runs a function of one number from an empty stack. */
static bool answer(machine *machine, const code *code, intptr_t argument, intptr_t *result) {
    machine->error = NULL;
    machine->stack[0] = integer(argument);
    machine->top = 1;
    if (!run(machine, code)) {
        machine->top = 0;
        return false;
    }
    *result = number(machine->stack[0]);
    machine->top = 0;
    return true;
}

/* ---- loading ------------------------------------------------------------------------------------------------------------ */

static const code *function(permacode_module *module, const char *name, uint32_t arguments, uint32_t locals, const uint8_t *ops,
                            size_t length, const code **calls, size_t count) {
    void *at, *block;
    code *made;
    OK(permacode_module_alloc(module, sizeof *made, sizeof(void *), &at));
    made = at;
    OK(permacode_module_intern(module, name, strlen(name), &made->name));
    OK(permacode_module_alloc(module, length, 1, &block));
    made->ops = memcpy(block, ops, length);
    OK(permacode_module_alloc(module, count * sizeof *calls, sizeof(void *), &block));
    made->calls = count ? memcpy(block, calls, count * sizeof *calls) : block;
    made->length = (uint32_t)length, made->arguments = arguments, made->locals = locals;
    return made;
}

/* range(n): a list of 1 to n. sum(list). round(n): sum(range(n)) a hundred times, so that all lists but one are garbage. */
static const code *load(permacode_code *arena, const code **range) {
    static const uint8_t range_ops[] = {GET, 0, JUMP_ZERO, 22, GET, 0, GET, 1, CONS, 0, SET, 1, GET, 0, PUSH, 1, SUB, 0, SET, 0, JUMP, 0,
                                        GET, 1, RETURN, 0};
    static const uint8_t sum_ops[] = {PUSH, 0, SET, 1, GET, 0, JUMP_ZERO, 24, GET, 1, GET, 0, HEAD, 0, ADD, 0, SET, 1, GET, 0, TAIL, 0,
                                      JUMP, 28, GET, 1, RETURN, 0, SET, 0, JUMP, 4};
    static const uint8_t round_ops[] = {PUSH, 100, SET, 1, GET, 1, JUMP_ZERO, 26, GET, 0, CALL, 0, CALL, 1, SET, 2, GET, 1, PUSH, 1,
                                        SUB, 0, SET, 1, JUMP, 4, GET, 2, RETURN, 0};
    permacode_module *module;
    const code *calls[2], *round;
    OK(permacode_code_load(arena, "lists", &module));
    calls[0] = function(module, "range", 1, 2, range_ops, sizeof range_ops, NULL, 0);
    calls[1] = function(module, "sum", 1, 2, sum_ops, sizeof sum_ops, NULL, 0);
    permacode_module_finish(module);
    OK(permacode_code_load(arena, "main", &module));
    round = function(module, "round", 1, 3, round_ops, sizeof round_ops, calls, 2);
    permacode_module_finish(module);
    OK(permacode_code_seal(arena));
    if (range != NULL)
        *range = calls[0];
    return round;
}

static machine *machine_new(size_t limit) {
    machine *made = calloc(1, sizeof *made);
    CHECK(made != NULL);
    OK(permacode_heap_new(0, limit, &made->heap));
    made->threshold = 1000;
    return made;
}

static void machine_delete(machine *machine) {
    permacode_heap_delete(machine->heap);
    free(machine->grey);
    free(machine);
}

/* ---- what is asked of it ------------------------------------------------------------------------------------------------ */

static void collects(const code *round) {
    machine *machine = machine_new(0);
    permacode_heap_counts counts;
    intptr_t result = 0;
    CHECK(answer(machine, round, 2000, &result) && result == 2001 * 1000);
    CHECK(machine->collections > 50);
    permacode_heap_stats(machine->heap, &counts);
    CHECK(counts.objects < 10000); /* of 200,000 that were made */
    collect(machine);
    permacode_heap_stats(machine->heap, &counts);
    CHECK(counts.objects == 0);
    machine_delete(machine);
}

static void stops_at_its_limit(const code *round, const code *range) {
    machine *machine = machine_new(1 << 20);
    intptr_t result = 0;
    CHECK(!answer(machine, range, 1 << 20, &result)); /* 16 MiB of pairs */
    CHECK(machine->error != NULL && strcmp(machine->error, "out of memory") == 0);
    CHECK(answer(machine, round, 100, &result) && result == 5050); /* and goes on */
    machine_delete(machine);
}

/* The kilobytes of a page's mapping that this process alone has: its copies. */
static long copied(const void *address) {
    char line[4096];
    long kilobytes = -1;
    bool here = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long start, end;
        char dash;
        if (sscanf(line, "%lx%c%lx", &start, &dash, &end) == 3 && dash == '-')
            here = start <= (uintptr_t)address && (uintptr_t)address < end;
        else if (here)
            sscanf(line, "Private_Dirty: %ld kB", &kilobytes);
    }
    fclose(file);
    return kilobytes;
}

static void workers_copy_no_code(const code *round) {
    enum { WORKERS = 4 };
    machine *machine = machine_new(0);
    intptr_t result = 0;
    pid_t workers[WORKERS];
    CHECK(answer(machine, round, 500, &result));
    collect(machine);
    OK(permacode_heap_trim(machine->heap, NULL));
    permacode_heap_fence(machine->heap);
    fflush(stdout);
    for (int i = 0; i < WORKERS; i++) {
        CHECK((workers[i] = fork()) >= 0);
        if (workers[i] == 0) {
            intptr_t size = 100 * (i + 1);
            CHECK(answer(machine, round, size, &result) && result == size * (size + 1) / 2);
            CHECK(copied(round) == 0);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = 0;
        CHECK(waitpid(workers[i], &status, 0) == workers[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    machine_delete(machine);
}

static sigjmp_buf after_fault;

static void go_on(int signal) { siglongjmp(after_fault, signal); }

/* A store to a function in a forked worker, with or without a handler that goes on. Returns how it ended; `said` is what it said. */
static int stray(permacode_code *arena, const code *hit, bool goes_on, char *said, size_t room) {
    int ends[2], status = 0;
    pid_t worker;
    size_t length = 0;
    ssize_t bytes;
    CHECK(pipe(ends) == 0);
    CHECK((worker = fork()) >= 0);
    if (worker == 0) {
        dup2(ends[1], STDERR_FILENO);
        if (goes_on)
            signal(SIGSEGV, go_on);
        OK(permacode_code_report_faults(arena));
        if (sigsetjmp(after_fault, 1) == 0)
            *(volatile uint32_t *)(uintptr_t)&hit->locals = 7;
        _exit(3);
    }
    close(ends[1]);
    while (length + 1 < room && (bytes = read(ends[0], said + length, room - 1 - length)) > 0)
        length += (size_t)bytes;
    said[length] = 0;
    close(ends[0]);
    CHECK(waitpid(worker, &status, 0) == worker);
    return status;
}

static void says_whose_code_was_hit(permacode_code *arena, const code *round) {
    char said[512], expected[512];
    permacode_place place;
    int status;
    CHECK(permacode_code_locate(arena, &round->locals, &place));
    /* The processor tells a store from a load on some machines only. */
    snprintf(expected, sizeof expected, "code, module main + %zu\n", place.offset);
    status = stray(arena, round, false, said, sizeof said);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(strncmp(said, "permacode: ", 11) == 0 && strstr(said, expected) != NULL);
    status = stray(arena, round, true, said, sizeof said);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK(strncmp(said, "permacode: ", 11) == 0 && strstr(said, expected) != NULL);
}

int main(void) {
    permacode_code *arena;
    const code *round, *range;
    /* What a sanitizer installed. */
    signal(SIGSEGV, SIG_DFL);
    OK(permacode_code_new(0, &arena));
    round = load(arena, &range);
    CHECK(permacode_code_contains(arena, round->calls[1]->ops) && strcmp(round->calls[1]->name, "sum") == 0);
    collects(round);
    stops_at_its_limit(round, range);
    workers_copy_no_code(round);
    says_whose_code_was_hit(arena, round);
    permacode_code_delete(arena);
    puts("the machine collected, stopped at its limit, shared its code, and said whose code was hit");
    return 0;
}
