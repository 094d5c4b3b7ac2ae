#include "proto/tables/plan_folder.h"

#include <string.h>

#include "proto/base/limits.h"
#include "proto/host/file.h"

int plan_folder_read(const char *folder, struct plan_folder *ret, struct error *ret_error)
{
    struct buf path = {0};
    int rc = 0;
    *ret = (struct plan_folder){0};
    for (size_t i = 0; rc == 0 && i < PLAN_PART_COUNT_MAX; i++) {
        buf_reset(&path);
        buf_printf(&path, "%s/%s", folder, plan_part_names[i] + strlen("plan/"));
        buf_append_u8(&path, 0);
        const char *name = (const char *)path.data;
        if (i >= PLAN_PART_COUNT && !file_exists(name)) continue;
        rc = file_read_regular(name, LIMIT_TABLE_BYTES_MAX, &ret->contents[i], ret_error);
        ret->parts[ret->part_count++] =
            (struct plan_part){plan_part_names[i], buf_bytes(&ret->contents[i])};
    }
    buf_fini(&path);
    if (rc != 0) plan_folder_fini(ret);
    return rc;
}

void plan_folder_fini(struct plan_folder *folder)
{
    for (size_t i = 0; i < PLAN_PART_COUNT_MAX; i++) buf_fini(&folder->contents[i]);
    *folder = (struct plan_folder){0};
}
