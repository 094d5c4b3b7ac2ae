#include "clients/lib/thread.h"

#include <stdlib.h>
#include <string.h>

#include "clients/lib/thread_inner.h"
#include "proto/base/check.h"

void thread_init(struct thread *thread, const uint8_t id[16])
{
    memset(thread, 0, sizeof *thread);
    memcpy(thread->id, id, 16);
}

void thread_fini(struct thread *thread)
{
    if (!thread) return;
    free(thread->participants);
    free(thread->legs);
    free(thread->acts);
    free(thread->questions);
    free(thread->steps);
    for (size_t i = 0; i < thread->path_count; i++) free(thread->paths[i].holders);
    free(thread->paths);
    memset(thread, 0, sizeof *thread);
}

/* ---- whose it was ------------------------------------------------------------------------------
 */

static const struct thread_path *path_find(const struct thread *thread, const uint8_t message[16])
{
    for (size_t i = 0; i < thread->path_count; i++)
        if (memcmp(thread->paths[i].message, message, 16) == 0) return &thread->paths[i];
    return NULL;
}

struct thread_path *thread_path_add(struct thread *thread, const uint8_t message[16], size_t count)
{
    if (!thread->paths) {
        thread->paths = calloc(THREAD_PATH_COUNT_MAX, sizeof *thread->paths);
        CHECK(thread->paths != NULL);
    }
    if (thread->path_count == THREAD_PATH_COUNT_MAX) {
        free(thread->paths[0].holders);
        memmove(thread->paths, thread->paths + 1, --thread->path_count * sizeof *thread->paths);
    }
    struct thread_path *path = &thread->paths[thread->path_count++];
    memcpy(path->message, message, 16);
    path->count = count;
    path->holders = calloc(count, sizeof *path->holders);
    CHECK(path->holders != NULL);
    return path;
}

void thread_came_by(struct thread *thread, const uint8_t *message, char *const *holders,
                    size_t count)
{
    bool sound = count > 0 && count <= THREAD_HOLDER_COUNT_MAX && !path_find(thread, message);
    for (size_t i = 0; sound && i < count; i++) sound = slug_valid(holders[i]);
    if (!sound) return;
    struct thread_path *path = thread_path_add(thread, message, count);
    for (size_t i = 0; i < count; i++)
        copy_text(path->holders[i], sizeof path->holders[i], holders[i]);
}

void thread_paths_move(struct thread *thread, struct thread *from)
{
    thread->paths = from->paths;
    thread->path_count = from->path_count;
    from->paths = NULL;
    from->path_count = 0;
}

/* ---- participants ------------------------------------------------------------------------------
 */

static void join(struct thread *thread, const char *unit, enum route_role role, uint64_t index)
{
    size_t at = 0;
    while (at < thread->participant_count && strcmp(thread->participants[at].unit, unit) != 0) at++;
    struct thread_participant one = {.role = (uint8_t)role, .index = index};
    copy_text(one.unit, sizeof one.unit, unit);
    if (at < thread->participant_count) {
        struct thread_participant *old = &thread->participants[at];
        one.role = (uint8_t)route_role_join((enum route_role)old->role, role);
        if (old->index <= index) {
            old->role = one.role;
            return;
        }
        /* An earlier message came later: it has been on the thread since then. */
        thread->participant_count--;
        memmove(old, old + 1, (thread->participant_count - at) * sizeof *old);
    }
    thread->participants = grown(thread->participants, &thread->participant_cap,
                                 thread->participant_count, sizeof *thread->participants);
    at = thread->participant_count;
    while (at > 0 && thread->participants[at - 1].index > index) at--;
    memmove(&thread->participants[at + 1], &thread->participants[at],
            (thread->participant_count - at) * sizeof one);
    thread->participants[at] = one;
    thread->participant_count++;
}

void thread_moved(struct thread *thread, char *const *units, const uint32_t *roles, size_t count,
                  uint64_t size)
{
    struct thread moved = {0};
    for (size_t i = 0; i < count && i < LIMIT_UNIT_COUNT_MAX; i++) {
        bool known =
            roles[i] <= ROUTE_ROLE_COPY_ALERTED && (roles[i] & ~(uint32_t)ROUTE_ROLE_ALERTED) != 0;
        if (slug_valid(units[i]))
            join(&moved, units[i], known ? (enum route_role)roles[i] : ROUTE_ROLE_COPY,
                 size ? size - 1 : 0);
    }
    free(thread->participants);
    thread->participants = moved.participants;
    thread->participant_count = moved.participant_count;
    thread->participant_cap = moved.participant_cap;
    thread->known_size = size;
}

