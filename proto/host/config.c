#include "proto/host/config.h"

#include <dirent.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"

/* One key's value: the text as written, or the items of a list one after another, each ended by a
 * zero. */
struct value {
    struct buf text;
    size_t item_count;
    uint64_t number;
    char *origin; /* NULL: not set */
    size_t file;  /* number of the file that set it */
};

struct config {
    const struct config_key *keys;
    size_t count;
    struct value *values;
};

static char *duplicate(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

static const char *trim(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) text[--len] = 0;
    return text;
}

/* ---- values */

static bool parse_decimal(const char *text, size_t *ret_len, uint64_t *ret)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = number * 10 + digit;
    }
    *ret_len = i;
    *ret = number;
    return i > 0;
}

static bool parse_with_unit(const char *text, const char *const *names, const uint64_t *factors,
                            size_t count, uint64_t *ret)
{
    size_t len = 0;
    uint64_t number = 0;
    if (!parse_decimal(text, &len, &number)) return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + len, names[i]) != 0) continue;
        if (number > UINT64_MAX / factors[i]) return false;
        *ret = number * factors[i];
        return true;
    }
    return false;
}

static bool parse_number(enum config_type type, const char *text, uint64_t *ret)
{
    static const char *const times[] = {"ms", "s", "m", "h", "d"};
    static const uint64_t time_factors[] = {1, 1000, 60000, 3600000, 86400000};
    static const char *const sizes[] = {"", "K", "M", "G"};
    static const uint64_t size_factors[] = {1, 1u << 10, 1u << 20, 1u << 30};
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    static const char *const none[] = {""};
    static const uint64_t one[] = {1};
    switch (type) {
    case CONFIG_U64: return parse_with_unit(text, none, one, 1, ret);
    case CONFIG_DURATION: return parse_with_unit(text, times, time_factors, 5, ret);
    case CONFIG_SIZE: return parse_with_unit(text, sizes, size_factors, 4, ret);
    case CONFIG_BOOL:
        for (size_t i = 0; i < 4; i++) {
            if (strcasecmp(text, yes[i]) != 0 && strcasecmp(text, no[i]) != 0) continue;
            *ret = strcasecmp(text, yes[i]) == 0;
            return true;
        }
        return false;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_LIST: break;
    }
    return false;
}

static const char *type_text(enum config_type type)
{
    switch (type) {
    case CONFIG_TEXT: return T("文本", "a text");
    case CONFIG_PATH: return T("绝对路径", "an absolute path");
    case CONFIG_U64: return T("十进制整数", "a decimal number");
    case CONFIG_BOOL: return T("yes 或 no", "yes or no");
    case CONFIG_DURATION: return T("时长，如 250ms 5s 10m 24h 7d", "a time: 250ms 5s 10m 24h 7d");
    case CONFIG_SIZE: return T("大小，如 4096 64K 64M 1G", "a size: 4096 64K 64M 1G");
    case CONFIG_LIST: return T("逗号分隔的列表", "a list separated by commas");
    }
    return "?";
}

enum { AMOUNT_LEN = 24, RANGE_LEN = 80 };

/* As it would be written in a file: 15m and not 900000. */
static void amount_text(enum config_type type, uint64_t amount, char ret[AMOUNT_LEN])
{
    static const struct {
        enum config_type type;
        uint64_t amount;
        const char *unit;
    } units[] = {
        {CONFIG_DURATION, 24 * 3600 * 1000, "d"},
        {CONFIG_DURATION, 3600 * 1000, "h"},
        {CONFIG_DURATION, 60 * 1000, "m"},
        {CONFIG_DURATION, 1000, "s"},
        {CONFIG_DURATION, 1, "ms"},
        {CONFIG_SIZE, 1 << 30, "G"},
        {CONFIG_SIZE, 1 << 20, "M"},
        {CONFIG_SIZE, 1 << 10, "K"},
    };
    for (size_t i = 0; amount > 0 && i < sizeof units / sizeof *units; i++)
        if (units[i].type == type && amount % units[i].amount == 0) {
            (void)snprintf(ret, AMOUNT_LEN, "%" PRIu64 "%s", amount / units[i].amount,
                           units[i].unit);
            return;
        }
    (void)snprintf(ret, AMOUNT_LEN, "%" PRIu64, amount);
}

