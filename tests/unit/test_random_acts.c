/* Acts at random, legal and illegal, over many threads, by everybody: no leg ever comes into a
 * state that the table does not lead to, each act of the table and each step of the chains is taken
 * now and then, and the journal folds to the same state and the same assessment again.
 *
 *     test_random_acts [N]    how many acts (20,000); the same number, the same acts */
#include <stdio.h>
#include <stdlib.h>

#include "proto/plan/assess.h"
#include "tests/mission/scene.h"

enum {
    THREAD_COUNT = 1000,
    ACT_COUNT = 20000,
    SPAN_DAYS =
        50, /* of all acts: a bundle's hard limit is further off, a notice's period is not */
    LEG_COUNT_MAX = 4096,
    OPENING_COUNT = 11,
    SAID_COUNT_MAX = 64,
    CODE_COUNT_MAX = 1000,
};

struct thread_now {
    struct district_letter *lead;
    struct district_letter *newest[PLAN_ACT_COUNT]; /* of each act: what others refer to */
    bool newest_said[PLAN_ACT_COUNT];               /* it is among what was said */
    /* What made legs, and where it stands: what a leg's unit refers to. */
    struct {
        struct district_letter *letter;
        uint64_t index;
    } said[SAID_COUNT_MAX];
    size_t said_count;
    bool bound;
};

struct world {
    struct scene *scene;
    struct thread_now threads[THREAD_COUNT];
    struct buf *records;
    size_t record_count, record_cap;
    uint64_t random, step_ms;
    struct {
        size_t tried, taken;
    } acts[PLAN_ACT_COUNT], steps[64];
    size_t passed, refused, chained, waived, codes[CODE_COUNT_MAX];
    size_t states[LIFECYCLE_STATE_COUNT]; /* in which a leg was seen */
    size_t missed, expired, alarms[8];    /* of ticks; alarms by what */
};

static size_t act_count = ACT_COUNT;

static const struct {
    const char *kind, *topic, *from, *target;
} openings[OPENING_COUNT] = {
    {"lead.street-minor", "", "education", NULL},
    {"lead.exploitation", "begging", "health", NULL},
    {"lead.public-tip", "", "womens-federation", NULL},
    {"anomaly.community", "unknown-child", SCENE_STREET, NULL},
    {"handoff.service-referral", "schooling", "civil-affairs", NULL},
    {"handoff.victim", "", "police-hedong", NULL},
    {"notice.verify", "foreign-marriage", "civil-affairs", NULL},
    {"alert.risk", "weather", "civil-affairs", NULL},
    {"alert.missing-child", "issue", "police-hedong", NULL},
    {"supervision.inspection", "judicial", "procuratorate", NULL},
    {"file.access", "", "police-hedong", "civil-affairs"},
};
static const char *const actors[] = {
    "police-hedong",     "civil-affairs",           "education",  "health",        "hrss",
    "womens-federation", "joint-conference-office", SCENE_STREET, "procuratorate", "court"};
enum { ACTOR_COUNT = sizeof actors / sizeof *actors };

