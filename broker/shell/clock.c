#include "broker/shell/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <time.h>

/* One process has one clock. */
static struct {
    pthread_mutex_t mutex;
    uint64_t last_ms;
    int64_t base_ms; /* wall minus monotonic at start */
    struct clock_alarms alarms;
} the_clock = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t read_ms(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void clock_start(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    the_clock.base_ms = (int64_t)(read_ms(CLOCK_REALTIME) - read_ms(CLOCK_BOOTTIME));
    pthread_mutex_unlock(&the_clock.mutex);
}

static uint64_t now_locked(void)
{
    uint64_t wall_ms = read_ms(CLOCK_REALTIME);
    int64_t departure_ms = (int64_t)(wall_ms - read_ms(CLOCK_BOOTTIME)) - the_clock.base_ms;
    if (departure_ms > CLOCK_DEPARTURE_MS_MAX || departure_ms < -CLOCK_DEPARTURE_MS_MAX)
        the_clock.alarms.suspect = true;
    if (wall_ms < the_clock.last_ms) {
        the_clock.alarms.backward = true;
        return the_clock.last_ms;
    }
    the_clock.last_ms = wall_ms;
    return wall_ms;
}

uint64_t clock_now_ms(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    uint64_t now_ms = now_locked();
    pthread_mutex_unlock(&the_clock.mutex);
    return now_ms;
}

uint64_t clock_monotonic_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

void clock_compare_journal(uint64_t last_record_ms)
{
    pthread_mutex_lock(&the_clock.mutex);
    uint64_t wall_ms = now_locked();
    if (last_record_ms > wall_ms) {
        the_clock.alarms.backward = true;
        the_clock.last_ms = last_record_ms;
        /* One of the two was wrong by more than clocks are. */
        if (last_record_ms - wall_ms > CLOCK_DEPARTURE_MS_MAX) the_clock.alarms.suspect = true;
    }
    if (last_record_ms && wall_ms > last_record_ms + CLOCK_GAP_MS_MAX)
        the_clock.alarms.suspect = true;
    pthread_mutex_unlock(&the_clock.mutex);
}

struct clock_alarms clock_alarms_take(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    (void)now_locked();
    struct clock_alarms alarms = the_clock.alarms;
    the_clock.alarms.backward = false;
    pthread_mutex_unlock(&the_clock.mutex);
    return alarms;
}

void clock_random(void *ret_data, size_t len)
{
    randombytes_buf(ret_data, len);
}
