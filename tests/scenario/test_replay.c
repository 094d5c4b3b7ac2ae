/* leadbus-replay against journals that hold, journals in which one byte was changed, journals that
 * lie with the log's own key, and hostile evidence. Runs the program; the journal is made in this
 * process from fixed seeds (journal_maker.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/note.h"
#include "tests/scenario/journal_maker.h"

enum { OUTPUT_MAX = 1 << 20, PATH_MAX_LEN = 300 };

static char folder[64];
static char journal[PATH_MAX_LEN], root_path[PATH_MAX_LEN];
static char output[OUTPUT_MAX]; /* of the last run, both streams */
static struct maker_message marriage, bulletin;
static struct journal_maker maker;
static char vkeys[MAKER_AUTHORITY_COUNT][512];

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX_LEN];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, PATH_MAX_LEN, "%s/%s", folder, name);
    return path;
}

/* ---- running ----------------------------------------------------------------------------------
 */
static void child(int write_fd, char **words)
{
    if (dup2(write_fd, 1) < 0 || dup2(write_fd, 2) < 0) _exit(126);
    (void)setenv("LC_ALL", "en_US.UTF-8", 1);
    execv(REPLAY_PROGRAM, words);
    _exit(127);
}

/* Exit status of leadbus-replay with these words, NULL at the end. */
static int replay(const char *first, ...)
{
    char *words[24] = {(char *)(uintptr_t) "leadbus-replay"};
    size_t count = 1, len = 0;
    int ends[2], status = 0;
    va_list args;
    va_start(args, first);
    for (const char *word = first; word != NULL; word = va_arg(args, const char *)) {
        CHECK(count < 23);
        words[count++] = (char *)(uintptr_t)word;
    }
    va_end(args);
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) child(ends[1], words);
    (void)close(ends[1]);
    for (;;) {
        ssize_t got = read(ends[0], output + len, OUTPUT_MAX - 1 - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        len += (size_t)got;
    }
    output[len] = '\0';
    (void)close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void assert_says(const char *words)
{
    if (strstr(output, words) == NULL) fail_msg("no \"%s\" in: %s", words, output);
}

static void write_file(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(content.data, 1, content.len, file) == content.len);
    CHECK(fclose(file) == 0);
}

static void read_file(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rb");
    uint8_t chunk[4096];
    size_t got;
    CHECK(file != NULL);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) buf_append(ret, chunk, got);
    CHECK(fclose(file) == 0);
}

static const char *copy_journal(const char *name)
{
    struct buf content = {0};
    const char *path = in_folder(name);
    read_file(journal, &content);
    write_file(path, buf_bytes(&content));
    buf_fini(&content);
    return path;
}

/* ---- the journal ------------------------------------------------------------------------------
 */
static void fill(struct journal_maker *made)
{
    maker_submit(made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, &marriage);
    maker_commit(made);
    maker_submit(made, "education", "lead.mandatory-report", "", "120102001", NULL, NULL);
    maker_submit(made, "st-chunhua", "notice.bulletin", "", "", NULL, &bulletin);
    maker_commit(made);
    maker_ack(made, "womens-federation", 0, 0);
    maker_ack(made, "police-hedong", 0, 0);
    maker_commit(made);
    maker_submit(made, "police-hedong", "receipt.signed", "", "", &marriage, NULL);
    maker_restart(made);
    maker_ack(made, "justice", 1, 602);
    maker_commit(made);
    maker_submit(made, "police-hedong", "receipt.accepted", "", "", &marriage, NULL);
    maker_ack(made, "civil-affairs", 1, 0);
    maker_commit(made);
}

/* No -wal mode in the copies that are changed: one file is all there is. */
static void fold_wal(const char *path)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/leadbus-replay-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(journal, sizeof journal, "%s/journal.db", folder);
    (void)snprintf(root_path, sizeof root_path, "%s/root.note", folder);
    maker_open(&maker, journal);
    write_file(root_path, buf_bytes(&maker.root_note));
    for (size_t i = 0; i < MAKER_AUTHORITY_COUNT; i++) {
        struct note_key key;
        struct buf text = {0};
        char name[32];
        (void)snprintf(name, sizeof name, "authority-%zu", i + 1);
        CHECK(note_key_init(&key, name, NOTE_KEY_ED25519, maker.authority_public[i], NULL) == 0);
        note_key_format(&key, &text);
        (void)snprintf(vkeys[i], sizeof vkeys[i], "%.*s", (int)text.len, (const char *)text.data);
        buf_fini(&text);
    }
    fill(&maker);
    maker_close(&maker);
    fold_wal(journal);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

