#include "clients/plan/derive/names.h"

#include <stdlib.h>

#include "clients/plan/derive/gaps.h"
#include "clients/plan/derive/words_inner.h"

/* ---- the text's own vocabulary ----------------------------------------------------------------
 */

static uint64_t hash_of(struct span span)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < span.len; i++) hash = (hash ^ span.f[i]) * 0x100000001b3u;
    return hash;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* Sorted hashes of names that stand in the text in one piece; and of those that begin a list. */
struct vocabulary {
    struct buf whole, first;
};

static bool has(const struct buf *set, struct span span)
{
    uint64_t hash = hash_of(span);
    return set->len > 0 && bsearch(&hash, set->data, set->len / sizeof hash, sizeof hash, compare);
}

static bool is_whole(struct span span)
{
    for (size_t i = 1; i < span.len; i++)
        if (span.c[i] & WORDS_GAP) return false;
    return true;
}

static void learn(struct vocabulary *vocabulary, const struct clauses *clauses)
{
    for (size_t i = 0; i < clauses_count(clauses); i++) {
        const struct roles *roles = &clauses_at(clauses, i)->roles;
        enum role before = ROLE_NONE;
        for (size_t j = 0; j < roles_count(roles); j++) {
            const struct role_name *name = roles_name(roles, j);
            uint64_t hash = hash_of(name->span);
            if (is_whole(name->span)) buf_append(&vocabulary->whole, &hash, sizeof hash);
            if (name->role != before) buf_append(&vocabulary->first, &hash, sizeof hash);
            before = name->role;
        }
    }
    struct buf *sets[] = {&vocabulary->whole, &vocabulary->first};
    for (size_t i = 0; i < 2; i++)
        if (sets[i]->len > 0)
            qsort(sets[i]->data, sets[i]->len / sizeof(uint64_t), sizeof(uint64_t), compare);
}

/* ---- splitting --------------------------------------------------------------------------------
 */

struct refiner {
    struct vocabulary vocabulary;
    struct findings *findings;
    struct clause *clause;
    struct buf names; /* of the clause, as they come out */
    unsigned flags;
};

static void emit(struct refiner *refiner, const struct role_name *name, size_t from, size_t to)
{
    struct role_name part = *name;
    part.span = span_trim(span_sub(name->span, from, to));
    if (part.span.len == 0) return;
    if (!is_whole(part.span)) refiner->flags |= NAMES_BROKEN;
    buf_append(&refiner->names, &part, sizeof part);
    buf_append(&refiner->clause->taken, &part.span, sizeof part.span);
}

/* Where 和, 与 or 及 joins two units; the whole length: nowhere. */
static size_t joint_in(struct span span, size_t *ret_len)
{
    static const uint32_t *const joints[] = {U"以及", U"和", U"与", U"及", U"/"};
    size_t depth = 0;
    for (size_t i = 2; i + 2 < span.len; i++) {
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && depth > 0) depth--;
        for (size_t j = 0; depth == 0 && j < sizeof joints / sizeof joints[0]; j++) {
            size_t len = words_len(joints[j]);
            if (!span_starts(span_sub(span, i, span.len), joints[j])) continue;
            /* 教育和体育局: the first half is no unit, unless both are 部门. */
            struct span left = span_sub(span, 0, i), right = span_sub(span, i + len, span.len);
            bool whole = words_whole_unit(left) || span_ends(right, U"部门");
            if (!whole || !words_unit(left) || !words_unit(right)) continue;
            *ret_len = len;
            return i;
        }
    }
    return span.len;
}

/* 实验室与设备管理处: one name or two? Two, if the second half has a place of its own, or one of
 * them stands in the text alone. */
static void look_at_joint(struct refiner *refiner, struct span span, size_t at, size_t len)
{
    struct span left = span_sub(span, 0, at), right = span_sub(span, at + len, span.len);
    bool sure = words_begins(right) || has(&refiner->vocabulary.whole, left) ||
                has(&refiner->vocabulary.whole, right);
    if (!sure)
        findings_add(refiner->findings, FINDING_NAME_JOINT, refiner->clause->line_first, span);
}

