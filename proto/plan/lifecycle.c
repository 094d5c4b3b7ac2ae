#include "proto/plan/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"

/* The words of the table: states, roles, facts and effects as bits. */
enum {
#define STATE(name, ...) name = 1u << LIFECYCLE_##name,
#include "proto/plan/lifecycle.def"
    FRESH = SUBMITTED | DELIVERED,
    WORKING = ACCEPTED | PROGRESS | REOPENED,
    OPEN = FRESH | SIGNED | WORKING | GONE_OUT,
    ALL = (1u << LIFECYCLE_STATE_COUNT) - 1,
    ENDED = ALL & ~OPEN,
};
enum {
#define ROLE(name, ...) name = 1u << LIFECYCLE_ROLE_##name,
#include "proto/plan/lifecycle.def"
};
enum {
#define FACT(name, ...) name = LIFECYCLE_FACT_##name,
#include "proto/plan/lifecycle.def"
};
enum {
    TELLS = LIFECYCLE_EFFECT_TELLS,
    ENDS = LIFECYCLE_EFFECT_ENDS,
    RESUMES = LIFECYCLE_EFFECT_RESUMES,
    BINDS = LIFECYCLE_EFFECT_BINDS,
    JOINS = LIFECYCLE_EFFECT_JOINS,
    MOVES = LIFECYCLE_EFFECT_MOVES,
    ASKS = LIFECYCLE_EFFECT_ASKS,
    ANSWERS = LIFECYCLE_EFFECT_ANSWERS,
    GIVES = LIFECYCLE_EFFECT_GIVES,
    LINKS = LIFECYCLE_EFFECT_LINKS,
    EXTENDS = LIFECYCLE_EFFECT_EXTENDS,
    PAUSES = LIFECYCLE_EFFECT_PAUSES,
    CONTINUES = LIFECYCLE_EFFECT_CONTINUES,
    LISTS = LIFECYCLE_EFFECT_LISTS,
    UNLISTS = LIFECYCLE_EFFECT_UNLISTS,
};

