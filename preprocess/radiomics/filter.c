#include "kernels.h"

#include <math.h>
#include <string.h>


// radnode_floats makes floats of bytes.
FASTEST void radnode_floats(const uint8_t *restrict in, size_t n, float *restrict out) {
    for (size_t x = 0; x < n; x++) out[x] = in[x];
}

// The tangents of 20, 40, 60 and 80 degrees.
static const float tangents[4] = {0.36397023f, 0.83909963f, 1.7320508f, 5.6712818f};

// Comparisons of floats would keep the loop below out of vector code.
static inline uint32_t bits(float x) {
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline int32_t negative(float x) { return (int32_t)(bits(x) >> 31); }

// radnode_gradients gives the squared length of the gradient of each pixel of a row,
// and its direction without sign as a sector of 20 degrees from 0 to 8. Left of
// the vertical, sectors mirror those on the right, down to which side of a
// border belongs to which.
FASTEST void radnode_gradients(const float *restrict up, const float *restrict mid, const float *restrict down, size_t n,
                               float *restrict square, int32_t *restrict sector) {
    for (size_t x = 0; x < n; x++) {
        float dx = mid[x + 2] - mid[x], dy = down[x + 1] - up[x + 1]; // rows begin one pixel before
        float ay = fabsf(dy), ax = fabsf(dx);
        float a = tangents[0] * ax, b = tangents[1] * ax, c = tangents[2] * ax, d = tangents[3] * ax;
        int32_t beyond = negative(a - ay) + negative(b - ay) + negative(c - ay) + negative(d - ay);
        int32_t reached = 4 - negative(ay - a) - negative(ay - b) - negative(ay - c) - negative(ay - d);
        int32_t left = (negative(dx) ^ negative(dy)) & (bits(ay) != 0);
        square[x] = dx * dx + dy * dy;
        sector[x] = reached + left * (8 - beyond - reached);
    }
}

// radnode_orient adds lengths by their sector. Two tables, since neighbours
// often have the same sector.
void radnode_orient(const float *square, const int32_t *sector, size_t n, double *sums) {
    double even[9] = {0}, odd[9] = {0};
    size_t x = 0;
    for (; x + 1 < n; x += 2) {
        even[sector[x]] += sqrtf(square[x]);
        odd[sector[x + 1]] += sqrtf(square[x + 1]);
    }
    if (x < n) even[sector[x]] += sqrtf(square[x]);
    for (int k = 0; k < 9; k++) sums[k] += even[k] + odd[k];
}

// radnode_halve applies a pair of wavelet filters of 2 or 4 taps to a row and
// keeps every second result: n of them. in begins taps/2-1 pixels before the
// row and is as much longer behind it.
FASTEST void radnode_halve(const float *restrict in, size_t n, const float *restrict low, const float *restrict high, size_t taps,
                           float *restrict out_low, float *restrict out_high) {
    if (taps == 2) {
        for (size_t k = 0; k < n; k++) {
            out_low[k] = low[1] * in[2 * k] + low[0] * in[2 * k + 1];
            out_high[k] = high[1] * in[2 * k] + high[0] * in[2 * k + 1];
        }
        return;
    }
    for (size_t k = 0; k < n; k++) {
        float a = in[2 * k], b = in[2 * k + 1], c = in[2 * k + 2], d = in[2 * k + 3];
        out_low[k] = low[3] * a + low[2] * b + low[1] * c + low[0] * d;
        out_high[k] = high[3] * a + high[2] * b + high[1] * c + high[0] * d;
    }
}

enum { LANES = 8 }; // sums of squares are kept in lanes, so that their order is fixed

static double total(const double *lanes) {
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

// radnode_combine filters down the columns: taps rows, uppermost first, that
// lie at places rows from base: n low results and then n high ones. It writes the approximation and adds the
// squares of the horizontal, vertical and diagonal details to energy.
FASTEST void radnode_combine(const float *base, const ptrdiff_t *rows, size_t n, const float *restrict low,
                             const float *restrict high, size_t taps, float *restrict out, double *restrict energy) {
    double horizontal[LANES] = {0}, vertical[LANES] = {0}, diagonal[LANES] = {0};
    for (size_t at = 0; at < n; at += LANES) {
        size_t end = n - at < LANES ? n - at : LANES;
        float a[LANES] = {0}, h[LANES] = {0}, v[LANES] = {0}, d[LANES] = {0};
        for (size_t t = 0; t < taps; t++) {
            const float *l = base + rows[t] + at, *r = l + n;
            float lo = low[taps - 1 - t], hi = high[taps - 1 - t];
            if (end == LANES) {
                for (int k = 0; k < LANES; k++) a[k] += lo * l[k], h[k] += hi * l[k], v[k] += lo * r[k], d[k] += hi * r[k];
            } else {
                for (size_t k = 0; k < end; k++) a[k] += lo * l[k], h[k] += hi * l[k], v[k] += lo * r[k], d[k] += hi * r[k];
            }
        }
        for (size_t k = 0; k < end; k++) out[at + k] = a[k];
        for (int k = 0; k < LANES; k++) {
            horizontal[k] += (double)h[k] * h[k];
            vertical[k] += (double)v[k] * v[k];
            diagonal[k] += (double)d[k] * d[k];
        }
    }
    energy[0] += total(horizontal);
    energy[1] += total(vertical);
    energy[2] += total(diagonal);
}

// A Gabor filter of nine taps at four angles is made of five separable ones:
// with the envelope g, even waves c and d (at 0 and 45 degrees) and the odd
// wave s, the filters g(x)c(y), c(x)g(y), d(x)d(y), s(x)s(y) and g(x)g(y).
// Taps are given from the middle outwards.
enum { REACH = 4 };

#define EVEN(in, k, w) ((w)[0] * in(0) + (w)[1] * (in(1) + in(-1)) + (w)[2] * (in(2) + in(-2)) + (w)[3] * (in(3) + in(-3)) + (w)[4] * (in(4) + in(-4)))
#define ODD(in, k, w) ((w)[1] * (in(1) - in(-1)) + (w)[2] * (in(2) - in(-2)) + (w)[3] * (in(3) - in(-3)) + (w)[4] * (in(4) - in(-4)))

// radnode_gabor_row filters a row of n pixels, which has REACH more on both
// sides, by g, c, d and s into four rows of n, one behind the other.
FASTEST void radnode_gabor_row(const float *restrict in, size_t n, const float *restrict g, const float *restrict c,
                               const float *restrict d, const float *restrict s, float *restrict out) {
    float *og = out, *oc = out + n, *od = out + 2 * n, *os = out + 3 * n;
    for (size_t x = 0; x < n; x++) {
#define PIXEL(k) in[x + (size_t)(REACH + (k))]
        og[x] = EVEN(PIXEL, k, g);
        oc[x] = EVEN(PIXEL, k, c);
        od[x] = EVEN(PIXEL, k, d);
        os[x] = ODD(PIXEL, k, s);
#undef PIXEL
    }
}

// radnode_gabor_column filters down the columns of nine such rows, at
// places rows from base, and adds the
// squared responses at 0, 45, 90 and 135 degrees to energy, of the pixels
// where inside is not zero (NULL: all). mean is what makes each filter free of
// the mean, scale what makes its length 1.
FASTEST void radnode_gabor_column(const float *base, const ptrdiff_t *rows, size_t n, const float *restrict g, const float *restrict c,
                                  const float *restrict d, const float *restrict s, const float *restrict mean,
                                  const float *restrict scale, const uint8_t *restrict inside, double *restrict energy) {
    double sums[4][LANES] = {{0}};
    for (size_t at = 0; at < n; at += LANES) {
        size_t end = n - at < LANES ? n - at : LANES;
        float r[4][LANES] = {{0}};
#define RESPOND(limit)                                                                       \
    for (size_t k = 0; k < (limit); k++) {                                                   \
        size_t x = at + k;                                                                   \
        float gg = EVEN(ROW_G, k, g), cg = EVEN(ROW_C, k, g), gc = EVEN(ROW_G, k, c);        \
        float dd = EVEN(ROW_D, k, d), ss = ODD(ROW_S, k, s);                                 \
        r[0][k] = (cg - mean[0] * gg) * scale[0];                                            \
        r[1][k] = (dd - ss - mean[1] * gg) * scale[1];                                       \
        r[2][k] = (gc - mean[2] * gg) * scale[2];                                            \
        r[3][k] = (dd + ss - mean[3] * gg) * scale[3];                                       \
    }
#define ROW_G(t) (base + rows[REACH + (t)])[x]
#define ROW_C(t) (base + rows[REACH + (t)])[n + x]
#define ROW_D(t) (base + rows[REACH + (t)])[2 * n + x]
#define ROW_S(t) (base + rows[REACH + (t)])[3 * n + x]
        if (end == LANES) {
            RESPOND(LANES)
        } else {
            RESPOND(end)
        }
        for (size_t k = 0; inside && k < end; k++) {
            if (!inside[at + k]) r[0][k] = r[1][k] = r[2][k] = r[3][k] = 0;
        }
        for (int a = 0; a < 4; a++) {
            for (int k = 0; k < LANES; k++) sums[a][k] += (double)r[a][k] * r[a][k];
        }
    }
    for (int a = 0; a < 4; a++) energy[a] += total(sums[a]);
}
