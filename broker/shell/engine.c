#include "broker/shell/engine.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"
#include "proto/host/log.h"

enum { ROUND_MS = 1000, JOB_BURST = 256, VALIDITY_MS = 3600 * 1000 };

/* ---- release: what a durable group caused ------------------------------------------------------
 */

static void release_effect(struct engine *engine, const struct core_effect *effect)
{
    struct session *session = effect->unit ? session_by_unit(engine, effect->unit) : NULL;
    struct error error = {0};
    switch (effect->type) {
    case CORE_EFFECT_RECEIPT: {
        const struct lead *lead;
        int code = lead_cache_get(engine->leads, effect->index, &lead, &error);
        if (code) engine_fatal("receipt_failed", code, &error);
        if (session && session->serial == effect->serial)
            reply_receipt(engine, &session->peer, lead, false);
        return;
    }
    case CORE_EFFECT_QUEUED:
        if (session) session->wants_pump = true;
        return;
    case CORE_EFFECT_ACKED:
        counters_add(&engine->parts.counters->acknowledged, 1);
        if (!session) return;
        session_acked(engine, session, effect->lane);
        reply_acked(engine, &session->peer, effect->lane, effect->position);
        return;
    case CORE_EFFECT_KEY: engine->keys_index = effect->index; return;
    case CORE_EFFECT_BUNDLE: {
        int code =
            directory_box_publish(engine->parts.directories, core_bundle(engine->core), &error);
        if (code) log_failure(LOG_LEVEL_ERROR, "directory_failed", code, &error);
        engine->validity_at_ms = 0;
        return;
    }
    }
}

/* A lead that nobody who is here waits for is read back when it is wanted: a backlog is on the
 * disk. */
static void forget_unwanted(struct engine *engine, const struct group *group)
{
    bool wanted[GROUP_RECORD_COUNT_MAX] = {false};
    for (size_t i = 0; i < group->effects.count; i++) {
        const struct core_effect *effect = &group->effects.items[i];
        if (effect->type != CORE_EFFECT_QUEUED) continue;
        CHECK(effect->index >= group->first && effect->index - group->first < group->count);
        if (session_by_unit(engine, effect->unit)) wanted[effect->index - group->first] = true;
    }
    for (size_t i = 0; i < group->count; i++)
        if (!wanted[i]) lead_cache_forget(engine->leads, group->first + i);
}

static void release(struct engine *engine, struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        tree_add(engine->tree, group->first + i, buf_bytes(&group->records[i].hashes));
    tree_advance(engine->tree, group->first + group->count, buf_bytes(&group->checkpoint));
    for (size_t i = 0; i < group->count; i++) {
        struct group_record *record = &group->records[i];
        if (record->job && record->job->envelope)
            lead_cache_put(engine->leads, group->first + i, record->time_ms, record->accepted_flags,
                           RECORD_RULES_VERSION, record->job);
    }
    for (size_t i = 0; i < group->effects.count; i++)
        release_effect(engine, &group->effects.items[i]);
    forget_unwanted(engine, group);
    if (core_keys_index(engine->core) < tree_size(engine->tree))
        engine->keys_index = core_keys_index(engine->core);
    group_reset(group);
}

/* ---- the rounds --------------------------------------------------------------------------------
 */

static void collect_written(struct engine *engine)
{
    writer_clear(engine->parts.writer);
    struct group *group = writer_take(engine->parts.writer);
    if (!group) return;
    CHECK(group == engine->written);
    engine->written = NULL;
    release(engine, group);
    engine->spare = group;
}

/* Nothing else is on its way: the group is written here, which saves two wake-ups. Otherwise the
 * writer's thread syncs while the next group fills. */
static void hand_to_writer(struct engine *engine)
{
    if (engine->written || engine->open->count == 0) return;
    if (verify_count(engine->parts.verify) == 0) {
        writer_write(engine->parts.writer, engine->open);
        release(engine, engine->open);
        return;
    }
    engine->written = engine->open;
    engine->open = engine->spare;
    engine->spare = NULL;
    writer_give(engine->parts.writer, engine->written);
}

static bool has_room(const struct engine *engine)
{
    return !group_full(engine->open) && engine->held_count < HELD_COUNT_MAX;
}

static void take_jobs(struct engine *engine)
{
    verify_clear(engine->parts.verify);
    struct job *job = NULL;
    int taken = 0;
    while (taken < JOB_BURST && has_room(engine) && (job = verify_take(engine->parts.verify))) {
        request_handle(engine, job);
        taken++;
    }
    /* Stopped by a bound and not for want of jobs: nobody else would ring. */
    if (taken == JOB_BURST || !has_room(engine)) bell_ring(verify_fd(engine->parts.verify));
}

static void take_gone(struct engine *engine)
{
    queue_event_clear(engine->parts.gone);
    for (struct peer *peer; (peer = (struct peer *)queue_try_pop(engine->parts.gone));) {
        session_gone(engine, peer);
        free(peer);
    }
}

