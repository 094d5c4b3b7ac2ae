/* Attachments on their way: announced and sent chunk by chunk, or fetched, looked through and kept.
 * One upload and one download are at work at a time, and of each a few chunks, whatever there is.
 */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

enum {
    TRANSFER_SILENT_MS = 60000,
    TRANSFER_RETRY_MS = 1000,
    TRANSFER_RETRY_MAX_MS = 60000,
    TRANSFER_DAMAGED_MS = 600000, /* the broker's disk: its operator has to mend that */
    TRANSFER_ROOM_MS = 60000,     /* our own disk */
};

/* ---- the list -----------------------------------------------------------------------------------
 */

static struct engine_pending *pending_of(struct engine *engine, const uint8_t message[16])
{
    return map_find_pointer(&engine->pending_of, message);
}

void engine_transfer_add(struct engine *engine, const struct box_attachment *row)
{
    struct engine_transfer *transfer = calloc(1, sizeof *transfer);
    CHECK(transfer != NULL);
    transfer->row = *row;
    transfer->out = row->state == BOX_ATTACHMENT_WAITING;
    transfer->count = (uint32_t)attachment_chunk_count(row->stream_len);
    transfer->window = ENGINE_TRANSFER_WINDOW;
    struct engine_transfer *at = TAILQ_LAST(&engine->transfers, engine_transfers);
    while (at && at->row.lane > row->lane) at = TAILQ_PREV(at, engine_transfers, link);
    if (at)
        TAILQ_INSERT_AFTER(&engine->transfers, at, transfer, link);
    else
        TAILQ_INSERT_HEAD(&engine->transfers, transfer, link);
    struct engine_pending *pending = transfer->out ? pending_of(engine, row->message) : NULL;
    if (pending) pending->uploads++;
}

static void check_free(struct engine_check *check)
{
    if (!check) return;
    engine_file_fini(&check->file);
    sodium_memzero(check, sizeof *check);
    free(check);
}

/* Back to the beginning; what is stored at either end stays. */
static void rest(struct engine *engine, struct engine_transfer *transfer, uint64_t retry_ms)
{
    transfer->state = TRANSFER_IDLE;
    transfer->flight_count = 0;
    transfer->retry_ms = retry_ms;
    buf_fini(&transfer->leaves);
    check_free(transfer->check);
    transfer->check = NULL;
    if (engine->up == transfer) engine->up = NULL;
    if (engine->down == transfer) engine->down = NULL;
}

static void transfer_free(struct engine *engine, struct engine_transfer *transfer)
{
    struct engine_pending *pending =
        transfer->out ? pending_of(engine, transfer->row.message) : NULL;
    if (pending && pending->uploads > 0) pending->uploads--;
    rest(engine, transfer, 0);
    TAILQ_REMOVE(&engine->transfers, transfer, link);
    free(transfer);
}

static int load_row(void *ctx, const struct box_attachment *row)
{
    struct engine *engine = ctx;
    /* One whose message has been refused since waits for nothing. */
    if (row->state == BOX_ATTACHMENT_WANTED || pending_of(engine, row->message))
        engine_transfer_add(engine, row);
    return 0;
}

int engine_transfers_load(struct engine *engine, struct error *ret_error)
{
    int r = box_attachments_pending(engine->box, load_row, engine, ret_error);
    if (r == 0) r = box_attachment_bytes(engine->box, &engine->attachment_bytes, ret_error);
    return r;
}

void engine_transfers_free(struct engine *engine)
{
    struct engine_transfer *transfer = TAILQ_FIRST(&engine->transfers);
    while (transfer) {
        struct engine_transfer *next = TAILQ_NEXT(transfer, link);
        check_free(transfer->check);
        buf_fini(&transfer->leaves);
        free(transfer);
        transfer = next;
    }
    TAILQ_INIT(&engine->transfers);
}

void engine_transfers_unsent(struct engine *engine)
{
    if (engine->up) rest(engine, engine->up, 0);
    if (engine->down && engine->down->state != TRANSFER_CHECKING) rest(engine, engine->down, 0);
}

