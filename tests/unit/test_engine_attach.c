/* Files through the engine: against a broker that stores chunks in memory, loses them, puts them
 * off and lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sqlite3.h>
#include <unistd.h>
#include <cmocka.h>

#include "clients/lib/engine_inner.h"
#include "proto/payload/attached.h"
#include "tests/unit/fake_broker.h"

enum { FILE_LEN = 5 * LIMIT_CHUNK_PLAIN_BYTES / 2, STORE_MAX = 4, STORE_CHUNK_MAX = 8 };
#define REPORT "lead.mandatory-report"

/* What the broker has. */
static struct stored {
    uint8_t root[32];
    uint64_t size;
    struct buf leaves, chunks[STORE_CHUNK_MAX];
} store[STORE_MAX];
static struct {
    size_t opened, put, leaves, got;
    uint32_t refuse;     /* the next OpenUpload or PutChunk */
    uint32_t refuse_get; /* the next GetLeaves or GetChunk */
    size_t stop_after;   /* chunks stored, then no answer any more; 0: never */
    bool bend_chunk, bend_leaves;
    uint32_t retry_after_ms; /* of a refusal */
} told;

static char folders[2][64];
static struct fake_unit *school, *police, *procuratorate;
static uint8_t content[FILE_LEN];
static int check_answer;
static size_t checks;

static struct stored *stored(ProtobufCBinaryData root, bool make)
{
    static const uint8_t none[32];
    assert_int_equal(root.len, 32);
    for (size_t i = 0; i < STORE_MAX; i++) {
        if (memcmp(store[i].root, root.data, 32) == 0) return &store[i];
        if (make && memcmp(store[i].root, none, 32) == 0) {
            memcpy(store[i].root, root.data, 32);
            return &store[i];
        }
    }
    return NULL;
}

static bool complete(const struct stored *one)
{
    for (size_t i = 0; i < attachment_chunk_count(one->size); i++)
        if (one->chunks[i].len == 0) return false;
    return true;
}

static void refuse(struct fake *fake, struct fake_unit *unit, ProtobufCBinaryData root,
                   uint32_t *code)
{
    Leadbus__Refusal refusal = LEADBUS__REFUSAL__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    refusal.code = *code;
    refusal.root = root;
    refusal.retry_after_ms = told.retry_after_ms;
    frame.body_case = LEADBUS__FRAME__BODY_REFUSAL;
    frame.refusal = &refusal;
    *code = 0;
    fake_say(fake, unit, &frame);
}

static void take_open(struct fake *fake, struct fake_unit *unit, const Leadbus__OpenUpload *open)
{
    Leadbus__Upload upload = LEADBUS__UPLOAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct stored *one = stored(open->root, true);
    uint8_t present[CHUNKS_PRESENT_LEN] = {0};
    told.opened++;
    if (told.refuse) {
        refuse(fake, unit, open->root, &told.refuse);
        return;
    }
    assert_int_equal(attachment_leaves_check(bytes_of(open->leaves.data, open->leaves.len),
                                             open->size, open->root.data, NULL),
                     0);
    one->size = open->size;
    buf_reset(&one->leaves);
    buf_append(&one->leaves, open->leaves.data, open->leaves.len);
    for (uint32_t i = 0; i < attachment_chunk_count(open->size); i++)
        if (one->chunks[i].len > 0) chunks_set(present, i);
    upload.root = open->root;
    upload.present = fake_binary(present, chunks_present_len(present));
    upload.window = 2;
    upload.complete = complete(one);
    frame.body_case = LEADBUS__FRAME__BODY_UPLOAD;
    frame.upload = &upload;
    fake_say(fake, unit, &frame);
}

static void take_put(struct fake *fake, struct fake_unit *unit, const Leadbus__PutChunk *put)
{
    Leadbus__ChunkStored answer = LEADBUS__CHUNK_STORED__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct stored *one = stored(put->root, false);
    struct bytes data = bytes_of(put->data.data, put->data.len);
    assert_non_null(one);
    if (told.refuse) {
        refuse(fake, unit, put->root, &told.refuse);
        return;
    }
    if (told.stop_after > 0 && told.put == told.stop_after) return;
    assert_int_equal(
        attachment_chunk_check(buf_bytes(&one->leaves), one->size, put->number, data, NULL), 0);
    assert_null(memmem(data.data, data.len, content, 64));
    told.put++;
    assert_int_equal(one->chunks[put->number].len, 0); /* nothing goes twice */
    buf_append_bytes(&one->chunks[put->number], data);
    answer.root = put->root;
    answer.number = put->number;
    answer.complete = complete(one);
    frame.body_case = LEADBUS__FRAME__BODY_CHUNK_STORED;
    frame.chunk_stored = &answer;
    fake_say(fake, unit, &frame);
}

