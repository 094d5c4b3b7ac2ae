/* plan_reader: how plan_parse.c and its other files read cells of a table. Nobody else includes
 * it. */
#ifndef PROTO_PLAN_PLAN_READER_H
#define PROTO_PLAN_PLAN_READER_H

#include "proto/plan/plan_inner.h"
#include "proto/plan/table.h"

/* The order of plan_part_names. */
enum plan_part_index {
    PLAN_PART_ABOUT,
    PLAN_PART_UNITS,
    PLAN_PART_AREAS,
    PLAN_PART_GROUPS,
    PLAN_PART_TASKS,
    PLAN_PART_DUTIES,
    PLAN_PART_KINDS,
    PLAN_PART_TOPICS,
    PLAN_PART_ROUTES,
    PLAN_PART_WAIVERS,
    PLAN_PART_CLOCKS,
    PLAN_PART_CALENDAR,
    PLAN_PART_CHAINS,
};

struct plan_reader {
    struct plan *plan;
    struct bytes contents[PLAN_PART_COUNT_MAX];
    bool given[PLAN_PART_COUNT_MAX];
    struct table table; /* the one being read */
    size_t row_cap;     /* no more rows than this in it */
};

/* Copies a part into the plan's memory and opens it. */
int plan_reader_open(struct plan_reader *reader, enum plan_part_index part,
                     const char *const *columns, size_t column_count, size_t row_count_max,
                     struct error *ret_error) MUST_USE;
/* Index of a word among the allowed ones. */
int plan_reader_word(const struct table *table, const char *word, const char *const *words,
                     size_t count, const char *what, size_t *ret_index,
                     struct error *ret_error) MUST_USE;
int plan_reader_slug(const struct table *table, const char *slug, const char *what,
                     struct error *ret_error) MUST_USE;
/* Not empty. */
int plan_reader_text(const struct table *table, const char *text, const char *what,
                     struct error *ret_error) MUST_USE;
int plan_reader_no_memory(struct error *ret_error);
/* A unit or group by key. */
int plan_reader_named(const struct plan *plan, const struct table *table, const char *key,
                      struct plan_named *ret_named, struct error *ret_error) MUST_USE;
int plan_reader_named_list(struct plan *plan, const struct table *table, char *field,
                           const struct plan_named **ret_named, size_t *ret_count,
                           struct error *ret_error) MUST_USE;
/* A comma list in the plan's memory, each item once. */
int plan_reader_strings(struct plan *plan, const struct table *table, char *field,
                        const char *const **ret_items, size_t *ret_count,
                        struct error *ret_error) MUST_USE;

/* kinds and topics; units, groups, areas, tasks and duties have been read. */
int plan_kinds_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;
/* routes; everything else has been read. */
int plan_rows_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;
/* waivers, where the part is there. */
int plan_waivers_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;
/* clocks (kinds have been read) and the calendar, where the parts are there. */
int plan_clocks_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;
int plan_calendar_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;
/* chains, where the part is there; kinds and topics have been read. */
int plan_chains_parse(struct plan_reader *reader, struct error *ret_error) MUST_USE;

#endif
