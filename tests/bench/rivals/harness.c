#include "tests/bench/rivals/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/bench/measure.h"

enum { STALLED_S = 60, COUNT_MAX = 10000000, WINDOW_MAX = 4096, SETTLE_MS = 300 };

void harness_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s: ", rival.name);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    _exit(1);
}

void harness_pause_ms(unsigned ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void *shared_memory(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) harness_fail("mmap: %s", strerror(errno));
    return memory;
}

/* ---- producer ---------------------------------------------------------------------------------
 */

void harness_begin(struct harness *harness)
{
    harness->began_ns = measure_now_ns();
}

void harness_stamp(struct harness *harness, size_t message)
{
    uint64_t number = message, now_ns = measure_now_ns();
    harness->sent_ns[message] = now_ns;
    memcpy(harness->body, &number, sizeof number);
    memcpy(harness->body + sizeof number, &now_ns, sizeof now_ns);
}

void harness_confirmed(struct harness *harness, size_t message)
{
    if (message >= harness->count || harness->confirm_ns[message] != 0)
        harness_fail("confirmed what was not sent, or twice: %zu", message);
    harness->confirm_ns[message] = measure_now_ns() - harness->sent_ns[message];
    atomic_fetch_add(&harness->confirmed, 1);
}

void harness_window_take(struct harness *harness)
{
    (void)pthread_mutex_lock(&harness->mutex);
    while (harness->in_flight >= harness->window)
        (void)pthread_cond_wait(&harness->freed, &harness->mutex);
    harness->in_flight++;
    (void)pthread_mutex_unlock(&harness->mutex);
}

void harness_window_free(struct harness *harness)
{
    (void)pthread_mutex_lock(&harness->mutex);
    harness->in_flight--;
    (void)pthread_cond_signal(&harness->freed);
    (void)pthread_mutex_unlock(&harness->mutex);
}

void harness_window_drain(struct harness *harness)
{
    (void)pthread_mutex_lock(&harness->mutex);
    while (harness->in_flight > 0) (void)pthread_cond_wait(&harness->freed, &harness->mutex);
    (void)pthread_mutex_unlock(&harness->mutex);
}

/* ---- consumers --------------------------------------------------------------------------------
 */

void harness_ready(struct harness *harness)
{
    atomic_fetch_add(&harness->shared->ready, 1);
}

void harness_delivered(struct harness *harness, size_t consumer, const void *body, size_t len)
{
    uint64_t number, sent_ns, now_ns = measure_now_ns();
    struct harness_shared *shared = harness->shared;
    if (len != HARNESS_BODY_LEN) harness_fail("a body of %zu bytes", len);
    memcpy(&number, body, sizeof number);
    memcpy(&sent_ns, (const uint8_t *)body + sizeof number, sizeof sent_ns);
    if (number >= harness->count) harness_fail("message %llu", (unsigned long long)number);
    if (harness->seen[consumer][number]) {
        atomic_fetch_add(&shared->twice[consumer], 1);
        return;
    }
    harness->seen[consumer][number] = 1;
    if (consumer == 0) shared->delivery_ns[number] = now_ns - sent_ns;
    atomic_store(&shared->last_ns[consumer], now_ns);
    atomic_fetch_add(&shared->received[consumer], 1);
}

struct consumer {
    struct harness *harness;
    size_t number;
};

static void *consumer_main(void *arg)
{
    const struct consumer *consumer = arg;
    rival.consume(consumer->harness, consumer->number);
    return NULL;
}

static pid_t consumers_start(struct harness *harness)
{
    pid_t child = fork();
    if (child < 0) harness_fail("fork: %s", strerror(errno));
    if (child == 0) {
        static struct consumer consumers[HARNESS_CONSUMERS];
        static pthread_t threads[HARNESS_CONSUMERS];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
            consumers[i] = (struct consumer){harness, i};
            if (pthread_create(&threads[i], NULL, consumer_main, &consumers[i]) != 0)
                harness_fail("thread");
        }
        for (;;) (void)pause();
    }
    while (atomic_load(&harness->shared->ready) < HARNESS_CONSUMERS) {
        if (waitpid(child, NULL, WNOHANG) == child) harness_fail("the consumers ended early");
        harness_pause_ms(1);
    }
    return child;
}

static uint64_t received(const struct harness *harness)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++)
        sum += atomic_load(&harness->shared->received[i]);
    return sum;
}

