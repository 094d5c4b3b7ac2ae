#include "clients/plan/derive/finding.h"

#include <stdlib.h>

static const struct {
    const char *slug;
    bool undecided;
    const char *zh, *en;
} table[FINDING_COUNT] = {
#define X(name, slug, undecided, zh, en) {slug, undecided, zh, en},
#include "clients/plan/derive/findings.def"
#undef X
};

const char *finding_slug(enum finding_code code)
{
    return table[code].slug;
}

bool finding_undecided(enum finding_code code)
{
    return table[code].undecided;
}

const char *finding_text(enum finding_code code, enum lang lang)
{
    return lang == LANG_EN ? table[code].en : table[code].zh;
}

void findings_fini(struct findings *findings)
{
    buf_fini(&findings->list);
    buf_fini(&findings->strings);
}

static bool counted(struct findings *findings, enum finding_code code, size_t line,
                    struct finding *ret)
{
    if (findings->strings.len == 0) buf_append_u8(&findings->strings, 0);
    *ret = (struct finding){.code = code, .line = (uint32_t)line};
    size_t count = ++findings->counts[code];
    if (count == FINDING_LIST_MAX + 1) {
        ret->code = table[code].undecided ? FINDING_MORE : FINDING_MORE_NOTES;
        ret->detail = (uint32_t)findings->strings.len;
        buf_append_str(&findings->strings, table[code].slug);
        buf_append_u8(&findings->strings, 0);
        buf_append(&findings->list, ret, sizeof *ret);
    }
    return count <= FINDING_LIST_MAX;
}

void findings_add(struct findings *findings, enum finding_code code, size_t line,
                  struct span detail)
{
    struct finding finding;
    if (!counted(findings, code, line, &finding)) return;
    if (detail.len > 0) {
        bool cut = detail.len > FINDING_DETAIL_MAX;
        finding.detail = (uint32_t)findings->strings.len;
        text_utf8(&findings->strings, span_sub(detail, 0, cut ? FINDING_DETAIL_MAX : detail.len));
        if (cut) {
            findings->strings.len--;
            buf_append_str(&findings->strings, "…");
            buf_append_u8(&findings->strings, 0);
        }
    }
    buf_append(&findings->list, &finding, sizeof finding);
}

void findings_add_text(struct findings *findings, enum finding_code code, size_t line,
                       const char *detail)
{
    struct finding finding;
    if (!counted(findings, code, line, &finding)) return;
    finding.detail = (uint32_t)findings->strings.len;
    buf_append_str(&findings->strings, detail);
    buf_append_u8(&findings->strings, 0);
    buf_append(&findings->list, &finding, sizeof finding);
}

/* Of one line and code in the order in which they were found: strings only grow. */
static int compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->code != b->code) return a->code < b->code ? -1 : 1;
    return a->detail < b->detail ? -1 : a->detail > b->detail;
}

void findings_sort(struct findings *findings)
{
    if (findings->list.len > 0)
        qsort(findings->list.data, findings->list.len / sizeof(struct finding),
              sizeof(struct finding), compare);
}
