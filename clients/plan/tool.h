/* tool: what the commands of leadbus-plan share. Impure; one thread; no network. */
#ifndef CLIENTS_PLAN_TOOL_H
#define CLIENTS_PLAN_TOOL_H

#include <jansson.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"
#include "proto/plan/plan.h"
#include "proto/plan/plan_lint.h"
#include "proto/schema/bundle.pb-c.h"
#include "proto/tables/plan_folder.h"

/* A command: argv[0] is its name. Exit code of sysexits.h. */
int cmd_derive(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_graph(int argc, char **argv);
int cmd_lifecycle(int argc, char **argv);
int cmd_chains(int argc, char **argv);
int cmd_stats(int argc, char **argv);

/* --lang of every command: the reader's language whatever the environment says. E_USAGE, told. */
#define TOOL_OPTION_LANG(field)                                                                    \
    {                                                                                              \
        .name = "lang", .value_zh = "zh|en", .value_en = "zh|en", .doc_zh = "语言",                \
        .doc_en = "language", .text = (field)                                                      \
    }
#define TOOL_OPTION_JSON(field)                                                                    \
    {                                                                                              \
        .name = "json", .doc_zh = "输出 JSON", .doc_en = "JSON", .flag = (field)                   \
    }
/* options_parse, then --lang. 0, OPTIONS_DONE or E_USAGE (told). At most `operands_max` operands,
 * at least `operands_min`. */
int tool_options(const struct options_spec *spec, int argc, char **argv, const char **lang,
                 int operands_min, int operands_max, int *ret_first) MUST_USE;

/* Tells on stderr what went wrong and gives the exit code. */
int tool_fail(int code, const struct error *error);

/* A whole file, "-" for standard input; appended to `buf`. Errors of file_read. */
int tool_read(const char *path, size_t len_max, struct buf *buf, struct error *ret_error) MUST_USE;

/* The tables that ship with leadbus (proto/hedong-2022), in the order of plan_part_names. */
extern const struct plan_part tool_shipped[];
extern const size_t tool_shipped_count;

/* A plan as a user names it: a folder of tables, a bundle file, or nothing for the shipped one. */
struct tool_plan {
    const char *name;          /* as named; NULL: the shipped one */
    struct plan_folder folder; /* of a folder */
    struct plan_part parts[PLAN_PART_COUNT_MAX];
    size_t part_count;
    struct plan *plan;
    /* Of a bundle, whose signatures nobody has looked at: leadbus-ca show does. NULL otherwise. */
    struct arena arena;
    const Leadbus__Bundle *bundle;
};
/* `ret->plan` of the plan named. Errors of file_read, plan_parse and message_decode: E_NOT_FOUND,
 * E_BAD_TABLE (field "plan/units.tsv:17"), E_BAD_FORM (neither a folder nor a bundle), E_TOO_LARGE,
 * E_IO; *ret has no plan then and needs no end. tool_plan_fini ends it. */
int tool_plan_load(const char *name, struct tool_plan *ret, struct error *ret_error) MUST_USE;
void tool_plan_fini(struct tool_plan *plan);
/* SHA-256 over every part's name, length and bytes: what a paper refers to, in hex. */
enum { TOOL_DIGEST_LEN = 65 };
void tool_plan_digest(const struct tool_plan *plan, char ret_hex[TOOL_DIGEST_LEN]);
/* Who holds keys at a moment, by the directory of the plan's bundle or, where `directory_path` is
 * not NULL, by that draft. Only keys whose signature holds count. E_MISSING_FIELD: neither of the
 * two; errors of file_read and message_decode. */
int tool_plan_holders(struct tool_plan *plan, const char *directory_path, uint64_t at_ms,
                      struct plan_key_holders *ret, struct error *ret_error) MUST_USE;
/* The moment of --at DAY, its start in China Standard Time; `fallback_ms` where text is NULL.
 * E_BAD_VALUE. */
int tool_day(const char *text, uint64_t fallback_ms, uint64_t *ret_ms,
             struct error *ret_error) MUST_USE;
uint64_t tool_now_ms(void);

/* The bytes on stdout. Exit code. */
int tool_print(struct bytes text);
/* JSON on stdout, indented, keys in the order in which they were set; takes `value`. Exit code. */
int tool_print_json(json_t *value);
json_t *tool_json_text(const char *text); /* "" and NULL give null */

#endif
