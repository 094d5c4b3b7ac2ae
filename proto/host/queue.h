/* queue: a bounded ring of pointers between threads.
 *
 * Producers and consumers may be any number of threads. A queue made with an event has a file
 * descriptor that polls readable from the moment an item or the end is there until
 * queue_event_clear is called: for threads that wait for sockets and queues at once. Items are not
 * owned: who closes a queue drains it. Impure (threads, a descriptor); every function is
 * thread-safe but init and fini. */
#ifndef PROTO_HOST_QUEUE_H
#define PROTO_HOST_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    void **items;
    size_t cap, head, count;
    int event_fd; /* -1: none */
    bool closed;
};

/* Room for cap items (at least 1, CHECKed). E_NO_MEMORY, E_IO: nothing was made. */
int queue_init(struct queue *ret_queue, size_t cap, bool with_event,
               struct error *ret_error) MUST_USE;
/* No thread may be inside. Items still there are forgotten. NULL and zeroed queues accepted. */
void queue_fini(struct queue *queue);

/* Waits for room. False: closed, the item stays the caller's. */
bool queue_push(struct queue *queue, void *take_item) MUST_USE;
/* False: full or closed; the item stays the caller's. */
bool queue_try_push(struct queue *queue, void *take_item) MUST_USE;
/* The oldest item; waits for one. NULL: closed and empty. */
void *queue_pop(struct queue *queue);
/* As queue_pop, at most timeout_ms; then *ret_timed_out (may be NULL) is true and NULL returned. */
void *queue_pop_within(struct queue *queue, int timeout_ms, bool *ret_timed_out);
/* NULL: nothing there now. */
void *queue_try_pop(struct queue *queue);
size_t queue_count(struct queue *queue);
/* No pushes from here on; what is inside may still be popped. */
void queue_close(struct queue *queue);

static inline int queue_event_fd(const struct queue *queue)
{
    return queue->event_fd;
}
/* Before draining with queue_try_pop until NULL: so no wake-up is lost. */
void queue_event_clear(struct queue *queue);

/* The same wake-up for what is not a queue: a counter that polls readable once rung. */
int bell_init(int *ret_fd, struct error *ret_error) MUST_USE;
void bell_ring(int fd);
void bell_clear(int fd);

#endif
