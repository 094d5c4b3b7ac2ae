/* Every kind, from every unit that may send it, through all who compute its recipients: the
 * sender's engine (preview and sealing), each recipient's engine, the broker's core, and a second
 * core that decides the finished journal again as the replay does. And each of them with a
 * recipient wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/core/core.h"
#include "clients/lib/engine_inner.h"
#include "proto/base/check.h"
#include "tests/unit/fake_broker.h"

enum { LEG_ROUNDS_MAX = 8, ARENA_BYTES = 1 << 22 };
/* Of a street, and of none: where a street was wanted the office gets a copy then. */
static const char *const areas[] = {"120102001", ""};

static struct fake fake;
static struct core *broker;
static struct buf records[FAKE_SIZE_MAX];
/* What the sender's preview said of the message on its way. */
static struct {
    struct route route;
    size_t seen;
} expected;
/* By kind: messages and units that sent one. */
static struct {
    size_t messages;
    bool by[LIMIT_UNIT_COUNT_MAX];
} sent[96];

/* ---- the broker --------------------------------------------------------------------------------
 */
static void take_record(struct bytes record, struct trust_bundle *bundle)
{
    struct error error = {0};
    uint64_t index = core_size(broker);
    assert_true(index < FAKE_SIZE_MAX);
    int r = core_apply(broker, index, record, bundle, NULL, &error);
    if (r < 0) fail_msg("record %llu: %s", (unsigned long long)index, error.detail);
    buf_append_bytes(&records[index], record);
}

static int decide(const struct envelope *envelope, struct buf *ret_record, struct error *ret_error)
{
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = fake.district->now_ms};
    struct core_verdict verdict;
    request.conn_serial = envelope->head->serial;
    request.envelope = envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, district_unit(fake.district, envelope->head->from)->identity, 32);
    int r = core_admit(broker, &request, ret_record, &verdict);
    *ret_error = verdict.error;
    return r;
}

/* The core takes what the sender sealed, and makes the same record of it. */
static void admit(struct fake *of, const struct envelope *envelope, struct bytes record)
{
    const struct plan *plan = of->district->plan;
    const Leadbus__Header *head = envelope->head;
    struct buf decided = {0};
    struct error error = {0};
    int r = decide(envelope, &decided, &error);
    if (r < 0)
        fail_msg("%s %s from %s: %s %s %s", head->kind, head->topic, head->from, error_name(r),
                 error.field, error.detail);
    assert_true(bytes_equal(buf_bytes(&decided), record));
    assert_int_equal(core_size(broker), of->size);
    /* As previewed: the same units in the same order, each with what makes it one. */
    assert_int_equal(head->n_recipients, expected.route.recipient_count);
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *stated = head->recipients[i];
        const struct route_recipient *routed = &expected.route.recipients[i];
        assert_string_equal(stated->unit, plan_unit(plan, routed->unit)->key);
        assert_string_equal(stated->citation, routed->citation);
        assert_int_equal(stated->act, routed->act);
        assert_int_equal(stated->sections, routed->sections);
        assert_non_null(route_citation_text(plan, stated->citation, LANG_ZH));
        assert_non_null(route_citation_text(plan, stated->citation, LANG_EN));
    }
    expected.seen++;
    take_record(buf_bytes(&decided), NULL);
    buf_fini(&decided);
}

static void put_first_records(void)
{
    struct core_request request = {.type = CORE_GENESIS, .now_ms = fake.district->now_ms};
    struct core_verdict verdict;
    struct buf genesis = {0}, bundle = {0};
    request.genesis.origin = DISTRICT_ORIGIN;
    request.genesis.bus = DISTRICT_BUS;
    request.genesis.root = fake.district->root.hash;
    assert_int_equal(core_admit(broker, &request, &genesis, &verdict), 0);
    take_record(buf_bytes(&genesis), NULL);
    struct trust_bundle *opened = district_bundle_open(fake.district, 1);
    request = (struct core_request){.type = CORE_BUNDLE, .now_ms = fake.district->now_ms};
    request.bundle = opened;
    assert_int_equal(core_admit(broker, &request, &bundle, &verdict), 0);
    take_record(buf_bytes(&bundle), opened);
    (void)fake_append(&fake, buf_bytes(&genesis));
    (void)fake_append(&fake, buf_bytes(&bundle));
    buf_fini(&genesis);
    buf_fini(&bundle);
}

