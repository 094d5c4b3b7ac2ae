/* Writes tests/vectors/envelope.json to standard output. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/vectors/envelopes.h"

int main(void)
{
    if (sodium_init() < 0) return 1;
    char *text = envelopes_vectors();
    int result = fputs(text, stdout) < 0;
    free(text);
    return result;
}
