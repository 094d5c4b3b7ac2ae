#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/cli/cli.h"
#include "clients/cli/due.h"
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

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *cli_due(const json_t *leg)
{
    static char shown[DUE_TEXT_LEN];
    uint64_t due_ms = 0;
    if (cli_true(leg, "done")) return "";
    if (cli_true(leg, "paused")) return T("计时已中止", "its clocks stand still");
    if (!codes_time_parse(cli_get(leg, "due_at"), &due_ms)) return "";
    due_words(cli_label(leg, "due"), due_ms, now_ms(), i18n_lang(), shown);
    return shown;
}

const char *cli_decision(const json_t *decision)
{
    static char shown[2 * DUE_TEXT_LEN];
    char words[DUE_TEXT_LEN];
    uint64_t due_ms = 0;
    if (codes_time_parse(cli_get(decision, "due_at"), &due_ms))
        due_words(cli_label(decision, "owed"), due_ms, now_ms(), i18n_lang(), words);
    else
        (void)snprintf(words, sizeof words, "%s%.60s", T("待", "to "), cli_label(decision, "owed"));
    (void)snprintf(
        shown, sizeof shown, "%s%s", words,
        cli_true(decision, "escalated")
            ? T("，原应答复的单位逾期，由办公室决定", "; who was asked is late: the office decides")
            : "");
    return shown;
}

void cli_print_commands(const json_t *decision, int indent)
{
    const json_t *commands = json_object_get(decision, "commands");
    for (size_t i = 0; i < json_array_size(commands); i++)
        printf("%*s%s %s\n", indent, "", i ? T("或", "or") : "->",
               cli_safe(json_string_value(json_array_get(commands, i))));
}

const char *cli_close(const json_t *leg)
{
    static char shown[2 * DUE_TEXT_LEN];
    char moment[DUE_TEXT_LEN];
    uint64_t close_ms = 0;
    bool extended = cli_true(leg, "extended");
    bool next = strcmp(cli_get(leg, "due"), "close") == 0;
    if (cli_true(leg, "done") || (next && !extended) ||
        !codes_time_parse(cli_get(leg, "close_due_at"), &close_ms))
        return "";
    if (next) return T("办结期限已延长", "the term to close was extended");
    due_moment(close_ms, now_ms(), i18n_lang(), moment);
    (void)snprintf(shown, sizeof shown, "%s%.60s%s",
                   extended ? T("办结期限（已延长）：", "to be closed (extended) before ")
                            : T("办结期限：", "to be closed before "),
                   moment, T(" 前", ""));
    return shown;
}

const char *cli_about(const json_t *item)
{
    static char shown[512];
    const json_t *about = json_object_get(item, "about");
    const char *topic = cli_label(about, "topic");
    if (!*cli_get(about, "thread")) return "";
    const char *kind = cli_label(about, "kind");
    (void)snprintf(shown, sizeof shown, "%s%.160s%s%.120s%s%.40s", T("线索：", "thread: "), kind,
                   *topic ? T("：", ": ") : "", topic, *kind ? "  " : "", cli_get(about, "thread"));
    return shown;
}

/* The ranks with one of the results, behind words for it. */
static void told_part(const json_t *told, const char *const results[2], const char *words,
                      char *text, size_t cap)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(told); i++) {
        const json_t *one = json_array_get(told, i);
        const char *result = cli_get(one, "result");
        size_t len = strlen(text);
        if (strcmp(result, results[0]) != 0 && strcmp(result, results[1]) != 0) continue;
        (void)snprintf(text + len, cap - len, "%s%s%.40s", len == 0 || any ? "" : T("，", "; "),
                       any ? T("、", ", ") : words, cli_label(one, "rank"));
        any = true;
    }
}

const char *cli_told(const json_t *leg)
{
    static char shown[512];
    const json_t *told = json_object_get(leg, "told");
    shown[0] = 0;
    told_part(told, (const char *const[]){"told", "told"}, T("已通知", "told: "), shown,
              sizeof shown);
    told_part(told, (const char *const[]){"open", "again"}, T("已开始通知", "being told: "), shown,
              sizeof shown);
    told_part(told, (const char *const[]){"failed", "nobody"}, T("未通知到", "not reached: "),
              shown, sizeof shown);
    return shown;
}

const char *cli_repeats(const json_t *item)
{
    static char shown[2 * DUE_TEXT_LEN];
    char length[DUE_TEXT_LEN];
    uint64_t from_ms = 0;
    const json_t *repeats = json_object_get(json_object_get(item, "leg"), "repeats");
    long long count = (long long)cli_number(repeats, "shown");
    if (!repeats || !codes_time_parse(cli_get(item, "received_at"), &from_ms)) return "";
    due_length(now_ms() > from_ms ? now_ms() - from_ms : 0, i18n_lang(), length);
    if (count == 0)
        (void)snprintf(shown, sizeof shown, T("%.60s未签收，尚未重复提醒", "not signed for %.60s"),
                       length);
    else if (count == 1 && i18n_lang() == LANG_EN)
        (void)snprintf(shown, sizeof shown, "not signed for %.60s, shown once", length);
    else
        (void)snprintf(shown, sizeof shown,
                       T("%.60s未签收，已提醒 %lld 次", "not signed for %.60s, shown %lld times"),
                       length, count);
    return shown;
}

