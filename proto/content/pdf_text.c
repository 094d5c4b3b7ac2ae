/* Content streams: the operators that show text, and where. */
#include <string.h>

#include "proto/content/pdf.h"
#include "proto/content/plain.h"

enum { OPERAND_COUNT_MAX = 8 };

struct operands {
    struct pdf_token tokens[OPERAND_COUNT_MAX]; /* the last ones */
    size_t count;
};

static void identity(double matrix[6])
{
    memset(matrix, 0, 6 * sizeof *matrix);
    matrix[0] = matrix[3] = 1;
}

void pdf_text_init(struct pdf_text *text, struct pdf *pdf, struct bytes fonts)
{
    memset(text, 0, sizeof *text);
    text->pdf = pdf;
    text->fonts = fonts;
    text->font_size = 1;
    identity(text->matrix);
    identity(text->line);
}

static double size_of(double value)
{
    return value < 0 ? -value : value;
}

/* The n-th operand from the end as a number; 0 where there is none. */
static double number_at(const struct operands *operands, size_t from_end)
{
    if (from_end > operands->count) return 0;
    const struct pdf_token *token = &operands->tokens[operands->count - from_end];
    return token->kind == PDF_NUMBER ? token->number : 0;
}

static void move(struct pdf_text *text, double x, double y)
{
    text->line[4] += x * text->line[0] + y * text->line[2];
    text->line[5] += x * text->line[1] + y * text->line[3];
    memcpy(text->matrix, text->line, sizeof text->line);
    text->moved = true;
}

/* Puts a border where the text before and this one are apart. Widths are not known, half an em for
 * a Latin letter is near enough: a table's cells are further apart than the error, letters nearer.
 * A text right under the one before may be the rest of a word that did not fit into its cell. */
static void border(struct pdf_text *text)
{
    double em = size_of(text->font_size) * (size_of(text->matrix[0]) + size_of(text->matrix[1]));
    double x = text->matrix[4];
    double below = text->end_y - text->matrix[5];
    char mark = PLAIN_NONE;
    if (text->shown && size_of(below) > em / 2)
        mark = '\n';
    else if (text->shown && (x - text->end_x > em * 0.4 || x - text->end_x < -em))
        mark = '\t';
    bool wraps = mark == '\n' && below > 0 && below < em * 1.8 && x > text->start_x - em * 2 &&
                 x < text->end_x;
    if (text->moved) str_scan_put(&text->parted, '\t');
    str_scan_put(&text->joined, mark);
    examine_number(text->pdf->examine, mark);
    if (!wraps) str_scan_put(&text->wrapped, mark);
    if (mark || !text->shown) text->start_x = x;
    text->moved = false;
}

static void put_all(struct pdf_text *text, char c)
{
    str_scan_put(&text->parted, c);
    str_scan_put(&text->joined, c);
    examine_number(text->pdf->examine, c);
    str_scan_put(&text->wrapped, c);
}

static void put(struct pdf_text *text, char c)
{
    double em = text->font_size * (c == PLAIN_OTHER || c == PLAIN_MEASURE ? 1.0 : 0.5);
    put_all(text, c);
    text->matrix[4] += em * text->matrix[0];
    text->matrix[5] += em * text->matrix[1];
}

static void show(struct pdf_text *text, const struct pdf_token *token)
{
    static const struct pdf_font plain = {.code_len = 1};
    const struct pdf_font *font = text->font ? text->font : &plain;
    struct pdf_string string = pdf_string_of(token);
    uint32_t packed = 0;
    border(text);
    if (font->is_unread && string.rest.len) text->unread = true;
    while (pdf_font_take(font, &string, &packed)) {
        if (!packed) put(text, PLAIN_OTHER);
        for (; packed; packed >>= 8) put(text, (char)(packed & 0xff));
    }
    text->end_x = text->matrix[4];
    text->end_y = text->matrix[5];
    text->shown = true;
}

/* [(D3S) -20 (1358)] TJ: a step of a fifth of an em is a space. */
static void show_array(struct pdf_text *text, struct bytes array)
{
    struct pdf_lex lex = {array};
    struct pdf_token token;
    while (pdf_next(&lex, &token)) {
        if (token.kind == PDF_STRING || token.kind == PDF_HEX) {
            show(text, &token);
        } else if (token.kind == PDF_NUMBER) {
            double step = -token.number / 1000 * text->font_size;
            text->matrix[4] += step * text->matrix[0];
            text->matrix[5] += step * text->matrix[1];
            if (token.number < -200) {
                put_all(text, ' ');
                text->end_x = text->matrix[4];
                text->end_y = text->matrix[5];
            }
        }
    }
}

