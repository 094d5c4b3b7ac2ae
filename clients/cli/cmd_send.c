/* send, and preview, which takes the same and sends nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

struct what {
    const char *file;
    const char *topic;
    const char *area;
    const char *target;
    const char *thread;
    const char *parent;
    const char *wait;
    struct options_list sets, files;
    bool form, confirmed, preview;
};

/* --set paths start at a section. */
static int set_fields(struct cli *cli, const struct what *what, json_t *body,
                      struct error *ret_error)
{
    json_t *kind = NULL;
    json_t *sections = json_object_get(body, "sections");
    if (!what->sets.count) return 0;
    int status = cli_kind(cli, cli_get(body, "kind"), NULL, &kind, ret_error);
    if (status) return status;
    if (!json_is_object(sections)) {
        sections = json_object();
        json_object_set_new(body, "sections", sections);
    }
    for (size_t i = 0; !status && i < what->sets.count; i++)
        status =
            cli_assign(sections, json_object_get(kind, "schema"), what->sets.items[i], ret_error);
    json_decref(kind);
    return status;
}

static void put(json_t *body, const char *key, const char *value)
{
    if (value && *value) json_object_set_new(body, key, json_string(value));
}

/* The number of an inbox item is that message, or its thread. */
static int put_id(struct cli *cli, json_t *body, const char *key, const char *text,
                  struct error *ret_error)
{
    char id[37];
    if (!text || !*text) return 0;
    int status = cli_resolve(cli, text, strcmp(key, "thread") == 0, id, ret_error);
    if (!status) put(body, key, id);
    return status;
}

/* The request's body: a file or nothing, then the options over it. --set paths start at a section.
 */
static int make_body(struct cli *cli, const struct what *what, const char *kind, json_t **ret_body,
                     struct error *ret_error)
{
    json_t *body = NULL;
    int status = what->file ? cli_read_json(what->file, &body, ret_error) : 0;
    if (status) return status;
    if (!body) body = json_object();
    const char *own = cli_get(body, "kind");
    if (kind && *own && strcmp(own, kind) != 0) {
        status =
            error_say(ret_error, E_USAGE, what->file, "文件中的种类是 %.48s，命令行给的是 %.48s",
                      "the file is of kind %.48s, the command line says %.48s", own, kind);
        json_decref(body);
        return status;
    }
    const char *officer = cli_get(body, "officer");
    if (cli->officer && *cli->officer && *officer && strcmp(officer, cli->officer) != 0) {
        status = error_say(
            ret_error, E_BAD_VALUE, "officer",
            "文件中的经办人是 %.48s，--officer（或 LEADBUS_OFFICER）给的是 %.48s：只留一处",
            "the file says %.48s, --officer (or LEADBUS_OFFICER) says %.48s: one of them is enough",
            officer, cli->officer);
        json_decref(body);
        return status;
    }
    put(body, "kind", kind);
    put(body, "topic", what->topic);
    put(body, "area", what->area);
    put(body, "target", what->target);
    put(body, "officer", cli->officer);
    status = put_id(cli, body, "thread", what->thread, ret_error);
    if (!status) status = put_id(cli, body, "parent", what->parent, ret_error);
    if (!status) status = set_fields(cli, what, body, ret_error);
    if (status)
        json_decref(body);
    else
        *ret_body = body;
    return status;
}

