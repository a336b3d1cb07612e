package dicomweb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	_ "image/gif"  // a form in which pixel data may come
	_ "image/jpeg" // its header tells of a codestream what the metadata may leave out
	_ "image/png"  // a form in which pixel data may come
	"io"
	"math"
	"os"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// mostPixels bounds the pictures that are decoded here, of PNG and GIF.
const mostPixels = 1 << 25

// encode writes the data set in the transfer syntax that its pixel data
// decide: that of the codestreams, else Explicit VR Little Endian.
func encode(set *dicom.Dataset, pixels *pixelReference) (radnode.UID, io.ReadCloser, error) {
	if pixels == nil {
		var b bytes.Buffer
		err := dicom.Write(&b, set, explicitVR)
		return explicitVR, io.NopCloser(&b), err
	}
	first := pixels.parts[0]
	switch first.kind {
	case typeOctets:
		if ts, known := dicom.LookupTransferSyntax(first.syntax); first.syntax == "" || known && !ts.Encapsulated {
			return around(set, pixels, explicitVR)
		}
	case "image/png", "image/gif":
		return losslessPicture(set, pixels)
	}
	ts, err := codestreamSyntax(first)
	if err != nil {
		return "", nil, err
	}
	if err := describePixels(set, first.path); err != nil {
		return "", nil, err
	}
	return around(set, pixels, ts)
}

// codestreamSyntax is the transfer syntax of compressed bulk data: the one that
// the part names, else what its media type stands for (PS3.18 Table 8.7.3-5),
// of a JPEG what its first frame header says.
func codestreamSyntax(p bulkPart) (radnode.UID, error) {
	if p.syntax != "" {
		ts, known := dicom.LookupTransferSyntax(p.syntax)
		if !known || !ts.Encapsulated || p.kind != typeOctets && !slices.Contains(codedTypes[p.syntax], p.kind) {
			return "", radnode.Errorf(radnode.Invalid, opStore, "the transfer syntax of bulk data does not fit their media type")
		}
		return p.syntax, nil
	}
	if p.kind == "image/jpeg" {
		return jpegSyntax(p.path)
	}
	if ts := defaultSyntax[p.kind]; ts != "" {
		return ts, nil
	}
	return "", radnode.Errorf(radnode.Invalid, opStore, "bulk data of this media type cannot be pixel data")
}

// defaultSyntax is the transfer syntax that a media type alone means (PS3.18
// Table 8.7.3-5).
var defaultSyntax = map[string]radnode.UID{
	"image/dicom-rle": "1.2.840.10008.1.2.5", "image/x-dicom-rle": "1.2.840.10008.1.2.5",
	"image/jls": "1.2.840.10008.1.2.4.80", "image/x-jls": "1.2.840.10008.1.2.4.80",
	"image/jp2": "1.2.840.10008.1.2.4.90", "image/jpx": "1.2.840.10008.1.2.4.92", "image/jphc": "1.2.840.10008.1.2.4.201",
	"image/jxl": "1.2.840.10008.1.2.4.110", "video/mpeg": "1.2.840.10008.1.2.4.101", "video/mp4": "1.2.840.10008.1.2.4.102",
	"video/h265": "1.2.840.10008.1.2.4.107",
}

// jpegSyntax finds the first frame header of a JPEG codestream (ITU-T T.81
// B.2.2) and names the transfer syntax of its process.
func jpegSyntax(path string) (radnode.UID, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	bad := radnode.Errorf(radnode.Invalid, opStore, "the bulk data are no JPEG codestream of a process that DICOM knows")
	at := int64(2)
	for range 1000 {
		var head [4]byte
		if _, err := f.ReadAt(head[:], at); err != nil || head[0] != 0xFF {
			return "", bad
		}
		switch head[1] {
		case 0xC0:
			return "1.2.840.10008.1.2.4.50", nil
		case 0xC1:
			return "1.2.840.10008.1.2.4.51", nil
		case 0xC3:
			return "1.2.840.10008.1.2.4.57", nil
		case 0xFF: // fill byte
			at++
			continue
		case 0xC2, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xD9, 0xDA:
			return "", bad
		}
		at += 2 + int64(binary.BigEndian.Uint16(head[2:]))
	}
	return "", bad
}

