/* host: configuration, files, log lines, language, SQLite: what they refuse and what they keep. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/host/config.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/host/options.h"
#include "proto/host/sqlite.h"
#include "proto/host/sqlite_gather.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/lb-host.XXXXXX");
    i18n_set(LANG_EN);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *content)
{
    assert_int_equal(file_write_atomic(path_of(name), bytes_of_str(content), 0600, NULL), 0);
}

/* ---- configuration */

static const struct config_key keys[] = {
    {"bus", "listen", CONFIG_LIST, "tcp://127.0.0.1:5555", 1, 4, false, "监听", "endpoints"},
    {"bus", "name", CONFIG_TEXT, NULL, 1, 16, false, "名称", "name"},
    {"bus", "token", CONFIG_TEXT, "planted", 0, 0, false, "令牌", "token"},
    {"limits", "credit", CONFIG_U64, "256", 1, 4096, false, "窗口", "window"},
    {"limits", "grace", CONFIG_DURATION, "24h", 1000, 864000000, false, "宽限", "grace"},
    {"limits", "cache", CONFIG_SIZE, "64M", 0, 0, false, "缓存", "cache"},
    {"limits", "strict", CONFIG_BOOL, "yes", 0, 0, false, "严格", "strict"},
    {"paths", "state", CONFIG_PATH, NULL, 0, 0, false, "目录", "folder"},
};
enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

static void config_reads_values_and_defaults(void **state)
{
    (void)state;
    struct config *config = NULL;
    put("c.conf", "# a comment\n[limits]\ncredit = 7 ; here too\ngrace=90m\n[bus]\nlisten = a, b\n"
                  "listen = c\nname = x\n");
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, NULL), 0);
    assert_int_equal(config_u64(config, "limits", "credit"), 7);
    assert_int_equal(config_u64(config, "limits", "grace"), 90 * 60000);
    assert_int_equal(config_u64(config, "limits", "cache"), 64 << 20);
    assert_true(config_bool(config, "limits", "strict"));
    assert_int_equal(config_list_count(config, "bus", "listen"), 3);
    assert_string_equal(config_list_at(config, "bus", "listen", 2), "c");
    assert_string_equal(config_text(config, "paths", "state"), "");
    assert_string_equal(config_origin(config, "limits", "cache"), "default");
    assert_non_null(strstr(config_origin(config, "limits", "credit"), "c.conf:3"));
    config_free(config);
}

static void config_endpoints_have_a_port_that_exists(void **state)
{
    (void)state;
    static const char *const good[] = {"tcp://127.0.0.1:7447", "tcp://[::1]:65535", "tcp://*:0",
                                       "tcp://127.0.0.1:*", "ipc:///run/bus"};
    static const char *const bad[] = {
        "",         "http://a:1",    "inproc://a",          "tcp://",     "tcp://:1",   "tcp://a",
        "tcp://a:", "tcp://a:65536", "tcp://a:99999999999", "tcp://a:1x", "tcp://a:-1", "ipc://"};
    struct config *config = NULL;
    put("c.conf", "[bus]\nname = x\nlisten = a,b\n");
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, NULL), 0);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(config_check_endpoint(config, "bus", "listen", good[i], NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(config_check_endpoint(config, "bus", "listen", bad[i], NULL),
                         E_BAD_CONFIG);
    config_free(config);
}

static void config_drop_ins_replace_in_the_order_of_names(void **state)
{
    (void)state;
    struct config *config = NULL;
    put("c.conf", "[limits]\ncredit = 1\n[bus]\nlisten = a\nlisten = b\n");
    assert_int_equal(file_make_folders(path_of("c.conf.d"), NULL), 0);
    put("c.conf.d/20-b.conf", "[limits]\ncredit = 3\n");
    put("c.conf.d/10-a.conf", "[limits]\ncredit = 2\n[bus]\nlisten = z\n");
    put("c.conf.d/30-not-read", "[limits]\ncredit = 4\n");
    put("c.conf.d/.hidden.conf", "[limits]\ncredit = 5\n");
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, NULL), 0);
    assert_int_equal(config_u64(config, "limits", "credit"), 3);
    assert_int_equal(config_list_count(config, "bus", "listen"), 1);
    assert_int_equal(config_override(config, "limits.credit=9", NULL), 0);
    assert_int_equal(config_override(config, "limits.credit=0", NULL), E_BAD_CONFIG);
    assert_int_equal(config_override(config, "credit", NULL), E_BAD_CONFIG);
    assert_int_equal(config_u64(config, "limits", "credit"), 9);
    config_free(config);
}

