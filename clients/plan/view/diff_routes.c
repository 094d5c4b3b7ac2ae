/* The second half of diff: every kind, topic, sender and street, before and after. What happens
 * alike to several is said once. */
#include <stdlib.h>
#include <string.h>

#include "clients/plan/view/diff_inner.h"
#include "clients/plan/view/recipient.h"
#include "proto/base/check.h"

enum { SIDE_BEFORE, SIDE_AFTER, SIDE_COUNT, LIST_ALL_BUT_MAX = 4 };
enum { SECTIONS_TEXT_LEN_MAX = LIMIT_SECTION_COUNT_MAX * (LIMIT_SLUG_LEN_MAX + 1) };

/* A unit that sends, in both plans. */
struct diff_origin {
    const char *keys[SIDE_COUNT]; /* current ones */
    const struct plan_unit *unit; /* of the new plan */
};

struct diff_place {
    struct diff_name name;           /* key "": no area */
    const char *streets[SIDE_COUNT]; /* key of its office, or "" */
};

/* A recipient of one route. */
struct diff_item {
    const char *who;
    struct diff_side side;
    const struct plan_row *row;
};
struct diff_items {
    size_t count;
    struct diff_item items[LIMIT_RECIPIENT_COUNT_MAX];
    char sections[LIMIT_RECIPIENT_COUNT_MAX][SECTIONS_TEXT_LEN_MAX + 1];
};

/* A topic that both plans have, or none (key ""). */
struct diff_topic_pair {
    struct diff_name name;
    const struct plan_topic *topics[SIDE_COUNT];
    size_t place_count; /* 1 where no row looks at the area */
    bool *allowed;      /* by origin: may send it before and after */
};

/* One thing that happens to one unit, for one topic. `real` has a bit for each origin and place
 * where it does; `set` also where it cannot show, the unit being the sender for instance. */
struct diff_atom {
    size_t topic;
    struct diff_route what; /* op, cause, before, after */
    const char *who;
    uint64_t *real, *set;
    bool merged;
};

struct diff_work {
    struct diff *diff;
    const struct plan *plans[SIDE_COUNT];
    uint64_t at_ms;
    struct diff_origin *origins;
    size_t origin_count;
    struct diff_place *places;
    size_t place_count;
    /* the kind being compared */
    const struct plan_kind *kinds[SIDE_COUNT];
    bool *named; /* by origin: some row names it */
    struct diff_topic_pair *topics;
    size_t topic_count;
    struct diff_atom *atoms;
    size_t atom_count, atom_cap;
    struct diff_items items[SIDE_COUNT];
};

/* ---- who sends, and where ---------------------------------------------------------------------
 */

static void diff_origins(struct diff_work *work)
{
    const struct plan *before = work->plans[SIDE_BEFORE], *after = work->plans[SIDE_AFTER];
    size_t count = plan_unit_count(before);
    work->origins = diff_keep(work->diff, count, sizeof *work->origins);
    for (uint16_t i = 0; i < count; i++) {
        const struct plan_unit *unit = plan_unit(before, i);
        uint16_t current = plan_unit_current(after, unit->key);
        if (unit->successor != PLAN_UNIT_NONE || current == PLAN_UNIT_NONE) continue;
        const struct plan_unit *now = plan_unit(after, current);
        work->origins[work->origin_count++] = (struct diff_origin){{unit->key, now->key}, now};
    }
}

static const char *diff_street(const struct plan *plan, const char *code)
{
    const struct plan_area *area = plan_area_find(plan, code);
    return area && area->street != PLAN_UNIT_NONE ? plan_unit(plan, area->street)->key : "";
}

/* No area, and every street's that one of the plans has. */
static void diff_places(struct diff_work *work)
{
    size_t most = 1 + plan_area_count(work->plans[0]) + plan_area_count(work->plans[1]);
    work->places = diff_keep(work->diff, most, sizeof *work->places);
    work->places[work->place_count++] =
        (struct diff_place){{"", "未给出区划", "no area given"}, {"", ""}};
    for (int side = SIDE_AFTER; side >= SIDE_BEFORE; side--) {
        for (size_t i = 0; i < plan_area_count(work->plans[side]); i++) {
            const struct plan_area *area = plan_area(work->plans[side], i);
            size_t j = 0;
            while (j < work->place_count && strcmp(work->places[j].name.key, area->code) != 0) j++;
            if (strlen(area->code) != 9 || j < work->place_count) continue;
            work->places[work->place_count++] =
                (struct diff_place){{area->code, area->name_zh, area->name_en},
                                    {diff_street(work->plans[SIDE_BEFORE], area->code),
                                     diff_street(work->plans[SIDE_AFTER], area->code)}};
        }
    }
}