void engine_transfers_cancel(struct engine *engine, const uint8_t message[16])
{
    struct engine_transfer *transfer = TAILQ_FIRST(&engine->transfers);
    while (transfer) {
        struct engine_transfer *next = TAILQ_NEXT(transfer, link);
        if (transfer->out && memcmp(transfer->row.message, message, 16) == 0)
            transfer_free(engine, transfer);
        transfer = next;
    }
}

const struct engine_transfer *engine_transfer_find(const struct engine *engine, uint64_t number)
{
    const struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    if (transfer->row.number == number) return transfer;
    return NULL;
}

/* The one at work that an answer is about. */
static struct engine_transfer *at_work(struct engine *engine, bool out, ProtobufCBinaryData root)
{
    struct engine_transfer *transfer = out ? engine->up : engine->down;
    if (!transfer || root.len != 32 || memcmp(root.data, transfer->row.root, 32) != 0) return NULL;
    return transfer;
}

static void landed(struct engine_transfer *transfer, uint32_t number)
{
    for (uint32_t i = 0; i < transfer->flight_count; i++) {
        if (transfer->flight[i] != number) continue;
        transfer->flight[i] = transfer->flight[--transfer->flight_count];
        return;
    }
}

static bool in_flight(const struct engine_transfer *transfer, uint32_t number)
{
    for (uint32_t i = 0; i < transfer->flight_count; i++)
        if (transfer->flight[i] == number) return true;
    return false;
}

/* The next chunk to ask or send for; false: none is missing, or enough are on their way. */
static bool take_off(struct engine_transfer *transfer, uint32_t *ret_number)
{
    if (transfer->flight_count >= transfer->window) return false;
    for (uint32_t i = 0; i < transfer->count; i++) {
        if (chunks_has(transfer->present, i) || in_flight(transfer, i)) continue;
        transfer->flight[transfer->flight_count++] = i;
        *ret_number = i;
        return true;
    }
    return false;
}

static void mark(struct engine_transfer *transfer, uint32_t number)
{
    if (chunks_has(transfer->present, number)) return;
    chunks_set(transfer->present, number);
    transfer->done_count++;
}

static uint64_t pause_ms(struct engine_transfer *transfer)
{
    uint32_t shift = transfer->attempts < 6 ? transfer->attempts++ : 6;
    uint64_t wait_ms = (uint64_t)TRANSFER_RETRY_MS << shift;
    return wait_ms > TRANSFER_RETRY_MAX_MS ? TRANSFER_RETRY_MAX_MS : wait_ms;
}

static void emit(struct engine *engine, Leadbus__Frame *frame)
{
    frame->version = 1;
    engine_emit(engine, frame);
}

/* ---- out ----------------------------------------------------------------------------------------
 */

/* Our own disk no longer has what was sealed: the message can never go. */
static int lost(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                struct error *why, struct error *ret_error)
{
    struct engine_pending *pending = pending_of(engine, transfer->row.message);
    if (engine_own_trouble(why->code) && why->code != E_IO) {
        rest(engine, transfer, moment->now_ms + TRANSFER_ROOM_MS);
        engine_note(engine, moment, why);
        return 0;
    }
    if (!pending) {
        transfer_free(engine, transfer);
        return 0;
    }
    return engine_row_refused(engine, moment, pending, why, ret_error);
}

static int announce(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                    struct error *ret_error)
{
    struct error why = {0};
    int r = chunks_leaves(engine->options.chunks, transfer->row.root, &transfer->leaves, &why);
    if (r == 0)
        r = attachment_leaves_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                    transfer->row.root, &why);
    if (r < 0) return lost(engine, moment, transfer, &why, ret_error);
    Leadbus__OpenUpload open = LEADBUS__OPEN_UPLOAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    open.root = engine_binary(bytes_of(transfer->row.root, 32));
    open.size = transfer->row.stream_len;
    open.leaves = engine_binary(buf_bytes(&transfer->leaves));
    frame.body_case = LEADBUS__FRAME__BODY_OPEN_UPLOAD;
    frame.open_upload = &open;
    emit(engine, &frame);
    transfer->state = TRANSFER_ASKED;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

