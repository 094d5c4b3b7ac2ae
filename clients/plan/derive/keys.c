#include "clients/plan/derive/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/plan/derive/encoding.h"
#include "clients/plan/derive/keys_core.h"
#include "clients/plan/derive/text.h"
#include "proto/base/check.h"

struct entry {
    uint64_t hash;
    uint32_t name; /* characters of keys.names */
    uint32_t len;
    uint32_t key; /* offset in keys.strings */
    struct key_core core;
};

struct keys {
    struct text names;  /* of the tables */
    struct text asked;  /* the name looked for */
    struct buf strings; /* keys, each with a terminator */
    struct buf entries;
    struct buf cores; /* the entries by what they are about; empty: not yet sorted */
    bool sorted;
};

struct keys *keys_new(void)
{
    struct keys *keys = calloc(1, sizeof *keys);
    CHECK(keys != NULL);
    return keys;
}

void keys_free(struct keys *keys)
{
    if (!keys) return;
    text_fini(&keys->names);
    text_fini(&keys->asked);
    buf_fini(&keys->strings);
    buf_fini(&keys->entries);
    buf_fini(&keys->cores);
    free(keys);
}

static uint64_t hash_of(struct span span)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < span.len; i++) hash = (hash ^ span.f[i]) * 0x100000001b3u;
    return hash;
}

/* ---- tables -----------------------------------------------------------------------------------
 */

enum { COLUMN_COUNT_MAX = 32 };
enum column { COLUMN_OTHER, COLUMN_KEY, COLUMN_NAME, COLUMN_ALIASES };

static struct bytes take_until(struct bytes *rest, uint8_t stop)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, stop, rest->len) : NULL;
    struct bytes part = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    size_t taken = part.len + (end ? 1 : 0);
    *rest = bytes_of(rest->data + taken, rest->len - taken);
    return part;
}

static bool is_word(struct bytes bytes, const char *word)
{
    return bytes_equal(bytes, bytes_of_str(word));
}

static enum column column_of(struct bytes name)
{
    if (is_word(name, "key") || is_word(name, "group")) return COLUMN_KEY;
    if (is_word(name, "aliases")) return COLUMN_ALIASES;
    bool named = is_word(name, "name_zh") || is_word(name, "in_text") || is_word(name, "full_zh") ||
                 is_word(name, "official");
    return named ? COLUMN_NAME : COLUMN_OTHER;
}

/* "公安机关(prose)" without the remark, "…支队?" without the mark of doubt. */
static struct span without_remark(struct span span)
{
    if (span.len > 0 && span.f[span.len - 1] == '?') span.len--;
    if (span.len > 0 && span.c[span.len - 1] == ')') {
        size_t open = span_open(span, span.len - 1);
        if (open != SPAN_NONE && open > 0 && span.c[open] == '(') span.len = open;
    }
    return span;
}

static void add_name(struct keys *keys, struct bytes name, uint32_t key)
{
    size_t from = text_len(&keys->names);
    text_append(&keys->names, name, 0, 1);
    struct span span = without_remark(text_span(&keys->names, from, text_len(&keys->names)));
    if (span.len == 0 || span_is(span, U"-")) return;
    struct entry entry = {hash_of(span), (uint32_t)from, (uint32_t)span.len, key,
                          key_core_of(span)};
    buf_append(&keys->entries, &entry, sizeof entry);
    keys->cores.len = 0;
    keys->sorted = false;
}

static void add_row(struct keys *keys, struct bytes line, const enum column *columns)
{
    struct bytes fields[COLUMN_COUNT_MAX] = {{0}};
    size_t count = 0;
    uint32_t key = (uint32_t)keys->strings.len;
    bool keyed = false;
    while (line.len > 0 && count < COLUMN_COUNT_MAX) {
        fields[count] = take_until(&line, '\t');
        if (columns[count] == COLUMN_KEY && fields[count].len > 0 && !keyed) {
            buf_append_bytes(&keys->strings, fields[count]);
            buf_append_u8(&keys->strings, 0);
            keyed = true;
        }
        count++;
    }
    for (size_t i = 0; keyed && i < count; i++) {
        if (columns[i] == COLUMN_NAME) add_name(keys, fields[i], key);
        while (columns[i] == COLUMN_ALIASES && fields[i].len > 0)
            add_name(keys, take_until(&fields[i], ';'), key);
    }
}

