/* Signings, recipients, contents and files on a page. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/agent/print_inner.h"
#include "proto/base/check.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/lifecycle.h"

/* ---- who signed ---------------------------------------------------------------------------------
 */

static bool signs(const struct agent *agent, const struct leadbus_item *item)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, item->kind);
    return kind && kind->act == PLAN_ACT_SIGN;
}

static bool belongs(const struct agent *agent, const struct print_signing *signing,
                    const struct leadbus_item *item)
{
    static const uint8_t none[16];
    const struct leadbus_item *lead = leadbus_message_item(signing->message);
    bool all = memcmp(signing->only, none, 16) == 0;
    return signs(agent, item) && memcmp(item->parent, lead->id, 16) == 0 &&
           (all || memcmp(item->id, signing->only, 16) == 0);
}

int print_signing_load(struct agent *agent, const leadbus_message *message,
                       struct print_signing *ret_signing, struct error *ret_error)
{
    const struct leadbus_item *item = leadbus_message_item(message);
    struct leadbus_error trouble = {0};
    struct print_signing signing = {0};
    size_t count = 0;
    bool act = signs(agent, item);
    if (act) memcpy(signing.only, item->id, 16);
    if (leadbus_message_get(agent->lb, act ? item->parent : item->id, &signing.message, &trouble) ||
        leadbus_thread_get(agent->lb, item->thread, &signing.thread, &trouble)) {
        print_signing_fini(&signing);
        return agent_error(&trouble, ret_error);
    }
    for (size_t i = 0; i < leadbus_thread_item_count(signing.thread); i++) {
        const struct leadbus_item *one = leadbus_thread_item(signing.thread, i);
        if (!belongs(agent, &signing, one)) continue;
        count++;
        if (one->proved && one->index > signing.last_index) signing.last_index = one->index;
    }
    if (count == 0) {
        print_signing_fini(&signing);
        return error_say(ret_error, E_LIFECYCLE_ORDER, "id", "尚无单位签收，没有回执可打印",
                         "nobody has signed for it yet: there is nothing to print");
    }
    *ret_signing = signing;
    return 0;
}

void print_signing_fini(struct print_signing *signing)
{
    leadbus_message_free(signing->message);
    leadbus_thread_free(signing->thread);
    *signing = (struct print_signing){0};
}

/* The name that stands in the receipt, where this unit may read it. */
static json_t *receipt_of(struct agent *agent, const uint8_t id[16])
{
    leadbus_message *message = NULL;
    struct leadbus_section section = {0};
    json_t *object = NULL;
    if (leadbus_message_get(agent->lb, id, &message, NULL)) return NULL;
    const struct plan_kind *kind = plan_kind_find(agent->plan, leadbus_message_item(message)->kind);
    const struct payload_message *payload = kind && leadbus_message_section(message, 0, &section)
                                                ? payload_find(kind->sections[0].message)
                                                : NULL;
    if (payload && payload_json_write(payload, bytes_of(section.data, section.len), &object, NULL))
        object = NULL;
    leadbus_message_free(message);
    return object;
}

void print_signing_rows(struct agent *agent, const struct print_signing *signing, struct buf *page)
{
    static const char *const names[][2] = {{"单位", "Unit"},
                                           {"经办人", "Officer"},
                                           {"入账时间", "Journaled at"},
                                           {"日志序号", "Index"},
                                           {"编号与记录散列", "Id and record hash"}};
    print_columns(page, names, 5);
    for (size_t i = 0; i < leadbus_thread_item_count(signing->thread); i++) {
        const struct leadbus_item *item = leadbus_thread_item(signing->thread, i);
        const struct plan_unit *unit = NULL;
        struct print_proof proof;
        char text[256];
        if (!belongs(agent, signing, item)) continue;
        json_t *receipt = receipt_of(agent, item->id);
        const char *name = json_string_value(json_object_get(receipt, "officer_name"));
        unit = plan_unit(agent->plan, plan_unit_find(agent->plan, item->from));
        print_proof_of(agent, item, &proof);
        print_put(page, "<tr>");
        (void)snprintf(text, sizeof text, "%s\n%s", unit ? unit->name_zh : item->from,
                       unit ? unit->name_en : "");
        print_cell(page, text, false);
        (void)snprintf(text, sizeof text, "%s%s%.200s", item->officer, name ? "\n" : "",
                       name ? name : "");
        print_cell(page, text, false);
        print_cell(page, proof.proved ? proof.time : "尚未证明 not proved yet", false);
        print_cell(page, proof.index, true);
        (void)snprintf(text, sizeof text, "%s\n%s", proof.id, proof.leaf);
        print_cell(page, text, true);
        print_put(page, "</tr>\n");
        json_decref(receipt);
    }
    print_put(page, "</tbody></table>\n");
}

void print_signing_checkpoints(struct agent *agent, const struct print_signing *signing,
                               struct print_checkpoint *best)
{
    for (size_t i = 0; i < leadbus_thread_item_count(signing->thread); i++) {
        const struct leadbus_item *item = leadbus_thread_item(signing->thread, i);
        if (belongs(agent, signing, item)) print_checkpoint_of(agent, item->id, best);
    }
}

