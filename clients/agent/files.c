#include "clients/agent/files.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/agent/examiner.h"
#include "clients/agent/http.h"
#include "proto/base/check.h"
#include "proto/content/personal.h"
#include "proto/host/file.h"
#include "proto/payload/attached.h"

/* As many bytes as say what a recording is; a zip, which says it at its end, is none. */
enum { HEAD_LEN = 4096, ENDED_COUNT_MAX = 64 };

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
    struct examination *examination; /* of all but recordings and photos */
};

/* A file that came, while its pieces do and until it is decided. */
struct files_look {
    bool begun;
    struct examination *examination; /* NULL: a recording */
    struct content_rule rule;
    char media_type[LIMIT_ATTACHMENT_TYPE_BYTES_MAX + 1];
    uint8_t ended[ENDED_COUNT_MAX][32]; /* SHA-256 of those whose process somebody ended */
    size_t ended_count;
};

static const struct examiner_limits limits = {EXAMINER_CPU_S, EXAMINER_WALL_MS};

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

/* Others have their turn. */
static void leave_turn(struct files_intake *intake)
{
    if (intake->agent->outgoing != intake) return;
    intake->agent->outgoing = NULL;
    intake->agent->changes |= LEADBUS_CHANGED_ATTACHMENT;
}

/* By a process of its own; LEADBUS_LATER until it is over. */
static int examine(struct files_intake *intake, const struct content_rule *rule,
                   struct content_report *ret_report, struct error *ret_error)
{
    struct agent *agent = intake->agent;
    int status = 0;
    if (!intake->examination) {
        if (agent->outgoing) return LEADBUS_LATER;
        status = examination_new(&intake->examination, ret_error);
        if (!status)
            status = examination_add(intake->examination, buf_bytes(&intake->whole), ret_error);
        if (!status)
            status = examination_start(intake->examination, rule, false, "", &limits, ret_error);
        if (status) return status;
        agent->outgoing = intake;
    }
    if (examination_runs(intake->examination)) return LEADBUS_LATER;
    leave_turn(intake);
    status = examination_verdict(intake->examination, ret_report, ret_error);
    ret_report->type = intake->type;
    return status;
}

static int end_whole(struct files_intake *intake, struct files_taken *ret, struct error *ret_error)
{
    struct content_rule rule = rule_of(intake->attachments, intake->no_numbers, true);
    struct content_report report = {0};
    struct buf clean = {0};
    leadbus_upload *upload = NULL;
    int status =
        intake->type.class == CONTENT_PHOTO
            ? content_check_outgoing(buf_bytes(&intake->whole), &rule, &clean, &report, ret_error)
            : examine(intake, &rule, &report, ret_error);
    if (status == LEADBUS_LATER) return status;
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
    leave_turn(intake);
    examination_free(intake->examination);
    leadbus_upload_abort(intake->upload);
    let_go(intake);
    free(intake);
}

/* ---- in -----------------------------------------------------------------------------------------
 */

/* What is left of the last one goes. */
static struct files_look *look_anew(struct agent *agent)
{
    if (!agent->look) agent->look = calloc(1, sizeof *agent->look);
    CHECK(agent->look != NULL);
    examination_free(agent->look->examination);
    agent->look->examination = NULL;
    agent->look->begun = false;
    return agent->look;
}

/* A recording is told by its first bytes, and nothing more of it is read. */
static int check_recording(const struct files_look *look, struct bytes head,
                           struct content_type type, struct error *ret_error)
{
    int status = content_check_incoming(head, &look->rule, NULL, ret_error);
    if (!status && strcmp(type.media_type, look->media_type) != 0)
        status = error_say(ret_error, E_BAD_VALUE, "media_type", "自称 %.64s，实为 %s",
                           "says %.64s, is %s", look->media_type, type.media_type);
    return status;
}

