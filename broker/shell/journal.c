#include "broker/shell/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "broker/shell/clock.h"
#include "broker/shell/disk.h"
#include "broker/shell/reading.h"
#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/note.h"
#include "proto/record.h"

enum { DAY_MS = 24 * 3600 * 1000, MANIFEST_ATTACHMENTS = 2 /* a field of Manifest */ };

/* While the journal is taken up. */
struct opening {
    uint64_t began_ms;
    const struct settings *settings;
    const struct keyring *keyring;
    struct core *core;
    struct uploads *uploads;
    uint64_t uploads_from; /* no record before this one names an attachment that is on its way */
    struct store *store, *reader;
    struct writer *writer;
    struct group *group;
    struct buf root_note, bundle_bytes;
    struct buf head_note;   /* over all that was there */
    struct trust_root root; /* the newest accepted */
    struct error *error;
};

/* ---- folding ------------------------------------------------------------------------------------
 */

/* Names of the parts, from the manifest's lines "part <name> <sha256> <length>", in order. */
static size_t manifest_part_names(struct bytes manifest, char (*ret_names)[128], size_t cap)
{
    size_t count = 0;
    const char *at = (const char *)manifest.data, *end = at + manifest.len;
    while (at < end && count < cap) {
        const char *newline = (const char *)memchr(at, '\n', (size_t)(end - at));
        if (!newline || newline == at) break; /* the text ends at the empty line */
        if (newline - at > 5 && memcmp(at, "part ", 5) == 0) {
            const char *name = at + 5;
            const char *space = (const char *)memchr(name, ' ', (size_t)(newline - name));
            size_t len = space ? (size_t)(space - name) : 0;
            if (len && len < sizeof ret_names[0]) {
                memcpy(ret_names[count], name, len);
                ret_names[count++][len] = 0;
            }
        }
        at = newline + 1;
    }
    return count;
}

/* The bundle of a record again: its manifest and root note from the record, its parts from the
 * blobs beside it. */
static int rebuild_bundle(struct opening *opening, uint64_t index,
                          const Leadbus__BundleInstalled *installed,
                          struct trust_bundle **ret_bundle)
{
    struct buf contents[LIMIT_BUNDLE_PART_COUNT_MAX] = {{0}}, bytes = {0};
    char names[LIMIT_BUNDLE_PART_COUNT_MAX][128];
    Leadbus__BundlePart parts[LIMIT_BUNDLE_PART_COUNT_MAX], *list[LIMIT_BUNDLE_PART_COUNT_MAX];
    ProtobufCBinaryData root;
    int code = 0;
    size_t count = manifest_part_names(bytes_of(installed->manifest.data, installed->manifest.len),
                                       names, LIMIT_BUNDLE_PART_COUNT_MAX);
    if (count != installed->n_parts) {
        code = error_say(opening->error, E_JOURNAL_CORRUPT, NULL, "记录 %" PRIu64 " 处方案包的内容",
                         "parts of the bundle at %" PRIu64, index);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        code = store_blob(opening->reader, index, (unsigned)i, &contents[i], opening->error);
        if (code == E_NOT_FOUND)
            code = error_say(opening->error, E_JOURNAL_CORRUPT, names[i],
                             "第 %" PRIu64 " 条记录的方案包缺少这一部分",
                             "the bundle of record %" PRIu64 " lacks this part", index);
        if (code) goto out;
        leadbus__bundle_part__init(&parts[i]);
        parts[i].name = names[i];
        parts[i].content = (ProtobufCBinaryData){contents[i].len, contents[i].data};
        list[i] = &parts[i];
    }
    Leadbus__Bundle bundle = LEADBUS__BUNDLE__INIT;
    bundle.manifest = installed->manifest;
    bundle.n_parts = count;
    bundle.parts = list;
    root = installed->root;
    bundle.n_roots = root.len > 0 ? 1 : 0;
    bundle.roots = &root;
    message_encode(&bundle.base, &bytes);
    code = trust_bundle_open(buf_bytes(&bytes), &opening->root, ret_bundle, opening->error);
    if (!code) opening->root = *trust_bundle_root(*ret_bundle);
out:
    for (size_t i = 0; i < LIMIT_BUNDLE_PART_COUNT_MAX; i++) buf_fini(&contents[i]);
    buf_fini(&bytes);
    return code;
}

/* ---- attachments on their way -------------------------------------------------------------------
 */

