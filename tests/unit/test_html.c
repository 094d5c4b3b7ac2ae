/* Text of others inside a page of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clients/agent/html.h"

static void shows(const char *text, const char *expected)
{
    struct buf page = {0};
    html_text(&page, text);
    buf_append_u8(&page, 0);
    assert_string_equal((const char *)page.data, expected);
    buf_fini(&page);
}

static void nothing_in_a_text_is_markup(void **state)
{
    (void)state;
    shows("", "");
    shows("张三 & \"x\" 'y' <b>", "张三 &amp; &quot;x&quot; &#39;y&#39; &lt;b&gt;");
    shows("a\nb", "a\nb");
    shows("--> ]]> &lt;", "--&gt; ]]&gt; &amp;lt;");
    shows("𠮷", "𠮷");
}

static void what_would_not_be_seen_is(void **state)
{
    (void)state;
    shows("a\tb\r\x1b\x7f", "a\xef\xbf\xbd"
                            "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    shows("\xc2\x85", "\xef\xbf\xbd");
    shows("\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd");
    shows("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    shows("\xe2\x80\xae"
          "1\xe2\x81\xa6"
          "2\xe2\x80\x8b\xef\xbb\xbf\xc2\xad",
          "[U+202E]1[U+2066]2[U+200B][U+FEFF][U+00AD]");
    shows("\xf3\xa0\x81\x81", "[U+E0041]");
    shows("\xe2\x80\xa8", "[U+2028]");
}

/* Every byte, and every pair of them. */
static void no_byte_gets_through_that_could_be_markup(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char text[3] = {(char)a, (char)b, 0};
            struct buf page = {0};
            html_text(&page, text);
            for (size_t i = 0; i < page.len; i++) {
                uint8_t c = page.data[i];
                if (c == '<' || c == '>' || c == '"' || c == '\'' || (c < 0x20 && c != '\n'))
                    fail_msg("%02x %02x", a, b);
            }
            buf_fini(&page);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_a_text_is_markup),
        cmocka_unit_test(what_would_not_be_seen_is),
        cmocka_unit_test(no_byte_gets_through_that_could_be_markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
