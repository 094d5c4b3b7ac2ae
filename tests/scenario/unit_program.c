/* scenario_unit: what a unit's own system would be, for scenarios: submits numbered leads under
 * idempotency keys, 16 at a time, watches receipts and inbox, and writes every fact as a line to a
 * pipe. Over the library, or over HTTP at the socket of a leadbus-agent. runner.h says the rest.
 *
 * EVENTS_FD CONTROL_FD FIRST_LEAD INBOX_AFTER TOWN_FOLDER OWN_FOLDER ENDPOINT DRAFT SOCKET */
#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "clients/lib/include/leadbus.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/host/file.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/plan.h"
#include "tests/lib/plan_files.h"

enum { WINDOW = 16, RETRY_MS = 20, WAIT_S = 5 };

struct slot { /* one lead under way; n 0: free */
    uint64_t n;
    uint8_t id[16];
    bool taken;
    CURL *curl;
    struct curl_slist *headers;
    struct buf body, reply;
    bool busy;
};

struct program {
    int events_fd, control_fd;
    uint64_t next, goal, inbox_after;
    const char *town, *own, *endpoint, *draft, *socket;
    struct buf template;
    struct slot slots[WINDOW];
    struct plan *plan;
    /* library */
    leadbus *lb;
    /* agent */
    CURLM *multi;
    CURL *inbox;
    bool inbox_busy, asked_status; /* in turn on one handle */
    struct buf inbox_reply;
    struct curl_slist *plain;
};

static void tell(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(struct program *program, const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (len > (int)sizeof line - 2) len = (int)sizeof line - 2;
    for (int i = 0; i < len; i++)
        if (line[i] == '\n') line[i] = ' ';
    line[len] = '\n';
    /* Shorter than PIPE_BUF: whole or not at all. */
    if (write(program->events_fd, line, (size_t)len + 1) != len + 1) exit(1);
}

static void tell_lead(struct program *program, char what, uint64_t n, const uint8_t id[16])
{
    char text[37];
    uuid_text(id, text);
    tell(program, "%c %" PRIu64 " %s", what, n, text);
}

/* The draft's text with the number in it. */
static void draft_of(const struct program *program, uint64_t n, struct buf *ret)
{
    const char *at = (const char *)program->template.data;
    size_t left = program->template.len;
    for (;;) {
        const char *mark = memmem(at, left, "@N@", 3);
        if (!mark) break;
        buf_append(ret, at, (size_t)(mark - at));
        buf_printf(ret, "%" PRIu64, n);
        left -= (size_t)(mark + 3 - at);
        at = mark + 3;
    }
    buf_append(ret, at, left);
}

static void take_control(struct program *program)
{
    char text[256];
    ssize_t len = read(program->control_fd, text, sizeof text - 1);
    if (len == 0) exit(0); /* the test is gone */
    if (len < 0) return;
    text[len] = 0;
    /* Whole lines only: the writer writes each at once. The last one counts. */
    for (char *at = text; *at; at = strchr(at, '\n') + 1) program->goal = strtoull(at, NULL, 10);
}

static struct slot *free_slot(struct program *program)
{
    for (size_t i = 0; i < WINDOW; i++)
        if (!program->slots[i].n) return &program->slots[i];
    return NULL;
}

/* ---- over the library --------------------------------------------------------------------------
 */
static bool submit(struct program *program, struct slot *slot)
{
    struct buf text = {0}, payloads[LIMIT_SECTION_COUNT_MAX] = {{0}};
    struct leadbus_section sections[LIMIT_SECTION_COUNT_MAX];
    struct leadbus_error trouble = {0};
    struct error error = {0};
    char key[32];
    json_t *body = NULL;
    draft_of(program, slot->n, &text);
    CHECK(payload_json_parse(buf_bytes(&text), &body, &error) == 0);
    snprintf(key, sizeof key, "lead-%" PRIu64, slot->n);
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = json_string_value(json_object_get(body, "kind")),
                                  .topic = json_string_value(json_object_get(body, "topic")),
                                  .sections = sections,
                                  .idempotency_key = key};
    const struct plan_kind *kind = plan_kind_find(program->plan, draft.kind);
    CHECK(kind != NULL);
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct plan_section *rule = &kind->sections[i];
        json_t *object = json_object_get(json_object_get(body, "sections"), rule->name);
        if (!object) continue;
        struct buf *payload = &payloads[draft.section_count];
        CHECK(payload_json_read(payload_find(rule->message), object, rule->name, payload, &error) ==
              0);
        sections[draft.section_count++] =
            (struct leadbus_section){rule->name, payload->data, payload->len};
    }
    int code = leadbus_submit(program->lb, &draft, slot->id, &trouble);
    if (code) tell(program, "E submit %s %s %s", trouble.name, trouble.field, trouble.detail);
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) buf_fini(&payloads[i]);
    buf_fini(&text);
    json_decref(body);
    return code == 0;
}

