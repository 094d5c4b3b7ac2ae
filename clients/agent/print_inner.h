/* print_inner: what the files of print share. Not for anyone else. */
#ifndef CLIENTS_AGENT_PRINT_INNER_H
#define CLIENTS_AGENT_PRINT_INNER_H

#include "clients/agent/print.h"

enum { PRINT_TIME_LEN = 40, PRINT_CLAUSE_LEN = 700 };

void print_put(struct buf *page, const char *markup); /* ours, as it is */
/* Everything else escapes. */
void print_label(struct buf *page, const char *zh, const char *en);
void print_head(struct buf *page, const char *zh, const char *en);
/* A row of a table of two columns; nothing where there is no value. */
void print_row(struct buf *page, const char *zh, const char *en, const char *value);
void print_cell(struct buf *page, const char *value, bool code);
/* Begins a table with a head; the caller ends tbody and table. */
void print_columns(struct buf *page, const char *const names[][2], size_t count);
/* The clause in words, where there are any, and its code. */
void print_clause(const char *zh, const char *en, const char *citation,
                  char ret_text[PRINT_CLAUSE_LEN]);
/* In China Standard Time; "" where there is none. */
void print_time(uint64_t ms, char ret_text[PRINT_TIME_LEN]);

/* What the journal has of a message, as text; "" where there is none. */
struct print_proof {
    char id[37], index[24], time[PRINT_TIME_LEN];
    char leaf[65], receipt[65]; /* hex */
    bool proved;
};
void print_proof_of(struct agent *agent, const struct leadbus_item *item, struct print_proof *ret);
void print_message(struct agent *agent, const struct leadbus_item *item, struct buf *page);

/* The signed checkpoint that is over most records, of those that are at hand. */
struct print_checkpoint {
    uint64_t size; /* 0: none */
    struct buf note;
};
/* Takes the newest trusted, or that of the receipt of our own message. */
void print_checkpoint_of(struct agent *agent, const uint8_t id[16], struct print_checkpoint *best);

/* print_parts.c */
struct print_signing {
    leadbus_message *message; /* signed for; owned */
    leadbus_thread *thread;
    uint8_t only[16]; /* this act alone; zeros: all of the message */
    uint64_t last_index;
};
/* Of a message, or of an act that signed for one. E_LIFECYCLE_ORDER: nobody has. */
int print_signing_load(struct agent *agent, const leadbus_message *message,
                       struct print_signing *ret_signing, struct error *ret_error) MUST_USE;
void print_signing_fini(struct print_signing *signing);
void print_signing_rows(struct agent *agent, const struct print_signing *signing, struct buf *page);
void print_signing_checkpoints(struct agent *agent, const struct print_signing *signing,
                               struct print_checkpoint *best);
void print_recipients(const leadbus_message *message, struct buf *page);
void print_sections(const struct agent *agent, const leadbus_message *message, struct buf *page);
void print_files(const leadbus_message *message, struct buf *page);

#endif
