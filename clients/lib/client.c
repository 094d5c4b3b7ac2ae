#include "clients/lib/client.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

enum {
    PROCESS_FRAMES_MAX = 512,
    TIMEOUT_MAX_MS = 60000,
    ROTATE_MS = 3600 * 1000,
    DEFAULT_WINDOW = 256,
    DEFAULT_CREDIT = 256,
    DEFAULT_OUTBOX = 100000,
    DEFAULT_EPOCHS = 5,
    PASSPHRASE_LEN_MAX = 1023,
};
#define DEFAULT_SESSION_MS (15ull * 60 * 1000)
#define DEFAULT_EPOCH_MS   (7ull * 24 * 3600 * 1000)

/* ---- the engine's callbacks
 * ------------------------------------------------------------------------ */

static void on_changed(void *ctx, unsigned changes, const uint8_t *id)
{
    leadbus *lb = ctx;
    if (!lb->options.changed) return;
    if (lb->change_count == lb->change_cap) {
        lb->change_cap = lb->change_cap ? lb->change_cap * 2 : 64;
        lb->changes = realloc(lb->changes, lb->change_cap * sizeof *lb->changes);
        CHECK(lb->changes != NULL);
    }
    memset(&lb->changes[lb->change_count], 0, sizeof *lb->changes);
    lb->changes[lb->change_count].changes = changes;
    if (id) {
        lb->changes[lb->change_count].has_id = true;
        memcpy(lb->changes[lb->change_count].id, id, 16);
    }
    lb->change_count++;
}

