package frames

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/radnode/radnode"
)

// Picture returns a picture of an instance that create makes; how tells apart
// the pictures that one instance may have.
func (c *Cache) Picture(ctx context.Context, inst radnode.Instance, how string, create func(out string) error) (io.ReadSeekCloser, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s picture %s", inst.SOPInstanceUID, inst.Digest, how))
	return c.file(ctx, hex.EncodeToString(sum[:16]), create)
}
