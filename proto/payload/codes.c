#include "proto/payload/codes.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/calendar.h"
#include "proto/base/check.h"

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!digit(text[i])) return false;
    return true;
}

static int number(const char *text, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + (text[i] - '0');
    return value;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool day_exists(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1850 || year > 2199 || month < 1 || month > 12 || day < 1) return false;
    return day <= days[month - 1] + (month == 2 && leap(year) ? 1 : 0);
}

bool codes_id_number(const char *text)
{
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    static const char marks[] = "10X98765432";
    size_t len = strlen(text);
    if (len == 15)
        return digits(text, 15) &&
               day_exists(1900 + number(text + 6, 2), number(text + 8, 2), number(text + 10, 2));
    if (len != 18 || !digits(text, 17)) return false;
    if (!day_exists(number(text + 6, 4), number(text + 10, 2), number(text + 12, 2))) return false;
    int sum = 0;
    for (size_t i = 0; i < 17; i++) sum += (text[i] - '0') * weights[i];
    char mark = text[17] == 'x' ? 'X' : text[17];
    return mark == marks[sum % 11];
}

/* GB 11714: eight characters of 0-9 A-Z and their check character. */
static bool organisation_code(const char *text)
{
    static const int weights[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < 8; i++)
        sum += (digit(text[i]) ? text[i] - '0' : text[i] - 'A' + 10) * weights[i];
    int check = 11 - sum % 11;
    char mark = check == 10 ? 'X' : check == 11 ? '0' : (char)('0' + check);
    return text[8] == mark;
}

bool codes_uscc(const char *text)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    if (strlen(text) != 18 || !digits(text + 2, 6)) return false;
    int sum = 0;
    int weight = 1;
    for (size_t i = 0; i < 18; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (!at) return false;
        if (i == 17) return (31 - sum % 31) % 31 == at - alphabet && organisation_code(text + 8);
        sum += (int)(at - alphabet) * weight;
        weight = weight * 3 % 31;
    }
    return false;
}

bool codes_area(const char *text)
{
    size_t len = strlen(text);
    /* 11-15 north, 21-23 north-east, 31-37 east, 41-46 south, 50-54 south-west, 61-65 north-west */
    static const int last[] = {0, 15, 23, 37, 46, 54, 65, 71, 82};
    if ((len != 6 && len != 9 && len != 12) || !digits(text, len)) return false;
    int province = number(text, 2);
    int first = province / 10 == 5 ? 50 : province / 10 * 10 + 1;
    return province >= 11 && province <= 82 && province >= first && province <= last[province / 10];
}

bool codes_date(const char *text)
{
    return strlen(text) == 10 && text[4] == '-' && text[7] == '-' && digits(text, 4) &&
           digits(text + 5, 2) && digits(text + 8, 2) &&
           day_exists(number(text, 4), number(text + 5, 2), number(text + 8, 2));
}

bool codes_phone(const char *text)
{
    char plain[24];
    size_t count = 0;
    bool international = text[0] == '+';
    if (text[0] == '-' || text[0] == ' ') return false;
    for (const char *at = text + (international ? 1 : 0); *at; at++) {
        if (*at == ' ' || *at == '-' || *at == '(' || *at == ')') continue;
        if (!digit(*at) || count == sizeof plain) return false;
        plain[count++] = *at;
    }
    if (count < 3) return false;
    const char *rest = plain;
    if (international) {
        if (count < 7) return false;
        if (plain[0] != '8' || plain[1] != '6') return count <= 15;
        rest += 2;
        count -= 2;
    }
    if (rest[0] == '1' && count >= 11) return rest[1] >= '3' && count <= 11;
    if (rest[0] == '0') return count >= 10 && count <= 18;
    /* a local number, a service number, 400 and 800 numbers; an extension makes it longer */
    return count <= 14;
}

bool codes_office_phone(const char *text)
{
    char plain[24];
    size_t count = 0;
    if (!codes_phone(text)) return false;
    for (const char *at = text; *at; at++)
        if (digit(*at) && count < sizeof plain) plain[count++] = *at;
    const char *rest = plain;
    if (text[0] == '+' && count > 2 && plain[0] == '8' && plain[1] == '6') {
        rest += 2;
        count -= 2;
    }
    return !(count == 11 && rest[0] == '1' && rest[1] >= '3');
}

bool codes_document(const char *text)
{
    size_t len = strlen(text);
    if (len < 5 || len > 20) return false;
    for (size_t i = 0; i < len; i++)
        if (!digit(text[i]) && !upper(text[i])) return false;
    return true;
}

