/* Files from agent to agent over a real broker: photos cleaned, profiles refused at both ends, a
 * large recording through kill -9 on every side, nothing readable on any disk but the givers', and
 * memory that does not grow with the file. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/lib/include/leadbus.h"
#include "proto/base/check.h"
#include "proto/host/chunks.h"
#include "proto/host/file.h"
#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, PROCURATORATE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_PROCURATORATE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, RSS_GROWTH_KIB_MAX = 16384, TRIES = 200 };
#ifdef LEADBUS_SANITIZE
#define SLOW_MIB "2" /* of each of two parts: long enough to be met while it is looked into */
#else
#define SLOW_MIB "12"
#endif
#define REPORT   "lead.mandatory-report"
#define PUBLIC   "supervision.assessment"
#define NEEDLE   "qingluan-7391 stands at the north gate"
#define PASSWORD "a passphrase for tests"

static struct agents agents;
static char output[OUTPUT_LEN];

static int leadbus_of(size_t agent, const char *arguments)
{
    return agents_run(&agents, agent, arguments, output);
}

/* Runs a script in the folder `given`, with the makers of files at hand. */
static void make(const char *script)
{
    char command[4096];
    (void)snprintf(
        command, sizeof command,
        "mkdir -p '%s/given' && cd '%s/given' && mkdir -p ../got && PYTHONDONTWRITEBYTECODE=1 "
        "PYTHONPATH='%s/tests/unit' python3 -c 'from content_files import *\n%s'",
        agents.town.folder, agents.town.folder, LEADBUS_SOURCE_DIR, script);
    int status = system(command);
    if (status) print_error("%s\n", script);
    assert_int_equal(status, 0);
}

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, SCHOOL, "kinds " REPORT " --example > " REPORT, output);
    agents_must(&agents, SCHOOL, "kinds notice.bulletin --example > notice.bulletin", output);
    agents_must(&agents, SCHOOL, "kinds " PUBLIC " --example > " PUBLIC, output);
    make("open(\"photo.jpg\", \"wb\").write(jpeg(segment(0xe1, b\"Exif\\0\\0\" + exif())))\n"
         "open(\"clean.jpg\", \"wb\").write(jpeg())\n"
         "open(\"note.txt\", \"wb\").write((\"" NEEDLE "\\n\" * 400).encode())\n"
         "open(\"profile.docx\", \"wb\").write(docx(paragraph("
         "\"D3S1358 15,16 vWA 14,18 FGA 21,24 TH01 7,9\")))\n"
         "open(\"iphone.heic\", \"wb\").write(heic())\n"
         "open(\"empty.txt\", \"wb\").close()\n"
         "open(\"plain.docx\", \"wb\").write(docx(paragraph(\"call 24311234\")))\n"
         "open(\"numbers.docx\", \"wb\").write(docx(paragraph(\"of 11010519491231002X\")))\n"
         "open(\"13912345678.txt\", \"wb\").write(b\"fine\")\n"
         "import zipfile\n"
         "z = zipfile.ZipFile(\"slow.docx\", \"w\", zipfile.ZIP_DEFLATED)\n"
         "z.writestr(\"[Content_Types].xml\", \"<Types/>\")\n"
         "z.writestr(\"word/document.xml\", b\"<\" * (" SLOW_MIB " << 20))\n"
         "z.writestr(\"word/more.xml\", b\"<\" * (" SLOW_MIB " << 20))\n"
         "z.close()\n"
         "import os, random\n"
         "r = random.Random(1)\n"
         "f = open(\"video.mp4\", \"wb\")\n"
         "f.write(mp4() + b\"" NEEDLE "\" * 100)\n"
         "[f.write(r.randbytes(1 << 20)) for i in range(40)]\n"
         "f.write(b\"" NEEDLE "\" * 100)");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

