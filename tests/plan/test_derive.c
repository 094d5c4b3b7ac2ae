/* What plans do to a reader, one test each: where the text of a real plan breaks naive parsers, on
 * small invented texts. Whole documents are in test_documents.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clients/plan/derive/keys.h"
#include "tests/plan/derived.h"

/* "id|lead|coop" of each row, separated by " / ". */
static void rows_of(struct buf *ret, const struct derive *derive)
{
    for (size_t i = 0; i < derive_row_count(derive); i++) {
        const struct derive_row *row = derive_row(derive, i);
        buf_printf(ret, "%s%s|", i ? " / " : "", row->id);
        derived_names(ret, row->lead, row->lead_count);
        buf_append_u8(ret, '|');
        derived_names(ret, row->coop, row->coop_count);
    }
    buf_append_u8(ret, 0);
}

/* The rows, and the undecided findings, of a text. */
static void check_both(const char *text, const char *rows, const char *undecided)
{
    struct derive *derive = derived_of(bytes_of_str(text));
    struct buf got = {0}, findings = {0};
    rows_of(&got, derive);
    derived_findings(&findings, derive, true);
    buf_append_u8(&findings, 0);
    if (strcmp((const char *)got.data, rows) != 0)
        fail_msg("%s\nwanted %s\ngot    %s", text, rows, (const char *)got.data);
    if (strcmp((const char *)findings.data, undecided) != 0)
        fail_msg("%s\nwanted%s\ngot   %s", text, undecided, (const char *)findings.data);
    buf_fini(&got);
    buf_fini(&findings);
    derive_free(derive);
}

static void check(const char *text, const char *rows)
{
    check_both(text, rows, "");
}

static bool has_note(const char *text, const char *note)
{
    struct derive *derive = derived_of(bytes_of_str(text));
    struct buf notes = {0};
    derived_findings(&notes, derive, false);
    buf_append_str(&notes, " ");
    buf_append_u8(&notes, 0);
    bool has = strstr((const char *)notes.data, note) != NULL;
    buf_fini(&notes);
    derive_free(derive);
    return has;
}

/* ---- what the dump of a PDF does ----------------------------------------------------------------
 */

static void page_tops_and_numbers_cut_nothing(void **unused)
{
    (void)unused;
    check(
        "一、甲\n（一）乙（区市场监管\n 局负责，区文化\n\n- 3 -\n 旅游局、公安北城分\n 局配合）\n",
        "1.1|区市场监管局|区文化旅游局、公安北城分局");
    check("一、甲\n ——摸排（区民政\n—12—\n\f局负责）\n ——走访（区残联负\n第 4 页 共 9 页\n责）\n",
          "1.1|区民政局| / 1.2|区残联|");
    check("一、甲\n（一）乙（区民政局\n\n7\n\n负责）\n", "1.1|区民政局|");
    /* A year or a count is no page. */
    check("一、在\n2024\n年底前（区民政局负责）", "1|区民政局|");
}

static void running_heads_go_and_are_noted(void **unused)
{
    static const char text[] = "一、甲（区民政\n- 1 -\n海港区冬春救助方案\n局负责，区残\n- 2 -\n"
                               "海港区冬春救助方案\n联配合）\n";
    (void)unused;
    check(text, "1|区民政局|区残联");
    assert_true(has_note(text, " head-dropped@3 head-dropped@6 "));
    /* What stands at a page's top once, or names a unit, is text. */
    check("一、甲（区民政\n- 1 -\n局负责）\n二、乙（区民政\n- 2 -\n局负责）\n",
          "1|区民政局| / 2|区民政局|");
    check("一、甲\n责任单位：\n- 1 -\n区民政局\n二、乙\n责任单位：\n- 2 -\n区民政局\n",
          "1|区民政局| / 2|区民政局|");
}

static void contents_are_no_items(void **unused)
{
    static const char text[] = "目 录\n一、总则………………1\n二、任务…………………3\n"
                               "一、总则\n略。\n二、任务（区民政局负责）\n";
    (void)unused;
    check(text, "2|区民政局|");
    assert_true(has_note(text, " contents@2 "));
}

