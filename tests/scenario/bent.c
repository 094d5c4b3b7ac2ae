/* The bent surroundings of leadbusd_bent. */
#include "tests/scenario/bent.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/shell/zap.h"
#include "proto/base/check.h"
#include "tests/lib/disk.h"

static struct bent *bent;

static bool syncs_fail(void)
{
    return bent->syncs_fail != 0;
}

/* Before main: the first database is opened there. */
__attribute__((constructor)) static void open_bent(void)
{
    const char *path = getenv(BENT_VARIABLE);
    CHECK(path != NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    bent = mmap(NULL, sizeof *bent, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bent != MAP_FAILED);
    (void)close(fd);
    disk_install(syncs_fail);
}

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
    int r = __real_clock_gettime(id, ret);
    if (r == 0 && id == CLOCK_REALTIME && bent) ret->tv_sec += bent->clock_ms / 1000;
    return r;
}

int __real_zmq_bind(void *socket, const char *endpoint);
int __wrap_zmq_bind(void *socket, const char *endpoint);
int __wrap_zmq_bind(void *socket, const char *endpoint)
{
    bool handler = strcmp(endpoint, "inproc://zeromq.zap.01") == 0;
    return __real_zmq_bind(socket,
                           handler && bent->zap_absent ? "inproc://asked-by-nobody" : endpoint);
}

int __real_zmq_setsockopt(void *socket, int option, const void *value, size_t len);
int __wrap_zmq_setsockopt(void *socket, int option, const void *value, size_t len);
int __wrap_zmq_setsockopt(void *socket, int option, const void *value, size_t len)
{
    if (bent->zap_absent && (option == ZMQ_ZAP_DOMAIN || option == ZAP_ENFORCE_DOMAIN_OPTION))
        return 0;
    return __real_zmq_setsockopt(socket, option, value, len);
}
