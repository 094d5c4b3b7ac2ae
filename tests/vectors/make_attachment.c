/* Writes tests/vectors/attachment.json to standard output. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/vectors/attachments.h"

int main(void)
{
    if (sodium_init() < 0) return 1;
    char *text = attachments_vectors();
    int result = fputs(text, stdout) < 0;
    free(text);
    return result;
}
