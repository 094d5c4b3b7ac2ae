/* leadbus-agent: options, configuration, the parts wired together, the event loop. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "certs/keyring/keyring.h"
#include "clients/agent/agent.h"
#include "clients/agent/casefile.h"
#include "clients/agent/duty.h"
#include "clients/agent/examiner.h"
#include "clients/agent/files.h"
#include "clients/agent/http.h"
#include "proto/base/limits.h"
#include "proto/host/config.h"
#include "proto/host/descriptors.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/host/options.h"

static const struct config_key keys[] = {
    {"unit", "keyring", CONFIG_PATH, NULL, 0, 0, true, "本单位密钥文件", "the unit's keyring"},
    {"unit", "passphrase_file", CONFIG_PATH, NULL, 0, 0, false,
     "口令文件；不设时取 systemd 凭据 leadbus-passphrase",
     "file with its passphrase; else the systemd credential leadbus-passphrase"},
    {"unit", "store", CONFIG_PATH, NULL, 0, 0, true, "收发库（SQLite 文件）",
     "outbox and inbox, one SQLite file"},
    {"unit", "attachments", CONFIG_PATH, NULL, 0, 0, false,
     "附件目录（密文）；不设时为收发库路径加 -chunks",
     "folder of attachments, encrypted; else the store's path with -chunks"},
    {"unit", "attachments_max", CONFIG_SIZE, "16G", 1048576, INT64_MAX, false,
     "附件目录容量上限；一个单位发来的最多占其余附件剩下空间的一半",
     "bytes kept in it, at most; what one unit sends takes half of what all others leave"},
    {"unit", "outbox_max", CONFIG_U64, "100000", 1, 10000000, false, "未获回执的消息上限",
     "messages without a receipt, at most"},
    {"trust", "root", CONFIG_PATH, NULL, 0, 0, true, "信任根（root.note）", "the signed root note"},
    {"trust", "bundle", CONFIG_PATH, NULL, 0, 0, false, "初始方案包", "a bundle to begin with"},
    {"broker", "endpoint", CONFIG_TEXT, NULL, 0, 255, false, "总线地址；不设时取方案包中的地址",
     "the broker; else those of the bundle"},
    {"broker", "send_window", CONFIG_U64, "256", 1, LIMIT_SEQ_WINDOW, false, "在途消息上限",
     "messages on the wire without a receipt"},
    {"broker", "credit", CONFIG_U64, "256", 1, LIMIT_CREDIT_MAX, false, "每通道在途投递上限",
     "deliveries in flight per lane"},
    {"http", "socket", CONFIG_PATH, NULL, 0, 107, false, "本地接口的 unix 套接字",
     "unix socket of the local API"},
    {"http", "socket_mode", CONFIG_TEXT, "0600", 4, 4, false, "套接字权限：0600 或 0660",
     "its mode: 0600 or 0660"},
    {"http", "address", CONFIG_TEXT, NULL, 0, 63, false, "回环地址，需配令牌",
     "loopback address; needs a token"},
    {"http", "port", CONFIG_U64, "8437", 0, 65535, false, "端口", "port"},
    {"http", "token_file", CONFIG_PATH, NULL, 0, 0, false, "令牌文件（权限 0600）",
     "file with the bearer token (mode 0600)"},
    {"roster", "file", CONFIG_PATH, NULL, 0, 0, false, "值班表（CSV，UTF-8）；不设则不通知",
     "the duty roster (CSV, UTF-8); nobody is told without it"},
    {"roster", "command", CONFIG_PATH, NULL, 0, 0, false,
     "待签收时逐级通知所运行的程序；环境变量只含编号、种类、岗位、经办人代码；不设则只记日志",
     "run to tell who is on it of what waits to be signed for; id, kind, rank and officer alone "
     "are "
     "in its environment; else the log tells"},
    {"roster", "command_timeout", CONFIG_DURATION, "30s", 1000, 600000, false,
     "通知程序的时限，到时中止", "after that the command is ended"},
    {"roster", "repeat", CONFIG_DURATION, "5m", 1000, 3600000, false,
     "无人签收的警报每隔多久重复通知（方案未定时长，待确认），直至签收、解除或过期；无值班表时自送"
     "达起只记日志",
     "how often an alert that nobody signed for is told again (the plan sets no figure: to be "
     "confirmed), until it is signed for, stood down or past its end; without a roster the log "
     "alone tells, from the delivery on"},
    {"log", "level", CONFIG_TEXT, "info", 0, 5, false, "debug、info、warn 或 error",
     "debug, info, warn or error"},
    {"log", "format", CONFIG_TEXT, "logfmt", 0, 6, false, "logfmt 或 json", "logfmt or json"},
};
enum {
    KEY_COUNT = sizeof keys / sizeof *keys,
    SECRET_LEN_MAX = 1024,
    LONELY_FIRST_MS = 5000,
    LONELY_MS = 20000,
    LARGE_BYTES = 262144,
    FD_COUNT = 4, /* of the library, the API, signals and who is being told */
};