static const char *missed_words(const json_t *item)
{
    static char shown[2 * DUE_TEXT_LEN];
    char moment[DUE_TEXT_LEN];
    uint64_t due_ms = 0;
    const json_t *missed = json_object_get(item, "missed");
    const json_t *first = json_array_get(missed, 0);
    size_t more = json_array_size(missed) > 1 ? json_array_size(missed) - 1 : 0;
    if (!codes_time_parse(cli_get(first, "due_at"), &due_ms))
        return T("办理超期", "a term was not kept");
    due_moment(due_ms, now_ms(), i18n_lang(), moment);
    int len = snprintf(shown, sizeof shown,
                       T("未按期%.60s（应在%.60s 前）", "not %.60s in time (before %.60s)"),
                       cli_label(first, "term"), moment);
    if (more && len > 0 && (size_t)len < sizeof shown)
        (void)snprintf(shown + len, sizeof shown - (size_t)len, T("，另有 %zu 项", " and %zu more"),
                       more);
    return shown;
}

const char *cli_notice(const json_t *item)
{
    const char *notice = cli_get(item, "notice");
    if (strcmp(notice, "expired") == 0) return T("消息失效", "messages expired");
    if (strcmp(notice, "exception") == 0) return T("对方未能打开", "it could not open a message");
    if (strcmp(notice, "overdue") == 0) return missed_words(item);
    if (strcmp(notice, "custody-gap") == 0)
        return T("交接有空档，请核实当时由谁照料",
                 "a gap in custody: find out who had the person then");
    if (strcmp(notice, "alert-end") == 0)
        return T("警报已过有效期而未解除，请解除或更新",
                 "an alert is past its end: stand it down or revise it");
    if (strcmp(notice, "unanswered") == 0)
        return T("报告未按时答复，请监督", "a report was not answered in time: see to it");
    if (strcmp(notice, "period-cut") == 0)
        return T("法定期间未满即办理下一环节，请核对理由",
                 "a step did not wait for a period to be over: look at the reason");
    if (strcmp(notice, "again") == 0)
        return T("应只办一次的环节再次提出，请核对理由",
                 "what should come once came again: look at the reason");
    if (strcmp(notice, "rewrapped") == 0)
        return T("对方已为本单位补发密钥，消息可以打开",
                 "it sealed a message again for this unit, which can open it now");
    return "";
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

const char *cli_title(const json_t *schema)
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

static void print_value(const char *name, const json_t *value, const json_t *schema, int indent)
{
    const char *title = cli_title(schema);
    const json_t *items = json_object_get(schema, "items");
    printf("%*s%s: ", indent, "", cli_safe(title ? title : name));
    if (json_is_object(value)) {
        putchar('\n');
        cli_print_fields(value, schema, indent + 2);
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
            cli_print_fields(element, items, indent + 4);
        } else if (json_is_string(element)) {
            printf("%s%s", i ? T("；", ", ") : "",
                   cli_safe(word_of(items, json_string_value(element))));
        }
    }
    if (!json_is_object(json_array_get(value, 0))) putchar('\n');
}

void cli_print_fields(const json_t *object, const json_t *schema, int indent)
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

/* The clause in words, and its code. */
static const char *citation_of(const json_t *object)
{
    static char shown[512];
    const char *code = cli_get(object, "citation");
    const char *words = cli_label(object, "citation");
    if (!*code || strcmp(words, code) == 0) return code;
    (void)snprintf(shown, sizeof shown, T("%.300s（%.120s）", "%.300s (%.120s)"), words, code);
    return shown;
}

static void print_citation(const json_t *message)
{
    line(T("依据", "under"), citation_of(message));
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
        printf(" %s  %s%s\n",
               !sign        ? T("抄送", "copy")
               : signed_for ? T("须签收", "sign")
                            : T("收件", "to"),
               cli_safe(citation_of(one)),
               cli_true(one, "keyed")
                   ? ""
                   : T("  尚无密钥，暂不能打开", "  has no key yet, cannot open it"));
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
    if (strcmp(flag, "as_stated") == 0)
        return T("有内容缺项或不合规，已照填写的原样发送",
                 "something is missing or does not check; it went as it was stated");
    if (strcmp(flag, "late") == 0) return T("事后补录", "entered late");
    if (strcmp(flag, "readdressed") == 0) return T("无规则适用，已改发", "no rule matched");
    if (strcmp(flag, "early") == 0)
        return T("先行办理，尚缺前置环节", "before a step that is owed");
    if (strcmp(flag, "unkeyed") == 0) return T("有接收单位尚无密钥", "a recipient has no key yet");
    return flag;
}

