#include "tests/mission/scene.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/payload/payload_cross.h"
#include "proto/payload/payload_json.h"

static const uint8_t hash_key[16] = {5};

/* ---- tables ----------------------------------------------------------------------------------*/

const struct plan_kind *scene_kind(const struct scene *scene, const char *kind)
{
    const struct plan_kind *found = plan_kind_find(scene->plan, kind);
    if (!found) fail_msg("no kind %s", kind);
    return found;
}

static int compute(const struct scene *scene, const char *kind, const char *topic, const char *area,
                   const char *from, struct route *ret_route)
{
    struct route_query query = {.plan = scene->plan,
                                .at_ms = scene->district->now_ms,
                                .kind = kind,
                                .topic = topic,
                                .area = area,
                                .from = from};
    return route_compute(&query, ret_route, NULL);
}

static void put_route(const struct scene *scene, const struct route *route, struct buf *text)
{
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *to = &route->recipients[i];
        const char *plus = "";
        buf_printf(text, "%s%s%c", i ? " " : "", plan_unit(scene->plan, to->unit)->key,
                   to->act == ROUTE_SIGN ? '!' : '=');
        if (to->sections == 0) buf_append_str(text, "-");
        for (size_t s = 0; s < route->kind->section_count; s++) {
            if (!(to->sections >> s & 1)) continue;
            buf_printf(text, "%s%s", plus, route->kind->sections[s].name);
            plus = "+";
        }
    }
    buf_append_u8(text, 0);
}

const char *scene_route(const struct scene *scene, const char *kind, const char *topic,
                        const char *area, const char *from)
{
    static char words[8192];
    struct route route;
    struct buf text = {0};
    int r = compute(scene, kind, topic, area, from, &route);
    if (r < 0) return error_name(r);
    put_route(scene, &route, &text);
    CHECK(text.len <= sizeof words);
    memcpy(words, text.data, text.len);
    buf_fini(&text);
    return words;
}

void expect_route(const struct scene *scene, const char *kind, const char *topic, const char *from,
                  const char *expected)
{
    const char *found = scene_route(scene, kind, topic, SCENE_AREA, from);
    if (strcmp(found, expected) != 0)
        fail_msg("%s %s from %s goes to: %s", kind, topic, from, found);
}

char scene_role(const struct scene *scene, const char *kind, const char *topic, const char *from,
                const char *unit)
{
    struct route route;
    int r = compute(scene, kind, topic, SCENE_AREA, from, &route);
    if (r < 0) fail_msg("%s %s from %s: %s", kind, topic, from, error_name(r));
    for (size_t i = 0; i < route.recipient_count; i++)
        if (strcmp(plan_unit(scene->plan, route.recipients[i].unit)->key, unit) == 0)
            return route.recipients[i].act == ROUTE_SIGN ? '!' : '=';
    return 0;
}

static bool among(const char *units, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = units; (at = strstr(at, key)) != NULL; at += len)
        if ((at == units || at[-1] == ' ') && (at[len] == 0 || at[len] == ' ')) return true;
    return false;
}

void expect_senders(const struct scene *scene, const char *kind, const char *topic,
                    const char *units)
{
    const struct plan_kind *found = scene_kind(scene, kind);
    const struct plan_topic *one = topic ? plan_topic_find(found, topic) : NULL;
    if (topic && !one) fail_msg("%s has no topic %s", kind, topic);
    for (uint16_t u = 0; u < plan_unit_count(scene->plan); u++) {
        const char *key = plan_unit(scene->plan, u)->key;
        bool may = route_sender_allowed(scene->plan, found, one, u, scene->district->now_ms,
                                        PLAN_UNIT_NONE);
        if (may != (strcmp(units, "any") == 0 || among(units, key)))
            fail_msg("%s %s %s send %s", key, may ? "may" : "may not", kind, topic ? topic : "");
    }
}

void scene_each_route(const struct scene *scene,
                      void (*each)(const struct scene *scene, const struct route *route,
                                   const char *topic, const char *from, void *ctx),
                      void *ctx)
{
    size_t seen = 0;
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        for (size_t t = kind->topic_required ? 1 : 0; t <= kind->topic_count; t++) {
            const char *topic = t ? kind->topics[t - 1].slug : "";
            for (uint16_t u = 0; u < plan_unit_count(scene->plan); u++) {
                struct route route;
                const char *from = plan_unit(scene->plan, u)->key;
                if (compute(scene, kind->slug, topic, SCENE_AREA, from, &route) < 0) continue;
                each(scene, &route, topic, from, ctx);
                seen++;
            }
        }
    }
    assert_true(seen > 500);
}

