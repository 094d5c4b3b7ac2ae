/* Rows 1 to 40: prevention (part 2.1 of the plan). docs/MISSION.md says which row asks for what. */
#include <stdio.h>

#include "proto/payload/payload_same.h"
#include "tests/mission/scene.h"

#define LEAD   "lead.suspected-trafficking"
#define REPORT "lead.mandatory-report"
#define VERIFY "notice.verify"

/* Any unit sends it at any time, and nobody on the way may hold it back. */
static void expect_never_held_up(const struct scene *scene, const char *kind)
{
    const struct plan_kind *found = scene_kind(scene, kind);
    struct lifecycle_step step;
    assert_true(found->exempt);
    assert_false(found->may_expire);
    struct lifecycle_query query = {found, LIFECYCLE_SIGNED, PLAN_ACT_RETURN,
                                    LIFECYCLE_ROLE_BIT(LIFECYCLE_ROLE_LEG), 0};
    assert_int_equal(lifecycle_next(&query, &step, NULL), E_RETURN_NOT_ALLOWED);
}

static void row_001_any_unit_sends_a_lead_and_the_police_alone_sign(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, LEAD, NULL, "any");
    for (uint16_t u = 0; u < plan_unit_count(scene->plan); u++) {
        const char *from = plan_unit(scene->plan, u)->key;
        if (strcmp(from, "police-hedong") == 0)
            expect_route(scene, LEAD, "", from, "joint-conference-office=summary");
        else
            expect_route(scene, LEAD, "", from, "police-hedong!summary+full+reporter");
    }
    expect_never_held_up(scene, LEAD);
    /* The thread never changes: an answer on another one is refused. */
    struct district_letter *lead = scene_send(scene, LEAD, "", "hrss", NULL);
    struct district_letter *other = scene_send(scene, LEAD, "", "hrss", NULL);
    struct district_letter elsewhere = *lead;
    memcpy(elsewhere.thread, other->thread, 16);
    struct district_draft draft = {
        .kind = "receipt.signed", .from = "police-hedong", .parent = &elsewhere};
    expect_draft_refused(scene, &draft, E_PARENT_UNKNOWN);
    struct district_letter *answer = scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    assert_memory_equal(answer->thread, lead->id, 16);
}

static void row_002_a_person_signs_apart_from_the_machine_and_both_are_kept(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, LEAD, "", "hrss", NULL);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_SUBMITTED);
    scene_acknowledge(scene, "police-hedong", ENVELOPE_LANE_URGENT);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_DELIVERED);
    uint64_t before = core_size(scene->core);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    assert_int_equal(core_size(scene->core), before + 1); /* a record of its own */
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_SIGNED);
    expect_refused(scene, "receipt.signed", "", "police-hedong", lead, E_LIFECYCLE_ORDER);
    /* Nobody's act is none, whichever it is. */
    size_t acts = 0;
    for (size_t i = 0; i < plan_kind_count(scene->plan); i++) {
        const struct plan_kind *kind = plan_kind(scene->plan, i);
        struct error error = {0};
        bool acting = kind->act != PLAN_ACT_NONE;
        acts += acting;
        assert_int_equal(lifecycle_check_officer(kind, "", &error), acting ? E_MISSING_FIELD : 0);
        assert_string_equal(error.field, acting ? "officer" : "");
        assert_int_equal(lifecycle_check_officer(kind, "p-1101", NULL), 0);
    }
    assert_int_equal(acts, 25);
    struct district_draft nobodys = {
        .kind = "receipt.accepted", .from = "police-hedong", .parent = lead, .nobody = true};
    expect_draft_refused(scene, &nobodys, E_MISSING_FIELD);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", lead);
    struct lifecycle_step step;
    struct lifecycle_query query = {scene_kind(scene, LEAD), LIFECYCLE_DELIVERED, PLAN_ACT_SIGN,
                                    LIFECYCLE_ROLE_BIT(LIFECYCLE_ROLE_BUS), 0};
    assert_int_equal(lifecycle_next(&query, &step, NULL), E_LIFECYCLE_ROLE);
    expect_section(scene, "receipt.accepted", "", "receipt", "{'reference_number':'2026-88'}", 0,
                   "");
}

static void row_003_a_bulletin_has_no_numbers_of_people(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "notice.bulletin")->level, 1);
    expect_section(scene, "notice.bulletin", "", "notice", "{}", 0, "");
    expect_section(scene, "notice.bulletin", "", "notice",
                   "{'text':'嫌疑人证件 11010519491231002X'}", E_FORBIDDEN_CONTENT, "notice.text");
    expect_section(scene, "notice.bulletin", "", "notice", "{'title':'请电 13912345678'}",
                   E_FORBIDDEN_CONTENT, "notice.title");
    expect_section(scene, "notice.bulletin", "", "notice", "{'reference_number':'13912345678'}",
                   E_FORBIDDEN_CONTENT, "notice.reference_number");
}

