#include "proto/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"

void buf_wipe_fini(struct buf *buf)
{
    if (!buf) return;
    if (buf->data) sodium_memzero(buf->data, buf->cap);
    buf_fini(buf);
}

/* What a person can do something about; of the rest the system's own words. */
static const char *said_zh(int number)
{
    switch (number) {
    case ENOENT: return "没有这个文件或文件夹";
    case EACCES:
    case EPERM: return "没有权限";
    case EEXIST: return "已存在，不覆盖";
    case EISDIR: return "是文件夹";
    case ENOTDIR: return "路径中有一段不是文件夹";
    case ENAMETOOLONG: return "路径过长";
    case ELOOP: return "是符号链接，或链接过多";
    case ENOSPC:
    case EDQUOT: return "磁盘空间不足";
    case EROFS: return "所在磁盘只读";
    case EIO: return "磁盘读写出错";
    case EPIPE: return "读取的一方已关闭";
    case EMFILE:
    case ENFILE: return "打开的文件过多";
    case ENOMEM: return "内存不足";
    case EADDRINUSE: return "地址已被占用";
    case EADDRNOTAVAIL: return "本机没有这个地址";
    default: return NULL;
    }
}

int file_said_note(struct error *ret_error, int code, const char *field, const char *what,
                   int number)
{
    char text[128];
    /* The GNU form: returns the text, which need not be in the buffer. */
    const char *en = strerror_r(number, text, sizeof text);
    const char *zh = said_zh(number);
    (void)error_note(ret_error, code, field, "%s%s%s", what ? what : "", what ? ": " : "", en);
    if (zh) return error_note_zh(ret_error, "%s", zh);
    return error_note_zh(ret_error, "系统错误 %d（%s）", number, en);
}

static int fail(const char *path, const char *what, int number, struct error *ret_error)
{
    int code = E_IO;
    if (number == ENOSPC || number == EDQUOT) code = E_DISK_FULL;
    if (number == ENOENT) code = E_NOT_FOUND;
    if (number == EEXIST) code = E_DUPLICATE;
    return file_said(ret_error, code, path, what, number);
}

static int read_all(int fd, const char *path, size_t len_max, struct buf *buf,
                    struct error *ret_error)
{
    size_t start = buf->len;
    struct stat status;
    if (fstat(fd, &status) < 0) return fail(path, "stat", errno, ret_error);
    if (S_ISDIR(status.st_mode)) return error_say(ret_error, E_IO, path, "是文件夹", "is a folder");
    /* One byte more than it says, to see that the file has ended. */
    size_t room = status.st_size > 0 ? (size_t)status.st_size + 1 : 4096;
    if (room > len_max + 1) room = len_max + 1;
    for (;;) {
        uint8_t *at = buf_grow(buf, room);
        ssize_t got = read(fd, at, room);
        int number = errno;
        buf->len -= room - (got > 0 ? (size_t)got : 0);
        if (got == 0) return 0;
        if (got < 0 && number == EINTR) continue;
        if (got < 0) {
            buf->len = start;
            return fail(path, "read", number, ret_error);
        }
        if (buf->len - start > len_max) {
            buf->len = start;
            return error_say(ret_error, E_TOO_LARGE, path, "超过 %zu 字节", "more than %zu bytes",
                             len_max);
        }
        room -= (size_t)got;
        if (room == 0) room = 65536;
    }
}

int file_read(const char *path, size_t len_max, struct buf *buf, struct error *ret_error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail(path, "open", errno, ret_error);
    int rc = read_all(fd, path, len_max, buf, ret_error);
    close(fd);
    return rc;
}

static int check_owner(const struct stat *status, const char *path, struct error *ret_error)
{
    if (status->st_uid == geteuid() || status->st_uid == 0) return 0;
    return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "属于用户 %u", "belongs to user %u",
                     (unsigned)status->st_uid);
}

