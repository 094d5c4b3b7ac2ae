/* directory: an immutable copy of the certificates of the bundle in force, for the threads beside
 * the core: the verify pool asks for identity keys, the connection handler for transport keys. What
 * a certificate may do is decided in the core; here is only whether a key is known.
 *
 * directory_box hands out the newest copy; a copy lives until its last holder puts it back.
 * Thread-safe. */
#ifndef BROKER_SHELL_DIRECTORY_H
#define BROKER_SHELL_DIRECTORY_H

#include <pthread.h>
#include <stdint.h>

#include "certs/trust/trust.h"
#include "proto/base/limits.h"

struct directory_entry {
    char unit[LIMIT_SLUG_LEN_MAX + 1];
    uint64_t serial;
    uint64_t not_before_ms, not_after_ms;
    bool revoked;
    uint8_t identity[32], transport[32];
};

struct directory;

struct directory_box {
    pthread_mutex_t mutex;
    struct directory *newest; /* NULL: still loading */
};

void directory_box_init(struct directory_box *box);
/* Every holder has put back. */
void directory_box_fini(struct directory_box *box);
/* Copies the bundle's certificates and makes the copy the newest. E_NO_MEMORY. */
int directory_box_publish(struct directory_box *box, const struct trust_bundle *bundle,
                          struct error *ret_error) MUST_USE;
/* NULL: none yet. Otherwise to be given back with directory_put. */
const struct directory *directory_get(struct directory_box *box);
void directory_put(const struct directory *directory);

/* Borrowed from the directory; NULL: unknown. */
const struct directory_entry *directory_by_serial(const struct directory *directory,
                                                  uint64_t serial);
const struct directory_entry *directory_by_transport(const struct directory *directory,
                                                     const uint8_t transport[32]);

#endif
