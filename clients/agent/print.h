/* print: a message as a page of paper, HTML for A4, Chinese with English beside it.
 *
 * Two forms. `receipt` (签收回执): who signed for a message, and when; headers and the names of
 * those who signed, no contents. Of the message signed for, or of one signing. `handover`
 * (移交清单): what a message hands over, all that this unit may read of it with its files; of kinds
 * that hand over (handoff.*, and transfers).
 *
 * Each message on it stands with its journal index, record time and the SHA-256 leaf hash of its
 * record, and the page with a signed checkpoint of the journal, so that the paper can be held
 * against a copy of it; where this unit sent the message, with the digest of its receipt. The page
 * needs nothing from elsewhere, runs nothing and says so (print_policy). */
#ifndef CLIENTS_AGENT_PRINT_H
#define CLIENTS_AGENT_PRINT_H

#include "clients/agent/agent.h"

/* The Content-Security-Policy of the page, as it says itself: nothing but its own style, by its
 * digest. */
enum { PRINT_POLICY_LEN = 160 };
void print_policy(char ret_policy[PRINT_POLICY_LEN]);

enum print_form { PRINT_RECEIPT, PRINT_HANDOVER, PRINT_FORM_COUNT };
const char *print_form_name(enum print_form form); /* "receipt" */

/* Appends the page. E_NOT_FOUND; E_LIFECYCLE_ORDER: nobody has signed for it; E_BAD_VALUE: no
 * message that hands over. */
int print_page(struct agent *agent, enum print_form form, const uint8_t id[16],
               struct buf *ret_page, struct error *ret_error) MUST_USE;

#endif