static int send_chunks(struct engine *engine, struct moment *moment,
                       struct engine_transfer *transfer, struct error *ret_error)
{
    uint32_t number = 0;
    while (take_off(transfer, &number)) {
        struct buf chunk = {0};
        struct error why = {0};
        Leadbus__PutChunk put = LEADBUS__PUT_CHUNK__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        int r = chunks_get(engine->options.chunks, transfer->row.root, number, &chunk, &why);
        if (r == 0)
            r = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                       number, buf_bytes(&chunk), &why);
        if (r == 0) {
            put.root = engine_binary(bytes_of(transfer->row.root, 32));
            put.number = number;
            put.data = engine_binary(buf_bytes(&chunk));
            frame.body_case = LEADBUS__FRAME__BODY_PUT_CHUNK;
            frame.put_chunk = &put;
            emit(engine, &frame);
        }
        buf_fini(&chunk);
        if (r < 0) return lost(engine, moment, transfer, &why, ret_error);
    }
    return 0;
}

static int uploaded(struct engine *engine, struct engine_transfer *transfer,
                    struct error *ret_error)
{
    struct box_attachment row = transfer->row;
    row.state = BOX_ATTACHMENT_SENT;
    row.code = 0;
    transfer_free(engine, transfer);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return box_attachment_update(engine->box, &row, ret_error);
}

int engine_upload(struct engine *engine, struct moment *moment, const Leadbus__Upload *upload,
                  struct error *ret_error)
{
    struct engine_transfer *transfer = at_work(engine, true, upload->root);
    if (!transfer || transfer->state != TRANSFER_ASKED) return 0;
    if (upload->complete) return uploaded(engine, transfer, ret_error);
    memset(transfer->present, 0, sizeof transfer->present);
    transfer->done_count = 0;
    for (uint32_t i = 0; i < transfer->count && i / 8 < upload->present.len; i++)
        if (upload->present.data[i / 8] >> i % 8 & 1) mark(transfer, i);
    if (upload->window > 0 && upload->window < ENGINE_TRANSFER_WINDOW)
        transfer->window = upload->window;
    transfer->state = TRANSFER_RUNNING;
    transfer->heard_ms = moment->now_ms;
    /* All there, but not called complete: the last one again says what is the matter. */
    if (transfer->done_count == transfer->count) {
        transfer->present[(transfer->count - 1) / 8] &=
            (uint8_t) ~(1u << (transfer->count - 1) % 8);
        transfer->done_count--;
    }
    return 0;
}

int engine_chunk_stored(struct engine *engine, struct moment *moment,
                        const Leadbus__ChunkStored *stored, struct error *ret_error)
{
    struct engine_transfer *transfer = at_work(engine, true, stored->root);
    if (!transfer || transfer->state != TRANSFER_RUNNING || stored->number >= transfer->count)
        return 0;
    landed(transfer, stored->number);
    mark(transfer, stored->number);
    transfer->heard_ms = moment->now_ms;
    transfer->attempts = 0;
    if (stored->complete) return uploaded(engine, transfer, ret_error);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, transfer->row.message);
    return 0;
}

/* ---- in -----------------------------------------------------------------------------------------
 */

/* `report`: the sender and the office are to hear of it. */
static int give_up(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   bool report, const struct error *why, struct error *ret_error)
{
    struct box_attachment row = transfer->row;
    uint64_t count = 0;
    row.state = report ? BOX_ATTACHMENT_REFUSED : BOX_ATTACHMENT_CLOSED;
    row.code = why->code;
    if (report) engine->late = true;
    engine_note(engine, moment, why);
    transfer_free(engine, transfer);
    int r = box_attachment_update(engine->box, &row, ret_error);
    if (r == 0) r = box_attachment_count(engine->box, row.root, &count, ret_error);
    if (r == 0 && count == 1) r = chunks_erase(engine->options.chunks, row.root, ret_error);
    engine->attachment_bytes -= row.stream_len;
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return r;
}

/* Our own disk takes no more now. */
static int no_room(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   const struct error *why)
{
    engine_note(engine, moment, why);
    rest(engine, transfer, moment->now_ms + TRANSFER_ROOM_MS);
    return 0;
}

/* What the signed root does not stand behind: this connection is given up, and other files go
 * first on the next. */
