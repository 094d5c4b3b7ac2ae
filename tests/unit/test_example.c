/* What `leadbus kinds` shows as an example is taken: of every kind, and of every topic of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "clients/agent/agent.h"
#include "clients/agent/example.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/day.h"
#include "tests/lib/plan_files.h"

#define NOW_MS 1795000000000ull /* 2026-11-18 */
#define DAY_MS 86400000ull

static struct agent agent;

static int set_up(void **state)
{
    (void)state;
    agent.plan = plan_files_parse();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plan_free(agent.plan);
    return 0;
}

/* Sealing asks the agent this of every section. */
static void check_section(const struct plan_kind *kind, const char *topic, const char *name,
                          const json_t *object)
{
    const struct payload_message *message =
        payload_find(kind->sections[plan_section_find(kind, name)].message);
    struct leadbus_marks marks = {.kind = kind->slug, .topic = topic};
    const char *due_on = json_string_value(json_object_get(object, "due_on"));
    struct leadbus_error error = {0};
    struct error fault = {0};
    struct buf bytes = {0};
    uint64_t start_ms = 0;
    if (kind->dated && due_on) {
        assert_true(day_parse(due_on, &start_ms));
        marks.due_ms = start_ms + DAY_MS;
        assert_true(marks.due_ms > NOW_MS);
    }
    int r = payload_json_read(message, object, name, &bytes, &fault);
    if (r) fail_msg("%s %s: %s: %s", kind->slug, topic, fault.field, fault.detail);
    /* also where the kind would take it with a remark */
    struct payload_context strict = {.section = name, .topic = topic};
    r = payload_check(message, buf_bytes(&bytes), &strict, NULL, &fault);
    if (r) fail_msg("%s %s: %s: %s", kind->slug, topic, fault.field, fault.detail);
    r = agent_check_section(&agent, &marks, name, bytes.data, bytes.len, &error);
    if (r) fail_msg("%s %s: %s: %s", kind->slug, topic, error.field, error.detail);
    buf_fini(&bytes);
}

static const char *sex_of(const json_t *section)
{
    const json_t *persons = json_object_get(section, "persons");
    const json_t *person =
        persons ? json_array_get(persons, 0) : json_object_get(section, "person");
    const json_t *sex = json_object_get(person ? person : section, "sex");
    return json_string_value(sex);
}

static void check_example(const struct plan_kind *kind, const struct plan_topic *topic)
{
    json_t *example = example_json(agent.plan, kind, topic, NOW_MS);
    json_t *sections = json_object_get(example, "sections");
    const char *slug = json_string_value(json_object_get(example, "topic"));
    const char *name = NULL;
    const char *sex = NULL;
    json_t *section = NULL;
    assert_string_equal(json_string_value(json_object_get(example, "kind")), kind->slug);
    if (topic) assert_string_equal(slug, topic->slug);
    assert_int_equal(slug != NULL, kind->topic_count > 0);
    assert_int_equal(json_object_size(sections), kind->section_count);
    json_object_foreach(sections, name, section)
    {
        const char *own = sex_of(section);
        uint64_t until_ms = 0;
        const char *until = json_string_value(json_object_get(section, "valid_until"));
        check_section(kind, slug ? slug : "", name, section);
        if (own && sex && strcmp(own, sex) != 0)
            fail_msg("%s %s: its sections are about persons of both sexes", kind->slug, name);
        if (own) sex = own;
        if (kind->may_expire && until) {
            assert_true(codes_time_parse(until, &until_ms));
            assert_true(until_ms > NOW_MS);
        }
    }
    json_decref(example);
}

static void every_example_of_every_topic_is_taken(void **state)
{
    (void)state;
    size_t count = 0;
    for (size_t k = 0; k < plan_kind_count(agent.plan); k++) {
        const struct plan_kind *kind = plan_kind(agent.plan, k);
        check_example(kind, NULL);
        for (size_t t = 0; t < kind->topic_count; t++, count++)
            check_example(kind, &kind->topics[t]);
    }
    assert_true(count > plan_kind_count(agent.plan));
    assert_int_equal(agent.counts.payload_refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_every_topic_is_taken),
    };
    return cmocka_run_group_tests_name("unit.example", tests, set_up, tear_down);
}
