#include "proto/plan/clocks.h"

#include "proto/plan/calendar.h"

static uint32_t seconds_up(uint64_t time_ms)
{
    uint64_t seconds = time_ms / CLOCKS_SECOND_MS + (time_ms % CLOCKS_SECOND_MS != 0);
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static uint32_t seconds_down(uint64_t time_ms)
{
    return time_ms / CLOCKS_SECOND_MS < UINT32_MAX ? (uint32_t)(time_ms / CLOCKS_SECOND_MS)
                                                   : UINT32_MAX;
}

static const struct plan_clock *row_of(const struct clocks_terms *terms,
                                       enum plan_clock_index clock)
{
    return terms->kind ? plan_clock_of(terms->plan, terms->kind, terms->topic, clock) : NULL;
}

static uint32_t due_of(const struct clocks_terms *terms, const struct plan_clock *row,
                       uint64_t from_ms)
{
    return seconds_up(
        calendar_deadline(plan_calendar(terms->plan), from_ms, row->limit, row->unit, NULL));
}

/* By the row, or by the urgency that the thread was raised to where that is sooner. */
static uint32_t first_due_of(const struct clocks_terms *terms, const struct plan_clock *row,
                             uint64_t from_ms)
{
    const struct plan_clock *raised = plan_clock_of_urgency(terms->plan, terms->raised, row->clock);
    uint32_t due_s = due_of(terms, row, from_ms);
    uint32_t raised_s = raised ? due_of(terms, raised, from_ms) : UINT32_MAX;
    return raised_s < due_s ? raised_s : due_s;
}

/* ---- starting -----------------------------------------------------------------------------------
 */

static void start(struct clocks *clocks, const struct clocks_terms *terms,
                  enum plan_clock_start from, uint64_t from_ms)
{
    for (int clock = 0; clock < PLAN_CLOCK_LEG_COUNT; clock++) {
        const struct plan_clock *row = row_of(terms, (enum plan_clock_index)clock);
        if (clock == PLAN_CLOCK_CLOSE && clocks->dated) continue;
        if (row && plan_clock_owed(terms->expect, row->clock) && clocks->at_s[clock] == 0 &&
            plan_clock_start_of(terms->expect, row) == from)
            clocks->due_s[clock] = first_due_of(terms, row, from_ms);
    }
}

static void set_term(struct clocks *clocks, const struct clocks_terms *terms)
{
    if (terms->set_ms == 0 || !plan_clock_owed(terms->expect, PLAN_CLOCK_CLOSE)) return;
    clocks->due_s[PLAN_CLOCK_CLOSE] = seconds_up(terms->set_ms);
    clocks->dated = true;
}

void clocks_begin(struct clocks *ret_clocks, const struct clocks_terms *terms, uint64_t time_ms)
{
    *ret_clocks = (struct clocks){0};
    set_term(ret_clocks, terms);
    start(ret_clocks, terms, PLAN_CLOCK_FROM_SUBMITTED, time_ms);
}

/* Taken up again: it is handled and closed anew, whatever those terms began with. */
static void restart(struct clocks *clocks, const struct clocks_terms *terms, uint64_t time_ms)
{
    static const enum plan_clock_index again[] = {PLAN_CLOCK_PROGRESS, PLAN_CLOCK_CLOSE};
    clocks->ended_s = 0;
    clocks->ended_by = PLAN_ACT_NONE;
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        const struct plan_clock *row = row_of(terms, again[i]);
        clocks->at_s[again[i]] = 0;
        clocks->over &= (uint8_t) ~(1u << again[i]);
        if (row && plan_clock_owed(terms->expect, row->clock))
            clocks->due_s[again[i]] = first_due_of(terms, row, time_ms);
    }
    set_term(clocks, terms);
}

uint64_t clocks_answer_due(const struct clocks_terms *terms, uint64_t time_ms)
{
    const struct plan_clock *row = row_of(terms, PLAN_CLOCK_RELEASE);
    return row ? (uint64_t)due_of(terms, row, time_ms) * CLOCKS_SECOND_MS : 0;
}

static bool over(const struct clocks *clocks, enum plan_clock_index clock)
{
    return (clocks->over >> clock & 1) != 0;
}

/* A clock that stands still has as much left as the urgency gives it now. */
void clocks_raise(struct clocks *clocks, const struct clocks_terms *terms, uint64_t time_ms)
{
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        enum plan_clock_index clock = (enum plan_clock_index)i;
        const struct plan_clock *raised = plan_clock_of_urgency(terms->plan, terms->raised, clock);
        bool set = clock == PLAN_CLOCK_CLOSE && clocks->dated;
        if (!raised || set || clocks->due_s[clock] == 0 || over(clocks, clock)) continue;
        uint32_t due_s = due_of(terms, raised, time_ms);
        if (clocks->paused_s != 0) due_s -= seconds_down(time_ms) - clocks->paused_s;
        if (due_s < clocks->due_s[clock]) clocks->due_s[clock] = due_s;
    }
}