bool thread_cut(struct thread *thread, uint64_t size)
{
    size_t kept = 0;
    bool cut = thread->known_size > size;
    for (size_t i = 0; i < thread->participant_count; i++)
        if (thread->participants[i].index < size)
            thread->participants[kept++] = thread->participants[i];
    cut = cut || kept < thread->participant_count;
    thread->participant_count = kept;
    if (thread->known_size > size) thread->known_size = size;
    return cut;
}

/* Of a thread of which nothing is in the journal yet: who opened it, and who must sign. The broker
 * knows better when it comes there, and says so. */
static size_t expected_participants(const struct thread *thread, const struct plan *plan,
                                    struct route_participant *ret)
{
    size_t count = 0;
    uint16_t from = plan_unit_current(plan, thread->from);
    if (from != PLAN_UNIT_NONE)
        ret[count++] = (struct route_participant){from, ROUTE_ROLE_ORIGINATOR};
    for (size_t i = 0; i < thread->leg_count && count < LIMIT_UNIT_COUNT_MAX; i++) {
        uint16_t unit = plan_unit_current(plan, thread->legs[i].unit);
        size_t k = 0;
        while (k < count && ret[k].unit != unit) k++;
        if (unit != PLAN_UNIT_NONE && k == count)
            ret[count++] = (struct route_participant){unit, ROUTE_ROLE_SIGNER};
    }
    return count;
}

size_t thread_participants(const struct thread *thread, const struct plan *plan,
                           struct route_participant *ret)
{
    size_t count = 0;
    if (thread->participant_count == 0) return expected_participants(thread, plan, ret);
    for (size_t i = 0; i < thread->participant_count && count < LIMIT_UNIT_COUNT_MAX; i++) {
        uint16_t unit = plan_unit_current(plan, thread->participants[i].unit);
        enum route_role role = (enum route_role)thread->participants[i].role;
        size_t k = 0;
        if (unit == PLAN_UNIT_NONE) continue;
        while (k < count && ret[k].unit != unit) k++;
        if (k == count)
            ret[count++] = (struct route_participant){unit, role};
        else /* two units that have become one */
            ret[k].role = route_role_join(ret[k].role, role);
    }
    return count;
}

bool thread_has(const struct thread *thread, const char *unit)
{
    for (size_t i = 0; i < thread->participant_count; i++)
        if (strcmp(thread->participants[i].unit, unit) == 0) return true;
    return false;
}

/* ---- legs
 * ------------------------------------------------------------------------------------------ */

static struct thread_leg *leg_find(const struct thread *thread, const char *unit,
                                   const uint8_t message[16])
{
    for (size_t i = 0; i < thread->leg_count; i++) {
        struct thread_leg *leg = &thread->legs[i];
        if (memcmp(leg->message, message, 16) == 0 && strcmp(leg->unit, unit) == 0) return leg;
    }
    return NULL;
}

const struct thread_leg *thread_leg_of(const struct thread *thread, const char *unit,
                                       const uint8_t *message)
{
    return leg_find(thread, unit, message);
}

static struct thread_leg *leg_put(struct thread *thread, const char *unit, const char *kind,
                                  const uint8_t message[16])
{
    thread->legs = grown(thread->legs, &thread->leg_cap, thread->leg_count, sizeof *thread->legs);
    struct thread_leg *leg = &thread->legs[thread->leg_count++];
    memset(leg, 0, sizeof *leg);
    copy_text(leg->unit, sizeof leg->unit, unit);
    copy_text(leg->kind, sizeof leg->kind, kind);
    copy_text(leg->reads_as, sizeof leg->reads_as, unit);
    memcpy(leg->message, message, 16);
    return leg;
}

static struct clocks_terms terms_of(const struct thread *thread, const struct plan *plan,
                                    const struct thread_leg *leg)
{
    const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
    return (struct clocks_terms){.plan = plan,
                                 .kind = kind,
                                 .expect = kind,
                                 .topic = leg->topic,
                                 .raised = thread ? thread->raised : 0};
}

bool thread_leg_steps(const struct thread_leg *leg, const struct plan *plan,
                      uint64_t ret_at_ms[THREAD_STEP_COUNT])
{
    struct clocks_terms terms = terms_of(NULL, plan, leg);
    bool fresh = leg->state == LIFECYCLE_SUBMITTED || leg->state == LIFECYCLE_DELIVERED;
    if (!fresh || !terms.kind || !plan_kind_expects(terms.kind, PLAN_ACT_SIGN)) return false;
    ret_at_ms[0] = leg->changed_ms;
    ret_at_ms[1] = clocks_part_ms(&leg->clocks, &terms, PLAN_CLOCK_SIGN, leg->changed_ms, 1, 2);
    ret_at_ms[2] = clocks_part_ms(&leg->clocks, &terms, PLAN_CLOCK_SIGN, leg->changed_ms, 3, 4);
    return true;
}

