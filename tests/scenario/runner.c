#include "tests/scenario/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/record.h"

long long runner_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void join(char *ret, const char *folder, const char *name)
{
    int len = snprintf(ret, RUNNER_PATH_LEN_MAX, "%s/%s", folder, name);
    CHECK(len > 0 && len < RUNNER_PATH_LEN_MAX);
}

static void write_file(const char *folder, const char *name, struct bytes bytes)
{
    char path[RUNNER_PATH_LEN_MAX];
    struct error error = {0};
    join(path, folder, name);
    CHECK(file_write_atomic(path, bytes, 0600, &error) == 0);
}

static void read_file(const char *folder, const char *name, struct buf *ret)
{
    char path[RUNNER_PATH_LEN_MAX];
    struct error error = {0};
    join(path, folder, name);
    CHECK(file_read(path, (size_t)64 << 20, ret, &error) == 0);
}

static void write_agent_config(const struct runner *runner)
{
    struct buf config = {0};
    const char *town = runner->town->folder, *own = runner->folder;
    buf_printf(&config,
               "[unit]\nkeyring = %s/keyring\npassphrase_file = %s/passphrase\nstore = %s/store\n"
               "[trust]\nroot = %s/root\nbundle = %s/bundle\n"
               "[broker]\nendpoint = %s\nsend_window = 16\n"
               "[http]\nsocket = %s/http\n[log]\nlevel = debug\n",
               own, town, own, town, town, runner->endpoint, own);
    write_file(own, "agent.conf", buf_bytes(&config));
    buf_fini(&config);
}

void runner_init(struct runner *runner, const struct town *town, enum town_unit who,
                 const char *endpoint, const char *draft)
{
    struct buf passphrase = {0};
    struct error error = {0};
    char path[RUNNER_PATH_LEN_MAX];
    *runner = (struct runner){.town = town,
                              .who = who,
                              .unit = town->keyrings[who].unit,
                              .events_fd = -1,
                              .control_fd = -1};
    join(runner->folder, town->folder, runner->unit);
    CHECK(mkdir(runner->folder, 0700) == 0);
    join(runner->log, runner->folder, "log");
    CHECK(strlen(endpoint) < sizeof runner->endpoint);
    strcpy(runner->endpoint, endpoint);
    if (draft) {
        write_file(runner->folder, "draft.json", bytes_of_str(draft));
        join(runner->draft, runner->folder, "draft.json");
    }
    read_file(town->folder, "passphrase", &passphrase);
    join(path, runner->folder, "keyring");
    CHECK(keyring_save(&town->keyrings[who], path, buf_bytes(&passphrase), &error) == 0);
    buf_fini(&passphrase);
    write_agent_config(runner);
}

static void close_pipes(struct runner *runner)
{
    if (runner->events_fd >= 0) close(runner->events_fd);
    if (runner->control_fd >= 0) close(runner->control_fd);
    runner->events_fd = runner->control_fd = -1;
    runner->line_len = 0;
}

void runner_fini(struct runner *runner)
{
    process_kill(&runner->driver);
    process_kill(&runner->process);
    close_pipes(runner);
    free(runner->leads);
    runner->leads = NULL;
}

/* ---- processes ---------------------------------------------------------------------------------
 */
static bool start_agent(struct runner *runner)
{
    char config[RUNNER_PATH_LEN_MAX];
    join(config, runner->folder, "agent.conf");
    const char *argv[] = {LEADBUS_AGENT, "--config", config, NULL};
    process_start(&runner->process, runner->folder, runner->log, argv);
    return process_wait_ready(&runner->process, PROCESS_DEADLINE_MS);
}

static uint64_t first_unreceipted(const struct runner *runner)
{
    uint64_t n = 1;
    while (n <= runner->lead_cap && runner->leads[n - 1].receipted) n++;
    return n;
}

