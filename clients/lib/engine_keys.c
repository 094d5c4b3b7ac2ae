/* Epoch keys, peers, sessions and the KEKs between them. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

/* ---- epoch keys -------------------------------------------------------------------------------
 */

/* First place at or after (unit, serial, epoch). */
static size_t key_place(const struct engine *engine, const char *unit, uint64_t serial,
                        uint64_t epoch)
{
    size_t low = 0, high = engine->key_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct engine_key *key = &engine->keys[middle];
        int order = strcmp(key->unit, unit);
        if (order == 0 && key->serial != serial) order = key->serial < serial ? -1 : 1;
        if (order == 0 && key->epoch < epoch) order = -1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool engine_key_known(const struct engine *engine, const char *unit, uint64_t serial,
                      uint64_t epoch, const uint8_t public_key[32])
{
    for (size_t at = key_place(engine, unit, serial, epoch); at < engine->key_count; at++) {
        const struct engine_key *key = &engine->keys[at];
        if (key->epoch != epoch || key->serial != serial || strcmp(key->unit, unit) != 0) break;
        if (memcmp(key->public_key, public_key, 32) == 0) return true;
    }
    return false;
}

struct engine_key *engine_key_newest(struct engine *engine, const char *unit, uint64_t bus_ms)
{
    const struct trust_certificate *certificate;
    for (size_t at = key_place(engine, unit, UINT64_MAX, UINT64_MAX); at-- > 0;) {
        struct engine_key *key = &engine->keys[at];
        if (strcmp(key->unit, unit) != 0) break;
        if (key->not_before_ms <= bus_ms && bus_ms < key->not_after_ms &&
            trust_verdict(engine->bundle, key->serial, unit, bus_ms, SUITE_1, &certificate, NULL) ==
                0)
            return key;
    }
    return NULL;
}

int engine_keys_expire(struct engine *engine, uint64_t bus_ms, struct error *ret_error)
{
    const uint64_t kept_ms = LIMIT_CREATED_AGE_MS + LIMIT_CREATED_SKEW_MS;
    if (bus_ms < kept_ms) return 0;
    size_t kept = 0;
    for (size_t i = 0; i < engine->key_count; i++)
        if (engine->keys[i].not_after_ms >= bus_ms - kept_ms)
            engine->keys[kept++] = engine->keys[i];
    if (engine->key_count > kept)
        sodium_memzero(&engine->keys[kept], (engine->key_count - kept) * sizeof *engine->keys);
    engine->key_count = kept;
    return box_key_expire(engine->box, bus_ms - kept_ms, ret_error);
}

/* The certificate of the unit whose identity signed the key. Not by date: keys are made before the
 * certificate is. */
static const struct trust_certificate *enrolled(const struct engine *engine,
                                                const Leadbus__EpochKey *key, const char *unit,
                                                struct arena *arena)
{
    const Leadbus__EpochKeyBody *body;
    for (size_t i = 0; i < trust_certificate_count(engine->bundle); i++) {
        const struct trust_certificate *one = trust_certificate_at(engine->bundle, i);
        if (strcmp(one->unit, unit) == 0 &&
            trust_epoch_key_check(one, key, arena, &body, NULL) == 0)
            return one;
    }
    return NULL;
}

int engine_key_take(struct engine *engine, const Leadbus__EpochKey *key, bool keep,
                    struct error *ret_error)
{
    const Leadbus__EpochKeyBody *body = NULL;
    const ProtobufCMessage *message = NULL;
    struct arena arena;
    arena_init(&arena, 65536);
    int r = message_decode(&leadbus__epoch_key_body__descriptor, engine_bytes(key->body), &arena,
                           &message, ret_error);
    if (r < 0) goto out;
    body = (const Leadbus__EpochKeyBody *)message;
    const struct trust_certificate *certificate =
        trust_certificate_by_serial(engine->bundle, body->serial);
    /* Keys that came with the enrolment are signed before there was a serial. */
    if (!certificate && body->serial == 0) certificate = enrolled(engine, key, body->unit, &arena);
    if (!certificate) {
        r = error_say(ret_error, E_UNKNOWN_SENDER, "serial", "单位 %s 的时段密钥：没有证书",
                      "epoch key of %s: no certificate", body->unit);
        goto out;
    }
    r = trust_epoch_key_check(certificate, key, &arena, &body, ret_error);
    if (r < 0) goto out;
    uint64_t serial = certificate->serial;
    if (engine_key_known(engine, body->unit, serial, body->epoch, body->public_key.data)) goto out;
    if (engine->key_count == engine->key_cap) {
        engine->key_cap = engine->key_cap ? engine->key_cap * 2 : 64;
        engine->keys = realloc(engine->keys, engine->key_cap * sizeof *engine->keys);
        CHECK(engine->keys != NULL);
    }
    size_t at = key_place(engine, body->unit, serial, body->epoch);
    memmove(&engine->keys[at + 1], &engine->keys[at],
            (engine->key_count - at) * sizeof *engine->keys);
    engine->key_count++;
    struct engine_key *one = &engine->keys[at];
    memset(one, 0, sizeof *one);
    engine_copy(one->unit, sizeof one->unit, body->unit);
    one->serial = serial;
    one->epoch = body->epoch;
    one->not_before_ms = body->not_before_ms;
    one->not_after_ms = body->not_after_ms;
    memcpy(one->public_key, body->public_key.data, 32);
    if (keep) {
        struct buf bytes = {0};
        message_encode(&key->base, &bytes);
        r = box_key_put(engine->box,
                        &(struct box_key){body->unit, serial, body->epoch, body->not_after_ms},
                        buf_bytes(&bytes), ret_error);
        buf_fini(&bytes);
    }
out:
    arena_fini(&arena);
    return r;
}

static int load_key(void *ctx, struct bytes bytes)
{
    struct engine *engine = ctx;
    const ProtobufCMessage *message = NULL;
    struct arena arena;
    arena_init(&arena, 65536);
    /* One that no longer verifies, because its certificate is gone, is simply not used. */
    if (message_decode(&leadbus__epoch_key__descriptor, bytes, &arena, &message, NULL) == 0)
        (void)!engine_key_take(engine, (const Leadbus__EpochKey *)message, false, NULL);
    arena_fini(&arena);
    return 0;
}

void engine_keys_load(struct engine *engine)
{
    engine->key_count = 0;
    for (size_t i = 0; i < trust_bundle_epoch_key_count(engine->bundle); i++)
        (void)!engine_key_take(engine, trust_bundle_epoch_key(engine->bundle, i), false, NULL);
    (void)!box_key_each(engine->box, load_key, engine, NULL);
}

/* ---- peers ------------------------------------------------------------------------------------
 */

struct box_peer *engine_peer(struct engine *engine, const char *unit, unsigned lane)
{
    for (size_t i = 0; i < engine->peer_count; i++)
        if (engine->peers[i].lane == lane && strcmp(engine->peers[i].unit, unit) == 0)
            return &engine->peers[i];
    if (engine->peer_count == engine->peer_cap) {
        engine->peer_cap = engine->peer_cap ? engine->peer_cap * 2 : 64;
        engine->peers = realloc(engine->peers, engine->peer_cap * sizeof *engine->peers);
        engine->peer_dirty =
            realloc(engine->peer_dirty, engine->peer_cap * sizeof *engine->peer_dirty);
        CHECK(engine->peers != NULL && engine->peer_dirty != NULL);
    }
    struct box_peer *peer = &engine->peers[engine->peer_count];
    memset(peer, 0, sizeof *peer);
    engine_copy(peer->unit, sizeof peer->unit, unit);
    peer->lane = lane;
    engine->peer_dirty[engine->peer_count++] = false;
    return peer;
}

void engine_peer_changed(struct engine *engine, const struct box_peer *peer)
{
    engine->peer_dirty[peer - engine->peers] = true;
}

static int load_peer(void *ctx, const struct box_peer *peer)
{
    struct engine *engine = ctx;
    if (peer->lane < ENGINE_LANES) *engine_peer(engine, peer->unit, peer->lane) = *peer;
    return 0;
}

int engine_peers_load(struct engine *engine, struct error *ret_error)
{
    return box_peer_each(engine->box, load_peer, engine, ret_error);
}

int engine_peers_flush(struct engine *engine, struct error *ret_error)
{
    int r = 0;
    /* They go with what they count: receipts wait for company, the inbox for nothing. */
    box_lazy(engine->box, true);
    for (size_t i = 0; i < engine->peer_count && r == 0; i++) {
        if (!engine->peer_dirty[i]) continue;
        r = box_peer_put(engine->box, &engine->peers[i], ret_error);
        engine->peer_dirty[i] = false;
    }
    box_lazy(engine->box, false);
    return r;
}

/* ---- sessions and KEKs ------------------------------------------------------------------------
 */

void engine_session(struct engine *engine, struct moment *moment, bool fresh)
{
    bool old = moment->now_ms < engine->session_ms ||
               moment->now_ms - engine->session_ms >= engine->options.session_ms;
    if (engine->session_number != 0 && !fresh && !old) return;
    moment_draw(moment, engine->session_secret, sizeof engine->session_secret);
    engine->suite->public_of(engine->session_secret, engine->session_public);
    engine->session_number++;
    /* A session drawn for one message is over with it. */
    engine->session_ms = fresh ? 0 : moment->now_ms;
}

int engine_kek_out(struct engine *engine, struct engine_key *key, bool cached, uint8_t ret_kek[32],
                   struct error *ret_error)
{
    if (cached && key->kek_session == engine->session_number) {
        memcpy(ret_kek, key->kek, 32);
        return 0;
    }
    int r = envelope_kek(&(struct envelope_kek_input){.suite = SUITE_1,
                                                      .own_secret = engine->session_secret,
                                                      .peer_public = key->public_key,
                                                      .session_public = engine->session_public,
                                                      .epoch_public = key->public_key,
                                                      .from = engine->keyring->unit,
                                                      .serial = engine->keyring->serial,
                                                      .unit = key->unit,
                                                      .epoch = key->epoch},
                         ret_kek);
    if (r < 0)
        return error_say(ret_error, r, "epoch_key", "单位 %s 的时段密钥", "epoch key of %s",
                         key->unit);
    if (cached) {
        memcpy(key->kek, ret_kek, 32);
        key->kek_session = engine->session_number;
    }
    return 0;
}

int engine_kek_in(struct engine *engine, const struct envelope *envelope, int recipient,
                  bool cached, uint8_t ret_kek[32], struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    const Leadbus__Recipient *own = head->recipients[recipient];
    if (own->epoch == 0)
        return error_say(ret_error, E_REWRAP_NEEDED, "wraps", "封装时本单位还没有时段密钥",
                         "sealed before we had a key");
    const struct keyring_epoch *epoch =
        keyring_epoch_match(engine->keyring, own->epoch, engine_bytes(own->epoch_key));
    if (!epoch)
        return error_say(
            ret_error, E_EPOCH_DESTROYED, "epoch", "第 %llu 号已销毁，或属于更早的密钥文件",
            "%llu: destroyed, or of a keyring before this one", (unsigned long long)own->epoch);
    struct engine_kek *place = &engine->keks[0];
    for (size_t i = 0; i < ENGINE_KEK_CACHE; i++) {
        struct engine_kek *one = &engine->keks[i];
        if (one->used && one->serial == head->serial && one->epoch == own->epoch &&
            memcmp(one->session, head->session_key.data, 32) == 0) {
            one->used = ++engine->kek_clock;
            memcpy(ret_kek, one->kek, 32);
            return 0;
        }
        if (one->used < place->used) place = one;
    }
    int r = envelope_kek(&(struct envelope_kek_input){.suite = head->suite,
                                                      .own_secret = epoch->secret,
                                                      .peer_public = head->session_key.data,
                                                      .session_public = head->session_key.data,
                                                      .epoch_public = epoch->public_key,
                                                      .from = head->from,
                                                      .serial = head->serial,
                                                      .unit = own->unit,
                                                      .epoch = own->epoch},
                         ret_kek);
    if (r < 0) return error_say(ret_error, r, "session_key", "弱密钥", "weak");
    if (!cached) return 0;
    *place = (struct engine_kek){
        .serial = head->serial, .epoch = own->epoch, .used = ++engine->kek_clock};
    memcpy(place->session, head->session_key.data, 32);
    memcpy(place->kek, ret_kek, 32);
    return 0;
}