/* The office never has more than what copies have, but of what is addressed to it as the office. */
static void office_reads_copies(const struct scene *scene, const struct route *route,
                                const char *topic, const char *from, void *ctx)
{
    uint16_t office = plan_unit_find(scene->plan, "joint-conference-office");
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *to = &route->recipients[i];
        if (to->unit != office) continue;
        for (size_t s = 0; s < route->kind->section_count; s++)
            if ((to->sections >> s & 1) && !route->kind->sections[s].copy &&
                route->kind->act != PLAN_ACT_OBJECT) /* which it decides */
                fail_msg("%s %s from %s: the office opens %s", route->kind->slug, topic, from,
                         route->kind->sections[s].name);
        (*(size_t *)ctx)++;
    }
}

static void row_004_the_office_urges_and_reads_no_lead(void **state)
{
    struct scene *scene = *state;
    size_t seen = 0;
    scene_each_route(scene, office_reads_copies, &seen);
    assert_true(seen > 10);
    struct district_letter *lead = scene_send(scene, "anomaly.marriage", "", "civil-affairs", NULL);
    assert_int_equal(envelope_recipient_find(&lead->envelope, "joint-conference-office"), -1);
    (void)scene_send(scene, "supervision.urge", "", "joint-conference-office", lead);
}

static void row_005_a_risk_warning_names_nobody(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "alert.risk")->level, 1);
    expect_senders(scene, "alert.risk", "trend",
                   "police-hedong political-legal civil-affairs joint-conference-office");
    assert_int_equal(scene_role(scene, "alert.risk", "trend", "political-legal", "education"), '!');
    assert_int_equal(scene_role(scene, "alert.risk", "trend", "political-legal", SCENE_STREET),
                     '=');
    expect_section(scene, "alert.risk", "trend", "notice", "{}", 0, "");
    expect_section(scene, "alert.risk", "trend", "notice", "{'advice':'举报电话 139 1234 5678'}",
                   E_FORBIDDEN_CONTENT, "notice.advice");
}

static void row_006_a_child_at_work_is_immediate_and_the_employer_is_checked(void **state)
{
    struct scene *scene = *state;
    const struct plan_kind *kind = scene_kind(scene, "lead.workplace");
    assert_int_equal(plan_kind_urgency(kind, "labour"), 2);
    assert_int_equal(plan_kind_urgency(kind, "child-labour"), 1);
    expect_route(scene, "lead.workplace", "labour", "hrss",
                 "police-hedong!summary+full market-regulation=summary");
    expect_route(scene, "lead.workplace", "child-labour", "hrss",
                 "police-hedong!summary+full market-regulation=summary");
    expect_section(scene, "lead.workplace", "labour", "summary", "{}", 0, "");
    expect_section(scene, "lead.workplace", "labour", "summary",
                   "{'employer_uscc':'11120221000192727R'}", 0, "summary.employer_uscc");
    struct district_letter *lead =
        scene_send(scene, "lead.workplace", "child-labour", "hrss", NULL);
    assert_int_equal(scene_waits(scene, lead, "police-hedong"), ENVELOPE_LANE_URGENT);
}

static void police_sections(const struct scene *scene, const struct route *route, const char *topic,
                            const char *from, void *ctx)
{
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *to = &route->recipients[i];
        for (size_t s = 0; s < route->kind->section_count; s++) {
            if (!(to->sections >> s & 1) || !route->kind->sections[s].police) continue;
            (*(size_t *)ctx)++;
            if (to->unit != plan_unit_with_duty(scene->plan, PLAN_DUTY_POLICE))
                fail_msg("%s %s from %s: %s opens %s", route->kind->slug, topic, from,
                         plan_unit(scene->plan, to->unit)->key, route->kind->sections[s].name);
        }
    }
}

static void row_007_who_reported_is_sealed_to_the_police_alone(void **state)
{
    struct scene *scene = *state;
    size_t seen = 0;
    expect_route(scene, "lead.public-tip", "", "hrss", "police-hedong!summary+full+reporter");
    scene_each_route(scene, police_sections, &seen);
    assert_true(seen > 100);
    expect_section(scene, "lead.public-tip", "", "full", "{'reporter_name':'王某'}",
                   E_UNKNOWN_FIELD, "full.reporter_name");
    assert_non_null(
        scene_field(scene_message(scene, "lead.public-tip", "full"), "complaint_number"));
}

static void row_008_the_finding_travels_and_not_the_register(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.workplace", "venue", "culture-tourism",
                 "police-hedong!summary+full market-regulation=summary hrss=summary");
    expect_route(scene, "lead.workplace", "venue", "police-hedong",
                 "culture-tourism!summary+full market-regulation=summary hrss=summary");
    expect_section(scene, "lead.workplace", "venue", "full", "{'register_gap':'缺 3 月日志'}", 0,
                   "");
    expect_section(scene, "lead.workplace", "venue", "full", "{'staff_register':['张三']}",
                   E_UNKNOWN_FIELD, "full.staff_register");
    assert_int_equal(
        scene_field(scene_message(scene, "lead.workplace", "full"), "persons")->count_max, 20);
}

