/* options: command lines by table: long options, --help and --version, exit codes of sysexits.h.
 *
 * --help prints the table in the reader's language; so a program's help cannot differ from what it
 * takes. Impure (stdout, stderr). For the main thread. */
#ifndef PROTO_HOST_OPTIONS_H
#define PROTO_HOST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "proto/base/error.h"

enum { OPTIONS_LIST_COUNT_MAX = 1024 };

/* What an option that may be given several times collects; borrowed from argv. */
struct options_list {
    size_t count;
    const char *items[OPTIONS_LIST_COUNT_MAX];
};

/* Exactly one of flag, text and list is set; the last of several values of a text stands. */
struct options_row {
    const char *name;                /* without the dashes */
    char letter;                     /* short form, or 0 */
    const char *value_zh, *value_en; /* what stands for the value in help; NULL for a flag */
    const char *doc_zh, *doc_en;
    bool *flag;
    const char **text;
    struct options_list *list;
};

struct options_spec {
    const char *program;             /* "leadbus-ca sign": stands in front of messages and usage */
    const char *usage_zh, *usage_en; /* what follows the program's name: "[选项] 文件..." */
    const char *about_zh, *about_en; /* a sentence or two; may hold newlines */
    const struct options_row *rows;
    size_t row_count;
};

enum { OPTIONS_DONE = 1 };

/* --lang: what this program says from now on. 0; E_USAGE, told on stderr: neither zh nor en. */
int options_lang(const char *program, const char *value) MUST_USE;

/* Every program takes --lang zh|en, --help and --version as well (a row named `lang` goes before).
 * Takes options from argv[1] on, by their whole names: an abbreviation that is unique today would
 * be another option tomorrow, and a slip would be taken for what was not meant. Operands may stand
 * between them unless `stop_at_operand` (for programs with subcommands), "--" ends them. 0:
 * *ret_first is the index of the first operand in argv, which was reordered. OPTIONS_DONE: --help
 * or --version was printed, exit 0. E_USAGE: told on stderr already, exit 64. */
int options_parse(const struct options_spec *spec, int argc, char **argv, bool stop_at_operand,
                  int *ret_first) MUST_USE;
void options_help(const struct options_spec *spec, FILE *file);

/* What a command cannot do without, once its options are taken; told on stderr. 0, E_USAGE.
 * need: an option that was not given, by its name with dashes. count: fewer operands than `least`,
 * or more than `most`, whose first one too many is named. wrong: anything else, in the reader's
 * language. */
int options_need(const struct options_spec *spec, bool given, const char *option) MUST_USE;
int options_count(const struct options_spec *spec, int argc, char **argv, int first, int least,
                  int most) MUST_USE;
int options_wrong(const struct options_spec *spec, const char *what);

/* The exit code of sysexits.h for an errors.def code: 64 usage, 65 input, 77 refused or
 * permissions, 76 a proof that does not hold, 75 busy or not now, 74 I/O, 69 network, 71 memory,
 * 73 disk full, 78 configuration, 70 otherwise. 0 for 0. */
int options_exit_code(int code);

#endif
