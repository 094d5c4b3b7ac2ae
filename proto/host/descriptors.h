/* descriptors: how many files and sockets this process may have open. Programs make sure at their
 * start that they never run out: libraries that cannot open one end the process without a word of
 * what is wrong. Impure. */
#ifndef PROTO_HOST_DESCRIPTORS_H
#define PROTO_HOST_DESCRIPTORS_H

#include <stdint.h>

#include "proto/base/error.h"

/* Raises the soft limit to `wanted`, as far as the hard one lets it; never lowers it. *ret_limit:
 * what it is now. E_IO. */
int descriptors_raise(uint64_t wanted, uint64_t *ret_limit, struct error *ret_error) MUST_USE;

#endif