static const struct lifecycle_row lifecycle_table[] = {
#define ROW(states, act, roles, next, effects, needs, bars)                                        \
    {(states), PLAN_ACT_##act, (roles), LIFECYCLE_##next, (effects), (needs), (bars)},
#include "proto/plan/lifecycle.def"
};
enum { LIFECYCLE_ROW_COUNT = sizeof lifecycle_table / sizeof lifecycle_table[0] };

static const struct {
    const char *name;
    int code;
    const char *field, *zh, *en;
} lifecycle_facts[LIFECYCLE_FACT_COUNT] = {
#define FACT(name, code, field, zh, en) {#name, E_##code, field, zh, en},
#include "proto/plan/lifecycle.def"
};

/* Of the facts that a row may need and that have words of their own for it. */
static const struct {
    const char *zh, *en;
} lifecycle_lacks[LIFECYCLE_FACT_COUNT] = {
#define LACK(name, zh, en) [LIFECYCLE_FACT_NUMBER_##name] = {zh, en},
#include "proto/plan/lifecycle.def"
};

static const struct {
    enum plan_family family;
    const char *topic;
} lifecycle_followers[] = {
#define FOLLOWS(family, topic) {PLAN_FAMILY_##family, topic},
#include "proto/plan/lifecycle.def"
};

static const struct {
    enum plan_act act;
    const char *topic;
    uint32_t fact;
} lifecycle_topics[] = {
#define TOPIC(act, topic, fact) {PLAN_ACT_##act, topic, fact},
#include "proto/plan/lifecycle.def"
};

static const struct {
    const char *zh, *en;
    enum lifecycle_scope { SCOPE_LEG, SCOPE_NOTE, SCOPE_THREAD } scope;
} lifecycle_acts[PLAN_ACT_COUNT] = {
#define ACT(name, number, slug, zh, en, scope) [number] = {zh, en, SCOPE_##scope},
#include "proto/plan/lifecycle.def"
};

const struct lifecycle_row *lifecycle_rows(size_t *ret_count)
{
    *ret_count = LIFECYCLE_ROW_COUNT;
    return lifecycle_table;
}

uint32_t lifecycle_kind_facts(const struct plan_kind *kind)
{
    uint32_t facts = 0;
    if (plan_kind_expects(kind, PLAN_ACT_SIGN)) facts |= SIGNS;
    if (plan_kind_expects(kind, PLAN_ACT_ACCEPT)) facts |= ACCEPTS;
    if (plan_kind_expects(kind, PLAN_ACT_CLOSE)) facts |= CLOSES;
    if (kind->returnable) facts |= RETURNABLE;
    if (kind->last_resort) facts |= LAST_RESORT;
    if (kind->reported) facts |= REPORTED;
    if (kind->erased) facts |= ERASED;
    /* What stands an alert down is of that family, and no alert itself. */
    if (kind->family == PLAN_FAMILY_ALERT && kind->act == PLAN_ACT_NONE) facts |= ALERT;
    if (kind->family == PLAN_FAMILY_FILE) facts |= FILE_OF_VICTIM;
    if (kind->exempt) facts |= EXEMPT;
    return facts;
}

uint32_t lifecycle_topic_facts(enum plan_act act, const char *topic)
{
    uint32_t facts = 0;
    for (size_t i = 0; topic && i < sizeof lifecycle_topics / sizeof *lifecycle_topics; i++) {
        if (lifecycle_topics[i].act == act && strcmp(lifecycle_topics[i].topic, topic) == 0)
            facts |= lifecycle_topics[i].fact;
    }
    return facts;
}

bool lifecycle_act_on_thread(enum plan_act act)
{
    return (unsigned)act < PLAN_ACT_COUNT && lifecycle_acts[act].scope == SCOPE_THREAD;
}

bool lifecycle_act_of_leg(enum plan_act act)
{
    for (size_t i = 0; i < LIFECYCLE_ROW_COUNT; i++)
        if (lifecycle_table[i].act == act && (lifecycle_table[i].roles & LEG) != 0) return true;
    return false;
}

bool lifecycle_act_of_parent(enum plan_act act)
{
    return act == PLAN_ACT_HAND_IN || !lifecycle_act_of_leg(act);
}

bool lifecycle_act_is_note(enum plan_act act)
{
    return (unsigned)act < PLAN_ACT_COUNT && lifecycle_acts[act].scope == SCOPE_NOTE;
}

static bool lifecycle_ended(enum lifecycle_state state)
{
    return (ENDED >> state & 1) != 0;
}

/* A kind of an older plan may have its slug alone. */
static const char *lifecycle_kind_zh(const struct plan_kind *kind)
{
    return kind->name_zh && kind->name_zh[0] ? kind->name_zh : kind->slug;
}

/* What has to come first, or why nothing more may come: for who tried it. */
static int lifecycle_refuse(const struct lifecycle_query *query, struct error *ret_error)
{
    const struct plan_kind *kind = query->kind;
    enum lifecycle_state state = query->state;
    enum plan_act act = query->act;
    bool own = (query->roles & LEG) != 0;
    bool fresh = (FRESH >> state & 1) != 0;
    bool taken = ((WORKING | GONE_OUT) >> state & 1) != 0;
    bool accepts = plan_kind_expects(kind, PLAN_ACT_ACCEPT);
    int code = E_LIFECYCLE_ORDER;
    bool after = act == PLAN_ACT_OBJECT || act == PLAN_ACT_UPHOLD || act == PLAN_ACT_REOPEN ||
                 act == PLAN_ACT_REVIEW;
    if (act == PLAN_ACT_HAND_IN && own &&
        (state == LIFECYCLE_CLOSED || state == LIFECYCLE_UPHELD)) {
        code = error_say(ret_error, code, NULL, "本单位已报送；退回整改后方可再次报送",
                         "this unit has handed it in; it does so again once it is sent back");
    } else if (lifecycle_ended(state) && !after) {
        (void)error_set(ret_error, code, NULL, "%s part is over: %s",
                        own ? "this unit's" : "the other unit's",
                        lifecycle_state_text(state, LANG_EN));
        (void)error_note_zh(ret_error, "%s办理已结束：%s", own ? "本单位" : "承办单位",
                            lifecycle_state_text(state, LANG_ZH));
    } else if (act == PLAN_ACT_SIGN && !fresh) {
        code = error_say(ret_error, code, NULL, "本单位已签收，无须重复",
                         "this unit has signed for it already");
    } else if (act == PLAN_ACT_ACCEPT && taken) {
        code = error_say(ret_error, code, NULL, "本单位已受理，无须重复",
                         "this unit has accepted it already");
    } else if (act == PLAN_ACT_RETURN && taken) {
        code = error_say(ret_error, code, NULL, "本单位已受理，不能再退回",
                         "this unit has accepted it: it is not returned any more");
    } else if (act != PLAN_ACT_PROGRESS && act <= PLAN_ACT_CLOSE && act != PLAN_ACT_RETURN &&
               !plan_kind_expects(kind, act)) {
        (void)error_set(ret_error, code, NULL, "%s: nobody has to %s it", kind->slug,
                        lifecycle_act_text(act, LANG_EN));
        (void)error_note_zh(ret_error, "“%s”无须%s", lifecycle_kind_zh(kind),
                            lifecycle_act_text(act, LANG_ZH));
    } else if (fresh && !after) {
        bool then = accepts && (act == PLAN_ACT_PROGRESS || act == PLAN_ACT_CLOSE);
        (void)error_set(ret_error, code, NULL, "sign for it first%s",
                        then ? ", then accept it" : "");
        (void)error_note_zh(ret_error, "请先签收%s", then ? "，再受理" : "");
    } else if (state == LIFECYCLE_SIGNED && accepts && !after) {
        code = error_say(ret_error, code, NULL, "请先受理", "accept it first");
    } else {
        (void)error_set(ret_error, code, NULL, "%s: %s does not follow %s", kind->slug,
                        plan_act_name(act), lifecycle_state_name(state));
        (void)error_note_zh(ret_error, "“%s”在%s之后不能%s", lifecycle_kind_zh(kind),
                            lifecycle_state_text(state, LANG_ZH), lifecycle_act_text(act, LANG_ZH));
    }
    return code;
}

/* The facts that keep a row from fitting. */
static uint32_t lifecycle_missing(const struct lifecycle_row *row, uint32_t facts)
{
    return (row->needs & ~facts) | (row->bars & facts);
}

static unsigned lifecycle_count(uint32_t bits)
{
    unsigned count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

/* The row came closest, and this fact of it is in the way. */
static int lifecycle_refuse_fact(const struct lifecycle_query *query, uint32_t missing,
                                 struct error *ret_error)
{
    size_t fact = 0;
    while ((missing >> fact & 1) == 0) fact++;
    int code = lifecycle_facts[fact].code;
    if (((SIGNS | ACCEPTS | CLOSES) >> fact & 1) != 0) return lifecycle_refuse(query, ret_error);
    bool holds = ((query->facts | lifecycle_kind_facts(query->kind)) >> fact & 1) != 0;
    bool lacks = !holds && lifecycle_lacks[fact].zh;
    (void)error_set(ret_error, code, lifecycle_facts[fact].field, "%s: %s", query->kind->slug,
                    lacks ? lifecycle_lacks[fact].en : lifecycle_facts[fact].en);
    (void)error_note_zh(ret_error, "“%s”：%s", lifecycle_kind_zh(query->kind),
                        lacks ? lifecycle_lacks[fact].zh : lifecycle_facts[fact].zh);
    return code;
}

static int lifecycle_refuse_role(const struct lifecycle_query *query, struct error *ret_error)
{
    int role = 0;
    while (role < LIFECYCLE_ROLE_NONE && (query->roles >> role & 1) == 0) role++;
    (void)error_set(ret_error, E_LIFECYCLE_ROLE, NULL, "%s may not %s",
                    lifecycle_role_text((enum lifecycle_role)role, LANG_EN),
                    lifecycle_act_text(query->act, LANG_EN));
    (void)error_note_zh(ret_error, "%s不能%s",
                        lifecycle_role_text((enum lifecycle_role)role, LANG_ZH),
                        lifecycle_act_text(query->act, LANG_ZH));
    return E_LIFECYCLE_ROLE;
}

int lifecycle_next(const struct lifecycle_query *query, struct lifecycle_step *ret_step,
                   struct error *ret_error)
{
    const struct lifecycle_row *closest = NULL;
    uint32_t never = RETURNABLE | LAST_RESORT | REPORTED | ERASED |
                     ALERT; /* what keeps the kind from it for good */
    bool role_may = false;
    if ((unsigned)query->state >= LIFECYCLE_STATE_COUNT || (unsigned)query->act >= PLAN_ACT_COUNT ||
        query->roles >> LIFECYCLE_ROLE_COUNT != 0)
        return error_say(ret_error, E_LIFECYCLE_ORDER, NULL, "没有这种状态、步骤或角色",
                         "no such state, act or role");
    uint32_t facts = query->facts | lifecycle_kind_facts(query->kind);
    for (size_t i = 0; i < LIFECYCLE_ROW_COUNT; i++) {
        const struct lifecycle_row *row = &lifecycle_table[i];
        if (row->act != query->act || (row->roles & query->roles) == 0) continue;
        role_may = true;
        never &= lifecycle_missing(row, facts);
        if ((row->states >> query->state & 1) == 0) continue;
        uint32_t missing = lifecycle_missing(row, facts);
        if (missing == 0) {
            enum lifecycle_state next =
                row->next == LIFECYCLE_SAME ? query->state : (enum lifecycle_state)row->next;
            *ret_step = (struct lifecycle_step){next, row->effects};
            return 0;
        }
        /* Of two that come as close, the later one is the narrower. */
        if (!closest ||
            lifecycle_count(missing) <= lifecycle_count(lifecycle_missing(closest, facts)))
            closest = row;
    }
    if (!role_may) return lifecycle_refuse_role(query, ret_error);
    if (never != 0) return lifecycle_refuse_fact(query, never, ret_error);
    if (closest) return lifecycle_refuse_fact(query, lifecycle_missing(closest, facts), ret_error);
    return lifecycle_refuse(query, ret_error);
}

/* The furthest act of the chain that a state has behind it. */
static enum plan_act lifecycle_reached(enum lifecycle_state state)
{
    switch (state) {
    case LIFECYCLE_DELIVERED: return PLAN_ACT_DELIVER;
    case LIFECYCLE_SIGNED: return PLAN_ACT_SIGN;
    case LIFECYCLE_ACCEPTED: return PLAN_ACT_ACCEPT;
    case LIFECYCLE_GONE_OUT:
    case LIFECYCLE_REOPENED:
    case LIFECYCLE_PROGRESS: return PLAN_ACT_PROGRESS;
    case LIFECYCLE_SUBMITTED:
    case LIFECYCLE_RETURNED:
    case LIFECYCLE_CLOSED:
    case LIFECYCLE_STOOD_DOWN:
    case LIFECYCLE_TRANSFERRED:
    case LIFECYCLE_MERGED:
    case LIFECYCLE_WITHDRAWN:
    case LIFECYCLE_OBJECTED:
    case LIFECYCLE_UPHELD:
    case LIFECYCLE_STATE_COUNT: break;
    }
    return PLAN_ACT_NONE;
}

int lifecycle_check_officer(const struct plan_kind *kind, const char *officer,
                            struct error *ret_error)
{
    if (kind->act == PLAN_ACT_NONE || (officer && officer[0])) return 0;
    return error_say(ret_error, E_MISSING_FIELD, "officer",
                     "%s是人的行为，须注明经办人代码（命令行：--officer 或 $LEADBUS_OFFICER）",
                     "%s is a person's act: name the officer by code (leadbus: --officer or "
                     "$LEADBUS_OFFICER)",
                     kind->slug);
}

/* Without what it widens, nobody could stand the two down together. */
static bool lifecycle_follows(const struct plan_kind *kind, const char *topic)
{
    for (size_t i = 0; topic && i < sizeof lifecycle_followers / sizeof *lifecycle_followers; i++)
        if (kind->family == lifecycle_followers[i].family &&
            strcmp(topic, lifecycle_followers[i].topic) == 0)
            return true;
    return false;
}

int lifecycle_check_opening(const struct plan_kind *kind, const char *topic,
                            struct error *ret_error)
{
    if (kind->act == PLAN_ACT_NONE && lifecycle_follows(kind, topic))
        return error_say(ret_error, E_LIFECYCLE_ORDER, "parent",
                         "%s 更新或扩大已发布的警报，不能另开线索：请写明该警报（--parent 编号）",
                         "%s revises or widens an alert, and opens no thread of its own: name the "
                         "alert (--parent ID)",
                         topic);
    bool lists = kind->act == PLAN_ACT_SUPERVISE &&
                 !(lifecycle_topic_facts(kind->act, topic) & LIFECYCLE_FACT_LIFTS);
    if (kind->act == PLAN_ACT_NONE || kind->act == PLAN_ACT_HAND_IN || lists) return 0;
    (void)error_set(ret_error, E_LIFECYCLE_ORDER, "parent", "%s: it refers to what it is about",
                    plan_act_name(kind->act));
    (void)error_note_zh(ret_error, "%s：须引用所办理的消息",
                        lifecycle_act_text(kind->act, LANG_ZH));
    return E_LIFECYCLE_ORDER;
}

int lifecycle_check_parent(const struct plan_kind *kind, const char *topic,
                           const struct plan_kind *parent, struct error *ret_error)
{
    bool follows = kind->act == PLAN_ACT_NONE && lifecycle_follows(kind, topic);
    bool alike = parent->family == kind->family;
    if (!follows || alike) return 0;
    (void)error_set(ret_error, E_LIFECYCLE_ORDER, "parent",
                    "%s revises or widens an alert, and %s is none: name the alert (--parent ID)",
                    topic, parent->slug);
    (void)error_note_zh(
        ret_error, "%s 更新或扩大已发布的警报，所引的“%s”不是警报：请写明该警报（--parent 编号）",
        topic, lifecycle_kind_zh(parent));
    return E_LIFECYCLE_ORDER;
}

int lifecycle_check_outcome(const struct plan_kind *kind, const struct plan_kind *closing,
                            const char *outcome, struct error *ret_error)
{
    char list[ERROR_DETAIL_LEN_MAX / 2] = "";
    size_t len = 0;
    if (closing->act != PLAN_ACT_CLOSE || kind->outcome_count == 0 || !outcome || !outcome[0])
        return 0;
    for (size_t i = 0; i < kind->outcome_count; i++) {
        if (strcmp(kind->outcomes[i], outcome) == 0) return 0;
        int more =
            snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", kind->outcomes[i]);
        len += more > 0 && (size_t)more < sizeof list - len ? (size_t)more : 0;
        list[len] = 0;
    }
    return error_say(ret_error, E_TOPIC_UNKNOWN, "topic", "该种类只能以下列结果办结：%s",
                     "it may be closed with one of these alone: %s", list);
}

/* Some row of the kind leads to the unit that the header names. */
static bool lifecycle_routes_to_target(const struct plan_kind *kind)
{
    for (size_t i = 0; i < kind->row_count; i++)
        if (kind->rows[i].source == PLAN_ROW_TARGET) return true;
    return false;
}

int lifecycle_check_named(const struct plan_kind *kind, const char *topic, const char *target,
                          bool other, struct error *ret_error)
{
    bool named = target && target[0];
    bool passes = kind->act == PLAN_ACT_TRANSFER || kind->act == PLAN_ACT_ASK_RELEASE;
    bool names = passes || lifecycle_routes_to_target(kind);
    bool links = kind->act == PLAN_ACT_LINK ||
                 (lifecycle_topic_facts(kind->act, topic) & LIFECYCLE_FACT_MERGES) != 0;
    if (passes && !named)
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "须写明转给哪个单位",
                         "name the unit that it is passed on to");
    if (names && !named)
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "须写明发给哪个单位",
                         "name the unit that it is for");
    if (!names && named) {
        (void)error_set(ret_error, E_BAD_VALUE, "target",
                        "who receives %s is derived from the plan: no unit is named", kind->slug);
        (void)error_note_zh(ret_error, "“%s”发给谁由方案推导，不另指定单位",
                            lifecycle_kind_zh(kind));
        return E_BAD_VALUE;
    }
    if (links && !other)
        return error_say(ret_error, E_OTHER_THREAD, "other", "须写明另一线索",
                         "name the other thread");
    if (!links && other)
        return error_say(ret_error, E_BAD_VALUE, "other", "%s 只涉及一条线索",
                         "%s is about one thread", kind->slug);
    return 0;
}

