/* measure: clocks, percentiles, what /proc says of a process, and what the machine allows in the
 * same minute. What cannot be measured ends the program: a figure that is not there is not shown as
 * 0. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t measure_now_ns(void); /* CLOCK_MONOTONIC */
/* Sorts values_ns. share 0..1. */
double measure_percentile_us(uint64_t *values_ns, size_t count, double share);
/* User and system time of all its threads. */
double measure_process_cpu_s(pid_t pid);
double measure_process_rss_mib(pid_t pid);

/* What nothing that is durable and signed can go below. */
struct measure_limits {
    double fdatasync_p50_us;   /* of an append of body_len, in folder */
    double sign_us, verify_us; /* Ed25519 over body_len: time of the processor */
};
struct measure_limits measure_limits(const char *folder, size_t body_len);
/* Ed25519 verifications over body_len in a second on all cores together, measured for duration_ms.
 */
double measure_verify_per_s_all_cores(size_t body_len, uint64_t duration_ms);

/* As /proc/cpuinfo calls it, fit for a JSON string; "?" where it does not say. */
void measure_cpu_model(char ret[128]);

#endif
