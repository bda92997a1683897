/*
** Gives a Lua its heap, without a change to its source: the compiler includes this before each file that it names (-include).
**
** SUITES_STATE: lauxlib.c, where luaL_newstate passes the allocator. It passes the heap's instead.
** SUITES_MALLOC: ltests.c, whose own allocator checks each object and calls malloc and free. It calls the heap's instead.
** SUITES_CLOSE: lua.c and loslib.c, which close the state. What is left is reported then.
** SUITES_ECHO: lua.c of 5.4, whose tests expect to see what it reads, as the readline library shows it.
**
** Lua's headers declare functions with their names in parentheses, so these macros leave the declarations alone.
*/
#ifndef on_heap_h
#define on_heap_h

#include <stddef.h>

extern void *suites_heap (void);

#if defined(SUITES_STATE)
extern void *permacode_heap_lua_alloc (void *heap, void *object, size_t old_size, size_t new_size);
#define lua_newstate(f, ud, ...) \
  ((void)(f), (lua_newstate)(permacode_heap_lua_alloc, suites_heap(), ##__VA_ARGS__))
#endif

#if defined(SUITES_MALLOC)
#include <stdlib.h>
extern void *permacode_heap_malloc (const void *heap, size_t size);
extern void permacode_heap_free (const void *heap, void *object);
#define malloc(size)	permacode_heap_malloc(suites_heap(), size)
#define free(object)	permacode_heap_free(suites_heap(), object)
#endif

#if defined(SUITES_CLOSE)
struct lua_State;
extern void suites_close (struct lua_State *L);
#define lua_close(L)	suites_close(L)
#endif

#if defined(SUITES_ECHO)
#define lua_initreadline(L)	((void)L)
#define lua_readline(L, b, p) \
  ((void)L, fputs(p, stdout), fflush(stdout), \
  fgets(b, LUA_MAXINPUT, stdin) != NULL && (fputs(b, stdout), 1))
#define lua_saveline(L, line)	((void)L, (void)line)
#define lua_freeline(L, b)	((void)L, (void)b)
#endif

#endif
