/* The marks of a page, and what the journal has of a message. */
#include <stdio.h>
#include <string.h>

#include "clients/agent/html.h"
#include "clients/agent/print_inner.h"
#include "clients/agent/render.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "proto/payload/codes.h"
#include "proto/plan/day.h"
#include "proto/plan/route.h"
#include "proto/sha256.h"
#include "proto/tlogproof.h"

/* ---- parts of a page ----------------------------------------------------------------------------
 */

void print_put(struct buf *page, const char *markup)
{
    buf_append_str(page, markup);
}

void print_label(struct buf *page, const char *zh, const char *en)
{
    html_text(page, zh);
    print_put(page, "<small lang=\"en\">");
    html_text(page, en);
    print_put(page, "</small>");
}

void print_head(struct buf *page, const char *zh, const char *en)
{
    print_put(page, "<h2>");
    print_label(page, zh, en);
    print_put(page, "</h2>\n");
}

void print_row(struct buf *page, const char *zh, const char *en, const char *value)
{
    if (!value || !*value) return;
    print_put(page, "<tr><th>");
    print_label(page, zh, en);
    print_put(page, "</th><td><bdi>");
    html_text(page, value);
    print_put(page, "</bdi></td></tr>\n");
}

void print_cell(struct buf *page, const char *value, bool code)
{
    print_put(page, code ? "<td><code>" : "<td><bdi>");
    html_text(page, value);
    print_put(page, code ? "</code></td>" : "</bdi></td>");
}

void print_columns(struct buf *page, const char *const names[][2], size_t count)
{
    print_put(page, "<table><thead><tr>");
    for (size_t i = 0; i < count; i++) {
        print_put(page, "<th>");
        print_label(page, names[i][0], names[i][1]);
        print_put(page, "</th>");
    }
    print_put(page, "</tr></thead><tbody>\n");
}

void print_time(uint64_t ms, char ret_text[PRINT_TIME_LEN])
{
    char day[DAY_TEXT_LEN];
    uint64_t in_day_s = 0;
    ret_text[0] = 0;
    if (ms == 0 || ms > CODES_TIME_MS_MAX) return;
    day_text(ms, day);
    in_day_s = (ms - day_start_ms(day_number(ms))) / 1000;
    (void)snprintf(ret_text, PRINT_TIME_LEN, "%s %02u:%02u:%02u (UTC+8)", day,
                   (unsigned)(in_day_s / 3600), (unsigned)(in_day_s / 60 % 60),
                   (unsigned)(in_day_s % 60));
}

/* ---- what the journal has of a message ----------------------------------------------------------
 */

static void sha256_hex(const void *data, size_t len, char ret[65])
{
    uint8_t hash[32];
    sha256(bytes_of(data, len), hash);
    hex_encode(bytes_of(hash, 32), ret);
}

void print_proof_of(struct agent *agent, const struct leadbus_item *item, struct print_proof *ret)
{
    uint8_t *record = NULL;
    char *receipt = NULL;
    size_t len = 0;
    memset(ret, 0, sizeof *ret);
    uuid_text(item->id, ret->id);
    print_time(item->record_ms, ret->time);
    ret->proved = item->proved;
    if (!item->proved) return;
    (void)snprintf(ret->index, sizeof ret->index, "%llu", (unsigned long long)item->index);
    if (leadbus_record(agent->lb, item->id, &record, &len, NULL) == 0) {
        uint8_t leaf[32];
        merkle_leaf_hash(bytes_of(record, len), leaf);
        hex_encode(bytes_of(leaf, 32), ret->leaf);
    }
    leadbus_free(record);
    if (leadbus_receipt(agent->lb, item->id, &receipt, &len, NULL) == 0)
        sha256_hex(receipt, len, ret->receipt);
    leadbus_free(receipt);
}

void print_clause(const char *zh, const char *en, const char *citation,
                  char ret_text[PRINT_CLAUSE_LEN])
{
    if (zh && en && *zh)
        (void)snprintf(ret_text, PRINT_CLAUSE_LEN, "%s\n%s\n%s", zh, en, citation);
    else
        (void)snprintf(ret_text, PRINT_CLAUSE_LEN, "%s", citation);
}

