/* io: the connection to the broker: a DEALER socket with CURVE, and when to try again.
 *
 * libzmq reconnects by itself, but then the broker does not know us any more and what waits in the
 * socket would arrive before the greeting. So it is told not to: a monitor says when the handshake
 * is done or the connection lost, and we make a new socket, after a pause that doubles up to
 * IO_PAUSE_MAX_MS with jitter. Impure; one thread. */
#ifndef CLIENTS_LIB_IO_H
#define CLIENTS_LIB_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum { IO_PAUSE_MIN_MS = 50, IO_PAUSE_MAX_MS = 30000, IO_ENDPOINT_LEN_MAX = 255 };

enum io_event { IO_NOTHING, IO_CONNECTED, IO_LOST };

struct io;

int io_new(const uint8_t public_key[32], const uint8_t secret_key[32], struct io **ret_io,
           struct error *ret_error) MUST_USE;
/* At most a second is spent on what was sent last. */
void io_free(struct io *io);
/* Readable when something may have happened (edge). */
int io_fd(const struct io *io);
/* Where to connect from the next attempt on. */
void io_target(struct io *io, const char *endpoint, const uint8_t server_key[32]);
/* Connects when it is time to. now_ms: any clock that does not jump. */
void io_tick(struct io *io, uint64_t now_ms);
uint64_t io_next_ms(const struct io *io); /* UINT64_MAX: nothing is due */
enum io_event io_event(struct io *io, uint64_t now_ms);
/* Drops the connection; the next attempt not before at_ms. */
void io_drop(struct io *io, uint64_t now_ms, uint64_t wait_ms);
/* The connection is of use: the next pause is short again. */
void io_settled(struct io *io);
/* One frame, appended to an empty buffer; false: none. Oversized and many-part messages are dropped
 * and counted. */
bool io_receive(struct io *io, struct buf *ret_frame);
/* false: the socket takes no more now, or there is no connection. */
bool io_send(struct io *io, struct bytes frame);
bool io_readable(struct io *io);
uint64_t io_dropped(const struct io *io);

#endif
