/* The stages of a lead with a recipient; of the processes that the bench forks alone, which are the
 * recipients. The functions wrapped here stand in CMakeLists.txt too, for the linker. */
#include "clients/lib/box.h"
#include "clients/lib/engine_incoming.h"
#include "proto/record.h"

enum {
    STAGE_CURVE,
    STAGE_DECODE,
    STAGE_PROVE,
    STAGE_JUDGE,
    STAGE_VERIFY,
    STAGE_HASH,
    STAGE_KEY,
    STAGE_OPEN,
    STAGE_FOLD,
    STAGE_SEAL,
    STAGE_STORE,
    STAGE_SAME,
    STAGE_ACK,
    STAGE_COMMIT,
    STAGE_ENGINE,
    STAGE_COUNT
};
static const char *const NAMES[] = {
    [STAGE_CURVE] = "curve",   [STAGE_DECODE] = "decode", [STAGE_PROVE] = "prove",
    [STAGE_JUDGE] = "judge",   [STAGE_VERIFY] = "verify", [STAGE_HASH] = "hash",
    [STAGE_KEY] = "key",       [STAGE_OPEN] = "open",     [STAGE_FOLD] = "fold",
    [STAGE_SEAL] = "seal",     [STAGE_STORE] = "store",   [STAGE_ACK] = "ack",
    [STAGE_COMMIT] = "commit", [STAGE_ENGINE] = "engine", [STAGE_SAME] = "same",
};

#include "tests/bench/stages_curve.h"

__attribute__((constructor)) static void begin(void)
{
    stages_find_boxes();
    stages_init(NAMES, STAGE_COUNT, 1);
}

/* ---- what comes in ----------------------------------------------------------------------------
 */
STAGES_WRAP(int, engine_frame, STAGE_ENGINE,
            (struct engine * engine, struct moment *moment, struct bytes frame,
             struct error *ret_error),
            (engine, moment, frame, ret_error))
STAGES_WRAP(int, frame_decode, STAGE_DECODE,
            (struct bytes input, struct arena *arena, const Leadbus__Frame **ret,
             struct error *ret_error),
            (input, arena, ret, ret_error))
STAGES_WRAP(int, incoming_read, STAGE_DECODE,
            (struct engine * engine, struct incoming *in, struct error *ret_error),
            (engine, in, ret_error))
STAGES_WRAP(int, incoming_prove, STAGE_PROVE,
            (struct engine * engine, struct incoming *in, struct error *ret_error),
            (engine, in, ret_error))

/* ---- what it is -------------------------------------------------------------------------------
 */
STAGES_WRAP(int, incoming_judge, STAGE_JUDGE,
            (struct engine * engine, struct incoming *in, struct error *ret_error),
            (engine, in, ret_error))
STAGES_WRAP(int, envelope_verify, STAGE_VERIFY,
            (const struct envelope *envelope, const uint8_t identity[SUITE_PUBLIC_LEN]),
            (envelope, identity))
STAGES_WRAP(int, envelope_check_ciphertexts, STAGE_HASH,
            (const struct envelope *envelope, bool need_all, struct error *ret_error),
            (envelope, need_all, ret_error))
STAGES_WRAP(int, engine_kek_in, STAGE_KEY,
            (struct engine * engine, const struct envelope *envelope, int recipient, bool cached,
             uint8_t ret_kek[32], struct error *ret_error),
            (engine, envelope, recipient, cached, ret_kek, ret_error))
STAGES_WRAP(int, envelope_open, STAGE_OPEN,
            (const struct envelope *envelope, const char *unit, const uint8_t kek[SUITE_KEY_LEN],
             struct opened *ret, struct error *ret_error),
            (envelope, unit, kek, ret, ret_error))

/* ---- what is kept -----------------------------------------------------------------------------
 */
STAGES_WRAP(int, engine_thread_load, STAGE_FOLD,
            (struct engine * engine, struct moment *moment, const uint8_t id[16],
             struct engine_thread *ret, struct error *ret_error),
            (engine, moment, id, ret, ret_error))
STAGES_WRAP_VOID(thread_apply, STAGE_FOLD,
                 (struct thread * thread, const struct plan *plan, const char *self,
                  const Leadbus__Header *head, uint64_t index, uint64_t time_ms),
                 (thread, plan, self, head, index, time_ms))
STAGES_WRAP(int, engine_thread_save, STAGE_FOLD,
            (struct engine * engine, const struct moment *moment,
             const struct engine_thread *thread, struct error *ret_error),
            (engine, moment, thread, ret_error))
STAGES_WRAP_VOID(engine_content_of, STAGE_SEAL,
                 (struct moment * moment, const uint8_t thread_key[32], const uint8_t id[16],
                  const struct envelope *envelope, const struct opened *opened,
                  struct buf *ret_sealed),
                 (moment, thread_key, id, envelope, opened, ret_sealed))
STAGES_WRAP(int, box_in_add, STAGE_STORE,
            (struct box * box, struct box_in *row, struct bytes record, struct bytes sealed,
             struct bytes envelope, struct error *ret_error),
            (box, row, record, sealed, envelope, ret_error))
STAGES_WRAP(int, box_in_find, STAGE_STORE,
            (struct box * box, const uint8_t id[16], struct box_in *ret_row,
             struct error *ret_error),
            (box, id, ret_row, ret_error))
STAGES_WRAP(int, engine_same_opened, STAGE_SAME,
            (struct engine * engine, const struct box_in *row, const struct envelope *envelope,
             const struct opened *opened, struct error *ret_error),
            (engine, row, envelope, opened, ret_error))
STAGES_WRAP(int, engine_flush, STAGE_ACK,
            (struct engine * engine, struct moment *moment, struct error *ret_error),
            (engine, moment, ret_error))
STAGES_WRAP(int, box_commit, STAGE_COMMIT, (struct box * box, struct error *ret_error),
            (box, ret_error))