/* ---- stopping -----------------------------------------------------------------------------------
 */

void clocks_miss(struct clocks *clocks, enum plan_clock_index clock)
{
    clocks->missed |= (uint8_t)(1u << clock);
    clocks->over |= (uint8_t)(1u << clock);
}

/* What is done late is late although nobody has said so yet. */
static void stop(struct clocks *clocks, enum plan_clock_index clock, uint64_t time_ms)
{
    uint64_t due_ms = (uint64_t)clocks->due_s[clock] * CLOCKS_SECOND_MS;
    if (due_ms != 0 && clocks->paused_s == 0 && time_ms >= due_ms) clocks_miss(clocks, clock);
    clocks->due_s[clock] = 0;
}

static void done(struct clocks *clocks, enum plan_clock_index clock, uint64_t time_ms)
{
    if (clocks->at_s[clock] != 0) return;
    stop(clocks, clock, time_ms);
    clocks->at_s[clock] = seconds_down(time_ms);
}

static void end(struct clocks *clocks, enum plan_act act, uint64_t time_ms)
{
    bool answers = act == PLAN_ACT_RETURN || act == PLAN_ACT_TRANSFER;
    bool closes =
        act == PLAN_ACT_CLOSE || act == PLAN_ACT_HAND_IN || act == PLAN_ACT_CONFIRM_DELETION;
    if (answers || closes) done(clocks, PLAN_CLOCK_ACCEPT, time_ms);
    if (closes) done(clocks, PLAN_CLOCK_PROGRESS, time_ms);
    if (closes) done(clocks, PLAN_CLOCK_CLOSE, time_ms);
    for (int clock = 0; clock < PLAN_CLOCK_LEG_COUNT; clock++)
        stop(clocks, (enum plan_clock_index)clock, time_ms);
    clocks->ended_s = seconds_down(time_ms);
    clocks->ended_by = (uint8_t)act;
    clocks->paused_s = 0;
}

/* Of a kind that expects no more than was done now nothing is left to run out. */
static void end_where_done(struct clocks *clocks, const struct plan_kind *expect,
                           enum lifecycle_state state, enum plan_act act, uint64_t time_ms)
{
    if (clocks->ended_s != 0 || !lifecycle_leg_done(expect, state)) return;
    clocks->ended_s = seconds_down(time_ms);
    clocks->ended_by = (uint8_t)act;
}

void clocks_delivered(struct clocks *clocks, const struct plan_kind *expect, uint64_t time_ms)
{
    done(clocks, PLAN_CLOCK_DELIVER, time_ms);
    end_where_done(clocks, expect, LIFECYCLE_DELIVERED, PLAN_ACT_DELIVER, time_ms);
}

/* ---- acts about the clocks ----------------------------------------------------------------------
 */

static void extend(struct clocks *clocks, const struct clocks_terms *terms, bool own)
{
    const struct plan_clock *row = row_of(terms, PLAN_CLOCK_EXTENSION);
    if (!row || clocks->due_s[PLAN_CLOCK_CLOSE] == 0) return;
    uint64_t from_ms = (uint64_t)clocks->due_s[PLAN_CLOCK_CLOSE] * CLOCKS_SECOND_MS;
    clocks->due_s[PLAN_CLOCK_CLOSE] = due_of(terms, row, from_ms);
    if (own) clocks->extended = true;
}

static void resume(struct clocks *clocks, uint64_t time_ms)
{
    uint32_t length_s = seconds_up(time_ms) - clocks->paused_s;
    if (clocks->paused_s == 0) return;
    clocks->paused_s = 0;
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        uint32_t due_s = clocks->due_s[i];
        if (due_s == 0 || over(clocks, (enum plan_clock_index)i)) continue;
        clocks->due_s[i] = due_s < UINT32_MAX - length_s ? due_s + length_s : UINT32_MAX;
    }
}

