/* leadbusd: the broker as a program. Options, keyring, signals, the service manager; what serves is
 * broker/shell/broker. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
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
#include <time.h>
#include <unistd.h>

#include "broker/shell/backup.h"
#include "broker/shell/broker.h"
#include "broker/shell/clock.h"
#include "broker/shell/journal.h"
#include "certs/keyring/keyring.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/host/descriptors.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/host/options.h"

#define PROGRAM             "leadbusd"
#define CONFIG_PATH_DEFAULT "/etc/leadbus/leadbusd.conf"
enum {
    ROUND_MS = 1000,
    PRIVATE = 0600,
    LARGE_BYTES = 262144,
    KEPT_BYTES = 1 << 21,
    CONFIRM_S = 300
};

struct program {
    const char *config_path;
    struct settings settings;
    struct keyring keyring;
    struct broker *broker;
};

/* No secret in a core file, none in swap as far as the system lets us. */
static void guard_memory(void)
{
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* A connection needs a descriptor before anybody knows whose it is; the journal, the log and the
 * status need theirs all the same. */
static int make_room(uint32_t connection_count_max, struct error *ret_error)
{
    enum { OWN_DESCRIPTORS = 64 };
    uint64_t needed = (uint64_t)connection_count_max + OWN_DESCRIPTORS;
    uint64_t limit = 0;
    int code =
        descriptors_raise(4 * (uint64_t)connection_count_max + OWN_DESCRIPTORS, &limit, ret_error);
    if (code || limit >= needed) return code;
    return error_say(
        ret_error, E_BAD_CONFIG, "listen.connections",
        "%u 个连接需要 %llu 个描述符，上限为 %llu：请提高 LimitNOFILE（ulimit -n）或减少连接数",
        "%u connections need %llu descriptors and the limit is %llu: raise LimitNOFILE "
        "(ulimit -n) or lower the number",
        connection_count_max, (unsigned long long)needed, (unsigned long long)limit);
}

static int open_keyring(struct program *program, struct error *ret_error)
{
    struct buf passphrase = {0};
    const struct settings *settings = &program->settings;
    int code = keyring_passphrase_read(
        settings->passphrase_file[0] ? settings->passphrase_file : NULL, settings->credential,
        T("密钥口令：", "Passphrase of the keyring: "), &passphrase, ret_error);
    if (!code)
        code =
            keyring_load(&program->keyring, settings->keyring, buf_bytes(&passphrase), ret_error);
    buf_wipe_fini(&passphrase);
    if (!code && program->keyring.role != LEADBUS__ROLE__ROLE_BROKER)
        code = error_say(ret_error, E_ROLE_NOT_ALLOWED, settings->keyring,
                         "不是总线服务（broker）的密钥文件", "not a broker's keyring");
    if (!code) (void)sodium_mlock(&program->keyring, sizeof program->keyring);
    return code;
}

/* ---- while it runs
 * -------------------------------------------------------------------------------- */

static void reload(struct program *program)
{
    struct settings fresh;
    struct error error = {0};
    struct buf bundle = {0};
    sd_notify(0, "RELOADING=1");
    int code = settings_load(program->config_path, &fresh, &error);
    if (!code) {
        log_init(fresh.log_level, fresh.log_format);
        code = file_read(fresh.bundle, LIMIT_BUNDLE_BYTES_MAX, &bundle, &error);
        if (!code) broker_offer_bundle(program->broker, &bundle, fresh.bundle);
        settings_fini(&fresh);
    }
    if (code)
        log_failure(LOG_LEVEL_ERROR, "reload_failed", code, &error);
    else
        log_info("reloaded");
    buf_fini(&bundle);
    sd_notify(0, "READY=1");
}

static void write_status(struct program *program)
{
    char path[4096];
    struct buf status = {0};
    struct error error = {0};
    broker_status(program->broker, &status);
    snprintf(path, sizeof path, "%s/status.json", program->settings.state);
    if (status.len) {
        int code = file_write_atomic(path, buf_bytes(&status), PRIVATE, &error);
        if (code) log_failure(LOG_LEVEL_WARN, "status_failed", code, &error);
    }
    buf_fini(&status);
}

static void confirm_path(const struct settings *settings, char ret_path[4096])
{
    snprintf(ret_path, 4096, "%s/clock-confirmed", settings->state);
}

/* An operator's word about the clock, for the broker that runs or starts next; old ones are void.
 */
static void take_confirmation(const struct program *program)
{
    char path[4096];
    struct stat found;
    confirm_path(&program->settings, path);
    if (stat(path, &found) != 0) return;
    if (unlink(path) != 0) return; /* or it would count again after the next jump */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found.st_mtime <= now.tv_sec && now.tv_sec - found.st_mtime <= CONFIRM_S)
        clock_confirm();
    else
        log_warn("clock_confirmation_old");
}

