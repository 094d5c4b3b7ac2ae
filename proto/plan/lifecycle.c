#include "proto/plan/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"

#define ROLE(role) (1u << LIFECYCLE_ROLE_##role)
#define LEG        ROLE(LEG)
#define BUS        ROLE(BUS)
#define CHASE      (ROLE(ORIGINATOR) | ROLE(OFFICE))
#define SENDER     ROLE(ORIGINATOR)
#define TELLS      LIFECYCLE_EFFECT_DELIVERED
#define ENDS       LIFECYCLE_EFFECT_ENDS_LEG
#define BIT(act)   PLAN_ACT_BIT(PLAN_ACT_##act)
#define ROW(state, act, roles, next, effects, wants, forbids)                                      \
    {                                                                                              \
        LIFECYCLE_##state, PLAN_ACT_##act, roles, LIFECYCLE_##next, effects, wants, forbids        \
    }

/* Columns: state, act, roles, next, effects, the kind must expect, the kind must not expect. */
static const struct lifecycle_row lifecycle_table[] = {
    /* The machine's acknowledgement may come after the person's act; it changes nothing then. */
    ROW(SUBMITTED, DELIVER, BUS, DELIVERED, TELLS, 0, 0),
    ROW(DELIVERED, DELIVER, BUS, DELIVERED, 0, 0, 0),
    ROW(SIGNED, DELIVER, BUS, SIGNED, 0, 0, 0),
    ROW(ACCEPTED, DELIVER, BUS, ACCEPTED, 0, 0, 0),
    ROW(RETURNED, DELIVER, BUS, RETURNED, 0, 0, 0),
    ROW(PROGRESS, DELIVER, BUS, PROGRESS, 0, 0, 0),
    ROW(CLOSED, DELIVER, BUS, CLOSED, 0, 0, 0),
    ROW(STOOD_DOWN, DELIVER, BUS, STOOD_DOWN, 0, 0, 0),
    /* The chain. */
    ROW(SUBMITTED, SIGN, LEG, SIGNED, TELLS, BIT(SIGN), 0),
    ROW(DELIVERED, SIGN, LEG, SIGNED, 0, BIT(SIGN), 0),
    ROW(SIGNED, ACCEPT, LEG, ACCEPTED, 0, BIT(ACCEPT), 0),
    ROW(SIGNED, RETURN, LEG, RETURNED, ENDS, BIT(ACCEPT), 0),
    ROW(ACCEPTED, PROGRESS, LEG, PROGRESS, 0, 0, 0),
    ROW(PROGRESS, PROGRESS, LEG, PROGRESS, 0, 0, 0),
    ROW(SIGNED, CLOSE, LEG, CLOSED, ENDS, BIT(CLOSE), BIT(ACCEPT)),
    ROW(ACCEPTED, CLOSE, LEG, CLOSED, ENDS, BIT(CLOSE), 0),
    ROW(PROGRESS, CLOSE, LEG, CLOSED, ENDS, BIT(CLOSE), 0),
    /* Chasing changes no state; a leg that has ended is not chased. */
    ROW(SUBMITTED, URGE, CHASE, SUBMITTED, 0, 0, 0),
    ROW(DELIVERED, URGE, CHASE, DELIVERED, 0, 0, 0),
    ROW(SIGNED, URGE, CHASE, SIGNED, 0, 0, 0),
    ROW(ACCEPTED, URGE, CHASE, ACCEPTED, 0, 0, 0),
    ROW(PROGRESS, URGE, CHASE, PROGRESS, 0, 0, 0),
    /* Only who issued an alert takes it back, whatever a leg has done so far. */
    ROW(SUBMITTED, STAND_DOWN, SENDER, STOOD_DOWN, ENDS, 0, 0),
    ROW(DELIVERED, STAND_DOWN, SENDER, STOOD_DOWN, ENDS, 0, 0),
    ROW(SIGNED, STAND_DOWN, SENDER, STOOD_DOWN, ENDS, 0, 0),
    ROW(ACCEPTED, STAND_DOWN, SENDER, STOOD_DOWN, ENDS, 0, 0),
    ROW(PROGRESS, STAND_DOWN, SENDER, STOOD_DOWN, ENDS, 0, 0),
};
enum { LIFECYCLE_ROW_COUNT = sizeof lifecycle_table / sizeof lifecycle_table[0] };

