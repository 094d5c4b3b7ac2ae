/* Rows 69 to 102: care, law, publicity, other countries, assurance (parts 2.3 to 2.6 and 3). */
#include <stdio.h>

#include "tests/mission/scene.h"

#define REFERRAL "handoff.service-referral"

/* Words of the header are slugs, codes and ids: a name or a sentence has no room in any of them. */
static void row_069_no_envelope_has_room_for_a_name(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead =
        scene_send_early(scene, "handoff.victim", "", "police-hedong", NULL);
    const Leadbus__Header *head = lead->envelope.head;
    const char *words[] = {head->kind, head->topic,   head->from,
                           head->area, head->purpose, head->officer};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (const char *at = words[i]; *at; at++) assert_true(*at > ' ' && *at < 0x7f);
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        for (size_t s = 0; s < kind->section_count; s++) {
            const struct payload_message *message = payload_find(kind->sections[s].message);
            const struct payload_field *pseudonym = scene_field(message, "pseudonym");
            if (kind->sections[s].copy && pseudonym)
                assert_int_equal(pseudonym->check, PAYLOAD_PSEUDONYM);
            if (kind->sections[s].copy && kind->level >= 2)
                assert_false(scene_has_check(message, PAYLOAD_NAME) ||
                             scene_has_check(message, PAYLOAD_TEXT));
        }
    }
    expect_section(scene, "handoff.victim", "", "summary", "{'pseudonym':'小红'}", E_BAD_VALUE,
                   "summary.pseudonym");
}

/* Each service has the fields that it needs, and of those that only others need none. */
static void row_071_every_service_gets_its_own_least(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *field, *value, *service;
    } own[] = {{"last_school", "某小学", "schooling"},
               {"skills", "缝纫", "employment"},
               {"legal_matter", "wages", "legal-aid"}};
    const struct plan_kind *kind = scene_kind(scene, REFERRAL);
    for (size_t t = 0; t < kind->topic_count; t++) {
        const char *service = kind->topics[t].slug;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
            char changes[160], path[32];
            (void)snprintf(changes, sizeof changes, "{'person':{'age_years':20},'%s':'%s'}",
                           own[i].field, own[i].value);
            (void)snprintf(path, sizeof path, "full.%s", own[i].field);
            bool its = strcmp(service, own[i].service) == 0;
            expect_section(scene, REFERRAL, service, "full", changes, its ? 0 : E_BAD_VALUE,
                           its ? "" : path);
        }
    }
    expect_route(scene, REFERRAL, "counselling", "police-hedong",
                 "health!summary+full womens-federation=summary");
    expect_section(scene, REFERRAL, "schooling", "full", "{'service':['schooling','relief']}",
                   E_BAD_VALUE, "full.service");
}

static void row_072_rehabilitation_and_insurance_have_their_addressees(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, REFERRAL, "rehabilitation", "civil-affairs",
                 "disabled-federation!summary+full");
    expect_route(scene, REFERRAL, "insurance", "civil-affairs", "health!summary+full");
    assert_int_equal(scene_role(scene, "handoff.settlement", "", "civil-affairs", "police-hedong"),
                     '!');
}

static void row_074_nobody_needs_papers_to_be_helped(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *person = payload_find("Person");
    for (unsigned f = 0; f < person->descriptor->n_fields; f++)
        assert_false(person->fields[f].required);
    expect_section(scene, "handoff.reunion", "", "full",
                   "{'person':{'id_number':'unknown','features':'南方口音'}}", 0, "");
    expect_section(scene, "handoff.victim", "", "full", "{'persons':[{}]}", 0, "");
    expect_section(scene, "handoff.kin-notice", "publish", "notice",
                   "{'features':'左肩有胎记','found_where':'某商场门前'}", 0, "");
}