const char *cli_outbox_state(const char *state)
{
    if (strcmp(state, "queued") == 0) return T("待发", "queued");
    if (strcmp(state, "sent") == 0) return T("在途", "sent");
    if (strcmp(state, "receipted") == 0) return T("已入账", "receipted");
    return strcmp(state, "refused") == 0 ? T("被拒", "refused") : state;
}

const char *cli_trouble(const json_t *error, enum lang lang)
{
    static char shown[1024];
    bool zh = lang == LANG_ZH;
    const char *field = cli_get(error, "field");
    const char *detail = cli_get(error, zh ? "detail_zh" : "detail");
    if (!*detail) detail = cli_get(error, "detail");
    (void)snprintf(shown, sizeof shown, "%s%s%s%s%s%s",
                   cli_safe(cli_get(error, zh ? "title_zh" : "title_en")),
                   !*field ? ""
                   : zh    ? "（"
                           : " (",
                   cli_safe(field),
                   !*field ? ""
                   : zh    ? "）"
                           : ")",
                   !*detail ? ""
                   : zh     ? "："
                            : ": ",
                   cli_safe(detail));
    return shown;
}

static void tell_unkeyed(const json_t *units)
{
    for (size_t i = 0; i < json_array_size(units); i++)
        printf(T("注意：%s 尚无密钥，暂不能打开；它启用代理后自动补封\n",
                 "note: %s has no key yet and cannot open it; it is sealed for it once its agent "
                 "runs\n"),
               cli_safe(cli_label(json_array_get(units, i), "name")));
}

/* In words. */
static void tell_outgoing(const json_t *outgoing)
{
    const char *state = cli_get(outgoing, "state");
    const json_t *error = json_object_get(outgoing, "error");
    const json_t *remarks = json_object_get(outgoing, "as_stated");
    if (strcmp(state, "receipted") == 0)
        printf(T("已入账：总线回执，日志序号 %lld，%s\n",
                 "receipted by the bus, journal index %lld, %s\n"),
               (long long)cli_number(outgoing, "index"), cli_time(outgoing, "recorded_at"));
    else if (error)
        printf("%s %s\n", T("已保存，尚未入账:", "kept here, not in the journal yet:"),
               cli_trouble(error, i18n_lang()));
    else
        printf("%s\n", strcmp(state, "sent") == 0
                           ? T("已保存并发出，等待总线回执", "kept here and sent; no receipt yet")
                           : T("已保存，排队待发；leadbus outbox 可查看",
                               "kept here and queued; leadbus outbox shows how far it is"));
    for (size_t i = 0; i < json_array_size(remarks); i++)
        printf(
            "%s %s\n",
            T("缺项或不合规，已照原样发送：", "missing or does not check, went as it was stated:"),
            cli_safe(json_string_value(json_array_get(remarks, i))));
    tell_unkeyed(json_object_get(outgoing, "unkeyed"));
}

int cli_tell_outgoing(struct cli *cli, const char *act, const char *done, const json_t *outgoing,
                      bool waited)
{
    bool receipted = strcmp(cli_get(outgoing, "state"), "receipted") == 0;
    int status = cli->json ? cli_print_json(outgoing) : 0;
    if (!cli->json) {
        if (act && receipted) printf("%s  ", done);
        if (act && !receipted)
            printf(T("%s：已交出，待总线入账  ", "%s: submitted, not in the journal yet  "), act);
        printf("%s %s\n", T("编号", "id"), cli_get(outgoing, "id"));
        tell_outgoing(outgoing);
    }
    if (status) return status;
    return waited && !receipted ? CLI_EXIT_WAITING : 0;
}

static const char *attachment_state(const char *state)
{
    static const struct {
        const char *state, *zh, *en;
    } rows[] = {{"sending", "待上传", "to be sent"},     {"sent", "已上传", "sent"},
                {"fetching", "接收中", "being fetched"}, {"here", "已收妥", "here"},
                {"refused", "已拒收", "refused"},        {"no_room", "暂无空间", "no room yet"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(state, rows[i].state) == 0) return T(rows[i].zh, rows[i].en);
    return state;
}

void cli_print_attachments(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *state = cli_get(one, "state"), *code = cli_get(one, "code");
        printf("  %lld  ", (long long)cli_number(one, "n"));
        i18n_pad(stdout, cli_safe(cli_get(one, "name")), 28);
        printf(" %s", cli_safe(cli_get(one, "media_type")));
        printf(T("  %lld 字节", "  %lld bytes"), (long long)cli_number(one, "size"));
        printf("  %s", attachment_state(state));
        if (strcmp(state, "sending") == 0 || strcmp(state, "fetching") == 0)
            printf(" %lld/%lld", (long long)cli_number(one, "chunks_done"),
                   (long long)cli_number(one, "chunks"));
        if (*code) printf(": %s", error_text(error_code_of(code), i18n_lang()));
        putchar('\n');
    }
}