/* Sends with files; the message's id. */
static void send_files(const char *options, char ret_id[37])
{
    char arguments[512];
    (void)snprintf(arguments, sizeof arguments, "send " REPORT " --json --file " REPORT " %s",
                   options);
    json_t *answer = agents_must_json(&agents, SCHOOL, arguments, output);
    (void)snprintf(ret_id, 37, "%s", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
}

/* One attachment as an agent lists it; NULL: the message is not there, or has none. */
static json_t *attachment(size_t agent, const char *id, size_t n)
{
    char arguments[96];
    (void)snprintf(arguments, sizeof arguments, "attachment %s --json", id);
    json_t *list = leadbus_of(agent, arguments) == 0 ? json_loads(output, 0, NULL) : NULL;
    json_t *one = json_incref(json_array_get(list, n));
    json_decref(list);
    return one;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static long number(const json_t *object, const char *key)
{
    return (long)json_integer_value(json_object_get(object, key));
}

/* Until the attachment is in that state, as far as that takes less than the deadline. */
static json_t *await(size_t agent, const char *id, size_t n, const char *state)
{
    for (int turn = 0; turn < 20 * TRIES; turn++) {
        json_t *one = attachment(agent, id, n);
        if (one && strcmp(text(one, "state"), state) == 0) return one;
        json_decref(one);
    }
    fail_msg("not %s: %s", state, output);
    return NULL;
}

static void save(size_t agent, const char *id, size_t n, const char *name)
{
    char arguments[160];
    (void)snprintf(arguments, sizeof arguments, "attachment %s %zu --wait 60 -o %s", id, n, name);
    agents_must(&agents, agent, arguments, output);
}

static bool same(const char *one, const char *other)
{
    char command[512];
    (void)snprintf(command, sizeof command, "cd '%s' && cmp -s '%s' '%s'", agents.town.folder, one,
                   other);
    return system(command) == 0;
}

/* Whether a file anywhere but among the givers' and takers' has it. */
static bool on_disk(const char *needle)
{
    char command[512];
    (void)snprintf(command, sizeof command,
                   "grep -r -q -F -a -e '%s' --exclude-dir=given --exclude-dir=got '%s'", needle,
                   agents.town.folder);
    return system(command) == 0;
}

/* ---- what must hold -----------------------------------------------------------------------------
 */

static void a_photo_arrives_without_its_place(void **state)
{
    (void)state;
    char id[37], arguments[160];
    assert_int_equal(
        leadbus_of(SCHOOL, "send " REPORT " --file " REPORT " --attach given/photo.jpg"), 65);
    assert_non_null(strstr(output, "confirm-no-dna"));
    send_files("--wait 20 --attach given/photo.jpg --attach given/note.txt --confirm-no-dna", id);
    json_t *sent = await(SCHOOL, id, 0, "sent");
    json_t *here = await(POLICE, id, 0, "here");
    assert_string_equal(text(here, "name"), "photo.jpg");
    assert_string_equal(text(here, "media_type"), "image/jpeg");
    assert_string_equal(text(here, "section"), "full");
    assert_true(json_is_true(json_object_get(here, "confirm_no_dna")));
    assert_string_equal(text(here, "sha256"), text(sent, "sha256"));
    json_decref(sent);
    json_decref(here);
    save(POLICE, id, 1, "got/photo.jpg");
    save(POLICE, id, 2, "got/note.txt");
    assert_false(same("given/photo.jpg", "got/photo.jpg"));
    make("data = open(\"../got/photo.jpg\", \"rb\").read()\n"
         "assert b\"SECRET\" in exif() and b\"SECRET\" not in data\n"
         "assert data[:3] == b\"\\xff\\xd8\\xff\" and data.endswith(SCAN + b\"\\xff\\xd9\")");
    assert_true(same("given/note.txt", "got/note.txt"));
    /* Who has the summary alone has no file, nor hears of one. */
    (void)agents_wait_for(&agents, PROCURATORATE, REPORT);
    (void)snprintf(arguments, sizeof arguments, "attachment %s --json", id);
    agents_must(&agents, PROCURATORATE, arguments, output);
    assert_non_null(strstr(output, "[]"));
    (void)snprintf(arguments, sizeof arguments, "attachment %s 1", id);
    assert_int_equal(leadbus_of(PROCURATORATE, arguments), 66);
    assert_null(strstr(output, "photo.jpg"));
    (void)snprintf(arguments, sizeof arguments, "show %s", id);
    agents_must(&agents, POLICE, arguments, output);
    assert_non_null(strstr(output, "note.txt"));
}

static void what_may_not_travel_is_refused_before_it_is_sealed(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *file, *name;
        int code;
    } rows[] = {
        {REPORT, "given/profile.docx", "forbidden_content", 77},
        {REPORT, "given/iphone.heic", "content_unexaminable", 77},
        {REPORT, "given/empty.txt", "bad_value", 65},
        {PUBLIC, "given/numbers.docx", "forbidden_content", 77},
        {PUBLIC, "given/13912345678.txt", "forbidden_content", 77},
        {"notice.bulletin", "given/note.txt", "attachment_not_allowed", 65},
        {REPORT, "given", "io", 74},
        {REPORT, "given/no-such-file", "not_found", 66},
    };
    char arguments[160];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(arguments, sizeof arguments,
                       "send %s --file %s --confirm-no-dna --attach %s", rows[i].kind, rows[i].kind,
                       rows[i].file);
        int status = leadbus_of(SCHOOL, arguments);
        if (status != rows[i].code || !strstr(output, rows[i].name)) print_error("%s", output);
        assert_int_equal(status, rows[i].code);
        assert_non_null(strstr(output, rows[i].name));
    }
}

