#include "proto/content/examine.h"

#include <string.h>

#include "proto/base/utf8.h"
#include "proto/content/image.h"
#include "proto/content/plain.h"
#include "proto/content/zip.h"

static const struct {
    int code;
    const char *zh;
    const char *en;
} refusals[] = {
    {0, "", ""},
#define X(name, code, zh, en) {E_##code, zh, en},
#include "proto/content/refusals.def"
#undef X
};

int examine_refuse(struct examine *examine, enum refusal refusal)
{
    int code = refusals[refusal].code;
    (void)error_set(examine->error, code, examine->path, "%s", refusals[refusal].en);
    (void)error_note_zh(examine->error, "%s", refusals[refusal].zh);
    return code;
}

int examine_charge(struct examine *examine, size_t len)
{
    if (len > examine->work_left_bytes) {
        examine->work_left_bytes = 0; /* nor for anything smaller */
        return examine_refuse(examine, REFUSAL_NO_ROOM);
    }
    examine->work_left_bytes -= len;
    return 0;
}

void *examine_alloc(struct examine *examine, size_t len)
{
    return arena_alloc(examine->arena, len);
}

int examine_numbers_end(struct examine *examine)
{
    personal_scan_break(&examine->numbers);
    if (examine->numbers.id_number) return examine_refuse(examine, REFUSAL_ID_NUMBER);
    return examine->numbers.phone ? examine_refuse(examine, REFUSAL_PHONE) : 0;
}

static bool printable(struct bytes name)
{
    if (!name.len) return false;
    while (name.len) {
        uint32_t c = 0;
        size_t len = utf8_next(name, &c);
        if (!len || c < 0x20 || (c >= 0x7f && c < 0xa0) || plain_of(c) == PLAIN_NONE ||
            plain_of(c) == '\n' || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x206f))
            return false;
        name.data += len;
        name.len -= len;
    }
    return true;
}

/* Appends and never splits a character. */
static void path_append(struct examine *examine, struct bytes text)
{
    size_t len = strlen(examine->path);
    size_t room = sizeof examine->path - 1 - len;
    if (text.len > room) text.len = room;
    while (text.len && text.len == room && (text.data[text.len] & 0xc0) == 0x80) text.len--;
    memcpy(examine->path + len, text.data, text.len);
    examine->path[len + text.len] = 0;
}

size_t examine_enter(struct examine *examine, struct bytes name, size_t index)
{
    size_t len = strlen(examine->path);
    char number[24] = "";
    size_t at = sizeof number - 1;
    path_append(examine, bytes_of_str(" > "));
    if (printable(name)) {
        path_append(examine, name);
        return len;
    }
    index++;
    do number[--at] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    number[--at] = '#';
    path_append(examine, bytes_of_str(number + at));
    return len;
}

void examine_leave(struct examine *examine, size_t len)
{
    examine->path[len] = 0;
}

/* ---- text, and what might have some ---------------------------------------------------------- */

static bool scan_encoded(struct bytes data, enum text_encoding encoding)
{
    struct str_scan scan = {0};
    uint32_t c = 0;
    while (!scan.found && text_take(&data, encoding, &c)) str_scan_put(&scan, plain_of(c));
    return str_scan_found(&scan);
}

static int number_encoded(struct examine *examine, struct bytes data, enum text_encoding encoding)
{
    uint32_t c = 0;
    while (examine->wants_numbers && text_take(&data, encoding, &c))
        examine_number(examine, plain_of(c));
    return examine_numbers_end(examine);
}

int examine_text(struct examine *examine, struct bytes data, enum text_encoding encoding)
{
    int status = examine_charge(examine, data.len);
    if (status) return status;
    if (scan_encoded(data, encoding)) return examine_refuse(examine, REFUSAL_TYPED);
    /* a stray byte makes GB 18030 of ASCII and may swallow a letter */
    if (encoding == TEXT_GB18030 && scan_encoded(data, TEXT_UTF8))
        return examine_refuse(examine, REFUSAL_TYPED);
    return number_encoded(examine, data, encoding);
}

/* Text as it lies between other bytes: printable characters, and the marks by which old programs
 * part cells. */
static bool is_printable(uint32_t c, enum text_encoding encoding)
{
    if (c < 0x80) return (c >= ' ' && c < 0x7f) || (c >= 7 && c <= 13);
    if (encoding == TEXT_UTF8) return c != 0xfffd;
    return (c >= 0x3000 && c <= 0x303f) || (c >= 0x4e00 && c <= 0x9fff) ||
           (c >= 0xff00 && c <= 0xffef);
}

/* A few bytes between two texts are lengths and marks of a table; more are the end of what belongs
 * together. Otherwise enough random bytes would hold anything. */
static bool scan_scattered(struct bytes data, enum text_encoding encoding)
{
    enum { FOREIGN_COUNT_MAX = 4 };
    struct str_scan scan = {0};
    size_t foreign = 0;
    uint32_t c = 0;
    while (text_take(&data, encoding, &c)) {
        bool printable = is_printable(c, encoding);
        foreign = printable ? 0 : foreign + 1;
        str_scan_put(&scan, printable ? plain_of(c) : '\t');
        if (scan.found) return true;
        if (foreign == FOREIGN_COUNT_MAX + 1) memset(&scan, 0, sizeof scan);
    }
    return str_scan_found(&scan);
}

