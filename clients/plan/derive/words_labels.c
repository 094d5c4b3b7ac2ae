/* Labels ahead of units, and heads of columns. */
#include "clients/plan/derive/words_inner.h"

struct role_word {
    const uint32_t *text;
    enum role role;
};

/* Before 单位 and 部门; the longest that fits counts, so those that end in another stand first. */
static const struct role_word label_words[] = {
    {U"第二责任", ROLE_COOP}, {U"配合责任", ROLE_COOP}, {U"协助责任", ROLE_COOP},
    {U"协同责任", ROLE_COOP}, {U"参与责任", ROLE_COOP}, {U"其他责任", ROLE_COOP},
    {U"协同配合", ROLE_COOP}, {U"参与配合", ROLE_COOP}, {U"协助配合", ROLE_COOP},
    {U"配合协助", ROLE_COOP}, {U"牵头责任", ROLE_HEAD}, {U"责任牵头", ROLE_HEAD},
    {U"牵头负责", ROLE_HEAD}, {U"主要责任", ROLE_HEAD}, {U"第一责任", ROLE_HEAD},
    {U"首要责任", ROLE_HEAD}, {U"主要负责", ROLE_HEAD}, {U"牵头主办", ROLE_HEAD},
    {U"总牵头", ROLE_HEAD},   {U"牵头", ROLE_HEAD},     {U"主办", ROLE_HEAD},
    {U"主责", ROLE_HEAD},     {U"承办", ROLE_LEAD},     {U"负责", ROLE_LEAD},
    {U"责任", ROLE_LEAD},     {U"组织实施", ROLE_LEAD}, {U"实施", ROLE_LEAD},
    {U"落实", ROLE_LEAD},     {U"主管", ROLE_LEAD},     {U"执行", ROLE_LEAD},
    {U"配合", ROLE_COOP},     {U"协办", ROLE_COOP},     {U"协同", ROLE_COOP},
    {U"协助", ROLE_COOP},     {U"协作", ROLE_COOP},     {U"参与", ROLE_COOP},
    {U"参加", ROLE_COOP},     {U"支持", ROLE_COOP},     {U"会办", ROLE_COOP},
    {U"联办", ROLE_COOP},     {U"协管", ROLE_COOP},     {U"支撑", ROLE_COOP},
    {U"保障", ROLE_COOP},     {U"组长", ROLE_HEAD},     {U"成员", ROLE_COOP},
    {U"联动", ROLE_COOP},     {U"督办", ROLE_OTHER},    {U"督查", ROLE_OTHER},
    {U"督导", ROLE_OTHER},    {U"指导", ROLE_OTHER},    {U"监督", ROLE_OTHER},
    {U"验收", ROLE_OTHER},    {U"考核", ROLE_OTHER},    {U"业务指导", ROLE_OTHER},
};
enum { LABEL_WORD_COUNT = sizeof label_words / sizeof label_words[0] };

static const uint32_t *const label_nouns[] = {U"单位", U"部门", U"处室", U"科室", U"机关",
                                              U"主体", U"机构", U"站所", U"股室", U"站办",
                                              U"办所", U"处所", U"队所", U"科所"};
enum { LABEL_NOUN_COUNT = sizeof label_nouns / sizeof label_nouns[0] };

/* What may stand before the word of a role in a label. */
static const uint32_t *const label_leads[] = {
    U"市级", U"省级", U"区级", U"县级", U"州级", U"镇级", U"各",   U"总",   U"共同",
    U"主要", U"其他", U"其它", U"相关", U"有关", U"任务", U"工作", U"本项", U"该项",
    U"具体", U"本条", U"拟",   U"市",   U"区",   U"县",   U"省",   U"项目", U"业务",
};

/* What a label without units ends with. */
static const uint32_t *const label_others[] = {
    U"领导", U"责任人", U"负责人", U"联系人", U"联络人", U"联络员", U"电话", U"时限", U"时间",
    U"期限", U"进度",   U"节点",   U"目标",   U"备注",   U"措施",   U"要求", U"内容", U"成果",
    U"形式", U"方式",   U"地点",   U"范围",   U"标准",   U"来源",   U"依据", U"说明", U"任务",
    U"重点", U"指标",   U"同志",   U"完成",   U"事项",   U"名称",   U"步骤", U"安排", U"责任科长",
};

/* Such labels in full; those that end in another stand first. */
static const uint32_t *const skip_labels[] = {
    U"完成时限", U"完成时间", U"完成期限", U"办结时限", U"办结时间", U"推进时限", U"推进时间",
    U"实施时间", U"实施期限", U"截止时间", U"时限要求", U"时间要求", U"时间节点", U"时间安排",
    U"进度安排", U"进度要求", U"工作目标", U"目标任务", U"工作要求", U"责任领导", U"牵头领导",
    U"分管领导", U"配合领导", U"包保领导", U"联系领导", U"督办领导", U"市领导",   U"区领导",
    U"县领导",   U"责任人",   U"负责人",   U"联系人",   U"联络员",   U"联络人",   U"联系电话",
    U"备注",     U"时限",     U"期限",
};

