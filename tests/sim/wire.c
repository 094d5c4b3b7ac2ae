#include "tests/sim/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/shell/net.h"
#include "clients/lib/io.h"
#include "proto/base/check.h"
#include "tests/sim/random.h"

enum { HANDSHAKE_MS = 10000, SILENCE_MS = 30000 };

struct frame {
    struct frame *next;
    uint64_t at_ms;
    struct buf bytes;
};

/* One way of a connection: ordered by when it is there. */
struct way {
    struct frame *first;
    uint64_t last_ms;
    size_t bytes;
};

enum state { CONNECTING, OPEN, BROKEN };

/* A connection. The unit's end and the broker's hold it; either may be gone. */
struct line {
    struct line *next;
    uint64_t number; /* the routing id */
    size_t unit;
    enum state state;
    uint8_t transport[32];
    uint64_t serial;
    uint64_t at_ms;     /* CONNECTING: when it is decided; BROKEN: when the unit's end notices */
    bool left;          /* the unit's end is gone */
    bool told;          /* of what it became */
    struct way in, out; /* to the broker, to the unit */
    struct frame *here; /* what the unit's end has not read yet */
};

struct zap {
    struct directory_box *directories;
    struct counters *counters;
};

struct net {
    struct zap *zap;
    struct counters *counters;
    struct queue *gone;
    struct verify *verify;
    int room_bell;
    bool runs, reads;
    struct outgoing *staged, **staged_end;
};

struct io {
    size_t unit;
    uint8_t transport[32];
    struct line *line;
    bool connected;
    uint64_t since_ms, next_ms, pause_ms;
};

struct stranger {
    struct line *line;
};

static struct {
    struct random random;
    const struct machine *broker;
    struct wire_weather weather;
    wire_seen seen;
    void *ctx;
    void (*met)(void *ctx, size_t unit, enum wire_fault fault);
    void *met_ctx;
    struct net *net; /* of the broker that serves; NULL: none */
    struct line *lines;
    uint64_t line_count;
    size_t unit, unit_count;
    bool *cut, *rang;
    struct wire_counts counts;
} the;

void wire_init(uint64_t seed, const struct machine *broker, size_t unit_count, wire_seen seen,
               void *ctx)
{
    memset(&the, 0, sizeof the);
    random_init(&the.random, seed, "wire");
    the.broker = broker;
    the.seen = seen;
    the.ctx = ctx;
    the.unit_count = unit_count;
    the.cut = (bool *)calloc(unit_count, sizeof *the.cut);
    the.rang = (bool *)calloc(unit_count, sizeof *the.rang);
    CHECK(the.cut && the.rang);
    the.weather = (struct wire_weather){.delay_least_ms = 1, .delay_most_ms = 5};
}

void wire_watch(void (*met)(void *ctx, size_t unit, enum wire_fault fault), void *ctx)
{
    the.met = met;
    the.met_ctx = ctx;
}

static void met(const struct line *line, enum wire_fault fault)
{
    if (the.met) the.met(the.met_ctx, line->unit, fault);
}

/* ---- lines --------------------------------------------------------------------------------------
 */

static void frames_free(struct frame **first)
{
    while (*first) {
        struct frame *frame = *first;
        *first = frame->next;
        buf_fini(&frame->bytes);
        free(frame);
    }
}

static void line_free(struct line *line)
{
    struct line **place = &the.lines;
    while (*place != line) place = &(*place)->next;
    *place = line->next;
    frames_free(&line->in.first);
    frames_free(&line->out.first);
    frames_free(&line->here);
    free(line);
}

void wire_fini(void)
{
    while (the.lines) line_free(the.lines);
    free(the.cut);
    free(the.rang);
    memset(&the, 0, sizeof the);
}

static uint64_t delay_ms(void)
{
    return random_between(&the.random, the.weather.delay_least_ms, the.weather.delay_most_ms);
}

static struct line *line_new(size_t unit, const uint8_t transport[32])
{
    struct line *line = (struct line *)calloc(1, sizeof *line);
    CHECK(line != NULL);
    line->number = ++the.line_count;
    line->unit = unit;
    memcpy(line->transport, transport, 32);
    line->at_ms = fiber_now_ms() + 2 * delay_ms();
    struct line **end = &the.lines;
    while (*end) end = &(*end)->next;
    *end = line;
    the.counts.connections++;
    return line;
}

