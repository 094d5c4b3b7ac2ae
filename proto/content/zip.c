#include "proto/content/zip.h"

#include <stdlib.h>
#include <string.h>

#include "proto/content/inflate.h"

enum {
    END_LEN = 22,
    COMMENT_LEN_MAX = 65535,
    CENTRAL_LEN = 46,
    LOCAL_LEN = 30,
    FLAG_ENCRYPTED = 1,
    FLAG_DESCRIPTOR = 8,
    FLAG_STRONG = 64,
    FLAG_MASKED = 8192,
    METHOD_STORED = 0,
    METHOD_DEFLATE = 8,
    METHOD_AES = 99,
};

/* zip is little endian. */
static uint16_t le16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)le16(at) | (uint32_t)le16(at + 2) << 16;
}

struct directory {
    struct bytes rest; /* of the central directory */
    size_t count;
    size_t start; /* of the central directory: files end before it */
};

static enum refusal directory_find(struct bytes data, struct directory *ret_directory)
{
    if (data.len < END_LEN) return REFUSAL_ZIP_DAMAGED;
    size_t at = data.len - END_LEN;
    size_t lowest = at > COMMENT_LEN_MAX ? at - COMMENT_LEN_MAX : 0;
    while (memcmp(data.data + at, "PK\005\006", 4) != 0 ||
           at + END_LEN + le16(data.data + at + 20) != data.len) {
        if (at == lowest) return REFUSAL_ZIP_DAMAGED;
        at--;
    }
    const uint8_t *end = data.data + at;
    uint32_t len = le32(end + 12);
    uint32_t start = le32(end + 16);
    if (le16(end + 10) == 0xffff || len == UINT32_MAX || start == UINT32_MAX)
        return REFUSAL_ZIP_LARGE;
    if (le16(end + 4) || le16(end + 6) || le16(end + 8) != le16(end + 10)) return REFUSAL_ZIP_LARGE;
    if (start > at || len != at - start) return REFUSAL_ZIP_DAMAGED;
    *ret_directory = (struct directory){bytes_of(data.data + start, len), le16(end + 10), start};
    return REFUSAL_NONE;
}

/* The next row of the directory as raw bytes; its name follows the fixed part. */
static enum refusal directory_next(struct directory *directory, const uint8_t **ret_row,
                                   struct bytes *ret_name)
{
    const uint8_t *row = directory->rest.data;
    if (directory->rest.len < CENTRAL_LEN || memcmp(row, "PK\001\002", 4) != 0)
        return REFUSAL_ZIP_DAMAGED;
    size_t name_len = le16(row + 28);
    size_t len = CENTRAL_LEN + name_len + le16(row + 30) + le16(row + 32);
    if (len > directory->rest.len) return REFUSAL_ZIP_DAMAGED;
    directory->rest.data += len;
    directory->rest.len -= len;
    *ret_row = row;
    *ret_name = bytes_of(row + CENTRAL_LEN, name_len);
    return REFUSAL_NONE;
}

struct span {
    size_t from;
    size_t to;
};

/* The file that a row names, against the header in front of its data. */
static enum refusal entry_of(struct bytes data, const struct directory *directory,
                             const uint8_t *row, struct bytes name, struct zip_entry *ret_entry,
                             struct span *ret_span)
{
    uint16_t flags = le16(row + 8);
    uint16_t method = le16(row + 10);
    size_t packed_len = le32(row + 20);
    size_t at = le32(row + 42);
    if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) || method == METHOD_AES)
        return REFUSAL_ENCRYPTED;
    if (at > directory->start || directory->start - at < LOCAL_LEN) return REFUSAL_ZIP_DAMAGED;
    const uint8_t *local = data.data + at;
    if (memcmp(local, "PK\003\004", 4) != 0) return REFUSAL_ZIP_DAMAGED;
    size_t head = LOCAL_LEN + (size_t)le16(local + 26) + le16(local + 28);
    size_t room = directory->start - at;
    if (head > room || packed_len > room - head) return REFUSAL_ZIP_DAMAGED;
    struct bytes local_name = bytes_of(local + LOCAL_LEN, le16(local + 26));
    if (!bytes_equal(name, local_name) || le16(local + 8) != method) return REFUSAL_ZIP_DAMAGED;
    bool later = (le16(local + 6) & FLAG_DESCRIPTOR) != 0;
    if (!later && (le32(local + 14) != le32(row + 16) || le32(local + 18) != packed_len ||
                   le32(local + 22) != le32(row + 24)))
        return REFUSAL_ZIP_DAMAGED;
    if (method == METHOD_STORED && packed_len != le32(row + 24)) return REFUSAL_ZIP_DAMAGED;
    *ret_entry = (struct zip_entry){name, bytes_of(local + head, packed_len), method,
                                    le32(row + 16), le32(row + 24)};
    *ret_span = (struct span){at, at + head + packed_len};
    return REFUSAL_NONE;
}

