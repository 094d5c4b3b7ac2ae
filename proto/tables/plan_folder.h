/* plan_folder: a plan's tables read from the folder that holds them (such as proto/hedong-2022),
 * for programs that are given one. Impure; thread-safe. */
#ifndef PROTO_TABLES_PLAN_FOLDER_H
#define PROTO_TABLES_PLAN_FOLDER_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/plan/plan.h"

/* Parts as plan_parse takes them, in the order of plan_part_names. Those that need not be there are
 * there only where their file is. */
struct plan_folder {
    struct buf contents[PLAN_PART_COUNT_MAX];
    struct plan_part parts[PLAN_PART_COUNT_MAX]; /* into contents */
    size_t part_count;
};

/* Each table of at most LIMIT_TABLE_BYTES_MAX. Errors of file_read, the file as their field: *ret
 * is empty then. plan_folder_fini ends it. */
int plan_folder_read(const char *folder, struct plan_folder *ret, struct error *ret_error) MUST_USE;
void plan_folder_fini(struct plan_folder *folder);

#endif
