/* examiner.h without a child: the same look at the same bytes, at once. Fuzzing makes no processes,
 * and unit.examiner has the child. */
#include "clients/agent/examiner.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct examination {
    struct buf file;
    struct content_report report;
    struct error error;
    int verdict;
    bool over;
};

int examination_new(struct examination **ret_examination, struct error *ret_error)
{
    (void)ret_error;
    *ret_examination = calloc(1, sizeof **ret_examination);
    CHECK(*ret_examination != NULL);
    return 0;
}

void examination_free(struct examination *examination)
{
    if (!examination) return;
    buf_fini(&examination->file);
    free(examination);
}

int examination_add(struct examination *examination, struct bytes piece, struct error *ret_error)
{
    (void)ret_error;
    buf_append_bytes(&examination->file, piece);
    return 0;
}

int examination_start(struct examination *examination, const struct content_rule *rule,
                      bool incoming, const char *media_type, const struct examiner_limits *limits,
                      struct error *ret_error)
{
    struct bytes data = buf_bytes(&examination->file);
    struct content_rule own = *rule;
    (void)limits;
    (void)media_type;
    (void)ret_error;
    own.path = "attachment";
    examination->verdict =
        incoming
            ? content_check_incoming(data, &own, &examination->report, &examination->error)
            : content_check_outgoing(data, &own, NULL, &examination->report, &examination->error);
    examination->over = true;
    return 0;
}

bool examination_runs(const struct examination *examination)
{
    (void)examination;
    return false;
}

bool examination_over(const struct examination *examination)
{
    return examination->over;
}

int examination_fd(const struct examination *examination)
{
    (void)examination;
    return -1;
}

uint64_t examination_until_ms(const struct examination *examination)
{
    (void)examination;
    return UINT64_MAX;
}

void examination_look(struct examination *examination)
{
    (void)examination;
}

int examination_verdict(const struct examination *examination, struct content_report *ret_report,
                        struct error *ret_error)
{
    if (ret_report) *ret_report = examination->report;
    if (examination->verdict && ret_error) *ret_error = examination->error;
    return examination->verdict;
}
