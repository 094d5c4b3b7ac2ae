/* kinds: the list, or one kind with everything that who fills it in has to know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_list(const json_t *answer)
{
    const json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *kind = json_array_get(items, i);
        const json_t *topics = json_object_get(kind, "topics");
        printf("%s ", cli_true(kind, "may_send") ? "*" : " ");
        i18n_pad(stdout, cli_get(kind, "kind"), 30);
        printf(" %s\n", cli_safe(cli_label(kind, "name")));
        for (size_t t = 0; t < json_array_size(topics); t++) {
            const json_t *topic = json_array_get(topics, t);
            printf("      ");
            i18n_pad(stdout, cli_get(topic, "topic"), 26);
            printf(" %s\n", cli_safe(cli_label(topic, "name")));
        }
    }
    printf("%s\n",
           T("* 本单位可以发送；leadbus kinds 种类 显示字段、代码和样例",
             "* this unit may send it; leadbus kinds KIND shows fields, codes, an example"));
}

static void line(const char *name, const char *value)
{
    if (!*value) return;
    i18n_pad(stdout, name, 12);
    printf("%s\n", cli_safe(value));
}

static void add(struct buf *text, const char *part)
{
    if (text->len) buf_append_str(text, T("、", ", "));
    buf_append_str(text, part);
}

static void finish(const char *name, struct buf *text)
{
    buf_append_u8(text, 0);
    line(name, (const char *)text->data);
    buf_fini(text);
}

static void add_names(struct buf *text, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        add(text, cli_label(json_array_get(list, i), "name"));
}

static void print_senders(const json_t *kind)
{
    const json_t *senders = json_object_get(kind, "senders");
    struct buf text = {0};
    if (cli_true(senders, "any")) add(&text, T("任何单位", "any unit"));
    add_names(&text, json_object_get(senders, "units"));
    add_names(&text, json_object_get(senders, "groups"));
    if (cli_true(senders, "sender_of_reference"))
        add(&text, T("所答复消息的发送单位", "who sent the message referred to"));
    buf_append_str(&text, cli_true(kind, "may_send")
                              ? T("；本单位可以发送", "; this unit may send it")
                              : T("；本单位不能发送", "; this unit may not send it"));
    finish(T("发送单位", "sent by"), &text);
}

static const char *act_word(const char *act)
{
    static const char *const words[][3] = {
        {"sign", "签收", "sign"},
        {"accept", "受理", "accept"},
        {"progress", "反馈", "progress"},
        {"close", "办结", "close"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], act) == 0) return words[i][T(1, 2)];
    return act;
}

static void print_head(const json_t *kind)
{
    static const char *const urgencies[][2] = {{"?", "?"},
                                               {"立即", "immediate"},
                                               {"及时", "prompt"},
                                               {"加急", "expedited"},
                                               {"平件", "routine"}};
    const json_t *expects = json_object_get(kind, "expects");
    const json_t *clauses = json_object_get(kind, "clauses");
    const char *position = cli_get(kind, "position");
    int64_t urgency = cli_number(kind, "urgency");
    struct buf text = {0};
    printf("%s (%s)\n", cli_safe(cli_label(kind, "name")), cli_get(kind, "kind"));
    print_senders(kind);
    line(T("紧急程度", "urgency"), urgencies[urgency > 0 && urgency < 5 ? urgency : 0][T(0, 1)]);
    line(T("位置", "position"),
         strcmp(position, "opens") == 0 ? T("自成一条线索", "opens a thread")
         : strcmp(position, "follows") == 0
             ? T("须引用已有消息（--parent）", "refers to a message (--parent)")
             : T("可自成线索，也可接在已有线索上", "opens a thread, or goes onto one"));
    for (size_t i = 0; i < json_array_size(expects); i++)
        if (i > 0) /* the first is the machine's: delivery */
            add(&text, act_word(json_string_value(json_array_get(expects, i))));
    finish(T("签收单位须", "signers owe"), &text);
    for (size_t i = 0; i < json_array_size(clauses); i++)
        add(&text, json_string_value(json_array_get(clauses, i)));
    finish(T("依据", "clauses"), &text);
    if (cli_true(kind, "returnable")) line(T("退回", "return"), T("可以退回", "may be returned"));
    if (cli_true(kind, "may_expire"))
        line(T("失效", "expiry"), T("可设失效时间", "may have an end (expires_at)"));
}

