/* complete: what the completion of a shell asks for: kinds, topics KIND, outcomes, reasons ACT,
 * fields KIND [PATH=]. One candidate a line; where the agent does not answer, none and no word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_topics(const json_t *kind)
{
    const json_t *topics = json_object_get(kind, "topics");
    for (size_t i = 0; i < json_array_size(topics); i++)
        puts(cli_get(json_array_get(topics, i), "topic"));
}

static void print_codes(const json_t *schema, const char *path)
{
    const json_t *codes = json_object_get(schema, "enum");
    for (size_t i = 0; i < json_array_size(codes); i++)
        printf("%s=%s\n", path, json_string_value(json_array_get(codes, i)));
}

/* "path=" of every field; of the field `wanted` its codes. `prefix`: "full." or "". */
static void print_paths(const json_t *schema, const char *prefix, const char *wanted)
{
    const char *name = NULL;
    json_t *field = NULL;
    json_object_foreach(json_object_get(schema, "properties"), name, field)
    {
        const json_t *items = json_object_get(field, "items");
        const json_t *value = items ? items : field;
        char path[160];
        snprintf(path, sizeof path, "%s%s%s", prefix, name, items ? "[0]" : "");
        if (json_object_get(value, "properties")) {
            size_t len = strlen(path);
            snprintf(path + len, sizeof path - len, ".");
            print_paths(value, path, wanted);
        } else if (!wanted) {
            printf("%s=\n", path);
        } else if (strcmp(wanted, path) == 0) {
            print_codes(value, path);
        }
    }
}

/* The fields of a message by section; those of a receipt stand alone. */
static void print_fields(const json_t *kind, const char *word)
{
    char path[160] = "";
    const json_t *schema = json_object_get(kind, "schema");
    const char *equals = word ? strchr(word, '=') : NULL;
    if (equals) snprintf(path, sizeof path, "%.*s", (int)(equals - word), word);
    if (strncmp(cli_get(kind, "kind"), "receipt.", 8) == 0)
        schema = json_object_get(json_object_get(schema, "properties"), "receipt");
    print_paths(schema, "", equals ? path : NULL);
}

static void print_kinds(struct cli *cli)
{
    struct error error = {0};
    json_t *answer = NULL;
    if (cli_call(cli, "GET", "/v1/kinds", NULL, &answer, NULL, &error)) return;
    const json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        puts(cli_get(json_array_get(items, i), "kind"));
    json_decref(answer);
}

/* Acts that have reasons. */
static const char *kind_of_reasons(const char *act)
{
    static const char *const rows[][2] = {
        {"return", "receipt.returned"},
        {"urge", "supervision.urge"},
        {"stand-down", "alert.missing-child-cancel"},
        {"extend", "receipt.extended"},
        {"pause", "supervision.pausing"},
        {"resume", "supervision.resuming"},
        {"transfer", "receipt.transferred"},
        {"withdraw", "notice.withdrawal"},
        {"uphold", "supervision.upholding"},
        {"reopen", "supervision.reopening"},
        {"supervise", "supervision.listing"},
        {"link", "notice.link"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(act, rows[i][0]) == 0) return rows[i][1];
    return "";
}

/* The codes of the field `reason`; false: its sections have none, the topic is the reason. */
static bool print_reasons(const json_t *kind)
{
    const char *name = NULL;
    json_t *section = NULL;
    json_object_foreach(json_object_get(json_object_get(kind, "schema"), "properties"), name,
                        section)
    {
        const json_t *reason = json_object_get(json_object_get(section, "properties"), "reason");
        const json_t *codes = json_object_get(reason, "enum");
        for (size_t i = 0; i < json_array_size(codes); i++)
            puts(json_string_value(json_array_get(codes, i)));
        if (codes) return true;
    }
    return false;
}

int cli_complete(struct cli *cli, int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *of = argc > 2 ? argv[2] : "";
    struct error error = {0};
    json_t *kind = NULL;
    if (strcmp(what, "kinds") == 0) print_kinds(cli);
    if (strcmp(what, "outcomes") == 0)
        of = "receipt.closed";
    else if (strcmp(what, "reasons") == 0)
        of = kind_of_reasons(of);
    if (!*of || cli_kind(cli, of, NULL, &kind, &error)) return 0;
    if (strcmp(what, "reasons") == 0 && !print_reasons(kind)) {
        print_topics(kind);
    } else if (strcmp(what, "fields") == 0) {
        print_fields(kind, argc > 3 ? argv[3] : NULL);
    } else {
        print_topics(kind);
    }
    json_decref(kind);
    return 0;
}
