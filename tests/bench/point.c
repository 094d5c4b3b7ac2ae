/* point: one load, with as many units, recipients and bytes as it is told, as a line of JSON: a
 * point of a curve (tests/bench/curves.py), or the load under which stages are counted (stages.py).
 *
 *     leadbus-bench-point -d FOLDER -e ENDPOINT -p PID --receivers N --recipients N --body BYTES
 *                         --leads N
 *
 * 256 leads in flight; all units share the machine alike. Each lead is sealed for all recipients,
 * and is done when it is receipted and in every inbox. The receivers that are no recipients are
 * connected and get nothing. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "proto/base/check.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/bench/ends.h"
#include "tests/bench/measure.h"

enum { WINDOW = 256, LEAD_COUNT_MAX = 1000000, STALLED_MS = 120000 };

struct figures {
    double leads_per_s, receipt_p50_us, delivery_p50_us;
    double broker_cpu_us, recipient_cpu_us; /* a lead; a delivery */
    double rss_connected_mib, rss_loaded_mib;
};

/* A store, its log and a connection with its thread for every unit. */
static void make_room(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* The sender is served meanwhile: what comes for it is read, and its connection is kept. */
static void wait_until(struct ends *ends, struct ends_sender *sender, uint64_t deliveries)
{
    uint64_t seen = 0, progress_ns = measure_now_ns();
    for (;;) {
        size_t ready = (size_t)atomic_load(&ends->shared->ready);
        uint64_t have = ready + ends_received(ends);
        if (ready == ends->receivers && ends_received(ends) >= deliveries) return;
        if (have != seen) progress_ns = measure_now_ns();
        seen = have;
        if (measure_now_ns() - progress_ns > STALLED_MS * 1000000ull) {
            (void)fprintf(stderr, "bench: nothing came for %d s: %zu units, %" PRIu64 " leads\n",
                          STALLED_MS / 1000, ready, ends_received(ends));
            exit(1);
        }
        (void)ends_receivers_wait(ends, 100);
        ends_sender_wait(sender, 0);
    }
}

static void figures_of_times(const struct ends *ends, struct figures *figures)
{
    size_t count = ends->shared->lead_count;
    uint64_t first = *ends_submitted_ns(ends, 0), last = 0;
    uint64_t *receipt = calloc(count, sizeof *receipt);
    uint64_t *delivery = calloc(count * ends->recipients, sizeof *delivery);
    CHECK(receipt && delivery);
    for (size_t i = 0; i < count; i++) {
        uint64_t submitted = *ends_submitted_ns(ends, i), at = *ends_receipted_ns(ends, i);
        receipt[i] = at - submitted;
        if (at > last) last = at;
        for (size_t k = 0; k < ends->recipients; k++) {
            at = *ends_delivered_ns(ends, k, i);
            delivery[i * ends->recipients + k] = at - submitted;
            if (at > last) last = at;
        }
    }
    figures->leads_per_s = (double)count / ((double)(last - first) / 1e9);
    figures->receipt_p50_us = measure_percentile_us(receipt, count, 0.5);
    figures->delivery_p50_us = measure_percentile_us(delivery, count * ends->recipients, 0.5);
    free(receipt);
    free(delivery);
}

/* Everybody is connected: whoever counts looks now, and says when it has. */
static void hold_on(void)
{
    CHECK(printf("ready\n") > 0 && fflush(stdout) == 0);
    CHECK(getchar() == '\n');
}

static struct figures run(struct ends *ends, size_t lead_count, pid_t broker, bool hold)
{
    struct figures figures = {0};
    uint64_t deliveries = (uint64_t)lead_count * ends->recipients;
    ends_start(ends, lead_count);
    pid_t receivers = ends_receivers_start(ends, ENDS_TURN_EQUAL);
    struct ends_sender *sender = ends_sender_open(ends);
    wait_until(ends, sender, 0);
    if (hold) hold_on();
    figures.rss_connected_mib = measure_process_rss_mib(broker);
    double broker_s = measure_process_cpu_s(broker), receivers_s = measure_process_cpu_s(receivers);
    ends_send(sender, WINDOW);
    wait_until(ends, sender, deliveries);
    broker_s = measure_process_cpu_s(broker) - broker_s;
    receivers_s = measure_process_cpu_s(receivers) - receivers_s;
    figures.broker_cpu_us = broker_s * 1e6 / (double)lead_count;
    figures.recipient_cpu_us = receivers_s * 1e6 / (double)deliveries;
    figures.rss_loaded_mib = measure_process_rss_mib(broker);
    ends_receivers_stop(ends, receivers);
    ends_sender_close(sender);
    figures_of_times(ends, &figures);
    return figures;
}

static void print(const struct ends *ends, const struct figures *figures)
{
    printf("{\"receivers\":%zu,\"recipients\":%zu,\"body_bytes\":%zu,\"leads\":%zu,"
           "\"deliveries\":%" PRIu64 ",\"twice\":%" PRIu64 ",\"leads_per_s\":%.1f,"
           "\"receipt_p50_us\":%.0f,\"delivery_p50_us\":%.0f,",
           ends->receivers, ends->recipients, ends->body_len, ends->shared->lead_count,
           ends_received(ends), ends_taken_twice(ends), figures->leads_per_s,
           figures->receipt_p50_us, figures->delivery_p50_us);
    printf("\"broker_cpu_us\":%.1f,\"recipient_cpu_us\":%.1f,\"broker_rss_connected_mib\":%.2f,"
           "\"broker_rss_loaded_mib\":%.2f}\n",
           figures->broker_cpu_us, figures->recipient_cpu_us, figures->rss_connected_mib,
           figures->rss_loaded_mib);
}

/* 1..most; 0: it is not that. */
static size_t count_of(const char *text, size_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    return *end || value > most ? 0 : (size_t)value;
}

int main(int argc, char **argv)
{
    const char *broker_text = "0", *receivers_text = "6", *recipients_text = "6",
               *body_text = "1536", *leads_text = "1000";
    bool hold = false;
    struct ends ends = ENDS_USUAL;
    const struct options_row rows[] = {
        {"folder", 'd', "目录", "FOLDER", "密钥、信任根与方案包所在", "keyrings, root and bundle",
         NULL, &ends.folder, NULL},
        {"endpoint", 'e', "地址", "ENDPOINT", "总线服务地址", "where the broker listens", NULL,
         &ends.endpoint, NULL},
        {"broker", 'p', "进程号", "PID", "总线服务的进程号", "process id of the broker", NULL,
         &broker_text, NULL},
        {"receivers", 'u', "数", "N", "连接总线的接收单位数（默认 6）",
         "receiving units that are connected (6)", NULL, &receivers_text, NULL},
        {"recipients", 'r', "数", "N", "每条线索的接收单位数（默认 6）",
         "of these, recipients of each lead (6)", NULL, &recipients_text, NULL},
        {"body", 'b', "字节", "BYTES", "正文长度（默认 1536）", "length of the body (1536)", NULL,
         &body_text, NULL},
        {"hold", 'w', NULL, NULL, "全部连接后输出 ready，读到换行再发送",
         "say ready when all are connected, send after a newline", &hold, NULL, NULL},
        {"leads", 'n', "数", "N", "线索条数（默认 1000）", "leads (1000)", NULL, &leads_text, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench-point",
        .usage_zh = "-d 目录 -e 地址 -p 进程号 [选项]",
        .usage_en = "-d FOLDER -e ENDPOINT -p PID [options]",
        .about_zh = "一次负载，作为曲线上的一点。通常由 ./run bench curves 或 stages 运行。",
        .about_en = "One load, as a point of a curve. Usually run by ./run bench curves or stages.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, ends.folder != NULL, "--folder");
    if (code == 0) code = options_need(&spec, ends.endpoint != NULL, "--endpoint");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    pid_t broker = (pid_t)count_of(broker_text, 1u << 30);
    size_t lead_count = count_of(leads_text, LEAD_COUNT_MAX);
    ends.receivers = count_of(receivers_text, ENDS_RECEIVERS_MAX);
    ends.recipients = count_of(recipients_text, ENDS_RECIPIENTS_MAX);
    ends.body_len = count_of(body_text, ENDS_BODY_LEN_MAX);
    if (broker == 0 || lead_count == 0 || ends.receivers == 0 || ends.recipients == 0 ||
        ends.body_len == 0 || ends.recipients > ends.receivers)
        return options_exit_code(options_wrong(
            &spec,
            T("--broker、--receivers（至 511）、--recipients（至 64，不多于 receivers）、"
              "--body（至 131072）、--leads（至 1000000）应为正整数",
              "--broker, --receivers (to 511), --recipients (to 64, no more than receivers), "
              "--body (to 131072) and --leads (to 1000000) are numbers from 1")));
    if (sodium_init() < 0) return 1;
    make_room();
    struct figures figures = run(&ends, lead_count, broker, hold);
    print(&ends, &figures);
    bool twice = ends_taken_twice(&ends) > 0;
    ends_finish(&ends);
    return twice ? 1 : 0;
}
