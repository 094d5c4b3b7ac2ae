/* payload_cross: rules that look at more than one field, or at a field and the header's topic.
 *
 * They are rows of rules.def; what one field allows belongs into fields.def. Pure; thread-safe. */
#ifndef PROTO_PAYLOAD_PAYLOAD_CROSS_H
#define PROTO_PAYLOAD_PAYLOAD_CROSS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "proto/base/error.h"

enum payload_rule_kind {
    PAYLOAD_RULE_SAME_AS_TOPIC,
    PAYLOAD_RULE_NEEDS,
    PAYLOAD_RULE_EXCLUDES,
    PAYLOAD_RULE_REFUSES,
    PAYLOAD_RULE_NOT_BEFORE,
    PAYLOAD_RULE_AFTER,
};

#define PAYLOAD_RULE_TOPIC "@topic" /* in place of a field: the header's topic */

/* A row of rules.def. Strings are never NULL. */
struct payload_rule {
    const ProtobufCMessageDescriptor *message;
    enum payload_rule_kind kind;
    const char *field;
    const char *value;
    const char *other;
    const char *text_zh;
    const char *text_en;
};
const struct payload_rule *payload_rule_at(size_t index); /* NULL behind the last one */

struct payload_cross {
    const char *topic; /* NULL or "": none */
    bool as_stated;    /* what is missing by a rule is a remark */
    void (*remark)(void *ctx, const char *path);
    void *ctx;
};

/* Checks a message whose fields have passed one by one. `path` is where it stands ("full"). Errors:
 * E_MISSING_FIELD, E_BAD_VALUE, with the path of the field. Messages without such rules pass. */
int payload_cross_check(const ProtobufCMessage *content, const struct payload_cross *cross,
                        const char *path, struct error *ret_error) MUST_USE;

#endif
