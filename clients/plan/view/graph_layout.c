/* Where everything stands. Items stand in their order; nodes as near as they can to the middle of
 * their lines' other ends; lines leave their ends in the order of where they go. */
#include <stdlib.h>
#include <string.h>

#include "clients/plan/view/graph_inner.h"
#include "proto/base/check.h"

/* ---- text -------------------------------------------------------------------------------------
 */

static size_t graph_char_len(const char *text)
{
    uint8_t byte = (uint8_t)text[0];
    size_t len = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    size_t i = 1;
    while (i < len && text[i]) i++; /* tables are UTF-8 */
    return i;
}

/* Thousandths of the size: CJK is square, Latin on the average about half as wide. */
static int graph_char_width(const char *text)
{
    static const char narrow[] = "ijlt.,:;'|!()[] f";
    static const char wide[] = "mwMW@%";
    uint8_t byte = (uint8_t)text[0];
    if (byte >= 0xe2) return 1000;
    if (byte >= 0x80) return 600;
    if (strchr(narrow, byte)) return 320;
    if (strchr(wide, byte)) return 860;
    return byte >= 'A' && byte <= 'Z' ? 680 : 560;
}

int graph_text_width(const char *text, int size)
{
    long width = 0;
    for (; text[0]; text += graph_char_len(text)) width += graph_char_width(text);
    return (int)(width * size / 1000);
}

/* How many bytes of a text fit into a line. */
static size_t graph_fit(const char *text, int size, int width, size_t len_max)
{
    const char *at = text;
    long taken = 0;
    while (at[0]) {
        size_t len = graph_char_len(at);
        taken += graph_char_width(at);
        if (taken * size / 1000 > width || (size_t)(at - text) + len > len_max) break;
        at += len;
    }
    return (size_t)(at - text);
}

void graph_text_wrap(const char *text, int size, int width, struct graph_text *ret)
{
    static const char more[] = "…";
    *ret = (struct graph_text){.count = 0};
    while (text[0] && ret->count < GRAPH_LINE_COUNT_MAX) {
        char *line = ret->lines[ret->count++];
        size_t len = graph_fit(text, size, width, GRAPH_LINE_LEN_MAX);
        if (text[len] && ret->count == GRAPH_LINE_COUNT_MAX) {
            len = graph_fit(text, size, width - size, GRAPH_LINE_LEN_MAX - sizeof more);
            memcpy(line, text, len);
            memcpy(line + len, more, sizeof more);
            return;
        }
        size_t cut = len;
        while (text[len] && cut > 0 && text[cut] != ' ' && (uint8_t)text[cut] < 0xe2) cut--;
        while (cut > 0 && ((uint8_t)text[cut] & 0xc0) == 0x80) cut--;
        if (cut == 0) cut = len;
        if (cut == 0) cut = graph_char_len(text); /* narrower than a character */
        memcpy(line, text, cut);
        line[cut] = '\0';
        text += cut;
        if (text[0] == ' ') text++;
    }
}

/* ---- columns ----------------------------------------------------------------------------------
 */

static void graph_place_items(struct graph *graph)
{
    int y = 0;
    for (size_t i = 0; i < graph->item_count; i++) {
        struct graph_item *item = &graph->items[i];
        size_t ports = item->left_count > item->right_count ? item->left_count : item->right_count;
        bool head = i == 0 || item->kind->family != graph->items[i - 1].kind->family;
        if (head) y += GRAPH_FAMILY_HEAD;
        item->height = GRAPH_ITEM_MIN_HEIGHT + 15 * (int)(item->label.count - 1);
        if ((int)ports * GRAPH_PORT + 8 > item->height) item->height = (int)ports * GRAPH_PORT + 8;
        item->y = y;
        y += item->height + GRAPH_ITEM_GAP;
    }
    graph->height = y;
}

static int graph_middle(const struct graph_item *item)
{
    return item->y + item->height / 2;
}

/* What qsort may look at: the column being sorted. One thread, one call. */
struct graph_key {
    long key;
    size_t index;
};

