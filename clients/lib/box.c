#include "clients/lib/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/box_inner.h"
#include "proto/base/check.h"

static const char *const box_sql[BOX_STATEMENT_COUNT] = {
#define X(name, sql) [BOX_##name] = (sql),
    BOX_STATEMENTS(X)
#undef X
};

/* The bodies stand apart from the rows that are updated and listed, so that neither moves them. */
static const char box_schema_1[] =
    "CREATE TABLE value(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox(number INTEGER PRIMARY KEY, id BLOB NOT NULL, thread BLOB NOT NULL,"
    " parent BLOB NOT NULL, hash BLOB NOT NULL, kind TEXT NOT NULL, topic TEXT NOT NULL,"
    " state INTEGER NOT NULL, lane INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, retry_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " code INTEGER NOT NULL, field TEXT NOT NULL, detail TEXT NOT NULL, idx INTEGER NOT NULL,"
    " record_ms INTEGER NOT NULL, checkpoint_size INTEGER NOT NULL, rules INTEGER NOT NULL,"
    " accepted_flags INTEGER NOT NULL, provisional INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX outbox_id ON outbox(id);"
    "CREATE INDEX outbox_thread ON outbox(thread) WHERE thread<>id;"
    "CREATE INDEX outbox_pending ON outbox(number) WHERE state<3;"
    "CREATE TABLE outbody(number INTEGER PRIMARY KEY, envelope BLOB NOT NULL,"
    " sealed BLOB NOT NULL);"
    "CREATE TABLE receipt(number INTEGER PRIMARY KEY, inclusion BLOB NOT NULL);"
    "CREATE TABLE once(key TEXT PRIMARY KEY, digest BLOB NOT NULL, id BLOB NOT NULL,"
    " time_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE inbox(number INTEGER PRIMARY KEY, type INTEGER NOT NULL,"
    " notice INTEGER NOT NULL, code INTEGER NOT NULL, id BLOB NOT NULL, thread BLOB NOT NULL,"
    " parent BLOB NOT NULL, hash BLOB NOT NULL, kind TEXT NOT NULL, topic TEXT NOT NULL,"
    " sender TEXT NOT NULL, lane INTEGER NOT NULL, position INTEGER NOT NULL,"
    " idx INTEGER NOT NULL, record_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " missing INTEGER NOT NULL, count INTEGER NOT NULL, proved INTEGER NOT NULL,"
    " must_sign INTEGER NOT NULL, running BLOB NOT NULL);"
    "CREATE INDEX inbox_id ON inbox(id);"
    "CREATE INDEX inbox_thread ON inbox(thread) WHERE thread<>id AND type<>2;"
    "CREATE INDEX inbox_exception ON inbox(lane,position) WHERE type=4;"
    "CREATE TABLE inbody(number INTEGER PRIMARY KEY, record BLOB NOT NULL, sealed BLOB NOT NULL,"
    " envelope BLOB NOT NULL);"
    "CREATE TABLE thread(thread BLOB PRIMARY KEY, key BLOB NOT NULL, state BLOB NOT NULL,"
    " changed_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX thread_changed ON thread(changed_ms);"
    "CREATE TABLE peer(unit TEXT PRIMARY KEY, out_seq INTEGER NOT NULL, out_hash BLOB NOT NULL,"
    " in_seq INTEGER NOT NULL, in_hash BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE epoch(unit TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(unit,epoch)) WITHOUT ROWID;"
    "CREATE TABLE bundle(version INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note BLOB NOT NULL);";
/* Epoch keys count per certificate; they are fetched anew. */
static const char box_schema_2[] =
    "DROP TABLE epoch;"
    "CREATE TABLE epoch(unit TEXT NOT NULL, serial INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " until_ms INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(unit,serial,epoch)) WITHOUT ROWID;"
    "DELETE FROM value WHERE name='keys_index';";
/* Peers count per lane. What a store had before says nothing about that: it counts as one that has
 * not all of its lanes. */
