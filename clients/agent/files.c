#include "clients/agent/files.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/content/personal.h"
#include "proto/host/file.h"
#include "proto/payload/attached.h"

/* As many bytes as say what a recording is; a zip, which says it at its end, is none. */
enum { HEAD_LEN = 4096 };

struct files_intake {
    struct agent *agent;
    char kind[LIMIT_SLUG_LEN_MAX + 1];
    char name[LIMIT_ATTACHMENT_NAME_BYTES_MAX + 1];
    uint32_t attachments;   /* of the kind */
    bool no_numbers;        /* the kind has no personal data */
    struct buf whole;       /* of what is collected */
    size_t held;            /* of agent->files_bytes */
    leadbus_upload *upload; /* of a recording */
    struct content_type type;
};

static const struct plan_kind *kind_of(const struct agent *agent, const char *slug)
{
    return agent->plan && slug ? plan_kind_find(agent->plan, slug) : NULL;
}

/* Levels C0 and C1 have no personal data, in files as in words. */
static bool takes_no_numbers(const struct plan_kind *kind)
{
    return kind->level <= 1;
}

/* A file's name is read like its words. */
static int check_name(const char *name, bool no_numbers, struct error *ret_error)
{
    struct bytes text = bytes_of_str(name);
    if (!no_numbers || (!personal_has_id_number(text) && !personal_has_phone(text))) return 0;
    return error_say(
        ret_error, E_FORBIDDEN_CONTENT, "name",
        "文件名含公民身份号码或电话号码：此种类不得含个人信息，请改名",
        "an identity or telephone number in the file's name: this kind has no personal "
        "data; rename it");
}

static struct content_rule rule_of(uint32_t attachments, bool no_numbers, bool confirmed)
{
    struct content_rule rule = {
        .path = "attachment", .no_numbers = no_numbers, .confirm_no_dna = confirmed};
    if (attachments & PLAN_ATTACHMENT_PHOTO) rule.classes |= CONTENT_PHOTO;
    if (attachments & PLAN_ATTACHMENT_DOCUMENT) rule.classes |= CONTENT_DOCUMENT;
    if (attachments & PLAN_ATTACHMENT_MEDIA) rule.classes |= CONTENT_MEDIA;
    rule.keep_location = (attachments & PLAN_ATTACHMENT_LOCATION) != 0;
    return rule;
}

/* ---- out ----------------------------------------------------------------------------------------
 */

int files_begin(struct agent *agent, const char *slug, const char *name, uint64_t size_hint,
                struct files_intake **ret_intake, struct error *ret_error)
{
    const struct plan_kind *kind = kind_of(agent, slug);
    if (!slug || !*slug)
        return error_say(ret_error, E_MISSING_FIELD, "kind", "须给出种类，见 /v1/kinds",
                         "a kind of /v1/kinds");
    if (!kind)
        return error_say(ret_error, E_KIND_UNKNOWN, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    if (plan_attachment_section(kind) < 0)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "kind", "%s 不带附件",
                         "%s takes none", kind->slug);
    if (!name || !*name)
        return error_say(ret_error, E_MISSING_FIELD, "name", "须给出文件名", "the file's name");
    if (!attached_name_valid(name))
        return error_say(ret_error, E_BAD_VALUE, "name", "1 至 %d 字节 UTF-8，一行，不含目录",
                         "1 to %d bytes of UTF-8, one line, no folders",
                         LIMIT_ATTACHMENT_NAME_BYTES_MAX);
    int status = check_name(name, takes_no_numbers(kind), ret_error);
    if (status) return status;
    if (agent->files_bytes + HEAD_LEN > FILES_HELD_BYTES_MAX)
        return error_say(ret_error, E_BUSY, NULL, "正在检查其他文件",
                         "other files are being looked into");
    struct files_intake *intake = calloc(1, sizeof *intake);
    CHECK(intake != NULL);
    intake->agent = agent;
    intake->attachments = kind->attachments;
    intake->no_numbers = takes_no_numbers(kind);
    (void)snprintf(intake->kind, sizeof intake->kind, "%s", kind->slug);
    (void)snprintf(intake->name, sizeof intake->name, "%s", name);
    /* At once, so that growing leaves no copies behind; pages that nothing is put into cost
     * nothing.
     */
    if (size_hint > 0 && size_hint <= CONTENT_DOCUMENT_BYTES_MAX) {
        (void)buf_grow(&intake->whole, (size_t)size_hint);
        buf_reset(&intake->whole);
    }
    *ret_intake = intake;
    return 0;
}

