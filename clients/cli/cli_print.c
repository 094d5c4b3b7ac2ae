#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"
#include "proto/payload/codes.h"

const char *cli_get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const char *cli_label(const json_t *object, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", key, T("zh", "en"));
    const char *text = cli_get(object, name);
    return *text ? text : cli_get(object, key);
}

int64_t cli_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool cli_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *local_time(const char *text)
{
    static char shown[I18N_TIME_LEN];
    uint64_t ms = 0;
    if (!codes_time_parse(text, &ms)) return text;
    i18n_time(ms, shown);
    return shown;
}

const char *cli_time(const json_t *object, const char *key)
{
    const char *text = cli_get(object, key);
    return *text ? local_time(text) : "";
}

const char *cli_safe(const char *text)
{
    static char shown[4][16384];
    static unsigned turn;
    char *to = shown[turn++ % 4];
    size_t len = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at && len + 1 < sizeof *shown;
         at++) {
        bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
        bool control = (at[0] < 0x20 && at[0] != '\n') || at[0] == 0x7f || c1;
        to[len++] = (char)(control ? '?' : at[0]);
        if (c1) at++;
    }
    to[len] = 0;
    return to;
}

int cli_print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_INDENT(2));
    putchar('\n');
    return fflush(stdout) ? options_exit_code(E_IO) : 0;
}

/* "中文 / English" of a schema's title, in the reader's language; NULL where there is none. */
static const char *title_of(const json_t *schema)
{
    static char shown[256];
    const char *both = json_string_value(json_object_get(schema, "title"));
    const char *cut = both ? strstr(both, " / ") : NULL;
    if (!cut) return both;
    if (i18n_lang() == LANG_EN) return cut + 3;
    snprintf(shown, sizeof shown, "%.*s", (int)(cut - both), both);
    return shown;
}

/* What the schema calls a code, else the text itself. */
static const char *word_of(const json_t *schema, const char *text)
{
    const json_t *labels = json_object_get(json_object_get(schema, "x-labels"), text);
    const char *word = json_string_value(json_object_get(labels, T("zh", "en")));
    return word ? word : text;
}

static void print_scalar(const json_t *value, const json_t *schema)
{
    uint64_t ms = 0;
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        printf("%s\n",
               codes_time_parse(text, &ms) ? local_time(text) : cli_safe(word_of(schema, text)));
    } else if (json_is_boolean(value)) {
        printf("%s\n", json_is_true(value) ? T("是", "yes") : T("否", "no"));
    } else {
        printf("%lld\n", (long long)json_integer_value(value));
    }
}

static void print_fields(const json_t *object, const json_t *schema, int indent);

static void print_value(const char *name, const json_t *value, const json_t *schema, int indent)
{
    const char *title = title_of(schema);
    const json_t *items = json_object_get(schema, "items");
    printf("%*s%s: ", indent, "", cli_safe(title ? title : name));
    if (json_is_object(value)) {
        putchar('\n');
        print_fields(value, schema, indent + 2);
        return;
    }
    if (!json_is_array(value)) {
        print_scalar(value, schema);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        if (json_is_object(element)) {
            printf("\n%*s[%zu]\n", indent + 2, "", i);
            print_fields(element, items, indent + 4);
        } else if (json_is_string(element)) {
            printf("%s%s", i ? T("；", ", ") : "",
                   cli_safe(word_of(items, json_string_value(element))));
        }
    }
    if (!json_is_object(json_array_get(value, 0))) putchar('\n');
}

/* An object as an indented list of "name: value", in the words of its schema where there is one. */
static void print_fields(const json_t *object, const json_t *schema, int indent)
{
    const json_t *properties = json_object_get(schema, "properties");
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = object};
    for (void *at = json_object_iter(held.out); at; at = json_object_iter_next(held.out, at)) {
        const char *key = json_object_iter_key(at);
        print_value(key, json_object_iter_value(at), json_object_get(properties, key), indent);
    }
}

static void line(const char *name, const char *value)
{
    if (!*value) return;
    i18n_pad(stdout, name, 14);
    printf(" %s\n", cli_safe(value));
}

