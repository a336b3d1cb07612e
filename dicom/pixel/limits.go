package pixel

import (
	"math"
	"time"

	"github.com/radnode/radnode"
)

// Limits bound what one object may ask for. Each refusal names its limit and
// the option that sets it.
type Limits struct {
	FrameBytes int64 // one decoded frame
	CodedBytes int64 // one encoded frame, its fragments joined
	WorkBytes  int64 // what a codec may allocate beside the frame
	Frames     int   // frames of an object
	Ratio      int64 // expansion of a codestream whose coding has no bound of its own, above FreeBytes
	FreeBytes  int64 // decoded size up to which Ratio does not apply: a blank frame may be tiny
	Entries    int   // entries of one look-up table (PS3.3 C.11.1.1: 65536)
	Overlays   int64 // pixels of one overlay plane
	// FrameTime bounds the decoding of one frame; 0: no bound. The codecs in C
	// cannot be stopped from inside: there the worker's own limit counts.
	FrameTime time.Duration
}

// DefaultLimits fit every modality known to us; the largest mammograms,
// digitised films and slide tiles stay below a tenth of them. A program may
// change them at its start, before anything is opened (SetLimit).
var DefaultLimits = Limits{
	FrameBytes: 1 << 30,
	CodedBytes: 1 << 30,
	WorkBytes:  3 << 30,
	Frames:     1 << 20,
	Ratio:      1000,
	FreeBytes:  64 << 20,
	Entries:    65536,
	Overlays:   64 << 20,
	FrameTime:  30 * time.Second,
}

// maxEdge is the largest value of Rows and Columns, both US (PS3.3 C.7.6.3).
const maxEdge = math.MaxUint16

// product multiplies sizes in 64 bits; ok is false on overflow or a negative
// factor.
func product(factors ...int64) (p int64, ok bool) {
	p = 1
	for _, f := range factors {
		if f < 0 || f > 0 && p > math.MaxInt64/f {
			return 0, false
		}
		p *= f
	}
	return p, true
}

func tooLarge(what string, is, limit int64, option string) error {
	return radnode.Errorf(radnode.TooLarge, opOpen, "%s is %d, the limit is %d (option %s)", what, is, limit, option)
}
