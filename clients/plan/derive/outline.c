#include "clients/plan/derive/outline.h"

#include <stdlib.h>
#include <string.h>

#include "clients/plan/derive/outline_markers.h"
#include "proto/base/check.h"

/* ---- items ------------------------------------------------------------------------------------
 */

struct builder {
    struct outline *outline;
    const struct text *text;
    struct findings *findings;
    uint32_t stack[OUTLINE_DEPTH_MAX]; /* items; the first is a root */
    size_t depth;
    uint32_t division;
    uint32_t last[OUTLINE_DASH + 1];  /* value by form, in this division */
    uint8_t parent[OUTLINE_DASH + 1]; /* form of the level above, as first met */
    bool has_dotted;                  /* 1.1 stands at the start of a line somewhere */
    uint8_t dotted_count;
    uint32_t dotted[OUTLINE_DOTTED_MAX];
};

void outline_fini(struct outline *outline)
{
    buf_fini(&outline->items);
    buf_fini(&outline->refused);
}

size_t outline_count(const struct outline *outline)
{
    return outline->items.len / sizeof(struct outline_item);
}

struct outline_item *outline_item(const struct outline *outline, size_t index)
{
    CHECK(index < outline_count(outline));
    return (struct outline_item *)(void *)outline->items.data + index;
}

static struct outline_item *top(const struct builder *builder)
{
    return outline_item(builder->outline, builder->stack[builder->depth - 1]);
}

static void push_root(struct builder *builder, size_t at)
{
    struct outline_item root = {.at = (uint32_t)at,
                                .body = (uint32_t)at,
                                .form = OUTLINE_ROOT,
                                .division = builder->division};
    root.parent = (uint32_t)outline_count(builder->outline);
    builder->stack[0] = root.parent;
    builder->depth = 1;
    builder->dotted_count = 0;
    memset(builder->last, 0, sizeof builder->last);
    memset(builder->parent, 0, sizeof builder->parent);
    buf_append(&builder->outline->items, &root, sizeof root);
}

static void push(struct builder *builder, const struct marker *marker, size_t at)
{
    /* Deeper than any plan: the deepest level takes what comes. */
    if (builder->depth == OUTLINE_DEPTH_MAX) builder->depth--;
    struct outline_item item = {.at = (uint32_t)at,
                                .body = (uint32_t)(at + marker->len),
                                .parent = builder->stack[builder->depth - 1],
                                .form = (uint8_t)marker->form,
                                .count = marker->count,
                                .division = builder->division};
    memcpy(item.values, marker->values, sizeof item.values);
    struct outline_item *above = top(builder);
    above->children = true;
    if (builder->parent[marker->form] == OUTLINE_ROOT) builder->parent[marker->form] = above->form;
    builder->last[marker->form] = marker->values[0];
    builder->stack[builder->depth++] = (uint32_t)outline_count(builder->outline);
    buf_append(&builder->outline->items, &item, sizeof item);
}

static void note(struct builder *builder, enum finding_code code, const struct marker *marker,
                 size_t at)
{
    enum { SHOWN = 16 };
    size_t end = at + marker->len + SHOWN, len = text_len(builder->text);
    findings_add(builder->findings, code, text_line_of(builder->text, at),
                 text_span(builder->text, at, end < len ? end : len));
}

/* The depth of a form in the stack; 0: not there. */
static size_t depth_of(const struct builder *builder, enum outline_form form)
{
    for (size_t i = builder->depth; i-- > 1;)
        if (outline_item(builder->outline, builder->stack[i])->form == form) return i;
    return 0;
}

static void take_dash(struct builder *builder, struct marker *marker, size_t at)
{
    size_t depth = depth_of(builder, OUTLINE_DASH);
    if (depth > 0) {
        marker->values[0] = outline_item(builder->outline, builder->stack[depth])->values[0] + 1;
        builder->depth = depth;
    }
    push(builder, marker, at);
}

