#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "certs/ca/ca.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"

struct init_work {
    const char *bus, *folder;
    struct options_list names, passphrase_files, key_files;
    uint64_t now_ms;
    struct trust_root root;
    struct keyring authorities[TRUST_KEY_COUNT_MAX];
    size_t made; /* key files written so far */
};

static void key_path(const struct init_work *work, size_t i, struct buf *path)
{
    buf_printf(path, "%s/%s.key", work->folder, work->names.items[i]);
    buf_append_u8(path, 0);
}

/* One secret for all, or one for each in the order of the names. */
static int secret_of(const struct init_work *work, size_t i, struct ca_secret *ret,
                     struct error *ret_error)
{
    const struct options_list *lists[] = {&work->passphrase_files, &work->key_files};
    const char **targets[] = {&ret->passphrase_file, &ret->key_file};
    *ret = (struct ca_secret){0};
    for (size_t k = 0; k < 2; k++) {
        if (lists[k]->count == 0) continue;
        if (lists[k]->count != 1 && lists[k]->count != work->names.count)
            return error_say(ret_error, E_BAD_VALUE, "--passphrase-file",
                             "给一个，或每位授权人各一个", "give one, or one for each authority");
        *targets[k] = lists[k]->items[lists[k]->count == 1 ? 0 : i];
    }
    return 0;
}

static int make_authority(struct init_work *work, size_t i, struct error *ret_error)
{
    const char *name = work->names.items[i];
    struct keyring *keyring = &work->authorities[i];
    struct buf path = {0}, passphrase = {0};
    struct ca_secret secret;
    int rc = secret_of(work, i, &secret, ret_error);
    if (rc == 0) rc = ca_note_name(work->bus, name, work->root.keys[i].name, ret_error);
    key_path(work, i, &path);
    if (rc == 0)
        rc = keyring_generate(keyring, name, LEADBUS__ROLE__ROLE_NONE, work->now_ms, 0, 0,
                              ret_error);
    if (rc == 0) rc = ca_secret_choose(&secret, name, &passphrase, ret_error);
    if (rc == 0)
        rc = keyring_save(keyring, (const char *)path.data, buf_bytes(&passphrase), ret_error);
    if (rc == 0) {
        work->made = i + 1;
        memcpy(work->root.keys[i].public_key, keyring->identity_public, SUITE_PUBLIC_LEN);
        work->root.key_count = i + 1;
    }
    buf_wipe_fini(&passphrase);
    buf_fini(&path);
    return rc;
}

static int write_root(struct init_work *work, struct error *ret_error)
{
    struct buf text = {0}, note = {0}, path = {0};
    struct trust_root opened;
    int rc = trust_root_format(&work->root, &text, ret_error);
    if (rc == 0) rc = note_begin(&note, buf_bytes(&text), ret_error);
    for (size_t i = 0; rc == 0 && i < work->root.key_count; i++)
        rc = note_append_signature(&note, work->root.keys[i].name,
                                   work->authorities[i].identity_secret, ret_error);
    /* What is handed out is what was read back. */
    if (rc == 0) rc = trust_root_open(buf_bytes(&note), &opened, ret_error);
    buf_printf(&path, "%s/root.note", work->folder);
    buf_append_u8(&path, 0);
    if (rc == 0) rc = file_write_new((const char *)path.data, buf_bytes(&note), 0644, ret_error);
    if (rc == 0)
        printf(T("信任根：%s（方案包须 %u 人签名，授权人共 %zu 位）\n",
                 "root of trust: %s (%u of %zu must sign a bundle)\n"),
               (const char *)path.data, work->root.threshold_bundle, work->root.key_count);
    buf_fini(&text);
    buf_fini(&note);
    buf_fini(&path);
    return rc;
}

/* Before anybody is asked for a passphrase: nothing of an earlier ceremony is in the way. */
static int check_free(const struct init_work *work, struct error *ret_error)
{
    struct buf path = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i <= work->names.count; i++) {
        buf_reset(&path);
        if (i < work->names.count) {
            key_path(work, i, &path);
        } else {
            buf_printf(&path, "%s/root.note", work->folder);
            buf_append_u8(&path, 0);
        }
        if (file_exists((const char *)path.data))
            rc = error_say(ret_error, E_EXISTS, (const char *)path.data,
                           "此目录已有一次仪式的文件；请换一个目录",
                           "this folder holds an earlier ceremony; take another one");
    }
    buf_fini(&path);
    return rc;
}

/* A ceremony that was broken off leaves no key behind. */
static void remove_made(const struct init_work *work)
{
    struct buf path = {0};
    for (size_t i = 0; i < work->made; i++) {
        buf_reset(&path);
        key_path(work, i, &path);
        (void)unlink((const char *)path.data);
    }
    buf_fini(&path);
    (void)fprintf(stderr, "%s\n",
                  T("仪式未完成，本次生成的密钥文件已删除",
                    "the ceremony is not complete; the key files it made were removed"));
}

static int run(struct init_work *work, struct error *ret_error)
{
    int rc = file_make_folders(work->folder, ret_error);
    if (rc == 0) rc = file_check_folder(work->folder, ret_error);
    if (rc == 0) rc = check_free(work, ret_error);
    for (size_t i = 0; rc == 0 && i < work->names.count; i++) {
        rc = make_authority(work, i, ret_error);
        if (rc == 0)
            printf(T("授权人密钥：%s/%s.key\n", "authority's key: %s/%s.key\n"), work->folder,
                   work->names.items[i]);
    }
    if (rc == 0) rc = write_root(work, ret_error);
    if (rc < 0 && work->made > 0) remove_made(work);
    return rc;
}

