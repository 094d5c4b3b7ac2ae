/* Cells of the tables: words, slugs, texts, units and groups, lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

int plan_reader_word(const struct table *table, const char *word, const char *const *words,
                     size_t count, const char *what, size_t *ret_index, struct error *ret_error)
{
    char known[ERROR_DETAIL_LEN_MAX + 1] = "";
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            *ret_index = i;
            return 0;
        }
        if (len < sizeof known)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "",
                                    words[i]);
    }
    return table_refuse(table, ret_error, "%s 不能为“%.60s”，应为其中之一：%s",
                        "%s %.60s is not a known word: one of %s", what, word, known);
}

int plan_reader_slug(const struct table *table, const char *slug, const char *what,
                     struct error *ret_error)
{
    if (slug_valid(slug)) return 0;
    return table_refuse(table, ret_error, "%s %.60s：应为 1 到 %d 个字符，限 a-z 0-9 . -",
                        "%s %.60s: 1 to %d of a-z 0-9 . - wanted", what, slug, LIMIT_SLUG_LEN_MAX);
}

int plan_reader_text(const struct table *table, const char *text, const char *what,
                     struct error *ret_error)
{
    return text[0] ? 0 : table_refuse(table, ret_error, "缺少 %s", "%s is missing", what);
}

int plan_reader_no_memory(struct error *ret_error)
{
    return error_set(ret_error, E_NO_MEMORY, NULL, "while parsing the plan");
}

int plan_reader_named(const struct plan *plan, const struct table *table, const char *key,
                      struct plan_named *ret_named, struct error *ret_error)
{
    uint16_t unit = plan_unit_find(plan, key);
    if (unit != PLAN_UNIT_NONE) {
        *ret_named = (struct plan_named){.group = false, .index = unit};
        return 0;
    }
    const struct plan_group *group = plan_group_find(plan, key);
    if (!group && key[strcspn(key, "; |/")])
        return table_refuse(table, ret_error, "没有单位或组 %.60s：列表各项以半角逗号分隔",
                            "no unit or group %.60s: lists are separated by commas", key);
    if (!group)
        return table_refuse(table, ret_error, "没有单位或组 %.60s", "no unit or group %.60s", key);
    *ret_named = (struct plan_named){.group = true, .index = (uint16_t)(group - plan->groups)};
    return 0;
}

int plan_reader_named_list(struct plan *plan, const struct table *table, char *field,
                           const struct plan_named **ret_named, size_t *ret_count,
                           struct error *ret_error)
{
    const char *keys[PLAN_TASK_UNIT_COUNT_MAX];
    size_t count = table_list_count(field);

    if (count > PLAN_TASK_UNIT_COUNT_MAX)
        return table_refuse(table, ret_error, "多于 %d 个单位", "more than %d units",
                            PLAN_TASK_UNIT_COUNT_MAX);
    int r = table_list(table, field, keys, ret_error);
    if (r < 0) return r;
    struct plan_named *named = plan_alloc(plan, count, sizeof *named);
    if (!named) return plan_reader_no_memory(ret_error);
    for (size_t i = 0; i < count; i++) {
        r = plan_reader_named(plan, table, keys[i], &named[i], ret_error);
        if (r < 0) return r;
        for (size_t j = 0; j < i; j++) {
            if (named[j].group == named[i].group && named[j].index == named[i].index)
                return table_refuse(table, ret_error, "%.60s 重复列出", "%.60s is named twice",
                                    keys[i]);
        }
    }
    *ret_named = named;
    *ret_count = count;
    return 0;
}

int plan_reader_strings(struct plan *plan, const struct table *table, char *field,
                        const char *const **ret_items, size_t *ret_count, struct error *ret_error)
{
    size_t count = table_list_count(field);
    const char **items = plan_alloc(plan, count, sizeof *items);

    if (!items) return plan_reader_no_memory(ret_error);
    int r = table_list(table, field, items, ret_error);
    if (r < 0) return r;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(items[i], items[j]) == 0)
                return table_refuse(table, ret_error, "%.60s 重复列出", "%.60s is listed twice",
                                    items[i]);
        }
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

int plan_reader_open(struct plan_reader *reader, enum plan_part_index part,
                     const char *const *columns, size_t column_count, size_t row_count_max,
                     struct error *ret_error)
{
    struct bytes content = reader->contents[part];
    const char *name = plan_part_names[part];

    if (content.len > LIMIT_TABLE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, name, "有 %zu 字节，至多 %d 字节",
                         "%zu bytes, at most %d", content.len, LIMIT_TABLE_BYTES_MAX);
    char *text = plan_alloc(reader->plan, content.len + 1, 1);
    if (!text) return plan_reader_no_memory(ret_error);
    if (content.len > 0) memcpy(text, content.data, content.len);
    /* No table has more rows than lines: the arrays are as large as what was really sent. */
    size_t lines = 0;
    for (size_t i = 0; i < content.len; i++) lines += text[i] == '\n';
    reader->row_cap = lines < row_count_max ? lines : row_count_max;
    return table_open(&reader->table, name, text, content.len, columns, column_count, row_count_max,
                      ret_error);
}

/* ---- about ------------------------------------------------------------------------------------
 */
