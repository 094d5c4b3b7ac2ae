/* What an operator meets before anything runs: a configuration that is checked, and a passphrase
 * that the service manager hands over. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/town.h"

enum { PATH_LEN = 2 * PROCESS_PATH_LEN_MAX, OUTPUT_LEN = 65536 };

static struct town town;
static char output[OUTPUT_LEN];

static int setup(void **state)
{
    (void)state;
    town_init(&town);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    town_fini(&town);
    return 0;
}

static const char *at(const char *name)
{
    static char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", town.folder, name);
    return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
    struct error error = {0};
    CHECK(file_write_atomic(at(name), bytes_of_str(text), mode, &error) == 0);
}

/* Runs a program in the town's folder, without a terminal. Its exit code; what it wrote. */
static int run(const char *lang, const char *program, const char *arguments)
{
    char command[4096];
    snprintf(command, sizeof command, "cd '%s' && LANG=%s setsid '%s' %s </dev/null 2>&1",
             town.folder, lang, program, arguments);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    output[fread(output, 1, sizeof output - 1, pipe)] = 0;
    int status = pclose(pipe);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_says(const char *text)
{
    if (!strstr(output, text)) fail_msg("no \"%s\" in:\n%s", text, output);
}

/* A configuration as it should be, of files that are not there: none is opened. */
#define GOOD_BUS                                                                                   \
    "[bus]\nname = test.leadbus\nroot = /nowhere/root\nbundle = /nowhere/bundle\n"                 \
    "keyring = /nowhere/keyring\n"

/* The word about the clock is left for the broker; a running one takes it away. */
static void the_clock_is_confirmed_by_a_command(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, GOOD_BUS "state = %s\n", town.folder);
    put("clock.conf", text, 0600);
    assert_int_equal(run("zh_CN.UTF-8", LEADBUSD, "--config clock.conf --confirm-clock"), EX_OK);
    assert_says("已确认");
    assert_int_equal(access(at("clock-confirmed"), F_OK), 0);
    assert_int_equal(unlink(at("clock-confirmed")), 0);
}

static void a_good_configuration_is_printed_and_nothing_is_touched(void **state)
{
    (void)state;
    char text[1024];
    struct stat about;
    snprintf(text, sizeof text, GOOD_BUS "state = %s/fresh\n[limits]\ncreated_age = 2d\n",
             town.folder);
    put("good.conf", text, 0600);
    assert_int_equal(mkdir(at("good.conf.d"), 0700), 0);
    put("good.conf.d/10-more.conf", "[limits]\ncreated_age = 3d ; longer\n", 0600);
    put("good.conf.d/ignored.txt", "[nonsense]\n", 0600);
    assert_int_equal(run("en", LEADBUSD, "--config good.conf --check-config"), EX_OK);
    assert_says("name = test.leadbus");
    assert_says("created_age = 3d");
    assert_says("connections = 1024"); /* a default */
    assert_true(stat(at("fresh"), &about) != 0);
    /* What it prints is a configuration, and the same one. */
    static char first[OUTPUT_LEN];
    memcpy(first, output, sizeof first);
    put("printed.conf", first, 0600);
    assert_int_equal(run("en", LEADBUSD, "--config printed.conf --check-config"), EX_OK);
    assert_says("created_age = 3d");
    /* So is the example, once the lines that must be filled in are; bounds are written like values.
     */
    assert_int_equal(run("en", LEADBUSD, "--describe-config"), EX_OK);
    assert_says("#created_age = 30d");
    assert_says("1m..30d");
    assert_int_equal(run("zh_CN.UTF-8", LEADBUS_AGENT, "--describe-config"), EX_OK);
    assert_says("至少 1M");
}

