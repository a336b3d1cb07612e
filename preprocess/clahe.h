#include <stdint.h>

// radnode_clahe equalises pix into out in tiles x tiles tiles; it returns 0
// where there is no memory.
int radnode_clahe(const uint8_t *pix, int rows, int columns, double clip_limit, int tiles, uint8_t *out);
