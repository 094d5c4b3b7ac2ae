#include "tests/sim/fiber.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tests/sim/random.h"

enum { STACK_BYTES = 1 << 20, FIBER_COUNT_MAX = 64, FD_COUNT_MAX = 64, POLL_COUNT_MAX = 16 };

enum wait { WAIT_NOT, WAIT_ON, WAIT_POLL, WAIT_MUTEX, WAIT_DONE };

struct fiber {
    struct process *process;
    ucontext_t context;
    void *stack;
    void (*main)(void *ctx);
    void *(*run)(void *ctx);
    void *ctx, *result;
    enum wait wait;
    const void *on; /* WAIT_ON */
    pthread_mutex_t *mutex;
    struct pollfd polls[POLL_COUNT_MAX];
    nfds_t poll_count;
    uint64_t until_ms;
    bool woken;
};

struct process {
    const struct machine *machine;
    uint64_t number;
    struct fiber *fibers[FIBER_COUNT_MAX];
    size_t fiber_count;
    bool ended, dead;
    int code;
    int fds[FD_COUNT_MAX];
    size_t fd_count;
};

static struct {
    uint64_t now_ms;
    struct random random;
    const struct machine *machine;
    struct fiber *running;
    ucontext_t outside;
    struct process *processes[FIBER_COUNT_MAX]; /* that live */
    size_t process_count;
} the;

/* ---- time ---------------------------------------------------------------------------------------
 */

void fiber_init(uint64_t seed)
{
    the.now_ms = 0;
    random_init(&the.random, seed, "fibers");
}

uint64_t fiber_now_ms(void)
{
    return the.now_ms;
}

void fiber_time_to(uint64_t now_ms)
{
    CHECK(now_ms >= the.now_ms);
    the.now_ms = now_ms;
}

uint64_t fiber_wall_ms(const struct machine *machine)
{
    return FIBER_EPOCH_MS + the.now_ms + (uint64_t)(machine ? machine->wall_offset_ms : 0);
}

void fiber_machine(const struct machine *machine)
{
    the.machine = machine;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    const struct machine *machine = the.running ? the.running->process->machine : the.machine;
    /* Since the machine was started: an hour ago, when the simulation began. */
    uint64_t ms = clock == CLOCK_REALTIME ? fiber_wall_ms(machine) : 3600000 + the.now_ms;
    ret->tv_sec = (time_t)(ms / 1000);
    ret->tv_nsec = (long)(ms % 1000) * 1000000;
    return 0;
}

/* ---- changing places ----------------------------------------------------------------------------
 */

static void leave(struct fiber *fiber)
{
    CHECK(swapcontext(&fiber->context, &the.outside) == 0);
}

static struct fiber *must_run(void)
{
    CHECK(the.running != NULL); /* the simulator itself cannot wait */
    return the.running;
}

static void begin(unsigned high, unsigned low)
{
    struct fiber *fiber = (struct fiber *)(((uintptr_t)high << 32) | low);
    if (fiber->main)
        fiber->main(fiber->ctx);
    else
        fiber->result = fiber->run(fiber->ctx);
    fiber->wait = WAIT_DONE;
    if (fiber->main) fiber->process->ended = true;
    fiber_wake(fiber);
    leave(fiber);
    CHECK(!fiber); /* nobody comes back */
}

static struct fiber *fiber_new(struct process *process, void *ctx)
{
    struct fiber *fiber = (struct fiber *)calloc(1, sizeof *fiber);
    CHECK(fiber != NULL);
    CHECK(process->fiber_count < FIBER_COUNT_MAX);
    fiber->process = process;
    fiber->ctx = ctx;
    fiber->until_ms = FIBER_NEVER;
    fiber->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(fiber->stack != MAP_FAILED);
    CHECK(mprotect(fiber->stack, 4096, PROT_NONE) == 0);
    CHECK(getcontext(&fiber->context) == 0);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    uintptr_t at = (uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))(uintptr_t)begin, 2, (unsigned)(at >> 32),
                (unsigned)at);
    process->fibers[process->fiber_count++] = fiber;
    return fiber;
}

static void wait_on(const void *on, uint64_t until_ms)
{
    struct fiber *fiber = must_run();
    fiber->wait = WAIT_ON;
    fiber->on = on;
    fiber->until_ms = until_ms;
    fiber->woken = false;
    leave(fiber);
}

void fiber_park(const void *on)
{
    wait_on(on, FIBER_NEVER);
}

void fiber_sleep(uint64_t ms)
{
    wait_on(NULL, the.now_ms + ms);
}

static void wake(const void *on, bool all)
{
    for (size_t p = 0; p < the.process_count; p++)
        for (size_t i = 0; i < the.processes[p]->fiber_count; i++) {
            struct fiber *fiber = the.processes[p]->fibers[i];
            if (fiber->wait != WAIT_ON || fiber->on != on || !on || fiber->woken) continue;
            fiber->woken = true;
            if (!all) return;
        }
}

void fiber_wake(const void *on)
{
    wake(on, true);
}

struct process *fiber_process(void)
{
    return the.running ? the.running->process : NULL;
}

uint64_t process_number(const struct process *process)
{
    return process->number;
}

/* ---- what the shipped objects call --------------------------------------------------------------
 */

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int result = pthread_mutex_trylock(mutex);
    if (result != EBUSY) return result;
    struct fiber *fiber = must_run();
    fiber->wait = WAIT_MUTEX;
    fiber->mutex = mutex;
    fiber->until_ms = FIBER_NEVER;
    leave(fiber); /* comes back with the mutex */
    return 0;
}