/* Does a row of the kind take the street of the area? */
static bool diff_looks_at_area(const struct plan *plan, const struct plan_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < rows[i].named_count && !rows[i].all; j++) {
            if (rows[i].named[j].group && plan_group(plan, rows[i].named[j].index)->streets)
                return true;
        }
    }
    return false;
}

/* ---- one route --------------------------------------------------------------------------------
 */

static void diff_sections_text(const struct plan_kind *kind, uint32_t sections,
                               char text[SECTIONS_TEXT_LEN_MAX + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < kind->section_count; i++) {
        size_t more = strlen(kind->sections[i].name);
        if ((sections >> i & 1) == 0) continue;
        if (len > 0) text[len++] = ',';
        CHECK(len + more <= SECTIONS_TEXT_LEN_MAX);
        memcpy(text + len, kind->sections[i].name, more);
        len += more;
    }
    text[len] = '\0';
}

/* Adds every unit that the rows name; a group once however many rows name it. */
static void diff_named_units(const struct plan *plan, const struct plan_kind *kind,
                             struct plan_unit_set *set)
{
    bool told[PLAN_GROUP_COUNT_MAX] = {false};
    for (size_t i = 0; i < kind->row_count; i++) {
        for (size_t j = 0; j < kind->rows[i].named_count; j++) {
            struct plan_named named = kind->rows[i].named[j];
            if (!named.group) {
                plan_unit_set_add(set, plan_unit(plan, named.index)->current);
                continue;
            }
            const struct plan_group *group = plan_group(plan, named.index);
            for (size_t k = 0; k < group->member_count && !told[named.index]; k++)
                plan_unit_set_add(set, plan_unit(plan, group->members[k].unit)->current);
            told[named.index] = true;
        }
    }
}

/* Which origins the rows of the kind name, in either plan. */
static void diff_named(struct diff_work *work)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct plan_unit_set set = {{0}};
        diff_named_units(work->plans[side], work->kinds[side], &set);
        for (size_t o = 0; o < work->origin_count; o++) {
            uint16_t unit = plan_unit_find(work->plans[side], work->origins[o].keys[side]);
            bool named = plan_unit_set_has(&set, unit);
            work->named[o] = (side > 0 && work->named[o]) || named;
        }
    }
}

/* Another unit for the thread, one that no row names where there is one, so that it comes by the
 * thread alone. */
static const struct diff_origin *diff_bystander(const struct diff_work *work,
                                                const struct diff_origin *origin,
                                                const struct diff_origin *other)
{
    const struct diff_origin *second_best = NULL;
    for (size_t i = 0; i < work->origin_count; i++) {
        const struct diff_origin *one = &work->origins[i];
        if (strcmp(one->keys[SIDE_AFTER], origin->keys[SIDE_AFTER]) == 0 ||
            (other && strcmp(one->keys[SIDE_AFTER], other->keys[SIDE_AFTER]) == 0))
            continue;
        if (!work->named[i]) return one;
        if (!second_best) second_best = one;
    }
    return second_best;
}

static const char *diff_who(const struct diff_work *work, int side, const struct plan_row *row,
                            uint16_t unit, const struct diff_place *place)
{
    const char *key = plan_unit(work->plans[side], unit)->key;
    if (row && row->source == PLAN_ROW_THREAD) return "@thread";
    if (row && row->source == PLAN_ROW_THREAD_SIGNERS) return "@signers";
    if (row && row->source == PLAN_ROW_ALERTED) return "@alerted";
    if (row && row->source == PLAN_ROW_SENDER) return "@reference";
    if (row && row->source == PLAN_ROW_TARGET) return "@target";
    if (row && strcmp(place->streets[side], key) == 0 &&
        diff_looks_at_area(work->plans[side], row, 1))
        return "@street";
    if (side == SIDE_AFTER) return key;
    uint16_t current = plan_unit_current(work->plans[SIDE_AFTER], key);
    return current == PLAN_UNIT_NONE ? key : plan_unit(work->plans[SIDE_AFTER], current)->key;
}