static void take_get_leaves(struct fake *fake, struct fake_unit *unit,
                            const Leadbus__GetLeaves *get)
{
    Leadbus__Leaves leaves = LEADBUS__LEAVES__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct stored *one = stored(get->root, false);
    told.leaves++;
    if (told.refuse_get) {
        refuse(fake, unit, get->root, &told.refuse_get);
        return;
    }
    assert_non_null(one);
    leaves.index = get->index;
    leaves.root = get->root;
    if (told.bend_leaves) one->leaves.data[5] ^= 1;
    leaves.leaves = fake_binary(one->leaves.data, one->leaves.len);
    frame.body_case = LEADBUS__FRAME__BODY_LEAVES;
    frame.leaves = &leaves;
    fake_say(fake, unit, &frame);
    if (told.bend_leaves) one->leaves.data[5] ^= 1;
}

static void take_get(struct fake *fake, struct fake_unit *unit, const Leadbus__GetChunk *get)
{
    Leadbus__Chunk chunk = LEADBUS__CHUNK__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct stored *one = stored(get->root, false);
    if (told.refuse_get) {
        refuse(fake, unit, get->root, &told.refuse_get);
        return;
    }
    assert_non_null(one);
    if (told.stop_after > 0 && told.got == told.stop_after) return;
    told.got++;
    if (told.bend_chunk) one->chunks[get->number].data[100] ^= 1;
    chunk.index = get->index;
    chunk.root = get->root;
    chunk.number = get->number;
    chunk.data = fake_binary(one->chunks[get->number].data, one->chunks[get->number].len);
    frame.body_case = LEADBUS__FRAME__BODY_CHUNK;
    frame.chunk = &chunk;
    fake_say(fake, unit, &frame);
    if (told.bend_chunk) one->chunks[get->number].data[100] ^= 1;
}

static void take_other(struct fake *fake, struct fake_unit *unit, const Leadbus__Frame *frame)
{
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD: take_open(fake, unit, frame->open_upload); break;
    case LEADBUS__FRAME__BODY_PUT_CHUNK: take_put(fake, unit, frame->put_chunk); break;
    case LEADBUS__FRAME__BODY_GET_LEAVES: take_get_leaves(fake, unit, frame->get_leaves); break;
    case LEADBUS__FRAME__BODY_GET_CHUNK: take_get(fake, unit, frame->get_chunk); break;
    default: break;
    }
}

/* ---- the scene ----------------------------------------------------------------------------------
 */

static int check_file(void *ctx, struct engine_file *file, struct error *ret_error)
{
    uint8_t *plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    size_t len = 0;
    (void)ctx;
    checks++;
    assert_string_equal(file->name, "现场.jpg");
    assert_string_equal(file->kind, REPORT);
    assert_int_equal(engine_file_read(file, 0, plain, &len, NULL), 0);
    assert_memory_equal(plain, content, len);
    free(plain);
    return check_answer ? error_set(ret_error, check_answer, "attachment", "no") : 0;
}

static struct fake_unit *add(struct fake *fake, const char *key, char *folder)
{
    struct fake_unit *unit = &fake->units[fake->unit_count++];
    fake_keyring(district_unit(fake->district, key), fake->district->epoch_not_before_ms,
                 fake->district->epoch_not_after_ms, &unit->keyring);
    fake_start(fake, unit, ":memory:",
               &(struct engine_options){.send_window = 8,
                                        .credit = 64,
                                        .outbox_max = 100,
                                        .session_ms = 900000,
                                        .changed = fake_changed,
                                        .ctx = unit,
                                        .chunks = folder,
                                        .attachment_bytes_max = 16 << 20,
                                        .check_attachment = check_file});
    return unit;
}

static int setup(void **state)
{
    static struct fake fake;
    memset(&told, 0, sizeof told);
    memset(store, 0, sizeof store);
    check_answer = 0;
    checks = 0;
    district_fill(content, sizeof content, "file", 1);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(folders[i], sizeof folders[i], "/tmp/leadbus-files.XXXXXX");
        if (!mkdtemp(folders[i])) return -1;
    }
    fake_init(&fake);
    fake.other = take_other;
    school = add(&fake, "education", folders[0]);
    police = add(&fake, "police-hedong", folders[1]);
    procuratorate = add(&fake, "procuratorate", NULL);
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    *state = &fake;
    return 0;
}

static int erase(void *ctx, const uint8_t root[32])
{
    char path[128], hex[8];
    assert_int_equal(chunks_erase(ctx, root, NULL), 0);
    hex_encode(bytes_of(root, 1), hex);
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, hex);
    (void)rmdir(path);
    return 0;
}

static int count_root(void *ctx, const uint8_t root[32])
{
    (void)root;
    ++*(size_t *)ctx;
    return 0;
}

static size_t roots_in(const char *folder)
{
    size_t count = 0;
    assert_int_equal(chunks_walk(folder, count_root, &count, NULL), 0);
    return count;
}

static int teardown(void **state)
{
    fake_fini(*state);
    for (size_t i = 0; i < STORE_MAX; i++) {
        buf_fini(&store[i].leaves);
        for (size_t k = 0; k < STORE_CHUNK_MAX; k++) buf_fini(&store[i].chunks[k]);
    }
    for (size_t i = 0; i < 2; i++) {
        char command[128];
        assert_int_equal(chunks_walk(folders[i], erase, folders[i], NULL), 0);
        (void)snprintf(command, sizeof command, "find %s -depth -type d -delete", folders[i]);
        assert_int_equal(system(command), 0);
    }
    return 0;
}

