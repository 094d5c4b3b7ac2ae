/* limits: every bound of the bus in one place. Units last in names. At a bound the sender is told;
 * nothing is cut silently. docs/PROTOCOL.md repeats these numbers; tests compare the two. */
#ifndef PROTO_BASE_LIMITS_H
#define PROTO_BASE_LIMITS_H

enum {
    /* envelope */
    LIMIT_RECIPIENT_COUNT_MAX = 128,
    LIMIT_SECTION_COUNT_MAX = 4,
    LIMIT_SECTION_BYTES_MAX = 131072 + 4096, /* ciphertext of one section: padding, tag */
    LIMIT_PLAINTEXT_BYTES_MAX = 131072,      /* payload of one section before padding */
    LIMIT_HEADER_BYTES_MAX = 24576,
    LIMIT_WRAPS_BYTES_MAX = 24576,
    LIMIT_MANIFEST_BYTES_MAX = 4096,
    LIMIT_ENVELOPE_BYTES_MAX = 1048576 - 65536,
    LIMIT_TAG_COUNT_MAX = 16,
    /* attachments */
    LIMIT_CHUNK_PLAIN_BYTES = 1048576,       /* of every chunk but the last */
    LIMIT_CHUNK_BYTES_MAX = 1048576 + 16,    /* a chunk's ciphertext, tag included */
    LIMIT_CHUNK_COUNT_MAX = 1024,            /* of one attachment */
    LIMIT_ATTACHMENT_COUNT_MAX = 16,         /* of one envelope */
    LIMIT_ATTACHMENT_BYTES_MAX = 1073741824, /* of one envelope: padded streams together */
    LIMIT_ATTACHMENT_NAME_BYTES_MAX = 255,   /* file name */
    LIMIT_ATTACHMENT_TYPE_BYTES_MAX = 127,   /* media type */
    /* names */
    LIMIT_SLUG_LEN_MAX = 47,     /* unit, kind, topic, section: [a-z0-9] then [a-z0-9.-] */
    LIMIT_OFFICER_LEN_MAX = 31,  /* officer code: printable ASCII without space */
    LIMIT_CITATION_LEN_MAX = 95, /* "lead:2.1.3.1=police-hedong" */
    LIMIT_AREA_LEN_MAX = 12,     /* GB/T 2260 with street: 6 or 9 or 12 digits */
    LIMIT_PURPOSE_LEN_MAX = 63,
    /* wire */
    LIMIT_FRAME_BYTES_MAX = 1048576 + 65536, /* a chunk and what stands around it */
    LIMIT_RECORD_BYTES_MAX = 65535,          /* tlog-tiles entry bundles carry a 16-bit length */
    LIMIT_NOTE_BYTES_MAX = 65536,
    LIMIT_NOTE_SIGNATURE_COUNT_MAX = 64,
    LIMIT_NOTE_NAME_LEN_MAX = 255,
    LIMIT_PROOF_HASH_COUNT_MAX = 63,
    LIMIT_PROOF_EXTRA_BYTES_MAX = 65535,
    LIMIT_TLOGPROOF_BYTES_MAX = 163840,
    LIMIT_EXCEPTION_COUNT_MAX = 64, /* in one acknowledgement */
    LIMIT_CREDIT_MAX = 4096,        /* deliveries in flight to one unit and lane */
    LIMIT_SEQ_WINDOW = 1024,
    LIMIT_THREAD_PAGE_COUNT_MAX = 16, /* records of a thread in one answer */
    LIMIT_AGAIN_COUNT_MAX = 64,       /* acknowledged entries that one request brings again */
    LIMIT_RESTORED_COUNT_MAX = 64,    /* times that a journal was put back from a backup */
    LIMIT_REASON_LEN_MAX = 255,       /* why, as an operator states it */
    /* keys */
    LIMIT_EPOCH_STEP = 64,         /* above the last number of the certificate */
    LIMIT_EPOCH_KEYS_PER_DAY = 32, /* published under one certificate in a day of the bus */
    LIMIT_REWRAP_COUNT_MAX = 4,    /* by one unit, of one message, for one key of a reader */
    /* plan */
    LIMIT_UNIT_COUNT_MAX = 512,
    LIMIT_TABLE_BYTES_MAX = 4194304,
    LIMIT_BUNDLE_BYTES_MAX = 8388608,
    LIMIT_BUNDLE_PART_COUNT_MAX = 64,
};

/* How far ahead of bus time a header may be dated, and how old an unsent one may be. */
#define LIMIT_CREATED_SKEW_MS (15ull * 60 * 1000)
#define LIMIT_CREATED_AGE_MS  (30ull * 24 * 3600 * 1000)
/* The longest life of a kind that may expire. */
#define LIMIT_EXPIRY_AHEAD_MS (30ull * 24 * 3600 * 1000)
#define LIMIT_DUE_AHEAD_MS    (800ull * 24 * 3600 * 1000)
/* A key that is published holds at least so long yet, and begins at most so far ahead. */
#define LIMIT_EPOCH_VALID_MS (3600ull * 1000)
#define LIMIT_EPOCH_AHEAD_MS (400ull * 24 * 3600 * 1000)
/* The previous bundle is taken this long after a new one's record. */
#define LIMIT_BUNDLE_GRACE_MS (24ull * 3600 * 1000)

#endif
