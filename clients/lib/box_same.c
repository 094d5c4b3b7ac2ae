/* Numbers that messages have in common. */
#include <stdlib.h>
#include <string.h>

#include "clients/lib/box_inner.h"
#include "proto/base/check.h"

int box_same_add(struct box *box, const uint8_t blind[BOX_BLIND_LEN], const uint8_t thread[16],
                 const uint8_t message[16], const char *what, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_SAME_ADD, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(blind, BOX_BLIND_LEN));
    sqlite_bind_bytes(statement, 2, bytes_of(thread, 16));
    sqlite_bind_bytes(statement, 3, bytes_of(message, 16));
    (void)sqlite3_bind_text(statement, 4, what, -1, SQLITE_TRANSIENT);
    return box_run(box, statement, ret_error);
}

int box_same_drop(struct box *box, const uint8_t message[16], struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_SAME_DROP, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(message, 16));
    return box_run(box, statement, ret_error);
}

struct own {
    uint8_t blind[BOX_BLIND_LEN], thread[16];
    char what[16];
};

/* The message's own entries, gathered first: the next statement is stepped for each of them. */
static int own_entries(struct box *box, const uint8_t message[16], struct own **ret,
                       size_t *ret_count, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    struct own *all = NULL;
    size_t count = 0, cap = 0;
    int r = box_prepare(box, BOX_SAME_OF, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(message, 16));
    (void)sqlite3_bind_int(statement, 2, BOX_SAME_COUNT_MAX);
    while ((r = box_step(box, statement, ret_error)) == 1) {
        if (count == cap) {
            cap = cap ? cap * 2 : 8;
            struct own *more = realloc(all, cap * sizeof *all);
            CHECK(more != NULL);
            all = more;
        }
        box_fixed(statement, 0, all[count].blind, BOX_BLIND_LEN);
        box_fixed(statement, 1, all[count].thread, 16);
        box_text(statement, 2, all[count++].what, sizeof all->what);
    }
    *ret = all;
    *ret_count = count;
    return r;
}

/* The next thread with this number behind *thread. 1: there is one; 0: there is none. */
static int next_thread(struct box *box, const struct own *own, uint8_t thread[16],
                       struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_SAME_NEXT, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(own->blind, BOX_BLIND_LEN));
    sqlite_bind_bytes(statement, 2, bytes_of(thread, 16));
    r = box_step(box, statement, ret_error);
    if (r == 1) box_fixed(statement, 0, thread, 16);
    (void)sqlite3_reset(statement);
    return r;
}

static bool has(const struct box_same *list, size_t count, const struct own *own,
                const uint8_t thread[16])
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(list[i].thread, thread, 16) == 0 && strcmp(list[i].what, own->what) == 0)
            return true;
    return false;
}

int box_same_of(struct box *box, const uint8_t message[16], struct box_same *ret, size_t cap,
                size_t *ret_count, bool *ret_more, struct error *ret_error)
{
    struct own *all = NULL;
    size_t own_count = 0;
    *ret_count = 0;
    *ret_more = false;
    int r = own_entries(box, message, &all, &own_count, ret_error);
    for (size_t i = 0; r == 0 && i < own_count && !*ret_more; i++) {
        uint8_t thread[16] = {0};
        while ((r = next_thread(box, &all[i], thread, ret_error)) == 1) {
            if (memcmp(thread, all[i].thread, 16) == 0 || has(ret, *ret_count, &all[i], thread))
                continue;
            *ret_more = *ret_count == cap;
            if (*ret_more) break;
            struct box_same *one = &ret[(*ret_count)++];
            memcpy(one->thread, thread, 16);
            memcpy(one->what, all[i].what, sizeof one->what);
        }
        if (r == 1) r = 0;
    }
    free(all);
    return r;
}
