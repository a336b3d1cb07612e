#ifndef RADNODE_OPENJPEG_SHIM_H
#define RADNODE_OPENJPEG_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define RADNODE_MESSAGE 200

/* Decodes the raw codestream src into dst: samples interleaved, little endian
   in bytes (1, 2 or 4) each. The picture must be w x h x n. Returns 0, or 1
   with the library's words in message; *sgnd tells whether samples are signed. */
int radnode_j2k_decode(const uint8_t *src, size_t size, uint32_t w, uint32_t h,
                       uint32_t n, uint32_t bytes, uint8_t *dst, int *sgnd,
                       char *message);

/* Encodes losslessly into dst (capacity bytes). Returns the length, or -1. */
int64_t radnode_j2k_encode(const uint8_t *src, uint32_t w, uint32_t h,
                           uint32_t n, uint32_t bytes, uint32_t bits, int sgnd,
                           uint8_t *dst, size_t capacity, char *message);

#endif
