/* Who receives what, for every kind, topic and sender: routes.golden says it line by line, and a
 * reviewer of a changed table reads its difference. UPDATE_GOLDEN=1 writes the file anew. Asked on
 * one day, and again from each later day on which a group gets or loses a member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/plan/day.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/route.h"
#include "tests/lib/plan_files.h"

#define GOLDEN LEADBUS_SOURCE_DIR "/tests/gold/routes.golden"
#define RENEW  "UPDATE_GOLDEN=1 " TEST_PROGRAM
static const uint64_t first_ms = 19800ull * 86400000ull; /* March 2024 */
enum { AREA_COUNT = 2 };
#define STREET "120102003"

/* One question and its answer in words. */
struct line {
    const struct plan_kind *kind;
    int topic; /* -1: none */
    size_t area;
    uint16_t from;
    uint32_t flags;
    int code;    /* of route_compute */
    char *route; /* "police-hedong sign summary,full lead:2.1.1=police-hedong; ..." */
};

struct lines {
    struct line *list;
    size_t count;
    uint64_t at_ms;
    const char *areas[AREA_COUNT]; /* a street of the district, and nowhere known */
};

static void append_sections(struct buf *text, const struct plan_kind *kind, uint32_t sections)
{
    const char *comma = "";
    if (sections == 0) buf_append_str(text, "-");
    for (size_t i = 0; i < kind->section_count; i++) {
        if ((sections >> i & 1) == 0) continue;
        buf_printf(text, "%s%s", comma, kind->sections[i].name);
        comma = ",";
    }
}

/* Neighbours with the same act, sections and citation stand together. */
static void append_route(struct buf *text, const struct plan *plan, const struct route *route)
{
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *to = &route->recipients[i];
        const struct route_recipient *next = i + 1 < route->recipient_count ? to + 1 : NULL;
        buf_append_str(text, plan_unit(plan, to->unit)->key);
        if (next && next->act == to->act && next->sections == to->sections &&
            strcmp(next->citation, to->citation) == 0) {
            buf_append_str(text, ",");
            continue;
        }
        buf_printf(text, " %s ", to->act == ROUTE_SIGN ? "sign" : "copy");
        append_sections(text, route->kind, to->sections);
        buf_printf(text, " %s%s", to->citation, next ? "; " : "");
    }
}

/* A thread that education opened, the police signed for and the women's federation had a copy of,
 * of an alert too;
 * where education itself is the sender, it answers the police. What is passed on goes to the court,
 * or from the court to the procuratorate. */
static void on_a_thread(struct route_query *query, struct route_participant participants[3])
{
    static const char *const keys[] = {"education", "police-hedong", "womens-federation"};
    static const enum route_role roles[] = {ROUTE_ROLE_ORIGINATOR, ROUTE_ROLE_SIGNER,
                                            ROUTE_ROLE_COPY_ALERTED};
    for (int i = 0; i < 3; i++)
        participants[i] =
            (struct route_participant){plan_unit_find(query->plan, keys[i]), roles[i]};
    query->participants = participants;
    query->participant_count = 3;
    query->target = strcmp(query->from, "court") == 0 ? "procuratorate" : "court";
    query->reference_sender = strcmp(query->from, "education") == 0 ? keys[1] : keys[0];
}

static bool looks_at_the_thread(const struct plan_kind *kind)
{
    for (size_t i = 0; i < kind->row_count; i++)
        if (kind->rows[i].source >= PLAN_ROW_THREAD) return true;
    return kind->position == PLAN_FOLLOWS;
}

/* False: this unit may not send it. */
static bool ask(const struct plan *plan, const struct lines *lines, struct line *line)
{
    struct route_participant participants[3];
    struct route route;
    struct buf text = {0};
    struct route_query query = {.plan = plan,
                                .at_ms = lines->at_ms,
                                .kind = line->kind->slug,
                                .topic =
                                    line->topic < 0 ? "" : line->kind->topics[line->topic].slug,
                                .area = lines->areas[line->area],
                                .from = plan_unit(plan, line->from)->key};
    if (looks_at_the_thread(line->kind)) on_a_thread(&query, participants);
    line->code = route_compute(&query, &route, NULL);
    if (line->code == E_SENDER_NOT_ALLOWED) return false;
    if (line->code < 0) {
        buf_printf(&text, "refused: %s", error_name(line->code));
    } else {
        line->flags = route.flags;
        append_route(&text, plan, &route);
    }
    buf_append_u8(&text, '\0');
    line->route = (char *)text.data;
    return true;
}

