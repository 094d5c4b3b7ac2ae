/* The routing function: who receives what, by which citation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/plan/plan_lint.h"
#include "proto/plan/route.h"
#include "tests/lib/plan_files.h"

enum { AT_MS_DAYS = 19800 }; /* March 2024 */
static const uint64_t at_ms = AT_MS_DAYS * 86400000ull;
static struct plan *plan;

static int setup(void **state)
{
    (void)state;
    plan = plan_files_parse();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_free(plan);
    return 0;
}

static struct route_query query_of(const char *kind, const char *from)
{
    return (struct route_query){
        .plan = plan, .at_ms = at_ms, .kind = kind, .topic = "", .area = "", .from = from};
}

/* One line per recipient: "unit act sections citation". */
static const char *text_of(const struct plan *of, const struct route *route)
{
    static char text[32768];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *to = &route->recipients[i];
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s %s %x %s%s\n",
                             plan_unit(of, to->unit)->key, to->act == ROUTE_SIGN ? "sign" : "copy",
                             to->sections, to->citation, to->primary ? " primary" : "");
    }
    return text;
}

static void expect_route(const struct route_query *query, uint32_t flags, const char *want)
{
    struct route route;
    struct error error = {0};
    int r = route_compute(query, &route, &error);
    if (r < 0) fail_msg("%s: %s %s", error_name(r), error.field, error.detail);
    assert_string_equal(text_of(query->plan, &route), want);
    assert_int_equal(route.flags, flags);
}

static void expect_refusal(const struct route_query *query, int code, const char *field)
{
    struct route route;
    struct error error = {0};
    assert_int_equal(route_compute(query, &route, &error), code);
    assert_string_equal(error.field, field);
    assert_true(error.detail[0] != '\0');
}

static void route_follows_the_rows(void **unused)
{
    (void)unused;
    struct route_query query = query_of("anomaly.marriage", "civil-affairs");
    expect_route(&query, 0,
                 "police-hedong sign 3 coop:2.1.3.1=police-hedong primary\n"
                 "womens-federation copy 1 coop:2.1.3.1=womens-federation\n");
    query = query_of("lead.mandatory-report", "education");
    expect_route(&query, 0,
                 "police-hedong sign 7 lead:2.2.2.5=police-hedong primary\n"
                 "procuratorate copy 1 lead:2.2.2.5=procuratorate\n"
                 "civil-affairs copy 1 coop:2.2.2.5=civil-affairs\n");
    query = query_of("handoff.victim", "police-hedong");
    expect_route(&query, 0, "civil-affairs sign 3 lead:2.2.4=civil-affairs primary\n");
}

static void route_excludes_the_origin(void **unused)
{
    (void)unused;
    struct route_query query = query_of("anomaly.birth", "health");
    expect_route(&query, 0,
                 "police-hedong sign 3 lead:2.1.3.3=police-hedong primary\n"
                 "civil-affairs copy 1 lead:2.1.3.3=civil-affairs\n");
    query = query_of("lead.street-minor", "civil-affairs");
    expect_route(&query, 0, "police-hedong sign 7 lead:2.1.2.8=police-hedong primary\n");
    query = query_of("lead.mandatory-report", "procuratorate");
    expect_route(&query, 0,
                 "police-hedong sign 7 lead:2.2.2.5=police-hedong primary\n"
                 "civil-affairs copy 1 coop:2.2.2.5=civil-affairs\n");
}

static void route_adds_duty_rows_when_only_the_origin_is_left(void **unused)
{
    (void)unused;
    struct route_query query = query_of("lead.suspected-trafficking", "police-hedong");
    expect_route(&query, ROUTE_FLAG_ONLY_ORIGIN_LEFT,
                 "joint-conference-office copy 1 duty:p3.1.c=joint-conference-office\n");
}

static void route_chooses_the_street_of_the_area(void **unused)
{
    (void)unused;
    struct route_query query = query_of("handoff.service-referral", "civil-affairs");
    query.topic = "relief";
    query.area = "120102003";
    const char *want = "st-zhongshanmen sign 3 lead:2.3.5=street-offices primary\n"
                       "womens-federation copy 1 coop:2.3.5=womens-federation\n";
    expect_route(&query, 0, want);
    query.area = "120102003007"; /* a community of that street */
    expect_route(&query, 0, want);
}

