#include "clients/plan/view/graph.h"

#include <stdlib.h>
#include <string.h>

#include "clients/plan/view/graph_inner.h"
#include "proto/base/check.h"

enum { REF_COUNT_MAX = LIMIT_UNIT_COUNT_MAX + PLAN_GROUP_COUNT_MAX };

/* ---- who --------------------------------------------------------------------------------------
 */

static size_t graph_put_ref(struct graph_ref *refs, size_t count, size_t cap, enum graph_who who,
                            uint16_t index)
{
    for (size_t i = 0; i < count && i < cap; i++) {
        if (refs[i].who == who && refs[i].index == index) return count;
    }
    if (count < cap) refs[count] = (struct graph_ref){who, index};
    return count + 1;
}

/* A group as one node, or the street offices of one apart. */
static size_t graph_put_group(const struct graph *graph, struct graph_ref *refs, size_t count,
                              size_t cap, uint16_t index, bool all)
{
    const struct plan_group *group = plan_group(graph->plan, index);
    uint64_t at_ms = plan_about(graph->plan)->date_ms;
    if (!all && !group->streets) return count; /* selects nobody */
    if (!group->streets || !graph->options->streets)
        return graph_put_ref(refs, count, cap, all ? GRAPH_GROUP : GRAPH_STREET, index);
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        if (at_ms < member->valid_from_ms || at_ms >= member->valid_to_ms) continue;
        count = graph_put_ref(refs, count, cap, GRAPH_UNIT,
                              plan_unit(graph->plan, member->unit)->current);
    }
    return count;
}

size_t graph_row_refs(const struct graph *graph, const struct plan_row *row, struct graph_ref *refs,
                      size_t cap)
{
    uint64_t at_ms = plan_about(graph->plan)->date_ms;
    size_t count = 0;
    if (row->source == PLAN_ROW_THREAD) return graph_put_ref(refs, 0, cap, GRAPH_THREAD, 0);
    if (row->source == PLAN_ROW_THREAD_SIGNERS)
        return graph_put_ref(refs, 0, cap, GRAPH_SIGNERS, 0);
    if (row->source == PLAN_ROW_ALERTED) return graph_put_ref(refs, 0, cap, GRAPH_ALERTED, 0);
    if (row->source == PLAN_ROW_SENDER) return graph_put_ref(refs, 0, cap, GRAPH_REFERENCE, 0);
    if (row->source == PLAN_ROW_TARGET) return graph_put_ref(refs, 0, cap, GRAPH_TARGET, 0);
    for (size_t i = 0; i < row->named_count; i++) {
        uint16_t index = row->named[i].index;
        if (row->named[i].group)
            count = graph_put_group(graph, refs, count, cap, index, row->all);
        else if (row->via < 0 || plan_group_has(graph->plan, (size_t)row->via, index, at_ms))
            count =
                graph_put_ref(refs, count, cap, GRAPH_UNIT, plan_unit(graph->plan, index)->current);
    }
    return count;
}

static size_t graph_sender_refs(const struct graph *graph, const struct plan_senders *senders,
                                struct graph_ref *refs, size_t cap)
{
    size_t count = 0;
    if (senders->any) return graph_put_ref(refs, 0, cap, GRAPH_ANY, 0);
    for (uint16_t i = 0; i < plan_unit_count(graph->plan); i++) {
        if (plan_unit_set_has(&senders->units, i))
            count = graph_put_ref(refs, count, cap, GRAPH_UNIT, i);
    }
    for (size_t i = 0; i < senders->group_count; i++)
        count = graph_put_group(graph, refs, count, cap, senders->groups[i], true);
    if (senders->reference) count = graph_put_ref(refs, count, cap, GRAPH_REFERENCE, 0);
    return count;
}

