/* I5: the recipients of every record are those that the plan gives, from the journal alone: this
 * file keeps its own account of who is on a thread. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/lifecycle.h"
#include "tests/sim/check.h"

struct account {
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    size_t count;
};

struct threads {
    const struct facts *facts;
    const struct plan *plan;
    struct account *accounts;
    size_t count;
    struct map account_of; /* thread id -> place */
    struct map index_of;   /* message id -> journal index */
};

static void join(struct account *account, uint16_t unit, unsigned role, bool alerted)
{
    for (size_t i = 0; i < account->count; i++) {
        struct route_participant *one = &account->participants[i];
        unsigned had = (unsigned)one->role & 3;
        if (one->unit != unit) continue;
        if (role == ROUTE_ROLE_SIGNER || (had != ROUTE_ROLE_SIGNER && role < had)) had = role;
        alerted = alerted || (unsigned)one->role >> 2 != 0;
        one->role = (enum route_role)(had | (alerted ? 4u : 0));
        return;
    }
    CHECK(account->count < LIMIT_RECIPIENT_COUNT_MAX);
    account->participants[account->count++] =
        (struct route_participant){unit, (enum route_role)(role | (alerted ? 4u : 0))};
}

static struct account *account_of(struct threads *threads, const Leadbus__Header *head)
{
    bool new;
    uint64_t *place = map_put(&threads->account_of, head->thread.data, &new);
    if (new) {
        *place = threads->count++;
        struct account *account = &threads->accounts[*place];
        join(account, plan_unit_find(threads->plan, head->from), ROUTE_ROLE_ORIGINATOR, false);
    }
    return &threads->accounts[*place];
}

static const char *sender_of(const struct threads *threads, ProtobufCBinaryData id)
{
    const uint64_t *index = id.len == 16 ? map_find(&threads->index_of, id.data) : NULL;
    return index ? threads->facts->records[*index].envelope->head->from : NULL;
}

static void compare(const struct threads *threads, size_t index, const struct route *route)
{
    struct history *history = threads->facts->town->history;
    const Leadbus__Header *head = threads->facts->records[index].envelope->head;
    if (route->recipient_count != head->n_recipients)
        history_fail(history, "route", "record %zu (%s of %s) has %zu recipients, the plan %zu",
                     index, head->kind, head->from, head->n_recipients, route->recipient_count);
    for (size_t i = 0; i < route->recipient_count && i < head->n_recipients; i++) {
        const struct route_recipient *wanted = &route->recipients[i];
        const Leadbus__Recipient *stated = head->recipients[i];
        const char *key = plan_unit(threads->plan, wanted->unit)->key;
        if (strcmp(key, stated->unit) != 0 || wanted->act != stated->act ||
            wanted->sections != stated->sections || strcmp(wanted->citation, stated->citation) != 0)
            history_fail(history, "route",
                         "record %zu (%s of %s): %s by %s, where the plan has %s by %s", index,
                         head->kind, head->from, stated->unit, stated->citation, key,
                         wanted->citation);
    }
}

static void check_one(struct threads *threads, size_t index)
{
    const struct envelope *envelope = threads->facts->records[index].envelope;
    const Leadbus__Header *head = envelope->head;
    const struct plan_kind *kind = plan_kind_find(threads->plan, head->kind);
    bool opens = memcmp(head->id.data, head->thread.data, 16) == 0;
    struct account *account = opens ? NULL : account_of(threads, head);
    struct route route;
    struct error error = {0};
    struct route_query query = {.plan = threads->plan,
                                .at_ms = head->created_ms,
                                .kind = head->kind,
                                .topic = head->topic,
                                .area = head->area,
                                .from = head->from,
                                .target = head->target[0] ? head->target : NULL};
    if (account) {
        query.participants = account->participants;
        query.participant_count = account->count;
        query.reference_sender = sender_of(threads, head->parent);
    }
    int code = kind ? route_compute(&query, &route, &error) : E_KIND_UNKNOWN;
    if (code == 0)
        code =
            route_restrict(&route, (const char *const *)head->sections, head->n_sections, &error);
    if (code)
        history_fail(threads->facts->town->history, "route",
                     "record %zu (%s of %s) has no route: %s", index, head->kind, head->from,
                     error_name(code));
    else
        compare(threads, index, &route);
    if (!kind) return;
    account = account_of(threads, head);
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        bool moves = kind->act == PLAN_ACT_TRANSFER && strcmp(recipient->unit, head->target) == 0;
        bool signs = moves || (recipient->act == ROUTE_SIGN && plan_kind_makes_legs(kind));
        join(account, plan_unit_find(threads->plan, recipient->unit),
             signs ? ROUTE_ROLE_SIGNER : ROUTE_ROLE_COPY,
             kind->family == PLAN_FAMILY_ALERT && kind->act == PLAN_ACT_NONE);
    }
    *map_put(&threads->index_of, head->id.data, NULL) = index;
}

void check_route(const struct facts *facts)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {4};
    struct threads threads = {.facts = facts, .plan = facts->town->district->plan};
    threads.accounts = (struct account *)calloc(facts->count + 1, sizeof *threads.accounts);
    CHECK(threads.accounts != NULL);
    map_init(&threads.account_of, 16, hash_key);
    map_init(&threads.index_of, 16, hash_key);
    for (size_t i = 0; i < facts->count; i++)
        if (facts->records[i].envelope) check_one(&threads, i);
    map_fini(&threads.account_of);
    map_fini(&threads.index_of);
    free(threads.accounts);
}
