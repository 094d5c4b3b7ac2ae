/* The chains of plan_parse: what comes before what on one thread, and who has custody. */
#include <string.h>

#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

enum {
    H_CHAIN,
    H_STEP,
    H_ON,
    H_KINDS,
    H_TOPICS,
    H_BY,
    H_AFTER,
    H_BARS,
    H_FLAGS,
    H_CUSTODY,
    H_PERIOD,
    H_CHAIN_ZH,
    H_CHAIN_EN,
    H_ZH,
    H_EN,
    H_REASON_ZH,
    H_REASON_EN,
    H_CONFIRM,
    H_COUNT
};

static const char *const plan_chains_on[] = {"open", "send", "accept", "waive"};
static const char *const plan_chains_custody[] = {"",     "free",   "offer",
                                                  "take", "family", "placement"};
enum {
    ON_COUNT = sizeof plan_chains_on / sizeof *plan_chains_on,
    CUSTODY_COUNT = sizeof plan_chains_custody / sizeof *plan_chains_custody,
};

/* ---- steps ------------------------------------------------------------------------------------
 */

static size_t plan_chains_find(const struct plan *plan, const char *chain, const char *step,
                               size_t len)
{
    size_t i = 0;
    while (i < plan->step_count &&
           (strcmp(plan->steps[i].chain, chain) != 0 || strlen(plan->steps[i].step) != len ||
            memcmp(plan->steps[i].step, step, len) != 0))
        i++;
    return i;
}

