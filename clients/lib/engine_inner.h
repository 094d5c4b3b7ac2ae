/* engine_inner: what the files of engine share. Not for anyone else.
 *
 * The files stand on each other in the order of their sections below, and one calls only those
 * above it; tests/tidy/check-layers reads that order here and looks at what each object asks for.
 */
#ifndef CLIENTS_LIB_ENGINE_INNER_H
#define CLIENTS_LIB_ENGINE_INNER_H

#include <string.h>

#include "clients/lib/engine.h"
#include "proto/base/check.h"
#include "proto/host/file.h"

enum {
    ENGINE_ARENA_BYTES_MAX = LIMIT_FRAME_BYTES_MAX * 8,
    ENGINE_PING_MS = 15000,
    ENGINE_SILENT_MS = 45000,
    ENGINE_GREETING_MS = 10000,
    ENGINE_PROOF_MS = 1000,
    ENGINE_ACK_MS = 50,    /* a normal lane's acknowledgement waits so long for company */
    ENGINE_ACK_COUNT = 64, /* or until it speaks for so many */
    ENGINE_ASK_AGAIN_MS = 5000,
    ENGINE_RETRY_MS = 200,
    ENGINE_AT_ONCE_MAX = 8, /* attempts that a remedy may bring without a pause */
    ENGINE_RETRY_MAX_MS = 60000,
    ENGINE_RESET_MS = 1000,
    ENGINE_ONCE_DAYS = 30,
};

static inline struct bytes engine_bytes(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}
static inline ProtobufCBinaryData engine_binary(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}
static inline char *engine_text(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}
static inline void engine_copy(char *ret, size_t cap, const char *text)
{
    size_t len = strlen(text);
    if (len >= cap) len = cap - 1;
    memcpy(ret, text, len);
    ret[len] = 0;
}

/* The bus's time, as far as it is known. */
static inline uint64_t engine_bus_ms(const struct engine *engine, const struct moment *moment)
{
    return (uint64_t)((int64_t)moment->now_ms + engine->stats.clock_offset_ms);
}

/* Is it so long since then? Also when the clock was set back behind it. */
static inline bool engine_due(const struct moment *moment, uint64_t since_ms, uint64_t after_ms)
{
    return moment->now_ms < since_ms || moment->now_ms - since_ms >= after_ms;
}

/* The message with that id, as long as it is not settled. */
static inline struct engine_pending *engine_pending_of(struct engine *engine, const uint8_t id[16])
{
    return map_find_pointer(&engine->pending_of, id);
}
static inline struct engine_pending *engine_pending_find(struct engine *engine,
                                                         ProtobufCBinaryData id)
{
    return id.len == 16 ? engine_pending_of(engine, id.data) : NULL;
}

/* Is an error that our own disk or memory gave, and not a peer? */
static inline bool engine_own_trouble(int code)
{
    return code == E_IO || code == E_DISK_FULL || code == E_NO_MEMORY || code == E_STORE_LOCKED ||
           code == E_STORE_CORRUPT;
}

/* ---- engine_base.c: what all stand on -----------------------------------------------------------
 */
void engine_make_id(struct moment *moment, uint8_t ret_id[16]); /* RFC 9562 version 7 */
/* Sets the version. */
void engine_emit(struct engine *engine, Leadbus__Frame *frame);
void engine_emit_bytes(struct engine *engine, struct buf *take_bytes);
int engine_ask_bundle(struct engine *engine, const struct moment *moment, uint64_t version);
int engine_ask_keys(struct engine *engine, const struct moment *moment, bool all);
void engine_note(struct engine *engine, const struct moment *moment, const struct error *error);
/* A proof did not hold: kept until somebody looks. */
void engine_alarm(struct engine *engine, const struct moment *moment, const struct error *error);
/* A greeting held: the journal that answers now holds all that we have seen, so an alarm that it
 * does not is over. Others stay: what they tell of is not undone by it. */
