#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/line.h"
#include "proto/record.h"

enum { PART_COUNT = PLAN_PART_COUNT_MAX + 3, BROKER_COUNT_MAX = 16, ENDPOINT_COUNT_MAX = 8 };

struct bundle_work {
    const char *plan_folder, *directory_path, *previous_path, *out;
    const char *reason;
    struct options_list root_paths, brokers, revoke;
    uint64_t now_ms, expire_days, hard_days;
    struct arena arena;
    struct ca_plan plan;
    struct buf directory_bytes, previous_bytes, roots[16];
    const Leadbus__Bundle *previous; /* NULL: the first bundle */
    struct trust_manifest previous_stated;
    Leadbus__Directory directory;
    Leadbus__Revocations revocations;
    Leadbus__Revocation **revoked;
    Leadbus__Brokers broker_part;
    struct trust_root root;
};

static void *claim(struct bundle_work *work, size_t len)
{
    void *piece = arena_alloc(&work->arena, len ? len : 1);
    CHECK(piece != NULL);
    return piece;
}

/* ---- what comes in */

static int read_previous(struct bundle_work *work, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    struct bytes text;
    if (!work->previous_path) return 0;
    int rc =
        file_read(work->previous_path, LIMIT_BUNDLE_BYTES_MAX, &work->previous_bytes, ret_error);
    if (rc == 0)
        rc = message_decode(&leadbus__bundle__descriptor, buf_bytes(&work->previous_bytes),
                            &work->arena, &message, ret_error);
    if (rc != 0) return rc;
    work->previous = (const Leadbus__Bundle *)message;
    rc = ca_note_text(ca_binary(work->previous->manifest), &text, ret_error);
    if (rc == 0) rc = trust_manifest_parse(text, &work->previous_stated, ret_error);
    return rc;
}

/* The roots given, or those of the previous bundle; work->root is the newest. */
static int read_roots(struct bundle_work *work, Leadbus__Bundle *bundle, struct error *ret_error)
{
    int rc = 0;
    size_t given = work->root_paths.count;
    if (given > sizeof work->roots / sizeof work->roots[0])
        return error_set(ret_error, E_TOO_LARGE, "--root", "%zu", given);
    for (size_t i = 0; rc == 0 && i < given; i++)
        rc = file_read(work->root_paths.items[i], LIMIT_NOTE_BYTES_MAX, &work->roots[i], ret_error);
    if (rc != 0) return rc;
    bundle->n_roots = given ? given : work->previous ? work->previous->n_roots : 0;
    bundle->roots = claim(work, bundle->n_roots * sizeof *bundle->roots);
    for (size_t i = 0; i < bundle->n_roots; i++)
        bundle->roots[i] = given ? ca_borrow(buf_bytes(&work->roots[i])) : work->previous->roots[i];
    return ca_bundle_root(bundle, &work->root, ret_error);
}

static int read_directory(struct bundle_work *work, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int rc =
        file_read(work->directory_path, LIMIT_BUNDLE_BYTES_MAX, &work->directory_bytes, ret_error);
    if (rc == 0)
        rc = message_decode(&leadbus__directory__descriptor, buf_bytes(&work->directory_bytes),
                            &work->arena, &message, ret_error);
    if (rc == 0) work->directory = *(const Leadbus__Directory *)message;
    return rc;
}

/* ---- revocations */

static const Leadbus__Certificate *certificate_of(const struct bundle_work *work, uint64_t serial)
{
    for (size_t i = 0; i < work->directory.n_certificates; i++)
        if (work->directory.certificates[i]->serial == serial)
            return work->directory.certificates[i];
    return NULL;
}

static const Leadbus__BundlePart *previous_part(const struct bundle_work *work, const char *name)
{
    for (size_t i = 0; work->previous && i < work->previous->n_parts; i++)
        if (strcmp(work->previous->parts[i]->name, name) == 0) return work->previous->parts[i];
    return NULL;
}

/* A certificate that was replaced stands in the directory no more, and is to be revoked all the
 * same: who holds its keys must not come back with an older directory. */
static int find_revocable(struct bundle_work *work, uint64_t serial, bool *ret_found,
                          struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    const Leadbus__BundlePart *before = previous_part(work, "directory");
    *ret_found = certificate_of(work, serial) != NULL;
    if (*ret_found || !before) return 0;
    int rc = message_decode(&leadbus__directory__descriptor, ca_binary(before->content),
                            &work->arena, &message, ret_error);
    if (rc != 0) return rc;
    const Leadbus__Directory *earlier = (const Leadbus__Directory *)message;
    for (size_t i = 0; i < earlier->n_certificates; i++)
        if (earlier->certificates[i]->serial == serial) *ret_found = true;
    return 0;
}

