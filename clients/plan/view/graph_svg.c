/* The picture as SVG. */
#include <string.h>

#include "clients/plan/view/graph_inner.h"
#include "clients/plan/view/markup.h"
#include "clients/plan/view/words.h"

enum { GRAPH_FOOT = 100, GRAPH_ARROW = 8, GRAPH_REF_COUNT_MAX = LIMIT_UNIT_COUNT_MAX + 32 };

/* Dark enough to be read as lines and text on white (contrast 4.5 and more), told apart by people
 * who see few colours; the patterns say the same in black and white. */
static const struct {
    const char *colour, *tint;
} graph_families[] = {
    {"#b3261e", "#fdf1f0"}, {"#a4550a", "#fdf4ea"}, {"#7b1fa2", "#f8f0fb"}, {"#00695c", "#edf7f5"},
    {"#1f4e9e", "#eff4fc"}, {"#5d4037", "#f6f2f0"}, {"#4b5563", "#f3f4f6"}, {"#7a6a00", "#faf8e6"},
};

/* What stands inside the pattern of each family, 8 x 8 px. */
static const char *const graph_patterns[] = {
    "<rect width=\"8\" height=\"8\"/>",
    "<path d=\"M-2 2 2 -2M0 8 8 0M6 10 10 6\" stroke-width=\"2.4\"/>",
    "<path d=\"M0 4H8M4 0V8\" stroke-width=\"2\"/>",
    "<path d=\"M0 2H8M0 6H8\" stroke-width=\"1.8\"/>",
    "<circle cx=\"2\" cy=\"2\" r=\"1.5\"/><circle cx=\"6\" cy=\"6\" r=\"1.5\"/>",
    "<path d=\"M2 0V8M6 0V8\" stroke-width=\"1.8\"/>",
    "<path d=\"M0 8 8 0\" stroke-width=\"1\"/>",
    "<path d=\"M2 2H6V6H2Z\" stroke-width=\"1.2\"/>",
};

static const char graph_style_sheet[] =
    "text { font-family: \"Noto Sans CJK SC\", \"Source Han Sans SC\", \"Microsoft YaHei\", "
    "\"PingFang SC\", \"DejaVu Sans\", sans-serif; fill: #111; }\n"
    ".title { font-size: 22px; font-weight: 700; }\n"
    ".sub { font-size: 13px; fill: #333; }\n"
    ".column { font-size: 14px; font-weight: 700; }\n"
    ".family { font-size: 14px; font-weight: 700; }\n"
    ".name { font-size: 12px; }\n"
    ".kind { font-size: 13px; font-weight: 600; }\n"
    ".slug { font-size: 9.5px; font-family: \"DejaVu Sans Mono\", monospace; fill: #444; }\n"
    ".badge { font-size: 10px; font-weight: 700; text-anchor: middle; }\n"
    ".end { text-anchor: end; }\n"
    ".middle { text-anchor: middle; }\n"
    ".edge { fill: none; }\n"
    ".send { stroke-width: 1.1; stroke-opacity: .62; }\n"
    ".sign { stroke-width: 2.3; stroke-opacity: .86; }\n"
    ".copy { stroke-width: 1; stroke-dasharray: 5 3; stroke-opacity: .8; }\n"
    ".origin-only { stroke-width: 1.4; stroke-dasharray: 1.4 3; stroke-linecap: round; }\n"
    ".line:hover .edge { stroke-width: 4; stroke-opacity: 1; }\n"
    ".bar { fill: #222; }\n"
    ".bar.many { fill: #fff; stroke: #222; stroke-width: 2; }\n";

/* ---- small pieces */

