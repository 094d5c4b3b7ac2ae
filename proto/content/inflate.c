#include "proto/content/inflate.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/base/check.h"

enum { FIRST_BYTES = 16384, ALIGN = 16 };

static void *take(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    size_t len = (size_t)count * size;
    unsigned char *memory = malloc(len + ALIGN);
    if (!memory) return NULL;
    memcpy(memory, &len, sizeof len);
    return memory + ALIGN;
}

static void give_back(void *opaque, void *memory)
{
    (void)opaque;
    size_t len = 0;
    unsigned char *start = (unsigned char *)memory - ALIGN;
    memcpy(&len, start, sizeof len);
    sodium_memzero(memory, len);
    free(start);
}

static bool begin(z_stream *stream, struct bytes packed, int window_bits)
{
    *stream = (z_stream){.zalloc = take, .zfree = give_back};
    if (packed.len > UINT32_MAX || inflateInit2(stream, window_bits) != Z_OK) return false;
    /* zlib's interface is older than const and reads only */
    stream->next_in = (Bytef *)(uintptr_t)packed.data;
    stream->avail_in = (uInt)packed.len;
    return true;
}

enum inflate_verdict inflate_exact(struct bytes packed, uint8_t *ret_data, size_t len)
{
    z_stream stream;
    uint8_t beyond = 0;
    CHECK(len <= UINT32_MAX);
    if (!begin(&stream, packed, -MAX_WBITS)) return INFLATE_NO_MEMORY;
    stream.next_out = len ? ret_data : &beyond;
    stream.avail_out = (uInt)len;
    int status = inflate(&stream, Z_FINISH);
    bool full = stream.avail_out == 0;
    bool more = false;
    if (status != Z_STREAM_END && full) {
        stream.next_out = &beyond;
        stream.avail_out = 1;
        status = inflate(&stream, Z_FINISH);
        more = stream.avail_out == 0;
    }
    inflateEnd(&stream);
    if (status == Z_MEM_ERROR) return INFLATE_NO_MEMORY;
    if (more) return INFLATE_TOO_LARGE;
    return status == Z_STREAM_END && full ? INFLATE_FINE : INFLATE_DAMAGED;
}

/* Twice the room; what was there is copied and stays in the arena, which wipes it. */
static uint8_t *grown(struct arena *arena, const uint8_t *data, size_t len, size_t cap)
{
    uint8_t *larger = arena_alloc(arena, cap);
    if (larger && len) memcpy(larger, data, len);
    return larger;
}

enum inflate_verdict inflate_growing(struct bytes packed, size_t len_max, struct arena *arena,
                                     struct bytes *ret_data)
{
    z_stream stream;
    uint8_t *data = NULL;
    size_t len = 0;
    size_t cap = 0;
    int status = Z_OK;
    if (!begin(&stream, packed, MAX_WBITS)) return INFLATE_NO_MEMORY;
    while (status == Z_OK) {
        if (len == cap) {
            if (cap == len_max) break;
            cap = cap ? cap * 2 : FIRST_BYTES;
            if (cap > len_max) cap = len_max;
            data = grown(arena, data, len, cap);
            if (!data) break;
        }
        stream.next_out = data + len;
        stream.avail_out = (uInt)(cap - len);
        status = inflate(&stream, Z_NO_FLUSH);
        len = cap - stream.avail_out;
    }
    inflateEnd(&stream);
    if (!data || status == Z_MEM_ERROR) return INFLATE_NO_MEMORY;
    if (status == Z_OK) return INFLATE_TOO_LARGE;
    if (status != Z_STREAM_END && !len) return INFLATE_DAMAGED;
    *ret_data = bytes_of(data, len);
    return INFLATE_FINE;
}

uint32_t inflate_crc32(struct bytes data)
{
    CHECK(data.len <= UINT32_MAX);
    return (uint32_t)crc32(crc32(0, NULL, 0), data.data, (uInt)data.len);
}