static int confirm_clock(const struct settings *settings)
{
    char path[4096], text[I18N_TIME_LEN];
    struct error error = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    confirm_path(settings, path);
    int code = file_write_atomic(path, (struct bytes){0}, PRIVATE, &error);
    if (code) {
        i18n_complain(PROGRAM, code, &error);
        return options_exit_code(code);
    }
    i18n_time((uint64_t)now.tv_sec * 1000, text);
    printf(
        T("已确认：现在是 %s。运行中的服务一秒内据此恢复计时；未运行的，请在五分钟内启动。\n",
          "confirmed: it is %s now. A broker that runs goes by it within a second; start one that "
          "does not within five minutes.\n"),
        text);
    return 0;
}

/* Until SIGTERM or SIGINT. The watchdog is fed only while the engine makes its rounds. */
static void serve(struct program *program, int signals)
{
    uint64_t rounds = 0, status_at_ms = 0;
    sd_notify(0, "READY=1");
    for (;;) {
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        if (poll(&fd, 1, ROUND_MS) > 0) {
            struct signalfd_siginfo info;
            if (read(signals, &info, sizeof info) == sizeof info) {
                if (info.ssi_signo != SIGHUP) break;
                reload(program);
            }
        }
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms < status_at_ms) continue;
        status_at_ms = now_ms + ROUND_MS;
        take_confirmation(program);
        write_status(program);
        uint64_t made = broker_rounds(program->broker);
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
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return error_say(ret_error, E_IO, "signals", "信号设置失败", "mask");
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return file_said(ret_error, E_IO, "signals", NULL, errno);
    *ret_fd = fd;
    return 0;
}

static int run(struct program *program)
{
    struct error error = {0};
    int signals = -1;
    int code = take_signals(&signals, &error);
    if (!code) {
        log_info("starting", log_text("version", LEADBUS_VERSION),
                 log_text("bus", program->settings.bus));
        code = make_room(program->settings.connection_count_max, &error);
    }
    if (!code) code = open_keyring(program, &error);
    if (!code) {
        code = broker_start(&program->settings, &program->keyring, &program->broker, &error);
    }
    if (!code) {
        log_info("started", log_u64("threads", program->settings.thread_count));
        serve(program, signals);
        broker_drain(program->broker);
        write_status(program);
    } else {
        log_failure(LOG_LEVEL_ERROR, "start_failed", code, &error);
        i18n_complain(PROGRAM, code, &error);
    }
    broker_stop(program->broker);
    keyring_fini(&program->keyring);
    (void)sodium_munlock(&program->keyring, sizeof program->keyring);
    if (signals >= 0) close(signals);
    return options_exit_code(code);
}

