#include "proto/content/str_scan.h"

#include <string.h>

#include "proto/content/plain.h"

enum {
    GAP_COUNT_MAX = 12,     /* characters of other scripts between a locus and its allele */
    PAIR_GAP_COUNT_MAX = 8, /* between its two alleles */
    WORDS_MAX = 3,
    NUMBERS_MAX = 6,     /* sizes and heights between two alleles of a row */
    LIST_GAP_MAX = 4,    /* words between two loci of one list */
    LIST_REACH_MAX = 200 /* words from the list to the end of the alleles */
};

enum { KEY_NAMED = 1u << 24, KEY_D = 2u << 24, KEY_Y = 3u << 24, KEY_X = 4u << 24 };
/* Amelogenin and its like: a name, no result. */
enum { KEY_SEX = 5u << 24 };

static size_t digits_of(const char *text, size_t max)
{
    size_t len = 0;
    while (len < max && plain_is_digit(text[len])) len++;
    return len;
}

static uint32_t number_of(const char *text, size_t len)
{
    uint32_t value = 0;
    for (size_t i = 0; i < len; i++) value = value * 10 + (uint32_t)(text[i] - '0');
    return value;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Autosomal loci of the kits in use, by chromosome and number. */
static const struct {
    uint8_t chromosome;
    uint16_t number;
} known_d[] = {
    {1, 1656},  {1, 1677},  {1, 1627}, {2, 1338},  {2, 441},  {2, 1776},  {2, 1360},  {3, 1358},
    {3, 4529},  {3, 1744},  {3, 3045}, {3, 3053},  {4, 2408}, {4, 2366},  {5, 818},   {5, 2500},
    {5, 2800},  {6, 1043},  {6, 474},  {6, 1017},  {7, 820},  {7, 1517},  {7, 3048},  {8, 1179},
    {8, 1132},  {8, 1115},  {9, 1122}, {9, 925},   {9, 2157}, {10, 1248}, {10, 1435}, {10, 2325},
    {11, 4463}, {11, 2368}, {12, 391}, {13, 317},  {13, 325}, {14, 1434}, {14, 608},  {15, 659},
    {16, 539},  {17, 1301}, {17, 974}, {17, 1290}, {18, 51},  {18, 853},  {18, 1364}, {19, 433},
    {19, 253},  {20, 482},  {20, 470}, {20, 161},  {21, 11},  {21, 1270}, {21, 2055}, {22, 1045},
    {22, 689},
};

static const struct {
    const char *name;
    uint32_t key;
} named[] = {
    {"VWA", KEY_NAMED | 1},
    {"VWA31", KEY_NAMED | 1},
    {"VWA31A", KEY_NAMED | 1},
    {"HUMVWA", KEY_NAMED | 1},
    {"HUMVWA31", KEY_NAMED | 1},
    {"VWF", KEY_NAMED | 1},
    {"FGA", KEY_NAMED | 2},
    {"HUMFGA", KEY_NAMED | 2},
    {"FIBRA", KEY_NAMED | 2},
    {"HUMFIBRA", KEY_NAMED | 2},
    {"TH01", KEY_NAMED | 3},
    {"TH0I", KEY_NAMED | 3},
    {"THO1", KEY_NAMED | 3},
    {"TC11", KEY_NAMED | 3},
    {"HUMTH01", KEY_NAMED | 3},
    {"HUMTHO1", KEY_NAMED | 3},
    {"TPOX", KEY_NAMED | 4},
    {"TP0X", KEY_NAMED | 4},
    {"HUMTPOX", KEY_NAMED | 4},
    {"CSF1PO", KEY_NAMED | 5},
    {"CSF1P0", KEY_NAMED | 5},
    {"HUMCSF1PO", KEY_NAMED | 5},
    {"CSFIPO", KEY_NAMED | 5},
    {"SE33", KEY_NAMED | 6},
    {"ACTBP2", KEY_NAMED | 6},
    {"HUMACTBP2", KEY_NAMED | 6},
    {"PENTAD", KEY_NAMED | 7},
    {"PENTAE", KEY_NAMED | 8},
    {"PENTAC", KEY_NAMED | 9},
    {"PENTAB", KEY_NAMED | 10},
    {"F13A01", KEY_NAMED | 11},
    {"F13A1", KEY_NAMED | 11},
    {"F13B", KEY_NAMED | 12},
    {"FESFPS", KEY_NAMED | 13},
    {"LPL", KEY_NAMED | 14},
    {"D1GATA113", KEY_NAMED | 15},
    {"D12ATA63", KEY_NAMED | 16},
    {"HPRTB", KEY_X | 100001},
    {"GATA172D05", KEY_X | 100002},
    {"GATA31E08", KEY_X | 100003},
    {"GATA165B12", KEY_X | 100004},
    {"YGATAH4", KEY_Y | 100001},
    {"GATAH4", KEY_Y | 100001},
    {"YGATAA10", KEY_Y | 100002},
    {"GATAA10", KEY_Y | 100002},
    {"YGATAC4", KEY_Y | 100003},
    {"YCAII", KEY_Y | 100004},
    {"AMEL", KEY_SEX},
    {"AMELX", KEY_SEX},
    {"AMELY", KEY_SEX},
    {"AMELOGENIN", KEY_SEX},
    {"YINDEL", KEY_SEX},
};

/* DYS389I, DYS385A, DYF387S1B: the letters behind count where they name another locus. */
static bool y_name(const char *text, struct str_locus *ret_locus)
{
    bool multi = text[2] == 'F';
    const char *at = text + 3;
    size_t len = digits_of(at, 4);
    if (len < 2 || len > 3 || at[0] == '0') return false;
    uint32_t number = number_of(at, len);
    at += len;
    if (multi) {
        if (at[0] != 'S' || digits_of(at + 1, 2) != 1) return false;
        number += 10000;
        at += 2;
    }
    size_t letters = strlen(at);
    if (letters > 2 || strspn(at, "ABIVCX12") != letters) return false;
    bool second = letters == 2 && at[0] == 'I' && at[1] == 'I';
    *ret_locus = (struct str_locus){KEY_Y | (number + (second ? 20000u : 0u)), true, true, false};
    return true;
}

static bool d_name(const char *text, struct str_locus *ret_locus)
{
    bool on_x = text[1] == 'X';
    size_t len = on_x ? 1 : digits_of(text + 1, 3);
    uint32_t chromosome = on_x ? 23 : number_of(text + 1, len);
    if (!len || len > 2 || (!on_x && (text[1] == '0' || chromosome > 22)) || text[1 + len] != 'S')
        return false;
    const char *at = text + len + 2;
    size_t marker_len = digits_of(at, 6);
    if (marker_len < 2 || marker_len > 5 || at[0] == '0') return false;
    uint32_t number = number_of(at, marker_len);
    if (at[marker_len] && (!plain_is_letter(at[marker_len]) || at[marker_len + 1])) return false;
    if (on_x) {
        *ret_locus = (struct str_locus){KEY_X | number, true, true, false};
        return true;
    }
    *ret_locus = (struct str_locus){KEY_D + (chromosome << 17) + number, false, false, false};
    for (size_t i = 0; i < sizeof known_d / sizeof *known_d; i++)
        if (known_d[i].chromosome == chromosome && known_d[i].number == number)
            ret_locus->known = true;
    return true;
}

/* The locus of a name in capitals without separators. */
static bool locus_of(const char *text, struct str_locus *ret_locus)
{
    if (!plain_is_letter(text[0]) || !text[1] || !text[2]) return false;
    if (text[0] == 'D' && text[1] == 'Y' && (text[2] == 'S' || text[2] == 'F'))
        return y_name(text, ret_locus);
    if (text[0] == 'D' && d_name(text, ret_locus)) return true;
    if (!strchr("VHFTCSPLDGYA", text[0])) return false;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (strcmp(named[i].name, text) != 0) continue;
        uint32_t kind = named[i].key & 0xff000000u;
        *ret_locus = (struct str_locus){named[i].key, true, kind == KEY_Y || kind == KEY_X, false};
        return true;
    }
    return false;
}