bool thread_leg_repeats(const struct thread_leg *leg, const struct plan *plan)
{
    uint64_t at_ms[THREAD_STEP_COUNT];
    const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
    return kind && kind->family == PLAN_FAMILY_ALERT && kind->act == PLAN_ACT_NONE &&
           kind->urgency == 1 && thread_leg_steps(leg, plan, at_ms);
}

/* What the own machine has is delivered. */
static void leg_begin(const struct thread *thread, struct thread_leg *leg, const struct plan *plan,
                      const char *self, uint64_t set_ms, uint64_t time_ms)
{
    struct clocks_terms terms = terms_of(thread, plan, leg);
    terms.set_ms = set_ms;
    bool own = strcmp(leg->unit, self) == 0;
    leg->state = own ? LIFECYCLE_DELIVERED : LIFECYCLE_SUBMITTED;
    leg->changed_ms = time_ms;
    if (!terms.kind) return;
    clocks_begin(&leg->clocks, &terms, time_ms);
    /* When another unit's machine had it is not told here; that it was late is a record. */
    if (!own) leg->clocks.due_s[PLAN_CLOCK_DELIVER] = 0;
    if (own) clocks_delivered(&leg->clocks, terms.kind, time_ms);
}

static void add_legs(struct thread *thread, const struct plan *plan, const char *self,
                     const Leadbus__Header *head, uint64_t time_ms)
{
    bool primary = true;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        if (recipient->act != ROUTE_SIGN) continue;
        size_t most = strcmp(recipient->unit, self) == 0 ? (size_t)THREAD_OWN_LEG_COUNT_MAX
                                                         : (size_t)THREAD_LEG_COUNT_MAX;
        bool found = leg_find(thread, recipient->unit, head->id.data) != NULL;
        thread->cut = thread->cut || (!found && thread->leg_count >= most);
        if (!found && thread->leg_count < most) {
            struct thread_leg *leg = leg_put(thread, recipient->unit, head->kind, head->id.data);
            copy_text(leg->from, sizeof leg->from, head->from);
            copy_text(leg->topic, sizeof leg->topic, head->topic);
            leg->primary = primary;
            leg_begin(thread, leg, plan, self, head->due_ms, time_ms);
        }
        primary = false;
    }
}

/* The leg goes to the target, about the same message. */
static void move_leg(struct thread *thread, const struct plan *plan, size_t at, const char *self,
                     const char *target, uint64_t time_ms)
{
    struct thread_leg old = thread->legs[at];
    if (leg_find(thread, target, old.message)) return;
    /* What was passed on goes on, however many there are: each passes one on that is kept. */
    if (thread->leg_count >= THREAD_OWN_LEG_COUNT_MAX) {
        thread->cut = true;
        return;
    }
    struct thread_leg *leg = leg_put(thread, target, old.kind, old.message);
    copy_text(leg->from, sizeof leg->from, old.from);
    copy_text(leg->reads_as, sizeof leg->reads_as, old.reads_as);
    copy_text(leg->topic, sizeof leg->topic, old.topic);
    leg->primary = old.primary;
    leg_begin(thread, leg, plan, self, 0, time_ms);
}

/* ---- acts ---------------------------------------------------------------------------------------
 */

static const struct thread_act *act_find(const struct thread *thread, const uint8_t message[16])
{
    for (size_t i = thread->act_count; i-- > 0;)
        if (memcmp(thread->acts[i].message, message, 16) == 0) return &thread->acts[i];
    return NULL;
}

const struct thread_leg *thread_leg_of_act(const struct thread *thread, const uint8_t *message)
{
    const struct thread_act *act = act_find(thread, message);
    return act && act->leg < thread->leg_count ? &thread->legs[act->leg] : NULL;
}

static void act_put(struct thread *thread, const uint8_t message[16], size_t leg)
{
    if (act_find(thread, message)) return;
    if (thread->act_count == THREAD_ACT_COUNT_MAX) {
        thread->act_count--;
        memmove(thread->acts, thread->acts + 1, thread->act_count * sizeof *thread->acts);
    }
    thread->acts = grown(thread->acts, &thread->act_cap, thread->act_count, sizeof *thread->acts);
    memcpy(thread->acts[thread->act_count].message, message, 16);
    thread->acts[thread->act_count++].leg = (uint16_t)leg;
}