/* ---- sending -----------------------------------------------------------------------------------
 */
struct message {
    const struct plan_kind *kind;
    const char *topic, *area;
    const char *target;          /* whom it is passed on to; NULL: nobody */
    const struct message *other; /* of another thread; NULL: none */
    uint16_t from;
    uint8_t id[16], thread[16];
};

static struct fake_unit *unit_at(uint16_t number)
{
    return fake_unit(&fake, plan_unit(fake.district->plan, number)->key);
}

static size_t kind_number(const struct plan_kind *kind)
{
    size_t i = 0;
    while (plan_kind(fake.district->plan, i) != kind) i++;
    return i;
}

/* Previews, seals, sends; the broker takes it and its recipients believe it. `parent` NULL: it
 * opens a thread. */
static void send(struct message *message, const struct message *parent)
{
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    const struct plan_kind *kind = message->kind;
    struct fake_unit *sender = unit_at(message->from);
    struct route_query query;
    struct route_participant participants[LIMIT_UNIT_COUNT_MAX];
    struct thread thread;
    struct error error = {0};
    struct box_out row;
    for (size_t i = 0; i < kind->section_count; i++)
        sections[i] = (struct seal_section){kind->sections[i].name, bytes_of_str("content")};
    const struct engine_draft draft = {
        .kind = kind->slug,
        .topic = message->topic,
        .area = message->area,
        .officer = "P-1",
        .purpose = "",
        .thread = parent ? parent->thread : NULL,
        .parent = parent ? parent->id : NULL,
        .target = message->target,
        .other = message->other ? message->other->thread : NULL,
        .sections = sections,
        .section_count = kind->section_count,
        /* what other kinds should come before is not sent here */
        .flags = chains_may_come_early(fake.district->plan, kind, message->topic)
                     ? LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY
                     : 0};
    memset(&thread, 0, sizeof thread);
    thread_init(&thread, message->id);
    int r = engine_route(sender->engine, &draft, fake.district->now_ms, &expected.route, &query,
                         participants, &thread, &error);
    if (r == 0) r = engine_stage(sender->engine, fake_moment(&fake), &draft, message->id, &error);
    if (r < 0)
        fail_msg("%s %s from %s: %s %s %s", kind->slug, message->topic, sender->keyring.unit,
                 error_name(r), error.field, error.detail);
    thread_fini(&thread);
    memcpy(message->thread, parent ? parent->thread : message->id, 16);
    uint64_t before = fake.size;
    size_t seen = expected.seen;
    fake_run(&fake);
    assert_int_equal(fake.size, before + 1);
    assert_int_equal(expected.seen, seen + 1);
    assert_int_equal(box_out_find(sender->box, message->id, &row, NULL), 0);
    assert_int_equal(row.state, BOX_OUT_RECEIPTED);
    /* Every recipient computed the route again and had nothing against it. */
    assert_int_equal(fake.exceptions, 0);
    for (size_t i = 0; i < expected.route.recipient_count; i++) {
        struct box_in got;
        struct fake_unit *reader = unit_at(expected.route.recipients[i].unit);
        assert_int_equal(box_in_find(reader->box, message->id, &got, NULL), 0);
        assert_int_equal(got.type, BOX_IN_MESSAGE);
    }
    sent[kind_number(kind)].messages++;
    sent[kind_number(kind)].by[message->from] = true;
}

static const struct plan_kind *kind_of_act(enum plan_act act)
{
    size_t i = 0;
    while (i < plan_kind_count(fake.district->plan) &&
           plan_kind(fake.district->plan, i)->act != act)
        i++;
    CHECK(i < plan_kind_count(fake.district->plan));
    return plan_kind(fake.district->plan, i);
}

/* The topics of a kind in turn; "" for one without. */
static const char *next_topic(const struct plan_kind *kind)
{
    static size_t turn;
    return kind->topic_count ? kind->topics[turn++ % kind->topic_count].slug : "";
}