void print_recipients(const leadbus_message *message, struct buf *page)
{
    static const char *const names[][2] = {{"单位", "Unit"}, {"方式", "How"}, {"依据", "Under"}};
    print_columns(page, names, 3);
    for (size_t i = 0; i < leadbus_message_recipient_count(message); i++) {
        const struct leadbus_recipient *one = leadbus_message_recipient(message, i);
        char text[300], under[PRINT_CLAUSE_LEN];
        (void)snprintf(text, sizeof text, "%s\n%s", one->name_zh, one->name_en);
        print_clause(one->citation_zh, one->citation_en, one->citation, under);
        print_put(page, "<tr>");
        print_cell(page, text, false);
        print_cell(page, one->must_sign ? "须签收 signs for it" : "抄送 copy", false);
        print_cell(page, under, false);
        print_put(page, "</tr>\n");
    }
    print_put(page, "</tbody></table>\n");
}

/* ---- contents -----------------------------------------------------------------------------------
 */

static void print_object(const struct payload_message *message, const json_t *object,
                         struct buf *page);

/* A value in the words of its field. */
static void value_text(const struct payload_field *field, const json_t *value, char *ret,
                       size_t cap)
{
    const char *text = json_string_value(value);
    const struct payload_code *code =
        text && field->list ? payload_code_find(field->list, text) : NULL;
    uint64_t ms = 0;
    if (code)
        (void)snprintf(ret, cap, "%s  %s", code->text_zh, code->text_en);
    else if (text && field->check == PAYLOAD_TIME && codes_time_parse(text, &ms))
        print_time(ms, ret);
    else if (text)
        (void)snprintf(ret, cap, "%s", text);
    else if (json_is_boolean(value))
        (void)snprintf(ret, cap, "%s", json_is_true(value) ? "是 yes" : "否 no");
    else
        (void)snprintf(ret, cap, "%lld", (long long)json_integer_value(value));
}

static void print_one(const struct payload_message *message, size_t at, const json_t *value,
                      size_t number, struct buf *page)
{
    enum { VALUE_LEN_MAX = LIMIT_PLAINTEXT_BYTES_MAX };
    const struct payload_field *field = &message->fields[at];
    char zh[200];
    (void)snprintf(zh, sizeof zh, number ? "%s %zu" : "%s", field->label_zh, number);
    if (json_is_object(value)) {
        const struct payload_message *inner =
            payload_of_descriptor(message->descriptor->fields[at].descriptor);
        print_put(page, "<tr><th colspan=\"2\">");
        print_label(page, zh, field->label_en);
        print_put(page, "</th></tr>\n");
        if (inner) print_object(inner, value, page);
        return;
    }
    char *text = malloc(VALUE_LEN_MAX + 1);
    CHECK(text != NULL);
    value_text(field, value, text, VALUE_LEN_MAX + 1);
    print_row(page, zh, field->label_en, text);
    sodium_memzero(text, VALUE_LEN_MAX + 1);
    free(text);
}

/* In the order of the schema. */
static void print_object(const struct payload_message *message, const json_t *object,
                         struct buf *page)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const json_t *value = json_object_get(object, message->fields[i].name);
        if (!value) continue;
        for (size_t k = 0; json_is_array(value) && k < json_array_size(value); k++)
            print_one(message, i, json_array_get(value, k), k + 1, page);
        if (!json_is_array(value)) print_one(message, i, value, 0, page);
    }
}

void print_sections(const struct agent *agent, const leadbus_message *message, struct buf *page)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, leadbus_message_item(message)->kind);
    size_t count = leadbus_message_section_count(message);
    print_put(page, "<table class=\"key\"><tbody>\n");
    for (size_t i = 0; i < count; i++) {
        struct leadbus_section section = {0};
        json_t *object = NULL;
        if (!leadbus_message_section(message, i, &section)) continue;
        int at = kind ? plan_section_find(kind, section.name) : -1;
        const struct payload_message *payload =
            at >= 0 ? payload_find(kind->sections[at].message) : NULL;
        if (!payload ||
            payload_json_write(payload, bytes_of(section.data, section.len), &object, NULL)) {
            print_row(page, section.name, section.name, "无法显示 cannot be shown");
            continue;
        }
        print_put(page, "<tr><th colspan=\"2\">");
        print_label(page, payload->label_zh, payload->label_en);
        print_put(page, "</th></tr>\n");
        print_object(payload, object, page);
        json_decref(object);
    }
    print_put(page, "</tbody></table>\n");
    if (count == 0)
        print_put(page, "<p>本单位不能阅读其内容 <span lang=\"en\">this unit may not read its "
                        "contents</span></p>\n");
}

void print_files(const leadbus_message *message, struct buf *page)
{
    static const char *const names[][2] = {
        {"附件", "File"}, {"字节", "Bytes"}, {"SHA-256", "digest"}};
    size_t count = leadbus_message_attachment_count(message);
    if (count == 0) return;
    print_head(page, "附件", "Files");
    print_columns(page, names, 3);
    for (size_t i = 0; i < count; i++) {
        struct leadbus_attachment file = {.size = sizeof file};
        char text[80] = "";
        if (!leadbus_message_attachment(message, i, &file)) continue;
        print_put(page, "<tr>");
        print_cell(page, file.name, false);
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)file.bytes);
        print_cell(page, text, false);
        hex_encode(bytes_of(file.sha256, 32), text);
        print_cell(page, text, true);
        print_put(page, "</tr>\n");
    }
    print_put(page, "</tbody></table>\n");
}
