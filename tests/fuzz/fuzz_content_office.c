/* The parts of a document in a zip whose sums are right, which random bytes never are. The first
 * byte says of which format; "\n--\n" stands between the parts. */
#include <string.h>

#include "proto/base/check.h"
#include "proto/content/content.h"
#include "proto/content/inflate.h"
#include "tests/fuzz/fuzz.h"

static void put_le(struct buf *out, uint32_t value, size_t len)
{
    for (size_t i = 0; i < len; i++, value >>= 8) buf_append_u8(out, (uint8_t)(value & 0xff));
}

/* Version, flags, method, time and date; sum and both sizes. */
static void put_common(struct buf *out, struct bytes data)
{
    put_le(out, 20, 2);
    put_le(out, 0, 8);
    put_le(out, inflate_crc32(data), 4);
    put_le(out, (uint32_t)data.len, 4);
    put_le(out, (uint32_t)data.len, 4);
}

struct archive {
    struct buf files;
    struct buf directory;
    uint32_t count;
};

static void add(struct archive *archive, const char *name, struct bytes data)
{
    uint32_t at = (uint32_t)archive->files.len;
    buf_append_str(&archive->files, "PK\003\004");
    put_common(&archive->files, data);
    put_le(&archive->files, (uint32_t)strlen(name), 4);
    buf_append_str(&archive->files, name);
    buf_append_bytes(&archive->files, data);
    buf_append_str(&archive->directory, "PK\001\002");
    put_le(&archive->directory, 20, 2);
    put_common(&archive->directory, data);
    put_le(&archive->directory, (uint32_t)strlen(name), 4);
    put_le(&archive->directory, 0, 10);
    put_le(&archive->directory, at, 4);
    buf_append_str(&archive->directory, name);
    archive->count++;
}

static void finish(struct archive *archive)
{
    uint32_t at = (uint32_t)archive->files.len;
    buf_append_bytes(&archive->files, buf_bytes(&archive->directory));
    buf_append_str(&archive->files, "PK\005\006");
    put_le(&archive->files, 0, 4);
    put_le(&archive->files, archive->count, 2);
    put_le(&archive->files, archive->count, 2);
    put_le(&archive->files, (uint32_t)archive->directory.len, 4);
    put_le(&archive->files, at, 4);
    put_le(&archive->files, 0, 2);
}

/* The part up to the next separator; it is taken off the rest. */
static struct bytes take_part(struct bytes *rest)
{
    size_t at = 0;
    while (at + 4 <= rest->len && memcmp(rest->data + at, "\n--\n", 4) != 0) at++;
    bool found = at + 4 <= rest->len;
    struct bytes part = bytes_of(rest->data, found ? at : rest->len);
    rest->data += found ? at + 4 : rest->len;
    rest->len -= found ? at + 4 : rest->len;
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const names[][3] = {
        {"xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"},
        {"word/document.xml", "word/media/image1.png", "word/embeddings/a.bin"},
        {"OFD.xml", "META-INF/manifest.xml", "Doc_0/Content.xml"},
        {"a.txt", "b", "c.docx"},
    };
    if (len == 0) return 0;
    struct bytes rest = bytes_of(data + 1, len - 1);
    struct archive archive = {0};
    struct error error = {0};
    for (size_t i = 0; i < 3; i++) add(&archive, names[data[0] % 4][i], take_part(&rest));
    finish(&archive);
    int status = content_examine(buf_bytes(&archive.files), "file", NULL, &error);
    CHECK(status == 0 || status == E_FORBIDDEN_CONTENT || status == E_CONTENT_UNEXAMINABLE);
    buf_fini(&archive.files);
    buf_fini(&archive.directory);
    return 0;
}
