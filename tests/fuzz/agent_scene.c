#include "tests/fuzz/agent_scene.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/agent/api.h"
#include "clients/agent/files.h"
#include "clients/lib/box_inner.h"
#include "clients/lib/client.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "tests/unit/fake_broker.h"

enum { SEND_WINDOW = 8, CREDIT = 64, OUTBOX_MAX = 100, ID_LEN = 37, TURN_MS = 61000 };
#define ATTACHMENTS_MAX ((uint64_t)64 << 20)

struct member {
    struct agent agent;
    struct leadbus lb;
    struct http http;
    struct fake_unit *unit;
};

static struct {
    bool there;
    struct fake fake;
    struct member school, own;
    char in[ID_LEN], out[ID_LEN], last[ID_LEN];
    uint64_t passed_ms; /* of the monotonic clock */
} scene;
/* What outlives a scene. */
static struct district *district;
static struct plan *plan;
static char folder[64];

/* ---- clocks -----------------------------------------------------------------------------------*/

uint64_t __wrap_agent_now_ms(void);
uint64_t __wrap_agent_monotonic_ms(void);

uint64_t __wrap_agent_now_ms(void)
{
    return district->now_ms;
}

uint64_t __wrap_agent_monotonic_ms(void)
{
    return 1000000 + scene.passed_ms;
}

static uint64_t library_now_ms(void *ctx)
{
    (void)ctx;
    return district->now_ms;
}

/* ---- entropy ----------------------------------------------------------------------------------*/

/* The same in every scene: what is found is found again. */
static uint64_t drawn;

static const char *entropy_name(void)
{
    return "scene";
}

static void entropy_fill(void *const ret, const size_t len)
{
    uint8_t seed[randombytes_SEEDBYTES] = {0};
    store_u64(seed, ++drawn);
    randombytes_buf_deterministic(ret, len, seed);
}

static uint32_t entropy_number(void)
{
    uint8_t bytes[4];
    entropy_fill(bytes, sizeof bytes);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static struct randombytes_implementation entropy = {
    .implementation_name = entropy_name, .random = entropy_number, .buf = entropy_fill};

/* ---- a member -----------------------------------------------------------------------------------
 */

static void changed(void *ctx, unsigned changes, const uint8_t *id)
{
    struct leadbus *lb = ctx;
    struct member *member = lb->options.ctx;
    (void)id;
    member->agent.changes |= changes;
}

static int check_section(void *ctx, const struct leadbus_marks *marks, const char *section,
                         struct bytes payload, struct error *ret_error)
{
    struct leadbus *lb = ctx;
    struct leadbus_error error = {0};
    int r = agent_check_section(lb->options.ctx, marks, section, payload.data, payload.len, &error);
    return r ? agent_error(&error, ret_error) : 0;
}

/* As leadbus_open, but for the keyring's file and the socket. */
static void member_open(struct member *member, const char *key, const char *chunks)
{
    struct leadbus *lb = &member->lb;
    struct engine_options options = {.send_window = SEND_WINDOW,
                                     .credit = CREDIT,
                                     .outbox_max = OUTBOX_MAX,
                                     .session_ms = 900000,
                                     .check_section = check_section,
                                     .chunks = chunks,
                                     .attachment_bytes_max = ATTACHMENTS_MAX,
                                     .examine_attachment = client_examine_attachment,
                                     .changed = changed,
                                     .ctx = lb};
    struct error error = {0};
    struct fake *fake = &scene.fake;
    struct fake_unit *unit = &fake->units[fake->unit_count++];
    fake_keyring(district_unit(district, key), district->epoch_not_before_ms,
                 district->epoch_not_after_ms, &unit->keyring);
    fake_start(fake, unit, ":memory:", &options);
    member->unit = unit;
    lb->engine = unit->engine;
    lb->box = unit->box;
    lb->keyring = unit->keyring;
    lb->attachments = chunks ? strdup(chunks) : NULL;
    lb->options = (struct leadbus_options){.size = sizeof lb->options,
                                           .send_window = SEND_WINDOW,
                                           .credit = CREDIT,
                                           .outbox_max = OUTBOX_MAX,
                                           .attachments_max = ATTACHMENTS_MAX,
                                           .check_section = agent_check_section,
                                           .examine_attachment = files_examine,
                                           .now_ms = library_now_ms,
                                           .ctx = &member->agent};
    CHECK(io_new(lb->keyring.transport_public, lb->keyring.transport_secret, &lb->io, &error) == 0);
    member->agent = (struct agent){.lb = lb, .http = &member->http, .started_ms = district->now_ms};
    if (plan) {
        member->agent.plan = plan;
        member->agent.plan_bundle = 1;
        (void)snprintf(member->agent.unit, sizeof member->agent.unit, "%s", key);
    }
    CHECK(agent_plan_refresh(&member->agent, &error) == 0);
    plan = member->agent.plan;
    member->http = (struct http){.agent = &member->agent, .epoll_fd = -1};
    crypto_generichash(member->http.token_hash, sizeof member->http.token_hash,
                       (const uint8_t *)AGENT_SCENE_TOKEN, strlen(AGENT_SCENE_TOKEN), NULL, 0);
    fake_online(fake, unit);
}

/* Engine and box are the broker's to close. */
static void member_close(struct member *member)
{
    struct leadbus *lb = &member->lb;
    files_stop(&member->agent);
    io_free(lb->io);
    buf_fini(&lb->unsent);
    free(lb->attachments);
    free(lb->changes);
    memset(member, 0, sizeof *member);
}

/* What it has to say goes over, and what that makes comes back. */
static void travel(struct member *member)
{
    for (int i = 0; i < 2; i++) {
        if (member->lb.unsent.len > 0) {
            struct buf frame = member->lb.unsent;
            member->lb.unsent = (struct buf){0};
            fake_take(&scene.fake, member->unit, buf_bytes(&frame));
            buf_fini(&frame);
        }
        fake_run(&scene.fake);
    }
}

/* ---- requests -----------------------------------------------------------------------------------
 */

static void time_passes(void)
{
    scene.passed_ms += TURN_MS;
    travel(&scene.own);
}

static void replace(struct bytes text, struct buf *ret)
{
    static const struct {
        const char *name, *id;
    } names[] = {{"$in", scene.in}, {"$out", scene.out}, {"$last", scene.last}};
    for (size_t at = 0; at < text.len;) {
        size_t i = 0;
        size_t count = text.data[at] == '$' ? sizeof names / sizeof *names : 0;
        while (i < count && !(text.len - at >= strlen(names[i].name) &&
                              memcmp(text.data + at, names[i].name, strlen(names[i].name)) == 0))
            i++;
        if (i == count) {
            buf_append_u8(ret, text.data[at++]);
            continue;
        }
        buf_append_str(ret, names[i].id);
        at += strlen(names[i].name);
    }
}

static void keep_id(const struct fake_mhd_answer *answer, char ret_id[ID_LEN])
{
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "id"));
    if (id && answer->status < 300) (void)snprintf(ret_id, ID_LEN, "%s", id);
    json_decref(json);
}

