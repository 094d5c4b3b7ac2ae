/* What every rendering stands on: one member of an object. */
#include <stdio.h>
#include <string.h>

#include "clients/agent/render.h"
#include "proto/payload/codes.h"

void render_set(json_t *object, const char *key, const char *text)
{
    if (text && *text) json_object_set_new(object, key, json_string(text));
}

void render_set_time(json_t *object, const char *key, uint64_t ms)
{
    char text[CODES_TIME_TEXT_LEN + 1];
    if (!ms || ms > CODES_TIME_MS_MAX) return;
    codes_time_text(ms, text);
    json_object_set_new(object, key, json_string(text));
}

void render_set_id(json_t *object, const char *key, const uint8_t id[16])
{
    static const uint8_t none[16];
    char text[37];
    if (memcmp(id, none, 16) == 0) return;
    uuid_text(id, text);
    json_object_set_new(object, key, json_string(text));
}

void render_set_unit(const struct agent *agent, json_t *object, const char *key, const char *unit)
{
    char name[32];
    uint16_t number = agent->plan ? plan_unit_find(agent->plan, unit) : PLAN_UNIT_NONE;
    render_set(object, key, unit);
    if (number == PLAN_UNIT_NONE) return;
    (void)snprintf(name, sizeof name, "%s_zh", key);
    render_set(object, name, plan_unit(agent->plan, number)->name_zh);
    (void)snprintf(name, sizeof name, "%s_en", key);
    render_set(object, name, plan_unit(agent->plan, number)->name_en);
}