static struct diff_item *diff_item_find(struct diff_items *items, const char *who)
{
    for (size_t i = 0; i < items->count; i++) {
        if (strcmp(items->items[i].who, who) == 0) return &items->items[i];
    }
    return NULL;
}

static void diff_route_of(struct diff_work *work, int side, const struct diff_topic_pair *topic,
                          const struct diff_origin *origin, const struct diff_place *place)
{
    struct diff_items *items = &work->items[side];
    const struct plan *plan = work->plans[side];
    const struct diff_origin *reference = diff_bystander(work, origin, NULL);
    const struct diff_origin *other = reference ? diff_bystander(work, origin, reference) : NULL;
    struct route_participant participants[2];
    struct route_query query = {.plan = plan,
                                .at_ms = work->at_ms,
                                .kind = work->kinds[side]->slug,
                                .topic = topic->name.key,
                                .area = place->name.key,
                                .from = origin->keys[side],
                                .participants = participants};
    struct route route;

    items->count = 0;
    if (reference) {
        query.reference_sender = reference->keys[side];
        participants[query.participant_count++] = (struct route_participant){
            plan_unit_find(plan, reference->keys[side]), ROUTE_ROLE_ORIGINATOR};
    }
    if (other)
        participants[query.participant_count++] = (struct route_participant){
            plan_unit_find(plan, other->keys[side]), ROUTE_ROLE_COPY_ALERTED};
    if (route_compute(&query, &route, NULL) < 0) return; /* nobody receives it */
    for (size_t i = 0; i < route.recipient_count; i++) {
        const struct route_recipient *recipient = &route.recipients[i];
        const struct plan_row *row = recipient_row(plan, &route, topic->topics[side], recipient);
        const char *who = diff_who(work, side, row, recipient->unit, place);
        /* Two units of the old plan may be one in the new: the first one's act counts. */
        if (diff_item_find(items, who)) continue;
        struct diff_item *item = &items->items[items->count];
        diff_sections_text(route.kind, recipient->sections, items->sections[items->count]);
        item->who = who;
        item->row = row;
        item->side = (struct diff_side){.there = true,
                                        .act = recipient->act,
                                        .primary = recipient->primary,
                                        .sections = items->sections[items->count],
                                        .citation = recipient->citation,
                                        .line = row ? row->line : 0};
        items->count++;
    }
}

/* ---- why --------------------------------------------------------------------------------------
 */

static const char *diff_row_topic(const struct plan_kind *kind, const struct plan_row *row)
{
    return row->topic < 0 ? "" : kind->topics[row->topic].slug;
}

/* A row of the other plan that says the same. */
static const struct plan_row *diff_row_like(const struct diff_work *work, int side,
                                            const struct plan_row *row)
{
    const struct plan_kind *kind = work->kinds[side], *other = work->kinds[!side];
    char sections[SECTIONS_TEXT_LEN_MAX + 1], others[SECTIONS_TEXT_LEN_MAX + 1];
    size_t fallback_count = 0;
    bool fallback = row->when == PLAN_ROW_NO_RULE;
    const struct plan_row *rows = plan_fallback(work->plans[!side], &fallback_count);
    size_t count = fallback ? fallback_count : other->row_count;

    if (!fallback) rows = other->rows;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].citation, row->citation) != 0 || rows[i].act != row->act ||
            rows[i].when != row->when || rows[i].all != row->all)
            continue;
        if (fallback && rows[i].sections == row->sections) return &rows[i];
        if (fallback) continue;
        diff_sections_text(kind, row->sections, sections);
        diff_sections_text(other, rows[i].sections, others);
        if (strcmp(sections, others) == 0 &&
            strcmp(diff_row_topic(kind, row), diff_row_topic(other, &rows[i])) == 0)
            return &rows[i];
    }
    return NULL;
}

/* The units out of which a row selects, as its clause or duty names them. */
static void diff_row_cell(const struct plan *plan, const struct plan_row *row, struct buf *buf)
{
    const struct plan_task *task = plan_task_find(plan, row->clause);
    const struct plan_duty *duty = plan_duty_find(plan, row->clause);
    if (row->source == PLAN_ROW_LEAD && task)
        diff_cell_named(plan, task->lead, task->lead_count, buf);
    if (row->source == PLAN_ROW_COOP && task)
        diff_cell_named(plan, task->coop, task->coop_count, buf);
    if (row->source == PLAN_ROW_DUTY && duty)
        diff_cell_named(plan, duty->units, duty->unit_count, buf);
}

