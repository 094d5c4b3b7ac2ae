#include "proto/content/pdf.h"

#include <stdlib.h>
#include <string.h>

#include "proto/content/plain.h"

/* ---- objects --------------------------------------------------------------------------------- */

static int object_add(struct pdf *pdf, const struct pdf_object *object)
{
    if (pdf->count == CONTENT_OBJECT_COUNT_MAX)
        return examine_refuse(pdf->examine, REFUSAL_PDF_OBJECTS);
    if (pdf->count == pdf->cap) {
        size_t cap = pdf->cap ? pdf->cap * 2 : 256;
        struct pdf_object *objects = examine_alloc(pdf->examine, cap * sizeof *objects);
        if (!objects) return examine_refuse(pdf->examine, REFUSAL_NO_ROOM);
        if (pdf->count) memcpy(objects, pdf->objects, pdf->count * sizeof *objects);
        pdf->objects = objects;
        pdf->cap = cap;
    }
    struct pdf_object *added = &pdf->objects[pdf->count++];
    *added = *object;
    if (!pdf_find(added->value, "Type", &added->type)) added->type = bytes_of(NULL, 0);
    return 0;
}

static bool is_blank(uint8_t c)
{
    return c == 0 || c == ' ' || (c >= 9 && c <= 13);
}

/* The number before " 0 obj", backwards from `at`. */
static bool number_before(struct bytes data, size_t at, uint32_t *ret_number)
{
    for (size_t part = 0; part < 2; part++) {
        size_t blanks = 0;
        while (at && is_blank(data.data[at - 1])) {
            at--;
            blanks++;
        }
        uint64_t value = 0;
        uint64_t scale = 1;
        size_t digits = 0;
        while (at && plain_is_digit((char)data.data[at - 1]) && digits < 10) {
            value += scale * (uint64_t)(data.data[--at] - '0');
            scale *= 10;
            digits++;
        }
        if (!digits || !blanks || value > 0x7fffffff) return false;
        *ret_number = (uint32_t)value;
    }
    return true;
}

/* The bytes between "stream" and "endstream": by the length that the dictionary says, if
 * "endstream" stands there, or up to the next one. */
static size_t take_stream(struct pdf *pdf, size_t at, struct pdf_object *object)
{
    struct bytes value;
    uint32_t len = 0;
    const uint8_t *data = pdf->data.data;
    if (at < pdf->data.len && data[at] == '\r') at++;
    if (at < pdf->data.len && data[at] == '\n') at++;
    object->has_stream = true;
    if (pdf_find(object->value, "Length", &value) && !pdf_reference(value, &len) &&
        pdf_integer(value, &len) && len <= pdf->data.len - at) {
        size_t end = at + len;
        while (end < pdf->data.len && end < at + len + 2 && is_blank(data[end])) end++;
        if (pdf->data.len - end >= 9 && memcmp(data + end, "endstream", 9) == 0) {
            object->stream = bytes_of(data + at, len);
            return end + 9;
        }
    }
    size_t end = pdf_search(pdf->data, at, "endstream");
    object->stream = bytes_of(data + at, end - at);
    return end;
}

/* The object whose "obj" ends at `at`; *ret_end: where to go on. */
static int take_object(struct pdf *pdf, size_t at, uint32_t number, size_t *ret_end)
{
    struct pdf_lex lex = {bytes_of(pdf->data.data + at, pdf->data.len - at)};
    struct pdf_object object = {.number = number};
    struct pdf_token token;
    if (!pdf_value(&lex, &object.value)) {
        /* an empty object is nothing; one that never ends hides what follows */
        *ret_end = pdf->data.len - lex.rest.len;
        return lex.rest.len ? 0 : examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
    }
    *ret_end = pdf->data.len - lex.rest.len;
    struct pdf_lex ahead = pdf_ahead(&lex);
    if (pdf_is_dictionary(object.value) && pdf_next(&ahead, &token) &&
        pdf_is(&token, PDF_WORD, "stream"))
        *ret_end = take_stream(pdf, (size_t)(ahead.rest.data - pdf->data.data), &object);
    return object_add(pdf, &object);
}

static int find_objects(struct pdf *pdf)
{
    size_t at = 0;
    uint32_t number = 0;
    while ((at = pdf_search(pdf->data, at, "obj")) < pdf->data.len) {
        bool head = at > 0 && number_before(pdf->data, at, &number);
        at += 3;
        if (!head) continue;
        int status = take_object(pdf, at, number, &at);
        if (status) return status;
    }
    return 0;
}

