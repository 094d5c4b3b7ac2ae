#include "proto/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_inner.h"

const char *const plan_part_names[PLAN_PART_COUNT_MAX] = {
    "plan/about.tsv",  "plan/units.tsv",   "plan/areas.tsv",  "plan/groups.tsv",
    "plan/tasks.tsv",  "plan/duties.tsv",  "plan/kinds.tsv",  "plan/topics.tsv",
    "plan/routes.tsv", "plan/waivers.tsv", "plan/clocks.tsv", "plan/calendar.tsv",
    "plan/chains.tsv",
};

/* ---- memory: one list of blocks, freed together ---------------------------------------------- */

struct plan_block {
    struct plan_block *next;
    max_align_t data[];
};

void *plan_alloc(struct plan *plan, size_t count, size_t size)
{
    CHECK(size == 0 || count <= (SIZE_MAX - sizeof(struct plan_block)) / size);
    struct plan_block *block = calloc(1, sizeof *block + count * size);
    if (!block) return NULL;
    block->next = plan->blocks;
    plan->blocks = block;
    return block->data;
}

void plan_free(struct plan *plan)
{
    if (!plan) return;
    struct plan_block *block = plan->blocks;
    while (block) {
        struct plan_block *next = block->next;
        free(block);
        block = next;
    }
    free(plan);
}

/* ---- hashes -----------------------------------------------------------------------------------
 */

/* FNV-1a. The tables are signed by the authority, so nobody hostile chooses the keys of a plan. */
static uint32_t plan_hash(const char *key)
{
    uint32_t hash = 2166136261u;
    for (; *key; key++) hash = (hash ^ (uint8_t)*key) * 16777619u;
    return hash ^ hash >> 15;
}

void plan_index_unit(struct plan *plan, uint16_t unit)
{
    uint32_t slot = plan_hash(plan->units[unit].key) % PLAN_UNIT_SLOTS;
    while (plan->unit_slots[slot] != 0) slot = (slot + 1) % PLAN_UNIT_SLOTS;
    plan->unit_slots[slot] = (uint16_t)(unit + 1);
}

void plan_index_kind(struct plan *plan, uint16_t kind)
{
    uint32_t slot = plan_hash(plan->kinds[kind].slug) % PLAN_KIND_SLOTS;
    while (plan->kind_slots[slot] != 0) slot = (slot + 1) % PLAN_KIND_SLOTS;
    plan->kind_slots[slot] = (uint16_t)(kind + 1);
}

/* ---- units, areas, groups ---------------------------------------------------------------------
 */

const struct plan_about *plan_about(const struct plan *plan)
{
    return &plan->about;
}

size_t plan_unit_count(const struct plan *plan)
{
    return plan->unit_count;
}

const struct plan_unit *plan_unit(const struct plan *plan, uint16_t unit)
{
    return unit < plan->unit_count ? &plan->units[unit] : NULL;
}

uint16_t plan_unit_find(const struct plan *plan, const char *key)
{
    if (!key) return PLAN_UNIT_NONE;
    uint32_t slot = plan_hash(key) % PLAN_UNIT_SLOTS;
    for (; plan->unit_slots[slot] != 0; slot = (slot + 1) % PLAN_UNIT_SLOTS) {
        uint16_t unit = (uint16_t)(plan->unit_slots[slot] - 1);
        if (strcmp(plan->units[unit].key, key) == 0) return unit;
    }
    return PLAN_UNIT_NONE;
}

uint16_t plan_unit_current(const struct plan *plan, const char *key)
{
    uint16_t unit = plan_unit_find(plan, key);
    return unit == PLAN_UNIT_NONE ? unit : plan->units[unit].current;
}

uint16_t plan_unit_with_duty(const struct plan *plan, enum plan_unit_duty duty)
{
    return duty == PLAN_DUTY_POLICE ? plan->police : plan->office;
}

size_t plan_area_count(const struct plan *plan)
{
    return plan->area_count;
}

const struct plan_area *plan_area(const struct plan *plan, size_t index)
{
    return index < plan->area_count ? &plan->areas[index] : NULL;
}

bool plan_area_well_formed(const char *code)
{
    size_t len = strlen(code);
    return (len == 6 || len == 9 || len == 12) && strspn(code, "0123456789") == len;
}

