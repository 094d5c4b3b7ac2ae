/* words_inner: sets of words, for the vocabulary's files and those with small vocabularies of their
 * own. */
#ifndef CLIENTS_PLAN_DERIVE_WORDS_INNER_H
#define CLIENTS_PLAN_DERIVE_WORDS_INNER_H

#include "clients/plan/derive/words.h"

/* Is the character one of the set's? */
bool words_is_any(uint32_t folded, const uint32_t *set);
/* The length of the first of the words that the span ends with; 0: none of them. */
size_t words_ends_any(struct span span, const uint32_t *const *words, size_t count);
#define ENDS_ANY(span, words) words_ends_any(span, words, sizeof(words) / sizeof((words)[0]))
/* ... starts with. */
size_t words_starts_any(struct span span, const uint32_t *const *words, size_t count);
#define STARTS_ANY(span, words) words_starts_any(span, words, sizeof(words) / sizeof((words)[0]))
/* The length of a noun for units that the span starts with: 单位, 部门; 0: none. */
size_t words_noun_start(struct span span);

#endif
