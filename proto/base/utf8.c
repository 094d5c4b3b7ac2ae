#include "proto/base/utf8.h"

size_t utf8_next(struct bytes text, uint32_t *ret_character)
{
    if (!text.len) return 0;
    const uint8_t *at = text.data;
    if (at[0] < 0x80) {
        *ret_character = at[0];
        return 1;
    }
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || text.len < len) return 0;
    uint32_t character = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        character = character << 6 | (at[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < least[len] || character > 0x10ffff) return 0;
    if (character >= 0xd800 && character <= 0xdfff) return 0;
    *ret_character = character;
    return len;
}