static void row_075_a_result_is_a_code_and_not_the_record(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "handoff.medical")->attachments, 0);
    expect_section(scene, "handoff.medical", "result", "full", "{'result':'阳性'}", E_BAD_VALUE,
                   "full.result");
    expect_section(scene, "handoff.medical", "result", "full", "{'record':'x'}", E_UNKNOWN_FIELD,
                   "full.record");
    expect_section(scene, "handoff.medical", "result", "summary", "{'result':'isolate'}",
                   E_UNKNOWN_FIELD, "summary.result");
    expect_route(scene, REFERRAL, "disability", "civil-affairs",
                 "disabled-federation!summary+full");
    expect_route(scene, REFERRAL, "medical", "civil-affairs", "health!summary+full");
}

static void row_076_legal_aid_comes_first_and_from_those_who_cooperate(void **state)
{
    struct scene *scene = *state;
    const struct plan_kind *kind = scene_kind(scene, REFERRAL);
    assert_int_equal(plan_kind_urgency(kind, "legal-aid"), 2);
    assert_int_equal(plan_kind_urgency(kind, "schooling"), 3);
    expect_senders(scene, REFERRAL, "legal-aid",
                   "civil-affairs police-hedong trade-union youth-league womens-federation");
    expect_senders(scene, REFERRAL, "schooling", "civil-affairs police-hedong");
    expect_route(scene, REFERRAL, "legal-aid", "trade-union",
                 "justice!summary+full womens-federation=summary");
    expect_section(scene, "receipt.accepted", "", "receipt", "{'decision':'assigned'}", 0, "");
}

static void row_077_a_school_place_is_asked_for_without_a_why(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, REFERRAL, "schooling", "civil-affairs", "education!summary+full");
    expect_section(scene, REFERRAL, "schooling", "full", "{'case_number':'x'}", E_UNKNOWN_FIELD,
                   "full.case_number");
    expect_section(scene, REFERRAL, "schooling", "full", "{'circumstances':'被拐卖'}",
                   E_UNKNOWN_FIELD, "full.circumstances");
    expect_section(scene, REFERRAL, "schooling", "summary", "{'person_class':'child'}",
                   E_UNKNOWN_FIELD, "summary.person_class");
}

static void row_078_work_is_for_those_of_sixteen_and_over(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, REFERRAL, "employment", "full", "{'person':{'age_years':15}}",
                   E_BAD_VALUE, "full.person.age_years");
    expect_section(scene, REFERRAL, "employment", "full", "{'person':{}}", E_MISSING_FIELD,
                   "full.person.age_years");
    expect_section(scene, REFERRAL, "employment", "full", "{'person':{'age_years':16}}", 0, "");
    expect_route(scene, REFERRAL, "employment", "civil-affairs",
                 "hrss!summary+full womens-federation=summary");
}

static void row_079_the_community_takes_them_back_in_privacy(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, REFERRAL, "family", "civil-affairs",
                 SCENE_STREET "!summary+full womens-federation=summary youth-league=summary");
}

static void row_080_relief_is_given_by_one_street(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, REFERRAL, "relief", "civil-affairs",
                 SCENE_STREET "!summary+full womens-federation=summary");
    assert_null(strstr(scene_route(scene, REFERRAL, "relief", "", "civil-affairs"), "st-"));
}

static void add_reader(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                       void *ctx)
{
    (void)head;
    recipients[*count] = recipients[0];
    recipients[(*count)++].unit = ctx;
}

static void name_target(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                        void *ctx)
{
    (void)recipients;
    (void)count;
    head->target = ctx;
}

static void row_081_a_file_follows_the_victim_between_two_keepers(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "notice.case-file", "", "police-hedong",
                 "civil-affairs!summary+full womens-federation=summary");
    expect_senders(scene, "notice.case-file", NULL, "police-hedong civil-affairs");
    assert_int_equal(scene_kind(scene, "notice.case-file")->retention_days, PLAN_RETENTION_CASE);
    expect_section(scene, "notice.case-file", "", "summary", "{'next_visit_on':'2026-02-30'}",
                   E_BAD_VALUE, "summary.next_visit_on");
    expect_section(scene, "notice.case-file", "", "full", "{'file_number':null}", E_MISSING_FIELD,
                   "full.file_number");
}