static int begin_upload(struct files_intake *intake, bool needs_confirm,
                        leadbus_upload **ret_upload, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    const struct leadbus_file file = {.size = sizeof file,
                                      .kind = intake->kind,
                                      .name = intake->name,
                                      .media_type = intake->type.media_type,
                                      .needs_confirm = needs_confirm};
    if (leadbus_upload_begin(intake->agent->lb, &file, ret_upload, &trouble))
        return agent_error(&trouble, ret_error);
    return 0;
}

static int write_piece(leadbus_upload *upload, struct bytes piece, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    if (leadbus_upload_write(upload, piece.data, piece.len, &trouble))
        return agent_error(&trouble, ret_error);
    return 0;
}

static int hold(struct files_intake *intake, struct bytes piece, struct error *ret_error)
{
    struct agent *agent = intake->agent;
    if (piece.len > CONTENT_DOCUMENT_BYTES_MAX - intake->whole.len)
        return error_say(ret_error, E_TOO_LARGE, "attachment", "除录音录像外最多 %d 字节",
                         "at most %d bytes, recordings apart", CONTENT_DOCUMENT_BYTES_MAX);
    if (piece.len > FILES_HELD_BYTES_MAX - agent->files_bytes)
        return error_say(ret_error, E_BUSY, NULL, "正在检查其他文件",
                         "other files are being looked into");
    buf_append_bytes(&intake->whole, piece);
    intake->held += piece.len;
    agent->files_bytes += piece.len;
    return 0;
}

static void let_go(struct files_intake *intake)
{
    /* What was written, not what there was room for: that would make it resident. */
    if (intake->whole.len > 0) sodium_memzero(intake->whole.data, intake->whole.len);
    buf_fini(&intake->whole);
    intake->agent->files_bytes -= intake->held;
    intake->held = 0;
}

/* What is collected turns out to be a recording: it is sealed from here on. */
static int start_stream(struct files_intake *intake, struct error *ret_error)
{
    struct content_rule rule = rule_of(intake->attachments, intake->no_numbers, true);
    int status = content_check_outgoing(buf_bytes(&intake->whole), &rule, NULL, NULL, ret_error);
    if (!status) status = begin_upload(intake, true, &intake->upload, ret_error);
    if (!status) status = write_piece(intake->upload, buf_bytes(&intake->whole), ret_error);
    let_go(intake);
    return status;
}

int files_take(struct files_intake *intake, struct bytes piece, struct error *ret_error)
{
    if (intake->upload) return write_piece(intake->upload, piece, ret_error);
    bool told = intake->whole.len >= HEAD_LEN;
    int status = hold(intake, piece, ret_error);
    if (status || told || intake->whole.len < HEAD_LEN) return status;
    intake->type = content_type_detect(buf_bytes(&intake->whole));
    return intake->type.class == CONTENT_MEDIA ? start_stream(intake, ret_error) : 0;
}

static int end_upload(leadbus_upload *take_upload, struct files_taken *ret, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    ret->uploaded = (struct leadbus_uploaded){.size = sizeof ret->uploaded};
    if (leadbus_upload_end(take_upload, &ret->uploaded, &trouble))
        return agent_error(&trouble, ret_error);
    return 0;
}

static int end_whole(struct files_intake *intake, struct files_taken *ret, struct error *ret_error)
{
    struct content_rule rule = rule_of(intake->attachments, intake->no_numbers, true);
    struct content_report report = {0};
    struct buf clean = {0};
    leadbus_upload *upload = NULL;
    int status =
        content_check_outgoing(buf_bytes(&intake->whole), &rule, &clean, &report, ret_error);
    if (!status) {
        ret->needs_confirm = report.picture_count > 0 || report.unread_count > 0;
        ret->removed_bytes = report.removed_bytes;
        intake->type = report.type;
        status = begin_upload(intake, ret->needs_confirm, &upload, ret_error);
    }
    if (!status) {
        struct bytes bytes = clean.len > 0 ? buf_bytes(&clean) : buf_bytes(&intake->whole);
        status = write_piece(upload, bytes, ret_error);
    }
    if (status)
        leadbus_upload_abort(upload);
    else
        status = end_upload(upload, ret, ret_error);
    buf_wipe_fini(&clean);
    return status;
}

