package charls

// #cgo pkg-config: charls
// #include <stdlib.h>
// #include <charls/charls.h>
import "C"

import (
	"context"
	"unsafe"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
)

const op = "decode JPEG-LS"

// Codec returns the encoder for pixel.Register.
func Codec() pixel.Codec {
	return pixel.Codec{
		Name:     "charls " + C.GoString(C.charls_get_version_string()),
		Syntaxes: []radnode.UID{pixel.JPEGLSLossless},
		Encode:   encode,
	}
}

// fail turns an error code of the library into an error.
func fail(op string, code C.charls_jpegls_errc) error {
	return radnode.Errorf(radnode.Invalid, op, "%s", C.GoString(C.charls_get_error_message(C.charls_jpegls_errc(code))))
}

// Decode decodes as a pixel.Codec does. It is the reference that the tests hold
// package jpegls against; the product does not decode with it.
func Decode(ctx context.Context, src []byte, want pixel.Coded, dst []byte) (pixel.Decoded, error) {
	if len(src) == 0 || len(dst) == 0 || len(dst) != want.Size() {
		return pixel.Decoded{}, radnode.Errorf(radnode.Invalid, op, "frame is empty")
	}
	if err := ctx.Err(); err != nil {
		return pixel.Decoded{}, radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", err)
	}
	d := C.charls_jpegls_decoder_create()
	if d == nil {
		return pixel.Decoded{}, radnode.Errorf(radnode.NoResources, op, "the library has no memory")
	}
	defer C.charls_jpegls_decoder_destroy(d)
	// The decoder keeps the address of the source between calls: C memory.
	held := C.CBytes(src)
	defer C.free(held)
	if e := C.charls_jpegls_decoder_set_source_buffer(d, held, C.size_t(len(src))); e != 0 {
		return pixel.Decoded{}, fail(op, e)
	}
	if e := C.charls_jpegls_decoder_read_header(d); e != 0 {
		return pixel.Decoded{}, fail(op, e)
	}
	var info C.charls_frame_info
	if e := C.charls_jpegls_decoder_get_frame_info(d, &info); e != 0 {
		return pixel.Decoded{}, fail(op, e)
	}
	if err := want.Check("JPEG-LS", int(info.height), int(info.width), int(info.component_count)); err != nil {
		return pixel.Decoded{}, err
	}
	bits := int(info.bits_per_sample)
	if bits > want.Width {
		return pixel.Decoded{}, radnode.Errorf(radnode.Invalid, op, "samples of %d bits do not fit in %d", bits, want.Width)
	}
	var mode C.charls_interleave_mode
	if e := C.charls_jpegls_decoder_get_interleave_mode(d, &mode); e != 0 {
		return pixel.Decoded{}, fail(op, e)
	}
	width := 8
	if bits > 8 {
		width = 16
	}
	planar := mode == C.CHARLS_INTERLEAVE_MODE_NONE && want.Samples > 1
	out := dst
	if width != want.Width || planar {
		out = make([]byte, want.Rows*want.Columns*want.Samples*width/8)
	}
	if e := C.charls_jpegls_decoder_decode_to_buffer(d, unsafe.Pointer(&out[0]), C.size_t(len(out)), 0); e != 0 {
		return pixel.Decoded{}, fail(op, e)
	}
	if width != want.Width || planar {
		arrange(dst, out, want, width/8, planar)
	}
	return pixel.Decoded{Bits: bits}, nil
}

// arrange widens samples and interleaves planes.
func arrange(dst, src []byte, want pixel.Coded, bytes int, planar bool) {
	clear(dst)
	pixels, n, wide := want.Rows*want.Columns, want.Samples, want.Width/8
	for i := range pixels {
		for s := range n {
			from := (i*n + s) * bytes
			if planar {
				from = (s*pixels + i) * bytes
			}
			copy(dst[(i*n+s)*wide:], src[from:from+bytes])
		}
	}
}

// encode compresses losslessly, colour interleaved by sample.
func encode(_ context.Context, ts radnode.UID, src []byte, is pixel.Coded, dst []byte) ([]byte, error) {
	const op = "encode JPEG-LS"
	if ts != pixel.JPEGLSLossless {
		return nil, radnode.Errorf(radnode.Unsupported, op, "transfer syntax %s is not written here", ts)
	}
	if is.Width > 16 || is.BitsStored < 2 || is.BitsStored > is.Width || len(src) == 0 || len(src) != is.Size() {
		return nil, radnode.Errorf(radnode.Unsupported, op, "frames of %d bits stored in %d are not written here", is.BitsStored, is.Width)
	}
	precision := is.BitsStored
	if is.Width == 16 {
		precision = max(precision, 9) // so that a decoder gives two bytes a sample, as Bits Allocated says
	}
	e := C.charls_jpegls_encoder_create()
	if e == nil {
		return nil, radnode.Errorf(radnode.NoResources, op, "the library has no memory")
	}
	defer C.charls_jpegls_encoder_destroy(e)
	info := C.charls_frame_info{
		width: C.uint32_t(is.Columns), height: C.uint32_t(is.Rows),
		bits_per_sample: C.int32_t(precision), component_count: C.int32_t(is.Samples),
	}
	if c := C.charls_jpegls_encoder_set_frame_info(e, &info); c != 0 {
		return nil, fail(op, c)
	}
	if is.Samples > 1 {
		if c := C.charls_jpegls_encoder_set_interleave_mode(e, C.CHARLS_INTERLEAVE_MODE_SAMPLE); c != 0 {
			return nil, fail(op, c)
		}
	}
	capacity := len(src)*2 + 4096
	out := C.malloc(C.size_t(capacity))
	if out == nil {
		return nil, radnode.Errorf(radnode.NoResources, op, "no memory for %d bytes", capacity)
	}
	defer C.free(out)
	if c := C.charls_jpegls_encoder_set_destination_buffer(e, out, C.size_t(capacity)); c != 0 {
		return nil, fail(op, c)
	}
	coded := unsigned(src, is)
	if c := C.charls_jpegls_encoder_encode_from_buffer(e, unsafe.Pointer(&coded[0]), C.size_t(len(coded)), 0); c != 0 {
		return nil, fail(op, c)
	}
	var n C.size_t
	if c := C.charls_jpegls_encoder_get_bytes_written(e, &n); c != 0 {
		return nil, fail(op, c)
	}
	return append(dst, unsafe.Slice((*byte)(out), int(n))...), nil
}

// unsigned cuts sign-extended samples to their stored bits: JPEG-LS knows no
// sign (PS3.5 8.2.3).
func unsigned(src []byte, is pixel.Coded) []byte {
	if !is.Signed || is.BitsStored == is.Width {
		return src
	}
	out := make([]byte, len(src))
	mask := uint16(1)<<is.BitsStored - 1
	if is.Width == 8 {
		for i, v := range src {
			out[i] = v & byte(mask)
		}
		return out
	}
	for i := 0; i+1 < len(src); i += 2 {
		out[i], out[i+1] = src[i]&byte(mask), src[i+1]&byte(mask>>8)
	}
	return out
}