void engine_alarm_over(struct engine *engine);
/* A frame that is not believed; the connection is given up. */
void engine_refuse(struct engine *engine, const struct moment *moment, const struct error *error);
void engine_tell(struct engine *engine, unsigned changes, const uint8_t *id);
/* The bundle of a version: the one in force, or an older one kept. NULL: not here. */
struct trust_bundle *engine_bundle_of(struct engine *engine, uint64_t version);

/* ---- engine_heads.c: heads of the journal -------------------------------------------------------
 */
int engine_heads_load(struct engine *engine, struct error *ret_error) MUST_USE;
int engine_proof_of(ProtobufCBinaryData *hashes, size_t count, struct merkle_proof *ret,
                    struct error *ret_error) MUST_USE;
/* Verified by a broker's log key under that origin. */
int engine_head_verify(struct engine *engine, struct bytes note, const char *origin,
                       struct checkpoint *ret, struct error *ret_error) MUST_USE;
/* Verified by a broker's log key and the origin, held against what is trusted. Sets latest. */
int engine_head_check(struct engine *engine, struct bytes note, struct checkpoint *ret,
                      struct error *ret_error) MUST_USE;
int engine_head_trust(struct engine *engine, const struct checkpoint *checkpoint, struct bytes note,
                      struct error *ret_error) MUST_USE;
/* Heads of an earlier connection that were never proved do not bind the broker we now meet. */
void engine_heads_restart(struct engine *engine);
/* An answer to what engine_heads_tick asked. */
int engine_proof(struct engine *engine, struct moment *moment, const Leadbus__Proof *proof,
                 struct error *ret_error) MUST_USE;
void engine_heads_tick(struct engine *engine, const struct moment *moment);
uint64_t engine_heads_next_ms(const struct engine *engine);

/* ---- engine_rest.c: sealed for our own store ----------------------------------------------------
 */
void engine_rest_seal(struct engine *engine, struct moment *moment, const uint8_t id[16],
                      struct bytes plain, struct buf *ret_sealed);
int engine_rest_open(struct engine *engine, const uint8_t id[16], struct bytes sealed,
                     struct buf *ret_plain, struct error *ret_error) MUST_USE;
/* Another key out of the unit's sealed secrets, for one purpose. The caller wipes it. */
void engine_rest_key(const struct engine *engine, const char *purpose, uint8_t ret_key[32]);
/* Thread and its key from the box; a new one when it is not there. */
struct engine_thread {
    struct thread thread;
    uint8_t key[32];
    struct buf sealed_key;
    bool fresh;
};
int engine_thread_load(struct engine *engine, struct moment *moment, const uint8_t id[16],
                       struct engine_thread *ret, struct error *ret_error) MUST_USE;
int engine_thread_save(struct engine *engine, const struct moment *moment,
                       const struct engine_thread *thread, struct error *ret_error) MUST_USE;
void engine_thread_fini(struct engine_thread *thread);
/* The index of what this unit owes says of a thread what the thread says; saving a thread keeps it.
 * now_ms: what is repeated counts from when it came here; 0: that is over. */
int engine_legs_note(struct engine *engine, const struct thread *thread, uint64_t now_ms,
                     struct error *ret_error) MUST_USE;
/* Sections with their keys, sealed under the thread key into ret_sealed. */
void content_seal(struct moment *moment, const uint8_t thread_key[32], const uint8_t id[16],
                  const struct seal_section *sections, const uint8_t (*keys)[SUITE_KEY_LEN],
                  size_t count, struct buf *ret_sealed);
/* The same of what was opened. */
void engine_content_of(struct moment *moment, const uint8_t thread_key[32], const uint8_t id[16],
                       const struct envelope *envelope, const struct opened *opened,
                       struct buf *ret_sealed);

/* ---- engine_same.c: numbers that messages have in common ----------------------------------------
 *
 * Into the blind index: those of our own message, and of what we may open of one that came. Errors:
 * of the store. */
