#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/note.h"

/* The example of the published specification (signed-note, section "Verifier keys"). */
static const char spec_vkey[] =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char spec_note[] = "This is an example message.\n\n\xe2\x80\x94 example.com/foo "
                                "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOB"
                                "H3mFXmRKuwHjG1Yu72IneyaQM=\n";

struct signer {
    uint8_t secret[64];
    uint8_t public_key[32];
};

static struct signer signer_of(uint8_t seed_byte)
{
    struct signer signer;
    uint8_t seed[32];
    memset(seed, seed_byte, 32);
    crypto_sign_seed_keypair(signer.public_key, signer.secret, seed);
    return signer;
}

static struct note_key key_of(uint8_t seed_byte, const char *name, enum note_key_type type)
{
    struct note_key key;
    struct signer signer = signer_of(seed_byte);
    assert_int_equal(note_key_init(&key, name, type, signer.public_key, NULL), 0);
    return key;
}

static void begin(struct buf *buf, const char *text)
{
    assert_int_equal(note_begin(buf, bytes_of_str(text), NULL), 0);
}

static void sign(struct buf *buf, uint8_t seed_byte, const char *name)
{
    struct signer signer = signer_of(seed_byte);
    assert_int_equal(note_append_signature(buf, name, signer.secret, NULL), 0);
}

static int parse_text(const char *text)
{
    struct note note;
    return note_parse(bytes_of_str(text), &note, NULL);
}

static void the_published_example_verifies(void **state)
{
    struct note_key key;
    struct note note;
    uint64_t mask = 0;
    struct buf again = {0};
    (void)state;
    assert_int_equal(note_key_parse(bytes_of_str(spec_vkey), &key, NULL), 0);
    assert_string_equal(key.name, "example.com/foo");
    note_key_format(&key, &again);
    assert_true(bytes_equal(buf_bytes(&again), bytes_of_str(spec_vkey)));
    assert_int_equal(note_parse(bytes_of_str(spec_note), &note, NULL), 0);
    assert_int_equal(note.signature_count, 1);
    assert_int_equal(note_verify(&note, &key, 1, 1, &mask, NULL), 0);
    assert_int_equal(mask, 1);
    buf_fini(&again);
}

static void every_changed_byte_of_the_text_or_signature_is_refused(void **state)
{
    struct note_key key;
    size_t len = strlen(spec_note);
    char *copy = malloc(len);
    size_t verified = 0;
    (void)state;
    assert_non_null(copy);
    assert_int_equal(note_key_parse(bytes_of_str(spec_vkey), &key, NULL), 0);
    for (size_t i = 0; i < len * 8; i++) {
        struct note note;
        memcpy(copy, spec_note, len);
        copy[i / 8] = (char)(copy[i / 8] ^ (1 << i % 8));
        if (note_parse(bytes_of(copy, len), &note, NULL) < 0) continue;
        verified += note_verify(&note, &key, 1, 1, NULL, NULL) == 0;
    }
    assert_int_equal(verified, 0);
    /* Every truncation, from a block of exactly that size so that the sanitizer sees over-reads. */
    for (size_t cut = 0; cut < len; cut++) {
        struct note note;
        char *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, spec_note, cut);
        assert_int_equal(note_parse(bytes_of(exact, cut), &note, NULL), E_NOTE_INVALID);
        free(exact);
    }
    free(copy);
}