/* By number; of the same number the last one in the file comes last. */
static int by_number(const void *a, const void *b)
{
    const struct pdf_object *left = (const struct pdf_object *)a;
    const struct pdf_object *right = (const struct pdf_object *)b;
    if (left->number != right->number) return left->number < right->number ? -1 : 1;
    return left->value.data < right->value.data ? -1 : left->value.data > right->value.data;
}

static void sort(struct pdf *pdf)
{
    if (pdf->count) qsort(pdf->objects, pdf->count, sizeof *pdf->objects, by_number);
    pdf->sorted = pdf->count;
}

struct pdf_object *pdf_object_of(struct pdf *pdf, uint32_t number)
{
    size_t low = 0;
    size_t high = pdf->sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pdf->objects[middle].number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low && pdf->objects[low - 1].number == number ? &pdf->objects[low - 1] : NULL;
}

struct bytes pdf_resolve(struct pdf *pdf, struct bytes value)
{
    uint32_t number = 0;
    if (!pdf_reference(value, &number)) return value;
    const struct pdf_object *object = pdf_object_of(pdf, number);
    return object ? object->value : bytes_of(NULL, 0);
}

bool pdf_get(struct pdf *pdf, struct bytes dictionary, const char *key, struct bytes *ret_value)
{
    struct bytes value;
    if (examine_charge(pdf->examine, dictionary.len)) return false;
    if (!pdf_find(dictionary, key, &value)) return false;
    value = pdf_resolve(pdf, value);
    *ret_value = value;
    return value.len > 0 && !examine_charge(pdf->examine, value.len);
}

static bool has_name(struct pdf *pdf, struct bytes dictionary, const char *key, const char *name)
{
    struct bytes value;
    return pdf_get(pdf, dictionary, key, &value) && pdf_is_name(value, name);
}

/* "N pairs of number and place, then the objects": /N and /First say how many and where. */
static int open_object_stream(struct pdf *pdf, const struct pdf_object *container)
{
    struct bytes data = {0};
    struct bytes value;
    uint32_t count = 0;
    uint32_t first = 0;
    bool picture = false;
    struct pdf_token token;
    int status = pdf_stream(pdf, container, pdf->examine->arena, &data, &picture);
    if (status) return status;
    if (pdf_get(pdf, container->value, "N", &value)) pdf_integer(value, &count);
    if (pdf_get(pdf, container->value, "First", &value)) pdf_integer(value, &first);
    if (picture || first > data.len) return examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
    struct pdf_lex pairs = {bytes_of(data.data, first)};
    for (uint32_t i = 0; i < count && !status; i++) {
        struct pdf_object object = {0};
        if (!pdf_next(&pairs, &token) || !pdf_integer(token.text, &object.number)) break;
        uint32_t place = 0;
        if (!pdf_next(&pairs, &token) || !pdf_integer(token.text, &place)) break;
        if (place > data.len - first) return examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
        struct pdf_lex lex = {bytes_of(data.data + first + place, data.len - first - place)};
        size_t before = lex.rest.len;
        bool whole = pdf_value(&lex, &object.value);
        status = examine_charge(pdf->examine, before - lex.rest.len);
        if (!status && whole) status = object_add(pdf, &object);
    }
    return status;
}

static int open_object_streams(struct pdf *pdf)
{
    size_t count = pdf->count; /* those found now are not streams */
    for (size_t i = 0; i < count; i++) {
        struct pdf_object object = pdf->objects[i];
        if (!object.has_stream || !pdf_is_name(object.type, "ObjStm")) continue;
        pdf->objects[i].done = true;
        int status = open_object_stream(pdf, &object);
        if (status) return status;
    }
    return 0;
}

/* ---- what is in them ------------------------------------------------------------------------- */

static int check_encrypted(struct pdf *pdf)
{
    struct bytes value;
    size_t at = 0;
    while ((at = pdf_search(pdf->data, at, "trailer")) < pdf->data.len) {
        struct pdf_lex lex = {bytes_of(pdf->data.data + at + 7, pdf->data.len - at - 7)};
        if (pdf_value(&lex, &value) && pdf_find(value, "Encrypt", &value))
            return examine_refuse(pdf->examine, REFUSAL_ENCRYPTED);
        at = pdf->data.len - lex.rest.len;
    }
    for (size_t i = 0; i < pdf->count; i++)
        if (pdf->objects[i].has_stream && pdf_is_name(pdf->objects[i].type, "XRef")) {
            pdf->objects[i].done = true;
            if (pdf_find(pdf->objects[i].value, "Encrypt", &value))
                return examine_refuse(pdf->examine, REFUSAL_ENCRYPTED);
        }
    return 0;
}