/* ---- engine_revision.c: the numbers of an alert's revisions -------------------------------------
 */
/* Does a draft count on from what this unit has of its thread (NULL: it opens one)? E_BAD_VALUE
 * with the field. A section that states no number passes. */
int engine_revision_check(struct engine *engine, const struct plan_kind *kind,
                          const struct engine_draft *draft, const uint8_t *thread,
                          struct error *ret_error) MUST_USE;

int engine_same_note(struct engine *engine, const uint8_t id[16], const uint8_t thread[16],
                     const char *kind_slug, const struct seal_section *sections, size_t count,
                     struct error *ret_error) MUST_USE;
int engine_same_opened(struct engine *engine, const struct box_in *row,
                       const struct envelope *envelope, const struct opened *opened,
                       struct error *ret_error) MUST_USE;

/* ---- engine_keys.c: epoch keys, peers, sessions, KEKs -------------------------------------------
 */
void engine_keys_load(struct engine *engine);
int engine_key_take(struct engine *engine, const Leadbus__EpochKey *key, bool keep,
                    struct error *ret_error) MUST_USE;
/* What to seal to at a time of the bus: the newest key of the newest certificate that is valid
 * then. A revoked, replaced or expired certificate's keys are none. NULL: the unit has no key. */
struct engine_key *engine_key_newest(struct engine *engine, const char *unit, uint64_t bus_ms);
bool engine_key_known(const struct engine *engine, const char *unit, uint64_t serial,
                      uint64_t epoch, const uint8_t public_key[32]);
/* Forgets, here and in the box, what nothing may be sealed to any more. */
int engine_keys_expire(struct engine *engine, uint64_t bus_ms, struct error *ret_error) MUST_USE;
int engine_peers_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* Of a unit in one lane; made when it is not there. Until the next call. */
struct box_peer *engine_peer(struct engine *engine, const char *unit, unsigned lane);
void engine_peer_changed(struct engine *engine, const struct box_peer *peer);
int engine_peers_flush(struct engine *engine, struct error *ret_error) MUST_USE;
void engine_session(struct engine *engine, struct moment *moment, bool fresh);
int engine_kek_out(struct engine *engine, struct engine_key *key, bool cached, uint8_t ret_kek[32],
                   struct error *ret_error) MUST_USE;
int engine_kek_in(struct engine *engine, const struct envelope *envelope, int recipient,
                  bool cached, uint8_t ret_kek[32], struct error *ret_error) MUST_USE;

/* ---- engine_rebuild.c ---------------------------------------------------------------------------
 */
/* The headers of a thread's messages that stand in the journal, in its order, those among them that
 * could not be opened here. time_ms: record time. each: 0 to go on, else the walk ends with it. */
typedef int engine_head_each(void *ctx, const Leadbus__Header *head, uint64_t index,
                             uint64_t time_ms);
int engine_thread_heads(struct engine *engine, const uint8_t id[16], engine_head_each *each,
                        void *ctx, struct error *ret_error) MUST_USE;
/* What the bus said of its requests that nobody answered in time, of one notice and of all that the
 * box has. ret_any (may be NULL) becomes true where one of them waits here. */
void engine_unanswered(const Leadbus__Tick *tick, struct thread *thread, bool *ret_any);
int engine_thread_notices(struct engine *engine, struct thread *thread,
                          struct error *ret_error) MUST_USE;
/* Folds a thread anew from what the box holds. */
int engine_thread_rebuild(struct engine *engine, struct moment *moment, const uint8_t id[16],
                          struct error *ret_error) MUST_USE;
/* Fills the index of what this unit owes from the threads, once, and mends the threads that were
 * folded by rules before these. */
int engine_legs_load(struct engine *engine, struct moment *moment,
                     struct error *ret_error) MUST_USE;

/* ---- engine_file.c: engine.h and engine_file.h --------------------------------------------------
 */

