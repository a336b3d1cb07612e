package pixel

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel/jpeg"
	"github.com/radnode/radnode/dicom/pixel/jpegls"
)

// builtin are the codecs written in Go, by transfer syntax (PS3.5 section 10).
var builtin = table(
	Codec{
		Name:     "rle",
		Syntaxes: []radnode.UID{RLELossless},
		Decode:   decodeRLE,
		Encode:   encodeRLE,
		Starts:   startsRLE,
		Ratio:    512, // 64 a PackBits run, 8 more for packed bits
	},
	Codec{
		Name: "jpeg",
		Syntaxes: []radnode.UID{
			JPEGExtended12Bit,
			"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", // retired spectral selection, full progression
		},
		Decode: decodeJPEG,
		Starts: startsJPEG,
		Ends:   endsEOI,
	},
	Codec{
		Name:     "jpeg",
		Syntaxes: []radnode.UID{JPEGBaseline8Bit},
		Decode:   decodeJPEG,
		Encode:   encodeBaseline,
		Starts:   startsJPEG,
		Ends:     endsEOI,
	},
	Codec{
		Name:     "jpeg",
		Syntaxes: []radnode.UID{JPEGLossless, JPEGLosslessSV1},
		Decode:   decodeJPEG,
		Encode:   encodeLosslessJPEG,
		Starts:   startsJPEG,
		Ends:     endsEOI,
	},
	Codec{
		Name:     "jpegls",
		Syntaxes: []radnode.UID{JPEGLSLossless, JPEGLSNearLossless},
		Decode:   decodeJPEGLS,
		Starts:   startsJPEG,
		Ends:     endsEOI,
	},
	Codec{
		Name:     "uncompressed",
		Syntaxes: []radnode.UID{EncapsulatedUncompressed},
		Decode:   decodeUncompressed,
		Ratio:    8, // packed bits
	},
	Codec{
		Name:     "deflate",
		Syntaxes: []radnode.UID{DeflatedImageFrame},
		Decode:   decodeDeflated,
		Ratio:    1032 * 8, // RFC 1951: 258 bytes for two bits; packed bits
	},
)

// Transfer syntaxes that this package and its codecs name.
const (
	RLELossless              radnode.UID = "1.2.840.10008.1.2.5"
	JPEGBaseline8Bit         radnode.UID = "1.2.840.10008.1.2.4.50"
	JPEGExtended12Bit        radnode.UID = "1.2.840.10008.1.2.4.51"
	JPEGLossless             radnode.UID = "1.2.840.10008.1.2.4.57"
	JPEGLosslessSV1          radnode.UID = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless           radnode.UID = "1.2.840.10008.1.2.4.80"
	JPEGLSNearLossless       radnode.UID = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless         radnode.UID = "1.2.840.10008.1.2.4.90"
	JPEG2000                 radnode.UID = "1.2.840.10008.1.2.4.91"
	EncapsulatedUncompressed radnode.UID = "1.2.840.10008.1.2.1.98"
	DeflatedImageFrame       radnode.UID = "1.2.840.10008.1.2.8.1"
)

func table(list ...Codec) map[radnode.UID]*Codec {
	t := map[radnode.UID]*Codec{}
	for i := range list {
		for _, ts := range list[i].Syntaxes {
			t[ts] = &list[i]
		}
	}
	return t
}

// decodeJPEG decodes the sequential, progressive and lossless processes.
func decodeJPEG(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error) {
	res, err := jpeg.Decode(ctx, src, jpeg.Options{
		RGB:      want.Photometric == RGB,
		Width:    want.Width,
		MaxBytes: want.MaxBytes,
		Check: func(h jpeg.Header) error {
			return want.Check("JPEG", h.Rows, h.Columns, h.Components)
		},
	}, dst)
	if err != nil {
		return Decoded{}, err
	}
	// A lossy codestream that was not transformed holds what the header says,
	// unless its own markers said RGB.
	rgb := want.Samples == 3 && (res.Transformed || !res.Lossless)
	return Decoded{Bits: res.Precision, RGB: rgb}, nil
}

// decodeJPEGLS decodes lossless and near-lossless JPEG-LS.
func decodeJPEGLS(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error) {
	h, err := jpegls.Decode(ctx, src, jpegls.Options{
		Width: want.Width,
		Check: func(h jpegls.Header) error {
			return want.Check("JPEG-LS", h.Rows, h.Columns, h.Components)
		},
	}, dst)
	if err != nil {
		return Decoded{}, err
	}
	return Decoded{Bits: h.Precision}, nil
}

// Check compares the size in a codestream with the header.
func (c Coded) Check(coding string, rows, columns, samples int) error {
	if rows != c.Rows || columns != c.Columns || samples != c.Samples {
		return radnode.Errorf(radnode.Invalid, opDecode, "%s codestream of %d x %d x %d samples, the header says %d x %d x %d", coding, rows, columns, samples, c.Rows, c.Columns, c.Samples)
	}
	return nil
}

func startsJPEG(head []byte, _ Coded) bool {
	return len(head) >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff
}

// endsEOI looks for the marker FFD9 that ends JPEG, JPEG-LS and JPEG 2000
// codestreams, before padding.
func endsEOI(tail []byte) bool {
	tail = bytes.TrimRight(tail, "\x00")
	return bytes.HasSuffix(tail, []byte{0xff, 0xd9})
}

// EndsEOI is Codec.Ends of the whole JPEG family, for codecs in other folders.
var EndsEOI = endsEOI

// decodeUncompressed takes a frame that is native inside its fragment.
func decodeUncompressed(_ context.Context, src []byte, want Coded, dst []byte) (Decoded, error) {
	bits := int64(want.Rows) * int64(want.Columns) * int64(want.Samples) * int64(want.BitsAllocated)
	if want.subsampled() {
		bits = bits / 3 * 2
	}
	if int64(len(src))*8 < bits {
		return Decoded{}, radnode.Errorf(radnode.Invalid, opDecode, "fragment holds %d bytes, the frame needs %d", len(src), (bits+7)/8)
	}
	unpack(dst, src, 0, want)
	return Decoded{Bits: want.BitsAllocated, Raw: true}, nil
}

// decodeDeflated inflates a frame of Deflated Image Frame Compression (PS3.5
// A.4.12, Annex H): raw RFC 1951 data of a native frame.
func decodeDeflated(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error) {
	bits := int64(want.Rows) * int64(want.Columns) * int64(want.Samples) * int64(want.BitsAllocated)
	native := make([]byte, (bits+7)/8)
	r := flate.NewReader(bytes.NewReader(src))
	if _, err := io.ReadFull(r, native); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Decoded{}, radnode.Errorf(radnode.Invalid, opDecode, "deflated frame ends before the picture is complete")
		}
		return Decoded{}, radnode.Errorf(radnode.Invalid, opDecode, "deflated frame is malformed: %w", err)
	}
	return decodeUncompressed(ctx, native, want, dst)
}