/* ---- sections --------------------------------------------------------------------------------*/

const struct payload_message *scene_message(const struct scene *scene, const char *kind,
                                            const char *section)
{
    const struct plan_kind *found = scene_kind(scene, kind);
    int at = plan_section_find(found, section);
    if (at < 0) fail_msg("%s has no section %s", kind, section);
    const struct payload_message *message = payload_find(found->sections[at].message);
    assert_non_null(message);
    return message;
}

const struct payload_field *scene_field(const struct payload_message *message, const char *name)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    return NULL;
}

bool scene_has_check(const struct payload_message *message, enum payload_check_kind check)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (message->fields[i].check == check) return true;
    return false;
}

static void change(json_t *object, const char *changes)
{
    char text[4096];
    const char *key;
    json_t *value;
    size_t len = strlen(changes);
    CHECK(len < sizeof text);
    for (size_t i = 0; i <= len; i++) text[i] = changes[i] == '\'' ? '"' : changes[i];
    json_t *wanted = json_loads(text, 0, NULL);
    if (!wanted) fail_msg("no JSON: %s", changes);
    json_object_foreach(wanted, key, value)
    {
        if (json_is_null(value))
            json_object_del(object, key);
        else
            json_object_set(object, key, value);
    }
    json_decref(wanted);
}

/* A field that repeats the topic follows the one asked for. */
static void follow_topic(json_t *object, const struct payload_message *message, const char *topic)
{
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        if (rule->message == message->descriptor && rule->kind == PAYLOAD_RULE_SAME_AS_TOPIC &&
            topic[0])
            json_object_set_new(object, rule->field, json_string(topic));
    }
}

static void judge(const char *end, const char *changes, int code, const char *field, int found,
                  const struct payload_report *report, const struct error *error)
{
    const char *said = error->field;
    if (found == 0) said = report->count ? report->fields[0] : "";
    if (found == code && strcmp(said, field) == 0) return;
    fail_msg("%s: %s: %s at \"%s\"", end, changes, error_name(found), said);
}

void expect_section(const struct scene *scene, const char *kind, const char *topic,
                    const char *section, const char *changes, int code, const char *field)
{
    const struct payload_message *message = scene_message(scene, kind, section);
    struct payload_context context = {
        .section = section, .as_stated = scene_kind(scene, kind)->exempt, .topic = topic};
    json_t *object = payload_json_example(message);
    follow_topic(object, message, topic);
    change(object, changes);
    struct payload_report report = {0};
    struct error error = {0};
    struct buf bytes = {0};
    /* The sending end has JSON; a field that the schema does not know does not get further. */
    int r = payload_json_read(message, object, section, &bytes, &error);
    json_decref(object);
    if (r == 0) r = payload_check(message, buf_bytes(&bytes), &context, &report, &error);
    judge("sending", changes, code, field, r, &report, &error);
    if (bytes.len > 0) {
        const ProtobufCMessage *content;
        struct arena arena;
        report = (struct payload_report){0};
        error = (struct error){0};
        arena_init(&arena, PAYLOAD_UNPACKED_BYTES_MAX);
        r = payload_open(message, buf_bytes(&bytes), &context, &arena, &content, &report, &error);
        arena_fini(&arena);
        judge("receiving", changes, code, field, r, &report, &error);
    }
    buf_fini(&bytes);
}

/* ---- the broker ------------------------------------------------------------------------------*/

static int put(struct scene *scene, const struct core_request *request, struct trust_bundle *bundle)
{
    struct core_verdict verdict;
    struct error error = {0};
    struct buf record = {0};
    int r = core_admit(scene->core, request, &record, &verdict);
    if (r == 0)
        r = core_apply(scene->core, core_size(scene->core), buf_bytes(&record), bundle, NULL,
                       &error);
    if (r != 0) {
        buf_fini(&record);
        return r;
    }
    if (scene->record_count == scene->record_cap) {
        scene->record_cap = scene->record_cap * 2 + 16;
        scene->records = realloc(scene->records, scene->record_cap * sizeof *scene->records);
        CHECK(scene->records != NULL);
    }
    scene->records[scene->record_count++] = record;
    return 0;
}

void scene_records(const struct scene *scene, struct buf **ret_records, size_t *ret_count)
{
    *ret_records = calloc(scene->record_count, sizeof **ret_records);
    CHECK(*ret_records != NULL);
    for (size_t i = 0; i < scene->record_count; i++)
        buf_append_bytes(&(*ret_records)[i], buf_bytes(&scene->records[i]));
    *ret_count = scene->record_count;
}

