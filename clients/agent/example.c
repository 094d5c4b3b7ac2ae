#include "clients/agent/example.h"

#include <string.h>

#include "proto/payload/codes.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/day.h"

#define DAY_MS 86400000ull

/* The street that the contents speak of, else the first one of the plan. */
static const char *example_area(const struct plan *plan, const json_t *sections)
{
    static const char *const fields[] = {"street", "area"};
    const char *name = NULL;
    json_t *section = NULL;
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = sections};
    json_object_foreach(held.out, name, section) for (size_t i = 0; i < 2; i++)
    {
        const char *code = json_string_value(json_object_get(section, fields[i]));
        const struct plan_area *area = code ? plan_area_find(plan, code) : NULL;
        if (area && area->street != PLAN_UNIT_NONE) return area->code;
    }
    for (size_t i = 0; i < plan_area_count(plan); i++)
        if (plan_area(plan, i)->street != PLAN_UNIT_NONE) return plan_area(plan, i)->code;
    return NULL;
}

static void set_day(json_t *section, const char *field, uint64_t at_ms)
{
    char text[DAY_TEXT_LEN];
    if (!json_object_get(section, field)) return;
    day_text(at_ms, text);
    json_object_set_new(section, field, json_string(text));
}

/* What has an end is valid until a time to come, what is asked for is due on a day to come. */
static void set_ends(const struct plan_kind *kind, json_t *sections, uint64_t now_ms)
{
    const char *name = NULL;
    json_t *section = NULL;
    json_object_foreach(sections, name, section)
    {
        char text[CODES_TIME_TEXT_LEN + 1];
        codes_time_text(now_ms + 2 * DAY_MS, text);
        if (kind->may_expire && json_object_get(section, "valid_until"))
            json_object_set_new(section, "valid_until", json_string(text));
        if (!kind->dated) continue;
        set_day(section, "visit_on", now_ms + 10 * DAY_MS);
        set_day(section, "due_on", now_ms + 20 * DAY_MS);
    }
}

json_t *example_json(const struct plan *plan, const struct plan_kind *kind,
                     const struct plan_topic *topic, uint64_t now_ms)
{
    json_t *object = json_object();
    json_t *sections = json_object();
    if (!topic && kind->topic_count) topic = &kind->topics[0];
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct payload_message *message = payload_find(kind->sections[i].message);
        if (!message) continue;
        json_t *section = payload_json_example(message);
        if (topic) payload_json_fit_topic(message, topic->slug, section);
        json_object_set_new(sections, kind->sections[i].name, section);
    }
    set_ends(kind, sections, now_ms);
    json_object_set_new(object, "kind", json_string(kind->slug));
    if (topic) json_object_set_new(object, "topic", json_string(topic->slug));
    const char *area = example_area(plan, sections);
    if (area) json_object_set_new(object, "area", json_string(area));
    json_object_set_new(object, "sections", sections);
    return object;
}
