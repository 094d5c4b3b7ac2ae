/* Attachments at a real broker, by clients that say what they like: uploads that are whole, wrong,
 * cut off by kill -9, too many or forgotten; who may fetch and who may not; what the disk lost. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/host/chunks.h"
#include "proto/host/file.h"
#include "tests/scenario/caller.h"

enum { MIB = 1048576, PARCEL_CHUNKS = 8, PATH_LEN = 512 };

/* A file sealed into chunks, as a sender has it. */
struct parcel {
    struct buf chunks[PARCEL_CHUNKS], leaves;
    size_t count;
    uint64_t stream_len;
    uint8_t root[32];
};

static struct town town;
static uint64_t next_seq = 1;

static int keep(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    struct parcel *parcel = ctx;
    (void)ret_error;
    assert_true(number < PARCEL_CHUNKS);
    buf_append_bytes(&parcel->chunks[parcel->count++], chunk);
    return 0;
}

static void parcel_make(uint64_t size, uint8_t key_byte, struct parcel *ret)
{
    struct attachment_sealer sealer;
    struct attachment_sealed sealed;
    uint8_t key[32], *data = malloc((size_t)size);
    assert_non_null(data);
    memset(data, key_byte, (size_t)size);
    memset(key, key_byte, sizeof key);
    memset(ret, 0, sizeof *ret);
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, keep, ret);
    assert_int_equal(attachment_sealer_add(&sealer, bytes_of(data, (size_t)size), NULL), 0);
    assert_int_equal(attachment_sealer_end(&sealer, &sealed, NULL), 0);
    buf_append_bytes(&ret->leaves, buf_bytes(&sealer.leaves));
    ret->stream_len = sealed.stream_len;
    memcpy(ret->root, sealed.root, 32);
    attachment_sealer_fini(&sealer);
    free(data);
}

static void parcel_fini(struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++) buf_fini(&parcel->chunks[i]);
    buf_fini(&parcel->leaves);
}

static ProtobufCBinaryData data_of(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static void greet(struct caller *caller, enum town_unit unit)
{
    caller_open(caller, &town, &town.keyrings[unit], true);
    assert_true(caller_greet(caller, &town, 16));
}

static void send_open(struct caller *caller, const struct parcel *parcel)
{
    Leadbus__OpenUpload open = LEADBUS__OPEN_UPLOAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    open.root = data_of(parcel->root, 32);
    open.size = parcel->stream_len;
    open.leaves = data_of(parcel->leaves.data, parcel->leaves.len);
    frame.body_case = LEADBUS__FRAME__BODY_OPEN_UPLOAD;
    frame.open_upload = &open;
    caller_send(caller, &frame);
}

/* Announces it; what the broker says is there. */
static const Leadbus__Upload *announce(struct caller *caller, const struct parcel *parcel)
{
    send_open(caller, parcel);
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_UPLOAD);
    assert_non_null(frame);
    assert_memory_equal(frame->upload->root.data, parcel->root, 32);
    return frame->upload;
}

static void send_chunk(struct caller *caller, const uint8_t root[32], uint32_t number,
                       struct bytes data)
{
    Leadbus__PutChunk put = LEADBUS__PUT_CHUNK__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    put.root = data_of(root, 32);
    put.number = number;
    put.data = data_of(data.data, data.len);
    frame.body_case = LEADBUS__FRAME__BODY_PUT_CHUNK;
    frame.put_chunk = &put;
    caller_send(caller, &frame);
}

/* Stores one chunk; true: it was the last. */
static bool put_chunk(struct caller *caller, const struct parcel *parcel, uint32_t number)
{
    send_chunk(caller, parcel->root, number, buf_bytes(&parcel->chunks[number]));
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_CHUNK_STORED);
    assert_non_null(frame);
    assert_int_equal(frame->chunk_stored->number, number);
    return frame->chunk_stored->complete;
}

static void upload(struct caller *caller, const struct parcel *parcel)
{
    assert_false(announce(caller, parcel)->complete);
    for (uint32_t i = 0; i < parcel->count; i++)
        assert_int_equal(put_chunk(caller, parcel, i), i + 1 == parcel->count);
}