static void print_topics(const json_t *kind)
{
    const json_t *topics = json_object_get(kind, "topics");
    if (!json_array_size(topics)) return;
    printf("\n%s\n", cli_true(kind, "topic_required")
                         ? T("主题（--topic，必填）:", "topics (--topic, required):")
                         : T("主题（--topic，选填）:", "topics (--topic, optional):"));
    for (size_t i = 0; i < json_array_size(topics); i++) {
        const json_t *topic = json_array_get(topics, i);
        printf("  ");
        i18n_pad(stdout, cli_get(topic, "topic"), 24);
        printf(" %s%s\n", cli_safe(cli_label(topic, "name")),
               cli_true(topic, "may_send")
                   ? ""
                   : T("（本单位不能发送）", " (this unit may not send it)"));
    }
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *one = json_string_value(json_array_get(required, i));
        if (one && strcmp(one, name) == 0) return true;
    }
    return false;
}

/* "中文 / English" of a description. */
static void print_allowed(const json_t *schema, int indent)
{
    const json_t *codes = json_object_get(schema, "enum");
    const json_t *labels = json_object_get(schema, "x-labels");
    const char *both = cli_get(schema, "description");
    const char *cut = strstr(both, " / ");
    if (!codes) {
        if (!cut)
            printf("%s\n", cli_safe(both));
        else if (i18n_lang() == LANG_EN)
            printf("%s\n", cli_safe(cut + 3));
        else
            printf("%.*s\n", (int)(cut - both), both);
        return;
    }
    putchar('\n');
    for (size_t i = 0; i < json_array_size(codes); i++) {
        const char *code = json_string_value(json_array_get(codes, i));
        const json_t *label = code ? json_object_get(labels, code) : NULL;
        printf("%*s", indent + 4, "");
        i18n_pad(stdout, code ? code : "", 22);
        printf(" %s\n", cli_safe(cli_get(label, T("zh", "en"))));
    }
}

/* What a rule is about by its titles, the topics that it holds for, and what it says. */
static void print_rule(const json_t *schema, const json_t *rule, int indent)
{
    const json_t *fields = json_object_get(rule, "fields");
    const json_t *topics = json_object_get(rule, "topics");
    const json_t *properties = json_object_get(schema, "properties");
    struct buf text = {0};
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *name = json_string_value(json_array_get(fields, i));
        const char *title = cli_title(json_object_get(properties, name));
        add(&text, title ? title : name);
    }
    for (size_t i = 0; i < json_array_size(topics); i++) {
        buf_append_str(&text, i ? T("、", ", ") : T("（主题为 ", " (topic "));
        buf_append_str(&text, json_string_value(json_array_get(topics, i)));
    }
    if (json_array_size(topics)) buf_append_str(&text, T(" 时）", ")"));
    buf_append_u8(&text, 0);
    printf("%*s! %s%s%s\n", indent, "", cli_safe((const char *)text.data), T("：", ": "),
           cli_safe(cli_get(rule, T("zh", "en"))));
    buf_fini(&text);
}