static void add_lines(const struct plan *plan, const struct plan_kind *kind, int topic, size_t area,
                      struct lines *lines)
{
    for (uint16_t from = 0; from < plan_unit_count(plan); from++) {
        struct line line = {.kind = kind, .topic = topic, .area = area, .from = from};
        if (!ask(plan, lines, &line)) continue;
        lines->list = realloc(lines->list, (lines->count + 1) * sizeof *lines->list);
        assert_non_null(lines->list);
        lines->list[lines->count++] = line;
    }
}

static void lines_on(const struct plan *plan, uint64_t at_ms, const char *street,
                     struct lines *lines)
{
    *lines = (struct lines){.at_ms = at_ms, .areas = {street, ""}};
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (int topic = kind->topic_required ? 0 : -1; topic < (int)kind->topic_count; topic++)
            for (size_t area = 0; area < AREA_COUNT; area++)
                add_lines(plan, kind, topic, area, lines);
    }
}

static void lines_of(const struct plan *plan, struct lines *lines)
{
    lines_on(plan, first_ms, STREET, lines);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) free(lines->list[i].route);
    free(lines->list);
}

/* ---- the golden file ---------------------------------------------------------------------------
 */

static bool same_question(const struct line *a, const struct line *b)
{
    return a->kind == b->kind && a->topic == b->topic && a->area == b->area;
}

static bool same_answer(const struct line *a, const struct line *b)
{
    return a->flags == b->flags && strcmp(a->route, b->route) == 0;
}

static void append_flags(struct buf *text, uint32_t flags)
{
    static const char *const names[] = {"readdressed", "only-origin-left", "area-unknown"};
    const char *comma = "";
    if (flags == 0) buf_append_str(text, "-");
    for (size_t i = 0; i < 3; i++) {
        if ((flags >> i & 1) == 0) continue;
        buf_printf(text, "%s%s", comma, names[i]);
        comma = ",";
    }
}

/* Does the answer depend on the area at all? */
static bool area_matters(const struct lines *lines, const struct line *of)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *a = &lines->list[i];
        if (a->kind != of->kind || a->topic != of->topic || a->area != 0) continue;
        for (size_t j = i + 1; j < lines->count; j++) {
            const struct line *b = &lines->list[j];
            if (b->kind == a->kind && b->topic == a->topic && b->from == a->from && b->area == 1 &&
                !same_answer(a, b))
                return true;
        }
    }
    return false;
}

static bool one_of(const struct lines *lines, size_t first, uint16_t unit)
{
    for (size_t i = first; i < lines->count; i++) {
        const struct line *other = &lines->list[i];
        if (other->from == unit && same_question(&lines->list[first], other) &&
            same_answer(&lines->list[first], other))
            return true;
    }
    return false;
}

/* How many members of that day send it the same way; 0 unless nearly all do. */
static size_t whole_group(const struct plan *plan, const struct lines *lines, size_t first,
                          const struct plan_group *group)
{
    size_t count = 0, others = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        if (member->valid_from_ms > lines->at_ms || lines->at_ms >= member->valid_to_ms) continue;
        if (one_of(lines, first, plan_unit(plan, member->unit)->current))
            count++;
        else
            others++;
    }
    return count > 1 && others * 4 <= count ? count : 0;
}

/* "street-offices(13)", "joint-conference-members(27 but police-hedong)". */
static void append_group(struct buf *text, const struct plan *plan, const struct lines *lines,
                         size_t first, size_t g, size_t count)
{
    const struct plan_group *group = &plan->groups[g];
    const char *comma = " but ";
    buf_printf(text, "%s(%zu", group->key, count);
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_unit *unit = plan_unit(plan, group->members[i].unit);
        if (!plan_group_has(plan, g, group->members[i].unit, lines->at_ms) ||
            one_of(lines, first, unit->current))
            continue;
        buf_printf(text, "%s%s", comma, unit->key);
        comma = ",";
    }
    buf_append_str(text, ")");
}