/* The access list of a file is the threads on which access was given: one unit each, and the bus
 * takes what is told on it from its keeper alone, for that unit alone, and nothing after its end.
 */
static void row_081_a_file_is_told_to_who_has_access_and_to_nobody_else(void **state)
{
    struct scene *scene = *state;
    struct district_draft draft = {.kind = "file.access", .from = "civil-affairs"};
    expect_draft_refused(scene, &draft, E_ROUTE_EMPTY); /* nobody is named */
    draft.target = "civil-affairs";
    expect_draft_refused(scene, &draft, E_ROUTE_EMPTY); /* nor oneself */
    draft.target = "health";
    draft.from = "education";
    expect_draft_refused(scene, &draft, E_SENDER_NOT_ALLOWED);
    draft.from = "civil-affairs";
    struct district_letter *access = scene_send_draft(scene, &draft);
    assert_int_equal(access->envelope.head->n_recipients, 1);
    assert_string_equal(access->envelope.head->recipients[0]->unit, "health");
    struct district_letter *told = scene_send(scene, "file.update", "", "civil-affairs", access);
    assert_int_equal(told->envelope.head->n_recipients, 1);
    assert_string_equal(told->envelope.head->recipients[0]->unit, "health");
    (void)scene_send(scene, "receipt.signed", "", "health", access);
    (void)scene_send(scene, "file.update", "", "civil-affairs", told);
    /* Not by who reads it, nor by another keeper. */
    expect_refused(scene, "file.update", "", "police-hedong", access, E_THREAD_UNKNOWN);
    expect_refused(scene, "file.end", "revoked", "police-hedong", access, E_THREAD_UNKNOWN);
    expect_refused(scene, "file.update", "", "health", access, E_SENDER_NOT_ALLOWED);
    /* A unit that the header alone adds to the list. */
    const char stranger[] = "education";
    struct district_draft bent = {.kind = "file.update",
                                  .from = "civil-affairs",
                                  .parent = access,
                                  .bend = add_reader,
                                  .ctx = (void *)(uintptr_t)stranger};
    expect_draft_refused(scene, &bent, E_ROUTE_MISMATCH);
    bent.bend = name_target;
    expect_draft_refused(scene, &bent, E_BAD_VALUE); /* an update is for nobody of its own */
    /* Another unit has a thread of its own, and neither sees the other's. */
    draft.target = "womens-federation";
    struct district_letter *other = scene_send_draft(scene, &draft);
    struct district_letter *its = scene_send(scene, "file.update", "", "civil-affairs", other);
    assert_int_equal(scene_waits(scene, its, "health"), -1);
    assert_int_equal(scene_waits(scene, told, "womens-federation"), -1);
    /* Nobody comes to it by another message, be it the reader's, the keeper's or the office's. */
    expect_refused(scene, "notice.bulletin", "", "health", access, E_LIFECYCLE_ORDER);
    expect_refused(scene, "lead.public-tip", "", "health", access, E_LIFECYCLE_ORDER);
    expect_refused(scene, "notice.case-file", "", "civil-affairs", access, E_LIFECYCLE_ORDER);
    expect_refused(scene, "supervision.urge", "", "joint-conference-office", access,
                   E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "supervision.urge", "", "civil-affairs", access);
    /* One access ends, with its reason; the other goes on. */
    expect_refused(scene, "file.end", "", "civil-affairs", access, E_TOPIC_UNKNOWN);
    (void)scene_send(scene, "file.end", "revoked", "civil-affairs", access);
    assert_int_equal(scene_leg(scene, access, "health"), LIFECYCLE_WITHDRAWN);
    assert_int_equal(scene_leg(scene, told, "health"), LIFECYCLE_WITHDRAWN);
    expect_refused(scene, "file.update", "", "civil-affairs", access, E_LIFECYCLE_ORDER);
    expect_refused(scene, "file.update", "", "civil-affairs", told, E_LIFECYCLE_ORDER);
    expect_refused(scene, "file.end", "purpose-served", "civil-affairs", access, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "file.update", "", "civil-affairs", other);
    /* What is told of a file is told on such a thread and on no other. */
    struct district_letter *pointer =
        scene_send(scene, "notice.case-file", "", "police-hedong", NULL);
    expect_refused(scene, "file.update", "", "police-hedong", pointer, E_LIFECYCLE_ORDER);
    expect_refused(scene, "file.end", "mistaken", "police-hedong", pointer, E_LIFECYCLE_ORDER);
    draft = (struct district_draft){
        .kind = "file.access", .from = "police-hedong", .parent = pointer, .target = "health"};
    expect_draft_refused(scene, &draft, E_BAD_VALUE); /* access opens a thread of its own */
}

