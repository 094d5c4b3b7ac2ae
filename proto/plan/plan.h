/* plan: the compiled tables of one district's plan: units, groups, areas, tasks, duties, kinds,
 * topics, routes.
 *
 * A plan travels as parts of the signed bundle and is parsed by this code in every program, so that
 * sender, broker and replay hold the same plan. Pure: reads only the bytes given; no I/O, clock or
 * entropy. A parsed plan never changes and may be read by any number of threads. Every pointer
 * handed out is borrowed and lives as long as the plan.
 *
 * A table is UTF-8 text: `#` comment lines and empty lines anywhere, one line that names the
 * columns (any order, each column known, none missing, none twice), then rows with exactly as many
 * tab-separated fields. Lines end in LF; CR, NUL and other control characters are refused. Lists
 * inside a field are separated by `,` without spaces.
 *
 * Indexes (units, kinds, groups, duties, tasks) are the row order of their table: stable inside one
 * plan version only. */
#ifndef PROTO_PLAN_PLAN_H
#define PROTO_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"
#include "proto/plan/calendar.h"

/* The parts. The first PLAN_PART_COUNT are required: "plan/about.tsv", "plan/units.tsv",
 * "plan/areas.tsv", "plan/groups.tsv", "plan/tasks.tsv", "plan/duties.tsv", "plan/kinds.tsv",
 * "plan/topics.tsv", "plan/routes.tsv". The rest may be missing: "plan/waivers.tsv", which no route
 * depends on; "plan/clocks.tsv" and "plan/calendar.tsv": without them nothing is ever overdue, and
 * every Monday to Friday is worked; "plan/chains.tsv": without it no message waits for another
 * and nobody has custody. plan_parse ignores parts of other names, so a caller may hand
 * over all parts of a bundle. File of a part: what follows "plan/". */
enum { PLAN_PART_COUNT = 9, PLAN_PART_COUNT_MAX = 13 };
extern const char *const plan_part_names[PLAN_PART_COUNT_MAX];

struct plan_part {
    const char *name;
    struct bytes content;
};

enum {
    PLAN_UNIT_NONE = 0xffff,
    PLAN_FIELD_LEN_MAX = 1023,
    PLAN_ROW_COUNT_MAX = 8192, /* of any table that has no narrower bound */
    PLAN_KIND_COUNT_MAX = 256,
    PLAN_TASK_COUNT_MAX = 1024,
    PLAN_TASK_UNIT_COUNT_MAX = 64, /* in one half of a clause's brackets */
    PLAN_GROUP_COUNT_MAX = 16,
    PLAN_WAIVER_COUNT_MAX = 2048,
    PLAN_CLOCK_ROW_COUNT_MAX = 1024,
    PLAN_STEP_COUNT_MAX = 64, /* of all chains together */
    PLAN_CHAIN_ROW_COUNT_MAX = 256,
    PLAN_CHAIN_NEED_COUNT_MAX = 8, /* in one cell */
    PLAN_CHAIN_PERIOD_DAYS_MAX = 3660,
    PLAN_RETENTION_DAYS_MAX = 36500,
    PLAN_UNIT_SET_WORDS = LIMIT_UNIT_COUNT_MAX / 64,
};

/* A set of units of one plan, by index. */
struct plan_unit_set {
    uint64_t words[PLAN_UNIT_SET_WORDS];
};
static inline bool plan_unit_set_has(const struct plan_unit_set *set, uint16_t unit)
{
    return unit < LIMIT_UNIT_COUNT_MAX && (set->words[unit / 64] >> (unit % 64) & 1) != 0;
}
static inline void plan_unit_set_add(struct plan_unit_set *set, uint16_t unit)
{
    set->words[unit / 64] |= (uint64_t)1 << (unit % 64);
}

enum plan_unit_kind {
    PLAN_UNIT_BUREAU,
    PLAN_UNIT_COMMITTEE,
    PLAN_UNIT_COURT,
    PLAN_UNIT_PROCURATORATE,
    PLAN_UNIT_PEOPLES_ORG,
    PLAN_UNIT_OFFICE,
    PLAN_UNIT_INSTITUTION,
    PLAN_UNIT_STREET,
};

/* What a unit is to the bus beyond its tasks; at most one current unit has each of these
 * (plan_parse sees to it). */