/* splitmix64 */
static uint64_t next(struct world *world, uint64_t below)
{
    uint64_t z = (world->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static void keep(struct world *world, const struct buf *take_record)
{
    if (world->record_count == world->record_cap) {
        world->record_cap = world->record_cap ? world->record_cap * 2 : 1024;
        world->records = realloc(world->records, world->record_cap * sizeof *world->records);
        assert_non_null(world->records);
    }
    world->records[world->record_count++] = *take_record;
}

/* ---- what may have happened ---------------------------------------------------------------------
 */

static size_t legs_of(const struct world *world, const struct thread_now *thread,
                      struct core_leg *ret_legs)
{
    bool known;
    size_t count =
        core_thread_legs(world->scene->core, thread->lead->thread, ret_legs, LEG_COUNT_MAX, &known);
    assert_true(known && count <= LEG_COUNT_MAX);
    return count;
}

static bool table_leads(enum lifecycle_state from, enum plan_act act, enum lifecycle_state to)
{
    size_t count;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    for (size_t i = 0; i < count; i++)
        if (rows[i].act == act && (rows[i].states >> from & 1) != 0 &&
            (rows[i].next == LIFECYCLE_SAME ? from : (enum lifecycle_state)rows[i].next) == to)
            return true;
    return false;
}

static void check_change(const struct thread_now *thread, const struct district_draft *draft,
                         enum plan_act act, const struct core_leg *before, size_t before_count,
                         const struct core_leg *after, size_t after_count)
{
    size_t changed = 0;
    assert_true(after_count >= before_count);
    for (size_t i = 0; i < before_count; i++) {
        assert_string_equal(before[i].unit, after[i].unit);
        if (before[i].state == after[i].state) continue;
        changed++;
        if (!table_leads(before[i].state, act, after[i].state))
            fail_msg("%s by %s: %s became %s", draft->kind, draft->from,
                     lifecycle_state_name(before[i].state), lifecycle_state_name(after[i].state));
        bool police = strcmp(after[i].unit, "police-hedong") == 0;
        /* What answers an inspection is no case. */
        bool reports = act == PLAN_ACT_HAND_IN;
        if (thread->bound && police && after[i].state == LIFECYCLE_CLOSED && !reports)
            assert_string_equal(draft->topic, "solved");
        if (act == PLAN_ACT_CLOSE) assert_string_equal(draft->from, after[i].unit);
    }
    if (!lifecycle_act_on_thread(act))
        assert_true(changed <= 1 || act == PLAN_ACT_REOPEN || act == PLAN_ACT_OBJECT ||
                    act == PLAN_ACT_UPHOLD);
    if (act == PLAN_ACT_TRANSFER) {
        assert_int_equal(after_count, before_count + 1);
        assert_string_equal(after[before_count].unit, draft->target);
        assert_int_equal(after[before_count].state, LIFECYCLE_SUBMITTED);
    }
}

static void count_tick(struct world *world, struct bytes record)
{
    struct arena arena;
    const Leadbus__Record *decoded;
    struct error error;
    arena_init(&arena, (size_t)LIMIT_RECORD_BYTES_MAX * 8);
    assert_int_equal(record_decode(record, &arena, &decoded, &error), 0);
    world->missed += decoded->tick->n_missed;
    world->expired += decoded->tick->n_expired;
    if (decoded->tick->alarm) world->alarms[decoded->tick->alarm->what & 7]++;
    arena_fini(&arena);
}

/* Decided, folded and kept. */
static int put(struct world *world, const struct core_request *request)
{
    struct core *core = world->scene->core;
    struct core_verdict verdict;
    struct error error;
    struct buf record = {0};
    int r = core_admit(core, request, &record, &verdict);
    if (r != 0) {
        buf_fini(&record);
        return r;
    }
    assert_int_equal(core_apply(core, core_size(core), buf_bytes(&record), NULL, NULL, &error), 0);
    if (request->type == CORE_TICK) count_tick(world, buf_bytes(&record));
    keep(world, &record);
    return 0;
}

/* What falls due is folded as the broker would: before the next act. */
static void let_fall_due(struct world *world)
{
    struct core *core = world->scene->core;
    struct core_request request = {.type = CORE_TICK, .now_ms = world->scene->district->now_ms};
    while (put(world, &request) == 0) continue;
    assert_true(core_next_deadline_ms(core) > world->scene->district->now_ms);
}

/* A unit's machine has taken what waits for it. */
static void acknowledge(struct world *world)
{
    struct district *district = world->scene->district;
    const struct district_unit *unit = &district->units[next(world, district->unit_count)];
    unsigned lane = (unsigned)next(world, ENVELOPE_LANE_COUNT);
    uint8_t running[32], signature[64];
    uint64_t position;
    struct core_entry entry;
    struct buf body = {0};
    core_acknowledged(world->scene->core, unit->key, lane, &position, running);
    uint64_t before = position;
    while (core_entry_after(world->scene->core, unit->key, lane, position, &entry)) {
        position = entry.position;
        lane_running(DISTRICT_ORIGIN, running, entry.index, entry.item_hash, running);
        if (entry.type == CORE_ENTRY_LEAD) world->acts[PLAN_ACT_DELIVER].taken++;
    }
    if (position == before) return;
    district_ack(district, unit->key, lane, position, running, NULL, 0, &body, signature);
    struct core_request request = {.type = CORE_ACK, .now_ms = district->now_ms};
    request.conn_serial = unit->serial;
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, unit->identity, 32);
    assert_int_equal(put(world, &request), 0);
    buf_fini(&body);
}

/* A leg that owes something has a clock for it or has missed it; one that owes nothing has none. */
static void check_clocks(const struct world *world, const struct core_leg *leg)
{
    uint64_t now_ms = world->scene->district->now_ms;
    const struct clocks *clocks = &leg->clocks;
    bool fresh = leg->state == LIFECYCLE_SUBMITTED || leg->state == LIFECYCLE_DELIVERED;
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        uint64_t due_ms = (uint64_t)clocks->due_s[i] * CLOCKS_SECOND_MS;
        assert_false(clocks->ended_s != 0 && due_ms != 0);
        bool over = due_ms != 0 && due_ms <= now_ms && clocks->paused_s == 0;
        if (over) assert_true(clocks->missed >> i & 1);
        assert_true((uint64_t)clocks->at_s[i] * CLOCKS_SECOND_MS <= now_ms);
    }
    assert_int_equal(clocks->due_s[PLAN_CLOCK_SIGN] != 0,
                     fresh && clocks->ended_s == 0 && clocks->at_s[PLAN_CLOCK_SIGN] == 0);
}