/* The act is written and nothing is served: the operator looks at it, and starts the broker. */
static int restored(struct program *program)
{
    struct error error = {0};
    struct journal journal = {0};
    struct uploads *uploads = NULL;
    uint8_t hash_key[16];
    uint64_t end = 0;
    const struct settings *settings = &program->settings;
    clock_random(hash_key, sizeof hash_key);
    int code = open_keyring(program, &error);
    if (!code)
        code = uploads_new(settings->upload_bytes_max, settings->day_bytes_max,
                           settings->upload_keep_ms, hash_key, &uploads, &error);
    if (!code) code = journal_open(settings, &program->keyring, uploads, &journal, &error);
    if (!code) {
        size_t count = core_former_count(journal.core);
        const char *previous = core_former_at(journal.core, count - 1, &end);
        printf(T("已记录：日志 %s 自第 %" PRIu64 " 条起由备份续行，新日志名称\n%s\n"
                 "请用电话把新名称告知各单位，再启动总线\n",
                 "recorded: journal %s goes on from a backup at record %" PRIu64
                 ", under the name\n"
                 "%s\ntell the units this name by telephone, then start the broker\n"),
               previous, end, core_origin(journal.core));
        journal_fini(&journal);
    } else {
        i18n_complain(PROGRAM, code, &error);
    }
    uploads_free(uploads);
    keyring_fini(&program->keyring);
    (void)sodium_munlock(&program->keyring, sizeof program->keyring);
    return options_exit_code(code);
}

static int backup(const struct settings *settings, const char *path)
{
    struct error error = {0};
    struct checkpoint head;
    char root[65];
    int code = backup_make(settings, path, &head, &error);
    if (code) {
        i18n_complain(PROGRAM, code, &error);
        return options_exit_code(code);
    }
    hex_encode(bytes_of(head.root, sizeof head.root), root);
    printf(T("已备份 %" PRIu64 " 条记录到 %s\n日志 %s，树根 %s\n"
             "附件请随后复制 %s（可略去其中 pending）\n",
             "%" PRIu64 " records are in %s\njournal %s, root %s\n"
             "attachments: copy %s now (pending in it may be left out)\n"),
           head.size, path, head.origin, root, settings->chunks);
    return 0;
}

int main(int argc, char **argv)
{
    bool check_config = false, describe = false, begin = false, confirm = false;
    const char *backup_path = NULL, *reason = NULL;
    /* Chunks of attachments come and go: their memory goes back to the system, each time. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    /* Groups come and go many times a second: what they took is not given back each time. */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_TOP_PAD, LARGE_BYTES);
    static struct program program = {.config_path = CONFIG_PATH_DEFAULT};
    const struct options_row rows[] = {
        {"config", 'c', "文件", "FILE", "配置文件，默认 " CONFIG_PATH_DEFAULT,
         "configuration file, default " CONFIG_PATH_DEFAULT, NULL, &program.config_path, NULL},
        {"begin", 0, NULL, NULL, "首次启动：新建日志（已有日志时拒绝）",
         "the first start: begin a new journal (refused where there is one)", &begin, NULL, NULL},
        {"backup", 0, "文件", "FILE", "把日志备份到新文件并核对，然后退出；运行中也可使用",
         "copy the journal to a new file, check the copy, exit; also while the broker runs", NULL,
         &backup_path, NULL},
        {"restored", 0, "原因", "REASON",
         "记录：日志由备份恢复，此后改用新的名称；写入后退出，不提供服务",
         "record that the journal is a backup put back: it goes on under a new name; then exit",
         NULL, &reason, NULL},
        {"confirm-clock", 0, NULL, NULL, "确认本机时钟正确：时钟可疑而停止计时后使用，然后退出",
         "say that this machine's clock is right, after it was suspect and nothing fell due; exit",
         &confirm, NULL, NULL},
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
    code = settings_load(program.config_path, &program.settings, &error);
    if (code) {
        i18n_complain(PROGRAM, code, &error);
        return code == E_BAD_CONFIG || code == E_NOT_FOUND ? EX_CONFIG : options_exit_code(code);
    }
    int status = 0;
    if (check_config) {
        config_print(program.settings.config, stdout);
    } else if (confirm) {
        status = confirm_clock(&program.settings);
    } else if (backup_path) {
        status = backup(&program.settings, backup_path);
    } else if (reason) {
        log_init(program.settings.log_level, program.settings.log_format);
        program.settings.restored = reason;
        status = restored(&program);
    } else {
        log_init(program.settings.log_level, program.settings.log_format);
        program.settings.begin = begin;
        status = run(&program);
    }
    settings_fini(&program.settings);
    return status;
}