static int carry_revocations(struct bundle_work *work, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    const Leadbus__BundlePart *before = previous_part(work, "revocations");
    work->revocations = (Leadbus__Revocations)LEADBUS__REVOCATIONS__INIT;
    if (before) {
        int rc = message_decode(&leadbus__revocations__descriptor, ca_binary(before->content),
                                &work->arena, &message, ret_error);
        if (rc != 0) return rc;
        work->revocations = *(const Leadbus__Revocations *)message;
    }
    work->revoked =
        calloc(work->revocations.n_revoked + work->revoke.count + 1, sizeof(Leadbus__Revocation *));
    CHECK(work->revoked != NULL);
    if (work->revocations.n_revoked > 0)
        memcpy(work->revoked, work->revocations.revoked,
               work->revocations.n_revoked * sizeof(Leadbus__Revocation *));
    work->revocations.revoked = work->revoked;
    return 0;
}

static int add_revocation(struct bundle_work *work, const char *text, struct error *ret_error)
{
    uint64_t serial = 0;
    bool found = false;
    Leadbus__Revocations *list = &work->revocations;
    if (line_u64(bytes_of_str(text), &serial)) {
        int rc = find_revocable(work, serial, &found, ret_error);
        if (rc != 0) return rc;
    }
    if (!found)
        return error_say(ret_error, E_BAD_VALUE, "--revoke",
                         "名录和上一版方案包中都没有序列号 %.20s",
                         "no serial %.20s in the directory or the previous bundle", text);
    /* Ascending: the part has one order. */
    size_t at = 0;
    while (at < list->n_revoked && list->revoked[at]->serial < serial) at++;
    if (at < list->n_revoked && list->revoked[at]->serial == serial)
        return error_set(ret_error, E_DUPLICATE, "--revoke", "%s", text);
    Leadbus__Revocation *row = claim(work, sizeof *row);
    *row = (Leadbus__Revocation)LEADBUS__REVOCATION__INIT;
    row->serial = serial;
    row->time_ms = work->now_ms;
    row->reason = (char *)(uintptr_t)work->reason;
    memmove(&list->revoked[at + 1], &list->revoked[at],
            (list->n_revoked - at) * sizeof(Leadbus__Revocation *));
    list->revoked[at] = row;
    list->n_revoked++;
    return 0;
}

/* Nobody should seal to a key that a revoked identity vouches for. */
static void drop_epoch_keys(struct bundle_work *work, uint64_t serial)
{
    const Leadbus__Certificate *from = certificate_of(work, serial);
    size_t kept = 0;
    if (!from || from->identity.len != SUITE_PUBLIC_LEN) return;
    struct trust_certificate revoked = {.serial = from->serial, .unit = from->unit};
    memcpy(revoked.identity, from->identity.data, SUITE_PUBLIC_LEN);
    for (size_t i = 0; i < work->directory.n_epoch_keys; i++) {
        const Leadbus__EpochKeyBody *body = NULL;
        Leadbus__EpochKey *key = work->directory.epoch_keys[i];
        if (trust_epoch_key_check(&revoked, key, &work->arena, &body, NULL) == 0) continue;
        work->directory.epoch_keys[kept++] = key;
    }
    work->directory.n_epoch_keys = kept;
}

static int make_revocations(struct bundle_work *work, struct error *ret_error)
{
    int rc = carry_revocations(work, ret_error);
    if (rc == 0 && work->revoke.count > 0 && (!work->reason || !slug_valid(work->reason)))
        rc = error_say(ret_error, E_MISSING_FIELD, "--reason", "吊销须给出原因代码，如 key-lost",
                       "a code such as key-lost is needed");
    for (size_t i = 0; rc == 0 && i < work->revoke.count; i++)
        rc = add_revocation(work, work->revoke.items[i], ret_error);
    if (rc == 0 && work->revoke.count > 0) work->revocations.number++;
    for (size_t i = 0; rc == 0 && i < work->revocations.n_revoked; i++) {
        CHECK(work->revocations.revoked[i]);
        drop_epoch_keys(work, work->revocations.revoked[i]->serial);
    }
    return rc;
}

/* ---- brokers */

