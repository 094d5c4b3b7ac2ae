#include "tests/bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_COUNT = 300, SIGN_COUNT = 1000, BODY_LEN_MAX = 65536, CORE_COUNT_MAX = 256 };

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t measure_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* Of the processor: others on the machine do not count. */
static uint64_t thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

double measure_percentile_us(uint64_t *values_ns, size_t count, double share)
{
    qsort(values_ns, count, sizeof *values_ns, compare_u64);
    size_t at = (size_t)((double)(count - 1) * share);
    return (double)values_ns[at] / 1e3;
}

double measure_process_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    errno = clock_getcpuclockid(pid, &clock);
    if (errno != 0 || clock_gettime(clock, &used) != 0) fail("time of a process");
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

double measure_process_rss_mib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    (void)fclose(file);
    if (kib == 0) fail(path);
    return (double)kib / 1024;
}

static double fdatasync_p50_us(const char *folder, const uint8_t *body, size_t body_len)
{
    static uint64_t each[SYNC_COUNT];
    char path[512];
    (void)snprintf(path, sizeof path, "%s/limit", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail(path);
    for (size_t i = 0; i < SYNC_COUNT; i++) {
        uint64_t start = measure_now_ns();
        if (write(fd, body, body_len) != (ssize_t)body_len || fdatasync(fd) != 0) fail(path);
        each[i] = measure_now_ns() - start;
    }
    (void)close(fd);
    (void)unlink(path);
    return measure_percentile_us(each, SYNC_COUNT, 0.5);
}

struct measure_limits measure_limits(const char *folder, size_t body_len)
{
    static uint8_t body[BODY_LEN_MAX];
    struct measure_limits limits = {0};
    if (body_len > sizeof body) fail("body_len");
    limits.fdatasync_p50_us = fdatasync_p50_us(folder, body, body_len);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES],
        signature[crypto_sign_BYTES];
    crypto_sign_keypair(public_key, secret_key);
    uint64_t start = thread_cpu_ns();
    for (size_t i = 0; i < SIGN_COUNT; i++)
        crypto_sign_detached(signature, NULL, body, body_len, secret_key);
    limits.sign_us = (double)(thread_cpu_ns() - start) / 1e3 / SIGN_COUNT;
    start = thread_cpu_ns();
    for (size_t i = 0; i < SIGN_COUNT; i++)
        if (crypto_sign_verify_detached(signature, body, body_len, public_key) != 0) fail("verify");
    limits.verify_us = (double)(thread_cpu_ns() - start) / 1e3 / SIGN_COUNT;
    return limits;
}

/* One core's part. */
struct verifier {
    pthread_t thread;
    const uint8_t *body;
    size_t body_len;
    uint64_t until_ns, count;
};

static void *verify_until(void *arg)
{
    struct verifier *verifier = arg;
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES],
        signature[crypto_sign_BYTES];
    crypto_sign_keypair(public_key, secret_key);
    crypto_sign_detached(signature, NULL, verifier->body, verifier->body_len, secret_key);
    while (measure_now_ns() < verifier->until_ns) {
        if (crypto_sign_verify_detached(signature, verifier->body, verifier->body_len,
                                        public_key) != 0)
            fail("verify");
        verifier->count++;
    }
    return NULL;
}

double measure_verify_per_s_all_cores(size_t body_len, uint64_t duration_ms)
{
    static uint8_t body[BODY_LEN_MAX];
    static struct verifier verifiers[CORE_COUNT_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = 0, start_ns = measure_now_ns();
    if (body_len > sizeof body || cores < 1 || cores > CORE_COUNT_MAX) fail("cores");
    for (long i = 0; i < cores; i++) {
        verifiers[i] = (struct verifier){
            .body = body, .body_len = body_len, .until_ns = start_ns + duration_ms * 1000000u};
        errno = pthread_create(&verifiers[i].thread, NULL, verify_until, &verifiers[i]);
        if (errno != 0) fail("thread");
    }
    for (long i = 0; i < cores; i++) {
        (void)pthread_join(verifiers[i].thread, NULL);
        count += verifiers[i].count;
    }
    return (double)count / ((double)(measure_now_ns() - start_ns) / 1e9);
}

void measure_cpu_model(char ret[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    (void)snprintf(ret, 128, "?");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        (void)snprintf(ret, 128, "%s", colon + 2);
        ret[strcspn(ret, "\n\"\\")] = 0;
        break;
    }
    if (file) (void)fclose(file);
}
