/* examiner: files looked into by a process of their own.
 *
 * What a file holds is for other units to say, and what looks into it (proto/content) is the most
 * code that hostile bytes meet. So it runs in a child: this program once more, with nothing open
 * but the file and a pipe, no keys in its memory, bounds on memory and processor time, and a low
 * priority. It holds up nobody, and what makes it fail or take too long costs its own life: the
 * file cannot be examined, and is refused as such.
 *
 * A child ends with its parent. Nothing is kept on disk: the file lies in memory (memfd) while it
 * is looked into. One thread. */
#ifndef CLIENTS_AGENT_EXAMINER_H
#define CLIENTS_AGENT_EXAMINER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/content/content.h"

/* The first operand by which this program knows that it is a child. */
#define EXAMINER_OPTION "--examine"

struct examiner_limits {
    uint32_t cpu_s, wall_ms;
};
enum {
    EXAMINER_CPU_S = 60, /* twenty times what the largest allowed file takes */
    EXAMINER_WALL_MS = 600000,
    EXAMINER_MEMORY_BYTES = 536870912, /* with the file, CONTENT_MEMORY_BYTES_MAX and the program */
};

struct examination;

/* E_NO_MEMORY, E_IO. */
int examination_new(struct examination **ret_examination, struct error *ret_error) MUST_USE;
/* Ends the child, if there is one. NULL accepted. */
void examination_free(struct examination *take_examination);
/* The file's next bytes, before it is started. E_NO_MEMORY, E_IO. */
int examination_add(struct examination *examination, struct bytes piece,
                    struct error *ret_error) MUST_USE;
/* As content_check_incoming, and is the media type this one; incoming false: as
 * content_check_outgoing, without a clean copy, and media_type is "". rule->path is not taken over:
 * fields begin with "attachment". E_NO_MEMORY: no process can be made now. */
int examination_start(struct examination *examination, const struct content_rule *rule,
                      bool incoming, const char *media_type, const struct examiner_limits *limits,
                      struct error *ret_error) MUST_USE;
/* Started, and not over. */
bool examination_runs(const struct examination *examination);
bool examination_over(const struct examination *examination);
/* Readable when it is over; -1: it does not run. */
int examination_fd(const struct examination *examination);
/* When it is to be looked at again at the latest (agent_monotonic_ms). */
uint64_t examination_until_ms(const struct examination *examination);
/* Takes the verdict if there is one, ends what has had its time. */
void examination_look(struct examination *examination);
/* When it is over: 0, the error that was found, E_CONTENT_UNEXAMINABLE where the child did not come
 * to an end of its own; E_NO_MEMORY: somebody ended it, or there was no memory for it. ret_report
 * may be NULL; its media type is not filled. */
int examination_verdict(const struct examination *examination, struct content_report *ret_report,
                        struct error *ret_error) MUST_USE;

/* The child's main: its exit code. */
int examiner_main(int argc, char **argv);

#endif
