#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

enum { INDEX_MAX = 100 };

/* A value as typed: numbers, true and false keep their type where the whole of it is one; numbers
 * that start with 0 or have more than nine digits are codes and stay strings. */
static json_t *typed(const char *text)
{
    size_t len = strlen(text);
    size_t digits = strspn(text + (*text == '-' ? 1 : 0), "0123456789");
    if (strcmp(text, "true") == 0) return json_true();
    if (strcmp(text, "false") == 0) return json_false();
    if ((*text == '{' || *text == '[') && len > 1) {
        json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (value) return value;
    }
    if (digits && digits + (*text == '-' ? 1 : 0) == len && digits <= 9 &&
        (text[0] != '0' || len == 1))
        return json_integer(strtol(text, NULL, 10));
    return json_string(text);
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

int cli_assign(json_t *object, const char *assignment, struct error *ret_error)
{
    const char *at = assignment;
    json_t *here = object;
    char name[64];
    long index = -1;
    while (part(&at, name, &index)) {
        if (*at == '.') {
            at++;
            here = descend(here, name, index);
            if (!json_is_object(here)) break;
            continue;
        }
        if (*at != '=') break;
        if (index < 0) {
            json_object_set_new(here, name, typed(at + 1));
        } else {
            (void)descend(here, name, index);
            json_array_set_new(json_object_get(here, name), (size_t)index, typed(at + 1));
        }
        return 0;
    }
    return error_set(ret_error, E_USAGE, "--set", "path=value, as in full.persons[0].name=...");
}
