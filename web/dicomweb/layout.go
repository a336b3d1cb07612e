package dicomweb

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// layout is where the frames of an instance lie in its file.
type layout struct {
	syntax         radnode.UID
	encapsulated   bool
	direct         bool  // the native values lie in the file as a client wants them
	offset, length int64 // of native values
	frames         int
	bits           int64 // of a native frame
	fragments      []dicom.Fragment
	index          []int // first fragment of each frame, and one behind the last; nil: the frames cannot be told apart
	lengths        []uint64
}

// whole reports whether the value can be sent as it lies in the file.
func (l *layout) whole() bool { return l.direct }

// layouts keeps the layouts of files used lately: a viewer asks for each frame
// of an object by itself.
type layouts struct {
	mu      sync.Mutex
	entries map[string]*layout
	size    int
}

const (
	mostLayouts   = 1024
	mostFragments = 1 << 20 // in all layouts kept
)

func (k *layouts) of(o Object) (*layout, error) {
	k.mu.Lock()
	l := k.entries[o.Path]
	k.mu.Unlock()
	if l != nil {
		return l, nil
	}
	f, err := dicom.ReadFile(o.Path, dicom.Limits{ValueBytes: inlineBytes << 4})
	if err != nil {
		return nil, err
	}
	if l, err = newLayout(f); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.size += len(l.fragments) + 1; len(k.entries) >= mostLayouts || k.size > mostFragments {
		clear(k.entries)
		k.size = len(l.fragments) + 1
	}
	k.entries[o.Path] = l
	return l, nil
}

func newLayout(f *dicom.File) (*layout, error) {
	d, p := f.Dataset, f.PixelData
	if p == nil {
		return nil, radnode.Errorf(radnode.NotFound, "frames", "the instance has no pixel data")
	}
	l := &layout{syntax: f.TransferSyntax, encapsulated: p.Encapsulated, offset: p.Offset, length: p.Length, frames: 1,
		fragments: p.Fragments, lengths: p.ExtendedLengths}
	if n, ok := d.Int(dicom.NumberOfFrames); ok && n > 0 {
		l.frames = n
	}
	if p.Encapsulated {
		l.frames = min(l.frames, max(1, len(p.Fragments)))
		l.index = frameIndex(p, l.frames)
		return l, nil
	}
	ts, known := dicom.LookupTransferSyntax(f.TransferSyntax)
	l.direct = known && !ts.BigEndian && !ts.Deflated && !p.Truncated
	l.bits = frameBits(d, p.Length, l.frames)
	if l.bits <= 0 || int64(l.frames) > 8*p.Length/l.bits {
		l.direct = false // the decoder says what is wrong
	}
	return l, nil
}

// frameBits is the size of a native frame (PS3.5 8.1.1; PS3.3 C.7.6.3.1.2:
// subsampled chroma), 0 where the header does not tell.
func frameBits(d *dicom.Dataset, length int64, frames int) int64 {
	rows, _ := d.Int(dicom.Rows)
	columns, _ := d.Int(dicom.Columns)
	samples, ok := d.Int(dicom.SamplesPerPixel)
	if !ok {
		samples = 1
	}
	allocated, ok := d.Int(dicom.BitsAllocated)
	if !ok { // float pixel data have no Bits Allocated of their own (PS3.3 C.7.6.24)
		return 0
	}
	if rows <= 0 || columns <= 0 || samples < 1 || samples > 4 || allocated < 1 || allocated > 64 || rows > 1<<16 || columns > 1<<16 {
		return 0
	}
	pixels := int64(rows) * int64(columns)
	full := pixels * int64(samples) * int64(allocated)
	switch d.Text(dicom.PhotometricInterpretation) {
	case "YBR_FULL_422", "YBR_PARTIAL_422":
		if full/8 > (length-length%2)/int64(frames) {
			return pixels * 2 * int64(allocated)
		}
	}
	return full
}

