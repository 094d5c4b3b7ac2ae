/* acts: what an act costs the core when there are very many threads. One owner thread, on this
 * machine, in time of the processor.
 *
 *     leadbus-bench-acts [--json] [--threads N] [--acts N]
 *
 * Threads are opened by one lead each, a thousand in a second, with a unit that must sign and one
 * that has a copy; acts sign for threads drawn at random, then accept; then time goes on and terms
 * run out. Counted of an act is all that the core does from a decoded envelope to the effects:
 * core_admit, which writes the record, and core_apply. Not counted is what others do before and
 * after it: decoding, hashes and the signature (the verify pool), the tree and the disk (the
 * writer). Of a lead it is folding from bytes, as at start. Of a term, the ticks that name those
 * that ran out, by their number. Memory is what the process grew by over the leads, and what was
 * allocated meanwhile: with few threads the process need not grow. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "broker/core/core.h"
#include "proto/base/check.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "tests/lib/district.h"

enum { BATCH = 512, COUNT_MAX = 10000000 };

static struct {
    struct district *district;
    struct core *core;
    uint64_t seqs[2]; /* of the sender of leads, of the unit that acts */
    uint64_t random;
} bench;

/* Of the processor: others on the machine do not count. */
static uint64_t now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t peak_kib(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)usage.ru_maxrss;
}