static void malformed_notes_are_refused(void **state)
{
#define LINE "\xe2\x80\x94 a AAAAAAA=\n"
    static const char *const bad[] = {
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n" LINE,
        "text" LINE,
        "text\n\n\xe2\x80\x94 a AAAAAAA=", /* no last newline */
        "text\r\n\r\n" LINE,
        "text\n\n\xe2\x80\x94 a AAAAAAA=\r\n",
        "text\n\n" LINE "\n",
        "text\n\n" LINE "more\n",
        "text\n\n" LINE "\n" LINE "x",
        "text\n\n- a AAAAAAA=\n", /* a hyphen */
        "text\n\n\xe2\x80\x94"
        "a AAAAAAA=\n", /* no space */
        "text\n\n\xe2\x80\x94 a\n",
        "text\n\n\xe2\x80\x94 a \n",
        "text\n\n\xe2\x80\x94  AAAAAAA=\n", /* no name */
        "text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        "text\n\n\xe2\x80\x94 a\xc2\xa0"
        "b AAAAAAA=\n", /* no-break space */
        "text\n\n\xe2\x80\x94 a\xe3\x80\x80"
        "b AAAAAAA=\n", /* ideographic space */
        "text\n\n\xe2\x80\x94 a\xe2\x80\x83"
        "b AAAAAAA=\n",                      /* em space */
        "text\n\n\xe2\x80\x94 a AAAAAA==\n", /* only a key id */
        "text\n\n\xe2\x80\x94 a AAAAAAA\n",  /* no padding */
        "text\n\n\xe2\x80\x94 a AAAAAAB=\n", /* trailing bits set */
        "text\n\n\xe2\x80\x94 a AAAAAA-_\n", /* the URL alphabet */
        "text\n\n\xe2\x80\x94 a AAAAAAA= \n",
        "text\n\n\xe2\x80\x94 a AAAAAAA= AAAAAAA=\n",
        "te\txt\n\n" LINE,
        "te\x1bxt\n\n" LINE,
        "te\xffxt\n\n" LINE,
        "te\xc0\x80xt\n\n" LINE,         /* overlong */
        "te\xe0\x9f\xbfxt\n\n" LINE,     /* overlong */
        "te\xf0\x8f\xbf\xbfxt\n\n" LINE, /* overlong */
        "te\xed\xa0\x80xt\n\n" LINE,     /* a surrogate */
        "te\xf4\x90\x80\x80xt\n\n" LINE, /* beyond Unicode */
        "te\xe4\xb8\n\n" LINE,           /* cut */
    };
    (void)state;
    assert_int_equal(parse_text("text\n\n" LINE), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse_text(bad[i]) != E_NOTE_INVALID) fail_msg("number %zu was not refused", i);
    static const char zero[] = "te\0xt\n\n" LINE;
    struct note note;
    assert_int_equal(note_parse(bytes_of(zero, sizeof zero - 1), &note, NULL), E_NOTE_INVALID);
    assert_int_equal(note_parse((struct bytes){NULL, 0}, &note, NULL), E_NOTE_INVALID);
}

static void the_text_runs_to_the_last_empty_line(void **state)
{
    struct note note;
    (void)state;
    assert_int_equal(note_parse(bytes_of_str("\n\n" LINE), &note, NULL), 0);
    assert_int_equal(note.text.len, 1);
    assert_int_equal(note_parse(bytes_of_str("a\n\n" LINE "\n" LINE LINE), &note, NULL), 0);
    assert_true(bytes_equal(note.text, bytes_of_str("a\n\n" LINE)));
    assert_int_equal(note.signature_count, 2);
    assert_true(bytes_equal(note.signatures[1].line, bytes_of_str(LINE)));
    assert_int_equal(note_parse(bytes_of_str("a\n\n\n" LINE), &note, NULL), 0);
    assert_true(bytes_equal(note.text, bytes_of_str("a\n\n")));
    assert_int_equal(parse_text("\xe6\xb2\xb3\xe4\xb8\x9c \xf0\x9f\x98\x80 \xe2\x80\x94\n\n" LINE),
                     0);
}

static void limits_are_told_not_cut(void **state)
{
    struct buf buf = {0};
    struct note note;
    (void)state;
    buf_append_str(&buf, "text\n\n");
    for (int i = 0; i < LIMIT_NOTE_SIGNATURE_COUNT_MAX; i++) buf_append_str(&buf, LINE);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note.signature_count, LIMIT_NOTE_SIGNATURE_COUNT_MAX);
    struct signer signer = signer_of(1);
    size_t len = buf.len;
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_TOO_LARGE);
    assert_int_equal(buf.len, len);
    buf_append_str(&buf, LINE);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), E_TOO_LARGE);

    for (int i = 0; i < 1000000; i++) buf_append_str(&buf, LINE);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), E_TOO_LARGE);
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_TOO_LARGE);

    buf_reset(&buf);
    memset(buf_grow(&buf, LIMIT_NOTE_BYTES_MAX - 6 - strlen(LINE)), 'x',
           LIMIT_NOTE_BYTES_MAX - 6 - strlen(LINE));
    buf_append_str(&buf, "yyyy\n\n" LINE);
    assert_int_equal(buf.len, LIMIT_NOTE_BYTES_MAX);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_TOO_LARGE);
    buf_append_str(&buf, LINE);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), E_TOO_LARGE);
    buf_fini(&buf);
}

