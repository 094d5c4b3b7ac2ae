/* The commands that walk a whole journal: verify, replay, list. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"

struct walking {
    int (*each)(void *ctx, const struct audit_record *record, struct error *ret_error);
    void *ctx;
};

static int pass_on(void *ctx, const struct audit_record *record, struct error *ret_error)
{
    const struct walking *walking = ctx;
    return walking->each == NULL ? 0 : walking->each(walking->ctx, record, ret_error);
}

static void show_progress(void *ctx, uint64_t done, uint64_t size)
{
    (void)ctx;
    out_progress(done, size);
}

const char *command_chunks(const struct command_options *options, char ret_path[4096])
{
    struct stat status;
    if (options->chunks_path != NULL) return options->chunks_path;
    const char *slash = strrchr(options->journal, '/');
    int folder_len = slash == NULL ? 0 : (int)(slash - options->journal) + 1;
    int len = snprintf(ret_path, 4096, "%.*schunks", folder_len, options->journal);
    if (len < 0 || len >= 4096 || stat(ret_path, &status) != 0 || !S_ISDIR(status.st_mode))
        return NULL;
    return ret_path;
}

int command_walk(const struct command_options *options, enum audit_depth depth, const char *chunks,
                 int (*each)(void *ctx, const struct audit_record *record, struct error *ret_error),
                 void *ctx, struct audit **ret_audit)
{
    struct walking walking = {each, ctx};
    struct audit_options audit_options = {.path = options->journal,
                                          .root_note = buf_bytes(&options->root_note),
                                          .held = buf_bytes(&options->checkpoint),
                                          .chunks = chunks,
                                          .depth = depth,
                                          .each = pass_on,
                                          .progress = show_progress,
                                          .ctx = &walking};
    struct audit *audit = NULL;
    struct error error = {0};
    struct stat status;
    if (stat(options->journal, &status) != 0) {
        fprintf(stderr, T("leadbus-replay：找不到 %s\n", "leadbus-replay: %s: no such file\n"),
                options->journal);
        return EX_NOINPUT;
    }
    int code = audit_run(&audit_options, &audit, &error);
    out_progress_end();
    if (code != 0) {
        int exit_status = out_error(code, &error, options->json);
        if (audit != NULL)
            fprintf(stderr, T("  此前 %llu 条记录成立\n", "  the %llu records before it hold\n"),
                    (unsigned long long)audit_totals(audit)->size);
        audit_free(audit);
        return exit_status;
    }
    if (!audit_anchored(audit))
        fputs(T("注意：未给 --root，采用了日志自称的信任根；只有与您所持的根一致才算证明\n",
                "note: without --root the root that the journal names was used; this proves "
                "something only if it is the root you hold\n"),
              stderr);
    *ret_audit = audit;
    return 0;
}

/* ---- totals -----------------------------------------------------------------------------------
 */
/* chunks_seen: the attachments' chunks were looked at. */
static json_t *totals_json(const struct audit *audit, bool chunks_seen)
{
    const struct audit_totals *totals = audit_totals(audit);
    uint8_t root[32];
    audit_root(audit, root);
    json_t *object = json_pack(
        "{s:b, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "holds", 1, "origin", audit_origin(audit), "root_given", audit_anchored(audit) ? 1 : 0,
        "record_count", (json_int_t)totals->size, "accepted_count", (json_int_t)totals->accepted,
        "acknowledged_count", (json_int_t)totals->acknowledged, "bundle_count",
        (json_int_t)totals->bundles, "key_count", (json_int_t)totals->keys, "rewrap_count",
        (json_int_t)totals->rewraps, "tick_count", (json_int_t)totals->ticks, "start_count",
        (json_int_t)totals->starts, "signature_count", (json_int_t)totals->signatures,
        "checkpoint_count", (json_int_t)totals->checkpoints, "blob_count",
        (json_int_t)totals->blobs, "blob_erased_count", (json_int_t)totals->blobs_erased,
        "first_ms", (json_int_t)totals->first_ms, "last_ms", (json_int_t)totals->last_ms);
    CHECK(object != NULL);
    json_object_set_new(object, "tree_root", out_hex(bytes_of(root, 32)));
    json_object_set_new(object, "attachment_count", json_integer((json_int_t)totals->attachments));
    json_t *restored = json_array();
    for (size_t i = 0; i < audit_former_count(audit); i++) {
        uint64_t end;
        const char *former = audit_former(audit, i, &end);
        json_array_append_new(
            restored, json_pack("{s:s, s:I}", "previous_origin", former, "index", (json_int_t)end));
    }
    json_object_set_new(object, "restored", restored);
    if (chunks_seen) {
        json_object_set_new(object, "chunk_count", json_integer((json_int_t)totals->chunks));
        json_object_set_new(object, "chunk_erased_count",
                            json_integer((json_int_t)totals->chunks_erased));
    }
    return object;
}

