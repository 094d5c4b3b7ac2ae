#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "proto/host/log.h"
#include "proto/host/options.h"

_Noreturn void engine_fatal(const char *event, int code, const struct error *error)
{
    log_failure(LOG_LEVEL_ERROR, event, code, error);
    _exit(options_exit_code(code));
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *units(struct engine *engine)
{
    json_t *list = json_array();
    for (size_t i = 0; i < core_unit_count(engine->core); i++) {
        struct core_unit_stats stats;
        core_unit_stats(engine->core, i, &stats);
        const struct session *session = session_by_unit(engine, stats.unit);
        json_t *row = json_object();
        json_object_set_new(row, "unit", json_string(stats.unit));
        json_object_set_new(row, "accepted", number(stats.accepted));
        json_object_set_new(row, "delivered", number(stats.delivered));
        json_object_set_new(row, "waiting", number(stats.waiting));
        json_object_set_new(row, "expired", number(stats.expired));
        json_object_set_new(row, "undeliverable", number(stats.undeliverable));
        json_object_set_new(row, "withdrawn", number(stats.withdrawn));
        json_object_set_new(row, "oldest_waiting_index",
                            stats.oldest_waiting_index == UINT64_MAX
                                ? json_null()
                                : number(stats.oldest_waiting_index));
        json_object_set_new(row, "greeted", json_boolean(session != NULL));
        if (session) {
            json_object_set_new(row, "serial", number(session->serial));
            json_object_set_new(row, "since_ms", number(session->since_ms));
            json_object_set_new(row, "heard_ms", number(session->heard_ms));
        }
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *refusals(const struct counters *counters)
{
    json_t *object = json_object();
    for (int code = 1; code < COUNTERS_CODE_MAX; code++) {
        uint64_t count = counters_get(&counters->refused[code]);
        if (count) json_object_set_new(object, error_name(-code), number(count));
    }
    return object;
}

void status_refresh(struct engine *engine)
{
    const struct counters *counters = engine->parts.counters;
    const struct trust_bundle *bundle = core_bundle(engine->core);
    const struct uploads_stats uploads = uploads_stats(engine->parts.uploads);
    json_t *root = json_object();
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        {"time_ms", clock_now_ms()},
        {"size", tree_size(engine->tree)},
        {"record_time_ms", core_time_ms(engine->core)},
        {"bundle", trust_bundle_version(bundle)},
        {"bundle_expires_ms", trust_bundle_expires_ms(bundle)},
        {"sessions", engine->session_count},
        {"connections", counters_get(&counters->connections)},
        {"handshakes_refused", counters_get(&counters->handshakes_refused)},
        {"frames_in", counters_get(&counters->frames_in)},
        {"frames_out", counters_get(&counters->frames_out)},
        {"bytes_in", counters_get(&counters->bytes_in)},
        {"bytes_out", counters_get(&counters->bytes_out)},
        {"accepted", counters_get(&counters->accepted)},
        {"receipts", counters_get(&counters->receipts)},
        {"deliveries", counters_get(&counters->deliveries)},
        {"acknowledged", counters_get(&counters->acknowledged)},
        {"chunks_in", counters_get(&counters->chunks_in)},
        {"chunks_out", counters_get(&counters->chunks_out)},
        {"wal_bytes", writer_wal_bytes(engine->parts.writer)},
        {"uploads", uploads.count},
        {"upload_bytes", uploads.bytes},
        {"uploads_erased", counters_get(&counters->uploads_erased)},
        {"dropped_unauthenticated", counters_get(&counters->dropped_unauthenticated)},
        {"dropped_frame_count", counters_get(&counters->dropped_frame_count)},
        {"dropped_routing_id", counters_get(&counters->dropped_routing_id)},
        {"dropped_slow", counters_get(&counters->dropped_slow)},
    };
    json_object_set_new(root, "origin", json_string(core_origin(engine->core)));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        json_object_set_new(root, figures[i].name, number(figures[i].value));
    json_object_set_new(root, "wal_large", json_boolean(engine->wal_large));
    json_object_set_new(root, "ticks_stopped", json_boolean(engine->ticks_stopped));
    json_object_set_new(root, "refused", refusals(counters));
    json_object_set_new(root, "units", units(engine));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    pthread_mutex_lock(&engine->mutex);
    buf_reset(&engine->status);
    if (text) buf_append_str(&engine->status, text);
    buf_append_str(&engine->status, "\n");
    pthread_mutex_unlock(&engine->mutex);
    free(text);
}

void status_watch_wal(struct engine *engine, uint64_t monotonic_ms)
{
    enum { SAID_AGAIN_MS = 60000 };
    uint64_t bytes = writer_wal_bytes(engine->parts.writer);
    bool was = engine->wal_large;
    engine->wal_large = bytes >= engine->parts.wal_bytes_alarm;
    if (engine->wal_large && (!was || monotonic_ms - engine->wal_said_ms >= SAID_AGAIN_MS)) {
        log_error("wal_large", log_u64("bytes", bytes),
                  log_u64("alarm", engine->parts.wal_bytes_alarm),
                  log_text("do", "another program keeps journal.db open: end it, and copy the "
                                 "journal with leadbusd --backup"));
        engine->wal_said_ms = monotonic_ms;
    }
    if (was && !engine->wal_large) log_info("wal_moved", log_u64("bytes", bytes));
}

/* One line: `event` at level error past the end, as a warning within a week of it. */
static void say_end(const char *event, uint64_t end_ms, uint64_t now_ms, const char *remedy)
{
    enum { SOON_DAYS = 7, DAY_MS = 24 * 3600 * 1000 };
    if (now_ms >= end_ms)
        log_error(event, log_u64("ended_ms", end_ms), log_text("do", remedy));
    else if (end_ms - now_ms < (uint64_t)SOON_DAYS * DAY_MS)
        log_warn(event, log_u64("ends_ms", end_ms), log_u64("days", (end_ms - now_ms) / DAY_MS),
                 log_text("do", remedy));
}

void status_watch_validity(struct engine *engine, uint64_t now_ms)
{
    const struct trust_bundle *bundle = core_bundle(engine->core);
    say_end("bundle_expires", trust_bundle_expires_ms(bundle), now_ms,
            "leadbus-ca bundle --previous, sign, SIGHUP");
    if (now_ms >= trust_bundle_expires_ms(bundle))
        say_end("bundle_hard_limit", trust_bundle_hard_limit_ms(bundle), now_ms,
                "past it only exempt kinds and their receipts travel");
    for (size_t i = 0; i < trust_certificate_count(bundle); i++) {
        const struct trust_certificate *certificate = trust_certificate_at(bundle, i);
        if (certificate->role != LEADBUS__ROLE__ROLE_BROKER ||
            memcmp(certificate->witness, engine->parts.log_public, 32) != 0)
            continue;
        if (certificate->revoked)
            log_error("own_certificate_revoked", log_u64("serial", certificate->serial),
                      log_text("do", "agents refuse this broker: install one that is certified"));
        say_end("own_certificate_expires", certificate->not_after_ms, now_ms,
                "leadbus-ca request --again, issue --replace, bundle");
        return;
    }
    log_error("own_certificate_missing",
              log_text("do", "the bundle in force certifies another broker key"));
}