static int emit_file(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    return chunks_put(folders[0], ctx, (uint32_t)number, chunk, ret_error);
}

static struct {
    uint8_t key[32], root[32], sha256[32];
} last; /* file that was added */

/* Sealed into the school's folder, as the library does. wrong: the SHA-256 of another file. */
static void add_file(struct fake *fake, const char *kind, bool needs_confirm, bool wrong,
                     uint8_t ret_id[16])
{
    static uint64_t drawn;
    uint8_t key[32], spool[32];
    struct attachment_sealer sealer;
    struct attachment_sealed sealed;
    Leadbus__Payload__Attachment entry = LEADBUS__PAYLOAD__ATTACHMENT__INIT;
    district_fill(key, 32, "key", ++drawn);
    district_fill(spool, 32, "spool", drawn);
    assert_int_equal(chunks_begin(folders[0], spool, (struct bytes){0}, NULL), 0);
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, emit_file, spool);
    assert_int_equal(attachment_sealer_add(&sealer, bytes_of(content, FILE_LEN), NULL), 0);
    assert_int_equal(attachment_sealer_end(&sealer, &sealed, NULL), 0);
    assert_int_equal(chunks_adopt(folders[0], spool, sealed.root, buf_bytes(&sealer.leaves), NULL),
                     0);
    if (wrong) sealed.sha256[0] ^= 1;
    entry.key = fake_binary(key, 32);
    entry.root = fake_binary(sealed.root, 32);
    entry.sha256 = fake_binary(sealed.sha256, 32);
    entry.size = sealed.size;
    entry.name = (char *)(uintptr_t) "现场.jpg";
    entry.media_type = (char *)(uintptr_t) "image/jpeg";
    assert_int_equal(engine_attach_add(school->engine, fake_moment(fake), kind, &entry,
                                       needs_confirm, ret_id, NULL),
                     0);
    memcpy(last.key, key, 32);
    memcpy(last.root, sealed.root, 32);
    memcpy(last.sha256, sealed.sha256, 32);
    attachment_sealer_fini(&sealer);
}

/* The last one once more, for another message. */
static void add_again(struct fake *fake, uint8_t ret_id[16])
{
    Leadbus__Payload__Attachment entry = LEADBUS__PAYLOAD__ATTACHMENT__INIT;
    entry.key = fake_binary(last.key, 32);
    entry.root = fake_binary(last.root, 32);
    entry.sha256 = fake_binary(last.sha256, 32);
    entry.size = FILE_LEN;
    entry.name = (char *)(uintptr_t) "现场.jpg";
    entry.media_type = (char *)(uintptr_t) "image/jpeg";
    assert_int_equal(
        engine_attach_add(school->engine, fake_moment(fake), REPORT, &entry, true, ret_id, NULL),
        0);
}

static int stage_many(struct fake *fake, const char *kind, const struct engine_attach *attachments,
                      size_t count, uint8_t id[16], struct error *error)
{
    static const uint8_t text[] = {0x0a, 0x01, 'x'};
    const struct seal_section report[] = {{"summary", {text, 3}}, {"full", {text, 3}}};
    const struct seal_section bulletin[] = {{"notice", {text, 3}}};
    bool is_report = strcmp(kind, REPORT) == 0;
    struct engine_draft draft = {.kind = kind,
                                 .topic = "",
                                 .area = "",
                                 .officer = "",
                                 .purpose = "",
                                 .sections = is_report ? report : bulletin,
                                 .section_count = is_report ? 2 : 1,
                                 .attachments = attachments,
                                 .attachment_count = count};
    return engine_stage(school->engine, fake_moment(fake), &draft, id, error);
}

static int stage(struct fake *fake, const char *kind, const uint8_t *file, bool confirmed,
                 uint8_t id[16], struct error *error)
{
    return stage_many(fake, kind, &(struct engine_attach){file, confirmed}, 1, id, error);
}

/* A report with the file, staged. */
static void report(struct fake *fake, bool wrong, uint8_t ret_id[16], uint8_t ret_file[16])
{
    struct error error = {0};
    add_file(fake, REPORT, true, wrong, ret_file);
    int r = stage(fake, REPORT, ret_file, true, ret_id, &error);
    if (r < 0) (void)fprintf(stderr, "%s %s %s\n", error_name(r), error.field, error.detail);
    assert_int_equal(r, 0);
}

static struct box_attachment row_of(struct fake_unit *unit, const uint8_t id[16])
{
    struct box_attachment rows[4];
    size_t count = 0;
    assert_int_equal(box_attachments_of(unit->box, id, rows, 4, &count, NULL), 0);
    assert_int_equal(count, 1);
    return rows[0];
}

static int out_state(const uint8_t id[16], struct box_out *row)
{
    assert_int_equal(box_out_find(school->box, id, row, NULL), 0);
    return row->state;
}