/* What the library borrows while it opens. */
struct material {
    struct buf passphrase;
    struct buf root;
    struct buf bundle;
    struct buf token;
};

static void material_fini(struct material *material)
{
    buf_wipe_fini(&material->passphrase);
    buf_wipe_fini(&material->token);
    buf_fini(&material->root);
    buf_fini(&material->bundle);
}

static void changed(void *ctx, unsigned changes, const uint8_t *id)
{
    struct agent *agent = ctx;
    (void)id;
    agent->changes |= changes;
}

static struct duty_options duty_options(const struct config *config)
{
    return (struct duty_options){
        config_text(config, "roster", "file"), config_text(config, "roster", "command"),
        config_u64(config, "roster", "command_timeout"), config_u64(config, "roster", "repeat")};
}

static int check_values(const struct config *config, struct error *ret_error)
{
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_LOGFMT;
    const char *mode = config_text(config, "http", "socket_mode");
    int status = 0;
    if (log_level_parse(config_text(config, "log", "level"), &level, NULL))
        return config_refuse(config, "log", "level", "debug、info、warn 或 error",
                             "debug, info, warn or error", ret_error);
    if (log_format_parse(config_text(config, "log", "format"), &format, NULL))
        return config_refuse(config, "log", "format", "logfmt 或 json", "logfmt or json",
                             ret_error);
    if (strcmp(mode, "0600") != 0 && strcmp(mode, "0660") != 0)
        return config_refuse(config, "http", "socket_mode", "0600 或 0660", "0600 or 0660",
                             ret_error);
    if (!*config_text(config, "http", "socket") && !*config_text(config, "http", "address"))
        return error_say(ret_error, E_BAD_CONFIG, "http.socket",
                         "请设置套接字（http.socket）或地址（http.address）",
                         "a socket (http.socket) or an address (http.address) is needed");
    if (*config_text(config, "http", "address") && !*config_text(config, "http", "token_file"))
        return error_say(ret_error, E_BAD_CONFIG, "http.token_file",
                         "设置地址时须有令牌文件：任何用户都能连到端口",
                         "an address needs a token file: any user can reach a port");
    if (*config_text(config, "http", "address") &&
        !http_address_valid(config_text(config, "http", "address")))
        return config_refuse(
            config, "http", "address", "127.0.0.0/8 或 ::1；他人经 HTTPS 反向代理访问代理",
            "127.0.0.0/8 or ::1; others reach the agent through an HTTPS proxy", ret_error);
    const char *endpoint = config_text(config, "broker", "endpoint");
    if (*endpoint)
        status = config_check_endpoint(config, "broker", "endpoint", endpoint, ret_error);
    else if (*config_origin(config, "broker", "endpoint"))
        status = error_say(ret_error, E_BAD_CONFIG, config_origin(config, "broker", "endpoint"),
                           "broker.endpoint 为空：填写地址，或删去此行以使用方案包中的地址",
                           "broker.endpoint is empty: give an address, or remove the line to use "
                           "those of the bundle");
    if (!status) log_init(level, format);
    return status;
}

