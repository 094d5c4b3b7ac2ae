#include "proto/payload/text.h"

#include <string.h>

#include "proto/payload/codes.h"

size_t text_next(struct bytes text, uint32_t *ret_character)
{
    if (!text.len) return 0;
    const uint8_t *at = text.data;
    if (at[0] < 0x80) {
        *ret_character = at[0];
        return 1;
    }
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || text.len < len) return 0;
    uint32_t character = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        character = character << 6 | (at[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < least[len] || character > 0x10ffff) return 0;
    if (character >= 0xd800 && character <= 0xdfff) return 0;
    *ret_character = character;
    return len;
}

static bool forbidden(uint32_t c)
{
    if (c < 0x20) return c != '\n' && c != '\t';
    if (c >= 0x7f && c <= 0x9f) return true;
    if (c >= 0x200b && c <= 0x200f)
        return c != 0x200c && c != 0x200d; /* joiners belong to scripts */
    if (c >= 0x2028 && c <= 0x202e) return true;
    if (c >= 0x2060 && c <= 0x206f) return true;
    if (c >= 0xfdd0 && c <= 0xfdef) return true;
    return c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

enum text_fault text_check(struct bytes text, bool many_lines, size_t *ret_count)
{
    *ret_count = 0;
    while (text.len) {
        uint32_t character = 0;
        size_t len = text_next(text, &character);
        if (!len) return TEXT_NOT_UTF8;
        if (forbidden(character)) return TEXT_CONTROL;
        if (!many_lines && character < 0x20) return TEXT_MANY_LINES;
        text.data += len;
        text.len -= len;
        ++*ret_count;
    }
    return TEXT_FINE;
}

/* Walks a text as plain ASCII: full-width forms become their ASCII ones, the middle comma and the
 * full-width colon separators, anything else '\x01'. '\0' at the end. */
struct reader {
    struct bytes rest;
};

static char read_plain(struct reader *reader)
{
    uint32_t c = 0;
    size_t len = text_next(reader->rest, &c);
    if (!len) return 0;
    reader->rest.data += len;
    reader->rest.len -= len;
    if (c >= 0xff01 && c <= 0xff5e) c = c - 0xff01 + '!';
    if (c == 0x3000 || c == 0xa0) c = ' ';
    if (c == 0x3001 || c == 0x3002) c = ',';
    if (c >= 'a' && c <= 'z') c = c - 'a' + 'A';
    return c < 0x80 && c > 0 ? (char)c : 1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_separator(char c)
{
    return c && strchr(" \t\n,;:/|=-()[]\"'_", c) != NULL;
}

/* D3S1358, DYS391, Y-STR names, and the loci that have names of their own. */
static bool locus_name(const char *word)
{
    static const char *const named[] = {"VWA",    "FGA",    "TH01", "TPOX",   "CSF1PO", "SE33",
                                        "PENTAD", "PENTAE", "AMEL", "F13A01", "FESFPS", "LPL"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(word, named[i]) == 0) return true;
    if (word[0] != 'D') return false;
    const char *at = word + 1;
    if (strncmp(at, "YS", 2) == 0) {
        at += 2;
    } else {
        size_t chromosome = strspn(at, "0123456789");
        if (chromosome < 1 || chromosome > 2) {
            if (at[0] != 'X') return false;
            chromosome = 1;
        }
        if (at[chromosome] != 'S') return false;
        at += chromosome + 1;
    }
    size_t marker = strspn(at, "0123456789");
    return marker >= 2 && marker <= 5 && (at[marker] == 0 || is_letter(at[marker]));
}

/* An allele: 5 to 60 with at most one decimal, or X or Y (amelogenin). */
static bool allele(const char *word)
{
    if ((word[0] == 'X' || word[0] == 'Y') && word[1] == 0) return true;
    if (strcmp(word, "XY") == 0 || strcmp(word, "XX") == 0) return true;
    size_t whole = strspn(word, "0123456789");
    if (whole < 1 || whole > 2) return false;
    return word[whole] == 0 ||
           (word[whole] == '.' && is_digit(word[whole + 1]) && !word[whole + 2]);
}

enum { WORD_LEN_MAX = 15, GAP_LEN_MAX = 4 };

/* The next word of letters, digits and decimal points; false at the end. Words that are longer than
 * any locus or allele come out empty. *ret_gap: more than a word or two ("is", the Chinese for it)
 * stood before it. */
static bool read_word(struct reader *reader, char ret_word[WORD_LEN_MAX + 1], bool *ret_gap)
{
    struct reader before = *reader;
    char c = read_plain(reader);
    size_t others = 0;
    *ret_gap = false;
    while (c && !is_letter(c) && !is_digit(c)) {
        if (!is_separator(c) && ++others > GAP_LEN_MAX) *ret_gap = true;
        c = read_plain(reader);
    }
    if (!c) return false;
    size_t len = 0;
    while (is_letter(c) || is_digit(c) || (c == '.' && len && is_digit(ret_word[0]))) {
        if (len < WORD_LEN_MAX) ret_word[len] = c;
        len++;
        before = *reader;
        c = read_plain(reader);
    }
    *reader = before;
    if (len && len <= WORD_LEN_MAX && ret_word[len - 1] == '.') len--;
    ret_word[len <= WORD_LEN_MAX ? len : 0] = 0;
    return true;
}

size_t text_locus_count(struct bytes text)
{
    struct reader reader = {text};
    char word[WORD_LEN_MAX + 1];
    bool gap = false;
    bool pending = false; /* a locus name was the last word */
    bool penta = false;
    size_t count = 0;
    while (read_word(&reader, word, &gap)) {
        if (pending && !gap && allele(word)) {
            count++;
            pending = false;
            continue;
        }
        pending = locus_name(word) ||
                  (penta && !gap && (strcmp(word, "D") == 0 || strcmp(word, "E") == 0));
        penta = strcmp(word, "PENTA") == 0;
    }
    return count;
}

/* The next run of digits with single spaces or hyphens between, an X at the end of one included.
 * False at the end. */
static bool read_number(struct reader *reader, char *ret_number, size_t cap, size_t *ret_len)
{
    char c = read_plain(reader);
    while (c && !is_digit(c)) c = read_plain(reader);
    if (!c) return false;
    size_t len = 0;
    while (c) {
        if (is_digit(c) || (c == 'X' && len == 17)) {
            if (len < cap) ret_number[len] = c;
            len++;
        } else if (c == ' ' || c == '-') {
            struct reader ahead = *reader;
            if (!is_digit(read_plain(&ahead))) break;
        } else {
            break;
        }
        c = read_plain(reader);
    }
    *ret_len = len;
    return true;
}

static bool dated(const char *number, size_t len)
{
    char date[11] = "19";
    const char *from = number + 6;
    if (len == 18) {
        memcpy(date, from, 4);
        from += 4;
    } else {
        memcpy(date + 2, from, 2);
        from += 2;
    }
    date[4] = date[7] = '-';
    memcpy(date + 5, from, 2);
    memcpy(date + 8, from + 2, 2);
    date[10] = 0;
    return codes_date(date);
}

bool text_has_id_number(struct bytes text)
{
    struct reader reader = {text};
    char number[32];
    size_t len = 0;
    while (read_number(&reader, number, sizeof number, &len))
        if ((len == 18 || len == 15) && dated(number, len)) return true;
    return false;
}

bool text_has_phone(struct bytes text)
{
    struct reader reader = {text};
    char number[32];
    size_t len = 0;
    while (read_number(&reader, number, sizeof number, &len)) {
        const char *at = number;
        if (len >= 13 && len <= sizeof number && memcmp(at, "86", 2) == 0) {
            at += 2;
            len -= 2;
        }
        if (len == 11 && at[0] == '1' && at[1] >= '3') return true;
        if (len >= 10 && len <= 12 && at[0] == '0' && at[1] != '0') return true;
    }
    return false;
}