static const char box_schema_3[] =
    "DROP TABLE peer;"
    "CREATE TABLE peer(unit TEXT NOT NULL, lane INTEGER NOT NULL, out_count INTEGER NOT NULL,"
    " out_index INTEGER NOT NULL, out_hash BLOB NOT NULL, in_serial INTEGER NOT NULL,"
    " in_count INTEGER NOT NULL, in_hash BLOB NOT NULL, in_known INTEGER NOT NULL,"
    " PRIMARY KEY(unit,lane)) WITHOUT ROWID;"
    "INSERT INTO value(name,value) SELECT 'apart0',x'01' WHERE EXISTS(SELECT 1 FROM inbox);"
    "INSERT INTO value(name,value) SELECT 'apart1',x'01' WHERE EXISTS(SELECT 1 FROM inbox);";
static const char box_schema_4[] =
    "CREATE TABLE attachment(number INTEGER PRIMARY KEY, id BLOB NOT NULL, message BLOB NOT NULL,"
    " ordinal INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,"
    " code INTEGER NOT NULL, lane INTEGER NOT NULL, idx INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, sealed BLOB NOT NULL);"
    "CREATE UNIQUE INDEX attachment_id ON attachment(id);"
    "CREATE INDEX attachment_message ON attachment(message);"
    "CREATE INDEX attachment_root ON attachment(root);"
    "CREATE INDEX attachment_state ON attachment(state) WHERE state IN (1,2,4);";
/* Rewraps owed to others, and those of ours that came ahead of what they open. */
static const char box_schema_5[] =
    "CREATE TABLE rewrap(unit TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(unit,number))"
    " WITHOUT ROWID;"
    "CREATE TABLE early(number INTEGER PRIMARY KEY, hash BLOB NOT NULL, made_ms INTEGER NOT NULL,"
    " record BLOB NOT NULL);"
    "CREATE INDEX early_hash ON early(hash);"
    "CREATE INDEX inbox_unopened ON inbox(hash) WHERE type=4;"
    "CREATE INDEX outbox_index ON outbox(idx) WHERE state=3;";
/* Numbers that messages have in common, blind. An entry goes with its message's content, however
 * that is erased. Messages that an older store has are not in it. */
static const char box_schema_6[] =
    "CREATE TABLE same(blind BLOB NOT NULL, thread BLOB NOT NULL, message BLOB NOT NULL,"
    " what TEXT NOT NULL, PRIMARY KEY(blind,thread,message)) WITHOUT ROWID;"
    "CREATE INDEX same_message ON same(message);"
    "CREATE TRIGGER same_in AFTER DELETE ON inbox WHEN old.type<>2 BEGIN"
    " DELETE FROM same WHERE message=old.id; END;"
    "CREATE TRIGGER same_out AFTER DELETE ON outbox BEGIN"
    " DELETE FROM same WHERE message=old.id; END;"
    "CREATE TRIGGER same_in_body AFTER DELETE ON inbody BEGIN"
    " DELETE FROM same WHERE message=(SELECT id FROM inbox WHERE number=old.number AND type<>2);"
    " END;"
    "CREATE TRIGGER same_out_body AFTER DELETE ON outbody BEGIN"
    " DELETE FROM same WHERE message=(SELECT id FROM outbox WHERE number=old.number); END;"
    "CREATE TRIGGER same_in_empty AFTER UPDATE OF sealed ON inbody WHEN length(new.sealed)=0 BEGIN"
    " DELETE FROM same WHERE message=(SELECT id FROM inbox WHERE number=new.number AND type<>2);"
    " END;"
    "CREATE TRIGGER same_out_empty AFTER UPDATE OF sealed ON outbody WHEN length(new.sealed)=0"
    " BEGIN DELETE FROM same WHERE message=(SELECT id FROM outbox WHERE number=new.number); END;";
/* What is wrong with a message, for who reads Chinese. */
static const char box_schema_7[] =
    "ALTER TABLE outbox ADD COLUMN detail_zh TEXT NOT NULL DEFAULT '';";
