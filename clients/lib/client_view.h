/* client_view: what the looking functions of leadbus.h (client_preview, client_outbox,
 * client_message, client_thread) share. */
#ifndef CLIENTS_LIB_CLIENT_VIEW_H
#define CLIENTS_LIB_CLIENT_VIEW_H

#include "clients/lib/client.h"

/* Copies at most as many bytes as the caller's struct has by its first field. */
void view_fill(void *ret, const void *from, size_t size);
const char *view_or_empty(const char *text);
/* A unit's names in this plan; its key where the plan does not know it. */
void view_names(const struct plan *plan, const char *unit, const char **ret_zh,
                const char **ret_en);

/* Rows are gathered first, so that the callback may ask for more. The caller frees out and in. */
struct gathered {
    struct box_out *out;
    struct box_in *in;
    size_t count, cap;
};
int view_gather_out(void *ctx, const struct box_out *row);
int view_gather_in(void *ctx, const struct box_in *row);

/* The files of a message that we may read, in order. Entries borrow the arena, sections the
 * content.
 */
struct client_attachment {
    struct box_attachment row;
    const char *section;
    const Leadbus__Payload__Attachment *entry;
};
struct client_attachments {
    size_t count;
    struct client_attachment items[LIMIT_ATTACHMENT_COUNT_MAX];
};
int client_attachments_load(leadbus *lb, const uint8_t id[16], const struct content *content,
                            struct arena *arena, struct client_attachments *ret,
                            struct error *ret_error) MUST_USE;
void client_attachment_view(const leadbus *lb, const struct client_attachment *item,
                            struct leadbus_attachment *ret);

/* Items borrow the row, the handle and the header. */
void view_item_of_in(const struct box_in *row, struct leadbus_item *ret);
void view_item_of_out(const leadbus *lb, const struct box_out *row, struct leadbus_item *ret);
void view_item_of_head(const leadbus *lb, const Leadbus__Header *head, struct leadbus_item *ret);
/* What a leg owes next, and before when; due_ms 0: nothing runs. */
struct view_due {
    uint64_t due_ms;
    const char *name, *zh, *en; /* static */
    int overdue;
};
struct view_due view_due_of(const leadbus *lb, const struct thread_leg *leg);
/* Before when it is to be closed; 0: that term does not run, or is paused. */
uint64_t view_close_ms(const struct thread_leg *leg);
/* Sets what the item says of our leg, from the thread as we know it. */
void view_item_of_thread(const leadbus *lb, const struct thread *thread, struct leadbus_item *ret);
/* The same, with the thread from the store. Errors: of reading it. */
int view_item_leg(const leadbus *lb, struct leadbus_item *ret, struct error *ret_error) MUST_USE;
/* Sets what this unit is to decide about the item, likewise. */
void view_item_decision(const leadbus *lb, const struct thread *thread, struct leadbus_item *ret);
/* Both of what the store has of the thread, for an item that is owed. */
int view_item_owed(const leadbus *lb, struct thread *thread, struct leadbus_item *ret,
                   struct error *ret_error) MUST_USE;
/* The i-th that waits on the thread; it borrows the thread. False: there is none. */
bool view_decision(const leadbus *lb, const struct thread *thread, size_t i,
                   struct leadbus_decision *ret);
/* Sets what a notice of missed terms names: of one thread (16 bytes), or all. Into the arena. */
void view_item_missed(struct bytes record, const uint8_t *thread, struct arena *arena,
                      struct leadbus_item *ret);
/* Sets whether an act in a thread was late. */
void view_item_late(const struct plan *plan, const struct thread *thread, struct leadbus_item *ret);
/* The header in a record's or an envelope's bytes; NULL: there is none. */
const Leadbus__Header *view_head_of(struct bytes body, bool own, struct arena *arena);

#endif
