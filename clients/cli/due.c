#include "clients/cli/due.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000, DAY_SECONDS = 86400 };

static bool local(uint64_t time_ms, struct tm *ret_parts)
{
    time_t seconds = (time_t)(time_ms / 1000);
    return localtime_r(&seconds, ret_parts) != NULL;
}

/* Days since some day long ago: their differences count. */
static long day_of(const struct tm *parts)
{
    struct tm noon = *parts;
    noon.tm_hour = 12;
    noon.tm_min = noon.tm_sec = 0;
    noon.tm_isdst = 0;
    return (long)(timegm(&noon) / DAY_SECONDS);
}

void due_moment(uint64_t due_ms, uint64_t now_ms, enum lang lang, char ret_text[DUE_TEXT_LEN])
{
    static const char *const zh[] = {"昨天 ", "今天 ", "明天 "};
    static const char *const en[] = {"yesterday ", "today ", "tomorrow "};
    struct tm due;
    struct tm now;
    int hour;
    if (!local(due_ms, &due) || !local(now_ms, &now)) {
        (void)snprintf(ret_text, DUE_TEXT_LEN, "%llu ms", (unsigned long long)due_ms);
        return;
    }
    hour = due.tm_hour;
    if (due.tm_hour == 0 && due.tm_min == 0 && due.tm_sec == 0 && due_ms >= DAY_MS &&
        local(due_ms - 1000, &due))
        hour = 24;
    long ahead = day_of(&due) - day_of(&now);
    int minute = hour == 24 ? 0 : due.tm_min;
    if (ahead >= -1 && ahead <= 1)
        (void)snprintf(ret_text, DUE_TEXT_LEN, "%s%02d:%02d",
                       (lang == LANG_EN ? en : zh)[ahead + 1], hour, minute);
    else if (due.tm_year == now.tm_year)
        (void)snprintf(ret_text, DUE_TEXT_LEN, "%02d-%02d %02d:%02d", due.tm_mon + 1, due.tm_mday,
                       hour, minute);
    else
        (void)snprintf(ret_text, DUE_TEXT_LEN, "%04d-%02d-%02d %02d:%02d", due.tm_year + 1900,
                       due.tm_mon + 1, due.tm_mday, hour, minute);
}

void due_length(uint64_t length_ms, enum lang lang, char ret_text[DUE_TEXT_LEN])
{
    bool zh = lang == LANG_ZH;
    unsigned long long days = length_ms / DAY_MS;
    unsigned long long hours = length_ms % DAY_MS / HOUR_MS;
    unsigned long long minutes = length_ms % HOUR_MS / MINUTE_MS;
    char days_text[40] = "";
    char hours_text[40] = "";
    char minutes_text[40] = "";
    if (days && zh) (void)snprintf(days_text, sizeof days_text, " %llu 天", days);
    if (days && !zh)
        (void)snprintf(days_text, sizeof days_text, days == 1 ? " %llu day" : " %llu days", days);
    if (hours) (void)snprintf(hours_text, sizeof hours_text, zh ? " %llu 小时" : " %llu h", hours);
    if (minutes && !days)
        (void)snprintf(minutes_text, sizeof minutes_text, zh ? " %llu 分钟" : " %llu min", minutes);
    (void)snprintf(ret_text, DUE_TEXT_LEN, "%s%s%s", days_text, hours_text, minutes_text);
    if (!*ret_text)
        (void)snprintf(ret_text, DUE_TEXT_LEN, "%s", zh ? "不到 1 分钟" : "less than a minute");
    else
        memmove(ret_text, ret_text + 1, strlen(ret_text));
}

void due_words(const char *what, uint64_t due_ms, uint64_t now_ms, enum lang lang,
               char ret_text[DUE_TEXT_LEN])
{
    char moment[DUE_TEXT_LEN];
    char length[DUE_TEXT_LEN];
    bool zh = lang == LANG_ZH;
    due_moment(due_ms, now_ms, lang, moment);
    if (now_ms < due_ms) {
        if (zh)
            (void)snprintf(ret_text, DUE_TEXT_LEN, "%.40s 前%.60s", moment, what);
        else
            (void)snprintf(ret_text, DUE_TEXT_LEN, "%.60s before %.40s", what, moment);
        return;
    }
    due_length(now_ms - due_ms, lang, length);
    if (zh)
        (void)snprintf(ret_text, DUE_TEXT_LEN, "已超期 %.40s（应在%.32s 前%.48s）", length, moment,
                       what);
    else
        (void)snprintf(ret_text, DUE_TEXT_LEN, "overdue by %.40s (%.48s before %.32s)", length,
                       what, moment);
}
