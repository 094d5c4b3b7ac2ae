/* One delivery on its way in: is it what it says. */
#include <sodium.h>

#include "clients/lib/engine_incoming.h"
#include "clients/lib/include/leadbus.h"

int incoming_read(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    const ProtobufCMessage *head = NULL;
    struct arena *arena = &engine->arena;
    int r = 0;
    if (delivery->what_case == LEADBUS__DELIVERY__WHAT_ENVELOPE) {
        r = envelope_from_message(delivery->envelope, arena, &in->envelope, ret_error);
        if (r == 0)
            r = record_of_accepted(delivery->rules, delivery->time_ms, delivery->accepted_flags,
                                   &in->envelope, &in->record, ret_error);
        if (r != 0) return r;
        in->head = in->envelope.head;
        memcpy(in->item, in->envelope.hash, 32);
        return 0;
    }
    bool tombstone = delivery->what_case == LEADBUS__DELIVERY__WHAT_TOMBSTONE;
    if (!tombstone && delivery->what_case != LEADBUS__DELIVERY__WHAT_NOTICE)
        return error_say(ret_error, E_BAD_FORM, "what", "投递内容为空", "an empty delivery");
    struct bytes record = engine_bytes(tombstone ? delivery->record : delivery->notice);
    r = record_decode(record, arena, &in->notice, ret_error);
    if (r < 0) return r;
    buf_append_bytes(&in->record, record);
    if (!tombstone) {
        merkle_leaf_hash(record, in->item);
        return 0;
    }
    if (in->notice->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return error_say(ret_error, E_BAD_FORM, "record", "删除标记没有对应的消息",
                         "a tombstone of no message");
    struct bytes header = engine_bytes(in->notice->accepted->header);
    r = message_decode(&leadbus__header__descriptor, header, arena, &head, ret_error);
    if (r < 0) return r;
    in->head = (const Leadbus__Header *)head;
    if (in->head->id.len != 16 || in->head->thread.len != 16)
        return error_say(ret_error, E_BAD_FORM, "record", "删除标记没有对应的消息",
                         "a tombstone of no message");
    sha256_labelled("leadbus/1 header", header, in->item);
    return 0;
}

int incoming_prove_record(struct engine *engine, const struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    struct checkpoint head;
    struct merkle_proof path;
    uint8_t leaf[32];
    merkle_leaf_hash(buf_bytes(&in->record), leaf);
    int r = engine_head_check(engine, engine_bytes(delivery->checkpoint), &head, ret_error);
    if (r == 0) r = engine_proof_of(delivery->inclusion, delivery->n_inclusion, &path, ret_error);
    if (r == 0)
        r = merkle_verify_inclusion(leaf, delivery->index, head.size, &path, head.root, ret_error);
    return r;
}

int incoming_prove(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    const struct engine_lane *lane = &engine->lanes[delivery->lane];
    int r = incoming_prove_record(engine, in, ret_error);
    if (r != 0) return r;
    lane_running(engine->origin, delivery->again ? lane->again.running : lane->running,
                 delivery->index, in->item, in->running);
    if (delivery->again) return 0;
    if (delivery->running.len != 32 || memcmp(delivery->running.data, in->running, 32) != 0)
        return error_say(ret_error, E_ACK_MISMATCH, "running", "队列 %u 第 %llu 条",
                         "lane %u at position %llu", delivery->lane,
                         (unsigned long long)delivery->position);
    return 0;
}

/* The route, computed again. What only the broker can know, who is on the thread and who sent a
 * parent that we never got, is taken from the header: the rest must follow from it. */
static int check_route(struct engine *engine, const Leadbus__Header *head,
                       const struct trust_bundle *bundle, struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(bundle);
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    struct route_stated stated[LIMIT_RECIPIENT_COUNT_MAX];
    struct route route;
    struct box_in parent;
    struct box_out own;
    struct route_query query = {.plan = plan,
                                .at_ms = head->created_ms,
                                .kind = head->kind,
                                .topic = head->topic,
                                .area = head->area,
                                .from = head->from,
                                .participants = participants,
                                .host = ROUTE_HOST_NOT_THERE};
    if (head->target[0]) query.target = head->target;
    bool follows = head->parent.len == 16;
    const char *answered = NULL;
    if (follows && box_in_find(engine->box, head->parent.data, &parent, NULL) == 0) {
        query.reference_sender = parent.from;
        answered = parent.kind;
    } else if (follows && box_out_find(engine->box, head->parent.data, &own, NULL) == 0) {
        query.reference_sender = engine->keyring->unit;
        answered = own.kind;
    }
    bool known = query.reference_sender != NULL;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *one = head->recipients[i];
        stated[i] = (struct route_stated){one->unit, one->act, one->citation, one->sections};
        enum route_role role = (enum route_role)0;
        if (strcmp(one->citation, "duty:thread") == 0) role = ROUTE_ROLE_COPY;
        if (strcmp(one->citation, "duty:thread-signers") == 0) role = ROUTE_ROLE_SIGNER;
        if (strcmp(one->citation, "duty:alerted") == 0) role = ROUTE_ROLE_COPY_ALERTED;
        if (follows && role) {
            uint16_t unit = plan_unit_current(plan, one->unit);
            if (unit == PLAN_UNIT_NONE)
                return error_set(ret_error, E_ROUTE_MISMATCH, "recipients", "%s", one->unit);
            participants[query.participant_count++] = (struct route_participant){unit, role};
        }
        if (strncmp(one->citation, "duty:own-host", strlen("duty:own-host")) == 0)
            query.host = ROUTE_HOST_THERE;
        if (follows && !known && strcmp(one->citation, "duty:sender-of-reference") == 0)
            query.reference_sender = one->unit;
    }
    /* Nobody is named as who sent it: nobody is told because of that, or it was this sender. */
    if (follows && !query.reference_sender) query.reference_sender = head->from;
    int r = route_compute(&query, &route, ret_error);
    if (r == 0)
        r = route_restrict(&route, (const char *const *)head->sections, head->n_sections,
                           ret_error);
    if (r == 0) r = route_compare(plan, &route, stated, head->n_recipients, ret_error);
    if (r == 0 && (head->urgency != plan_kind_urgency(route.kind, head->topic) ||
                   head->level != route.kind->level))
        r = error_say(ret_error, E_LEVEL_MISMATCH, "level", "与种类 %s 不符", "not that of %s",
                      head->kind);
    if (r == 0) r = lifecycle_check_officer(route.kind, head->officer, ret_error);
    if (r == 0)
        r = lifecycle_check_named(route.kind, head->topic, head->target, head->other.len > 0,
                                  ret_error);
    const struct plan_kind *closed = answered ? plan_kind_find(plan, answered) : NULL;
    return r == 0 && closed ? lifecycle_check_outcome(closed, route.kind, head->topic, ret_error)
                            : r;
}

