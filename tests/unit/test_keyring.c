/* keyring: what is sealed opens again, and nothing else does. */
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs/keyring/keyring.h"
#include "certs/trust/trust.h"
#include "proto/host/file.h"

#define NOW_MS  1700000000000ull
#define WEEK_MS (7ull * 24 * 3600 * 1000)

struct place {
    char folder[64];
    char path[96];
    uint8_t raw[32]; /* no text: the key itself, no KDF */
    struct keyring keyring;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place) return -1;
    strcpy(place->folder, "/tmp/lb-keyring.XXXXXX");
    if (!mkdtemp(place->folder)) return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/u.keyring", place->folder);
    memset(place->raw, 0xfe, sizeof place->raw);
    *state = place;
    return keyring_generate(&place->keyring, "health", LEADBUS__ROLE__ROLE_UNIT, NOW_MS, 6, WEEK_MS,
                            NULL);
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)chmod(place->folder, 0700);
    (void)unlink(place->path);
    (void)rmdir(place->folder);
    keyring_fini(&place->keyring);
    free(place);
    return 0;
}

static struct bytes raw_of(const struct place *place)
{
    return bytes_of(place->raw, sizeof place->raw);
}

static void sealed_opens_again(void **state)
{
    struct place *place = *state;
    struct keyring back;
    const struct bytes secrets[] = {raw_of(place), bytes_of_str("a passphrase, 口令")};
    place->keyring.serial = 77;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(keyring_save(&place->keyring, place->path, secrets[i], NULL), 0);
        assert_int_equal(keyring_load(&back, place->path, secrets[i], NULL), 0);
        assert_memory_equal(&back, &place->keyring, sizeof back);
        keyring_fini(&back);
        assert_true(sodium_is_zero((const uint8_t *)&back, sizeof back));
    }
}

static void file_is_private_and_its_folder_too(void **state)
{
    struct place *place = *state;
    struct keyring back;
    struct stat status;
    mode_t before = umask(0);
    assert_int_equal(keyring_save(&place->keyring, place->path, raw_of(place), NULL), 0);
    umask(before);
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    static const mode_t wide[] = {0640, 0604, 0620, 0602, 0610, 0666, 0644};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        assert_int_equal(chmod(place->path, wide[i]), 0);
        assert_int_equal(keyring_load(&back, place->path, raw_of(place), NULL),
                         E_KEYRING_PERMISSIONS);
    }
    assert_int_equal(chmod(place->path, 0400), 0);
    assert_int_equal(keyring_load(&back, place->path, raw_of(place), NULL), 0);
    keyring_fini(&back);
    assert_int_equal(chmod(place->folder, 0770), 0);
    assert_int_equal(keyring_load(&back, place->path, raw_of(place), NULL), E_KEYRING_PERMISSIONS);
    assert_int_equal(chmod(place->folder, 0700), 0);
}

static void link_is_not_followed(void **state)
{
    struct place *place = *state;
    struct keyring back;
    char link_path[128];
    (void)snprintf(link_path, sizeof link_path, "%s.link", place->path);
    assert_int_equal(keyring_save(&place->keyring, place->path, raw_of(place), NULL), 0);
    assert_int_equal(symlink(place->path, link_path), 0);
    assert_int_equal(keyring_load(&back, link_path, raw_of(place), NULL), E_KEYRING_PERMISSIONS);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(keyring_load(&back, link_path, raw_of(place), NULL), E_NOT_FOUND);
}

static void wrong_secret_is_refused(void **state)
{
    struct place *place = *state;
    struct keyring back;
    uint8_t other[32];
    memcpy(other, place->raw, sizeof other);
    other[31] ^= 1;
    assert_int_equal(keyring_save(&place->keyring, place->path, raw_of(place), NULL), 0);
    assert_int_equal(keyring_load(&back, place->path, bytes_of(other, 32), NULL), E_KEYRING_SEALED);
    assert_int_equal(keyring_load(&back, place->path, bytes_of_str("text"), NULL),
                     E_KEYRING_SEALED);
    assert_int_equal(keyring_save(&place->keyring, place->path, bytes_of_str("right"), NULL), 0);
    assert_int_equal(keyring_load(&back, place->path, bytes_of_str("wrong"), NULL),
                     E_KEYRING_SEALED);
    assert_int_equal(keyring_load(&back, place->path, raw_of(place), NULL), E_KEYRING_SEALED);
    assert_int_equal(keyring_save(&place->keyring, place->path, bytes_of_str(""), NULL),
                     E_BAD_VALUE);
}