static void print_totals(const struct audit *audit, bool chunks_seen)
{
    const struct audit_totals *totals = audit_totals(audit);
    char first[I18N_TIME_LEN], last[I18N_TIME_LEN], hex[65];
    uint8_t root[32];
    audit_root(audit, root);
    hex_encode(bytes_of(root, 32), hex);
    printf(T("日志 %s\n", "journal %s\n"), audit_origin(audit));
    for (size_t i = 0; i < audit_former_count(audit); i++) {
        uint64_t end;
        const char *former = audit_former(audit, i, &end);
        printf(
            T("  由备份恢复：自第 %llu 条起续行，此前名为 %s；该名称下第 %llu 条起的记录不在其中\n",
              "  put back from a backup: goes on at record %llu, %s until then; what that had from "
              "record %llu on is not in it\n"),
            (unsigned long long)end, former, (unsigned long long)end);
    }
    printf(T("  %llu 条记录，%s 至 %s\n", "  %llu records, %s to %s\n"),
           (unsigned long long)totals->size, out_time(totals->first_ms, first),
           out_time(totals->last_ms, last));
    printf(T("  消息 %llu，回执 %llu，方案包 %llu，时段密钥 %llu，重封 %llu，启动 %llu\n",
             "  %llu messages, %llu acknowledgements, %llu bundles, %llu epoch keys, %llu rewraps, "
             "%llu starts\n"),
           (unsigned long long)totals->accepted, (unsigned long long)totals->acknowledged,
           (unsigned long long)totals->bundles, (unsigned long long)totals->keys,
           (unsigned long long)totals->rewraps, (unsigned long long)totals->starts);
    printf(T("  核对：签名 %llu，检查点 %llu，树节点 %llu，密文与部件 %llu（已依规擦除 %llu）\n",
             "  checked: %llu signatures, %llu checkpoints, %llu tree nodes, %llu ciphertexts and "
             "parts (%llu erased)\n"),
           (unsigned long long)totals->signatures, (unsigned long long)totals->checkpoints,
           (unsigned long long)totals->nodes, (unsigned long long)totals->blobs,
           (unsigned long long)totals->blobs_erased);
    if (totals->attachments > 0 && chunks_seen)
        printf(T("  附件 %llu：核对分块 %llu（不在此处或已依规擦除 %llu）\n",
                 "  %llu attachments: %llu chunks checked (%llu not here or erased)\n"),
               (unsigned long long)totals->attachments, (unsigned long long)totals->chunks,
               (unsigned long long)totals->chunks_erased);
    else if (totals->attachments > 0)
        printf(T("  附件 %llu：此处没有分块目录，未核对（--chunks 指定）\n",
                 "  %llu attachments: no folder of chunks here, not checked (give --chunks)\n"),
               (unsigned long long)totals->attachments);
    printf(T("  树根 %s\n", "  tree root %s\n"), hex);
}

int command_verify(struct command_options *options)
{
    struct audit *audit = NULL;
    char path[4096];
    const char *chunks = command_chunks(options, path);
    int status = command_walk(options, AUDIT_FOLD, chunks, NULL, NULL, &audit);
    if (status != 0) return status;
    if (options->json)
        out_json(totals_json(audit, chunks != NULL));
    else {
        print_totals(audit, chunks != NULL);
        puts(T("全部成立：逐条记录、签名、检查点均未被改动",
               "all holds: no record, signature or checkpoint was changed"));
    }
    audit_free(audit);
    return 0;
}

/* ---- replay -----------------------------------------------------------------------------------
 */
static bool adds_up(const struct core_unit_stats *stats)
{
    return stats->accepted == stats->delivered + stats->waiting + stats->expired +
                                  stats->undeliverable + stats->withdrawn;
}

/* Names by a plan; the keys themselves where it does not know them. */
static const char *unit_name(const struct plan *plan, const char *key)
{
    uint16_t index = plan == NULL ? PLAN_UNIT_NONE : plan_unit_find(plan, key);
    const struct plan_unit *unit = index == PLAN_UNIT_NONE ? NULL : plan_unit(plan, index);
    return unit == NULL ? key : T(unit->name_zh, unit->name_en);
}

static const char *kind_name(const struct plan *plan, const char *slug)
{
    const struct plan_kind *kind = plan == NULL ? NULL : plan_kind_find(plan, slug);
    return kind == NULL ? slug : T(kind->name_zh, kind->name_en);
}

static void print_unit(const struct plan *plan, const struct core_unit_stats *stats)
{
    if (stats->accepted == 0) return;
    printf(
        T("  %s（%s）：应收 %llu = 送达 %llu + 待收 %llu + 失效 %llu + 无法投递 %llu + 撤回 %llu\n",
          "  %s (%s): %llu accepted = %llu delivered + %llu waiting + %llu expired + %llu "
          "undeliverable + %llu withdrawn\n"),
        unit_name(plan, stats->unit), stats->unit, (unsigned long long)stats->accepted,
        (unsigned long long)stats->delivered, (unsigned long long)stats->waiting,
        (unsigned long long)stats->expired, (unsigned long long)stats->undeliverable,
        (unsigned long long)stats->withdrawn);
}