/* Each wrong in one way: its exit code, where it is, and what the line should be. */
static void a_wrong_configuration_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        const char *where, *what;
    } rows[] = {
        {"[bus]\ncolour = red\n", "wrong.conf:7", "colour"},
        {"[limits]\nquota_per_minut = 5\n", "wrong.conf:7", "quota_per_minute"}, /* the nearest */
        {"[colours]\nred = 1\n", "wrong.conf:7", "colours"},
        {"[limits]\ncredit_max = many\n", "wrong.conf:7", "credit_max"},
        {"[limits]\ncredit_max = 0\n", "wrong.conf:7", "1.."},
        {"[limits]\ncredit_max = 99999999\n", "wrong.conf:7", "1.."},
        {"[limits]\ncreated_skew = 15\n", "wrong.conf:7", "a time"},
        {"[limits]\ncreated_age = 31d\n", "wrong.conf:7", "created_age"},
        {"[attachments]\nenvelope_max = 1T\n", "wrong.conf:7", "a size"},
        {"[attachments]\nupload_max = 1M\n", "wrong.conf:7", "envelope_max"},
        {"[listen]\nendpoint = tcp://127.0.0.1:70000\n", "wrong.conf:7", "endpoint"},
        {"[listen]\nendpoint = http://127.0.0.1:80\n", "wrong.conf:7", "endpoint"},
        {"[log]\nlevel = loud\n", "wrong.conf:7", "debug, info, warn"},
        {"[log]\nformat = xml\n", "wrong.conf:7", "logfmt or json"},
        {"[bus]\nname = twice\n", "wrong.conf:7", "name"},
        {"[log]\nlevel\n", "wrong.conf:7", ""},
        {"[bus]\nstate = relative/path\n", "wrong.conf:7", "absolute path"},
    };
    char text[2048];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, GOOD_BUS "%s", rows[i].more);
        put("wrong.conf", text, 0600);
        int code = run("en", LEADBUSD, "--config wrong.conf --check-config");
        if (code != EX_CONFIG) fail_msg("%s: exit %d\n%s", rows[i].more, code, output);
        assert_says(rows[i].where);
        assert_says(rows[i].what);
        /* The same file stops a start as well: exit 78 is for people, and no restart mends it. */
        assert_int_equal(run("en", LEADBUSD, "--config wrong.conf --begin"), EX_CONFIG);
    }
    /* The agent's port is of this machine alone, whether or not it has a token. */
    put("wrong.conf",
        "[unit]\nkeyring = /nowhere/k\nstore = /nowhere/s\n[trust]\nroot = /nowhere/r\n"
        "[http]\naddress = 0.0.0.0\ntoken_file = /nowhere/t\n",
        0600);
    assert_int_equal(run("en", LEADBUS_AGENT, "--config wrong.conf --check-config"), EX_CONFIG);
    assert_says("wrong.conf:7");
    assert_says("127.0.0.0/8 or ::1");
    /* A line that is too long to be read whole is refused and not cut. */
    memset(text, 'x', 300);
    memcpy(text, "[bus]\nname = ", 13);
    snprintf(text + 300, sizeof text - 300, "\n");
    put("wrong.conf", text, 0600);
    assert_int_equal(run("en", LEADBUSD, "--config wrong.conf --check-config"), EX_CONFIG);
    assert_says("wrong.conf:2");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const char *const keys[] = {"name", "root", "bundle", "keyring"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[sizeof GOOD_BUS], name[16];
        memcpy(text, GOOD_BUS, sizeof text);
        snprintf(name, sizeof name, "\n%s =", keys[i]);
        char *line = strstr(text, name);
        CHECK(line != NULL);
        line[1] = '#';
        put("wrong.conf", text, 0600);
        assert_int_equal(run("en", LEADBUSD, "--config wrong.conf --check-config"), EX_CONFIG);
        snprintf(name, sizeof name, "[bus] %s", keys[i]);
        assert_says(name);
        assert_int_equal(run("zh_CN.UTF-8", LEADBUSD, "--config wrong.conf --check-config"),
                         EX_CONFIG);
        assert_says("缺少");
    }
    assert_int_equal(run("en", LEADBUSD, "--config /nowhere/leadbusd.conf --check-config"),
                     EX_CONFIG);
    assert_says("/nowhere/leadbusd.conf");
    assert_says("--describe-config");
    assert_int_equal(run("en", LEADBUSD, "--config . --check-config"), EX_IOERR);
    assert_int_equal(run("en", LEADBUSD, "--check-confg"), EX_USAGE);
    assert_int_equal(run("en", LEADBUSD, "--check-config surplus"), EX_USAGE);
    assert_int_equal(run("en", LEADBUSD, "--config"), EX_USAGE);
}

/* ---- the passphrase as a credential -----------------------------------------------------------
 */

static void write_programs(void)
{
    char text[4096];
    struct error error = {0};
    const char *f = town.folder;
    snprintf(text, sizeof text,
             "[bus]\nname = %s\nstate = %s/state\nroot = %s/root\nbundle = %s/bundle\n"
             "keyring = %s/keyring\n[listen]\nendpoint = %s\n",
             TOWN_BUS, f, f, f, f, town.endpoint);
    put("credential.conf", text, 0600);
    CHECK(keyring_save(&town.keyrings[TOWN_EDUCATION], at("unit.keyring"),
                       bytes_of_str("a passphrase for tests"), &error) == 0);
    snprintf(text, sizeof text,
             "[unit]\nkeyring = %s/unit.keyring\nstore = %s/unit.db\n[trust]\nroot = %s/root\n"
             "bundle = %s/bundle\n[broker]\nendpoint = %s\n[http]\nsocket = %s/unit.sock\n",
             f, f, f, f, town.endpoint, f);
    put("unit.conf", text, 0600);
}

/* As the service manager does it: a folder of its own with its own modes, read only, named in the
 * environment; the configuration names no file. */
static void hand_over(const char *passphrase)
{
    CHECK(mkdir(at("credentials"), 0700) == 0);
    put("credentials/leadbus-passphrase", passphrase, 0440);
    CHECK(chmod(at("credentials"), 0550) == 0);
    CHECK(setenv("CREDENTIALS_DIRECTORY", at("credentials"), 1) == 0);
}

static void take_back(void)
{
    CHECK(unsetenv("CREDENTIALS_DIRECTORY") == 0);
    CHECK(chmod(at("credentials"), 0700) == 0);
    (void)unlink(at("credentials/leadbus-passphrase"));
    CHECK(rmdir(at("credentials")) == 0);
}

