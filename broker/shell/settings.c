#include "broker/shell/settings.h"

#include <string.h>
#include <unistd.h>

#include "broker/shell/verify.h"
#include "proto/base/limits.h"

static const struct config_key KEYS[] = {
    {"bus", "name", CONFIG_TEXT, NULL, 1, 127, true, "总线名称，与方案包一致",
     "name of the bus, as in the bundle"},
    {"bus", "state", CONFIG_PATH, "/var/lib/leadbus", 0, 0, false, "数据目录（日志 journal.db 等）",
     "folder of the journal and of status.json"},
    {"bus", "root", CONFIG_PATH, NULL, 0, 0, true, "信任根（签名文本）文件",
     "file of the signed root note"},
    {"bus", "bundle", CONFIG_PATH, NULL, 0, 0, true, "方案包文件；启动与 SIGHUP 时读取，较新则装入",
     "file of the bundle; read at start and on SIGHUP, installed when newer"},
    {"bus", "keyring", CONFIG_PATH, NULL, 0, 0, true, "本服务的密钥文件", "the broker's keyring"},
    {"bus", "passphrase_file", CONFIG_PATH, NULL, 0, 0, false, "口令文件（权限 600）",
     "file with the keyring's passphrase, mode 600"},
    {"bus", "credential", CONFIG_TEXT, "leadbus-passphrase", 1, 127, false,
     "无口令文件时使用的 systemd 凭据名称", "systemd credential used where there is no such file"},
    {"listen", "endpoint", CONFIG_LIST, "tcp://127.0.0.1:7447", 1, NET_ENDPOINT_COUNT_MAX, false,
     "监听地址：tcp:// 或 ipc://", "where to listen: tcp:// or ipc://"},
    {"listen", "connections", CONFIG_U64, "1024", 1, 65536, false, "同时连接数上限",
     "connections at once"},
    {"limits", "credit_max", CONFIG_U64, "256", 1, LIMIT_CREDIT_MAX, false,
     "每单位每通道在途投递上限", "deliveries in flight per unit and lane"},
    {"limits", "created_skew", CONFIG_DURATION, "15m", 1000, LIMIT_CREATED_SKEW_MS, false,
     "创建时间可超前多少", "how far ahead a creation time may be"},
    {"limits", "created_age", CONFIG_DURATION, "30d", 60000, LIMIT_CREATED_AGE_MS, false,
     "创建时间可早多少", "how old a creation time may be"},
    {"limits", "bundle_grace", CONFIG_DURATION, "24h", 0, LIMIT_BUNDLE_GRACE_MS, false,
     "旧方案包的宽限时间", "how long the previous bundle is still taken"},
    {"limits", "quota_per_minute", CONFIG_U64, "0", 0, 1000000, false,
     "每证书每分钟受理上限（消息、密钥与重新封装），0 为不限",
     "messages, keys and rewraps per certificate and minute; 0 = no quota"},
    {"limits", "waiting_max", CONFIG_U64, "0", 0, 100000000, false, "每单位待投递上限，0 为不限",
     "waiting deliveries per unit; 0 = no bound"},
    {"limits", "wal_alarm", CONFIG_SIZE, "128M", 1048576, 1ull << 40, false,
     "日志的预写文件（journal.db-wal）达到多大即报警",
     "from what size on the journal's write-ahead log is an alarm"},
    {"attachments", "envelope_max", CONFIG_SIZE, "1G", 1024, LIMIT_ATTACHMENT_BYTES_MAX, false,
     "一条消息的附件总量上限", "attachments of one message together"},
    {"attachments", "upload_max", CONFIG_SIZE, "4G", 1048576, 1ull << 50, false,
     "每单位已上传而尚未随消息入账的总量上限；不得小于 envelope_max",
     "per unit: uploaded and not yet accepted with a message; not below envelope_max"},
    {"attachments", "day_max", CONFIG_SIZE, "16G", 1048576, 1ull << 50, false,
     "每单位 24 小时内随消息入账的附件总量上限（含尚未入账的）；不得小于 envelope_max",
     "per unit: accepted with messages within 24 hours, and on their way; not below envelope_max"},
    {"attachments", "upload_keep", CONFIG_DURATION, "24h", 1000, 2592000000ull, false,
     "上传后无动静而未入账的分块保留多久", "how long chunks wait for their message"},
    {"pool", "threads", CONFIG_U64, "0", 0, VERIFY_THREAD_MAX, false, "验签线程数，0 为处理器核数",
     "verifying threads; 0 = one per core"},
    {"log", "level", CONFIG_TEXT, "info", 1, 8, false, "debug、info、warn 或 error",
     "debug, info, warn or error"},
    {"log", "format", CONFIG_TEXT, "logfmt", 1, 8, false, "logfmt 或 json", "logfmt or json"},
};
enum { KEY_COUNT = sizeof KEYS / sizeof KEYS[0] };

