#include "proto/plan/chains.h"

#include <string.h>

#include "proto/plan/day.h"

enum { CHAINS_MINUTE_MS = 60 * 1000 };

static bool among(const char *const *items, size_t count, const char *item)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i], item) == 0) return true;
    return false;
}

static bool by_unit(const struct chains_event *event, const struct plan_chain_row *row)
{
    for (size_t i = 0; i < row->by_count; i++) {
        struct plan_named by = row->by[i];
        if (by.group ? plan_group_has(event->plan, by.index, event->from, event->now_ms)
                     : plan_unit(event->plan, by.index)->current == event->from)
            return true;
    }
    return row->by_count == 0;
}

static bool is_about(const struct plan_chain_row *row, const struct plan_kind *kind,
                     const char *topic)
{
    if (!kind || !among(row->kinds, row->kind_count, kind->slug)) return false;
    return row->topic_count == 0 || among(row->topics, row->topic_count, topic ? topic : "");
}

/* Does the message take the row's step? */
static bool row_fits(const struct chains_event *event, const struct plan_chain_row *row)
{
    bool accept = row->on == PLAN_CHAIN_ACCEPT;
    const struct plan_kind *kind = accept ? event->accepts : event->kind;
    if (!is_about(row, kind, accept ? event->accepts_topic : event->topic)) return false;
    if (row->on == PLAN_CHAIN_OPEN && !event->opens) return false;
    return by_unit(event, row);
}