static void ring(const struct line *line)
{
    if (!line->left) the.rang[line->unit] = true;
}

static void line_break(struct line *line, uint64_t noticed_ms)
{
    if (line->state == BROKEN) return;
    line->state = BROKEN;
    line->at_ms = noticed_ms;
    frames_free(&line->in.first);
    frames_free(&line->out.first);
    the.counts.broken++;
}

static void way_add(struct way *way, struct bytes bytes, uint64_t at_ms)
{
    struct frame *frame = (struct frame *)calloc(1, sizeof *frame);
    CHECK(frame != NULL);
    frame->at_ms = at_ms;
    buf_append_bytes(&frame->bytes, bytes);
    way->bytes += bytes.len;
    struct frame **place = &way->first;
    while (*place && (*place)->at_ms <= at_ms) place = &(*place)->next;
    frame->next = *place;
    *place = frame;
}

static void line_put(struct line *line, bool to_broker, struct bytes bytes)
{
    struct way *way = to_broker ? &line->in : &line->out;
    the.counts.frames++;
    if (the.seen) the.seen(the.ctx, line->unit, to_broker, bytes);
    if (line->state != OPEN || the.cut[line->unit]) return;
    if (random_chance(&the.random, the.weather.breaking)) {
        met(line, WIRE_BROKEN);
        line_break(line, fiber_now_ms() + delay_ms());
        return;
    }
    if (random_chance(&the.random, the.weather.lost)) {
        the.counts.lost++;
        met(line, WIRE_LOST);
        return;
    }
    uint64_t at_ms = fiber_now_ms() + delay_ms();
    if (at_ms >= fiber_now_ms() + WIRE_LATE_MS) met(line, WIRE_LATE);
    if (random_chance(&the.random, the.weather.overtaking)) {
        the.counts.overtook++;
        if (at_ms < way->last_ms) met(line, WIRE_OVERTOOK);
    } else if (at_ms < way->last_ms) {
        at_ms = way->last_ms;
    }
    if (at_ms > way->last_ms) way->last_ms = at_ms;
    way_add(way, bytes, at_ms);
    if (!random_chance(&the.random, the.weather.doubled)) return;
    the.counts.doubled++;
    met(line, WIRE_DOUBLED);
    way_add(way, bytes, at_ms + delay_ms());
}

void wire_weather(const struct wire_weather *weather)
{
    the.weather = *weather;
}

void wire_partition(size_t unit, bool cut)
{
    the.cut[unit] = cut;
    if (!cut) return;
    for (struct line *line = the.lines; line; line = line->next)
        if (line->unit == unit) line_break(line, fiber_now_ms() + SILENCE_MS);
}

bool wire_partitioned(size_t unit)
{
    return the.cut[unit];
}

void wire_break_all(void)
{
    for (struct line *line = the.lines; line; line = line->next)
        line_break(line, fiber_now_ms() + delay_ms());
}

struct wire_counts wire_counts(void)
{
    return the.counts;
}

/* ---- the broker's end ---------------------------------------------------------------------------
 */

int zap_start(void *zmq_context, struct directory_box *directories, struct counters *counters,
              uint64_t connection_count_max, struct zap **ret_zap, struct error *ret_error)
{
    (void)zmq_context;
    (void)connection_count_max;
    struct zap *zap = (struct zap *)calloc(1, sizeof *zap);
    if (!zap) return error_set(ret_error, E_NO_MEMORY, NULL, "zap");
    *zap = (struct zap){directories, counters};
    *ret_zap = zap;
    return 0;
}

int zap_watch(struct zap *zap, const char *monitor_address, struct error *ret_error)
{
    (void)zap;
    (void)monitor_address;
    (void)ret_error;
    return 0;
}

void zap_serving(struct zap *zap)
{
    (void)zap;
}

void zap_stop(struct zap *take_zap)
{
    free(take_zap);
}

int zap_prove(void *zmq_context, const char *endpoint, const uint8_t server_public[static 32],
              struct error *ret_error)
{
    (void)zmq_context;
    (void)endpoint;
    (void)server_public;
    (void)ret_error;
    return 0;
}

