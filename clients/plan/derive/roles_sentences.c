#include "clients/plan/derive/roles_inner.h"
#include "clients/plan/derive/words_inner.h"

/* ---- sentences --------------------------------------------------------------------------------
 */

/* Only what is said of units: a chunk whose names before the verb are units, or a unit alone. */
static bool is_said_of_units(const struct parser *parser, struct span span)
{
    bool shared = false;
    size_t end = 0;
    struct verb verb = words_verb(span);
    if (verb.kind == VERB_NONE) {
        size_t at = words_etcetera(span, &end);
        return words_unit(at == SPAN_NONE ? span : span_sub(span, 0, at));
    }
    struct span name = span_trim(words_strip(span_sub(span, 0, verb.at), &shared));
    name = roles_without_lead(name);
    size_t at = words_etcetera(name, &end);
    if (at != SPAN_NONE) name = span_sub(name, 0, at);
    if (name.len == 0)
        return verb.kind == VERB_WITH || parser->pending_from < roles_count(parser->ret);
    return words_unit(name) && !words_role_noun(name);
}

/* 会同区教育局制定办法: the unit alone. */
static void take_cut(struct parser *parser, struct span span)
{
    struct verb verb = words_verb(span);
    if (verb.kind == VERB_WITH && verb.at == 0) {
        roles_apply(parser, &verb);
        span = span_sub(span, verb.len, span.len);
    }
    size_t len = words_unit_start(span);
    if (len == 0 || !parser->with) return;
    if (len < span.len && span.f[len] == U'等') {
        parser->ret->flags |= ROLES_ET_CETERA;
        parser->ret->et_cetera = span;
    }
    roles_add_name(parser, span_sub(span, 0, len));
}

/* Names that no verb came for. Behind 会同 they cooperate; units beyond doubt stay without a role,
 * so that somebody looks at them; the rest was prose. */
static void drop_pending(struct parser *parser)
{
    if (parser->with) {
        roles_flush(parser);
    } else {
        size_t kept = parser->pending_from, count = roles_count(parser->ret);
        for (size_t i = kept; i < count; i++) {
            struct role_name name = *roles_name(parser->ret, i);
            bool looked_at = roles_any_lead(parser) && words_prefix(name.span) > 0;
            if (!looked_at || !words_certain(name.span)) continue;
            *roles_name(parser->ret, kept++) = name;
        }
        parser->ret->names.len = kept * sizeof(struct role_name);
        parser->pending_from = kept;
    }
    parser->with = parser->acts = false;
    parser->comma_at = parser->pending_from;
}

/* A牵头，B做好保障: what B does serves A's task. */
static bool serves(struct span span)
{
    static const uint32_t *const acts[] = {U"做好", U"提供", U"给予", U"予以", U"抓好",
                                           U"协同", U"派员", U"派人", U"保障"};
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (span_starts(span, acts[i])) return true;
    return false;
}

/* What a unit does, without 等部门 and 按职责分工 before it. */
static struct span behind_shares(struct span chunk, size_t name)
{
    enum { PHRASE_LEN_MAX = 10 };
    size_t end = name;
    if (chunk.f[name] == U'等' && words_etcetera(chunk, &end) == SPAN_NONE) end = name;
    struct span rest = span_sub(chunk, end, chunk.len);
    if (rest.len == 0 || (rest.f[0] != U'按' && rest.f[0] != U'依')) return rest;
    size_t len = rest.len < PHRASE_LEN_MAX ? rest.len : PHRASE_LEN_MAX;
    for (size_t i = len; i >= 3; i--)
        if (span_ends(span_sub(rest, 0, i), U"分工") || span_ends(span_sub(rest, 0, i), U"职责"))
            return span_sub(rest, i, rest.len);
    return rest;
}

/* A unit with what it does, and no word for its role: it cooperates if that serves the task, and
 * else is left for somebody to look at. False: prose. */
static bool take_act(struct parser *parser, struct span chunk)
{
    size_t len = words_unit_start(chunk);
    if (len == 0 || len == chunk.len || !roles_any_lead(parser)) return false;
    struct span name = span_sub(chunk, 0, len);
    struct span act = behind_shares(chunk, len);
    /* Several that do it together behind who heads it: B、C、D建立机制. */
    bool together = !parser->broken && parser->pending_from < roles_count(parser->ret) &&
                    words_begins(name) && words_acts(act);
    bool served = serves(act) || together;
    bool acts = words_acts(act) || words_prefix(name) > 0;
    if (!served && (!acts || words_group(name) || !words_begins(name))) return false;
    if (!words_certain(name) && !(served && words_group(name))) return false;
    if (chunk.f[len] == U'等') {
        parser->ret->flags |= ROLES_ET_CETERA;
        parser->ret->et_cetera = chunk;
    }
    roles_add_name(parser, name);
    parser->ret->flags |= ROLES_DUTY_TEXT;
    if (served)
        roles_assume(parser);
    else
        drop_pending(parser);
    return true;
}

