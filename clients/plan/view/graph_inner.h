/* graph_inner: what the files of graph share: the model, which graph.c builds, graph_layout.c
 * places and graph_svg.c writes. Nobody else includes it. */
#ifndef CLIENTS_PLAN_VIEW_GRAPH_INNER_H
#define CLIENTS_PLAN_VIEW_GRAPH_INNER_H

#include "clients/plan/view/graph.h"
#include "proto/plan/route.h"

enum {
    GRAPH_LINE_COUNT_MAX = 4, /* of a label */
    GRAPH_LINE_LEN_MAX = 255, /* bytes */

    /* px, left to right */
    GRAPH_WIDTH = 1480,
    GRAPH_MARGIN = 36,
    GRAPH_LABEL_WIDTH = 224,
    GRAPH_BAR_WIDTH = 10,
    GRAPH_LEFT_X = GRAPH_MARGIN + GRAPH_LABEL_WIDTH + 8, /* left edge of the senders' bars */
    GRAPH_ITEM_X = 560,
    GRAPH_ITEM_WIDTH = 360,
    GRAPH_RIGHT_X = GRAPH_WIDTH - GRAPH_LEFT_X - GRAPH_BAR_WIDTH,
    /* down */
    GRAPH_TOP = 196, /* of the columns */
    GRAPH_ITEM_MIN_HEIGHT = 32,
    GRAPH_ITEM_GAP = 4,
    GRAPH_FAMILY_HEAD = 32,
    GRAPH_NODE_LINE = 15,
    GRAPH_NOTE_LINE = 12,
    GRAPH_NODE_GAP = 7,
    GRAPH_PORT = 6, /* between two lines at one end */
};

/* Who a node stands for. */
enum graph_who {
    GRAPH_UNIT,
    GRAPH_GROUP,     /* every member */
    GRAPH_STREET,    /* of a group of streets, the one of the area */
    GRAPH_ANY,       /* any unit */
    GRAPH_THREAD,    /* everybody on it */
    GRAPH_SIGNERS,   /* who had to sign for something on it */
    GRAPH_ALERTED,   /* who got an alert on it */
    GRAPH_REFERENCE, /* the sender of the message referred to */
    GRAPH_TARGET,    /* the unit that it is passed on to */
};
struct graph_ref {
    enum graph_who who;
    uint16_t index; /* of the unit or the group */
};

enum graph_style { GRAPH_SIGN, GRAPH_COPY, GRAPH_ORIGIN_ONLY, GRAPH_SEND };

struct graph_text {
    size_t count;
    char lines[GRAPH_LINE_COUNT_MAX][GRAPH_LINE_LEN_MAX + 1];
};

struct graph_node {
    struct graph_ref ref;
    bool right;
    struct graph_text label;
    struct graph_text notes; /* where one kind is shown: by which citations it receives it */
    size_t port_count;
    long weight; /* sum of the y of its lines' other ends */
    int y, height;
};

/* A kind, or a topic of the one kind that is shown. */
struct graph_item {
    const struct plan_kind *kind;
    const struct plan_topic *topic;
    bool by_topic; /* rows of this topic alone count */
    struct graph_text label;
    size_t left_count, right_count;
    size_t first_edge; /* its edges stand together */
    int y, height;
};

struct graph_edge {
    size_t item, node;
    enum graph_style style;
    int item_y, node_y;
};

struct graph {
    const struct plan *plan;
    const struct graph_options *options;
    struct graph_node *nodes;
    size_t node_count, node_cap;
    struct graph_item *items;
    size_t item_count;
    struct graph_edge *edges;
    size_t edge_count, edge_cap;
    int height; /* of the columns, from GRAPH_TOP */
};

static inline const char *graph_text(const struct graph *graph, const char *zh, const char *en)
{
    return graph->options->lang == LANG_EN && en[0] ? en : zh;
}

/* The nodes that a recipient row stands for; returns how many, fills at most cap. */
size_t graph_row_refs(const struct graph *graph, const struct plan_row *row, struct graph_ref *refs,
                      size_t cap);
/* Its name; appended. */
void graph_ref_name(const struct graph *graph, struct graph_ref ref, struct buf *buf);
/* Does the row count for the item? */
bool graph_row_applies(const struct graph_item *item, const struct plan_row *row);

/* px of a text of one line at this size. */
int graph_text_width(const char *text, int size);
/* Breaks a text into lines of at most `width` px: between words, between any two CJK characters.
 * What does not fit into GRAPH_LINE_COUNT_MAX lines ends in "…". */
void graph_text_wrap(const char *text, int size, int width, struct graph_text *ret);

void graph_layout(struct graph *graph);
void graph_svg(const struct graph *graph, struct buf *svg);

#endif
