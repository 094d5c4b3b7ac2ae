#include "clients/agent/duty.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/agent/child.h"
#include "clients/agent/http.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/log.h"

enum {
    STEPS_A_TURN_MAX = 64, /* without a command; then the loop turns */
    BLIND_LOOK_MS = 200,   /* how often a child without a descriptor is looked at */
    ENVIRONMENT_COUNT_MAX = 8,
    ENVIRONMENT_LEN_MAX = 160,
    TOLD_MAX = LEADBUS_RANK_COUNT * ROSTER_TOGETHER_MAX, /* in one step */
};

struct duty {
    struct duty_options options;
    struct duty_view view;
    struct roster roster;
    struct stat seen;                         /* of the file that was read last */
    uint64_t look_ms;                         /* monotonic */
    uint64_t gap_told_ms[LEADBUS_RANK_COUNT]; /* which gap is in the log already */
    bool stale;                               /* the next step is to be asked for */
    uint64_t step_ms;                         /* when it is, UTC; UINT64_MAX: none */
    /* The step that is being told. */
    bool telling;
    struct leadbus_rung rung;
    char kind[64];
    char officers[TOLD_MAX][ROSTER_OFFICER_LEN];
    int ranks[TOLD_MAX]; /* of each */
    size_t officer_count, officer_at;
    bool failed, reached; /* for one of them; somebody was told */
    uint64_t repeated;
    pid_t child; /* 0: none */
    int child_fd;
    uint64_t until_ms; /* monotonic */
};

/* ---- the file -----------------------------------------------------------------------------------
 */

static int read_roster(const char *path, struct roster *ret_roster, struct error *ret_error)
{
    struct buf csv = {0};
    struct error why = {0};
    int r = file_read_trusted(path, ROSTER_BYTES_MAX, &csv, ret_error);
    if (r == 0) {
        r = roster_parse(buf_bytes(&csv), ret_roster, &why);
        if (r < 0 && ret_error) *ret_error = why;
        if (r < 0) r = error_in(ret_error, r, path);
    }
    buf_wipe_fini(&csv);
    return r;
}

int duty_check(const struct duty_options *options, struct error *ret_error)
{
    struct roster roster = {0};
    struct stat state;
    if (!*options->path && *options->command)
        return error_say(ret_error, E_BAD_CONFIG, "roster.command", "须同时设置 roster.file",
                         "roster.file is needed with it");
    if (!*options->path) return 0;
    int r = read_roster(options->path, &roster, ret_error);
    roster_fini(&roster);
    if (r < 0 || !*options->command) return r;
    if (stat(options->command, &state) < 0 || !S_ISREG(state.st_mode) ||
        access(options->command, X_OK) < 0)
        return error_say(ret_error, E_BAD_CONFIG, "roster.command", "%.150s 不是可执行的程序",
                         "%.150s is no program that can be run", options->command);
    return 0;
}

/* A gap ahead is in the log once. */
static void log_gaps(struct duty *duty)
{
    uint64_t now_ms = agent_now_ms();
    for (int rank = 0; rank < LEADBUS_RANK_COUNT && duty->view.loaded; rank++) {
        uint64_t from_ms = 0;
        uint64_t until_ms = 0;
        if (!roster_gap(&duty->roster, rank, now_ms, now_ms + DUTY_WARN_MS, &from_ms, &until_ms))
            continue;
        /* One that has begun moves on with the clock: it is the one before the same end. */
        uint64_t which_ms = from_ms == now_ms ? until_ms + 1 : from_ms;
        if (duty->gap_told_ms[rank] == which_ms) continue;
        duty->gap_told_ms[rank] = which_ms;
        log_warn("roster_gap", log_text("rank", roster_rank_name(rank)),
                 log_u64("from_ms", from_ms), log_u64("until_ms", until_ms));
    }
}

static void load(struct duty *duty)
{
    struct roster roster = {0};
    struct error error = {0};
    int r = read_roster(duty->options.path, &roster, &error);
    duty->view.trouble = error;
    if (r < 0) {
        log_failure(LOG_LEVEL_ERROR, "roster_refused", r, &error);
        return;
    }
    roster_fini(&duty->roster);
    duty->roster = roster;
    duty->view.trouble.code = 0;
    duty->view.loaded = true;
    duty->view.loaded_ms = agent_now_ms();
    duty->stale = true;
    log_info("roster_loaded", log_u64("rows", roster.count));
}

