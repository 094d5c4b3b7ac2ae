/* roles_inner: what the readers of brackets and of sentences share. Nobody else includes it. */
#ifndef CLIENTS_PLAN_DERIVE_ROLES_INNER_H
#define CLIENTS_PLAN_DERIVE_ROLES_INNER_H

#include "clients/plan/derive/roles.h"

struct parser {
    struct roles *ret;
    enum role fallback;
    enum role label;     /* of the list we are in; ROLE_NONE: none yet */
    bool with;           /* behind 会同: the names cooperate */
    bool persons;        /* the label is of persons too: 责任单位及责任人 */
    size_t pending_from; /* names from here on have no role yet */
    size_t comma_at;     /* the first name behind the last ， */
    bool acts;           /* the last name went on with what it shall do */
    bool broken;         /* the list of names began with what is no unit */
    unsigned depth;      /* of brackets behind names that are parsed themselves */
};

/* The names from `from` up to `to` get the role, but for those that a bracket of their own marks.
 */
void roles_assign(struct parser *parser, size_t from, size_t to, enum role role);
void roles_assume(struct parser *parser);
void roles_flush(struct parser *parser);
void roles_apply(struct parser *parser, const struct verb *verb);
/* Does one of the names that have a role lead? */
bool roles_any_lead(const struct parser *parser);
/* Without 由, 并由, 其余由. */
struct span roles_without_lead(struct span span);
void roles_add_name(struct parser *parser, struct span span);
/* What stands between two separators. */
void roles_take_chunk(struct parser *parser, struct span span);

#endif