static void same_file(struct fake_unit *unit, const uint8_t id[16])
{
    struct box_attachment row = row_of(unit, id);
    struct engine_file file;
    uint8_t *plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    size_t len, done = 0;
    assert_int_equal(engine_file_open(unit->engine, &row, &file, NULL), 0);
    assert_string_equal(file.name, "现场.jpg");
    assert_string_equal(file.media_type, "image/jpeg");
    assert_string_equal(file.section, "full");
    assert_true(file.confirmed);
    assert_int_equal(file.size, FILE_LEN);
    for (uint64_t i = 0; i < attachment_chunk_count(row.stream_len); i++) {
        assert_int_equal(engine_file_read(&file, i, plain, &len, NULL), 0);
        assert_memory_equal(plain, content + done, len);
        done += len;
    }
    assert_int_equal(done, FILE_LEN);
    free(plain);
    engine_file_fini(&file);
}

/* ---- what must hold -----------------------------------------------------------------------------
 */

static void a_file_goes_ahead_of_its_message_and_is_fetched_behind_it(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16], file[16];
    size_t count = 1;
    struct box_attachment rows[4];
    report(fake, false, id, file);
    assert_int_equal(told.opened, 0); /* not before it is durable */
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(told.put, 3);
    assert_int_equal(told.got, 3);
    assert_int_equal(checks, 1);
    assert_int_equal(row_of(school, id).state, BOX_ATTACHMENT_SENT);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
    same_file(school, id);
    same_file(police, id);
    assert_null(engine_transfer_find(police->engine, row_of(police, id).number));
    /* Who got the summary alone knows of no file. */
    assert_int_equal(box_attachments_of(procuratorate->box, id, rows, 4, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(fake->exceptions, 0);
}

static void a_message_waits_for_the_broker_to_take_its_file(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16], other[16], file[16];
    told.refuse = -E_QUOTA;
    told.retry_after_ms = 5000;
    report(fake, false, id, file);
    assert_int_equal(stage_many(fake, REPORT, NULL, 0, other, NULL), 0);
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_QUEUED);
    assert_int_equal(row.code, E_QUOTA);
    assert_int_equal(told.put, 0);
    assert_int_equal(out_state(other, &row), BOX_OUT_RECEIPTED); /* others go on */
    assert_true(engine_next_ms(school->engine) <= fake->district->now_ms + 5000);
    fake->district->now_ms += 4999;
    fake_run(fake);
    assert_int_equal(told.opened, 1);
    fake->district->now_ms++;
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(told.put, 3);
}

static void an_upload_goes_on_where_it_stood(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16], file[16];
    told.stop_after = 1;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(told.put, 1);
    assert_int_equal(fake->submits, 0);
    engine_disconnected(school->engine, fake_moment(fake));
    told.stop_after = 0;
    fake_online(fake, school);
    assert_int_equal(told.put, 3); /* what was there is not sent again: take_put sees to that */
    assert_int_equal(out_state(id, &row), BOX_OUT_RECEIPTED);
}

static void a_fetch_goes_on_where_it_stood(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    report(fake, false, id, file);
    engine_disconnected(police->engine, fake_moment(fake));
    police->online = false;
    fake_run(fake);
    told.stop_after = 1;
    fake_online(fake, police);
    struct buf envelope = {0};
    struct box_out row;
    assert_int_equal(out_state(id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(box_out_body(school->box, row.number, &envelope, NULL, NULL), 0);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, envelope.len, envelope.data);
    (void)fake_accept(fake, message, police);
    fake_run(fake);
    assert_int_equal(told.got, 1);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_WANTED);
    engine_disconnected(police->engine, fake_moment(fake));
    told.stop_after = 0;
    fake_online(fake, police);
    assert_int_equal(told.got, 3);
    assert_int_equal(told.leaves, 1); /* they were stored */
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
    same_file(police, id);
    leadbus__envelope__free_unpacked(message, NULL);
    buf_fini(&envelope);
}

static void what_the_root_does_not_stand_for_is_not_believed(void **state)
{
    struct fake *fake = *state;
    bool *const bends[] = {&told.bend_leaves, &told.bend_chunk};
    for (size_t i = 0; i < 2; i++) {
        uint8_t id[16], file[16];
        uint64_t after_ms, refused = police->engine->stats.refused_frames;
        *bends[i] = true;
        report(fake, false, id, file);
        fake_run(fake);
        assert_int_equal(police->engine->stats.refused_frames, refused + 1);
        assert_int_equal(police->engine->stats.last.code, E_CHUNK_INVALID);
        assert_true(engine_wants_reset(police->engine, &after_ms));
        assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_WANTED);
        assert_int_equal(checks, i);
        engine_disconnected(police->engine, fake_moment(fake));
        *bends[i] = false;
        size_t asked = told.leaves + told.got;
        fake_online(fake, police);
        assert_int_equal(told.leaves + told.got, asked); /* not at once again */
        fake->district->now_ms += 2000;
        fake_run(fake);
        assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
        same_file(police, id);
    }
}

