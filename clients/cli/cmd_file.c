/* file: files of victims, at their keeper. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

struct wanted {
    const char *purpose, *thread, *unit, *reason, *on, *visited_on, *next_on, *delete_on, *text;
};

static void print_summary(const json_t *file)
{
    printf("%s %s  ", cli_true(file, "overdue") ? "!" : " ", cli_safe(cli_get(file, "pseudonym")));
    printf("%s  %s", cli_get(file, "id"), cli_safe(cli_label(file, "purpose")));
    if (*cli_get(file, "next_visit_on"))
        printf(T("  下次回访 %s", "  next visit %s"), cli_safe(cli_get(file, "next_visit_on")));
    if (*cli_get(file, "ended_at"))
        printf(T("  已终止（%s）", "  ended (%s)"), cli_safe(cli_label(file, "reason")));
    putchar('\n');
}

/* A field of a file or of a row of it: the key, its title, how its value is shown. */
struct shown {
    const char *key, *zh, *en;
    enum { TEXT, WORDS, TIME } as;
};

static const char *value_of(const json_t *object, const struct shown *field)
{
    return field->as == TIME    ? cli_time(object, field->key)
           : field->as == WORDS ? cli_label(object, field->key)
                                : cli_get(object, field->key);
}

static void print_head(const json_t *file)
{
    static const struct shown fields[] = {
        {"pseudonym", "代号", "pseudonym", TEXT},
        {"id", "编号", "id", TEXT},
        {"purpose", "用途", "purpose", WORDS},
        {"opened_at", "建档", "opened", TIME},
        {"officer", "建档人", "opened by", TEXT},
        {"ended_at", "终止", "ended", TIME},
        {"reason", "终止原因", "why", WORDS},
        {"delete_on", "内容最迟删除", "contents deleted by", TEXT}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = value_of(file, &fields[i]);
        if (!*value) continue;
        i18n_pad(stdout, T(fields[i].zh, fields[i].en), 20);
        printf(" %s\n", cli_safe(value));
    }
}

static void print_list(const json_t *file, const char *key, const char *title,
                       const struct shown *fields)
{
    const json_t *list = json_object_get(file, key);
    printf("%s\n", title);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *gap = "  ";
        for (const struct shown *field = fields; field->key; field++) {
            const char *value = value_of(one, field);
            if (!*value) continue;
            printf("%s%s %s", gap, T(field->zh, field->en), cli_safe(value));
            gap = T("；", "; ");
        }
        if (cli_true(one, "cancelled"))
            printf("%s", T("；档案已终止，不再回访", "; not to be made: the file has ended"));
        putchar('\n');
    }
    if (!json_array_size(list)) printf("  %s\n", T("无", "none"));
}

static void print_file(const json_t *file)
{
    static const struct shown threads[] = {{"thread", "线索", "thread", TEXT},
                                           {"at", "加入时间", "added", TIME},
                                           {"officer", "经办人", "officer", TEXT},
                                           {0}};
    static const struct shown access[] = {
        {"unit", "单位", "unit", WORDS},        {"purpose", "用途", "purpose", WORDS},
        {"thread", "授权线索", "thread", TEXT}, {"at", "授权时间", "granted", TIME},
        {"officer", "经办人", "officer", TEXT}, {"ended_at", "终止时间", "ended", TIME},
        {"reason", "终止原因", "why", WORDS},   {0}};
    static const struct shown visits[] = {
        {"on", "计划日期", "planned for", TEXT}, {"visited_on", "回访日期", "made on", TEXT},
        {"officer", "经办人", "officer", TEXT},  {"purpose", "用途", "purpose", WORDS},
        {"text", "说明", "in words", TEXT},      {0}};
    static const struct shown looks[] = {{"at", "时间", "at", TIME},
                                         {"officer", "查看人", "officer", TEXT},
                                         {"purpose", "用途", "purpose", WORDS},
                                         {0}};
    print_head(file);
    print_list(file, "threads", T("线索:", "threads:"), threads);
    print_list(file, "access", T("查阅授权:", "access:"), access);
    print_list(file, "visits", T("回访:", "visits:"), visits);
    print_list(file, "looks", T("查看记录:", "who looked into it:"), looks);
}

static void print_answer(const json_t *answer)
{
    const json_t *sent = json_object_get(answer, "sent");
    print_summary(answer);
    for (size_t i = 0; i < json_array_size(sent); i++)
        printf(T("  已交出，待总线入账：告知 %s  %s\n",
                 "  submitted, not in the journal yet: to %s  %s\n"),
               cli_safe(cli_label(json_array_get(sent, i), "unit")),
               cli_get(json_array_get(sent, i), "id"));
}