/* A preview says who gets the file too, and leaves nothing behind. */
static void a_preview_names_the_files_and_keeps_none(void **state)
{
    (void)state;
    agents_must(&agents, SCHOOL, "outbox --json", output);
    char *before = strdup(output);
    assert_non_null(before);
    agents_must(&agents, SCHOOL,
                "send " REPORT " --file " REPORT " --preview --attach given/note.txt", output);
    const char *file = strstr(output, "attachment: given/note.txt");
    const char *reads = strstr(output, "will read:");
    assert_true(file && reads && reads < file);
    assert_null(strstr(file + 1, "attachment: ")); /* copies do not get it */
    /* What has no personal data in it may go with a kind that has none. */
    agents_must(&agents, SCHOOL,
                "send " PUBLIC " --file " PUBLIC " --preview --attach given/plain.docx", output);
    assert_int_equal(leadbus_of(SCHOOL, "send " REPORT " --file " REPORT
                                        " --preview --attach given/profile.docx"),
                     77);
    agents_must(&agents, SCHOOL, "outbox --json", output);
    assert_string_equal(output, before);
    free(before);
}

/* Kills and starts again what `which` says while the attachment is on its way in that state. */
static bool kill_on_the_way(size_t agent, const char *id, const char *state, bool broker)
{
    for (int turn = 0; turn < 20 * TRIES; turn++) {
        json_t *one = attachment(agent, id, 0);
        long done = number(one, "chunks_done"), all = number(one, "chunks");
        bool there = one && strcmp(text(one, "state"), state) == 0;
        bool over = one && !there;
        json_decref(one);
        if (over) return false;
        if (!there || done == 0 || done >= all - 4) continue;
        if (broker) {
            process_kill(&agents.town.broker);
            assert_true(town_start_broker(&agents.town));
        } else {
            process_kill(&agents.processes[agent]);
            agents_start(&agents, agent);
        }
        return true;
    }
    fail_msg("%s: nothing went on: %s", state, output);
    return false;
}

static void a_large_recording_goes_through_kills_on_every_side(void **state)
{
    (void)state;
    static const struct {
        size_t agent;
        const char *state;
        bool broker;
    } kills[] = {{SCHOOL, "sending", true},
                 {SCHOOL, "sending", false},
                 {POLICE, "fetching", true},
                 {POLICE, "fetching", false}};
    char id[37];
    for (size_t i = 0; i < sizeof kills / sizeof *kills; i++) {
        bool killed = false;
        /* It may have been too quick. */
        for (int turn = 0; turn < 5 && !killed; turn++) {
            send_files("--attach given/video.mp4 --confirm-no-dna", id);
            if (kills[i].agent == POLICE) {
                json_t *sent = await(SCHOOL, id, 0, "sent");
                json_decref(sent);
            }
            killed = kill_on_the_way(kills[i].agent, id, kills[i].state, kills[i].broker);
        }
        assert_true(killed);
        json_t *here = await(POLICE, id, 0, "here");
        json_decref(here);
        save(POLICE, id, 1, "got/video.mp4");
        assert_true(same("given/video.mp4", "got/video.mp4"));
    }
}