static const Leadbus__Certificate *broker_named(const struct bundle_work *work, const char *name,
                                                size_t len)
{
    const Leadbus__Certificate *found = NULL;
    for (size_t i = 0; i < work->directory.n_certificates; i++) {
        const Leadbus__Certificate *one = work->directory.certificates[i];
        if (one->role != LEADBUS__ROLE__ROLE_BROKER || strlen(one->unit) != len ||
            memcmp(one->unit, name, len) != 0)
            continue;
        if (!found || one->serial > found->serial) found = one;
    }
    return found;
}

/* NAME=ENDPOINT[,ENDPOINT...] */
static int add_broker(struct bundle_work *work, const char *text, struct error *ret_error)
{
    const char *equals = strchr(text, '=');
    const Leadbus__Certificate *certificate =
        equals ? broker_named(work, text, (size_t)(equals - text)) : NULL;
    if (!certificate)
        return error_say(ret_error, E_BAD_VALUE, "--broker",
                         "%.80s：应为 名称=地址，且名称有 broker 证书",
                         "%.80s: should be NAME=ENDPOINT of an issued broker", text);
    Leadbus__BrokerAddress *address = claim(work, sizeof *address);
    *address = (Leadbus__BrokerAddress)LEADBUS__BROKER_ADDRESS__INIT;
    address->serial = certificate->serial;
    address->endpoints = claim(work, ENDPOINT_COUNT_MAX * sizeof *address->endpoints);
    size_t len = strlen(equals + 1);
    char *copy = claim(work, len + 1);
    memcpy(copy, equals + 1, len + 1);
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = 0;
        if (address->n_endpoints == ENDPOINT_COUNT_MAX)
            return error_say(ret_error, E_TOO_LARGE, "--broker", "每个至多 %d 个地址",
                             "at most %d addresses each", ENDPOINT_COUNT_MAX);
        if (!ca_endpoint_valid(at))
            return error_say(ret_error, E_BAD_VALUE, "--broker",
                             "%.100s：应为 tcp://主机:端口 或 ipc://路径",
                             "%.100s: should be tcp://HOST:PORT or ipc://PATH", at);
        address->endpoints[address->n_endpoints++] = at;
        at = comma ? comma + 1 : NULL;
    }
    work->broker_part.brokers[work->broker_part.n_brokers++] = address;
    return 0;
}

/* The addresses of the previous bundle, for the certificates that its brokers have now. */
static int carry_brokers(struct bundle_work *work, struct error *ret_error)
{
    const Leadbus__BundlePart *before = previous_part(work, "brokers");
    const Leadbus__BundlePart *names = previous_part(work, "directory");
    const ProtobufCMessage *message = NULL, *directory = NULL;
    if (!before || !names) return 0;
    int rc = message_decode(&leadbus__brokers__descriptor, ca_binary(before->content), &work->arena,
                            &message, ret_error);
    if (rc == 0)
        rc = message_decode(&leadbus__directory__descriptor, ca_binary(names->content),
                            &work->arena, &directory, ret_error);
    if (rc != 0) return rc;
    const Leadbus__Brokers *brokers = (const Leadbus__Brokers *)message;
    const Leadbus__Directory *old = (const Leadbus__Directory *)directory;
    for (size_t i = 0; i < brokers->n_brokers && i < BROKER_COUNT_MAX; i++) {
        const Leadbus__Certificate *now = NULL;
        for (size_t k = 0; k < old->n_certificates && !now; k++)
            if (old->certificates[k]->serial == brokers->brokers[i]->serial)
                now = broker_named(work, old->certificates[k]->unit,
                                   strlen(old->certificates[k]->unit));
        if (!now) continue;
        Leadbus__BrokerAddress *address = claim(work, sizeof *address);
        *address = *brokers->brokers[i];
        address->serial = now->serial;
        work->broker_part.brokers[work->broker_part.n_brokers++] = address;
    }
    return 0;
}

static int make_brokers(struct bundle_work *work, struct error *ret_error)
{
    int rc = 0;
    work->broker_part = (Leadbus__Brokers)LEADBUS__BROKERS__INIT;
    work->broker_part.brokers = claim(work, BROKER_COUNT_MAX * sizeof(Leadbus__BrokerAddress *));
    if (work->brokers.count > BROKER_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "--broker", "至多 %d 个", "at most %d",
                         BROKER_COUNT_MAX);
    for (size_t i = 0; rc == 0 && i < work->brokers.count; i++)
        rc = add_broker(work, work->brokers.items[i], ret_error);
    if (rc == 0 && work->brokers.count == 0) rc = carry_brokers(work, ret_error);
    return rc == 0 ? ca_brokers_check(&work->broker_part, ret_error) : rc;
}