static int read_what(struct cli *cli, struct what *what, bool sends, int argc, char **argv,
                     int *ret_first)
{
    const struct options_row rows[] = {
        {"file", 'f', "文件|-", "FILE|-", "JSON 内容文件，- 为标准输入", "JSON file, - for stdin",
         NULL, &what->file, NULL},
        {"set", 's', "路径=值", "PATH=VALUE", "设置一个字段，如 full.what=…，可重复",
         "set one field, as in full.what=..., may be repeated", NULL, NULL, &what->sets},
        {"topic", 't', "代码", "CODE", "主题代码", "topic code", NULL, &what->topic, NULL},
        {"to", 0, "单位", "UNIT", "发给哪个单位（仅由信头写明接收单位的种类，如 file.access）",
         "the unit that it is for (kinds alone whose header names it, as file.access)", NULL,
         &what->target, NULL},
        {"area", 0, "代码", "CODE", "区划代码（到街道）", "area code of the street", NULL,
         &what->area, NULL},
        {"thread", 0, "编号", "ID", "所属线索（收件序号或 UUID）",
         "thread that it belongs to (inbox number or UUID)", NULL, &what->thread, NULL},
        {"parent", 0, "编号", "ID", "所答复的消息（收件序号或 UUID）",
         "message that it refers to (inbox number or UUID)", NULL, &what->parent, NULL},
        {"template", 0, NULL, NULL, "打印待填写的模板后退出（--topic 有效）",
         "print a template to fill in, and exit (takes --topic)", &what->form, NULL, NULL},
        {"key", 'k', "键", "KEY", "幂等键：同一键重发不会重复",
         "idempotency key: sent again, it is not sent twice", NULL, &cli->idempotency_key, NULL},
        {"wait", 'w', "秒", "SECONDS", "等待总线回执", "wait for the receipt of the bus", NULL,
         &what->wait, NULL},
        {"preview", 'p', NULL, NULL, "只显示每个接收单位将读到的内容，不发送",
         "show what each recipient will read; send nothing", &what->preview, NULL, NULL},
        {"attach", 'A', "文件", "FILE", "附上一个文件，可重复", "attach a file; may be repeated",
         NULL, NULL, &what->files},
        {"confirm-no-dna", 0, NULL, NULL, "本人已查看：图片和录音录像中没有 DNA 分型数据",
         "I have looked: pictures and recordings show no DNA profile", &what->confirmed, NULL,
         NULL},
    };
    struct options_spec spec = {
        .program = sends ? "leadbus send" : "leadbus preview",
        .usage_zh = "[选项] 种类",
        .usage_en = "[OPTIONS] KIND",
        .about_zh = sends ? "发送一条消息；先用 --template 取得模板。"
                          : "查看将由哪些单位接收、依据何在，不发送。",
        .about_en = sends ? "Sends a message; get a template with --template first."
                          : "Shows who would receive it and why; sends nothing.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows - (sends ? 0 : 4),
    };
    return cli_options(cli, &spec, argc, argv, ret_first);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static void drop_files(struct cli *cli, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        char path[96];
        json_t *answer = NULL;
        struct buf text = {0};
        struct error ignored = {0};
        snprintf(path, sizeof path, "/v1/attachments/%.36s",
                 cli_get(json_array_get(list, i), "id"));
        (void)!cli_call(cli, "DELETE", path, NULL, &answer, &text, &ignored);
        json_decref(answer);
        buf_fini(&text);
    }
}

static int attach_one(struct cli *cli, const struct what *what, const char *kind, const char *file,
                      json_t *list, struct error *ret_error)
{
    json_t *answer = NULL;
    int status = cli_upload(cli, file, kind, &answer, ret_error);
    if (status) return status;
    json_array_append_new(list, json_pack("{s:s,s:b}", "id", cli_get(answer, "id"),
                                          "confirm_no_dna", what->confirmed));
    if (!what->confirmed && cli_true(answer, "confirm_no_dna"))
        status = error_say(
            ret_error, E_MISSING_FIELD, file,
            "程序看不懂图片和录音录像：请查看后加 --confirm-no-dna，确认其中没有 DNA 分型数据",
            "no program reads pictures and recordings: look at it, and confirm with "
            "--confirm-no-dna that no DNA profile is in it");
    else if (!cli->json && cli_number(answer, "removed_bytes") > 0)
        fprintf(stderr,
                T("%s：已去除照片中的位置、时间、设备等信息 %lld 字节\n",
                  "%s: %lld bytes about place, time and device taken out\n"),
                cli_safe(file), (long long)cli_number(answer, "removed_bytes"));
    json_decref(answer);
    return status;
}

/* Uploads what --attach names; what was uploaded for nothing is taken back. */
static int attach_files(struct cli *cli, const struct what *what, json_t *body,
                        struct error *ret_error)
{
    json_t *list = json_array();
    int status = 0;
    for (size_t i = 0; i < what->files.count && !status; i++)
        status =
            attach_one(cli, what, cli_get(body, "kind"), what->files.items[i], list, ret_error);
    if (status) drop_files(cli, list);
    if (!status && json_array_size(list) > 0) json_object_set(body, "attachments", list);
    json_decref(list);
    return status;
}