static void a_dash_is_three_things(void **unused)
{
    (void)unused;
    check(
        "一、《规划\n——2030年远景》落实\n（一）甲（2021—2030年）完成\n- 5 -\n——乙（区教育局负责）\n"
        "--丙（区民政局负责）\n---丁（区残联负责）\n—戊（区妇联负责）\n",
        "1.1.1|区教育局| / 1.1.2|区民政局| / 1.1.3|区残联| / 1.1.4|区妇联|");
}

static void brackets_are_five_things(void **unused)
{
    (void)unused;
    check("一、甲（以下简称配合单位）\n（一）DNA（脱氧核糖核酸）入库（2021—2030年）。（1）抚养（赡"
          "养）"
          "与（买）卖。（公安北城分局负责，区民政局配合）（此件主动公开）",
          "1.1.1|公安北城分局|区民政局");
    /* Without a stop before the bracket, and without 配合. */
    check("一、防止“合法化”（区民政局负责）", "1|区民政局|");
    check("一、查处《责任书（试行）》〔2022〕3号（区司法局负责）", "1|区司法局|");
}

static void brackets_inside_names_stay(void **unused)
{
    (void)unused;
    check("一、甲（省市场监管局（省知识产权局）、各区（县级市）政府负责，县（市、区）公安局配合）",
          "1|省市场监管局（省知识产权局）、各区（县级市）政府|县（市、区）公安局");
}

/* ---- the hierarchy ------------------------------------------------------------------------------
 */

static void sections_and_measures_start_anew(void **unused)
{
    (void)unused;
    check("一、甲\n（一）a\n二、乙\n（一）b\n1.任务目标\n略\n2."
          "工作措施\n（1）c（区民政局负责）\n（2）d\n"
          "——e（区教育局负责）\n（二）f\n1.任务目标\n2.工作措施\n（1）g（区残联负责）\n（三）h\n"
          "1.任务目标\n2.工作措施\n——i（区妇联负责）\n三、丙\n（一）j\n",
          "2.1.1|区民政局| / 2.1.2.1|区教育局| / 2.2.1|区残联| / 2.3.0.1|区妇联|");
}

static void nothing_is_inherited(void **unused)
{
    (void)unused;
    check("一、甲\n1.乙（区民政局负责）\n（1）丙\n（2）丁（区残联负责）\n2."
          "戊\n（1）己（区妇联负责）\n",
          "1.1|区民政局| / 1.1.2|区残联| / 1.2.1|区妇联|");
}

static void other_hierarchies_have_their_ids(void **unused)
{
    (void)unused;
    check("一、甲\n（一）乙\n1.丙\n（1）丁\n①戊（区民政局负责）\n②己（区残联负责）\n",
          "1.1.1.1.1|区民政局| / 1.1.1.1.2|区残联|");
    check("第一章 甲\n第一条 略。\n第二章 乙\n第二条 丙（县民政局负责）\n第三条 "
          "依照第二条规定办理（县残联负责）\n",
          "2.2|县民政局| / 2.3|县残联|");
    check("1 甲\n1.1 乙（区民政局负责）\n1.2 丙\n1.2.1 丁达到\n1.5万人（区残联负责）\n",
          "1.1|区民政局| / 1.2.1|区残联|");
    check("甲（区民政局负责）\n乙（区残联负责）\n", "1|区民政局| / 2|区残联|");
    /* Numbers that go on over the parts keep their values. */
    check("一、甲\n1.a（区民政局负责）\n二、乙\n2.b（区残联负责）\n",
          "1.1|区民政局| / 2.2|区残联|");
    check("一、甲\n（一）乙。（区民政局负责）丙。（区残联负责）\n",
          "1.1.1|区民政局| / 1.1.2|区残联|");
}

static void numbers_in_sentences_are_no_items(void **unused)
{
    (void)unused;
    check("一、甲\n1.发展第\n一、二、三产业，增长\n2.5亿元，达到\n3.6%，完成\n（二）项任务\n2."
          "乙（区民政局负责）\n",
          "1.2|区民政局|");
}

static void a_broken_numbering_is_told(void **unused)
{
    (void)unused;
    /* Numbers start anew while a bracket is open: two texts in one, and the bracket belongs to
     * none. */
    check_both("一、甲（区民政局负责\n一、乙，区残联配合）\n二、丙（区残联负责）\n",
               "1|区民政局| / 101.2|区残联|", " bracket-open@1 duty-prose@2");
    check_both("（一）甲（区民政局负责）\n（三）乙（区残联负责）\n", "1|区民政局| / 3|区残联|",
               " number-gap@2");
    check_both("（一）甲（区民政局负责）\n（一）乙（区残联负责）\n", "1|区民政局| / 1|区残联|",
               " id-repeated@2 number-again@2");
}