static void append_senders(struct buf *text, const struct plan *plan, const struct lines *lines,
                           size_t first)
{
    struct plan_unit_set told = {{0}};
    const char *comma = "";
    for (size_t g = 0; g < plan->group_count; g++) {
        const struct plan_group *group = &plan->groups[g];
        size_t count = whole_group(plan, lines, first, group);
        if (count == 0) continue;
        buf_append_str(text, comma);
        append_group(text, plan, lines, first, g, count);
        comma = ",";
        for (size_t i = 0; i < group->member_count; i++)
            if (plan_group_has(plan, g, group->members[i].unit, lines->at_ms))
                plan_unit_set_add(&told, plan_unit(plan, group->members[i].unit)->current);
    }
    for (uint16_t unit = 0; unit < plan_unit_count(plan); unit++) {
        if (plan_unit_set_has(&told, unit) || !one_of(lines, first, unit)) continue;
        buf_printf(text, "%s%s", comma, plan_unit(plan, unit)->key);
        comma = ",";
    }
}

static void append_line(struct buf *text, const struct plan *plan, const struct lines *lines,
                        size_t first, bool matters)
{
    const struct line *line = &lines->list[first];
    const char *area = line->area == 0 ? lines->areas[0] : "unknown";
    buf_printf(text, "%s\t%s\t%s\t", line->kind->slug,
               line->topic < 0 ? "-" : line->kind->topics[line->topic].slug, matters ? area : "*");
    append_senders(text, plan, lines, first);
    buf_append_str(text, "\t");
    append_flags(text, line->flags);
    buf_printf(text, "\t%s\n", line->route);
}

/* Senders whose message goes the same way share a line. */
static void append_lines(struct buf *text, const struct plan *plan, const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->list[i];
        bool matters = area_matters(lines, line);
        bool first = matters || line->area == 0;
        for (size_t j = 0; j < i && first; j++)
            first = !same_question(line, &lines->list[j]) || !same_answer(line, &lines->list[j]);
        if (first) append_line(text, plan, lines, i, matters);
    }
}

/* The first day after this one on which a group has other members; false: none. `ret_street`: the
 * area of a street office that joins or leaves then, else the one that is asked anyway. */
static bool next_change(const struct plan *plan, uint64_t after_ms, uint64_t *ret_ms,
                        const char **ret_street)
{
    uint64_t next_ms = UINT64_MAX;
    *ret_street = STREET;
    for (size_t g = 0; g < plan->group_count; g++) {
        for (size_t i = 0; i < plan->groups[g].member_count; i++) {
            const struct plan_member *member = &plan->groups[g].members[i];
            const struct plan_unit *unit = plan_unit(plan, member->unit);
            const uint64_t days[] = {member->valid_from_ms, member->valid_to_ms};
            for (size_t d = 0; d < 2; d++) {
                if (days[d] <= after_ms || days[d] > next_ms) continue;
                if (days[d] < next_ms) *ret_street = STREET;
                next_ms = days[d];
                if (unit->area && next_ms < UINT64_MAX) *ret_street = unit->area;
            }
        }
    }
    *ret_ms = next_ms;
    return next_ms < UINT64_MAX;
}

/* The lines of `after` that are not among those of `before`. */
static void append_new(struct buf *text, struct buf *before, struct buf *after)
{
    buf_append_u8(before, 0);
    buf_append_u8(after, 0);
    for (char *line = (char *)after->data, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        const char *at = strstr((char *)before->data, line);
        while (at && !((at == (char *)before->data || at[-1] == '\n') && at[strlen(line)] == '\n'))
            at = strstr(at + 1, line);
        if (!at) buf_printf(text, "%s\n", line);
    }
}

static void append_later(struct buf *text, const struct plan *plan)
{
    uint64_t before_ms = first_ms, at_ms = 0;
    const char *street = NULL;
    while (next_change(plan, before_ms, &at_ms, &street)) {
        struct lines lines_before, lines;
        struct buf before = {0}, after = {0};
        char day[DAY_TEXT_LEN];
        day_text(at_ms, day);
        buf_printf(text, "# from %s, what is new:\n", day);
        lines_on(plan, before_ms, street, &lines_before);
        lines_on(plan, at_ms, street, &lines);
        append_lines(&before, plan, &lines_before);
        append_lines(&after, plan, &lines);
        append_new(text, &before, &after);
        buf_fini(&before);
        buf_fini(&after);
        lines_free(&lines_before);
        lines_free(&lines);
        before_ms = at_ms;
    }
}

static void golden_text(const struct plan *plan, struct buf *text)
{
    struct lines lines;
    buf_append_str(
        text,
        "# Who receives what: written by UPDATE_GOLDEN=1, compared by golden.routes.\n"
        "# area: a street, unknown, or * where it does not matter. from: group(how many of it but "
        "whom), and units. recipients: units, act, sections (- is the header alone), "
        "citation.\n"
        "kind\ttopic\tarea\tfrom\tflags\trecipients\n");
    lines_of(plan, &lines);
    append_lines(text, plan, &lines);
    assert_true(lines.count > 1000);
    lines_free(&lines);
    append_later(text, plan);
    buf_append_u8(text, 0);
    text->len--; /* a string, and its NUL no part of the file */
}

