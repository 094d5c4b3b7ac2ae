/* The simulator's program: ./run sim. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/sim/memo.h"
#include "tests/sim/town.h"

enum { DEFAULT_MINUTES = 10, SECONDS_MAX = 1000000 };

struct program {
    uint64_t seed, minutes, units, seeds, leads;
    bool json, calm, loud, terminal, cells;
    const char *name;
    char again[128]; /* the options that make a seed's run */
    int folder;      /* where it was started */
    uint64_t said_ms;
};

/* A failed CHECK ends the process: its seed must be said all the same. */
static char last_words[256];

static void on_abort(int number)
{
    (void)number;
    ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
    (void)written;
}

static void set_last_words(const struct program *program, uint64_t seed)
{
    (void)snprintf(last_words, sizeof last_words,
                   "seed %" PRIu64 ": a CHECK failed; again: %s --seed %" PRIu64 "%s\n", seed,
                   program->name, seed, program->again);
}

static void progress(void *ctx, uint64_t now_ms, const struct town *town)
{
    struct program *program = ctx;
    if (!program->terminal || now_ms < program->said_ms + 10000) return;
    program->said_ms = now_ms;
    const struct history_lists *lists = history_lists(town->history);
    (void)fprintf(stderr,
                  T("\r种子 %" PRIu64 "：第 %" PRIu64 " 分 %02" PRIu64
                    " 秒，发出 %zu 件，回执 %zu 件，"
                    "总线重启 %" PRIu64 " 次 ",
                    "\rseed %" PRIu64 ": %" PRIu64 ":%02" PRIu64 ", %zu sent, %zu receipted, "
                    "bus down %" PRIu64 " times "),
                  town->options.seed, now_ms / 60000, now_ms / 1000 % 60, lists->submitted_count,
                  lists->receipt_count, town->counts.crashes);
}

static void report(const struct program *program, const struct town *town)
{
    const struct history_lists *lists = history_lists(town->history);
    const struct history_failure *failure = history_failure(town->history);
    struct wire_counts wire = wire_counts();
    uint8_t digest[32];
    char hex[65];
    history_digest(town->history, digest);
    hex_encode(bytes_of(digest, 32), hex);
    if (program->terminal) (void)fprintf(stderr, "\r%*s\r", 78, "");
    if (program->json) {
        printf("{\"seed\":%" PRIu64 ",\"minutes\":%" PRIu64
               ",\"units\":%zu,\"submitted\":%zu,\"receipts\":%zu,\"records\":%zu,"
               "\"envelopes\":%zu,\"ticks\":%zu,\"deliveries\":%" PRIu64 ",\"refusals\":%" PRIu64
               ",\"frames\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
               ",\"overtook\":%" PRIu64 ",\"bus_crashes\":%" PRIu64 ",\"bus_power_cuts\":%" PRIu64
               ",\"unit_crashes\":%" PRIu64 ",\"unit_power_cuts\":%" PRIu64
               ",\"disk_faults\":%" PRIu64 ",\"partitions\":%" PRIu64 ",\"clock_jumps\":%" PRIu64
               ",\"bundles\":%" PRIu64 ",\"revocations\":%" PRIu64 ",\"lost_disks\":%" PRIu64
               ",\"kinds\":%zu,\"crash_points\":%" PRIu64 ",\"drain_ms\":%" PRIu64
               ",\"digest\":\"%s\",\"checker\":\"%s\",",
               town->options.seed, town->options.minutes, town->unit_count, lists->submitted_count,
               lists->receipt_count, town->records, town->envelopes, town->ticks, lists->deliveries,
               lists->refusals, wire.frames, wire.lost, wire.doubled, wire.overtook,
               town->counts.crashes, town->counts.power_cuts, town->counts.unit_crashes,
               town->counts.unit_power_cuts, town->counts.disk_faults, town->counts.partitions,
               town->counts.jumps, town->counts.bundles, town->counts.revocations,
               town->counts.lost_disks, cover_kinds(town->cover), cover_crashes(town->cover),
               town->drain_ms, hex, failure->failed ? failure->checker : "");
        cover_print(town->cover, stdout);
        printf("}\n");
        (void)fflush(stdout);
    } else {
        printf(T("种子 %" PRIu64
                 "：%zu 个单位发出 %zu 件，回执 %zu 件，日志 %zu 条；总线停 %" PRIu64
                 " 次，单位停 %" PRIu64 " 次，断网 %" PRIu64 " 次；摘要 %.16s\n",
                 "seed %" PRIu64
                 ": %zu units sent %zu, %zu receipted, %zu records; the bus was down %" PRIu64
                 " times, units %" PRIu64 ", cut off %" PRIu64 "; digest %.16s\n"),
               town->options.seed, town->unit_count, lists->submitted_count, lists->receipt_count,
               town->records, town->counts.crashes, town->counts.unit_crashes,
               town->counts.partitions, hex);
        (void)fflush(stdout);
    }
    if (!failure->failed) return;
    (void)fprintf(stderr,
                  T("种子 %" PRIu64 " 在第 %" PRIu64 " 毫秒（第 %" PRIu64
                    " 步）出错。检查项 %s：%s\n重现：%s --seed %" PRIu64 "%s\n",
                    "seed %" PRIu64 " failed at %" PRIu64 " ms (step %" PRIu64
                    "). Checker %s: %s\nagain: %s --seed %" PRIu64 "%s\n"),
                  town->options.seed, failure->at_ms, failure->step, failure->checker,
                  failure->what, program->name, town->options.seed, program->again);
}