/* Bytes of no known format: any text that lies in them plainly. */
int examine_raw(struct examine *examine, struct bytes data)
{
    int status = examine_charge(examine, data.len);
    if (status) return status;
    struct bytes odd = data.len ? bytes_of(data.data + 1, data.len - 1) : data;
    if (scan_scattered(data, TEXT_UTF8) || scan_scattered(data, TEXT_UTF16LE) ||
        scan_scattered(odd, TEXT_UTF16LE))
        return examine_refuse(examine, REFUSAL_TYPED);
    return 0;
}

int examine_utf8(struct examine *examine, struct bytes data, struct bytes *ret_utf8)
{
    enum text_encoding encoding = text_encoding_of(data);
    if (encoding == TEXT_BINARY || encoding == TEXT_UTF8) {
        *ret_utf8 = data;
        return 0;
    }
    uint8_t *utf8 = examine_alloc(examine, text_utf8_bytes_max(data.len));
    if (!utf8) return examine_refuse(examine, REFUSAL_NO_ROOM);
    size_t len = 0;
    text_to_utf8(data, encoding, utf8, &len);
    *ret_utf8 = bytes_of(utf8, len);
    return 0;
}

static char small(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Mail and saved pages carry files as base64, and a line of their own says so. */
static bool has_folded_files(struct bytes data)
{
    static const char header[] = "content-transfer-encoding:base64";
    size_t at = 0;
    bool fits = true;
    for (size_t i = 0; i < data.len; i++) {
        char c = small(data.data[i]);
        if (c == '\n' || c == '\r') {
            at = 0;
            fits = true;
        } else if (fits && c != ' ') {
            fits = c == header[at];
            if (fits && !header[++at]) return true;
        }
    }
    return false;
}

static int examine_plain(struct examine *examine, struct bytes data)
{
    int status = examine_text(examine, data, text_encoding_of(data));
    if (status) return status;
    if (has_folded_files(data)) return examine_refuse(examine, REFUSAL_MAIL);
    return 0;
}

static int examine_unknown(struct examine *examine, struct bytes data, enum refusal refusal)
{
    int status = examine_raw(examine, data);
    return status ? status : examine_refuse(examine, refusal);
}

/* Encrypted OOXML is an OLE file with a stream of this name, in UTF-16. */
static bool is_encrypted_office(struct bytes data)
{
    static const char name[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e";
    for (size_t i = 0; i + sizeof name <= data.len && i < 1048576; i++)
        if (memcmp(data.data + i, name, sizeof name) == 0) return true;
    return false;
}

int examine_any(struct examine *examine, struct bytes data)
{
    struct content_type type = content_type_detect(data);
    if (!examine->depth) examine->report.type = type;
    switch (type.format) {
    case FORMAT_LABORATORY: return examine_refuse(examine, REFUSAL_LABORATORY);
    case FORMAT_JPEG:
    case FORMAT_PNG:
    case FORMAT_WEBP:
    case FORMAT_OTHER_PICTURE: examine->report.picture_count++; return 0;
    case FORMAT_MEDIA: examine->report.unread_count++; return 0;
    case FORMAT_TEXT: return examine_plain(examine, data);
    case FORMAT_MARKUP: return examine_markup(examine, data);
    case FORMAT_RTF: return examine_rtf(examine, data);
    case FORMAT_PDF: return examine_pdf(examine, data);
    case FORMAT_OFFICE: return examine_office(examine, data);
    case FORMAT_ZIP: return examine_zip(examine, data);
    case FORMAT_OLE:
        return examine_unknown(examine, data,
                               is_encrypted_office(data) ? REFUSAL_ENCRYPTED : REFUSAL_OLD_OFFICE);
    case FORMAT_ARCHIVE: return examine_unknown(examine, data, REFUSAL_ARCHIVE);
    default: return examine_unknown(examine, data, REFUSAL_UNKNOWN_FORMAT);
    }
}

/* ---- a zip of files -------------------------------------------------------------------------- */

static int examine_entry(struct examine *examine, const struct zip_entry *entry)
{
    struct bytes data = {0};
    int status = examine_charge(examine, entry->len);
    if (status) return status;
    enum refusal refusal = zip_read(entry, CONTENT_PART_BYTES_MAX, examine->arena, &data);
    return refusal ? examine_refuse(examine, refusal) : examine_any(examine, data);
}

int examine_zip(struct examine *examine, struct bytes data)
{
    struct zip zip;
    int status = 0;
    if (examine->depth) return examine_refuse(examine, REFUSAL_ZIP_WITHIN);
    enum refusal refusal = zip_open(data, CONTENT_ENTRY_COUNT_MAX, examine->arena, &zip);
    if (refusal) return examine_refuse(examine, refusal);
    examine->depth++;
    struct arena *whole = examine->arena;
    for (size_t i = 0; i < zip.count && !status; i++) {
        struct arena part;
        size_t len = examine_enter(examine, zip.entries[i].name, i);
        status = number_encoded(examine, zip.entries[i].name, TEXT_UTF8);
        if (status) break;
        arena_init(&part, whole->cap_bytes - whole->used_bytes);
        examine->arena = &part;
        status = examine_entry(examine, &zip.entries[i]);
        examine->arena = whole;
        arena_fini(&part);
        examine_leave(examine, len);
    }
    examine->depth--;
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int examine_whole(struct bytes data, const char *path, bool wants_numbers,
                         struct content_report *ret_report, struct error *ret_error)
{
    struct arena arena;
    struct examine examine = {.error = ret_error,
                              .arena = &arena,
                              .work_left_bytes = CONTENT_WORK_BYTES_MAX,
                              .wants_numbers = wants_numbers};
    struct content_type type = content_type_detect(data);
    path_append(&examine, bytes_of_str(path));
    if (data.len > CONTENT_DOCUMENT_BYTES_MAX && type.format != FORMAT_MEDIA)
        return error_say(ret_error, E_TOO_LARGE, path, "%zu 字节，最多 %d", "%zu bytes; at most %d",
                         data.len, CONTENT_DOCUMENT_BYTES_MAX);
    /* the rest is for the streams of a PDF, and of a PDF in it */
    arena_init(&arena, CONTENT_MEMORY_BYTES_MAX - 4 * CONTENT_STREAM_BYTES_MAX);
    int status = examine_any(&examine, data);
    arena_fini(&arena);
    if (!status && ret_report) *ret_report = examine.report;
    return status;
}

int content_examine(struct bytes data, const char *path, struct content_report *ret_report,
                    struct error *ret_error)
{
    return examine_whole(data, path, false, ret_report, ret_error);
}

static int check_class(const struct content_rule *rule, const struct content_type *type,
                       struct error *ret_error)
{
    bool photo = (rule->classes & CONTENT_PHOTO) != 0;
    bool document = (rule->classes & CONTENT_DOCUMENT) != 0;
    bool media = (rule->classes & CONTENT_MEDIA) != 0;
    if (type->class & rule->classes) return 0;
    (void)error_set(ret_error, E_BAD_VALUE, rule->path, "%s (%s); allowed:%s%s%s",
                    content_class_name(type->class), type->media_type, photo ? " photo" : "",
                    document ? " document" : "", media ? " media" : "");
    (void)error_note_zh(ret_error, "文件为 %s；此种类可附：%s%s%s", type->media_type,
                        photo ? "照片 " : "", document ? "文档 " : "", media ? "音视频" : "");
    return E_BAD_VALUE;
}

static int check_confirmed(const struct content_rule *rule, const struct content_report *report,
                           struct error *ret_error)
{
    if (rule->confirm_no_dna || (!report->picture_count && !report->unread_count)) return 0;
    return error_say(ret_error, E_MISSING_FIELD, "confirm_no_dna",
                     "%s：程序无法查看图片和录音录像，须由经办人确认其中没有 DNA 分型数据",
                     "%s: no program reads pictures and recordings; a person confirms that no DNA "
                     "profile is in them",
                     rule->path);
}

/* A profile is said before a type that is not allowed. */
static int check(struct bytes data, const struct content_rule *rule,
                 struct content_report *ret_report, struct error *ret_error)
{
    struct content_type type = content_type_detect(data);
    int status = 0;
    if (type.format != FORMAT_LABORATORY) status = check_class(rule, &type, ret_error);
    if (!status) status = examine_whole(data, rule->path, rule->no_numbers, ret_report, ret_error);
    return status ? status : check_confirmed(rule, ret_report, ret_error);
}

int content_check_outgoing(struct bytes data, const struct content_rule *rule,
                           struct buf *ret_clean, struct content_report *ret_report,
                           struct error *ret_error)
{
    struct content_report report = {0};
    int status = check(data, rule, &report, ret_error);
    if (!status && report.type.class == CONTENT_PHOTO)
        status = content_image_strip(data, rule->keep_location, rule->path, ret_clean,
                                     &report.removed_bytes, ret_error);
    if (!status && ret_report) *ret_report = report;
    return status;
}

int content_check_incoming(struct bytes data, const struct content_rule *rule,
                           struct content_report *ret_report, struct error *ret_error)
{
    struct content_report report = {0};
    struct buf clean = {0};
    int status = check(data, rule, &report, ret_error);
    if (!status && report.type.class == CONTENT_PHOTO) {
        status = content_image_strip(data, rule->keep_location, rule->path, &clean,
                                     &report.removed_bytes, ret_error);
        if (!status && !bytes_equal(data, buf_bytes(&clean)))
            status = error_say(ret_error, E_FORBIDDEN_CONTENT, rule->path,
                               "照片带有画面以外的数据（地点、时间、设备），应由发送方代理去除",
                               "a photo with data beside the picture (place, time, device); the "
                               "sender's agent takes them out");
        image_wipe(&clean);
    }
    if (!status && ret_report) *ret_report = report;
    return status;
}
