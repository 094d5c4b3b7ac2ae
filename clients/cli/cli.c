#include "clients/cli/cli.h"

#include <curl/curl.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "clients/cli/progress.h"
#include "proto/host/file.h"
#include "proto/payload/payload_json.h"
#include "proto/sha256.h"

void cli_global_rows(struct cli *cli, struct options_row *ret_rows)
{
    const struct options_row rows[CLI_GLOBAL_ROWS] = {
        {"agent", 'a', "套接字|网址", "SOCKET|URL",
         "本单位代理（默认 $LEADBUS_AGENT 或 /run/leadbus/agent.sock）",
         "the unit's agent (default $LEADBUS_AGENT or /run/leadbus/agent.sock)", NULL, &cli->agent,
         NULL},
        {"token-file", 0, "文件", "FILE", "令牌文件（网址方式需要）",
         "file with the token (needed with a URL)", NULL, &cli->token_file, NULL},
        {"officer", 'O', "代码", "CODE", "经办人代码（默认 $LEADBUS_OFFICER）",
         "officer code (default $LEADBUS_OFFICER)", NULL, &cli->officer, NULL},
        {"json", 'j', NULL, NULL, "输出 JSON（格式稳定）", "print JSON (stable)", &cli->json, NULL,
         NULL},
        {"lang", 0, "zh|en", "zh|en", "语言", "language", NULL, &cli->lang, NULL},
    };
    memcpy(ret_rows, rows, sizeof rows);
}

bool cli_set_lang(const struct cli *cli)
{
    if (!cli->lang) return true;
    if (strcmp(cli->lang, "en") != 0 && strcmp(cli->lang, "zh") != 0) return false;
    i18n_set(strcmp(cli->lang, "en") == 0 ? LANG_EN : LANG_ZH);
    return true;
}

int cli_options(struct cli *cli, struct options_spec *spec, int argc, char **argv, int *ret_first)
{
    struct options_row rows[32];
    memcpy(rows, spec->rows, spec->row_count * sizeof *rows);
    cli_global_rows(cli, rows + spec->row_count);
    /* A command's own letter goes before that of an option which every command has. */
    for (size_t i = spec->row_count; i < spec->row_count + CLI_GLOBAL_ROWS; i++)
        for (size_t k = 0; k < spec->row_count; k++)
            if (rows[k].letter == rows[i].letter) rows[i].letter = 0;
    spec->rows = rows;
    spec->row_count += CLI_GLOBAL_ROWS;
    int status = options_parse(spec, argc, argv, false, ret_first);
    spec->rows = NULL;
    spec->row_count = 0;
    if (status) return status;
    if (!cli_set_lang(cli)) {
        (void)cli_misuse(cli, "--lang", "应为 zh 或 en", "zh or en");
        return E_USAGE;
    }
    return 0;
}

/* ---- the API ----------------------------------------------------------------------------------
 */

static int set_token(struct cli *cli, struct curl_slist **headers, struct error *ret_error)
{
    struct buf token = {0};
    struct buf header = {0};
    if (!cli->token_file) return 0;
    int status = file_read_secret(cli->token_file, 1024, &token, ret_error);
    if (status) return status;
    while (token.len && (token.data[token.len - 1] == '\n' || token.data[token.len - 1] == '\r'))
        token.len--;
    buf_append_str(&header, "Authorization: Bearer ");
    buf_append(&header, token.data, token.len);
    buf_append_u8(&header, 0);
    *headers = curl_slist_append(*headers, (const char *)header.data);
    buf_wipe_fini(&token);
    buf_wipe_fini(&header);
    return 0;
}

static int problem(const json_t *answer, long status, struct error *ret_error)
{
    int code = error_code_of(cli_get(answer, "code"));
    if (!code)
        return error_say(ret_error, E_BAD_FORM, NULL,
                         "HTTP %ld，没有错误说明：对方可能不是 leadbus-agent",
                         "HTTP %ld without problem details: perhaps not a leadbus-agent", status);
    const char *field = cli_get(answer, "field");
    (void)error_set(ret_error, code, *field ? field : NULL, "%s", cli_get(answer, "detail"));
    (void)error_note_zh(ret_error, "%s", cli_get(answer, "detail_zh"));
    return code;
}