static void tell_flag(const char *flag)
{
    if (!flag) return;
    if (strcmp(flag, "readdressed") == 0)
        puts(T("注意：没有规则适用，改发公安（全部内容）与联席会议办公室（知悉）",
               "note: no rule matched; it goes to the police in full and to the office as a copy"));
    if (strcmp(flag, "only_origin") == 0)
        puts(T("注意：应签收者只有本单位自己，已加入其职责对应的单位",
               "note: all who must sign are this unit itself; the units of its duty are added"));
    if (strcmp(flag, "area_unknown") == 0)
        puts(T("注意：区划代码未对应到本区街道，没有街道办事处会收到",
               "note: the area names no street of the district; no street office receives it"));
    if (strcmp(flag, "area_differs") == 0)
        puts(T("注意：正文写的街道与信头区划不同；街道办事处按信头区划确定",
               "note: the contents name another street than the message's area, which decides the "
               "street office"));
}

/* The sections that a recipient may open, in the words of the kind. */
static void print_readable(const json_t *sections, const json_t *kind)
{
    const json_t *schemas = json_object_get(json_object_get(kind, "schema"), "properties");
    printf("%s", T("  可读：", "  may open: "));
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const char *name = json_string_value(json_array_get(sections, i));
        const json_t *schema = name ? json_object_get(schemas, name) : NULL;
        printf("%s%s", i ? T("、", ", ") : "", cli_safe(schema ? cli_title(schema) : name));
    }
    if (!json_array_size(sections)) printf("%s", T("仅信头", "the header alone"));
}

static void tell_preview(struct cli *cli, const char *slug, const json_t *answer)
{
    struct error ignored = {0};
    json_t *kind = NULL;
    const json_t *flags = json_object_get(answer, "flags");
    const json_t *recipients = json_object_get(answer, "recipients");
    const json_t *skipped = json_object_get(answer, "not_addressed");
    if (cli_kind(cli, slug, NULL, &kind, &ignored)) kind = NULL;
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        const json_t *one = json_array_get(recipients, i);
        bool sign = strcmp(cli_get(one, "act"), "sign") == 0;
        i18n_pad(stdout, cli_safe(cli_label(one, "name")), 24);
        printf(" %s  %s", sign ? T("须签收", "sign") : T("抄送", "copy"),
               cli_safe(cli_get(one, "citation")));
        if (*cli_label(one, "citation")) printf(" %s", cli_safe(cli_label(one, "citation")));
        print_readable(json_object_get(one, "sections"), kind);
        printf("%s\n", cli_true(one, "keyed") ? ""
                                              : T("  注意：尚无密钥，暂不能打开",
                                                  "  note: has no key yet, cannot open it"));
    }
    json_decref(kind);
    for (size_t i = 0; i < json_array_size(flags); i++)
        tell_flag(json_string_value(json_array_get(flags, i)));
    if (json_array_size(skipped)) printf("%s\n", T("不发送:", "not addressed:"));
    for (size_t i = 0; i < json_array_size(skipped); i++) {
        const json_t *one = json_array_get(skipped, i);
        printf("  ");
        i18n_pad(stdout, cli_safe(cli_label(one, "name")), 24);
        printf(" %s  %s\n", cli_safe(cli_get(one, "clause")), cli_safe(cli_label(one, "reason")));
    }
}

static bool same_sections(const json_t *one, const json_t *other)
{
    return json_equal(json_object_get(one, "sections"), json_object_get(other, "sections")) == 1;
}

/* All who open the same sections, in one line. */
static void name_readers(const json_t *recipients, size_t first)
{
    const char *between = "";
    for (size_t i = first; i < json_array_size(recipients); i++) {
        const json_t *one = json_array_get(recipients, i);
        if (!same_sections(one, json_array_get(recipients, first))) continue;
        printf("%s%s", between, cli_safe(cli_label(one, "name")));
        between = T("、", ", ");
    }
}

/* For each recipient the contents of the sections that it will open; those that open the same
 * stand together. */
