#include "clients/plan/view/chain_svg.h"

#include <stdio.h>
#include <string.h>

#include "clients/plan/view/markup.h"

enum {
    CHAIN_MARGIN = 24,
    CHAIN_TOP = 84,
    CHAIN_HEAD = 40, /* of each chain's name */
    CHAIN_BOX_WIDTH = 190,
    CHAIN_BOX_HEIGHT = 40,
    CHAIN_ROW = 18,  /* of each way in which a step comes about */
    CHAIN_STEP = 34, /* between two steps, beside their rows */
    CHAIN_LANE = 22, /* of each row that waits for something */
    CHAIN_NOTES = 640,
};

struct chain_view {
    const struct plan *plan;
    enum lang lang;
    struct buf *svg;
    int y_of[PLAN_STEP_COUNT_MAX]; /* the middle of a step's box */
    int lanes;                     /* rows that wait for something */
    int height;
};

static const char chain_style_sheet[] =
    "text { font-family: \"Noto Sans CJK SC\", \"Source Han Sans SC\", \"Microsoft YaHei\", "
    "\"PingFang SC\", \"DejaVu Sans\", sans-serif; fill: #111; font-size: 12px; }\n"
    ".title { font-size: 22px; font-weight: 700; }\n"
    ".sub { font-size: 13px; fill: #333; }\n"
    ".chain { font-size: 16px; font-weight: 700; }\n"
    ".step { font-size: 13px; font-weight: 600; text-anchor: middle; }\n"
    ".slug { font-size: 10px; text-anchor: middle; fill: #333; }\n"
    ".custody { font-weight: 700; }\n"
    ".box { fill: #eff4fc; stroke: #1f4e9e; }\n"
    ".way { stroke: #1f4e9e; stroke-width: 1.6; fill: none; }\n"
    ".any { stroke-dasharray: 5 3; }\n"
    ".bar { stroke: #8a1c1c; stroke-width: 2; fill: none; stroke-dasharray: 1.5 3; }\n"
    ".cross { stroke: #8a1c1c; stroke-width: 2.4; }\n"
    ".head { fill: #1f4e9e; }\n"
    ".tail { fill: #fff; stroke: #1f4e9e; stroke-width: 1.6; }\n";

static const char *chain_say(const struct chain_view *view, const char *zh, const char *en)
{
    return view->lang == LANG_EN ? en : zh;
}

