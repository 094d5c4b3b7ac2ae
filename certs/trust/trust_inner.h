/* trust_inner: what the files of trust share. */
#ifndef CERTS_TRUST_TRUST_INNER_H
#define CERTS_TRUST_TRUST_INNER_H

#include "certs/trust/trust.h"
#include "certs/trust/trust_text.h"
#include "proto/note.h"

struct trust_part {
    const char *name;
    struct bytes content;
    uint8_t sha256[32];
};

struct trust_bundle {
    struct buf bytes; /* our copy: everything below borrows from it or from the arena */
    struct arena arena;
    const Leadbus__Bundle *message;
    struct trust_root root;
    struct note manifest;
    struct trust_manifest stated; /* what it says */
    size_t part_count;
    struct trust_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    size_t certificate_count;
    struct trust_certificate *certificates; /* ascending serials */
    const Leadbus__Directory *directory;
    uint64_t *epoch_serials; /* of the directory's epoch keys: the certificate that signed each */
    const Leadbus__Revocations *revocations;
    const Leadbus__Brokers *brokers;
    struct plan *plan;
};

/* Certificates, revocations and epoch keys of an opened manifest's parts. */
int trust_directory_read(struct trust_bundle *bundle, struct error *ret_error) MUST_USE;

/* As trust_signers, for a note that was parsed. */
int trust_root_verify(const struct trust_root *root, const struct note *note, unsigned threshold,
                      uint64_t *ret_mask, struct error *ret_error) MUST_USE;

#endif