/* A token is one line; the line feed at its end is the editor's. */
static int read_token(const char *path, struct buf *token, struct error *ret_error)
{
    if (!*path) return 0;
    int status = file_read_secret(path, SECRET_LEN_MAX, token, ret_error);
    if (status) return status;
    while (token->len &&
           (token->data[token->len - 1] == '\n' || token->data[token->len - 1] == '\r'))
        token->len--;
    if (token->len < 16)
        return error_say(ret_error, E_BAD_CONFIG, path, "令牌至少 16 个字符",
                         "a token of at least 16 characters");
    return 0;
}

/* Another file by mistake is told here, where its name is known. */
static int read_bundle(const char *path, struct buf *bundle, struct error *ret_error)
{
    int status = file_read(path, LIMIT_BUNDLE_BYTES_MAX, bundle, ret_error);
    if (status) return status;
    if (bundle->len && agent_is_bundle(buf_bytes(bundle))) return 0;
    if (!bundle->len)
        return error_say(ret_error, E_BAD_FORM, path,
                         "空文件：trust.bundle 应为已签名的方案包，请向授权机构索取",
                         "empty: trust.bundle should be a signed bundle; ask the authority for it");
    return error_say(
        ret_error, E_BAD_FORM, path,
        "不是方案包：trust.bundle 应为已签名的方案包（leadbus-ca combine "
        "的输出），请向授权机构索取",
        "no bundle: trust.bundle should be a signed bundle (as leadbus-ca combine writes it); "
        "ask the authority for it");
}

/* An empty one would be said to be missing by the library, which does not know its name. */
static int read_root(const char *path, struct buf *root, struct error *ret_error)
{
    int status = file_read(path, LIMIT_NOTE_BYTES_MAX, root, ret_error);
    if (status || root->len) return status;
    return error_say(ret_error, E_NOTE_INVALID, path,
                     "空文件：trust.root 应为已签名的信任根，请向授权机构索取",
                     "empty: trust.root should be the signed root; ask the authority for it");
}

static int read_material(const struct config *config, struct material *material,
                         struct error *ret_error)
{
    const char *passphrase = config_text(config, "unit", "passphrase_file");
    const char *bundle = config_text(config, "trust", "bundle");
    int status = keyring_passphrase_read(*passphrase ? passphrase : NULL, "leadbus-passphrase",
                                         NULL, &material->passphrase, ret_error);
    if (!status)
        status = read_root(config_text(config, "trust", "root"), &material->root, ret_error);
    if (!status && *bundle) status = read_bundle(bundle, &material->bundle, ret_error);
    if (!status)
        status = read_token(config_text(config, "http", "token_file"), &material->token, ret_error);
    return status;
}

static int open_library(struct agent *agent, const struct config *config,
                        const struct material *material, struct error *ret_error)
{
    const char *endpoint = config_text(config, "broker", "endpoint");
    const char *attachments = config_text(config, "unit", "attachments");
    struct leadbus_error trouble = {0};
    struct leadbus_options options = {
        .size = sizeof options,
        .store_path = config_text(config, "unit", "store"),
        .keyring_path = config_text(config, "unit", "keyring"),
        .passphrase = material->passphrase.data,
        .passphrase_len = material->passphrase.len,
        .root = material->root.data,
        .root_len = material->root.len,
        .bundle = material->bundle.len ? material->bundle.data : NULL,
        .bundle_len = material->bundle.len,
        .endpoint = *endpoint ? endpoint : NULL,
        .send_window = (uint32_t)config_u64(config, "broker", "send_window"),
        .credit = (uint32_t)config_u64(config, "broker", "credit"),
        .outbox_max = config_u64(config, "unit", "outbox_max"),
        .attachments_path = *attachments ? attachments : NULL,
        .attachments_max = config_u64(config, "unit", "attachments_max"),
        .check_section = agent_check_section,
        .examine_attachment = files_examine,
        .changed = changed,
        .ctx = agent,
    };
    if (leadbus_open(&options, &agent->lb, &trouble)) return agent_error(&trouble, ret_error);
    return agent_plan_refresh(agent, ret_error);
}