static void config_faults_name_file_and_line(void **state)
{
    (void)state;
    char long_line[400];
    (void)snprintf(long_line, sizeof long_line, "[bus]\nname = %0250d\n", 1);
    const struct {
        const char *content, *where, *detail;
    } rows[] = {
        {"[limits]\n\ncerdit = 1\n", ":3", "[limits] credit"},
        {"[limit]\ncredit = 1\n", ":2", "[limits] credit"},
        {"credit = 1\n", ":1", "nearest"},
        {"[limits]\ncredit = 0\n", ":2", "1..4096"},
        {"[limits]\ncredit = 4097\n", ":2", "1..4096"},
        {"[limits]\ncredit = 1x\n", ":2", "number"},
        {"[limits]\ncredit = -1\n", ":2", "number"},
        {"[limits]\ncredit =\n", ":2", "number"},
        {"[limits]\ncredit = 99999999999999999999\n", ":2", "number"},
        {"[limits]\ncredit = 1\ncredit = 2\n", ":3", "twice"},
        {"[limits]\ngrace = 24\n", ":2", "time"},
        {"[limits]\ngrace = 999999999999999999d\n", ":2", "time"},
        {"[limits]\ngrace = 11d\n", ":2", "1s..10d"}, /* as it would be written */
        {"[limits]\nstrict = maybe\n", ":2", "yes or no"},
        {"[paths]\nstate = relative/x\n", ":2", "absolute"},
        {"[bus]\nname = seventeen-letters\n", ":2", "1..16 bytes"},
        {"[bus]\nlisten = a,b,c,d,e\n", ":2", "1..4 items"},
        {"[limits]\ncredit\n", ":2", "key = value"},
        {"[limits\n", ":1", "section"},
        {long_line, ":2", "198"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config *config = NULL;
        struct error error = {0};
        put("c.conf", rows[i].content);
        int rc = config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error);
        assert_int_equal(rc, E_BAD_CONFIG);
        assert_null(config);
        if (!strstr(error.field, rows[i].where) || !strstr(error.detail, rows[i].detail))
            fail_msg("row %zu: %s: %s", i, error.field, error.detail);
    }
    struct config *config = NULL;
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("none.conf"), &config, NULL),
                     E_BAD_CONFIG);
}

static void config_print_can_be_loaded_again_and_hides_tokens(void **state)
{
    (void)state;
    struct config *config = NULL, *again = NULL;
    struct buf text = {0};
    put("c.conf", "[bus]\nname = x\nlisten = a,b\n");
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, NULL), 0);
    FILE *file = fopen(path_of("out.conf"), "w");
    assert_non_null(file);
    config_print(config, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(file_read(path_of("out.conf"), 65536, &text, NULL), 0);
    assert_null(memmem(text.data, text.len, "planted", 7));
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("out.conf"), &again, NULL), 0);
    assert_string_equal(config_text(again, "bus", "name"), "x");
    assert_int_equal(config_list_count(again, "bus", "listen"), 2);
    config_free(config);
    config_free(again);
    buf_fini(&text);
}

