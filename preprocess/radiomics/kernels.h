// The inner loops of the texture and filter features. Rows of levels lie in a
// frame of zeros, so that every neighbour exists.
#include <stddef.h>
#include <stdint.h>

// FASTEST makes a second version of a function for processors with AVX2,
// chosen when the program starts. Both give the same numbers: integers, or
// floats in a fixed order without fused operations.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define FASTEST __attribute__((target_clones("avx2", "default")))
#else
#define FASTEST
#endif

// Things are counted by level and size in small, which has SMALL_SIZES columns
// for each level from 1; what is larger is written to large as pairs, and the
// number of numbers there returned.
enum { SMALL_SIZES = 64 };

typedef struct {
    uint16_t from, end, level;
    int32_t zone;
} radnode_run;

size_t radnode_runs_along(const uint16_t *v, size_t n, uint8_t *ends, uint32_t *small, uint32_t *large);
size_t radnode_runs_across(const uint16_t *v, const uint16_t *before, const uint16_t *next, size_t n,
                           const uint16_t *behind, uint16_t *length, uint8_t *ends, uint32_t *small, uint32_t *large);
size_t radnode_row_runs(const uint16_t *v, size_t n, uint8_t *ends, radnode_run *runs);
int32_t radnode_join_runs(const radnode_run *above, size_t n_above, radnode_run *runs, size_t n, int32_t *parent,
                          uint16_t *level, int32_t zones);
void radnode_tones(const uint16_t *v, size_t n, const ptrdiff_t *offsets, size_t neighbours, size_t stride,
                   uint16_t *work, uint64_t *table);
size_t radnode_region(const uint16_t *v, size_t n);
void radnode_pairs(const uint16_t *v, const uint16_t *neighbour, size_t n, size_t side, uint32_t *even, uint32_t *odd);
void radnode_count_levels(const uint16_t *v, size_t n, size_t side, uint32_t *counts);
void radnode_lbp_ring(const uint8_t *up, const uint8_t *mid, const uint8_t *down, size_t n, uint8_t *pattern, uint8_t *tie);
size_t radnode_lbp_settle(const uint8_t *up, const uint8_t *mid, const uint8_t *down, size_t first, size_t n,
                          const uint8_t *class, const uint8_t *known, const uint8_t *tie, uint8_t *pattern);

void radnode_floats(const uint8_t *in, size_t n, float *out);
void radnode_gradients(const float *up, const float *mid, const float *down, size_t n, float *square, int32_t *sector);
void radnode_orient(const float *square, const int32_t *sector, size_t n, double *sums);
void radnode_halve(const float *in, size_t n, const float *low, const float *high, size_t taps, float *out_low, float *out_high);
void radnode_combine(const float *base, const ptrdiff_t *rows, size_t n, const float *low,
                     const float *high, size_t taps, float *out, double *energy);
void radnode_gabor_row(const float *in, size_t n, const float *g, const float *c, const float *d, const float *s, float *out);
void radnode_gabor_column(const float *base, const ptrdiff_t *rows, size_t n, const float *g, const float *c, const float *d, const float *s,
                          const float *mean, const float *scale, const uint8_t *inside, double *energy);