static void nothing_of_a_file_lies_readable_on_any_disk(void **state)
{
    (void)state;
    char command[512];
    (void)snprintf(command, sizeof command, "grep -q -F -a -e '%s' '%s/given/video.mp4'", NEEDLE,
                   agents.town.folder);
    assert_int_equal(system(command), 0); /* grep finds it where it is */
    assert_false(on_disk(NEEDLE));
    assert_false(on_disk("video.mp4"));
    assert_false(on_disk("video/mp4"));
}

static int flip_byte(void *ctx, const uint8_t root[CHUNKS_ROOT_LEN])
{
    struct buf chunk = {0};
    const char *folder = ctx;
    if (chunks_get(folder, root, 0, &chunk, NULL) != 0) return 0;
    chunk.data[chunk.len / 2] ^= 1;
    assert_int_equal(chunks_put(folder, root, 0, buf_bytes(&chunk), NULL), 0);
    buf_fini(&chunk);
    return 0;
}

static void a_byte_that_our_disk_flipped_is_fetched_again(void **state)
{
    (void)state;
    char id[37], folder[AGENTS_PATH_LEN], arguments[160];
    send_files("--attach given/note.txt", id);
    json_decref(await(POLICE, id, 0, "here"));
    agents_path(&agents, POLICE, "db-chunks", folder);
    assert_int_equal(chunks_walk(folder, flip_byte, folder, NULL), 0);
    (void)snprintf(arguments, sizeof arguments, "attachment %s 1 -o got/flipped.txt", id);
    assert_int_not_equal(leadbus_of(POLICE, arguments), 0);
    save(POLICE, id, 1, "got/flipped.txt");
    assert_true(same("given/note.txt", "got/flipped.txt"));
}

/* ---- looking into what takes long ---------------------------------------------------------------
 */

/* The process that looks into a file for an agent; 0: none. */
static pid_t child_of(size_t agent)
{
    glob_t found;
    pid_t child = 0;
    if (glob("/proc/[0-9]*/stat", 0, NULL, &found)) return 0;
    for (size_t i = 0; i < found.gl_pathc && !child; i++) {
        int pid = 0, parent = 0, nice = 0;
        FILE *file = fopen(found.gl_pathv[i], "r");
        if (!file) continue;
        /* proc(5); from its priority on it is confined. */
        if (fscanf(file, "%d %*s %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %d",
                   &pid, &parent, &nice) == 3 &&
            parent == agents.processes[agent].pid && nice > 0)
            child = pid;
        (void)fclose(file);
    }
    globfree(&found);
    return child;
}

/* Waits for it and stops it where it is. */
static pid_t stop_child(size_t agent)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    for (time_t until_s = now.tv_sec + 120; now.tv_sec < until_s;) {
        pid_t child = child_of(agent);
        if (child && kill(child, SIGSTOP) == 0) return child;
        CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    }
    fail_msg("nothing was looked into");
    return 0;
}

static bool stands(pid_t child)
{
    char path[64], state = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *file = fopen(path, "r");
    bool there = file && fscanf(file, "%*d %*s %c", &state) == 1 && state != 'Z' && state != 'X';
    if (file) (void)fclose(file);
    return there;
}

static void await_gone(pid_t child)
{
    for (int turn = 0; stands(child); turn++) assert_true(turn < 20000000);
}

static void await_message(size_t agent, const char *id)
{
    char arguments[64];
    (void)snprintf(arguments, sizeof arguments, "show %s", id);
    for (int turn = 0; leadbus_of(agent, arguments) != 0; turn++) assert_true(turn < 20 * TRIES);
}

/* Whatever becomes of the process that looks into a file, the agent goes on; no time is measured:
 * the process stands still meanwhile. */
