/* content: what a text says. Results of STR typing, and talk about DNA that is none; personal
 * numbers, and numbers that are none. Both directions matter: what is refused wrongly is worked
 * around. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/content/personal.h"
#include "proto/content/plain.h"
#include "proto/content/str_scan.h"
#include "proto/content/text_decode.h"

static bool is_profile(const char *text)
{
    struct str_scan scan = {0};
    str_scan_text(&scan, bytes_of_str(text));
    return str_scan_found(&scan);
}

static void expect_each(const char *const *texts, size_t count, bool (*test)(const char *),
                        bool expected)
{
    for (size_t i = 0; i < count; i++) {
        if (test(texts[i]) != expected)
            fail_msg("%s: %s", expected ? "missed" : "taken for one", texts[i]);
    }
}
#define EXPECT(texts, test, expected)                                                              \
    expect_each(texts, sizeof(texts) / sizeof *(texts), test, expected)

static void results_beside_their_loci_are_a_profile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "D3S1358: 15,16; vWA: 14,18; FGA 21/24; TH01 7 9.3",
        "d3s1358 15 16 vwa 14 18 fga 21 24 th01 7 9.3",
        "D3S1358为15、16，ｖＷＡ　14/18，D8S1179 13,14，Ｄ２１Ｓ１１ ２９，３１．２",
        "D3S1358基因座的分型结果为15,16；vWA基因座的分型结果为14,18；FGA为21,24；TH01为7,9.3",
        "Penta D 9,12|Penta-E 5,11|D 2 S1338 19,23|D6S1043 11,13|D2S1338 19,23",
        "D3 S1358 15-16, D8-S1179 13-14, TH 01 7-9, CSF1 PO 10-12",
        "D19S433 13,14.2; D12S391 18,20; THO1 7,9; CSF1P0 10,12",
        "DYS391 10 DYS390 24 DYS389I 13 DYS389II 29",
        "DYS389 I: 13, DYS389 II: 29, DYS 19: 15, Y-GATA-H4: 12",
        "DXS7132 13,14 DXS7423 14 DXS10135 21,25 HPRTB 12,13",
        "{\"D3S1358\":[15,16],\"vWA\":[14,18],\"FGA\":[21,24],\"TH01\":[7,9.3]}",
        "[{\"marker\":\"D3S1358\",\"allele_1\":\"15\",\"allele_2\":\"16\"},"
        "{\"marker\":\"vWA\",\"allele_1\":\"14\",\"allele_2\":\"18\"},"
        "{\"marker\":\"FGA\",\"allele_1\":\"21\",\"allele_2\":\"24\"},"
        "{\"marker\":\"TH01\",\"allele_1\":\"7\",\"allele_2\":\"9.3\"}]",
        "<l n=\"D3S1358\" a1=\"15\" a2=\"16\"/><l n=\"vWA\" a1=\"14\" a2=\"18\"/>"
        "<l n=\"FGA\" a1=\"21\" a2=\"24\"/><l n=\"TH01\" a1=\"7\" a2=\"9.3\"/>",
        "D3S1358 Alleles 15 and 16, vWA Alleles 14 and 18, FGA 21 and 24, TH01 7 and 9.3",
        /* an instrument's table: marker, dye, alleles, sizes, heights */
        "S1\tD3S1358\tB\t15\t16\t122.4\t126.5\t1843\t1790\nS1\tvWA\tB\t14\t18\t170.1\t186."
        "2\t990\t876\n"
        "S1\tFGA\tG\t21\t24\t233.0\t245.1\t700\t650\nS1\tTH01\tY\t7\t9.3\t181.2\t192.4\t400\t410\n",
        /* size and height between the alleles */
        "D3S1358,15,122.41,1843,16,126.53,1790\nvWA,14,170.1,990,18,186.2,876\n"
        "FGA,21,233.01,700,24,245.1,650\nTH01,7,181.2,400,9.3,192.4,410",
        /* as a spreadsheet stores 9.3, and 31.2 */
        "D3S1358\t15\t16\nvWA\t14\t18\nTH01\t7\t9.3000000000000007\nD21S11\t29\t31.199999999999999",
        /* loci that are known by their form only need more company */
        "D3S1358 15,16; vWA 14,18; D4S9999 10,11; D5S9998 12,13",
        /* hidden characters hide nothing */
        "D3\u200bS1358 15,16; v\u00adWA 14,18; FGA 21,24; TH\ufeff01 7,9.3",
    };
    EXPECT(texts, is_profile, true);
}