static void route_addresses_no_street_where_the_area_is_unknown(void **unused)
{
    (void)unused;
    static const char *const areas[] = {"", "120102", "120102099", "120101001", "330106"};
    struct route_query query = query_of("handoff.service-referral", "civil-affairs");
    query.topic = "relief";
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        query.area = areas[i];
        expect_route(&query, ROUTE_FLAG_READDRESSED | ROUTE_FLAG_AREA_UNKNOWN,
                     "police-hedong sign 3 duty:readdress=police-hedong primary\n"
                     "womens-federation copy 1 coop:2.3.5=womens-federation\n"
                     "joint-conference-office copy 1 duty:readdress=joint-conference-office\n");
    }
    static const char *const malformed[] = {"1", "12010200", "1201020010010", "12010200a",
                                            "120102 01"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        query.area = malformed[i];
        expect_refusal(&query, E_AREA_UNKNOWN, "area");
    }
}

/* The area first; a revision adds units and never drops one that got an earlier one. */
static void route_alerts_the_area_first_and_wider_by_revision(void **unused)
{
    (void)unused;
    struct route_query query = query_of("alert.missing-child", "police-hedong");
    struct route_participant thread[LIMIT_UNIT_COUNT_MAX] = {
        {plan_unit_find(plan, "police-hedong"), ROUTE_ROLE_ORIGINATOR},
        {plan_unit_find(plan, "st-shanghanglu"), ROUTE_ROLE_SIGNER_ALERTED},
        {plan_unit_find(plan, "traffic-police-hedong"), ROUTE_ROLE_SIGNER_ALERTED},
        {plan_unit_find(plan, "education"), ROUTE_ROLE_SIGNER_ALERTED},
        /* of another message on the thread */
        {plan_unit_find(plan, "court"), ROUTE_ROLE_SIGNER},
    };
    struct route route;
    query.topic = "issue";
    query.area = "120102010";
    expect_route(&query, 0,
                 "st-shanghanglu sign 1 duty:street-vicinity=street-offices primary\n"
                 "traffic-police-hedong sign 1 text:2.2.1.5=traffic-police-hedong\n"
                 "education sign 1 lead:2.1.2.4=education\n");
    query.area = "";
    expect_route(&query, ROUTE_FLAG_AREA_UNKNOWN,
                 "traffic-police-hedong sign 1 text:2.2.1.5=traffic-police-hedong primary\n"
                 "education sign 1 lead:2.1.2.4=education\n");
    query.area = "110101001"; /* somewhere else: no street, never all */
    expect_route(&query, ROUTE_FLAG_AREA_UNKNOWN,
                 "traffic-police-hedong sign 1 text:2.2.1.5=traffic-police-hedong primary\n"
                 "education sign 1 lead:2.1.2.4=education\n");
    query.participants = thread;
    query.participant_count = 5;
    query.topic = "update";
    query.area = "120102011";
    expect_route(&query, 0,
                 "st-dongxin sign 1 duty:street-vicinity=street-offices primary\n"
                 "traffic-police-hedong sign 1 text:2.2.1.5=traffic-police-hedong\n"
                 "education sign 1 lead:2.1.2.4=education\n"
                 "st-shanghanglu sign 1 duty:alerted\n");
    query.topic = "streets";
    query.area = "";
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    assert_int_equal(route.recipient_count, 15);
    assert_int_equal(route.flags, 0);
    query.topic = "district";
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    assert_int_equal(route.recipient_count, 40);
    assert_int_equal(route.flags, 0);
    for (size_t i = 0; i < route.recipient_count; i++) {
        assert_int_equal(route.recipients[i].act, ROUTE_SIGN);
        assert_int_equal(route.recipients[i].primary, i == 0);
    }
    query.topic = "";
    expect_refusal(&query, E_TOPIC_UNKNOWN, "topic");
}

