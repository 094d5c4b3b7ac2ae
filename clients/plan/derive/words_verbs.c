/* Words that give a unit its role in running text. */
#include "clients/plan/derive/words_inner.h"

static const struct {
    const uint32_t *text;
    enum verb_kind kind;
    enum role role;
    bool weak;
} verbs[] = {
    {U"牵头", VERB_ROLE, ROLE_HEAD, false},      {U"主办", VERB_ROLE, ROLE_HEAD, false},
    {U"主责", VERB_ROLE, ROLE_HEAD, false},      {U"负总责", VERB_ROLE, ROLE_HEAD, false},
    {U"负主责", VERB_ROLE, ROLE_HEAD, false},    {U"抓总", VERB_ROLE, ROLE_HEAD, false},
    {U"负责", VERB_ROLE, ROLE_LEAD, false},      {U"承办", VERB_ROLE, ROLE_LEAD, false},
    {U"责任", VERB_IS, ROLE_LEAD, false},        {U"主要责任", VERB_IS, ROLE_HEAD, false},
    {U"组长", VERB_IS, ROLE_HEAD, false},        {U"成员", VERB_IS, ROLE_COOP, false},
    {U"配合", VERB_ROLE, ROLE_COOP, false},      {U"协助", VERB_ROLE, ROLE_COOP, false},
    {U"协办", VERB_ROLE, ROLE_COOP, false},      {U"参与", VERB_ROLE, ROLE_COOP, false},
    {U"参加", VERB_ROLE, ROLE_COOP, false},      {U"会办", VERB_ROLE, ROLE_COOP, true},
    {U"会同", VERB_WITH, ROLE_COOP, false},      {U"分工落实", VERB_ROLE, ROLE_LEAD, true},
    {U"按职责分工", VERB_ROLE, ROLE_LEAD, true}, {U"按照职责分工", VERB_ROLE, ROLE_LEAD, true},
    {U"按职责", VERB_ROLE, ROLE_LEAD, true},     {U"各负其责", VERB_ROLE, ROLE_LEAD, true},
    {U"各司其职", VERB_ROLE, ROLE_LEAD, true},   {U"组织实施", VERB_ROLE, ROLE_LEAD, true},
    {U"实施", VERB_ROLE, ROLE_LEAD, true},       {U"落实", VERB_ROLE, ROLE_LEAD, true},
    {U"承担", VERB_ROLE, ROLE_LEAD, true},       {U"执行", VERB_ROLE, ROLE_LEAD, true},
    {U"主管", VERB_ROLE, ROLE_LEAD, true},       {U"组成", VERB_ROLE, ROLE_COOP, true},
    {U"联合开展", VERB_ROLE, ROLE_LEAD, true},   {U"共同开展", VERB_ROLE, ROLE_LEAD, true},
    {U"协作", VERB_ROLE, ROLE_COOP, true},       {U"协同", VERB_WITH, ROLE_COOP, true},
    {U"支持", VERB_ROLE, ROLE_COOP, true},       {U"支援", VERB_ROLE, ROLE_COOP, true},
    {U"联合", VERB_WITH, ROLE_COOP, true},       {U"商", VERB_WITH, ROLE_COOP, true},
    {U"会", VERB_WITH, ROLE_COOP, true},         {U"指导", VERB_ROLE, ROLE_OTHER, true},
    {U"监督", VERB_ROLE, ROLE_OTHER, true},      {U"督办", VERB_ROLE, ROLE_OTHER, true},
    {U"督导", VERB_ROLE, ROLE_OTHER, true},
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

/* 负责人 and 负责同志 are people, 负责制 is a system; 负责制定 is a verb. */
static bool is_no_verb(struct span rest)
{
    static const uint32_t *const nouns[] = {U"人", U"同志", U"领导", U"科室"};
    static const uint32_t acts[] = U"定订作发止造";
    if (span_starts(rest, U"制")) return rest.len < 2 || !words_is_any(rest.f[1], acts);
    return STARTS_ANY(rest, nouns) > 0;
}

/* A word that names have too counts where it ends the chunk behind a unit, or joins two units. One
 * character, as in 省民政厅会省财政厅, only between two whole ones. */
static bool weak_holds(struct span before, struct span after, enum verb_kind kind, size_t len)
{
    bool shared = false;
    if (len == 1 && (before.len == 0 || !words_begins(before) || !words_begins(after)))
        return false;
    struct span name = words_strip(before, &shared);
    if (kind == VERB_WITH && after.len > 0)
        return (before.len == 0 || words_unit(name)) && words_unit_start(after) > 0;
    return after.len == 0 && (before.len == 0 || name.len == 0 || words_unit(name));
}

static struct verb verb_at(struct span span, size_t at, size_t row)
{
    struct verb verb = {verbs[row].kind, verbs[row].role, at, words_len(verbs[row].text),
                        verbs[row].weak};
    struct span before = span_sub(span, 0, at);
    struct span after = span_sub(span, at + verb.len, span.len);
    size_t noun = words_noun_start(after);
    bool person = verb.role == ROLE_LEAD || verb.role == ROLE_HEAD;
    if (person && is_no_verb(after)) return (struct verb){0};
    bool nominal = verb.kind == VERB_IS; /* 责任 is no verb but in 为责任单位 */
    if (noun > 0 && (verb.kind == VERB_ROLE || nominal)) {
        bool is = span_ends(before, U"为") || span_ends(before, U"是");
        if (nominal && !is) return (struct verb){0};
        /* 各项目牵头单位 are whoever heads them. */
        if (!is && span_starts(before, U"各") && (span.c[at] & WORDS_GAP) == 0)
            return (struct verb){0};
        verb.kind = is ? VERB_IS : VERB_LABEL;
        verb.len += noun;
        if (is) {
            verb.at--;
            verb.len++;
        }
        return verb;
    }
    if (nominal) return (struct verb){0};
    if (verb.weak && !weak_holds(before, after, verb.kind, verb.len)) return (struct verb){0};
    /* 协同 at the end of a chunk is no more than 配合. */
    if (verb.kind == VERB_WITH && after.len == 0) verb.kind = VERB_ROLE;
    return verb;
}

struct verb words_verb(struct span span)
{
    enum { VERB_AT_MAX = 100 }; /* a unit and what may stand between it and its verb */
    size_t depth = 0;
    for (size_t i = 0; i < span.len && i <= VERB_AT_MAX; i++) {
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && depth > 0) depth--;
        for (size_t row = 0; depth == 0 && row < VERB_COUNT; row++) {
            if (verbs[row].text[0] != span.f[i]) continue;
            if (!span_starts(span_sub(span, i, span.len), verbs[row].text)) continue;
            struct verb verb = verb_at(span, i, row);
            if (verb.kind != VERB_NONE) return verb;
        }
    }
    return (struct verb){0};
}

bool words_role_at(struct span span, size_t at)
{
    static const uint32_t firsts[] = U"牵主负承配协参会责分各落组实支联单部";
    static const uint32_t *const words[] = {
        U"牵头",     U"主办", U"主责", U"负责", U"负总责", U"承办", U"配合",     U"协助",
        U"协同",     U"协办", U"参与", U"参加", U"会同",   U"责任", U"分工",     U"落实",
        U"组织实施", U"实施", U"支持", U"联合", U"单位",   U"部门", U"各司其职", U"各负其责"};
    if (!words_is_any(span.f[at], firsts)) return false;
    span = span_sub(span, at, span.len);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(span, words[i])) return true;
    return false;
}