static void row_081_what_is_told_of_a_file_is_bound_to_its_purpose(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "file.access", "", "full", "{'purpose':null}", E_MISSING_FIELD,
                   "full.purpose");
    expect_section(scene, "file.access", "", "full", "{'purpose':'curiosity'}", E_BAD_VALUE,
                   "full.purpose");
    expect_section(scene, "file.access", "", "full", "{'pseudonym':'张某某'}", E_BAD_VALUE,
                   "full.pseudonym");
    expect_section(scene, "file.update", "", "full", "{'threads':['120101201001011234']}",
                   E_BAD_VALUE, "full.threads[0]");
    expect_section(scene, "file.end", "purpose-served", "full", "{'delete_on':null}",
                   E_MISSING_FIELD, "full.delete_on");
    expect_section(scene, "file.end", "died", "full", "{'reason':'mistaken'}", E_BAD_VALUE,
                   "full.reason");
    assert_int_equal(scene_kind(scene, "file.update")->retention_days, PLAN_RETENTION_CASE);
    assert_int_equal(scene_message(scene, "file.access", "full")->field_count, 4);
    assert_null(scene_field(scene_message(scene, "file.access", "full"), "name"));
}

static void row_083_an_inspection_asks_all_members(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "supervision.inspection", "implementation", "joint-conference-office");
    assert_int_equal(scene_role(scene, "supervision.inspection", "implementation",
                                "joint-conference-office", "court"),
                     '!');
    struct district_letter *asked = scene_send(scene, "supervision.inspection", "implementation",
                                               "joint-conference-office", NULL);
    (void)scene_send(scene, "receipt.signed", "", "court", asked);
    (void)scene_send(scene, "receipt.accepted", "", "court", asked);
    (void)scene_send(scene, "receipt.progress", "", "court", asked);
    expect_refused(scene, "receipt.closed", "done", "court", asked, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "supervision.assessment", "", "court", asked);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_CLOSED);
    expect_section(scene, "supervision.inspection", "implementation", "notice",
                   "{'subjects':['filing'],'due_on':null}", E_MISSING_FIELD, "notice.due_on");
}

static void row_084_a_case_not_opened_has_a_reason_and_a_witness(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "supervision.inspection", "judicial", "procuratorate");
    expect_route(scene, "supervision.inspection", "judicial", "procuratorate",
                 "police-hedong!notice court!notice justice!notice");
    expect_section(scene, "receipt.closed", "no-case", "receipt", "{'text':null}", E_MISSING_FIELD,
                   "receipt.text");
    expect_section(scene, "handoff.case", "supervision", "full", "{'outcome':'not-opened'}",
                   E_MISSING_FIELD, "full.no_case_ground");
    struct district_letter *lead =
        scene_send(scene, "lead.suspected-trafficking", "", "hrss", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", lead);
    struct district_letter *closed =
        scene_send(scene, "receipt.closed", "no-case", "police-hedong", lead);
    int at = envelope_recipient_find(&closed->envelope, "procuratorate");
    assert_true(at >= 0);
    assert_int_equal(closed->envelope.head->recipients[at]->sections, 0); /* that, not what */
}

