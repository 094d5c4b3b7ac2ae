#include "proto/plan/assess.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct assess {
    unsigned by;
    uint64_t from_ms, until_ms;
    struct assess_leg *legs;
    size_t leg_count, leg_cap;
    struct assess_row *rows;
    size_t row_count, row_cap;
    uint32_t *times; /* of one row, while it is made */
};

struct assess *assess_new(unsigned by, uint64_t from_ms, uint64_t until_ms)
{
    struct assess *assess = calloc(1, sizeof *assess);
    CHECK(assess != NULL);
    assess->by = by;
    assess->from_ms = from_ms;
    assess->until_ms = until_ms;
    return assess;
}

void assess_free(struct assess *assess)
{
    if (!assess) return;
    free(assess->legs);
    free(assess->rows);
    free(assess->times);
    free(assess);
}

static void *grown(void *items, size_t *cap, size_t count, size_t size)
{
    if (count < *cap) return items;
    *cap = *cap ? *cap * 2 : 64;
    void *more = realloc(items, *cap * size);
    CHECK(more != NULL);
    return more;
}

void assess_add(struct assess *assess, const struct assess_leg *leg)
{
    if (leg->since_ms < assess->from_ms || leg->since_ms >= assess->until_ms) return;
    assess->legs = grown(assess->legs, &assess->leg_cap, assess->leg_count, sizeof *assess->legs);
    struct assess_leg *kept = &assess->legs[assess->leg_count++];
    *kept = *leg;
    /* What the rows are not split by is nobody's name. */
    if (!(assess->by & ASSESS_BY_UNIT)) kept->unit = "";
    if (!(assess->by & ASSESS_BY_CLAUSE)) kept->clause = "";
    if (!(assess->by & ASSESS_BY_KIND)) kept->kind = "";
}

/* ---- figures ------------------------------------------------------------------------------------
 */

static int leg_order(const void *a, const void *b)
{
    const struct assess_leg *x = a, *y = b;
    int order = strcmp(x->unit, y->unit);
    if (order == 0) order = strcmp(x->clause, y->clause);
    return order ? order : strcmp(x->kind, y->kind);
}