/* ---- the acts -----------------------------------------------------------------------------------
 */

/* Sealed, decided, and where it was taken folded and kept; NULL: refused. */
static struct district_letter *try(struct world *world, const struct district_draft *draft,
                                   int *ret_code)
{
    struct scene *scene = world->scene;
    struct district_letter *letter = district_seal(scene->district, draft, ret_code);
    if (!letter) return NULL;
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = scene->district->now_ms};
    uint64_t index = core_size(scene->core);
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, scene->district->units[letter->from].identity, 32);
    *ret_code = put(world, &request);
    if (*ret_code == 0) {
        district_accepted(scene->district, letter, index);
        return letter;
    }
    district_unsend(scene->district, letter);
    district_letter_free(letter);
    return NULL;
}

/* Some kind with that act. */
static const struct plan_kind *kind_of_act(struct world *world, enum plan_act act)
{
    const struct plan *plan = world->scene->plan;
    size_t count = plan_kind_count(plan), start = next(world, count);
    for (size_t i = 0; i < count; i++)
        if (plan_kind(plan, (start + i) % count)->act == act)
            return plan_kind(plan, (start + i) % count);
    fail_msg("no kind is %s", plan_act_name(act));
    return NULL;
}

static const struct district_letter *letter_at(const struct thread_now *thread, uint64_t index)
{
    for (size_t i = 0; i < thread->said_count; i++)
        if (thread->said[i].index == index) return thread->said[i].letter;
    return thread->lead;
}

/* One of the topics that mean what the row wants of the act. */
static const char *topic_of(struct world *world, const struct plan_kind *kind,
                            const struct lifecycle_row *row)
{
    uint32_t meant = 0;
    for (size_t i = 0; i < kind->topic_count; i++)
        meant |= lifecycle_topic_facts(kind->act, kind->topics[i].slug);
    for (int tries = 0; tries < 16; tries++) {
        bool none = !kind->topic_required && next(world, 4) == 0;
        const char *topic =
            none || kind->topic_count == 0 ? "" : kind->topics[next(world, kind->topic_count)].slug;
        uint32_t facts = lifecycle_topic_facts(kind->act, topic);
        if ((row->needs & meant & ~facts) == 0 && (row->bars & facts) == 0) return topic;
    }
    return "";
}

static const char *some_unit(struct world *world)
{
    const struct district *district = world->scene->district;
    return next(world, 4) == 0 ? district->units[next(world, district->unit_count)].key
                               : actors[next(world, ACTOR_COUNT)];
}

/* Who has that role towards a leg. */
static const char *actor_of(struct world *world, const struct core_leg *leg,
                            const struct district_letter *lead, uint32_t roles)
{
    unsigned role;
    do role = (unsigned)next(world, LIFECYCLE_ROLE_COUNT);
    while (!(roles >> role & 1));
    if (role == LIFECYCLE_ROLE_LEG) return leg->unit;
    if (role == LIFECYCLE_ROLE_ORIGINATOR) return world->scene->district->units[lead->from].key;
    return role == LIFECYCLE_ROLE_OFFICE ? "joint-conference-office" : some_unit(world);
}

/* An act that the table has for where a leg stands, by one who may; something else of it may well
 * be in the way. */