static int found_upload(void *ctx, const struct disk_found *found, struct error *ret_error)
{
    struct opening *opening = ctx;
    struct upload *upload;
    int code = uploads_add(opening->uploads, found->unit, found->root, found->stream_len,
                           found->leaves, clock_now_ms(), &upload, ret_error);
    if (code) {
        /* A smaller limit than when it was begun: it stays on the disk until there is room. */
        log_failure(LOG_LEVEL_WARN, "upload_not_taken", code, ret_error);
        return 0;
    }
    memcpy(upload->present, found->present, sizeof upload->present);
    upload->present_count = found->present_count;
    upload->state = upload->present_count == upload->chunk_count ? UPLOAD_COMPLETE : UPLOAD_OPEN;
    if (found->size < opening->uploads_from) opening->uploads_from = found->size;
    return 0;
}

/* An envelope that is in the journal: what it names is no longer on its way, and counts in its
 * sender's day, as attach_accepted did when the record was made. */
static int settle_uploads(struct opening *opening, const struct reading_record *read)
{
    const Leadbus__Record *record = read->decoded.record;
    struct bytes files,
        encoded = bytes_of(record->accepted->manifest.data, record->accepted->manifest.len);
    if (!message_peek(encoded, MANIFEST_ATTACHMENTS, &files)) return 0; /* most name none */
    uint64_t named = 0;
    struct arena arena;
    const ProtobufCMessage *message;
    arena_init(&arena, (size_t)LIMIT_RECORD_BYTES_MAX * 16);
    int code =
        message_decode(&leadbus__manifest__descriptor, encoded, &arena, &message, opening->error);
    const Leadbus__Manifest *manifest = code ? NULL : (const Leadbus__Manifest *)message;
    for (size_t i = 0; !code && i < manifest->n_attachments; i++) {
        ProtobufCBinaryData root = manifest->attachments[i]->root;
        named += manifest->attachments[i]->size;
        struct upload *upload = root.len == 32 ? uploads_find(opening->uploads, root.data) : NULL;
        if (!upload) continue;
        code = disk_settle(opening->settings->chunks, upload->root, opening->error);
        if (!code) uploads_remove(opening->uploads, upload);
    }
    if (!code && named)
        uploads_accepted(opening->uploads, read->decoded.header->from, named, record->time_ms);
    arena_fini(&arena);
    return code;
}

static int fold_one(void *ctx, const struct reading_record *read)
{
    struct opening *opening = ctx;
    struct trust_bundle *bundle = NULL;
    const Leadbus__Record *record = read->decoded.record;
    if (!record)
        return core_apply(opening->core, read->index, read->bytes, NULL, NULL, opening->error);
    int code = 0;
    if (record->what_case == LEADBUS__RECORD__WHAT_BUNDLE)
        code = rebuild_bundle(opening, read->index, record->bundle, &bundle);
    if (!code)
        code = core_apply_decoded(opening->core, read->index, &read->decoded, bundle, NULL,
                                  opening->error);
    if (code || record->what_case != LEADBUS__RECORD__WHAT_ACCEPTED) return code;
    bool fresh = core_time_ms(opening->core) + DAY_MS > opening->began_ms;
    return fresh || read->index >= opening->uploads_from ? settle_uploads(opening, read) : 0;
}

/* What still waits to be delivered is read once, against its stored hash: a record that the disk
 * changed is found here and not when a lead behind it is waited for. All of the journal is the
 * audit's business. */
static int check_waiting(struct opening *opening)
{
    struct core_unit_stats stats;
    struct core_entry entry;
    struct buf record = {0};
    uint64_t size = core_size(opening->core);
    uint8_t *checked = (uint8_t *)calloc((size_t)(size / 8 + 1), 1);
    int code = checked ? 0 : error_set(opening->error, E_NO_MEMORY, NULL, "journal");
    for (size_t i = 0; !code && i < core_unit_count(opening->core); i++) {
        core_unit_stats(opening->core, i, &stats);
        for (unsigned lane = 0; !code && lane < ENVELOPE_LANE_COUNT; lane++) {
            uint64_t position;
            uint8_t running[32];
            core_acknowledged(opening->core, stats.unit, lane, &position, running);
            while (!code && core_entry_after(opening->core, stats.unit, lane, position, &entry)) {
                position = entry.position;
                if (checked[entry.index / 8] >> (entry.index % 8) & 1) continue;
                checked[entry.index / 8] |= (uint8_t)(1u << (entry.index % 8));
                buf_reset(&record);
                code = store_read_intact(opening->store, entry.index, &record, opening->error);
            }
        }
    }
    buf_fini(&record);
    free(checked);
    return code;
}

