/* Published RFC 6962 proofs, good and bad, from LEADBUS_SHARED/vectors; skipped where that is
 * absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/merkle.h"

/* NULL: not there. The environment wins over the build's path. */
static json_t *load(const char *name)
{
    const char *folder = getenv("LEADBUS_SHARED");
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/vectors/%s", folder ? folder : LEADBUS_SHARED, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("no %s: set LEADBUS_SHARED to the folder that holds vectors/\n", path);
        return NULL;
    }
    /* Numbers of 64 bits occur, which are more than the library's integers hold. */
    json_t *root = json_loadf(file, JSON_DECODE_INT_AS_REAL, &error);
    fclose(file);
    if (!root) fail_msg("%s: %s", path, error.text);
    return root;
}

static void bytes_at(json_t *item, struct buf *ret_bytes)
{
    const char *text = json_string_value(item);
    assert_non_null(text);
    buf_reset(ret_bytes);
    assert_int_equal(base64_decode(text, strlen(text), ret_bytes, NULL), 0);
}

/* Other lengths than 32 occur. As a hash of an inclusion proof they are refused where the bytes
 * come in, as everywhere on the wire; among the consistency proofs they are dummies, also in one
 * that must be accepted, and are filled up. */
static bool hash_at(json_t *vector, const char *name, uint8_t ret_hash[static 32])
{
    struct buf buf = {0};
    bytes_at(json_object_get(vector, name), &buf);
    bool whole = buf.len == 32;
    assert_true(buf.len <= 32);
    memset(ret_hash, 0, 32);
    if (buf.len > 0) memcpy(ret_hash, buf.data, buf.len);
    buf_fini(&buf);
    return whole;
}

static int proof_at(json_t *vector, struct merkle_proof *ret_proof)
{
    json_t *list = json_object_get(vector, "proof");
    struct buf buf = {0};
    size_t i;
    json_t *item;
    int result = 0;
    *ret_proof = (struct merkle_proof){0};
    json_array_foreach(list, i, item)
    {
        bytes_at(item, &buf);
        result = merkle_proof_add(ret_proof, buf_bytes(&buf), NULL);
        if (result < 0) break;
    }
    buf_fini(&buf);
    return result;
}

static uint64_t number_at(json_t *vector, const char *name)
{
    json_t *number = json_object_get(vector, name);
    assert_true(json_is_real(number));
    double value = json_real_value(number);
    assert_true(value >= 0);
    return value >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)value;
}

static int inclusion_verdict(json_t *vector)
{
    struct merkle_proof proof;
    uint8_t leaf_hash[32];
    uint8_t root[32];
    if (!hash_at(vector, "leafHash", leaf_hash)) return E_PROOF_INVALID;
    if (!hash_at(vector, "root", root)) return E_PROOF_INVALID;
    int result = proof_at(vector, &proof);
    if (result < 0) return result;
    return merkle_verify_inclusion(leaf_hash, number_at(vector, "leafIdx"),
                                   number_at(vector, "treeSize"), &proof, root, NULL);
}

static int consistency_verdict(json_t *vector)
{
    struct merkle_proof proof;
    uint8_t root1[32];
    uint8_t root2[32];
    hash_at(vector, "root1", root1);
    hash_at(vector, "root2", root2);
    int result = proof_at(vector, &proof);
    if (result < 0) return result;
    return merkle_verify_consistency(number_at(vector, "size1"), root1, number_at(vector, "size2"),
                                     root2, &proof, NULL);
}

static void judge(const char *name, int (*verdict)(json_t *vector), size_t good_count,
                  size_t bad_count)
{
    json_t *list = load(name);
    size_t counts[2] = {0, 0};
    size_t i;
    json_t *vector;
    if (!list) skip();
    json_array_foreach(list, i, vector)
    {
        bool bad = json_is_true(json_object_get(vector, "wantErr"));
        int result = verdict(vector);
        if (result != (bad ? E_PROOF_INVALID : 0))
            fail_msg("%s (%s): %s", json_string_value(json_object_get(vector, "file")),
                     json_string_value(json_object_get(vector, "desc")),
                     result ? error_name(result) : "accepted");
        counts[bad] += 1;
    }
    assert_int_equal(counts[0], good_count);
    assert_int_equal(counts[1], bad_count);
    json_decref(list);
}

static void published_inclusion_proofs_get_their_verdicts(void **state)
{
    (void)state;
    judge("rfc6962-inclusion.json", inclusion_verdict, 6, 92);
}

static void published_consistency_proofs_get_their_verdicts(void **state)
{
    (void)state;
    judge("rfc6962-consistency.json", consistency_verdict, 6, 92);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_inclusion_proofs_get_their_verdicts),
        cmocka_unit_test(published_consistency_proofs_get_their_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