/* Is this the first dotted number of a text, or of its second part? 1.1, or 2.1 below 2. */
static bool dotted_begins(const struct builder *builder, const struct marker *marker)
{
    bool known = marker->values[0] == 1;
    for (size_t i = 1; i < builder->depth && !known; i++)
        known = outline_item(builder->outline, builder->stack[i])->values[0] == marker->values[0];
    for (size_t i = 1; i < marker->count; i++) known = known && marker->values[i] == 1;
    return known;
}

/* 1.2 after 1.1, 1.1.1 after 1.1, 2.1 after 1.9; 2 after 1.9 in a text with dotted numbers. */
static bool dotted_fits(const struct builder *builder, const struct marker *marker)
{
    size_t count = marker->count, same = 0;
    if (count == 1 && !builder->has_dotted) return false;
    if (builder->dotted_count == 0) return dotted_begins(builder, marker);
    while (same < count && same < builder->dotted_count &&
           marker->values[same] == builder->dotted[same])
        same++;
    if (same == count) return false;
    uint32_t before = same < builder->dotted_count ? builder->dotted[same] : 0;
    if (marker->values[same] != before + 1) return false;
    for (size_t i = same + 1; i < count; i++)
        if (marker->values[i] != 1) return false;
    return true;
}

static void take_dotted(struct builder *builder, const struct marker *marker, size_t at)
{
    if (!dotted_fits(builder, marker)) return;
    while (builder->depth > 1 &&
           (top(builder)->form == OUTLINE_DASH ||
            (top(builder)->form == OUTLINE_DOTTED && top(builder)->count >= marker->count)))
        builder->depth--;
    if (builder->depth > 1 && top(builder)->form != OUTLINE_DOTTED) {
        size_t depth = depth_of(builder, OUTLINE_DOTTED);
        while (depth > 0 &&
               outline_item(builder->outline, builder->stack[depth])->count >= marker->count)
            builder->depth = depth--;
    }
    builder->dotted_count = marker->count;
    memcpy(builder->dotted, marker->values, sizeof builder->dotted);
    push(builder, marker, at);
}

/* Arabic numbers begin many things. */
static bool is_weak(enum outline_form form)
{
    return form == OUTLINE_N || form == OUTLINE_N_HALF || form == OUTLINE_CIRCLE;
}

/* Does a line begin at `at` behind a line that has come to its end: with a stop or a bracket, or as
 * a short heading? A number there is an item's, whatever stood before it. */
static bool begins_paragraph(const struct builder *builder, size_t at)
{
    enum { TITLE_LEN_MAX = 30 };
    size_t body = top(builder)->body;
    if (at == 0) return true;
    struct span before = text_span(builder->text, at - 1, at + 1);
    if ((before.c[1] & WORDS_LINE) == 0) return false;
    if (marker_follows(before, 0, U"。)];:")) return true;
    if (at <= body || at - body > TITLE_LEN_MAX || builder->depth == 1) return false;
    struct span title = text_span(builder->text, body, at);
    for (size_t i = 1; i < title.len; i++)
        if (title.c[i] & WORDS_LINE) return false;
    return span_find_any(title, U",、;") == SPAN_NONE;
}

/* The next number of a level that is open. */
static void take_known(struct builder *builder, const struct marker *marker, size_t at,
                       bool mid_line, size_t depth)
{
    enum { GAP_MAX = 20, WEAK_GAP_MAX = 3 };
    uint32_t value = marker->values[0];
    uint32_t now = outline_item(builder->outline, builder->stack[depth])->values[0];
    bool weak = is_weak(marker->form) && !begins_paragraph(builder, at);
    if (value != now + 1) {
        if (mid_line) return;
        if (value > now && value - now > (weak ? WEAK_GAP_MAX : GAP_MAX)) return;
        if (value <= now && value != 1 && weak) return;
    }
    if (value == 1 && now >= 1 && depth == 1 && marker->form < OUTLINE_CN_BRACKET) {
        /* Another document in the same text, or a table of contents before this one. */
        builder->division++;
        push_root(builder, at);
    } else {
        if (value > now + 1) note(builder, FINDING_NUMBER_GAP, marker, at);
        if (value <= now) note(builder, FINDING_NUMBER_AGAIN, marker, at);
        builder->depth = depth;
    }
    push(builder, marker, at);
}

