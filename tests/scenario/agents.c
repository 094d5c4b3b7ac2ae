#include "tests/scenario/agents.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/lib/command.h"

#define PASSPHRASE "a passphrase for tests"
#define ROSTER     "from,to,rank,officer,name,contact\n2020-01-01,2099-12-31,duty,A7,Zhang,123\n"

void agents_path(const struct agents *agents, size_t which, const char *what,
                 char ret_path[AGENTS_PATH_LEN])
{
    snprintf(ret_path, AGENTS_PATH_LEN, "%s/%s.%s", agents->town.folder, agents->keys[which], what);
}

static void write_files(struct agents *agents, size_t which)
{
    struct error error = {0};
    struct buf config = {0};
    const struct town *town = &agents->town;
    char path[AGENTS_PATH_LEN];
    char base[AGENTS_PATH_LEN];
    agents_path(agents, which, "keyring", path);
    CHECK(keyring_save(&town->keyrings[agents->units[which]], path, bytes_of_str(PASSPHRASE),
                       &error) == 0);
    snprintf(base, sizeof base, "%s/%s", town->folder, agents->keys[which]);
    buf_printf(&config,
               "[unit]\nkeyring = %s.keyring\npassphrase_file = %s/passphrase\nstore = %s.db\n"
               "[trust]\nroot = %s/root\nbundle = %s/bundle\n[broker]\nendpoint = %s\n"
               "[http]\nsocket = %s.sock\n",
               base, town->folder, base, town->folder, town->folder, town->endpoint, base);
    if (which == 0) {
        buf_printf(&config, "address = 127.0.0.1\nport = 0\ntoken_file = %s.token\n", base);
        agents_path(agents, which, "token", path);
        CHECK(file_write_atomic(path, bytes_of_str(AGENTS_TOKEN "\n"), 0600, &error) == 0);
        buf_printf(&config, "[roster]\nfile = %s.csv\n", base);
        agents_path(agents, which, "csv", path);
        CHECK(file_write_atomic(path, bytes_of_str(ROSTER), 0600, &error) == 0);
    }
    agents_path(agents, which, "conf", path);
    CHECK(file_write_atomic(path, buf_bytes(&config), 0600, &error) == 0);
    buf_fini(&config);
}

void agents_start(struct agents *agents, size_t which)
{
    char config[AGENTS_PATH_LEN];
    char log[AGENTS_PATH_LEN];
    agents_path(agents, which, "conf", config);
    agents_path(agents, which, "log", log);
    const char *argv[] = {LEADBUS_AGENT, "--config", config, NULL};
    process_start(&agents->processes[which], agents->town.folder, log, argv);
    assert_true(process_wait_ready(&agents->processes[which], PROCESS_DEADLINE_MS));
}

void agents_init(struct agents *agents, const enum town_unit *units, size_t count)
{
    CHECK(count <= AGENTS_MAX);
    memset(agents, 0, sizeof *agents);
    town_init(&agents->town);
    assert_true(town_start_broker(&agents->town));
    agents->count = count;
    for (size_t i = 0; i < count; i++) {
        agents->units[i] = units[i];
        agents->keys[i] = agents->town.keyrings[units[i]].unit;
        write_files(agents, i);
        agents_start(agents, i);
    }
}

int agents_fini(struct agents *agents)
{
    int clean = 0;
    for (size_t i = 0; i < agents->count; i++)
        if (agents->processes[i].pid)
            clean |= process_stop(&agents->processes[i], PROCESS_DEADLINE_MS);
    town_fini(&agents->town);
    return clean;
}

int agents_run_in(const struct agents *agents, size_t which, const char *lang,
                  const char *arguments, char ret_output[AGENTS_OUTPUT_LEN])
{
    char command[2048];
    char socket[AGENTS_PATH_LEN];
    agents_path(agents, which, "sock", socket);
    snprintf(command, sizeof command, "LANG=%s LEADBUS_AGENT='%s' LEADBUS_OFFICER=A7 '%s' %s", lang,
             socket, LEADBUS_CLI, arguments);
    return command_run(agents->town.folder, command, ret_output, AGENTS_OUTPUT_LEN);
}

