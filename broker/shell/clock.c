#include "broker/shell/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <time.h>

static uint64_t read_system(bool wall)
{
    struct timespec time;
    clock_gettime(wall ? CLOCK_REALTIME : CLOCK_BOOTTIME, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* One process has one clock. */
static struct {
    pthread_mutex_t mutex;
    uint64_t (*read_ms)(bool wall);
    uint64_t last_ms;      /* handed out */
    uint64_t last_wall_ms; /* read */
    int64_t base_ms;       /* the wall clock minus the monotonic one while it was believed */
    bool backward, suspect;
} the_clock = {.mutex = PTHREAD_MUTEX_INITIALIZER, .read_ms = read_system};

static int64_t departure_locked(void)
{
    return (int64_t)(the_clock.read_ms(true) - the_clock.read_ms(false)) - the_clock.base_ms;
}

static bool departs(int64_t departure_ms)
{
    return departure_ms > CLOCK_DEPARTURE_MS_MAX || departure_ms < -CLOCK_DEPARTURE_MS_MAX;
}

static uint64_t now_locked(void)
{
    uint64_t wall_ms = the_clock.read_ms(true);
    if (departs(departure_locked())) the_clock.suspect = true;
    if (wall_ms < the_clock.last_wall_ms) the_clock.backward = true;
    the_clock.last_wall_ms = wall_ms;
    uint64_t now_ms =
        the_clock.suspect ? the_clock.read_ms(false) + (uint64_t)the_clock.base_ms : wall_ms;
    if (now_ms < the_clock.last_ms) return the_clock.last_ms;
    the_clock.last_ms = now_ms;
    return now_ms;
}

static void rebase_locked(uint64_t now_ms)
{
    the_clock.base_ms = (int64_t)(now_ms - the_clock.read_ms(false));
}

void clock_start(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    rebase_locked(the_clock.read_ms(true));
    pthread_mutex_unlock(&the_clock.mutex);
}

uint64_t clock_now_ms(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    uint64_t now_ms = now_locked();
    pthread_mutex_unlock(&the_clock.mutex);
    return now_ms;
}

uint64_t clock_wall_ms(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    uint64_t wall_ms = the_clock.read_ms(true);
    pthread_mutex_unlock(&the_clock.mutex);
    return wall_ms;
}

uint64_t clock_monotonic_ms(void)
{
    return read_system(false);
}

void clock_compare_journal(uint64_t last_record_ms)
{
    pthread_mutex_lock(&the_clock.mutex);
    uint64_t wall_ms = the_clock.read_ms(true);
    bool behind = last_record_ms > 0 && wall_ms > last_record_ms + CLOCK_GAP_MS_MAX;
    bool ahead = last_record_ms > wall_ms;
    if (ahead) the_clock.backward = true;
    /* One of the two was wrong by more than clocks are. */
    if (behind || (ahead && last_record_ms - wall_ms > CLOCK_DEPARTURE_MS_MAX)) {
        the_clock.suspect = true;
        rebase_locked(last_record_ms);
        the_clock.last_ms = last_record_ms;
    } else if (ahead) {
        the_clock.last_ms = last_record_ms;
    }
    pthread_mutex_unlock(&the_clock.mutex);
}

void clock_confirm(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    the_clock.suspect = false;
    rebase_locked(the_clock.read_ms(true));
    pthread_mutex_unlock(&the_clock.mutex);
}

struct clock_alarms clock_alarms_take(void)
{
    pthread_mutex_lock(&the_clock.mutex);
    (void)now_locked();
    struct clock_alarms alarms = {.backward = the_clock.backward, .suspect = the_clock.suspect};
    if (alarms.suspect) alarms.departure_ms = departure_locked();
    the_clock.backward = false;
    pthread_mutex_unlock(&the_clock.mutex);
    return alarms;
}

void clock_use(uint64_t (*read_ms)(bool wall))
{
    pthread_mutex_lock(&the_clock.mutex);
    the_clock.read_ms = read_ms ? read_ms : read_system;
    the_clock.last_ms = the_clock.last_wall_ms = 0;
    the_clock.backward = the_clock.suspect = false;
    rebase_locked(the_clock.read_ms(true));
    pthread_mutex_unlock(&the_clock.mutex);
}

void clock_random(void *ret_data, size_t len)
{
    randombytes_buf(ret_data, len);
}
