/* chains: what comes before what on a thread, and who has the person in their care: the plan's
 * table of chains on a thread's messages.
 *
 * A chain's steps are taken by messages of certain kinds and by accepting them; each may need
 * others before it and exclude others. All that is asked stands in headers: kind, topic, sender,
 * times, and one flag, that the sender has a reason for coming early (HEADER_FLAG_EARLY). Then what
 * is missing stays owed until it comes, which it may in any order, or until one of the units that
 * the table names says why it is needed no more: then it is moot, and nothing waits for it. Steps
 * stand in the order of the times stated
 * (`occurred_ms`, else that of the record), so that papers may be entered later; a time that is
 * still to come is taken for now. A period that is waited for runs from the record and not from the
 * time stated: a date on paper is its sender's word, and would let a term of the law be over on
 * the day on which it began. Whoever cannot wait so long says why, as for any other step, and that
 * is told.
 *
 * Rows that stand alone let a step come on a thread where its chain has not begun. There it is a
 * message like others, and no step of the chain that begins later, unless what it needs had come
 * or it may come early.
 *
 * Custody: at each moment one custodian at most. Whoever has it keeps it until somebody takes it;
 * an offer says when it was let go of on paper, and where more than the table's minutes lie between
 * that and the taking, nobody seems to have had the person: a gap, which is told. Only who has the
 * person offers; from family or placement nobody takes it back on that thread: it begins again on
 * another one, with a take-over of its own. Papers of what came before may still be entered, and
 * move nobody.
 *
 * Broker, replay and agents share this. Pure, no allocation, thread-safe. */
#ifndef PROTO_PLAN_CHAINS_H
#define PROTO_PLAN_CHAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/plan/plan.h"

/* What has come on a thread, in the steps of one plan. */
struct chains {
    uint64_t done;                             /* bit i: step i of the plan has come */
    uint64_t owed;                             /* it was wanted before something that came early */
    uint64_t moot;                             /* it was owed, and is needed no more */
    uint64_t at_ms[PLAN_STEP_COUNT_MAX];       /* when it came last, as stated; 0: it has not */
    uint64_t recorded_ms[PLAN_STEP_COUNT_MAX]; /* and when the bus recorded that */
};

enum chains_holder {
    CHAINS_NOBODY,
    CHAINS_UNIT, /* the caller's number of it stands beside */
    CHAINS_FAMILY,
    CHAINS_PLACEMENT,
    CHAINS_HOLDER_COUNT,
};

struct chains_event {
    const struct plan *plan;      /* that it goes by */
    const struct plan_kind *kind; /* of the message, in that plan */
    const char *topic;            /* "": none */
    /* Of what it accepts, in that plan; NULL: it accepts nothing, or the plan has no such kind. */
    const struct plan_kind *accepts;
    const char *accepts_topic;
    uint16_t from;         /* the sender's number in that plan */
    bool opens;            /* the thread */
    bool early;            /* it states a reason */
    bool taken;            /* by the bus, which knows more: not judged again */
    uint8_t holder;        /* enum chains_holder: who has the person before it */
    uint16_t holding_unit; /* of CHAINS_UNIT: its number in that plan, or PLAN_UNIT_NONE */
    uint64_t holding_ms;   /* since when, as stated */
    uint64_t occurred_ms, now_ms;
};

struct chains_change {
    uint64_t done;   /* the steps that it takes */
    uint64_t owed;   /* and what was missing before them */
    uint64_t moot;   /* what it says is needed no more */
    bool again;      /* one of its steps should come once, and has come before */
    bool until;      /* one of them must be followed by the last one before its message's end */
    bool ends;       /* a chain that has such steps has come to its last one */
    bool cut;        /* it comes early, before a period is over, or before it has begun */
    uint64_t cut_ms; /* that period's beginning; 0: it has not begun */
    uint64_t at_ms, recorded_ms;
    uint32_t custody; /* bits by enum plan_chain_custody: done in that order */
    uint32_t gap_minutes;
};

/* What a message does to the chains of its thread. Errors: E_CHAIN_ORDER, field "kind": the words
 * name the step that is missing, or has come, or who has the person. ret_change is untouched then.
 */
int chains_next(const struct chains *chains, const struct chains_event *event,
                struct chains_change *ret_change, struct error *ret_error) MUST_USE;
/* Some row of the table lets a message of this kind and topic ("": none) come before what it needs,
 * with a reason: of others HEADER_FLAG_EARLY says nothing, and who sends them does not set it. */
bool chains_may_come_early(const struct plan *plan, const struct plan_kind *kind,
                           const char *topic);
void chains_take(struct chains *chains, const struct chains_change *change);
/* When the period of a step that was recorded then is over; 0: it has none. */
uint64_t chains_period_end(const struct plan *plan, size_t step, uint64_t recorded_ms);

struct chains_custody {
    uint8_t holder; /* enum chains_holder */
    uint16_t unit;  /* of CHAINS_UNIT; as the caller numbers units */
    uint32_t gap_count;
    uint64_t since_ms;   /* as stated */
    uint64_t offered_ms; /* let go of then, on paper; 0: not */
    /* The newest gap; 0: none. */
    uint64_t gap_from_ms, gap_until_ms;
};
/* `from`: the acting unit, in the caller's numbers; occurred_ms: as stated in the header, or 0.
 * True: a gap lies before the new custody. */
bool chains_custody(struct chains_custody *custody, const struct chains_change *change,
                    uint16_t from, uint64_t occurred_ms);
const char *chains_holder_name(enum chains_holder holder); /* "family" */
const char *chains_holder_text(enum chains_holder holder, enum lang lang);

#endif
