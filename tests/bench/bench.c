/* bench: what a lead costs with everything on, beside what the machine allows, in one run.
 *
 * One sender and six receivers, each a whole unit (keyring, store, CURVE connection), and a real
 * broker, all on this machine: every lead is sealed, signed, verified by the broker and by all six,
 * durable in the sender's outbox, the journal and six inboxes. The limits beside it (fdatasync,
 * sign, verify) are measured in the same run: compare ratios, not seconds of another day. */
#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/bench/ends.h"
#include "tests/bench/measure.h"

struct figures {
    double leads_per_s, deliveries_per_s;
    double receipt_p50_us, receipt_p99_us, delivery_p50_us, delivery_p99_us;
    double broker_cpu_us_per_lead, broker_rss_mib;
    uint64_t twice;
};

/* The receivers are waited for until they have it all. */
static void wait_delivered(const struct ends *ends, struct ends_sender *sender)
{
    uint64_t deadline = measure_now_ns() + ENDS_DEADLINE_S * 1000000000ull;
    while (ends_received(ends) < ENDS_RECEIVERS * ends->shared->lead_count) {
        ends_sender_wait(sender, 5);
        if (measure_now_ns() > deadline) {
            (void)fprintf(stderr, "bench: a lead was not delivered in time\n");
            exit(1);
        }
    }
}

/* A lead counts when it is receipted and in all six inboxes. */
static void figures_of_times(const struct ends *ends, struct figures *figures)
{
    size_t count = ends->shared->lead_count;
    uint64_t first = *ends_submitted_ns(ends, 0), last_receipt = 0, last_delivery = 0;
    uint64_t *receipt = calloc(count, sizeof *receipt);
    uint64_t *delivery = calloc(count * ENDS_RECEIVERS, sizeof *delivery);
    CHECK(receipt && delivery);
    for (size_t i = 0; i < count; i++) {
        uint64_t submitted = *ends_submitted_ns(ends, i), receipted = *ends_receipted_ns(ends, i);
        receipt[i] = receipted - submitted;
        if (receipted > last_receipt) last_receipt = receipted;
        for (size_t k = 0; k < ENDS_RECEIVERS; k++) {
            uint64_t delivered = *ends_delivered_ns(ends, k, i);
            delivery[i * ENDS_RECEIVERS + k] = delivered - submitted;
            if (delivered > last_delivery) last_delivery = delivered;
        }
    }
    uint64_t last = last_delivery > last_receipt ? last_delivery : last_receipt;
    figures->leads_per_s = (double)count / ((double)(last - first) / 1e9);
    figures->deliveries_per_s =
        (double)(count * ENDS_RECEIVERS) / ((double)(last_delivery - first) / 1e9);
    figures->receipt_p50_us = measure_percentile_us(receipt, count, 0.5);
    figures->receipt_p99_us = measure_percentile_us(receipt, count, 0.99);
    figures->delivery_p50_us = measure_percentile_us(delivery, count * ENDS_RECEIVERS, 0.5);
    figures->delivery_p99_us = measure_percentile_us(delivery, count * ENDS_RECEIVERS, 0.99);
    free(receipt);
    free(delivery);
}

static struct figures run(struct ends *ends, size_t lead_count, size_t window, enum ends_turn turn,
                          pid_t broker)
{
    struct figures figures = {0};
    ends_start(ends, lead_count);
    pid_t receivers = ends_receivers_start(ends, turn);
    struct ends_sender *sender = ends_sender_open(ends);
    while (atomic_load(&ends->shared->ready) < ENDS_RECEIVERS) {
        ends_sender_wait(sender, 20);
        ends_receivers_check(receivers);
    }
    double cpu_before_s = measure_process_cpu_s(broker);
    ends_send(sender, window);
    wait_delivered(ends, sender);
    double cpu_s = measure_process_cpu_s(broker) - cpu_before_s;
    figures.broker_cpu_us_per_lead = cpu_s * 1e6 / (double)lead_count;
    figures.broker_rss_mib = measure_process_rss_mib(broker);
    ends_receivers_stop(ends, receivers);
    ends_sender_close(sender);
    figures_of_times(ends, &figures);
    figures.twice = ends_taken_twice(ends);
    ends_finish(ends);
    return figures;
}

/* What one needs to know to compare with another run. */
struct setting {
    size_t leads_one, leads_many;
    double idle_rss_mib;
};

/* At window 1 with each turn, and at window 256. */
struct results {
    struct figures one, equal, many;
};

static void print_json(const struct measure_limits *limits, const struct results *results,
                       const struct setting *setting)
{
    const struct figures *one = &results->one, *equal = &results->equal, *many = &results->many;
    char cpu[128], when[32];
    time_t now = time(NULL);
    struct tm utc;
    measure_cpu_model(cpu);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    printf("{\n"
           "  \"schema\": 1, \"version\": \"%s\", \"time\": \"%s\",\n"
           "  \"cpu\": \"%s\", \"cores\": %ld,\n"
           "  \"recipients\": %d, \"body_bytes\": %d, \"leads_count\": %zu, "
           "\"leads_window_1_count\": %zu,\n",
           LEADBUS_VERSION, when, cpu, sysconf(_SC_NPROCESSORS_ONLN), ENDS_RECEIVERS, ENDS_BODY_LEN,
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

static void print_text(const struct measure_limits *limits, const struct results *results,
                       const struct setting *setting)
{
    const struct figures *one = &results->one, *equal = &results->equal, *many = &results->many;
    printf(T("%d 个接收单位，正文 %d 字节；封装、签名、核验、各端落盘全部开启\n\n",
             "%d recipients, %d byte body; sealed, signed, verified and durable at every "
             "end\n\n"),
           ENDS_RECEIVERS, ENDS_BODY_LEN);
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
    struct ends ends = ENDS_USUAL;
    const struct options_row rows[] = {
        {"folder", 'd', "目录", "FOLDER", "密钥、信任根与方案包所在", "keyrings, root and bundle",
         NULL, &ends.folder, NULL},
        {"endpoint", 'e', "地址", "ENDPOINT", "总线服务地址", "where the broker listens", NULL,
         &ends.endpoint, NULL},
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
    if (code == 0) code = options_need(&spec, ends.folder != NULL, "--folder");
    if (code == 0) code = options_need(&spec, ends.endpoint != NULL, "--endpoint");
    if (code == 0) code = options_need(&spec, pid_text != NULL, "--broker");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    pid_t broker = (pid_t)strtol(pid_text, NULL, 10);
    size_t count_one = strtoul(one_text, NULL, 10), count_many = strtoul(many_text, NULL, 10);
    if (broker <= 0 || count_one == 0 || count_many == 0)
        return options_exit_code(
            options_wrong(&spec, T("--broker、--one、--many 应为正整数",
                                   "--broker, --one and --many take numbers from 1")));
    if (sodium_init() < 0) return 1;
    struct setting setting = {count_one, count_many, measure_process_rss_mib(broker)};
    struct measure_limits limits = measure_limits(ends.folder, ENDS_BODY_LEN);
    struct results results;
    results.one = run(&ends, count_one, 1, ENDS_TURN_YIELD, broker);
    results.equal = run(&ends, count_one, 1, ENDS_TURN_EQUAL, broker);
    results.many = run(&ends, count_many, 256, ENDS_TURN_EQUAL, broker);
    (json ? print_json : print_text)(&limits, &results, &setting);
    return results.one.twice + results.equal.twice + results.many.twice ? 1 : 0;
}