/* What a value may be beside its type; "" where there is no bound. */
static void range_text(const struct config_key *key, char ret[RANGE_LEN])
{
    char min[AMOUNT_LEN], max[AMOUNT_LEN];
    amount_text(key->type, key->min, min);
    amount_text(key->type, key->max, max);
    ret[0] = 0;
    if (key->max == 0) return;
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        (void)snprintf(ret, RANGE_LEN, T("，%s..%s 字节", ", %s..%s bytes"), min, max);
        break;
    case CONFIG_LIST:
        (void)snprintf(ret, RANGE_LEN, T("，%s..%s 项", ", %s..%s items"), min, max);
        break;
    default:
        /* A bound that is only the type's own is none to a reader. */
        if (key->max >= INT64_MAX)
            (void)snprintf(ret, RANGE_LEN, T("，至少 %s", ", at least %s"), min);
        else
            (void)snprintf(ret, RANGE_LEN, T("，范围 %s..%s", ", %s..%s"), min, max);
    }
}

static int bad(const char *where, struct error *ret_error, const struct config_key *key,
               const char *text)
{
    char range[RANGE_LEN];
    range_text(key, range);
    return error_say(ret_error, E_BAD_CONFIG, where, "[%s] %s = %.60s：应为%s%s",
                     "[%s] %s = %.60s: should be %s%s", key->section, key->key, text,
                     type_text(key->type), range);
}

static void append_items(struct value *value, const char *text)
{
    char *copy = duplicate(text);
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = 0;
        const char *item = trim(at);
        if (*item) {
            buf_append(&value->text, item, strlen(item) + 1);
            value->item_count++;
        }
        at = comma ? comma + 1 : NULL;
    }
    free(copy);
}

/* A number's length is that of nothing: its value is what min and max are about. */
static bool in_range(const struct config_key *key, uint64_t amount)
{
    return amount >= key->min && (key->max == 0 || amount <= key->max);
}

static int set_value(const struct config_key *key, struct value *value, size_t file,
                     const char *where, const char *text, struct error *ret_error)
{
    bool again = value->origin && value->file == file;
    uint64_t number = 0;
    if (again && key->type != CONFIG_LIST)
        return error_say(ret_error, E_BAD_CONFIG, where, "[%s] %s 在同一文件中重复",
                         "[%s] %s is given twice in one file", key->section, key->key);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH) {
        if (!in_range(key, strlen(text))) return bad(where, ret_error, key, text);
        if (key->type == CONFIG_PATH && *text && *text != '/')
            return bad(where, ret_error, key, text);
    } else if (key->type != CONFIG_LIST) {
        if (!parse_number(key->type, text, &number)) return bad(where, ret_error, key, text);
        if (key->type != CONFIG_BOOL && !in_range(key, number))
            return bad(where, ret_error, key, text);
    }
    if (!again) {
        buf_reset(&value->text);
        value->item_count = 0;
    }
    if (key->type == CONFIG_LIST) {
        append_items(value, text);
        if (value->item_count > CONFIG_LIST_COUNT_MAX || (key->max && value->item_count > key->max))
            return bad(where, ret_error, key, text);
    } else {
        buf_append(&value->text, text, strlen(text) + 1);
    }
    value->number = number;
    value->file = file;
    free(value->origin);
    value->origin = duplicate(where);
    return 0;
}

/* ---- names */

/* Edits (insert, delete, replace, swap of neighbours) from a to b; for short names. */
static size_t distance(const char *a, const char *b)
{
    enum { LEN_MAX = 63 };
    size_t rows[3][LEN_MAX + 1];
    size_t a_len = strnlen(a, LEN_MAX);
    size_t b_len = strnlen(b, LEN_MAX);
    for (size_t k = 0; k <= b_len; k++) rows[0][k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t best = last[k - 1] + (a[i - 1] != b[k - 1]);
            if (last[k] + 1 < best) best = last[k] + 1;
            if (now[k - 1] + 1 < best) best = now[k - 1] + 1;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                rows[(i + 1) % 3][k - 2] + 1 < best)
                best = rows[(i + 1) % 3][k - 2] + 1;
            now[k] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

static const struct config_key *nearest(const struct config *config, const char *section,
                                        const char *key)
{
    const struct config_key *found = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < config->count; i++) {
        size_t far =
            distance(key, config->keys[i].key) + distance(section, config->keys[i].section);
        if (far >= best) continue;
        best = far;
        found = &config->keys[i];
    }
    return found;
}

