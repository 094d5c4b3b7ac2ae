#include <inttypes.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/host/i18n.h"
#include "proto/record.h"

/* The parts of one bundle, decoded; empty ones where a part is not there or cannot be read. */
struct told {
    struct trust_manifest stated;
    const Leadbus__Directory *directory;
    const Leadbus__Revocations *revocations;
    const Leadbus__Brokers *brokers;
};

static const ProtobufCMessage *part_of(const Leadbus__Bundle *bundle, const char *name,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       struct arena *arena)
{
    const ProtobufCMessage *message = NULL;
    for (size_t i = 0; i < bundle->n_parts; i++)
        if (strcmp(bundle->parts[i]->name, name) == 0 &&
            message_decode(descriptor, ca_binary(bundle->parts[i]->content), arena, &message,
                           NULL) == 0)
            return message;
    return NULL;
}

static void read_told(const Leadbus__Bundle *bundle, struct arena *arena, struct told *ret)
{
    static const Leadbus__Directory no_directory = LEADBUS__DIRECTORY__INIT;
    static const Leadbus__Revocations no_revocations = LEADBUS__REVOCATIONS__INIT;
    static const Leadbus__Brokers no_brokers = LEADBUS__BROKERS__INIT;
    struct bytes text;
    memset(ret, 0, sizeof *ret);
    if (ca_note_text(ca_binary(bundle->manifest), &text, NULL) != 0 ||
        trust_manifest_parse(text, &ret->stated, NULL) != 0)
        memset(&ret->stated, 0, sizeof ret->stated);
    const ProtobufCMessage *message =
        part_of(bundle, "directory", &leadbus__directory__descriptor, arena);
    ret->directory = message ? (const Leadbus__Directory *)message : &no_directory;
    message = part_of(bundle, "revocations", &leadbus__revocations__descriptor, arena);
    ret->revocations = message ? (const Leadbus__Revocations *)message : &no_revocations;
    message = part_of(bundle, "brokers", &leadbus__brokers__descriptor, arena);
    ret->brokers = message ? (const Leadbus__Brokers *)message : &no_brokers;
}

static void tell_time(FILE *file, const char *label, uint64_t time_ms)
{
    char time[I18N_TIME_LEN];
    i18n_time(time_ms, time);
    (void)fprintf(file, "  ");
    i18n_pad(file, label, 16);
    (void)fprintf(file, "%s\n", time);
}

static bool has_serial(const Leadbus__Directory *directory, uint64_t serial)
{
    for (size_t i = 0; i < directory->n_certificates; i++)
        if (directory->certificates[i]->serial == serial) return true;
    return false;
}

static bool is_revoked(const Leadbus__Revocations *revocations, uint64_t serial)
{
    for (size_t i = 0; i < revocations->n_revoked; i++)
        if (revocations->revoked[i]->serial == serial) return true;
    return false;
}

static void tell_certificate(FILE *file, const char *sign, const Leadbus__Certificate *one)
{
    char identity[65], until[I18N_TIME_LEN];
    struct bytes key = ca_binary(one->identity);
    hex_encode(bytes_of(key.data, key.len < 32 ? key.len : 32), identity);
    i18n_time(one->not_after_ms, until);
    (void)fprintf(file, "  %s %6" PRIu64 "  %-9s %-24s %s  %.16s…\n", sign, one->serial,
                  ca_role_name(one->role), one->unit, until, identity);
}

/* Certificates of `here` that are not in `there`; how many. */
static size_t tell_missing(FILE *file, const char *sign, const Leadbus__Directory *here,
                           const Leadbus__Directory *there)
{
    size_t count = 0;
    for (size_t i = 0; i < here->n_certificates; i++) {
        if (there && has_serial(there, here->certificates[i]->serial)) continue;
        tell_certificate(file, sign, here->certificates[i]);
        count++;
    }
    return count;
}

/* That there is nothing is said: an empty list might as well be one that was cut off. */
static void tell_none(FILE *file, size_t count)
{
    if (count == 0) (void)fprintf(file, "%s\n", T("    无", "    none"));
}

static size_t tell_parts(FILE *file, const struct trust_manifest *now,
                         const struct trust_manifest *before)
{
    size_t count = 0;
    for (size_t i = 0; i < now->part_count; i++) {
        size_t k = 0;
        while (k < before->part_count && strcmp(before->parts[k].name, now->parts[i].name) != 0)
            k++;
        if (k < before->part_count &&
            memcmp(before->parts[k].sha256, now->parts[i].sha256, 32) == 0)
            continue;
        (void)fprintf(file, "  %s %s\n", k < before->part_count ? "~" : "+", now->parts[i].name);
        count++;
    }
    return count;
}

void ca_tell(FILE *file, const Leadbus__Bundle *bundle, const Leadbus__Bundle *previous,
             struct arena *arena)
{
    static struct told now, before;
    read_told(bundle, arena, &now);
    if (previous) read_told(previous, arena, &before);
    tell_time(file, T("签发", "issued"), now.stated.issued_ms);
    tell_time(file, T("到期告警", "expires"), now.stated.expires_ms);
    tell_time(file, T("停止普通发送", "hard limit"), now.stated.hard_limit_ms);
    for (size_t i = 0; i < now.brokers->n_brokers; i++)
        for (size_t k = 0; k < now.brokers->brokers[i]->n_endpoints; k++)
            (void)fprintf(file, "  %s %" PRIu64 "  %s\n", T("总线服务", "broker"),
                          now.brokers->brokers[i]->serial, now.brokers->brokers[i]->endpoints[k]);
    (void)fprintf(file, T("  证书 %zu 张%s：\n", "  %zu certificates%s:\n"),
                  now.directory->n_certificates,
                  previous ? T("，与现行版的差别", ", differences from the bundle in force") : "");
    size_t count = tell_missing(file, "+", now.directory, previous ? before.directory : NULL);
    if (previous) count += tell_missing(file, "-", before.directory, now.directory);
    tell_none(file, count);
    for (size_t i = 0; i < now.revocations->n_revoked; i++) {
        const Leadbus__Revocation *one = now.revocations->revoked[i];
        if (previous && is_revoked(before.revocations, one->serial)) continue;
        (void)fprintf(file, T("  吊销 %" PRIu64 "（%s）\n", "  revokes %" PRIu64 " (%s)\n"),
                      one->serial, one->reason);
    }
    if (previous) {
        (void)fprintf(file, "%s\n", T("  改动的组成部分：", "  parts that change:"));
        tell_none(file, tell_parts(file, &now.stated, &before.stated));
    }
}