static void look_at_outbox(struct program *program)
{
    for (size_t i = 0; i < WINDOW; i++) {
        struct slot *slot = &program->slots[i];
        struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
        struct leadbus_error trouble = {0};
        if (!slot->n) continue;
        if (leadbus_outbox_get(program->lb, slot->id, &outgoing, &trouble)) {
            tell(program, "E lead %" PRIu64 " is not in the outbox: %s", slot->n, trouble.name);
            slot->n = 0;
        } else if (outgoing.state == LEADBUS_RECEIPTED) {
            tell_lead(program, 'R', slot->n, slot->id);
            slot->n = 0;
        } else if (outgoing.state == LEADBUS_REFUSED) {
            tell(program, "E lead %" PRIu64 " refused: %s %s %s", slot->n, outgoing.error.name,
                 outgoing.error.field, outgoing.error.detail);
            slot->n = 0;
        }
    }
}

/* An honest broker says nothing that is not believed, whatever was killed. */
static void look_at_refusals(struct program *program)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    leadbus_stats(program->lb, &stats);
    if (stats.refused_frames)
        tell(program, "E not believed: %s %s %s", stats.last_error.name, stats.last_error.field,
             stats.last_error.detail);
    if (stats.alarm_ms)
        tell(program, "E alarm: %s %s %s", stats.alarm.name, stats.alarm.field, stats.alarm.detail);
}

static int tell_item(void *ctx, const struct leadbus_item *item)
{
    struct program *program = ctx;
    tell(program, "I %" PRIu64 " %d", item->number, item->type);
    program->inbox_after = item->number;
    return 0;
}

static void read_own(const char *folder, const char *name, struct buf *ret)
{
    char path[512];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK(file_read(path, (size_t)64 << 20, ret, &error) == 0);
}

static bool open_library(struct program *program)
{
    struct buf passphrase = {0}, root = {0}, bundle = {0};
    char store[512], keyring[512];
    struct leadbus_error error = {0};
    snprintf(store, sizeof store, "%s/store", program->own);
    snprintf(keyring, sizeof keyring, "%s/keyring", program->own);
    read_own(program->town, "passphrase", &passphrase);
    read_own(program->town, "root", &root);
    read_own(program->town, "bundle", &bundle);
    const struct leadbus_options options = {.size = sizeof options,
                                            .store_path = store,
                                            .keyring_path = keyring,
                                            .passphrase = passphrase.data,
                                            .passphrase_len = passphrase.len,
                                            .root = root.data,
                                            .root_len = root.len,
                                            .bundle = bundle.data,
                                            .bundle_len = bundle.len,
                                            .endpoint = program->endpoint,
                                            .send_window = WINDOW};
    int code = leadbus_open(&options, &program->lb, &error);
    if (code) tell(program, "E open %s %s %s", error.name, error.field, error.detail);
    buf_fini(&passphrase);
    buf_fini(&root);
    buf_fini(&bundle);
    return code == 0;
}

