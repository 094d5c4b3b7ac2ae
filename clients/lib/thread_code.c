/* Threads as bytes in the box: of this format, and of those before it. */
#include <string.h>

#include "clients/lib/thread.h"
#include "clients/lib/thread_inner.h"

enum {
    THREAD_FORMAT = 8,
    THREAD_FORMAT_UNRECORDED = 7,
    THREAD_FORMAT_QUESTIONLESS = 6,
    THREAD_FORMAT_UNRAISED = 5,
    THREAD_FORMAT_DATELESS = 4,
    THREAD_FORMAT_CHAINLESS = 3,
    THREAD_FORMAT_CLOCKLESS = 2,
    THREAD_FORMAT_BEFORE = 1
};

static void put_text(struct buf *buf, const char *text)
{
    buf_append_u8(buf, (uint8_t)strlen(text));
    buf_append_str(buf, text);
}

static void put_clocks(struct buf *buf, const struct clocks *clocks)
{
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        buf_append_u32(buf, clocks->due_s[i]);
        buf_append_u32(buf, clocks->at_s[i]);
    }
    buf_append_u32(buf, clocks->ended_s);
    buf_append_u32(buf, clocks->paused_s);
    buf_append_u8(buf, clocks->missed);
    buf_append_u8(buf, clocks->ended_by);
    buf_append_u8(buf, clocks->extended);
    buf_append_u8(buf, clocks->dated);
    buf_append_u8(buf, clocks->over);
}

void thread_encode(const struct thread *thread, struct buf *ret_bytes)
{
    buf_append_u8(ret_bytes, THREAD_FORMAT);
    put_text(ret_bytes, thread->kind);
    put_text(ret_bytes, thread->topic);
    put_text(ret_bytes, thread->area);
    put_text(ret_bytes, thread->from);
    buf_append_u8(ret_bytes, (uint8_t)thread->urgency);
    buf_append_u64(ret_bytes, thread->opened_ms);
    buf_append_u64(ret_bytes, thread->message_count);
    buf_append_u64(ret_bytes, thread->known_size);
    buf_append_u16(ret_bytes, (uint16_t)thread->participant_count);
    for (size_t i = 0; i < thread->participant_count; i++) {
        const struct thread_participant *one = &thread->participants[i];
        put_text(ret_bytes, one->unit);
        buf_append_u8(ret_bytes, one->role);
        buf_append_u64(ret_bytes, one->index);
    }
    buf_append_u16(ret_bytes, (uint16_t)thread->leg_count);
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        put_text(ret_bytes, leg->unit);
        put_text(ret_bytes, leg->kind);
        put_text(ret_bytes, leg->outcome);
        buf_append(ret_bytes, leg->message, 16);
        buf_append_u8(ret_bytes, leg->primary);
        buf_append_u8(ret_bytes, leg->state);
        buf_append_u64(ret_bytes, leg->changed_ms);
        put_text(ret_bytes, leg->from);
        put_text(ret_bytes, leg->reads_as);
        put_text(ret_bytes, leg->topic);
        put_clocks(ret_bytes, &leg->clocks);
    }
    buf_append_u16(ret_bytes, (uint16_t)thread->act_count);
    for (size_t i = 0; i < thread->act_count; i++) {
        buf_append(ret_bytes, thread->acts[i].message, 16);
        buf_append_u16(ret_bytes, thread->acts[i].leg);
    }
    buf_append_u8(ret_bytes, thread->bound);
    buf_append_u8(ret_bytes, thread->listed);
    buf_append_u8(ret_bytes, thread->raised);
    buf_append_u16(ret_bytes, (uint16_t)thread->step_count);
    for (size_t i = 0; i < thread->step_count; i++) {
        put_text(ret_bytes, thread->steps[i].name);
        buf_append_u64(ret_bytes, thread->steps[i].at_ms);
        buf_append_u64(ret_bytes, thread->steps[i].recorded_ms);
        buf_append_u8(ret_bytes, (uint8_t)(thread->steps[i].owed | thread->steps[i].moot << 1));
    }
    buf_append_u8(ret_bytes, thread->custody.holder);
    put_text(ret_bytes, thread->custodian);
    buf_append_u32(ret_bytes, thread->custody.gap_count);
    buf_append_u64(ret_bytes, thread->custody.since_ms);
    buf_append_u64(ret_bytes, thread->custody.offered_ms);
    buf_append_u64(ret_bytes, thread->custody.gap_from_ms);
    buf_append_u64(ret_bytes, thread->custody.gap_until_ms);
    buf_append_u16(ret_bytes, (uint16_t)thread->question_count);
    for (size_t i = 0; i < thread->question_count; i++) {
        const struct thread_question *one = &thread->questions[i];
        buf_append(ret_bytes, one->message, 16);
        buf_append(ret_bytes, one->parent, 16);
        buf_append_u16(ret_bytes, one->leg);
        buf_append_u8(ret_bytes, one->act);
        buf_append_u8(ret_bytes, one->overdue);
        put_text(ret_bytes, one->from);
        put_text(ret_bytes, one->topic);
        put_text(ret_bytes, one->late);
        buf_append_u64(ret_bytes, one->index);
        buf_append_u64(ret_bytes, one->at_ms);
        buf_append_u64(ret_bytes, one->due_ms);
    }
    buf_append_u8(ret_bytes, thread->cut);
    buf_append_u8(ret_bytes, (uint8_t)thread->path_count);
    for (size_t i = 0; i < thread->path_count; i++) {
        const struct thread_path *path = &thread->paths[i];
        buf_append(ret_bytes, path->message, 16);
        buf_append_u16(ret_bytes, (uint16_t)path->count);
        for (size_t k = 0; k < path->count; k++) put_text(ret_bytes, path->holders[k]);
    }
}