/* `signed_for`: nobody signs for a receipt, although it is addressed to its reader in full. */
static void print_recipients(const json_t *recipients, bool signed_for)
{
    size_t count = json_array_size(recipients);
    if (!count) return;
    printf("%s\n", T("接收单位:", "recipients:"));
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(recipients, i);
        bool sign = strcmp(cli_get(one, "act"), "sign") == 0;
        const char *name = cli_label(one, "name");
        printf("  ");
        i18n_pad(stdout, *name ? cli_safe(name) : cli_get(one, "unit"), 24);
        printf(" %s  %s\n",
               !sign        ? T("抄送", "copy")
               : signed_for ? T("须签收", "sign")
                            : T("阅知", "read"),
               cli_safe(cli_get(one, "citation")));
    }
}

static bool expects_sign(const json_t *kind)
{
    const json_t *expects = json_object_get(kind, "expects");
    for (size_t i = 0; i < json_array_size(expects); i++) {
        const char *act = json_string_value(json_array_get(expects, i));
        if (act && strcmp(act, "sign") == 0) return true;
    }
    return false;
}

static const char *flag_word(const char *flag)
{
    if (!flag) return "";
    if (strcmp(flag, "as_stated") == 0) return T("含按原样发送、校验不符的值", "values as stated");
    if (strcmp(flag, "late") == 0) return T("事后补录", "entered late");
    if (strcmp(flag, "readdressed") == 0) return T("无规则适用，已改发", "no rule matched");
    if (strcmp(flag, "unkeyed") == 0) return T("有接收单位尚无密钥", "a recipient has no key yet");
    return flag;
}

static const char *outbox_state(const char *state)
{
    if (i18n_lang() == LANG_EN) return state;
    if (strcmp(state, "queued") == 0) return "待发";
    if (strcmp(state, "sent") == 0) return "在途";
    if (strcmp(state, "receipted") == 0) return "已获回执";
    return strcmp(state, "refused") == 0 ? "被拒" : state;
}

void cli_print_message(const json_t *message, const json_t *kind)
{
    char head[256];
    snprintf(head, sizeof head, "%s (%s)", cli_label(message, "kind"), cli_get(message, "kind"));
    line(T("种类", "kind"), head);
    line(T("主题", "topic"), cli_label(message, "topic"));
    line(T("编号", "id"), cli_get(message, "id"));
    line(T("线索", "thread"), cli_get(message, "thread"));
    line(T("发自", "from"), cli_label(message, "from"));
    line(T("经办人", "officer"), cli_get(message, "officer"));
    line(T("区划", "area"), cli_get(message, "area"));
    line(T("依据", "citation"), cli_get(message, "citation"));
    line(T("创建", "created"), cli_time(message, "created_at"));
    line(T("入账", "recorded"), cli_time(message, "recorded_at"));
    line(T("收到", "received"), cli_time(message, "received_at"));
    line(T("失效", "expires"), cli_time(message, "expires_at"));
    line(T("问题", "trouble"), cli_get(message, "code"));
    if (cli_true(message, "must_sign")) line(T("本单位", "this unit"), T("须签收", "must sign"));
    if (*cli_get(message, "recorded_at") && *cli_get(message, "type") == 'm' &&
        !cli_true(message, "proved"))
        line(T("注意", "note"), T("入账尚未验证", "its place in the journal is not proved yet"));
    if (cli_number(message, "missing_before") > 0) {
        snprintf(head, sizeof head,
                 T("该单位在此之前发来的 %lld 件没有收到，请与其核对",
                   "%lld that this unit sent before it did not arrive: ask the unit"),
                 (long long)cli_number(message, "missing_before"));
        line(T("注意", "note"), head);
    }
    const json_t *outbox = json_object_get(message, "outbox");
    if (outbox) line(T("发送状态", "state"), outbox_state(cli_get(outbox, "state")));
    const json_t *flags = json_object_get(message, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++)
        line(i ? "" : T("标记", "flags"), flag_word(json_string_value(json_array_get(flags, i))));
    const json_t *sections = json_object_get(message, "sections");
    if (json_object_size(sections)) {
        printf("%s\n", T("内容:", "content:"));
        print_fields(sections, json_object_get(kind, "schema"), 2);
    }
    if (json_array_size(json_object_get(message, "attachments"))) {
        printf("%s\n", T("附件:", "attachments:"));
        cli_print_attachments(json_object_get(message, "attachments"));
    }
    print_recipients(json_object_get(message, "recipients"), !kind || expects_sign(kind));
}
