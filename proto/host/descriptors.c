#include "proto/host/descriptors.h"

#include <sys/resource.h>

int descriptors_raise(uint64_t wanted, uint64_t *ret_limit, struct error *ret_error)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return error_say(ret_error, E_IO, "descriptors", "上限无法读取", "the limit is not told");
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (getrlimit(RLIMIT_NOFILE, &limit))
            return error_say(ret_error, E_IO, "descriptors", "上限无法读取",
                             "the limit is not told");
    }
    *ret_limit = limit.rlim_cur;
    return 0;
}
