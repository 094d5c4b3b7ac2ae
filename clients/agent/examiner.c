#include "clients/agent/examiner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/agent/agent.h"
#include "clients/agent/child.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/host/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { BOUNDED_MEMORY = 0 }; /* a sanitizer's shadow is larger than any bound */
#else
enum { BOUNDED_MEMORY = 1 };
#endif

enum { OPERAND_COUNT = 8, EXIT_DONE = 0, EXIT_USAGE = 64, NICE = 10 };

/* What the child says, in one write: it fits a pipe. */
struct answer {
    int32_t code;
    uint32_t picture_count, unread_count;
    char field[ERROR_FIELD_LEN_MAX + 1];
    char detail[ERROR_DETAIL_LEN_MAX + 1], detail_zh[ERROR_DETAIL_LEN_MAX + 1];
};
_Static_assert(sizeof(struct answer) <= 4096, "PIPE_BUF: whole or not at all");

struct examination {
    int file, pipe;
    pid_t child; /* 0: none */
    uint64_t until_ms;
    bool over;
    struct answer answer;
};

/* ---- the parent ---------------------------------------------------------------------------------
 */

int examination_new(struct examination **ret_examination, struct error *ret_error)
{
    struct examination *examination = calloc(1, sizeof *examination);
    CHECK(examination != NULL);
    examination->pipe = -1;
    examination->file = memfd_create("leadbus-examined", MFD_CLOEXEC);
    if (examination->file < 0) {
        free(examination);
        return file_said(ret_error, errno == ENOMEM ? E_NO_MEMORY : E_IO, "memfd", NULL, errno);
    }
    *ret_examination = examination;
    return 0;
}

/* The child has nothing to lose; it is waited for, so that no dead one stays. */
static int end_child(struct examination *examination)
{
    int status = 0;
    (void)kill(examination->child, SIGKILL);
    while (waitpid(examination->child, &status, 0) < 0 && errno == EINTR) continue;
    examination->child = 0;
    close(examination->pipe);
    examination->pipe = -1;
    return status;
}

void examination_free(struct examination *take_examination)
{
    if (!take_examination) return;
    if (take_examination->child) (void)end_child(take_examination);
    if (take_examination->file >= 0) close(take_examination->file);
    sodium_memzero(take_examination, sizeof *take_examination);
    free(take_examination);
}

int examination_add(struct examination *examination, struct bytes piece, struct error *ret_error)
{
    while (piece.len > 0) {
        ssize_t put = write(examination->file, piece.data, piece.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0)
            return file_said(ret_error, errno == ENOSPC || errno == ENOMEM ? E_NO_MEMORY : E_IO,
                             "memfd", NULL, errno);
        piece = bytes_of(piece.data + put, piece.len - (size_t)put);
    }
    return 0;
}

int examination_start(struct examination *examination, const struct content_rule *rule,
                      bool incoming, const char *media_type, const struct examiner_limits *limits,
                      struct error *ret_error)
{
    char classes[16], flags[16], cpu[16], parent[16], program[] = "leadbus-agent",
                                                      option[] = EXAMINER_OPTION;
    char way[] = "in", type[LIMIT_ATTACHMENT_TYPE_BYTES_MAX + 1];
    char *argv[] = {program, option, way, classes, flags, cpu, parent, type, NULL};
    int ends[2];
    CHECK(!examination->child && !examination->over);
    (void)snprintf(way, sizeof way, "%s", incoming ? "in" : "");
    (void)snprintf(classes, sizeof classes, "%u", rule->classes);
    (void)snprintf(flags, sizeof flags, "%d",
                   rule->keep_location | rule->no_numbers << 1 | rule->confirm_no_dna << 2);
    (void)snprintf(cpu, sizeof cpu, "%u", limits->cpu_s);
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    (void)snprintf(type, sizeof type, "%s", media_type);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set(ret_error, E_NO_MEMORY, "pipe", "%s", strerror(errno));
    const struct child_start start = {"/proc/self/exe",  argv,    environ,
                                      examination->file, ends[1], false};
    int failed = child_start(&start, &examination->child);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        examination->child = 0;
        return error_set(ret_error, E_NO_MEMORY, "examiner", "%s", strerror(failed));
    }
    examination->pipe = ends[0];
    examination->until_ms = agent_monotonic_ms() + limits->wall_ms;
    return 0;
}

bool examination_runs(const struct examination *examination)
{
    return examination->child != 0;
}

bool examination_over(const struct examination *examination)
{
    return examination->over;
}

int examination_fd(const struct examination *examination)
{
    return examination->pipe;
}

uint64_t examination_until_ms(const struct examination *examination)
{
    return examination->until_ms;
}

static void fill(struct answer *answer, const struct error *error)
{
    answer->code = error->code;
    (void)snprintf(answer->field, sizeof answer->field, "%s", error->field);
    (void)snprintf(answer->detail, sizeof answer->detail, "%s", error->detail);
    (void)snprintf(answer->detail_zh, sizeof answer->detail_zh, "%s", error->detail_zh);
}

static bool text_sound(const char *text, size_t cap)
{
    size_t len = strnlen(text, cap);
    struct bytes rest = bytes_of(text, len);
    uint32_t character;
    while (rest.len > 0) {
        size_t taken = utf8_next(rest, &character);
        if (taken == 0) return false;
        rest = bytes_of(rest.data + taken, rest.len - taken);
    }
    return len < cap;
}