static enum role ends_role(struct span span, size_t *ret_len)
{
    for (size_t i = 0; i < LABEL_WORD_COUNT; i++) {
        if (!span_ends(span, label_words[i].text)) continue;
        *ret_len = words_len(label_words[i].text);
        return label_words[i].role;
    }
    return ROLE_NONE;
}

/* "(责任)" inside or behind a label. */
static struct span without_bracket(struct span span)
{
    enum { BRACKET_LEN_MAX = 24 };
    if (span.len == 0 || !words_closes(span.f[span.len - 1])) return span;
    size_t open = span_open(span, span.len - 1);
    if (open != SPAN_NONE && span.len - open <= BRACKET_LEN_MAX) span.len = open;
    return span;
}

/* Nouns off the end: "部门和单位". Their length; 0: none. */
static struct span without_nouns(struct span span)
{
    static const uint32_t *const joints[] = {U"和", U"及", U"或", U"与", U"、", U"/"};
    size_t len = ENDS_ANY(span, label_nouns);
    while (len > 0) {
        span.len -= len;
        size_t joint = ENDS_ANY(span, joints);
        len = joint ? ENDS_ANY(span_sub(span, 0, span.len - joint), label_nouns) : 0;
        if (len > 0) len += joint;
    }
    return span;
}

size_t words_label_persons(struct span span)
{
    static const uint32_t *const tails[] = {U"及责任人", U"和责任人", U"、责任人",   U"及负责人",
                                            U"和负责人", U"、负责人", U"及责任领导", U"和责任领导"};
    return ENDS_ANY(span, tails);
}

enum role words_label(struct span span, size_t *ret_start)
{
    enum { LABEL_LEN_MAX = 32 };
    size_t skipped = span.len > LABEL_LEN_MAX ? span.len - LABEL_LEN_MAX : 0;
    size_t len = 0;
    span = without_bracket(span_sub(span, skipped, span.len));
    span.len -= words_label_persons(span);
    struct span stem = without_nouns(span);
    bool bare = stem.len == span.len;
    if (!bare) stem = without_bracket(stem);
    enum role role = ends_role(stem, &len);
    if (role == ROLE_NONE || (bare && stem.len > len + 4)) {
        if (!ENDS_ANY(span, label_others)) return ROLE_NONE;
        /* Where such a label begins its words say, or white space. */
        size_t known = ENDS_ANY(span, skip_labels);
        size_t at = known > 0 ? span.len - known : span.len - 1;
        while (known == 0 && at > 0 && !(span.c[at] & WORDS_GAP)) at--;
        *ret_start = skipped + at;
        return ROLE_SKIP;
    }
    stem.len -= len;
    while ((len = ENDS_ANY(stem, label_leads)) > 0) stem.len -= len;
    *ret_start = skipped + stem.len;
    return role;
}

bool words_label_noun(struct span span)
{
    return ENDS_ANY(without_bracket(span), label_nouns) > 0;
}

size_t words_label_start(struct span span, enum role *ret_role)
{
    for (size_t i = 0; i < LABEL_WORD_COUNT; i++) {
        if (!span_starts(span, label_words[i].text)) continue;
        size_t len = words_len(label_words[i].text);
        struct span rest = span_sub(span, len, span.len);
        if (rest.len > 0 && rest.f[0] == '(') {
            size_t close = span_close(rest, 0);
            if (close != SPAN_NONE && close < 6) rest = span_sub(rest, close + 1, rest.len);
        }
        for (size_t j = 0; j < LABEL_NOUN_COUNT; j++) {
            if (!span_starts(rest, label_nouns[j])) continue;
            *ret_role = label_words[i].role;
            return span.len - rest.len + words_len(label_nouns[j]);
        }
    }
    return 0;
}

enum role words_role(struct span span)
{
    size_t len = 0;
    enum role role = ROLE_NONE;
    if (words_label_start(span, &role) == span.len && span.len > 0) return role;
    role = ends_role(span, &len);
    return len == span.len ? role : ROLE_NONE;
}

size_t words_noun_start(struct span span)
{
    for (size_t i = 0; i < LABEL_NOUN_COUNT; i++) {
        if (!span_starts(span, label_nouns[i])) continue;
        return words_len(label_nouns[i]);
    }
    return 0;
}

bool words_column(struct span span)
{
    static const uint32_t *const columns[] = {
        U"序号", U"编号", U"类别", U"项目", U"任务",     U"措施", U"内容", U"事项",   U"目标",
        U"时限", U"时间", U"进度", U"备注", U"责任领导", U"期限", U"领导", U"指标",   U"要求",
        U"成果", U"名称", U"节点", U"举措", U"责任人",   U"分类", U"条款", U"工作",   U"负责人",
        U"依据", U"目录", U"重点", U"标准", U"方式",     U"安排", U"情况", U"联系人", U"电话",
    };
    enum { COLUMN_LEN_MAX = 10 };
    span = without_bracket(span_trim(span));
    return span.len > 0 && span.len <= COLUMN_LEN_MAX && ENDS_ANY(span, columns) > 0;
}