static enum diff_cause diff_cause_of(const struct diff_work *work, const struct diff_item *before,
                                     const struct diff_item *after)
{
    bool now = after != NULL;
    int side = now ? SIDE_AFTER : SIDE_BEFORE;
    const struct diff_item *item = now ? after : before;
    CHECK(item);
    const struct plan_row *like = item->row ? diff_row_like(work, side, item->row) : NULL;
    struct buf cells[2] = {{0}, {0}};

    if (!like) return DIFF_BY_ROW;
    if (before && now)
        return before->row && diff_row_like(work, SIDE_BEFORE, before->row) == after->row
                   ? DIFF_BY_OTHERS
                   : DIFF_BY_ROW;
    if (item->row->when != PLAN_ROW_ALWAYS) return DIFF_BY_OTHERS;
    diff_row_cell(work->plans[side], item->row, &cells[0]);
    diff_row_cell(work->plans[!side], like, &cells[1]);
    bool same = bytes_equal(buf_bytes(&cells[0]), buf_bytes(&cells[1]));
    buf_fini(&cells[0]);
    buf_fini(&cells[1]);
    return same ? DIFF_BY_MEMBERS : DIFF_BY_CLAUSE;
}

/* ---- gathering --------------------------------------------------------------------------------
 */

static bool diff_same_side(const struct diff_side *a, const struct diff_side *b)
{
    if (a->there != b->there) return false;
    return !a->there ||
           (a->act == b->act && a->primary == b->primary && a->line == b->line &&
            strcmp(a->sections, b->sections) == 0 && strcmp(a->citation, b->citation) == 0);
}

static bool diff_same_what(const struct diff_route *a, const struct diff_route *b)
{
    return a->op == b->op && a->cause == b->cause && diff_same_side(&a->before, &b->before) &&
           diff_same_side(&a->after, &b->after);
}

static size_t diff_pair_words(const struct diff_work *work, size_t topic)
{
    return (work->origin_count * work->topics[topic].place_count + 63) / 64;
}

static struct diff_side diff_keep_side(struct diff *diff, const struct diff_item *item)
{
    struct diff_side side = {.there = false, .sections = "", .citation = ""};
    if (!item) return side;
    side = item->side;
    side.sections = diff_keep_text(diff, side.sections);
    return side;
}

static void diff_note(struct diff_work *work, size_t topic, size_t pair,
                      const struct diff_item *before, const struct diff_item *after)
{
    struct diff_route what = {.op = !before  ? DIFF_ADDED
                                    : !after ? DIFF_REMOVED
                                             : DIFF_CHANGED,
                              .cause = diff_cause_of(work, before, after)};
    const struct diff_item *known = before ? before : after;
    CHECK(known);
    const char *who = known->who;
    if (before) what.before = before->side;
    if (after) what.after = after->side;
    for (size_t i = 0; i < work->atom_count; i++) {
        struct diff_atom *atom = &work->atoms[i];
        if (atom->topic != topic || strcmp(atom->who, who) != 0 ||
            !diff_same_what(&atom->what, &what))
            continue;
        atom->real[pair / 64] |= (uint64_t)1 << (pair % 64);
        return;
    }
    if (work->atom_count == work->atom_cap) {
        work->atom_cap = work->atom_cap ? work->atom_cap * 2 : 64;
        work->atoms = realloc(work->atoms, work->atom_cap * sizeof *work->atoms);
        CHECK(work->atoms != NULL);
    }
    what.before = diff_keep_side(work->diff, before);
    what.after = diff_keep_side(work->diff, after);
    size_t words = diff_pair_words(work, topic);
    struct diff_atom atom = {.topic = topic, .what = what, .who = who};
    atom.real = diff_keep(work->diff, words, sizeof *atom.real);
    atom.set = diff_keep(work->diff, words, sizeof *atom.set);
    atom.real[pair / 64] |= (uint64_t)1 << (pair % 64);
    work->atoms[work->atom_count++] = atom;
}

