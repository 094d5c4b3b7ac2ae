/* check: what an evidence file proves, in plain words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"

static const char *unit_name(const struct evidence *evidence, const char *key)
{
    const struct plan *plan = trust_bundle_plan(evidence->bundles[0]);
    uint16_t index = plan_unit_find(plan, key);
    const struct plan_unit *unit = index == PLAN_UNIT_NONE ? NULL : plan_unit(plan, index);
    return unit == NULL ? key : T(unit->name_zh, unit->name_en);
}

static const char *kind_name(const struct evidence *evidence, const char *slug)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(evidence->bundles[0]), slug);
    return kind == NULL ? slug : T(kind->name_zh, kind->name_en);
}

/* With what outcome or reason: the topic in the words of the plan, or "". */
static const char *topic_name(const struct evidence *evidence, const char *slug, const char *topic)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(evidence->bundles[0]), slug);
    const struct plan_topic *row = kind == NULL ? NULL : plan_topic_find(kind, topic);
    return row == NULL ? topic : T(row->name_zh, row->name_en);
}

static const struct evidence_receipt *receipt_of(const struct evidence *evidence, const char *unit)
{
    for (size_t i = 0; i < evidence->receipt_count; i++)
        if (strcmp(evidence->receipts[i].unit, unit) == 0) return &evidence->receipts[i];
    return NULL;
}

static void print_recipients(const struct evidence *evidence)
{
    const Leadbus__Header *head = evidence->envelope.head;
    const struct plan *plan = trust_bundle_plan(evidence->bundles[0]);
    char time[I18N_TIME_LEN];
    puts(T("发给：", "addressed to:"));
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        const struct evidence_receipt *receipt = receipt_of(evidence, recipient->unit);
        const char *text = route_citation_text(plan, recipient->citation, i18n_lang());
        printf(T("  %s（%s），依据 %s %s\n", "  %s (%s), by %s %s\n"),
               unit_name(evidence, recipient->unit),
               recipient->act == ENVELOPE_ACT_SIGN ? T("须签收", "must sign") : T("抄送", "copy"),
               recipient->citation, text == NULL ? "" : text);
        if (receipt == NULL)
            puts(T("    没有“已收到”的证明", "    no proof of delivery"));
        else if (receipt->exception != 0)
            printf(T("    %s 收到但无法打开（%s），由该单位签名\n",
                     "    had it %s but could not open it (%s), signed by that unit\n"),
                   out_time(receipt->time_ms, time),
                   error_text(-(int)receipt->exception, i18n_lang()));
        else
            printf(T("    %s 已收到，由该单位签名（日志序号 %llu）\n",
                     "    had it by %s, signed by that unit (journal index %llu)\n"),
                   out_time(receipt->time_ms, time), (unsigned long long)receipt->index);
    }
}

static void print_proved(const struct evidence *evidence)
{
    const Leadbus__Header *head = evidence->envelope.head;
    const struct trust_bundle *bundle = evidence->bundles[0];
    char id[37], created[I18N_TIME_LEN], time[I18N_TIME_LEN];
    uuid_text(head->id.data, id);
    puts(T("已证明：", "proved:"));
    printf(T("  %s（经办 %s）签发了消息 %s：%s\n", "  %s (officer %s) signed message %s: %s\n"),
           unit_name(evidence, head->from), out_officer(head->officer), id,
           kind_name(evidence, head->kind));
    printf(T("  自述创建于 %s；总线入账于 %s\n", "  created, as it says, %s; journaled %s\n"),
           out_time(head->created_ms, created), out_time(evidence->time_ms, time));
    printf(T("  它是日志 %s 的第 %llu 条，在 %llu 条记录的已签名检查点之内\n",
             "  it is record %2$llu of journal %1$s, under a signed checkpoint over %3$llu "
             "records\n"),
           evidence->checkpoint.origin, (unsigned long long)evidence->index,
           (unsigned long long)evidence->checkpoint.size);
    printf(T("  密钥与路由依据：方案包第 %llu 版，由信任根签发（总线 %s，第 %llu 版根）\n",
             "  keys and routes by bundle version %llu, signed by the root of trust (bus %s, root "
             "version %llu)\n"),
           (unsigned long long)trust_bundle_version(bundle), trust_bundle_bus(bundle),
           (unsigned long long)trust_bundle_root(bundle)->version);
    print_recipients(evidence);
    if (evidence->act_count > 0)
        puts(T("此后（各由该单位签名并入账）：",
               "after that (each signed by its unit and journaled):"));
    for (size_t i = 0; i < evidence->act_count; i++)
        printf(T("  %s %s（经办 %s）：%s%s%s\n", "  %s %s (officer %s): %s%s%s\n"),
               out_time(evidence->acts[i].time_ms, time),
               unit_name(evidence, evidence->acts[i].from), out_officer(evidence->acts[i].officer),
               kind_name(evidence, evidence->acts[i].kind),
               evidence->acts[i].topic[0] != '\0' ? T("，", ", ") : "",
               topic_name(evidence, evidence->acts[i].kind, evidence->acts[i].topic));
}

static json_t *proved_json(const struct evidence *evidence)
{
    const Leadbus__Header *head = evidence->envelope.head;
    json_t *recipients = json_array(), *acts = json_array();
    char id[37];
    uuid_text(head->id.data, id);
    for (size_t i = 0; i < head->n_recipients; i++) {
        const struct evidence_receipt *receipt = receipt_of(evidence, head->recipients[i]->unit);
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:b}", "unit", head->recipients[i]->unit, "act",
                      head->recipients[i]->act == ENVELOPE_ACT_SIGN ? "sign" : "copy", "citation",
                      head->recipients[i]->citation, "received", receipt != NULL ? 1 : 0);
        if (receipt != NULL)
            json_object_set_new(object, "received_ms", json_integer((json_int_t)receipt->time_ms));
        json_array_append_new(recipients, object);
    }
    for (size_t i = 0; i < evidence->act_count; i++)
        json_array_append_new(
            acts, json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "index",
                            (json_int_t)evidence->acts[i].index, "time_ms",
                            (json_int_t)evidence->acts[i].time_ms, "from", evidence->acts[i].from,
                            "kind", evidence->acts[i].kind, "topic", evidence->acts[i].topic,
                            "officer", evidence->acts[i].officer));
    return json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "holds", 1, "id",
                     id, "kind", head->kind, "from", head->from, "origin",
                     evidence->checkpoint.origin, "index", (json_int_t)evidence->index, "time_ms",
                     (json_int_t)evidence->time_ms, "created_ms", (json_int_t)head->created_ms,
                     "checkpoint_size", (json_int_t)evidence->checkpoint.size, "recipients",
                     recipients, "acts", acts);
}

int command_check(struct command_options *options)
{
    struct evidence *evidence = calloc(1, sizeof *evidence);
    struct error error = {0};
    struct buf text = {0};
    int status = 0;
    CHECK(evidence != NULL);
    int code = out_file_load(options->journal, EVIDENCE_BYTES_MAX, &text, &error);
    if (code == E_IO) {
        status = out_error_as(EX_NOINPUT, code, &error, options->json);
        goto out;
    }
    if (code == 0) code = evidence_check(buf_bytes(&text), &options->trust, evidence, &error);
    if (code != 0)
        status = out_error(code, &error, options->json);
    else if (options->json)
        out_json(proved_json(evidence));
    else
        print_proved(evidence);
out:
    evidence_fini(evidence);
    free(evidence);
    buf_fini(&text);
    return status;
}
