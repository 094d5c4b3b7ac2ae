#include "proto/host/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "proto/base/check.h"
#include "proto/host/i18n.h"

enum {
    ROW_COUNT_MAX = 48,
    CODE_FIRST = 1000,
    CODE_HELP = 2000,
    CODE_VERSION = 2001,
    CODE_LANG = 2002
};

int options_exit_code(int code)
{
    switch (code) {
    case 0: return EX_OK;
    case E_USAGE: return EX_USAGE;
    case E_BAD_CONFIG: return EX_CONFIG;
    case E_NOT_FOUND: return EX_NOINPUT;
    case E_STORE_CORRUPT: return EX_DATAERR; /* a start anew does not help */
    case E_KEYRING_PERMISSIONS: return EX_NOPERM;
    case E_NO_MEMORY: return EX_OSERR;
    case E_DISK_FULL: return EX_CANTCREAT;
    case E_NETWORK:
    case E_AGENT_UNREACHABLE: return EX_UNAVAILABLE;
    default: break;
    }
    switch (error_class(code)) {
    case ERROR_CLASS_INPUT: return EX_DATAERR;
    case ERROR_CLASS_REFUSED: return EX_NOPERM;
    case ERROR_CLASS_STATE:
    case ERROR_CLASS_BUSY: return EX_TEMPFAIL;
    case ERROR_CLASS_ENVIRONMENT: return EX_IOERR;
    case ERROR_CLASS_PROOF: return EX_PROTOCOL;
    }
    return EX_SOFTWARE;
}

static void help_row(FILE *file, char letter, const char *name, const char *value, const char *doc)
{
    char left[96];
    if (letter)
        (void)snprintf(left, sizeof left, "  -%c, --%s%s%s", letter, name, *value ? " " : "",
                       value);
    else
        (void)snprintf(left, sizeof left, "      --%s%s%s", name, *value ? " " : "", value);
    i18n_pad(file, left, 32);
    (void)fprintf(file, "%s%s\n", i18n_width(left) >= 32 ? " " : "", doc);
}

static bool has_row(const struct options_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->row_count; i++)
        if (strcmp(spec->rows[i].name, name) == 0) return true;
    return false;
}

int options_lang(const char *program, const char *value)
{
    bool english = strcmp(value, "en") == 0;
    if (!english && strcmp(value, "zh") != 0) {
        (void)fprintf(
            stderr,
            T("%s：--lang 应为 zh 或 en；参看 --help\n", "%s: --lang takes zh or en; see --help\n"),
            program);
        return E_USAGE;
    }
    i18n_set(english ? LANG_EN : LANG_ZH);
    return 0;
}

void options_help(const struct options_spec *spec, FILE *file)
{
    (void)fprintf(file, T("用法：%s %s\n", "Usage: %s %s\n"), spec->program,
                  T(spec->usage_zh, spec->usage_en));
    if (spec->about_zh) (void)fprintf(file, "\n%s\n", T(spec->about_zh, spec->about_en));
    (void)fprintf(file, "%s", T("\n选项：\n", "\nOptions:\n"));
    for (size_t i = 0; i < spec->row_count; i++) {
        const struct options_row *row = &spec->rows[i];
        help_row(file, row->letter, row->name, row->value_zh ? T(row->value_zh, row->value_en) : "",
                 T(row->doc_zh, row->doc_en));
    }
    if (!has_row(spec, "lang"))
        help_row(file, 0, "lang", "zh|en",
                 T("显示语言，默认随 LC_ALL、LC_MESSAGES、LANG",
                   "the language; LC_ALL, LC_MESSAGES, LANG by default"));
    help_row(file, 'h', "help", "", T("显示本帮助", "this help"));
    help_row(file, 'V', "version", "", T("显示版本", "the version"));
}

static int take(const struct options_spec *spec, const struct options_row *row, const char *value)
{
    if (row->flag) {
        *row->flag = true;
    } else if (row->text) {
        *row->text = value;
    } else {
        if (row->list->count == OPTIONS_LIST_COUNT_MAX) {
            (void)fprintf(stderr, T("%s：--%s 次数过多\n", "%s: too many --%s\n"), spec->program,
                          row->name);
            return E_USAGE;
        }
        row->list->items[row->list->count++] = value;
    }
    return 0;
}

int options_wrong(const struct options_spec *spec, const char *what)
{
    (void)fprintf(stderr, T("%s：%s；参看 --help\n", "%s: %s; see --help\n"), spec->program, what);
    return E_USAGE;
}

int options_need(const struct options_spec *spec, bool given, const char *option)
{
    if (given) return 0;
    (void)fprintf(stderr, T("%s：须给出 %s；用法：%s %s\n", "%s: %s is needed; usage: %s %s\n"),
                  spec->program, option, spec->program, T(spec->usage_zh, spec->usage_en));
    return E_USAGE;
}