static int read_endpoints(struct settings *settings, struct error *ret_error)
{
    const struct config *config = settings->config;
    size_t count = config_list_count(config, "listen", "endpoint");
    for (size_t i = 0; i < count && i < NET_ENDPOINT_COUNT_MAX; i++) {
        const char *endpoint = config_list_at(config, "listen", "endpoint", i);
        if (strlen(endpoint) > NET_ENDPOINT_LEN_MAX)
            return error_say(ret_error, E_BAD_CONFIG, config_origin(config, "listen", "endpoint"),
                             "listen.endpoint：至多 %d 字节", "listen.endpoint: at most %d bytes",
                             NET_ENDPOINT_LEN_MAX);
        int code = config_check_endpoint(config, "listen", "endpoint", endpoint, ret_error);
        if (code) return code;
        settings->endpoints[settings->endpoint_count++] = endpoint;
    }
    return 0;
}

static void read_limits(struct settings *settings)
{
    const struct config *config = settings->config;
    Leadbus__Configured *limits = &settings->limits;
    leadbus__configured__init(limits);
    limits->credit_max = (uint32_t)config_u64(config, "limits", "credit_max");
    limits->created_skew_ms = config_u64(config, "limits", "created_skew");
    limits->created_age_ms = config_u64(config, "limits", "created_age");
    limits->bundle_grace_ms = config_u64(config, "limits", "bundle_grace");
    limits->quota_per_minute = (uint32_t)config_u64(config, "limits", "quota_per_minute");
    limits->waiting_max = config_u64(config, "limits", "waiting_max");
    limits->attachment_bytes_max = config_u64(config, "attachments", "envelope_max");
}

static int read_attachments(struct settings *settings, struct error *ret_error)
{
    const struct config *config = settings->config;
    int len = snprintf(settings->chunks, sizeof settings->chunks, "%s/chunks", settings->state);
    if (len < 0 || (size_t)len >= sizeof settings->chunks)
        return error_say(ret_error, E_BAD_CONFIG, config_origin(config, "bus", "state"),
                         "bus.state：路径至多 %zu 字节", "bus.state: a path of at most %zu bytes",
                         sizeof settings->chunks - 8);
    settings->upload_bytes_max = config_u64(config, "attachments", "upload_max");
    settings->upload_keep_ms = config_u64(config, "attachments", "upload_keep");
    settings->day_bytes_max = config_u64(config, "attachments", "day_max");
    const char *low = settings->upload_bytes_max < settings->limits.attachment_bytes_max
                          ? "upload_max"
                      : settings->day_bytes_max < settings->limits.attachment_bytes_max ? "day_max"
                                                                                        : NULL;
    if (!low) return 0;
    return error_say(ret_error, E_BAD_CONFIG, config_origin(config, "attachments", low),
                     "attachments.%s 小于 envelope_max，这样大的消息将无法发送",
                     "attachments.%s: below envelope_max no such message could be sent", low);
}

static size_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) return 1;
    return count > VERIFY_THREAD_MAX ? VERIFY_THREAD_MAX : (size_t)count;
}

int settings_load(const char *path, struct settings *ret_settings, struct error *ret_error)
{
    struct settings settings = {0};
    int code = config_load(KEYS, KEY_COUNT, path, &settings.config, ret_error);
    if (code) return code;
    const struct config *config = settings.config;
    settings.bus = config_text(config, "bus", "name");
    settings.state = config_text(config, "bus", "state");
    settings.root = config_text(config, "bus", "root");
    settings.bundle = config_text(config, "bus", "bundle");
    settings.keyring = config_text(config, "bus", "keyring");
    settings.passphrase_file = config_text(config, "bus", "passphrase_file");
    settings.credential = config_text(config, "bus", "credential");
    settings.wal_bytes_alarm = config_u64(config, "limits", "wal_alarm");
    settings.connection_count_max = (uint32_t)config_u64(config, "listen", "connections");
    settings.thread_count = (size_t)config_u64(config, "pool", "threads");
    if (!settings.thread_count) settings.thread_count = cores();
    read_limits(&settings);
    code = read_endpoints(&settings, ret_error);
    if (!code) code = read_attachments(&settings, ret_error);
    if (!code && log_level_parse(config_text(config, "log", "level"), &settings.log_level, NULL))
        code = config_refuse(config, "log", "level", "debug、info、warn 或 error",
                             "debug, info, warn or error", ret_error);
    if (!code && log_format_parse(config_text(config, "log", "format"), &settings.log_format, NULL))
        code =
            config_refuse(config, "log", "format", "logfmt 或 json", "logfmt or json", ret_error);
    if (code) {
        settings_fini(&settings);
        return code;
    }
    *ret_settings = settings;
    return 0;
}

void settings_fini(struct settings *settings)
{
    config_free(settings->config);
    settings->config = NULL;
}

void settings_describe(FILE *file)
{
    config_describe(KEYS, KEY_COUNT, file);
}