static int cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_ms)
{
    struct fiber *fiber = must_run();
    CHECK(pthread_mutex_unlock(mutex) == 0);
    wait_on(cond, until_ms);
    bool woken = fiber->woken;
    CHECK(__wrap_pthread_mutex_lock(mutex) == 0);
    return woken ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return cond_wait(cond, mutex, FIBER_NEVER);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    uint64_t ms = (uint64_t)until->tv_sec * 1000 + (uint64_t)until->tv_nsec / 1000000;
    uint64_t now_ms = 3600000 + the.now_ms;
    return cond_wait(cond, mutex, the.now_ms + (ms > now_ms ? ms - now_ms : 0));
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    wake(cond, false);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    wake(cond, true);
    return 0;
}

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *ctx)
{
    (void)attributes;
    struct fiber *fiber = fiber_new(must_run()->process, ctx);
    fiber->run = run;
    *ret_thread = (pthread_t)(uintptr_t)fiber;
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret_result);
int __wrap_pthread_join(pthread_t thread, void **ret_result)
{
    struct fiber *fiber = (struct fiber *)(uintptr_t)thread;
    while (fiber->wait != WAIT_DONE) fiber_park(fiber);
    if (ret_result) *ret_result = fiber->result;
    return 0;
}

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!the.running) return __real_poll(fds, count, 0);
    struct fiber *fiber = the.running;
    CHECK(count <= POLL_COUNT_MAX);
    fiber->wait = WAIT_POLL;
    memcpy(fiber->polls, fds, count * sizeof *fds);
    fiber->poll_count = count;
    fiber->until_ms = timeout_ms < 0 ? FIBER_NEVER : the.now_ms + (uint64_t)timeout_ms;
    leave(fiber);
    return __real_poll(fds, count, 0);
}

/* Descriptors that a killed process leaves behind: its bells, and the lock of its journal. */
static void fd_note(int fd)
{
    struct process *process = fiber_process();
    if (!process || fd < 0) return;
    CHECK(process->fd_count < FD_COUNT_MAX);
    process->fds[process->fd_count++] = fd;
}

int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags)
{
    int fd = __real_eventfd(value, flags);
    fd_note(fd);
    return fd;
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    int result = __real_flock(fd, operation);
    if (result == 0) fd_note(fd);
    return result;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    struct process *process = fiber_process();
    for (size_t i = 0; process && i < process->fd_count; i++)
        if (process->fds[i] == fd) process->fds[i--] = process->fds[--process->fd_count];
    return __real_close(fd);
}

_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
_Noreturn void __wrap__exit(int code)
{
    if (!the.running) __real__exit(code);
    struct process *process = the.running->process;
    process->ended = process->dead = true;
    process->code = code;
    leave(the.running);
    abort(); /* nobody comes back */
}

/* ---- processes ----------------------------------------------------------------------------------
 */

struct process *process_new(const struct machine *machine, uint64_t number, void (*main)(void *ctx),
                            void *ctx)
{
    struct process *process = (struct process *)calloc(1, sizeof *process);
    CHECK(process != NULL);
    CHECK(the.process_count < FIBER_COUNT_MAX);
    process->machine = machine;
    process->number = number;
    fiber_new(process, ctx)->main = main;
    the.processes[the.process_count++] = process;
    return process;
}

/* Can it go on now? A mutex is taken for it. */
static bool can_run(struct fiber *fiber)
{
    switch (fiber->wait) {
    case WAIT_NOT: return true;
    case WAIT_ON: return fiber->woken || fiber->until_ms <= the.now_ms;
    case WAIT_POLL:
        return fiber->until_ms <= the.now_ms || __real_poll(fiber->polls, fiber->poll_count, 0) > 0;
    case WAIT_MUTEX: return pthread_mutex_trylock(fiber->mutex) == 0;
    case WAIT_DONE: return false;
    }
    return false;
}

bool process_step(struct process *process)
{
    if (process->ended) return false;
    size_t first = random_below(&the.random, process->fiber_count);
    for (size_t i = 0; i < process->fiber_count; i++) {
        struct fiber *fiber = process->fibers[(first + i) % process->fiber_count];
        if (!can_run(fiber)) continue;
        fiber->wait = WAIT_NOT;
        fiber->on = NULL;
        the.running = fiber;
        CHECK(swapcontext(&the.outside, &fiber->context) == 0);
        the.running = NULL;
        return true;
    }
    return false;
}

uint64_t process_next_ms(const struct process *process)
{
    uint64_t next_ms = FIBER_NEVER;
    if (process->ended) return next_ms;
    for (size_t i = 0; i < process->fiber_count; i++) {
        const struct fiber *fiber = process->fibers[i];
        if (fiber->wait != WAIT_DONE && fiber->until_ms < next_ms) next_ms = fiber->until_ms;
    }
    return next_ms;
}

bool process_ended(const struct process *process, int *ret_code)
{
    if (process->ended && ret_code) *ret_code = process->code;
    return process->ended;
}

static void forget(struct process *process)
{
    for (size_t i = 0; i < the.process_count; i++)
        if (the.processes[i] == process) {
            memmove(&the.processes[i], &the.processes[i + 1],
                    (the.process_count - i - 1) * sizeof *the.processes);
            the.process_count--;
            return;
        }
}

void process_kill(struct process *process)
{
    CHECK(!the.running);
    process->ended = process->dead = true;
    forget(process);
    while (process->fd_count > 0) (void)__real_close(process->fds[--process->fd_count]);
}

void process_free(struct process *process)
{
    if (!process) return;
    CHECK(process->ended);
    process_kill(process);
    for (size_t i = 0; i < process->fiber_count; i++) {
        CHECK(munmap(process->fibers[i]->stack, STACK_BYTES) == 0);
        free(process->fibers[i]);
    }
    free(process);
}
