#include "proto/content/pdf_lex.h"

#include <string.h>

static bool is_space(uint8_t c)
{
    return c == 0 || c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_delimiter(uint8_t c)
{
    return c && strchr("()<>[]{}/%", c) != NULL;
}

static bool is_regular(uint8_t c)
{
    return !is_space(c) && !is_delimiter(c);
}

static void skip(struct pdf_lex *lex, size_t len)
{
    lex->rest.data += len;
    lex->rest.len -= len;
}

static void skip_blank(struct pdf_lex *lex)
{
    while (lex->rest.len) {
        if (is_space(lex->rest.data[0])) {
            skip(lex, 1);
        } else if (lex->rest.data[0] == '%') {
            while (lex->rest.len && lex->rest.data[0] != '\n' && lex->rest.data[0] != '\r')
                skip(lex, 1);
        } else {
            return;
        }
    }
}

/* "(a(b)c)": brackets nest, a backslash takes the next character with it. */
static void take_string(struct pdf_lex *lex, struct pdf_token *token)
{
    size_t depth = 1;
    size_t i = 1;
    while (i < lex->rest.len && depth) {
        uint8_t c = lex->rest.data[i++];
        if (c == '\\' && i < lex->rest.len)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')')
            depth--;
    }
    token->kind = PDF_STRING;
    token->text = bytes_of(lex->rest.data + 1, i - 1 - (depth ? 0 : 1));
    skip(lex, i);
}

static void take_hex(struct pdf_lex *lex, struct pdf_token *token)
{
    size_t i = 1;
    while (i < lex->rest.len && lex->rest.data[i] != '>') i++;
    token->kind = PDF_HEX;
    token->text = bytes_of(lex->rest.data + 1, i - 1);
    skip(lex, i < lex->rest.len ? i + 1 : i);
}

/* A number, if all of it is one. */
static bool number_of(struct bytes text, double *ret_number)
{
    double value = 0;
    double scale = 1;
    size_t digits = 0;
    bool point = false;
    size_t i = 0;
    bool negative = text.data[0] == '-';
    if (negative || text.data[0] == '+') i++;
    for (; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            if (++digits > 32) return false;
            value = value * 10 + (c - '0');
            if (point) scale *= 10;
        } else if (c != '-' || !digits) { /* "12-3" of old programs is 12 */
            return false;
        } else {
            break;
        }
    }
    if (!digits) return false;
    *ret_number = (negative ? -value : value) / scale;
    return true;
}

static void take_word(struct pdf_lex *lex, struct pdf_token *token)
{
    bool name = lex->rest.data[0] == '/';
    size_t i = name ? 1 : 0;
    while (i < lex->rest.len && is_regular(lex->rest.data[i])) i++;
    token->text = bytes_of(lex->rest.data + (name ? 1 : 0), i - (name ? 1 : 0));
    token->kind = name ? PDF_NAME : PDF_WORD;
    if (!name && number_of(token->text, &token->number)) token->kind = PDF_NUMBER;
    skip(lex, i);
}

bool pdf_next(struct pdf_lex *lex, struct pdf_token *ret_token)
{
    struct pdf_token token = {.kind = PDF_END};
    skip_blank(lex);
    if (!lex->rest.len) {
        *ret_token = token;
        return false;
    }
    const uint8_t *at = lex->rest.data;
    bool doubled = lex->rest.len > 1 && at[0] == at[1];
    if (at[0] == '(') {
        take_string(lex, &token);
    } else if (at[0] == '<' && !doubled) {
        take_hex(lex, &token);
    } else if (at[0] == '/' || is_regular(at[0])) {
        take_word(lex, &token);
    } else {
        size_t len = (at[0] == '<' || at[0] == '>') && doubled ? 2 : 1;
        token.text = bytes_of(at, len);
        token.kind = at[0] == '['   ? PDF_ARRAY
                     : at[0] == ']' ? PDF_ARRAY_END
                     : len == 2     ? (at[0] == '<' ? PDF_DICT : PDF_DICT_END)
                                    : PDF_WORD;
        skip(lex, len);
    }
    *ret_token = token;
    return true;
}

/* ---- strings and names ----------------------------------------------------------------------- */

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct pdf_string pdf_string_of(const struct pdf_token *token)
{
    return (struct pdf_string){token->text, token->kind == PDF_HEX};
}

static uint8_t string_byte(struct pdf_string *string)
{
    uint8_t c = string->rest.data[0];
    string->rest.data++;
    string->rest.len--;
    return c;
}

static bool take_hex_byte(struct pdf_string *string, uint8_t *ret_byte)
{
    int value = 0;
    size_t count = 0;
    while (count < 2 && string->rest.len) {
        int digit = hex_of(string_byte(string));
        if (digit < 0) continue;
        value = value * 16 + digit;
        count++;
    }
    if (!count) return false;
    *ret_byte = (uint8_t)(count == 1 ? value * 16 : value);
    return true;
}