int options_count(const struct options_spec *spec, int argc, char **argv, int first, int least,
                  int most)
{
    if (argc - first > most) {
        (void)fprintf(stderr,
                      T("%s：多余的参数：%s；参看 --help\n", "%s: not wanted: %s; see --help\n"),
                      spec->program, argv[first + most]);
        return E_USAGE;
    }
    if (argc - first >= least) return 0;
    (void)fprintf(stderr,
                  T("%s：缺少参数；用法：%s %s\n", "%s: arguments are missing; usage: %s %s\n"),
                  spec->program, spec->program, T(spec->usage_zh, spec->usage_en));
    return E_USAGE;
}

static int complain(const struct options_spec *spec, const char *word, bool value_missing)
{
    if (value_missing)
        (void)fprintf(
            stderr,
            T("%s：选项 %s 缺少取值；参看 --help\n", "%s: option %s needs a value; see --help\n"),
            spec->program, word);
    else
        (void)fprintf(stderr,
                      T("%s：选项无效：%s；参看 --help\n", "%s: no such option: %s; see --help\n"),
                      spec->program, word);
    return E_USAGE;
}

/* The word of the long option that getopt_long has just taken, with its dashes. */
static const char *long_word(char **argv)
{
    const char *last = argv[optind - 1];
    return optarg == last ? argv[optind - 2] : last; /* --name VALUE, or --name=VALUE, or --name */
}

static bool is_whole(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word + 2, name, len) == 0 && (word[2 + len] == 0 || word[2 + len] == '=');
}

static int show_help(const struct options_spec *spec)
{
    for (size_t i = 0; i < spec->row_count; i++) {
        const struct options_row *row = &spec->rows[i];
        if (strcmp(row->name, "lang") != 0 || !row->text || !*row->text) continue;
        if (options_lang(spec->program, *row->text) != 0) return E_USAGE;
    }
    options_help(spec, stdout);
    return OPTIONS_DONE;
}

int options_parse(const struct options_spec *spec, int argc, char **argv, bool stop_at_operand,
                  int *ret_first)
{
    struct option longs[ROW_COUNT_MAX + 4] = {{0}};
    char shorts[2 * ROW_COUNT_MAX + 9];
    size_t len = 0;
    CHECK(spec->row_count <= ROW_COUNT_MAX);
    if (stop_at_operand) shorts[len++] = '+';
    shorts[len++] = ':';
    shorts[len++] = 'h';
    shorts[len++] = 'V';
    for (size_t i = 0; i < spec->row_count; i++) {
        const struct options_row *row = &spec->rows[i];
        int wants = row->value_zh ? required_argument : no_argument;
        longs[i] = (struct option){row->name, wants, NULL, CODE_FIRST + (int)i};
        if (!row->letter) continue;
        shorts[len++] = row->letter;
        if (row->value_zh) shorts[len++] = ':';
    }
    shorts[len] = 0;
    longs[spec->row_count] = (struct option){"help", no_argument, NULL, CODE_HELP};
    longs[spec->row_count + 1] = (struct option){"version", no_argument, NULL, CODE_VERSION};
    if (!has_row(spec, "lang"))
        longs[spec->row_count + 2] = (struct option){"lang", required_argument, NULL, CODE_LANG};
    bool help = false;
    optind = 0; /* glibc: start anew, also after an earlier command line */
    opterr = 0;
    for (;;) {
        int which = -1;
        int code = getopt_long(argc, argv, shorts, longs, &which);
        if (code < 0) break;
        if (which >= 0 && code != '?' && code != ':' &&
            !is_whole(long_word(argv), longs[which].name))
            return complain(spec, long_word(argv), false);
        if (code == 'h' || code == CODE_HELP) {
            help = true; /* in the language that a later option may name */
            continue;
        }
        if (code == 'V' || code == CODE_VERSION) {
            printf("%s %s\n", spec->program, LEADBUS_VERSION);
            return OPTIONS_DONE;
        }
        if (code == '?' || code == ':') return complain(spec, argv[optind - 1], code == ':');
        if (code == CODE_LANG) {
            if (options_lang(spec->program, optarg) != 0) return E_USAGE;
            continue;
        }
        size_t i = code >= CODE_FIRST ? (size_t)(code - CODE_FIRST) : 0;
        while (code < CODE_FIRST && spec->rows[i].letter != code) i++;
        int rc = take(spec, &spec->rows[i], optarg);
        if (rc < 0) return rc;
    }
    *ret_first = optind;
    return help ? show_help(spec) : 0;
}