static void write_golden(const struct buf *text)
{
    FILE *file = fopen(GOLDEN, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

/* The columns of two lines that are not the same, each on a line of its own. */
static void print_columns(const char *want, const char *got)
{
    static const char *const columns[] = {"kind", "topic", "area", "from", "flags", "recipients"};
    for (size_t i = 0; i < 6; i++) {
        size_t want_len = strcspn(want, "\t\n"), got_len = strcspn(got, "\t\n");
        bool same = want_len == got_len && memcmp(want, got, want_len) == 0;
        if (!same)
            print_error("  %s was %.*s\n  %*s  is %.*s\n", columns[i], (int)want_len, want,
                        (int)strlen(columns[i]), "", (int)got_len, got);
        else if (i < 3)
            print_error("  %s %.*s\n", columns[i], (int)want_len, want);
        want += want_len + (want[want_len] == '\t');
        got += got_len + (got[got_len] == '\t');
    }
}

static void first_difference(const char *want, const char *got)
{
    size_t line = 1;
    const char *start = want;
    size_t at = 0;
    for (; want[at] && want[at] == got[at]; at++) {
        if (want[at] != '\n') continue;
        line++;
        start = want + at + 1;
    }
    const char *other = got + (start - want);
    print_error("if that is meant, write it anew and read its difference: " RENEW "\n");
    print_error("routes.golden:%zu is the first line that differs\n", line);
    print_columns(start, other);
    fail();
}

static void every_kind_topic_and_sender_goes_where_it_did(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    struct buf text = {0};
    size_t len = 0;
    golden_text(plan, &text);
    const char *update = getenv("UPDATE_GOLDEN");
    if (update && strcmp(update, "1") == 0) write_golden(&text);
    char *want = plan_files_read(GOLDEN, &len);
    if (!want) fail_msg("no routes.golden: " RENEW);
    if (strcmp(want, (const char *)text.data) != 0) first_difference(want, (const char *)text.data);
    free(want);
    buf_fini(&text);
    plan_free(plan);
}

/* What a member of tomorrow changes is read today. */
static void who_joins_later_is_seen(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    struct buf text = {0};
    plan_files_load(&files);
    plan_files_replace(&files, "groups.tsv", "street-offices\tst-fuminlu\t2022-03-10\t-\t",
                       "street-offices\tst-fuminlu\t2030-01-01\t-\t");
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    golden_text(plan, &text);
    const char *later = strstr((const char *)text.data, "# from 2030-01-01");
    assert_non_null(later);
    assert_non_null(strstr(later, "\t120102004\t"));
    assert_non_null(strstr(later, "st-fuminlu copy"));
    char group[32];
    size_t streets = plan_files_count(&files, "units.tsv", "street");
    (void)snprintf(group, sizeof group, "street-offices(%zu)", streets - 1);
    assert_non_null(strstr((const char *)text.data, group));
    (void)snprintf(group, sizeof group, "street-offices(%zu)", streets);
    assert_non_null(strstr(later, group));
    buf_fini(&text);
    plan_free(plan);
    plan_files_free(&files);
}

/* ---- one unit out of one clause ----------------------------------------------------------------
 */

/* Takes a unit out of a half of a clause's brackets in tasks.tsv. */
static void take_out(struct plan_files *files, const char *clause, bool lead, const char *unit)
{
    char start[64];
    struct buf table = {0};
    (void)snprintf(start, sizeof start, "\n%s\t", clause);
    buf_append_bytes(&table, plan_files_part(files, "tasks.tsv")->content);
    buf_append_u8(&table, '\0');
    char *field = strstr((char *)table.data, start);
    assert_non_null(field);
    field += strlen(start);
    if (!lead) field = strchr(field, '\t') + 1;
    size_t len = strcspn(field, "\t");
    struct buf changed = {0};
    buf_append(&changed, table.data, (size_t)(field - (char *)table.data));
    const char *comma = "";
    for (size_t at = 0, one = 0; at < len; at += one + 1) {
        one = strcspn(field + at, ",\t");
        if (one == strlen(unit) && memcmp(field + at, unit, one) == 0) continue;
        buf_printf(&changed, "%s%.*s", comma, (int)one, field + at);
        comma = ",";
    }
    if (!comma[0]) buf_append_str(&changed, "-");
    buf_append_str(&changed, field + len);
    plan_files_set(files, "tasks.tsv", changed.data, changed.len);
    buf_fini(&changed);
    buf_fini(&table);
}

/* "... lead:2.1.1=police-hedong; ...", not a longer citation. */
static bool cites(const char *route, const char *citation)
{
    size_t len = strlen(citation);
    for (const char *at = strstr(route, citation); at; at = strstr(at + 1, citation))
        if (at[len] == '\0' || at[len] == ';') return true;
    return false;
}

/* Lines change where they cite it. Where its own sender was left out by it, who else is addressed
 * hangs on it too, so such lines may change. */
static size_t expect_changes(const struct plan *plan, const struct lines *before,
                             const struct lines *after, const char *citation, uint16_t unit)
{
    size_t changes = 0;
    assert_int_equal(before->count, after->count);
    for (size_t i = 0; i < before->count; i++) {
        const struct line *a = &before->list[i];
        const struct line *b = &after->list[i];
        bool changed = a->code != b->code || !same_answer(a, b);
        bool cited = cites(a->route, citation);
        bool own = a->from == unit && (a->code < 0 || a->flags & ROUTE_FLAG_ONLY_ORIGIN_LEFT);
        if (changed == cited || own) {
            changes += changed;
            continue;
        }
        fail_msg("without %s: %s %s from %s %s\n  was %s\n  is  %s", citation, a->kind->slug,
                 a->topic < 0 ? "-" : a->kind->topics[a->topic].slug, plan_unit(plan, a->from)->key,
                 changed ? "changed" : "did not change", a->route, b->route);
    }
    return changes;
}

static bool seen_before(const struct plan *plan, const struct plan_row *row)
{
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t i = 0; i < kind->row_count; i++) {
            const struct plan_row *other = &kind->rows[i];
            if (other == row) return false;
            if (strcmp(other->citation, row->citation) == 0) return true;
        }
    }
    return false;
}

