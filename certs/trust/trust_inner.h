/* trust_inner: what the files of trust share. */
#ifndef CERTS_TRUST_TRUST_INNER_H
#define CERTS_TRUST_TRUST_INNER_H

#include "certs/trust/trust.h"
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
    char bus[TRUST_BUS_LEN_MAX + 1];
    uint64_t version, issued_ms, expires_ms, hard_limit_ms, min_suite, revocation, root_version;
    uint8_t previous[32];
    size_t part_count;
    struct trust_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    size_t certificate_count;
    struct trust_certificate *certificates; /* ascending serials */
    const Leadbus__Directory *directory;
    const Leadbus__Brokers *brokers;
    struct plan *plan;
};

/* Certificates, revocations and epoch keys of an opened manifest's parts. */
int trust_directory_read(struct trust_bundle *bundle, const Leadbus__Revocations *revocations,
                         struct error *ret_error) MUST_USE;

/* The first two lines of a root's or manifest's text: its title, and the bus. */
int trust_text_bus(struct bytes *rest, const char *title, char ret_bus[TRUST_BUS_LEN_MAX + 1],
                   struct error *ret_error) MUST_USE;
/* One line "name NUMBER". */
int trust_text_u64(struct bytes *rest, const char *name, uint64_t *ret_value,
                   struct error *ret_error) MUST_USE;
/* Enough of the root's keys signed the note. */
int trust_root_verify(const struct trust_root *root, const struct note *note, unsigned threshold,
                      struct error *ret_error) MUST_USE;

#endif
