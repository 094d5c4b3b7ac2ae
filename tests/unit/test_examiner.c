/* examiner: what a file does to the process that looks into it is nobody else's trouble. This
 * program is its own child, which goes wrong as the file's first bytes ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "clients/agent/agent.h"
#include "clients/agent/examiner.h"
#include "proto/base/check.h"

enum { DEADLINE_MS = 60000 };

uint64_t agent_monotonic_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const struct examiner_limits usual = {60, 60000};

/* The verdict on a text; *ret_error says why. */
static int examine(const char *text, const struct content_rule *rule, const char *media_type,
                   const struct examiner_limits *limits, struct error *ret_error)
{
    struct examination *examination = NULL;
    const struct content_rule documents = {.classes = CONTENT_DOCUMENT, .confirm_no_dna = true};
    struct content_report report = {0};
    memset(ret_error, 0, sizeof *ret_error);
    assert_int_equal(examination_new(&examination, ret_error), 0);
    assert_int_equal(examination_add(examination, bytes_of_str(text), ret_error), 0);
    assert_int_equal(examination_start(examination, rule ? rule : &documents, true, media_type,
                                       limits, ret_error),
                     0);
    uint64_t end_ms = agent_monotonic_ms() + DEADLINE_MS;
    while (examination_runs(examination)) {
        struct pollfd item = {.fd = examination_fd(examination), .events = POLLIN};
        uint64_t now_ms = agent_monotonic_ms(), until_ms = examination_until_ms(examination);
        assert_true(now_ms < end_ms);
        (void)poll(&item, 1, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
        examination_look(examination);
    }
    assert_true(examination_over(examination));
    int status = examination_verdict(examination, &report, ret_error);
    examination_free(examination);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    assert_int_equal(errno, ECHILD);
    return status;
}

static int plain(const char *text, struct error *ret_error)
{
    return examine(text, NULL, "text/plain", &usual, ret_error);
}

static void the_verdict_is_that_of_the_contents(void **state)
{
    struct content_rule rule = {.classes = CONTENT_DOCUMENT, .no_numbers = true};
    struct error error;
    (void)state;
    assert_int_equal(plain("a plain text", &error), 0);
    assert_int_equal(examine("身份证 110101199003077512", &rule, "text/plain", &usual, &error),
                     E_FORBIDDEN_CONTENT);
    assert_memory_equal(error.field, "attachment", 10);
    assert_true(error.detail[0] && error.detail_zh[0]);
    assert_int_equal(examine("a plain text", NULL, "text/html", &usual, &error), E_BAD_VALUE);
    assert_string_equal(error.field, "media_type");
    assert_string_equal(error.detail, "says text/html, is text/plain");
    rule.classes = CONTENT_PHOTO;
    assert_int_equal(examine("a plain text", &rule, "text/plain", &usual, &error), E_BAD_VALUE);
    /* Alone with its file. */
    assert_int_equal(plain("ALONE with it", &error), 0);
}

static void what_brings_it_down_is_refused(void **state)
{
    static const char *const texts[] = {"CRASH", "ABORT", "QUIT", "SHUT", "MEMORY"};
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        if (strcmp(texts[i], "MEMORY") == 0) continue;
#endif
        int status = plain(texts[i], &error);
        if (status != (strcmp(texts[i], "SHUT") == 0 ? E_NO_MEMORY : E_CONTENT_UNEXAMINABLE))
            fail_msg("%s: %s %s", texts[i], error_name(status), error.detail);
        assert_true(error.detail_zh[0] != 0);
    }
    assert_int_equal(plain("CRASH", &error), E_CONTENT_UNEXAMINABLE);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_non_null(strstr(error.detail, "signal 11"));
#endif
    /* Somebody ended it: that says nothing about the file. */
    assert_int_equal(plain("KILLED", &error), E_NO_MEMORY);
}

static void what_takes_too_long_is_refused(void **state)
{
    const struct examiner_limits second = {1, DEADLINE_MS}, moment = {60, 100};
    struct error error;
    (void)state;
    assert_int_equal(examine("SPIN", NULL, "text/plain", &second, &error), E_CONTENT_UNEXAMINABLE);
    assert_non_null(strstr(error.detail, "longer than"));
    assert_int_equal(examine("SLEEP", NULL, "text/plain", &moment, &error), E_CONTENT_UNEXAMINABLE);
    assert_non_null(strstr(error.detail, "longer than"));
}

static void a_lying_child_is_not_believed(void **state)
{
    static const char *const texts[] = {"LIE short", "LIE code", "LIE text", "LIE endless"};
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(plain(texts[i], &error), E_CONTENT_UNEXAMINABLE);
        assert_string_equal(error.field, "attachment");
    }
}

