#include "clients/plan/derive/words_inner.h"

/* ---- names ------------------------------------------------------------------------------------
 */

static const uint32_t *const unit_ends[] = {
    U"局",     U"委",     U"办",   U"部",   U"厅",   U"院",     U"会",     U"署",     U"处",
    U"队",     U"站",     U"所",   U"报社", U"联社", U"校",     U"团",     U"组",     U"科",
    U"室",     U"馆",     U"台",   U"司",   U"海关", U"机关",   U"区",     U"县",     U"市",
    U"州",     U"旗",     U"镇",   U"乡",   U"街",   U"中心",   U"单位",   U"部门",   U"机构",
    U"政府",   U"联",     U"协",   U"学校", U"小学", U"中学",   U"大学",   U"医院",   U"企业",
    U"专班",   U"基地",   U"厂",   U"农场", U"林场", U"牧场",   U"渔场",   U"机场",   U"监狱",
    U"园",     U"库",     U"行",   U"组织", U"街道", U"街镇",   U"公安",   U"民政",   U"教育",
    U"卫健",   U"司法",   U"财政", U"人社", U"移动", U"联通",   U"电信",   U"铁塔",   U"邮政",
    U"供电",   U"电力",   U"团体", U"党派", U"高校", U"运营商", U"主体",   U"地区",   U"电网",
    U"村",     U"社区",   U"交警", U"民警", U"特警", U"辅警",   U"武警",   U"刑警",   U"驻军",
    U"集团",   U"公司",   U"系统", U"党组", U"支部", U"中央",   U"派出所", U"合作社", U"供销社",
    U"通讯社", U"新华社",
};

/* Endings of other words, and common nouns that are nobody's name. */
static const uint32_t *const unit_not_ends[] = {
    U"社会",   U"机会",     U"大会", U"全部", U"干部",     U"举办",     U"开办",     U"催办",
    U"查办",   U"场所",     U"到处", U"用处", U"处处",     U"内部",     U"外部",     U"局部",
    U"公办",   U"民办",     U"交办", U"转办", U"会议室",   U"年会",     U"校园",     U"家园",
    U"市场",   U"现场",     U"立场", U"城市", U"农村",     U"乡村",     U"执行",     U"进行",
    U"运行",   U"推行",     U"先行", U"施行", U"履行",     U"试行",     U"上网",     U"联网",
    U"互联网", U"全社会",   U"体系", U"相关", U"有关",     U"机关工作", U"攻关",     U"把关",
    U"军警",   U"专项行动", U"小区", U"灾区", U"全区",     U"全市",     U"全县",     U"全省",
    U"我区",   U"我市",     U"我县", U"我省", U"辖区",     U"党建",     U"信息系统", U"报警",
    U"接警",   U"出警",     U"处警", U"出台", U"后台",     U"平台",     U"门联",     U"位联",
    U"区联",   U"方联",     U"关联", U"村联", U"市场主体", U"经营主体", U"责任主体", U"家庭",
};
static const uint32_t *const bare_nouns[] = {
    U"政府",     U"党委", U"部门", U"单位", U"企业",       U"学校", U"机构",
    U"组织",     U"公司", U"家庭", U"医院", U"社区",       U"机关", U"团体",
    U"社会组织", U"系统", U"主体", U"地区", U"企事业单位",
};

/* What no name begins with: the text has come to what shall be done. */
static const uint32_t *const unit_not_starts[] = {
    U"每",     U"将",     U"把",   U"并",   U"使",   U"为",   U"不得",   U"督促",
    U"推动",   U"做好",   U"开展", U"加强", U"落实", U"确保", U"指导各", U"组织各",
    U"协调各", U"监督各", U"不断", U"推进", U"促进", U"提升", U"深化",   U"打击",
    U"健全",   U"优化",   U"谁",   U"依托", U"依靠", U"利用", U"结合",   U"针对",
    U"根据",   U"按照",   U"由",   U"通过", U"面向", U"围绕", U"聚焦",   U"形成",
    U"报市",   U"报区",   U"报县", U"报省", U"报请", U"报经", U"报送"};