static void row_085_a_doubtful_registration_is_told_with_its_state(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.adoption", "", "justice",
                 "civil-affairs!summary+full police-hedong!summary+full procuratorate=summary");
    expect_section(scene, "anomaly.adoption", "", "summary",
                   "{'registration':'held','doubts':['assessment-doubtful','relation-false']}", 0,
                   "");
    expect_section(scene, "anomaly.household", "", "summary", "{'registration':null}",
                   E_MISSING_FIELD, "summary.registration");
    expect_section(scene, "anomaly.adoption", "", "full",
                   "{'notary_number':'公证 1','assessment_number':'评估 2'}", 0, "");
    /* held until it is answered, or the clock says that it is not */
    struct district_letter *held = scene_send(scene, "anomaly.adoption", "", "civil-affairs", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", held);
    struct core_leg leg = scene_leg_view(scene, held, "police-hedong");
    scene->district->now_ms = (uint64_t)leg.clocks.due_s[PLAN_CLOCK_ACCEPT] * CLOCKS_SECOND_MS;
    assert_true(scene->district->now_ms > 0 && scene_tick(scene) > 0);
    leg = scene_leg_view(scene, held, "police-hedong");
    assert_true(leg.clocks.missed >> PLAN_CLOCK_ACCEPT & 1);
    assert_int_equal(scene_leg(scene, held, "police-hedong"), LIFECYCLE_SIGNED); /* no consent */
}

static void row_086_a_child_is_placed_at_once_and_papers_follow(void **state)
{
    struct scene *scene = *state;
    const struct plan_kind *kind = scene_kind(scene, "handoff.guardianship");
    assert_true(kind->exempt);
    assert_int_equal(plan_kind_urgency(kind, "emergency"), 1);
    expect_route(scene, "handoff.guardianship", "emergency", "police-hedong",
                 "civil-affairs!summary+full");
    expect_section(scene, "handoff.guardianship", "emergency", "full",
                   "{'measure':'emergency-placement','ground':'guardian-harms'}", 0, "");
    expect_section(scene, "handoff.guardianship", "emergency", "full", "{'ground':null}",
                   E_MISSING_FIELD, "full.ground");
    /* the papers' numbers are asked for when it comes to the court, and their lack is remarked */
    expect_section(scene, "handoff.guardianship", "revocation", "full", "{}", 0,
                   "full.application_number");
    expect_route(scene, "handoff.guardianship", "revocation", "civil-affairs",
                 "court!summary+full procuratorate=summary justice=summary");
    expect_senders(scene, "handoff.guardianship", "decision", "court");
    struct district_letter *child =
        scene_send(scene, "handoff.guardianship", "emergency", "police-hedong", NULL);
    (void)scene_send(scene, "handoff.guardianship", "care", "police-hedong", child);
}

static void row_088_material_from_a_case_names_who_made_it_anonymous(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "notice.campaign")->level, 0);
    assert_int_equal(scene_role(scene, "notice.campaign", "", "publicity", "media-center"), '!');
    expect_section(scene, "notice.campaign", "", "notice", "{'from_a_case':'yes'}", E_MISSING_FIELD,
                   "notice.anonymised_by");
    expect_section(scene, "notice.campaign", "", "notice",
                   "{'from_a_case':'yes','anonymised_by':'赵科员'}", 0, "");
    expect_section(scene, "notice.campaign", "", "notice", "{'from_a_case':'unknown'}", E_BAD_VALUE,
                   "notice.from_a_case");
    expect_section(scene, "notice.campaign", "", "notice", "{'text':'受害人 11010519491231002X'}",
                   E_FORBIDDEN_CONTENT, "notice.text");
}