static void print_fields(const json_t *schema, const char *prefix, int indent)
{
    const json_t *rules = json_object_get(schema, "x-rules");
    const char *name = NULL;
    json_t *field = NULL;
    json_object_foreach(json_object_get(schema, "properties"), name, field)
    {
        const json_t *items = json_object_get(field, "items");
        const json_t *value = items ? items : field;
        char path[160];
        snprintf(path, sizeof path, "%s.%s%s", prefix, name, items ? "[0]" : "");
        printf("%*s%s ", indent, "", is_required(schema, name) ? "*" : " ");
        i18n_pad(stdout, path, 34);
        printf(" %s%s", cli_safe(cli_title(field)),
               json_object_get(value, "properties") ? "\n" : T("：", ": "));
        if (json_object_get(value, "properties"))
            print_fields(value, path, indent + 2);
        else
            print_allowed(value, indent);
    }
    for (size_t i = 0; i < json_array_size(rules); i++)
        print_rule(schema, json_array_get(rules, i), indent);
}

static void print_sections(const json_t *kind)
{
    const json_t *sections = json_object_get(kind, "sections");
    const json_t *schemas = json_object_get(json_object_get(kind, "schema"), "properties");
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);
        const char *name = cli_get(section, "name");
        const json_t *schema = json_object_get(schemas, name);
        printf("\n%s  %s%s%s%s\n", name, cli_safe(schema ? cli_title(schema) : ""),
               cli_true(section, "required") ? T("（必填）", " (required)")
                                             : T("（选填）", " (optional)"),
               cli_true(section, "copies_may_open") ? T("，抄送单位可读", ", copies may open it")
                                                    : "",
               cli_true(section, "police_only") ? T("，仅公安可读", ", the police alone") : "");
        print_fields(schema, name, 2);
    }
    printf("\n%s\n", T("* 必填。--set 路径=值 设置一个字段；[0] 是列表的第一项。",
                       "* required. --set PATH=VALUE sets a field; [0] is the first of a list."));
}

static void print_kind(const json_t *kind)
{
    print_head(kind);
    print_topics(kind);
    print_sections(kind);
    printf("%s\n", T("样例（可通过检查；内容为虚构，请勿照发）：",
                     "an example (it passes the checks, and is made up: do not send it):"));
    json_dumpf(json_object_get(kind, "example"), stdout, JSON_INDENT(2));
    putchar('\n');
    if (json_array_size(json_object_get(kind, "topics")) > 1)
        printf(T("其他主题的样例：leadbus kinds %s --topic 主题 --example\n",
                 "an example of another topic: leadbus kinds %s --topic TOPIC --example\n"),
               cli_get(kind, "kind"));
}

int cli_kinds(struct cli *cli, int argc, char **argv)
{
    struct error error = {0};
    json_t *answer = NULL;
    const char *topic = NULL;
    bool example = false;
    int first = 0;
    const struct options_row rows[] = {
        {"topic", 't', "代码", "CODE", "样例所用的主题", "topic of the example", NULL, &topic,
         NULL},
        {"example", 0, NULL, NULL, "只打印样例（JSON）", "print the example alone (JSON)", &example,
         NULL, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus kinds",
        .usage_zh = "[选项] [种类]",
        .usage_en = "[OPTIONS] [KIND]",
        .about_zh =
            "列出消息种类和主题代码；给出种类时，列出它的字段、代码、必填项、发送单位和样例。",
        .about_en = "Lists kinds of message and their topics; with a KIND, its fields, codes, what "
                    "is required, who may send it, and an example.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    const char *slug = first < argc ? argv[first] : NULL;
    if (first + 1 < argc)
        return cli_misuse(cli, argv[first + 1], "只接受一个种类", "one kind only");
    if (!slug && (topic || example)) return cli_misuse(cli, NULL, "请给出种类", "give a kind");
    status = slug ? cli_kind(cli, slug, topic, &answer, &error)
                  : cli_call(cli, "GET", "/v1/kinds", NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (example)
        status = cli_print_json(json_object_get(answer, "example"));
    else if (cli->json)
        status = cli_print_json(answer);
    else if (slug)
        print_kind(answer);
    else
        print_list(answer);
    json_decref(answer);
    return status;
}