/* ---- what holds -------------------------------------------------------------------------------
 */
static void a_sound_journal_verifies_and_replays(void **state)
{
    (void)state;
    assert_int_equal(replay("verify", "--root", root_path, journal, NULL), 0);
    assert_says("all holds");
    assert_int_equal(replay("replay", "--root", root_path, journal, NULL), 0);
    assert_says("every record was decided again");
    assert_says("(police-hedong): 3 accepted = 2 delivered + 1 waiting");
    assert_says("(justice): 1 accepted = 0 delivered + 0 waiting + 0 expired + 1 undeliverable");
    assert_int_equal(replay("replay", "--root", root_path, "--json", journal, NULL), 0);
    assert_says("\"holds\": true");
    assert_says("\"root_given\": true");
    assert_int_equal(replay("stats", "--root", root_path, journal, NULL), 0);
    assert_says("police-hedong");
    assert_int_equal(replay("stats", "--root", root_path, "--by", "unit,task,kind", "--csv",
                            "--publish", journal, NULL),
                     0);
    assert_int_equal(replay("stats", "--by", "town", journal, NULL), 64);
    assert_int_equal(
        replay("stats", "--from", "2026-02-01", "--until", "2026-02-01", journal, NULL), 64);
    assert_int_equal(replay("verify", "--csv", journal, NULL), 64);
}

static void options_have_their_whole_names(void **state)
{
    (void)state;
    assert_int_equal(replay("verify", "--roo", root_path, journal, NULL), 64);
    assert_says("no such option: --roo");
    assert_int_equal(replay("verify", "--js", journal, NULL), 64);
    assert_int_equal(replay("--lang", "zh", "verify", "--roo", root_path, journal, NULL), 64);
    assert_says("选项无效：--roo");
}

static void what_is_no_journal_is_told_as_that(void **state)
{
    (void)state;
    static const char sql[] = "CREATE TABLE t (a)";
    const char *path = in_folder("other.db");
    sqlite3 *db = NULL;
    assert_int_equal(replay("verify", root_path, NULL), 65);
    assert_says("not a journal");
    assert_int_equal(replay("list", "--json", root_path, NULL), 65);
    assert_says("\"code\": \"bad_form\"");
    /* Another program's database. */
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    assert_int_equal(replay("replay", path, NULL), 65);
    assert_says("not a journal");
    write_file(path, bytes_of_str(""));
    assert_int_equal(replay("stats", path, NULL), 65);
}

static void without_a_root_it_warns(void **state)
{
    (void)state;
    assert_int_equal(replay("verify", journal, NULL), 0);
    assert_says("without --root");
}

static void another_root_does_not_hold(void **state)
{
    struct buf other = {0};
    struct error error = {0};
    const char *path = in_folder("other.note");
    (void)state;
    /* The same text with a third signature is another note. */
    read_file(root_path, &other);
    CHECK(note_append_signature(&other, "authority-3", maker.authority_secret[2], &error) == 0);
    write_file(path, buf_bytes(&other));
    buf_fini(&other);
    assert_int_equal(replay("verify", "--root", path, journal, NULL), 1);
    assert_says("records[0].genesis.root");
}

static void explain_cites_and_tells_who_was_left_out(void **state)
{
    char index[24], id[37];
    (void)state;
    (void)snprintf(index, sizeof index, "%llu", (unsigned long long)marriage.index);
    uuid_text(marriage.id, id);
    assert_int_equal(replay("explain", "--root", root_path, journal, index, NULL), 0);
    assert_says("coop:2.1.3.1=police-hedong");
    assert_says("named by the clauses, but not addressed");
    assert_says("after that");
    assert_int_equal(replay("explain", "--root", root_path, "--json", journal, id, NULL), 0);
    assert_says("\"received\": true");
    assert_says("\"not_addressed\"");
    assert_says("\"custody\"");
    assert_says("\"steps\"");
}

/* Only a journal, a signature or a proof "does not hold": a number that somebody mistyped is none.
 */
