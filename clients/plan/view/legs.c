#include "clients/plan/view/legs.h"

#include <stdio.h>

#include "clients/plan/view/markup.h"
#include "proto/plan/lifecycle.h"

enum {
    LEGS_MARGIN = 24,
    LEGS_NAME_WIDTH = 132,
    LEGS_TOP = 260, /* of the first state's line; the columns' names stand above */
    LEGS_LANE = 34,
    LEGS_COLUMN = 46,
    LEGS_DOT = 5,
    LEGS_NOTE = 17,
};

struct legs {
    enum lang lang;
    struct buf *svg;
    const struct lifecycle_row *rows;
    size_t count;
    int lane_of[LIFECYCLE_STATE_COUNT];
};

static const char legs_style_sheet[] =
    "text { font-family: \"Noto Sans CJK SC\", \"Source Han Sans SC\", \"Microsoft YaHei\", "
    "\"PingFang SC\", \"DejaVu Sans\", sans-serif; fill: #111; font-size: 12px; }\n"
    ".title { font-size: 22px; font-weight: 700; }\n"
    ".sub { font-size: 13px; fill: #333; }\n"
    ".state { font-size: 13px; font-weight: 600; text-anchor: middle; }\n"
    ".act { font-size: 13px; font-weight: 700; }\n"
    ".fact { font-size: 10px; text-anchor: middle; }\n"
    ".lane { stroke: #c9cdd3; }\n"
    ".box { fill: #eff4fc; stroke: #1f4e9e; }\n"
    ".box.ended { fill: #f3f4f6; stroke: #4b5563; stroke-dasharray: 4 2; }\n"
    ".way { stroke: #1f4e9e; stroke-width: 2; fill: none; }\n"
    ".dot { fill: #1f4e9e; }\n"
    ".ring { fill: #fff; stroke: #1f4e9e; stroke-width: 1.6; }\n"
    ".head { fill: #1f4e9e; }\n"
    ".row:hover .way { stroke-width: 4; }\n";

static const char *legs_say(const struct legs *legs, const char *zh, const char *en)
{
    return legs->lang == LANG_EN ? en : zh;
}

static void legs_text(const struct legs *legs, int x, int y, const char *class, const char *text)
{
    buf_printf(legs->svg, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
    markup_text(legs->svg, text);
    buf_append_str(legs->svg, "</text>\n");
}

/* Upwards, beginning at (x, y). */
static void legs_upright(const struct legs *legs, int x, int y, const char *class, const char *text)
{
    buf_printf(legs->svg, "<text x=\"%d\" y=\"%d\" class=\"%s\" transform=\"rotate(-90 %d %d)\">",
               x, y, class, x, y);
    markup_text(legs->svg, text);
    buf_append_str(legs->svg, "</text>\n");
}

static int legs_lane_y(const struct legs *legs, int state)
{
    return LEGS_TOP + legs->lane_of[state] * LEGS_LANE;
}

static int legs_width(const struct legs *legs)
{
    return 2 * LEGS_MARGIN + LEGS_NAME_WIDTH + (int)legs->count * LEGS_COLUMN;
}

/* States in which a leg is still owed come first: those in which somebody may be urged. */
static uint32_t legs_open(const struct legs *legs)
{
    uint32_t open = 0;
    for (size_t i = 0; i < legs->count; i++)
        if (legs->rows[i].act == PLAN_ACT_URGE) open |= legs->rows[i].states;
    return open;
}

static void legs_order(struct legs *legs)
{
    uint32_t open = legs_open(legs);
    int lane = 0;
    for (int ended = 0; ended < 2; ended++)
        for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++)
            if ((open >> state & 1) == (ended ? 0u : 1u)) legs->lane_of[state] = lane++;
}

static void legs_states(const struct legs *legs)
{
    uint32_t open = legs_open(legs);
    for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++) {
        int y = legs_lane_y(legs, state);
        buf_printf(
            legs->svg,
            "<path class=\"lane\" d=\"M%d %dH%d\"/>\n"
            "<rect class=\"box%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"26\" rx=\"6\"/>\n",
            LEGS_MARGIN + LEGS_NAME_WIDTH, y, legs_width(legs) - LEGS_MARGIN,
            (open >> state & 1) != 0 ? "" : " ended", LEGS_MARGIN, y - 13, LEGS_NAME_WIDTH);
        legs_text(legs, LEGS_MARGIN + LEGS_NAME_WIDTH / 2, y + 5, "state",
                  lifecycle_state_text((enum lifecycle_state)state, legs->lang));
    }
}

