/* What every file of the handle needs: errors in the caller's form, time, and the one way in which
 * something is made durable and then told. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/lib/client.h"

int client_failed(struct leadbus_error *ret_error, const struct error *error)
{
    if (ret_error) {
        memset(ret_error, 0, sizeof *ret_error);
        ret_error->code = error->code;
        (void)snprintf(ret_error->name, sizeof ret_error->name, "%s", error_name(error->code));
        (void)snprintf(ret_error->field, sizeof ret_error->field, "%s", error->field);
        (void)snprintf(ret_error->detail, sizeof ret_error->detail, "%s", error->detail);
        (void)snprintf(ret_error->detail_zh, sizeof ret_error->detail_zh, "%s", error->detail_zh);
    }
    return error->code;
}

const char *leadbus_error_text(int code, enum leadbus_lang lang)
{
    return error_text(code, lang == LEADBUS_LANG_EN ? LANG_EN : LANG_ZH);
}

const char *leadbus_error_name(int code)
{
    return error_name(code);
}

const char *leadbus_version(void)
{
    return LEADBUS_VERSION;
}

void leadbus_free(void *take_memory)
{
    free(take_memory);
}

const struct trust_bundle *client_bundle(const leadbus *lb)
{
    return lb->engine->bundle;
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t client_now_ms(const leadbus *lb)
{
    return lb->options.now_ms ? lb->options.now_ms(lb->options.ctx) : clock_ms(CLOCK_REALTIME);
}

uint64_t client_steady_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

struct moment client_moment(const leadbus *lb)
{
    struct moment moment = {.now_ms = client_now_ms(lb)};
    randombytes_buf(moment.entropy, sizeof moment.entropy);
    return moment;
}

static void tell(leadbus *lb)
{
    /* The callback may read, and reading adds nothing here. */
    for (size_t i = 0; i < lb->change_count; i++)
        lb->options.changed(lb->options.ctx, lb->changes[i].changes,
                            lb->changes[i].has_id ? lb->changes[i].id : NULL);
    lb->change_count = 0;
}

int client_died(leadbus *lb, const struct error *error, struct leadbus_error *ret_error)
{
    lb->dead = true;
    lb->death = *error;
    return client_failed(ret_error, error);
}

/* What it died of is what people have to mend: a full disk, say. */
int client_refuse_dead(const leadbus *lb, struct leadbus_error *ret_error)
{
    return client_failed(ret_error, &lb->death);
}

void client_release(leadbus *lb)
{
    for (;;) {
        if (lb->unsent.len == 0 && !engine_out(lb->engine, &lb->unsent)) return;
        if (!io_send(lb->io, buf_bytes(&lb->unsent))) return;
        buf_fini(&lb->unsent);
    }
}

int client_settle(leadbus *lb, struct moment *moment, struct error *ret_error)
{
    int r = engine_flush(lb->engine, moment, ret_error);
    bool lazy = box_dirty(lb->box) && !box_pressing(lb->box);
    if (lazy && lb->lazy_ms == 0) lb->lazy_ms = moment->now_ms;
    if (lazy && moment->now_ms >= lb->lazy_ms && moment->now_ms - lb->lazy_ms < CLIENT_LAZY_MS) {
        client_release(lb);
        if (r == 0 && lb->options.changed) tell(lb);
        return r;
    }
    if (r == 0) r = box_commit(lb->box, ret_error);
    if (r < 0) return r;
    lb->lazy_ms = 0;
    client_release(lb);
    if (lb->options.changed) tell(lb);
    return 0;
}

int leadbus_commit(leadbus *lb, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct moment moment = client_moment(lb);
    if (lb->dead) return client_refuse_dead(lb, ret_error);
    int r = client_settle(lb, &moment, &error);
    return r < 0 ? client_died(lb, &error, ret_error) : 0;
}