static void submit(struct caller *caller, const struct parcel *const *parcels, size_t count,
                   uint32_t section)
{
    struct seal_attachment attachments[4];
    struct sealed sealed;
    struct town_lead lead = {
        .seq = next_seq, .bundle = 1, .attachments = attachments, .attachment_count = count};
    memset(lead.id, 0x2b, sizeof lead.id);
    store_u64(lead.id, next_seq);
    for (size_t i = 0; i < count; i++) {
        attachments[i].section = section;
        attachments[i].stream_len = parcels[i]->stream_len;
        memcpy(attachments[i].root, parcels[i]->root, 32);
    }
    town_seal(&town, TOWN_EDUCATION, &lead, &sealed);
    caller_submit(caller, buf_bytes(&sealed.bytes));
    sealed_fini(&sealed);
}

/* Accepted: its journal index. */
static uint64_t accepted(struct caller *caller)
{
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_RECEIPT);
    assert_non_null(frame);
    next_seq++;
    return frame->receipt->index;
}

static void ask_chunk(struct caller *caller, uint64_t index, const uint8_t root[32],
                      uint32_t number)
{
    Leadbus__GetChunk get = LEADBUS__GET_CHUNK__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    get.index = index;
    get.root = data_of(root, 32);
    get.number = number;
    frame.body_case = LEADBUS__FRAME__BODY_GET_CHUNK;
    frame.get_chunk = &get;
    caller_send(caller, &frame);
}

static void ask_leaves(struct caller *caller, uint64_t index, const uint8_t root[32])
{
    Leadbus__GetLeaves get = LEADBUS__GET_LEAVES__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    get.index = index;
    get.root = data_of(root, 32);
    frame.body_case = LEADBUS__FRAME__BODY_GET_LEAVES;
    frame.get_leaves = &get;
    caller_send(caller, &frame);
}

static int refusal(struct caller *caller)
{
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_REFUSAL);
    assert_non_null(frame);
    return -(int)frame->refusal->code;
}

/* Fetches all of it and compares. */
static void fetch(struct caller *caller, uint64_t index, const struct parcel *parcel)
{
    ask_leaves(caller, index, parcel->root);
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_LEAVES);
    assert_non_null(frame);
    assert_int_equal(frame->leaves->leaves.len, parcel->leaves.len);
    assert_memory_equal(frame->leaves->leaves.data, parcel->leaves.data, parcel->leaves.len);
    for (uint32_t i = 0; i < parcel->count; i++) {
        ask_chunk(caller, index, parcel->root, i);
        frame = caller_expect(caller, LEADBUS__FRAME__BODY_CHUNK);
        assert_non_null(frame);
        assert_int_equal(frame->chunk->number, i);
        assert_int_equal(frame->chunk->data.len, parcel->chunks[i].len);
        assert_memory_equal(frame->chunk->data.data, parcel->chunks[i].data, parcel->chunks[i].len);
    }
}

static void chunks_folder(char ret_path[PATH_LEN])
{
    snprintf(ret_path, PATH_LEN, "%s/state/chunks", town.folder);
}

static void chunk_file(const struct parcel *parcel, const char *name, char ret_path[PATH_LEN])
{
    char hex[65];
    hex_encode(bytes_of(parcel->root, 32), hex);
    snprintf(ret_path, PATH_LEN, "%s/state/chunks/%.2s/%s/%s", town.folder, hex, hex, name);
}

static bool marked(const struct parcel *parcel)
{
    char hex[65], path[PATH_LEN];
    hex_encode(bytes_of(parcel->root, 32), hex);
    snprintf(path, sizeof path, "%s/state/chunks/pending/%s", town.folder, hex);
    return access(path, F_OK) == 0;
}

static int start(void **state)
{
    (void)state;
    town_init(&town);
    town.more_config = "[attachments]\nenvelope_max = 6M\nupload_max = 6M\nupload_keep = 1s\n";
    next_seq = 1;
    return town_start_broker(&town) ? 0 : 1;
}

