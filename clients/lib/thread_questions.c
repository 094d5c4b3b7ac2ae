/* What waits on a thread for somebody's decision. */
#include <string.h>

#include "clients/lib/thread.h"
#include "clients/lib/thread_inner.h"

struct thread_question *thread_question_find(const struct thread *thread, const uint8_t message[16])
{
    for (size_t i = 0; i < thread->question_count; i++)
        if (memcmp(thread->questions[i].message, message, 16) == 0) return &thread->questions[i];
    return NULL;
}

static void question_drop(struct thread *thread, size_t at)
{
    thread->question_count--;
    memmove(&thread->questions[at], &thread->questions[at + 1],
            (thread->question_count - at) * sizeof *thread->questions);
}

/* Room for one more: who asks very often loses what it asked first, and others lose nothing. */
static void question_room(struct thread *thread, const char *from)
{
    size_t at = 0;
    if (thread->question_count < THREAD_QUESTION_COUNT_MAX) return;
    while (at < thread->question_count && strcmp(thread->questions[at].from, from) != 0) at++;
    question_drop(thread, at < thread->question_count ? at : 0);
}

/* It waits as long as its leg is where it was left. */
static bool question_waits(const struct thread *thread, const struct plan *plan,
                           const struct thread_question *question)
{
    const struct thread_leg *leg =
        question->leg < thread->leg_count ? &thread->legs[question->leg] : NULL;
    const struct plan_kind *kind = leg ? plan_kind_find(plan, leg->kind) : NULL;
    if (!leg) return true;
    if (question->act == PLAN_ACT_OBJECT) return leg->state == LIFECYCLE_OBJECTED;
    if (question->act == PLAN_ACT_RETURN) return leg->state == LIFECYCLE_RETURNED;
    if (question->act == PLAN_ACT_HAND_IN) return leg->state == LIFECYCLE_CLOSED;
    return kind && !lifecycle_leg_done(kind, (enum lifecycle_state)leg->state);
}

/* What is not proved yet is folded again when it is; then its moments are those of the journal. */
void thread_question_put(struct thread *thread, const struct plan *plan,
                         const Leadbus__Header *head, enum plan_act act, size_t leg, uint64_t index,
                         uint64_t time_ms)
{
    struct thread_question *question = thread_question_find(thread, head->id.data);
    if (!question) {
        question_room(thread, head->from);
        thread->questions = grown(thread->questions, &thread->question_cap, thread->question_count,
                                  sizeof *thread->questions);
        question = &thread->questions[thread->question_count++];
        memset(question, 0, sizeof *question);
    }
    memcpy(question->message, head->id.data, 16);
    if (head->parent.len == 16) memcpy(question->parent, head->parent.data, 16);
    question->leg = leg < thread->leg_count ? (uint16_t)leg : THREAD_ACT_ALL;
    question->act = (uint8_t)act;
    copy_text(question->from, sizeof question->from, head->from);
    copy_text(question->topic, sizeof question->topic, head->topic);
    question->index = index;
    question->at_ms = time_ms;
    if (act != PLAN_ACT_ASK_RELEASE || leg >= thread->leg_count) return;
    const struct thread_leg *about = &thread->legs[leg];
    const struct plan_kind *kind = plan_kind_find(plan, about->kind);
    const struct clocks_terms terms = {.plan = plan,
                                       .kind = kind,
                                       .expect = kind,
                                       .topic = about->topic,
                                       .raised = thread->raised};
    if (kind) question->due_ms = clocks_answer_due(&terms, time_ms);
}

static bool asks(enum plan_act act)
{
    return act == PLAN_ACT_ASK_RELEASE || act == PLAN_ACT_OBJECT || act == PLAN_ACT_RETURN ||
           act == PLAN_ACT_HAND_IN;
}

/* It took a step on that leg. */
void thread_question_of_step(struct thread *thread, const struct plan *plan,
                             const Leadbus__Header *head, enum plan_act act, size_t leg,
                             uint64_t index, uint64_t time_ms)
{
    const struct plan_kind *kind = plan_kind_find(plan, thread->legs[leg].kind);
    if (!asks(act)) return;
    if (act == PLAN_ACT_HAND_IN && !(kind && kind->reported)) return;
    /* A report in the place of the one before. */
    for (size_t i = thread->question_count; act == PLAN_ACT_HAND_IN && i-- > 0;)
        if (thread->questions[i].act == act && thread->questions[i].leg == leg)
            question_drop(thread, i);
    thread_question_put(thread, plan, head, act, leg, index, time_ms);
}