static int on_section(void *ctx, const struct leadbus_marks *marks, const char *section,
                      struct bytes payload, struct error *ret_error)
{
    leadbus *lb = ctx;
    struct leadbus_error error = {0};
    if (!lb->options.check_section) return 0;
    int r = lb->options.check_section(lb->options.ctx, marks, section, payload.data, payload.len,
                                      &error);
    if (r == 0) return 0;
    char field[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(field, sizeof field, "%s", error.field[0] ? error.field : section);
    int code = error_set(ret_error, r < 0 ? r : E_PAYLOAD_INVALID, field, "%s", error.detail);
    (void)error_note_zh(ret_error, "%s", error.detail_zh);
    return code;
}

/* ---- opening
 * ---------------------------------------------------------------------------------------- */

static int check_options(const struct leadbus_options *given, struct leadbus_options *ret,
                         struct error *ret_error)
{
    memset(ret, 0, sizeof *ret);
    if (given->size < offsetof(struct leadbus_options, send_window))
        return error_say(ret_error, E_BAD_VALUE, "size", "未设置", "not set");
    memcpy(ret, given, given->size < sizeof *ret ? given->size : sizeof *ret);
    if (!ret->store_path)
        return error_say(ret_error, E_MISSING_FIELD, "store_path", "缺失", "missing");
    if (!ret->keyring_path)
        return error_say(ret_error, E_MISSING_FIELD, "keyring_path", "缺失", "missing");
    if (!ret->root || !ret->root_len)
        return error_say(ret_error, E_MISSING_FIELD, "root", "缺失", "missing");
    if (ret->passphrase_len > PASSPHRASE_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "passphrase", "长于 %d 字节",
                         "longer than %d bytes", PASSPHRASE_LEN_MAX);
    if (!ret->send_window) ret->send_window = DEFAULT_WINDOW;
    if (!ret->credit) ret->credit = DEFAULT_CREDIT;
    if (ret->credit > LIMIT_CREDIT_MAX || ret->send_window > LIMIT_SEQ_WINDOW)
        return error_say(ret_error, E_BAD_VALUE,
                         ret->credit > LIMIT_CREDIT_MAX ? "credit" : "send_window", "至多 %d",
                         "at most %d",
                         ret->credit > LIMIT_CREDIT_MAX ? LIMIT_CREDIT_MAX : LIMIT_SEQ_WINDOW);
    if (!ret->outbox_max) ret->outbox_max = DEFAULT_OUTBOX;
    if (!ret->session_ms) ret->session_ms = DEFAULT_SESSION_MS;
    if (!ret->epoch_ms) ret->epoch_ms = DEFAULT_EPOCH_MS;
    if (!ret->epochs_ahead) ret->epochs_ahead = DEFAULT_EPOCHS;
    if (ret->epochs_ahead > KEYRING_EPOCH_COUNT_MAX / 4)
        return error_say(ret_error, E_BAD_VALUE, "epochs_ahead", "至多 %d", "at most %d",
                         KEYRING_EPOCH_COUNT_MAX / 4);
    return 0;
}

/* The newer of the bundle given and the one kept. */
static int choose_bundle(const leadbus *lb, const struct trust_root *root,
                         struct trust_bundle **ret, struct error *ret_error)
{
    struct trust_bundle *given = NULL, *kept = NULL;
    struct buf bytes = {0};
    int r = 0;
    if (lb->options.bundle_len)
        r = error_in(ret_error,
                     trust_bundle_open(bytes_of(lb->options.bundle, lb->options.bundle_len), root,
                                       &given, ret_error),
                     "bundle");
    if (r < 0) return r;
    r = box_bundle_get(lb->box, 0, &bytes, ret_error);
    if (r == 0) r = trust_bundle_open(buf_bytes(&bytes), root, &kept, ret_error);
    buf_fini(&bytes);
    if (r < 0 && r != E_NOT_FOUND && !given) return r;
    if (given && kept && trust_bundle_version(kept) > trust_bundle_version(given)) {
        trust_bundle_free(given);
        given = NULL;
    }
    if (given) trust_bundle_free(kept);
    *ret = given ? given : kept;
    if (*ret) return 0;
    return error_say(ret_error, E_BUNDLE_UNKNOWN, "bundle", "没有给出方案包，也没有保存过",
                     "none given and none kept");
}

static int open_parts(leadbus *lb, struct error *ret_error)
{
    struct trust_root root;
    struct trust_bundle *bundle = NULL;
    struct moment moment = client_moment(lb);
    struct engine_options options = {
        .send_window = lb->options.send_window,
        .credit = lb->options.credit,
        .outbox_max = lb->options.outbox_max,
        .session_ms = lb->options.session_ms,
        .check_section = lb->options.check_section ? on_section : NULL,
        .chunks = lb->attachments,
        .attachment_bytes_max = lb->options.attachments_max,
        .check_attachment = lb->options.check_attachment ? client_check_attachment : NULL,
        .examine_attachment = lb->options.examine_attachment ? client_examine_attachment : NULL,
        .changed = on_changed,
        .ctx = lb,
    };
    int r = keyring_load(&lb->keyring, lb->keyring_path, buf_bytes(&lb->passphrase), ret_error);
    if (r == 0)
        r = error_in(
            ret_error,
            trust_root_open(bytes_of(lb->options.root, lb->options.root_len), &root, ret_error),
            "root");
    if (r == 0) r = box_open(lb->options.store_path, &lb->box, ret_error);
    if (r == 0) r = client_attachments_sweep(lb, ret_error);
    if (r == 0) r = choose_bundle(lb, &root, &bundle, ret_error);
    if (r == 0) {
        r = engine_new(&options, lb->box, &lb->keyring, &root, bundle, &moment, &lb->engine,
                       ret_error);
        if (r < 0) trust_bundle_free(bundle);
    }
    if (r == 0) r = box_commit(lb->box, ret_error);
    if (r == 0)
        r = io_new(lb->keyring.transport_public, lb->keyring.transport_secret, &lb->io, ret_error);
    return r;
}

static char *copied(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

/* The next broker address to try. */
static void aim(leadbus *lb)
{
    const struct trust_bundle *bundle = lb->engine->bundle;
    const struct trust_certificate *broker = NULL;
    const char *endpoint = lb->endpoint;
    size_t count = trust_bundle_broker_count(bundle);
    for (size_t i = 0; i < count && !lb->endpoint; i++) {
        const Leadbus__BrokerAddress *address = trust_bundle_broker(bundle, lb->broker % count);
        if (lb->broker_endpoint < address->n_endpoints) {
            endpoint = address->endpoints[lb->broker_endpoint++];
            broker = trust_certificate_by_serial(bundle, address->serial);
            if (broker && !broker->revoked) break;
        }
        lb->broker++;
        lb->broker_endpoint = 0;
        broker = NULL;
    }
    for (size_t i = 0; i < trust_certificate_count(bundle) && lb->endpoint; i++) {
        const struct trust_certificate *one = trust_certificate_at(bundle, i);
        if (one->role == LEADBUS__ROLE__ROLE_BROKER && !one->revoked) broker = one;
    }
    if (!broker || !endpoint) return;
    (void)snprintf(lb->current, sizeof lb->current, "%s", endpoint);
    io_target(lb->io, endpoint, broker->transport);
}

int leadbus_open(const struct leadbus_options *options, leadbus **ret_lb,
                 struct leadbus_error *ret_error)
{
    struct error error = {0};
    if (sodium_init() < 0) {
        (void)error_say(&error, E_IO, "libsodium", "无法启动", "does not start");
        return client_failed(ret_error, &error);
    }
    leadbus *lb = calloc(1, sizeof *lb);
    if (!lb) {
        (void)error_set(&error, E_NO_MEMORY, NULL, "handle");
        return client_failed(ret_error, &error);
    }
    int r = check_options(options, &lb->options, &error);
    if (r == 0) {
        (void)sodium_mlock(&lb->keyring, sizeof lb->keyring);
        buf_append(&lb->passphrase, lb->options.passphrase, lb->options.passphrase_len);
        if (lb->passphrase.data) (void)sodium_mlock(lb->passphrase.data, lb->passphrase.cap);
        lb->keyring_path = copied(lb->options.keyring_path);
        if (lb->options.endpoint) lb->endpoint = copied(lb->options.endpoint);
        r = client_attachments_path(&lb->options, &lb->attachments, &error);
        if (r == 0) r = open_parts(lb, &error);
    }
    if (r < 0) {
        leadbus_close(lb);
        return client_failed(ret_error, &error);
    }
    /* What was borrowed for the call is gone from here on. */
    lb->options.store_path = lb->options.keyring_path = lb->options.endpoint = NULL;
    lb->options.root = lb->options.bundle = lb->options.passphrase = NULL;
    lb->options.attachments_path = NULL;
    lb->more = true;
    aim(lb);
    *ret_lb = lb;
    return 0;
}

void leadbus_close(leadbus *lb)
{
    if (!lb) return;
    if (lb->engine && lb->io && !lb->dead) (void)leadbus_commit(lb, NULL);
    io_free(lb->io);
    engine_free(lb->engine);
    box_close(lb->box);
    keyring_fini(&lb->keyring);
    if (lb->passphrase.data) sodium_munlock(lb->passphrase.data, lb->passphrase.cap);
    buf_fini(&lb->passphrase);
    buf_fini(&lb->unsent);
    free(lb->keyring_path);
    free(lb->endpoint);
    free(lb->attachments);
    free(lb->changes);
    (void)sodium_munlock(&lb->keyring, sizeof lb->keyring);
    sodium_memzero(lb, sizeof *lb);
    free(lb);
}

/* ---- the loop
 * --------------------------------------------------------------------------------------- */

int leadbus_fd(leadbus *lb)
{
    return io_fd(lb->io);
}

short leadbus_events(leadbus *lb)
{
    (void)lb;
    return POLLIN;
}

int leadbus_timeout_ms(leadbus *lb)
{
    uint64_t wall_ms = client_now_ms(lb), steady_ms = client_steady_ms();
    uint64_t wait_ms = TIMEOUT_MAX_MS, next = engine_next_ms(lb->engine);
    if (lb->more || box_pressing(lb->box) || io_readable(lb->io)) return 0;
    if (box_dirty(lb->box) && lb->lazy_ms + CLIENT_LAZY_MS < next)
        next = lb->lazy_ms + CLIENT_LAZY_MS;
    if (lb->unsent.len > 0 && wait_ms > 10) wait_ms = 10;
    if (next <= wall_ms) return 0;
    if (next - wall_ms < wait_ms) wait_ms = next - wall_ms;
    next = io_next_ms(lb->io);
    if (next <= steady_ms) return 0;
    if (next - steady_ms < wait_ms) wait_ms = next - steady_ms;
    return (int)wait_ms;
}

/* Fresh receiving keys ahead of time, and old ones destroyed; on disk before they are announced. */
static int rotate(leadbus *lb, struct moment *moment, struct error *ret_error)
{
    struct keyring *keyring = &lb->keyring;
    size_t ahead = 0;
    bool changed = false;
    if (moment->now_ms < lb->rotate_ms) return 0;
    lb->rotate_ms = moment->now_ms + ROTATE_MS;
    for (size_t i = 0; i < keyring->epoch_count; i++)
        if (keyring->epochs[i].not_after_ms > moment->now_ms) ahead++;
    if (keyring_epoch_expire(keyring, moment->now_ms, LIMIT_CREATED_AGE_MS) > 0) changed = true;
    for (; ahead < lb->options.epochs_ahead; ahead++) {
        int r = keyring_epoch_add(keyring, moment->now_ms, lb->options.epoch_ms, ret_error);
        if (r < 0) return r;
        changed = true;
    }
    int r = 0;
    if (changed) r = keyring_save(keyring, lb->keyring_path, buf_bytes(&lb->passphrase), ret_error);
    /* Also what the bus did not take the last time. */
    return r < 0 ? r : engine_publish(lb->engine, moment, ret_error);
}

static int take_events(leadbus *lb, struct moment *moment, struct error *ret_error)
{
    uint64_t steady_ms = client_steady_ms(), after_ms;
    for (;;) {
        enum io_event event = io_event(lb->io, steady_ms);
        if (event == IO_NOTHING) break;
        buf_fini(&lb->unsent);
        if (event == IO_LOST) {
            engine_disconnected(lb->engine, moment);
            continue;
        }
        int r = engine_connected(lb->engine, moment, ret_error);
        if (r < 0) return r;
    }
    if (engine_wants_reset(lb->engine, &after_ms)) {
        buf_fini(&lb->unsent);
        engine_disconnected(lb->engine, moment);
        io_drop(lb->io, steady_ms, after_ms > moment->now_ms ? after_ms - moment->now_ms : 0);
    }
    if (io_next_ms(lb->io) <= steady_ms) aim(lb);
    io_tick(lb->io, steady_ms);
    if (lb->engine->link == ENGINE_GREETED && !lb->was_greeted) io_settled(lb->io);
    lb->was_greeted = lb->engine->link == ENGINE_GREETED;
    return 0;
}

int leadbus_process(leadbus *lb, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct moment moment = client_moment(lb);
    struct buf frame = {0};
    size_t count = 0;
    if (lb->dead) return client_refuse_dead(lb, ret_error);
    int r = take_events(lb, &moment, &error);
    while (r == 0 && count < PROCESS_FRAMES_MAX && io_receive(lb->io, &frame)) {
        r = engine_frame(lb->engine, &moment, buf_bytes(&frame), &error);
        buf_reset(&frame);
        count++;
    }
    buf_fini(&frame);
    lb->more = count == PROCESS_FRAMES_MAX;
    if (r == 0) r = engine_tick(lb->engine, &moment, &error);
    if (r == 0) r = rotate(lb, &moment, &error);
    if (r == 0) r = client_settle(lb, &moment, &error);
    if (r == 0) r = take_events(lb, &moment, &error);
    if (r < 0) return client_died(lb, &error, ret_error);
    client_release(lb);
    return 0;
}

int leadbus_wait(leadbus *lb, int timeout_ms, struct leadbus_error *ret_error)
{
    int own_ms = leadbus_timeout_ms(lb);
    bool due = own_ms <= timeout_ms || timeout_ms < 0;
    struct pollfd item = {.fd = io_fd(lb->io), .events = POLLIN};
    int ready = poll(&item, 1, due ? own_ms : timeout_ms);
    if (ready == 0 && !due) return 0;
    int r = leadbus_process(lb, ret_error);
    return r < 0 ? r : 1;
}

int leadbus_bundle_install(leadbus *lb, const void *bundle, size_t len,
                           struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct moment moment = client_moment(lb);
    if (lb->dead) return client_refuse_dead(lb, ret_error);
    int r = engine_bundle_install(lb->engine, &moment, bytes_of(bundle, len), &error);
    if (r < 0) return client_failed(ret_error, &error);
    return leadbus_commit(lb, ret_error);
}

int leadbus_confirm_restored(leadbus *lb, const char *origin, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct moment moment = client_moment(lb);
    if (lb->dead) return client_refuse_dead(lb, ret_error);
    int r = engine_restored_confirm(lb->engine, &moment, origin, &error);
    if (r < 0) return client_failed(ret_error, &error);
    return leadbus_commit(lb, ret_error);
}
