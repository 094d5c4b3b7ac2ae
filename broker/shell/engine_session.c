#include <stdio.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/record.h"

/* An agent that is left alone takes its own place over a few times in a bad minute at most. */
enum { TAKEOVER_WINDOW_MS = 60000, TAKEOVER_COUNT_MAX = 6, TAKEOVER_LOG_MAX = 12 };

struct session *session_by_peer(struct engine *engine, uint64_t serial, const struct peer *peer)
{
    for (size_t i = 0; i < engine->session_count; i++) {
        struct session *session = engine->sessions[i];
        if (session->serial == serial && peer_equal(&session->peer, peer)) return session;
    }
    return NULL;
}

struct session *session_by_unit(struct engine *engine, const char *unit)
{
    for (size_t i = 0; i < engine->session_count; i++)
        if (strcmp(engine->sessions[i]->unit, unit) == 0) return engine->sessions[i];
    return NULL;
}

static void session_free(struct session *session)
{
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) free(session->lanes[lane].sizes);
    free(session);
}

void session_close(struct engine *engine, struct session *session, const char *reason)
{
    log_info("disconnected", log_text("unit", session->unit), log_u64("serial", session->serial),
             log_text("reason", reason));
    for (size_t i = 0; i < engine->session_count; i++) {
        if (engine->sessions[i] != session) continue;
        engine->sessions[i] = engine->sessions[--engine->session_count];
        break;
    }
    session_free(session);
}

void session_gone(struct engine *engine, const struct peer *peer)
{
    for (size_t i = engine->session_count; i-- > 0;)
        if (peer_equal(&engine->sessions[i]->peer, peer))
            session_close(engine, engine->sessions[i], "gone");
}

/* From what the journal holds as acknowledged; whatever was in flight before is sent again. */
static void lane_restart(struct engine *engine, struct session *session, unsigned lane,
                         uint32_t window)
{
    struct lane *state = &session->lanes[lane];
    core_acknowledged(engine->core, session->unit, lane, &state->acked, state->running);
    state->sent = state->acked;
    state->flight_bytes = 0;
    state->window = window < engine->parts.credit_max ? window : engine->parts.credit_max;
}

void session_acked(struct engine *engine, struct session *session, unsigned lane)
{
    struct lane *state = &session->lanes[lane];
    uint64_t position;
    uint8_t running[32];
    core_acknowledged(engine->core, session->unit, lane, &position, running);
    for (; state->acked < position && state->acked < state->sent; state->acked++)
        state->flight_bytes -= state->sizes[(state->acked + 1) % LIMIT_CREDIT_MAX];
    if (state->acked < position) {
        /* Acknowledged on an earlier connection: no need to send it again. */
        state->acked = state->sent = position;
        memcpy(state->running, running, sizeof state->running);
    }
    session->wants_pump = true;
}

void session_credit(struct engine *engine, struct session *session, uint32_t lane, uint32_t window)
{
    session->lanes[lane].window =
        window < engine->parts.credit_max ? window : engine->parts.credit_max;
    session->wants_pump = true;
}

int session_take_bulk(struct session *session, size_t bytes, struct error *ret_error)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - session->bulk_since_ms > BULK_WINDOW_MS) {
        session->bulk_since_ms = now_ms;
        session->bulk_bytes = 0;
    }
    if (session->bulk_bytes + bytes > BULK_BYTES_MAX)
        return error_say(ret_error, E_BUSY, NULL, "方案包、密钥与补发超过 %d 字节（%d 秒内）",
                         "more than %d bytes of bundles, keys and what came before in %d s",
                         BULK_BYTES_MAX, BULK_WINDOW_MS / 1000);
    session->bulk_bytes += bytes;
    return 0;
}

static uint64_t apart(uint64_t one_ms, uint64_t other_ms)
{
    return one_ms > other_ms ? one_ms - other_ms : other_ms - one_ms;
}