static int disbelieve(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer, const struct error *why)
{
    rest(engine, transfer, moment->now_ms + pause_ms(transfer));
    engine_refuse(engine, moment, why);
    return 0;
}

static int begin_check(struct engine *engine, struct moment *moment,
                       struct engine_transfer *transfer, struct error *ret_error)
{
    struct error why = {0};
    int r = chunks_sync(engine->options.chunks, transfer->row.root, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    transfer->check = calloc(1, sizeof *transfer->check);
    CHECK(transfer->check != NULL);
    crypto_hash_sha256_init(&transfer->check->hash);
    r = engine_file_open(engine, &transfer->row, &transfer->check->file, &why);
    transfer->state = TRANSFER_CHECKING;
    return r < 0 ? give_up(engine, moment, transfer, false, &why, ret_error) : 0;
}

static int start_fetching(struct engine *engine, struct moment *moment,
                          struct engine_transfer *transfer)
{
    transfer->done_count = chunks_present(engine->options.chunks, transfer->row.root,
                                          transfer->count, transfer->present);
    transfer->state = TRANSFER_RUNNING;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

static int ask_leaves(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer)
{
    int r = chunks_leaves(engine->options.chunks, transfer->row.root, &transfer->leaves, NULL);
    if (r == 0)
        r = attachment_leaves_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                    transfer->row.root, NULL);
    if (r == 0) return start_fetching(engine, moment, transfer);
    buf_fini(&transfer->leaves);
    Leadbus__GetLeaves get = LEADBUS__GET_LEAVES__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    get.index = transfer->row.index;
    get.root = engine_binary(bytes_of(transfer->row.root, 32));
    frame.body_case = LEADBUS__FRAME__BODY_GET_LEAVES;
    frame.get_leaves = &get;
    emit(engine, &frame);
    transfer->state = TRANSFER_ASKED;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

int engine_leaves(struct engine *engine, struct moment *moment, const Leadbus__Leaves *leaves,
                  struct error *ret_error)
{
    struct engine_transfer *transfer = at_work(engine, false, leaves->root);
    struct error why = {0};
    (void)ret_error;
    if (!transfer || transfer->state != TRANSFER_ASKED) return 0;
    struct bytes given = engine_bytes(leaves->leaves);
    int r = attachment_leaves_check(given, transfer->row.stream_len, transfer->row.root, &why);
    if (r < 0) return disbelieve(engine, moment, transfer, &why);
    /* What a crash may have left of the leaves does not count. */
    r = chunks_erase(engine->options.chunks, transfer->row.root, &why);
    if (r == 0) r = chunks_begin(engine->options.chunks, transfer->row.root, given, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    buf_reset(&transfer->leaves);
    buf_append_bytes(&transfer->leaves, given);
    return start_fetching(engine, moment, transfer);
}

static void ask_chunks(struct engine *engine, struct engine_transfer *transfer)
{
    uint32_t number = 0;
    while (take_off(transfer, &number)) {
        Leadbus__GetChunk get = LEADBUS__GET_CHUNK__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        get.index = transfer->row.index;
        get.root = engine_binary(bytes_of(transfer->row.root, 32));
        get.number = number;
        frame.body_case = LEADBUS__FRAME__BODY_GET_CHUNK;
        frame.get_chunk = &get;
        emit(engine, &frame);
    }
}

int engine_chunk(struct engine *engine, struct moment *moment, const Leadbus__Chunk *chunk,
                 struct error *ret_error)
{
    struct engine_transfer *transfer = at_work(engine, false, chunk->root);
    struct error why = {0};
    (void)ret_error;
    if (!transfer || transfer->state != TRANSFER_RUNNING || !in_flight(transfer, chunk->number))
        return 0; /* not asked for: nothing of it is looked at */
    struct bytes data = engine_bytes(chunk->data);
    int r = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                   chunk->number, data, &why);
    if (r < 0) return disbelieve(engine, moment, transfer, &why);
    r = chunks_put(engine->options.chunks, transfer->row.root, chunk->number, data, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    landed(transfer, chunk->number);
    mark(transfer, chunk->number);
    transfer->heard_ms = moment->now_ms;
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, transfer->row.message);
    return 0;
}

/* ---- looking through ----------------------------------------------------------------------------
 */

static int checked(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   struct error *ret_error)
{
    struct engine_check *check = transfer->check;
    struct error why = {0};
    uint8_t hash[32];
    int r = 0;
    crypto_hash_sha256_final(&check->hash, hash);
    if (memcmp(hash, check->file.sha256, 32) != 0)
        r = error_say(&why, E_CHUNK_INVALID, "sha256", "不是发送方所述的文件",
                      "not the file that the sender names");
    if (r == 0 && engine->options.check_attachment)
        r = engine->options.check_attachment(engine->options.ctx, &check->file, &why);
    if (r < 0 && engine_own_trouble(r)) return no_room(engine, moment, transfer, &why);
    if (r < 0) return give_up(engine, moment, transfer, true, &why, ret_error);
    struct box_attachment row = transfer->row;
    row.state = BOX_ATTACHMENT_HERE;
    row.code = 0;
    transfer_free(engine, transfer);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return box_attachment_update(engine->box, &row, ret_error);
}

/* A chunk each time, so that nobody waits for a large file. */
static int check_step(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer, struct error *ret_error)
{
    struct engine_check *check = transfer->check;
    struct error why = {0};
    size_t len = 0;
    if (check->number == transfer->count) return checked(engine, moment, transfer, ret_error);
    uint8_t *plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    CHECK(plain != NULL);
    uint32_t number = (uint32_t)check->number++;
    int r = engine_file_read(&check->file, number, plain, &len, &why);
    if (r == 0) crypto_hash_sha256_update(&check->hash, plain, len);
    sodium_memzero(plain, LIMIT_CHUNK_PLAIN_BYTES);
    free(plain);
    if (r == 0) return 0;
    /* Our own disk changed it: once more. What does not open was sealed so. */
    bool ours = false;
    struct buf chunk = {0};
    if (chunks_get(engine->options.chunks, transfer->row.root, number, &chunk, NULL) == 0)
        ours = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                      number, buf_bytes(&chunk), NULL) != 0;
    buf_fini(&chunk);
    if (r == E_NOT_FOUND || ours) {
        if (ours) (void)!chunks_erase_one(engine->options.chunks, transfer->row.root, number, NULL);
        engine_note(engine, moment, &why);
        rest(engine, transfer, moment->now_ms + TRANSFER_RETRY_MS);
        return 0;
    }
    if (engine_own_trouble(r)) return no_room(engine, moment, transfer, &why);
    return give_up(engine, moment, transfer, true, &why, ret_error);
}

/* ---- refusals -----------------------------------------------------------------------------------
 */

/* The row says what its message waits for. */
static int upload_put_off(struct engine *engine, struct engine_transfer *transfer,
                          const struct error *why, struct error *ret_error)
{
    struct box_out row;
    int r = box_out_find(engine->box, transfer->row.message, &row, ret_error);
    if (r < 0) return r;
    row.code = why->code;
    engine_copy(row.field, sizeof row.field, why->field);
    engine_copy(row.detail, sizeof row.detail, why->detail);
    r = box_out_update(engine->box, &row, ret_error);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX, row.id);
    return r;
}