/* What is kept of attachments counts by root, and whose it is. What was still to be fetched begins
 * anew, in the order in which there is room. */
static const char box_schema_8[] =
    "ALTER TABLE attachment ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attachment ADD COLUMN sender TEXT NOT NULL DEFAULT '';"
    "UPDATE attachment SET kept=1 WHERE state IN (1,2,3,5);"
    "UPDATE attachment SET sender=coalesce((SELECT sender FROM inbox WHERE"
    " inbox.id=attachment.message AND type<>2),'') WHERE state>=4;"
    "DROP INDEX attachment_root;"
    "CREATE INDEX attachment_kept ON attachment(root,size,sender) WHERE kept=1;";
/* What a journal that was put back from a backup no longer has: receipts, and what is sent again.
 */
static const char box_schema_9[] =
    "ALTER TABLE outbox ADD COLUMN again INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE former(made INTEGER PRIMARY KEY, number INTEGER NOT NULL, origin TEXT NOT NULL,"
    " idx INTEGER NOT NULL, record_ms INTEGER NOT NULL, rules INTEGER NOT NULL,"
    " accepted_flags INTEGER NOT NULL, envelope BLOB NOT NULL, inclusion BLOB NOT NULL,"
    " note BLOB NOT NULL);"
    "CREATE UNIQUE INDEX former_number ON former(number,origin);"
    "CREATE INDEX inbox_notice ON inbox(idx) WHERE type=2;";
/* What this unit owes, what is due first on top: filled from the threads by who knows the plan
 * (engine_rest.c). And the notices that are about a thread. */
static const char box_schema_10[] =
    "CREATE TABLE leg(thread BLOB NOT NULL, message BLOB NOT NULL, due_ms INTEGER NOT NULL,"
    " PRIMARY KEY(thread,message)) WITHOUT ROWID;"
    "CREATE INDEX leg_due ON leg(due_ms,thread,message);"
    "CREATE TABLE about(thread BLOB NOT NULL, number INTEGER NOT NULL,"
    " PRIMARY KEY(thread,number)) WITHOUT ROWID;"
    "INSERT INTO about(thread,number) SELECT thread,number FROM inbox WHERE type=2 AND notice>=5"
    " AND thread<>zeroblob(16);";
/* Who inside the unit was told of what waits to be signed for. */
static const char box_schema_11[] =
    "CREATE TABLE ladder(thread BLOB NOT NULL, message BLOB NOT NULL, next INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, told_0 INTEGER NOT NULL, told_1 INTEGER NOT NULL,"
    " told_2 INTEGER NOT NULL, result_0 INTEGER NOT NULL, result_1 INTEGER NOT NULL,"
    " result_2 INTEGER NOT NULL, PRIMARY KEY(thread,message)) WITHOUT ROWID;"
    "CREATE INDEX ladder_next ON ladder(next_ms,thread,message);";
/* What the unit's own programs keep, sealed: files of victims. */
static const char box_schema_12[] =
    "CREATE TABLE local(id BLOB PRIMARY KEY, due_ms INTEGER NOT NULL, body BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX local_due ON local(due_ms,id);";
/* What is told again until it is signed for. */
static const char box_schema_13[] =
    "ALTER TABLE ladder ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE ladder ADD COLUMN shown_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE ladder ADD COLUMN again_ms INTEGER NOT NULL DEFAULT 9223372036854775807;"
    "CREATE INDEX ladder_again ON ladder(again_ms,thread,message);";
/* Step i brings a store of version i to i + 1. */
static const char *const box_steps[] = {box_schema_1, box_schema_2,  box_schema_3,  box_schema_4,
                                        box_schema_5, box_schema_6,  box_schema_7,  box_schema_8,
                                        box_schema_9, box_schema_10, box_schema_11, box_schema_12,
                                        box_schema_13};

/* Most rows are small, and a commit writes whole pages. */
enum { BOX_APPLICATION_ID = 0x4c425831 /* "LBX1" */, BOX_PAGE_BYTES = 1024 };