int net_open(void *zmq_context, const uint8_t server_secret[static 32], struct zap *zap,
             struct counters *counters, struct queue *gone, struct net **ret_net,
             struct error *ret_error)
{
    (void)zmq_context;
    (void)server_secret;
    struct net *net = (struct net *)calloc(1, sizeof *net);
    if (!net) return error_set(ret_error, E_NO_MEMORY, NULL, "net");
    *net = (struct net){.zap = zap, .counters = counters, .gone = gone, .room_bell = -1};
    net->staged_end = &net->staged;
    int code = bell_init(&net->room_bell, ret_error);
    if (code) {
        free(net);
        return code;
    }
    *ret_net = net;
    return 0;
}

int net_bind(struct net *net, const char *endpoint, char ret_bound[NET_ENDPOINT_LEN_MAX + 1],
             struct error *ret_error)
{
    (void)net;
    (void)ret_error;
    (void)snprintf(ret_bound, NET_ENDPOINT_LEN_MAX + 1, "%s", endpoint);
    return 0;
}

int net_room_bell(const struct net *net)
{
    return net->room_bell;
}

int net_run(struct net *net, struct verify *verify, struct error *ret_error)
{
    (void)ret_error;
    net->verify = verify;
    net->runs = net->reads = true;
    the.net = net;
    return 0;
}

void net_send(struct net *net, const struct peer *peer, struct buf *take_frame)
{
    struct outgoing *item = (struct outgoing *)calloc(1, sizeof *item);
    CHECK(item != NULL);
    item->peer = *peer;
    item->frame = *take_frame;
    *take_frame = (struct buf){0};
    *net->staged_end = item;
    net->staged_end = &item->next;
}

static void peer_of(const struct line *line, struct peer *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->len = 8;
    store_u64(ret->id, line->number);
}

static void tell_gone(struct net *net, const struct peer *peer)
{
    struct peer *told = (struct peer *)malloc(sizeof *told);
    CHECK(told != NULL);
    *told = *peer;
    if (!queue_try_push(net->gone, told)) free(told);
}

static struct line *line_of(const struct peer *peer)
{
    struct line *line = the.lines;
    while (line && (line->state != OPEN || line->number != load_u64(peer->id))) line = line->next;
    return line;
}

void net_flush(struct net *net)
{
    while (net->staged) {
        struct outgoing *item = net->staged;
        net->staged = item->next;
        struct line *line = line_of(&item->peer);
        if (line && line->out.bytes + item->frame.len > NET_BACKLOG_BYTES_MAX) {
            counters_add(&net->counters->dropped_slow, 1);
            line_break(line, fiber_now_ms() + delay_ms());
            line = NULL;
        }
        counters_add(&net->counters->frames_out, 1);
        if (line)
            line_put(line, false, buf_bytes(&item->frame));
        else
            tell_gone(net, &item->peer);
        buf_fini(&item->frame);
        free(item);
    }
    net->staged_end = &net->staged;
}

void net_stop_reading(struct net *net)
{
    net->reads = false;
}

void net_stop(struct net *take_net)
{
    if (!take_net) return;
    net_flush(take_net);
    if (the.net == take_net) wire_broker_gone(false);
    close(take_net->room_bell);
    free(take_net);
}

void wire_broker_gone(bool silent)
{
    the.net = NULL;
    for (struct line *line = the.lines; line; line = line->next)
        line_break(line, fiber_now_ms() + (silent ? SILENCE_MS : delay_ms()));
}

static bool let_in(struct line *line)
{
    const struct directory *directory = directory_get(the.net->zap->directories);
    const struct directory_entry *entry =
        directory ? directory_by_transport(directory, line->transport) : NULL;
    uint64_t now_ms = fiber_wall_ms(the.broker);
    bool may =
        entry && !entry->revoked && now_ms >= entry->not_before_ms && now_ms <= entry->not_after_ms;
    if (may) line->serial = entry->serial;
    directory_put(directory);
    if (!may) counters_add(&the.net->counters->handshakes_refused, 1);
    return may;
}