static void route_reads_the_thread(void **unused)
{
    (void)unused;
    struct route_participant thread[] = {
        {plan_unit_find(plan, "education"), ROUTE_ROLE_ORIGINATOR},
        {plan_unit_find(plan, "police-hedong"), ROUTE_ROLE_SIGNER},
        {plan_unit_find(plan, "procuratorate"), ROUTE_ROLE_COPY_ALERTED},
        {plan_unit_find(plan, "civil-affairs"), ROUTE_ROLE_COPY},
    };
    struct route_query query = query_of("receipt.signed", "police-hedong");
    query.participants = thread;
    query.participant_count = 4;
    query.reference_sender = "education";
    expect_route(&query, 0, "education sign 1 duty:sender-of-reference primary\n");
    query.kind = "receipt.progress";
    expect_route(&query, 0,
                 "education sign 1 duty:sender-of-reference primary\n"
                 "procuratorate copy 0 duty:thread\n"
                 "civil-affairs copy 0 duty:thread\n");
    query.kind = "supervision.urge";
    query.from = "joint-conference-office";
    /* Who had nothing to sign for has nothing to sign for here either. */
    expect_route(&query, 0,
                 "police-hedong sign 1 duty:thread-signers primary\n"
                 "education copy 1 duty:thread\n"
                 "procuratorate copy 1 duty:thread\n"
                 "civil-affairs copy 1 duty:thread\n");
    query.from = "education"; /* sent the message referred to */
    expect_route(&query, 0,
                 "police-hedong sign 1 duty:thread-signers primary\n"
                 "procuratorate copy 1 duty:thread\n"
                 "civil-affairs copy 1 duty:thread\n");
    /* An alert is withdrawn by who got it, and by nobody else on the thread. */
    query = query_of("alert.missing-child-cancel", "police-hedong");
    query.participants = thread;
    query.participant_count = 4;
    query.reference_sender = "police-hedong";
    expect_route(&query, 0, "procuratorate sign 1 duty:alerted primary\n");
    query = query_of("supervision.urge", "education");
    query.participants = thread;
    query.participant_count = 4;
    query.reference_sender = "education";
    query.from = "court";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
    query.kind = "receipt.closed";
    query.from = "police-hedong";
    query.topic = "no-case";
    thread[2].unit = plan_unit_find(plan, "health");
    expect_route(&query, 0,
                 "education sign 1 duty:sender-of-reference primary\n"
                 "health copy 0 duty:thread\n"
                 "civil-affairs copy 0 duty:thread\n"
                 "procuratorate copy 0 lead:2.4.2=procuratorate\n");
}

static void route_refuses(void **unused)
{
    (void)unused;
    struct route_query query = query_of("lead.nothing", "education");
    expect_refusal(&query, E_KIND_UNKNOWN, "kind");
    query = query_of(NULL, "education");
    expect_refusal(&query, E_KIND_UNKNOWN, "kind");
    query = query_of("anomaly.birth", "health");
    query.topic = "nothing";
    expect_refusal(&query, E_TOPIC_UNKNOWN, "topic");
    query = query_of("handoff.service-referral", "civil-affairs");
    expect_refusal(&query, E_TOPIC_UNKNOWN, "topic"); /* required */
    struct route route;
    struct error error = {0};
    assert_int_equal(route_compute(&query, &route, &error), E_TOPIC_UNKNOWN);
    assert_non_null(strstr(error.detail, "a topic is required: one of schooling"));
    query = query_of("anomaly.marriage", "civil-affairs");
    query.topic = "relief"; /* has none */
    expect_refusal(&query, E_TOPIC_UNKNOWN, "topic");
    query = query_of("anomaly.marriage", "nobody");
    expect_refusal(&query, E_UNIT_UNKNOWN, "from");
    query = query_of("anomaly.marriage", NULL);
    expect_refusal(&query, E_UNIT_UNKNOWN, "from");
    query = query_of("alert.missing-child", "education");
    query.topic = "issue";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
    query = query_of("receipt.signed", "police-hedong"); /* no parent */
    expect_refusal(&query, E_ROUTE_EMPTY, "recipients");
    query.reference_sender = "police-hedong"; /* one's own */
    expect_refusal(&query, E_ROUTE_EMPTY, "recipients");
    query = query_of("notice.verify", "police-hedong"); /* the police hold the answer */
    query.topic = "identity";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
    query.from = "hrss"; /* vets staff, asks of no marriage */
    query.topic = "foreign-marriage";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
}