static void what_is_signed_verifies_and_meets_thresholds(void **state)
{
    struct buf buf = {0};
    struct note note;
    uint64_t mask = 0;
    struct note_key keys[] = {key_of(1, "one", NOTE_KEY_ED25519),
                              key_of(2, "two", NOTE_KEY_ED25519),
                              key_of(3, "three", NOTE_KEY_ED25519)};
    (void)state;
    begin(&buf, "plan 7\n\nwith an empty line\n");
    sign(&buf, 1, "one");
    sign(&buf, 3, "three");
    sign(&buf, 9, "unknown");
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify(&note, keys, 3, 2, &mask, NULL), 0);
    assert_int_equal(mask, 5);
    mask = 77;
    assert_int_equal(note_verify(&note, keys, 3, 3, &mask, NULL), E_THRESHOLD_NOT_MET);
    assert_int_equal(note_verify(&note, keys + 1, 1, 1, &mask, NULL), E_THRESHOLD_NOT_MET);
    assert_int_equal(note_verify(&note, keys, 0, 1, &mask, NULL), E_THRESHOLD_NOT_MET);
    assert_int_equal(note_verify(&note, keys, 3, 0, &mask, NULL), E_BAD_VALUE);
    assert_int_equal(note_verify(&note, keys, 65, 1, &mask, NULL), E_BAD_VALUE);
    assert_int_equal(mask, 77);
    buf_fini(&buf);
}

static void a_distinct_key_counts_once(void **state)
{
    struct buf buf = {0};
    struct note note;
    uint64_t mask;
    /* The same public key under two names, and twice under one. */
    struct note_key keys[] = {
        key_of(1, "one", NOTE_KEY_ED25519), key_of(1, "uno", NOTE_KEY_ED25519),
        key_of(1, "one", NOTE_KEY_ED25519), key_of(2, "two", NOTE_KEY_ED25519)};
    (void)state;
    begin(&buf, "text\n");
    sign(&buf, 1, "one");
    sign(&buf, 1, "one");
    sign(&buf, 1, "uno");
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note.signature_count, 3);
    assert_int_equal(note_verify(&note, keys, 4, 1, &mask, NULL), 0);
    assert_int_equal(mask, 7);
    assert_int_equal(note_verify(&note, keys, 4, 2, &mask, NULL), E_THRESHOLD_NOT_MET);
    sign(&buf, 2, "two");
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify(&note, keys, 4, 2, &mask, NULL), 0);
    buf_fini(&buf);
}

static void a_bad_signature_of_a_known_key_spoils_the_note(void **state)
{
    struct buf other = {0};
    struct buf buf = {0};
    struct note note;
    struct note_key keys[] = {key_of(1, "one", NOTE_KEY_ED25519),
                              key_of(2, "two", NOTE_KEY_ED25519)};
    (void)state;
    begin(&other, "another text\n");
    sign(&other, 1, "one");
    assert_int_equal(note_parse(buf_bytes(&other), &note, NULL), 0);
    begin(&buf, "text\n");
    sign(&buf, 2, "two");
    sign(&buf, 1, "one"); /* the good one first does not excuse the bad one after it */
    buf_append_bytes(&buf, note.signatures[0].line);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify(&note, keys, 2, 1, NULL, NULL), E_NOTE_INVALID);
    /* To who does not know that key, it is an unknown signature. */
    assert_int_equal(note_verify(&note, keys + 1, 1, 1, NULL, NULL), 0);

    /* Same name and id, but a signature of another length. */
    buf_reset(&buf);
    begin(&buf, "text\n");
    sign(&buf, 2, "two");
    buf_append_str(&buf, "\xe2\x80\x94 one ");
    buf_reset(&other);
    buf_append(&other, keys[0].id, 4);
    buf_append_u8(&other, 1);
    base64_append(&buf, buf_bytes(&other));
    buf_append_u8(&buf, '\n');
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify(&note, keys, 2, 1, NULL, NULL), E_NOTE_INVALID);
    buf_fini(&buf);
    buf_fini(&other);
}