/* ---- alleles --------------------------------------------------------------------------------- */

/* A spreadsheet writes 9.3 as 9.3000000000000007: the tenths that are meant, or -1. */
static int tenths_of(const char *decimals)
{
    size_t len = strlen(decimals);
    if (digits_of(decimals, len) != len || !len) return -1;
    int first = decimals[0] - '0';
    if (len == 1) return first;
    size_t zeros = strspn(decimals + 1, "0");
    size_t nines = strspn(decimals + 1, "9");
    if (len >= 6 && zeros + 2 >= len) return first;
    if (len >= 6 && nines + 2 >= len) return first + 1;
    return -1;
}

/* The allele in tenths, or 0: 3 to 60, or 2.1 to 60.9. */
static int allele_of(const char *word)
{
    size_t len = digits_of(word, 3);
    if (len < 1 || len > 2 || word[0] == '0') return 0;
    int value = (int)number_of(word, len) * 10;
    if (word[len] == '.') {
        int tenths = tenths_of(word + len + 1);
        if (tenths < 0) return 0;
        value += tenths;
    } else if (word[len]) {
        return 0;
    }
    bool fits = value % 10 ? value > 20 && value < 610 : value >= 30 && value <= 600;
    return fits ? value : 0;
}

/* ---- what has been found --------------------------------------------------------------------- */

