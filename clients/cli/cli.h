/* cli: what the commands of `leadbus` share: the global options, the agent's API over libcurl, and
 * printing for people or machines.
 *
 * `leadbus` holds no keys and no store: everything it knows it asks the unit's agent. With --json
 * the answer of the API goes to stdout as it came, one document, and nothing else does: stable. A
 * problem is such a document too, with `code` and the rest as the API has it; what is wrong stands
 * on stderr in words besides. */
#ifndef CLIENTS_CLI_CLI_H
#define CLIENTS_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/host/i18n.h"
#include "proto/host/options.h"

enum { CLI_ANSWER_BYTES_MAX = 16777216, CLI_FILE_BYTES_MAX = 1048576 };

struct cli {
    const char *agent; /* path of a socket, or http://... */
    const char *token_file;
    const char *officer;
    const char *lang;
    const char *idempotency_key; /* of the next call that sends, or NULL */
    bool json;
    void *curl;      /* made at the first request */
    json_t *problem; /* of the last call that failed, as the agent gave it; owned */
};

/* Taken and durable, and the receipt has not come within --wait: not an error, and not the end. */
enum { CLI_EXIT_WAITING = 3, CLI_LIST_COUNT = 50 };

struct cli_command {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv); /* an exit code; argv[0] is the command */
    const char *about_zh, *about_en;
};

int cli_send(struct cli *cli, int argc, char **argv);
int cli_preview(struct cli *cli, int argc, char **argv);
int cli_inbox(struct cli *cli, int argc, char **argv);
int cli_outbox(struct cli *cli, int argc, char **argv);
int cli_threads(struct cli *cli, int argc, char **argv);
int cli_show(struct cli *cli, int argc, char **argv);
int cli_attachment(struct cli *cli, int argc, char **argv);
int cli_thread(struct cli *cli, int argc, char **argv);
int cli_receipt(struct cli *cli, int argc, char **argv);
int cli_file(struct cli *cli, int argc, char **argv);
int cli_stats(struct cli *cli, int argc, char **argv);
int cli_status(struct cli *cli, int argc, char **argv);
int cli_confirm_restored(struct cli *cli, int argc, char **argv);
int cli_roster(struct cli *cli, int argc, char **argv);
int cli_print(struct cli *cli, int argc, char **argv);
int cli_kinds(struct cli *cli, int argc, char **argv);
int cli_doctor(struct cli *cli, int argc, char **argv);
/* Candidates for the completion of a shell, one a line; silent where the agent does not answer. */
int cli_complete(struct cli *cli, int argc, char **argv);
/* cmd_act.c: argv[0] says which act. */
int cli_act(struct cli *cli, int argc, char **argv);

/* Options of a command: the global ones may also stand behind it. As options_parse: 0 and operands
 * argv[*ret_first..], OPTIONS_DONE, E_USAGE (told). */
int cli_options(struct cli *cli, struct options_spec *spec, int argc, char **argv,
                int *ret_first) MUST_USE;
/* --lang, where given. False: no such language. */
bool cli_set_lang(const struct cli *cli);
/* The global rows, for main. Points into `cli`. */
enum { CLI_GLOBAL_ROWS = 5 };
void cli_global_rows(struct cli *cli, struct options_row *ret_rows);

/* One call of the API. `path` starts with '/'. take_body: NULL or JSON, decref'ed. The answer's
 * JSON (or, where it is not JSON, *ret_text) is the caller's. Errors: E_AGENT_UNREACHABLE,
 * E_TOKEN_INVALID, what the problem details of the agent say, E_BAD_FORM (not an agent that
 * answers). */
int cli_call(struct cli *cli, const char *method, const char *path, json_t *take_body,
             json_t **ret_answer, struct buf *ret_text, struct error *ret_error) MUST_USE;
/* A file to the agent, as one that will go with a message of `kind`: what the agent says of it. The
 * name of the file without its folders is its name. A bar on stderr where that is a terminal. */
int cli_upload(struct cli *cli, const char *file, const char *kind, json_t **ret_answer,
               struct error *ret_error) MUST_USE;
/* What the agent answers at `path`, written to `to` and hashed. label, len: for the bar. E_IO. */
int cli_download(struct cli *cli, const char *path, const char *label, uint64_t len, FILE *to,
                 uint8_t ret_sha256[32], struct error *ret_error) MUST_USE;
/* A value made safe for a query or path; free(). */
char *cli_escape(struct cli *cli, const char *text);

/* An ID on the command line: a UUID as it is, an inbox number looked up at the agent. */
int cli_resolve(struct cli *cli, const char *id, bool thread, char ret_id[37],
                struct error *ret_error) MUST_USE;

