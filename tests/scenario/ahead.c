/* Preloaded into a program: its wall clock is ahead by LEADBUS_AHEAD_S seconds. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ret)
{
    const char *ahead = getenv("LEADBUS_AHEAD_S");
    long r = syscall(SYS_clock_gettime, id, ret);
    if (r == 0 && id == CLOCK_REALTIME && ahead) ret->tv_sec += strtol(ahead, NULL, 10);
    return (int)r;
}