bool pdf_string_take(struct pdf_string *string, uint8_t *ret_byte)
{
    static const char letters[] = "nrtbf";
    static const char meanings[] = "\n\r\t\b\f";
    if (string->hex) return take_hex_byte(string, ret_byte);
    while (string->rest.len) {
        uint8_t c = string_byte(string);
        if (c != '\\' || !string->rest.len) {
            *ret_byte = c;
            return true;
        }
        c = string_byte(string);
        if (c == '\r' || c == '\n') { /* the line goes on */
            if (c == '\r' && string->rest.len && string->rest.data[0] == '\n') string_byte(string);
            continue;
        }
        const char *letter = c ? strchr(letters, c) : NULL;
        if (letter) c = (uint8_t)meanings[letter - letters];
        if (!letter && c >= '0' && c <= '7') {
            unsigned value = (unsigned)(c - '0');
            for (size_t i = 0; i < 2 && string->rest.len && string->rest.data[0] >= '0' &&
                               string->rest.data[0] <= '7';
                 i++)
                value = value * 8 + (unsigned)(string_byte(string) - '0');
            c = (uint8_t)value;
        }
        *ret_byte = c;
        return true;
    }
    return false;
}

/* Names may spell any character as #xx. */
static bool name_equals(struct bytes name, const char *text)
{
    size_t i = 0;
    for (; *text; text++) {
        if (i >= name.len) return false;
        uint8_t c = name.data[i++];
        if (c == '#' && i + 1 < name.len && hex_of(name.data[i]) >= 0 &&
            hex_of(name.data[i + 1]) >= 0) {
            c = (uint8_t)(hex_of(name.data[i]) * 16 + hex_of(name.data[i + 1]));
            i += 2;
        }
        if (c != (uint8_t)*text) return false;
    }
    return i == name.len;
}

bool pdf_is(const struct pdf_token *token, enum pdf_kind kind, const char *text)
{
    if (token->kind != kind) return false;
    return kind == PDF_NAME ? name_equals(token->text, text)
                            : bytes_equal(token->text, bytes_of_str(text));
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_end(const struct pdf_token *token)
{
    return token->kind == PDF_END || token->kind == PDF_ARRAY_END || token->kind == PDF_DICT_END;
}

struct pdf_lex pdf_ahead(const struct pdf_lex *lex)
{
    struct pdf_lex ahead = *lex;
    if (ahead.rest.len > PDF_AHEAD_BYTES) ahead.rest.len = PDF_AHEAD_BYTES;
    return ahead;
}

/* The two tokens that make a reference of a number, if they are there. */
static void take_reference(struct pdf_lex *lex)
{
    struct pdf_lex ahead = pdf_ahead(lex);
    struct pdf_token generation;
    struct pdf_token word;
    if (pdf_next(&ahead, &generation) && generation.kind == PDF_NUMBER && pdf_next(&ahead, &word) &&
        pdf_is(&word, PDF_WORD, "R"))
        skip(lex, (size_t)(ahead.rest.data - lex->rest.data));
}

bool pdf_value(struct pdf_lex *lex, struct bytes *ret_value)
{
    struct pdf_token token;
    skip_blank(lex);
    const uint8_t *start = lex->rest.data;
    if (!pdf_next(lex, &token) || is_end(&token)) return false;
    if (token.kind == PDF_NUMBER) take_reference(lex);
    size_t depth = token.kind == PDF_ARRAY || token.kind == PDF_DICT ? 1 : 0;
    while (depth && pdf_next(lex, &token)) {
        if (token.kind == PDF_ARRAY || token.kind == PDF_DICT)
            depth++;
        else if (is_end(&token))
            depth--;
    }
    *ret_value = bytes_of(start, (size_t)(lex->rest.data - start));
    return depth == 0;
}

bool pdf_find(struct bytes dictionary, const char *key, struct bytes *ret_value)
{
    struct pdf_lex lex = {dictionary};
    struct pdf_token token;
    struct bytes value;
    if (!pdf_is_dictionary(dictionary)) return false;
    pdf_next(&lex, &token);
    while (pdf_next(&lex, &token) && token.kind != PDF_DICT_END) {
        bool found = pdf_is(&token, PDF_NAME, key);
        if (token.kind != PDF_NAME) continue;
        if (!pdf_value(&lex, &value)) return false;
        if (!found) continue;
        *ret_value = value;
        return true;
    }
    return false;
}

static struct pdf_token first_of(struct bytes value)
{
    struct pdf_lex lex = {value};
    struct pdf_token token;
    pdf_next(&lex, &token);
    return token;
}

bool pdf_is_name(struct bytes value, const char *name)
{
    struct pdf_token token = first_of(value);
    return pdf_is(&token, PDF_NAME, name);
}

bool pdf_integer(struct bytes value, uint32_t *ret_integer)
{
    struct pdf_token token = first_of(value);
    if (token.kind != PDF_NUMBER || !(token.number >= 0 && token.number <= 2147483647.0))
        return false;
    *ret_integer = (uint32_t)token.number;
    return true;
}

bool pdf_reference(struct bytes value, uint32_t *ret_number)
{
    struct pdf_lex lex = {value};
    struct pdf_token tokens[3];
    for (size_t i = 0; i < 3; i++)
        if (!pdf_next(&lex, &tokens[i])) return false;
    return pdf_is(&tokens[2], PDF_WORD, "R") && pdf_integer(value, ret_number);
}

bool pdf_is_dictionary(struct bytes value)
{
    return first_of(value).kind == PDF_DICT;
}

bool pdf_is_array(struct bytes value)
{
    return first_of(value).kind == PDF_ARRAY;
}

size_t pdf_search(struct bytes data, size_t from, const char *text)
{
    size_t len = strlen(text);
    while (from + len <= data.len) {
        const uint8_t *at = memchr(data.data + from, text[0], data.len - from - len + 1);
        if (!at) break;
        if (memcmp(at, text, len) == 0) return (size_t)(at - data.data);
        from = (size_t)(at - data.data) + 1;
    }
    return data.len;
}
