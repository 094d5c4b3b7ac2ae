/* Runs a target without libFuzzer: fuzz_<name> CORPUS_FOLDER [BITS]: each file as it is, with up to
 * so many of its bits flipped one at a time, and cut short. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/fuzz/fuzz.h"

enum { FILE_BYTES_MAX = 1 << 20, FLIPS = 400, CUTS = 60 };

/* A copy of exactly that length, so that a sanitizer sees a byte too far. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    if (len) memcpy(copy, data, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void run_file(const char *path, size_t flips)
{
    struct buf file = {0};
    struct error error = {0};
    CHECK(file_read(path, FILE_BYTES_MAX, &file, &error) == 0);
    run(file.data, file.len);
    /* A short file has fewer bits than that, and each once is enough. */
    for (size_t i = 0; i < flips && i < file.len * 8; i++) {
        size_t at = file.len * 8 <= flips ? i / 8 : i * 7919 % file.len;
        uint8_t bit = (uint8_t)(1u << i % 8);
        file.data[at] ^= bit;
        run(file.data, file.len);
        file.data[at] ^= bit;
    }
    size_t cuts = file.len < CUTS ? file.len : CUTS;
    if (cuts > flips) cuts = flips;
    for (size_t i = 0; i < cuts; i++) run(file.data, file.len * i / cuts);
    buf_fini(&file);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    if (argc != 2 && argc != 3) return 64;
    size_t flips = argc == 3 ? strtoul(argv[2], NULL, 10) : FLIPS;
    DIR *folder = opendir(argv[1]);
    CHECK(folder != NULL);
    run(NULL, 0);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        if (entry->d_name[0] == '.') continue;
        CHECK(snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name) < (int)sizeof path);
        run_file(path, flips);
        count++;
    }
    closedir(folder);
    printf("%zu files\n", count);
    return count > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