/* Whatever became of the child, what it wrote is held against its form. */
static bool answer_sound(const struct answer *answer)
{
    return (answer->code == 0 || answer->code == E_BAD_VALUE || answer->code == E_MISSING_FIELD ||
            answer->code == E_TOO_LARGE || answer->code == E_TRUNCATED ||
            answer->code == E_BAD_FORM || answer->code == E_FORBIDDEN_CONTENT ||
            answer->code == E_CONTENT_UNEXAMINABLE) &&
           text_sound(answer->field, sizeof answer->field) &&
           text_sound(answer->detail, sizeof answer->detail) &&
           text_sound(answer->detail_zh, sizeof answer->detail_zh);
}

/* It ended without an answer. */
static void say_why(struct answer *answer, int status, bool late)
{
    struct error error = {0};
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (late || number == SIGXCPU)
        (void)error_say(
            &error, E_CONTENT_UNEXAMINABLE, "attachment",
            "检查耗时超过上限：请另存为普通的文件后再发",
            "looking into it took longer than is allowed: save it anew, as a plain file");
    else if (number == SIGKILL || number == SIGTERM)
        (void)error_say(&error, E_NO_MEMORY, "attachment", "检查进程被终止，稍后再查",
                        "the process that looked into it was ended; it is looked into again");
    else
        (void)error_say(&error, E_CONTENT_UNEXAMINABLE, "attachment",
                        "检查进程意外结束（信号 %d）：请另存为普通的文件后再发",
                        "what looked into it ended by signal %d: save it anew, as a plain file",
                        number);
    fill(answer, &error);
}

void examination_look(struct examination *examination)
{
    struct answer answer = {0};
    if (!examination->child) return;
    ssize_t got = read(examination->pipe, &answer, sizeof answer);
    bool late = agent_monotonic_ms() >= examination->until_ms;
    if (got < 0 && (errno == EAGAIN || errno == EINTR) && !late) return;
    bool sound = got == (ssize_t)sizeof answer && answer_sound(&answer);
    /* At the end of the pipe it is ending already, and how it does tells why. */
    int status = end_child(examination);
    if (sound)
        examination->answer = answer;
    else
        say_why(&examination->answer, got > 0 ? 0 : status, got < 0);
    examination->over = true;
}

int examination_verdict(const struct examination *examination, struct content_report *ret_report,
                        struct error *ret_error)
{
    const struct answer *answer = &examination->answer;
    CHECK(examination->over);
    if (answer->code) {
        (void)error_set(ret_error, answer->code, answer->field, "%s", answer->detail);
        (void)error_note_zh(ret_error, "%s", answer->detail_zh);
        return answer->code;
    }
    if (ret_report)
        *ret_report = (struct content_report){.picture_count = answer->picture_count,
                                              .unread_count = answer->unread_count};
    return 0;
}

/* ---- the child ----------------------------------------------------------------------------------
 */

/* Above the first a signal says why, above the second nothing is asked any more. */
static void limit(int which, uint64_t value, uint64_t more)
{
    struct rlimit both = {value, value + more};
    CHECK(setrlimit((__rlimit_resource_t)which, &both) == 0);
}

/* Nothing of this can be taken back by what runs afterwards. */
static void confine(uint32_t cpu_s)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "1000", 4); /* the first to go where memory is short */
        close(fd);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_CPU, cpu_s, 1);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_NOFILE, 3, 0);
    if (BOUNDED_MEMORY) limit(RLIMIT_AS, EXAMINER_MEMORY_BYTES, 0);
}

static int check_bytes(struct bytes data, const struct content_rule *rule, bool incoming,
                       const char *media_type, struct content_report *ret_report,
                       struct error *ret_error)
{
    if (!incoming) return content_check_outgoing(data, rule, NULL, ret_report, ret_error);
    int status = content_check_incoming(data, rule, ret_report, ret_error);
    struct content_type type = content_type_detect(data);
    if (!status && strcmp(type.media_type, media_type) != 0)
        status = error_say(ret_error, E_BAD_VALUE, "media_type", "自称 %.64s，实为 %s",
                           "says %.64s, is %s", media_type, type.media_type);
    return status;
}

int examiner_main(int argc, char **argv)
{
    struct stat stat;
    struct error error = {0};
    struct content_report report = {0};
    struct answer answer = {0};
    if (argc != OPERAND_COUNT) return EXIT_USAGE;
    unsigned long flags = strtoul(argv[4], NULL, 10);
    struct content_rule rule = {.path = "attachment",
                                .classes = (unsigned)strtoul(argv[3], NULL, 10),
                                .keep_location = flags & 1,
                                .no_numbers = flags >> 1 & 1,
                                .confirm_no_dna = flags >> 2 & 1};
    confine((uint32_t)strtoul(argv[5], NULL, 10));
    /* It may have ended before its end became ours. */
    if (getppid() != (pid_t)strtoul(argv[6], NULL, 10)) return EXIT_USAGE;
    if (fstat(0, &stat) < 0 || stat.st_size <= 0 || stat.st_size > CONTENT_DOCUMENT_BYTES_MAX)
        return EXIT_USAGE;
    void *data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, 0, 0);
    if (data == MAP_FAILED) return EXIT_USAGE;
    int status = check_bytes(bytes_of(data, (size_t)stat.st_size), &rule, *argv[2] != 0, argv[7],
                             &report, &error);
    error.code = status;
    fill(&answer, &error);
    answer.picture_count = (uint32_t)report.picture_count;
    answer.unread_count = (uint32_t)report.unread_count;
    return write(1, &answer, sizeof answer) == (ssize_t)sizeof answer ? EXIT_DONE : EXIT_USAGE;
}