int files_end(struct files_intake *intake, struct files_taken *ret_taken, struct error *ret_error)
{
    struct files_taken taken = {0};
    int status = 0;
    if (!intake->upload) intake->type = content_type_detect(buf_bytes(&intake->whole));
    if (!intake->upload && intake->whole.len == 0)
        return error_say(ret_error, E_BAD_VALUE, "attachment", "空文件", "an empty file");
    if (!intake->upload && intake->type.class == CONTENT_MEDIA)
        status = start_stream(intake, ret_error);
    if (status) return status;
    if (intake->upload) {
        leadbus_upload *upload = intake->upload;
        intake->upload = NULL;
        taken.needs_confirm = true;
        status = end_upload(upload, &taken, ret_error);
    } else {
        status = end_whole(intake, &taken, ret_error);
    }
    if (status) return status;
    (void)snprintf(taken.media_type, sizeof taken.media_type, "%s", intake->type.media_type);
    *ret_taken = taken;
    return 0;
}

void files_drop(struct files_intake *intake)
{
    if (!intake) return;
    leadbus_upload_abort(intake->upload);
    let_go(intake);
    free(intake);
}

/* ---- in -----------------------------------------------------------------------------------------
 */

static int read_into(leadbus_reader *reader, uint64_t len, struct buf *ret, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    size_t done = 0, got = 0;
    uint8_t *to = buf_grow(ret, (size_t)len);
    for (; done < len; done += got) {
        if (leadbus_attachment_read(reader, done, to + done, (size_t)len - done, &got, &trouble))
            return agent_error(&trouble, ret_error);
        if (got == 0)
            return error_say(ret_error, E_TRUNCATED, "attachment", "比所述的短",
                             "shorter than it says");
    }
    return 0;
}

static int check_incoming(const struct agent *agent, const char *slug,
                          const struct leadbus_attachment *attachment, leadbus_reader *reader,
                          struct error *ret_error)
{
    const struct plan_kind *kind = kind_of(agent, slug);
    bool no_numbers = kind && takes_no_numbers(kind);
    struct content_rule rule =
        rule_of(kind ? kind->attachments : 0, no_numbers, attachment->confirmed != 0);
    struct content_type type;
    struct buf bytes = {0};
    if (!kind)
        return error_say(ret_error, E_KIND_UNKNOWN, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    int status = check_name(attachment->name, no_numbers, ret_error);
    if (status) return status;
    uint64_t head = attachment->bytes < HEAD_LEN ? attachment->bytes : HEAD_LEN;
    status = read_into(reader, head, &bytes, ret_error);
    if (status) goto out;
    type = content_type_detect(buf_bytes(&bytes));
    if (type.class != CONTENT_MEDIA && attachment->bytes > CONTENT_DOCUMENT_BYTES_MAX) {
        status = error_say(ret_error, E_TOO_LARGE, "attachment", "除录音录像外最多 %d 字节",
                           "at most %d bytes, recordings apart", CONTENT_DOCUMENT_BYTES_MAX);
        goto out;
    }
    if (type.class != CONTENT_MEDIA) {
        buf_wipe_fini(&bytes);
        status = read_into(reader, attachment->bytes, &bytes, ret_error);
        if (status) goto out;
        type = content_type_detect(buf_bytes(&bytes));
    }
    status = content_check_incoming(buf_bytes(&bytes), &rule, NULL, ret_error);
    if (!status && strcmp(type.media_type, attachment->media_type) != 0)
        status = error_say(ret_error, E_BAD_VALUE, "media_type", "自称 %.64s，实为 %s",
                           "says %.64s, is %s", attachment->media_type, type.media_type);
out:
    buf_wipe_fini(&bytes);
    return status;
}

int files_check(void *ctx, const char *kind, const struct leadbus_attachment *attachment,
                leadbus_reader *reader, struct leadbus_error *ret_error)
{
    struct agent *agent = ctx;
    struct error error = {0};
    int status = check_incoming(agent, kind, attachment, reader, &error);
    if (!status) return 0;
    agent->counts.files_refused++;
    agent_fill_error(&error, ret_error);
    return status;
}
