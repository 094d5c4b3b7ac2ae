/* People at the units: they send leads of every kind that the plan lets them, and act on what came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/chains.h"
#include "proto/plan/lifecycle.h"
#include "tests/sim/town.h"

enum { ITEMS_MAX = 24 };
static const char area[] = "120102006";

/* ---- what may be opened -------------------------------------------------------------------------
 */

static bool may_open(const struct plan *plan, const struct plan_kind *kind, const char *topic,
                     const char *from)
{
    struct route route;
    struct route_query query = {.plan = plan,
                                .at_ms = FIBER_EPOCH_MS,
                                .kind = kind->slug,
                                .topic = topic,
                                .area = area,
                                .from = from};
    return kind->position != PLAN_FOLLOWS && lifecycle_check_opening(kind, topic, NULL) == 0 &&
           route_compute(&query, &route, NULL) == 0 && route.recipient_count > 0;
}

static void add_opening(struct town *town, size_t unit, const char *kind, const char *topic)
{
    size_t count = town->opening_count;
    if ((count & (count - 1)) == 0) {
        town->openings = realloc(town->openings, (count ? 2 * count : 1) * sizeof *town->openings);
        CHECK(town->openings != NULL);
    }
    /* Copied: the plan that they come from is replaced by later bundles. */
    struct opening *opening = &town->openings[town->opening_count++];
    *opening = (struct opening){(uint16_t)unit, strdup(kind), strdup(topic)};
    CHECK(opening->kind && opening->topic);
}

void people_fini(struct town *town)
{
    for (size_t i = 0; i < town->opening_count; i++) {
        free(town->openings[i].kind);
        free(town->openings[i].topic);
    }
    free(town->openings);
}

void people_init(struct town *town)
{
    const struct plan *plan = town->district->plan;
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        for (size_t t = kind->topic_required ? 1 : 0; t <= kind->topic_count; t++) {
            const char *topic = t ? kind->topics[t - 1].slug : "";
            for (size_t unit = 0; unit < town->unit_count; unit++)
                if (may_open(plan, kind, topic, town->units[unit].key))
                    add_opening(town, unit, kind->slug, topic);
        }
    }
    CHECK(town->opening_count > 0);
}

/* ---- sending ------------------------------------------------------------------------------------
 */

struct letter {
    char texts[LIMIT_SECTION_COUNT_MAX][96];
    struct leadbus_section sections[LIMIT_SECTION_COUNT_MAX];
    struct leadbus_draft draft;
};

/* What is secret has a mark that is looked for where it must not be. */
static void fill(struct town *town, const struct plan_kind *kind, struct letter *letter)
{
    memset(letter, 0, sizeof *letter);
    letter->draft = (struct leadbus_draft){.size = sizeof letter->draft,
                                           .kind = kind->slug,
                                           .area = area,
                                           .officer = "p-17",
                                           .sections = letter->sections};
    for (size_t i = 0; i < kind->section_count; i++) {
        if (kind->sections[i].optional && random_below(&town->people, 4) != 0) continue;
        size_t k = letter->draft.section_count++;
        (void)snprintf(letter->texts[k], sizeof letter->texts[k], TOWN_CANARY " %016llx",
                       (unsigned long long)random_next(&town->people));
        letter->sections[k] = (struct leadbus_section){kind->sections[i].name, letter->texts[k],
                                                       strlen(letter->texts[k])};
    }
}

static void send(struct unit *unit, const struct leadbus_draft *draft, bool exempt)
{
    struct leadbus_error error = {0};
    uint8_t id[16];
    unit_enter(unit);
    cover_staging(unit->town->cover, unit->number, true);
    int code = leadbus_submit(unit->lb, draft, id, &error);
    if (code == 0) history_submit(unit->town->history, unit->number, id, exempt);
    if (code == 0) cover_taken(unit->town->cover, unit->number, id);
    if (code)
        history_note(unit->town->history, "%s may not send %s: %s %s", unit->key, draft->kind,
                     error.name, error.field);
    unit_left(unit, code);
    cover_staging(unit->town->cover, unit->number, false);
}

static void open_thread(struct town *town)
{
    const struct opening *opening =
        &town->openings[random_below(&town->people, town->opening_count)];
    struct unit *unit = &town->units[opening->unit];
    struct letter letter;
    if (!unit->lb) return;
    const struct plan_kind *kind =
        plan_kind_find(trust_bundle_plan(client_bundle(unit->lb)), opening->kind);
    if (!kind) return;
    fill(town, kind, &letter);
    letter.draft.topic = opening->topic;
    if (kind->may_expire && random_below(&town->people, 2) == 0)
        letter.draft.expires_ms =
            fiber_wall_ms(&unit->machine) + random_between(&town->people, 60000, 3600000);
    send(unit, &letter.draft, kind->exempt);
}