static void row_089_a_teachers_report_goes_the_way_of_all_reports(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_role(scene, "lead.mandatory-report", "", "education", "police-hedong"),
                     '!');
    assert_true(scene_kind(scene, "lead.mandatory-report")->exempt);
    expect_section(scene, "lead.mandatory-report", "", "full", "{'institution_type':'school'}", 0,
                   "");
}

static void row_090_a_street_passes_on_what_people_tell_it(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.public-tip", "", SCENE_STREET, "police-hedong!summary+full+reporter");
}

static void row_091_a_departure_time_goes_with_the_lead(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.suspected-trafficking", "", "traffic-police-hedong",
                 "police-hedong!summary+full+reporter");
    expect_section(scene, "lead.suspected-trafficking", "", "full",
                   "{'departs_at':'2026-03-02T15:10:00+08:00','vehicles':[{'plate':'津A12345'}]}",
                   0, "");
    expect_section(scene, "lead.suspected-trafficking", "", "full", "{'departs_at':'15:10'}",
                   E_BAD_VALUE, "full.departs_at");
}

static void row_092_a_leaflet_on_foreign_marriages_is_public(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_role(scene, "notice.campaign", "", "civil-affairs", "publicity"), '!');
    expect_section(scene, "notice.campaign", "", "notice",
                   "{'material':'notice','audiences':['foreign-marriage']}", 0, "");
}

static void row_093_finance_pays_against_a_code(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "notice.decision", "reward", "police-hedong");
    expect_route(scene, "notice.decision", "reward", "police-hedong", "finance!full");
    expect_section(scene, "notice.decision", "reward", "full", "{}", 0, "");
    expect_section(scene, "notice.decision", "reward", "full", "{'payment_code':null}",
                   E_MISSING_FIELD, "full.payment_code");
    expect_section(scene, "notice.decision", "reward", "full", "{'person':{'name':'甲'}}",
                   E_BAD_VALUE, "full.person");
    expect_section(scene, "notice.decision", "reward", "full", "{'reporter_pseudonym':'王某'}",
                   E_BAD_VALUE, "full.reporter_pseudonym");
    expect_section(scene, "notice.decision", "reward", "full", "{'case_number':'x'}",
                   E_UNKNOWN_FIELD, "full.case_number");
}

static void row_095_every_reporter_is_answered_on_a_thread_of_its_own(void **state)
{
    struct scene *scene = *state;
    static const char *const units[] = {"hrss", "womens-federation", SCENE_STREET, "education"};
    struct district_letter *tips[4];
    expect_section(scene, "lead.public-tip", "", "summary", "{'channel':'hotline-12345'}", 0, "");
    for (size_t i = 0; i < 4; i++)
        tips[i] = scene_send(scene, "lead.public-tip", "", units[i], NULL);
    for (size_t i = 0; i < 4; i++) {
        (void)scene_send(scene, "receipt.signed", "", "police-hedong", tips[i]);
        (void)scene_send(scene, "receipt.accepted", "", "police-hedong", tips[i]);
    }
    /* The first goes on; the others are merged with it and answered all the same. */
    expect_refused(scene, "receipt.closed", "merged", "police-hedong", tips[1], E_OTHER_THREAD);
    for (size_t i = 4; i-- > 0;) {
        struct district_draft closing = {.kind = "receipt.closed",
                                         .topic = i == 0 ? "case-opened" : "merged",
                                         .from = "police-hedong",
                                         .parent = tips[i],
                                         .other = i == 0 ? NULL : tips[0]};
        struct district_letter *answer = scene_send_draft(scene, &closing);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(scene_waits(scene, answer, units[k]) >= 0, k == i);
    }
}

static void row_096_a_victim_from_abroad_comes_with_the_citys_reference(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "handoff.foreign-victim", "return-home", "police-hedong",
                 "foreign-affairs!summary+full civil-affairs!summary+full");
    expect_section(scene, "handoff.foreign-victim", "return-home", "full",
                   "{'municipal_reference':null}", E_MISSING_FIELD, "full.municipal_reference");
}