/* Complains and gives the exit code. */
int cli_fail(struct cli *cli, int code, const struct error *error);
/* The same for the wrong use of a command; `word` is the one at fault, or NULL. */
int cli_misuse(struct cli *cli, const char *word, const char *zh, const char *en);
/* Whole, decimal, in range. False: not that. */
bool cli_count(const char *text, uint64_t min, uint64_t max);
/* What the agent says of a kind (with `topic`, where not NULL, in its example and template).
 * E_KIND_UNKNOWN where it has none. */
int cli_kind(struct cli *cli, const char *slug, const char *topic, json_t **ret_kind,
             struct error *ret_error) MUST_USE;
/* Prints JSON (--json) and gives 0. */
int cli_print_json(const json_t *answer);

/* Of JSON answers; "" when absent. cli_label: key_zh or key_en by language, else key. */
const char *cli_get(const json_t *object, const char *key);
const char *cli_label(const json_t *object, const char *key);
int64_t cli_number(const json_t *object, const char *key);
bool cli_true(const json_t *object, const char *key);
/* An RFC 3339 time of the API in local time with its zone; "" when absent. Not reentrant. */
const char *cli_time(const json_t *object, const char *key);
/* What a leg of the API owes next and before when, in words; "" where nothing runs. Not reentrant.
 */
const char *cli_due(const json_t *leg);
/* What is to be decided and before when, from a decision of the API. Not reentrant. */
const char *cli_decision(const json_t *decision);
/* The commands that give it, a line each. Nothing where another unit decides. */
void cli_print_commands(const json_t *decision, int indent);
/* The term to close of a leg where something else is owed before, or where it was extended; "".
 * Not reentrant. */
const char *cli_close(const json_t *leg);
/* Which thread an answer or a notice is about: "线索：婚姻登记疑似情形  UUID"; "". Not reentrant.
 */
const char *cli_about(const json_t *item);
/* Who in this unit was told of a leg: "已通知值班、副班"; "" where nobody was. Not reentrant. */
const char *cli_told(const json_t *leg);
/* Of an alert that nobody here has signed for: since when and how often it was shown; "". Static.
 */
const char *cli_repeats(const json_t *item);
/* What a notice says: "未按期签收（应在今天 14:10 前）"; "" of anything else. Not reentrant. */
const char *cli_notice(const json_t *item);
/* A text from the bus on a terminal: control characters become '?'. Not reentrant. */
const char *cli_safe(const char *text);
/* "中文 / English" of a schema's title in the reader's language; NULL: none. Not reentrant. */
const char *cli_title(const json_t *schema);
/* What a message's or an outgoing's state means: "待发", "queued". */
const char *cli_outbox_state(const char *state);
/* What was handed to the agent, on stdout: the act and `done`, what it says of it once it is in the
 * journal (NULL: it is no act), the id, how far it is, who cannot read it yet. Nothing is called
 * done that the bus has not taken. `waited`: the receipt was waited for. The exit code. */
int cli_tell_outgoing(struct cli *cli, const char *act, const char *done, const json_t *outgoing,
                      bool waited);
/* An error inside an answer: its title, field and detail. Not reentrant. */
const char *cli_trouble(const json_t *error, enum lang lang);
/* An object as an indented list of "name: value", in the words of its schema where not NULL. */
void cli_print_fields(const json_t *object, const json_t *schema, int indent);
/* A message as the agent renders it. `kind` is what the agent says of its kind, for the words of
 * its fields and codes; NULL: the keys themselves. */
void cli_print_message(const json_t *message, const json_t *kind);
/* show_alert.c: is the thread of the API that of an alert, is the step of its timeline one that is
 * counted by version instead of listed, and those lists: who has signed for each version and who
 * has not, who has confirmed the deletion and who has not. */
bool cli_is_alert(const json_t *answer);
bool cli_alert_counts(const json_t *item);
void cli_print_alert(const json_t *answer);
/* The list of GET /v1/messages/{id}/attachments. */
void cli_print_attachments(const json_t *list);
/* "--set a.b[0].c=value". `schema` is the JSON Schema of the object, which says whether a value is
 * a number, true or false; NULL: every value is a string. E_USAGE. */
int cli_assign(json_t *object, const json_t *schema, const char *assignment,
               struct error *ret_error) MUST_USE;
/* A JSON object from a file, "-" = stdin. */
int cli_read_json(const char *path, json_t **ret_object, struct error *ret_error) MUST_USE;

#endif