int file_read_regular(const char *path, size_t len_max, struct buf *buf, struct error *ret_error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int number = errno;
    if (fd < 0 && number == ENXIO) /* a socket */
        return error_say(ret_error, E_IO, path, "不是普通文件", "is not a regular file");
    if (fd < 0) return fail(path, "open", number, ret_error);
    int rc = fstat(fd, &status) < 0 ? fail(path, "stat", errno, ret_error) : 0;
    if (rc == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        rc = error_say(ret_error, E_IO, path, "不是普通文件", "is not a regular file");
    if (rc == 0) rc = read_all(fd, path, len_max, buf, ret_error);
    close(fd);
    return rc;
}

int file_read_trusted(const char *path, size_t len_max, struct buf *buf, struct error *ret_error)
{
    struct stat status;
    struct buf folder = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail(path, "open", errno, ret_error);
    int rc = fstat(fd, &status) < 0 ? fail(path, "stat", errno, ret_error) : 0;
    if (rc == 0 && status.st_mode & 022)
        rc = error_say(
            ret_error, E_KEYRING_PERMISSIONS, path, "权限为 %04o，他人可写：请 chmod go-w",
            "mode is %04o: others may write to it; chmod go-w", (unsigned)(status.st_mode & 07777));
    if (rc == 0) rc = check_owner(&status, path, ret_error);
    file_folder_of(path, &folder);
    if (rc == 0) rc = file_check_folder((const char *)folder.data, ret_error);
    if (rc == 0) rc = read_all(fd, path, len_max, buf, ret_error);
    buf_fini(&folder);
    close(fd);
    return rc;
}

static int check_private(const struct stat *status, const char *path, struct error *ret_error)
{
    if (!S_ISREG(status->st_mode))
        return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "不是普通文件",
                         "is not a regular file");
    if (status->st_mode & 077)
        return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "权限为 %04o，应为 0600",
                         "mode is %04o, 0600 is allowed", (unsigned)(status->st_mode & 07777));
    return check_owner(status, path, ret_error);
}

int file_read_secret(const char *path, size_t len_max, struct buf *buf, struct error *ret_error)
{
    CHECK(buf->len == 0);
    int rc = 0;
    struct buf secret = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "是符号链接",
                         "is a symbolic link");
    if (fd < 0) return fail(path, "open", errno, ret_error);
    struct stat status = {0};
    if (fstat(fd, &status) < 0) rc = fail(path, "stat", errno, ret_error);
    if (rc == 0) rc = check_private(&status, path, ret_error);
    if (rc == 0 && (uint64_t)status.st_size > len_max)
        rc = error_say(ret_error, E_TOO_LARGE, path, "超过 %zu 字节", "more than %zu bytes",
                       len_max);
    if (rc == 0) {
        (void)buf_grow(&secret, (size_t)status.st_size + 2);
        secret.len = 0;
        rc = read_all(fd, path, len_max, &secret, ret_error);
    }
    close(fd);
    if (rc < 0) {
        buf_wipe_fini(&secret);
        return rc;
    }
    buf_wipe_fini(buf);
    *buf = secret;
    return 0;
}

int file_check_private(const char *path, struct error *ret_error)
{
    struct stat status;
    if (lstat(path, &status) < 0) return fail(path, "stat", errno, ret_error);
    return check_private(&status, path, ret_error);
}

int file_check_folder(const char *path, struct error *ret_error)
{
    struct stat status;
    if (stat(path, &status) < 0) return fail(path, "stat", errno, ret_error);
    if (!S_ISDIR(status.st_mode))
        return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "不是文件夹", "is not a folder");
    if ((status.st_mode & 022) && !(status.st_mode & S_ISVTX))
        return error_say(ret_error, E_KEYRING_PERMISSIONS, path, "文件夹权限为 %04o，他人可写",
                         "folder mode is %04o: others may write to it",
                         (unsigned)(status.st_mode & 07777));
    return check_owner(&status, path, ret_error);
}