static int check_head(struct opening *opening, uint64_t size, struct merkle_frontier *ret_frontier)
{
    uint64_t note_size = 0;
    struct checkpoint head;
    struct merkle_reader reader = store_merkle_reader(opening->store);
    int code = merkle_frontier_load(&reader, size, ret_frontier, opening->error);
    if (!code)
        code = store_checkpoint(opening->store, UINT64_MAX, &opening->head_note, &note_size,
                                opening->error);
    if (code == E_NOT_FOUND)
        code = error_say(opening->error, E_JOURNAL_FORKED, "checkpoint",
                         "有 %" PRIu64 " 条记录，却没有覆盖它们的已签名检查点",
                         "%" PRIu64 " records and no signed head over them", size);
    if (!code)
        code = checkpoint_verify(buf_bytes(&opening->head_note), core_origin(opening->core),
                                 opening->keyring->witness_public, &head, opening->error);
    if (!code) {
        uint8_t root[32];
        merkle_frontier_root(ret_frontier, root);
        if (head.size != size || memcmp(root, head.root, 32) != 0)
            code =
                error_say(opening->error, E_JOURNAL_FORKED, "checkpoint",
                          "检查点签到 %" PRIu64 " 条，日志有 %" PRIu64 " 条",
                          "signed for size %" PRIu64 ", the journal has %" PRIu64, head.size, size);
    }
    return code;
}

/* ---- records of our own -------------------------------------------------------------------------
 */

static int admit(struct opening *opening, const struct core_request *request,
                 struct trust_bundle *bundle)
{
    struct group *group = opening->group;
    struct group_record *record = &group->records[group->count];
    struct core_verdict verdict = {0};
    int code = core_admit(opening->core, request, &record->bytes, &verdict);
    if (code) {
        buf_fini(&record->bytes);
        *opening->error = verdict.error;
        opening->error->code = code;
        return code;
    }
    uint64_t index = core_size(opening->core);
    if (group->count == 0) group->first = index;
    group->count++;
    if (bundle) {
        record->blob_count = trust_bundle_part_count(bundle);
        record->own_blobs =
            (struct bytes *)calloc(record->blob_count + 1, sizeof *record->own_blobs);
        CHECK(record->own_blobs != NULL);
        for (size_t i = 0; i < record->blob_count; i++) {
            const char *name;
            uint8_t hash[32];
            trust_bundle_part(bundle, i, &name, &record->own_blobs[i], hash);
        }
        record->blobs = record->own_blobs;
    }
    return core_apply(opening->core, index, buf_bytes(&record->bytes), bundle, NULL,
                      opening->error);
}

static void make_origin(const struct opening *opening, char ret[LIMIT_NOTE_NAME_LEN_MAX + 1])
{
    uint8_t random[4];
    char hex[9];
    clock_random(random, sizeof random);
    hex_encode(bytes_of(random, sizeof random), hex);
    snprintf(ret, LIMIT_NOTE_NAME_LEN_MAX + 1, "%s/%s", opening->settings->bus, hex);
}

static int begin(struct opening *opening)
{
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    uint8_t hash[32];
    make_origin(opening, origin);
    sha256(buf_bytes(&opening->root_note), hash);
    struct core_request request = {
        .type = CORE_GENESIS,
        .now_ms = clock_now_ms(),
        .genesis = {.origin = origin, .bus = opening->settings->bus, .root = hash}};
    int code = admit(opening, &request, NULL);
    if (!code) log_info("journal_begun", log_text("origin", origin));
    return code;
}

/* What stands here is a backup's: what was receipted since is not in it. */
static int restore(struct opening *opening)
{
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    make_origin(opening, origin);
    uint64_t size = core_size(opening->core);
    struct core_request request = {.type = CORE_RESTORE,
                                   .now_ms = clock_now_ms(),
                                   .restored = {.origin = origin,
                                                .reason = opening->settings->restored,
                                                .checkpoint = buf_bytes(&opening->head_note)}};
    int code = admit(opening, &request, NULL);
    if (!code)
        log_warn("journal_restored", log_text("origin", origin), log_u64("size", size),
                 log_text("reason", opening->settings->restored));
    return code;
}

