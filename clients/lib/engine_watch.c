/* The joint-conference office looks at a thread: the headers of its messages, proved one by one. */
#include "clients/lib/engine_incoming.h"

enum { WATCH_WAIT_MS = 15000, WATCH_FRESH_MS = 5000 };

static void emit_ask(struct engine *engine, const struct moment *moment)
{
    struct engine_watch *watch = &engine->watch;
    Leadbus__GetThread ask = LEADBUS__GET_THREAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ask.id = engine_binary(bytes_of(watch->id, 16));
    ask.after = watch->after;
    frame.body_case = LEADBUS__FRAME__BODY_GET_THREAD;
    frame.get_thread = &ask;
    engine_emit(engine, &frame);
    watch->asked_ms = moment->now_ms;
}

int engine_thread_ask(struct engine *engine, const struct moment *moment, const uint8_t id[16],
                      struct error *ret_error)
{
    struct engine_watch *watch = &engine->watch;
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    bool same = memcmp(watch->id, id, 16) == 0;
    if (plan_unit_current(plan, engine->keyring->unit) !=
        plan_unit_with_duty(plan, PLAN_DUTY_OFFICE))
        return error_say(ret_error, E_ROLE_NOT_ALLOWED, "thread",
                         "只有联席会议办公室可以查看未参与的线索",
                         "only the joint-conference office sees threads that it is not on");
    if (watch->active && !engine_due(moment, watch->asked_ms, WATCH_WAIT_MS))
        return same ? 0
                    : error_say(ret_error, E_BUSY, "thread", "正在查询另一条线索",
                                "another thread is being asked for");
    if (same && watch->answered_ms && !engine_due(moment, watch->answered_ms, WATCH_FRESH_MS))
        return watch->code == 0 ? 1
                                : error_say(ret_error, watch->code, "thread", "总线上没有这条线索",
                                            "the bus has no such thread");
    if (engine->link != ENGINE_GREETED || engine->reset)
        return error_say(ret_error, E_NETWORK, "thread", "须先连上总线才能查询未参与的线索",
                         "a thread that this unit is not on is asked of the bus, which is away");
    thread_fini(&watch->anew);
    thread_init(&watch->anew, id);
    memcpy(watch->id, id, 16);
    watch->active = true;
    watch->after = watch->answered_ms = 0;
    watch->code = 0;
    emit_ask(engine, moment);
    return 0;
}

void engine_watch_forget(struct engine *engine)
{
    engine->watch.active = false;
}

static void answered(struct engine *engine, const struct moment *moment, int code)
{
    struct engine_watch *watch = &engine->watch;
    watch->active = false;
    watch->answered_ms = moment->now_ms;
    watch->code = code;
    engine_tell(engine, ENGINE_CHANGED_THREAD, watch->id);
}

void engine_watch_refused(struct engine *engine, const struct moment *moment, int code)
{
    if (engine->watch.active) answered(engine, moment, code);
}

/* One message of the thread, where the journal has it. */
static int take_record(struct engine *engine, const struct checkpoint *head,
                       const Leadbus__ThreadRecord *given, struct error *ret_error)
{
    struct engine_watch *watch = &engine->watch;
    const Leadbus__Record *record = NULL;
    struct merkle_proof path;
    struct envelope envelope;
    uint8_t leaf[32];
    if (given->index <= watch->after)
        return error_say(ret_error, E_BAD_VALUE, "thread.index", "第 %llu 条接在第 %llu 条之后",
                         "%llu after %llu", (unsigned long long)given->index,
                         (unsigned long long)watch->after);
    merkle_leaf_hash(engine_bytes(given->record), leaf);
    int r = engine_proof_of(given->inclusion, given->n_inclusion, &path, ret_error);
    if (r == 0)
        r = merkle_verify_inclusion(leaf, given->index, head->size, &path, head->root, ret_error);
    if (r == 0) r = record_decode(engine_bytes(given->record), &engine->arena, &record, ret_error);
    if (r < 0) return r;
    if (!record || record->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return error_say(ret_error, E_BAD_FORM, "thread.record", "没有消息", "no message");
    r = incoming_accepted(engine, record, &envelope, ret_error);
    /* Who has left the directory since has no key to hold it against: it stands in the journal. */
    if (r == E_UNKNOWN_SENDER) r = 0;
    if (r < 0) return r;
    if (memcmp(envelope.head->thread.data, watch->id, 16) != 0)
        return error_say(ret_error, E_BAD_VALUE, "thread.record", "属于另一线索",
                         "of another thread");
    thread_apply(&watch->anew, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                 envelope.head, given->index, record->time_ms);
    watch->after = given->index;
    return 0;
}

/* What they all say is what is known now; messages that we hold are still those that we held. */
static int keep(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct engine_thread thread;
    int r = engine_thread_load(engine, moment, engine->watch.id, &thread, ret_error);
    if (r < 0) return r;
    engine->watch.anew.message_count = thread.thread.message_count;
    thread_fini(&thread.thread);
    thread.thread = engine->watch.anew;
    memset(&engine->watch.anew, 0, sizeof engine->watch.anew);
    r = engine_thread_notices(engine, &thread.thread, ret_error);
    if (r == 0) r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    return r;
}

int engine_thread_reply(struct engine *engine, struct moment *moment,
                        const Leadbus__ThreadReply *reply, struct error *ret_error)
{
    struct engine_watch *watch = &engine->watch;
    struct checkpoint head;
    struct error why = {0};
    if (!watch->active || reply->id.len != 16 || memcmp(reply->id.data, watch->id, 16) != 0)
        return 0;
    int r = engine_head_check(engine, engine_bytes(reply->checkpoint), &head, &why);
    for (size_t i = 0; i < reply->n_records && r == 0; i++)
        r = take_record(engine, &head, reply->records[i], &why);
    if (r < 0) {
        watch->active = false;
        engine_refuse(engine, moment, &why);
        return 0;
    }
    if (reply->more && reply->n_records > 0) {
        emit_ask(engine, moment);
        return 0;
    }
    bool opened =
        watch->anew.kind[0] != 0; /* without the first message nothing stands on anything */
    if (opened) r = keep(engine, moment, ret_error);
    answered(engine, moment, opened ? 0 : E_THREAD_UNKNOWN);
    return r;
}