bool lifecycle_leg_done(const struct plan_kind *kind, enum lifecycle_state state)
{
    if (lifecycle_ended(state)) return true;
    if (plan_kind_expects(kind, PLAN_ACT_CLOSE)) return false;
    enum plan_act reached = lifecycle_reached(state);
    /* Nothing is expected beyond what is reached. */
    return reached != PLAN_ACT_NONE && kind->expects >> (reached + 1) == 0;
}

enum plan_act lifecycle_owed(const struct plan_kind *kind, enum lifecycle_state state)
{
    if (lifecycle_leg_done(kind, state)) return PLAN_ACT_NONE;
    if (lifecycle_reached(state) < PLAN_ACT_SIGN && plan_kind_expects(kind, PLAN_ACT_SIGN))
        return PLAN_ACT_SIGN;
    if (lifecycle_reached(state) < PLAN_ACT_ACCEPT && plan_kind_expects(kind, PLAN_ACT_ACCEPT))
        return PLAN_ACT_ACCEPT;
    return PLAN_ACT_CLOSE;
}

enum lifecycle_thread lifecycle_thread(const struct lifecycle_leg *legs, size_t count)
{
    if (count == 0) return LIFECYCLE_THREAD_NONE;
    for (size_t i = 0; i < count; i++) {
        if (!lifecycle_leg_done(legs[i].kind, legs[i].state)) return LIFECYCLE_THREAD_OPEN;
    }
    /* The youngest primary leg decides: a return is followed by a new message to somebody else. */
    for (size_t i = count; i-- > 0;) {
        if (legs[i].primary)
            return legs[i].state == LIFECYCLE_RETURNED ? LIFECYCLE_THREAD_OPEN
                                                       : LIFECYCLE_THREAD_CLOSED;
    }
    return LIFECYCLE_THREAD_CLOSED;
}

