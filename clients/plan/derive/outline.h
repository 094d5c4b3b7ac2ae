/* outline: the hierarchy of a plan's text by its numbers and dashes, and the ids of its items.
 *
 * An item starts at a number or dash at the start of a line (or behind the end of a sentence, where
 * a dump has lost the line break) that carries on the numbering: one more than the last of its form
 * at this place, or the first of a new level. Numbers in the middle of sentences that happen to
 * stand at a line's start do not fit and are left alone. Pure; linear. */
#ifndef CLIENTS_PLAN_DERIVE_OUTLINE_H
#define CLIENTS_PLAN_DERIVE_OUTLINE_H

#include "clients/plan/derive/finding.h"
#include "clients/plan/derive/text.h"

enum outline_form {
    OUTLINE_ROOT,    /* the text before any number, or a new annex */
    OUTLINE_PART,    /* 第一部分, 第一编 */
    OUTLINE_CHAPTER, /* 第一章 */
    OUTLINE_SECTION, /* 第一节 */
    OUTLINE_ARTICLE, /* 第一条 */
    OUTLINE_CN,      /* 一、 */
    OUTLINE_CN_BRACKET,
    OUTLINE_N, /* 1. or 1、 */
    OUTLINE_N_BRACKET,
    OUTLINE_N_HALF, /* 1） */
    OUTLINE_CIRCLE, /* ① */
    OUTLINE_DOTTED, /* 1.1, 1.1.1: its path is its own */
    OUTLINE_DASH,   /* —— */
};

enum { OUTLINE_DEPTH_MAX = 12, OUTLINE_DOTTED_MAX = 6 };

struct outline_item {
    uint32_t at;   /* its first character in the text */
    uint32_t body; /* the first one behind the number */
    uint32_t parent;
    uint8_t form;
    uint8_t count;     /* of values: 1 but for OUTLINE_DOTTED */
    bool clear;        /* a heading such as 工作措施 that is no level of the ids */
    bool children;     /* numbered ones */
    bool inlined;      /* behind the ； of the one before it */
    uint32_t division; /* the body of the plan is 0, each annex one more */
    uint32_t values[OUTLINE_DOTTED_MAX];
};

struct outline {
    struct buf items; /* struct outline_item, by at; the first is a root at 0 */
    struct buf
        refused; /* uint32_t each, ascending: numbers at the start of a line that do not fit */
};

void outline_build(struct outline *outline, const struct text *text, struct findings *findings);
void outline_fini(struct outline *outline);
size_t outline_count(const struct outline *outline);
struct outline_item *outline_item(const struct outline *outline, size_t index);
/* The item that a character belongs to. */
size_t outline_find(const struct outline *outline, size_t at);
/* One past the item's last character: where the next one starts. */
size_t outline_end(const struct outline *outline, size_t index, const struct text *text);

/* Components of an item's id, clear levels left out. Dashes stand dash_depth levels below the root
 * at least: missing ones are 0 (a section without measures). At most OUTLINE_ID_MAX. */
enum { OUTLINE_ID_MAX = 20 };
size_t outline_id(const struct outline *outline, size_t index, size_t dash_depth,
                  uint32_t ret[static OUTLINE_ID_MAX]);
/* How many levels stand above an item, clear ones left out. */
size_t outline_depth(const struct outline *outline, size_t index);
/* Finds the clear levels. `has_clause` says of each item whether it or one below it has a clause.
 */
void outline_clear(struct outline *outline, const struct text *text, const bool *has_clause);

#endif