/* The rows of a chain stand together, and so do those of a step; the first one names it. */
static int plan_chains_step(struct plan *plan, const struct table *table, char **f,
                            size_t *ret_step, struct error *ret_error)
{
    size_t count = plan->step_count;
    size_t at = plan_chains_find(plan, f[H_CHAIN], f[H_STEP], strlen(f[H_STEP]));
    if (at < count) {
        *ret_step = at;
        if (at + 1 != count)
            return table_refuse(table, ret_error, "环节 %.60s 的各行须相邻",
                                "the rows of step %.60s stand together", f[H_STEP]);
        if (f[H_ZH][0] || f[H_EN][0] || f[H_PERIOD][0] || f[H_CHAIN_ZH][0] || f[H_CHAIN_EN][0])
            return table_refuse(table, ret_error, "名称与期限只写在环节的第一行",
                                "the first row of a step alone names it");
        return 0;
    }
    bool goes_on = count > 0 && strcmp(plan->steps[count - 1].chain, f[H_CHAIN]) == 0;
    for (size_t i = 0; !goes_on && i < count; i++)
        if (strcmp(plan->steps[i].chain, f[H_CHAIN]) == 0)
            return table_refuse(table, ret_error, "链条 %.60s 的各行须相邻",
                                "the rows of chain %.60s stand together", f[H_CHAIN]);
    if (count == PLAN_STEP_COUNT_MAX)
        return table_refuse(table, ret_error, "环节多于 %d 个", "more than %d steps",
                            PLAN_STEP_COUNT_MAX);
    /* "rescue/handover" is told, and kept by journals, as one slug. */
    if (strlen(f[H_CHAIN]) + 1 + strlen(f[H_STEP]) > LIMIT_SLUG_LEN_MAX)
        return table_refuse(table, ret_error, "chain 与 step 合计至多 %d 个字符",
                            "chain and step together: at most %d characters",
                            LIMIT_SLUG_LEN_MAX - 1);
    if (goes_on && (f[H_CHAIN_ZH][0] || f[H_CHAIN_EN][0]))
        return table_refuse(table, ret_error, "链条名称只写在该链条的第一行",
                            "the first row of a chain alone names it");
    const char *chain_zh = goes_on ? plan->steps[count - 1].chain_zh : f[H_CHAIN_ZH];
    const char *chain_en = goes_on ? plan->steps[count - 1].chain_en : f[H_CHAIN_EN];
    int r = plan_reader_slug(table, f[H_CHAIN], "chain", ret_error);
    if (r == 0) r = plan_reader_text(table, chain_zh, "chain_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, chain_en, "chain_en", ret_error);
    if (r == 0) r = plan_reader_slug(table, f[H_STEP], "step", ret_error);
    if (r == 0) r = plan_reader_text(table, f[H_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[H_EN], "name_en", ret_error);
    if (r < 0) return r;
    plan->steps[count] = (struct plan_step){.chain = f[H_CHAIN],
                                            .step = f[H_STEP],
                                            .chain_zh = chain_zh,
                                            .chain_en = chain_en,
                                            .name_zh = f[H_ZH],
                                            .name_en = f[H_EN],
                                            .line = table->line};
    *ret_step = plan->step_count++;
    return 0;
}

/* "30d": the days that it runs; "15m": the minutes that a custody may seem to be nobody's. */
static int plan_chains_period(struct plan *plan, const struct table *table, const char *text,
                              struct plan_chain_row *row, struct error *ret_error)
{
    size_t len = strspn(text, "0123456789");
    uint32_t number = 0;
    if (text[0] == 0) return 0;
    for (size_t i = 0; i < len && len <= 4; i++) number = number * 10 + (uint32_t)(text[i] - '0');
    bool days = strcmp(text + len, "d") == 0, minutes = strcmp(text + len, "m") == 0;
    if ((!days && !minutes) || number == 0 ||
        number > (days ? PLAN_CHAIN_PERIOD_DAYS_MAX : 24 * 60))
        return table_refuse(table, ret_error, "period 应如 30d 或 15m", "period: 30d, or 15m");
    if (days) plan->steps[row->step].period_days = number;
    if (minutes) row->gap_minutes = number;
    if (minutes && row->custody != PLAN_CUSTODY_TAKE)
        return table_refuse(table, ret_error, "分钟数只用于接收责任（take）的一行",
                            "minutes belong to who takes custody");
    return 0;
}

/* ---- what comes before ------------------------------------------------------------------------
 */

/* Steps above this one: "dna,handover,reunion|settlement,kin-notice:over". */
static int plan_chains_need(struct plan *plan, const struct table *table, const char *text,
                            const char *chain, struct plan_chain_row *row, struct error *ret_error)
{
    uint64_t any = 0;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "|:");
        size_t step = plan_chains_find(plan, chain, at, len);
        if (step >= row->step)
            return table_refuse(table, ret_error, "本环节之上没有环节 %.*s",
                                "no step %.*s above this one", (int)(len < 60 ? len : 60), at);
        any |= (uint64_t)1 << step;
        at += len;
        if (strncmp(at, ":over", 5) == 0) {
            if (plan->steps[step].period_days == 0)
                return table_refuse(table, ret_error, "环节 %.60s 没有期限",
                                    "step %.60s has no period", plan->steps[step].step);
            row->over |= (uint64_t)1 << step;
            at += 5;
        }
        if (*at && (*at != '|' || !at[1]))
            return table_refuse(table, ret_error,
                                "after：环节以逗号分隔，其中之一即可的以 | 分隔，须期满的加 :over",
                                "after: steps, with | between those of which one is "
                                "enough, and :over for the end of a period");
        at += *at == '|';
    }
    row->after[row->after_count++] = any;
    return 0;
}