/* Until all is there, or nothing came for STALLED_S: what is missing then is said. */
static void wait_received(const struct harness *harness, pid_t consumers)
{
    uint64_t seen = received(harness), progress_ns = measure_now_ns();
    while (received(harness) < HARNESS_CONSUMERS * (uint64_t)harness->count) {
        if (waitpid(consumers, NULL, WNOHANG) == consumers) harness_fail("the consumers ended");
        harness_pause_ms(1);
        if (received(harness) != seen) progress_ns = measure_now_ns();
        seen = received(harness);
        if (measure_now_ns() - progress_ns > STALLED_S * 1000000000ull) return;
    }
}

static void consumers_end(pid_t consumers)
{
    (void)kill(consumers, SIGKILL);
    (void)waitpid(consumers, NULL, 0);
}

/* ---- what is done -----------------------------------------------------------------------------
 */

static uint64_t twice(const struct harness *harness)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) sum += atomic_load(&harness->shared->twice[i]);
    return sum;
}

static uint64_t last_delivery_ns(const struct harness *harness)
{
    uint64_t last = 0;
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        uint64_t at = atomic_load(&harness->shared->last_ns[i]);
        if (at > last) last = at;
    }
    return last;
}

static void print_confirmed(struct harness *harness, uint64_t confirmed_ns)
{
    double spent_s = (double)(confirmed_ns - harness->began_ns) / 1e9;
    printf("\"window\":%zu,\"count\":%zu,\"confirmed_per_s\":%.1f,\"confirm_p50_us\":%.1f,"
           "\"confirm_p99_us\":%.1f",
           harness->window, harness->count, (double)harness->count / spent_s,
           measure_percentile_us(harness->confirm_ns, harness->count, 0.5),
           measure_percentile_us(harness->confirm_ns, harness->count, 0.99));
}

static void publish_all(struct harness *harness)
{
    harness_begin(harness);
    rival.publish(harness);
    if (atomic_load(&harness->confirmed) != harness->count)
        harness_fail("%zu confirmed of %zu", atomic_load(&harness->confirmed), harness->count);
}

/* One producer, six consumers; a message counts when it is confirmed and all six have it. */
static void do_run(struct harness *harness, pid_t broker)
{
    pid_t consumers = consumers_start(harness);
    double cpu_before_s = measure_process_cpu_s(broker);
    publish_all(harness);
    uint64_t confirmed_ns = measure_now_ns();
    wait_received(harness, consumers);
    uint64_t delivered_ns = last_delivery_ns(harness);
    uint64_t last_ns = confirmed_ns > delivered_ns ? confirmed_ns : delivered_ns;
    harness_pause_ms(SETTLE_MS); /* acknowledgements on their way cost the broker too */
    double cpu_s = measure_process_cpu_s(broker) - cpu_before_s;
    uint64_t missing = HARNESS_CONSUMERS * (uint64_t)harness->count - received(harness);
    printf("{");
    print_confirmed(harness, confirmed_ns);
    printf(",\"messages_per_s\":%.1f,\"delivery_p50_us\":%.1f,\"delivery_p99_us\":%.1f,"
           "\"broker_cpu_us\":%.2f,\"broker_rss_mib\":%.1f,\"missing\":%llu,\"twice\":%llu}\n",
           (double)harness->count / ((double)(last_ns - harness->began_ns) / 1e9),
           measure_percentile_us(harness->shared->delivery_ns, harness->count, 0.5),
           measure_percentile_us(harness->shared->delivery_ns, harness->count, 0.99),
           cpu_s * 1e6 / (double)harness->count, measure_process_rss_mib(broker),
           (unsigned long long)missing, (unsigned long long)twice(harness));
    consumers_end(consumers);
}

/* Nobody consumes. */
static void do_fill(struct harness *harness, pid_t broker)
{
    double cpu_before_s = measure_process_cpu_s(broker);
    publish_all(harness);
    uint64_t confirmed_ns = measure_now_ns();
    double cpu_s = measure_process_cpu_s(broker) - cpu_before_s;
    printf("{");
    print_confirmed(harness, confirmed_ns);
    printf(",\"broker_cpu_us\":%.2f,\"broker_rss_mib\":%.1f}\n",
           cpu_s * 1e6 / (double)harness->count, measure_process_rss_mib(broker));
}

