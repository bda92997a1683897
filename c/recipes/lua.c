/*
 * Lua 5.1 to 5.4 with its objects on a heap arena. Lua tells the old size of each object, which is exact.
 *
 *     cc lua.c $(pkg-config --cflags --libs permacode lua5.4)
 */
#include "recipe.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char script[] = "local words = {}\n"
                             "for i = 1, 10000 do words[#words + 1] = 'word ' .. i end\n"
                             "return #table.concat(words, ' ')\n";

int main(void) {
    permacode_heap *heap;
    lua_State *lua;
    MUST(permacode_heap_new(0, 64 << 20, &heap) == PERMACODE_OK); /* a limit of 64 MiB for all of the script's objects */

    lua = lua_newstate(permacode_heap_lua_alloc, heap); /* this is all */
    MUST(lua != NULL && objects(heap) > 0);

    luaL_openlibs(lua);
    MUST(luaL_dostring(lua, script) == 0 && lua_tointeger(lua, -1) == 98893);
    MUST(objects(heap) > 10000);

    /* A script that takes more than the limit has an error, and nobody else has. */
    MUST(luaL_dostring(lua, "return #string.rep('x', 1 << 27)") != 0);
    MUST(strstr(lua_tostring(lua, -1), "not enough memory") != NULL);

    lua_close(lua);
    MUST(objects(heap) == 0);
    permacode_heap_delete(heap);
    puts("Lua ran on a heap arena");
    return 0;
}