static int time_order(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static struct assess_times times_of(struct assess *assess, const struct assess_leg *legs,
                                    size_t count, enum plan_clock_index clock)
{
    struct assess_times times = {0};
    for (size_t i = 0; i < count; i++) {
        uint32_t at_s = legs[i].clocks.at_s[clock];
        uint64_t since_s = legs[i].since_ms / CLOCKS_SECOND_MS;
        if (at_s == 0) continue;
        assess->times[times.count++] = at_s > since_s ? (uint32_t)(at_s - since_s) : 0;
    }
    if (times.count == 0) return times;
    qsort(assess->times, times.count, sizeof *assess->times, time_order);
    times.median_s = assess->times[(times.count - 1) / 2];
    times.worst_s = assess->times[times.count - 1];
    return times;
}

static void count_leg(struct assess_row *row, const struct clocks *clocks)
{
    bool sign_late = (clocks->missed >> PLAN_CLOCK_SIGN & 1) != 0;
    row->received++;
    if (clocks->at_s[PLAN_CLOCK_SIGN] != 0) row->signed_for++;
    if (clocks->at_s[PLAN_CLOCK_SIGN] != 0 && !sign_late) row->signed_in_time++;
    if (clocks->missed != 0) row->overdue++;
    for (int clock = 0; clock < PLAN_CLOCK_LEG_COUNT; clock++)
        row->missed[clock] += clocks->missed >> clock & 1;
    if (clocks->extended) row->extended++;
    if (clocks->ended_s == 0) {
        row->open++;
        if (clocks->missed != 0) row->open_overdue++;
        return;
    }
    switch ((enum plan_act)clocks->ended_by) {
    case PLAN_ACT_RETURN: row->returned++; break;
    case PLAN_ACT_TRANSFER: row->transferred++; break;
    case PLAN_ACT_HAND_IN:
    case PLAN_ACT_CONFIRM_DELETION:
    case PLAN_ACT_CLOSE: row->closed++; break;
    default: row->ended++;
    }
}

static void make_row(struct assess *assess, const struct assess_leg *legs, size_t count)
{
    assess->rows = grown(assess->rows, &assess->row_cap, assess->row_count, sizeof *assess->rows);
    struct assess_row *row = &assess->rows[assess->row_count++];
    *row =
        (struct assess_row){.unit = legs[0].unit, .clause = legs[0].clause, .kind = legs[0].kind};
    for (size_t i = 0; i < count; i++) count_leg(row, &legs[i].clocks);
    row->to_sign = times_of(assess, legs, count, PLAN_CLOCK_SIGN);
    row->to_accept = times_of(assess, legs, count, PLAN_CLOCK_ACCEPT);
    row->to_close = times_of(assess, legs, count, PLAN_CLOCK_CLOSE);
}

size_t assess_rows(struct assess *assess, const struct assess_row **ret_rows)
{
    size_t first = 0;
    assess->times = calloc(assess->leg_count + 1, sizeof *assess->times);
    CHECK(assess->times != NULL);
    if (assess->leg_count > 1)
        qsort(assess->legs, assess->leg_count, sizeof *assess->legs, leg_order);
    for (size_t i = 1; i <= assess->leg_count; i++) {
        if (i < assess->leg_count && leg_order(&assess->legs[first], &assess->legs[i]) == 0)
            continue;
        make_row(assess, &assess->legs[first], i - first);
        first = i;
    }
    *ret_rows = assess->rows;
    return assess->row_count;
}

/* ---- columns ------------------------------------------------------------------------------------
 */

struct column {
    const char *name;
    size_t at;
};

static const struct column counts[ASSESS_COUNTS] = {
    {"received_count", offsetof(struct assess_row, received)},
    {"signed_count", offsetof(struct assess_row, signed_for)},
    {"signed_in_time_count", offsetof(struct assess_row, signed_in_time)},
    {"overdue_count", offsetof(struct assess_row, overdue)},
    {"missed_deliver_count", offsetof(struct assess_row, missed[PLAN_CLOCK_DELIVER])},
    {"missed_sign_count", offsetof(struct assess_row, missed[PLAN_CLOCK_SIGN])},
    {"missed_accept_count", offsetof(struct assess_row, missed[PLAN_CLOCK_ACCEPT])},
    {"missed_progress_count", offsetof(struct assess_row, missed[PLAN_CLOCK_PROGRESS])},
    {"missed_close_count", offsetof(struct assess_row, missed[PLAN_CLOCK_CLOSE])},
    {"returned_count", offsetof(struct assess_row, returned)},
    {"transferred_count", offsetof(struct assess_row, transferred)},
    {"closed_count", offsetof(struct assess_row, closed)},
    {"ended_otherwise_count", offsetof(struct assess_row, ended)},
    {"open_count", offsetof(struct assess_row, open)},
    {"open_overdue_count", offsetof(struct assess_row, open_overdue)},
    {"extended_count", offsetof(struct assess_row, extended)},
};

static const struct column times[ASSESS_TIMES] = {
    {"sign", offsetof(struct assess_row, to_sign)},
    {"accept", offsetof(struct assess_row, to_accept)},
    {"close", offsetof(struct assess_row, to_close)},
};

const char *assess_count_name(size_t column)
{
    CHECK(column < ASSESS_COUNTS);
    return counts[column].name;
}

uint64_t assess_count(const struct assess_row *row, size_t column)
{
    uint64_t count;
    CHECK(column < ASSESS_COUNTS);
    memcpy(&count, (const char *)row + counts[column].at, sizeof count);
    return count;
}

void assess_count_set(struct assess_row *row, size_t column, uint64_t count)
{
    CHECK(column < ASSESS_COUNTS);
    memcpy((char *)row + counts[column].at, &count, sizeof count);
}

const char *assess_times_name(size_t column)
{
    CHECK(column < ASSESS_TIMES);
    return times[column].name;
}

struct assess_times assess_times(const struct assess_row *row, size_t column)
{
    struct assess_times found;
    CHECK(column < ASSESS_TIMES);
    memcpy(&found, (const char *)row + times[column].at, sizeof found);
    return found;
}

void assess_times_set(struct assess_row *row, size_t column, struct assess_times found)
{
    CHECK(column < ASSESS_TIMES);
    memcpy((char *)row + times[column].at, &found, sizeof found);
}
