/* route: who receives a message, and by which clause or duty. One pure function, used by the
 * sending agent, the broker and the replay; what it returns is compared field for field with the
 * header's recipients.
 *
 * Rules. The rows of the kind's routes are walked in table order, first those with act `sign`, then
 * those with act `copy`. A row that names a topic applies to that topic only. A unit enters once:
 * sign beats copy, the first row that names it gives the citation, sections of later rows of the
 * same act are added. Units with a successor stand for their successor. The sender never receives
 * its own message. If rows named units to sign and all of them were the sender, the rows marked
 * `origin-only` are walked too (flag ONLY_ORIGIN_LEFT). Street offices are the one of the area,
 * unless the row says all; an area that is empty, the district's or outside it selects no street
 * (flag AREA_UNKNOWN, where a row wanted one), never all. Group membership is that of `at_ms`. If a
 * lead, anomaly or handoff then has nobody to sign it, and not because the sender is the one who
 * would, the rows of the kind `*` apply: the police in full, the office as notice (flag
 * READDRESSED; set HEADER_FLAG_READDRESSED). The first sign recipient is the primary unit (主责). A
 * recipient whose sections are 0 has the header alone: it learns that, when and with which outcome
 * code, not what.
 *
 * No allocation; results borrow strings of the plan. A typical kind takes about a microsecond.
 * Thread-safe. */
#ifndef PROTO_PLAN_ROUTE_H
#define PROTO_PLAN_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/base/limits.h"
#include "proto/plan/plan.h"

enum route_act { ROUTE_SIGN = 1, ROUTE_COPY = 2 }; /* the numbers of the header */

/* What a unit is to a thread. A unit that fits several is listed once: route_role_join. */
enum route_role {
    ROUTE_ROLE_ORIGINATOR = 1, /* sent the opening message */
    ROUTE_ROLE_SIGNER = 2,     /* had to sign for some message of the thread that makes legs */
    ROUTE_ROLE_COPY = 3,       /* had any other message of it */
    /* A bit beside them: it got an alert, so it gets what revises it or stands it down. */
    ROUTE_ROLE_ALERTED = 4,
    ROUTE_ROLE_ORIGINATOR_ALERTED = 5,
    ROUTE_ROLE_SIGNER_ALERTED = 6,
    ROUTE_ROLE_COPY_ALERTED = 7,
};

/* One of the first three. */
static inline enum route_role route_role_of(enum route_role role)
{
    return (enum route_role)((unsigned)role & ~(unsigned)ROUTE_ROLE_ALERTED);
}

/* Who must sign for something stays one who must, whatever else it is; else the smaller number. */
static inline enum route_role route_role_join(enum route_role one, enum route_role other)
{
    enum route_role a = route_role_of(one), b = route_role_of(other);
    enum route_role role = a < b ? a : b;
    if (a == ROUTE_ROLE_SIGNER || b == ROUTE_ROLE_SIGNER) role = ROUTE_ROLE_SIGNER;
    return (enum route_role)(role | ((one | other) & ROUTE_ROLE_ALERTED));
}

/* What a message of this kind (NULL: not of the plan) makes of a recipient; `leg`: it has to sign
 * for it, and the kind makes legs. */
static inline enum route_role route_role_recipient(const struct plan_kind *kind, bool leg)
{
    enum route_role role = leg ? ROUTE_ROLE_SIGNER : ROUTE_ROLE_COPY;
    bool alert = kind && kind->family == PLAN_FAMILY_ALERT && kind->act == PLAN_ACT_NONE;
    return alert ? (enum route_role)(role | ROUTE_ROLE_ALERTED) : role;
}

struct route_participant {
    uint16_t unit; /* index in this plan */
    enum route_role role;
};

/* Who knows the thread asks the thread; a receiving end takes it from the header. */
enum route_host { ROUTE_HOST_BY_THREAD, ROUTE_HOST_THERE, ROUTE_HOST_NOT_THERE };

struct route_query {
    const struct plan *plan;
    uint64_t at_ms; /* the header's created_ms: date of group memberships */
    const char *kind;
    const char *topic; /* "" or NULL: none */
    const char *area;  /* "" or NULL: unknown */
    const char *from;  /* unit key of the sender */
    /* The thread as of journal index k, in the order in which the units came onto it; none on an
     * opening message. */
    const struct route_participant *participants;
    size_t participant_count;
    const char
        *reference_sender; /* key of the unit that sent the parent message; NULL or "": no parent */
    const char *target;    /* key of the unit that it is passed on to; NULL or "": none */
    enum route_host host;  /* is a unit in which the office sits on the thread? */
};

struct route_recipient {
    uint16_t unit;
    uint8_t act;       /* enum route_act */
    bool primary;      /* the first sign recipient */
    uint32_t sections; /* bit i: may open section i of the kind (or of the header, after
                          route_restrict) */
    const char
        *citation; /* borrowed: "lead:2.1.3.1", "coop:2.1.3.1=police-hedong", "duty:thread" */
};

