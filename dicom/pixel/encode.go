package pixel

import (
	"bytes"
	"context"
	"encoding/binary"

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
	if err := (Picture{is.Rows, is.Columns, is.Samples, src}).Encode(b, FormatJPEG, baselineQuality); err != nil {
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
