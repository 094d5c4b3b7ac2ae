/* bytes and utf8: hex, base64, ids, slugs, the growing buffer and characters, hostile inputs first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/base/utf8.h"

static void hex_refuses_wrong_length_and_foreign_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {{"", 1},
                {"0", 1},
                {"000", 1},
                {"0000", 1},
                {"0g", 1},
                {"g0", 1},
                {" 0", 1},
                {"0x", 1},
                {"0/", 1},
                {"0:", 1},
                {"0@", 1},
                {"0`", 1},
                {"\xff"
                 "0",
                 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t data[2] = {0xa5, 0xa5};
        struct error error = {0};
        int code = hex_decode(rows[i].text, strlen(rows[i].text), data, rows[i].len, &error);
        assert_int_equal(code, E_BAD_FORM);
        assert_int_equal(error.code, E_BAD_FORM);
        assert_int_equal(data[0], 0xa5); /* untouched on failure */
        assert_int_equal(data[1], 0xa5);
    }
}

static void hex_round_trips_every_byte(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
    hex_encode(bytes_of(all, sizeof all), text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102030405060708090a0b", 24);
    assert_int_equal(hex_decode(text, 512, back, 256, NULL), 0);
    assert_memory_equal(all, back, 256);
    assert_int_equal(hex_decode("aBCdEf", 6, back, 3, NULL), 0);
    assert_memory_equal(back, "\xab\xcd\xef", 3);
    assert_int_equal(hex_decode("", 0, back, 0, NULL), 0);
}

static void base64_refuses_what_is_not_canonical(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "A",    "AA",   "AAA",  "A===", "====",  "=AAA",     "AA=A",     "AB==",
        "AAB=", "AA-A", "AA_A", "AA A", "AAA\n", "AA==AAAA", "AAA=AAAA", "\xff\xff\xff\xff",
        "AA\0A"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = {0};
        buf_append_str(&out, "kept");
        size_t len = i + 1 == sizeof rows / sizeof rows[0] ? 4 : strlen(rows[i]);
        assert_int_equal(base64_decode(rows[i], len, &out, NULL), E_BAD_FORM);
        assert_int_equal(out.len, 4); /* untouched on failure */
        assert_memory_equal(out.data, "kept", 4);
        buf_fini(&out);
    }
}

static void base64_equals_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text = {0}, back = {0};
        base64_append(&text, bytes_of_str(rows[i][0]));
        assert_true(bytes_equal(buf_bytes(&text), bytes_of_str(rows[i][1])));
        assert_int_equal(base64_decode(rows[i][1], strlen(rows[i][1]), &back, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&back), bytes_of_str(rows[i][0])));
        buf_fini(&text);
        buf_fini(&back);
    }
}

static void base64_round_trips_every_length_and_byte(void **state)
{
    (void)state;
    uint8_t data[256];
    for (int i = 0; i < 256; i++) data[i] = (uint8_t)(i * 167 + 13);
    for (size_t len = 0; len <= sizeof data; len++) {
        struct buf text = {0}, back = {0};
        base64_append(&text, bytes_of(data, len));
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(base64_decode((const char *)text.data, text.len, &back, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&back), bytes_of(data, len)));
        buf_fini(&text);
        buf_fini(&back);
    }
}

static void an_id_is_refused_unless_canonical(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "00112233-4455-6677-8899-aabbccddeef",
                                       "00112233-4455-6677-8899-aabbccddeeff0",
                                       "001122334-455-6677-8899-aabbccddeeff",
                                       "00112233-4455-6677-8899-aabbccddee-f",
                                       "00112233 4455 6677 8899 aabbccddeeff",
                                       "0011223g-4455-6677-8899-aabbccddeeff",
                                       "------------------------------------"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t id[16];
        memset(id, 0xa5, sizeof id);
        assert_int_equal(uuid_parse_text(rows[i], id, NULL), E_BAD_FORM);
        for (size_t k = 0; k < 16; k++) assert_int_equal(id[k], 0xa5);
    }
}

static void an_id_round_trips(void **state)
{
    (void)state;
    uint8_t id[16];
    char text[37];
    const char *given = "00112233-4455-6677-8899-aabbccddeeff";
    assert_int_equal(uuid_parse_text(given, id, NULL), 0);
    assert_int_equal(id[0], 0x00);
    assert_int_equal(id[4], 0x44);
    assert_int_equal(id[15], 0xff);
    uuid_text(id, text);
    assert_string_equal(text, given);
}

