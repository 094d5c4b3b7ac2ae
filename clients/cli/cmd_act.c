/* The acts of the lifecycle on a thread, one table: acts.def. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

enum {
    TAKES_OUTCOME = 1, /* --outcome */
    TAKES_REASON = 2,
    TAKES_TEXT = 4,
    TAKES_TARGET = 8, /* --to */
    TAKES_OTHER = 16,
    TAKES_TOPIC = 32,
    TAKES_FILE = 64,    /* contents of several sections */
    TAKES_FIELDS = 128, /* contents of the one section */
};

struct act {
    const char *name;
    const char *list_zh, *list_en;
    const char *about_zh, *about_en;
    const char *done_zh, *done_en;
    const char *codes; /* what --outcome or --reason may be, by spaces */
    unsigned takes;    /* options beyond those of all */
};

static const struct act acts[] = {
#define COMMAND(id, slug, list_zh, list_en, about_zh, about_en, done_zh, done_en, codes, takes)    \
    {slug, list_zh, list_en, about_zh, about_en, done_zh, done_en, codes, takes},
#include "clients/cli/acts.def"
};

/* Every act of the lifecycle is a command: one that is not is no name here. What is delivered is
 * the machine's word. */
enum {
    COMMAND_NONE,
    COMMAND_DELIVER,
#define COMMAND(id, ...) COMMAND_##id,
#include "clients/cli/acts.def"
    COMMAND_COUNT,
};
enum {
#define ACT(id, ...) LIFECYCLE_COMMAND_##id = COMMAND_##id,
#include "proto/plan/lifecycle.def"
};
_Static_assert(sizeof acts / sizeof *acts + 2 == COMMAND_COUNT, "a row for each");

struct values {
    const char *outcome;
    const char *reason;
    const char *text;
    const char *target;
    const char *other;
    const char *topic;
    const char *file;
    const char *wait;
    const char *message;
    struct options_list sets;
};

enum { CODES_LEN_MAX = 256 };

/* "原因代码：mistaken、other" and the same in English: what the option takes. */
static void codes_words(const struct act *act, const char *name_zh, const char *name_en,
                        char ret_zh[CODES_LEN_MAX], char ret_en[CODES_LEN_MAX])
{
    size_t zh = (size_t)snprintf(ret_zh, CODES_LEN_MAX, "%s", name_zh);
    size_t en = (size_t)snprintf(ret_en, CODES_LEN_MAX, "%s", name_en);
    const char *at = act->codes;
    for (size_t len = strcspn(at, " "); len; len = strcspn(at, " ")) {
        bool first = at == act->codes;
        if (zh < CODES_LEN_MAX)
            zh += (size_t)snprintf(ret_zh + zh, CODES_LEN_MAX - zh, "%s%.*s", first ? "：" : "、",
                                   (int)len, at);
        if (en < CODES_LEN_MAX)
            en += (size_t)snprintf(ret_en + en, CODES_LEN_MAX - en, "%s%.*s", first ? ": " : ", ",
                                   (int)len, at);
        at += len + (at[len] == ' ');
    }
}

