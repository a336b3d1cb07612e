package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/worker"
)

// egress turns stored files into objects for peers: as stored for those who
// take that, else in a syntax without compression. Nothing is compressed anew.
type egress struct {
	pool *worker.Pool // decodes compressed frames; nil: they go as stored or not at all
	dir  string       // where frames lie while they are sent
}

// native are the syntaxes without compression, which every peer must take one
// of (PS3.5 10.1).
var native = []radnode.UID{dimse.ExplicitVRLittleEndian, dimse.ImplicitVRLittleEndian}

// object makes a stored instance ready to be sent, as stored first.
func (e egress) object(o store.StoredObject) dimse.Object {
	syntaxes := []radnode.UID{o.TransferSyntaxUID}
	if stored, known := dicom.LookupTransferSyntax(o.TransferSyntaxUID); known && !stored.Video && (!stored.Encapsulated || e.pool != nil) {
		for _, uid := range native {
			if uid != o.TransferSyntaxUID {
				syntaxes = append(syntaxes, uid)
			}
		}
	}
	return dimse.Object{
		SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID, Syntaxes: syntaxes,
		Open: func(ctx context.Context, syntax radnode.UID) (io.ReadCloser, error) {
			if syntax == o.TransferSyntaxUID {
				return openDataSet(o.Path)
			}
			return e.recode(ctx, o.Path, syntax)
		},
	}
}

