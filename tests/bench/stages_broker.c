/* The stages of a lead in the broker. The functions wrapped here stand in CMakeLists.txt too, for
 * the linker. */
#include "broker/core/core.h"
#include "broker/shell/engine_inner.h"
#include "broker/store/store.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/merkle.h"
#include "proto/record.h"
#include "proto/suite.h"

enum {
    STAGE_CURVE,
    STAGE_DECODE,
    STAGE_VERIFY,
    STAGE_HASH,
    STAGE_ADMIT,
    STAGE_APPLY,
    STAGE_TREE,
    STAGE_CHECKPOINT,
    STAGE_APPEND,
    STAGE_RECEIPT,
    STAGE_PROOF,
    STAGE_DELIVER,
    STAGE_COUNT
};
static const char *const NAMES[] = {
    [STAGE_CURVE] = "curve",     [STAGE_DECODE] = "decode",
    [STAGE_VERIFY] = "verify",   [STAGE_HASH] = "hash",
    [STAGE_ADMIT] = "admit",     [STAGE_APPLY] = "apply",
    [STAGE_TREE] = "tree",       [STAGE_APPEND] = "append",
    [STAGE_RECEIPT] = "receipt", [STAGE_CHECKPOINT] = "checkpoint",
    [STAGE_DELIVER] = "deliver", [STAGE_PROOF] = "proof",
};

#include "tests/bench/stages_curve.h"

__attribute__((constructor)) static void begin(void)
{
    stages_find_boxes();
    stages_init(NAMES, STAGE_COUNT, 0);
}

/* ---- verify pool ------------------------------------------------------------------------------
 */
STAGES_WRAP(int, frame_decode, STAGE_DECODE,
            (struct bytes input, struct arena *arena, const Leadbus__Frame **ret,
             struct error *ret_error),
            (input, arena, ret, ret_error))
STAGES_WRAP(int, envelope_from_message, STAGE_DECODE,
            (const Leadbus__Envelope *message, struct arena *arena, struct envelope *ret,
             struct error *ret_error),
            (message, arena, ret, ret_error))
STAGES_WRAP(int, envelope_verify, STAGE_VERIFY,
            (const struct envelope *envelope, const uint8_t identity[SUITE_PUBLIC_LEN]),
            (envelope, identity))
STAGES_WRAP(int, signed_body_verify, STAGE_VERIFY,
            (const char *label, struct bytes body, struct bytes signature,
             const uint8_t public_key[SUITE_PUBLIC_LEN]),
            (label, body, signature, public_key))
STAGES_WRAP(int, envelope_check_ciphertexts, STAGE_HASH,
            (const struct envelope *envelope, bool need_all, struct error *ret_error),
            (envelope, need_all, ret_error))

/* ---- core -------------------------------------------------------------------------------------
 */
STAGES_WRAP(int, core_admit, STAGE_ADMIT,
            (const struct core *core, const struct core_request *request, struct buf *ret_record,
             struct core_verdict *ret_verdict),
            (core, request, ret_record, ret_verdict))
STAGES_WRAP(int, core_apply, STAGE_APPLY,
            (struct core * core, uint64_t index, struct bytes record,
             struct trust_bundle *take_bundle, struct core_effects *effects,
             struct error *ret_error),
            (core, index, record, take_bundle, effects, ret_error))

/* ---- writer -----------------------------------------------------------------------------------
 */
STAGES_WRAP_VOID(merkle_leaf_hash, STAGE_TREE, (struct bytes record, uint8_t ret_hash[static 32]),
                 (record, ret_hash))
STAGES_WRAP(size_t, merkle_frontier_append, STAGE_TREE,
            (struct merkle_frontier * frontier, const uint8_t leaf_hash[static 32],
             uint8_t ret_hashes[MERKLE_LEVEL_COUNT_MAX][32]),
            (frontier, leaf_hash, ret_hashes))
STAGES_WRAP_VOID(merkle_frontier_root, STAGE_TREE,
                 (const struct merkle_frontier *frontier, uint8_t ret_root[static 32]),
                 (frontier, ret_root))
STAGES_WRAP(int, checkpoint_sign, STAGE_CHECKPOINT,
            (const struct checkpoint *checkpoint, const uint8_t secret_key[static 64],
             struct buf *ret_note, struct error *ret_error),
            (checkpoint, secret_key, ret_note, ret_error))
STAGES_WRAP(int, store_append, STAGE_APPEND,
            (struct store * store, uint64_t expected_size, const struct store_record *records,
             size_t count, struct bytes checkpoint, struct error *ret_error),
            (store, expected_size, records, count, checkpoint, ret_error))

/* ---- effects ----------------------------------------------------------------------------------
 */
STAGES_WRAP_VOID(reply_receipt, STAGE_RECEIPT,
                 (struct engine * engine, const struct peer *peer, const struct lead *lead,
                  bool is_duplicate),
                 (engine, peer, lead, is_duplicate))
STAGES_WRAP(int, tree_inclusion, STAGE_PROOF,
            (struct tree * tree, uint64_t index, struct merkle_proof *ret_proof,
             struct error *ret_error),
            (tree, index, ret_proof, ret_error))
STAGES_WRAP(bool, deliver_pump, STAGE_DELIVER, (struct engine * engine, struct session *session),
            (engine, session))
