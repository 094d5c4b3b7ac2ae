/* What the unit's own programs keep, sealed beside its messages. */
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "clients/lib/engine_inner.h"

int leadbus_local_put(leadbus *lb, const struct leadbus_local *local,
                      struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct buf sealed = {0};
    struct moment moment = client_moment(lb);
    struct box_local row = {.due_ms = local->due_ms ? local->due_ms : BOX_LEG_NO_TERM};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    memcpy(row.id, local->id, 16);
    engine_rest_seal(lb->engine, &moment, row.id, bytes_of(local->data, local->len), &sealed);
    int r = box_local_put(lb->box, &row, buf_bytes(&sealed), &error);
    buf_fini(&sealed);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_local_get(leadbus *lb, const uint8_t *id, void **ret_data, size_t *ret_len,
                      struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_local row;
    struct buf sealed = {0}, plain = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_local_get(lb->box, id, &row, &sealed, &error);
    if (r == 0) r = engine_rest_open(lb->engine, id, buf_bytes(&sealed), &plain, &error);
    if (r == 0) {
        void *copy = malloc(plain.len + 1);
        CHECK(copy != NULL);
        if (plain.len) memcpy(copy, plain.data, plain.len);
        *ret_data = copy;
        *ret_len = plain.len;
    }
    buf_fini(&sealed);
    buf_wipe_fini(&plain);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

/* Rows are gathered first, so that the callback may ask for more. */
struct local_rows {
    struct {
        struct box_local row;
        struct buf sealed;
    } * items;
    size_t count, cap;
};

static int gather(void *ctx, const struct box_local *row, struct bytes body)
{
    struct local_rows *all = ctx;
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 16;
        all->items = realloc(all->items, all->cap * sizeof *all->items);
        CHECK(all->items != NULL);
    }
    all->items[all->count].row = *row;
    all->items[all->count].sealed = (struct buf){0};
    buf_append_bytes(&all->items[all->count++].sealed, body);
    return 0;
}

int leadbus_local_each(leadbus *lb, size_t limit,
                       int (*each)(void *ctx, const struct leadbus_local *local), void *ctx,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct local_rows all = {0};
    bool going = true;
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_local_each(lb->box, NULL, limit, gather, &all, &error);
    for (size_t i = 0; i < all.count; i++) {
        struct buf plain = {0};
        const struct box_local *row = &all.items[i].row;
        if (r == 0 && going)
            r = engine_rest_open(lb->engine, row->id, buf_bytes(&all.items[i].sealed), &plain,
                                 &error);
        if (r == 0 && going) {
            struct leadbus_local one = {.due_ms = row->due_ms == BOX_LEG_NO_TERM ? 0 : row->due_ms,
                                        .data = plain.data,
                                        .len = plain.len};
            memcpy(one.id, row->id, 16);
            going = each(ctx, &one) == 0;
        }
        buf_wipe_fini(&plain);
        buf_fini(&all.items[i].sealed);
    }
    free(all.items);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}
