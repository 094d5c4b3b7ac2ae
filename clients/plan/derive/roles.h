/* roles: who leads and who cooperates, out of a bracket, a labelled list, a cell or a sentence.
 *
 * The grammar, in words of a plan: names separated by 、 or ，, each group followed by the word
 * that gives it its role (`L负责，C配合`, `L牵头，会同C落实`), or preceded by a label
 * (`牵头单位：L`), or both; in between deadlines, persons in charge, what each shall do. Separators
 * inside brackets belong to the name. Pure; linear in the span. */
#ifndef CLIENTS_PLAN_DERIVE_ROLES_H
#define CLIENTS_PLAN_DERIVE_ROLES_H

#include "clients/plan/derive/finding.h"

struct role_name {
    struct span span; /* may still hold white space that separates, or 和: names.h */
    enum role role;
    bool marked;  /* by a bracket of its own: 市公安局（牵头） */
    bool assumed; /* no word says so: A牵头，B做好保障 */
};

enum {
    ROLES_ET_CETERA = 1,
    ROLES_DEADLINE = 2,
    ROLES_LEADER = 4,
    ROLES_DUTY_TEXT = 8,     /* a verb has an object: A负责宣传 */
    ROLES_LEAD_ASSUMED = 16, /* a first group without a verb before a group that cooperates */
    ROLES_SHARED = 32,       /* 按职责分工, 分别 */
    ROLES_OTHERS = 64,       /* a further sentence is about other items: 以下均需各县落实 */
    ROLES_WIDE = 128,        /* A、B，C牵头: do all of them head it? */
    ROLES_LABELS = 256,      /* labels give roles, in any order */
};

struct roles {
    struct buf names; /* struct role_name */
    unsigned flags;
    size_t verb_count; /* words and labels that gave a role */
    struct span et_cetera;
};
void roles_fini(struct roles *roles);
size_t roles_count(const struct roles *roles);
struct role_name *roles_name(const struct roles *roles, size_t index);

/* A bracket's inside, a list behind a label, a cell. Names without a word for their role get
 * fallback, ROLE_NONE when nothing says it. */
void roles_parse(struct span span, enum role fallback, struct roles *ret);

/* A sentence from behind 由 on. Takes names as long as they are units with a role; stops taking at
 * prose, takes up again at a unit with a verb. False: no lead unit, or what 由 introduces is no
 * unit; *ret is empty then. */
bool roles_sentence(struct span span, struct roles *ret);

/* A sentence that begins with units and what they are responsible for: `L负责X，C配合`,
 * `L牵头X，C做好Y`, `L会同C制定X`, `L：负责X`. Only units beyond doubt (words_certain) begin one.
 * *ret_len is where it ends: behind the 。, or before the next `L：` of a list of them. With
 * `listed` a colon alone says who is responsible, for a person to look at. False: no such sentence;
 * *ret is empty then. */
bool roles_duty(struct span span, bool listed, size_t *ret_len, struct roles *ret);

/* The rest of a sentence whose heading says who leads: `1.牵头X，C参加` below 二、L. The names are
 * added to those that are there. */
void roles_goes_on(struct span span, struct roles *roles);

/* Does a unit begin behind white space in the middle of the chunk, so that what stands before it is
 * a title? */
bool roles_begin_later(struct span chunk);

/* Names that are like a unit's, and names that are not, among those with a role. */
void roles_quality(const struct roles *roles, size_t *ret_good, size_t *ret_bad);
bool roles_has(const struct roles *roles, enum role role);

#endif
