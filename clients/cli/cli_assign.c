#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

enum { INDEX_MAX = 100 };

/* A value by the type that the schema has for it; a string where there is no schema or where it is
 * none of its type: then the agent says what is wrong. */
static json_t *typed(const json_t *schema, const char *text)
{
    const char *type = cli_get(schema, "type");
    char *end = NULL;
    if (strcmp(type, "boolean") == 0 && strcmp(text, "true") == 0) return json_true();
    if (strcmp(type, "boolean") == 0 && strcmp(text, "false") == 0) return json_false();
    if (strcmp(type, "integer") == 0) {
        long long number = strtoll(text, &end, 10);
        if (*text && !*end) return json_integer(number);
    }
    return json_string(text);
}

/* The schema of a member, of an element of it where there is an index; NULL: not known. */
static const json_t *schema_of(const json_t *schema, const char *name, long index)
{
    const json_t *member = json_object_get(json_object_get(schema, "properties"), name);
    return index < 0 ? member : json_object_get(member, "items");
}

/* The member `name` of an object or the element of a list in it, made when absent. Borrowed. */
static json_t *descend(json_t *object, const char *name, long index)
{
    json_t *member = json_object_get(object, name);
    if (index < 0) {
        if (!json_is_object(member)) {
            member = json_object();
            json_object_set_new(object, name, member);
        }
        return member;
    }
    if (!json_is_array(member)) {
        member = json_array();
        json_object_set_new(object, name, member);
    }
    while (json_array_size(member) <= (size_t)index) json_array_append_new(member, json_object());
    return json_array_get(member, (size_t)index);
}

/* "name" or "name[3]" up to '.', '=' or the end. False: not well formed. */
static bool part(const char **at, char ret_name[64], long *ret_index)
{
    size_t len = strcspn(*at, ".[=");
    if (!len || len >= 64) return false;
    memcpy(ret_name, *at, len);
    ret_name[len] = 0;
    *at += len;
    *ret_index = -1;
    if (**at != '[') return true;
    char *end = NULL;
    *ret_index = strtol(*at + 1, &end, 10);
    if (end == *at + 1 || *end != ']' || *ret_index < 0 || *ret_index >= INDEX_MAX) return false;
    *at = end + 1;
    return true;
}

int cli_assign(json_t *object, const json_t *schema, const char *assignment,
               struct error *ret_error)
{
    const char *at = assignment;
    json_t *here = object;
    char name[64];
    long index = -1;
    while (part(&at, name, &index)) {
        schema = schema_of(schema, name, index);
        if (*at == '.') {
            at++;
            here = descend(here, name, index);
            if (!json_is_object(here)) break;
            continue;
        }
        if (*at != '=') break;
        if (index < 0) {
            json_object_set_new(here, name, typed(schema, at + 1));
        } else {
            (void)descend(here, name, index);
            json_array_set_new(json_object_get(here, name), (size_t)index, typed(schema, at + 1));
        }
        return 0;
    }
    return error_say(ret_error, E_USAGE, assignment,
                     "--set 应为 路径=值，如 full.persons[0].name=…",
                     "--set takes path=value, as in full.persons[0].name=...");
}