static size_t find(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    while (i < config->count &&
           (strcmp(config->keys[i].section, section) != 0 || strcmp(config->keys[i].key, key) != 0))
        i++;
    return i;
}

static int assign(struct config *config, size_t file, const char *where, const char *section,
                  const char *key, const char *text, struct error *ret_error)
{
    size_t i = find(config, section, key);
    if (i < config->count)
        return set_value(&config->keys[i], &config->values[i], file, where, text, ret_error);
    const struct config_key *near = nearest(config, section, key);
    if (!near)
        return error_say(ret_error, E_BAD_CONFIG, where, "未知的键 [%s] %s", "unknown [%s] %s",
                         section, key);
    return error_say(ret_error, E_BAD_CONFIG, where, "未知的键 [%.40s] %.40s，最接近的是 [%s] %s",
                     "unknown key [%.40s] %.40s; the nearest known one is [%s] %s", section, key,
                     near->section, near->key);
}

/* ---- files */

struct reading {
    struct config *config;
    const char *path;
    size_t file;
    const char *at, *end;
    size_t line;
    int rc; /* of the first fault, which is what is told */
    struct error *ret_error;
};

/* inih cuts long lines in silence, so the limit is kept here; and it does not say a line's number
 * to its handler, so lines are counted here. */
static char *next_line(char *line, int size, void *stream)
{
    struct reading *reading = stream;
    if (reading->at == reading->end) return NULL;
    size_t rest = (size_t)(reading->end - reading->at);
    const char *newline = memchr(reading->at, '\n', rest);
    size_t len = newline ? (size_t)(newline - reading->at) + 1 : rest;
    reading->line++;
    bool long_line = len > CONFIG_LINE_LEN_MAX || len >= (size_t)size;
    if ((long_line || memchr(reading->at, 0, len)) && reading->rc == 0) {
        char where[512];
        (void)snprintf(where, sizeof where, "%s:%zu", reading->path, reading->line);
        reading->rc = long_line ? error_say(reading->ret_error, E_BAD_CONFIG, where,
                                            "此行超过 198 字节", "the line is over 198 bytes")
                                : error_say(reading->ret_error, E_BAD_CONFIG, where, "含有零字节",
                                            "a zero byte");
    }
    if (reading->rc < 0) return NULL;
    memcpy(line, reading->at, len);
    line[len] = 0;
    reading->at += len;
    return line;
}

static int take_key(void *user, const char *section, const char *key, const char *text)
{
    struct reading *reading = user;
    if (reading->rc < 0) return 1;
    char where[512];
    (void)snprintf(where, sizeof where, "%s:%zu", reading->path, reading->line);
    reading->rc = assign(reading->config, reading->file, where, section, key, text ? text : "",
                         reading->ret_error);
    return 1;
}

