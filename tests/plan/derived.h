/* derived: helpers of the tests of derive: files, a result as lines. */
#ifndef TESTS_PLAN_DERIVED_H
#define TESTS_PLAN_DERIVED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/plan/derive/derive.h"
#include "proto/base/check.h"

/* A whole file with a terminator behind it; {0} when it cannot be read. */
static inline struct buf derived_read(const char *path)
{
    struct buf buf = {0};
    FILE *file = fopen(path, "rb");
    if (!file) return buf;
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;) buf_append(&buf, chunk, got);
    CHECK(fclose(file) == 0);
    buf_append_u8(&buf, 0);
    buf.len--;
    return buf;
}

static inline struct derive *derived_of(struct bytes text)
{
    struct derive *derive = NULL;
    struct error error = {0};
    int rc = derive_run(text, &derive, &error);
    if (rc != 0) (void)fprintf(stderr, "%s: %s\n", error.field, error.detail);
    CHECK(rc == 0);
    return derive;
}

static inline void derived_names(struct buf *lines, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) buf_printf(lines, "%s%s", i ? "、" : "", names[i]);
}

/* "id TAB lead TAB coop TAB first-last" a line; the form and flags are left to other tests. */
static inline void derived_rows(struct buf *lines, const struct derive *derive)
{
    for (size_t i = 0; i < derive_row_count(derive); i++) {
        const struct derive_row *row = derive_row(derive, i);
        buf_printf(lines, "%s\t", row->id);
        derived_names(lines, row->lead, row->lead_count);
        buf_append_u8(lines, '\t');
        derived_names(lines, row->coop, row->coop_count);
        buf_printf(lines, "\t%zu-%zu\n", row->line_first, row->line_last);
    }
}

/* " code@line" of each finding that a person must settle, or of each note. */
static inline void derived_findings(struct buf *lines, const struct derive *derive, bool undecided)
{
    for (size_t i = 0; i < derive_finding_count(derive); i++) {
        struct derive_finding finding = derive_finding(derive, i);
        if (finding.undecided == undecided)
            buf_printf(lines, " %s@%zu", finding.code, finding.line);
    }
}

#endif