static void svg_text(struct buf *svg, int x, int y, const char *class, const char *text)
{
    buf_printf(svg, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
    markup_text(svg, text);
    buf_append_str(svg, "</text>\n");
}

static void svg_title(struct buf *svg, const char *text)
{
    buf_append_str(svg, "<title>");
    markup_text(svg, text);
    buf_append_str(svg, "</title>\n");
}

static const char *svg_style_name(enum graph_style style)
{
    static const char *const names[] = {"sign", "copy", "origin-only", "send"};
    return names[style];
}

static const char *svg_style_text(const struct graph *graph, enum graph_style style)
{
    switch (style) {
    case GRAPH_SIGN: return words_act(ROUTE_SIGN, false, graph->options->lang);
    case GRAPH_COPY: return words_act(ROUTE_COPY, false, graph->options->lang);
    case GRAPH_ORIGIN_ONLY:
        return graph_text(graph, "仅当须签收的就是发送单位",
                          "only where who would sign is the sender");
    case GRAPH_SEND: break;
    }
    return graph_text(graph, "可发送", "may send");
}

static void svg_defs(const struct graph *graph, struct buf *svg)
{
    (void)graph;
    buf_append_str(svg, "<defs>\n");
    for (size_t i = 0; i < sizeof graph_families / sizeof graph_families[0]; i++) {
        const char *name = plan_family_name((enum plan_family)i);
        const char *colour = graph_families[i].colour;
        buf_printf(svg,
                   "<pattern id=\"p-%s\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                   "<rect width=\"8\" height=\"8\" fill=\"#fff\"/><g fill=\"%s\" stroke=\"%s\" "
                   "stroke-width=\"0\">%s</g></pattern>\n",
                   name, colour, colour, graph_patterns[i]);
        buf_printf(svg,
                   "<marker id=\"sign-%s\" viewBox=\"0 0 10 10\" refX=\"1\" refY=\"5\" "
                   "markerWidth=\"%d\" markerHeight=\"%d\" markerUnits=\"userSpaceOnUse\" "
                   "orient=\"auto\"><path d=\"M0 0 10 5 0 10Z\" fill=\"%s\"/></marker>\n",
                   name, GRAPH_ARROW, GRAPH_ARROW, colour);
        buf_printf(svg,
                   "<marker id=\"copy-%s\" viewBox=\"0 0 10 10\" refX=\"1\" refY=\"5\" "
                   "markerWidth=\"%d\" markerHeight=\"%d\" markerUnits=\"userSpaceOnUse\" "
                   "orient=\"auto\"><path d=\"M1 1 9 5 1 9\" fill=\"none\" stroke=\"%s\" "
                   "stroke-width=\"1.6\"/></marker>\n",
                   name, GRAPH_ARROW - 1, GRAPH_ARROW - 1, colour);
    }
    buf_append_str(svg, "</defs>\n");
}

/* ---- lines */

/* Which rows make a line, topic by topic: what a pointer resting on it shows, and what is read
 * aloud. */
static void svg_edge_rows(const struct graph *graph, const struct graph_edge *edge,
                          struct buf *text)
{
    const struct graph_item *item = &graph->items[edge->item];
    const struct graph_node *node = &graph->nodes[edge->node];
    for (size_t i = 0; i < item->kind->row_count; i++) {
        const struct plan_row *row = &item->kind->rows[i];
        struct graph_ref refs[GRAPH_REF_COUNT_MAX];
        bool found = false;
        if (!graph_row_applies(item, row)) continue;
        size_t count = graph_row_refs(graph, row, refs, GRAPH_REF_COUNT_MAX);
        for (size_t j = 0; j < count && j < GRAPH_REF_COUNT_MAX; j++)
            found = found || (refs[j].who == node->ref.who && refs[j].index == node->ref.index);
        if (!found) continue;
        buf_append_str(text, "\n");
        if (row->topic >= 0 && !item->by_topic) {
            const struct plan_topic *topic = &item->kind->topics[row->topic];
            buf_printf(text, graph->options->lang == LANG_EN ? "%s: " : "%s：",
                       graph_text(graph, topic->name_zh, topic->name_en));
        }
        if (graph->options->streets && !row->all && row->named_count == 1 && row->named[0].group)
            buf_append_str(text, graph_text(graph, "仅事发地的街道，", "the street of the area, "));
        buf_printf(text, "%s  %s", words_act(row->act, false, graph->options->lang), row->citation);
    }
}

static void svg_edge(const struct graph *graph, const struct graph_edge *edge, struct buf *svg)
{
    const struct graph_item *item = &graph->items[edge->item];
    const struct graph_node *node = &graph->nodes[edge->node];
    const char *family = plan_family_name(item->kind->family);
    const char *style = svg_style_name(edge->style);
    int item_y = GRAPH_TOP + edge->item_y, node_y = GRAPH_TOP + edge->node_y;
    struct buf title = {0};

    if (edge->style == GRAPH_SEND) {
        graph_ref_name(graph, node->ref, &title);
        buf_printf(&title, " → %s", graph_text(graph, item->kind->name_zh, item->kind->name_en));
    } else {
        buf_printf(&title, "%s → ", graph_text(graph, item->kind->name_zh, item->kind->name_en));
        graph_ref_name(graph, node->ref, &title);
        buf_printf(&title, graph->options->lang == LANG_EN ? ": %s" : "：%s",
                   svg_style_text(graph, edge->style));
        svg_edge_rows(graph, edge, &title);
    }
    buf_append_u8(&title, 0);
    buf_append_str(svg, "<g class=\"line\">");
    svg_title(svg, (const char *)title.data);
    buf_fini(&title);
    int x1 = GRAPH_LEFT_X + GRAPH_BAR_WIDTH, y1 = node_y, x2 = GRAPH_ITEM_X, y2 = item_y;
    if (edge->style != GRAPH_SEND) {
        x1 = GRAPH_ITEM_X + GRAPH_ITEM_WIDTH;
        y1 = item_y;
        x2 = GRAPH_RIGHT_X - GRAPH_ARROW;
        y2 = node_y;
    }
    /* Where a line goes up or down: fanned out, so that lines lie side by side and cross little. */
    int part = (item_y - GRAPH_TOP) * 44 / (graph->height > 0 ? graph->height : 1);
    bool down = (y2 > y1) == (edge->style != GRAPH_SEND);
    int x = edge->style == GRAPH_SEND ? x2 - (x2 - x1) * (down ? 28 + part : 72 - part) / 100
                                      : x1 + (x2 - x1) * (down ? 72 - part : 28 + part) / 100;
    buf_printf(svg, "<path class=\"edge %s\" stroke=\"%s\" d=\"M%d %dC%d %d %d %d %d %d\"", style,
               graph_families[item->kind->family].colour, x1, y1, x, y1, x, y2, x2, y2);
    if (edge->style != GRAPH_SEND)
        buf_printf(svg, " marker-end=\"url(#%s-%s)\"", edge->style == GRAPH_SIGN ? "sign" : "copy",
                   family);
    buf_append_str(svg, "/></g>\n");
}

/* ---- items and nodes */

static void svg_item(const struct graph *graph, const struct graph_item *item, struct buf *svg)
{
    const struct plan_kind *kind = item->kind;
    const char *colour = graph_families[kind->family].colour;
    uint8_t urgency = item->topic ? item->topic->urgency : kind->urgency;
    int y = GRAPH_TOP + item->y;
    int text_height = 15 * (int)item->label.count + 12;
    int text_y = y + (item->height - text_height) / 2 + 12;
    int badge_y = y + item->height / 2;
    struct buf title = {0};

    buf_printf(&title, graph->options->lang == LANG_EN ? "%s: %s, C%d" : "%s：%s，C%d", kind->slug,
               words_urgency(urgency, graph->options->lang), kind->level);
    buf_append_u8(&title, 0);
    buf_append_str(svg, "<g>");
    svg_title(svg, (const char *)title.data);
    buf_fini(&title);
    buf_printf(svg,
               "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"%s\" "
               "stroke=\"%s\"/>\n<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"%d\" "
               "fill=\"url(#p-%s)\" stroke=\"%s\"/>\n",
               GRAPH_ITEM_X, y, GRAPH_ITEM_WIDTH, item->height, graph_families[kind->family].tint,
               colour, GRAPH_ITEM_X, y, item->height, plan_family_name(kind->family), colour);
    for (size_t i = 0; i < item->label.count; i++)
        svg_text(svg, GRAPH_ITEM_X + 22, text_y + 15 * (int)i, "kind", item->label.lines[i]);
    svg_text(svg, GRAPH_ITEM_X + 22, text_y + 15 * (int)item->label.count - 2, "slug",
             item->topic ? item->topic->slug : kind->slug);
    buf_printf(svg,
               "<circle cx=\"%d\" cy=\"%d\" r=\"9\" fill=\"%s\" stroke=\"%s\" "
               "stroke-width=\"1.5\"/>\n",
               GRAPH_ITEM_X + GRAPH_ITEM_WIDTH - 20, badge_y, urgency == 1 ? colour : "#fff",
               colour);
    buf_printf(svg, "<text x=\"%d\" y=\"%d\" class=\"badge\"%s>%d</text></g>\n",
               GRAPH_ITEM_X + GRAPH_ITEM_WIDTH - 20, badge_y + 4,
               urgency == 1 ? " style=\"fill:#fff\"" : "", urgency);
}

static void svg_family(const struct graph *graph, const struct graph_item *item, struct buf *svg)
{
    size_t count = 0;
    struct buf text = {0};
    for (size_t i = 0; i < graph->item_count; i++)
        count += graph->items[i].kind->family == item->kind->family;
    if (graph->options->kind)
        buf_printf(&text, "%s", graph_text(graph, item->kind->name_zh, item->kind->name_en));
    else
        buf_printf(&text, graph->options->lang == LANG_EN ? "%s (%zu)" : "%s（%zu）",
                   words_family(item->kind->family, graph->options->lang), count);
    buf_append_u8(&text, 0);
    buf_printf(svg, "<text x=\"%d\" y=\"%d\" class=\"family\" style=\"fill:%s\">", GRAPH_ITEM_X,
               GRAPH_TOP + item->y - 8, graph_families[item->kind->family].colour);
    markup_text(svg, (const char *)text.data);
    buf_append_str(svg, "</text>\n");
    buf_fini(&text);
}

static void svg_node(const struct graph *graph, const struct graph_node *node, struct buf *svg)
{
    bool many = node->ref.who != GRAPH_UNIT;
    int y = GRAPH_TOP + node->y;
    int x = node->right ? GRAPH_RIGHT_X : GRAPH_LEFT_X;
    int text_x = node->right ? x + GRAPH_BAR_WIDTH + 8 : x - 8;
    int text_height =
        GRAPH_NODE_LINE * (int)node->label.count + GRAPH_NOTE_LINE * (int)node->notes.count;
    int text_y = y + (node->height - text_height) / 2 + 12;
    struct buf title = {0};

    graph_ref_name(graph, node->ref, &title);
    buf_printf(&title,
               graph->options->lang == LANG_EN
                   ? node->right ? ": %zu kinds received" : ": %zu kinds sent"
               : node->right ? "：接收 %zu 种"
                             : "：可发送 %zu 种",
               node->port_count);
    buf_append_u8(&title, 0);
    buf_append_str(svg, "<g>");
    svg_title(svg, (const char *)title.data);
    buf_fini(&title);
    buf_printf(svg,
               "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\" class=\"bar%s\"/>\n", x,
               y, GRAPH_BAR_WIDTH, node->height, many ? " many" : "");
    for (size_t i = 0; i < node->label.count; i++)
        svg_text(svg, text_x, text_y + GRAPH_NODE_LINE * (int)i, node->right ? "name" : "name end",
                 node->label.lines[i]);
    text_y += GRAPH_NODE_LINE * (int)node->label.count - 2;
    for (size_t i = 0; i < node->notes.count; i++)
        svg_text(svg, text_x, text_y + GRAPH_NOTE_LINE * (int)i, "slug", node->notes.lines[i]);
    buf_append_str(svg, "</g>\n");
}

/* ---- around it */

static size_t svg_unit_count(const struct graph *graph)
{
    size_t count = 0;
    for (uint16_t i = 0; i < plan_unit_count(graph->plan); i++)
        count += plan_unit(graph->plan, i)->successor == PLAN_UNIT_NONE;
    return count;
}

static void svg_head(const struct graph *graph, int height, struct buf *svg)
{
    const struct plan_about *about = plan_about(graph->plan);
    const struct plan_kind *kind = graph->options->kind;
    const char *title = graph_text(graph, about->title_zh, about->title_en);
    bool en = graph->options->lang == LANG_EN;

    buf_printf(svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"title desc\" lang=\"%s\">\n"
               "<title id=\"title\">",
               GRAPH_WIDTH, height, GRAPH_WIDTH, height, en ? "en" : "zh-CN");
    markup_text(svg, title);
    buf_append_str(svg, "</title>\n<desc id=\"desc\">");
    buf_printf(svg,
               en ? "Who may send each kind of message, who must sign for it and who gets a copy. "
                    "%zu units, %zu kinds, plan of %s."
                  : "每一种消息由谁发送、谁须签收、谁抄送。单位 %zu，种类 %zu，方案日期 %s。",
               svg_unit_count(graph), plan_kind_count(graph->plan), about->date);
    buf_append_str(svg, "</desc>\n<style>\n");
    buf_append_str(svg, graph_style_sheet);
    buf_append_str(svg, "</style>\n");
    svg_defs(graph, svg);
    buf_printf(svg, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", GRAPH_WIDTH, height);
    svg_text(svg, GRAPH_MARGIN, 46, "title", title);
    struct buf sub = {0};
    if (kind)
        buf_printf(&sub, en ? "%s (%s) · plan of %s" : "%s（%s）· 方案日期 %s",
                   graph_text(graph, kind->name_zh, kind->name_en), kind->slug, about->date);
    else
        buf_printf(
            &sub,
            en ? "Who sends, who must sign, who gets a copy · plan of %s · %zu units · %zu kinds"
               : "谁发送、谁须签收、谁抄送 · 方案日期 %s · 单位 %zu · 种类 %zu",
            about->date, svg_unit_count(graph), plan_kind_count(graph->plan));
    buf_append_u8(&sub, 0);
    svg_text(svg, GRAPH_MARGIN, 70, "sub", (const char *)sub.data);
    buf_fini(&sub);
}

static int svg_legend_line(const struct graph *graph, int x, int y, enum graph_style style,
                           struct buf *svg)
{
    const char *text = svg_style_text(graph, style);
    int end = style == GRAPH_SEND ? x + 50 : x + 41;
    buf_printf(svg, "<path class=\"edge %s\" stroke=\"#222\" d=\"M%d %dH%d\"%s/>\n",
               svg_style_name(style), x, y - 4, end,
               style == GRAPH_SEND   ? ""
               : style == GRAPH_SIGN ? " marker-end=\"url(#sign-receipt)\""
                                     : " marker-end=\"url(#copy-receipt)\"");
    svg_text(svg, x + 58, y, "name", text);
    return x + 58 + graph_text_width(text, 12) + 28;
}

static void svg_legend(const struct graph *graph, struct buf *svg)
{
    bool en = graph->options->lang == LANG_EN;
    int x = GRAPH_MARGIN, y = 104;
    for (int style = GRAPH_SIGN; style <= GRAPH_ORIGIN_ONLY; style++)
        x = svg_legend_line(graph, x, y, (enum graph_style)style, svg);
    x = svg_legend_line(graph, x, y, GRAPH_SEND, svg);
    buf_printf(svg, "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"14\" rx=\"2\" class=\"bar\"/>\n",
               x, y - 11);
    const char *one = en ? "one unit" : "一个单位";
    svg_text(svg, x + 18, y, "name", one);
    x += 18 + graph_text_width(one, 12) + 24;
    buf_printf(svg,
               "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"14\" rx=\"2\" class=\"bar many\"/>\n",
               x, y - 11);
    svg_text(svg, x + 18, y, "name", en ? "several, or by the case" : "多个单位，或视情形而定");

    x = GRAPH_MARGIN;
    y = 130;
    for (int family = 0; family < PLAN_FAMILY_COUNT; family++) {
        const char *text = words_family((enum plan_family)family, graph->options->lang);
        buf_printf(svg,
                   "<rect x=\"%d\" y=\"%d\" width=\"30\" height=\"14\" fill=\"url(#p-%s)\" "
                   "stroke=\"%s\"/>\n",
                   x, y - 11, plan_family_name((enum plan_family)family),
                   graph_families[family].colour);
        svg_text(svg, x + 38, y, "name", text);
        x += 38 + graph_text_width(text, 12) + 24;
    }
    for (int urgency = 1; urgency <= 4; urgency++) {
        const char *text = words_urgency((uint8_t)urgency, graph->options->lang);
        buf_printf(svg,
                   "<circle cx=\"%d\" cy=\"%d\" r=\"9\" fill=\"%s\" stroke=\"#222\" "
                   "stroke-width=\"1.5\"/><text x=\"%d\" y=\"%d\" class=\"badge\"%s>%d</text>\n",
                   x + 9, y - 4, urgency == 1 ? "#222" : "#fff", x + 9, y,
                   urgency == 1 ? " style=\"fill:#fff\"" : "", urgency);
        svg_text(svg, x + 24, y, "name", text);
        x += 24 + graph_text_width(text, 12) + 16;
    }
}

static void svg_columns(const struct graph *graph, struct buf *svg)
{
    int y = GRAPH_TOP - 22;
    svg_text(svg, GRAPH_LEFT_X + GRAPH_BAR_WIDTH, y, "column end",
             graph_text(graph, "发送单位", "Senders"));
    svg_text(svg, GRAPH_ITEM_X + GRAPH_ITEM_WIDTH / 2, y, "column middle",
             graph->options->kind ? graph_text(graph, "主题", "Topics")
                                  : graph_text(graph, "消息种类", "Kinds of message"));
    svg_text(svg, GRAPH_RIGHT_X, y, "column", graph_text(graph, "接收单位", "Recipients"));
}

static void svg_foot(const struct graph *graph, int height, struct buf *svg)
{
    int y = height - 62;
    svg_text(
        svg, GRAPH_MARGIN, y, "sub",
        graph_text(
            graph,
            "发送单位不接收自己的消息。没有规则可循的线索、异常与移交：公安机关全文接收，联席会议"
            "办公室知悉。抄送只读可抄送的分段。",
            "Nobody receives its own message. Leads, anomalies and handoffs that no rule "
            "matches: the police receive them in full, the office as notice. Copies "
            "read what is marked for copies."));
    y += 20;
    if (graph->options->streets) {
        svg_text(
            svg, GRAPH_MARGIN, y, "sub",
            graph_text(graph, "街道分别画出：按区划发送的，只有事发地的街道收到。",
                       "Street offices apart: what goes by area reaches the one of the area."));
        y += 20;
    }
    svg_text(svg, GRAPH_MARGIN, y, "sub",
             graph_text(graph, "由数据表生成：leadbus-plan graph",
                        "Made from the tables: leadbus-plan graph"));
}

void graph_svg(const struct graph *graph, struct buf *svg)
{
    static const enum graph_style order[] = {GRAPH_SEND, GRAPH_COPY, GRAPH_ORIGIN_ONLY, GRAPH_SIGN};
    int height = GRAPH_TOP + graph->height + GRAPH_FOOT;

    svg_head(graph, height, svg);
    svg_legend(graph, svg);
    svg_columns(graph, svg);
    /* The heavier lines lie above the lighter ones. */
    for (size_t s = 0; s < sizeof order / sizeof order[0]; s++) {
        for (size_t i = 0; i < graph->edge_count; i++) {
            if (graph->edges[i].style == order[s]) svg_edge(graph, &graph->edges[i], svg);
        }
    }
    for (size_t i = 0; i < graph->item_count; i++) {
        const struct graph_item *item = &graph->items[i];
        if (i == 0 || item->kind->family != graph->items[i - 1].kind->family)
            svg_family(graph, item, svg);
        svg_item(graph, item, svg);
    }
    for (size_t i = 0; i < graph->node_count; i++) svg_node(graph, &graph->nodes[i], svg);
    svg_foot(graph, height, svg);
    buf_append_str(svg, "</svg>\n");
}
