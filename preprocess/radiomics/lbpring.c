// The inner loop of the 8-point pattern at radius 1, in a form that compilers
// turn into 16-bit vector operations.
#include "kernels.h"

#include <string.h>

// A diagonal point lies between the centre c, two neighbours and the diagonal
// neighbour. With a = diagonal - c and b the sum of both neighbours - 2c the
// sample reaches the centre if 70711 a + 29289 b >= 0, that is, for whole b,
// if b + floor(70711/29289 a) >= 0. floor(0.41424... a) is a*27148 >> 16 for
// every a from -255 to 255 (the test walks through all of them).
#define DIAGONAL(k, corner, side1, side2) \
    do { \
        int16_t a = (int16_t)((corner) - c), b = (int16_t)((side1) + (side2) - 2 * c); \
        int16_t d = (int16_t)(b + 2 * a + (int16_t)(((int32_t)a * 27148) >> 16)); \
        p |= (int16_t)((d >= 0) << (k)); \
        t |= (int16_t)(((a == 0) & (b == 0)) << ((k) / 2)); \
    } while (0)

#define AXIS(k, side) (p |= (int16_t)(((side) >= c) << (k)))

// radnode_lbp_ring writes the bit pattern of n pixels; pointers are to the
// first of them in the rows above, at and below, and one more pixel exists at
// both ends. tie has bits 0 to 3 where diagonal sample 1, 3, 5 or 7 equals, in
// exact arithmetic, a centre that is not 0.
FASTEST void radnode_lbp_ring(const uint8_t *up, const uint8_t *mid, const uint8_t *down, size_t n,
                      uint8_t *restrict pattern, uint8_t *restrict tie) {
    for (size_t x = 0; x < n; x++) {
        int16_t nw = up[(ptrdiff_t)x - 1], north = up[x], ne = up[x + 1];
        int16_t west = mid[(ptrdiff_t)x - 1], c = mid[x], east = mid[x + 1];
        int16_t sw = down[(ptrdiff_t)x - 1], south = down[x], se = down[x + 1];
        int16_t p = 0, t = 0;
        AXIS(0, east);
        DIAGONAL(1, ne, north, east);
        AXIS(2, north);
        DIAGONAL(3, nw, north, west);
        AXIS(4, west);
        DIAGONAL(5, sw, south, west);
        AXIS(6, south);
        DIAGONAL(7, se, south, east);
        pattern[x] = (uint8_t)p;
        tie[x] = (uint8_t)(c != 0 ? t : 0);
    }
}

// radnode_lbp_settle corrects the patterns of the marked pixels from first on
// by what is known of ties: for each class of columns, centre and difference
// of the neighbour above or below (-8 to 7), bits 0 to 3 say whether the
// verdict on a diagonal is known and bits 4 to 7 whether its sample is darker.
// The upper diagonals (0 and 1) look above, the lower below. It returns the
// first pixel with an answer it does not know, or n.
size_t radnode_lbp_settle(const uint8_t *up, const uint8_t *mid, const uint8_t *down, size_t first, size_t n,
                          const uint8_t *class, const uint8_t *known, const uint8_t *tie, uint8_t *pattern) {
    enum { DIFFERENCES = 16, CENTRES = 256, UPPER = 0x33, LOWER = 0xcc };
    static const uint8_t bit_of[16] = {0x00, 0x02, 0x08, 0x0a, 0x20, 0x22, 0x28, 0x2a, 0x80, 0x82, 0x88, 0x8a, 0xa0, 0xa2, 0xa8, 0xaa};
    for (size_t x = first; x < n; x++) {
        for (uint64_t eight; x + 8 <= n && (memcpy(&eight, tie + x, 8), eight == 0);) x += 8;
        if (x == n) break;
        const uint8_t *at = known + ((size_t)class[x] * CENTRES + mid[x]) * DIFFERENCES;
        unsigned above = (unsigned)(up[x] - mid[x] + 8), below = (unsigned)(down[x] - mid[x] + 8);
        unsigned upper = above < DIFFERENCES ? at[above] : 0, lower = below < DIFFERENCES ? at[below] : 0;
        unsigned verdict = (upper & UPPER) | (lower & LOWER), t = tie[x];
        if (t & ~verdict) return x;
        pattern[x] = (uint8_t)(pattern[x] & ~bit_of[verdict >> 4 & t]);
    }
    return n;
}