bool chains_may_come_early(const struct plan *plan, const struct plan_kind *kind, const char *topic)
{
    for (size_t i = 0; i < plan_chain_row_count(plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(plan, i);
        if (row->early && row->on != PLAN_CHAIN_ACCEPT && is_about(row, kind, topic)) return true;
    }
    return false;
}

uint64_t chains_period_end(const struct plan *plan, size_t step, uint64_t recorded_ms)
{
    const struct plan_step *found = plan_step(plan, step);
    if (!found || found->period_days == 0) return 0;
    return calendar_deadline(plan_calendar(plan), recorded_ms, found->period_days, CALENDAR_DAYS,
                             NULL);
}

/* It has come, by the times stated, and where it must have run its period that is over since the
 * bus heard of it. */
static bool has_come(const struct chains *chains, const struct chains_event *event,
                     const struct plan_chain_row *row, size_t step, uint64_t at_ms)
{
    if (chains->moot >> step & 1) return true;
    if (!(chains->done >> step & 1) || chains->at_ms[step] > at_ms) return false;
    return !(row->over >> step & 1) ||
           chains_period_end(event->plan, step, chains->recorded_ms[step]) <= at_ms;
}

/* None of the steps of a need has: the first of those that have not come at all, else the first. */
static size_t missing_of(const struct chains *chains, const struct chains_event *event,
                         const struct plan_chain_row *row, uint64_t need, uint64_t at_ms)
{
    size_t first = PLAN_STEP_COUNT_MAX;
    for (size_t step = 0; step < plan_step_count(event->plan); step++) {
        if (!(need >> step & 1)) continue;
        if (has_come(chains, event, row, step, at_ms)) return PLAN_STEP_COUNT_MAX;
        if (first == PLAN_STEP_COUNT_MAX) first = step;
    }
    return first;
}

static int refuse_missing(const struct chains *chains, const struct chains_event *event,
                          const struct plan_chain_row *row, size_t missing, struct error *ret_error)
{
    const struct plan_step *step = plan_step(event->plan, row->step);
    const struct plan_step *before = plan_step(event->plan, missing);
    bool come = (chains->done >> missing & 1) != 0;
    uint64_t end_ms =
        come ? chains_period_end(event->plan, missing, chains->recorded_ms[missing]) : 0;
    const char *zh = "尚缺", *en = "is missing";
    char day[DAY_TEXT_LEN] = "";
    if (come && (row->over >> missing & 1) && end_ms != 0) {
        day_text(end_ms - 1, day);
        zh = "尚未期满";
        en = "has not run its days";
    } else if (come) {
        zh = "按所填时间在其后";
        en = "came later by the times stated";
    }
    (void)error_set(ret_error, E_CHAIN_ORDER, "kind", "%s (%s/%s): %s (%s) %s%s%s%s", step->name_en,
                    step->chain, step->step, before->name_en, before->step, en, day[0] ? ": " : "",
                    day, row->early ? "; if it cannot wait, state the reason (gap_reason)" : "");
    (void)error_note_zh(ret_error, "“%s”之前须先有“%s”（%s）：%s%s%s%s", step->name_zh,
                        before->name_zh, before->step, zh, day[0] ? "，至 " : "", day,
                        row->early ? "；确不能等的，须写明理由（gap_reason）" : "");
    return E_CHAIN_ORDER;
}

static int refuse_barred(const struct chains_event *event, const struct plan_chain_row *row,
                         uint64_t bars, struct error *ret_error)
{
    size_t bar = 0;
    while (!(bars >> bar & 1)) bar++;
    const struct plan_step *step = plan_step(event->plan, row->step);
    const struct plan_step *has = plan_step(event->plan, bar);
    (void)error_set(ret_error, E_CHAIN_ORDER, "kind", "%s (%s/%s): %s (%s) excludes it",
                    step->name_en, step->chain, step->step, has->name_en, has->step);
    (void)error_note_zh(ret_error, "已有“%s”（%s），不能再有“%s”", has->name_zh, has->step,
                        step->name_zh);
    return E_CHAIN_ORDER;
}

/* The chain has begun on the thread: some step of it came that does not stand alone. */
static bool chain_begun(const struct plan *plan, uint64_t done, size_t step)
{
    uint64_t here = done & plan_chain_steps(plan, step);
    for (size_t i = 0; here != 0 && i < plan_chain_row_count(plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(plan, i);
        if ((here >> row->step & 1) && !row->alone) return true;
    }
    return false;
}

static bool holder_is_last(uint8_t holder)
{
    return holder == CHAINS_FAMILY || holder == CHAINS_PLACEMENT;
}

/* Nobody lets go of whom they do not have, and who went to family or placement is taken back on no
 * thread that they went from: only papers of the time before may follow. */
static int judge_custody(const struct chains *chains, const struct chains_event *event,
                         const struct plan_chain_row *row, uint64_t at_ms, struct error *ret_error)
{
    bool others = event->holder == CHAINS_UNIT && event->holding_unit != event->from;
    bool gone = holder_is_last(event->holder);
    bool owed = (chains->owed >> row->step & 1) != 0;
    bool offers = row->custody == PLAN_CUSTODY_OFFER, takes = row->custody == PLAN_CUSTODY_TAKE;
    bool barred =
        (offers && (others || (gone && at_ms >= event->holding_ms))) || (takes && gone && !owed);
    if (!barred || event->taken) return 0;
    const struct plan_step *step = plan_step(event->plan, row->step);
    const struct plan_unit *unit = others ? plan_unit(event->plan, event->holding_unit) : NULL;
    const char *zh = chains_holder_text((enum chains_holder)event->holder, LANG_ZH);
    const char *en = chains_holder_text((enum chains_holder)event->holder, LANG_EN);
    if (unit) zh = unit->name_zh;
    if (unit) en = unit->key;
    (void)error_set(ret_error, E_CHAIN_ORDER, "kind", "%s (%s/%s): the person is with %s by now%s",
                    step->name_en, step->chain, step->step, en,
                    gone ? "; custody begins again on a thread of its own, with a take-over" : "");
    (void)error_note_zh(ret_error, "“%s”：人现由%s照护%s", step->name_zh, zh,
                        gone ? "；再次接管须另开线索" : "，只能由其移交");
    return E_CHAIN_ORDER;
}

/* On a thread where its chain has not begun it may come, and counts for the chain that begins later
 * where nothing that it needs is missing, or it may come early. The bus knows better. */
static bool counts(const struct chains *chains, const struct chains_event *event,
                   const struct plan_chain_row *row, uint64_t at_ms)
{
    if (!row->alone || row->early || event->taken ||
        chain_begun(event->plan, chains->done, row->step))
        return true;
    for (size_t i = 0; i < row->after_count; i++)
        if (missing_of(chains, event, row, row->after[i], at_ms) != PLAN_STEP_COUNT_MAX)
            return false;
    return true;
}

/* What nobody waits for cannot be waived. */
static int judge_waiver(const struct chains *chains, const struct chains_event *event,
                        const struct plan_chain_row *row, struct error *ret_error)
{
    const struct plan_step *step = plan_step(event->plan, row->step);
    if (event->taken || (chains->owed >> row->step & 1)) return 0;
    (void)error_set(ret_error, E_CHAIN_ORDER, "topic", "%s (%s/%s) is not owed on this thread",
                    step->name_en, step->chain, step->step);
    (void)error_note_zh(ret_error, "此线索上并未欠缺“%s”（%s）", step->name_zh, step->step);
    return E_CHAIN_ORDER;
}

static int judge(const struct chains *chains, const struct chains_event *event,
                 const struct plan_chain_row *row, struct chains_change *change,
                 struct error *ret_error)
{
    uint64_t owed = 0, at_ms = change->at_ms;
    if (row->alone && !chain_begun(event->plan, chains->done, row->step)) return 0;
    int r = judge_custody(chains, event, row, at_ms, ret_error);
    if (r < 0) return r;
    if ((row->bars & chains->done) && !event->taken)
        return refuse_barred(event, row, row->bars & chains->done, ret_error);
    if (chains->owed >> row->step & 1) return 0; /* it is waited for: it comes when it can */
    for (size_t i = 0; i < row->after_count; i++) {
        size_t missing = missing_of(chains, event, row, row->after[i], at_ms);
        if (missing == PLAN_STEP_COUNT_MAX) continue;
        if (!row->early && event->taken) continue;
        if (!row->early || (!event->early && !event->taken))
            return refuse_missing(chains, event, row, missing, ret_error);
        if (!event->early) continue;
        owed |= (uint64_t)1 << missing;
        if (!(row->over >> missing & 1)) continue;
        change->cut = true;
        change->cut_ms = chains->done >> missing & 1 ? chains->recorded_ms[missing] : 0;
    }
    change->owed |= owed & ~chains->done;
    return 0;
}

static void take(struct chains *chains, uint64_t done, uint64_t owed,
                 const struct chains_change *change)
{
    chains->done |= done;
    chains->owed = (chains->owed | owed) & ~chains->done;
    chains->moot &= ~(done | chains->owed);
    for (size_t i = 0; i < PLAN_STEP_COUNT_MAX; i++)
        if (done >> i & 1) {
            chains->at_ms[i] = change->at_ms;
            chains->recorded_ms[i] = change->recorded_ms;
        }
}

/* The last step of a chain in which something is told past its end. */
static bool ends_chain(const struct plan *plan, size_t step)
{
    uint64_t steps = plan_chain_steps(plan, step);
    if (steps >> step != 1) return false;
    for (size_t i = 0; i < plan_chain_row_count(plan); i++)
        if ((steps >> plan_chain_row(plan, i)->step & 1) && plan_chain_row(plan, i)->until)
            return true;
    return false;
}

int chains_next(const struct chains *chains, const struct chains_event *event,
                struct chains_change *ret_change, struct error *ret_error)
{
    struct chains now = *chains;
    bool stated = event->occurred_ms != 0 && event->occurred_ms <= event->now_ms;
    struct chains_change change = {.at_ms = stated ? event->occurred_ms : event->now_ms,
                                   .recorded_ms = event->now_ms};
    for (size_t i = 0; i < plan_chain_row_count(event->plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(event->plan, i);
        uint64_t bit = (uint64_t)1 << row->step;
        if (!row_fits(event, row) || (change.done & bit)) continue;
        if (!counts(&now, event, row, change.at_ms)) continue;
        bool waives = row->on == PLAN_CHAIN_WAIVE;
        int r = waives ? judge_waiver(&now, event, row, ret_error)
                       : judge(&now, event, row, &change, ret_error);
        if (r < 0) return r;
        if (waives) {
            change.moot |= bit & ~now.done;
            continue;
        }
        change.again = change.again || (row->once && (now.done & bit));
        change.until = change.until || row->until;
        change.ends = change.ends || ends_chain(event->plan, row->step);
        change.custody |= 1u << row->custody;
        if (row->gap_minutes) change.gap_minutes = row->gap_minutes;
        change.done |= bit;
        take(&now, bit, 0, &change);
    }
    change.owed &= ~now.done;
    *ret_change = change;
    return 0;
}

void chains_take(struct chains *chains, const struct chains_change *change)
{
    take(chains, change->done, change->owed, change);
    chains->owed &= ~change->moot;
    chains->moot |= change->moot;
}

/* ---- custody ------------------------------------------------------------------------------------
 */

/* Nobody has had it before since then. */
static void custody_give(struct chains_custody *custody, enum chains_holder holder, uint16_t unit,
                         uint64_t at_ms)
{
    if (at_ms < custody->since_ms) at_ms = custody->since_ms;
    custody->holder = (uint8_t)holder;
    custody->unit = unit;
    custody->since_ms = at_ms;
    custody->offered_ms = 0;
}

/* Its unit has it from now on; nobody seems to have had it since it was let go of? */
static bool custody_take(struct chains_custody *custody, const struct chains_change *change,
                         uint16_t from)
{
    uint64_t offered_ms = custody->offered_ms, at_ms = change->at_ms;
    /* It has it already: one handover was accepted, and another one of the same is. */
    if (custody->holder == CHAINS_UNIT && custody->unit == from && offered_ms == 0) return false;
    bool gap = offered_ms != 0 && at_ms > offered_ms &&
               at_ms - offered_ms > (uint64_t)change->gap_minutes * CHAINS_MINUTE_MS;
    custody_give(custody, CHAINS_UNIT, from, at_ms);
    if (!gap) return false;
    custody->gap_from_ms = offered_ms;
    custody->gap_until_ms = at_ms;
    custody->gap_count++;
    return true;
}

bool chains_custody(struct chains_custody *custody, const struct chains_change *change,
                    uint16_t from, uint64_t occurred_ms)
{
    uint32_t bits = change->custody;
    uint64_t at_ms = change->at_ms;
    bool gap = false;
    if ((bits >> PLAN_CUSTODY_FREE & 1) && custody->holder == CHAINS_NOBODY)
        custody_give(custody, CHAINS_UNIT, from, at_ms);
    /* Papers of the time before. */
    if (holder_is_last(custody->holder))
        bits &= ~(1u << PLAN_CUSTODY_OFFER | 1u << PLAN_CUSTODY_TAKE);
    /* Without a time of its own the giver answers for it until it is taken. */
    if (bits >> PLAN_CUSTODY_OFFER & 1)
        custody->offered_ms = occurred_ms != at_ms        ? 0
                              : at_ms > custody->since_ms ? at_ms
                                                          : custody->since_ms;
    if (bits >> PLAN_CUSTODY_TAKE & 1) gap = custody_take(custody, change, from);
    if (bits >> PLAN_CUSTODY_FAMILY & 1) custody_give(custody, CHAINS_FAMILY, 0, at_ms);
    if (bits >> PLAN_CUSTODY_PLACEMENT & 1) custody_give(custody, CHAINS_PLACEMENT, 0, at_ms);
    return gap;
}

const char *chains_holder_name(enum chains_holder holder)
{
    static const char *const names[CHAINS_HOLDER_COUNT] = {"nobody", "unit", "family", "placement"};
    return (size_t)holder < CHAINS_HOLDER_COUNT ? names[holder] : "?";
}

const char *chains_holder_text(enum chains_holder holder, enum lang lang)
{
    static const char *const texts[CHAINS_HOLDER_COUNT][2] = {{"无人", "nobody"},
                                                              {"单位", "a unit"},
                                                              {"亲属", "the family"},
                                                              {"安置机构", "the placement"}};
    return (size_t)holder < CHAINS_HOLDER_COUNT ? texts[holder][lang == LANG_EN] : "?";
}
