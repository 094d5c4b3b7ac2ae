/* Texts: scans for profiles and for numbers of people, and the encodings. What is found in a text
 * is found in it as well when invisible characters stand between. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/content/personal.h"
#include "proto/content/plain.h"
#include "proto/content/str_scan.h"
#include "proto/content/text_decode.h"
#include "tests/fuzz/fuzz.h"

static bool found(struct bytes text)
{
    struct str_scan scan = {0};
    str_scan_text(&scan, text);
    CHECK(scan.seen_count <= STR_SEEN_COUNT_MAX && scan.list_count <= STR_LIST_COUNT_MAX);
    return str_scan_found(&scan);
}

static void hide(struct bytes text, struct buf *ret)
{
    while (text.len) {
        uint32_t character = 0;
        size_t len = utf8_next(text, &character);
        if (!len) len = 1;
        buf_append(ret, text.data, len);
        buf_append_str(ret, "\u200b");
        text.data += len;
        text.len -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = bytes_of(data, len);
    struct buf hidden = {0};
    uint8_t *utf8 = malloc(text_utf8_bytes_max(len));
    size_t utf8_len = 0;
    CHECK(utf8 != NULL);
    enum text_encoding encoding = text_encoding_of(text);
    text_to_utf8(text, encoding == TEXT_BINARY ? TEXT_UTF16LE : encoding, utf8, &utf8_len);
    CHECK(utf8_len <= text_utf8_bytes_max(len));
    if (encoding == TEXT_UTF8) CHECK(bytes_equal(text, bytes_of(utf8, utf8_len)));
    hide(text, &hidden);
    CHECK(found(text) == found(buf_bytes(&hidden)));
    CHECK(personal_has_phone(text) == personal_has_phone(buf_bytes(&hidden)));
    (void)personal_has_id_number(text);
    (void)personal_has_id_number(bytes_of(utf8, utf8_len));
    free(utf8);
    buf_fini(&hidden);
    return 0;
}
