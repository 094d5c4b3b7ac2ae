/* engine_transfer: one attachment on its way. For the files of engine that send and fetch. */
#ifndef CLIENTS_LIB_ENGINE_TRANSFER_H
#define CLIENTS_LIB_ENGINE_TRANSFER_H

#include "clients/lib/engine_inner.h"

enum {
    ENGINE_TRANSFER_RETRY_MS = 1000,
    ENGINE_TRANSFER_ROOM_MS = 60000, /* our own disk has no room: when to look again */
};

/* Back to the beginning; what is stored at either end stays. */
void transfer_rest(struct engine *engine, struct engine_transfer *transfer, uint64_t retry_ms);
void transfer_free(struct engine *engine, struct engine_transfer *transfer);
/* Among those that wait for room. */
void transfer_roomless(struct engine *engine, struct engine_transfer *transfer);
/* The one at work that an answer is about. */
struct engine_transfer *transfer_at_work(struct engine *engine, bool out, ProtobufCBinaryData root);
/* The next chunk to ask or send for, which is in flight then; false: none is missing, or enough are
 * on their way. */
bool transfer_take_off(struct engine_transfer *transfer, uint32_t *ret_number);
bool transfer_in_flight(const struct engine_transfer *transfer, uint32_t number);
void transfer_landed(struct engine_transfer *transfer, uint32_t number);
void transfer_mark(struct engine_transfer *transfer, uint32_t number); /* it is at both ends */
/* Before the next attempt; longer each time. */
uint64_t transfer_pause_ms(struct engine_transfer *transfer);
/* The next one to work at; NULL: none. */
struct engine_transfer *transfer_choose(struct engine *engine, const struct moment *moment,
                                        bool out);
bool transfer_silent(const struct moment *moment, const struct engine_transfer *transfer);

#endif
