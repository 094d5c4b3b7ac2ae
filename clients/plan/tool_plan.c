/* The plan that a user names, and the directory beside it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "certs/trust/trust.h"
#include "clients/plan/tool.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/plan/day.h"
#include "proto/record.h"
#include "proto/suite.h"

/* ---- loading */

static int load_folder(const char *folder, struct tool_plan *ret, struct error *ret_error)
{
    int rc = plan_folder_read(folder, &ret->folder, ret_error);
    if (rc != 0) return rc;
    ret->part_count = ret->folder.part_count;
    memcpy(ret->parts, ret->folder.parts, sizeof ret->parts);
    return 0;
}

/* The plan's parts of a bundle; others are no concern of ours. */
static int load_bundle(const char *path, struct tool_plan *ret, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    struct buf bytes = {0};
    int rc = file_read_regular(path, LIMIT_BUNDLE_BYTES_MAX, &bytes, ret_error);
    int decoded = rc != 0 ? rc
                          : message_decode(&leadbus__bundle__descriptor, buf_bytes(&bytes),
                                           &ret->arena, &message, NULL);
    buf_fini(&bytes);
    if (rc != 0) return rc;
    if (decoded != 0)
        return error_say(ret_error, E_BAD_FORM, path, "既不是方案数据表目录，也不是方案包",
                         "neither a folder of plan tables nor a bundle");
    ret->bundle = (const Leadbus__Bundle *)message;
    for (size_t i = 0; i < ret->bundle->n_parts; i++) {
        const Leadbus__BundlePart *part = ret->bundle->parts[i];
        size_t known = 0;
        while (known < PLAN_PART_COUNT_MAX && strcmp(plan_part_names[known], part->name) != 0)
            known++;
        if (known == PLAN_PART_COUNT_MAX) continue;
        if (ret->part_count == PLAN_PART_COUNT_MAX)
            return error_say(ret_error, E_BAD_TABLE, plan_part_names[known], "重复给出",
                             "given twice");
        ret->parts[ret->part_count++] = (struct plan_part){
            plan_part_names[known], bytes_of(part->content.data, part->content.len)};
    }
    return 0;
}