static int load_file(struct config *config, size_t file, const char *path, struct error *ret_error)
{
    struct buf content = {0};
    struct reading reading = {.config = config, .path = path, .file = file, .ret_error = ret_error};
    int rc = file_read_trusted(path, CONFIG_FILE_BYTES_MAX, &content, ret_error);
    if (rc < 0) goto out;
    reading.at = (const char *)content.data;
    reading.end = reading.at + content.len;
    int line = content.len ? ini_parse_stream(next_line, &reading, take_key, &reading) : 0;
    rc = reading.rc;
    if (rc == 0 && line != 0) {
        char where[512];
        (void)snprintf(where, sizeof where, "%s:%d", path, line);
        rc = error_say(ret_error, E_BAD_CONFIG, where, "应为 [节] 或 键 = 值",
                       "should be [section] or key = value");
    }
out:
    buf_fini(&content);
    return rc;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_drop_ins(struct config *config, const char *path, struct error *ret_error)
{
    int rc = 0;
    struct buf name = {0};
    struct dirent **entries = NULL;
    buf_printf(&name, "%s.d", path);
    buf_append_u8(&name, 0);
    int count = scandir((const char *)name.data, &entries, is_drop_in, by_bytes);
    for (int i = 0; i < count; i++) {
        if (rc == 0) {
            buf_reset(&name);
            buf_printf(&name, "%s.d/%s", path, entries[i]->d_name);
            buf_append_u8(&name, 0);
            rc = load_file(config, (size_t)i + 2, (const char *)name.data, ret_error);
        }
        free(entries[i]);
    }
    free(entries);
    buf_fini(&name);
    return rc;
}

/* path: of the file, NULL without one. */
static int check_whole(const struct config *config, const char *path, struct error *ret_error)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_key *key = &config->keys[i];
        if (key->required && !config->values[i].origin)
            return error_say(ret_error, E_BAD_CONFIG, path ? path : key->key, "缺少 [%s] %s",
                             "[%s] %s is missing", key->section, key->key);
        if (key->type == CONFIG_LIST && config->values[i].origin &&
            config->values[i].item_count < key->min)
            return error_say(ret_error, E_BAD_CONFIG, config->values[i].origin,
                             "[%s] %s 至少 %" PRIu64 " 项", "[%s] %s: at least %" PRIu64 " items",
                             key->section, key->key, key->min);
    }
    return 0;
}

int config_load(const struct config_key *keys, size_t count, const char *path,
                struct config **ret_config, struct error *ret_error)
{
    int rc = 0;
    struct config *config = calloc(1, sizeof *config);
    CHECK(config != NULL);
    config->keys = keys;
    config->count = count;
    config->values = calloc(count ? count : 1, sizeof *config->values);
    CHECK(config->values != NULL);
    for (size_t i = 0; i < count; i++)
        if (keys[i].fallback)
            CHECK(set_value(&keys[i], &config->values[i], 0, "default", keys[i].fallback, NULL) ==
                  0);
    if (path) rc = load_file(config, 1, path, ret_error);
    if (rc == E_NOT_FOUND)
        rc =
            error_say(ret_error, E_BAD_CONFIG, path, "没有这个配置文件；--describe-config 打印样例",
                      "no such file; --describe-config prints an example");
    if (path && rc == 0) rc = load_drop_ins(config, path, ret_error);
    if (rc == 0) rc = check_whole(config, path, ret_error);
    if (rc < 0) {
        config_free(config);
        return rc;
    }
    *ret_config = config;
    return 0;
}

int config_override(struct config *config, const char *assignment, struct error *ret_error)
{
    int rc = 0;
    char *copy = duplicate(assignment);
    char *equals = strchr(copy, '=');
    if (equals) *equals = 0;
    char *dot = strchr(copy, '.');
    if (!equals || !dot) {
        rc = error_say(ret_error, E_BAD_CONFIG, assignment, "应为 节.键=值",
                       "should be section.key=value");
        goto out;
    }
    *dot = 0;
    rc = assign(config, SIZE_MAX, T("命令行", "command line"), trim(copy), trim(dot + 1),
                trim(equals + 1), ret_error);
out:
    free(copy);
    return rc;
}

void config_free(struct config *config)
{
    if (!config) return;
    for (size_t i = 0; i < config->count; i++) {
        buf_wipe_fini(&config->values[i].text);
        free(config->values[i].origin);
    }
    free(config->values);
    free(config);
}

/* ---- reading */

static const struct value *value_of(const struct config *config, const char *section,
                                    const char *key, size_t *ret_index)
{
    size_t i = find(config, section, key);
    CHECK(i < config->count);
    *ret_index = i;
    return &config->values[i];
}

const char *config_text(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    CHECK(config->keys[i].type == CONFIG_TEXT || config->keys[i].type == CONFIG_PATH);
    return value->text.len ? (const char *)value->text.data : "";
}

uint64_t config_u64(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    enum config_type type = config->keys[i].type;
    CHECK(type == CONFIG_U64 || type == CONFIG_DURATION || type == CONFIG_SIZE);
    return value->number;
}

