/* zip: the files of an archive, read by its central directory and by nothing that it cannot prove.
 *
 * Strict where readers differ: names, sizes and offsets of the directory must be those in front of
 * the data, files do not overlap, nothing is encrypted, methods are "stored" and DEFLATE, no ZIP64,
 * one disk. So a quine, a bomb of overlapping files, or a file that two programs would read
 * differently is refused. Every unpacked file has the size and the CRC that its entry says. Pure;
 * thread-safe. */
#ifndef PROTO_CONTENT_ZIP_H
#define PROTO_CONTENT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/content/refusal.h"

struct zip_entry {
    struct bytes name; /* borrowed from the archive; any bytes */
    struct bytes packed;
    uint16_t method;
    uint32_t crc;
    uint32_t len; /* unpacked */
};

struct zip {
    struct bytes data;
    struct zip_entry *entries;
    size_t count;
};

/* The directory, into memory of the arena. REFUSAL_NONE, or why not, and ret_zip
 * untouched. Files are at most count_max; folders (names that end in '/') are left out. */
enum refusal zip_open(struct bytes data, size_t count_max, struct arena *arena,
                      struct zip *ret_zip);

/* One file, into memory of the arena or borrowed from the archive. Verdicts as above. */
enum refusal zip_read(const struct zip_entry *entry, size_t len_max, struct arena *arena,
                      struct bytes *ret_data);

bool zip_named(const struct zip_entry *entry, const char *name);
/* Whether the archive's directory has a file of this name; false when it cannot be read. */
bool zip_has(struct bytes data, const char *name);

#endif