/* What libcurl made of it; `detail` is its own text about this transfer, or NULL. */
static int curl_said(struct error *ret_error, int code, const char *field, CURLcode result,
                     const char *detail)
{
    const char *zh = result == CURLE_COULDNT_CONNECT        ? "连接被拒绝或无人应答"
                     : result == CURLE_COULDNT_RESOLVE_HOST ? "找不到这个主机名"
                     : result == CURLE_OPERATION_TIMEDOUT   ? "等待超时"
                     : result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR ||
                             result == CURLE_SEND_ERROR || result == CURLE_PARTIAL_FILE
                         ? "连接中断"
                     : result == CURLE_URL_MALFORMAT ? "地址不合规"
                     : result == CURLE_OUT_OF_MEMORY ? "内存不足"
                                                     : NULL;
    const char *en = detail && *detail ? detail : curl_easy_strerror(result);
    (void)error_set(ret_error, code, field, "%s", en);
    if (zh)
        (void)error_note_zh(ret_error, "%s", zh);
    else
        (void)error_note_zh(ret_error, "libcurl：%s", en);
    return code;
}

static bool is_url(const char *agent)
{
    return strncmp(agent, "http://", 7) == 0 || strncmp(agent, "https://", 8) == 0;
}

static int set_target(struct cli *cli, const char *path, struct error *ret_error)
{
    CURL *curl = cli->curl;
    struct buf url = {0};
    bool remote = is_url(cli->agent);
    if (remote) {
        buf_append_str(&url, cli->agent);
        while (url.len && url.data[url.len - 1] == '/') url.len--;
    } else {
        buf_append_str(&url, "http://localhost");
    }
    buf_append_str(&url, path);
    buf_append_u8(&url, 0);
    CURLcode set = curl_easy_setopt(curl, CURLOPT_URL, (const char *)url.data);
    if (!set && !remote) set = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->agent);
    buf_fini(&url);
    if (set) return curl_said(ret_error, E_USAGE, "--agent", set, NULL);
    return 0;
}

/* One request: what is sent, where the answer goes. */
struct exchange {
    const char *method;
    const char *path;
    const char *content_type; /* of what is sent; NULL: nothing is */
    const char *body;         /* or: */
    FILE *from;
    int64_t from_len;         /* -1: to its end, whatever that is */
    FILE *to;                 /* of a good answer; NULL: collected in `answer` */
    struct sha256_state hash; /* over what went there */
    struct buf answer;
    struct progress *progress; /* NULL: an answer is expected at once */
    CURL *curl;
};

static size_t take_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t len = size * count;
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    if (exchange->to && status == 200) {
        sha256_add(&exchange->hash, bytes_of(data, len));
        return fwrite(data, 1, len, exchange->to);
    }
    if (exchange->answer.len + len > CLI_ANSWER_BYTES_MAX) return 0;
    buf_append(&exchange->answer, data, len);
    return len;
}

static size_t give_body(char *data, size_t size, size_t count, void *ctx)
{
    const struct exchange *exchange = ctx;
    size_t len = fread(data, 1, size * count, exchange->from);
    return len == 0 && ferror(exchange->from) ? CURL_READFUNC_ABORT : len;
}

static int show_progress(void *ctx, curl_off_t down_len, curl_off_t down, curl_off_t up_len,
                         curl_off_t up)
{
    (void)down_len;
    (void)up_len;
    progress_show(ctx, (uint64_t)(up > down ? up : down));
    return 0;
}

static void set_body(struct exchange *exchange)
{
    CURL *curl = exchange->curl;
    if (exchange->from) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->from_len);
    } else if (exchange->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(exchange->body));
    }
    if (exchange->progress) {
        /* A large file takes its time; one that stands still does not. */
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 120L);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange->progress);
    } else {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
    }
}

