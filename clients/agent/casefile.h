/* casefile: files of victims (专门档案), the index that their keeper has. Who may be told what of
 * one stands on the bus, on a thread for each unit (file.access, file.update, file.end); which
 * threads a file is about, when somebody is to visit and who looked into it stands here alone,
 * sealed.
 *
 * casefile.c: the record; casefile_access.c: who is told of it; casefile_threads.c: what it is
 * about; casefile_visits.c: visits. api_files.c answers requests with them. What an act stages is
 * made durable with the record, by casefile_save. */
#ifndef CLIENTS_AGENT_CASEFILE_H
#define CLIENTS_AGENT_CASEFILE_H

#include <jansson.h>

#include "clients/agent/agent.h"
#include "proto/payload/codes.h"

enum {
    CASEFILES_MAX = 10000,
    CASEFILE_THREADS_MAX = 256,
    CASEFILE_UNITS_MAX = 64,
    CASEFILE_VISITS_MAX = 512,
    CASEFILE_LOOKS_MAX = 4096,
};

/* One file at hand: its record as JSON, which is what the store has. */
struct casefile {
    uint8_t id[16];
    json_t *record;
    json_t *sent; /* what an act sent, by unit; NULL: nothing */
};

/* What a request says; NULL where it does not. */
struct casefile_wanted {
    const char *act, *officer, *purpose, *thread, *unit, *reason, *on, *visited_on, *next_on;
    const char *delete_on, *text;
};

/* ---- the record ---------------------------------------------------------------------------------
 */
const char *casefile_text(const json_t *object, const char *key); /* "" where there is none */
/* Nothing when NULL or empty. */
void casefile_put(json_t *object, const char *key, const char *text);
void casefile_now(char ret[CODES_TIME_TEXT_LEN + 1]);
bool casefile_ended(const json_t *record);
/* The first visit that was planned and not made; NULL: none. Borrowed. */
json_t *casefile_next_visit(const json_t *record);
/* When its day is over; 0: nothing is to be done. */
uint64_t casefile_due(const json_t *record);
/* purpose_zh, purpose_en, reason_zh, reason_en beside the codes that the object has. */
void casefile_words(json_t *object);
/* The list of that name, made when absent. Borrowed. */
json_t *casefile_list(json_t *record, const char *key);
/* E_TOO_LARGE, of that field, where the list has `max`. */
int casefile_room(const json_t *list, size_t max, const char *field,
                  struct error *ret_error) MUST_USE;
/* The unit's entry on the access list; NULL: it has none, or not any more. Borrowed. */
json_t *casefile_access(const json_t *record, const char *unit);
const json_t *casefile_thread(const json_t *record, const char *thread);
/* Errors of the store; E_BAD_VALUE: no UUID; E_BAD_FORM: damaged. casefile_fini after either. */
int casefile_load(struct agent *agent, const char *id, struct casefile *file,
                  struct error *ret_error) MUST_USE;
int casefile_save(struct agent *agent, const struct casefile *file,
                  struct error *ret_error) MUST_USE;
void casefile_fini(struct casefile *file);
/* E_MISSING_FIELD where it is not there; E_BAD_VALUE where it is no day. */
int casefile_want(const char *value, const char *field, struct error *ret_error) MUST_USE;
int casefile_want_day(const char *value, const char *field, bool needed,
                      struct error *ret_error) MUST_USE;
/* One of the codes of FileAccess.purpose. E_BAD_VALUE, field "purpose". */
int casefile_check_purpose(const char *purpose, struct error *ret_error) MUST_USE;

/* Of a message about a file that somebody was given access to: it bears the pseudonym of the file
 * that its thread is about, and what ends it names a day to come. E_BAD_VALUE, of that field of the
 * section. */
struct api_draft;
int casefile_check_section(struct agent *agent, const struct api_draft *draft, const char *section,
                           const json_t *object, struct error *ret_error) MUST_USE;
/* Why a file, or the access to it, may end: the codes that there are stand in the error. */
int casefile_want_reason(const struct agent *agent, const char *reason,
                         struct error *ret_error) MUST_USE;

/* ---- who is told --------------------------------------------------------------------------------
 */
/* Told to each unit that has access; of threads, those that it is on itself. */
struct casefile_news {
    const char *change, *on, *next_on, *officer, *text;
    const char *thread; /* NULL: it is about none */
    leadbus_thread *view;
};
int casefile_inform(struct agent *agent, struct casefile *file, const struct casefile_news *news,
                    struct error *ret_error) MUST_USE;
/* Other units that the plan has keep files: they have access from the beginning.
 * E_SENDER_NOT_ALLOWED: this one does not. */
int casefile_grant_keepers(struct agent *agent, struct casefile *file,
                           const struct casefile_wanted *wanted, struct error *ret_error) MUST_USE;

/* ---- at the reader ------------------------------------------------------------------------------
 *
 * What a unit was told of a file is deleted here once the day that its end names (delete_on) is
 * over: contents and files of the thread; headers, proofs and a line in the log stay. Looked for at
 * the start and when a day begins, so that what comes later than its day goes by the next. A day is
 * over when this machine and the bus both say so, as neither clock alone may delete what nobody can
 * bring back: an agent without a connection waits for one. A deletion that fails is logged, and
 * tried again the next day. */
void casefile_sweep(struct agent *agent);

/* ---- acts ---------------------------------------------------------------------------------------
 */
int casefile_grant(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                   struct error *ret_error) MUST_USE;
int casefile_revoke(struct agent *agent, struct casefile *file,
                    const struct casefile_wanted *wanted, struct error *ret_error) MUST_USE;
int casefile_end(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                 struct error *ret_error) MUST_USE;
int casefile_visit(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                   struct error *ret_error) MUST_USE;
int casefile_add(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                 struct error *ret_error) MUST_USE;
/* Only what this unit has messages of, of no file, and in no other file. The view is the caller's.
 */
int casefile_check_thread(struct agent *agent, const struct casefile *file, const char *text,
                          leadbus_thread **ret_thread, struct error *ret_error) MUST_USE;

#endif
