/* Who is on duty, as a spreadsheet wrote it: an edit of a good table. */
#include "clients/agent/roster.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"

static const char good[] =
    "\xef\xbb\xbf开始,结束,岗位,经办人代码,姓名,联系方式,备注\r\n"
    "2026-11-25 08:30,2026-11-25 17:30,值班,dzg-4,\"王, 某\",8888,\r\n"
    "2026/11/25,2026/11/27,deputy,dzg-5,\"a \"\"b\"\"\",,x\r\n# later\r\n\r\n"
    "2026-11-26 8:00,2026-11-28 00:00,负责人,dzg-6,,,\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf text = {0};
    struct roster roster = {0};
    fuzz_edit(bytes_of_str(good), data, len, &text);
    if (roster_parse(buf_bytes(&text), &roster, NULL) == 0) {
        const struct roster_row *rows[ROSTER_TOGETHER_MAX];
        uint64_t from_ms, until_ms;
        for (size_t i = 0; i < roster.count; i++) {
            CHECK(roster.rows[i].from_ms < roster.rows[i].until_ms);
            CHECK(i == 0 || roster.rows[i - 1].from_ms <= roster.rows[i].from_ms);
            CHECK(roster_at(&roster, roster.rows[i].rank, roster.rows[i].from_ms, rows,
                            ROSTER_TOGETHER_MAX) > 0);
        }
        if (roster_gap(&roster, LEADBUS_RANK_DUTY, 1764000000000, 1765000000000, &from_ms,
                       &until_ms))
            CHECK(until_ms == 0 || from_ms < until_ms);
    }
    roster_fini(&roster);
    buf_fini(&text);
    return 0;
}
