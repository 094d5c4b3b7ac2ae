/* derive: the task table that a published plan's text says, and what it leaves open.
 *
 * Stages, a file each: encoding (is it text) -> text (lines, page furniture, one run of characters)
 * -> table (pasted tables) -> outline (numbers and dashes) -> clause, roles (who is given what) ->
 * names (units) -> rows with ids -> check. Nothing is guessed silently: what a rule decided is
 * noted, what no rule decides is a finding that a person must settle; and the check holds the rows
 * against the text without regard to the rules, so that what they lose is a finding too.
 *
 * Ids are the numbers above a clause, part first, joined by dots: 二、（一） gives 2.1. A heading
 * such as 工作措施 that every section repeats is no level; a dash is one, counted under the number
 * above it, with 0 for a level that dashes elsewhere in the plan have and this one lacks. Several
 * assignments in one item are numbered below it; a plan without numbers has 1, 2, 3; rows of a
 * table have their own numbers behind those of the heading above the table; annexes that start
 * their numbers anew begin above 100.
 *
 * Pure: no I/O, clock or entropy. Time and memory are linear in the text, n log n in what is found:
 * 0.3 s and 13 MB for 1 MB of plans; up to 6 s and 160 MB for 10 MB of what is made to be slow. A
 * result may be read by any number of threads. */
#ifndef CLIENTS_PLAN_DERIVE_DERIVE_H
#define CLIENTS_PLAN_DERIVE_DERIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* The largest text taken; a plan of a hundred pages has a tenth of a megabyte. */
enum { DERIVE_TEXT_BYTES_MAX = 16 * 1024 * 1024, DERIVE_CLAUSE_COUNT_MAX = 50000 };

enum derive_form {
    DERIVE_BRACKET,  /* （L负责，C配合） */
    DERIVE_LABEL,    /* 牵头单位：L */
    DERIVE_SENTENCE, /* 由L牵头，会同C */
    DERIVE_TABLE,
    DERIVE_SCOPE, /* 以上任务均由L负责 */
    DERIVE_FORM_COUNT
};
const char *derive_form_name(enum derive_form form);

enum derive_flag {
    DERIVE_NO_COOP = 1,
    DERIVE_GROUP = 2,          /* names a group: 各成员单位 */
    DERIVE_GENERIC = 4,        /* names nobody in particular: 有关部门 */
    DERIVE_NESTED = 8,         /* brackets inside a name */
    DERIVE_SHARED_PREFIX = 16, /* a name leaves out the 省, 市, 区 of the one before it */
    DERIVE_RANKED = 32,        /* 负责 units behind 牵头 ones are listed as cooperating */
    DERIVE_ET_CETERA = 64,     /* 等 */
    DERIVE_DEADLINE = 128,
    DERIVE_LEADER = 256,      /* a person in charge is named, and left out */
    DERIVE_SHARED_DUTY = 512, /* 按职责分工, 分别 */
    DERIVE_LINE_SPLIT = 1024, /* runs over more than one line */
    DERIVE_NAME_SPLIT = 2048, /* a name is cut by a line or page break */
};
enum { DERIVE_FLAG_COUNT = 12 };
/* Of the bit 1 << index: "no-coop", ... */
const char *derive_flag_name(size_t index);

/* One assignment. Strings are UTF-8, as the text writes them but for white space. */
struct derive_row {
    const char *id;
    const char *title; /* the beginning of what shall be done; may be empty */
    const char *const *lead;
    size_t lead_count;
    const char *const *coop;
    size_t coop_count;
    size_t line_first, line_last; /* physical lines, from 1 */
    enum derive_form form;
    unsigned flags; /* enum derive_flag */
};

struct derive_finding {
    const char *code; /* stable slug: "bracket-open" */
    bool undecided;   /* a person must settle it; otherwise a note */
    size_t line;      /* 0: the whole text */
    const char *detail;
    const char *zh, *en;
};

struct derive;

/* Reads a plan's text, UTF-8 with or without a byte order mark. The bytes are borrowed for the
 * call. E_BAD_FORM: not UTF-8 text (field: the line); E_TOO_LARGE: more than DERIVE_TEXT_BYTES_MAX
 * bytes or a million lines. *ret is untouched on failure; the caller ends it with derive_free. */
int derive_run(struct bytes text, struct derive **ret, struct error *ret_error) MUST_USE;
void derive_free(struct derive *derive); /* NULL accepted */

/* Rows in the order of the text; borrowed as long as the result lives. */
size_t derive_row_count(const struct derive *derive);
const struct derive_row *derive_row(const struct derive *derive, size_t index);
/* By line. */
size_t derive_finding_count(const struct derive *derive);
struct derive_finding derive_finding(const struct derive *derive, size_t index);
size_t derive_undecided_count(const struct derive *derive);

#endif
