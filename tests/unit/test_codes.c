/* The codes that the help of a command lists are those of the plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/payload/payload.h"
#include "tests/lib/plan_files.h"

enum {
    TAKES_OUTCOME = 1,
    TAKES_REASON = 2,
    TAKES_TEXT = 0,
    TAKES_TARGET = 0,
    TAKES_OTHER = 0,
    TAKES_TOPIC = 4,
    TAKES_FILE = 0,
    TAKES_FIELDS = 0,
};
static const struct {
    const char *slug, *codes;
    enum plan_act act;
    unsigned takes;
} rows[] = {
#define COMMAND(id, slug, list_zh, list_en, about_zh, about_en, done_zh, done_en, codes, takes)    \
    {slug, codes, PLAN_ACT_##id, takes},
#include "clients/cli/acts.def"
};

static size_t words_in(const char *text)
{
    size_t count = *text != 0;
    for (; *text; text++) count += *text == ' ';
    return count;
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || at[-1] == ' ') && (at[len] == 0 || at[len] == ' ')) return true;
    return false;
}

/* The list of the field `reason` of the act's section; NULL: its topics are the codes. */
static const struct payload_list *reasons_of(const struct plan_kind *kind)
{
    const struct payload_message *message = payload_find(kind->sections[0].message);
    for (size_t i = 0; message && i < message->field_count; i++)
        if (strcmp(message->fields[i].name, "reason") == 0) return message->fields[i].list;
    return NULL;
}

static void every_code_of_an_act_is_in_its_help(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t checked = 0;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const struct plan_kind *kind = plan_kind_of_act(plan, rows[r].act);
        if (!(rows[r].takes & (TAKES_OUTCOME | TAKES_REASON))) continue;
        assert_non_null(kind);
        const struct payload_list *list = rows[r].takes & TAKES_REASON ? reasons_of(kind) : NULL;
        size_t count = list ? list->count : kind->topic_count;
        for (size_t i = 0; i < count; i++) {
            const char *code = list ? list->codes[i].code : kind->topics[i].slug;
            if (!has_word(rows[r].codes, code))
                fail_msg("%s: %s is not listed", rows[r].slug, code);
            checked++;
        }
        if (words_in(rows[r].codes) != count) fail_msg("%s lists what is none", rows[r].slug);
    }
    assert_true(checked > 40);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_of_an_act_is_in_its_help),
    };
    return cmocka_run_group_tests_name("unit.codes", tests, NULL, NULL);
}