static void overwrite(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void every_changed_byte_and_every_cut_is_refused(void **state)
{
    struct place *place = *state;
    struct keyring back;
    struct buf file = {0};
    assert_int_equal(keyring_save(&place->keyring, place->path, raw_of(place), NULL), 0);
    assert_int_equal(file_read(place->path, 65536, &file, NULL), 0);
    for (size_t i = 0; i < file.len; i++) {
        file.data[i] ^= 0x40;
        overwrite(place->path, file.data, file.len);
        int rc = keyring_load(&back, place->path, raw_of(place), NULL);
        assert_true(rc == E_KEYRING_SEALED || rc == E_BAD_FORM);
        file.data[i] ^= 0x40;
    }
    for (size_t len = 0; len < file.len; len++) {
        overwrite(place->path, file.data, len);
        int rc = keyring_load(&back, place->path, raw_of(place), NULL);
        assert_true(rc == E_KEYRING_SEALED || rc == E_BAD_FORM);
    }
    buf_append_u8(&file, 0);
    overwrite(place->path, file.data, file.len);
    assert_int_equal(keyring_load(&back, place->path, raw_of(place), NULL), E_KEYRING_SEALED);
    buf_fini(&file);
}

static void no_secret_stands_in_the_file(void **state)
{
    struct place *place = *state;
    struct buf file = {0};
    assert_int_equal(keyring_save(&place->keyring, place->path, raw_of(place), NULL), 0);
    assert_int_equal(file_read(place->path, 65536, &file, NULL), 0);
    const uint8_t *const secrets[] = {place->keyring.identity_secret, place->keyring.witness_secret,
                                      place->keyring.transport_secret,
                                      place->keyring.epochs[0].secret, place->raw};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        assert_null(memmem(file.data, file.len, secrets[i], 16));
    assert_null(memmem(file.data, file.len, "health", 6));
    buf_fini(&file);
}

static void generate_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct keyring keyring = {.serial = 5};
    assert_int_equal(keyring_generate(&keyring, "Not A Slug", LEADBUS__ROLE__ROLE_UNIT, NOW_MS, 1,
                                      WEEK_MS, NULL),
                     E_BAD_VALUE);
    assert_int_equal(keyring_generate(&keyring, "health", LEADBUS__ROLE__ROLE_UNIT, NOW_MS,
                                      KEYRING_EPOCH_COUNT_MAX + 1, WEEK_MS, NULL),
                     E_BAD_VALUE);
    assert_int_equal(keyring.serial, 5);
}

static void epochs_follow_each_other_and_are_destroyed(void **state)
{
    struct place *place = *state;
    struct keyring *keyring = &place->keyring;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(keyring->epochs[i].number, i + 1);
        assert_int_equal(keyring->epochs[i].not_before_ms, NOW_MS + i * WEEK_MS);
    }
    assert_int_equal(keyring_epoch_add(keyring, NOW_MS, WEEK_MS, NULL), 0);
    assert_int_equal(keyring->epochs[6].number, 7);
    assert_int_equal(keyring->epochs[6].not_before_ms, NOW_MS + 6 * WEEK_MS);
    /* Destroyed strictly after the time to keep, and wiped where they stood. */
    assert_int_equal(keyring_epoch_expire(keyring, NOW_MS + 2 * WEEK_MS, WEEK_MS), 0);
    assert_int_equal(keyring_epoch_expire(keyring, NOW_MS + 2 * WEEK_MS + 1, WEEK_MS), 1);
    assert_null(keyring_epoch_find(keyring, 1));
    assert_non_null(keyring_epoch_find(keyring, 2));
    assert_true(sodium_is_zero((const uint8_t *)&keyring->epochs[6], sizeof keyring->epochs[6]));
    /* The last one stays, so that numbers never start again. */
    (void)keyring_epoch_expire(keyring, NOW_MS + 100 * WEEK_MS, 0);
    assert_int_equal(keyring->epoch_count, 1);
    assert_int_equal(keyring_epoch_add(keyring, NOW_MS + 100 * WEEK_MS, WEEK_MS, NULL), 0);
    assert_int_equal(keyring->epochs[1].number, 8);
    assert_int_equal(keyring->epochs[1].not_before_ms, NOW_MS + 100 * WEEK_MS);
    while (keyring->epoch_count < KEYRING_EPOCH_COUNT_MAX)
        assert_int_equal(keyring_epoch_add(keyring, NOW_MS, WEEK_MS, NULL), 0);
    assert_int_equal(keyring_epoch_add(keyring, NOW_MS, WEEK_MS, NULL), E_TOO_LARGE);
}

