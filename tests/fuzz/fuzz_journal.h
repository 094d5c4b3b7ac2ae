/* fuzz_journal: a small good journal in the folder of this run: a lead in record 4, acknowledged
 * and signed for. */
#ifndef TESTS_FUZZ_FUZZ_JOURNAL_H
#define TESTS_FUZZ_FUZZ_JOURNAL_H

#include "tests/fuzz/fuzz_file.h"
#include "tests/scenario/journal_maker.h"

/* Its path, valid until the next call of fuzz_file; the root's note is appended. */
static const char *fuzz_journal(struct buf *ret_root)
{
    static struct journal_maker maker;
    struct maker_message lead;
    const char *path = fuzz_file("journal.db", (struct bytes){0});
    CHECK(unlink(path) == 0);
    maker_open(&maker, path);
    CHECK(maker_submit(&maker, "education", "lead.mandatory-report", "", "", NULL, &lead) == 4);
    (void)maker_ack(&maker, "police-hedong", 0, 0);
    (void)maker_submit(&maker, "police-hedong", "receipt.signed", "", "", &lead, NULL);
    maker_commit(&maker);
    buf_append_bytes(ret_root, buf_bytes(&maker.root_note));
    maker_close(&maker);
    return path;
}

#endif
