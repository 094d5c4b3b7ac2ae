#include "tests/vectors/proofs.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/tlogproof.h"

enum { LEAF_COUNT = 7, ROW_HASH_COUNT_MAX = 4 };

static const char origin[] = "leadbus.example/hedong";
static const char witness_name[] = "agent.example/police-hedong";
static const uint64_t cosigned_s = 1700000000;

struct rows {
    size_t counts[LEAF_COUNT];
    uint8_t hashes[LEAF_COUNT][ROW_HASH_COUNT_MAX][32];
};

static int rows_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    const struct rows *rows = ctx;
    uint64_t row;
    size_t offset;
    merkle_node_place(level, index, &row, &offset);
    CHECK(row < LEAF_COUNT && offset / 32 < rows->counts[row]);
    memcpy(ret_hash, rows->hashes[row][offset / 32], 32);
    return 0;
}

/* Record i of the example: i bytes 00, 01, 02 ... */
static struct bytes record_of(size_t index)
{
    static const uint8_t bytes[LEAF_COUNT] = {0, 1, 2, 3, 4, 5, 6};
    return bytes_of(bytes, index);
}

static json_t *hex_json(struct bytes bytes)
{
    struct buf text = {0};
    hex_encode(bytes, (char *)buf_grow(&text, 2 * bytes.len + 1));
    json_t *json = json_string((const char *)text.data);
    buf_fini(&text);
    return json;
}

static json_t *text_json(const struct buf *buf)
{
    return json_stringn((const char *)buf->data, buf->len);
}

static json_t *proof_json(const struct merkle_proof *proof)
{
    json_t *list = json_array();
    for (size_t i = 0; i < proof->count; i++)
        json_array_append_new(list, hex_json(bytes_of(proof->hashes[i], 32)));
    return list;
}

static json_t *number_json(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static void rows_fill(struct rows *ret_rows)
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    memset(ret_rows, 0, sizeof *ret_rows);
    for (size_t i = 0; i < LEAF_COUNT; i++) {
        merkle_leaf_hash(record_of(i), ret_rows->hashes[i][0]);
        ret_rows->counts[i] =
            1 + merkle_frontier_append(&frontier, ret_rows->hashes[i][0], ret_rows->hashes[i] + 1);
    }
}

static json_t *rows_json(const struct rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LEAF_COUNT; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "record_hex", hex_json(record_of(i)));
        json_object_set_new(row, "leaf_hash", hex_json(bytes_of(rows->hashes[i][0], 32)));
        json_object_set_new(row, "hashes",
                            hex_json(bytes_of(rows->hashes[i], 32 * rows->counts[i])));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *nodes_json(struct rows *rows)
{
    json_t *list = json_array();
    for (unsigned level = 0; 1u << level <= LEAF_COUNT; level++) {
        for (uint64_t index = 0; (index + 1) << level <= LEAF_COUNT; index++) {
            uint8_t hash[32];
            uint64_t row;
            size_t offset;
            json_t *node = json_object();
            merkle_node_place(level, index, &row, &offset);
            CHECK(rows_node(rows, level, index, hash) == 0);
            json_object_set_new(node, "level", number_json(level));
            json_object_set_new(node, "index", number_json(index));
            json_object_set_new(node, "row", number_json(row));
            json_object_set_new(node, "offset", number_json(offset));
            json_object_set_new(node, "hash", hex_json(bytes_of(hash, 32)));
            json_array_append_new(list, node);
        }
    }
    return list;
}

static json_t *roots_json(const struct merkle_reader *reader)
{
    json_t *list = json_array();
    for (uint64_t size = 0; size <= LEAF_COUNT; size++) {
        uint8_t root[32];
        CHECK(merkle_root_at(reader, size, root, NULL) == 0);
        json_array_append_new(list, hex_json(bytes_of(root, 32)));
    }
    return list;
}

static json_t *inclusion_json(const struct merkle_reader *reader)
{
    json_t *list = json_array();
    for (uint64_t size = 1; size <= LEAF_COUNT; size++) {
        for (uint64_t index = 0; index < size; index++) {
            struct merkle_proof proof;
            json_t *item = json_object();
            CHECK(merkle_prove_inclusion(reader, index, size, &proof, NULL) == 0);
            json_object_set_new(item, "index", number_json(index));
            json_object_set_new(item, "size", number_json(size));
            json_object_set_new(item, "proof", proof_json(&proof));
            json_array_append_new(list, item);
        }
    }
    return list;
}

