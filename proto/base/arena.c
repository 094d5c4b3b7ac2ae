#include "proto/base/arena.h"

#include <sodium.h>
#include <stdlib.h>

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 262144, ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t len;
    size_t used;
    _Alignas(ALIGN) unsigned char data[];
};

void arena_init(struct arena *arena, size_t cap_bytes)
{
    *arena = (struct arena){.cap_bytes = cap_bytes};
}

void arena_fini(struct arena *arena)
{
    if (!arena) return;
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        sodium_memzero(block->data, block->used);
        free(block);
    }
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    if (!kept) return;
    arena->blocks = kept->next;
    arena_fini(arena);
    sodium_memzero(kept->data, kept->used);
    kept->used = 0;
    kept->next = NULL;
    arena->blocks = kept;
    arena->used_bytes = kept->len;
}

/* A block with room for len bytes, twice the last one's size where the cap allows it. */
static struct arena_block *add_block(struct arena *arena, size_t len)
{
    size_t left = arena->cap_bytes - arena->used_bytes;
    if (len > left) return NULL;
    size_t block_len = arena->blocks ? arena->blocks->len * 2 : BLOCK_BYTES_MIN;
    if (block_len > BLOCK_BYTES_MAX) block_len = BLOCK_BYTES_MAX;
    if (block_len < len) block_len = len;
    if (block_len > left) block_len = left;
    struct arena_block *block = malloc(sizeof *block + block_len);
    if (!block) return NULL;
    *block = (struct arena_block){.next = arena->blocks, .len = block_len};
    arena->blocks = block;
    arena->used_bytes += block_len;
    return block;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    if (len > arena->cap_bytes) return NULL;
    size_t taken = len ? (len + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    struct arena_block *block = arena->blocks;
    if (!block || block->len - block->used < taken) block = add_block(arena, taken);
    if (!block) return NULL;
    void *data = block->data + block->used;
    block->used += taken;
    return data;
}

static void *allocator_alloc(void *arena, size_t len)
{
    return arena_alloc(arena, len);
}

/* Freed with the arena, all at once. */
static void allocator_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

ProtobufCAllocator arena_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){allocator_alloc, allocator_free, arena};
}