static void name_and_id_must_both_fit(void **state)
{
    struct buf buf = {0};
    struct note note;
    struct note_key key = key_of(1, "one", NOTE_KEY_ED25519);
    struct note_key other = key;
    (void)state;
    begin(&buf, "text\n");
    sign(&buf, 1, "one");
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    memcpy(other.name, "two", 4);
    assert_int_equal(note_verify(&note, &other, 1, 1, NULL, NULL), E_THRESHOLD_NOT_MET);
    other = key;
    other.id[0] ^= 1;
    assert_int_equal(note_verify(&note, &other, 1, 1, NULL, NULL), E_THRESHOLD_NOT_MET);
    other = key;
    other.public_key[0] ^= 1; /* collides in name and id, is another key */
    assert_int_equal(note_verify(&note, &other, 1, 1, NULL, NULL), E_NOTE_INVALID);
    struct note_key both[] = {other, key};
    assert_int_equal(note_verify(&note, both, 2, 1, NULL, NULL), 0);
    buf_fini(&buf);
}

static void cosignatures_bind_time_and_text(void **state)
{
    struct buf buf = {0};
    struct note note;
    struct note_key witness = key_of(4, "w.example/1", NOTE_KEY_COSIGNATURE);
    struct note_key plain = key_of(4, "w.example/1", NOTE_KEY_ED25519);
    struct signer signer = signer_of(4);
    uint64_t time_s = 1;
    (void)state;
    assert_memory_not_equal(witness.id, plain.id, 4);
    begin(&buf, "text\n");
    sign(&buf, 1, "log");
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify_cosignature(&note, &witness, &time_s, NULL), E_THRESHOLD_NOT_MET);
    assert_int_equal(note_append_cosignature(&buf, "w.example/1", signer.secret, 1679315147, NULL),
                     0);
    assert_int_equal(note_append_cosignature(&buf, "w.example/1", signer.secret, 5, NULL), 0);
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify(&note, &witness, 1, 1, NULL, NULL), 0);
    assert_int_equal(note_verify(&note, &plain, 1, 1, NULL, NULL), E_THRESHOLD_NOT_MET);
    assert_int_equal(note_verify_cosignature(&note, &plain, &time_s, NULL), E_BAD_VALUE);
    assert_int_equal(time_s, 1);
    assert_int_equal(note_verify_cosignature(&note, &witness, &time_s, NULL), 0);
    assert_int_equal(time_s, 1679315147);

    /* The time cannot be changed under the signature. */
    struct buf decoded = {0};
    struct buf forged = {0};
    const struct note_signature *line = &note.signatures[1];
    assert_int_equal(
        base64_decode((const char *)line->base64.data, line->base64.len, &decoded, NULL), 0);
    assert_int_equal(decoded.len, 76);
    assert_int_equal(load_u64(decoded.data + 4), 1679315147);
    for (int k = 0; k < 2; k++) {
        decoded.data[k == 0 ? 11 : 4] ^= k == 0 ? 1 : 0x80;
        buf_reset(&forged);
        begin(&forged, "text\n");
        buf_append_str(&forged, "\xe2\x80\x94 w.example/1 ");
        base64_append(&forged, buf_bytes(&decoded));
        buf_append_u8(&forged, '\n');
        assert_int_equal(note_parse(buf_bytes(&forged), &note, NULL), 0);
        assert_int_equal(note_verify_cosignature(&note, &witness, &time_s, NULL), E_NOTE_INVALID);
        assert_int_equal(note_verify(&note, &witness, 1, 1, NULL, NULL), E_NOTE_INVALID);
    }
    size_t len = buf.len;
    assert_int_equal(
        note_append_cosignature(&buf, "w", signer.secret, (uint64_t)INT64_MAX + 1, NULL),
        E_BAD_VALUE);
    assert_int_equal(buf.len, len);
    assert_int_equal(note_append_cosignature(&buf, "w", signer.secret, INT64_MAX, NULL), 0);
    buf_fini(&buf);
    buf_fini(&decoded);
    buf_fini(&forged);
}

/* A rightly signed line with a time that the format does not have. */
static void times_beyond_the_format_are_refused(void **state)
{
    static const char message[] = "cosignature/v1\ntime 9223372036854775808\ntext\n";
    struct note_key witness = key_of(4, "w", NOTE_KEY_COSIGNATURE);
    struct signer signer = signer_of(4);
    struct buf buf = {0};
    struct note note;
    uint8_t signature[76];
    uint64_t time_s;
    (void)state;
    memcpy(signature, witness.id, 4);
    store_u64(signature + 4, 1ull << 63);
    crypto_sign_detached(signature + 12, NULL, (const uint8_t *)message, sizeof message - 1,
                         signer.secret);
    begin(&buf, "text\n");
    buf_append_str(&buf, "\xe2\x80\x94 w ");
    base64_append(&buf, bytes_of(signature, sizeof signature));
    buf_append_u8(&buf, '\n');
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    assert_int_equal(note_verify_cosignature(&note, &witness, &time_s, NULL), E_NOTE_INVALID);
    buf_fini(&buf);
}