/* Which legs an act means: the unit's own for that message; else the one that the message acted on;
 * else every leg of the message, or of the thread. */
struct meant {
    bool all;              /* of the thread */
    size_t one;            /* SIZE_MAX: not one alone */
    const uint8_t *parent; /* 16 bytes, or NULL */
};

static struct meant meant_by(const struct thread *thread, enum plan_act act, const char *from,
                             const uint8_t *parent)
{
    struct meant meant = {.all = lifecycle_act_on_thread(act), .one = SIZE_MAX, .parent = parent};
    if (meant.all || !parent) return meant;
    const struct thread_act *before = act_find(thread, parent);
    if (before && before->leg == THREAD_ACT_ALL) before = NULL;
    const struct thread_leg *own = leg_find(thread, from, parent);
    if (!own && before) own = leg_find(thread, from, thread->legs[before->leg].message);
    if (own && !(before && lifecycle_act_of_parent(act)))
        meant.one = (size_t)(own - thread->legs);
    else if (before)
        meant.one = before->leg;
    return meant;
}

static bool is_meant(const struct meant *meant, const struct thread *thread, size_t at)
{
    if (meant->all) return true;
    if (meant->one != SIZE_MAX) return at == meant->one;
    return meant->parent && memcmp(thread->legs[at].message, meant->parent, 16) == 0;
}

static struct lifecycle_query query_of(const struct thread *thread, const struct plan *plan,
                                       const struct thread_leg *leg, const struct plan_kind *kind,
                                       enum plan_act act, const char *topic, const char *from)
{
    uint16_t unit = plan_unit_current(plan, from);
    struct lifecycle_query query = {
        .kind = kind, .state = (enum lifecycle_state)leg->state, .act = act};
    if (strcmp(leg->unit, from) == 0) query.roles |= 1u << LIFECYCLE_ROLE_LEG;
    if (strcmp(leg->from, from) == 0) query.roles |= 1u << LIFECYCLE_ROLE_ORIGINATOR;
    if (unit == plan_unit_with_duty(plan, PLAN_DUTY_OFFICE))
        query.roles |= 1u << LIFECYCLE_ROLE_OFFICE;
    if (query.roles == 0) query.roles = 1u << LIFECYCLE_ROLE_COPY;
    query.facts = lifecycle_topic_facts(act, topic) | LIFECYCLE_FACT_ASKED | LIFECYCLE_FACT_WAITED |
                  LIFECYCLE_FACT_IN_TIME | LIFECYCLE_FACT_OTHER | LIFECYCLE_FACT_JOINABLE;
    struct clocks_terms terms = terms_of(thread, plan, leg);
    query.facts |= clocks_facts(&leg->clocks, &terms, 0);
    if (act != PLAN_ACT_ASK_RELEASE) query.facts |= LIFECYCLE_FACT_FREE;
    if (thread->listed) query.facts |= LIFECYCLE_FACT_LISTED;
    if (thread->bound &&
        plan_unit_current(plan, leg->unit) == plan_unit_with_duty(plan, PLAN_DUTY_POLICE))
        query.facts |= LIFECYCLE_FACT_BOUND;
    return query;
}

/* The message whose leg a transfer passed on; NULL: it cannot be told. A transfer may answer one
 * that did not come here: where one message alone is to be signed for, it is that one. */
static const uint8_t *passed_message(const struct thread *thread, const struct meant *meant)
{
    const uint8_t *only = NULL;
    if (meant->one != SIZE_MAX) return thread->legs[meant->one].message;
    for (size_t i = 0; i < thread->leg_count; i++)
        if (is_meant(meant, thread, i)) return thread->legs[i].message;
    for (size_t i = 0; i < thread->leg_count; i++) {
        if (only && memcmp(only, thread->legs[i].message, 16) != 0) return NULL;
        only = thread->legs[i].message;
    }
    return only;
}

/* Is this unit said to have had what it still has, or never had? What it passed on itself it knows
 * from its own transfers, and takes nobody's word for it. */
static bool names_own(struct thread *thread, const struct thread_path *path, size_t count,
                      const char *self)
{
    const struct thread_leg *own = leg_find(thread, self, path->message);
    size_t at = 0;
    while (at < count && strcmp(path->holders[at], self) != 0) at++;
    return at < count && (!own || own->state != LIFECYCLE_TRANSFERRED);
}

/* The broker's word on how a transfer came about that led to this unit in the end, and how many had
 * it up to who sends it; NULL: it gave none. */
