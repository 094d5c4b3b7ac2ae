/* payload_cross: rules that look at more than one field, or at a field and the header's topic.
 *
 * Few on purpose: what one field allows belongs into fields.def. Pure; thread-safe. */
#ifndef PROTO_PAYLOAD_PAYLOAD_CROSS_H
#define PROTO_PAYLOAD_PAYLOAD_CROSS_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/error.h"

/* Checks a message whose fields have passed one by one. `path` is where it stands ("full"). Errors:
 * E_MISSING_FIELD, E_BAD_VALUE, with the path of the field. Messages without such rules pass. */
int payload_cross_check(const ProtobufCMessage *content, const char *topic, const char *path,
                        struct error *ret_error) MUST_USE;

#endif
