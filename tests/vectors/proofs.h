/* proofs: the worked examples of docs/JOURNAL.md and docs/PROTOCOL.md, computed.
 * tests/vectors/proofs.json holds what this gives; a unit test compares the two, and checks the
 * file by other means. */
#ifndef TESTS_VECTORS_PROOFS_H
#define TESTS_VECTORS_PROOFS_H

/* The whole file's text, to be freed with free(). sodium_init() comes first. */
char *proofs_vectors(void);

#endif