static const struct thread_path *path_of(struct thread *thread, const struct meant *meant,
                                         const Leadbus__Header *head, const char *self,
                                         size_t *ret_count)
{
    const uint8_t *message = passed_message(thread, meant);
    for (size_t i = thread->path_count; i-- > 0;) {
        const struct thread_path *path = &thread->paths[i];
        size_t at = 0;
        if (message && memcmp(path->message, message, 16) != 0) continue;
        while (at < path->count && strcmp(path->holders[at], head->from) != 0) at++;
        if (at == path->count || !leg_find(thread, path->holders[0], path->message)) continue;
        if (names_own(thread, path, at + 1, self)) continue;
        *ret_count = at + 1;
        const char *next = *ret_count < path->count ? path->holders[*ret_count] : self;
        if (strcmp(head->target, next) == 0) return path;
    }
    return NULL;
}

/* It was there for a while, and was passed on. */
static struct thread_leg *pass_through(struct thread *thread, const char *unit,
                                       const struct thread_leg *like, uint64_t time_ms)
{
    struct thread_leg *leg = leg_find(thread, unit, like->message);
    if (!leg) {
        leg = leg_put(thread, unit, like->kind, like->message);
        copy_text(leg->from, sizeof leg->from, like->from);
        copy_text(leg->topic, sizeof leg->topic, like->topic);
    }
    leg->state = LIFECYCLE_TRANSFERRED;
    leg->changed_ms = time_ms;
    return leg;
}

/* The journal has a transfer by a unit whose leg is not known here: it was passed on to that unit
 * by transfers that were sent to others alone. The bus took it, so there is such a leg, and it goes
 * on. Where several legs could have led to it, and the broker did not say which, none of them is
 * said to have been passed on. */
static bool inherit_leg(struct thread *thread, const struct plan *plan, const struct meant *meant,
                        const Leadbus__Header *head, const char *self, uint64_t time_ms)
{
    const struct thread_leg *origin = NULL, *any = NULL;
    size_t open = 0;
    size_t had = 1;
    const struct thread_path *path = path_of(thread, meant, head, self, &had);
    const uint8_t *message = path ? path->message : passed_message(thread, meant);
    if (!message || !thread->legs || !head->target[0] ||
        thread->leg_count + had + 1 > THREAD_OWN_LEG_COUNT_MAX)
        return false;
    if (leg_find(thread, head->from, message)) return false;
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
        if (!kind || memcmp(leg->message, message, 16) != 0) continue;
        if (!any) any = leg;
        if (strcmp(leg->unit, head->target) == 0 || strcmp(leg->unit, self) == 0 ||
            lifecycle_leg_done(kind, (enum lifecycle_state)leg->state))
            continue;
        origin = leg;
        open++;
    }
    if (!any) return false;
    if (path) origin = leg_find(thread, path->holders[0], message);
    bool sure = origin && (path || open == 1);
    struct thread_leg like = sure ? *origin : *any;
    if (sure) {
        size_t at = (size_t)(origin - thread->legs);
        struct clocks_terms terms = terms_of(thread, plan, &like);
        const struct lifecycle_step gone = {LIFECYCLE_TRANSFERRED, LIFECYCLE_EFFECT_ENDS};
        clocks_step(&thread->legs[at].clocks, &terms, &gone, PLAN_ACT_TRANSFER, false, time_ms);
        thread->legs[at].state = LIFECYCLE_TRANSFERRED;
        thread->legs[at].changed_ms = time_ms;
    }
    for (size_t i = 1; path && i + 1 < had; i++) {
        struct thread_leg *leg = pass_through(thread, path->holders[i], &like, time_ms);
        copy_text(leg->reads_as, sizeof leg->reads_as, like.reads_as);
        leg->primary = like.primary;
    }
    struct thread_leg *leg = pass_through(thread, head->from, &like, time_ms);
    if (sure) copy_text(leg->reads_as, sizeof leg->reads_as, like.reads_as);
    leg->primary = sure && like.primary;
    copy_text(leg->outcome, sizeof leg->outcome, head->topic);
    move_leg(thread, plan, (size_t)(leg - thread->legs), self, head->target, time_ms);
    return true;
}

/* It is under supervision by a message of that urgency, and what runs on it is due sooner. */
static void list(struct thread *thread, const struct plan *plan, const Leadbus__Header *head,
                 uint64_t time_ms)
{
    thread->listed = true;
    thread->raised = (uint8_t)head->urgency;
    for (size_t i = 0; i < thread->leg_count; i++) {
        struct clocks_terms terms = terms_of(thread, plan, &thread->legs[i]);
        if (terms.kind) clocks_raise(&thread->legs[i].clocks, &terms, time_ms);
    }
}