const struct lifecycle_row *lifecycle_rows(size_t *ret_count)
{
    *ret_count = LIFECYCLE_ROW_COUNT;
    return lifecycle_table;
}

static bool lifecycle_role_may(enum plan_act act, enum lifecycle_role role)
{
    for (size_t i = 0; i < LIFECYCLE_ROW_COUNT; i++) {
        if (lifecycle_table[i].act == act && (lifecycle_table[i].roles >> role & 1) != 0)
            return true;
    }
    return false;
}

static const struct lifecycle_row *lifecycle_find(const struct plan_kind *kind,
                                                  enum lifecycle_state state, enum plan_act act,
                                                  enum lifecycle_role role)
{
    for (size_t i = 0; i < LIFECYCLE_ROW_COUNT; i++) {
        const struct lifecycle_row *row = &lifecycle_table[i];
        if (row->state != state || row->act != act) continue;
        if ((row->roles >> role & 1) == 0) continue;
        if (row->wants != 0 && (row->wants & kind->expects) == 0) continue;
        if ((row->forbids & kind->expects) != 0) continue;
        return row;
    }
    return NULL;
}

/* What has to come first, or why nothing more may come: for who tried it. */
static int lifecycle_refuse(const struct plan_kind *kind, enum lifecycle_state state,
                            enum plan_act act, struct error *ret_error)
{
    bool fresh = state == LIFECYCLE_SUBMITTED || state == LIFECYCLE_DELIVERED;
    bool taken = state == LIFECYCLE_ACCEPTED || state == LIFECYCLE_PROGRESS;
    bool accepts = plan_kind_expects(kind, PLAN_ACT_ACCEPT);
    int code = E_LIFECYCLE_ORDER;

