/* The broker reads nothing, the wire carries nothing readable and no store keeps it: recognisable
 * names, numbers and text go through a real exchange, then every file of it, the recorded bytes of
 * every connection and the broker's memory are searched for them in the forms in which text lies
 * around. Each search first proves that it can find: in files made for it, in the sender's draft,
 * in the memory of the sender's own system. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <iconv.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/runner.h"

enum {
    LEADS = 20,
    DRAIN_MS = 60000,
    FILE_BYTES_MAX = 256 << 20,
    NEEDLE_MAX = 64,
    FORM_LEN_MAX = 512,
    TAP_CONNECTION_MAX = 32,
    TAP_CHUNK = 65536,
    PAGE = 4096,
    PAGES_AT_ONCE = 256,
};
static const uint64_t MAP_BYTES_MAX = (uint64_t)64 << 30; /* only sanitizers reserve more */

/* Whom nobody may meet outside of the sealed sections. */
static const char *const PLANTS[] = {"欧阳鉴麒", "11010519491231002X", "暗号青鸾七三九一在北门",
                                     "kirin-7391 waits at the north gate", "022-73917391"};
enum { PLANT_COUNT = sizeof PLANTS / sizeof PLANTS[0] };
static const char DRAFT[] =
    "{\"kind\":\"lead.mandatory-report\",\"sections\":{"
    "\"summary\":{\"pseudonym\":\"V@N@\",\"signs\":[\"7\"],\"danger\":\"likely\"},"
    "\"full\":{\"what\":\"@N@ 暗号青鸾七三九一在北门, kirin-7391 waits at the north gate\","
    "\"persons\":[{\"role\":\"victim\",\"name\":\"欧阳鉴麒\","
    "\"id_number\":\"11010519491231002X\"}]},"
    "\"reporter\":{\"role\":\"medical\",\"name\":\"欧阳鉴麒\",\"phone\":\"022-73917391\"}}}";

enum { SCHOOL, POLICE, PROCURATORATE, CIVIL, RUNNER_COUNT };
static const enum town_unit UNITS[RUNNER_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_PROCURATORATE,
                                                   TOWN_CIVIL_AFFAIRS};

static struct town town;
static struct runner runners[RUNNER_COUNT];
static struct runner *list[RUNNER_COUNT];
static pid_t tap_pid;

/* ---- needles -----------------------------------------------------------------------------------
 */
static struct needle {
    char what[64];
    uint8_t data[FORM_LEN_MAX];
    size_t len;
} needles[NEEDLE_MAX];
static size_t needle_count;

static void add_needle(const char *form, size_t plant, const void *data, size_t len)
{
    assert_true(needle_count < NEEDLE_MAX && len > 7 && len < FORM_LEN_MAX);
    struct needle *needle = &needles[needle_count++];
    snprintf(needle->what, sizeof needle->what, "plant %zu as %s", plant, form);
    memcpy(needle->data, data, len);
    needle->len = len;
}

static void add_converted(const char *form, size_t plant)
{
    char out[FORM_LEN_MAX], *to = out, text[FORM_LEN_MAX], *from = text;
    size_t left = sizeof out, len = strlen(PLANTS[plant]);
    memcpy(text, PLANTS[plant], len + 1);
    iconv_t converter = iconv_open(form, "UTF-8");
    assert_true(converter != (iconv_t)-1);
    assert_int_equal(iconv(converter, &from, &len, &to, &left), 0);
    iconv_close(converter);
    add_needle(form, plant, out, sizeof out - left);
}

/* Base64 of text that stands anywhere in a longer one: three alignments, without the characters
 * that neighbours have a part in. */
static void add_base64(size_t plant)
{
    char name[32], out[FORM_LEN_MAX];
    size_t len = strlen(PLANTS[plant]);
    for (size_t shift = 0; shift < 3; shift++) {
        uint8_t shifted[FORM_LEN_MAX] = {0};
        memcpy(shifted + shift, PLANTS[plant], len);
        size_t whole = (shift + len) / 3 * 3, first = shift ? 4 : 0;
        assert_non_null(sodium_bin2base64(out, sizeof out, shifted, whole,
                                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING));
        snprintf(name, sizeof name, "base64 at %zu", shift);
        add_needle(name, plant, out + first, strlen(out) - first);
    }
}

