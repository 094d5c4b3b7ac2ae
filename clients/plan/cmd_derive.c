/* leadbus-plan derive: a plan's text in, its task table out. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "clients/plan/derive/derive.h"
#include "clients/plan/derive/keys.h"
#include "clients/plan/tool.h"
#include "proto/base/check.h"
#include "proto/host/file.h"

struct work {
    bool json, keys_wanted, strict, notes;
    struct options_list unit_paths;
    struct keys *keys;
    struct derive *derive;
    size_t undecided;
    struct buf out;   /* the table as TSV */
    json_t *findings; /* all of them, in order */
    json_t *rows;
};

/* ---- keys */

static int load_keys(struct work *work, struct error *ret_error)
{
    static const char *const shipped[] = {"plan/units.tsv", "plan/groups.tsv"};
    int rc = 0;
    work->keys = keys_new();
    for (size_t i = 0; rc == 0 && i < work->unit_paths.count; i++) {
        struct buf table = {0};
        const char *path = work->unit_paths.items[i];
        rc = file_read_regular(path, LIMIT_TABLE_BYTES_MAX, &table, ret_error);
        if (rc == 0) rc = keys_add(work->keys, buf_bytes(&table), path, ret_error);
        buf_fini(&table);
    }
    for (size_t i = 0; rc == 0 && work->unit_paths.count == 0 && i < tool_shipped_count; i++)
        for (size_t j = 0; rc == 0 && j < sizeof shipped / sizeof shipped[0]; j++)
            if (strcmp(tool_shipped[i].name, shipped[j]) == 0)
                rc = keys_add(work->keys, tool_shipped[i].content, shipped[j], ret_error);
    return rc;
}

static void add_finding(struct work *work, const struct derive_finding *finding)
{
    json_t *object = json_pack("{s:I, s:s, s:b, s:s, s:s, s:s}", "line", (json_int_t)finding->line,
                               "code", finding->code, "undecided", finding->undecided, "detail",
                               finding->detail, "text_zh", finding->zh, "text_en", finding->en);
    CHECK(object != NULL);
    if (finding->undecided) work->undecided++;
    CHECK(json_array_append_new(work->findings, object) == 0);
}

/* A name in the table: as it is written, or its key. */
static void add_name(struct work *work, const struct derive_row *row, const char *const *names,
                     size_t index, json_t *list)
{
    static const struct {
        const char *code, *zh, *en;
    } troubles[] = {
        [KEY_UNKNOWN] = {"key-unknown", "单位表中没有这个名称",
                         "no unit of the table has this name"},
        [KEY_AMBIGUOUS] = {"key-ambiguous", "名称对应单位表中多个单位",
                           "the name belongs to more than one unit of the table"},
        [KEY_DOUBLE] = {"key-double", "括号内外两个名称对应不同单位，取括号外的",
                        "the names outside and inside the bracket are different units; the one "
                        "outside is taken"},
        [KEY_ALIKE] =
            {"key-alike", "单位表中没有这个名称，按职能相近的单位列出，请核对",
             "no unit has this name; drafted as the one that is about the same, check it"},
    };
    const char *key = names[index];
    struct buf unknown = {0};
    if (work->keys) {
        enum key_found found = keys_find(work->keys, names, index, &key);
        if (found != KEY_FOUND) {
            struct derive_finding finding = {troubles[found].code, true,
                                             row->line_first,      names[index],
                                             troubles[found].zh,   troubles[found].en};
            add_finding(work, &finding);
        }
        if (!key) {
            buf_printf(&unknown, "?%s", names[index]);
            buf_append_u8(&unknown, 0);
            key = (const char *)unknown.data;
        }
    }
    buf_printf(&work->out, "%s%s", index == 0 ? "" : work->keys ? "," : "、", key);
    if (list) CHECK(json_array_append_new(list, json_string(key)) == 0);
    buf_fini(&unknown);
}

/* ---- rows */

static void add_flags(struct work *work, unsigned flags, json_t *list)
{
    bool first = true;
    for (size_t i = 0; i < DERIVE_FLAG_COUNT; i++) {
        if (!(flags >> i & 1)) continue;
        buf_printf(&work->out, "%s%s", first ? "" : ",", derive_flag_name(i));
        if (list) CHECK(json_array_append_new(list, json_string(derive_flag_name(i))) == 0);
        first = false;
    }
}

static void add_row(struct work *work, const struct derive_row *row)
{
    json_t *lead = NULL, *coop = NULL, *flags = NULL;
    if (work->json) {
        lead = json_array();
        coop = json_array();
        flags = json_array();
        CHECK(lead && coop && flags);
    }
    buf_printf(&work->out, "%s\t", row->id);
    for (size_t i = 0; i < row->lead_count; i++) add_name(work, row, row->lead, i, lead);
    buf_append_str(&work->out, "\t");
    for (size_t i = 0; i < row->coop_count; i++) add_name(work, row, row->coop, i, coop);
    buf_printf(&work->out, "\t%zu-%zu\t%s\t", row->line_first, row->line_last,
               derive_form_name(row->form));
    add_flags(work, row->flags, flags);
    buf_printf(&work->out, "\t%s\n", row->title);
    if (!work->json) return;
    json_t *object =
        json_pack("{s:s, s:o, s:o, s:[I,I], s:s, s:o, s:s}", "id", row->id, "lead", lead, "coop",
                  coop, "line", (json_int_t)row->line_first, (json_int_t)row->line_last, "form",
                  derive_form_name(row->form), "flags", flags, "title", row->title);
    CHECK(object != NULL && json_array_append_new(work->rows, object) == 0);
}