/* ---- engine_room.c: room in the folder of attachments -------------------------------------------
 *
 * A root counts once, however many messages name it. What one unit sent may take half of what
 * everything else leaves of attachment_bytes_max: so there is room for others whoever sends how
 * much. Our own files may take all that is left (client_attach.c). */
int engine_room_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* Sets row->kept; the caller writes the row. 1: above the sender's share, which is noted unless the
 * row says so already. */
int engine_room_take(struct engine *engine, struct moment *moment, struct box_attachment *row,
                     struct error *ret_error) MUST_USE;
/* A row that was kept is written as one that is not, or deleted. The chunks go with the last. */
int engine_room_leave(struct engine *engine, const struct box_attachment *row,
                      struct error *ret_error) MUST_USE;

/* ---- engine_transfer.c: the list of files on their way, and engine_transfer.h -------------------
 */
int engine_transfers_load(struct engine *engine, struct error *ret_error) MUST_USE;
void engine_transfers_free(struct engine *engine); /* it may be loaded again */
void engine_transfers_unsent(struct engine *engine);
void engine_transfer_add(struct engine *engine, const struct box_attachment *row);
/* The message was refused or is gone: nothing of it is sent any more. */
void engine_transfers_cancel(struct engine *engine, const uint8_t message[16]);
uint64_t engine_transfers_next_ms(const struct engine *engine);
/* Room has come free: those that wait for some are looked at again. */
void engine_transfers_room(struct engine *engine);

/* ---- engine_attach.c: files of messages ---------------------------------------------------------
 */
/* A draft whose attachments have been put into the section that they go with. */
struct attach_stage {
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    struct buf section;
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count;
};
/* Changes draft->sections to those in ret. */
int engine_attach_prepare(struct engine *engine, const struct plan_kind *kind,
                          struct engine_draft *draft, struct attach_stage *ret,
                          struct error *ret_error) MUST_USE;
void attach_stage_fini(struct attach_stage *stage); /* wipes */
/* They belong to the message now, which waits for them. */
int engine_attach_staged(struct engine *engine, struct attach_stage *stage,
                         const struct engine_pending *pending, struct error *ret_error) MUST_USE;
/* The broker says that it lacks chunks of this message: all are announced again. */
int engine_attach_again(struct engine *engine, const struct engine_pending *pending,
                        struct error *ret_error) MUST_USE;
/* What the manifest must say of the attachments that the sections name, in order. */
int engine_attach_manifest(const struct seal_section *sections, size_t section_count,
                           struct seal_attachment ret[LIMIT_ATTACHMENT_COUNT_MAX],
                           size_t *ret_count, struct error *ret_error) MUST_USE;
/* Are the files of the sections that we opened those of the manifest? E_PAYLOAD_INVALID. */
int engine_attach_check(const struct envelope *envelope, const struct opened *opened,
                        struct error *ret_error) MUST_USE;
/* Rows for what is to be fetched of a message that was stored. */
int engine_attach_received(struct engine *engine, struct moment *moment,
                           const struct envelope *envelope, const struct opened *opened,
                           const struct box_in *row, struct error *ret_error) MUST_USE;
/* It stands in the journal at index after all: now it can be fetched. */
int engine_attach_proved(struct engine *engine, const uint8_t message[16], uint64_t index,
                         struct error *ret_error) MUST_USE;
int engine_attach_sweep(struct engine *engine, const struct moment *moment,
                        struct error *ret_error) MUST_USE;

/* ---- engine_erase.c: deleting what was stood down -----------------------------------------------
 */
/* The contents and files of all alerts that came on a thread; what is on its way is not fetched. */
int engine_erase_alerts(struct engine *engine, const uint8_t thread[16],
                        struct error *ret_error) MUST_USE;
/* Of all messages that came on it. */
int engine_erase_thread(struct engine *engine, const uint8_t thread[16],
                        struct error *ret_error) MUST_USE;

