/* I4: what people wrote is on no disk for who takes the disk away: not on the broker's, and on the
 * units' only under their keys. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/check.h"

static void look(const struct facts *facts, const char *path)
{
    struct buf content = {0};
    if (!vfs_file_read(path, &content)) return;
    if (memmem(content.data, content.len, TOWN_CANARY, strlen(TOWN_CANARY)))
        history_fail(facts->town->history, "secret", "%s can be read by anybody", path);
    buf_fini(&content);
}

void check_secret(const struct facts *facts)
{
    char wal[TOWN_PATH_LEN + 16];
    look(facts, "bus/journal.db");
    look(facts, "bus/journal.db-wal");
    for (size_t i = 0; i < facts->town->unit_count; i++) {
        (void)snprintf(wal, sizeof wal, "%s-wal", facts->town->units[i].box);
        look(facts, facts->town->units[i].box);
        look(facts, wal);
    }
}
