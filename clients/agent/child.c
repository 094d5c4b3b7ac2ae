#include "clients/agent/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static int set_files(const struct child_start *start, posix_spawn_file_actions_t *actions)
{
    int failed = start->input < 0
                     ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)
                     : posix_spawn_file_actions_adddup2(actions, start->input, 0);
    if (failed) return failed;
    failed = start->output < 0
                 ? posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0)
                 : posix_spawn_file_actions_adddup2(actions, start->output, 1);
    return failed ? failed : posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

static int set_signals(const struct child_start *start, posix_spawnattr_t *attributes)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    if (start->own_group) flags |= POSIX_SPAWN_SETPGROUP;
    int failed = posix_spawnattr_setflags(attributes, flags);
    if (!failed) failed = posix_spawnattr_setpgroup(attributes, 0);
    if (!failed) failed = posix_spawnattr_setsigmask(attributes, &none);
    return failed ? failed : posix_spawnattr_setsigdefault(attributes, &usual);
}

int child_start(const struct child_start *start, pid_t *ret_child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = set_files(start, &actions);
    if (!failed) failed = set_signals(start, &attributes);
    if (!failed)
        failed =
            posix_spawn(ret_child, start->program, &actions, &attributes, start->argv, start->envp);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}