static void looking_into_a_file_holds_up_nobody(void **state)
{
    (void)state;
    char id[37], other[37], command[1024], path[AGENTS_PATH_LEN];
    agents_path(&agents, SCHOOL, "sock", path);
    /* Ours: the upload is answered when it has been looked into. */
    (void)snprintf(command, sizeof command,
                   "cd '%s' && LANG=en LEADBUS_AGENT='%s' LEADBUS_OFFICER=A7 exec '%s' send " REPORT
                   " --json --file " REPORT " --attach given/slow.docx",
                   agents.town.folder, path, LEADBUS_CLI);
    FILE *sender = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_non_null(sender);
    pid_t child = stop_child(SCHOOL);
    send_files("--wait 20", other);
    agents_must(&agents, SCHOOL, "status --json", output);
    assert_int_equal(kill(child, SIGCONT), 0);
    child = stop_child(POLICE); /* it has come there */
    json_t *answer = json_loadf(sender, 0, NULL);
    assert_int_equal(pclose(sender), 0);
    (void)snprintf(id, sizeof id, "%s", text(answer, "id"));
    json_decref(answer);

    /* What came: messages and the API go on beside it. */
    send_files("--wait 20", other);
    await_message(POLICE, other);
    json_t *one = attachment(POLICE, id, 0);
    assert_string_equal(text(one, "state"), "fetching");
    assert_int_equal(number(one, "chunks_done"), number(one, "chunks"));
    json_decref(one);
    /* kill -9: the process goes with its agent, and the next agent begins again. */
    process_kill(&agents.processes[POLICE]);
    await_gone(child);
    agents_start(&agents, POLICE);
    child = stop_child(POLICE);
    assert_int_equal(kill(child, SIGCONT), 0);
    json_decref(await(POLICE, id, 0, "here"));
    save(POLICE, id, 1, "got/slow.docx");
    assert_true(same("given/slow.docx", "got/slow.docx"));

    /* A crash of it is the file's, once and for all. */
    send_files("--attach given/slow.docx", id);
    child = stop_child(POLICE);
    assert_int_equal(kill(child, SIGSEGV), 0);
    assert_int_equal(kill(child, SIGCONT), 0);
    one = await(POLICE, id, 0, "refused");
    assert_string_equal(text(one, "code"), "content_unexaminable");
    json_decref(one);
    agents_must(&agents, POLICE, "status --json", output);
}

/* ---- a sender that looks at nothing ------------------------------------------------------------
 */

/* The library alone, as civil affairs: whatever a program puts into it. */
static leadbus *open_library(void)
{
    char store[AGENTS_PATH_LEN], keyring[AGENTS_PATH_LEN], path[AGENTS_PATH_LEN];
    struct buf root = {0}, bundle = {0};
    struct leadbus_error error = {0};
    struct town *town = &agents.town;
    leadbus *lb = NULL;
    (void)snprintf(store, sizeof store, "%s/civil.db", town->folder);
    (void)snprintf(keyring, sizeof keyring, "%s/civil.keyring", town->folder);
    CHECK(keyring_save(&town->keyrings[TOWN_CIVIL_AFFAIRS], keyring, bytes_of_str(PASSWORD),
                       NULL) == 0);
    (void)snprintf(path, sizeof path, "%s/root", town->folder);
    CHECK(file_read(path, 1 << 20, &root, NULL) == 0);
    (void)snprintf(path, sizeof path, "%s/bundle", town->folder);
    CHECK(file_read(path, 8 << 20, &bundle, NULL) == 0);
    struct leadbus_options options = {.size = sizeof options,
                                      .store_path = store,
                                      .keyring_path = keyring,
                                      .passphrase = PASSWORD,
                                      .passphrase_len = strlen(PASSWORD),
                                      .root = root.data,
                                      .root_len = root.len,
                                      .bundle = bundle.data,
                                      .bundle_len = bundle.len,
                                      .endpoint = town->endpoint};
    if (leadbus_open(&options, &lb, &error)) print_error("%s %s\n", error.name, error.detail);
    assert_non_null(lb);
    buf_fini(&root);
    buf_fini(&bundle);
    return lb;
}