void clocks_step(struct clocks *clocks, const struct clocks_terms *terms,
                 const struct lifecycle_step *step, enum plan_act act, bool own, uint64_t time_ms)
{
    if (step->effects & LIFECYCLE_EFFECT_EXTENDS) extend(clocks, terms, own);
    if (step->effects & LIFECYCLE_EFFECT_PAUSES) clocks->paused_s = seconds_down(time_ms);
    if (step->effects & LIFECYCLE_EFFECT_CONTINUES) resume(clocks, time_ms);
    if (step->effects & LIFECYCLE_EFFECT_ENDS) {
        end(clocks, act, time_ms);
        return;
    }
    if (step->effects & LIFECYCLE_EFFECT_RESUMES) restart(clocks, terms, time_ms);
    if (act == PLAN_ACT_SIGN) {
        done(clocks, PLAN_CLOCK_DELIVER, time_ms);
        done(clocks, PLAN_CLOCK_SIGN, time_ms);
        start(clocks, terms, PLAN_CLOCK_FROM_SIGNED, time_ms);
    } else if (act == PLAN_ACT_ACCEPT) {
        done(clocks, PLAN_CLOCK_ACCEPT, time_ms);
        start(clocks, terms, PLAN_CLOCK_FROM_ACCEPTED, time_ms);
    } else if (step->next == LIFECYCLE_PROGRESS || step->next == LIFECYCLE_GONE_OUT) {
        done(clocks, PLAN_CLOCK_PROGRESS, time_ms);
    }
    end_where_done(clocks, terms->expect, step->next, act, time_ms);
}

/* ---- asking -------------------------------------------------------------------------------------
 */

bool clocks_run(const struct clocks *clocks, enum plan_clock_index clock, uint64_t due_ms)
{
    return clocks->due_s[clock] != 0 && clocks->paused_s == 0 && !over(clocks, clock) &&
           (uint64_t)clocks->due_s[clock] * CLOCKS_SECOND_MS == due_ms;
}

uint32_t clocks_facts(const struct clocks *clocks, const struct clocks_terms *terms,
                      uint64_t now_ms)
{
    uint32_t facts = 0;
    uint64_t due_ms = (uint64_t)clocks->due_s[PLAN_CLOCK_CLOSE] * CLOCKS_SECOND_MS;
    /* What is paused has stood still since then, however long that is ago. */
    if (clocks->paused_s != 0) now_ms = (uint64_t)clocks->paused_s * CLOCKS_SECOND_MS;
    if (now_ms < due_ms && !over(clocks, PLAN_CLOCK_CLOSE)) facts |= LIFECYCLE_FACT_RUNS;
    if (row_of(terms, PLAN_CLOCK_EXTENSION)) facts |= LIFECYCLE_FACT_EXTENDABLE;
    if (clocks->extended) facts |= LIFECYCLE_FACT_EXTENDED;
    if (clocks->paused_s != 0) facts |= LIFECYCLE_FACT_PAUSED;
    if (clocks->dated) facts |= LIFECYCLE_FACT_DATED;
    return facts;
}

bool clocks_next(const struct clocks *clocks, enum plan_clock_index *ret_clock,
                 uint64_t *ret_due_ms)
{
    uint32_t first_s = UINT32_MAX;
    if (clocks->paused_s != 0) return false;
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        if (clocks->due_s[i] == 0 || clocks->due_s[i] >= first_s) continue;
        first_s = clocks->due_s[i];
        *ret_clock = (enum plan_clock_index)i;
    }
    *ret_due_ms = (uint64_t)first_s * CLOCKS_SECOND_MS;
    return first_s != UINT32_MAX;
}

uint64_t clocks_part_ms(const struct clocks *clocks, const struct clocks_terms *terms,
                        enum plan_clock_index clock, uint64_t from_ms, uint32_t part, uint32_t of)
{
    uint64_t due_ms = (uint64_t)clocks->due_s[clock] * CLOCKS_SECOND_MS;
    const struct plan_clock *row = row_of(terms, clock);
    const struct calendar *calendar = plan_calendar(terms->plan);
    if (due_ms == 0 || clocks->paused_s != 0) return 0;
    if (due_ms <= from_ms) return due_ms;
    bool works = row && (row->unit == CALENDAR_WORK_HOURS || row->unit == CALENDAR_WORK_DAYS);
    uint64_t whole_ms = works ? calendar_work_ms(calendar, from_ms, due_ms) : 0;
    if (whole_ms == 0) return from_ms + (due_ms - from_ms) / of * part;
    /* The first moment by which that much was worked. */
    uint64_t wanted_ms = whole_ms / of * part;
    uint64_t low_ms = from_ms;
    uint64_t high_ms = due_ms;
    while (high_ms - low_ms > CLOCKS_SECOND_MS) {
        uint64_t middle_ms = low_ms + (high_ms - low_ms) / 2;
        if (calendar_work_ms(calendar, from_ms, middle_ms) >= wanted_ms)
            high_ms = middle_ms;
        else
            low_ms = middle_ms;
    }
    return high_ms;
}