static void chain_text(const struct chain_view *view, int x, int y, const char *class,
                       const char *text)
{
    buf_printf(view->svg, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
    markup_text(view->svg, text);
    buf_append_str(view->svg, "</text>\n");
}

static const char *chain_name(const struct chain_view *view, size_t step)
{
    const struct plan_step *found = plan_step(view->plan, step);
    return chain_say(view, found->name_zh, found->name_en);
}

static bool chain_waits(const struct plan_chain_row *row)
{
    return row->after_count > 0 || row->bars != 0;
}

static void chain_measure(struct chain_view *view)
{
    int y = CHAIN_TOP;
    size_t row = 0;
    for (size_t i = 0; i < plan_step_count(view->plan); i++) {
        const struct plan_step *step = plan_step(view->plan, i);
        int rows = 0;
        if (i == 0 || strcmp(plan_step(view->plan, i - 1)->chain, step->chain) != 0)
            y += CHAIN_HEAD;
        view->y_of[i] = y + CHAIN_BOX_HEIGHT / 2;
        for (; row < plan_chain_row_count(view->plan) && plan_chain_row(view->plan, row)->step == i;
             row++) {
            rows++;
            if (chain_waits(plan_chain_row(view->plan, row))) view->lanes++;
        }
        int text = rows * CHAIN_ROW;
        y += (text > CHAIN_BOX_HEIGHT ? text : CHAIN_BOX_HEIGHT) + CHAIN_STEP;
    }
    view->height = y + CHAIN_MARGIN;
}

static int chain_box_x(const struct chain_view *view)
{
    return CHAIN_MARGIN + view->lanes * CHAIN_LANE + CHAIN_LANE;
}

static void chain_step(const struct chain_view *view, size_t i)
{
    const struct plan_step *step = plan_step(view->plan, i);
    char text[2 * LIMIT_SLUG_LEN_MAX + 32];
    int x = chain_box_x(view), y = view->y_of[i];
    if (i == 0 || strcmp(plan_step(view->plan, i - 1)->chain, step->chain) != 0)
        chain_text(view, CHAIN_MARGIN, y - CHAIN_BOX_HEIGHT / 2 - 14, "chain",
                   chain_say(view, step->chain_zh, step->chain_en));
    buf_printf(view->svg,
               "<rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", x,
               y - CHAIN_BOX_HEIGHT / 2, CHAIN_BOX_WIDTH, CHAIN_BOX_HEIGHT);
    chain_text(view, x + CHAIN_BOX_WIDTH / 2, y - 2, "step", chain_name(view, i));
    if (step->period_days)
        (void)snprintf(text, sizeof text, "%s%s%u%s", step->step, chain_say(view, "，", ", "),
                       step->period_days, chain_say(view, " 天", " days"));
    else
        (void)snprintf(text, sizeof text, "%s", step->step);
    chain_text(view, x + CHAIN_BOX_WIDTH / 2, y + 13, "slug", text);
}

static const char *chain_custody(const struct chain_view *view, const struct plan_chain_row *row)
{
    static const char *const texts[][2] = {
        {"", ""},
        {"责任：无人时归该单位", "custody: this unit, where nobody has it"},
        {"责任：提出移交", "custody: offered"},
        {"责任：归接收单位", "custody: who receives"},
        {"责任：归亲属", "custody: the family"},
        {"责任：归安置机构", "custody: the placement"},
    };
    return row->custody < sizeof texts / sizeof *texts ? texts[row->custody][view->lang == LANG_EN]
                                                       : "";
}

/* "受理 lead.online … 公安" */
static void chain_row_words(const struct chain_view *view, const struct plan_chain_row *row,
                            struct buf *text)
{
    static const char *const on[][2] = {{"开立线索", "opens the thread"},
                                        {"发送", "sent"},
                                        {"受理", "accepted"},
                                        {"免除", "needed no more"}};
    buf_printf(text, "%s: ", on[row->on][view->lang == LANG_EN]);
    buf_append_str(text, row->kinds[0]);
    if (row->kind_count > 1)
        buf_printf(text, "%s%zu%s", chain_say(view, " 等 ", " and "),
                   view->lang == LANG_EN ? row->kind_count - 1 : row->kind_count,
                   chain_say(view, " 种", " more"));
    for (size_t i = 0; i < row->topic_count; i++)
        buf_printf(text, "%s%s", i ? "," : " / ", row->topics[i]);
    for (size_t i = 0; i < row->by_count; i++)
        buf_printf(text, "%s%s", i ? chain_say(view, "、", ", ") : chain_say(view, "；", "; by "),
                   view->lang == LANG_EN ? plan_named_en(view->plan, row->by[i])
                                         : plan_named_zh(view->plan, row->by[i]));
    if (row->early) buf_append_str(text, chain_say(view, "；可先行", "; may come early"));
    if (row->alone && row->on != PLAN_CHAIN_WAIVE)
        buf_append_str(text, chain_say(view, "；可单独", "; also alone"));
    if (row->once) buf_append_str(text, chain_say(view, "；重复即提示", "; a second one is told"));
    if (row->custody) buf_printf(text, " [%s]", chain_custody(view, row));
    buf_append_u8(text, 0);
}

/* From what must have come to what waits: up the lane of the row, each need with a tail of its own.
 */
static void chain_lane(const struct chain_view *view, const struct plan_chain_row *row, int lane)
{
    int box = chain_box_x(view), x = box - CHAIN_LANE * (lane + 1), y = view->y_of[row->step];
    buf_append_str(view->svg, "<g class=\"row\"><title>");
    markup_text(view->svg, chain_name(view, row->step));
    markup_text(view->svg, chain_say(view, " ← ", " needs "));
    for (size_t i = 0; i < row->after_count; i++)
        for (size_t step = 0, first = 1; step < plan_step_count(view->plan); step++) {
            if (!(row->after[i] >> step & 1)) continue;
            if (!first || i) markup_text(view->svg, first ? " + " : " | ");
            markup_text(view->svg, chain_name(view, step));
            if (row->over >> step & 1)
                markup_text(view->svg, chain_say(view, "（期满）", " (run to its end)"));
            first = 0;
        }
    for (size_t step = 0; step < plan_step_count(view->plan); step++)
        if (row->bars >> step & 1) {
            markup_text(view->svg, chain_say(view, "；不得已有 ", "; not after "));
            markup_text(view->svg, chain_name(view, step));
        }
    buf_append_str(view->svg, "</title>\n");
    for (size_t step = 0; step < plan_step_count(view->plan); step++) {
        int from = view->y_of[step] + 8;
        uint64_t bit = (uint64_t)1 << step;
        for (size_t i = 0; i < row->after_count; i++)
            if (row->after[i] & bit)
                buf_printf(view->svg,
                           "<path class=\"way%s\" d=\"M%d %dH%dV%dH%d\"/>\n"
                           "<circle class=\"tail\" cx=\"%d\" cy=\"%d\" r=\"3\"/>\n",
                           row->after[i] & (row->after[i] - 1) ? " any" : "", box, from, x, y - 8,
                           box - 6, box, from);
        if ((row->bars & bit) && step != row->step)
            buf_printf(view->svg,
                       "<path class=\"bar\" d=\"M%d %dH%dV%dH%d\"/>\n"
                       "<path class=\"cross\" d=\"M%d %dl8 8m0 -8l-8 8\"/>\n",
                       box, from + 6, x + 5, y - 2, box, box - 4, from + 2);
    }
    buf_printf(view->svg, "<path class=\"head\" d=\"M%d %dl-9 -4v8z\"/>\n</g>\n", box, y - 8);
}

static void chain_rows(const struct chain_view *view)
{
    int lane = 0, place = 0;
    for (size_t i = 0; i < plan_chain_row_count(view->plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(view->plan, i);
        struct buf text = {0};
        bool again = i > 0 && plan_chain_row(view->plan, i - 1)->step == row->step;
        place = again ? place + 1 : 0;
        chain_row_words(view, row, &text);
        chain_text(view, chain_box_x(view) + CHAIN_BOX_WIDTH + 16,
                   view->y_of[row->step] - 4 + place * CHAIN_ROW, row->custody ? "custody" : "note",
                   (const char *)text.data);
        buf_fini(&text);
        if (chain_waits(row)) chain_lane(view, row, lane++);
    }
}

void chain_svg_write(const struct plan *plan, enum lang lang, struct buf *ret_svg)
{
    struct chain_view view = {.plan = plan, .lang = lang, .svg = ret_svg};
    chain_measure(&view);
    int width = chain_box_x(&view) + CHAIN_BOX_WIDTH + CHAIN_NOTES + CHAIN_MARGIN;
    const char *title =
        chain_say(&view, "各环节的先后与责任", "What comes before what, and custody");
    const char *sub =
        plan_step_count(plan) == 0
            ? chain_say(&view, "该方案没有规定环节先后。", "This plan orders no steps.")
            : chain_say(&view,
                        "箭头指向的环节须在起点的环节之后；虚线为其中之一即可；"
                        "带叉点线为二者择一。加粗的行改变责任归属。",
                        "A step follows what its arrow comes from; broken: one of them; dotted "
                        "with a cross: one excludes the other. Bold rows change custody.");
    buf_printf(ret_svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
               "%d %d\" role=\"img\" aria-labelledby=\"title desc\" lang=\"%s\">\n",
               width, view.height, width, view.height, lang == LANG_EN ? "en" : "zh-CN");
    buf_append_str(ret_svg, "<title id=\"title\">");
    markup_text(ret_svg, title);
    buf_append_str(ret_svg, "</title>\n<desc id=\"desc\">");
    markup_text(ret_svg, sub);
    buf_printf(ret_svg, "</desc>\n<style>\n%s</style>\n", chain_style_sheet);
    buf_printf(ret_svg, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, view.height);
    chain_text(&view, CHAIN_MARGIN, 38, "title", title);
    chain_text(&view, CHAIN_MARGIN, 60, "sub", sub);
    for (size_t i = 0; i < plan_step_count(plan); i++) chain_step(&view, i);
    chain_rows(&view);
    buf_append_str(ret_svg, "</svg>\n");
}