static void make_needles(void)
{
    for (size_t i = 0; i < PLANT_COUNT; i++) {
        add_needle("UTF-8", i, PLANTS[i], strlen(PLANTS[i]));
        add_converted("UTF-16LE", i);
        add_converted("UTF-16BE", i);
        add_base64(i);
    }
}

/* How many needles are in it; each is named where `name` is given. */
static size_t search_bytes(const uint8_t *data, size_t len, const char *name)
{
    size_t found = 0;
    for (size_t i = 0; i < needle_count; i++) {
        if (!memmem(data, len, needles[i].data, needles[i].len)) continue;
        found++;
        if (name) print_error("%s: %s\n", name, needles[i].what);
    }
    return found;
}

/* ---- files -------------------------------------------------------------------------------------
 */
static struct {
    size_t files, found;
    uint64_t bytes;
} searched;

static void load(const char *path, struct buf *ret)
{
    struct error error = {0};
    int code = file_read(path, FILE_BYTES_MAX, ret, &error);
    if (code) fail_msg("%s: %s %s", path, error_name(code), error.detail);
}

static int search_file(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)place;
    if (type != FTW_F || !S_ISREG(stat->st_mode) || strstr(path, "/draft.json") ||
        strstr(path, "/control"))
        return 0;
    struct buf content = {0};
    load(path, &content);
    searched.files++;
    searched.bytes += content.len;
    searched.found += search_bytes(content.data, content.len, path);
    buf_fini(&content);
    return 0;
}

static void assert_nothing_in_files(void)
{
    memset(&searched, 0, sizeof searched);
    assert_int_equal(nftw(town.folder, search_file, 16, FTW_PHYS), 0);
    print_message("searched %zu files, %" PRIu64 " bytes\n", searched.files, searched.bytes);
    assert_int_equal(searched.found, 0);
}

static void path_of(char *ret, const char *folder, const char *name)
{
    snprintf(ret, RUNNER_PATH_LEN_MAX, "%s/%s", folder, name);
}

static bool file_has(const char *folder, const char *name, const char *text)
{
    char path[RUNNER_PATH_LEN_MAX];
    struct buf content = {0};
    path_of(path, folder, name);
    load(path, &content);
    bool has = memmem(content.data, content.len, text, strlen(text)) != NULL;
    buf_fini(&content);
    return has;
}

/* Each needle is found in a file that has it between noise, and nowhere in noise alone. */
static void assert_files_can_be_searched(void)
{
    char path[RUNNER_PATH_LEN_MAX];
    uint8_t noise[1000];
    struct error error = {0};
    struct buf content = {0};
    path_of(path, town.folder, "control");
    for (size_t i = 0; i < needle_count; i++) {
        struct buf made = {0};
        randombytes_buf(noise, sizeof noise);
        assert_int_equal(search_bytes(noise, sizeof noise, NULL), 0);
        buf_append(&made, noise, sizeof noise);
        buf_append(&made, needles[i].data, needles[i].len);
        buf_append(&made, noise, sizeof noise);
        assert_int_equal(file_write_atomic(path, buf_bytes(&made), 0600, &error), 0);
        load(path, &content);
        assert_true(search_bytes(content.data, content.len, NULL) >= 1);
        buf_fini(&made);
        buf_fini(&content);
    }
    load(runners[SCHOOL].draft, &content);
    assert_int_equal(search_bytes(content.data, content.len, NULL), PLANT_COUNT);
    buf_fini(&content);
}

/* ---- memory ------------------------------------------------------------------------------------
 */
/* The pages of a map that are there, runs of them at once with an overlap, so that nothing hides on
 * a boundary. */
static size_t search_map(int mem, int pagemap, uint64_t from, uint64_t to, const char *name,
                         uint64_t *ret_bytes)
{
    static uint8_t data[FORM_LEN_MAX + PAGES_AT_ONCE * PAGE];
    uint64_t entries[PAGES_AT_ONCE];
    size_t found = 0, kept = 0;
    for (uint64_t at = from; at < to;) {
        size_t pages = (size_t)((to - at) / PAGE);
        if (pages > PAGES_AT_ONCE) pages = PAGES_AT_ONCE;
        ssize_t got = pread(pagemap, entries, pages * 8, (off_t)(at / PAGE * 8));
        if (got <= 0) break;
        pages = (size_t)got / 8;
        for (size_t i = 0; i < pages; i++, at += PAGE) {
            bool present = entries[i] >> 62; /* in memory or swapped out */
            if (!present || pread(mem, data + kept, PAGE, (off_t)at) != PAGE) {
                kept = 0;
                continue;
            }
            *ret_bytes += PAGE;
            found += search_bytes(data, kept + PAGE, name);
            size_t len = kept + PAGE, overlap = len < FORM_LEN_MAX ? len : FORM_LEN_MAX;
            memmove(data, data + len - overlap, overlap);
            kept = overlap;
        }
    }
    return found;
}