static void split_joint(struct refiner *refiner, const struct role_name *name, size_t from,
                        size_t to)
{
    while (from < to) {
        size_t len = 0;
        struct span span = span_sub(name->span, from, to);
        size_t at = joint_in(span, &len);
        if (at < span.len) look_at_joint(refiner, span, at, len);
        emit(refiner, name, from, from + at);
        from += at + len;
    }
}

static bool is_known(const void *ctx, struct span span)
{
    return has(ctx, span);
}

static void split(struct refiner *refiner, const struct role_name *name)
{
    const struct gaps_known known = {is_known, &refiner->vocabulary.whole};
    size_t ends[GAPS_MAX] = {name->span.len}, count = 1;
    enum gaps_doubt doubt = GAPS_SURE;
    if (!is_whole(name->span)) count = gaps_cut(name->span, &known, ends, &doubt);
    if (doubt != GAPS_SURE)
        findings_add(refiner->findings,
                     doubt == GAPS_JOINED ? FINDING_NAME_JOINED : FINDING_NAME_SPLIT,
                     refiner->clause->line_first, name->span);
    for (size_t i = 0, from = 0; i < count; from = ends[i++])
        split_joint(refiner, name, from, ends[i]);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static struct role_name *name_at(const struct refiner *refiner, size_t index)
{
    return (struct role_name *)(void *)refiner->names.data + index;
}

static size_t name_count(const struct refiner *refiner)
{
    return refiner->names.len / sizeof(struct role_name);
}

static void find(struct refiner *refiner, enum finding_code code, struct span span)
{
    findings_add(refiner->findings, code, refiner->clause->line_first, span);
}

/* Both 牵头 and 负责: the latter cooperate. Then there are two roles; other ones are left out. */
static void rank(struct refiner *refiner)
{
    bool head = false, ranked = false, late = false;
    size_t kept = 0;
    uint8_t form = refiner->clause->form;
    for (size_t i = 0; i < name_count(refiner); i++) {
        const struct role_name *name = name_at(refiner, i);
        if (name->role == ROLE_HEAD && !head && i > 0)
            late = name_at(refiner, 0)->role == ROLE_LEAD;
        head = head || name->role == ROLE_HEAD;
    }
    /* A负责，B配合，C实施: does C lead? */
    bool lead = false, coop = false, behind = false;
    for (size_t i = 0; i < name_count(refiner) && !behind; i++) {
        const struct role_name *name = name_at(refiner, i);
        behind = coop && name->role == ROLE_LEAD && !name->marked;
        lead = lead || name->role == ROLE_LEAD;
        coop = coop || (lead && name->role == ROLE_COOP);
        if (behind && !head && form == CLAUSE_BRACKET &&
            !(refiner->clause->roles.flags & ROLES_LABELS))
            find(refiner, FINDING_LEAD_LATE, name->span);
    }
    /* A负责X，B牵头Y: two tasks? Labels and columns come in any order. */
    if (late && form != CLAUSE_LABEL && form != CLAUSE_TABLE)
        find(refiner, FINDING_RANK_LATE, name_at(refiner, 0)->span);
    for (size_t i = 0; i < name_count(refiner); i++) {
        struct role_name name = *name_at(refiner, i);
        /* What units shall do goes on behind a comma: no name. */
        bool prose = (refiner->clause->roles.flags & ROLES_DUTY_TEXT) && !words_unit(name.span) &&
                     words_prefix(name.span) == 0 && !span_starts(name.span, U"各");
        if (name.role == ROLE_NONE && !prose) find(refiner, FINDING_ROLE_MISSING, name.span);
        if (name.assumed && name.role == ROLE_COOP) find(refiner, FINDING_COOP_ASSUMED, name.span);
        if (name.role == ROLE_OTHER) find(refiner, FINDING_ROLE_OTHER, name.span);
        if (name.role == ROLE_LEAD && head) {
            name.role = ROLE_COOP;
            if (!ranked) find(refiner, FINDING_RANKED, name.span);
            ranked = true;
        }
        if (name.role == ROLE_HEAD) name.role = ROLE_LEAD;
        if (name.role == ROLE_LEAD || name.role == ROLE_COOP) *name_at(refiner, kept++) = name;
    }
    refiner->names.len = kept * sizeof(struct role_name);
    if (ranked) refiner->flags |= NAMES_RANKED;
}

/* 各市 before 县人民政府: one group, though 、 stands inside it. */
static bool is_one_group(struct span left, struct span right)
{
    static const uint32_t *const areas[] = {U"自治区", U"直辖市", U"自治县", U"街道", U"乡镇",
                                            U"省",     U"市",     U"县",     U"区",   U"州",
                                            U"盟",     U"旗",     U"镇",     U"乡"};
    static const uint32_t *const ends[] = {U"",       U"政府",       U"人民政府", U"党委",
                                           U"办事处", U"街道办事处", U"党委政府", U"管委会"};
    enum { COUNT = sizeof areas / sizeof areas[0] };
    bool bare = false;
    size_t from = words_len(U"各");
    if (!span_starts(left, U"各") || right.c != left.c + left.len + 1) return false;
    for (size_t i = 0; i < COUNT; i++) bare = bare || span_ends(left, areas[i]);
    if (!bare || left.len > from + 12) return false;
    for (size_t i = 0; i < COUNT; i++) {
        if (!span_starts(right, areas[i])) continue;
        struct span rest = span_sub(right, words_len(areas[i]), right.len);
        if (rest.len > 0 && words_opens(rest.f[0])) {
            size_t close = span_close(rest, 0);
            if (close != SPAN_NONE) rest = span_sub(rest, close + 1, rest.len);
        }
        for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++)
            if (span_is(rest, ends[j])) return true;
    }
    return false;
}