static void a_wrong_name_is_no_verdict(void **state)
{
    (void)state;
    assert_int_equal(replay("explain", "--root", root_path, journal, "9999", NULL), 65);
    assert_says("9999: no such message in the journal");
    assert_null(strstr(output, "does not hold"));
    assert_int_equal(replay("explain", "--root", root_path, "--json", journal, "9999", NULL), 65);
    assert_says("\"code\": \"not_found\"");
    assert_null(strstr(output, "\"holds\""));
    /* A journal is no root note: it is too large for one. */
    assert_int_equal(replay("verify", "--root", journal, journal, NULL), 66);
    assert_null(strstr(output, "does not hold"));
}

static void list_names_every_message_and_its_recipients(void **state)
{
    (void)state;
    assert_int_equal(replay("list", "--root", root_path, journal, NULL), 0);
    assert_says("Doubt at a marriage registration\tDistrict Civil Affairs Bureau\t"
                "Hedong Sub-bureau, Tianjin Public Security Bureau; District Women's Federation "
                "(copy)");
    assert_says("Signed for\tHedong Sub-bureau");
    assert_int_equal(replay("list", "--root", root_path, "--json", journal, NULL), 0);
    assert_says("\"unit\": \"womens-federation\"");
}

static void wrong_usage_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(replay("verify", NULL), 64);
    assert_int_equal(replay("frobnicate", journal, NULL), 64);
    assert_int_equal(replay("check", journal, NULL), 64);
    assert_int_equal(replay("prove", journal, "4", NULL), 64);
    assert_int_equal(replay("verify", "--threshold", "x", journal, NULL), 64);
    assert_int_equal(replay("verify", in_folder("nothing.db"), NULL), 66);
    assert_int_equal(replay("verify", "--root", in_folder("no.note"), journal, NULL), 66);
    assert_int_equal(replay("--help", NULL), 0);
}

static void a_write_ahead_log_is_refused(void **state)
{
    const char *path = copy_journal("live.db");
    char wal[PATH_MAX_LEN + 8];
    (void)state;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    write_file(wal, bytes_of_str("x"));
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 75);
    assert_int_equal(replay("explain", "--root", root_path, path, "4", NULL), 75);
}

static void erased_sections_are_counted_and_no_fault(void **state)
{
    const char *path = copy_journal("erased.db");
    struct store *store = NULL;
    (void)state;
    CHECK(store_open(path, &store, NULL) == 0);
    CHECK(store_blob_erase(store, marriage.index, 1, NULL) == 0);
    store_close(store);
    assert_int_equal(replay("replay", "--root", root_path, path, NULL), 0);
    assert_says("(1 erased)");
}

/* ---- one byte ---------------------------------------------------------------------------------
 */
static void flip(sqlite3 *db, const char *table, const char *column, sqlite3_int64 row, int offset)
{
    sqlite3_blob *blob = NULL;
    uint8_t byte;
    CHECK(sqlite3_blob_open(db, "main", table, column, row, 1, &blob) == SQLITE_OK);
    CHECK(sqlite3_blob_read(blob, &byte, 1, offset) == SQLITE_OK);
    byte ^= (uint8_t)(1u << (offset % 8));
    CHECK(sqlite3_blob_write(blob, &byte, 1, offset) == SQLITE_OK);
    CHECK(sqlite3_blob_close(blob) == SQLITE_OK);
}