/* ---- prose --------------------------------------------------------------------------------------
 */

static void words_of_roles_in_prose_are_no_clauses(void **unused)
{
    static const char text[] =
        "一、形成党委领导、政府负责、部门联动格局，完善区公安分局牵头，有关单位配合的机制。由刑侦"
        "部门牵头，有关部门通力协作。由局长担任组长，全面负责侦办。区公安分局负责设立采样点，并配"
        "合做好宣传，落实谁主管谁负责，密切配合。（区公安分局负责）\n"
        "二、联席会议办公室负责协调，成员单位要密切配合。\n";
    (void)unused;
    check(text, "1|区公安分局|");
    assert_true(has_note(text, " prose@1 "));
    check_both("（政府负责、部门联动）（由专人负责）（负责人签字）配合工作。", "", " no-clause@0");
}

static void copies_and_dates_are_no_clauses(void **unused)
{
    (void)unused;
    check_both("抄送：区委、区人大常委会，区武装部，各民主党派。\n某区人民政府办公室 2022年 3月 "
               "11日印发\n",
               "", " no-clause@0");
}

/* ---- names --------------------------------------------------------------------------------------
 */

static void names_are_cut_at_separators_only(void **unused)
{
    (void)unused;
    check("一、甲（团区委、区妇联负责，区妇儿办、交警河东支队配合）",
          "1|团区委、区妇联|区妇儿办、交警河东支队");
    check("一、甲（区人力资源和社会保障局、区文化和旅游局和区体育局负责）",
          "1|区人力资源和社会保障局、区文化和旅游局、区体育局|");
    check("一、甲（区残疾人联合会负责，区就业指导中心、东西部协作办配合）",
          "1|区残疾人联合会|区就业指导中心、东西部协作办");
}

static void order_is_kept(void **unused)
{
    (void)unused;
    check("一、甲（区妇联、团区委负责，区卫健委、公安北城分局配合）\n二、乙（团区委、区妇联负责）",
          "1|区妇联、团区委|区卫健委、公安北城分局 / 2|团区委、区妇联|");
}

static void white_space_in_names_is_judged_by_the_text(void **unused)
{
    (void)unused;
    check("一、甲（区委 宣传部、区委\n政法委负责）", "1|区委宣传部、区委政法委|");
    check("一、甲\n责任单位：区民政局 区教育局 团区委\n", "1|区民政局、区教育局、团区委|");
    check("一、甲（区民政局\n区教育局负责）", "1|区民政局、区教育局|");
    /* 临港海事处 stands elsewhere in one piece. */
    check("一、甲（临港海事处负责）\n二、乙（临港\n海事处负责，区教育局配合）",
          "1|临港海事处| / 2|临港海事处|区教育局");
}

static void groups_are_flagged_and_nobody_in_particular_is_told(void **unused)
{
    (void)unused;
    struct derive *derive = derived_of(bytes_of_str("一、甲（各街道办事处负责，各成员单位配合）"));
    assert_int_equal(derive_row(derive, 0)->flags, DERIVE_GROUP);
    derive_free(derive);
    /* One group, though a separator stands inside it. */
    derive = derived_of(bytes_of_str("一、甲（各市、县（区）人民政府、省民政厅负责）"));
    assert_int_equal(derive_row(derive, 0)->lead_count, 2);
    assert_string_equal(derive_row(derive, 0)->lead[0], "各市、县（区）人民政府");
    derive_free(derive);
    check_both("一、甲（区民政局负责，各有关部门配合）", "1|区民政局|各有关部门",
               " name-generic@1");
    check_both("一、甲（区民政局等部门负责）", "1|区民政局|", " et-cetera@1");
}

static void shared_prefixes_are_noted_not_added(void **unused)
{
    static const char text[] = "一、甲（省教育厅、科技厅、工业和信息化厅负责，公安云山分局配合）";
    (void)unused;
    check(text, "1|省教育厅、科技厅、工业和信息化厅|公安云山分局");
    assert_true(has_note(text, " shared-prefix@1 "));
    assert_false(has_note("一、甲（区教育局、公安云山分局负责）\n二、乙（公安云山分局负责）",
                          "shared-prefix"));
}

