/* html: text that others wrote, inside a page of ours. Pure. */
#ifndef CLIENTS_AGENT_HTML_H
#define CLIENTS_AGENT_HTML_H

#include "proto/base/bytes.h"

/* Appends a UTF-8 text fit for content and for quoted attributes: & < > " ' are escaped. What would
 * not show as what it is, shows: control characters and bytes that are no UTF-8 become U+FFFD,
 * marks that turn the direction of writing or that are not seen become their number in brackets; a
 * line feed stays. */
void html_text(struct buf *buf, const char *text);

#endif