void graph_ref_name(const struct graph *graph, struct graph_ref ref, struct buf *buf)
{
    const struct plan_unit *unit = NULL;
    const struct plan_group *group = NULL;
    switch (ref.who) {
    case GRAPH_UNIT:
        unit = plan_unit(graph->plan, ref.index);
        buf_append_str(buf, graph_text(graph, unit->name_zh, unit->name_en));
        break;
    case GRAPH_GROUP:
        group = plan_group(graph->plan, ref.index);
        buf_append_str(buf, graph_text(graph, group->name_zh, group->name_en));
        buf_printf(buf, graph->options->lang == LANG_EN ? " (%zu)" : "（%zu）",
                   group->member_count);
        break;
    case GRAPH_STREET:
        group = plan_group(graph->plan, ref.index);
        buf_printf(buf,
                   graph->options->lang == LANG_EN ? "Street office of the area (1 of %zu)"
                                                   : "事发地街道办事处（%zu 选 1）",
                   group->member_count);
        break;
    case GRAPH_ANY: buf_append_str(buf, graph_text(graph, "任何单位", "Any unit")); break;
    case GRAPH_THREAD:
        buf_append_str(buf, graph_text(graph, "线索各参与单位", "Everybody on the thread"));
        break;
    case GRAPH_SIGNERS:
        buf_append_str(buf, graph_text(graph, "线索中须签收的单位", "Who must sign on the thread"));
        break;
    case GRAPH_ALERTED:
        buf_append_str(buf, graph_text(graph, "收到过警报的单位", "Who got the alert"));
        break;
    case GRAPH_TARGET:
        buf_append_str(buf, graph_text(graph, "转办的承办单位", "Unit that it is passed on to"));
        break;
    case GRAPH_REFERENCE:
        buf_append_str(
            buf, graph_text(graph, "所答复消息的发送单位", "Sender of the message referred to"));
        break;
    }
}

/* ---- the model --------------------------------------------------------------------------------
 */

static size_t graph_node_of(struct graph *graph, struct graph_ref ref, bool right)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        struct graph_node *node = &graph->nodes[i];
        if (node->right == right && node->ref.who == ref.who && node->ref.index == ref.index)
            return i;
    }
    if (graph->node_count == graph->node_cap) {
        graph->node_cap = graph->node_cap ? graph->node_cap * 2 : 64;
        graph->nodes = realloc(graph->nodes, graph->node_cap * sizeof *graph->nodes);
        CHECK(graph->nodes != NULL);
    }
    struct graph_node *node = &graph->nodes[graph->node_count];
    struct buf name = {0};
    *node = (struct graph_node){.ref = ref, .right = right};
    graph_ref_name(graph, ref, &name);
    buf_append_u8(&name, 0);
    graph_text_wrap((const char *)name.data, 12, GRAPH_LABEL_WIDTH, &node->label);
    buf_fini(&name);
    return graph->node_count++;
}

/* One line between an item and a node; the strongest style of several. */
static void graph_connect(struct graph *graph, size_t item, struct graph_ref ref,
                          enum graph_style style)
{
    size_t node = graph_node_of(graph, ref, style != GRAPH_SEND);
    for (size_t i = graph->items[item].first_edge; i < graph->edge_count; i++) {
        struct graph_edge *edge = &graph->edges[i];
        if (edge->node != node) continue;
        if (style < edge->style) edge->style = style;
        return;
    }
    if (graph->edge_count == graph->edge_cap) {
        graph->edge_cap = graph->edge_cap ? graph->edge_cap * 2 : 256;
        graph->edges = realloc(graph->edges, graph->edge_cap * sizeof *graph->edges);
        CHECK(graph->edges != NULL);
    }
    graph->edges[graph->edge_count++] =
        (struct graph_edge){.item = item, .node = node, .style = style};
    graph->nodes[node].port_count++;
    if (style == GRAPH_SEND)
        graph->items[item].left_count++;
    else
        graph->items[item].right_count++;
}

bool graph_row_applies(const struct graph_item *item, const struct plan_row *row)
{
    if (!item->by_topic || row->topic < 0) return true;
    return item->topic == &item->kind->topics[row->topic];
}