int box_failed(struct box *box, struct error *ret_error)
{
    int result = sqlite3_extended_errcode(box->db);
    box->dead = true;
    return sqlite_result(box->db, result == SQLITE_OK ? SQLITE_INTERNAL : result, "store",
                         ret_error);
}

int box_prepare(struct box *box, enum box_statement which, bool writes, sqlite3_stmt **ret,
                struct error *ret_error)
{
    if (box->dead)
        return error_say(ret_error, E_IO, "store", "此前写入失败，请重启",
                         "an earlier write failed: open it again");
    if (writes && !box->dirty && which != BOX_BEGIN) {
        sqlite3_stmt *begin = NULL;
        int r = box_prepare(box, BOX_BEGIN, false, &begin, ret_error);
        if (r == 0) r = box_run(box, begin, ret_error);
        if (r < 0) return r;
        box->dirty = true;
    }
    if (writes && !box->lazy) box->pressing = true;
    if (!box->statements[which] &&
        sqlite3_prepare_v3(box->db, box_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                           &box->statements[which], NULL) != SQLITE_OK)
        return box_failed(box, ret_error);
    sqlite3_stmt *statement = box->statements[which];
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    *ret = statement;
    return 0;
}

int box_step(struct box *box, sqlite3_stmt *statement, struct error *ret_error)
{
    int r = sqlite3_step(statement);
    if (r == SQLITE_ROW) return 1;
    if (r == SQLITE_DONE) {
        (void)sqlite3_reset(statement);
        return 0;
    }
    r = box_failed(box, ret_error);
    (void)sqlite3_reset(statement);
    return r;
}

int box_run(struct box *box, sqlite3_stmt *statement, struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

void box_fixed(sqlite3_stmt *statement, int at, uint8_t *ret, size_t len)
{
    struct bytes bytes = sqlite_column_bytes(statement, at);
    memset(ret, 0, len);
    if (bytes.len == len) memcpy(ret, bytes.data, len);
}

void box_text(sqlite3_stmt *statement, int at, char *ret, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    (void)snprintf(ret, cap, "%s", text ? (const char *)text : "");
}

/* ---- opening ------------------------------------------------------------------------------------
 */

static int box_last(struct box *box, enum box_statement which, uint64_t *ret_last,
                    struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, false, &statement, ret_error);
    if (r == 0) r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret_last = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_open(const char *path, struct box **ret_box, struct error *ret_error)
{
    struct box *box = calloc(1, sizeof *box);
    if (!box) return error_set(ret_error, E_NO_MEMORY, "store", "no memory");
    /* The lock is taken at the first read, and the schema's version is read at once. */
    const struct sqlite_options options = {.application_id = BOX_APPLICATION_ID,
                                           .steps = box_steps,
                                           .step_count = sizeof box_steps / sizeof *box_steps,
                                           .exclusive = true,
                                           .secure_delete = true,
                                           .memory = strcmp(path, ":memory:") == 0,
                                           .page_bytes = BOX_PAGE_BYTES};
    int r = sqlite_open(path, &options, &box->db, ret_error);
    if (r == 0)
        r = sqlite_exec(box->db, "PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=16384",
                        ret_error);
    if (r == 0) r = box_last(box, BOX_IN_LAST, &box->in_last, ret_error);
    if (r == 0) r = box_last(box, BOX_OUT_LAST, &box->out_last, ret_error);
    if (r < 0) {
        box_close(box);
        return r;
    }
    *ret_box = box;
    return 0;
}

void box_close(struct box *box)
{
    if (!box) return;
    sqlite_close(box->db);
    free(box);
}

bool box_dirty(const struct box *box)
{
    return box->dirty;
}

bool box_pressing(const struct box *box)
{
    return box->dirty && box->pressing;
}

void box_lazy(struct box *box, bool lazy)
{
    box->lazy = lazy;
}

int box_commit(struct box *box, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    if (box->dead)
        return error_say(ret_error, E_IO, "store", "此前写入失败，请重启",
                         "an earlier write failed: open it again");
    if (!box->dirty) return 0;
    int r = box_prepare(box, BOX_COMMIT, false, &statement, ret_error);
    if (r == 0) r = box_run(box, statement, ret_error);
    if (r == 0) box->dirty = box->pressing = false;
    /* What was erased still stands in the log's older pages. Where it cannot be emptied now, the
     * next commit does it. */
    if (r == 0 && box->erased)
        box->erased = sqlite3_wal_checkpoint_v2(box->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                                NULL) != SQLITE_OK;
    return r;
}

/* ---- small tables
 * -------------------------------------------------------------------------------- */

/* One blob by one bound statement; E_NOT_FOUND. */
static int box_one_blob(struct box *box, sqlite3_stmt *statement, struct buf *ret,
                        struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, NULL, "本地没有此项", "not in the store");
    if (r < 0) return r;
    buf_append_bytes(ret, sqlite_column_bytes(statement, 0));
    (void)sqlite3_reset(statement);
    return 0;
}