/* Who may write to it, or to where it lies, says which keys and tokens a program takes. */
static void config_that_others_may_write_is_refused(void **state)
{
    (void)state;
    const mode_t refused[] = {0666, 0660, 0602, 0620}, taken[] = {0600, 0640, 0644, 0444};
    struct config *config = NULL;
    struct error error = {0};
    put("c.conf", "[bus]\nname = x\n");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(chmod(path_of("c.conf"), refused[i]), 0);
        assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error),
                         E_KEYRING_PERMISSIONS);
        assert_string_equal(error.field, path_of("c.conf"));
        assert_non_null(strstr(error.detail, "chmod go-w"));
        assert_non_null(strstr(error.detail_zh, "chmod go-w"));
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_int_equal(chmod(path_of("c.conf"), taken[i]), 0);
        assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error), 0);
        config_free(config);
    }
    /* A drop-in, the folder of the drop-ins, and that of the file. */
    assert_int_equal(mkdir(path_of("c.conf.d"), 0700), 0);
    put("c.conf.d/a.conf", "[limits]\ncredit = 8\n");
    assert_int_equal(chmod(path_of("c.conf.d/a.conf"), 0666), 0);
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error),
                     E_KEYRING_PERMISSIONS);
    assert_string_equal(error.field, path_of("c.conf.d/a.conf"));
    assert_int_equal(chmod(path_of("c.conf.d/a.conf"), 0644), 0);
    assert_int_equal(chmod(path_of("c.conf.d"), 0777), 0);
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error),
                     E_KEYRING_PERMISSIONS);
    assert_string_equal(error.field, path_of("c.conf.d"));
    assert_int_equal(unlink(path_of("c.conf.d/a.conf")), 0);
    assert_int_equal(rmdir(path_of("c.conf.d")), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error),
                     E_KEYRING_PERMISSIONS);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(config_load(keys, KEY_COUNT, path_of("c.conf"), &config, &error), 0);
    config_free(config);
}

/* ---- files */

