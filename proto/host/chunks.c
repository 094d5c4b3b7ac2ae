#include "proto/host/chunks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/file.h"

enum {
    PATH_LEN = 4096,
    HEX_LEN = 2 * CHUNKS_ROOT_LEN,
    LEAVES_LEN_MAX = LIMIT_CHUNK_COUNT_MAX * 32
};

static const char leaves_name[] = "leaves";

/* The attachment's folder, with a name in it where there is one. */
static void path_of(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], const char *name,
                    char ret_path[PATH_LEN])
{
    char hex[HEX_LEN + 1];
    hex_encode(bytes_of(root, CHUNKS_ROOT_LEN), hex);
    int len =
        snprintf(ret_path, PATH_LEN, "%s/%.2s/%s%s%s", folder, hex, hex, *name ? "/" : "", name);
    CHECK(len > 0 && len < PATH_LEN); /* configured paths are far shorter */
}

static void chunk_path(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
                       char ret_path[PATH_LEN])
{
    char name[16];
    CHECK(number < LIMIT_CHUNK_COUNT_MAX);
    (void)snprintf(name, sizeof name, "%04u", (unsigned)number);
    path_of(folder, root, name, ret_path);
}

static int fail(const char *path, const char *what, struct error *ret_error)
{
    int code = errno == ENOSPC || errno == EDQUOT ? E_DISK_FULL
               : errno == ENOENT                  ? E_NOT_FOUND
                                                  : E_IO;
    return file_said(ret_error, code, path, what, errno);
}

/* The folder that holds this one, by cutting the path. */
static int sync_above(const char *path, struct error *ret_error)
{
    char above[PATH_LEN];
    (void)snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    CHECK(slash != NULL);
    *slash = 0;
    return file_sync_folder(above, ret_error);
}

/* One level, and durable. */
static int make_folder(const char *path, struct error *ret_error)
{
    if (mkdir(path, 0700) < 0) {
        if (errno == EEXIST) return 0;
        return fail(path, "make folder", ret_error);
    }
    return sync_above(path, ret_error);
}

/* The folder that the attachment's own lies in. */
static int make_above(const char *folder, const char *path, struct error *ret_error)
{
    char above[PATH_LEN];
    (void)snprintf(above, sizeof above, "%s", path);
    above[strlen(above) - HEX_LEN - 1] = 0;
    int r = file_make_folders(folder, ret_error);
    return r == 0 ? make_folder(above, ret_error) : r;
}

int chunks_begin(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct bytes leaves,
                 struct error *ret_error)
{
    char path[PATH_LEN];
    path_of(folder, root, "", path);
    int r = make_above(folder, path, ret_error);
    if (r == 0) r = make_folder(path, ret_error);
    if (r != 0) return r;
    path_of(folder, root, leaves_name, path);
    if (file_exists(path)) return 0;
    return file_write_atomic(path, leaves, 0600, ret_error);
}

int chunks_adopt(const char *folder, const uint8_t name[CHUNKS_ROOT_LEN],
                 const uint8_t root[CHUNKS_ROOT_LEN], struct bytes leaves, struct error *ret_error)
{
    char from[PATH_LEN], to[PATH_LEN], path[PATH_LEN];
    path_of(folder, name, leaves_name, path);
    path_of(folder, name, "", from);
    path_of(folder, root, "", to);
    if (file_exists(to)) return error_say(ret_error, E_DUPLICATE, to, "已存在", "is there");
    int r = file_write_atomic(path, leaves, 0600, ret_error); /* syncs the folder, too */
    if (r == 0) r = make_above(folder, to, ret_error);
    if (r == 0 && rename(from, to) < 0) r = fail(to, "rename", ret_error);
    if (r == 0) r = sync_above(to, ret_error);
    return r == 0 ? sync_above(from, ret_error) : r;
}

int chunks_leaves(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct buf *ret_leaves,
                  struct error *ret_error)
{
    char path[PATH_LEN];
    path_of(folder, root, leaves_name, path);
    return file_read(path, LEAVES_LEN_MAX, ret_leaves, ret_error);
}