static int perform(struct cli *cli, struct exchange *exchange, struct curl_slist *headers,
                   struct error *ret_error)
{
    CURL *curl = cli->curl;
    char detail[CURL_ERROR_SIZE] = "";
    set_body(exchange);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 5L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    CURLcode done = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (exchange->progress) progress_end(exchange->progress);
    if (!done) return 0;
    if (done == CURLE_ABORTED_BY_CALLBACK)
        return error_say(ret_error, E_IO, exchange->path, "文件无法读取",
                         "the file cannot be read");
    if (exchange->to && ferror(exchange->to))
        return error_say(ret_error, E_IO, exchange->path, "文件无法写入",
                         "the file cannot be written");
    /* libcurl would speak of localhost and port 80. */
    if (done == CURLE_COULDNT_CONNECT && !is_url(cli->agent))
        return error_say(ret_error, E_AGENT_UNREACHABLE, cli->agent, "此套接字无人应答",
                         "nobody answers on this socket");
    return curl_said(ret_error, E_AGENT_UNREACHABLE, cli->agent, done, detail);
}

static int run_exchange(struct cli *cli, struct exchange *exchange, struct error *ret_error)
{
    struct curl_slist *headers = NULL;
    char line[300];
    int status = 0;
    if (!cli->curl)
        cli->curl = curl_easy_init();
    else
        curl_easy_reset(cli->curl);
    if (!cli->curl) return error_set(ret_error, E_NO_MEMORY, NULL, "libcurl");
    exchange->curl = cli->curl;
    headers = curl_slist_append(headers, "Accept: application/json, application/problem+json, */*");
    if (exchange->content_type) {
        snprintf(line, sizeof line, "Content-Type: %.200s", exchange->content_type);
        headers = curl_slist_append(headers, line);
    }
    if (exchange->body && cli->idempotency_key) {
        snprintf(line, sizeof line, "Idempotency-Key: %.255s", cli->idempotency_key);
        headers = curl_slist_append(headers, line);
    }
    status = set_token(cli, &headers, ret_error);
    if (!status) status = set_target(cli, exchange->path, ret_error);
    if (!status) status = perform(cli, exchange, headers, ret_error);
    curl_slist_free_all(headers);
    return status;
}

/* Sorts the answer by its type. */
static int read_answer(struct cli *cli, struct buf *raw, json_t **ret_answer, struct buf *ret_text,
                       struct error *ret_error)
{
    long status = 0;
    const char *type = NULL;
    curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(cli->curl, CURLINFO_CONTENT_TYPE, &type);
    if (status < 300 && ret_text && (!type || !strstr(type, "json"))) {
        *ret_text = *raw;
        *raw = (struct buf){0};
        return 0;
    }
    json_t *answer = json_loadb((const char *)raw->data, raw->len, 0, NULL);
    int result = 0;
    if (status >= 300)
        result = problem(answer, status, ret_error);
    else if (!answer)
        result =
            error_say(ret_error, E_BAD_FORM, cli->agent, "应答不是 JSON", "the answer is not JSON");
    if (!result) {
        *ret_answer = answer;
        return 0;
    }
    json_decref(cli->problem);
    cli->problem = answer;
    return result;
}

