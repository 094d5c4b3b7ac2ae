/* box_inner: what the files of box share. Not for anyone else. */
#ifndef CLIENTS_LIB_BOX_INNER_H
#define CLIENTS_LIB_BOX_INNER_H

#include <sqlite3.h>

#include "clients/lib/box.h"
#include "proto/host/sqlite.h"

/* X(name, sql): every statement, prepared when first used. */
#define OUT_COLUMNS                                                                                \
    "number,id,thread,parent,hash,kind,topic,state,lane,seq,created_ms,retry_ms,attempts,code,"    \
    "field,detail,idx,record_ms,checkpoint_size,rules,accepted_flags,provisional,"                 \
    "detail_zh,again"
#define IN_COLUMNS                                                                                 \
    "number,type,notice,code,id,thread,parent,hash,kind,topic,sender,lane,position,idx,"           \
    "record_ms,received_ms,missing,count,proved,must_sign,running"
#define PEER_COLUMNS "unit,lane,out_count,out_index,out_hash,in_serial,in_count,in_hash,in_known"
#define ATTACHMENT_COLUMNS                                                                         \
    "number,id,message,ordinal,root,size,state,code,lane,idx,created_ms,kept,sender"
#define LADDER_COLUMNS                                                                             \
    "thread,message,next,next_ms,told_0,told_1,told_2,result_0,result_1,result_2,"                 \
    "shown,shown_ms,again_ms"