static void apply_step(struct thread *thread, const struct plan *plan, size_t at,
                       const struct lifecycle_step *step, enum plan_act act,
                       const Leadbus__Header *head, const char *self, uint64_t time_ms)
{
    struct thread_leg *leg = &thread->legs[at];
    struct clocks_terms terms = terms_of(thread, plan, leg);
    terms.set_ms = head->due_ms;
    if (terms.kind)
        clocks_step(&leg->clocks, &terms, step, act, strcmp(leg->unit, head->from) == 0, time_ms);
    if (step->next != (enum lifecycle_state)leg->state) leg->changed_ms = time_ms;
    if (step->effects & LIFECYCLE_EFFECT_ENDS)
        copy_text(leg->outcome, sizeof leg->outcome, head->topic);
    if (step->effects & LIFECYCLE_EFFECT_RESUMES) leg->outcome[0] = 0;
    if (step->effects & LIFECYCLE_EFFECT_BINDS) thread->bound = true;
    if (step->effects & LIFECYCLE_EFFECT_UNLISTS) {
        thread->listed = false;
        thread->raised = 0;
    }
    leg->state = (uint8_t)step->next;
    if (step->effects & LIFECYCLE_EFFECT_MOVES)
        move_leg(thread, plan, at, self, head->target, time_ms);
}

/* The journal has an act of the unit's own for which it must have signed, or accepted: that was not
 * sent here, as not to who passed it on, and what follows from it is so all the same. */
static bool caught_up(struct thread_leg *leg, enum plan_act act, const char *from,
                      struct lifecycle_step *ret_step)
{
    bool behind = leg->state == LIFECYCLE_SUBMITTED || leg->state == LIFECYCLE_SIGNED;
    if (!behind || strcmp(leg->unit, from) != 0) return false;
    switch (act) {
    case PLAN_ACT_ACCEPT: *ret_step = (struct lifecycle_step){LIFECYCLE_ACCEPTED, 0}; break;
    case PLAN_ACT_PROGRESS: *ret_step = (struct lifecycle_step){LIFECYCLE_PROGRESS, 0}; break;
    case PLAN_ACT_CLOSE:
        *ret_step = (struct lifecycle_step){LIFECYCLE_CLOSED, LIFECYCLE_EFFECT_ENDS};
        break;
    default: return false;
    }
    /* When they were done is not known here: that they were late is a record. */
    leg->clocks.due_s[PLAN_CLOCK_SIGN] = 0;
    if (act != PLAN_ACT_ACCEPT) leg->clocks.due_s[PLAN_CLOCK_ACCEPT] = 0;
    return true;
}

static void apply_act(struct thread *thread, const struct plan *plan, const char *self,
                      enum plan_act act, const Leadbus__Header *head, uint64_t index,
                      uint64_t time_ms)
{
    uint32_t effects = 0;
    bool any = false, pending = index == THREAD_PENDING;
    struct meant meant =
        meant_by(thread, act, head->from, head->parent.len == 16 ? head->parent.data : NULL);
    size_t count = thread->leg_count;
    const struct thread_question *question = thread_question_find(thread, head->id.data);
    if (question && question->index == THREAD_PENDING)
        thread_question_put(thread, plan, head, act, question->leg, index, time_ms);
    if (act_find(thread, head->id.data)) return;
    for (size_t i = 0; i < count; i++) {
        struct lifecycle_step step;
        const struct plan_kind *kind = plan_kind_find(plan, thread->legs[i].kind);
        if (!kind || !is_meant(&meant, thread, i)) continue;
        struct lifecycle_query query =
            query_of(thread, plan, &thread->legs[i], kind, act, head->topic, head->from);
        /* What led to a transfer is not sent to everybody whom it is told to. */
        bool taken = lifecycle_next(&query, &step, NULL) == 0;
        if (!taken && act == PLAN_ACT_TRANSFER && strcmp(thread->legs[i].unit, head->from) == 0) {
            step = (struct lifecycle_step){LIFECYCLE_TRANSFERRED,
                                           LIFECYCLE_EFFECT_ENDS | LIFECYCLE_EFFECT_MOVES};
            taken = true;
        }
        if (!taken && !pending) taken = caught_up(&thread->legs[i], act, head->from, &step);
        any |= taken;
        if (taken) apply_step(thread, plan, i, &step, act, head, self, time_ms);
        if (taken) thread_question_of_step(thread, plan, head, act, i, index, time_ms);
        if (taken) effects |= step.effects;
    }
    /* About a leg that was not told of here, as the office may have it. */
    if (!any && !pending && (act == PLAN_ACT_ASK_RELEASE || act == PLAN_ACT_OBJECT))
        thread_question_put(thread, plan, head, act, THREAD_ACT_ALL, index, time_ms);
    if (!any && !pending && act == PLAN_ACT_TRANSFER)
        any = inherit_leg(thread, plan, &meant, head, self, time_ms);
    if (effects & LIFECYCLE_EFFECT_LISTS) list(thread, plan, head, time_ms);
    /* What changed nothing on its way is looked at again when its receipt comes. */
    if (any || !pending)
        act_put(thread, head->id.data, meant.one != SIZE_MAX ? meant.one : THREAD_ACT_ALL);
}

