/* Zipped XML: OOXML, ODF, OFD. Every part is looked at by what it is; workbooks also row by row. */
#include <string.h>

#include "proto/content/examine.h"
#include "proto/content/markup.h"
#include "proto/content/plain.h"
#include "proto/content/zip.h"

enum { STRING_LEN_MAX = 64 };

/* The shared strings of a workbook as plain text, each cut where no locus or allele reaches: all of
 * them were looked at whole before. */
struct strings {
    size_t count;
    uint32_t *ends; /* of string i in text; it begins where the one before ends */
    char *text;
};

static bool name_begins(const struct zip_entry *entry, const char *start)
{
    size_t len = strlen(start);
    return entry->name.len >= len && memcmp(entry->name.data, start, len) == 0;
}

static bool name_ends(const struct zip_entry *entry, const char *end)
{
    size_t len = strlen(end);
    return entry->name.len >= len &&
           memcmp(entry->name.data + entry->name.len - len, end, len) == 0;
}

/* Counts the strings, or keeps them where `strings` has room for them. */
static void strings_walk(struct bytes utf8, struct strings *strings, bool keep)
{
    struct markup markup;
    enum markup_event event;
    size_t count = 0;
    size_t len = 0;
    size_t string_len = 0;
    bool phonetic = false; /* how it is read, not what it says */
    bool in_text = false;
    markup_init(&markup, utf8);
    while ((event = markup_next(&markup)) != MARKUP_END) {
        if (event == MARKUP_CHARACTER) {
            char c = plain_of(markup.character);
            if (!keep || !count || !in_text || c == PLAIN_NONE || string_len == STRING_LEN_MAX)
                continue;
            strings->text[len++] = c;
            string_len++;
            strings->ends[count - 1] = (uint32_t)len;
        } else if (markup_named(&markup, "si") && event == MARKUP_OPEN) {
            count++;
            string_len = 0;
            if (keep) strings->ends[count - 1] = (uint32_t)len;
        } else if (markup_named(&markup, "rPh")) {
            phonetic = event == MARKUP_OPEN && !markup.empty;
        } else if (markup_named(&markup, "t")) {
            in_text = event == MARKUP_OPEN && !markup.empty && !phonetic;
        }
    }
    strings->count = count;
}

static int strings_read(struct examine *examine, struct bytes utf8, struct strings *strings)
{
    struct strings read = {0};
    int status = examine_charge(examine, utf8.len);
    if (status) return status;
    strings_walk(utf8, &read, false);
    if (read.count > CONTENT_OBJECT_COUNT_MAX) return examine_refuse(examine, REFUSAL_NO_ROOM);
    read.ends = examine_alloc(examine, (read.count + 1) * sizeof *read.ends);
    read.text = examine_alloc(examine, utf8.len + 1);
    if (!read.ends || !read.text) return examine_refuse(examine, REFUSAL_NO_ROOM);
    strings_walk(utf8, &read, true);
    *strings = read;
    return 0;
}

static void put(struct examine *examine, struct str_scan *scan, char c)
{
    str_scan_put(scan, c);
    examine_number(examine, c);
}

static void put_string(struct examine *examine, struct str_scan *scan,
                       const struct strings *strings, size_t index)
{
    if (index >= strings->count) return;
    size_t from = index ? strings->ends[index - 1] : 0;
    for (size_t i = from; i < strings->ends[index]; i++) put(examine, scan, strings->text[i]);
}

/* The cells of a sheet from left to right, rows from top to bottom. */
static bool sheet_found(struct examine *examine, struct bytes utf8, const struct strings *strings)
{
    struct markup markup;
    struct str_scan scan = {0};
    enum markup_event event;
    bool shared = false;
    bool in_value = false;
    size_t index = 0;
    markup_init(&markup, utf8);
    while ((event = markup_next(&markup)) != MARKUP_END && !scan.found) {
        if (event == MARKUP_CHARACTER) {
            if (!in_value) continue;
            if (!shared)
                put(examine, &scan, plain_of(markup.character));
            else if (markup.character >= '0' && markup.character <= '9' && index < 100000000)
                index = index * 10 + (markup.character - '0');
        } else if (markup_named(&markup, "v") || markup_named(&markup, "t")) {
            if (event == MARKUP_CLOSE && in_value && shared)
                put_string(examine, &scan, strings, index);
            in_value = event == MARKUP_OPEN && !markup.empty;
            index = 0;
        } else if (markup_named(&markup, "c")) {
            shared = event == MARKUP_OPEN &&
                     bytes_equal(markup_attribute(&markup, "t"), bytes_of_str("s"));
            put(examine, &scan, '\t');
        } else if (markup_named(&markup, "row")) {
            put(examine, &scan, '\n');
        }
    }
    return str_scan_found(&scan);
}

