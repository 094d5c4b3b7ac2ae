#include "clients/plan/view/lookup.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOKUP_NAME_COUNT = 3,
    LOOKUP_HINT_COUNT = 3,
    LOOKUP_LEN_MAX = 64,       /* characters that are compared; what is longer is no near miss */
    LOOKUP_SHOWN_LEN_MAX = 16, /* of what was typed, in an error */
};

/* One row as it may be typed. Empty names are none. */
struct lookup_row {
    const char *key;
    const char *names[LOOKUP_NAME_COUNT];
    const char *full; /* an official name; a part of it counts where no short name has it */
    bool retired;     /* found exactly or not at all */
};

struct lookup_list {
    size_t count;
    struct lookup_row (*row)(const void *ctx, size_t index);
    const void *ctx;
};

/* ---- characters -------------------------------------------------------------------------------
 */

/* The next character of UTF-8; a byte that is none counts as itself. */
static uint32_t lookup_next(const char **at)
{
    const uint8_t *byte = (const uint8_t *)*at;
    size_t more = byte[0] >= 0xf0 ? 3 : byte[0] >= 0xe0 ? 2 : byte[0] >= 0xc0 ? 1 : 0;
    uint32_t point = byte[0];
    for (size_t i = 1; i <= more; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            more = 0;
            break;
        }
    }
    if (more) point = byte[0] & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) point = point << 6 | (byte[i] & 0x3f);
    *at += more + 1;
    if (point >= 'A' && point <= 'Z') point += 'a' - 'A';
    return point;
}

/* Characters of a text, at most LOOKUP_LEN_MAX + 1 of them. */
static size_t lookup_points(const char *text, uint32_t points[LOOKUP_LEN_MAX + 1])
{
    size_t count = 0;
    while (text[0] && count <= LOOKUP_LEN_MAX) points[count++] = lookup_next(&text);
    return count;
}

static bool lookup_equal(const char *a, const char *b)
{
    while (a[0] && b[0]) {
        if (lookup_next(&a) != lookup_next(&b)) return false;
    }
    return a[0] == b[0];
}

static bool lookup_starts(const char *text, const char *part)
{
    while (part[0]) {
        if (!text[0] || lookup_next(&text) != lookup_next(&part)) return false;
    }
    return true;
}

static bool lookup_contains(const char *text, const char *part)
{
    while (text[0]) {
        if (lookup_starts(text, part)) return true;
        (void)lookup_next(&text);
    }
    return false;
}

/* Edits, neighbours exchanged being one, that make `a` a part of `b`; LOOKUP_LEN_MAX + 1 for what
 * is too long. */
