/* Revisions of an alert. Their numbers stand in sections, which the bus cannot read, so both ends
 * count: who sends one goes on from what it sent, and who gets one holds it against what it has. */
#include <stdio.h>

#include "clients/lib/engine_inner.h"
#include "proto/payload/payload.h"

static bool is_alert(const struct plan_kind *kind)
{
    return kind && kind->family == PLAN_FAMILY_ALERT;
}

static uint32_t revision_of(const struct plan_kind *kind, const char *name, struct bytes section)
{
    int index = plan_section_find(kind, name);
    const struct payload_message *message =
        index < 0 ? NULL : payload_find(kind->sections[index].message);
    return message ? payload_revision(message, section) : 0;
}

static int revision_sealed(struct engine *engine, const uint8_t thread[16], const uint8_t id[16],
                           const struct plan_kind *kind, struct bytes sealed, uint32_t *ret,
                           struct error *ret_error)
{
    struct content content = {0};
    *ret = 0;
    if (sealed.len == 0) return 0; /* deleted, or never opened */
    int r = content_open(engine, thread, id, sealed, &content, ret_error);
    for (size_t i = 0; r == 0 && i < content.section_count && *ret == 0; i++)
        *ret = revision_of(kind, content.sections[i].name, content.sections[i].payload);
    content_fini(&content);
    return r;
}

/* The newest that was issued on the thread ahead of a journal index. */
struct newest {
    struct engine *engine;
    uint64_t before;
    uint32_t revision;
    struct error *error;
};

static const struct plan_kind *issued_kind(const struct newest *newest, const char *slug)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(newest->engine->bundle), slug);
    return is_alert(kind) && kind->act == PLAN_ACT_NONE ? kind : NULL;
}

static void newest_take(struct newest *newest, uint32_t revision)
{
    if (revision > newest->revision) newest->revision = revision;
}

static int newest_in(void *ctx, const struct box_in *row)
{
    struct newest *newest = ctx;
    const struct plan_kind *kind = issued_kind(newest, row->kind);
    struct buf sealed = {0};
    uint32_t revision = 0;
    if (!kind || row->type != BOX_IN_MESSAGE || row->index >= newest->before) return 0;
    int r = box_in_body(newest->engine->box, row->number, NULL, &sealed, NULL, newest->error);
    if (r == 0)
        r = revision_sealed(newest->engine, row->thread, row->id, kind, buf_bytes(&sealed),
                            &revision, newest->error);
    buf_fini(&sealed);
    newest_take(newest, revision);
    return r;
}

/* What has no receipt yet comes behind everything that has. */
static int newest_out(void *ctx, const struct box_out *row)
{
    struct newest *newest = ctx;
    const struct plan_kind *kind = issued_kind(newest, row->kind);
    struct buf envelope = {0}, sealed = {0};
    uint32_t revision = 0;
    bool receipted = row->state == BOX_OUT_RECEIPTED;
    if (!kind || row->state == BOX_OUT_REFUSED) return 0;
    if (newest->before != UINT64_MAX && (!receipted || row->index >= newest->before)) return 0;
    int r = box_out_body(newest->engine->box, row->number, &envelope, &sealed, newest->error);
    if (r == 0)
        r = revision_sealed(newest->engine, row->thread, row->id, kind, buf_bytes(&sealed),
                            &revision, newest->error);
    buf_fini(&envelope);
    buf_fini(&sealed);
    newest_take(newest, revision);
    return r;
}

static int newest_find(struct engine *engine, const uint8_t thread[16], uint64_t before,
                       uint32_t *ret, struct error *ret_error)
{
    struct newest newest = {.engine = engine, .before = before, .error = ret_error};
    int r = box_in_of_thread(engine->box, thread, newest_in, &newest, ret_error);
    if (r == 0) r = box_out_of_thread(engine->box, thread, newest_out, &newest, ret_error);
    *ret = newest.revision;
    return r;
}

/* 0: nothing can be said. Who got an alert when it was widened has none before that. */
static uint32_t expected_of(const struct plan_kind *kind, const char *topic, uint32_t newest)
{
    if (kind->act != PLAN_ACT_NONE) return newest;
    if (newest > 0) return newest + 1;
    return lifecycle_check_opening(kind, topic, NULL) == 0 ? 1 : 0;
}

int engine_revision_check(struct engine *engine, const struct plan_kind *kind,
                          const struct engine_draft *draft, const uint8_t *thread,
                          struct error *ret_error)
{
    uint32_t newest = 0;
    char field[ERROR_FIELD_LEN_MAX + 1];
    if (!is_alert(kind)) return 0;
    for (size_t i = 0; i < draft->section_count; i++) {
        const struct seal_section *section = &draft->sections[i];
        uint32_t stated = revision_of(kind, section->name, section->plaintext);
        if (stated == 0) continue;
        int r = thread ? newest_find(engine, thread, UINT64_MAX, &newest, ret_error) : 0;
        if (r < 0) return r;
        uint32_t expected = expected_of(kind, draft->topic, newest);
        if (expected == 0 || expected == stated) continue;
        (void)snprintf(field, sizeof field, "%.40s.revision", section->name);
        return kind->act != PLAN_ACT_NONE
                   ? error_say(ret_error, E_BAD_VALUE, field, "所解除的警报末版为第 %u 版",
                               "the last revision that was issued is %u", (unsigned)expected)
                   : error_say(ret_error, E_BAD_VALUE, field, "版次逐版加一：应为第 %u 版",
                               "revisions rise by one: this one is %u", (unsigned)expected);
    }
    return 0;
}

int engine_revision_find(struct engine *engine, const uint8_t id[16], uint32_t *ret_stated,
                         uint32_t *ret_expected, struct error *ret_error)
{
    struct box_in in;
    struct box_out out;
    struct buf envelope = {0}, sealed = {0};
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    *ret_stated = *ret_expected = 0;
    int r = box_in_find(engine->box, id, &in, ret_error);
    bool own = r == E_NOT_FOUND;
    if (own) r = box_out_find(engine->box, id, &out, ret_error);
    if (r < 0) return r;
    const struct plan_kind *kind = plan_kind_find(plan, own ? out.kind : in.kind);
    if (!is_alert(kind)) return 0;
    r = own ? box_out_body(engine->box, out.number, &envelope, &sealed, ret_error)
            : box_in_body(engine->box, in.number, NULL, &sealed, NULL, ret_error);
    const uint8_t *thread = own ? out.thread : in.thread;
    uint64_t before = own && out.state != BOX_OUT_RECEIPTED ? UINT64_MAX - 1
                      : own                                 ? out.index
                                                            : in.index;
    uint32_t newest = 0;
    if (r == 0)
        r = revision_sealed(engine, thread, id, kind, buf_bytes(&sealed), ret_stated, ret_error);
    if (r == 0 && *ret_stated > 0) r = newest_find(engine, thread, before, &newest, ret_error);
    if (r == 0 && *ret_stated > 0)
        *ret_expected = expected_of(kind, own ? out.topic : in.topic, newest);
    buf_fini(&envelope);
    buf_fini(&sealed);
    return r;
}