static void join_groups(struct refiner *refiner)
{
    size_t kept = 0;
    for (size_t i = 0; i < name_count(refiner); i++) {
        struct role_name name = *name_at(refiner, i);
        struct role_name *before = kept > 0 ? name_at(refiner, kept - 1) : NULL;
        if (before && before->role == name.role && is_one_group(before->span, name.span))
            before->span.len += 1 + name.span.len;
        else
            *name_at(refiner, kept++) = name;
    }
    refiner->names.len = kept * sizeof(struct role_name);
}

/* A unit once: as lead if it is both. */
static void remove_repeated(struct refiner *refiner)
{
    size_t kept = 0;
    for (size_t i = 0; i < name_count(refiner); i++) {
        struct role_name name = *name_at(refiner, i);
        bool drop = false;
        for (size_t j = 0; j < name_count(refiner) && !drop; j++) {
            /* Those before i have moved to the front; those behind it stand where they did. */
            if (j >= kept && j <= i) continue;
            const struct role_name *other = name_at(refiner, j);
            if (!span_equal(name.span, other->span)) continue;
            drop = j < kept ? name.role == other->role || other->role == ROLE_LEAD
                            : name.role == ROLE_COOP && other->role == ROLE_LEAD;
            if (drop)
                find(refiner, name.role == other->role ? FINDING_NAME_TWICE : FINDING_ROLE_BOTH,
                     name.span);
        }
        if (!drop) *name_at(refiner, kept++) = name;
    }
    refiner->names.len = kept * sizeof(struct role_name);
}

static bool has_bracket(struct span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (words_opens(span.f[i])) return true;
    return false;
}

/* 科技厅 behind 省教育厅: the prefix is left out, unless the text also begins lists with the bare
 * name or the name has a place of its own. */
static bool shares_prefix(const struct refiner *refiner, size_t index)
{
    static const uint32_t *const ends[] = {U"局", U"厅", U"委", U"办", U"部", U"院", U"会", U"联"};
    const struct role_name *name = name_at(refiner, index);
    bool end = false;
    if (index == 0 || words_begins(name->span) || words_group(name->span)) return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        end = end || span_ends(name->span, ends[i]);
    if (!end || has(&refiner->vocabulary.first, name->span)) return false;
    for (size_t i = 0; i < name->span.len; i++) {
        uint32_t folded = name->span.f[i];
        if (folded == U'区' || folded == U'市' || folded == U'县' || folded == U'省') return false;
    }
    for (size_t i = index; i-- > 0;) {
        if (name_at(refiner, i)->role != name->role) return false;
        if (words_prefix(name_at(refiner, i)->span) > 0) return true;
    }
    return false;
}