static void route_serves_every_kind_and_sender(void **unused)
{
    (void)unused;
    struct route_participant thread[] = {
        {plan_unit_find(plan, "finance"), ROUTE_ROLE_ORIGINATOR},
        {plan_unit_find(plan, "housing"), ROUTE_ROLE_SIGNER},
        {plan_unit_find(plan, "commerce"), ROUTE_ROLE_COPY_ALERTED},
    };
    size_t served = 0;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (int t = kind->topic_required ? 0 : -1; t < (int)kind->topic_count; t++) {
            for (uint16_t u = 0; u < plan_unit_count(plan); u++) {
                struct route_query query = query_of(kind->slug, plan_unit(plan, u)->key);
                struct route route;
                struct error error = {0};
                const char *topic = t < 0 ? "" : kind->topics[t].slug;
                query.topic = topic;
                query.area = "120102001";
                query.target = strcmp(query.from, "court") == 0 ? "procuratorate" : "court";
                query.participants = thread;
                query.participant_count = 3;
                if (kind->position == PLAN_FOLLOWS)
                    query.reference_sender = u == thread[0].unit ? "housing" : "finance";
                bool allowed =
                    route_sender_allowed(plan, kind, t < 0 ? NULL : &kind->topics[t], u, at_ms,
                                         plan_unit_find(plan, query.reference_sender));
                int r = route_compute(&query, &route, &error);
                if (!allowed)
                    assert_int_equal(r, E_SENDER_NOT_ALLOWED);
                else if (r < 0)
                    fail_msg("%s %s: %s", kind->slug, query.from, error.detail);
                if (r < 0) continue;
                served++;
                for (size_t i = 0; i < route.recipient_count; i++) {
                    const struct route_recipient *to = &route.recipients[i];
                    assert_int_not_equal(to->unit, u);
                    assert_non_null(route_citation_text(plan, to->citation, LANG_ZH));
                    assert_non_null(route_reason(plan, kind, to->citation, LANG_EN));
                    assert_true(strlen(to->citation) <= LIMIT_CITATION_LEN_MAX);
                    assert_true(i == 0 || to->act >= route.recipients[i - 1].act);
                    assert_true(to->sections >> kind->section_count == 0);
                    for (size_t s = 0; s < kind->section_count; s++) {
                        if ((to->sections >> s & 1) == 0) continue;
                        if (to->act == ROUTE_COPY) assert_true(kind->sections[s].copy);
                        if (kind->sections[s].police)
                            assert_true(plan_unit(plan, to->unit)->duties & PLAN_DUTY_POLICE);
                    }
                }
            }
        }
    }
    assert_true(served > 500);
}

static struct plan *parse_changed(struct plan_files *files)
{
    struct plan *changed = NULL;
    struct error error = {0};
    int r = plan_parse(files->parts, PLAN_PART_COUNT, &changed, &error);
    if (r < 0) fail_msg("%s: %s", error.field, error.detail);
    plan_files_free(files);
    return changed;
}

static bool receives(const struct route_query *query, const char *unit)
{
    struct route route;
    assert_int_equal(route_compute(query, &route, NULL), 0);
    for (size_t i = 0; i < route.recipient_count; i++) {
        if (strcmp(plan_unit(query->plan, route.recipients[i].unit)->key, unit) == 0) return true;
    }
    return false;
}

static void route_takes_groups_as_of_the_day(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    plan_files_replace(&files, "groups.tsv", "joint-conference-members\thousing\t2022-03-10\t-",
                       "joint-conference-members\thousing\t2024-01-01\t2024-07-01");
    struct plan *changed = parse_changed(&files);
    struct route_query query = query_of("notice.bulletin", "court");
    query.plan = changed;
    /* Days start at 16:00 UTC of the day before. */
    query.at_ms = 1704038400000 - 1; /* 2023-12-31 15:59:59.999 UTC */
    assert_false(receives(&query, "housing"));
    query.at_ms++;
    assert_true(receives(&query, "housing"));
    query.at_ms = 1719763200000 - 1; /* 2024-06-30 15:59:59.999 UTC */
    assert_true(receives(&query, "housing"));
    query.at_ms++;
    assert_false(receives(&query, "housing"));
    query.at_ms = 1646841600000 - 1; /* before the plan: no members and no streets */
    struct route route;
    assert_int_equal(route_compute(&query, &route, NULL), E_ROUTE_EMPTY);
    plan_free(changed);
}