/* Flips bytes of every row of a column, first and last included; each must be found. */
static void flip_all(const char *table, const char *key, const char *column, int tries)
{
    const char *path = copy_journal("flipped.db");
    char sql[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    sqlite3_int64 ids[512];
    int lens[512];
    size_t count = 0, flips = 0;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
    (void)snprintf(sql, sizeof sql, "SELECT %s, length(%s) FROM %s", key, column, table);
    CHECK(sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW && count < 512) {
        ids[count] = sqlite3_column_int64(rows, 0);
        lens[count++] = sqlite3_column_int(rows, 1);
    }
    CHECK(sqlite3_finalize(rows) == SQLITE_OK);
    assert_true(count > 3);
    for (size_t i = 0; i < count; i++) {
        for (int t = 0; t < tries && t < lens[i]; t++) {
            int offset =
                tries == 1 ? lens[i] / 2 : (int)((long long)(lens[i] - 1) * t / (tries - 1));
            flip(db, table, column, ids[i], offset);
            int status = replay("verify", "--root", root_path, path, NULL);
            if (status != 1)
                fail_msg("%s.%s row %lld offset %d: exit %d: %s", table, column, (long long)ids[i],
                         offset, status, output);
            flip(db, table, column, ids[i], offset);
            flips++;
        }
    }
    assert_true(flips >= count);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 0);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void one_byte_in_any_record_is_found(void **state)
{
    (void)state;
    flip_all("records", "seq", "bytes", 8);
}

static void one_byte_in_any_proof_hash_is_found(void **state)
{
    (void)state;
    flip_all("records", "seq", "hashes", 5);
}

static void one_byte_in_any_section_or_part_is_found(void **state)
{
    (void)state;
    flip_all("blobs", "id", "bytes", 3);
}

static void one_byte_in_any_checkpoint_is_found(void **state)
{
    (void)state;
    flip_all("checkpoints", "size", "note", 16);
}

static void the_first_bad_record_is_named(void **state)
{
    const char *path = copy_journal("named.db");
    sqlite3 *db = NULL;
    (void)state;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    flip(db, "records", "bytes", 9, 40);
    flip(db, "records", "bytes", 6, 40);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[6].hashes[0]");
    assert_says("the 6 records before it hold");
    assert_int_equal(replay("verify", "--root", root_path, "--json", path, NULL), 1);
    assert_says("\"code\": \"journal_corrupt\"");
}

static void change(const char *name, const char *sql)
{
    const char *path = copy_journal(name);
    sqlite3 *db = NULL;
    char *message = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    int status = replay("verify", "--root", root_path, path, NULL);
    if (status != 1) fail_msg("%s: exit %d: %s", sql, status, output);
}

static void rows_added_removed_or_moved_are_found(void **state)
{
    (void)state;
    change("a.db", "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)");
    change("b.db", "DELETE FROM records WHERE seq = 5");
    change("c.db", "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)");
    change("d.db", "UPDATE records SET seq = -1 WHERE seq = 5");
    change("e.db", "INSERT INTO blobs VALUES(4000, x'00')");
    change("f.db", "INSERT INTO records SELECT max(seq) + 1, hashes, bytes FROM records");
    change("g.db", "INSERT INTO checkpoints SELECT max(size) + 7, note FROM checkpoints");
    change("h.db", "UPDATE checkpoints SET size = size + 1 WHERE size = 7");
    change("i.db", "CREATE TABLE more(x)");
    change("j.db", "INSERT INTO meta VALUES('more', 'x')");
    change("k.db", "UPDATE records SET bytes = CAST(bytes || x'00' AS BLOB) WHERE seq = 7");
    change("l.db",
           "UPDATE records SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE seq = 6");
    change("m.db", "UPDATE checkpoints SET note = CAST(note || x'0a' AS BLOB)");
    change("n.db", "DELETE FROM checkpoints");
    change("o.db", "DELETE FROM blobs WHERE id = 64");
}

/* Everything after an older checkpoint taken away: whole to who holds nothing, cut to who kept a
 * head. */
static void a_journal_cut_at_a_signed_head_is_found_by_a_kept_one(void **state)
{
    const char *path = copy_journal("cut.db");
    const char *newest = in_folder("newest.note"), *older = in_folder("older.note");
    struct store *store = NULL;
    struct buf note = {0};
    uint64_t size = 0;
    sqlite3 *db = NULL;
    (void)state;
    CHECK(store_open_read(journal, true, &store, NULL) == 0);
    CHECK(store_checkpoint(store, UINT64_MAX, &note, &size, NULL) == 0);
    write_file(newest, buf_bytes(&note));
    buf_reset(&note);
    CHECK(store_checkpoint(store, 6, &note, &size, NULL) == 0);
    write_file(older, buf_bytes(&note));
    store_close(store);
    buf_fini(&note);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db,
                       "DELETE FROM checkpoints WHERE size > 7; DELETE FROM records WHERE seq >= 7;"
                       "DELETE FROM blobs WHERE id >= 7 * 64",
                       NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 0);
    assert_int_equal(replay("verify", "--root", root_path, "--checkpoint", older, path, NULL), 0);
    assert_int_equal(replay("verify", "--root", root_path, "--checkpoint", newest, path, NULL), 1);
    assert_says("it was cut");
    assert_int_equal(replay("verify", "--root", root_path, "--checkpoint", newest, journal, NULL),
                     0);
    assert_int_equal(
        replay("verify", "--root", root_path, "--checkpoint", root_path, journal, NULL), 1);
}

