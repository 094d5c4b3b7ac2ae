/* Heads of the journal: what is believed, what is trusted, and the proofs between them. */
#include "clients/lib/engine_inner.h"

int engine_proof_of(ProtobufCBinaryData *hashes, size_t count, struct merkle_proof *ret,
                    struct error *ret_error)
{
    int r = 0;
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < count && r == 0; i++)
        r = merkle_proof_add(ret, engine_bytes(hashes[i]), ret_error);
    return r;
}

static void head_set(struct engine_head *head, const struct checkpoint *checkpoint,
                     struct bytes note)
{
    struct buf copy = {0};
    buf_append_bytes(&copy, note);
    buf_fini(&head->note);
    head->note = copy;
    head->checkpoint = *checkpoint;
    head->held = true;
}

int engine_head_verify(struct engine *engine, struct bytes note, const char *origin,
                       struct checkpoint *ret, struct error *ret_error)
{
    int r = error_say(ret_error, E_UNKNOWN_SENDER, "checkpoint", "方案包中没有总线服务",
                      "the bundle has no broker");
    for (size_t i = 0; i < trust_certificate_count(engine->bundle); i++) {
        const struct trust_certificate *one = trust_certificate_at(engine->bundle, i);
        if (one->role != LEADBUS__ROLE__ROLE_BROKER || one->revoked) continue;
        r = checkpoint_verify(note, origin, one->witness, ret, ret_error);
        if (r == 0) break;
    }
    return r;
}

/* Two heads of one journal: the smaller one cannot be the newer one, and one size has one root. */
static int head_compare(const struct engine_head *held, const struct checkpoint *given,
                        struct error *ret_error)
{
    const struct checkpoint *own = &held->checkpoint;
    if (!held->held) return 0;
    if (given->size < own->size)
        return error_say(ret_error, E_JOURNAL_FORKED, "checkpoint",
                         "现有 %llu 条记录，此前见过 %llu 条：日志倒退",
                         "size %llu after %llu: the journal went back",
                         (unsigned long long)given->size, (unsigned long long)own->size);
    if (given->size == own->size && memcmp(given->root, own->root, 32) != 0)
        return error_say(ret_error, E_JOURNAL_FORKED, "checkpoint", "%llu 条记录处出现两个不同的根",
                         "two roots of size %llu", (unsigned long long)given->size);
    return 0;
}

int engine_head_check(struct engine *engine, struct bytes note, struct checkpoint *ret,
                      struct error *ret_error)
{
    if (engine->latest.held && bytes_equal(note, buf_bytes(&engine->latest.note))) {
        *ret = engine->latest.checkpoint;
        return 0;
    }
    struct checkpoint checkpoint;
    int r = engine_head_verify(engine, note, engine->origin, &checkpoint, ret_error);
    if (r == 0) r = head_compare(&engine->trusted, &checkpoint, ret_error);
    if (r == 0) r = head_compare(&engine->latest, &checkpoint, ret_error);
    if (r < 0) return r;
    head_set(&engine->latest, &checkpoint, note);
    *ret = checkpoint;
    return 0;
}

int engine_head_trust(struct engine *engine, const struct checkpoint *checkpoint, struct bytes note,
                      struct error *ret_error)
{
    int r = box_value_put(engine->box, "trusted", note, ret_error);
    if (r == 0) head_set(&engine->trusted, checkpoint, note);
    return r;
}

int engine_heads_load(struct engine *engine, struct error *ret_error)
{
    struct buf value = {0};
    struct note note;
    struct checkpoint checkpoint;
    int r = box_value_get(engine->box, "origin", &value, ret_error);
    if (r == 0 && value.len < sizeof engine->origin) {
        memcpy(engine->origin, value.data, value.len);
        engine->origin[value.len] = 0;
    }
    buf_reset(&value);
    engine->crossed = box_value_get(engine->box, "crossed", &value, NULL) == 0;
    buf_reset(&value);
    if (r == 0) r = box_value_get(engine->box, "trusted", &value, ret_error);
    /* Our own note, verified when it came; the broker's key may have been renewed since. */
    if (r == 0) r = note_parse(buf_bytes(&value), &note, ret_error);
    if (r == 0) r = checkpoint_parse(note.text, &checkpoint, ret_error);
    if (r == 0) {
        head_set(&engine->trusted, &checkpoint, buf_bytes(&value));
        head_set(&engine->latest, &checkpoint, buf_bytes(&value));
    }
    buf_fini(&value);
    return r == E_NOT_FOUND ? 0 : r;
}

