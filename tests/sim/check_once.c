/* I2: a lead takes effect once per unit: it is once in the journal, and once in the inbox of each
 * recipient, in the order of the journal, and nothing else is. And nothing that a library took is
 * forgotten by it. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "tests/sim/check.h"

struct inbox {
    const struct facts *facts;
    const struct unit *unit;
    uint8_t *times; /* by journal index: how often it is here */
    uint64_t position[ENVELOPE_LANE_COUNT], index[ENVELOPE_LANE_COUNT];
};

static bool addressed(const struct envelope *envelope, const char *unit)
{
    return envelope_recipient_find(envelope, unit) >= 0;
}

/* A transfer brings its unit the original, which was sent to others. */
static bool passed_on(const struct facts *facts, const struct envelope *original, const char *unit)
{
    const struct plan *plan = facts->town->district->plan;
    for (size_t i = 0; i < facts->count; i++) {
        if (!facts->records[i].envelope) continue;
        const Leadbus__Header *head = facts->records[i].envelope->head;
        const struct plan_kind *kind = plan_kind_find(plan, head->kind);
        if (kind && kind->act == PLAN_ACT_TRANSFER && strcmp(head->target, unit) == 0 &&
            memcmp(head->thread.data, original->head->thread.data, 16) == 0)
            return true;
    }
    return false;
}

static void see_order(struct inbox *inbox, const struct box_in *row)
{
    struct history *history = inbox->facts->town->history;
    const char *key = inbox->unit->key;
    if (row->position != inbox->position[row->lane] + 1)
        history_fail(history, "once", "%s, lane %u: %llu comes after %llu", key, row->lane,
                     (unsigned long long)row->position,
                     (unsigned long long)inbox->position[row->lane]);
    if (row->index < inbox->index[row->lane])
        history_fail(history, "once", "%s, lane %u: record %llu comes after %llu", key, row->lane,
                     (unsigned long long)row->index, (unsigned long long)inbox->index[row->lane]);
    inbox->position[row->lane] = row->position;
    inbox->index[row->lane] = row->index;
}

static int see(void *ctx, const struct box_in *row)
{
    struct inbox *inbox = ctx;
    struct history *history = inbox->facts->town->history;
    const char *key = inbox->unit->key;
    if (row->lane >= ENVELOPE_LANE_COUNT) return 0;
    /* An original that was passed on stands beside the lane. What is fetched once more comes behind
     * what was there. */
    bool beside = row->position == 0;
    if (!beside && inbox->unit->generation == 0) see_order(inbox, row);
    if (row->type == BOX_IN_NOTICE) return 0;
    if (row->index >= inbox->facts->count) {
        history_fail(history, "once", "%s has record %llu, which the journal lacks", key,
                     (unsigned long long)row->index);
        return 0;
    }
    const struct envelope *envelope = inbox->facts->records[row->index].envelope;
    if (!envelope || (row->type == BOX_IN_MESSAGE && memcmp(envelope->hash, row->hash, 32) != 0))
        history_fail(history, "once", "%s has as record %llu what is not that record", key,
                     (unsigned long long)row->index);
    else if (row->type == BOX_IN_MESSAGE && beside
                 ? !passed_on(inbox->facts, envelope, key)
                 : row->type == BOX_IN_MESSAGE && !addressed(envelope, key))
        history_fail(history, "once", "%s has record %llu, which is not for it", key,
                     (unsigned long long)row->index);
    inbox->times[row->index]++;
    return 0;
}

static void check_inbox(const struct facts *facts, const struct unit *unit)
{
    struct history *history = facts->town->history;
    struct inbox inbox = {.facts = facts, .unit = unit};
    struct error error = {0};
    inbox.times = (uint8_t *)calloc(facts->count + 1, 1);
    CHECK(inbox.times != NULL);
    if (box_in_each(unit->lb->box, 0, SIZE_MAX / 2, see, &inbox, &error) != 0)
        history_fail(history, "once", "the inbox of %s cannot be read: %s", unit->key,
                     error.detail);
    for (size_t i = 0; i < facts->count; i++) {
        const struct envelope *envelope = facts->records[i].envelope;
        bool wanted = envelope && addressed(envelope, unit->key);
        if (inbox.times[i] > 1)
            history_fail(history, "once", "%s has record %zu %u times", unit->key, i,
                         inbox.times[i]);
        if (wanted && inbox.times[i] == 0 && unit->lost_disks == 0)
            history_fail(history, "once", "%s lacks record %zu (%s)", unit->key, i,
                         envelope->head->kind);
    }
    free(inbox.times);
}

static void check_outboxes(const struct facts *facts)
{
    struct town *town = facts->town;
    const struct history_lists *lists = history_lists(town->history);
    for (size_t i = 0; i < lists->submitted_count; i++) {
        const struct history_submitted *submitted = &lists->submitted[i];
        const struct unit *unit = &town->units[submitted->unit];
        struct box_out row;
        struct error error = {0};
        if (!unit->lb || submitted->disk != unit->generation) continue;
        int code = box_out_find(unit->lb->box, submitted->id, &row, &error);
        if (code) {
            history_fail(town->history, "drain", "%s took a message at %llu ms and forgot it: %s",
                         unit->key, (unsigned long long)submitted->at_ms, error_name(code));
            continue;
        }
        if (row.state != BOX_OUT_RECEIPTED) continue;
        if (facts_find(facts, row.hash) != row.index)
            history_fail(town->history, "receipts",
                         "%s has a receipt for %llu, and the journal something else", unit->key,
                         (unsigned long long)row.index);
    }
}

void check_once(const struct facts *facts)
{
    struct town *town = facts->town;
    for (size_t i = 0; i < town->unit_count; i++)
        if (town->units[i].lb && !town->units[i].revoked) check_inbox(facts, &town->units[i]);
    check_outboxes(facts);
}
