#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/record.h"

enum { CERTIFICATE_COUNT_MAX = LIMIT_UNIT_COUNT_MAX * 8, SUITES_OF_NOW = SUITE_1 };

struct issue_work {
    const char *plan_folder, *directory;
    bool replace;
    uint64_t now_ms, days;
    struct ca_plan plan;
    struct arena arena; /* the draft and the requests, decoded */
    struct buf draft;   /* as read */
    uint64_t serial_next;
    size_t certificate_count, epoch_key_count, epoch_key_room;
    Leadbus__Certificate *certificates[CERTIFICATE_COUNT_MAX];
    Leadbus__EpochKey **epoch_keys;
};

static int add_epoch_keys(struct issue_work *work, Leadbus__EpochKey *const *keys, size_t count)
{
    if (work->epoch_key_count + count > work->epoch_key_room) {
        size_t room = (work->epoch_key_count + count) * 2;
        Leadbus__EpochKey **grown = realloc(work->epoch_keys, room * sizeof(Leadbus__EpochKey *));
        if (!grown) return E_NO_MEMORY;
        work->epoch_keys = grown;
        work->epoch_key_room = room;
    }
    for (size_t i = 0; i < count; i++) work->epoch_keys[work->epoch_key_count++] = keys[i];
    return 0;
}

static int read_draft(struct issue_work *work, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    work->serial_next = 1;
    int rc = file_read(work->directory, LIMIT_BUNDLE_BYTES_MAX, &work->draft, ret_error);
    if (rc == E_NOT_FOUND) return 0;
    if (rc == 0)
        rc = message_decode(&leadbus__directory__descriptor, buf_bytes(&work->draft), &work->arena,
                            &message, ret_error);
    if (rc != 0) return rc;
    const Leadbus__Directory *draft = (const Leadbus__Directory *)message;
    if (draft->n_certificates > CERTIFICATE_COUNT_MAX)
        return error_set(ret_error, E_TOO_LARGE, work->directory, "%zu", draft->n_certificates);
    for (size_t i = 0; i < draft->n_certificates; i++) {
        work->certificates[work->certificate_count++] = draft->certificates[i];
        if (draft->certificates[i]->serial >= work->serial_next)
            work->serial_next = draft->certificates[i]->serial + 1;
    }
    return add_epoch_keys(work, draft->epoch_keys, draft->n_epoch_keys);
}

static int check_unit(const struct issue_work *work, const Leadbus__EnrolmentRequestBody *body,
                      struct error *ret_error)
{
    uint16_t index = plan_unit_find(work->plan.plan, body->unit);
    /* A broker is no unit of the plan and may not bear the name of one. */
    if (body->role == LEADBUS__ROLE__ROLE_BROKER)
        return index == PLAN_UNIT_NONE ? 0
                                       : error_say(ret_error, E_ROLE_NOT_ALLOWED, body->unit,
                                                   "单位不能充当总线服务", "a unit is no broker");
    if (index == PLAN_UNIT_NONE)
        return error_say(ret_error, E_UNIT_UNKNOWN, body->unit, "方案中没有这个单位",
                         "the plan has no such unit");
    if (plan_unit(work->plan.plan, index)->successor != PLAN_UNIT_NONE)
        return error_say(ret_error, E_UNIT_UNKNOWN, body->unit, "该单位已由其他单位承继",
                         "the unit has a successor");
    if (body->role == LEADBUS__ROLE__ROLE_OFFICE &&
        index != plan_unit_with_duty(work->plan.plan, PLAN_DUTY_OFFICE))
        return error_say(ret_error, E_ROLE_NOT_ALLOWED, body->unit, "不是联席会议办公室",
                         "is not the joint-conference office");
    return 0;
}

