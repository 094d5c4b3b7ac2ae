/* keys: unit keys of names as a plan writes them, by tables of units.
 *
 * A table is TSV with a row of column names: `key` (or `group`) and any of `name_zh`, `in_text`,
 * `full_zh`, `official`, `aliases` (several, separated by `;`). Other columns are left alone; `#`
 * begins a comment line. Names compare in folded form: traditional characters and full-width ASCII
 * make no difference. Pure; a table is read in linear time, a name is found in log n. */
#ifndef CLIENTS_PLAN_DERIVE_KEYS_H
#define CLIENTS_PLAN_DERIVE_KEYS_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys *keys); /* NULL accepted */
/* Adds a table; `name` stands in errors as "name:line". E_BAD_TABLE: no column of keys or none of
 * names, or bytes that are no UTF-8; nothing is added then. */
int keys_add(struct keys *keys, struct bytes table, const char *name,
             struct error *ret_error) MUST_USE;

enum key_found { KEY_FOUND, KEY_UNKNOWN, KEY_AMBIGUOUS, KEY_DOUBLE, KEY_ALIKE };
/* The key of names[index] among the names of one half of a clause: the name itself; then with the
 * prefix of a name before it (科技厅 behind 省教育厅); then without the bracket behind it, or what
 * is in it (宣传部（网信办）). KEY_DOUBLE: outside and inside are different units, *ret_key is the
 * one outside. KEY_ALIKE: no unit has the name, and one alone is about the same (keys_core.h):
 * 公安机关 for 公安河东分局; a person must look at it. KEY_AMBIGUOUS, KEY_UNKNOWN: *ret_key is
 * NULL. Borrowed from the keys. */
enum key_found keys_find(struct keys *keys, const char *const *names, size_t index,
                         const char **ret_key);

#endif