static void look(struct duty *duty, bool now)
{
    struct stat state = {0};
    uint64_t now_ms = agent_monotonic_ms();
    if (!now && now_ms < duty->look_ms) return;
    duty->look_ms = now_ms + DUTY_LOOK_MS;
    (void)stat(duty->options.path, &state);
    bool same = state.st_ino == duty->seen.st_ino && state.st_size == duty->seen.st_size &&
                state.st_mtim.tv_sec == duty->seen.st_mtim.tv_sec &&
                state.st_mtim.tv_nsec == duty->seen.st_mtim.tv_nsec;
    duty->seen = state;
    if (now || !same) load(duty);
    log_gaps(duty);
}

/* ---- one run of the command ---------------------------------------------------------------------
 */

static void set(char environment[ENVIRONMENT_COUNT_MAX][ENVIRONMENT_LEN_MAX], size_t *count,
                const char *name, const char *value)
{
    CHECK(*count < ENVIRONMENT_COUNT_MAX);
    (void)snprintf(environment[(*count)++], ENVIRONMENT_LEN_MAX, "%s=%.100s", name, value);
}

/* The command for one officer. */
static int begin_child(struct duty *duty, const char *officer)
{
    char environment[ENVIRONMENT_COUNT_MAX][ENVIRONMENT_LEN_MAX];
    char *envp[ENVIRONMENT_COUNT_MAX + 1] = {0};
    char command[4096];
    char *argv[] = {command, NULL};
    char id[37];
    size_t count = 0;
    const char *lang = getenv("LANG");
    uuid_text(duty->rung.id, id);
    set(environment, &count, "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (lang) set(environment, &count, "LANG", lang);
    set(environment, &count, "LEADBUS_ID", id);
    set(environment, &count, "LEADBUS_KIND", duty->kind);
    set(environment, &count, "LEADBUS_RANK", roster_rank_name(duty->ranks[duty->officer_at]));
    set(environment, &count, "LEADBUS_OFFICER", officer);
    if (duty->rung.again) set(environment, &count, "LEADBUS_AGAIN", "1");
    for (size_t i = 0; i < count; i++) envp[i] = environment[i];
    (void)snprintf(command, sizeof command, "%s", duty->options.command);
    duty->until_ms = agent_monotonic_ms() + duty->options.timeout_ms;
    const struct child_start start = {duty->options.command, argv, envp, -1, -1, true};
    int failed = child_start(&start, &duty->child);
    if (failed) {
        duty->child = 0;
        return failed;
    }
    duty->child_fd = pidfd_open(duty->child, 0);
    return 0;
}

static void log_told(const struct duty *duty, const char *event, const char *officer)
{
    char id[37];
    uuid_text(duty->rung.id, id);
    log_info(event, log_text("id", id), log_text("kind", duty->kind),
             log_text("rank", roster_rank_name(duty->ranks[duty->officer_at])),
             log_text("officer", officer));
}

static void note_failure(struct duty *duty, const struct error *error)
{
    duty->failed = true;
    duty->view.failed++;
    duty->view.failure = *error;
    duty->view.failure_ms = agent_now_ms();
    log_failure(LOG_LEVEL_ERROR, "roster_command_failed", error->code, error);
}

/* Looks after the child. True: none runs any more. */
static bool child_over(struct duty *duty)
{
    struct error error = {0};
    const char *officer = duty->officers[duty->officer_at];
    int status = 0;
    if (duty->child == 0) return true;
    bool late = agent_monotonic_ms() >= duty->until_ms;
    if (late) (void)kill(-duty->child, SIGKILL);
    pid_t ended = waitpid(duty->child, &status, late ? 0 : WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
    if (duty->child_fd >= 0) close(duty->child_fd);
    duty->child_fd = -1;
    duty->child = 0;
    if (late)
        (void)error_say(&error, E_IO, "roster.command", "%llu 秒内没有结束，已中止",
                        "did not end within %llu s and was ended",
                        (unsigned long long)(duty->options.timeout_ms / 1000));
    else if (WIFSIGNALED(status))
        (void)error_say(&error, E_IO, "roster.command", "被信号 %d 中止", "ended by signal %d",
                        WTERMSIG(status));
    else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        (void)error_say(&error, E_IO, "roster.command", "退出码 %d", "exit status %d",
                        WEXITSTATUS(status));
    if (error.code) {
        note_failure(duty, &error);
    } else {
        log_told(duty, "duty_told", officer);
        duty->view.told++;
        duty->reached = true;
        duty->view.failure.code = 0; /* it works again */
    }
    duty->officer_at++;
    return true;
}

/* ---- steps --------------------------------------------------------------------------------------
 */

static int end_step(struct agent *agent, enum leadbus_rung_result result, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    struct leadbus_error trouble = {0};
    duty->telling = false;
    duty->stale = true;
    if (leadbus_rung_end(agent->lb, &duty->rung, result, &trouble))
        return agent_error(&trouble, ret_error);
    http_wake(agent->http);
    return 0;
}

/* The rest of those who are to be told of the step; 0 and *ret_waits: a child runs. */
static int go_on(struct agent *agent, bool *ret_waits, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    *ret_waits = false;
    while (duty->officer_at < duty->officer_count) {
        const char *officer = duty->officers[duty->officer_at];
        struct error error = {0};
        if (!*duty->options.command) {
            log_told(duty, "duty_to_tell", officer);
            duty->reached = true;
            duty->officer_at++;
            continue;
        }
        int failed = begin_child(duty, officer);
        if (!failed) {
            *ret_waits = true;
            return 0;
        }
        (void)file_said(&error, E_IO, "roster.command", NULL, failed);
        note_failure(duty, &error);
        duty->officer_at++;
    }
    /* A repetition that reached one of all of them was shown. */
    bool told = !duty->failed || (duty->rung.rank == LEADBUS_RANK_ALL && duty->reached);
    return end_step(agent, told ? LEADBUS_RUNG_TOLD : LEADBUS_RUNG_FAILED, ret_error);
}

static bool is_listed(const struct duty *duty, const char *officer)
{
    for (size_t i = 0; i < duty->officer_count; i++)
        if (strcmp(duty->officers[i], officer) == 0) return true;
    return false;
}

/* Those on the roster now; who has two ranks is told once. */
static void list_rank(struct duty *duty, int rank)
{
    const struct roster_row *rows[ROSTER_TOGETHER_MAX];
    size_t count = roster_at(&duty->roster, rank, agent_now_ms(), rows, ROSTER_TOGETHER_MAX);
    for (size_t i = 0; i < count; i++) {
        if (is_listed(duty, rows[i]->officer)) continue;
        memcpy(duty->officers[duty->officer_count], rows[i]->officer, sizeof duty->officers[0]);
        duty->ranks[duty->officer_count++] = rank;
    }
}

/* An alert still waits. Without a roster this is all that tells. */
static int begin_repetition(struct agent *agent, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    char id[37];
    uint64_t now_ms = agent_now_ms();
    uint64_t from_ms = duty->rung.from_ms;
    uuid_text(duty->rung.id, id);
    log_warn("alert_not_signed", log_text("id", id), log_text("kind", duty->kind),
             log_u64("minutes", from_ms && from_ms < now_ms ? (now_ms - from_ms) / 60000 : 0),
             log_u64("shown", duty->rung.shown));
    duty->repeated++;
    for (int rank = 0; rank < LEADBUS_RANK_COUNT; rank++) list_rank(duty, rank);
    if (duty->officer_count > 0) return 0;
    if (!duty->view.loaded) return end_step(agent, LEADBUS_RUNG_TOLD, ret_error);
    log_warn("nobody_on_roster", log_text("rank", "-"), log_text("kind", duty->kind));
    return end_step(agent, LEADBUS_RUNG_NOBODY, ret_error);
}

static int begin_step(struct agent *agent, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    struct leadbus_error trouble = {0};
    (void)snprintf(duty->kind, sizeof duty->kind, "%s", duty->rung.kind);
    duty->rung.kind = duty->kind;
    if (leadbus_rung_begin(agent->lb, &duty->rung, &trouble))
        return agent_error(&trouble, ret_error);
    duty->telling = true;
    duty->failed = duty->reached = false;
    duty->officer_at = duty->officer_count = 0;
    if (duty->rung.rank == LEADBUS_RANK_ALL) return begin_repetition(agent, ret_error);
    if (duty->rung.again) {
        duty->view.again++;
        log_warn("duty_again", log_text("rank", roster_rank_name(duty->rung.rank)),
                 log_text("kind", duty->kind));
    }
    list_rank(duty, duty->rung.rank);
    if (duty->officer_count > 0) return 0;
    log_warn("nobody_on_roster", log_text("rank", roster_rank_name(duty->rung.rank)),
             log_text("kind", duty->kind));
    return end_step(agent, LEADBUS_RUNG_NOBODY, ret_error);
}

/* The next step, where it is due. *ret_begun false: it is not, or there is none. */
static int next_step(struct agent *agent, bool *ret_begun, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    struct leadbus_error trouble = {0};
    *ret_begun = false;
    if (duty->stale) {
        duty->rung = (struct leadbus_rung){.size = sizeof duty->rung};
        int r = leadbus_rung_next(agent->lb, &duty->rung, &trouble);
        if (r != 0 && error_code_of(trouble.name) != E_NOT_FOUND)
            return agent_error(&trouble, ret_error);
        duty->step_ms = r == 0 ? duty->rung.at_ms : UINT64_MAX;
        duty->stale = false;
    }
    if (agent_now_ms() < duty->step_ms) return 0;
    duty->step_ms = UINT64_MAX;
    duty->stale = true;
    *ret_begun = true;
    return begin_step(agent, ret_error);
}

int duty_run(struct agent *agent, struct error *ret_error)
{
    struct duty *duty = agent->duty;
    int status = 0;
    if (!duty) return 0;
    bool rosterless = !*duty->options.path;
    if (!rosterless) look(duty, false);
    for (int turn = 0; turn < STEPS_A_TURN_MAX && status == 0; turn++) {
        bool waits = false;
        bool begun = false;
        if (!child_over(duty)) return 0;
        if (duty->telling) {
            status = go_on(agent, &waits, ret_error);
            if (waits) return status;
            continue;
        }
        if (!duty->view.loaded && !rosterless) return 0;
        status = next_step(agent, &begun, ret_error);
        if (!begun) return status;
    }
    return status;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

void duty_start(struct agent *agent, const struct duty_options *options)
{
    struct duty *duty = calloc(1, sizeof *duty);
    CHECK(duty != NULL);
    duty->options = *options;
    duty->view.path = options->path;
    duty->view.roster = &duty->roster;
    duty->child_fd = -1;
    duty->stale = true;
    duty->step_ms = UINT64_MAX;
    agent->duty = duty;
    leadbus_rung_repeat(agent->lb, options->repeat_ms, *options->path != 0);
    if (!*options->path) return;
    uint64_t count = 0;
    struct leadbus_error trouble = {0};
    if (leadbus_rung_resume(agent->lb, &count, &trouble)) {
        struct error error = {0};
        int code = agent_error(&trouble, &error);
        log_failure(LOG_LEVEL_ERROR, "roster_not_resumed", code, &error);
    }
    look(duty, true);
}

void duty_stop(struct agent *agent)
{
    struct duty *duty = agent->duty;
    if (!duty) return;
    if (duty->child_fd >= 0) close(duty->child_fd);
    roster_fini(&duty->roster);
    free(duty);
    agent->duty = NULL;
}

void duty_reload(struct agent *agent)
{
    if (agent->duty && *agent->duty->options.path) look(agent->duty, true);
}

void duty_wake(struct agent *agent)
{
    if (agent->duty) agent->duty->stale = true;
}

int duty_fd(const struct agent *agent)
{
    return agent->duty ? agent->duty->child_fd : -1;
}

uint64_t duty_next_ms(const struct agent *agent)
{
    const struct duty *duty = agent->duty;
    if (!duty) return UINT64_MAX;
    uint64_t now_ms = agent_monotonic_ms();
    bool rosterless = !*duty->options.path;
    uint64_t next_ms = rosterless ? UINT64_MAX : duty->look_ms;
    if (duty->child != 0) {
        uint64_t child_ms = duty->child_fd < 0 ? now_ms + BLIND_LOOK_MS : duty->until_ms;
        return child_ms < duty->until_ms ? child_ms : duty->until_ms;
    }
    if (!duty->view.loaded && !rosterless) return next_ms;
    if (duty->stale || duty->telling) return now_ms;
    if (duty->step_ms == UINT64_MAX) return next_ms;
    uint64_t utc_ms = agent_now_ms();
    uint64_t step_ms = now_ms + (duty->step_ms > utc_ms ? duty->step_ms - utc_ms : 0);
    return step_ms < next_ms ? step_ms : next_ms;
}

const struct duty_view *duty_view(const struct agent *agent)
{
    return agent->duty && *agent->duty->options.path ? &agent->duty->view : NULL;
}

uint64_t duty_repeated(const struct agent *agent)
{
    return agent->duty ? agent->duty->repeated : 0;
}
