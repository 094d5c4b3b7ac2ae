/* backlog: leads wait for six units that are not there, and later go out to them.
 *
 *     leadbus-bench-backlog --send N     the sender alone, 256 in flight; returns when all are
 * receipted leadbus-bench-backlog --drain N    the six units alone; returns when each has all N
 *
 * Two calls, because between them the broker may have been killed. What each did is a line of JSON;
 * tests/bench/backlog.py puts them together. */
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/bench/ends.h"
#include "tests/bench/measure.h"

enum { WINDOW = 256, LEAD_COUNT_MAX = 10000000, STALLED_S = 120 };

static double seconds_since(uint64_t start_ns)
{
    return (double)(measure_now_ns() - start_ns) / 1e9;
}

static void send_all(struct ends *ends, size_t count)
{
    struct ends_sender *sender = ends_sender_open(ends);
    uint64_t start_ns = measure_now_ns();
    ends_send(sender, WINDOW);
    double spent_s = seconds_since(start_ns);
    ends_sender_close(sender);
    uint64_t *receipt = calloc(count, sizeof *receipt);
    CHECK(receipt != NULL);
    for (size_t i = 0; i < count; i++)
        receipt[i] = *ends_receipted_ns(ends, i) - *ends_submitted_ns(ends, i);
    printf("{\"leads\":%zu,\"seconds\":%.3f,\"receipt_p50_us\":%.0f,\"receipt_p99_us\":%.0f}\n",
           count, spent_s, measure_percentile_us(receipt, count, 0.5),
           measure_percentile_us(receipt, count, 0.99));
    free(receipt);
}

/* Ends the program when nothing came for STALLED_S. */
static double drain_all(struct ends *ends, size_t count)
{
    pid_t receivers = ends_receivers_start(ends, ENDS_TURN_EQUAL);
    bool waiting = true;
    while (waiting && atomic_load(&ends->shared->ready) == 0)
        waiting = ends_receivers_wait(ends, STALLED_S * 1000);
    uint64_t start_ns = measure_now_ns();
    while (waiting && ends_received(ends) < ENDS_RECEIVERS * (uint64_t)count)
        waiting = ends_receivers_wait(ends, STALLED_S * 1000);
    if (!waiting) {
        (void)fprintf(stderr, "bench: nothing came for %d s\n", STALLED_S);
        exit(1);
    }
    double spent_s = seconds_since(start_ns);
    ends_receivers_stop(ends, receivers);
    return spent_s;
}

static void print_drained(const struct ends *ends, size_t count, double spent_s)
{
    printf("{\"leads\":%zu,\"seconds\":%.3f,\"deliveries\":%llu,\"twice\":%llu}\n", count, spent_s,
           (unsigned long long)ends_received(ends), (unsigned long long)ends_taken_twice(ends));
}

static size_t count_of(const char *text)
{
    char *end;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    return text && !*end && value <= LEAD_COUNT_MAX ? (size_t)value : 0;
}

int main(int argc, char **argv)
{
    struct ends ends = ENDS_USUAL;
    const char *send_text = NULL, *drain_text = NULL;
    const struct options_row rows[] = {
        {"folder", 'd', "目录", "FOLDER", "密钥、信任根与方案包所在", "keyrings, root and bundle",
         NULL, &ends.folder, NULL},
        {"endpoint", 'e', "地址", "ENDPOINT", "总线服务地址", "where the broker listens", NULL,
         &ends.endpoint, NULL},
        {"send", 's', "数", "N", "发送 N 条，等到全部回执", "send N leads, until all are receipted",
         NULL, &send_text, NULL},
        {"drain", 'r', "数", "N", "六个单位各收 N 条", "let the six units take N leads each", NULL,
         &drain_text, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench-backlog",
        .usage_zh = "-d 目录 -e 地址 --send N | --drain N",
        .usage_en = "-d FOLDER -e ENDPOINT --send N | --drain N",
        .about_zh = "为不在线的六个单位积压线索，再由其取走。通常由 ./run bench backlog 运行。",
        .about_en = "Leads wait for six units that are off line, and go out to them. Usually run "
                    "by ./run bench backlog.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, ends.folder != NULL, "--folder");
    if (code == 0) code = options_need(&spec, ends.endpoint != NULL, "--endpoint");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    size_t send_count = count_of(send_text), drain_count = count_of(drain_text);
    if ((send_count == 0) == (drain_count == 0))
        return options_exit_code(
            options_wrong(&spec, T("--send 与 --drain 须取其一，数目为 1 至 10000000",
                                   "one of --send and --drain, a number of 1..10000000")));
    if (sodium_init() < 0) return 1;
    ends_start(&ends, send_count ? send_count : drain_count);
    if (send_count)
        send_all(&ends, send_count);
    else
        print_drained(&ends, drain_count, drain_all(&ends, drain_count));
    bool twice = ends_taken_twice(&ends) > 0;
    ends_finish(&ends);
    return twice ? 1 : 0;
}
