/* Photos: what comes out is a picture of the same format, clean, and cleaning it again changes
 * nothing. The first byte says whether the place stays. */
#include "proto/base/check.h"
#include "proto/content/content.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf clean = {0}, again = {0};
    size_t removed = 0;
    if (len == 0) return 0;
    bool keep_location = data[0] & 1;
    struct bytes input = bytes_of(data + 1, len - 1);
    if (content_image_strip(input, keep_location, "photo", &clean, NULL, NULL) == 0) {
        CHECK(content_type_detect(buf_bytes(&clean)).format == content_type_detect(input).format);
        CHECK(content_image_strip(buf_bytes(&clean), keep_location, "photo", &again, &removed,
                                  NULL) == 0);
        CHECK(removed == 0);
        CHECK(bytes_equal(buf_bytes(&clean), buf_bytes(&again)));
    } else {
        CHECK(clean.len == 0);
    }
    buf_fini(&clean);
    buf_fini(&again);
    return 0;
}
