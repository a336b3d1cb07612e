package preprocess

import (
	"unsafe"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess/radiomics"
)

// buffer is one Mat on loan from a workspace, counted by its holders.
type buffer struct {
	mat     gocv.Mat
	rows    int
	columns int
	kind    gocv.MatType
	holders int
}

// workspace lends Mats and Go slices to one run at a time and keeps them for
// the next, so that images of one size need no new memory.
type workspace struct {
	all    []*buffer
	free   []*buffer
	bytes  map[string][]byte
	floats map[string][]float32

	volume   *radiomics.Levels
	patterns map[patternKey]*radiomics.LBP
}

// patternKey names the code table of one kind of local binary pattern.
type patternKey struct {
	points int
	radius float64
	method radiomics.LBPMethod
}

// spare is how many idle Mats of a wrong size a workspace keeps.
const spare = 6

func newWorkspace() *workspace {
	return &workspace{bytes: map[string][]byte{}, floats: map[string][]float32{}, volume: &radiomics.Levels{}, patterns: map[patternKey]*radiomics.LBP{}}
}

// take lends a Mat of this size and type; its content is arbitrary. OpenCV
// writes into a destination that fits, so nothing is allocated on the way.
func (w *workspace) take(rows, columns int, kind gocv.MatType) (*buffer, error) {
	if rows < 1 || columns < 1 || rows > MaxSide || columns > MaxSide || rows*columns*matChannels(kind) > MaxSamples {
		return nil, radnode.Errorf(radnode.TooLarge, "preprocess", "a step makes an image of %d x %d, outside the limits of 1 to %d a side and %d samples", rows, columns, MaxSide, MaxSamples)
	}
	for i, b := range w.free {
		if b.rows == rows && b.columns == columns && b.kind == kind {
			w.free = append(w.free[:i], w.free[i+1:]...)
			b.holders = 1
			return b, nil
		}
	}
	if len(w.free) > spare {
		w.drop(w.free[0])
	}
	b := &buffer{mat: gocv.NewMatWithSize(rows, columns, kind), rows: rows, columns: columns, kind: kind, holders: 1}
	w.all = append(w.all, b)
	if b.mat.Empty() {
		return nil, radnode.Errorf(radnode.NoResources, "preprocess", "no memory for an image of %d x %d", rows, columns)
	}
	return b, nil
}

func (w *workspace) drop(b *buffer) {
	b.mat.Close()
	w.free = without(w.free, b)
	w.all = without(w.all, b)
}

func without(list []*buffer, b *buffer) []*buffer {
	for i, x := range list {
		if x == b {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

func (b *buffer) hold() *buffer {
	b.holders++
	return b
}

func (w *workspace) release(b *buffer) {
	if b == nil || b.holders == 0 {
		return
	}
	if b.holders--; b.holders == 0 {
		w.free = append(w.free, b)
	}
}

// reclaim takes every loan back, whoever holds it: the run is over.
func (w *workspace) reclaim() {
	w.free = w.free[:0]
	for _, b := range w.all {
		b.holders = 0
		w.free = append(w.free, b)
	}
}

func (w *workspace) close() {
	for _, b := range w.all {
		b.mat.Close()
	}
	w.all, w.free = nil, nil
}

// byteSlice lends a Go slice by name; its content is arbitrary.
func (w *workspace) byteSlice(name string, n int) []byte {
	if cap(w.bytes[name]) < n {
		w.bytes[name] = make([]byte, n)
	}
	return w.bytes[name][:n]
}

func (w *workspace) floatSlice(name string, n int) []float32 {
	if cap(w.floats[name]) < n {
		w.floats[name] = make([]float32, n)
	}
	return w.floats[name][:n]
}

// levels lends the grey levels of the last features step.
func (w *workspace) levels() *radiomics.Levels { return w.volume }

// lbp lends the code table and scratch memory of a binary pattern.
func (w *workspace) lbp(points int, radius float64, method radiomics.LBPMethod) (*radiomics.LBP, error) {
	key := patternKey{points, radius, method}
	if w.patterns[key] == nil {
		l, err := radiomics.NewLBP(points, radius, method)
		if err != nil {
			return nil, err
		}
		w.patterns[key] = l
	}
	return w.patterns[key], nil
}

// The depth and channel count are packed in a Mat type (CV_MAKETYPE).
func matDepth(kind gocv.MatType) gocv.MatType { return kind & 7 }
func matChannels(kind gocv.MatType) int       { return int(kind>>3) + 1 }
func matType(depth gocv.MatType, channels int) gocv.MatType {
	return depth | gocv.MatType(channels-1)<<3
}

// check confirms that OpenCV left in b what the step table promises; a step
// that does not would poison the next one.
func (b *buffer) check() error {
	if b.mat.Empty() || b.mat.Rows() != b.rows || b.mat.Cols() != b.columns || b.mat.Type() != b.kind {
		return radnode.Errorf(radnode.Internal, "preprocess", "a step left a Mat of %d x %d, type %d in place of %d x %d, type %d",
			b.mat.Rows(), b.mat.Cols(), b.mat.Type(), b.rows, b.columns, b.kind)
	}
	return nil
}

// finite refuses floats that are no numbers or infinite: they would spread into
// every value after them.
func (b *buffer) finite() error {
	if matDepth(b.kind) != gocv.MatTypeCV32F {
		return nil
	}
	pix, err := b.floats32()
	if err != nil {
		return err
	}
	if at := firstNotFinite(pix); at >= 0 {
		at /= matChannels(b.kind)
		return radnode.Errorf(radnode.Invalid, "preprocess", "the result at row %d, column %d is %g: the values are beyond what 32-bit floats hold", at/b.columns, at%b.columns, pix[at*matChannels(b.kind)])
	}
	return nil
}

// bytes8 and floats32 give the samples of a continuous Mat without copying.
func (b *buffer) bytes8() ([]byte, error) {
	p, err := b.mat.DataPtrUint8()
	if err != nil || len(p) != b.rows*b.columns*matChannels(b.kind) {
		return nil, radnode.Errorf(radnode.Internal, "preprocess", "the samples of a Mat are not 8-bit and continuous")
	}
	return p, nil
}

func (b *buffer) ints32() ([]int32, error) {
	p, err := b.mat.DataPtrUint8()
	if err != nil || matDepth(b.kind) != gocv.MatTypeCV32S || len(p) != 4*b.rows*b.columns {
		return nil, radnode.Errorf(radnode.Internal, "preprocess", "the samples of a Mat are not integers and continuous")
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&p[0])), len(p)/4), nil
}

func (b *buffer) floats32() ([]float32, error) {
	p, err := b.mat.DataPtrFloat32()
	if err != nil || len(p) != b.rows*b.columns*matChannels(b.kind) {
		return nil, radnode.Errorf(radnode.Internal, "preprocess", "the samples of a Mat are not floats and continuous")
	}
	return p, nil
}