void file_folder_of(const char *path, struct buf *buf)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        buf_append_str(buf, ".");
    else
        buf_append(buf, path, slash == path ? 1 : (size_t)(slash - path));
    buf_append_u8(buf, 0);
    buf->len--;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int file_sync_folder(const char *path, struct error *ret_error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(path, "open", errno, ret_error);
    int rc = fsync(fd) < 0 ? fail(path, "fsync", errno, ret_error) : 0;
    close(fd);
    return rc;
}

static int write_all(int fd, const char *path, struct bytes content, struct error *ret_error)
{
    size_t done = 0;
    while (done < content.len) {
        ssize_t put = write(fd, content.data + done, content.len - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(path, "write", errno, ret_error);
        done += (size_t)put;
    }
    return 0;
}

static int write_beside(const char *path, struct bytes content, mode_t mode, bool replace,
                        struct error *ret_error)
{
    int rc = 0;
    struct buf folder = {0};
    struct buf temporary = {0};
    file_folder_of(path, &folder);
    buf_printf(&temporary, "%s.XXXXXX", path);
    buf_append_u8(&temporary, 0);
    char *name = (char *)temporary.data;
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        rc = fail(path, "create beside", errno, ret_error);
        goto out;
    }
    if (fchmod(fd, mode) < 0) rc = fail(path, "chmod", errno, ret_error);
    if (rc == 0) rc = write_all(fd, path, content, ret_error);
    if (rc == 0 && fsync(fd) < 0) rc = fail(path, "fsync", errno, ret_error);
    if (close(fd) < 0 && rc == 0) rc = fail(path, "close", errno, ret_error);
    if (rc == 0 && replace && rename(name, path) < 0) rc = fail(path, "rename", errno, ret_error);
    /* link() refuses where rename() replaces. */
    if (rc == 0 && !replace && link(name, path) < 0) rc = fail(path, "link", errno, ret_error);
    if (rc < 0 || !replace) (void)unlink(name);
    if (rc == 0) rc = file_sync_folder((const char *)folder.data, ret_error);
out:
    buf_fini(&folder);
    buf_fini(&temporary);
    return rc;
}

int file_write_atomic(const char *path, struct bytes content, mode_t mode, struct error *ret_error)
{
    return write_beside(path, content, mode, true, ret_error);
}

int file_write_new(const char *path, struct bytes content, mode_t mode, struct error *ret_error)
{
    return write_beside(path, content, mode, false, ret_error);
}

int file_make_folders(const char *path, struct error *ret_error)
{
    int rc = 0;
    struct buf copy = {0};
    buf_append(&copy, path, strlen(path) + 1);
    char *text = (char *)copy.data;
    for (size_t i = 1; rc == 0 && i < copy.len; i++) {
        if (text[i] != '/' && text[i] != 0) continue;
        char kept = text[i];
        text[i] = 0;
        if (text[i - 1] != '/' && mkdir(text, 0700) < 0 && errno != EEXIST)
            rc = fail(text, "make folder", errno, ret_error);
        text[i] = kept;
    }
    struct stat status;
    if (rc == 0 && stat(path, &status) < 0)
        rc = fail(path, "stat", errno, ret_error);
    else if (rc == 0 && !S_ISDIR(status.st_mode))
        rc = error_say(ret_error, E_IO, path, "不是文件夹", "is not a folder");
    buf_fini(&copy);
    return rc;
}

int file_lock(const char *path, int *ret_fd, struct error *ret_error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(path, "open", errno, ret_error);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int number = errno;
        char holder[32] = "";
        ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
        holder[got > 0 ? strcspn(holder, "\n") : 0] = 0;
        close(fd);
        if (number != EWOULDBLOCK) return fail(path, "lock", number, ret_error);
        return error_say(ret_error, E_STORE_LOCKED, path, "被进程 %s 占用", "held by process %s",
                         *holder ? holder : "?");
    }
    /* Who holds it is for people; a failure to say so is none to hold it. */
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    ssize_t told = ftruncate(fd, 0) == 0 ? pwrite(fd, text, (size_t)len, 0) : 0;
    (void)told;
    *ret_fd = fd;
    return 0;
}
