/* words: the vocabulary of plans: roles and the words that give them, what looks like a unit's
 * name, a group, a person, a deadline; numbers.
 *
 * Works on spans of a text (text.h): code points without white space. Comparing is done on the
 * folded form, in which full-width ASCII is ASCII, the punctuation of one kind is one character and
 * traditional characters are simplified ones; `负责`, `負責` and `负 责` are the same word. Pure,
 * no allocation, thread-safe; every function is linear in the span. */
#ifndef CLIENTS_PLAN_DERIVE_WORDS_H
#define CLIENTS_PLAN_DERIVE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stood before a character in the text; kept in the bits above its code point. */
enum {
    WORDS_GAP = 1 << 24,   /* white space of any kind, a line break included */
    WORDS_WIDE = 1 << 25,  /* two columns of white space, or a tab */
    WORDS_LINE = 1 << 26,  /* a line break */
    WORDS_BLANK = 1 << 27, /* an empty line that means something */
    WORDS_PAGE = 1 << 28,  /* a page break */
    WORDS_POINT = (1 << 21) - 1,
};

/* Borrowed: part of a text. `c` has code points with the flags above, `f` the folded ones. */
struct span {
    const uint32_t *c;
    const uint32_t *f;
    size_t len;
};
#define SPAN_NONE SIZE_MAX

static inline struct span span_sub(struct span span, size_t from, size_t to)
{
    if (from == to) return (struct span){span.c, span.f, 0};
    return (struct span){span.c + from, span.f + from, to - from};
}
/* Without separators, quotation marks and ornaments at both ends. */
struct span span_trim(struct span span);

uint32_t words_fold(uint32_t point);

/* `word` is a U"" literal in simplified characters. */
size_t words_len(const uint32_t *word);
bool span_is(struct span span, const uint32_t *word);
bool span_starts(struct span span, const uint32_t *word);
bool span_ends(struct span span, const uint32_t *word);
size_t span_find(struct span span, const uint32_t *word); /* SPAN_NONE: not there */
bool span_equal(struct span a, struct span b);            /* folded */
/* The first or last of these characters (folded) outside brackets; SPAN_NONE. */
size_t span_find_any(struct span span, const uint32_t *set);
/* The bracket that closes or opens the one at `at`; SPAN_NONE. */
size_t span_close(struct span span, size_t at);
size_t span_open(struct span span, size_t at);

bool words_opens(uint32_t folded);
bool words_closes(uint32_t folded);
bool words_dash(uint32_t folded); /* any dash that marks an item or frames a page number */
bool words_ideograph(uint32_t point);
static inline bool words_digit(uint32_t folded)
{
    return folded >= '0' && folded <= '9';
}

/* A number at the start of the span, Arabic or Chinese, 1 to 9999. Characters taken; 0: none. */
size_t words_arabic(struct span span, uint32_t *ret_value);
size_t words_chinese(struct span span, uint32_t *ret_value);

/* What a name does in a clause. HEAD (牵头) outranks LEAD (负责, 责任单位): where both are in one
 * clause, those who are merely responsible cooperate. */
enum role {
    ROLE_NONE,
    ROLE_HEAD,
    ROLE_LEAD,
    ROLE_COOP,
    ROLE_OTHER, /* guides, supervises, accepts: neither leads nor cooperates */
    ROLE_SKIP,  /* of a label: what follows names no unit (deadline, person in charge) */
};

/* The label at the end of the span, which stands before a colon: "市级牵头单位". *ret_start is
 * where it begins; ROLE_NONE: no label. ROLE_SKIP for labels that name no unit. */
enum role words_label(struct span span, size_t *ret_start);
/* 及责任人 at the end of a label of units: its length; 0: it names no persons. */
size_t words_label_persons(struct span span);
/* Ends like a label of units, whatever it says of them: 联系单位. */
bool words_label_noun(struct span span);
/* A label of units at the start of the span without a colon behind it ("牵头单位"); its length, 0:
 * none. */
size_t words_label_start(struct span span, enum role *ret_role);
/* Is the whole span the name of a column: "序号", "重点任务", "完成时限"? Labels of units are not
 * among them. */
bool words_column(struct span span);

enum verb_kind {
    VERB_NONE,
    VERB_ROLE,  /* the names before it get the role: 负责, 配合 */
    VERB_WITH,  /* the names before it lead, those after it cooperate: 会同 */
    VERB_IS,    /* 为牵头单位: as VERB_ROLE */
    VERB_LABEL, /* 配合单位 without a colon: the names after it get the role */
};
struct verb {
    enum verb_kind kind;
    enum role role;
    size_t at, len;
    bool weak; /* a word that names have too: only at the end of a chunk */
};
/* The leftmost word that gives a role, outside brackets. VERB_NONE: none. */
struct verb words_verb(struct span span);
/* A span that is nothing but a role: "牵头", "配合单位". */
enum role words_role(struct span span);
/* Could a role word begin at f[at]? For counting candidates; cheap. */
bool words_role_at(struct span span, size_t at);

/* Ends like the name of an organ, and is more than the ending. */
bool words_unit(struct span span);
/* As words_unit, and nothing seems to be missing: not 区公安 or 区司, which may go on. */
bool words_whole_unit(struct span span);
/* What a name goes on with and hardly one begins with: 办公室, 交警支队. */
bool words_tail(struct span span);
/* Could a name begin like the span, which ends like one? */
bool words_starts_name(struct span span);
/* Stands for several units: 各区政府, 各成员单位. */
bool words_group(struct span span);
/* ... and ends like a group does: 各镇街, not 各项目. */
bool words_whole_group(struct span span);
/* Names nobody in particular: 有关部门. */
bool words_generic(struct span span);
/* 责任单位, 各牵头部门 in running text: whoever that is. */
bool words_role_noun(struct span span);
bool words_person(struct span span);
bool words_deadline(struct span span);
/* The length of the administrative prefix: 省, 市, 区委, 自治区; 0: none. */
size_t words_prefix(struct span span);
/* Begins like a unit's name: with such a prefix, 各, 公安, 团, 国家. */
bool words_begins(struct span span);
/* Adverbs off the end of what stands before a verb: 积极, 共同, 按职责分工. *ret_shared is set when
 * they share the duty out among several. */
struct span words_strip(struct span span, bool *ret_shared);
/* 等, 等部门, 等有关单位 behind a name: where it begins; SPAN_NONE. *ret_end is where it ends. */
size_t words_etcetera(struct span span, size_t *ret_end);
/* A unit's name beyond doubt: one that running text may begin a duty with. Not a body that the plan
 * itself sets up, nor one that names nobody in particular. */
bool words_certain(struct span span);
/* The unit at the start of a span that goes on with what it shall do: its length; 0: none. */
size_t words_unit_start(struct span span);
/* A unit's name beyond doubt somewhere in the span, where a word may begin, with a place of its own
 * (市教育局); if it is `open` also one without that the span begins with (教育部门) or is
 * (宁海支行). Where it begins; SPAN_NONE: none. */
size_t words_find_unit(struct span span, bool open, size_t *ret_len);
/* Ends like a name, but may be one that goes on with what it shall do: 市卫健委指导医院. */
bool words_runs_on(struct span span);
/* Begins like what a unit shall do: 开展, 依法. */
bool words_acts(struct span span);

#endif