static void a_file_that_is_not_what_its_sender_says_is_refused_and_removed(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    report(fake, true, id, file);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_CLOSED);
    assert_int_equal(row_of(police, id).code, E_CHUNK_INVALID);
    assert_int_equal(fake->lates, 1);
    assert_int_equal(fake->late_code, -E_CHUNK_INVALID);
    assert_int_equal(roots_in(folders[1]), 0);
    assert_int_equal(police->engine->attachment_bytes, 0);
    assert_int_equal(checks, 0);
}

static void a_file_that_may_not_be_read_here_is_refused_and_removed(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    check_answer = E_FORBIDDEN_CONTENT;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_CLOSED);
    assert_int_equal(row_of(police, id).code, E_FORBIDDEN_CONTENT);
    assert_int_equal(roots_in(folders[1]), 0);
    assert_int_equal(checks, 1);
    assert_int_equal(fake->exceptions, 0); /* the message itself was taken */
    assert_int_equal(fake->lates, 1);
    assert_int_equal(fake->late_code, -E_FORBIDDEN_CONTENT);
    assert_int_equal(fake->late_index, row_of(police, id).index);
    fake_run(fake);
    engine_disconnected(police->engine, fake_moment(fake));
    fake_online(fake, police);
    assert_int_equal(fake->lates, 1); /* once */
}

static void what_was_refused_is_reported_until_the_journal_has_it(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    check_answer = E_FORBIDDEN_CONTENT;
    report(fake, false, id, file);
    fake->no_acked = true; /* from the message on: neither acknowledgement nor report is answered */
    fake_run(fake);
    assert_int_equal(fake->lates, 0); /* it waits for the acknowledgement's answer */
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_REFUSED);
    engine_disconnected(police->engine, fake_moment(fake));
    fake->no_acked = false;
    fake_online(fake, police);
    police->engine->lanes[0].due = true;
    fake_run(fake);
    assert_int_equal(fake->lates, 1);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_CLOSED);
}

static void what_the_broker_erased_is_said_and_what_it_lacks_is_asked_again(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    told.refuse_get = -E_ATTACHMENT_ERASED;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_CLOSED);
    assert_int_equal(row_of(police, id).code, E_ATTACHMENT_ERASED);
    assert_int_equal(fake->lates, 0); /* the broker knows */
    told.refuse_get = -E_BUSY;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_WANTED);
    fake->district->now_ms += 2000;
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
}

static void a_broker_that_lost_chunks_gets_them_again(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16], file[16];
    fake->refuse_code = -E_ATTACHMENT_MISSING;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_QUEUED);
    assert_int_equal(told.opened, 2); /* announced again at once: it has all of it */
    fake->district->now_ms += 60000;
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(fake->submits, 2);
}

static void a_refused_message_sends_no_more_of_its_files(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16], file[16];
    told.refuse = -E_ATTACHMENT_NOT_ALLOWED;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(out_state(id, &row), BOX_OUT_REFUSED);
    assert_int_equal(row.code, E_ATTACHMENT_NOT_ALLOWED);
    assert_int_equal(told.put, 0);
    assert_true(TAILQ_EMPTY(&school->engine->transfers));
}

static void what_our_own_disk_lost_is_refused_or_fetched_again(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct error error = {0};
    struct engine_file opened;
    uint8_t id[16], file[16], *plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    size_t len;
    report(fake, false, id, file);
    fake_run(fake);
    struct box_attachment kept = row_of(police, id);
    assert_int_equal(chunks_erase_one(folders[1], kept.root, 1, NULL), 0);
    assert_int_equal(chunks_put(folders[1], kept.root, 2, bytes_of("other", 5), NULL), 0);
    assert_int_equal(engine_file_open(police->engine, &kept, &opened, NULL), 0);
    assert_int_equal(engine_file_read(&opened, 1, plain, &len, &error), E_NOT_FOUND);
    assert_int_equal(engine_file_read(&opened, 2, plain, &len, &error), E_CHUNK_INVALID);
    engine_file_fini(&opened);
    told.got = 0;
    engine_file_damaged(police->engine, &kept);
    engine_file_damaged(police->engine, &kept);
    fake_run(fake); /* finds the changed one only when it looks through */
    fake->district->now_ms += 2000;
    fake_run(fake);
    assert_int_equal(told.got, 2);
    same_file(police, id);
    /* What was never sent cannot be had again. */
    school->online = false;
    engine_disconnected(school->engine, fake_moment(fake));
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(chunks_erase_one(folders[0], row_of(school, id).root, 2, NULL), 0);
    fake_online(fake, school);
    assert_int_equal(out_state(id, &row), BOX_OUT_REFUSED);
    assert_int_equal(row.code, E_NOT_FOUND);
    free(plain);
}