int tool_plan_load(const char *name, struct tool_plan *ret, struct error *ret_error)
{
    struct stat state;
    int rc = 0;
    *ret = (struct tool_plan){.name = name};
    arena_init(&ret->arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
    if (!name) {
        CHECK(tool_shipped_count <= PLAN_PART_COUNT_MAX);
        memcpy(ret->parts, tool_shipped, tool_shipped_count * sizeof *tool_shipped);
        ret->part_count = tool_shipped_count;
    } else if (stat(name, &state) != 0) {
        rc = file_said(ret_error, errno == ENOENT ? E_NOT_FOUND : E_IO, name, NULL, errno);
    } else if (S_ISDIR(state.st_mode)) {
        rc = load_folder(name, ret, ret_error);
    } else {
        rc = load_bundle(name, ret, ret_error);
    }
    if (rc == 0) rc = plan_parse(ret->parts, ret->part_count, &ret->plan, ret_error);
    if (rc != 0) tool_plan_fini(ret);
    return rc;
}

void tool_plan_fini(struct tool_plan *plan)
{
    plan_free(plan->plan);
    plan_folder_fini(&plan->folder);
    arena_fini(&plan->arena);
    *plan = (struct tool_plan){0};
}

void tool_plan_digest(const struct tool_plan *plan, char ret_hex[TOOL_DIGEST_LEN])
{
    struct buf all = {0};
    uint8_t hash[32];
    for (size_t known = 0; known < PLAN_PART_COUNT_MAX; known++) {
        for (size_t i = 0; i < plan->part_count; i++) {
            if (strcmp(plan->parts[i].name, plan_part_names[known]) != 0) continue;
            buf_printf(&all, "%s %zu\n", plan->parts[i].name, plan->parts[i].content.len);
            buf_append_bytes(&all, plan->parts[i].content);
        }
    }
    sha256(buf_bytes(&all), hash);
    hex_encode(bytes_of(hash, sizeof hash), ret_hex);
    buf_fini(&all);
}

/* ---- who holds keys */

static bool revoked(const Leadbus__Revocations *revocations, uint64_t serial, uint64_t at_ms)
{
    for (size_t i = 0; revocations && i < revocations->n_revoked; i++)
        if (revocations->revoked[i]->serial == serial && revocations->revoked[i]->time_ms <= at_ms)
            return true;
    return false;
}

static bool keyed(const Leadbus__Directory *directory, const Leadbus__Certificate *row,
                  uint64_t at_ms, struct arena *arena)
{
    struct trust_certificate certificate = {.serial = row->serial, .unit = row->unit};
    if (row->identity.len != sizeof certificate.identity) return false;
    memcpy(certificate.identity, row->identity.data, sizeof certificate.identity);
    for (size_t i = 0; i < directory->n_epoch_keys; i++) {
        const Leadbus__EpochKeyBody *body = NULL;
        if (trust_epoch_key_check(&certificate, directory->epoch_keys[i], arena, &body, NULL) ==
                0 &&
            body->not_before_ms <= at_ms && at_ms < body->not_after_ms)
            return true;
    }
    return false;
}

static const ProtobufCMessage *part_of(struct tool_plan *plan, const char *name,
                                       const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCMessage *message = NULL;
    for (size_t i = 0; plan->bundle && i < plan->bundle->n_parts; i++) {
        const Leadbus__BundlePart *part = plan->bundle->parts[i];
        struct bytes content = bytes_of(part->content.data, part->content.len);
        if (strcmp(part->name, name) != 0) continue;
        if (message_decode(descriptor, content, &plan->arena, &message, NULL) != 0) return NULL;
    }
    return message;
}

int tool_plan_holders(struct tool_plan *plan, const char *directory_path, uint64_t at_ms,
                      struct plan_key_holders *ret, struct error *ret_error)
{
    const Leadbus__Directory *directory =
        (const Leadbus__Directory *)part_of(plan, "directory", &leadbus__directory__descriptor);
    const Leadbus__Revocations *revocations = (const Leadbus__Revocations *)part_of(
        plan, "revocations", &leadbus__revocations__descriptor);
    if (directory_path) {
        const ProtobufCMessage *message = NULL;
        struct buf bytes = {0};
        int rc = file_read_regular(directory_path, LIMIT_BUNDLE_BYTES_MAX, &bytes, ret_error);
        if (rc == 0)
            rc = message_decode(&leadbus__directory__descriptor, buf_bytes(&bytes), &plan->arena,
                                &message, ret_error);
        buf_fini(&bytes);
        if (rc != 0) return rc;
        directory = (const Leadbus__Directory *)message;
    }
    if (!directory)
        return error_say(ret_error, E_MISSING_FIELD, "directory", "方案包中没有名录",
                         "the bundle carries no directory");
    *ret = (struct plan_key_holders){{{0}}, {{0}}};
    for (size_t i = 0; i < directory->n_certificates; i++) {
        const Leadbus__Certificate *row = directory->certificates[i];
        uint16_t unit = plan_unit_find(plan->plan, row->unit);
        bool role =
            row->role == LEADBUS__ROLE__ROLE_UNIT || row->role == LEADBUS__ROLE__ROLE_OFFICE;
        if (unit == PLAN_UNIT_NONE || !role || at_ms < row->not_before_ms ||
            at_ms >= row->not_after_ms || revoked(revocations, row->serial, at_ms))
            continue;
        plan_unit_set_add(&ret->certified, unit);
        if (keyed(directory, row, at_ms, &plan->arena)) plan_unit_set_add(&ret->keyed, unit);
    }
    return 0;
}

/* ---- small things */

int tool_day(const char *text, uint64_t fallback_ms, uint64_t *ret_ms, struct error *ret_error)
{
    *ret_ms = fallback_ms;
    if (text && !day_parse(text, ret_ms))
        return error_say(ret_error, E_BAD_VALUE, "--at", "%.40s：应为日期，如 2022-03-10",
                         "%.40s: a day such as 2022-03-10", text);
    return 0;
}

uint64_t tool_now_ms(void)
{
    struct timespec now = {0};
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

json_t *tool_json_text(const char *text)
{
    return text && text[0] ? json_string(text) : json_null();
}

int tool_print(struct bytes text)
{
    struct error error = {0};
    if (fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0) return 0;
    return tool_fail(file_said(&error, E_IO, "-", NULL, errno), &error);
}

int tool_print_json(json_t *value)
{
    int rc = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(value);
    if (rc == 0) rc = putchar('\n') == EOF ? -1 : fflush(stdout);
    struct error error = {0};
    if (rc != 0) return tool_fail(file_said(&error, E_IO, "-", NULL, errno), &error);
    return 0;
}