/* Reads on; past the end everything is zero and `bad` stays set. */
struct reader {
    struct bytes rest;
    bool bad;
};

static const uint8_t *take(struct reader *reader, size_t len)
{
    static const uint8_t zeros[256];
    if (reader->rest.len < len) {
        reader->bad = true;
        return zeros;
    }
    const uint8_t *data = reader->rest.data;
    reader->rest = bytes_of(data + len, reader->rest.len - len);
    return data;
}

static void take_text(struct reader *reader, char *ret, size_t cap)
{
    size_t len = *take(reader, 1);
    const uint8_t *data = take(reader, len);
    if (len >= cap) reader->bad = true;
    if (reader->bad) len = 0;
    memcpy(ret, data, len);
    ret[len] = 0;
}

static void take_clocks(struct reader *reader, uint8_t format, struct clocks *ret)
{
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        ret->due_s[i] = load_u32(take(reader, 4));
        ret->at_s[i] = load_u32(take(reader, 4));
    }
    ret->ended_s = load_u32(take(reader, 4));
    ret->paused_s = load_u32(take(reader, 4));
    ret->missed = *take(reader, 1);
    ret->ended_by = *take(reader, 1);
    ret->extended = *take(reader, 1) != 0;
    ret->over = ret->missed;
    if (format <= THREAD_FORMAT_DATELESS) return;
    ret->dated = *take(reader, 1) != 0;
    ret->over = *take(reader, 1);
}

static void decode_leg(struct reader *reader, const struct thread *thread, uint8_t format,
                       struct thread_leg *leg)
{
    memset(leg, 0, sizeof *leg);
    take_text(reader, leg->unit, sizeof leg->unit);
    take_text(reader, leg->kind, sizeof leg->kind);
    take_text(reader, leg->outcome, sizeof leg->outcome);
    memcpy(leg->message, take(reader, 16), 16);
    leg->primary = *take(reader, 1) != 0;
    leg->state = *take(reader, 1);
    if (leg->state >= LIFECYCLE_STATE_COUNT) reader->bad = true;
    leg->changed_ms = load_u64(take(reader, 8));
    if (format == THREAD_FORMAT_BEFORE) {
        copy_text(leg->from, sizeof leg->from, thread->from);
        copy_text(leg->reads_as, sizeof leg->reads_as, leg->unit);
        return;
    }
    take_text(reader, leg->from, sizeof leg->from);
    take_text(reader, leg->reads_as, sizeof leg->reads_as);
    if (format == THREAD_FORMAT_CLOCKLESS) return;
    take_text(reader, leg->topic, sizeof leg->topic);
    take_clocks(reader, format, &leg->clocks);
}

static void decode_acts(struct reader *reader, struct thread *thread)
{
    size_t count = load_u16(take(reader, 2));
    for (size_t i = 0; i < count && !reader->bad; i++) {
        thread->acts = grown(thread->acts, &thread->act_cap, i, sizeof *thread->acts);
        memcpy(thread->acts[i].message, take(reader, 16), 16);
        thread->acts[i].leg = load_u16(take(reader, 2));
        bool one = thread->acts[i].leg != THREAD_ACT_ALL;
        if (one && thread->acts[i].leg >= thread->leg_count) reader->bad = true;
        thread->act_count = i + 1;
    }
    thread->bound = *take(reader, 1) != 0;
}

static void decode_chains(struct reader *reader, uint8_t format, struct thread *thread)
{
    size_t count = load_u16(take(reader, 2));
    for (size_t i = 0; i < count && !reader->bad; i++) {
        thread->steps = grown(thread->steps, &thread->step_cap, i, sizeof *thread->steps);
        take_text(reader, thread->steps[i].name, sizeof thread->steps[i].name);
        thread->steps[i].at_ms = load_u64(take(reader, 8));
        thread->steps[i].recorded_ms =
            format > THREAD_FORMAT_UNRECORDED ? load_u64(take(reader, 8)) : thread->steps[i].at_ms;
        uint8_t bits = *take(reader, 1);
        thread->steps[i].owed = (bits & 1) != 0;
        thread->steps[i].moot = (bits & 2) != 0;
        thread->step_count = i + 1;
    }
    struct chains_custody *custody = &thread->custody;
    custody->holder = *take(reader, 1);
    if (custody->holder >= CHAINS_HOLDER_COUNT) reader->bad = true;
    take_text(reader, thread->custodian, sizeof thread->custodian);
    custody->gap_count = load_u32(take(reader, 4));
    custody->since_ms = load_u64(take(reader, 8));
    custody->offered_ms = load_u64(take(reader, 8));
    custody->gap_from_ms = load_u64(take(reader, 8));
    custody->gap_until_ms = load_u64(take(reader, 8));
}