static void one_that_is_given_up_leaves_nothing_behind(void **state)
{
    struct examination *examination = NULL;
    const struct content_rule rule = {.classes = CONTENT_DOCUMENT};
    (void)state;
    examination_free(NULL);
    assert_int_equal(examination_new(&examination, NULL), 0);
    examination_free(examination);
    assert_int_equal(examination_new(&examination, NULL), 0);
    assert_int_equal(examination_add(examination, bytes_of_str("SLEEP"), NULL), 0);
    assert_int_equal(examination_start(examination, &rule, true, "text/plain", &usual, NULL), 0);
    assert_true(examination_runs(examination));
    examination_look(examination);
    assert_true(examination_runs(examination));
    examination_free(examination);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- the child ----------------------------------------------------------------------------------
 */

/* As examiner.c has it. */
struct answer {
    int32_t code;
    uint32_t counts[2];
    char field[ERROR_FIELD_LEN_MAX + 1];
    char detail[ERROR_DETAIL_LEN_MAX + 1], detail_zh[ERROR_DETAIL_LEN_MAX + 1];
};

static void lie(const char *how)
{
    struct answer answer = {0};
    size_t len = sizeof answer;
    if (strcmp(how, "short") == 0) len /= 2;
    if (strcmp(how, "code") == 0) answer.code = E_IO;
    if (strcmp(how, "text") == 0) {
        answer.code = E_FORBIDDEN_CONTENT;
        memset(answer.detail, 0xff, 9);
    }
    if (strcmp(how, "endless") == 0) {
        answer.code = E_FORBIDDEN_CONTENT;
        memset(answer.detail_zh, 'x', sizeof answer.detail_zh);
    }
    (void)!write(1, &answer, len);
    _exit(0);
}

static void misbehave(const char *text)
{
    if (strncmp(text, "LIE ", 4) == 0) lie(text + 4);
    if (strcmp(text, "CRASH") == 0) (void)raise(SIGSEGV);
    if (strcmp(text, "ABORT") == 0) abort();
    if (strcmp(text, "QUIT") == 0) _exit(0);
    if (strcmp(text, "KILLED") == 0) (void)raise(SIGKILL);
    if (strcmp(text, "SLEEP") == 0) (void)pause();
    if (strcmp(text, "SHUT") == 0) {
        (void)close(1);
        (void)pause();
    }
    if (strcmp(text, "SPIN") == 0)
        for (volatile unsigned i = 0;; i++) continue;
    if (strncmp(text, "ALONE", 5) == 0)
        for (int fd = 3; fd < 1024; fd++) CHECK(fcntl(fd, F_GETFD) < 0);
}

/* Called by the examiner in the place of the real one, with its bounds in force. */
int __real_content_check_incoming(struct bytes data, const struct content_rule *rule, // NOLINT
                                  struct content_report *ret_report, struct error *ret_error);
int __wrap_content_check_incoming(struct bytes data, const struct content_rule *rule, // NOLINT
                                  struct content_report *ret_report, struct error *ret_error);
int __wrap_content_check_incoming(struct bytes data, const struct content_rule *rule, // NOLINT
                                  struct content_report *ret_report, struct error *ret_error)
{
    char text[32] = "";
    memcpy(text, data.data, data.len < sizeof text ? data.len : sizeof text - 1);
    struct rlimit cpu, memory, files;
    CHECK(getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_cur <= 60);
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur == 3);
    CHECK(getrlimit(RLIMIT_AS, &memory) == 0);
    CHECK(prctl(PR_GET_DUMPABLE) == 0);
    if (strcmp(text, "MEMORY") == 0) {
        CHECK(memory.rlim_cur == EXAMINER_MEMORY_BYTES);
        for (;;) {
            struct buf more = {0};
            (void)buf_grow(&more, 1 << 24); /* CHECKs; never freed, as a leak would not be */
        }
    }
    misbehave(text);
    return __real_content_check_incoming(data, rule, ret_report, ret_error);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_that_of_the_contents),
        cmocka_unit_test(what_brings_it_down_is_refused),
        cmocka_unit_test(what_takes_too_long_is_refused),
        cmocka_unit_test(a_lying_child_is_not_believed),
        cmocka_unit_test(one_that_is_given_up_leaves_nothing_behind),
    };
    if (argc > 1 && strcmp(argv[1], EXAMINER_OPTION) == 0) return examiner_main(argc, argv);
    return cmocka_run_group_tests_name("examiner", tests, NULL, NULL);
}
