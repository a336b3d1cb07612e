#include "kernels.h"

#include <string.h>

// count returns the new number of numbers in large.
static size_t count(uint32_t *small, uint32_t *large, size_t larges, unsigned level, unsigned size) {
    if (size <= SMALL_SIZES) {
        small[(level - 1) * SMALL_SIZES + size - 1]++;
        return larges;
    }
    large[larges++] = level;
    large[larges++] = size;
    return larges;
}

// mark writes 1 where a voxel of the region differs from the next one, and
// eight zeros behind the last.
FASTEST static void mark(const uint16_t *restrict v, const uint16_t *restrict next, size_t n, uint8_t *restrict ends) {
    for (size_t x = 0; x < n; x++) ends[x] = (v[x] != next[x]) & (v[x] != 0);
    memset(ends + n, 0, 8);
}

static uint64_t eight(const uint8_t *ends) {
    uint64_t marks;
    memcpy(&marks, ends, 8);
    return marks;
}

// EACH_MARK visits the marks, eight voxels at a time; AT is where one lies.
#define EACH_MARK(ends, n)                          \
    for (size_t word = 0; word < (n); word += 8)    \
        for (uint64_t marks = eight((ends) + word); marks; marks &= marks - 1)
#define AT (word + (size_t)__builtin_ctzll(marks) / 8)

// radnode_row_runs lists the runs of a row.
size_t radnode_row_runs(const uint16_t *v, size_t n, uint8_t *ends, radnode_run *runs) {
    size_t count = 0, from = 0;
    mark(v, v + 1, n, ends);
    EACH_MARK(ends, n) {
        size_t x = AT;
        while (v[from] != v[x]) from++; // over voxels outside the region, which end no run
        runs[count++] = (radnode_run){(uint16_t)from, (uint16_t)(x + 1), v[x], 0};
        from = x + 1;
    }
    return count;
}

// radnode_runs_along counts the runs of a row along itself.
size_t radnode_runs_along(const uint16_t *v, size_t n, uint8_t *ends, uint32_t *small, uint32_t *large) {
    size_t from = 0, larges = 0;
    mark(v, v + 1, n, ends);
    EACH_MARK(ends, n) {
        size_t x = AT;
        while (v[from] != v[x]) from++;
        larges = count(small, large, larges, v[x], (unsigned)(x + 1 - from));
        from = x + 1;
    }
    return larges;
}

FASTEST static void lengthen(const uint16_t *restrict v, const uint16_t *restrict before, size_t n,
                             const uint16_t *restrict behind, uint16_t *restrict length) {
    for (size_t x = 0; x < n; x++) {
        uint16_t same = (uint16_t)-(v[x] == before[x]);
        length[x] = (uint16_t)((behind[x] & same) + 1);
    }
}

// radnode_runs_across carries the runs of a direction that leads from row to
// row on by one row, and counts those that end. behind and length say how long
// the run of each voxel is, one step back and here.
size_t radnode_runs_across(const uint16_t *v, const uint16_t *before, const uint16_t *next, size_t n,
                           const uint16_t *behind, uint16_t *length, uint8_t *ends, uint32_t *small, uint32_t *large) {
    size_t larges = 0;
    lengthen(v, before, n, behind, length);
    mark(v, next, n, ends);
    EACH_MARK(ends, n) {
        size_t x = AT;
        larges = count(small, large, larges, v[x], length[x]);
    }
    return larges;
}

static int32_t find(int32_t *parent, int32_t i) {
    while (parent[i] >= 0) {
        int32_t up = parent[i];
        if (parent[up] >= 0) parent[i] = parent[up];
        i = up;
    }
    return i;
}

// radnode_join_runs gives each run of a row its zone: that of the runs above
// it with the same level, over eight neighbours, or a new one. parent holds an
// earlier zone of the same, or for the first of them minus the size; level is
// the level of each zone. It returns how many zones there are now.
int32_t radnode_join_runs(const radnode_run *above, size_t n_above, radnode_run *runs, size_t n, int32_t *parent,
                          uint16_t *level, int32_t zones) {
    size_t first = 0;
    for (size_t i = 0; i < n; i++) {
        radnode_run *r = &runs[i];
        int32_t zone = -1;
        while (first < n_above && above[first].end < r->from) first++;
        for (size_t k = first; k < n_above && above[k].from <= r->end; k++) {
            if (above[k].level != r->level) continue;
            int32_t root = find(parent, above[k].zone);
            if (zone < 0 || root == zone) {
                zone = root;
                continue;
            }
            int32_t low = root < zone ? root : zone, high = root < zone ? zone : root;
            parent[low] += parent[high];
            parent[high] = low;
            zone = low;
        }
        if (zone < 0) {
            zone = zones++;
            parent[zone] = 0;
            level[zone] = r->level;
        }
        parent[zone] -= r->end - r->from;
        r->zone = zone;
    }
    return zones;
}