static void a_slug_has_a_closed_alphabet_and_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  ".a",  "-a",  "A",     "a_b",      "a b",
                                      "é", "a/b", "a\n", "a\x80", "police:x", "a%"};
    static const char *const good[] = {
        "a", "0", "a.b", "a-b", "a.", "anomaly.marriage", "police-hedong"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(slug_valid(bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_true(slug_valid(good[i]));
    char text[LIMIT_SLUG_LEN_MAX + 2];
    memset(text, 'a', sizeof text);
    text[LIMIT_SLUG_LEN_MAX + 1] = '\0';
    assert_false(slug_valid(text));
    text[LIMIT_SLUG_LEN_MAX] = '\0';
    assert_true(slug_valid(text));
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_append_u8(&buf, 0x01);
    buf_append_u16(&buf, 0x0203);
    buf_append_u32(&buf, 0x04050607);
    buf_append_u64(&buf, 0x08090a0b0c0d0e0fu);
    assert_int_equal(buf.len, 15);
    for (size_t i = 0; i < 15; i++) assert_int_equal(buf.data[i], i + 1);
    assert_int_equal(load_u16(buf.data + 1), 0x0203);
    assert_int_equal(load_u32(buf.data + 3), 0x04050607);
    assert_true(load_u64(buf.data + 7) == 0x08090a0b0c0d0e0fu);
    static const uint8_t high[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
    assert_true(load_u64(high) == UINT64_MAX - 1);
    assert_true(load_u32(high) == UINT32_MAX);
    assert_true(load_u16(high) == UINT16_MAX);
    buf_fini(&buf);
}

static void a_buffer_keeps_what_was_appended_while_it_grows(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (unsigned i = 0; i < 10000; i++) buf_append_u16(&buf, (uint16_t)i);
    assert_int_equal(buf.len, 20000);
    for (unsigned i = 0; i < 10000; i++) assert_int_equal(load_u16(buf.data + 2 * i), i);
    size_t cap = buf.cap;
    buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, cap);
    buf_printf(&buf, "%s-%d", "lead", 7);
    buf_append_str(&buf, "!");
    assert_true(bytes_equal(buf_bytes(&buf), bytes_of_str("lead-7!")));
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 7);
    buf_fini(&buf);
    assert_null(buf.data);
    buf_fini(&buf);
    buf_fini(NULL);
}

static void a_prefixed_field_carries_its_length(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_append_prefixed(&buf, bytes_of_str("abc"));
    buf_append_prefixed(&buf, bytes_of(NULL, 0));
    assert_true(bytes_equal(buf_bytes(&buf), bytes_of("\0\3abc\0\0", 7)));
    buf_fini(&buf);
}

static void views_are_equal_by_content(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of("x", 0)));
    assert_true(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("ab", 1)));
}

/* Of all sequences of three bytes and less, and of those of four that begin at an edge, exactly as
 * many are characters as Unicode has: each in one spelling. */
static void utf8_has_one_spelling_for_each_character(void **state)
{
    (void)state;
    size_t counts[5] = {0};
    uint8_t text[4];
    uint32_t character, last = 0;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        text[0] = (uint8_t)(i >> 16);
        text[1] = (uint8_t)(i >> 8);
        text[2] = (uint8_t)i;
        size_t len = utf8_next(bytes_of(text, 3), &character);
        assert_true(len <= 3);
        if (len == 3) {
            assert_true(character > last && character <= 0xffff);
            last = character;
        }
        if (len == 3 || (len == 2 && text[2] == 0) || (len == 1 && text[1] == 0 && text[2] == 0))
            counts[len]++;
    }
    assert_int_equal(counts[1], 0x80);
    assert_int_equal(counts[2], 0x800 - 0x80);
    assert_int_equal(counts[3], 0x10000 - 0x800 - 0x800); /* surrogates are none */
    static const struct {
        const char *text;
        size_t len;
        uint32_t character;
    } rows[] = {{"\xf0\x8f\xbf\xbf", 0, 0},        {"\xf0\x90\x80\x80", 4, 0x10000},
                {"\xf4\x8f\xbf\xbf", 4, 0x10ffff}, {"\xf4\x90\x80\x80", 0, 0},
                {"\xf5\x80\x80\x80", 0, 0},        {"\xff\xff\xff\xff", 0, 0},
                {"\xf0\x9f\x98\x80", 4, 0x1f600},  {"\xf0\x9f\x98\xc0", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        character = 7;
        assert_int_equal(utf8_next(bytes_of(rows[i].text, 4), &character), rows[i].len);
        assert_int_equal(character, rows[i].len ? rows[i].character : 7);
        assert_int_equal(utf8_next(bytes_of(rows[i].text, 3), &character), 0); /* cut */
    }
    assert_int_equal(utf8_next(bytes_of(NULL, 0), &character), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_refuses_wrong_length_and_foreign_characters),
        cmocka_unit_test(hex_round_trips_every_byte),
        cmocka_unit_test(base64_refuses_what_is_not_canonical),
        cmocka_unit_test(base64_equals_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_round_trips_every_length_and_byte),
        cmocka_unit_test(an_id_is_refused_unless_canonical),
        cmocka_unit_test(an_id_round_trips),
        cmocka_unit_test(a_slug_has_a_closed_alphabet_and_length),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_buffer_keeps_what_was_appended_while_it_grows),
        cmocka_unit_test(a_prefixed_field_carries_its_length),
        cmocka_unit_test(views_are_equal_by_content),
        cmocka_unit_test(utf8_has_one_spelling_for_each_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
