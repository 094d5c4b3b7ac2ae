/* codes: the numbers and codes of national standards that payload fields carry, checked as text.
 *
 * Each check looks at a NUL-terminated string and says whether it is a possible value, nothing
 * more: that a number is well formed does not mean that it was ever issued. An empty string is
 * never a value here; whether it may be left out is the schema's business. Pure, no allocation,
 * thread-safe. */
#ifndef PROTO_PAYLOAD_CODES_H
#define PROTO_PAYLOAD_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/calendar.h"

/* GB 11643-1999: 18 characters, 17 digits and an ISO 7064 MOD 11-2 check character (X in upper or
 * lower case), or the 15 digits of old papers. The birth date in it must exist (15 digits: in
 * 1900-1999). The area part is only digits: areas are renamed and numbers stay. */
bool codes_id_number(const char *text);

/* GB 32100-2015: 18 characters of 0-9 A-Z without I O Z S V, last one the check character; the nine
 * of the subject carry a GB 11714 check character of their own, which is checked too. */
bool codes_uscc(const char *text);

/* GB/T 2260, GB/T 10114 and community codes: 6, 9 or 12 digits that begin with the two of a
 * province-level division (Hong Kong, Macao and Taiwan included). What stands behind them is
 * renamed too often to be known here. */
bool codes_area(const char *text);

/* "2026-02-28": a day that exists in the Gregorian calendar, years 1850 to 2199. */
bool codes_date(const char *text);

/* Numbers as people write them: mobile, landline with or without its area code, service numbers of
 * 3 to 6 digits, +CC numbers, an extension after '-'; spaces, hyphens and brackets between. */
bool codes_phone(const char *text);
/* The same without mobile numbers of this country: an office's landline, a service number. */
bool codes_office_phone(const char *text);

/* A passport or permit number: 5 to 20 letters and digits. */
bool codes_document(const char *text);

/* A medical certificate of birth: one capital letter and nine digits. */
bool codes_certificate(const char *text);

/* The number under which a laboratory keeps a blood sample: 6 to 32 capital letters, digits and
 * '-', beginning with a letter or digit, at least four digits. No standard fixes more. */
bool codes_sample(const char *text);

/* 8-4-4-4-12 lower-case hex digits. */
bool codes_uuid(const char *text);

/* "http://" or "https://", a host, then anything of printable ASCII or above without spaces. */
bool codes_url(const char *text);

/* Three capital letters (GB/T 2659.1). */
bool codes_country(const char *text);

/* A name within a thread: capital letters, digits and '-', 1 to 16 of them, a letter first, no more
 * than four digits: neither a name nor a number of a person fits in. */
bool codes_pseudonym(const char *text);

/* 64 lower-case hex digits. */
bool codes_sha256(const char *text);

/* RFC 3339 date-time with a zone ("2026-03-02T14:20:00+08:00", fraction to ms at most kept; a leap
 * second counts as the last ms of its minute) to UTC ms since 1970. False: not such a time, or
 * before 1970; ret_ms untouched. */
bool codes_time_parse(const char *text, uint64_t *ret_ms);
/* UTC with milliseconds: "2026-03-02T06:20:00.000Z". ms <= CODES_TIME_MS_MAX. */
enum { CODES_TIME_TEXT_LEN = CALENDAR_TEXT_LEN };
#define CODES_TIME_MS_MAX CALENDAR_MS_MAX
void codes_time_text(uint64_t ms, char ret_text[CODES_TIME_TEXT_LEN + 1]);

#endif
