/* Rows 41 to 68: investigation, rescue and the handover of children (part 2.2 of the plan). */
#include <stdio.h>

#include "tests/mission/scene.h"

#define LEAD       "lead.suspected-trafficking"
#define REPORT     "lead.mandatory-report"
#define ALERT      "alert.missing-child"
#define CONCLUSION "handoff.dna-conclusion"

static void row_041_what_concerns_one_matter_stands_on_one_thread(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", SCENE_STREET, NULL);
    static const struct {
        const char *kind, *topic, *from;
    } later[] = {{LEAD, "", "police-hedong"},
                 {"receipt.signed", "", "police-hedong"},
                 {"receipt.accepted", "", "police-hedong"},
                 {CONCLUSION, "", "police-hedong"},
                 {"handoff.victim", "", "police-hedong"},
                 {"receipt.signed", "", "civil-affairs"},
                 {"receipt.accepted", "", "civil-affairs"},
                 {"handoff.medical", "request", "civil-affairs"},
                 {"handoff.medical", "result", "health"},
                 {"handoff.kin-notice", "publish", "civil-affairs"},
                 {"handoff.reunion", "", "police-hedong"},
                 {"notice.case-file", "", "civil-affairs"}};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        struct district_letter *one =
            scene_send(scene, later[i].kind, later[i].topic, later[i].from, lead);
        assert_memory_equal(one->thread, lead->id, 16);
    }
    /* Two who know nothing of one another report it: one goes on, the other has ended in it. */
    struct district_letter *twice[2];
    static const char *const who[2] = {"hrss", "health"};
    for (size_t i = 0; i < 2; i++) {
        twice[i] = scene_send(scene, LEAD, "", who[i], NULL);
        (void)scene_send(scene, "receipt.signed", "", "police-hedong", twice[i]);
        (void)scene_send(scene, "receipt.accepted", "", "police-hedong", twice[i]);
    }
    struct district_draft merge = {
        .kind = "receipt.closed", .topic = "merged", .from = "police-hedong", .parent = twice[1]};
    expect_draft_refused(scene, &merge, E_OTHER_THREAD);
    merge.other = twice[0];
    (void)scene_send_draft(scene, &merge);
    assert_int_equal(scene_leg(scene, twice[1], "police-hedong"), LIFECYCLE_MERGED);
    assert_int_equal(scene_leg(scene, twice[0], "police-hedong"), LIFECYCLE_ACCEPTED);
}

static void row_042_a_leg_says_which_unit_took_it_on(void **state)
{
    struct scene *scene = *state;
    /* handed back with the unit that is competent, which then has a leg of its own */
    expect_section(scene, "receipt.returned", "not-competent", "receipt",
                   "{'proposed_unit':'hrss'}", 0, "");
    expect_section(scene, "receipt.returned", "not-competent", "receipt", "{'text':null}",
                   E_MISSING_FIELD, "receipt.text");
    struct district_letter *doubt = scene_send(scene, "anomaly.enrolment", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", doubt);
    (void)scene_send(scene, "receipt.returned", "not-competent", "police-hedong", doubt);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", doubt);
    (void)scene_send(scene, "receipt.accepted", "", "civil-affairs", doubt);
    assert_int_equal(scene_leg(scene, doubt, "police-hedong"), LIFECYCLE_RETURNED);
    assert_int_equal(scene_leg(scene, doubt, "civil-affairs"), LIFECYCLE_ACCEPTED);
    /* passed on: the leg is the other unit's from then on, and each act is some officer's */
    struct district_letter *lead = scene_send(scene, LEAD, "", "hrss", NULL);
    struct district_draft draft = {
        .kind = "receipt.signed", .from = "police-hedong", .parent = lead, .nobody = true};
    expect_draft_refused(scene, &draft, E_MISSING_FIELD);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    draft = (struct district_draft){.kind = "receipt.transferred",
                                    .topic = "not-competent",
                                    .from = "police-hedong",
                                    .target = "market-regulation",
                                    .parent = lead};
    struct district_letter *passed = scene_send_draft(scene, &draft);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_TRANSFERRED);
    assert_int_equal(scene_leg(scene, passed, "market-regulation"), LIFECYCLE_SUBMITTED);
}