int scene_set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    CHECK(scene != NULL);
    scene->district = district_new();
    scene->plan = scene->district->plan;
    scene->core = core_new(hash_key);
    struct core_request genesis = {.type = CORE_GENESIS, .now_ms = scene->district->now_ms};
    genesis.genesis.origin = DISTRICT_ORIGIN;
    genesis.genesis.bus = DISTRICT_BUS;
    genesis.genesis.root = scene->district->root.hash;
    CHECK(put(scene, &genesis, NULL) == 0);
    struct trust_bundle *opened = district_bundle_open(scene->district, 1);
    struct core_request bundle = {.type = CORE_BUNDLE, .now_ms = scene->district->now_ms};
    bundle.bundle = opened;
    CHECK(put(scene, &bundle, opened) == 0);
    *state = scene;
    return 0;
}

int scene_tear_down(void **state)
{
    struct scene *scene = *state;
    bool balanced = core_stats_balanced(scene->core);
    for (size_t i = 0; i < scene->letter_count; i++) district_letter_free(scene->letters[i]);
    for (size_t i = 0; i < scene->record_count; i++) buf_fini(&scene->records[i]);
    free(scene->records);
    core_free(scene->core);
    district_free(scene->district);
    free(scene);
    return balanced ? 0 : -1;
}

static struct core_request request_of(const struct scene *scene,
                                      const struct district_letter *letter)
{
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = scene->district->now_ms};
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, scene->district->units[letter->from].identity, 32);
    return request;
}

static int submit(struct scene *scene, const struct district_letter *letter)
{
    struct core_request request = request_of(scene, letter);
    return put(scene, &request, NULL);
}

void scene_install(struct scene *scene, uint64_t version)
{
    struct trust_bundle *opened = district_bundle_open(scene->district, version);
    struct core_request bundle = {.type = CORE_BUNDLE, .now_ms = scene->district->now_ms};
    bundle.bundle = opened;
    CHECK(put(scene, &bundle, opened) == 0);
    district_bundle_use(scene->district, version);
    scene->plan = scene->district->plan;
}

size_t scene_tick(struct scene *scene)
{
    size_t count = 0;
    struct core_request request = {.type = CORE_TICK, .now_ms = scene->district->now_ms};
    while (put(scene, &request, NULL) == 0) count++;
    return count;
}

static bool tells(struct bytes record, const char *unit)
{
    struct arena arena;
    struct error error;
    const ProtobufCMessage *decoded = NULL;
    bool told = false;
    arena_init(&arena, (size_t)4 << 20);
    assert_int_equal(message_decode(&leadbus__record__descriptor, record, &arena, &decoded, &error),
                     0);
    const Leadbus__Alarm *alarm = ((const Leadbus__Record *)decoded)->tick->alarm;
    for (size_t i = 0; alarm && i < alarm->n_told; i++)
        told = told || strcmp(alarm->told[i], unit) == 0;
    arena_fini(&arena);
    return told;
}

size_t scene_alarms(struct scene *scene, const char *unit)
{
    struct core_request request = {.type = CORE_TICK, .now_ms = scene->district->now_ms};
    size_t count = 0;
    for (int r = 0; r == 0;) {
        struct core_verdict verdict;
        struct error error;
        struct buf record = {0};
        uint64_t index = core_size(scene->core);
        r = core_admit(scene->core, &request, &record, &verdict);
        if (r == 0) {
            count += tells(buf_bytes(&record), unit);
            assert_int_equal(core_apply(scene->core, index, buf_bytes(&record), NULL, NULL, &error),
                             0);
        }
        buf_fini(&record);
    }
    return count;
}

struct district_letter *scene_send_draft(struct scene *scene, const struct district_draft *draft)
{
    int code = 0;
    struct district_letter *letter = district_seal(scene->district, draft, &code);
    if (!letter) fail_msg("%s from %s: %s", draft->kind, draft->from, error_name(code));
    CHECK(scene->letter_count < SCENE_LETTER_COUNT_MAX);
    uint64_t index = core_size(scene->core);
    scene->letters[scene->letter_count] = letter;
    scene->indexes[scene->letter_count++] = index;
    code = submit(scene, letter);
    if (code) fail_msg("%s from %s: %s", draft->kind, draft->from, error_name(code));
    district_accepted(scene->district, letter, index);
    return letter;
}

static struct district_draft draft_of(const char *kind, const char *topic, const char *from,
                                      const struct district_letter *parent)
{
    return (struct district_draft){
        .kind = kind, .topic = topic, .area = SCENE_AREA, .from = from, .parent = parent};
}