/* Given out by the allocator, large arrays with what they may still grow by. */
static uint64_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static uint64_t drawn(uint64_t below) /* splitmix64 */
{
    uint64_t z = (bench.random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static ProtobufCBinaryData data_of(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

/* The id of a message of a thread: which one in the last byte. */
static void id_of(uint64_t thread, uint8_t which, uint8_t ret_id[16])
{
    memset(ret_id, 0, 16);
    for (int i = 0; i < 8; i++) ret_id[i] = (uint8_t)(thread >> (56 - 8 * i));
    ret_id[15] = which;
}

static void check_admitted(int code, const struct core_verdict *verdict)
{
    if (code != 0)
        (void)fprintf(stderr, "bench: %s %s %s\n", error_name(code), verdict->error.field,
                      verdict->error.detail);
    CHECK(code == 0);
}

static void put(const struct core_request *request, struct trust_bundle *bundle)
{
    struct core_verdict verdict;
    struct error error = {0};
    struct buf record = {0};
    check_admitted(core_admit(bench.core, request, &record, &verdict), &verdict);
    CHECK(core_apply(bench.core, core_size(bench.core), buf_bytes(&record), bundle, NULL, &error) ==
          0);
    buf_fini(&record);
}

static void begin(void)
{
    static const uint8_t hash_key[16] = {1};
    bench.district = district_new();
    bench.core = core_new(hash_key);
    struct core_request genesis = {.type = CORE_GENESIS, .now_ms = bench.district->now_ms};
    genesis.genesis.origin = DISTRICT_ORIGIN;
    genesis.genesis.bus = DISTRICT_BUS;
    genesis.genesis.root = bench.district->root.hash;
    put(&genesis, NULL);
    struct trust_bundle *opened = district_bundle_open(bench.district, 1);
    struct core_request bundle = {.type = CORE_BUNDLE, .now_ms = bench.district->now_ms};
    bundle.bundle = opened;
    put(&bundle, opened);
}

/* A sealed message made another one: its header anew, the rest as it was. The core looks at no
 * ciphertext and no signature. */
static void header_of(const struct district_letter *like, uint64_t thread, uint8_t which,
                      uint64_t seq, struct buf *ret_header)
{
    Leadbus__Header head = *like->envelope.head;
    uint8_t id[16], opened[16];
    id_of(thread, which, id);
    id_of(thread, 0, opened);
    head.id = data_of(id, 16);
    head.thread = data_of(opened, 16);
    head.parent = data_of(opened, which ? 16 : 0);
    head.seq = seq;
    head.thread_index = which ? core_size(bench.core) : 0;
    buf_reset(ret_header);
    message_encode(&head.base, ret_header);
}

static void open_threads(const struct district_letter *lead, uint64_t count)
{
    struct buf header = {0}, bytes = {0};
    struct error error = {0};
    ProtobufCBinaryData commits[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Accepted accepted = LEADBUS__ACCEPTED__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    for (size_t i = 0; i < lead->envelope.section_count; i++)
        commits[i] = data_of(lead->envelope.commits[i].data, lead->envelope.commits[i].len);
    accepted.wraps = data_of(lead->envelope.wraps.data, lead->envelope.wraps.len);
    accepted.n_commits = lead->envelope.section_count;
    accepted.commits = commits;
    accepted.manifest = data_of(lead->envelope.manifest.data, lead->envelope.manifest.len);
    accepted.signature = data_of(lead->envelope.signature.data, lead->envelope.signature.len);
    record.rules = RECORD_RULES_VERSION;
    record.what_case = LEADBUS__RECORD__WHAT_ACCEPTED;
    record.accepted = &accepted;
    for (uint64_t thread = 0; thread < count; thread++) {
        header_of(lead, thread, 0, ++bench.seqs[0], &header);
        accepted.header = data_of(header.data, header.len);
        record.time_ms = ++bench.district->now_ms;
        buf_reset(&bytes);
        CHECK(record_encode(&record, &bytes, &error) == 0);
        CHECK(core_apply(bench.core, core_size(bench.core), buf_bytes(&bytes), NULL, NULL,
                         &error) == 0);
    }
    buf_fini(&header);
    buf_fini(&bytes);
}

/* One batch: made ready, then timed. Returns ns. */
static uint64_t act_batch(const struct district_letter *like, uint8_t which,
                          const uint64_t *threads, size_t count)
{
    static struct buf headers[BATCH], records[BATCH];
    static struct envelope envelopes[BATCH];
    struct core_effects effects = {0};
    struct arena arena;
    struct error error = {0};
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    const struct envelope *from = &like->envelope;
    const struct district_unit *unit = &bench.district->units[like->from];
    arena_init(&arena, (size_t)64 << 20);
    for (size_t i = 0; i < from->section_count; i++) commits[i] = from->commits[i];
    for (size_t i = 0; i < count; i++) {
        header_of(like, threads[i], which, ++bench.seqs[1], &headers[i]);
        CHECK(envelope_from_record(buf_bytes(&headers[i]), from->wraps, commits,
                                   from->section_count, from->manifest, from->signature, &arena,
                                   &envelopes[i], &error) == 0);
        buf_reset(&records[i]);
    }
    uint64_t start_ns = now_ns();
    for (size_t i = 0; i < count; i++) {
        struct core_verdict verdict;
        struct core_request request = {.type = CORE_SUBMIT, .now_ms = bench.district->now_ms};
        request.conn_serial = unit->serial;
        request.envelope = &envelopes[i];
        request.signature_checked = true;
        memcpy(request.checked_key, unit->identity, sizeof request.checked_key);
        check_admitted(core_admit(bench.core, &request, &records[i], &verdict), &verdict);
        CHECK(core_apply(bench.core, core_size(bench.core), buf_bytes(&records[i]), NULL, &effects,
                         &error) == 0);
    }
    uint64_t spent_ns = now_ns() - start_ns;
    core_effects_fini(&effects);
    arena_fini(&arena);
    return spent_ns;
}

static uint64_t missed_in(struct bytes bytes)
{
    struct arena arena;
    const Leadbus__Record *record;
    struct error error;
    arena_init(&arena, (size_t)LIMIT_RECORD_BYTES_MAX * 8);
    CHECK(record_decode(bytes, &arena, &record, &error) == 0);
    uint64_t count = record->tick->n_missed;
    arena_fini(&arena);
    return count;
}

/* Lets terms run out, moment after moment, until there were that many. Microseconds of each. */
static double run_out(uint64_t wanted)
{
    uint64_t spent_ns = 0, missed = 0;
    struct buf bytes = {0};
    while (missed < wanted && core_next_deadline_ms(bench.core) != UINT64_MAX) {
        struct core_verdict verdict;
        struct error error;
        struct core_request request = {.type = CORE_TICK,
                                       .now_ms = core_next_deadline_ms(bench.core)};
        buf_reset(&bytes);
        uint64_t start_ns = now_ns();
        check_admitted(core_admit(bench.core, &request, &bytes, &verdict), &verdict);
        CHECK(core_apply(bench.core, core_size(bench.core), buf_bytes(&bytes), NULL, NULL,
                         &error) == 0);
        spent_ns += now_ns() - start_ns;
        missed += missed_in(buf_bytes(&bytes));
    }
    buf_fini(&bytes);
    CHECK(missed > 0);
    return (double)spent_ns / 1000 / (double)missed;
}

/* As many of the threads as there are acts, in an order of chance, none twice. */
static uint64_t *choose(uint64_t threads, uint64_t acts)
{
    uint64_t *all = calloc(threads, sizeof *all);
    CHECK(all != NULL);
    for (uint64_t i = 0; i < threads; i++) all[i] = i;
    for (uint64_t i = 0; i < acts; i++) {
        uint64_t k = i + drawn(threads - i), kept = all[i];
        all[i] = all[k];
        all[k] = kept;
    }
    return all;
}

static double act_all(const struct district_letter *like, uint8_t which, const uint64_t *threads,
                      uint64_t acts)
{
    uint64_t spent_ns = 0;
    for (uint64_t i = 0; i < acts; i += BATCH)
        spent_ns +=
            act_batch(like, which, threads + i, acts - i < BATCH ? (size_t)(acts - i) : BATCH);
    return (double)spent_ns / 1000 / (double)acts;
}

static struct district_letter *seal(const char *kind, const char *from,
                                    const struct district_letter *parent)
{
    int code = 0;
    struct district_draft draft = {.kind = kind,
                                   .topic = parent ? "" : "begging",
                                   .area = "120102006",
                                   .from = from,
                                   .parent = parent};
    struct district_letter *letter = district_seal(bench.district, &draft, &code);
    CHECK(letter != NULL);
    return letter;
}

static uint64_t count_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || value == 0 || value > COUNT_MAX) {
        (void)fprintf(stderr, "bench: 1..%d\n", COUNT_MAX);
        exit(64);
    }
    return value;
}

int main(int argc, char **argv)
{
    const char *threads_text = "1000000", *acts_text = "100000";
    bool json = false;
    const struct options_row rows[] = {
        {"threads", 't', "数", "N", "线索总数（默认 1000000）", "threads (default 1000000)", NULL,
         &threads_text, NULL},
        {"acts", 'a', "数", "N", "每种办理的次数（默认 100000）",
         "acts of each sort (default 100000)", NULL, &acts_text, NULL},
        {"json", 'j', NULL, NULL, "输出 JSON", "print JSON", &json, NULL, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench-acts",
        .usage_zh = "[选项]",
        .usage_en = "[options]",
        .about_zh = "核心裁决一次办理的用时与每条线索占用的内存；不联网，不写盘。",
        .about_en = "What an act costs the core, and a thread in memory; no network, no disk.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    uint64_t threads = count_of(threads_text), acts = count_of(acts_text);
    if (acts > threads) acts = threads;
    begin();
    struct district_letter *lead = seal("lead.exploitation", "education", NULL);
    district_accepted(bench.district, lead, 2);
    struct district_letter *sign = seal("receipt.signed", "police-hedong", lead);
    struct district_letter *accept = seal("receipt.accepted", "police-hedong", lead);
    uint64_t before_kib = peak_kib(), before = allocated(), start_ns = now_ns();
    open_threads(lead, threads);
    double open_us = (double)(now_ns() - start_ns) / 1000 / (double)threads;
    uint64_t grown = (peak_kib() - before_kib) * 1024 / threads;
    uint64_t heap = (allocated() - before) / threads;
    uint64_t *chosen = choose(threads, acts);
    double sign_us = act_all(sign, 1, chosen, acts), accept_us = act_all(accept, 2, chosen, acts);
    double term_us = run_out(acts);
    printf(
        json
            ? "{\"threads\":%llu,\"acts\":%llu,\"open_us\":%.2f,\"sign_us\":%.2f,"
              "\"accept_us\":%.2f,\"term_us\":%.2f,\"bytes_per_thread\":%llu,"
              "\"allocated_per_thread\":%llu}\n"
            : T("%llu 条线索，%llu 次签收与受理：建立 %.2f us，签收 %.2f us，受理 %.2f "
                "us（判定并计入，"
                "不含签名）；每个到期时限 %.2f us；每条线索 %llu 字节，已分配 %llu 字节\n",
                "%llu threads, %llu signed for and accepted: %.2f us to open one, %.2f us to sign, "
                "%.2f us to accept (decided and folded, signatures aside); %.2f us a term that ran "
                "out; %llu bytes a thread, %llu allocated\n"),
        (unsigned long long)threads, (unsigned long long)acts, open_us, sign_us, accept_us, term_us,
        (unsigned long long)grown, (unsigned long long)heap);
    free(chosen);
    district_letter_free(lead);
    district_letter_free(sign);
    district_letter_free(accept);
    core_free(bench.core);
    district_free(bench.district);
    return 0;
}