/* ---- chains -------------------------------------------------------------------------------------
 */

static void step_name(const struct plan *plan, size_t step, char ret[THREAD_NAME_LEN])
{
    const struct plan_step *found = plan_step(plan, step);
    (void)snprintf(ret, THREAD_NAME_LEN, "%s/%s", found->chain, found->step);
}

static struct thread_step *step_of(struct thread *thread, const char *name, bool put)
{
    for (size_t i = 0; i < thread->step_count; i++)
        if (strcmp(thread->steps[i].name, name) == 0) return &thread->steps[i];
    if (!put || thread->step_count == UINT16_MAX) return NULL;
    thread->steps =
        grown(thread->steps, &thread->step_cap, thread->step_count, sizeof *thread->steps);
    struct thread_step *step = &thread->steps[thread->step_count++];
    memset(step, 0, sizeof *step);
    copy_text(step->name, sizeof step->name, name);
    return step;
}

static void keep_steps(struct thread *thread, const struct plan *plan,
                       const struct chains_change *change)
{
    for (size_t i = 0; i < plan_step_count(plan); i++) {
        char name[THREAD_NAME_LEN];
        bool done = (change->done >> i & 1) != 0, owed = (change->owed >> i & 1) != 0;
        bool moot = (change->moot >> i & 1) != 0;
        if (!done && !owed && !moot) continue;
        step_name(plan, i, name);
        struct thread_step *step = step_of(thread, name, true);
        if (!step) continue;
        if (done) step->at_ms = change->at_ms;
        if (done) step->recorded_ms = change->recorded_ms;
        step->owed = !done && !moot && (step->owed || owed);
        step->moot = moot || (step->moot && !done && !owed);
    }
}

/* What the bus has taken; a unit that had less of it before judges nothing. */
static void apply_chains(struct thread *thread, const struct plan *plan,
                         const struct plan_kind *kind, const Leadbus__Header *head, bool opening,
                         uint64_t time_ms)
{
    struct chains chains = {0};
    struct chains_change change;
    struct chains_event event = {.plan = plan,
                                 .kind = kind,
                                 .topic = head->topic,
                                 .from = plan_unit_current(plan, head->from),
                                 .opens = opening,
                                 .early = (head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY),
                                 .taken = true,
                                 .occurred_ms = head->occurred_ms,
                                 .now_ms = time_ms};
    if (event.from == PLAN_UNIT_NONE) return;
    const struct thread_leg *leg = kind->act == PLAN_ACT_ACCEPT && head->parent.len == 16
                                       ? leg_find(thread, head->from, head->parent.data)
                                       : NULL;
    if (leg) event.accepts = plan_kind_find(plan, leg->kind);
    if (leg) event.accepts_topic = leg->topic;
    for (size_t i = 0; i < plan_step_count(plan); i++) {
        char name[THREAD_NAME_LEN];
        step_name(plan, i, name);
        const struct thread_step *step = step_of(thread, name, false);
        if (!step) continue;
        chains.done |= (uint64_t)(step->at_ms != 0) << i;
        chains.owed |= (uint64_t)step->owed << i;
        chains.moot |= (uint64_t)step->moot << i;
        chains.at_ms[i] = step->at_ms;
        chains.recorded_ms[i] = step->recorded_ms;
    }
    if (chains_next(&chains, &event, &change, NULL) != 0 || (change.done | change.moot) == 0)
        return;
    keep_steps(thread, plan, &change);
    thread->custody.unit = plan_unit_current(plan, thread->custodian);
    (void)chains_custody(&thread->custody, &change, event.from, head->occurred_ms);
    const struct plan_unit *unit =
        thread->custody.holder == CHAINS_UNIT ? plan_unit(plan, thread->custody.unit) : NULL;
    copy_text(thread->custodian, sizeof thread->custodian, unit ? unit->key : "");
}

