/* A record's request, for deciding it again. */
#include <string.h>

#include "broker/core/core_inner.h"

static int request_of_accepted(const Leadbus__Accepted *accepted, struct arena *arena,
                               struct core_request *ret_request, struct envelope *ret_envelope,
                               struct error *ret_error)
{
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    if (accepted->n_commits > LIMIT_SECTION_COUNT_MAX)
        return error_set(ret_error, E_BAD_FORM, "commits", "%zu", accepted->n_commits);
    for (size_t i = 0; i < accepted->n_commits; i++) commits[i] = core_binary(accepted->commits[i]);
    int r = envelope_from_record(core_binary(accepted->header), core_binary(accepted->wraps),
                                 commits, accepted->n_commits, core_binary(accepted->manifest),
                                 core_binary(accepted->signature), arena, ret_envelope, ret_error);
    if (r != 0) return error_pass(E_BAD_FORM, r);
    ret_request->type = CORE_SUBMIT;
    ret_request->envelope = ret_envelope;
    ret_request->conn_serial = ret_envelope->head->serial;
    ret_request->attachments_durable = UINT32_MAX;
    return 0;
}

static int request_of_signed(enum core_request_type type, ProtobufCBinaryData body,
                             ProtobufCBinaryData signature, struct arena *arena,
                             struct core_request *ret_request, struct error *ret_error)
{
    const ProtobufCMessage *message;
    const ProtobufCMessageDescriptor *descriptor = type == CORE_ACK ? &leadbus__ack_body__descriptor
                                                   : type == CORE_PUBLISH_KEY
                                                       ? &leadbus__epoch_key_body__descriptor
                                                       : &leadbus__rewrap_body__descriptor;
    int r = message_decode(descriptor, core_binary(body), arena, &message, ret_error);
    if (r != 0) return error_pass(E_BAD_FORM, r);
    ret_request->type = type;
    ret_request->signed_body.body = core_binary(body);
    ret_request->signed_body.signature = core_binary(signature);
    ret_request->conn_serial = type == CORE_ACK ? ((const Leadbus__AckBody *)message)->serial
                               : type == CORE_PUBLISH_KEY
                                   ? ((const Leadbus__EpochKeyBody *)message)->serial
                                   : ((const Leadbus__RewrapBody *)message)->serial;
    return 0;
}

static int request_of_genesis(const Leadbus__Genesis *genesis, struct core_request *ret_request,
                              struct error *ret_error)
{
    if (genesis->root.len != 32) return error_set(ret_error, E_BAD_FORM, "root", "not 32 bytes");
    ret_request->type = CORE_GENESIS;
    ret_request->genesis.origin = genesis->origin;
    ret_request->genesis.bus = genesis->bus;
    ret_request->genesis.root = genesis->root.data;
    ret_request->genesis.previous_origin = genesis->previous_origin;
    ret_request->genesis.previous_checkpoint = core_binary(genesis->previous_checkpoint);
    return 0;
}

int core_request_of_record(struct bytes record_bytes, struct arena *arena,
                           struct core_request *ret_request, struct envelope *ret_envelope,
                           struct error *ret_error)
{
    const Leadbus__Record *record;
    struct core_request request;
    int r = record_decode(record_bytes, arena, &record, ret_error);
    if (r != 0) return error_pass(E_BAD_FORM, r);
    memset(&request, 0, sizeof request);
    request.now_ms = record->time_ms;
    request.rules = record->rules;
    switch (record->what_case) {
    case LEADBUS__RECORD__WHAT_GENESIS:
        r = request_of_genesis(record->genesis, &request, ret_error);
        break;
    case LEADBUS__RECORD__WHAT_BUNDLE: request.type = CORE_BUNDLE; break;
    case LEADBUS__RECORD__WHAT_CONFIGURED:
        request.type = CORE_CONFIGURE;
        request.configured = record->configured;
        break;
    case LEADBUS__RECORD__WHAT_STARTED:
        request.type = CORE_START;
        request.version = record->started->version;
        break;
    case LEADBUS__RECORD__WHAT_ACCEPTED:
        r = request_of_accepted(record->accepted, arena, &request, ret_envelope, ret_error);
        break;
    case LEADBUS__RECORD__WHAT_ACKNOWLEDGED:
        r = request_of_signed(CORE_ACK, record->acknowledged->body, record->acknowledged->signature,
                              arena, &request, ret_error);
        break;
    case LEADBUS__RECORD__WHAT_KEY_PUBLISHED:
        r = request_of_signed(CORE_PUBLISH_KEY, record->key_published->body,
                              record->key_published->signature, arena, &request, ret_error);
        break;
    case LEADBUS__RECORD__WHAT_REWRAPPED:
        r = request_of_signed(CORE_REWRAP, record->rewrapped->body, record->rewrapped->signature,
                              arena, &request, ret_error);
        break;
    case LEADBUS__RECORD__WHAT_TICK: request.type = CORE_TICK; break;
    case LEADBUS__RECORD__WHAT_RESTORED:
        request.type = CORE_RESTORE;
        request.restored.origin = record->restored->origin;
        request.restored.reason = record->restored->reason;
        request.restored.checkpoint = core_binary(record->restored->previous_checkpoint);
        break;
    case LEADBUS__RECORD__WHAT__NOT_SET:
    case _LEADBUS__RECORD__WHAT__CASE_IS_INT_SIZE:
        return error_set(ret_error, E_BAD_FORM, "what", "no known body");
    }
    if (r == 0) *ret_request = request;
    return r;
}