static int examine_sheet(struct examine *examine, struct bytes data, const struct strings *strings)
{
    struct bytes utf8 = {0};
    int status = examine_charge(examine, data.len);
    if (!status) status = examine_utf8(examine, data, &utf8);
    if (status) return status;
    if (sheet_found(examine, utf8, strings)) return examine_refuse(examine, REFUSAL_TYPED);
    return examine_numbers_end(examine);
}

static bool is_encrypted_manifest(struct bytes data)
{
    struct markup markup;
    enum markup_event event;
    markup_init(&markup, data);
    while ((event = markup_next(&markup)) != MARKUP_END)
        if (event == MARKUP_OPEN && markup_named(&markup, "encryption-data")) return true;
    return false;
}

/* A small picture of the first page, made of what is looked at anyway. */
static bool is_thumbnail(const struct zip_entry *entry)
{
    return name_begins(entry, "docProps/thumbnail.") || name_begins(entry, "Thumbnails/");
}

/* A part that is no sheet: by its type, but binary parts are settings, fonts and macros. */
static int examine_part(struct examine *examine, const struct zip_entry *entry, struct bytes data)
{
    struct content_type type = content_type_detect(data);
    if (zip_named(entry, "META-INF/manifest.xml") && is_encrypted_manifest(data))
        return examine_refuse(examine, REFUSAL_ENCRYPTED);
    if (is_thumbnail(entry) &&
        (type.class == CONTENT_PHOTO || name_ends(entry, ".emf") || name_ends(entry, ".wmf"))) {
        examine->report.picture_count += type.class != CONTENT_PHOTO;
        return 0;
    }
    bool vector = name_ends(entry, ".emf") || name_ends(entry, ".wmf");
    if (vector) examine->report.picture_count++;
    bool object = type.format == FORMAT_OLE && !name_ends(entry, "vbaProject.bin");
    if (object) return examine_refuse(examine, REFUSAL_OBJECT);
    if (vector || type.format == FORMAT_UNKNOWN || type.format == FORMAT_OLE)
        return examine_raw(examine, data);
    if (name_ends(entry, ".xml") || name_ends(entry, ".rels")) return examine_markup(examine, data);
    return examine_any(examine, data);
}

static int examine_entry(struct examine *examine, const struct zip_entry *entry,
                         struct strings *strings, bool only_strings)
{
    struct bytes data = {0};
    struct bytes utf8 = {0};
    int status = examine_charge(examine, entry->len);
    if (status) return status;
    enum refusal refusal = zip_read(entry, CONTENT_PART_BYTES_MAX, examine->arena, &data);
    if (refusal) return examine_refuse(examine, refusal);
    if (only_strings) {
        status = examine_utf8(examine, data, &utf8);
        return status ? status : strings_read(examine, utf8, strings);
    }
    status = examine_part(examine, entry, data);
    if (!status && name_begins(entry, "xl/worksheets/") && name_ends(entry, ".xml"))
        status = examine_sheet(examine, data, strings);
    return status;
}

/* Each part in memory of its own, so that the sum of all does not count. */
static int examine_entries(struct examine *examine, const struct zip *zip, struct strings *strings)
{
    int status = 0;
    struct arena *whole = examine->arena;
    for (size_t i = 0; i < zip->count && !status; i++) {
        struct arena part;
        size_t len = examine_enter(examine, zip->entries[i].name, i);
        arena_init(&part, whole->cap_bytes - whole->used_bytes);
        examine->arena = &part;
        status = examine_entry(examine, &zip->entries[i], strings, false);
        examine->arena = whole;
        arena_fini(&part);
        examine_leave(examine, len);
    }
    return status;
}

int examine_office(struct examine *examine, struct bytes data)
{
    struct zip zip;
    struct strings strings = {0};
    int status = 0;
    if (examine->depth >= CONTENT_DEPTH_MAX) return examine_refuse(examine, REFUSAL_TOO_DEEP);
    enum refusal refusal = zip_open(data, CONTENT_ENTRY_COUNT_MAX, examine->arena, &zip);
    if (refusal) return examine_refuse(examine, refusal);
    examine->depth++;
    for (size_t i = 0; i < zip.count && !status; i++) {
        if (!zip_named(&zip.entries[i], "xl/sharedStrings.xml")) continue;
        size_t len = examine_enter(examine, zip.entries[i].name, i);
        status = examine_entry(examine, &zip.entries[i], &strings, true);
        examine_leave(examine, len);
    }
    if (!status) status = examine_entries(examine, &zip, &strings);
    examine->depth--;
    return status;
}
