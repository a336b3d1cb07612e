package dicom_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// TestElementsInNoOrderDoNotStallTheReader: each element that stands before
// all the others moves all of them, and 8 bytes are enough for one.
func TestElementsInNoOrderDoNotStallTheReader(t *testing.T) {
	var b []byte
	for i := range 400_000 {
		b = append(b, explicitElement(0xFFF0FFFE-uint32(i)*2, "LO", nil)...)
	}
	start := time.Now()
	_, err := dicom.ReadHeader(bytes.NewReader(b), dicom.ExplicitVRLittleEndian, dicom.Limits{})
	if took := time.Since(start); radnode.CodeOf(err) != radnode.Invalid || took > 3*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	// What devices do stays readable: groups of private elements behind others.
	few := b[:8*5000]
	d, err := dicom.ReadHeader(bytes.NewReader(few), dicom.ExplicitVRLittleEndian, dicom.Limits{})
	if err != nil || d.Len() != 5000 {
		t.Errorf("5000 elements in reverse: %v", err)
	}
}

// TestEscapesWithoutEndDoNotStallTheReader: a long text of nothing but escape
// sequences is read in a moment.
func TestEscapesWithoutEndDoNotStallTheReader(t *testing.T) {
	text := bytes.Repeat([]byte("\x1b$B\x1b(B"), 4<<20/6)
	b := explicitElement(0x00080005, "CS", []byte("ISO 2022 IR 6\\ISO 2022 IR 87"))
	for i := range 4 {
		b = append(b, explicitElement(0x00091000+uint32(i), "UT", text[:len(text)&^1])...)
	}
	start := time.Now()
	if _, err := dicom.ReadHeader(bytes.NewReader(b), dicom.ExplicitVRLittleEndian, dicom.Limits{}); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestThePixelsOfADeflatedFileAreStreamed gives the same bytes as inflating
// all of it.
func TestThePixelsOfADeflatedFileAreStreamed(t *testing.T) {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.ComputedRadiographyImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "1.2.3")
	want := make([]byte, 1<<20)
	for i := 0; i < len(want); i += 8 {
		binary.LittleEndian.PutUint64(want[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	d.SetBytes(dicom.PixelDataTag, dicom.OW, want)
	for _, ts := range []radnode.UID{dicom.DeflatedExplicitVRLittleEndian, dicom.ExplicitVRLittleEndian} {
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, d, ts); err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.PixelStream(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", ts, len(got), err)
		}
	}
}
