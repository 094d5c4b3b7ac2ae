/* What a file is about: threads that this unit is on. */
#include <stdio.h>
#include <string.h>

#include "clients/agent/casefile.h"
#include "proto/plan/day.h"

struct search {
    const char *thread;
    uint8_t own[16];
    char pseudonym[32]; /* of another open file that has it */
};

static int search_one(void *ctx, const struct leadbus_local *local)
{
    struct search *search = ctx;
    json_t *record = json_loadb(local->data, local->len, 0, NULL);
    bool other = memcmp(local->id, search->own, 16) != 0;
    if (record && other && !casefile_ended(record) && casefile_thread(record, search->thread))
        (void)snprintf(search->pseudonym, sizeof search->pseudonym, "%s",
                       casefile_text(record, "pseudonym"));
    json_decref(record);
    return search->pseudonym[0] != 0;
}

/* Only what this unit has messages of, of no file, and in no other file. */
int casefile_check_thread(struct agent *agent, const struct casefile *file, const char *text,
                          leadbus_thread **ret_thread, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    struct search search = {.thread = text};
    uint8_t id[16];
    if (uuid_parse_text(text, id, NULL))
        return error_say(ret_error, E_BAD_VALUE, "thread", "应为 UUID", "a UUID");
    if (casefile_thread(file->record, text))
        return error_say(ret_error, E_BAD_VALUE, "thread", "已在此档案中", "it is in this file");
    memcpy(search.own, file->id, 16);
    if (leadbus_local_each(agent->lb, CASEFILES_MAX, search_one, &search, &trouble))
        return agent_error(&trouble, ret_error);
    if (search.pseudonym[0])
        return error_say(ret_error, E_BAD_VALUE, "thread", "已在档案 %s 中", "it is in the file %s",
                         search.pseudonym);
    if (leadbus_thread_get(agent->lb, id, ret_thread, &trouble) ||
        leadbus_thread_item_count(*ret_thread) == 0)
        return error_say(ret_error, E_THREAD_UNKNOWN, "thread", "本单位未参与这条线索",
                         "this unit is not on that thread");
    if (strncmp(leadbus_thread_item(*ret_thread, 0)->kind, "file.", 5) == 0)
        return error_say(ret_error, E_BAD_VALUE, "thread", "是查阅授权，不是案件线索",
                         "a thread on which access is given is none that a file is about");
    return 0;
}

static int add_thread(struct agent *agent, struct casefile *file, const char *text,
                      const char *officer, struct error *ret_error)
{
    leadbus_thread *view = NULL;
    char at[CODES_TIME_TEXT_LEN + 1], today[DAY_TEXT_LEN];
    json_t *list = casefile_list(file->record, "threads");
    int status = casefile_room(list, CASEFILE_THREADS_MAX, "thread", ret_error);
    if (!status) status = casefile_check_thread(agent, file, text, &view, ret_error);
    if (!status) {
        day_text(agent_now_ms(), today);
        casefile_now(at);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s}", "thread", text, "officer", officer, "at", at));
        const struct casefile_news news = {.change = "thread-added",
                                           .on = today,
                                           .officer = officer,
                                           .thread = text,
                                           .view = view};
        status = casefile_inform(agent, file, &news, ret_error);
    }
    leadbus_thread_free(view);
    return status;
}

int casefile_add(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                 struct error *ret_error)
{
    int status = casefile_want(wanted->thread, "thread", ret_error);
    return status ? status : add_thread(agent, file, wanted->thread, wanted->officer, ret_error);
}
