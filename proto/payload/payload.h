/* payload: what each section may hold, checked before it is sealed and again after it is opened.
 *
 * Tables say everything: payload.proto the shape, fields.def the rule of every field (with
 * lists.def for closed codes), rules.def what fields want of one another and of the topic. The code
 * here only walks them, so a new kind needs a message and its rows. Checking looks at protobuf
 * bytes, not at JSON, so both ends run the very same checks.
 *
 * What a value that does not check means: numbers and codes that people read off papers (identity
 * number, credit code, phone, document, certificate, birth date) may be false or miswritten. In
 * kinds that must never be held up (plan_kind.exempt) they travel "as stated" and are reported as
 * remarks, and so is a field that another one wants beside it: the sender sets
 * HEADER_FLAG_AS_STATED. In every other kind, and for every other field
 * (closed codes, bounds, UTF-8, required fields, forbidden content) they are errors.
 *
 * Forbidden content (E_FORBIDDEN_CONTENT, in any kind, from anybody): a section whose texts
 * together hold a DNA profile (proto/content/str_scan.h), and in fields that are PUBLIC the
 * identity numbers and telephone numbers of people (proto/content/personal.h). Kinds without
 * personal data have no other free text; an office's own telephone has its contact field.
 *
 * Pure: no I/O, clock or entropy; allocates while it unpacks and frees all of it, wiped.
 * Thread-safe. */
#ifndef PROTO_PAYLOAD_PAYLOAD_H
#define PROTO_PAYLOAD_PAYLOAD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum {
    PAYLOAD_DEPTH_MAX = 4,
    PAYLOAD_REMARK_COUNT_MAX = 16, /* remembered; all are counted */
    PAYLOAD_UNPACKED_BYTES_MAX = 4194304,
};

enum payload_check_kind {
    PAYLOAD_TEXT,             /* free text, several lines */
    PAYLOAD_PUBLIC_TEXT,      /* free text without identity numbers and phone numbers */
    PAYLOAD_NAME,             /* a person's name, one line */
    PAYLOAD_REFERENCE,        /* a number of a file or thing, one line */
    PAYLOAD_PUBLIC_REFERENCE, /* the same, without identity numbers and phone numbers */
    PAYLOAD_PUBLIC_PHONE,     /* an office's telephone: no mobile one */
    PAYLOAD_CODE,             /* one of `list` */
    PAYLOAD_PSEUDONYM,
    PAYLOAD_UNIT, /* a unit key by its form: the plan is not at hand here */
    PAYLOAD_KIND, /* a kind of message by its form */
    PAYLOAD_UUID, /* of a message or thread */
    PAYLOAD_URL,
    PAYLOAD_AREA,
    PAYLOAD_SHA256,
    PAYLOAD_ID_NUMBER, /* from here on values that may travel as stated */
    PAYLOAD_USCC,
    PAYLOAD_DATE,
    PAYLOAD_PHONE,
    PAYLOAD_DOCUMENT,
    PAYLOAD_CERTIFICATE,
    PAYLOAD_SAMPLE, /* the number of a blood sample: never what it says */
    PAYLOAD_COUNTRY,
    PAYLOAD_TIME, /* from here on not strings: uint64, ms since 1970 */
    PAYLOAD_NUMBER,
    PAYLOAD_LATITUDE,
    PAYLOAD_LONGITUDE,
    PAYLOAD_BOOL,
    PAYLOAD_MESSAGE,
    PAYLOAD_ATTACHMENT, /* an Attachment (attached.h): never read from or written to JSON */
};

struct payload_code {
    const char *code;
    const char *text_zh;
    const char *text_en;
};

struct payload_list {
    const char *name;
    const struct payload_code *codes;
    size_t count;
};

/* The rule of one field; in the order of the descriptor's fields. */
struct payload_field {
    const char *name;
    enum payload_check_kind check;
    bool required;
    uint32_t len_max;                /* characters; the largest value of a number */
    uint32_t count_max;              /* of a repeated field; 0 otherwise */
    const struct payload_list *list; /* NULL: none */
    const char *example;             /* JSON, or NULL */
    const char *label_zh;
    const char *label_en;
};

