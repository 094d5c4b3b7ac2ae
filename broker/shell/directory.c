#include "broker/shell/directory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct directory {
    atomic_uint holders;
    size_t count;
    const struct directory_entry **by_transport; /* sorted */
    struct directory_entry entries[];            /* sorted by serial */
};

static int compare_serial(const void *a, const void *b)
{
    uint64_t x = ((const struct directory_entry *)a)->serial;
    uint64_t y = ((const struct directory_entry *)b)->serial;
    return (x > y) - (x < y);
}

static int compare_transport(const void *a, const void *b)
{
    const struct directory_entry *x = *(const struct directory_entry *const *)a;
    const struct directory_entry *y = *(const struct directory_entry *const *)b;
    return memcmp(x->transport, y->transport, sizeof x->transport);
}

static struct directory *copy_bundle(const struct trust_bundle *bundle)
{
    size_t count = trust_certificate_count(bundle);
    struct directory *made =
        (struct directory *)calloc(1, sizeof *made + count * sizeof made->entries[0]);
    if (!made) return NULL;
    made->by_transport =
        (const struct directory_entry **)calloc(count ? count : 1, sizeof *made->by_transport);
    if (!made->by_transport) {
        free(made);
        return NULL;
    }
    atomic_init(&made->holders, 1);
    made->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct trust_certificate *certificate = trust_certificate_at(bundle, i);
        struct directory_entry *entry = &made->entries[i];
        snprintf(entry->unit, sizeof entry->unit, "%s", certificate->unit);
        entry->serial = certificate->serial;
        entry->not_before_ms = certificate->not_before_ms;
        entry->not_after_ms = certificate->not_after_ms;
        entry->revoked = certificate->revoked;
        memcpy(entry->identity, certificate->identity, sizeof entry->identity);
        memcpy(entry->transport, certificate->transport, sizeof entry->transport);
    }
    qsort(made->entries, count, sizeof made->entries[0], compare_serial);
    for (size_t i = 0; i < count; i++) made->by_transport[i] = &made->entries[i];
    qsort((void *)made->by_transport, count, sizeof *made->by_transport, compare_transport);
    return made;
}

void directory_box_init(struct directory_box *box)
{
    box->newest = NULL;
    CHECK(pthread_mutex_init(&box->mutex, NULL) == 0);
}

void directory_box_fini(struct directory_box *box)
{
    directory_put(box->newest);
    box->newest = NULL;
    pthread_mutex_destroy(&box->mutex);
}

int directory_box_publish(struct directory_box *box, const struct trust_bundle *bundle,
                          struct error *ret_error)
{
    struct directory *made = copy_bundle(bundle);
    if (!made) return error_set(ret_error, E_NO_MEMORY, NULL, "certificates of the bundle");
    pthread_mutex_lock(&box->mutex);
    struct directory *old = box->newest;
    box->newest = made;
    pthread_mutex_unlock(&box->mutex);
    directory_put(old);
    return 0;
}

const struct directory *directory_get(struct directory_box *box)
{
    pthread_mutex_lock(&box->mutex);
    struct directory *directory = box->newest;
    if (directory) atomic_fetch_add(&directory->holders, 1);
    pthread_mutex_unlock(&box->mutex);
    return directory;
}

void directory_put(const struct directory *directory)
{
    if (!directory) return;
    struct directory *held = (struct directory *)(uintptr_t)directory;
    if (atomic_fetch_sub(&held->holders, 1) != 1) return;
    free((void *)held->by_transport);
    free(held);
}

const struct directory_entry *directory_by_serial(const struct directory *directory,
                                                  uint64_t serial)
{
    struct directory_entry key = {.serial = serial};
    return (const struct directory_entry *)bsearch(&key, directory->entries, directory->count,
                                                   sizeof key, compare_serial);
}

const struct directory_entry *directory_by_transport(const struct directory *directory,
                                                     const uint8_t transport[32])
{
    struct directory_entry wanted;
    memcpy(wanted.transport, transport, sizeof wanted.transport);
    const struct directory_entry *key = &wanted;
    const struct directory_entry *const *found = (const struct directory_entry *const *)bsearch(
        (const void *)&key, (const void *)directory->by_transport, directory->count, sizeof key,
        compare_transport);
    return found ? *found : NULL;
}
