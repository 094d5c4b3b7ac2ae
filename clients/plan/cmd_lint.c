#include <stdlib.h>
#include <string.h>

#include "clients/plan/tool.h"
#include "clients/plan/view/sheet.h"
#include "proto/base/check.h"

/* What lint exits with when it found something grave; sysexits begin at 64. */
enum { EXIT_GRAVE = 1, CLASS_COUNT = 4 };

struct lint_options {
    const char *name, *directory, *at, *lang;
    bool to_confirm, all, strict, json, tsv, html;
};

/* Findings are gathered, then shown by class. */
struct lint_row {
    enum plan_finding_class class;
    const char *code;
    char *table, *subject, *text_zh, *text_en;
    size_t line;
    const struct plan_waiver *waiver;
};

struct lint_work {
    const struct lint_options *options;
    struct tool_plan plan;
    struct lint_row *rows;
    size_t count, cap;
    size_t counts[CLASS_COUNT];
};

static char *copy(const char *text)
{
    char *copied = strdup(text);
    CHECK(copied != NULL);
    return copied;
}

static void gather(void *ctx, const struct plan_finding *finding)
{
    struct lint_work *work = ctx;
    if (work->count == work->cap) {
        work->cap = work->cap ? work->cap * 2 : 64;
        work->rows = realloc(work->rows, work->cap * sizeof *work->rows);
        CHECK(work->rows != NULL);
    }
    work->counts[finding->class]++;
    work->rows[work->count++] = (struct lint_row){
        .class = finding->class,
        .code = finding->code,
        .table = copy(finding->table),
        .subject = copy(finding->subject),
        .text_zh = copy(finding->text_zh),
        .text_en = copy(finding->text_en),
        .line = finding->line,
        .waiver = finding->waiver,
    };
}

static void forget(struct lint_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        free(work->rows[i].table);
        free(work->rows[i].subject);
        free(work->rows[i].text_zh);
        free(work->rows[i].text_en);
    }
    free(work->rows);
    tool_plan_fini(&work->plan);
}

/* A plan that does not parse has one finding: the row at fault. */
static bool gather_refusal(struct lint_work *work, int code, const struct error *error)
{
    char table[ERROR_FIELD_LEN_MAX + 1], zh[512], en[512];
    char *end = NULL;
    if (code != E_BAD_TABLE && code != E_TOO_LARGE) return false;
    if (strncmp(error->field, "plan/", 5) != 0) return false;
    (void)snprintf(table, sizeof table, "%s", error->field);
    char *colon = strrchr(table, ':');
    if (colon) *colon = '\0';
    (void)snprintf(zh, sizeof zh, "%s：%s", error_text(code, LANG_ZH),
                   error_detail(error, LANG_ZH));
    (void)snprintf(en, sizeof en, "%s: %s", error_text(code, LANG_EN), error->detail);
    struct plan_finding finding = {
        .class = PLAN_FINDING_GRAVE,
        .code = code == E_BAD_TABLE ? "bad-table" : "too-large",
        .table = table,
        .line = colon ? strtoul(colon + 1, &end, 10) : 0,
        .subject = "",
        .text_zh = zh,
        .text_en = en,
    };
    gather(work, &finding);
    return true;
}

/* ---- showing */

static const char *class_name(enum plan_finding_class class)
{
    static const char *const names[CLASS_COUNT] = {"grave", "note", "to-confirm", "waived"};
    return names[class];
}

static const char *class_text(enum plan_finding_class class)
{
    static const char *const texts[CLASS_COUNT][2] = {
        {"严重", "grave"}, {"提示", "note"}, {"待确认", "to confirm"}, {"已豁免", "waived"}};
    return T(texts[class][0], texts[class][1]);
}

static const char *file_of(const char *table)
{
    return strncmp(table, "plan/", 5) == 0 ? table + 5 : table;
}

static void show_class(const struct lint_work *work, enum plan_finding_class class)
{
    for (size_t i = 0; i < work->count; i++) {
        const struct lint_row *row = &work->rows[i];
        char place[64];
        if (row->class != class) continue;
        (void)snprintf(place, sizeof place, row->line ? "%s:%zu" : "%s", file_of(row->table),
                       row->line);
        i18n_pad(stdout, place, 16);
        i18n_pad(stdout, class_text(class), 8);
        printf("%s  [%s]\n", T(row->text_zh, row->text_en), row->code);
        if (!row->waiver) continue;
        i18n_pad(stdout, "", 24);
        printf(T("理由：%s（waivers.tsv:%zu）\n", "reason: %s (waivers.tsv:%zu)\n"),
               T(row->waiver->reason_zh, row->waiver->reason_en), row->waiver->line);
    }
}

