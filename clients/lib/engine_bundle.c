/* Bundles and epoch keys that come, and our own keys that go. */
#include "clients/lib/engine_inner.h"

int engine_keys_index_load(struct engine *engine, struct error *ret_error)
{
    struct buf value = {0};
    int r = box_value_get(engine->box, "keys_index", &value, ret_error);
    if (r == 0 && value.len == 8) engine->keys_index = load_u64(value.data);
    buf_fini(&value);
    return r == E_NOT_FOUND ? 0 : r;
}

static int keys_index_set(struct engine *engine, uint64_t index, struct error *ret_error)
{
    uint8_t value[8];
    engine->keys_index = index;
    store_u64(value, index);
    return box_value_put(engine->box, "keys_index", bytes_of(value, 8), ret_error);
}

int engine_keys_restart(struct engine *engine, struct error *ret_error)
{
    engine_keys_load(engine);
    return keys_index_set(engine, 0, ret_error);
}

int engine_bundle_install(struct engine *engine, struct moment *moment, struct bytes bytes,
                          struct error *ret_error)
{
    struct trust_bundle *bundle = NULL;
    int r = trust_bundle_open(bytes, &engine->root, &bundle, ret_error);
    if (r < 0) return r;
    uint64_t version = trust_bundle_version(bundle), held = trust_bundle_version(engine->bundle);
    if (strcmp(trust_bundle_bus(bundle), trust_bundle_bus(engine->bundle)) != 0)
        r = error_set(ret_error, E_NOTE_INVALID, "bus", "%s", trust_bundle_bus(bundle));
    else if (version < held)
        r = error_say(ret_error, E_BUNDLE_ROLLBACK, "version",
                      "收到第 %llu 版，本单位已有第 %llu 版", "%llu, we hold %llu",
                      (unsigned long long)version, (unsigned long long)held);
    if (r == 0 && version > held)
        r = trust_bundle_check_successor(engine->bundle, bundle, ret_error);
    if (r < 0 || version == held) {
        trust_bundle_free(bundle);
        return r;
    }
    r = box_bundle_put(engine->box, version, bytes, ret_error);
    if (r < 0) {
        trust_bundle_free(bundle);
        return r;
    }
    trust_bundle_free(engine->previous);
    engine->previous = engine->bundle;
    engine->bundle = bundle;
    engine_keys_load(engine);
    engine_rewrap_wake(engine, true);
    /* Keys of certificates that were not known yet have been passed by: from the first one again.
     */
    r = keys_index_set(engine, 0, ret_error);
    if (r < 0) return r;
    if (engine->link == ENGINE_GREETED) engine_ask_keys(engine, moment, true);
    engine_outbox_release(engine, ENGINE_WANT_BUNDLE);
    engine_tell(engine, ENGINE_CHANGED_BUNDLE, NULL);
    return 0;
}

int engine_bundle_reply(struct engine *engine, struct moment *moment,
                        const Leadbus__BundleReply *reply, struct error *ret_error)
{
    struct error error = {0};
    engine->bundle_asked_ms = 0;
    int r = engine_bundle_install(engine, moment, engine_bytes(reply->bundle), &error);
    if (r < 0 && engine_own_trouble(r)) {
        if (ret_error) *ret_error = error;
        return r;
    }
    if (r < 0) {
        engine->stats.refused_frames++;
        engine_note(engine, moment, &error);
        return 1;
    }
    engine_outbox_release(engine, ENGINE_WANT_BUNDLE);
    return 0;
}

int engine_publish(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    int r = 0;
    if (engine->link != ENGINE_GREETED || !engine->keys_known) return 0;
    for (size_t i = 0; i < engine->keyring->epoch_count && r == 0; i++) {
        const struct keyring_epoch *epoch = &engine->keyring->epochs[i];
        if (engine_key_known(engine, engine->keyring->unit, engine->keyring->serial, epoch->number,
                             epoch->public_key))
            continue;
        /* The bus takes none that is nearly over. */
        if (epoch->not_after_ms < engine_bus_ms(engine, moment) + LIMIT_EPOCH_VALID_MS) continue;
        struct buf bytes = {0};
        const ProtobufCMessage *message = NULL;
        struct arena arena;
        arena_init(&arena, 65536);
        keyring_epoch_announce(engine->keyring, epoch, &bytes);
        r = message_decode(&leadbus__epoch_key__descriptor, buf_bytes(&bytes), &arena, &message,
                           ret_error);
        if (r == 0) {
            const Leadbus__EpochKey *key = (const Leadbus__EpochKey *)message;
            Leadbus__PublishKey publish = LEADBUS__PUBLISH_KEY__INIT;
            Leadbus__Frame frame = LEADBUS__FRAME__INIT;
            publish.body = key->body;
            publish.signature = key->signature;
            frame.body_case = LEADBUS__FRAME__BODY_PUBLISH_KEY;
            frame.publish_key = &publish;
            engine_emit(engine, &frame);
        }
        arena_fini(&arena);
        buf_fini(&bytes);
    }
    return r;
}

int engine_keys_reply(struct engine *engine, struct moment *moment, const Leadbus__Keys *keys,
                      struct error *ret_error)
{
    struct error error = {0};
    for (size_t i = 0; i < keys->n_keys; i++) {
        int r = engine_key_take(engine, keys->keys[i], true, &error);
        if (engine_own_trouble(r)) {
            if (ret_error) *ret_error = error;
            return r;
        }
        /* One bad key is that unit's trouble; the others are taken. One whose certificate is not in
         * the bundle held is nobody's: it is gone, or comes with the next bundle. */
        if (r < 0 && r != E_UNKNOWN_SENDER) engine_note(engine, moment, &error);
    }
    engine->keys_asked_ms = 0;
    if (keys->keys_index > engine->keys_index) {
        int r = keys_index_set(engine, keys->keys_index, ret_error);
        if (r < 0) return r;
    }
    bool first = !engine->keys_known;
    engine->keys_known = true;
    engine_outbox_release(engine, ENGINE_WANT_KEYS);
    engine_rewrap_wake(engine, false);
    return first ? engine_publish(engine, moment, ret_error) : 0;
}
