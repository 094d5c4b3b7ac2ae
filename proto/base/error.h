/* error: one table of codes for code, wire, logs, HTTP problems and documentation.
 *
 * Every fallible function returns int: 0, or a negative code of errors.def, and fills the caller's
 * `struct error` (which may be NULL) with the field at fault and a detail. Outputs are untouched on
 * failure. The texts say what to do, Chinese and English. Pure; no allocation; thread-safe. */
#ifndef PROTO_BASE_ERROR_H
#define PROTO_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

/* What kind of trouble it is: decides the HTTP status, the exit code and whether to page somebody.
 */
enum error_class {
    ERROR_CLASS_INPUT,       /* the caller's bytes are wrong: mend and send again */
    ERROR_CLASS_REFUSED,     /* well formed but not allowed */
    ERROR_CLASS_STATE,       /* not now, or no longer: the world has moved */
    ERROR_CLASS_BUSY,        /* at a bound: wait and retry */
    ERROR_CLASS_ENVIRONMENT, /* disk, memory, network, clock */
    ERROR_CLASS_PROOF,       /* a hash, signature or proof does not hold */
};

enum error_code {
#define X(name, number, class, retryable, zh, en) E_##name = -(number),
#include "proto/base/errors.def"
#undef X
};

enum lang { LANG_ZH, LANG_EN };

enum { ERROR_FIELD_LEN_MAX = 95, ERROR_DETAIL_LEN_MAX = 255 };

struct error {
    int code; /* 0 or E_* */
    char field[ERROR_FIELD_LEN_MAX +
               1]; /* path of the field at fault, "full.persons[0].id_number"; or empty */
    char detail[ERROR_DETAIL_LEN_MAX +
                1]; /* what was found and what is allowed; never a secret or plaintext */
};

/* Fills *ret_error (NULL: nothing) and returns code, so that `return error_set(...)` reads well.
 * `field` may be NULL. A macro around two functions only so that compilers and analyzers see which
 * code comes back; `code` is evaluated twice. */
#define error_set(ret_error, code, ...) error_pass(code, error_note(ret_error, code, __VA_ARGS__))
int error_note(struct error *ret_error, int code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static inline int error_pass(int code, int noted_code)
{
    (void)noted_code;
    return code;
}

/* Static strings; an unknown code gives "unknown". The name is the lower-case word of errors.def
 * ("route_mismatch"): stable, the same in JSON, logs and the wire. */
const char *error_name(int code);
const char *error_text(int code, enum lang lang);
enum error_class error_class(int code);
bool error_retryable(int code);
/* The code of a name; 0 when there is none. */
int error_code_of(const char *name);
/* Iterates all codes: index 0.. until it returns 0. */
int error_code_at(size_t index);

#endif