static void row_043_a_warning_is_made_of_no_message(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *notice = scene_message(scene, "alert.risk", "notice");
    assert_false(scene_has_check(notice, PAYLOAD_UUID)); /* refers to no thread */
    assert_int_equal(scene_kind(scene, "alert.risk")->attachments, 0);
    assert_int_equal(scene_role(scene, "alert.risk", "trend", "police-hedong", "education"), '!');
    expect_section(scene, "alert.risk", "trend", "notice", "{'weather':'cold'}", E_BAD_VALUE,
                   "notice.weather");
}

static void row_044_a_schema_holds_no_more_than_it_names(void **state)
{
    struct scene *scene = *state;
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        const char *topic = kind->topic_count ? kind->topics[0].slug : "";
        for (size_t s = 0; s < kind->section_count; s++) {
            char field[64];
            (void)snprintf(field, sizeof field, "%s.more", kind->sections[s].name);
            expect_section(scene, kind->slug, topic, kind->sections[s].name, "{'more':'x'}",
                           E_UNKNOWN_FIELD, field);
        }
    }
    /* and in bytes: a field that the message does not have */
    static const uint8_t alien[] = {0xfa, 0x7f, 1, 'x'}; /* field 2047 */
    struct payload_context context = {.section = "full", .topic = ""};
    struct error error = {0};
    assert_int_equal(payload_check(scene_message(scene, "lead.online", "full"),
                                   bytes_of(alien, sizeof alien), &context, NULL, &error),
                     E_UNKNOWN_FIELD);
}

static void row_045_an_open_thread_ends_with_an_outcome_and_not_by_time(void **state)
{
    struct scene *scene = *state;
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        if (kind->family == PLAN_FAMILY_LEAD || kind->family == PLAN_FAMILY_ANOMALY ||
            kind->family == PLAN_FAMILY_HANDOFF)
            assert_false(kind->may_expire);
    }
    assert_non_null(plan_topic_find(scene_kind(scene, "receipt.closed"), "solved"));
    struct district_letter *lead = scene_send(scene, LEAD, "", "hrss", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", lead);
    expect_refused(scene, "receipt.closed", "", "police-hedong", lead, E_TOPIC_UNKNOWN);
    /* What falls due is told, and ends nothing. */
    scene->district->now_ms += 59 * DISTRICT_DAY_MS;
    assert_true(scene_tick(scene) > 0);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_ACCEPTED);
    (void)scene_send(scene, "receipt.closed", "solved", "police-hedong", lead);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_CLOSED);
}

static void row_046_a_late_report_is_taken_and_says_when_it_was_noticed(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, REPORT, "", "culture-tourism",
                 "police-hedong!summary+full+reporter procuratorate=summary "
                 "civil-affairs=summary");
    expect_section(scene, REPORT, "", "summary", "{'signs':['10']}", E_BAD_VALUE,
                   "summary.signs[0]");
    expect_section(scene, REPORT, "", "summary", "{'signs':null}", E_MISSING_FIELD,
                   "summary.signs");
    expect_section(scene, REPORT, "", "full",
                   "{'noticed_at':'2026-01-02T08:00:00+08:00','late_reason':'教师离职后才报'}", 0,
                   "");
    expect_section(scene, "receipt.accepted", "", "receipt", "{'decision':'case-accepted'}", 0, "");
    scene->district->now_ms += 50 * DISTRICT_DAY_MS;
    struct district_draft draft = {.kind = REPORT,
                                   .from = "education",
                                   .created_ms = scene->district->now_ms - 45 * DISTRICT_DAY_MS};
    (void)scene_send_draft(scene, &draft);
    draft.kind = "notice.bulletin"; /* nothing else is taken as late as that */
    expect_draft_refused(scene, &draft, E_CREATED_OUT_OF_RANGE);
    /* the police have their time to answer; past it the procuratorate hears of it too */
    struct district_letter *report = scene_send(scene, REPORT, "", "education", NULL);
    assert_int_not_equal(
        scene_leg_view(scene, report, "police-hedong").clocks.due_s[PLAN_CLOCK_SIGN], 0);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", report);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", report);
    assert_int_not_equal(
        scene_leg_view(scene, report, "police-hedong").clocks.due_s[PLAN_CLOCK_PROGRESS], 0);
    scene->district->now_ms += 30 * DISTRICT_DAY_MS;
    assert_int_equal(scene_alarms(scene, "procuratorate"), 2); /* and of the late one */
}