int engine_check_payloads(struct engine *engine, const struct envelope *envelope,
                          const struct opened *opened, struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    const struct leadbus_marks marks = {.kind = head->kind,
                                        .topic = head->topic,
                                        .flags = head->flags,
                                        .occurred_ms = head->occurred_ms,
                                        .expires_ms = head->expires_ms,
                                        .due_ms = head->due_ms};
    if (!engine->options.check_section) return 0;
    for (size_t i = 0; i < envelope->section_count; i++) {
        if (!opened->present[i]) continue;
        int r = engine->options.check_section(engine->options.ctx, &marks, head->sections[i],
                                              buf_bytes(&opened->sections[i]), ret_error);
        if (r < 0) return E_PAYLOAD_INVALID;
    }
    return 0;
}

int incoming_genuine(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const struct envelope *envelope = &in->envelope;
    const Leadbus__Header *head = envelope->head;
    const struct trust_certificate *certificate = NULL;
    if (envelope_lane(head) != in->delivery->lane)
        return error_say(ret_error, E_LEVEL_MISMATCH, "lane", "紧急程度 %u 的消息出现在队列 %u",
                         "urgency %u in lane %u", head->urgency, in->delivery->lane);
    const struct trust_bundle *bundle = engine_bundle_of(engine, head->bundle);
    int r = trust_verdict(engine->bundle, head->serial, head->from, in->delivery->time_ms,
                          head->suite, &certificate, ret_error);
    /* A directory that no longer lists it does not undo what was valid then. */
    if (r == E_UNKNOWN_SENDER && bundle && bundle != engine->bundle)
        r = trust_verdict(bundle, head->serial, head->from, in->delivery->time_ms, head->suite,
                          &certificate, ret_error);
    if (r < 0) return r;
    r = envelope_verify(envelope, certificate->identity);
    if (r < 0) return error_say(ret_error, r, "signature", "单位 %s", "of %s", head->from);
    in->is_genuine = true;
    r = envelope_check_ciphertexts(envelope, false, ret_error);
    /* Older than every bundle kept here: the broker's decision stands in the journal. */
    if (r == 0 && bundle) r = check_route(engine, head, bundle, ret_error);
    return r;
}

int incoming_judge(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const struct envelope *envelope = &in->envelope;
    const Leadbus__Header *head = envelope->head;
    const struct trust_bundle *bundle = engine_bundle_of(engine, head->bundle);
    uint8_t kek[32];
    int own = envelope_recipient_find(envelope, engine->keyring->unit);
    if (own < 0)
        return error_say(ret_error, E_NOT_A_RECIPIENT, "recipients", "不是发给本单位的",
                         "not for us");
    int r = incoming_genuine(engine, in, ret_error);
    if (r < 0) return r;
    const struct plan_kind *kind =
        plan_kind_find(trust_bundle_plan(bundle ? bundle : engine->bundle), head->kind);
    r = engine_kek_in(engine, envelope, own, kind && !kind->sensitive, kek, ret_error);
    if (r == 0) {
        r = envelope_open(envelope, engine->keyring->unit, kek, &in->opened, ret_error);
        in->is_opened = r == 0;
    }
    sodium_memzero(kek, sizeof kek);
    if (r == 0) r = engine_check_payloads(engine, envelope, &in->opened, ret_error);
    if (r == 0) r = engine_attach_check(envelope, &in->opened, ret_error);
    return r;
}

int incoming_accepted(struct engine *engine, const Leadbus__Record *record, struct envelope *ret,
                      struct error *ret_error)
{
    const Leadbus__Accepted *accepted = record->accepted;
    const struct trust_certificate *certificate = NULL;
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    if (accepted->n_commits > LIMIT_SECTION_COUNT_MAX)
        return error_set(ret_error, E_BAD_FORM, "commits", "%zu", accepted->n_commits);
    for (size_t i = 0; i < accepted->n_commits; i++)
        commits[i] = engine_bytes(accepted->commits[i]);
    int r = envelope_from_record(engine_bytes(accepted->header), engine_bytes(accepted->wraps),
                                 commits, accepted->n_commits, engine_bytes(accepted->manifest),
                                 engine_bytes(accepted->signature), &engine->arena, ret, ret_error);
    if (r == 0)
        r = trust_verdict(engine->bundle, ret->head->serial, ret->head->from, record->time_ms,
                          ret->head->suite, &certificate, ret_error);
    if (r < 0) return r;
    r = envelope_verify(ret, certificate->identity);
    return r < 0 ? error_say(ret_error, r, "signature", "单位 %s", "of %s", ret->head->from) : 0;
}