static void a_unit_out_of_a_clause_changes_the_lines_that_cite_it(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    struct lines before;
    size_t citations = 0;
    lines_of(plan, &before);
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t i = 0; i < kind->row_count; i++) {
            const struct plan_row *row = &kind->rows[i];
            if (row->source > PLAN_ROW_COOP || row->via >= 0 || row->named_count != 1 ||
                row->named[0].group || seen_before(plan, row))
                continue;
            struct plan_files files;
            struct plan *changed = NULL;
            struct error error = {0};
            struct lines after;
            const char *key = plan_named_key(plan, row->named[0]);
            plan_files_load(&files);
            take_out(&files, row->clause, row->source == PLAN_ROW_LEAD, key);
            int r = plan_parse(files.parts, PLAN_PART_COUNT, &changed, &error);
            if (r < 0) fail_msg("%s: %s", error.field, error.detail);
            plan_files_free(&files);
            lines_of(changed, &after);
            if (expect_changes(plan, &before, &after, row->citation, row->named[0].index) == 0)
                fail_msg("nothing changes without %s", row->citation);
            lines_free(&after);
            plan_free(changed);
            citations++;
        }
    }
    assert_true(citations > 80);
    lines_free(&before);
    plan_free(plan);
}

/* Who must sign reads everything but what is for the police alone; the police read that too. */
static void who_must_sign_reads_all_of_it(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    uint16_t police = plan_unit_with_duty(plan, PLAN_DUTY_POLICE);
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t i = 0; i < kind->row_count; i++) {
            const struct plan_row *row = &kind->rows[i];
            if (row->act != ROUTE_SIGN) continue;
            bool to_police = row->named_count == 1 && !row->named[0].group &&
                             plan_unit(plan, row->named[0].index)->current == police;
            for (size_t s = 0; s < kind->section_count; s++) {
                bool reads = (row->sections >> s & 1) != 0;
                if (reads != (to_police || !kind->sections[s].police))
                    fail_msg("plan/routes.tsv:%zu: section %s", row->line, kind->sections[s].name);
            }
        }
    }
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_must_sign_reads_all_of_it),
        cmocka_unit_test(every_kind_topic_and_sender_goes_where_it_did),
        cmocka_unit_test(who_joins_later_is_seen),
        cmocka_unit_test(a_unit_out_of_a_clause_changes_the_lines_that_cite_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