/* The first number of a level that is not open. */
static void take_new(struct builder *builder, const struct marker *marker, size_t at, bool mid_line,
                     bool nests)
{
    enum { FIRST_MAX = 30 };
    uint32_t value = marker->values[0];
    bool goes_on = value == builder->last[marker->form] + 1;
    if (value != 1 && !goes_on) {
        bool weak = is_weak(marker->form) && !begins_paragraph(builder, at);
        bool numbered = builder->last[marker->form] > 0 || !is_weak(marker->form);
        bool far = value > FIRST_MAX && value > builder->last[marker->form] + FIRST_MAX;
        if (mid_line || weak || (numbered && far)) return;
        note(builder, FINDING_NUMBER_GAP, marker, at);
    }
    if (marker->form <= OUTLINE_CN) {
        while (builder->depth > 1 && top(builder)->form > marker->form) builder->depth--;
    } else {
        uint8_t parent = builder->parent[marker->form];
        size_t depth = parent != OUTLINE_ROOT ? depth_of(builder, parent) : 0;
        /* 一、1. and then 二、（一）4.: numbers stand below what they stand behind. */
        bool below = top(builder)->form != OUTLINE_DASH && top(builder)->form < marker->form &&
                     !top(builder)->children;
        if (depth > 0 && !below)
            builder->depth = depth + 1;
        else if (!nests)
            while (builder->depth > 1 && top(builder)->form == OUTLINE_DASH) builder->depth--;
    }
    push(builder, marker, at);
}

static void take(struct builder *builder, struct marker *marker, size_t at, bool mid_line)
{
    if (marker->form == OUTLINE_DASH) {
        take_dash(builder, marker, at);
        return;
    }
    if (marker->form == OUTLINE_DOTTED) {
        take_dotted(builder, marker, at);
        return;
    }
    size_t depth = depth_of(builder, marker->form);
    if (depth > 0) {
        take_known(builder, marker, at, mid_line, depth);
        return;
    }
    struct span before = text_span(builder->text, 0, at);
    bool nests =
        before.len > 0 && (before.f[before.len - 1] == ':' || marker->form >= OUTLINE_N_HALF);
    take_new(builder, marker, at, mid_line, nests);
}

/* "附件2", "附件：任务分工表" on a line of its own. */
static bool is_annex(struct span span)
{
    enum { TITLE_LEN_MAX = 40 };
    size_t end = 1, len = 2;
    uint32_t value = 0;
    if (!span_starts(span, U"附件") && !span_starts(span, U"附表") && !span_starts(span, U"附录"))
        return false;
    while (end < span.len && !(span.c[end] & WORDS_LINE)) {
        if (marker_follows(span, end, U"。,;") || end > TITLE_LEN_MAX) return false;
        end++;
    }
    struct span rest = span_sub(span, len, end);
    len = words_arabic(rest, &value);
    if (len == 0) len = words_chinese(rest, &value);
    return rest.len == len || rest.f[len] == ':' || (rest.c[len] & WORDS_GAP) || rest.f[len] == '(';
}

/* Behind a sentence or a bracket, or white space. */
static bool is_apart(const struct text *text, size_t at)
{
    struct span span = text_span(text, at - 1, at + 1);
    return span.f[0] == U'。' || span.f[0] == ')' || (span.c[1] & WORDS_WIDE) != 0;
}

/* ② or 2. behind a stop in the middle of the line that ① or 1. began. */
static bool follows_inline(const struct builder *builder, size_t at)
{
    enum { LOOK = 16 };
    const struct outline_item *item = top(builder);
    if (at == 0 || item->form < OUTLINE_CN_BRACKET || item->form > OUTLINE_CIRCLE) return false;
    struct span before = text_span(builder->text, at - 1, at);
    bool circle = item->form == OUTLINE_CIRCLE;
    if (before.f[0] != ';' && !(circle && marker_follows(before, 0, U"。,、"))) return false;
    size_t len = text_len(builder->text);
    struct marker marker =
        marker_read(text_span(builder->text, at, at + LOOK < len ? at + LOOK : len));
    return marker.form == item->form && marker.values[0] == item->values[0] + 1;
}

