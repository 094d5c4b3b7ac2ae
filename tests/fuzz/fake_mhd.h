/* fake_mhd: libmicrohttpd as far as clients/agent/http*.c call it, for one request at a time in
 * memory: its callbacks in its order, what it hands out (path and parameters decoded, headers as
 * they stand), and what it is given back. Linked in its place, so that everything above the socket
 * is what is shipped. Single-threaded. */
#ifndef TESTS_FUZZ_FAKE_MHD_H
#define TESTS_FUZZ_FAKE_MHD_H

#include <stdbool.h>

#include "clients/agent/http_inner.h"
#include "proto/base/bytes.h"

enum { FAKE_MHD_PAIRS_MAX = 48, FAKE_MHD_TURNS_MAX = 8 };

struct fake_mhd_pair {
    const char *name, *value; /* value NULL: a parameter without "=" */
};

/* What came back. */
struct fake_mhd_answer {
    unsigned count; /* responses queued: 1 and no other number is right */
    unsigned status;
    bool broken;    /* MHD_NO: the connection would have been cut */
    bool source;    /* a body made as it goes out: a file */
    bool cut_short; /* ... which broke off */
    unsigned turns; /* how often it was asked again after waiting */
    char content_type[128];
    struct buf body;
};

/* The request: a text as on the wire but without its framing: "METHOD TARGET", header lines, an
 * empty line, the body. Changes the text. `passes` lets time pass when the request waits. The
 * answer's body is the caller's to free. */
void fake_mhd_request(struct http *http, bool over_tcp, char *text, size_t len,
                      void (*passes)(void), struct fake_mhd_answer *ret);
/* Of the request that was made last: its route, or NULL. */
const struct http_route *fake_mhd_route(void);

#endif
