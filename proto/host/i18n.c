#include "proto/host/i18n.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LANG_UNKNOWN = -1 };
static atomic_int chosen = LANG_UNKNOWN;

enum lang i18n_of_environment(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value) continue;
        if (strncmp(value, "en", 2) == 0 && (!value[2] || strchr("_.-@", value[2]))) return LANG_EN;
        return LANG_ZH;
    }
    return LANG_ZH;
}

enum lang i18n_lang(void)
{
    int lang = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (lang == LANG_UNKNOWN) {
        lang = (int)i18n_of_environment();
        atomic_store_explicit(&chosen, lang, memory_order_relaxed);
    }
    return (enum lang)lang;
}

void i18n_set(enum lang lang)
{
    atomic_store_explicit(&chosen, (int)lang, memory_order_relaxed);
}

/* One code point of well-formed UTF-8; 0 bytes taken when it is not. Overlong forms do not matter
 * for a width. */
static size_t decode(const unsigned char *text, uint32_t *ret_point)
{
    size_t len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc0 ? 2 : 0;
    if (len == 0 || text[0] >= 0xf8) return 0;
    uint32_t point = text[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (text[i] & 0x3fu);
    }
    *ret_point = point;
    return len;
}

/* wcwidth() needs an installed UTF-8 locale, which a fresh machine does not have; these are the
 * blocks that our texts use. */
static size_t width_of(uint32_t point)
{
    if ((point >= 0x300 && point <= 0x36f) || (point >= 0x200b && point <= 0x200f) ||
        (point >= 0xfe00 && point <= 0xfe0f))
        return 0;
    if ((point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0x303e) ||
        (point >= 0x3041 && point <= 0xa4cf) || (point >= 0xac00 && point <= 0xd7a3) ||
        (point >= 0xf900 && point <= 0xfaff) || (point >= 0xfe30 && point <= 0xfe6f) ||
        (point >= 0xff00 && point <= 0xff60) || (point >= 0xffe0 && point <= 0xffe6) ||
        (point >= 0x1f300 && point <= 0x1faff) || (point >= 0x20000 && point <= 0x3fffd))
        return 2;
    return 1;
}

size_t i18n_width(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t width = 0;
    while (*at) {
        uint32_t point = 0;
        size_t len = *at < 0x80 ? 0 : decode(at, &point);
        width += len ? width_of(point) : 1;
        at += len ? len : 1;
    }
    return width;
}

void i18n_pad(FILE *file, const char *text, size_t columns)
{
    (void)fputs(text, file);
    for (size_t width = i18n_width(text); width < columns; width++) (void)fputc(' ', file);
}

void i18n_time(uint64_t time_ms, char ret_text[I18N_TIME_LEN])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    if (!localtime_r(&seconds, &parts) ||
        strftime(ret_text, I18N_TIME_LEN, "%Y-%m-%d %H:%M:%S %z", &parts) == 0)
        (void)snprintf(ret_text, I18N_TIME_LEN, "%llu ms", (unsigned long long)time_ms);
}

void i18n_complain(const char *program, int code, const struct error *error)
{
    const char *field = error && error->code == code ? error->field : "";
    const char *detail = error && error->code == code ? error_detail(error, i18n_lang()) : "";
    const char *open = T("（", " (");
    const char *close = T("）", ")");
    (void)fprintf(stderr, "%s%s%s%s%s%s%s%s [%s]\n", program, T("：", ": "),
                  error_text(code, i18n_lang()), *field ? open : "", field, *field ? close : "",
                  *detail ? T("：", ": ") : "", detail, error_name(code));
}