static void row_047_only_the_police_alert_and_nothing_goes_before_it(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, ALERT, NULL, "police-hedong");
    struct district_letter *alert = scene_send(scene, ALERT, "issue", "police-hedong", NULL);
    const Leadbus__Header *head = alert->envelope.head;
    assert_string_equal(head->recipients[0]->unit, SCENE_STREET); /* the vicinity first */
    assert_int_equal(head->n_recipients, 3); /* and the traffic police, and education */
    for (size_t i = 0; i < head->n_recipients; i++)
        assert_int_equal(scene_waits(scene, alert, head->recipients[i]->unit),
                         ENVELOPE_LANE_URGENT);
    (void)scene_send(scene, "receipt.signed", "", SCENE_STREET, alert);
    assert_int_equal(scene_leg(scene, alert, SCENE_STREET), LIFECYCLE_SIGNED);
    assert_int_equal(scene_leg(scene, alert, SCENE_OTHER_STREET), LIFECYCLE_STATE_COUNT);
    /* wider by revision */
    struct district_letter *wider = scene_send(scene, ALERT, "streets", "police-hedong", alert);
    assert_int_equal(scene_leg(scene, wider, SCENE_OTHER_STREET), LIFECYCLE_SUBMITTED);
    assert_int_equal(scene_leg(scene, wider, "housing"), LIFECYCLE_STATE_COUNT);
    struct district_letter *widest = scene_send(scene, ALERT, "district", "police-hedong", wider);
    assert_int_equal(widest->envelope.head->n_recipients, plan_unit_count(scene->plan) - 2);
    assert_int_equal(scene_leg(scene, widest, "housing"), LIFECYCLE_SUBMITTED);
    expect_refused(scene, ALERT, "issue", "police-hedong", widest, E_CHAIN_ORDER);
    expect_section(scene, ALERT, "issue", "alert", "{'valid_until':null}", E_MISSING_FIELD,
                   "alert.valid_until");
    expect_section(scene, ALERT, "issue", "alert",
                   "{'latitude_udeg':39123456,'longitude_udeg':117234567,'datum':'CGCS2000'}", 0,
                   "");
}

static void row_049_whoever_had_the_alert_hears_that_it_is_over(void **state)
{
    struct scene *scene = *state;
    struct district_letter *alert = scene_send(scene, ALERT, "issue", "police-hedong", NULL);
    expect_refused(scene, "alert.missing-child-cancel", "", SCENE_STREET, alert,
                   E_SENDER_NOT_ALLOWED);
    struct district_letter *over =
        scene_send(scene, "alert.missing-child-cancel", "", "police-hedong", alert);
    const Leadbus__Header *before = alert->envelope.head, *after = over->envelope.head;
    assert_int_equal(after->n_recipients, before->n_recipients);
    for (size_t i = 0; i < before->n_recipients; i++)
        assert_true(envelope_recipient_find(&over->envelope, before->recipients[i]->unit) >= 0);
    assert_int_equal(scene_leg(scene, alert, SCENE_STREET), LIFECYCLE_STOOD_DOWN);
    assert_int_equal(scene_kind(scene, ALERT)->retention_days, 30);
    expect_section(scene, "alert.missing-child-cancel", "", "alert", "{'reason':null}",
                   E_MISSING_FIELD, "alert.reason");
    /* who signs for it has withdrawn it; an alert past its end without that is told
     * (unit/test_chains.c) */
    assert_int_equal(scene_leg(scene, over, SCENE_STREET), LIFECYCLE_SUBMITTED);
    expect_refused(scene, "receipt.deleted", "", SCENE_STREET, over, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "receipt.signed", "", SCENE_STREET, over);
    assert_int_equal(scene_leg(scene, over, SCENE_STREET), LIFECYCLE_SIGNED);
    expect_refused(scene, "receipt.closed", "done", SCENE_STREET, over, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "receipt.deleted", "", SCENE_STREET, over);
    assert_int_equal(scene_leg(scene, over, SCENE_STREET), LIFECYCLE_CLOSED);
    assert_int_equal(scene_leg(scene, over, "education"), LIFECYCLE_SUBMITTED);
}

