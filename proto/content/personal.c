#include "proto/content/personal.h"

#include <string.h>

#include "proto/content/plain.h"

enum { SEPARATORS_MAX = 2, REACH_MAX = 18 };

static int number_of(const char *digits, size_t len)
{
    int value = 0;
    for (size_t i = 0; i < len; i++) value = value * 10 + (digits[i] - '0');
    return value;
}

static bool day_exists(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1850 || year > 2099 || month < 1 || month > 12 || day < 1) return false;
    return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* First two digits of GB/T 2260: provinces, and residence permits of people from outside. */
static bool province(const char *digits)
{
    static const char *const known[] = {"11", "12", "13", "14", "15", "21", "22", "23", "31",
                                        "32", "33", "34", "35", "36", "37", "41", "42", "43",
                                        "44", "45", "46", "50", "51", "52", "53", "54", "61",
                                        "62", "63", "64", "65", "71", "81", "82", "83"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(known[i], digits, 2) == 0) return true;
    return false;
}

static bool check_digit_fits(const char *number)
{
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    static const char marks[] = "10X98765432";
    int sum = 0;
    for (size_t i = 0; i < 17; i++) sum += (number[i] - '0') * weights[i];
    return number[17] == marks[sum % 11];
}

static bool is_id_number(const char *number, size_t len, bool lenient)
{
    if (len == 15)
        return province(number) && day_exists(1900 + number_of(number + 6, 2),
                                              number_of(number + 8, 2), number_of(number + 10, 2));
    if (!day_exists(number_of(number + 6, 4), number_of(number + 10, 2), number_of(number + 12, 2)))
        return false;
    /* foreigners' permanent residence cards begin with 9 and have no province */
    if (check_digit_fits(number)) return province(number) || number[0] == '9';
    return lenient && province(number);
}

static bool ends_with_id_number(const struct personal_run *run, bool lenient)
{
    for (size_t i = run->group_count; i > 0; i--) {
        const char *number = run->digits + run->starts[i - 1];
        size_t len = run->len - run->starts[i - 1];
        if (len > REACH_MAX) break;
        if ((len == 18 || len == 15) && number[len == 15 ? 14 : 0] != 'X' &&
            is_id_number(number, len, lenient))
            return true;
    }
    return false;
}

/* Whether the groups from `first` on have these lengths. */
static bool shaped(const struct personal_run *run, size_t first, const char *lengths)
{
    size_t count = strlen(lengths);
    if (run->group_count - first != count) return false;
    for (size_t i = 0; i < count; i++)
        if (run->starts[first + i + 1] - run->starts[first + i] != (size_t)(lengths[i] - '0'))
            return false;
    return true;
}

static bool is_mobile(const struct personal_run *run, size_t first, bool last)
{
    const char *number = run->digits + run->starts[first];
    size_t len = run->len - run->starts[first];
    if (run->group_count - first == 1) {
        size_t prefix = len == 13 && memcmp(number, "86", 2) == 0     ? 2
                        : len == 15 && memcmp(number, "0086", 4) == 0 ? 4
                                                                      : 0;
        number += prefix;
        len -= prefix;
        return len == 11 && number[0] == '1' && number[1] >= '3';
    }
    if (len != 11 || number[0] != '1' || number[1] < '3') return false;
    if (shaped(run, first, "344") || shaped(run, first, "38") || shaped(run, first, "74"))
        return true;
    bool alone = run->whole && first == 0 && last;
    return alone && (run->hyphens || run->group_count == len);
}

/* An area code of three or four digits and a number of seven or eight. */
static bool is_landline(const struct personal_run *run, size_t first)
{
    static const char *const shapes[] = {"38", "344", "47", "434", "48", "444", "37", "334"};
    const char *number = run->digits + run->starts[first];
    size_t len = run->len - run->starts[first];
    if (len < 10 || len > 12 || number[0] != '0' || number[1] == '0') return false;
    if (run->group_count - first == 1) return true;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shaped(run, first, shapes[i])) return true;
    return false;
}