/* Of a part that is not known here, as the office hears of a request alone: it is over, and nobody
 * can answer any more. */
static bool ends_unknown(const Leadbus__Header *head, const struct plan_kind *kind,
                         const struct thread_question *question, bool answers)
{
    if (kind->act == PLAN_ACT_WITHDRAW) return answers;
    if (strcmp(head->from, question->from) != 0) return false;
    return kind->act == PLAN_ACT_TRANSFER ||
           (answers && (kind->act == PLAN_ACT_CLOSE || kind->act == PLAN_ACT_RETURN));
}

/* Does the message, which was not folded before, settle the question? Who got something back
 * settles it by whatever it sends next on the thread about the matter. */
static bool settles(const struct thread *thread, const struct plan *plan,
                    const Leadbus__Header *head, const struct plan_kind *kind,
                    const struct thread_question *question)
{
    bool itself = head->parent.len == 16 && memcmp(head->parent.data, question->message, 16) == 0;
    bool answers =
        itself || (head->parent.len == 16 && memcmp(head->parent.data, question->parent, 16) == 0);
    bool known = question->leg < thread->leg_count;
    if (question->act == PLAN_ACT_ASK_RELEASE)
        return (kind->act == PLAN_ACT_RELEASE && itself) ||
               (!known && ends_unknown(head, kind, question, answers));
    if (question->act == PLAN_ACT_OBJECT)
        return !known && answers && (kind->act == PLAN_ACT_UPHOLD || kind->act == PLAN_ACT_REOPEN);
    if (question->act != PLAN_ACT_RETURN || !known) return false;
    bool about = plan_kind_makes_legs(kind) || kind->act == PLAN_ACT_LINK ||
                 kind->act == PLAN_ACT_GO_OUT || kind->act == PLAN_ACT_WITHDRAW;
    return about && plan_unit_current(plan, head->from) ==
                        plan_unit_current(plan, thread->legs[question->leg].from);
}

void thread_questions_settle(struct thread *thread, const struct plan *plan,
                             const Leadbus__Header *head, const struct plan_kind *kind, bool fresh)
{
    for (size_t i = thread->question_count; i-- > 0;) {
        const struct thread_question *question = &thread->questions[i];
        bool self = memcmp(question->message, head->id.data, 16) == 0;
        if (!question_waits(thread, plan, question) ||
            (fresh && !self && settles(thread, plan, head, kind, question)))
            question_drop(thread, i);
    }
}

bool thread_unanswered(struct thread *thread, uint64_t index, const char *unit, uint64_t due_ms)
{
    bool any = false;
    for (size_t i = 0; i < thread->question_count; i++) {
        struct thread_question *question = &thread->questions[i];
        if (question->act != PLAN_ACT_ASK_RELEASE || question->index != index) continue;
        question->overdue = true;
        question->due_ms = due_ms;
        copy_text(question->late, sizeof question->late, unit);
        any = true;
    }
    return any;
}

bool thread_decision(const struct thread *thread, const struct plan *plan, const char *self,
                     size_t i, struct thread_decision *ret)
{
    if (i >= thread->question_count) return false;
    const struct thread_question *question = &thread->questions[i];
    uint16_t office = plan_unit_with_duty(plan, PLAN_DUTY_OFFICE);
    uint16_t own = plan_unit_current(plan, self);
    const struct plan_unit *head_office = plan_unit(plan, office);
    bool rules = own != PLAN_UNIT_NONE && own == office;
    *ret = (struct thread_decision){
        .question = question,
        .leg = question->leg < thread->leg_count ? &thread->legs[question->leg] : NULL,
        .unit = question->late};
    if (ret->leg) ret->unit = ret->leg->from;
    if (question->act == PLAN_ACT_OBJECT) ret->unit = head_office ? head_office->key : "";
    ret->own = own != PLAN_UNIT_NONE && *ret->unit && plan_unit_current(plan, ret->unit) == own;
    ret->escalated = !ret->own && rules && question->overdue;
    ret->own = ret->own || ret->escalated;
    return true;
}
