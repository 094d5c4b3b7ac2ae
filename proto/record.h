/* record: journal records, encoded canonically and decoded strictly; frames of the wire, decoded
 * within bounds.
 *
 * A record's bytes are a leaf of the tree. Encoding the same decision twice gives the same bytes
 * (protobuf-c writes fields in ascending order, no defaults, no unknown fields): the re-decision of
 * replay compares bytes. Pure. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/envelope.h"
#include "proto/schema/record.pb-c.h"
#include "proto/schema/wire.pb-c.h"

enum { RECORD_RULES_VERSION = 2 };

/* Appends the encoding. E_TOO_LARGE above LIMIT_RECORD_BYTES_MAX. */
int record_encode(const Leadbus__Record *record, struct buf *ret_bytes,
                  struct error *ret_error) MUST_USE;
/* Borrowed from arena. Unknown fields, a missing body, or an encoding that does not re-encode to
 * the same bytes: E_BAD_FORM. */
int record_decode(struct bytes input, struct arena *arena, const Leadbus__Record **ret,
                  struct error *ret_error) MUST_USE;
/* The accepted record's bytes, from an envelope (no ciphertexts), for sender and recipient to
 * rebuild the leaf that a proof is about. */
int record_of_accepted(uint32_t rules, uint64_t time_ms, uint32_t accepted_flags,
                       const struct envelope *envelope, struct buf *ret_bytes,
                       struct error *ret_error) MUST_USE;

/* Any message with unknown fields anywhere inside: true. */
bool message_has_unknown(const ProtobufCMessage *message);

/* Encodes any message; appended to buf. */
void message_encode(const ProtobufCMessage *message, struct buf *ret_bytes);
/* Decodes any message of `descriptor` within the arena. Strict: no unknown fields; the
 * shortest encoding (no field twice, no default written, no long varint, no NUL in a string; the
 * order of fields is free); strings are UTF-8 without control characters but newline. E_BAD_FORM,
 * E_UNKNOWN_FIELD, E_TOO_LARGE (arena cap). */
int message_decode(const ProtobufCMessageDescriptor *descriptor, struct bytes input,
                   struct arena *arena, const ProtobufCMessage **ret,
                   struct error *ret_error) MUST_USE;
/* The first field `number` that is bytes or a message, without decoding anything else: for who
 * reads a million and wants few. False: it is not there, or this is no protobuf message. */
bool message_peek(struct bytes message, unsigned number, struct bytes *ret_field);

/* One frame of the wire: version 1 and a known body. E_BAD_FORM, E_TOO_LARGE, E_UNKNOWN_FIELD,
 * E_VERSION_UNSUPPORTED. */
int frame_decode(struct bytes input, struct arena *arena, const Leadbus__Frame **ret,
                 struct error *ret_error) MUST_USE;

#endif