static void row_050_a_sighting_joins_the_alerts_thread(void **state)
{
    struct scene *scene = *state;
    struct district_letter *alert = scene_send(scene, ALERT, "issue", "police-hedong", NULL);
    struct district_letter *seen = scene_send(scene, LEAD, "", SCENE_STREET, alert);
    assert_memory_equal(seen->thread, alert->id, 16);
    assert_int_equal(scene_waits(scene, seen, "police-hedong"), ENVELOPE_LANE_URGENT);
    expect_section(scene, LEAD, "", "summary", "{'suspicion':'sighting'}", 0, "");
}

static void row_051_children_of_unknown_origin_are_told_to_the_police(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "anomaly.community", "unknown-child", SCENE_STREET,
                 "police-hedong!summary+full civil-affairs!summary+full");
    expect_route(scene, "anomaly.household", "", "civil-affairs", "police-hedong!summary+full");
    assert_int_equal(scene_role(scene, "anomaly.enrolment", "", "education", "police-hedong"), '!');
    assert_int_equal(
        scene_role(scene, "anomaly.birth", "mother-unknown", "health", "police-hedong"), '!');
}

static void row_052_the_police_alone_say_what_a_sample_showed(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, CONCLUSION, NULL, "police-hedong");
    expect_refused(scene, CONCLUSION, "", "civil-affairs", NULL, E_SENDER_NOT_ALLOWED);
    expect_route(scene, CONCLUSION, "", "police-hedong", "civil-affairs!summary+full");
    expect_section(scene, CONCLUSION, "", "summary", "{'conclusion':'confirmed'}", E_UNKNOWN_FIELD,
                   "summary.conclusion");
    expect_section(scene, CONCLUSION, "", "full", "{'conclusion':'perhaps'}", E_BAD_VALUE,
                   "full.conclusion");
    expect_section(scene, CONCLUSION, "", "full", "{'conclusion':'confirmed'}", E_MISSING_FIELD,
                   "full.opinion_number");
    expect_section(scene, CONCLUSION, "", "full", "{'next_check_on':null}", E_MISSING_FIELD,
                   "full.next_check_on");
    /* nobody else has a kind to say it with */
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        for (size_t t = 0; t < kind->tag_count; t++)
            if (strcmp(kind->tags[t], "DNA-RESULT") == 0)
                assert_string_equal(kind->slug, CONCLUSION);
    }
}

static void row_053_a_profile_travels_in_no_message(void **state)
{
    struct scene *scene = *state;
    static const char profile[] = "D3S1358 15,16 vWA 17,18 FGA 21,24 D8S1179 13,14 D21S11 29,30 "
                                  "D18S51 14,15 D5S818 11,12 D13S317 9,11";
    char changes[512];
    assert_int_equal(scene_kind(scene, CONCLUSION)->attachments, 0);
    assert_int_equal(scene_kind(scene, "handoff.dna-request")->attachments, 0);
    (void)snprintf(changes, sizeof changes, "{'what':'%s'}", profile);
    expect_section(scene, LEAD, "", "full", changes, E_FORBIDDEN_CONTENT, "full.what");
    (void)snprintf(changes, sizeof changes, "{'circumstances':'%s'}", profile);
    expect_section(scene, "handoff.victim", "", "full", changes, E_FORBIDDEN_CONTENT,
                   "full.circumstances");
    expect_section(scene, CONCLUSION, "", "full", "{'markers':'x'}", E_UNKNOWN_FIELD,
                   "full.markers");
}

