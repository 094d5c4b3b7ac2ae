#include "broker/shell/disk.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/log.h"
#include "proto/host/queue.h"

enum { FOLDER_LEN_MAX = 1023, PATH_LEN = 2048, MARK_LEN_MAX = 256, HEX_LEN = 64 };

struct disk {
    char folder[FOLDER_LEN_MAX + 1];
    struct queue in, out;
    size_t inside, puts, reads; /* the offering thread's */
    pthread_t thread;
};

void disk_task_free(struct disk_task *task)
{
    if (!task) return;
    buf_fini(&task->leaves);
    buf_fini(&task->out);
    job_free(task->job);
    free(task);
}

/* ---- marks --------------------------------------------------------------------------------------
 */

static void mark_path(const char *folder, const uint8_t root[32], char ret_path[PATH_LEN])
{
    char hex[HEX_LEN + 1];
    hex_encode(bytes_of(root, 32), hex);
    (void)snprintf(ret_path, PATH_LEN, "%s/pending/%s", folder, hex);
}

static int mark_write(const char *folder, const struct disk_task *task, struct error *ret_error)
{
    char path[PATH_LEN], text[MARK_LEN_MAX];
    (void)snprintf(path, sizeof path, "%s/pending", folder);
    int code = file_make_folders(path, ret_error);
    if (!code) code = file_sync_folder(folder, ret_error);
    if (code) return code;
    mark_path(folder, task->root, path);
    (void)snprintf(text, sizeof text, "unit %s\nsize %llu\nbytes %llu\n", task->unit,
                   (unsigned long long)task->index, (unsigned long long)task->stream_len);
    return file_write_atomic(path, bytes_of_str(text), 0600, ret_error);
}

int disk_settle(const char *folder, const uint8_t root[32], struct error *ret_error)
{
    char path[PATH_LEN];
    mark_path(folder, root, path);
    if (unlink(path) && errno != ENOENT) return file_said(ret_error, E_IO, path, "remove", errno);
    (void)snprintf(path, sizeof path, "%s/pending", folder);
    return file_sync_folder(path, ret_error);
}

/* ---- tasks --------------------------------------------------------------------------------------
 */

/* The journal is on the same disk and must go on: files leave it a twentieth, 1 GiB at most. Where
 * the folder is not made yet nothing is said. */
static int check_reserve(const char *folder, uint64_t wanted_bytes, struct error *ret_error)
{
    struct statvfs state;
    if (statvfs(folder, &state) != 0) return 0;
    uint64_t all = (uint64_t)state.f_blocks * state.f_frsize;
    uint64_t free_bytes = (uint64_t)state.f_bavail * state.f_frsize;
    uint64_t reserve = all / 20 < DISK_RESERVE_BYTES_MAX ? all / 20 : DISK_RESERVE_BYTES_MAX;
    if (free_bytes >= reserve && free_bytes - reserve >= wanted_bytes) return 0;
    return error_say(ret_error, E_DISK_FULL, "attachment", "总线磁盘的余量须留给日志",
                     "what is left on the broker's disk is kept for the journal");
}

static int do_open(const char *folder, struct disk_task *task)
{
    struct buf leaves = {0};
    uint32_t count = (uint32_t)attachment_chunk_count(task->stream_len);
    int code = chunks_leaves(folder, task->root, &leaves, &task->error);
    buf_fini(&leaves);
    if (!code) {
        task->present_count = chunks_present(folder, task->root, count, task->present);
        return E_DUPLICATE;
    }
    if (code != E_NOT_FOUND) return code;
    code = check_reserve(folder, task->stream_len, &task->error);
    if (!code) code = mark_write(folder, task, &task->error);
    if (!code) code = chunks_begin(folder, task->root, buf_bytes(&task->leaves), &task->error);
    return code;
}

static int do_put(const char *folder, struct disk_task *task)
{
    uint8_t leaf[MERKLE_HASH_LEN];
    merkle_leaf_hash(task->data, leaf);
    if (memcmp(leaf, task->leaf, sizeof leaf) != 0)
        return error_say(&task->error, E_CHUNK_INVALID, "put_chunk.data",
                         "分块 %u 不是所登记的那一块", "chunk %u is not the announced one",
                         task->number);
    int code = check_reserve(folder, task->data.len, &task->error);
    return code ? code : chunks_put(folder, task->root, task->number, task->data, &task->error);
}