/* ---- engine_outbox.c: messages that are not settled ---------------------------------------------
 */
int engine_outbox_load(struct engine *engine, struct error *ret_error) MUST_USE;
void engine_outbox_free(struct engine *engine);
/* The row was added to the box: it waits now. */
struct engine_pending *engine_pending_new(struct engine *engine, const struct box_out *row);
/* Back among those that wait, in order of number. */
void engine_pending_wait(struct engine *engine, struct engine_pending *pending);
void engine_pending_settle(struct engine *engine, struct engine_pending *pending);
void engine_outbox_unsent(struct engine *engine);
/* What waited for a bundle or keys may go on. */
void engine_outbox_release(struct engine *engine, enum engine_want want);
/* Something came back that others may refer to: what is sent again need not wait any longer. */
void engine_outbox_wake(struct engine *engine);
uint64_t engine_backoff_ms(const struct engine_pending *pending);
/* What is wrong, into its columns. */
void engine_row_why(struct box_out *row, const struct error *why);
/* A message that stays refused, with why. */
int engine_row_refused(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                       const struct error *why, struct error *ret_error) MUST_USE;

/* ---- engine_seal.c: engine_seal.h ---------------------------------------------------------------
 */

/* ---- engine_stage.c: engine_stage of engine.h ---------------------------------------------------
 */

/* ---- engine_reseal.c ----------------------------------------------------------------------------
 */
/* 0: sealed anew; 1: it cannot be, and the row says why. */
int engine_reseal(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                  struct error *ret_error) MUST_USE;

/* ---- engine_send.c ------------------------------------------------------------------------------
 */
int engine_outbox_fill(struct engine *engine, struct moment *moment,
                       struct error *ret_error) MUST_USE;
uint64_t engine_outbox_next_ms(const struct engine *engine);

/* ---- engine_lanes.c: positions, and what is acknowledged ----------------------------------------
 */
int engine_lanes_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* It came and could not be taken: the acknowledgement says so. */
void engine_lane_except(struct engine_lane *lane, const struct box_in *row);
/* Positions of the lane are passed by, or have come after all: what senders count cannot be held
 * against what came until the next envelope of each. */
int engine_lane_apart(struct engine *engine, unsigned number, bool apart,
                      struct error *ret_error) MUST_USE;
int engine_lanes_flush(struct engine *engine, struct moment *moment,
                       struct error *ret_error) MUST_USE;
void engine_lane_acked(struct engine *engine, unsigned lane, uint64_t position);
/* When the normal lane's acknowledgement is due; UINT64_MAX = nothing to say. */
uint64_t engine_ack_ms(const struct engine *engine);

/* ---- engine_again.c: what was acknowledged and is not here --------------------------------------
 */
int engine_again_load(struct engine *engine, struct error *ret_error) MUST_USE;
void engine_again_begin(struct engine *engine, unsigned number, uint64_t until,
                        const uint8_t running[32]);
int engine_again_flush(struct engine *engine, const struct moment *moment,
                       struct error *ret_error) MUST_USE;
/* The next of them is in the box; `running` is the lane's hash there. */
int engine_again_took(struct engine *engine, const struct moment *moment, unsigned number,
                      const uint8_t running[32], struct error *ret_error) MUST_USE;
void engine_again_refused(struct engine *engine, const struct moment *moment, uint64_t after_ms);
void engine_again_forget(struct engine *engine); /* the connection is gone */
uint64_t engine_again_ms(const struct engine *engine);

/* ---- engine_incoming.c: engine_incoming.h, and for rewraps --------------------------------------
 */
int engine_check_payloads(struct engine *engine, const struct envelope *envelope,
                          const struct opened *opened, struct error *ret_error) MUST_USE;

/* ---- engine_rewrap.c: owed to others, and made for us -------------------------------------------
 */