static json_t *consistency_json(const struct merkle_reader *reader)
{
    json_t *list = json_array();
    for (uint64_t size2 = 1; size2 <= LEAF_COUNT; size2++) {
        for (uint64_t size1 = 1; size1 <= size2; size1++) {
            struct merkle_proof proof;
            json_t *item = json_object();
            CHECK(merkle_prove_consistency(reader, size1, size2, &proof, NULL) == 0);
            json_object_set_new(item, "size1", number_json(size1));
            json_object_set_new(item, "size2", number_json(size2));
            json_object_set_new(item, "proof", proof_json(&proof));
            json_array_append_new(list, item);
        }
    }
    return list;
}

struct signer {
    uint8_t seed[32];
    uint8_t secret[64];
    struct note_key key;
};

/* The seed counts up from `first`. */
static void signer_fill(struct signer *ret_signer, const char *name, enum note_key_type type,
                        uint8_t first)
{
    uint8_t public_key[32];
    for (size_t i = 0; i < 32; i++) ret_signer->seed[i] = (uint8_t)(first + i);
    crypto_sign_seed_keypair(public_key, ret_signer->secret, ret_signer->seed);
    CHECK(note_key_init(&ret_signer->key, name, type, public_key, NULL) == 0);
}

static json_t *signer_json(const struct signer *signer)
{
    struct buf vkey = {0};
    json_t *json = json_object();
    note_key_format(&signer->key, &vkey);
    json_object_set_new(json, "name", json_string(signer->key.name));
    json_object_set_new(json, "seed", hex_json(bytes_of(signer->seed, 32)));
    json_object_set_new(json, "public_key", hex_json(bytes_of(signer->key.public_key, 32)));
    json_object_set_new(json, "key_id", hex_json(bytes_of(signer->key.id, 4)));
    json_object_set_new(json, "vkey", text_json(&vkey));
    buf_fini(&vkey);
    return json;
}

static void texts_add(json_t *root, const struct merkle_reader *reader)
{
    struct signer log;
    struct signer witness;
    struct checkpoint head = {.size = LEAF_COUNT};
    struct tlogproof proof = {.index = 5};
    struct buf note = {0};
    struct buf text = {0};
    signer_fill(&log, origin, NOTE_KEY_ED25519, 0x00);
    signer_fill(&witness, witness_name, NOTE_KEY_COSIGNATURE, 0x20);
    memcpy(head.origin, origin, sizeof origin);
    CHECK(merkle_root_at(reader, LEAF_COUNT, head.root, NULL) == 0);
    CHECK(checkpoint_sign(&head, log.secret, &note, NULL) == 0);
    json_object_set_new(root, "log_key", signer_json(&log));
    json_object_set_new(root, "checkpoint", text_json(&note));

    CHECK(merkle_prove_inclusion(reader, proof.index, LEAF_COUNT, &proof.inclusion, NULL) == 0);
    proof.checkpoint = buf_bytes(&note);
    CHECK(tlogproof_format(&proof, &text, NULL) == 0);
    json_object_set_new(root, "tlog_proof_of_record_5", text_json(&text));
    proof.extra = bytes_of_str("extra");
    buf_reset(&text);
    CHECK(tlogproof_format(&proof, &text, NULL) == 0);
    json_object_set_new(root, "tlog_proof_of_record_5_with_extra", text_json(&text));

    CHECK(note_append_cosignature(&note, witness_name, witness.secret, cosigned_s, NULL) == 0);
    json_object_set_new(root, "witness_key", signer_json(&witness));
    json_object_set_new(root, "cosigned_s", number_json(cosigned_s));
    json_object_set_new(root, "cosigned_checkpoint", text_json(&note));
    buf_fini(&note);
    buf_fini(&text);
}

char *proofs_vectors(void)
{
    struct rows rows;
    struct merkle_reader reader = {.node = rows_node, .ctx = &rows};
    json_t *root = json_object();
    rows_fill(&rows);
    json_object_set_new(
        root, "about",
        json_string(
            "A journal of seven records; record i is the i bytes 00 01 02 .. Hashes and keys "
            "are hex. Made by tests/vectors/make_proofs.c, compared by unit.proofs."));
    json_object_set_new(root, "rows", rows_json(&rows));
    json_object_set_new(root, "nodes", nodes_json(&rows));
    json_object_set_new(root, "roots", roots_json(&reader));
    json_object_set_new(root, "inclusion", inclusion_json(&reader));
    json_object_set_new(root, "consistency", consistency_json(&reader));
    texts_add(root, &reader);
    char *dumped = json_dumps(root, JSON_INDENT(2));
    CHECK(dumped != NULL);
    json_decref(root);
    size_t len = strlen(dumped);
    char *text = realloc(dumped, len + 2);
    CHECK(text != NULL);
    memcpy(text + len, "\n", 2);
    return text;
}
