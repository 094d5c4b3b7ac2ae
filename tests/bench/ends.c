#include "tests/bench/ends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tests/bench/measure.h"

enum {
    MAGIC = 0x6c62,
    STAGED_AT_ONCE = 64,
    TOLD_EVERY = 256,
    BUSY_MS = 20,
    IDLE_MS = 1000,
    FILE_LEN_MAX = LIMIT_BUNDLE_BYTES_MAX
};
#define DEADLINE_NS (ENDS_DEADLINE_S * 1000000000ull)

static _Noreturn void fail(const char *what, const struct leadbus_error *error)
{
    (void)fprintf(stderr, "bench: %s: %s %s %s\n", what, error ? error->name : strerror(errno),
                  error ? error->field : "", error ? error->detail : "");
    exit(1);
}

/* ---- what both know ---------------------------------------------------------------------------
 */

static size_t shared_len(const struct ends *ends, size_t lead_count)
{
    return sizeof(struct ends_shared) + sizeof(uint64_t) * lead_count * (2 + ends->recipients);
}

void ends_start(struct ends *ends, size_t lead_count)
{
    CHECK(ends->receivers <= ENDS_RECEIVERS_MAX && ends->recipients <= ends->receivers);
    CHECK(ends->recipients <= ENDS_RECIPIENTS_MAX && ends->body_len <= ENDS_BODY_LEN_MAX);
    ends->shared = mmap(NULL, shared_len(ends, lead_count), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ends->shared == MAP_FAILED) fail("mmap", NULL);
    ends->shared->lead_count = lead_count;
    ends->run++;
}

void ends_finish(struct ends *ends)
{
    (void)munmap(ends->shared, shared_len(ends, ends->shared->lead_count));
    ends->shared = NULL;
}

uint64_t *ends_submitted_ns(const struct ends *ends, size_t lead)
{
    return &ends->shared->times[lead];
}

uint64_t *ends_receipted_ns(const struct ends *ends, size_t lead)
{
    return &ends->shared->times[ends->shared->lead_count + lead];
}

uint64_t *ends_delivered_ns(const struct ends *ends, size_t receiver, size_t lead)
{
    return &ends->shared->times[ends->shared->lead_count * (2 + receiver) + lead];
}

uint64_t ends_received(const struct ends *ends)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ends->recipients; i++) sum += atomic_load(&ends->shared->received[i]);
    return sum;
}

uint64_t ends_taken_twice(const struct ends *ends)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ends->recipients; i++) sum += atomic_load(&ends->shared->twice[i]);
    return sum;
}

/* The lead's number stands in its id, so that both ends find its row. */
static void id_of(const struct ends *ends, size_t lead, uint8_t ret_id[LEADBUS_ID_LEN])
{
    uint64_t value = lead;
    memset(ret_id, 0, LEADBUS_ID_LEN);
    ret_id[0] = MAGIC >> 8;
    ret_id[1] = MAGIC & 0xff;
    ret_id[2] = ends->run;
    memcpy(ret_id + 8, &value, sizeof value);
}

static bool lead_of(const struct ends *ends, const uint8_t *id, size_t *ret_lead)
{
    uint64_t value;
    if (!id || id[0] != MAGIC >> 8 || id[1] != (MAGIC & 0xff) || id[2] != ends->run) return false;
    memcpy(&value, id + 8, sizeof value);
    if (value >= ends->shared->lead_count) return false;
    *ret_lead = value;
    return true;
}

/* ---- a unit -----------------------------------------------------------------------------------
 */

struct unit {
    leadbus *lb;
    struct ends *ends;
    size_t receiver;       /* SENDER, or which */
    size_t settled;        /* sender: receipted */
    pthread_mutex_t *door; /* receivers: hundreds that connect at once keep each other from it */
};
#define SENDER SIZE_MAX

/* A pipe that is full has news enough. */
static void tell(const struct ends *ends)
{
    if (write(ends->told[1], "", 1) < 0 && errno != EAGAIN) fail("pipe", NULL);
}

static void received(struct unit *unit, size_t lead)
{
    struct ends_shared *shared = unit->ends->shared;
    uint64_t *at = ends_delivered_ns(unit->ends, unit->receiver, lead);
    bool twice = *at != 0;
    *at = measure_now_ns();
    if (twice) {
        atomic_fetch_add(&shared->twice[unit->receiver], 1);
        return;
    }
    uint64_t count = atomic_fetch_add(&shared->received[unit->receiver], 1) + 1;
    if (count % TOLD_EVERY == 0 || count == shared->lead_count) tell(unit->ends);
}