/* As start, and what was begun is not given up while a debugger or a slow machine looks on. */
static int start_patient(void **state)
{
    (void)state;
    town_init(&town);
    town.more_config = "[attachments]\nenvelope_max = 6M\nupload_max = 6M\n";
    next_seq = 1;
    return town_start_broker(&town) ? 0 : 1;
}

/* As that, with little for a day. */
static int start_short_day(void **state)
{
    (void)state;
    town_init(&town);
    town.more_config = "[attachments]\nenvelope_max = 6M\nupload_max = 16M\nday_max = 7M\n";
    next_seq = 1;
    return town_start_broker(&town) ? 0 : 1;
}

static int stop(void **state)
{
    (void)state;
    town_fini(&town);
    return 0;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void a_lead_waits_for_its_chunks_and_its_readers_fetch_them(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel parcels[2];
    const struct parcel *both[] = {&parcels[0], &parcels[1]};
    parcel_make(2 * MIB + 77, 1, &parcels[0]);
    parcel_make(500, 2, &parcels[1]);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);

    submit(&school, both, 2, 1);
    const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
    assert_int_equal(frame->refusal->code, -E_ATTACHMENT_MISSING);
    assert_string_equal(frame->refusal->field, "attachments[0]");
    upload(&school, &parcels[0]);
    submit(&school, both, 2, 1);
    frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
    assert_int_equal(frame->refusal->code, -E_ATTACHMENT_MISSING);
    assert_string_equal(frame->refusal->field, "attachments[1]");
    /* Announced alone is not there. */
    assert_int_equal(announce(&school, &parcels[1])->present.len, 0);
    submit(&school, both, 2, 1);
    assert_int_equal(refusal(&school), E_ATTACHMENT_MISSING);
    assert_true(put_chunk(&school, &parcels[1], 0));
    submit(&school, both, 2, 1);
    uint64_t index = accepted(&school);
    for (size_t i = 0; i < 2; i++) fetch(&police, index, &parcels[i]);

    /* The same one with another envelope, as when somebody passes it on: nothing is sent again. */
    assert_true(announce(&school, &parcels[0])->complete);
    submit(&school, both, 1, 1);
    fetch(&police, accepted(&school), &parcels[0]);
    caller_close(&school);
    caller_close(&police);
    for (size_t i = 0; i < 2; i++) parcel_fini(&parcels[i]);
}

static void what_is_not_the_announced_chunk_is_refused(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel parcel, other;
    parcel_make(2 * MIB, 3, &parcel);
    parcel_make(MIB, 4, &other);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);
    struct bytes first = buf_bytes(&parcel.chunks[0]);

    send_chunk(&school, parcel.root, 0, first);
    assert_int_equal(refusal(&school), E_NOT_FOUND); /* not announced */
    parcel.leaves.data[0] ^= 1;
    send_open(&school, &parcel);
    assert_int_equal(refusal(&school), E_CHUNK_INVALID); /* another root */
    parcel.leaves.data[0] ^= 1;
    parcel.stream_len++;
    send_open(&school, &parcel);
    assert_int_equal(refusal(&school), E_CHUNK_INVALID); /* no padded length */
    parcel.stream_len--;

    (void)announce(&school, &parcel);
    send_chunk(&school, parcel.root, 1, first);
    assert_int_equal(refusal(&school), E_CHUNK_INVALID); /* in another place */
    send_chunk(&school, parcel.root, 0, bytes_of(first.data, first.len - 1));
    assert_int_equal(refusal(&school), E_CHUNK_INVALID);
    send_chunk(&school, parcel.root, 2, first);
    assert_int_equal(refusal(&school), E_CHUNK_INVALID);
    send_chunk(&school, parcel.root, LIMIT_CHUNK_COUNT_MAX, first);
    assert_int_equal(refusal(&school), E_BAD_VALUE);
    parcel.chunks[0].data[MIB / 2] ^= 0x40;
    send_chunk(&school, parcel.root, 0, buf_bytes(&parcel.chunks[0]));
    assert_int_equal(refusal(&school), E_CHUNK_INVALID);
    parcel.chunks[0].data[MIB / 2] ^= 0x40;

    /* Another unit neither continues nor takes over what this one began. */
    send_open(&police, &parcel);
    assert_int_equal(refusal(&police), E_IDENTITY_MISMATCH);
    send_chunk(&police, parcel.root, 0, first);
    assert_int_equal(refusal(&police), E_NOT_FOUND);

    /* None of that has hurt: what is right goes on. */
    assert_false(put_chunk(&school, &parcel, 0));
    assert_false(put_chunk(&school, &parcel, 0)); /* twice is once */
    assert_true(put_chunk(&school, &parcel, 1));

    /* With a section that takes no files, or of a length that was not announced. */
    const struct parcel *list[] = {&parcel};
    submit(&school, list, 1, 0);
    assert_int_equal(refusal(&school), E_ATTACHMENT_NOT_ALLOWED);
    submit(&school, list, 1, 2);
    assert_int_equal(refusal(&school), E_ATTACHMENT_NOT_ALLOWED);
    parcel.stream_len = 4 * MIB;
    submit(&school, list, 1, 1);
    assert_int_equal(refusal(&school), E_ATTACHMENT_MISSING);
    parcel.stream_len = 2 * MIB;
    submit(&school, list, 1, 1);
    (void)accepted(&school);
    caller_close(&school);
    caller_close(&police);
    parcel_fini(&parcel);
    parcel_fini(&other);
}

