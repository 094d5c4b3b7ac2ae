/* verify: the pool that decodes frames and checks hashes and signatures, one thread per core.
 *
 * It answers only "this signature is valid for this key"; whether the key is the right one is
 * decided by the core. Frames come out in the order they went in, whatever took longer, so that a
 * connection's messages keep theirs. Bounds: VERIFY_JOB_COUNT_MAX frames and VERIFY_BYTES_MAX of
 * their bytes inside; at the bound verify_offer says so and net stops reading. */
#ifndef BROKER_SHELL_VERIFY_H
#define BROKER_SHELL_VERIFY_H

#include "broker/shell/directory.h"
#include "broker/shell/job.h"

enum { VERIFY_JOB_COUNT_MAX = 1024, VERIFY_BYTES_MAX = 32 * 1024 * 1024, VERIFY_THREAD_MAX = 64 };

struct verify;

/* room_bell is rung when there is room again after a refused offer. Both are borrowed. */
int verify_start(size_t thread_count, struct directory_box *directories, int room_bell,
                 struct verify **ret_verify, struct error *ret_error) MUST_USE;
/* Stops the threads; frees what is still inside. */
void verify_stop(struct verify *take_verify);

/* From one thread. False: at a bound; the job stays the caller's. `here`: where nothing else is
 * inside, it is checked on the caller's thread before the call returns. */
bool verify_offer(struct verify *verify, struct job *take_job, bool here) MUST_USE;
/* From one thread: the next in order, or NULL when it is not done. */
struct job *verify_take(struct verify *verify);
/* Polls readable when there may be a next; clear it before taking until NULL. */
int verify_fd(const struct verify *verify);
void verify_clear(struct verify *verify);
/* Frames inside. */
size_t verify_count(struct verify *verify);

#endif