/* May an item begin here, in the middle of a line? Where it stands apart; anywhere where the line
 * breaks are lost, if the number is of a form that is seldom anything else. */
static bool may_begin(const struct text *text, size_t at, const struct marker *marker,
                      bool anywhere)
{
    struct span span = text_span(text, at - 1, at + 1);
    if (marker->form == OUTLINE_CIRCLE || marker->form == OUTLINE_N_HALF ||
        (marker->form == OUTLINE_DASH && marker->len < 2))
        return false;
    if (is_apart(text, at)) return true;
    bool rare = marker->form == OUTLINE_CN || marker->form == OUTLINE_CN_BRACKET ||
                marker->form == OUTLINE_CHAPTER || marker->form == OUTLINE_ARTICLE ||
                marker->form == OUTLINE_N_BRACKET || marker->form == OUTLINE_DASH;
    size_t body = at + marker->len;
    bool word = body < text_len(text) && words_ideograph(text_span(text, body, body + 1).f[0]);
    bool number = marker->form == OUTLINE_N && word && text_span(text, body - 1, body).f[0] == '.';
    bool part = span.f[0] == U'第' || words_digit(span.f[0]) || span.f[0] == U'、';
    return anywhere && !part && (rare || number);
}

void outline_build(struct outline *outline, const struct text *text, struct findings *findings)
{
    enum { LOOK = 48 };
    struct builder builder = {.outline = outline, .text = text, .findings = findings};
    size_t len = text_len(text);
    bool anywhere = markers_run_together(text);
    builder.has_dotted = markers_have_dotted(text);
    push_root(&builder, 0);
    for (size_t at = 0; at < len; at++) {
        struct span span = text_span(text, at, at + LOOK < len ? at + LOOK : len);
        bool line = at == 0 || (span.c[0] & WORDS_LINE) != 0;
        if (line && is_annex(span)) {
            builder.division++;
            push_root(&builder, at);
            continue;
        }
        /* 一、（一） on one line: the second number stands right behind the first. */
        bool behind = outline_item(outline, outline_count(outline) - 1)->body == at && at > 0;
        bool inlined = !line && !behind && follows_inline(&builder, at);
        line = line || behind || inlined;
        if (!line && !anywhere && !is_apart(text, at)) continue;
        struct marker marker = marker_read(span);
        if (marker.form == OUTLINE_ROOT || (behind && marker.form == OUTLINE_DASH)) continue;
        if (!line && !may_begin(text, at, &marker, anywhere)) continue;
        size_t before = outline_count(outline);
        take(&builder, &marker, at, !line || inlined);
        if (outline_count(outline) == before) {
            uint32_t refused = (uint32_t)at;
            if (line && !inlined) buf_append(&outline->refused, &refused, sizeof refused);
            continue;
        }
        outline_item(outline, before)->inlined = inlined;
        at += marker.len - 1;
    }
}

/* ---- asking -----------------------------------------------------------------------------------
 */