static void attach(leadbus *lb, const char *path, const char *media_type,
                   struct leadbus_uploaded *ret)
{
    char whole[AGENTS_PATH_LEN];
    struct leadbus_error error = {0};
    const struct leadbus_file file = {
        .size = sizeof file, .kind = REPORT, .name = "现场 1.jpg", .media_type = media_type};
    (void)snprintf(whole, sizeof whole, "%s/%s", agents.town.folder, path);
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ret->size = sizeof *ret;
    if (leadbus_attach_fd(lb, &file, fd, ret, &error))
        print_error("%s %s %s\n", error.name, error.field, error.detail);
    assert_int_equal(error.code, 0);
    (void)close(fd);
}

static bool same_bytes(leadbus *lb, const uint8_t *id, const char *path)
{
    char whole[AGENTS_PATH_LEN];
    struct buf bytes = {0};
    leadbus_reader *reader = NULL;
    uint8_t piece[1000];
    size_t done = 0, len = 0;
    bool equal = true;
    (void)snprintf(whole, sizeof whole, "%s/%s", agents.town.folder, path);
    CHECK(file_read(whole, 1 << 24, &bytes, NULL) == 0);
    assert_int_equal(leadbus_attachment_open(lb, id, 0, &reader, NULL), 0);
    do {
        assert_int_equal(leadbus_attachment_read(reader, done, piece, sizeof piece, &len, NULL), 0);
        equal = equal && done + len <= bytes.len && memcmp(piece, bytes.data + done, len) == 0;
        done += len;
    } while (len > 0);
    equal = equal && done == bytes.len;
    leadbus_attachment_close(reader);
    buf_fini(&bytes);
    return equal;
}

/* What the sender hears of a message of its own. */
struct heard {
    const uint8_t *id;
    int code;
};
static int hear(void *ctx, const struct leadbus_item *item)
{
    struct heard *heard = ctx;
    if (item->type == LEADBUS_ITEM_NOTICE && item->notice == LEADBUS_NOTICE_EXCEPTION &&
        memcmp(item->id, heard->id, 16) == 0 && strcmp(item->from, "police-hedong") == 0)
        heard->code = item->code;
    return 0;
}

static int wait_for_word(leadbus *lb, const uint8_t *id)
{
    struct heard heard = {.id = id};
    for (int turn = 0; turn < 20 * TRIES && heard.code == 0; turn++) {
        assert_true(leadbus_wait(lb, 5, NULL) >= 0);
        assert_int_equal(leadbus_inbox_each(lb, 0, 1000, hear, &heard, NULL), 0);
    }
    return heard.code;
}

static void a_recipient_looks_for_itself(void **state)
{
    (void)state;
    static const struct {
        const char *path, *media_type;
        bool confirmed;
        const char *code;
    } rows[] = {{"given/photo.jpg", "image/jpeg", true, "forbidden_content"},
                {"given/profile.docx",
                 "application/vnd.openxmlformats-officedocument.wordprocessingml.document", true,
                 "forbidden_content"},
                {"given/clean.jpg", "image/jpeg", false, "missing_field"},
                {"given/clean.jpg", "text/html", true, "bad_value"},
                {"given/clean.jpg", "image/jpeg", true, ""}};
    /* signs: "7", danger: "likely"; what: "x" */
    static const struct leadbus_section sections[] = {{"summary",
                                                       "\x12\x01"
                                                       "7*\x06likely",
                                                       11},
                                                      {"full", "\n\x01x", 3}};
    leadbus *lb = open_library();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct leadbus_uploaded uploaded;
        struct leadbus_error error = {0};
        uint8_t id[16];
        char name[37];
        json_t *one = NULL;
        attach(lb, rows[i].path, rows[i].media_type, &uploaded);
        struct leadbus_draft_attachment named = {.confirmed = rows[i].confirmed};
        memcpy(named.id, uploaded.id, 16);
        struct leadbus_draft draft = {.size = sizeof draft,
                                      .kind = REPORT,
                                      .sections = sections,
                                      .section_count = 2,
                                      .attachments = &named,
                                      .attachment_count = 1};
        int r = leadbus_submit(lb, &draft, id, &error);
        if (r) print_error("%s %s %s\n", error.name, error.field, error.detail);
        assert_int_equal(r, 0);
        assert_true(same_bytes(lb, id, rows[i].path));
        uuid_text(id, name);
        for (int turn = 0; turn < 20 * TRIES && !one; turn++) {
            assert_true(leadbus_wait(lb, 5, NULL) >= 0);
            one = attachment(POLICE, name, 0);
            if (one && strcmp(text(one, "state"), "fetching") == 0) {
                json_decref(one);
                one = NULL;
            }
        }
        assert_non_null(one);
        if (strcmp(text(one, "code"), rows[i].code) != 0) print_error("row %zu\n", i);
        assert_string_equal(text(one, "state"), *rows[i].code ? "refused" : "here");
        assert_string_equal(text(one, "code"), rows[i].code);
        if (*rows[i].code) {
            char arguments[96];
            (void)snprintf(arguments, sizeof arguments, "attachment %s 1 -o got/refused", name);
            assert_int_not_equal(leadbus_of(POLICE, arguments), 0);
            assert_non_null(strstr(output, rows[i].code));
            assert_string_equal(leadbus_error_name(wait_for_word(lb, id)), rows[i].code);
        }
        json_decref(one);
    }
    leadbus_close(lb);
}