/* ---- acting -------------------------------------------------------------------------------------
 */

struct item {
    uint8_t id[16], thread[16];
    bool must_sign;
    int next;
};
struct items {
    struct item all[ITEMS_MAX];
    size_t count;
};

static int keep_item(void *ctx, const struct leadbus_item *item)
{
    struct items *items = ctx;
    if (item->type != LEADBUS_ITEM_MESSAGE || items->count == ITEMS_MAX) return 0;
    struct item *kept = &items->all[items->count++];
    memcpy(kept->id, item->id, 16);
    memcpy(kept->thread, item->thread, 16);
    kept->must_sign = item->must_sign != 0;
    kept->next = item->leg_next;
    return 0;
}

static int keep_sent(void *ctx, const struct leadbus_outgoing *outgoing)
{
    struct items *items = ctx;
    if (items->count == ITEMS_MAX) return 0;
    struct item *kept = &items->all[items->count++];
    memcpy(kept->id, outgoing->id, 16);
    memcpy(kept->thread, outgoing->thread, 16);
    kept->must_sign = false;
    kept->next = 0;
    return 0;
}

/* A kind of that act, or any that follows something. */
static const struct plan_kind *pick_kind(struct town *town, const struct plan *plan, int act)
{
    const struct plan_kind *found[256];
    size_t count = 0;
    for (size_t i = 0; i < plan_kind_count(plan) && count < 256; i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        bool fits = act ? (int)kind->act == act : kind->position != PLAN_OPENS;
        if (fits) found[count++] = kind;
    }
    return count ? found[random_below(&town->people, count)] : NULL;
}

static void act_on(struct unit *unit, const struct item *item, const struct items *others,
                   bool at_random)
{
    struct town *town = unit->town;
    struct letter letter;
    const struct plan *plan = trust_bundle_plan(client_bundle(unit->lb));
    const struct plan_kind *kind = pick_kind(town, plan, at_random ? 0 : item->next);
    if (!kind) return;
    fill(town, kind, &letter);
    if (kind->topic_count && (kind->topic_required || random_below(&town->people, 2)))
        letter.draft.topic = kind->topics[random_below(&town->people, kind->topic_count)].slug;
    if (kind->act == PLAN_ACT_TRANSFER || kind->act == PLAN_ACT_ASK_RELEASE ||
        random_below(&town->people, 50) == 0)
        letter.draft.target = town->units[random_below(&town->people, town->unit_count)].key;
    if ((kind->act == PLAN_ACT_LINK || random_below(&town->people, 20) == 0) && others->count)
        letter.draft.other = others->all[random_below(&town->people, others->count)].thread;
    letter.draft.parent = item->id;
    const char *topic = letter.draft.topic ? letter.draft.topic : "";
    if (random_below(&town->people, 4) == 0 && chains_may_come_early(plan, kind, topic))
        letter.draft.flags = LEADBUS_DRAFT_EARLY;
    send(unit, &letter.draft, kind->exempt);
}

static void look_in(struct town *town)
{
    struct unit *unit = &town->units[random_below(&town->people, town->unit_count)];
    struct items items = {.count = 0}, due = {.count = 0};
    struct leadbus_error error = {0};
    if (!unit->lb) return;
    unit_enter(unit);
    int code = leadbus_inbox_newest(unit->lb, 0, ITEMS_MAX / 2, keep_item, &items, &error);
    if (code == 0)
        code = leadbus_outbox_each(unit->lb, 0, ITEMS_MAX / 2, keep_sent, &items, &error);
    if (code == 0) code = leadbus_inbox_due(unit->lb, NULL, 8, keep_item, &due, &error);
    unit_left(unit, code);
    if (code) return;
    for (size_t i = 0; i < due.count && unit->lb; i++)
        if (due.all[i].next && random_below(&town->people, 2))
            act_on(unit, &due.all[i], &items, false);
    if (items.count && unit->lb && random_below(&town->people, 3) == 0)
        act_on(unit, &items.all[random_below(&town->people, items.count)], &items, true);
}

void people_step(struct town *town)
{
    uint64_t now_ms = fiber_now_ms();
    if (town->healing || now_ms < town->people_ms) return;
    town->people_ms = now_ms + random_below(&town->people, town->pause_ms + 1);
    if (random_below(&town->people, 3) == 0)
        look_in(town);
    else
        open_thread(town);
}