int cli_call(struct cli *cli, const char *method, const char *path, json_t *take_body,
             json_t **ret_answer, struct buf *ret_text, struct error *ret_error)
{
    char *body = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
    struct exchange exchange = {.method = method,
                                .path = path,
                                .content_type = body ? "application/json" : NULL,
                                .body = body};
    json_decref(take_body);
    int status = run_exchange(cli, &exchange, ret_error);
    if (!status) status = read_answer(cli, &exchange.answer, ret_answer, ret_text, ret_error);
    if (body) {
        sodium_memzero(body, strlen(body));
        free(body);
    }
    buf_wipe_fini(&exchange.answer);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------
 */

static int upload_path(struct cli *cli, const char *file, const char *kind, char *ret, size_t cap,
                       struct error *ret_error)
{
    const char *slash = strrchr(file, '/');
    char *name = cli_escape(cli, slash ? slash + 1 : file);
    char *quoted = cli_escape(cli, kind);
    int len =
        name && quoted ? snprintf(ret, cap, "/v1/attachments?kind=%s&name=%s", quoted, name) : -1;
    free(name);
    free(quoted);
    if (len > 0 && (size_t)len < cap) return 0;
    return error_say(ret_error, E_USAGE, "--attach", "文件名过长", "the name is too long");
}

int cli_upload(struct cli *cli, const char *file, const char *kind, json_t **ret_answer,
               struct error *ret_error)
{
    char path[2048];
    struct stat about;
    struct progress progress;
    int status = upload_path(cli, file, kind, path, sizeof path, ret_error);
    if (status) return status;
    FILE *from = fopen(file, "rbe");
    if (!from && errno == ENOENT)
        return error_say(ret_error, E_NOT_FOUND, file, "没有这个文件", "no such file");
    if (!from) return file_said(ret_error, E_IO, file, NULL, errno);
    if (fstat(fileno(from), &about) < 0 || S_ISDIR(about.st_mode)) {
        (void)fclose(from);
        return error_say(ret_error, E_IO, file, "不是文件", "not a file");
    }
    bool regular = S_ISREG(about.st_mode);
    struct exchange exchange = {.method = "POST",
                                .path = path,
                                .content_type = "application/octet-stream",
                                .from = from,
                                .from_len = regular ? (int64_t)about.st_size : -1,
                                .progress = &progress};
    progress_begin(&progress, file, regular ? (uint64_t)about.st_size : 0, cli->json);
    status = run_exchange(cli, &exchange, ret_error);
    if (!status) status = read_answer(cli, &exchange.answer, ret_answer, NULL, ret_error);
    buf_wipe_fini(&exchange.answer);
    (void)fclose(from);
    return status;
}

int cli_download(struct cli *cli, const char *path, const char *label, uint64_t len, FILE *to,
                 uint8_t ret_sha256[32], struct error *ret_error)
{
    struct progress progress;
    json_t *answer = NULL;
    long http = 0;
    struct exchange exchange = {.method = "GET", .path = path, .to = to, .progress = &progress};
    sha256_begin(&exchange.hash);
    progress_begin(&progress, label, len, cli->json || to == stdout);
    int status = run_exchange(cli, &exchange, ret_error);
    if (!status) {
        curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &http);
        if (http != 200) status = read_answer(cli, &exchange.answer, &answer, NULL, ret_error);
        if (http != 200 && !status)
            status = error_set(ret_error, E_BAD_FORM, cli->agent, "HTTP %ld", http);
        json_decref(answer);
    }
    if (!status) sha256_end(&exchange.hash, ret_sha256);
    buf_wipe_fini(&exchange.answer);
    return status;
}

char *cli_escape(struct cli *cli, const char *text)
{
    (void)cli;
    char *quoted = curl_easy_escape(NULL, text, 0);
    char *copy = quoted ? strdup(quoted) : NULL;
    curl_free(quoted);
    return copy;
}

int cli_resolve(struct cli *cli, const char *id, bool thread, char ret_id[37],
                struct error *ret_error)
{
    uint8_t bytes[16];
    char path[64];
    json_t *answer = NULL;
    size_t digits = strspn(id, "0123456789");
    if (!uuid_parse_text(id, bytes, NULL)) {
        uuid_text(bytes, ret_id);
        return 0;
    }
    if (!digits || digits > 15 || id[digits])
        return error_say(ret_error, E_USAGE, id, "应为收件序号（leadbus inbox）或 UUID",
                         "an inbox number (leadbus inbox) or a UUID");
    snprintf(path, sizeof path, "/v1/inbox/%s", id);
    int status = cli_call(cli, "GET", path, NULL, &answer, NULL, ret_error);
    if (status) return status;
    const char *found = cli_get(answer, thread ? "thread" : "id");
    if (uuid_parse_text(found, bytes, NULL))
        status = error_say(ret_error, E_NOT_FOUND, id, "该项没有消息", "that item has no message");
    else
        uuid_text(bytes, ret_id);
    json_decref(answer);
    return status;
}

