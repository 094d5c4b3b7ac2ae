/* Epoch keys, peers, sessions, thread keys and content at rest. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

void moment_draw(struct moment *moment, void *ret, size_t len)
{
    uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
    store_u64(nonce, moment->drawn++);
    crypto_stream_chacha20_ietf(ret, len, nonce, moment->entropy);
}

/* ---- epoch keys --------------------------------------------------------------------------------
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
        r = error_set(ret_error, E_UNKNOWN_SENDER, "serial", "epoch key of %s: no certificate",
                      body->unit);
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

/* ---- peers
 * --------------------------------------------------------------------------------------- */

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

/* ---- sessions and KEKs -------------------------------------------------------------------------
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
    if (r < 0) return error_set(ret_error, r, "epoch_key", "epoch key of %s", key->unit);
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
        return error_set(ret_error, E_REWRAP_NEEDED, "wraps", "sealed before we had a key");
    const struct keyring_epoch *epoch =
        keyring_epoch_match(engine->keyring, own->epoch, engine_bytes(own->epoch_key));
    if (!epoch)
        return error_set(ret_error, E_EPOCH_DESTROYED, "epoch",
                         "%llu: destroyed, or of a keyring before this one",
                         (unsigned long long)own->epoch);
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
    if (r < 0) return error_set(ret_error, r, "session_key", "weak");
    if (!cached) return 0;
    *place = (struct engine_kek){
        .serial = head->serial, .epoch = own->epoch, .used = ++engine->kek_clock};
    memcpy(place->session, head->session_key.data, 32);
    memcpy(place->kek, ret_kek, 32);
    return 0;
}

/* ---- at rest
 * ------------------------------------------------------------------------------------- */

enum { REST_NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, REST_TAG_LEN = 16 };

/* nonce || ciphertext; the id is bound in. */
static void rest_seal(struct moment *moment, const uint8_t key[32], const uint8_t id[16],
                      struct bytes plain, struct buf *ret)
{
    uint8_t *out = buf_grow(ret, REST_NONCE_LEN + plain.len + REST_TAG_LEN);
    moment_draw(moment, out, REST_NONCE_LEN);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + REST_NONCE_LEN, NULL, plain.data, plain.len,
                                               id, 16, NULL, out, key);
}

static int rest_open(const uint8_t key[32], const uint8_t id[16], struct bytes sealed,
                     struct buf *ret_plain, struct error *ret_error)
{
    if (sealed.len < REST_NONCE_LEN + REST_TAG_LEN)
        return error_set(ret_error, E_DECRYPT_FAILED, "store", "%zu bytes", sealed.len);
    size_t len = sealed.len - REST_NONCE_LEN - REST_TAG_LEN;
    uint8_t *plain = buf_grow(ret_plain, len + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed.data + REST_NONCE_LEN,
                                                   sealed.len - REST_NONCE_LEN, id, 16, sealed.data,
                                                   key) != 0)
        return error_set(ret_error, E_DECRYPT_FAILED, "store", "the store was changed");
    ret_plain->len = len;
    return 0;
}

void engine_buf_wipe(struct buf *buf)
{
    if (buf->data) sodium_memzero(buf->data, buf->cap);
    buf_fini(buf);
}

void engine_rest_seal(struct engine *engine, struct moment *moment, const uint8_t id[16],
                      struct bytes plain, struct buf *ret_sealed)
{
    rest_seal(moment, engine->storage_key, id, plain, ret_sealed);
}

int engine_rest_open(struct engine *engine, const uint8_t id[16], struct bytes sealed,
                     struct buf *ret_plain, struct error *ret_error)
{
    return rest_open(engine->storage_key, id, sealed, ret_plain, ret_error);
}

int engine_thread_load(struct engine *engine, struct moment *moment, const uint8_t id[16],
                       struct engine_thread *ret, struct error *ret_error)
{
    struct buf state = {0}, plain = {0};
    memset(ret, 0, sizeof *ret);
    thread_init(&ret->thread, id);
    int r = box_thread_get(engine->box, id, &ret->sealed_key, &state, NULL);
    if (r == E_NOT_FOUND) {
        if (!moment) {
            r = error_say(ret_error, E_NOT_FOUND, "thread", "本单位没有这条线索", "not known here");
            goto out;
        }
        moment_draw(moment, ret->key, sizeof ret->key);
        rest_seal(moment, engine->storage_key, id, bytes_of(ret->key, 32), &ret->sealed_key);
        ret->fresh = true;
        r = 0;
        goto out;
    }
    if (r < 0) {
        (void)error_set(ret_error, r, "store", "reading a thread");
        goto out;
    }
    r = rest_open(engine->storage_key, id, buf_bytes(&ret->sealed_key), &plain, ret_error);
    if (r == 0 && plain.len != 32) r = error_set(ret_error, E_BAD_FORM, "store", "a thread key");
    if (r == 0) memcpy(ret->key, plain.data, 32);
    if (r == 0) r = thread_decode(buf_bytes(&state), &ret->thread, ret_error);
out:
    buf_fini(&state);
    engine_buf_wipe(&plain);
    if (r < 0) engine_thread_fini(ret);
    return r;
}