int agents_run(const struct agents *agents, size_t which, const char *arguments,
               char ret_output[AGENTS_OUTPUT_LEN])
{
    return agents_run_in(agents, which, "en", arguments, ret_output);
}

void agents_must(const struct agents *agents, size_t which, const char *arguments,
                 char ret_output[AGENTS_OUTPUT_LEN])
{
    int status = agents_run(agents, which, arguments, ret_output);
    if (status) print_error("leadbus %s: %d\n%s\n", arguments, status, ret_output);
    assert_int_equal(status, 0);
}

json_t *agents_must_json(const struct agents *agents, size_t which, const char *arguments,
                         char output[AGENTS_OUTPUT_LEN])
{
    agents_must(agents, which, arguments, output);
    json_t *answer = json_loads(output, 0, NULL);
    if (!answer) print_error("%s\n", output);
    assert_non_null(answer);
    return answer;
}

void agents_write_in(const struct agents *agents, const char *name, const char *text, mode_t mode)
{
    char path[AGENTS_PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", agents->town.folder, name);
    CHECK(file_write_atomic(path, bytes_of_str(text), mode, NULL) == 0);
}

void agents_read_in(const struct agents *agents, const char *name, char ret[AGENTS_OUTPUT_LEN])
{
    struct buf text = {0};
    char path[AGENTS_PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", agents->town.folder, name);
    int r = file_read(path, AGENTS_OUTPUT_LEN - 1, &text, NULL);
    assert_true(r == 0 || r == E_NOT_FOUND);
    if (text.len) memcpy(ret, text.data, text.len);
    ret[text.len] = 0;
    buf_fini(&text);
}

void agents_configure(const struct agents *agents, size_t which, const char *more)
{
    struct buf config = {0};
    char path[AGENTS_PATH_LEN];
    agents_path(agents, which, "conf", path);
    CHECK(file_read(path, AGENTS_OUTPUT_LEN, &config, NULL) == 0);
    buf_append_str(&config, more);
    CHECK(file_write_atomic(path, buf_bytes(&config), 0600, NULL) == 0);
    buf_fini(&config);
}

long agents_port(const struct agents *agents)
{
    char log[AGENTS_PATH_LEN];
    struct error error = {0};
    struct buf text = {0};
    long number = 0;
    agents_path(agents, 0, "log", log);
    CHECK(file_read(log, AGENTS_OUTPUT_LEN, &text, &error) == 0);
    buf_append_u8(&text, 0);
    for (const char *at = (const char *)text.data; (at = strstr(at, " port=")) != NULL; at += 6)
        number = strtol(at + 6, NULL, 10);
    CHECK(number > 0);
    buf_fini(&text);
    return number;
}

long agents_wait_for(const struct agents *agents, size_t which, const char *kind)
{
    return agents_wait_after(agents, which, kind, 0);
}

long agents_wait_after(const struct agents *agents, size_t which, const char *kind, long after)
{
    static char output[AGENTS_OUTPUT_LEN];
    char arguments[96];
    for (int turn = 0; turn < 100; turn++) {
        snprintf(arguments, sizeof arguments, "inbox --json --wait 20 --after %ld", after);
        json_t *answer = agents_must_json(agents, which, arguments, output);
        const json_t *items = json_object_get(answer, "items");
        if (!json_array_size(items)) fail_msg("%s did not arrive", kind);
        for (size_t i = 0; i < json_array_size(items); i++) {
            const json_t *item = json_array_get(items, i);
            const char *its = json_string_value(json_object_get(item, "kind"));
            after = (long)json_integer_value(json_object_get(item, "number"));
            if (!its || strcmp(its, kind) != 0) continue;
            json_decref(answer);
            return after;
        }
        json_decref(answer);
    }
    fail();
    return 0;
}
