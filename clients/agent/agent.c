#include "clients/agent/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

int agent_check_section(void *ctx, const char *kind_slug, const char *topic, const char *section,
                        const void *data, size_t len, struct leadbus_error *ret_error)
{
    struct agent *agent = ctx;
    struct error error = {0};
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, kind_slug) : NULL;
    const struct payload_message *message = NULL;
    int status = 0;
    int index = kind ? plan_section_find(kind, section) : -1;
    if (index >= 0) message = payload_find(kind->sections[index].message);
    if (!message) {
        status = error_say(&error, kind ? E_PAYLOAD_INVALID : E_KIND_UNKNOWN, section,
                           "本程序没有种类 %s 该分段的结构", "no schema for this section of %s",
                           kind_slug);
    } else {
        struct payload_context context = {
            .section = section, .as_stated = kind->exempt, .topic = topic};
        status = payload_check(message, bytes_of(data, len), &context, NULL, &error);
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
