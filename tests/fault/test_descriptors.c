/* Descriptors that are too few: agent and broker with at most N of them, for N from what reads a
 * configuration to what each says that it needs. With fewer it ends with bad_config and says what
 * to raise; with as many it starts, and leads with a file go from the one to the other. Neither is
 * ever ended by a library that could not open one.
 *
 * fault_descriptors [STEP]: every STEP-th N (41). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "tests/scenario/agents.h"

enum {
    FIRST = 16, /* for the loader, what is inherited, the configuration */
    AGENT_NEEDS = 576,
    BROKER_NEEDS = 1088, /* with 1,024 connections */
    LEADS = 3,
    PATH_LEN = AGENTS_PATH_LEN
};
static const char PRLIMIT[] = "/usr/bin/prlimit";

static struct agents agents;
static char output[AGENTS_OUTPUT_LEN];
static unsigned step = 41;

static void path_of(const char *file, char ret[PATH_LEN])
{
    (void)snprintf(ret, PATH_LEN, "%s/%s", agents.town.folder, file);
}

static int set_up(void **state)
{
    (void)state;
    static const enum town_unit units[] = {TOWN_EDUCATION};
    agents_init(&agents, units, 1);
    agents_must(&agents, 0, "kinds anomaly.enrolment --example > lead.json", output);
    agents_write_in(&agents, "note.txt", "a note\n", 0600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

/* With at most so many descriptors. 0: it is ready; else its exit code, and `output` what it said.
 */
static int start_with(struct process *process, const char *program, const char *config_name,
                      unsigned count)
{
    char config[PATH_LEN], log[PATH_LEN], limit[64];
    path_of(config_name, config);
    path_of("said", log);
    (void)unlink(log);
    (void)snprintf(limit, sizeof limit, "--nofile=%u:%u", count, count);
    const char *argv[] = {PRLIMIT, limit, program, "--config", config, NULL};
    process_start(process, agents.town.folder, log, argv);
    if (process_wait_ready(process, PROCESS_DEADLINE_MS)) return 0;
    int status = process_wait_end(process, PROCESS_DEADLINE_MS);
    agents_read_in(&agents, "said", output);
    return status;
}

static void sweep(struct process *process, const char *program, const char *config, unsigned needed)
{
    assert_int_equal(process_stop(process, PROCESS_DEADLINE_MS), 0);
    for (unsigned count = FIRST; count < needed; count += step) {
        unsigned last = needed - 1 - count < step ? needed - 1 : count;
        int status = start_with(process, program, config, last);
        if (status != EX_CONFIG || !strstr(output, "code=bad_config") ||
            !strstr(output, "LimitNOFILE"))
            fail_msg("%s with %u: %d\n%s", program, last, status, output);
    }
    int status = start_with(process, program, config, needed);
    if (status) fail_msg("%s with %u: %d\n%s", program, needed, status, output);
}

static void send_leads(void)
{
    for (int i = 0; i < LEADS; i++)
        agents_must(&agents, 0,
                    "send anomaly.enrolment --wait 60 --file lead.json --attach note.txt", output);
}

static void an_agent_with_too_few_descriptors_says_so(void **state)
{
    (void)state;
    sweep(&agents.processes[0], LEADBUS_AGENT, "education.conf", AGENT_NEEDS);
    send_leads();
}

static void a_broker_with_too_few_descriptors_says_so(void **state)
{
    (void)state;
    assert_int_equal(process_stop(&agents.processes[0], PROCESS_DEADLINE_MS), 0);
    sweep(&agents.town.broker, LEADBUSD, "leadbusd.conf", BROKER_NEEDS);
    agents_start(&agents, 0);
    send_leads();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_with_too_few_descriptors_says_so),
        cmocka_unit_test(a_broker_with_too_few_descriptors_says_so),
    };
    if (argc == 2) step = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2 || step == 0) return 64;
    CHECK(setenv("LANG", "en_US.UTF-8", 1) == 0);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
