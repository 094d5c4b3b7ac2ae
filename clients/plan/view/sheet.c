#include "clients/plan/view/sheet.h"

#include <string.h>

#include "clients/plan/view/markup.h"
#include "proto/base/check.h"

enum { SHEET_REASON_COUNT_MAX = 16 }; /* words of confirm.def */

struct sheet_work {
    const struct plan *plan;
    const char *digest;
    enum lang lang;
    struct buf *buf;
    char table[32]; /* whose items are being written */
    size_t count;
};

#define S(zh, en) (work->lang == LANG_EN ? (en) : (zh))

static const char *sheet_table_title(const struct sheet_work *work, const char *table)
{
    static const char *const titles[][3] = {
        {"plan/units.tsv", "单位", "Units"},
        {"plan/groups.tsv", "成员名单", "Members"},
        {"plan/duties.tsv", "职责", "Duties"},
        {"plan/kinds.tsv", "保存期限", "Retention"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (strcmp(titles[i][0], table) == 0) return S(titles[i][1], titles[i][2]);
    }
    return table;
}

/* True at the first item of a table. */
static bool sheet_turn(struct sheet_work *work, const char *table)
{
    size_t len = strlen(table);
    if (strcmp(work->table, table) == 0 || len >= sizeof work->table) return false;
    memcpy(work->table, table, len + 1);
    return true;
}

static const char *sheet_file(const char *table)
{
    return strncmp(table, "plan/", 5) == 0 ? table + 5 : table;
}

/* Why the things of one table are open, each reason once. */
struct sheet_reasons {
    struct sheet_work *work;
    const char *table;
    void (*tell)(struct sheet_work *work, const char *what, const char *why);
    const char *told[SHEET_REASON_COUNT_MAX];
    size_t count;
};

static void sheet_reasons_item(void *ctx, const struct plan_open_item *item)
{
    struct sheet_reasons *reasons = ctx;
    const struct sheet_work *work = reasons->work;
    if (strcmp(item->table, reasons->table) != 0 || !item->why_zh[0]) return;
    for (size_t i = 0; i < reasons->count; i++) {
        if (reasons->told[i] == item->why_zh) return; /* of confirm.def: static */
    }
    CHECK(reasons->count < SHEET_REASON_COUNT_MAX);
    reasons->told[reasons->count++] = item->why_zh;
    reasons->tell(reasons->work, S(item->what_zh, item->what_en), S(item->why_zh, item->why_en));
}

static void sheet_reasons(struct sheet_work *work, const char *table,
                          void (*tell)(struct sheet_work *work, const char *what, const char *why))
{
    struct sheet_reasons reasons = {.work = work, .table = table, .tell = tell};
    (void)plan_open(work->plan, sheet_reasons_item, &reasons);
}

/* ---- plain text -------------------------------------------------------------------------------
 */

static void sheet_text_reason(struct sheet_work *work, const char *what, const char *why)
{
    buf_printf(work->buf, S("（%s：%s）\n", "(%s: %s)\n"), what, why);
}

static void sheet_text_item(void *ctx, const struct plan_open_item *item)
{
    struct sheet_work *work = ctx;
    const char *value = S(item->value_zh, item->value_en);

    if (sheet_turn(work, item->table)) {
        buf_printf(work->buf, "\n%s\n", sheet_table_title(work, item->table));
        sheet_reasons(work, item->table, sheet_text_reason);
    }
    work->count++;
    buf_printf(work->buf, S("%3zu. %s：%s（%s）\n", "%3zu. %s: %s (%s)\n"), work->count,
               S(item->what_zh, item->what_en), S(item->name_zh, item->name_en), item->subject);
    buf_printf(work->buf, S("     现在：%s\n", "     now: %s\n"),
               value[0] ? value : S("（空）", "(nothing)"));
    buf_printf(work->buf,
               S("     出处：%s:%zu    □ 照此  □ 改为 ____________\n",
                 "     where: %s:%zu    [ ] as it is  [ ] change to ____________\n"),
               sheet_file(item->table), item->line);
}

static void sheet_text(struct sheet_work *work)
{
    const struct plan_about *about = plan_about(work->plan);
    buf_printf(work->buf,
               S("%s：待确认事项\n方案日期 %s    数据表指纹 %s\n",
                 "%s: to be confirmed\nplan of %s    digest of its tables %s\n"),
               S(about->title_zh, about->title_en[0] ? about->title_en : about->name), about->date,
               work->digest);
    (void)plan_open(work->plan, sheet_text_item, work);
    buf_printf(work->buf,
               S("\n共 %zu 项。\n\n联席会议办公室（盖章）：            签字：            日期：\n",
                 "\n%zu items.\n\nOffice of the joint conference (seal):            "
                 "signed:            date:\n"),
               work->count);
}

/* ---- TSV --------------------------------------------------------------------------------------
 */

static void sheet_tsv_item(void *ctx, const struct plan_open_item *item)
{
    struct sheet_work *work = ctx;
    work->count++;
    buf_printf(work->buf, "%s\t%zu\t%s\t%s\t%s\t%s\t%s\n", sheet_file(item->table), item->line,
               item->subject, S(item->name_zh, item->name_en), S(item->what_zh, item->what_en),
               S(item->value_zh, item->value_en), S(item->why_zh, item->why_en));
}

/* ---- HTML -------------------------------------------------------------------------------------
 */

static void sheet_cell(struct sheet_work *work, const char *class, const char *text)
{
    buf_printf(work->buf, "<td class=\"%s\">", class);
    markup_text(work->buf, text);
    buf_append_str(work->buf, "</td>\n");
}

static void sheet_html_reason(struct sheet_work *work, const char *what, const char *why)
{
    buf_append_str(work->buf, "<p class=\"why\"><b>");
    markup_text(work->buf, what);
    buf_append_str(work->buf, S("</b>：", "</b>: "));
    markup_text(work->buf, why);
    buf_append_str(work->buf, S("。</p>\n", ".</p>\n"));
}

static void sheet_html_head(struct sheet_work *work, const char *table)
{
    static const char *const columns[][2] = {{"序号", "No."},   {"事项", "What"},
                                             {"对象", "Of"},    {"现在的写法", "As it stands"},
                                             {"出处", "Where"}, {"确认", "Confirmed"}};
    buf_append_str(work->buf, "<h2>");
    markup_text(work->buf, sheet_table_title(work, table));
    buf_append_str(work->buf, "</h2>\n");
    sheet_reasons(work, table, sheet_html_reason);
    buf_append_str(work->buf, "<table>\n<thead><tr>");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        buf_printf(work->buf, "<th scope=\"col\">%s</th>", S(columns[i][0], columns[i][1]));
    buf_append_str(work->buf, "</tr></thead>\n<tbody>\n");
}

static void sheet_html_item(void *ctx, const struct plan_open_item *item)
{
    struct sheet_work *work = ctx;
    const char *value = S(item->value_zh, item->value_en);
    bool open = work->table[0] != '\0';

    if (sheet_turn(work, item->table)) {
        if (open) buf_append_str(work->buf, "</tbody>\n</table>\n");
        sheet_html_head(work, item->table);
    }
    work->count++;
    buf_printf(work->buf, "<tr>\n<td class=\"no\">%zu</td>\n", work->count);
    sheet_cell(work, "what", S(item->what_zh, item->what_en));
    buf_append_str(work->buf, "<td class=\"of\">");
    markup_text(work->buf, S(item->name_zh, item->name_en));
    buf_append_str(work->buf, "<br><code>");
    markup_text(work->buf, item->subject);
    buf_append_str(work->buf, "</code></td>\n");
    sheet_cell(work, "now", value[0] ? value : S("（空）", "(nothing)"));
    buf_printf(work->buf, "<td class=\"where\"><code>%s:%zu</code></td>\n", sheet_file(item->table),
               item->line);
    buf_printf(work->buf, "<td class=\"sign\">%s</td>\n</tr>\n",
               S("□ 照此<br>□ 改为：", "□ as it is<br>□ change to:"));
}

static const char sheet_style[] =
    "@page { size: A4; margin: 16mm 14mm 18mm; }\n"
    "body { font: 10pt/1.45 \"Noto Serif CJK SC\", \"Source Han Serif SC\", SimSun, serif; "
    "color: #000; background: #fff; max-width: 182mm; margin: 0 auto; }\n"
    "h1 { font-size: 16pt; text-align: center; margin: 0 0 4mm; }\n"
    "h2 { font-size: 12pt; margin: 6mm 0 2mm; break-after: avoid; }\n"
    "p { margin: 0 0 2mm; }\n"
    "code { font: 8pt \"DejaVu Sans Mono\", monospace; overflow-wrap: anywhere; }\n"
    "table { width: 100%; border-collapse: collapse; table-layout: fixed; }\n"
    "thead { display: table-header-group; }\n"
    "tr { break-inside: avoid; }\n"
    "th, td { box-sizing: border-box; border: 0.3mm solid #000; padding: 1mm 1.5mm; "
    "vertical-align: top; "
    "text-align: left; overflow-wrap: anywhere; }\n"
    "th { background: #eee; font-weight: bold; }\n"
    "th:nth-child(1) { width: 12mm; } th:nth-child(2) { width: 25mm; } "
    "th:nth-child(3) { width: 48mm; } th:nth-child(4) { width: 44mm; } "
    "th:nth-child(5) { width: 26mm; }\n"
    ".why { margin: 0 0 1mm; break-after: avoid; }\n"
    "td.no { text-align: right; }\n"
    ".signs { display: flex; gap: 8mm; margin-top: 10mm; break-inside: avoid; }\n"
    ".signs div { flex: 1; border-bottom: 0.3mm solid #000; padding-bottom: 12mm; }\n"
    ".digest { overflow-wrap: anywhere; }\n";

static void sheet_html(struct sheet_work *work)
{
    const struct plan_about *about = plan_about(work->plan);
    const char *title = S(about->title_zh, about->title_en[0] ? about->title_en : about->name);

    buf_printf(work->buf,
               "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
               S("zh-CN", "en"));
    markup_text(work->buf, title);
    buf_printf(work->buf, "%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>",
               S("：待确认事项", ": to be confirmed"), sheet_style);
    markup_text(work->buf, title);
    buf_printf(work->buf, "<br>%s</h1>\n<p>%s %s</p>\n<p class=\"digest\">%s <code>%s</code></p>\n",
               S("待确认事项签认单", "To be confirmed, and signed for"), S("方案日期：", "Plan of"),
               about->date, S("数据表指纹（SHA-256）：", "Digest of its tables (SHA-256):"),
               work->digest);
    buf_printf(work->buf, "<p>%s</p>\n",
               S("下列各项在方案中没有写明，或未能核实；数据表暂按“现在的写法”运行。请逐项勾选照此"
                 "，或写明改"
                 "为什么。",
                 "The plan does not say the following, or it could not be verified; the tables run "
                 "on what stands there now. Tick each as it is, or write what it shall be."));
    (void)plan_open(work->plan, sheet_html_item, work);
    if (work->count > 0) buf_append_str(work->buf, "</tbody>\n</table>\n");
    buf_printf(work->buf, S("<p>共 %zu 项。</p>\n", "<p>%zu items.</p>\n"), work->count);
    buf_printf(work->buf,
               "<div class=\"signs\"><div>%s</div><div>%s</div><div>%s</div></div>\n"
               "</body>\n</html>\n",
               S("联席会议办公室（盖章）", "Office of the joint conference (seal)"),
               S("签字", "Signed"), S("日期", "Date"));
}

size_t sheet_write(const struct plan *plan, const char *digest, enum sheet_form form,
                   enum lang lang, struct buf *ret_buf)
{
    struct sheet_work all = {.plan = plan, .digest = digest, .lang = lang, .buf = ret_buf};
    struct sheet_work *work = &all;

    switch (form) {
    case SHEET_TEXT: sheet_text(work); break;
    case SHEET_TSV:
        buf_printf(ret_buf, "table\tline\tsubject\tname\twhat\tnow\twhy\n");
        (void)plan_open(plan, sheet_tsv_item, work);
        break;
    case SHEET_HTML: sheet_html(work); break;
    }
    return work->count;
}