static void route_takes_a_member_out_of_a_group_in_the_brackets(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    plan_files_replace(&files, "groups.tsv", "joint-conference-members\thousing\t2022-03-10\t-",
                       "joint-conference-members\thousing\t2022-03-10\t2024-01-01");
    plan_files_replace(&files, "routes.tsv",
                       "handoff.victim\t*\talways\tlead:2.2.4=civil-affairs\tone\tsign",
                       "handoff.victim\t*\talways\tlead:2.1.3.2=housing\tone\tsign");
    struct plan *changed = parse_changed(&files);
    assert_int_equal(plan_lint(changed, NULL, NULL), 0);
    struct route_query query = query_of("handoff.victim", "police-hedong");
    query.plan = changed;
    query.at_ms = 1704038400000 - 1; /* 2023-12-31 15:59:59.999 UTC */
    expect_route(&query, 0, "housing sign 3 lead:2.1.3.2=housing primary\n");
    query.at_ms++; /* no member any more: no rule matches */
    struct route route;
    struct route_skip skips[64];
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    assert_int_equal(route.flags, ROUTE_FLAG_READDRESSED);
    size_t count = route_explain(&query, &route, skips, 64);
    bool told = false;
    for (size_t i = 0; i < count && i < 64; i++) {
        if (strcmp(plan_unit(changed, skips[i].unit)->key, "housing") == 0)
            told = skips[i].reason == ROUTE_SKIP_NOT_MEMBER;
    }
    assert_true(told);
    plan_free(changed);
}

static void route_narrows_senders_and_raises_urgency_by_topic(void **unused)
{
    (void)unused;
    struct route route;
    struct route_query query = query_of("handoff.service-referral", "trade-union");
    query.topic = "schooling";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
    query.topic = "legal-aid"; /* clause 2.3.3.5 has the union cooperate */
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    query = query_of("supervision.inspection", "procuratorate");
    query.topic = "implementation";
    expect_refusal(&query, E_SENDER_NOT_ALLOWED, "from");
    query.topic = "judicial";
    expect_route(&query, 0,
                 "police-hedong sign 1 lead:2.4.2=police-hedong primary\n"
                 "court sign 1 lead:2.4.2=court\n"
                 "justice sign 1 lead:2.4.2=justice\n");
    query = query_of("handoff.service-referral", "police-hedong");
    query.topic = "legal-aid";
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    assert_int_equal(plan_kind_urgency(route.kind, "legal-aid"), 2);
    assert_int_equal(plan_kind_urgency(route.kind, "schooling"), 3);
    assert_int_equal(plan_kind_urgency(route.kind, ""), 3);
    assert_int_equal(plan_kind_urgency(route.kind, "nothing"), 3);
    assert_int_equal(plan_kind_urgency(route.kind, NULL), 3);
}

static void route_resolves_successors(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    plan_files_replace(&files, "units.tsv",
                       "womens-federation\t区妇联\tDistrict Women's "
                       "Federation\t天津市河东区妇女联合会\tpeoples-org\t-\t-\t-\t-",
                       "womens-federation\t区妇联\tDistrict Women's "
                       "Federation\t天津市河东区妇女联合会\tpeoples-org\t-\t-\tyouth-league\t-");
    struct plan *changed = parse_changed(&files);
    struct route_query query = query_of("anomaly.marriage", "civil-affairs");
    query.plan = changed;
    expect_route(&query, 0,
                 "police-hedong sign 3 coop:2.1.3.1=police-hedong primary\n"
                 "youth-league copy 1 coop:2.1.3.1=womens-federation\n");
    plan_free(changed);
}