static int plan_chains_needs(struct plan *plan, const struct table *table, char **f,
                             struct plan_chain_row *row, struct error *ret_error)
{
    const char *items[PLAN_CHAIN_NEED_COUNT_MAX];
    size_t count = table_list_count(f[H_AFTER]);
    if (count > PLAN_CHAIN_NEED_COUNT_MAX ||
        table_list_count(f[H_BARS]) > PLAN_CHAIN_NEED_COUNT_MAX)
        return table_refuse(table, ret_error, "至多 %d 项", "at most %d of them",
                            PLAN_CHAIN_NEED_COUNT_MAX);
    int r = table_list(table, f[H_AFTER], items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = plan_chains_need(plan, table, items[i], f[H_CHAIN], row, ret_error);
    return r;
}

/* They may stand further down. */
static int plan_chains_bars(struct plan *plan, struct table *table, char *const *lists,
                            struct error *ret_error)
{
    for (size_t i = 0; i < plan->chain_row_count; i++) {
        struct plan_chain_row *row = &plan->chain_rows[i];
        const char *items[PLAN_CHAIN_NEED_COUNT_MAX];
        size_t count = table_list_count(lists[i]);
        table->line = row->line;
        int r = table_list(table, lists[i], items, ret_error);
        if (r < 0) return r;
        for (size_t k = 0; k < count; k++) {
            size_t step =
                plan_chains_find(plan, plan->steps[row->step].chain, items[k], strlen(items[k]));
            if (step == plan->step_count)
                return table_refuse(table, ret_error, "本链条没有环节 %.60s",
                                    "no step %.60s of this chain", items[k]);
            row->bars |= (uint64_t)1 << step;
        }
        for (size_t k = 0; k < row->after_count; k++)
            if (row->bars & row->after[k])
                return table_refuse(table, ret_error, "同一环节既要求又排斥",
                                    "one and the same step is needed and barred");
    }
    return 0;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static int plan_chains_flags(const struct table *table, char *field, struct plan_chain_row *row,
                             struct error *ret_error)
{
    static const char *const words[] = {"early", "alone", "once", "until"};
    const char *items[4];
    size_t count = table_list_count(field), word;
    if (count > 4)
        return table_refuse(table, ret_error, "flags 应为 early、alone、once、until",
                            "flags: early, alone, once, until");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = plan_reader_word(table, items[i], words, 4, "flag", &word, ret_error);
        if (r < 0) return r;
        row->early = row->early || word == 0;
        row->alone = row->alone || word == 1;
        row->once = row->once || word == 2;
        row->until = row->until || word == 3;
    }
    return r;
}

/* Nothing may hold up a report, nor an answer to one. */
static int plan_chains_kinds(const struct plan *plan, const struct table *table,
                             const struct plan_chain_row *row, struct error *ret_error)
{
    bool waits = row->after_count > 0 || row->bars != 0;
    if (row->kind_count == 0)
        return table_refuse(table, ret_error, "缺少 kinds", "kinds are missing");
    for (size_t i = 0; i < row->kind_count; i++) {
        const struct plan_kind *kind = plan_kind_find(plan, row->kinds[i]);
        if (!kind)
            return table_refuse(table, ret_error, "没有种类 %.60s", "no kind %.60s", row->kinds[i]);
        if (kind->act != PLAN_ACT_NONE && kind->act != PLAN_ACT_STAND_DOWN)
            return table_refuse(table, ret_error, "%s 是办理行为，其先后由办理流程规定",
                                "%s acts on a leg: its order is the lifecycle's", kind->slug);
        if (row->on == PLAN_CHAIN_ACCEPT && !plan_kind_expects(kind, PLAN_ACT_ACCEPT))
            return table_refuse(table, ret_error, "%s 无须受理", "nobody accepts %s", kind->slug);
        if (waits && kind->family == PLAN_FAMILY_LEAD)
            return table_refuse(table, ret_error, "%s：线索不等待任何环节",
                                "%s: a lead waits for nothing", kind->slug);
        for (size_t k = 0; k < row->topic_count; k++)
            if (!plan_topic_find(kind, row->topics[k]))
                return table_refuse(table, ret_error, "%s 没有主题 %.60s", "%s has no topic %.60s",
                                    kind->slug, row->topics[k]);
    }
    return 0;
}

/* What says that a step is needed no more waits for nothing and does nothing else. */
static int plan_chains_waive(const struct table *table, struct plan_chain_row *row,
                             struct error *ret_error)
{
    if (row->on != PLAN_CHAIN_WAIVE) return 0;
    if (row->after_count > 0 || row->bars || row->early || row->alone || row->once || row->until ||
        row->custody || row->gap_minutes || row->by_count == 0)
        return table_refuse(table, ret_error, "waive：只写由哪些单位免除，其余各栏留空",
                            "waive: it names by whom, and nothing else");
    row->alone = true; /* nor does it begin a chain */
    return 0;
}

/* What is owed has a name: no row is both early and content with one of several. */
static int plan_chains_early(const struct table *table, const struct plan_chain_row *row,
                             struct error *ret_error)
{
    if (row->early && row->after_count == 0)
        return table_refuse(table, ret_error, "early：它不等待任何环节",
                            "early: it waits for nothing");
    for (size_t i = 0; row->early && i < row->after_count; i++)
        if (row->after[i] & (row->after[i] - 1))
            return table_refuse(table, ret_error, "early：须能确定欠缺的是哪一环节",
                                "early: it must be plain what is owed");
    return 0;
}

static int plan_chains_row(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    struct plan_chain_row *row = &plan->chain_rows[plan->chain_row_count];
    size_t step = 0, on = 0, custody = 0;
    *row = (struct plan_chain_row){.reason_zh = f[H_REASON_ZH],
                                   .reason_en = f[H_REASON_EN],
                                   .to_confirm = f[H_CONFIRM],
                                   .line = table->line};
    int r = plan_chains_step(plan, table, f, &step, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[H_ON], plan_chains_on, ON_COUNT, "on", &on, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[H_CUSTODY], plan_chains_custody, CUSTODY_COUNT, "custody",
                             &custody, ret_error);
    if (r < 0) return r;
    row->step = (uint8_t)step;
    row->on = (uint8_t)on;
    row->custody = (uint8_t)custody;
    r = plan_reader_strings(plan, table, f[H_KINDS], &row->kinds, &row->kind_count, ret_error);
    if (r == 0)
        r = plan_reader_strings(plan, table, f[H_TOPICS], &row->topics, &row->topic_count,
                                ret_error);
    if (r == 0)
        r = plan_reader_named_list(plan, table, f[H_BY], &row->by, &row->by_count, ret_error);
    if (r == 0) r = plan_chains_needs(plan, table, f, row, ret_error);
    if (r == 0) r = plan_chains_flags(table, f[H_FLAGS], row, ret_error);
    if (r == 0) r = plan_chains_early(table, row, ret_error);
    if (r == 0) r = plan_chains_period(plan, table, f[H_PERIOD], row, ret_error);
    if (r == 0) r = plan_chains_waive(table, row, ret_error);
    if (r == 0) r = plan_reader_text(table, f[H_REASON_ZH], "reason_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[H_REASON_EN], "reason_en", ret_error);
    if (r == 0) plan->chain_row_count++;
    return r;
}

int plan_chains_parse(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {
        "chain",    "step",    "on",      "kinds",     "topics",    "by",
        "after",    "bars",    "flags",   "custody",   "period",    "chain_zh",
        "chain_en", "name_zh", "name_en", "reason_zh", "reason_en", "to_confirm"};
    struct plan *plan = reader->plan;
    char *f[H_COUNT];
    bool more = true;

    int r = plan_reader_open(reader, PLAN_PART_CHAINS, columns, H_COUNT, PLAN_CHAIN_ROW_COUNT_MAX,
                             ret_error);
    if (r < 0) return r;
    plan->steps = plan_alloc(plan, PLAN_STEP_COUNT_MAX, sizeof *plan->steps);
    plan->chain_rows = plan_alloc(plan, reader->row_cap, sizeof *plan->chain_rows);
    char **bars = plan_alloc(plan, reader->row_cap, sizeof *bars);
    if (!plan->steps || !plan->chain_rows || !bars) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &more, ret_error)) == 0 && more) {
        bars[plan->chain_row_count] = f[H_BARS];
        r = plan_chains_row(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    if (r == 0) r = plan_chains_bars(plan, &reader->table, bars, ret_error);
    for (size_t i = 0; r == 0 && i < plan->chain_row_count; i++) {
        reader->table.line = plan->chain_rows[i].line;
        r = plan_chains_kinds(plan, &reader->table, &plan->chain_rows[i], ret_error);
    }
    return r;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

size_t plan_step_count(const struct plan *plan)
{
    return plan->step_count;
}

const struct plan_step *plan_step(const struct plan *plan, size_t number)
{
    return number < plan->step_count ? &plan->steps[number] : NULL;
}

size_t plan_chain_row_count(const struct plan *plan)
{
    return plan->chain_row_count;
}

const struct plan_chain_row *plan_chain_row(const struct plan *plan, size_t index)
{
    return index < plan->chain_row_count ? &plan->chain_rows[index] : NULL;
}

uint64_t plan_chain_steps(const struct plan *plan, size_t step)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        if (strcmp(plan->steps[i].chain, plan->steps[step].chain) == 0) steps |= (uint64_t)1 << i;
    return steps;
}

const char *plan_chain_on_name(enum plan_chain_on on)
{
    return (size_t)on < ON_COUNT ? plan_chains_on[on] : "?";
}

const char *plan_chain_custody_name(enum plan_chain_custody custody)
{
    return (size_t)custody < CUSTODY_COUNT ? plan_chains_custody[custody] : "?";
}
