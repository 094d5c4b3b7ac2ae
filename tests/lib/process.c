#include "tests/lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void listen_notify(struct process *process, const char *folder)
{
    static unsigned serial;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(process->notify_path, sizeof process->notify_path, "%s/notify.%u", folder, serial++);
    CHECK(strlen(process->notify_path) < sizeof address.sun_path);
    strcpy(address.sun_path, process->notify_path);
    process->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(process->notify_fd >= 0);
    CHECK(bind(process->notify_fd, (const struct sockaddr *)&address, sizeof address) == 0);
}

void process_start(struct process *ret, const char *folder, const char *log_path,
                   const char *const *argv)
{
    *ret = (struct process){0};
    listen_notify(ret, folder);
    ret->pid = fork();
    CHECK(ret->pid >= 0);
    if (ret->pid > 0) return;
    /* A test that dies takes its children with it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) (void)dup2(log, STDERR_FILENO);
    setenv("NOTIFY_SOCKET", ret->notify_path, 1);
    execv(argv[0], (char *const *)(size_t)argv);
    _exit(127);
}

/* A descriptor that polls readable when the child has ended. */
static int open_pid(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(fd >= 0);
    return fd;
}

/* What a program goes on to tell a service manager nobody reads here, and a full queue would hold
 * it up. */
static void stop_listening(struct process *process)
{
    if (process->notify_fd >= 0) close(process->notify_fd);
    process->notify_fd = -1;
    (void)unlink(process->notify_path);
}

bool process_wait_ready(struct process *process, int deadline_ms)
{
    long long deadline = now_ms() + deadline_ms;
    int pid_fd = open_pid(process->pid);
    while (!process->ready) {
        long long left_ms = deadline - now_ms();
        struct pollfd fds[2] = {{.fd = process->notify_fd, .events = POLLIN},
                                {.fd = pid_fd, .events = POLLIN}};
        if (left_ms <= 0 || poll(fds, 2, (int)left_ms) <= 0) break;
        if (fds[0].revents) {
            char text[1024];
            ssize_t len = recv(process->notify_fd, text, sizeof text - 1, 0);
            CHECK(len >= 0);
            text[len] = 0;
            process->ready = strstr(text, "READY=1") != NULL;
        } else if (fds[1].revents) {
            break;
        }
    }
    close(pid_fd);
    if (process->ready) stop_listening(process);
    return process->ready;
}

static int reap(struct process *process)
{
    int status = 0;
    CHECK(waitpid(process->pid, &status, 0) == process->pid);
    process->pid = 0;
    stop_listening(process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Its watchdog's words fill the socket after a while, and then it waits for us to read them. */
static void hear(const struct process *process)
{
    char text[1024];
    while (recv(process->notify_fd, text, sizeof text, MSG_DONTWAIT) > 0) continue;
}

int process_wait_end(struct process *process, int deadline_ms)
{
    if (!process->pid) return -1;
    long long deadline = now_ms() + deadline_ms;
    int pid_fd = open_pid(process->pid);
    bool ended = false;
    while (!ended) {
        long long left_ms = deadline - now_ms();
        struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN},
                                {.fd = process->notify_fd, .events = POLLIN}};
        if (left_ms <= 0) break;
        int ready = poll(fds, 2, (int)left_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        ended = fds[0].revents != 0;
        hear(process);
    }
    close(pid_fd);
    return ended ? reap(process) : -1;
}

void process_signal(const struct process *process, int signal_number)
{
    CHECK(process->pid > 0);
    CHECK(kill(process->pid, signal_number) == 0);
}

int process_stop(struct process *process, int deadline_ms)
{
    if (!process->pid) return -1;
    process_signal(process, SIGTERM);
    int status = process_wait_end(process, deadline_ms);
    if (status < 0) process_kill(process);
    return status;
}

void process_kill(struct process *process)
{
    if (!process->pid) return;
    process_signal(process, SIGKILL);
    (void)reap(process);
}

void process_folder_make(char ret_path[PROCESS_PATH_LEN_MAX])
{
    const char *base = getenv("TMPDIR");
    /* A long TMPDIR leaves no room for the paths of sockets. */
    if (!base || !*base || strlen(base) > 40) base = "/tmp";
    snprintf(ret_path, PROCESS_PATH_LEN_MAX, "%s/leadbus.XXXXXX", base);
    CHECK(mkdtemp(ret_path) != NULL);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)stat;
    (void)type;
    (void)place;
    return remove(path);
}

void process_folder_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