/* The name without a bracket behind it. */
static struct span outer(struct span span)
{
    if (span.len > 0 && (span.f[span.len - 1] == U'”' || span.f[span.len - 1] == U'"')) span.len--;
    if (span.len > 0 && words_closes(span.f[span.len - 1])) {
        size_t open = span_open(span, span.len - 1);
        if (open != SPAN_NONE && open > 0) span.len = open;
    }
    return span;
}

/* 责任单位, 各牵头部门 in running text: whoever that is. */
bool words_role_noun(struct span span)
{
    enum role role = ROLE_NONE;
    if (span_starts(span, U"各")) span = span_sub(span, 1, span.len);
    return span.len <= 8 && span.len > 0 && words_label_start(span, &role) == span.len;
}

bool words_unit(struct span span)
{
    enum { UNIT_LEN_MAX = 40 };
    if (span.len > UNIT_LEN_MAX) return false;
    span = outer(span);
    if (span.len < 2 || ENDS_ANY(span, unit_not_ends) || STARTS_ANY(span, unit_not_starts))
        return false;
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

bool words_whole_group(struct span span)
{
    static const uint32_t *const ends[] = {U"地",   U"级",   U"党委", U"党工委", U"村居", U"居",
                                           U"网格", U"班级", U"片区", U"开发区", U"院校", U"县级市",
                                           U"镇街", U"街镇", U"镇办", U"乡镇",   U"两委"};
    return words_group(span) && (words_unit(span) || ENDS_ANY(outer(span), ends) > 0);
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
           span_find(span, U"责任部门") != SPAN_NONE || span_find(span, U"牵头单位") != SPAN_NONE ||
           span_find(span, U"牵头部门") != SPAN_NONE || span_find(span, U"配合单位") != SPAN_NONE;
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
        time = time || words_is_any(span.f[i], times);
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
                span_find(phrase, U"权限") == SPAN_NONE &&
                span_find(phrase, U"要求") == SPAN_NONE && span_find(phrase, U"实际") == SPAN_NONE)
                continue;
            *ret_shared = true;
            span.len = at;
            more = true;
        }
        /* 区妇联组织, 各乡镇分别组织 before 落实; not 社会组织. */
        if (!more && span_ends(span, U"组织")) {
            bool shared = false;
            struct span name = words_strip(span_sub(span, 0, span.len - 2), &shared);
            if (name.len < 3 || !words_whole_unit(name)) break;
            *ret_shared = *ret_shared || shared;
            return name;
        }
    }
    return span;
}