static void row_054_a_settlement_needs_a_conclusion_or_a_reason(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "anomaly.household", "", "summary", "{'sampling':null}", E_MISSING_FIELD,
                   "summary.sampling");
    expect_section(scene, "handoff.settlement", "", "full", "{'conclusion_on':null}",
                   E_MISSING_FIELD, "full.gap_reason");
    expect_section(scene, "handoff.settlement", "", "full",
                   "{'conclusion_on':null,'gap_reason':'须先入院救治'}", 0, "");
    /* and the bus looks whether the thread has one */
    expect_refused(scene, "handoff.settlement", "", "civil-affairs", NULL, E_CHAIN_ORDER);
    struct district_letter *settled =
        scene_send_early(scene, "handoff.settlement", "", "civil-affairs", NULL);
    struct core_thread_step steps[8];
    assert_int_equal(core_thread_steps(scene->core, settled->id, steps, 8), 5);
    assert_string_equal(steps[0].step, "rescue/dna");
    assert_true(steps[0].owed);
    expect_route(scene, "anomaly.household", "", SCENE_STREET,
                 "police-hedong!summary+full civil-affairs!summary+full");
}

static void row_055_false_appraisals_go_between_justice_and_police(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, LEAD, "", "justice", "police-hedong!summary+full+reporter");
    expect_route(scene, "handoff.assist", "appraisal", "police-hedong", "justice!summary+full");
    expect_section(scene, LEAD, "", "full",
                   "{'organisation':'某鉴定所','evidence':"
                   "[{'type':'paper','reference':'司鉴 2026-11'}]}",
                   0, "");
}

static void row_056_a_victim_is_asked_once_or_with_a_reason(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *full = scene_message(scene, "handoff.interview", "full");
    expect_senders(scene, "handoff.interview", NULL, "police-hedong");
    expect_route(scene, "handoff.interview", "", "police-hedong", "procuratorate!summary+full");
    expect_section(scene, "handoff.interview", "", "full", "{'session':2}", E_MISSING_FIELD,
                   "full.repeat_reason");
    expect_section(scene, "handoff.interview", "", "full",
                   "{'session':2,'repeat_reason':'new-facts'}", E_MISSING_FIELD,
                   "full.earlier_record");
    expect_section(scene, "handoff.interview", "", "full",
                   "{'session':2,'repeat_reason':'new-facts','earlier_record':'笔录 1'}", 0, "");
    /* a second request on a thread is counted there, told, and not refused */
    struct district_letter *lead = scene_send(scene, LEAD, "", "hrss", NULL);
    (void)scene_send(scene, "handoff.interview", "", "police-hedong", lead);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0);
    (void)scene_send(scene, "handoff.interview", "", "police-hedong", lead);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 1);
    /* the record is referred to: there is no room for it */
    assert_int_equal(scene_kind(scene, "handoff.interview")->attachments, 0);
    assert_false(scene_has_check(full, PAYLOAD_TEXT));
}

static void row_057_the_procuratorate_comes_in_early(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "handoff.case", "early-involvement", "police-hedong");
    expect_route(scene, "handoff.case", "early-involvement", "police-hedong",
                 "procuratorate!summary+full");
    assert_int_equal(scene_kind(scene, "handoff.case")->level, 4);
    expect_section(scene, "handoff.case", "early-involvement", "full", "{}", 0, "");
    expect_section(scene, "handoff.case", "early-involvement", "full", "{'case_number':null}",
                   E_MISSING_FIELD, "full.case_number");
}