static int by_place(const void *a, const void *b)
{
    const struct span *left = (const struct span *)a;
    const struct span *right = (const struct span *)b;
    return left->from < right->from ? -1 : left->from > right->from;
}

static bool overlap(struct span *spans, size_t count)
{
    if (count) qsort(spans, count, sizeof *spans, by_place);
    for (size_t i = 1; i < count; i++)
        if (spans[i].from < spans[i - 1].to) return true;
    return false;
}

enum refusal zip_open(struct bytes data, size_t count_max, struct arena *arena, struct zip *ret_zip)
{
    struct directory directory;
    enum refusal refusal = directory_find(data, &directory);
    if (refusal) return refusal;
    if (directory.count > count_max) return REFUSAL_ZIP_MANY;
    struct zip zip = {.data = data};
    zip.entries = arena_alloc(arena, (directory.count + 1) * sizeof *zip.entries);
    struct span *spans = arena_alloc(arena, (directory.count + 1) * sizeof *spans);
    if (!zip.entries || !spans) return REFUSAL_NO_ROOM;
    for (size_t i = 0; i < directory.count; i++) {
        const uint8_t *row = NULL;
        struct bytes name = {0};
        struct zip_entry entry;
        refusal = directory_next(&directory, &row, &name);
        if (!refusal) refusal = entry_of(data, &directory, row, name, &entry, &spans[i]);
        if (refusal) return refusal;
        bool folder = name.len && name.data[name.len - 1] == '/';
        if (folder && entry.len) return REFUSAL_ZIP_DAMAGED;
        if (!folder) zip.entries[zip.count++] = entry;
    }
    if (directory.rest.len || overlap(spans, directory.count)) return REFUSAL_ZIP_DAMAGED;
    *ret_zip = zip;
    return REFUSAL_NONE;
}

enum refusal zip_read(const struct zip_entry *entry, size_t len_max, struct arena *arena,
                      struct bytes *ret_data)
{
    if (entry->len > len_max) return REFUSAL_NO_ROOM;
    struct bytes found = entry->packed;
    if (entry->method == METHOD_DEFLATE) {
        uint8_t *data = arena_alloc(arena, entry->len);
        if (!data) return REFUSAL_NO_ROOM;
        switch (inflate_exact(entry->packed, data, entry->len)) {
        case INFLATE_FINE: break;
        case INFLATE_TOO_LARGE: return REFUSAL_ZIP_LIES;
        case INFLATE_DAMAGED: return REFUSAL_ZIP_DAMAGED;
        case INFLATE_NO_MEMORY: return REFUSAL_NO_MEMORY;
        }
        found = bytes_of(data, entry->len);
    } else if (entry->method != METHOD_STORED) {
        return REFUSAL_ZIP_METHOD;
    }
    if (inflate_crc32(found) != entry->crc) return REFUSAL_ZIP_DAMAGED;
    *ret_data = found;
    return REFUSAL_NONE;
}

bool zip_named(const struct zip_entry *entry, const char *name)
{
    return bytes_equal(entry->name, bytes_of_str(name));
}

bool zip_has(struct bytes data, const char *name)
{
    struct directory directory;
    if (directory_find(data, &directory)) return false;
    for (size_t i = 0; i < directory.count; i++) {
        const uint8_t *row = NULL;
        struct bytes found = {0};
        if (directory_next(&directory, &row, &found)) return false;
        if (bytes_equal(found, bytes_of_str(name))) return true;
    }
    return false;
}