static void row_097_a_foreign_victims_data_stays_in_the_district(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "handoff.foreign-victim", "repatriation", "police-hedong",
                 "foreign-affairs!summary+full civil-affairs!summary+full");
    expect_section(scene, "handoff.foreign-victim", "repatriation", "full",
                   "{'interpreter_needed':'yes','language':null}", E_MISSING_FIELD,
                   "full.language");
    expect_section(scene, "handoff.foreign-victim", "repatriation", "full", "{'consent':null}",
                   E_MISSING_FIELD, "full.consent");
    assert_int_equal(plan_unit_find(scene->plan, "embassy"), PLAN_UNIT_NONE);
}

static void row_098_intelligence_stays_among_three_and_is_references_alone(void **state)
{
    struct scene *scene = *state;
    const char *kind = "notice.cooperation";
    assert_int_equal(scene_kind(scene, kind)->level, 4);
    assert_int_equal(scene_kind(scene, kind)->attachments, 0);
    expect_senders(scene, kind, "intelligence", "police-hedong foreign-affairs justice");
    expect_route(scene, kind, "intelligence", "police-hedong", "foreign-affairs!full justice!full");
    expect_route(scene, kind, "reply", "justice", "police-hedong!full foreign-affairs!full");
    expect_route(scene, kind, "inquiry", "court", "sender_not_allowed");
    expect_section(scene, kind, "inquiry", "full", "{}", 0, "");
    expect_section(scene, kind, "inquiry", "full", "{'text':'x'}", E_UNKNOWN_FIELD, "full.text");
    expect_section(scene, kind, "inquiry", "full", "{'name':'x'}", E_UNKNOWN_FIELD, "full.name");
    expect_section(scene, kind, "inquiry", "full", "{'matter':'reply'}", E_BAD_VALUE,
                   "full.matter");
    expect_section(scene, kind, "reply", "full", "{'matter':'reply'}", E_MISSING_FIELD,
                   "full.answers");
    expect_section(scene, kind, "inquiry", "full", "{'answer_by':'2026-03-01'}", E_BAD_VALUE,
                   "full.answer_by");
    const struct payload_message *message = scene_message(scene, kind, "full");
    assert_false(scene_has_check(message, PAYLOAD_TEXT));
    assert_false(scene_has_check(message, PAYLOAD_NAME));
    assert_false(scene_has_check(message, PAYLOAD_ID_NUMBER));
    assert_false(scene_has_check(message, PAYLOAD_MESSAGE));
    struct district_letter *sent = scene_send(scene, kind, "intelligence", "police-hedong", NULL);
    assert_int_equal(scene_waits(scene, sent, "procuratorate"), -1);
    assert_int_equal(scene_waits(scene, sent, "joint-conference-office"), -1);
    (void)scene_send(scene, "receipt.signed", "", "justice", sent);
    /* what is for everybody has no case in it */
    assert_int_equal(scene_role(scene, "notice.bulletin", "", "police-hedong", "foreign-affairs"),
                     '!');
    assert_int_equal(scene_role(scene, "notice.bulletin", "", "police-hedong", "justice"), '!');
    expect_section(scene, "notice.bulletin", "", "notice", "{'case_number':'x'}", E_UNKNOWN_FIELD,
                   "notice.case_number");
}

static void row_099_figures_name_the_journal_they_come_from(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "supervision.assessment", "", "notice", "{'journal_root':null}",
                   E_MISSING_FIELD, "notice.journal_root");
    expect_section(scene, "supervision.assessment", "", "notice", "{'journal_size':null}",
                   E_MISSING_FIELD, "notice.journal_size");
    expect_section(scene, "supervision.assessment", "", "notice", "{'type':'final'}", 0, "");
    assert_int_equal(scene_kind(scene, "supervision.assessment")->retention_days, 3650);
}

