/* text_decode: which of the encodings in use a file of text has, and its characters as plain ones.
 *
 * UTF-8, UTF-16 of both byte orders (with a mark, or by what it mostly holds), GB 18030 (and GBK
 * and GB 2312, which are parts of it). Pure, no allocation, thread-safe. */
#ifndef PROTO_CONTENT_TEXT_DECODE_H
#define PROTO_CONTENT_TEXT_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum text_encoding { TEXT_BINARY, TEXT_UTF8, TEXT_UTF16LE, TEXT_UTF16BE, TEXT_GB18030 };

/* TEXT_BINARY: no text. An empty file is an empty text. Reads all of it. */
enum text_encoding text_encoding_of(struct bytes data);

/* Takes one character off the front; a wrong byte is U+FFFD. False at the end. GB 18030 gives what
 * plain_gb18030 gives. A byte order mark is a character like others (and plain_of makes it
 * nothing). */
bool text_take(struct bytes *text, enum text_encoding encoding, uint32_t *ret_character);

/* The first characters behind a mark and white space, ASCII only, others as '\x01'; how many. */
size_t text_start(struct bytes data, enum text_encoding encoding, char *ret_start, size_t cap);

/* The text as UTF-8; ret_utf8 has room for text_utf8_bytes_max(data.len). */
void text_to_utf8(struct bytes data, enum text_encoding encoding, uint8_t *ret_utf8,
                  size_t *ret_len);
size_t text_utf8_bytes_max(size_t len);

#endif
