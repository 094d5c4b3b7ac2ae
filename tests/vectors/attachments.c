#include "tests/vectors/attachments.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/payload/attached.h"
#include "proto/record.h"
#include "tests/unit/envelope_maker.h"

/* Chunks up to here are written whole; of longer ones their first bytes and their hash. */
enum { SHOWN_LEN_MAX = 2048, SHOWN_LEN = 32, SECTIONS = 2, READERS = 2 };

static const struct {
    uint64_t size;
    const char *name, *media_type;
    bool carried; /* by the envelope below */
} files[] = {
    {1, "a.txt", "text/plain", false},
    {1024, "1024.bin", "application/octet-stream", false},
    {1025, "\xe7\x85\xa7\xe7\x89\x87.jpg", "image/jpeg", true}, /* 照片 */
    {LIMIT_CHUNK_PLAIN_BYTES, "one-chunk.pdf", "application/pdf", false},
    {LIMIT_CHUNK_PLAIN_BYTES + 1, "two-chunks.mp4", "video/mp4", true},
    {2500000, "three-chunks.bin", "application/octet-stream", false},
};
enum { FILES = sizeof files / sizeof files[0] };

static void put_hex(json_t *json, const char *name, struct bytes bytes)
{
    struct buf text = {0};
    hex_encode(bytes, (char *)buf_grow(&text, 2 * bytes.len + 1));
    json_object_set_new(json, name, json_string((const char *)text.data));
    buf_fini(&text);
}

static void put_number(json_t *json, const char *name, uint64_t number)
{
    json_object_set_new(json, name, json_integer((json_int_t)number));
}

/* Byte blocks of 32: SHA256("leadbus example" || u32(file) || u32(block)). */
static void file_fill(uint32_t file, uint64_t size, struct buf *ret)
{
    for (uint32_t block = 0; (uint64_t)block * 32 < size; block++) {
        uint8_t text[23], hash[32];
        memcpy(text, "leadbus example", 15);
        store_u32(text + 15, file);
        store_u32(text + 19, block);
        sha256(bytes_of(text, sizeof text), hash);
        buf_append(ret, hash, size - ret->len < 32 ? (size_t)(size - ret->len) : 32);
    }
}

static int add_chunk(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    json_t *json = json_object();
    uint8_t leaf[32];
    (void)ret_error;
    merkle_leaf_hash(chunk, leaf);
    put_number(json, "number", number);
    put_number(json, "size", chunk.len);
    put_hex(json, chunk.len <= SHOWN_LEN_MAX ? "bytes" : "begins",
            bytes_of(chunk.data, chunk.len <= SHOWN_LEN_MAX ? chunk.len : SHOWN_LEN));
    put_hex(json, "leaf", bytes_of(leaf, 32));
    json_array_append_new(ctx, json);
    return 0;
}

static json_t *file_json(uint32_t i, uint8_t ret_key[32], struct attachment_sealed *ret_sealed)
{
    struct attachment_sealer sealer;
    struct buf content = {0};
    json_t *json = json_object(), *chunks = json_array();
    memset(ret_key, 0x40 + (int)i, 32);
    file_fill(i, files[i].size, &content);
    attachment_sealer_init(&sealer, suite_find(SUITE_1), ret_key, add_chunk, chunks);
    CHECK(attachment_sealer_add(&sealer, buf_bytes(&content), NULL) == 0);
    CHECK(attachment_sealer_end(&sealer, ret_sealed, NULL) == 0);
    put_number(json, "size", files[i].size);
    put_hex(json, "key", bytes_of(ret_key, 32));
    put_hex(json, "sha256", bytes_of(ret_sealed->sha256, 32));
    put_number(json, "stream_size", ret_sealed->stream_len);
    put_hex(json, "root", bytes_of(ret_sealed->root, 32));
    json_object_set_new(json, "chunks", chunks);
    attachment_sealer_fini(&sealer);
    buf_fini(&content);
    return json;
}

/* Two readers, of which the second may open the first section alone; the files go with the second
 * section. */
static json_t *envelope_json(struct bytes section, const struct seal_attachment *attachments,
                             size_t count)
{
    static const char *const names[SECTIONS] = {"summary", "full"};
    struct maker maker;
    struct sealed sealed;
    json_t *json = json_object();
    maker_init(&maker, READERS, SECTIONS);
    for (size_t i = 0; i < SECTIONS; i++) maker.sections[i].name = names[i];
    maker.sections[1].plaintext = section;
    maker.recipients[1].sections = 1;
    CHECK(envelope_seal(&(struct seal_input){.head = &maker.head,
                                             .sections = maker.sections,
                                             .section_count = SECTIONS,
                                             .attachments = attachments,
                                             .attachment_count = count,
                                             .recipients = maker.recipients,
                                             .recipient_count = READERS,
                                             .identity_secret = maker.identity_secret,
                                             .entropy = maker.entropy},
                        &sealed, NULL) == 0);
    put_hex(json, "identity_public", bytes_of(maker.identity_public, 32));
    json_object_set_new(json, "unit", json_string(maker.recipients[0].unit));
    put_hex(json, "epoch_secret", bytes_of(maker.epoch_secrets[0], 32));
    put_hex(json, "payload", section);
    put_hex(json, "envelope", buf_bytes(&sealed.bytes));
    sealed_fini(&sealed);
    return json;
}

char *attachments_vectors(void)
{
    json_t *root = json_object(), *list = json_array();
    struct seal_attachment attachments[FILES];
    Leadbus__Payload__LeadFull full = LEADBUS__PAYLOAD__LEAD_FULL__INIT;
    struct buf section = {0};
    size_t count = 0;
    json_object_set_new(
        root, "about",
        json_string("Files as streams of encrypted chunks, and an envelope with two of them. Bytes "
                    "are hex. The n-th file's bytes are blocks SHA256(\"leadbus example\" || "
                    "u32(n) || u32(block)), cut at its size. Made by "
                    "tests/vectors/make_attachment.c, compared by unit.attachment_vectors, opened "
                    "and made again by tests/interop/attachment.py."));
    full.what = (char *)(uintptr_t) "two files";
    message_encode(&full.base, &section);
    for (uint32_t i = 0; i < FILES; i++) {
        uint8_t key[32];
        struct attachment_sealed sealed;
        json_array_append_new(list, file_json(i, key, &sealed));
        if (!files[i].carried) continue;
        Leadbus__Payload__Attachment one = LEADBUS__PAYLOAD__ATTACHMENT__INIT;
        one.key = (ProtobufCBinaryData){32, key};
        one.root = (ProtobufCBinaryData){32, sealed.root};
        one.size = sealed.size;
        one.name = (char *)(uintptr_t)files[i].name;
        one.media_type = (char *)(uintptr_t)files[i].media_type;
        one.sha256 = (ProtobufCBinaryData){32, sealed.sha256};
        one.confirmed = strncmp(files[i].media_type, "image/", 6) == 0;
        attached_append(&one, &section);
        attachments[count].section = 1;
        attachments[count].stream_len = sealed.stream_len;
        memcpy(attachments[count++].root, sealed.root, 32);
    }
    json_object_set_new(root, "files", list);
    json_object_set_new(root, "message", envelope_json(buf_bytes(&section), attachments, count));
    buf_fini(&section);
    char *dumped = json_dumps(root, JSON_INDENT(2));
    CHECK(dumped != NULL);
    json_decref(root);
    size_t len = strlen(dumped);
    char *grown = realloc(dumped, len + 2);
    CHECK(grown != NULL);
    memcpy(grown + len, "\n", 2);
    return grown;
}