/* A question is closed with the codes of an answer alone, whatever words another outcome takes. */
static void expect_answer_in_codes(struct scene *scene, const char *topic, const char *from,
                                   const char *answers)
{
    static const char *const outcomes[] = {"confirmed", "not-confirmed", "referred"};
    const struct plan_kind *question = scene_kind(scene, VERIFY);
    const struct plan_kind *closing = scene_kind(scene, "receipt.closed");
    size_t allowed = 0;
    assert_false(question->returnable);
    struct district_letter *asked = scene_send(scene, VERIFY, topic, from, NULL);
    expect_refused(scene, "receipt.returned", "", answers, asked, E_RETURN_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.signed", "", answers, asked);
    expect_refused(scene, "receipt.progress", "", answers, asked, E_LIFECYCLE_ORDER);
    for (size_t i = 0; i < closing->topic_count; i++) {
        const char *outcome = closing->topics[i].slug;
        struct error error = {0};
        if (lifecycle_check_outcome(question, closing, outcome, &error) == 0) {
            assert_true(allowed < 3);
            assert_string_equal(outcome, outcomes[allowed++]);
            continue;
        }
        assert_string_equal(error.field, "topic");
        assert_non_null(strstr(error_detail(&error, LANG_ZH), "not-confirmed"));
        expect_refused(scene, "receipt.closed", outcome, answers, asked, E_TOPIC_UNKNOWN);
    }
    assert_int_equal(allowed, 3);
    for (size_t i = 0; i < allowed; i++) {
        const bool yes = i == 0;
        char changes[128];
        static const char *const wordy[] = {"text", "reference_number", "officer_name"};
        for (size_t w = 0; w < 3; w++) {
            (void)snprintf(changes, sizeof changes,
                           "{'text':null,'officer_name':null,'valid_until':'2026-04-01','%s':'x'}",
                           wordy[w]);
            char path[32];
            (void)snprintf(path, sizeof path, "receipt.%s", wordy[w]);
            expect_section(scene, "receipt.closed", outcomes[i], "receipt", changes, E_BAD_VALUE,
                           path);
        }
        expect_section(scene, "receipt.closed", outcomes[i], "receipt",
                       "{'text':null,'officer_name':null}", yes ? E_MISSING_FIELD : 0,
                       yes ? "receipt.valid_until" : "");
        expect_section(scene, "receipt.closed", outcomes[i], "receipt",
                       "{'text':null,'officer_name':null,'valid_until':'2026-04-01'}", 0, "");
    }
    (void)scene_send(scene, "receipt.closed", "referred", answers, asked);
    assert_int_equal(scene_leg(scene, asked, answers), LIFECYCLE_CLOSED);
}

static void row_009_one_person_per_question_with_a_purpose_and_an_answer_in_codes(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, VERIFY, "staff-vetting", "education",
                 "police-hedong!full procuratorate!full");
    expect_route(scene, VERIFY, "", "education", "topic_unknown");
    expect_section(scene, VERIFY, "staff-vetting", "full", "{}", 0, "");
    expect_section(scene, VERIFY, "staff-vetting", "full", "{'purpose':'adoption'}", E_BAD_VALUE,
                   "full.purpose");
    expect_section(scene, VERIFY, "staff-vetting", "full", "{'legal_basis':null}", E_MISSING_FIELD,
                   "full.legal_basis");
    /* no bulk: a list of persons is no value of the field */
    expect_section(scene, VERIFY, "staff-vetting", "full", "{'subject':[{'name':'甲'}]}",
                   E_BAD_VALUE, "full.subject");
    expect_answer_in_codes(scene, "staff-vetting", "education", "procuratorate");
    /* and so many in a minute: the quota takes no exception of this kind */
    scene->district->now_ms += 120000;
    Leadbus__Configured configured = *core_config(scene->core);
    configured.quota_per_minute = 1;
    struct core_request request = {
        .type = CORE_CONFIGURE, .now_ms = scene->district->now_ms, .configured = &configured};
    struct core_verdict verdict;
    struct buf record = {0};
    assert_int_equal(core_admit(scene->core, &request, &record, &verdict), 0);
    assert_int_equal(
        core_apply(scene->core, core_size(scene->core), buf_bytes(&record), NULL, NULL, NULL), 0);
    buf_fini(&record);
    (void)scene_send(scene, VERIFY, "staff-vetting", "education", NULL);
    expect_refused(scene, VERIFY, "staff-vetting", "education", NULL, E_QUOTA);
}