/* -1: this user may not look. */
static long search_memory(pid_t pid, const char *name, uint64_t *ret_bytes)
{
    char path[64], line[512];
    long found = 0;
    *ret_bytes = 0;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (mem < 0 || pagemap < 0 || !maps) found = -1;
    while (found >= 0 && fgets(line, sizeof line, maps)) {
        uint64_t from, to;
        char rights[8];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) != 3) continue;
        if (rights[0] != 'r' || rights[1] != 'w') continue;
        if (to - from > MAP_BYTES_MAX)
            print_message("left out, reserved by a sanitizer: %s", line);
        else
            found += (long)search_map(mem, pagemap, from, to, name, ret_bytes);
    }
    if (maps) (void)fclose(maps);
    if (mem >= 0) close(mem);
    if (pagemap >= 0) close(pagemap);
    return found;
}

static void assert_nothing_in_memory_of_the_broker(void)
{
    uint64_t bytes;
    /* The unit's own system holds the draft: there it must be found. */
    long control = search_memory(runners[SCHOOL].driver.pid, NULL, &bytes);
    if (control < 0) {
        print_message("not allowed to read the memory of processes (%s): that part is left out\n",
                      strerror(errno));
        return;
    }
    assert_true(control >= PLANT_COUNT);
    long found = search_memory(town.broker.pid, "memory of the broker", &bytes);
    print_message("searched %" PRIu64 " bytes of the broker's memory\n", bytes);
    assert_true(bytes > 1000000);
    assert_int_equal(found, 0);
}

/* ---- the wire ----------------------------------------------------------------------------------
 */
