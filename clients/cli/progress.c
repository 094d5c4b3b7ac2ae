#include "clients/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/cli.h"

enum { BAR_LEN = 24, LABEL_LEN = 28, DRAW_MS = 100 };

static uint64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const char *label, uint64_t len, bool quiet)
{
    const char *slash = strrchr(label, '/');
    *progress = (struct progress){.label = slash ? slash + 1 : label,
                                  .len = len,
                                  .begun_ms = clock_ms(),
                                  .quiet = quiet || !isatty(STDERR_FILENO)};
}

void progress_show(struct progress *progress, uint64_t done)
{
    uint64_t now_ms = clock_ms();
    bool whole = progress->len > 0 && done >= progress->len;
    if (progress->quiet || (now_ms - progress->shown_ms < DRAW_MS && !whole)) return;
    progress->shown_ms = now_ms;
    progress->drawn = true;
    double mib = (double)done / (1 << 20);
    double seconds = (double)(now_ms - progress->begun_ms + 1) / 1000;
    fputc('\r', stderr);
    i18n_pad(stderr, cli_safe(progress->label), LABEL_LEN);
    if (progress->len > 0) {
        unsigned share = (unsigned)(whole ? 100 : done * 100 / progress->len);
        unsigned filled = share * BAR_LEN / 100;
        fputs(" [", stderr);
        for (unsigned i = 0; i < BAR_LEN; i++) fputc(i < filled ? '#' : '.', stderr);
        fprintf(stderr, "] %3u%%", share);
    }
    fprintf(stderr, " %.1f MiB, %.1f MiB/s\033[K", mib, mib / seconds);
    (void)fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn) fputs("\r\033[K", stderr);
    progress->drawn = false;
}
