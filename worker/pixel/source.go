package pixel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // pictures that come in beside DICOM objects
	_ "image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"unsafe"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// source is an open file: a DICOM object, or a PNG or JPEG picture.
type source struct {
	file    *os.File
	stat    fs.FileInfo
	object  *dicom.File  // nil: a picture
	image   *pixel.Image // nil: no pixels that can be decoded
	refused error        // why there is no image although the file is sound
	picture *picture
}

// picture is a decoded PNG or JPEG: grey or RGB, 8 bits.
type picture struct {
	rows, columns, samples int
	pix                    []byte
}

// maxPicture bounds the pixels of a PNG or JPEG.
const maxPicture = 100 << 20

const opOpen = "open image"

// open reads the header of the file at path. An error says that the file is
// not sound (Invalid, TooLarge), or that the machine could not read it.
func open(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		kind := radnode.Unavailable
		if errors.Is(err, fs.ErrNotExist) {
			kind = radnode.NotFound
		}
		return nil, radnode.Errorf(kind, opOpen, "the file cannot be opened: %w", errors.Unwrap(err))
	}
	s := &source{file: f}
	if err := s.read(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) close() { s.file.Close() }

func (s *source) read() error {
	st, err := s.file.Stat()
	if err != nil {
		return radnode.Errorf(radnode.Unavailable, opOpen, "the file cannot be read: %w", err)
	}
	s.stat = st
	if !st.Mode().IsRegular() {
		return radnode.Errorf(radnode.Invalid, opOpen, "it is not a file")
	}
	var head [8]byte
	n, err := s.file.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return radnode.Errorf(radnode.Unavailable, opOpen, "the file cannot be read: %w", err)
	}
	if isPicture(head[:n]) {
		s.picture, err = readPicture(s.file)
		return err
	}
	s.object, err = dicom.Read(s.file, st.Size(), dicom.DefaultLimits)
	if err != nil {
		return err
	}
	s.image, err = pixel.Open(s.object, s.file, pixel.DefaultLimits)
	switch radnode.CodeOf(err) {
	case radnode.Unsupported, radnode.TooLarge:
		s.refused = err // sound, but not for us
		return nil
	}
	return err
}

func isPicture(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")) || bytes.HasPrefix(head, []byte("\xff\xd8\xff"))
}

func readPicture(f *os.File) (*picture, error) {
	cfg, kind, err := image.DecodeConfig(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opOpen, "the picture cannot be read: %w", err)
	}
	if int64(cfg.Width)*int64(cfg.Height) > maxPicture {
		return nil, radnode.Errorf(radnode.TooLarge, opOpen, "the picture has %d × %d pixels, more than the limit of %d", cfg.Width, cfg.Height, maxPicture)
	}
	img, _, err := image.Decode(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opOpen, "the %s picture cannot be decoded: %w", kind, err)
	}
	return flatten(img), nil
}

// flatten copies a picture to 8-bit grey or RGB; transparent pixels turn black.
func flatten(img image.Image) *picture {
	b := img.Bounds()
	p := &picture{rows: b.Dy(), columns: b.Dx(), samples: 3}
	switch img.ColorModel() {
	case color.GrayModel, color.Gray16Model:
		p.samples = 1
		grey := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
		draw.Draw(grey, grey.Bounds(), img, b.Min, draw.Src)
		p.pix = grey.Pix
		return p
	}
	full := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(full, full.Bounds(), img, b.Min, draw.Src)
	p.pix = make([]byte, 3*p.rows*p.columns)
	for i := range p.rows * p.columns {
		copy(p.pix[3*i:3*i+3], full.Pix[4*i:4*i+3])
	}
	return p
}

func (s *source) facts() facts {
	if s.picture != nil {
		return facts{headless: true, rows: s.picture.rows, columns: s.picture.columns}
	}
	return readFacts(s.object.Dataset)
}

func (s *source) instance() radnode.UID {
	if s.object == nil {
		return ""
	}
	return s.object.Dataset.UID(dicom.SOPInstanceUID)
}

func (s *source) frames() int {
	if s.image == nil {
		return 1
	}
	return s.image.Frames
}

// frame is one decoded frame with its display values, reused from image to
// image.
type frame struct {
	stored   pixel.Frame
	display  []byte
	values   []float32 // modality values, where a pipeline asks for them …
	stored16           // … or the stored ones with their rescale, which need no copy

	rows, columns, samples int
	digest                 string
	blank                  bool // every display value is the same
}

// stored16 are stored values of 16 bits whose modality values a line gives.
type stored16 struct {
	patterns         []uint16 // nil: there are none
	slope, intercept float64
}

// straight returns the stored values of f, frame n, where a pipeline can work
// from them.
func (s *source) straight(f *pixel.Frame, n int) stored16 {
	if f.BitsAllocated != 16 || f.Float || f.Samples != 1 {
		return stored16{}
	}
	r := s.image.Describe(n).Rescale
	if r == nil || r.Slope == 0 || math.IsInf(r.Slope, 0) || math.IsInf(r.Intercept, 0) {
		return stored16{}
	}
	// Pix is little-endian, as is every machine ONNX Runtime runs on.
	return stored16{unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(f.Pix))), len(f.Pix)/2), r.Slope, r.Intercept}
}

// keepBytes is the largest buffer that is kept from one request to the next.
const keepBytes = 64 << 20

// trim lets go of buffers that one large image left behind.
func (f *frame) trim() {
	if cap(f.stored.Pix) > keepBytes || cap(f.display) > keepBytes || 4*cap(f.values) > keepBytes {
		*f = frame{}
	}
}

// decode fills fr with frame n (from 0).
func (s *source) decode(ctx context.Context, n int, fr *frame, withValues bool) error {
	if err := s.fill(ctx, n, fr, withValues); err != nil {
		return err
	}
	fr.blank = true
	for _, v := range fr.display[1:] {
		if v != fr.display[0] {
			fr.blank = false
			break
		}
	}
	return nil
}

func (s *source) fill(ctx context.Context, n int, fr *frame, withValues bool) error {
	fr.values, fr.stored16 = fr.values[:0], stored16{}
	if p := s.picture; p != nil {
		fr.rows, fr.columns, fr.samples = p.rows, p.columns, p.samples
		fr.display = append(fr.display[:0], p.pix...)
		sum := sha256.Sum256(p.pix)
		fr.digest = "sha256:" + hex.EncodeToString(sum[:])
		return nil
	}
	if err := s.image.Decode(ctx, n, &fr.stored); err != nil {
		return err
	}
	fr.digest = fr.stored.Digest()
	fr.rows, fr.columns, fr.samples = s.image.Rows, s.image.Columns, s.image.DisplaySamples()
	fr.display = resize(fr.display, fr.rows*fr.columns*fr.samples)
	if err := s.image.Display8(&fr.stored, n, nil, fr.display); err != nil {
		return err
	}
	if !withValues || fr.samples != 1 {
		return nil
	}
	if fr.stored16 = s.straight(&fr.stored, n); fr.patterns != nil {
		return nil
	}
	fr.values = resize(fr.values, fr.rows*fr.columns)
	return s.image.Modality(&fr.stored, n, fr.values)
}

func resize[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}

// notAnalysed is the sentence for an image that no model can see.
func notAnalysed(err error) string {
	var e *radnode.Error
	if errors.As(err, &e) {
		return "not analysed: " + e.Message
	}
	return fmt.Sprintf("not analysed: %v", err)
}