#define BOX_STATEMENTS(X)                                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(VALUE_GET, "SELECT value FROM value WHERE name=?1")                                          \
    X(VALUE_PUT, "INSERT OR REPLACE INTO value(name,value) VALUES(?1,?2)")                         \
    X(OUT_ADD, "INSERT INTO outbox(" OUT_COLUMNS                                                   \
               ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,"  \
               "?21,?22,?23,?24)")                                                                 \
    X(OUT_UPDATE,                                                                                  \
      "UPDATE outbox SET hash=?5,kind=?6,topic=?7,state=?8,lane=?9,seq=?10,created_ms=?11,"        \
      "retry_ms=?12,attempts=?13,code=?14,field=?15,detail=?16,idx=?17,record_ms=?18,"             \
      "checkpoint_size=?19,rules=?20,accepted_flags=?21,provisional=?22,detail_zh=?23,again=?24 "  \
      "WHERE number=?1")                                                                           \
    X(OUT_BODY_PUT, "INSERT OR REPLACE INTO outbody(number,envelope,sealed) VALUES(?1,?2,?3)")     \
    X(OUT_BODY_GET, "SELECT envelope,sealed FROM outbody WHERE number=?1")                         \
    X(RECEIPT_PUT, "INSERT OR REPLACE INTO receipt(number,inclusion) VALUES(?1,?2)")               \
    X(RECEIPT_GET, "SELECT inclusion FROM receipt WHERE number=?1")                                \
    X(OUT_FIND, "SELECT " OUT_COLUMNS " FROM outbox WHERE id=?1")                                  \
    X(OUT_GET, "SELECT " OUT_COLUMNS " FROM outbox WHERE number=?1")                               \
    X(OUT_AT, "SELECT " OUT_COLUMNS " FROM outbox WHERE idx=?1 AND state=3")                       \
    X(OUT_PENDING, "SELECT " OUT_COLUMNS " FROM outbox WHERE state<3 ORDER BY number")             \
    X(OUT_EACH, "SELECT " OUT_COLUMNS " FROM outbox WHERE (1<<state)&?1 ORDER BY number DESC "     \
                "LIMIT ?2")                                                                        \
    X(OUT_THREAD, "SELECT " OUT_COLUMNS " FROM outbox WHERE id=?1 UNION ALL SELECT " OUT_COLUMNS   \
                  " FROM outbox WHERE thread=?1 AND thread<>id ORDER BY number")                   \
    X(OUT_COUNT, "SELECT count(*) FROM outbox WHERE state=?1")                                     \
    X(OUT_LAST, "SELECT coalesce(max(number),0) FROM outbox")                                      \
    X(ONCE_FIND, "SELECT digest,id FROM once WHERE key=?1")                                        \
    X(ONCE_PUT, "INSERT INTO once(key,digest,id,time_ms) VALUES(?1,?2,?3,?4)")                     \
    X(ONCE_EXPIRE, "DELETE FROM once WHERE time_ms<?1")                                            \
    X(IN_ADD, "INSERT INTO inbox(" IN_COLUMNS                                                      \
              ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,"   \
              "?21)")                                                                              \
    X(IN_UPDATE,                                                                                   \
      "UPDATE inbox SET type=?2,hash=?8,must_sign=?20,notice=?3,code=?4,lane=?12,position=?13,"    \
      "idx=?14,"                                                                                   \
      "record_ms=?15,proved=?19,running=?21 WHERE number=?1")                                      \
    X(IN_BODY_PUT, "INSERT INTO inbody(number,record,sealed,envelope) VALUES(?1,?2,?3,?4)")        \
    X(IN_BODY_UPDATE, "UPDATE inbody SET record=coalesce(?2,record),sealed=coalesce(?3,sealed) "   \
                      "WHERE number=?1")                                                           \
    X(IN_BODY_ERASE, "UPDATE inbody SET sealed=x'',envelope=x'' WHERE number=?1")                  \
    X(IN_BODY_GET, "SELECT record,sealed,envelope FROM inbody WHERE number=?1")                    \
    X(IN_UNOPENED, "SELECT " IN_COLUMNS " FROM inbox WHERE type=4 AND hash=?1 LIMIT 1")            \
    X(IN_FIND, "SELECT " IN_COLUMNS " FROM inbox WHERE id=?1 AND type<>2 ORDER BY number LIMIT 1") \
    X(IN_GET, "SELECT " IN_COLUMNS " FROM inbox WHERE number=?1")                                  \
    X(IN_EACH, "SELECT " IN_COLUMNS " FROM inbox WHERE number>?1 ORDER BY number LIMIT ?2")        \
    X(IN_NEWEST, "SELECT " IN_COLUMNS " FROM inbox WHERE number<?1 ORDER BY number DESC LIMIT ?2") \
    X(IN_THREAD, "SELECT " IN_COLUMNS                                                              \
                 " FROM inbox WHERE id=?1 AND thread=?1 AND type<>2 UNION ALL SELECT " IN_COLUMNS  \
                 " FROM inbox WHERE thread=?1 AND thread<>id AND type<>2 ORDER BY number")         \
    X(IN_EXCEPTIONS, "SELECT " IN_COLUMNS " FROM inbox WHERE type=4 AND lane=?1 AND position>?2 "  \
                     "ORDER BY position")                                                          \
    X(IN_COUNT, "SELECT count(*) FROM inbox WHERE type=?1")                                        \
    X(IN_LAST, "SELECT coalesce(max(number),0) FROM inbox")                                        \
    X(SAME_ADD, "INSERT OR IGNORE INTO same(blind,thread,message,what) VALUES(?1,?2,?3,?4)")       \
    X(SAME_OF, "SELECT blind,thread,what FROM same WHERE message=?1 ORDER BY what,blind LIMIT ?2") \
    X(SAME_NEXT, "SELECT thread FROM same WHERE blind=?1 AND thread>?2 ORDER BY thread LIMIT 1")   \
    X(SAME_DROP, "DELETE FROM same WHERE message=?1")                                              \
    X(THREAD_GET, "SELECT key,state FROM thread WHERE thread=?1")                                  \
    X(THREAD_PUT, "INSERT INTO thread(thread,key,state,changed_ms) VALUES(?1,?2,?3,?4) "           \
                  "ON CONFLICT(thread) DO UPDATE SET state=?3,changed_ms=?4")                      \
    X(THREAD_EACH, "SELECT thread,changed_ms,state FROM thread ORDER BY changed_ms DESC LIMIT ?1") \
    X(LEG_PUT, "INSERT OR REPLACE INTO leg(thread,message,due_ms) VALUES(?1,?2,?3)")               \
    X(LEG_FORGET, "DELETE FROM leg WHERE thread=?1")                                               \
    X(LEG_EACH, "SELECT thread,message,due_ms FROM leg WHERE (due_ms,thread,message)>(?1,?2,?3) "  \
                "ORDER BY due_ms,thread,message LIMIT ?4")                                         \
    X(LADDER_GET, "SELECT " LADDER_COLUMNS " FROM ladder WHERE thread=?1 AND message=?2")          \
    X(LADDER_PUT, "INSERT OR REPLACE INTO ladder(" LADDER_COLUMNS                                  \
                  ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")                          \
    X(LADDER_OPEN, "SELECT " LADDER_COLUMNS " FROM leg JOIN ladder USING(thread,message) WHERE "   \
                   "CASE next WHEN 1 THEN result_0=0 WHEN 2 THEN result_1=0 "                      \
                   "WHEN 3 THEN result_2=0 ELSE 0 END LIMIT 1")                                    \
    X(LEG_COUNT, "SELECT COUNT(*),(SELECT COUNT(*) FROM leg WHERE due_ms<=?1) FROM leg")           \
    X(LADDER_NEXT, "SELECT " LADDER_COLUMNS " FROM ladder WHERE next_ms<?1 "                       \
                   "ORDER BY next_ms,thread,message LIMIT 1")                                      \
    X(LADDER_AGAIN,                                                                                \
      "SELECT " LADDER_COLUMNS " FROM ladder WHERE again_ms<?1 AND (?2=0 OR next_ms=?1) "          \
      "ORDER BY again_ms,thread,message LIMIT ?3")                                                 \
    X(LOCAL_PUT, "INSERT OR REPLACE INTO local(id,due_ms,body) VALUES(?1,?2,?3)")                  \
    X(LOCAL_GET, "SELECT id,due_ms,body FROM local WHERE id=?1")                                   \
    X(LOCAL_EACH, "SELECT id,due_ms,body FROM local WHERE (due_ms,id)>(?1,?2) "                    \
                  "ORDER BY due_ms,id LIMIT ?3")                                                   \
    X(ABOUT_ADD, "INSERT OR IGNORE INTO about(thread,number) VALUES(?1,?2)")                       \
    X(ABOUT_OF, "SELECT " IN_COLUMNS " FROM inbox WHERE number IN (SELECT number FROM about "      \
                "WHERE thread=?1) ORDER BY number")                                                \
    X(PEER_PUT, "INSERT OR REPLACE INTO peer(" PEER_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,"    \
                "?9)")                                                                             \
    X(PEER_EACH, "SELECT " PEER_COLUMNS " FROM peer ORDER BY unit,lane")                           \
    X(KEY_PUT,                                                                                     \
      "INSERT OR REPLACE INTO epoch(unit,serial,epoch,until_ms,body) VALUES(?1,?2,?3,?4,?5)")      \
    X(KEY_EACH, "SELECT body FROM epoch ORDER BY unit,serial,epoch")                               \
    X(KEY_EXPIRE, "DELETE FROM epoch WHERE until_ms<?1")                                           \
    X(REWRAP_OWE, "INSERT OR IGNORE INTO rewrap(unit,number) VALUES(?1,?2)")                       \
    X(REWRAP_DONE, "DELETE FROM rewrap WHERE unit=?1 AND number=?2")                               \
    X(REWRAP_UNITS, "SELECT DISTINCT unit FROM rewrap ORDER BY unit")                              \
    X(REWRAP_FIRST, "SELECT number FROM rewrap WHERE unit=?1 ORDER BY number LIMIT 1")             \
    X(REWRAP_COUNT, "SELECT count(*) FROM rewrap")                                                 \
    X(EARLY_PUT, "INSERT INTO early(hash,made_ms,record) SELECT ?1,?2,?3 WHERE (SELECT count(*) "  \
                 "FROM early WHERE hash=?1)<?4")                                                   \
    X(EARLY_EACH, "SELECT record FROM early WHERE hash=?1 ORDER BY number")                        \
    X(EARLY_DONE, "DELETE FROM early WHERE hash=?1")                                               \
    X(EARLY_EXPIRE, "DELETE FROM early WHERE made_ms<?1")                                          \
    X(BUNDLE_PUT, "INSERT OR REPLACE INTO bundle(version,body) VALUES(?1,?2)")                     \
    X(BUNDLE_TRIM, "DELETE FROM bundle WHERE version NOT IN "                                      \
                   "(SELECT version FROM bundle ORDER BY version DESC LIMIT 8)")                   \
    X(BUNDLE_GET, "SELECT body FROM bundle WHERE version=?1")                                      \
    X(BUNDLE_NEWEST, "SELECT body FROM bundle ORDER BY version DESC LIMIT 1")                      \
    X(CHECKPOINT_PUT, "INSERT OR REPLACE INTO checkpoint(size,note) VALUES(?1,?2)")                \
    X(CHECKPOINT_GET, "SELECT note FROM checkpoint WHERE size=?1")                                 \
    X(ATTACHMENT_ADD, "INSERT INTO attachment(" ATTACHMENT_COLUMNS                                 \
                      ",sealed) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)")           \
    X(ATTACHMENT_UPDATE, "UPDATE attachment SET message=?3,ordinal=?4,state=?7,code=?8,lane=?9,"   \
                         "idx=?10,kept=?12 WHERE number=?1")                                       \
    X(ATTACHMENT_UNSEAL, "UPDATE attachment SET sealed=x'' WHERE number=?1")                       \
    X(ATTACHMENT_DELETE, "DELETE FROM attachment WHERE number=?1")                                 \
    X(ATTACHMENT_FIND, "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE id=?1")                \
    X(ATTACHMENT_SEALED, "SELECT sealed FROM attachment WHERE number=?1")                          \
    X(ATTACHMENT_MESSAGE,                                                                          \
      "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE message=?1 ORDER BY ordinal")           \
    X(ATTACHMENT_PENDING,                                                                          \
      "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE state IN (2,4) ORDER BY number")        \
    X(ATTACHMENT_IDLE, "SELECT " ATTACHMENT_COLUMNS                                                \
                       " FROM attachment WHERE state=1 AND created_ms<?1 ORDER BY number")         \
    X(ATTACHMENT_REFUSED_LIST,                                                                     \
      "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE state=6 AND idx=(SELECT min(idx) FROM " \
      "attachment WHERE state=6 AND lane=?1 AND idx>0)")                                           \
    X(ATTACHMENT_CLOSE, "UPDATE attachment SET state=7 WHERE number=?1")                           \
    X(ATTACHMENT_KEPT, "SELECT EXISTS(SELECT 1 FROM attachment WHERE kept=1 AND root=?1),"         \
                       "EXISTS(SELECT 1 FROM attachment WHERE kept=1 AND root=?1 AND size=?2),"    \
                       "EXISTS(SELECT 1 FROM attachment WHERE kept=1 AND root=?1 AND size=?2 "     \
                       "AND sender=?3)")                                                           \
    X(ATTACHMENT_BYTES, "SELECT coalesce(sum(size),0) FROM (SELECT DISTINCT root,size FROM "       \
                        "attachment WHERE kept=1)")                                                \
    X(ATTACHMENT_SHARES, "SELECT sender,sum(size) FROM (SELECT DISTINCT root,size,sender FROM "    \
                         "attachment WHERE kept=1 AND sender<>'') GROUP BY sender")                \
    X(LOST_OUT, "SELECT count(*) FROM outbox WHERE state=3 AND idx>=?1")                           \
    X(LOST_HEAD, "SELECT count(*) FROM outbox WHERE state=3 AND checkpoint_size>?1")               \
    X(LOST_IN, "SELECT count(*) FROM inbox WHERE idx>=?1 AND proved<>0")                           \
    X(LOST_EACH, "SELECT " OUT_COLUMNS " FROM outbox WHERE state=3 AND (idx>=?1 OR "               \
                 "checkpoint_size>?1) ORDER BY number")                                            \
    X(LOST_BEFORE,                                                                                 \
      "SELECT " OUT_COLUMNS " FROM outbox WHERE state=3 AND idx<?1 ORDER BY idx DESC")             \
    X(LOST_SENDERS, "SELECT sender,lane,count(*) FROM inbox WHERE idx>=?1 AND proved<>0 AND "      \
                    "type<>2 GROUP BY sender,lane")                                                \
    X(LOST_QUEUED, "UPDATE outbox SET again=2 WHERE state<3 AND again=0")                          \
    X(LOST_MARK, "UPDATE inbox SET proved=0 WHERE idx>=?1")                                        \
    X(LOST_PLACES, "UPDATE inbox SET position=0 WHERE type=4 AND lane=?1 AND position>?2")         \
    X(LOST_FILES, "UPDATE attachment SET idx=0 WHERE idx>=?1")                                     \
    X(LOST_KEYS, "DELETE FROM epoch")                                                              \
    X(LOST_HEADS, "DELETE FROM checkpoint WHERE size>?1")                                          \
    X(LOST_HEAD_KEPT, "SELECT note FROM checkpoint WHERE size<=?1 ORDER BY size DESC LIMIT 1")     \
    X(IN_NOTICED, "SELECT count(*) FROM inbox WHERE type=2 AND idx=?1 AND hash=?2")                \
    X(FORMER_PUT, "INSERT OR REPLACE INTO former(number,origin,idx,record_ms,rules,"               \
                  "accepted_flags,envelope,inclusion,note) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")    \
    X(FORMER_GET, "SELECT origin,idx,record_ms,rules,accepted_flags,envelope,inclusion,note FROM " \
                  "former WHERE number=?1 ORDER BY made DESC LIMIT 1 OFFSET ?2")                   \
    X(ATTACHMENT_LAST, "SELECT coalesce(max(number),0) FROM attachment")

enum box_statement {
#define X(name, sql) BOX_##name,
    BOX_STATEMENTS(X)
#undef X
        BOX_STATEMENT_COUNT
};

struct box {
    sqlite3 *db;
    sqlite3_stmt *statements[BOX_STATEMENT_COUNT];
    bool dirty;
    bool erased;   /* contents: their bytes leave the log with the next commit */
    bool pressing; /* dirty, and something waits for it to be durable */
    bool lazy;
    bool dead;
    uint64_t in_last, out_last;
};

/* The prepared statement, reset and without bindings. Writers open the transaction. */
int box_prepare(struct box *box, enum box_statement which, bool writes, sqlite3_stmt **ret,
                struct error *ret_error) MUST_USE;
/* Runs a statement without rows. */
int box_run(struct box *box, sqlite3_stmt *statement, struct error *ret_error) MUST_USE;
/* 1: a row, 0: none left, or an error. */
int box_step(struct box *box, sqlite3_stmt *statement, struct error *ret_error) MUST_USE;
int box_failed(struct box *box, struct error *ret_error) MUST_USE;

/* As sqlite_bind_u64, but any value: it may be a peer's. */
static inline void box_bind_u64(sqlite3_stmt *statement, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}
static inline uint64_t box_u64(sqlite3_stmt *statement, int at)
{
    return (uint64_t)sqlite3_column_int64(statement, at);
}
/* Exactly len bytes, or zeros. */
void box_fixed(sqlite3_stmt *statement, int at, uint8_t *ret, size_t len);
void box_text(sqlite3_stmt *statement, int at, char *ret, size_t cap);
/* Steps through a bound statement over OUT_COLUMNS. */
int box_out_walk(struct box *box, sqlite3_stmt *statement,
                 int (*each)(void *ctx, const struct box_out *row), void *ctx,
                 struct error *ret_error) MUST_USE;

#endif