/* Behind 会同 a name may run on into what is to be done. */
static bool runs_on(const struct parser *parser, struct span span)
{
    struct verb verb = words_verb(span);
    bool with = parser->with;
    if (verb.kind == VERB_WITH && verb.at == 0) {
        with = true;
        span = span_sub(span, verb.len, span.len);
    }
    size_t len = words_unit_start(span), count = roles_count(parser->ret);
    if (!with || len == 0 || len == span.len) return false;
    /* Behind a comma the list goes on only with what begins like a unit. */
    if (with && parser->with && parser->comma_at == count && count > 0 && !words_begins(span))
        return false;
    verb = words_verb(span_sub(span, len, span.len));
    return verb.kind == VERB_NONE || verb.at > 0;
}

/* 并会同区教育局: without 并. */
static struct span without_and(struct span chunk)
{
    static const uint32_t *const ands[] = {U"并", U"同时", U"另", U"还"};
    size_t len = STARTS_ANY(chunk, ands);
    struct verb verb = words_verb(span_sub(chunk, len, chunk.len));
    return len > 0 && verb.kind == VERB_WITH && verb.at == 0 ? span_sub(chunk, len, chunk.len)
                                                             : chunk;
}

/* The chunks of a sentence, as long as its first one is said of units. */
static void take_sentence(struct parser *parser, struct span span)
{
    struct roles *ret = parser->ret;
    bool first = ret->verb_count == 0;
    while (span.len > 0) {
        size_t end = span_find_any(span, U"、,;。");
        size_t len = end == SPAN_NONE ? span.len : end;
        struct span chunk = without_and(span_trim(span_sub(span, 0, len)));
        if (end == SPAN_NONE) end = span.len - 1;
        if (chunk.len > 0 && runs_on(parser, chunk)) {
            take_cut(parser, chunk);
            drop_pending(parser);
        } else if (chunk.len > 0 && is_said_of_units(parser, chunk)) {
            roles_take_chunk(parser, chunk);
        } else if (first && parser->pending_from == 0) {
            break;
        } else if (chunk.len == 0 || !take_act(parser, chunk)) {
            drop_pending(parser);
            parser->broken = true;
        }
        if (span.f[end] != U'、') parser->broken = false;
        first = first && ret->verb_count == 0;
        if (span.f[end] == U'。') break;
        if (span.f[end] == ',') parser->comma_at = roles_count(ret);
        if (span.f[end] == ';') drop_pending(parser);
        span = span_sub(span, end + 1, span.len);
    }
    drop_pending(parser);
}

static bool has_lead(struct roles *ret)
{
    if (roles_has(ret, ROLE_HEAD) || roles_has(ret, ROLE_LEAD)) return true;
    roles_fini(ret);
    *ret = (struct roles){0};
    return false;
}

bool roles_sentence(struct span span, struct roles *ret)
{
    struct parser parser = {.ret = ret};
    *ret = (struct roles){0};
    take_sentence(&parser, span);
    return has_lead(ret);
}

void roles_goes_on(struct span span, struct roles *roles)
{
    struct parser parser = {.ret = roles};
    size_t stop = span_find_any(span, U",;。");
    if (stop == SPAN_NONE) return;
    parser.pending_from = parser.comma_at = roles_count(roles);
    take_sentence(&parser, span_sub(span, stop + 1, span.len));
}

/* ---- sentences that begin with units ----------------------------------------------------------
 */

bool roles_begin_later(struct span chunk)
{
    for (size_t i = 1; i < chunk.len; i++) {
        if (!(chunk.c[i] & WORDS_GAP)) continue;
        /* White space everywhere is a dump's. */
        bool line = (chunk.c[i] & WORDS_LINE) != 0;
        bool lone = i > 1 && !(chunk.c[i - 1] & WORDS_GAP) &&
                    (i + 1 == chunk.len || !(chunk.c[i + 1] & WORDS_GAP));
        if (!line && (!lone || words_unit(span_sub(chunk, 0, i)))) continue;
        struct span rest = span_sub(chunk, i, chunk.len);
        struct verb verb = words_verb(rest);
        if (verb.kind != VERB_NONE) rest = span_sub(rest, 0, verb.at);
        if (words_prefix(rest) > 0 && words_certain(rest)) return true;
    }
    return false;
}