static void show(const struct lint_work *work)
{
    const struct lint_options *options = work->options;
    if (work->plan.plan) {
        const struct plan_about *about = plan_about(work->plan.plan);
        printf("%s  %s  %s\n", T(about->title_zh, about->title_en), about->date,
               options->name ? options->name : T("（内置）", "(shipped)"));
    }
    show_class(work, PLAN_FINDING_GRAVE);
    show_class(work, PLAN_FINDING_NOTE);
    if (options->all) {
        show_class(work, PLAN_FINDING_OPEN);
        show_class(work, PLAN_FINDING_WAIVED);
    }
    printf(T("严重 %zu，提示 %zu，待确认 %zu，已豁免 %zu",
             "%zu grave, %zu notes, %zu to confirm, %zu waived"),
           work->counts[PLAN_FINDING_GRAVE], work->counts[PLAN_FINDING_NOTE],
           work->counts[PLAN_FINDING_OPEN], work->counts[PLAN_FINDING_WAIVED]);
    bool hidden =
        !options->all && work->counts[PLAN_FINDING_OPEN] + work->counts[PLAN_FINDING_WAIVED] > 0;
    printf("%s\n", hidden ? T("（--all 列出后两类；--to-confirm 打印签认单）",
                              " (--all lists the last two; --to-confirm prints the sheet)")
                          : "");
}

static json_t *findings_json(const struct lint_work *work)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < work->count; i++) {
        const struct lint_row *from = &work->rows[i];
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "class", class_name(from->class),
                      "code", from->code, "table", from->table, "line", (json_int_t)from->line,
                      "subject", from->subject, "text_zh", from->text_zh, "text_en", from->text_en);
        if (from->waiver)
            (void)json_object_set_new(
                row, "waiver",
                json_pack("{s:I, s:s, s:s}", "line", (json_int_t)from->waiver->line, "reason_zh",
                          from->waiver->reason_zh, "reason_en", from->waiver->reason_en));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static int show_json(const struct lint_work *work)
{
    json_t *object = json_object();
    if (work->plan.plan) {
        char digest[TOOL_DIGEST_LEN];
        const struct plan_about *about = plan_about(work->plan.plan);
        tool_plan_digest(&work->plan, digest);
        (void)json_object_set_new(object, "plan",
                                  json_pack("{s:s, s:s, s:s}", "name", about->name, "date",
                                            about->date, "digest", digest));
    }
    for (int class = 0; class < CLASS_COUNT; class ++)
        (void)json_object_set_new(object, class_name((enum plan_finding_class) class),
                                  json_integer((json_int_t)work->counts[class]));
    (void)json_object_set_new(object, "findings", findings_json(work));
    return tool_print_json(object);
}

/* ---- the sheet */

static void open_json_item(void *ctx, const struct plan_open_item *item)
{
    (void)json_array_append_new(
        ctx,
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "table",
                  item->table, "line", (json_int_t)item->line, "subject", item->subject, "word",
                  item->word, "name_zh", item->name_zh, "name_en", item->name_en, "what_zh",
                  item->what_zh, "what_en", item->what_en, "value_zh", item->value_zh, "value_en",
                  item->value_en, "why_zh", item->why_zh, "why_en", item->why_en));
}

static int sheet(const struct lint_work *work)
{
    const struct lint_options *options = work->options;
    char digest[TOOL_DIGEST_LEN];
    struct buf text = {0};
    tool_plan_digest(&work->plan, digest);
    if (options->json) {
        json_t *items = json_array();
        (void)plan_open(work->plan.plan, open_json_item, items);
        return tool_print_json(
            json_pack("{s:s, s:s, s:s, s:o}", "plan", plan_about(work->plan.plan)->name, "date",
                      plan_about(work->plan.plan)->date, "digest", digest, "items", items));
    }
    enum sheet_form form = options->html ? SHEET_HTML : options->tsv ? SHEET_TSV : SHEET_TEXT;
    (void)sheet_write(work->plan.plan, digest, form, i18n_lang(), &text);
    int status = tool_print(buf_bytes(&text));
    buf_fini(&text);
    return status;
}