static enum plan_act draft_by_table(struct world *world, const struct thread_now *thread,
                                    const struct thread_now *other, const struct core_leg *leg,
                                    struct district_draft *draft)
{
    size_t count;
    const struct lifecycle_row *rows = lifecycle_rows(&count), *row = rows;
    /* Mostly what its own unit owes; of what ends a thread little. */
    const struct plan_kind *held = plan_kind_find(world->scene->plan, leg->kind);
    enum plan_act owed = lifecycle_owed(held, leg->state);
    if (owed == PLAN_ACT_CLOSE && next(world, 3) != 0) owed = PLAN_ACT_PROGRESS;
    if (next(world, 2) == 0) owed = PLAN_ACT_NONE;
    bool fits = false;
    for (int tries = 0; !fits && tries < 1000; tries++) {
        row = &rows[next(world, count)];
        fits = row->act != PLAN_ACT_DELIVER && (row->states >> leg->state & 1) != 0 &&
               (owed == PLAN_ACT_NONE || row->act == owed);
    }
    if (!fits) return PLAN_ACT_NONE;
    bool ends = row->act == PLAN_ACT_WITHDRAW || row->act == PLAN_ACT_STAND_DOWN ||
                row->act == PLAN_ACT_END_ACCESS;
    if (ends && next(world, 20) != 0) return PLAN_ACT_NONE;
    const struct plan_kind *kind = kind_of_act(world, row->act);
    draft->kind = kind->slug;
    draft->topic = topic_of(world, kind, row);
    draft->parent = letter_at(thread, leg->index);
    draft->from = actor_of(world, leg, draft->parent, row->roles);
    if (row->act == PLAN_ACT_TRANSFER || row->act == PLAN_ACT_ASK_RELEASE)
        draft->target = some_unit(world);
    if (row->act == PLAN_ACT_LINK || strcmp(draft->topic, "merged") == 0)
        draft->other = other->lead;
    return row->act;
}

/* What somebody waits for: an answer, a decision, that clocks run again; else that something be
 * passed on. */
static enum plan_act draft_answer(struct world *world, const struct thread_now *thread,
                                  const struct core_leg *leg, struct district_draft *draft)
{
    static const char office[] = "joint-conference-office";
    const struct district_letter *made = letter_at(thread, leg->index);
    const char *sender = world->scene->district->units[made->from].key;
    const struct plan_kind *held = plan_kind_find(world->scene->plan, leg->kind);
    const struct district_letter *asked = thread->newest[PLAN_ACT_ASK_RELEASE];
    const struct district_letter *answer = thread->newest[PLAN_ACT_RELEASE];
    bool works = leg->state == LIFECYCLE_SIGNED || leg->state == LIFECYCLE_ACCEPTED ||
                 leg->state == LIFECYCLE_PROGRESS;
    enum plan_act act = PLAN_ACT_NONE;
    draft->parent = made;
    if (leg->clocks.paused_s != 0) {
        act = PLAN_ACT_RESUME;
        draft->from = next(world, 2) == 0 ? leg->unit : office;
    } else if (held->reported && works) {
        act = PLAN_ACT_HAND_IN;
        draft->from = leg->unit;
    } else if (held->erased && lifecycle_owed(held, leg->state) != PLAN_ACT_NONE) {
        act = lifecycle_owed(held, leg->state);
        if (act == PLAN_ACT_CLOSE) act = PLAN_ACT_CONFIRM_DELETION;
        draft->from = leg->unit;
    } else if (held->family == PLAN_FAMILY_FILE) {
        act = next(world, 8) == 0 ? PLAN_ACT_END_ACCESS : PLAN_ACT_INFORM;
        draft->from = sender;
    } else if (strcmp(leg->kind, "handoff.victim") == 0 &&
               lifecycle_owed(held, leg->state) != PLAN_ACT_NONE) {
        act = lifecycle_owed(held, leg->state);
        draft->from = leg->unit;
    } else if (leg->state == LIFECYCLE_OBJECTED) {
        act = next(world, 2) == 0 ? PLAN_ACT_UPHOLD : PLAN_ACT_REOPEN;
        draft->from = office;
        if (thread->newest[PLAN_ACT_OBJECT]) draft->parent = thread->newest[PLAN_ACT_OBJECT];
    } else if (leg->state == LIFECYCLE_CLOSED || leg->state == LIFECYCLE_UPHELD) {
        enum plan_act ended = held->reported ? PLAN_ACT_HAND_IN : PLAN_ACT_CLOSE;
        act = held->reported ? PLAN_ACT_REVIEW : PLAN_ACT_OBJECT;
        draft->from = sender;
        if (thread->newest[ended]) draft->parent = thread->newest[ended];
    } else if (works && asked && (!answer || next(world, 4) == 0)) {
        act = PLAN_ACT_RELEASE;
        draft->from = next(world, 4) != 0 ? sender : office;
        draft->parent = asked;
    } else if (works) {
        bool may = answer && asked && next(world, 2) == 0;
        act = may || next(world, 2) == 0 ? PLAN_ACT_TRANSFER : PLAN_ACT_ASK_RELEASE;
        draft->from = may ? asked->envelope.head->from : leg->unit;
        draft->target = may ? asked->envelope.head->target : some_unit(world);
    }
    if (act == PLAN_ACT_NONE) return act;
    const struct plan_kind *kind = kind_of_act(world, act);
    draft->kind = kind->slug;
    if (kind->topic_count > 0) draft->topic = kind->topics[next(world, kind->topic_count)].slug;
    return act;
}