/* The one program that tells: over the library, or at the agent's socket. */
static bool start_teller(struct runner *runner, struct process *process, bool as_agent)
{
    int events[2], control[2];
    char fds[2][16], numbers[2][24], socket[RUNNER_PATH_LEN_MAX];
    CHECK(pipe2(events, O_CLOEXEC) == 0 && pipe2(control, O_CLOEXEC) == 0);
    CHECK(fcntl(events[0], F_SETFL, O_NONBLOCK) == 0);
    /* The child's ends alone pass its exec. */
    CHECK(fcntl(events[1], F_SETFD, 0) == 0 && fcntl(control[0], F_SETFD, 0) == 0);
    snprintf(fds[0], sizeof fds[0], "%d", events[1]);
    snprintf(fds[1], sizeof fds[1], "%d", control[0]);
    snprintf(numbers[0], sizeof numbers[0], "%" PRIu64, first_unreceipted(runner));
    snprintf(numbers[1], sizeof numbers[1], "%" PRIu64, runner->inbox_number);
    join(socket, runner->folder, "http");
    const char *argv[] = {SCENARIO_UNIT,
                          fds[0],
                          fds[1],
                          numbers[0],
                          numbers[1],
                          runner->town->folder,
                          runner->folder,
                          runner->endpoint,
                          runner->draft,
                          as_agent ? socket : "",
                          NULL};
    process_start(process, runner->folder, runner->log, argv);
    close(events[1]);
    close(control[0]);
    close_pipes(runner);
    runner->events_fd = events[0];
    runner->control_fd = control[1];
    return process_wait_ready(process, PROCESS_DEADLINE_MS);
}

bool runner_start(struct runner *runner, bool as_agent)
{
    bool up = true;
    runner->agent = as_agent;
    if (as_agent) up = start_agent(runner);
    up = up && start_teller(runner, as_agent ? &runner->driver : &runner->process, as_agent);
    if (up) runner_goal(runner, runner->goal);
    return up;
}

/* ---- what they tell ----------------------------------------------------------------------------
 */
static struct runner_lead *lead_of(struct runner *runner, uint64_t n)
{
    CHECK(n > 0 && n < 1000000);
    if (n > runner->lead_cap) {
        size_t cap = n * 2;
        runner->leads = realloc(runner->leads, cap * sizeof *runner->leads);
        CHECK(runner->leads != NULL);
        memset(runner->leads + runner->lead_cap, 0,
               (cap - runner->lead_cap) * sizeof *runner->leads);
        runner->lead_cap = cap;
    }
    return &runner->leads[n - 1];
}

static void complain(struct runner *runner, const char *what, const char *line)
{
    if (runner->trouble[0]) return;
    snprintf(runner->trouble, sizeof runner->trouble, "%s: %s", what, line);
}

/* "S n id", "R n id": taken, receipted. "I number type": an inbox item. "E text". */
static void take_line(struct runner *runner, const char *line)
{
    char id_text[64];
    uint8_t id[16];
    uint64_t n;
    int type;
    runner->event_count++;
    if (line[0] == 'I' && sscanf(line, "I %" SCNu64 " %d", &n, &type) == 2) {
        if (n != runner->inbox_number + 1) complain(runner, "inbox numbers jump", line);
        runner->inbox_number = n;
        if (type == LEADBUS_ITEM_MESSAGE)
            runner->received_count++;
        else
            runner->other_count++;
    } else if ((line[0] == 'S' || line[0] == 'R') &&
               sscanf(line + 1, " %" SCNu64 " %63s", &n, id_text) == 2 &&
               uuid_parse_text(id_text, id, NULL) == 0) {
        struct runner_lead *lead = lead_of(runner, n);
        if (lead->taken && memcmp(lead->id, id, 16) != 0)
            complain(runner, "another id under the same key", line);
        memcpy(lead->id, id, 16);
        runner->taken_count += !lead->taken;
        lead->taken = true;
        if (line[0] == 'R') {
            runner->receipted_count += !lead->receipted;
            lead->receipted = true;
        }
    } else {
        complain(runner, "told", line);
    }
}

static void take_events(struct runner *runner)
{
    for (;;) {
        ssize_t len = runner->events_fd < 0
                          ? 0
                          : read(runner->events_fd, runner->line + runner->line_len,
                                 sizeof runner->line - 1 - runner->line_len);
        if (len <= 0) return;
        runner->line_len += (size_t)len;
        char *end;
        while ((end = memchr(runner->line, '\n', runner->line_len)) != NULL) {
            *end = 0;
            take_line(runner, runner->line);
            runner->line_len -= (size_t)(end + 1 - runner->line);
            memmove(runner->line, end + 1, runner->line_len);
        }
        CHECK(runner->line_len < sizeof runner->line - 1);
    }
}