static bool run(struct program *program, uint64_t seed)
{
    char folder[] = "/tmp/leadbus-sim.XXXXXX";
    char removal[64];
    CHECK(mkdtemp(folder) != NULL);
    CHECK(chdir(folder) == 0);
    set_last_words(program, seed);
    const struct town_options options = {.seed = seed,
                                         .minutes = program->minutes,
                                         .unit_count = (size_t)program->units,
                                         .lead_count = (size_t)program->leads,
                                         .calm = program->calm,
                                         .loud = program->loud,
                                         .progress = progress,
                                         .ctx = program};
    program->said_ms = 0;
    struct town *town = town_new(&options);
    town_run(town);
    report(program, town);
    bool good = !history_failed(town->history);
    town_free(town);
    CHECK(chdir("/") == 0);
    (void)snprintf(removal, sizeof removal, "rm -rf %s", folder);
    CHECK(system(removal) == 0);
    return good;
}

/* Each seed in a process of its own: whatever one leaves behind, the next begins with nothing. */
static bool run_apart(struct program *program, uint64_t seed)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) exit(run(program, seed) ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool number_of(const char *text, uint64_t *ret)
{
    char *end;
    if (!text || !*text || *text == '-') return false;
    *ret = strtoull(text, &end, 10);
    return !*end;
}

int main(int argc, char **argv)
{
    struct program program = {.minutes = DEFAULT_MINUTES, .seeds = 1, .name = "./run sim"};
    const char *seed = NULL, *minutes = NULL, *units = NULL, *seeds = NULL, *leads = NULL;
    const struct options_row rows[] = {
        {"seed", 's', "数", "N", "用这个种子（默认取自时钟）", "this seed (one from the clock)",
         NULL, &seed, NULL},
        {"seeds", 'n', "数", "N", "从该种子起连续运行这么多个（默认 1）",
         "so many seeds from that one on (1)", NULL, &seeds, NULL},
        {"minutes", 'm', "数", "N", "模拟的分钟数（默认 10）", "simulated minutes (10)", NULL,
         &minutes, NULL},
        {"units", 'u', "数", "N", "只运行方案中的前 N 个单位（默认全部）",
         "only the first N units of the plan (all)", NULL, &units, NULL},
        {"leads", 'l', "数", "N", "发出这么多件、出过三类故障就结束（至多十倍分钟数）",
         "end once so many leads were sent and three kinds of fault have happened (after ten times "
         "the minutes at the latest)",
         NULL, &leads, NULL},
        {"calm", 0, NULL, NULL, "不出任何故障", "nothing is broken", &program.calm, NULL, NULL},
        {"loud", 0, NULL, NULL, "在标准错误上逐件说明发生了什么", "say on stderr what happens",
         &program.loud, NULL, NULL},
        {"json", 'j', NULL, NULL, "每个种子输出一行 JSON", "a line of JSON for each seed",
         &program.json, NULL, NULL},
        {"cells", 0, NULL, NULL, "只输出故障与状态对照表的定义（JSON）",
         "only say what the table of faults and states has (JSON)", &program.cells, NULL, NULL},
    };
    const struct options_spec spec = {
        "./run sim",
        "[选项]",
        "[OPTIONS]",
        "总线与各单位的真实程序，在模拟的网络、磁盘和时钟上运行：丢失、重复、乱序、断网、断电、写错"
        "、\n"
        "时钟跳变、重启。最后核对所承诺的一切。同一种子、同一版本，过程完全相同。有错时退出码为 "
        "1。",
        "The real programs of the bus and of the units over a simulated network, disks and clocks: "
        "loss,\n"
        "doubles, disorder, partitions, power cuts, write errors, jumps, restarts. In the end "
        "everything\n"
        "that was promised is checked. A seed and a version reproduce a run exactly. Exit code 1: "
        "found.",
        rows,
        sizeof rows / sizeof *rows,
    };
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == OPTIONS_DONE) return 0;
    if (!code) code = options_count(&spec, argc, argv, first, 0, 0);
    program.seed = (uint64_t)time(NULL);
    bool good = (!seed || number_of(seed, &program.seed)) &&
                (!minutes || number_of(minutes, &program.minutes)) &&
                (!units || number_of(units, &program.units)) &&
                (!seeds || number_of(seeds, &program.seeds)) &&
                (!leads || number_of(leads, &program.leads));
    if (!code && !good)
        code = options_wrong(&spec, T("--seed、--seeds、--minutes、--units、--leads 应为整数",
                                      "--seed, --seeds, --minutes, --units and --leads are whole "
                                      "numbers"));
    if (code) return options_exit_code(code);
    if (program.cells) {
        cover_print_names(stdout);
        return 0;
    }
    (void)snprintf(program.again, sizeof program.again,
                   " --minutes %" PRIu64 " --units %" PRIu64 " --leads %" PRIu64 "%s",
                   program.minutes, program.units, program.leads, program.calm ? " --calm" : "");
    program.terminal = isatty(STDERR_FILENO) && !program.loud;
    CHECK(signal(SIGABRT, on_abort) != SIG_ERR);
    bool all = true;
    memo_warm();
    for (uint64_t i = 0; i < program.seeds; i++) all = run_apart(&program, program.seed + i) && all;
    return all ? 0 : 1;
}