struct payload_message {
    const char *name; /* "LeadSummary", as kinds.tsv names it */
    const ProtobufCMessageDescriptor *descriptor;
    const struct payload_field *fields;
    size_t field_count; /* rows of fields.def; descriptor->n_fields, or the tables do not fit */
    const char *label_zh;
    const char *label_en;
};

/* NULL: no such message. Aborts where fields.def has more or fewer rows for it than payload.proto
 * has fields (as payload_of_descriptor does): unit.payload says which. */
const struct payload_message *payload_find(const char *name);
/* The message of a field of type message. */
const struct payload_message *payload_of_descriptor(const ProtobufCMessageDescriptor *descriptor);
const struct payload_message *payload_at(size_t index); /* NULL behind the last one */
const struct payload_code *payload_code_find(const struct payload_list *list, const char *code);
/* What a check allows, in words: for errors, schemas and help. Static. */
const char *payload_check_text(enum payload_check_kind check, enum lang lang);
const char *payload_check_name(enum payload_check_kind check); /* "id_number" */

struct payload_context {
    const char *section; /* first part of every path: "full" */
    bool as_stated;      /* the kind is exempt: values that do not check are remarks */
    const char *topic;   /* of the header; NULL or "" */
};

/* What a header says of a section that was checked: values that did not check and travel as stated,
 * and marks that follow from what it states. */
struct payload_report {
    bool early;      /* a reason for coming before a step that should have come first: gap_reason */
    bool paper;      /* the number of a paper that was signed first: paper_number */
    char due_on[11]; /* the day by which it is to be closed: due_on; "": it states none */
    uint64_t until_ms; /* the end of what it says: valid_until, a moment; 0: it states none */
    size_t count;      /* all of them */
    char fields[PAYLOAD_REMARK_COUNT_MAX][ERROR_FIELD_LEN_MAX + 1]; /* paths of the first ones */
};

/* The number of its field `revision`; 0: it has none, states none, or these are no bytes of it. */
uint32_t payload_revision(const struct payload_message *message, struct bytes section);

/* Checks the bytes of a section. ret_report (may be NULL) is set on success. Errors, each with the
 * path of the field ("full.persons[0].id_number") and what is allowed there: E_BAD_FORM (not
 * protobuf of this message), E_UNKNOWN_FIELD, E_MISSING_FIELD, E_BAD_VALUE, E_TOO_LARGE (a text, a
 * list, or the section above LIMIT_PLAINTEXT_BYTES_MAX), E_FORBIDDEN_CONTENT. Never quotes a value:
 * details may be logged. A recipient answers any of them with the exception E_PAYLOAD_INVALID. */
int payload_check(const struct payload_message *message, struct bytes section,
                  const struct payload_context *context, struct payload_report *ret_report,
                  struct error *ret_error) MUST_USE;

/* As payload_check, and hands out the unpacked message, which lives in the arena (cap
 * PAYLOAD_UNPACKED_BYTES_MAX) of the caller. */
int payload_open(const struct payload_message *message, struct bytes section,
                 const struct payload_context *context, struct arena *arena,
                 const ProtobufCMessage **ret_content, struct payload_report *ret_report,
                 struct error *ret_error) MUST_USE;

/* As payload_check for a message that is already in memory (built from JSON, by an application). */
int payload_check_content(const struct payload_message *message, const ProtobufCMessage *content,
                          const struct payload_context *context, struct payload_report *ret_report,
                          struct error *ret_error) MUST_USE;

/* Has a message of this kind room for it: a field of that name? */
bool payload_has_field(const struct payload_message *message, const char *name);

/* Is anything said in this field: a text that is not empty, a number that is not 0, an element?
 * A bool says no where it is false. */
bool payload_stated(const ProtobufCMessage *content, const ProtobufCFieldDescriptor *field);

/* The value of a field of an unpacked message. */
static inline const void *payload_member(const ProtobufCMessage *content,
                                         const ProtobufCFieldDescriptor *field)
{
    return (const char *)content + field->offset;
}
static inline size_t payload_count(const ProtobufCMessage *content,
                                   const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)(const void *)((const char *)content + field->quantifier_offset);
}

#endif