/* The names at the start, all beyond doubt: up to the verb that makes them responsible, or to a
 * colon. *ret_len is the length up to there; VERB_NONE with *ret_len > 0: a colon. */
static struct verb leading_names(struct span span, size_t *ret_len)
{
    enum { NAMES_LEN_MAX = 160 };
    *ret_len = 0;
    for (size_t from = 0; from < span.len && from < NAMES_LEN_MAX;) {
        struct span rest = span_sub(span, from, span.len);
        size_t stop = span_find_any(rest, U"、,;。:");
        if (stop == SPAN_NONE) stop = rest.len;
        struct span chunk = span_sub(rest, 0, stop);
        bool colon = stop < rest.len && rest.f[stop] == ':';
        bool shared = false;
        struct verb verb = words_verb(chunk);
        if (roles_begin_later(chunk) || span_find(chunk, U"由") != SPAN_NONE) break;
        if (verb.kind == VERB_NONE) {
            if (!words_certain(chunk)) break;
            if (colon) {
                *ret_len = from + stop;
                return verb;
            }
            if (stop == rest.len || rest.f[stop] != U'、') break;
            from += stop + 1;
            continue;
        }
        bool leads = verb.role == ROLE_HEAD || verb.role == ROLE_LEAD;
        bool with = verb.kind == VERB_WITH && !verb.weak;
        struct span name = words_strip(span_sub(chunk, 0, verb.at), &shared);
        size_t end = 0, at = words_etcetera(name, &end);
        if (at != SPAN_NONE) name = span_sub(name, 0, at);
        if (colon || verb.weak || !(with || (verb.kind == VERB_ROLE && leads)) ||
            !words_certain(name))
            break;
        *ret_len = from + verb.at;
        return verb;
    }
    return (struct verb){0};
}

/* The duty ends before the next `L：` of a list, or at the end of the span. */
static size_t duty_end(struct span span, size_t from)
{
    for (size_t at = from; at < span.len;) {
        size_t stop = span_find_any(span_sub(span, at, span.len), U";");
        if (stop == SPAN_NONE) break;
        at += stop + 1;
        size_t len = 0;
        struct verb verb = leading_names(span_sub(span, at, span.len), &len);
        if (len > 0 && verb.kind == VERB_NONE) return at;
    }
    return span.len;
}

/* 负责…, 牵头… behind the colon says the role; anything else only that it is theirs. */
static enum role role_behind(struct span span, bool *ret_said)
{
    size_t stop = span_find_any(span, U",;。");
    struct verb verb = words_verb(span_sub(span, 0, stop == SPAN_NONE ? span.len : stop));
    *ret_said = verb.kind == VERB_ROLE && verb.at == 0;
    return *ret_said ? verb.role : ROLE_LEAD;
}

bool roles_duty(struct span span, bool listed, size_t *ret_len, struct roles *ret)
{
    struct parser parser = {.ret = ret};
    size_t len = 0;
    bool said = true;
    *ret = (struct roles){0};
    struct verb verb = leading_names(span, &len);
    if (len == 0) return false;
    *ret_len = span.len;
    if (verb.kind != VERB_NONE) {
        take_sentence(&parser, span);
        return has_lead(ret);
    }
    *ret_len = duty_end(span, len + 1);
    struct span rest = span_sub(span, len + 1, *ret_len);
    enum role role = role_behind(rest, &said);
    if (!said && !listed) return false;
    for (struct span names = span_sub(span, 0, len); names.len > 0;) {
        size_t stop = span_find_any(names, U"、");
        roles_add_name(&parser, span_sub(names, 0, stop == SPAN_NONE ? names.len : stop));
        names = stop == SPAN_NONE ? span_sub(names, 0, 0) : span_sub(names, stop + 1, names.len);
    }
    roles_assign(&parser, 0, roles_count(ret), role);
    parser.pending_from = parser.comma_at = roles_count(ret);
    ret->verb_count++;
    if (!said) ret->flags |= ROLES_LEAD_ASSUMED;
    take_sentence(&parser, rest);
    return has_lead(ret);
}