int engine_transfer_refused(struct engine *engine, struct moment *moment,
                            const Leadbus__Refusal *refusal, const struct error *why,
                            struct error *ret_error)
{
    struct engine_transfer *transfer = at_work(engine, true, refusal->root);
    if (!transfer) transfer = at_work(engine, false, refusal->root);
    engine_note(engine, moment, why);
    if (!transfer || transfer->state == TRANSFER_CHECKING) return 0;
    bool again = error_retryable(why->code) || refusal->retry_after_ms != 0;
    /* Not announced: the broker has given it up, or begun anew. */
    if (transfer->out && why->code == E_NOT_FOUND) again = true;
    if (!transfer->out && why->code == E_CHUNK_INVALID) {
        rest(engine, transfer, moment->now_ms + TRANSFER_DAMAGED_MS);
        return 0;
    }
    if (again) {
        uint64_t wait_ms = refusal->retry_after_ms ? refusal->retry_after_ms : pause_ms(transfer);
        rest(engine, transfer, moment->now_ms + wait_ms);
        return transfer->out ? upload_put_off(engine, transfer, why, ret_error) : 0;
    }
    if (!transfer->out) return give_up(engine, moment, transfer, false, why, ret_error);
    struct engine_pending *pending = pending_of(engine, transfer->row.message);
    if (pending) return engine_row_refused(engine, moment, pending, why, ret_error);
    transfer_free(engine, transfer);
    return 0;
}