/* Not found means erased: the header that was looked at says that it was there. */
static int do_read(const char *folder, struct disk_task *task)
{
    struct buf leaves = {0};
    int code = chunks_leaves(folder, task->root, &leaves, &task->error);
    if (!code)
        code =
            attachment_leaves_check(buf_bytes(&leaves), task->stream_len, task->root, &task->error);
    if (!code && task->what == DISK_CHUNK) {
        code = chunks_get(folder, task->root, task->number, &task->out, &task->error);
        if (!code)
            code = attachment_chunk_check(buf_bytes(&leaves), task->stream_len, task->number,
                                          buf_bytes(&task->out), &task->error);
    } else if (!code) {
        buf_append_bytes(&task->out, buf_bytes(&leaves));
    }
    buf_fini(&leaves);
    if (code == E_CHUNK_INVALID) log_failure(LOG_LEVEL_ERROR, "chunk_damaged", code, &task->error);
    if (code == E_NOT_FOUND)
        code = error_say(&task->error, E_ATTACHMENT_ERASED, "root", "磁盘上已没有",
                         "not on the disk any more");
    return code;
}

static int do_erase(const char *folder, struct disk_task *task)
{
    int code = chunks_erase(folder, task->root, &task->error);
    return code ? code : disk_settle(folder, task->root, &task->error);
}

static int perform(const char *folder, struct disk_task *task)
{
    switch (task->what) {
    case DISK_OPEN: return do_open(folder, task);
    case DISK_PUT: return do_put(folder, task);
    case DISK_SEAL: return chunks_sync(folder, task->root, &task->error);
    case DISK_SETTLE: return disk_settle(folder, task->root, &task->error);
    case DISK_ERASE: return do_erase(folder, task);
    case DISK_LEAVES:
    case DISK_CHUNK: return do_read(folder, task);
    }
    return error_say(&task->error, E_BAD_VALUE, "disk", "没有这种任务", "no such task");
}

static void *run(void *ctx)
{
    struct disk *disk = ctx;
    for (struct disk_task *task; (task = (struct disk_task *)queue_pop(&disk->in));) {
        task->code = perform(disk->folder, task);
        CHECK(queue_push(&disk->out, task)); /* it has room for all that may be inside */
    }
    return NULL;
}

int disk_start(const char *folder, struct disk **ret_disk, struct error *ret_error)
{
    if (strlen(folder) > FOLDER_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "chunks", "路径超过 %d 字节",
                         "a path of more than %d bytes", FOLDER_LEN_MAX);
    struct disk *disk = (struct disk *)calloc(1, sizeof *disk);
    if (!disk) return error_set(ret_error, E_NO_MEMORY, NULL, "disk");
    (void)snprintf(disk->folder, sizeof disk->folder, "%s", folder);
    int code = queue_init(&disk->in, DISK_TASK_COUNT_MAX, false, ret_error);
    if (!code) code = queue_init(&disk->out, DISK_TASK_COUNT_MAX, true, ret_error);
    if (!code && pthread_create(&disk->thread, NULL, run, disk))
        code = error_set(ret_error, E_NO_MEMORY, NULL, "thread of the disk");
    if (code) {
        queue_fini(&disk->in);
        queue_fini(&disk->out);
        free(disk);
        return code;
    }
    *ret_disk = disk;
    return 0;
}

void disk_stop(struct disk *take_disk)
{
    if (!take_disk) return;
    queue_close(&take_disk->in);
    pthread_join(take_disk->thread, NULL);
    for (struct disk_task *task; (task = (struct disk_task *)queue_try_pop(&take_disk->out));)
        disk_task_free(task);
    queue_fini(&take_disk->in);
    queue_fini(&take_disk->out);
    free(take_disk);
}

static size_t *kept_of(struct disk *disk, const struct disk_task *task)
{
    if (task->what == DISK_PUT) return &disk->puts;
    return task->what == DISK_CHUNK ? &disk->reads : NULL;
}

bool disk_offer(struct disk *disk, struct disk_task *take_task)
{
    size_t *kept = kept_of(disk, take_task);
    size_t max = take_task->what == DISK_PUT ? DISK_PUT_COUNT_MAX : DISK_READ_COUNT_MAX;
    if (disk->inside == DISK_TASK_COUNT_MAX || (kept && *kept == max)) return false;
    disk->inside++;
    if (kept) ++*kept;
    CHECK(queue_try_push(&disk->in, take_task));
    return true;
}