/* It acted, or legs stand on it. */
static bool was_folded(const struct thread *thread, const uint8_t message[16])
{
    if (act_find(thread, message)) return true;
    for (size_t i = 0; i < thread->leg_count; i++)
        if (memcmp(thread->legs[i].message, message, 16) == 0) return true;
    return false;
}

void thread_apply(struct thread *thread, const struct plan *plan, const char *self,
                  const Leadbus__Header *head, uint64_t index, uint64_t time_ms)
{
    const struct plan_kind *kind = plan_kind_find(plan, head->kind);
    bool opening = memcmp(head->id.data, thread->id, 16) == 0;
    bool legs = kind && plan_kind_makes_legs(kind);
    bool fresh = !was_folded(thread, head->id.data);
    if (opening) {
        copy_text(thread->kind, sizeof thread->kind, head->kind);
        copy_text(thread->topic, sizeof thread->topic, head->topic);
        copy_text(thread->area, sizeof thread->area, head->area);
        copy_text(thread->from, sizeof thread->from, head->from);
        thread->urgency = head->urgency;
        thread->opened_ms = time_ms;
        if (kind && kind->act == PLAN_ACT_SUPERVISE) list(thread, plan, head, time_ms);
    }
    if (index != THREAD_PENDING) {
        thread->message_count++;
        if (index + 1 > thread->known_size) thread->known_size = index + 1;
        if (opening) join(thread, head->from, ROUTE_ROLE_ORIGINATOR, index);
        for (size_t i = 0; i < head->n_recipients; i++) {
            bool signer = legs && head->recipients[i]->act == ROUTE_SIGN;
            bool moved = kind && kind->act == PLAN_ACT_TRANSFER &&
                         strcmp(head->recipients[i]->unit, head->target) == 0;
            join(thread, head->recipients[i]->unit, route_role_recipient(kind, signer || moved),
                 index);
        }
    }
    if (kind && index != THREAD_PENDING) apply_chains(thread, plan, kind, head, opening, time_ms);
    if (legs) add_legs(thread, plan, self, head, time_ms);
    if (kind && kind->act != PLAN_ACT_NONE && !opening)
        apply_act(thread, plan, self, kind->act, head, index, time_ms);
    if (kind) thread_questions_settle(thread, plan, head, kind, fresh);
}

int thread_act_check(const struct thread *thread, const struct plan *plan,
                     const struct plan_kind *acting, const char *topic, const char *self,
                     const uint8_t *parent, struct error *ret_error)
{
    enum plan_act act = acting->act;
    struct lifecycle_step step;
    struct error first = {0};
    if (act == PLAN_ACT_NONE) return 0;
    struct meant meant = meant_by(thread, act, self, parent);
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
        if (!kind || !is_meant(&meant, thread, i)) continue;
        struct error error = {0};
        struct lifecycle_query query = query_of(thread, plan, leg, kind, act, topic, self);
        if (lifecycle_next(&query, &step, &error) == 0)
            return lifecycle_check_outcome(kind, acting, topic, ret_error);
        if (first.code == 0) first = error;
    }
    if (first.code == 0 && lifecycle_act_is_note(act)) return 0;
    /* About a leg that this unit was never told of, as the office's ruling may be: the broker
     * knows. */
    if (first.code == 0 && !meant.all && !lifecycle_act_of_leg(act)) return 0;
    if (first.code != 0) {
        if (ret_error) *ret_error = first;
        return first.code;
    }
    (void)error_set(ret_error, E_LIFECYCLE_ROLE, "parent",
                    "%s: this unit does not have to sign for that message", plan_act_name(act));
    (void)error_note_zh(ret_error, "%s：该消息不须本单位签收", lifecycle_act_text(act, LANG_ZH));
    return E_LIFECYCLE_ROLE;
}

enum lifecycle_thread thread_status(const struct thread *thread, const struct plan *plan)
{
    struct lifecycle_leg *legs = calloc(thread->leg_count + 1, sizeof *legs);
    size_t count = 0;
    CHECK(legs != NULL);
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct plan_kind *kind = plan_kind_find(plan, thread->legs[i].kind);
        if (!kind) continue;
        legs[count++] = (struct lifecycle_leg){kind, (enum lifecycle_state)thread->legs[i].state,
                                               thread->legs[i].primary};
    }
    enum lifecycle_thread status = lifecycle_thread(legs, count);
    free(legs);
    return status;
}