/* Anything by anybody. */
static enum plan_act draft_wildly(struct world *world, const struct thread_now *thread,
                                  const struct thread_now *other, struct district_draft *draft)
{
    enum plan_act act =
        (enum plan_act)(PLAN_ACT_SIGN + next(world, PLAN_ACT_COUNT - PLAN_ACT_SIGN));
    const struct plan_kind *kind = kind_of_act(world, act);
    const struct district_letter *newest = thread->newest[next(world, PLAN_ACT_COUNT)];
    draft->kind = kind->slug;
    draft->from = some_unit(world);
    draft->parent = newest && next(world, 3) == 0 ? newest : thread->lead;
    if (kind->topic_count > 0 && (kind->topic_required || next(world, 2) == 0))
        draft->topic = kind->topics[next(world, kind->topic_count)].slug;
    bool names = act == PLAN_ACT_TRANSFER || act == PLAN_ACT_ASK_RELEASE;
    if (names ? next(world, 8) != 0 : next(world, 50) == 0) draft->target = some_unit(world);
    bool links = act == PLAN_ACT_LINK || strcmp(draft->topic, "merged") == 0;
    if (links ? next(world, 8) != 0 : next(world, 50) == 0) draft->other = other->lead;
    return act;
}

static uint64_t steps_come(const struct world *world, const struct thread_now *thread)
{
    const struct plan *plan = world->scene->plan;
    struct core_thread_step steps[64];
    size_t count = core_thread_steps(world->scene->core, thread->lead->thread, steps, 64);
    uint64_t come = 0;
    for (size_t i = 0; i < count && i < 64; i++)
        for (size_t k = 0; k < plan_step_count(plan); k++) {
            char name[LIMIT_SLUG_LEN_MAX + 1];
            (void)snprintf(name, sizeof name, "%s/%s", plan_step(plan, k)->chain,
                           plan_step(plan, k)->step);
            if (steps[i].at_ms != 0 && strcmp(steps[i].step, name) == 0) come |= 1ull << k;
        }
    return come;
}

static bool row_ready(const struct plan_chain_row *row, uint64_t come)
{
    bool ready = (row->bars & come) == 0 && !(come >> row->step & 1);
    for (size_t i = 0; i < row->after_count; i++) ready = ready && (row->after[i] & come) != 0;
    return ready;
}

/* A message of a chain, mostly one that may come next, by one of its units, now and then of an
 * earlier time. */
static enum plan_act draft_of_chain(struct world *world, const struct thread_now *thread,
                                    struct district_draft *draft,
                                    const struct plan_chain_row **ret_row)
{
    const struct plan *plan = world->scene->plan;
    const struct plan_chain_row *row = NULL;
    uint64_t come = steps_come(world, thread);
    for (int tries = 0; tries < 20 || !row; tries++) {
        const struct plan_chain_row *one =
            plan_chain_row(plan, next(world, plan_chain_row_count(plan)));
        bool waives = one->on == PLAN_CHAIN_WAIVE && next(world, 16) == 0;
        if (one->on != PLAN_CHAIN_SEND && !waives) continue;
        row = one;
        /* An alert is for half of the district: seldom on a thread that is about something else. */
        bool alert = row->until && strcmp(thread->lead->kind, row->kinds[0]) != 0;
        if (row_ready(row, come) && (!alert || next(world, 20) == 0)) break;
    }
    draft->kind = row->kinds[next(world, row->kind_count)];
    draft->topic = row->topic_count ? row->topics[0] : "";
    draft->from = some_unit(world);
    draft->parent = thread->lead;
    draft->early = next(world, 6) == 0;
    if (row->by_count && next(world, 8) != 0)
        draft->from = plan_named_key(plan, row->by[next(world, row->by_count)]);
    *ret_row = row;
    return plan_kind_find(plan, draft->kind)->act;
}

/* At each moment one custodian at most: a custody begins where the one before it ends, by who may
 * take it. */