static void act(enum plan_act act, uint16_t from, const struct message *on)
{
    struct message message = {.kind = kind_of_act(act), .area = on->area, .from = from};
    /* in turn the outcomes with which this one may be closed, and what the unit may say, but for
     * what is about another thread or binds this one */
    do message.topic = next_topic(message.kind);
    while (lifecycle_check_outcome(on->kind, message.kind, message.topic, NULL) != 0 ||
           (lifecycle_topic_facts(act, message.topic) &
            (LIFECYCLE_FACT_MERGES | LIFECYCLE_FACT_LEAVES | LIFECYCLE_FACT_CHILD_CASE)) != 0);
    send(&message, on);
}

static bool receives(const struct route *route, uint16_t unit)
{
    for (size_t i = 0; i < route->recipient_count; i++)
        if (route->recipients[i].unit == unit && route->recipients[i].act == ROUTE_COPY)
            return true;
    return false;
}

static bool waives(const struct plan_kind *kind)
{
    const struct plan *plan = fake.district->plan;
    for (size_t i = 0; i < plan_chain_row_count(plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(plan, i);
        if (row->on == PLAN_CHAIN_WAIVE && strcmp(row->kinds[0], kind->slug) == 0) return true;
    }
    return false;
}

/* A step that is owed on the thread and that the unit may waive; NULL: there is none. */
static const char *owed_topic(const struct plan_kind *kind, const struct message *on, uint16_t unit)
{
    struct core_thread_step steps[PLAN_STEP_COUNT_MAX];
    size_t count = core_thread_steps(broker, on->thread, steps, PLAN_STEP_COUNT_MAX);
    for (size_t t = 0; t < kind->topic_count; t++) {
        const struct plan_topic *topic = &kind->topics[t];
        for (size_t i = 0; i < count; i++)
            if (steps[i].owed && strcmp(strrchr(steps[i].step, '/') + 1, topic->slug) == 0 &&
                route_sender_allowed(fake.district->plan, kind, topic, unit, fake.district->now_ms,
                                     PLAN_UNIT_NONE))
                return topic->slug;
    }
    return NULL;
}

/* What each unit that must sign may do, to the end of its leg; some return it. Not `all`: the first
 * signs and no more. */
static void walk_legs(const struct message *message, const struct route *route, bool all)
{
    const struct plan_kind *kind = message->kind;
    uint16_t office = plan_unit_find(fake.district->plan, "joint-conference-office");
    bool back = false;
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *leg = &route->recipients[i];
        if (leg->act != ROUTE_SIGN || !plan_kind_expects(kind, PLAN_ACT_SIGN)) continue;
        if (i > 0 && !all) continue;
        if (i == 0) act(PLAN_ACT_URGE, message->from, message);
        if (i == 0 && receives(route, office)) act(PLAN_ACT_URGE, office, message);
        act(PLAN_ACT_SIGN, leg->unit, message);
        if (!all) continue;
        if (plan_kind_expects(kind, PLAN_ACT_ACCEPT)) {
            back = !back;
            if (kind->returnable && back) {
                act(PLAN_ACT_RETURN, leg->unit, message);
                continue;
            }
            act(PLAN_ACT_ACCEPT, leg->unit, message);
            act(PLAN_ACT_PROGRESS, leg->unit, message);
        }
        if (i == 0 && kind->exempt) act(PLAN_ACT_WITHDRAW, message->from, message); /* a note */
        if (plan_kind_expects(kind, PLAN_ACT_CLOSE) && !kind->reported)
            act(kind->erased ? PLAN_ACT_CONFIRM_DELETION : PLAN_ACT_CLOSE, leg->unit, message);
    }
    if (kind->family == PLAN_FAMILY_FILE) return; /* nobody else comes to such a thread */
    if (all && plan_kind_expects(kind, PLAN_ACT_SIGN))
        act(PLAN_ACT_GO_OUT, route->recipients[0].unit, message);
    /* What follows without doing anything to a leg, such as that the matter left the bus. */
    const struct plan *plan = fake.district->plan;
    for (size_t k = 0; all && k < plan_kind_count(plan); k++) {
        const struct plan_kind *other = plan_kind(plan, k);
        if (other->position != PLAN_FOLLOWS || other->act != PLAN_ACT_NONE) continue;
        struct message after = {.kind = other, .area = message->area};
        after.from = route->recipients[0].unit;
        after.topic = waives(other) ? owed_topic(other, message, after.from) : next_topic(other);
        if (after.topic) send(&after, message);
    }
    const struct plan_kind *stand_down = kind_of_act(PLAN_ACT_STAND_DOWN);
    if (kind->family == PLAN_FAMILY_ALERT &&
        route_sender_allowed(plan, stand_down, NULL, message->from, fake.district->now_ms,
                             PLAN_UNIT_NONE)) {
        struct message over = {
            .kind = stand_down, .topic = "", .area = message->area, .from = message->from};
        send(&over, message);
        act(PLAN_ACT_SIGN, route->recipients[0].unit, &over);
        act(PLAN_ACT_CONFIRM_DELETION, route->recipients[0].unit, &over);
    }
    if (all && kind->reported) {
        struct message report = {.kind = kind_of_act(PLAN_ACT_HAND_IN),
                                 .topic = "",
                                 .area = message->area,
                                 .from = route->recipients[0].unit};
        send(&report, message);
        act(PLAN_ACT_REVIEW, message->from, &report);
    }
}