static void build(struct work *work)
{
    work->rows = json_array();
    work->findings = json_array();
    CHECK(work->rows && work->findings);
    buf_append_str(&work->out, "id\tlead\tcoop\tline\tform\tflags\ttitle\n");
    for (size_t i = 0; i < derive_finding_count(work->derive); i++) {
        struct derive_finding finding = derive_finding(work->derive, i);
        add_finding(work, &finding);
    }
    for (size_t i = 0; i < derive_row_count(work->derive); i++)
        add_row(work, derive_row(work->derive, i));
}

/* ---- saying it */

static void print_findings(const struct work *work, const char *path)
{
    size_t index = 0, notes = 0;
    json_t *finding = NULL;
    json_array_foreach(work->findings, index, finding)
    {
        bool undecided = json_is_true(json_object_get(finding, "undecided"));
        const char *detail = json_string_value(json_object_get(finding, "detail"));
        json_int_t line = json_integer_value(json_object_get(finding, "line"));
        if (!undecided) notes++;
        if (!undecided && !work->notes) continue;
        (void)fprintf(stderr, "%s", path);
        if (line > 0) (void)fprintf(stderr, ":%lld", (long long)line);
        (void)fprintf(stderr, T("：%s：%s", ": %s: %s"),
                      undecided ? T("待定", "undecided") : T("注意", "note"),
                      json_string_value(json_object_get(finding, T("text_zh", "text_en"))));
        if (detail[0]) (void)fprintf(stderr, T("：%s", ": %s"), detail);
        (void)fprintf(stderr, " [%s]\n", json_string_value(json_object_get(finding, "code")));
    }
    if (work->undecided == 0 && (notes == 0 || work->notes)) return;
    (void)fprintf(
        stderr,
        T("%s：%zu 条，待定 %zu 处，注意 %zu 处%s\n", "%s: %zu rows, %zu undecided, %zu notes%s\n"),
        path, derive_row_count(work->derive), work->undecided, notes,
        notes > 0 && !work->notes ? T("（--notes 列出）", " (--notes lists them)") : "");
}

static void print(const struct work *work, const char *path)
{
    print_findings(work, path);
    if (!work->json) {
        (void)fwrite(work->out.data, 1, work->out.len, stdout);
        return;
    }
    json_t *all = json_pack("{s:i, s:b, s:I, s:O, s:O}", "version", 1, "keys", work->keys != NULL,
                            "undecided", (json_int_t)work->undecided, "rows", work->rows,
                            "findings", work->findings);
    CHECK(all != NULL);
    (void)json_dumpf(all, stdout, JSON_INDENT(1));
    (void)fputc('\n', stdout);
    json_decref(all);
}

static int run(struct work *work, const char *path)
{
    struct buf text = {0};
    struct error error = {0};
    int rc = work->keys_wanted || work->unit_paths.count > 0 ? load_keys(work, &error) : 0;
    if (rc == 0) rc = tool_read(path, DERIVE_TEXT_BYTES_MAX, &text, &error);
    if (rc == 0) {
        rc = derive_run(buf_bytes(&text), &work->derive, &error);
        /* The field is a line: say of which file. */
        if (rc == E_BAD_FORM) {
            char field[sizeof error.field];
            (void)snprintf(field, sizeof field, "%.60s:%.20s", path, error.field);
            memcpy(error.field, field, sizeof field);
        }
    }
    buf_fini(&text);
    if (rc != 0) return tool_fail(rc, &error);
    build(work);
    print(work, path);
    return work->strict && work->undecided > 0 ? EX_DATAERR : EX_OK;
}

int cmd_derive(int argc, char **argv)
{
    struct work work = {0};
    const char *lang = NULL;
    const struct options_row rows[] = {
        {.name = "keys",
         .doc_zh = "输出单位代码，代替名称；查不到的写作“?名称”",
         .doc_en = "unit keys in place of names; one that is not found reads ?NAME",
         .flag = &work.keys_wanted},
        {.name = "units",
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "以此单位表查代码（可多次；默认随附方案的 units.tsv、groups.tsv）",
         .doc_en = "look keys up in this table (may be repeated; the shipped plan's by default)",
         .list = &work.unit_paths},
        {.name = "strict",
         .doc_zh = "有待定事项时退出码为 65",
         .doc_en = "exit 65 if anything is undecided",
         .flag = &work.strict},
        {.name = "notes",
         .doc_zh = "也列出按规则处理或略去的内容",
         .doc_en = "also list what was done or left out by rule",
         .flag = &work.notes},
        TOOL_OPTION_JSON(&work.json),
        TOOL_OPTION_LANG(&lang),
    };
    const struct options_spec spec = {
        "leadbus-plan derive",
        "[选项] 文件|-",
        "[options] FILE|-",
        "读取公开发布的方案原文（UTF-8 文本，如 PDF 转出的文字），草拟任务分工表：\n"
        "条款编号、负责单位、配合单位、行号。不能确定的列在标准错误输出，由人核定。",
        "Reads a plan as published (UTF-8 text, for instance a dump of a PDF) and drafts the task\n"
        "table: clause ids, lead units, cooperating units, lines. What it cannot decide it lists "
        "on\n"
        "standard error, for a person to settle.",
        rows,
        sizeof rows / sizeof rows[0]};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &lang, 1, 1, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    int status = run(&work, argv[first]);
    json_decref(work.rows);
    json_decref(work.findings);
    buf_fini(&work.out);
    keys_free(work.keys);
    derive_free(work.derive);
    if (fflush(stdout) != 0 && status == EX_OK) status = EX_IOERR;
    return status;
}