static void misprints_do_not_hide_clauses(void **unused)
{
    (void)unused;
    check("一、现成高压态势，给与照顾。（区民政局 负责，区教育局配 合）", "1|区民政局|区教育局");
    check("一、甲（区民政局负責，區教育局配合）", "1|区民政局|區教育局");
    check("一、甲(区民政局负责;区教育局配合)", "1|区民政局|区教育局");
    check("一、甲｛区民政局负责，区教育局配合。｝", "1|区民政局|区教育局");
}

/* ---- the grammars -------------------------------------------------------------------------------
 */

static void who_leads_is_said_in_many_ways(void **unused)
{
    static const struct {
        const char *clause, *row;
    } cases[] = {
        {"A局牵头，B局、C局参与", "1|A局|B局、C局"},
        {"A局牵头负责，B局协助", "1|A局|B局"},
        {"A局会同B局、C局负责", "1|A局|B局、C局"},
        {"A局牵头，会同B局落实", "1|A局|B局"},
        {"A局、B局分别负责", "1|A局、B局|"},
        {"A局、B局共同负责，C局积极配合", "1|A局、B局|C局"},
        {"A局、B局按职责分工负责", "1|A局、B局|"},
        {"A局牵头，B局、C局按职责分工负责", "1|A局|B局、C局"},
        {"A局主办，B局协办", "1|A局|B局"},
        {"A局为牵头单位，B局为配合单位", "1|A局|B局"},
        {"A局（牵头）、B局、C局负责", "1|A局|B局、C局"},
        {"A局负责宣传，B局负责执法，C局配合", "1|A局、B局|C局"},
        {"A局、B局负责、C局配合", "1|A局、B局|C局"},
        {"B局配合A局负责", "1|A局|B局"},
        {"牵头单位：A局；配合单位：B局、C局", "1|A局|B局、C局"},
        {"牵头单位：A局，责任单位：B局", "1|A局|B局"},
        {"责任单位：A局、B局；完成时限：年底；责任领导：某某", "1|A局、B局|"},
        {"2024年6月底前完成，A局负责", "1|A局|"},
        {"张某副区长牵头，A局负责，B局配合", "1|A局|B局"},
        {"由A局负责，B局予以配合", "1|A局|B局"},
        {"第一责任单位：A局，其他责任单位：B局", "1|A局|B局"},
        {"牵头单位A局，配合单位B局", "1|A局|B局"},
        {"A局、B局、C局，排在首位的为牵头单位", "1|A局|B局、C局"},
        {"省A局会省B局负责", "1|省A局|省B局"},
        {"A局负责查处，依法追究责任，B局配合", "1|A局|B局"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "一、工作（%s）", cases[i].clause);
        check(text, cases[i].row);
    }
}

static void labels_end_where_the_list_ends(void **unused)
{
    (void)unused;
    check("一、甲\n牵头单位：区民政局\n配合单位：区教育局、区公\n安局\n各单位要密切配合。\n二、乙（"
          "区残联负责）",
          "1|区民政局|区教育局、区公安局 / 2|区残联|");
    check("一、甲\n责任单位：区民政局\n\n区教育局要加强指导。\n", "1|区民政局|");
    check_both("一、甲\n责任单位：\n二、乙（区残联负责）\n", "2|区残联|", " label-empty@2");
}

static void a_sentence_counts_where_nothing_else_does(void **unused)
{
    (void)unused;
    check("一、由区民政局牵头，会同区教育局制定办法。\n二、由区残联牵头摸排。（区妇联负责）\n",
          "1|区民政局|区教育局 / 2|区妇联|");
    check_both("一、本办法由区民政局负责解释，理由由当事人说明。", "", " no-clause@0");
    check_both("一、由专人负责。", "", " no-clause@0");
}

static void a_duty_for_the_tasks_above_is_given_to_each(void **unused)
{
    (void)unused;
    check("一、甲\n1.a\n2.b（区残联负责）\n3.c。以上任务均由区民政局负责。\n",
          "1.1|区民政局| / 1.2|区残联| / 1.3|区民政局|");
    check_both("一、甲\n1.a（区残联负责）\n以上任务均由区民政局负责。\n", "1.1|区残联|",
               " scope-empty@3");
}

