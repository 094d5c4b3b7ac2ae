#include "clients/plan/view/words.h"

#include <string.h>

const char *words_family(enum plan_family family, enum lang lang)
{
    static const char *const texts[][2] = {
        {"线索", "Leads"},   {"异常", "Anomalies"},   {"警报", "Alerts"},   {"移交", "Handoffs"},
        {"通知", "Notices"}, {"督办", "Supervision"}, {"回执", "Receipts"}, {"档案", "Files"}};
    return (unsigned)family < sizeof texts / sizeof texts[0] ? texts[family][lang == LANG_EN] : "";
}

const char *words_urgency(uint8_t urgency, enum lang lang)
{
    static const char *const texts[][2] = {
        {"立即", "immediate"}, {"及时", "prompt"}, {"加急", "expedited"}, {"平件", "routine"}};
    return urgency >= 1 && urgency <= 4 ? texts[urgency - 1][lang == LANG_EN] : "";
}

const char *words_act(uint8_t act, bool primary, enum lang lang)
{
    if (act != ROUTE_SIGN) return words_of(lang, "抄送", "copy");
    return primary ? words_of(lang, "须签收，主责", "must sign, primary unit")
                   : words_of(lang, "须签收", "must sign");
}

const char *words_section(const char *name, enum lang lang)
{
    static const char *const texts[][3] = {
        {"summary", "摘要", "summary"},     {"full", "全文", "full"},
        {"reporter", "报告人", "reporter"}, {"alert", "警报", "alert"},
        {"notice", "通知正文", "notice"},   {"receipt", "回执正文", "receipt"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i][0], name) == 0) return texts[i][lang == LANG_EN ? 2 : 1];
    }
    return name;
}

void words_sections(const struct plan_kind *kind, uint32_t sections, enum lang lang,
                    struct buf *buf)
{
    bool any = false;
    for (size_t i = 0; i < kind->section_count; i++) {
        if ((sections >> i & 1) == 0) continue;
        if (any) buf_append_str(buf, words_of(lang, "、", ", "));
        buf_append_str(buf, words_section(kind->sections[i].name, lang));
        any = true;
    }
    if (!any) buf_append_str(buf, words_of(lang, "仅信头", "the header alone"));
}

static void words_named(const struct plan *plan, const struct plan_named *list, size_t count,
                        enum lang lang, struct buf *buf)
{
    for (size_t i = 0; i < count; i++) {
        if (i) buf_append_str(buf, words_of(lang, "、", ", "));
        buf_append_str(buf,
                       words_of(lang, plan_named_zh(plan, list[i]), plan_named_en(plan, list[i])));
    }
}

void words_brackets(const struct plan *plan, const struct plan_task *task, enum lang lang,
                    struct buf *buf)
{
    if (task->lead_count > 0 && lang == LANG_EN) buf_append_str(buf, "led by ");
    words_named(plan, task->lead, task->lead_count, lang, buf);
    if (task->lead_count > 0 && lang != LANG_EN) buf_append_str(buf, "负责");
    if (task->coop_count == 0) return;
    if (task->lead_count > 0) buf_append_str(buf, words_of(lang, "，", "; "));
    if (lang == LANG_EN) buf_append_str(buf, "cooperating: ");
    words_named(plan, task->coop, task->coop_count, lang, buf);
    if (lang != LANG_EN) buf_append_str(buf, "配合");
}

const char *words_flag(enum route_flag flag, enum lang lang)
{
    switch (flag) {
    case ROUTE_FLAG_READDRESSED:
        return words_of(lang, "没有规则可循：改由公安机关全文接收，联席会议办公室知悉",
                        "no rule matches: readdressed to the police in full, the office as notice");
    case ROUTE_FLAG_ONLY_ORIGIN_LEFT:
        return words_of(lang, "须签收的就是发送单位：另按其职责行发送",
                        "who would sign is the sender: its duty rows were added");
    case ROUTE_FLAG_OWN_HOST:
        return words_of(lang, "办公室对其所在单位采取措施：抄送检察机关",
                        "the office acts on a unit in which it sits: the procuratorate looks on");
    case ROUTE_FLAG_AREA_UNKNOWN:
        return words_of(lang, "区划不明：未发送任何街道，请补充区划",
                        "the area names no street, so no street office is addressed: give one");
    }
    return NULL;
}

static void words_add(struct buf *buf, bool *any, enum lang lang, const char *name)
{
    if (*any) buf_append_str(buf, words_of(lang, "、", ", "));
    buf_append_str(buf, name);
    *any = true;
}

void words_senders(const struct plan *plan, const struct plan_senders *senders, enum lang lang,
                   struct buf *buf)
{
    bool any = false;
    if (senders->any) {
        buf_append_str(buf, words_of(lang, "任何单位", "any unit"));
        return;
    }
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        if (plan_unit_set_has(&senders->units, i))
            words_add(buf, &any, lang, words_unit(plan_unit(plan, i), lang));
    }
    for (size_t i = 0; i < senders->group_count; i++) {
        const struct plan_group *group = plan_group(plan, senders->groups[i]);
        words_add(buf, &any, lang, words_of(lang, group->name_zh, group->name_en));
    }
    if (senders->reference)
        words_add(buf, &any, lang,
                  words_of(lang, "来件单位", "the sender of the message referred to"));
}