size_t words_etcetera(struct span span, size_t *ret_end)
{
    static const uint32_t *const tails[] = {
        U"有关",   U"相关",   U"各",     U"部门",   U"单位",   U"机构",     U"方面",   U"职能",
        U"成员",   U"责任",   U"配合",   U"行业",   U"主管",   U"市级",     U"区级",   U"县级",
        U"省级",   U"市直",   U"区直",   U"县直",   U"多",     U"省直",     U"州直",   U"镇直",
        U"市属",   U"区属",   U"县属",   U"省属",   U"省有关", U"市有关",   U"区有关", U"县有关",
        U"州有关", U"镇有关", U"省相关", U"市相关", U"区相关", U"县相关",   U"州相关", U"镇相关",
        U"个",     U"家",     U"党政",   U"机关",   U"组织",   U"人民团体", U"群团",
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

/* Ends in what hardly another word ends in, and is more than 市委, which 组织部 may follow. */
static bool ends_surely(struct span span)
{
    static const uint32_t *const ends[] = {
        U"局",   U"委",   U"办",   U"厅",   U"院",   U"会",   U"联",   U"队",   U"所",
        U"处",   U"室",   U"部",   U"站",   U"中心", U"政府", U"公司", U"集团", U"协",
        U"校",   U"小学", U"中学", U"大学", U"台",   U"银行", U"支行", U"单位", U"部门",
        U"机构", U"企业", U"海关", U"机关", U"高校", U"团",   U"专班"};
    return ENDS_ANY(span, ends) > 0 && words_prefix(span) != span.len;
}

/* 教育部门, 公安机关; 形成部门 and 总体目标单位 are none. */
static bool is_field_noun(struct span span, size_t noun)
{
    static const uint32_t *const fields[] = {U"公安",
                                             U"公安交管",
                                             U"交警",
                                             U"教育",
                                             U"教育行政",
                                             U"民政",
                                             U"司法",
                                             U"司法行政",
                                             U"财政",
                                             U"人社",
                                             U"人力资源社会保障",
                                             U"人力资源和社会保障",
                                             U"卫健",
                                             U"卫生健康",
                                             U"卫生",
                                             U"市场监管",
                                             U"市场监督管理",
                                             U"文旅",
                                             U"文化",
                                             U"文化旅游",
                                             U"文化和旅游",
                                             U"应急",
                                             U"应急管理",
                                             U"消防",
                                             U"住建",
                                             U"住房城乡建设",
                                             U"住房和城乡建设",
                                             U"城管",
                                             U"城市管理",
                                             U"交通",
                                             U"交通运输",
                                             U"水利",
                                             U"水务",
                                             U"农业农村",
                                             U"农业",
                                             U"林业",
                                             U"自然资源",
                                             U"规划",
                                             U"生态环境",
                                             U"环保",
                                             U"商务",
                                             U"网信",
                                             U"宣传",
                                             U"政法",
                                             U"统战",
                                             U"组织",
                                             U"发改",
                                             U"发展改革",
                                             U"工信",
                                             U"工业和信息化",
                                             U"税务",
                                             U"气象",
                                             U"电信",
                                             U"通信",
                                             U"金融",
                                             U"检察",
                                             U"审判",
                                             U"退役军人",
                                             U"信访",
                                             U"审计",
                                             U"统计",
                                             U"体育",
                                             U"广电",
                                             U"园林",
                                             U"妇联",
                                             U"共青团",
                                             U"残联",
                                             U"工会",
                                             U"医保",
                                             U"医疗保障",
                                             U"科技",
                                             U"民族宗教",
                                             U"外事",
                                             U"机关事务",
                                             U"供销",
                                             U"邮政",
                                             U"铁路",
                                             U"民航"};
    struct span field = span_sub(span, 0, span.len - noun);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (span_is(field, fields[i])) return true;
    return words_begins(span) && span.len <= 12;
}

bool words_certain(struct span span)
{
    static const uint32_t *const nouns[] = {U"部门", U"单位", U"机关", U"机构",
                                            U"企业", U"高校", U"组织"};
    /* Bodies that every plan sets up for its own work, and words for nobody in particular. */
    static const uint32_t *const own[] = {U"领导小组", U"联席会议", U"工作组", U"专班", U"专家组",
                                          U"党委",     U"党组",     U"党支部", U"协会", U"委员会"};
    span = outer(span);
    if (span.len < 3 && !is_short_name(span)) return false;
    if (!words_whole_unit(span) || words_generic(span)) return false;
    if (span_is(span, U"办公室") || span_is(span, U"委员会") || span_is(span, U"分局"))
        return false;
    if (span_find(span, U"小组办") != SPAN_NONE || span_find(span, U"会议办") != SPAN_NONE)
        return false;
    if (ENDS_ANY(span, own) > 0 && (span.len <= 4 || !words_begins(span))) return false;
    if (span_ends(span, U"领导小组") || words_digit(span.f[0]) || words_role_noun(span))
        return false;
    size_t noun = ENDS_ANY(span, nouns);
    if (noun > 0) return is_field_noun(span, noun);
    return ends_surely(span) || words_begins(span);
}

/* What shall be done begins with these, also where it ends like a name. */
static const uint32_t *const plain_acts[] = {
    U"约谈", U"开展", U"检查", U"走访", U"排查", U"巡查", U"摸排", U"制定", U"制订", U"完善",
    U"建立", U"推进", U"做好", U"及时", U"依法", U"共同", U"定期", U"逐户", U"逐一", U"上门",
    U"入户", U"深入", U"加强", U"抓好", U"强化", U"设卡", U"严厉", U"严格", U"查处",
};
static const uint32_t *const other_acts[] = {
    U"联合", U"组织", U"落实", U"研究", U"负责", U"统一", U"按",   U"根据", U"具体",
    U"实施", U"编制", U"出台", U"指导", U"督促", U"对",   U"在",   U"于",   U"向",
    U"将",   U"办理", U"处理", U"部署", U"推动", U"提出", U"起草", U"进行", U"承担",
    U"完成", U"予以", U"给予", U"等",   U"牵头", U"配合", U"参与", U"协助", U"建设",
    U"明确", U"提供", U"确保", U"探索", U"积极", U"要",   U"应",   U"每",   U"为",
    U"密切", U"通过", U"以",   U"结合", U"针对", U"适时", U"拟订", U"拟定", U"修订",
    U"汇总", U"审核", U"督导", U"监督", U"分别", U"各自", U"全面", U"逐步", U"继续",
    U"集中", U"从",   U"打造", U"查处", U"核查", U"核实", U"支持", U"引导", U"规范",
    U"清理", U"维护", U"发布", U"举办", U"召开", U"切实", U"认真", U"主动", U"先期",
};

size_t words_unit_start(struct span span)
{
    enum { START_LEN_MAX = 40 };
    size_t depth = 0, acting = 0, sure = 0, loose = 0;
    bool whole = words_unit(span);
    for (size_t len = 1; len < span.len && len < START_LEN_MAX; len++) {
        if (words_opens(span.f[len - 1])) depth++;
        if (words_closes(span.f[len - 1]) && depth > 0) depth--;
        struct span name = span_sub(span, 0, len), rest = span_sub(span, len, span.len);
        if (depth > 0 || !words_unit(name)) continue;
        bool about =
            span_starts(rest, U"对") && !span_starts(rest, U"对外") && !span_starts(rest, U"对口");
        bool plainly = about || STARTS_ANY(rest, plain_acts) > 0;
        bool acts_on = plainly || STARTS_ANY(rest, other_acts) > 0;
        if (ends_surely(name) && words_whole_unit(name)) {
            if (plainly && whole) return len;
            if (acts_on && acting == 0) acting = len;
            sure = len;
        } else if (acts_on && loose == 0 && words_prefix(name) != len) {
            loose = len;
        }
    }
    if (whole) {
        /* 区妇联组织: what it does, not what it is. */
        size_t act = span_ends(span, U"组织") && !span_starts(span, U"各") ? span.len - 2 : 0;
        return act > 0 && words_certain(span_sub(span, 0, act)) ? act : span.len;
    }
    if (acting > 0) return acting;
    return sure > 0 ? sure : loose;
}

bool words_runs_on(struct span span)
{
    enum { OFFICE_LEN_MAX = 3 }; /* 市公安局督导室 */
    for (size_t len = 3; len + OFFICE_LEN_MAX < span.len; len++) {
        struct span name = span_sub(span, 0, len), rest = span_sub(span, len, span.len);
        if (words_opens(span.f[len - 1])) return false;
        if (words_acts(rest) && words_prefix(name) > 0 && ends_surely(name) &&
            words_whole_unit(name))
            return true;
    }
    return false;
}

bool words_acts(struct span span)
{
    return STARTS_ANY(span, plain_acts) > 0 || STARTS_ANY(span, other_acts) > 0;
}

size_t words_find_unit(struct span span, bool open, size_t *ret_len)
{
    enum { NAME_LEN_MAX = 20, NAME_LEN_MIN = 3 };
    static const uint32_t *const nouns[] = {U"部门", U"机关", U"组织"};
    /* What stands between a word and a name. */
    static const uint32_t before[] = U"由请与和及对向将在为以给同令是并或其让“（(、，,；;：:。";
    for (size_t at = 0; at + NAME_LEN_MIN <= span.len; at++) {
        bool apart = (span.c[at] & WORDS_WIDE) != 0;
        if (at > 0 && !apart && !words_is_any(span.f[at - 1], before)) continue;
        struct span rest = span_sub(span, at, span.len);
        bool placed = words_prefix(rest) > 0;
        if (!placed && !(open && at == 0)) continue;
        for (size_t len = NAME_LEN_MIN; len <= rest.len && len <= NAME_LEN_MAX; len++) {
            struct span name = span_sub(rest, 0, len);
            if (!ends_surely(name) || !words_certain(name)) continue;
            if (!placed && len != rest.len && ENDS_ANY(name, nouns) == 0) continue;
            *ret_len = len;
            return at;
        }
    }
    return SPAN_NONE;
}