static void a_table_of_results_is_a_profile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "样本编号,姓名,D3S1358,vWA,FGA,TH01\n2026-017,张三,\"15,16\",\"14,18\",\"21,24\",\"7,9."
        "3\"\n",
        "Sample\tD3S1358\tD3S1358\tvWA\tvWA\tFGA\tFGA\tTH01\tTH01\nS1\t15\t16\t14\t18\t21\t24\t7\t9"
        ".3\n",
        "D3S1358_1,D3S1358_2,vWA_1,vWA_2,FGA_1,FGA_2,TH01_1,TH01_2\n15,16,14,18,21,24,7,9.3\n",
        "AMEL;D3S1358;D8S1179;D21S11;D18S51\nX/Y;15/16;13/14;29/31.2;13/15",
        /* a column of names, a column of results */
        "D3S1358\nvWA\nFGA\nTH01\nD8S1179\n15,16\n14,18\n21,24\n7,9.3\n13,14\n",
        /* Y: one each */
        "DYS456 DYS389I DYS390 DYS389II DYS458 DYS19 DYS385a\n15 13 24 29 17 14 11",
        /* homozygous ones written once */
        "D3S1358 vWA FGA TH01 D8S1179 D21S11\nA1 15 14,18 21 7,9.3 13,14 29",
    };
    EXPECT(texts, is_profile, true);
}

static void talk_about_dna_is_no_profile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "已采集血样，送市局DNA实验室，样本编号 20260302-017。",
        "已按D3S1358、vWA、FGA、TH01、TPOX等21个基因座送检，15个工作日内出结果。",
        "D8S1179",
        "D8S1179 13,14",
        "D3S1358 15,16; vWA 14,18; FGA 21,24",
        "亲子鉴定意见：支持张三为李四的生物学父亲，累积亲权指数 1234567.89。",
        "D3S1358、vWA、FGA、TH01 四个位点分别检出15例、16例、14例、18例、21例、24例",
        "The kit types D3S1358, vWA, FGA, TH01, TPOX and CSF1PO in one reaction of 25 cycles.",
        "Amelogenin X,Y; AMEL X Y; Amelogenin 106,112; AMEL 106 112",
        "D3S1358 0.0213 vWA 0.0655 FGA 0.0371 TH01 0.0805", /* match probabilities */
        "D3S1358 0.88, vWA 0.91, FGA 0.96, TH01 0.86; D3S1358 0.21 0.34 vWA 0.19 0.28",
        "D3S1358 (3p21.31), vWA (12p13.31), FGA (4q28), TH01 (11p15.5)",
        "共检测 D3S1358、vWA、FGA、TH01 等基因座。1 2 3 4 5 6 7 8 9 10 11 12", /* a row of numbers
                                                                                */
        "D3S1358、vWA、FGA、TH01 未检出。2026年3月15日16时，2026年3月18日14时",
    };
    EXPECT(texts, is_profile, false);
}

static void numbers_of_other_things_are_no_profile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "101 102 103 201 202 203 A栋12、15、16室，B栋14、18室",
        "D2栋301 12,15; D3栋302 14,18; D4栋303 21,24; D5栋304 7,9",
        "双色球 02,08,15,16,21,24+07；03,09,14,18,22,30+12",
        "3-1 12:15 16:30; 3-2 14:18 21:24",
        "15,16;14,18;21,24;7,9.3;13,14;29,31.2;13,15",
        "S1 15 16 S2 14 18 S3 21 24 S4 7 9",
        "航班 D3 15:16 D8 14:18 CA1234 21:24; 高铁 D321 15,16 D718 14,18 G21 12,13",
        "比分 15:16 14:18 21:24 7:9 13:14; VWA 联赛 14:18; LPL 15:13",
        "P2S301 12,13 P3S302 14,15 P4S303 15,16 P5S304 17,18",
        /* doors that look like loci, without one that is known */
        "D2S301 12,15; D3S302 14,18; D4S303 21,24; D5S304 7,9",
        "DN15 16 DN20 21 DN25 24 DN32 33",
    };
    EXPECT(texts, is_profile, false);
}

static void loci_count_over_breaks_and_rows_do_not(void **state)
{
    (void)state;
    struct str_scan scan = {0};
    str_scan_text(&scan, bytes_of_str("D3S1358 15,16; vWA 14,18"));
    str_scan_break(&scan);
    str_scan_text(&scan, bytes_of_str("FGA 21,24; TH01"));
    str_scan_break(&scan);
    str_scan_text(&scan, bytes_of_str("7,9.3"));
    assert_false(str_scan_found(&scan));
    assert_int_equal(scan.seen_count, 3);
    str_scan_break(&scan);
    str_scan_text(&scan, bytes_of_str("TH01 7,9.3"));
    assert_true(str_scan_found(&scan));
}