/* What is missing or too much, by name. */
static int check_usage(const struct init_work *work, const char *extra, struct error *ret_error)
{
    if (extra) return error_say(ret_error, E_USAGE, extra, "多余的参数", "not wanted");
    if (!work->bus)
        return error_say(ret_error, E_USAGE, "--bus", "须给出总线名称，如 hedong.leadbus",
                         "the name of the bus is needed, for instance hedong.leadbus");
    if (!trust_name_valid(work->bus))
        return error_say(ret_error, E_USAGE, "--bus", "总线名称不合规，如 hedong.leadbus",
                         "not a name of a bus, such as hedong.leadbus");
    if (!work->folder)
        return error_say(ret_error, E_USAGE, "--out", "须给出存放密钥与信任根的目录",
                         "the folder for keys and root is needed");
    return 0;
}

int ca_init(int argc, char **argv)
{
    static struct init_work work;
    static char default_names[TRUST_KEY_COUNT_MAX][16];
    const char *count_text = NULL, *threshold_text = NULL, *days_text = NULL, *now_text = NULL;
    const struct options_row rows[] = {
        {.name = "bus",
         .value_zh = "名称",
         .value_en = "NAME",
         .doc_zh = "总线名称，如 hedong.leadbus",
         .doc_en = "the bus, for instance hedong.leadbus",
         .text = &work.bus},
        {.name = "out",
         .letter = 'o',
         .value_zh = "目录",
         .value_en = "FOLDER",
         .doc_zh = "密钥与信任根写入此目录（0700）",
         .doc_en = "folder for keys and root, made with mode 0700",
         .text = &work.folder},
        {.name = "authority",
         .value_zh = "名称",
         .value_en = "NAME",
         .doc_zh = "授权人名称，可多次",
         .doc_en = "name of an authority; may be repeated",
         .list = &work.names},
        {.name = "authorities",
         .value_zh = "N",
         .value_en = "N",
         .doc_zh = "授权人数，默认 3（authority-1 起）",
         .doc_en = "how many, named authority-1 on (3)",
         .text = &count_text},
        {.name = "threshold",
         .value_zh = "M",
         .value_en = "M",
         .doc_zh = "至少几人签名，默认过半",
         .doc_en = "how many must sign (more than half)",
         .text = &threshold_text},
        {.name = "days",
         .value_zh = "天",
         .value_en = "DAYS",
         .doc_zh = "信任根有效天数，默认 1825",
         .doc_en = "days until the root expires (1825)",
         .text = &days_text},
        {.name = "passphrase-file",
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "口令文件：一个，或按授权人顺序各一个",
         .doc_en = "passphrase: one file, or one for each authority in order",
         .list = &work.passphrase_files},
        {.name = "key-file",
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "32 字节原始密钥文件，代替口令",
         .doc_en = "raw key of 32 bytes instead of a passphrase",
         .list = &work.key_files},
        CA_OPTION_NOW(&now_text),
    };
    const struct options_spec spec = {
        "leadbus-ca init",
        "--bus 名称 --out 目录 [选项]",
        "--bus NAME --out FOLDER [options]",
        "建立信任根：为每位授权人生成密钥，写出由全部授权人签名的 root.note。\n"
        "正式仪式中各人自持口令，仪式后密钥文件由各人带走。",
        "Makes the root of trust: a key for every authority and root.note, signed by all of them.\n"
        "In a real ceremony everybody keeps a passphrase and takes the key file away.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    uint64_t count = 0, threshold = 0, days = 0;
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    rc = check_usage(&work, first < argc ? argv[first] : NULL, &error);
    if (rc < 0) return ca_fail(rc, &error);
    rc = ca_number("--authorities", count_text, 1, TRUST_KEY_COUNT_MAX,
                   work.names.count ? work.names.count : 3, &count, &error);
    for (size_t i = 0; rc == 0 && work.names.count < count; i++) {
        (void)snprintf(default_names[i], sizeof default_names[i], "authority-%zu",
                       work.names.count + 1);
        work.names.items[work.names.count++] = default_names[i];
    }
    if (rc == 0 && work.names.count > TRUST_KEY_COUNT_MAX)
        rc = error_say(&error, E_BAD_VALUE, "--authority", "至多 %d 位", "at most %d",
                       TRUST_KEY_COUNT_MAX);
    if (rc == 0)
        rc = ca_number("--threshold", threshold_text, 1, work.names.count, work.names.count / 2 + 1,
                       &threshold, &error);
    if (rc == 0) rc = ca_number("--days", days_text, 1, 36500, 1825, &days, &error);
    if (rc == 0) rc = ca_now(now_text, &work.now_ms, &error);
    if (rc == 0) {
        work.root.version = 1;
        work.root.expires_ms = work.now_ms + days * CA_DAY_MS;
        work.root.threshold_root = work.root.threshold_bundle = (unsigned)threshold;
        (void)snprintf(work.root.bus, sizeof work.root.bus, "%s", work.bus);
        rc = run(&work, &error);
    }
    for (size_t i = 0; i < TRUST_KEY_COUNT_MAX; i++) keyring_fini(&work.authorities[i]);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
