// Contrast-limited adaptive histogram equalisation with the arithmetic of
// OpenCV 4 (modules/imgproc/src/clahe.cpp): the same result, bit by bit. The
// look-up tables of the four tiles around a pixel lie side by side, so that one
// load finds all four values, and nothing of image size is allocated.
#include "clahe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define FASTEST __attribute__((target_clones("avx2", "default")))
#else
#define FASTEST
#endif

enum { VALUES = 256 };

// reflect is BORDER_REFLECT_101.
static int reflect(int p, int n) {
    if (n == 1) return 0;
    while (p < 0 || p >= n) p = p < 0 ? -p : 2 * (n - 1) - p;
    return p;
}

// histogram counts the values of a tile, which may reach beyond the image.
static void histogram(const uint8_t *pix, int rows, int columns, int top, int left, int height, int width, int32_t *counts) {
    static const int parts = 4; // neighbours are often equal, and counts wait for each other
    int32_t c[4][VALUES];
    memset(c, 0, sizeof c);
    int inner = left >= columns ? 0 : columns - left < width ? columns - left : width;
    for (int y = top; y < top + height; y++) {
        const uint8_t *row = pix + (size_t)reflect(y, rows) * (size_t)columns;
        int x = 0;
        for (; x + parts <= inner; x += parts) {
            c[0][row[left + x]]++;
            c[1][row[left + x + 1]]++;
            c[2][row[left + x + 2]]++;
            c[3][row[left + x + 3]]++;
        }
        for (; x < width; x++) c[0][row[reflect(left + x, columns)]]++;
    }
    for (int v = 0; v < VALUES; v++) counts[v] = c[0][v] + c[1][v] + c[2][v] + c[3][v];
}

// clip cuts a histogram at limit and spreads what is cut off.
static void clip(int32_t *counts, int32_t limit) {
    int32_t clipped = 0;
    for (int v = 0; v < VALUES; v++) {
        if (counts[v] > limit) {
            clipped += counts[v] - limit;
            counts[v] = limit;
        }
    }
    int32_t batch = clipped / VALUES, rest = clipped - batch * VALUES;
    for (int v = 0; v < VALUES; v++) counts[v] += batch;
    if (rest == 0) return;
    int32_t step = VALUES / rest > 1 ? VALUES / rest : 1;
    for (int32_t v = 0; v < VALUES && rest > 0; v += step, rest--) counts[v]++;
}

static uint8_t round_half_even(float x) {
    long v = lrintf(x);
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void table(const int32_t *counts, int32_t area, uint8_t *lut) {
    float scale = (float)(VALUES - 1) / (float)area;
    int32_t sum = 0;
    for (int v = 0; v < VALUES; v++) {
        sum += counts[v];
        lut[v] = round_half_even((float)sum * scale);
    }
}

// stretch maps a row: quads holds for each value the four table entries, upper
// left, upper right, lower left, lower right; right is the weight of the right
// ones at each pixel.
FASTEST static void stretch(const uint8_t *restrict in, int n, const uint32_t *restrict quads, const float *restrict right,
                            float lower, uint8_t *restrict out) {
    const float upper = 1.0f - lower;
    // Adding 1.5 * 2^23 rounds to an integer, halves to even; the integer is in
    // the lowest bits. Values stay between 0 and 255.
    const float magic = 12582912.0f;
    for (int x = 0; x < n; x++) {
        uint32_t q = quads[in[x]];
        float b = right[x], a = 1.0f - b;
        float up = (float)(int32_t)(q & 255) * a + (float)(int32_t)(q >> 8 & 255) * b;
        float down = (float)(int32_t)(q >> 16 & 255) * a + (float)(int32_t)(q >> 24) * b;
        float v = up * upper + down * lower + magic;
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        out[x] = (uint8_t)bits;
    }
}

// between is where a pixel lies between the middles of two tiles.
static int between(int at, float inverse, float *weight) {
    float place = (float)at * inverse - 0.5f;
    int first = (int)floorf(place);
    *weight = place - (float)first;
    return first;
}

static int held(int tile, int tiles) { return tile < 0 ? 0 : tile >= tiles ? tiles - 1 : tile; }

static void map_rows(const uint8_t *pix, int rows, int columns, int tiles, int height, int width, const uint8_t *luts,
                     float *right, int *pair, uint32_t *quads, uint8_t *out) {
    const float inverse_width = 1.0f / (float)width, inverse_height = 1.0f / (float)height;
    for (int x = 0; x < columns; x++) pair[x] = between(x, inverse_width, &right[x]);
    int made = -2;
    for (int y = 0; y < rows; y++) {
        float lower;
        int tile = between(y, inverse_height, &lower);
        const uint8_t *up = luts + (size_t)held(tile, tiles) * (size_t)tiles * VALUES;
        const uint8_t *down = luts + (size_t)held(tile + 1, tiles) * (size_t)tiles * VALUES;
        for (int k = 0; made != tile && k <= tiles; k++) {
            size_t l = (size_t)held(k - 1, tiles) * VALUES, r = (size_t)held(k, tiles) * VALUES;
            for (int v = 0; v < VALUES; v++) {
                quads[k * VALUES + v] = up[l + (size_t)v] | (uint32_t)up[r + (size_t)v] << 8 | (uint32_t)down[l + (size_t)v] << 16 | (uint32_t)down[r + (size_t)v] << 24;
            }
        }
        made = tile;
        for (int from = 0; from < columns;) {
            int end = from + 1;
            while (end < columns && pair[end] == pair[from]) end++;
            stretch(pix + (size_t)y * (size_t)columns + from, end - from, quads + (pair[from] + 1) * VALUES, right + from, lower,
                    out + (size_t)y * (size_t)columns + from);
            from = end;
        }
    }
}

int radnode_clahe(const uint8_t *pix, int rows, int columns, double clip_limit, int tiles, uint8_t *out) {
    int below = 0, beside = 0;
    if (columns % tiles != 0 || rows % tiles != 0) {
        below = tiles - rows % tiles;
        beside = tiles - columns % tiles;
    }
    int height = (rows + below) / tiles, width = (columns + beside) / tiles, area = height * width;
    uint8_t *luts = malloc((size_t)tiles * (size_t)tiles * VALUES);
    uint32_t *quads = malloc((size_t)(tiles + 1) * VALUES * sizeof *quads);
    float *right = malloc((size_t)columns * sizeof *right);
    int *pair = malloc((size_t)columns * sizeof *pair);
    int done = luts && quads && right && pair;
    if (done) {
        int32_t limit = (int32_t)(clip_limit * area / VALUES);
        for (int t = 0; t < tiles * tiles; t++) {
            int32_t counts[VALUES];
            histogram(pix, rows, columns, t / tiles * height, t % tiles * width, height, width, counts);
            clip(counts, limit > 1 ? limit : 1);
            table(counts, area, luts + (size_t)t * VALUES);
        }
        map_rows(pix, rows, columns, tiles, height, width, luts, right, pair, quads, out);
    }
    free(luts);
    free(quads);
    free(right);
    free(pair);
    return done;
}