static void decode_questions(struct reader *reader, struct thread *thread)
{
    size_t count = load_u16(take(reader, 2));
    for (size_t i = 0; i < count && !reader->bad; i++) {
        thread->questions =
            grown(thread->questions, &thread->question_cap, i, sizeof *thread->questions);
        struct thread_question *one = &thread->questions[i];
        memset(one, 0, sizeof *one);
        memcpy(one->message, take(reader, 16), 16);
        memcpy(one->parent, take(reader, 16), 16);
        one->leg = load_u16(take(reader, 2));
        one->act = *take(reader, 1);
        one->overdue = *take(reader, 1) != 0;
        take_text(reader, one->from, sizeof one->from);
        take_text(reader, one->topic, sizeof one->topic);
        take_text(reader, one->late, sizeof one->late);
        one->index = load_u64(take(reader, 8));
        one->at_ms = load_u64(take(reader, 8));
        one->due_ms = load_u64(take(reader, 8));
        if (one->act >= PLAN_ACT_COUNT ||
            (one->leg != THREAD_ACT_ALL && one->leg >= thread->leg_count))
            reader->bad = true;
        thread->question_count = i + 1;
    }
}

static void decode_paths(struct reader *reader, struct thread *thread)
{
    thread->cut = *take(reader, 1) != 0;
    size_t count = *take(reader, 1);
    if (count > THREAD_PATH_COUNT_MAX) reader->bad = true;
    for (size_t i = 0; i < count && !reader->bad; i++) {
        const uint8_t *message = take(reader, 16);
        size_t holders = load_u16(take(reader, 2));
        if (holders == 0 || holders > THREAD_HOLDER_COUNT_MAX) reader->bad = true;
        if (reader->bad) return;
        struct thread_path *path = thread_path_add(thread, message, holders);
        for (size_t k = 0; k < holders; k++)
            take_text(reader, path->holders[k], sizeof path->holders[k]);
    }
}

int thread_decode(struct bytes input, struct thread *thread, struct error *ret_error)
{
    struct reader reader = {.rest = input};
    uint8_t format = *take(&reader, 1);
    if (format == 0 || format > THREAD_FORMAT)
        return error_say(ret_error, E_BAD_FORM, "thread", "格式未知", "unknown format");
    take_text(&reader, thread->kind, sizeof thread->kind);
    take_text(&reader, thread->topic, sizeof thread->topic);
    take_text(&reader, thread->area, sizeof thread->area);
    take_text(&reader, thread->from, sizeof thread->from);
    thread->urgency = *take(&reader, 1);
    thread->opened_ms = load_u64(take(&reader, 8));
    thread->message_count = load_u64(take(&reader, 8));
    thread->known_size = load_u64(take(&reader, 8));
    size_t count = load_u16(take(&reader, 2));
    for (size_t i = 0; i < count && !reader.bad; i++) {
        thread->participants =
            grown(thread->participants, &thread->participant_cap, i, sizeof *thread->participants);
        struct thread_participant *one = &thread->participants[i];
        take_text(&reader, one->unit, sizeof one->unit);
        one->role = *take(&reader, 1);
        one->index = load_u64(take(&reader, 8));
        thread->participant_count = i + 1;
    }
    count = load_u16(take(&reader, 2));
    for (size_t i = 0; i < count && !reader.bad; i++) {
        thread->legs = grown(thread->legs, &thread->leg_cap, i, sizeof *thread->legs);
        decode_leg(&reader, thread, format, &thread->legs[i]);
        thread->leg_count = i + 1;
    }
    if (format != THREAD_FORMAT_BEFORE) decode_acts(&reader, thread);
    if (format >= THREAD_FORMAT_CHAINLESS) thread->listed = *take(&reader, 1) != 0;
    if (format >= THREAD_FORMAT_QUESTIONLESS) thread->raised = *take(&reader, 1);
    if (format >= THREAD_FORMAT_DATELESS) decode_chains(&reader, format, thread);
    if (format > THREAD_FORMAT_QUESTIONLESS) decode_questions(&reader, thread);
    if (format > THREAD_FORMAT_UNRECORDED) decode_paths(&reader, thread);
    if (reader.bad || reader.rest.len != 0)
        return error_say(ret_error, E_BAD_FORM, "thread", "本地存储的内容损坏",
                         "damaged in the store");
    return 0;
}