static void row_058_who_hinders_a_rescue_is_told_to_the_police(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "lead.exploitation", "obstruction", SCENE_STREET,
                 "police-hedong!summary+full+reporter");
    struct district_letter *lead =
        scene_send(scene, "lead.exploitation", "obstruction", SCENE_STREET, NULL);
    assert_string_equal(lead->envelope.head->recipients[0]->citation, "lead:2.2.2.3=police-hedong");
}

static void row_059_a_child_made_to_beg_is_handed_over(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "handoff.victim", NULL, "police-hedong");
    expect_route(scene, "handoff.victim", "", "police-hedong", "civil-affairs!summary+full");
    /* a wrong digit does not hold it up */
    expect_section(scene, "handoff.victim", "", "full",
                   "{'persons':[{'id_number':'110105194912310021'}]}", 0,
                   "full.persons[0].id_number");
    assert_true(scene_kind(scene, "handoff.victim")->exempt);
}

static void row_060_organ_trade_reaches_the_police_from_anybody(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "lead.exploitation", "organ", "any");
    expect_route(scene, "lead.exploitation", "organ", "health",
                 "police-hedong!summary+full+reporter");
    expect_route(scene, "lead.exploitation", "organ", "finance",
                 "police-hedong!summary+full+reporter health=summary");
    assert_int_equal(plan_kind_urgency(scene_kind(scene, "lead.exploitation"), "organ"), 1);
}

static void row_061_a_person_of_a_case_has_one_status_and_victim_stands_first(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *party = payload_find("CaseParty");
    const struct payload_field *status = scene_field(party, "status");
    assert_string_equal(status->list->codes[0].code, "victim");
    assert_string_equal(status->list->codes[1].code, "coerced-victim");
    expect_section(scene, "handoff.case", "leniency", "full",
                   "{'parties':[{'pseudonym':'V1','status':'coerced-victim'}]}", 0, "");
    expect_section(scene, "handoff.case", "leniency", "full",
                   "{'parties':[{'pseudonym':'V1','status':['suspect','victim']}]}", E_BAD_VALUE,
                   "full.parties[0].status");
    expect_route(scene, "handoff.case", "leniency", "court",
                 "procuratorate!summary+full police-hedong!summary+full");
}

static void row_062_others_get_the_conclusion_and_no_database(void **state)
{
    struct scene *scene = *state;
    const struct payload_message *full = scene_message(scene, CONCLUSION, "full");
    assert_false(scene_has_check(full, PAYLOAD_TEXT));
    assert_false(scene_has_check(full, PAYLOAD_URL));
    expect_route(scene, "handoff.dna-request", "", "civil-affairs", "police-hedong!summary+full");
    expect_senders(scene, "handoff.dna-request", NULL, "civil-affairs");
    assert_int_equal(scene_role(scene, "notice.bulletin", "", "police-hedong", "civil-affairs"),
                     '!');
}