static int run(struct lint_work *work)
{
    const struct lint_options *options = work->options;
    struct error error = {0};
    uint64_t at_ms = 0;
    int rc = tool_day(options->at, tool_now_ms(), &at_ms, &error);
    if (rc == 0) rc = tool_plan_load(options->name, &work->plan, &error);
    if (rc != 0 && (options->to_confirm || !gather_refusal(work, rc, &error)))
        return tool_fail(rc, &error);
    if (rc == 0 && options->to_confirm) return sheet(work);
    if (rc == 0) (void)plan_lint(work->plan.plan, gather, work);
    if (rc == 0 && (work->plan.bundle || options->directory)) {
        struct plan_key_holders holders;
        rc = tool_plan_holders(&work->plan, options->directory, at_ms, &holders, &error);
        if (rc != 0) return tool_fail(rc, &error);
        (void)plan_lint_keys(work->plan.plan, &holders, gather, work);
    }
    int status = 0;
    if (options->json)
        status = show_json(work);
    else
        show(work);
    if (status != 0) return status;
    bool bad = work->counts[PLAN_FINDING_GRAVE] > 0 ||
               (options->strict && work->counts[PLAN_FINDING_NOTE] > 0);
    return bad ? EXIT_GRAVE : 0;
}

int cmd_lint(int argc, char **argv)
{
    struct lint_options options = {0};
    const struct options_row rows[] = {
        {.name = "to-confirm",
         .doc_zh = "打印待确认事项签认单，供联席会议办公室签字",
         .doc_en = "the sheet that the office signs: what is still to be confirmed",
         .flag = &options.to_confirm},
        {.name = "html",
         .doc_zh = "签认单为 HTML，可按 A4 打印",
         .doc_en = "the sheet as HTML, for A4",
         .flag = &options.html},
        {.name = "tsv",
         .doc_zh = "签认单为制表符分隔的表",
         .doc_en = "the sheet as a tab-separated table",
         .flag = &options.tsv},
        {.name = "all",
         .doc_zh = "也列出待确认与已豁免的",
         .doc_en = "list what is to be confirmed and what is waived too",
         .flag = &options.all},
        {.name = "strict",
         .doc_zh = "有提示也以 1 退出",
         .doc_en = "exit with 1 for notes too",
         .flag = &options.strict},
        {.name = "directory",
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "按此名录草稿核对各单位的证书与时段密钥",
         .doc_en = "look for every unit's certificate and epoch key in this draft directory",
         .text = &options.directory},
        {.name = "at",
         .value_zh = "日期",
         .value_en = "DAY",
         .doc_zh = "证书与密钥在该日应有效（默认今天）",
         .doc_en = "certificates and keys must be valid on that day (today by default)",
         .text = &options.at},
        TOOL_OPTION_JSON(&options.json),
        TOOL_OPTION_LANG(&options.lang),
    };
    const struct options_spec spec = {
        "leadbus-plan lint",
        "[选项] [方案]",
        "[options] [PLAN]",
        "检查方案数据表。方案：数据表目录或方案包；不写则为内置方案。\n"
        "退出码：0 没有严重问题，1 有严重问题，其他按 sysexits.h。",
        "Checks a plan's tables. PLAN: a folder of tables or a bundle; none: the shipped plan.\n"
        "Exit code: 0 nothing grave, 1 something grave, others by sysexits.h.",
        rows,
        sizeof rows / sizeof rows[0]};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &options.lang, 0, 1, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0 && (options.html || options.tsv) && !options.to_confirm)
        rc = options_wrong(&spec, T("--html、--tsv 须与 --to-confirm 同用",
                                    "--html and --tsv go with --to-confirm"));
    if (rc == 0 && options.html + options.tsv > 0 && options.html + options.tsv + options.json > 1)
        rc = options_wrong(
            &spec, T("--html、--tsv、--json 只能选一个", "one of --html, --tsv and --json alone"));
    if (rc != 0) return options_exit_code(rc);
    options.name = argc > first ? argv[first] : NULL;
    struct lint_work work = {.options = &options};
    int status = run(&work);
    forget(&work);
    return status;
}
