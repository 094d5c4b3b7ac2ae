/* The contents of a section from outside: the first byte says of which message; the rest is an edit
 * of its example as JSON, and the section's own bytes besides. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/payload/payload_json.h"
#include "tests/fuzz/fuzz.h"

static void take_text(const struct payload_message *message, struct bytes text)
{
    const struct payload_context context = {.section = "full"};
    struct buf section = {0}, again = {0};
    json_t *object = NULL, *written = NULL;
    if (payload_json_parse(text, &object, NULL) != 0) return;
    if (payload_json_read(message, object, "full", &section, NULL) == 0) {
        (void)!payload_check(message, buf_bytes(&section), &context, NULL, NULL);
        /* Written and read again it is the same section. */
        CHECK(payload_json_write(message, buf_bytes(&section), &written, NULL) == 0);
        CHECK(payload_json_read(message, written, "full", &again, NULL) == 0);
        CHECK(bytes_equal(buf_bytes(&section), buf_bytes(&again)));
    }
    json_decref(object);
    json_decref(written);
    buf_fini(&section);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct payload_context context = {.section = "full", .as_stated = true};
    size_t count = 0;
    while (payload_at(count)) count++;
    if (len == 0) return 0;
    const struct payload_message *message = payload_at(data[0] % count);
    json_t *example = payload_json_example(message);
    char *text = json_dumps(example, JSON_COMPACT);
    struct buf edited = {0};
    CHECK(text != NULL);
    fuzz_edit(bytes_of_str(text), data + 1, len - 1, &edited);
    take_text(message, buf_bytes(&edited));
    (void)!payload_check(message, bytes_of(data + 1, len - 1), &context, NULL, NULL);
    buf_fini(&edited);
    free(text);
    json_decref(example);
    return 0;
}
