/* Visits to the person of a file: planned, and made. */
#include <string.h>

#include "clients/agent/casefile.h"
#include "proto/plan/day.h"

static int plan_visit(struct casefile *file, const char *on, struct error *ret_error)
{
    json_t *list = casefile_list(file->record, "visits");
    int status = casefile_room(list, CASEFILE_VISITS_MAX, "on", ret_error);
    if (!status) json_array_append_new(list, json_pack("{s:s}", "on", on));
    return status;
}

int casefile_visit(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                   struct error *ret_error)
{
    char at[CODES_TIME_TEXT_LEN + 1];
    int status = casefile_want_day(wanted->on, "on", !wanted->visited_on, ret_error);
    if (!status) status = casefile_want_day(wanted->visited_on, "visited_on", false, ret_error);
    if (!status) status = casefile_want_day(wanted->next_on, "next_on", false, ret_error);
    if (!status && wanted->purpose) status = casefile_check_purpose(wanted->purpose, ret_error);
    if (status) return status;
    if (!wanted->visited_on) return plan_visit(file, wanted->on, ret_error);
    char today[DAY_TEXT_LEN];
    day_text(agent_now_ms(), today);
    if (strcmp(wanted->visited_on, today) > 0)
        return error_say(ret_error, E_BAD_VALUE, "visited_on", "还没有到这一天",
                         "that day is still to come");
    json_t *visit = casefile_next_visit(file->record);
    if (!visit) { /* one that nobody planned */
        status = plan_visit(file, wanted->visited_on, ret_error);
        if (status) return status;
        visit = casefile_next_visit(file->record);
    }
    casefile_now(at);
    casefile_put(visit, "visited_on", wanted->visited_on);
    casefile_put(visit, "officer", wanted->officer);
    casefile_put(visit, "at", at);
    casefile_put(visit, "purpose", wanted->purpose);
    casefile_put(visit, "text", wanted->text);
    if (wanted->next_on) status = plan_visit(file, wanted->next_on, ret_error);
    const struct casefile_news news = {.change = "visited",
                                       .on = wanted->visited_on,
                                       .next_on = wanted->next_on,
                                       .officer = wanted->officer,
                                       .text = wanted->text};
    return status ? status : casefile_inform(agent, file, &news, ret_error);
}