static void legs_roles(const struct legs *legs, uint32_t roles, struct buf *text)
{
    for (int role = 0; role < LIFECYCLE_ROLE_COUNT; role++) {
        if ((roles >> role & 1) == 0) continue;
        if (text->len > 0) buf_append_str(text, legs_say(legs, "、", ", "));
        buf_append_str(text, lifecycle_role_text((enum lifecycle_role)role, legs->lang));
    }
    buf_append_u8(text, 0);
}

/* The row in words: what a pointer resting on it shows, and what is read aloud. */
static void legs_title(const struct legs *legs, const struct lifecycle_row *row, const char *roles)
{
    struct buf text = {0};
    const char *first = "";
    buf_append_str(&text, lifecycle_act_text(row->act, legs->lang));
    buf_append_str(&text, legs_say(legs, "（", " ("));
    buf_append_str(&text, roles);
    buf_append_str(&text, legs_say(legs, "）：", "): "));
    for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++) {
        if ((row->states >> state & 1) == 0) continue;
        buf_printf(&text, "%s%s", first,
                   lifecycle_state_text((enum lifecycle_state)state, legs->lang));
        first = legs_say(legs, "、", ", ");
    }
    if (row->next == LIFECYCLE_SAME)
        buf_append_str(&text, legs_say(legs, "，状态不变", ", stays as it is"));
    else
        buf_printf(&text, " → %s",
                   lifecycle_state_text((enum lifecycle_state)row->next, legs->lang));
    for (int fact = 0; fact < LIFECYCLE_FACT_COUNT; fact++) {
        bool needed = (row->needs >> fact & 1) != 0;
        if (needed || (row->bars >> fact & 1) != 0)
            buf_printf(&text, "%s%s",
                       needed ? legs_say(legs, "；须 ", "; needs ")
                              : legs_say(legs, "；非 ", "; not "),
                       lifecycle_fact_name((enum lifecycle_fact_number)fact));
    }
    buf_append_u8(&text, 0);
    buf_append_str(legs->svg, "<title>");
    markup_text(legs->svg, (const char *)text.data);
    buf_append_str(legs->svg, "</title>\n");
    buf_fini(&text);
}

static void legs_head(const struct legs *legs, int x, int y, int from)
{
    int way = from < y ? -1 : 1;
    buf_printf(legs->svg, "<path class=\"head\" d=\"M%d %dL%d %dH%dZ\"/>\n", x, y, x - LEGS_DOT,
               y + way * 10, x + LEGS_DOT);
}

/* The way from the states to the next one. */
static void legs_way(const struct legs *legs, const struct lifecycle_row *row, int x)
{
    int to = row->next == LIFECYCLE_SAME ? -1 : legs_lane_y(legs, row->next), low = to, high = to;
    for (int state = 0; to >= 0 && state < LIFECYCLE_STATE_COUNT; state++) {
        if ((row->states >> state & 1) == 0) continue;
        int y = legs_lane_y(legs, state);
        if (y < low) low = y;
        if (y > high) high = y;
    }
    if (low != high) buf_printf(legs->svg, "<path class=\"way\" d=\"M%d %dV%d\"/>\n", x, low, high);
    if (low < to) legs_head(legs, x, to, low);
    if (high > to) legs_head(legs, x, to, high);
    for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++) {
        if ((row->states >> state & 1) == 0) continue;
        bool stays = row->next == LIFECYCLE_SAME || row->next == state;
        buf_printf(legs->svg, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n",
                   stays ? "ring" : "dot", x, legs_lane_y(legs, state), LEGS_DOT);
    }
}

/* What it needs and what bars it, by the numbers of the list below. */
static void legs_facts(const struct legs *legs, const struct lifecycle_row *row, int x)
{
    int y = LEGS_TOP + LIFECYCLE_STATE_COUNT * LEGS_LANE;
    for (int fact = 0; fact < LIFECYCLE_FACT_COUNT; fact++) {
        char text[16];
        bool needed = (row->needs >> fact & 1) != 0;
        if (!needed && (row->bars >> fact & 1) == 0) continue;
        (void)snprintf(text, sizeof text, "%s%d", needed ? "+" : "−", fact + 1);
        legs_text(legs, x, y, "fact", text);
        y += 14;
    }
}

