/* What the sanitizers are told, linked into every program of a sanitizer build.
 *
 * Debian's libzmq is not instrumented: ThreadSanitizer does not see its atomics and takes the
 * memory that they hand from thread to thread for a race. Suppressed are only races inside libzmq's
 * own frames, and where it decrypts (CURVE's secretbox, which nothing of ours calls); ours, and
 * those between us and a message that we own, stay visible. What both libraries copy by memmove is
 * not recorded at all: a suppressed report for every eight bytes of a received chunk would take
 * seconds. */
#include <stddef.h>

const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__tsan_default_suppressions(void)
{
    return "race:libzmq.so\n"
           "race:crypto_secretbox\n"
           "called_from_lib:libzmq.so\n"
           "called_from_lib:libsodium.so\n";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1:"
           "halt_on_error=1:second_deadlock_stack=1:exitcode=66";
}

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:"
           "detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1:exitcode=66";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:halt_on_error=1";
}
