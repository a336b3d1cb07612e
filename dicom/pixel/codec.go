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
	BitsAllocated          int // as in the header: 1, 8, 16 or 32
	Width                  int // bits of a sample in the destination: 8, 16 or 32
	BitsStored             int
	Signed                 bool
	Photometric            string
	Planar                 int
	MaxBytes               int64 // what the codec may allocate beside the destination
}

// Size returns the number of bytes of the decoded frame.
func (c Coded) Size() int { return c.Rows * c.Columns * c.Samples * c.Width / 8 }

// Decoded is what the codestream said about itself.
type Decoded struct {
	Bits   int  // precision of the samples in the codestream
	Signed bool // samples are already two's complement over the whole width
	RGB    bool // colour transform undone by the codec: samples are RGB whatever the header says
	Raw    bool // samples are bits as allocated: the frame masks and extends them
}

// Codec decodes, and where Encode is set encodes, the frames of its transfer
// syntaxes. All functions may be called by several goroutines at once.
type Codec struct {
	Name     string        // for provenance: "openjpeg 2.5.0"
	Syntaxes []radnode.UID // what it decodes
	// Decode (nil: encodes only) fills dst, which has exactly Coded.Size bytes: row by row, colour
	// by pixel, little endian. src may have trailing padding.
	Decode func(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error)
	// Encode appends the codestream of the frame src (as Decode gives it) to
	// dst; nil where only decoding is possible.
	Encode func(ctx context.Context, ts radnode.UID, src []byte, is Coded, dst []byte) ([]byte, error)
	// Starts and Ends look at the first and last bytes of a fragment and tell
	// whether a frame begins or ends there, for objects without offset table
	// (PS3.5 A.4). Nil: one fragment is one frame.
	Starts func(head []byte, want Coded) bool
	Ends   func(tail []byte) bool
	// Ratio is the largest expansion the coding can reach, 0 if it has none: a
	// frame that claims more is refused before memory is asked for.
	Ratio int64
}

// registered are the codecs that were added to the built-in ones.
var registered = struct {
	sync.RWMutex
	decoders, encoders map[radnode.UID]*Codec
}{decoders: map[radnode.UID]*Codec{}, encoders: map[radnode.UID]*Codec{}}

// Register adds a codec for its transfer syntaxes: what it decodes, what it
// encodes, or both. The pixel worker calls it at its start for the codecs that
// need C. Registering the same work for a syntax twice is an error, so that no
// two codecs compete silently.
func Register(c Codec) error {
	registered.Lock()
	defer registered.Unlock()
	for _, ts := range c.Syntaxes {
		if old, ok := decoder(ts); ok && c.Decode != nil {
			return radnode.Errorf(radnode.Conflict, "register codec", "transfer syntax %s is already decoded by %s", ts, old.Name)
		}
		if old, ok := encoder(ts); ok && c.Encode != nil {
			return radnode.Errorf(radnode.Conflict, "register codec", "transfer syntax %s is already encoded by %s", ts, old.Name)
		}
	}
	for _, ts := range c.Syntaxes {
		if c.Decode != nil {
			registered.decoders[ts] = &c
		}
		if c.Encode != nil {
			registered.encoders[ts] = &c
		}
	}
	return nil
}

// CodecFor returns the codec that decodes an encapsulated transfer syntax.
func CodecFor(ts radnode.UID) (*Codec, bool) {
	registered.RLock()
	defer registered.RUnlock()
	return decoder(ts)
}

// EncoderFor returns the codec that encodes a transfer syntax.
func EncoderFor(ts radnode.UID) (*Codec, bool) {
	registered.RLock()
	defer registered.RUnlock()
	return encoder(ts)
}

func decoder(ts radnode.UID) (*Codec, bool) {
	if c, ok := builtin[ts]; ok {
		return c, true
	}
	c, ok := registered.decoders[ts]
	return c, ok
}

func encoder(ts radnode.UID) (*Codec, bool) {
	if c, ok := builtin[ts]; ok && c.Encode != nil {
		return c, true
	}
	c, ok := registered.encoders[ts]
	return c, ok
}
