/* fiber: the threads of a program run one at a time, and who runs next is drawn from a seed.
 *
 * A program is started as a process: its main function and every thread that it makes become
 * fibers of this one thread. They change places where threads wait: for a condition, a mutex, a
 * descriptor, the disk, another thread, a time. The simulator links the shipped objects with those
 * calls (pthread_*, poll, clock_gettime, _exit) led here; calls made outside a process, by the
 * simulator itself, must not have to wait.
 *
 * Time is the simulator's: milliseconds from 0 that pass only when fiber_time_to says so. Each
 * machine has a wall clock beside it that may be wrong and may jump. */
#ifndef TESTS_SIM_FIBER_H
#define TESTS_SIM_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#define FIBER_NEVER UINT64_MAX

struct machine {
    const char *name;
    int64_t wall_offset_ms; /* of its wall clock: UTC = FIBER_EPOCH_MS + now + offset */
};
#define FIBER_EPOCH_MS 1700000000000ull /* DISTRICT_START_MS */

struct process;

/* What is true of every moment. */
void fiber_init(uint64_t seed);
uint64_t fiber_now_ms(void);
void fiber_time_to(uint64_t now_ms);
/* The wall clock of a machine. */
uint64_t fiber_wall_ms(const struct machine *machine);
/* Whose clocks are read, where no process runs. */
void fiber_machine(const struct machine *machine);

/* Everything borrowed until it is freed. Runs nothing yet. */
struct process *process_new(const struct machine *machine, uint64_t number, void (*main)(void *ctx),
                            void *ctx);
/* Runs one of those that can go on, up to where it waits next. False: none can. */
bool process_step(struct process *process);
/* When one can go on by time alone; FIBER_NEVER. */
uint64_t process_next_ms(const struct process *process);
/* Its main function returned, or somebody called _exit. */
bool process_ended(const struct process *process, int *ret_code);
/* As kill -9: no fiber of it runs again; its descriptors are closed. Memory is not given back. */
void process_kill(struct process *process);
void process_free(struct process *process); /* ended or killed; NULL accepted */

/* Of the fiber that runs: waits until woken by fiber_wake, or for that long. */
void fiber_park(const void *on);
void fiber_sleep(uint64_t ms);
void fiber_wake(const void *on); /* from anywhere */
/* The process whose fiber runs, or NULL. */
struct process *fiber_process(void);
uint64_t process_number(const struct process *process);

#endif