/* 市教育局市公安局: the separator is lost. */
static bool is_run_together(struct span span)
{
    static const uint32_t *const inner[] = {U"市场", U"区域", U"县域", U"市政", U"州府",
                                            U"区划", U"市容", U"镇街", U"乡村", U"市民"};
    for (size_t at = 3; at + 3 <= span.len; at++) {
        struct span left = span_sub(span, 0, at), right = span_sub(span, at, span.len);
        if (words_opens(span.f[at])) return false;
        if (words_prefix(right) == 0 || !words_whole_unit(left) || !words_certain(right)) continue;
        bool word = right.f[0] == U'区' && words_is_any(left.f[at - 1], U"园街社校库县市镇城");
        for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++)
            word = word || span_starts(right, inner[i]);
        if (!word) return true;
    }
    return false;
}

/* A word of running text that no name has. */
static bool holds_prose(struct span span)
{
    static const uint32_t words[] = U"是了将由被把";
    for (size_t i = 0; i < span.len; i++)
        if (words_is_any(span.f[i], words)) return true;
    return false;
}

static void judge(struct refiner *refiner)
{
    bool lead = false, prefix = false;
    for (size_t i = 0; i < name_count(refiner); i++) {
        struct span span = name_at(refiner, i)->span;
        lead = lead || name_at(refiner, i)->role == ROLE_LEAD;
        if (has_bracket(span)) refiner->flags |= NAMES_NESTED;
        if (words_generic(span)) {
            refiner->flags |= NAMES_GENERIC;
            find(refiner, FINDING_NAME_GENERIC, span);
        } else if (words_group(span)) {
            refiner->flags |= NAMES_GROUP;
            if (!words_whole_group(span) || holds_prose(span))
                find(refiner, FINDING_NAME_DOUBTFUL, span);
        } else if (!words_unit(span) || words_runs_on(span) || holds_prose(span)) {
            find(refiner, FINDING_NAME_DOUBTFUL, span);
        } else if (is_run_together(span)) {
            find(refiner, FINDING_NAME_JOINED, span);
        }
        if (shares_prefix(refiner, i)) {
            refiner->flags |= NAMES_SHARED_PREFIX;
            if (!prefix) find(refiner, FINDING_SHARED_PREFIX, span);
            prefix = true;
        }
    }
    if (!lead && name_count(refiner) > 0)
        find(refiner, FINDING_LEAD_MISSING, name_at(refiner, 0)->span);
}

static void refine(struct refiner *refiner, struct clause *clause)
{
    refiner->clause = clause;
    refiner->names = (struct buf){0};
    refiner->flags = 0;
    for (size_t i = 0; i < roles_count(&clause->roles); i++)
        split(refiner, roles_name(&clause->roles, i));
    rank(refiner);
    join_groups(refiner);
    remove_repeated(refiner);
    judge(refiner);
    if (clause->roles.flags & ROLES_ET_CETERA)
        find(refiner, FINDING_ET_CETERA, clause->roles.et_cetera);
    if (clause->roles.flags & ROLES_LEAD_ASSUMED)
        find(refiner, FINDING_LEAD_ASSUMED,
             name_count(refiner) > 0 ? name_at(refiner, 0)->span : (struct span){0});
    if (clause->roles.flags & ROLES_WIDE)
        find(refiner, FINDING_LEAD_WIDE,
             roles_count(&clause->roles) > 0 ? roles_name(&clause->roles, 0)->span
                                             : (struct span){0});
    if (clause->roles.flags & ROLES_OTHERS) find(refiner, FINDING_SCOPE_OTHERS, (struct span){0});
    if (clause->roles.flags & ROLES_LEADER) find(refiner, FINDING_LEADER, (struct span){0});
    buf_fini(&clause->roles.names);
    clause->roles.names = refiner->names;
}

void names_refine(const struct clauses *clauses, struct findings *findings, unsigned *ret_flags)
{
    struct refiner refiner = {.findings = findings};
    learn(&refiner.vocabulary, clauses);
    for (size_t i = 0; i < clauses_count(clauses); i++) {
        struct clause *clause = clauses_at(clauses, i);
        ret_flags[i] = 0;
        if (clause->dropped) continue;
        refine(&refiner, clause);
        ret_flags[i] = refiner.flags;
    }
    buf_fini(&refiner.vocabulary.whole);
    buf_fini(&refiner.vocabulary.first);
}
