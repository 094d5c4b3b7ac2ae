#include "clients/plan/derive/keys_core.h"

#include "clients/plan/derive/words_inner.h"

/* Several words for one field, the first of them for all. */
static const uint32_t *const fields[][8] = {
    {U"公安", U"警察"},
    {U"交警", U"交管", U"公安交警", U"公安交管", U"交通警察"},
    {U"卫健", U"卫生健康", U"卫生", U"卫计", U"卫生计生", U"卫生和计划生育"},
    {U"人社", U"人力社保", U"人力资源和社会保障", U"人力资源社会保障", U"劳动保障"},
    {U"市场监管", U"市场监督", U"市场监督管理", U"工商"},
    {U"文旅", U"文化旅游", U"文化和旅游", U"文化", U"文广旅", U"文化广电旅游", U"文化广电和旅游"},
    {U"发改", U"发展改革", U"发展和改革"},
    {U"住建", U"住房建设", U"住房和建设", U"住房城乡建设", U"住房和城乡建设"},
    {U"城管", U"城市管理", U"城管执法", U"城市管理综合执法", U"城市管理综合行政执法", U"综合执法"},
    {U"网信", U"网络安全和信息化", U"互联网信息", U"网络安全和信息化工作"},
    {U"民宗", U"民族宗教", U"民族和宗教", U"民族宗教事务", U"民族和宗教事务"},
    {U"司法", U"司法行政"},
    {U"教育", U"教育行政", U"教体", U"教育体育", U"教育和体育"},
    {U"外事", U"外"},
    {U"应急", U"应急管理", U"安监"},
    {U"医保", U"医疗保障"},
    {U"工信", U"工业和信息化", U"经信", U"经济和信息化"},
    {U"政法", U"政法委员会"},
    {U"妇联", U"妇女联合"},
    {U"残联", U"残疾人联合"},
    {U"工会", U"总工", U"总工会"},
    {U"法院", U"人民法院", U"中级法院", U"中级人民法院", U"中院", U"审判"},
    {U"检察院", U"人民检察院", U"检察"},
    {U"共青团", U"团区", U"团市", U"团县", U"团省", U"团州"},
    {U"关工", U"关工委", U"关心下一代工作", U"关心下一代工作委员会"},
    {U"妇儿", U"妇儿工", U"妇儿工委", U"妇女儿童工作", U"妇女儿童工作委员会"},
    {U"退役军人", U"退役军人事务"},
    {U"规划资源", U"自然资源", U"自然资源和规划", U"规划和自然资源"},
    {U"街道", U"街", U"镇街", U"街镇"},
};

/* Kinds of bodies, off the end; those that end in another stand first. */
static const uint32_t *const kinds[] = {
    U"委员会办公室", U"工作委员会", U"委员会", U"办事处", U"办公室", U"管理局", U"监督管理局",
    U"部门",         U"机关",       U"分局",   U"支队",   U"大队",   U"总队",   U"局",
    U"委",           U"厅",         U"办",     U"部",     U"会",
};

/* Not said of one field: these are bodies themselves. */
static const uint32_t *const bodies[] = {U"政府", U"人民政府", U"党委",
                                         U"委",   U"政府办",   U"领导小组"};

static uint64_t hash_of(struct span span)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < span.len; i++) hash = (hash ^ span.f[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_of_word(const uint32_t *word)
{
    return hash_of((struct span){word, word, words_len(word)});
}

static bool is_area(uint32_t folded)
{
    static const uint32_t areas[] = U"省市区县州旗";
    return words_is_any(folded, areas);
}

/* 市场, 乡村: no prefix of a place. */
static bool is_word(struct span span)
{
    static const uint32_t *const words[] = {U"市场", U"区域", U"省际", U"市政", U"乡村"};
    return STARTS_ANY(span, words) > 0;
}

/* Places off the beginning: 天津市河东区, 河东区, 区, 区委. */
static struct span without_places(struct span span, uint32_t *ret_level)
{
    enum { PLACE_LEN_MAX = 6, REST_LEN_MIN = 2 };
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; !more && i < PLACE_LEN_MAX && i + REST_LEN_MIN < span.len; i++) {
            struct span rest = span_sub(span, i, span.len);
            if (!is_area(span.f[i]) || is_word(rest)) continue;
            if (i == 1) break; /* 城市, 社区 */
            *ret_level = span.f[i] == U'州' || span.f[i] == U'旗' ? U'县' : span.f[i];
            span = span_sub(rest, 1, rest.len);
            if (span.f[0] == U'委' && span.len > REST_LEN_MIN + 1 && !span_starts(span, U"委员"))
                span = span_sub(span, 1, span.len);
            more = true;
        }
    }
    return span;
}