/* False: the pool has no room now. */
static bool hand_over(struct line *line, const struct frame *frame)
{
    struct net *net = the.net;
    struct job *job = (struct job *)calloc(1, sizeof *job);
    CHECK(job != NULL);
    job->serial = line->serial;
    peer_of(line, &job->peer);
    job->frame_len = frame->bytes.len;
    buf_append_bytes(&job->input, buf_bytes(&frame->bytes));
    /* The shipped loop checks a frame that comes alone itself. */
    bool alone = frame->next == NULL && random_below(&the.random, 2) == 0;
    if (verify_offer(net->verify, job, alone)) {
        counters_add(&net->counters->frames_in, 1);
        return true;
    }
    job_free(job);
    return false;
}

/* ---- time passes --------------------------------------------------------------------------------
 */

static bool line_decide(struct line *line)
{
    if (line->state != CONNECTING || line->at_ms > fiber_now_ms() || line->told) return false;
    if (the.cut[line->unit]) {
        line->at_ms = FIBER_NEVER; /* nobody answers: the unit's end gives up */
        return true;
    }
    if (!the.net || !the.net->runs) {
        line_break(line, fiber_now_ms());
    } else if (!let_in(line)) {
        the.counts.turned_away++;
        line_break(line, fiber_now_ms());
    } else {
        line->state = OPEN;
        ring(line);
    }
    return true;
}

static bool line_deliver(struct line *line)
{
    bool did = false;
    uint64_t now_ms = fiber_now_ms();
    if (line->state != OPEN) return false;
    while (line->in.first && line->in.first->at_ms <= now_ms && the.net && the.net->reads) {
        struct frame *frame = line->in.first;
        if (!hand_over(line, frame)) {
            frame->at_ms = now_ms + 1; /* backpressure: the peer's pipe fills */
            break;
        }
        line->in.first = frame->next;
        line->in.bytes -= frame->bytes.len;
        frame->next = NULL;
        frames_free(&frame);
        did = true;
    }
    while (line->out.first && line->out.first->at_ms <= now_ms) {
        struct frame *frame = line->out.first, **end = &line->here;
        line->out.first = frame->next;
        line->out.bytes -= frame->bytes.len;
        frame->next = NULL;
        while (*end) end = &(*end)->next;
        *end = frame;
        ring(line);
        did = true;
    }
    return did;
}

bool wire_step(void)
{
    bool did = false;
    uint64_t now_ms = fiber_now_ms();
    for (struct line *line = the.lines, *next; line; line = next) {
        next = line->next;
        did = line_decide(line) || did;
        did = line_deliver(line) || did;
        if (line->state != BROKEN) continue;
        if (line->left) {
            line_free(line);
        } else if (line->at_ms <= now_ms && !line->told) {
            line->told = true;
            ring(line);
            did = true;
        }
    }
    return did;
}

static void sooner(uint64_t *next_ms, uint64_t at_ms)
{
    if (at_ms < *next_ms) *next_ms = at_ms;
}

uint64_t wire_next_ms(void)
{
    uint64_t next_ms = FIBER_NEVER;
    for (const struct line *line = the.lines; line; line = line->next) {
        if (line->state == CONNECTING || (line->state == BROKEN && !line->told))
            sooner(&next_ms, line->at_ms);
        if (line->state != OPEN) continue;
        if (line->in.first && the.net && the.net->reads) sooner(&next_ms, line->in.first->at_ms);
        if (line->out.first) sooner(&next_ms, line->out.first->at_ms);
    }
    return next_ms;
}

void wire_unit(size_t unit)
{
    the.unit = unit;
}

bool wire_rang(size_t unit)
{
    bool rang = the.rang[unit];
    the.rang[unit] = false;
    return rang;
}

static bool line_read(struct line *line, struct buf *ret_frame)
{
    struct frame *frame = line ? line->here : NULL;
    if (!frame) return false;
    line->here = frame->next;
    frame->next = NULL;
    buf_append_bytes(ret_frame, buf_bytes(&frame->bytes));
    frames_free(&frame);
    return true;
}

/* The unit's end is gone: the broker hears of it when it sends next, as with TCP. */
static void line_leave(struct line *line)
{
    if (!line) return;
    line->left = true;
    line_break(line, fiber_now_ms());
}

/* ---- the unit's end -----------------------------------------------------------------------------
 */