static void decide(struct str_scan *scan)
{
    size_t known = 0;
    size_t full = 0;
    for (size_t i = 0; i < scan->seen_count; i++) {
        known += scan->seen[i].known;
        full += scan->seen[i].paired || scan->seen[i].single;
    }
    if (scan->seen_count >= STR_LOCUS_COUNT_MIN && full >= 2 &&
        (known >= 2 || scan->seen_count >= 2 * STR_LOCUS_COUNT_MIN))
        scan->found = true;
}

static void saw_allele(struct str_scan *scan)
{
    struct str_locus *seen = NULL;
    for (size_t i = 0; i < scan->seen_count && !seen; i++)
        if (scan->seen[i].key == scan->locus.key) seen = &scan->seen[i];
    if (!seen) {
        if (scan->seen_count == STR_SEEN_COUNT_MAX) return; /* found long before */
        seen = &scan->seen[scan->seen_count++];
        *seen = scan->locus;
    }
    if (scan->alleles >= 2) seen->paired = true;
    decide(scan);
}

static void list_add(struct str_scan *scan, const struct str_locus *locus)
{
    if (scan->list_count && (scan->since > LIST_GAP_MAX || scan->run)) scan->list_count = 0;
    if (!scan->list_count) scan->list_known = scan->list_single = 0;
    scan->since = 0;
    scan->run = 0;
    for (size_t i = 0; i < scan->list_count; i++)
        if (scan->list[i] == locus->key) return;
    if (scan->list_count == STR_LIST_COUNT_MAX) return;
    scan->list[scan->list_count++] = locus->key;
    scan->list_known += locus->known;
    scan->list_single += locus->single;
}

