/* clause_inner: what the finders of assignments share. Nobody else includes it. */
#ifndef CLIENTS_PLAN_DERIVE_CLAUSE_INNER_H
#define CLIENTS_PLAN_DERIVE_CLAUSE_INNER_H

#include "clients/plan/derive/clause.h"

enum { SENTENCE_LEN_MAX = 400 };

/* Words of a role in running text, said of what looks like a unit. */
struct claim {
    uint32_t at, item;
    bool certain; /* the unit's name is beyond doubt */
};

struct finder {
    struct clauses *clauses;
    const struct text *text;
    const struct outline *outline;
    struct findings *findings;
    struct span all;
    struct buf brackets;
    struct buf claims;     /* struct claim */
    size_t bracket;        /* the next one */
    size_t item;           /* that `at` is in */
    size_t item_end;       /* where the next one starts */
    size_t sentence_until; /* no sentence begins before */
    size_t word;           /* the next word of a role, or 由, behind the last 由 */
};

void clause_add_found(struct finder *finder, enum clause_form form, size_t from, size_t to,
                      struct roles *take_roles);
void clause_note(struct finder *finder, enum finding_code code, size_t from, size_t to);
/* One past the 。 of the sentence that `at` is in, within its item. */
size_t clause_sentence_end(const struct finder *finder, size_t at);
/* After such a character a list of names goes on. */
bool clause_ends_list(uint32_t folded);

/* 以上任务均由…负责. Up to limit, or to the end of the sentence. *ret_to is where it ends. */
bool clause_try_scope(struct finder *finder, size_t at, size_t limit, size_t *ret_to);

/* A label that begins here, at the start of a line, a sentence or an item, or behind a gap. */
bool clause_try_label(struct finder *finder, size_t at, size_t *ret_to);

/* 由L牵头，会同C: `at` is 由. */
void clause_try_sentence(struct finder *finder, size_t at);
/* L负责，C配合。 A whole sentence of nothing but units and their roles. */
void clause_try_plain(struct finder *finder, size_t at);
/* L负责X，C配合, L：负责X: a sentence that begins with units beyond doubt. */
void clause_try_duty(struct finder *finder, size_t at);
/* A word of a role that is no assignment. */
bool clause_is_prose(const struct finder *finder, size_t at);
void clause_note_prose(struct finder *finder, size_t at);
/* What running text says of units: for a person to look at where nothing else of the item was
 * taken, or where it stands among other duties. */
void clause_settle_claims(struct finder *finder);
/* Sentences of items that have a bracket or a label are prose. */
void clause_drop_sentences(struct finder *finder);

#endif