static int begin_look(struct agent *agent, const char *slug,
                      const struct leadbus_attachment *attachment, struct bytes first,
                      struct error *ret_error)
{
    const struct plan_kind *kind = kind_of(agent, slug);
    struct files_look *look = look_anew(agent);
    if (!kind)
        return error_say(ret_error, E_KIND_UNKNOWN, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    bool no_numbers = takes_no_numbers(kind);
    int status = check_name(attachment->name, no_numbers, ret_error);
    if (status) return status;
    look->rule = rule_of(kind->attachments, no_numbers, attachment->confirmed != 0);
    (void)snprintf(look->media_type, sizeof look->media_type, "%s", attachment->media_type);
    look->begun = true;
    struct bytes head = bytes_of(first.data, first.len < HEAD_LEN ? first.len : HEAD_LEN);
    struct content_type type = content_type_detect(head);
    if (type.class == CONTENT_MEDIA) return check_recording(look, head, type, ret_error);
    if (attachment->bytes > CONTENT_DOCUMENT_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "attachment", "除录音录像外最多 %d 字节",
                         "at most %d bytes, recordings apart", CONTENT_DOCUMENT_BYTES_MAX);
    return examination_new(&look->examination, ret_error);
}

/* Somebody, or the kernel for want of memory, ended its process: that is not the file's fault the
 * first time. */
static int judge(struct files_look *look, const struct leadbus_attachment *attachment,
                 struct error *ret_error)
{
    int status = examination_verdict(look->examination, NULL, ret_error);
    examination_free(look->examination);
    look->examination = NULL;
    if (status != E_NO_MEMORY) return status;
    for (size_t i = 0; i < ENDED_COUNT_MAX; i++) {
        if (memcmp(look->ended[i], attachment->sha256, 32) != 0) continue;
        return error_say(ret_error, E_CONTENT_UNEXAMINABLE, "attachment",
                         "检查进程两次被终止：请另存为普通的文件后再发",
                         "the process that looked into it was ended twice: save it anew, as a "
                         "plain file");
    }
    memcpy(look->ended[look->ended_count++ % ENDED_COUNT_MAX], attachment->sha256, 32);
    return status;
}

static int end_look(struct files_look *look, const struct leadbus_attachment *attachment,
                    struct error *ret_error)
{
    if (!look->begun)
        return error_say(ret_error, E_BAD_VALUE, "attachment", "空文件", "an empty file");
    if (!look->examination) return 0;
    if (examination_runs(look->examination)) return LEADBUS_LATER;
    if (examination_over(look->examination)) return judge(look, attachment, ret_error);
    int status = examination_start(look->examination, &look->rule, true, look->media_type, &limits,
                                   ret_error);
    return status ? status : LEADBUS_LATER;
}

int files_examine(void *ctx, const char *kind, const struct leadbus_attachment *attachment,
                  uint64_t offset, const void *piece, size_t len, struct leadbus_error *ret_error)
{
    struct agent *agent = ctx;
    struct bytes bytes = bytes_of(piece, len);
    struct error error = {0};
    int status = 0;
    if (offset == 0 && len > 0) status = begin_look(agent, kind, attachment, bytes, &error);
    if (!status && len > 0 && agent->look->examination)
        status = examination_add(agent->look->examination, bytes, &error);
    if (!status && len == 0)
        status = end_look(agent->look ? agent->look : look_anew(agent), attachment, &error);
    if (status >= 0) return status;
    if (status != E_NO_MEMORY && status != E_IO) agent->counts.files_refused++;
    (void)look_anew(agent);
    agent_fill_error(&error, ret_error);
    return status;
}

/* ---- at work ------------------------------------------------------------------------------------
 */

static struct examination *at_work(const struct agent *agent, int i)
{
    if (i == 0) return agent->look ? agent->look->examination : NULL;
    return agent->outgoing ? agent->outgoing->examination : NULL;
}

void files_fds(const struct agent *agent, int ret_fds[FILES_FD_COUNT])
{
    for (int i = 0; i < FILES_FD_COUNT; i++) {
        const struct examination *one = at_work(agent, i);
        ret_fds[i] = one && examination_runs(one) ? examination_fd(one) : -1;
    }
}

uint64_t files_next_ms(const struct agent *agent)
{
    uint64_t next_ms = UINT64_MAX;
    for (int i = 0; i < FILES_FD_COUNT; i++) {
        const struct examination *one = at_work(agent, i);
        if (one && examination_runs(one) && examination_until_ms(one) < next_ms)
            next_ms = examination_until_ms(one);
    }
    return next_ms;
}

void files_run(struct agent *agent)
{
    for (int i = 0; i < FILES_FD_COUNT; i++) {
        struct examination *one = at_work(agent, i);
        if (!one || !examination_runs(one)) continue;
        examination_look(one);
        if (examination_runs(one)) continue;
        if (i == 0)
            leadbus_examined(agent->lb);
        else
            http_wake(agent->http);
    }
}

void files_stop(struct agent *agent)
{
    if (!agent->look) return;
    examination_free(agent->look->examination);
    free(agent->look);
    agent->look = NULL;
}