/* ---- memory -------------------------------------------------------------------------------------
 */

/* KiB resident, now or at most since the mark; 0: not known here. */
static long resident(pid_t pid, const char *which)
{
    char path[64], line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, which, strlen(which)) == 0) kib = strtol(line + strlen(which), NULL, 10);
    if (status) (void)fclose(status);
    return kib;
}

static bool mark(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, "5", 1) == 1;
    if (fd >= 0) (void)close(fd);
    return done;
}

static void memory_does_not_grow_with_the_file(void **state)
{
    (void)state;
    char id[37];
    const pid_t pids[] = {agents.town.broker.pid, agents.processes[SCHOOL].pid,
                          agents.processes[POLICE].pid};
    long before[3];
#ifdef LEADBUS_SANITIZE
    skip(); /* which keeps what was freed */
#endif
    for (size_t i = 0; i < 3; i++) {
        before[i] = resident(pids[i], "VmRSS:");
        if (!mark(pids[i]) || before[i] == 0) skip();
    }
    send_files("--attach given/video.mp4 --confirm-no-dna", id);
    json_decref(await(POLICE, id, 0, "here"));
    save(POLICE, id, 1, "got/video.mp4");
    for (size_t i = 0; i < 3; i++) {
        long growth = resident(pids[i], "VmHWM:") - before[i];
        if (growth >= RSS_GROWTH_KIB_MAX) print_error("process %zu: %ld KiB\n", i, growth);
        assert_true(growth < RSS_GROWTH_KIB_MAX);
    }
}

/* With everything above in it: refused files, kills, starts. */
static void the_journal_of_it_verifies_and_decides_the_same_again(void **state)
{
    (void)state;
    static const char *const commands[] = {"verify", "replay"};
    char command[1024];
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(command, sizeof command,
                       "'%s' %s --root '%s/root' '%s/state/journal.db' >&2", LEADBUS_REPLAY,
                       commands[i], agents.town.folder, agents.town.folder);
        assert_int_equal(system(command), 0);
    }
    assert_true(town_explain(&agents.town, LEADBUS_REPLAY, TOWN_EXPLAIN_ALL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_photo_arrives_without_its_place),
        cmocka_unit_test(what_may_not_travel_is_refused_before_it_is_sealed),
        cmocka_unit_test(a_preview_names_the_files_and_keeps_none),
        cmocka_unit_test(a_large_recording_goes_through_kills_on_every_side),
        cmocka_unit_test(nothing_of_a_file_lies_readable_on_any_disk),
        cmocka_unit_test(a_byte_that_our_disk_flipped_is_fetched_again),
        cmocka_unit_test(a_recipient_looks_for_itself),
        cmocka_unit_test(looking_into_a_file_holds_up_nobody),
        cmocka_unit_test(memory_does_not_grow_with_the_file),
        cmocka_unit_test(the_journal_of_it_verifies_and_decides_the_same_again),
    };
    return cmocka_run_group_tests_name("files", tests, set_up, tear_down);
}