int engine_rewrap_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* It went out with recipients that have no key. */
int engine_rewrap_receipted(struct engine *engine, const struct envelope *envelope, uint64_t number,
                            struct error *ret_error) MUST_USE;
/* A recipient's exceptions: what another wrap mends is owed. Fills id, thread and code of the
 * notice's row. */
int engine_rewrap_reported(struct engine *engine, const Leadbus__AckBody *body, struct box_in *row,
                           struct error *ret_error) MUST_USE;
void engine_rewrap_wake(struct engine *engine, bool bundle); /* keys have come, or a bundle */
int engine_rewrap_flush(struct engine *engine, struct moment *moment,
                        struct error *ret_error) MUST_USE;
int engine_rewrap_done(struct engine *engine, const Leadbus__RewrapDone *done,
                       struct error *ret_error) MUST_USE;
/* True: it was of a rewrap; *ret_code of the environment. */
bool engine_rewrap_refused(struct engine *engine, struct moment *moment,
                           const Leadbus__Refusal *refusal, const struct error *why, int *ret_code,
                           struct error *ret_error);
void engine_rewrap_forget(struct engine *engine); /* the connection is gone */
uint64_t engine_rewrap_ms(const struct engine *engine);
/* A rewrap for us: opens what waits for it, or is kept until that comes. `bytes`: the record's. */
int engine_rewrapped(struct engine *engine, struct moment *moment, const Leadbus__Record *record,
                     struct bytes bytes, struct box_in *row, struct error *ret_error) MUST_USE;
/* The exception may have been rewrapped before it came. */
int engine_rewrapped_early(struct engine *engine, struct moment *moment, const struct box_in *row,
                           struct error *ret_error) MUST_USE;
/* Opens an original with the keys of a rewrap for us: its signer, our epoch, the payloads. */
int engine_rewrap_open(struct engine *engine, const Leadbus__Rewrapped *rewrapped,
                       const Leadbus__RewrapBody *body, const struct envelope *original,
                       struct opened *ret_opened, struct error *ret_error) MUST_USE;
/* A message came that may pass on what we sent: its new unit is owed the keys. */
int engine_rewrap_passed(struct engine *engine, const struct thread *thread,
                         const Leadbus__Header *head, struct error *ret_error) MUST_USE;

/* ---- engine_passed.c: what was passed on to us --------------------------------------------------
 */
/* The original that came beside the notice of its keys: proved, genuine, opened, stored. What is
 * wrong with it is noted, and the notice stands without it. */
int engine_passed_on(struct engine *engine, struct moment *moment,
                     const Leadbus__Delivery *delivery, const Leadbus__Rewrapped *rewrapped,
                     struct box_in *notice, struct error *ret_error) MUST_USE;

/* ---- engine_receive.c ---------------------------------------------------------------------------
 */
int engine_delivery(struct engine *engine, struct moment *moment, const Leadbus__Delivery *delivery,
                    struct bytes frame, struct error *ret_error) MUST_USE;
/* Deliveries that wait for a bundle: the connection is gone. */
void engine_held_forget(struct engine *engine);

/* ---- engine_upload.c: files on their way out ----------------------------------------------------
 */
int engine_upload(struct engine *engine, struct moment *moment, const Leadbus__Upload *upload,
                  struct error *ret_error) MUST_USE;
int engine_chunk_stored(struct engine *engine, struct moment *moment,
                        const Leadbus__ChunkStored *stored, struct error *ret_error) MUST_USE;
int engine_upload_refused(struct engine *engine, struct moment *moment,
                          const Leadbus__Refusal *refusal, const struct error *why,
                          struct error *ret_error) MUST_USE;
int engine_uploads_pump(struct engine *engine, struct moment *moment,
                        struct error *ret_error) MUST_USE;

/* ---- engine_fetch.c: files on their way in ------------------------------------------------------
 */
int engine_leaves(struct engine *engine, struct moment *moment, const Leadbus__Leaves *leaves,
                  struct error *ret_error) MUST_USE;
