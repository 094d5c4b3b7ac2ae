/* Memory that is refused at the N-th request, SQLite's included, for many N: a program that keeps a
 * journal ends, with a code or by saying that it has none; what was promised is there, and the next
 * one goes on. Each N in a process of its own, on the real disk.
 *
 * fault_memory [STEP]: every STEP-th request; 1: each of them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "tests/fault/work.h"

static uint64_t request_count, refused_at; /* 0: never */
static char folder[64], journal_path[128];
static uint64_t step = 37;

static bool refuse(void)
{
    return refused_at > 0 && ++request_count >= refused_at;
}

/* ---- who is asked -----------------------------------------------------------------------------*/

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *memory, size_t size)
{
    return refuse() ? NULL : __real_realloc(memory, size);
}

static sqlite3_mem_methods sqlites;
static void *sqlite_malloc(int size)
{
    return refuse() ? NULL : sqlites.xMalloc(size);
}
static void *sqlite_realloc(void *memory, int size)
{
    return refuse() ? NULL : sqlites.xRealloc(memory, size);
}

static void take_sqlite(void)
{
    sqlite3_mem_methods own;
    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlites) == SQLITE_OK);
    own = sqlites;
    own.xMalloc = sqlite_malloc;
    own.xRealloc = sqlite_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &own) == SQLITE_OK);
}

/* ---- a process that runs out ------------------------------------------------------------------*/

/* What it promised stands in memory that outlives it. 0: it came to its end. */
static int in_child(struct work *shared, uint64_t at, int said_fd)
{
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        struct error error = {0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(said_fd, STDERR_FILENO);
        refused_at = at;
        int r = work_go_on(journal_path, shared, &error);
        _exit(r == 0 ? 0 : r == E_NO_MEMORY || r == E_IO ? 1 : 2);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGABRT ? 1 : 2;
    return WEXITSTATUS(status);
}

static void empty(void)
{
    static const char *const names[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s%s", journal_path, names[i]);
        (void)unlink(path);
    }
}

static void whoever_runs_out_of_memory_loses_nothing(void **state)
{
    (void)state;
    struct work *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    FILE *said = tmpfile();
    CHECK(said != NULL);
    uint64_t ran_out = 0;
    for (uint64_t at = 1;; at += step) {
        empty();
        *shared = (struct work){0};
        int ended = in_child(shared, at, fileno(said));
        assert_int_not_equal(ended, 2);
        work_check(journal_path, shared);
        if (ended == 0) break;
        ran_out++;
        assert_int_equal(in_child(shared, 0, fileno(said)), 0);
        work_check(journal_path, shared);
        assert_int_equal(shared->promised, work_count());
        if (ran_out % 16 == 1) work_audit(journal_path);
    }
    print_message("%llu processes ran out\n", (unsigned long long)ran_out);
    assert_true(ran_out * step > 200);
    CHECK(fclose(said) == 0);
    CHECK(munmap(shared, sizeof *shared) == 0);
}

static int make(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/leadbus-fault.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(journal_path, sizeof journal_path, "%s/journal.db", folder);
    (void)snprintf(path, sizeof path, "%s/good.db", folder);
    work_make(path);
    return 0;
}

static int clean(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_runs_out_of_memory_loses_nothing),
    };
    if (argc == 2) step = strtoull(argv[1], NULL, 10);
    if (argc > 2 || step == 0) return 64;
    take_sqlite();
    return cmocka_run_group_tests(tests, make, clean);
}