static int run_library(struct program *program)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(signals >= 0);
    if (!open_library(program)) return 1;
    sd_notify(0, "READY=1");
    for (bool on = true; on;) {
        struct leadbus_error error = {0};
        struct slot *slot;
        while (program->next <= program->goal && (slot = free_slot(program)) != NULL) {
            slot->n = program->next;
            if (!submit(program, slot)) return 1;
            tell_lead(program, 'S', slot->n, slot->id);
            program->next++;
        }
        look_at_outbox(program);
        if (leadbus_inbox_each(program->lb, program->inbox_after, SIZE_MAX, tell_item, program,
                               &error))
            tell(program, "E inbox %s", error.name);
        struct pollfd fds[] = {{leadbus_fd(program->lb), POLLIN, 0},
                               {program->control_fd, POLLIN, 0},
                               {signals, POLLIN, 0}};
        if (program->next <= program->goal && free_slot(program)) continue;
        (void)poll(fds, 3, leadbus_timeout_ms(program->lb));
        if (fds[1].revents) take_control(program);
        if (fds[2].revents) on = false;
        if (leadbus_process(program->lb, &error)) {
            tell(program, "E process %s %s %s", error.name, error.field, error.detail);
            return 1;
        }
        look_at_refusals(program);
    }
    leadbus_close(program->lb);
    return 0;
}

/* ---- over the agent's socket -------------------------------------------------------------------
 */
static size_t keep(char *data, size_t size, size_t count, void *ctx)
{
    buf_append(ctx, data, size * count);
    return size * count;
}

static CURL *easy_new(const struct program *program, struct buf *reply)
{
    CURL *curl = curl_easy_init();
    CHECK(curl != NULL);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, program->socket);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)WAIT_S + 10);
    return curl;
}

static void post(struct program *program, struct slot *slot)
{
    char url[96], key[64];
    if (!slot->curl) {
        slot->curl = easy_new(program, &slot->reply);
        curl_easy_setopt(slot->curl, CURLOPT_PRIVATE, slot);
        snprintf(url, sizeof url, "http://agent/v1/messages?wait=receipt&timeout=%d", WAIT_S);
        curl_easy_setopt(slot->curl, CURLOPT_URL, url);
    }
    curl_slist_free_all(slot->headers);
    snprintf(key, sizeof key, "Idempotency-Key: lead-%" PRIu64, slot->n);
    slot->headers = curl_slist_append(NULL, "Content-Type: application/json");
    slot->headers = curl_slist_append(slot->headers, key);
    slot->headers = curl_slist_append(slot->headers, "Expect:");
    buf_reset(&slot->body);
    buf_reset(&slot->reply);
    draft_of(program, slot->n, &slot->body);
    curl_easy_setopt(slot->curl, CURLOPT_HTTPHEADER, slot->headers);
    curl_easy_setopt(slot->curl, CURLOPT_POSTFIELDSIZE, (long)slot->body.len);
    curl_easy_setopt(slot->curl, CURLOPT_POSTFIELDS, slot->body.data);
    slot->busy = true;
    CHECK(curl_multi_add_handle(program->multi, slot->curl) == CURLM_OK);
}

static void ask_inbox(struct program *program)
{
    char url[128];
    if (!program->inbox) program->inbox = easy_new(program, &program->inbox_reply);
    program->asked_status = !program->asked_status;
    if (program->asked_status)
        snprintf(url, sizeof url, "http://agent/v1/status");
    else
        snprintf(url, sizeof url, "http://agent/v1/inbox?after=%" PRIu64 "&limit=100&wait=%d",
                 program->inbox_after, WAIT_S);
    curl_easy_setopt(program->inbox, CURLOPT_URL, url);
    buf_reset(&program->inbox_reply);
    program->inbox_busy = true;
    CHECK(curl_multi_add_handle(program->multi, program->inbox) == CURLM_OK);
}

/* True: the agent was not there or asks for patience; later again. */
static bool is_absent(CURLcode code, CURL *curl)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return code != CURLE_OK || status == 503;
}

static void take_answer(struct program *program, struct slot *slot)
{
    struct error error = {0};
    json_t *body = NULL;
    uint8_t id[16];
    if (payload_json_parse(buf_bytes(&slot->reply), &body, &error)) {
        tell(program, "E answer %s", error.detail);
        return;
    }
    const char *text = json_string_value(json_object_get(body, "id"));
    const char *state = json_string_value(json_object_get(body, "state"));
    if (!text || !state || uuid_parse_text(text, id, NULL)) {
        tell(program, "E answer %.*s", (int)slot->reply.len, (const char *)slot->reply.data);
    } else {
        if (!slot->taken) tell_lead(program, 'S', slot->n, id);
        slot->taken = true;
        if (strcmp(state, "receipted") == 0) {
            tell_lead(program, 'R', slot->n, id);
            slot->n = 0;
            slot->taken = false;
        }
    }
    json_decref(body);
}

