#include "clients/plan/derive/roles_inner.h"
#include "clients/plan/derive/words_inner.h"

static void parse(struct span span, enum role fallback, unsigned depth, struct roles *ret);

void roles_fini(struct roles *roles)
{
    buf_fini(&roles->names);
}

size_t roles_count(const struct roles *roles)
{
    return roles->names.len / sizeof(struct role_name);
}

struct role_name *roles_name(const struct roles *roles, size_t index)
{
    return (struct role_name *)(void *)roles->names.data + index;
}

bool roles_has(const struct roles *roles, enum role role)
{
    for (size_t i = 0; i < roles_count(roles); i++)
        if (roles_name(roles, i)->role == role) return true;
    return false;
}

void roles_quality(const struct roles *roles, size_t *ret_good, size_t *ret_bad)
{
    *ret_good = *ret_bad = 0;
    for (size_t i = 0; i < roles_count(roles); i++) {
        const struct role_name *name = roles_name(roles, i);
        if (name->role == ROLE_NONE || name->role == ROLE_SKIP) continue;
        if (words_unit(name->span))
            ++*ret_good;
        else
            ++*ret_bad;
    }
}

/* ---- giving roles -----------------------------------------------------------------------------
 */

void roles_assign(struct parser *parser, size_t from, size_t to, enum role role)
{
    for (size_t i = from; i < to; i++) {
        struct role_name *name = roles_name(parser->ret, i);
        if (!name->marked) name->role = role;
    }
}

/* A牵头侦办，B、C做好起诉: who does something beside those who lead cooperates, it seems. */
void roles_assume(struct parser *parser)
{
    size_t count = roles_count(parser->ret);
    roles_assign(parser, parser->pending_from, count, ROLE_COOP);
    for (size_t i = parser->pending_from; i < count; i++)
        roles_name(parser->ret, i)->assumed = !roles_name(parser->ret, i)->marked;
    parser->pending_from = parser->comma_at = count;
    parser->acts = false;
}

static bool all_units(const struct parser *parser)
{
    for (size_t i = parser->pending_from; i < roles_count(parser->ret); i++)
        if (!words_unit(roles_name(parser->ret, i)->span)) return false;
    return true;
}

/* Names that wait get what the label says, or the fallback. */
void roles_flush(struct parser *parser)
{
    size_t count = roles_count(parser->ret);
    bool said = parser->with || (parser->label != ROLE_NONE && parser->label != ROLE_SKIP) ||
                parser->fallback != ROLE_NONE;
    if (parser->acts && !said) {
        roles_assume(parser);
        return;
    }
    parser->acts = false;
    /* A牵头，B、C: whoever stands beside who heads it. */
    if (!said && parser->label == ROLE_NONE && roles_has(parser->ret, ROLE_HEAD) &&
        all_units(parser)) {
        roles_assume(parser);
        return;
    }
    enum role role = parser->with ? ROLE_COOP : parser->label;
    if (role == ROLE_NONE) role = parser->fallback;
    roles_assign(parser, parser->pending_from, count, role);
    parser->pending_from = parser->comma_at = count;
}

static bool leads(enum role role)
{
    return role == ROLE_HEAD || role == ROLE_LEAD;
}

bool roles_any_lead(const struct parser *parser)
{
    for (size_t i = 0; i < parser->pending_from; i++)
        if (leads(roles_name(parser->ret, i)->role)) return true;
    return false;
}

/* Names before the last ， that the verb does not reach: those of a label of another role, or a
 * first group whose word was forgotten. */
static void split_at_comma(struct parser *parser, enum role role)
{
    bool comma =
        parser->comma_at > parser->pending_from && parser->comma_at < roles_count(parser->ret);
    if (!comma || parser->with) return;
    if (role == ROLE_HEAD && parser->label == ROLE_NONE) parser->ret->flags |= ROLES_WIDE;
    enum role label = parser->label;
    if (label != ROLE_NONE && label != ROLE_SKIP) {
        if (label == role || (leads(label) && leads(role))) return;
        roles_assign(parser, parser->pending_from, parser->comma_at, label);
        parser->pending_from = parser->comma_at;
    } else if (role == ROLE_COOP && !roles_any_lead(parser)) {
        roles_assign(parser, parser->pending_from, parser->comma_at, ROLE_LEAD);
        parser->pending_from = parser->comma_at;
        parser->ret->flags |= ROLES_LEAD_ASSUMED;
    }
}

