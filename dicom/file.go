package dicom

import (
	"io"
	"os"

	"github.com/radnode/radnode"
)

// Limits bound what reading one data set may cost. A zero field takes the
// value of DefaultLimits. A refusal names the option of the limit, as package
// pixel lists them (SetLimit).
type Limits struct {
	HeaderBytes   int64 // bytes of values kept in memory
	ValueBytes    int64 // a longer value is passed over, see Element.Skipped
	Depth         int   // sequences in sequences
	Undefined     int   // sequences of undefined length in such sequences
	Elements      int   // elements in all items together
	Items         int   // sequence items in all
	Fragments     int   // fragments of encapsulated pixel data
	InflatedBytes int64 // output of a deflated data set
	InflateRatio  int64 // output per input byte of a deflated data set, above its first MiB
	Until         Tag   // stop before the first top-level element at or after it; 0: before the pixel data
	PassOver      bool  // values beyond HeaderBytes are passed over, not refused
}

// DefaultLimits hold every object of practical use: multi-frame headers of
// some thousand frames, contours, waveforms. A program may change them at its
// start, before anything is read.
var DefaultLimits = Limits{
	HeaderBytes:   128 << 20,
	ValueBytes:    32 << 20,
	Depth:         32,
	Undefined:     24,
	Elements:      1 << 20,
	Items:         1 << 18,
	Fragments:     1 << 20,
	InflatedBytes: 1 << 30,
	InflateRatio:  200,
}

func (l Limits) withDefaults() Limits {
	or := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	orInt := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	def := DefaultLimits
	or(&l.HeaderBytes, def.HeaderBytes)
	or(&l.ValueBytes, def.ValueBytes)
	or(&l.InflatedBytes, def.InflatedBytes)
	or(&l.InflateRatio, def.InflateRatio)
	orInt(&l.Depth, def.Depth)
	orInt(&l.Undefined, def.Undefined)
	orInt(&l.Elements, def.Elements)
	orInt(&l.Items, def.Items)
	orInt(&l.Fragments, def.Fragments)
	return l
}

// File is a DICOM file (PS3.10 7) without its pixels.
type File struct {
	Meta           *Dataset    // group 0002; empty where the file has none
	TransferSyntax radnode.UID // of the data set, as found where the meta information is wrong
	Dataset        *Dataset    // up to the pixel data and after them
	DatasetOffset  int64       // where the data set begins in the file
	PixelData      *PixelData  // nil if there is none
}

// PixelData tells where the pixel data lie. Offsets count from the start of
// the file; in a deflated transfer syntax from the start of the inflated data
// set (see File.PixelReader).
type PixelData struct {
	Tag             Tag // PixelDataTag, FloatPixelData or DoubleFloatPixelData
	VR              VR
	Offset, Length  int64 // of the value; Length ends at the end of a truncated file
	Truncated       bool  // the file ends before the pixel data do
	BigEndian       bool  // native values are in big endian byte order
	Encapsulated    bool
	Fragments       []Fragment // without the basic offset table
	BasicOffsets    []uint32
	ExtendedOffsets []uint64 // (7FE0,0001)
	ExtendedLengths []uint64 // (7FE0,0002)
}

// Fragment is one fragment of encapsulated pixel data (PS3.5 A.4).
type Fragment struct{ Offset, Length int64 }

// ReadFile reads the header of the file at path and locates its pixel data;
// the pixels themselves are not read.
func ReadFile(path string, lim Limits) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, radnode.Errorf(radnode.NotFound, "read DICOM file", "open: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, "read DICOM file", "stat: %w", err)
	}
	if st.IsDir() {
		return nil, radnode.Errorf(radnode.Invalid, "read DICOM file", "it is a folder, not a file")
	}
	return Read(f, st.Size(), lim)
}

// Read reads a DICOM file of size bytes from r, as ReadFile does.
func Read(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	return readFile(r, size, lim.withDefaults())
}

// ReadHeader reads a data set without Part 10 header, encoded in ts, up to its
// pixel data, as it comes in a C-STORE. It buffers: unless r is a
// *bufio.Reader, up to 16 KiB beyond the header may be taken from r. With
// io.TeeReader(data, file) as r nothing is lost: what was taken is in file,
// and what follows is still in data.
func ReadHeader(r io.Reader, ts radnode.UID, lim Limits) (*Dataset, error) {
	return readHeader(r, ts, lim.withDefaults())
}