static void tell_contents(struct cli *cli, const struct what *what, const char *slug,
                          const json_t *answer)
{
    struct error ignored = {0};
    json_t *kind = NULL;
    const json_t *recipients = json_object_get(answer, "recipients");
    if (cli_kind(cli, slug, NULL, &kind, &ignored)) kind = NULL;
    const json_t *schemas = json_object_get(json_object_get(kind, "schema"), "properties");
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        const json_t *sections = json_object_get(json_array_get(recipients, i), "sections");
        size_t before = 0;
        while (before < i &&
               !same_sections(json_array_get(recipients, before), json_array_get(recipients, i)))
            before++;
        if (before < i) continue;
        putchar('\n');
        name_readers(recipients, i);
        printf("%s\n", json_array_size(sections)
                           ? T(" 将读到：", " will read:")
                           : T(" 只看到信头，没有内容", " will see the header alone"));
        for (size_t s = 0; s < json_array_size(sections); s++) {
            const char *name = json_string_value(json_array_get(sections, s));
            const json_t *schema = json_object_get(schemas, name);
            printf("  %s\n", cli_safe(schema ? cli_title(schema) : name));
            cli_print_fields(json_object_get(json_object_get(answer, "contents"), name), schema, 4);
            for (size_t f = 0; f < what->files.count; f++)
                if (strcmp(cli_get(answer, "files_with"), name) == 0)
                    printf(T("    附件：%s\n", "    attachment: %s\n"),
                           cli_safe(what->files.items[f]));
        }
    }
    json_decref(kind);
    puts(T("\n以上未发送。", "\nNothing was sent."));
}

/* The template of a kind, on stdout. */
static int print_template(struct cli *cli, const char *slug, const char *topic)
{
    struct error error = {0};
    json_t *kind = NULL;
    if (!slug) return cli_misuse(cli, NULL, "请给出种类", "give a kind");
    int status = cli_kind(cli, slug, topic, &kind, &error);
    if (status) return cli_fail(cli, status, &error);
    status = cli_print_json(json_object_get(kind, "template"));
    json_decref(kind);
    return status;
}

/* Uploads the files, then the body that names them; a preview leaves none behind. */
static int submit(struct cli *cli, const struct what *what, const char *path, json_t *take_body,
                  json_t **ret_answer, struct error *ret_error)
{
    int status = what->files.count ? attach_files(cli, what, take_body, ret_error) : 0;
    if (status) {
        json_decref(take_body);
        return status;
    }
    json_t *files = json_incref(json_object_get(take_body, "attachments"));
    status = cli_call(cli, "POST", path, take_body, ret_answer, NULL, ret_error);
    if ((status || what->preview) && what->files.count) drop_files(cli, files);
    json_decref(files);
    return status;
}

static int run(struct cli *cli, bool sends, int argc, char **argv)
{
    struct what what = {0};
    struct error error = {0};
    json_t *body = NULL;
    json_t *answer = NULL;
    char path[96];
    int first = 0;
    int status = read_what(cli, &what, sends, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    const char *kind = first < argc ? argv[first] : NULL;
    if (first + 1 < argc || (!kind && !what.file))
        return cli_misuse(cli, first + 1 < argc ? argv[first + 1] : NULL, "请给出一个种类",
                          "give one kind");
    if (what.form) return print_template(cli, kind, what.topic);
    if (what.preview && what.wait)
        return cli_misuse(cli, "--wait", "不能与 --preview 同用", "does not go with --preview");
    if (what.wait && !cli_count(what.wait, 0, 60))
        return cli_misuse(cli, "--wait", "应在 0 到 60 秒之间", "0 to 60 seconds");
    if (what.wait)
        snprintf(path, sizeof path, "/v1/messages?wait=receipt&timeout=%s", what.wait);
    else
        snprintf(path, sizeof path, "%s",
                 what.preview ? "/v1/preview?complete=true"
                 : sends      ? "/v1/messages"
                              : "/v1/preview");
    status = make_body(cli, &what, kind, &body, &error);
    char slug[64];
    snprintf(slug, sizeof slug, "%.60s", status ? "" : cli_get(body, "kind"));
    if (!status) status = submit(cli, &what, path, body, &answer, &error);
    if (status) return cli_fail(cli, status, &error);
    if (sends && !what.preview)
        status = cli_tell_outgoing(cli, NULL, NULL, answer, what.wait != NULL);
    else if (cli->json)
        status = cli_print_json(answer);
    else
        tell_preview(cli, slug, answer);
    if (what.preview && !cli->json) tell_contents(cli, &what, slug, answer);
    json_decref(answer);
    return status;
}

int cli_send(struct cli *cli, int argc, char **argv)
{
    return run(cli, true, argc, argv);
}

int cli_preview(struct cli *cli, int argc, char **argv)
{
    return run(cli, false, argc, argv);
}
