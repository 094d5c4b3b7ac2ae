/* content: what a file or a text really is and holds, looked at by both ends.
 *
 * The sending agent looks before it seals, the receiving agent after it has opened; the broker sees
 * ciphertext only. Four things are decided here, by content and never by a file's name:
 *
 * - **What it is**: content_type_detect.
 * - **No DNA profile travels.** Laboratory formats (ABIF traces, CODIS and NIEM XML, ...) and
 * results of STR typing (str_scan.h) are refused from anybody: in plain text of UTF-8, UTF-16 and
 * GB 18030, HTML, XML, RTF, office files (docx, xlsx, pptx, odt, ods, odp, ofd), PDF, and files
 * inside a zip.
 * - **No numbers of people where a kind has no personal data** (content_rule.no_numbers): identity
 * and telephone numbers (personal.h) in the same texts, and in the names of files inside a zip.
 * - **A photo tells nothing but what it shows.** content_image_strip takes place, time, device,
 * author, embedded thumbnails, and whatever hangs behind the end of the picture.
 *
 * What cannot be looked into has a verdict of its own, E_CONTENT_UNEXAMINABLE: encrypted or damaged
 * files, archives in archives, old binary office files, formats not named above, files that unpack
 * to more than the bounds below. The callers of this project refuse on it.
 *
 * **What no program sees**: a photograph or scan of a printed profile, a recording of somebody
 * reading one out, anything hidden on purpose. So whoever attaches a picture, a recording or a
 * document with pictures in it confirms that there is no DNA profile in it
 * (content_rule.confirm_no_dna); without that it is refused. The confirmation travels with the
 * attachment, so that the recipient's agent can demand it.
 *
 * Bounds, at each of which the answer is an error and never a shorter look: the enum below. Time is
 * linear in the bytes looked at, memory bounded by CONTENT_MEMORY_BYTES_MAX beside the caller's
 * bytes; everything allocated is wiped. Pure: no I/O, clock or entropy. Thread-safe. */
#ifndef PROTO_CONTENT_CONTENT_H
#define PROTO_CONTENT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum {
    CONTENT_DOCUMENT_BYTES_MAX = 67108864, /* as it comes; recordings may be longer */
    CONTENT_PHOTO_BYTES_MAX = 67108864,
    CONTENT_WORK_BYTES_MAX = 134217728, /* unpacked and looked at, in all */
    CONTENT_MEMORY_BYTES_MAX = 167772160,
    CONTENT_PART_BYTES_MAX = 33554432,   /* a file in a zip */
    CONTENT_STREAM_BYTES_MAX = 16777216, /* a stream of a PDF, unpacked */
    CONTENT_ENTRY_COUNT_MAX = 4096,      /* files in a zip */
    CONTENT_OBJECT_COUNT_MAX = 262144,   /* objects of a PDF, shared strings of a workbook */
    CONTENT_DEPTH_MAX = 2,               /* a document in a zip, a workbook in a document */
};

/* What a kind lets travel, as bits. */
enum content_class {
    CONTENT_UNKNOWN = 0,
    CONTENT_PHOTO = 1,
    CONTENT_DOCUMENT = 2,
    CONTENT_MEDIA = 4,
};

enum content_format {
    FORMAT_UNKNOWN,
    FORMAT_JPEG,
    FORMAT_PNG,
    FORMAT_WEBP,
    FORMAT_OTHER_PICTURE, /* GIF, BMP, TIFF, HEIC, AVIF: known, but not stripped here */
    FORMAT_TEXT,
    FORMAT_MARKUP, /* XML and HTML */
    FORMAT_RTF,
    FORMAT_PDF,
    FORMAT_OFFICE, /* zipped XML: OOXML, ODF, OFD */
    FORMAT_ZIP,
    FORMAT_OLE,     /* doc, xls, ppt, wps; also encrypted OOXML */
    FORMAT_ARCHIVE, /* rar, 7z, gzip, ... */
    FORMAT_MEDIA,
    FORMAT_LABORATORY, /* a file of a DNA instrument or database */
};

struct content_type {
    enum content_format format;
    enum content_class class; /* zip, OLE and archives count as documents, a laboratory's file too
                               */
    const char *media_type;   /* static; "application/octet-stream" for what is unknown */
};

/* What the first bytes, and in a zip the names of its files, say. Never fails; nothing is read
 * beyond the bytes, whatever they are. */
struct content_type content_type_detect(struct bytes data);

struct content_report {
    struct content_type type;
    size_t picture_count; /* pictures in it: nobody looked at what they show */
    size_t unread_count;  /* recordings, and texts of a PDF whose characters it does not name */
    size_t removed_bytes; /* what content_image_strip took out */
};

/* Looks for DNA profiles. `path` begins the field of every error, the path within follows:
 * `attachment "x.docx" > word/document.xml`; the caller says whether a file's name may stand there.
 * ret_report (may be NULL) is set on success. Errors: E_FORBIDDEN_CONTENT (a profile),
 * E_CONTENT_UNEXAMINABLE (with the reason and what to do instead), E_TOO_LARGE. */
int content_examine(struct bytes data, const char *path, struct content_report *ret_report,
                    struct error *ret_error) MUST_USE;

/* Copies a JPEG, PNG or WebP picture without what it does not need to be shown: EXIF, XMP, IPTC,
 * comments, maker notes, thumbnails, further pictures, unknown chunks, bytes behind its end. Colour
 * profile, animation and the orientation stay; the orientation (and the place, where keep_location
 * is set) in a new EXIF of nothing else. Pixels are not touched. A picture that is clean already
 * comes out byte for byte, so a recipient can tell. ret_clean (may be NULL): appended to; untouched
 * on failure. Errors: E_BAD_FORM, E_TRUNCATED (not a whole picture of its format), E_TOO_LARGE,
 * E_CONTENT_UNEXAMINABLE: HEIC, AVIF, TIFF, GIF, BMP, which this program cannot clean: convert to
 * JPEG or PNG. */
int content_image_strip(struct bytes data, bool keep_location, const char *path,
                        struct buf *ret_clean, size_t *ret_removed_bytes,
                        struct error *ret_error) MUST_USE;

/* One attachment under the rule of its kind. */
struct content_rule {
    const char *path;    /* of the attachment, for errors */
    unsigned classes;    /* allowed enum content_class, or-ed */
    bool keep_location;  /* the kind asks for the place: GPS data of photos stay */
    bool no_numbers;     /* the kind has no personal data: no identity and telephone numbers */
    bool confirm_no_dna; /* a named person says that pictures and recordings show no DNA profile */
};

/* Before sealing: type, size, profiles, and confirmation. A photo comes out stripped in ret_clean,
 * which is what to seal (its report says how much went); for anything else ret_clean stays as it is
 * and the bytes given are what to seal. ret_clean may be NULL: the verdict alone. Of a recording
 * the first kilobyte is enough. Errors: as of content_examine and content_image_strip; E_BAD_VALUE
 * (the kind does not take this class of files), E_MISSING_FIELD (confirm_no_dna). */
int content_check_outgoing(struct bytes data, const struct content_rule *rule,
                           struct buf *ret_clean, struct content_report *ret_report,
                           struct error *ret_error) MUST_USE;

/* After opening: the same rule; a photo that still has what should have been stripped is
 * E_FORBIDDEN_CONTENT. A recipient answers any error with an exception of that code. */
int content_check_incoming(struct bytes data, const struct content_rule *rule,
                           struct content_report *ret_report, struct error *ret_error) MUST_USE;

/* "photo", "document", "media", "unknown". */
const char *content_class_name(enum content_class class);

#endif
