/* At rest: sealed under the storage key, threads with keys of their own, content under those. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

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
        return error_say(ret_error, E_DECRYPT_FAILED, "store", "%zu 字节", "%zu bytes", sealed.len);
    size_t len = sealed.len - REST_NONCE_LEN - REST_TAG_LEN;
    uint8_t *plain = buf_grow(ret_plain, len + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed.data + REST_NONCE_LEN,
                                                   sealed.len - REST_NONCE_LEN, id, 16, sealed.data,
                                                   key) != 0)
        return error_say(ret_error, E_DECRYPT_FAILED, "store", "本地数据库被改动",
                         "the store was changed");
    ret_plain->len = len;
    return 0;
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

void engine_rest_key(const struct engine *engine, const char *purpose, uint8_t ret_key[32])
{
    engine->suite->expand(engine->storage_key, bytes_of_str(purpose), ret_key, 32);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

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
        (void)error_say(ret_error, r, "store", "读取线索", "reading a thread");
        goto out;
    }
    r = rest_open(engine->storage_key, id, buf_bytes(&ret->sealed_key), &plain, ret_error);
    if (r == 0 && plain.len != 32)
        r = error_say(ret_error, E_BAD_FORM, "store", "线索密钥", "a thread key");
    if (r == 0) memcpy(ret->key, plain.data, 32);
    if (r == 0) r = thread_decode(buf_bytes(&state), &ret->thread, ret_error);
out:
    buf_fini(&state);
    buf_wipe_fini(&plain);
    if (r < 0) engine_thread_fini(ret);
    return r;
}

/* ---- what this unit owes ------------------------------------------------------------------------
 */

static bool leg_open(const struct plan *plan, const struct thread_leg *leg)
{
    const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
    return kind && !lifecycle_leg_done(kind, (enum lifecycle_state)leg->state);
}

/* The ladder of a leg goes on where it stood: who was told stays told. What is repeated counts from
 * when it came here (now_ms; 0: that is over), however old it was then. */
static int ladder_note(struct engine *engine, const struct thread *thread,
                       const struct thread_leg *leg, uint64_t now_ms, struct error *ret_error)
{
    struct box_ladder row = {0};
    uint64_t at_ms[THREAD_STEP_COUNT];
    uint64_t next_ms = BOX_LADDER_NO_STEP;
    uint64_t again_ms = BOX_LADDER_NO_STEP;
    bool waits = thread_leg_steps(leg, trust_bundle_plan(engine->bundle), at_ms);
    int r = box_ladder_get(engine->box, thread->id, leg->message, &row, ret_error);
    bool fresh = r == E_NOT_FOUND;
    if ((r < 0 && !fresh) || (fresh && !waits)) return fresh ? 0 : r;
    if (fresh) {
        memcpy(row.thread, thread->id, 16);
        memcpy(row.message, leg->message, 16);
    }
    if (waits && row.next < THREAD_STEP_COUNT && at_ms[row.next] != 0) next_ms = at_ms[row.next];
    if (thread_leg_repeats(leg, trust_bundle_plan(engine->bundle))) {
        uint64_t from_ms = fresh && now_ms > leg->changed_ms ? now_ms : leg->changed_ms;
        again_ms = row.shown_ms > from_ms ? row.shown_ms : from_ms;
        if (!fresh && row.again_ms != BOX_LADDER_NO_STEP) again_ms = row.again_ms;
    }
    if (!fresh && next_ms == row.next_ms && again_ms == row.again_ms) return 0;
    row.next_ms = next_ms;
    row.again_ms = again_ms;
    return box_ladder_put(engine->box, &row, ret_error);
}

/* When what this unit is to decide about a message is due; 0: nothing, or no clock runs. */
static uint64_t decision_due(const struct engine *engine, const struct thread *thread,
                             const uint8_t message[16])
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    struct thread_decision decision;
    uint64_t due_ms = 0;
    for (size_t i = 0; thread_decision(thread, plan, engine->keyring->unit, i, &decision); i++)
        if (decision.own && memcmp(decision.question->message, message, 16) == 0)
            due_ms = decision.question->due_ms;
    return due_ms;
}

static int decisions_note(struct engine *engine, const struct thread *thread,
                          struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    struct thread_decision decision;
    int r = 0;
    for (size_t i = 0; r == 0 && thread_decision(thread, plan, engine->keyring->unit, i, &decision);
         i++) {
        struct box_leg row = {.due_ms = decision.question->due_ms};
        if (!decision.own) continue;
        if (row.due_ms == 0) row.due_ms = BOX_LEG_NO_TERM;
        memcpy(row.thread, thread->id, 16);
        memcpy(row.message, decision.question->message, 16);
        r = box_leg_put(engine->box, &row, ret_error);
    }
    return r;
}

/* The index says of a thread what the thread says. A report has both: it is signed for, and then
 * reviewed. */
int engine_legs_note(struct engine *engine, const struct thread *thread, uint64_t now_ms,
                     struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    int r = box_legs_forget(engine->box, thread->id, ret_error);
    if (r == 0) r = decisions_note(engine, thread, ret_error);
    for (size_t i = 0; i < thread->leg_count && r == 0; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        struct box_leg row = {.due_ms = BOX_LEG_NO_TERM};
        enum plan_clock_index clock;
        uint64_t due_ms;
        if (strcmp(leg->unit, engine->keyring->unit) != 0) continue;
        r = ladder_note(engine, thread, leg, now_ms, ret_error);
        if (r < 0 || !leg_open(plan, leg)) continue;
        if (clocks_next(&leg->clocks, &clock, &due_ms)) row.due_ms = due_ms;
        due_ms = decision_due(engine, thread, leg->message);
        if (due_ms != 0 && due_ms < row.due_ms) row.due_ms = due_ms;
        memcpy(row.thread, thread->id, 16);
        memcpy(row.message, leg->message, 16);
        r = box_leg_put(engine->box, &row, ret_error);
    }
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
    return r < 0 ? r : engine_legs_note(engine, &thread->thread, moment->now_ms, ret_error);
}

void engine_thread_fini(struct engine_thread *thread)
{
    thread_fini(&thread->thread);
    buf_fini(&thread->sealed_key);
    sodium_memzero(thread, sizeof *thread);
}

/* ---- content ----------------------------------------------------------------------------------
 */

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
    buf_wipe_fini(&plain);
}

void engine_content_of(struct moment *moment, const uint8_t thread_key[32], const uint8_t id[16],
                       const struct envelope *envelope, const struct opened *opened,
                       struct buf *ret_sealed)
{
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    uint8_t keys[LIMIT_SECTION_COUNT_MAX][SUITE_KEY_LEN];
    size_t count = 0;
    for (size_t i = 0; i < envelope->section_count; i++) {
        if (!opened->present[i]) continue;
        sections[count].name = envelope->head->sections[i];
        sections[count].plaintext = buf_bytes(&opened->sections[i]);
        memcpy(keys[count++], opened->keys[i], SUITE_KEY_LEN);
    }
    content_seal(moment, thread_key, id, sections, (const uint8_t(*)[SUITE_KEY_LEN])keys, count,
                 ret_sealed);
    sodium_memzero(keys, sizeof keys);
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
    if (bad || rest.len)
        return error_say(ret_error, E_BAD_FORM, "store", "内容损坏", "damaged content");
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
    buf_wipe_fini(&content->plain);
    sodium_memzero(content, sizeof *content);
}