/* Who is the sender, or will be after a merger, is left out: it never has its own message. */
static void diff_compare(struct diff_work *work, size_t topic, size_t pair)
{
    struct diff_items *before = &work->items[SIDE_BEFORE], *after = &work->items[SIDE_AFTER];
    const char *self = work->origins[pair / work->topics[topic].place_count].keys[SIDE_AFTER];
    for (size_t i = 0; i < before->count; i++) {
        const struct diff_item *item = &before->items[i];
        if (strcmp(item->who, self) == 0) continue;
        const struct diff_item *other = diff_item_find(after, item->who);
        bool same = other && item->side.act == other->side.act &&
                    item->side.primary == other->side.primary &&
                    strcmp(item->side.sections, other->side.sections) == 0 &&
                    strcmp(item->side.citation, other->side.citation) == 0;
        if (!same) diff_note(work, topic, pair, item, other);
    }
    for (size_t i = 0; i < after->count; i++) {
        if (!diff_item_find(before, after->items[i].who) && strcmp(after->items[i].who, self) != 0)
            diff_note(work, topic, pair, NULL, &after->items[i]);
    }
}

static void diff_topic_routes(struct diff_work *work, size_t index)
{
    struct diff_topic_pair *topic = &work->topics[index];
    for (size_t o = 0; o < work->origin_count; o++) {
        const struct diff_origin *origin = &work->origins[o];
        topic->allowed[o] = true;
        for (int side = 0; side < SIDE_COUNT; side++) {
            const struct plan *plan = work->plans[side];
            uint16_t from = plan_unit_find(plan, origin->keys[side]);
            const struct plan_topic *of = topic->topics[side];
            /* Who sent the message referred to may send; so may the office or whoever is named. */
            if (!route_sender_allowed(plan, work->kinds[side], of, from, work->at_ms,
                                      PLAN_UNIT_NONE))
                topic->allowed[o] = false;
        }
        for (size_t p = 0; p < topic->place_count && topic->allowed[o]; p++) {
            diff_route_of(work, SIDE_BEFORE, topic, origin, &work->places[p]);
            diff_route_of(work, SIDE_AFTER, topic, origin, &work->places[p]);
            diff_compare(work, index, o * topic->place_count + p);
        }
    }
}

/* ---- saying it once ---------------------------------------------------------------------------
 */

/* Could the atom not have shown for this sender and place? */
static bool diff_vacuous(const struct diff_work *work, const struct diff_atom *atom, size_t origin,
                         size_t place)
{
    const struct diff_origin *from = &work->origins[origin];
    const struct diff_place *at = &work->places[place];
    if (!work->topics[atom->topic].allowed[origin]) return true;
    if (strcmp(atom->who, from->keys[SIDE_BEFORE]) == 0 ||
        strcmp(atom->who, from->keys[SIDE_AFTER]) == 0)
        return true;
    if (strcmp(atom->who, "@street") != 0) return false;
    return place == 0 || strcmp(at->streets[SIDE_BEFORE], from->keys[SIDE_BEFORE]) == 0 ||
           strcmp(at->streets[SIDE_AFTER], from->keys[SIDE_AFTER]) == 0;
}

static bool diff_bit(const uint64_t *words, size_t at)
{
    return (words[at / 64] >> (at % 64) & 1) != 0;
}

static void diff_fill(struct diff_work *work, struct diff_atom *atom)
{
    size_t places = work->topics[atom->topic].place_count;
    for (size_t o = 0; o < work->origin_count; o++) {
        for (size_t p = 0; p < places; p++) {
            size_t at = o * places + p;
            if (diff_bit(atom->real, at) || diff_vacuous(work, atom, o, p))
                atom->set[at / 64] |= (uint64_t)1 << (at % 64);
        }
    }
}

static struct diff_name diff_name_of(const struct diff_work *work, const char *key)
{
    static const struct diff_name symbols[] = {
        {"@thread", "线索各参与单位", "everybody on the thread"},
        {"@signers", "线索中须签收的单位", "who must sign for something on the thread"},
        {"@alerted", "收到过警报的单位", "who got the alert"},
        {"@target", "转办的承办单位", "the unit that it is passed on to"},
        {"@reference", "所答复消息的发送单位", "the sender of the message referred to"},
        {"@street", "事发地街道办事处", "the street office of the area"}};
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        if (strcmp(symbols[i].key, key) == 0) return symbols[i];
    }
    for (int side = SIDE_AFTER; side >= SIDE_BEFORE; side--) {
        const struct plan_unit *unit =
            plan_unit(work->plans[side], plan_unit_find(work->plans[side], key));
        if (unit) return (struct diff_name){unit->key, unit->name_zh, unit->name_en};
    }
    return (struct diff_name){key, key, key};
}

