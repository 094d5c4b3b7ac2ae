/* Signed notes and what stands in them: roots, checkpoints, receipts. */
#include <string.h>

#include "certs/trust/trust.h"
#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/note.h"
#include "proto/tlogproof.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct note note;
    struct checkpoint head;
    struct tlogproof proof;
    struct trust_root root;
    struct buf extra = {0}, again = {0};
    if (note_parse(input, &note, NULL) == 0) {
        CHECK(note_text_valid(note.text));
        if (checkpoint_parse(note.text, &head, NULL) == 0) {
            /* One spelling of the three lines; more lines may follow them. */
            CHECK(checkpoint_format(&head, &again, NULL) == 0);
            CHECK(again.len <= note.text.len);
            CHECK(memcmp(again.data, note.text.data, again.len) == 0);
        }
    }
    (void)!tlogproof_parse(input, &proof, &extra, NULL);
    (void)!trust_root_open(input, &root, NULL);
    buf_fini(&extra);
    buf_fini(&again);
    return 0;
}