static void receipted(struct unit *unit, const uint8_t *id, size_t lead)
{
    struct leadbus_outgoing row = {.size = sizeof row};
    if (*ends_receipted_ns(unit->ends, lead)) return;
    if (leadbus_outbox_get(unit->lb, id, &row, NULL) != 0) return;
    if (row.state == LEADBUS_REFUSED) {
        (void)fprintf(stderr, "bench: refused: %s %s\n", row.error.name, row.error.detail);
        exit(1);
    }
    if (row.state != LEADBUS_RECEIPTED) return;
    *ends_receipted_ns(unit->ends, lead) = measure_now_ns();
    unit->settled++;
}

static void changed(void *ctx, unsigned changes, const uint8_t *id)
{
    struct unit *unit = ctx;
    size_t lead;
    if (!lead_of(unit->ends, id, &lead)) return;
    if (unit->receiver < unit->ends->recipients && (changes & LEADBUS_CHANGED_INBOX))
        received(unit, lead);
    if (unit->receiver == SENDER && (changes & LEADBUS_CHANGED_OUTBOX)) receipted(unit, id, lead);
}

static uint8_t *read_file(const struct ends *ends, const char *name, size_t *ret_len)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", ends->folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail(path, NULL);
    uint8_t *data = malloc(FILE_LEN_MAX);
    if (!data) fail("memory", NULL);
    *ret_len = fread(data, 1, FILE_LEN_MAX, file);
    (void)fclose(file);
    return data;
}

static void unit_open(struct unit *unit, const char *name)
{
    char store[512], keyring[512];
    (void)snprintf(store, sizeof store, "%s/%s.db", unit->ends->folder, name);
    (void)snprintf(keyring, sizeof keyring, "%s/%s.keyring", unit->ends->folder, name);
    struct leadbus_options options = {.size = sizeof options,
                                      .store_path = store,
                                      .keyring_path = keyring,
                                      .endpoint = unit->ends->endpoint,
                                      .credit = 1024,
                                      .changed = changed,
                                      .ctx = unit};
    options.passphrase = read_file(unit->ends, "key", &options.passphrase_len);
    options.root = read_file(unit->ends, "root.note", &options.root_len);
    options.bundle = read_file(unit->ends, "bundle", &options.bundle_len);
    struct leadbus_error error;
    if (leadbus_open(&options, &unit->lb, &error) != 0) fail(name, &error);
    free((void *)(uintptr_t)options.passphrase);
    free((void *)(uintptr_t)options.root);
    free((void *)(uintptr_t)options.bundle);
}

static void unit_connect(struct unit *unit)
{
    struct leadbus_error error;
    struct leadbus_stats stats = {.size = sizeof stats};
    uint64_t deadline = measure_now_ns() + DEADLINE_NS;
    for (leadbus_stats(unit->lb, &stats); !stats.connected; leadbus_stats(unit->lb, &stats)) {
        if (measure_now_ns() > deadline) fail("no connection to the broker", &stats.last_error);
        if (leadbus_wait(unit->lb, 100, &error) < 0) fail("wait", &error);
    }
}

/* ---- receivers --------------------------------------------------------------------------------
 */

static void *receiver_main(void *arg)
{
    struct unit *unit = arg;
    char name[32];
    bool recipient = unit->receiver < unit->ends->recipients;
    (void)snprintf(name, sizeof name, "receiver-%zu", unit->receiver + 1);
    (void)pthread_mutex_lock(unit->door);
    unit_open(unit, name);
    unit_connect(unit);
    (void)pthread_mutex_unlock(unit->door);
    atomic_fetch_add(&unit->ends->shared->ready, 1);
    tell(unit->ends);
    struct leadbus_error error;
    while (!atomic_load(&unit->ends->shared->stop))
        if (leadbus_wait(unit->lb, recipient ? BUSY_MS : IDLE_MS, &error) < 0) fail(name, &error);
    leadbus_close(unit->lb);
    return NULL;
}

