/* redis: one stream with six consumer groups; XADD, XREADGROUP of up to READ_MAX, one XACK of all
 * that was read. Confirmed: the reply to XADD. The C client of Debian 12 speaks no TLS: its
 * formatter and reply reader are used over a connection of our own. */
#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/rivals/harness.h"

enum { READ_MAX = 64, SENT_BYTES_AT_ONCE = 32768, RETRY_MS = 2, BUFFER_LEN = 65536 };

struct link {
    int fd;
    SSL *tls;
    redisReader *reader;
};

static bool link_open(const struct harness *harness, struct link *link)
{
    const int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)harness->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0) harness_fail("socket");
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(link->fd);
        return false;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_load_verify_locations(context, harness->ca, NULL) != 1)
        harness_fail("certificate");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    link->tls = SSL_new(context);
    link->reader = redisReaderCreate();
    if (!link->tls || !link->reader || SSL_set_fd(link->tls, link->fd) != 1 ||
        SSL_connect(link->tls) != 1)
        harness_fail("TLS");
    return true;
}

static void link_write(struct link *link, const char *data, size_t len)
{
    if (SSL_write(link->tls, data, (int)len) != (int)len) harness_fail("write");
}

/* NULL, only where it need not wait: there is none in what was read so far. */
static redisReply *link_reply(struct link *link, bool wait)
{
    char buffer[BUFFER_LEN];
    void *reply = NULL;
    for (;;) {
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK)
            harness_fail("reply: %s", link->reader->errstr);
        if (reply || !wait) return reply;
        int len = SSL_read(link->tls, buffer, sizeof buffer);
        if (len <= 0 || redisReaderFeed(link->reader, buffer, (size_t)len) != REDIS_OK)
            harness_fail("read");
    }
}

static redisReply *command(struct link *link, const char *text)
{
    char *formatted = NULL;
    int len = redisFormatCommand(&formatted, text);
    if (len < 0) harness_fail("command");
    link_write(link, formatted, (size_t)len);
    free(formatted);
    redisReply *reply = link_reply(link, true);
    if (reply->type == REDIS_REPLY_ERROR) harness_fail("%s: %s", text, reply->str);
    return reply;
}

/* Answers "LOADING" as an error while it reads its log. */
static bool answers(struct link *link)
{
    static const char text[] = "PING\r\n";
    link_write(link, text, sizeof text - 1);
    redisReply *reply = link_reply(link, true);
    bool yes = reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return yes;
}

static void ping(struct harness *harness)
{
    struct link link;
    while (!link_open(harness, &link)) harness_pause_ms(RETRY_MS);
    while (!answers(&link)) harness_pause_ms(RETRY_MS);
}

static void setup(struct harness *harness)
{
    struct link link;
    if (!link_open(harness, &link)) harness_fail("connect");
    freeReplyObject(command(&link, "DEL bus"));
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "XGROUP CREATE bus g%zu $ MKSTREAM", i);
        freeReplyObject(command(&link, text));
    }
}

/* All entries of one answer to XREADGROUP, then acknowledged at once. */
static void take_entries(struct harness *harness, size_t consumer, struct link *link,
                         const redisReply *entries)
{
    const char *words[3 + READ_MAX] = {"XACK", "bus"};
    size_t lens[3 + READ_MAX] = {4, 3}, count = 3;
    char group[16], *formatted = NULL;
    lens[2] = (size_t)snprintf(group, sizeof group, "g%zu", consumer);
    words[2] = group;
    if (entries->elements > READ_MAX) harness_fail("too many entries");
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i], *value = entry->element[1]->element[1];
        harness_delivered(harness, consumer, value->str, value->len);
        words[count] = entry->element[0]->str;
        lens[count++] = entry->element[0]->len;
    }
    int len = (int)redisFormatCommandArgv(&formatted, (int)count, words, lens);
    if (len < 0) harness_fail("command");
    link_write(link, formatted, (size_t)len);
    free(formatted);
    redisReply *reply = link_reply(link, true);
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer != (long long)(count - 3))
        harness_fail("acknowledge");
    freeReplyObject(reply);
}

static void consume(struct harness *harness, size_t consumer)
{
    struct link link;
    char text[96];
    if (!link_open(harness, &link)) harness_fail("connect");
    (void)snprintf(text, sizeof text, "XREADGROUP GROUP g%zu c COUNT %d BLOCK 1000 STREAMS bus >",
                   consumer, READ_MAX);
    harness_ready(harness);
    for (;;) {
        redisReply *reply = command(&link, text);
        if (reply->type == REDIS_REPLY_ARRAY)
            take_entries(harness, consumer, &link, reply->element[0]->element[1]);
        freeReplyObject(reply);
    }
}

/* As many as the window and one write allow: how many. */
static size_t send_some(struct harness *harness, struct link *link, size_t sent, size_t confirmed)
{
    static char buffer[SENT_BYTES_AT_ONCE + 2 * HARNESS_BODY_LEN];
    const char *words[] = {"XADD", "bus", "*", "d", (const char *)harness->body};
    const size_t lens[] = {4, 3, 1, 1, HARNESS_BODY_LEN};
    size_t count = 0, used = 0;
    while (sent + count < harness->count && sent + count - confirmed < harness->window &&
           used < SENT_BYTES_AT_ONCE) {
        char *formatted = NULL;
        harness_stamp(harness, sent + count++);
        int len = (int)redisFormatCommandArgv(&formatted, 5, words, lens);
        if (len < 0 || used + (size_t)len > sizeof buffer) harness_fail("command");
        memcpy(buffer + used, formatted, (size_t)len);
        used += (size_t)len;
        free(formatted);
    }
    if (used) link_write(link, buffer, used);
    return count;
}

static void publish(struct harness *harness)
{
    struct link link;
    size_t sent = 0, confirmed = 0;
    if (!link_open(harness, &link)) harness_fail("connect");
    harness_begin(harness);
    while (confirmed < harness->count) {
        sent += send_some(harness, &link, sent, confirmed);
        bool full = sent == harness->count || sent - confirmed >= harness->window;
        if (!full) continue;
        for (redisReply *reply = link_reply(&link, true); reply; reply = link_reply(&link, false)) {
            if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
                harness_fail("XADD: %s", reply->str);
            freeReplyObject(reply);
            harness_confirmed(harness, confirmed++);
        }
    }
}

const struct rival rival = {"leadbus-rival-redis", ping, setup, consume, publish};