static size_t lookup_distance(const char *a_text, const char *b_text)
{
    uint32_t a[LOOKUP_LEN_MAX + 1], b[LOOKUP_LEN_MAX + 1];
    size_t rows[3][LOOKUP_LEN_MAX + 1];
    size_t a_len = lookup_points(a_text, a), b_len = lookup_points(b_text, b);

    if (a_len > LOOKUP_LEN_MAX || b_len > LOOKUP_LEN_MAX) return LOOKUP_LEN_MAX + 1;
    for (size_t j = 0; j <= b_len; j++) rows[0][j] = 0; /* it may begin anywhere */
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    size_t best = a_len; /* and end anywhere */
    for (size_t j = 0; j <= b_len; j++)
        if (rows[a_len % 3][j] < best) best = rows[a_len % 3][j];
    return best;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static bool lookup_row_fits(const struct lookup_row *row, const char *text, bool full,
                            bool (*fits)(const char *name, const char *text))
{
    if (full && row->full && row->full[0] && fits(row->full, text)) return true;
    if (fits(row->key, text)) return true;
    for (size_t i = 0; i < LOOKUP_NAME_COUNT; i++) {
        if (row->names[i] && row->names[i][0] && fits(row->names[i], text)) return true;
    }
    return false;
}

static size_t lookup_row_distance(const struct lookup_row *row, const char *text)
{
    size_t best = lookup_distance(text, row->key);
    for (size_t i = 0; i < LOOKUP_NAME_COUNT; i++) {
        if (!row->names[i] || !row->names[i][0]) continue;
        size_t distance = lookup_distance(text, row->names[i]);
        if (distance < best) best = distance;
    }
    return best;
}

/* "A（key）、B（key）" */
static void lookup_hint(const struct lookup_row *row, enum lang lang, char *text, size_t size)
{
    size_t len = strlen(text);
    const char *name =
        lang == LANG_EN && row->names[1] && row->names[1][0] ? row->names[1] : row->names[0];
    char one[ERROR_DETAIL_LEN_MAX + 1];
    int put = snprintf(one, sizeof one, lang == LANG_EN ? "%s%s (%s)" : "%s%s（%s）",
                       len ? lang == LANG_EN ? ", " : "、" : "", name, row->key);
    if (put > 0 && len + (size_t)put < size && (size_t)put < sizeof one)
        memcpy(text + len, one, (size_t)put + 1);
}

static int lookup_refuse(int code, const char *what, const char *typed, const char *hints,
                         bool several, enum lang lang, struct error *ret_error)
{
    char text[LOOKUP_SHOWN_LEN_MAX * 4 + 1];
    const char *end = typed;
    for (size_t i = 0; i < LOOKUP_SHOWN_LEN_MAX && end[0]; i++) (void)lookup_next(&end);
    (void)snprintf(text, sizeof text, "%.*s", (int)(end - typed), typed);
    if (several)
        return error_set(ret_error, code, what,
                         lang == LANG_EN ? "\"%s\" fits several: %s" : "“%s”符合多个：%s", text,
                         hints);
    if (hints[0])
        return error_set(ret_error, code, what,
                         lang == LANG_EN ? "no \"%s\"; did you mean: %s" : "没有“%s”；是否指：%s",
                         text, hints);
    return error_set(ret_error, code, what, lang == LANG_EN ? "no \"%s\"" : "没有“%s”", text);
}

/* Nearest first; a row counts as near within a third of what was typed, and two at least. */
static void lookup_nearest(const struct lookup_list *list, const char *text, enum lang lang,
                           char *hints, size_t size)
{
    uint32_t points[LOOKUP_LEN_MAX + 1];
    size_t len = lookup_points(text, points);
    size_t limit = len / 3 > 2 ? len / 3 : 2;
    size_t told = 0;

    if (limit >= len) limit = len > 0 ? len - 1 : 0; /* not one character in common is not near */
    for (size_t distance = 1; distance <= limit && told < LOOKUP_HINT_COUNT; distance++) {
        for (size_t i = 0; i < list->count && told < LOOKUP_HINT_COUNT; i++) {
            struct lookup_row row = list->row(list->ctx, i);
            if (row.retired || lookup_row_distance(&row, text) != distance) continue;
            lookup_hint(&row, lang, hints, size);
            told++;
        }
    }
}

static int lookup(const struct lookup_list *list, int code, const char *what, const char *text,
                  enum lang lang, size_t *ret_index, struct error *ret_error)
{
    char hints[ERROR_DETAIL_LEN_MAX - 100] = "";
    uint32_t points[LOOKUP_LEN_MAX + 1];
    size_t fits = 0;

    /* A key is unique; a name may belong to a retired row and to the one that took its place. */
    for (size_t pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < list->count; i++) {
            struct lookup_row row = list->row(list->ctx, i);
            bool found = pass == 0 ? strcmp(row.key, text) == 0
                         : pass == 1
                             ? !row.retired && lookup_row_fits(&row, text, true, lookup_equal)
                             : lookup_row_fits(&row, text, true, lookup_equal);
            if (!found) continue;
            *ret_index = i;
            return 0;
        }
    }
    bool parts = lookup_points(text, points) >= 2;
    for (size_t full = 0; parts && fits == 0 && full < 2; full++) {
        for (size_t i = 0; i < list->count; i++) {
            struct lookup_row row = list->row(list->ctx, i);
            if (row.retired || !lookup_row_fits(&row, text, full == 1, lookup_contains)) continue;
            if (fits == 0) *ret_index = i;
            if (fits < LOOKUP_HINT_COUNT) lookup_hint(&row, lang, hints, sizeof hints);
            fits++;
        }
        if (fits == 1) return 0;
    }
    if (fits == 0) lookup_nearest(list, text, lang, hints, sizeof hints);
    return lookup_refuse(code, what, text, hints, fits > 1, lang, ret_error);
}