static void put(struct pdf *pdf, struct str_scan *scan, char c)
{
    str_scan_put(scan, c);
    examine_number(pdf->examine, c);
}

static void scan_string(struct pdf *pdf, struct str_scan *scan, const struct pdf_token *token)
{
    struct pdf_string string = pdf_string_of(token);
    uint8_t pair[2] = {0, 0};
    size_t count = 0;
    bool wide = false;
    uint8_t byte = 0;
    for (size_t i = 0; pdf_string_take(&string, &byte); i++) {
        if (i < 2) pair[i] = byte;
        if (i == 1) wide = pair[0] == 0xfe && pair[1] == 0xff;
        if (!wide) {
            put(pdf, scan, plain_of(byte < 0x80 ? byte : 0xfffd));
        } else if (i > 1) {
            pair[count++] = byte;
            if (count == 2) put(pdf, scan, plain_of(load_u16(pair)));
            count %= 2;
        }
    }
}

/* Titles, notes, form fields, outlines: all strings that are not in streams. */
static int examine_strings(struct pdf *pdf)
{
    struct str_scan scan = {0};
    for (size_t i = 0; i < pdf->count && !scan.found; i++) {
        struct pdf_lex lex = {pdf->objects[i].value};
        struct pdf_token token;
        int status = examine_charge(pdf->examine, lex.rest.len);
        if (status) return status;
        while (pdf_next(&lex, &token)) {
            if (token.kind != PDF_STRING && token.kind != PDF_HEX) continue;
            scan_string(pdf, &scan, &token);
            put(pdf, &scan, '\n');
        }
    }
    if (str_scan_found(&scan)) return examine_refuse(pdf->examine, REFUSAL_TYPED);
    return examine_numbers_end(pdf->examine);
}

/* The dictionary of fonts of a page or form; a page may have it from its parents. */
static struct bytes fonts_of(struct pdf *pdf, struct bytes dictionary)
{
    struct bytes resources;
    struct bytes fonts = {0};
    for (size_t i = 0; i < PDF_PARENT_COUNT_MAX; i++) {
        if (pdf_get(pdf, dictionary, "Resources", &resources)) {
            pdf_get(pdf, resources, "Font", &fonts);
            return fonts;
        }
        if (!pdf_get(pdf, dictionary, "Parent", &dictionary)) break;
    }
    return fonts;
}

static int finish(struct pdf *pdf, struct pdf_text *text, int status)
{
    if (status) return status;
    if (text->unread) pdf->examine->report.unread_count++;
    if (pdf_text_found(text)) return examine_refuse(pdf->examine, REFUSAL_TYPED);
    return examine_numbers_end(pdf->examine);
}

static int run_stream(struct pdf *pdf, struct pdf_object *object, struct pdf_text *text)
{
    struct bytes data = {0};
    bool picture = false;
    arena_reset(pdf->scratch);
    int status = pdf_stream(pdf, object, pdf->scratch, &data, &picture);
    object->done = true;
    if (status) return status;
    return picture ? 0 : pdf_text_run(text, data);
}

/* The contents of a page may be cut into several streams, anywhere between two words. */
static int examine_page(struct pdf *pdf, struct bytes page)
{
    struct pdf_text text;
    struct bytes contents;
    struct bytes value;
    uint32_t number = 0;
    int status = 0;
    pdf->page_count++;
    if (!pdf_find(page, "Contents", &contents)) return 0;
    status = examine_charge(pdf->examine, page.len);
    if (status) return status;
    pdf->fonts = fonts_of(pdf, page);
    pdf_text_init(&text, pdf, pdf->fonts);
    struct bytes list = pdf_resolve(pdf, contents);
    status = examine_charge(pdf->examine, list.len);
    struct pdf_lex lex = {pdf_is_array(list) ? list : contents};
    struct pdf_token token;
    if (pdf_is_array(list)) pdf_next(&lex, &token);
    while (!status && pdf_value(&lex, &value)) {
        struct pdf_object *object =
            pdf_reference(value, &number) ? pdf_object_of(pdf, number) : NULL;
        if (object && object->has_stream) status = run_stream(pdf, object, &text);
    }
    return finish(pdf, &text, status);
}

static int examine_pages(struct pdf *pdf)
{
    for (size_t i = 0; i < pdf->count; i++) {
        if (!pdf_is_name(pdf->objects[i].type, "Page")) continue;
        int status = examine_page(pdf, pdf->objects[i].value);
        if (status) return status;
    }
    return pdf->page_count ? 0 : examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
}