static void an_upload_goes_on_where_kill_9_cut_it_off(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel parcel;
    const struct parcel *list[] = {&parcel};
    parcel_make(4 * MIB, 5, &parcel);
    greet(&school, TOWN_EDUCATION);
    (void)announce(&school, &parcel);
    assert_false(put_chunk(&school, &parcel, 2));
    assert_false(put_chunk(&school, &parcel, 0));
    /* One more is on its way when it happens: it may or may not be there. */
    send_chunk(&school, parcel.root, 1, buf_bytes(&parcel.chunks[1]));
    process_kill(&town.broker);
    assert_true(marked(&parcel));
    caller_close(&school);
    assert_true(town_start_broker(&town));
    greet(&school, TOWN_EDUCATION);
    const Leadbus__Upload *there = announce(&school, &parcel);
    assert_false(there->complete);
    assert_int_equal(there->present.len, 1);
    assert_int_equal(there->present.data[0] & ~2, 5);
    submit(&school, list, 1, 1);
    assert_int_equal(refusal(&school), E_ATTACHMENT_MISSING);
    (void)put_chunk(&school, &parcel, 1);
    assert_true(put_chunk(&school, &parcel, 3));

    /* Complete, killed again: still complete. */
    process_kill(&town.broker);
    caller_close(&school);
    assert_true(town_start_broker(&town));
    greet(&school, TOWN_EDUCATION);
    assert_true(announce(&school, &parcel)->complete);
    submit(&school, list, 1, 1);
    uint64_t index = accepted(&school);

    /* Accepted, killed at once: it belongs to the journal now, and its mark is gone. */
    process_kill(&town.broker);
    caller_close(&school);
    assert_true(town_start_broker(&town));
    assert_false(marked(&parcel));
    greet(&police, TOWN_POLICE);
    fetch(&police, index, &parcel);
    caller_close(&police);
    parcel_fini(&parcel);
}