static void only_what_parses_again_is_signed(void **state)
{
    struct buf buf = {0};
    struct signer signer = signer_of(1);
    static const char *const bad_texts[] = {"", "no newline", "a\tb\n", "a\r\n", "\xff\n"};
    static const char *const bad_names[] = {"", "a b", "a+b", "a\nb", "\xe3\x80\x80", "\xff"};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(note_begin(&buf, bytes_of_str(bad_texts[i]), NULL), E_BAD_VALUE);
        assert_int_equal(buf.len, 0);
    }
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_BAD_FORM);
    buf_append_str(&buf, "no empty line\n");
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_BAD_FORM);
    buf_append_str(&buf, "\nnot a signature\n");
    assert_int_equal(note_append_signature(&buf, "a", signer.secret, NULL), E_BAD_FORM);
    buf_reset(&buf);
    begin(&buf, "text\n");
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(note_append_signature(&buf, bad_names[i], signer.secret, NULL),
                         E_BAD_VALUE);
    char name[LIMIT_NOTE_NAME_LEN_MAX + 2];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(note_append_signature(&buf, name, signer.secret, NULL), E_BAD_VALUE);
    assert_int_equal(buf.len, 6);
    name[sizeof name - 2] = '\0';
    assert_int_equal(note_append_signature(&buf, name, signer.secret, NULL), 0);
    struct note note;
    assert_int_equal(note_parse(buf_bytes(&buf), &note, NULL), 0);
    buf_fini(&buf);
}

static void verifier_keys_have_one_spelling(void **state)
{
    struct note_key key;
    struct note_key kept;
    static const char *const bad[] = {
        "",
        "+",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903a+",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAAAA",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com/foo +530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a-AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    };
    (void)state;
    memset(&key, 0x5a, sizeof key);
    kept = key;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (note_key_parse(bytes_of_str(bad[i]), &key, NULL) != E_BAD_FORM)
            fail_msg("number %zu was not refused", i);
    /* Another algorithm's key is another matter than a spoilt one. */
    assert_int_equal(note_key_parse(bytes_of_str("a+530d903a+AnkyeRo="), &key, NULL),
                     E_SUITE_UNSUPPORTED);
    struct buf buf = {0};
    memset(buf_grow(&buf, 100000), '+', 100000);
    assert_int_equal(note_key_parse(buf_bytes(&buf), &key, NULL), E_BAD_FORM);
    assert_memory_equal(&key, &kept, sizeof key);
    buf_fini(&buf);

    struct note_key witness = key_of(4, "\xe6\xb2\xb3\xe4\xb8\x9c", NOTE_KEY_COSIGNATURE);
    note_key_format(&witness, &buf);
    assert_int_equal(note_key_parse(buf_bytes(&buf), &key, NULL), 0);
    assert_string_equal(key.name, witness.name);
    assert_int_equal(key.type, NOTE_KEY_COSIGNATURE);
    assert_memory_equal(key.public_key, witness.public_key, 32);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example_verifies),
        cmocka_unit_test(every_changed_byte_of_the_text_or_signature_is_refused),
        cmocka_unit_test(malformed_notes_are_refused),
        cmocka_unit_test(the_text_runs_to_the_last_empty_line),
        cmocka_unit_test(limits_are_told_not_cut),
        cmocka_unit_test(what_is_signed_verifies_and_meets_thresholds),
        cmocka_unit_test(a_distinct_key_counts_once),
        cmocka_unit_test(a_bad_signature_of_a_known_key_spoils_the_note),
        cmocka_unit_test(name_and_id_must_both_fit),
        cmocka_unit_test(cosignatures_bind_time_and_text),
        cmocka_unit_test(times_beyond_the_format_are_refused),
        cmocka_unit_test(only_what_parses_again_is_signed),
        cmocka_unit_test(verifier_keys_have_one_spelling),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