/* Who it is: the connection's certificate, its role, and what HELLO says of both. */
static int check_who(struct engine *engine, const struct job *job, const Leadbus__HelloBody *body,
                     struct error *ret_error)
{
    const struct trust_bundle *bundle = core_bundle(engine->core);
    const struct trust_certificate *certificate;
    uint64_t now_ms = clock_now_ms();
    if (body->serial != job->serial)
        return error_say(ret_error, E_IDENTITY_MISMATCH, "hello.serial",
                         "问候用序列号 %llu，连接属于 %llu", "%llu on a connection of %llu",
                         (unsigned long long)body->serial, (unsigned long long)job->serial);
    int code =
        trust_verdict(bundle, job->serial, body->unit, now_ms, SUITE_1, &certificate, ret_error);
    if (code) return code;
    if (!job->signature_checked || memcmp(job->checked_key, certificate->identity, 32) != 0)
        return error_say(ret_error, E_SIGNATURE_INVALID, "hello.signature",
                         "不是序列号 %llu 的身份密钥所签", "not by the identity key of serial %llu",
                         (unsigned long long)job->serial);
    if (certificate->role != LEADBUS__ROLE__ROLE_UNIT &&
        certificate->role != LEADBUS__ROLE__ROLE_OFFICE)
        return error_say(ret_error, E_ROLE_NOT_ALLOWED, "hello.serial", "角色 %d", "role %d",
                         (int)certificate->role);
    if (body->transport_key.len != 32 ||
        memcmp(body->transport_key.data, certificate->transport, 32) != 0)
        return error_say(ret_error, E_IDENTITY_MISMATCH, "hello.transport_key", "不是证书中的密钥",
                         "not that of the certificate");
    if (strcmp(body->bus, trust_bundle_bus(bundle)) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "hello.bus", "本总线是 %s", "this is %s",
                         trust_bundle_bus(bundle));
    /* A bus that was started with a clock ahead, and put right since, stands still until the wall
     * clock is there; a unit with the right time is right meanwhile. */
    uint64_t apart_ms = apart(body->time_ms, now_ms);
    if (apart_ms > LIMIT_CREATED_SKEW_MS &&
        apart(body->time_ms, clock_wall_ms()) > LIMIT_CREATED_SKEW_MS)
        return error_say(ret_error, E_CREATED_OUT_OF_RANGE, "hello.time_ms",
                         "与总线时钟相差 %llu 毫秒", "%llu ms apart", (unsigned long long)apart_ms);
    if (body->instance.len != 16)
        return error_say(ret_error, E_BAD_VALUE, "hello.instance", "须为 16 字节",
                         "16 bytes are needed");
    return 0;
}

/* Who greets, and with what. */
struct greeting {
    const Leadbus__HelloBody *body;
    const struct peer *peer;
    size_t restored; /* the first restoration that it has not seen */
    /* It saw more than the backup had that was put back since: people there must say that they go
     * along, and until then nothing is delivered. */
    bool waits;
};

/* Has the agent seen what this journal does not contain? Then one of the two was told another
 * story, or the journal was set back: by a recorded act, or not. */
static int check_seen(struct engine *engine, struct greeting *greeting, struct error *ret_error)
{
    const Leadbus__HelloBody *body = greeting->body;
    bool known = restored_since(engine, body->origin, &greeting->restored);
    if (body->seen_size == 0 || !body->origin[0]) return 0;
    if (!known)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "hello.origin", "本日志是 %s",
                         "this journal is %s", core_origin(engine->core));
    if (body->seen_root.len != 32)
        return error_say(ret_error, E_BAD_VALUE, "hello.seen_root", "须为 32 字节",
                         "32 bytes are needed");
    uint64_t size = tree_size(engine->tree), end = UINT64_MAX;
    int code = 0;
    if (greeting->restored < core_former_count(engine->core))
        (void)core_former_at(engine->core, greeting->restored, &end);
    if (body->seen_size > end) {
        greeting->waits = true;
        log_warn("restored_unconfirmed", log_text("unit", body->unit),
                 log_u64("serial", body->serial), log_u64("seen_size", body->seen_size),
                 log_u64("restored_at", end));
        return 0;
    }
    if (body->seen_size > size) {
        code = error_say(ret_error, E_SEEN_AHEAD, "hello.seen_size",
                         "见过 %llu 条记录，本日志只有 %llu 条", "%llu, this journal has %llu",
                         (unsigned long long)body->seen_size, (unsigned long long)size);
    } else {
        uint8_t root[32];
        code = tree_root_at(engine->tree, body->seen_size, root, ret_error);
        if (code) return code;
        if (memcmp(root, body->seen_root.data, 32) != 0)
            code = error_say(ret_error, E_JOURNAL_FORKED, "hello.seen_root",
                             "%llu 条记录时的树根与本日志不同", "another root at size %llu",
                             (unsigned long long)body->seen_size);
    }
    if (code)
        log_error("journal_disputed", log_text("unit", body->unit), log_u64("serial", body->serial),
                  log_code(code), log_u64("seen_size", body->seen_size), log_u64("size", size));
    return code;
}

