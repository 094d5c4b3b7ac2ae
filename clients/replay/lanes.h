/* lanes: the running hash of every unit's two queues, kept beside the fold, so that an
 * acknowledgement can be tied to the lead that it covers. Fed with the effects of every record, in
 * order. One thread. */
#ifndef CLIENTS_REPLAY_LANES_H
#define CLIENTS_REPLAY_LANES_H

#include "clients/replay/audit.h"

struct lane {
    const char *unit; /* borrowed from core */
    unsigned number;
    uint64_t position;
    uint8_t running[32];
};

struct lanes {
    struct lane *items;
    size_t count, cap;
};

void lanes_fini(struct lanes *lanes);
/* The lane as far as it was fed; NULL: nothing was ever queued there. Until the next feed. */
struct lane *lanes_find(const struct lanes *lanes, const char *unit, unsigned number);
/* Hash that stands for a record in a queue: H of an envelope, the leaf hash of anything else. */
const uint8_t *lanes_item_hash(const struct audit_record *record);
/* Moves one lane on by one queued entry; gives it. E_JOURNAL_CORRUPT: a gap in its positions. */
int lanes_feed(struct lanes *lanes, const char *origin, const struct core_effect *effect,
               const uint8_t item_hash[32], struct lane **ret_lane,
               struct error *ret_error) MUST_USE;

#endif
