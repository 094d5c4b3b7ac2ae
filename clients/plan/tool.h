/* tool: what the commands of leadbus-plan share. Impure; one thread; no network. */
#ifndef CLIENTS_PLAN_TOOL_H
#define CLIENTS_PLAN_TOOL_H

#include "proto/base/bytes.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "proto/plan/plan.h"

/* A command: argv[0] is its name. Exit code of sysexits.h. */
int cmd_derive(int argc, char **argv);

/* Tells on stderr what went wrong and gives the exit code. */
int tool_fail(int code, const struct error *error);

/* A whole file, "-" for standard input; appended to `buf`. Errors of file_read. */
int tool_read(const char *path, size_t len_max, struct buf *buf, struct error *ret_error) MUST_USE;

/* The tables that ship with leadbus (proto/hedong-2022), in the order of plan_part_names. */
extern const struct plan_part tool_shipped[PLAN_PART_COUNT];

/* The tables of a plan's folder, or the shipped ones where folder is NULL. */
struct tool_plan {
    struct buf contents[PLAN_PART_COUNT];
    struct plan_part parts[PLAN_PART_COUNT];
    struct plan *plan;
};
/* Errors of file_read and plan_parse; *ret is {0} then. tool_plan_fini ends it. */
int tool_plan_load(const char *folder, struct tool_plan *ret, struct error *ret_error) MUST_USE;
void tool_plan_fini(struct tool_plan *plan);

#endif