enum route_flag {
    ROUTE_FLAG_READDRESSED = 1, /* no rule matched: police in full, office as notice */
    ROUTE_FLAG_ONLY_ORIGIN_LEFT =
        2,                       /* all who must sign are the sender; its duty rows were added */
    ROUTE_FLAG_OWN_HOST = 8,     /* the office acts on a unit in which it sits: others look on */
    ROUTE_FLAG_AREA_UNKNOWN = 4, /* a street was wanted and none addressed: tell the sender */
};

struct route {
    const struct plan_kind *kind;
    uint32_t flags;
    size_t recipient_count;
    struct route_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
};

/* Computes the route. ret_route is undefined on failure. Errors, with the field of the header at
 * fault: E_KIND_UNKNOWN; E_TOPIC_UNKNOWN (not one of the kind's, or missing where required; detail
 * lists them); E_UNIT_UNKNOWN (from); E_SENDER_NOT_ALLOWED; E_AREA_UNKNOWN (not 6, 9 or 12 digits:
 * malformed only); E_ROUTE_EMPTY (nobody is left: a receipt without a parent or for one's own
 * message, a thread of one unit); E_TOO_LARGE (more than LIMIT_RECIPIENT_COUNT_MAX). */
int route_compute(const struct route_query *query, struct route *ret_route,
                  struct error *ret_error) MUST_USE;

/* May the unit `from` (index) send this kind, and with this topic (NULL: with some topic or none)?
 * `reference_sender` as in the query. */
bool route_sender_allowed(const struct plan *plan, const struct plan_kind *kind,
                          const struct plan_topic *topic, uint16_t from, uint64_t at_ms,
                          uint16_t reference_sender);

/* Must the unit `target` (index) sign for messages of this kind and topic (NULL: none), from
 * whomever and wherever? Of street offices, each. What it may be passed on to without its sender's
 * release.
 */
bool route_signs(const struct plan *plan, const struct plan_kind *kind,
                 const struct plan_topic *topic, uint16_t target, uint64_t at_ms);

/* An envelope may leave out sections that the kind marks optional. Checks the header's section
 * names (a subset of the kind's, in its order, all required ones present) and renumbers every
 * recipient's section bits to them. E_LEVEL_MISMATCH names the section. Call it after route_compute
 * and before route_compare or sealing. */
int route_restrict(struct route *route, const char *const *sections, size_t count,
                   struct error *ret_error) MUST_USE;

/* A recipient as a header states it. */
struct route_stated {
    const char *unit;
    uint32_t act;
    const char *citation;
    uint32_t sections;
};
/* Exact equality in order of unit, act, citation and sections. E_RECIPIENT_DUPLICATE (a unit
 * twice), E_ROUTE_MISMATCH with the first difference in words: missing, added, wrong act, order,
 * citation or sections. Field "recipients[i]". */
int route_compare(const struct plan *plan, const struct route *route,
                  const struct route_stated *stated, size_t count,
                  struct error *ret_error) MUST_USE;

/* Why a unit that the cited clauses name was not addressed. */
enum route_skip_reason {
    ROUTE_SKIP_ORIGIN,       /* it is the sender */
    ROUTE_SKIP_OTHER_STREET, /* a street office, not the one of the area */
    ROUTE_SKIP_AREA_UNKNOWN, /* a street office, and the area names none */
    ROUTE_SKIP_OTHER_TOPIC,  /* a row names it for another topic */
    ROUTE_SKIP_NOT_MEMBER,   /* a group named it, but not on this date */
    ROUTE_SKIP_NO_ROW, /* in the brackets, but no row of this kind asks for it: least knowledge */
};
struct route_skip {
    uint16_t unit;
    enum route_skip_reason reason;
    const char *clause; /* borrowed: the first clause of the kind that names it */
    bool lead;          /* named as 负责 there, else as 配合 */
};
/* For explain and the demo, not for the hot path. Each unit once, in clause order. Lists the
 * clauses that the route's recipients cite and those of the kind's own row. Returns how many there
 * are; fills at most `cap`. */
size_t route_explain(const struct route_query *query, const struct route *route,
                     struct route_skip *ret_skips, size_t cap);
const char *route_skip_text(enum route_skip_reason reason, enum lang lang);

/* Why the row with this citation is in the kind's routes, in words. NULL: no such row. */
const char *route_reason(const struct plan *plan, const struct plan_kind *kind,
                         const char *citation, enum lang lang);

/* What a citation points to, in words: the clause's title or the duty's text. NULL: does not
 * resolve in this plan. */
const char *route_citation_text(const struct plan *plan, const char *citation, enum lang lang);

/* The topics of a kind for an error or a help text: "labour, venue", in Chinese each with its name;
 * whole ones, as many as fit into `size` bytes, " ..." behind them where there are more. */
void route_topic_list(const struct plan_kind *kind, enum lang lang, size_t size, char *ret_list);

#endif