/* Where the agent was not asked or did not answer, the same members are made here. */
static json_t *problem_of(int code, const struct error *error)
{
    json_t *problem = json_pack("{s:s,s:s,s:s,s:b}", "code", error_name(code), "title_zh",
                                error_text(code, LANG_ZH), "title_en", error_text(code, LANG_EN),
                                "retryable", error_retryable(code));
    if (error->field[0]) json_object_set_new(problem, "field", json_string(error->field));
    if (error->detail[0]) json_object_set_new(problem, "detail", json_string(error->detail));
    if (error->detail_zh[0])
        json_object_set_new(problem, "detail_zh", json_string(error->detail_zh));
    return problem;
}

int cli_fail(struct cli *cli, int code, const struct error *error)
{
    if (cli->json) {
        bool asked = cli->problem && error_code_of(cli_get(cli->problem, "code")) == code;
        json_t *problem = asked ? json_incref(cli->problem) : problem_of(code, error);
        (void)cli_print_json(problem);
        json_decref(problem);
    }
    i18n_complain("leadbus", code, error);
    return options_exit_code(code);
}

int cli_misuse(struct cli *cli, const char *word, const char *zh, const char *en)
{
    struct error error = {0};
    (void)error_set(&error, E_USAGE, word, "%s", en);
    (void)error_note_zh(&error, "%s", zh);
    return cli_fail(cli, E_USAGE, &error);
}

bool cli_count(const char *text, uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 19) return false;
    for (const char *at = text; *at; at++) value = value * 10 + (uint64_t)(*at - '0');
    return value >= min && value <= max;
}

int cli_kind(struct cli *cli, const char *slug, const char *topic, json_t **ret_kind,
             struct error *ret_error)
{
    struct buf path = {0};
    char *quoted = cli_escape(cli, slug);
    char *quoted_topic = topic ? cli_escape(cli, topic) : NULL;
    int status = 0;
    if (!quoted || (topic && !quoted_topic))
        status = error_set(ret_error, E_NO_MEMORY, NULL, "kind");
    if (!status) {
        buf_printf(&path, "/v1/kinds/%s%s%s", quoted, topic ? "?topic=" : "",
                   topic ? quoted_topic : "");
        buf_append_u8(&path, 0);
        status = cli_call(cli, "GET", (const char *)path.data, NULL, ret_kind, NULL, ret_error);
    }
    if (status == E_NOT_FOUND)
        status = error_say(ret_error, E_KIND_UNKNOWN, slug, "leadbus kinds 列出全部",
                           "leadbus kinds lists them");
    free(quoted);
    free(quoted_topic);
    buf_fini(&path);
    return status;
}

int cli_read_json(const char *path, json_t **ret_object, struct error *ret_error)
{
    json_error_t trouble;
    struct buf text = {0};
    json_t *object = NULL;
    if (strcmp(path, "-") == 0) {
        object = json_loadf(stdin, JSON_REJECT_DUPLICATES, &trouble);
    } else {
        int status = file_read(path, CLI_FILE_BYTES_MAX, &text, ret_error);
        if (status) return status;
        object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &trouble);
        buf_wipe_fini(&text);
    }
    if (!json_is_object(object)) {
        int status =
            object ? error_say(ret_error, E_BAD_JSON, path, "应为一个对象", "an object is expected")
                   : payload_json_fault(&trouble, path, ret_error);
        json_decref(object);
        return status;
    }
    *ret_object = object;
    return 0;
}