static void only_units_that_may_open_the_section_may_fetch(void **state)
{
    (void)state;
    struct caller school, police, procuratorate, office;
    struct parcel parcel, other;
    const struct parcel *list[] = {&parcel};
    parcel_make(1500, 6, &parcel);
    parcel_make(1500, 7, &other);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);
    greet(&procuratorate, TOWN_PROCURATORATE);
    greet(&office, TOWN_OFFICE);
    upload(&school, &parcel);
    submit(&school, list, 1, 1);
    uint64_t index = accepted(&school);
    fetch(&police, index, &parcel);

    /* A copy has the summary alone. */
    ask_leaves(&procuratorate, index, parcel.root);
    assert_int_equal(refusal(&procuratorate), E_NOT_A_RECIPIENT);
    ask_chunk(&procuratorate, index, parcel.root, 0);
    assert_int_equal(refusal(&procuratorate), E_NOT_A_RECIPIENT);
    /* Who was not written to is told as much as for a number that does not exist. */
    ask_chunk(&office, index, parcel.root, 0);
    assert_int_equal(refusal(&office), E_NOT_FOUND);
    ask_chunk(&office, index + 1000, parcel.root, 0);
    assert_int_equal(refusal(&office), E_NOT_FOUND);
    ask_chunk(&police, 0, parcel.root, 0); /* the genesis */
    assert_int_equal(refusal(&police), E_NOT_FOUND);
    ask_chunk(&police, index, other.root, 0);
    assert_int_equal(refusal(&police), E_NOT_FOUND);
    ask_chunk(&police, index, parcel.root, 1);
    assert_int_equal(refusal(&police), E_NOT_FOUND);
    ask_chunk(&police, index, parcel.root, UINT32_MAX);
    assert_int_equal(refusal(&police), E_BAD_VALUE);
    caller_close(&school);
    caller_close(&police);
    caller_close(&procuratorate);
    caller_close(&office);
    parcel_fini(&parcel);
    parcel_fini(&other);
}

/* Whose upload it is decides who may send it: another unit's envelope would settle it. */
static void nobody_sends_what_another_unit_uploads(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel parcel;
    const struct parcel *list[] = {&parcel};
    parcel_make(900, 15, &parcel);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);
    upload(&police, &parcel);
    submit(&school, list, 1, 1);
    assert_int_equal(refusal(&school), E_ATTACHMENT_MISSING);
    caller_close(&school);
    caller_close(&police);
    parcel_fini(&parcel);
}

static void a_unit_has_room_again_when_its_envelope_is_accepted(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel large, small;
    const struct parcel *list[] = {&large};
    parcel_make(5 * MIB, 8, &large);
    parcel_make(2 * MIB, 9, &small);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);
    upload(&school, &large);
    send_open(&school, &small);
    const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
    assert_int_equal(frame->refusal->code, -E_QUOTA);
    assert_true(frame->refusal->retry_after_ms > 0);
    assert_memory_equal(frame->refusal->root.data, small.root, 32);
    (void)announce(&police, &small); /* another unit's room is its own */
    submit(&school, list, 1, 1);
    (void)accepted(&school);
    /* The mark goes within a second or so; asked until then, as told. */
    for (int turn = 0;; turn++) {
        assert_true(turn < 200000);
        parcel_fini(&small);
        parcel_make(2 * MIB, 10, &small);
        send_open(&school, &small);
        frame = caller_receive(&school, CALLER_DEADLINE_MS);
        assert_non_null(frame);
        if (frame->body_case == LEADBUS__FRAME__BODY_UPLOAD) break;
        assert_int_equal(frame->refusal->code, -E_QUOTA);
    }
    caller_close(&school);
    caller_close(&police);
    parcel_fini(&large);
    parcel_fini(&small);
}

/* What a unit's messages named within a day is bounded, also by a broker that was killed since. */
static void the_bytes_of_a_unit_s_day_outlive_kill_9(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel large, small;
    const struct parcel *list[] = {&large};
    parcel_make(5 * MIB, 16, &large);
    parcel_make(4 * MIB, 17, &small);
    greet(&school, TOWN_EDUCATION);
    upload(&school, &large);
    submit(&school, list, 1, 1);
    (void)accepted(&school);
    for (int turn = 0; turn < 2; turn++) {
        send_open(&school, &small);
        const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
        assert_int_equal(frame->refusal->code, -E_QUOTA);
        assert_int_equal(frame->refusal->retry_after_ms, 600000);
        assert_non_null(strstr(frame->refusal->detail, "5242880 bytes of attachments in 24 hours"));
        assert_non_null(strstr(frame->refusal->detail, "without files"));
        assert_non_null(strstr(frame->refusal->detail_zh, "5242880"));
        if (turn > 0) break;
        process_kill(&town.broker);
        caller_close(&school);
        assert_true(town_start_broker(&town));
        greet(&school, TOWN_EDUCATION);
    }
    greet(&police, TOWN_POLICE);
    (void)announce(&police, &small); /* each unit has its own */
    /* Leads go on. */
    submit(&school, NULL, 0, 1);
    (void)accepted(&school);
    caller_close(&school);
    caller_close(&police);
    parcel_fini(&large);
    parcel_fini(&small);
}