static void row_010_online_content_is_a_hash_and_a_reference(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "lead.online")->attachments, 0);
    expect_route(scene, "lead.online", "", "market-regulation",
                 "police-hedong!summary+full cyberspace=summary");
    expect_section(scene, "lead.online", "", "full", "{'picture':'aGk='}", E_UNKNOWN_FIELD,
                   "full.picture");
    expect_section(scene, "lead.online", "", "full", "{'content_sha256':'abc'}", E_BAD_VALUE,
                   "full.content_sha256");
    expect_section(scene, "lead.online", "", "full", "{'preserve_until':'2026-06-01'}",
                   E_MISSING_FIELD, "full.preservation_order");
    expect_section(scene, "lead.online", "", "full",
                   "{'preserve_until':'2026-06-01','preservation_order':'网固令 9'}", 0, "");
}

static void row_011_education_signs_for_an_alert_and_passes_it_on(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(
        scene_role(scene, "alert.missing-child", "issue", "police-hedong", "education"), '!');
    struct district_letter *alert =
        scene_send(scene, "alert.missing-child", "issue", "police-hedong", NULL);
    assert_int_equal(scene_waits(scene, alert, "education"), ENVELOPE_LANE_URGENT);
    assert_int_equal(scene_leg(scene, alert, "education"), LIFECYCLE_SUBMITTED);
    (void)scene_send(scene, "receipt.signed", "", "education", alert);
    assert_int_equal(scene_leg(scene, alert, "education"), LIFECYCLE_SIGNED);
}

static void row_012_streets_send_what_they_find(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.community", "at-risk", SCENE_STREET,
                 "police-hedong!summary+full civil-affairs!summary+full "
                 "womens-federation=summary");
}

static void row_013_any_unit_reports_harm_to_a_minor(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, REPORT, NULL, "any");
    expect_route(scene, REPORT, "", "housing",
                 "police-hedong!summary+full+reporter procuratorate=summary "
                 "civil-affairs=summary");
    expect_never_held_up(scene, REPORT);
}

static void bulletins_alone_reach_all(const struct scene *scene, const struct route *route,
                                      const char *topic, const char *from, void *ctx)
{
    size_t *most = ctx;
    if (route->kind->family != PLAN_FAMILY_LEAD) return;
    if (route->recipient_count > *most) *most = route->recipient_count;
    if (route->recipient_count > 4)
        fail_msg("%s %s from %s reaches %zu units", route->kind->slug, topic, from,
                 route->recipient_count);
    for (size_t i = 0; i < route->recipient_count; i++)
        assert_true(plan_unit(scene->plan, route->recipients[i].unit)->kind != PLAN_UNIT_STREET);
}

static void row_014_bulletins_reach_all_and_leads_do_not(void **state)
{
    struct scene *scene = *state;
    size_t most = 0;
    expect_senders(scene, "notice.bulletin", NULL, "any");
    struct district_letter *bulletin =
        scene_send(scene, "notice.bulletin", "", "joint-conference-office", NULL);
    assert_int_equal(bulletin->envelope.head->n_recipients, plan_unit_count(scene->plan) - 1);
    scene_each_route(scene, bulletins_alone_reach_all, &most);
    assert_true(most >= 2);
}

static void row_015_a_pupils_name_stands_in_the_body_alone(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.enrolment", "", "education",
                 "police-hedong!summary+full civil-affairs!summary+full " SCENE_STREET "=summary");
    expect_section(scene, "anomaly.enrolment", "", "summary", "{'pupil_number':'G1'}",
                   E_UNKNOWN_FIELD, "summary.pupil_number");
    expect_section(scene, "anomaly.enrolment", "", "summary", "{'school':'某小学'}",
                   E_UNKNOWN_FIELD, "summary.school");
    expect_section(scene, "anomaly.enrolment", "", "summary", "{'pseudonym':'小明'}", E_BAD_VALUE,
                   "summary.pseudonym");
    expect_section(scene, "anomaly.enrolment", "", "summary", "{'trafficking_suspected':'yes'}",
                   E_BAD_VALUE, "summary.trafficking_suspected");
}

static void row_016_a_school_report_waits_for_nobody(void **state)
{
    struct scene *scene = *state;
    expect_never_held_up(scene, REPORT);
    expect_section(scene, REPORT, "", "reporter", "{'role':'teacher'}", 0, "");
    /* What the bureau has to say comes after, on the same thread. */
    struct district_letter *report = scene_send(scene, REPORT, "", "education", NULL);
    struct district_letter *more = scene_send(scene, REPORT, "", "education", report);
    assert_memory_equal(more->thread, report->thread, 16);
}