/* ---- lies told with the log's own key ---------------------------------------------------------
 */
static const Leadbus__Record *decode(struct bytes record, struct arena *arena)
{
    const Leadbus__Record *decoded = NULL;
    CHECK(record_decode(record, arena, &decoded, NULL) == 0);
    return decoded;
}

static void encode_again(const Leadbus__Record *record, struct buf *ret)
{
    struct buf encoded = {0};
    CHECK(record_encode(record, &encoded, NULL) == 0);
    buf_reset(ret);
    buf_append_bytes(ret, buf_bytes(&encoded));
    buf_fini(&encoded);
}

/* A flag that the sender did not sign and the rules do not give. */
static void forge_flags(struct buf *record)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    if (decoded->what_case == LEADBUS__RECORD__WHAT_ACCEPTED) {
        decoded->accepted->flags |= LEADBUS__ACCEPTED_FLAG__ACCEPTED_FLAG_BUNDLE_EXPIRED;
        encode_again(decoded, record);
    }
    arena_fini(&arena);
}

static void forge_signature(struct buf *record)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    if (decoded->what_case == LEADBUS__RECORD__WHAT_ACCEPTED) {
        decoded->accepted->signature.data[0] ^= 1;
        encode_again(decoded, record);
    }
    arena_fini(&arena);
}

/* A record of a day on which the sender's certificate had run out. */
static void forge_time(struct buf *record)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    decoded->time_ms += 301ull * 86400000;
    encode_again(decoded, record);
    arena_fini(&arena);
}

static void forge_digest(struct buf *record)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    if (decoded->what_case == LEADBUS__RECORD__WHAT_STARTED) {
        decoded->started->state_digest.data[5] ^= 1;
        encode_again(decoded, record);
    }
    arena_fini(&arena);
}

/* A lead that nobody waited for in vain is called expired. */
static void replace_by_tick(struct buf *record)
{
    struct arena arena;
    uint64_t expired[] = {4};
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    if (decoded->what_case == LEADBUS__RECORD__WHAT_STARTED) {
        tick.n_expired = 1;
        tick.expired = expired;
        decoded->what_case = LEADBUS__RECORD__WHAT_TICK;
        decoded->tick = &tick;
        encode_again(decoded, record);
    }
    arena_fini(&arena);
}

/* The lead stands in another place of the journal than when its recipient signed for its queue. */
static void replace_lead_by_start(struct buf *record)
{
    struct arena arena;
    uint8_t digest[32] = {0};
    arena_init(&arena, 1 << 20);
    Leadbus__Record *decoded = (Leadbus__Record *)(uintptr_t)decode(buf_bytes(record), &arena);
    Leadbus__Started started = LEADBUS__STARTED__INIT;
    if (decoded->what_case == LEADBUS__RECORD__WHAT_ACCEPTED) {
        started.version = (char *)(uintptr_t) "test";
        started.state_digest = (ProtobufCBinaryData){sizeof digest, digest};
        decoded->what_case = LEADBUS__RECORD__WHAT_STARTED;
        decoded->started = &started;
        encode_again(decoded, record);
    }
    arena_fini(&arena);
}

static const char *replaced_journal(const char *name, void (*replace)(struct buf *record))
{
    const char *path = in_folder(name);
    struct journal_maker made;
    maker_open(&made, path);
    made.replace = replace;
    maker_submit(&made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, NULL);
    maker_ack(&made, "police-hedong", 0, 0);
    maker_restart(&made);
    maker_close(&made);
    fold_wal(path);
    return path;
}

static void what_a_unit_signed_for_shows_a_queue_that_was_changed(void **state)
{
    (void)state;
    const char *path = replaced_journal("tick.db", replace_by_tick);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[6]");
    assert_says("journal_corrupt");
    path = replaced_journal("withheld.db", replace_lead_by_start);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[5]");
    assert_says("acknowledges what is not in the queue");
}