static void take_inbox(struct program *program)
{
    struct error error = {0};
    json_t *body = NULL, *item;
    size_t i;
    if (payload_json_parse(buf_bytes(&program->inbox_reply), &body, &error)) {
        tell(program, "E inbox %s", error.detail);
        return;
    }
    if (json_integer_value(json_object_get(json_object_get(body, "bus"), "refused_frames")) ||
        json_object_get(body, "alarm"))
        tell(program, "E not believed: %.*s", (int)program->inbox_reply.len,
             (const char *)program->inbox_reply.data);
    json_array_foreach(json_object_get(body, "items"), i, item)
    {
        const char *type = json_string_value(json_object_get(item, "type"));
        program->inbox_after = (uint64_t)json_integer_value(json_object_get(item, "number"));
        tell(program, "I %" PRIu64 " %d", program->inbox_after,
             type && strcmp(type, "message") == 0 ? LEADBUS_ITEM_MESSAGE : LEADBUS_ITEM_NOTICE);
    }
    json_decref(body);
}

/* How long to wait for the next thing: not at all where an answer freed a slot, a little where the
 * agent was absent. */
static int take_done(struct program *program)
{
    CURLMsg *done;
    int left, wait_ms = 1000;
    while ((done = curl_multi_info_read(program->multi, &left)) != NULL) {
        CURL *curl = done->easy_handle;
        CURLcode code = done->data.result;
        struct slot *slot = NULL;
        curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&slot);
        curl_multi_remove_handle(program->multi, curl);
        bool absent = is_absent(code, curl);
        wait_ms = absent ? RETRY_MS : wait_ms == RETRY_MS ? wait_ms : 0;
        if (curl == program->inbox) {
            program->inbox_busy = false;
            if (!absent) take_inbox(program);
        } else {
            slot->busy = false;
            if (!absent) take_answer(program, slot);
        }
    }
    return wait_ms;
}

static int run_agent(struct program *program)
{
    program->multi = curl_multi_init();
    sd_notify(0, "READY=1");
    for (;;) {
        struct curl_waitfd control = {.fd = program->control_fd, .events = CURL_WAIT_POLLIN};
        struct slot *slot;
        int running;
        while (program->next <= program->goal && (slot = free_slot(program)) != NULL)
            slot->n = program->next++;
        for (size_t i = 0; i < WINDOW; i++)
            if (program->slots[i].n && !program->slots[i].busy) post(program, &program->slots[i]);
        if (!program->inbox_busy) ask_inbox(program);
        CHECK(curl_multi_perform(program->multi, &running) == CURLM_OK);
        int wait_ms = take_done(program);
        CHECK(curl_multi_poll(program->multi, &control, 1, wait_ms, NULL) == CURLM_OK);
        if (control.revents) take_control(program);
    }
}

int main(int argc, char **argv)
{
    static struct program program;
    struct error error = {0};
    CHECK(argc == 10);
    program.events_fd = atoi(argv[1]);
    program.control_fd = atoi(argv[2]);
    program.next = strtoull(argv[3], NULL, 10);
    program.inbox_after = strtoull(argv[4], NULL, 10);
    program.town = argv[5];
    program.own = argv[6];
    program.endpoint = argv[7];
    program.draft = argv[8];
    program.socket = argv[9];
    signal(SIGPIPE, SIG_IGN);
    CHECK(fcntl(program.control_fd, F_SETFL, O_NONBLOCK) == 0);
    program.plan = plan_files_parse();
    if (program.draft[0])
        CHECK(file_read(program.draft, (size_t)1 << 20, &program.template, &error) == 0);
    return program.socket[0] ? run_agent(&program) : run_library(&program);
}