/* What goes wrong on the broker's disk is in its log; a unit learns that it should wait. */
static void a_unit_hears_nothing_of_the_broker_s_paths(void **state)
{
    (void)state;
    struct caller school;
    struct parcel parcel;
    struct buf log = {0};
    char path[PATH_LEN], hex[65];
    FILE *file;
    parcel_make(900, 18, &parcel);
    hex_encode(bytes_of(parcel.root, 32), hex);
    chunks_folder(path);
    assert_int_equal(file_make_folders(path, NULL), 0);
    snprintf(path, sizeof path, "%s/state/chunks/%.2s", town.folder, hex);
    assert_non_null(file = fopen(path, "w")); /* where a folder should be */
    assert_int_equal(fclose(file), 0);
    greet(&school, TOWN_EDUCATION);
    send_open(&school, &parcel);
    const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
    assert_int_equal(frame->refusal->code, -E_IO);
    assert_string_equal(frame->refusal->field, "open_upload");
    assert_null(strchr(frame->refusal->detail, '/'));
    assert_null(strstr(frame->refusal->detail, "Not a directory"));
    assert_non_null(strstr(frame->refusal->detail, "broker's own"));
    assert_non_null(strstr(frame->refusal->detail_zh, "总线"));
    assert_int_equal(file_read(town.log, 1 << 20, &log, NULL), 0);
    buf_append_u8(&log, 0);
    assert_non_null(strstr((const char *)log.data, path));
    buf_fini(&log);
    assert_int_equal(remove(path), 0);
    upload(&school, &parcel);
    caller_close(&school);
    parcel_fini(&parcel);
}

/* The broker's status says it, each second anew. */
static void wait_figure(const char *name, uint64_t wanted)
{
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/state/status.json", town.folder);
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    for (time_t until_s = now.tv_sec + 60; now.tv_sec < until_s;) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
        json_t *status = json_load_file(path, 0, NULL);
        uint64_t found = (uint64_t)json_integer_value(json_object_get(status, name));
        json_decref(status);
        if (found >= wanted) return;
    }
    fail_msg("%s did not become %llu", name, (unsigned long long)wanted);
}

static void what_nobody_continues_is_given_up(void **state)
{
    (void)state;
    struct caller school;
    struct parcel forgotten, sent;
    const struct parcel *list[] = {&sent};
    char path[PATH_LEN];
    parcel_make(2 * MIB, 11, &forgotten);
    parcel_make(700, 12, &sent);
    greet(&school, TOWN_EDUCATION);
    upload(&school, &sent);
    submit(&school, list, 1, 1);
    (void)accepted(&school);
    (void)announce(&school, &forgotten);
    assert_false(put_chunk(&school, &forgotten, 0));
    wait_figure("uploads_erased", 1);
    assert_false(marked(&forgotten));
    chunk_file(&forgotten, "0000", path);
    assert_int_not_equal(access(path, F_OK), 0);
    chunk_file(&sent, "0000", path); /* what an envelope names stays */
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(announce(&school, &forgotten)->present.len, 0);
    caller_close(&school);
    parcel_fini(&forgotten);
    parcel_fini(&sent);
}