static const char *forged_journal(const char *name, void (*forge)(struct buf *record))
{
    const char *path = in_folder(name);
    struct journal_maker made;
    maker_open(&made, path);
    made.forge = forge;
    maker_submit(&made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, NULL);
    maker_restart(&made);
    maker_close(&made);
    fold_wal(path);
    return path;
}

static void a_log_that_signs_a_lie_is_found_by_signature_or_by_deciding_again(void **state)
{
    (void)state;
    const char *path = forged_journal("flags.db", forge_flags);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 0);
    assert_int_equal(replay("replay", "--root", root_path, path, NULL), 1);
    assert_says("redecide_differs");
    assert_says("records[4]");
    path = forged_journal("signature.db", forge_signature);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[4].signature");
    path = forged_journal("time.db", forge_time);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[4].signature");
    assert_says("cert_expired");
    path = forged_journal("digest.db", forge_digest);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 0);
    assert_int_equal(replay("replay", "--root", root_path, path, NULL), 1);
    assert_says("digest_differs");
}

static void a_sender_who_saw_another_head_shows_a_fork(void **state)
{
    (void)state;
    const char *path = in_folder("fork.db");
    struct journal_maker made;
    maker_open(&made, path);
    maker_submit(&made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, NULL);
    made.names_false_head = true;
    maker_submit(&made, "education", "lead.mandatory-report", "", "120102001", NULL, NULL);
    maker_close(&made);
    fold_wal(path);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("journal_forked");
    assert_says("records[5].header.seen_root");
}

/* A broker that installs what may not follow the bundle in force is found out, with the code and
 * the record. */
static void a_bundle_that_does_not_follow_the_one_before_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t version;
        int64_t later_ms;
        bool other, good;
        const char *why;
    } rows[] = {
        {"next.db", 2, 1000, false, true, NULL},
        {"older.db", 3, -1000, false, false, "goes back"},
        {"other.db", 2, 1000, true, false, "another manifest than that of version 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = in_folder(rows[i].name);
        struct journal_maker made;
        maker_open(&made, path);
        struct maker_stated stated = {
            .version = rows[i].version,
            .issued_ms = (uint64_t)((int64_t)made.now_ms - 100 + rows[i].later_ms)};
        memcpy(stated.previous, made.bundle_hash, 32);
        if (rows[i].other) stated.previous[0] ^= 1;
        maker_next_bundle(&made, &stated);
        maker_close(&made);
        fold_wal(path);
        static const char *const commands[] = {"verify", "replay"};
        for (size_t k = 0; k < 2; k++) {
            int code = replay(commands[k], "--root", root_path, path, NULL);
            if (code != !rows[i].good) print_error("%s %s\n", commands[k], rows[i].name);
            assert_int_equal(code, !rows[i].good);
            if (rows[i].good) continue;
            assert_says("bundle_rollback");
            assert_says("records[4].manifest");
            assert_says(rows[i].why);
        }
    }
}

/* ---- evidence ---------------------------------------------------------------------------------
 */
static const char *prove(const char *name)
{
    char id[37];
    const char *path = in_folder(name);
    uuid_text(marriage.id, id);
    assert_int_equal(replay("prove", "--root", root_path, "-o", path, journal, id, NULL), 0);
    return path;
}

static void evidence_is_checked_with_the_roots_public_keys_alone(void **state)
{
    const char *path = prove("evidence.json");
    (void)state;
    assert_int_equal(replay("check", "--root", root_path, path, NULL), 0);
    assert_says("had it by");
    assert_says("officer-7");
    assert_int_equal(replay("check", "--key", vkeys[0], "--key", vkeys[1], path, NULL), 0);
    assert_int_equal(
        replay("check", "--key", vkeys[0], "--key", vkeys[2], "--threshold", "1", path, NULL), 0);
    assert_int_equal(replay("check", "--key", vkeys[0], "--key", vkeys[2], path, NULL), 1);
    assert_says("threshold_not_met");
    assert_int_equal(replay("check", "--key", vkeys[2], path, NULL), 1);
}

static void evidence_proves_exceptions_too(void **state)
{
    char index[24];
    const char *path = in_folder("exception.json");
    (void)state;
    (void)snprintf(index, sizeof index, "%llu", (unsigned long long)bulletin.index);
    assert_int_equal(replay("prove", "--root", root_path, "-o", path, journal, index, NULL), 0);
    assert_int_equal(replay("check", "--root", root_path, path, NULL), 0);
    assert_says("could not open it (the section does not decrypt)");
    assert_says("no proof of delivery");
}

