/* CHECK: our own bugs stop the process, in release builds too.
 *
 * One condition each. Never for a peer's bytes or for the environment: those get an error code
 * (error.h). Pure except that a failed check ends the process through abort(). */
#ifndef PROTO_BASE_CHECK_H
#define PROTO_BASE_CHECK_H

void check_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn, cold));

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) check_failed(#condition, __FILE__, __LINE__);       \
    } while (0)

#endif