int box_value_get(struct box *box, const char *name, struct buf *ret_value, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_VALUE_GET, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, name);
    return box_one_blob(box, statement, ret_value, ret_error);
}

int box_value_put(struct box *box, const char *name, struct bytes value, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_VALUE_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, name);
    sqlite_bind_bytes(statement, 2, value);
    return box_run(box, statement, ret_error);
}

int box_once_find(struct box *box, const char *key, uint8_t ret_digest[32], uint8_t ret_id[16],
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ONCE_FIND, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, key);
    r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, NULL, "是新密钥", "a new key");
    if (r < 0) return r;
    box_fixed(statement, 0, ret_digest, 32);
    box_fixed(statement, 1, ret_id, 16);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_once_put(struct box *box, const char *key, const uint8_t digest[32], const uint8_t id[16],
                 uint64_t now_ms, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ONCE_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, key);
    sqlite_bind_bytes(statement, 2, bytes_of(digest, 32));
    sqlite_bind_bytes(statement, 3, bytes_of(id, 16));
    box_bind_u64(statement, 4, now_ms);
    return box_run(box, statement, ret_error);
}

int box_once_expire(struct box *box, uint64_t before_ms, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ONCE_EXPIRE, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, before_ms);
    return box_run(box, statement, ret_error);
}

int box_peer_put(struct box *box, const struct box_peer *peer, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_PEER_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, peer->unit);
    box_bind_u64(statement, 2, peer->lane);
    box_bind_u64(statement, 3, peer->out_count);
    box_bind_u64(statement, 4, peer->out_index);
    sqlite_bind_bytes(statement, 5, bytes_of(peer->out_hash, 32));
    box_bind_u64(statement, 6, peer->in_serial);
    box_bind_u64(statement, 7, peer->in_count);
    sqlite_bind_bytes(statement, 8, bytes_of(peer->in_hash, 32));
    box_bind_u64(statement, 9, peer->in_known);
    return box_run(box, statement, ret_error);
}

int box_peer_each(struct box *box, int (*each)(void *ctx, const struct box_peer *peer), void *ctx,
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_PEER_EACH, false, &statement, ret_error);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_peer peer = {0};
        box_text(statement, 0, peer.unit, sizeof peer.unit);
        peer.lane = (unsigned)box_u64(statement, 1);
        peer.out_count = box_u64(statement, 2);
        peer.out_index = box_u64(statement, 3);
        box_fixed(statement, 4, peer.out_hash, 32);
        peer.in_serial = box_u64(statement, 5);
        peer.in_count = box_u64(statement, 6);
        box_fixed(statement, 7, peer.in_hash, 32);
        peer.in_known = box_u64(statement, 8) != 0;
        r = each(ctx, &peer);
    }
    (void)sqlite3_reset(statement);
    return r;
}

int box_key_put(struct box *box, const struct box_key *key, struct bytes epoch_key,
                struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_KEY_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, key->unit);
    box_bind_u64(statement, 2, key->serial);
    box_bind_u64(statement, 3, key->epoch);
    box_bind_u64(statement, 4, key->until_ms);
    sqlite_bind_bytes(statement, 5, epoch_key);
    return box_run(box, statement, ret_error);
}