static void route_readdresses_where_no_rule_matches(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    plan_files_replace(&files, "tasks.tsv", "2.1.3.1\tcivil-affairs\tpolice-hedong,",
                       "2.1.3.1\tcivil-affairs\tcourt,");
    struct plan *changed = parse_changed(&files);
    struct route_query query = query_of("anomaly.marriage", "civil-affairs");
    query.plan = changed;
    expect_route(&query, ROUTE_FLAG_READDRESSED,
                 "police-hedong sign 3 duty:readdress=police-hedong primary\n"
                 "womens-federation copy 1 coop:2.1.3.1=womens-federation\n"
                 "joint-conference-office copy 1 duty:readdress=joint-conference-office\n");
    plan_free(changed);
}

static void route_restricts_to_the_sections_that_are_there(void **unused)
{
    (void)unused;
    static const char *const all[] = {"summary", "full", "reporter"};
    static const char *const twice[] = {"summary", "full", "full"};
    static const char *const swapped[] = {"full", "summary"};
    static const char *const extra[] = {"summary", "full", "reporter", "more"};
    struct route_query query = query_of("lead.suspected-trafficking", "education");
    struct route route;
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    assert_int_equal(route_restrict(&route, all, 1, NULL), E_LEVEL_MISMATCH);
    assert_int_equal(route_restrict(&route, all, 0, NULL), E_LEVEL_MISMATCH);
    assert_int_equal(route_restrict(&route, twice, 3, NULL), E_LEVEL_MISMATCH);
    assert_int_equal(route_restrict(&route, swapped, 2, NULL), E_LEVEL_MISMATCH);
    assert_int_equal(route_restrict(&route, extra, 4, NULL), E_LEVEL_MISMATCH);
    assert_int_equal(route.recipients[0].sections, 7); /* untouched */
    assert_int_equal(route_restrict(&route, all, 3, NULL), 0);
    assert_int_equal(route.recipients[0].sections, 7);
    assert_int_equal(route_restrict(&route, all, 2, NULL), 0);
    assert_int_equal(route.recipients[0].sections, 3);
}

static void route_compare_names_the_first_difference(void **unused)
{
    (void)unused;
    struct route_query query = query_of("lead.mandatory-report", "education");
    struct route route;
    struct error error = {0};
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    const struct route_stated right[4] = {
        {"police-hedong", 1, "lead:2.2.2.5=police-hedong", 7},
        {"procuratorate", 2, "lead:2.2.2.5=procuratorate", 1},
        {"civil-affairs", 2, "coop:2.2.2.5=civil-affairs", 1},
        {"health", 2, "lead:2.2.2.5=health", 1},
    };
    struct route_stated stated[4];
#define FRESH memcpy(stated, right, sizeof stated)
#define DIFFERS(count, code, where, what)                                                          \
    do {                                                                                           \
        assert_int_equal(route_compare(plan, &route, stated, count, &error), code);                \
        assert_string_equal(error.field, where);                                                   \
        assert_non_null(strstr(error.detail, what));                                               \
        FRESH;                                                                                     \
    } while (0)
    FRESH;
    assert_int_equal(route_compare(plan, &route, stated, 3, &error), 0);
    DIFFERS(4, E_ROUTE_MISMATCH, "recipients[3]", "added: health");
    DIFFERS(2, E_ROUTE_MISMATCH, "recipients[2]", "missing: civil-affairs");
    DIFFERS(0, E_ROUTE_MISMATCH, "recipients[0]", "missing: police-hedong");
    stated[1] = right[2];
    DIFFERS(2, E_ROUTE_MISMATCH, "recipients[1]", "missing: procuratorate");
    stated[1] = right[2];
    stated[2] = right[1];
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[1]", "out of order: civil-affairs");
    stated[2] = right[3];
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[2]", "added: health");
    stated[2] = right[0];
    DIFFERS(3, E_RECIPIENT_DUPLICATE, "recipients[2]", "police-hedong");
    stated[3] = right[2];
    DIFFERS(4, E_RECIPIENT_DUPLICATE, "recipients[3]", "civil-affairs");
    stated[1].act = 1;
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[1]", "wrong act");
    stated[1].act = 258; /* 2 in its low byte */
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[1]", "wrong act");
    stated[1].citation = "lead:2.2.2.5";
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[1]", "wrong citation");
    stated[1].sections = 3;
    DIFFERS(3, E_ROUTE_MISMATCH, "recipients[1]", "wrong sections");
}

