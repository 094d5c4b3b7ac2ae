/* attachment: the files of a message, listed or saved. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/cli.h"

#include "proto/host/file.h"

static const json_t *find(const json_t *list, const char *number, struct error *ret_error)
{
    size_t digits = strspn(number, "0123456789");
    size_t n = digits > 0 && digits < 4 && !number[digits] ? strtoul(number, NULL, 10) : 0;
    const json_t *one = n > 0 ? json_array_get(list, n - 1) : NULL;
    if (!one)
        (void)error_say(ret_error, E_NOT_FOUND, number, "共 %zu 个附件", "of %zu attachments",
                        json_array_size(list));
    return one;
}

/* Beside the file until it is whole and what the sender signed. Without -o nothing that is there is
 * written over. */
static int open_output(const char *output, bool given, char *ret_part, size_t cap, FILE **ret_file,
                       struct error *ret_error)
{
    if (strcmp(output, "-") == 0) {
        *ret_file = stdout;
        return 0;
    }
    if (!given && (strchr(".-", output[0]) || strchr(output, '/')))
        return error_say(ret_error, E_USAGE, output, "这个名称须用 -o 指定文件",
                         "of that name only with -o");
    if (!given && access(output, F_OK) == 0)
        return error_say(ret_error, E_USAGE, output, "已存在；请用 -o 指定文件",
                         "is there; name a file with -o");
    if (snprintf(ret_part, cap, "%s.XXXXXX", output) >= (int)cap)
        return error_say(ret_error, E_USAGE, "--output", "过长", "too long");
    int fd = mkostemp(ret_part, O_CLOEXEC); /* 0600 */
    *ret_file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (*ret_file) return 0;
    if (fd >= 0) (void)close(fd);
    return file_said(ret_error, E_IO, output, NULL, errno);
}

static int close_output(const char *output, const char *part, FILE *file, struct error *ret_error)
{
    int trouble = fflush(file) ? errno : 0;
    if (file == stdout) return trouble ? file_said(ret_error, E_IO, "-", NULL, trouble) : 0;
    if (!trouble && fsync(fileno(file))) trouble = errno;
    if (fclose(file) && !trouble) trouble = errno;
    if (!trouble && rename(part, output)) trouble = errno;
    return trouble ? file_said(ret_error, E_IO, output, NULL, trouble) : 0;
}

static int save(struct cli *cli, const char *id, const json_t *one, const char *given,
                const char *wait, struct error *ret_error)
{
    const char *output = given ? given : cli_get(one, "name");
    char path[128], part[4096] = "", hex[65];
    uint8_t hash[32];
    FILE *file = NULL;
    int status = open_output(output, given != NULL, part, sizeof part, &file, ret_error);
    if (status) return status;
    snprintf(path, sizeof path, "/v1/messages/%s/attachments/%lld%s%.9s", id,
             (long long)cli_number(one, "n"), wait ? "?wait=" : "", wait ? wait : "");
    status = cli_download(cli, path, cli_get(one, "name"), (uint64_t)cli_number(one, "size"), file,
                          hash, ret_error);
    if (!status) {
        hex_encode(bytes_of(hash, 32), hex);
        if (strcmp(hex, cli_get(one, "sha256")) != 0)
            status = error_set(ret_error, E_CHUNK_INVALID, output, "SHA-256 %s", hex);
    }
    if (!status) return close_output(output, part, file, ret_error);
    if (file != stdout) {
        (void)fclose(file);
        (void)unlink(part);
    }
    return status;
}

int cli_attachment(struct cli *cli, int argc, char **argv)
{
    const char *output = NULL, *wait = NULL;
    struct error error = {0};
    json_t *list = NULL;
    char id[37], path[96];
    int first = 0;
    const struct options_row rows[] = {
        {"output", 'o', "文件|-", "FILE|-", "保存到此文件（默认用附件自己的名称），- 为标准输出",
         "save it there (default: under its own name), - for stdout", NULL, &output, NULL},
        {"wait", 'w', "秒", "SECONDS", "仍在接收时等待", "wait while it is being fetched", NULL,
         &wait, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus attachment",
        .usage_zh = "[选项] 编号 [附件序号]",
        .usage_en = "[OPTIONS] ID [NUMBER]",
        .about_zh = "列出一条消息的附件；给出附件序号时保存该附件，并核对发送方签名的摘要。",
        .about_en = "Lists the attachments of a message; with a number, saves that one and checks "
                    "it against the digest that its sender signed.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows,
    };
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (argc - first < 1 || argc - first > 2 ||
        (wait && strspn(wait, "0123456789") != strlen(wait))) {
        (void)error_say(&error, E_USAGE, NULL, "请给出消息编号，以及要保存的附件序号",
                        "give the ID of a message, and the number of what to save");
        return cli_fail(cli, E_USAGE, &error);
    }
    status = cli_resolve(cli, argv[first], false, id, &error);
    snprintf(path, sizeof path, "/v1/messages/%s/attachments", status ? "" : id);
    if (!status) status = cli_call(cli, "GET", path, NULL, &list, NULL, &error);
    if (!status && argc - first == 2) {
        const json_t *one = find(list, argv[first + 1], &error);
        status = one ? save(cli, id, one, output, wait, &error) : error.code;
        if (!status && !cli->json && !(output && strcmp(output, "-") == 0))
            printf(T("已保存 %s\n", "saved %s\n"),
                   cli_safe(output ? output : cli_get(one, "name")));
        if (!status && cli->json && !(output && strcmp(output, "-") == 0))
            status = cli_print_json(one);
    } else if (!status && cli->json) {
        status = cli_print_json(list);
    } else if (!status) {
        cli_print_attachments(list);
    }
    json_decref(list);
    return error.code ? cli_fail(cli, error.code, &error) : status;
}