int journal_check_root_step(const struct trust_root *current, const struct trust_bundle *bundle,
                            struct error *ret_error)
{
    uint64_t version = trust_bundle_root(bundle)->version;
    if (version <= current->version + 1) return 0;
    return error_say(ret_error, E_BUNDLE_UNKNOWN, "root",
                     "现行信任根为第 %" PRIu64 " 版，方案包的是第 %" PRIu64
                     " 版：请先装入第 %" PRIu64 " 版信任根签发的方案包",
                     "root %" PRIu64 " is in force, the bundle's is %" PRIu64
                     ": install a bundle made under root %" PRIu64 " first",
                     current->version, version, current->version + 1);
}

static int install_bundle(struct opening *opening)
{
    struct trust_bundle *bundle = NULL;
    const struct trust_bundle *current = core_bundle(opening->core);
    int code = file_read(opening->settings->bundle, LIMIT_BUNDLE_BYTES_MAX, &opening->bundle_bytes,
                         opening->error);
    if (code == E_NOT_FOUND && current) {
        log_warn("bundle_missing", log_text("file", opening->settings->bundle),
                 log_u64("journal", trust_bundle_version(current)));
        return 0;
    }
    if (!code)
        code = error_in(opening->error,
                        trust_bundle_open(buf_bytes(&opening->bundle_bytes), &opening->root,
                                          &bundle, opening->error),
                        opening->settings->bundle);
    if (code) return code;
    if (current && trust_bundle_version(bundle) <= trust_bundle_version(current)) {
        if (trust_bundle_version(bundle) < trust_bundle_version(current))
            log_warn("bundle_older", log_u64("file", trust_bundle_version(bundle)),
                     log_u64("journal", trust_bundle_version(current)));
        trust_bundle_free(bundle);
        return 0;
    }
    code = journal_check_root_step(&opening->root, bundle, opening->error);
    if (code) {
        trust_bundle_free(bundle);
        return code;
    }
    struct core_request request = {.type = CORE_BUNDLE, .now_ms = clock_now_ms(), .bundle = bundle};
    uint64_t version = trust_bundle_version(bundle);
    uint64_t size = core_size(opening->core);
    code = admit(opening, &request, bundle);
    if (code) {
        if (core_size(opening->core) == size) trust_bundle_free(bundle);
        return code;
    }
    opening->root = *trust_bundle_root(core_bundle(opening->core));
    log_info("bundle_installed", log_u64("version", version));
    return 0;
}

/* A journal begins once, and somebody says so: a folder that is empty because its disk is not there
 * must not become a second bus of the same name. */
static int no_journal(const struct opening *opening, const char *path)
{
    return error_say(opening->error, E_NOT_FOUND, path,
                     "没有日志：首次启动请加 --begin；若应有日志，请检查磁盘是否已挂载",
                     "no journal: the first start is leadbusd --begin; if there should be one, "
                     "look whether its disk is mounted");
}

/* Before anything is made: SQLite would leave a -wal there, and take it for that of the journal
 * that is put back. */
static int check_there(const struct opening *opening, const char *path)
{
    struct stat state;
    if (opening->settings->begin) return 0;
    if (stat(path, &state) != 0) {
        if (errno == ENOENT) return no_journal(opening, path);
        return file_said(opening->error, E_IO, path, NULL, errno);
    }
    return S_ISREG(state.st_mode) && state.st_size == 0 ? no_journal(opening, path) : 0;
}

static int check_begin(const struct opening *opening, uint64_t size, const char *path)
{
    bool begin = opening->settings->begin;
    if (size == 0 && !begin) return no_journal(opening, path);
    if (size > 0 && begin)
        return error_say(opening->error, E_USAGE, path, "日志已存在：请去掉 --begin 再启动",
                         "the journal exists: start without --begin");
    return 0;
}

static int own_records(struct opening *opening)
{
    int code = core_size(opening->core) == 0 ? begin(opening) : 0;
    if (!code && opening->settings->restored) code = restore(opening);
    if (!code) code = install_bundle(opening);
    if (code) return code;
    struct core_request configure = {
        .type = CORE_CONFIGURE, .now_ms = clock_now_ms(), .configured = &opening->settings->limits};
    code = admit(opening, &configure, NULL);
    if (code && code != E_DUPLICATE) return code; /* a duplicate: the same is in force */
    struct core_request start = {
        .type = CORE_START, .now_ms = clock_now_ms(), .version = LEADBUS_VERSION};
    return admit(opening, &start, NULL);
}

