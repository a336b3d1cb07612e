package openjpeg

// #cgo pkg-config: libopenjp2
// #cgo CFLAGS: -O2
// #include <openjpeg.h>
// #include "shim.h"
import "C"

import (
	"context"
	"strings"
	"unsafe"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
)

// Syntaxes are the transfer syntaxes of the codec: JPEG 2000 parts 1 and 2,
// and HTJ2K.
var Syntaxes = []radnode.UID{
	pixel.JPEG2000Lossless, pixel.JPEG2000,
	"1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93", // multi-component, where it uses part 1 only
	"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",
}

// Codec returns the codec for pixel.Register.
func Codec() pixel.Codec {
	return pixel.Codec{
		Name:     "openjpeg " + C.GoString(C.opj_version()),
		Syntaxes: Syntaxes,
		Decode:   decode,
		Encode:   encode,
		Starts:   starts,
		Ends:     pixel.EndsEOI,
	}
}

func starts(head []byte, _ pixel.Coded) bool {
	h := string(head[:min(8, len(head))])
	return strings.HasPrefix(h, "\xff\x4f\xff\x51") || strings.HasSuffix(h, "jP  ")
}

func decode(ctx context.Context, src []byte, want pixel.Coded, dst []byte) (pixel.Decoded, error) {
	src, err := codestream(src)
	if err != nil {
		return pixel.Decoded{}, err
	}
	h, err := readHeader(src)
	if err != nil {
		return pixel.Decoded{}, err
	}
	if err := h.check(want); err != nil {
		return pixel.Decoded{}, err
	}
	if err := ctx.Err(); err != nil {
		return pixel.Decoded{}, radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", err)
	}
	if len(dst) != want.Size() || len(dst) == 0 {
		return pixel.Decoded{}, radnode.Errorf(radnode.Internal, op, "destination has %d bytes instead of %d", len(dst), want.Size())
	}
	var message [C.RADNODE_MESSAGE]C.char
	var signed C.int
	failed := C.radnode_j2k_decode((*C.uint8_t)(unsafe.Pointer(&src[0])), C.size_t(len(src)),
		C.uint32_t(want.Columns), C.uint32_t(want.Rows), C.uint32_t(want.Samples), C.uint32_t(want.Width/8),
		(*C.uint8_t)(unsafe.Pointer(&dst[0])), &signed, &message[0])
	if failed != 0 {
		return pixel.Decoded{}, radnode.Errorf(radnode.Invalid, op, "codestream cannot be decoded: %s", words(&message[0]))
	}
	return pixel.Decoded{Bits: h.bits, Signed: signed != 0, RGB: h.transformed && want.Samples == 3}, nil
}

// words tidies a message of the library.
func words(m *C.char) string {
	s := strings.ToLower(strings.TrimSpace(strings.TrimRight(C.GoString(m), "\n")))
	if s == "" {
		return "the library gave no reason"
	}
	return strings.ToValidUTF8(s, "?")
}

// encode compresses losslessly (reversible wavelet and colour transform).
func encode(_ context.Context, ts radnode.UID, src []byte, is pixel.Coded, dst []byte) ([]byte, error) {
	const op = "encode JPEG 2000"
	if ts != pixel.JPEG2000Lossless && ts != pixel.JPEG2000 {
		return nil, radnode.Errorf(radnode.Unsupported, op, "transfer syntax %s is not written here", ts)
	}
	if is.Width > 16 || len(src) != is.Size() || len(src) == 0 || is.Samples != 1 && (is.Samples != 3 || is.Signed) {
		return nil, radnode.Errorf(radnode.Unsupported, op, "frames of %d bits and %d samples are not written here", is.Width, is.Samples)
	}
	capacity := len(src) + len(src)/4 + 64<<10
	buf := make([]byte, capacity)
	sign := C.int(0)
	if is.Signed {
		sign = 1
	}
	var message [C.RADNODE_MESSAGE]C.char
	n := C.radnode_j2k_encode((*C.uint8_t)(unsafe.Pointer(&src[0])),
		C.uint32_t(is.Columns), C.uint32_t(is.Rows), C.uint32_t(is.Samples), C.uint32_t(is.Width/8), C.uint32_t(is.BitsStored), sign,
		(*C.uint8_t)(unsafe.Pointer(&buf[0])), C.size_t(capacity), &message[0])
	if n < 0 {
		return nil, radnode.Errorf(radnode.Internal, op, "frame cannot be encoded: %s", words(&message[0]))
	}
	return append(dst, buf[:n]...), nil
}