static void row_063_a_handover_names_who_hands_over_and_is_taken_on(void **state)
{
    struct scene *scene = *state;
    expect_section(scene, "handoff.victim", "", "full", "{'handing_officer':null}", E_MISSING_FIELD,
                   "full.handing_officer");
    expect_section(scene, "handoff.victim", "", "full",
                   "{'sample_number':'HD-2026-0017','care_notice_number':'照料 12','materials':"
                   "[{'title':'询问笔录','sha256':'"
                   "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}]}",
                   0, "");
    struct district_letter *child =
        scene_send_early(scene, "handoff.victim", "", "police-hedong", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", child);
    expect_refused(scene, "receipt.returned", "other-area", "civil-affairs", child,
                   E_RETURN_NOT_ALLOWED);
    expect_refused(scene, "receipt.accepted", "", "police-hedong", child, E_ROUTE_EMPTY);
    (void)scene_send(scene, "receipt.accepted", "", "civil-affairs", child);
    assert_int_equal(scene_leg(scene, child, "civil-affairs"), LIFECYCLE_ACCEPTED);
    /* until then the police answered for it */
    struct district_letter *other =
        scene_send_early(scene, "handoff.victim", "", "police-hedong", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", other);
    assert_string_equal(core_thread_custody(scene->core, other->id).unit, "police-hedong");
    assert_string_equal(core_thread_custody(scene->core, child->id).unit, "civil-affairs");
    /* and the receiver's paper says what came with it */
    expect_section(scene, "receipt.accepted", "", "receipt",
                   "{'handing_officer':'张警官','paper_number':'交接 7','materials':"
                   "[{'title':'询问笔录','pages':4}]}",
                   0, "");
}

static void row_064_a_medical_check_goes_to_health_by_its_kind(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "handoff.medical", "request", "civil-affairs");
    expect_senders(scene, "handoff.medical", "result", "health");
    expect_route(scene, "handoff.medical", "request", "civil-affairs", "health!summary+full");
    expect_route(scene, "handoff.medical", "result", "health", "civil-affairs!summary+full");
    const struct plan_task *task = plan_task_find(scene->plan, "2.2.4");
    uint16_t health = plan_unit_find(scene->plan, "health");
    for (size_t i = 0; i < task->lead_count; i++)
        assert_false(!task->lead[i].group && task->lead[i].index == health);
    expect_section(scene, "handoff.medical", "request", "full", "{'result':'fit'}", E_BAD_VALUE,
                   "full.result");
    expect_section(scene, "handoff.medical", "result", "full", "{'result':'treat'}", 0, "");
}

static void row_065_a_kin_notice_has_its_days_and_is_withdrawn_for_a_reason(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(scene_kind(scene, "handoff.kin-notice")->level, 0);
    expect_route(scene, "handoff.kin-notice", "publish", "civil-affairs",
                 "police-hedong!notice media-center!notice");
    expect_section(scene, "handoff.kin-notice", "publish", "notice", "{'publish_to':null}",
                   E_MISSING_FIELD, "notice.publish_to");
    expect_section(scene, "handoff.kin-notice", "publish", "notice", "{'publish_to':'2026-01-01'}",
                   E_BAD_VALUE, "notice.publish_to");
    expect_section(scene, "handoff.kin-notice", "publish", "notice", "{'approval_number':null}",
                   E_MISSING_FIELD, "notice.approval_number");
    expect_section(scene, "handoff.kin-notice", "withdraw", "notice", "{}", E_MISSING_FIELD,
                   "notice.withdraw_reason");
    expect_section(scene, "handoff.kin-notice", "withdraw", "notice",
                   "{'withdraw_reason':'kin-found'}", 0, "");
    struct district_letter *notice =
        scene_send(scene, "handoff.kin-notice", "publish", "civil-affairs", NULL);
    (void)scene_send(scene, "handoff.kin-notice", "withdraw", "civil-affairs", notice);
}

static void row_066_a_child_goes_home_on_a_proof(void **state)
{
    struct scene *scene = *state;
    expect_senders(scene, "handoff.reunion", NULL, "police-hedong");
    expect_route(scene, "handoff.reunion", "", "police-hedong", "civil-affairs!summary+full");
    expect_section(scene, "handoff.reunion", "", "full", "{'proof':'neighbours'}", E_BAD_VALUE,
                   "full.proof");
    expect_section(scene, "handoff.reunion", "", "full", "{'opinion_number':null}", E_MISSING_FIELD,
                   "full.opinion_number");
    expect_section(scene, "handoff.reunion", "", "full", "{'relatives':null}", E_MISSING_FIELD,
                   "full.relatives");
    struct district_letter *home = scene_send(scene, "handoff.reunion", "", "police-hedong", NULL);
    struct district_draft placed = {.kind = "handoff.settlement",
                                    .area = SCENE_AREA,
                                    .from = "civil-affairs",
                                    .early = true,
                                    .parent = home};
    expect_draft_refused(scene, &placed, E_CHAIN_ORDER); /* whatever the reason */
}

static void row_067_the_buyers_household_is_no_placement(void **state)
{
    struct scene *scene = *state;
    static const char *const buyers[] = {"buyer", "buyer-household", "current-family", "family",
                                         "kept",  "unknown"};
    for (size_t i = 0; i < sizeof buyers / sizeof *buyers; i++) {
        char changes[96];
        (void)snprintf(changes, sizeof changes, "{'placement':'%s'}", buyers[i]);
        expect_section(scene, "handoff.settlement", "", "full", changes, E_BAD_VALUE,
                       "full.placement");
        expect_section(scene, "handoff.settlement", "", "summary", changes, E_BAD_VALUE,
                       "summary.placement");
    }
    expect_section(scene, "handoff.settlement", "", "full",
                   "{'placement':'adoption','not_found_certificate':null}", E_MISSING_FIELD,
                   "full.not_found_certificate");
    expect_section(scene, "handoff.settlement", "", "full", "{'notice_until':null}",
                   E_MISSING_FIELD, "full.gap_reason");
    expect_route(scene, "handoff.settlement", "", "civil-affairs",
                 "police-hedong!summary+full health=summary education=summary");
    /* what must come before it is judged step by step in unit/test_chains.c */
    struct district_letter *sample = scene_send(scene, CONCLUSION, "", "police-hedong", NULL);
    expect_refused(scene, "handoff.settlement", "", "civil-affairs", sample, E_CHAIN_ORDER);
}

static void row_068_a_service_goes_to_the_unit_that_gives_it(void **state)
{
    struct scene *scene = *state;
    expect_route(scene, "handoff.service-referral", "insurance", "civil-affairs",
                 "health!summary+full");
    expect_route(scene, "handoff.service-referral", "schooling", "civil-affairs",
                 "education!summary+full");
    expect_route(scene, "handoff.service-referral", "", "civil-affairs", "topic_unknown");
    expect_section(scene, "handoff.service-referral", "insurance", "full", "{'need':null}",
                   E_MISSING_FIELD, "full.need");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(row_041_what_concerns_one_matter_stands_on_one_thread),
        scene_test(row_042_a_leg_says_which_unit_took_it_on),
        scene_test(row_043_a_warning_is_made_of_no_message),
        scene_test(row_044_a_schema_holds_no_more_than_it_names),
        scene_test(row_045_an_open_thread_ends_with_an_outcome_and_not_by_time),
        scene_test(row_046_a_late_report_is_taken_and_says_when_it_was_noticed),
        scene_test(row_047_only_the_police_alert_and_nothing_goes_before_it),
        scene_test(row_049_whoever_had_the_alert_hears_that_it_is_over),
        scene_test(row_050_a_sighting_joins_the_alerts_thread),
        scene_test(row_051_children_of_unknown_origin_are_told_to_the_police),
        scene_test(row_052_the_police_alone_say_what_a_sample_showed),
        scene_test(row_053_a_profile_travels_in_no_message),
        scene_test(row_054_a_settlement_needs_a_conclusion_or_a_reason),
        scene_test(row_055_false_appraisals_go_between_justice_and_police),
        scene_test(row_056_a_victim_is_asked_once_or_with_a_reason),
        scene_test(row_057_the_procuratorate_comes_in_early),
        scene_test(row_058_who_hinders_a_rescue_is_told_to_the_police),
        scene_test(row_059_a_child_made_to_beg_is_handed_over),
        scene_test(row_060_organ_trade_reaches_the_police_from_anybody),
        scene_test(row_061_a_person_of_a_case_has_one_status_and_victim_stands_first),
        scene_test(row_062_others_get_the_conclusion_and_no_database),
        scene_test(row_063_a_handover_names_who_hands_over_and_is_taken_on),
        scene_test(row_064_a_medical_check_goes_to_health_by_its_kind),
        scene_test(row_065_a_kin_notice_has_its_days_and_is_withdrawn_for_a_reason),
        scene_test(row_066_a_child_goes_home_on_a_proof),
        scene_test(row_067_the_buyers_household_is_no_placement),
        scene_test(row_068_a_service_goes_to_the_unit_that_gives_it),
    };
    return cmocka_run_group_tests_name("mission.rescue", tests, NULL, NULL);
}
