package pixel

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/radnode/radnode"
	lossless "github.com/radnode/radnode/dicom/pixel/jpeg"
)

const opEncode = "encode frame"

// Encode appends the codestream of f in transfer syntax ts to dst, for objects
// that a receiver wants in another encoding: without loss, except as JPEG
// Baseline (see Encoded.Lossy). RLE and JPEG are always there; JPEG 2000 and
// JPEG-LS where their codecs are registered.
func Encode(ctx context.Context, ts radnode.UID, f *Frame, dst []byte) ([]byte, error) {
	c, ok := EncoderFor(ts)
	if !ok {
		return nil, radnode.Errorf(radnode.Unsupported, opEncode, "transfer syntax %s is not written here", ts)
	}
	if f.Float || len(f.Pix) != f.Rows*f.Columns*f.Samples*f.BitsAllocated/8 || len(f.Pix) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, opEncode, "the frame holds no samples that can be encoded")
	}
	is := Coded{
		Rows: f.Rows, Columns: f.Columns, Samples: f.Samples, BitsAllocated: f.BitsAllocated, Width: f.BitsAllocated,
		BitsStored: f.BitsStored, Signed: f.Signed, Photometric: f.Photometric,
	}
	return c.Encode(ctx, ts, f.Pix, is, dst)
}

// Encoded is what a data set must say about frames that Encode wrote.
type Encoded struct {
	Photometric string
	Lossy       bool // PS3.3 C.7.6.1.1.5 asks for Lossy Image Compression
}

// EncodedAs tells how f reads after Encode (PS3.5 8.2, table 8.2.1-1 and
// those that follow it).
func EncodedAs(ts radnode.UID, f *Frame) Encoded {
	e := Encoded{Photometric: f.Photometric, Lossy: ts == JPEGBaseline8Bit}
	if f.Samples == 3 {
		switch ts {
		case JPEGBaseline8Bit:
			e.Photometric = YBRFull422
		case JPEG2000Lossless, JPEG2000:
			e.Photometric = YBRRCT
		}
	}
	return e
}

// baselineQuality keeps what an eye sees at diagnostic distance.
const baselineQuality = 95

// encodeBaseline writes 8-bit samples as JPEG Baseline, colour as YCbCr with
// subsampled chroma.
func encodeBaseline(_ context.Context, _ radnode.UID, src []byte, is Coded, dst []byte) ([]byte, error) {
	if is.Width != 8 || is.Signed || is.Photometric == PaletteColor || is.Samples == 3 && is.Photometric != RGB {
		return nil, radnode.Errorf(radnode.Unsupported, opEncode, "JPEG Baseline holds unsigned 8-bit grey and RGB only, not %s in %d bits", is.Photometric, is.Width)
	}
	b := bytes.NewBuffer(dst)
	if err := WriteJPEG(b, is.Rows, is.Columns, is.Samples, baselineQuality, src); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// encodeLosslessJPEG writes JPEG lossless with the usual predictor.
func encodeLosslessJPEG(ctx context.Context, _ radnode.UID, src []byte, is Coded, dst []byte) ([]byte, error) {
	least := 2 // T.81 table B.2
	if is.Width == 16 {
		least = 9 // so that every decoder gives two bytes a sample, as Bits Allocated says
	}
	h := lossless.Header{Precision: max(is.BitsStored, least), Rows: is.Rows, Columns: is.Columns, Components: is.Samples}
	return lossless.EncodeLossless(ctx, src, h, is.Width, dst)
}

// encodeRLE writes a frame of RLE Lossless (PS3.5 Annex G).
func encodeRLE(ctx context.Context, _ radnode.UID, src []byte, is Coded, dst []byte) ([]byte, error) {
	width := is.Width / 8
	segments := is.Samples * width
	if segments > rleMaxSegment {
		return nil, radnode.Errorf(radnode.Unsupported, opEncode, "RLE has no room for %d segments", segments)
	}
	start := len(dst)
	dst = append(dst, make([]byte, rleHeader)...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(segments))
	row := make([]byte, is.Columns)
	for i := range segments {
		if err := ctx.Err(); err != nil {
			return nil, radnode.Errorf(radnode.Canceled, opEncode, "stopped by the caller: %w", err)
		}
		binary.LittleEndian.PutUint32(dst[start+4+4*i:], uint32(len(dst)-start))
		first := i/width*width + width - 1 - i%width
		for y := range is.Rows { // G.3.1: each row on its own
			line := src[y*is.Columns*segments:]
			for x := range row {
				row[x] = line[x*segments+first]
			}
			dst = packRow(dst, row)
		}
		if (len(dst)-start)%2 == 1 {
			dst = append(dst, 0)
		}
	}
	return dst, nil
}

// packRow appends the PackBits runs of one row (PS3.5 G.3.1): runs of three
// and more equal bytes, literals between.
func packRow(dst, row []byte) []byte {
	for i := 0; i < len(row); {
		run := 1
		for i+run < len(row) && run < 128 && row[i+run] == row[i] {
			run++
		}
		if run >= 2 {
			dst = append(dst, byte(1-run), row[i])
			i += run
			continue
		}
		end := i + 1
		for end < len(row) && end-i < 128 && !(end+2 < len(row) && row[end] == row[end+1] && row[end] == row[end+2]) {
			end++
		}
		dst = append(dst, byte(end-i-1))
		dst = append(dst, row[i:end]...)
		i = end
	}
	return dst
}

// picture is display values on their way to the standard library.
type picture struct {
	rows, columns, samples int
	pix                    []byte
}

// standard returns the fastest form that the encoders of the standard library
// know.
func (p picture) standard() image.Image {
	bounds := image.Rect(0, 0, p.columns, p.rows)
	if p.samples == 1 {
		return &image.Gray{Pix: p.pix, Stride: p.columns, Rect: bounds}
	}
	out := image.NewRGBA(bounds)
	for i, o := 0, 0; i+2 < len(p.pix); i, o = i+3, o+4 {
		out.Pix[o], out.Pix[o+1], out.Pix[o+2], out.Pix[o+3] = p.pix[i], p.pix[i+1], p.pix[i+2], 255
	}
	return out
}

func (p picture) check() error {
	if p.rows < 1 || p.columns < 1 || p.samples != 1 && p.samples != 3 || len(p.pix) != p.rows*p.columns*p.samples {
		return radnode.Errorf(radnode.Invalid, opEncode, "%d display values do not make a picture of %d x %d x %d", len(p.pix), p.rows, p.columns, p.samples)
	}
	return nil
}

// WritePNG writes display values, as Display8 gives them, as a PNG.
func WritePNG(w io.Writer, rows, columns, samples int, pix []byte) error {
	p := picture{rows, columns, samples, pix}
	if err := p.check(); err != nil {
		return err
	}
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	return enc.Encode(w, p.standard())
}

// WriteJPEG writes display values as a baseline JPEG of the given quality (1
// to 100), for people's eyes: a rendered picture, never a diagnostic source.
func WriteJPEG(w io.Writer, rows, columns, samples, quality int, pix []byte) error {
	p := picture{rows, columns, samples, pix}
	if err := p.check(); err != nil {
		return err
	}
	return jpeg.Encode(w, p.standard(), &jpeg.Options{Quality: min(max(quality, 1), 100)})
}