enum plan_unit_duty {
    PLAN_DUTY_POLICE = 1, /* reads sections marked police; leads without a rule go there in full */
    PLAN_DUTY_OFFICE = 2, /* the joint-conference office: urges, is told of everything overdue */
};

struct plan_unit {
    const char *key;
    const char *name_zh; /* short, as the plan writes it */
    const char *name_en;
    const char *full_zh; /* official name, or empty where it is not confirmed */
    enum plan_unit_kind kind;
    const char *area;       /* GB/T 10114 code of a street office; NULL for others */
    uint32_t duties;        /* bits of plan_unit_duty */
    uint16_t successor;     /* PLAN_UNIT_NONE, or the unit that took this one's tasks over */
    uint16_t current;       /* the end of the successor chain: itself when there is none */
    const char *to_confirm; /* empty, or what somebody must still confirm about this row */
    size_t line;            /* of its table, from 1; as in the structures that follow */
};

struct plan_area {
    const char *code; /* 6 digits (the district) or 9 (a street) */
    const char *name_zh;
    const char *name_en;
    uint16_t street; /* its street office (current), or PLAN_UNIT_NONE */
    size_t line;
};

/* One dated membership: valid_from_ms <= t < valid_to_ms (UINT64_MAX: open). */
struct plan_member {
    uint16_t unit; /* as named: its successor stands for it in routes */
    uint64_t valid_from_ms;
    uint64_t valid_to_ms;
    const char *to_confirm;
    size_t line;
};

struct plan_group {
    const char *key;
    const char *name_zh;
    const char *name_en;
    bool streets; /* every member is a street office: chosen by area unless a row says all */
    const struct plan_member *members; /* table order */
    size_t member_count;
    size_t line; /* of the row that names it */
};

/* A unit or a group named in brackets. */
struct plan_named {
    bool group;
    uint16_t index; /* of a unit (as named, not its successor) or of a group */
};

/* A responsibility clause. */
struct plan_task {
    const char *id;       /* "2.1.3.1" */
    const char *title_zh; /* our own words */
    const char *title_en;
    const struct plan_named *lead; /* order of the text; the first is the primary unit */
    size_t lead_count;
    const struct plan_named *coop;
    size_t coop_count;
    const char *flags; /* comma list: no-coop, group */
    size_t line;
};

/* A duty outside the brackets: part three of the plan, prose of a clause, or a law and article. */
struct plan_duty {
    const char *id;
    const struct plan_named *units;
    size_t unit_count;  /* 0: a selector of the bus itself (thread, target) */
    const char *source; /* "plan 3.1.c", "plan 2.1.2.5", or law and article */
    const char *text_zh;
    const char *text_en;
    const char *to_confirm;
    size_t line;
};

enum plan_family {
    PLAN_FAMILY_LEAD,
    PLAN_FAMILY_ANOMALY,
    PLAN_FAMILY_ALERT,
    PLAN_FAMILY_HANDOFF,
    PLAN_FAMILY_NOTICE,
    PLAN_FAMILY_SUPERVISION,
    PLAN_FAMILY_RECEIPT,
    PLAN_FAMILY_FILE, /* of a victim: who may learn what of it */
    PLAN_FAMILY_COUNT,
};

/* Lifecycle acts; lifecycle.def says what may follow what. The first ones are in the order of the
 * chain: deliver (machine: the unit's cumulative acknowledgement covers it), sign, accept, return,
 * progress, close. */
enum plan_act {
#define ACT(name, number, ...) PLAN_ACT_##name = (number),
#include "proto/plan/lifecycle.def"
    PLAN_ACT_COUNT,
};
#define PLAN_ACT_BIT(act) (1u << (act))

struct plan_section {
    const char *name;    /* "summary" */
    const char *message; /* payload message type without package: "LeadSummary" */
    bool optional;       /* may be absent from an envelope: "reporter" */
    bool copy; /* copies may open it: closed codes, dates, street, thread pseudonym; no free text */
    bool small_group; /* of a copy section: may also name what few people share (a nationality, an
                         employer, an institution), because who gets a copy cannot act without it */
    bool police;      /* only the police may ever open it */
};

/* Who may send, before dates: see route_sender_allowed. */
struct plan_senders {
    bool any;
    bool reference;             /* the sender of the message referred to */
    struct plan_unit_set units; /* current units */
    const uint16_t *groups;
    size_t group_count;
};

