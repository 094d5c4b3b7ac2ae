/* attachments: the worked example of docs/PROTOCOL.md, "Attachments", computed: files of several
 * lengths as chunks, leaves and roots, and an envelope that carries two of them.
 * tests/vectors/attachment.json holds what this gives; a unit test compares the two, and
 * tests/interop opens and makes it by other means. */
#ifndef TESTS_VECTORS_ATTACHMENTS_H
#define TESTS_VECTORS_ATTACHMENTS_H

/* The whole file's text, to be freed with free(). sodium_init() comes first. */
char *attachments_vectors(void);

#endif
