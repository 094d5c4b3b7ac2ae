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

static void print_scalar(const json_t *value)
{
    uint64_t ms = 0;
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        printf("%s\n", codes_time_parse(text, &ms) ? local_time(text) : cli_safe(text));
    } else if (json_is_boolean(value)) {
        printf("%s\n", json_is_true(value) ? T("是", "yes") : T("否", "no"));
    } else {
        printf("%lld\n", (long long)json_integer_value(value));
    }
}

static void print_value(const char *name, const json_t *value, int indent)
{
    printf("%*s%s: ", indent, "", cli_safe(name));
    if (json_is_object(value)) {
        putchar('\n');
        cli_print_fields(value, indent + 2);
        return;
    }
    if (!json_is_array(value)) {
        print_scalar(value);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        if (json_is_object(element)) {
            printf("\n%*s[%zu]\n", indent + 2, "", i);
            cli_print_fields(element, indent + 4);
        } else if (json_is_string(element)) {
            printf("%s%s", i ? ", " : "", cli_safe(json_string_value(element)));
        }
    }
    if (!json_is_object(json_array_get(value, 0))) putchar('\n');
}

void cli_print_fields(const json_t *object, int indent)
{
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = object};
    for (void *at = json_object_iter(held.out); at; at = json_object_iter_next(held.out, at))
        print_value(json_object_iter_key(at), json_object_iter_value(at), indent);
}

static void line(const char *name, const char *value)
{
    if (!*value) return;
    i18n_pad(stdout, name, 14);
    printf(" %s\n", cli_safe(value));
}

static void print_recipients(const json_t *recipients)
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
        printf(" %s  %s\n", sign ? T("签收", "sign") : T("抄送", "copy"),
               cli_safe(cli_get(one, "citation")));
    }
}

void cli_print_message(const json_t *message)
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
    const json_t *outbox = json_object_get(message, "outbox");
    if (outbox) line(T("发送状态", "state"), cli_get(outbox, "state"));
    const json_t *flags = json_object_get(message, "flags");
    if (json_array_size(flags)) print_value(T("标记", "flags"), flags, 0);
    const json_t *sections = json_object_get(message, "sections");
    if (json_object_size(sections)) {
        printf("%s\n", T("内容:", "content:"));
        cli_print_fields(sections, 2);
    }
    print_recipients(json_object_get(message, "recipients"));
}