static void check_custody(const struct world *world, const struct thread_now *thread,
                          const struct district_draft *draft, const struct chains_custody *before)
{
    struct core_thread_custody view = core_thread_custody(world->scene->core, thread->lead->thread);
    const struct chains_custody *after = &view.custody;
    bool accept = strcmp(draft->kind, "receipt.accepted") == 0;
    assert_true(after->since_ms >= before->since_ms);
    assert_true(after->since_ms <= world->scene->district->now_ms);
    assert_int_equal(after->holder == CHAINS_UNIT, view.unit[0] != 0);
    assert_true(after->gap_count == before->gap_count || (accept && before->offered_ms != 0));
    if (after->holder == before->holder && after->unit == before->unit) return;
    if (after->holder == CHAINS_UNIT) {
        assert_true(accept);
        assert_string_equal(view.unit, draft->from);
    } else {
        assert_string_equal(draft->kind, after->holder == CHAINS_FAMILY ? "handoff.reunion"
                                                                        : "handoff.settlement");
    }
}

/* What was taken is what others refer to from now on. */
static void take(struct world *world, struct thread_now *thread, enum plan_act act,
                 struct district_letter *take_letter, bool legs)
{
    bool said = legs && thread->said_count < SAID_COUNT_MAX;
    if (said) {
        thread->said[thread->said_count].letter = take_letter;
        thread->said[thread->said_count++].index = core_size(world->scene->core) - 1;
    }
    if (!thread->newest_said[act]) district_letter_free(thread->newest[act]);
    thread->newest[act] = take_letter;
    thread->newest_said[act] = said;
}

/* More often one of the first or the last: an alert has thirty legs. */
static size_t some_leg(struct world *world, size_t count)
{
    size_t near = next(world, next(world, count) + 1);
    return next(world, 2) == 0 ? near : count - 1 - near;
}

static void step(struct world *world)
{
    static struct core_leg before[LEG_COUNT_MAX], after[LEG_COUNT_MAX];
    struct thread_now *thread = &world->threads[next(world, THREAD_COUNT)];
    struct thread_now *other = &world->threads[next(world, THREAD_COUNT)];
    struct district *district = world->scene->district;
    struct district_draft draft = {.topic = "", .area = SCENE_AREA};
    enum plan_act act = PLAN_ACT_NONE;
    const struct plan_chain_row *row = NULL;
    bool chain = next(world, 5) == 0, wild = !chain && next(world, 4) == 0;
    district->now_ms += next(world, world->step_ms);
    if (next(world, 16) == 0) acknowledge(world);
    size_t before_count = legs_of(world, thread, before);
    if (chain) {
        act = draft_of_chain(world, thread, &draft, &row);
    } else {
        bool answer = next(world, 4) == 0;
        for (int tries = 0; answer && act == PLAN_ACT_NONE && before_count > 0 && tries < 4;
             tries++)
            act = draft_answer(world, thread, &before[some_leg(world, before_count)], &draft);
        for (int tries = 0; !wild && act == PLAN_ACT_NONE && before_count > 0 && tries < 16;
             tries++)
            act = draft_by_table(world, thread, other, &before[some_leg(world, before_count)],
                                 &draft);
        if (act == PLAN_ACT_NONE) act = draft_wildly(world, thread, other, &draft);
    }
    const struct plan_kind *kind = plan_kind_find(world->scene->plan, draft.kind);
    if (next(world, 4) == 0) draft.occurred_ms = district->now_ms - next(world, DISTRICT_DAY_MS);
    if (kind->dated && next(world, 2) == 0)
        draft.due_ms = district->now_ms + 1 + next(world, 30 * DISTRICT_DAY_MS);
    if (kind->may_expire && next(world, 2) == 0)
        draft.expires_ms = district->now_ms + 1 + next(world, 2 * DISTRICT_DAY_MS);

    int code = 0;
    struct chains_custody custody =
        core_thread_custody(world->scene->core, thread->lead->thread).custody;
    let_fall_due(world);
    struct district_letter *letter = try(world, &draft, &code);
    size_t after_count = legs_of(world, thread, after);
    for (size_t i = 0; i < after_count; i++) {
        check_clocks(world, &after[i]);
        world->states[after[i].state]++;
    }
    world->acts[act].tried++;
    if (row) world->steps[row->step].tried++;
    if (!letter) {
        assert_int_not_equal(code, 0);
        assert_int_equal(before_count, after_count);
        for (size_t i = 0; i < after_count; i++) assert_int_equal(before[i].state, after[i].state);
        world->codes[-code % CODE_COUNT_MAX]++;
        world->refused++;
        return;
    }
    check_custody(world, thread, &draft, &custody);
    world->acts[act].taken++;
    if (row) world->steps[row->step].taken++;
    if (row && row->on == PLAN_CHAIN_WAIVE) world->waived++;
    if (act != PLAN_ACT_NONE)
        check_change(thread, &draft, act, before, before_count, after, after_count);
    if (strcmp(draft.topic, "child-case") == 0) thread->bound = true;
    if (act == PLAN_ACT_CLOSE && draft.other && thread->bound) other->bound = true;
    if (chain)
        world->chained++;
    else
        world->passed++;
    take(world, thread, act, letter, after_count > before_count);
}

