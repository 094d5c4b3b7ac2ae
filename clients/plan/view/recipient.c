#include "clients/plan/view/recipient.h"

#include <string.h>

static const struct plan_row *recipient_among(const struct plan_row *rows, size_t count, int topic,
                                              const struct route_recipient *recipient)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].act == recipient->act && (rows[i].topic < 0 || rows[i].topic == topic) &&
            strcmp(rows[i].citation, recipient->citation) == 0)
            return &rows[i];
    }
    return NULL;
}

const struct plan_row *recipient_row(const struct plan *plan, const struct route *route,
                                     const struct plan_topic *topic,
                                     const struct route_recipient *recipient)
{
    const struct plan_kind *kind = route->kind;
    size_t fallback_count = 0;
    const struct plan_row *fallback = plan_fallback(plan, &fallback_count);
    int index = topic ? (int)(topic - kind->topics) : -1;
    const struct plan_row *row = NULL;
    if (!(route->flags & ROUTE_FLAG_READDRESSED))
        return recipient_among(kind->rows, kind->row_count, index, recipient);
    row = recipient_among(fallback, fallback_count, -1, recipient);
    return row ? row : recipient_among(kind->rows, kind->row_count, index, recipient);
}