/* ---- put back from a backup -------------------------------------------------------------------
 */
#define LATER "hedong.leadbus/0badd00d"

/* The head that the act states is signed, and of another tree. */
static void forge_backup(struct buf *record)
{
    struct arena arena;
    struct checkpoint head;
    struct note note = {0};
    struct buf forged = {0};
    arena_init(&arena, 1 << 20);
    const Leadbus__Record *decoded = decode(buf_bytes(record), &arena);
    if (decoded->what_case == LEADBUS__RECORD__WHAT_RESTORED) {
        ProtobufCBinaryData *stated = &decoded->restored->previous_checkpoint;
        CHECK(note_parse(bytes_of(stated->data, stated->len), &note, NULL) == 0);
        CHECK(checkpoint_parse(note.text, &head, NULL) == 0);
        head.root[0] ^= 1;
        CHECK(checkpoint_sign(&head, maker.log_secret, &forged, NULL) == 0);
        *stated = (ProtobufCBinaryData){forged.len, forged.data};
        encode_again(decoded, record);
    }
    buf_fini(&forged);
    arena_fini(&arena);
}

/* One unit had the lead before the backup was made, another one after it was put back. */
static const char *restored_journal(const char *name, void (*replace)(struct buf *record),
                                    struct maker_message *ret_lead, struct buf *ret_lost)
{
    static struct journal_maker made;
    const char *path = in_folder(name);
    struct checkpoint lost = {.size = 40};
    maker_open(&made, path);
    made.replace = replace;
    memcpy(maker.log_secret, made.log_secret, sizeof maker.log_secret);
    maker_submit(&made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, ret_lead);
    maker_ack(&made, "womens-federation", 0, 0);
    (void)snprintf(lost.origin, sizeof lost.origin, "%s", made.origin);
    CHECK(checkpoint_sign(&lost, made.log_secret, ret_lost, NULL) == 0);
    (void)maker_restored(&made, LATER);
    maker_restart(&made);
    maker_submit(&made, "civil-affairs", "anomaly.marriage", "", "120102007", NULL, NULL);
    maker_ack(&made, "police-hedong", 0, 0);
    maker_submit(&made, "police-hedong", "receipt.signed", "", "", ret_lead, NULL);
    maker_restart(&made);
    maker_close(&made);
    fold_wal(path);
    return path;
}

static void a_journal_put_back_from_a_backup_holds_and_says_so(void **state)
{
    struct maker_message lead;
    struct buf lost = {0}, within = {0};
    struct store *store = NULL;
    uint64_t size = 0;
    char id[37];
    (void)state;
    const char *path = restored_journal("restored.db", NULL, &lead, &lost);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 0);
    assert_says("put back from a backup");
    assert_int_equal(replay("replay", "--json", "--root", root_path, path, NULL), 0);
    assert_says("\"previous_origin\"");
    /* What was signed under the name of before is told apart: within the backup, and beyond it. */
    CHECK(store_open_read(path, true, &store, NULL) == 0);
    CHECK(store_checkpoint(store, 6, &within, &size, NULL) == 0);
    store_close(store);
    const char *kept = in_folder("within.note"), *beyond = in_folder("beyond.note");
    write_file(kept, buf_bytes(&within));
    write_file(beyond, buf_bytes(&lost));
    assert_int_equal(replay("verify", "--root", root_path, "--checkpoint", kept, path, NULL), 0);
    assert_int_equal(replay("verify", "--root", root_path, "--checkpoint", beyond, path, NULL), 1);
    assert_says("journal_restored");
    assert_says("has the first 6 of them");
    buf_fini(&lost);
    buf_fini(&within);
    /* Receipts of both times prove the same lead. */
    uuid_text(lead.id, id);
    const char *evidence = in_folder("restored.json");
    assert_int_equal(replay("prove", "--root", root_path, "-o", evidence, path, id, NULL), 0);
    assert_int_equal(replay("check", "--root", root_path, evidence, NULL), 0);
    const char *first = strstr(output, "had it by");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "had it by"));
}