/* As many alleles as the loci before them have, about: two for each, fewer where both are alike. */
static void list_run(struct str_scan *scan, int allele)
{
    if (scan->list_count < STR_LOCUS_COUNT_MIN) return;
    if (scan->run == 0) {
        scan->steady = true;
    } else {
        int step = allele - scan->last;
        if (scan->run > 1 && step != scan->step) scan->steady = false;
        scan->step = step;
    }
    scan->last = allele;
    scan->run++;
    size_t doubled = scan->list_count - scan->list_single;
    size_t needed = scan->list_count + doubled / 2;
    if (needed < STR_LOCUS_COUNT_MIN + 2) needed = STR_LOCUS_COUNT_MIN + 2;
    if (scan->run >= needed && !scan->steady &&
        (scan->list_known >= 2 || scan->list_count >= 2 * STR_LOCUS_COUNT_MIN))
        scan->found = true;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool passes(const char *word)
{
    static const char *const starts[] = {"ALLELE", "GENOTYPE", "VALUE", "LOCUS",  "MARKER",
                                         "CALL",   "TYPE",     "DNA",   "STRONG", "AND"};
    if (strlen(word) <= 2 && plain_is_letter(word[0])) return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(word, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

static void take_number(struct str_scan *scan, bool measured)
{
    int allele = measured ? 0 : allele_of(scan->word);
    size_t gap_max = scan->alleles ? PAIR_GAP_COUNT_MAX : GAP_COUNT_MAX;
    if (scan->pending && scan->gap_count > gap_max) scan->pending = false;
    if (allele && scan->pending) {
        scan->alleles++;
        saw_allele(scan);
        if (scan->alleles == 2) scan->pending = false;
    } else if (scan->pending && scan->word[0] != '0' && scan->word[1] &&
               ++scan->numbers > (scan->alleles ? NUMBERS_MAX : 1)) {
        scan->pending = false;
    }
    if (allele) {
        list_run(scan, allele);
    } else if (scan->word[1] || measured) {
        scan->run = 0;
        scan->since++;
    }
}

static void take_word(struct str_scan *scan)
{
    bool tolerated = passes(scan->word);
    if (scan->pending && scan->gap_count > GAP_COUNT_MAX) scan->pending = false;
    if (!tolerated && ++scan->words > WORDS_MAX) scan->pending = false;
    if (!tolerated) {
        scan->run = 0;
        scan->since++;
    }
}

static void take_locus(struct str_scan *scan, const struct str_locus *locus)
{
    bool sex = locus->key == KEY_SEX;
    scan->pending = !sex;
    scan->locus = *locus;
    scan->alleles = scan->words = scan->numbers = 0;
    if (!sex) list_add(scan, locus);
}

/* The word, or the word with one or two before it, as a name. A word that ended a name does not
 * begin another one: D8S1179-13 is a locus and its allele. Only the I and II of DYS389 go on. */
static bool read_name(struct str_scan *scan, struct str_locus *ret_locus)
{
    char joined[STR_WORD_KEPT * STR_WORD_LEN_MAX + 1];
    const struct str_word *kept = scan->kept;
    bool goes_on = strspn(scan->word, "IV") == scan->len || strspn(scan->word, "AB") == scan->len;
    size_t count = 0;
    if (scan->gap == ' ' || scan->gap == '-' || scan->gap == '_') {
        count = kept[0].text[0] && (!kept[0].is_name || goes_on) ? 1 : 0;
        if (count && kept[0].joint && kept[1].text[0] && !kept[1].is_name) count = 2;
    }
    for (; count <= 2; count--) {
        size_t len = 0;
        for (size_t i = count; i > 0; i--) {
            size_t part_len = strlen(kept[i - 1].text);
            memcpy(joined + len, kept[i - 1].text, part_len);
            len += part_len;
        }
        memcpy(joined + len, scan->word, scan->len + 1);
        if (locus_of(joined, ret_locus)) return true;
    }
    return false;
}

static void word_end(struct str_scan *scan, bool measured)
{
    if (!scan->len) return;
    struct str_locus locus = {0};
    bool overlong = scan->len > STR_WORD_LEN_MAX;
    bool is_name = false;
    scan->word[overlong ? 0 : scan->len] = 0;
    if (!overlong) is_name = read_name(scan, &locus);
    if (is_name)
        take_locus(scan, &locus);
    else if (!overlong && plain_is_digit(scan->word[0]) &&
             strspn(scan->word, "0123456789.") == scan->len)
        take_number(scan, measured);
    else
        take_word(scan);
    if (scan->since > LIST_REACH_MAX) scan->list_count = 0;
    memmove(scan->kept + 1, scan->kept, (STR_WORD_KEPT - 1) * sizeof *scan->kept);
    memcpy(scan->kept[0].text, scan->word, sizeof scan->word);
    scan->kept[0].joint = scan->gap == ' ' || scan->gap == '-' || scan->gap == '_';
    scan->kept[0].is_name = is_name;
    scan->len = 0;
    scan->gap = 0;
    scan->gap_count = 0;
}

static void forget(struct str_scan *scan)
{
    scan->pending = false;
    scan->list_count = 0;
    scan->run = 0;
    scan->gap = 1;
    memset(scan->kept, 0, sizeof scan->kept);
}

static void word_put(struct str_scan *scan, char c)
{
    if (scan->len < STR_WORD_LEN_MAX)
        scan->word[scan->len++] = c;
    else
        scan->len = STR_WORD_LEN_MAX + 1;
}

static void gap_put(struct str_scan *scan, char c)
{
    scan->gap = scan->gap ? 1 : c;
    if (c == PLAIN_OTHER || c == PLAIN_MEASURE) {
        scan->gap = 1;
        scan->gap_count++;
    } else if (c == PLAIN_STOP) {
        scan->pending = false;
        scan->run = 0;
        scan->gap = 1;
    }
}

void str_scan_put(struct str_scan *scan, char c)
{
    if (plain_is_letter(c) || plain_is_digit(c)) {
        if (scan->dot) {
            scan->dot = false;
            if (plain_is_digit(c)) {
                word_put(scan, '.');
            } else {
                word_end(scan, false);
                gap_put(scan, '.');
            }
        }
        word_put(scan, c);
        return;
    }
    if (c == PLAIN_NONE) return;
    if (scan->len && c == '.' && !scan->dot && plain_is_digit(scan->word[0])) {
        scan->dot = true;
        return;
    }
    word_end(scan, c == PLAIN_MEASURE && !scan->dot);
    if (scan->dot) gap_put(scan, '.');
    scan->dot = false;
    gap_put(scan, c);
}

void str_scan_text(struct str_scan *scan, struct bytes utf8)
{
    struct plain_reader reader = {utf8};
    for (char c = plain_read(&reader); c != PLAIN_NONE; c = plain_read(&reader))
        str_scan_put(scan, c);
}

void str_scan_break(struct str_scan *scan)
{
    word_end(scan, false);
    scan->dot = false;
    forget(scan);
}

bool str_scan_found(struct str_scan *scan)
{
    word_end(scan, false);
    scan->dot = false;
    return scan->found;
}