/* ---- at work ------------------------------------------------------------------------------------
 */

static struct engine_transfer *choose(struct engine *engine, const struct moment *moment, bool out)
{
    struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    {
        if (transfer->out != out || transfer->retry_ms > moment->now_ms) continue;
        if (!out && transfer->row.index == 0) continue; /* not proved yet */
        transfer->retry_ms = 0;
        return transfer;
    }
    return NULL;
}

static bool silent(const struct moment *moment, const struct engine_transfer *transfer)
{
    return moment->now_ms >= transfer->heard_ms &&
           moment->now_ms - transfer->heard_ms >= TRANSFER_SILENT_MS;
}

static int pump_up(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (engine->up && silent(moment, engine->up)) rest(engine, engine->up, 0);
    if (!engine->up) engine->up = choose(engine, moment, true);
    struct engine_transfer *transfer = engine->up;
    if (!transfer) return 0;
    if (transfer->state == TRANSFER_IDLE) return announce(engine, moment, transfer, ret_error);
    if (transfer->state != TRANSFER_RUNNING) return 0;
    return send_chunks(engine, moment, transfer, ret_error);
}

static int pump_down(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct engine_transfer *transfer = engine->down;
    if (transfer && transfer->state != TRANSFER_CHECKING && silent(moment, transfer))
        rest(engine, transfer, 0);
    if (!engine->down) engine->down = choose(engine, moment, false);
    transfer = engine->down;
    if (!transfer) return 0;
    if (transfer->state == TRANSFER_IDLE && engine->options.attachment_bytes_max > 0 &&
        engine->attachment_bytes > engine->options.attachment_bytes_max) {
        struct error why;
        (void)error_say(&why, E_DISK_FULL, "attachments", "附件目录已有 %llu 字节，上限 %llu",
                        "%llu bytes are kept, at most %llu",
                        (unsigned long long)engine->attachment_bytes,
                        (unsigned long long)engine->options.attachment_bytes_max);
        return no_room(engine, moment, transfer, &why);
    }
    if (transfer->state == TRANSFER_IDLE) (void)ask_leaves(engine, moment, transfer);
    if (transfer->state != TRANSFER_RUNNING) return 0;
    if (transfer->done_count == transfer->count)
        return begin_check(engine, moment, transfer, ret_error);
    ask_chunks(engine, transfer);
    return 0;
}

int engine_transfers_pump(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    int r = 0;
    if (!engine->options.chunks) return 0;
    if (engine->down && engine->down->state == TRANSFER_CHECKING)
        r = check_step(engine, moment, engine->down, ret_error);
    if (r < 0 || engine->link != ENGINE_GREETED || engine->reset) return r;
    r = pump_up(engine, moment, ret_error);
    if (r == 0) r = pump_down(engine, moment, ret_error);
    return r;
}

uint64_t engine_transfers_next_ms(const struct engine *engine)
{
    const struct engine_transfer *at[] = {engine->up, engine->down}, *transfer;
    uint64_t next = UINT64_MAX;
    if (!engine->options.chunks) return next;
    if (engine->down && engine->down->state == TRANSFER_CHECKING) return 0;
    if (engine->link != ENGINE_GREETED) return next;
    for (size_t i = 0; i < 2; i++)
        if (at[i] && at[i]->heard_ms + TRANSFER_SILENT_MS < next)
            next = at[i]->heard_ms + TRANSFER_SILENT_MS;
    size_t looked = 0;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    {
        if (++looked > 64) break;
        if (transfer == engine->up || transfer == engine->down) continue;
        if (transfer->out ? engine->up != NULL : engine->down != NULL) continue;
        if (!transfer->out && transfer->row.index == 0) continue;
        if (transfer->retry_ms < next) next = transfer->retry_ms;
    }
    return next;
}
