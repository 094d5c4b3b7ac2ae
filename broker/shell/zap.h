/* zap: who may connect at all (ZeroMQ RFC 27).
 *
 * A CURVE server without a handler accepts anyone, so the handler is bound before the ROUTER, the
 * socket is told to insist on it, and zap_prove shows on the real endpoint that strangers are
 * turned away. The answer to a key: 200 with User-Id = the certificate's serial in decimal when the
 * key is the transport key of a certificate that is valid now and not revoked; 400 otherwise; 300
 * (come again) while no directory is there yet or too many connections are open. Whether a
 * connection may go on is asked again for every message, elsewhere. Impure; its own thread. */
#ifndef BROKER_SHELL_ZAP_H
#define BROKER_SHELL_ZAP_H

#include <stddef.h>
#include <stdint.h>

#include "broker/shell/counters.h"
#include "broker/shell/directory.h"

#define ZAP_DOMAIN                "leadbus"
#define ZAP_ENFORCE_DOMAIN_OPTION 93 /* ZMQ_ZAP_ENFORCE_DOMAIN, absent from released headers */
enum { ZAP_PROOF_TIMEOUT_MS = 5000 };

struct zap;

/* Starts the thread; the handler is bound when this returns. Everything is borrowed until zap_stop.
 * E_NETWORK: it could not be bound. */
int zap_start(void *zmq_context, struct directory_box *directories, struct counters *counters,
              uint64_t connection_count_max, struct zap **ret_zap,
              struct error *ret_error) MUST_USE;
/* Follows a socket's connections through its monitor, already started at this inproc address. Call
 * before the socket is bound, once. */
int zap_watch(struct zap *zap, const char *monitor_address, struct error *ret_error) MUST_USE;
/* From here on who is turned away is counted, and a sample is logged with the reason: before, it is
 * zap_prove's own strangers. */
void zap_serving(struct zap *zap);
void zap_stop(struct zap *take_zap);

/* Connects to the endpoint with a random key, then without CURVE. 0: both were refused.
 * E_ZAP_NOT_ENFORCED: one was let in, or no answer came in ZAP_PROOF_TIMEOUT_MS: do not serve. */
int zap_prove(void *zmq_context, const char *endpoint, const uint8_t server_public[static 32],
              struct error *ret_error) MUST_USE;

#endif