static bool take_control(struct engine *engine)
{
    bell_clear(engine->control_bell);
    pthread_mutex_lock(&engine->mutex);
    struct buf bundle = {0}, path = {0};
    if (has_room(engine)) {
        bundle = engine->offered_bundle;
        path = engine->offered_path;
        engine->offered_bundle = engine->offered_path = (struct buf){0};
    }
    bool postponed = engine->offered_bundle.len > 0;
    bool stopping = engine->stopping;
    pthread_mutex_unlock(&engine->mutex);
    if (postponed) bell_ring(engine->control_bell);
    if (bundle.len) request_bundle(engine, buf_bytes(&bundle), (const char *)path.data);
    buf_fini(&bundle);
    buf_fini(&path);
    return stopping;
}

/* A unit whose certificate no longer stands is sent nothing more. */
static bool pump(struct engine *engine)
{
    bool more = false;
    for (size_t i = engine->session_count; i-- > 0;) {
        struct session *session = engine->sessions[i];
        if (!session->wants_pump || session->welcome_size > tree_size(engine->tree)) continue;
        const struct trust_certificate *certificate;
        int code = trust_verdict(core_bundle(engine->core), session->serial, session->unit,
                                 clock_now_ms(), SUITE_1, &certificate, NULL);
        if (code)
            session_close(engine, session, error_name(code));
        else
            more |= deliver_pump(engine, session);
    }
    return more;
}

static void watch_clock(struct engine *engine)
{
    struct clock_alarms alarms = clock_alarms_take();
    if (alarms.backward) log_error("clock_set_back", log_u64("clamped_ms", clock_now_ms()));
    if (alarms.suspect == engine->ticks_stopped) return;
    engine->ticks_stopped = alarms.suspect;
    if (alarms.suspect)
        log_error("clock_suspect", log_code(E_CLOCK_SUSPECT),
                  log_text("wall_is", alarms.departure_ms < 0 ? "behind" : "ahead"),
                  log_u64("by_ms", (uint64_t)llabs(alarms.departure_ms)),
                  log_text("next", "leadbusd --confirm-clock, when the wall clock is right"));
    else
        log_info("clock_confirmed");
}

/* Before anything is let run out the clocks are looked at: a jump is known from the very reading
 * that would have made it due. */
static void tick(struct engine *engine, uint64_t now_ms)
{
    if (engine->ticks_stopped || core_next_deadline_ms(engine->core) > now_ms || !has_room(engine))
        return;
    watch_clock(engine);
    if (engine->ticks_stopped) return;
    struct core_request request = {.type = CORE_TICK, .now_ms = now_ms};
    struct core_verdict verdict;
    int code = request_admit(engine, &request, NULL, NULL, &verdict);
    if (code && code != E_NOT_FOUND)
        log_failure(LOG_LEVEL_ERROR, "tick_failed", code, &verdict.error);
}

static void every_second(struct engine *engine, uint64_t monotonic_ms)
{
    if (monotonic_ms < engine->status_at_ms) return;
    engine->status_at_ms = monotonic_ms + 1000;
    watch_clock(engine);
    attach_tidy(engine);
    status_watch_wal(engine, monotonic_ms);
    status_refresh(engine);
    if (monotonic_ms >= engine->validity_at_ms) {
        engine->validity_at_ms = monotonic_ms + VALIDITY_MS;
        status_watch_validity(engine, clock_now_ms());
    }
    if (monotonic_ms < engine->minute_at_ms) return;
    engine->minute_at_ms = monotonic_ms + 60000;
    memset(engine->logged, 0, sizeof engine->logged);
    log_info("running", log_u64("size", tree_size(engine->tree)),
             log_u64("sessions", engine->session_count));
}

static int wait_ms(const struct engine *engine, bool more)
{
    if (more) return 0;
    uint64_t deadline_ms = core_next_deadline_ms(engine->core);
    uint64_t now_ms = clock_now_ms();
    if (engine->ticks_stopped || deadline_ms > now_ms + ROUND_MS) return ROUND_MS;
    return deadline_ms > now_ms ? (int)(deadline_ms - now_ms) + 1 : 1;
}