/* Which senders and which places, from the bits. */
static void diff_scope(struct diff_work *work, const struct diff_atom *atom,
                       struct diff_route *route)
{
    size_t places = work->topics[atom->topic].place_count;
    bool *some = diff_keep(work->diff, work->origin_count + places, sizeof *some);
    bool *full = diff_keep(work->diff, work->origin_count + places, sizeof *full);
    bool *at_some = some + work->origin_count, *at_full = full + work->origin_count;
    bool by_sender = true, by_place = true, all = true;

    memset(full, true, work->origin_count + places);
    for (size_t o = 0; o < work->origin_count; o++) {
        for (size_t p = 0; p < places; p++) {
            size_t at = o * places + p;
            bool real = diff_bit(atom->real, at), set = diff_bit(atom->set, at);
            some[o] = some[o] || real;
            at_some[p] = at_some[p] || real;
            full[o] = full[o] && set;
            at_full[p] = at_full[p] && set;
            all = all && set;
        }
    }
    for (size_t o = 0; o < work->origin_count; o++) by_sender = by_sender && (!some[o] || full[o]);
    for (size_t p = 0; p < places; p++) by_place = by_place && (!at_some[p] || at_full[p]);
    route->sender_scope = all || by_place ? DIFF_ALL : DIFF_THESE;
    route->area_scope = all || by_sender ? DIFF_ALL : DIFF_THESE;
    if (by_sender && by_place && !all) route->sender_scope = DIFF_THESE;
    route->partly = !by_sender && !by_place;
    size_t without = 0;
    for (size_t o = 0; o < work->origin_count; o++) without += !some[o] && !full[o];
    if (route->sender_scope == DIFF_THESE && by_sender && without <= LIST_ALL_BUT_MAX)
        route->sender_scope = DIFF_ALL_BUT;
    route->senders = diff_keep(work->diff, work->origin_count, sizeof *route->senders);
    for (size_t o = 0; o < work->origin_count && route->sender_scope != DIFF_ALL; o++) {
        bool but = route->sender_scope == DIFF_ALL_BUT;
        if (but ? some[o] || full[o] : !some[o]) continue;
        const struct plan_unit *unit = work->origins[o].unit;
        bool told = false; /* units that were merged are one now */
        for (size_t i = 0; i < route->sender_count; i++)
            told = told || strcmp(route->senders[i].key, unit->key) == 0;
        if (told) continue;
        route->senders[route->sender_count++] =
            (struct diff_name){unit->key, unit->name_zh, unit->name_en};
    }
    route->areas = diff_keep(work->diff, places, sizeof *route->areas);
    for (size_t p = 0; p < places && route->area_scope != DIFF_ALL; p++) {
        if (at_some[p]) route->areas[route->area_count++] = work->places[p].name;
    }
    /* All streets, but not where no area is given. */
    if (route->area_count == places - 1 && places > 1 && !at_some[0]) {
        route->area_scope = DIFF_ALL_BUT;
        route->areas[0] = work->places[0].name;
        route->area_count = 1;
    }
}

static bool diff_same_bits(const struct diff_work *work, const struct diff_atom *a,
                           const struct diff_atom *b)
{
    return work->topics[a->topic].place_count == work->topics[b->topic].place_count &&
           memcmp(a->set, b->set, diff_pair_words(work, a->topic) * sizeof *a->set) == 0;
}

/* Does `topic` have the same atoms as `atom` for everybody in `who`? Marks them merged. */
static bool diff_topic_alike(struct diff_work *work, const struct diff_atom *atom,
                             const struct diff_name *who, size_t who_count, size_t topic)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < who_count; i++) {
            struct diff_atom *found = NULL;
            for (size_t j = 0; j < work->atom_count && !found; j++) {
                struct diff_atom *other = &work->atoms[j];
                if (!other->merged && other->topic == topic &&
                    strcmp(other->who, who[i].key) == 0 &&
                    diff_same_what(&other->what, &atom->what) && diff_same_bits(work, atom, other))
                    found = other;
            }
            if (!found) return false;
            if (pass == 1) found->merged = true;
        }
    }
    return true;
}

