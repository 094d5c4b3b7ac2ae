#include <stdlib.h>
#include <string.h>

#include "clients/replay/evidence.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"
#include "proto/tlogproof.h"

static int add(json_t *object, const char *key, json_t *take_value)
{
    CHECK(json_object_set_new(object, key, take_value) == 0);
    return 0;
}

/* {"index", "record", "proof"}: a record and that it is in the journal. */
static int make_proved(struct audit *audit, uint64_t index, struct bytes record, json_t **ret,
                       struct error *ret_error)
{
    struct tlogproof proof = {.index = index};
    struct merkle_reader reader = store_merkle_reader(audit_store(audit));
    struct buf text = {0};
    uint64_t size = 0;
    proof.checkpoint = audit_checkpoint(audit, &size);
    int code = merkle_prove_inclusion(&reader, index, size, &proof.inclusion, ret_error);
    if (code == 0) code = tlogproof_format(&proof, &text, ret_error);
    if (code == 0) {
        *ret = json_object();
        add(*ret, "index", json_integer((json_int_t)index));
        add(*ret, "record", out_base64(record));
        add(*ret, "proof", json_stringn((const char *)text.data, text.len));
    }
    buf_fini(&text);
    return code;
}

static json_t *make_entries(struct bytes entries)
{
    json_t *list = json_array();
    for (size_t at = 0; at + 40 <= entries.len; at += 40) {
        json_t *entry = json_object();
        add(entry, "index", json_integer((json_int_t)load_u64(entries.data + at)));
        add(entry, "hash", out_hex(bytes_of(entries.data + at + 8, 32)));
        json_array_append_new(list, entry);
    }
    return list;
}

static int make_receipts(struct audit *audit, const struct story *story, json_t *list,
                         struct error *ret_error)
{
    for (size_t i = 0; i < story->recipient_count; i++) {
        const struct story_recipient *recipient = &story->recipients[i];
        json_t *proved = NULL, *receipt = NULL;
        if (!recipient->acknowledged) continue;
        int code = make_proved(audit, recipient->ack_index, buf_bytes(&recipient->ack_record),
                               &proved, ret_error);
        if (code != 0) return code;
        receipt = json_object();
        add(receipt, "unit", json_string(recipient->unit));
        add(receipt, "lane", json_integer(recipient->lane));
        add(receipt, "position", json_integer((json_int_t)recipient->position));
        add(receipt, "previous_running", out_hex(bytes_of(recipient->previous_running, 32)));
        add(receipt, "entries", make_entries(buf_bytes(&recipient->entries)));
        add(receipt, "ack", proved);
        json_array_append_new(list, receipt);
    }
    return 0;
}

static int make_acts(struct audit *audit, const struct story *story, json_t *list,
                     struct error *ret_error)
{
    for (size_t i = 0; i < story->act_count; i++) {
        json_t *proved = NULL;
        if (!story->acts[i].answers) continue;
        int code = make_proved(audit, story->acts[i].index, buf_bytes(&story->acts[i].record),
                               &proved, ret_error);
        if (code != 0) return code;
        json_array_append_new(list, proved);
    }
    return 0;
}

/* Base64 of the bundles; the one in force at the end certifies the newest checkpoint's key. */
static json_t *make_bundles(const struct audit *audit, const struct story *story)
{
    json_t *list = json_array();
    const struct trust_bundle *last = audit_bundle(audit);
    bool has_last = false;
    for (size_t i = 0; i < story->bundle_count; i++) {
        json_array_append_new(list, out_base64(buf_bytes(&story->bundles[i].bytes)));
        has_last = has_last || story->bundles[i].version == trust_bundle_version(last);
    }
    if (!has_last) json_array_append_new(list, out_base64(trust_bundle_bytes(last)));
    return list;
}

int evidence_make(struct audit *audit, const struct story *story, struct buf *ret_text,
                  struct error *ret_error)
{
    json_t *whole = json_object(), *roots = json_array(), *lead = NULL;
    json_t *receipts = json_array(), *acts = json_array();
    char *text = NULL;
    CHECK(whole != NULL && roots != NULL && receipts != NULL && acts != NULL);
    add(whole, "format", json_string(EVIDENCE_FORMAT));
    add(whole, "origin", json_string(audit_origin(audit)));
    for (size_t i = 0; i < story->root_count; i++)
        json_array_append_new(
            roots, json_stringn((const char *)story->roots[i].data, story->roots[i].len));
    add(whole, "roots", roots);
    add(whole, "bundles", make_bundles(audit, story));
    add(whole, "receipts", receipts);
    add(whole, "acts", acts);
    int code = make_proved(audit, story->index, buf_bytes(&story->record), &lead, ret_error);
    if (code == 0) {
        add(whole, "lead", lead);
        code = make_receipts(audit, story, receipts, ret_error);
    }
    if (code == 0) code = make_acts(audit, story, acts, ret_error);
    if (code == 0) {
        text = json_dumps(whole, JSON_INDENT(1));
        CHECK(text != NULL);
        if (strlen(text) > EVIDENCE_BYTES_MAX)
            code = error_say(ret_error, E_TOO_LARGE, NULL, "证据 %zu 字节", "%zu bytes of evidence",
                             strlen(text));
        else
            buf_append_str(ret_text, text), buf_append_u8(ret_text, '\n');
    }
    free(text);
    json_decref(whole);
    return code;
}