static const char *const lifecycle_state_names[LIFECYCLE_STATE_COUNT] = {
#define STATE(name, number, slug, ...) [number] = slug,
#include "proto/plan/lifecycle.def"
};
static const char *const lifecycle_state_texts[LIFECYCLE_STATE_COUNT][2] = {
#define STATE(name, number, slug, zh, en) [number] = {zh, en},
#include "proto/plan/lifecycle.def"
};
static const char *const lifecycle_role_names[LIFECYCLE_ROLE_COUNT] = {
#define ROLE(name, slug, ...) slug,
#include "proto/plan/lifecycle.def"
};
static const char *const lifecycle_role_texts[LIFECYCLE_ROLE_COUNT][2] = {
#define ROLE(name, slug, zh, en) {zh, en},
#include "proto/plan/lifecycle.def"
};

const char *lifecycle_state_name(enum lifecycle_state state)
{
    return (unsigned)state < LIFECYCLE_STATE_COUNT ? lifecycle_state_names[state] : "unknown";
}

const char *lifecycle_state_text(enum lifecycle_state state, enum lang lang)
{
    if ((unsigned)state >= LIFECYCLE_STATE_COUNT) return lang == LANG_EN ? "unknown" : "未知";
    return lifecycle_state_texts[state][lang == LANG_EN];
}