static int refuse(const char *name, size_t line, const char *zh, const char *en,
                  struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(field, sizeof field, "%.70s:%zu", name, line);
    (void)error_set(ret_error, E_BAD_TABLE, field, "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_BAD_TABLE;
}

static int read_columns(struct bytes line, enum column *columns, const char *name, size_t number,
                        struct error *ret_error)
{
    bool key = false, named = false;
    for (size_t i = 0; line.len > 0; i++) {
        if (i == COLUMN_COUNT_MAX)
            return refuse(name, number, "列过多", "too many columns", ret_error);
        columns[i] = column_of(take_until(&line, '\t'));
        key = key || columns[i] == COLUMN_KEY;
        named = named || columns[i] == COLUMN_NAME || columns[i] == COLUMN_ALIASES;
    }
    if (key && named) return 0;
    return refuse(name, number, "应有列 key，以及 name_zh、in_text、full_zh、aliases 之一",
                  "columns wanted: key, and name_zh, in_text, full_zh or aliases", ret_error);
}

int keys_add(struct keys *keys, struct bytes table, const char *name, struct error *ret_error)
{
    enum column columns[COLUMN_COUNT_MAX] = {COLUMN_OTHER};
    struct error error = {0};
    size_t number = 0;
    bool head = true;
    if (encoding_check(table, &error) != 0)
        return refuse(name, 1, error.detail_zh, error.detail, ret_error);
    while (table.len > 0) {
        struct bytes line = take_until(&table, '\n');
        number++;
        if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
        if (line.len == 0 || line.data[0] == '#') continue;
        if (head) {
            int code = read_columns(line, columns, name, number, ret_error);
            if (code != 0) return code;
            head = false;
        } else {
            add_row(keys, line, columns);
        }
    }
    return head ? refuse(name, number, "空表", "empty", ret_error) : 0;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

static const struct entry *entry_at(const struct keys *keys, size_t index)
{
    return (const struct entry *)(const void *)keys->entries.data + index;
}

static enum key_found look_up(struct keys *keys, struct span span, const char **ret_key)
{
    size_t count = keys->entries.len / sizeof(struct entry), low = 0, high = count;
    uint64_t hash = hash_of(span);
    *ret_key = NULL;
    if (!keys->sorted && count > 0) qsort(keys->entries.data, count, sizeof(struct entry), compare);
    keys->sorted = true;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entry_at(keys, middle)->hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && entry_at(keys, low)->hash == hash; low++) {
        const struct entry *entry = entry_at(keys, low);
        const char *key = (const char *)keys->strings.data + entry->key;
        if (!span_equal(span, text_span(&keys->names, entry->name, entry->name + entry->len)))
            continue;
        if (*ret_key && strcmp(*ret_key, key) != 0) {
            *ret_key = NULL;
            return KEY_AMBIGUOUS;
        }
        *ret_key = key;
    }
    return *ret_key ? KEY_FOUND : KEY_UNKNOWN;
}

static struct span ask(struct keys *keys, const char *prefix, size_t prefix_len, const char *name)
{
    text_fini(&keys->asked);
    if (prefix_len > 0) text_append(&keys->asked, bytes_of(prefix, prefix_len), 0, 1);
    text_append(&keys->asked, bytes_of_str(name), 0, 1);
    return text_span(&keys->asked, 0, text_len(&keys->asked));
}

/* With the prefix of a name before it. */
static enum key_found look_up_shared(struct keys *keys, const char *const *names, size_t index,
                                     const char **ret_key)
{
    for (size_t i = index; i-- > 0;) {
        size_t len = words_prefix(ask(keys, NULL, 0, names[i]));
        if (len == 0) continue;
        /* A character of a prefix has three bytes; traditional ones too. */
        return look_up(keys, ask(keys, names[i], len * 3, names[index]), ret_key);
    }
    *ret_key = NULL;
    return KEY_UNKNOWN;
}

static enum key_found look_up_double(struct keys *keys, const char *name, const char **ret_key)
{
    const char *inner = NULL;
    struct span span = ask(keys, NULL, 0, name);
    *ret_key = NULL;
    if (span.len == 0 || !words_closes(span.f[span.len - 1])) return KEY_UNKNOWN;
    size_t open = span_open(span, span.len - 1);
    if (open == SPAN_NONE || open == 0) return KEY_UNKNOWN;
    enum key_found found = look_up(keys, span_sub(span, 0, open), ret_key);
    enum key_found second = look_up(keys, span_sub(span, open + 1, span.len - 1), &inner);
    if (found == KEY_FOUND && second == KEY_FOUND && strcmp(*ret_key, inner) != 0)
        return KEY_DOUBLE;
    if (found == KEY_FOUND || second != KEY_FOUND) return found;
    *ret_key = inner;
    return KEY_FOUND;
}

static int compare_cores(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return a->core.hash < b->core.hash ? -1 : a->core.hash > b->core.hash;
}

/* The one unit that is about the same; NULL for none or several. */
static const char *look_alike(struct keys *keys, const char *name)
{
    const char *found = NULL;
    struct key_core core = key_core_of(ask(keys, NULL, 0, name));
    size_t count = keys->entries.len / sizeof(struct entry), low = 0, high = count;
    if (core.hash == 0) return NULL;
    if (keys->cores.len == 0 && count > 0) {
        buf_append_bytes(&keys->cores, buf_bytes(&keys->entries));
        qsort(keys->cores.data, count, sizeof(struct entry), compare_cores);
    }
    const struct entry *cores = (const struct entry *)(const void *)keys->cores.data;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cores[middle].core.hash < core.hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && cores[low].core.hash == core.hash; low++) {
        if (!key_core_alike(core, cores[low].core)) continue;
        const char *key = (const char *)keys->strings.data + cores[low].key;
        if (found && strcmp(found, key) != 0) return NULL;
        found = key;
    }
    return found;
}

enum key_found keys_find(struct keys *keys, const char *const *names, size_t index,
                         const char **ret_key)
{
    enum key_found found = look_up(keys, ask(keys, NULL, 0, names[index]), ret_key);
    if (found == KEY_UNKNOWN) found = look_up_double(keys, names[index], ret_key);
    if (found == KEY_UNKNOWN) found = look_up_shared(keys, names, index, ret_key);
    if (found != KEY_UNKNOWN) return found;
    *ret_key = look_alike(keys, names[index]);
    return *ret_key ? KEY_ALIKE : KEY_UNKNOWN;
}
