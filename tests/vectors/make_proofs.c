/* Writes tests/vectors/proofs.json to standard output. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/vectors/proofs.h"

int main(void)
{
    if (sodium_init() < 0) return 1;
    char *text = proofs_vectors();
    int result = fputs(text, stdout) < 0;
    free(text);
    return result;
}