static void do_drain(struct harness *harness, pid_t broker)
{
    uint64_t start_ns = measure_now_ns();
    pid_t consumers = consumers_start(harness);
    wait_received(harness, consumers);
    uint64_t missing = HARNESS_CONSUMERS * (uint64_t)harness->count - received(harness);
    printf("{\"count\":%zu,\"seconds\":%.3f,\"missing\":%llu,\"twice\":%llu,"
           "\"broker_rss_mib\":%.1f}\n",
           harness->count, (double)(last_delivery_ns(harness) - start_ns) / 1e9,
           (unsigned long long)missing, (unsigned long long)twice(harness),
           measure_process_rss_mib(broker));
    consumers_end(consumers);
}

static void harness_init(struct harness *harness)
{
    size_t count = harness->count;
    harness->shared = shared_memory(sizeof *harness->shared + sizeof(uint64_t) * (count + 1));
    harness->sent_ns = calloc(count + 1, sizeof *harness->sent_ns);
    harness->confirm_ns = calloc(count + 1, sizeof *harness->confirm_ns);
    if (!harness->sent_ns || !harness->confirm_ns) harness_fail("memory");
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        harness->seen[i] = calloc(count + 1, 1);
        if (!harness->seen[i]) harness_fail("memory");
    }
    for (size_t at = 0; at < sizeof harness->body; at += 256)
        if (getrandom(harness->body + at, 256, 0) != 256) harness_fail("random");
    if (pthread_mutex_init(&harness->mutex, NULL) != 0 ||
        pthread_cond_init(&harness->freed, NULL) != 0)
        harness_fail("mutex");
}

static void act(struct harness *harness, const char *what, pid_t broker)
{
    if (strcmp(what, "ping") == 0) rival.ping(harness);
    if (strcmp(what, "setup") == 0) rival.setup(harness);
    if (strcmp(what, "run") == 0) do_run(harness, broker);
    if (strcmp(what, "fill") == 0) do_fill(harness, broker);
    if (strcmp(what, "drain") == 0) do_drain(harness, broker);
}

static unsigned long number_of(const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *end || value > most ? 0 : value;
}

int main(int argc, char **argv)
{
    static struct harness harness = {.ca = "", .variant = ""};
    const char *what = NULL, *port = "0", *broker = "0", *count = "1", *window = "1";
    const struct options_row rows[] = {
        {"do", 'a', "动作", "WHAT", "ping、setup、run、fill 或 drain",
         "ping, setup, run, fill or drain", NULL, &what, NULL},
        {"port", 'p', "端口", "PORT", "127.0.0.1 上的端口", "port on 127.0.0.1", NULL, &port, NULL},
        {"ca", 'c', "文件", "FILE", "服务端证书（PEM）", "certificate of the broker (PEM)", NULL,
         &harness.ca, NULL},
        {"variant", 'v', "名称", "NAME", "驱动程序自定的变体", "a variant, the driver's own", NULL,
         &harness.variant, NULL},
        {"broker", 'b', "进程号", "PID", "服务端的进程号", "process id of the broker", NULL,
         &broker, NULL},
        {"count", 'n', "数", "N", "消息条数", "how many messages", NULL, &count, NULL},
        {"window", 'w', "数", "N", "未确认的最多条数", "unconfirmed at most", NULL, &window, NULL},
    };
    const struct options_spec spec = {
        .program = rival.name,
        .usage_zh = "--do 动作 --port 端口 [选项]",
        .usage_en = "--do WHAT --port PORT [options]",
        .about_zh = "以同样的工作驱动另一种消息服务。由 ./run bench --rivals 运行。",
        .about_en = "The same work over another broker. Run by ./run bench --rivals.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, what != NULL, "--do");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    harness.port = (int)number_of(port, 65535);
    harness.count = number_of(count, COUNT_MAX);
    harness.window = number_of(window, WINDOW_MAX);
    pid_t pid = (pid_t)number_of(broker, 1ul << 30);
    bool measured = strcmp(what, "ping") != 0 && strcmp(what, "setup") != 0;
    if (harness.port == 0 || harness.count == 0 || harness.window == 0 || (measured && pid == 0))
        return options_exit_code(
            options_wrong(&spec, T("--port、--count、--window、--broker 应为正整数",
                                   "--port, --count, --window and --broker are numbers from 1")));
    harness_init(&harness);
    act(&harness, what, pid);
    return 0;
}