/* ---- what goes out */

static void put_part(Leadbus__Bundle *bundle, struct trust_manifest *stated, const char *name,
                     struct bytes content)
{
    size_t i = bundle->n_parts++;
    CHECK(i < PART_COUNT);
    *bundle->parts[i] = (Leadbus__BundlePart)LEADBUS__BUNDLE_PART__INIT;
    bundle->parts[i]->name = (char *)(uintptr_t)name;
    bundle->parts[i]->content = ca_borrow(content);
    struct trust_manifest_part *line = &stated->parts[stated->part_count++];
    (void)snprintf(line->name, sizeof line->name, "%s", name);
    line->size = content.len;
    sha256(content, line->sha256);
}

static void state(const struct bundle_work *work, struct trust_manifest *stated)
{
    const struct trust_manifest *previous = work->previous ? &work->previous_stated : NULL;
    (void)snprintf(stated->bus, sizeof stated->bus, "%s", work->root.bus);
    stated->version = previous ? previous->version + 1 : 1;
    stated->issued_ms = work->now_ms;
    stated->expires_ms = work->now_ms + work->expire_days * CA_DAY_MS;
    stated->hard_limit_ms = work->now_ms + work->hard_days * CA_DAY_MS;
    stated->min_suite = previous ? previous->min_suite : SUITE_1;
    stated->revocation = work->revocations.number;
    stated->root_version = work->root.version;
    struct bytes text;
    if (previous && ca_note_text(ca_binary(work->previous->manifest), &text, NULL) == 0)
        sha256(text, stated->previous);
}

static int check_previous(const struct bundle_work *work, struct error *ret_error)
{
    if (!work->previous) return 0;
    if (strcmp(work->previous_stated.bus, work->root.bus) != 0)
        return error_set(ret_error, E_ORIGIN_MISMATCH, work->previous_path, "%s",
                         work->previous_stated.bus);
    if (work->now_ms < work->previous_stated.issued_ms)
        return error_say(ret_error, E_CLOCK_SUSPECT, work->previous_path,
                         "上一版的签发时间晚于现在", "the previous version was issued later");
    return 0;
}

static int write_bundle(struct bundle_work *work, Leadbus__Bundle *bundle, struct error *ret_error)
{
    Leadbus__BundlePart parts[PART_COUNT], *part_list[PART_COUNT];
    static struct trust_manifest stated;
    struct buf directory = {0}, revocations = {0}, brokers = {0};
    struct buf text = {0}, note = {0}, bytes = {0};
    for (size_t i = 0; i < PART_COUNT; i++) part_list[i] = &parts[i];
    bundle->parts = part_list;
    message_encode(&work->directory.base, &directory);
    message_encode(&work->revocations.base, &revocations);
    message_encode(&work->broker_part.base, &brokers);
    state(work, &stated);
    put_part(bundle, &stated, "directory", buf_bytes(&directory));
    put_part(bundle, &stated, "revocations", buf_bytes(&revocations));
    put_part(bundle, &stated, "brokers", buf_bytes(&brokers));
    for (size_t i = 0; i < work->plan.folder.part_count; i++)
        put_part(bundle, &stated, work->plan.folder.parts[i].name,
                 work->plan.folder.parts[i].content);
    int rc = trust_manifest_format(&stated, &text, ret_error);
    if (rc == 0) rc = note_begin(&note, buf_bytes(&text), ret_error);
    if (rc == 0) {
        bundle->manifest = ca_borrow(buf_bytes(&note));
        message_encode(&bundle->base, &bytes);
        rc = ca_bundle_check(buf_bytes(&bytes), ret_error);
    }
    if (rc == 0) rc = file_write_atomic(work->out, buf_bytes(&bytes), 0644, ret_error);
    if (rc == 0)
        printf(T("方案包草稿：%s（第 %" PRIu64 " 版，%zu 张证书，待 %u 人签名）\n%.*s",
                 "bundle draft: %s (version %" PRIu64 ", %zu certificates, %u must sign)\n%.*s"),
               work->out, stated.version, work->directory.n_certificates,
               work->root.threshold_bundle, (int)text.len, (const char *)text.data);
    buf_fini(&directory);
    buf_fini(&revocations);
    buf_fini(&brokers);
    buf_fini(&text);
    buf_fini(&note);
    buf_fini(&bytes);
    return rc;
}