static int write_whole(int fd, const char *path, struct bytes bytes, struct error *ret_error)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(path, "write", ret_error);
        bytes = bytes_of(bytes.data + put, bytes.len - (size_t)put);
    }
    return fsync(fd) < 0 ? fail(path, "fsync", ret_error) : 0;
}

int chunks_put(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
               struct bytes chunk, struct error *ret_error)
{
    char path[PATH_LEN], beside[PATH_LEN + 8];
    chunk_path(folder, root, number, path);
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(path, "create", ret_error);
    int r = write_whole(fd, path, chunk, ret_error);
    if (close(fd) < 0 && r == 0) r = fail(path, "close", ret_error);
    if (r == 0 && rename(beside, path) < 0) r = fail(path, "rename", ret_error);
    if (r != 0) (void)unlink(beside);
    return r;
}

int chunks_sync(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct error *ret_error)
{
    char path[PATH_LEN];
    path_of(folder, root, "", path);
    return file_sync_folder(path, ret_error);
}

int chunks_get(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
               struct buf *ret_chunk, struct error *ret_error)
{
    char path[PATH_LEN];
    chunk_path(folder, root, number, path);
    return file_read(path, LIMIT_CHUNK_BYTES_MAX, ret_chunk, ret_error);
}

uint32_t chunks_present(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t count,
                        uint8_t ret_present[CHUNKS_PRESENT_LEN])
{
    uint32_t found = 0;
    char path[PATH_LEN];
    if (ret_present) memset(ret_present, 0, CHUNKS_PRESENT_LEN);
    for (uint32_t i = 0; i < count; i++) {
        chunk_path(folder, root, i, path);
        if (!file_exists(path)) continue;
        found++;
        if (ret_present) chunks_set(ret_present, i);
    }
    return found;
}

int chunks_erase_one(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
                     struct error *ret_error)
{
    char path[PATH_LEN];
    chunk_path(folder, root, number, path);
    if (unlink(path) < 0) return fail(path, "remove", ret_error);
    return sync_above(path, ret_error);
}

int chunks_erase(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct error *ret_error)
{
    char path[PATH_LEN];
    path_of(folder, root, "", path);
    DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT ? 0 : fail(path, "open", ret_error);
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
            r = fail(path, "remove", ret_error);
    }
    (void)closedir(dir);
    if (r == 0 && rmdir(path) < 0 && errno != ENOENT) r = fail(path, "remove", ret_error);
    return r == 0 ? sync_above(path, ret_error) : r;
}

/* The roots in one of the 256 folders. */
static int walk_one(const char *above, const char *prefix,
                    int (*each)(void *ctx, const uint8_t root[CHUNKS_ROOT_LEN]), void *ctx)
{
    char path[PATH_LEN];
    int r = 0;
    (void)snprintf(path, sizeof path, "%s/%.2s", above, prefix);
    DIR *dir = opendir(path);
    if (!dir) return 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
        uint8_t root[CHUNKS_ROOT_LEN];
        if (strncmp(entry->d_name, prefix, 2) == 0 && strlen(entry->d_name) == HEX_LEN &&
            hex_decode(entry->d_name, HEX_LEN, root, sizeof root, NULL) == 0)
            r = each(ctx, root);
    }
    (void)closedir(dir);
    return r;
}

int chunks_walk(const char *folder, int (*each)(void *ctx, const uint8_t root[CHUNKS_ROOT_LEN]),
                void *ctx, struct error *ret_error)
{
    DIR *dir = opendir(folder);
    int r = 0;
    if (!dir) return errno == ENOENT ? 0 : fail(folder, "open", ret_error);
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;)
        if (strlen(entry->d_name) == 2 && strspn(entry->d_name, "0123456789abcdef") == 2)
            r = walk_one(folder, entry->d_name, each, ctx);
    (void)closedir(dir);
    return r;
}
