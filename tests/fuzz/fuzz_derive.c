/* A plan's text, as it is. What is taken has rows and findings that can be read, and no row names a
 * unit twice; what is refused has a code and a detail. */
#include <string.h>

#include "clients/plan/derive/derive.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"

static void check_row(const struct derive_row *row)
{
    CHECK(row->id[0] != '\0' && strspn(row->id, "0123456789.") == strlen(row->id));
    CHECK(row->line_first > 0 && row->line_first <= row->line_last);
    CHECK(row->lead_count + row->coop_count > 0);
    for (size_t i = 0; i < row->lead_count; i++) {
        CHECK(row->lead[i][0] != '\0' && !strpbrk(row->lead[i], "\t\r\n"));
        for (size_t j = 0; j < row->coop_count; j++) CHECK(strcmp(row->lead[i], row->coop[j]) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct derive *derive = NULL;
    struct error error = {0};
    int rc = derive_run(bytes_of(data, len), &derive, &error);
    if (rc != 0) {
        CHECK(!derive && error.code == rc && error.detail[0]);
        return 0;
    }
    for (size_t i = 0; i < derive_row_count(derive); i++) check_row(derive_row(derive, i));
    for (size_t i = 0; i < derive_finding_count(derive); i++) {
        struct derive_finding finding = derive_finding(derive, i);
        CHECK(finding.code[0] && finding.zh[0] && finding.en[0]);
    }
    derive_free(derive);
    return 0;
}