size_t outline_find(const struct outline *outline, size_t at)
{
    size_t low = 0, high = outline_count(outline);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (outline_item(outline, middle)->at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

size_t outline_end(const struct outline *outline, size_t index, const struct text *text)
{
    return index + 1 < outline_count(outline) ? outline_item(outline, index + 1)->at
                                              : text_len(text);
}

/* A level above a dotted number that the number says again: 2. above 2.1. */
static bool is_said_again(const struct outline_item *item, const struct outline_item *dotted)
{
    return item->form == OUTLINE_DOTTED ||
           (item->form != OUTLINE_DASH && item->values[0] == dotted->values[0]);
}

static size_t id_append(const struct outline_item *item, size_t count,
                        uint32_t ret[static OUTLINE_ID_MAX])
{
    for (size_t i = 0; i < item->count && count < OUTLINE_ID_MAX; i++)
        ret[count++] = item->values[i];
    return count;
}

size_t outline_id(const struct outline *outline, size_t index, size_t dash_depth,
                  uint32_t ret[static OUTLINE_ID_MAX])
{
    const struct outline_item *path[OUTLINE_DEPTH_MAX];
    const struct outline_item *dotted = NULL;
    size_t depth = 0, count = 0;
    for (const struct outline_item *item = outline_item(outline, index);
         item->form != OUTLINE_ROOT && depth < OUTLINE_DEPTH_MAX;
         item = outline_item(outline, item->parent)) {
        if (item->clear || (dotted && is_said_again(item, dotted))) continue;
        path[depth++] = item;
        if (item->form == OUTLINE_DOTTED) dotted = item;
    }
    while (depth-- > 0) {
        if (path[depth]->form == OUTLINE_DASH)
            while (count < dash_depth && count < OUTLINE_ID_MAX) ret[count++] = 0;
        count = id_append(path[depth], count, ret);
    }
    return count;
}

size_t outline_depth(const struct outline *outline, size_t index)
{
    uint32_t id[OUTLINE_ID_MAX];
    return outline_id(outline, index, 0, id);
}

/* ---- clear levels -----------------------------------------------------------------------------
 */

static bool is_clear_title(const struct outline *outline, size_t index, const struct text *text)
{
    static const uint32_t *const titles[] = {
        U"任务目标", U"工作目标", U"主要目标", U"总体目标", U"目标任务", U"目标",     U"行动目标",
        U"工作措施", U"行动措施", U"主要措施", U"具体措施", U"重点措施", U"措施",     U"策略措施",
        U"工作任务", U"主要任务", U"重点任务", U"具体任务", U"任务",     U"行动任务", U"任务措施",
        U"工作内容", U"主要内容", U"责任分工", U"任务分工", U"职责分工", U"工作要求", U"目标要求",
        U"主要工作", U"重点工作", U"具体工作", U"政策措施", U"工作举措", U"主要举措", U"具体举措",
    };
    enum { TITLE_LEN_MAX = 8 };
    size_t from = outline_item(outline, index)->body, end = outline_end(outline, index, text);
    struct span span = text_span(text, from, end < from ? from : end);
    size_t len = 0;
    while (len < span.len && len <= TITLE_LEN_MAX && !marker_follows(span, len, U"。:;,(") &&
           (len == 0 || !(span.c[len] & WORDS_LINE)))
        len++;
    struct span title = span_trim(span_sub(span, 0, len));
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        /* The break behind a heading may be lost: longer ones may have text behind them. */
        bool whole = words_len(titles[i]) < 4;
        if (whole ? span_is(title, titles[i]) : span_starts(title, titles[i])) return true;
    }
    return false;
}

/* What is known of the children of an item, by their parent's index. */
struct family {
    bool other;   /* one of them is no such heading, or no number */
    bool heading; /* one of them is */
    uint32_t with_clause;
};

void outline_clear(struct outline *outline, const struct text *text, const bool *has_clause)
{
    size_t count = outline_count(outline);
    struct family *families = calloc(count, sizeof *families);
    CHECK(families != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct outline_item *item = outline_item(outline, i);
        if (item->form == OUTLINE_ROOT) continue;
        struct family *family = &families[item->parent];
        bool heading = item->form != OUTLINE_DASH && item->form != OUTLINE_DOTTED &&
                       outline_item(outline, item->parent)->form != OUTLINE_ROOT &&
                       is_clear_title(outline, i, text);
        family->heading = family->heading || heading;
        family->other = family->other || !heading;
        family->with_clause += has_clause[i];
    }
    for (size_t i = 0; i < count; i++) {
        struct outline_item *item = outline_item(outline, i);
        const struct family *family = &families[item->parent];
        item->clear = item->form != OUTLINE_ROOT && family->heading && !family->other &&
                      family->with_clause <= 1;
    }
    free(families);
}