/* Who a message of the kind that opens a thread is for, where its header says so; NULL: it does
 * not. */
static const char *target_of(const struct plan_kind *kind)
{
    bool named = false;
    for (size_t i = 0; i < kind->row_count; i++)
        named = named || kind->rows[i].source == PLAN_ROW_TARGET;
    return named && kind->position != PLAN_FOLLOWS ? "health" : NULL;
}

static int route_of(const struct plan_kind *kind, const char *topic, const char *area,
                    uint16_t from, struct route *ret)
{
    const struct plan *plan = fake.district->plan;
    const struct route_query query = {.plan = plan,
                                      .at_ms = fake.district->now_ms,
                                      .kind = kind->slug,
                                      .topic = topic,
                                      .area = area,
                                      .from = plan_unit(plan, from)->key,
                                      .target = target_of(kind)};
    return route_compute(&query, ret, NULL);
}

/* May the unit send this kind, on some topic, to anybody but itself? */
static bool is_served(const struct plan_kind *kind, uint16_t from)
{
    struct route route;
    if (!route_sender_allowed(fake.district->plan, kind, NULL, from, fake.district->now_ms,
                              PLAN_UNIT_NONE))
        return false;
    bool served = !kind->topic_required && route_of(kind, "", areas[0], from, &route) == 0;
    for (size_t t = 0; t < kind->topic_count; t++)
        served = served || route_of(kind, kind->topics[t].slug, areas[0], from, &route) == 0;
    return served;
}

/* ---- with a recipient wrong --------------------------------------------------------------------
 */
static void drop_last(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                      void *ctx)
{
    (void)head;
    (void)recipients;
    (void)ctx;
    (*count)--;
}

/* Somebody of the district who is no recipient, nor the sender. */
static const struct district_unit *stranger(const Leadbus__Header *head,
                                            const struct seal_recipient *recipients, size_t count)
{
    for (size_t i = 0; i < fake.district->unit_count; i++) {
        const struct district_unit *unit = &fake.district->units[i];
        bool named = strcmp(unit->key, head->from) == 0;
        for (size_t k = 0; k < count; k++)
            named = named || strcmp(recipients[k].unit, unit->key) == 0;
        if (!named) return unit;
    }
    return NULL;
}

static void put_stranger(Leadbus__Header *head, struct seal_recipient *recipients, size_t count,
                         size_t at)
{
    const struct district_unit *unit = stranger(head, recipients, count);
    if (!unit) unit = district_unit(fake.district, head->from); /* all are named: itself then */
    if (at == count) recipients[at] = recipients[0];
    recipients[at].unit = unit->key;
    recipients[at].epoch = unit->epoch;
    recipients[at].epoch_public = unit->epoch_public;
}