static void ask(struct member *member, struct bytes text, struct fake_mhd_answer *ret)
{
    struct buf request = {0};
    bool over_tcp = text.len > 0 && text.data[0] == '!';
    if (over_tcp) text = bytes_of(text.data + 1, text.len - 1);
    replace(text, &request);
    size_t len = request.len;
    buf_append_u8(&request, 0);
    fake_mhd_request(&member->http, over_tcp, (char *)request.data, len, time_passes, ret);
    keep_id(ret, scene.last);
    buf_fini(&request);
    travel(member);
}

void agent_scene_request(struct bytes text, struct fake_mhd_answer *ret)
{
    ask(&scene.own, text, ret);
}

/* ---- the scene ----------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *state, int type, struct FTW *ftw)
{
    (void)state;
    (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void empty_folder(void)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void at_exit(void)
{
    empty_folder();
    (void)rmdir(folder);
}

static void begin_once(void)
{
    if (district) return;
    CHECK(randombytes_set_implementation(&entropy) == 0);
    CHECK(sodium_init() >= 0);
    log_init(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    district = district_new();
    (void)snprintf(folder, sizeof folder, "/tmp/leadbus-fuzz.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    CHECK(atexit(at_exit) == 0);
}

static void say(struct member *member, const char *text, char ret_id[ID_LEN])
{
    struct fake_mhd_answer answer = {0};
    ask(member, bytes_of_str(text), &answer);
    if (answer.status != 202)
        (void)fprintf(stderr, "%u %.*s\n", answer.status, (int)answer.body.len,
                      (const char *)answer.body.data);
    CHECK(answer.status == 202);
    keep_id(&answer, ret_id);
    buf_fini(&answer.body);
}

void agent_scene_begin(void)
{
    begin_once();
    if (scene.there) {
        member_close(&scene.school);
        member_close(&scene.own);
        fake_fini(&scene.fake);
        empty_folder();
    }
    memset(&scene, 0, sizeof scene);
    drawn = 0;
    district->now_ms = DISTRICT_START_MS;
    fake_init_on(&scene.fake, district);
    (void)fake_append(&scene.fake, bytes_of_str("genesis"));
    member_open(&scene.school, "education", NULL);
    member_open(&scene.own, "civil-affairs", folder);
    scene.there = true;
    say(&scene.school,
        "POST /v1/messages\n\n"
        "{\"kind\":\"lead.street-minor\",\"area\":\"120102002\",\"officer\":\"dzg-4\",\"sections\":"
        "{\"summary\":{\"situation\":\"begging\",\"condition\":\"hungry-or-cold\",\"street\":"
        "\"120102002\"},\"full\":{\"what\":\"男孩在地铁口乞讨\",\"place\":\"地铁站A口\"}}}",
        scene.in);
    say(&scene.own,
        "POST /v1/messages\n\n"
        "{\"kind\":\"lead.street-minor\",\"area\":\"120102006\",\"officer\":\"mz-1\",\"sections\":"
        "{\"summary\":{\"situation\":\"begging\",\"condition\":\"hungry-or-cold\",\"street\":"
        "\"120102006\"},\"full\":{\"what\":\"女孩在车站\",\"place\":\"车站\"}}}",
        scene.out);
    (void)snprintf(scene.last, sizeof scene.last, "%s", scene.in);
}

uint64_t agent_scene_writes(void)
{
    return (uint64_t)sqlite3_total_changes64(scene.own.lb.box->db);
}