static void *run(void *ctx)
{
    struct engine *engine = ctx;
    bool more = false, stopping = false;
    for (;;) {
        struct pollfd fds[5] = {
            {.fd = writer_fd(engine->parts.writer), .events = POLLIN},
            {.fd = queue_event_fd(engine->parts.gone), .events = POLLIN},
            {.fd = engine->control_bell, .events = POLLIN},
            /* Not while there is no room: it would ring all the time. */
            {.fd = has_room(engine) ? verify_fd(engine->parts.verify) : -1, .events = POLLIN},
            {.fd = disk_fd(engine->parts.disk), .events = POLLIN},
        };
        if (poll(fds, 5, wait_ms(engine, more)) < 0 && errno != EINTR) CHECK(errno == EINTR);
        atomic_fetch_add_explicit(&engine->rounds, 1, memory_order_relaxed);
        if (fds[0].revents) collect_written(engine);
        if (fds[1].revents) take_gone(engine);
        if (fds[2].revents) stopping = take_control(engine) || stopping;
        if (fds[4].revents) attach_collect(engine);
        if (fds[3].revents) take_jobs(engine);
        tick(engine, clock_now_ms());
        hand_to_writer(engine);
        if (engine->held_first) reply_release(engine);
        more = pump(engine);
        net_flush(engine->parts.net);
        every_second(engine, clock_monotonic_ms());
        if (stopping && verify_count(engine->parts.verify) == 0 && !engine->written &&
            engine->open->count == 0 && disk_count(engine->parts.disk) == 0)
            break;
    }
    status_refresh(engine);
    return NULL;
}

/* ---- from other threads ------------------------------------------------------------------------
 */

int engine_start(const struct engine_parts *parts, struct engine **ret_engine,
                 struct error *ret_error)
{
    struct engine *engine = (struct engine *)calloc(1, sizeof *engine);
    if (!engine) return error_set(ret_error, E_NO_MEMORY, NULL, "engine");
    uint8_t hash_key[16];
    clock_random(hash_key, sizeof hash_key);
    engine->control_bell = -1;
    CHECK(pthread_mutex_init(&engine->mutex, NULL) == 0);
    int code = bell_init(&engine->control_bell, ret_error);
    if (!code) code = tree_new(parts->reader, &engine->tree, ret_error);
    if (!code) code = lead_cache_new(parts->reader, hash_key, &engine->leads, ret_error);
    engine->sessions =
        (struct session **)calloc(parts->session_count_max, sizeof *engine->sessions);
    engine->open = (struct group *)calloc(1, sizeof *engine->open);
    engine->spare = (struct group *)calloc(1, sizeof *engine->spare);
    if (!code && (!engine->sessions || !engine->open || !engine->spare))
        code = error_set(ret_error, E_NO_MEMORY, NULL, "engine");
    if (!code) {
        engine->parts = *parts;
        engine->core = parts->core;
        tree_advance(engine->tree, core_size(engine->core), parts->checkpoint);
        engine->keys_index = core_keys_index(engine->core);
        if (pthread_create(&engine->thread, NULL, run, engine))
            code = error_set(ret_error, E_NO_MEMORY, NULL, "thread of the engine");
    }
    if (code) {
        engine->core = NULL;
        engine_free(engine);
        return code;
    }
    *ret_engine = engine;
    return 0;
}

void engine_offer_bundle(struct engine *engine, struct buf *take_bundle, const char *path)
{
    pthread_mutex_lock(&engine->mutex);
    buf_fini(&engine->offered_bundle);
    engine->offered_bundle = *take_bundle;
    *take_bundle = (struct buf){0};
    buf_reset(&engine->offered_path);
    buf_append(&engine->offered_path, path, strlen(path) + 1);
    pthread_mutex_unlock(&engine->mutex);
    bell_ring(engine->control_bell);
}

void engine_stop(struct engine *engine, uint64_t *ret_size, uint8_t ret_digest[32])
{
    pthread_mutex_lock(&engine->mutex);
    engine->stopping = true;
    pthread_mutex_unlock(&engine->mutex);
    bell_ring(engine->control_bell);
    pthread_join(engine->thread, NULL);
    *ret_size = core_size(engine->core);
    core_digest(engine->core, ret_digest);
}

void engine_free(struct engine *engine)
{
    if (!engine) return;
    for (size_t i = 0; i < engine->session_count; i++) {
        if (!engine->sessions[i]) continue;
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++)
            free(engine->sessions[i]->lanes[lane].sizes);
        free(engine->sessions[i]);
    }
    free((void *)engine->sessions);
    while (engine->held_first) {
        struct held *held = engine->held_first;
        engine->held_first = held->next;
        buf_fini(&held->frame);
        free(held);
    }
    group_free(engine->open);
    group_free(engine->spare);
    tree_free(engine->tree);
    lead_cache_free(engine->leads);
    core_free(engine->core);
    buf_fini(&engine->offered_bundle);
    buf_fini(&engine->offered_path);
    buf_fini(&engine->status);
    if (engine->control_bell >= 0) close(engine->control_bell);
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
}

void engine_status(struct engine *engine, struct buf *buf)
{
    pthread_mutex_lock(&engine->mutex);
    buf_append_bytes(buf, buf_bytes(&engine->status));
    pthread_mutex_unlock(&engine->mutex);
}

uint64_t engine_rounds(const struct engine *engine)
{
    return atomic_load_explicit(&engine->rounds, memory_order_relaxed);
}
