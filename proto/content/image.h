/* image: what the formats of pictures share; internal to the module. */
#ifndef PROTO_CONTENT_IMAGE_H
#define PROTO_CONTENT_IMAGE_H

#include <stdint.h>

#include "proto/content/content.h"

/* What of a picture's EXIF stays. */
struct exif {
    unsigned orientation; /* 1 to 8; 0: none said */
    bool has_place;
    uint8_t latitude_ref;  /* 'N' or 'S' */
    uint8_t longitude_ref; /* 'E' or 'W' */
    uint8_t latitude[24]; /* three fractions of two big-endian numbers: degrees, minutes, seconds */
    uint8_t longitude[24];
};

/* Reads TIFF-shaped EXIF (without "Exif\0\0"); what is damaged in it is left out. Only values that
 * the standard allows are taken. */
void exif_read(struct bytes tiff, bool keep_location, struct exif *exif);
/* Whether there is anything to keep. An orientation of 1 says nothing. */
bool exif_worth(const struct exif *exif);
/* Writes what stays: always the same bytes for the same values. */
void exif_write(const struct exif *exif, struct buf *ret_tiff);

/* Room for what comes out of `len` bytes, so that the buffer does not move and leave a copy behind;
 * and its end, wiped. */
void image_reserve(struct buf *buf, size_t len);
void image_wipe(struct buf *buf);

/* One format each; the errors of content_image_strip. ret_clean is appended to, and may be left
 * with something on failure. */
int image_strip_jpeg(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                     struct error *ret_error) MUST_USE;
int image_strip_png(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                    struct error *ret_error) MUST_USE;
int image_strip_webp(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                     struct error *ret_error) MUST_USE;

#endif
