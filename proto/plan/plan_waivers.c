/* The waivers of plan_parse: which notes of lint are no fault, each with its reason. */
#include <string.h>

#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

enum { W_CODE, W_SUBJECT, W_ZH, W_EN, W_COUNT };

static int plan_waivers_row(struct plan *plan, const struct table *table, char **f,
                            struct error *ret_error)
{
    int r = plan_reader_slug(table, f[W_CODE], "code", ret_error);
    if (r == 0) r = plan_reader_text(table, f[W_SUBJECT], "subject", ret_error);
    if (r == 0) r = plan_reader_text(table, f[W_ZH], "reason_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[W_EN], "reason_en", ret_error);
    for (size_t i = 0; r == 0 && i < plan->waiver_count; i++) {
        const struct plan_waiver *other = &plan->waivers[i];
        if (strcmp(other->code, f[W_CODE]) == 0 && strcmp(other->subject, f[W_SUBJECT]) == 0)
            r = table_refuse(table, ret_error, "%.40s %.60s 重复豁免",
                             "%.40s %.60s is waived twice", f[W_CODE], f[W_SUBJECT]);
    }
    if (r < 0) return r;
    plan->waivers[plan->waiver_count++] =
        (struct plan_waiver){f[W_CODE], f[W_SUBJECT], f[W_ZH], f[W_EN], table->line};
    return 0;
}

int plan_waivers_parse(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"code", "subject", "reason_zh", "reason_en"};
    struct plan *plan = reader->plan;
    char *f[W_COUNT];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_WAIVERS, columns, W_COUNT, PLAN_WAIVER_COUNT_MAX,
                             ret_error);
    if (r < 0) return r;
    plan->waivers = plan_alloc(plan, reader->row_cap, sizeof *plan->waivers);
    if (!plan->waivers) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        r = plan_waivers_row(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    return r;
}