/* ---- bytes --------------------------------------------------------------------------------------
 */

static void refused(const void *data, size_t len, int code, const char *line)
{
    struct derive *derive = NULL;
    struct error error = {0};
    assert_int_equal(derive_run(bytes_of(data, len), &derive, &error), code);
    assert_null(derive);
    assert_string_equal(error.field, line);
    assert_true(error.detail[0] != '\0');
}

static void what_is_no_text_is_refused_with_its_line(void **unused)
{
    (void)unused;
    refused("\xff\xfe\x00\x4e", 4, E_BAD_FORM, "1");
    refused("a\n\0b", 4, E_BAD_FORM, "2");
    refused("a\nb\n\xb8\xba", 6, E_BAD_FORM, "3");
    refused("%PDF-1.7\n", 9, E_BAD_FORM, "1");
    refused("\xe5\x8c", 2, E_BAD_FORM, "1");
    check_both("", "", " no-clause@0");
    check_both("\xef\xbb\xbf", "", " no-clause@0");
}

static void sizes_are_bounded(void **unused)
{
    (void)unused;
    struct buf text = {0};
    memset(buf_grow(&text, DERIVE_TEXT_BYTES_MAX + 1), 'a', DERIVE_TEXT_BYTES_MAX + 1);
    refused(text.data, text.len, E_TOO_LARGE, "text");
    for (size_t i = 0; i < text.len; i += 2) text.data[i] = '\n';
    refused(text.data, text.len - 1, E_TOO_LARGE, "text");
    buf_reset(&text);
    for (int i = 0; i <= DERIVE_CLAUSE_COUNT_MAX; i++) buf_append_str(&text, "（A局负责）");
    refused(text.data, text.len, E_TOO_LARGE, "text");
    buf_fini(&text);
}

/* Sentences that begin with units, without 由: lists of them, with who joins in, and as the only
 * grammar of a plan. Among brackets a lone one is left to a person. */
static void duties_that_begin_with_units_are_clauses(void **unused)
{
    (void)unused;
    check("（一）县教育局负责制定方案，每周提醒。\n（二）公安部门负责巡查，县水利局配合。\n",
          "1|县教育局| / 2|公安部门|县水利局");
    check("一、职责\n县公安局：负责侦办；县民政局、县妇联：牵头救助；各乡镇：负责走访。\n",
          "1.1|县公安局| / 1.2|县民政局、县妇联| / 1.3|各乡镇|");
    check_both("（一）县财政局：保障经费。\n", "1|县财政局|", " lead-assumed@1");
    check("（一）县教育局会同县卫健局评估学生，结果存档。\n", "1|县教育局|县卫健局");
    check_both("（一）宣传（县委宣传部负责）\n（二）保障。县财政局负责落实经费。\n",
               "1|县委宣传部|", " duty-prose@2");
    check_both("（一）县教育局负责测评。\n（二）县卫健局负责转介。\n（三）县财政局要保障经费。\n",
               "1|县教育局| / 2|县卫健局|", " role-missing@3");
    /* Nobody in particular, and bodies of the plan's own. */
    check_both("（一）办公室负责日常协调。\n（二）领导小组负责指导。\n（三）各责任单位负责落实。\n",
               "", " no-clause@0");
}

/* A name ends where it says what the unit shall do, also at the end of a list and of a line. */
static void names_end_where_acts_begin(void **unused)
{
    (void)unused;
    check("（一）由甲市公安局牵头，会同市妇联、市检察院研判。\n", "1|甲市公安局|市妇联、市检察院");
    check("（一）由派出所会同社区卫生服务中心、平安办先期处置，并上报。\n",
          "1|派出所|社区卫生服务中心、平安办");
    check("（一）由市住房和城乡建设局会同市委组织部开展检查，报市政府同意。\n",
          "1|市住房和城乡建设局|市委组织部");
    check("（一）由司法所联合团工委、妇联组织，每个社区一场。\n", "1|司法所|团工委、妇联");
    check_both("（一）办案（市公安局牵头侦办，市检察院、市法院做好起诉审判）\n",
               "1|市公安局|市检察院、市法院", " coop-assumed@1 coop-assumed@1");
    check_both("（一）走访（区民政局负责，区卫健委指导各医院、区残联配合）\n",
               "1|区民政局|区卫健委指导各医院、区残联", " name-doubtful@1");
}