/* /EF names the streams that are files. */
static void mark_files(struct pdf *pdf)
{
    static const char *const keys[] = {"F", "UF", "DOS", "Mac", "Unix"};
    struct bytes files;
    struct bytes value;
    uint32_t number = 0;
    for (size_t i = 0; i < pdf->count; i++) {
        struct pdf_object *object = &pdf->objects[i];
        if (object->has_stream && pdf_is_name(object->type, "EmbeddedFile")) object->is_file = true;
        if (!pdf_get(pdf, object->value, "EF", &files)) continue;
        if (examine_charge(pdf->examine, files.len * (sizeof keys / sizeof *keys))) return;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            if (!pdf_find(files, keys[k], &value) || !pdf_reference(value, &number)) continue;
            struct pdf_object *file = pdf_object_of(pdf, number);
            if (file && file->has_stream) file->is_file = true;
        }
    }
}

static int examine_file(struct pdf *pdf, struct pdf_object *object)
{
    struct examine *examine = pdf->examine;
    struct bytes data = {0};
    bool picture = false;
    size_t len = examine_enter(examine, bytes_of_str("file"), 0);
    int status = 0;
    if (examine->depth >= CONTENT_DEPTH_MAX) return examine_refuse(examine, REFUSAL_TOO_DEEP);
    arena_reset(pdf->scratch);
    object->done = true;
    status = pdf_stream(pdf, object, pdf->scratch, &data, &picture);
    examine->depth++;
    if (!status && picture)
        examine->report.picture_count++;
    else if (!status)
        status = examine_any(examine, data);
    examine->depth--;
    examine_leave(examine, len);
    return status;
}

/* Fonts' programs, colour tables and the like: no text. */
static bool is_machinery(struct pdf *pdf, struct bytes dictionary)
{
    static const char *const keys[] = {"Length1",     "Length2",  "FunctionType",
                                       "ShadingType", "CMapName", "Alternate"};
    static const char *const subtypes[] = {"Type1C", "CIDFontType0C", "OpenType"};
    struct bytes value;
    if (examine_charge(pdf->examine, dictionary.len)) return false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (pdf_find(dictionary, keys[i], &value)) return true;
    for (size_t i = 0; i < sizeof subtypes / sizeof *subtypes; i++)
        if (pdf_find(dictionary, "Subtype", &value) && pdf_is_name(value, subtypes[i])) return true;
    return false;
}

/* A stream that no page named: a form, a note's looks, XML, or something left behind. */
static int examine_other(struct pdf *pdf, struct pdf_object *object)
{
    struct pdf_text text;
    struct bytes data = {0};
    bool picture = false;
    if (has_name(pdf, object->value, "Subtype", "Image")) {
        pdf->examine->report.picture_count++;
        return 0;
    }
    if (is_machinery(pdf, object->value)) return 0;
    arena_reset(pdf->scratch);
    int status = pdf_stream(pdf, object, pdf->scratch, &data, &picture);
    if (status) return status;
    if (picture) pdf->examine->report.picture_count++;
    struct content_type type = content_type_detect(data);
    if (type.format == FORMAT_MARKUP) return examine_markup(pdf->examine, data);
    struct bytes fonts = fonts_of(pdf, object->value);
    pdf_text_init(&text, pdf, fonts.len ? fonts : pdf->fonts);
    return finish(pdf, &text, pdf_text_run(&text, data));
}

static int examine_others(struct pdf *pdf)
{
    int status = 0;
    for (size_t i = 0; i < pdf->count && !status; i++) {
        struct pdf_object *object = &pdf->objects[i];
        if (!object->has_stream || object->done) continue;
        status = object->is_file ? examine_file(pdf, object) : examine_other(pdf, object);
    }
    return status;
}

static int examine_all(struct pdf *pdf)
{
    int status = find_objects(pdf);
    sort(pdf);
    if (!status) status = check_encrypted(pdf);
    if (!status) status = open_object_streams(pdf);
    sort(pdf);
    if (!status) mark_files(pdf);
    if (!status) status = examine_strings(pdf);
    if (!status) status = examine_pages(pdf);
    if (!status) status = examine_others(pdf);
    return status;
}

int examine_pdf(struct examine *examine, struct bytes data)
{
    struct arena scratch;
    struct pdf pdf = {.examine = examine, .data = data, .scratch = &scratch};
    arena_init(&scratch, 2 * CONTENT_STREAM_BYTES_MAX);
    int status = examine_all(&pdf);
    arena_fini(&scratch);
    return status;
}