static void row_017_both_sign_for_a_street_child_and_see_who_acted(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.street-minor", "", "urban-management",
                 "civil-affairs!summary+full police-hedong!summary+full+reporter");
    struct district_letter *lead =
        scene_send(scene, "lead.street-minor", "", "urban-management", NULL);
    assert_int_equal(scene_leg_count(scene, lead), 2);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", lead);
    struct district_letter *acted =
        scene_send(scene, "receipt.progress", "", "police-hedong", lead);
    assert_true(scene_waits(scene, acted, "civil-affairs") >= 0);
    assert_true(scene_waits(scene, acted, "urban-management") >= 0);
    assert_int_equal(scene_leg(scene, lead, "civil-affairs"), LIFECYCLE_SUBMITTED);
}

static void row_018_a_rescue_in_bad_weather_is_prompt_and_runs_out(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "alert.risk", "weather", "civil-affairs");
    assert_int_equal(plan_kind_urgency(scene_kind(scene, "alert.risk"), "weather"), 2);
    assert_int_equal(
        scene_role(scene, "alert.risk", "weather", "civil-affairs", "urban-management"), '!');
    assert_int_equal(scene_role(scene, "alert.risk", "weather", "civil-affairs", SCENE_STREET),
                     '!');
    expect_section(scene, "alert.risk", "weather", "notice", "{}", E_MISSING_FIELD,
                   "notice.weather");
    expect_section(scene, "alert.risk", "weather", "notice",
                   "{'weather':'cold','shelters':'区救助站'}", 0, "");
    struct district_draft draft = {.kind = "alert.risk",
                                   .topic = "weather",
                                   .from = "civil-affairs",
                                   .expires_ms = scene->district->now_ms + 3600 * 1000};
    (void)scene_send_draft(scene, &draft);
    draft = (struct district_draft){
        .kind = LEAD, .from = "hrss", .expires_ms = scene->district->now_ms + 3600 * 1000};
    expect_draft_refused(scene, &draft, E_EXPIRY_NOT_ALLOWED);
}

static void row_020_a_settlement_does_not_end_the_search_for_kin(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "handoff.settlement", "", "full", "{'kin_search':null}", E_MISSING_FIELD,
                   "full.kin_search");
    struct district_letter *settlement =
        scene_send_early(scene, "handoff.settlement", "", "civil-affairs", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", settlement);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", settlement);
    (void)scene_send(scene, "receipt.closed", "settled", "police-hedong", settlement);
    (void)scene_send(scene, "handoff.kin-notice", "publish", "civil-affairs", settlement);
    (void)scene_send(scene, "notice.case-file", "", "civil-affairs", settlement);
}

static void row_021_a_callers_wish_goes_with_the_tip(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.public-tip", "", "womens-federation",
                 "police-hedong!summary+full+reporter");
    expect_section(scene, "lead.public-tip", "", "full", "{'wish':'请勿透露'}", 0, "");
    expect_section(scene, "lead.public-tip", "", "reporter", "{'wants_anonymity':true}", 0, "");
    expect_section(scene, "lead.public-tip", "", "summary", "{'name':'王某'}", E_UNKNOWN_FIELD,
                   "summary.name");
}

static void row_022_statistics_and_persons_never_share_a_message(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "notice.bulletin", "", "notice", "{'topic':'statistics'}", 0, "");
    expect_section(scene, "notice.bulletin", "", "notice", "{'persons':[{'name':'甲'}]}",
                   E_UNKNOWN_FIELD, "notice.persons");
    assert_false(scene_has_check(scene_message(scene, "notice.bulletin", "notice"), PAYLOAD_NAME));
    /* a case apart: no counts in it */
    assert_false(
        scene_has_check(scene_message(scene, "anomaly.community", "summary"), PAYLOAD_NUMBER));
    expect_route(scene, "anomaly.community", "left-behind", "women-children-office",
                 "civil-affairs!summary+full womens-federation=summary");
    expect_senders(scene, "anomaly.community", "left-behind",
                   "st-dawangzhuang st-dazhigu st-zhongshanmen st-fuminlu st-erhaoqiao "
                   "st-chunhua st-tangjiakou st-xiangyanglou st-changzhoudao st-shanghanglu "
                   "st-dongxin st-lushandao st-tiantie womens-federation women-children-office");
}

static void row_023_a_parents_offence_stays_out_of_the_brief(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "handoff.guardianship", "parents-detained", "police-hedong",
                 "civil-affairs!summary+full youth-league=summary");
    expect_senders(scene, "handoff.guardianship", "parents-detained", "police-hedong");
    expect_section(scene, "handoff.guardianship", "parents-detained", "summary",
                   "{'ground':'guardian-detained'}", E_UNKNOWN_FIELD, "summary.ground");
    expect_section(scene, "handoff.guardianship", "parents-detained", "summary",
                   "{'circumstances':'服刑'}", E_UNKNOWN_FIELD, "summary.circumstances");
}