/* 公安河东分局, 交警河东支队: the place stands in the middle. 河东公安分局: before the field. A
 * 分局, and the 支队 of a 总队, are of a district. */
static uint64_t police(struct span span, uint32_t *ret_level)
{
    static const uint32_t *const ends[] = {U"分局", U"支队", U"大队", U"总队", U"中队"};
    static const uint32_t *const traffic[] = {U"交警", U"交管", U"交通警察"};
    size_t end = ENDS_ANY(span, ends);
    if (end == 0) return 0;
    struct span stem = span_sub(span, 0, span.len - end);
    bool part = span_ends(span, U"分局") || span_find(stem, U"总队") != SPAN_NONE;
    for (size_t i = 0; i < sizeof traffic / sizeof traffic[0]; i++) {
        if (span_find(span, traffic[i]) == SPAN_NONE) continue;
        size_t field = words_len(traffic[i]);
        if (span_starts(span, traffic[i]) && stem.len > field + 1) part = true;
        if (part) *ret_level = U'区';
        return hash_of_word(U"交警");
    }
    if (!span_ends(span, U"分局") || !(span_starts(span, U"公安") || span_ends(stem, U"公安")))
        return 0;
    *ret_level = U'区';
    return hash_of_word(U"公安");
}

static uint64_t field_of(struct span span)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (size_t j = 0; j < sizeof fields[0] / sizeof fields[0][0] && fields[i][j]; j++)
            if (span_is(span, fields[i][j])) return hash_of_word(fields[i][0]);
    return 0;
}

struct key_core key_core_of(struct span name)
{
    struct key_core core = {0};
    name = span_trim(name);
    if (name.len > 0 && words_closes(name.f[name.len - 1])) {
        size_t open = span_open(name, name.len - 1);
        if (open != SPAN_NONE && open > 0) name.len = open;
    }
    if (span_starts(name, U"中国共产党")) name = span_sub(name, 5, name.len);
    struct span all = name;
    /* 团区委, 共青团河东区委 */
    if (span_starts(name, U"共青团") || (span_starts(name, U"团") && name.len == 3)) {
        core.hash = hash_of_word(U"共青团");
        for (size_t i = name.len - 1; i-- > 0 && core.level == 0;)
            if (is_area(name.f[i])) core.level = name.f[i];
        return core;
    }
    uint32_t level = 0;
    name = without_places(name, &core.level);
    core.hash = police(all, &level);
    if (core.hash == 0) core.hash = police(name, &level);
    if (level != 0) core.level = level;
    if (core.hash != 0) return core;
    bool several = span_starts(all, U"各");
    if (several) name = span_sub(name, span_starts(name, U"各"), name.len);
    core.hash = field_of(name);
    if (core.hash == 0) {
        struct span stem = span_sub(name, 0, name.len - ENDS_ANY(name, kinds));
        bool body = stem.len < 2 && field_of(stem) == 0;
        for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
            body = body || span_is(stem, bodies[i]) || span_is(name, bodies[i]);
        if (body) return (struct key_core){0};
        core.hash = field_of(stem);
        if (core.hash == 0) core.hash = hash_of(stem);
    }
    /* 各街道 are no street. */
    if (several) core.hash ^= 1;
    return core;
}

bool key_core_alike(struct key_core a, struct key_core b)
{
    return a.hash != 0 && a.hash == b.hash && (a.level == b.level || a.level == 0 || b.level == 0);
}