    if (state == LIFECYCLE_CLOSED || state == LIFECYCLE_RETURNED || state == LIFECYCLE_STOOD_DOWN) {
        (void)error_set(ret_error, code, NULL, "this unit's part is over: %s",
                        lifecycle_state_text(state, LANG_EN));
        (void)error_note_zh(ret_error, "本单位办理已结束：%s",
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
        (void)error_note_zh(ret_error, "“%s”无须%s", kind->name_zh,
                            lifecycle_act_text(act, LANG_ZH));
    } else if (fresh) {
        bool then = accepts && (act == PLAN_ACT_PROGRESS || act == PLAN_ACT_CLOSE);
        (void)error_set(ret_error, code, NULL, "sign for it first%s",
                        then ? ", then accept it" : "");
        (void)error_note_zh(ret_error, "请先签收%s", then ? "，再受理" : "");
    } else if (state == LIFECYCLE_SIGNED && accepts) {
        code = error_say(ret_error, code, NULL, "请先受理", "accept it first");
    } else {
        (void)error_set(ret_error, code, NULL, "%s: %s does not follow %s", kind->slug,
                        plan_act_name(act), lifecycle_state_name(state));
        (void)error_note_zh(ret_error, "“%s”在%s之后不能%s", kind->name_zh,
                            lifecycle_state_text(state, LANG_ZH), lifecycle_act_text(act, LANG_ZH));
    }
    return code;
}

int lifecycle_next(const struct plan_kind *kind, enum lifecycle_state state, enum plan_act act,
                   enum lifecycle_role role, struct lifecycle_step *ret_step,
                   struct error *ret_error)
{
    if ((unsigned)state >= LIFECYCLE_STATE_COUNT || (unsigned)act >= PLAN_ACT_COUNT ||
        (unsigned)role >= LIFECYCLE_ROLE_COUNT)
        return error_set(ret_error, E_LIFECYCLE_ORDER, NULL, "no such state, act or role");
    if (!lifecycle_role_may(act, role)) {
        (void)error_set(ret_error, E_LIFECYCLE_ROLE, NULL, "%s may not %s",
                        lifecycle_role_text(role, LANG_EN), lifecycle_act_text(act, LANG_EN));
        (void)error_note_zh(ret_error, "%s不能%s", lifecycle_role_text(role, LANG_ZH),
                            lifecycle_act_text(act, LANG_ZH));
        return E_LIFECYCLE_ROLE;
    }
    if (act == PLAN_ACT_RETURN && !kind->returnable) {
        (void)error_set(ret_error, E_RETURN_NOT_ALLOWED, "kind", "%s may not be returned",
                        kind->slug);
        (void)error_note_zh(ret_error, "“%s”不得退回", kind->name_zh);
        return E_RETURN_NOT_ALLOWED;
    }
    if (act == PLAN_ACT_STAND_DOWN && kind->family != PLAN_FAMILY_ALERT) {
        (void)error_set(ret_error, E_LIFECYCLE_ORDER, "kind",
                        "%s is no alert: there is nothing to stand down", kind->slug);
        (void)error_note_zh(ret_error, "“%s”不是警报，无须解除", kind->name_zh);
        return E_LIFECYCLE_ORDER;
    }
    const struct lifecycle_row *row = lifecycle_find(kind, state, act, role);
    if (!row) return lifecycle_refuse(kind, state, act, ret_error);
    *ret_step = (struct lifecycle_step){row->next, row->effects};
    return 0;
}

/* The furthest act of the chain that a state has behind it. */
static enum plan_act lifecycle_reached(enum lifecycle_state state)
{
    switch (state) {
    case LIFECYCLE_DELIVERED: return PLAN_ACT_DELIVER;
    case LIFECYCLE_SIGNED: return PLAN_ACT_SIGN;
    case LIFECYCLE_ACCEPTED: return PLAN_ACT_ACCEPT;
    case LIFECYCLE_PROGRESS: return PLAN_ACT_PROGRESS;
    case LIFECYCLE_SUBMITTED:
    case LIFECYCLE_RETURNED:
    case LIFECYCLE_CLOSED:
    case LIFECYCLE_STOOD_DOWN:
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

bool lifecycle_leg_done(const struct plan_kind *kind, enum lifecycle_state state)
{
    if (state == LIFECYCLE_CLOSED || state == LIFECYCLE_RETURNED || state == LIFECYCLE_STOOD_DOWN)
        return true;
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
    "submitted", "delivered", "signed", "accepted", "returned", "progress", "closed", "stood-down",
};
static const char *const lifecycle_state_texts[LIFECYCLE_STATE_COUNT][2] = {
    {"已提交", "submitted"}, {"已送达", "delivered"},  {"已签收", "signed for"},
    {"已受理", "accepted"},  {"已退回", "returned"},   {"办理中", "in progress"},
    {"已办结", "closed"},    {"已解除", "stood down"},
};
static const char *const lifecycle_act_texts[PLAN_ACT_COUNT][2] = {
    {"", ""},           {"送达", "deliver"}, {"签收", "sign for"},
    {"受理", "accept"}, {"退回", "return"},  {"反馈", "report progress"},
    {"办结", "close"},  {"催办", "urge"},    {"解除", "stand down"},
};
static const char *const lifecycle_role_names[LIFECYCLE_ROLE_COUNT] = {
    "leg", "originator", "copy", "office", "bus", "none",
};

static const char *const lifecycle_role_texts[LIFECYCLE_ROLE_COUNT][2] = {
    {"须签收单位", "a unit that must sign for it"},
    {"发送单位", "the sender"},
    {"抄送单位", "a unit that has a copy"},
    {"联席会议办公室", "the joint-conference office"},
    {"总线", "the bus"},
    {"未参与该线索的单位", "a unit that is not on the thread"},
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
    return lifecycle_act_texts[act][lang == LANG_EN];
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
