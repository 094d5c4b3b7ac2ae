/* leadbusd: the broker. Options, privileges, parts wired together; everything else is elsewhere. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine.h"
#include "broker/shell/journal.h"
#include "broker/shell/settings.h"
#include "broker/shell/zap.h"
#include "certs/keyring/keyring.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/host/options.h"

#define PROGRAM             "leadbusd"
#define CONFIG_PATH_DEFAULT "/etc/leadbus/leadbusd.conf"
enum { ROUND_MS = 1000, GONE_COUNT_MAX = 4096, PRIVATE = 0600 };

/* Everything that runs. Zeroed members are not there. */
struct broker {
    const char *config_path;
    struct settings settings;
    struct keyring keyring;
    struct counters counters;
    struct directory_box directories;
    struct journal journal;
    void *zmq;
    struct zap *zap;
    struct net *net;
    struct verify *verify;
    struct queue gone;
    struct engine *engine;
    char endpoints[NET_ENDPOINT_COUNT_MAX][NET_ENDPOINT_LEN_MAX + 1];
};

/* No secret in a core file, none in swap as far as the system lets us. */
static void guard_memory(void)
{
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

static int open_keyring(struct broker *broker, struct error *ret_error)
{
    struct buf passphrase = {0};
    const struct settings *settings = &broker->settings;
    int code = keyring_passphrase_read(
        settings->passphrase_file[0] ? settings->passphrase_file : NULL, settings->credential,
        T("密钥口令：", "Passphrase of the keyring: "), &passphrase, ret_error);
    if (!code)
        code = keyring_load(&broker->keyring, settings->keyring, buf_bytes(&passphrase), ret_error);
    buf_wipe_fini(&passphrase);
    if (!code && broker->keyring.role != LEADBUS__ROLE__ROLE_BROKER)
        code =
            error_set(ret_error, E_ROLE_NOT_ALLOWED, settings->keyring, "not a broker's keyring");
    if (!code) (void)sodium_mlock(&broker->keyring, sizeof broker->keyring);
    return code;
}

/* Where a client on this machine reaches what was bound. */
static void local_endpoint(const char *bound, char ret_endpoint[NET_ENDPOINT_LEN_MAX + 1])
{
    const char *port = strrchr(bound, ':');
    if (strncmp(bound, "tcp://0.0.0.0:", 14) == 0)
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "tcp://127.0.0.1%s", port);
    else if (strncmp(bound, "tcp://[::]:", 11) == 0)
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "tcp://[::1]%s", port);
    else
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "%s", bound);
}

static int open_network(struct broker *broker, struct error *ret_error)
{
    const struct settings *settings = &broker->settings;
    broker->zmq = zmq_ctx_new();
    if (!broker->zmq) return error_set(ret_error, E_NO_MEMORY, NULL, "zmq");
    int code = zap_start(broker->zmq, &broker->directories, &broker->counters,
                         settings->connection_count_max, &broker->zap, ret_error);
    if (!code)
        code = net_open(broker->zmq, broker->keyring.transport_secret, broker->zap,
                        &broker->counters, &broker->gone, &broker->net, ret_error);
    for (size_t i = 0; !code && i < settings->endpoint_count; i++) {
        char local[NET_ENDPOINT_LEN_MAX + 1];
        code = net_bind(broker->net, settings->endpoints[i], broker->endpoints[i], ret_error);
        if (code) break;
        local_endpoint(broker->endpoints[i], local);
        code = zap_prove(broker->zmq, local, broker->keyring.transport_public, ret_error);
        if (!code) log_info("listening", log_text("endpoint", broker->endpoints[i]));
    }
    return code;
}

static int start(struct broker *broker, struct error *ret_error)
{
    const struct settings *settings = &broker->settings;
    directory_box_init(&broker->directories);
    int code = open_keyring(broker, ret_error);
    if (!code) code = queue_init(&broker->gone, GONE_COUNT_MAX, true, ret_error);
    if (!code) code = journal_open(settings, &broker->keyring, &broker->journal, ret_error);
    if (!code)
        code = directory_box_publish(&broker->directories, core_bundle(broker->journal.core),
                                     ret_error);
    if (!code) code = open_network(broker, ret_error);
    if (!code)
        code = verify_start(settings->thread_count, &broker->directories,
                            net_room_bell(broker->net), &broker->verify, ret_error);
    if (!code) code = writer_start(broker->journal.writer, ret_error);
    if (code) return code;
    const struct engine_parts parts = {.core = broker->journal.core,
                                       .writer = broker->journal.writer,
                                       .reader = broker->journal.reader,
                                       .verify = broker->verify,
                                       .net = broker->net,
                                       .gone = &broker->gone,
                                       .directories = &broker->directories,
                                       .counters = &broker->counters,
                                       .checkpoint = buf_bytes(&broker->journal.checkpoint),
                                       .credit_max = settings->limits.credit_max,
                                       .session_count_max = settings->connection_count_max};
    code = engine_start(&parts, &broker->engine, ret_error);
    if (code) return code;
    broker->journal.core = NULL; /* the engine's now */
    return net_run(broker->net, broker->verify, ret_error);
}

