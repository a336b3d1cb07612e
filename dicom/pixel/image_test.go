package pixel_test

import (
	"bytes"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// monochrome makes a MONOCHROME2 object around native samples.
func monochrome(rows, columns, allocated, stored int, px []byte) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	d.SetUID(dicom.SOPInstanceUID, "2.25.1")
	d.SetUID(dicom.StudyInstanceUID, "2.25.2")
	d.SetUID(dicom.SeriesInstanceUID, "2.25.3")
	d.SetInts(dicom.Rows, rows)
	d.SetInts(dicom.Columns, columns)
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome2)
	d.SetInts(dicom.BitsAllocated, allocated)
	d.SetInts(dicom.BitsStored, stored)
	d.SetInts(dicom.HighBit, stored-1)
	d.SetInts(dicom.PixelRepresentation, 0)
	vr := dicom.OW
	if allocated <= 8 {
		vr = dicom.OB
	}
	if px != nil {
		d.SetBytes(dicom.PixelDataTag, vr, px)
	}
	return d
}

// reopen writes d to memory in transfer syntax ts and opens its pixels.
func reopen(tb testing.TB, d *dicom.Dataset, ts radnode.UID) (*pixel.Image, error) {
	tb.Helper()
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, ts); err != nil {
		tb.Fatal(err)
	}
	f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.DefaultLimits)
	if err != nil {
		tb.Fatal(err)
	}
	return pixel.Open(f, bytes.NewReader(b.Bytes()), pixel.DefaultLimits)
}