static int open_http(struct agent *agent, const struct config *config,
                     const struct material *material, struct error *ret_error)
{
    struct http_options options = {
        .socket_path = config_text(config, "http", "socket"),
        .socket_mode =
            strcmp(config_text(config, "http", "socket_mode"), "0660") == 0 ? 0660 : 0600,
        .address = config_text(config, "http", "address"),
        .port = (uint16_t)config_u64(config, "http", "port"),
        .token = buf_bytes(&material->token),
    };
    return http_start(agent, &options, &agent->http, ret_error);
}

static int signals_open(int *ret_fd, struct error *ret_error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return file_said(ret_error, E_IO, "signalfd", NULL, errno);
    *ret_fd = fd;
    return 0;
}

/* An alarm, or the newest trouble, once each, in words: who reads the log may never ask for the
 * status. */
static void log_troubles(struct agent *agent, const struct leadbus_stats *stats)
{
    struct error error = {0};
    bool alarm = stats->alarm_ms && stats->alarm_ms != agent->alarm_ms;
    bool trouble = stats->last_error_ms && stats->last_error_ms != agent->trouble_ms;
    if (agent->alarm_ms && !stats->alarm_ms) log_info("alarm_over");
    agent->alarm_ms = stats->alarm_ms;
    agent->trouble_ms = stats->last_error_ms;
    if (alarm) log_failure(LOG_LEVEL_ERROR, "alarm", agent_error(&stats->alarm, &error), &error);
    if (trouble && !(alarm && stats->last_error_ms == stats->alarm_ms))
        log_failure(LOG_LEVEL_WARN, "trouble", agent_error(&stats->last_error, &error), &error);
}

/* What the library told since the last time. */
static void take_changes(struct agent *agent)
{
    unsigned changes = agent->changes;
    struct error error = {0};
    agent->changes = 0;
    if (!changes) return;
    duty_wake(agent);
    if (changes & LEADBUS_CHANGED_BUNDLE) {
        int status = agent_plan_refresh(agent, &error);
        if (status)
            log_failure(LOG_LEVEL_ERROR, "plan_refused", status, &error);
        else
            log_info("bundle_changed", log_u64("bundle", agent->plan_bundle));
    }
    if (changes & LEADBUS_CHANGED_CONNECTION) {
        struct leadbus_stats stats = {.size = sizeof stats};
        leadbus_stats(agent->lb, &stats);
        log_troubles(agent, &stats);
        log_info(stats.connected ? "connected" : "disconnected",
                 log_text("endpoint", stats.endpoint), log_text("last", stats.last_error.name));
    }
    http_wake(agent->http);
}

/* Without a connection from the start nothing changes, so nothing would be told. */
static void log_lonely(struct agent *agent)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    uint64_t now_ms = agent_monotonic_ms();
    if (now_ms < agent->lonely_look_ms) return;
    agent->lonely_look_ms = now_ms + LONELY_MS;
    leadbus_stats(agent->lb, &stats);
    if (stats.certificate_not_after_ms && stats.certificate_not_after_ms <= agent_now_ms())
        log_error("certificate_over", log_u64("serial", stats.serial),
                  log_u64("since_ms", stats.certificate_not_after_ms));
    if (!stats.connected && agent->lonely)
        log_warn("not_connected", log_text("endpoint", stats.endpoint),
                 log_text("last", stats.last_error_ms ? stats.last_error.name : "no_answer"),
                 log_u64("queued", stats.queued));
    agent->lonely = !stats.connected;
}

static int least_timeout(struct agent *agent)
{
    int library_ms = leadbus_timeout_ms(agent->lb);
    int http_ms = http_timeout_ms(agent->http);
    uint64_t now_ms = agent_monotonic_ms();
    int least_ms = http_ms >= 0 && http_ms < library_ms ? http_ms : library_ms;
    uint64_t look_ms = agent->lonely_look_ms > now_ms ? agent->lonely_look_ms - now_ms : 0;
    uint64_t files_ms = files_next_ms(agent);
    if (files_ms != UINT64_MAX) {
        files_ms = files_ms > now_ms ? files_ms - now_ms : 0;
        if (files_ms < (uint64_t)least_ms) least_ms = (int)files_ms;
    }
    uint64_t duty_ms = duty_next_ms(agent);
    if (duty_ms != UINT64_MAX) {
        duty_ms = duty_ms > now_ms ? duty_ms - now_ms : 0;
        if (duty_ms < (uint64_t)least_ms) least_ms = (int)duty_ms;
    }
    return agent->lonely && look_ms < (uint64_t)least_ms ? (int)look_ms : least_ms;
}

