/*
** The functions of the readline library that Lua 5.5 loads, as far as its tests see them: what is read from a pipe is shown.
*/
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

const char *rl_readline_name;

char *readline (const char *prompt) {
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  fputs(prompt, stdout);
  fflush(stdout);
  length = getline(&line, &room, stdin);
  if (length < 0) {
    free(line);
    return NULL;
  }
  if (length > 0 && line[length - 1] == '\n')
    line[length - 1] = '\0';
  puts(line);
  return line;
}

void add_history (const char *line) {
  (void)line;
}
