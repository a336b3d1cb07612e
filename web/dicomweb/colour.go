package dicomweb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/icc"
)

// colourSpaces are the values of the parameter iccprofile (PS3.18 8.3.5.1.5).
var colourSpaces = []string{"no", "yes", "srgb", "adobergb", "rommrgb"}

// parseProfile reads the parameter iccprofile.
func (r *rendering) parseProfile(text string) error {
	if !slices.Contains(colourSpaces, text) {
		return badRendering("iccprofile is no, yes, srgb, adobergb or rommrgb")
	}
	if text != "no" {
		r.profile = text
	}
	return nil
}

// sourceProfile is the profile that an image brings (PS3.3 C.11.15), of a slide
// that of its first optical path; nil: it has none.
func sourceProfile(d *dicom.Dataset) []byte {
	for _, at := range []*dicom.Dataset{d, d.Item(dicom.OpticalPathSequence)} {
		if at == nil {
			continue
		}
		if e, ok := at.Get(dicom.ICCProfile); ok && len(e.Value) > 0 && len(e.Value) <= icc.MaxBytes {
			return e.Value
		}
	}
	return nil
}

// inColour gives a picture the colours of the space asked for and says which
// profile belongs into it. A picture that brings no profile counts as sRGB.
func (r *rendering) inColour(img *image.RGBA, d *dicom.Dataset) (profile []byte) {
	srgb, _ := icc.Named("srgb")
	source, from := sourceProfile(d), srgb
	if source != nil {
		var err error
		if from, err = icc.Parse(source); err != nil && r.profile != "yes" {
			r.warn("The iccprofile " + r.profile + " is not supported for this image. Its own profile is in the picture.")
			return source
		}
	}
	if r.profile == "yes" {
		if source == nil {
			return srgb.Bytes()
		}
		return source
	}
	to, _ := icc.Named(r.profile)
	if from != to {
		icc.NewTransform(from, to).Apply(img.Pix)
	}
	return to.Bytes()
}

// embed puts a profile into a JPEG (ISO 15076-1 B.4) or a PNG (RFC 2083 and
// the iCCP chunk of PNG 11.3.2.3).
func embed(picture []byte, format string, profile []byte) ([]byte, error) {
	switch {
	case format == "png" && len(picture) > pngHeader:
		return slices.Concat(picture[:pngHeader], iccChunk(profile), picture[pngHeader:]), nil
	case format == "jpeg" && len(picture) > 2:
		return slices.Concat(picture[:2], iccSegments(profile), picture[2:]), nil
	}
	return nil, radnode.Errorf(radnode.Internal, opRender, "a picture of type %s takes no colour profile", format)
}

// pngHeader is the length of signature and IHDR chunk.
const pngHeader = 8 + 25

func iccChunk(profile []byte) []byte {
	var data bytes.Buffer
	data.WriteString("iCCPicc\x00\x00")
	z := zlib.NewWriter(&data)
	_, _ = z.Write(profile) // a buffer takes everything
	_ = z.Close()
	chunk := binary.BigEndian.AppendUint32(nil, uint32(data.Len()-4)) //nolint:gosec // below 4 MiB
	chunk = append(chunk, data.Bytes()...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(data.Bytes()))
}

// iccSegment is the most of a profile that one APP2 segment holds.
const iccSegment = 65519

func iccSegments(profile []byte) []byte {
	var out []byte
	pieces := slices.Collect(slices.Chunk(profile, iccSegment))
	for i, piece := range pieces {
		out = binary.BigEndian.AppendUint16(append(out, 0xFF, 0xE2), uint16(len(piece)+16)) //nolint:gosec // below 65536
		out = append(append(out, "ICC_PROFILE\x00"...), byte(i+1), byte(len(pieces)))       //nolint:gosec // a profile has 4 MiB at most: 65 pieces
		out = append(out, piece...)
	}
	return out
}
