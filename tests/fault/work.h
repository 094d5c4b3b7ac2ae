/* work: what sweeps do to a journal: records in groups with their signed heads, a section erased,
 * idle moments; and what must be left of it, whatever happened meanwhile. For cmocka tests, one at
 * a time. */
#ifndef TESTS_FAULT_WORK_H
#define TESTS_FAULT_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct work {
    size_t promised;  /* records: append said that they are durable */
    size_t attempted; /* as far as the group went that failed */
    bool erased;      /* the section is gone, it was said */
    bool erasing;     /* it was begun */
};

/* Makes the good journal at a path, keeps what is in it, and closes it. */
void work_make(const char *good_path);
/* Records of it. */
size_t work_count(void);
/* The section that is erased. */
struct bytes work_erased_bytes(void);
/* Goes on with the journal at a path from where it stands. 0, or the code of what failed. Nothing
 * else is done, so that it may run in a child. */
int work_go_on(const char *path, struct work *work, struct error *error);
/* The journal holds everything promised, of a group that failed all or nothing, and nothing else.
 */
void work_check(const char *path, const struct work *work);
/* A copy of the whole and closed journal stands up to an audit. */
void work_audit(const char *path);

#endif
