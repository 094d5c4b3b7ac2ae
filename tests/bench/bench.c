/* bench: what a lead costs with everything on, beside what the machine allows, in one run.
 *
 * One sender and six receivers, each a whole unit (keyring, store, CURVE connection), and a real
 * broker, all on this machine: every lead is sealed, signed, verified by the broker and by all six,
 * durable in the sender's outbox, the journal and six inboxes. The limits beside it (fdatasync,
 * sign, verify) are measured in the same run: compare ratios, not seconds of another day. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients/lib/include/leadbus.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"

enum { RECEIVERS = 6, BODY_LEN = 1536, DEADLINE_S = 120, MAGIC = 0x6c62 };

/* Shared between the sender's and the receivers' processes; times are CLOCK_MONOTONIC ns. */
struct shared {
    _Atomic int ready;
    _Atomic int stop;
    _Atomic uint64_t received[RECEIVERS], twice[RECEIVERS];
    size_t lead_count;
    uint64_t times[]; /* submitted[n], receipted[n], delivered[RECEIVERS][n] */
};

static struct shared *shared;
static const char *folder, *endpoint;

static uint64_t *submitted_ns(size_t i)
{
    return &shared->times[i];
}
static uint64_t *receipted_ns(size_t i)
{
    return &shared->times[shared->lead_count + i];
}
static uint64_t *delivered_ns(size_t receiver, size_t i)
{
    return &shared->times[shared->lead_count * (2 + receiver) + i];
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fail(const char *what, const struct leadbus_error *error)
{
    fprintf(stderr, "bench: %s: %s %s %s\n", what, error ? error->name : strerror(errno),
            error ? error->field : "", error ? error->detail : "");
    exit(1);
}

/* Which run this is: ids of an earlier one are another lead's. */
static uint8_t run_number;

/* The lead's number stands in its id, so that both ends find its row. */
static void id_of(size_t number, uint8_t ret_id[LEADBUS_ID_LEN])
{
    uint64_t value = number;
    memset(ret_id, 0, LEADBUS_ID_LEN);
    ret_id[0] = MAGIC >> 8;
    ret_id[1] = MAGIC & 0xff;
    ret_id[2] = run_number;
    memcpy(ret_id + 8, &value, sizeof value);
}

static bool number_of(const uint8_t *id, size_t *ret_number)
{
    uint64_t value;
    if (!id || id[0] != MAGIC >> 8 || id[1] != (MAGIC & 0xff) || id[2] != run_number) return false;
    memcpy(&value, id + 8, sizeof value);
    if (value >= shared->lead_count) return false;
    *ret_number = value;
    return true;
}

static uint8_t *read_file(const char *name, size_t *ret_len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail(path, NULL);
    uint8_t *data = malloc(1 << 22);
    if (!data) fail("memory", NULL);
    *ret_len = fread(data, 1, 1 << 22, file);
    fclose(file);
    return data;
}

struct unit {
    leadbus *lb;
    size_t receiver;
    size_t settled; /* sender: receipted or refused */
};

static void changed(void *ctx, unsigned changes, const uint8_t *id)
{
    struct unit *unit = ctx;
    size_t number;
    if (!number_of(id, &number)) return;
    if (unit->receiver < RECEIVERS && (changes & LEADBUS_CHANGED_INBOX)) {
        uint64_t *at = delivered_ns(unit->receiver, number);
        if (*at) atomic_fetch_add(&shared->twice[unit->receiver], 1);
        *at = now_ns();
        atomic_fetch_add(&shared->received[unit->receiver], 1);
    }
    if (unit->receiver == RECEIVERS && (changes & LEADBUS_CHANGED_OUTBOX) &&
        !*receipted_ns(number)) {
        struct leadbus_outgoing row = {.size = sizeof row};
        if (leadbus_outbox_get(unit->lb, id, &row, NULL) != 0) return;
        if (row.state == LEADBUS_REFUSED) {
            fprintf(stderr, "bench: refused: %s %s\n", row.error.name, row.error.detail);
            exit(1);
        }
        if (row.state == LEADBUS_RECEIPTED) {
            *receipted_ns(number) = now_ns();
            unit->settled++;
        }
    }
}

static void unit_open(struct unit *unit, const char *name)
{
    char store[512], keyring[512];
    snprintf(store, sizeof store, "%s/%s.db", folder, name);
    snprintf(keyring, sizeof keyring, "%s/%s.keyring", folder, name);
    struct leadbus_options options = {.size = sizeof options,
                                      .store_path = store,
                                      .keyring_path = keyring,
                                      .endpoint = endpoint,
                                      .credit = 1024,
                                      .changed = changed,
                                      .ctx = unit};
    options.passphrase = read_file("key", &options.passphrase_len);
    options.root = read_file("root.note", &options.root_len);
    options.bundle = read_file("bundle", &options.bundle_len);
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
    uint64_t deadline = now_ns() + DEADLINE_S * 1000000000ull;
    for (leadbus_stats(unit->lb, &stats); !stats.connected; leadbus_stats(unit->lb, &stats)) {
        if (now_ns() > deadline) fail("no connection to the broker", &stats.last_error);
        if (leadbus_wait(unit->lb, 100, &error) < 0) fail("wait", &error);
    }
}

/* Who comes first on the cores that all share here. In a district the receivers' work runs on the
 * departments' own machines: TURN_YIELD gives them what sender and broker leave over (SCHED_IDLE),
 * TURN_EQUAL lets them compete. Both do all of the work. */
enum turn { TURN_YIELD, TURN_EQUAL };

static void *receiver_main(void *arg)
{
    struct unit unit = {.receiver = (size_t)(uintptr_t)arg};
    char name[32];
    snprintf(name, sizeof name, "receiver-%zu", unit.receiver + 1);
    unit_open(&unit, name);
    unit_connect(&unit);
    atomic_fetch_add(&shared->ready, 1);
    struct leadbus_error error;
    while (!atomic_load(&shared->stop))
        if (leadbus_wait(unit.lb, 20, &error) < 0) fail(name, &error);
    leadbus_close(unit.lb);
    return NULL;
}

static int receivers_main(enum turn turn)
{
    pthread_t threads[RECEIVERS];
    struct sched_param none = {0};
    if (turn == TURN_YIELD && sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        fail("SCHED_IDLE", NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a sender that fails takes them along */
    for (size_t i = 0; i < RECEIVERS; i++)
        if (pthread_create(&threads[i], NULL, receiver_main, (void *)(uintptr_t)i) != 0)
            fail("thread", NULL);
    for (size_t i = 0; i < RECEIVERS; i++) pthread_join(threads[i], NULL);
    return 0;
}

static uint64_t received_all(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < RECEIVERS; i++) sum += atomic_load(&shared->received[i]);
    return sum;
}

/* Keeps `window` leads unreceipted until all are sent and received everywhere. */
static void sender_run(struct unit *unit, size_t window)
{
    static uint8_t body[BODY_LEN], summary[64];
    randombytes_buf(body, sizeof body);
    struct leadbus_section sections[] = {{"summary", summary, sizeof summary},
                                         {"full", body, sizeof body}};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = "lead.bench",
                                  .officer = "BENCH-1",
                                  .sections = sections,
                                  .section_count = 2};
    struct leadbus_error error;
    uint8_t id[LEADBUS_ID_LEN], same_id[LEADBUS_ID_LEN];
    size_t staged = 0;
    draft.id = id;
    while (unit->settled < shared->lead_count) {
        size_t before = staged;
        while (staged < shared->lead_count && staged - unit->settled < window) {
            id_of(staged, id);
            *submitted_ns(staged) = now_ns();
            if (leadbus_stage(unit->lb, &draft, same_id, &error) != 0) fail("submit", &error);
            if (++staged - before == 64) break;
        }
        if (staged != before && leadbus_commit(unit->lb, &error) != 0) fail("commit", &error);
        bool full = staged - unit->settled >= window || staged == shared->lead_count;
        if (leadbus_wait(unit->lb, full ? 1000 : 0, &error) < 0) fail("sender", &error);
        if (now_ns() - *submitted_ns(unit->settled < staged ? unit->settled : 0) >
                DEADLINE_S * 1000000000ull &&
            unit->settled < staged)
            fail("a lead got no receipt in time", NULL);
    }
    uint64_t deadline = now_ns() + DEADLINE_S * 1000000000ull;
    while (received_all() < RECEIVERS * shared->lead_count) {
        if (leadbus_wait(unit->lb, 5, &error) < 0) fail("sender", &error);
        if (now_ns() > deadline) fail("a lead was not delivered in time", NULL);
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(uint64_t *values_ns, size_t count, double share)
{
    qsort(values_ns, count, sizeof *values_ns, compare_u64);
    size_t at = (size_t)((double)(count - 1) * share);
    return (double)values_ns[at] / 1e3;
}

static double broker_cpu_s(int pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fgets(line, sizeof line, file)) {
        const char *rest = strrchr(line, ')');
        if (rest)
            sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    }
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double broker_rss_mib(int pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    if (file) fclose(file);
    return (double)kib / 1024;
}

struct figures {
    double leads_per_s, deliveries_per_s;
    double receipt_p50_us, receipt_p99_us, delivery_p50_us, delivery_p99_us;
    double broker_cpu_us_per_lead, broker_rss_mib;
    uint64_t twice;
};

static struct figures run(size_t lead_count, size_t window, enum turn turn, int broker_pid)
{
    size_t size = sizeof *shared + sizeof(uint64_t) * lead_count * (2 + RECEIVERS);
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) fail("mmap", NULL);
    shared->lead_count = lead_count;
    run_number++;
    struct figures figures = {.broker_rss_mib = broker_rss_mib(broker_pid)};
    pid_t child = fork();
    if (child < 0) fail("fork", NULL);
    if (child == 0) _exit(receivers_main(turn));

    struct unit unit = {.receiver = RECEIVERS};
    unit_open(&unit, "sender");
    unit_connect(&unit);
    struct leadbus_error error;
    while (atomic_load(&shared->ready) < RECEIVERS) {
        if (leadbus_wait(unit.lb, 20, &error) < 0) fail("sender", &error);
        if (waitpid(child, NULL, WNOHANG) == child) fail("the receivers ended early", NULL);
    }
    double cpu_before = broker_cpu_s(broker_pid);
    sender_run(&unit, window);
    double cpu_after = broker_cpu_s(broker_pid);
    figures.broker_rss_mib = broker_rss_mib(broker_pid);
    atomic_store(&shared->stop, 1);
    waitpid(child, NULL, 0);
    leadbus_close(unit.lb);

    uint64_t first = *submitted_ns(0), last_receipt = 0, last_delivery = 0;
    uint64_t *receipt = calloc(lead_count, sizeof *receipt);
    uint64_t *delivery = calloc(lead_count * RECEIVERS, sizeof *delivery);
    if (!receipt || !delivery) fail("memory", NULL);
    for (size_t i = 0; i < lead_count; i++) {
        receipt[i] = *receipted_ns(i) - *submitted_ns(i);
        if (*receipted_ns(i) > last_receipt) last_receipt = *receipted_ns(i);
        for (size_t k = 0; k < RECEIVERS; k++) {
            delivery[i * RECEIVERS + k] = *delivered_ns(k, i) - *submitted_ns(i);
            if (*delivered_ns(k, i) > last_delivery) last_delivery = *delivered_ns(k, i);
        }
    }
    for (size_t k = 0; k < RECEIVERS; k++) figures.twice += atomic_load(&shared->twice[k]);
    /* A lead counts when it is receipted and in all six inboxes. */
    uint64_t last = last_delivery > last_receipt ? last_delivery : last_receipt;
    figures.leads_per_s = (double)lead_count / ((double)(last - first) / 1e9);
    figures.deliveries_per_s =
        (double)(lead_count * RECEIVERS) / ((double)(last_delivery - first) / 1e9);
    figures.receipt_p50_us = percentile_us(receipt, lead_count, 0.5);
    figures.receipt_p99_us = percentile_us(receipt, lead_count, 0.99);
    figures.delivery_p50_us = percentile_us(delivery, lead_count * RECEIVERS, 0.5);
    figures.delivery_p99_us = percentile_us(delivery, lead_count * RECEIVERS, 0.99);
    figures.broker_cpu_us_per_lead = (cpu_after - cpu_before) * 1e6 / (double)lead_count;
    free(receipt);
    free(delivery);
    munmap(shared, size);
    return figures;
}

/* The same machine, the same minute: what nothing that is durable and signed can go below. */
struct limits {
    double fdatasync_p50_us, sign_us, verify_us;
};

static struct limits measure_limits(void)
{
    enum { SYNCS = 300, SIGNS = 1000 };
    static uint64_t each[SYNCS];
    static uint8_t body[BODY_LEN];
    struct limits limits = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/limit", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail(path, NULL);
    for (size_t i = 0; i < SYNCS; i++) {
        uint64_t start = now_ns();
        if (write(fd, body, sizeof body) != (ssize_t)sizeof body || fdatasync(fd) != 0)
            fail(path, NULL);
        each[i] = now_ns() - start;
    }
    close(fd);
    unlink(path);
    limits.fdatasync_p50_us = percentile_us(each, SYNCS, 0.5);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES],
        signature[crypto_sign_BYTES];
    crypto_sign_keypair(public_key, secret_key);
    uint64_t start = now_ns();
    for (size_t i = 0; i < SIGNS; i++)
        crypto_sign_detached(signature, NULL, body, sizeof body, secret_key);
    limits.sign_us = (double)(now_ns() - start) / 1e3 / SIGNS;
    start = now_ns();
    for (size_t i = 0; i < SIGNS; i++)
        if (crypto_sign_verify_detached(signature, body, sizeof body, public_key) != 0)
            fail("verify", NULL);
    limits.verify_us = (double)(now_ns() - start) / 1e3 / SIGNS;
    return limits;
}

/* What one needs to know to compare with another run. */
struct setting {
    size_t leads_one, leads_many;
    double idle_rss_mib;
};

static void cpu_model(char ret[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(ret, 128, "?");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(ret, 128, "%s", strchr(line, ':') + 2);
            ret[strcspn(ret, "\n\"\\")] = 0;
            break;
        }
    if (file) fclose(file);
}

/* At window 1 with each turn, and at window 256. */
struct results {
    struct figures one, equal, many;
};

static void print_json(const struct limits *limits, const struct results *results,
                       const struct setting *setting)
{
    const struct figures *one = &results->one, *equal = &results->equal, *many = &results->many;
    char cpu[128], when[32];
    time_t now = time(NULL);
    struct tm utc;
    cpu_model(cpu);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    printf("{\n"
           "  \"schema\": 1, \"version\": \"%s\", \"time\": \"%s\",\n"
           "  \"cpu\": \"%s\", \"cores\": %ld,\n"
           "  \"recipients\": %d, \"body_bytes\": %d, \"leads_count\": %zu, "
           "\"leads_window_1_count\": %zu,\n",
           LEADBUS_VERSION, when, cpu, sysconf(_SC_NPROCESSORS_ONLN), RECEIVERS, BODY_LEN,
           setting->leads_many, setting->leads_one);
    printf("  \"leads_per_s\": %.0f, \"deliveries_per_s\": %.0f,\n"
           "  \"leads_per_s_window_1\": %.0f,\n"
           "  \"receipt_p50_us\": %.0f, \"receipt_p99_us\": %.0f,\n"
           "  \"delivery_p50_us\": %.0f, \"delivery_p99_us\": %.0f,\n"
           "  \"leads_per_s_equal\": %.0f,\n"
           "  \"receipt_equal_p50_us\": %.0f, \"receipt_equal_p99_us\": %.0f,\n"
           "  \"delivery_equal_p50_us\": %.0f, \"delivery_equal_p99_us\": %.0f,\n"
           "  \"receipt_window_256_p50_us\": %.0f, \"receipt_window_256_p99_us\": %.0f,\n"
           "  \"delivery_window_256_p50_us\": %.0f, \"delivery_window_256_p99_us\": %.0f,\n",
           many->leads_per_s, many->deliveries_per_s, one->leads_per_s, one->receipt_p50_us,
           one->receipt_p99_us, one->delivery_p50_us, one->delivery_p99_us, equal->leads_per_s,
           equal->receipt_p50_us, equal->receipt_p99_us, equal->delivery_p50_us,
           equal->delivery_p99_us, many->receipt_p50_us, many->receipt_p99_us,
           many->delivery_p50_us, many->delivery_p99_us);
    printf("  \"broker_cpu_per_lead_us\": %.1f, \"broker_cpu_per_lead_window_1_us\": %.1f,\n"
           "  \"broker_rss_idle_mib\": %.1f, \"broker_rss_loaded_mib\": %.1f,\n"
           "  \"limit_fdatasync_p50_us\": %.0f, \"limit_sign_us\": %.1f, "
           "\"limit_verify_us\": %.1f,\n"
           "  \"receipt_p50_per_fdatasync_ratio\": %.2f, \"broker_cpu_per_verify_ratio\": %.2f,\n"
           "  \"effects_twice\": %" PRIu64 "\n"
           "}\n",
           many->broker_cpu_us_per_lead, one->broker_cpu_us_per_lead, setting->idle_rss_mib,
           many->broker_rss_mib, limits->fdatasync_p50_us, limits->sign_us, limits->verify_us,
           one->receipt_p50_us / limits->fdatasync_p50_us,
           many->broker_cpu_us_per_lead / limits->verify_us,
           one->twice + equal->twice + many->twice);
}

/* One line with a figure of each run. */
static void print_row(const char *label, int decimals, double one, double equal, double many)
{
    i18n_pad(stdout, label, 36);
    printf("%12.*f %12.*f %12.*f\n", decimals, one, decimals, equal, decimals, many);
}

static void print_head(const char *label, const char *one, const char *equal, const char *many)
{
    i18n_pad(stdout, label, 36);
    const char *titles[] = {one, equal, many};
    for (size_t i = 0; i < 3; i++)
        printf("%*s%s", (int)(13 - i18n_width(titles[i]) - (i == 0)), "", titles[i]);
    printf("\n");
}

static void print_text(const struct limits *limits, const struct results *results,
                       const struct setting *setting)
{
    const struct figures *one = &results->one, *equal = &results->equal, *many = &results->many;
    printf(T("%d 个接收单位，正文 %d 字节；封装、签名、核验、各端落盘全部开启\n\n",
             "%d recipients, %d byte body; sealed, signed, verified and durable at every "
             "end\n\n"),
           RECEIVERS, BODY_LEN);
    print_head(T("在途线索数", "leads in flight"), "1", "1", "256");
    print_head(T("接收单位", "recipients"), T("让先", "yield"), T("争用", "compete"),
               T("争用", "compete"));
    print_row(T("线索/秒", "leads/s"), 0, one->leads_per_s, equal->leads_per_s, many->leads_per_s);
    print_row(T("送达/秒", "deliveries/s"), 0, one->deliveries_per_s, equal->deliveries_per_s,
              many->deliveries_per_s);
    print_row(T("回执 p50（微秒）", "receipt p50 (us)"), 0, one->receipt_p50_us,
              equal->receipt_p50_us, many->receipt_p50_us);
    print_row(T("回执 p99（微秒）", "receipt p99 (us)"), 0, one->receipt_p99_us,
              equal->receipt_p99_us, many->receipt_p99_us);
    print_row(T("送达并落盘 p50（微秒）", "delivery, durable, p50 (us)"), 0, one->delivery_p50_us,
              equal->delivery_p50_us, many->delivery_p50_us);
    print_row(T("送达并落盘 p99（微秒）", "delivery, durable, p99 (us)"), 0, one->delivery_p99_us,
              equal->delivery_p99_us, many->delivery_p99_us);
    print_row(T("总线 CPU/线索（微秒）", "broker CPU per lead (us)"), 1,
              one->broker_cpu_us_per_lead, equal->broker_cpu_us_per_lead,
              many->broker_cpu_us_per_lead);
    print_row(T("总线内存（MiB）", "broker RSS (MiB)"), 1, one->broker_rss_mib,
              equal->broker_rss_mib, many->broker_rss_mib);
    printf("\n");
    printf(
        T("让先：接收单位只用发送端与总线余下的处理器时间，相当于各单位在自己的机器上；争用：全部"
          "同等争用本机。两者接收端均逐条核验、开封、落盘。\n",
          "yield: the recipients take the processor time that sender and broker leave, as if on "
          "machines of their own; compete: all share this machine alike. In both they verify, "
          "open and store every lead.\n"));
    printf(T("总线空载内存 %.1f MiB\n", "broker RSS idle %.1f MiB\n"), setting->idle_rss_mib);
    printf(T("本次所测极限：追加并 fdatasync p50 %.0f 微秒；Ed25519 签名 %.1f 微秒、验签 %.1f "
             "微秒（单核）\n",
             "limits in this run: append + fdatasync p50 %.0f us; Ed25519 sign %.1f us, "
             "verify %.1f us (one core)\n"),
           limits->fdatasync_p50_us, limits->sign_us, limits->verify_us);
    printf(T("比值：窗口 1 回执 p50 = %.2f 次 fdatasync；总线 CPU/线索 = %.2f 次验签\n",
             "ratios: receipt p50 at window 1 = %.2f fdatasync; broker CPU per lead = %.2f "
             "verify\n"),
           one->receipt_p50_us / limits->fdatasync_p50_us,
           many->broker_cpu_us_per_lead / limits->verify_us);
    uint64_t twice = one->twice + equal->twice + many->twice;
    if (twice) printf(T("重复接收：%" PRIu64 "\n", "TAKEN TWICE: %" PRIu64 "\n"), twice);
}

int main(int argc, char **argv)
{
    const char *pid_text = NULL, *one_text = "1000", *many_text = "10000";
    bool json = false;
    const struct options_row rows[] = {
        {"folder", 'd', "目录", "FOLDER", "密钥、信任根与方案包所在", "keyrings, root and bundle",
         NULL, &folder, NULL},
        {"endpoint", 'e', "地址", "ENDPOINT", "总线服务地址", "where the broker listens", NULL,
         &endpoint, NULL},
        {"broker", 'p', "进程号", "PID", "总线服务的进程号", "process id of the broker", NULL,
         &pid_text, NULL},
        {"one", '1', "数", "N", "逐条发送的条数（默认 1000）",
         "leads sent one by one (default 1000)", NULL, &one_text, NULL},
        {"many", 'n', "数", "N", "成批发送的条数（默认 10000）",
         "leads sent many at once (default 10000)", NULL, &many_text, NULL},
        {"json", 'j', NULL, NULL, "输出 JSON", "print JSON", &json, NULL, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench",
        .usage_zh = "-d 目录 -e 地址 -p 进程号 [选项]",
        .usage_en = "-d FOLDER -e ENDPOINT -p PID [options]",
        .about_zh =
            "一个发送单位、六个接收单位经真实的总线服务：吞吐与延迟。通常由 ./run bench 运行。",
        .about_en = "One sender and six receivers over a real broker: throughput and latency. "
                    "Usually run by ./run bench.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, folder != NULL, "--folder");
    if (code == 0) code = options_need(&spec, endpoint != NULL, "--endpoint");
    if (code == 0) code = options_need(&spec, pid_text != NULL, "--broker");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    int broker_pid = atoi(pid_text);
    size_t count_one = strtoul(one_text, NULL, 10), count_many = strtoul(many_text, NULL, 10);
    if (broker_pid <= 0 || count_one == 0 || count_many == 0)
        return options_exit_code(
            options_wrong(&spec, T("--broker、--one、--many 应为正整数",
                                   "--broker, --one and --many take numbers from 1")));
    if (sodium_init() < 0) return 1;
    struct setting setting = {count_one, count_many, broker_rss_mib(broker_pid)};
    struct limits limits = measure_limits();
    struct results results;
    results.one = run(count_one, 1, TURN_YIELD, broker_pid);
    results.equal = run(count_one, 1, TURN_EQUAL, broker_pid);
    results.many = run(count_many, 256, TURN_EQUAL, broker_pid);
    (json ? print_json : print_text)(&limits, &results, &setting);
    return results.one.twice + results.equal.twice + results.many.twice ? 1 : 0;
}
