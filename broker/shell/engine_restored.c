/* How the journal came from an earlier origin to the one it has: for agents that greet with that
 * one. */
#include <stdlib.h>
#include <string.h>

#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"

struct restorations {
    size_t count;
    struct buf records[LIMIT_RESTORED_COUNT_MAX];
    struct merkle_proof proofs[LIMIT_RESTORED_COUNT_MAX];
    ProtobufCBinaryData hashes[LIMIT_RESTORED_COUNT_MAX][LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__Restoration rows[LIMIT_RESTORED_COUNT_MAX];
    Leadbus__Restoration *list[LIMIT_RESTORED_COUNT_MAX];
};

bool restored_since(const struct engine *engine, const char *origin, size_t *ret_first)
{
    size_t count = core_former_count(engine->core);
    uint64_t end;
    *ret_first = origin[0] ? count : 0;
    if (!origin[0] || strcmp(origin, core_origin(engine->core)) == 0) return true;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(core_former_at(engine->core, i, &end), origin) != 0) continue;
        *ret_first = i;
        return true;
    }
    return false;
}

static int add(struct engine *engine, struct restorations *ret, uint64_t index,
               struct error *ret_error)
{
    size_t at = ret->count++;
    Leadbus__Restoration *row = &ret->rows[at];
    int code = store_read_intact(engine->parts.reader, index, &ret->records[at], ret_error);
    if (!code) code = tree_inclusion(engine->tree, index, &ret->proofs[at], ret_error);
    if (code) return code;
    leadbus__restoration__init(row);
    row->index = index;
    row->record = (ProtobufCBinaryData){ret->records[at].len, ret->records[at].data};
    row->n_inclusion = reply_proof(&ret->proofs[at], ret->hashes[at]);
    row->inclusion = ret->hashes[at];
    ret->list[at] = row;
    return 0;
}

int restored_fill(struct engine *engine, size_t first, Leadbus__Welcome *welcome,
                  struct restorations **ret, struct error *ret_error)
{
    size_t count = core_former_count(engine->core);
    int code = 0;
    *ret = NULL;
    if (first >= count) return 0;
    struct restorations *all = (struct restorations *)calloc(1, sizeof *all);
    CHECK(all != NULL);
    for (size_t i = first; !code && i < count; i++) {
        uint64_t end;
        (void)core_former_at(engine->core, i, &end);
        code = add(engine, all, end, ret_error);
    }
    if (code) {
        restored_free(all);
        return code;
    }
    welcome->n_restored = all->count;
    welcome->restored = all->list;
    *ret = all;
    return 0;
}

void restored_free(struct restorations *all)
{
    if (!all) return;
    for (size_t i = 0; i < all->count; i++) buf_fini(&all->records[i]);
    free(all);
}