/* ---- open ---------------------------------------------------------------------------------------
 */

static int open_files(struct opening *opening, const char *path)
{
    int code = check_there(opening, path);
    if (!code) code = file_make_folders(opening->settings->state, opening->error);
    if (!code)
        code = file_read(opening->settings->root, LIMIT_NOTE_BYTES_MAX, &opening->root_note,
                         opening->error);
    if (!code)
        code = error_in(
            opening->error,
            trust_root_open(buf_bytes(&opening->root_note), &opening->root, opening->error),
            opening->settings->root);
    if (!code && strcmp(opening->root.bus, opening->settings->bus) != 0)
        code = error_say(opening->error, E_BAD_CONFIG, "bus.name", "信任根属于总线 %s",
                         "the root is of %s", opening->root.bus);
    if (!code) code = store_open(path, &opening->store, opening->error);
    if (!code) code = store_open_read(path, false, &opening->reader, opening->error);
    return code;
}

static int take_up(struct opening *opening, const char *path)
{
    uint64_t size = 0;
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    int code = store_size(opening->store, &size, opening->error);
    if (!code) code = check_begin(opening, size, path);
    opening->uploads_from = UINT64_MAX;
    if (!code) code = disk_scan(opening->settings->chunks, found_upload, opening, opening->error);
    if (!code) code = reading_walk(opening->store, 0, fold_one, opening, opening->error);
    if (!code && core_size(opening->core) != size)
        code = error_say(opening->error, E_JOURNAL_CORRUPT, NULL,
                         "只有 %" PRIu64 " 条，共应 %" PRIu64 " 条",
                         "%" PRIu64 " of %" PRIu64 " records", core_size(opening->core), size);
    if (!code && size) code = check_head(opening, size, &frontier);
    if (!code) code = check_waiting(opening);
    if (code) return code;
    clock_compare_journal(size ? core_time_ms(opening->core) : 0);
    code = own_records(opening);
    if (code) return code;
    code = writer_new(opening->store, &frontier, core_origin(opening->core),
                      opening->keyring->witness_secret, &opening->writer, opening->error);
    if (code) return code;
    opening->store = NULL;
    log_info("journal_folded", log_u64("size", size),
             log_text("origin", core_origin(opening->core)));
    return writer_commit(opening->writer, opening->group, opening->error);
}

int journal_open(const struct settings *settings, const struct keyring *keyring,
                 struct uploads *uploads, struct journal *ret_journal, struct error *ret_error)
{
    struct error local = {0};
    struct opening opening = {.began_ms = clock_now_ms(),
                              .settings = settings,
                              .keyring = keyring,
                              .uploads = uploads,
                              .error = ret_error ? ret_error : &local};
    char path[4096];
    uint8_t hash_key[16];
    snprintf(path, sizeof path, "%s/journal.db", settings->state);
    clock_random(hash_key, sizeof hash_key);
    opening.core = core_new(hash_key);
    opening.group = (struct group *)calloc(1, sizeof *opening.group);
    int code =
        opening.core && opening.group ? 0 : error_set(opening.error, E_NO_MEMORY, NULL, "journal");
    if (!code) code = open_files(&opening, path);
    if (!code) code = take_up(&opening, path);
    if (!code) {
        *ret_journal = (struct journal){
            .core = opening.core, .writer = opening.writer, .reader = opening.reader};
        ret_journal->checkpoint = opening.group->checkpoint;
        opening.group->checkpoint = (struct buf){0};
    } else {
        store_close(opening.reader); /* as journal_fini */
        writer_free(opening.writer);
        store_close(opening.store);
        core_free(opening.core);
    }
    group_free(opening.group);
    buf_fini(&opening.root_note);
    buf_fini(&opening.bundle_bytes);
    buf_fini(&opening.head_note);
    return code;
}

void journal_fini(struct journal *journal)
{
    core_free(journal->core);
    /* The writer last: it folds the write-ahead log into the file when nobody else has it open. */
    store_close(journal->reader);
    writer_free(journal->writer);
    buf_fini(&journal->checkpoint);
    *journal = (struct journal){0};
}