int io_new(const uint8_t public_key[32], const uint8_t secret_key[32], struct io **ret_io,
           struct error *ret_error)
{
    (void)secret_key;
    struct io *io = (struct io *)calloc(1, sizeof *io);
    if (!io) return error_set(ret_error, E_NO_MEMORY, NULL, "io");
    io->unit = the.unit;
    memcpy(io->transport, public_key, 32);
    io->pause_ms = IO_PAUSE_MIN_MS;
    io->next_ms = UINT64_MAX;
    *ret_io = io;
    return 0;
}

static void io_shut(struct io *io)
{
    line_leave(io->line);
    io->line = NULL;
    io->connected = false;
}

void io_free(struct io *io)
{
    if (!io) return;
    io_shut(io);
    free(io);
}

int io_fd(const struct io *io)
{
    (void)io;
    return -1;
}

void io_target(struct io *io, const char *endpoint, const uint8_t server_key[32])
{
    (void)endpoint;
    (void)server_key;
    if (!io->line && io->next_ms == UINT64_MAX) io->next_ms = 0;
}

void io_drop(struct io *io, uint64_t now_ms, uint64_t wait_ms)
{
    io_shut(io);
    uint64_t pause_ms = io->pause_ms > wait_ms ? io->pause_ms : wait_ms;
    io->next_ms = now_ms + pause_ms / 2 + random_below(&the.random, pause_ms / 2 + 1);
    io->pause_ms = io->pause_ms * 2 > IO_PAUSE_MAX_MS ? IO_PAUSE_MAX_MS : io->pause_ms * 2;
}

void io_tick(struct io *io, uint64_t now_ms)
{
    if (io->line && !io->connected && now_ms - io->since_ms > HANDSHAKE_MS) io_drop(io, now_ms, 0);
    if (io->line || now_ms < io->next_ms) return;
    io->since_ms = now_ms;
    io->next_ms = UINT64_MAX;
    io->line = line_new(io->unit, io->transport);
}

uint64_t io_next_ms(const struct io *io)
{
    if (io->line && !io->connected) return io->since_ms + HANDSHAKE_MS + 1;
    return io->line ? UINT64_MAX : io->next_ms;
}

enum io_event io_event(struct io *io, uint64_t now_ms)
{
    struct line *line = io->line;
    if (!line) return IO_NOTHING;
    if (!io->connected && line->state == OPEN) {
        io->connected = true;
        return IO_CONNECTED;
    }
    if (line->state != BROKEN || !line->told) return IO_NOTHING;
    bool was = io->connected;
    io_drop(io, now_ms, 0);
    return was ? IO_LOST : IO_NOTHING;
}

void io_settled(struct io *io)
{
    io->pause_ms = IO_PAUSE_MIN_MS;
}

bool io_receive(struct io *io, struct buf *ret_frame)
{
    return io->connected && line_read(io->line, ret_frame);
}

bool io_send(struct io *io, struct bytes frame)
{
    if (!io->connected) return false;
    line_put(io->line, true, frame);
    return true;
}

bool io_readable(struct io *io)
{
    const struct line *line = io->line;
    if (!line) return false;
    return line->here || (line->state == OPEN && !io->connected) ||
           (line->state == BROKEN && line->told);
}

uint64_t io_dropped(const struct io *io)
{
    (void)io;
    return 0;
}

/* ---- strangers ----------------------------------------------------------------------------------
 */

struct stranger *stranger_new(size_t unit, const uint8_t transport[32])
{
    struct stranger *stranger = (struct stranger *)calloc(1, sizeof *stranger);
    CHECK(stranger != NULL);
    stranger->line = line_new(unit, transport);
    return stranger;
}

void stranger_free(struct stranger *stranger)
{
    if (!stranger) return;
    line_leave(stranger->line);
    free(stranger);
}

bool stranger_connected(const struct stranger *stranger)
{
    return stranger->line->state == OPEN;
}

bool stranger_broken(const struct stranger *stranger)
{
    return stranger->line->state == BROKEN;
}

void stranger_say(struct stranger *stranger, struct bytes frame)
{
    line_put(stranger->line, true, frame);
}

bool stranger_hear(struct stranger *stranger, struct buf *ret_frame)
{
    return line_read(stranger->line, ret_frame);
}
