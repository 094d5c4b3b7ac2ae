/* trust_inner: what the files of trust share. Not for others. */
#ifndef CERTS_TRUST_TRUST_INNER_H
#define CERTS_TRUST_TRUST_INNER_H

#include "certs/trust/trust.h"
#include "certs/trust/trust_text.h"
#include "proto/base/arena.h"
#include "proto/base/map.h"

struct trust_part {
    const char *name;
    struct bytes content;
    uint8_t sha256[32];
};

struct trust_bundle {
    uint8_t *copy; /* the encoded bundle */
    size_t copy_len;
    struct arena arena; /* what was decoded from it, plan apart */
    struct trust_root root;
    struct trust_manifest manifest;
    struct bytes note;
    size_t part_count;
    struct trust_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    size_t certificate_count;
    struct trust_certificate *certificates; /* as in the directory */
    uint32_t *by_unit;                      /* indexes, by unit and then descending serial */
    struct map by_serial;                   /* serial -> index */
    struct map by_transport;                /* key -> index of the newest serial that has it */
    const Leadbus__Directory *directory;
    const Leadbus__Revocations *revocations;
    const Leadbus__Brokers *brokers;
    struct plan *plan;
};

static inline struct bytes trust_binary(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

/* Certificates, revocations, epoch keys and brokers of the decoded parts: trust_directory.c. */
int trust_directory_build(struct trust_bundle *bundle, struct error *ret_error) MUST_USE;

#endif