static void row_100_the_office_alone_lifts_what_is_listed(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "supervision.listing", "case", "joint-conference-office police-hedong");
    expect_senders(scene, "supervision.listing", "lift-case", "joint-conference-office");
    expect_senders(scene, "supervision.listing", "lift-street", "joint-conference-office");
    expect_route(scene, "supervision.listing", "street", "joint-conference-office",
                 SCENE_STREET "!notice");
    expect_section(scene, "supervision.listing", "case", "notice", "{'condition':null}",
                   E_MISSING_FIELD, "notice.condition");
    expect_section(scene, "supervision.listing", "street", "notice", "{}", E_MISSING_FIELD,
                   "notice.street");
}

static void row_101_members_report_on_themselves_to_the_office(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "supervision.assessment", "", "hrss", "joint-conference-office!notice");
    expect_route(scene, "supervision.assessment", "", SCENE_STREET,
                 "joint-conference-office!notice");
    expect_section(scene, "supervision.assessment", "", "notice", "{'type':'self-check'}", 0, "");
}

static void row_102_an_assessment_is_about_units_and_names_no_person(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *notice = scene_message(scene, "supervision.assessment", "notice");
    assert_int_equal(plan_unit_find(scene->plan, "organisation-dept"), PLAN_UNIT_NONE);
    assert_false(scene_has_check(notice, PAYLOAD_NAME) || scene_has_check(notice, PAYLOAD_TEXT));
    expect_section(scene, "supervision.assessment", "", "notice", "{'text':'请电 13912345678'}",
                   E_FORBIDDEN_CONTENT, "notice.text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(row_069_no_envelope_has_room_for_a_name),
        scene_test(row_071_every_service_gets_its_own_least),
        scene_test(row_072_rehabilitation_and_insurance_have_their_addressees),
        scene_test(row_074_nobody_needs_papers_to_be_helped),
        scene_test(row_075_a_result_is_a_code_and_not_the_record),
        scene_test(row_076_legal_aid_comes_first_and_from_those_who_cooperate),
        scene_test(row_077_a_school_place_is_asked_for_without_a_why),
        scene_test(row_078_work_is_for_those_of_sixteen_and_over),
        scene_test(row_079_the_community_takes_them_back_in_privacy),
        scene_test(row_080_relief_is_given_by_one_street),
        scene_test(row_081_a_file_follows_the_victim_between_two_keepers),
        scene_test(row_081_a_file_is_told_to_who_has_access_and_to_nobody_else),
        scene_test(row_081_what_is_told_of_a_file_is_bound_to_its_purpose),
        scene_test(row_083_an_inspection_asks_all_members),
        scene_test(row_084_a_case_not_opened_has_a_reason_and_a_witness),
        scene_test(row_085_a_doubtful_registration_is_told_with_its_state),
        scene_test(row_086_a_child_is_placed_at_once_and_papers_follow),
        scene_test(row_088_material_from_a_case_names_who_made_it_anonymous),
        scene_test(row_089_a_teachers_report_goes_the_way_of_all_reports),
        scene_test(row_090_a_street_passes_on_what_people_tell_it),
        scene_test(row_091_a_departure_time_goes_with_the_lead),
        scene_test(row_092_a_leaflet_on_foreign_marriages_is_public),
        scene_test(row_093_finance_pays_against_a_code),
        scene_test(row_095_every_reporter_is_answered_on_a_thread_of_its_own),
        scene_test(row_096_a_victim_from_abroad_comes_with_the_citys_reference),
        scene_test(row_097_a_foreign_victims_data_stays_in_the_district),
        scene_test(row_098_intelligence_stays_among_three_and_is_references_alone),
        scene_test(row_099_figures_name_the_journal_they_come_from),
        scene_test(row_100_the_office_alone_lifts_what_is_listed),
        scene_test(row_101_members_report_on_themselves_to_the_office),
        scene_test(row_102_an_assessment_is_about_units_and_names_no_person),
    };
    return cmocka_run_group_tests_name("mission.care", tests, NULL, NULL);
}
