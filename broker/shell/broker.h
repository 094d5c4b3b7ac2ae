/* broker: the parts wired together. From broker_start to broker_stop a broker serves; what is
 * around it (options, signals, the service manager) is main's. One at a time in a process. */
#ifndef BROKER_SHELL_BROKER_H
#define BROKER_SHELL_BROKER_H

#include "broker/shell/settings.h"
#include "certs/keyring/keyring.h"
#include "proto/base/bytes.h"

struct broker;

/* Takes the journal up, shows that strangers are refused, listens. Both are borrowed until
 * broker_stop; the keyring's transport and log keys are used. 0: serving. Any error: nothing is
 * left running. E_ZAP_NOT_ENFORCED, E_NETWORK, everything of journal_open. */
int broker_start(const struct settings *settings, const struct keyring *keyring,
                 struct broker **ret_broker, struct error *ret_error) MUST_USE;
/* Stops reading, takes in what is inside, makes it durable and releases it. The status is final
 * then. */
void broker_drain(struct broker *broker);
/* Drains where that has not been done, sends what was released, closes. NULL accepted. */
void broker_stop(struct broker *take_broker);

/* What an endpoint became when it was bound; NULL past the last. */
const char *broker_endpoint(const struct broker *broker, size_t i);
/* A bundle file's bytes, read again: installed when newer and good. Takes the memory. */
void broker_offer_bundle(struct broker *broker, struct buf *take_bundle, const char *path);
/* JSON, appended; at most a second old. */
void broker_status(struct broker *broker, struct buf *buf);
/* Grows as long as the engine makes its rounds. */
uint64_t broker_rounds(const struct broker *broker);

#endif