/* One turn: wait, then let each part do what it has. *ret_stop: a signal asked for the end. */
static int turn(struct agent *agent, int signal_fd, uint64_t *watchdog_ms, bool *ret_stop,
                struct error *ret_error)
{
    struct pollfd fds[] = {{leadbus_fd(agent->lb), leadbus_events(agent->lb), 0},
                           {http_fd(agent->http), POLLIN, 0},
                           {signal_fd, POLLIN, 0},
                           {duty_fd(agent), POLLIN, 0},
                           {-1, POLLIN, 0},
                           {-1, POLLIN, 0}};
    int files[FILES_FD_COUNT];
    files_fds(agent, files);
    for (int i = 0; i < FILES_FD_COUNT; i++) fds[FD_COUNT + i].fd = files[i];
    int timeout_ms = least_timeout(agent);
    if (*watchdog_ms && timeout_ms > (int)*watchdog_ms) timeout_ms = (int)*watchdog_ms;
    if (poll(fds, FD_COUNT + FILES_FD_COUNT, timeout_ms) < 0 && errno != EINTR)
        return file_said(ret_error, E_IO, "poll", NULL, errno);
    struct signalfd_siginfo signal;
    while (read(signal_fd, &signal, sizeof signal) == (ssize_t)sizeof signal)
        if (signal.ssi_signo != SIGHUP)
            *ret_stop = true;
        else
            duty_reload(agent);
    struct leadbus_error trouble = {0};
    files_run(agent);
    if (leadbus_process(agent->lb, &trouble)) return agent_error(&trouble, ret_error);
    take_changes(agent);
    http_run(agent->http);
    take_changes(agent);
    int status = duty_run(agent, ret_error);
    if (status) return status;
    casefile_sweep(agent);
    log_lonely(agent);
    if (*watchdog_ms) sd_notify(0, "WATCHDOG=1");
    return 0;
}

static int run(struct agent *agent, int signal_fd, struct error *ret_error)
{
    uint64_t watchdog_us = 0;
    uint64_t watchdog_ms = sd_watchdog_enabled(0, &watchdog_us) > 0 ? watchdog_us / 2000 : 0;
    bool stop = false;
    int status = 0;
    sd_notify(0, "READY=1");
    while (!status && !stop) status = turn(agent, signal_fd, &watchdog_ms, &stop, ret_error);
    sd_notify(0, "STOPPING=1");
    return status;
}

/* Connections of the socket and of the port, and beside them the store, the bus, chunks of files
 * and children: libzmq ends the process where there is none left. */
static int make_room(struct error *ret_error)
{
    enum { OWN_DESCRIPTORS = 64, NEEDED = 2 * HTTP_CONNECTION_COUNT_MAX + OWN_DESCRIPTORS };
    uint64_t limit = 0;
    int status = descriptors_raise(NEEDED, &limit, ret_error);
    if (status || limit >= NEEDED) return status;
    return error_say(
        ret_error, E_BAD_CONFIG, "descriptors",
        "需要 %d 个描述符，上限为 %llu：请提高 LimitNOFILE（ulimit -n）",
        "%d descriptors are needed and the limit is %llu: raise LimitNOFILE (ulimit -n)", NEEDED,
        (unsigned long long)limit);
}

