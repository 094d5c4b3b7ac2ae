/* diff: what changes between two plans, for who is about to sign the new one. First the tables row
 * by row, then what matters: for every kind, topic, sender and street, who is addressed before and
 * after. Pure; some 20 ms for two plans of a district, minutes at the bounds of the tables.
 *
 * Routes are compared as route_compute gives them, on one day for both. A unit that has a successor
 * in the new plan counts as its successor, so that a merger alone changes no route. Who comes out
 * of the thread, the sender of the message referred to and the street of the area stand for
 * themselves ("@thread", "@signers", "@alerted", "@reference", "@target", "@street"). Topics and
 * kinds that only one of the plans has are table changes; there is nothing to compare them with. */
#ifndef CLIENTS_PLAN_VIEW_DIFF_H
#define CLIENTS_PLAN_VIEW_DIFF_H

#include "proto/plan/route.h"

enum diff_part {
    DIFF_ABOUT,
    DIFF_UNIT,
    DIFF_AREA,
    DIFF_GROUP,
    DIFF_MEMBER, /* key "GROUP/UNIT" */
    DIFF_TASK,
    DIFF_DUTY,
    DIFF_KIND,
    DIFF_TOPIC, /* key "KIND/TOPIC" */
    DIFF_PART_COUNT,
};
enum diff_op { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };

/* A row of a table. Lines are 0 where the row is not there, and for about. */
struct diff_change {
    enum diff_part part;
    enum diff_op op;
    const char *key;
    const char *name_zh, *name_en;
    const char *field; /* of a changed row: its column; else NULL */
    const char *old_text, *new_text;
    size_t old_line, new_line;
};

/* What a recipient was or is; `there` false: not addressed. */
struct diff_side {
    bool there;
    uint8_t act; /* enum route_act */
    bool primary;
    const char *sections; /* "summary,full"; empty: the header alone */
    const char *citation;
    size_t line; /* of routes.tsv */
};

enum diff_cause {
    DIFF_BY_ROW,     /* the row of routes.tsv is new, gone, changed or elsewhere in the order */
    DIFF_BY_CLAUSE,  /* the same row; the brackets of its clause, or its duty's units, changed */
    DIFF_BY_MEMBERS, /* the same row and clause; a group's members, an area or a unit changed */
    DIFF_BY_OTHERS,  /* the same row; other recipients changed, and with them who is the primary
                        unit,  or whether rows for the sender alone or for no rule apply */
};

/* Of those that may send it before and after; of the streets of the district. */
enum diff_scope { DIFF_ALL, DIFF_THESE, DIFF_ALL_BUT };

struct diff_name {
    const char *key; /* or "@thread", "@signers", "@alerted", "@reference", "@target", "@street" */
    const char *zh, *en;
};

/* The same thing that happens to several units, for several topics and senders. */
struct diff_route {
    const struct plan_kind *kind; /* of the new plan */
    bool all_topics;
    struct diff_name *topics; /* key "": without a topic */
    size_t topic_count;
    struct diff_name *who;
    size_t who_count;
    enum diff_op op; /* added: gains it */
    enum diff_cause cause;
    struct diff_side before, after;
    enum diff_scope sender_scope;
    struct diff_name *senders; /* these, or all but these; none for DIFF_ALL */
    size_t sender_count;
    enum diff_scope area_scope;
    struct diff_name *areas; /* key "": none given */
    size_t area_count;
    bool partly; /* not in every combination of these senders and areas */
};

struct diff {
    struct diff_change *changes;
    size_t change_count, change_cap;
    struct diff_route *routes; /* kinds in the new plan's order */
    size_t route_count, route_cap;
    void **kept; /* everything that the lists above point to */
    size_t kept_count, kept_cap;
};

/* Both plans are borrowed as long as the diff. `at_ms` is the date of memberships. */
void diff_plans(const struct plan *before, const struct plan *after, uint64_t at_ms,
                struct diff *ret);
void diff_fini(struct diff *diff);

#endif
