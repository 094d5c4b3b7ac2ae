/* Memory that is refused at the N-th request, SQLite's included, for many N: that one alone, or
 * every one from there on. A program that keeps a journal ends, with a code or by saying that it
 * has none (or needs none, where it was the one alone); what was promised is there, and the next
 * one goes on. Each N in a process of its own.
 *
 * fault_memory [STEP [FOLDER]]: every STEP-th request (37); 1: each of them. In a folder of /tmp,
 * or of another that syncs sooner: what is on the disk is not what this is about. */
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

struct shared {
    struct work work;
    bool refused; /* it came to that */
};

static uint64_t request_count, refused_at; /* 0: never */
static bool once;                          /* that request alone */
static struct shared *shared;              /* memory that outlives a child */
static char folder[64], journal_path[128];
static uint64_t step = 37;
static const char *where = "/tmp";

static bool refuse(void)
{
    if (refused_at == 0 || ++request_count < refused_at) return false;
    if (once && request_count > refused_at) return false;
    shared->refused = true;
    return true;
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

/* 0: it came to its end. */
static int in_child(uint64_t at, int said_fd)
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
        int r = work_go_on(journal_path, &shared->work, &error);
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

static void sweep(void)
{
    FILE *said = tmpfile();
    CHECK(said != NULL);
    uint64_t ran_out = 0;
    for (uint64_t at = 1;; at += step) {
        empty();
        *shared = (struct shared){.refused = false};
        int ended = in_child(at, fileno(said));
        assert_int_not_equal(ended, 2);
        if (!once && shared->refused) assert_int_not_equal(ended, 0);
        work_check(journal_path, &shared->work);
        if (!shared->refused) break;
        ran_out++;
        assert_int_equal(in_child(0, fileno(said)), 0);
        work_check(journal_path, &shared->work);
        assert_int_equal(shared->work.promised, work_count());
        if (ran_out % 16 == 1) work_audit(journal_path);
    }
    print_message("%llu processes ran out\n", (unsigned long long)ran_out);
    assert_true(ran_out * step > 200);
    CHECK(fclose(said) == 0);
}

static void whoever_runs_out_of_memory_loses_nothing(void **state)
{
    (void)state;
    once = false;
    sweep();
}

static void whoever_lacks_memory_once_loses_nothing(void **state)
{
    (void)state;
    once = true;
    sweep();
}

static int make(void **state)
{
    char path[128];
    (void)state;
    CHECK(snprintf(folder, sizeof folder, "%s/leadbus-fault.XXXXXX", where) < (int)sizeof folder);
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(journal_path, sizeof journal_path, "%s/journal.db", folder);
    (void)snprintf(path, sizeof path, "%s/good.db", folder);
    work_make(path);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    return 0;
}

static int clean(void **state)
{
    char command[128];
    (void)state;
    CHECK(munmap(shared, sizeof *shared) == 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_runs_out_of_memory_loses_nothing),
        cmocka_unit_test(whoever_lacks_memory_once_loses_nothing),
    };
    if (argc > 1) step = strtoull(argv[1], NULL, 10);
    if (argc > 2) where = argv[2];
    if (argc > 3 || step == 0) return 64;
    take_sqlite();
    return cmocka_run_group_tests(tests, make, clean);
}