const char *lifecycle_act_text(enum plan_act act, enum lang lang)
{
    if ((unsigned)act >= PLAN_ACT_COUNT) return lang == LANG_EN ? "unknown" : "未知";
    return lang == LANG_EN ? lifecycle_acts[act].en : lifecycle_acts[act].zh;
}

const char *lifecycle_role_name(enum lifecycle_role role)
{
    return (unsigned)role < LIFECYCLE_ROLE_COUNT ? lifecycle_role_names[role] : "unknown";
}

const char *lifecycle_role_text(enum lifecycle_role role, enum lang lang)
{
    if ((unsigned)role >= LIFECYCLE_ROLE_COUNT) return lang == LANG_EN ? "unknown" : "未知";
    return lifecycle_role_texts[role][lang == LANG_EN];
}

const char *lifecycle_fact_name(enum lifecycle_fact_number fact)
{
    return (unsigned)fact < LIFECYCLE_FACT_COUNT ? lifecycle_facts[fact].name : "unknown";
}

const char *lifecycle_fact_text(enum lifecycle_fact_number fact, enum lang lang)
{
    if ((unsigned)fact >= LIFECYCLE_FACT_COUNT) return lang == LANG_EN ? "unknown" : "未知";
    return lang == LANG_EN ? lifecycle_facts[fact].en : lifecycle_facts[fact].zh;
}

int lifecycle_fact_code(enum lifecycle_fact_number fact)
{
    return (unsigned)fact < LIFECYCLE_FACT_COUNT ? lifecycle_facts[fact].code : E_LIFECYCLE_ORDER;
}
