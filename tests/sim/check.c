#include "tests/sim/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/replay/audit.h"
#include "proto/base/check.h"

enum { LOOK_EVERY_MS = 1000 };

/* ---- I3, as an operator sees it -----------------------------------------------------------------
 */

static json_int_t figure(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

void check_now(struct town *town)
{
    if (!town->bus.broker || fiber_now_ms() < town->look_ms) return;
    town->look_ms = fiber_now_ms() + LOOK_EVERY_MS;
    struct buf status = {0};
    broker_status(town->bus.broker, &status);
    json_t *root = status.len ? json_loadb((const char *)status.data, status.len, 0, NULL) : NULL;
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(root, "units"), i, row)
    {
        json_int_t sum = figure(row, "delivered") + figure(row, "waiting") +
                         figure(row, "expired") + figure(row, "undeliverable") +
                         figure(row, "withdrawn");
        if (sum != figure(row, "accepted"))
            history_fail(town->history, "sums", "%s: %lld accepted, %lld accounted for",
                         json_string_value(json_object_get(row, "unit")),
                         (long long)figure(row, "accepted"), (long long)sum);
    }
    json_decref(root);
    buf_fini(&status);
}

/* ---- nothing waits ------------------------------------------------------------------------------
 */

static bool served(const struct unit *unit)
{
    return !unit->revoked && !unit->stolen;
}

/* What the unit still waits for; NULL: nothing. */
static const char *waits(const struct unit *unit)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    if (!unit->lb) return "its program does not run";
    leadbus_stats(unit->lb, &stats);
    if (!stats.connected) return "it is not greeted";
    if (stats.queued || stats.sent) return "it has something to send";
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        if (stats.position[lane] != stats.acknowledged[lane]) return "it acknowledges";
        if (stats.again[lane]) return "it fetches what it had before";
    }
    return NULL;
}

static bool nobody_waits(const struct town *town, const char **ret_unit, const char **ret_why)
{
    for (size_t i = 0; i < town->unit_count; i++) {
        if (!served(&town->units[i])) continue;
        *ret_unit = town->units[i].key;
        *ret_why = waits(&town->units[i]);
        if (*ret_why) return false;
    }
    return true;
}

static bool queues_empty(struct town *town, const char **ret_unit)
{
    struct buf status = {0};
    bool empty = true;
    broker_status(town->bus.broker, &status);
    json_t *root = status.len ? json_loadb((const char *)status.data, status.len, 0, NULL) : NULL;
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(root, "units"), i, row)
    {
        const char *key = json_string_value(json_object_get(row, "unit"));
        for (size_t k = 0; k < town->unit_count; k++) {
            const struct unit *unit = &town->units[k];
            if (strcmp(unit->key, key) != 0 || !served(unit) || figure(row, "waiting") == 0)
                continue;
            *ret_unit = unit->key;
            empty = false;
        }
    }
    bool known = root != NULL;
    json_decref(root);
    buf_fini(&status);
    return empty && known;
}

/* Twice over, a while apart: what is on the wire is nobody's for a moment. */
bool check_drained(struct town *town)
{
    const char *unit, *why;
    if (fiber_now_ms() < town->drained_ms) return false;
    town->drained_ms = fiber_now_ms() + LOOK_EVERY_MS;
    bool quiet = town->bus.broker && nobody_waits(town, &unit, &why) && queues_empty(town, &unit);
    if (!quiet) town->quiet_ms = 0;
    if (quiet && !town->quiet_ms) town->quiet_ms = fiber_now_ms();
    return quiet && fiber_now_ms() - town->quiet_ms > 5 * LOOK_EVERY_MS;
}

void check_waiting(struct town *town)
{
    const char *unit = "", *why = "";
    if (!town->bus.broker)
        history_fail(town->history, "drain", "the broker does not serve");
    else if (!nobody_waits(town, &unit, &why))
        history_fail(town->history, "drain", "long after everything was mended, %s: %s", unit, why);
    else if (!queues_empty(town, &unit))
        history_fail(town->history, "drain",
                     "long after everything was mended, something waits for %s", unit);
}

void check_end(struct town *town)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {5};
    struct facts facts;
    struct audit *audit = NULL;
    map_init(&town->custody_of, 16, hash_key);
    if (facts_load(town, &facts)) {
        town->records = facts.count;
        for (size_t i = 0; i < facts.count; i++) {
            town->envelopes += facts.records[i].envelope != NULL;
            town->ticks += facts.records[i].record->what_case == LEADBUS__RECORD__WHAT_TICK;
        }
        check_receipts(&facts);
        check_honest(&facts);
        check_once(&facts);
        check_route(&facts);
        check_time(&facts);
        check_secret(&facts);
        check_replay(&facts, &audit);
        if (facts.core) check_acked(&facts);
    }
    audit_free(audit);
    facts_fini(&facts);
    map_fini(&town->custody_of);
    free(town->custodies);
    town->custodies = NULL;
}
