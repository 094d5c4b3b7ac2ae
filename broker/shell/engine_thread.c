/* The joint-conference office asks for a thread: the records of its messages, which hold headers
 * and no sections, each with its proof. */
#include <stdlib.h>

#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"

enum { THREAD_BYTES_MAX = LIMIT_FRAME_BYTES_MAX / 2 };

struct page {
    size_t count, bytes_len;
    struct buf records[LIMIT_THREAD_PAGE_COUNT_MAX];
    struct merkle_proof proofs[LIMIT_THREAD_PAGE_COUNT_MAX];
    ProtobufCBinaryData hashes[LIMIT_THREAD_PAGE_COUNT_MAX][LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__ThreadRecord rows[LIMIT_THREAD_PAGE_COUNT_MAX];
    Leadbus__ThreadRecord *list[LIMIT_THREAD_PAGE_COUNT_MAX];
};

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

static int page_add(struct engine *engine, struct page *page, uint64_t index,
                    struct error *ret_error)
{
    size_t at = page->count;
    int code = store_read_intact(engine->parts.reader, index, &page->records[at], ret_error);
    if (!code) code = tree_inclusion(engine->tree, index, &page->proofs[at], ret_error);
    if (code) return code;
    Leadbus__ThreadRecord *row = &page->rows[at];
    leadbus__thread_record__init(row);
    row->index = index;
    row->record = data_of(buf_bytes(&page->records[at]));
    row->n_inclusion = reply_proof(&page->proofs[at], page->hashes[at]);
    row->inclusion = page->hashes[at];
    page->list[at] = row;
    page->bytes_len += page->records[at].len + row->n_inclusion * 34;
    page->count++;
    return 0;
}

/* As far as it is durable, and fits. */
static int page_fill(struct engine *engine, struct page *page, const uint64_t *indexes,
                     size_t count, bool *ret_more, struct error *ret_error)
{
    for (size_t i = 0; i < count; i++) {
        if (indexes[i] >= tree_size(engine->tree)) {
            *ret_more = false; /* it comes with the next question */
            return 0;
        }
        if (page->bytes_len > THREAD_BYTES_MAX) {
            *ret_more = true;
            return 0;
        }
        int code = page_add(engine, page, indexes[i], ret_error);
        if (code) return code;
    }
    return 0;
}

void thread_answer(struct engine *engine, struct session *session, const struct job *job)
{
    const Leadbus__GetThread *wanted = job->frame->get_thread;
    uint64_t indexes[LIMIT_THREAD_PAGE_COUNT_MAX];
    struct error error = {0};
    size_t count = 0;
    bool more = false;
    struct page *page = calloc(1, sizeof *page);
    CHECK(page != NULL);
    int code = core_thread_messages(engine->core, session->unit,
                                    bytes_of(wanted->id.data, wanted->id.len), wanted->after,
                                    indexes, LIMIT_THREAD_PAGE_COUNT_MAX, &count, &more, &error);
    if (!code) {
        code = page_fill(engine, page, indexes, count, &more, &error);
        if (code) engine_fatal("thread_failed", code, &error);
        code = session_take_bulk(session, page->bytes_len, &error);
    }
    if (code) {
        reply_refuse(engine, job, code, &error);
        goto out;
    }
    Leadbus__ThreadReply reply = LEADBUS__THREAD_REPLY__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    reply.id = wanted->id;
    reply.n_records = page->count;
    reply.records = page->list;
    reply.checkpoint = data_of(tree_checkpoint(engine->tree));
    reply.more = more;
    frame.body_case = LEADBUS__FRAME__BODY_THREAD;
    frame.thread = &reply;
    reply_frame(engine, &job->peer, &frame);
out:
    for (size_t i = 0; i < LIMIT_THREAD_PAGE_COUNT_MAX; i++) buf_fini(&page->records[i]);
    free(page);
}
