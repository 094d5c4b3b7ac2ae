/* envelopes: the worked example of docs/PROTOCOL.md, computed: one envelope, its rewrap, its
 * journal record and receipt, the signed bodies and a lane.
 * tests/vectors/envelope.json holds what this gives; a unit test compares the two, and
 * tests/interop checks the file by other means. */
#ifndef TESTS_VECTORS_ENVELOPES_H
#define TESTS_VECTORS_ENVELOPES_H

/* The whole file's text, to be freed with free(). sodium_init() comes first. */
char *envelopes_vectors(void);

#endif