/* Drains, in the direction of the work, and closes. */
static void stop(struct broker *broker)
{
    uint64_t size = 0;
    uint8_t digest[32] = {0};
    if (broker->net) net_stop_reading(broker->net);
    if (broker->engine) engine_stop(broker->engine, &size, digest);
    net_stop(broker->net);
    verify_stop(broker->verify);
    zap_stop(broker->zap);
    if (broker->zmq) zmq_ctx_term(broker->zmq);
    if (broker->engine)
        log_info("stopped", log_u64("size", size),
                 log_hex("digest", bytes_of(digest, sizeof digest)));
    engine_free(broker->engine);
    journal_fini(&broker->journal);
    for (void *peer; broker->gone.items && (peer = queue_try_pop(&broker->gone));) free(peer);
    queue_fini(&broker->gone);
    directory_box_fini(&broker->directories);
    keyring_fini(&broker->keyring);
    (void)sodium_munlock(&broker->keyring, sizeof broker->keyring);
}

/* ---- while it runs
 * -------------------------------------------------------------------------------- */

static void reload(struct broker *broker)
{
    struct settings fresh;
    struct error error = {0};
    struct buf bundle = {0};
    sd_notify(0, "RELOADING=1");
    int code = settings_load(broker->config_path, &fresh, &error);
    if (!code) {
        log_init(fresh.log_level, fresh.log_format);
        code = file_read(fresh.bundle, LIMIT_BUNDLE_BYTES_MAX, &bundle, &error);
        settings_fini(&fresh);
    }
    if (code)
        log_failure(LOG_LEVEL_ERROR, "reload_failed", code, &error);
    else
        log_info("reloaded");
    if (!code) engine_offer_bundle(broker->engine, &bundle);
    buf_fini(&bundle);
    sd_notify(0, "READY=1");
}

static void write_status(struct broker *broker)
{
    char path[4096];
    struct buf status = {0};
    struct error error = {0};
    engine_status(broker->engine, &status);
    snprintf(path, sizeof path, "%s/status.json", broker->settings.state);
    if (status.len) {
        int code = file_write_atomic(path, buf_bytes(&status), PRIVATE, &error);
        if (code) log_failure(LOG_LEVEL_WARN, "status_failed", code, &error);
    }
    buf_fini(&status);
}

/* Until SIGTERM or SIGINT. The watchdog is fed only while the engine makes its rounds. */
static void serve(struct broker *broker, int signals)
{
    uint64_t rounds = 0, status_at_ms = 0;
    sd_notify(0, "READY=1");
    for (;;) {
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        if (poll(&fd, 1, ROUND_MS) > 0) {
            struct signalfd_siginfo info;
            if (read(signals, &info, sizeof info) == sizeof info) {
                if (info.ssi_signo != SIGHUP) break;
                reload(broker);
            }
        }
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms < status_at_ms) continue;
        status_at_ms = now_ms + ROUND_MS;
        write_status(broker);
        uint64_t made = engine_rounds(broker->engine);
        if (made != rounds) sd_notify(0, "WATCHDOG=1");
        rounds = made;
    }
    sd_notify(0, "STOPPING=1");
    log_info("stopping");
}

static int take_signals(int *ret_fd, struct error *ret_error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL)) return error_set(ret_error, E_IO, "signals", "mask");
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return error_set(ret_error, E_IO, "signals", "%s", strerror(errno));
    *ret_fd = fd;
    return 0;
}

static int run(struct broker *broker)
{
    struct error error = {0};
    int signals = -1;
    int code = take_signals(&signals, &error);
    if (!code) {
        log_info("starting", log_text("version", LEADBUS_VERSION),
                 log_text("bus", broker->settings.bus));
        clock_start();
        code = start(broker, &error);
    }
    if (!code) {
        log_info("started", log_u64("threads", broker->settings.thread_count));
        serve(broker, signals);
        write_status(broker);
    } else {
        log_failure(LOG_LEVEL_ERROR, "start_failed", code, &error);
        i18n_complain(PROGRAM, code, &error);
    }
    stop(broker);
    if (signals >= 0) close(signals);
    return options_exit_code(code);
}

int main(int argc, char **argv)
{
    bool check_config = false, describe = false;
    static struct broker broker = {.config_path = CONFIG_PATH_DEFAULT};
    const struct options_row rows[] = {
        {"config", 'c', "文件", "FILE", "配置文件，默认 " CONFIG_PATH_DEFAULT,
         "configuration file, default " CONFIG_PATH_DEFAULT, NULL, &broker.config_path, NULL},
        {"check-config", 0, NULL, NULL, "检查配置，打印生效值后退出",
         "check the configuration, print what is in force, exit", &check_config, NULL, NULL},
        {"describe-config", 0, NULL, NULL, "打印带说明的配置样例",
         "print a commented example of the configuration", &describe, NULL, NULL},
    };
    const struct options_spec spec = {
        .program = PROGRAM,
        .usage_zh = "[选项]",
        .usage_en = "[options]",
        .about_zh = "线索总线服务：接收、存证并转交加密线索。",
        .about_en =
            "The broker of the lead bus: takes sealed leads, journals them, passes them on.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == OPTIONS_DONE) return 0;
    if (code) return EX_USAGE;
    if (first < argc) {
        i18n_complain(PROGRAM, E_USAGE, NULL);
        return EX_USAGE;
    }
    if (describe) {
        settings_describe(stdout);
        return 0;
    }
    guard_memory();
    umask(077);
    CHECK(sodium_init() >= 0);
    struct error error = {0};
    code = settings_load(broker.config_path, &broker.settings, &error);
    if (code) {
        i18n_complain(PROGRAM, code, &error);
        return code == E_BAD_CONFIG || code == E_NOT_FOUND ? EX_CONFIG : options_exit_code(code);
    }
    int status = 0;
    if (check_config) {
        config_print(broker.settings.config, stdout);
    } else {
        log_init(broker.settings.log_level, broker.settings.log_format);
        status = run(&broker);
    }
    settings_fini(&broker.settings);
    return status;
}
