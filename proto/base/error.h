/* error: one table of codes for code, wire, logs, HTTP problems and documentation.
 *
 * Every fallible function returns int: 0, or a negative code of errors.def, and fills the caller's
 * `struct error` (which may be NULL) with the field at fault and a detail. Outputs are untouched on
 * failure. The texts say what to do, Chinese and English; what does not fit is cut between two
 * characters. Pure; no allocation; thread-safe. */
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
    char detail[ERROR_DETAIL_LEN_MAX + 1]; /* what was found and what is allowed, in English; never
                                              a secret or plaintext */
    char detail_zh[ERROR_DETAIL_LEN_MAX + 1]; /* the same for who reads Chinese; or empty */
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

/* The same with its detail in both languages: `zh` and `en` are formats over the same arguments,
 * which are evaluated twice. Logs, the wire and programs have the English one. */
#define error_say(ret_error, code, field, zh, en, ...)                                             \
    error_pass(code, ((void)error_note(ret_error, code, field, en, ##__VA_ARGS__),                 \
                      error_note_zh(ret_error, zh, ##__VA_ARGS__)))
/* Adds the Chinese detail to what error_set noted, where its arguments are others than those of the
 * English one. 0, so that it may stand in error_say. */
int error_note_zh(struct error *ret_error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The details of `cause`, in both languages, under a code and field of the caller's. `cause` may be
 * ret_error itself. */
#define error_carry(ret_error, code, field, cause)                                                 \
    error_pass(code, error_carry_note(ret_error, code, field, cause))
int error_carry_note(struct error *ret_error, int code, const char *field,
                     const struct error *cause);
/* Says in which of several files or settings the fault is: `where` (the end of it, where it is
 * long) takes the field's place, and what stood there goes before the detail. Nothing where the
 * field is `where` already, or `error` is NULL. Returns code, so that it may stand around a call.
 */
int error_in(struct error *error, int code, const char *where);
/* The detail for a reader of that language: English where there is no Chinese one. */
const char *error_detail(const struct error *error, enum lang lang);

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