/* Names and words that look like roles, and roles that look like names. */
static void names_and_roles_are_told_apart(void **unused)
{
    (void)unused;
    check("（一）督导（市人民政府教育督导委员会办公室负责，区妇儿工委办配合）\n",
          "1|市人民政府教育督导委员会办公室|区妇儿工委办");
    check("（一）标准（市财政局负责制定标准，市教育局配合）\n", "1|市财政局|市教育局");
    check("（一）平台（市大数据局牵头，市文旅局会同市财政局负责）\n",
          "1|市大数据局|市文旅局、市财政局");
    check("（一）服务（市文旅局为责任单位，市残联为配合单位）\n", "1|市文旅局|市残联");
    check("（一）驻村（县委办负责，村“两委”配合）\n", "1|县委办|村“两委”");
    check("（一）帮扶（縣殘聯、縣婦聯分別負責）\n", "1|縣殘聯、縣婦聯|");
    check("（一）排查。牵头站所：镇水利站；协助站所：镇财政所\n", "1|镇水利站|镇财政所");
    check_both("（一）实验（实验室与设备管理处负责）\n", "1|实验室、设备管理处|", " name-joint@1");
}

/* 以上2、3项 is about those two, whoever else has no units. */
static void sentences_name_items_by_number(void **unused)
{
    (void)unused;
    check_both("1.甲。\n2.乙。\n3.丙。\n（以上2、3项由区商务局负责，区妇联配合）\n",
               "2|区商务局|区妇联 / 3|区商务局|区妇联", "");
    check_both("1.甲。\n2.乙。（区民政局负责）\n3.丙。\n以上第1至2项由区商务局负责。\n",
               "1|区商务局| / 2|区民政局|", " scope-items@4");
}

/* What is in no row is told, whatever rule lost it. */
static void what_is_left_out_is_told(void **unused)
{
    (void)unused;
    check_both("（一）甲（责任单位：区教育局；完成时限：年底前，区民政局）\n", "1|区教育局|",
               " unit-left@1");
    check_both("（一）侦办。公安机关负责侦办，铁路、区民政局予以协助。\n", "1|公安机关|区民政局",
               " list-cut@1");
    check_both("1.甲（区教育局负责）\n2.乙，区民政局定期通报情况。\n3.丙（区司法局负责）\n",
               "1|区教育局| / 3|区司法局|", " item-units@2");
    check_both("1.甲（区教育局负责）\n2.乙。\n3.丙（区司法局负责）\n", "1|区教育局| / 3|区司法局|",
               "");
    check_both("一、甲（区教育局负责）\n二、乙区民政局、区残联、区妇联一起来办。\n", "1|区教育局|",
               " units-prose@2");
    check_both("一、甲（区教育局负责）\n二、序号任务牵头单位配合单位1甲教育局民政局\n",
               "1|区教育局|", " table-empty@2");
    check_both("一、甲（区教育局负责）\n二、深化行动\t区公安分局\t区妇联\n", "1|区教育局|",
               " units-prose@2");
}

/* A number that fits nowhere is told where an assignment stands behind it; it begins an item where
 * a paragraph begins. */
static void numbers_that_do_not_fit_are_told(void **unused)
{
    (void)unused;
    check_both("1.甲（区教育局负责）\n走访对象在\n99.乙（区民政局负责）\n",
               "1.1|区教育局| / 1.2|区民政局|", " number-odd@3");
    check_both("1.甲（区教育局负责）\n走访对象在\n99.乙。\n", "1|区教育局|", "");
    check_both("204.甲（区教育局负责）\n205.乙（区民政局负责）\n", "204|区教育局| / 205|区民政局|",
               " number-gap@1");
    check_both("1.甲（区教育局负责）\n9.乙（区民政局负责）\n", "1|区教育局| / 9|区民政局|",
               " number-gap@2");
    check_both("序号\t任务\t牵头单位\n1\t甲\t区教育局\n3\t乙\t区民政局\n",
               "1|区教育局| / 3|区民政局|", " table-number@3");
}

