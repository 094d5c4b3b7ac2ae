/* content_probe: what the examination of contents says of files, for check_content.py.
 *
 * content_probe numbers FILE...: the same as of a kind without personal data.
 * content_probe examine FILE...: a line per file: verdict, path, detail, media type, class,
 * pictures, unread, separated by tabs. content_probe strip|strip-location IN OUT: the picture
 * without what it need not have; a line with the verdict, path, detail and bytes removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/content/content.h"

static int read_file(const char *path, struct buf *ret_data)
{
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    uint8_t chunk[65536];
    if (!file) return -1;
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0) buf_append(ret_data, chunk, len);
    int failed = ferror(file);
    fclose(file);
    return failed ? -1 : 0;
}

static const char *verdict(int status)
{
    return status ? error_name(status) : "fine";
}

/* In memory of exactly its size, so that a read beyond the end is seen by the sanitizers. */
static struct bytes exact(const struct buf *data, uint8_t **ret_memory)
{
    *ret_memory = malloc(data->len ? data->len : 1);
    if (!*ret_memory) abort();
    if (data->len) memcpy(*ret_memory, data->data, data->len);
    return bytes_of(*ret_memory, data->len);
}

static int examine(const char *path, bool no_numbers)
{
    struct buf data = {0};
    uint8_t *memory = NULL;
    struct content_report report = {0};
    struct error error = {0};
    const char *name = strrchr(path, '/');
    char label[64];
    if (read_file(path, &data)) return 1;
    snprintf(label, sizeof label, "\"%s\"", name ? name + 1 : path);
    struct bytes bytes = exact(&data, &memory);
    const struct content_rule rule = {
        .path = label,
        .classes = CONTENT_PHOTO | CONTENT_DOCUMENT | CONTENT_MEDIA,
        .no_numbers = true,
        .confirm_no_dna = true,
    };
    int status = no_numbers ? content_check_outgoing(bytes, &rule, NULL, &report, &error)
                            : content_examine(bytes, label, &report, &error);
    struct content_type type = content_type_detect(bytes);
    printf("%s\t%s\t%s\t%s\t%s\t%zu\t%zu\n", verdict(status), error.field, error.detail,
           type.media_type, content_class_name(type.class), report.picture_count,
           report.unread_count);
    free(memory);
    buf_fini(&data);
    return 0;
}

static int strip(const char *from, const char *to, bool keep_location)
{
    struct buf data = {0};
    struct buf clean = {0};
    uint8_t *memory = NULL;
    struct error error = {0};
    size_t removed = 0;
    if (read_file(from, &data)) return 1;
    int status = content_image_strip(exact(&data, &memory), keep_location, "photo", &clean,
                                     &removed, &error);
    printf("%s\t%s\t%s\t%zu\n", verdict(status), error.field, error.detail, removed);
    FILE *file = status ? NULL : fopen(to, "wb");
    int result = 0;
    if (!status && (!file || fwrite(clean.data, 1, clean.len, file) != clean.len)) result = 1;
    if (file && fclose(file)) result = 1;
    free(memory);
    buf_fini(&data);
    buf_fini(&clean);
    return result;
}

static int strips(const char *path)
{
    struct buf data = {0};
    struct buf clean = {0};
    struct buf again = {0};
    uint8_t *memory = NULL;
    struct error error = {0};
    size_t removed = 0;
    if (read_file(path, &data)) return 1;
    int status =
        content_image_strip(exact(&data, &memory), true, "photo", &clean, &removed, &error);
    int second =
        status ? status : content_image_strip(buf_bytes(&clean), true, "photo", &again, NULL, NULL);
    int result = second != status || !bytes_equal(buf_bytes(&clean), buf_bytes(&again));
    printf("%s\t%s\t%s\t%zu\n", verdict(status), error.field, error.detail, removed);
    free(memory);
    buf_fini(&data);
    buf_fini(&clean);
    buf_fini(&again);
    return result;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "strip") == 0) return strip(argv[2], argv[3], false);
    if (argc == 4 && strcmp(argv[1], "strip-location") == 0) return strip(argv[2], argv[3], true);
    bool pictures = argc > 2 && strcmp(argv[1], "strips") == 0;
    bool numbers = argc > 2 && strcmp(argv[1], "numbers") == 0;
    if (argc < 3 || (!pictures && !numbers && strcmp(argv[1], "examine") != 0)) return 2;
    for (int i = 2; i < argc; i++)
        if (pictures ? strips(argv[i]) : examine(argv[i], numbers)) {
            fprintf(stderr, "%s: not readable, or not the same twice\n", argv[i]);
            return 1;
        }
    return 0;
}