/* Takes out a party's certificates, and the epoch keys that bear its name. */
static void drop(struct issue_work *work, const Leadbus__EnrolmentRequestBody *body)
{
    size_t kept = 0;
    for (size_t i = 0; i < work->certificate_count; i++) {
        const Leadbus__Certificate *one = work->certificates[i];
        if (strcmp(one->unit, body->unit) == 0 && one->role == body->role) continue;
        work->certificates[kept++] = work->certificates[i];
    }
    work->certificate_count = kept;
    kept = 0;
    for (size_t i = 0; i < work->epoch_key_count; i++) {
        const ProtobufCMessage *message = NULL;
        struct bytes bytes = ca_binary(work->epoch_keys[i]->body);
        if (message_decode(&leadbus__epoch_key_body__descriptor, bytes, &work->arena, &message,
                           NULL) == 0 &&
            strcmp(((const Leadbus__EpochKeyBody *)message)->unit, body->unit) == 0)
            continue;
        work->epoch_keys[kept++] = work->epoch_keys[i];
    }
    work->epoch_key_count = kept;
}

static int check_others(struct issue_work *work, const Leadbus__EnrolmentRequestBody *body,
                        struct error *ret_error)
{
    bool held = false;
    for (size_t i = 0; i < work->certificate_count; i++) {
        const Leadbus__Certificate *one = work->certificates[i];
        if (strcmp(one->unit, body->unit) == 0 && one->role == body->role) {
            held = held || one->not_after_ms > work->now_ms;
            if (work->replace) continue;
        }
        if (bytes_equal(ca_binary(one->identity), ca_binary(body->identity)) ||
            bytes_equal(ca_binary(one->transport), ca_binary(body->transport)))
            return error_say(ret_error, E_EXISTS, body->unit, "密钥已属于序列号 %" PRIu64 "（%s）",
                             "serial %" PRIu64 " of %s has this key", one->serial, one->unit);
    }
    if (held && !work->replace)
        return error_say(ret_error, E_EXISTS, body->unit, "已有有效证书；换发请加 --replace",
                         "has a valid certificate; --replace issues another");
    if (work->replace) drop(work, body);
    return 0;
}

static void *claim(struct issue_work *work, size_t len)
{
    void *piece = arena_alloc(&work->arena, len);
    CHECK(piece != NULL);
    return piece;
}

static int issue_one(struct issue_work *work, const char *path, struct error *ret_error)
{
    struct buf bytes = {0};
    const Leadbus__EnrolmentRequestBody *body = NULL;
    struct error error = {0};
    int rc = file_read(path, LIMIT_FRAME_BYTES_MAX, &bytes, &error);
    if (rc == 0) rc = trust_request_open(buf_bytes(&bytes), &work->arena, &body, &error);
    if (rc == 0) rc = check_unit(work, body, &error);
    if (rc == 0) rc = check_others(work, body, &error);
    if (rc == 0 && work->certificate_count == CERTIFICATE_COUNT_MAX)
        rc = error_say(&error, E_TOO_LARGE, work->directory, "至多 %d 份证书",
                       "at most %d certificates", CERTIFICATE_COUNT_MAX);
    if (rc == 0) rc = add_epoch_keys(work, body->epoch_keys, body->n_epoch_keys);
    uint8_t hash[32];
    char fingerprint[65];
    sha256(buf_bytes(&bytes), hash);
    hex_encode(bytes_of(hash, sizeof hash), fingerprint);
    buf_fini(&bytes);
    if (rc != 0) return error_in(ret_error, error_carry(ret_error, rc, error.field, &error), path);
    Leadbus__Certificate *one = claim(work, sizeof *one);
    *one = (Leadbus__Certificate)LEADBUS__CERTIFICATE__INIT;
    one->serial = work->serial_next++;
    one->unit = body->unit;
    one->role = body->role;
    one->not_before_ms = work->now_ms;
    one->not_after_ms = work->now_ms + work->days * CA_DAY_MS;
    one->n_suites = 1;
    one->suites = claim(work, sizeof *one->suites);
    one->suites[0] = SUITES_OF_NOW;
    one->identity = body->identity;
    one->witness = body->witness;
    one->transport = body->transport;
    work->certificates[work->certificate_count++] = one;
    uint16_t index = plan_unit_find(work->plan.plan, one->unit);
    const struct plan_unit *unit =
        index == PLAN_UNIT_NONE ? NULL : plan_unit(work->plan.plan, index);
    printf("%8" PRIu64 "  %-10s %s%s%s\n          %s %s\n", one->serial, ca_role_name(one->role),
           one->unit, unit ? "  " : "", unit ? T(unit->name_zh, unit->name_en) : "",
           T("申请的指纹（须与申请单位当面核对）：",
             "fingerprint of the request (compare it with the unit in person):"),
           fingerprint);
    return 0;
}

