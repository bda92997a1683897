/* What the tests in C share: a condition that must hold, and how a child ended. */
#ifndef CHECK_H
#define CHECK_H

#include <permacode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program if a condition does not hold, with the library's last message. */
#define CHECK(condition)                                                                                                  \
    do {                                                                                                                  \
        if (!(condition)) {                                                                                               \
            fprintf(stderr, "%s:%d: %s does not hold; the last error is: %s\n", __FILE__, __LINE__, #condition,           \
                    permacode_error());                                                                                   \
            exit(1);                                                                                                      \
        }                                                                                                                 \
    } while (0)

#define OK(call) CHECK((call) == PERMACODE_OK)

#endif