struct district_letter *scene_send(struct scene *scene, const char *kind, const char *topic,
                                   const char *from, const struct district_letter *parent)
{
    struct district_draft draft = draft_of(kind, topic, from, parent);
    return scene_send_draft(scene, &draft);
}

struct district_letter *scene_send_early(struct scene *scene, const char *kind, const char *topic,
                                         const char *from, const struct district_letter *parent)
{
    struct district_draft draft = draft_of(kind, topic, from, parent);
    draft.early = true;
    return scene_send_draft(scene, &draft);
}

int scene_try(struct scene *scene, const struct district_draft *draft)
{
    int r = 0;
    struct core_verdict verdict;
    struct buf record = {0};
    struct district_letter *letter = district_seal(scene->district, draft, &r);
    if (!letter) return r;
    struct core_request request = request_of(scene, letter);
    r = core_admit(scene->core, &request, &record, &verdict);
    if (r < 0 && strstr(verdict.error.detail_zh, "(null)")) fail_msg("%s", verdict.error.detail_zh);
    district_unsend(scene->district, letter);
    district_letter_free(letter);
    buf_fini(&record);
    return r;
}

void expect_draft_refused(struct scene *scene, const struct district_draft *draft, int code)
{
    int r = scene_try(scene, draft);
    if (r != code) fail_msg("%s from %s: %s", draft->kind, draft->from, error_name(r));
}

void expect_refused(struct scene *scene, const char *kind, const char *topic, const char *from,
                    const struct district_letter *parent, int code)
{
    struct district_draft draft = draft_of(kind, topic, from, parent);
    expect_draft_refused(scene, &draft, code);
}

void scene_acknowledge(struct scene *scene, const char *unit, unsigned lane)
{
    uint8_t running[32], signature[64];
    uint64_t position;
    struct core_entry entry;
    struct buf body = {0};
    core_acknowledged(scene->core, unit, lane, &position, running);
    while (core_entry_after(scene->core, unit, lane, position, &entry)) {
        position = entry.position;
        lane_running(DISTRICT_ORIGIN, running, entry.index, entry.item_hash, running);
    }
    district_ack(scene->district, unit, lane, position, running, NULL, 0, &body, signature);
    const struct district_unit *signer = district_unit(scene->district, unit);
    struct core_request request = {.type = CORE_ACK, .now_ms = scene->district->now_ms};
    request.conn_serial = signer->serial;
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, signer->identity, 32);
    assert_int_equal(put(scene, &request, NULL), 0);
    buf_fini(&body);
}

static uint64_t index_of(const struct scene *scene, const struct district_letter *letter)
{
    for (size_t i = 0; i < scene->letter_count; i++)
        if (scene->letters[i] == letter) return scene->indexes[i];
    fail_msg("no letter of this scene");
    return 0;
}

size_t scene_leg_count(const struct scene *scene, const struct district_letter *letter)
{
    struct core_leg legs[1];
    bool known;
    return core_thread_legs(scene->core, letter->thread, legs, 1, &known);
}

static bool leg_view(const struct scene *scene, const struct district_letter *letter,
                     const char *unit, struct core_leg *ret_leg)
{
    struct core_leg legs[SCENE_LEG_COUNT_MAX];
    bool known;
    uint64_t wanted = index_of(scene, letter);
    size_t count = core_thread_legs(scene->core, letter->thread, legs, SCENE_LEG_COUNT_MAX, &known);
    assert_true(known && count <= SCENE_LEG_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (legs[i].index != wanted || strcmp(legs[i].unit, unit) != 0) continue;
        *ret_leg = legs[i];
        return true;
    }
    return false;
}

struct core_leg scene_leg_view(const struct scene *scene, const struct district_letter *letter,
                               const char *unit)
{
    struct core_leg leg = {0};
    if (!leg_view(scene, letter, unit, &leg)) fail_msg("%s has no leg for it", unit);
    return leg;
}

enum lifecycle_state scene_leg(const struct scene *scene, const struct district_letter *letter,
                               const char *unit)
{
    struct core_leg leg;
    return leg_view(scene, letter, unit, &leg) ? leg.state : LIFECYCLE_STATE_COUNT;
}

int scene_waits(const struct scene *scene, const struct district_letter *letter, const char *unit)
{
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        struct core_entry entry;
        uint8_t running[32];
        uint64_t position;
        core_acknowledged(scene->core, unit, lane, &position, running);
        while (core_entry_after(scene->core, unit, lane, position, &entry)) {
            position = entry.position;
            if (memcmp(entry.item_hash, letter->sealed.hash, 32) == 0) return (int)lane;
        }
    }
    return -1;
}
