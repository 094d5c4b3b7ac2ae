/* bent: leadbusd with its surroundings in the test's hands: the disk's syncs fail, the wall clock
 * stands elsewhere, nobody answers for ZAP. The program is leadbusd's own main over its own shell;
 * only calls to the outside are led here by the linker (--wrap) and by SQLite's VFS.
 *
 * Test and program share one small file, named by the variable LEADBUS_BENT. */
#ifndef TESTS_SCENARIO_BENT_H
#define TESTS_SCENARIO_BENT_H

#include <stdatomic.h>
#include <stdint.h>

#define BENT_VARIABLE "LEADBUS_BENT"

struct bent {
    _Atomic int64_t clock_ms;    /* the wall clock is ahead by so much */
    _Atomic uint32_t syncs_fail; /* not 0: every sync of a database fails */
    _Atomic uint32_t zap_absent; /* not 0: no handler answers and no socket insists on one */
};

#endif