// openDataSet opens the data set of a file of ours: behind the preamble, the
// prefix and the file meta information, whose length its first element tells
// (PS3.10 7.1).
func openDataSet(path string) (io.ReadCloser, error) {
	const op = "open instance"
	f, err := os.Open(path)
	if err != nil {
		return nil, radnode.Errorf(radnode.NotFound, op, "the file of an instance cannot be opened: %w", err)
	}
	var head [144]byte
	if _, err = io.ReadFull(f, head[:]); err == nil {
		if string(head[128:140]) != "DICM\x02\x00\x00\x00UL\x04\x00" {
			err = radnode.Errorf(radnode.Internal, op, "the file of an instance does not begin as this node writes it")
		} else {
			_, err = f.Seek(int64(len(head))+int64(binary.LittleEndian.Uint32(head[140:])), io.SeekStart)
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// recodeLimits let a header be read whole that is written again.
var recodeLimits = dicom.Limits{HeaderBytes: 256 << 20, ValueBytes: 128 << 20}

// recode opens a file as a data set in a native syntax.
func (e egress) recode(ctx context.Context, path string, syntax radnode.UID) (io.ReadCloser, error) {
	const op = "recode instance"
	f, err := os.Open(path)
	if err != nil {
		return nil, radnode.Errorf(radnode.NotFound, op, "the file of an instance cannot be opened: %w", err)
	}
	r := &recoded{file: f}
	if err := e.prepare(ctx, r, syntax); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// recoded is a data set that is put together while it is read.
type recoded struct {
	io.Reader
	file *os.File
	dir  string // of decoded frames; "": none
}

func (r *recoded) Close() error {
	err := r.file.Close()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// prepare puts the reader together: the header, the pixel data and what stands
// behind them.
func (e egress) prepare(ctx context.Context, r *recoded, syntax radnode.UID) error {
	st, err := r.file.Stat()
	if err != nil {
		return err
	}
	file, err := dicom.Read(r.file, st.Size(), recodeLimits)
	if err != nil {
		return err
	}
	var head, tail bytes.Buffer
	if file.PixelData == nil {
		r.Reader = &head
		return dicom.WriteAsIs(&head, file.Dataset, syntax)
	}
	var pixels io.Reader
	var length int64
	vr := file.PixelData.VR
	if file.PixelData.Encapsulated {
		pixels, length, vr, err = e.decoded(ctx, r, file)
	} else {
		pixels, length, err = nativePixels(r.file, st.Size(), file)
	}
	if err != nil {
		return err
	}
	before, after := dicom.NewDataset(), dicom.NewDataset()
	for _, element := range file.Dataset.Elements() {
		switch {
		case element.Tag < file.PixelData.Tag:
			before.Set(element)
		case element.Tag > file.PixelData.Tag:
			after.Set(element)
		}
	}
	// The offsets of fragments mean nothing any more, and compressed icons,
	// which are type 3 (PS3.3 C.7.6.1), cannot stand in a native syntax.
	before.Remove(dicom.ExtendedOffsetTable)
	before.Remove(dicom.ExtendedOffsetTableLengths)
	removeFragments(before)
	removeFragments(after)
	if err := errors.Join(dicom.WriteAsIs(&head, before, syntax), dicom.WriteAsIs(&tail, after, syntax)); err != nil {
		return err
	}
	padding := length % 2
	if length+padding >= math.MaxUint32 {
		return radnode.Errorf(radnode.TooLarge, "recode instance", "the pixel data are longer than a native element can be")
	}
	head.Write(pixelHeader(file.PixelData.Tag, vr, uint32(length+padding), syntax))
	r.Reader = io.MultiReader(&head, pixels, bytes.NewReader(make([]byte, padding)), &tail)
	return nil
}

// removeFragments removes the sequences whose items hold compressed pixel data
// at any depth: icons, those of private sequences too.
func removeFragments(d *dicom.Dataset) {
	for _, e := range slices.Clone(d.Elements()) {
		if slices.ContainsFunc(e.Items, holdsFragments) {
			d.Remove(e.Tag)
		}
	}
}

func holdsFragments(item *dicom.Dataset) bool {
	return slices.ContainsFunc(item.Elements(), func(e *dicom.Element) bool {
		return e.Fragments != nil || slices.ContainsFunc(e.Items, holdsFragments)
	})
}

// pixelHeader is the header of the pixel data element (PS3.5 7.1).
func pixelHeader(tag dicom.Tag, vr dicom.VR, length uint32, syntax radnode.UID) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16(nil, tag.Group()), tag.Element())
	if syntax == dimse.ExplicitVRLittleEndian {
		b = append(b, vr[0], vr[1], 0, 0)
	}
	return le.AppendUint32(b, length)
}

// nativePixels are pixel data without compression, in little endian order.
func nativePixels(f *os.File, size int64, file *dicom.File) (io.Reader, int64, error) {
	if file.PixelData.Truncated {
		return nil, 0, radnode.Errorf(radnode.Unsupported, "recode instance", "the pixel data are cut off: they are sent as stored or not at all")
	}
	pixels, err := file.PixelStream(f, size, recodeLimits)
	if err != nil {
		return nil, 0, err
	}
	if file.PixelData.BigEndian && file.PixelData.VR == dicom.OW {
		pixels = &swapped{r: pixels}
	}
	return pixels, file.PixelData.Length, nil
}

// swapped turns the bytes of 16-bit words (PS3.5 7.3).
type swapped struct {
	r    io.Reader
	rest []byte
	buf  [32 << 10]byte
}

func (s *swapped) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		n, err := io.ReadFull(s.r, s.buf[:])
		if n == 0 {
			return 0, err
		}
		for i := 0; i+1 < n; i += 2 {
			s.buf[i], s.buf[i+1] = s.buf[i+1], s.buf[i]
		}
		s.rest = s.buf[:n]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// decoded are the frames of compressed pixel data, decoded one after the other
// by the pixel workers, and the attributes that say how they lie.
func (e egress) decoded(ctx context.Context, r *recoded, file *dicom.File) (io.Reader, int64, dicom.VR, error) {
	const op = "recode instance"
	var err error
	if r.dir, err = os.MkdirTemp(e.dir, "frames-"); err != nil {
		return nil, 0, "", radnode.Errorf(radnode.NoResources, op, "no room to decode a frame: %w", err)
	}
	frames := 1
	if n, ok := file.Dataset.Int(dicom.NumberOfFrames); ok && n > 0 {
		frames = n
	}
	s := &frameStream{ctx: ctx, egress: e, path: r.file.Name(), out: filepath.Join(r.dir, "frame"), frames: frames}
	if err := s.decode(); err != nil {
		return nil, 0, "", err
	}
	info, d := s.info, file.Dataset
	d.SetText(dicom.PhotometricInterpretation, info.Photometric)
	d.SetInts(dicom.BitsAllocated, info.BitsAllocated)
	if info.Samples > 1 {
		d.SetInts(dicom.PlanarConfiguration, 0)
	}
	vr := dicom.OW
	if info.BitsAllocated == 8 {
		vr = dicom.OB
	}
	return s, info.Size * int64(frames), vr, nil
}

// frameStream reads frame after frame, each decoded when the one before has
// been sent.
type frameStream struct {
	ctx    context.Context //nolint:containedctx // it is the request's, as the stream is
	egress egress
	path   string
	out    string
	frames int
	next   int // frame decoded last, counted from 1
	info   worker.FrameInfo
	rest   []byte
}

func (s *frameStream) decode() error {
	const op = "recode instance"
	s.next++
	info, err := s.egress.pool.Frame(s.ctx, worker.FrameRequest{Path: s.path, Frame: s.next, Out: s.out, Stored: true})
	if err != nil {
		return err
	}
	if s.next > 1 && info != s.info {
		return radnode.Errorf(radnode.Unsupported, op, "the frames of an instance differ in form")
	}
	s.info = info
	if s.rest, err = os.ReadFile(s.out); err != nil {
		return radnode.Errorf(radnode.Internal, op, "a decoded frame cannot be read: %w", err)
	}
	if int64(len(s.rest)) != info.Size {
		return radnode.Errorf(radnode.Internal, op, "a decoded frame has %d bytes instead of %d", len(s.rest), info.Size)
	}
	return nil
}

func (s *frameStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.next == s.frames {
			return 0, io.EOF
		}
		if err := s.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
