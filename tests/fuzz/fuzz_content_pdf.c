/* PDF: the first byte says what the rest is: a whole file, what a page shows, a font's character
 * map, or a packed stream of some filter. The others get a file around them that is well formed. */
#include "proto/base/check.h"
#include "proto/content/content.h"
#include "tests/fuzz/fuzz.h"

static void put_stream(struct buf *out, unsigned number, const char *entries, struct bytes data)
{
    buf_printf(out, "%u 0 obj << %s /Length %zu >> stream\n", number, entries, data.len);
    buf_append_bytes(out, data);
    buf_append_str(out, "\nendstream endobj\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const filters[] = {
        "/Filter /LZWDecode", "/Filter /ASCII85Decode",
        "/Filter [/ASCIIHexDecode /RunLengthDecode]",
        "/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 5 /Colors 3 >>",
        "/Filter /LZWDecode /DecodeParms << /EarlyChange 0 /Predictor 12 /Columns 4 >>"};
    struct buf file = {0};
    struct error error = {0};
    if (len == 0) return 0;
    unsigned form = data[0] % 8;
    struct bytes rest = bytes_of(data + 1, len - 1);
    buf_append_str(&file, "%PDF-1.7\n");
    if (form == 0) {
        buf_append_bytes(&file, rest);
    } else {
        buf_append_str(&file,
                       "1 0 obj << /Type /Page /Contents 2 0 R /Resources << /Font << /F1 3 0 R >> "
                       ">> >> endobj\n3 0 obj << /Type /Font /Subtype /Type0 /Encoding "
                       "/Identity-H /ToUnicode 4 0 R >> endobj\n");
        struct bytes shown = form == 1 ? rest : bytes_of_str("/F1 9 Tf <00010002000300040005> Tj");
        put_stream(&file, 2, form > 2 ? filters[form - 3] : "", form > 2 ? rest : shown);
        put_stream(&file, 4, "", form == 2 ? rest : bytes_of_str("beginbfrange <00> <ff> <0030>"));
    }
    int status = content_examine(buf_bytes(&file), "file", NULL, &error);
    CHECK(status == 0 || status == E_FORBIDDEN_CONTENT || status == E_CONTENT_UNEXAMINABLE);
    buf_fini(&file);
    return 0;
}