static int set_font(struct pdf_text *text, const struct operands *operands)
{
    if (operands->count < 2) return 0;
    const struct pdf_token *name = &operands->tokens[operands->count - 2];
    text->font_size = number_at(operands, 1);
    if (name->kind != PDF_NAME) return 0;
    text->font = pdf_font_of(text->pdf, text->fonts, name->text);
    return text->font ? 0 : examine_refuse(text->pdf->examine, REFUSAL_NO_ROOM);
}

static void set_matrix(struct pdf_text *text, const struct operands *operands)
{
    for (size_t i = 0; i < 6; i++) text->line[i] = number_at(operands, 6 - i);
    memcpy(text->matrix, text->line, sizeof text->line);
    text->moved = true;
}

static int operate(struct pdf_text *text, const struct pdf_token *word,
                   const struct operands *operands)
{
    const struct pdf_token *last = operands->count ? &operands->tokens[operands->count - 1] : NULL;
    bool string = last && (last->kind == PDF_STRING || last->kind == PDF_HEX);
    if (pdf_is(word, PDF_WORD, "Tj")) {
        if (string) show(text, last);
    } else if (pdf_is(word, PDF_WORD, "'") || pdf_is(word, PDF_WORD, "\"")) {
        move(text, 0, -text->leading);
        if (string) show(text, last);
    } else if (pdf_is(word, PDF_WORD, "TJ")) {
        if (last && last->kind == PDF_ARRAY) show_array(text, last->text);
    } else if (pdf_is(word, PDF_WORD, "Tf")) {
        return set_font(text, operands);
    } else if (pdf_is(word, PDF_WORD, "Td") || pdf_is(word, PDF_WORD, "TD")) {
        if (word->text.data[1] == 'D') text->leading = -number_at(operands, 1);
        move(text, number_at(operands, 2), number_at(operands, 1));
    } else if (pdf_is(word, PDF_WORD, "T*")) {
        move(text, 0, -text->leading);
    } else if (pdf_is(word, PDF_WORD, "TL")) {
        text->leading = number_at(operands, 1);
    } else if (pdf_is(word, PDF_WORD, "Tm")) {
        set_matrix(text, operands);
    } else if (pdf_is(word, PDF_WORD, "BT")) {
        identity(text->line);
        identity(text->matrix);
        text->moved = true;
    }
    return 0;
}

/* Inline pictures hold any bytes: up to an EI that stands alone. */
static void skip_picture(struct pdf_text *text, struct pdf_lex *lex)
{
    size_t at = 0;
    text->pdf->examine->report.picture_count++;
    while ((at = pdf_search(lex->rest, at, "EI")) < lex->rest.len) {
        uint8_t before = at ? lex->rest.data[at - 1] : 0;
        uint8_t after = at + 2 < lex->rest.len ? lex->rest.data[at + 2] : ' ';
        at += 2;
        if (before <= ' ' && after <= ' ') break;
    }
    lex->rest.data += at;
    lex->rest.len -= at;
}

static void push(struct operands *operands, const struct pdf_token *token)
{
    if (operands->count == OPERAND_COUNT_MAX) {
        memmove(operands->tokens, operands->tokens + 1,
                (OPERAND_COUNT_MAX - 1) * sizeof *operands->tokens);
        operands->count--;
    }
    operands->tokens[operands->count++] = *token;
}

/* The array that begins here, whole, as one operand; an unclosed one goes to the end. */
static void take_array(struct pdf_lex *lex, struct pdf_token *token)
{
    struct pdf_token inner = {0};
    const uint8_t *start = lex->rest.data;
    size_t len = lex->rest.len;
    while (pdf_next(lex, &inner) && inner.kind != PDF_ARRAY_END) {}
    token->text = bytes_of(start, len - lex->rest.len);
}

int pdf_text_run(struct pdf_text *text, struct bytes content)
{
    struct pdf_lex lex = {content};
    struct pdf_token token;
    struct operands operands = {0};
    int status = 0;
    while (!status && pdf_next(&lex, &token) && !text->parted.found && !text->joined.found &&
           !text->wrapped.found) {
        if (token.kind == PDF_ARRAY) take_array(&lex, &token);
        if (token.kind != PDF_WORD) {
            push(&operands, &token);
            continue;
        }
        if (pdf_is(&token, PDF_WORD, "ID"))
            skip_picture(text, &lex);
        else
            status = operate(text, &token, &operands);
        operands.count = 0;
    }
    return status;
}

bool pdf_text_found(struct pdf_text *text)
{
    return str_scan_found(&text->parted) || str_scan_found(&text->joined) ||
           str_scan_found(&text->wrapped);
}