static void add_one(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                    void *ctx)
{
    (void)ctx;
    put_stranger(head, recipients, *count, *count);
    (*count)++;
}

static void put_another(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                        void *ctx)
{
    (void)ctx;
    put_stranger(head, recipients, *count, 0);
}

static void cite_another(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                         void *ctx)
{
    (void)head;
    (void)count;
    (void)ctx;
    recipients[0].citation = "duty:nothing";
}

static void refuse_bent(const struct message *message, size_t count)
{
    static void (*const bends[])(Leadbus__Header *, struct seal_recipient *, size_t *,
                                 void *) = {drop_last, add_one, put_another, cite_another};
    const char *from = plan_unit(fake.district->plan, message->from)->key;
    const struct plan_kind *kind = message->kind;
    for (size_t i = 0; i < sizeof bends / sizeof bends[0]; i++) {
        if (bends[i] == drop_last && count == 1)
            continue; /* nobody left: that is not even sealed */
        struct buf record = {0};
        struct error error = {0};
        int code = 0;
        unsigned lane = plan_kind_urgency(kind, message->topic) == 1 ? ENVELOPE_LANE_URGENT
                                                                     : ENVELOPE_LANE_NORMAL;
        const struct district_draft draft = {
            .kind = kind->slug,
            .topic = message->topic,
            .area = message->area,
            .from = from,
            .target = message->target,
            .seq = core_seq(broker, district_unit(fake.district, from)->serial, lane) + 1,
            .reporter = true,
            .bend = bends[i]};
        struct district_letter *letter = district_seal(fake.district, &draft, &code);
        assert_non_null(letter);
        int r = decide(&letter->envelope, &record, &error);
        if (r != E_ROUTE_MISMATCH)
            fail_msg("%s %s from %s, bent %zu: %s %s", kind->slug, message->topic, from, i,
                     error_name(r), error.field);
        assert_int_equal(record.len, 0);
        assert_int_equal(strncmp(error.field, "recipients[", 11), 0);
        buf_fini(&record);
        district_letter_free(letter);
    }
}

/* ---- what is about two units or two threads, and what comes after the end
 * ------------------------
 */
static struct message say(enum plan_act act, const char *topic, const char *from,
                          const struct message *on)
{
    struct message message = {.kind = kind_of_act(act),
                              .topic = topic,
                              .area = on->area,
                              .from = plan_unit_find(fake.district->plan, from)};
    send(&message, on);
    return message;
}

static struct message open_lead(const char *kind, const char *topic, const char *from)
{
    const struct plan_kind *found = plan_kind_find(fake.district->plan, kind);
    CHECK(found != NULL);
    struct message message = {.kind = found,
                              .topic = topic,
                              .area = areas[0],
                              .from = plan_unit_find(fake.district->plan, from)};
    send(&message, NULL);
    return message;
}

static uint8_t leg_of(const char *reader, const struct message *on, const char *unit)
{
    struct engine_thread held;
    uint8_t state = LIFECYCLE_STATE_COUNT;
    struct fake_unit *at = fake_unit(&fake, reader);
    CHECK(at != NULL);
    assert_int_equal(engine_thread_load(at->engine, NULL, on->thread, &held, NULL), 0);
    for (size_t i = 0; i < held.thread.leg_count; i++) {
        const struct thread_leg *leg = &held.thread.legs[i];
        if (strcmp(leg->unit, unit) == 0 && memcmp(leg->message, on->id, 16) == 0)
            state = leg->state;
    }
    engine_thread_fini(&held);
    return state;
}