/* The inbox against what the journal holds. At the same position both must have the same history.
 */
static int check_lanes(struct engine *engine, const Leadbus__HelloBody *body,
                       struct error *ret_error)
{
    for (size_t i = 0; i < body->n_lanes; i++) {
        const Leadbus__LanePosition *theirs = body->lanes[i];
        if (theirs->lane >= ENVELOPE_LANE_COUNT || theirs->running.len != 32)
            return error_say(ret_error, E_BAD_VALUE, "hello.lanes", "通道或累计摘要有误",
                             "lane or running hash");
        uint64_t position;
        uint8_t running[32];
        core_acknowledged(engine->core, body->unit, theirs->lane, &position, running);
        if (theirs->position < position)
            log_error("inbox_behind", log_text("unit", body->unit), log_u64("lane", theirs->lane),
                      log_u64("inbox", theirs->position), log_u64("acknowledged", position));
        if (theirs->position != position || strcmp(body->origin, core_origin(engine->core)) != 0)
            continue;
        if (memcmp(running, theirs->running.data, 32) != 0) {
            log_error("inbox_disputed", log_text("unit", body->unit), log_u64("lane", theirs->lane),
                      log_u64("position", position));
            return error_say(ret_error, E_ACK_MISMATCH, "hello.lanes",
                             "第 %llu 件（通道 %u）的累计哈希与本日志不同",
                             "another running hash at position %llu of lane %u",
                             (unsigned long long)position, theirs->lane);
        }
    }
    return 0;
}

static int welcome(struct engine *engine, const struct greeting *greeting, struct error *ret_error)
{
    const Leadbus__HelloBody *body = greeting->body;
    struct restorations *restored = NULL;
    struct merkle_proof proof = {0};
    if (body->seen_size && body->origin[0] && !greeting->waits) {
        int code = tree_consistency(engine->tree, body->seen_size, &proof, ret_error);
        if (code) return code;
    }
    ProtobufCBinaryData hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__LanePosition lanes[ENVELOPE_LANE_COUNT], *lane_list[ENVELOPE_LANE_COUNT];
    Leadbus__SeqState seqs[ENVELOPE_LANE_COUNT], *seq_list[ENVELOPE_LANE_COUNT];
    uint8_t running[ENVELOPE_LANE_COUNT][32];
    for (unsigned i = 0; i < ENVELOPE_LANE_COUNT; i++) {
        leadbus__lane_position__init(&lanes[i]);
        leadbus__seq_state__init(&seqs[i]);
        lanes[i].lane = seqs[i].lane = i;
        core_acknowledged(engine->core, body->unit, i, &lanes[i].position, running[i]);
        lanes[i].running = (ProtobufCBinaryData){32, running[i]};
        seqs[i].seq = core_seq(engine->core, body->serial, i);
        lane_list[i] = &lanes[i];
        seq_list[i] = &seqs[i];
    }
    struct bytes checkpoint = tree_checkpoint(engine->tree);
    Leadbus__Welcome welcome = LEADBUS__WELCOME__INIT;
    welcome.origin = (char *)(uintptr_t)core_origin(engine->core);
    welcome.checkpoint =
        (ProtobufCBinaryData){checkpoint.len, (uint8_t *)(uintptr_t)checkpoint.data};
    welcome.n_consistency = reply_proof(&proof, hashes);
    welcome.consistency = hashes;
    welcome.bundle = trust_bundle_version(reply_bundle(engine));
    welcome.time_ms = clock_now_ms();
    welcome.n_lanes = ENVELOPE_LANE_COUNT;
    welcome.lanes = lane_list;
    welcome.keys_index = engine->keys_index;
    welcome.n_seqs = ENVELOPE_LANE_COUNT;
    welcome.seqs = seq_list;
    int code = restored_fill(engine, greeting->restored, &welcome, &restored, ret_error);
    if (code) return code;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    struct buf bytes = {0};
    reply_encode(&frame, &bytes);
    restored_free(restored);
    reply_when_durable(engine, greeting->peer, core_size(engine->core), &bytes);
    return 0;
}