static int run(struct bundle_work *work, struct error *ret_error)
{
    Leadbus__Bundle bundle = LEADBUS__BUNDLE__INIT;
    int rc = ca_plan_load(work->plan_folder, &work->plan, ret_error);
    if (rc == 0) rc = read_previous(work, ret_error);
    if (rc == 0) rc = read_roots(work, &bundle, ret_error);
    if (rc == 0) rc = check_previous(work, ret_error);
    if (rc == 0) rc = read_directory(work, ret_error);
    if (rc == 0) rc = make_revocations(work, ret_error);
    if (rc == 0) rc = make_brokers(work, ret_error);
    if (rc == 0) rc = write_bundle(work, &bundle, ret_error);
    ca_plan_fini(&work->plan);
    buf_fini(&work->directory_bytes);
    buf_fini(&work->previous_bytes);
    for (size_t i = 0; i < sizeof work->roots / sizeof work->roots[0]; i++)
        buf_fini(&work->roots[i]);
    free(work->revoked);
    return rc;
}

int ca_bundle(int argc, char **argv)
{
    static struct bundle_work work;
    const char *expire_text = NULL, *hard_text = NULL, *now_text = NULL;
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
         .doc_zh = "名录草稿（issue 产生）",
         .doc_en = "directory draft, made by issue",
         .text = &work.directory_path},
        {.name = "root",
         .letter = 'r',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "信任根，版本递增可多次；默认取上一版所带",
         .doc_en = "root notes, ascending; those of the previous bundle if none",
         .list = &work.root_paths},
        {.name = "broker",
         .value_zh = "名称=地址",
         .value_en = "NAME=ENDPOINT",
         .doc_zh = "总线服务地址，逗号分隔，可多次；默认沿用上一版",
         .doc_en = "a broker's endpoints, separated by commas; may be repeated; those of the "
                   "previous bundle if none",
         .list = &work.brokers},
        {.name = "previous",
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "上一版方案包：版本加一，吊销沿用",
         .doc_en = "previous bundle: version plus one, revocations carried on",
         .text = &work.previous_path},
        {.name = "revoke",
         .value_zh = "序列号",
         .value_en = "SERIAL",
         .doc_zh = "吊销证书，可多次",
         .doc_en = "revoke a certificate; may be repeated",
         .list = &work.revoke},
        {.name = "reason",
         .value_zh = "代码",
         .value_en = "CODE",
         .doc_zh = "吊销原因代码，如 key-lost",
         .doc_en = "reason code, for instance key-lost",
         .text = &work.reason},
        {.name = "expire-days",
         .value_zh = "天",
         .value_en = "DAYS",
         .doc_zh = "到期告警天数，默认 30",
         .doc_en = "days until the alarm (30)",
         .text = &expire_text},
        {.name = "hard-days",
         .value_zh = "天",
         .value_en = "DAYS",
         .doc_zh = "停止普通发送天数，默认 90",
         .doc_en = "days until ordinary sending stops (90)",
         .text = &hard_text},
        {.name = "out",
         .letter = 'o',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "草稿写入此文件",
         .doc_en = "where the draft goes",
         .text = &work.out},
        CA_OPTION_NOW(&now_text),
    };
    const struct options_spec spec = {
        "leadbus-ca bundle",
        "--plan 目录 --directory 文件 --root 文件 --out 文件 [选项]",
        "--plan FOLDER --directory FILE --root FILE --out FILE [options]",
        "把方案、名录、吊销与服务地址合成方案包草稿，并显示待签名的清单全文。",
        "Puts plan, directory, revocations and broker addresses into a bundle draft and shows the\n"
        "manifest that is to be signed.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, work.plan_folder, "--plan");
    if (rc == 0) rc = options_need(&spec, work.directory_path, "--directory");
    if (rc == 0)
        rc = options_need(&spec, work.root_paths.count > 0 || work.previous_path,
                          T("--root（首版）或 --previous", "--root (first bundle) or --previous"));
    if (rc == 0) rc = options_need(&spec, work.out, "--out");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 0, 0);
    if (rc != 0) return options_exit_code(rc);
    arena_init(&work.arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 8);
    rc = ca_number("--expire-days", expire_text, 1, 3660, 30, &work.expire_days, &error);
    if (rc == 0)
        rc = ca_number("--hard-days", hard_text, work.expire_days, 3660,
                       work.expire_days > 90 ? work.expire_days : 90, &work.hard_days, &error);
    if (rc == 0) rc = ca_now(now_text, &work.now_ms, &error);
    if (rc == 0) rc = run(&work, &error);
    arena_fini(&work.arena);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