static void a_draft_names_files_that_are_there_for_its_kind_once(void **state)
{
    struct fake *fake = *state;
    struct error error = {0};
    uint8_t id[16], file[16], other[16];
    const uint8_t nobody[16] = {1};
    assert_int_equal(stage(fake, REPORT, nobody, true, id, &error), E_NOT_FOUND);
    assert_string_equal(error.field, "attachments[0].id");
    add_file(fake, REPORT, true, false, file);
    assert_int_equal(stage(fake, REPORT, file, false, id, &error), E_MISSING_FIELD);
    assert_string_equal(error.field, "attachments[0].confirm_no_dna");
    assert_int_equal(stage(fake, "notice.bulletin", file, true, id, &error),
                     E_ATTACHMENT_NOT_ALLOWED);
    add_file(fake, "lead.clue", false, false, other);
    assert_int_equal(stage(fake, REPORT, other, true, id, &error), E_ATTACHMENT_NOT_ALLOWED);
    const struct engine_attach twice[] = {{file, true}, {file, true}};
    assert_int_equal(stage_many(fake, REPORT, twice, 2, id, &error), E_BAD_VALUE);
    assert_int_equal(engine_attach_drop(school->engine, other, &error), 0);
    assert_int_equal(engine_attach_drop(school->engine, other, &error), E_NOT_FOUND);
    assert_int_equal(stage(fake, REPORT, file, true, id, &error), 0);
    assert_int_equal(stage(fake, REPORT, file, true, id, &error), E_ATTACHMENT_NOT_ALLOWED);
    assert_int_equal(engine_attach_drop(school->engine, file, &error), E_ATTACHMENT_NOT_ALLOWED);
    assert_int_equal(roots_in(folders[0]), 1);
}

static void what_no_draft_names_within_a_day_is_removed(void **state)
{
    struct fake *fake = *state;
    uint8_t file[16];
    add_file(fake, REPORT, true, false, file);
    assert_true(school->engine->attachment_bytes >= FILE_LEN);
    fake->district->now_ms += 3600 * 1000;
    assert_int_equal(engine_tick(school->engine, fake_moment(fake), NULL), 0);
    assert_int_equal(roots_in(folders[0]), 1);
    for (int hour = 0; hour < 25; hour++) {
        fake->district->now_ms += 3600 * 1000;
        assert_int_equal(engine_tick(school->engine, fake_moment(fake), NULL), 0);
    }
    assert_int_equal(roots_in(folders[0]), 0);
    assert_int_equal(school->engine->attachment_bytes, 0);
}

static void nothing_is_fetched_while_there_is_no_room(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], file[16];
    police->engine->options.attachment_bytes_max = FILE_LEN / 2;
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(told.leaves, 0);
    assert_int_equal(row_of(police, id).code, E_ATTACHMENT_ROOM);
    police->engine->options.attachment_bytes_max = 16 << 20;
    engine_transfers_room(police->engine);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
    assert_int_equal(row_of(police, id).code, 0);
}

/* Who names one file in many messages uses the room of one. */
static void a_file_counts_once_however_many_messages_name_it(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[6][16], file[16];
    uint64_t bytes = 0;
    report(fake, false, ids[0], file);
    fake_run(fake);
    uint64_t one = row_of(police, ids[0]).stream_len;
    police->engine->options.attachment_bytes_max = 3 * one;
    for (size_t i = 1; i < 6; i++) {
        add_again(fake, file);
        assert_int_equal(stage(fake, REPORT, file, true, ids[i], NULL), 0);
        fake_run(fake);
        assert_int_equal(row_of(police, ids[i]).state, BOX_ATTACHMENT_HERE);
    }
    assert_int_equal(told.got, 3); /* and is fetched once */
    assert_int_equal(police->engine->attachment_bytes, one);
    assert_int_equal(school->engine->attachment_bytes, one);
    assert_int_equal(box_attachment_bytes(police->box, &bytes, NULL), 0);
    assert_int_equal(bytes, one);
    /* One more that is refused leaves the bytes to the others. */
    check_answer = E_FORBIDDEN_CONTENT;
    add_again(fake, file);
    assert_int_equal(stage(fake, REPORT, file, true, ids[5], NULL), 0);
    fake_run(fake);
    assert_int_equal(row_of(police, ids[5]).state, BOX_ATTACHMENT_CLOSED);
    assert_int_equal(police->engine->attachment_bytes, one);
    same_file(police, ids[0]);
}

