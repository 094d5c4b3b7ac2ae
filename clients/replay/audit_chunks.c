/* The chunks of a record's attachments, where their folder is at hand. Missing ones were erased, or
 * the folder was not copied; a wrong one is damage. */
#include <stdio.h>

#include "clients/replay/audit_inner.h"
#include "proto/attachment.h"
#include "proto/host/chunks.h"

static int fault(struct error *ret_error, int code, uint64_t index, size_t attachment,
                 const char *what, const struct error *cause)
{
    char suffix[64];
    snprintf(suffix, sizeof suffix, ".attachments[%zu].%s", attachment, what);
    return audit_fault_from(ret_error, code, index, suffix, cause);
}

static int check_one(struct audit *audit, uint64_t index, size_t at,
                     const Leadbus__Attachment *attachment, struct error *ret_error)
{
    const char *folder = audit->options->chunks;
    struct buf leaves = {0};
    struct error cause = {0};
    uint64_t missing = attachment->chunks;
    int code = chunks_leaves(folder, attachment->root.data, &leaves, &cause);
    if (code == 0) {
        code = attachment_leaves_check(buf_bytes(&leaves), attachment->size, attachment->root.data,
                                       &cause);
        if (code != 0) code = fault(ret_error, code, index, at, "leaves", &cause);
    } else if (code != E_NOT_FOUND) {
        code = fault(ret_error, code, index, at, "leaves", &cause);
    }
    for (uint32_t i = 0; code == 0 && i < attachment->chunks; i++) {
        char what[24];
        snprintf(what, sizeof what, "chunks[%u]", i);
        buf_reset(&audit->blob);
        code = chunks_get(folder, attachment->root.data, i, &audit->blob, &cause);
        if (code == E_NOT_FOUND) {
            code = 0;
            continue;
        }
        if (code == 0)
            code = attachment_chunk_check(buf_bytes(&leaves), attachment->size, i,
                                          buf_bytes(&audit->blob), &cause);
        if (code != 0)
            code = fault(ret_error, code, index, at, what, &cause);
        else
            missing--;
    }
    buf_fini(&leaves);
    if (code != 0 && code != E_NOT_FOUND) return code;
    audit->totals.chunks += attachment->chunks - missing;
    audit->totals.chunks_erased += missing;
    return 0;
}

int audit_check_chunks(struct audit *audit, uint64_t index, const Leadbus__Manifest *manifest,
                       struct error *ret_error)
{
    audit->totals.attachments += manifest->n_attachments;
    if (audit->options->chunks == NULL) return 0;
    int code = 0;
    for (size_t i = 0; code == 0 && i < manifest->n_attachments; i++)
        code = check_one(audit, index, i, manifest->attachments[i], ret_error);
    return code;
}
