/* out: what leadbus-replay prints, in the reader's language, and how it leaves.
 */
#ifndef CLIENTS_REPLAY_OUT_H
#define CLIENTS_REPLAY_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/host/i18n.h"

/* i18n_time, in a form that can stand among printf's arguments. */
const char *out_time(uint64_t time_ms, char ret_text[I18N_TIME_LEN]);
/* An officer code; a message need not name one. */
const char *out_officer(const char *officer);

/* A bar on stderr where that is a terminal that can redraw a line; otherwise nothing. The second
 * wipes it. */
void out_progress(uint64_t done, uint64_t size);
void out_progress_end(void);

/* Tells stderr what went wrong (and stdout as JSON when `json`) and gives the exit status: 1 where
 * the proof does not hold, a number of sysexits.h for usage and environment. */
int out_error(int code, const struct error *error, bool json);
/* The same with an exit status that the caller knows better. Only 1 is a verdict: with another one
 * nothing is said about what holds. */
int out_error_as(int status, int code, const struct error *error, bool json);
/* "leadbus-replay: " and the text, on stderr; gives EX_USAGE. */
int out_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the object, prints it with a newline. */
void out_json(json_t *take_object);
json_t *out_hex(struct bytes bytes);
json_t *out_base64(struct bytes bytes);

/* A whole file, at most cap bytes. E_IO, E_TOO_LARGE. */
int out_file_load(const char *path, size_t cap, struct buf *ret, struct error *ret_error) MUST_USE;
/* Writes beside, fsyncs, renames. E_IO. */
int out_file_save(const char *path, struct bytes content, struct error *ret_error) MUST_USE;

#endif