/* Threads that have one of its numbers too: perhaps the same matter. */
static void print_same(const json_t *message)
{
    const json_t *list = json_object_get(message, "same_number");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        char text[160];
        snprintf(text, sizeof text, T("%.60s 也出现在线索 %.40s", "%.60s: also in thread %.40s"),
                 cli_label(one, "what"), cli_get(one, "thread"));
        line(T("号码相同", "same number"), text);
    }
    if (cli_true(message, "same_number_more"))
        line(T("号码相同", "same number"), T("还有其他线索", "and in others"));
}

static void print_revision(const json_t *message)
{
    char text[160];
    long long stated = (long long)cli_number(message, "revision");
    long long expected = (long long)cli_number(message, "revision_expected");
    if (stated == 0) return;
    if (expected == 0)
        snprintf(text, sizeof text, "%lld", stated);
    else
        snprintf(text, sizeof text,
                 T("%lld！版次不连续，应为 %lld：请向发布单位核实",
                   "%lld! Out of order, %lld should come: ask who issued it"),
                 stated, expected);
    line(T("版次", "revision"), text);
}

void cli_print_message(const json_t *message, const json_t *kind)
{
    char head[256];
    snprintf(head, sizeof head, "%s (%s)", cli_label(message, "kind"), cli_get(message, "kind"));
    line(T("种类", "kind"), head);
    line(T("主题", "topic"), cli_label(message, "topic"));
    line(T("编号", "id"), cli_get(message, "id"));
    const json_t *about = json_object_get(message, "about");
    line(T("线索", "thread"), cli_get(about ? about : message, "thread"));
    line(T("线索种类", "about"), cli_label(about, "kind"));
    print_revision(message);
    line(T("发自", "from"), cli_label(message, "from"));
    line(T("对象单位", "to"), cli_label(message, "target"));
    line(T("经办人", "officer"), cli_get(message, "officer"));
    line(T("区划", "area"), cli_get(message, "area"));
    print_citation(message);
    line(T("创建", "created"), cli_time(message, "created_at"));
    line(T("入账", "recorded"), cli_time(message, "recorded_at"));
    line(T("收到", "received"), cli_time(message, "received_at"));
    line(T("失效", "expires"), cli_time(message, "expires_at"));
    if (*cli_get(message, "code"))
        line(T("问题", "trouble"),
             error_text(error_code_of(cli_get(message, "code")), i18n_lang()));
    const json_t *leg = json_object_get(message, "leg");
    if (leg && !cli_true(leg, "done"))
        snprintf(head, sizeof head, "%s%s%s", cli_label(leg, "state"), T("，待", ", to "),
                 cli_label(leg, "next"));
    if (leg) line(T("本单位", "this unit"), cli_true(leg, "done") ? cli_label(leg, "state") : head);
    line(T("期限", "due"), cli_due(leg));
    line("", cli_close(leg));
    line(T("通知", "told"), cli_told(leg));
    line(T("重复提醒", "told again"), cli_repeats(message));
    if (strcmp(cli_get(message, "notice"), "overdue") == 0)
        line(T("超期", "overdue"), missed_words(message));
    print_same(message);
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
    if (outbox) line(T("发送状态", "state"), cli_outbox_state(cli_get(outbox, "state")));
    if (json_object_get(outbox, "error"))
        line(T("原因", "because"), cli_trouble(json_object_get(outbox, "error"), i18n_lang()));
    const json_t *flags = json_object_get(message, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++)
        line(i ? "" : T("标记", "flags"), flag_word(json_string_value(json_array_get(flags, i))));
    if (cli_true(message, "deleted")) {
        const char *when = cli_time(message, "deleted_at");
        if (*when)
            snprintf(head, sizeof head, T("已于 %s 删除", "deleted on %s"), when);
        else
            snprintf(head, sizeof head, "%s", T("已删除", "deleted"));
        line(T("内容", "content"), head);
    }
    const json_t *sections = json_object_get(message, "sections");
    if (json_object_size(sections)) {
        printf("%s\n", T("内容:", "content:"));
        cli_print_fields(sections, json_object_get(kind, "schema"), 2);
    }
    if (json_array_size(json_object_get(message, "attachments"))) {
        printf("%s\n", T("附件:", "attachments:"));
        cli_print_attachments(json_object_get(message, "attachments"));
    }
    print_recipients(json_object_get(message, "recipients"), !kind || expects_sign(kind));
}