/* One sender has half of what others leave; who sends less goes on, and what has no room waits. */
static void a_sender_does_not_use_up_the_room_of_others(void **state)
{
    struct fake *fake = *state;
    uint8_t first[16], second[16], file[16];
    report(fake, false, first, file);
    fake_run(fake);
    uint64_t one = row_of(police, first).stream_len;
    police->engine->options.attachment_bytes_max = 4 * one - 2;
    report(fake, false, second, file); /* would be half and one byte */
    fake_run(fake);
    assert_int_equal(row_of(police, second).state, BOX_ATTACHMENT_WANTED);
    assert_int_equal(row_of(police, second).code, E_ATTACHMENT_ROOM);
    assert_int_equal(police->engine->stats.last.code, E_ATTACHMENT_ROOM);
    assert_non_null(strstr(police->engine->stats.last.detail, "education"));
    assert_int_equal(told.leaves, 1); /* nothing of it was asked for */
    assert_int_equal(police->engine->attachment_bytes, one);
    fake->district->now_ms += 3600 * 1000;
    fake_run(fake); /* time alone makes no room, and nobody is kept awake */
    assert_int_equal(row_of(police, second).code, E_ATTACHMENT_ROOM);
    assert_true(engine_transfers_next_ms(police->engine) > fake->district->now_ms);

    struct box_attachment row = {.state = BOX_ATTACHMENT_WANTED, .stream_len = one, .root = {9}};
    engine_copy(row.from, sizeof row.from, "health");
    assert_int_equal(engine_room_take(police->engine, fake_moment(fake), &row, NULL), 0);
    assert_true(row.kept);
    row.kept = false;
    assert_int_equal(engine_room_leave(police->engine, &row, NULL), 0);
    assert_int_equal(police->engine->attachment_bytes, one);

    /* After a restart it is judged as before; with a higher bound it comes. */
    struct engine_options options = police->engine->options;
    for (int raised = 0; raised < 2; raised++) {
        if (raised) options.attachment_bytes_max = 4 * one;
        engine_free(police->engine);
        assert_int_equal(engine_new(&options, police->box, &police->keyring, &fake->root,
                                    district_bundle_open(fake->district, 1), fake_moment(fake),
                                    &police->engine, NULL),
                         0);
        assert_int_equal(police->engine->attachment_bytes, one);
        fake_online(fake, police);
        if (!raised) assert_int_equal(row_of(police, second).code, E_ATTACHMENT_ROOM);
    }
    assert_int_equal(row_of(police, second).state, BOX_ATTACHMENT_HERE);
    assert_int_equal(row_of(police, second).code, 0);
    same_file(police, second);
}

/* A hundred that have no room are no wall before the one that has. */
static void many_without_room_do_not_hold_up_one_that_has(void **state)
{
    struct fake *fake = *state;
    struct box_attachment row = {
        .state = BOX_ATTACHMENT_WANTED, .index = 1, .stream_len = (16 << 20) + 1, .message = {1}};
    uint8_t id[16], file[16];
    engine_copy(row.from, sizeof row.from, "health");
    for (uint32_t i = 0; i < 100; i++) {
        row.root[0] = (uint8_t)i;
        row.id[0] = (uint8_t)i;
        row.ordinal = i;
        assert_int_equal(box_attachment_add(police->box, &row, (struct bytes){0}, NULL), 0);
        engine_transfer_add(police->engine, &row);
    }
    report(fake, false, id, file);
    fake_run(fake);
    assert_int_equal(row_of(police, id).state, BOX_ATTACHMENT_HERE);
    size_t waiting = 0;
    struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &police->engine->roomless, link) waiting++;
    assert_int_equal(waiting, 100);
    engine_transfers_room(police->engine);
    uint64_t before = 0;
    TAILQ_FOREACH(transfer, &police->engine->transfers, link)
    {
        assert_true(transfer->row.number > before); /* in their order again */
        before = transfer->row.number;
    }
    fake_run(fake);
}

/* The key is in the box under the storage key only, and in the message's content afterwards. */
static void keys_of_files_are_not_in_the_box_in_clear(void **state)
{
    struct fake *fake = *state;
    struct buf sealed = {0};
    struct box_attachment row;
    uint8_t id[16], file[16];
    add_file(fake, REPORT, true, false, file);
    assert_int_equal(box_attachment_find(school->box, file, &row, NULL), 0);
    assert_int_equal(box_attachment_sealed(school->box, row.number, &sealed, NULL), 0);
    assert_true(sealed.len > 0);
    assert_null(memmem(sealed.data, sealed.len, row.root, 32));
    buf_reset(&sealed);
    assert_int_equal(stage(fake, REPORT, file, true, id, NULL), 0);
    assert_int_equal(box_attachment_sealed(school->box, row.number, &sealed, NULL), 0);
    assert_int_equal(sealed.len, 0);
    buf_fini(&sealed);
}

