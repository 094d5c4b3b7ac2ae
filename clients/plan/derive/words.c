#include "clients/plan/derive/words.h"

#include "proto/base/check.h"

/* ---- characters -------------------------------------------------------------------------------
 */

static const uint32_t traditional[][2] = {
#define X(from, to) {from, to},
#include "clients/plan/derive/traditional.def"
#undef X
};
enum { TRADITIONAL_COUNT = sizeof traditional / sizeof traditional[0] };

static uint32_t fold_punctuation(uint32_t point)
{
    switch (point) {
    case U'【':
    case U'〔':
    case U'［':
    case U'〖':
    case U'〈':
    case '<':
    case '{': return '[';
    case U'】':
    case U'〕':
    case U'］':
    case U'〗':
    case U'〉':
    case '>':
    case '}': return ']';
    case U'﹙':
    case U'︵':
    case U'⟮': return '(';
    case U'﹚':
    case U'︶':
    case U'⟯': return ')';
    case U'∶':
    case U'﹕':
    case U'︰': return ':';
    case U'﹔': return ';';
    case U'﹐': return ',';
    case U'﹑':
    case U'､': return U'、';
    case U'｡': return U'。';
    case U'．':
    case U'﹒':
    case U'․': return '.';
    case U'〇': return U'零';
    default: return point;
    }
}

uint32_t words_fold(uint32_t point)
{
    if (point < 0x80)
        return point == '{' || point == '<' ? '[' : point == '}' || point == '>' ? ']' : point;
    if (point >= 0xff01 && point <= 0xff5e) point -= 0xff01 - 0x21;
    size_t low = 0, high = TRADITIONAL_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (traditional[middle][0] == point) return traditional[middle][1];
        if (traditional[middle][0] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return fold_punctuation(point);
}

bool words_opens(uint32_t folded)
{
    return folded == '(' || folded == '[';
}

bool words_closes(uint32_t folded)
{
    return folded == ')' || folded == ']';
}

bool words_dash(uint32_t folded)
{
    return folded == '-' || (folded >= 0x2010 && folded <= 0x2015) || folded == 0x2500 ||
           folded == 0x2501 || folded == 0x2212 || folded == 0xfe58 || folded == 0xfe63 ||
           folded == U'～' || folded == '~' || folded == U'﹣';
}

bool words_ideograph(uint32_t point)
{
    return (point >= 0x3400 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0x20000 && point <= 0x3fffd);
}

/* ---- spans ------------------------------------------------------------------------------------
 */

size_t words_len(const uint32_t *word)
{
    size_t len = 0;
    while (word[len]) len++;
    return len;
}

bool span_starts(struct span span, const uint32_t *word)
{
    size_t i = 0;
    while (i < span.len && word[i] && span.f[i] == word[i]) i++;
    return !word[i];
}

bool span_is(struct span span, const uint32_t *word)
{
    return span_starts(span, word) && words_len(word) == span.len;
}

bool span_ends(struct span span, const uint32_t *word)
{
    size_t len = words_len(word);
    return len <= span.len && span_starts(span_sub(span, span.len - len, span.len), word);
}

size_t span_find(struct span span, const uint32_t *word)
{
    for (size_t i = 0; i < span.len; i++)
        if (span.f[i] == word[0] && span_starts(span_sub(span, i, span.len), word)) return i;
    return SPAN_NONE;
}

bool span_equal(struct span a, struct span b)
{
    size_t i = 0;
    if (a.len != b.len) return false;
    while (i < a.len && a.f[i] == b.f[i]) i++;
    return i == a.len;
}

static bool is_any(uint32_t folded, const uint32_t *set)
{
    while (*set && *set != folded) set++;
    return *set != 0;
}

size_t span_find_any(struct span span, const uint32_t *set)
{
    size_t depth = 0;
    for (size_t i = 0; i < span.len; i++) {
        if (depth == 0 && is_any(span.f[i], set)) return i;
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && depth > 0) depth--;
    }
    return SPAN_NONE;
}

size_t span_close(struct span span, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < span.len; i++) {
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && --depth == 0) return i;
    }
    return SPAN_NONE;
}

size_t span_open(struct span span, size_t at)
{
    size_t depth = 0;
    for (size_t i = at + 1; i-- > 0;) {
        if (words_closes(span.f[i])) depth++;
        if (words_opens(span.f[i]) && --depth == 0) return i;
    }
    return SPAN_NONE;
}