/* leadbus-replay over the stopped broker's journal: its exit code; what it says into `output`. */
static int replay(const char *arguments, char *output, size_t cap)
{
    char command[1024];
    snprintf(command, sizeof command,
             "LANG=en '%s' verify %s --root '%s/root' '%s/state/journal.db' 2>&1", LEADBUS_REPLAY,
             arguments, town.folder, town.folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, cap - 1, pipe);
    output[len] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    (void)fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void damage_and_erasure_are_told_apart(void **state)
{
    (void)state;
    struct caller school, police;
    struct parcel parcel, gone;
    const struct parcel *list[] = {&parcel, &gone};
    struct error error = {0};
    struct buf log = {0};
    char path[PATH_LEN], folder[PATH_LEN], output[8192];
    parcel_make(2 * MIB, 13, &parcel);
    parcel_make(MIB, 14, &gone);
    chunks_folder(folder);
    greet(&school, TOWN_EDUCATION);
    greet(&police, TOWN_POLICE);
    upload(&school, &parcel);
    upload(&school, &gone);
    submit(&school, list, 2, 1);
    uint64_t index = accepted(&school);
    for (int turn = 0; marked(&gone); turn++) assert_true(turn < 20000000);

    chunk_file(&parcel, "0001", path);
    flip(path, 4711);
    ask_chunk(&police, index, parcel.root, 1);
    assert_int_equal(refusal(&police), E_CHUNK_INVALID);
    ask_chunk(&police, index, parcel.root, 0);
    assert_non_null(caller_expect(&police, LEADBUS__FRAME__BODY_CHUNK));
    assert_int_equal(file_read(town.log, 1 << 20, &log, &error), 0);
    buf_append_u8(&log, 0);
    assert_non_null(strstr((const char *)log.data, "chunk_damaged"));
    buf_fini(&log);

    assert_int_equal(chunks_erase(folder, gone.root, &error), 0);
    ask_chunk(&police, index, gone.root, 0);
    assert_int_equal(refusal(&police), E_ATTACHMENT_ERASED);
    ask_leaves(&police, index, gone.root);
    assert_int_equal(refusal(&police), E_ATTACHMENT_ERASED);
    /* Erased is erased: no new envelope may name it. */
    submit(&school, list + 1, 1, 1);
    assert_int_equal(refusal(&school), E_ATTACHMENT_MISSING);
    caller_close(&school);
    caller_close(&police);
    assert_int_equal(process_stop(&town.broker, PROCESS_DEADLINE_MS), 0);

    assert_int_equal(replay("", output, sizeof output), 1);
    if (!strstr(output, "attachments[0].chunks[1]")) fail_msg("%s", output);
    flip(path, 4711);
    assert_int_equal(replay("--json", output, sizeof output), 0);
    if (!strstr(output, "\"chunk_count\": 2") || !strstr(output, "\"chunk_erased_count\": 1"))
        fail_msg("%s", output);
    chunk_file(&parcel, "leaves", path);
    flip(path, 40);
    assert_int_equal(replay("", output, sizeof output), 1);
    if (!strstr(output, "attachments[0].leaves")) fail_msg("%s", output);
    flip(path, 40);

    /* The erasure of everything leaves the journal whole. */
    assert_int_equal(chunks_erase(folder, parcel.root, &error), 0);
    assert_int_equal(replay("", output, sizeof output), 0);
    parcel_fini(&parcel);
    parcel_fini(&gone);
}

int main(void)
{
#define TEST(name)         cmocka_unit_test_setup_teardown(name, start_patient, stop)
#define TEST_FORGETS(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_lead_waits_for_its_chunks_and_its_readers_fetch_them),
        TEST(what_is_not_the_announced_chunk_is_refused),
        TEST(an_upload_goes_on_where_kill_9_cut_it_off),
        TEST(only_units_that_may_open_the_section_may_fetch),
        TEST(nobody_sends_what_another_unit_uploads),
        TEST(a_unit_has_room_again_when_its_envelope_is_accepted),
        TEST_FORGETS(what_nobody_continues_is_given_up),
        TEST(damage_and_erasure_are_told_apart),
        cmocka_unit_test_setup_teardown(the_bytes_of_a_unit_s_day_outlive_kill_9, start_short_day,
                                        stop),
        TEST(a_unit_hears_nothing_of_the_broker_s_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