/* The same locus four times, in several spellings, is one. */
static void a_locus_counts_once(void **state)
{
    (void)state;
    assert_false(is_profile("TH01 7,9; THO1 7,9; HUMTH01 7,9; th 01 7,9; vWA 14,18; vWA31A 14,18"));
}

static void endless_words_and_lists_stay_within_bounds(void **state)
{
    (void)state;
    struct str_scan scan = {0};
    for (size_t i = 0; i < 100000; i++) str_scan_put(&scan, 'D');
    for (uint32_t i = 10; i < 30000; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, " D%uS%u", i % 22 + 1, i);
        str_scan_text(&scan, bytes_of(name, (size_t)len));
    }
    assert_false(str_scan_found(&scan));
    assert_true(scan.list_count <= STR_LIST_COUNT_MAX);
    for (size_t i = 0; i < 100000; i++) str_scan_put(&scan, '.');
    assert_false(str_scan_found(&scan));
}

/* ---- personal numbers ------------------------------------------------------------------------ */

static bool has_id_number(const char *text)
{
    return personal_has_id_number(bytes_of_str(text));
}

static bool has_phone(const char *text)
{
    return personal_has_phone(bytes_of_str(text));
}

static void identity_numbers_are_seen(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "11010519491231002X",
        "11010519491231002x。",
        "张某（１１０１０５１９４９１２３１００２Ｘ）",
        "110105 19491231 002X",
        "110105-19491231-002 X",
        "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
        "110105491231002",
        "110105 491231 002",
        "编号：17 11010519491231002X 13",
        "13800138000 11010519491231002X",
        "身份证 110105 19491231 0021", /* miswritten, and said to be one */
        "证件号码110105194912310021",
        "1101\u200b0519491231002X",
        "３３０１０６ １９９００３０７ ４５６８",
    };
    static const char *const none[] = {
        "",
        "110105194912310021", /* check digit wrong, nothing says that it is one */
        "120102202602301234", /* no 30 February */
        "990105194912310021",
        "2026-02-01 2026-02-28 2026-03-01",
        "11120221000192727Q 91120102MA06X1234X",
        "1101051949123100212", /* 19 digits */
        "6222020200012345678",
        "120102202603021234 号案件",
        "356938035643809", /* a telephone's number: no province of 35 has this date */
        "河公（刑）立字〔2026〕12号，共 18 人，金额 123456.78 元",
        "X 17 X",
    };
    EXPECT(texts, has_id_number, true);
    EXPECT(none, has_id_number, false);
}

static void telephone_numbers_are_seen(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "13800138000",
        "电话１３８００１３８０００",
        "138-0013-8000",
        "138 0013 8000",
        "138 00138000",
        "1380013 8000",
        "+8613800138000",
        "+86 138 0013 8000",
        "008613800138000",
        "13800138000 13900139000",
        "1-3-8-0-0-1-3-8-0-0-0",
        "1 3 8 0 0 1 3 8 0 0 0",
        "19912345678、17012345678",
        "2026-03-02 13800138000",
        "022-12345678",
        "02212345678",
        "（022）12345678",
        "(0431) 1234567",
        "0431-12345678",
        "022 1234 5678",
    };
    static const char *const none[] = {
        "",
        "110、12338、12345、96110、400-800-1234",
        "12345678",
        "12012345678", /* no mobile begins with 12 */
        "2026-02-01至2026-02-28，共12345678件",
        "2026-03-02 2026-03-05 10:30",
        "132 154 2210 889 1200 34", /* a row of figures */
        "1350 2200 368",
        "120102003 120102004 120102005",
        "11120221000192727Q",
        "河公发〔2026〕138号",
        "1380013800",
        "138001380001",
        "00123456789",
        "13.8 亿元，38001 人，3800 户",
    };
    EXPECT(texts, has_phone, true);
    EXPECT(none, has_phone, false);
}

