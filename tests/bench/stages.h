/* stages: what a program spends where, counted by the program itself: in a build of the bench alone
 * the linker puts a function of these files around each function that is a stage (--wrap), and the
 * shipped sources are as they are. A stage's time is its own: what another stage takes inside it is
 * that one's. Time is of the thread's processor, its system calls included, and beside it by the
 * clock, which for a stage that waits for the disk says how long.
 *
 * Counts stand in the file that LEADBUS_STAGES names, a row for each stage, for who reads it while
 * the program runs; without the variable nothing is counted. The clocks cost about as much as they
 * cost when they were tried at the start, and that is taken off. */
#ifndef TESTS_BENCH_STAGES_H
#define TESTS_BENCH_STAGES_H

#include <stdatomic.h>
#include <stdint.h>

enum { STAGES_COUNT_MAX = 32, STAGES_NAME_LEN_MAX = 31 };

/* Little endian, as the machine is; tests/bench/stages.py reads it. */
struct stages_row {
    char name[STAGES_NAME_LEN_MAX + 1];
    _Atomic uint64_t calls, cpu_ns, wall_ns;
};

/* Of one call on the stack of its thread. */
struct stages_span {
    struct stages_span *outer;
    uint64_t cpu_ns, wall_ns;             /* at its begin */
    uint64_t inner_cpu_ns, inner_wall_ns; /* of the stages inside it */
};

/* Maps the file; before the program's main. Names are of the stages, by number. in_children: of
 * processes that this one forks alone. */
void stages_init(const char *const *names, unsigned count, int in_children);
void stages_begin(struct stages_span *span);
void stages_end(struct stages_span *span, unsigned stage);

/* TYPE FUNCTION(PARAMETERS) is stage STAGE; its header has been included and says the same. */
#define STAGES_SAME(function)                                                                      \
    _Static_assert(                                                                                \
        __builtin_types_compatible_p(__typeof__(function), __typeof__(__wrap_##function)),         \
        #function " is declared otherwise");

#define STAGES_WRAP(type, function, stage, parameters, arguments)                                  \
    type __real_##function parameters;                                                             \
    type __wrap_##function parameters;                                                             \
    STAGES_SAME(function)                                                                          \
    type __wrap_##function parameters                                                              \
    {                                                                                              \
        struct stages_span span;                                                                   \
        stages_begin(&span);                                                                       \
        type result = __real_##function arguments;                                                 \
        stages_end(&span, stage);                                                                  \
        return result;                                                                             \
    }
#define STAGES_WRAP_VOID(function, stage, parameters, arguments)                                   \
    void __real_##function parameters;                                                             \
    void __wrap_##function parameters;                                                             \
    STAGES_SAME(function)                                                                          \
    void __wrap_##function parameters                                                              \
    {                                                                                              \
        struct stages_span span;                                                                   \
        stages_begin(&span);                                                                       \
        __real_##function arguments;                                                               \
        stages_end(&span, stage);                                                                  \
    }

#endif
