/* The thread of an alert: many units sign for each version of it, and confirm that it is deleted
 * after it was stood down. Listed by version, not one by one. */
#include <stdio.h>
#include <string.h>

#include "clients/cli/cli.h"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool cli_is_alert(const json_t *answer)
{
    const json_t *legs = json_object_get(answer, "legs");
    for (size_t i = 0; i < json_array_size(legs); i++)
        if (!begins(cli_get(json_array_get(legs, i), "kind"), "alert.")) return false;
    return json_array_size(legs) > 0;
}

bool cli_alert_counts(const json_t *item)
{
    const char *kind = cli_get(item, "kind");
    bool counted = strcmp(kind, "receipt.signed") == 0 || strcmp(kind, "receipt.deleted") == 0;
    return counted && *cli_get(item, "recorded_at") && !*cli_get(item, "late");
}

static bool is_of(const json_t *leg, const char *message)
{
    return strcmp(cli_get(leg, "message"), message) == 0;
}

/* Is it a stand-down, of which a deletion is confirmed? The answer lists those units. */
static bool is_stand_down(const json_t *answer, const json_t *leg)
{
    const json_t *deletion = json_object_get(answer, "deletion");
    return deletion && strcmp(cli_get(leg, "kind"), "alert.missing-child-cancel") == 0;
}

/* A stand-down ends it for who has signed and for who has not. */
static bool is_signed(const json_t *leg)
{
    const char *state = cli_get(leg, "state");
    if (strcmp(state, "stood-down") == 0) return *cli_get(leg, "signed_at") != 0;
    return strcmp(state, "submitted") != 0 && strcmp(state, "delivered") != 0;
}

/* The units of one version that have done what is asked, or those that have not. */
static size_t print_units(const json_t *answer, const char *message, bool stand_down, bool done,
                          bool dry)
{
    const json_t *legs = json_object_get(answer, "legs");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(legs); i++) {
        const json_t *leg = json_array_get(legs, i);
        bool has = stand_down ? cli_true(leg, "done") : is_signed(leg);
        if (!is_of(leg, message) || has != done) continue;
        if (!dry)
            printf("%s%s%s", count ? T("、", ", ") : "",
                   !done && cli_true(leg, "overdue") ? T("（超期）", "(late) ") : "",
                   cli_safe(cli_label(leg, "name")));
        count++;
    }
    return count;
}

/* Nobody signs any more for what was stood down. */
static bool is_over(const json_t *answer, const char *message)
{
    const json_t *legs = json_object_get(answer, "legs");
    for (size_t i = 0; i < json_array_size(legs); i++) {
        const json_t *leg = json_array_get(legs, i);
        if (is_of(leg, message) && strcmp(cli_get(leg, "state"), "stood-down") == 0) return true;
    }
    return false;
}

static const char *group_words(bool stand_down, bool done, bool over)
{
    if (stand_down)
        return done ? T("已确认删除", "confirmed that it is deleted")
                    : T("未确认删除", "not confirmed yet");
    if (done) return T("已签收", "signed for by");
    return over ? T("解除前未签收", "not signed for before it was stood down by")
                : T("未签收", "not signed for by");
}

static void print_group(const json_t *answer, const char *message, bool stand_down, bool done)
{
    size_t count = print_units(answer, message, stand_down, done, true);
    const char *words = group_words(stand_down, done, is_over(answer, message));
    if (!count) return;
    printf("  %s %s %zu%s", done ? " " : "-", words, count, T("：", ": "));
    (void)print_units(answer, message, stand_down, done, false);
    putchar('\n');
}

/* When the message came into the journal; "" where it is not here. */
static const char *time_of(const json_t *answer, const char *message)
{
    const json_t *timeline = json_object_get(answer, "timeline");
    for (size_t i = 0; i < json_array_size(timeline); i++) {
        const json_t *item = json_array_get(timeline, i);
        if (strcmp(cli_get(item, "id"), message) == 0) return cli_time(item, "recorded_at");
    }
    return "";
}

void cli_print_alert(const json_t *answer)
{
    const json_t *legs = json_object_get(answer, "legs");
    size_t version = 0;
    for (size_t i = 0; i < json_array_size(legs); i++) {
        const json_t *leg = json_array_get(legs, i);
        const char *message = cli_get(leg, "message");
        bool stand_down = is_stand_down(answer, leg);
        size_t before = 0;
        while (!is_of(json_array_get(legs, before), message)) before++;
        if (before < i) continue;
        if (stand_down) {
            printf("%s  %s\n", T("警报解除", "stood down"), time_of(answer, message));
        } else {
            printf(T("警报第 %zu 版", "version %zu of the alert"), ++version);
            printf("  %s  %s\n", time_of(answer, message), message);
        }
        print_group(answer, message, stand_down, true);
        print_group(answer, message, stand_down, false);
    }
}