struct plan_topic {
    const char *slug;
    const char *name_zh;
    const char *name_en;
    uint8_t urgency;                    /* the kind's, or a more pressing one */
    const struct plan_senders *senders; /* NULL: all who may send the kind; else fewer */
    size_t line;
};

enum plan_position {
    PLAN_OPENS,   /* always opens a thread: thread == id, no parent */
    PLAN_FOLLOWS, /* always refers to a message of an existing thread: parent required */
    PLAN_EITHER,
};

/* What files may come with a message of a kind. */
enum plan_attachment {
    PLAN_ATTACHMENT_PHOTO = 1,
    PLAN_ATTACHMENT_DOCUMENT = 2,
    PLAN_ATTACHMENT_MEDIA = 4,    /* sound and video */
    PLAN_ATTACHMENT_LOCATION = 8, /* photos keep where they were taken; never without PHOTO */
};

/* plan_kind.retention_days: as long as the case file by its own rule, which the bus does not know.
 */
#define PLAN_RETENTION_CASE UINT32_MAX

/* When a recipient row is walked; route.h has the rules. */
/* PLAN_ROW_OWN_HOST: the sender is the joint-conference office, and a unit in which it sits (the
 * group office-host) must sign here or has signed on the thread. */
enum plan_row_when {
    PLAN_ROW_ALWAYS,
    PLAN_ROW_ORIGIN_ONLY,
    PLAN_ROW_NO_RULE,
    PLAN_ROW_OWN_HOST,
    PLAN_ROW_WHEN_COUNT,
};
enum plan_row_source {
    PLAN_ROW_LEAD,
    PLAN_ROW_COOP,
    PLAN_ROW_TEXT,
    PLAN_ROW_DUTY,
    PLAN_ROW_THREAD,         /* everybody on the thread */
    PLAN_ROW_SENDER,         /* the sender of the message referred to */
    PLAN_ROW_THREAD_SIGNERS, /* who had to sign for some message of the thread */
    PLAN_ROW_TARGET,         /* the unit that it is passed on to, as the header says */
    PLAN_ROW_ALERTED,        /* who got an alert on the thread */
};
/* Sections of a row of kind `*`, masked by the kind that it is applied to. */
#define PLAN_SECTIONS_ALL    0xffffffffu
#define PLAN_SECTIONS_COPIES 0xfffffffeu

/* A recipient row of routes.tsv. */
struct plan_row {
    int16_t topic;  /* index in the kind's topics, -1: every topic */
    uint8_t when;   /* enum plan_row_when */
    uint8_t source; /* enum plan_row_source */
    uint8_t act;    /* 1 sign, 2 copy */
    bool all;       /* a group as a whole; else only street groups, the one of the area */
    uint32_t sections;
    int16_t via; /* index of the group in the brackets out of which it selects a unit, or -1: the
                    unit must be a member of it then */
    const struct plan_named *named; /* whom it selects; none: a selector that matches nothing */
    size_t named_count;
    const char *citation; /* the selector as written */
    const char *clause;   /* id of the task or duty */
    const char *reason_zh;
    const char *reason_en;
    size_t line;
};

