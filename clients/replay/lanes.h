/* lanes: every unit's two queues as far as they are not acknowledged, kept beside the fold, so that
 * an acknowledgement can be tied to the lead that it covers. Fed with the effects of every record,
 * in order. A running hash is computed when it is acknowledged: only then is it known under which
 * origin. Memory: 40 bytes for each entry that waits. One thread. */
#ifndef CLIENTS_REPLAY_LANES_H
#define CLIENTS_REPLAY_LANES_H

#include "clients/replay/audit.h"

struct lane {
    const char *unit; /* borrowed from core */
    unsigned number;
    uint64_t position;   /* of the newest entry */
    uint64_t acked;      /* position acknowledged last, and its running hash: */
    uint8_t running[32]; /* the next ones continue it */
    struct buf entries;  /* behind `acked`, each index and hash, from byte `gone` on */
    size_t gone;
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
/* Moves one lane on by one queued entry. E_JOURNAL_CORRUPT: a gap in its positions. */
int lanes_feed(struct lanes *lanes, const struct core_effect *effect, const uint8_t item_hash[32],
               struct error *ret_error) MUST_USE;
/* The running hash of a position from the acknowledged one to the newest. Linear in what lies
 * between. */
void lane_running_at(const struct lane *lane, const char *origin, uint64_t position,
                     uint8_t ret_running[32]);
/* The position is acknowledged: what stands before it is forgotten. */
void lane_acked(struct lane *lane, const char *origin, uint64_t position);

#endif
