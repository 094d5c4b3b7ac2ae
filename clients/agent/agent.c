#include "clients/agent/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/plan/day.h"
#include "proto/schema/bundle.pb-c.h"

uint64_t agent_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t agent_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool agent_is_bundle(struct bytes encoded)
{
    Leadbus__Bundle *bundle = leadbus__bundle__unpack(NULL, encoded.len, encoded.data);
    bool is = bundle && bundle->manifest.len && bundle->n_parts;
    if (bundle) leadbus__bundle__free_unpacked(bundle, NULL);
    return is;
}

/* The library has verified the bundle; here it is only taken apart. */
static int plan_of_bundle(struct bytes encoded, struct plan **ret_plan, struct error *ret_error)
{
    Leadbus__Bundle *bundle = leadbus__bundle__unpack(NULL, encoded.len, encoded.data);
    if (!bundle) return error_say(ret_error, E_BAD_FORM, "bundle", "不是方案包", "not a bundle");
    struct plan_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < bundle->n_parts && count < LIMIT_BUNDLE_PART_COUNT_MAX; i++)
        parts[count++] =
            (struct plan_part){bundle->parts[i]->name, bytes_of(bundle->parts[i]->content.data,
                                                                bundle->parts[i]->content.len)};
    int status = plan_parse(parts, count, ret_plan, ret_error);
    leadbus__bundle__free_unpacked(bundle, NULL);
    return status;
}

int agent_plan_refresh(struct agent *agent, struct error *ret_error)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    const void *data = NULL;
    size_t len = 0;
    struct plan *plan = NULL;
    leadbus_stats(agent->lb, &stats);
    if (agent->plan && agent->plan_bundle == stats.bundle) return 0;
    leadbus_bundle(agent->lb, &data, &len);
    int status = plan_of_bundle(bytes_of(data, len), &plan, ret_error);
    if (status) return status;
    plan_free(agent->plan);
    agent->plan = plan;
    agent->plan_bundle = stats.bundle;
    memcpy(agent->unit, stats.unit, sizeof agent->unit);
    return 0;
}

void agent_fill_error(const struct error *error, struct leadbus_error *ret_error)
{
    if (!ret_error) return;
    ret_error->code = error->code;
    snprintf(ret_error->name, sizeof ret_error->name, "%s", error_name(error->code));
    snprintf(ret_error->field, sizeof ret_error->field, "%s", error->field);
    snprintf(ret_error->detail, sizeof ret_error->detail, "%s", error->detail);
    snprintf(ret_error->detail_zh, sizeof ret_error->detail_zh, "%s", error->detail_zh);
}

uint64_t agent_due_ms(const struct payload_report *report)
{
    uint64_t start_ms = 0;
    return report->due_on[0] && day_parse(report->due_on, &start_ms)
               ? day_start_ms(day_number(start_ms) + 1)
               : 0;
}

/* The header is all that the bus goes by: it says what the section says, no more and no less. */
static int check_marks(const struct payload_message *message, const struct payload_report *report,
                       const struct plan_kind *kind, const struct leadbus_marks *marks,
                       const char *section, struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    bool early = (marks->flags & LEADBUS_DRAFT_EARLY) != 0;
    (void)snprintf(field, sizeof field, "%s.gap_reason", section);
    if (payload_has_field(message, "gap_reason") && early && !report->early)
        return error_say(ret_error, E_MISSING_FIELD, field, "先于前置环节的，须写明理由",
                         "it comes before a step that should have come first: state why");
    if (report->early && !early)
        return error_say(ret_error, E_BAD_VALUE, field, "信头未注明先于前置环节",
                         "the header does not say that it comes early");
    (void)snprintf(field, sizeof field, "%s.paper_number", section);
    if (report->paper && (marks->occurred_ms == 0 || !(marks->flags & LEADBUS_DRAFT_LATE)))
        return error_say(ret_error, E_BAD_VALUE, field, "信头未写明纸质单据的时间",
                         "the header does not say when that paper was signed");
    (void)snprintf(field, sizeof field, "%s.due_on", section);
    if (kind->dated && payload_has_field(message, "due_on") &&
        agent_due_ms(report) != marks->due_ms)
        return error_say(ret_error, E_BAD_VALUE, field, "与信头中的期限不一致",
                         "another day than the header sets");
    return 0;
}

int agent_check_section(void *ctx, const struct leadbus_marks *marks, const char *section,
                        const void *data, size_t len, struct leadbus_error *ret_error)
{
    struct agent *agent = ctx;
    struct error error = {0};
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, marks->kind) : NULL;
    const struct payload_message *message = NULL;
    int status = 0;
    int index = kind ? plan_section_find(kind, section) : -1;
    if (index >= 0) message = payload_find(kind->sections[index].message);
    if (!message) {
        status = error_say(&error, kind ? E_PAYLOAD_INVALID : E_KIND_UNKNOWN, section,
                           "本程序没有种类 %s 该分段的结构", "no schema for this section of %s",
                           marks->kind);
    } else {
        struct payload_context context = {
            .section = section, .as_stated = kind->exempt, .topic = marks->topic};
        struct payload_report report = {0};
        status = payload_check(message, bytes_of(data, len), &context, &report, &error);
        if (!status) status = check_marks(message, &report, kind, marks, section, &error);
    }
    if (!status) return 0;
    agent->counts.payload_refused++;
    agent_fill_error(&error, ret_error);
    return status;
}

int agent_error(const struct leadbus_error *from, struct error *ret_error)
{
    int code = error_code_of(from->name);
    code = error_set(ret_error, code ? code : from->code, from->field, "%s", from->detail);
    (void)error_note_zh(ret_error, "%s", from->detail_zh);
    return code;
}