bool runner_wait(struct runner *const *runners, size_t count, long long deadline_ms)
{
    struct pollfd fds[TOWN_UNIT_COUNT];
    CHECK(count <= TOWN_UNIT_COUNT);
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = runners[i]->events_fd, .events = POLLIN};
    long long left_ms = deadline_ms - runner_now_ms();
    int ready = poll(fds, count, left_ms > 0 ? (int)left_ms : 0);
    bool any = false;
    for (size_t i = 0; ready > 0 && i < count; i++) {
        if (!fds[i].revents) continue;
        uint64_t before = runners[i]->event_count;
        take_events(runners[i]);
        any = any || runners[i]->event_count != before;
        if (!(fds[i].revents & POLLIN)) {
            complain(runners[i], "process", "ended by itself");
            close_pipes(runners[i]);
            any = true;
        }
    }
    return any;
}

void runner_goal(struct runner *runner, uint64_t goal)
{
    char text[32];
    runner->goal = goal;
    if (runner->control_fd < 0 || !runner->draft[0]) return;
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", goal);
    CHECK(write(runner->control_fd, text, (size_t)len) == len);
}

int runner_stop(struct runner *runner)
{
    process_kill(&runner->driver);
    int status = process_stop(&runner->process, PROCESS_DEADLINE_MS);
    take_events(runner);
    close_pipes(runner);
    return status;
}

void runner_kill(struct runner *runner)
{
    process_kill(&runner->process);
    process_kill(&runner->driver);
    take_events(runner);
    close_pipes(runner);
}

/* ---- the broker's own account ------------------------------------------------------------------
 */
json_t *runner_status(const struct town *town)
{
    char path[RUNNER_PATH_LEN_MAX];
    join(path, town->folder, "state/status.json");
    return json_load_file(path, 0, NULL);
}

json_t *runner_status_unit(json_t *status, const char *unit)
{
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(status, "units"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "unit"));
        if (name && strcmp(name, unit) == 0) return row;
    }
    return NULL;
}

uint64_t runner_figure(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    CHECK(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

bool runner_status_wait(const struct town *town, bool (*holds)(json_t *status, void *ctx),
                        void *ctx, int deadline_ms)
{
    char path[RUNNER_PATH_LEN_MAX], seen[4096];
    long long deadline = runner_now_ms() + deadline_ms;
    bool done;
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    join(path, town->folder, "state");
    CHECK(watch >= 0 && inotify_add_watch(watch, path, IN_MOVED_TO) >= 0);
    for (;;) {
        json_t *status = runner_status(town);
        done = status && holds(status, ctx);
        json_decref(status);
        long long left_ms = deadline - runner_now_ms();
        struct pollfd fd = {.fd = watch, .events = POLLIN};
        if (done || left_ms <= 0 || poll(&fd, 1, (int)left_ms) <= 0) break;
        (void)!read(watch, seen, sizeof seen);
    }
    close(watch);
    return done;
}

leadbus *runner_open(const struct runner *runner)
{
    struct buf passphrase = {0}, root = {0}, bundle = {0};
    char store[RUNNER_PATH_LEN_MAX], keyring[RUNNER_PATH_LEN_MAX], nobody[RUNNER_PATH_LEN_MAX];
    struct leadbus_error error = {0};
    leadbus *lb = NULL;
    read_file(runner->town->folder, "passphrase", &passphrase);
    read_file(runner->town->folder, "root", &root);
    read_file(runner->town->folder, "bundle", &bundle);
    join(store, runner->folder, "store");
    join(keyring, runner->folder, "keyring");
    snprintf(nobody, sizeof nobody, "ipc://%s/nobody", runner->folder);
    const struct leadbus_options options = {.size = sizeof options,
                                            .store_path = store,
                                            .keyring_path = keyring,
                                            .passphrase = passphrase.data,
                                            .passphrase_len = passphrase.len,
                                            .root = root.data,
                                            .root_len = root.len,
                                            .bundle = bundle.data,
                                            .bundle_len = bundle.len,
                                            .endpoint = nobody};
    if (leadbus_open(&options, &lb, &error))
        fprintf(stderr, "%s: %s %s %s\n", runner->unit, error.name, error.field, error.detail);
    buf_fini(&passphrase);
    buf_fini(&root);
    buf_fini(&bundle);
    return lb;
}
