#include "clients/agent/print.h"

#include <stdio.h>

#include "clients/agent/html.h"
#include "clients/agent/print_inner.h"
#include "proto/sha256.h"

static const char style[] =
    "@page{size:A4;margin:12mm 16mm}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:178mm;color:#000;background:#fff;font:10pt/1.3 "
    "\"Noto Serif CJK SC\",\"Source Han Serif SC\",\"Songti SC\",SimSun,serif}"
    "h1{margin:0 0 2mm;text-align:center;font-size:20pt;letter-spacing:.3em}"
    "h1 small,h2 small{display:block;font-size:10pt;font-weight:400;letter-spacing:0}"
    "h2{margin:4mm 0 1.5mm;font-size:12pt;break-after:avoid}h2 "
    "small{display:inline;margin-left:1em}"
    ".of{text-align:center;margin:0 0 4mm}"
    ".mark{text-align:right;font-weight:700;margin:0}"
    "table{width:100%;border-collapse:collapse}"
    "th,td{border:.3mm solid #000;padding:.5mm 1.5mm;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere;white-space:pre-wrap}"
    "tr{break-inside:avoid}thead{display:table-header-group}"
    "th{font-weight:400;background:#f0f0f0}.key th{width:34%}"
    "th{overflow-wrap:normal}th small{display:inline;margin-left:.6em;font-size:8pt}"
    "thead th small{display:block;margin:0}"
    "code,pre{font:8pt/1.35 \"Noto Sans Mono\",\"DejaVu Sans Mono\",monospace;"
    "overflow-wrap:anywhere;white-space:pre-wrap}"
    "pre{border:.3mm solid #000;padding:2mm;margin:1mm 0 3mm}"
    ".sign{break-inside:avoid;margin-top:5mm}.sign td{height:11mm;width:25%}"
    ".foot{margin-top:3mm;font-size:8.5pt;break-inside:avoid}"
    "p{margin:1mm 0}";

/* ---- how it is checked --------------------------------------------------------------------------
 */

static void print_check(const char *id, uint64_t index, const struct print_checkpoint *best,
                        struct buf *page)
{
    char command[256];
    print_head(page, "核对方法", "How this paper is checked");
    print_put(page,
              "<p>取得日志副本（<code>leadbusd --backup</code>）与信任根后运行："
              "<span lang=\"en\">With a copy of the journal and the root of trust:</span></p>\n"
              "<pre>");
    (void)snprintf(command, sizeof command,
                   "leadbus-replay explain --root root.note --checkpoint kept.note journal.db %s",
                   id);
    html_text(page, command);
    print_put(page,
              "</pre>\n<p>所示编号、日志序号、入账时间、记录散列应与本页一致。下列检查点"
              "原样存为 kept.note：日志若被改写或截短即不能通过。<span lang=\"en\">Id, index, "
              "time and record hash must be those of this page. The checkpoint below is saved "
              "as kept.note, as it stands: a journal that was rewritten or cut does not "
              "pass.</span></p>\n");
    if (best->size <= index)
        print_put(page,
                  "<p>检查点尚未包含以上全部记录，请稍后重新打印。<span lang=\"en\">The checkpoint "
                  "does not cover all of these records yet: print it again later.</span></p>\n");
    if (best->note.len == 0) return;
    struct buf text = {0};
    buf_append_bytes(&text, buf_bytes(&best->note));
    buf_append_u8(&text, 0);
    print_put(page, "<pre>");
    html_text(page, (const char *)text.data);
    print_put(page, "</pre>\n");
    buf_fini(&text);
}

static void print_signatures(struct buf *page, const char *const names[][2], size_t count)
{
    print_put(page, "<table class=\"sign\"><tbody>\n");
    for (size_t i = 0; i < count; i++) {
        print_put(page, "<tr><th>");
        print_label(page, names[i][0], names[i][1]);
        print_put(page, "</th><td></td><th>");
        print_label(page, "日期", "Date");
        print_put(page, "</th><td></td></tr>\n");
    }
    print_put(page, "</tbody></table>\n");
}