static bool is_ornament(uint32_t folded)
{
    static const uint32_t set[] = U"、,;:.。·*★☆※#&!！?？\"'“”‘’「」『』《》<>/|…●■◆▲△";
    return is_any(folded, set);
}

struct span span_trim(struct span span)
{
    while (span.len > 0 && is_ornament(span.f[0])) span = span_sub(span, 1, span.len);
    while (span.len > 0 && is_ornament(span.f[span.len - 1])) span.len--;
    return span;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

size_t words_arabic(struct span span, uint32_t *ret_value)
{
    enum { DIGITS_MAX = 4 };
    uint32_t value = 0;
    size_t len = 0;
    while (len < span.len && words_digit(span.f[len])) {
        if (len == DIGITS_MAX) return 0;
        value = value * 10 + span.f[len++] - '0';
    }
    if (len == 0 || value == 0) return 0;
    *ret_value = value;
    return len;
}

static int chinese_digit(uint32_t folded)
{
    static const uint32_t digits[] = U"零一二三四五六七八九";
    for (int i = 0; i < 10; i++)
        if (digits[i] == folded) return i;
    return folded == U'两' ? 2 : -1;
}

size_t words_chinese(struct span span, uint32_t *ret_value)
{
    uint32_t value = 0, pending = 0;
    size_t len = 0;
    bool scaled = false;
    for (; len < span.len && len < 7; len++) {
        int digit = chinese_digit(span.f[len]);
        uint32_t scale = span.f[len] == U'十' ? 10 : span.f[len] == U'百' ? 100 : 0;
        if (digit < 0 && scale == 0) break;
        if (scale) {
            value += (pending ? pending : 1) * scale;
            pending = 0;
            scaled = true;
        } else {
            pending = scaled ? (uint32_t)digit : pending * 10 + (uint32_t)digit;
        }
    }
    value += pending;
    if (len == 0 || value == 0 || value > 9999) return 0;
    *ret_value = value;
    return len;
}

/* ---- roles ------------------------------------------------------------------------------------
 */

struct role_word {
    const uint32_t *text;
    enum role role;
};

/* Before 单位 and 部门; the longest that fits counts, so those that end in another stand first. */
static const struct role_word label_words[] = {
    {U"配合责任", ROLE_COOP}, {U"协助责任", ROLE_COOP}, {U"协同责任", ROLE_COOP},
    {U"参与责任", ROLE_COOP}, {U"其他责任", ROLE_COOP}, {U"协同配合", ROLE_COOP},
    {U"参与配合", ROLE_COOP}, {U"协助配合", ROLE_COOP}, {U"配合协助", ROLE_COOP},
    {U"牵头责任", ROLE_HEAD}, {U"责任牵头", ROLE_HEAD}, {U"牵头负责", ROLE_HEAD},
    {U"主要责任", ROLE_HEAD}, {U"第一责任", ROLE_HEAD}, {U"首要责任", ROLE_HEAD},
    {U"主要负责", ROLE_HEAD}, {U"牵头主办", ROLE_HEAD}, {U"总牵头", ROLE_HEAD},
    {U"牵头", ROLE_HEAD},     {U"主办", ROLE_HEAD},     {U"主责", ROLE_HEAD},
    {U"承办", ROLE_LEAD},     {U"负责", ROLE_LEAD},     {U"责任", ROLE_LEAD},
    {U"组织实施", ROLE_LEAD}, {U"实施", ROLE_LEAD},     {U"落实", ROLE_LEAD},
    {U"主管", ROLE_LEAD},     {U"执行", ROLE_LEAD},     {U"配合", ROLE_COOP},
    {U"协办", ROLE_COOP},     {U"协同", ROLE_COOP},     {U"协助", ROLE_COOP},
    {U"协作", ROLE_COOP},     {U"参与", ROLE_COOP},     {U"参加", ROLE_COOP},
    {U"支持", ROLE_COOP},     {U"会办", ROLE_COOP},     {U"联办", ROLE_COOP},
    {U"联动", ROLE_COOP},     {U"督办", ROLE_OTHER},    {U"督查", ROLE_OTHER},
    {U"督导", ROLE_OTHER},    {U"指导", ROLE_OTHER},    {U"监督", ROLE_OTHER},
    {U"验收", ROLE_OTHER},    {U"考核", ROLE_OTHER},    {U"业务指导", ROLE_OTHER},
};
enum { LABEL_WORD_COUNT = sizeof label_words / sizeof label_words[0] };

static const uint32_t *const label_nouns[] = {U"单位", U"部门", U"处室", U"科室",
                                              U"机关", U"主体", U"机构"};
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

static size_t ends_any(struct span span, const uint32_t *const *words, size_t count)
{
    if (span.len == 0) return 0;
    uint32_t last = span.f[span.len - 1];
    for (size_t i = 0; i < count; i++) {
        size_t len = words_len(words[i]);
        if (words[i][len - 1] == last && span_ends(span, words[i])) return len;
    }
    return 0;
}
#define ENDS_ANY(span, words) ends_any(span, words, sizeof(words) / sizeof((words)[0]))

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

enum role words_label(struct span span, size_t *ret_start)
{
    enum { LABEL_LEN_MAX = 32 };
    size_t skipped = span.len > LABEL_LEN_MAX ? span.len - LABEL_LEN_MAX : 0;
    size_t len = 0;
    span = without_bracket(span_sub(span, skipped, span.len));
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

/* ---- verbs ------------------------------------------------------------------------------------
 */

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
    {U"配合", VERB_ROLE, ROLE_COOP, false},      {U"协助", VERB_ROLE, ROLE_COOP, false},
    {U"协办", VERB_ROLE, ROLE_COOP, false},      {U"参与", VERB_ROLE, ROLE_COOP, false},
    {U"参加", VERB_ROLE, ROLE_COOP, false},      {U"会办", VERB_ROLE, ROLE_COOP, false},
    {U"会同", VERB_WITH, ROLE_COOP, false},      {U"分工落实", VERB_ROLE, ROLE_LEAD, true},
    {U"按职责分工", VERB_ROLE, ROLE_LEAD, true}, {U"按照职责分工", VERB_ROLE, ROLE_LEAD, true},
    {U"按职责", VERB_ROLE, ROLE_LEAD, true},     {U"各负其责", VERB_ROLE, ROLE_LEAD, true},
    {U"各司其职", VERB_ROLE, ROLE_LEAD, true},   {U"组织实施", VERB_ROLE, ROLE_LEAD, true},
    {U"实施", VERB_ROLE, ROLE_LEAD, true},       {U"落实", VERB_ROLE, ROLE_LEAD, true},
    {U"承担", VERB_ROLE, ROLE_LEAD, true},       {U"主管", VERB_ROLE, ROLE_LEAD, true},
    {U"协作", VERB_ROLE, ROLE_COOP, true},       {U"协同", VERB_WITH, ROLE_COOP, true},
    {U"支持", VERB_ROLE, ROLE_COOP, true},       {U"支援", VERB_ROLE, ROLE_COOP, true},
    {U"联合", VERB_WITH, ROLE_COOP, true},       {U"商", VERB_WITH, ROLE_COOP, true},
    {U"会", VERB_WITH, ROLE_COOP, true},         {U"指导", VERB_ROLE, ROLE_OTHER, true},
    {U"监督", VERB_ROLE, ROLE_OTHER, true},      {U"督办", VERB_ROLE, ROLE_OTHER, true},
    {U"督导", VERB_ROLE, ROLE_OTHER, true},
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static bool starts_noun(struct span span, size_t *ret_len)
{
    for (size_t i = 0; i < LABEL_NOUN_COUNT; i++) {
        if (!span_starts(span, label_nouns[i])) continue;
        *ret_len = words_len(label_nouns[i]);
        return true;
    }
    return false;
}

/* 负责人 and 负责同志 are people, 负责制 a system. */
static bool is_no_verb(struct span rest)
{
    return span_starts(rest, U"人") || span_starts(rest, U"同志") || span_starts(rest, U"制") ||
           span_starts(rest, U"领导") || span_starts(rest, U"科室");
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
    size_t noun = 0;
    bool person = verb.role == ROLE_LEAD || verb.role == ROLE_HEAD;
    if (person && is_no_verb(after)) return (struct verb){0};
    if (starts_noun(after, &noun) && verb.kind == VERB_ROLE) {
        bool is = span_ends(before, U"为") || span_ends(before, U"是");
        verb.kind = is ? VERB_IS : VERB_LABEL;
        verb.len += noun;
        if (is) {
            verb.at--;
            verb.len++;
        }
        return verb;
    }
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

enum role words_role(struct span span)
{
    size_t len = 0;
    enum role role = ROLE_NONE;
    if (words_label_start(span, &role) == span.len && span.len > 0) return role;
    role = ends_role(span, &len);
    return len == span.len ? role : ROLE_NONE;
}

bool words_role_at(struct span span, size_t at)
{
    static const uint32_t firsts[] = U"牵主负承配协参会责分各落组实支联单部";
    static const uint32_t *const words[] = {
        U"牵头",     U"主办", U"主责", U"负责", U"负总责", U"承办", U"配合",     U"协助",
        U"协同",     U"协办", U"参与", U"参加", U"会同",   U"责任", U"分工",     U"落实",
        U"组织实施", U"实施", U"支持", U"联合", U"单位",   U"部门", U"各司其职", U"各负其责"};
    if (!is_any(span.f[at], firsts)) return false;
    span = span_sub(span, at, span.len);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(span, words[i])) return true;
    return false;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static const uint32_t *const unit_ends[] = {
    U"局",   U"委",     U"办",     U"部",     U"厅",     U"院",     U"会",   U"署",   U"处",
    U"队",   U"站",     U"所",     U"报社",   U"联社",   U"校",     U"团",   U"组",   U"科",
    U"室",   U"馆",     U"台",     U"司",     U"关",     U"区",     U"县",   U"市",   U"州",
    U"旗",   U"镇",     U"乡",     U"街",     U"中心",   U"单位",   U"部门", U"机构", U"政府",
    U"联",   U"协",     U"学校",   U"医院",   U"企业",   U"专班",   U"基地", U"厂",   U"场",
    U"园",   U"库",     U"行",     U"组织",   U"街道",   U"街镇",   U"公安", U"民政", U"教育",
    U"卫健", U"司法",   U"财政",   U"人社",   U"移动",   U"联通",   U"电信", U"铁塔", U"邮政",
    U"供电", U"电力",   U"团体",   U"党派",   U"高校",   U"运营商", U"主体", U"地区", U"电网",
    U"村",   U"社区",   U"警",     U"军",     U"集团",   U"公司",   U"系统", U"党组", U"支部",
    U"中央", U"派出所", U"合作社", U"供销社", U"通讯社", U"新华社",
};

/* Endings of other words, and common nouns that are nobody's name. */
static const uint32_t *const unit_not_ends[] = {
    U"社会",     U"机会", U"大会",   U"全部", U"干部",     U"举办",   U"开办", U"催办", U"查办",
    U"场所",     U"到处", U"用处",   U"处处", U"内部",     U"外部",   U"局部", U"公办", U"民办",
    U"交办",     U"转办", U"会议室", U"年会", U"校园",     U"家园",   U"市场", U"现场", U"立场",
    U"城市",     U"农村", U"乡村",   U"执行", U"进行",     U"运行",   U"推行", U"先行", U"施行",
    U"履行",     U"试行", U"上网",   U"联网", U"互联网",   U"全社会", U"体系", U"相关", U"有关",
    U"机关工作", U"攻关", U"把关",   U"军警", U"专项行动", U"小区",   U"灾区", U"全区", U"全市",
    U"全县",     U"全省", U"我区",   U"我市", U"我县",     U"我省",   U"辖区", U"党建", U"信息系统",
    U"报警",     U"接警", U"出警",   U"处警",
};
static const uint32_t *const bare_nouns[] = {
    U"政府",     U"党委", U"部门", U"单位", U"企业",       U"学校", U"机构",
    U"组织",     U"公司", U"家庭", U"医院", U"社区",       U"机关", U"团体",
    U"社会组织", U"系统", U"主体", U"地区", U"企事业单位",
};

/* The name without a bracket behind it. */
static struct span outer(struct span span)
{
    if (span.len > 0 && words_closes(span.f[span.len - 1])) {
        size_t open = span_open(span, span.len - 1);
        if (open != SPAN_NONE && open > 0) span.len = open;
    }
    return span;
}

bool words_unit(struct span span)
{
    enum { UNIT_LEN_MAX = 40 };
    if (span.len > UNIT_LEN_MAX) return false;
    span = outer(span);
    if (span.len < 2 || ENDS_ANY(span, unit_not_ends)) return false;
    for (size_t i = 0; i < sizeof bare_nouns / sizeof bare_nouns[0]; i++)
        if (span_is(span, bare_nouns[i])) return false;
    return ENDS_ANY(span, unit_ends) > 0;
}

/* Names of two characters that nothing is missing from. */
static bool is_short_name(struct span span)
{
    static const uint32_t *const names[] = {U"妇联", U"残联", U"法院", U"工会", U"团委", U"侨联",
                                            U"科协", U"文联", U"军区", U"海关", U"政协"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_is(span, names[i])) return true;
    return false;
}

bool words_whole_unit(struct span span)
{
    static const uint32_t *const fields[] = {U"公安", U"民政", U"教育", U"卫健", U"司法",
                                             U"财政", U"人社", U"邮政", U"供电", U"电力",
                                             U"各街", U"州",   U"军",   U"警"};
    if (span.len == 2) return is_short_name(span) || span_starts(span, U"各");
    return words_unit(span) && !ENDS_ANY(span, fields);
}

bool words_tail(struct span span)
{
    static const uint32_t *const tails[] = {
        U"办公室", U"办事处", U"委员会", U"分局",   U"支队",   U"大队",    U"中队",
        U"总队",   U"分公司", U"党组",   U"管委会", U"指挥部", U"工委",    U"支行",
        U"中心",   U"公司",   U"派出所", U"保障局", U"保障厅", U"人民政府"};
    enum { TAIL_LEN_MAX = 5 };
    return span.len <= TAIL_LEN_MAX && !words_begins(span) && ENDS_ANY(span, tails) > 0;
}

bool words_starts_name(struct span span)
{
    return words_begins(span) || is_short_name(span) ||
           (span.len > 2 && words_unit(span) && !words_tail(span));
}

bool words_group(struct span span)
{
    return span_starts(span, U"各") || span_starts(span, U"全体") ||
           span_find(span, U"各成员") != SPAN_NONE || span_ends(span, U"成员单位") ||
           span_ends(outer(span), U"成员单位");
}

bool words_generic(struct span span)
{
    static const uint32_t *const nouns[] = {U"部门", U"单位", U"方面", U"机构", U"科室"};
    span = outer(span);
    if (!ENDS_ANY(span, nouns) || span_find(span, U"成员") != SPAN_NONE) return false;
    return span_find(span, U"有关") != SPAN_NONE || span_find(span, U"相关") != SPAN_NONE ||
           span_find(span, U"其他") != SPAN_NONE || span_find(span, U"其它") != SPAN_NONE ||
           span_starts(span, U"各部门") || span_starts(span, U"各单位") ||
           span_find(span, U"各级各部门") != SPAN_NONE ||
           span_find(span, U"职能部门") != SPAN_NONE || span_find(span, U"直各") != SPAN_NONE ||
           span_starts(span, U"各责任") || span_find(span, U"责任单位") != SPAN_NONE ||
           span_find(span, U"责任部门") != SPAN_NONE;
}

bool words_person(struct span span)
{
    static const uint32_t *const ends[] = {
        U"同志", U"市长", U"区长", U"县长", U"省长", U"州长",   U"镇长",   U"乡长",   U"局长",
        U"院长", U"处长", U"所长", U"科长", U"队长", U"校长",   U"部长",   U"秘书长", U"书记",
        U"主任", U"主席", U"常委", U"组长", U"领导", U"负责人", U"检察长", U"站长",   U"厅长",
    };
    return ENDS_ANY(span, ends) > 0;
}

bool words_deadline(struct span span)
{
    static const uint32_t *const starts[] = {
        U"长期", U"持续", U"常态", U"全年", U"年底", U"年内", U"即日",   U"立即",  U"每年",
        U"每月", U"每季", U"按时", U"近期", U"适时", U"贯穿", U"上半年", U"下半年"};
    static const uint32_t *const ends[] = {U"完成", U"底前", U"月底", U"年底", U"为止", U"之前"};
    static const uint32_t times[] = U"年月日季";
    bool digit = false, time = false;
    for (size_t i = 0; i < span.len; i++) {
        digit = digit || words_digit(span.f[i]);
        time = time || is_any(span.f[i], times);
    }
    if (words_unit(span)) return false;
    if ((digit && time) || ENDS_ANY(span, ends)) return true;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (span_starts(span, starts[i])) return true;
    return false;
}

size_t words_prefix(struct span span)
{
    static const uint32_t *const prefixes[] = {
        U"自治区", U"省委", U"市委", U"区委", U"县委", U"州委", U"省",
        U"市",     U"区",   U"县",   U"州",   U"旗",   U"镇",   U"乡",
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (span_starts(span, prefixes[i])) return words_len(prefixes[i]);
    return 0;
}

bool words_begins(struct span span)
{
    return words_prefix(span) > 0 || span_starts(span, U"各") || span_starts(span, U"团") ||
           span_starts(span, U"公安") || span_starts(span, U"国家") || span_starts(span, U"国网");
}

struct span words_strip(struct span span, bool *ret_shared)
{
    static const uint32_t *const adverbs[] = {
        U"积极", U"密切", U"共同", U"具体", U"主要", U"全力", U"各自", U"统一", U"认真",
        U"直接", U"全面", U"予以", U"给予", U"做好", U"协同", U"联合", U"分头", U"总",
        U"均",   U"都",   U"为主", U"抓好", U"要",   U"应",   U"应当", U"则",   U"依法",
    };
    static const uint32_t *const shares[] = {U"分别", U"分工", U"分级", U"分头"};
    static const uint32_t *const starts[] = {U"按",   U"依职",   U"依据",   U"依照",
                                             U"根据", U"在各自", U"在职责", U"结合"};
    for (bool more = true; more;) {
        size_t len = ENDS_ANY(span, shares);
        if (len > 0) *ret_shared = true;
        if (len == 0) len = ENDS_ANY(span, adverbs);
        span.len -= len;
        more = len > 0;
        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
            size_t at = span_find(span, starts[i]);
            if (at == SPAN_NONE) continue;
            struct span phrase = span_sub(span, at, span.len);
            if (span_find(phrase, U"职") == SPAN_NONE && span_find(phrase, U"分工") == SPAN_NONE &&
                span_find(phrase, U"权限") == SPAN_NONE && span_find(phrase, U"要求") == SPAN_NONE)
                continue;
            *ret_shared = true;
            span.len = at;
            more = true;
        }
    }
    return span;
}

size_t words_etcetera(struct span span, size_t *ret_end)
{
    static const uint32_t *const tails[] = {
        U"有关", U"相关", U"各",   U"部门", U"单位", U"机构",     U"方面",
        U"职能", U"成员", U"责任", U"配合", U"行业", U"主管",     U"市级",
        U"区级", U"县级", U"省级", U"市直", U"区直", U"县直",     U"多",
        U"个",   U"家",   U"党政", U"机关", U"组织", U"人民团体", U"群团",
    };
    size_t at = span_find_any(span, U"等");
    if (at == SPAN_NONE || at == 0) return SPAN_NONE;
    size_t end = at + 1;
    for (bool more = true; more;) {
        struct span rest = span_sub(span, end, span.len);
        uint32_t number = 0;
        size_t digits = words_arabic(rest, &number);
        if (digits == 0) digits = words_chinese(rest, &number);
        end += digits;
        more = digits > 0;
        for (size_t i = 0; !more && i < sizeof tails / sizeof tails[0]; i++) {
            if (!span_starts(rest, tails[i])) continue;
            end += words_len(tails[i]);
            more = true;
        }
    }
    /* 高等院校, 平等: a name goes on behind it. */
    bool stops = end == span.len || end > at + 1;
    *ret_end = end;
    return stops ? at : SPAN_NONE;
}

size_t words_unit_start(struct span span)
{
    static const uint32_t *const acts[] = {
        U"共同", U"联合", U"制定", U"制订", U"开展", U"组织", U"落实", U"研究", U"负责", U"做好",
        U"推进", U"建立", U"加强", U"统一", U"依法", U"按",   U"根据", U"具体", U"实施", U"编制",
        U"出台", U"完善", U"指导", U"督促", U"对",   U"在",   U"于",   U"向",   U"将",   U"及时",
        U"定期", U"抓好", U"办理", U"处理", U"部署", U"推动", U"提出", U"起草", U"进行", U"承担",
        U"完成", U"予以", U"给予", U"等",   U"牵头", U"配合", U"参与", U"协助", U"建设", U"明确",
        U"提供", U"确保", U"强化", U"探索", U"积极", U"要",   U"应",   U"每",   U"为",   U"密切",
        U"通过", U"以",   U"结合", U"针对", U"适时", U"拟订", U"拟定", U"修订", U"汇总", U"审核",
        U"督导", U"监督", U"分别", U"各自", U"全面", U"逐步", U"继续", U"集中", U"从",   U"打造",
    };
    if (words_unit(span)) return span.len;
    for (size_t len = 2; len < span.len && len < 40; len++) {
        if (!words_unit(span_sub(span, 0, len))) continue;
        struct span rest = span_sub(span, len, span.len);
        for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
            if (span_starts(rest, acts[i])) return len;
    }
    return 0;
}