static void legs_columns(const struct legs *legs)
{
    for (size_t i = 0; i < legs->count; i++) {
        const struct lifecycle_row *row = &legs->rows[i];
        struct buf roles = {0};
        int x = LEGS_MARGIN + LEGS_NAME_WIDTH + (int)i * LEGS_COLUMN + LEGS_COLUMN / 2;
        legs_roles(legs, row->roles, &roles);
        buf_append_str(legs->svg, "<g class=\"row\">");
        legs_title(legs, row, (const char *)roles.data);
        legs_upright(legs, x - 2, LEGS_TOP - 24, "act", lifecycle_act_text(row->act, legs->lang));
        legs_upright(legs, x + 14, LEGS_TOP - 24, "role", (const char *)roles.data);
        legs_way(legs, row, x);
        legs_facts(legs, row, x);
        buf_append_str(legs->svg, "</g>\n");
        buf_fini(&roles);
    }
}

static int legs_notes_top(void)
{
    return LEGS_TOP + LIFECYCLE_STATE_COUNT * LEGS_LANE + 6 * 14;
}

static void legs_notes(const struct legs *legs)
{
    int y = legs_notes_top();
    legs_text(legs, LEGS_MARGIN, y, "act",
              legs_say(legs, "条件（+ 须具备，− 不得具备）：不满足时以所列代码拒绝，理由如下",
                       "Conditions (+ needed, − not allowed): refused with the code and words "
                       "that stand here where one is in the way"));
    for (int fact = 0; fact < LIFECYCLE_FACT_COUNT; fact++) {
        enum lifecycle_fact_number number = (enum lifecycle_fact_number)fact;
        struct buf text = {0};
        y += LEGS_NOTE;
        buf_printf(&text, "%d  %s [%s] %s", fact + 1, lifecycle_fact_name(number),
                   error_name(lifecycle_fact_code(number)),
                   lifecycle_fact_text(number, legs->lang));
        buf_append_u8(&text, 0);
        legs_text(legs, LEGS_MARGIN, y, "note", (const char *)text.data);
        buf_fini(&text);
    }
}

void legs_write(enum lang lang, struct buf *ret_svg)
{
    struct legs legs = {.lang = lang, .svg = ret_svg};
    legs.rows = lifecycle_rows(&legs.count);
    legs_order(&legs);
    int width = legs_width(&legs);
    int height = legs_notes_top() + (LIFECYCLE_FACT_COUNT + 1) * LEGS_NOTE + LEGS_MARGIN;
    const char *title = legs_say(&legs, "办理流程：每一须签收单位的状态",
                                 "The lifecycle: the states of each unit that must sign");
    const char *sub =
        legs_say(&legs,
                 "每列为表中一行：实心点为适用状态，箭头指向结果状态，空心点为状态不变；"
                 "虚线框为已结束。表中没有的一律拒绝。",
                 "A column is a row of the table: it applies at the dots and leads to "
                 "the arrow; rings change nothing; dashed boxes have ended. What is "
                 "not drawn is refused.");
    buf_printf(ret_svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
               "%d %d\" role=\"img\" aria-labelledby=\"title desc\" lang=\"%s\">\n",
               width, height, width, height, lang == LANG_EN ? "en" : "zh-CN");
    buf_append_str(ret_svg, "<title id=\"title\">");
    markup_text(ret_svg, title);
    buf_append_str(ret_svg, "</title>\n<desc id=\"desc\">");
    markup_text(ret_svg, sub);
    buf_printf(ret_svg, "</desc>\n<style>\n%s</style>\n", legs_style_sheet);
    buf_printf(ret_svg, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
    legs_text(&legs, LEGS_MARGIN, 38, "title", title);
    legs_text(&legs, LEGS_MARGIN, 60, "sub", sub);
    legs_states(&legs);
    legs_columns(&legs);
    legs_notes(&legs);
    buf_append_str(ret_svg, "</svg>\n");
}
