/* markup: text inside XML and HTML. Pure. */
#ifndef CLIENTS_PLAN_VIEW_MARKUP_H
#define CLIENTS_PLAN_VIEW_MARKUP_H

#include "proto/base/bytes.h"

/* Appends text with & < > " ' escaped: fit for content and for quoted attributes. Tables hold no
 * control characters, so nothing else needs care. */
void markup_text(struct buf *buf, const char *text);

#endif