/* Do two agents take the unit from one another? A copy of a whole installation carries the same
 * instance; a crash or a bad line takes over now and then, not again and again. */
static bool contended(struct session *session)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - session->takeover_ms > TAKEOVER_WINDOW_MS) {
        session->takeover_ms = now_ms;
        session->takeover_count = 0;
    }
    return ++session->takeover_count >= TAKEOVER_COUNT_MAX;
}

/* The session of the unit, new or taken over from an earlier connection. NULL: at the bound. */
static struct session *take_session(struct engine *engine, const Leadbus__HelloBody *body)
{
    struct session *session = session_by_unit(engine, body->unit);
    if (session) {
        bool other = memcmp(session->instance, body->instance.data, 16) != 0;
        bool often = contended(session);
        if (session->takeover_count > TAKEOVER_LOG_MAX) return session;
        if (other || often)
            log_error("cloned_agent", log_text("unit", body->unit), log_u64("serial", body->serial),
                      log_u64("takeovers", session->takeover_count));
        else
            log_info("taken_over", log_text("unit", body->unit), log_u64("serial", body->serial));
        return session;
    }
    if (engine->session_count >= engine->parts.session_count_max) return NULL;
    session = (struct session *)calloc(1, sizeof *session);
    if (!session) return NULL;
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        session->lanes[lane].sizes = (uint32_t *)calloc(LIMIT_CREDIT_MAX, sizeof(uint32_t));
        if (!session->lanes[lane].sizes) {
            session_free(session);
            return NULL;
        }
    }
    engine->sessions[engine->session_count++] = session;
    return session;
}

int session_hello(struct engine *engine, const struct job *job, struct error *ret_error)
{
    struct arena arena;
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX);
    const ProtobufCMessage *message;
    const Leadbus__Hello *hello = job->frame->hello;
    int code =
        message_decode(&leadbus__hello_body__descriptor,
                       bytes_of(hello->body.data, hello->body.len), &arena, &message, ret_error);
    if (code) goto out;
    const Leadbus__HelloBody *body = (const Leadbus__HelloBody *)message;
    struct greeting greeting = {.body = body, .peer = &job->peer};
    code = check_who(engine, job, body, ret_error);
    if (!code) code = check_seen(engine, &greeting, ret_error);
    if (!code && greeting.waits) {
        code = welcome(engine, &greeting, ret_error);
        goto out;
    }
    if (!code) code = check_lanes(engine, body, ret_error);
    if (code) goto out;
    struct session *session = take_session(engine, body);
    if (!session) {
        code = error_say(ret_error, E_BUSY, "hello", "已有 %zu 个会话", "%zu sessions",
                         engine->session_count);
        goto out;
    }
    session->serial = body->serial;
    CHECK(strlen(body->unit) < sizeof session->unit);
    (void)snprintf(session->unit, sizeof session->unit, "%s", body->unit);
    session->peer = job->peer;
    memcpy(session->instance, body->instance.data, 16);
    session->since_ms = session->heard_ms = clock_now_ms();
    session->put_count = session->read_count = 0;
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++)
        lane_restart(engine, session, lane, body->credit);
    session->wants_pump = true;
    if (session->takeover_count <= TAKEOVER_LOG_MAX)
        log_info("connected", log_text("unit", session->unit), log_u64("serial", session->serial),
                 log_u64("bundle", body->bundle), log_u64("credit", body->credit));
    session->welcome_size = core_size(engine->core);
    code = welcome(engine, &greeting, ret_error);
    if (code) session_close(engine, session, error_name(code));
out:
    arena_fini(&arena);
    return code;
}