static void route_explains_who_was_not_addressed(void **unused)
{
    (void)unused;
    struct route_query query = query_of("handoff.service-referral", "civil-affairs");
    struct route route;
    struct route_skip skips[64];
    query.topic = "relief";
    query.area = "120102003";
    assert_int_equal(route_compute(&query, &route, NULL), 0);
    size_t count = route_explain(&query, &route, skips, 64);
    assert_true(count < 64);
    size_t streets = 0;
    bool origin = false;
    bool hrss = false;
    for (size_t i = 0; i < count; i++) {
        const char *key = plan_unit(plan, skips[i].unit)->key;
        streets += skips[i].reason == ROUTE_SKIP_OTHER_STREET;
        if (strcmp(key, "civil-affairs") == 0) origin = skips[i].reason == ROUTE_SKIP_ORIGIN;
        if (strcmp(key, "hrss") == 0) hrss = skips[i].reason == ROUTE_SKIP_OTHER_TOPIC;
        assert_string_not_equal(key, "st-zhongshanmen");
        assert_true(route_skip_text(skips[i].reason, LANG_ZH)[0] != '\0');
    }
    assert_int_equal(streets, 12);
    assert_true(origin && hrss);
    /* The count does not depend on the room. */
    assert_int_equal(route_explain(&query, &route, NULL, 0), count);
}

static void route_bounds_its_recipients(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct buf units = {0};
    struct buf groups = {0};
    plan_files_load(&files);
    buf_append_bytes(&units, plan_files_part(&files, "units.tsv")->content);
    buf_append_bytes(&groups, plan_files_part(&files, "groups.tsv")->content);
    buf_printf(&groups, "crowd\t-\t-\t-\t众\tcrowd\t-\n");
    for (int i = 0; i < 200; i++) {
        buf_printf(&units, "u%d\t单位\tunit\t-\tbureau\t-\t-\t-\t-\n", i);
        buf_printf(&groups, "crowd\tu%d\t2022-03-10\t-\t-\t-\t-\n", i);
    }
    plan_files_set(&files, "units.tsv", units.data, units.len);
    plan_files_set(&files, "groups.tsv", groups.data, groups.len);
    plan_files_replace(&files, "routes.tsv", "text:2.1.2.6=street-offices", "text:2.1.2.6=crowd");
    buf_fini(&units);
    buf_fini(&groups);
    struct plan *changed = parse_changed(&files);
    struct route_query query = query_of("notice.bulletin", "court");
    query.plan = changed;
    expect_refusal(&query, E_TOO_LARGE, "recipients");
    plan_free(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(route_follows_the_rows),
        cmocka_unit_test(route_excludes_the_origin),
        cmocka_unit_test(route_adds_duty_rows_when_only_the_origin_is_left),
        cmocka_unit_test(route_chooses_the_street_of_the_area),
        cmocka_unit_test(route_addresses_no_street_where_the_area_is_unknown),
        cmocka_unit_test(route_alerts_the_area_first_and_wider_by_revision),
        cmocka_unit_test(route_reads_the_thread),
        cmocka_unit_test(route_refuses),
        cmocka_unit_test(route_serves_every_kind_and_sender),
        cmocka_unit_test(route_takes_groups_as_of_the_day),
        cmocka_unit_test(route_takes_a_member_out_of_a_group_in_the_brackets),
        cmocka_unit_test(route_narrows_senders_and_raises_urgency_by_topic),
        cmocka_unit_test(route_resolves_successors),
        cmocka_unit_test(route_readdresses_where_no_rule_matches),
        cmocka_unit_test(route_restricts_to_the_sections_that_are_there),
        cmocka_unit_test(route_compare_names_the_first_difference),
        cmocka_unit_test(route_explains_who_was_not_addressed),
        cmocka_unit_test(route_bounds_its_recipients),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
