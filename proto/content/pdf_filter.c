/* The filters of streams: Flate, LZW, ASCII85, ASCIIHex, RunLength, and PNG predictors. */
#include <string.h>

#include "proto/content/inflate.h"
#include "proto/content/pdf.h"

/* Output of a known bound in memory of the arena. */
struct sink {
    struct arena *arena;
    uint8_t *data;
    size_t len;
    size_t cap;
    bool full;
};

static void sink_put(struct sink *sink, uint8_t byte)
{
    if (sink->len == sink->cap && !sink->full) {
        size_t cap = sink->cap ? sink->cap * 2 : 4096;
        uint8_t *data = cap <= CONTENT_STREAM_BYTES_MAX ? arena_alloc(sink->arena, cap) : NULL;
        if (data) {
            if (sink->len) memcpy(data, sink->data, sink->len);
            sink->data = data;
            sink->cap = cap;
        } else {
            sink->full = true;
        }
    }
    if (!sink->full) sink->data[sink->len++] = byte;
}

static void ascii85(struct bytes data, struct sink *sink)
{
    uint32_t group = 0;
    size_t count = 0;
    for (size_t i = 0; i < data.len && data.data[i] != '~'; i++) {
        uint8_t c = data.data[i];
        if (c == 'z' && !count) {
            for (size_t k = 0; k < 4; k++) sink_put(sink, 0);
            continue;
        }
        if (c < '!' || c > 'u') continue;
        group = group * 85 + (uint32_t)(c - '!');
        if (++count < 5) continue;
        for (size_t k = 0; k < 4; k++) sink_put(sink, (uint8_t)(group >> (24 - 8 * k)));
        group = 0;
        count = 0;
    }
    if (count < 2) return;
    for (size_t k = count; k < 5; k++) group = group * 85 + 84;
    for (size_t k = 0; k < count - 1; k++) sink_put(sink, (uint8_t)(group >> (24 - 8 * k)));
}

static void ascii_hex(struct bytes data, struct sink *sink)
{
    size_t end = pdf_search(data, 0, ">");
    struct pdf_string string = {bytes_of(data.data, end), true};
    uint8_t byte = 0;
    while (pdf_string_take(&string, &byte)) sink_put(sink, byte);
}

static void run_length(struct bytes data, struct sink *sink)
{
    size_t i = 0;
    while (i < data.len && data.data[i] != 128 && !sink->full) {
        size_t count = data.data[i];
        i++;
        if (count < 128) {
            for (size_t k = 0; k <= count && i < data.len; k++) sink_put(sink, data.data[i++]);
        } else if (i < data.len) {
            for (size_t k = 0; k < 257 - count; k++) sink_put(sink, data.data[i]);
            i++;
        }
    }
}

enum { LZW_CLEAR = 256, LZW_END = 257, LZW_COUNT = 4096 };

struct lzw {
    uint16_t before[LZW_COUNT]; /* the code that this one continues */
    uint8_t last[LZW_COUNT];
    uint8_t text[LZW_COUNT];
    unsigned next;
    unsigned width;
};

/* The bytes of a code; returns the first of them. */
static uint8_t lzw_put(struct lzw *lzw, unsigned code, struct sink *sink)
{
    size_t len = 0;
    while (code > LZW_END && code < LZW_COUNT && len < LZW_COUNT) {
        lzw->text[len++] = lzw->last[code];
        code = lzw->before[code];
    }
    uint8_t first = (uint8_t)code;
    sink_put(sink, first);
    while (len) sink_put(sink, lzw->text[--len]);
    return first;
}

static bool lzw_decode(struct bytes data, bool early, struct sink *sink)
{
    struct lzw lzw = {.next = LZW_END + 1, .width = 9};
    uint32_t bits = 0;
    unsigned bit_count = 0;
    int previous = -1;
    for (size_t i = 0; i < data.len && !sink->full;) {
        while (bit_count < lzw.width && i < data.len) {
            bits = bits << 8 | data.data[i++];
            bit_count += 8;
        }
        if (bit_count < lzw.width) break;
        bit_count -= lzw.width;
        unsigned code = bits >> bit_count & ((1u << lzw.width) - 1);
        if (code == LZW_END) return true;
        if (code == LZW_CLEAR) {
            lzw.next = LZW_END + 1;
            lzw.width = 9;
            previous = -1;
            continue;
        }
        if (code > lzw.next || (code == lzw.next && previous < 0)) return false;
        if (previous >= 0 && lzw.next < LZW_COUNT) {
            lzw.before[lzw.next] = (uint16_t)previous;
            lzw.last[lzw.next] = 0;
        }
        bool repeats = code == lzw.next;
        if (repeats && lzw.next >= LZW_COUNT) return false;
        size_t at = sink->len;
        uint8_t first = lzw_put(&lzw, code, sink);
        if (repeats && !sink->full) sink->data[sink->len - 1] = sink->data[at];
        if (previous >= 0 && lzw.next < LZW_COUNT) lzw.last[lzw.next++] = first;
        previous = (int)code;
        if (lzw.next + (early ? 1 : 0) >= 1u << lzw.width && lzw.width < 12) lzw.width++;
    }
    return true;
}