static void a_manifest_that_lists_what_no_section_names_is_an_exception(void **state)
{
    struct fake *fake = *state;
    struct box_in in;
    struct seal_attachment attachment = {.section = 1, .stream_len = 1024, .root = {7}};
    struct district_draft draft = {.kind = REPORT,
                                   .from = "health",
                                   .topic = "",
                                   .area = "",
                                   .attachments = &attachment,
                                   .attachment_count = 1};
    struct district_letter *letter = district_seal(fake->district, &draft, &(int){0});
    struct bytes bytes = buf_bytes(&letter->sealed.bytes);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    (void)fake_accept(fake, message, police);
    fake_run(fake);
    assert_int_equal(box_in_find(police->box, letter->id, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_EXCEPTION);
    assert_int_equal(in.code, E_PAYLOAD_INVALID);
    assert_int_equal(fake->exceptions, 1);
    assert_int_equal(told.leaves, 0);
    leadbus__envelope__free_unpacked(message, NULL);
    district_letter_free(letter);
}

static int one_share(void *ctx, const char *unit, uint64_t bytes)
{
    assert_string_equal(unit, "health");
    *(uint64_t *)ctx += bytes;
    return 0;
}

/* What stores have had since their version 8. */
#define DROP_9                                                                                     \
    "ALTER TABLE outbox DROP COLUMN again; DROP TABLE former; DROP INDEX inbox_notice;"            \
    "DROP TABLE leg; DROP TABLE about; DROP TABLE ladder; DROP TABLE local;"

static void a_store_of_before_attachments_opens(void **state)
{
    struct fake *fake = *state;
    char path[128];
    struct box *box = NULL;
    sqlite3 *db = NULL;
    uint64_t bytes = 1;
    (void)fake;
    (void)snprintf(path, sizeof path, "%s/store", folders[0]);
    assert_int_equal(box_open(path, &box, NULL), 0);
    box_close(box);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     DROP_9
                     "DROP TABLE attachment; DROP TABLE rewrap; DROP TABLE early;"
                     "DROP INDEX inbox_unopened; DROP INDEX outbox_index; DROP TABLE same;"
                     "DROP TRIGGER same_in; DROP TRIGGER same_out; DROP TRIGGER same_in_body;"
                     "DROP TRIGGER same_out_body; DROP TRIGGER same_in_empty;"
                     "DROP TRIGGER same_out_empty; ALTER TABLE outbox DROP COLUMN detail_zh;"
                     "PRAGMA user_version=1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(box_open(path, &box, NULL), 0);
    assert_int_equal(box_attachment_bytes(box, &bytes, NULL), 0);
    assert_int_equal(bytes, 0);
    box_close(box);
    (void)unlink(path);
}

/* What a store counted by message it counts by root, and what it had not fetched has no room yet.
 */
static void a_store_that_counted_by_message_counts_by_root(void **state)
{
    struct fake *fake = *state;
    char path[128];
    struct box *box = NULL;
    sqlite3 *db = NULL;
    uint64_t bytes = 0;
    const int states[] = {BOX_ATTACHMENT_HERE, BOX_ATTACHMENT_HERE, BOX_ATTACHMENT_WANTED,
                          BOX_ATTACHMENT_CLOSED};
    (void)fake;
    (void)snprintf(path, sizeof path, "%s/store", folders[0]);
    assert_int_equal(box_open(path, &box, NULL), 0);
    for (uint8_t i = 0; i < 4; i++) {
        struct box_attachment row = {.id = {i}, .stream_len = 1024, .state = states[i]};
        row.root[0] = i / 2;
        assert_int_equal(box_attachment_add(box, &row, (struct bytes){0}, NULL), 0);
    }
    assert_int_equal(box_commit(box, NULL), 0);
    box_close(box);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  DROP_9
                                  "DROP INDEX attachment_kept;"
                                  "ALTER TABLE attachment DROP COLUMN kept;"
                                  "ALTER TABLE attachment DROP COLUMN sender;"
                                  "CREATE INDEX attachment_root ON attachment(root);"
                                  "INSERT INTO inbox SELECT 1,1,0,0,x'00',x'00',x'00',x'00','','',"
                                  "'health',0,0,0,0,0,0,0,0,0,x'00';"
                                  "UPDATE attachment SET message=x'00';"
                                  "PRAGMA user_version=7",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(box_open(path, &box, NULL), 0);
    assert_int_equal(box_attachment_bytes(box, &bytes, NULL), 0);
    assert_int_equal(bytes, 1024);
    bytes = 0;
    assert_int_equal(box_attachment_shares(box, one_share, &bytes, NULL), 0);
    assert_int_equal(bytes, 1024);
    box_close(box);
    (void)unlink(path);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_goes_ahead_of_its_message_and_is_fetched_behind_it),
        TEST(a_message_waits_for_the_broker_to_take_its_file),
        TEST(an_upload_goes_on_where_it_stood),
        TEST(a_fetch_goes_on_where_it_stood),
        TEST(what_the_root_does_not_stand_for_is_not_believed),
        TEST(a_file_that_is_not_what_its_sender_says_is_refused_and_removed),
        TEST(a_file_that_may_not_be_read_here_is_refused_and_removed),
        TEST(what_was_refused_is_reported_until_the_journal_has_it),
        TEST(what_the_broker_erased_is_said_and_what_it_lacks_is_asked_again),
        TEST(a_broker_that_lost_chunks_gets_them_again),
        TEST(a_refused_message_sends_no_more_of_its_files),
        TEST(what_our_own_disk_lost_is_refused_or_fetched_again),
        TEST(a_draft_names_files_that_are_there_for_its_kind_once),
        TEST(what_no_draft_names_within_a_day_is_removed),
        TEST(nothing_is_fetched_while_there_is_no_room),
        TEST(a_file_counts_once_however_many_messages_name_it),
        TEST(a_sender_does_not_use_up_the_room_of_others),
        TEST(many_without_room_do_not_hold_up_one_that_has),
        TEST(keys_of_files_are_not_in_the_box_in_clear),
        TEST(a_manifest_that_lists_what_no_section_names_is_an_exception),
        TEST(a_store_of_before_attachments_opens),
        TEST(a_store_that_counted_by_message_counts_by_root),
    };
    return cmocka_run_group_tests_name("engine_attach", tests, NULL, NULL);
}