static void request_proves_possession(void **state)
{
    struct place *place = *state;
    struct arena arena;
    struct buf request = {0};
    const Leadbus__EnrolmentRequestBody *body = NULL;
    arena_init(&arena, 1 << 20);
    place->keyring.serial = 9; /* a request is made before a serial counts */
    keyring_request(&place->keyring, NOW_MS, &request);
    assert_int_equal(trust_request_open(buf_bytes(&request), &arena, &body, NULL), 0);
    assert_string_equal(body->unit, "health");
    assert_int_equal(body->n_epoch_keys, 6);
    for (size_t i = 0; i < request.len; i++) {
        request.data[i] ^= 0x10;
        arena_reset(&arena);
        assert_true(trust_request_open(buf_bytes(&request), &arena, &body, NULL) < 0);
        request.data[i] ^= 0x10;
    }
    /* Another key's name over one's own signature. */
    memset(place->keyring.identity_public, 0, 32);
    place->keyring.identity_public[0] = 1;
    buf_reset(&request);
    arena_reset(&arena);
    keyring_request(&place->keyring, NOW_MS, &request);
    assert_int_equal(trust_request_open(buf_bytes(&request), &arena, &body, NULL), E_KEY_WEAK);
    struct keyring other;
    assert_int_equal(
        keyring_generate(&other, "health", LEADBUS__ROLE__ROLE_UNIT, NOW_MS, 0, WEEK_MS, NULL), 0);
    memcpy(place->keyring.identity_public, other.identity_public, 32);
    buf_reset(&request);
    arena_reset(&arena);
    keyring_request(&place->keyring, NOW_MS, &request);
    assert_int_equal(trust_request_open(buf_bytes(&request), &arena, &body, NULL),
                     E_REQUEST_INVALID);
    keyring_fini(&other);
    buf_fini(&request);
    arena_fini(&arena);
}

static void passphrase_comes_from_private_files_and_loses_one_newline(void **state)
{
    struct place *place = *state;
    const struct {
        const char *content;
        size_t len;
        const char *wanted;
        size_t wanted_len;
    } rows[] = {
        {"secret\n", 7, "secret", 6},
        {"secret", 6, "secret", 6},
        {"secret\n\n", 8, "secret\n", 7},
        {"\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"
         "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\n",
         32,
         "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"
         "\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\n",
         32}, /* a raw key ends in any byte */
    };
    struct buf got = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(
            file_write_atomic(place->path, bytes_of(rows[i].content, rows[i].len), 0600, NULL), 0);
        assert_int_equal(keyring_passphrase_read(place->path, NULL, NULL, &got, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&got), bytes_of(rows[i].wanted, rows[i].wanted_len)));
        buf_wipe_fini(&got);
    }
    assert_int_equal(chmod(place->path, 0644), 0);
    assert_int_equal(keyring_passphrase_read(place->path, NULL, NULL, &got, NULL),
                     E_KEYRING_PERMISSIONS);
    assert_int_equal(file_write_atomic(place->path, bytes_of_str("\n"), 0600, NULL), 0);
    assert_true(keyring_passphrase_read(place->path, NULL, NULL, &got, NULL) < 0);
    buf_wipe_fini(&got);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sealed_opens_again),
        TEST(file_is_private_and_its_folder_too),
        TEST(link_is_not_followed),
        TEST(wrong_secret_is_refused),
        TEST(every_changed_byte_and_every_cut_is_refused),
        TEST(no_secret_stands_in_the_file),
        TEST(generate_refuses_what_cannot_be),
        TEST(epochs_follow_each_other_and_are_destroyed),
        TEST(request_proves_possession),
        TEST(passphrase_comes_from_private_files_and_loses_one_newline),
    };
    return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