static void print_citation(const struct agent *agent, const char *citation, struct buf *page)
{
    char text[PRINT_CLAUSE_LEN];
    const char *zh = *citation ? route_citation_text(agent->plan, citation, LANG_ZH) : NULL;
    const char *en = *citation ? route_citation_text(agent->plan, citation, LANG_EN) : NULL;
    print_clause(zh, en, citation, text);
    print_row(page, "依据", "Under", text);
}

void print_message(struct agent *agent, const struct leadbus_item *item, struct buf *page)
{
    struct print_proof proof;
    json_t *names = json_object();
    char id[37];
    const char *zh = NULL;
    const char *en = NULL;
    char kind[256];
    char topic[256];
    char from[256];
    render_set_names(agent, names, item->kind, item->topic, item->from);
    print_proof_of(agent, item, &proof);
    zh = json_string_value(json_object_get(names, "kind_zh"));
    en = json_string_value(json_object_get(names, "kind_en"));
    (void)snprintf(kind, sizeof kind, "%s  %s (%s)", zh ? zh : "", en ? en : "", item->kind);
    zh = json_string_value(json_object_get(names, "topic_zh"));
    en = json_string_value(json_object_get(names, "topic_en"));
    (void)snprintf(topic, sizeof topic, "%s  %s", zh ? zh : "", en ? en : item->topic);
    zh = json_string_value(json_object_get(names, "from_zh"));
    en = json_string_value(json_object_get(names, "from_en"));
    (void)snprintf(from, sizeof from, "%s  %s (%s)", zh ? zh : "", en ? en : "", item->from);
    json_decref(names);
    uuid_text(item->thread, id);
    print_put(page, "<table class=\"key\"><tbody>\n");
    print_row(page, "种类", "Kind", kind);
    if (*item->topic) print_row(page, "主题", "Topic", topic);
    print_row(page, "消息编号", "Message id", proof.id);
    print_row(page, "线索编号", "Thread", id);
    print_row(page, "发送单位", "Sent by", from);
    print_row(page, "经办人代码", "Officer code", item->officer);
    print_citation(agent, item->citation, page);
    if (proof.proved) {
        print_row(page, "入账时间", "Journaled at", proof.time);
        print_row(page, "日志序号", "Journal index", proof.index);
        print_row(page, "记录散列（SHA-256 叶散列）", "Record, SHA-256 leaf hash", proof.leaf);
        print_row(page, "总线回执摘要（SHA-256）", "Receipt of the bus, SHA-256", proof.receipt);
    } else {
        print_row(page, "入账", "In the journal", "尚未证明 not proved yet");
    }
    print_put(page, "</tbody></table>\n");
}

/* ---- how it is checked --------------------------------------------------------------------------
 */

/* Takes the note where it is over more records than the one before. */
static void consider(struct print_checkpoint *best, struct bytes note)
{
    struct checkpoint head;
    const uint8_t *end = note.len > 0 ? memmem(note.data, note.len, "\n\n", 2) : NULL;
    if (!end || checkpoint_parse(bytes_of(note.data, (size_t)(end - note.data) + 1), &head, NULL) ||
        head.size <= best->size)
        return;
    best->size = head.size;
    buf_fini(&best->note);
    buf_append_bytes(&best->note, note);
}

void print_checkpoint_of(struct agent *agent, const uint8_t id[16], struct print_checkpoint *best)
{
    struct tlogproof proof;
    struct buf extra = {0};
    const void *note = NULL;
    char *receipt = NULL;
    size_t len = 0;
    leadbus_checkpoint(agent->lb, &note, &len);
    consider(best, bytes_of(note, len));
    if (leadbus_receipt(agent->lb, id, &receipt, &len, NULL) == 0 &&
        tlogproof_parse(bytes_of(receipt, len), &proof, &extra, NULL) == 0)
        consider(best, proof.checkpoint);
    leadbus_free(receipt);
    buf_fini(&extra);
}