static void row_024_aftercare_goes_to_the_one_street(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "handoff.aftercare", NULL, "justice");
    expect_route(scene, "handoff.aftercare", "", "justice",
                 "police-hedong!summary+full " SCENE_STREET "!summary+full "
                 "civil-affairs=summary");
    assert_null(strstr(scene_route(scene, "handoff.aftercare", "", "", "justice"), "st-"));
    assert_null(strstr(scene_route(scene, "handoff.aftercare", "", "370100", "justice"), "st-"));
    expect_section(scene, "handoff.aftercare", "", "full", "{'adult_at_offence':'no'}", E_BAD_VALUE,
                   "full.adult_at_offence");
}

static void row_025_a_lead_to_an_old_case_joins_its_thread(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, LEAD, "", "full", "{'case_number':'河公立字 1998-3'}", 0, "");
    struct district_letter *old = scene_send(scene, LEAD, "", "hrss", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", old);
    scene->district->now_ms += 50 * DISTRICT_DAY_MS; /* however long ago */
    struct district_letter *young = scene_send(scene, LEAD, "", "hrss", old);
    assert_memory_equal(young->thread, old->thread, 16);
    assert_int_equal(scene_leg_count(scene, old), 2);
    expect_refused(scene, LEAD, "", "finance", old, E_THREAD_UNKNOWN); /* not on it */
    /* What it reports by itself the police link to the old one: they are on both. */
    struct district_letter *stranger = scene_send(scene, LEAD, "", "finance", NULL);
    struct district_draft link = {.kind = "notice.link",
                                  .topic = "same-matter",
                                  .from = "police-hedong",
                                  .parent = stranger,
                                  .other = old};
    expect_draft_refused(scene, &link, E_LIFECYCLE_ORDER); /* who has not signed knows nothing */
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", stranger);
    struct district_letter *linked = scene_send_draft(scene, &link);
    assert_memory_equal(linked->envelope.head->other.data, old->thread, 16);
}

static void row_026_silence_is_no_consent_to_an_adoption(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.adoption", "", "civil-affairs",
                 "police-hedong!summary+full procuratorate=summary justice=summary");
    expect_section(scene, "anomaly.adoption", "", "summary", "{'registration':null}",
                   E_MISSING_FIELD, "summary.registration");
    struct district_letter *doubt =
        scene_send(scene, "anomaly.adoption", "", "civil-affairs", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", doubt);
    scene->district->now_ms += 55 * DISTRICT_DAY_MS;
    assert_int_equal(scene_leg(scene, doubt, "police-hedong"), LIFECYCLE_SIGNED);
    /* No row of the lifecycle ends a leg but an act of a unit. */
    size_t count;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    for (size_t i = 0; i < count; i++)
        if (rows[i].effects & LIFECYCLE_EFFECT_ENDS)
            assert_int_equal(rows[i].roles & 1u << LIFECYCLE_ROLE_BUS, 0);
}

static void row_027_a_marriage_doubt_reaches_police_and_names_nobody_to_the_federation(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "anomaly.marriage", NULL, "civil-affairs");
    expect_route(scene, "anomaly.marriage", "", "civil-affairs",
                 "police-hedong!summary+full womens-federation=summary");
    expect_section(scene, "anomaly.marriage", "", "summary", "{'what':'王某'}", E_UNKNOWN_FIELD,
                   "summary.what");
    expect_section(scene, "anomaly.marriage", "", "summary", "{'counter_action':null}",
                   E_MISSING_FIELD, "summary.counter_action");
    /* parties without papers */
    expect_section(scene, "anomaly.marriage", "", "full", "{'persons':[{'role':'party'}]}", 0, "");
    struct district_letter *lead = scene_send(scene, "anomaly.marriage", "", "civil-affairs", NULL);
    assert_int_equal(scene_waits(scene, lead, "police-hedong"), ENVELOPE_LANE_URGENT);
}

static void row_028_the_answer_about_a_foreign_spouse_is_a_code_until_a_day(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, VERIFY, "foreign-marriage", "civil-affairs");
    expect_route(scene, VERIFY, "foreign-marriage", "civil-affairs", "police-hedong!full");
    expect_answer_in_codes(scene, "foreign-marriage", "civil-affairs", "police-hedong");
}

static void row_029_reproductive_leads_go_where_the_tables_say(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.reproductive", "", "women-children-office",
                 "health!summary+full police-hedong!summary+full market-regulation=summary");
    expect_route(scene, "lead.reproductive", "", "health",
                 "police-hedong!summary+full market-regulation=summary");
    for (uint16_t u = 0; u < plan_unit_count(scene->plan); u++) {
        const char *key = plan_unit(scene->plan, u)->key;
        if (strcmp(key, "joint-conference-office") == 0) continue;
        if (strcmp(scene_route(scene, "lead.reproductive", "", SCENE_AREA, key),
                   "sender_not_allowed") == 0)
            fail_msg("%s may not send it", key);
    }
}