/* Behind what a unit shall do, more of that up to the next comma is no name: takes it away. */
static void drop_duty_text(struct parser *parser)
{
    size_t kept = parser->pending_from, count = roles_count(parser->ret);
    size_t comma = parser->comma_at;
    if (!(parser->ret->flags & ROLES_DUTY_TEXT) || comma <= kept) return;
    for (size_t i = kept; i < count; i++) {
        struct role_name name = *roles_name(parser->ret, i);
        if (i < comma && !name.marked && !words_unit(name.span)) continue;
        if (i < comma) parser->comma_at = kept + 1;
        *roles_name(parser->ret, kept++) = name;
    }
    if (parser->comma_at > kept) parser->comma_at = kept;
    parser->ret->names.len = kept * sizeof(struct role_name);
}

void roles_apply(struct parser *parser, const struct verb *verb)
{
    enum role role = verb->role;
    drop_duty_text(parser);
    parser->ret->verb_count++;
    if (verb->kind == VERB_WITH) {
        /* Who stands before 会同 leads, unless a verb has said so already. */
        bool second = roles_has(parser->ret, ROLE_HEAD); /* A牵头，B会同C负责 */
        roles_assign(parser, parser->pending_from, roles_count(parser->ret),
                     parser->with ? ROLE_COOP
                     : second     ? ROLE_LEAD
                                  : ROLE_HEAD);
        parser->with = true;
    } else {
        split_at_comma(parser, role);
        if (parser->with && role != ROLE_OTHER) role = ROLE_COOP;
        roles_assign(parser, parser->pending_from, roles_count(parser->ret), role);
        parser->with = false;
    }
    parser->pending_from = parser->comma_at = roles_count(parser->ret);
    parser->acts = false;
    if (parser->label == ROLE_SKIP) parser->label = ROLE_NONE;
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* 由, 并由, 其余由: what introduces a name. */
struct span roles_without_lead(struct span span)
{
    static const uint32_t *const leads_in[] = {U"以及", U"同时", U"具体", U"其中", U"其余",
                                               U"主要", U"以",   U"并",   U"请",   U"及",
                                               U"与",   U"又",   U"另",   U"须",   U"需"};
    size_t by = span_find_any(span, U"由");
    if (by != SPAN_NONE && by + 1 < span.len) span = span_sub(span, by + 1, span.len);
    uint32_t number = 0;
    size_t nth = words_chinese(span, &number);
    if (nth > 0 && nth + 1 < span.len && span.f[nth] == U'是')
        span = span_sub(span, nth + 1, span.len);
    for (size_t i = 0; i < sizeof leads_in / sizeof leads_in[0]; i++) {
        size_t len = words_len(leads_in[i]);
        if (span.len > len + 1 && span_starts(span, leads_in[i]))
            span = span_sub(span, len, span.len);
    }
    return span;
}

/* 市公安局（牵头）: the role that a bracket behind the name gives it. */
static enum role marked_role(struct span *span)
{
    if (span->len == 0 || !words_closes(span->f[span->len - 1])) return ROLE_NONE;
    size_t open = span_open(*span, span->len - 1);
    if (open == SPAN_NONE || open == 0) return ROLE_NONE;
    enum role role = words_role(span_trim(span_sub(*span, open + 1, span->len - 1)));
    if (role != ROLE_NONE) span->len = open;
    return role;
}

/* 排在首位的, 列第一位的: of the names before. */
static bool says_first(struct span span)
{
    return span_find(span, U"首") != SPAN_NONE || span_find(span, U"第一") != SPAN_NONE;
}

/* A（B配合）, A（完成时限：年底）: what stands in the bracket is no part of the name. Its names are
 * added with the roles they have there. */
static void take_inner(struct parser *parser, struct span *span)
{
    enum { DEPTH_MAX = 4 };
    if (span->len == 0 || !words_closes(span->f[span->len - 1]) || parser->depth == DEPTH_MAX)
        return;
    size_t open = span_open(*span, span->len - 1);
    if (open == SPAN_NONE || open == 0) return;
    struct span inner = span_sub(*span, open + 1, span->len - 1);
    /* 市卫健委（除注明外，列第一位的为牵头单位）: a remark. */
    if (says_first(inner) && span_find(inner, U"牵头") != SPAN_NONE) {
        span->len = open;
        return;
    }
    bool colon = span_find_any(inner, U":") != SPAN_NONE;
    if (!colon && !words_deadline(inner) && words_verb(inner).at == 0) return;
    struct roles roles;
    parse(inner, ROLE_NONE, parser->depth + 1, &roles);
    span->len = open;
    parser->ret->flags |= roles.flags;
    parser->ret->verb_count += roles.verb_count;
    for (size_t i = 0; i < roles_count(&roles); i++) {
        struct role_name name = *roles_name(&roles, i);
        if (name.role == ROLE_NONE) continue;
        name.marked = true;
        buf_append(&parser->ret->names, &name, sizeof name);
    }
    roles_fini(&roles);
}

/* 市卫健委三部门: how many they are. */
static struct span without_count(struct span span)
{
    static const uint32_t *const nouns[] = {U"部门", U"单位", U"家单位", U"个部门", U"个单位"};
    static const uint32_t numbers[] = U"两二三四五六七八九十";
    size_t noun = ENDS_ANY(span, nouns);
    if (noun == 0 || span.len < noun + 3) return span;
    bool number = words_is_any(span.f[span.len - noun - 1], numbers);
    struct span name = span_sub(span, 0, span.len - noun - 1);
    return number && words_whole_unit(name) ? name : span;
}

/* 市教育局（张某） where persons are named: who stands in the bracket is no part of the name. */
static struct span without_person(struct parser *parser, struct span span)
{
    if (span.len == 0 || !words_closes(span.f[span.len - 1])) return span;
    size_t open = span_open(span, span.len - 1);
    if (open == SPAN_NONE || open == 0) return span;
    struct span inner = span_sub(span, open + 1, span.len - 1);
    if (words_unit(inner) || words_prefix(inner) > 0) return span;
    parser->ret->flags |= ROLES_LEADER;
    return span_sub(span, 0, open);
}

static void add_one(struct parser *parser, struct span span)
{
    span = without_count(span_trim(span));
    if (span.len == 0 || span.f[0] == U'谁') return; /* 谁主管谁负责 names nobody */
    enum role marked = marked_role(&span);
    if (marked == ROLE_NONE) take_inner(parser, &span);
    if (parser->persons) span = without_person(parser, span);
    if (words_deadline(span)) {
        parser->ret->flags |= ROLES_DEADLINE;
        return;
    }
    if (words_person(span)) {
        parser->ret->flags |= ROLES_LEADER;
        return;
    }
    struct role_name name = {span, marked, marked != ROLE_NONE, false};
    if (marked != ROLE_NONE) parser->ret->verb_count++;
    buf_append(&parser->ret->names, &name, sizeof name);
}

/* A name, or two with 等部门和 between them. */
void roles_add_name(struct parser *parser, struct span span)
{
    size_t end = 0;
    span = roles_without_lead(span_trim(span));
    size_t at = words_etcetera(span, &end);
    if (at == SPAN_NONE) {
        add_one(parser, span);
        return;
    }
    parser->ret->flags |= ROLES_ET_CETERA;
    parser->ret->et_cetera = span;
    add_one(parser, span_sub(span, 0, at));
    struct span rest = span_sub(span, end, span.len);
    if (rest.len > 2 && (rest.f[0] == U'和' || rest.f[0] == U'及' || rest.f[0] == U'与'))
        rest = span_sub(rest, 1, rest.len);
    if (words_unit(rest)) add_one(parser, rest);
}

/* ---- chunks: what stands between two separators -----------------------------------------------
 */

static void take_label(struct parser *parser, enum role role)
{
    roles_flush(parser);
    parser->label = role;
    parser->with = false;
    if (role == ROLE_SKIP) return;
    parser->ret->verb_count++;
    parser->ret->flags |= ROLES_LABELS;
}

/* What is left behind a verb: another name with a verb of its own, or what the units shall do. */
static bool goes_on(struct span after)
{
    bool shared = false;
    struct verb next = words_verb(after);
    if (next.kind == VERB_NONE) return false;
    if (next.kind == VERB_LABEL || next.at == 0) return true;
    return words_unit(span_trim(words_strip(span_sub(after, 0, next.at), &shared)));
}

/* 负责, and in the next line another unit: the separator is lost. */
static bool is_next(struct span after)
{
    return (after.c[0] & WORDS_LINE) != 0 && words_prefix(after) > 0 && words_certain(after);
}

/* The first of the names that wait leads, the others are responsible with it. */
static void take_first(struct parser *parser)
{
    size_t count = roles_count(parser->ret);
    parser->ret->verb_count++;
    if (parser->pending_from < count)
        roles_assign(parser, parser->pending_from, parser->pending_from + 1, ROLE_HEAD);
    roles_assign(parser, parser->pending_from + 1, count, ROLE_LEAD);
    parser->pending_from = parser->comma_at = count;
}

static void take_text(struct parser *parser, struct span span)
{
    for (;;) {
        bool shared = false;
        span = span_trim(span);
        if (span.len == 0) return;
        struct verb verb = words_verb(span);
        if (verb.kind == VERB_NONE) {
            /* 会同区教育局开展: the name ends where the act begins. */
            bool may = parser->with || roles_any_lead(parser);
            size_t len = may ? words_unit_start(span) : 0;
            bool cut = len > 0 && len < span.len && span.f[len] != U'等';
            if (cut && !parser->with && !words_certain(span_sub(span, 0, len))) cut = false;
            if (cut) {
                parser->acts = parser->label != ROLE_SKIP;
                span = span_sub(span, 0, len);
                parser->ret->flags |= ROLES_DUTY_TEXT;
            }
            if (parser->label != ROLE_SKIP) roles_add_name(parser, span);
            /* Behind the act the list of those who are to join is over. */
            if (cut && parser->with) {
                roles_flush(parser);
                parser->with = false;
            }
            return;
        }
        struct span after = span_sub(span, verb.at + verb.len, span.len);
        if (verb.kind == VERB_IS && says_first(span_sub(span, 0, verb.at))) {
            take_first(parser);
            return;
        }
        roles_add_name(parser, words_strip(span_sub(span, 0, verb.at), &shared));
        if (shared) parser->ret->flags |= ROLES_SHARED;
        if (verb.kind == VERB_LABEL) {
            take_label(parser, verb.role);
        } else {
            roles_apply(parser, &verb);
            if (after.len == 0) return;
            if (verb.kind != VERB_WITH && !goes_on(after) && !is_next(after)) {
                parser->ret->flags |= ROLES_DUTY_TEXT;
                return;
            }
        }
        if (verb.kind == VERB_LABEL && (span_starts(after, U"为") || span_starts(after, U"是")))
            after = span_sub(after, 1, after.len);
        span = after;
    }
}

/* A label that names no unit says what was left out. */
static void note_skipped(struct parser *parser, struct span label)
{
    static const uint32_t *const times[] = {U"时", U"期", U"进度", U"节点", U"完成"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (span_find(label, times[i]) != SPAN_NONE) parser->ret->flags |= ROLES_DEADLINE;
    if (span_find(label, U"领导") != SPAN_NONE || span_ends(label, U"人"))
        parser->ret->flags |= ROLES_LEADER;
}

void roles_take_chunk(struct parser *parser, struct span span)
{
    for (;;) {
        size_t start = 0;
        size_t colon = span_find_any(span, U":");
        if (colon == SPAN_NONE) break;
        enum role role = words_label(span_sub(span, 0, colon), &start);
        if (role == ROLE_NONE) {
            /* "各区县:" and the like: a heading inside a list, nobody's role. What a label says
             * that is not known a person must see. */
            bool units = words_label_noun(span_trim(span_sub(span, 0, colon)));
            take_label(parser, units ? ROLE_OTHER : ROLE_SKIP);
        } else {
            take_text(parser, span_sub(span, 0, start));
            take_label(parser, role);
            parser->persons = words_label_persons(span_sub(span, start, colon)) > 0;
        }
        if (role == ROLE_SKIP) note_skipped(parser, span_sub(span, start, colon));
        span = span_sub(span, colon + 1, span.len);
    }
    take_text(parser, span);
}

/* 以下各项均需…落实, in the bracket of the first of them. */
static bool is_about_others(struct span span)
{
    static const uint32_t *const starts[] = {U"以下", U"以上",     U"上述",
                                             U"下同", U"其他各项", U"其余"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (span_starts(span, starts[i])) return true;
    return false;
}

static void parse(struct span span, enum role fallback, unsigned depth, struct roles *ret)
{
    struct parser parser = {.ret = ret, .fallback = fallback, .depth = depth};
    *ret = (struct roles){0};
    while (span.len > 0) {
        size_t end = span_find_any(span, U"、,;。");
        size_t len = end == SPAN_NONE ? span.len : end;
        roles_take_chunk(&parser, span_sub(span, 0, len));
        if (end == SPAN_NONE) break;
        uint32_t separator = span.f[end];
        if (separator == ',' && parser.acts) roles_flush(&parser);
        if (separator == ',') parser.comma_at = roles_count(ret);
        if (separator == ';' || separator == U'。') roles_flush(&parser);
        span = span_sub(span, end + 1, span.len);
        if (separator == U'。' && is_about_others(span)) {
            ret->flags |= ROLES_OTHERS;
            break;
        }
    }
    roles_flush(&parser);
}

void roles_parse(struct span span, enum role fallback, struct roles *ret)
{
    parse(span, fallback, 0, ret);
}