struct plan_kind {
    const char *slug; /* "anomaly.marriage" */
    const char *name_zh;
    const char *name_en;
    enum plan_family family;
    uint8_t urgency;         /* 1 immediate .. 4 routine; lane 0 (urgent) iff 1. Of a message: see
                                plan_kind_urgency */
    uint8_t level;           /* 0..4 = C0..C4 */
    const char *const *tags; /* in table order, as the header must carry them */
    size_t tag_count;
    const struct plan_section *sections; /* <= LIMIT_SECTION_COUNT_MAX, envelope order */
    size_t section_count;
    const struct plan_topic *topics;
    size_t topic_count;  /* 0: the header's topic is empty */
    bool topic_required; /* an empty topic is refused */
    enum plan_position position;
    uint32_t expects; /* PLAN_ACT_BIT()s that each must-sign unit owes; 0: its recipients have no
                         leg (receipts) */
    const char *const *outcomes; /* topics of the closing kind with which it may be closed */
    size_t outcome_count;        /* 0: with any */
    enum plan_act act;           /* what a message of this kind does to an earlier leg or thread;
                                    PLAN_ACT_NONE: nothing */
    bool returnable;             /* receipt.returned is allowed; never so for urgency 1 */
    bool last_resort; /* the addressee may not refuse: nobody stands behind it (implies !returnable)
                       */
    bool reported;    /* who must sign ends it by handing in a report, and not by closing it */
    bool erased; /* who must sign ends it by confirming that what it takes back is deleted there */
    bool dated;  /* due_ms may be set: the day by which who must sign closes it, or, of an act
                    that takes something up again, closes that */
    bool may_expire; /* expires_ms may be set */
    bool sensitive;  /* the sender's session key serves one message only */
    bool exempt;     /* never blocked by quota, expired bundle or a value that does not check; goes
                        flagged */
    uint32_t attachments;    /* bits of plan_attachment; 0: none may come with it */
    uint32_t retention_days; /* how long what it says is kept after its thread is closed (a thread
                                without legs: after the message), 1 .. PLAN_RETENTION_DAYS_MAX, or
                                PLAN_RETENTION_CASE. A thread is kept as its longest kind says */
    const char *const
        *clauses; /* ids of the tasks and duties that it derives from, the main one first */
    size_t clause_count;
    struct plan_senders senders;
    const struct plan_row *rows; /* table order */
    size_t row_count;
    size_t line;
};

/* What the plan is. */
struct plan_about {
    const char *name; /* "hedong-2022" */
    const char *title_zh;
    const char *title_en;
    const char *district; /* "120102" */
    const char *date;     /* "2022-03-10": day from which its routes hold */
    uint64_t date_ms;     /* its start in China Standard Time */
};

/* Why a note of lint (below) is no fault. A stated reason, never a switch: nothing else looks at
 * it. */
struct plan_waiver {
    const char *code;    /* of the finding */
    const char *subject; /* what the finding is about, as lint prints it */
    const char *reason_zh;
    const char *reason_en;
    size_t line;
};

/* What runs out, for one leg of a message. */
enum plan_clock_index {
    PLAN_CLOCK_DELIVER,  /* the unit's agent has it */
    PLAN_CLOCK_SIGN,     /* signed for */
    PLAN_CLOCK_ACCEPT,   /* accepted or returned */
    PLAN_CLOCK_PROGRESS, /* first word on it */
    PLAN_CLOCK_CLOSE,
    PLAN_CLOCK_LEG_COUNT, /* those that run for a leg */
    PLAN_CLOCK_RELEASE =
        PLAN_CLOCK_LEG_COUNT, /* the originator's answer to a unit that asks to pass it on */
    PLAN_CLOCK_EXTENSION,     /* by how much the term to close is extended each time */
    PLAN_CLOCK_COUNT,
};
/* From when: the message's record, or that of the leg's act; `asked`: of the request; `due`: of an
 * extension. */
enum plan_clock_start {
    PLAN_CLOCK_FROM_SUBMITTED,
    PLAN_CLOCK_FROM_SIGNED,
    PLAN_CLOCK_FROM_ACCEPTED,
    PLAN_CLOCK_FROM_ASKED,
    PLAN_CLOCK_FROM_DUE, /* the moment that was due before */
};

/* A row of clocks.tsv. The plan of 2022 sets no figures: all are configuration with their source.
 */
struct plan_clock {
    enum plan_clock_index clock;
    enum plan_clock_start from;
    uint8_t urgency;  /* 1 .. 4, or 0: of a kind */
    const char *kind; /* or empty */
    uint32_t limit;   /* 1 .. CALENDAR_LIMIT_MAX */
    enum calendar_unit unit;
    const char *source_zh, *source_en; /* the rule that it follows, or that there is none */
    const char *to_confirm;
    size_t line;
};

/* A row of calendar.tsv as it was written. */
struct plan_calendar_row {
    bool hours; /* from and to are times of the day, else days */
    const char *from, *to;
    const char *name_zh, *name_en;
    const char *source;
    const char *to_confirm;
    size_t line;
};

/* What brings a chain's step about. */
enum plan_chain_on {
    PLAN_CHAIN_OPEN,   /* a message of the kind opens the thread */
    PLAN_CHAIN_SEND,   /* a message of the kind, wherever it stands */
    PLAN_CHAIN_ACCEPT, /* somebody accepts a message of the kind */
    PLAN_CHAIN_WAIVE,  /* a message of the kind says that the step, which is owed, is needed no more
                        */
};