/* Who leads, and whether two names are one, is asked where the text leaves it open. */
static void open_roles_and_names_are_told(void **unused)
{
    (void)unused;
    check_both("一、甲（区教育局区民政局负责）\n", "1|区教育局区民政局|", " name-joined@1");
    check_both("一、甲（区教育局负责\n区民政局配合）\n", "1|区教育局|区民政局", "");
    check_both("一、甲（区教育局、区民政局，区残联牵头）\n", "1|区教育局、区民政局、区残联|",
               " lead-wide@1");
    check_both("一、甲（区教育局负责，区民政局配合，各街道实施）\n", "1|区教育局、各街道|区民政局",
               " lead-late@1");
    check_both("一、甲（方案是区教育局负责）\n", "1|方案是区教育局|", " name-doubtful@1");
    check("一、甲。（一是区教育局负责建账；二是区民政局负责核查）\n", "1|区教育局、区民政局|");
    check("序号 | 任务 | 牵头单位\n---|---|---\n1 | 甲 | 区教育局\n", "1|区教育局|");
    check_both("一、甲（区教育局负责，各项目配合）\n", "1|区教育局|各项目", " name-doubtful@1");
    check_both("一、甲（牵头单位：区教育局，配合单位：各项目牵头单位）\n",
               "1|区教育局|各项目牵头单位", " name-generic@1");
    check("一、甲（责任单位及责任人：区教育局（张某））\n", "1|区教育局|");
}

/* 3 MB each of what would cost a careless reader the square of it; the test's own time limit is the
 * bound, and nothing is made up. */
static void hostile_texts_end(void **unused)
{
    static const char *const texts[] = {"（",         "(((负责",      "由",
                                        "以上任务由", "责任单位：\n", "（区局和区局",
                                        "联合",       "序号\t任务",   "- 1 -\n公报标题\n"};
    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf text = {0};
        while (text.len < 3 << 20) buf_append_str(&text, texts[i]);
        struct derive *derive = derived_of(buf_bytes(&text));
        assert_int_equal(derive_row_count(derive), 0);
        assert_true(derive_undecided_count(derive) > 0);
        derive_free(derive);
        buf_fini(&text);
    }
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

static void keys_are_found_by_name_prefix_and_bracket(void **unused)
{
    static const char table[] = "# units\nkey\tname_zh\tfull_zh\taliases\tkind\n"
                                "sci\t省科技厅\t某省科学技术厅\t-\tbureau\n"
                                "edu\t省教育厅\t-\t教育厅;省教委\tbureau\n"
                                "pub\t省委宣传部\t-\t-\tcommittee\n"
                                "net\t省委网信办\t-\t-\tcommittee\n"
                                "one\t甲局\t-\t-\tbureau\n"
                                "two\t甲局\t-\t-\tbureau\n";
    static const char *const names[] = {"省教育厅",
                                        "科技厅",
                                        "省委宣传部（省新闻办）",
                                        "省教委",
                                        "省委宣传部（省委网信办）",
                                        "某厅（省委网信办）",
                                        "甲局",
                                        "省科学技术廳",
                                        "省科技廳"};
    static const struct {
        enum key_found found;
        const char *key;
    } wanted[] = {{KEY_FOUND, "edu"},  {KEY_FOUND, "sci"},  {KEY_FOUND, "pub"},
                  {KEY_FOUND, "edu"},  {KEY_DOUBLE, "pub"}, {KEY_FOUND, "net"},
                  {KEY_AMBIGUOUS, ""}, {KEY_UNKNOWN, ""},   {KEY_FOUND, "sci"}};
    (void)unused;
    struct keys *keys = keys_new();
    assert_int_equal(keys_add(keys, bytes_of_str(table), "units.tsv", NULL), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *key = NULL;
        assert_int_equal(keys_find(keys, names, i, &key), wanted[i].found);
        assert_string_equal(key ? key : "", wanted[i].key);
    }
    keys_free(keys);
}

