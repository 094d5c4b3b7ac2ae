#include "broker/shell/backup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/store/store.h"
#include "proto/host/file.h"
#include "proto/merkle.h"
#include "proto/note.h"

enum { BACKUP_PATH_LEN_MAX = 1024 };

static int add_record(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes)
{
    struct merkle_frontier *frontier = ctx;
    uint8_t leaf[32], nodes[MERKLE_LEVEL_COUNT_MAX][32];
    merkle_leaf_hash(bytes, leaf);
    if (frontier->size != index || hashes.len < 32 || memcmp(hashes.data, leaf, 32) != 0)
        return E_JOURNAL_CORRUPT;
    (void)merkle_frontier_append(frontier, leaf, nodes);
    return 0;
}

static int read_head(struct store *store, struct checkpoint *ret, struct error *ret_error)
{
    struct buf text = {0};
    struct note note = {0};
    uint64_t size = 0;
    int code = store_checkpoint(store, UINT64_MAX, &text, &size, ret_error);
    if (!code) code = note_parse(buf_bytes(&text), &note, ret_error);
    if (!code) code = checkpoint_parse(note.text, ret, ret_error);
    buf_fini(&text);
    return code;
}

static int check_copy(const char *path, struct checkpoint *ret_head, struct error *ret_error)
{
    struct store *copy = NULL;
    struct merkle_frontier frontier;
    uint8_t root[32];
    merkle_frontier_init(&frontier);
    int code = store_open_read(path, true, &copy, ret_error);
    if (code) return code;
    code = store_walk(copy, 0, add_record, &frontier, ret_error);
    if (code == E_JOURNAL_CORRUPT)
        code =
            error_say(ret_error, code, path, "第 %llu 条记录与其摘要不符",
                      "record %llu is not what its hash says", (unsigned long long)frontier.size);
    if (!code) code = read_head(copy, ret_head, ret_error);
    store_close(copy);
    if (code) return code;
    merkle_frontier_root(&frontier, root);
    if (ret_head->size != frontier.size || memcmp(ret_head->root, root, 32) != 0)
        return error_say(ret_error, E_JOURNAL_CORRUPT, path,
                         "记录共 %llu 条，与签名树根（%llu 条）不符",
                         "%llu records are not those of the signed head, which has %llu",
                         (unsigned long long)frontier.size, (unsigned long long)ret_head->size);
    return 0;
}

int backup_make(const struct settings *settings, const char *path, struct checkpoint *ret_head,
                struct error *ret_error)
{
    char journal[BACKUP_PATH_LEN_MAX];
    struct checkpoint head;
    struct store *store = NULL;
    int len = snprintf(journal, sizeof journal, "%s/journal.db", settings->state);
    if (len < 0 || (size_t)len >= sizeof journal)
        return error_say(ret_error, E_BAD_CONFIG, "bus.state", "路径至多 %d 字节",
                         "a path of at most %d bytes", BACKUP_PATH_LEN_MAX - 12);
    if (!file_exists(journal))
        return error_say(ret_error, E_NOT_FOUND, journal, "没有日志", "no journal");
    if (file_exists(path))
        return error_say(ret_error, E_DUPLICATE, path, "文件已存在，备份不覆盖文件",
                         "it is there, and a backup replaces nothing");
    int code = store_open_read(journal, false, &store, ret_error);
    if (code) return code;
    code = store_backup(store, path, ret_error);
    store_close(store);
    if (code) return code;
    code = check_copy(path, &head, ret_error);
    if (code) {
        (void)unlink(path);
        return code;
    }
    *ret_head = head;
    return 0;
}
