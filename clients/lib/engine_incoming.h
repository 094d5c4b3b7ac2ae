/* engine_incoming: one delivery on its way in. For the files of engine that take it. */
#ifndef CLIENTS_LIB_ENGINE_INCOMING_H
#define CLIENTS_LIB_ENGINE_INCOMING_H

#include "clients/lib/engine_inner.h"

struct incoming {
    const Leadbus__Delivery *delivery;
    struct buf record;
    uint8_t item[32], running[32];
    struct envelope envelope; /* of a message */
    const Leadbus__Record *notice;
    const Leadbus__Header *head; /* of a message or tombstone */
    struct opened opened;
    bool is_genuine, is_opened;
};

/* Form: fills record, item, and envelope or notice. */
int incoming_read(struct engine *engine, struct incoming *in, struct error *ret_error) MUST_USE;
/* In the journal, and next in our lane's history: fills running. What comes again is held against
 * the history when all of it is here. */
int incoming_prove(struct engine *engine, struct incoming *in, struct error *ret_error) MUST_USE;
/* The message of a record, its signature held against its sender's certificate at the record's
 * time. E_UNKNOWN_SENDER: the bundle has no such certificate; *ret is filled all the same. */
int incoming_accepted(struct engine *engine, const Leadbus__Record *record, struct envelope *ret,
                      struct error *ret_error) MUST_USE;
/* The first half of that: the record stands in the journal at the delivery's index. *ret_head: of
 * the delivery's checkpoint. */
int incoming_prove_record(struct engine *engine, const struct incoming *in,
                          struct error *ret_error) MUST_USE;
/* Its sender signed it, and routed it as the plan says; nothing is opened. */
int incoming_genuine(struct engine *engine, struct incoming *in, struct error *ret_error) MUST_USE;
/* Everything a recipient checks of the message itself; opens it. 0, or the code of the exception.
 */
int incoming_judge(struct engine *engine, struct incoming *in, struct error *ret_error) MUST_USE;

#endif