bool codes_certificate(const char *text)
{
    return strlen(text) == 10 && upper(text[0]) && digits(text + 1, 9);
}

bool codes_sample(const char *text)
{
    size_t len = strlen(text);
    size_t digit_count = 0;
    if (len < 6 || len > 32 || text[0] == '-') return false;
    for (size_t i = 0; i < len; i++) {
        if (digit(text[i]))
            digit_count++;
        else if (!upper(text[i]) && text[i] != '-')
            return false;
    }
    return digit_count >= 4;
}

bool codes_uuid(const char *text)
{
    if (strlen(text) != 36) return false;
    for (size_t i = 0; i < 36; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
        if (hyphen ? text[i] != '-' : !hex) return false;
    }
    return true;
}

bool codes_url(const char *text)
{
    const char *host = strstr(text, "://");
    if (!host || !((host - text == 4 && memcmp(text, "http", 4) == 0) ||
                   (host - text == 5 && memcmp(text, "https", 5) == 0)))
        return false;
    host += 3;
    for (const char *at = host; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '"' || *at == '<' || *at == '>') return false;
    return host[0] && host[0] != '/' && host[0] != '?' && host[0] != '#';
}

bool codes_country(const char *text)
{
    return strlen(text) == 3 && upper(text[0]) && upper(text[1]) && upper(text[2]);
}

bool codes_pseudonym(const char *text)
{
    size_t len = strlen(text);
    size_t digit_count = 0;
    if (len < 1 || len > 16 || !upper(text[0])) return false;
    for (size_t i = 0; i < len; i++) {
        if (digit(text[i]))
            digit_count++;
        else if (!upper(text[i]) && text[i] != '-')
            return false;
    }
    return digit_count <= 4;
}

bool codes_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* "T14:20:00" to ms of the day; *at moves behind it. A leap second is held to its minute. */
static bool clock_parse(const char **at, int64_t *ret_ms)
{
    const char *text = *at;
    if (strnlen(text, 9) < 9 || (text[0] != 'T' && text[0] != 't') || text[3] != ':' ||
        text[6] != ':' || !digits(text + 1, 2) || !digits(text + 4, 2) || !digits(text + 7, 2))
        return false;
    int hour = number(text + 1, 2);
    int minute = number(text + 4, 2);
    int second = number(text + 7, 2);
    if (hour > 23 || minute > 59 || second > 60) return false;
    int64_t ms = ((int64_t)hour * 60 + minute) * 60000 + second * 1000;
    text += 9;
    if (*text == '.') {
        int scale = 100;
        if (!digit(*++text)) return false;
        for (size_t i = 0; digit(*text); i++, text++) {
            if (i == 12) return false;
            ms += (*text - '0') * scale;
            scale /= 10;
        }
    }
    if (second == 60) ms = ((int64_t)hour * 60 + minute) * 60000 + 59999;
    *at = text;
    *ret_ms = ms;
    return true;
}

bool codes_time_parse(const char *text, uint64_t *ret_ms)
{
    char date[11];
    if (strnlen(text, 64) < 20 || strnlen(text, 64) == 64) return false;
    memcpy(date, text, 10);
    date[10] = 0;
    if (!codes_date(date)) return false;
    const char *at = text + 10;
    int64_t ms = 0;
    if (!clock_parse(&at, &ms)) return false;
    if ((*at == 'Z' || *at == 'z') && at[1] == 0) {
        at++;
    } else {
        if (strlen(at) != 6 || (*at != '+' && *at != '-') || !digits(at + 1, 2) || at[3] != ':' ||
            !digits(at + 4, 2) || number(at + 1, 2) > 23 || number(at + 4, 2) > 59)
            return false;
        int64_t zone_ms = (number(at + 1, 2) * 60 + number(at + 4, 2)) * (int64_t)60000;
        ms += *at == '+' ? -zone_ms : zone_ms;
    }
    ms += calendar_days(number(date, 4), number(date + 5, 2), number(date + 8, 2)) * 86400000;
    if (ms < 0 || (uint64_t)ms > CODES_TIME_MS_MAX) return false;
    *ret_ms = (uint64_t)ms;
    return true;
}

void codes_time_text(uint64_t ms, char ret_text[CODES_TIME_TEXT_LEN + 1])
{
    CHECK(ms <= CODES_TIME_MS_MAX);
    calendar_text(ms, ret_text);
}