static int graph_key_compare(const void *a, const void *b)
{
    const struct graph_key *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Tops that keep the order and the gaps and lie as near as they can to what is wanted: the mean of
 * each run that would overlap (pool adjacent violators). */
static void graph_settle(struct graph *graph, const struct graph_key *order, size_t count)
{
    struct graph_run {
        long sum;
        size_t count;
    } *runs = calloc(count + 1, sizeof *runs);
    int *offsets = calloc(count + 1, sizeof *offsets);
    size_t run_count = 0, at = 0;
    int offset = 0;

    CHECK(runs != NULL && offsets != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct graph_node *node = &graph->nodes[order[i].index];
        long ports = node->port_count ? (long)node->port_count : 1;
        offsets[i] = offset;
        runs[run_count++] = (struct graph_run){node->weight / ports - node->height / 2 - offset, 1};
        offset += node->height + GRAPH_NODE_GAP;
        while (run_count > 1 && runs[run_count - 2].sum * (long)runs[run_count - 1].count >
                                    runs[run_count - 1].sum * (long)runs[run_count - 2].count) {
            runs[run_count - 2].sum += runs[run_count - 1].sum;
            runs[run_count - 2].count += runs[run_count - 1].count;
            run_count--;
        }
    }
    if (offset > graph->height) graph->height = offset;
    for (size_t r = 0; r < run_count; r++) {
        long x = runs[r].sum / (long)runs[r].count;
        if (x > graph->height - offset) x = graph->height - offset;
        if (x < 0) x = 0;
        for (size_t i = 0; i < runs[r].count; i++, at++)
            graph->nodes[order[at].index].y = (int)x + offsets[at];
    }
    free(runs);
    free(offsets);
}

static void graph_place_nodes(struct graph *graph, bool right)
{
    struct graph_key *order = calloc(graph->node_count + 1, sizeof *order);
    size_t count = 0;

    CHECK(order != NULL);
    for (size_t i = 0; i < graph->node_count; i++) {
        struct graph_node *node = &graph->nodes[i];
        if (node->right != right) continue;
        int lines =
            (int)node->label.count * GRAPH_NODE_LINE + (int)node->notes.count * GRAPH_NOTE_LINE;
        int ports = (int)node->port_count * GRAPH_PORT;
        node->height = lines > ports ? lines : ports;
        node->weight = 0;
        for (size_t e = 0; e < graph->edge_count; e++) {
            if (graph->edges[e].node == i)
                node->weight += graph_middle(&graph->items[graph->edges[e].item]);
        }
        order[count++] = (struct graph_key){
            node->weight * 16 / (node->port_count ? (long)node->port_count : 1), i};
    }
    qsort(order, count, sizeof *order, graph_key_compare);
    graph_settle(graph, order, count);
    free(order);
}

/* Spreads the lines at one end of a node or of an item, in the order of their other ends. */
static void graph_ports(struct graph *graph, size_t owner, bool of_node, bool right)
{
    struct graph_key *order = calloc(graph->edge_count + 1, sizeof *order);
    size_t count = 0;

    CHECK(order != NULL);
    for (size_t i = 0; i < graph->edge_count; i++) {
        const struct graph_edge *edge = &graph->edges[i];
        const struct graph_node *node = &graph->nodes[edge->node];
        if (node->right != right || (of_node ? edge->node : edge->item) != owner) continue;
        long key = of_node ? graph_middle(&graph->items[edge->item]) : node->y + node->height / 2;
        order[count++] = (struct graph_key){key, i};
    }
    qsort(order, count, sizeof *order, graph_key_compare);
    int top = of_node ? graph->nodes[owner].y : graph->items[owner].y;
    int height = of_node ? graph->nodes[owner].height : graph->items[owner].height;
    int first = top + (height - (int)(count ? count - 1 : 0) * GRAPH_PORT) / 2;
    for (size_t i = 0; i < count; i++) {
        struct graph_edge *edge = &graph->edges[order[i].index];
        *(of_node ? &edge->node_y : &edge->item_y) = first + (int)i * GRAPH_PORT;
    }
    free(order);
}

void graph_layout(struct graph *graph)
{
    graph_place_items(graph);
    graph_place_nodes(graph, false);
    graph_place_nodes(graph, true);
    for (size_t i = 0; i < graph->node_count; i++)
        graph_ports(graph, i, true, graph->nodes[i].right);
    for (size_t i = 0; i < graph->item_count; i++) {
        graph_ports(graph, i, false, false);
        graph_ports(graph, i, false, true);
    }
}