bool config_bool(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    CHECK(config->keys[i].type == CONFIG_BOOL);
    return value->number != 0;
}

size_t config_list_count(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    CHECK(config->keys[i].type == CONFIG_LIST);
    return value->item_count;
}

static const char *item_at(const struct value *value, size_t index)
{
    const char *at = (const char *)value->text.data;
    for (size_t i = 0; i < index; i++) at += strlen(at) + 1;
    return at;
}

const char *config_list_at(const struct config *config, const char *section, const char *key,
                           size_t index)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    CHECK(config->keys[i].type == CONFIG_LIST);
    CHECK(index < value->item_count);
    return item_at(value, index);
}

const char *config_origin(const struct config *config, const char *section, const char *key)
{
    size_t i = 0;
    const struct value *value = value_of(config, section, key, &i);
    return value->origin ? value->origin : "";
}

/* ---- printing */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

void config_print(const struct config *config, FILE *file)
{
    const char *section = "";
    for (size_t i = 0; i < config->count; i++) {
        const struct config_key *key = &config->keys[i];
        const struct value *value = &config->values[i];
        if (!value->origin) continue;
        if (strcmp(section, key->section) != 0) {
            (void)fprintf(file, "%s[%s]\n", *section ? "\n" : "", key->section);
            section = key->section;
        }
        (void)fprintf(file, "# %s\n", value->origin);
        if (ends_with(key->key, "token") || ends_with(key->key, "passphrase"))
            (void)fprintf(file, "# %s = ...\n", key->key);
        else if (key->type == CONFIG_LIST)
            for (size_t k = 0; k < value->item_count; k++)
                (void)fprintf(file, "%s = %s\n", key->key, item_at(value, k));
        else
            (void)fprintf(file, "%s = %s\n", key->key, (const char *)value->text.data);
    }
}

bool config_endpoint_valid(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) == 0) return endpoint[6] != 0;
    if (strncmp(endpoint, "tcp://", 6) != 0) return false;
    const char *port = strrchr(endpoint + 6, ':');
    uint32_t number = 0;
    if (!port || port == endpoint + 6 || !port[1]) return false;
    if (strcmp(port + 1, "*") == 0) return true;
    for (port++; *port; port++) {
        if (*port < '0' || *port > '9') return false;
        number = number * 10 + (uint32_t)(*port - '0');
        if (number > UINT16_MAX) return false;
    }
    return true;
}

int config_check_endpoint(const struct config *config, const char *section, const char *key,
                          const char *endpoint, struct error *ret_error)
{
    if (config_endpoint_valid(endpoint)) return 0;
    return error_say(ret_error, E_BAD_CONFIG, config_origin(config, section, key),
                     "[%s] %s：应为 ipc://路径 或 tcp://主机:端口（端口 0..65535），而不是 %.100s",
                     "[%s] %s: ipc://PATH or tcp://HOST:PORT (port 0..65535), not %.100s", section,
                     key, endpoint);
}

int config_refuse(const struct config *config, const char *section, const char *key, const char *zh,
                  const char *en, struct error *ret_error)
{
    const char *value = config_text(config, section, key);
    (void)error_set(ret_error, E_BAD_CONFIG, config_origin(config, section, key),
                    "[%s] %s = %.60s: should be %s", section, key, value, en);
    (void)error_note_zh(ret_error, "[%s] %s = %.60s：应为%s", section, key, value, zh);
    return E_BAD_CONFIG;
}

void config_describe(const struct config_key *keys, size_t count, FILE *file)
{
    const char *section = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(section, keys[i].section) != 0) {
            (void)fprintf(file, "%s[%s]\n", *section ? "\n" : "", keys[i].section);
            section = keys[i].section;
        }
        (void)fprintf(file, "# %s\n", T(keys[i].doc_zh, keys[i].doc_en));
        char range[RANGE_LEN];
        range_text(&keys[i], range);
        (void)fprintf(file, T("# 类型：%s%s%s\n", "# type: %s%s%s\n"), type_text(keys[i].type),
                      range, keys[i].required ? T("；必填", "; required") : "");
        (void)fprintf(file, "#%s = %s\n\n", keys[i].key, keys[i].fallback ? keys[i].fallback : "");
    }
}