static json_t *unit_json(const struct core_unit_stats *stats)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "unit", stats->unit, "accepted",
                     (json_int_t)stats->accepted, "delivered", (json_int_t)stats->delivered,
                     "waiting", (json_int_t)stats->waiting, "expired", (json_int_t)stats->expired,
                     "undeliverable", (json_int_t)stats->undeliverable, "withdrawn",
                     (json_int_t)stats->withdrawn);
}

int command_replay(struct command_options *options)
{
    struct audit *audit = NULL;
    struct core_unit_stats stats;
    uint8_t digest[32];
    char hex[65], path[4096];
    const char *chunks = command_chunks(options, path);
    int status = command_walk(options, AUDIT_DECIDE, chunks, NULL, NULL, &audit);
    if (status != 0) return status;
    const struct core *core = audit_core(audit);
    const struct trust_bundle *bundle = audit_bundle(audit);
    const struct plan *plan = bundle == NULL ? NULL : trust_bundle_plan(bundle);
    json_t *units = json_array();
    core_digest(core, digest);
    hex_encode(bytes_of(digest, 32), hex);
    if (!options->json) print_totals(audit, chunks != NULL);
    for (size_t i = 0; i < core_unit_count(core); i++) {
        core_unit_stats(core, i, &stats);
        if (!adds_up(&stats)) {
            struct error error = {0};
            int code = error_say(&error, E_JOURNAL_CORRUPT, stats.unit, "其总账不平",
                                 "its account does not add up");
            status = out_error(code, &error, options->json);
        }
        if (!options->json) print_unit(plan, &stats);
        json_array_append_new(units, unit_json(&stats));
    }
    if (status == 0 && options->json) {
        json_t *object = totals_json(audit, chunks != NULL);
        json_object_set(object, "units", units);
        json_object_set_new(object, "state_digest", json_string(hex));
        out_json(object);
    } else if (status == 0) {
        printf(T("  终态摘要 %s\n", "  digest of the final state %s\n"), hex);
        puts(T("全部成立：每条记录重新裁决，结果逐字节相同，各单位总账平衡",
               "all holds: every record was decided again with the same bytes, every account adds "
               "up"));
    }
    json_decref(units);
    audit_free(audit);
    return status;
}

/* ---- list -------------------------------------------------------------------------------------
 */
struct listing {
    bool json;
    json_t *messages;
};

static json_t *message_json(const struct audit_record *record)
{
    const Leadbus__Header *head = record->envelope->head;
    char id[37], thread[37];
    uuid_text(head->id.data, id);
    uuid_text(head->thread.data, thread);
    json_t *recipients = json_array();
    for (size_t i = 0; i < head->n_recipients; i++)
        json_array_append_new(
            recipients, json_pack("{s:s, s:s, s:s}", "unit", head->recipients[i]->unit, "act",
                                  head->recipients[i]->act == ENVELOPE_ACT_SIGN ? "sign" : "copy",
                                  "citation", head->recipients[i]->citation));
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "index", (json_int_t)record->index,
                     "id", id, "thread", thread, "kind", head->kind, "topic", head->topic, "from",
                     head->from, "time_ms", (json_int_t)record->record->time_ms, "recipients",
                     recipients);
}

static int list_each(void *ctx, const struct audit_record *record, struct error *ret_error)
{
    struct listing *listing = ctx;
    char id[37], time[I18N_TIME_LEN];
    (void)ret_error;
    if (record->envelope == NULL) return 0;
    if (listing->json) {
        json_array_append_new(listing->messages, message_json(record));
        return 0;
    }
    const Leadbus__Header *head = record->envelope->head;
    uuid_text(head->id.data, id);
    const struct plan *plan = trust_bundle_plan(record->bundle);
    printf("%llu\t%s\t%s\t%s\t%s\t", (unsigned long long)record->index, id,
           out_time(record->record->time_ms, time), kind_name(plan, head->kind),
           unit_name(plan, head->from));
    for (size_t i = 0; i < head->n_recipients; i++)
        printf("%s%s%s", i > 0 ? T("、", "; ") : "", unit_name(plan, head->recipients[i]->unit),
               head->recipients[i]->act == ENVELOPE_ACT_SIGN ? "" : T("（抄送）", " (copy)"));
    putchar('\n');
    return 0;
}

int command_list(struct command_options *options)
{
    struct audit *audit = NULL;
    struct listing listing = {options->json, json_array()};
    int status = command_walk(options, AUDIT_RECORDS, NULL, list_each, &listing, &audit);
    if (status == 0 && options->json) out_json(json_incref(listing.messages));
    json_decref(listing.messages);
    audit_free(audit);
    return status;
}