static void graph_connect_item(struct graph *graph, size_t index)
{
    struct graph_item *item = &graph->items[index];
    const struct plan_kind *kind = item->kind;
    bool narrow = item->topic && item->topic->senders;
    struct graph_ref refs[REF_COUNT_MAX];

    item->first_edge = graph->edge_count;

    size_t count = graph_sender_refs(graph, narrow ? item->topic->senders : &kind->senders, refs,
                                     REF_COUNT_MAX);
    for (size_t i = 0; i < count && i < REF_COUNT_MAX; i++)
        graph_connect(graph, index, refs[i], GRAPH_SEND);
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        enum graph_style style = row->act == ROUTE_SIGN ? GRAPH_SIGN : GRAPH_COPY;
        if (!graph_row_applies(item, row)) continue;
        if (row->when != PLAN_ROW_ALWAYS) style = GRAPH_ORIGIN_ONLY;
        count = graph_row_refs(graph, row, refs, REF_COUNT_MAX);
        for (size_t j = 0; j < count && j < REF_COUNT_MAX; j++)
            graph_connect(graph, index, refs[j], style);
    }
}

static bool graph_row_reaches(const struct graph *graph, const struct plan_row *row,
                              struct graph_ref ref)
{
    struct graph_ref refs[REF_COUNT_MAX];
    size_t count = graph_row_refs(graph, row, refs, REF_COUNT_MAX);
    for (size_t i = 0; i < count && i < REF_COUNT_MAX; i++) {
        if (refs[i].who == ref.who && refs[i].index == ref.index) return true;
    }
    return false;
}

/* The clauses and duties by which the kind's rows reach a node, each once; the node is their key.
 */
static void graph_note(const struct graph *graph, const struct plan_kind *kind,
                       struct graph_node *node)
{
    struct buf text = {0};
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        bool told = false;
        if (!graph_row_reaches(graph, row, node->ref)) continue;
        for (size_t j = 0; j < i; j++)
            told = told || (strcmp(kind->rows[j].citation, row->citation) == 0 &&
                            graph_row_reaches(graph, &kind->rows[j], node->ref));
        if (!told)
            buf_printf(&text, "%s%.*s", text.len ? ", " : "", (int)strcspn(row->citation, "="),
                       row->citation);
    }
    buf_append_u8(&text, 0);
    graph_text_wrap((const char *)text.data, 10, GRAPH_LABEL_WIDTH, &node->notes);
    buf_fini(&text);
}

static void graph_add_item(struct graph *graph, const struct plan_kind *kind,
                           const struct plan_topic *topic, bool by_topic)
{
    struct graph_item *item = &graph->items[graph->item_count++];
    const char *name = topic      ? graph_text(graph, topic->name_zh, topic->name_en)
                       : by_topic ? graph_text(graph, "无主题", "Without a topic")
                                  : graph_text(graph, kind->name_zh, kind->name_en);
    *item = (struct graph_item){.kind = kind, .topic = topic, .by_topic = by_topic};
    graph_text_wrap(name, 13, GRAPH_ITEM_WIDTH - 62, &item->label);
}

static void graph_build(struct graph *graph)
{
    const struct plan_kind *only = graph->options->kind;
    size_t most = only ? only->topic_count + 1 : plan_kind_count(graph->plan);

    graph->items = calloc(most + 1, sizeof *graph->items);
    CHECK(graph->items != NULL);
    if (only && (!only->topic_required || only->topic_count == 0))
        graph_add_item(graph, only, NULL, only->topic_count > 0);
    for (size_t i = 0; only && i < only->topic_count; i++)
        graph_add_item(graph, only, &only->topics[i], true);
    /* Tables keep families together as a habit; the picture does it whatever they do. */
    for (int family = 0; !only && family < PLAN_FAMILY_COUNT; family++) {
        for (size_t i = 0; i < plan_kind_count(graph->plan); i++) {
            const struct plan_kind *kind = plan_kind(graph->plan, i);
            if (kind->family == (enum plan_family)family) graph_add_item(graph, kind, NULL, false);
        }
    }
    for (size_t i = 0; i < graph->item_count; i++) graph_connect_item(graph, i);
    for (size_t i = 0; only && i < graph->node_count; i++) {
        if (graph->nodes[i].right) graph_note(graph, only, &graph->nodes[i]);
    }
}

void graph_write(const struct plan *plan, const struct graph_options *options, struct buf *ret_svg)
{
    struct graph graph = {.plan = plan, .options = options};

    graph_build(&graph);
    graph_layout(&graph);
    graph_svg(&graph, ret_svg);
    free(graph.nodes);
    free(graph.items);
    free(graph.edges);
}
