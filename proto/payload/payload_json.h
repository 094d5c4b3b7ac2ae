/* payload_json: sections as JSON, by the descriptors of payload.proto and the rules of fields.def.
 *
 * Names are the proto field names. A time is an RFC 3339 string with its zone, or ms since 1970; it
 * is written as UTC with milliseconds. Fields that are not stated are left out when written; empty
 * strings and zeros mean not stated when read. A field that the message does not have, a value of
 * another JSON type, null and a template's blank are refused with their path. Reading does not
 * check values: follow it with payload_check on the bytes.
 *
 * Uses jansson, so no core may link it; no I/O, clock or entropy. Thread-safe. */
#ifndef PROTO_PAYLOAD_PAYLOAD_JSON_H
#define PROTO_PAYLOAD_PAYLOAD_JSON_H

#include <jansson.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/payload/payload.h"

enum { PAYLOAD_JSON_DEPTH_MAX = 12 };

/* Parses a JSON text from outside: strict UTF-8, duplicate keys refused, at most
 * PAYLOAD_JSON_DEPTH_MAX levels, an object on top, nothing behind it. *ret_object is the caller's
 * (json_decref). E_BAD_JSON with line and column in the detail. */
int payload_json_parse(struct bytes text, json_t **ret_object, struct error *ret_error) MUST_USE;

/* What jansson found wrong, in both languages: E_BAD_JSON with line and column. jansson quotes what
 * stands near the fault, which may be a person's data: that is cut. */
int payload_json_fault(const json_error_t *fault, const char *field,
                       struct error *ret_error) MUST_USE;

/* The protobuf bytes of a section given as a JSON object, appended to ret_section. `path` starts
 * every field of an error: the section's name. E_UNKNOWN_FIELD, E_BAD_VALUE (another type),
 * E_TOO_LARGE, E_NO_MEMORY; ret_section is untouched then. */
int payload_json_read(const struct payload_message *message, const json_t *object, const char *path,
                      struct buf *ret_section, struct error *ret_error) MUST_USE;

/* A section as a JSON object of the caller (json_decref). E_BAD_FORM: not this message. */
int payload_json_write(const struct payload_message *message, struct bytes section,
                       json_t **ret_object, struct error *ret_error) MUST_USE;

/* JSON Schema (2020-12) of a message: types, bounds, codes, labels in both languages. */
json_t *payload_json_schema(const struct payload_message *message);
/* An object with the example of every field that has one: it passes payload_check for every kind
 * whose topics ask for nothing more; payload_json_fit_topic makes it one of a topic. */
json_t *payload_json_example(const struct payload_message *message);

/* An object to be filled in: every field has a blank, "<<必填 required: 性别 sex: 1 男 male |
 * ...>>", which says in both languages whether it is required, what it is and what it may hold. A
 * blank that was left is refused wherever JSON is read (E_MISSING_FIELD), so no template is sent by
 * mistake. */
json_t *payload_json_template(const struct payload_message *message);
json_t *payload_json_blank(bool required, const char *label_zh, const char *label_en,
                           const char *allowed);
bool payload_json_is_blank(const char *text);
/* The fields of an example or template that must repeat the topic. */
void payload_json_set_topic(const struct payload_message *message, const char *topic,
                            json_t *object);
/* Makes an example that of a topic: what must repeat it does, what it excludes is left out, what it
 * needs is there. It passes payload_check with that topic then. */
void payload_json_fit_topic(const struct payload_message *message, const char *topic,
                            json_t *object);

#endif
