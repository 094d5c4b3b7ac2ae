/* arena: a bump allocator with a bound, for what is unpacked from a peer's bytes.
 *
 * A frame of a megabyte can describe an unpacked message many times its size. Unpacking into an
 * arena puts a cap on that: past it an allocation returns NULL, protobuf-c gives up and the frame
 * is refused like any other malformed one. Everything is freed at once and wiped, so plaintext does
 * not stay behind in freed memory.
 *
 * Pure; not thread-safe: one owner. */
#ifndef PROTO_BASE_ARENA_H
#define PROTO_BASE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t cap_bytes;
    size_t used_bytes; /* obtained for blocks so far, never above cap_bytes */
};

/* Room for cap_bytes in all; nothing is allocated yet. {0} is an arena that gives nothing. */
void arena_init(struct arena *arena, size_t cap_bytes);
/* Wipes and frees everything that was allocated. NULL accepted. The arena may be used again. */
void arena_fini(struct arena *arena);
/* Wipes everything that was allocated and keeps one block for what comes next. */
void arena_reset(struct arena *arena);

/* len bytes, aligned for any type, not zeroed; valid until reset or fini. NULL when the cap or the
 * machine's memory is reached: the caller refuses what it was unpacking. A len of 0 is a distinct
 * pointer. */
void *arena_alloc(struct arena *arena, size_t len);

/* The arena as protobuf-c takes it: pass its address to *__unpack and do not call *__free_unpacked,
 * the message dies with the arena. Borrows the arena. */
ProtobufCAllocator arena_allocator(struct arena *arena);

#endif