void engine_heads_restart(struct engine *engine)
{
    if (engine->trusted.held)
        head_set(&engine->latest, &engine->trusted.checkpoint, buf_bytes(&engine->trusted.note));
}

/* Asks for the proofs that lead from what is trusted, and from the newest head believed so far, to
 * one newer head. Both must come out at the same one: then all three are of one journal. */
static void proof_ask(struct engine *engine, const struct moment *moment)
{
    const struct engine_head *heads[2] = {&engine->trusted, &engine->latest};
    engine->asked_count = engine->answered_count = 0;
    engine->proof_ms = moment->now_ms;
    for (size_t i = 0; i < 2; i++) {
        const struct checkpoint *from = &heads[i]->checkpoint;
        if (from->size == 0) continue;
        Leadbus__GetProof ask = LEADBUS__GET_PROOF__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        ask.from_size = from->size;
        frame.body_case = LEADBUS__FRAME__BODY_GET_PROOF;
        frame.get_proof = &ask;
        engine_emit(engine, &frame);
        engine->asked[engine->asked_count].size = from->size;
        memcpy(engine->asked[engine->asked_count++].root, from->root, 32);
    }
}

int engine_proof(struct engine *engine, struct moment *moment, const Leadbus__Proof *proof,
                 struct error *ret_error)
{
    struct checkpoint head = {0}, from = {0};
    struct merkle_proof path;
    struct error error = {0};
    if (engine->answered_count >= engine->asked_count) return 0;
    int r = engine_head_check(engine, engine_bytes(proof->checkpoint), &head, &error);
    if (r == 0) r = engine_proof_of(proof->consistency, proof->n_consistency, &path, &error);
    if (r == 0) {
        from = head;
        from.size = engine->asked[engine->answered_count].size;
        memcpy(from.root, engine->asked[engine->answered_count].root, 32);
        r = checkpoint_verify_extends(&from, &head, &path, &error);
    }
    if (r < 0) {
        if (r == E_PROOF_INVALID)
            (void)error_say(&error, E_JOURNAL_FORKED, "consistency", "从 %llu 到 %llu",
                            "from %llu to %llu", (unsigned long long)from.size,
                            (unsigned long long)head.size);
        engine_refuse(engine, moment, &error);
        return 0;
    }
    bool last = ++engine->answered_count == engine->asked_count;
    bool same = engine->answered_count == 1 || head.size == engine->answer.checkpoint.size;
    head_set(&engine->answer, &head, engine_bytes(proof->checkpoint));
    if (!last || !same) return 0;
    return engine_head_trust(engine, &head, engine_bytes(proof->checkpoint), ret_error);
}

/* How long after the last question the next proof is asked for; UINT64_MAX: all that is known is
 * trusted. */
static uint64_t wait_ms(const struct engine *engine)
{
    bool answered = engine->answered_count == engine->asked_count;
    if (engine->latest.checkpoint.size <= engine->trusted.checkpoint.size) return UINT64_MAX;
    return answered ? ENGINE_PROOF_MS : ENGINE_ASK_AGAIN_MS * 2;
}

void engine_heads_tick(struct engine *engine, const struct moment *moment)
{
    bool held = engine->latest.held && engine->trusted.held;
    if (held && wait_ms(engine) != UINT64_MAX &&
        engine_due(moment, engine->proof_ms, wait_ms(engine)))
        proof_ask(engine, moment);
}

uint64_t engine_heads_next_ms(const struct engine *engine)
{
    return wait_ms(engine) == UINT64_MAX ? UINT64_MAX : engine->proof_ms + wait_ms(engine);
}