/* Everybody on the thread sees the leg where the broker has it. */
static void pass_on_and_back(void)
{
    const char education[] = "education", health[] = "health", sender[] = "civil-affairs";
    struct message lead = open_lead("handoff.service-referral", "schooling", sender);
    (void)say(PLAN_ACT_SIGN, "", education, &lead);
    struct message asked = {.kind = kind_of_act(PLAN_ACT_ASK_RELEASE),
                            .topic = "",
                            .area = lead.area,
                            .target = health,
                            .from = plan_unit_find(fake.district->plan, education)};
    send(&asked, &lead);
    (void)say(PLAN_ACT_RELEASE, "granted", sender, &asked);
    struct message passed = asked;
    passed.kind = kind_of_act(PLAN_ACT_TRANSFER);
    passed.topic = "not-competent";
    fake.refuse_rewrap =
        (uint32_t)-E_NOT_A_RECIPIENT; /* the original goes on over the wire alone */
    send(&passed, &lead);
    assert_int_equal(fake.refuse_rewrap, 0); /* the sender offered its keys by itself */
    assert_int_equal(leg_of(sender, &lead, education), LIFECYCLE_TRANSFERRED);
    assert_int_equal(leg_of(sender, &lead, health), LIFECYCLE_SUBMITTED);
}

/* The office has the objection and no message before it: over the wire the broker tells it who is
 * on the thread (thread_moved). */
static void tell_office(const struct message *lead)
{
    static char police[] = "police-hedong", education[] = "education",
                office[] = "joint-conference-office";
    static char *const units[] = {education, police, office};
    static const uint32_t roles[] = {ROUTE_ROLE_ORIGINATOR, ROUTE_ROLE_SIGNER, ROUTE_ROLE_COPY};
    struct engine_thread held;
    struct fake_unit *at = fake_unit(&fake, office);
    struct moment *moment = fake_moment(&fake);
    CHECK(at != NULL);
    assert_int_equal(engine_thread_load(at->engine, moment, lead->thread, &held, NULL), 0);
    thread_moved(&held.thread, units, roles, 3, fake.size);
    assert_int_equal(engine_thread_save(at->engine, moment, &held, NULL), 0);
    engine_thread_fini(&held);
}

static void object_and_decide(void)
{
    const char police[] = "police-hedong", sender[] = "education";
    const char office[] = "joint-conference-office";
    for (int upheld = 0; upheld < 2; upheld++) {
        struct message lead = open_lead("lead.public-tip", "", sender);
        struct message two = open_lead("lead.public-tip", "", sender);
        (void)say(PLAN_ACT_SIGN, "", police, &lead);
        (void)say(PLAN_ACT_ACCEPT, "", police, &lead);
        struct message link = {.kind = kind_of_act(PLAN_ACT_LINK),
                               .topic = "same-matter",
                               .area = lead.area,
                               .other = &two,
                               .from = plan_unit_find(fake.district->plan, police)};
        send(&link, &lead);
        struct message closed = say(PLAN_ACT_CLOSE, "unfounded", police, &lead);
        struct message objection = say(PLAN_ACT_OBJECT, "", sender, &closed);
        assert_int_equal(leg_of(police, &lead, police), LIFECYCLE_OBJECTED);
        tell_office(&lead);
        (void)say(upheld ? PLAN_ACT_UPHOLD : PLAN_ACT_REOPEN, "", office, &objection);
        uint8_t expected_state = upheld ? LIFECYCLE_UPHELD : LIFECYCLE_REOPENED;
        assert_int_equal(leg_of(police, &lead, police), expected_state);
        assert_int_equal(leg_of(sender, &lead, police), expected_state);
    }
}

/* The clocks of a leg: its unit extends the term, the office stops them and lets them run. */
static void extend_and_pause(void)
{
    const char police[] = "police-hedong", office[] = "joint-conference-office";
    struct message lead = open_lead("lead.public-tip", "", "education");
    (void)say(PLAN_ACT_SIGN, "", police, &lead);
    (void)say(PLAN_ACT_ACCEPT, "", police, &lead);
    struct message extended = say(PLAN_ACT_EXTEND, "", police, &lead);
    tell_office(&lead);
    struct message paused = say(PLAN_ACT_PAUSE, "", office, &extended);
    (void)say(PLAN_ACT_RESUME, "", police, &paused);
    assert_int_equal(leg_of(police, &lead, police), LIFECYCLE_ACCEPTED);
    struct message listed = say(PLAN_ACT_SUPERVISE, "case", police, &extended);
    (void)say(PLAN_ACT_SUPERVISE, "lift-case", office, &listed);
}