int engine_thread_save(struct engine *engine, const struct moment *moment,
                       const struct engine_thread *thread, struct error *ret_error)
{
    struct buf state = {0};
    thread_encode(&thread->thread, &state);
    int r = box_thread_put(engine->box, thread->thread.id, buf_bytes(&thread->sealed_key),
                           buf_bytes(&state), moment->now_ms, ret_error);
    buf_fini(&state);
    return r;
}

void engine_thread_fini(struct engine_thread *thread)
{
    thread_fini(&thread->thread);
    buf_fini(&thread->sealed_key);
    sodium_memzero(thread, sizeof *thread);
}

/* u8 sections: u16 name, key, u32 payload; then 0. (Stores of before had pairs there: u16 unit, u64
 * sequence, H before.) */
void content_seal(struct moment *moment, const uint8_t thread_key[32], const uint8_t id[16],
                  const struct seal_section *sections, const uint8_t (*keys)[SUITE_KEY_LEN],
                  size_t count, struct buf *ret_sealed)
{
    struct buf plain = {0};
    size_t len = 64;
    for (size_t i = 0; i < count; i++) len += sections[i].plaintext.len + BOX_NAME_LEN + 48;
    /* Room for all at once, so that growing leaves no copy behind. */
    (void)buf_grow(&plain, len);
    buf_reset(&plain);
    buf_append_u8(&plain, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_append_prefixed(&plain, bytes_of_str(sections[i].name));
        buf_append(&plain, keys[i], SUITE_KEY_LEN);
        buf_append_u32(&plain, (uint32_t)sections[i].plaintext.len);
        buf_append_bytes(&plain, sections[i].plaintext);
    }
    buf_append_u8(&plain, 0);
    rest_seal(moment, thread_key, id, buf_bytes(&plain), ret_sealed);
    engine_buf_wipe(&plain);
}

static const uint8_t *take(struct bytes *rest, size_t len, bool *bad)
{
    static const uint8_t zeros[64];
    if (rest->len < len) {
        *bad = true;
        return zeros;
    }
    const uint8_t *data = rest->data;
    *rest = bytes_of(data + len, rest->len - len);
    return data;
}

static void take_name(struct bytes *rest, char ret[BOX_NAME_LEN], bool *bad)
{
    size_t len = load_u16(take(rest, 2, bad));
    if (len >= BOX_NAME_LEN) *bad = true;
    if (*bad) len = 0;
    memcpy(ret, take(rest, len, bad), len);
    ret[len] = 0;
}

static int content_parse(struct content *content, struct error *ret_error)
{
    struct bytes rest = buf_bytes(&content->plain);
    bool bad = false;
    size_t count = *take(&rest, 1, &bad);
    if (count > LIMIT_SECTION_COUNT_MAX) bad = true;
    for (size_t i = 0; i < count && !bad; i++) {
        struct content_section *section = &content->sections[i];
        take_name(&rest, section->name, &bad);
        memcpy(section->key, take(&rest, SUITE_KEY_LEN, &bad), SUITE_KEY_LEN);
        size_t len = load_u32(take(&rest, 4, &bad));
        section->payload = bytes_of(take(&rest, len, &bad), len);
        content->section_count = i + 1;
    }
    count = *take(&rest, 1, &bad);
    for (size_t i = 0; i < count && !bad; i++) {
        char unit[BOX_NAME_LEN];
        take_name(&rest, unit, &bad);
        (void)take(&rest, 8 + 32, &bad);
    }
    if (bad || rest.len) return error_set(ret_error, E_BAD_FORM, "store", "damaged content");
    return 0;
}

int content_open(struct engine *engine, const uint8_t thread[16], const uint8_t id[16],
                 struct bytes sealed, struct content *ret, struct error *ret_error)
{
    struct engine_thread held;
    memset(ret, 0, sizeof *ret);
    int r = engine_thread_load(engine, NULL, thread, &held, ret_error);
    if (r < 0) return r;
    r = rest_open(held.key, id, sealed, &ret->plain, ret_error);
    if (r == 0) r = content_parse(ret, ret_error);
    engine_thread_fini(&held);
    if (r < 0) content_fini(ret);
    return r;
}

void content_fini(struct content *content)
{
    engine_buf_wipe(&content->plain);
    sodium_memzero(content, sizeof *content);
}