/* PNG's row filters; the first byte of each row says which. In place: rows only become shorter. */
static bool unpredict(struct pdf *pdf, struct bytes parameters, struct bytes *data,
                      uint8_t *mutable)
{
    uint32_t columns = 1;
    uint32_t colors = 1;
    uint32_t bits = 8;
    struct bytes value;
    if (pdf_get(pdf, parameters, "Columns", &value)) pdf_integer(value, &columns);
    if (pdf_get(pdf, parameters, "Colors", &value)) pdf_integer(value, &colors);
    if (pdf_get(pdf, parameters, "BitsPerComponent", &value)) pdf_integer(value, &bits);
    if (!columns || columns > 1000000 || !colors || colors > 32 || !bits || bits > 16) return false;
    size_t pixel = (colors * bits + 7) / 8;
    size_t row = ((size_t)columns * colors * bits + 7) / 8;
    size_t out = 0;
    for (size_t in = 0; in < data->len; in += row + 1) {
        uint8_t filter = mutable[in];
        for (size_t i = 0; i < row && in + 1 + i < data->len; i++, out++) {
            int left = i >= pixel ? mutable[out - pixel] : 0;
            int up = out >= row ? mutable[out - row] : 0;
            int corner = i >= pixel && out >= row + pixel ? mutable[out - row - pixel] : 0;
            int guess = left + up - corner;
            int by_left = guess > left ? guess - left : left - guess;
            int by_up = guess > up ? guess - up : up - guess;
            int by_corner = guess > corner ? guess - corner : corner - guess;
            int paeth = by_left <= by_up && by_left <= by_corner ? left
                        : by_up <= by_corner                     ? up
                                                                 : corner;
            int add = filter == 1   ? left
                      : filter == 2 ? up
                      : filter == 3 ? (left + up) / 2
                      : filter == 4 ? paeth
                                    : 0;
            mutable[out] = (uint8_t)(mutable[in + 1 + i] + add);
        }
    }
    data->len = out;
    return true;
}

static bool is_picture_filter(struct bytes name)
{
    static const char *const names[] = {"DCTDecode",      "DCT", "JPXDecode",
                                        "CCITTFaxDecode", "CCF", "JBIG2Decode"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pdf_is_name(name, names[i])) return true;
    return false;
}

static bool named(struct bytes name, const char *full, const char *brief)
{
    return pdf_is_name(name, full) || pdf_is_name(name, brief);
}

static int flate(struct pdf *pdf, struct arena *arena, struct bytes *data)
{
    switch (inflate_growing(*data, CONTENT_STREAM_BYTES_MAX, arena, data)) {
    case INFLATE_FINE: return 0;
    case INFLATE_DAMAGED: return examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
    default: return examine_refuse(pdf->examine, REFUSAL_NO_ROOM);
    }
}

static int apply(struct pdf *pdf, struct bytes name, struct bytes parameters, struct arena *arena,
                 struct bytes *data)
{
    struct sink sink = {.arena = arena};
    struct bytes value;
    uint32_t predictor = 1;
    uint32_t early = 1;
    bool fine = true;
    bool predicts = named(name, "FlateDecode", "Fl") || named(name, "LZWDecode", "LZW");
    if (!data->len) return 0;
    if (named(name, "FlateDecode", "Fl")) {
        int status = flate(pdf, arena, data);
        if (status) return status;
        sink.data = (uint8_t *)(uintptr_t)data->data; /* ours: the arena's */
    } else {
        if (named(name, "ASCII85Decode", "A85"))
            ascii85(*data, &sink);
        else if (named(name, "ASCIIHexDecode", "AHx"))
            ascii_hex(*data, &sink);
        else if (named(name, "RunLengthDecode", "RL"))
            run_length(*data, &sink);
        else if (!named(name, "LZWDecode", "LZW"))
            return examine_refuse(pdf->examine, REFUSAL_PDF_FILTER);
        if (pdf_get(pdf, parameters, "EarlyChange", &value)) pdf_integer(value, &early);
        if (named(name, "LZWDecode", "LZW")) fine = lzw_decode(*data, early != 0, &sink);
        if (sink.full) return examine_refuse(pdf->examine, REFUSAL_NO_ROOM);
        *data = bytes_of(sink.data, sink.len);
    }
    if (predicts && pdf_get(pdf, parameters, "Predictor", &value)) pdf_integer(value, &predictor);
    if (predictor >= 10) fine = fine && unpredict(pdf, parameters, data, sink.data);
    if (!fine || (predictor != 1 && predictor < 10))
        return examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
    return examine_charge(pdf->examine, data->len);
}

/* The value at a place of an array, or the value itself at place 0. */
static bool element(struct pdf *pdf, struct bytes value, size_t index, struct bytes *ret_element)
{
    struct pdf_lex lex = {value};
    struct pdf_token token;
    if (!pdf_is_array(value)) {
        *ret_element = value;
        return index == 0 && value.len > 0;
    }
    pdf_next(&lex, &token);
    for (size_t i = 0; i <= index; i++)
        if (!pdf_value(&lex, ret_element)) return false;
    *ret_element = pdf_resolve(pdf, *ret_element);
    return true;
}

int pdf_stream(struct pdf *pdf, const struct pdf_object *object, struct arena *arena,
               struct bytes *ret_data, bool *ret_picture)
{
    struct bytes filters = {0};
    struct bytes all_parameters = {0};
    struct bytes data = object->stream;
    struct bytes name;
    *ret_picture = false;
    pdf_get(pdf, object->value, "Filter", &filters);
    pdf_get(pdf, object->value, "DecodeParms", &all_parameters);
    size_t i = 0;
    for (; i < PDF_FILTER_COUNT_MAX && element(pdf, filters, i, &name); i++) {
        struct bytes parameters = {0};
        if (is_picture_filter(name)) {
            *ret_picture = true;
            return 0;
        }
        if (!element(pdf, all_parameters, i, &parameters)) parameters = bytes_of(NULL, 0);
        int status = apply(pdf, name, parameters, arena, &data);
        if (status) return status;
    }
    if (element(pdf, filters, i, &name)) return examine_refuse(pdf->examine, REFUSAL_PDF_DAMAGED);
    if (!i) {
        int status = examine_charge(pdf->examine, data.len);
        if (status) return status;
    }
    *ret_data = data;
    return 0;
}
