/* arena: the cap holds against hostile messages, alignment, reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/schema/envelope.pb-c.h"

static void nothing_is_given_beyond_the_cap(void **state)
{
    (void)state;
    static const size_t caps[] = {0, 1, 15, 16, 17, 4096, 100000};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        struct arena arena;
        arena_init(&arena, caps[i]);
        size_t given = 0;
        while (arena_alloc(&arena, 16)) given += 16;
        assert_true(given <= caps[i]);
        assert_true(given + 16 > caps[i]);
        assert_true(arena.used_bytes <= caps[i]);
        assert_null(arena_alloc(&arena, caps[i] + 1));
        assert_null(arena_alloc(&arena, SIZE_MAX));
        assert_null(arena_alloc(&arena, SIZE_MAX - 15));
        arena_fini(&arena);
    }
}

static void pieces_are_aligned_distinct_and_writable(void **state)
{
    (void)state;
    enum { PIECES = 400 };
    uint8_t *pieces[PIECES];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(&arena, i * 3);
        assert_non_null(pieces[i]);
        assert_true((uintptr_t)pieces[i] % 16 == 0);
        memset(pieces[i], (int)(i & 0xff), i * 3);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < i * 3; k++) assert_int_equal(pieces[i][k], i & 0xff);
    assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
    arena_fini(&arena);
}

static void reset_wipes_and_gives_the_room_back(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    for (int round = 0; round < 1000; round++) {
        uint8_t *piece = arena_alloc(&arena, 4000);
        assert_non_null(piece);
        assert_null(arena_alloc(&arena, 4000));
        if (round > 0) /* the same block, wiped */
            for (size_t i = 0; i < 4000; i++) assert_int_equal(piece[i], 0);
        memset(piece, 0xee, 4000);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    arena_reset(&arena);
    arena_fini(&arena);
    arena_fini(NULL);
}

/* An envelope of `count` empty sections: two bytes each on the wire, some sixty in memory. */
static void pack_hostile_envelope(size_t count, struct buf *ret_packed)
{
    for (size_t i = 0; i < count; i++) buf_append(ret_packed, "\x1a\x00", 2);
}

static void a_hostile_message_is_refused_at_the_cap(void **state)
{
    (void)state;
    struct buf packed = {0};
    pack_hostile_envelope(500000, &packed); /* a megabyte */
    struct arena arena;
    arena_init(&arena, 2 << 20);
    ProtobufCAllocator allocator = arena_allocator(&arena);
    assert_null(leadbus__envelope__unpack(&allocator, packed.len, packed.data));
    assert_true(arena.used_bytes <= 2 << 20);
    arena_fini(&arena);
    buf_fini(&packed);
}

static void unpacking_fails_cleanly_at_every_cap_until_it_fits(void **state)
{
    (void)state;
    struct buf packed = {0};
    buf_append(&packed, "\x0a\x05hello\x12\x03wra\x22\x02mm\x2a\x02ss", 20);
    pack_hostile_envelope(7, &packed);
    bool fitted = false;
    size_t cap = 0;
    for (; !fitted && cap < 65536; cap += 16) {
        struct arena arena;
        arena_init(&arena, cap);
        ProtobufCAllocator allocator = arena_allocator(&arena);
        Leadbus__Envelope *envelope =
            leadbus__envelope__unpack(&allocator, packed.len, packed.data);
        fitted = envelope != NULL;
        if (fitted) {
            assert_int_equal(envelope->n_sections, 7);
            assert_int_equal(envelope->header.len, 5);
            assert_memory_equal(envelope->header.data, "hello", 5);
        }
        arena_fini(&arena);
    }
    assert_true(fitted);
    assert_true(cap > 200); /* it failed at many caps before */
    buf_fini(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_given_beyond_the_cap),
        cmocka_unit_test(pieces_are_aligned_distinct_and_writable),
        cmocka_unit_test(reset_wipes_and_gives_the_room_back),
        cmocka_unit_test(a_hostile_message_is_refused_at_the_cap),
        cmocka_unit_test(unpacking_fails_cleanly_at_every_cap_until_it_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