// frameIndex assigns fragments to frames (PS3.5 A.4) by the offset table, else
// by number; nil where neither tells.
func frameIndex(p *dicom.PixelData, frames int) []int {
	offsets := p.ExtendedOffsets
	if len(offsets) == 0 {
		for _, o := range p.BasicOffsets {
			offsets = append(offsets, uint64(o))
		}
	}
	if index := matchOffsets(offsets, p.Fragments, frames); index != nil {
		return index
	}
	switch {
	case len(p.Fragments) == 0:
		return nil
	case frames == 1:
		return []int{0, len(p.Fragments)}
	case frames == len(p.Fragments):
		index := make([]int, frames+1)
		for i := range index {
			index[i] = i
		}
		return index
	}
	return nil
}

// matchOffsets finds the fragment at each offset, counted from the first item.
func matchOffsets(offsets []uint64, fragments []dicom.Fragment, frames int) []int {
	if len(offsets) < frames || len(fragments) == 0 || offsets[0] != 0 {
		return nil
	}
	index := make([]int, 0, frames+1)
	at := 0
	for _, o := range offsets {
		for at < len(fragments) && uint64(fragments[at].Offset-fragments[0].Offset) < o {
			at++
		}
		if at == len(fragments) || uint64(fragments[at].Offset-fragments[0].Offset) != o {
			return nil
		}
		index = append(index, at)
		at++
	}
	return append(index, len(fragments))[:frames+1]
}

// coded opens the codestream of a frame (from 1): its fragments joined.
func (l *layout) coded(path string, frame int) (io.ReadCloser, int64, error) {
	if l.index == nil || frame >= len(l.index) {
		return nil, 0, radnode.Errorf(radnode.Unsupported, "frames", "the codestreams of the frames cannot be told apart")
	}
	f, _, err := openFile(path)
	if err != nil {
		return nil, 0, err
	}
	var readers []io.Reader
	size := int64(0)
	list := l.fragments[l.index[frame-1]:l.index[frame]]
	for _, fragment := range list {
		n := fragment.Length
		// PS3.3 C.7.6.3.1.8: the extended table knows the length without padding.
		if len(list) == 1 && len(l.lengths) >= frame && l.lengths[frame-1] > 0 && l.lengths[frame-1] < uint64(n) {
			n = int64(l.lengths[frame-1])
		}
		readers = append(readers, io.NewSectionReader(f, fragment.Offset, n))
		size += n
	}
	return file{io.MultiReader(readers...), f}, size, nil
}

// frameSize is the length of a native frame in bytes.
func (l *layout) frameSize() int64 { return (l.bits + 7) / 8 }

// extract is a part of a file, from where the file stands. The system can send
// it without bringing it into this program.
type extract struct {
	io.LimitedReader
	io.Closer
}

// native opens the values of a native frame (from 1) as they lie in the file.
func (l *layout) native(path string, frame int) (io.ReadCloser, int64, error) {
	f, _, err := openFile(path)
	if err != nil {
		return nil, 0, err
	}
	first := int64(frame-1) * l.bits
	size := l.frameSize()
	if first%8 == 0 {
		if _, err := f.Seek(l.offset+first/8, io.SeekStart); err != nil {
			return nil, 0, errors.Join(radnode.Errorf(radnode.Internal, "frames", "the pixel data cannot be read: %w", err), f.Close())
		}
		return &extract{io.LimitedReader{R: f, N: size}, f}, size, nil
	}
	defer f.Close() //nolint:errcheck // opened for reading
	// Frames of one bit follow each other inside a byte (PS3.5 8.1.1).
	packed := make([]byte, (first%8+l.bits+7)/8)
	if _, err := f.ReadAt(packed, l.offset+first/8); err != nil {
		return nil, 0, radnode.Errorf(radnode.Internal, "frames", "the pixel data cannot be read: %w", err)
	}
	return memory(shiftBits(packed, int(first%8), int(size))), size, nil
}

// shiftBits moves a string of bits, lowest bit first, to the start of a byte.
func shiftBits(b []byte, by, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = b[i] >> by
		if i+1 < len(b) {
			out[i] |= b[i+1] << (8 - by)
		}
	}
	return out
}

// fileAt reads a file that is opened for each piece: bulk data are asked for
// seldom and at once.
type fileAt string

func (p fileAt) ReadAt(b []byte, off int64) (int, error) {
	f, err := os.Open(string(p))
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return f.ReadAt(b, off)
}
