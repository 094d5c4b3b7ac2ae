/* Acts at random, legal and illegal, over many threads, by everybody: no leg ever comes into a
 * state that the table does not lead to, and the journal folds to the same state again.
 * LEADBUS_RANDOM_ACTS: how many (20,000 where it is not set); the same number, the same acts. */
#include <stdlib.h>

#include "proto/plan/assess.h"
#include "tests/mission/scene.h"

enum {
    THREAD_COUNT = 1000,
    ACT_COUNT = 20000,
    LEG_COUNT_MAX = 4096,
    OPENING_COUNT = 8,
};

struct thread_now {
    struct district_letter *lead;
    struct district_letter *newest[PLAN_ACT_COUNT]; /* of each act: what others refer to */
    bool bound;
};

struct world {
    struct scene *scene;
    struct thread_now threads[THREAD_COUNT];
    struct buf *records;
    size_t record_count, record_cap;
    uint64_t random;
    size_t passed, refused, ticks, chained;
};

static const struct {
    const char *kind, *topic, *from;
} openings[OPENING_COUNT] = {
    {"lead.street-minor", "", "education"},
    {"lead.exploitation", "begging", "health"},
    {"lead.public-tip", "", "womens-federation"},
    {"anomaly.community", "unknown-child", SCENE_STREET},
    {"handoff.service-referral", "schooling", "civil-affairs"},
    {"handoff.victim", "", "police-hedong"},
    {"notice.verify", "foreign-marriage", "civil-affairs"},
    {"alert.risk", "weather", "civil-affairs"},
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

/* Sealed, decided, and where it was taken folded and kept; NULL: refused. */
static struct district_letter *try(struct world *world, const struct district_draft *draft,
                                   int *ret_code)
{
    struct scene *scene = world->scene;
    struct core_verdict verdict;
    struct buf record = {0};
    struct error error;
    struct district_letter *letter = district_seal(scene->district, draft, ret_code);
    if (!letter) return NULL;
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = scene->district->now_ms};
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, scene->district->units[letter->from].identity, 32);
    *ret_code = core_admit(scene->core, &request, &record, &verdict);
    if (*ret_code != 0) {
        district_unsend(scene->district, letter);
        district_letter_free(letter);
        buf_fini(&record);
        return NULL;
    }
    uint64_t index = core_size(scene->core);
    assert_int_equal(core_apply(scene->core, index, buf_bytes(&record), NULL, NULL, &error), 0);
    district_accepted(scene->district, letter, index);
    keep(world, &record);
    return letter;
}

