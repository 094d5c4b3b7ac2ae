#include "proto/content/plain.h"

#include <string.h>

#include "proto/base/utf8.h"

/* Measure words and units, in the order of the second column; the first is the same in GB 18030. */
static const struct {
    uint16_t gb;
    uint16_t character;
} measures[] = {
    {0xcdf2, 0x4e07}, {0xb8f6, 0x4e2a}, {0xc8cb, 0x4eba}, {0xd2da, 0x4ebf}, {0xbcfe, 0x4ef6},
    {0xb7dd, 0x4efd}, {0xc0fd, 0x4f8b}, {0xb1b6, 0x500d}, {0xd4aa, 0x5143}, {0xbfcb, 0x514b},
    {0xc7a7, 0x5343}, {0xcca8, 0x53f0}, {0xbac5, 0x53f7}, {0xc3fb, 0x540d}, {0xb6d6, 0x5428},
    {0xd6dc, 0x5468}, {0xccec, 0x5929}, {0xcad2, 0x5ba4}, {0xb2e3, 0x5c42}, {0xbdec, 0x5c4a},
    {0xcbea, 0x5c81}, {0xb4b1, 0x5e62}, {0xc4ea, 0x5e74}, {0xbba7, 0x6237}, {0xc5fa, 0x6279},
    {0xc8d5, 0x65e5}, {0xd4c2, 0x6708}, {0xc6da, 0x671f}, {0xccf5, 0x6761}, {0xb6b0, 0x680b},
    {0xc2a5, 0x697c}, {0xb4ce, 0x6b21}, {0xb0d9, 0x767e}, {0xc3eb, 0x79d2}, {0xd5c2, 0x7ae0},
    {0xc3d7, 0x7c73}, {0xc1be, 0x8f86}, {0xd2b3, 0x9875}, {0xcfee, 0x9879},
};
enum { MEASURE_COUNT = sizeof measures / sizeof *measures };

static bool is_measure(uint32_t c)
{
    size_t low = 0;
    size_t high = MEASURE_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (measures[middle].character < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < MEASURE_COUNT && measures[low].character == c;
}

static bool is_invisible(uint32_t c)
{
    return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x2060 && c <= 0x2064) ||
           (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

static char plain_ascii(uint32_t c)
{
    if (c >= 'a' && c <= 'z') return (char)(c - 'a' + 'A');
    if (c == '\n' || c == '\r') return '\n';
    if (c == '\t') return '\t';
    if (c == '%') return PLAIN_MEASURE;
    return c < ' ' || c == 0x7f ? ' ' : (char)c;
}

char plain_of(uint32_t c)
{
    if (c < 0x80) return plain_ascii(c);
    if (c >= 0x4e00 && c <= 0x9fff) return is_measure(c) ? PLAIN_MEASURE : PLAIN_OTHER;
    if (c >= 0xff01 && c <= 0xff5e) return plain_ascii(c - 0xff01 + '!');
    if (is_invisible(c)) return PLAIN_NONE;
    if (c == 0x3000 || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f) return ' ';
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xfe63) return '-';
    if (c == 0x3001 || c == 0xb7 || c == 0x30fb || c == 0xff64) return ',';
    if (c == 0x3002 || c == 0xff61) return PLAIN_STOP;
    if (c == 0x2028 || c == 0x2029 || c == 0x85) return '\n';
    if (c >= 0x660 && c <= 0x669) return (char)(c - 0x660 + '0');
    if (c >= 0x6f0 && c <= 0x6f9) return (char)(c - 0x6f0 + '0');
    if (c >= 0x1d7ce && c <= 0x1d7ff) return (char)((c - 0x1d7ce) % 10 + '0');
    if (c == 0x2160) return 'I';
    if (c == 0x2030 || c == 0x2103) return PLAIN_MEASURE;
    return PLAIN_OTHER;
}

static uint32_t of_gb(uint32_t code)
{
    if (code >= 0xa3a1 && code <= 0xa3fe && code != 0xa3a4) return code - 0xa3a1 + 0xff01;
    if (code == 0xa1a1) return 0x3000;
    if (code == 0xa1a2) return 0x3001;
    if (code == 0xa1a3) return 0x3002;
    if (code == 0xa1a4) return 0xb7;
    if (code == 0xa2f1) return 0x2160;
    if (code >= 0xa1aa && code <= 0xa1ac) return 0x2014;
    for (size_t i = 0; i < MEASURE_COUNT; i++)
        if (measures[i].gb == code) return measures[i].character;
    return 0xfffd;
}

size_t plain_gb18030(struct bytes text, uint32_t *ret_character)
{
    if (!text.len) return 0;
    const uint8_t *at = text.data;
    if (at[0] < 0x80) {
        *ret_character = at[0];
        return 1;
    }
    if (at[0] == 0x80 || at[0] == 0xff || text.len < 2) return 0;
    if (at[1] >= 0x40 && at[1] != 0x7f && at[1] != 0xff) {
        *ret_character = of_gb((uint32_t)at[0] << 8 | at[1]);
        return 2;
    }
    if (text.len < 4 || !plain_is_digit((char)at[1]) || at[2] < 0x81 || at[2] == 0xff ||
        !plain_is_digit((char)at[3]))
        return 0;
    *ret_character = 0xfffd;
    return 4;
}

char plain_read(struct plain_reader *reader)
{
    while (reader->rest.len) {
        uint32_t character = 0;
        size_t len = utf8_next(reader->rest, &character);
        char c = len ? plain_of(character) : PLAIN_OTHER;
        reader->rest.data += len ? len : 1;
        reader->rest.len -= len ? len : 1;
        if (c != PLAIN_NONE) return c;
    }
    return PLAIN_NONE;
}
