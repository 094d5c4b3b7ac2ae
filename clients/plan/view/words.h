/* words: what people read for the closed words of the tables. Pure. */
#ifndef CLIENTS_PLAN_VIEW_WORDS_H
#define CLIENTS_PLAN_VIEW_WORDS_H

#include "proto/base/bytes.h"
#include "proto/plan/route.h"

static inline const char *words_of(enum lang lang, const char *zh, const char *en)
{
    return lang == LANG_EN && en[0] ? en : zh;
}
/* A row's name in the reader's language, Chinese where there is no English. */
static inline const char *words_unit(const struct plan_unit *unit, enum lang lang)
{
    return words_of(lang, unit->name_zh, unit->name_en);
}
static inline const char *words_kind(const struct plan_kind *kind, enum lang lang)
{
    return words_of(lang, kind->name_zh, kind->name_en);
}

const char *words_family(enum plan_family family, enum lang lang);
const char *words_urgency(uint8_t urgency, enum lang lang);       /* "立即", "immediate" */
const char *words_act(uint8_t act, bool primary, enum lang lang); /* of enum route_act */
/* What a section is called; its own name where it is not one of the usual ones. */
const char *words_section(const char *name, enum lang lang);
/* "摘要、全文", or "仅信头" for a recipient of the header alone; appended. */
void words_sections(const struct plan_kind *kind, uint32_t sections, enum lang lang,
                    struct buf *buf);
/* "区民政局负责，公安河东分局、区妇联配合": a clause's brackets; appended. */
void words_brackets(const struct plan *plan, const struct plan_task *task, enum lang lang,
                    struct buf *buf);
/* The first one of enum route_flag in words; 0: NULL. */
const char *words_flag(enum route_flag flag, enum lang lang);
/* Who may send: "任何单位", or names; appended. */
void words_senders(const struct plan *plan, const struct plan_senders *senders, enum lang lang,
                   struct buf *buf);

#endif
