/* due: a moment by which something is to be done, in words. Pure but for the local time zone. */
#ifndef CLIENTS_CLI_DUE_H
#define CLIENTS_CLI_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

enum { DUE_TEXT_LEN = 160 };

/* A moment as seen at now_ms: "今天 14:10", "tomorrow 09:00", "11-28 17:30", "2027-01-04 12:00".
 * The end of a day is its 24:00. Local time. */
void due_moment(uint64_t due_ms, uint64_t now_ms, enum lang lang, char ret_text[DUE_TEXT_LEN]);
/* A length in the two largest units that count: "2 小时 10 分钟", "3 days 4 h"; less than a minute
 * is said so. */
void due_length(uint64_t length_ms, enum lang lang, char ret_text[DUE_TEXT_LEN]);
/* What is to be done (in that language, as the API names it) and before when: "今天 14:10 前签收";
 * past it "已超期 2 小时（应在今天 14:10 前签收）". */
void due_words(const char *what, uint64_t due_ms, uint64_t now_ms, enum lang lang,
               char ret_text[DUE_TEXT_LEN]);

#endif
