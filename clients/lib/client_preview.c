/* Who would receive it and why. */
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "clients/lib/engine_inner.h"
#include "proto/base/check.h"

struct leadbus_preview {
    uint32_t flags;
    size_t recipient_count, skipped_count, section_count;
    struct leadbus_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    struct leadbus_skipped skipped[LIMIT_UNIT_COUNT_MAX];
    const char *sections[LIMIT_SECTION_COUNT_MAX];
    struct bytes *texts; /* copies that the pointers above borrow */
    size_t text_count, text_cap;
};

/* The preview outlives the bundle: every string is copied. */
static const char *keep(leadbus_preview *preview, const char *text)
{
    if (preview->text_count == preview->text_cap) {
        preview->text_cap = preview->text_cap ? preview->text_cap * 2 : 64;
        preview->texts = realloc(preview->texts, preview->text_cap * sizeof *preview->texts);
        CHECK(preview->texts != NULL);
    }
    char *copy = strdup(view_or_empty(text));
    CHECK(copy != NULL);
    preview->texts[preview->text_count++] = bytes_of(copy, strlen(copy));
    return copy;
}

static void preview_recipients(leadbus *lb, leadbus_preview *preview, const struct plan *plan,
                               const struct route *route)
{
    const struct moment now = {.now_ms = client_now_ms(lb)};
    preview->recipient_count = route->recipient_count;
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *row = &route->recipients[i];
        const struct plan_unit *unit = plan_unit(plan, row->unit);
        struct leadbus_recipient *one = &preview->recipients[i];
        one->unit = keep(preview, unit->key);
        one->name_zh = keep(preview, unit->name_zh);
        one->name_en = keep(preview, unit->name_en);
        one->must_sign = row->act == ROUTE_SIGN;
        one->primary = row->primary;
        one->citation = keep(preview, row->citation);
        one->citation_zh = keep(preview, route_citation_text(plan, row->citation, LANG_ZH));
        one->citation_en = keep(preview, route_citation_text(plan, row->citation, LANG_EN));
        one->reason_zh = keep(preview, route_reason(plan, route->kind, row->citation, LANG_ZH));
        one->reason_en = keep(preview, route_reason(plan, route->kind, row->citation, LANG_EN));
        one->sections = row->sections;
        one->keyed =
            engine_key_newest(lb->engine, unit->key, engine_bus_ms(lb->engine, &now)) != NULL;
    }
}

static void preview_skipped(leadbus_preview *preview, const struct plan *plan,
                            const struct route_query *query, const struct route *route)
{
    struct route_skip skips[LIMIT_UNIT_COUNT_MAX];
    size_t count = route_explain(query, route, skips, LIMIT_UNIT_COUNT_MAX);
    if (count > LIMIT_UNIT_COUNT_MAX) count = LIMIT_UNIT_COUNT_MAX;
    preview->skipped_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct plan_unit *unit = plan_unit(plan, skips[i].unit);
        struct leadbus_skipped *one = &preview->skipped[i];
        one->unit = keep(preview, unit->key);
        one->name_zh = keep(preview, unit->name_zh);
        one->name_en = keep(preview, unit->name_en);
        one->clause = keep(preview, skips[i].clause);
        one->reason_zh = keep(preview, route_skip_text(skips[i].reason, LANG_ZH));
        one->reason_en = keep(preview, route_skip_text(skips[i].reason, LANG_EN));
    }
}

int leadbus_preview_make(leadbus *lb, const struct leadbus_draft *given,
                         leadbus_preview **ret_preview, struct leadbus_error *ret_error)
{
    struct leadbus_draft draft = {0};
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX] = {0};
    struct route route;
    struct route_query query;
    struct route_participant participants[LIMIT_UNIT_COUNT_MAX];
    struct thread thread = {0};
    struct error error = {0};
    uint64_t now_ms = client_now_ms(lb);
    memcpy(&draft, given, given->size < sizeof draft ? given->size : sizeof draft);
    size_t count = draft.section_count;
    if (count > LIMIT_SECTION_COUNT_MAX) count = LIMIT_SECTION_COUNT_MAX;
    for (size_t i = 0; i < count; i++) sections[i].name = draft.sections[i].name;
    struct engine_draft own = {.kind = view_or_empty(draft.kind),
                               .topic = draft.topic,
                               .area = draft.area,
                               .thread = draft.thread,
                               .parent = draft.parent,
                               .target = draft.target,
                               .other = draft.other,
                               .sections = sections,
                               .section_count = count};
    int r = engine_route(lb->engine, &own, now_ms, &route, &query, participants, &thread, &error);
    if (r == 0 && draft.target && *draft.target)
        r = lifecycle_check_named(route.kind, own.topic, draft.target, draft.other != NULL, &error);
    const uint8_t *parent = draft.parent ? draft.parent : draft.thread;
    if (r == 0 && route.kind->act != PLAN_ACT_NONE && parent)
        r = thread_act_check(&thread, query.plan, route.kind, own.topic, lb->keyring.unit, parent,
                             &error);
    if (r < 0) {
        thread_fini(&thread);
        return client_failed(ret_error, &error);
    }
    leadbus_preview *preview = calloc(1, sizeof *preview);
    CHECK(preview != NULL);
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    preview->flags = route.flags;
    if (count == 0) {
        preview->section_count = route.kind->section_count;
        for (size_t i = 0; i < route.kind->section_count; i++)
            preview->sections[i] = keep(preview, route.kind->sections[i].name);
    } else {
        preview->section_count = count;
        for (size_t i = 0; i < count; i++) preview->sections[i] = keep(preview, sections[i].name);
    }
    preview_recipients(lb, preview, plan, &route);
    preview_skipped(preview, plan, &query, &route);
    thread_fini(&thread);
    *ret_preview = preview;
    return 0;
}

void leadbus_preview_free(leadbus_preview *preview)
{
    if (!preview) return;
    for (size_t i = 0; i < preview->text_count; i++)
        free((void *)(uintptr_t)preview->texts[i].data);
    free(preview->texts);
    free(preview);
}

size_t leadbus_preview_recipient_count(const leadbus_preview *preview)
{
    return preview->recipient_count;
}

const struct leadbus_recipient *leadbus_preview_recipient(const leadbus_preview *preview, size_t i)
{
    return i < preview->recipient_count ? &preview->recipients[i] : NULL;
}

size_t leadbus_preview_skipped_count(const leadbus_preview *preview)
{
    return preview->skipped_count;
}

const struct leadbus_skipped *leadbus_preview_skipped(const leadbus_preview *preview, size_t i)
{
    return i < preview->skipped_count ? &preview->skipped[i] : NULL;
}

size_t leadbus_preview_section_count(const leadbus_preview *preview)
{
    return preview->section_count;
}

const char *leadbus_preview_section(const leadbus_preview *preview, size_t i)
{
    return i < preview->section_count ? preview->sections[i] : NULL;
}

uint32_t leadbus_preview_flags(const leadbus_preview *preview)
{
    return preview->flags;
}