/* The area whose code is exactly the first len digits. */
static const struct plan_area *plan_area_exact(const struct plan *plan, const char *code,
                                               size_t len)
{
    size_t low = 0;
    size_t high = plan->area_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = plan->areas[middle].code;
        int order = strncmp(other, code, len);
        if (order == 0 && other[len] != '\0') order = 1;
        if (order == 0) return &plan->areas[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct plan_area *plan_area_find(const struct plan *plan, const char *code)
{
    const struct plan_area *area = strlen(code) >= 9 ? plan_area_exact(plan, code, 9) : NULL;
    if (!area && strlen(code) >= 6) area = plan_area_exact(plan, code, 6);
    return area;
}

size_t plan_group_count(const struct plan *plan)
{
    return plan->group_count;
}

const struct plan_group *plan_group(const struct plan *plan, size_t index)
{
    return index < plan->group_count ? &plan->groups[index] : NULL;
}

const struct plan_group *plan_group_find(const struct plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        if (strcmp(plan->groups[i].key, key) == 0) return &plan->groups[i];
    }
    return NULL;
}

bool plan_group_has(const struct plan *plan, size_t group, uint16_t unit, uint64_t at_ms)
{
    if (group >= plan->group_count || unit >= plan->unit_count) return false;
    uint16_t current = plan->units[unit].current;
    const struct plan_group *found = &plan->groups[group];
    for (size_t i = 0; i < found->member_count; i++) {
        const struct plan_member *member = &found->members[i];
        if (plan->units[member->unit].current == current && member->valid_from_ms <= at_ms &&
            at_ms < member->valid_to_ms)
            return true;
    }
    return false;
}

/* ---- tasks and duties -------------------------------------------------------------------------
 */

int plan_clause_compare(const char *a, const char *b)
{
    while (*a && *b) {
        size_t a_len = strcspn(a, ".");
        size_t b_len = strcspn(b, ".");
        /* Without leading zeros (plan_parse sees to it) the longer number is the larger one. */
        if (a_len != b_len) return a_len < b_len ? -1 : 1;
        int order = memcmp(a, b, a_len);
        if (order != 0) return order;
        a += a_len + (a[a_len] == '.');
        b += b_len + (b[b_len] == '.');
    }
    return (*a != '\0') - (*b != '\0');
}

size_t plan_task_count(const struct plan *plan)
{
    return plan->task_count;
}

const struct plan_task *plan_task(const struct plan *plan, size_t index)
{
    return index < plan->task_count ? &plan->tasks[index] : NULL;
}

const struct plan_task *plan_task_find(const struct plan *plan, const char *id)
{
    size_t low = 0;
    size_t high = plan->task_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = plan_clause_compare(plan->tasks[middle].id, id);
        if (order == 0) return &plan->tasks[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t plan_duty_count(const struct plan *plan)
{
    return plan->duty_count;
}

const struct plan_duty *plan_duty(const struct plan *plan, size_t index)
{
    return index < plan->duty_count ? &plan->duties[index] : NULL;
}

const struct plan_duty *plan_duty_find(const struct plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->duty_count; i++) {
        if (strcmp(plan->duties[i].id, id) == 0) return &plan->duties[i];
    }
    return NULL;
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

size_t plan_kind_count(const struct plan *plan)
{
    return plan->kind_count;
}

const struct plan_kind *plan_kind(const struct plan *plan, size_t index)
{
    return index < plan->kind_count ? &plan->kinds[index] : NULL;
}

const struct plan_kind *plan_kind_find(const struct plan *plan, const char *slug)
{
    if (!slug) return NULL;
    uint32_t slot = plan_hash(slug) % PLAN_KIND_SLOTS;
    for (; plan->kind_slots[slot] != 0; slot = (slot + 1) % PLAN_KIND_SLOTS) {
        const struct plan_kind *kind = &plan->kinds[plan->kind_slots[slot] - 1];
        if (strcmp(kind->slug, slug) == 0) return kind;
    }
    return NULL;
}

const struct plan_kind *plan_kind_of_act(const struct plan *plan, enum plan_act act)
{
    for (size_t i = 0; i < plan_kind_count(plan); i++)
        if (plan_kind(plan, i)->act == act) return plan_kind(plan, i);
    return NULL;
}

const struct plan_topic *plan_topic_find(const struct plan_kind *kind, const char *slug)
{
    for (size_t i = 0; i < kind->topic_count; i++) {
        if (strcmp(kind->topics[i].slug, slug) == 0) return &kind->topics[i];
    }
    return NULL;
}

uint8_t plan_kind_urgency(const struct plan_kind *kind, const char *topic)
{
    const struct plan_topic *found = topic ? plan_topic_find(kind, topic) : NULL;
    return found ? found->urgency : kind->urgency;
}

int plan_section_find(const struct plan_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->section_count; i++) {
        if (strcmp(kind->sections[i].name, name) == 0) return (int)i;
    }
    return -1;
}

int plan_attachment_section(const struct plan_kind *kind)
{
    int copy = -1;
    if (kind->attachments == 0) return -1;
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct plan_section *section = &kind->sections[i];
        if (section->police) continue;
        if (!section->copy) return (int)i;
        if (copy < 0) copy = (int)i;
    }
    return copy;
}

uint32_t plan_copy_sections(const struct plan_kind *kind)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < kind->section_count; i++) {
        if (kind->sections[i].copy) mask |= 1u << i;
    }
    return mask;
}

size_t plan_waiver_count(const struct plan *plan)
{
    return plan->waiver_count;
}

const struct plan_waiver *plan_waiver(const struct plan *plan, size_t index)
{
    return index < plan->waiver_count ? &plan->waivers[index] : NULL;
}

const struct plan_row *plan_fallback(const struct plan *plan, size_t *ret_count)
{
    *ret_count = plan->fallback_count;
    return plan->fallback;
}

/* ---- names ------------------------------------------------------------------------------------
 */

const char *plan_named_key(const struct plan *plan, struct plan_named named)
{
    return named.group ? plan->groups[named.index].key : plan->units[named.index].key;
}

const char *plan_named_zh(const struct plan *plan, struct plan_named named)
{
    return named.group ? plan->groups[named.index].name_zh : plan->units[named.index].name_zh;
}

const char *plan_named_en(const struct plan *plan, struct plan_named named)
{
    return named.group ? plan->groups[named.index].name_en : plan->units[named.index].name_en;
}

const char *plan_act_name(enum plan_act act)
{
    static const char *const names[PLAN_ACT_COUNT] = {
#define ACT(name, number, slug, ...) [number] = slug,
#include "proto/plan/lifecycle.def"
    };
    return (unsigned)act < PLAN_ACT_COUNT ? names[act] : "unknown";
}

const char *plan_family_name(enum plan_family family)
{
    static const char *const names[] = {
        "lead", "anomaly", "alert", "handoff", "notice", "supervision", "receipt", "file",
    };
    return (unsigned)family < sizeof names / sizeof names[0] ? names[family] : "unknown";
}