static bool starts(struct process *process, const char *program, const char *config, bool begin)
{
    char path[PATH_LEN], log[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", town.folder, config);
    snprintf(log, sizeof log, "%s/%s.log", town.folder, config);
    const char *argv[] = {program, "--config", path, begin ? "--begin" : NULL, NULL};
    process_start(process, town.folder, log, argv);
    return process_wait_ready(process, PROCESS_DEADLINE_MS);
}

static void the_service_managers_credential_opens_the_keyrings(void **state)
{
    (void)state;
    struct process broker, agent;
    write_programs();
    hand_over("a passphrase for tests\n"); /* with the line end that an editor leaves */
    assert_true(starts(&broker, LEADBUSD, "credential.conf", true));
    assert_true(starts(&agent, LEADBUS_AGENT, "unit.conf", false));
    assert_int_equal(process_stop(&agent, PROCESS_DEADLINE_MS), 0);
    assert_int_equal(process_stop(&broker, PROCESS_DEADLINE_MS), 0);
    take_back();
}

/* Neither program waits for somebody to type where nobody can, and none starts without its key. */
static void without_the_right_credential_nothing_starts(void **state)
{
    (void)state;
    static const struct {
        const char *program, *arguments;
    } rows[] = {{LEADBUSD, "--config credential.conf"}, {LEADBUS_AGENT, "--config unit.conf"}};
    write_programs();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hand_over("another passphrase");
        int code = run("en", rows[i].program, rows[i].arguments);
        if (code != EX_DATAERR) fail_msg("%s: exit %d\n%s", rows[i].program, code, output);
        assert_says("passphrase");
        assert_null(strstr(output, "another"));
        take_back();
        hand_over("");
        assert_int_equal(run("en", rows[i].program, rows[i].arguments), EX_DATAERR);
        assert_says("leadbus-passphrase");
        take_back();
        /* No credential at all, and no terminal. */
        assert_true(run("en", rows[i].program, rows[i].arguments) != 0);
        assert_says("passphrase");
    }
    /* A file that is named goes before the credential. */
    hand_over("another passphrase");
    struct process broker;
    char text[4096];
    snprintf(text, sizeof text, "[bus]\npassphrase_file = %s/passphrase\n", town.folder);
    assert_int_equal(mkdir(at("credential.conf.d"), 0700), 0);
    put("credential.conf.d/file.conf", text, 0600);
    assert_true(starts(&broker, LEADBUSD, "credential.conf", false));
    assert_int_equal(process_stop(&broker, PROCESS_DEADLINE_MS), 0);
    take_back();
}

/* ---- the bundle's file ------------------------------------------------------------------------
 */

/* The journal has a bundle, so the broker serves without the file; but nobody would wonder why the
 * next bundle never arrives, so it says so. What is there and is no bundle stops the start. */
static void a_bundle_file_that_is_missing_or_wrong_is_named(void **state)
{
    (void)state;
    struct process broker;
    char path[PATH_LEN], kept[PATH_LEN];
    snprintf(path, sizeof path, "%s/bundle", town.folder);
    snprintf(kept, sizeof kept, "%s/bundle.kept", town.folder);
    hand_over("a passphrase for tests");
    (void)unlink(at("credential.conf.log"));
    CHECK(rename(path, kept) == 0);
    assert_true(starts(&broker, LEADBUSD, "credential.conf", false));
    assert_int_equal(process_stop(&broker, PROCESS_DEADLINE_MS), 0);
    assert_int_equal(run("en", "cat", "credential.conf.log"), 0);
    assert_says("event=bundle_missing");
    assert_says(path);
    put("bundle", "no bundle", 0600);
    assert_int_equal(run("zh_CN.UTF-8", LEADBUSD, "--config credential.conf"), EX_DATAERR);
    assert_says(path);
    CHECK(rename(kept, path) == 0);
    take_back();
}

/* A configuration names keyring, token and root: who may write to it may take the unit's part. */
static void a_configuration_that_others_may_write_is_refused(void **state)
{
    (void)state;
    static const char *const programs[] = {LEADBUSD, LEADBUS_AGENT};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        put("open.conf", GOOD_BUS, 0666);
        assert_int_equal(run("en", programs[i], "--config open.conf --check-config"), EX_NOPERM);
        assert_says("open.conf");
        assert_says("mode is 0666: others may write to it; chmod go-w");
        assert_int_equal(run("zh_CN.UTF-8", programs[i], "--config open.conf"), EX_NOPERM);
        assert_says("他人可写");
    }
    put("open.conf", GOOD_BUS, 0644);
    assert_int_equal(run("en", LEADBUSD, "--config open.conf --check-config"), EX_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_is_confirmed_by_a_command),
        cmocka_unit_test(a_good_configuration_is_printed_and_nothing_is_touched),
        cmocka_unit_test(a_wrong_configuration_is_refused_with_its_line),
        cmocka_unit_test(a_configuration_that_others_may_write_is_refused),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(the_service_managers_credential_opens_the_keyrings),
        cmocka_unit_test(without_the_right_credential_nothing_starts),
        cmocka_unit_test(a_bundle_file_that_is_missing_or_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
