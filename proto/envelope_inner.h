/* envelope_inner: what envelope.c, envelope_seal.c and envelope_open.c share. Not for anyone else.
 */
#ifndef PROTO_ENVELOPE_INNER_H
#define PROTO_ENVELOPE_INNER_H

#include "proto/envelope.h"

enum {
    ENVELOPE_ID_LEN = 16,
    ENVELOPE_FINGERPRINT_LEN = 16,
    ENVELOPE_PLAIN_PREFIX_LEN = SUITE_HASH_LEN + 4, /* H, then the payload's length */
    ENVELOPE_WRAP_TAIL_LEN = 8 + SUITE_HASH_LEN,    /* pair sequence, previous H */
    ENVELOPE_WRAP_PLAIN_LEN_MAX = LIMIT_SECTION_COUNT_MAX * SUITE_KEY_LEN + ENVELOPE_WRAP_TAIL_LEN,
    ENVELOPE_INFO_LEN_MAX = 384,
};

/* An HKDF info: label, zero byte, length-prefixed fields. Sized for the longest names; CHECKed. */
struct envelope_info {
    uint8_t data[ENVELOPE_INFO_LEN_MAX];
    size_t len;
};
void envelope_info_init(struct envelope_info *info, const char *label);
void envelope_info_add(struct envelope_info *info, struct bytes field);
void envelope_info_add_u32(struct envelope_info *info, uint32_t value);
void envelope_info_add_u64(struct envelope_info *info, uint64_t value);
static inline struct bytes envelope_info_bytes(const struct envelope_info *info)
{
    return bytes_of(info->data, info->len);
}

/* Everything that a header's fields must be, whoever made it. */
int envelope_check_head(const Leadbus__Header *head, struct error *ret_error) MUST_USE;

/* What a manifest may say of attachments, whoever made it. */
int envelope_check_attachments(Leadbus__Attachment *const *attachments, size_t count,
                               size_t section_count, struct error *ret_error) MUST_USE;

/* The signed message; ret_message has room for ENVELOPE_SIGNED_LEN_MAX bytes. */
enum { ENVELOPE_SIGNED_LEN_MAX = 19 + 3 * SUITE_HASH_LEN + LIMIT_SECTION_COUNT_MAX * 32 };
struct bytes envelope_signed_message(const struct suite *suite, const uint8_t hash[SUITE_HASH_LEN],
                                     struct bytes wraps, const struct bytes *commits, size_t count,
                                     struct bytes manifest,
                                     uint8_t ret_message[ENVELOPE_SIGNED_LEN_MAX]);

/* Bytes of a wrap's plaintext tell nothing but its section count: 32 for each bit, then the tail.
 */
size_t envelope_wrap_len(uint32_t sections);

/* Length of a section's plaintext for a payload: the smallest bucket that holds it; 0 = none does.
 */
size_t envelope_bucket(size_t payload_len);
/* Whether a plaintext of this length can be one. */
bool envelope_bucket_valid(uint64_t len);

/* The keys that hang on KEK and H, and on a section key, salt, name and H. */
void envelope_wrap_key(const struct suite *suite, const uint8_t kek[SUITE_KEY_LEN],
                       const uint8_t hash[SUITE_HASH_LEN], uint8_t ret_key[SUITE_KEY_LEN]);
void envelope_rewrap_key(const struct suite *suite, const uint8_t kek[SUITE_KEY_LEN],
                         const uint8_t hash[SUITE_HASH_LEN], struct bytes salt,
                         uint8_t ret_key[SUITE_KEY_LEN]);
struct envelope_section_keys {
    uint8_t body[SUITE_KEY_LEN];
    uint8_t commit[SUITE_HASH_LEN];
};
void envelope_section_keys(const struct suite *suite, const uint8_t section_key[SUITE_KEY_LEN],
                           struct bytes salt, const char *name, const uint8_t hash[SUITE_HASH_LEN],
                           struct envelope_section_keys *ret);

static inline struct bytes envelope_binary(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

#endif