/* `last`: nothing follows. */
static bool ends_with_phone(const struct personal_run *run, bool last)
{
    for (size_t i = run->group_count; i > 0; i--) {
        if (run->len - run->starts[i - 1] > REACH_MAX) break;
        if (is_mobile(run, i - 1, last) || is_landline(run, i - 1)) return true;
    }
    return false;
}

static void run_start(struct personal_run *run)
{
    run->len = run->group_count = 0;
    run->starts[0] = 0;
    run->hyphens = run->whole = true;
}

/* Forgets the older groups. Of one group that fills everything so much stays that it is still too
 * long to be any number. */
static void run_shift(struct personal_run *run)
{
    size_t gone = 0;
    while (gone < run->group_count && run->len - run->starts[gone] > REACH_MAX) gone++;
    if (gone == run->group_count) run->starts[--gone] = run->len - (REACH_MAX + 1);
    size_t from = run->starts[gone];
    memmove(run->digits, run->digits + from, run->len - from);
    for (size_t i = gone; i <= run->group_count; i++) run->starts[i - gone] = run->starts[i] - from;
    run->group_count -= gone;
    run->len -= from;
    run->whole = false;
}

static void run_put(struct personal_run *run, char digit, bool new_group)
{
    if (run->len == PERSONAL_DIGITS_MAX) run_shift(run);
    if (new_group || !run->group_count) run->starts[run->group_count++] = run->len;
    run->digits[run->len++] = digit;
    run->starts[run->group_count] = run->len;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == ')';
}

/* Looks at the numbers that end where the run ends now. */
static void look(struct personal_scan *scan, bool last)
{
    scan->id_number = scan->id_number || ends_with_id_number(&scan->run, scan->lenient);
    scan->phone = scan->phone || ends_with_phone(&scan->run, last);
}

void personal_scan_break(struct personal_scan *scan)
{
    if (scan->inside) look(scan, true);
    scan->inside = false;
}

/* A run goes on over one or two separators; the X of an identity number ends it. */
void personal_scan_put(struct personal_scan *scan, char plain)
{
    if (plain == PLAIN_NONE) return;
    bool digit = plain_is_digit(plain);
    if (scan->inside && is_separator(plain) && scan->separators < SEPARATORS_MAX) {
        scan->separators++;
        scan->hyphens = scan->hyphens && plain == '-';
        return;
    }
    if (scan->inside && !digit && !(plain == 'X' && scan->run.len >= 17)) {
        personal_scan_break(scan);
        return;
    }
    if (!scan->inside && !digit) return;
    bool gap = !scan->inside || scan->separators > 0;
    if (!scan->inside) run_start(&scan->run);
    if (scan->inside && gap) {
        scan->run.hyphens = scan->run.hyphens && scan->hyphens;
        look(scan, false);
    }
    run_put(&scan->run, plain, gap);
    scan->inside = true;
    scan->separators = 0;
    scan->hyphens = true;
    if (plain == 'X') personal_scan_break(scan);
}

static struct personal_scan scan_of(struct bytes utf8, bool lenient)
{
    struct plain_reader reader = {utf8};
    struct personal_scan scan = {.lenient = lenient};
    for (char c = plain_read(&reader); c != PLAIN_NONE; c = plain_read(&reader))
        personal_scan_put(&scan, c);
    personal_scan_break(&scan);
    return scan;
}

static bool mentions(struct bytes utf8, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= utf8.len; i++)
        if (memcmp(utf8.data + i, word, len) == 0) return true;
    return false;
}

bool personal_has_id_number(struct bytes utf8)
{
    return scan_of(utf8, mentions(utf8, "身份") || mentions(utf8, "证件")).id_number;
}

bool personal_has_phone(struct bytes utf8)
{
    return scan_of(utf8, false).phone;
}