/* ---- again --------------------------------------------------------------------------------------
 */

static void add_leg(void *ctx, const struct core_leg *leg)
{
    const struct assess_leg one = {leg->unit, leg->kind, leg->clause, leg->since_ms, leg->clocks};
    assess_add(ctx, &one);
}

/* The assessment by everything, as bytes. */
static void assess_all(const struct core *core, struct buf *ret)
{
    const struct assess_row *rows;
    struct assess *assess =
        assess_new(ASSESS_BY_UNIT | ASSESS_BY_CLAUSE | ASSESS_BY_KIND, 0, UINT64_MAX);
    core_legs(core, 0, UINT64_MAX, add_leg, assess);
    size_t count = assess_rows(assess, &rows);
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        const struct assess_row *row = &rows[i];
        buf_printf(ret, "%s %s %s %llu %llu %llu %llu %llu %llu %llu %llu %llu %u %u %u\n",
                   row->unit, row->clause, row->kind, (unsigned long long)row->received,
                   (unsigned long long)row->signed_in_time, (unsigned long long)row->overdue,
                   (unsigned long long)row->returned, (unsigned long long)row->transferred,
                   (unsigned long long)row->closed, (unsigned long long)row->ended,
                   (unsigned long long)row->open, (unsigned long long)row->open_overdue,
                   row->to_sign.median_s, row->to_accept.worst_s, row->to_close.median_s);
    }
    assess_free(assess);
}

/* As at start: the records alone, with nothing decided again. */
static void fold_bytes(const struct world *world, const uint8_t digest[32])
{
    static const uint8_t hash_key[16] = {9};
    struct core *again = core_new(hash_key);
    uint8_t folded[32];
    for (size_t i = 0; i < world->record_count; i++) {
        struct error error;
        struct bytes bytes = buf_bytes(&world->records[i]);
        struct trust_bundle *bundle =
            i == 1 ? district_bundle_open(world->scene->district, 1) : NULL;
        assert_int_equal(core_apply(again, i, bytes, bundle, NULL, &error), 0);
    }
    core_digest(again, folded);
    assert_memory_equal(folded, digest, 32);
    core_free(again);
}

static void fold_again(const struct world *world, const struct core *core)
{
    static const uint8_t hash_key[16] = {7};
    struct core *again = core_new(hash_key);
    uint8_t digests[2][32];
    struct error error;
    const struct district *district = world->scene->district;
    for (size_t i = 0; i < world->record_count; i++) {
        struct bytes bytes = buf_bytes(&world->records[i]);
        struct trust_bundle *bundle = NULL;
        struct arena arena;
        struct core_request request;
        struct envelope envelope;
        struct core_verdict verdict;
        struct buf decided = {0};
        arena_init(&arena, (size_t)16 << 20);
        assert_int_equal(core_request_of_record(bytes, &arena, &request, &envelope, &error), 0);
        if (request.type == CORE_BUNDLE) {
            bundle = district_bundle_open(world->scene->district, 1);
            request.bundle = bundle;
        }
        if (request.type == CORE_SUBMIT || request.type == CORE_ACK) {
            request.signature_checked = true;
            assert_true(district_identity(district, request.conn_serial, request.checked_key));
        }
        assert_int_equal(core_admit(again, &request, &decided, &verdict), 0);
        assert_true(bytes_equal(buf_bytes(&decided), bytes));
        assert_int_equal(core_apply(again, i, bytes, bundle, NULL, &error), 0);
        buf_fini(&decided);
        arena_fini(&arena);
    }
    core_digest(core, digests[0]);
    core_digest(again, digests[1]);
    assert_memory_equal(digests[0], digests[1], 32);
    fold_bytes(world, digests[0]);
    char hex[65];
    hex_encode(bytes_of(digests[0], 32), hex);
    print_message("digest %s\n", hex);
    assert_true(core_stats_balanced(again));
    struct buf figures[2] = {{0}, {0}};
    assess_all(core, &figures[0]);
    assess_all(again, &figures[1]);
    assert_true(bytes_equal(buf_bytes(&figures[0]), buf_bytes(&figures[1])));
    buf_fini(&figures[0]);
    buf_fini(&figures[1]);
    core_free(again);
}