/* Nobody is waited for: a pipe without a writer would be read for ever. */
static void only_a_regular_file_is_read_as_one(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct error error = {0};
    const char *pipe = path_of("pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_read_regular(pipe, 100, &buf, &error), E_IO);
    assert_string_equal(error.field, pipe);
    assert_string_equal(error.detail, "is not a regular file");
    assert_true(error.detail_zh[0] != 0);
    assert_int_equal(file_read_regular("/dev/zero", 100, &buf, &error), E_IO);
    assert_int_equal(file_read_regular(folder, 100, &buf, &error), E_IO);
    assert_string_equal(error.detail, "is a folder");
    assert_int_equal(file_read_regular(path_of("none"), 100, &buf, &error), E_NOT_FOUND);
    assert_int_equal(unlink(pipe), 0);
    put("plain", "text");
    assert_int_equal(file_read_regular(path_of("plain"), 100, &buf, &error), 0);
    assert_int_equal(buf.len, 4);
    assert_int_equal(file_read_regular(path_of("plain"), 3, &buf, &error), E_TOO_LARGE);
    assert_int_equal(buf.len, 4);
    buf_fini(&buf);
}

static void file_bounds_and_replacement(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct stat status;
    put("f", "0123456789");
    assert_int_equal(file_read(path_of("f"), 9, &buf, NULL), E_TOO_LARGE);
    assert_int_equal(buf.len, 0);
    assert_int_equal(file_read(path_of("f"), 10, &buf, NULL), 0);
    assert_int_equal(buf.len, 10);
    assert_int_equal(file_read("/proc/self/status", 65536, &buf, NULL), 0); /* says size 0 */
    assert_true(buf.len > 100);
    buf_fini(&buf);
    assert_int_equal(file_read(folder, 10, &buf, NULL), E_IO);
    struct error error;
    assert_int_equal(file_read(path_of("none"), 10, &buf, &error), E_NOT_FOUND);
    assert_string_equal(error.detail, "open: No such file or directory");
    assert_string_equal(error.detail_zh, "没有这个文件或文件夹");
    assert_int_equal(file_said(&error, E_NETWORK, "x", NULL, EADDRINUSE), E_NETWORK);
    assert_string_equal(error.detail_zh, "地址已被占用");
    assert_int_equal(file_said(&error, E_IO, "x", NULL, EXDEV), E_IO); /* none of the known */
    assert_non_null(strstr(error.detail_zh, strerror(EXDEV)));
    mode_t before = umask(0777);
    assert_int_equal(file_write_atomic(path_of("f"), bytes_of_str("x"), 0640, NULL), 0);
    umask(before);
    assert_int_equal(stat(path_of("f"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(status.st_size, 1);
    assert_int_equal(file_write_new(path_of("f"), bytes_of_str("y"), 0600, NULL), E_DUPLICATE);
    assert_int_equal(file_write_new(path_of("g"), bytes_of_str("y"), 0600, NULL), 0);
    assert_int_equal(file_write_atomic(path_of("no/g"), bytes_of_str("y"), 0600, NULL),
                     E_NOT_FOUND);
    /* Nothing is left beside: f and g alone. */
    char command[160];
    (void)snprintf(command, sizeof command, "test \"$(ls -A '%s' | tr '\\n' ' ')\" = 'f g '",
                   folder);
    assert_int_equal(system(command), 0);
}

static void folders_are_private(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(0);
    assert_int_equal(file_make_folders(path_of("a//b/c/"), NULL), 0);
    umask(before);
    assert_int_equal(stat(path_of("a/b"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(file_make_folders(path_of("a/b/c"), NULL), 0);
    put("f", "");
    assert_true(file_make_folders(path_of("f/x"), NULL) < 0);
    assert_int_equal(file_check_folder(path_of("a"), NULL), 0);
    assert_int_equal(chmod(path_of("a"), 0720), 0);
    assert_int_equal(file_check_folder(path_of("a"), NULL), E_KEYRING_PERMISSIONS);
    assert_int_equal(chmod(path_of("a"), 01777), 0);
    assert_int_equal(file_check_folder(path_of("a"), NULL), 0);
}

static void lock_is_held_by_one(void **state)
{
    (void)state;
    int first = -1, second = -1;
    struct error error = {0};
    char wanted[48];
    (void)snprintf(wanted, sizeof wanted, "process %ld", (long)getpid());
    assert_int_equal(file_lock(path_of("l"), &first, NULL), 0);
    assert_int_equal(file_lock(path_of("l"), &second, &error), E_STORE_LOCKED);
    assert_int_equal(second, -1);
    assert_non_null(strstr(error.detail, wanted));
    close(first);
    assert_int_equal(file_lock(path_of("l"), &second, NULL), 0);
    close(second);
}

/* ---- log */

/* What the call writes to stderr. */
static void captured(void (*call)(void), struct buf *text)
{
    int kept = dup(STDERR_FILENO);
    int fd = open(path_of("log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && fd >= 0);
    (void)dup2(fd, STDERR_FILENO);
    call();
    (void)dup2(kept, STDERR_FILENO);
    close(fd);
    close(kept);
    buf_reset(text);
    assert_int_equal(file_read(path_of("log"), 65536, text, NULL), 0);
    buf_append_u8(text, 0);
}

static void say_hostile(void)
{
    log_debug("not_wanted");
    log_info("said", log_text("unit", "health"), log_u64("n", 7), log_i64("d", -1),
             log_bool("b", true), log_text("x", "a\nb\x1b[2J \"q\" \xc2\x9b"),
             log_hex("id", bytes_of("\x01\xff", 2)), log_text("e", ""), log_text("nil", NULL));
    log_info("bare");
}

static void say_too_much(void)
{
    static char text[2000];
    memset(text, 'y', sizeof text - 1);
    const struct log_field fields[] = {
        log_text("event", "long"), log_text("a", text), log_text("b", text),
        log_text("c", text),       log_text("d", text), log_text("e", text),
        log_text("f", text),       log_text("g", text), log_text("h", text),
    };
    log_write(LOG_LEVEL_WARN, fields, sizeof fields / sizeof fields[0]);
}

static void log_values_cannot_break_a_line(void **state)
{
    (void)state;
    struct buf text = {0};
    unsetenv("JOURNAL_STREAM");
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    captured(say_hostile, &text);
    const char *said = (const char *)text.data;
    assert_non_null(strstr(said, " level=info event=said unit=health n=7 d=-1 b=true "
                                 "x=\"a\\u000ab\\u001b[2J \\\"q\\\" \\u009b\" id=01ff e=\"\" "
                                 "nil=\"\"\n"));
    assert_non_null(strstr(said, " event=bare\n"));
    assert_null(strstr(said, "not_wanted"));
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    captured(say_hostile, &text);
    assert_non_null(strstr((const char *)text.data,
                           "\"level\":\"info\",\"event\":\"said\",\"unit\":\"health\",\"n\":7,"
                           "\"d\":-1,\"b\":true,\"x\":\"a\\u000ab\\u001b[2J \\\"q\\\" \\u009b\","
                           "\"id\":\"01ff\",\"e\":\"\",\"nil\":\"\"}\n"));
    captured(say_too_much, &text);
    said = (const char *)text.data;
    assert_true(strlen(said) <= LOG_LINE_LEN_MAX);
    assert_non_null(strstr(said, "...\",\"cut\":true}\n"));
    buf_fini(&text);
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
}

/* ---- language */

static void language_follows_the_environment(void **state)
{
    (void)state;
    static const struct {
        const char *all, *messages, *lang;
        enum lang wanted;
    } rows[] = {
        {NULL, NULL, NULL, LANG_ZH},
        {NULL, NULL, "C", LANG_ZH},
        {NULL, NULL, "POSIX", LANG_ZH},
        {NULL, NULL, "en_US.UTF-8", LANG_EN},
        {NULL, NULL, "en", LANG_EN},
        {NULL, NULL, "C.UTF-8", LANG_ZH},
        {"", "", "en_GB", LANG_EN},
        {"C", NULL, "en_US.UTF-8", LANG_ZH},
        {NULL, "en_US", "zh_CN.UTF-8", LANG_EN},
        {"zh_CN.UTF-8", "en_US", "en_US", LANG_ZH},
        {NULL, NULL, "enochian", LANG_ZH},
        {NULL, NULL, "fr_FR.UTF-8", LANG_ZH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* The environment is read once in a process. */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
            const char *const values[] = {rows[i].all, rows[i].messages, rows[i].lang};
            for (size_t k = 0; k < 3; k++)
                if (values[k])
                    setenv(names[k], values[k], 1);
                else
                    unsetenv(names[k]);
            _exit(i18n_of_environment() == rows[i].wanted ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0) fail_msg("row %zu", i);
    }
}

static void width_counts_columns(void **state)
{
    (void)state;
    assert_int_equal(i18n_width(""), 0);
    assert_int_equal(i18n_width("abc"), 3);
    assert_int_equal(i18n_width("区民政局"), 8);
    assert_int_equal(i18n_width("（a）"), 5);
    assert_int_equal(i18n_width("e\xcc\x81"), 1);
    assert_int_equal(i18n_width("\xff\xe5"), 2); /* no UTF-8: one each */
}

/* ---- SQLite */

static const char *const steps[] = {"CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB) STRICT",
                                    "ALTER TABLE t ADD COLUMN c TEXT"};

static void sqlite_keeps_its_promises(void **state)
{
    (void)state;
    struct sqlite_options options = {.application_id = 0x4c424144, .steps = steps, .step_count = 1};
    sqlite3 *db = NULL, *other = NULL;
    sqlite3_stmt *statement = NULL;
    struct stat status;
    bool row = false;
    assert_int_equal(sqlite_open(path_of("d"), &options, &db, NULL), 0);
    assert_int_equal(stat(path_of("d"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(sqlite_prepare(db, "INSERT INTO t(a, b) VALUES(?, ?)", &statement, NULL), 0);
    sqlite_bind_u64(statement, 1, 5);
    sqlite_bind_bytes(statement, 2, bytes_of(NULL, 0));
    assert_int_equal(sqlite_run(statement, NULL), 0);
    sqlite_bind_u64(statement, 1, 5);
    assert_int_equal(sqlite_run(statement, NULL), E_IO); /* a constraint is no success */
    assert_int_equal(sqlite_exec(db, "BEGIN IMMEDIATE", NULL), 0);
    assert_int_equal(sqlite_open(path_of("d"), &options, &other, NULL), 0);
    assert_int_equal(sqlite_exec(other, "BEGIN IMMEDIATE", NULL), E_STORE_LOCKED);
    sqlite_close(other);
    assert_int_equal(sqlite_exec(db, "COMMIT", NULL), 0);
    sqlite_close(db);
    /* A later version steps on and keeps the content. */
    options.step_count = 2;
    assert_int_equal(sqlite_open(path_of("d"), &options, &db, NULL), 0);
    assert_int_equal(sqlite_prepare(db, "SELECT a, b, c FROM t", &statement, NULL), 0);
    assert_int_equal(sqlite_step(statement, &row, NULL), 0);
    assert_true(row);
    assert_int_equal(sqlite_column_u64(statement, 0), 5);
    assert_string_equal(sqlite_column_str(statement, 2), "");
    assert_int_equal(sqlite_step(statement, &row, NULL), 0);
    assert_false(row);
    sqlite_close(db);
    /* An earlier one refuses it, and so does another program. */
    options.step_count = 1;
    assert_int_equal(sqlite_open(path_of("d"), &options, &db, NULL), E_STORE_VERSION);
    options.step_count = 2;
    options.application_id = 1;
    assert_int_equal(sqlite_open(path_of("d"), &options, &db, NULL), E_STORE_VERSION);
}

static void sqlite_refuses_what_is_no_database(void **state)
{
    (void)state;
    const struct sqlite_options options = {
        .application_id = 2, .steps = steps, .step_count = 2, .read_only = true};
    const struct sqlite_options writing = {.application_id = 2, .steps = steps, .step_count = 2};
    sqlite3 *db = NULL;
    struct error error = {0};
    assert_int_equal(sqlite_open(path_of("none"), &options, &db, &error), E_NOT_FOUND);
    assert_false(file_exists(path_of("none")));
    put("text", "this is not a database, but it is long enough to be looked at as one, surely....."
                "................................................................................");
    assert_int_equal(sqlite_open(path_of("text"), &writing, &db, &error), E_STORE_CORRUPT);
    assert_non_null(strstr(error.field, "text"));
    assert_null(db);
}

static void sqlite_exclusive_admits_nobody_else(void **state)
{
    (void)state;
    const struct sqlite_options options = {
        .application_id = 3, .steps = steps, .step_count = 2, .exclusive = true};
    sqlite3 *db = NULL, *other = NULL;
    assert_int_equal(sqlite_open(path_of("x"), &options, &db, NULL), 0);
    assert_int_equal(sqlite_open(path_of("x"), &options, &other, NULL), E_STORE_LOCKED);
    sqlite_close(db);
    assert_int_equal(sqlite_open(path_of("x"), &options, &other, NULL), 0);
    sqlite_close(other);
}

/* Rows of a transaction as a connection with SQLite's own file access sees them. */
static int rows_elsewhere(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path_of("g"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE length(b) = 3000", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return count;
}

static const char some_rows[] =
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
    "INSERT INTO t(b) SELECT randomblob(3000) FROM n; COMMIT";

static void sqlite_gathered_writes_are_there_at_the_commit(void **state)
{
    (void)state;
    const struct sqlite_options options = {.application_id = 4, .steps = steps, .step_count = 1};
    sqlite3 *db = NULL;
    assert_int_equal(sqlite_open(path_of("g"), &options, &db, NULL), 0);
    for (int i = 1; i <= 20; i++) {
        /* More than is held at once, and less. */
        assert_int_equal(
            sqlite_exec(db, i % 2 ? some_rows : "INSERT INTO t(b) VALUES(randomblob(3000))", NULL),
            0);
        assert_int_equal(rows_elsewhere(), (i + 1) / 2 * 40 + i / 2);
        if (i == 10)
            assert_int_equal(
                sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                SQLITE_OK);
    }
    /* A cache of ten pages: frames of an open transaction are written, and read again from there.
     */
    assert_int_equal(sqlite_exec(db, "PRAGMA cache_size=10; BEGIN", NULL), 0);
    assert_int_equal(sqlite_exec(db, "UPDATE t SET b = randomblob(2999)", NULL), 0);
    assert_int_equal(
        sqlite_exec(db, "UPDATE t SET b = randomblob(3000) WHERE length(b) = 2999", NULL), 0);
    assert_int_equal(rows_elsewhere(), 410);
    assert_int_equal(sqlite_exec(db, "COMMIT; PRAGMA integrity_check", NULL), 0);
    assert_int_equal(rows_elsewhere(), 410);
    sqlite_close(db);
}

/* Of all rows, in order. */
static void hash_rows(sqlite3 *db, uint8_t ret_hash[32])
{
    sqlite3_stmt *statement = NULL;
    struct buf all = {0};
    assert_int_equal(sqlite_prepare(db, "SELECT b FROM t ORDER BY rowid", &statement, NULL), 0);
    while (sqlite3_step(statement) == SQLITE_ROW)
        buf_append_bytes(&all, sqlite_column_bytes(statement, 0));
    (void)sqlite3_finalize(statement);
    crypto_hash_sha256(ret_hash, all.data, all.len);
    buf_fini(&all);
}

/* Checkpoints that write in one go and read ahead, of new pages and of old ones in between; what
 * was written is what is read, from the log, from the file, and when it is opened again. */
static void sqlite_of_one_connection_is_gathered_too(void **state)
{
    (void)state;
    const struct sqlite_options options = {.application_id = 4,
                                           .steps = steps,
                                           .step_count = 1,
                                           .exclusive = true,
                                           .page_bytes = 1024};
    sqlite3 *db = NULL;
    uint8_t before[32], after[32];
    assert_int_equal(sqlite_open(path_of("e"), &options, &db, NULL), 0);
    assert_int_equal(sqlite_exec(db, "PRAGMA cache_size=10", NULL), 0);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(sqlite_exec(db, some_rows, NULL), 0);
        assert_int_equal(
            sqlite_exec(db, "UPDATE t SET b = randomblob(2000) WHERE rowid % 7 = 3", NULL), 0);
        hash_rows(db, before);
        if (i % 3 == 1)
            assert_int_equal(
                sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                SQLITE_OK);
        hash_rows(db, after);
        assert_memory_equal(before, after, 32);
    }
    assert_int_equal(sqlite_exec(db, "DELETE FROM t WHERE rowid > 100; VACUUM", NULL), 0);
    hash_rows(db, before);
    sqlite_close(db);
    assert_int_equal(sqlite_open(path_of("e"), &options, &db, NULL), 0);
    hash_rows(db, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(sqlite_exec(db, "PRAGMA integrity_check", NULL), 0);
    sqlite_close(db);
}

/* Two connections to one database: the log that one writes anew is what the other reads. */
static void sqlite_that_others_write_is_not_read_ahead(void **state)
{
    (void)state;
    const struct sqlite_options options = {.application_id = 4, .steps = steps, .step_count = 1};
    sqlite3 *writer = NULL, *reader = NULL;
    uint8_t written[32], read[32];
    assert_int_equal(sqlite_open(path_of("g"), &options, &writer, NULL), 0);
    assert_int_equal(sqlite_open(path_of("g"), &options, &reader, NULL), 0);
    assert_int_equal(sqlite_exec(writer, some_rows, NULL), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(sqlite_exec(writer, "UPDATE t SET b = randomblob(3000 + rowid % 3)", NULL),
                         0);
        hash_rows(writer, written);
        hash_rows(reader, read);
        assert_memory_equal(written, read, 32);
        if (i % 3 == 1)
            assert_int_equal(
                sqlite3_wal_checkpoint_v2(writer, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL),
                SQLITE_OK);
    }
    sqlite_close(reader);
    sqlite_close(writer);
}

/* Opened while somebody else still had it: what was read before the lock does not count. */
static void sqlite_forgets_what_it_read_before_its_lock(void **state)
{
    (void)state;
    const struct sqlite_options options = {.application_id = 4,
                                           .steps = steps,
                                           .step_count = 1,
                                           .exclusive = true,
                                           .page_bytes = 1024};
    sqlite3 *first = NULL, *second = NULL;
    uint8_t before[32], after[32];
    assert_int_equal(sqlite_open(path_of("e"), &options, &first, NULL), 0);
    assert_int_equal(sqlite_exec(first, some_rows, NULL), 0);
    assert_int_equal(sqlite3_wal_checkpoint_v2(first, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_open_v2(path_of("e"), &second, SQLITE_OPEN_READWRITE, sqlite_gather_alone()),
        SQLITE_OK);
    assert_int_equal(
        sqlite_exec(first, "UPDATE t SET b = randomblob(700); CREATE TABLE more(x)", NULL), 0);
    hash_rows(first, before);
    sqlite_close(first);
    assert_int_equal(sqlite_exec(second, "PRAGMA locking_mode=EXCLUSIVE", NULL), 0);
    hash_rows(second, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(sqlite_exec(second, "INSERT INTO more VALUES(1)", NULL), 0);
    sqlite_close(second);
}

static void sqlite_tells_at_the_commit_that_the_file_cannot_grow(void **state)
{
    (void)state;
    const struct sqlite_options options = {.application_id = 4, .steps = steps, .step_count = 1};
    sqlite3 *db = NULL;
    pid_t child;
    int status;
    assert_int_equal(sqlite_open(path_of("g"), &options, &db, NULL), 0);
    assert_int_equal(sqlite_exec(db, some_rows, NULL), 0);
    sqlite_close(db);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {65536, 65536};
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) || sqlite_open(path_of("g"), &options, &db, NULL))
            _exit(1);
        _exit(sqlite_exec(db, some_rows, NULL) == E_IO ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(sqlite_open(path_of("g"), &options, &db, NULL), 0);
    sqlite_close(db);
    assert_int_equal(rows_elsewhere(), 40);
}

static void exit_codes_are_those_of_sysexits(void **state)
{
    (void)state;
    const struct {
        int code, wanted;
    } rows[] = {{0, 0},
                {E_USAGE, 64},
                {E_BAD_FORM, 65},
                {E_NOT_FOUND, 66},
                {E_NETWORK, 69},
                {E_NO_MEMORY, 71},
                {E_DISK_FULL, 73},
                {E_IO, 74},
                {E_STORE_CORRUPT, 65},
                {E_BUSY, 75},
                {E_NOTE_INVALID, 76},
                {E_ROLE_NOT_ALLOWED, 77},
                {E_BAD_CONFIG, 78}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(options_exit_code(rows[i].code), rows[i].wanted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(config_reads_values_and_defaults),
        TEST(config_endpoints_have_a_port_that_exists),
        TEST(config_drop_ins_replace_in_the_order_of_names),
        TEST(config_faults_name_file_and_line),
        TEST(config_print_can_be_loaded_again_and_hides_tokens),
        TEST(config_that_others_may_write_is_refused),
        TEST(only_a_regular_file_is_read_as_one),
        TEST(file_bounds_and_replacement),
        TEST(folders_are_private),
        TEST(lock_is_held_by_one),
        TEST(log_values_cannot_break_a_line),
        TEST(language_follows_the_environment),
        TEST(width_counts_columns),
        TEST(sqlite_keeps_its_promises),
        TEST(sqlite_refuses_what_is_no_database),
        TEST(sqlite_exclusive_admits_nobody_else),
        TEST(sqlite_gathered_writes_are_there_at_the_commit),
        TEST(sqlite_of_one_connection_is_gathered_too),
        TEST(sqlite_that_others_write_is_not_read_ahead),
        TEST(sqlite_forgets_what_it_read_before_its_lock),
        TEST(sqlite_tells_at_the_commit_that_the_file_cannot_grow),
        TEST(exit_codes_are_those_of_sysexits),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
