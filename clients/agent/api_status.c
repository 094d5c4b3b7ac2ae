#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/duty.h"
#include "clients/agent/render.h"
#include "proto/payload/payload_json.h"

static struct leadbus_stats stats_of(const struct agent *agent)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    leadbus_stats(agent->lb, &stats);
    return stats;
}

static json_t *lanes(const uint64_t positions[2])
{
    return json_pack("{s:I,s:I}", "urgent", (json_int_t)positions[0], "normal",
                     (json_int_t)positions[1]);
}

static void set(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

static json_t *bus_json(const struct leadbus_stats *stats)
{
    json_t *object = json_object();
    render_set(object, "name", stats->bus);
    render_set(object, "origin", stats->origin);
    render_set(object, "endpoint", stats->endpoint);
    json_object_set_new(object, "connected", json_boolean(stats->connected));
    render_set_time(object, "since", stats->connected_ms);
    render_set_time(object, "heard_at", stats->heard_ms);
    json_object_set_new(object, "clock_offset_ms", json_integer(stats->clock_offset_ms));
    json_object_set_new(object, "provisional", json_boolean(stats->provisional));
    set(object, "frames_in", stats->frames_in);
    set(object, "frames_out", stats->frames_out);
    set(object, "refused_frames", stats->refused_frames);
    return object;
}

static json_t *trust_json(const struct leadbus_stats *stats)
{
    json_t *object = json_object();
    char root[65];
    set(object, "bundle", stats->bundle);
    render_set_time(object, "bundle_expires_at", stats->bundle_expires_ms);
    render_set_time(object, "bundle_hard_limit_at", stats->bundle_hard_limit_ms);
    render_set_time(object, "certificate_not_after", stats->certificate_not_after_ms);
    set(object, "epoch", stats->epoch);
    render_set_time(object, "epoch_not_after", stats->epoch_not_after_ms);
    set(object, "checkpoint_size", stats->checkpoint_size);
    hex_encode(bytes_of(stats->checkpoint_root, 32), root);
    if (stats->checkpoint_size) render_set(object, "checkpoint_root", root);
    return object;
}

/* What waits for a word of somebody at the unit; NULL: nothing. */
static json_t *restored_json(const struct agent *agent)
{
    struct leadbus_restored restored = {.size = sizeof restored};
    if (!leadbus_restored(agent->lb, &restored)) return NULL;
    json_t *object = json_object();
    render_set(object, "origin", restored.origin);
    render_set(object, "reason", restored.reason);
    render_set_time(object, "at", restored.time_ms);
    set(object, "backup_size", restored.backup_size);
    set(object, "seen_size", restored.seen_size);
    set(object, "send_again", restored.send_again);
    set(object, "received", restored.received);
    return object;
}

int api_restored(struct agent *agent, struct http_request *request, struct http_reply *reply,
                 struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    const char *origin = NULL;
    json_t *body = NULL;
    int status = payload_json_parse(buf_bytes(&request->body), &body, ret_error);
    if (!status) status = api_string(body, "origin", &origin, ret_error);
    if (!status && !origin)
        status = error_say(ret_error, E_MISSING_FIELD, "origin", "缺失", "missing");
    if (!status && leadbus_confirm_restored(agent->lb, origin, &trouble))
        status = agent_error(&trouble, ret_error);
    json_decref(body);
    return status ? status : api_status(agent, request, reply, ret_error);
}

int api_status(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    (void)request;
    (void)ret_error;
    struct leadbus_stats stats = stats_of(agent);
    json_t *object = json_object();
    uint16_t unit = plan_unit_find(agent->plan, stats.unit);
    render_set(object, "version", LEADBUS_VERSION);
    render_set(object, "unit", stats.unit);
    if (unit != PLAN_UNIT_NONE) {
        render_set(object, "unit_zh", plan_unit(agent->plan, unit)->name_zh);
        render_set(object, "unit_en", plan_unit(agent->plan, unit)->name_en);
    }
    set(object, "serial", stats.serial);
    render_set(object, "plan", plan_about(agent->plan)->name);
    render_set_time(object, "started_at", agent->started_ms);
    json_object_set_new(object, "bus", bus_json(&stats));
    json_object_set_new(object, "trust", trust_json(&stats));
    json_object_set_new(object, "outbox",
                        json_pack("{s:I,s:I,s:I,s:I,s:I}", "queued", (json_int_t)stats.queued,
                                  "sent", (json_int_t)stats.sent, "receipted",
                                  (json_int_t)stats.receipted, "refused", (json_int_t)stats.refused,
                                  "rewraps_owed", (json_int_t)stats.rewraps));
    json_t *inbox =
        json_pack("{s:I,s:I,s:I,s:I,s:o,s:o}", "received", (json_int_t)stats.received, "notices",
                  (json_int_t)stats.notices, "tombstones", (json_int_t)stats.tombstones,
                  "exceptions", (json_int_t)stats.exceptions, "position", lanes(stats.position),
                  "acknowledged", lanes(stats.acknowledged));
    if (stats.again[0] || stats.again[1]) json_object_set_new(inbox, "again", lanes(stats.again));
    json_object_set_new(object, "inbox", inbox);
    json_object_set_new(object, "attachments",
                        json_pack("{s:I,s:I,s:I,s:I}", "uploads", (json_int_t)stats.uploads,
                                  "downloads", (json_int_t)stats.downloads, "no_room",
                                  (json_int_t)stats.roomless, "bytes",
                                  (json_int_t)stats.attachment_bytes));
    const struct duty_view *duty = duty_view(agent);
    if (duty) {
        json_t *roster = json_pack("{s:o,s:I,s:I,s:I}", "gaps", api_roster_gaps(duty), "told",
                                   (json_int_t)duty->told, "failed", (json_int_t)duty->failed,
                                   "again", (json_int_t)duty->again);
        render_set(roster, "file", duty->path);
        api_roster_troubles(duty, roster);
        json_object_set_new(object, "roster", roster);
    }
    if (stats.last_error_ms) {
        json_t *error = render_error(&stats.last_error);
        render_set_time(error, "at", stats.last_error_ms);
        json_object_set_new(object, "last_error", error);
    }
    if (stats.alarm_ms) {
        json_t *alarm = render_error(&stats.alarm);
        render_set_time(alarm, "at", stats.alarm_ms);
        json_object_set_new(object, "alarm", alarm);
    }
    json_t *restored = restored_json(agent);
    if (restored) json_object_set_new(object, "restored", restored);
    reply->json = object;
    return 0;
}

int api_livez(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    (void)agent;
    (void)request;
    (void)ret_error;
    buf_append_str(&reply->text, "ok\n");
    reply->content_type = "text/plain; charset=utf-8";
    return 0;
}

/* Ready: greeted by the broker, certificate and bundle good for sending, no alarm. */
int api_readyz(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    (void)request;
    struct leadbus_stats stats = stats_of(agent);
    uint64_t now_ms = agent_now_ms();
    if (stats.alarm_ms)
        return error_say(ret_error, E_PROOF_INVALID, "alarm", "总线的证明不成立：%s，%s",
                         "a proof of the broker's did not hold: %s, %s", stats.alarm.name,
                         stats.alarm.detail);
    if (stats.certificate_not_after_ms && stats.certificate_not_after_ms <= now_ms)
        return error_say(ret_error, E_CERT_EXPIRED, "certificate", "已过期或吊销",
                         "expired or revoked");
    if (stats.bundle_hard_limit_ms && stats.bundle_hard_limit_ms <= now_ms)
        return error_say(ret_error, E_BUNDLE_EXPIRED, "bundle", "已超过宽限",
                         "past its hard limit");
    if (!stats.connected)
        return error_say(ret_error, E_NETWORK, "bus", "尚未与总线握手",
                         "not greeted by the broker yet");
    reply->json = json_pack("{s:b}", "ready", 1);
    return 0;
}

static void metric(struct buf *text, const char *name, const char *type, const char *help,
                   const char *labels, uint64_t value)
{
    if (help) buf_printf(text, "# HELP leadbus_agent_%s %s\n", name, help);
    if (type) buf_printf(text, "# TYPE leadbus_agent_%s %s\n", name, type);
    buf_printf(text, "leadbus_agent_%s%s %llu\n", name, labels, (unsigned long long)value);
}

int api_metrics(struct agent *agent, struct http_request *request, struct http_reply *reply,
                struct error *ret_error)
{
    (void)request;
    (void)ret_error;
    struct leadbus_stats stats = stats_of(agent);
    struct buf *text = &reply->text;
    static const char gauge[] = "gauge";
    static const char counter[] = "counter";
    metric(text, "connected", gauge, "1 when greeted by the broker.", "", stats.connected ? 1 : 0);
    metric(text, "alarm", gauge, "1 when a proof of the broker's did not hold.", "",
           stats.alarm_ms ? 1 : 0);
    metric(text, "outbox_messages", gauge, "Messages of the outbox by state.", "{state=\"queued\"}",
           stats.queued);
    metric(text, "outbox_messages", NULL, NULL, "{state=\"sent\"}", stats.sent);
    metric(text, "outbox_messages", NULL, NULL, "{state=\"receipted\"}", stats.receipted);
    metric(text, "outbox_messages", NULL, NULL, "{state=\"refused\"}", stats.refused);
    metric(text, "inbox_items", gauge, "Items of the inbox by type.", "{type=\"message\"}",
           stats.received);
    metric(text, "inbox_items", NULL, NULL, "{type=\"notice\"}", stats.notices);
    metric(text, "inbox_items", NULL, NULL, "{type=\"tombstone\"}", stats.tombstones);
    metric(text, "inbox_items", NULL, NULL, "{type=\"exception\"}", stats.exceptions);
    metric(text, "position", gauge, "Last durable queue position by lane.", "{lane=\"urgent\"}",
           stats.position[0]);
    metric(text, "position", NULL, NULL, "{lane=\"normal\"}", stats.position[1]);
    metric(text, "again", gauge, "Acknowledged once, still to be fetched again, by lane.",
           "{lane=\"urgent\"}", stats.again[0]);
    metric(text, "again", NULL, NULL, "{lane=\"normal\"}", stats.again[1]);
    metric(text, "frames_in_total", counter, "Frames from the broker.", "", stats.frames_in);
    metric(text, "frames_out_total", counter, "Frames to the broker.", "", stats.frames_out);
    metric(text, "frames_refused_total", counter, "Frames from the broker that were not believed.",
           "", stats.refused_frames);
    metric(text, "bundle_version", gauge, "Bundle in force.", "", stats.bundle);
    metric(text, "certificate_not_after_seconds", gauge, "End of the certificate, Unix time.", "",
           stats.certificate_not_after_ms / 1000);
    metric(text, "bundle_expires_seconds", gauge, "End of the bundle, Unix time.", "",
           stats.bundle_expires_ms / 1000);
    metric(text, "bundle_hard_limit_seconds", gauge,
           "From then on only what may never be held up is sent, Unix time.", "",
           stats.bundle_hard_limit_ms / 1000);
    metric(text, "epoch_not_after_seconds", gauge, "End of the newest receiving key, Unix time.",
           "", stats.epoch_not_after_ms / 1000);
    metric(text, "checkpoint_size", gauge, "Newest checkpoint trusted.", "", stats.checkpoint_size);
    metric(text, "http_requests_total", counter, "Requests to the local API.", "",
           agent->counts.requests);
    for (size_t i = 2; i < 6; i++) {
        char label[24];
        snprintf(label, sizeof label, "{class=\"%zuxx\"}", i);
        metric(text, "http_responses_total", i == 2 ? counter : NULL,
               i == 2 ? "Responses of the local API by class." : NULL, label,
               agent->counts.responses[i]);
    }
    metric(text, "submitted_total", counter, "Messages taken from the local API.", "",
           agent->counts.submitted);
    metric(text, "payload_refused_total", counter, "Sections that did not fit their schema.", "",
           agent->counts.payload_refused);
    metric(text, "files_taken_total", counter, "Files taken from the local API.", "",
           agent->counts.files_taken);
    metric(text, "files_refused_total", counter, "Files of peers that may not be read here.", "",
           agent->counts.files_refused);
    metric(text, "attachments_pending", gauge, "Attachments to be sent or fetched.",
           "{way=\"out\"}", stats.uploads);
    metric(text, "attachments_pending", NULL, NULL, "{way=\"in\"}", stats.downloads);
    metric(text, "attachments_no_room", gauge,
           "Of those: above their sender's share of the folder.", "", stats.roomless);
    metric(text, "attachment_bytes", gauge, "Bytes of attachments in the folder.", "",
           stats.attachment_bytes);
    metric(text, "owed", gauge, "What this unit has yet to do, by whether its term has passed.",
           "{term=\"runs\"}", stats.owed - stats.overdue);
    metric(text, "owed", NULL, NULL, "{term=\"passed\"}", stats.overdue);
    metric(text, "alerts_repeated_total", counter,
           "How often an alert that nobody had signed for was told again.", "",
           duty_repeated(agent));
    const struct duty_view *duty = duty_view(agent);
    if (duty) {
        metric(text, "roster_loaded", gauge, "1 while a duty roster is in force.", "",
               duty->loaded ? 1 : 0);
        metric(text, "roster_told_total", counter, "Officers told that something waits.", "",
               duty->told);
        metric(text, "roster_failed_total", counter, "Runs of the roster's command that failed.",
               "", duty->failed);
        metric(text, "roster_again_total", counter,
               "Steps done once more after this machine stopped in one.", "", duty->again);
    }
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}