static struct message send_on(const char *kind, const char *topic, const char *from,
                              const struct message *on)
{
    const struct plan_kind *found = plan_kind_find(fake.district->plan, kind);
    CHECK(found != NULL);
    struct message message = {.kind = found,
                              .topic = topic,
                              .area = on->area,
                              .from = plan_unit_find(fake.district->plan, from)};
    send(&message, on);
    return message;
}

static void expect_custody(const char *reader, const struct message *on, const char *custodian)
{
    struct engine_thread held;
    struct fake_unit *at = fake_unit(&fake, reader);
    CHECK(at != NULL);
    assert_int_equal(engine_thread_load(at->engine, NULL, on->thread, &held, NULL), 0);
    struct core_thread_custody view = core_thread_custody(broker, on->thread);
    assert_string_equal(view.unit, custodian);
    assert_string_equal(held.thread.custodian, custodian);
    assert_int_equal(held.thread.custody.holder, view.custody.holder);
    assert_int_equal(held.thread.custody.since_ms, view.custody.since_ms);
    engine_thread_fini(&held);
}

/* Who has the person in their care, as the broker and both ends of a handover have it; the step
 * that came early leaves what it owes at both ends too. */
static void hand_over(void)
{
    const char police[] = "police-hedong", civil[] = "civil-affairs";
    struct core_thread_step steps[8];
    struct engine_thread held;
    struct message lead = open_lead("lead.exploitation", "begging", "education");
    (void)say(PLAN_ACT_SIGN, "", police, &lead);
    (void)say(PLAN_ACT_ACCEPT, "", police, &lead);
    expect_custody(police, &lead, police);
    struct message handover = send_on("handoff.victim", "", police, &lead);
    expect_custody(police, &lead, police);
    (void)say(PLAN_ACT_SIGN, "", civil, &handover);
    (void)say(PLAN_ACT_ACCEPT, "", civil, &handover);
    expect_custody(police, &lead, civil);
    expect_custody(civil, &lead, civil);
    assert_int_equal(core_thread_steps(broker, lead.thread, steps, 8), 4);
    struct fake_unit *at = fake_unit(&fake, police);
    CHECK(at != NULL);
    assert_int_equal(engine_thread_load(at->engine, NULL, lead.thread, &held, NULL), 0);
    assert_int_equal(held.thread.step_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(held.thread.steps[i].name, steps[i].step);
        assert_int_equal(held.thread.steps[i].at_ms, steps[i].at_ms);
        assert_int_equal(held.thread.steps[i].owed, steps[i].owed);
    }
    engine_thread_fini(&held);
}

/* Access to a victim's file: both ends and the broker are of one mind about who may be told what,
 * until it ends. */
static void tell_of_a_file(void)
{
    const char keeper[] = "civil-affairs", reader[] = "health";
    struct message access = {.kind = plan_kind_find(fake.district->plan, "file.access"),
                             .topic = "",
                             .area = "",
                             .target = reader,
                             .from = plan_unit_find(fake.district->plan, keeper)};
    send(&access, NULL);
    (void)say(PLAN_ACT_SIGN, "", reader, &access);
    (void)say(PLAN_ACT_INFORM, "", keeper, &access);
    assert_int_equal(leg_of(keeper, &access, reader), LIFECYCLE_SIGNED);
    (void)say(PLAN_ACT_END_ACCESS, "purpose-served", keeper, &access);
    assert_int_equal(leg_of(keeper, &access, reader), LIFECYCLE_WITHDRAWN);
    assert_int_equal(leg_of(reader, &access, reader), LIFECYCLE_WITHDRAWN);
}

/* ---- the tests ---------------------------------------------------------------------------------
 */
static void send_all(const struct plan_kind *kind, const char *topic)
{
    const struct plan *plan = fake.district->plan;
    bool all = true;
    for (uint16_t u = 0; u < plan_unit_count(plan); u++) {
        for (size_t a = 0; a < sizeof areas / sizeof areas[0]; a++) {
            struct route route;
            int r = route_of(kind, topic, areas[a], u, &route);
            if (r == E_SENDER_NOT_ALLOWED || r == E_ROUTE_EMPTY) continue;
            assert_int_equal(r, 0);
            if (lifecycle_check_opening(kind, topic, NULL) != 0) continue;   /* sent later */
            if (a > 0 && !(route.flags & ROUTE_FLAG_AREA_UNKNOWN)) continue; /* the same again */
            struct message message = {.kind = kind,
                                      .topic = topic,
                                      .area = areas[a],
                                      .target = target_of(kind),
                                      .from = u};
            send(&message, NULL);
            refuse_bent(&message, route.recipient_count);
            walk_legs(&message, &route, all);
            all = false;
        }
    }
}

