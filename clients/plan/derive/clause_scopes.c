#include "clients/plan/derive/clause_inner.h"

/* ---- sentences about several items ------------------------------------------------------------
 */

/* 第2、3项任务, 2至4项: the numbers as bits, behind 以上. The length; 0: no such list, or numbers
 * above
 * 63. A lone number without 第 counts items (scope_count). */
static size_t numbers_of(struct span span, uint64_t *ret_numbers)
{
    enum { NUMBER_MAX = 63 };
    uint64_t numbers = 0;
    bool ordinal = span_starts(span, U"第"), range = false;
    size_t at = ordinal, count = 0;
    uint32_t value = 0, before = 0;
    for (;;) {
        size_t open = at < span.len && span.f[at] == '(';
        struct span rest = span_sub(span, at + open, span.len);
        size_t len = words_arabic(rest, &value);
        if (len == 0) len = words_chinese(rest, &value);
        if (len == 0 || value > NUMBER_MAX) return 0;
        at += open + len;
        if (open && (at >= span.len || span.f[at++] != ')')) return 0;
        for (uint32_t i = range ? before : value; i <= value; i++) numbers |= 1ull << i;
        count++;
        before = value;
        if (at >= span.len) return 0;
        uint32_t next = span.f[at];
        range = next == U'至' || next == U'到' || words_dash(next);
        if (!range && next != U'、' && next != U'和' && next != U'及') break;
        at++;
    }
    bool item = span.f[at] == U'项' || span.f[at] == U'条' || span.f[at] == U'款';
    if (!item || (count == 1 && !ordinal)) return 0;
    *ret_numbers = numbers;
    return at + 1;
}

/* 以上任务, 以下各项工作: what it refers to; *ret_len is the length. */
static enum clause_scope scope_start(struct span span, size_t *ret_len, uint64_t *ret_numbers)
{
    static const struct {
        const uint32_t *word;
        enum clause_scope scope;
    } starts[] = {{U"以上", SCOPE_ABOVE},   {U"上述", SCOPE_ABOVE}, {U"上列", SCOPE_ABOVE},
                  {U"前述", SCOPE_ABOVE},   {U"以下", SCOPE_BELOW}, {U"下列", SCOPE_BELOW},
                  {U"本部分", SCOPE_ABOVE}, {U"本章", SCOPE_ABOVE}, {U"本节", SCOPE_ABOVE}};
    static const uint32_t *const things[] = {U"任务", U"工作", U"事项", U"措施", U"内容", U"项目",
                                             U"条款", U"各项", U"各条", U"职责", U"条目"};
    enum { REFERENCE_LEN_MAX = 16 };
    /* （三）、（四）项由, 第2、3项由 */
    if (span.f[0] == '(' || span.f[0] == U'第') {
        *ret_len = numbers_of(span, ret_numbers);
        bool one = (*ret_numbers & (*ret_numbers - 1)) == 0;
        return *ret_len > 0 && !one ? SCOPE_ABOVE : SCOPE_NONE;
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (!span_starts(span, starts[i].word)) continue;
        size_t word = words_len(starts[i].word);
        size_t listed = numbers_of(span_sub(span, word, span.len), ret_numbers);
        if (listed > 0) *ret_len = word + listed;
        struct span rest = span_sub(span, *ret_len, span.len);
        if (listed > 0)
            *ret_len += span_starts(rest, U"任务") || span_starts(rest, U"工作") ? 2 : 0;
        if (listed > 0) return starts[i].scope;
        size_t len = span.len < REFERENCE_LEN_MAX ? span.len : REFERENCE_LEN_MAX;
        size_t end = span_find_any(span_sub(span, 0, len), U",。;、:");
        struct span reference = span_sub(span, 0, end == SPAN_NONE ? len : end);
        for (size_t j = 0; j < sizeof things / sizeof things[0]; j++) {
            size_t at = span_find(reference, things[j]);
            if (at == SPAN_NONE) continue;
            size_t after = at + words_len(things[j]);
            if (after <= *ret_len) continue;
            *ret_len = after;
        }
        return *ret_len > 0 ? starts[i].scope : SCOPE_NONE;
    }
    return SCOPE_NONE;
}

/* 以上三项任务: how many; 0: it does not say. */
static uint32_t scope_count(struct span reference)
{
    uint32_t value = 0;
    for (size_t i = 0; i < reference.len; i++) {
        struct span rest = span_sub(reference, i, reference.len);
        size_t len = words_arabic(rest, &value);
        if (len == 0) len = words_chinese(rest, &value);
        if (len > 0 && len < rest.len && (rest.f[len] == U'项' || rest.f[len] == U'条'))
            return value;
    }
    return 0;
}

/* Behind the reference: 均由…负责, or a label. False: neither. */
static bool scope_roles(struct span span, struct roles *ret)
{
    static const uint32_t *const adverbs[] = {U"均", U"都", U"统一", U"全部", U"一律", U"的"};
    enum { EXCEPT_LEN_MAX = 16 };
    enum role role = ROLE_NONE;
    /* 除另有注明外: what has units of its own keeps them anyway. */
    size_t except = span_starts(span, U"除") ? span_find(span, U"外") : SPAN_NONE;
    if (except != SPAN_NONE && except < EXCEPT_LEN_MAX) span = span_sub(span, except + 1, span.len);
    span = span_trim(span);
    for (size_t i = 0; i < sizeof adverbs / sizeof adverbs[0]; i++)
        if (span_starts(span, adverbs[i])) span = span_sub(span, words_len(adverbs[i]), span.len);
    if (span_starts(span, U"由")) {
        /* A verb with nobody before it introduces nobody. */
        struct verb verb = words_verb(span_sub(span, 1, span.len));
        if (verb.kind == VERB_NONE || verb.at == 0) return false;
        return roles_sentence(span_sub(span, 1, span.len), ret);
    }
    if (words_label_start(span, &role) == 0 || span_find_any(span, U":") == SPAN_NONE) return false;
    size_t good = 0, bad = 0;
    roles_parse(span, ROLE_NONE, ret);
    roles_quality(ret, &good, &bad);
    if (good > 0) return true;
    roles_fini(ret);
    return false;
}

/* Up to limit, or to the end of the sentence. *ret_to is where it ends. */
bool clause_try_scope(struct finder *finder, size_t at, size_t limit, size_t *ret_to)
{
    size_t len = 0;
    struct roles roles = {0};
    uint64_t numbers = 0;
    if (at >= limit) return false;
    enum clause_scope scope = scope_start(span_sub(finder->all, at, limit), &len, &numbers);
    if (scope == SCOPE_NONE) return false;
    size_t end = clause_sentence_end(finder, at);
    if (end > limit) end = limit;
    if (end <= at + len || !scope_roles(span_sub(finder->all, at + len, end), &roles)) return false;
    clause_add_found(finder, CLAUSE_SCOPE, at, end, &roles);
    struct clause *clause = clauses_at(finder->clauses, clauses_count(finder->clauses) - 1);
    clause->scope = (uint8_t)scope;
    clause->numbers = numbers;
    clause->named = scope_count(span_sub(finder->all, at, at + len));
    *ret_to = end;
    return true;
}
