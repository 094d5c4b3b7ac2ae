/* limits: what this machine allows in this minute, as a line of JSON: fdatasync of an append in
 * FOLDER, Ed25519 signing and verifying on one core, and verifying on all of them together.
 *
 *     leadbus-bench-limits -d FOLDER */
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/host/options.h"
#include "tests/bench/measure.h"

enum { BODY_LEN = 1536, ALL_CORES_MS = 2000 };

int main(int argc, char **argv)
{
    const char *folder = NULL;
    const struct options_row rows[] = {
        {"folder", 'd', "目录", "FOLDER", "在此目录中测量磁盘", "where the disk is measured", NULL,
         &folder, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench-limits",
        .usage_zh = "-d 目录",
        .usage_en = "-d FOLDER",
        .about_zh = "测量本机此刻的磁盘与签名极限。通常由 ./run bench 运行。",
        .about_en = "What disk and signatures cost on this machine. Usually run by ./run bench.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    char cpu[128];
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, folder != NULL, "--folder");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    if (sodium_init() < 0) return 1;
    struct measure_limits limits = measure_limits(folder, BODY_LEN);
    measure_cpu_model(cpu);
    printf("{\"cpu\":\"%s\",\"cores\":%ld,\"fdatasync_p50_us\":%.1f,\"sign_us\":%.2f,"
           "\"verify_us\":%.2f,\"verify_all_cores_per_s\":%.0f}\n",
           cpu, sysconf(_SC_NPROCESSORS_ONLN), limits.fdatasync_p50_us, limits.sign_us,
           limits.verify_us, measure_verify_per_s_all_cores(BODY_LEN, ALL_CORES_MS));
    return 0;
}