static void row_030_one_birth_per_message(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.birth", "record-mismatch", "health",
                 "police-hedong!summary+full civil-affairs=summary");
    expect_section(scene, "anomaly.birth", "record-mismatch", "full",
                   "{'record_number':['ZY1','ZY2']}", E_BAD_VALUE, "full.record_number");
    const struct payload_message *full = scene_message(scene, "anomaly.birth", "full");
    assert_int_equal(scene_field(full, "record_number")->count_max, 0);
    assert_int_equal(scene_field(full, "persons")->count_max, 10);
}

static void row_031_giving_birth_under_another_name_has_its_own_code(void **state)
{
    struct scene *scene = *state;
    assert_non_null(plan_topic_find(scene_kind(scene, "anomaly.birth"), "assumed-identity"));
    expect_section(scene, "anomaly.birth", "assumed-identity", "summary", "{}", 0, "");
    expect_section(scene, "anomaly.birth", "assumed-identity", "summary",
                   "{'doubt':'record-mismatch'}", E_BAD_VALUE, "summary.doubt");
    struct district_letter *lead =
        scene_send(scene, "anomaly.birth", "assumed-identity", "health", NULL);
    assert_string_equal(lead->envelope.head->topic, "assumed-identity"); /* can be counted */
}

static void row_032_a_certificate_number_is_checked_and_travels_as_stated(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "anomaly.birth", "certificate-forged", "full",
                   "{'certificate_number':'T120000001'}", 0, "");
    expect_section(scene, "anomaly.birth", "certificate-forged", "full",
                   "{'certificate_number':'12-34'}", 0, "full.certificate_number");
    /* The same number in two threads is noticed by who may open both: each kind's is compared. */
    static const char *const kinds[] = {"anomaly.birth", "anomaly.adoption", "anomaly.household",
                                        "lead.illegal-adoption"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct payload_message *message = scene_message(scene, kinds[i], "full");
        size_t row = 0;
        while (payload_same_at(row) && (payload_same_at(row)->message != message->descriptor ||
                                        strcmp(payload_same_at(row)->what, "certificate") != 0))
            row++;
        assert_non_null(payload_same_at(row));
        assert_int_equal(scene_field(message, payload_same_at(row)->field)->check,
                         PAYLOAD_CERTIFICATE);
    }
    char stated[PAYLOAD_SAME_LEN_MAX + 1], again[PAYLOAD_SAME_LEN_MAX + 1];
    assert_true(payload_same_fold("T120000001", stated) > 0);
    assert_true(payload_same_fold("Ｔ12 000 0001", again) > 0);
    assert_string_equal(stated, again);
    /* where nothing is urgent it is refused */
    expect_section(scene, "anomaly.adoption", "", "full", "{'certificate_number':'12-34'}",
                   E_BAD_VALUE, "full.certificate_number");
    expect_route(scene, "anomaly.birth", "certificate-traded", "police-hedong",
                 "health!summary+full civil-affairs=summary");
}

static void row_033_a_residents_committee_reports_through_its_street(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.community", "birth", SCENE_STREET,
                 "police-hedong!summary+full civil-affairs!summary+full health=summary");
    expect_section(scene, "anomaly.community", "birth", "full", "{'household_number':'08-117'}", 0,
                   "");
}

static void row_034_a_hospital_does_not_filter_its_doctors_report(void **state)
{
    struct scene *scene = *state;
    expect_never_held_up(scene, REPORT);
    expect_section(scene, REPORT, "", "reporter", "{'role':'medical','organisation':'某医院'}", 0,
                   "");
    expect_section(scene, REPORT, "", "full", "{'persons':[{'id_number':'110105194912310021'}]}", 0,
                   "full.persons[0].id_number");
    expect_section(scene, REPORT, "", "full", "{'approved_by':'院长'}", E_UNKNOWN_FIELD,
                   "full.approved_by");
    assert_int_equal(scene_role(scene, REPORT, "", "health", "police-hedong"), '!');
}

static void row_035_an_unlawful_adoption_goes_to_police_and_civil_affairs(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.illegal-adoption", "", "health",
                 "police-hedong!summary+full civil-affairs!summary+full");
    expect_route(scene, "lead.illegal-adoption", "", "civil-affairs", "police-hedong!summary+full");
    expect_route(scene, VERIFY, "identity", "civil-affairs", "police-hedong!full");
    expect_section(scene, "lead.illegal-adoption", "", "full", "{'held_since':'2026-01-15'}", 0,
                   "");
}