static const struct plan_kind *kind_of_act(const struct world *world, enum plan_act act)
{
    for (size_t i = 0; i < plan_kind_count(world->scene->plan); i++)
        if (plan_kind(world->scene->plan, i)->act == act) return plan_kind(world->scene->plan, i);
    return NULL;
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
        if (thread->bound && police && after[i].state == LIFECYCLE_CLOSED)
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

/* What falls due is folded as the broker would: before the next act. */
static void let_fall_due(struct world *world)
{
    struct core *core = world->scene->core;
    struct core_request request = {.type = CORE_TICK, .now_ms = world->scene->district->now_ms};
    struct core_verdict verdict;
    struct error error;
    struct buf record = {0};
    while (core_admit(core, &request, &record, &verdict) == 0) {
        assert_int_equal(core_apply(core, core_size(core), buf_bytes(&record), NULL, NULL, &error),
                         0);
        keep(world, &record);
        record = (struct buf){0};
        world->ticks++;
    }
    buf_fini(&record);
    assert_true(core_next_deadline_ms(core) > world->scene->district->now_ms);
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

static const struct district_letter *pick_parent(struct world *world,
                                                 const struct thread_now *thread)
{
    enum plan_act act = (enum plan_act)next(world, PLAN_ACT_COUNT);
    bool lead = next(world, 3) != 0 || !thread->newest[act];
    return lead ? thread->lead : thread->newest[act];
}

/* A message of a chain, by one of its units most of the time, now and then of an earlier time. */
static struct district_draft draft_of_chain(struct world *world, const struct thread_now *thread)
{
    const struct plan *plan = world->scene->plan;
    const struct plan_chain_row *row;
    do row = plan_chain_row(plan, next(world, plan_chain_row_count(plan)));
    while (row->on != PLAN_CHAIN_SEND);
    struct district_draft draft = {.kind = row->kinds[next(world, row->kind_count)],
                                   .topic = row->topic_count ? row->topics[0] : "",
                                   .area = SCENE_AREA,
                                   .from = actors[next(world, ACTOR_COUNT)],
                                   .parent = thread->lead,
                                   .early = next(world, 4) == 0};
    if (row->by_count && next(world, 8) != 0)
        draft.from = plan_named_key(plan, row->by[next(world, row->by_count)]);
    return draft;
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

static void step(struct world *world)
{
    static struct core_leg before[LEG_COUNT_MAX], after[LEG_COUNT_MAX];
    struct thread_now *thread = &world->threads[next(world, THREAD_COUNT)];
    const struct thread_now *other = &world->threads[next(world, THREAD_COUNT)];
    /* Half of the time by a unit that has a leg, so that threads get somewhere. */
    static const enum plan_act own[] = {PLAN_ACT_SIGN,     PLAN_ACT_ACCEPT, PLAN_ACT_PROGRESS,
                                        PLAN_ACT_CLOSE,    PLAN_ACT_GO_OUT, PLAN_ACT_RETURN,
                                        PLAN_ACT_TRANSFER, PLAN_ACT_CLOSE};
    size_t before_count = legs_of(world, thread, before);
    const struct core_leg *leg =
        before_count > 0 && next(world, 2) == 0 ? &before[next(world, before_count)] : NULL;
    enum plan_act act =
        leg ? own[next(world, sizeof own / sizeof *own)]
            : (enum plan_act)(PLAN_ACT_SIGN + next(world, PLAN_ACT_COUNT - PLAN_ACT_SIGN));
    const struct plan_kind *kind = kind_of_act(world, act);
    assert_non_null(kind);
    struct district_draft draft = {.kind = kind ? kind->slug : "",
                                   .topic = "",
                                   .area = SCENE_AREA,
                                   .from = actors[next(world, ACTOR_COUNT)],
                                   .parent = pick_parent(world, thread)};
    if (kind && kind->topic_count > 0 && (kind->topic_required || next(world, 2) == 0))
        draft.topic = kind->topics[next(world, kind->topic_count)].slug;
    if (leg) {
        draft.from = leg->unit;
        draft.parent = thread->lead;
    }
    bool names = act == PLAN_ACT_TRANSFER || act == PLAN_ACT_ASK_RELEASE;
    if (names ? next(world, 8) != 0 : next(world, 50) == 0)
        draft.target = actors[next(world, ACTOR_COUNT)];
    bool links = act == PLAN_ACT_LINK || strcmp(draft.topic, "merged") == 0;
    if (links ? next(world, 8) != 0 : next(world, 50) == 0) draft.other = other->lead;
    if (!leg && next(world, 3) == 0) {
        act = PLAN_ACT_NONE;
        draft = draft_of_chain(world, thread);
    }
    world->scene->district->now_ms += next(world, 120000);
    if (next(world, 4) == 0)
        draft.occurred_ms = world->scene->district->now_ms - next(world, DISTRICT_DAY_MS);

    int code = 0;
    struct chains_custody custody =
        core_thread_custody(world->scene->core, thread->lead->thread).custody;
    let_fall_due(world);
    struct district_letter *letter = try(world, &draft, &code);
    size_t after_count = legs_of(world, thread, after);
    for (size_t i = 0; i < after_count; i++) check_clocks(world, &after[i]);
    if (!letter) {
        assert_int_not_equal(code, 0);
        assert_int_equal(before_count, after_count);
        for (size_t i = 0; i < after_count; i++) assert_int_equal(before[i].state, after[i].state);
        world->refused++;
        return;
    }
    check_custody(world, thread, &draft, &custody);
    if (act == PLAN_ACT_NONE) {
        world->chained++;
        district_letter_free(letter);
        return;
    }
    check_change(thread, &draft, act, before, before_count, after, after_count);
    if (strcmp(draft.topic, "child-case") == 0) thread->bound = true;
    if (act == PLAN_ACT_CLOSE && draft.other && thread->bound)
        world->threads[other - world->threads].bound = true;
    district_letter_free(thread->newest[act]);
    thread->newest[act] = letter;
    world->passed++;
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
        if (request.type == CORE_SUBMIT) {
            request.signature_checked = true;
            assert_true(district_identity(district, envelope.head->serial, request.checked_key));
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
    assert_true(core_stats_balanced(again));
    struct buf figures[2] = {{0}, {0}};
    assess_all(core, &figures[0]);
    assess_all(again, &figures[1]);
    assert_true(bytes_equal(buf_bytes(&figures[0]), buf_bytes(&figures[1])));
    buf_fini(&figures[0]);
    buf_fini(&figures[1]);
    core_free(again);
}

static void acts_at_random_lead_where_the_table_says(void **state)
{
    const char *wanted = getenv("LEADBUS_RANDOM_ACTS");
    size_t count = wanted ? strtoull(wanted, NULL, 10) : ACT_COUNT;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->scene = *state;
    world->random = 20220310;
    scene_records(world->scene, &world->records, &world->record_count);
    world->record_cap = world->record_count;
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        int code;
        struct district_draft draft = {.kind = openings[i % OPENING_COUNT].kind,
                                       .topic = openings[i % OPENING_COUNT].topic,
                                       .area = SCENE_AREA,
                                       .from = openings[i % OPENING_COUNT].from,
                                       .early = true};
        world->threads[i].lead = try(world, &draft, &code);
        assert_non_null(world->threads[i].lead);
    }
    for (size_t i = 0; i < count; i++) step(world);
    print_message("%zu acts: %zu taken, %zu refused; %zu of chains; %zu ticks; %zu records\n",
                  count, world->passed, world->refused, world->chained, world->ticks,
                  world->record_count);
    assert_true(world->chained > count / 100);
    assert_true(world->ticks > 100);
    assert_true(world->passed > count / 50 && world->refused > count / 2);
    fold_again(world, world->scene->core);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        district_letter_free(world->threads[i].lead);
        for (int act = 0; act < PLAN_ACT_COUNT; act++)
            district_letter_free(world->threads[i].newest[act]);
    }
    for (size_t i = 0; i < world->record_count; i++) buf_fini(&world->records[i]);
    free(world->records);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {scene_test(acts_at_random_lead_where_the_table_says)};
    return cmocka_run_group_tests_name("unit.random_acts", tests, NULL, NULL);
}