static void a_long_row_of_digits_is_looked_at_to_its_end(void **state)
{
    (void)state;
    char text[4096];
    for (size_t fill = 0; fill < 200; fill++) {
        size_t len = 0;
        for (size_t i = 0; i < fill; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "77 ");
        snprintf(text + len, sizeof text - len, "11010519491231002X");
        assert_true(has_id_number(text));
        snprintf(text + len, sizeof text - len, "13800138000");
        assert_true(has_phone(text));
        memset(text, '7', fill);
        snprintf(text + fill, sizeof text - fill, "13800138000");
        assert_int_equal(has_phone(text), fill == 0);
    }
}

/* ---- encodings ------------------------------------------------------------------------------- */

static void encodings_are_told_apart(void **state)
{
    (void)state;
    static const uint8_t gb[] = {0xd6, 0xd0, 0xce, 0xc4, ',', 0x81, 0x30, 0x81, 0x30};
    static const uint8_t little[] = {0x2d, 0x4e, 0x87, 0x65, 'a', 0};
    static const uint8_t big[] = {0x4e, 0x2d, 0x65, 0x87, 0, 'a'};
    static const uint8_t marked[] = {0xff, 0xfe, 0x00, 0xac};
    static const uint8_t binary[] = {0x00, 0x01, 0x02, 0xff, 0xfe, 0x80};
    assert_int_equal(text_encoding_of(bytes_of(NULL, 0)), TEXT_UTF8);
    assert_int_equal(text_encoding_of(bytes_of_str("中文 text\r\n")), TEXT_UTF8);
    assert_int_equal(text_encoding_of(bytes_of(gb, sizeof gb)), TEXT_GB18030);
    assert_int_equal(text_encoding_of(bytes_of(little, sizeof little)), TEXT_UTF16LE);
    assert_int_equal(text_encoding_of(bytes_of(big, sizeof big)), TEXT_UTF16BE);
    assert_int_equal(text_encoding_of(bytes_of(marked, sizeof marked)), TEXT_UTF16LE);
    assert_int_equal(text_encoding_of(bytes_of(binary, sizeof binary)), TEXT_BINARY);
}

static void full_width_forms_of_gb18030_read_as_ascii(void **state)
{
    (void)state;
    static const uint8_t text[] = {0xa3, 0xc4, 0xa3, 0xb3, 0xa1, 0xa1, 0xc8, 0xcb, 0xa1, 0xa3};
    static const char expected[] = {'D', '3', ' ', PLAIN_MEASURE, PLAIN_STOP};
    struct bytes rest = bytes_of(text, sizeof text);
    for (size_t i = 0; i < sizeof expected; i++) {
        uint32_t c = 0;
        assert_true(text_take(&rest, TEXT_GB18030, &c));
        assert_int_equal(plain_of(c), expected[i]);
    }
    assert_int_equal(rest.len, 0);
}

/* The table of measure words is searched by halves and has the same words in both codes. */
static void measure_words_are_in_order(void **state)
{
    (void)state;
    size_t count = 0;
    for (uint32_t c = 0x4e00; c <= 0x9fff; c++) count += plain_of(c) == PLAIN_MEASURE;
    for (uint32_t high = 0xb0; high < 0xf8; high++)
        for (uint32_t low = 0xa1; low < 0xff; low++) {
            uint8_t pair[2] = {(uint8_t)high, (uint8_t)low};
            uint32_t c = 0;
            assert_int_equal(plain_gb18030(bytes_of(pair, 2), &c), 2);
            if (c != 0xfffd) {
                assert_int_equal(plain_of(c), PLAIN_MEASURE);
                count--;
            }
        }
    assert_int_equal(count, 0);
    assert_int_equal(plain_of(0x4eba), PLAIN_MEASURE);
    assert_int_equal(plain_of(0x6761), PLAIN_MEASURE);
    assert_int_equal(plain_of(0x578b), PLAIN_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_beside_their_loci_are_a_profile),
        cmocka_unit_test(a_table_of_results_is_a_profile),
        cmocka_unit_test(talk_about_dna_is_no_profile),
        cmocka_unit_test(numbers_of_other_things_are_no_profile),
        cmocka_unit_test(loci_count_over_breaks_and_rows_do_not),
        cmocka_unit_test(a_locus_counts_once),
        cmocka_unit_test(endless_words_and_lists_stay_within_bounds),
        cmocka_unit_test(identity_numbers_are_seen),
        cmocka_unit_test(telephone_numbers_are_seen),
        cmocka_unit_test(a_long_row_of_digits_is_looked_at_to_its_end),
        cmocka_unit_test(encodings_are_told_apart),
        cmocka_unit_test(full_width_forms_of_gb18030_read_as_ascii),
        cmocka_unit_test(measure_words_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