static void every_kind_goes_to_the_same_recipients_everywhere(void **state)
{
    (void)state;
    const struct plan *plan = fake.district->plan;
    assert_true(plan_kind_count(plan) <= sizeof sent / sizeof sent[0]);
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        if (kind->position == PLAN_FOLLOWS) continue;
        if (!kind->topic_required) send_all(kind, "");
        for (size_t t = 0; t < kind->topic_count; t++) send_all(kind, kind->topics[t].slug);
    }
    pass_on_and_back();
    object_and_decide();
    extend_and_pause();
    hand_over();
    tell_of_a_file();
    size_t messages = 0;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        size_t units = 0;
        for (uint16_t u = 0; u < plan_unit_count(plan); u++) {
            units += sent[k].by[u];
            bool may = kind->position != PLAN_FOLLOWS && is_served(kind, u);
            if (may && !sent[k].by[u])
                fail_msg("%s was not sent by %s", kind->slug, plan_unit(plan, u)->key);
        }
        messages += sent[k].messages;
        print_message("%-28s %4zu messages from %2zu units\n", kind->slug, sent[k].messages, units);
        if (units == 0) fail_msg("nobody sent %s", kind->slug);
    }
    assert_int_equal(messages + 2, fake.size);
    assert_true(core_stats_balanced(broker));
}

/* As leadbus-replay decides again. */
static void every_record_is_decided_again_to_the_same_bytes(void **state)
{
    (void)state;
    static const uint8_t other_key[16] = {7};
    struct core *core = core_new(other_key);
    struct arena arena;
    uint8_t digests[2][32];
    arena_init(&arena, ARENA_BYTES);
    for (uint64_t i = 0; i < core_size(broker); i++) {
        struct core_request request;
        struct core_verdict verdict;
        struct envelope envelope;
        struct error error = {0};
        struct buf again = {0};
        arena_reset(&arena);
        assert_int_equal(
            core_request_of_record(buf_bytes(&records[i]), &arena, &request, &envelope, &error), 0);
        struct trust_bundle *bundle = i == 1 ? district_bundle_open(fake.district, 1) : NULL;
        if (bundle) request.bundle = bundle;
        if (request.type == CORE_SUBMIT) {
            const char *from = envelope.head->from;
            assert_int_equal(
                envelope_verify(&envelope, district_unit(fake.district, from)->identity), 0);
            request.signature_checked = true;
            memcpy(request.checked_key, district_unit(fake.district, from)->identity, 32);
        }
        assert_int_equal(core_admit(core, &request, &again, &verdict), 0);
        assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&records[i])));
        assert_int_equal(core_apply(core, i, buf_bytes(&again), bundle, NULL, &error), 0);
        buf_fini(&again);
    }
    core_digest(broker, digests[0]);
    core_digest(core, digests[1]);
    assert_memory_equal(digests[0], digests[1], 32);
    core_free(core);
    arena_fini(&arena);
}

static int set_up(void **state)
{
    static const uint8_t hash_key[16] = {3};
    (void)state;
    fake_init_empty(&fake);
    broker = core_new(hash_key);
    put_first_records();
    fake.witness = admit;
    for (size_t i = 0; i < fake.district->unit_count; i++)
        (void)fake_add(&fake, fake.district->units[i].key);
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAKE_SIZE_MAX; i++) buf_fini(&records[i]);
    core_free(broker);
    fake_fini(&fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_goes_to_the_same_recipients_everywhere),
        cmocka_unit_test(every_record_is_decided_again_to_the_same_bytes),
    };
    return cmocka_run_group_tests_name("every_kind", tests, set_up, tear_down);
}
