#include "tests/bench/stages.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"

enum { TRIED = 20000 };

/* What wraps a function has no other place to keep it. */
static struct stages_row *table;
static bool counting;
static uint64_t clocks_ns; /* of one call of both clocks, in time of the processor */
static _Thread_local struct stages_span *innermost;

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void try_clocks(void)
{
    uint64_t start_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < TRIED; i++) {
        (void)now_ns(CLOCK_THREAD_CPUTIME_ID);
        (void)now_ns(CLOCK_MONOTONIC);
    }
    clocks_ns = (now_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns) / TRIED;
}

static void in_child(void)
{
    counting = true;
}

void stages_init(const char *const *names, unsigned count, int in_children)
{
    const char *path = getenv("LEADBUS_STAGES");
    if (!path) return;
    CHECK(count <= STAGES_COUNT_MAX);
    size_t len = sizeof *table * count;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0) {
        perror(path);
        exit(1);
    }
    table = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (table == MAP_FAILED) {
        perror(path);
        exit(1);
    }
    for (unsigned i = 0; i < count; i++)
        (void)snprintf(table[i].name, sizeof table[i].name, "%s", names[i]);
    try_clocks();
    counting = !in_children;
    if (in_children) CHECK(pthread_atfork(NULL, NULL, in_child) == 0);
}

void stages_begin(struct stages_span *span)
{
    if (!counting) return;
    *span = (struct stages_span){.outer = innermost};
    innermost = span;
    span->wall_ns = now_ns(CLOCK_MONOTONIC);
    span->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Between the clocks' two readings stands one call of both. To the stage outside, the whole pair
 * and what is between them is inside. */
void stages_end(struct stages_span *span, unsigned stage)
{
    if (!counting) return;
    uint64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - span->cpu_ns;
    uint64_t wall_ns = now_ns(CLOCK_MONOTONIC) - span->wall_ns;
    struct stages_row *row = &table[stage];
    atomic_fetch_add_explicit(&row->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->cpu_ns, less(cpu_ns, span->inner_cpu_ns + clocks_ns),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&row->wall_ns, less(wall_ns, span->inner_wall_ns + clocks_ns),
                              memory_order_relaxed);
    innermost = span->outer;
    if (!innermost) return;
    innermost->inner_cpu_ns += cpu_ns + clocks_ns;
    innermost->inner_wall_ns += wall_ns + clocks_ns;
}
