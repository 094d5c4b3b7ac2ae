/* i18n: which language a person at this terminal reads, and texts in both.
 *
 * LC_ALL, then LC_MESSAGES, then LANG decides, the first that is set and not empty: `en` and what
 * starts with `en_`, `en.`, `en-` or `en@` is English, everything else, C, POSIX and nothing at all
 * included, is Chinese in UTF-8. No locale needs to be installed: setlocale and gettext take no
 * part. Every text stands beside its translation where it is used, so neither can be forgotten.
 *
 * Reads the environment once, at the first call. Thread-safe as long as nobody calls setenv. */
#ifndef PROTO_HOST_I18N_H
#define PROTO_HOST_I18N_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base/error.h"

enum lang i18n_lang(void);
/* What the environment says now, whatever was chosen. */
enum lang i18n_of_environment(void);
/* For --lang and tests; before threads start. */
void i18n_set(enum lang lang);

/* One text in the reader's language; with two literals the compiler checks both as formats. */
#define T(zh, en) (i18n_lang() == LANG_EN ? (en) : (zh))

/* Columns that a UTF-8 text takes on a terminal: CJK counts two, combining marks none. Bytes that
 * are no UTF-8 count one each. */
size_t i18n_width(const char *text);
/* Writes text and then spaces up to `columns`; never cuts. */
void i18n_pad(FILE *file, const char *text, size_t columns);

/* Local time with its zone, "2026-03-02 09:12:44 +0800"; ret_text has room for I18N_TIME_LEN. */
enum { I18N_TIME_LEN = 40 };
void i18n_time(uint64_t time_ms, char ret_text[I18N_TIME_LEN]);

/* "program: text of the code (field): detail [name]" on stderr. `error` may be NULL. */
void i18n_complain(const char *program, int code, const struct error *error);

#endif
