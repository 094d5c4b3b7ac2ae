#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/tlogproof.h"
#include "tests/vectors/proofs.h"

static const char path[] = LEADBUS_SOURCE_DIR "/tests/vectors/proofs.json";

static void the_committed_file_is_what_the_code_gives(void **state)
{
    char *expected = proofs_vectors();
    size_t len = strlen(expected);
    char *found = calloc(1, len + 2);
    FILE *file = fopen(path, "rb");
    (void)state;
    assert_non_null(found);
    assert_non_null(file);
    assert_int_equal(fread(found, 1, len + 1, file), len);
    assert_string_equal(found, expected);
    fclose(file);
    free(found);
    free(expected);
}

static struct bytes text_at(json_t *root, const char *name)
{
    json_t *text = json_object_get(root, name);
    assert_true(json_is_string(text));
    return bytes_of(json_string_value(text), json_string_length(text));
}

static struct note_key key_at(json_t *root, const char *name)
{
    struct note_key key;
    struct bytes vkey = text_at(json_object_get(root, name), "vkey");
    assert_int_equal(note_key_parse(vkey, &key, NULL), 0);
    return key;
}

static void the_committed_texts_verify(void **state)
{
    json_t *root = json_load_file(path, 0, NULL);
    const uint8_t record[] = {0, 1, 2, 3, 4};
    struct checkpoint head;
    struct note note;
    uint64_t index;
    uint64_t time_s;
    (void)state;
    assert_non_null(root);
    struct note_key log = key_at(root, "log_key");
    struct note_key witness = key_at(root, "witness_key");
    struct bytes proof = text_at(root, "tlog_proof_of_record_5");
    struct bytes with_extra = text_at(root, "tlog_proof_of_record_5_with_extra");
    struct bytes cosigned = text_at(root, "cosigned_checkpoint");
    assert_int_equal(tlogproof_verify(proof, bytes_of(record, 5), &log, &head, &index, NULL), 0);
    assert_int_equal(index, 5);
    assert_int_equal(head.size, 7);
    assert_int_equal(tlogproof_verify(with_extra, bytes_of(record, 5), &log, NULL, NULL, NULL), 0);
    assert_int_equal(tlogproof_verify(proof, bytes_of(record, 4), &log, NULL, NULL, NULL),
                     E_PROOF_INVALID);
    assert_int_equal(checkpoint_verify(cosigned, log.name, log.public_key, &head, NULL), 0);
    assert_int_equal(note_parse(cosigned, &note, NULL), 0);
    assert_int_equal(note_verify_cosignature(&note, &witness, &time_s, NULL), 0);
    assert_int_equal(time_s, json_integer_value(json_object_get(root, "cosigned_s")));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_file_is_what_the_code_gives),
        cmocka_unit_test(the_committed_texts_verify),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
