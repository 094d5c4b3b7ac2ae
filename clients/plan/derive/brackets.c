#include "clients/plan/derive/brackets.h"

#include <stdlib.h>

struct opened {
    uint32_t at;
    uint32_t folded; /* its closing counterpart */
    uint32_t words;
};

struct stack {
    struct opened opened[BRACKETS_DEPTH_MAX];
    size_t depth;
    struct buf *brackets;
    struct opened sentence; /* outside all brackets: where it begins */
};

static void add(struct stack *stack, const struct opened *opened, size_t close, bool closed)
{
    struct bracket bracket = {opened->at, (uint32_t)close, closed};
    if (opened->words > 0) buf_append(stack->brackets, &bracket, sizeof bracket);
}

static void close_all(struct stack *stack, size_t at)
{
    while (stack->depth > 0) add(stack, &stack->opened[--stack->depth], at, false);
}

static void close_one(struct stack *stack, uint32_t folded, size_t at)
{
    size_t depth = stack->depth;
    while (depth > 0 && stack->opened[depth - 1].folded != folded) depth--;
    if (depth == 0) {
        /* Nothing that this one closes: what it closes may have begun with the sentence. */
        if (stack->depth == 0 && stack->sentence.at < at) add(stack, &stack->sentence, at, true);
        stack->sentence = (struct opened){(uint32_t)at + 1, 0, 0};
        return;
    }
    while (stack->depth > depth) add(stack, &stack->opened[--stack->depth], at, false);
    add(stack, &stack->opened[--stack->depth], at, true);
}

static int compare(const void *left, const void *right)
{
    const struct bracket *a = left, *b = right;
    return a->open < b->open ? -1 : a->open > b->open;
}

void brackets_find(struct buf *brackets, const struct text *text, const struct outline *outline,
                   struct findings *findings)
{
    struct stack stack = {.brackets = brackets};
    size_t len = text_len(text), item = 1;
    bool deep = false;
    struct span all = text_span(text, 0, len);
    for (size_t at = 0; at < len; at++) {
        if (item < outline_count(outline) && at == outline_item(outline, item)->at) {
            close_all(&stack, at);
            /* The number's own brackets are none. A root may stand where its first item does. */
            uint32_t body = (uint32_t)at;
            while (item < outline_count(outline) && at == outline_item(outline, item)->at)
                body = outline_item(outline, item++)->body;
            stack.sentence = (struct opened){body, 0, 0};
            if (body > at) {
                at = body - 1;
                continue;
            }
        }
        uint32_t folded = all.f[at];
        if (words_opens(folded)) {
            if (stack.depth == BRACKETS_DEPTH_MAX) {
                if (!deep)
                    findings_add(findings, FINDING_BRACKET_DEEP, text_line_of(text, at),
                                 (struct span){0});
                deep = true;
                stack.depth = 0;
            }
            stack.opened[stack.depth++] =
                (struct opened){(uint32_t)at, folded == '(' ? ')' : ']', 0};
        } else if (words_closes(folded)) {
            close_one(&stack, folded, at);
        } else if (words_role_at(all, at)) {
            struct opened *inside =
                stack.depth > 0 ? &stack.opened[stack.depth - 1] : &stack.sentence;
            inside->words++;
        } else if (stack.depth == 0 && folded == U'。') {
            stack.sentence = (struct opened){(uint32_t)at + 1, 0, 0};
        }
    }
    close_all(&stack, len);
    if (brackets->len > 0)
        qsort(brackets->data, brackets->len / sizeof(struct bracket), sizeof(struct bracket),
              compare);
}