/* A unit by what it is about, where no other unit could be meant; never one of another level. */
static void keys_are_likened_to_names(void **unused)
{
    static const char table[] = "key\tname_zh\tfull_zh\n"
                                "police\t公安长桥分局\t云山市公安局长桥分局\n"
                                "traffic\t交警长桥支队\t-\n"
                                "health\t区卫健委\t云山市长桥区卫生健康委员会\n"
                                "league\t团区委\t-\n"
                                "court\t区法院\t-\n"
                                "market\t区市场监管局\t-\n"
                                "culture\t区文化局\t-\n"
                                "tourism\t区文旅局\t-\n"
                                "government\t区政府\t-\n";
    static const struct {
        const char *name;
        const char *key; /* "": none */
    } wanted[] = {{"区公安分局", "police"},
                  {"公安机关", "police"},
                  {"公安局", "police"},
                  {"长桥公安分局", "police"},
                  {"市公安局", ""},
                  {"县公安局", ""},
                  {"区交警支队", "traffic"},
                  {"交管部门", "traffic"},
                  {"市公安局交警支队", ""},
                  {"卫生健康部门", "health"},
                  {"长桥区卫生健康委", "health"},
                  {"市卫健委", ""},
                  {"共青团长桥区委", "league"},
                  {"团市委", ""},
                  {"人民法院", "court"},
                  {"区市场监督管理局", "market"},
                  {"区文化和旅游局", ""},
                  {"区政府办公室", ""},
                  {"区水务局", ""},
                  {"各部门", ""},
                  {"区", ""}};
    (void)unused;
    struct keys *keys = keys_new();
    assert_int_equal(keys_add(keys, bytes_of_str(table), "units.tsv", NULL), 0);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const char *key = NULL;
        enum key_found found = keys_find(keys, &wanted[i].name, 0, &key);
        if (strcmp(key ? key : "", wanted[i].key) != 0)
            fail_msg("%s: wanted %s, got %s", wanted[i].name, wanted[i].key, key ? key : "none");
        assert_int_equal(found, key ? KEY_ALIKE : KEY_UNKNOWN);
    }
    keys_free(keys);
}

static void a_table_without_keys_is_refused(void **unused)
{
    static const char *const tables[] = {"", "# nothing\n", "key\tarea\n", "name_zh\tkind\n",
                                         "key\tname_zh\n\xff\n"};
    (void)unused;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct keys *keys = keys_new();
        struct error error = {0};
        assert_int_equal(keys_add(keys, bytes_of_str(tables[i]), "t.tsv", &error), E_BAD_TABLE);
        assert_true(strncmp(error.field, "t.tsv:", 6) == 0);
        keys_free(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_tops_and_numbers_cut_nothing),
        cmocka_unit_test(running_heads_go_and_are_noted),
        cmocka_unit_test(contents_are_no_items),
        cmocka_unit_test(a_dash_is_three_things),
        cmocka_unit_test(brackets_are_five_things),
        cmocka_unit_test(brackets_inside_names_stay),
        cmocka_unit_test(sections_and_measures_start_anew),
        cmocka_unit_test(nothing_is_inherited),
        cmocka_unit_test(other_hierarchies_have_their_ids),
        cmocka_unit_test(numbers_in_sentences_are_no_items),
        cmocka_unit_test(a_broken_numbering_is_told),
        cmocka_unit_test(words_of_roles_in_prose_are_no_clauses),
        cmocka_unit_test(copies_and_dates_are_no_clauses),
        cmocka_unit_test(names_are_cut_at_separators_only),
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(white_space_in_names_is_judged_by_the_text),
        cmocka_unit_test(groups_are_flagged_and_nobody_in_particular_is_told),
        cmocka_unit_test(shared_prefixes_are_noted_not_added),
        cmocka_unit_test(misprints_do_not_hide_clauses),
        cmocka_unit_test(who_leads_is_said_in_many_ways),
        cmocka_unit_test(labels_end_where_the_list_ends),
        cmocka_unit_test(a_sentence_counts_where_nothing_else_does),
        cmocka_unit_test(a_duty_for_the_tasks_above_is_given_to_each),
        cmocka_unit_test(what_is_no_text_is_refused_with_its_line),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(duties_that_begin_with_units_are_clauses),
        cmocka_unit_test(names_end_where_acts_begin),
        cmocka_unit_test(names_and_roles_are_told_apart),
        cmocka_unit_test(sentences_name_items_by_number),
        cmocka_unit_test(what_is_left_out_is_told),
        cmocka_unit_test(numbers_that_do_not_fit_are_told),
        cmocka_unit_test(open_roles_and_names_are_told),
        cmocka_unit_test(hostile_texts_end),
        cmocka_unit_test(keys_are_found_by_name_prefix_and_bracket),
        cmocka_unit_test(keys_are_likened_to_names),
        cmocka_unit_test(a_table_without_keys_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