int engine_chunk(struct engine *engine, struct moment *moment, const Leadbus__Chunk *chunk,
                 struct error *ret_error) MUST_USE;
int engine_fetch_refused(struct engine *engine, struct moment *moment,
                         const Leadbus__Refusal *refusal, const struct error *why,
                         struct error *ret_error) MUST_USE;
/* Looks through the next chunk of what is all here. */
int engine_fetch_check(struct engine *engine, struct moment *moment,
                       struct error *ret_error) MUST_USE;
int engine_fetches_pump(struct engine *engine, struct moment *moment,
                        struct error *ret_error) MUST_USE;

/* ---- engine_watch.c: engine_thread_ask of engine.h
 * ------------------------------------------------
 */
int engine_thread_reply(struct engine *engine, struct moment *moment,
                        const Leadbus__ThreadReply *reply, struct error *ret_error) MUST_USE;
void engine_watch_refused(struct engine *engine, const struct moment *moment, int code);
void engine_watch_forget(struct engine *engine); /* the connection is gone */

/* ---- engine_answer.c ----------------------------------------------------------------------------
 */
int engine_receipt(struct engine *engine, struct moment *moment, const Leadbus__Receipt *receipt,
                   struct error *ret_error) MUST_USE;
int engine_refusal(struct engine *engine, struct moment *moment, const Leadbus__Refusal *refusal,
                   struct error *ret_error) MUST_USE;

/* ---- engine_bundle.c: bundles and epoch keys that come, own keys that go ------------------------
 */
int engine_keys_index_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* The keys held are those of the bundle: all others are asked for again, and ours are published
 * where they are not among them. */
int engine_keys_restart(struct engine *engine, struct error *ret_error) MUST_USE;
/* 1: it was not taken, and noted. */
int engine_bundle_reply(struct engine *engine, struct moment *moment,
                        const Leadbus__BundleReply *reply, struct error *ret_error) MUST_USE;
int engine_keys_reply(struct engine *engine, struct moment *moment, const Leadbus__Keys *keys,
                      struct error *ret_error) MUST_USE;

/* ---- engine_goback.c: engine_goback.h -----------------------------------------------------------
 */

/* ---- engine_restored.c: a journal put back from a backup, and engine_restored_confirm of engine.h
 * ----------------------------------------------------------------------------------------------
 */
int engine_restored_load(struct engine *engine, struct error *ret_error) MUST_USE;
/* Sets `seen`: the head to greet with. */
void engine_restored_greet(struct engine *engine);
/* The welcome is of our own origin: a newer copy was found after all, and nothing waits for a word
 * any more. E_ORIGIN_MISMATCH: we greeted as if it were gone; greet again. */
int engine_restored_over(struct engine *engine, struct error *ret_error) MUST_USE;
/* The welcome is of another origin than ours. 0: the journal came from ours, and we stand where it
 * has us. E_JOURNAL_RESTORED: it did, and people must say so first; E_ORIGIN_MISMATCH: it is
 * another one; E_JOURNAL_FORKED and others: it does not hold. */
int engine_restored_welcome(struct engine *engine, struct moment *moment,
                            const Leadbus__Welcome *welcome, struct error *ret_error) MUST_USE;

/* ---- engine_connection.c: the greeting, and whether anybody is there ----------------------------
 */
int engine_welcome(struct engine *engine, struct moment *moment, const Leadbus__Welcome *welcome,
                   struct error *ret_error) MUST_USE;
void engine_pong(struct engine *engine, const struct moment *moment, const Leadbus__Pong *pong);
/* Gives up who does not answer, asks who is silent. */
void engine_connection_tick(struct engine *engine, struct moment *moment);
uint64_t engine_connection_next_ms(const struct engine *engine);

/* ---- engine.c: life, frames, time; calls all the others -----------------------------------------
 */

#endif