struct disk_task *disk_take(struct disk *disk)
{
    struct disk_task *task = (struct disk_task *)queue_try_pop(&disk->out);
    if (!task) return NULL;
    size_t *kept = kept_of(disk, task);
    disk->inside--;
    if (kept) --*kept;
    return task;
}

int disk_fd(const struct disk *disk)
{
    return queue_event_fd(&disk->out);
}

void disk_clear(struct disk *disk)
{
    queue_event_clear(&disk->out);
}

size_t disk_count(const struct disk *disk)
{
    return disk->inside;
}

/* ---- without the thread -------------------------------------------------------------------------
 */

bool disk_whole(const char *folder, const uint8_t root[32], uint64_t stream_len)
{
    char path[PATH_LEN];
    struct buf leaves = {0};
    uint32_t count = (uint32_t)attachment_chunk_count(stream_len);
    mark_path(folder, root, path);
    if (file_exists(path)) return false;
    bool whole = chunks_leaves(folder, root, &leaves, NULL) == 0 &&
                 attachment_leaves_check(buf_bytes(&leaves), stream_len, root, NULL) == 0 &&
                 chunks_present(folder, root, count, NULL) == count;
    buf_fini(&leaves);
    return whole;
}

static bool mark_parse(struct buf *text, char ret_unit[LIMIT_SLUG_LEN_MAX + 1],
                       struct disk_found *ret)
{
    unsigned long long size = 0, stream_len = 0;
    buf_append_u8(text, 0);
    if (sscanf((const char *)text->data, "unit %47s\nsize %llu\nbytes %llu", ret_unit, &size,
               &stream_len) != 3)
        return false;
    ret->size = size;
    ret->stream_len = stream_len;
    return slug_valid(ret_unit) && attachment_stream_valid(stream_len);
}

static int scan_one(const char *folder, const char *name,
                    int (*each)(void *ctx, const struct disk_found *found, struct error *ret_error),
                    void *ctx, struct error *ret_error)
{
    uint8_t root[32], present[CHUNKS_PRESENT_LEN];
    char path[PATH_LEN], unit[LIMIT_SLUG_LEN_MAX + 1];
    struct buf text = {0}, leaves = {0};
    struct disk_found found = {.root = root, .unit = unit, .present = present};
    (void)snprintf(path, sizeof path, "%s/pending/%s", folder, name);
    if (strlen(name) != HEX_LEN || hex_decode(name, HEX_LEN, root, sizeof root, NULL)) {
        (void)unlink(path); /* half written when something crashed */
        return 0;
    }
    int code = file_read(path, MARK_LEN_MAX, &text, ret_error);
    if (code) goto out;
    bool whole = mark_parse(&text, unit, &found) &&
                 chunks_leaves(folder, root, &leaves, NULL) == 0 &&
                 attachment_leaves_check(buf_bytes(&leaves), found.stream_len, root, NULL) == 0;
    if (!whole) {
        code = chunks_erase(folder, root, ret_error);
        if (!code) code = disk_settle(folder, root, ret_error);
        goto out;
    }
    found.leaves = buf_bytes(&leaves);
    found.present_count =
        chunks_present(folder, root, (uint32_t)(leaves.len / MERKLE_HASH_LEN), present);
    code = chunks_sync(folder, root, ret_error);
    if (!code) code = each(ctx, &found, ret_error);
out:
    buf_fini(&text);
    buf_fini(&leaves);
    return code;
}

int disk_scan(const char *folder,
              int (*each)(void *ctx, const struct disk_found *found, struct error *ret_error),
              void *ctx, struct error *ret_error)
{
    char path[PATH_LEN];
    int code = 0;
    if (strlen(folder) > FOLDER_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "chunks", "路径超过 %d 字节",
                         "a path of more than %d bytes", FOLDER_LEN_MAX);
    (void)snprintf(path, sizeof path, "%s/pending", folder);
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT) return 0;
    if (!dir) return file_said(ret_error, E_IO, path, "open", errno);
    for (struct dirent *entry; !code && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.') code = scan_one(folder, entry->d_name, each, ctx, ret_error);
    (void)closedir(dir);
    return code;
}
