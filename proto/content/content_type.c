#include <string.h>

#include "proto/content/content.h"
#include "proto/content/text_decode.h"
#include "proto/content/zip.h"

#define MAGIC(at, literal, format, class, type)                                                    \
    {                                                                                              \
        at, sizeof(literal) - 1, literal, false, format, class, type                               \
    }
/* Letters that a text may begin with: a control character must stand behind them. */
#define LETTERS(at, literal, format, class, type)                                                  \
    {                                                                                              \
        at, sizeof(literal) - 1, literal, true, format, class, type                                \
    }

/* A head that old Macintosh programs put before a file; it begins with a zero. */
enum { MACBINARY_LEN = 128 };

/* The first row that fits is it. */
static const struct {
    size_t at;
    size_t len;
    const char *magic;
    bool letters;
    enum content_format format;
    enum content_class class;
    const char *media_type;
} magics[] = {
    LETTERS(0, "ABIF", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-abif"),
    LETTERS(MACBINARY_LEN, "ABIF", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-abif"),
    LETTERS(0, ".scf", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-scf"),
    MAGIC(0, "\256ZTR\r\n\032\n", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-ztr"),
    MAGIC(0, "CRAM\003", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-cram"),
    MAGIC(0, "CRAM\002", FORMAT_LABORATORY, CONTENT_DOCUMENT, "application/x-cram"),
    MAGIC(0, "##fileformat=VCF", FORMAT_LABORATORY, CONTENT_DOCUMENT, "text/x-vcf"),
    MAGIC(0, "\377\330\377", FORMAT_JPEG, CONTENT_PHOTO, "image/jpeg"),
    MAGIC(0, "\211PNG\r\n\032\n", FORMAT_PNG, CONTENT_PHOTO, "image/png"),
    MAGIC(0, "GIF87a", FORMAT_OTHER_PICTURE, CONTENT_PHOTO, "image/gif"),
    MAGIC(0, "GIF89a", FORMAT_OTHER_PICTURE, CONTENT_PHOTO, "image/gif"),
    MAGIC(0, "II*\0", FORMAT_OTHER_PICTURE, CONTENT_PHOTO, "image/tiff"),
    MAGIC(0, "MM\0*", FORMAT_OTHER_PICTURE, CONTENT_PHOTO, "image/tiff"),
    MAGIC(0, "%PDF-", FORMAT_PDF, CONTENT_DOCUMENT, "application/pdf"),
    MAGIC(0, "{\\rtf", FORMAT_RTF, CONTENT_DOCUMENT, "application/rtf"),
    MAGIC(0, "\320\317\021\340\241\261\032\341", FORMAT_OLE, CONTENT_DOCUMENT,
          "application/x-ole-storage"),
    MAGIC(0, "Rar!\032\a", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/vnd.rar"),
    MAGIC(0, "7z\274\257\047\034", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/x-7z-compressed"),
    MAGIC(0, "\037\213", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/gzip"),
    MAGIC(0, "BZh", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/x-bzip2"),
    MAGIC(0, "\3757zXZ\0", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/x-xz"),
    MAGIC(0, "\050\265\057\375", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/zstd"),
    MAGIC(257, "ustar", FORMAT_ARCHIVE, CONTENT_DOCUMENT, "application/x-tar"),
    LETTERS(0, "ID3", FORMAT_MEDIA, CONTENT_MEDIA, "audio/mpeg"),
    LETTERS(0, "OggS", FORMAT_MEDIA, CONTENT_MEDIA, "application/ogg"),
    MAGIC(0, "fLaC", FORMAT_MEDIA, CONTENT_MEDIA, "audio/flac"),
    MAGIC(0, "#!AMR", FORMAT_MEDIA, CONTENT_MEDIA, "audio/amr"),
    MAGIC(0, "\032\105\337\243", FORMAT_MEDIA, CONTENT_MEDIA, "video/x-matroska"),
    MAGIC(0, "\060\046\262\165\216\146\317\021", FORMAT_MEDIA, CONTENT_MEDIA, "video/x-ms-asf"),
    MAGIC(0, "\0\0\001\272", FORMAT_MEDIA, CONTENT_MEDIA, "video/mpeg"),
    MAGIC(0, "FLV\001", FORMAT_MEDIA, CONTENT_MEDIA, "video/x-flv"),
};

static bool has(struct bytes data, size_t at, const char *magic, size_t len)
{
    return data.len >= at + len && memcmp(data.data + at, magic, len) == 0;
}

static struct content_type type_of(enum content_format format, enum content_class class,
                                   const char *media_type)
{
    return (struct content_type){format, class, media_type};
}

/* RIFF and ISO base media files say what they are behind a length. */
static bool boxed(struct bytes data, struct content_type *ret_type)
{
    static const char *const pictures[] = {"heic", "heix", "hevc", "hevx", "heim",
                                           "heis", "mif1", "msf1", "avif", "avis"};
    if (has(data, 0, "RIFF", 4) && data.len >= 12) {
        if (has(data, 8, "WEBP", 4))
            *ret_type = type_of(FORMAT_WEBP, CONTENT_PHOTO, "image/webp");
        else if (has(data, 8, "WAVE", 4))
            *ret_type = type_of(FORMAT_MEDIA, CONTENT_MEDIA, "audio/wav");
        else if (has(data, 8, "AVI ", 4))
            *ret_type = type_of(FORMAT_MEDIA, CONTENT_MEDIA, "video/x-msvideo");
        else
            return false;
        return true;
    }
    if (!has(data, 4, "ftyp", 4) || data.len < 12) return false;
    *ret_type = type_of(FORMAT_MEDIA, CONTENT_MEDIA,
                        has(data, 8, "M4A", 3)  ? "audio/mp4"
                        : has(data, 8, "qt", 2) ? "video/quicktime"
                                                : "video/mp4");
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (has(data, 8, pictures[i], 4))
            *ret_type = type_of(FORMAT_OTHER_PICTURE, CONTENT_PHOTO,
                                pictures[i][0] == 'a' ? "image/avif" : "image/heic");
    return true;
}

/* Headers too short to be sure by themselves: two frames of MPEG audio, the fields of a bitmap. */
static bool framed(struct bytes data, struct content_type *ret_type)
{
    if (data.len >= 4 && data.data[0] == 0xff && (data.data[1] & 0xe6) == 0xe2 &&
        (data.data[2] & 0xf0) != 0xf0 && (data.data[2] & 0x0c) != 0x0c) {
        *ret_type = type_of(FORMAT_MEDIA, CONTENT_MEDIA, "audio/mpeg");
        return true;
    }
    if (data.len >= 4 && data.data[0] == 0xff && (data.data[1] & 0xf6) == 0xf0) {
        *ret_type = type_of(FORMAT_MEDIA, CONTENT_MEDIA, "audio/aac");
        return true;
    }
    if (has(data, 0, "BM", 2) && data.len >= 26 && data.data[15] == 0 && data.data[16] == 0 &&
        data.data[17] == 0 && data.data[14] >= 12) {
        *ret_type = type_of(FORMAT_OTHER_PICTURE, CONTENT_PHOTO, "image/bmp");
        return true;
    }
    return false;
}

static struct content_type zip_type(struct bytes data)
{
    static const struct {
        const char *name;
        const char *media_type;
    } offices[] = {
        {"word/document.xml",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {"xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
        {"ppt/presentation.xml",
         "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
        {"OFD.xml", "application/ofd"},
    };
    static const char *const open_documents[] = {
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
    };
    for (size_t i = 0; i < sizeof offices / sizeof *offices; i++)
        if (zip_has(data, offices[i].name))
            return type_of(FORMAT_OFFICE, CONTENT_DOCUMENT, offices[i].media_type);
    /* ODF: the first file is "mimetype", stored, at a fixed place */
    for (size_t i = 0; i < sizeof open_documents / sizeof *open_documents; i++)
        if (has(data, 30, "mimetype", 8) &&
            has(data, 38, open_documents[i], strlen(open_documents[i])))
            return type_of(FORMAT_OFFICE, CONTENT_DOCUMENT, open_documents[i]);
    if (zip_has(data, "xl/workbook.bin"))
        return type_of(FORMAT_OLE, CONTENT_DOCUMENT,
                       "application/vnd.ms-excel.sheet.binary.macroEnabled.12");
    return type_of(FORMAT_ZIP, CONTENT_DOCUMENT, "application/zip");
}

/* Readers take a PDF whose header stands anywhere in the first kilobyte. */
static bool late_pdf(struct bytes data)
{
    size_t end = data.len < 1024 ? data.len : 1024;
    for (size_t at = 1; at + 8 <= end; at++)
        if (has(data, at, "%PDF-1.", 7) || has(data, at, "%PDF-2.", 7)) return true;
    return false;
}

static bool begins_with(struct bytes data, const char *word)
{
    size_t len = strlen(word);
    if (data.len < len) return false;
    for (size_t i = 0; i < len; i++) {
        char c = (char)data.data[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) return false;
    }
    return true;
}

static struct content_type text_type(struct bytes data)
{
    static const char *const pages[] = {"<!doctype html", "<html", "<head", "<body", "<table"};
    enum text_encoding encoding = text_encoding_of(data);
    if (encoding == TEXT_BINARY)
        return type_of(FORMAT_UNKNOWN, CONTENT_UNKNOWN, "application/octet-stream");
    char start[64];
    struct bytes first = {(const uint8_t *)start, text_start(data, encoding, start, sizeof start)};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (begins_with(first, pages[i]))
            return type_of(FORMAT_MARKUP, CONTENT_DOCUMENT, "text/html");
    if (begins_with(first, "<?xml") ||
        (begins_with(first, "<") && first.len > 2 && (start[1] == '!' || (start[1] | 0x20) >= 'a')))
        return type_of(FORMAT_MARKUP, CONTENT_DOCUMENT, "application/xml");
    return type_of(FORMAT_TEXT, CONTENT_DOCUMENT, "text/plain");
}

struct content_type content_type_detect(struct bytes data)
{
    struct content_type type;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        size_t end = magics[i].at + magics[i].len;
        if (!has(data, magics[i].at, magics[i].magic, magics[i].len)) continue;
        if (magics[i].letters && (data.len <= end || data.data[end] >= 0x20)) continue;
        if (magics[i].at == MACBINARY_LEN && data.data[0] != 0) continue;
        return type_of(magics[i].format, magics[i].class, magics[i].media_type);
    }
    if (has(data, 0, "PK\003\004", 4) || has(data, 0, "PK\005\006", 4)) return zip_type(data);
    if (boxed(data, &type)) return type;
    if (late_pdf(data)) return type_of(FORMAT_PDF, CONTENT_DOCUMENT, "application/pdf");
    type = text_type(data);
    if (type.format == FORMAT_UNKNOWN && framed(data, &type)) return type;
    return type;
}

const char *content_class_name(enum content_class class)
{
    switch (class) {
    case CONTENT_PHOTO: return "photo";
    case CONTENT_DOCUMENT: return "document";
    case CONTENT_MEDIA: return "media";
    default: return "unknown";
    }
}