/* ---- what there is ----------------------------------------------------------------------------
 */

static struct lookup_row lookup_unit_row(const void *ctx, size_t index)
{
    const struct plan_unit *unit = plan_unit(ctx, (uint16_t)index);
    return (struct lookup_row){unit->key,
                               {unit->name_zh, unit->name_en},
                               unit->full_zh,
                               unit->successor != PLAN_UNIT_NONE};
}

int lookup_unit(const struct plan *plan, const char *what, const char *text, enum lang lang,
                uint16_t *ret_unit, struct error *ret_error)
{
    struct lookup_list list = {plan_unit_count(plan), lookup_unit_row, plan};
    size_t index = 0;
    int r = lookup(&list, E_UNIT_UNKNOWN, what, text, lang, &index, ret_error);
    if (r == 0) *ret_unit = (uint16_t)index;
    return r;
}

static struct lookup_row lookup_kind_row(const void *ctx, size_t index)
{
    const struct plan_kind *kind = plan_kind(ctx, index);
    const char *dot = strchr(kind->slug, '.'); /* the family's name may be left out */
    return (struct lookup_row){
        kind->slug, {kind->name_zh, kind->name_en, dot ? dot + 1 : NULL}, NULL, false};
}

int lookup_kind(const struct plan *plan, const char *what, const char *text, enum lang lang,
                const struct plan_kind **ret_kind, struct error *ret_error)
{
    struct lookup_list list = {plan_kind_count(plan), lookup_kind_row, plan};
    size_t index = 0;
    int r = lookup(&list, E_KIND_UNKNOWN, what, text, lang, &index, ret_error);
    if (r == 0) *ret_kind = plan_kind(plan, index);
    return r;
}

static struct lookup_row lookup_topic_row(const void *ctx, size_t index)
{
    const struct plan_topic *topic = &((const struct plan_kind *)ctx)->topics[index];
    return (struct lookup_row){topic->slug, {topic->name_zh, topic->name_en}, NULL, false};
}

int lookup_topic(const struct plan_kind *kind, const char *what, const char *text, enum lang lang,
                 const struct plan_topic **ret_topic, struct error *ret_error)
{
    struct lookup_list list = {kind->topic_count, lookup_topic_row, kind};
    size_t index = 0;
    int r = lookup(&list, E_TOPIC_UNKNOWN, what, text, lang, &index, ret_error);
    if (r == 0) *ret_topic = &kind->topics[index];
    return r;
}

static struct lookup_row lookup_area_row(const void *ctx, size_t index)
{
    const struct plan_area *area = plan_area(ctx, index);
    return (struct lookup_row){area->code, {area->name_zh, area->name_en}, NULL, false};
}

int lookup_area(const struct plan *plan, const char *what, const char *text, enum lang lang,
                const char **ret_code, struct error *ret_error)
{
    struct lookup_list list = {plan_area_count(plan), lookup_area_row, plan};
    size_t index = 0;
    if (text[0] >= '0' && text[0] <= '9') {
        if (!plan_area_well_formed(text))
            return error_set(ret_error, E_AREA_UNKNOWN, what, "%.60s: %s", text,
                             lang == LANG_EN ? "6, 9 or 12 digits" : "应为 6、9 或 12 位数字");
        *ret_code = text;
        return 0;
    }
    int r = lookup(&list, E_AREA_UNKNOWN, what, text, lang, &index, ret_error);
    if (r == 0) *ret_code = plan_area(plan, index)->code;
    return r;
}