static int unix_socket(const char *path, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    CHECK(strlen(path) < sizeof ret_address->sun_path);
    strcpy(ret_address->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    return fd;
}

static bool pass_on(int from, int to, int record)
{
    uint8_t data[TAP_CHUNK];
    ssize_t len = read(from, data, sizeof data);
    if (len <= 0) return false;
    CHECK(write(record, data, (size_t)len) == len);
    for (ssize_t done = 0, now; done < len; done += now)
        if ((now = write(to, data + done, (size_t)(len - done))) <= 0) return false;
    return true;
}

/* Passes every connection on to the broker and keeps every byte of both directions. */
static void run_tap(int listener, const char *broker, const char *record_path)
{
    struct pollfd fds[1 + 2 * TAP_CONNECTION_MAX] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;
    int record = open(record_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK(record >= 0);
    for (;;) {
        CHECK(poll(fds, count, -1) > 0);
        for (nfds_t i = 1; i < count; i += 2) {
            bool on = fds[i].fd >= 0;
            if (on && fds[i].revents) on = pass_on(fds[i].fd, fds[i + 1].fd, record);
            if (on && fds[i + 1].revents) on = pass_on(fds[i + 1].fd, fds[i].fd, record);
            if (on || fds[i].fd < 0) continue;
            close(fds[i].fd);
            close(fds[i + 1].fd);
            fds[i].fd = fds[i + 1].fd = -1;
        }
        if (!fds[0].revents) continue;
        struct sockaddr_un address;
        int near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        int far = unix_socket(broker, &address);
        CHECK(near >= 0 && count + 2 <= sizeof fds / sizeof fds[0]);
        CHECK(connect(far, (const struct sockaddr *)&address, sizeof address) == 0);
        fds[count++] = (struct pollfd){.fd = near, .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = far, .events = POLLIN};
    }
}

static void start_tap(char ret_endpoint[RUNNER_PATH_LEN_MAX])
{
    char path[RUNNER_PATH_LEN_MAX], broker[RUNNER_PATH_LEN_MAX], record[RUNNER_PATH_LEN_MAX];
    struct sockaddr_un address;
    path_of(path, town.folder, "tap");
    path_of(broker, town.folder, "broker");
    path_of(record, town.folder, "tap.bytes");
    int listener = unix_socket(path, &address);
    CHECK(bind(listener, (const struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, TAP_CONNECTION_MAX) == 0);
    tap_pid = fork();
    CHECK(tap_pid >= 0);
    if (tap_pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        run_tap(listener, broker, record);
    }
    close(listener);
    snprintf(ret_endpoint, RUNNER_PATH_LEN_MAX, "ipc://%s", path);
}

static void assert_wire_was_recorded(void)
{
    char path[RUNNER_PATH_LEN_MAX];
    struct stat stat_now;
    path_of(path, town.folder, "tap.bytes");
    assert_int_equal(stat(path, &stat_now), 0);
    /* Each lead once in and three times out, a kilobyte at least. */
    assert_true(stat_now.st_size > (off_t)LEADS * 4 * 1024);
    assert_true(file_has(town.folder, "tap.bytes", "CURVE"));
    /* Not even the kind: the whole envelope is inside the connection's encryption. */
    assert_false(file_has(town.folder, "tap.bytes", "lead.mandatory-report"));
}

/* ---- the test ----------------------------------------------------------------------------------
 */
static void exchange(void)
{
    long long deadline_ms = runner_now_ms() + DRAIN_MS;
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        assert_true(runner_start(&runners[i], i == SCHOOL || i == POLICE));
    runner_goal(&runners[SCHOOL], LEADS);
    while (runners[SCHOOL].receipted_count < LEADS || runners[POLICE].received_count < LEADS ||
           runners[PROCURATORATE].received_count < LEADS || runners[CIVIL].received_count < LEADS) {
        bool moved = runner_wait(list, RUNNER_COUNT, deadline_ms);
        for (size_t i = 0; i < RUNNER_COUNT; i++)
            if (runners[i].trouble[0]) fail_msg("%s: %s", runners[i].unit, runners[i].trouble);
        assert_true(moved);
    }
}

/* The recipient does read it: what is searched for was really there to be read. */
static void assert_police_read_it(void)
{
    leadbus *lb = runner_open(&runners[POLICE]);
    leadbus_message *message;
    struct leadbus_section section;
    bool found = false;
    assert_non_null(lb);
    assert_int_equal(leadbus_message_get(lb, runners[SCHOOL].leads[0].id, &message, NULL), 0);
    for (size_t i = 0; leadbus_message_section(message, i, &section); i++)
        if (strcmp(section.name, "full") == 0)
            found = memmem(section.data, section.len, PLANTS[0], strlen(PLANTS[0])) != NULL;
    assert_true(found);
    leadbus_message_free(message);
    leadbus_close(lb);
}

static void nobody_but_the_recipients_can_read_it(void **state)
{
    (void)state;
    exchange();
    assert_files_can_be_searched();
    assert_nothing_in_memory_of_the_broker();
    assert_nothing_in_files();
    /* The headers stand in the clear where they belong: the search did look there. */
    assert_true(file_has(town.folder, "state/journal.db", "lead.mandatory-report") ||
                file_has(town.folder, "state/journal.db-wal", "lead.mandatory-report"));
    for (size_t i = 0; i < RUNNER_COUNT; i++) assert_int_equal(runner_stop(&runners[i]), 0);
    assert_int_equal(process_stop(&town.broker, PROCESS_DEADLINE_MS), 0);
    assert_nothing_in_files();
    assert_wire_was_recorded();
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        assert_true(file_has(runners[i].folder, "store", "lead.mandatory-report"));
    assert_police_read_it();
    assert_nothing_in_files();
}

static int set_up(void **state)
{
    char endpoint[RUNNER_PATH_LEN_MAX];
    (void)state;
    make_needles();
    town_init(&town);
    /* Temporary files, if anybody makes some, come under the search. */
    setenv("TMPDIR", town.folder, 1);
    setenv("SQLITE_TMPDIR", town.folder, 1);
    if (!town_start_broker(&town)) return 1;
    start_tap(endpoint);
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        runner_init(&runners[i], &town, UNITS[i], endpoint, i == SCHOOL ? DRAFT : NULL);
        list[i] = &runners[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < RUNNER_COUNT; i++) runner_fini(&runners[i]);
    if (tap_pid > 0) {
        (void)kill(tap_pid, SIGKILL);
        (void)waitpid(tap_pid, NULL, 0);
    }
    town_fini(&town);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_but_the_recipients_can_read_it)};
    signal(SIGPIPE, SIG_IGN);
    CHECK(sodium_init() >= 0);
    return cmocka_run_group_tests_name("plaintext", tests, set_up, tear_down);
}
