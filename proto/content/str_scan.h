/* str_scan: results of STR typing (a DNA profile) in any text, and talk about DNA, which is none.
 *
 * The scan takes plain characters (plain.h) one by one and keeps a few hundred bytes of state, so a
 * text of any length is read once, in constant memory. It knows the loci that forensic kits type:
 * the autosomal ones by name (CODIS, the Chinese database's, Penta D and E, mini-STRs) and any
 * other D..S.. by its form, Y (DYS, DYF, Y-GATA) and X (DXS). Case does not matter, nor a space or
 * hyphen inside a name ("Penta D", "D3-S1358", "TH 01"), nor zero for the letter O.
 *
 * Two shapes are results:
 * - a locus followed by its alleles: "D3S1358: 15,16", a row of a table, JSON and XML of any kind
 *   with the words allele, locus, genotype, marker, value around the numbers;
 * - four or more loci named one after another (the head of a table, a column of it) and after them
 *   a run of alleles, about as many as the loci have.
 * An allele is a number of 3 to 60, or with one decimal. A number with a measure word behind it
 * (15 persons, 12%) is none.
 *
 * It is a profile when four distinct loci have alleles, two of them a pair (one allele is enough on
 * Y and X), and two of the four are known by name or there are eight. Amelogenin shows the sex
 * and counts for nothing. One locus, a list of loci without results, room numbers, scores and
 * lottery draws are no profile; a kit's table of control genotypes is one. Pure, no allocation,
 * thread-safe. */
#ifndef PROTO_CONTENT_STR_SCAN_H
#define PROTO_CONTENT_STR_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum {
    STR_LOCUS_COUNT_MIN = 4, /* so many make a profile */
    STR_SEEN_COUNT_MAX = 32,
    STR_LIST_COUNT_MAX = 64,
    STR_WORD_LEN_MAX = 23,
    STR_WORD_KEPT = 3,
};

struct str_locus {
    uint32_t key;
    bool known;  /* by name */
    bool single; /* on Y or X: one allele is a result */
    bool paired; /* two alleles have been seen */
};

struct str_word {
    char text[STR_WORD_LEN_MAX + 1];
    bool joint;   /* one space, hyphen or underscore stood between this word and the one before */
    bool is_name; /* it was, or ended, the name of a locus */
};

struct str_scan {
    bool found;
    /* loci with alleles, so far; kept over breaks */
    size_t seen_count;
    struct str_locus seen[STR_SEEN_COUNT_MAX];
    /* the word being read, and the ones before it */
    size_t len; /* STR_WORD_LEN_MAX + 1: longer than any name or number */
    char word[STR_WORD_LEN_MAX + 1];
    bool dot; /* a point after digits, not yet known to be a decimal one */
    struct str_word kept[STR_WORD_KEPT];
    char gap;         /* the only separator since the last word; 0: none, 1: another or several */
    size_t gap_count; /* characters of other scripts since the last word */
    /* the locus that waits for its alleles */
    bool pending;
    struct str_locus locus;
    unsigned alleles;
    unsigned words;
    unsigned numbers;
    /* loci named in a row, and the run of alleles after them */
    size_t list_count;
    uint32_t list[STR_LIST_COUNT_MAX];
    size_t list_known;
    size_t list_single;
    size_t since; /* words since the last of them */
    size_t run;
    int last;
    int step;
    bool steady; /* every allele so far was one step from the one before: 5, 6, 7, 8 */
};

/* {0} is a scan at its start. */
void str_scan_put(struct str_scan *scan, char plain);
void str_scan_text(struct str_scan *scan, struct bytes utf8);
/* Ends the word, the row and the list: between two fields, two files. What was found stays. */
void str_scan_break(struct str_scan *scan);
/* Whether what was read so far is a profile. Ends the word being read. */
bool str_scan_found(struct str_scan *scan);

#endif
