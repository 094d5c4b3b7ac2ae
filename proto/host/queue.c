#include "proto/host/queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/file.h"

int bell_init(int *ret_fd, struct error *ret_error)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return file_said(ret_error, E_IO, "eventfd", NULL, errno);
    *ret_fd = fd;
    return 0;
}

void bell_ring(int fd)
{
    uint64_t one = 1;
    ssize_t written;
    /* A full counter (EAGAIN) is already readable. */
    do written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void bell_clear(int fd)
{
    uint64_t count;
    ssize_t got;
    do got = read(fd, &count, sizeof count);
    while (got < 0 && errno == EINTR);
}

int queue_init(struct queue *ret_queue, size_t cap, bool with_event, struct error *ret_error)
{
    CHECK(cap > 0);
    struct queue queue = {.cap = cap, .event_fd = -1};
    queue.items = (void **)calloc(cap, sizeof *queue.items);
    if (!queue.items) return error_set(ret_error, E_NO_MEMORY, NULL, "queue of %zu", cap);
    if (with_event) {
        int code = bell_init(&queue.event_fd, ret_error);
        if (code) {
            free((void *)queue.items);
            return code;
        }
    }
    *ret_queue = queue;
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_mutex_init(&ret_queue->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&ret_queue->filled, &attributes) == 0);
    CHECK(pthread_cond_init(&ret_queue->emptied, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return 0;
}

void queue_fini(struct queue *queue)
{
    if (!queue || !queue->items) return;
    pthread_cond_destroy(&queue->filled);
    pthread_cond_destroy(&queue->emptied);
    pthread_mutex_destroy(&queue->mutex);
    if (queue->event_fd >= 0) close(queue->event_fd);
    free((void *)queue->items);
    *queue = (struct queue){.event_fd = -1};
}

static void put(struct queue *queue, void *item)
{
    bool was_empty = queue->count == 0;
    queue->items[(queue->head + queue->count) % queue->cap] = item;
    queue->count++;
    pthread_cond_signal(&queue->filled);
    if (was_empty && queue->event_fd >= 0) bell_ring(queue->event_fd);
}

static void *take(struct queue *queue)
{
    if (queue->count == 0) return NULL;
    void *item = queue->items[queue->head];
    queue->head = (queue->head + 1) % queue->cap;
    queue->count--;
    pthread_cond_signal(&queue->emptied);
    return item;
}

bool queue_push(struct queue *queue, void *take_item)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->cap && !queue->closed)
        pthread_cond_wait(&queue->emptied, &queue->mutex);
    bool ok = !queue->closed;
    if (ok) put(queue, take_item);
    pthread_mutex_unlock(&queue->mutex);
    return ok;
}

bool queue_try_push(struct queue *queue, void *take_item)
{
    pthread_mutex_lock(&queue->mutex);
    bool ok = !queue->closed && queue->count < queue->cap;
    if (ok) put(queue, take_item);
    pthread_mutex_unlock(&queue->mutex);
    return ok;
}

void *queue_pop(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->closed) pthread_cond_wait(&queue->filled, &queue->mutex);
    void *item = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void *queue_pop_within(struct queue *queue, int timeout_ms, bool *ret_timed_out)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    bool timed_out = false;
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->closed && !timed_out)
        timed_out = pthread_cond_timedwait(&queue->filled, &queue->mutex, &until) == ETIMEDOUT;
    void *item = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    if (ret_timed_out) *ret_timed_out = timed_out && !item;
    return item;
}

void *queue_try_pop(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    void *item = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

size_t queue_count(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    size_t count = queue->count;
    pthread_mutex_unlock(&queue->mutex);
    return count;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_cond_broadcast(&queue->emptied);
    if (queue->event_fd >= 0) bell_ring(queue->event_fd);
    pthread_mutex_unlock(&queue->mutex);
}

void queue_event_clear(struct queue *queue)
{
    if (queue->event_fd >= 0) bell_clear(queue->event_fd);
}
