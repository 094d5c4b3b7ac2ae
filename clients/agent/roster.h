/* roster: who is on duty in a unit, and when: a table that its people keep in a spreadsheet.
 *
 * CSV in UTF-8 (a byte order mark is fine), fields in quotes where they need them. The first line
 * names the columns, in English or Chinese and in any order:
 * - from / 开始, to / 结束: "2026-11-25 08:30", "2026/11/25 8:30"; a day alone is from its start,
 * or to its end. China Standard Time, whatever the machine's zone is.
 * - rank / 岗位: duty 值班, deputy 副班, head 负责人.
 * - officer / 经办人代码: as in the header of acts.
 * - name / 姓名, contact / 联系方式, note / 备注: not required; the note is not read.
 *
 * Lines that are empty or begin with # are left out. Several rows may hold at one time.
 *
 * Pure: no clock, no file. What it holds never leaves the unit. */
#ifndef CLIENTS_AGENT_ROSTER_H
#define CLIENTS_AGENT_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/lib/include/leadbus.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum {
    ROSTER_BYTES_MAX = 1048576,
    ROSTER_ROW_COUNT_MAX = 8192,
    ROSTER_OFFICER_LEN = 32, /* with its end: as LIMIT of the header's officer */
    ROSTER_TEXT_LEN = 128,
    ROSTER_TOGETHER_MAX = 8, /* of one rank at one time */
};

struct roster_row {
    uint64_t from_ms, until_ms;
    int rank; /* enum leadbus_rank */
    char officer[ROSTER_OFFICER_LEN], name[ROSTER_TEXT_LEN], contact[ROSTER_TEXT_LEN];
    size_t line;
};
struct roster {
    struct roster_row *rows; /* by from_ms, then line */
    size_t count;
};

/* {0} is an empty one. E_BAD_TABLE with "LINE" or the column as its field, E_TOO_LARGE; ret is
 * untouched then. */
int roster_parse(struct bytes csv, struct roster *ret_roster, struct error *ret_error) MUST_USE;
void roster_fini(struct roster *roster); /* NULL accepted; {0} again; wipes */

/* Those of a rank at a moment, in their order; at most `cap`. */
size_t roster_at(const struct roster *roster, int rank, uint64_t at_ms,
                 const struct roster_row **ret_rows, size_t cap);
/* The first stretch of [from_ms, until_ms) in which nobody of the rank is on the roster.
 * *ret_until_ms 0: nobody follows at all. A rank that has no row is no gap but that of
 * LEADBUS_RANK_DUTY. */
bool roster_gap(const struct roster *roster, int rank, uint64_t from_ms, uint64_t until_ms,
                uint64_t *ret_from_ms, uint64_t *ret_until_ms);
/* The row of a rank that begins next behind a moment; NULL: none. */
const struct roster_row *roster_next(const struct roster *roster, int rank, uint64_t after_ms);

const char *roster_rank_name(int rank); /* "duty" */
const char *roster_rank_text(int rank, enum lang lang);

#endif
