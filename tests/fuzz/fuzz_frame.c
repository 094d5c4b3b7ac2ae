/* What a peer sends, either way: a frame with everything in it. */
#include "proto/base/check.h"
#include "proto/envelope.h"
#include "proto/record.h"
#include "tests/fuzz/fuzz.h"

static void look_inside(const Leadbus__Frame *frame, struct arena *arena)
{
    const ProtobufCMessage *body;
    const Leadbus__RewrapBody *rewrap;
    struct envelope envelope;
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_SUBMIT:
        if (frame->submit->envelope)
            (void)!envelope_from_message(frame->submit->envelope, arena, &envelope, NULL);
        return;
    case LEADBUS__FRAME__BODY_HELLO:
        (void)!message_decode(&leadbus__hello_body__descriptor,
                              bytes_of(frame->hello->body.data, frame->hello->body.len), arena,
                              &body, NULL);
        return;
    case LEADBUS__FRAME__BODY_ACK:
        (void)!message_decode(&leadbus__ack_body__descriptor,
                              bytes_of(frame->ack->body.data, frame->ack->body.len), arena, &body,
                              NULL);
        return;
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP:
        (void)!envelope_rewrap_decode(
            bytes_of(frame->submit_rewrap->body.data, frame->submit_rewrap->body.len), arena,
            &rewrap, NULL);
        return;
    default: return;
    }
}

/* What is taken has one spelling but for the order of fields: as long as ours, and ours again when
 * it is read. */
static void spell_again(const Leadbus__Frame *frame, size_t len)
{
    struct arena arena;
    struct buf again = {0}, once_more = {0};
    const Leadbus__Frame *same;
    arena_init(&arena, (size_t)8 << 20);
    message_encode(&frame->base, &again);
    CHECK(again.len == len);
    CHECK(frame_decode(buf_bytes(&again), &arena, &same, NULL) == 0);
    message_encode(&same->base, &once_more);
    CHECK(bytes_equal(buf_bytes(&again), buf_bytes(&once_more)));
    buf_fini(&again);
    buf_fini(&once_more);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    const Leadbus__Frame *frame;
    arena_init(&arena, (size_t)8 << 20);
    if (frame_decode(bytes_of(data, len), &arena, &frame, NULL) == 0) {
        spell_again(frame, len);
        look_inside(frame, &arena);
    }
    arena_fini(&arena);
    return 0;
}