static int receivers_main(struct ends *ends, enum ends_turn turn)
{
    static pthread_t threads[ENDS_RECEIVERS_MAX];
    static struct unit units[ENDS_RECEIVERS_MAX];
    static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
    struct sched_param none = {0};
    if (turn == ENDS_TURN_YIELD && sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        fail("SCHED_IDLE", NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a sender that fails takes them along */
    for (size_t i = 0; i < ends->receivers; i++) {
        units[i] = (struct unit){.ends = ends, .receiver = i, .door = &door};
        if (pthread_create(&threads[i], NULL, receiver_main, &units[i]) != 0) fail("thread", NULL);
    }
    for (size_t i = 0; i < ends->receivers; i++) (void)pthread_join(threads[i], NULL);
    return 0;
}

pid_t ends_receivers_start(struct ends *ends, enum ends_turn turn)
{
    if (pipe2(ends->told, O_CLOEXEC) != 0 || fcntl(ends->told[1], F_SETFL, O_NONBLOCK) != 0)
        fail("pipe", NULL);
    pid_t child = fork();
    if (child < 0) fail("fork", NULL);
    if (child == 0) {
        (void)close(ends->told[0]);
        _exit(receivers_main(ends, turn));
    }
    (void)close(ends->told[1]); /* theirs alone: its end is theirs */
    return child;
}

bool ends_receivers_wait(const struct ends *ends, int timeout_ms)
{
    char news[TOLD_EVERY];
    struct pollfd wait = {.fd = ends->told[0], .events = POLLIN};
    int ready = poll(&wait, 1, timeout_ms);
    if (ready < 0) fail("poll", NULL);
    if (ready == 0) return false;
    if (read(ends->told[0], news, sizeof news) <= 0) fail("the receivers ended early", NULL);
    return true;
}

void ends_receivers_check(pid_t receivers)
{
    if (waitpid(receivers, NULL, WNOHANG) == receivers) fail("the receivers ended early", NULL);
}

void ends_receivers_stop(struct ends *ends, pid_t receivers)
{
    int status = 0;
    atomic_store(&ends->shared->stop, 1);
    if (waitpid(receivers, &status, 0) != receivers || status != 0)
        fail("the receivers failed", NULL);
    (void)close(ends->told[0]);
}

/* ---- the sender -------------------------------------------------------------------------------
 */

struct ends_sender {
    struct unit unit;
};

struct ends_sender *ends_sender_open(struct ends *ends)
{
    struct ends_sender *sender = calloc(1, sizeof *sender);
    if (!sender) fail("memory", NULL);
    sender->unit = (struct unit){.ends = ends, .receiver = SENDER};
    unit_open(&sender->unit, "sender");
    unit_connect(&sender->unit);
    return sender;
}

void ends_sender_close(struct ends_sender *sender)
{
    leadbus_close(sender->unit.lb);
    free(sender);
}

void ends_sender_wait(struct ends_sender *sender, int timeout_ms)
{
    struct leadbus_error error;
    if (leadbus_wait(sender->unit.lb, timeout_ms, &error) < 0) fail("sender", &error);
}

void ends_send(struct ends_sender *sender, size_t window)
{
    static uint8_t body[ENDS_BODY_LEN_MAX], summary[64];
    struct unit *unit = &sender->unit;
    size_t body_len = unit->ends->body_len;
    size_t count = unit->ends->shared->lead_count, staged = 0;
    randombytes_buf(body, body_len);
    struct leadbus_section sections[] = {{"summary", summary, sizeof summary},
                                         {"full", body, body_len}};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = "lead.bench",
                                  .officer = "BENCH-1",
                                  .sections = sections,
                                  .section_count = 2};
    struct leadbus_error error;
    uint8_t id[LEADBUS_ID_LEN], same_id[LEADBUS_ID_LEN];
    uint64_t progress_ns = measure_now_ns();
    draft.id = id;
    while (unit->settled < count) {
        size_t before = staged, settled = unit->settled;
        while (staged < count && staged - unit->settled < window) {
            id_of(unit->ends, staged, id);
            *ends_submitted_ns(unit->ends, staged) = measure_now_ns();
            if (leadbus_stage(unit->lb, &draft, same_id, &error) != 0) fail("submit", &error);
            if (++staged - before == STAGED_AT_ONCE) break;
        }
        if (staged != before && leadbus_commit(unit->lb, &error) != 0) fail("commit", &error);
        bool full = staged - unit->settled >= window || staged == count;
        ends_sender_wait(sender, full ? 1000 : 0);
        if (unit->settled != settled) progress_ns = measure_now_ns();
        if (measure_now_ns() - progress_ns > DEADLINE_NS) fail("no receipt in time", NULL);
    }
}