static int serve(const struct config *config, struct error *ret_error)
{
    struct agent agent = {.started_ms = agent_now_ms()};
    struct material material = {0};
    int signal_fd = -1;
    int status = make_room(ret_error);
    if (!status) status = signals_open(&signal_fd, ret_error);
    if (!status) status = read_material(config, &material, ret_error);
    if (!status) status = open_library(&agent, config, &material, ret_error);
    if (!status) status = open_http(&agent, config, &material, ret_error);
    agent.lonely_look_ms = agent_monotonic_ms() + LONELY_FIRST_MS;
    agent.lonely = true;
    material_fini(&material);
    if (!status) {
        log_info("started", log_text("unit", agent.unit), log_text("version", LEADBUS_VERSION),
                 log_u64("bundle", agent.plan_bundle), log_u64("port", http_port(agent.http)));
        const struct duty_options duty = duty_options(config);
        duty_start(&agent, &duty);
        status = run(&agent, signal_fd, ret_error);
    }
    http_stop(agent.http);
    files_stop(&agent);
    duty_stop(&agent);
    leadbus_close(agent.lb);
    plan_free(agent.plan);
    if (signal_fd >= 0) close(signal_fd);
    if (status)
        log_failure(LOG_LEVEL_ERROR, "failed", status, ret_error);
    else
        log_info("stopped", log_text("unit", agent.unit));
    return status;
}

int main(int argc, char **argv)
{
    const char *path = "/etc/leadbus/agent.conf";
    const char *lang = NULL;
    bool check = false;
    bool describe = false;
    struct options_list overrides = {0};
    const struct options_row rows[] = {
        {"config", 'c', "文件", "FILE", "配置文件（默认 /etc/leadbus/agent.conf）",
         "configuration (default /etc/leadbus/agent.conf)", NULL, &path, NULL},
        {"set", 's', "节.键=值", "SECTION.KEY=VALUE", "覆盖一项配置，可重复",
         "override one setting; may be repeated", NULL, NULL, &overrides},
        {"check-config", 0, NULL, NULL, "检查配置，打印生效值后退出",
         "check the configuration, print what is in force, exit", &check, NULL, NULL},
        {"describe-config", 0, NULL, NULL, "打印带注释的配置样例后退出",
         "print a commented example configuration, exit", &describe, NULL, NULL},
        {"lang", 0, "zh|en", "zh|en", "提示语言", "language of messages", NULL, &lang, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-agent",
        .usage_zh = "[选项]",
        .usage_en = "[OPTIONS]",
        .about_zh = "一个单位的收发代理：封装、签名、存储、收发，并提供本地 HTTP 接口。",
        .about_en =
            "One unit's agent: seals, signs, stores, sends and receives, and serves the local "
            "HTTP API.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows,
    };
    struct config *config = NULL;
    struct error error = {0};
    int first = 0;
    if (argc > 1 && strcmp(argv[1], EXAMINER_OPTION) == 0) return examiner_main(argc, argv);
    /* Chunks of attachments come and go: their memory goes back to the system, each time. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    int status = options_parse(&spec, argc, argv, false, &first);
    if (status == OPTIONS_DONE) return 0;
    if (status) return options_exit_code(status);
    if (lang && strcmp(lang, "en") != 0 && strcmp(lang, "zh") != 0)
        status = error_say(&error, E_USAGE, "--lang", "应为 zh 或 en", "zh / en");
    else if (lang)
        i18n_set(strcmp(lang, "en") == 0 ? LANG_EN : LANG_ZH);
    if (!status && describe) {
        config_describe(keys, KEY_COUNT, stdout);
        return 0;
    }
    if (!status && first < argc)
        status = error_say(&error, E_USAGE, argv[first], "不接受参数", "no operands are taken");
    if (!status && sodium_init() < 0)
        status = error_say(&error, E_IO, "libsodium", "无法启动", "does not start");
    if (!status) status = config_load(keys, KEY_COUNT, path, &config, &error);
    for (size_t i = 0; !status && i < overrides.count; i++)
        status = config_override(config, overrides.items[i], &error);
    if (!status) status = check_values(config, &error);
    const struct duty_options duty = config ? duty_options(config) : (struct duty_options){0};
    if (!status && check) status = duty_check(&duty, &error);
    if (!status && check) config_print(config, stdout);
    if (!status && !check) status = serve(config, &error);
    config_free(config);
    if (status) i18n_complain("leadbus-agent", status, &error);
    return options_exit_code(status);
}
