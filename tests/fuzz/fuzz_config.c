/* A configuration as an operator may have written it: an edit of a good one. What is taken is
 * printed, and what was printed is taken again and printed the same. */
#include <string.h>

#include "proto/host/config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

static const struct config_key keys[] = {
    {"bus", "name", CONFIG_TEXT, NULL, 1, 64, true, "名称", "name"},
    {"bus", "state", CONFIG_PATH, "/var/lib/leadbus", 0, 0, false, "目录", "folder"},
    {"listen", "endpoint", CONFIG_LIST, NULL, 1, 8, false, "地址", "addresses"},
    {"listen", "connections", CONFIG_U64, "1024", 1, 65536, false, "数量", "how many"},
    {"limits", "bytes", CONFIG_SIZE, "64M", 1024, 1ull << 40, false, "字节", "bytes"},
    {"limits", "wait", CONFIG_DURATION, "10s", 100, 86400000, false, "时长", "how long"},
    {"limits", "strict", CONFIG_BOOL, "yes", 0, 0, false, "开关", "on or off"},
};
static const char good[] = "# a comment\n[bus]\nname = hedong.leadbus ; and why\nstate=/srv/x\n\n"
                           "[listen]\nendpoint = tcp://0.0.0.0:7447, ipc:///run/a\n"
                           "endpoint = ipc:///run/b\nconnections = 12\n"
                           "[limits]\nbytes = 64K\nwait = 250ms\nstrict = off\n";

/* As printed, without where the values come from. */
static void printed(const struct config *config, struct buf *ret)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    CHECK(file != NULL);
    config_print(config, file);
    CHECK(fclose(file) == 0);
    for (const char *line = text; *line;) {
        size_t line_len = strcspn(line, "\n") + 1;
        if (*line != '#') buf_append(ret, line, line_len);
        line += line_len;
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { KEY_COUNT = sizeof keys / sizeof keys[0] };
    struct buf text = {0}, first = {0}, second = {0};
    struct config *config = NULL, *again = NULL;
    fuzz_edit(bytes_of_str(good), data, len, &text);
    if (config_load(keys, KEY_COUNT, fuzz_file("a.conf", buf_bytes(&text)), &config, NULL) == 0) {
        printed(config, &first);
        CHECK(config_load(keys, KEY_COUNT, fuzz_file("a.conf", buf_bytes(&first)), &again, NULL) ==
              0);
        printed(again, &second);
        CHECK(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    }
    config_free(config);
    config_free(again);
    buf_fini(&text);
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