static void row_036_the_last_guardian_may_not_return_a_child(void **state)
{
    struct scene *scene = *state;
    assert_true(scene_kind(scene, "handoff.guardianship")->last_resort);
    struct district_letter *child =
        scene_send(scene, "handoff.guardianship", "care", "police-hedong", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", child);
    expect_refused(scene, "receipt.returned", "not-competent", "civil-affairs", child,
                   E_RETURN_NOT_ALLOWED);
}

static void row_037_a_credit_record_names_no_child(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *full = scene_message(scene, "notice.decision", "full");
    const char *one = "{'person':{'name':'李某'},'credit_ground':'false-adoption',"
                      "'reporter_pseudonym':null,'payment_code':null}";
    expect_route(scene, "notice.decision", "credit", "civil-affairs", "development-reform!full");
    expect_section(scene, "notice.decision", "credit", "full", one, 0, "");
    expect_section(scene, "notice.decision", "credit", "full",
                   "{'persons':[{'name':'甲'},{'name':'乙'}]}", E_UNKNOWN_FIELD, "full.persons");
    assert_false(scene_has_check(full, PAYLOAD_TEXT));
    assert_false(scene_has_check(full, PAYLOAD_NAME));
}

static void row_038_foreign_affairs_learns_the_country_and_no_name(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.cross-border", "", "commerce",
                 "police-hedong!summary+full foreign-affairs=summary");
    expect_section(scene, "lead.cross-border", "", "summary", "{'name':'X'}", E_UNKNOWN_FIELD,
                   "summary.name");
    /* Every recipient there is, is a unit of the district's own table. */
    for (uint16_t u = 0; u < plan_unit_count(scene->plan); u++)
        assert_non_null(district_unit(scene->district, plan_unit(scene->plan, u)->key));
    assert_int_equal(plan_unit_find(scene->plan, "interpol"), PLAN_UNIT_NONE);
}

static void row_039_results_of_inspections_go_to_all_members(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "notice.bulletin", "", "notice", "{'topic':'results'}", 0, "");
    assert_int_equal(scene_role(scene, "notice.bulletin", "", "commerce", "hrss"), '!');
    assert_int_equal(scene_role(scene, "notice.bulletin", "", "hrss", SCENE_STREET), '=');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(row_001_any_unit_sends_a_lead_and_the_police_alone_sign),
        scene_test(row_002_a_person_signs_apart_from_the_machine_and_both_are_kept),
        scene_test(row_003_a_bulletin_has_no_numbers_of_people),
        scene_test(row_004_the_office_urges_and_reads_no_lead),
        scene_test(row_005_a_risk_warning_names_nobody),
        scene_test(row_006_a_child_at_work_is_immediate_and_the_employer_is_checked),
        scene_test(row_007_who_reported_is_sealed_to_the_police_alone),
        scene_test(row_008_the_finding_travels_and_not_the_register),
        scene_test(row_009_one_person_per_question_with_a_purpose_and_an_answer_in_codes),
        scene_test(row_010_online_content_is_a_hash_and_a_reference),
        scene_test(row_011_education_signs_for_an_alert_and_passes_it_on),
        scene_test(row_012_streets_send_what_they_find),
        scene_test(row_013_any_unit_reports_harm_to_a_minor),
        scene_test(row_014_bulletins_reach_all_and_leads_do_not),
        scene_test(row_015_a_pupils_name_stands_in_the_body_alone),
        scene_test(row_016_a_school_report_waits_for_nobody),
        scene_test(row_017_both_sign_for_a_street_child_and_see_who_acted),
        scene_test(row_018_a_rescue_in_bad_weather_is_prompt_and_runs_out),
        scene_test(row_020_a_settlement_does_not_end_the_search_for_kin),
        scene_test(row_021_a_callers_wish_goes_with_the_tip),
        scene_test(row_022_statistics_and_persons_never_share_a_message),
        scene_test(row_023_a_parents_offence_stays_out_of_the_brief),
        scene_test(row_024_aftercare_goes_to_the_one_street),
        scene_test(row_025_a_lead_to_an_old_case_joins_its_thread),
        scene_test(row_026_silence_is_no_consent_to_an_adoption),
        scene_test(row_027_a_marriage_doubt_reaches_police_and_names_nobody_to_the_federation),
        scene_test(row_028_the_answer_about_a_foreign_spouse_is_a_code_until_a_day),
        scene_test(row_029_reproductive_leads_go_where_the_tables_say),
        scene_test(row_030_one_birth_per_message),
        scene_test(row_031_giving_birth_under_another_name_has_its_own_code),
        scene_test(row_032_a_certificate_number_is_checked_and_travels_as_stated),
        scene_test(row_033_a_residents_committee_reports_through_its_street),
        scene_test(row_034_a_hospital_does_not_filter_its_doctors_report),
        scene_test(row_035_an_unlawful_adoption_goes_to_police_and_civil_affairs),
        scene_test(row_036_the_last_guardian_may_not_return_a_child),
        scene_test(row_037_a_credit_record_names_no_child),
        scene_test(row_038_foreign_affairs_learns_the_country_and_no_name),
        scene_test(row_039_results_of_inspections_go_to_all_members),
    };
    return cmocka_run_group_tests_name("mission.prevention", tests, NULL, NULL);
}
