/* Files: taken, listed, handed out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/examiner.h"
#include "clients/agent/files.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"

/* ---- to send ------------------------------------------------------------------------------------
 */

static int attach_begin(struct agent *agent, struct http_request *request, struct error *ret_error)
{
    const char *length = http_header(request, "Content-Length");
    const char *type = http_header(request, "Content-Type");
    struct files_intake *intake = NULL;
    if (type && strncmp(type, "multipart/", 10) == 0)
        return error_say(ret_error, E_BAD_FORM, "Content-Type", "请求体应为文件本身，不是表单",
                         "the file itself, not a form");
    int status = files_begin(agent, http_query(request, "kind"), http_query(request, "name"),
                             length ? strtoull(length, NULL, 10) : 0, &intake, ret_error);
    request->taken = intake;
    return status;
}

static int attach_take(struct http_request *request, struct bytes piece, struct error *ret_error)
{
    return files_take(request->taken, piece, ret_error);
}

static void attach_drop(struct http_request *request)
{
    files_drop(request->taken);
    request->taken = NULL;
}

const struct http_intake api_attach_intake = {attach_begin, attach_take, attach_drop};

int api_attach(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    struct files_taken taken;
    char hash[65];
    int status = files_end(request->taken, &taken, ret_error);
    if (status == LEADBUS_LATER && http_wait(request, reply, EXAMINER_WALL_MS)) return 0;
    if (status == LEADBUS_LATER)
        return error_say(ret_error, E_BUSY, NULL, "文件检查未能完成，请重试",
                         "the file is not looked into to its end: send it again");
    if (status) return status;
    hex_encode(bytes_of(taken.uploaded.sha256, 32), hash);
    reply->status = 201;
    reply->json = json_object();
    render_set_id(reply->json, "id", taken.uploaded.id);
    render_set(reply->json, "kind", http_query(request, "kind"));
    render_set(reply->json, "name", http_query(request, "name"));
    render_set(reply->json, "media_type", taken.media_type);
    json_object_set_new(reply->json, "size", json_integer((json_int_t)taken.uploaded.bytes));
    render_set(reply->json, "sha256", hash);
    json_object_set_new(reply->json, "confirm_no_dna", json_boolean(taken.needs_confirm));
    json_object_set_new(reply->json, "removed_bytes",
                        json_integer((json_int_t)taken.removed_bytes));
    agent->counts.files_taken++;
    return 0;
}

static int id_of(const struct http_request *request, uint8_t ret_id[16], struct error *ret_error)
{
    if (uuid_parse_text(request->id, ret_id, NULL))
        return error_say(ret_error, E_BAD_VALUE, "id", "应为 UUID", "a UUID");
    return 0;
}

int api_attach_drop(struct agent *agent, struct http_request *request, struct http_reply *reply,
                    struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    int status = id_of(request, id, ret_error);
    if (status) return status;
    if (leadbus_attach_drop(agent->lb, id, &trouble)) return agent_error(&trouble, ret_error);
    reply->status = 204;
    reply->content_type = "application/json";
    return 0;
}

/* ---- of a message -------------------------------------------------------------------------------
 */

int api_attachments(struct agent *agent, struct http_request *request, struct http_reply *reply,
                    struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    leadbus_message *message = NULL;
    int status = id_of(request, id, ret_error);
    if (status) return status;
    if (leadbus_message_get(agent->lb, id, &message, &trouble))
        return agent_error(&trouble, ret_error);
    reply->json = render_attachments(message);
    leadbus_message_free(message);
    return 0;
}

enum { DOWNLOAD_COUNT_MAX = 16 };

/* What the source of a reply reads. */
struct download {
    struct agent *agent;
    leadbus_reader *reader;
    char media_type[128];
};

static long download_read(void *ctx, uint64_t at, char *ret, size_t cap)
{
    const struct download *download = ctx;
    size_t len = 0;
    if (leadbus_attachment_read(download->reader, at, ret, cap, &len, NULL) || len == 0) return -1;
    return (long)len;
}

static void download_close(void *ctx)
{
    struct download *download = ctx;
    download->agent->downloads--;
    leadbus_attachment_close(download->reader);
    free(download);
}

/* RFC 6266: the name in ASCII for old readers, and as it is by RFC 8187. */
static void set_disposition(const char *name, struct buf *ret)
{
    static const char plain[] = "!#$&+-.^_`|~";
    buf_append_str(ret, "attachment; filename=\"");
    for (const char *at = name; *at; at++)
        buf_append_u8(ret, *at < 0x20 || *at > 0x7e || strchr("\"\\%", *at) ? '_' : (uint8_t)*at);
    buf_append_str(ret, "\"; filename*=UTF-8''");
    for (const char *at = name; *at; at++) {
        uint8_t c = (uint8_t)*at;
        bool bare = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    strchr(plain, c);
        if (bare)
            buf_append_u8(ret, c);
        else
            buf_printf(ret, "%%%02X", c);
    }
}

static int number_of(const struct http_request *request, size_t *ret, struct error *ret_error)
{
    size_t len = strspn(request->part, "0123456789");
    if (request->part[len] || len > 3)
        return error_say(ret_error, E_BAD_VALUE, "n", "列表中的序号，从 1 起",
                         "a number of the list, from 1");
    *ret = strtoul(request->part, NULL, 10);
    return 0;
}

int api_attachment(struct agent *agent, struct http_request *request, struct http_reply *reply,
                   struct error *ret_error)
{
    uint8_t id[16];
    size_t number = 0;
    struct leadbus_error trouble = {0};
    struct leadbus_attachment attachment = {.size = sizeof attachment};
    leadbus_message *message = NULL;
    leadbus_reader *reader = NULL;
    uint64_t wait_s = 0;
    int status = id_of(request, id, ret_error);
    if (!status) status = number_of(request, &number, ret_error);
    if (!status) status = http_query_number(request, "wait", 0, API_WAIT_S_MAX, &wait_s, ret_error);
    if (status) return status;
    if (leadbus_message_get(agent->lb, id, &message, &trouble))
        return agent_error(&trouble, ret_error);
    if (number == 0 || !leadbus_message_attachment(message, number - 1, &attachment))
        status = error_say(ret_error, E_NOT_FOUND, "n", "共 %zu 个附件", "of %zu attachments",
                           leadbus_message_attachment_count(message));
    else if (agent->downloads == DOWNLOAD_COUNT_MAX)
        status = error_say(ret_error, E_BUSY, NULL, "同时下载的文件已达 %d 个",
                           "%d files are on their way out", DOWNLOAD_COUNT_MAX);
    else if (leadbus_attachment_open(agent->lb, id, number - 1, &reader, &trouble))
        status = agent_error(&trouble, ret_error);
    if (!status) {
        struct download *download = calloc(1, sizeof *download);
        CHECK(download != NULL);
        download->agent = agent;
        download->reader = reader;
        agent->downloads++;
        (void)snprintf(download->media_type, sizeof download->media_type, "%s",
                       attachment.media_type);
        reply->content_type = download->media_type;
        reply->source =
            (struct http_source){download_read, download_close, download, attachment.bytes};
        set_disposition(attachment.name, &reply->disposition);
    }
    leadbus_message_free(message);
    if (status == E_ATTACHMENT_PENDING && http_wait(request, reply, wait_s * 1000)) return 0;
    return status;
}