int box_key_expire(struct box *box, uint64_t before_ms, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_KEY_EXPIRE, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, before_ms);
    return box_run(box, statement, ret_error);
}

int box_key_each(struct box *box, int (*each)(void *ctx, struct bytes epoch_key), void *ctx,
                 struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_KEY_EACH, false, &statement, ret_error);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1)
        r = each(ctx, sqlite_column_bytes(statement, 0));
    (void)sqlite3_reset(statement);
    return r;
}

static int box_numbered_put(struct box *box, enum box_statement which, uint64_t number,
                            struct bytes body, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    sqlite_bind_bytes(statement, 2, body);
    return box_run(box, statement, ret_error);
}

static int box_numbered_get(struct box *box, enum box_statement which, uint64_t number,
                            struct buf *ret, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, false, &statement, ret_error);
    if (r < 0) return r;
    if (which != BOX_BUNDLE_NEWEST) box_bind_u64(statement, 1, number);
    return box_one_blob(box, statement, ret, ret_error);
}

int box_bundle_put(struct box *box, uint64_t version, struct bytes bundle, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_numbered_put(box, BOX_BUNDLE_PUT, version, bundle, ret_error);
    if (r == 0) r = box_prepare(box, BOX_BUNDLE_TRIM, true, &statement, ret_error);
    if (r == 0) r = box_run(box, statement, ret_error);
    return r;
}

int box_bundle_get(struct box *box, uint64_t version, struct buf *ret_bundle,
                   struct error *ret_error)
{
    return box_numbered_get(box, version ? BOX_BUNDLE_GET : BOX_BUNDLE_NEWEST, version, ret_bundle,
                            ret_error);
}

int box_checkpoint_put(struct box *box, uint64_t size, struct bytes note, struct error *ret_error)
{
    return box_numbered_put(box, BOX_CHECKPOINT_PUT, size, note, ret_error);
}

int box_checkpoint_get(struct box *box, uint64_t size, struct buf *ret_note,
                       struct error *ret_error)
{
    return box_numbered_get(box, BOX_CHECKPOINT_GET, size, ret_note, ret_error);
}

int box_out_receipt_put(struct box *box, uint64_t number, struct bytes inclusion,
                        struct error *ret_error)
{
    return box_numbered_put(box, BOX_RECEIPT_PUT, number, inclusion, ret_error);
}

int box_out_receipt_get(struct box *box, uint64_t number, struct buf *ret_inclusion,
                        struct error *ret_error)
{
    return box_numbered_get(box, BOX_RECEIPT_GET, number, ret_inclusion, ret_error);
}

int box_thread_get(struct box *box, const uint8_t thread[16], struct buf *ret_key,
                   struct buf *ret_state, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_THREAD_GET, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "thread", "本单位没有这条线索", "not known here");
    if (r < 0) return r;
    if (ret_key) buf_append_bytes(ret_key, sqlite_column_bytes(statement, 0));
    if (ret_state) buf_append_bytes(ret_state, sqlite_column_bytes(statement, 1));
    (void)sqlite3_reset(statement);
    return 0;
}

int box_thread_put(struct box *box, const uint8_t thread[16], struct bytes key, struct bytes state,
                   uint64_t changed_ms, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_THREAD_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    sqlite_bind_bytes(statement, 2, key);
    sqlite_bind_bytes(statement, 3, state);
    box_bind_u64(statement, 4, changed_ms);
    return box_run(box, statement, ret_error);
}

int box_thread_each(struct box *box, size_t limit,
                    int (*each)(void *ctx, const uint8_t thread[16], uint64_t changed_ms,
                                struct bytes state),
                    void *ctx, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_THREAD_EACH, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, limit);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        uint8_t thread[16];
        box_fixed(statement, 0, thread, sizeof thread);
        r = each(ctx, thread, box_u64(statement, 1), sqlite_column_bytes(statement, 2));
    }
    (void)sqlite3_reset(statement);
    return r;
}
