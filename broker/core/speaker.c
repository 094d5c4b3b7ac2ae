/* Who may speak at all, and how the record of a decision begins. */
#include <string.h>

#include "broker/core/core_inner.h"

uint32_t core_rules(const struct core_request *request)
{
    return request->rules ? request->rules : RECORD_RULES_VERSION;
}

Leadbus__Record core_record(const struct core_request *request, uint64_t now_ms,
                            Leadbus__Record__WhatCase what)
{
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    record.rules = core_rules(request);
    record.time_ms = now_ms;
    record.what_case = what;
    return record;
}

int core_admit_speaker(const struct core *core, const struct core_request *request, uint64_t serial,
                       const char *unit, uint32_t suite, uint64_t now_ms,
                       const struct trust_certificate **ret_certificate, struct error *ret_error)
{
    const struct trust_certificate *certificate;
    if (request->conn_serial != serial)
        return error_say(ret_error, E_IDENTITY_MISMATCH, "serial",
                         "连接的证书序号为 %llu，消息的为 %llu",
                         "the connection is of serial %llu, the message of %llu",
                         (unsigned long long)request->conn_serial, (unsigned long long)serial);
    if (!core->now.bundle)
        return error_say(ret_error, E_BUNDLE_UNKNOWN, "bundle", "总线尚未装入方案包",
                         "no bundle is installed");
    int r = trust_verdict(core->now.bundle, serial, unit, now_ms, suite, &certificate, ret_error);
    if (r != 0) return r;
    if (certificate->role != LEADBUS__ROLE__ROLE_UNIT &&
        certificate->role != LEADBUS__ROLE__ROLE_OFFICE)
        return error_say(ret_error, E_ROLE_NOT_ALLOWED, "serial", "角色 %d 不得发送",
                         "role %d does not send", (int)certificate->role);
    if (!request->signature_checked ||
        memcmp(request->checked_key, certificate->identity, SUITE_PUBLIC_LEN) != 0)
        return error_say(
            ret_error, E_SIGNATURE_INVALID, "signature", "未能用证书 %llu 的身份密钥核验",
            "not checked under the identity key of serial %llu", (unsigned long long)serial);
    *ret_certificate = certificate;
    return 0;
}