static int read_wanted(struct cli *cli, struct wanted *wanted, int argc, char **argv,
                       int *ret_first)
{
    const struct options_row rows[] = {
        {"purpose", 'p', "代码", "CODE",
         "用途：follow-up、aid、schooling、medical、legal-aid、protection、case-work",
         "purpose: follow-up, aid, schooling, medical, legal-aid, protection, case-work", NULL,
         &wanted->purpose, NULL},
        {"thread", 0, "编号", "ID", "线索（UUID）", "a thread (UUID)", NULL, &wanted->thread, NULL},
        {"to", 0, "单位", "UNIT", "授权或收回的单位", "the unit that gets or loses access", NULL,
         &wanted->unit, NULL},
        {"reason", 'r', "代码", "CODE",
         "end 的原因：purpose-served、victim-asked、left-district、died、mistaken",
         "why it ends: purpose-served, victim-asked, left-district, died, mistaken", NULL,
         &wanted->reason, NULL},
        {"on", 0, "日期", "DAY", "计划回访的日期", "a visit is to be made on that day", NULL,
         &wanted->on, NULL},
        {"visited-on", 0, "日期", "DAY", "已于该日回访", "a visit was made on that day", NULL,
         &wanted->visited_on, NULL},
        {"next-on", 0, "日期", "DAY", "下次回访的日期", "the next one is to be made then", NULL,
         &wanted->next_on, NULL},
        {"delete-on", 0, "日期", "DAY", "内容最迟删除日期", "contents are deleted by that day",
         NULL, &wanted->delete_on, NULL},
        {"text", 't', "文字", "TEXT", "说明", "in words", NULL, &wanted->text, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus file",
        .usage_zh = "[选项] open|list|show|add|grant|revoke|visit|end [编号或代号]",
        .usage_en = "[OPTIONS] open|list|show|add|grant|revoke|visit|end [ID|PSEUDONYM]",
        .about_zh =
            "受害人专门档案，由保管单位使用。open 以随机代号建档（--purpose，可加 --thread），"
            "另一保管单位即可查阅；add 加入本单位参与的线索（--thread）；grant 授权一个单位（--to、"
            "--purpose），revoke 收回（--to、--delete-on）；visit 计划回访（--on）或登记回访"
            "（--visited-on，可加 --next-on、--text）；end 终止（--reason、--delete-on）；show "
            "须写明用途（--purpose），并留下记录。",
        .about_en =
            "Files of victims, for their keeper. open makes one under a random pseudonym "
            "(--purpose, and --thread) and gives the other keeper access; add takes in a thread "
            "that this unit is on (--thread); grant gives a unit access (--to, --purpose), revoke "
            "takes it back (--to, --delete-on); visit plans a visit (--on) or records one "
            "(--visited-on, and --next-on, --text); end ends it (--reason, --delete-on); show "
            "wants a purpose (--purpose) and leaves a record.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

static json_t *body_of(const struct cli *cli, const char *act, const struct wanted *wanted)
{
    const struct {
        const char *key, *value;
    } fields[] = {{"act", act},
                  {"officer", cli->officer},
                  {"purpose", wanted->purpose},
                  {"thread", wanted->thread},
                  {"unit", wanted->unit},
                  {"reason", wanted->reason},
                  {"on", wanted->on},
                  {"visited_on", wanted->visited_on},
                  {"next_on", wanted->next_on},
                  {"delete_on", wanted->delete_on},
                  {"text", wanted->text}};
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].value && *fields[i].value)
            json_object_set_new(body, fields[i].key, json_string(fields[i].value));
    return body;
}

static int ask(struct cli *cli, const char *verb, const char *id, const struct wanted *wanted,
               json_t **ret_answer, struct error *ret_error)
{
    struct buf path = {0};
    int status;
    if (strcmp(verb, "list") == 0)
        return cli_call(cli, "GET", "/v1/files?limit=500", NULL, ret_answer, NULL, ret_error);
    if (strcmp(verb, "open") == 0)
        return cli_call(cli, "POST", "/v1/files", body_of(cli, NULL, wanted), ret_answer, NULL,
                        ret_error);
    char *safe = cli_escape(cli, id);
    if (strcmp(verb, "show") == 0) {
        char *officer = cli_escape(cli, cli->officer ? cli->officer : "");
        char *purpose = cli_escape(cli, wanted->purpose ? wanted->purpose : "");
        buf_printf(&path, "/v1/files/%s?officer=%s&purpose=%s", safe, officer, purpose);
        free(officer);
        free(purpose);
    } else {
        buf_printf(&path, "/v1/files/%s/acts", safe);
    }
    free(safe);
    buf_append_u8(&path, 0);
    const char *text = (const char *)path.data;
    if (strcmp(verb, "show") == 0)
        status = cli_call(cli, "GET", text, NULL, ret_answer, NULL, ret_error);
    else
        status =
            cli_call(cli, "POST", text, body_of(cli, verb, wanted), ret_answer, NULL, ret_error);
    buf_fini(&path);
    return status;
}

int cli_file(struct cli *cli, int argc, char **argv)
{
    static const char *const verbs[] = {"open",  "list",   "show",  "add",
                                        "grant", "revoke", "visit", "end"};
    struct wanted wanted = {0};
    struct error error = {0};
    json_t *answer = NULL;
    int first = 0;
    size_t at = 0;
    int status = read_wanted(cli, &wanted, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    const char *verb = first < argc ? argv[first++] : "list";
    while (at < sizeof verbs / sizeof *verbs && strcmp(verbs[at], verb) != 0) at++;
    if (at == sizeof verbs / sizeof *verbs)
        return cli_misuse(cli, verb, "应为 open、list、show、add、grant、revoke、visit 或 end",
                          "open, list, show, add, grant, revoke, visit or end");
    bool needs_id = at >= 2;
    if (needs_id && first == argc)
        return cli_misuse(cli, NULL, "请给出档案编号或代号", "give the file's ID or pseudonym");
    const char *id = needs_id ? argv[first++] : NULL;
    if (first < argc) return cli_misuse(cli, argv[first], "多余的参数", "one operand too many");
    status = ask(cli, verb, id, &wanted, &answer, &error);
    if (status) return cli_fail(cli, status, &error);
    const json_t *items = json_object_get(answer, "items");
    if (cli->json) {
        status = cli_print_json(answer);
    } else if (items) {
        for (size_t i = 0; i < json_array_size(items); i++) print_summary(json_array_get(items, i));
        if (!json_array_size(items)) printf("%s\n", T("没有档案", "no files"));
        if (cli_true(answer, "more")) printf("%s\n", T("还有未列出的", "there are more"));
    } else if (strcmp(verb, "show") == 0) {
        print_file(answer);
    } else {
        print_answer(answer);
    }
    json_decref(answer);
    return status;
}
