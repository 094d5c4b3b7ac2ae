/* The committed worked example is what the code gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/vectors/attachments.h"

static const char path[] = LEADBUS_SOURCE_DIR "/tests/vectors/attachment.json";

static void the_committed_file_is_what_the_code_gives(void **state)
{
    char *expected = attachments_vectors();
    size_t len = strlen(expected);
    char *found = calloc(1, len + 2);
    FILE *file = fopen(path, "rb");
    (void)state;
    assert_non_null(found);
    assert_non_null(file);
    assert_int_equal(fread(found, 1, len + 1, file), len);
    assert_true(strcmp(found, expected) == 0);
    fclose(file);
    free(found);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_file_is_what_the_code_gives),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