// describePixels fills in what metadata of a JPEG may leave out (PS3.18
// 10.5.1.2.2): the Image Pixel Description, from the header of the codestream.
func describePixels(set *dicom.Dataset, path string) error {
	if set.Has(dicom.Rows) && set.Has(dicom.Columns) && set.Has(dicom.BitsAllocated) && set.Has(dicom.SamplesPerPixel) {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	c, _, err := image.DecodeConfig(f)
	if err != nil || c.Width > math.MaxUint16 || c.Height > math.MaxUint16 {
		return radnode.Errorf(radnode.Invalid, opStore, "the metadata do not describe the pixels, and their codestream does not tell")
	}
	samples, photometric := 1, "MONOCHROME2"
	if c.ColorModel != color.GrayModel {
		samples, photometric = 3, "YBR_FULL_422"
	}
	setPixels(set, c.Height, c.Width, samples, 8, photometric)
	return nil
}

// setPixels writes the Image Pixel Description (PS3.3 C.7.6.3).
func setPixels(set *dicom.Dataset, rows, columns, samples, bits int, photometric string) {
	set.SetInts(dicom.SamplesPerPixel, samples)
	set.SetText(dicom.PhotometricInterpretation, photometric)
	if samples > 1 {
		set.SetInts(dicom.PlanarConfiguration, 0)
	}
	set.SetInts(dicom.Rows, rows)
	set.SetInts(dicom.Columns, columns)
	set.SetInts(dicom.BitsAllocated, bits)
	set.SetInts(dicom.BitsStored, bits)
	set.SetInts(dicom.HighBit, bits-1)
	set.SetInts(dicom.PixelRepresentation, 0)
}

// losslessPicture turns PNG and GIF, which no transfer syntax holds, into
// native pixels (PS3.18 10.5.1.2.2).
func losslessPicture(set *dicom.Dataset, pixels *pixelReference) (radnode.UID, io.ReadCloser, error) {
	bad := radnode.Errorf(radnode.Invalid, opStore, "the pixel data are no picture of one frame")
	if len(pixels.parts) != 1 {
		return "", nil, bad
	}
	f, err := os.Open(pixels.parts[0].path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	c, _, err := image.DecodeConfig(f)
	if err != nil || c.Width < 1 || c.Height < 1 || c.Width > math.MaxUint16 || c.Height > math.MaxUint16 || c.Width*c.Height > mostPixels {
		return "", nil, bad
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", nil, err
	}
	img, _, err := image.Decode(f)
	if err != nil {
		return "", nil, bad
	}
	samples, bits, values := samplesOf(img)
	photometric, vr := "MONOCHROME2", dicom.OB
	if samples == 3 {
		photometric = "RGB"
	}
	if bits == 16 {
		vr = dicom.OW
	}
	setPixels(set, c.Height, c.Width, samples, bits, photometric)
	set.SetBytes(dicom.PixelDataTag, vr, values)
	var b bytes.Buffer
	err = dicom.Write(&b, set, explicitVR)
	return explicitVR, io.NopCloser(&b), err
}

// samplesOf are the values of a picture, little endian.
func samplesOf(img image.Image) (samples, bits int, values []byte) {
	b := img.Bounds()
	switch p := img.(type) {
	case *image.Gray:
		for y := range b.Dy() {
			values = append(values, p.Pix[y*p.Stride:y*p.Stride+b.Dx()]...)
		}
		return 1, 8, values
	case *image.Gray16:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				values = binary.LittleEndian.AppendUint16(values, p.Gray16At(x, y).Y)
			}
		}
		return 1, 16, values
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA) //nolint:forcetypeassert // of this model
			values = append(values, c.R, c.G, c.B)
		}
	}
	return 3, 8, values
}

// around puts the header, the pixel data as they lie in their files and what
// stands behind them together.
func around(set *dicom.Dataset, pixels *pixelReference, ts radnode.UID) (radnode.UID, io.ReadCloser, error) {
	before, after := dicom.NewDataset(), dicom.NewDataset()
	for _, e := range set.Elements() {
		if e.Tag < pixels.tag {
			before.Set(e)
		} else if e.Tag > pixels.tag {
			after.Set(e)
		}
	}
	var head, tail bytes.Buffer
	if err := errors.Join(dicom.Write(&head, before, ts), dicom.Write(&tail, after, ts)); err != nil {
		return "", nil, err
	}
	readers, files := []io.Reader{&head}, closers{}
	fail := func(err error) (radnode.UID, io.ReadCloser, error) { return "", nil, errors.Join(err, files.Close()) }
	var total int64
	for _, p := range pixels.parts {
		total += p.size + p.size%2
		if total >= math.MaxUint32 {
			return fail(radnode.Errorf(radnode.TooLarge, opStore, "the pixel data are longer than an element can be"))
		}
	}
	encapsulated := ts != explicitVR
	head.Write(pixelHeader(pixels, total, encapsulated))
	for _, p := range pixels.parts {
		f, err := os.Open(p.path)
		if err != nil {
			return fail(err)
		}
		files = append(files, f)
		if encapsulated {
			readers = append(readers, bytes.NewReader(item(0xE000, uint32(p.size+p.size%2)))) //nolint:gosec // under 4 GiB
		}
		readers = append(readers, f, bytes.NewReader(make([]byte, p.size%2)))
	}
	if encapsulated {
		readers = append(readers, bytes.NewReader(item(0xE0DD, 0)))
	}
	return ts, file{io.MultiReader(append(readers, &tail)...), files}, nil
}

// pixelHeader is the header of the pixel data element (PS3.5 7.1.2), of
// encapsulated ones with the empty offset table (A.4).
func pixelHeader(pixels *pixelReference, total int64, encapsulated bool) []byte {
	le := binary.LittleEndian
	vr := pixels.vr
	if encapsulated {
		vr = dicom.OB
	}
	b := le.AppendUint16(le.AppendUint16(nil, pixels.tag.Group()), pixels.tag.Element())
	b = append(b, vr[0], vr[1], 0, 0)
	if !encapsulated {
		return le.AppendUint32(b, uint32(total)) //nolint:gosec // under 4 GiB
	}
	return append(le.AppendUint32(b, math.MaxUint32), item(0xE000, 0)...)
}

// item is the header of an item of encapsulated pixel data (PS3.5 A.4).
func item(element uint16, length uint32) []byte {
	le := binary.LittleEndian
	return le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, 0xFFFE), element), length)
}