/* ---- the page -----------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *zh, *en;
} forms[PRINT_FORM_COUNT] = {
    [PRINT_RECEIPT] = {"receipt", "签收回执", "Receipt: signed for"},
    [PRINT_HANDOVER] = {"handover", "移交清单", "List of what is handed over"},
};

const char *print_form_name(enum print_form form)
{
    return forms[form].name;
}

void print_policy(char ret_policy[PRINT_POLICY_LEN])
{
    static const char before[] = "default-src 'none'; style-src 'sha256-";
    static const char behind[] = "'; base-uri 'none'; form-action 'none'";
    struct buf hash = {0};
    uint8_t digest[32];
    sha256(bytes_of(style, sizeof style - 1), digest);
    base64_append(&hash, bytes_of(digest, 32));
    (void)snprintf(ret_policy, PRINT_POLICY_LEN, "%s%.*s%s", before, (int)hash.len,
                   (const char *)hash.data, behind);
    buf_fini(&hash);
}

static void open_page(struct agent *agent, enum print_form form, const char *id, struct buf *page)
{
    uint16_t unit = plan_unit_find(agent->plan, agent->unit);
    const struct plan_unit *own = plan_unit(agent->plan, unit);
    char policy[PRINT_POLICY_LEN];
    print_policy(policy);
    print_put(page, "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"");
    html_text(page, policy);
    print_put(page, "\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    html_text(page, forms[form].zh);
    print_put(page, " ");
    html_text(page, id);
    print_put(page, "</title>\n<style>");
    print_put(page, style);
    print_put(page, "</style>\n</head>\n<body>\n");
    if (form == PRINT_HANDOVER)
        print_put(page, "<p class=\"mark\">含个人信息，注意保密 <small lang=\"en\">personal data: "
                        "keep it closed</small></p>\n");
    print_put(page, "<h1>");
    print_label(page, forms[form].zh, forms[form].en);
    print_put(page, "</h1>\n<p class=\"of\"><bdi>");
    html_text(page, own ? own->name_zh : agent->unit);
    print_put(page, "</bdi> <span lang=\"en\">");
    html_text(page, own ? own->name_en : "");
    print_put(page, "</span></p>\n");
}

static void close_page(const char *id, uint64_t index, const struct print_checkpoint *best,
                       const char *const names[][2], size_t count, struct buf *page)
{
    char now[PRINT_TIME_LEN];
    print_check(id, index, best, page);
    print_signatures(page, names, count);
    print_time(agent_now_ms(), now);
    print_put(page, "<p class=\"foot\">打印时间 <span lang=\"en\">printed at</span> ");
    html_text(page, now);
    print_put(page, " · leadbus ");
    html_text(page, LEADBUS_VERSION);
    print_put(page,
              " · 以日志记录为准，纸面仅为其副本 <span lang=\"en\">the journal counts, this is a "
              "copy of what it says</span></p>\n</body>\n</html>\n");
}

static int receipt_page(struct agent *agent, leadbus_message *message, struct buf *page,
                        struct error *ret_error)
{
    static const char *const names[][2] = {{"经办人签名", "Officer"},
                                           {"单位（盖章）", "Unit, seal"}};
    struct print_signing signing = {0};
    struct print_checkpoint best = {0};
    char id[37];
    int status = print_signing_load(agent, message, &signing, ret_error);
    if (status) return status;
    const struct leadbus_item *item = leadbus_message_item(signing.message);
    uuid_text(item->id, id);
    open_page(agent, PRINT_RECEIPT, id, page);
    print_head(page, "所签收的消息", "What was signed for");
    print_message(agent, item, page);
    print_head(page, "签收", "Signed for by");
    print_signing_rows(agent, &signing, page);
    uint64_t last = signing.last_index > item->index ? signing.last_index : item->index;
    print_checkpoint_of(agent, item->id, &best);
    print_signing_checkpoints(agent, &signing, &best);
    close_page(id, last, &best, names, 2, page);
    buf_fini(&best.note);
    print_signing_fini(&signing);
    return 0;
}

static int handover_page(struct agent *agent, leadbus_message *message, struct buf *page,
                         struct error *ret_error)
{
    static const char *const names[][2] = {
        {"移交人", "Handed over by"}, {"接收人", "Received by"}, {"见证人", "Witness"}};
    const struct leadbus_item *item = leadbus_message_item(message);
    const struct plan_kind *kind = plan_kind_find(agent->plan, item->kind);
    struct print_checkpoint best = {0};
    char id[37];
    if (!kind || (kind->family != PLAN_FAMILY_HANDOFF && kind->act != PLAN_ACT_TRANSFER))
        return error_say(ret_error, E_BAD_VALUE, "form",
                         "只有移交（handoff.*）与转办的消息有移交清单",
                         "a list of what is handed over is of kinds handoff.* and of transfers");
    uuid_text(item->id, id);
    open_page(agent, PRINT_HANDOVER, id, page);
    print_head(page, "移交事项", "The handover");
    print_message(agent, item, page);
    print_head(page, "接收单位", "To");
    print_recipients(message, page);
    print_head(page, "移交内容", "What is handed over");
    print_sections(agent, message, page);
    print_files(message, page);
    print_checkpoint_of(agent, item->id, &best);
    close_page(id, item->index, &best, names, 3, page);
    buf_fini(&best.note);
    return 0;
}

int print_page(struct agent *agent, enum print_form form, const uint8_t id[16],
               struct buf *ret_page, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    leadbus_message *message = NULL;
    if (leadbus_message_get(agent->lb, id, &message, &trouble))
        return agent_error(&trouble, ret_error);
    int status = form == PRINT_RECEIPT ? receipt_page(agent, message, ret_page, ret_error)
                                       : handover_page(agent, message, ret_page, ret_error);
    leadbus_message_free(message);
    return status;
}
