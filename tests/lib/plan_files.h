/* plan_files: reads the tables of proto/hedong-2022 for tests, and lets a test change one of them.
 */
#ifndef TESTS_LIB_PLAN_FILES_H
#define TESTS_LIB_PLAN_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan.h"

struct plan_files {
    struct plan_part parts[PLAN_PART_COUNT_MAX]; /* the required ones first */
};

/* The bytes of a file with a NUL behind them; the caller frees. NULL when it cannot be read. */
static inline char *plan_files_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long len = ftell(file);
    CHECK(len >= 0);
    rewind(file);
    char *text = calloc(1, (size_t)len + 1);
    CHECK(text != NULL);
    CHECK(fread(text, 1, (size_t)len, file) == (size_t)len);
    CHECK(fclose(file) == 0);
    *ret_len = (size_t)len;
    return text;
}

static inline void plan_files_load(struct plan_files *files)
{
    for (size_t i = 0; i < PLAN_PART_COUNT_MAX; i++) {
        char path[512];
        size_t len = 0;
        (void)snprintf(path, sizeof path, "%s/proto/hedong-2022/%s", LEADBUS_SOURCE_DIR,
                       plan_part_names[i] + strlen("plan/"));
        char *text = plan_files_read(path, &len);
        CHECK(text != NULL);
        files->parts[i] = (struct plan_part){plan_part_names[i], bytes_of(text, len)};
    }
}

static inline void plan_files_free(struct plan_files *files)
{
    for (size_t i = 0; i < PLAN_PART_COUNT_MAX; i++)
        free((void *)(uintptr_t)files->parts[i].content.data);
}

static inline struct plan_part *plan_files_part(struct plan_files *files, const char *name)
{
    size_t i = 0;
    while (i < PLAN_PART_COUNT_MAX && strcmp(files->parts[i].name + strlen("plan/"), name) != 0)
        i++;
    CHECK(i < PLAN_PART_COUNT_MAX);
    return &files->parts[i];
}

/* Rows of a table, the line that names its columns not counted; with `word` those that have it as
 * a whole field, or in a field that is a list. For tests that count what the plan has. */
static inline size_t plan_files_count(const struct plan_files *files, const char *name,
                                      const char *word)
{
    struct plan_files *all = (struct plan_files *)(uintptr_t)files;
    const char *line = (const char *)plan_files_part(all, name)->content.data;
    size_t count = 0;
    bool columns = true;
    for (const char *end = line; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (line == end || line[0] == '#') continue;
        bool found = !word && !columns;
        for (const char *at = line; word && at < end && !found; at += strcspn(at, "\t,\n") + 1)
            found = strcspn(at, "\t,\n") == strlen(word) && strncmp(at, word, strlen(word)) == 0;
        count += found && !columns;
        columns = false;
    }
    return count;
}

/* Puts other bytes in a part's place. */
static inline void plan_files_set(struct plan_files *files, const char *name, const void *data,
                                  size_t len)
{
    struct plan_part *part = plan_files_part(files, name);
    uint8_t *copy = malloc(len + 1);
    CHECK(copy != NULL);
    if (len > 0) memcpy(copy, data, len);
    free((void *)(uintptr_t)part->content.data);
    part->content = bytes_of(copy, len);
}

/* Replaces the only occurrence of `old` in a part. */
static inline void plan_files_replace(struct plan_files *files, const char *name, const char *old,
                                      const char *new)
{
    struct plan_part *part = plan_files_part(files, name);
    const char *text = (const char *)part->content.data;
    const char *at = memmem(text, part->content.len, old, strlen(old));
    CHECK(at != NULL);
    size_t before = (size_t)(at - text);
    size_t after = part->content.len - before - strlen(old);
    CHECK(memmem(at + 1, part->content.len - before - 1, old, strlen(old)) == NULL);
    size_t len = before + strlen(new) + after;
    char *copy = malloc(len + 1);
    CHECK(copy != NULL);
    memcpy(copy, text, before);
    memcpy(copy + before, new, strlen(new));
    memcpy(copy + before + strlen(new), at + strlen(old), after);
    plan_files_set(files, name, copy, len);
    free(copy);
}

static inline struct plan *plan_files_parse(void)
{
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};

    plan_files_load(&files);
    int r = plan_parse(files.parts, PLAN_PART_COUNT_MAX, &plan, &error);
    if (r < 0) (void)fprintf(stderr, "%s: %s\n", error.field, error.detail);
    CHECK(r == 0);
    plan_files_free(&files);
    return plan;
}

#endif
