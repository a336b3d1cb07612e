package pixel

import (
	"context"
	"sync"

	"github.com/radnode/radnode"
)

// Coded is what the header says about one encoded frame: a codec refuses a
// codestream that disagrees, before it decodes a sample.
type Coded struct {
	Rows, Columns, Samples int
	BitsAllocated          int // 8, 16 or 32: the width of a sample in the destination
	BitsStored             int
	Signed                 bool
	Photometric            string
	MaxBytes               int64 // what the codec may allocate beside the destination
}

// Size returns the number of bytes of the decoded frame.
func (c Coded) Size() int64 {
	return int64(c.Rows) * int64(c.Columns) * int64(c.Samples) * int64(c.BitsAllocated/8)
}

// Decoded is what the codestream said about itself.
type Decoded struct {
	Bits   int  // precision of the samples in the codestream
	Signed bool // samples are two's complement over the whole width of the destination
	RGB    bool // colour transform undone by the codec: samples are RGB whatever the header says
	Masked bool // bits above BitsStored may be foreign (native pixels): mask and extend them
}

// Codec decodes, and where Encode is set encodes, the frames of its transfer
// syntaxes. Decode fills dst, which has exactly Coded.Size bytes: row by row,
// colour by pixel, little endian.
type Codec struct {
	Name     string        // for provenance: "openjpeg 2.5.0"
	Syntaxes []radnode.UID // what it decodes
	Decode   func(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error)
	Encode   func(ctx context.Context, src []byte, is Coded, dst []byte) ([]byte, error) // appends to dst; nil: decode only
	// Fragmented finds the first fragment of each frame when no offset table
	// does: it looks at the first bytes of a fragment (PS3.5 A.4).
	Starts func(head []byte, want Coded) bool
	Ends   func(tail []byte) bool
	// Ratio is the largest possible expansion of a codestream, 0 if unbounded:
	// a frame that claims more is refused before memory is asked for.
	Ratio int64
}

var codecs = struct {
	sync.RWMutex
	byUID map[radnode.UID]*Codec
}{byUID: map[radnode.UID]*Codec{}}

// Register adds a codec for its transfer syntaxes. The pixel worker calls it
// at its start for the codecs that need C; registering a syntax twice is an
// error, so that no two codecs compete silently.
func Register(c Codec) error {
	codecs.Lock()
	defer codecs.Unlock()
	for _, ts := range c.Syntaxes {
		if old, ok := lookup(ts); ok {
			return radnode.Errorf(radnode.Conflict, "register codec", "transfer syntax %s is already decoded by %s", ts, old.Name)
		}
	}
	for _, ts := range c.Syntaxes {
		codecs.byUID[ts] = &c
	}
	return nil
}

// CodecFor returns the codec of an encapsulated transfer syntax.
func CodecFor(ts radnode.UID) (*Codec, bool) {
	codecs.RLock()
	defer codecs.RUnlock()
	return lookup(ts)
}

func lookup(ts radnode.UID) (*Codec, bool) {
	if c, ok := builtin[ts]; ok {
		return c, true
	}
	c, ok := codecs.byUID[ts]
	return c, ok
}