static void diff_merge_atom(struct diff_work *work, size_t index)
{
    struct diff_atom *atom = &work->atoms[index];
    struct diff_route route = atom->what;

    route.kind = work->kinds[SIDE_AFTER];
    route.who = diff_keep(work->diff, work->atom_count, sizeof *route.who);
    for (size_t i = index; i < work->atom_count; i++) {
        struct diff_atom *other = &work->atoms[i];
        if (other->merged || other->topic != atom->topic ||
            !diff_same_what(&other->what, &atom->what) || !diff_same_bits(work, atom, other))
            continue;
        other->merged = true;
        route.who[route.who_count++] = diff_name_of(work, other->who);
        for (size_t w = 0; w < diff_pair_words(work, atom->topic); w++)
            atom->real[w] |= other->real[w];
    }
    route.topics = diff_keep(work->diff, work->topic_count, sizeof *route.topics);
    route.topics[route.topic_count++] = work->topics[atom->topic].name;
    for (size_t t = atom->topic + 1; t < work->topic_count; t++) {
        if (diff_topic_alike(work, atom, route.who, route.who_count, t))
            route.topics[route.topic_count++] = work->topics[t].name;
    }
    route.all_topics = route.topic_count == work->topic_count;
    diff_scope(work, atom, &route);
    struct diff *diff = work->diff;
    if (diff->route_count == diff->route_cap) {
        diff->route_cap = diff->route_cap ? diff->route_cap * 2 : 64;
        diff->routes = realloc(diff->routes, diff->route_cap * sizeof *diff->routes);
        CHECK(diff->routes != NULL);
    }
    diff->routes[diff->route_count++] = route;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void diff_add_topic(struct diff_work *work, const struct plan_topic *before,
                           const struct plan_topic *after)
{
    struct diff_topic_pair *pair = &work->topics[work->topic_count++];
    pair->name = after ? (struct diff_name){after->slug, after->name_zh, after->name_en}
                       : (struct diff_name){"", "无主题", "without a topic"};
    pair->topics[SIDE_BEFORE] = before;
    pair->topics[SIDE_AFTER] = after;
    pair->allowed = diff_keep(work->diff, work->origin_count, sizeof *pair->allowed);
    pair->place_count = 1;
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct plan_kind *kind = work->kinds[side];
        size_t count = 0;
        const struct plan_row *fallback = plan_fallback(work->plans[side], &count);
        if (diff_looks_at_area(work->plans[side], kind->rows, kind->row_count) ||
            diff_looks_at_area(work->plans[side], fallback, count))
            pair->place_count = work->place_count;
    }
}

static void diff_kind_routes(struct diff_work *work)
{
    const struct plan_kind *before = work->kinds[SIDE_BEFORE], *after = work->kinds[SIDE_AFTER];

    work->topics = diff_keep(work->diff, after->topic_count + 1, sizeof *work->topics);
    work->topic_count = 0;
    work->atom_count = 0;
    diff_named(work);
    if (!before->topic_required && !after->topic_required) diff_add_topic(work, NULL, NULL);
    for (size_t i = 0; i < after->topic_count; i++) {
        const struct plan_topic *topic = plan_topic_find(before, after->topics[i].slug);
        if (topic) diff_add_topic(work, topic, &after->topics[i]);
    }
    for (size_t i = 0; i < work->topic_count; i++) diff_topic_routes(work, i);
    for (size_t i = 0; i < work->atom_count; i++) diff_fill(work, &work->atoms[i]);
    for (size_t i = 0; i < work->atom_count; i++) {
        if (!work->atoms[i].merged) diff_merge_atom(work, i);
    }
}

void diff_routes(struct diff *diff, const struct plan *before, const struct plan *after,
                 uint64_t at_ms)
{
    struct diff_work *work = diff_keep(diff, 1, sizeof *work);

    work->diff = diff;
    work->plans[SIDE_BEFORE] = before;
    work->plans[SIDE_AFTER] = after;
    work->at_ms = at_ms;
    diff_origins(work);
    work->named = diff_keep(diff, work->origin_count, sizeof *work->named);
    diff_places(work);
    for (size_t i = 0; i < plan_kind_count(after); i++) {
        work->kinds[SIDE_AFTER] = plan_kind(after, i);
        work->kinds[SIDE_BEFORE] = plan_kind_find(before, work->kinds[SIDE_AFTER]->slug);
        if (work->kinds[SIDE_BEFORE]) diff_kind_routes(work);
    }
    free(work->atoms);
}
