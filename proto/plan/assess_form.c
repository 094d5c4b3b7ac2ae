#include "proto/plan/assess_form.h"

#include <string.h>

int assess_by_parse(const char *text, unsigned *ret_by, struct error *ret_error)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"unit", ASSESS_BY_UNIT}, {"task", ASSESS_BY_CLAUSE}, {"kind", ASSESS_BY_KIND}};
    const size_t count = sizeof words / sizeof *words;
    unsigned by = 0;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ",");
        size_t i = 0;
        while (i < count && (strlen(words[i].name) != len || strncmp(words[i].name, at, len) != 0))
            i++;
        if (i == count) break;
        by |= words[i].bit;
        at += len + (at[len] == ',');
        if (*at == 0) {
            *ret_by = by;
            return 0;
        }
    }
    return error_say(ret_error, E_BAD_VALUE, "by", "只有 unit、task、kind，可用逗号并列",
                     "takes unit, task and kind, with commas between");
}

static bool hidden(const struct assess_times *times, bool publish)
{
    return times->count == 0 || (publish && times->count < ASSESS_SMALL);
}

static void put_count(uint64_t count, bool publish, const char *quote, struct buf *ret)
{
    if (publish && assess_is_small(count))
        buf_printf(ret, "%s<%d%s", quote, ASSESS_SMALL, quote);
    else
        buf_printf(ret, "%llu", (unsigned long long)count);
}

/* ---- for programs -------------------------------------------------------------------------------
 */

void assess_csv_head(struct buf *ret)
{
    buf_append_str(ret, "unit,task,kind");
    for (size_t i = 0; i < ASSESS_COUNTS; i++) buf_printf(ret, ",%s", assess_count_name(i));
    for (size_t i = 0; i < ASSESS_TIMES; i++)
        buf_printf(ret, ",%s_median_s,%s_worst_s", assess_times_name(i), assess_times_name(i));
    buf_append_str(ret, "\n");
}

void assess_csv(const struct assess_row *row, bool publish, struct buf *ret)
{
    buf_printf(ret, "%s,%s,%s", row->unit, row->clause, row->kind);
    for (size_t i = 0; i < ASSESS_COUNTS; i++) {
        buf_append_str(ret, ",");
        put_count(assess_count(row, i), publish, "", ret);
    }
    for (size_t i = 0; i < ASSESS_TIMES; i++) {
        struct assess_times times = assess_times(row, i);
        if (hidden(&times, publish))
            buf_append_str(ret, ",,");
        else
            buf_printf(ret, ",%u,%u", times.median_s, times.worst_s);
    }
    buf_append_str(ret, "\n");
}

static void json_name(struct buf *ret, const char *name, const char *tail)
{
    bool first = ret->len > 0 && ret->data[ret->len - 1] == '{';
    buf_printf(ret, "%s\"%s%s\":", first ? "" : ",", name, tail);
}

static void json_time(const struct assess_times *times, uint32_t seconds, bool publish,
                      struct buf *ret)
{
    if (hidden(times, publish))
        buf_append_str(ret, "null");
    else
        buf_printf(ret, "%u", seconds);
}

void assess_json(const struct assess_row *row, unsigned by, bool publish, struct buf *ret)
{
    const struct {
        unsigned bit;
        const char *name, *value;
    } split[] = {{ASSESS_BY_UNIT, "unit", row->unit},
                 {ASSESS_BY_CLAUSE, "task", row->clause},
                 {ASSESS_BY_KIND, "kind", row->kind}};
    buf_append_str(ret, "{");
    for (size_t i = 0; i < sizeof split / sizeof *split; i++) {
        if (!(by & split[i].bit)) continue;
        json_name(ret, split[i].name, "");
        buf_printf(ret, "\"%s\"", split[i].value);
    }
    for (size_t i = 0; i < ASSESS_COUNTS; i++) {
        json_name(ret, assess_count_name(i), "");
        put_count(assess_count(row, i), publish, "\"", ret);
    }
    for (size_t i = 0; i < ASSESS_TIMES; i++) {
        struct assess_times times = assess_times(row, i);
        json_name(ret, assess_times_name(i), "_median_s");
        json_time(&times, times.median_s, publish, ret);
        json_name(ret, assess_times_name(i), "_worst_s");
        json_time(&times, times.worst_s, publish, ret);
    }
    buf_append_str(ret, "}");
}

/* ---- for people ---------------------------------------------------------------------------------
 */

const char *assess_count_text(size_t column, enum lang lang)
{
    static const char *const texts[ASSESS_COUNTS][2] = {
        {"收到", "received"},
        {"签收", "signed for"},
        {"按时签收", "signed for in time"},
        {"超期", "overdue"},
        {"超期送达", "delivered late"},
        {"超期签收", "signed for late"},
        {"超期受理", "accepted late"},
        {"超期反馈", "late progress"},
        {"超期办结", "closed late"},
        {"退回", "returned"},
        {"转办", "passed on"},
        {"办结", "closed"},
        {"其他终结", "ended otherwise"},
        {"在办", "open"},
        {"在办超期", "open and overdue"},
        {"延期", "extended"},
    };
    return column < ASSESS_COUNTS ? texts[column][lang == LANG_EN] : "";
}

/* "3 d 04:05", "04:05:06": what people read. */
static void put_duration(uint32_t seconds, enum lang lang, struct buf *ret)
{
    if (seconds >= 86400)
        buf_printf(ret, lang == LANG_EN ? "%ud %02u:%02u" : "%u天%02u:%02u", seconds / 86400,
                   seconds % 86400 / 3600, seconds % 3600 / 60);
    else
        buf_printf(ret, "%02u:%02u:%02u", seconds / 3600, seconds % 3600 / 60, seconds % 60);
}

static void put_times(const struct assess_row *row, size_t column, bool publish, enum lang lang,
                      struct buf *ret)
{
    static const char *const names[ASSESS_TIMES][2] = {
        {"签收", "to sign for it"}, {"受理", "to accept it"}, {"办结", "to close it"}};
    struct assess_times times = assess_times(row, column);
    if (hidden(&times, publish)) return;
    buf_printf(ret, lang == LANG_EN ? "    %s: median " : "    %s用时：中位 ",
               names[column][lang == LANG_EN]);
    put_duration(times.median_s, lang, ret);
    buf_append_str(ret, lang == LANG_EN ? ", worst " : "，最长 ");
    put_duration(times.worst_s, lang, ret);
    buf_append_str(ret, "\n");
}

void assess_words(const struct assess_row *row, bool publish, enum lang lang, struct buf *ret)
{
    const struct {
        const char *zh, *en;
        uint64_t count;
    } parts[] = {{"    收到 ", "    received ", row->received},
                 {"，签收 ", ", signed for ", row->signed_for},
                 {"（按时 ", " (in time ", row->signed_in_time},
                 {"），超期 ", "), overdue ", row->overdue},
                 {"，退回 ", ", returned ", row->returned},
                 {"，转办 ", ", passed on ", row->transferred},
                 {"，办结 ", ", closed ", row->closed},
                 {"，其他终结 ", ", ended otherwise ", row->ended},
                 {"，在办 ", ", open ", row->open},
                 {"（超期 ", " (overdue ", row->open_overdue}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_append_str(ret, lang == LANG_EN ? parts[i].en : parts[i].zh);
        put_count(parts[i].count, publish, "", ret);
    }
    buf_append_str(ret, lang == LANG_EN ? ")\n" : "）\n");
    for (size_t i = 0; i < ASSESS_TIMES; i++) put_times(row, i, publish, lang, ret);
}
