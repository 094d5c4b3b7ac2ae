/* print: a message as a page of paper, HTML as the agent makes it. */
#include <stdio.h>
#include <string.h>

#include "clients/cli/cli.h"
#include "proto/host/file.h"

static int read_operands(struct cli *cli, const char **output, int argc, char **argv,
                         int *ret_first)
{
    const struct options_row rows[] = {
        {"output", 'o', "文件", "FILE", "写入文件（已有的不覆盖）；默认写到标准输出",
         "into a file, over nothing that is there; else on stdout", NULL, output, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus print",
        .usage_zh = "[选项] receipt|handover 编号",
        .usage_en = "[OPTIONS] receipt|handover ID",
        .about_zh = "生成可打印的 A4 网页：receipt 签收回执，handover 移交清单。页上有日志序号、"
                    "入账时间、记录散列与检查点，可据以与日志核对。",
        .about_en =
            "Makes a page to be printed on A4: receipt, who signed for a message; handover, "
            "what a message hands over. It has journal index, time, record hash and "
            "checkpoint, to be held against the journal.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

static int give(struct cli *cli, const char *form, const char *id, const char *output,
                const struct buf *page)
{
    struct error error = {0};
    int status = 0;
    if (cli->json) {
        json_t *answer = json_pack("{s:s,s:s,s:s%}", "id", id, "form", form, "html",
                                   (const char *)page->data, page->len);
        status = cli_print_json(answer);
        json_decref(answer);
    } else if (output) {
        status = file_write_new(output, bytes_of(page->data, page->len), 0600, &error);
        if (status) return cli_fail(cli, status, &error);
        printf(T("已写入 %s，用浏览器打开并打印\n",
                 "%s is written: open it in a browser, and print\n"),
               output);
    } else if (fwrite(page->data, 1, page->len, stdout) != page->len || fflush(stdout)) {
        status = options_exit_code(E_IO);
    }
    return status;
}

int cli_print(struct cli *cli, int argc, char **argv)
{
    const char *output = NULL;
    struct error error = {0};
    json_t *answer = NULL;
    struct buf page = {0};
    char id[37];
    char path[96];
    int first = 0;
    int status = read_operands(cli, &output, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first + 2 != argc ||
        (strcmp(argv[first], "receipt") != 0 && strcmp(argv[first], "handover") != 0))
        return cli_misuse(cli, NULL, "请给出 receipt 或 handover，以及一个编号",
                          "give receipt or handover, and one ID");
    status = cli_resolve(cli, argv[first + 1], false, id, &error);
    if (status) return cli_fail(cli, status, &error);
    snprintf(path, sizeof path, "/v1/messages/%s/print?form=%s", id, argv[first]);
    status = cli_call(cli, "GET", path, NULL, &answer, &page, &error);
    if (status) return cli_fail(cli, status, &error);
    json_decref(answer);
    status = give(cli, argv[first], id, output, &page);
    buf_wipe_fini(&page);
    return status;
}