// LOOK takes one neighbour of a voxel into account.
#define LOOK(w)                       \
    do {                              \
        present -= (uint16_t)((w) != 0) ? (uint16_t)0xffff : 0; \
        same -= (uint16_t)((w) == level) ? (uint16_t)0xffff : 0; \
        sum += (w);                   \
    } while (0)

// SEEN is what look says of a voxel.
#define SEEN(x, neighbours)                                           \
    do {                                                              \
        uint16_t all = (uint16_t)(level * present);                   \
        distance[x] = (uint16_t)(all > sum ? all - sum : sum - all);  \
        index[x] = (uint16_t)(present * ((neighbours) + 1) + same);   \
    } while (0)

// look8 is look for the eight neighbours in a slice.
FASTEST static void look8(const uint16_t *restrict up, const uint16_t *restrict v, const uint16_t *restrict down, size_t n,
                          uint16_t *restrict index, uint16_t *restrict distance) {
    for (size_t x = 0; x < n; x++) {
        uint16_t level = v[x], present = 0, same = 0, sum = 0;
        LOOK(up[(ptrdiff_t)x - 1]);
        LOOK(up[x]);
        LOOK(up[x + 1]);
        LOOK(v[(ptrdiff_t)x - 1]);
        LOOK(v[x + 1]);
        LOOK(down[(ptrdiff_t)x - 1]);
        LOOK(down[x]);
        LOOK(down[x + 1]);
        SEEN(x, 8);
    }
}

static void look(const uint16_t *v, size_t n, const ptrdiff_t *offsets, size_t neighbours, uint16_t *index, uint16_t *distance) {
    for (size_t x = 0; x < n; x++) {
        uint16_t level = v[x], present = 0, same = 0, sum = 0;
        for (size_t k = 0; k < neighbours; k++) LOOK(v[(ptrdiff_t)x + offsets[k]]);
        SEEN(x, neighbours);
    }
}

// radnode_tones counts each voxel by its level, the number of neighbours in
// the region and the number of them with the same level, in the upper half of
// the table's entry, and adds |level * neighbours - their sum| in the lower.
// work holds 2 n numbers. Eight neighbours are those in the slice, in rows of
// stride voxels.
void radnode_tones(const uint16_t *v, size_t n, const ptrdiff_t *offsets, size_t neighbours, size_t stride,
                   uint16_t *work, uint64_t *table) {
    size_t side = (neighbours + 1) * (neighbours + 1);
    if (neighbours == 8)
        look8(v - stride, v, v + stride, n, work, work + n);
    else
        look(v, n, offsets, neighbours, work, work + n);
    for (size_t x = 0; x < n; x++) table[v[x] * side + work[x]] += (uint64_t)1 << 32 | work[n + x];
}

// radnode_pairs counts the pairs of level and neighbour's level. Two tables:
// pairs are often the same, and a count that waits for the one before it waits
// long.
void radnode_pairs(const uint16_t *v, const uint16_t *neighbour, size_t n, size_t side, uint32_t *even, uint32_t *odd) {
    size_t x = 0;
    for (; x + 1 < n; x += 2) {
        even[v[x] * side + neighbour[x]]++;
        odd[v[x + 1] * side + neighbour[x + 1]]++;
    }
    if (x < n) even[v[x] * side + neighbour[x]]++;
}

// radnode_count_levels counts levels into four tables of side numbers.
void radnode_count_levels(const uint16_t *v, size_t n, size_t side, uint32_t *counts) {
    size_t x = 0;
    for (; x + 3 < n; x += 4) {
        counts[v[x]]++;
        counts[side + v[x + 1]]++;
        counts[2 * side + v[x + 2]]++;
        counts[3 * side + v[x + 3]]++;
    }
    for (; x < n; x++) counts[v[x]]++;
}

// radnode_region counts the voxels of the region.
FASTEST size_t radnode_region(const uint16_t *v, size_t n) {
    size_t inside = 0;
    for (size_t x = 0; x < n; x++) inside += v[x] != 0;
    return inside;
}