/* Who has the person in their care from a step on. */
enum plan_chain_custody {
    PLAN_CUSTODY_SAME,      /* no change */
    PLAN_CUSTODY_FREE,      /* the acting unit, where nobody has it yet */
    PLAN_CUSTODY_OFFER,     /* whoever has it lets go at the time stated, to who accepts */
    PLAN_CUSTODY_TAKE,      /* the acting unit, whoever had it */
    PLAN_CUSTODY_FAMILY,    /* the family */
    PLAN_CUSTODY_PLACEMENT, /* where the person is placed */
};

/* A step of a chain; its number is its place among those of all chains. */
struct plan_step {
    const char *chain, *step; /* slugs */
    const char *chain_zh, *chain_en;
    const char *name_zh, *name_en;
    uint32_t period_days; /* that it has to run before what waits for its end; 0: none */
    size_t line;          /* of its first row */
};

/* A row of chains.tsv: one way in which a step comes about. Steps are bits by number. */
struct plan_chain_row {
    uint8_t step;
    uint8_t on;      /* enum plan_chain_on */
    uint8_t custody; /* enum plan_chain_custody */
    bool early;      /* may come before what it needs, with a reason */
    bool alone;      /* is not judged on a thread where the chain has not begun, nor begins it */
    bool once;       /* a second one on the thread is told */
    bool until; /* past its message's end it is told, unless the chain has come to its last step */
    const char *const *kinds;
    size_t kind_count;
    const char *const *topics; /* none: any */
    size_t topic_count;
    const struct plan_named *by; /* none: anybody */
    size_t by_count;
    uint64_t after[PLAN_CHAIN_NEED_COUNT_MAX]; /* of each set of steps one must have come */
    size_t after_count;
    uint64_t over;        /* those of them whose period must be over */
    uint64_t bars;        /* none of these may have come */
    uint32_t gap_minutes; /* of TAKE: how long nobody may seem to have had custody */
    const char *reason_zh, *reason_en;
    const char *to_confirm;
    size_t line;
};

struct plan;

/* Parses and compiles the parts; they are borrowed during the call only. ret_plan is untouched on
 * failure. Errors: E_BAD_TABLE (error field "plan/units.tsv:17"; a missing or doubled part too:
 * field names the part), E_TOO_LARGE (a table above LIMIT_TABLE_BYTES_MAX), E_NO_MEMORY. A bundle
 * whose plan does not parse must not be installed. About 400 us for the plan of 2022. */
int plan_parse(const struct plan_part *parts, size_t count, struct plan **ret_plan,
               struct error *ret_error) MUST_USE;
void plan_free(struct plan *plan); /* NULL accepted */

const struct plan_about *plan_about(const struct plan *plan);

size_t plan_unit_count(const struct plan *plan);
const struct plan_unit *plan_unit(const struct plan *plan,
                                  uint16_t unit); /* NULL when out of range */
/* The unit of exactly this key, also one that has a successor. PLAN_UNIT_NONE: none. Constant time
 * on average. */
uint16_t plan_unit_find(const struct plan *plan, const char *key);
/* As plan_unit_find, then on to the current unit of the successor chain. */
uint16_t plan_unit_current(const struct plan *plan, const char *key);
/* The unit with this duty. PLAN_UNIT_NONE cannot happen: plan_parse refuses a plan without police
 * or office. */
uint16_t plan_unit_with_duty(const struct plan *plan, enum plan_unit_duty duty);

size_t plan_area_count(const struct plan *plan);
const struct plan_area *plan_area(const struct plan *plan, size_t index);
/* Digits, 6, 9 or 12 of them. An empty code is not well formed; it means unknown and is handled by
 * the caller. */
bool plan_area_well_formed(const char *code);
/* The area with the longest code that is a prefix of `code`; NULL: outside the district. */
const struct plan_area *plan_area_find(const struct plan *plan, const char *code);

size_t plan_group_count(const struct plan *plan);
const struct plan_group *plan_group(const struct plan *plan, size_t index);
const struct plan_group *plan_group_find(const struct plan *plan, const char *key);
bool plan_group_has(const struct plan *plan, size_t group, uint16_t unit, uint64_t at_ms);

