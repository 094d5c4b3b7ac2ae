/* Any file through the whole examination: whatever it is, there is a verdict. */
#include "proto/base/check.h"
#include "proto/content/content.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct content_report report = {0};
    struct error error = {0};
    struct content_type type = content_type_detect(input);
    CHECK(type.media_type != NULL);
    CHECK((type.class == CONTENT_UNKNOWN) == (type.format == FORMAT_UNKNOWN));
    int status = content_examine(input, "file", &report, &error);
    CHECK(status == 0 || status == E_FORBIDDEN_CONTENT || status == E_CONTENT_UNEXAMINABLE);
    if (status == 0) CHECK(report.type.format == type.format);
    if (status) CHECK(error.code == status && error.field[0] == 'f' && error.detail[0]);
    /* a file of a laboratory is one whatever follows its head */
    if (type.format == FORMAT_LABORATORY) CHECK(status == E_FORBIDDEN_CONTENT);
    /* of a kind without personal data: no more is let through */
    const struct content_rule rule = {
        .path = "file", .classes = CONTENT_DOCUMENT, .no_numbers = true, .confirm_no_dna = true};
    int public = content_check_outgoing(input, &rule, NULL, NULL, NULL);
    if (status && type.class == CONTENT_DOCUMENT) CHECK(public != 0);
    return 0;
}