static int read_values(struct cli *cli, const struct act *act, struct values *values, int argc,
                       char **argv, int *ret_first)
{
    char program[32];
    char zh[2][CODES_LEN_MAX], en[2][CODES_LEN_MAX];
    struct options_row rows[12];
    size_t count = 0;
    codes_words(act, "结果代码", "outcome", zh[0], en[0]);
    codes_words(act, "原因代码", "reason code", zh[1], en[1]);
    rows[count++] = (struct options_row){"set",
                                         's',
                                         "字段=值",
                                         "FIELD=VALUE",
                                         "设置回执的一个字段，可重复",
                                         "set a field of the receipt, may be repeated",
                                         NULL,
                                         NULL,
                                         &values->sets};
    rows[count++] = (struct options_row){
        "wait", 'w',           "秒", "SECONDS", "等待总线回执", "wait for the receipt of the bus",
        NULL,   &values->wait, NULL};
    rows[count++] = (struct options_row){"message",
                                         'm',
                                         "编号",
                                         "ID",
                                         "针对线索上的哪一条消息（收件序号或 UUID）",
                                         "which message of the thread it is about (inbox number or "
                                         "UUID)",
                                         NULL,
                                         &values->message,
                                         NULL};
    if (act->takes & TAKES_OUTCOME)
        rows[count++] = (struct options_row){"outcome", 0,    "代码",           "CODE", zh[0],
                                             en[0],     NULL, &values->outcome, NULL};
    if (act->takes & TAKES_REASON)
        rows[count++] = (struct options_row){"reason", 'r',  "代码",          "CODE", zh[1],
                                             en[1],    NULL, &values->reason, NULL};
    if (act->takes & TAKES_TEXT)
        rows[count++] = (struct options_row){"text",     't',  "文字",        "TEXT", "说明",
                                             "in words", NULL, &values->text, NULL};
    if (act->takes & TAKES_TARGET)
        rows[count++] = (struct options_row){"to",         0,
                                             "单位",       "UNIT",
                                             "转给的单位", "the unit that it is passed on to",
                                             NULL,         &values->target,
                                             NULL};
    if (act->takes & TAKES_OTHER)
        rows[count++] = (struct options_row){"other",
                                             0,
                                             "编号",
                                             "ID",
                                             "另一线索（收件序号或 UUID）",
                                             "the other thread (inbox number or UUID)",
                                             NULL,
                                             &values->other,
                                             NULL};
    if (act->takes & TAKES_TOPIC)
        rows[count++] = (struct options_row){"topic",      't',  "代码",         "CODE", "主题代码",
                                             "topic code", NULL, &values->topic, NULL};
    if (act->takes & (TAKES_FILE | TAKES_FIELDS))
        rows[count++] = (struct options_row){"file",
                                             'f',
                                             "文件",
                                             "FILE",
                                             "JSON 内容（有多个分区的按分区）；- 为标准输入",
                                             "contents as JSON (by section, where there are "
                                             "several); - is stdin",
                                             NULL,
                                             &values->file,
                                             NULL};
    snprintf(program, sizeof program, "leadbus %s", act->name);
    struct options_spec spec = {.program = program,
                                .usage_zh = "[选项] 编号",
                                .usage_en = "[OPTIONS] ID",
                                .about_zh = act->about_zh,
                                .about_en = act->about_en,
                                .rows = rows,
                                .row_count = count};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

static void put(json_t *body, const char *key, const char *value)
{
    if (value && *value) json_object_set_new(body, key, json_string(value));
}

/* An inbox number means that message; a UUID may be a thread (the agent chooses our leg) or a
 * message of one. */
static int find_target(struct cli *cli, const char *text, json_t *body, char ret_thread[37],
                       struct error *ret_error)
{
    char id[37];
    char path[96];
    json_t *message = NULL;
    int status = cli_resolve(cli, text, false, id, ret_error);
    if (status) return status;
    snprintf(path, sizeof path, "/v1/messages/%s", id);
    status = cli_call(cli, "GET", path, NULL, &message, NULL, ret_error);
    if (status == E_NOT_FOUND) { /* a thread whose first message did not come to us */
        memcpy(ret_thread, id, sizeof id);
        return 0;
    }
    if (status) return status;
    const char *thread = cli_get(message, "thread");
    bool number = strspn(text, "0123456789") == strlen(text);
    if (number || strcmp(thread, id) != 0) put(body, "message", id);
    snprintf(ret_thread, 37, "%s", thread);
    json_decref(message);
    return 0;
}

/* An ID that an option names: the number of an inbox item is that item, or its thread. */
static int put_id(struct cli *cli, json_t *body, const char *key, const char *text, bool thread,
                  struct error *ret_error)
{
    char id[37];
    if (!text || !*text) return 0;
    int status = cli_resolve(cli, text, thread, id, ret_error);
    if (!status) put(body, key, id);
    return status;
}

/* Taking a thread off the list is the same act as putting it there. */
static const char *done_text(const struct act *act, const json_t *body)
{
    bool lifts = strncmp(cli_get(body, "topic"), "lift-", 5) == 0;
    return lifts ? T("已解除督办", "supervision lifted") : T(act->done_zh, act->done_en);
}

static int post(struct cli *cli, const struct act *act, const char *thread, const char *wait,
                json_t *take_body)
{
    const char *done = done_text(act, take_body);
    struct error error = {0};
    json_t *answer = NULL;
    char path[128];
    snprintf(path, sizeof path, "/v1/threads/%s/acts%s%s", thread,
             wait ? "?wait=receipt&timeout=" : "", wait ? wait : "");
    int status = cli_call(cli, "POST", path, take_body, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    status = cli_tell_outgoing(cli, T(act->list_zh, act->list_en), done, answer, wait != NULL);
    json_decref(answer);
    return status;
}

/* Of a whole message, as `leadbus kinds KIND --example` prints it, what the act takes: its
 * sections, or the fields of its only one. */
static json_t *bare(const struct act *act, json_t *take_contents)
{
    json_t *inner = json_object_get(take_contents, "sections");
    if (!json_is_object(inner)) return take_contents;
    if (!(act->takes & TAKES_FILE) && json_object_size(inner) == 1)
        inner = json_object_iter_value(json_object_iter(inner));
    json_incref(inner);
    json_decref(take_contents);
    return inner;
}

/* Who acts is said in one way. */
static int officer_again(const char *officer, const char *given, struct error *ret_error)
{
    if (given && officer && strcmp(officer, given) == 0) return 0;
    return error_say(ret_error, E_BAD_VALUE, "officer",
                     "经办人只由 --officer（或 LEADBUS_OFFICER）给出，不能另设为 %.32s",
                     "who acts is said by --officer (or LEADBUS_OFFICER) alone: it is not set to "
                     "%.32s",
                     given ? given : "-");
}

/* What the command itself says is not set again. */
static int check_set(const char *officer, const struct act *act, const char *assignment,
                     struct error *ret_error)
{
    const char *value = strchr(assignment, '=');
    size_t len = value ? (size_t)(value - assignment) : 0;
    if (len == 7 && strncmp(assignment, "officer", len) == 0)
        return officer_again(officer, value + 1, ret_error);
    if (len == 3 && strncmp(assignment, "act", len) == 0 && strcmp(value + 1, act->name) != 0)
        return error_say(ret_error, E_BAD_VALUE, "act", "由命令本身决定，不能另设",
                         "the command itself says it: it is not set");
    return 0;
}

/* A path as errors and `leadbus kinds` write it begins with the section, where that is the only
 * one. */
static const char *bare_path(const struct act *act, const char *assignment)
{
    static const char *const sections[] = {"receipt.", "notice.", "alert."};
    for (size_t i = 0; !(act->takes & TAKES_FILE) && i < sizeof sections / sizeof *sections; i++)
        if (strncmp(assignment, sections[i], strlen(sections[i])) == 0)
            return assignment + strlen(sections[i]);
    return assignment;
}

/* The fields of the act's section, or of each section by its name. */
static int read_fields(const char *officer, const struct act *act, const struct values *values,
                       json_t *body, struct error *ret_error)
{
    json_t *sections = NULL;
    int status = 0;
    if (values->file) status = cli_read_json(values->file, &sections, ret_error);
    const json_t *own = json_object_get(sections, "officer");
    if (own) status = officer_again(officer, json_string_value(own), ret_error);
    for (size_t i = 0; !status && i < values->sets.count; i++)
        status = check_set(officer, act, bare_path(act, values->sets.items[i]), ret_error);
    if (status) {
        json_decref(sections);
        return status;
    }
    sections = bare(act, sections);
    if (act->takes & TAKES_FILE) {
        if (!sections) sections = json_object();
        json_object_set_new(body, "sections", sections);
    } else if (sections) {
        (void)json_object_update_missing(body, sections);
        json_decref(sections);
        sections = NULL;
    }
    for (size_t i = 0; !status && i < values->sets.count; i++)
        status = cli_assign(sections ? sections : body, NULL, bare_path(act, values->sets.items[i]),
                            ret_error);
    return status;
}

int cli_act(struct cli *cli, int argc, char **argv)
{
    const struct act *act = acts;
    struct values values = {0};
    struct error error = {0};
    char thread[37];
    int first = 0;
    while (strcmp(act->name, argv[0]) != 0) act++;
    int status = read_values(cli, act, &values, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (values.wait && !cli_count(values.wait, 0, 60))
        return cli_misuse(cli, "--wait", "应在 0 到 60 秒之间", "0 to 60 seconds");
    if (first + 1 != argc)
        return cli_misuse(cli, NULL, "请给出一个编号（收件序号或 UUID）",
                          "give one ID (inbox number or UUID)");
    json_t *body = json_object();
    put(body, "act", act->name);
    put(body, "officer", cli->officer);
    put(body, "outcome", values.outcome);
    put(body, "reason", values.reason);
    put(body, "text", values.text);
    put(body, "target", values.target);
    put(body, "topic", values.topic);
    status = read_fields(cli->officer, act, &values, body, &error);
    if (!status) status = find_target(cli, argv[first], body, thread, &error);
    if (!status) status = put_id(cli, body, "message", values.message, false, &error);
    if (!status) status = put_id(cli, body, "other", values.other, true, &error);
    if (!status) return post(cli, act, thread, values.wait, body);
    json_decref(body);
    return cli_fail(cli, status, &error);
}