static void a_backup_that_states_another_head_is_found(void **state)
{
    struct maker_message lead;
    struct buf lost = {0};
    (void)state;
    const char *path = restored_journal("false-backup.db", forge_backup, &lead, &lost);
    assert_int_equal(replay("verify", "--root", root_path, path, NULL), 1);
    assert_says("records[6].restored.previous_checkpoint");
    buf_fini(&lost);
}

static void one_byte_of_evidence_is_found(void **state)
{
    struct buf content = {0};
    const char *path = prove("flip.json");
    (void)state;
    read_file(path, &content);
    CHECK(content.data != NULL && content.len > 1000);
    for (size_t i = 0; i < 400; i++) {
        size_t at = (content.len - 2) * i / 399;
        content.data[at] ^= 1;
        write_file(path, buf_bytes(&content));
        int status = replay("check", "--root", root_path, path, NULL);
        if (status != 1)
            fail_msg("byte %zu of %zu (%c): exit %d: %s", at, content.len,
                     (char)(content.data[at] ^ 1), status, output);
        content.data[at] ^= 1;
    }
    buf_fini(&content);
}

static void hostile_evidence_gets_a_code(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"format\": 1}",
        "{\"format\": \"leadbus-evidence/1\"}",
        "{\"format\": \"leadbus-evidence/1\", \"format\": \"leadbus-evidence/1\"}",
        "{\"format\": \"leadbus-evidence/1\", \"origin\": \"x\", \"roots\": [], \"bundles\": [], "
        "\"lead\": {}, \"receipts\": [], \"acts\": []}",
        "{\"format\": \"leadbus-evidence/1\", \"origin\": \"x\", \"roots\": [7], \"bundles\": [7], "
        "\"lead\": {}, \"receipts\": [7], \"acts\": [7]}"};
    const char *path = in_folder("hostile.json");
    struct buf deep = {0};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file(path, bytes_of_str(texts[i]));
        assert_int_equal(replay("check", "--root", root_path, path, NULL), 1);
        assert_says("does not hold");
    }
    for (size_t i = 0; i < 100000; i++) buf_append_str(&deep, "[");
    write_file(path, buf_bytes(&deep));
    assert_int_equal(replay("check", "--root", root_path, path, NULL), 1);
    assert_says("bad_json");
    buf_fini(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_journal_verifies_and_replays),
        cmocka_unit_test(options_have_their_whole_names),
        cmocka_unit_test(what_is_no_journal_is_told_as_that),
        cmocka_unit_test(without_a_root_it_warns),
        cmocka_unit_test(another_root_does_not_hold),
        cmocka_unit_test(a_wrong_name_is_no_verdict),
        cmocka_unit_test(explain_cites_and_tells_who_was_left_out),
        cmocka_unit_test(list_names_every_message_and_its_recipients),
        cmocka_unit_test(wrong_usage_is_told_apart),
        cmocka_unit_test(a_write_ahead_log_is_refused),
        cmocka_unit_test(erased_sections_are_counted_and_no_fault),
        cmocka_unit_test(one_byte_in_any_record_is_found),
        cmocka_unit_test(one_byte_in_any_proof_hash_is_found),
        cmocka_unit_test(one_byte_in_any_section_or_part_is_found),
        cmocka_unit_test(one_byte_in_any_checkpoint_is_found),
        cmocka_unit_test(the_first_bad_record_is_named),
        cmocka_unit_test(rows_added_removed_or_moved_are_found),
        cmocka_unit_test(a_journal_cut_at_a_signed_head_is_found_by_a_kept_one),
        cmocka_unit_test(a_log_that_signs_a_lie_is_found_by_signature_or_by_deciding_again),
        cmocka_unit_test(what_a_unit_signed_for_shows_a_queue_that_was_changed),
        cmocka_unit_test(a_sender_who_saw_another_head_shows_a_fork),
        cmocka_unit_test(a_bundle_that_does_not_follow_the_one_before_is_found),
        cmocka_unit_test(evidence_is_checked_with_the_roots_public_keys_alone),
        cmocka_unit_test(evidence_proves_exceptions_too),
        cmocka_unit_test(a_journal_put_back_from_a_backup_holds_and_says_so),
        cmocka_unit_test(a_backup_that_states_another_head_is_found),
        cmocka_unit_test(one_byte_of_evidence_is_found),
        cmocka_unit_test(hostile_evidence_gets_a_code),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