size_t plan_task_count(const struct plan *plan);
const struct plan_task *plan_task(const struct plan *plan, size_t index); /* clause order */
const struct plan_task *plan_task_find(const struct plan *plan, const char *id);

size_t plan_duty_count(const struct plan *plan);
const struct plan_duty *plan_duty(const struct plan *plan, size_t index);
const struct plan_duty *plan_duty_find(const struct plan *plan, const char *id);

size_t plan_kind_count(const struct plan *plan);
const struct plan_kind *plan_kind(const struct plan *plan, size_t index);
const struct plan_kind *plan_kind_find(const struct plan *plan, const char *slug); /* NULL: none */
/* The first kind of an act; NULL: the plan has none. */
const struct plan_kind *plan_kind_of_act(const struct plan *plan, enum plan_act act);
const struct plan_topic *plan_topic_find(const struct plan_kind *kind, const char *slug);
int plan_section_find(const struct plan_kind *kind, const char *name); /* index or -1 */
/* The urgency of a message of this kind and topic. An unknown topic, NULL and "" have the kind's.
 */
uint8_t plan_kind_urgency(const struct plan_kind *kind, const char *topic);
/* The one section of a kind that files go with: the first that is neither for copies nor for the
 * police alone, else the first for copies (a kind that has no other). -1: the kind takes no files.
 */
int plan_attachment_section(const struct plan_kind *kind);
static inline bool plan_kind_expects(const struct plan_kind *kind, enum plan_act act)
{
    return (kind->expects & PLAN_ACT_BIT(act)) != 0;
}
/* True when each sign recipient of a message of this kind gets a leg of its own. */
static inline bool plan_kind_makes_legs(const struct plan_kind *kind)
{
    return kind->expects != 0;
}

const char *plan_named_key(const struct plan *plan, struct plan_named named);
const char *plan_named_zh(const struct plan *plan, struct plan_named named);
const char *plan_named_en(const struct plan *plan, struct plan_named named);
const char *plan_act_name(enum plan_act act); /* "sign", "accept", ...: as in kinds.tsv */
const char *plan_family_name(enum plan_family family);

/* Empty when the plan has none. */
const struct calendar *plan_calendar(const struct plan *plan);
size_t plan_clock_count(const struct plan *plan);
const struct plan_clock *plan_clock(const struct plan *plan, size_t index);
/* The clock of a message of this kind and topic: the kind's own, or that of its urgency. NULL: none
 * runs. `kind` is of this plan. */
/* The row of an urgency alone; NULL: it has none. */
const struct plan_clock *plan_clock_of_urgency(const struct plan *plan, unsigned urgency,
                                               enum plan_clock_index clock);
const struct plan_clock *plan_clock_of(const struct plan *plan, const struct plan_kind *kind,
                                       const char *topic, enum plan_clock_index clock);
/* Does it run for a leg of this kind: is what it waits for expected? Being delivered always is. */
bool plan_clock_owed(const struct plan_kind *kind, enum plan_clock_index clock);
/* From when it runs for that kind: what is to follow an act that the kind does not expect follows
 * the one before it. */
enum plan_clock_start plan_clock_start_of(const struct plan_kind *kind,
                                          const struct plan_clock *row);
const char *plan_clock_name(enum plan_clock_index clock); /* "sign": as in clocks.tsv */
const char *plan_clock_zh(enum plan_clock_index clock);   /* "签收" */
const char *plan_clock_en(enum plan_clock_index clock);   /* "signed for" */

size_t plan_step_count(const struct plan *plan); /* 0: no chains */
const struct plan_step *plan_step(const struct plan *plan, size_t number);
size_t plan_chain_row_count(const struct plan *plan);
const struct plan_chain_row *plan_chain_row(const struct plan *plan, size_t index);
/* The steps of the same chain. */
uint64_t plan_chain_steps(const struct plan *plan, size_t step);
const char *plan_chain_on_name(enum plan_chain_on on);                /* "accept" */
const char *plan_chain_custody_name(enum plan_chain_custody custody); /* "take" */

size_t plan_waiver_count(const struct plan *plan);
const struct plan_waiver *plan_waiver(const struct plan *plan, size_t index);
/* The rows of kind `*`, for what no rule matches. */
const struct plan_row *plan_fallback(const struct plan *plan, size_t *ret_count);

#endif