static int run(struct issue_work *work, char **paths, size_t count, struct error *ret_error)
{
    struct buf bytes = {0};
    int rc = ca_plan_load(work->plan_folder, &work->plan, ret_error);
    if (rc == 0) rc = read_draft(work, ret_error);
    /* All or nothing: the draft is written when the last request held. */
    for (size_t i = 0; rc == 0 && i < count; i++) rc = issue_one(work, paths[i], ret_error);
    if (rc == 0) {
        Leadbus__Directory directory = LEADBUS__DIRECTORY__INIT;
        directory.certificates = work->certificates;
        directory.n_certificates = work->certificate_count;
        directory.epoch_keys = work->epoch_keys;
        directory.n_epoch_keys = work->epoch_key_count;
        message_encode(&directory.base, &bytes);
        rc = file_write_atomic(work->directory, buf_bytes(&bytes), 0644, ret_error);
    }
    if (rc == 0)
        printf(T("名录草稿：%s，共 %zu 张证书\n", "directory draft: %s, %zu certificates\n"),
               work->directory, work->certificate_count);
    buf_fini(&bytes);
    return rc;
}

int ca_issue(int argc, char **argv)
{
    static struct issue_work work;
    const char *days_text = NULL, *now_text = NULL;
    const struct options_row rows[] = {
        {.name = "plan",
         .value_zh = "目录",
         .value_en = "FOLDER",
         .doc_zh = "方案数据表目录",
         .doc_en = "folder with the plan's tables",
         .text = &work.plan_folder},
        {.name = "directory",
         .letter = 'd',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "名录草稿，没有则新建",
         .doc_en = "directory draft, made if it is not there",
         .text = &work.directory},
        {.name = "days",
         .value_zh = "天",
         .value_en = "DAYS",
         .doc_zh = "证书有效天数，默认 365",
         .doc_en = "days that a certificate is valid (365)",
         .text = &days_text},
        {.name = "replace",
         .doc_zh = "换发：以新证书取代同一单位同一角色的旧证书",
         .doc_en = "replace earlier certificates of the same unit and role",
         .flag = &work.replace},
        CA_OPTION_NOW(&now_text),
    };
    const struct options_spec spec = {
        "leadbus-ca issue",
        "--plan 目录 --directory 文件 申请...",
        "--plan FOLDER --directory FILE REQUEST...",
        "核验每份入网申请（自签名、弱密钥、单位在方案中），以新的序列号加入名录草稿。\n"
        "任何一份不合格则全部不写。草稿经方案包签名后才生效。",
        "Checks every request (possession of the key, weak keys, a unit of the plan) and adds a\n"
        "certificate with a fresh serial to the draft; writes nothing when one of them fails.\n"
        "A draft has no force until a bundle with it is signed.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, work.plan_folder, "--plan");
    if (rc == 0) rc = options_need(&spec, work.directory, "--directory");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 1, argc);
    if (rc != 0) return options_exit_code(rc);
    arena_init(&work.arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 8);
    rc = ca_number("--days", days_text, 1, 3660, 365, &work.days, &error);
    if (rc == 0) rc = ca_now(now_text, &work.now_ms, &error);
    if (rc == 0) rc = run(&work, argv + first, (size_t)(argc - first), &error);
    ca_plan_fini(&work.plan);
    arena_fini(&work.arena);
    buf_fini(&work.draft);
    free(work.epoch_keys);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