static size_t threads_with(const struct world *world, size_t chain_step)
{
    size_t count = 0;
    for (size_t i = 0; i < THREAD_COUNT; i++)
        count += steps_come(world, &world->threads[i]) >> chain_step & 1;
    return count;
}

static void tell(const struct world *world)
{
    const struct plan *plan = world->scene->plan;
    print_message(
        "%zu acts: %zu taken, %zu of chains besides (%zu waivers), %zu refused; %zu records\n",
        act_count, world->passed, world->chained, world->waived, world->refused,
        world->record_count);
    for (int act = PLAN_ACT_DELIVER; act < PLAN_ACT_COUNT; act++)
        print_message("  %-12s %6zu of %6zu\n", plan_act_name((enum plan_act)act),
                      world->acts[act].taken, world->acts[act].tried);
    for (size_t i = 0; i < plan_step_count(plan); i++)
        print_message("  %s/%s %zu of %zu, has come on %zu threads\n", plan_step(plan, i)->chain,
                      plan_step(plan, i)->step, world->steps[i].taken, world->steps[i].tried,
                      threads_with(world, i));
    print_message("due: %zu terms, %zu expiries, alarms: %zu gaps, %zu ends, %zu again, %zu "
                  "unanswered, %zu cut\n",
                  world->missed, world->expired, world->alarms[1], world->alarms[2],
                  world->alarms[3], world->alarms[4], world->alarms[5]);
    for (int i = 1; i < CODE_COUNT_MAX; i++)
        if (world->codes[i] > 0) print_message("  %s %zu\n", error_name(-i), world->codes[i]);
}

/* Nothing that the tables have is left out. */
static void check_coverage(const struct world *world)
{
    size_t count;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    const struct plan *plan = world->scene->plan;
    for (size_t i = 0; i < count; i++)
        if (world->acts[rows[i].act].taken == 0)
            fail_msg("%s was never taken", plan_act_name(rows[i].act));
    for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++)
        if (world->states[state] == 0)
            fail_msg("no leg ever was %s", lifecycle_state_name((enum lifecycle_state)state));
    for (size_t i = 0; i < plan_step_count(plan); i++)
        if (threads_with(world, i) == 0) fail_msg("%s has never come", plan_step(plan, i)->step);
    for (int what = 1; what <= 5; what++) assert_true(world->alarms[what] > 0);
    assert_true(world->missed > 0 && world->expired > 0);
    assert_true(world->passed + world->chained > act_count / 4 && world->refused > act_count / 10);
    assert_int_equal(world->codes[-E_BUNDLE_EXPIRED], 0);
    assert_int_equal(world->codes[-E_EPOCH_EXPIRED], 0);
}

static void acts_at_random_lead_where_the_table_says(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->scene = *state;
    world->random = 20220310;
    world->step_ms = 2 * SPAN_DAYS * DISTRICT_DAY_MS / act_count;
    scene_records(world->scene, &world->records, &world->record_count);
    world->record_cap = world->record_count;
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        int code;
        struct district_draft draft = {.kind = openings[i % OPENING_COUNT].kind,
                                       .topic = openings[i % OPENING_COUNT].topic,
                                       .area = SCENE_AREA,
                                       .from = openings[i % OPENING_COUNT].from,
                                       .target = openings[i % OPENING_COUNT].target,
                                       .early = true};
        if (strcmp(draft.kind, "alert.missing-child") == 0)
            draft.expires_ms =
                world->scene->district->now_ms + 1 + next(world, 20 * DISTRICT_DAY_MS);
        world->threads[i].lead = try(world, &draft, &code);
        assert_non_null(world->threads[i].lead);
    }
    for (size_t i = 0; i < act_count; i++) step(world);
    tell(world);
    check_coverage(world);
    fold_again(world, world->scene->core);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        struct thread_now *thread = &world->threads[i];
        district_letter_free(thread->lead);
        for (size_t k = 0; k < thread->said_count; k++)
            district_letter_free(thread->said[k].letter);
        for (int act = 0; act < PLAN_ACT_COUNT; act++)
            if (!thread->newest_said[act]) district_letter_free(thread->newest[act]);
    }
    for (size_t i = 0; i < world->record_count; i++) buf_fini(&world->records[i]);
    free(world->records);
    free(world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {scene_test(acts_at_random_lead_where_the_table_says)};
    if (argc > 1) act_count = strtoull(argv[1], NULL, 10);
    if (act_count == 0) return 64;
    return cmocka_run_group_tests_name("unit.random_acts", tests, NULL, NULL);
}
